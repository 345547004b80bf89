//! The files of data.police.uk: their names and their lines.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::PoliceUkError;
use crate::contract::moment::{Moment, Precision};
use crate::contract::text::{Form, SourceForm};
use crate::files::csv::form_fault;

/// Errors of fields that several files have.
pub(super) const NOT_A_MONTH: &str = "expected a month, yyyy-mm";
pub(super) const NOT_IN_FILE_NAME: &str = "this month is not in the name of the file";
pub(super) const AFTER_RELEASE: &str = "this month is after --release";
pub(super) const NOT_ALLOWED: &str = "the contract does not allow this text";

/// What a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileContent {
    Street,
    Outcomes,
    Searches,
}

impl FileContent {
    const ENDINGS: [(&'static str, Self); 3] = [
        ("-street.csv", Self::Street),
        ("-outcomes.csv", Self::Outcomes),
        ("-stop-and-search.csv", Self::Searches),
    ];
}

/// A file's name: `<yyyy-mm>-<force>-street.csv`, or `<yyyy-mm>_to_<yyyy-mm>-<force>-street.csv`;
/// the others likewise. Each may end in `.gz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileName {
    /// The first month of the file.
    pub(super) first: String,
    /// The last month of the file.
    pub(super) last: String,
    /// The force, as in the name.
    pub(super) force: String,
    pub(super) content: FileContent,
}

impl FileName {
    pub(super) fn parse(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let (name, content) = FileContent::ENDINGS
            .iter()
            .find_map(|(end, content)| Some((name.strip_suffix(end)?, *content)))?;
        let first = month_text(name.get(..7)?)?;
        let (last, force) = match name[7..].strip_prefix("_to_") {
            Some(rest) => (month_text(rest.get(..7)?)?, rest[7..].strip_prefix('-')?),
            None => (first.clone(), name[7..].strip_prefix('-')?),
        };
        let named = Self {
            first,
            last,
            force: force.to_owned(),
            content,
        };
        SourceForm::admits(named.source().as_bytes()).then_some(named)
    }

    /// The source of the file's events.
    pub(super) fn source(&self) -> String {
        format!("urn:partner:{}-police:open-data", self.force)
    }

    /// Whether a month is one of the file's.
    pub(super) fn has(&self, month: &str) -> bool {
        (self.first.as_str()..=self.last.as_str()).contains(&month)
    }
}

fn month_text(text: &str) -> Option<String> {
    is_month(text).then(|| text.to_owned())
}

pub(super) fn is_month(text: &str) -> bool {
    Moment::parse(text).is_some_and(|m| m.precision() == Precision::Month)
}

/// The files of one force, in the order of their names.
pub(super) fn sort(mut paths: Vec<PathBuf>) -> Result<Vec<(PathBuf, FileName)>, PoliceUkError> {
    paths.sort_by(|a, b| a.file_name().cmp(&b.file_name()).then(a.cmp(b)));
    let mut files: Vec<(PathBuf, FileName)> = Vec::with_capacity(paths.len());
    for path in paths {
        let name = FileName::parse(&path).ok_or_else(|| {
            let file = path.clone();
            if path.is_file() {
                PoliceUkError::Name { file }
            } else {
                PoliceUkError::Absent { file }
            }
        })?;
        if let Some((_, first)) = files.first().filter(|(_, first)| first.force != name.force) {
            return Err(PoliceUkError::Forces {
                one: first.force.clone(),
                other: name.force,
            });
        }
        files.push((path, name));
    }
    Ok(files)
}

/// Fails if two file names have a month in common.
pub(super) fn check_months(files: &[(PathBuf, FileName)]) -> Result<(), PoliceUkError> {
    for (i, (other, name)) in files.iter().enumerate() {
        if let Some((one, _)) = files[..i]
            .iter()
            .find(|(_, one)| one.has(&name.first) || name.has(&one.first))
        {
            return Err(PoliceUkError::MonthTwice {
                month: name.first.clone(),
                one: one.clone(),
                other: other.clone(),
            });
        }
    }
    Ok(())
}

/// A line of a file.
#[derive(Clone, Copy)]
pub(super) struct CsvLine<'r> {
    pub(super) file: &'r Path,
    pub(super) number: u64,
    header: &'static [&'static str],
    record: &'r csv::StringRecord,
}

impl<'r> CsvLine<'r> {
    /// The field of a column, by its index in the header.
    pub(super) fn field(self, column: usize) -> &'r str {
        &self.record[column]
    }

    /// The error for a field.
    pub(super) fn error(self, column: usize, rule: &'static str) -> PoliceUkError {
        PoliceUkError::Field {
            file: self.file.to_owned(),
            line: self.number,
            column: self.header[column],
            rule,
        }
    }
}

/// Calls `each` with the lines of a file below its header, which must be `header`; returns how many
/// there are.
pub(super) fn each_line(
    file: &Path,
    header: &'static [&'static str],
    mut each: impl FnMut(CsvLine<'_>) -> Result<(), PoliceUkError>,
) -> Result<usize, PoliceUkError> {
    let csv_error = |source| PoliceUkError::Csv {
        file: file.to_owned(),
        source,
    };
    let opened = open(file).map_err(|source| PoliceUkError::Read {
        file: file.to_owned(),
        source,
    })?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(opened);
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).map_err(csv_error)? {
        return Err(PoliceUkError::Empty {
            file: file.to_owned(),
        });
    }
    if let Some(missing) = (0..header.len()).find(|i| record.get(*i) != Some(header[*i])) {
        let line = CsvLine {
            file,
            number: 1,
            header,
            record: &record,
        };
        if let Some(fault) = record.get(0).and_then(|first| form_fault(first.as_bytes())) {
            return Err(PoliceUkError::Form {
                file: file.to_owned(),
                fault,
            });
        }
        return Err(line.error(missing, "the header must have this column at this position"));
    }
    let mut lines = 0;
    while reader.read_record(&mut record).map_err(csv_error)? {
        lines += 1;
        let number = record.position().map_or(0, csv::Position::line);
        each(CsvLine {
            file,
            number,
            header,
            record: &record,
        })?;
    }
    Ok(lines)
}

fn open(path: &Path) -> std::io::Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let is_gzipped = path.extension().is_some_and(|ending| ending == "gz");
    Ok(if is_gzipped {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_states_force_months_and_content() {
        let named = |name: &str| {
            FileName::parse(Path::new(name)).map(|n| (n.first.clone(), n.last.clone(), n.source()))
        };
        let kent = |last: &str| {
            Some((
                "2018-10".into(),
                last.into(),
                "urn:partner:kent-police:open-data".into(),
            ))
        };
        assert_eq!(named("a/2018-10-kent-street.csv.gz"), kent("2018-10"));
        assert_eq!(named("2018-10_to_2019-02-kent-street.csv"), kent("2019-02"));
        let irish = named("2018-10-northern-ireland-street.csv").map(|n| n.2);
        assert_eq!(
            irish.as_deref(),
            Some("urn:partner:northern-ireland-police:open-data")
        );
        for other in [
            "kent-street.csv",
            "2018-13-kent-street.csv",
            "2018-10-kent-crimes.csv",
            "2018-10--street.csv",
        ] {
            assert_eq!(named(other), None, "{other}");
        }
        let content = |name: &str| FileName::parse(Path::new(name)).map(|n| n.content);
        assert_eq!(
            content("2018-10-kent-outcomes.csv"),
            Some(FileContent::Outcomes)
        );
        assert_eq!(
            content("2018-10-kent-stop-and-search.csv.gz"),
            Some(FileContent::Searches)
        );
    }
}
