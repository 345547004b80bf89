//! What identifies a row: its id where that identifies a record, else its content.

use std::fmt::Write;

use super::table::{StreetColumn, StreetRow, StreetRows};
use super::{IdScope, PoliceUkError};
use crate::import::digest;

/// The largest share of ids that may occur in several months. A few records are redated; more means
/// that the ids are used again.
pub(super) const REDATED_SHARE_MAX: f64 = 0.01;
/// Up to this number of ids in several months are not evidence at any share: a small extract
/// can contain that many redated records.
pub(super) const REDATED_MIN: usize = 3;
/// How unique the ids of a release are.
#[derive(Default)]
pub(super) struct IdCounts {
    all: usize,
    /// Ids on several rows.
    pub(super) repeated: usize,
    /// Ids in several months.
    pub(super) redated: usize,
    /// Groups of equal rows without an id.
    pub(super) equal_groups: usize,
    /// The rows in those groups.
    pub(super) equal_rows: usize,
}

/// The subject of each row, unique in the release.
///
/// A row without an id is identified by a hash of its content and its ordinal among equal rows,
/// starting at one. A row with an id is identified by the id, and from its second occurrence also
/// by an ordinal, in the order of the content.
pub(super) fn identify(
    table: &StreetRows,
    scope: IdScope,
) -> Result<(Vec<String>, IdCounts), PoliceUkError> {
    let mut subjects: Vec<String> = table.rows().map(|row| subject_base(row, scope)).collect();
    let mut order: Vec<usize> = (0..table.len()).collect();
    order.sort_by(|&a, &b| {
        let by_subject = subjects[a].cmp(&subjects[b]);
        by_subject
            .then_with(|| table.row(a).identity().cmp(table.row(b).identity()))
            .then(a.cmp(&b))
    });
    let mut ids = IdCounts::default();
    let groups: Vec<&[usize]> = order
        .chunk_by(|&a, &b| subjects[a] == subjects[b])
        .collect();
    let mut suffixes = vec![0; table.len()];
    for group in groups {
        let (first, last) = (table.row(group[0]), table.row(group[group.len() - 1]));
        let has_id = !first.field(StreetColumn::CrimeId).is_empty();
        ids.count(
            has_id,
            group.len(),
            first.field(StreetColumn::Month) != last.field(StreetColumn::Month),
        );
        for (n, &row) in group.iter().enumerate() {
            suffixes[row] = if has_id && n == 0 { 0 } else { n + 1 };
        }
    }
    for (subject, n) in subjects.iter_mut().zip(suffixes).filter(|(_, n)| *n > 0) {
        write!(subject, ".{n}").expect("a String takes all");
    }
    if ids.redated > REDATED_MIN && ids.redated as f64 > ids.all as f64 * REDATED_SHARE_MAX {
        return Err(PoliceUkError::IdsReused {
            redated: ids.redated,
            ids: ids.all,
        });
    }
    Ok((subjects, ids))
}

impl IdCounts {
    /// Counts a group of rows that share an id, or that are equal and have none.
    fn count(&mut self, has_id: bool, rows: usize, in_several_months: bool) {
        if has_id {
            self.all += 1;
            self.repeated += usize::from(rows > 1);
            self.redated += usize::from(in_several_months);
        } else if rows > 1 {
            self.equal_groups += 1;
            self.equal_rows += rows;
        }
    }
}

fn subject_base(row: StreetRow<'_>, scope: IdScope) -> String {
    let (id, month) = (
        row.field(StreetColumn::CrimeId),
        row.field(StreetColumn::Month),
    );
    match scope {
        _ if id.is_empty() => hashed_identity(row),
        IdScope::Release => id.to_owned(),
        IdScope::Month => format!("{month}.{id}"),
    }
}

/// `<Month>.` and the digest of the row's identity as published.
fn hashed_identity(row: StreetRow<'_>) -> String {
    format!(
        "{}.{}",
        row.field(StreetColumn::Month),
        digest(row.identity())
    )
}
