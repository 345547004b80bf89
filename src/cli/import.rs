//! `partner-feeds import`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::text::is_closed_pipe;
use crate::import::police_uk::{self, IdScope};
use crate::import::{Release, hclic};

/// Turn published files into events on standard output
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    publisher: Publisher,
}

#[derive(Debug, Subcommand)]
enum Publisher {
    /// The files of data.police.uk: one release of one force, all its months together
    ///
    /// Street files give crimes and incidents, stop-and-search files searches; outcome files give
    /// crimes of the street files their outcomes and are no events of their own. Events go to
    /// standard output, one a line; what was made of the rows is told on standard error. A row
    /// without an id is known by its content and its place among equal rows, so none is lost or
    /// merged.
    PoliceUk(PoliceUk),
    /// The detailed local authority tables of statutory homelessness (H-CLIC): A1, A2, A2P, A2R and
    /// A3
    ///
    /// Counts of all authorities go to standard output, one a line; what was made of the tables is
    /// told on standard error. Tables of several quarters may be imported together.
    Hclic(Hclic),
}

#[derive(Debug, Args)]
struct PoliceUk {
    /// Month the release came out in, yyyy-mm: no file states it
    #[arg(long, value_name = "MONTH")]
    release: Release,
    /// File of the release before, or a folder of them: what vanished since is cancelled; may be
    /// repeated
    #[arg(long, value_name = "PATH")]
    previous: Vec<PathBuf>,
    /// Within what an id identifies a record: `month` where a force uses its ids again
    #[arg(long, value_name = "SCOPE", default_value = "release")]
    id_scope: Scope,
    /// Year of the boundaries, 2001, 2011 or 2021, where the codes do not show it
    #[arg(long, value_name = "YEAR", value_parser = vintage)]
    vintage: Option<i32>,
    /// Files as they are named there: 2018-10-kent-street.csv, -outcomes.csv, -stop-and-search.csv,
    /// or .csv.gz
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Hclic {
    /// Month the release came out in, yyyy-mm: no file states it
    #[arg(long, value_name = "MONTH")]
    release: Release,
    /// File of the release before: what vanished since is cancelled; may be repeated
    #[arg(long, value_name = "FILE")]
    previous: Vec<PathBuf>,
    /// Authority of the long CSV, such as E07000110: the file does not name it
    #[arg(long, value_name = "CODE")]
    authority: Option<String>,
    /// Workbooks (.xlsx) as they are published, or long CSV files (.csv)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scope {
    /// The force's whole release
    Release,
    /// One month
    Month,
}

fn vintage(text: &str) -> Result<i32, &'static str> {
    match text {
        "2001" => Ok(2001),
        "2011" => Ok(2011),
        "2021" => Ok(2021),
        _ => Err("2001, 2011 or 2021"),
    }
}

impl Import {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.publisher {
            Publisher::PoliceUk(command) => command.run(),
            Publisher::Hclic(command) => command.run(),
        }
    }
}

impl PoliceUk {
    fn run(self) -> anyhow::Result<ExitCode> {
        let id_scope = match self.id_scope {
            Scope::Release => IdScope::Release,
            Scope::Month => IdScope::Month,
        };
        let Self {
            release,
            previous,
            vintage,
            files,
            ..
        } = self;
        let options = police_uk::Options {
            release,
            previous,
            id_scope,
            vintage,
        };
        match police_uk::import(&files, &options, standard_output()) {
            Ok(summary) => eprint!("{summary}"),
            Err(police_uk::Error::Write(error)) if is_closed_pipe(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Hclic {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Self {
            release,
            previous,
            authority,
            files,
        } = self;
        let options = hclic::Options {
            release,
            previous,
            authority,
        };
        match hclic::import(&files, &options, standard_output()) {
            Ok(summary) => eprint!("{summary}"),
            Err(hclic::Error::Write(error)) if is_closed_pipe(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn standard_output() -> impl Write {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}
