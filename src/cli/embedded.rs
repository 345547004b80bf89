//! A Kafka broker inside the program, and the store that it fills: for `demo` and `load`.

use std::future;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use tokio::runtime::Runtime;

use super::ingest;
use super::topics::PARTITIONS;
use crate::aggregate::SCORECARDS;
use crate::assess::DOCUMENTS;
use crate::config::Config;
use crate::export::EXPORTS;
use crate::pipeline::{self, Summary};
use crate::properties::Properties;
use crate::reference::Reference;
use crate::release::RELEASES;
use crate::storage::Store;

/// Logs only finished stages: other messages are about the embedded broker, which cannot do all
/// that Kafka can.
pub(super) const LOG_FILTER: &str = "error,partner_feeds::cli::progress=debug";

/// The folders of a store.
const FOLDERS: [&str; 11] = [
    "journal",
    "ledger",
    "rejects",
    "parked",
    "events",
    "aggregates",
    DOCUMENTS,
    EXPORTS,
    RELEASES,
    SCORECARDS,
    "door",
];

/// The broker, which stops when it is dropped. It keeps the last 100,000 messages or 5 MB of a
/// partition.
pub(super) struct EmbeddedBroker(MockCluster<'static, DefaultProducerContext>);

impl EmbeddedBroker {
    pub(super) fn start() -> anyhow::Result<Self> {
        let broker = MockCluster::new(1).context("cannot start the embedded broker")?;
        Ok(Self(broker))
    }

    /// Puts it in the place of Kafka, and creates the topics of all feeds.
    pub(super) fn take_over(
        &self,
        config: &mut Config,
        reference: &Reference,
    ) -> anyhow::Result<()> {
        config.kafka.brokers = self.0.bootstrap_servers();
        config.kafka.properties = Properties::default();
        for (topic, _) in config.topics(&reference.partners) {
            let created = self.0.create_topic(topic, PARTITIONS, 1);
            created.context("cannot create the topics of the embedded broker")?;
        }
        Ok(())
    }
}

/// Reads all that was published into a store, which is an error if it is another number of events.
pub(super) fn read_published(
    published: u64,
    config: &Config,
    reference: &Arc<Reference>,
    store: &Store,
    runtime: &Runtime,
) -> anyhow::Result<Summary> {
    let run = ingest::pipeline_run(config, reference, store.clone(), true);
    let summary = runtime.block_on(pipeline::run(run, future::pending()))?;
    let read = summary.read();
    ensure!(
        read == published,
        "{published} events were published, {read} were read"
    );
    Ok(summary)
}

/// The file that marks a store as written by a command, which replaces it.
pub(super) struct StoreMark {
    pub(super) file: &'static str,
    pub(super) text: &'static str,
    /// The command.
    pub(super) command: &'static str,
}

impl StoreMark {
    /// The store with nothing in it, and whether what an earlier run of the command left had to go.
    /// Any other folder that is not empty is an error.
    pub(super) async fn cleared(&self, root: &str) -> anyhow::Result<(Store, bool)> {
        let is_empty = Path::new(root)
            .read_dir()
            .map_or(true, |mut entries| entries.next().is_none());
        let store = Store::open_or_create(root, [])?;
        let is_marked = store.read(self.file).await?.is_some();
        if !is_empty && !is_marked {
            let command = self.command;
            bail!(
                "the folder `{root}` is not empty, and no `{command}` made it: name another with \
                 --store"
            );
        }
        for folder in FOLDERS {
            store.remove_folder(folder)?;
        }
        if !is_marked {
            store.create(self.file, self.text.into()).await?;
        }
        store.probe().await?;
        Ok((store, is_marked))
    }
}
