//! `partner-feeds topics`.

use std::process::ExitCode;

use clap::Args;

/// Create the topics of the configuration
#[derive(Debug, Args)]
pub(crate) struct Topics {}

impl Topics {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
