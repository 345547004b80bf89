//! The rows of street files, as published: read whole, checked by column, kept in one text.
//!
//! A row is refused by file, line and column. What is not sent (`Reported by`, `LSOA name`, `Context`)
//! is not kept either.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::Error;
use crate::contract::moment::{Moment, Precision};
use crate::contract::text::{Form, IdForm, SourceForm};

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
    /// The columns by which rows are told apart, in the order they are joined in. The outcome is not
    /// among them: it changes.
    pub(super) const IDENTITY: [Self; 7] = [
        Self::Month,
        Self::FallsWithin,
        Self::CrimeType,
        Self::LsoaCode,
        Self::Longitude,
        Self::Latitude,
        Self::Location,
    ];

    /// The column's heading.
    pub(super) const fn heading(self) -> &'static str {
        HEADER[KEPT[self as usize]]
    }
}

/// A street file's name: `<yyyy-mm>-<force>-street.csv`, or `<yyyy-mm>_to_<yyyy-mm>-<force>-street.csv`;
/// either may end in `.gz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The first month of the file.
    first: String,
    /// The last month of the file.
    last: String,
    /// The force, as in the name.
    pub(super) force: String,
}

impl Name {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".gz").unwrap_or(name).strip_suffix("-street.csv")?;
        let month = |text: &str| is_month(text).then(|| text.to_owned());
        let first = month(name.get(..7)?)?;
        let (last, force) = match name[7..].strip_prefix("_to_") {
            Some(rest) => (month(rest.get(..7)?)?, rest[7..].strip_prefix('-')?),
            None => (first.clone(), name[7..].strip_prefix('-')?),
        };
        let named = Self { first, last, force: force.to_owned() };
        SourceForm::admits(named.source().as_bytes()).then_some(named)
    }

    /// The source of the file's events.
    pub(super) fn source(&self) -> String {
        format!("urn:partner:{}-police:open-data", self.force)
    }
}

fn is_month(text: &str) -> bool {
    Moment::parse(text).is_some_and(|m| m.precision() == Precision::Month)
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
        let from = if column as usize == 0 { 0 } else { ends[column as usize - 1] };
        &self.table.text[start + usize::from(from)..start + usize::from(ends[column as usize])]
    }

    /// What identifies the row where it has no id.
    pub(super) fn identity(self) -> impl Iterator<Item = &'a str> {
        Column::IDENTITY.into_iter().map(move |column| self.field(column))
    }

    /// The refusal of a field of this row.
    pub(super) fn refused(self, column: Column, rule: &'static str) -> Error {
        self.table.refused(self.span.file as usize, self.span.line, column.heading(), rule)
    }
}

impl Table {
    /// Reads files of one force, in the order of their names.
    pub(super) fn read(mut paths: Vec<PathBuf>) -> Result<(Name, Self), Error> {
        paths.sort_by(|a, b| a.file_name().cmp(&b.file_name()).then(a.cmp(b)));
        let mut table = Self::default();
        let mut of: Option<Name> = None;
        for path in paths {
            let name = Name::of(&path).ok_or_else(|| Error::Name { file: path.clone() })?;
            match &of {
                Some(first) if first.force != name.force => {
                    return Err(Error::Forces { one: first.force.clone(), other: name.force });
                }
                _ => table.read_file(path, &name)?,
            }
            of.get_or_insert(name);
        }
        Ok((of.ok_or(Error::NoFiles)?, table))
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|span| Row { table: self, span })
    }

    pub(super) fn row(&self, index: usize) -> Row<'_> {
        Row { table: self, span: &self.rows[index] }
    }

    fn read_file(&mut self, path: PathBuf, name: &Name) -> Result<(), Error> {
        let file = self.files.len();
        let reader = open(&path).map_err(|source| Error::Read { file: path.clone(), source })?;
        self.files.push(path);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(reader);
        let mut record = csv::StringRecord::new();
        let csv_error = |source| Error::Csv { file: self.files[file].clone(), source };
        if !reader.read_record(&mut record).map_err(csv_error)? {
            return Err(Error::Empty { file: self.files[file].clone() });
        }
        if let Some(missing) = HEADER.iter().enumerate().find(|(i, name)| record.get(*i) != Some(name)) {
            return Err(self.refused(file, 1, missing.1, "the header of a street file has this column here"));
        }
        loop {
            let csv_error = |source| Error::Csv { file: self.files[file].clone(), source };
            if !reader.read_record(&mut record).map_err(csv_error)? {
                return Ok(());
            }
            let line = record.position().map_or(0, csv::Position::line);
            self.check(file, line, &record, name)?;
            self.push(file, line, &record)?;
        }
    }

    fn check(&mut self, file: usize, line: u64, record: &csv::StringRecord, name: &Name) -> Result<(), Error> {
        let field = |column: Column| &record[KEPT[column as usize]];
        let (id, month, lsoa) = (field(Column::CrimeId), field(Column::Month), field(Column::LsoaCode));
        let broken = if !is_month(month) {
            Some((Column::Month, "a month is yyyy-mm"))
        } else if !(name.first.as_str()..=name.last.as_str()).contains(&month) {
            Some((Column::Month, "the month is not of the file's name"))
        } else if !(id.is_empty() || id.len() <= ID_BYTES_MAX && IdForm::admits(id.as_bytes())) {
            Some((Column::CrimeId, "an id is 1 to 100 letters, digits, `._:~/-`"))
        } else if !(lsoa.is_empty() || is_lsoa(lsoa)) {
            Some((Column::LsoaCode, "an LSOA code is E01, W01 or S01 and six digits"))
        } else if field(Column::CrimeType).is_empty() {
            Some((Column::CrimeType, "every row has a crime type"))
        } else {
            None
        };
        if let Some((column, rule)) = broken {
            return Err(self.refused(file, line, column.heading(), rule));
        }
        let owner = match self.months.get(month) {
            Some(owner) => *owner,
            None => *self.months.entry(month.to_owned()).or_insert(file),
        };
        if owner != file {
            let (one, other) = (self.files[owner].clone(), self.files[file].clone());
            return Err(Error::MonthTwice { month: month.to_owned(), one, other });
        }
        Ok(())
    }

    fn push(&mut self, file: usize, line: u64, record: &csv::StringRecord) -> Result<(), Error> {
        let start = self.text.len();
        let mut ends = [0; KEPT.len()];
        for (end, column) in ends.iter_mut().zip(KEPT) {
            self.text.push_str(&record[column]);
            *end = u16::try_from(self.text.len() - start)
                .map_err(|_| self.refused(file, line, HEADER[column], "a row has at most 65,535 bytes"))?;
        }
        self.rows.push(Span { start, ends, file: file as u32, line });
        Ok(())
    }

    fn refused(&self, file: usize, line: u64, column: &'static str, rule: &'static str) -> Error {
        Error::Field { file: self.files[file].clone(), line, column, rule }
    }
}

/// Leaves room in a subject for the month before the id and the ordinal after it.
const ID_BYTES_MAX: usize = 100;

fn is_lsoa(code: &str) -> bool {
    matches!(code.as_bytes(), [b'E' | b'W' | b'S', b'0', b'1', rest @ ..] if rest.len() == 6 && rest.iter().all(u8::is_ascii_digit))
}

fn open(path: &Path) -> std::io::Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let packed = path.extension().is_some_and(|ending| ending == "gz");
    Ok(if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_force_and_the_months_are_in_the_name() {
        let named = |name: &str| Name::of(Path::new(name)).map(|n| (n.first.clone(), n.last.clone(), n.source()));
        let kent = |last: &str| Some(("2018-10".into(), last.into(), "urn:partner:kent-police:open-data".into()));
        assert_eq!(named("a/2018-10-kent-street.csv.gz"), kent("2018-10"));
        assert_eq!(named("2018-10_to_2019-02-kent-street.csv"), kent("2019-02"));
        let irish = named("2018-10-northern-ireland-street.csv").map(|n| n.2);
        assert_eq!(irish.as_deref(), Some("urn:partner:northern-ireland-police:open-data"));
        for other in ["kent-street.csv", "2018-13-kent-street.csv", "2018-10-kent-outcomes.csv", "2018-10--street.csv"]
        {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
