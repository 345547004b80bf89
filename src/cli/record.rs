//! `partner-feeds record`.

use std::process::ExitCode;

use clap::Args;

/// Show one record's revisions and the rules that matched
#[derive(Debug, Args)]
pub(crate) struct Record {}

impl Record {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
