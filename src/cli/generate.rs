//! `partner-feeds generate`.

use std::process::ExitCode;

use clap::Args;

/// Write a realistic partnership's events to standard output
#[derive(Debug, Args)]
pub(crate) struct Generate {}

impl Generate {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
