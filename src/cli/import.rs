//! `partner-feeds import`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::lookup;
use super::options::{SettingOptions, SettingsFile};
use super::text::{is_closed_pipe, print_note, unknown_codes_text};
use crate::import::Release;
use crate::import::hclic::{self, HclicError, HclicOptions};
use crate::import::police_uk::{self, IdScope, PoliceUkError, PoliceUkOptions};

/// Turn published files into events on standard output
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds import police-uk --release 2019-04 2018-10-kent-street.csv > kent.jsonl
  partner-feeds import hclic --release 2018-12 DetailedLA_201806.xlsx > homelessness.jsonl")]
pub(crate) struct ImportCommand {
    #[command(subcommand)]
    source: ImportSource,
}

#[derive(Debug, Subcommand)]
enum ImportSource {
    /// Import files of data.police.uk: one release of one force, all its months together
    ///
    /// Street files become crimes and incidents; stop-and-search files become searches. Outcome
    /// files add outcomes to the crimes of the street files. Events go to standard output, one per
    /// line; a summary of the rows goes to standard error. A row without an id is identified by its
    /// content and its number among equal rows, so that no row is lost or merged.
    PoliceUk(ImportPoliceUk),
    /// Import the detailed local authority tables of statutory homelessness (H-CLIC): A1, A2, A2P,
    /// A2R and A3
    ///
    /// Counts of all authorities go to standard output, one per line; a summary of the tables goes
    /// to standard error. Tables of several quarters may be imported together.
    Hclic(ImportHclic),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds import police-uk --release 2019-04 2018-10-kent-street.csv > kent.jsonl")]
struct ImportPoliceUk {
    #[command(flatten)]
    file_options: SettingsFile,
    /// Month of the release, yyyy-mm, which no file states
    #[arg(long, value_name = "MONTH")]
    release: Release,
    /// File of the previous release, or a folder of its files; cancels records that have vanished
    /// since; may be repeated. Needed only for a month that has no row left: the newest release of
    /// any other month replaces the earlier ones
    #[arg(long, value_name = "PATH")]
    previous: Vec<PathBuf>,
    /// Scope in which an id is unique: `month` for a force that reuses its ids each month
    #[arg(long, value_name = "SCOPE", value_enum, default_value_t)]
    id_scope: IdScope,
    /// Vintage of the LSOA codes (2001, 2011 or 2021), if the codes do not show it
    #[arg(long, value_name = "YEAR", value_parser = parse_vintage)]
    vintage: Option<i32>,
    /// Files with their published names: 2018-10-kent-street.csv, -outcomes.csv,
    /// -stop-and-search.csv, or .csv.gz
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds import hclic --release 2018-12 DetailedLA_201806.xlsx > homelessness.jsonl
  partner-feeds import hclic --release 2018-12 --authority Maidstone long.csv > maidstone.jsonl")]
struct ImportHclic {
    /// Month of the release, yyyy-mm, which no file states
    #[arg(long, value_name = "MONTH")]
    release: Release,
    /// File of the previous release; cancels records that have vanished since; may be repeated
    #[arg(long, value_name = "FILE")]
    previous: Vec<PathBuf>,
    /// Authority of a long CSV file, such as Maidstone or E07000110, which the file does not name
    #[arg(long, value_name = "AREA")]
    authority: Option<String>,
    #[command(flatten)]
    file_options: SettingsFile,
    /// Published workbooks (.xlsx or .ods) or long CSV files (.csv)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

fn parse_vintage(text: &str) -> Result<i32, &'static str> {
    match text {
        "2001" => Ok(2001),
        "2011" => Ok(2011),
        "2021" => Ok(2021),
        _ => Err("expected 2001, 2011 or 2021"),
    }
}

impl ImportCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.source {
            ImportSource::PoliceUk(command) => command.run(),
            ImportSource::Hclic(command) => command.run(),
        }
    }
}

impl ImportPoliceUk {
    fn run(self) -> anyhow::Result<ExitCode> {
        let options = PoliceUkOptions {
            release: self.release,
            previous: self.previous,
            id_scope: self.id_scope,
            vintage: self.vintage,
        };
        let (_, reference) = self.file_options.load()?;
        match police_uk::import(&self.files, &options, &reference, standard_output()) {
            Ok(summary) => {
                print_note(&summary.to_string());
                print_note(&unknown_codes_text(
                    &summary.unknown_codes,
                    &reference.codes,
                ));
            }
            Err(PoliceUkError::Write(error)) if is_closed_pipe(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl ImportHclic {
    fn run(self) -> anyhow::Result<ExitCode> {
        let authority = match &self.authority {
            Some(area) => {
                let (_, reference) = self.file_options.load()?;
                Some(lookup::area(&reference, area)?)
            }
            None => None,
        };
        let options = HclicOptions {
            release: self.release,
            previous: self.previous,
            authority,
        };
        match hclic::import(&self.files, &options, standard_output()) {
            Ok(summary) => print_note(&summary.to_string()),
            Err(HclicError::Write(error)) if is_closed_pipe(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn standard_output() -> impl Write {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}
