//! The ledger's columns that are kept, by group, and a batch of them as numbers.
//!
//! In a combination a text is its number, an integer itself plus 1, a boolean 1 or 2; 0 is absent.

use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_schema::DataType;

use crate::aggregate::AggregateError;
use crate::aggregate::state::intern::{ABSENT, Texts, Tuples};
use crate::contract::columns::{COLUMNS, DEFINITIONS, Definition, Group, TimeColumn, columns_in};
use crate::contract::moment::Precision;
use crate::contract::revision::is_content;
use crate::event::Micros;
use crate::normalise::{self, RECEIVED};

/// The ledger's columns of each combination, each at its index.
static COMBINED: LazyLock<[Vec<&'static str>; 4]> =
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

fn fields(group: Group) -> impl Iterator<Item = &'static Definition> {
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

/// The value of an absent time.
pub(crate) const NO_TIME: i64 = i64::MIN;

/// Some rows of a part, as numbers, column by column; a column without a value is empty.
pub(crate) struct ColumnBatch<'b> {
    numbers: [Vec<Vec<u32>>; 4],
    times: [Vec<i64>; TIMES],
    rows: &'b [u32],
    subjects: &'b StringArray,
    revisions: &'b Int32Array,
    sent: &'b [i64],
}

impl<'b> ColumnBatch<'b> {
    pub(crate) fn read(
        batch: &'b RecordBatch,
        rows: &'b [u32],
        texts: &mut Texts,
    ) -> Result<Self, AggregateError> {
        let mut numbers: [Vec<Vec<u32>>; 4] = Default::default();
        for (columns, numbers) in COMBINED.iter().zip(&mut numbers) {
            for name in columns {
                // A column that the file does not have yet is absent.
                let read = batch.column_by_name(name).map(|c| {
                    numbers_of(c.as_ref(), rows, texts).ok_or(AggregateError::Column(name))
                });
                numbers.push(read.transpose()?.unwrap_or_default());
            }
        }
        let mut times: [Vec<i64>; TIMES] = Default::default();
        for (time, times) in fields(Group::Times).zip(&mut times) {
            if let Some(column) = batch.column_by_name(time.name) {
                *times =
                    times_of(column.as_ref(), rows).ok_or(AggregateError::Column(time.name))?;
            }
        }
        let (subject, revision) = (COLUMNS.subject.name(), COLUMNS.revision.name());
        let sent = COLUMNS.time.name();
        Ok(Self {
            numbers,
            times,
            rows,
            subjects: required(batch, subject)?
                .as_string_opt()
                .ok_or(AggregateError::Column(subject))?,
            revisions: required(batch, revision)?
                .as_primitive_opt::<Int32Type>()
                .ok_or(AggregateError::Column(revision))?,
            sent: required(batch, sent)?
                .as_primitive_opt::<TimestampMicrosecondType>()
                .ok_or(AggregateError::Column(sent))?
                .values(),
        })
    }

    /// The number of each row's combination in a group. `number` is asked once for each that
    /// differs, with the first row that has it.
    pub(crate) fn combinations(
        &self,
        group: Group,
        mut number: impl FnMut(&[u32], usize) -> u32,
    ) -> Vec<u32> {
        let columns = &self.numbers[group as usize];
        let mut combination = Vec::with_capacity(columns.len());
        let mut number_of_row = |i: usize| {
            combination.clear();
            let values = columns.iter().map(|c| c.get(i).copied());
            combination.extend(values.map(|value| value.unwrap_or(ABSENT)));
            number(&combination, i)
        };
        // Most columns have one value in all rows.
        let differs = |column: &&Vec<u32>| column.iter().any(|value| *value != column[0]);
        let differing: Vec<&Vec<u32>> = columns.iter().filter(differs).collect();
        if differing.is_empty() {
            return vec![number_of_row(0); self.rows.len()];
        }
        let (mut seen, mut numbers) = (Tuples::new(differing.len()), Vec::new());
        let mut values = Vec::with_capacity(differing.len());
        let each = (0..self.rows.len()).map(|i| {
            values.clear();
            values.extend(differing.iter().map(|column| column[i]));
            let (index, new) = seen.number(&values);
            if new {
                numbers.push(number_of_row(i));
            }
            numbers[index as usize]
        });
        each.collect()
    }

    /// A row's time, where there is one.
    pub(crate) fn time(&self, time: TimeColumn, i: usize) -> Option<i64> {
        self.times[time.index()]
            .get(i)
            .copied()
            .filter(|at| *at != NO_TIME)
    }

    /// A row's time with how exactly it is known.
    pub(crate) fn moment(
        &self,
        time: TimeColumn,
        i: usize,
        texts: &Texts,
    ) -> Option<(Micros, Precision)> {
        let at = self.time(time, i)?;
        let precision = self.numbers[Group::Details as usize][precision_of(time)].get(i)?;
        Some((Micros(at), Precision::from_name(texts.text(*precision)?)?))
    }

    /// When the row's revision was true.
    pub(crate) fn sent(&self, i: usize) -> i64 {
        self.sent[self.rows[i] as usize]
    }

    pub(crate) fn subject(&self, i: usize) -> &'b str {
        self.subjects.value(self.rows[i] as usize)
    }

    pub(crate) fn revision(&self, i: usize) -> i32 {
        self.revisions.value(self.rows[i] as usize)
    }

    /// The columns of times, each empty where none of the rows has one.
    pub(crate) fn times(&self) -> &[Vec<i64>; TIMES] {
        &self.times
    }
}

fn required<'b>(
    batch: &'b RecordBatch,
    name: &'static str,
) -> Result<&'b ArrayRef, AggregateError> {
    batch
        .column_by_name(name)
        .ok_or(AggregateError::Column(name))
}

/// A column's values as numbers; `None` if it is of a type that no row has.
fn numbers_of(column: &dyn Array, rows: &[u32], texts: &mut Texts) -> Option<Vec<u32>> {
    if column.null_count() == column.len() {
        return Some(Vec::new());
    }
    match column.data_type() {
        DataType::Dictionary(_, _) => {
            let dictionary = column.as_any_dictionary_opt()?;
            let keys = dictionary.keys().as_primitive_opt::<Int32Type>()?;
            let values = dictionary.values().as_string_opt::<i32>()?;
            let numbers: Vec<u32> = values.iter().map(|value| texts.number_of(value)).collect();
            Some(values_or(ABSENT, column, rows, |row| {
                numbers[keys.value(row) as usize]
            }))
        }
        DataType::Utf8 => {
            let values = column.as_string_opt::<i32>()?;
            Some(values_or(ABSENT, column, rows, |row| {
                texts.number(values.value(row))
            }))
        }
        DataType::Int32 => {
            let values = column.as_primitive_opt::<Int32Type>()?;
            Some(values_or(ABSENT, column, rows, |row| {
                values.value(row) as u32 + 1
            }))
        }
        DataType::Boolean => {
            let values = column.as_boolean_opt()?;
            Some(values_or(ABSENT, column, rows, |row| {
                1 + u32::from(values.value(row))
            }))
        }
        _ => None,
    }
}

fn times_of(column: &dyn Array, rows: &[u32]) -> Option<Vec<i64>> {
    if column.null_count() == column.len() {
        return Some(Vec::new());
    }
    let times = column.as_primitive_opt::<TimestampMicrosecondType>()?;
    Some(values_or(NO_TIME, column, rows, |row| times.value(row)))
}

/// The value of each row, where it has one.
fn values_or<T: Copy>(
    absent: T,
    column: &dyn Array,
    rows: &[u32],
    mut value: impl FnMut(usize) -> T,
) -> Vec<T> {
    let rows = rows.iter().map(|row| *row as usize);
    match column.nulls() {
        None => rows.map(value).collect(),
        Some(nulls) => {
            let or_absent = |row| {
                if nulls.is_null(row) {
                    absent
                } else {
                    value(row)
                }
            };
            rows.map(or_absent).collect()
        }
    }
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
