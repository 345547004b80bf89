//! The ledger's columns that are kept, in groups, and a batch of them as numbers.
//!
//! In a combination a text is its number, an integer itself plus 1, a boolean 1 or 2; 0 is absent.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::DataType;

use crate::aggregate::Error;
use crate::aggregate::state::intern::{ABSENT, Texts};
use crate::contract::moment::Precision;
use crate::event::Micros;

/// Columns whose values repeat together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    What,
    Marks,
    Area,
    Details,
}

pub(crate) const WHAT: [&str; 10] = [
    "source",
    "feed",
    "kind",
    "what_list",
    "what_edition",
    "what_category",
    "what_code",
    "icd10_further",
    "concerns",
    "support_needs",
];
pub(crate) const MARKS: [&str; 8] = [
    "flags_true",
    "flags_false",
    "person_age_band",
    "person_sex",
    "victim_age_band",
    "victim_sex",
    "suspect_age_band",
    "suspect_sex",
];
pub(crate) const AREA: [&str; 6] = [
    "area_code",
    "area_level",
    "area_role",
    "area_vintage",
    "area_confidence",
    "area_zone",
];
pub(crate) const DETAILS: [&str; 58] = [
    "occurred_from_precision",
    "occurred_to_precision",
    "recorded_at_precision",
    "period_from_precision",
    "period_to_precision",
    "outcome_at_precision",
    "arrived_at_precision",
    "ended_at_precision",
    "closed_at_precision",
    "outcome_list",
    "outcome_code",
    "end",
    "crime_recorded",
    "place_of_safety",
    "extended",
    "result",
    "transport",
    "police_vehicle_reason",
    "police_station_reason",
    "professional_consulted",
    "search_type",
    "legislation",
    "outcome_linked",
    "operation",
    "referred_by",
    "stage",
    "repeat",
    "repeat_definition",
    "children",
    "children_present",
    "site_code",
    "place_code",
    "response_category",
    "conveyed",
    "method",
    "setting",
    "assessment",
    "section_21",
    "action",
    "case_review",
    "police_informed",
    "tenure",
    "statutory_nuisance",
    "procedure",
    "landlord",
    "ground",
    "supported",
    "not_supported_reason",
    "unit",
    "date_basis",
    "provisional",
    "age_band",
    "sex",
    "with_flag",
    "status",
    "value",
    "at_least",
    "at_most",
];
/// The times, each with its precision at the same place in [`DETAILS`].
pub(crate) const TIMES: [&str; 9] = [
    "occurred_from",
    "occurred_to",
    "recorded_at",
    "period_from",
    "period_to",
    "outcome_at",
    "arrived_at",
    "ended_at",
    "closed_at",
];
/// What says who comes again, and is kept no longer than that takes.
const TOKENS: [&str; 6] = [
    "person_token",
    "person_token_previous",
    "victim_token",
    "victim_token_previous",
    "suspect_token",
    "suspect_token_previous",
];
pub(crate) const OCCURRED_FROM: usize = 0;
pub(crate) const RECORDED_AT: usize = 2;
pub(crate) const PERIOD_FROM: usize = 3;
pub(crate) const PERIOD_TO: usize = 4;

/// The value of an absent time.
pub(crate) const NO_TIME: i64 = i64::MIN;

impl Group {
    pub(crate) const ALL: [Self; 4] = [Self::What, Self::Marks, Self::Area, Self::Details];

    pub(crate) const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::What => &WHAT,
            Self::Marks => &MARKS,
            Self::Area => &AREA,
            Self::Details => &DETAILS,
        }
    }
}

/// Where a column is: its group and its place in it.
pub(crate) fn group_of(column: &str) -> Option<(Group, usize)> {
    Group::ALL
        .into_iter()
        .find_map(|group| Some((group, group.columns().iter().position(|c| *c == column)?)))
}

/// The ledger's columns that are read.
pub(crate) fn read() -> Vec<&'static str> {
    let groups = Group::ALL
        .into_iter()
        .flat_map(|group| group.columns().iter().copied());
    groups
        .chain(TIMES)
        .chain([
            "subject",
            "revision",
            "time",
            "received",
            "cancellation_reason",
        ])
        .chain(TOKENS)
        .collect()
}

/// Some rows of a part, as numbers, column by column; a column without a value is empty.
pub(crate) struct Batch<'b> {
    numbers: [Vec<Vec<u32>>; 4],
    times: [Vec<i64>; TIMES.len()],
    rows: &'b [u32],
    subjects: &'b StringArray,
    revisions: &'b Int32Array,
    sent: &'b [i64],
}

impl<'b> Batch<'b> {
    pub(crate) fn read(
        batch: &'b RecordBatch,
        rows: &'b [u32],
        texts: &mut Texts,
    ) -> Result<Self, Error> {
        let column = |name: &'static str| batch.column_by_name(name).ok_or(Error::Column(name));
        let mut numbers: [Vec<Vec<u32>>; 4] = Default::default();
        for group in Group::ALL {
            for name in group.columns() {
                // A column that the file does not have yet is absent.
                let read = batch
                    .column_by_name(name)
                    .map(|c| numbers_of(c.as_ref(), rows, texts).ok_or(Error::Column(name)));
                numbers[group as usize].push(read.transpose()?.unwrap_or_default());
            }
        }
        let mut times: [Vec<i64>; TIMES.len()] = Default::default();
        for (name, times) in TIMES.into_iter().zip(&mut times) {
            if let Some(column) = batch.column_by_name(name) {
                *times = times_of(column.as_ref(), rows).ok_or(Error::Column(name))?;
            }
        }
        Ok(Self {
            numbers,
            times,
            rows,
            subjects: column("subject")?
                .as_string_opt()
                .ok_or(Error::Column("subject"))?,
            revisions: column("revision")?
                .as_primitive_opt::<Int32Type>()
                .ok_or(Error::Column("revision"))?,
            sent: column("time")?
                .as_primitive_opt::<TimestampMicrosecondType>()
                .ok_or(Error::Column("time"))?
                .values(),
        })
    }

    /// A row's combination in a group.
    pub(crate) fn row(&self, group: Group, i: usize, into: &mut Vec<u32>) {
        into.clear();
        into.extend(
            self.numbers[group as usize]
                .iter()
                .map(|c| c.get(i).copied().unwrap_or(ABSENT)),
        );
    }

    /// A row's time, where there is one.
    pub(crate) fn time(&self, time: usize, i: usize) -> Option<i64> {
        self.times[time].get(i).copied().filter(|at| *at != NO_TIME)
    }

    /// A row's time with how exactly it is known.
    pub(crate) fn moment(
        &self,
        time: usize,
        i: usize,
        texts: &Texts,
    ) -> Option<(Micros, Precision)> {
        let at = self.time(time, i)?;
        let precision = self.numbers[Group::Details as usize][time].get(i)?;
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

    /// One column of times, empty where none of the rows has one.
    pub(crate) fn times(&self, time: usize) -> &[i64] {
        &self.times[time]
    }
}

/// A column's values as numbers; `None` if it is of a type that no row has.
fn numbers_of(column: &dyn Array, rows: &[u32], texts: &mut Texts) -> Option<Vec<u32>> {
    if column.null_count() == column.len() {
        return Some(Vec::new());
    }
    let each = |number: &dyn Fn(usize) -> u32| -> Vec<u32> {
        let or_absent = |row: &u32| {
            if column.is_null(*row as usize) {
                ABSENT
            } else {
                number(*row as usize)
            }
        };
        rows.iter().map(or_absent).collect()
    };
    match column.data_type() {
        DataType::Dictionary(_, _) => {
            let dictionary = column.as_any_dictionary_opt()?;
            let keys = dictionary.keys().as_primitive_opt::<Int32Type>()?;
            let values = dictionary.values().as_string_opt::<i32>()?;
            let numbers: Vec<u32> = values.iter().map(|value| texts.number_of(value)).collect();
            Some(each(&|row| numbers[keys.value(row) as usize]))
        }
        DataType::Utf8 => {
            let column = column.as_string_opt::<i32>()?;
            let or_absent = |row: &u32| {
                texts.number_of(
                    column
                        .is_valid(*row as usize)
                        .then(|| column.value(*row as usize)),
                )
            };
            Some(rows.iter().map(or_absent).collect())
        }
        DataType::Int32 => {
            let column = column.as_primitive_opt::<Int32Type>()?;
            Some(each(&|row| column.value(row) as u32 + 1))
        }
        DataType::Boolean => {
            let column = column.as_boolean_opt()?;
            Some(each(&|row| 1 + u32::from(column.value(row))))
        }
        _ => None,
    }
}

fn times_of(column: &dyn Array, rows: &[u32]) -> Option<Vec<i64>> {
    if column.null_count() == column.len() {
        return Some(Vec::new());
    }
    let column = column.as_primitive_opt::<TimestampMicrosecondType>()?;
    let or_none = |row: &u32| {
        if column.is_null(*row as usize) {
            NO_TIME
        } else {
            column.value(*row as usize)
        }
    };
    Some(rows.iter().map(or_none).collect())
}
