//! The detailed local authority tables of statutory homelessness (H-CLIC) become counts.
//!
//! One run imports one release: the workbooks, or the long CSV of one authority. Every cell of an
//! authority is one record, identified by table, quarter, authority and category. Shares, rates and
//! the sub-totals of reasons are not counts of their own and are not sent. A withheld figure keeps
//! the bounds that its row prints.

mod events;
mod heading;
mod long_csv;
mod quarter;
mod summary;
mod table;
mod workbook;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::events::HclicTableWriter;
pub use self::quarter::Quarter;
pub use self::summary::{HclicSummary, TableSummary};
pub use self::table::TableName;
use self::table::{HclicTable, is_authority};
use self::workbook::WorkbookForm;
use super::Release;

/// The source of the events.
pub const SOURCE: &str = "urn:partner:mhclg:hclic";

/// Why tables could not be imported. Names files and cells; never the value of a cell.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message names the fields")]
pub enum HclicError {
    /// Another kind of file.
    #[error("{} is neither a workbook (.xlsx or .ods) nor the long CSV (.csv); save it as one", file.display())]
    Ending { file: PathBuf },
    /// The file system failed.
    #[error("cannot read {}", file.display())]
    Read { file: PathBuf, source: io::Error },
    /// Not a valid workbook.
    #[error("cannot read {}", file.display())]
    Workbook {
        file: PathBuf,
        source: calamine::Error,
    },
    /// Not a valid CSV file.
    #[error("cannot read {}", file.display())]
    Csv { file: PathBuf, source: csv::Error },
    /// A workbook without the tables.
    #[error("{} has no sheet for table A1, A2, A2P, A2R or A3", file.display())]
    NoTables { file: PathBuf },
    /// A long CSV without an authority.
    #[error("{} does not name its authority; pass --authority", file.display())]
    NoAuthority { file: PathBuf },
    /// A code that is not an authority's.
    #[error(
        "--authority must be the code of a district, unitary authority or borough: E06 to E09 and \
         six digits"
    )]
    NotAnAuthority,
    /// An invalid cell, column or line.
    #[error("{}, {location}: {rule}", file.display())]
    Location {
        file: PathBuf,
        location: String,
        rule: &'static str,
    },
    /// Households would be counted twice.
    #[error(
        "table {table} of {quarter} for {authority} is in both {} and {}",
        one.display(),
        other.display()
    )]
    Twice {
        table: TableName,
        quarter: Quarter,
        authority: String,
        one: PathBuf,
        other: PathBuf,
    },
    /// The events could not be written.
    #[error("cannot write the events")]
    Write(#[source] io::Error),
}

/// How to read a release.
#[derive(Clone, Debug)]
pub struct HclicOptions {
    /// The month of the release.
    pub release: Release,
    /// The files of the release before: records that have vanished since are cancelled.
    pub previous: Vec<PathBuf>,
    /// The authority of the long CSV, which does not name it.
    pub authority: Option<String>,
}

/// The records of a release.
#[derive(Default)]
struct ReleaseRecords<'f> {
    /// The file of each table of each authority.
    tables: HashMap<(Quarter, TableName, String), &'f Path>,
    /// The hashes of the subjects; kept only if there is a release before to compare with.
    subjects: HashSet<u128>,
}

/// Writes the events of a release, one per line, in the order of files, sheets, rows and columns;
/// then the cancellations, in the order of the release before.
///
/// All files are read twice: first to check everything before anything is written, then to write.
/// Only one sheet is in memory at a time.
pub fn import(
    files: &[PathBuf],
    options: &HclicOptions,
    mut out: impl Write,
) -> Result<HclicSummary, HclicError> {
    if options
        .authority
        .as_deref()
        .is_some_and(|code| !is_authority(code))
    {
        return Err(HclicError::NotAnAuthority);
    }
    let (now, _) = read_all(files, options, None, &mut io::sink())?;
    read_all(&options.previous, options, Some(&now), &mut io::sink())?;
    let (_, summary) = read_all(files, options, None, &mut out)?;
    let (_, withdrawn) = read_all(&options.previous, options, Some(&now), &mut out)?;
    out.flush().map_err(HclicError::Write)?;
    Ok(HclicSummary {
        cancelled: withdrawn.events(),
        ..summary
    })
}

/// Writes the records of files. For the release before, `now` has the records of this one, and only
/// records that have vanished from tables in both releases are written, as cancelled.
fn read_all<'f>(
    files: &'f [PathBuf],
    options: &HclicOptions,
    now: Option<&ReleaseRecords<'_>>,
    out: &mut impl Write,
) -> Result<(ReleaseRecords<'f>, HclicSummary), HclicError> {
    let (mut records, mut summary) = (ReleaseRecords::default(), HclicSummary::default());
    for file in files {
        each_table(file, options.authority.as_deref(), |table| {
            check_new(&table, &mut records.tables)?;
            let mut writer = HclicTableWriter::new(&table, options.release, now)?;
            for row in &table.rows {
                writer.write(row, &mut summary, out)?;
            }
            if !options.previous.is_empty() {
                records.subjects.extend(writer.subjects);
            }
            summary.rounded_rows += table.rounded_rows;
            summary.tables.push(writer.written);
            Ok(())
        })?;
    }
    Ok((records, summary))
}

/// Fails if the table of an authority was read before.
fn check_new<'f>(
    table: &HclicTable<'f>,
    seen: &mut HashMap<(Quarter, TableName, String), &'f Path>,
) -> Result<(), HclicError> {
    for row in &table.rows {
        if let Some(one) = seen.insert(
            (table.quarter, table.name, row.authority.clone()),
            table.file,
        ) {
            return Err(HclicError::Twice {
                table: table.name,
                quarter: table.quarter,
                authority: row.authority.clone(),
                one: one.to_owned(),
                other: table.file.to_owned(),
            });
        }
    }
    Ok(())
}

/// Calls `each` with the tables of a file, one at a time. The long CSV does not name its authority.
fn each_table<'f>(
    file: &'f Path,
    authority: Option<&str>,
    each: impl FnMut(HclicTable<'f>) -> Result<(), HclicError>,
) -> Result<(), HclicError> {
    let ending = file.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("xlsx") => workbook::each_sheet(file, WorkbookForm::Xlsx, each),
        Some("ods") => workbook::each_sheet(file, WorkbookForm::Ods, each),
        Some("csv") => long_csv::each_quarter(file, authority, each),
        _ => Err(HclicError::Ending {
            file: file.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
