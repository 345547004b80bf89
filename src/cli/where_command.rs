//! `partner-feeds where`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rdkafka::producer::Producer as _;

use super::options::{SettingOptions, StoreAndBrokerOptions, open_store};
use super::{Format, exit_code, runtime};
use crate::consume;
use crate::feedback::search::{FoundEvent, SearchAnswer, search, topics_of};
use crate::kafka::{end_offsets, reach};

/// How long a broker may take to answer.
const BROKER_WAIT: Duration = Duration::from_secs(5);

/// Show what became of a record
///
/// Lists each event of the record that was read: accepted, with the month and the priorities that it
/// counts under, or rejected, with the reason. Contains no value of the record: `record` shows its
/// fields. Exit status: 0 = found, 1 = not found, 2 = the store could not be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds where urn:partner:kent-police:crime 46-001234-17")]
pub(crate) struct WhereCommand {
    /// Source of the record: `urn:partner:<partner>:<system>`
    source: String,
    /// Subject of the record
    subject: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: StoreAndBrokerOptions,
}

impl WhereCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let (source, subject) = (&*self.source, &*self.subject);
        let found = search(&store, &reference, runtime.handle(), source, subject)?;
        let mut waiting = None;
        if found.events.is_empty() {
            let topics = topics_of(&reference, source);
            let client = reach(&consume::client(&config.kafka), BROKER_WAIT).ok();
            let ends = client.and_then(|client| end_offsets(client.client(), &topics));
            waiting = ends.map(|ends| found.is_waiting(&ends));
        }
        let answer = SearchAnswer::new(found.events, waiting);
        match self.format {
            Format::Json => say!("{}", serde_json::to_string(&answer)?),
            Format::Text => say!("{}", text(&answer)),
        }
        Ok(exit_code(!answer.found))
    }
}

fn text(answer: &SearchAnswer) -> String {
    let now = answer.now.iter().cloned();
    let rows = answer.rows.iter().map(row_text);
    now.chain(rows)
        .chain(answer.text.map(str::to_owned))
        .collect::<Vec<_>>()
        .join("\n")
}

fn row_text(row: &FoundEvent) -> String {
    let FoundEvent {
        at,
        received,
        outcome,
        text,
        ..
    } = row;
    let revision = row.accepted.as_ref().map_or_else(String::new, |accepted| {
        format!("  revision {}", accepted.revision)
    });
    format!("{received}  {outcome}{revision}  {text}  {at}")
}
