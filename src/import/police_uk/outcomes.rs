//! The outcome files: no events of their own, but the outcomes of crimes, by their ids, with their
//! months.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::PathBuf;

use super::file::{self, Line, Name, is_month};
use super::table::{Column, Table};
use super::{Error, OUTCOME_LIST};
use crate::import::{Release, slug};
use crate::reference::Reference;

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

/// The groups of the outcome mix, the highest first: of several outcomes of a crime, one for each
/// suspect say, the highest tells how it was resolved.
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
pub(super) struct Outcomes {
    by_id: HashMap<String, Given>,
    /// Rows read.
    pub(super) rows: usize,
    /// Rows whose crime is in no street file.
    pub(super) skipped: usize,
}

/// How a crime was resolved, and when.
pub(super) struct Given {
    rank: usize,
    pub(super) month: String,
    /// The slug of the outcome.
    pub(super) code: String,
}

impl Given {
    /// The least counts: the highest group, then the latest month; what is left is alike in both.
    fn order(&self) -> (usize, Reverse<&str>, &str) {
        (self.rank, Reverse(&self.month), &self.code)
    }
}

impl Outcomes {
    /// Reads the outcomes of the crimes in street rows.
    pub(super) fn read(
        files: &[(PathBuf, Name)],
        crimes: &Table,
        release: Release,
    ) -> Result<Self, Error> {
        file::check_months(files)?;
        let mut outcomes = Self::default();
        if files.is_empty() {
            return Ok(outcomes);
        }
        let mut best: HashMap<&str, Option<Given>> = crimes
            .rows()
            .map(|row| (row.field(Column::CrimeId), None))
            .collect();
        best.remove("");
        let ranks = ranks();
        for (path, name) in files {
            file::each_line(path, &HEADER, |line| {
                check(line, name, release)?;
                outcomes.rows += 1;
                let Some(best) = best.get_mut(line.field(CRIME_ID)) else {
                    outcomes.skipped += 1;
                    return Ok(());
                };
                let code = slug(line.field(OUTCOME_TYPE));
                let rank = ranks.get(&code).copied().unwrap_or(GROUPS.len());
                let given = Given {
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
        }
        outcomes.by_id = best
            .into_iter()
            .filter_map(|(id, given)| Some((id.to_owned(), given?)))
            .collect();
        Ok(outcomes)
    }

    /// The outcome of a crime.
    pub(super) fn of(&self, id: &str) -> Option<&Given> {
        self.by_id.get(id)
    }
}

fn check(line: Line<'_>, name: &Name, release: Release) -> Result<(), Error> {
    let month = line.field(MONTH);
    if !is_month(month) {
        return Err(line.refused(MONTH, "a month is yyyy-mm"));
    }
    if !name.has(month) {
        return Err(line.refused(MONTH, "the month is not of the file's name"));
    }
    if month > release.to_string().as_str() {
        return Err(line.refused(MONTH, "the month is after the release"));
    }
    if slug(line.field(OUTCOME_TYPE)).is_empty() {
        return Err(line.refused(OUTCOME_TYPE, "every row has an outcome"));
    }
    Ok(())
}

/// The places of outcomes in the order of their groups; what is in no group comes last.
fn ranks() -> HashMap<String, usize> {
    let codes = Reference::load(None).expect("built in").codes;
    let rank = |group: &str| {
        GROUPS
            .iter()
            .position(|known| *known == group)
            .unwrap_or(GROUPS.len())
    };
    let lists = codes.lists_of(OUTCOME_LIST).flat_map(|list| &list.codes);
    lists
        .map(|code| (code.code.clone(), rank(&code.group)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_in_a_group_of_the_mix() {
        let ranks = ranks();
        assert_eq!(ranks.len(), 28);
        assert!(ranks.values().all(|rank| *rank < GROUPS.len()));
    }
}
