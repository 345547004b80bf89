//! The files of data.police.uk: what their names say, and their lines.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::Error;
use crate::contract::moment::{Moment, Precision};
use crate::contract::text::{Form, SourceForm};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Street,
    Outcomes,
    Searches,
}

impl Holds {
    const ENDINGS: [(&'static str, Self); 3] = [
        ("-street.csv", Self::Street),
        ("-outcomes.csv", Self::Outcomes),
        ("-stop-and-search.csv", Self::Searches),
    ];
}

/// A file's name: `<yyyy-mm>-<force>-street.csv`, or `<yyyy-mm>_to_<yyyy-mm>-<force>-street.csv`;
/// the others likewise. Each may end in `.gz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The first month of the file.
    pub(super) first: String,
    /// The last month of the file.
    pub(super) last: String,
    /// The force, as in the name.
    pub(super) force: String,
    pub(super) holds: Holds,
}

impl Name {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let (name, holds) = Holds::ENDINGS
            .iter()
            .find_map(|(end, holds)| Some((name.strip_suffix(end)?, *holds)))?;
        let month = |text: &str| is_month(text).then(|| text.to_owned());
        let first = month(name.get(..7)?)?;
        let (last, force) = match name[7..].strip_prefix("_to_") {
            Some(rest) => (month(rest.get(..7)?)?, rest[7..].strip_prefix('-')?),
            None => (first.clone(), name[7..].strip_prefix('-')?),
        };
        let named = Self {
            first,
            last,
            force: force.to_owned(),
            holds,
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

pub(super) fn is_month(text: &str) -> bool {
    Moment::parse(text).is_some_and(|m| m.precision() == Precision::Month)
}

/// The files of one force, in the order of their names.
pub(super) fn sort(mut paths: Vec<PathBuf>) -> Result<Vec<(PathBuf, Name)>, Error> {
    paths.sort_by(|a, b| a.file_name().cmp(&b.file_name()).then(a.cmp(b)));
    let mut files: Vec<(PathBuf, Name)> = Vec::with_capacity(paths.len());
    for path in paths {
        let name = Name::of(&path).ok_or_else(|| Error::Name { file: path.clone() })?;
        if let Some((_, first)) = files.first().filter(|(_, first)| first.force != name.force) {
            return Err(Error::Forces {
                one: first.force.clone(),
                other: name.force,
            });
        }
        files.push((path, name));
    }
    Ok(files)
}

/// Refuses files whose names have a month in common.
pub(super) fn check_months(files: &[(PathBuf, Name)]) -> Result<(), Error> {
    for (i, (other, name)) in files.iter().enumerate() {
        if let Some((one, _)) = files[..i]
            .iter()
            .find(|(_, one)| one.has(&name.first) || name.has(&one.first))
        {
            return Err(Error::MonthTwice {
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
pub(super) struct Line<'r> {
    pub(super) file: &'r Path,
    pub(super) number: u64,
    header: &'static [&'static str],
    record: &'r csv::StringRecord,
}

impl<'r> Line<'r> {
    /// The field of a column, by its place in the header.
    pub(super) fn field(self, column: usize) -> &'r str {
        &self.record[column]
    }

    /// The refusal of a field.
    pub(super) fn refused(self, column: usize, rule: &'static str) -> Error {
        Error::Field {
            file: self.file.to_owned(),
            line: self.number,
            column: self.header[column],
            rule,
        }
    }
}

/// Hands out the lines of a file below its header, which must be the one given.
pub(super) fn each_line(
    file: &Path,
    header: &'static [&'static str],
    mut each: impl FnMut(Line<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let csv_error = |source| Error::Csv {
        file: file.to_owned(),
        source,
    };
    let opened = open(file).map_err(|source| Error::Read {
        file: file.to_owned(),
        source,
    })?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(opened);
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).map_err(csv_error)? {
        return Err(Error::Empty {
            file: file.to_owned(),
        });
    }
    if let Some(missing) = (0..header.len()).find(|i| record.get(*i) != Some(header[*i])) {
        let line = Line {
            file,
            number: 1,
            header,
            record: &record,
        };
        return Err(line.refused(missing, "the header of such a file has this column here"));
    }
    while reader.read_record(&mut record).map_err(csv_error)? {
        let number = record.position().map_or(0, csv::Position::line);
        each(Line {
            file,
            number,
            header,
            record: &record,
        })?;
    }
    Ok(())
}

fn open(path: &Path) -> std::io::Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let packed = path.extension().is_some_and(|ending| ending == "gz");
    Ok(if packed {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_force_the_months_and_what_it_holds_are_in_the_name() {
        let named = |name: &str| {
            Name::of(Path::new(name)).map(|n| (n.first.clone(), n.last.clone(), n.source()))
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
        let holds = |name: &str| Name::of(Path::new(name)).map(|n| n.holds);
        assert_eq!(holds("2018-10-kent-outcomes.csv"), Some(Holds::Outcomes));
        assert_eq!(
            holds("2018-10-kent-stop-and-search.csv.gz"),
            Some(Holds::Searches)
        );
    }
}
