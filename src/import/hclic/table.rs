//! The published tables as they stand in the files: a sheet of a workbook, or lines of the long
//! CSV.
//!
//! Read one at a time; only the rows of authorities, since those of regions and of England are
//! rounded.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use calamine::{Data, Range, Reader, Xlsx, open_workbook};

use super::heading::Heading;
use super::{Error, Quarter};
use crate::contract::parts::Quantity;

/// So many rows above the first figures are headings; what stands higher is title, unit or for the
/// look-up sheets.
const HEADING_ROWS: u32 = 4;
/// The first column that may hold figures: before it are code and name.
const FIRST_FIGURE: u32 = 2;
/// The header of the long CSV.
const HEADER: [&str; 5] = ["quarter_end", "table", "col", "measure", "value"];

/// A table that is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
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

impl Name {
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

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|name| name.to_string() == text)
            .ok_or(())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A table of one quarter.
pub(super) struct Table<'f> {
    pub(super) file: &'f Path,
    /// The sheet; none = lines of the long CSV.
    sheet: Option<String>,
    pub(super) name: Name,
    pub(super) quarter: Quarter,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    /// Rows of figures that are of no authority.
    pub(super) rounded_rows: usize,
}

/// A column of figures.
pub(super) struct Column {
    pub(super) heading: Heading,
    /// Its place in the sheet, from 0.
    at: u32,
    /// Its line in the long CSV.
    line: u64,
}

/// The figures of an authority, one for each column.
pub(super) struct Row {
    pub(super) authority: String,
    pub(super) cells: Vec<Cell>,
    /// Its place in the sheet, from 0.
    at: u32,
}

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Blank,
    Number(Quantity),
    /// `..`: the authority sent no or incomplete data.
    NotSupplied,
    /// `-`: the publisher withholds it.
    Suppressed,
    /// Anything else, such as a fraction.
    Other,
}

impl Cell {
    fn of_text(text: &str) -> Self {
        match text.trim() {
            "" => Self::Blank,
            ".." => Self::NotSupplied,
            "-" => Self::Suppressed,
            text => text.parse().map_or(Self::Other, Self::of_number),
        }
    }

    /// What is integral is an integer: a workbook has no other numbers than floating ones.
    fn of_number(number: f64) -> Self {
        let (least, most) = Quantity::BOUNDS;
        let is_quantity =
            number.fract() == 0.0 && (f64::from(least)..=f64::from(most)).contains(&number);
        if is_quantity {
            Self::Number(Quantity(number as i32))
        } else {
            Self::Other
        }
    }

    fn of(data: Option<&Data>) -> Self {
        match data {
            None | Some(Data::Empty) => Self::Blank,
            Some(Data::String(text)) => Self::of_text(text),
            Some(Data::Float(number)) => Self::of_number(*number),
            Some(Data::Int(number)) => Self::of_number(*number as f64),
            Some(_) => Self::Other,
        }
    }
}

impl Table<'_> {
    /// The refusal of a column's heading, or of a cell.
    pub(super) fn refused(&self, column: &Column, row: Option<&Row>, rule: &'static str) -> Error {
        let place = match (&self.sheet, row) {
            (Some(sheet), Some(row)) => {
                format!("sheet `{sheet}`, cell {}{}", letters(column.at), row.at + 1)
            }
            (Some(sheet), None) => format!("sheet `{sheet}`, column {}", letters(column.at)),
            (None, _) => format!("line {}", column.line),
        };
        Error::Place {
            file: self.file.to_owned(),
            place,
            rule,
        }
    }
}

/// The letters of a column, as spreadsheets show them.
fn letters(column: u32) -> String {
    let last = char::from(b'A' + (column % 26) as u8);
    let before = if column < 26 {
        String::new()
    } else {
        letters(column / 26 - 1)
    };
    format!("{before}{last}")
}

/// Hands out the tables of a file, one at a time. The long CSV does not say which authority it is
/// of.
pub(super) fn each_table<'f>(
    file: &'f Path,
    authority: Option<&str>,
    each: impl FnMut(Table<'f>) -> Result<(), Error>,
) -> Result<(), Error> {
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("xlsx") => each_sheet(file, each),
        Some("csv") => each_quarter(file, authority, each),
        _ => Err(Error::Ending {
            file: file.to_owned(),
        }),
    }
}

fn each_sheet<'f>(
    file: &'f Path,
    mut each: impl FnMut(Table<'f>) -> Result<(), Error>,
) -> Result<(), Error> {
    let broken = |source| Error::Workbook {
        file: file.to_owned(),
        source,
    };
    let mut book: Xlsx<_> = open_workbook(file).map_err(broken)?;
    // `A1`, and `A1 - Apr-Jun 18` in 2018.
    let name_of = |sheet: &String| {
        Some((
            sheet.split_whitespace().next()?.parse().ok()?,
            sheet.clone(),
        ))
    };
    let sheets: Vec<(Name, String)> = book.sheet_names().iter().filter_map(name_of).collect();
    if sheets.is_empty() {
        return Err(Error::NoTables {
            file: file.to_owned(),
        });
    }
    for (name, sheet) in sheets {
        let range = book.worksheet_range(&sheet).map_err(broken)?;
        each(
            Sheet {
                file,
                name: sheet,
                range,
            }
            .table(name)?,
        )?;
    }
    Ok(())
}

/// A sheet of a workbook.
struct Sheet<'f> {
    file: &'f Path,
    name: String,
    range: Range<Data>,
}

impl<'f> Sheet<'f> {
    fn table(self, name: Name) -> Result<Table<'f>, Error> {
        let quarter = Quarter::of_title(self.text(0, 0).unwrap_or_default()).ok_or_else(|| {
            self.refused(
                "cell A1",
                "the title names no quarter, such as `April to June 2018`",
            )
        })?;
        let (_, (last_row, last_column)) =
            (self.range.start(), self.range.end().unwrap_or_default());
        let first_row = (0..=last_row)
            .find(|row| self.text(*row, 0).is_some_and(is_area))
            .ok_or_else(|| self.refused("column A", "no row begins with the code of an area"))?;
        let headings = first_row.saturating_sub(HEADING_ROWS)..first_row;
        let columns: Vec<Column> = (FIRST_FIGURE..=last_column)
            .filter_map(|at| {
                Some(Column {
                    heading: self.heading(headings.clone(), at)?,
                    at,
                    line: 0,
                })
            })
            .collect();
        let (mut rows, mut rounded_rows) = (Vec::new(), 0);
        for at in first_row..=last_row {
            match self.text(at, 0) {
                Some(code) if is_authority(code) => {
                    rows.push(self.row(code.to_owned(), at, &columns, last_column)?)
                }
                Some(_)
                    if columns
                        .iter()
                        .any(|column| matches!(self.cell(at, column.at), Cell::Number(_))) =>
                {
                    rounded_rows += 1;
                }
                _ => {}
            }
        }
        Ok(Table {
            file: self.file,
            sheet: Some(self.name),
            name,
            quarter,
            columns,
            rows,
            rounded_rows,
        })
    }

    /// The heading of a column: down to the last text in the column itself, and in each row above
    /// the text that stands there or, for a heading over several columns, to the left.
    fn heading(&self, rows: std::ops::Range<u32>, column: u32) -> Option<Heading> {
        let leaf = rows
            .clone()
            .rev()
            .find(|row| self.printed(*row, column).is_some())?;
        let part = |row| {
            (0..=column)
                .rev()
                .find_map(|column| self.printed(row, column))
        };
        let parts: Vec<String> = (rows.start..=leaf).filter_map(part).collect();
        Some(Heading::of(parts.iter().map(String::as_str)))
    }

    fn row(
        &self,
        authority: String,
        at: u32,
        columns: &[Column],
        last_column: u32,
    ) -> Result<Row, Error> {
        let has_heading = |at: u32| {
            columns
                .binary_search_by_key(&at, |column| column.at)
                .is_ok()
        };
        let is_figure = |column: u32| matches!(self.cell(at, column), Cell::Number(_));
        if let Some(column) =
            (FIRST_FIGURE..=last_column).find(|column| !has_heading(*column) && is_figure(*column))
        {
            let place = format!("cell {}{}", letters(column), at + 1);
            return Err(self.refused(&place, "a figure stands under no heading"));
        }
        let cells = columns
            .iter()
            .map(|column| self.cell(at, column.at))
            .collect();
        Ok(Row {
            authority,
            cells,
            at,
        })
    }

    fn cell(&self, row: u32, column: u32) -> Cell {
        Cell::of(self.range.get_value((row, column)))
    }

    fn text(&self, row: u32, column: u32) -> Option<&str> {
        match self.range.get_value((row, column)) {
            Some(Data::String(text)) => Some(text.trim()),
            _ => None,
        }
    }

    /// What a heading's cell shows: among texts there are the numbers 1 and 2.
    fn printed(&self, row: u32, column: u32) -> Option<String> {
        let shown = self.range.get_value((row, column))?.to_string();
        (!shown.trim().is_empty()).then_some(shown)
    }

    fn refused(&self, place: &str, rule: &'static str) -> Error {
        Error::Place {
            file: self.file.to_owned(),
            place: format!("sheet `{}`, {place}", self.name),
            rule,
        }
    }
}

fn is_area(code: &str) -> bool {
    matches!(code.as_bytes(), [letter, rest @ ..] if letter.is_ascii_uppercase() && rest.len() == 8 && rest.iter().all(u8::is_ascii_digit))
}

/// A unitary authority, a district, a metropolitan district or a London borough.
pub(super) fn is_authority(code: &str) -> bool {
    is_area(code) && matches!(code.as_bytes(), [b'E', b'0', b'6'..=b'9', ..])
}

/// A line of the long CSV.
struct Line {
    number: u64,
    quarter: Quarter,
    name: Name,
    at: u32,
    heading: Heading,
    cell: Cell,
}

/// Lines of one quarter and table that follow each other are a table.
fn each_quarter<'f>(
    file: &'f Path,
    authority: Option<&str>,
    mut each: impl FnMut(Table<'f>) -> Result<(), Error>,
) -> Result<(), Error> {
    let authority = authority.ok_or_else(|| Error::NoAuthority {
        file: file.to_owned(),
    })?;
    let broken = |source| Error::Csv {
        file: file.to_owned(),
        source,
    };
    let opened = File::open(file).map_err(|source| Error::Read {
        file: file.to_owned(),
        source,
    })?;
    let mut reader = csv::Reader::from_reader(opened);
    if *reader.headers().map_err(broken)? != HEADER[..] {
        let rule = "the header is not `quarter_end,table,col,measure,value`";
        return Err(Error::Place {
            file: file.to_owned(),
            place: "line 1".to_owned(),
            rule,
        });
    }
    let mut open: Option<Table<'f>> = None;
    for record in reader.records() {
        let Some(line) = line_of(file, &record.map_err(broken)?)? else {
            continue;
        };
        if let Some(whole) =
            open.take_if(|table| (table.quarter, table.name) != (line.quarter, line.name))
        {
            each(whole)?;
        }
        open.get_or_insert_with(|| empty_table(file, authority, &line))
            .push(line);
    }
    open.map_or(Ok(()), each)
}

fn empty_table<'f>(file: &'f Path, authority: &str, line: &Line) -> Table<'f> {
    let row = Row {
        authority: authority.to_owned(),
        cells: Vec::new(),
        at: 0,
    };
    let (name, quarter) = (line.name, line.quarter);
    Table {
        file,
        sheet: None,
        name,
        quarter,
        columns: Vec::new(),
        rows: vec![row],
        rounded_rows: 0,
    }
}

impl Table<'_> {
    fn push(&mut self, line: Line) {
        self.columns.push(Column {
            heading: line.heading,
            at: line.at,
            line: line.number,
        });
        self.rows[0].cells.push(line.cell);
    }
}

/// A line of a table that is imported; the others hold tables that are not.
fn line_of(file: &Path, record: &csv::StringRecord) -> Result<Option<Line>, Error> {
    let Ok(name) = record[1].parse() else {
        return Ok(None);
    };
    let number = record.position().map_or(0, csv::Position::line);
    let refused = |rule| Error::Place {
        file: PathBuf::from(file),
        place: format!("line {number}"),
        rule,
    };
    let quarter = Quarter::of_digits(&record[0])
        .ok_or_else(|| refused("`quarter_end` is the last month of a quarter, yyyymm"))?;
    let at = record[2]
        .parse()
        .map_err(|_| refused("`col` is the number of a column, from 0"))?;
    let heading = Heading::of(record[3].split(" > "));
    Ok(Some(Line {
        number,
        quarter,
        name,
        at,
        heading,
        cell: Cell::of_text(&record[4]),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_number_or_says_why_not() {
        let number = |n| Cell::Number(Quantity(n));
        for (text, cell) in [
            ("0", number(0)),
            (" 12 ", number(12)),
            ("", Cell::Blank),
            ("..", Cell::NotSupplied),
            ("-", Cell::Suppressed),
            ("-1", Cell::Other),
            ("1.5", Cell::Other),
            ("1e10", Cell::Other),
            ("c", Cell::Other),
        ] {
            assert_eq!(Cell::of_text(text), cell, "{text}");
        }
        assert_eq!(Cell::of(Some(&Data::Float(253.0))), number(253));
        assert_eq!(Cell::of(Some(&Data::Bool(true))), Cell::Other);
    }

    #[test]
    fn a_column_has_the_letters_of_a_spreadsheet() {
        assert_eq!(
            [0, 25, 26, 51, 52, 702].map(letters),
            ["A", "Z", "AA", "AZ", "BA", "AAA"]
        );
    }

    #[test]
    fn authorities_are_told_by_their_codes() {
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
