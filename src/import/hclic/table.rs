//! A published table: from a sheet of a workbook, or from lines of the long CSV.
//!
//! Tables are read one at a time, and only the rows of authorities: those of regions and of England
//! are rounded.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use calamine::Data;

use super::heading::Heading;
use super::{HclicError, Quarter};
use crate::contract::parts::Quantity;
use crate::spreadsheet::column_name;

/// A table that is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// Initial assessments.
    A1,
    /// Reasons for the loss of the last settled home, up to 2020.
    A2,
    /// Of households owed a prevention duty.
    A2P,
    /// Of households owed a relief duty.
    A2R,
    /// Support needs.
    A3,
}

impl TableName {
    const ALL: [Self; 5] = [Self::A1, Self::A2, Self::A2P, Self::A2R, Self::A3];

    /// The code list of its categories.
    pub(super) const fn list(self) -> &'static str {
        match self {
            Self::A1 => "hclic-assessment",
            Self::A2 | Self::A2P | Self::A2R => "hclic-reason",
            Self::A3 => "hclic-need",
        }
    }
}

impl FromStr for TableName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|name| name.to_string() == text)
            .ok_or(())
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A table of one quarter.
pub(super) struct HclicTable<'f> {
    pub(super) file: &'f Path,
    /// The sheet; none for lines of the long CSV.
    pub(super) sheet: Option<String>,
    pub(super) name: TableName,
    pub(super) quarter: Quarter,
    pub(super) columns: Vec<FigureColumn>,
    pub(super) rows: Vec<AuthorityRow>,
    /// Rows of figures that are not an authority's.
    pub(super) rounded_rows: usize,
}

/// A column of figures.
pub(super) struct FigureColumn {
    pub(super) heading: Heading,
    /// Its index in the sheet, from 0.
    pub(super) index: u32,
    /// Its line in the long CSV.
    pub(super) line: u64,
}

/// The figures of an authority, one for each column.
pub(super) struct AuthorityRow {
    pub(super) authority: String,
    pub(super) cells: Vec<CellValue>,
    /// Its index in the sheet, from 0.
    pub(super) index: u32,
}

/// The content of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellValue {
    Blank,
    Number(Quantity),
    /// `..`: the authority sent no or incomplete data.
    NotSupplied,
    /// `-`: the publisher withholds it.
    Suppressed,
    /// Anything else, such as a fraction.
    Other,
}

impl CellValue {
    pub(super) fn from_text(text: &str) -> Self {
        match text.trim() {
            "" => Self::Blank,
            ".." => Self::NotSupplied,
            "-" => Self::Suppressed,
            text => text.parse().map_or(Self::Other, Self::from_number),
        }
    }

    /// A number without a fraction counts as an integer: workbooks have only floating-point numbers.
    fn from_number(number: f64) -> Self {
        let (least, most) = Quantity::BOUNDS;
        let is_quantity =
            number.fract() == 0.0 && (f64::from(least)..=f64::from(most)).contains(&number);
        if is_quantity {
            Self::Number(Quantity(number as i32))
        } else {
            Self::Other
        }
    }

    pub(super) fn from_data(data: Option<&Data>) -> Self {
        match data {
            None | Some(Data::Empty) => Self::Blank,
            Some(Data::String(text)) => Self::from_text(text),
            Some(Data::Float(number)) => Self::from_number(*number),
            Some(Data::Int(number)) => Self::from_number(*number as f64),
            Some(_) => Self::Other,
        }
    }
}

impl HclicTable<'_> {
    /// The error for the heading of a column, or for a cell.
    pub(super) fn error(
        &self,
        column: &FigureColumn,
        row: Option<&AuthorityRow>,
        rule: &'static str,
    ) -> HclicError {
        let location = match (&self.sheet, row) {
            (Some(sheet), Some(row)) => {
                format!(
                    "sheet `{sheet}`, cell {}{}",
                    column_name(column.index as usize),
                    row.index + 1
                )
            }
            (Some(sheet), None) => {
                format!(
                    "sheet `{sheet}`, column {}",
                    column_name(column.index as usize)
                )
            }
            (None, _) => format!("line {}", column.line),
        };
        HclicError::Location {
            file: self.file.to_owned(),
            location,
            rule,
        }
    }
}

pub(super) fn is_area(code: &str) -> bool {
    matches!(code.as_bytes(), [letter, rest @ ..] if letter.is_ascii_uppercase() && rest.len() == 8 && rest.iter().all(u8::is_ascii_digit))
}

/// A unitary authority, a district, a metropolitan district or a London borough.
pub(super) fn is_authority(code: &str) -> bool {
    is_area(code) && matches!(code.as_bytes(), [b'E', b'0', b'6'..=b'9', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_number_or_shows_why_not() {
        let number = |n| CellValue::Number(Quantity(n));
        for (text, cell) in [
            ("0", number(0)),
            (" 12 ", number(12)),
            ("", CellValue::Blank),
            ("..", CellValue::NotSupplied),
            ("-", CellValue::Suppressed),
            ("-1", CellValue::Other),
            ("1.5", CellValue::Other),
            ("1e10", CellValue::Other),
            ("c", CellValue::Other),
        ] {
            assert_eq!(CellValue::from_text(text), cell, "{text}");
        }
        assert_eq!(CellValue::from_data(Some(&Data::Float(253.0))), number(253));
        assert_eq!(
            CellValue::from_data(Some(&Data::Bool(true))),
            CellValue::Other
        );
    }

    #[test]
    fn authorities_are_recognised_by_their_codes() {
        for code in ["E06000001", "E07000110", "E08000001", "E09000001"] {
            assert!(is_authority(code), "{code}");
        }
        for code in [
            "E92000001",
            "E12000007",
            "E10000016",
            "E0700011",
            "W06000001",
            "-",
            "1",
        ] {
            assert!(!is_authority(code), "{code}");
        }
    }
}
