//! `partner-feeds scorecard`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::options::{SettingOptions, StoreOptions, open_store};
use super::progress::Progress;
use super::{lookup, runtime};
use crate::aggregate::deliveries;
use crate::scorecard::ScorecardInput;

/// Print the scorecard of a partner
///
/// Shows what the partner sent, what was accepted and refused, how complete and timely its months
/// are, and what to do next. Contains nothing of other partners and no value of a record, so the
/// partner may have it. Reads the store and changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds scorecard --partner kent-police
  partner-feeds scorecard --partner kent-police --format html > scorecard.html")]
pub(crate) struct ScorecardCommand {
    /// The partner, as in partners.toml
    #[arg(long, value_name = "NAME")]
    partner: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: ScorecardFormat,
    #[command(flatten)]
    options: StoreOptions,
}

/// A scorecard for a program or for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ScorecardFormat {
    /// One JSON object
    #[default]
    Json,
    /// A page in one file, without scripts
    Html,
}

impl ScorecardCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let partner = lookup::partner(&reference, &self.partner)?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let mut progress = Progress::new();
        let read = deliveries(&store, &reference, None, runtime.handle(), &mut progress)?;
        progress.end();
        let Some(deliveries) = read else {
            note!("the store `{}` has no records yet", store.root());
            return Ok(ExitCode::from(1));
        };
        let input = runtime.block_on(ScorecardInput::read(&store, &deliveries, &reference))?;
        let scorecard = input.scorecard(partner);
        match self.format {
            ScorecardFormat::Json => say!("{}", scorecard.json().trim_end()),
            ScorecardFormat::Html => say!("{}", scorecard.html()?.trim_end()),
        }
        Ok(ExitCode::SUCCESS)
    }
}
