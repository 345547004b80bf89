//! `partner-feeds ingest`.

use std::process::ExitCode;

use clap::Args;

/// Consume the topics and write the ledger
#[derive(Debug, Args)]
pub(crate) struct Ingest {}

impl Ingest {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
