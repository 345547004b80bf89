//! The rows of street files, as published: read whole, checked by column, kept in one text.
//!
//! A row is refused by file, line and column. What is not sent (`Reported by`, `LSOA name`,
//! `Context`) is not kept either.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Error;
use super::file::{self, Line, Name, is_month};
use crate::contract::text::{Form, IdForm};

/// The header of a street file.
const HEADER: [&str; 12] = [
    "Crime ID",
    "Month",
    "Reported by",
    "Falls within",
    "Longitude",
    "Latitude",
    "Location",
    "LSOA code",
    "LSOA name",
    "Crime type",
    "Last outcome category",
    "Context",
];

/// The columns that are kept, by their place in [`HEADER`].
const KEPT: [usize; 9] = [0, 1, 3, 4, 5, 6, 7, 9, 10];

/// A column that is kept, by its place in [`KEPT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    CrimeId,
    Month,
    FallsWithin,
    Longitude,
    Latitude,
    Location,
    LsoaCode,
    CrimeType,
    LastOutcome,
}

impl Column {
    /// The columns by which rows are told apart, in the order they are joined in. The outcome is
    /// not among them: it changes.
    pub(super) const IDENTITY: [Self; 7] = [
        Self::Month,
        Self::FallsWithin,
        Self::CrimeType,
        Self::LsoaCode,
        Self::Longitude,
        Self::Latitude,
        Self::Location,
    ];
}

/// Rows of the street files of one force.
#[derive(Default)]
pub(super) struct Table {
    files: Vec<PathBuf>,
    text: String,
    rows: Vec<Span>,
    /// The months held, and the file each is in.
    pub(super) months: BTreeMap<String, usize>,
}

/// Where a row's text is, and where it came from.
struct Span {
    start: usize,
    ends: [u16; KEPT.len()],
    file: u32,
    line: u64,
}

/// A row of a [`Table`].
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table,
    span: &'a Span,
}

impl<'a> Row<'a> {
    pub(super) fn field(self, column: Column) -> &'a str {
        let Span { start, ends, .. } = self.span;
        let from = if column as usize == 0 {
            0
        } else {
            ends[column as usize - 1]
        };
        &self.table.text[start + usize::from(from)..start + usize::from(ends[column as usize])]
    }

    /// What identifies the row where it has no id.
    pub(super) fn identity(self) -> impl Iterator<Item = &'a str> {
        Column::IDENTITY
            .into_iter()
            .map(move |column| self.field(column))
    }

    /// The refusal of a field of this row.
    pub(super) fn refused(self, column: Column, rule: &'static str) -> Error {
        let file = self.table.files[self.span.file as usize].clone();
        Error::Field {
            file,
            line: self.span.line,
            column: HEADER[KEPT[column as usize]],
            rule,
        }
    }
}

impl Table {
    /// Reads files of one force.
    pub(super) fn read(files: Vec<(PathBuf, Name)>) -> Result<Self, Error> {
        let mut table = Self::default();
        for (path, name) in files {
            let file = table.files.len();
            table.files.push(path.clone());
            file::each_line(&path, &HEADER, |line| {
                table.check(file, line, &name)?;
                table.push(file, line)
            })?;
        }
        Ok(table)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|span| Row { table: self, span })
    }

    pub(super) fn row(&self, index: usize) -> Row<'_> {
        Row {
            table: self,
            span: &self.rows[index],
        }
    }

    fn check(&mut self, file: usize, line: Line<'_>, name: &Name) -> Result<(), Error> {
        let field = |column: Column| line.field(KEPT[column as usize]);
        let (id, month, lsoa) = (
            field(Column::CrimeId),
            field(Column::Month),
            field(Column::LsoaCode),
        );
        let broken = if !is_month(month) {
            Some((Column::Month, "a month is yyyy-mm"))
        } else if !name.has(month) {
            Some((Column::Month, "the month is not of the file's name"))
        } else if !(id.is_empty() || id.len() <= ID_BYTES_MAX && IdForm::admits(id.as_bytes())) {
            Some((
                Column::CrimeId,
                "an id is 1 to 100 letters, digits, `._:~/-`",
            ))
        } else if !(lsoa.is_empty() || is_lsoa(lsoa)) {
            Some((
                Column::LsoaCode,
                "an LSOA code is E01, W01 or S01 and six digits",
            ))
        } else if field(Column::CrimeType).is_empty() {
            Some((Column::CrimeType, "every row has a crime type"))
        } else {
            None
        };
        if let Some((column, rule)) = broken {
            return Err(line.refused(KEPT[column as usize], rule));
        }
        let owner = match self.months.get(month) {
            Some(owner) => *owner,
            None => *self.months.entry(month.to_owned()).or_insert(file),
        };
        if owner != file {
            let (one, other) = (self.files[owner].clone(), self.files[file].clone());
            return Err(Error::MonthTwice {
                month: month.to_owned(),
                one,
                other,
            });
        }
        Ok(())
    }

    fn push(&mut self, file: usize, line: Line<'_>) -> Result<(), Error> {
        let start = self.text.len();
        let mut ends = [0; KEPT.len()];
        for (end, column) in ends.iter_mut().zip(KEPT) {
            self.text.push_str(line.field(column));
            *end = u16::try_from(self.text.len() - start)
                .map_err(|_| line.refused(column, "a row has at most 65,535 bytes"))?;
        }
        self.rows.push(Span {
            start,
            ends,
            file: file as u32,
            line: line.number,
        });
        Ok(())
    }
}

/// Leaves room in a subject for the month before the id and the ordinal after it.
const ID_BYTES_MAX: usize = 100;

fn is_lsoa(code: &str) -> bool {
    matches!(code.as_bytes(), [b'E' | b'W' | b'S', b'0', b'1', rest @ ..] if rest.len() == 6 && rest.iter().all(u8::is_ascii_digit))
}
