//! `partner-feeds completions`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::text::ignore_closed_pipe;

/// Print the completions of a shell
///
/// Load them in the shell's start-up file, or write them to the folder where it looks for completions.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds completions bash > ~/.local/share/bash-completion/completions/partner-feeds
  partner-feeds completions fish > ~/.config/fish/completions/partner-feeds.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut Cli::command(),
            "partner-feeds",
            &mut script,
        );
        ignore_closed_pipe(io::stdout().write_all(&script))?;
        Ok(ExitCode::SUCCESS)
    }
}
