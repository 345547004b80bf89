//! `partner-feeds import`.

use std::io::{self, BufWriter, ErrorKind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::import::Release;
use crate::import::police_uk::{self, Error, IdScope, Options};

/// Turn published files into events on standard output
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    publisher: Publisher,
}

#[derive(Debug, Subcommand)]
enum Publisher {
    /// The street files of data.police.uk: one release of one force, all its months together
    ///
    /// Events go to standard output, one a line; what was made of the rows is told on standard error. A row
    /// without an id is known by its content and its place among equal rows, so none is lost or merged.
    PoliceUk(PoliceUk),
}

#[derive(Debug, Args)]
struct PoliceUk {
    /// Month the release came out in, yyyy-mm: no file states it
    #[arg(long, value_name = "MONTH")]
    release: Release,
    /// File of the release before, or a folder of them: what vanished since is cancelled; may be repeated
    #[arg(long, value_name = "PATH")]
    previous: Vec<PathBuf>,
    /// Within what an id identifies a record: `month` where a force uses its ids again
    #[arg(long, value_name = "SCOPE", default_value = "release")]
    id_scope: Scope,
    /// Year of the boundaries, 2001, 2011 or 2021, where the codes do not show it
    #[arg(long, value_name = "YEAR", value_parser = vintage)]
    vintage: Option<i32>,
    /// Street files as they are named there, such as 2018-10-kent-street.csv, or .csv.gz
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
        }
    }
}

impl PoliceUk {
    fn run(self) -> anyhow::Result<ExitCode> {
        let id_scope = match self.id_scope {
            Scope::Release => IdScope::Release,
            Scope::Month => IdScope::Month,
        };
        let options = Options { release: self.release, previous: self.previous, id_scope, vintage: self.vintage };
        let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        match police_uk::import(&self.files, &options, out) {
            Ok(summary) => eprint!("{summary}"),
            Err(Error::Write(error)) if is_closed_pipe(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether the reader of standard output, `head` say, wanted no more: that is its right.
pub(super) fn is_closed_pipe(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}
