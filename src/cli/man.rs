//! `partner-feeds man`.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use super::text::ignore_closed_pipe;

/// Print the manual page, or write one page per command to a folder
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds man | man -l -
  partner-feeds man ~/.local/share/man/man1")]
pub(crate) struct ManCommand {
    /// Folder for the page of each command, created if it does not exist
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl ManCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let Some(folder) = self.folder else {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page)?;
            ignore_closed_pipe(io::stdout().write_all(&page))?;
            return Ok(ExitCode::SUCCESS);
        };
        let cannot_write = || format!("cannot write manual pages to {}", folder.display());
        fs::create_dir_all(&folder).with_context(cannot_write)?;
        clap_mangen::generate_to(Cli::command(), &folder).with_context(cannot_write)?;
        say!(
            "{}: one page per command; try `man partner-feeds`",
            folder.display()
        );
        Ok(ExitCode::SUCCESS)
    }
}
