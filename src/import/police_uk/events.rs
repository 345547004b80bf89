//! Writes rows as events.

use std::io::Write;

use super::PoliceUkError;
use super::file::{NOT_A_MONTH, NOT_ALLOWED};
use super::outcomes::{CrimeOutcome, OUTCOME_LIST};
use super::published::{WithdrawnRecords, is_incident};
use super::searches::ImportedSearch;
use super::table::{StreetColumn, StreetRow};
use crate::contract::moment::Moment;
use crate::contract::parts::{
    Area, Cancellation, Confidence, Level, Outcome, Role, Vintage, What, When,
};
use crate::contract::police::{Crime, Incident, StopSearch};
use crate::contract::text::{Form, Text};
use crate::contract::{Data, Envelope, Event};
use crate::event::{Feed, Kind};
use crate::import::{Release, absent_from, slug, write_line};
use crate::reference::{CodeLists, UnknownCodes};

/// The code list of a street file's crime types, and its edition.
const LIST: (&str, &str) = ("police-uk", "2013-05");

/// Writes rows as events.
pub(super) struct PoliceEventWriter<'r> {
    pub(super) source: String,
    pub(super) release: Release,
    pub(super) vintage: Option<i32>,
    pub(super) lists: &'r CodeLists,
    /// Codes of the rows written that their lists do not contain.
    pub(super) unknown_codes: UnknownCodes,
}

impl PoliceEventWriter<'_> {
    /// Writes a row of a street file. `given` is its outcome by the outcome files.
    pub(super) fn write(
        &mut self,
        row: StreetRow<'_>,
        subject: &str,
        given: Option<&CrimeOutcome>,
        cancellation: Option<Cancellation<'_>>,
        out: &mut impl Write,
    ) -> Result<(), PoliceUkError> {
        let category = slug(row.field(StreetColumn::CrimeType));
        let last_outcome = slug(row.field(StreetColumn::LastOutcome));
        let id = format!("{subject}.{}", self.release.revision().0);
        let what = What {
            list: contract_text(row, StreetColumn::CrimeType, LIST.0)?,
            edition: contract_text(row, StreetColumn::CrimeType, LIST.1)?,
            category: contract_text(row, StreetColumn::CrimeType, &category)?,
            code: None,
        };
        let when = When {
            occurred_from: parse_month(row)?,
            occurred_to: None,
            recorded_at: None,
        };
        let area = self.area(row)?;
        let outcome = match given {
            Some(given) => outcome(row, &given.code, Moment::parse(&given.month))?,
            None => outcome(row, &last_outcome, None)?,
        };
        self.unknown_codes
            .add(self.lists, LIST.0, Some(LIST.1), &category, 1);
        if let Some(outcome) = &outcome {
            self.unknown_codes
                .add(self.lists, OUTCOME_LIST, None, &outcome.code, 1);
        }
        let (kind, data) = if is_incident(row) {
            (
                Kind::Incident,
                Data::Incident(incident(what, when, area, cancellation)),
            )
        } else {
            (
                Kind::Crime,
                Data::Crime(crime(what, when, area, outcome, cancellation)),
            )
        };
        let envelope = self
            .envelope(kind, &id, subject)
            .ok_or_else(|| row.error(StreetColumn::CrimeId, NOT_ALLOWED))?;
        write_line(&Event { envelope, data }, out).map_err(PoliceUkError::Write)
    }

    pub(super) fn write_search(
        &mut self,
        search: &ImportedSearch,
        cancellation: Option<Cancellation<'static>>,
        out: &mut impl Write,
    ) -> Result<(), PoliceUkError> {
        let id = format!("{}.{}", search.subject, self.release.revision().0);
        let envelope = self
            .envelope(Kind::StopSearch, &id, &search.subject)
            .expect("a month, digits and an ordinal");
        let data = Data::StopSearch(StopSearch {
            cancellation,
            ..search.data.clone()
        });
        write_line(&Event { envelope, data }, out).map_err(PoliceUkError::Write)
    }

    /// Writes the last state of withdrawn records, as cancelled; returns how many.
    pub(super) fn cancel(
        &mut self,
        withdrawn: &WithdrawnRecords,
        out: &mut impl Write,
    ) -> Result<usize, PoliceUkError> {
        let WithdrawnRecords {
            before,
            rows,
            searches,
            vintage,
        } = withdrawn;
        self.vintage = *vintage;
        for &i in rows {
            let row = before.street.row(i);
            self.write(
                row,
                &before.subjects[i],
                before.outcome(row),
                Some(absent_from(self.release)),
                out,
            )?;
        }
        for &i in searches {
            self.write_search(
                &before.searches.all[i],
                Some(absent_from(self.release)),
                out,
            )?;
        }
        Ok(rows.len() + searches.len())
    }

    fn envelope<'a>(&'a self, kind: Kind, id: &'a str, subject: &'a str) -> Option<Envelope<'a>> {
        Some(Envelope {
            id: Text::new(id)?,
            source: Text::new(self.source.as_str())?,
            feed: Feed::Police,
            kind,
            subject: Text::new(subject)?,
            revision: self.release.revision(),
            time: self.release.time(),
            dataschema: None,
            extensions: Vec::new(),
        })
    }

    /// The LSOA of a row. `No Location` has none, and neither have coordinates without an LSOA.
    fn area<'a>(&self, row: StreetRow<'a>) -> Result<Option<Area<'a>>, PoliceUkError> {
        let code = row.field(StreetColumn::LsoaCode);
        if code.is_empty() {
            return Ok(None);
        }
        Ok(Some(Area {
            code: contract_text(row, StreetColumn::LsoaCode, code)?,
            level: Level::Lsoa,
            role: Role::Incident,
            vintage: self.vintage.map(Vintage),
            confidence: Some(Confidence::Snapped),
            zone: None,
            place_token: None,
        }))
    }
}

fn parse_month(row: StreetRow<'_>) -> Result<Moment, PoliceUkError> {
    Moment::parse(row.field(StreetColumn::Month))
        .ok_or_else(|| row.error(StreetColumn::Month, NOT_A_MONTH))
}

fn outcome<'a>(
    row: StreetRow<'_>,
    slug: &'a str,
    at: Option<Moment>,
) -> Result<Option<Outcome<'a>>, PoliceUkError> {
    if slug.is_empty() {
        return Ok(None);
    }
    let (list, code) = (
        contract_text(row, StreetColumn::LastOutcome, OUTCOME_LIST)?,
        contract_text(row, StreetColumn::LastOutcome, slug)?,
    );
    Ok(Some(Outcome { list, code, at }))
}

fn crime<'a>(
    what: What<'a>,
    when: When,
    area: Option<Area<'a>>,
    outcome: Option<Outcome<'a>>,
    cancellation: Option<Cancellation<'a>>,
) -> Crime<'a> {
    Crime {
        what,
        when,
        area,
        outcome,
        victim: None,
        suspect: None,
        flags: None,
        cancellation,
    }
}

fn incident<'a>(
    what: What<'a>,
    when: When,
    area: Option<Area<'a>>,
    cancellation: Option<Cancellation<'a>>,
) -> Incident<'a> {
    Incident {
        what,
        when,
        area,
        crime_recorded: None,
        victim: None,
        suspect: None,
        flags: None,
        cancellation,
    }
}

/// A text that the contract allows, or the error of the column it came from.
fn contract_text<'a, F: Form>(
    row: StreetRow<'_>,
    column: StreetColumn,
    text: &'a str,
) -> Result<Text<'a, F>, PoliceUkError> {
    Text::new(text).ok_or_else(|| row.error(column, NOT_ALLOWED))
}
