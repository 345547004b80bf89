//! Merges what this process commits, on a thread of its own.
//!
//! It refuses to know who owns a partition: any number of processes may merge one at once. What it
//! leaves undone (a failure, a stop) is there for the next, and changes nothing of what readers
//! see.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::event::{Position, TopicPartition};
use crate::ledger::LedgerError;
use crate::ledger::merge::{self, MergeLimits};
use crate::storage::Store;
use crate::watch::Watch;

/// A partition's journal is looked at when so large a part of a run was committed since.
const LOOKS_A_RUN: u64 = 8;

/// The merging of a run, as the consuming thread sees it.
pub(super) struct Merging {
    limits: MergeLimits,
    /// Files and bytes committed since a partition was looked at; nothing is known of one that is
    /// not here.
    grown: BTreeMap<TopicPartition, (u64, u64)>,
    looks: Sender<TopicPartition>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Merging {
    pub(super) fn start(
        limits: MergeLimits,
        store: Store,
        runtime: tokio::runtime::Handle,
        watch: Watch,
    ) -> Self {
        let (looks, inbox) = unbounded();
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
            looks,
            stopping,
            thread,
        }
    }

    /// A batch of so many bytes was committed.
    pub(super) fn grew(&mut self, at: &TopicPartition, bytes: u64) {
        let look = match self.grown.get_mut(at) {
            None => true, // what is there was left by others
            Some((files, sum)) => {
                (*files, *sum) = (*files + 1, *sum + bytes);
                *files * LOOKS_A_RUN >= self.limits.files as u64
                    || *sum * LOOKS_A_RUN >= self.limits.bytes
            }
        };
        if look {
            self.grown.insert(at.clone(), (0, 0));
            self.looks.send(at.clone()).expect("the thread is there");
        }
    }

    /// Ends after the merge under way.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.looks);
        self.thread.join().expect("merging does not panic");
    }
}

/// The thread's state.
struct Merger {
    limits: MergeLimits,
    store: Store,
    runtime: tokio::runtime::Handle,
    stopping: Arc<AtomicBool>,
    /// To where each partition was swept.
    swept: BTreeMap<TopicPartition, Position>,
    watch: Watch,
}

impl Merger {
    fn run(mut self, inbox: &Receiver<TopicPartition>) {
        for at in inbox {
            if self.stopping.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.look(&at) {
                self.watch.merge_failed();
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(partition = %at, error, "not merged: the journal stays as it is");
            }
        }
    }

    /// Merges, and sweeps what was merged also where an error ended that.
    fn look(&mut self, at: &TopicPartition) -> Result<(), LedgerError> {
        let merged = self.merge(at);
        let since = self.swept.get(at).copied().unwrap_or_default();
        let swept = self
            .runtime
            .block_on(merge::sweep(&self.store, at, since))?;
        self.swept.insert(at.clone(), swept.to);
        merged
    }

    /// Merges the whole runs there are.
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
            self.watch.merged(files);
        }
        Ok(())
    }
}
