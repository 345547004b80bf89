//! A column of a table: its name, what it means, its role, and its value in each row.
//!
//! A value is a function of the row and of the table set, so that a table's columns are known
//! without any figures.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int32Array, Int64Array,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field};
use jiff::civil;

use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::parquet_file::{field, timestamp};
use crate::event::days_since_1970;

/// What a column is to its row. The keys together identify a row: no two rows of a table have equal
/// keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnPurpose {
    /// A key that separates plans.
    PlanKey,
    /// A key that separates series.
    SeriesKey,
    /// A key that separates partners, feeds and kinds.
    KindKey,
    /// A key that separates areas, by code, level, vintage and role.
    AreaKey,
    /// A key that separates windows.
    WindowKey,
    /// A key that only this table has, such as a baseline or an outcome.
    OwnKey,
    /// A fact about the keys, such as a date or a label.
    Attribute,
    /// A count; null unless exact.
    Count,
    /// The lower bound of a count.
    LowerBound,
    /// The upper bound of a count; null = none.
    UpperBound,
    /// How well a count is known, or how complete its months are.
    Status,
    /// A number computed from counts: a share, rate, rank, limit or difference.
    Measure,
}

impl ColumnPurpose {
    /// Whether it is a key.
    pub fn is_key(self) -> bool {
        matches!(
            self,
            Self::PlanKey
                | Self::SeriesKey
                | Self::KindKey
                | Self::AreaKey
                | Self::WindowKey
                | Self::OwnKey
        )
    }
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// UTF-8.
    Text,
    /// 64 bits.
    Integer,
    /// 64 bits.
    Number,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// Microseconds since 1970, UTC.
    Instant,
}

impl ValueType {
    /// The type in Arrow and Parquet.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Instant => timestamp(),
        }
    }
}

/// A column of a table, without its values.
#[derive(Clone, Copy, Debug)]
pub struct ColumnSpec {
    /// Its name.
    pub name: &'static str,
    /// What it means, and what a null means.
    pub description: &'static str,
    /// The type of its values.
    pub value_type: ValueType,
    /// What it is to its row.
    pub role: ColumnPurpose,
    /// The only values that it can have, if it chooses from a fixed list; else empty.
    pub values: &'static [&'static str],
}

impl ColumnSpec {
    pub(crate) fn field(&self) -> Field {
        field(self.name, self.value_type.data_type(), self.description)
    }
}

/// The value of a row; none = null.
type ValueOf<'f, R, T> = fn(&TableSet<'f>, &R) -> Option<T>;

/// Where a column's values come from.
enum Values<'f, R> {
    /// A text of a small list, by its index.
    Choice(fn(&TableSet<'f>) -> StringArray, ValueOf<'f, R, u32>),
    /// A text of the specification's fixed list, by its index.
    OneOf(ValueOf<'f, R, u32>),
    Text(ValueOf<'f, R, String>),
    Integer(ValueOf<'f, R, i64>),
    Number(ValueOf<'f, R, f64>),
    Boolean(ValueOf<'f, R, bool>),
    Date(ValueOf<'f, R, civil::Date>),
    Instant(ValueOf<'f, R, i64>),
}

/// A column of a table whose rows are `R`.
pub(crate) struct Column<'f, R> {
    pub(super) spec: ColumnSpec,
    values: Values<'f, R>,
}

/// The specifications of columns.
pub(crate) fn specs<R>(columns: Vec<Column<'_, R>>) -> Vec<ColumnSpec> {
    columns.into_iter().map(|column| column.spec).collect()
}

impl<'f, R> Column<'f, R> {
    const fn new(
        role: ColumnPurpose,
        name: &'static str,
        description: &'static str,
        value_type: ValueType,
        values: Values<'f, R>,
    ) -> Self {
        Self {
            spec: ColumnSpec {
                name,
                description,
                value_type,
                role,
                values: &[],
            },
            values,
        }
    }

    /// The list that a column of [`choice`] or [`one_of`] takes its texts from.
    pub(super) fn choices(&self, set: &TableSet<'f>) -> Option<Arc<StringArray>> {
        match self.values {
            Values::Choice(texts, _) => Some(Arc::new(texts(set))),
            Values::OneOf(_) => Some(Arc::new(texts(self.spec.values.iter().map(Some)))),
            _ => None,
        }
    }

    /// The values of some rows; `choices` as [`Self::choices`] gives them.
    pub(super) fn array(
        &self,
        set: &TableSet<'f>,
        choices: Option<&Arc<StringArray>>,
        rows: &[R],
    ) -> ArrayRef {
        match self.values {
            Values::Choice(_, index) | Values::OneOf(index) => {
                let indexes = rows.iter().map(|row| index(set, row).map(|i| i as i32));
                Arc::new(DictionaryArray::<Int32Type>::new(
                    indexes.collect::<Int32Array>(),
                    choices.map_or_else(|| Arc::new(texts::<&str>([])), Clone::clone),
                ))
            }
            Values::Text(value) => {
                let values = rows.iter().map(|row| value(set, row));
                Arc::new(values.collect::<StringArray>())
            }
            Values::Integer(value) => {
                let values = rows.iter().map(|row| value(set, row));
                Arc::new(values.collect::<Int64Array>())
            }
            Values::Number(value) => {
                let values = rows.iter().map(|row| value(set, row));
                Arc::new(values.collect::<Float64Array>())
            }
            Values::Boolean(value) => {
                let values = rows.iter().map(|row| value(set, row));
                Arc::new(values.collect::<BooleanArray>())
            }
            Values::Date(value) => {
                let days = rows.iter().map(|row| value(set, row).map(days_since_1970));
                Arc::new(days.collect::<Date32Array>())
            }
            Values::Instant(value) => {
                let times = rows.iter().map(|row| value(set, row));
                let times: TimestampMicrosecondArray = times.collect();
                Arc::new(times.with_timezone("UTC"))
            }
        }
    }
}

/// A small list of texts.
pub(crate) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = Option<T>>) -> StringArray {
    texts.into_iter().collect()
}

/// A column of texts that choose from a small list, given the index of each row's text.
pub(crate) const fn choice<'f, R>(
    role: ColumnPurpose,
    name: &'static str,
    description: &'static str,
    texts: fn(&TableSet<'f>) -> StringArray,
    index: ValueOf<'f, R, u32>,
) -> Column<'f, R> {
    let values = Values::Choice(texts, index);
    Column::new(role, name, description, ValueType::Text, values)
}

/// A column of texts that choose from a fixed list, given the index of each row's text.
pub(crate) const fn one_of<'f, R>(
    role: ColumnPurpose,
    name: &'static str,
    description: &'static str,
    texts: &'static [&'static str],
    index: ValueOf<'f, R, u32>,
) -> Column<'f, R> {
    let values = Values::OneOf(index);
    let mut column = Column::new(role, name, description, ValueType::Text, values);
    column.spec.values = texts;
    column
}

/// A column of texts.
pub(crate) const fn text<'f, R>(
    role: ColumnPurpose,
    name: &'static str,
    description: &'static str,
    value: ValueOf<'f, R, String>,
) -> Column<'f, R> {
    Column::new(
        role,
        name,
        description,
        ValueType::Text,
        Values::Text(value),
    )
}

/// A column of integers.
pub(crate) const fn integer<'f, R>(
    role: ColumnPurpose,
    name: &'static str,
    description: &'static str,
    value: ValueOf<'f, R, i64>,
) -> Column<'f, R> {
    let values = Values::Integer(value);
    Column::new(role, name, description, ValueType::Integer, values)
}

/// A column of floating-point numbers.
pub(crate) const fn number<'f, R>(
    role: ColumnPurpose,
    name: &'static str,
    description: &'static str,
    value: ValueOf<'f, R, f64>,
) -> Column<'f, R> {
    let values = Values::Number(value);
    Column::new(role, name, description, ValueType::Number, values)
}

/// A column of booleans.
pub(crate) const fn boolean<'f, R>(
    role: ColumnPurpose,
    name: &'static str,
    description: &'static str,
    value: ValueOf<'f, R, bool>,
) -> Column<'f, R> {
    let values = Values::Boolean(value);
    Column::new(role, name, description, ValueType::Boolean, values)
}

/// A column of days.
pub(crate) const fn date<'f, R>(
    role: ColumnPurpose,
    name: &'static str,
    description: &'static str,
    value: ValueOf<'f, R, civil::Date>,
) -> Column<'f, R> {
    Column::new(
        role,
        name,
        description,
        ValueType::Date,
        Values::Date(value),
    )
}

/// A column of times, as microseconds since 1970, UTC.
pub(crate) const fn instant<'f, R>(
    role: ColumnPurpose,
    name: &'static str,
    description: &'static str,
    value: ValueOf<'f, R, i64>,
) -> Column<'f, R> {
    let values = Values::Instant(value);
    Column::new(role, name, description, ValueType::Instant, values)
}
