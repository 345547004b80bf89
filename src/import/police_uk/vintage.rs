//! The vintage of the LSOA boundaries, by the codes that began or ended with one.

use std::collections::HashSet;
use std::path::PathBuf;

use super::PoliceUkError;
use super::table::{StreetColumn, StreetRow, StreetRows};
use crate::reference::geography::Geography;

/// The newest vintage: a code that began with it can be of no other.
const NEWEST: i32 = 2021;

/// The latest vintage with which a code began, and the earliest with which one ended, each with the
/// file of the row that shows it.
#[derive(Default)]
struct VintageEvidence {
    from: Option<(i32, PathBuf)>,
    to: Option<(i32, PathBuf)>,
}

impl VintageEvidence {
    fn find(table: &StreetRows, geography: &Geography) -> Self {
        let mut evidence = Self::default();
        let mut seen = HashSet::new();
        for row in table.rows() {
            let code = row.field(StreetColumn::LsoaCode);
            if !code.is_empty() && seen.insert(code) {
                evidence.add(row, code, geography);
            }
        }
        evidence
    }

    fn add(&mut self, row: StreetRow<'_>, code: &str, geography: &Geography) {
        let vintages = geography.lsoa_vintages(code);
        if let Some(from) = vintages.from.map(i32::from)
            && self.from.as_ref().is_none_or(|(known, _)| from > *known)
        {
            self.from = Some((from, row.file().to_owned()));
        }
        if let Some(to) = vintages.to.map(i32::from)
            && self.to.as_ref().is_none_or(|(known, _)| to < *known)
        {
            self.to = Some((to, row.file().to_owned()));
        }
    }
}

/// The vintage by the codes that only some vintages have; never by the column's name or a date.
/// `given` is used if no code shows it; `None` if no row has a code.
pub(super) fn find_vintage(
    table: &StreetRows,
    given: Option<i32>,
    geography: &Geography,
) -> Result<Option<i32>, PoliceUkError> {
    let VintageEvidence { from, to } = VintageEvidence::find(table, geography);
    if let (Some((later, later_file)), Some((earlier, earlier_file))) = (&from, &to)
        && later > earlier
    {
        return Err(PoliceUkError::VintageMixed {
            earlier: *earlier,
            earlier_file: earlier_file.clone(),
            later: *later,
            later_file: later_file.clone(),
        });
    }
    let (from, to) = (from.map(|(year, _)| year), to.map(|(year, _)| year));
    let has_code = table
        .rows()
        .any(|row| !row.field(StreetColumn::LsoaCode).is_empty());
    // A code that ended with a vintage may have begun with any before it: the nearest is assumed.
    let found = to.or(from.filter(|from| *from == NEWEST));
    match (found, given) {
        (_, Some(given)) if is_possible(given, from, to) => Ok(has_code.then_some(given)),
        (Some(found), None) => Ok(Some(found)),
        (_, Some(given)) => Err(PoliceUkError::VintageOther {
            given,
            found: found.or(from).unwrap_or(NEWEST),
        }),
        (None, None) if !has_code => Ok(None),
        (None, None) => Err(PoliceUkError::VintageUnknown),
    }
}

fn is_possible(vintage: i32, from: Option<i32>, to: Option<i32>) -> bool {
    from.is_none_or(|from| vintage >= from) && to.is_none_or(|to| vintage <= to)
}
