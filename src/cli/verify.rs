//! `partner-feeds verify`.

use std::process::ExitCode;

use clap::Args;

/// Check that a store is whole
#[derive(Debug, Args)]
pub(crate) struct Verify {}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
