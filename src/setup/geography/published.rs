//! The tables of published files: CSV, or the sheets of a workbook. Columns are recognised by their
//! published names, in any order and of any year. A file is read once, row by row; only the columns
//! that are recognised are kept.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use calamine::{DataRef, Reader, Xlsx, open_workbook};

use crate::files::csv::form_fault;

/// The rows of a sheet among which the header is searched for.
const HEADER_ROWS: usize = 15;
/// The first year of the LSOAs of 2021 in population estimates: a code without a year is older.
const OLD_LSOA_VINTAGE: u16 = 2011;

/// What a column is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Lsoa,
    Ward,
    District,
    County,
    Partnership,
    PoliceForceArea,
}

/// A recognised column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    /// A code, and the year of its boundaries.
    Code(Subject, u16),
    /// A name, and the year of its boundaries.
    Name(Subject, u16),
    /// All persons.
    Persons,
}

impl Column {
    /// The column of a published name: `LSOA21CD`, `LSOA 2021 Code`, `LAD 2023 Name`, `Total`.
    fn parse(name: &str) -> Option<Self> {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_uppercase();
        match &*name {
            "TOTAL" | "ALLAGES" | "PERSONS" => return Some(Self::Persons),
            "LSOACODE" => return Some(Self::Code(Subject::Lsoa, OLD_LSOA_VINTAGE)),
            "LSOANAME" => return Some(Self::Name(Subject::Lsoa, OLD_LSOA_VINTAGE)),
            _ => {}
        }
        let subjects = [
            ("LSOA", Subject::Lsoa),
            ("WD", Subject::Ward),
            ("LAD", Subject::District),
            ("LTLA", Subject::District),
            ("CTY", Subject::County),
            ("CSP", Subject::Partnership),
            ("PFA", Subject::PoliceForceArea),
        ];
        let (rest, subject) = subjects
            .iter()
            .find_map(|(start, subject)| Some((name.strip_prefix(start)?, *subject)))?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (year, part) = rest.split_at(digits);
        let year: u16 = match (digits, year.parse::<u16>()) {
            (2, Ok(year)) => 2000 + year,
            (4, Ok(year)) => year,
            _ => return None,
        };
        match part {
            "CD" | "CODE" => Some(Self::Code(subject, year)),
            "NM" | "NAME" => Some(Self::Name(subject, year)),
            _ => None,
        }
    }
}

/// A table of a file: its recognised columns, and their values row by row.
#[derive(Debug)]
pub(super) struct PublishedTable {
    /// The file, as messages name it.
    pub(super) file: String,
    /// The sheet of a workbook.
    pub(super) sheet: Option<String>,
    /// By column, the index of its value in a row.
    columns: BTreeMap<Column, usize>,
    rows: Vec<TableRow>,
}

#[derive(Debug)]
struct TableRow {
    number: u64,
    values: Vec<Box<str>>,
}

/// A row, as its table reads it.
#[derive(Clone, Copy)]
pub(super) struct PublishedRow<'t> {
    table: &'t PublishedTable,
    row: &'t TableRow,
}

impl PublishedTable {
    /// The year of the boundaries of a code that the table has; the newest of several.
    pub(super) fn year(&self, subject: Subject) -> Option<u16> {
        self.years(subject).next_back()
    }

    /// The years of the boundaries of a code that the table has, in order.
    pub(super) fn years(&self, subject: Subject) -> impl DoubleEndedIterator<Item = u16> {
        let columns = self.columns.keys();
        columns.filter_map(move |column| match column {
            Column::Code(own, year) if *own == subject => Some(*year),
            _ => None,
        })
    }

    /// Whether it has the persons of areas.
    pub(super) fn has_persons(&self) -> bool {
        self.columns.contains_key(&Column::Persons)
    }

    /// Its rows.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = PublishedRow<'_>> {
        self.rows
            .iter()
            .map(|row| PublishedRow { table: self, row })
    }
}

impl<'t> PublishedRow<'t> {
    /// The value of a column; empty if the table has none.
    pub(super) fn get(self, column: Column) -> &'t str {
        let index = self.table.columns.get(&column);
        index.map_or("", |index| &self.row.values[*index])
    }

    /// Where the row is, for messages.
    pub(super) fn key(self) -> String {
        match &self.table.sheet {
            Some(sheet) => format!("{sheet}, row {}", self.row.number),
            None => format!("line {}", self.row.number),
        }
    }
}

/// The columns of a header row, by the index in the row, if any is recognised as a code.
fn header<'c>(cells: impl Iterator<Item = &'c str>) -> Option<BTreeMap<Column, usize>> {
    let mut columns = BTreeMap::new();
    for (index, cell) in cells.enumerate() {
        if let Some(column) = Column::parse(cell) {
            columns.entry(column).or_insert(index);
        }
    }
    let has_code = columns
        .keys()
        .any(|column| matches!(column, Column::Code(..)));
    has_code.then_some(columns)
}

/// Gathers the rows of a table, whose header is among the first.
struct Gatherer {
    table: PublishedTable,
    /// The indexes in the file's rows of the values that are kept, once the header is found.
    kept: Vec<usize>,
    seen: usize,
}

impl Gatherer {
    fn new(file: &str, sheet: Option<&str>) -> Self {
        Self {
            table: PublishedTable {
                file: file.to_owned(),
                sheet: sheet.map(str::to_owned),
                columns: BTreeMap::new(),
                rows: Vec::new(),
            },
            kept: Vec::new(),
            seen: 0,
        }
    }

    /// Whether the header may still come.
    fn is_open(&self) -> bool {
        !self.kept.is_empty() || self.seen < HEADER_ROWS
    }

    fn add<'c>(&mut self, number: u64, cell: impl Fn(usize) -> &'c str, width: usize) {
        self.seen += 1;
        if self.kept.is_empty() {
            if let Some(columns) = header((0..width).map(cell)) {
                for (column, index) in columns {
                    self.table.columns.insert(column, self.kept.len());
                    self.kept.push(index);
                }
            }
            return;
        }
        let values: Vec<Box<str>> = self
            .kept
            .iter()
            .map(|index| cell(*index).trim().into())
            .collect();
        if values.iter().any(|value| !value.is_empty()) {
            self.table.rows.push(TableRow { number, values });
        }
    }

    /// The table, if it has a header.
    fn finish(self) -> Option<PublishedTable> {
        (!self.kept.is_empty()).then_some(self.table)
    }
}

/// The tables of a file; an error is the reason why it cannot be read.
pub(super) fn read(path: &Path, name: &str) -> Result<Vec<PublishedTable>, String> {
    let ending = path
        .extension()
        .and_then(|end| end.to_str())
        .unwrap_or_default();
    match &*ending.to_ascii_lowercase() {
        "csv" => read_csv(path, name),
        "xlsx" => read_workbook(path, name),
        _ => Err("is neither CSV nor XLSX: download it in one of these formats".to_owned()),
    }
}

fn read_csv(path: &Path, name: &str) -> Result<Vec<PublishedTable>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if let Some(fault) = form_fault(&bytes) {
        return Err(format!("it {fault}"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut gatherer = Gatherer::new(name, None);
    let mut record = csv::ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| error.to_string())?
        && gatherer.is_open()
    {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |index: usize| std::str::from_utf8(record.get(index).unwrap_or_default());
        // Welsh names in an older encoding do not matter; codes are ASCII.
        gatherer.add(line, |index| cell(index).unwrap_or_default(), record.len());
    }
    Ok(gatherer.finish().into_iter().collect())
}

fn read_workbook(path: &Path, name: &str) -> Result<Vec<PublishedTable>, String> {
    let mut book: Xlsx<BufReader<File>> =
        open_workbook(path).map_err(|error: calamine::XlsxError| error.to_string())?;
    let mut tables = Vec::new();
    for sheet in book.sheet_names() {
        let mut gatherer = Gatherer::new(name, Some(&sheet));
        // Cell by cell: a sheet of single years of age has millions of them.
        let mut cells = book
            .worksheet_cells_reader(&sheet)
            .map_err(|error| format!("{sheet}: {error}"))?;
        let (mut number, mut row): (u32, Vec<String>) = (0, Vec::new());
        let add = |number: u32, row: &mut Vec<String>, gatherer: &mut Gatherer| {
            if !row.is_empty() {
                let cell = |index: usize| row.get(index).map_or("", String::as_str);
                gatherer.add(u64::from(number) + 1, cell, row.len());
                row.clear();
            }
        };
        while let Some(cell) = cells
            .next_cell()
            .map_err(|error| format!("{sheet}: {error}"))?
        {
            let (at, column) = cell.get_position();
            if at != number {
                add(number, &mut row, &mut gatherer);
                number = at;
                if !gatherer.is_open() {
                    break;
                }
            }
            let index = column as usize;
            if gatherer.kept.is_empty() || gatherer.kept.contains(&index) {
                row.resize(row.len().max(index + 1), String::new());
                row[index] = text(cell.get_value());
            }
        }
        add(number, &mut row, &mut gatherer);
        tables.extend(gatherer.finish());
    }
    Ok(tables)
}

/// A cell as text; a whole number without decimals.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_recognised_by_their_published_names() {
        for (name, column) in [
            ("LSOA21CD", Column::Code(Subject::Lsoa, 2021)),
            ("lsoa11nm", Column::Name(Subject::Lsoa, 2011)),
            ("LSOA 2021 Code", Column::Code(Subject::Lsoa, 2021)),
            ("LSOA Code", Column::Code(Subject::Lsoa, 2011)),
            ("WD24CD", Column::Code(Subject::Ward, 2024)),
            ("LAD 2023 Name", Column::Name(Subject::District, 2023)),
            ("CTY23CD", Column::Code(Subject::County, 2023)),
            ("CSP23NM", Column::Name(Subject::Partnership, 2023)),
            ("PFA23CD", Column::Code(Subject::PoliceForceArea, 2023)),
            ("Total", Column::Persons),
            ("All Ages", Column::Persons),
        ] {
            assert_eq!(Column::parse(name), Some(column), "{name}");
        }
        for name in [
            "",
            "LAD24NMW",
            "CTYUA23CD",
            "MSOA21CD",
            "F0",
            "ObjectId",
            "CHGIND",
            "LSOA21",
        ] {
            assert_eq!(Column::parse(name), None, "{name}");
        }
    }
}
