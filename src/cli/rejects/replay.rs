//! `partner-feeds rejects replay`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::{Filter, Line, cells, header};
use crate::cli::text::{align_right, table};
use crate::cli::{Connection, Format, ingest, now, runtime};
use crate::event::TopicPartition;
use crate::ledger::chain;
use crate::parked;
use crate::publish::{Publisher, TIMEOUT};
use crate::rejects::Reject;
use crate::replay::{Fate, Replay as Decide};
use crate::storage::Store;

/// Send rejected records again that keep their contract now, to their own topics, as they came
///
/// Key, headers and bytes are those of the record. Left out, and counted: records whose revision
/// the ledger holds, so that a second run sends nothing once `ingest` has read the first; records
/// that still break their contract; records refused as personal, of which no bytes were kept.
#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    filter: Filter,
    /// Send nothing; list what would be sent
    #[arg(long)]
    dry_run: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Replay {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let store = config.store.open()?;
        let runtime = runtime()?;
        let parked = runtime.block_on(parked::partners(&store))?;
        let decide = Decide::new(ingest::topics(&config, &reference), parked, now());
        let publisher = if self.dry_run {
            None
        } else {
            Some(Publisher::new(&config.kafka, TIMEOUT)?)
        };
        let counts = runtime.block_on(self.replay(&store, decide, publisher))?;
        self.print(&counts)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn replay(
        &self,
        store: &Store,
        mut decide: Decide,
        mut publisher: Option<Publisher>,
    ) -> anyhow::Result<BTreeMap<Fate, u64>> {
        let partitions = chain::partitions(store).await?;
        let notice = |partition: &TopicPartition, reject: Reject| {
            decide.notice(&partition.topic, &reject);
            Ok(())
        };
        self.filter.each(store, &partitions, true, notice).await?;
        for partition in &partitions {
            decide.strike_held(store, partition).await?;
        }
        let mut counts = BTreeMap::new();
        let mut listed = header();
        let act = |partition: &TopicPartition, mut reject: Reject| {
            let Some(fate) = decide.decide(&partition.topic, &reject) else {
                return Ok(());
            };
            *counts.entry(fate).or_default() += 1;
            let Some(raw) = reject.raw.take().filter(|_| fate == Fate::Sent) else {
                return Ok(());
            };
            match (&mut publisher, self.format) {
                (Some(publisher), _) => publisher.send_again(&partition.topic, &raw)?,
                (None, Format::Json) => {
                    say!("{}", serde_json::to_string(&Line::new(partition, &reject))?)
                }
                (None, Format::Text) => drop(listed.add_row(cells(partition, reject))),
            }
            Ok(())
        };
        self.filter.each(store, &partitions, true, act).await?;
        if let Some(publisher) = publisher {
            publisher.finish()?;
        }
        if !listed.is_empty() {
            say!("{}\n", listed.trim_fmt());
        }
        Ok(counts)
    }

    fn print(&self, counts: &BTreeMap<Fate, u64>) -> anyhow::Result<()> {
        let name = |fate: Fate| {
            if self.dry_run && fate == Fate::Sent {
                "to send"
            } else {
                fate.as_str()
            }
        };
        let counted = Fate::ALL
            .into_iter()
            .map(|fate| (fate, counts.get(&fate).copied().unwrap_or_default()));
        match self.format {
            Format::Json => {
                let counts =
                    counted.map(|(fate, count)| (name(fate).replace(' ', "_"), Value::from(count)));
                say!(
                    "{}",
                    serde_json::to_string(&counts.collect::<serde_json::Map<_, _>>())?
                );
            }
            Format::Text => {
                let mut rows = table(["", "rejects", ""]);
                for (fate, count) in
                    counted.filter(|(fate, count)| *count > 0 || *fate == Fate::Sent)
                {
                    rows.add_row([
                        name(fate).to_owned(),
                        count.to_string(),
                        fate.meaning().to_owned(),
                    ]);
                }
                align_right(&mut rows, 1..=1);
                say!("{}", rows.trim_fmt());
            }
        }
        Ok(())
    }
}
