//! The life of an assigned partition, as a state machine.
//!
//! ```text
//! assigned ──> Filling <──> Committing
//!    │            ^             │
//!    └──────> Mirroring         │      unsent dead letters
//!                 │             │
//!                 └─> Leaving <─┘      revoked with a task under way
//! ```
//!
//! A partition revoked while Filling replies and ends at once. One that is Leaving replies and ends
//! when its task ends.
//!
//! A partition fills its next batch in every phase, and has at most one task under way. The
//! invariant: what was gathered after a batch falls with it. If a commit is lost, the whole
//! partition is dropped, and resumes from its chain under a new id.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;

use super::batch::{BatchSource, OpenBatch};
use super::breaker::Breaker;
use super::flush::{FlushRule, MemoryUse};
use super::messages::{AssignedPartition, AssignmentId, BatchTally, Fetched, Report, TaskOutcome};
use crate::consume::GroupOffset;
use crate::event::{Position, TopicPartition};
use crate::ledger::LedgerError;
use crate::ledger::journal::BatchFiles;
use crate::reference::Reference;
use crate::watch::{OldestRecord, PartitionReporter, Uncommitted};

/// What a partition does besides filling its next batch.
enum Phase {
    /// Nothing.
    Filling,
    /// The batch before is being committed and its rejects mirrored.
    Committing { oldest: Option<OldestRecord> },
    /// Rejects of earlier batches are being mirrored.
    Mirroring,
    /// The partition was revoked with a task under way: the reply follows when that ends.
    Leaving(Sender<GroupOffset>),
}

/// What should happen to a partition now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    Commit,
    PauseFetch,
    Wait,
}

/// A partition of a worker.
pub(super) struct Partition {
    assignment_id: AssignmentId,
    topic_id: String,
    first_offset: i64,
    /// The last committed range: where the group may continue.
    durable: GroupOffset,
    ledger_end: Position,
    /// Flush at once when this offset is reached.
    flush_at: Option<i64>,
    batch: OpenBatch,
    /// What was fetched after the batch was full.
    waiting: VecDeque<Fetched>,
    phase: Phase,
    /// Whether the consumer was asked to stop fetching it.
    is_paused: bool,
    /// Whether the log ended after what was read.
    at_end: bool,
    /// Whether it was revoked: its task need not wait for the mirror any more.
    is_revoked: Arc<AtomicBool>,
    reporter: PartitionReporter,
}

/// What a task needs to know of its partition.
pub(super) struct TaskContext {
    pub(super) assignment_id: AssignmentId,
    pub(super) at: TopicPartition,
    pub(super) ledger_end: Position,
    pub(super) is_revoked: Arc<AtomicBool>,
}

/// A batch ready to be committed.
pub(super) struct SealedBatch {
    pub(super) files: BatchFiles,
    pub(super) offset: GroupOffset,
    pub(super) tally: BatchTally,
}

impl Partition {
    pub(super) fn new(
        assigned: AssignedPartition,
        reference: Arc<Reference>,
        breaker: Arc<Breaker>,
    ) -> Self {
        let AssignedPartition {
            assignment_id,
            rules,
            topic_id,
            end,
            first_offset,
            ledger_end,
            flush_at,
            reporter,
            group_is_behind: _,
            unsent_from: _,
        } = assigned;
        Self {
            assignment_id,
            topic_id,
            first_offset,
            batch: OpenBatch::new(rules, reference, breaker, end.next),
            durable: end,
            ledger_end,
            flush_at,
            waiting: VecDeque::new(),
            phase: Phase::Filling,
            is_paused: false,
            at_end: false,
            is_revoked: Arc::default(),
            reporter,
        }
    }

    pub(super) fn at(&self) -> &TopicPartition {
        &self.durable.at
    }

    /// The last committed range: where the group may continue.
    pub(super) fn durable(&self) -> &GroupOffset {
        &self.durable
    }

    /// Whether everything that was read is durable, and no task is under way.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Filling) && self.batch.is_empty() && self.waiting.is_empty()
    }

    /// Takes the next of its log, for the batch.
    pub(super) fn receive(&mut self, fetched: Fetched) {
        self.waiting.push_back(fetched);
    }

    /// Fills the batch with what was fetched, until it is full. Fetching goes on once nothing waits
    /// and no task is under way.
    pub(super) fn fill(
        &mut self,
        rule: &FlushRule,
        report: impl Fn(Report),
    ) -> Result<(), LedgerError> {
        while !rule.is_full(&self.batch.fill(None))
            && let Some(fetched) = self.waiting.pop_front()
        {
            match fetched {
                Fetched::Records(records) => {
                    self.at_end = false;
                    self.batch.append(&records)?;
                }
                Fetched::LogEnd(offset) => self.log_ended(offset).into_iter().for_each(&report),
            }
        }
        let has_room = matches!(self.phase, Phase::Filling) && self.waiting.is_empty();
        if has_room && std::mem::take(&mut self.is_paused) {
            report(Report::ResumeFetch(self.assignment_id));
        }
        Ok(())
    }

    /// The log ends at `offset`: there are no records between the last one read and it. Reports
    /// the end where everything before it is durable.
    fn log_ended(&mut self, offset: i64) -> Option<Report> {
        self.batch.skip_to(offset);
        self.at_end = true;
        let gathered = self.batch.fill(None).records;
        tracing::debug!(partition = %self.at(), offset, gathered, "caught up");
        let is_durable =
            self.batch.is_empty() && matches!(self.phase, Phase::Filling | Phase::Mirroring);
        let assignment_id = self.assignment_id;
        is_durable.then_some(Report::Reached {
            assignment_id,
            offset,
        })
    }

    /// What should happen now; while a run finishes, a batch need not be due.
    pub(super) fn next_step(&self, rule: &FlushRule, is_finishing: bool) -> NextStep {
        let fill = self.batch.fill(self.flush_at);
        let is_due = rule.is_due(&fill) || (is_finishing && fill.records > 0);
        match self.phase {
            Phase::Filling if is_due => NextStep::Commit,
            _ if rule.is_full(&fill) && !self.is_paused => NextStep::PauseFetch,
            _ => NextStep::Wait,
        }
    }

    /// Its part of the worker's memory.
    pub(super) fn memory_use(&self) -> MemoryUse {
        let can_pause = !self.batch.is_empty() && !self.is_paused;
        MemoryUse {
            assignment_id: self.assignment_id,
            bytes: self.batch.bytes(),
            can_flush: can_pause && matches!(self.phase, Phase::Filling),
            can_pause,
        }
    }

    /// Asks the consumer to stop fetching it, until its task has ended and nothing waits.
    pub(super) fn pause_fetch(&mut self) -> Report {
        self.is_paused = true;
        Report::PauseFetch(self.assignment_id)
    }

    /// Seals what was gathered, for a commit; the next batch starts after it.
    pub(super) fn begin_commit(
        &mut self,
        cluster_id: &str,
    ) -> Result<(TaskContext, SealedBatch), LedgerError> {
        let source = BatchSource {
            cluster_id,
            topic_id: &self.topic_id,
            first_offset: self.first_offset,
        };
        let (files, tally) = self.batch.seal(&source)?;
        let next = self.batch.next();
        self.flush_at = self.flush_at.filter(|offset| next < *offset);
        self.phase = Phase::Committing {
            oldest: tally.oldest,
        };
        let offset = GroupOffset {
            at: self.at().clone(),
            from: files.footer.from,
            next: files.footer.next,
        };
        let batch = SealedBatch {
            files,
            offset,
            tally,
        };
        Ok((self.task(), batch))
    }

    /// Rejects of earlier batches are to be mirrored.
    pub(super) fn begin_mirroring(&mut self) -> TaskContext {
        self.phase = Phase::Mirroring;
        self.task()
    }

    fn task(&self) -> TaskContext {
        TaskContext {
            assignment_id: self.assignment_id,
            at: self.at().clone(),
            ledger_end: self.ledger_end,
            is_revoked: Arc::clone(&self.is_revoked),
        }
    }

    /// Its task ended: reports how, and returns the partition if it continues.
    pub(super) fn task_ended(
        mut self,
        outcome: TaskOutcome,
        report: impl Fn(Report),
    ) -> Option<Self> {
        let assignment_id = self.assignment_id;
        match outcome {
            TaskOutcome::Committed { batch, ledger_end } => {
                (self.durable, self.ledger_end) = (batch.offset.clone(), ledger_end);
                let is_mirrored = batch.is_mirrored;
                report(Report::Committed {
                    assignment_id,
                    batch,
                });
                if !is_mirrored {
                    return None;
                }
            }
            TaskOutcome::Mirrored { is_complete: true } => {
                let end = self.durable.clone();
                report(Report::GroupBehind { assignment_id, end });
            }
            TaskOutcome::Mirrored { is_complete: false } => return None,
            TaskOutcome::Ended(reason) => {
                report(reason);
                return None;
            }
        }
        if let Phase::Leaving(reply) = std::mem::replace(&mut self.phase, Phase::Filling) {
            drop(reply.send(self.durable)); // past the wait nobody listens
            return None;
        }
        // The log ended with transaction markers, for which no batch will report the end.
        if self.at_end && self.batch.is_empty() {
            let offset = self.batch.next();
            report(Report::Reached {
                assignment_id,
                offset,
            });
        }
        Some(self)
    }

    /// The partition was revoked: drops what was gathered and replies with what is durable. If a
    /// task is under way, the partition stays until that ends.
    pub(super) fn revoke(mut self, reply: Sender<GroupOffset>) -> Option<Self> {
        if let Phase::Filling = self.phase {
            drop(reply.send(self.durable)); // past the wait nobody listens
            return None;
        }
        self.is_revoked.store(true, Ordering::Relaxed);
        self.phase = Phase::Leaving(reply);
        Some(self)
    }

    /// Shows what is not yet durable to the watchdog.
    pub(super) fn show_uncommitted(&self) {
        let committing = match self.phase {
            Phase::Committing { oldest } => oldest,
            Phase::Filling | Phase::Mirroring | Phase::Leaving(_) => None,
        };
        self.reporter.report(Uncommitted {
            oldest: committing.or(self.batch.oldest()),
            bytes: self.batch.bytes(),
            at_end: self.at_end,
            is_paused: self.is_paused,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use crossbeam_channel::unbounded;

    use super::*;
    use crate::contract::TopicRules;
    use crate::event::Feed;
    use crate::pipeline::messages::CommittedBatch;
    use crate::watch::CreateAnswer;

    const END: i64 = 5;

    fn partition() -> Partition {
        let at = TopicPartition {
            topic: "police.events.v1".to_owned(),
            partition: 0,
        };
        let end = Position::ORIGIN.at(END);
        let assigned = AssignedPartition {
            assignment_id: AssignmentId(1),
            rules: Arc::new(TopicRules::new(Feed::Police, [])),
            topic_id: "id".to_owned(),
            end: GroupOffset {
                at,
                from: Position::ORIGIN,
                next: end,
            },
            group_is_behind: false,
            unsent_from: None,
            first_offset: END,
            ledger_end: Position::ORIGIN,
            flush_at: None,
            reporter: PartitionReporter::default(),
        };
        let (breaker, _) = Breaker::new(0, []);
        let reference = Reference::load(None).expect("built in");
        Partition::new(assigned, Arc::new(reference), breaker)
    }

    /// Begins a commit of what the log contains up to `next`, and returns how it ends.
    fn commit(partition: &mut Partition, next: i64, is_mirrored: bool) -> TaskOutcome {
        assert!(partition.log_ended(next).is_some());
        let (task, batch) = partition.begin_commit("cluster").expect("encoded");
        assert_eq!(batch.files.footer.from, Position::ORIGIN.at(END));
        let batch = CommittedBatch {
            offset: batch.offset,
            tally: batch.tally,
            answer: CreateAnswer::Won,
            is_mirrored,
        };
        let ledger_end = task.ledger_end;
        TaskOutcome::Committed { batch, ledger_end }
    }

    /// Ends a partition's task; returns what continues, and the names of the reports.
    fn end(partition: Partition, outcome: TaskOutcome) -> (Option<Partition>, Vec<&'static str>) {
        let names = RefCell::new(Vec::new());
        let partition =
            partition.task_ended(outcome, |report| names.borrow_mut().push(name(&report)));
        (partition, names.into_inner())
    }

    /// Fills a partition's batch; returns the names of the reports.
    fn fill(partition: &mut Partition) -> Vec<&'static str> {
        let names = RefCell::new(Vec::new());
        let rule = FlushRule {
            rows: 10,
            age: Duration::MAX,
        };
        partition
            .fill(&rule, |report| names.borrow_mut().push(name(&report)))
            .expect("encoded");
        names.into_inner()
    }

    fn name(report: &Report) -> &'static str {
        match report {
            Report::Committed { .. } => "committed",
            Report::GroupBehind { .. } => "behind",
            Report::Reached { .. } => "reached",
            Report::ResumeFetch(_) => "resume",
            Report::CommitLost(_) => "lost",
            _ => "other",
        }
    }

    #[test]
    fn revoked_while_filling_it_replies_at_once() {
        let (reply, replies) = unbounded();
        assert!(partition().revoke(reply).is_none());
        assert_eq!(replies.recv().expect("a reply").next.offset, END);
    }

    #[test]
    fn revoked_while_committing_it_replies_when_that_ends_with_what_is_durable_then() {
        let mut partition = partition();
        let outcome = commit(&mut partition, 9, true);
        let (reply, replies) = unbounded();
        let partition = partition.revoke(reply).expect("its task is under way");
        assert!(partition.is_revoked.load(Ordering::Relaxed));
        assert!(replies.try_recv().is_err());
        let (partition, reports) = end(partition, outcome);
        assert!(partition.is_none());
        assert_eq!(reports, ["committed"]);
        assert_eq!(replies.recv().expect("a reply").next.offset, 9);
    }

    #[test]
    fn revoked_before_its_dead_letters_are_acknowledged_it_does_not_reply() {
        let mut partition = partition();
        let outcome = commit(&mut partition, 9, false);
        let (reply, replies) = unbounded();
        let partition = partition.revoke(reply).expect("its task is under way");
        let (partition, reports) = end(partition, outcome);
        assert!(partition.is_none());
        assert_eq!(reports, ["committed"]);
        assert!(replies.recv().is_err(), "the reply is dropped");
    }

    #[test]
    fn an_end_reached_while_committing_is_reported_after_the_commit() {
        let mut partition = partition();
        let outcome = commit(&mut partition, 9, true);
        assert!(partition.log_ended(10).is_none());
        assert!(matches!(partition.pause_fetch(), Report::PauseFetch(_)));
        let (partition, reports) = end(partition, outcome);
        assert_eq!(reports, ["committed", "reached"]);
        let mut partition = partition.expect("continues");
        assert_eq!(fill(&mut partition), ["resume"]);
        assert!(partition.is_settled());
    }

    #[test]
    fn a_lost_commit_drops_the_partition() {
        let mut partition = partition();
        drop(commit(&mut partition, 9, true));
        let (partition, reports) = end(
            partition,
            TaskOutcome::Ended(Report::CommitLost(AssignmentId(1))),
        );
        assert!(partition.is_none());
        assert_eq!(reports, ["lost"]);
    }

    #[test]
    fn the_group_follows_once_earlier_dead_letters_are_sent() {
        for (is_complete, expected) in [(true, vec!["behind"]), (false, vec![])] {
            let mut partition = partition();
            partition.begin_mirroring();
            assert!(!partition.is_settled());
            let (partition, reports) = end(partition, TaskOutcome::Mirrored { is_complete });
            assert_eq!((partition.is_some(), reports), (is_complete, expected));
        }
    }
}
