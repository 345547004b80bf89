//! `partner-feeds aggregate`.

use std::process::ExitCode;

use clap::Args;

/// Write events and aggregates from the ledger
#[derive(Debug, Args)]
pub(crate) struct Aggregate {}

impl Aggregate {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
