//! Joins the stages: the loop, when to flush, the order write → durable → commit, shutdown.
//!
//! One thread consumes and answers rebalances ([`crate::consume`]). It hands the records of a
//! partition to one of a few workers ([`worker`]), which judge, gather and encode them, and give
//! each finished batch to a commit task. A partition's worker never waits for a commit: the next
//! batch is gathered meanwhile. Every bound is written down: bytes between consumer and workers,
//! bytes gathered, one commit under way a partition, a grace at the end.
//!
//! An assignment of a partition is a [`Slot`]. When it ends, by a rebalance or because another
//! consumer won a commit, what still arrives under the old slot is dropped.

mod assignment;
mod breaker;
mod lag;
mod letters;
mod loss;
mod merging;
mod worker;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::config::ClientConfig;
use rdkafka::types::RDKafkaErrorCode;

use crate::consume::{Certain, ConsumeError, Consumer, Identity, LEADERLESS_MAX, Message, Said};
use crate::contract::{Reason, TopicRules};
use crate::event::{Micros, TopicPartition};
use crate::ledger::LedgerError;
use crate::ledger::chain::ChainError;
use crate::ledger::journal::JournalError;
use crate::ledger::merge::MergeLimits;
use crate::storage::Store;
use crate::watch::{Answer, Oldest, Phase, Share, Watch};
use assignment::{Assignment, Route};
pub(crate) use assignment::{disagreement, durable_of};
use breaker::Breaker;
pub use breaker::LOOK_EVERY;
use lag::Lag;
pub use letters::Letters;
use letters::Outbox;
pub use loss::Loss;
use merging::Merging;
use worker::{Commits, Order, Worker};

/// Bytes of records between consumer and workers, at most (and what is fetched in one go over).
/// Each record holds on to the whole set it was unpacked with, so little is enough.
const IN_FLIGHT_BYTES_MAX: usize = 8 << 20;
/// How long the consumer waits for a full batch of messages.
const FETCH_WAIT: Duration = Duration::from_millis(50);
/// How long the consumer waits for the workers when too much is in flight.
const BUSY_WAIT: Duration = Duration::from_millis(2);
/// How often the chains of partitions that others consume are looked at with `until_end`.
const OTHERS_LOOK: Duration = Duration::from_secs(1);
/// How long leaving the group may take.
const LEAVE_MAX: Duration = Duration::from_secs(10);
/// Commits lost in a row, with none won, after which a partition is stopped.
const LOST_MAX: u32 = 5;
/// How long a partition may not be fetched beyond `flush_age`, after which what was read before is
/// durable.
const UNFETCHED_MAX: Duration = Duration::from_mins(1);
/// How often it is looked whether a broker leads a partition of which none told how far its log
/// goes.
const UNTOLD_LOOK: Duration = Duration::from_secs(30);
/// How long it may be unknown how far another consumer is in a partition.
const OTHERS_MAX: Duration = Duration::from_mins(1);

/// What a run needs to know.
pub struct Ingest {
    /// The Kafka client's properties, complete.
    pub kafka: ClientConfig,
    /// The topics and what may arrive on each.
    pub topics: BTreeMap<String, Arc<TopicRules>>,
    /// Losses that somebody accepts.
    pub accepted: Vec<Loss>,
    /// Where rejects are mirrored, if anywhere.
    pub letters: Option<Letters>,
    /// Where the ledger is.
    pub store: Store,
    /// When and how much.
    pub settings: Settings,
    /// Who watches.
    pub watch: Watch,
}

/// When a batch is cut, how much memory there is, when a run ends.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Records of a batch at most.
    pub flush_rows: usize,
    /// Age of a batch's first record at most.
    pub flush_age: Duration,
    /// Bytes of records gathered, over all partitions, at most.
    pub gathered_bytes_max: usize,
    /// Threads that decode and encode.
    pub workers: usize,
    /// When a partition's journal is merged, and how much at once.
    pub merge: MergeLimits,
    /// Rejects in a row for which a partner is parked; 0 = none is.
    pub breaker: u32,
    /// How long a first answer of a broker is waited for.
    pub broker_wait: Duration,
    /// How long the batches under way are waited for after a stop.
    pub grace: Duration,
    /// Stop when all that was in the topics at the start is durable.
    pub until_end: bool,
}

/// What a run did. Only what became durable counts.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Records accepted, by topic.
    pub accepted: BTreeMap<String, u64>,
    /// Records rejected, by reason.
    pub rejected: BTreeMap<Reason, u64>,
    /// Batches committed.
    pub batches: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Partitions that were stopped, and why.
    pub stopped: BTreeMap<TopicPartition, String>,
}

impl Summary {
    /// Records that became durable, accepted or rejected.
    pub fn read(&self) -> u64 {
        self.accepted.values().sum::<u64>() + self.rejected.values().sum::<u64>()
    }
}

/// Why a run ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Kafka.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// A batch could not be written as Parquet.
    #[error("encode a batch of {at}")]
    Encode {
        /// The partition.
        at: TopicPartition,
        /// What went wrong.
        source: LedgerError,
    },
    /// The store, while committing.
    #[error("commit a batch of {at}")]
    Commit {
        /// The partition.
        at: TopicPartition,
        /// What went wrong.
        source: JournalError,
    },
    /// The store, while looking at what others wrote.
    #[error("look at the chain of {at}")]
    Chain {
        /// The partition.
        at: TopicPartition,
        /// What went wrong.
        source: Box<ChainError>,
    },
}

/// One assignment of a partition, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Slot(u64);

/// What the workers tell the consumer.
enum Report {
    /// A batch is durable; the group's offset may pass it only if its dead letters were taken.
    Certain {
        slot: Slot,
        certain: Certain,
        tally: Tally,
        answer: Answer,
        is_mirrored: bool,
    },
    /// The group's offset is behind the chain's end.
    Behind { slot: Slot, end: Certain },
    /// Everything below this offset is durable or holds no record.
    Reached { slot: Slot, offset: i64 },
    /// The next batch is full and the commit before it is still under way.
    Full(Slot),
    /// There is room again.
    Room(Slot),
    /// Another consumer won a commit: begin again from the chain's end.
    Lost(Slot),
    /// The topic is no longer the one the batch was read from.
    Recreated(Slot),
    /// The topic does not exist any more.
    Deleted(Slot),
    /// A commit failed for good.
    Failed(PipelineError),
}

/// What a batch held.
#[derive(Clone, Debug, Default)]
struct Tally {
    accepted: u64,
    rejected: BTreeMap<Reason, u64>,
    /// What came of each partner, by its place in the topic's rules; last, of the unknown.
    shares: Vec<Share>,
    /// The first record, and the Kafka timestamp of the last.
    oldest: Option<Oldest>,
    last: Micros,
    /// Bytes of its files.
    bytes: u64,
}

/// Runs until `stop` is ready or, with [`Settings::until_end`], until everything that was in the
/// topics at the start is durable.
pub async fn run(
    ingest: Ingest,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<Summary, PipelineError> {
    let stopping = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stopping);
    let signal = tokio::spawn(async move {
        stop.await;
        seen.store(true, Ordering::Relaxed);
    });
    let runtime = tokio::runtime::Handle::current();
    let done =
        tokio::task::spawn_blocking(move || Pipeline::start(ingest, runtime)?.run(&stopping)).await;
    signal.abort();
    done.expect("the consuming thread does not panic")
}

/// The consuming thread's state.
struct Pipeline {
    consumer: Consumer,
    assignment: Arc<Assignment>,
    reports: Receiver<Report>,
    workers: Vec<(Sender<Order>, std::thread::JoinHandle<()>)>,
    in_flight: Arc<AtomicUsize>,
    settings: Settings,
    /// With `until_end`: partitions whose end is not durable yet, with that end.
    ahead: BTreeMap<TopicPartition, i64>,
    others_looked: Instant,
    /// Since when it is not known how far others are.
    unknown: BTreeMap<TopicPartition, Instant>,
    /// How often running a commit was lost; since when nothing could be fetched.
    lost: BTreeMap<TopicPartition, u32>,
    unfetched: BTreeMap<Slot, Instant>,
    untold_looked: Instant,
    merging: Merging,
    watch: Watch,
    lag: Lag,
    /// Who is parked.
    watching: tokio::task::JoinHandle<()>,
    summary: Summary,
    progress: Progress,
}

impl Pipeline {
    fn start(ingest: Ingest, runtime: tokio::runtime::Handle) -> Result<Self, PipelineError> {
        let Ingest {
            kafka,
            topics,
            accepted,
            letters,
            store,
            settings,
            watch,
        } = ingest;
        let names: Vec<String> = topics.keys().cloned().collect();
        watch.enters(Phase::Broker);
        let identity = Arc::new(Identity::probe(&kafka, &names, settings.broker_wait)?);
        let letter_topic: Vec<String> = letters
            .iter()
            .map(|letters| letters.topic().to_owned())
            .collect();
        let outbox = letters.map(|letters| Outbox::start(letters, store.clone(), runtime.clone()));
        let (breaker, to_park) = Breaker::new(
            settings.breaker,
            topics.values().flat_map(|rules| &rules.partners),
        );
        if let Err(error) = runtime.block_on(breaker.look(&store)) {
            tracing::warn!(%error, "who is parked is not known yet");
        }
        let (report, reports) = unbounded();
        let in_flight = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..settings.workers.max(1))
            .map(|_| {
                let commits = Commits::new(&store, &identity, outbox.as_ref(), &runtime);
                Worker::spawn(&settings, commits, &breaker, &report, &in_flight)
            })
            .collect();
        let watching = runtime.spawn(breaker.watch(store.clone(), to_park));
        let merging = Merging::start(
            settings.merge,
            store.clone(),
            runtime.clone(),
            watch.clone(),
        );
        let lag = Lag::start(Arc::clone(&identity), watch.clone());
        let orders = workers.iter().map(|(orders, _)| orders.clone()).collect();
        let assignment = Arc::new(Assignment::new(
            topics,
            accepted,
            store,
            identity,
            runtime,
            orders,
            watch.clone(),
        ));
        watch.enters(Phase::Group);
        let consumer = Consumer::join(&kafka, &names, Arc::clone(&assignment) as Arc<_>)?;
        consumer.partition_counts(&letter_topic)?;
        let ahead = if settings.until_end {
            ends(&consumer, &names)?
        } else {
            BTreeMap::new()
        };
        assignment.aim(&ahead);
        let progress = Progress::new();
        Ok(Self {
            consumer,
            assignment,
            reports,
            workers,
            in_flight,
            settings,
            ahead,
            others_looked: Instant::now(),
            unknown: BTreeMap::new(),
            lost: BTreeMap::new(),
            unfetched: BTreeMap::new(),
            untold_looked: Instant::now(),
            merging,
            watch,
            lag,
            watching,
            summary: Summary::default(),
            progress,
        })
    }

    fn run(mut self, stopping: &AtomicBool) -> Result<Summary, PipelineError> {
        let ended = self.consume(stopping);
        self.watch.enters(Phase::Stopping);
        let ended = ended.and_then(|()| self.finish());
        let Self {
            consumer,
            workers,
            mut summary,
            assignment,
            merging,
            watching,
            ..
        } = self;
        summary.stopped = assignment.stopped();
        consumer.leave(LEAVE_MAX);
        for (orders, thread) in workers {
            orders.send(Order::Stop).expect("the worker is there");
            thread.join().expect("a worker does not panic");
        }
        merging.stop();
        watching.abort();
        // Only now, when no message is held any more, may the client go.
        drop(consumer);
        ended.map(|()| summary)
    }

    /// The loop: until a stop, the end, or an error.
    fn consume(&mut self, stopping: &AtomicBool) -> Result<(), PipelineError> {
        while !stopping.load(Ordering::Relaxed) {
            self.watch.turns();
            self.consumer.poll(Duration::ZERO)?;
            self.hear()?;
            if self.settings.until_end && self.is_at_end()? {
                break;
            }
            if self.in_flight.load(Ordering::Relaxed) > IN_FLIGHT_BYTES_MAX {
                std::thread::sleep(BUSY_WAIT);
            } else {
                self.fetch()?;
            }
            self.begin_untold()?;
            self.progress.tick(self.summary.read());
            self.lag.tick(&self.consumer);
        }
        Ok(())
    }

    /// Hands the next messages to the workers, the records of a partition together.
    fn fetch(&mut self) -> Result<(), PipelineError> {
        let mut runs: Vec<(Route, Vec<Message>)> = Vec::new();
        let mut ends = Vec::new();
        let mut errors = Vec::new();
        let (routes, mut bytes) = (self.assignment.routes(), 0);
        self.consumer
            .fetch(FETCH_WAIT, |message| match message.said() {
                Said::Record => {
                    let Some(route) = routes.of(&message) else {
                        return;
                    };
                    bytes += message.size();
                    match runs.iter_mut().find(|(r, _)| r.slot == route.slot) {
                        Some((_, run)) => run.push(message),
                        None => runs.push((route, vec![message])),
                    }
                }
                Said::End => {
                    ends.extend(routes.of(&message).map(|route| (route, message.offset())))
                }
                Said::Error(code) => errors.extend(routes.of(&message).map(|route| (route, code))),
            });
        drop(routes);
        self.in_flight.fetch_add(bytes, Ordering::Relaxed);
        for (route, records) in runs {
            self.order(
                route,
                Order::Records {
                    slot: route.slot,
                    records,
                },
            );
        }
        for (route, offset) in ends {
            self.order(
                route,
                Order::End {
                    slot: route.slot,
                    offset,
                },
            );
        }
        for (route, code) in errors {
            self.unfetched(route.slot, code)?;
        }
        Ok(())
    }

    fn order(&self, route: Route, order: Order) {
        self.workers[route.worker]
            .0
            .send(order)
            .expect("the worker is there");
    }

    /// Acts on what the workers said.
    fn hear(&mut self) -> Result<(), PipelineError> {
        let mut certain_now: BTreeMap<TopicPartition, Certain> = BTreeMap::new();
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Certain {
                    slot,
                    certain,
                    tally,
                    answer,
                    is_mirrored,
                } => {
                    self.count(&certain.at, &tally, answer);
                    self.merging.grew(&certain.at, tally.bytes);
                    if is_mirrored && self.assignment.is_current(slot) {
                        self.lost.remove(&certain.at);
                        self.unfetched.remove(&slot);
                        self.reached(&certain.at, certain.next.offset, Some(tally.last));
                        certain_now.insert(certain.at.clone(), certain);
                    }
                }
                Report::Behind { slot, end } => {
                    if self.assignment.is_current(slot) {
                        certain_now.entry(end.at.clone()).or_insert(end);
                    }
                }
                Report::Reached { slot, offset } => {
                    if let Some(at) = self.assignment.partition(slot) {
                        self.reached(&at, offset, None);
                    }
                }
                Report::Full(slot) => self.pausing(slot, Consumer::pause)?,
                Report::Room(slot) => self.pausing(slot, Consumer::resume)?,
                Report::Lost(slot) => {
                    self.watch.lost();
                    self.lose(slot)?;
                }
                Report::Recreated(slot) => self.begin_again(slot)?,
                Report::Deleted(slot) => {
                    let why = "the topic does not exist any more: what was not yet durable is lost with it";
                    self.stop(slot, why.to_owned())?;
                }
                Report::Failed(error) => return Err(error),
            }
        }
        let certain: Vec<Certain> = certain_now.into_values().collect();
        self.consumer.commit(&certain);
        Ok(())
    }

    fn pausing(
        &self,
        slot: Slot,
        act: impl Fn(&Consumer, &TopicPartition) -> Result<(), ConsumeError>,
    ) -> Result<(), PipelineError> {
        match self.assignment.partition(slot) {
            Some(at) => Ok(act(&self.consumer, &at)?),
            None => Ok(()),
        }
    }

    fn count(&mut self, at: &TopicPartition, tally: &Tally, answer: Answer) {
        self.watch.durable(
            self.assignment.rules(&at.topic),
            &tally.shares,
            &tally.rejected,
            answer,
        );
        *self.summary.accepted.entry(at.topic.clone()).or_default() += tally.accepted;
        for (reason, count) in &tally.rejected {
            *self.summary.rejected.entry(*reason).or_default() += count;
        }
        self.summary.batches += 1;
        self.summary.bytes += tally.bytes;
    }

    fn reached(&mut self, at: &TopicPartition, offset: i64, last: Option<Micros>) {
        self.watch.reached(at, offset, last);
        if self.ahead.get(at).is_some_and(|end| offset >= *end) {
            self.ahead.remove(at);
        }
    }

    /// A partition cannot be fetched: its log moved away from under us, and then what the chain
    /// says of it decides; or the client tries on, and for so long what was gathered before becomes
    /// durable.
    fn unfetched(&mut self, slot: Slot, code: RDKafkaErrorCode) -> Result<(), PipelineError> {
        use RDKafkaErrorCode::{
            AutoOffsetReset, OffsetOutOfRange, UnknownPartition, UnknownTopicOrPartition,
        };
        let Some(at) = self.assignment.partition(slot) else {
            return Ok(());
        };
        let since = *self.unfetched.entry(slot).or_insert_with(|| {
            tracing::warn!(partition = %at, %code, "a partition cannot be fetched");
            Instant::now()
        });
        if let AutoOffsetReset | OffsetOutOfRange | UnknownPartition | UnknownTopicOrPartition =
            code
        {
            return self.begin_again(slot);
        }
        if since.elapsed() < self.settings.flush_age + UNFETCHED_MAX {
            return Ok(());
        }
        self.unfetched.remove(&slot);
        self.stop(slot, format!("it cannot be fetched: {code}"))
    }

    /// Begins with partitions of which no broker told how far the log goes, when one leads them.
    fn begin_untold(&mut self) -> Result<(), PipelineError> {
        if self.untold_looked.elapsed() < UNTOLD_LOOK {
            return Ok(());
        }
        for at in self.assignment.untold() {
            if self.consumer.is_led(&at) {
                self.begin(&at)?;
            }
        }
        self.untold_looked = Instant::now();
        Ok(())
    }

    /// Another consumer won: begin again from the chain's end, but not for ever.
    fn lose(&mut self, slot: Slot) -> Result<(), PipelineError> {
        let Some(at) = self.assignment.partition(slot) else {
            return Ok(());
        };
        let lost = self.lost.entry(at.clone()).or_default();
        *lost += 1;
        tracing::warn!(partition = %at, lost, "another consumer committed here first: resuming from the chain's end");
        if *lost < LOST_MAX {
            return self.begin_again(slot);
        }
        let why = format!(
            "lost {LOST_MAX} commits running: another consumer, perhaps of another group, writes here"
        );
        self.stop(slot, why)
    }

    /// Stops a partition that is assigned.
    fn stop(&self, slot: Slot, why: String) -> Result<(), PipelineError> {
        let Some(at) = self.assignment.partition(slot) else {
            return Ok(());
        };
        self.assignment.stop(&at, why);
        Ok(self.consumer.pause(&at)?)
    }

    /// Resumes a partition that is still assigned.
    fn begin_again(&self, slot: Slot) -> Result<(), PipelineError> {
        self.assignment
            .partition(slot)
            .map_or(Ok(()), |at| self.begin(&at))
    }

    /// Resumes a partition from its chain.
    fn begin(&self, at: &TopicPartition) -> Result<(), PipelineError> {
        let start = match self.consumer.offered(at)? {
            Ok(offered) => self
                .assignment
                .again(offered)
                .map_err(ConsumeError::Resume)?,
            Err(untold) => {
                self.assignment.wait_for(&untold);
                None
            }
        };
        match start {
            Some(offset) => {
                self.consumer.seek(at, offset)?;
                // The batch that was lost may have been full, and its partition paused.
                self.consumer.resume(at)?;
            }
            None => self.consumer.pause(at)?,
        }
        Ok(())
    }

    /// Whether everything that was in the topics at the start is durable, whoever made it so.
    /// Stopped partitions are not waited for.
    fn is_at_end(&mut self) -> Result<bool, PipelineError> {
        let stopped = self.assignment.stopped();
        self.ahead.retain(|at, _| !stopped.contains_key(at));
        if self.others_looked.elapsed() >= OTHERS_LOOK {
            let others: Vec<TopicPartition> = self
                .ahead
                .keys()
                .filter(|at| !self.assignment.is_assigned(at))
                .cloned()
                .collect();
            for at in others {
                let reached = self.assignment.reached_by_others(&at).map_err(|source| {
                    PipelineError::Chain {
                        at: at.clone(),
                        source: source.into(),
                    }
                })?;
                match reached {
                    Some(offset) => {
                        self.unknown.remove(&at);
                        self.reached(&at, offset, None);
                    }
                    // It may yet be ours, and then it is seen what is wrong; where another has it,
                    // that one says so.
                    None if self
                        .unknown
                        .entry(at.clone())
                        .or_insert_with(Instant::now)
                        .elapsed()
                        > OTHERS_MAX =>
                    {
                        let why =
                            "another consumer has it, and its chain is damaged or no way through this log".to_owned();
                        self.assignment.stop(&at, why);
                    }
                    None => {}
                }
            }
            self.others_looked = Instant::now();
        }
        Ok(self.ahead.is_empty())
    }

    /// Cuts and commits what was gathered, within the grace.
    fn finish(&mut self) -> Result<(), PipelineError> {
        let (answer, answers) = unbounded();
        for (orders, _) in &self.workers {
            orders
                .send(Order::Finish {
                    answer: answer.clone(),
                })
                .expect("the worker is there");
        }
        drop(answer);
        let deadline = Instant::now() + self.settings.grace;
        let mut open = self.workers.len();
        while open > 0 && Instant::now() < deadline {
            self.watch.turns();
            open -= answers.try_iter().count();
            self.consumer.poll(Duration::from_millis(5))?;
            self.hear()?;
        }
        if open > 0 {
            tracing::warn!(
                "the grace is over: batches under way were dropped, and are read again at the next start"
            );
        }
        Ok(())
    }
}

/// The end of every partition of the topics, where there is anything before it.
fn ends(
    consumer: &Consumer,
    topics: &[String],
) -> Result<BTreeMap<TopicPartition, i64>, PipelineError> {
    let (mut ends, deadline) = (BTreeMap::new(), Instant::now() + LEADERLESS_MAX);
    for (topic, count) in topics.iter().zip(consumer.partition_counts(topics)?) {
        for partition in 0..count as i32 {
            let at = TopicPartition {
                topic: topic.clone(),
                partition,
            };
            match consumer.watermarks(&at, deadline) {
                Ok((_, high)) if high > 0 => drop(ends.insert(at, high)),
                Ok(_) => {}
                // Whoever gets it stops it, and says why.
                Err(error) => {
                    tracing::warn!(partition = %at, %error, "how far the log goes is not known")
                }
            }
        }
    }
    Ok(ends)
}

/// A log line every few seconds: how much is durable, and how fast it became so.
struct Progress {
    said: Instant,
    read: u64,
}

impl Progress {
    const EVERY: Duration = Duration::from_secs(10);

    fn new() -> Self {
        Self {
            said: Instant::now(),
            read: 0,
        }
    }

    fn tick(&mut self, read: u64) {
        let elapsed = self.said.elapsed();
        if elapsed >= Self::EVERY && read > self.read {
            let per_second = ((read - self.read) as f64 / elapsed.as_secs_f64()).round();
            tracing::info!(records = read, per_second, "durable");
            *self = Self {
                said: Instant::now(),
                read,
            };
        }
    }
}
