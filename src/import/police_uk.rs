//! The files of data.police.uk become crimes, incidents and searches.
//!
//! Rows of street files are crimes and incidents; their outcomes come from the outcome files where
//! these are given. Rows of stop-and-search files are searches. One run imports one release of one
//! force, all its months together, since only the complete release shows what identifies a record.
//! Every published row is one record, but for rows that repeat one id many times. Ids that do not identify a record are an error, and so are
//! LSOA codes of an unknown vintage.

mod checks;
mod events;
mod file;
mod ids;
mod misplaced;
mod outcomes;
mod published;
mod searches;
mod summary;
mod table;
mod vintage;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;

pub(crate) use self::checks::is_force;
pub use self::checks::{FileOddity, PoliceUkWarning};
use self::events::PoliceEventWriter;
use self::file::AFTER_RELEASE;
use self::published::{PublishedFiles, WithdrawnRecords, find_files};
pub use self::summary::{MonthRows, PoliceUkSummary};
use self::table::StreetColumn;
use self::vintage::find_vintage;
use super::Release;
use crate::reference::{Reference, UnknownCodes};

/// Why a release could not be imported. Names files, lines and columns; never a value of a row.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message names the fields")]
pub enum PoliceUkError {
    /// No files to read.
    #[error("no files given")]
    NoFiles,
    /// A file name without month and force.
    #[error(
        "cannot tell the month and force of {}: name it <yyyy-mm>-<force>-street.csv, \
         -outcomes.csv or -stop-and-search.csv, optionally with .gz",
        file.display()
    )]
    Name { file: PathBuf },
    /// Files of more than one force.
    #[error("the files are of two forces, {one} and {other}: import each force by itself")]
    Forces { one: String, other: String },
    /// Rows of another force.
    #[error(
        "{}: {rows} of {all} rows name another force than {force} in `Falls within`; name the file \
         after its force, or leave these rows out",
        file.display()
    )]
    OtherForce {
        file: PathBuf,
        rows: usize,
        all: usize,
        force: String,
    },
    /// Rows would be counted twice.
    #[error("month {month} is in both {} and {}: give each month once", one.display(), other.display())]
    MonthTwice {
        month: String,
        one: PathBuf,
        other: PathBuf,
    },
    /// The file system failed.
    #[error("cannot read {}", file.display())]
    Read { file: PathBuf, source: io::Error },
    /// A file of another form than CSV with commas.
    #[error("{} {fault}", file.display())]
    Form { file: PathBuf, fault: &'static str },
    /// A file that is not there.
    #[error("there is no file {}", file.display())]
    Absent { file: PathBuf },
    /// A file without a header.
    #[error("{} is empty", file.display())]
    Empty { file: PathBuf },
    /// Not a valid CSV file.
    #[error("cannot read {}", file.display())]
    Csv { file: PathBuf, source: csv::Error },
    /// An invalid field.
    #[error("{}, line {line}, column `{column}`: {rule}", file.display())]
    Field {
        file: PathBuf,
        line: u64,
        column: &'static str,
        rule: &'static str,
    },
    /// Ids that are used again every month.
    #[error(
        "{redated} of {ids} ids occur in several months, so they do not identify a record; \
         pass --id-scope month to use each id within its month only"
    )]
    IdsReused { redated: usize, ids: usize },
    /// Outcome files, and ids that do not identify a crime.
    #[error(
        "outcomes are joined to crimes by id, which is not possible with --id-scope month: \
         leave the outcome files out"
    )]
    OutcomesByMonth,
    /// No code shows the vintage.
    #[error(
        "cannot tell the vintage of the LSOA codes: every code in these files is in both 2011 and \
         2021; pass --vintage (2011 for releases from 2013, 2021 for those from 2025; before 2013 \
         it may be 2001)"
    )]
    VintageUnknown,
    /// Codes of two vintages.
    #[error(
        "the files have LSOA codes that ended with {earlier} ({}) and codes that began with \
         {later} ({}); import the months of each vintage in a run of their own",
        earlier_file.display(),
        later_file.display()
    )]
    VintageMixed {
        earlier: i32,
        earlier_file: PathBuf,
        later: i32,
        later_file: PathBuf,
    },
    /// The codes are of another vintage.
    #[error("--vintage {given} does not match the LSOA codes, which are of {found}")]
    VintageOther { given: i32, found: i32 },
    /// The events could not be written.
    #[error("cannot write the events")]
    Write(#[source] io::Error),
}

/// Where an id identifies a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum IdScope {
    /// In the force's complete release
    #[default]
    Release,
    /// In one month
    Month,
}

/// How to read a release.
#[derive(Clone, Debug)]
pub struct PoliceUkOptions {
    /// The month of the release.
    pub release: Release,
    /// The files of the release before, or folders that contain them: records that have vanished
    /// since are cancelled.
    pub previous: Vec<PathBuf>,
    /// Where an id identifies a record.
    pub id_scope: IdScope,
    /// The vintage of the LSOA codes, if they do not show it.
    pub vintage: Option<i32>,
}

/// Writes the events of a release, one per line, in the order of file names and rows: crimes and
/// incidents, then searches, then the cancellations in the order of the release before. Nothing is
/// written before all files are read and checked.
pub fn import(
    files: &[PathBuf],
    options: &PoliceUkOptions,
    reference: &Reference,
    mut out: impl Write,
) -> Result<PoliceUkSummary, PoliceUkError> {
    let now = PublishedFiles::read(files.to_vec(), options, reference)?;
    if let Some(row) = now
        .street
        .rows()
        .find(|row| row.field(StreetColumn::Month) > options.release.to_string().as_str())
    {
        return Err(row.error(StreetColumn::Month, AFTER_RELEASE));
    }
    let vintage = find_vintage(&now.street, options.vintage, &reference.geography)?;
    let mut writer = PoliceEventWriter {
        source: now.name.source(),
        release: options.release,
        vintage,
        lists: &reference.codes,
        unknown_codes: UnknownCodes::default(),
    };
    let withdrawn = match &options.previous[..] {
        [] => None,
        previous => {
            let files = find_files(previous, &now.name.force)?;
            Some(WithdrawnRecords::find(files, options, reference, &now)?)
        }
    };
    for (row, subject) in now.street.rows().zip(&now.subjects) {
        writer.write(row, subject, now.outcome(row), None, &mut out)?;
    }
    for search in &now.searches.all {
        writer.write_search(search, None, &mut out)?;
    }
    let unknown_codes = std::mem::take(&mut writer.unknown_codes);
    let cancelled = match withdrawn {
        Some(withdrawn) => writer.cancel(&withdrawn, &mut out)?,
        None => 0,
    };
    out.flush().map_err(PoliceUkError::Write)?;
    let street = now.street.rows();
    let without_lsoa = street.filter(|row| row.field(StreetColumn::LsoaCode).is_empty());
    Ok(PoliceUkSummary {
        source: writer.source,
        months: now.months(),
        vintage,
        without_area: without_lsoa.count() + now.searches.all.len(),
        ids_repeated: now.ids.repeated,
        ids_redated: now.ids.redated,
        equal_groups: now.ids.equal_groups,
        equal_rows: now.ids.equal_rows,
        outcomes: now.outcomes.rows,
        outcomes_skipped: now.outcomes.skipped,
        unknown_codes,
        warnings: now.warnings,
        cancelled,
    })
}

#[cfg(test)]
mod tests;
