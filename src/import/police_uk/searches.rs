//! The stop-and-search files: each row is a search, identified by its content and its number among
//! equal rows.
//!
//! Ethnicity, outer clothing and coordinates are part of that content, but are not sent.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::PoliceUkError;
use super::file::{self, CsvLine, FileName, NOT_ALLOWED};
use crate::contract::moment::{Moment, Precision};
use crate::contract::parts::{Outcome, Person, Sex, When};
use crate::contract::police::{SearchType, StopSearch};
use crate::contract::text::{AgeBand, Form, Text};
use crate::event::Micros;
use crate::import::{Release, digest, slug};

/// The header of a stop-and-search file. Latitude comes before longitude.
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
pub(super) struct ImportedSearches {
    /// In the order of files and rows.
    pub(super) all: Vec<ImportedSearch>,
    /// The months of the files.
    months: BTreeSet<(String, String)>,
    /// Files without a row.
    pub(super) empty_files: Vec<PathBuf>,
}

/// A search.
pub(super) struct ImportedSearch {
    pub(super) subject: String,
    /// The month it was in, in local time.
    pub(super) month: String,
    pub(super) data: StopSearch<'static>,
}

impl ImportedSearches {
    /// Reads files of one force.
    pub(super) fn read(
        files: &[(PathBuf, FileName)],
        release: Release,
    ) -> Result<Self, PoliceUkError> {
        file::check_months(files)?;
        let mut searches = Self::default();
        let mut equal: HashMap<String, usize> = HashMap::new();
        for (path, name) in files {
            searches
                .months
                .insert((name.first.clone(), name.last.clone()));
            let lines = file::each_line(path, &HEADER, |line| {
                let at = parse_instant(line)?;
                let month = Moment::from_stored(at, Precision::Month).to_string();
                if month > release.to_string() {
                    return Err(line.error(DATE, "this date is after --release"));
                }
                let base = format!("{month}.{}", digest(identity(line)));
                let n = equal.entry(base.clone()).or_default();
                *n += 1;
                searches.all.push(ImportedSearch {
                    subject: format!("{base}.{n}"),
                    month,
                    data: stop_search(line, at)?,
                });
                Ok(())
            })?;
            if lines == 0 {
                searches.empty_files.push(path.clone());
            }
        }
        Ok(searches)
    }

    /// Whether the files cover a month.
    pub(super) fn has(&self, month: &str) -> bool {
        self.months
            .iter()
            .any(|(first, last)| (first.as_str()..=last.as_str()).contains(&month))
    }
}

/// All columns but those of the outcome, which changes.
fn identity(line: CsvLine<'_>) -> impl Iterator<Item = &str> {
    (0..HEADER.len())
        .filter(|column| ![OUTCOME, OUTCOME_LINKED].contains(column))
        .map(move |column| line.field(column))
}

fn parse_instant(line: CsvLine<'_>) -> Result<Micros, PoliceUkError> {
    Moment::parse(line.field(DATE))
        .filter(|moment| moment.precision() == Precision::Instant)
        .and_then(Moment::low)
        .ok_or_else(|| {
            line.error(
                DATE,
                "expected an instant with an offset, such as 2024-05-31T23:20:00+00:00",
            )
        })
}

fn stop_search(line: CsvLine<'_>, at: Micros) -> Result<StopSearch<'static>, PoliceUkError> {
    let when = When {
        occurred_from: Moment::from_stored(at, Precision::Instant),
        occurred_to: None,
        recorded_at: None,
    };
    Ok(StopSearch {
        search_type: search_type(line)?,
        when,
        area: None,
        object: field_slug(line, OBJECT)?,
        legislation: field_slug(line, LEGISLATION)?,
        outcome: outcome(line)?,
        outcome_linked: boolean(line, OUTCOME_LINKED)?,
        operation: boolean(line, OPERATION)?,
        person: person(line)?,
        flags: None,
        cancellation: None,
    })
}

fn search_type(line: CsvLine<'_>) -> Result<SearchType, PoliceUkError> {
    match line.field(TYPE) {
        "Person search" => Ok(SearchType::Person),
        "Vehicle search" => Ok(SearchType::Vehicle),
        "Person and Vehicle search" => Ok(SearchType::PersonAndVehicle),
        _ => Err(line.error(
            TYPE,
            "expected `Person search`, `Vehicle search` or `Person and Vehicle search`",
        )),
    }
}

fn outcome(line: CsvLine<'_>) -> Result<Option<Outcome<'static>>, PoliceUkError> {
    let Some(code) = field_slug(line, OUTCOME)? else {
        return Ok(None);
    };
    Ok(Some(Outcome {
        list: contract_text(line, OUTCOME, OUTCOME_LIST.to_owned())?,
        code,
        at: None,
    }))
}

fn boolean(line: CsvLine<'_>, column: usize) -> Result<Option<bool>, PoliceUkError> {
    match line.field(column) {
        "True" => Ok(Some(true)),
        "False" => Ok(Some(false)),
        "" => Ok(None),
        _ => Err(line.error(column, "expected `True`, `False` or empty")),
    }
}

/// The person searched; none where only a vehicle was searched.
fn person(line: CsvLine<'_>) -> Result<Option<Person<'static>>, PoliceUkError> {
    let sex = match line.field(GENDER) {
        "" => None,
        "Female" => Some(Sex::Female),
        "Male" => Some(Sex::Male),
        "Other" => Some(Sex::Other),
        _ => return Err(line.error(GENDER, "expected `Female`, `Male`, `Other` or empty")),
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

fn age_band(line: CsvLine<'_>) -> Result<Option<AgeBand<'static>>, PoliceUkError> {
    let band = match line.field(AGE_RANGE) {
        "" => return Ok(None),
        "under 10" => "0-9",
        "over 34" => "35+",
        band @ ("10-17" | "18-24" | "25-34") => band,
        _ => {
            let rule = "expected `under 10`, `10-17`, `18-24`, `25-34`, `over 34` or empty";
            return Err(line.error(AGE_RANGE, rule));
        }
    };
    contract_text(line, AGE_RANGE, band.to_owned()).map(Some)
}

/// The slug of a label; none if the field is empty.
fn field_slug<F: Form>(
    line: CsvLine<'_>,
    column: usize,
) -> Result<Option<Text<'static, F>>, PoliceUkError> {
    match slug(line.field(column)) {
        slug if slug.is_empty() => Ok(None),
        slug => contract_text(line, column, slug).map(Some),
    }
}

fn contract_text<F: Form>(
    line: CsvLine<'_>,
    column: usize,
    text: String,
) -> Result<Text<'static, F>, PoliceUkError> {
    Text::new(text).ok_or_else(|| line.error(column, NOT_ALLOWED))
}
