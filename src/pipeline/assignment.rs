//! Which partitions are assigned to this process, and where each starts.
//!
//! A partition resumes from its chain. Where broker and chain disagree, only that partition is
//! stopped, with what would be lost. An accepted loss is recorded in the chain, and the partition
//! continues.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Sender, unbounded};
use futures::stream::{StreamExt, TryStreamExt};

use super::Loss;
use super::disagreement::{Remedy, disagreement, durable_offset, group_position, last_file};
use super::messages::{AssignedPartition, AssignmentId, Order};
use crate::consume::{
    BrokerOffsets, EndOffsetUnknown, GroupOffset, Identity, Message, Offer, Partitions, Start,
};
use crate::contract::TopicRules;
use crate::event::{Position, TopicPartition};
use crate::ledger::chain::{self, ChainError, Resume};
use crate::ledger::journal::{self, BatchFiles, CommitOutcome};
use crate::ledger::{Encoder, Footer, Gap, LedgerError};
use crate::normalise::schema;
use crate::storage::Store;
use crate::watch::{PartitionReporter, RebalanceKind, Watch};

/// How long the resumes of one assignment may take together: half of `max.poll.interval.ms`.
const RESUME_MAX: Duration = Duration::from_secs(150);
/// Resumes under way at the same time.
const RESUMES_AT_ONCE: usize = 32;
/// How long a revoked partition waits for a create under way, so that the next owner does not lose
/// one.
const REVOKE_WAIT: Duration = Duration::from_secs(5);

/// Where the records of a partition go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) assignment_id: AssignmentId,
    pub(super) worker: usize,
}

/// A partition resumed from its chain.
#[expect(
    clippy::large_enum_variant,
    reason = "one per partition and assignment, and the large variant is the usual one"
)]
enum Resumed {
    /// At the chain's end.
    AtEnd(Resume),
    /// The chain's last file cannot be read, as this text explains.
    Unreadable(String),
}

/// The group's offset beside a chain.
#[derive(Clone, Copy)]
struct GroupState {
    /// Its position, if the group committed one.
    committed: Option<Position>,
    /// Whether it must be brought to the chain's end.
    is_behind: bool,
}

/// Broker and chain compared.
#[expect(
    clippy::large_enum_variant,
    reason = "one per partition and assignment, and the large variant is the usual one"
)]
enum Reconciled {
    /// They agree, or every loss was accepted.
    Agreed { resume: Resume, group: GroupState },
    /// They disagree, for this reason.
    Refused(String),
}

/// The partitions assigned to this process.
pub(super) struct Assignment {
    topics: BTreeMap<String, Arc<TopicRules>>,
    accepted: Vec<Loss>,
    store: Store,
    identity: Arc<Identity>,
    runtime: tokio::runtime::Handle,
    workers: Vec<Sender<Order>>,
    watch: Watch,
    state: Mutex<AssignmentState>,
}

#[derive(Default)]
struct AssignmentState {
    next_assignment_id: u64,
    assigned: BTreeMap<TopicPartition, Route>,
    stopped: BTreeMap<TopicPartition, Stop>,
    /// With `until_end`: the offset at which a partition's batch is flushed at once.
    targets: BTreeMap<TopicPartition, i64>,
    /// Since when the group decides which partitions this consumer has; `None` once it has.
    undecided_since: Option<Instant>,
    /// How long it decides at most; see [`decision_max`](crate::consume::decision_max).
    decision_max: Duration,
    /// Routes by the client's topic handle and partition, which each message has.
    cached: HashMap<(usize, i32), Option<Route>>,
}

/// Why a partition is stopped.
enum Stop {
    /// Until the program starts again.
    ForGood(String),
    /// Until a broker leads it and reports its end.
    EndUnknown(String),
}

impl Stop {
    fn why(&self) -> &str {
        match self {
            Self::ForGood(why) | Self::EndUnknown(why) => why,
        }
    }
}

/// Finds the route of each message.
pub(super) struct Routes<'a>(std::cell::RefCell<MutexGuard<'a, AssignmentState>>);

impl Routes<'_> {
    /// Where a message goes; `None` if its partition is no longer assigned, or is stopped.
    pub(super) fn route(&self, message: &Message) -> Option<Route> {
        let mut state = self.0.borrow_mut();
        let key = (message.topic_handle(), message.partition());
        if let Some(route) = state.cached.get(&key) {
            return *route;
        }
        let at = TopicPartition {
            topic: message.topic(),
            partition: message.partition(),
        };
        let route = state
            .assigned
            .get(&at)
            .filter(|_| !state.stopped.contains_key(&at))
            .copied();
        state.cached.insert(key, route);
        route
    }
}

impl Assignment {
    pub(super) fn new(
        topics: BTreeMap<String, Arc<TopicRules>>,
        accepted: Vec<Loss>,
        store: Store,
        identity: Arc<Identity>,
        runtime: tokio::runtime::Handle,
        workers: Vec<Sender<Order>>,
        watch: Watch,
    ) -> Self {
        Self {
            topics,
            accepted,
            store,
            identity,
            runtime,
            workers,
            watch,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, AssignmentState> {
        self.state.lock().expect("no panic under the lock")
    }

    /// With `until_end`, before the group decides: sets the offsets at which batches are flushed at
    /// once.
    pub(super) fn set_targets(&self, ends: &BTreeMap<TopicPartition, i64>, decision_max: Duration) {
        let mut state = self.state();
        state.targets.clone_from(ends);
        state.undecided_since = Some(Instant::now());
        state.decision_max = decision_max;
    }

    pub(super) fn routes(&self) -> Routes<'_> {
        Routes(std::cell::RefCell::new(self.state()))
    }

    /// The partition of an assignment that is still current.
    pub(super) fn partition(&self, assignment_id: AssignmentId) -> Option<TopicPartition> {
        self.state()
            .assigned
            .iter()
            .find(|(_, route)| route.assignment_id == assignment_id)
            .map(|(at, _)| at.clone())
    }

    pub(super) fn is_current(&self, assignment_id: AssignmentId) -> bool {
        self.state()
            .assigned
            .values()
            .any(|route| route.assignment_id == assignment_id)
    }

    /// Whether a partition is not this consumer's. While the group decides, it may become so.
    pub(super) fn is_of_others(&self, at: &TopicPartition) -> bool {
        let state = self.state();
        let is_decided = state
            .undecided_since
            .is_none_or(|since| since.elapsed() >= state.decision_max);
        is_decided && !state.assigned.contains_key(at)
    }

    /// What may arrive on a topic.
    pub(super) fn rules(&self, topic: &str) -> &Arc<TopicRules> {
        &self.topics[topic]
    }

    /// Partitions that were stopped, and why.
    pub(super) fn stopped(&self) -> BTreeMap<TopicPartition, String> {
        self.state()
            .stopped
            .iter()
            .map(|(at, stop)| (at.clone(), stop.why().to_owned()))
            .collect()
    }

    /// Stops a partition for good, and drops what was gathered of it.
    pub(super) fn stop(&self, at: &TopicPartition, why: String) {
        self.stop_with(at, Stop::ForGood(why));
    }

    fn stop_with(&self, at: &TopicPartition, stop: Stop) {
        tracing::error!(partition = %at, why = stop.why(), "stopped");
        self.watch.stopped(at);
        let mut state = self.state();
        if let Some(route) = state.assigned.get(at).copied() {
            self.forget(route);
        }
        state.cached.clear();
        state.stopped.insert(at.clone(), stop);
    }

    /// Resumes a partition that is still assigned, under a new assignment id, or stops it.
    pub(super) fn resume_again(&self, offer: Offer) -> anyhow::Result<Start> {
        let broker = match offer {
            Offer::Offsets(broker) => broker,
            Offer::EndUnknown(error) => return Ok(self.stop_until_led(&error)),
        };
        if let Some(route) = self.state().assigned.get(&broker.at).copied() {
            self.forget(route);
        }
        let starts = self.take_over(std::slice::from_ref(&broker))?;
        Ok(starts[0])
    }

    /// Lets a worker drop what it gathered under a route.
    fn forget(&self, route: Route) {
        let (reply, _) = unbounded();
        let assignment_ids = vec![route.assignment_id];
        self.send(
            route.worker,
            Order::Revoked {
                assignment_ids,
                reply,
            },
        );
    }

    fn send(&self, worker: usize, order: Order) {
        // The workers have ended if the group revokes partitions as late as when the client closes.
        drop(self.workers[worker].send(order));
    }

    /// The end of a chain that another consumer writes. `None` if the chain does not match this
    /// log: it is damaged, is from another topic or cluster, or no broker reports that the log goes
    /// that far.
    pub(super) fn reached_by_others(&self, at: &TopicPartition) -> Result<Option<i64>, ChainError> {
        let resume = match self.runtime.block_on(chain::resume(&self.store, at)) {
            Err(ChainError::Ledger(error)) if error.unreadable().is_some() => return Ok(None),
            resumed => resumed?,
        };
        let Ok(high) = self.identity.log_end(at) else {
            return Ok(None);
        };
        let topic_id = self.identity.topic_id(&at.topic).or_empty();
        // The partition's owner checks what expired, and the group's offset.
        let broker = BrokerOffsets {
            at: at.clone(),
            watermarks: (0, high),
            committed: None,
        };
        let found = disagreement(&resume, &broker, &self.identity.cluster, &topic_id);
        Ok(found.is_none().then_some(resume.end.offset))
    }

    /// Partitions that are stopped because no broker reported their end.
    pub(super) fn without_end(&self) -> Vec<TopicPartition> {
        self.state()
            .stopped
            .iter()
            .filter(|(_, stop)| matches!(stop, Stop::EndUnknown(_)))
            .map(|(at, _)| at.clone())
            .collect()
    }

    /// Stops a partition until a broker reports its end.
    fn stop_until_led(&self, error: &EndOffsetUnknown) -> Start {
        let durable = error.committed.as_ref().map_or(0, |group| group.offset);
        self.watch.assigned(&error.at, durable, durable);
        self.refuse(&error.at, Stop::EndUnknown(error.to_string()))
    }

    /// Resumes each partition from its chain, all within the deadline.
    fn resume(&self, offered: &[BrokerOffsets]) -> anyhow::Result<Vec<Resumed>> {
        let resumes = futures::stream::iter(offered)
            .map(|broker| self.resume_one(broker))
            .buffered(RESUMES_AT_ONCE)
            .try_collect();
        let resumes = async { tokio::time::timeout(RESUME_MAX, resumes).await };
        self.runtime
            .block_on(resumes)
            .context("the store took too long to resume the assigned partitions")?
    }

    async fn resume_one(&self, broker: &BrokerOffsets) -> anyhow::Result<Resumed> {
        let committed = broker.committed.as_ref();
        let hint = committed.and_then(|committed| last_file(&committed.metadata));
        match chain::resume_from(&self.store, &broker.at, hint).await {
            Ok(resume) => Ok(Resumed::AtEnd(resume)),
            Err(ChainError::Ledger(LedgerError::Newer(newer))) => {
                Ok(Resumed::Unreadable(newer.to_string()))
            }
            Err(ChainError::Ledger(error)) if error.unreadable().is_some() => {
                let error = anyhow::Error::from(error);
                Ok(Resumed::Unreadable(format!(
                    "a file of the ledger is damaged: {error:#}: restore that file from the \
                     backup (verify shows what else is wrong)"
                )))
            }
            Err(error) => {
                Err(error).with_context(|| format!("cannot resume {} from its chain", broker.at))
            }
        }
    }

    /// Takes one resumed partition over, or stops it.
    fn begin(
        &self,
        broker: &BrokerOffsets,
        resumed: Resumed,
        topic_id: &str,
    ) -> anyhow::Result<Start> {
        let resume = match resumed {
            Resumed::AtEnd(resume) => resume,
            Resumed::Unreadable(why) => {
                // Nobody can read what is durable: the group's offset is the best guess.
                let (low, high) = broker.watermarks;
                let durable = broker.committed.as_ref().map_or(low, |group| group.offset);
                self.watch.assigned(&broker.at, durable, high);
                return Ok(self.refuse(&broker.at, Stop::ForGood(why)));
            }
        };
        let mut broker = broker.clone();
        if resume.end.offset > broker.watermarks.1 {
            // The broker was asked first: another consumer may have committed what came since.
            match self.identity.log_end(&broker.at) {
                Ok(end) => broker.watermarks.1 = end,
                Err(source) => {
                    let unknown = EndOffsetUnknown::new(broker.at, broker.committed, source);
                    return Ok(self.stop_until_led(&unknown));
                }
            }
        }
        let durable = durable_offset(resume.end, broker.watermarks);
        let reporter = self
            .watch
            .assigned(&broker.at, durable, broker.watermarks.1);
        match self.reconcile(resume, &broker, topic_id)? {
            Reconciled::Agreed { resume, group } => {
                Ok(self.assign(&broker, &resume, group, topic_id, reporter))
            }
            Reconciled::Refused(why) => Ok(self.refuse(&broker.at, Stop::ForGood(why))),
        }
    }

    /// Compares broker and chain, and records each accepted loss, until both agree.
    fn reconcile(
        &self,
        mut resume: Resume,
        broker: &BrokerOffsets,
        topic_id: &str,
    ) -> anyhow::Result<Reconciled> {
        let committed = group_position(broker, resume.end);
        let mut group = GroupState {
            committed,
            is_behind: committed.is_none_or(|committed| committed < resume.end),
        };
        while let Some(found) = disagreement(&resume, broker, &self.identity.cluster, topic_id) {
            let (loss, why) = (found.loss, found.why);
            if !self.accepted.contains(&loss) {
                return Ok(Reconciled::Refused(format!(
                    "{why}. If that is so and cannot be fixed: --accept {loss}"
                )));
            }
            tracing::warn!(%loss, why, "a loss is accepted");
            match found.remedy {
                Remedy::RecordGap(reason) => {
                    resume = self.record_gap(&resume, &loss, reason, topic_id)?;
                }
                Remedy::ResetGroup => {
                    group.is_behind = true;
                    break;
                }
            }
        }
        Ok(Reconciled::Agreed { resume, group })
    }

    /// Gives a partition to a worker, under a new assignment id.
    fn assign(
        &self,
        broker: &BrokerOffsets,
        resume: &Resume,
        group: GroupState,
        topic_id: &str,
        reporter: PartitionReporter,
    ) -> Start {
        let (at, end) = (&broker.at, resume.end);
        if group.committed.is_none() && end > Position::ORIGIN {
            tracing::info!(
                partition = %at,
                "the group has no offset here: its lag and its mirror begin at the end position"
            );
        }
        let first_offset = if end.is_era_start() {
            broker.watermarks.0
        } else {
            end.offset
        };
        let mut state = self.state();
        let route = Route {
            assignment_id: AssignmentId(state.next_assignment_id),
            worker: state.next_assignment_id as usize % self.workers.len(),
        };
        state.next_assignment_id += 1;
        state.stopped.remove(at);
        state.assigned.insert(at.clone(), route);
        state.cached.clear();
        let flush_at = state.targets.get(at).copied();
        drop(state);
        tracing::info!(partition = %at, position = %end, "assigned");
        let assigned = AssignedPartition {
            assignment_id: route.assignment_id,
            rules: Arc::clone(self.rules(&at.topic)),
            topic_id: topic_id.to_owned(),
            end: GroupOffset {
                at: at.clone(),
                from: resume.last.as_ref().map_or(end, |last| last.from),
                next: end,
            },
            group_is_behind: group.is_behind,
            unsent_from: group.committed.filter(|committed| *committed < end),
            first_offset,
            ledger_end: resume.ledger_end,
            flush_at,
            reporter,
        };
        self.send(route.worker, Order::Assigned(Box::new(assigned)));
        Start::At(first_offset)
    }

    /// Stops a partition before it starts.
    fn refuse(&self, at: &TopicPartition, stop: Stop) -> Start {
        self.state().assigned.remove(at);
        self.stop_with(at, stop);
        Start::Stopped
    }

    /// Commits a file without rows that records what was lost and who accepted it; returns where
    /// the chain continues.
    fn record_gap(
        &self,
        resume: &Resume,
        loss: &Loss,
        reason: &str,
        topic_id: &str,
    ) -> anyhow::Result<Resume> {
        let Loss { at, from, to } = loss;
        let footer = Footer {
            cluster_id: self.identity.cluster.clone(),
            topic_id: topic_id.to_owned(),
            gaps: vec![Gap {
                from: *from,
                to: *to,
                reason: reason.to_owned(),
                accepted_by: "ingest --accept".to_owned(),
            }],
            ..Footer::attempt(*from, *to)
        };
        let rows = Encoder::new(&schema())?.finish(&footer)?;
        let file = BatchFiles {
            footer: footer.clone(),
            rows,
            rejects: None,
        };
        let committed =
            self.runtime
                .block_on(journal::commit(&self.store, at, &file, resume.ledger_end));
        match committed.with_context(|| format!("cannot record the loss {loss}"))? {
            CommitOutcome::Committed { ledger_end, .. } => Ok(Resume {
                end: *to,
                last: Some(footer),
                ledger_end,
            }),
            // Another consumer continued here: its chain counts.
            CommitOutcome::LostRace => Ok(self.runtime.block_on(chain::resume(&self.store, at))?),
        }
    }

    /// Resumes partitions and takes each over, or stops it.
    fn take_over(&self, offered: &[BrokerOffsets]) -> anyhow::Result<Vec<Start>> {
        let resumes = self.resume(offered)?;
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        for BrokerOffsets { at, .. } in offered {
            // Without an answer the id is not known: the first commit asks again.
            ids.entry(&at.topic)
                .or_insert_with(|| self.identity.topic_id(&at.topic).or_empty());
        }
        let mut starts = Vec::new();
        for (broker, resumed) in offered.iter().zip(resumes) {
            let topic_id = &ids[broker.at.topic.as_str()];
            starts.push(self.begin(broker, resumed, topic_id)?);
        }
        Ok(starts)
    }
}

impl Partitions for Assignment {
    fn assigned(&self, offers: Vec<Offer>) -> anyhow::Result<Vec<Start>> {
        let mut known = Vec::new();
        for offer in &offers {
            if let Offer::Offsets(broker) = offer {
                known.push(broker.clone());
            }
        }
        let mut taken_over = self.take_over(&known)?.into_iter();
        let mut starts = Vec::new();
        for offer in &offers {
            starts.push(match offer {
                Offer::Offsets(_) => taken_over.next().expect("one start per known offer"),
                Offer::EndUnknown(error) => self.stop_until_led(error),
            });
        }
        self.state().undecided_since = None;
        self.watch.rebalanced(RebalanceKind::Assigned, offers.len());
        Ok(starts)
    }

    fn revoked(&self, partitions: Vec<TopicPartition>, lost: bool) -> Vec<GroupOffset> {
        let mut by_worker: BTreeMap<usize, Vec<AssignmentId>> = BTreeMap::new();
        let mut state = self.state();
        state.undecided_since = Some(Instant::now());
        for at in &partitions {
            state.stopped.remove(at);
            self.watch.revoked(at);
            if let Some(route) = state.assigned.remove(at) {
                by_worker
                    .entry(route.worker)
                    .or_default()
                    .push(route.assignment_id);
            }
        }
        state.cached.clear();
        drop(state);
        tracing::info!(partitions = partitions.len(), lost, "revoked");
        self.watch.rebalanced(
            if lost {
                RebalanceKind::Lost
            } else {
                RebalanceKind::Revoked
            },
            partitions.len(),
        );
        let (reply, replies) = unbounded();
        for (worker, assignment_ids) in by_worker {
            let reply = reply.clone();
            self.send(
                worker,
                Order::Revoked {
                    assignment_ids,
                    reply,
                },
            );
        }
        drop(reply);
        if lost {
            return Vec::new();
        }
        let deadline = std::time::Instant::now() + REVOKE_WAIT;
        std::iter::from_fn(|| replies.recv_deadline(deadline).ok()).collect()
    }
}
