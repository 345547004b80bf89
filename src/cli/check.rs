//! `partner-feeds check`.

use std::process::ExitCode;

use clap::Args;

/// Check a file of events against the contracts
#[derive(Debug, Args)]
pub(crate) struct Check {}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
