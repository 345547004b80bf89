//! `partner-feeds rejects`.

use std::process::ExitCode;

use clap::Args;

/// List the records that broke their contract
#[derive(Debug, Args)]
pub(crate) struct Rejects {}

impl Rejects {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
