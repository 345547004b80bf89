//! `partner-feeds demo`.

use std::process::ExitCode;

use clap::Args;

/// Try the whole pipeline with an embedded broker and generated events
#[derive(Debug, Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not built yet")
    }
}
