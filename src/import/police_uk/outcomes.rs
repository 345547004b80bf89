//! The outcome files: they give the outcomes of crimes, by id, with their months, and become no events
//! of their own.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::PathBuf;

use super::PoliceUkError;
use super::file::{
    self, AFTER_RELEASE, CsvLine, FileName, NOT_A_MONTH, NOT_IN_FILE_NAME, is_month,
};
use super::table::{StreetColumn, StreetRows};
use crate::import::{Release, slug};
use crate::reference::CodeLists;

/// The code list of a crime's outcomes.
pub(super) const OUTCOME_LIST: &str = "police-uk-outcome";
/// The header of an outcome file.
const HEADER: [&str; 10] = [
    "Crime ID",
    "Month",
    "Reported by",
    "Falls within",
    "Longitude",
    "Latitude",
    "Location",
    "LSOA code",
    "LSOA name",
    "Outcome type",
];
const CRIME_ID: usize = 0;
const MONTH: usize = 1;
const OUTCOME_TYPE: usize = 9;

/// The groups of outcomes, highest first. A crime can have several outcomes, such as one for each
/// suspect; the highest counts.
const GROUPS: [&str; 8] = [
    "court",
    "taken-into-consideration",
    "out-of-court",
    "public-interest",
    "evidential",
    "no-suspect",
    "other-body",
    "unknown",
];

/// The outcomes of crimes.
#[derive(Default)]
pub(super) struct CrimeOutcomes {
    by_id: HashMap<String, CrimeOutcome>,
    /// Rows read.
    pub(super) rows: usize,
    /// Rows whose crime is in no street file.
    pub(super) skipped: usize,
    /// Files without a row.
    pub(super) empty_files: Vec<PathBuf>,
}

/// How a crime was resolved, and when.
pub(super) struct CrimeOutcome {
    rank: usize,
    pub(super) month: String,
    /// The slug of the outcome.
    pub(super) code: String,
}

impl CrimeOutcome {
    /// The smallest counts: the highest group, then the latest month, then the code.
    fn order(&self) -> (usize, Reverse<&str>, &str) {
        (self.rank, Reverse(&self.month), &self.code)
    }
}

impl CrimeOutcomes {
    /// Reads the outcomes of the crimes in street rows.
    pub(super) fn read(
        files: &[(PathBuf, FileName)],
        crimes: &StreetRows,
        release: Release,
        lists: &CodeLists,
    ) -> Result<Self, PoliceUkError> {
        file::check_months(files)?;
        let mut outcomes = Self::default();
        if files.is_empty() {
            return Ok(outcomes);
        }
        let mut best: HashMap<&str, Option<CrimeOutcome>> = crimes
            .rows()
            .map(|row| (row.field(StreetColumn::CrimeId), None))
            .collect();
        best.remove("");
        let ranks = ranks(lists);
        for (path, name) in files {
            let lines = file::each_line(path, &HEADER, |line| {
                check(line, name, release)?;
                outcomes.rows += 1;
                let Some(best) = best.get_mut(line.field(CRIME_ID)) else {
                    outcomes.skipped += 1;
                    return Ok(());
                };
                let code = slug(line.field(OUTCOME_TYPE));
                let rank = ranks.get(&code).copied().unwrap_or(GROUPS.len());
                let given = CrimeOutcome {
                    rank,
                    month: line.field(MONTH).to_owned(),
                    code,
                };
                if best
                    .as_ref()
                    .is_none_or(|best| given.order() < best.order())
                {
                    *best = Some(given);
                }
                Ok(())
            })?;
            if lines == 0 {
                outcomes.empty_files.push(path.clone());
            }
        }
        outcomes.by_id = best
            .into_iter()
            .filter_map(|(id, given)| Some((id.to_owned(), given?)))
            .collect();
        Ok(outcomes)
    }

    /// The outcome of a crime.
    pub(super) fn get(&self, id: &str) -> Option<&CrimeOutcome> {
        self.by_id.get(id)
    }
}

fn check(line: CsvLine<'_>, name: &FileName, release: Release) -> Result<(), PoliceUkError> {
    let month = line.field(MONTH);
    if !is_month(month) {
        return Err(line.error(MONTH, NOT_A_MONTH));
    }
    if !name.has(month) {
        return Err(line.error(MONTH, NOT_IN_FILE_NAME));
    }
    if month > release.to_string().as_str() {
        return Err(line.error(MONTH, AFTER_RELEASE));
    }
    if slug(line.field(OUTCOME_TYPE)).is_empty() {
        return Err(line.error(OUTCOME_TYPE, "the outcome is missing"));
    }
    Ok(())
}

/// The ranks of outcomes by their groups; an outcome of no group comes last.
fn ranks(lists: &CodeLists) -> HashMap<String, usize> {
    let codes = lists.lists_of(OUTCOME_LIST).flat_map(|list| &list.codes);
    codes
        .map(|code| {
            let rank = GROUPS.iter().position(|group| *group == code.group);
            (code.code.clone(), rank.unwrap_or(GROUPS.len()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Reference;

    #[test]
    fn every_outcome_is_in_a_group() {
        let ranks = ranks(&Reference::load(None).expect("built in").codes);
        assert_eq!(ranks.len(), 28);
        assert!(ranks.values().all(|rank| *rank < GROUPS.len()));
    }
}
