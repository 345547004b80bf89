//! `partner-feeds rejects replay`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::{RejectFilter, RejectLine, cells, header};
use crate::cli::options::{SettingOptions, StoreAndBrokerOptions, open_store};
use crate::cli::text::{align_right, table};
use crate::cli::{Format, ingest, now, runtime};
use crate::event::TopicPartition;
use crate::ledger::chain;
use crate::paused;
use crate::publish::{Publisher, TIMEOUT};
use crate::rejects::Reject;
use crate::replay::{ReplayOutcome, ReplayPlan};
use crate::storage::Store;

/// Send rejected records that are now valid to their topics again
///
/// Key, headers and bytes stay as received. A record is left out and counted if it still breaks
/// its contract, if its bytes were not stored because it looked personal, or if the ledger contains
/// its revision. So a second replay sends nothing once `ingest` has read the first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds rejects replay --partner kent-police --dry-run
  partner-feeds rejects replay --partner kent-police --reason partner.paused")]
pub(super) struct RejectsReplay {
    #[command(flatten)]
    options: StoreAndBrokerOptions,
    #[command(flatten)]
    filter: RejectFilter,
    /// Send nothing; list what would be sent
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl RejectsReplay {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        self.filter.check(&reference)?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let paused = runtime.block_on(paused::partners(&store))?;
        let plan = ReplayPlan::new(ingest::topics(&config, &reference), paused, now());
        let publisher = if self.dry_run {
            None
        } else {
            Some(Publisher::new(&config.kafka, TIMEOUT)?)
        };
        let counts = runtime.block_on(self.replay(&store, plan, publisher))?;
        self.print(&counts)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn replay(
        &self,
        store: &Store,
        mut plan: ReplayPlan,
        mut publisher: Option<Publisher>,
    ) -> anyhow::Result<BTreeMap<ReplayOutcome, u64>> {
        let partitions = chain::partitions(store).await?;
        self.filter
            .each(store, &partitions, true, |partition, reject| {
                plan.add(&partition.topic, &reject);
                Ok(())
            })
            .await?;
        for partition in &partitions {
            plan.exclude_stored(store, partition).await?;
        }
        let mut counts = BTreeMap::new();
        let mut listed = header();
        let send = |partition: &TopicPartition, mut reject: Reject| {
            let Some(outcome) = plan.decide(&partition.topic, &reject) else {
                return Ok(());
            };
            *counts.entry(outcome).or_default() += 1;
            if outcome != ReplayOutcome::Sent {
                return Ok(());
            }
            let Some(raw) = reject.raw.take() else {
                return Ok(());
            };
            match (&mut publisher, self.format) {
                (Some(publisher), _) => publisher.resend(&partition.topic, &raw)?,
                (None, Format::Json) => {
                    say!(
                        "{}",
                        serde_json::to_string(&RejectLine::new(partition, &reject))?
                    );
                }
                (None, Format::Text) => drop(listed.add_row(cells(partition, reject))),
            }
            Ok(())
        };
        self.filter.each(store, &partitions, true, send).await?;
        if let Some(publisher) = publisher {
            publisher.finish()?;
        }
        if !listed.is_empty() {
            say!("{}\n", listed.trim_fmt());
        }
        Ok(counts)
    }

    fn name(&self, outcome: ReplayOutcome) -> &'static str {
        if self.dry_run && outcome == ReplayOutcome::Sent {
            "to send"
        } else {
            outcome.as_str()
        }
    }

    fn print(&self, counts: &BTreeMap<ReplayOutcome, u64>) -> anyhow::Result<()> {
        let counted = ReplayOutcome::ALL
            .into_iter()
            .map(|outcome| (outcome, counts.get(&outcome).copied().unwrap_or_default()));
        match self.format {
            Format::Json => {
                let counts = counted.map(|(outcome, count)| {
                    (self.name(outcome).replace(' ', "_"), Value::from(count))
                });
                say!(
                    "{}",
                    serde_json::to_string(&counts.collect::<serde_json::Map<_, _>>())?
                );
            }
            Format::Text => {
                let mut rows = table(["", "rejects", ""]);
                for (outcome, count) in
                    counted.filter(|(outcome, count)| *count > 0 || *outcome == ReplayOutcome::Sent)
                {
                    rows.add_row([
                        self.name(outcome).to_owned(),
                        count.to_string(),
                        outcome.meaning().to_owned(),
                    ]);
                }
                align_right(&mut rows, 1..=1);
                say!("{}", rows.trim_fmt());
            }
        }
        Ok(())
    }
}
