//! The ledger's columns that are kept, by group.

use std::sync::LazyLock;

use arrow_array::RecordBatch;

use crate::contract::columns::{COLUMNS, DEFINITIONS, Definition, Group, TimeColumn, columns_in};
use crate::contract::revision::is_content;
use crate::normalise::{self, RECEIVED};

/// The ledger's columns of each combination, each at its index.
pub(crate) static COMBINED: LazyLock<[Vec<&'static str>; 4]> =
    LazyLock::new(|| Group::COMBINED.map(columns_of_group));

fn columns_of_group(group: Group) -> Vec<&'static str> {
    let of_times = if group == Group::Details {
        fields(Group::Times).map(precision).collect()
    } else {
        Vec::new()
    };
    let own = fields(group).flat_map(normalise::columns_of);
    of_times
        .into_iter()
        .chain(own.map(|column| &**column.name()))
        .collect()
}

pub(crate) fn fields(group: Group) -> impl Iterator<Item = &'static Definition> {
    DEFINITIONS.iter().filter(move |field| field.group == group)
}

/// The index, in a combination of details, of how exactly a time is known.
pub(crate) const fn precision_of(time: TimeColumn) -> usize {
    time.index()
}

/// The ledger's column that says how exactly a time is known: the second of the two.
fn precision(time: &Definition) -> &'static str {
    normalise::columns_of(time)[1].name()
}

/// The columns of a batch that a rule can ask for: those of a profile. The record of every profile is
/// read, and most columns are not among these.
pub(crate) fn of_rules(batch: &RecordBatch) -> RecordBatch {
    let groups = [Group::What, Group::Marks, Group::Area];
    let names = groups.map(|group| &COMBINED[group as usize]);
    let occurred = fields(Group::Times).filter(|time| time.name == COLUMNS.occurred_from.name());
    let occurred = occurred.flat_map(normalise::columns_of);
    let names = names.into_iter().flatten().copied();
    let indices: Vec<usize> = names
        .chain(occurred.map(|column| &**column.name()))
        .filter_map(|name| batch.schema_ref().index_of(name).ok())
        .collect();
    batch.project(&indices).expect("its own columns")
}

/// How many columns a combination of a group has.
pub(crate) fn width(group: Group) -> usize {
    COMBINED[group as usize].len()
}

/// How many times a record has.
pub(crate) const TIMES: usize = columns_in(Group::Times);

/// Columns that are read for each record and not kept in a group.
const EACH: [&str; 5] = [
    COLUMNS.subject.name(),
    COLUMNS.revision.name(),
    COLUMNS.time.name(),
    RECEIVED,
    COLUMNS.cancellation_reason.name(),
];

/// The ledger's columns that are read: all that are a part of a revision's content, and those of
/// [`EACH`].
pub(crate) fn read() -> Vec<&'static str> {
    let combined = COMBINED.iter().flatten().copied();
    combined
        .chain(fields(Group::Times).map(|time| time.name))
        .chain(EACH)
        .chain(fields(Group::Tokens).map(|token| token.name))
        .chain(content_apart())
        .collect()
}

/// Columns that no figure needs, but that tell whether two revisions have the same content.
fn content_apart() -> impl Iterator<Item = &'static str> {
    let content = fields(Group::Apart).filter(|field| is_content(field.name));
    content
        .flat_map(normalise::columns_of)
        .map(|column| &**column.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_of_a_group_is_at_its_index() {
        for definition in &DEFINITIONS {
            let Some(columns) = COMBINED.get(definition.group as usize) else {
                continue;
            };
            let own: Vec<_> = normalise::columns_of(definition)
                .iter()
                .map(|c| &**c.name())
                .collect();
            assert_eq!(columns[definition.index..][..own.len()], own);
        }
        for time in fields(Group::Times) {
            assert_eq!(
                COMBINED[Group::Details as usize][time.index],
                precision(time)
            );
        }
        assert_eq!(fields(Group::Times).count(), TIMES);
    }
}
