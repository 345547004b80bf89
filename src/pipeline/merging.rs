//! Merges what this process commits, on a thread of its own.
//!
//! It must not know who owns a partition: any number of processes may merge one at the same time.
//! A merge that fails or is stopped is repeated by the next, and readers see no difference.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::config::IngestSettings;
use crate::event::{Position, TopicPartition};
use crate::ledger::LedgerError;
use crate::ledger::merge::{self, MergeLimits};
use crate::storage::Store;
use crate::watch::Watch;

/// A partition is checked each time that a merge's limits divided by this were committed.
const CHECKS_PER_MERGE: u64 = 8;

/// Files and bytes committed to a partition.
#[derive(Default)]
struct Growth {
    files: u64,
    bytes: u64,
}

/// The consuming thread's end of the merging thread.
pub(super) struct Merging {
    limits: MergeLimits,
    /// What was committed since a partition was checked; one that is missing was never checked.
    grown: BTreeMap<TopicPartition, Growth>,
    checks: Sender<TopicPartition>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Merging {
    pub(super) fn start(
        settings: &IngestSettings,
        store: Store,
        runtime: tokio::runtime::Handle,
        watch: Watch,
    ) -> Self {
        let limits = MergeLimits {
            files: settings.merge_files,
            bytes: settings.merge_bytes,
        };
        let (checks, inbox) = unbounded();
        let stopping = Arc::new(AtomicBool::new(false));
        let merger = Merger {
            limits,
            store,
            runtime,
            stopping: Arc::clone(&stopping),
            swept: BTreeMap::new(),
            watch,
        };
        let thread = std::thread::Builder::new().name("merge".to_owned());
        let thread = thread
            .spawn(move || merger.run(&inbox))
            .expect("the system starts a thread");
        Self {
            limits,
            grown: BTreeMap::new(),
            checks,
            stopping,
            thread,
        }
    }

    /// A batch of this size was committed.
    pub(super) fn grew(&mut self, at: &TopicPartition, bytes: u64) {
        let check = match self.grown.get_mut(at) {
            None => true, // other processes may have left files
            Some(growth) => {
                growth.files += 1;
                growth.bytes += bytes;
                growth.files * CHECKS_PER_MERGE >= self.limits.files as u64
                    || growth.bytes * CHECKS_PER_MERGE >= self.limits.bytes
            }
        };
        if check {
            self.grown.insert(at.clone(), Growth::default());
            self.checks.send(at.clone()).expect("the thread is there");
        }
    }

    /// Ends after the merge under way.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.checks);
        self.thread.join().expect("merging does not panic");
    }
}

/// The thread's state.
struct Merger {
    limits: MergeLimits,
    store: Store,
    runtime: tokio::runtime::Handle,
    stopping: Arc<AtomicBool>,
    /// The position up to which each partition was swept.
    swept: BTreeMap<TopicPartition, Position>,
    watch: Watch,
}

impl Merger {
    fn run(mut self, inbox: &Receiver<TopicPartition>) {
        for at in inbox {
            if self.stopping.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.check(&at) {
                self.watch.metrics().count_failed_merge();
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(partition = %at, error, "merge failed: the journal stays as it is");
            }
        }
    }

    /// Merges a partition, and sweeps what was merged even if a later merge failed.
    fn check(&mut self, at: &TopicPartition) -> Result<(), LedgerError> {
        let merged = self.merge(at);
        let since = self.swept.get(at).copied().unwrap_or_default();
        let swept = self
            .runtime
            .block_on(merge::sweep(&self.store, at, since))?;
        self.swept.insert(at.clone(), swept.to);
        merged
    }

    /// Merges for as long as a merge's limits are reached.
    fn merge(&self, at: &TopicPartition) -> Result<(), LedgerError> {
        while !self.stopping.load(Ordering::Relaxed) {
            let merged = self
                .runtime
                .block_on(merge::merge_full(&self.store, at, self.limits))?;
            let Some(merge::Merged {
                next,
                files,
                rows,
                bytes_before,
                bytes_after,
            }) = merged
            else {
                break;
            };
            tracing::info!(partition = %at, %next, files, rows, bytes_before, bytes_after, "merged");
            self.watch.metrics().count_merge(files);
        }
        Ok(())
    }
}
