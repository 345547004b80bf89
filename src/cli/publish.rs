//! `partner-feeds publish`.

use std::process::ExitCode;

use clap::Args;

/// Send a file of events to their topics
#[derive(Debug, Args)]
pub(crate) struct Publish {}

impl Publish {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
