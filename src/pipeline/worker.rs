//! A worker: one thread that validates, gathers and encodes the records of its partitions.
//!
//! It handles orders and applies the flush rule; what a partition goes through is in
//! [`super::partition`]. It never waits for a commit: a task commits the batch, and its outcome
//! comes back as an order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::PipelineError;
use super::breaker::Breaker;
use super::commit::Commits;
use super::flush::{self, FlushRule, MemoryUse, Relief};
use super::messages::{AssignedPartition, AssignmentId, Fetched, Order, Report, TaskOutcome};
use super::partition::{NextStep, Partition};
use crate::config::IngestSettings;
use crate::consume::{GroupOffset, Message};
use crate::ledger::LedgerError;
use crate::reference::Reference;

/// How often ages are checked.
const TICK: Duration = Duration::from_millis(100);

/// A worker's thread.
pub(super) struct Worker {
    rule: FlushRule,
    /// Bytes that its batches may take together.
    memory_bytes: usize,
    commits: Commits,
    reference: Arc<Reference>,
    breaker: Arc<Breaker>,
    /// Its own orders, for the outcomes of its tasks.
    orders: Sender<Order>,
    reports: Sender<Report>,
    in_flight: Arc<AtomicUsize>,
    partitions: BTreeMap<AssignmentId, Partition>,
    finishing: Option<Sender<()>>,
}

impl Worker {
    /// Starts a worker; it ends when it is ordered to stop.
    pub(super) fn spawn(
        settings: &IngestSettings,
        commits: Commits,
        reference: &Arc<Reference>,
        breaker: &Arc<Breaker>,
        reports: &Sender<Report>,
        in_flight: &Arc<AtomicUsize>,
    ) -> (Sender<Order>, JoinHandle<()>) {
        let (orders, inbox) = unbounded();
        let worker = Self {
            rule: FlushRule {
                rows: settings.flush_rows,
                age: settings.flush_age,
            },
            memory_bytes: settings.memory_bytes / settings.workers.max(1),
            commits,
            reference: Arc::clone(reference),
            breaker: Arc::clone(breaker),
            orders: orders.clone(),
            reports: reports.clone(),
            in_flight: Arc::clone(in_flight),
            partitions: BTreeMap::new(),
            finishing: None,
        };
        let thread = std::thread::Builder::new().name("worker".to_owned());
        let thread = thread
            .spawn(move || worker.run(&inbox))
            .expect("the system starts a thread");
        (orders, thread)
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        let mut ticked = Instant::now();
        loop {
            match inbox.recv_timeout(TICK) {
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(order) => self.handle(order),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.step_all();
            }
        }
    }

    fn report(&self, report: Report) {
        // The consuming thread may have ended with an error.
        drop(self.reports.send(report));
    }

    fn handle(&mut self, order: Order) {
        match order {
            Order::Stop => unreachable!("ends the loop"),
            Order::Assigned(assigned) => self.assign(*assigned),
            Order::Fetched {
                assignment_id,
                fetched,
            } => self.receive(assignment_id, fetched),
            Order::TaskEnded {
                assignment_id,
                outcome,
            } => self.task_ended(assignment_id, outcome),
            Order::Revoked {
                assignment_ids,
                reply,
            } => {
                for assignment_id in assignment_ids {
                    self.revoke(assignment_id, reply.clone());
                }
            }
            Order::Finish { reply } => {
                self.finishing = Some(reply);
                self.step_all();
            }
        }
    }

    fn assign(&mut self, assigned: AssignedPartition) {
        let assignment_id = assigned.assignment_id;
        let is_behind = assigned.group_is_behind;
        let unsent = assigned.unsent_from;
        let (reference, breaker) = (Arc::clone(&self.reference), Arc::clone(&self.breaker));
        let mut partition = Partition::new(assigned, reference, breaker);
        // Lag tools read the group's offset: bring it to the end position once the mirror is
        // complete up to there.
        match unsent.filter(|_| self.commits.mirrors_rejects()) {
            Some(from) => {
                let task = partition.begin_mirroring();
                self.commits.mirror(task, from, self.orders.clone());
            }
            None if is_behind => {
                let end = partition.durable().clone();
                self.report(Report::GroupBehind { assignment_id, end });
            }
            None => {}
        }
        self.partitions.insert(assignment_id, partition);
    }

    fn receive(&mut self, assignment_id: AssignmentId, fetched: Fetched) {
        if let Fetched::Records(records) = &fetched {
            let bytes = records.iter().map(Message::size).sum();
            self.in_flight.fetch_sub(bytes, Ordering::Relaxed);
        }
        if let Some(partition) = self.partitions.get_mut(&assignment_id) {
            partition.receive(fetched);
        }
        self.step(assignment_id);
        self.relieve_memory();
    }

    fn revoke(&mut self, assignment_id: AssignmentId, reply: Sender<GroupOffset>) {
        if let Some(partition) = self.partitions.remove(&assignment_id)
            && let Some(partition) = partition.revoke(reply)
        {
            self.partitions.insert(assignment_id, partition);
        }
    }

    fn task_ended(&mut self, assignment_id: AssignmentId, outcome: TaskOutcome) {
        if let Some(partition) = self.partitions.remove(&assignment_id)
            && let Some(partition) = partition.task_ended(outcome, |report| self.report(report))
        {
            self.partitions.insert(assignment_id, partition);
            self.step(assignment_id);
        }
        self.reply_if_finished();
    }

    /// Fills a partition's batch with what was fetched, and commits it if it is due; stops fetching
    /// the partition if the batch is full and must wait.
    fn step(&mut self, assignment_id: AssignmentId) {
        while let Some(partition) = self.partitions.get_mut(&assignment_id) {
            let report = |report| drop(self.reports.send(report));
            if let Err(source) = partition.fill(&self.rule, report) {
                return self.fail(assignment_id, source);
            }
            match partition.next_step(&self.rule, self.finishing.is_some()) {
                NextStep::Commit => self.commit(assignment_id),
                NextStep::PauseFetch => self.pause_fetch(assignment_id),
                NextStep::Wait => return partition.show_uncommitted(),
            }
        }
    }

    fn step_all(&mut self) {
        let assignment_ids: Vec<AssignmentId> = self.partitions.keys().copied().collect();
        for assignment_id in assignment_ids {
            self.step(assignment_id);
        }
        self.reply_if_finished();
    }

    /// Keeps this worker within its part of the memory.
    fn relieve_memory(&mut self) {
        loop {
            let uses: Vec<MemoryUse> = self
                .partitions
                .values()
                .map(Partition::memory_use)
                .collect();
            match flush::relief(&uses, self.memory_bytes) {
                Some(Relief::Flush(assignment_id)) => self.commit(assignment_id),
                Some(Relief::PauseFetch(assignment_id)) => return self.pause_fetch(assignment_id),
                None => return,
            }
        }
    }

    fn pause_fetch(&mut self, assignment_id: AssignmentId) {
        if let Some(partition) = self.partitions.get_mut(&assignment_id) {
            let report = partition.pause_fetch();
            self.report(report);
        }
    }

    fn commit(&mut self, assignment_id: AssignmentId) {
        let Some(partition) = self.partitions.get_mut(&assignment_id) else {
            return;
        };
        match partition.begin_commit(self.commits.cluster_id()) {
            Ok((task, batch)) => self.commits.commit(task, batch, self.orders.clone()),
            Err(source) => self.fail(assignment_id, source),
        }
    }

    /// A batch cannot be encoded: the run ends, and the rest of that batch is dropped.
    fn fail(&mut self, assignment_id: AssignmentId, source: LedgerError) {
        if let Some(partition) = self.partitions.remove(&assignment_id) {
            let at = partition.at().clone();
            self.report(Report::Failed(PipelineError::Encode { at, source }));
        }
    }

    fn reply_if_finished(&mut self) {
        let is_finished = self.partitions.values().all(Partition::is_settled);
        if is_finished && let Some(reply) = self.finishing.take() {
            reply.send(()).ok(); // past the shutdown timeout nobody listens
        }
    }
}
