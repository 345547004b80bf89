//! The tasks of partitions: commit a batch and mirror its rejects, or mirror earlier rejects.
//!
//! A task runs beside its worker, one per partition, and ends with one [`TaskOutcome`]. It writes
//! the rejects, checks the topic's id, creates the journal file and sends the dead letters, in this
//! order. While no broker reports the topic's id, a batch waits, and nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::PipelineError;
use super::dead_letter::{DeadLetterQueue, UnsentRejects};
use super::messages::{CommittedBatch, Order, Report, TaskOutcome};
use super::partition::{SealedBatch, TaskContext};
use crate::consume::{Identity, TopicId};
use crate::crash;
use crate::event::Position;
use crate::ledger::Footer;
use crate::ledger::journal::{self, BatchFiles, CommitOutcome, JournalError};
use crate::storage::Store;
use crate::watch::CreateAnswer;

/// The pause before a broker that reported no topic id is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Answers in a row that the topic does not exist before that is believed: a broker that has just
/// started may not know it yet.
const ABSENT_MAX: u32 = 5;

/// Starts the tasks of partitions.
#[derive(Clone)]
pub(super) struct Commits {
    store: Store,
    identity: Arc<Identity>,
    dead_letter_queue: Option<DeadLetterQueue>,
    runtime: tokio::runtime::Handle,
}

/// Why a batch was not committed.
#[derive(Debug, thiserror::Error)]
enum CommitError {
    #[error("the topic was deleted and created again")]
    TopicRecreated,
    #[error("the topic was deleted")]
    TopicDeleted,
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Commits {
    pub(super) fn new(
        store: &Store,
        identity: &Arc<Identity>,
        dead_letter_queue: Option<&DeadLetterQueue>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        Self {
            store: store.clone(),
            identity: Arc::clone(identity),
            dead_letter_queue: dead_letter_queue.cloned(),
            runtime: runtime.clone(),
        }
    }

    /// The id of the cluster that batches come from.
    pub(super) fn cluster_id(&self) -> &str {
        &self.identity.cluster
    }

    /// Whether rejects are mirrored to a topic.
    pub(super) fn mirrors_rejects(&self) -> bool {
        self.dead_letter_queue.is_some()
    }

    /// Commits a batch, then mirrors its rejects.
    pub(super) fn commit(&self, task: TaskContext, batch: SealedBatch, orders: Sender<Order>) {
        let commits = self.clone();
        self.runtime.spawn(async move {
            let outcome = commits.commit_and_mirror(&task, batch).await;
            end(task, outcome, &orders);
        });
    }

    /// Mirrors the durable rejects from a position on.
    pub(super) fn mirror(&self, task: TaskContext, from: Position, orders: Sender<Order>) {
        let commits = self.clone();
        self.runtime.spawn(async move {
            let is_complete = commits
                .send_dead_letters(&task, UnsentRejects::From(from))
                .await;
            end(task, TaskOutcome::Mirrored { is_complete }, &orders);
        });
    }

    async fn commit_and_mirror(&self, task: &TaskContext, batch: SealedBatch) -> TaskOutcome {
        let SealedBatch {
            files,
            offset,
            tally,
        } = batch;
        let (ledger_end, answer) = match self.write(task, &files).await {
            Ok(CommitOutcome::Committed {
                ledger_end,
                settled: false,
            }) => (ledger_end, CreateAnswer::Won),
            Ok(CommitOutcome::Committed {
                ledger_end,
                settled: true,
            }) => (ledger_end, CreateAnswer::Settled),
            Ok(CommitOutcome::LostRace) => {
                return TaskOutcome::Ended(Report::CommitLost(task.assignment_id));
            }
            Err(CommitError::TopicRecreated) => {
                return TaskOutcome::Ended(Report::TopicRecreated(task.assignment_id));
            }
            Err(CommitError::TopicDeleted) => {
                return TaskOutcome::Ended(Report::TopicDeleted(task.assignment_id));
            }
            Err(CommitError::Journal(source)) => {
                let at = task.at.clone();
                let error = PipelineError::Commit { at, source };
                return TaskOutcome::Ended(Report::Failed(error));
            }
        };
        let Footer {
            from,
            next,
            accepted,
            rejected,
            ..
        } = &files.footer;
        let (partition, bytes) = (&task.at, files.rows.len());
        tracing::debug!(%partition, %from, %next, accepted, rejected, bytes, "durable");
        drop(files.rows);
        let is_mirrored = match files.rejects {
            Some((name, bytes)) => {
                self.send_dead_letters(task, UnsentRejects::Batch(name, bytes))
                    .await
            }
            None => true,
        };
        let batch = CommittedBatch {
            offset,
            tally,
            answer,
            is_mirrored,
        };
        TaskOutcome::Committed { batch, ledger_end }
    }

    /// Writes the files of a batch, if the topic is still the one it was read from.
    async fn write(
        &self,
        task: &TaskContext,
        files: &BatchFiles,
    ) -> Result<CommitOutcome, CommitError> {
        let same_topic = check_topic(
            Arc::clone(&self.identity),
            task.at.topic.clone(),
            &files.footer.topic_id,
        );
        journal::commit_if(&self.store, &task.at, files, task.ledger_end, same_topic).await
    }

    /// Mirrors rejects, if a topic is set; false if the partition was revoked before they
    /// were acknowledged.
    async fn send_dead_letters(&self, task: &TaskContext, unsent: UnsentRejects) -> bool {
        let Some(queue) = &self.dead_letter_queue else {
            return true;
        };
        let is_acknowledged = queue.send(&task.at, unsent, &task.is_revoked).await;
        if is_acknowledged {
            crash::point("dead-letters.sent");
        }
        is_acknowledged
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a task ends once: its context is used up"
)]
fn end(task: TaskContext, outcome: TaskOutcome, orders: &Sender<Order>) {
    let TaskContext { assignment_id, .. } = task;
    // The worker may have ended with an error.
    drop(orders.send(Order::TaskEnded {
        assignment_id,
        outcome,
    }));
}

/// Whether a topic still has the id that a batch was read under. Asks until a broker answers.
async fn check_topic(
    identity: Arc<Identity>,
    topic: String,
    expected_id: &str,
) -> Result<(), CommitError> {
    let mut absent = 0;
    loop {
        let (asked, name) = (Arc::clone(&identity), topic.clone());
        let answer = tokio::task::spawn_blocking(move || asked.topic_id(&name)).await;
        match answer {
            Ok(TopicId::Known(id)) if id == expected_id => return Ok(()),
            Ok(TopicId::Known(_)) => return Err(CommitError::TopicRecreated),
            Ok(TopicId::NoSuchTopic) => absent += 1,
            Ok(TopicId::Unknown) | Err(_) => absent = 0,
        }
        if absent >= ABSENT_MAX {
            return Err(CommitError::TopicDeleted);
        }
        tracing::warn!(
            topic,
            "no broker reports the topic's id: a batch waits for its commit"
        );
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
