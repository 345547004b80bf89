//! The stop-and-search files: each row is a search, known by its content and its place among equal
//! rows.
//!
//! Ethnicity, outer clothing and coordinates are part of what tells rows apart, and are not sent.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::Error;
use super::file::{self, Line, Name};
use crate::contract::moment::{Moment, Precision};
use crate::contract::parts::{Outcome, Person, Sex, When};
use crate::contract::police::{SearchType, StopSearch};
use crate::contract::text::{AgeBand, Form, Text};
use crate::event::Micros;
use crate::import::{Release, digest, slug};

/// The header of a stop-and-search file. Latitude stands before longitude.
const HEADER: [&str; 15] = [
    "Type",
    "Date",
    "Part of a policing operation",
    "Policing operation",
    "Latitude",
    "Longitude",
    "Gender",
    "Age range",
    "Self-defined ethnicity",
    "Officer-defined ethnicity",
    "Legislation",
    "Object of search",
    "Outcome",
    "Outcome linked to object of search",
    "Removal of more than just outer clothing",
];
const TYPE: usize = 0;
const DATE: usize = 1;
const OPERATION: usize = 2;
const GENDER: usize = 6;
const AGE_RANGE: usize = 7;
const LEGISLATION: usize = 10;
const OBJECT: usize = 11;
const OUTCOME: usize = 12;
const OUTCOME_LINKED: usize = 13;
/// The code list of a search's outcomes.
const OUTCOME_LIST: &str = "police-uk-search";

/// The searches of a release.
#[derive(Default)]
pub(super) struct Searches {
    /// In the order of files and rows.
    pub(super) all: Vec<Search>,
    /// The months of the files.
    months: BTreeSet<(String, String)>,
}

/// A search.
pub(super) struct Search {
    pub(super) subject: String,
    /// The month it was in, in local time.
    pub(super) month: String,
    pub(super) data: StopSearch<'static>,
}

impl Searches {
    /// Reads files of one force.
    pub(super) fn read(files: &[(PathBuf, Name)], release: Release) -> Result<Self, Error> {
        file::check_months(files)?;
        let mut searches = Self::default();
        let mut equal: HashMap<String, usize> = HashMap::new();
        for (path, name) in files {
            searches
                .months
                .insert((name.first.clone(), name.last.clone()));
            file::each_line(path, &HEADER, |line| {
                let at = instant(line)?;
                let month = Moment::from_stored(at, Precision::Month).to_string();
                if month > release.to_string() {
                    return Err(line.refused(DATE, "the date is after the release"));
                }
                let base = format!("{month}.{}", digest(identity(line)));
                let n = equal.entry(base.clone()).or_default();
                *n += 1;
                searches.all.push(Search {
                    subject: format!("{base}.{n}"),
                    month,
                    data: stop_search(line, at)?,
                });
                Ok(())
            })?;
        }
        Ok(searches)
    }

    /// Whether a month is one of the files'.
    pub(super) fn has(&self, month: &str) -> bool {
        self.months
            .iter()
            .any(|(first, last)| (first.as_str()..=last.as_str()).contains(&month))
    }
}

/// All columns but those of the outcome, which changes.
fn identity(line: Line<'_>) -> impl Iterator<Item = &str> {
    (0..HEADER.len())
        .filter(|column| ![OUTCOME, OUTCOME_LINKED].contains(column))
        .map(move |column| line.field(column))
}

fn instant(line: Line<'_>) -> Result<Micros, Error> {
    Moment::parse(line.field(DATE))
        .filter(|moment| moment.precision() == Precision::Instant)
        .and_then(Moment::low)
        .ok_or_else(|| {
            line.refused(
                DATE,
                "a date is an instant with its offset, such as 2024-05-31T23:20:00+00:00",
            )
        })
}

fn stop_search(line: Line<'_>, at: Micros) -> Result<StopSearch<'static>, Error> {
    let when = When {
        occurred_from: Moment::from_stored(at, Precision::Instant),
        occurred_to: None,
        recorded_at: None,
    };
    Ok(StopSearch {
        search_type: search_type(line)?,
        when,
        area: None,
        object: slug_of(line, OBJECT)?,
        legislation: slug_of(line, LEGISLATION)?,
        outcome: outcome(line)?,
        outcome_linked: boolean(line, OUTCOME_LINKED)?,
        operation: boolean(line, OPERATION)?,
        person: person(line)?,
        flags: None,
        cancellation: None,
    })
}

fn search_type(line: Line<'_>) -> Result<SearchType, Error> {
    match line.field(TYPE) {
        "Person search" => Ok(SearchType::Person),
        "Vehicle search" => Ok(SearchType::Vehicle),
        "Person and Vehicle search" => Ok(SearchType::PersonAndVehicle),
        _ => Err(line.refused(
            TYPE,
            "a type is `Person search`, `Vehicle search` or `Person and Vehicle search`",
        )),
    }
}

fn outcome(line: Line<'_>) -> Result<Option<Outcome<'static>>, Error> {
    let Some(code) = slug_of(line, OUTCOME)? else {
        return Ok(None);
    };
    Ok(Some(Outcome {
        list: formed(line, OUTCOME, OUTCOME_LIST.to_owned())?,
        code,
        at: None,
    }))
}

fn boolean(line: Line<'_>, column: usize) -> Result<Option<bool>, Error> {
    match line.field(column) {
        "True" => Ok(Some(true)),
        "False" => Ok(Some(false)),
        "" => Ok(None),
        _ => Err(line.refused(column, "a boolean is `True`, `False` or empty")),
    }
}

/// Nothing is known of the person where only a vehicle was searched.
fn person(line: Line<'_>) -> Result<Option<Person<'static>>, Error> {
    let sex = match line.field(GENDER) {
        "" => None,
        "Female" => Some(Sex::Female),
        "Male" => Some(Sex::Male),
        "Other" => Some(Sex::Other),
        _ => return Err(line.refused(GENDER, "a gender is `Female`, `Male`, `Other` or empty")),
    };
    let age_band = age_band(line)?;
    let is_known = sex.is_some() || age_band.is_some();
    Ok(is_known.then_some(Person {
        token: None,
        token_previous: None,
        age_band,
        sex,
    }))
}

fn age_band(line: Line<'_>) -> Result<Option<AgeBand<'static>>, Error> {
    let band = match line.field(AGE_RANGE) {
        "" => return Ok(None),
        "under 10" => "0-9",
        "over 34" => "35+",
        band @ ("10-17" | "18-24" | "25-34") => band,
        _ => {
            let rule = "an age range is `under 10`, `10-17`, `18-24`, `25-34`, `over 34` or empty";
            return Err(line.refused(AGE_RANGE, rule));
        }
    };
    formed(line, AGE_RANGE, band.to_owned()).map(Some)
}

/// The slug of a label; none where the field is empty.
fn slug_of<F: Form>(line: Line<'_>, column: usize) -> Result<Option<Text<'static, F>>, Error> {
    match slug(line.field(column)) {
        slug if slug.is_empty() => Ok(None),
        slug => formed(line, column, slug).map(Some),
    }
}

fn formed<F: Form>(line: Line<'_>, column: usize, text: String) -> Result<Text<'static, F>, Error> {
    Text::new(text).ok_or_else(|| line.refused(column, "the contract has no place for this text"))
}
