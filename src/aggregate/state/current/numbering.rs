//! The rows of a part as numbers: each text and each combination of columns once, under a small
//! number.
//!
//! The thread that decodes does this, while another one counts the rows of the part before. In a
//! combination a text is its number, an integer itself plus 1, a boolean 1 or 2; 0 is absent.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::DataType;

use super::Week;
use super::columns::{COMBINED, TIMES, fields, precision_of, width};
use crate::aggregate::state::calendar::Calendar;
use crate::aggregate::state::files::Part;
use crate::aggregate::state::intern::{ABSENT, Texts, Tuples};
use crate::aggregate::state::latest::Latest;
use crate::aggregate::{AggregateError, AggregateSettings};
use crate::contract::columns::{AreaColumn, COLUMNS, Group, TimeColumn};
use crate::contract::moment::Precision;
use crate::contract::revision::{RevisionContents, RevisionId, revision_id};
use crate::event::Micros;
use crate::normalise::Rows;

/// The value of an absent time.
pub(crate) const NO_TIME: i64 = i64::MIN;

/// The rows of a part that are the state of their records, as numbers.
pub(crate) struct NumberedRows {
    /// Their indices in the part.
    pub(crate) rows: Vec<u32>,
    /// The combination of each row, by group.
    pub(crate) combinations: [Vec<u32>; 4],
    /// By group, the first row (as an index in `rows`) of each combination that no part before has.
    pub(crate) new: [Vec<u32>; 4],
    /// The areas of the new combinations of area columns.
    pub(crate) new_areas: Vec<NumberedArea>,
    /// Times by column; a column without a value is empty.
    pub(crate) times: [Vec<i64>; TIMES],
    pub(crate) weeks: Vec<Week>,
    /// Those whose revision was sent more than once, by index in the part, with that revision.
    pub(crate) repeated: Vec<(u32, RevisionId)>,
    subjects: StringArray,
    revisions: Int32Array,
    sent: TimestampMicrosecondArray,
}

/// Where a record is.
#[derive(Clone, Copy)]
pub(crate) struct NumberedArea {
    /// An index in [`Current::areas`](super::Current::areas).
    pub(crate) area: u32,
    /// Role, zone and LSOA, as far as rules may ask for them, as a number.
    pub(crate) place: u32,
    /// Whether it has a code.
    pub(crate) is_located: bool,
}

impl NumberedRows {
    /// A row's time, where there is one.
    #[inline]
    pub(crate) fn time(&self, time: TimeColumn, i: usize) -> Option<i64> {
        let at = self.times[time.index()].get(i).copied();
        at.filter(|at| *at != NO_TIME)
    }

    /// A row's combination in each group.
    #[inline]
    pub(crate) fn combination(&self, i: usize) -> [u32; 4] {
        let [what, marks, area, details] = &self.combinations;
        [what[i], marks[i], area[i], details[i]]
    }

    /// When the row's revision was true.
    #[inline]
    pub(crate) fn sent(&self, i: usize) -> i64 {
        self.sent.value(self.rows[i] as usize)
    }

    #[inline]
    pub(crate) fn subject(&self, i: usize) -> &str {
        self.subjects.value(self.rows[i] as usize)
    }

    #[inline]
    pub(crate) fn revision(&self, i: usize) -> i32 {
        self.revisions.value(self.rows[i] as usize)
    }
}

/// All numbers that were given.
pub(crate) struct Numbering<'s> {
    settings: &'s AggregateSettings<'s>,
    latest: &'s Latest,
    pub(crate) texts: Texts,
    /// Combinations of the columns of each [`Group`].
    pub(crate) groups: [Tuples; 4],
    /// Code, level, vintage, role and zone, as numbers of texts.
    pub(crate) areas: Tuples,
    places: Tuples,
    /// The contents of revisions that were sent more than once.
    pub(crate) contents: RevisionContents,
    calendar: Calendar,
}

impl<'s> Numbering<'s> {
    pub(crate) fn new(settings: &'s AggregateSettings<'s>, latest: &'s Latest) -> Self {
        Self {
            settings,
            latest,
            texts: Texts::default(),
            groups: Group::COMBINED.map(|group| Tuples::new(width(group))),
            areas: Tuples::new(5),
            places: Tuples::new(3),
            contents: RevisionContents::default(),
            calendar: Calendar::default(),
        }
    }

    /// The rows of a part that are the state of their records.
    pub(crate) fn read(&mut self, part: &Part) -> Result<NumberedRows, AggregateError> {
        let is_latest = |row: &u32| {
            self.latest
                .contains(part.file, part.first_row + *row as usize)
        };
        let rows: Vec<u32> = (0..part.batch.num_rows() as u32)
            .filter(is_latest)
            .collect();
        let mut numbered = NumberedRows {
            combinations: Default::default(),
            new: Default::default(),
            new_areas: Vec::new(),
            times: Default::default(),
            weeks: Vec::new(),
            repeated: Vec::new(),
            subjects: part.texts(COLUMNS.subject.name())?.clone(),
            revisions: part.primitives(COLUMNS.revision.name())?.clone(),
            sent: part.primitives(COLUMNS.time.name())?.clone(),
            rows,
        };
        self.add_repeated(part, &mut numbered);
        if numbered.rows.is_empty() {
            return Ok(numbered);
        }
        for (time, times) in fields(Group::Times).zip(&mut numbered.times) {
            if let Some(column) = part.batch.column_by_name(time.name) {
                *times = times_of(column.as_ref(), &numbered.rows)
                    .ok_or(AggregateError::Column(time.name))?;
            }
        }
        let columns = self.columns(&part.batch, &numbered.rows)?;
        let precisions = &columns[Group::Details as usize][precision_of(COLUMNS.occurred_from)];
        numbered.weeks = self.weeks(&numbered, precisions);
        for (group, columns) in columns.iter().enumerate() {
            let (known, new) = (&mut self.groups[group], &mut numbered.new[group]);
            let number = |combination: &[u32], i| {
                let (number, is_new) = known.number(combination);
                if is_new {
                    new.push(i as u32);
                }
                number
            };
            numbered.combinations[group] = combinations(columns, numbered.rows.len(), number);
        }
        let area = Group::Area as usize;
        for i in &numbered.new[area] {
            let combination = numbered.combinations[area][*i as usize];
            numbered.new_areas.push(self.area(combination));
        }
        Ok(numbered)
    }

    /// Adds the contents of all rows whose revision was sent more than once.
    fn add_repeated(&mut self, part: &Part, numbered: &mut NumberedRows) {
        let records = Rows::new(&part.batch);
        for row in 0..part.batch.num_rows() {
            if self.latest.is_repeated(part.file, part.first_row + row) {
                let record = records.record(row);
                self.contents.add(&record);
                if self.latest.contains(part.file, part.first_row + row) {
                    numbered.repeated.push((row as u32, revision_id(&record)));
                }
            }
        }
    }

    /// The columns of each group as numbers; a column without a value is empty.
    fn columns(
        &mut self,
        batch: &RecordBatch,
        rows: &[u32],
    ) -> Result<[Vec<Vec<u32>>; 4], AggregateError> {
        let mut numbers: [Vec<Vec<u32>>; 4] = Default::default();
        for (columns, numbers) in COMBINED.iter().zip(&mut numbers) {
            for name in columns {
                // A column that the file does not have yet is absent.
                let read = batch.column_by_name(name).map(|column| {
                    numbers_of(column.as_ref(), rows, &mut self.texts)
                        .ok_or(AggregateError::Column(name))
                });
                numbers.push(read.transpose()?.unwrap_or_default());
            }
        }
        Ok(numbers)
    }

    /// Weekday and hour of each row, as far as they are known.
    fn weeks(&mut self, numbered: &NumberedRows, precisions: &[u32]) -> Vec<Week> {
        let week = |i: usize| {
            let at = numbered.time(COLUMNS.occurred_from, i)?;
            let precision = self.texts.text(*precisions.get(i)?)?;
            let precision = Precision::from_name(precision)?;
            let (weekday, hour) = self.calendar.weekday_and_hour(Micros(at), precision);
            Some(Week::of(weekday, hour))
        };
        let weeks = (0..numbered.rows.len()).map(week);
        weeks.map(Option::unwrap_or_default).collect()
    }

    /// The area of a new combination of area columns.
    fn area(&mut self, combination: u32) -> NumberedArea {
        let columns = self.groups[Group::Area as usize].row(combination);
        let [code, level, role, vintage, zone] = [
            COLUMNS.area_code,
            COLUMNS.area_level,
            COLUMNS.area_role,
            COLUMNS.area_vintage,
            COLUMNS.area_zone,
        ]
        .map(|column: AreaColumn| columns[column.index()]);
        // The vintage is a number, not that of a text.
        let vintage = vintage.checked_sub(1).map(|year| year.to_string());
        let vintage = self.texts.number_of(vintage.as_deref());
        let (area, _) = self.areas.number(&[code, level, vintage, role, zone]);
        // A place consists of LSOAs: no rule needs the code of any other area.
        let text = self.texts.text(code);
        let is_lsoa = text.is_some_and(|code| self.settings.lsoas.contains(code));
        let lsoa = if is_lsoa { code } else { ABSENT };
        let (place, _) = self.places.number(&[role, zone, lsoa]);
        NumberedArea {
            area,
            place,
            is_located: code != ABSENT,
        }
    }
}

/// The number of each row's combination of some columns. `number` is asked once for each that
/// differs, with the first row that has it.
fn combinations(
    columns: &[Vec<u32>],
    rows: usize,
    mut number: impl FnMut(&[u32], usize) -> u32,
) -> Vec<u32> {
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
        return vec![number_of_row(0); rows];
    }
    let (mut seen, mut numbers) = (Tuples::new(differing.len()), Vec::new());
    let mut values = Vec::with_capacity(differing.len());
    let each = (0..rows).map(|i| {
        values.clear();
        values.extend(differing.iter().map(|column| column[i]));
        let (index, is_new) = seen.number(&values);
        if is_new {
            numbers.push(number_of_row(i));
        }
        numbers[index as usize]
    });
    each.collect()
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
