//! `partner-feeds import`.

use std::process::ExitCode;

use clap::Args;

/// Turn published files into events on standard output
#[derive(Debug, Args)]
pub(crate) struct Import {}

impl Import {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
