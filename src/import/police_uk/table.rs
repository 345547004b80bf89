//! The rows of street files as published: read in full, checked by column, kept in one text.
//!
//! An error names file, line and column. Columns that neither are sent nor show a fault (`LSOA
//! name`, `Context`) are not kept.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::PoliceUkError;
use super::checks::{FileOddity, PoliceUkWarning, is_force};
use super::file::{self, CsvLine, FileName, NOT_A_MONTH, NOT_IN_FILE_NAME, is_month};
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

/// The columns that are kept, by their index in [`HEADER`].
const KEPT: [usize; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10];

/// A column that is kept, by its index in [`KEPT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreetColumn {
    CrimeId,
    Month,
    ReportedBy,
    FallsWithin,
    Longitude,
    Latitude,
    Location,
    LsoaCode,
    CrimeType,
    LastOutcome,
}

impl StreetColumn {
    /// The columns that distinguish rows, in the order in which they are joined. The outcome is not
    /// one of them, since it changes.
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
pub(super) struct StreetRows {
    files: Vec<PathBuf>,
    text: String,
    rows: Vec<RowSpan>,
    /// The months of the rows, and the file of each.
    pub(super) months: BTreeMap<String, usize>,
    /// What is odd about the files.
    pub(super) warnings: Vec<PoliceUkWarning>,
}

/// The position of a row's text, and its origin.
struct RowSpan {
    start: usize,
    ends: [u16; KEPT.len()],
    file: u32,
    line: u64,
}

/// A row of a [`StreetRows`].
#[derive(Clone, Copy)]
pub(super) struct StreetRow<'a> {
    table: &'a StreetRows,
    span: &'a RowSpan,
}

impl<'a> StreetRow<'a> {
    pub(super) fn field(self, column: StreetColumn) -> &'a str {
        let RowSpan { start, ends, .. } = self.span;
        let from = if column as usize == 0 {
            0
        } else {
            ends[column as usize - 1]
        };
        &self.table.text[start + usize::from(from)..start + usize::from(ends[column as usize])]
    }

    /// All kept columns.
    fn text(self) -> &'a str {
        let RowSpan { start, ends, .. } = self.span;
        &self.table.text[*start..start + usize::from(ends[KEPT.len() - 1])]
    }

    /// The file of this row.
    pub(super) fn file(self) -> &'a Path {
        &self.table.files[self.span.file as usize]
    }

    /// What identifies a row without an id.
    pub(super) fn identity(self) -> impl Iterator<Item = &'a str> {
        StreetColumn::IDENTITY
            .into_iter()
            .map(move |column| self.field(column))
    }

    /// The error for a field of this row.
    pub(super) fn error(self, column: StreetColumn, rule: &'static str) -> PoliceUkError {
        let file = self.table.files[self.span.file as usize].clone();
        PoliceUkError::Field {
            file,
            line: self.span.line,
            column: HEADER[KEPT[column as usize]],
            rule,
        }
    }
}

impl StreetRows {
    /// Reads files of one force.
    pub(super) fn read(files: Vec<(PathBuf, FileName)>) -> Result<Self, PoliceUkError> {
        let mut table = Self::default();
        for (path, name) in files {
            let file = table.files.len();
            table.files.push(path.clone());
            let first_row = table.rows.len();
            file::each_line(&path, &HEADER, |line| {
                table.check(file, line, &name)?;
                table.push(file, line)
            })?;
            table.check_file(&path, &name.force, first_row)?;
            table.keep_identical_rows_once(&path, first_row);
        }
        Ok(table)
    }

    /// Checks the rows of a file together, from `first_row` on.
    fn check_file(
        &mut self,
        path: &Path,
        force: &str,
        first_row: usize,
    ) -> Result<(), PoliceUkError> {
        let all = self.rows.len() - first_row;
        if all == 0 {
            self.warnings
                .push(PoliceUkWarning::new(path, FileOddity::NoRows));
        }
        let naming_other = |column: StreetColumn| {
            let mut known: HashMap<&str, bool> = HashMap::new();
            let rows = self.rows().skip(first_row).filter(|row| {
                let name = row.field(column);
                !*known
                    .entry(name)
                    .or_insert_with(|| name.is_empty() || is_force(name, force))
            });
            rows.count()
        };
        let rows = naming_other(StreetColumn::FallsWithin);
        if rows > 0 {
            return Err(PoliceUkError::OtherForce {
                file: path.to_owned(),
                rows,
                all,
                force: force.to_owned(),
            });
        }
        let rows = naming_other(StreetColumn::ReportedBy);
        if rows > 0 {
            let oddity = FileOddity::ReportedByOther { rows };
            self.warnings.push(PoliceUkWarning::new(path, oddity));
        }
        Ok(())
    }

    /// Keeps the first of rows of a file that share an id and are equal in every column, if there
    /// are at least [`IDENTICAL_ROWS_MIN`].
    fn keep_identical_rows_once(&mut self, path: &Path, first_row: usize) {
        let mut equal: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, row) in self.rows().enumerate().skip(first_row) {
            if !row.field(StreetColumn::CrimeId).is_empty() {
                equal.entry(row.text()).or_default().push(index);
            }
        }
        equal.retain(|_, rows| rows.len() >= IDENTICAL_ROWS_MIN);
        if equal.is_empty() {
            return;
        }
        let oddity = FileOddity::IdenticalRows {
            rows: equal.values().map(Vec::len).sum(),
            ids: equal.len(),
        };
        let repeated = equal
            .into_values()
            .flat_map(|rows| rows.into_iter().skip(1));
        let repeated: HashSet<usize> = repeated.collect();
        self.warnings.push(PoliceUkWarning::new(path, oddity));
        let mut index = 0;
        self.rows.retain(|_| {
            index += 1;
            !repeated.contains(&(index - 1))
        });
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = StreetRow<'_>> {
        self.rows.iter().map(|span| StreetRow { table: self, span })
    }

    pub(super) fn row(&self, index: usize) -> StreetRow<'_> {
        StreetRow {
            table: self,
            span: &self.rows[index],
        }
    }

    fn check(
        &mut self,
        file: usize,
        line: CsvLine<'_>,
        name: &FileName,
    ) -> Result<(), PoliceUkError> {
        let field = |column: StreetColumn| line.field(KEPT[column as usize]);
        let (id, month, lsoa) = (
            field(StreetColumn::CrimeId),
            field(StreetColumn::Month),
            field(StreetColumn::LsoaCode),
        );
        let broken = if !is_month(month) {
            Some((StreetColumn::Month, NOT_A_MONTH))
        } else if !name.has(month) {
            Some((StreetColumn::Month, NOT_IN_FILE_NAME))
        } else if !(id.is_empty() || id.len() <= ID_BYTES_MAX && IdForm::admits(id.as_bytes())) {
            Some((
                StreetColumn::CrimeId,
                "expected an id of 1 to 100 letters, digits or `._:~/-`",
            ))
        } else if !(lsoa.is_empty() || is_lsoa(lsoa)) {
            Some((
                StreetColumn::LsoaCode,
                "expected an LSOA code: E01, W01 or S01 and six digits",
            ))
        } else if field(StreetColumn::CrimeType).is_empty() {
            Some((StreetColumn::CrimeType, "the crime type is missing"))
        } else {
            None
        };
        if let Some((column, rule)) = broken {
            return Err(line.error(KEPT[column as usize], rule));
        }
        let owner = match self.months.get(month) {
            Some(owner) => *owner,
            None => *self.months.entry(month.to_owned()).or_insert(file),
        };
        if owner != file {
            let (one, other) = (self.files[owner].clone(), self.files[file].clone());
            return Err(PoliceUkError::MonthTwice {
                month: month.to_owned(),
                one,
                other,
            });
        }
        Ok(())
    }

    fn push(&mut self, file: usize, line: CsvLine<'_>) -> Result<(), PoliceUkError> {
        let start = self.text.len();
        let mut ends = [0; KEPT.len()];
        for (end, column) in ends.iter_mut().zip(KEPT) {
            self.text.push_str(line.field(column));
            *end = u16::try_from(self.text.len() - start)
                .map_err(|_| line.error(column, "the row is longer than 65,535 bytes"))?;
        }
        self.rows.push(RowSpan {
            start,
            ends,
            file: file as u32,
            line: line.number,
        });
        Ok(())
    }
}

/// This many identical rows of one id are a fault of the file, and are one record. Two are published
/// now and then for two crimes.
const IDENTICAL_ROWS_MIN: usize = 3;

/// Leaves room in a subject for the month before the id and the ordinal after it.
const ID_BYTES_MAX: usize = 100;

fn is_lsoa(code: &str) -> bool {
    matches!(code.as_bytes(), [b'E' | b'W' | b'S', b'0', b'1', rest @ ..] if rest.len() == 6 && rest.iter().all(u8::is_ascii_digit))
}
