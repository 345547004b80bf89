//! Which partitions are ours, where each begins, and whether broker and chain agree.
//!
//! Where they disagree, that partition alone is stopped, and what would be lost is said. What
//! somebody accepted, by just these positions, is written down in the chain, and the partition goes
//! on.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context as _;
use crossbeam_channel::{Sender, unbounded};
use futures::stream::{StreamExt, TryStreamExt};

use super::worker::{Assigned, Order};
use super::{Loss, Slot};
use crate::consume::{Certain, Identity, Message, Offered, Partitions, Start, Untold};
use crate::contract::TopicRules;
use crate::event::{Position, TopicPartition};
use crate::ledger::chain::{self, ChainError, Resume};
use crate::ledger::journal::{self, Outcome, Prepared};
use crate::ledger::{Encoder, Footer, Gap};
use crate::normalise::schema;
use crate::storage::Store;
use crate::watch::{Change, Watch};

/// How long all resumes of an assignment may take: half of `max.poll.interval.ms`.
const RESUME_MAX: Duration = Duration::from_secs(150);
/// Resumes at once.
const RESUMES_AT_ONCE: usize = 32;
/// How long a revoked partition waits for a create under way, to spare the next owner a lost one.
const REVOKE_WAIT: Duration = Duration::from_secs(5);

/// Where the records of a partition go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) slot: Slot,
    pub(super) worker: usize,
}

/// The partitions assigned to this process.
pub(super) struct Assignment {
    topics: BTreeMap<String, Arc<TopicRules>>,
    /// Losses that somebody accepted.
    accepted: Vec<Loss>,
    store: Store,
    identity: Arc<Identity>,
    runtime: tokio::runtime::Handle,
    workers: Vec<Sender<Order>>,
    watch: Watch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next_slot: u64,
    assigned: BTreeMap<TopicPartition, Route>,
    stopped: BTreeMap<TopicPartition, Stop>,
    /// With `until_end`: the offset at which a partition's batch is cut at once.
    aims: BTreeMap<TopicPartition, i64>,
    /// Routes by the client's topic handle and partition, as messages name them.
    known: HashMap<(usize, i32), Option<Route>>,
}

/// Why a partition is stopped.
struct Stop {
    why: String,
    /// Only until a broker leads it.
    is_untold: bool,
}

/// Finds the route of each message.
pub(super) struct Routes<'a>(std::cell::RefCell<MutexGuard<'a, State>>);

impl Routes<'_> {
    /// Where a message goes; `None` if its partition is no longer ours, or is stopped.
    pub(super) fn of(&self, message: &Message) -> Option<Route> {
        let mut state = self.0.borrow_mut();
        let key = (message.topic_handle(), message.partition());
        if let Some(route) = state.known.get(&key) {
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
        state.known.insert(key, route);
        route
    }
}

/// What is wrong where broker and chain disagree, and what goes on if it is accepted.
#[derive(Debug)]
pub(crate) struct Disagreement {
    pub(crate) why: String,
    /// The first position that is not lost; what is before it, from the chain's end on, is.
    pub(crate) to: Position,
    accepted: Accepted,
}

/// How an accepted loss is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepted {
    /// As a file without rows, for this reason.
    Gap(&'static str),
    /// Not at all: the group's offset is brought back to the chain's end.
    Group,
}

/// Holds what a broker says of a partition against its chain.
pub(crate) fn disagreement(
    resume: &Resume,
    offered: &Offered,
    cluster: &str,
    topic_id: &str,
) -> Option<Disagreement> {
    let (end, (low, high)) = (resume.end, offered.watermarks);
    let source = resume
        .last
        .as_ref()
        .map(|last| (last.cluster_id.as_str(), last.topic_id.as_str()));
    let differs = |was: &str, is: &str| !was.is_empty() && !is.is_empty() && was != is;
    let another_life = |why| {
        let to = Position {
            era: end.era + 1,
            offset: 0,
        };
        Some(Disagreement {
            why,
            to,
            accepted: Accepted::Gap("recreated"),
        })
    };
    if let Some((was_cluster, was_topic)) = source.filter(|_| !end.is_era_start()) {
        if differs(was_cluster, cluster) {
            return another_life(format!(
                "the ledger's records come from cluster {was_cluster}, this is cluster {cluster}: \
                 use another store for another cluster"
            ));
        }
        if differs(was_topic, topic_id) {
            return another_life(format!(
                "the topic was deleted and made again (its id was {was_topic}, is {topic_id}): \
                 what the old one held past {end} is lost"
            ));
        }
    }
    if end.offset > high {
        return another_life(format!(
            "the ledger ends at {end}, but the broker's log at {high}: the topic was made again or \
             truncated, or this is another cluster; records past the broker's end cannot be told apart"
        ));
    }
    if !end.is_era_start() && end.offset < low {
        let why = format!(
            "offsets {} to {} expired on the broker before they were read ({} offsets are lost): lengthen the \
             topic's retention, or more will",
            end.offset,
            low - 1,
            low - end.offset
        );
        return Some(Disagreement {
            why,
            to: end.at(low),
            accepted: Accepted::Gap("expired"),
        });
    }
    group_position(offered, end).filter(|committed| *committed > end).map(|to| {
        let why = format!(
            "the group committed {to}, but the ledger ends at {end}: is this the right store (--store), or \
             were files of it lost? Put them back, or use another group"
        );
        Disagreement { why, to, accepted: Accepted::Group }
    })
}

/// The offset below which nothing that the log still has is missing of a chain: the first where the
/// log is another's.
pub(crate) fn durable_of(end: Position, (low, high): (i64, i64)) -> i64 {
    if end.offset > high {
        low
    } else {
        end.offset.max(low)
    }
}

/// Where the last file started when a group's offset was committed.
fn last_file(metadata: &str) -> Option<Position> {
    metadata.split_once(' ')?.0.parse().ok()
}

/// The position of the group's offset, if it has one.
fn group_position(offered: &Offered, end: Position) -> Option<Position> {
    offered
        .committed
        .as_ref()
        .map(|(offset, metadata)| committed_position(end, *offset, metadata))
}

/// The position of a group's offset: of the metadata we wrote, or in the chain's era if it is
/// another's.
fn committed_position(end: Position, offset: i64, metadata: &str) -> Position {
    let ours = metadata
        .split_once(' ')
        .and_then(|(_, next)| next.parse::<Position>().ok());
    ours.filter(|next| next.offset == offset)
        .unwrap_or_else(|| end.at(offset))
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// Sets the offsets at which batches are cut at once.
    pub(super) fn aim(&self, ends: &BTreeMap<TopicPartition, i64>) {
        self.state().aims.clone_from(ends);
    }

    pub(super) fn routes(&self) -> Routes<'_> {
        Routes(std::cell::RefCell::new(self.state()))
    }

    /// The partition of a slot that is still current.
    pub(super) fn partition(&self, slot: Slot) -> Option<TopicPartition> {
        self.state()
            .assigned
            .iter()
            .find(|(_, route)| route.slot == slot)
            .map(|(at, _)| at.clone())
    }

    pub(super) fn is_current(&self, slot: Slot) -> bool {
        self.state()
            .assigned
            .values()
            .any(|route| route.slot == slot)
    }

    pub(super) fn is_assigned(&self, at: &TopicPartition) -> bool {
        self.state().assigned.contains_key(at)
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
            .map(|(at, stop)| (at.clone(), stop.why.clone()))
            .collect()
    }

    /// Stops a partition for good: what was gathered of it is dropped.
    pub(super) fn stop(&self, at: &TopicPartition, why: String) {
        self.stop_as(
            at,
            Stop {
                why,
                is_untold: false,
            },
        );
    }

    fn stop_as(&self, at: &TopicPartition, stop: Stop) {
        tracing::error!(partition = %at, why = stop.why, "stopped");
        self.watch.stopped(at);
        let mut state = self.state();
        if let Some(route) = state.assigned.get(at).copied() {
            self.forget(route);
        }
        state.known.clear();
        state.stopped.insert(at.clone(), stop);
    }

    /// Resumes a partition that is still assigned, under a new slot; `None` if it had to be
    /// stopped.
    pub(super) fn again(&self, offered: Offered) -> anyhow::Result<Option<i64>> {
        if let Some(route) = self.state().assigned.get(&offered.at).copied() {
            self.forget(route);
        }
        match self.take_over(&[offered])?.as_slice() {
            [Start::At(offset)] => Ok(Some(*offset)),
            _ => Ok(None),
        }
    }

    fn forget(&self, route: Route) {
        let (answer, _) = unbounded();
        self.send(
            route.worker,
            Order::Revoked {
                slots: vec![route.slot],
                answer,
            },
        );
    }

    fn send(&self, worker: usize, order: Order) {
        self.workers[worker]
            .send(order)
            .expect("the worker is there");
    }

    /// How far a chain has come that another consumer writes. `None` where that is no way through
    /// this log: the chain is damaged, or of another topic or cluster, or no broker says that the
    /// log goes so far.
    pub(super) fn reached_by_others(&self, at: &TopicPartition) -> Result<Option<i64>, ChainError> {
        let resume = match self.runtime.block_on(chain::resume(&self.store, at)) {
            Err(ChainError::Ledger(error)) if error.damaged().is_some() => return Ok(None),
            resumed => resumed?,
        };
        let Some(high) = self.identity.log_end(at) else {
            return Ok(None);
        };
        let topic_id = self
            .identity
            .topic_id(&at.topic)
            .and_then(Result::ok)
            .unwrap_or_default();
        // What expired, and the group's offset, are for who has the partition.
        let offered = Offered {
            at: at.clone(),
            watermarks: (0, high),
            committed: None,
        };
        let disagrees =
            disagreement(&resume, &offered, &self.identity.cluster, &topic_id).is_some();
        Ok((!disagrees).then_some(resume.end.offset))
    }

    /// Partitions of which no broker told how far the log goes.
    pub(super) fn untold(&self) -> Vec<TopicPartition> {
        self.state()
            .stopped
            .iter()
            .filter(|(_, stop)| stop.is_untold)
            .map(|(at, _)| at.clone())
            .collect()
    }

    /// Stops a partition for as long as no broker tells how far its log goes.
    pub(super) fn wait_for(&self, untold: &Untold) -> Start {
        let durable = untold.committed.as_ref().map_or(0, |(offset, _)| *offset);
        self.watch.assigned(&untold.at, durable, durable);
        self.refuse(
            &untold.at,
            Stop {
                why: untold.to_string(),
                is_untold: true,
            },
        )
    }

    /// Resumes each partition from its chain, all within the deadline; where the chain's last file
    /// is damaged, says so.
    fn resume(&self, offered: &[Offered]) -> anyhow::Result<Vec<Result<Resume, String>>> {
        let resumes = futures::stream::iter(offered)
            .map(|offer| async move {
                let hint = offer
                    .committed
                    .as_ref()
                    .and_then(|(_, metadata)| last_file(metadata));
                match chain::resume_from(&self.store, &offer.at, hint).await {
                    Err(ChainError::Ledger(error)) if error.damaged().is_some() => {
                        let error = anyhow::Error::from(error);
                        let what_to_do =
                            "put that file back from the backup (verify tells what else is wrong)";
                        Ok(Err(format!(
                            "a file of the ledger is damaged: {error:#}: {what_to_do}"
                        )))
                    }
                    resumed => resumed
                        .map(Ok)
                        .with_context(|| format!("resume {} from its chain", offer.at)),
                }
            })
            .buffered(RESUMES_AT_ONCE)
            .try_collect();
        let resumes = async { tokio::time::timeout(RESUME_MAX, resumes).await };
        self.runtime
            .block_on(resumes)
            .context("the store took too long to resume the assigned partitions")?
    }

    /// Takes one resumed partition over, or stops it.
    fn begin(
        &self,
        offered: &Offered,
        resume: Result<Resume, String>,
        topic_id: &str,
    ) -> anyhow::Result<Start> {
        let at = &offered.at;
        let mut resume = match resume {
            Ok(resume) => resume,
            Err(damage) => {
                // What is durable, nobody can read: the group's offset says it.
                let (low, high) = offered.watermarks;
                let durable = offered
                    .committed
                    .as_ref()
                    .map_or(low, |(offset, _)| *offset);
                self.watch.assigned(at, durable, high);
                return Ok(self.refuse(
                    at,
                    Stop {
                        why: damage,
                        is_untold: false,
                    },
                ));
            }
        };
        let mut offered = offered.clone();
        if resume.end.offset > offered.watermarks.1 {
            // The broker was asked first: another consumer may have committed what came since.
            offered.watermarks.1 = self.identity.log_end(at).unwrap_or(offered.watermarks.1);
        }
        let offered = &offered;
        let durable = durable_of(resume.end, offered.watermarks);
        let told = self.watch.assigned(at, durable, offered.watermarks.1);
        let committed = group_position(offered, resume.end);
        let mut behind = committed.is_none_or(|committed| committed < resume.end);
        while let Some(found) = disagreement(&resume, offered, &self.identity.cluster, topic_id) {
            let loss = Loss {
                at: at.clone(),
                from: resume.end,
                to: found.to,
            };
            if !self.accepted.contains(&loss) {
                let why = format!(
                    "{}. If that is so and cannot be mended: --accept {loss}",
                    found.why
                );
                return Ok(self.refuse(
                    at,
                    Stop {
                        why,
                        is_untold: false,
                    },
                ));
            }
            tracing::warn!(%loss, why = found.why, "a loss is accepted");
            match found.accepted {
                Accepted::Gap(reason) => resume = self.accept(&resume, &loss, reason, topic_id)?,
                Accepted::Group => {
                    behind = true;
                    break;
                }
            }
        }
        if committed.is_none() && resume.end > Position::ORIGIN {
            tracing::info!(partition = %at, "the group has no offset here: its lag, and dead letters, begin at the chain's end");
        }
        let mut state = self.state();
        let route = Route {
            slot: Slot(state.next_slot),
            worker: state.next_slot as usize % self.workers.len(),
        };
        state.next_slot += 1;
        state.stopped.remove(at);
        state.assigned.insert(at.clone(), route);
        state.known.clear();
        let start = if resume.end.is_era_start() {
            offered.watermarks.0
        } else {
            resume.end.offset
        };
        let end = Certain {
            at: at.clone(),
            from: resume.last.as_ref().map_or(resume.end, |last| last.from),
            next: resume.end,
        };
        tracing::info!(partition = %at, position = %resume.end, "assigned");
        let assigned = Assigned {
            slot: route.slot,
            rules: Arc::clone(self.rules(&at.topic)),
            told,
            topic_id: topic_id.to_owned(),
            end,
            behind,
            letters_from: committed.filter(|committed| *committed < resume.end),
            first_offset: start,
            ledger_end: resume.ledger_end,
            cut_at: state.aims.get(at).copied(),
        };
        drop(state);
        self.send(route.worker, Order::Assigned(Box::new(assigned)));
        Ok(Start::At(start))
    }

    /// Stops a partition before it begins.
    fn refuse(&self, at: &TopicPartition, stop: Stop) -> Start {
        self.state().assigned.remove(at);
        self.stop_as(at, stop);
        Start::Stopped
    }

    /// Commits a file without rows that says what was lost, and who accepted it; where it goes on
    /// from there.
    fn accept(
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
        let file = Prepared {
            footer: footer.clone(),
            rows,
            rejects: None,
        };
        let committed =
            self.runtime
                .block_on(journal::commit(&self.store, at, &file, resume.ledger_end));
        match committed.with_context(|| format!("accept the loss {loss}"))? {
            Outcome::Committed { ledger_end, .. } => Ok(Resume {
                end: *to,
                last: Some(footer),
                ledger_end,
            }),
            // Another consumer went on here: its chain counts.
            Outcome::LostRace => Ok(self.runtime.block_on(chain::resume(&self.store, at))?),
        }
    }

    /// Resumes partitions and takes each over, or stops it.
    fn take_over(&self, offered: &[Offered]) -> anyhow::Result<Vec<Start>> {
        let resumes = self.resume(offered)?;
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        for Offered { at, .. } in offered {
            // Without an answer the id is not known: the first commit asks again.
            let id = || {
                self.identity
                    .topic_id(&at.topic)
                    .and_then(Result::ok)
                    .unwrap_or_default()
            };
            ids.entry(&at.topic).or_insert_with(id);
        }
        let begin = |(offer, resume): (&Offered, _)| {
            self.begin(offer, resume, &ids[offer.at.topic.as_str()])
        };
        offered.iter().zip(resumes).map(begin).collect()
    }
}

impl Partitions for Assignment {
    fn assigned(&self, offers: Vec<Result<Offered, Untold>>) -> anyhow::Result<Vec<Start>> {
        let offered: Vec<Offered> = offers
            .iter()
            .filter_map(|offer| offer.as_ref().ok())
            .cloned()
            .collect();
        let mut starts = self.take_over(&offered)?.into_iter();
        let start = |offer: &Result<Offered, Untold>| match offer {
            Ok(_) => starts.next().expect("each offer has a start"),
            Err(untold) => self.wait_for(untold),
        };
        let starts = offers.iter().map(start).collect();
        self.watch.rebalanced(Change::Assigned, offers.len());
        Ok(starts)
    }

    fn revoked(&self, partitions: Vec<TopicPartition>, lost: bool) -> Vec<Certain> {
        let mut by_worker: BTreeMap<usize, Vec<Slot>> = BTreeMap::new();
        let mut state = self.state();
        for at in &partitions {
            state.stopped.remove(at);
            self.watch.revoked(at);
            if let Some(route) = state.assigned.remove(at) {
                by_worker.entry(route.worker).or_default().push(route.slot);
            }
        }
        state.known.clear();
        drop(state);
        tracing::info!(partitions = partitions.len(), lost, "revoked");
        self.watch.rebalanced(
            if lost { Change::Lost } else { Change::Revoked },
            partitions.len(),
        );
        let (answer, answers) = unbounded();
        for (worker, slots) in by_worker {
            self.send(
                worker,
                Order::Revoked {
                    slots,
                    answer: answer.clone(),
                },
            );
        }
        drop(answer);
        if lost {
            return Vec::new();
        }
        let deadline = std::time::Instant::now() + REVOKE_WAIT;
        std::iter::from_fn(|| answers.recv_deadline(deadline).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resumed(end: i64, topic_id: &str) -> Resume {
        let footer = Footer {
            cluster_id: "c".to_owned(),
            topic_id: topic_id.to_owned(),
            ..Footer::attempt(Position::ORIGIN, Position::ORIGIN.at(end.max(1)))
        };
        Resume {
            end: Position::ORIGIN.at(end),
            last: (end > 0).then_some(footer),
            ledger_end: Position::ORIGIN,
        }
    }

    fn offered(low: i64, high: i64, committed: Option<i64>) -> Offered {
        let at = TopicPartition {
            topic: "t".to_owned(),
            partition: 0,
        };
        Offered {
            at,
            watermarks: (low, high),
            committed: committed.map(|offset| (offset, String::new())),
        }
    }

    #[track_caller]
    fn check(resume: &Resume, offered: &Offered, expected: Option<(&str, Position)>) {
        let found = disagreement(resume, offered, "c", "id");
        match expected {
            None => assert!(found.is_none(), "{found:?}"),
            Some((why, to)) => {
                let found = found.expect("they disagree");
                assert!(found.why.contains(why), "{found:?}");
                assert_eq!(
                    (found.to, found.accepted == Accepted::Group),
                    (to, why.contains("group"))
                );
            }
        }
    }

    #[test]
    fn broker_and_chain_agree_or_the_difference_is_named() {
        check(&resumed(0, ""), &offered(0, 0, None), None);
        check(&resumed(0, ""), &offered(5, 9, None), None); // nothing was read before: the start is where the broker's is
        check(&resumed(7, "id"), &offered(0, 9, Some(7)), None);
        check(&resumed(7, ""), &offered(7, 7, Some(3)), None);
        let (at, next_life) = (
            |offset| Position::ORIGIN.at(offset),
            Position { era: 1, offset: 0 },
        );
        check(
            &resumed(7, "id"),
            &offered(8, 9, None),
            Some(("offsets 7 to 7 expired", at(8))),
        );
        check(
            &resumed(7, "id"),
            &offered(0, 6, None),
            Some(("the ledger ends at", next_life)),
        );
        check(
            &resumed(7, "other"),
            &offered(0, 9, None),
            Some(("made again", next_life)),
        );
        let ahead = "the group committed 0000-0000000000000000008";
        check(
            &resumed(7, "id"),
            &offered(0, 9, Some(8)),
            Some((ahead, at(8))),
        );
        check(
            &resumed(0, ""),
            &offered(0, 9, Some(8)),
            Some((ahead, at(8))),
        );
    }

    #[test]
    fn an_offset_of_an_earlier_era_is_not_ahead() {
        let end = Position { era: 1, offset: 3 };
        let metadata = "0000-0000000000000000000 0000-0000000000000000009";
        let committed = committed_position(end, 9, metadata);
        assert_eq!(committed, Position { era: 0, offset: 9 });
        assert_eq!(
            committed_position(end, 4, metadata),
            Position { era: 1, offset: 4 }
        );
    }
}
