//! A value of a table's cell.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use jiff::{Timestamp, ToSpan, civil};
use serde::Serialize;

use crate::aggregate::tables::ValueType;
use crate::spreadsheet::{Cell, csv_text};

/// A value of a cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TableValue {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Number(f64),
    /// A day.
    Date(civil::Date),
    /// A time.
    Instant(Timestamp),
    /// A text.
    Text(String),
}

impl TableValue {
    /// The value of a row in a column.
    pub(crate) fn read(column: &dyn Array, value_type: ValueType, row: usize) -> Self {
        if column.is_null(row) {
            return Self::Null;
        }
        match value_type {
            ValueType::Text => Self::Text(column.as_string::<i32>().value(row).to_owned()),
            ValueType::Integer => Self::Integer(column.as_primitive::<Int64Type>().value(row)),
            ValueType::Number => Self::Number(column.as_primitive::<Float64Type>().value(row)),
            ValueType::Boolean => Self::Boolean(column.as_boolean().value(row)),
            ValueType::Instant => {
                let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
                Timestamp::from_microsecond(micros).map_or(Self::Null, Self::Instant)
            }
            ValueType::Date => {
                let days = column.as_primitive::<Date32Type>().value(row);
                Self::Date(civil::date(1970, 1, 1).saturating_add(days.days()))
            }
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, whole or not.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The day, if it is one.
    pub(crate) fn date(&self) -> Option<civil::Date> {
        match self {
            Self::Date(date) => Some(*date),
            _ => None,
        }
    }

    /// The cell of a spreadsheet; none = null.
    pub(crate) fn cell(&self) -> Option<Cell<'_>> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(value) => Cell::Boolean(*value),
            Self::Integer(number) => Cell::Number(*number as f64),
            Self::Number(number) => Cell::Number(*number),
            Self::Date(day) => Cell::Date(*day),
            Self::Instant(time) => Cell::Time(*time),
            Self::Text(text) => text.into(),
        })
    }

    /// The field of CSV.
    pub(crate) fn csv(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Date(day) => day.to_string(),
            Self::Instant(time) => time.to_string(),
            Self::Text(text) => csv_text(text).into_owned(),
        }
    }

    /// Whether the value is missing.
    pub(crate) fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

impl From<&str> for TableValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for TableValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for TableValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for TableValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl<T: Into<Self>> From<Option<T>> for TableValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, T::into)
    }
}
