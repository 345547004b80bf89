//! `partner-feeds load`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::runtime::Runtime;

use super::check::{cannot_read, event_lines};
use super::embedded::{EmbeddedBroker, StoreMark, read_published};
use super::options::{SettingOptions, StoreOptions};
use super::progress::Progress;
use super::publish::topic_of;
use super::rejections::RejectionList;
use super::text::grouped;
use super::{Format, exit_code, now, runtime};
use crate::config::Config;
use crate::publish::{CheckCounts, Checker, PublishError, Publisher, TIMEOUT};
use crate::reference::Reference;
use crate::storage::Store;

const MARK: StoreMark = StoreMark {
    file: "LOADED.txt",
    text: "Files of events, written by `partner-feeds load` without Kafka. \
           The next load in this folder replaces them.\n",
    command: "load",
};
/// Bytes that are sent before they are read. The embedded broker keeps 5 MB of each of six
/// partitions.
const ROUND_BYTES: usize = 10_000_000;

/// Load files of events into a store without Kafka
///
/// For first figures from files. The program starts an embedded broker, validates each line and sends
/// it as `publish` does, then reads, validates and commits it as `ingest` does. Name all files in one
/// run: the store is new, or what an earlier load wrote, which is replaced. To keep receiving events,
/// use Kafka, and a store of its own. Exit status: 0 = all lines were accepted, 1 = the others were.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds load crimes.jsonl homelessness.jsonl
  partner-feeds import police-uk --release 2019-04 2018-10-kent-street.csv | partner-feeds load -")]
pub(crate) struct Load {
    #[command(flatten)]
    options: StoreOptions,
    /// Output format of what is wrong with lines
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Files of events, one per line; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Load {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (mut config, reference) = self.options.load()?;
        let broker = EmbeddedBroker::start()?;
        broker.take_over(&mut config, &reference)?;
        let mut files = Vec::new();
        for path in &self.files {
            files.push((path, event_lines(path)?));
        }
        let runtime = runtime()?;
        let (store, _) = runtime.block_on(MARK.cleared(&config.store.root))?;
        let reference = Arc::new(reference);
        let mut loader = Loader {
            config,
            reference: &reference,
            runtime: &runtime,
            store: &store,
            rounds: 0,
            accepted: 0,
            rejected: 0,
        };

        let mut checker = Checker::new(&reference, now());
        let mut list = RejectionList::new(self.format);
        let (mut counts, mut key) = (CheckCounts::default(), Vec::new());
        let mut progress = Progress::new();
        progress.begin("load", 0);
        let mut publisher = loader.publisher()?;
        let mut waiting = 0;
        for (path, mut lines) in files {
            while let Some((number, line)) = lines.read().with_context(|| cannot_read(path))? {
                let event = list.judge(number, line, &mut checker, &mut counts, &mut key)?;
                let Some(event) = event else { continue };
                publisher.send(topic_of(&checker, &event)?, Some(&key), line)?;
                waiting += line.len();
                if waiting >= ROUND_BYTES {
                    loader.read(publisher)?;
                    progress.set_message(|| grouped(loader.accepted));
                    (publisher, waiting) = (loader.publisher()?, 0);
                }
            }
        }
        loader.read(publisher)?;
        progress.end();
        list.close(&counts, &mut checker, &reference.codes, false)?;
        note!(
            "{} events are in {}; count them with `partner-feeds aggregate`",
            grouped(loader.accepted),
            loader.config.store.root
        );
        Ok(exit_code(counts.rejections() > 0 || loader.rejected > 0))
    }
}

/// Sends to the embedded broker, and reads what was sent into the store.
struct Loader<'l> {
    config: Config,
    reference: &'l Arc<Reference>,
    runtime: &'l Runtime,
    store: &'l Store,
    rounds: u32,
    accepted: u64,
    rejected: u64,
}

impl Loader<'_> {
    fn publisher(&self) -> Result<Publisher, PublishError> {
        Publisher::new(&self.config.kafka, TIMEOUT)
    }

    /// Reads all that a publisher sent.
    fn read(&mut self, publisher: Publisher) -> anyhow::Result<()> {
        let sent = publisher.finish()?;
        // The embedded broker waits for members that have left a group. The store has where to go
        // on.
        self.rounds += 1;
        self.config.kafka.group = format!("load-{}", self.rounds);
        let (config, reference) = (&self.config, self.reference);
        let read = read_published(sent, config, reference, self.store, self.runtime)?;
        self.accepted += read.accepted.values().sum::<u64>();
        self.rejected += read.rejected.values().sum::<u64>();
        Ok(())
    }
}
