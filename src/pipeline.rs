//! Joins the stages of `ingest`: the consuming loop, what follows from each report, shutdown.
//!
//! One thread consumes and answers rebalances ([`crate::consume`]). It hands the records of a
//! partition to one of a few workers ([`worker`]), which validate, gather and encode them. A task
//! commits each finished batch ([`commit`]) while the next one is gathered. Everything has a bound:
//! bytes between consumer and workers, bytes gathered, one commit per partition, and the shutdown
//! timeout.
//!
//! An assignment of a partition has an [`AssignmentId`]. When it ends, by a rebalance or because
//! another consumer won a commit, what still arrives under the old id is dropped.

mod assignment;
mod batch;
mod breaker;
mod commit;
mod dead_letter;
mod disagreement;
mod error;
mod flush;
mod lag;
mod loss;
mod merging;
mod messages;
mod partition;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::config::ClientConfig;
use rdkafka::types::RDKafkaErrorCode;

use crate::config::IngestSettings;
use crate::consume::{
    ConsumeError, Consumer, GroupOffset, Identity, LogEnds, Message, MessageKind, OUTAGE_MAX,
    Start, decision_max,
};
use crate::contract::{Reason, TopicRules};
use crate::event::{Micros, TopicPartition};
use crate::reference::{Reference, UnknownCodes};
use crate::storage::Store;
use crate::watch::{CreateAnswer, RunPhase, Watch};
use assignment::{Assignment, Route};
pub use breaker::POLL_PAUSED;
use breaker::{Breaker, ToPause};
use commit::Commits;
use dead_letter::DeadLetterQueue;
pub use dead_letter::DeadLetterTopic;
pub(crate) use disagreement::{disagreement, durable_offset};
pub use error::PipelineError;
use lag::Lag;
pub use loss::Loss;
use merging::Merging;
use messages::{AssignmentId, BatchTally, CommittedBatch, Fetched, Order, Report};
use worker::Worker;

/// Bytes of records between consumer and workers, at most, besides those of one fetch. A record
/// keeps the whole set in memory that it was unpacked with, so little is enough.
const IN_FLIGHT_BYTES_MAX: usize = 8 << 20;
/// Bytes at which records of a partition that were fetched together are handed to its worker: a batch
/// exceeds its size by no more.
const FETCHED_RUN_BYTES: usize = 4 << 20;
/// How long the consumer waits for a full batch of messages.
const FETCH_WAIT: Duration = Duration::from_millis(50);
/// How long the consumer waits for the workers when too much is in flight.
const BUSY_WAIT: Duration = Duration::from_millis(2);
/// With `until_end`, how often the chains of partitions that others consume are read.
const OTHERS_POLL: Duration = Duration::from_secs(1);
/// How long leaving the group may take, and closing the client.
const LEAVE_MAX: Duration = Duration::from_secs(10);
/// Commits lost in a row after which a partition is stopped.
const LOST_MAX: u32 = 5;
/// How long fetching a partition may fail, beyond `flush_age`: what was read before is then
/// durable.
const UNFETCHED_MAX: Duration = Duration::from_mins(1);
/// How often partitions whose end no broker reported are tried again.
const LEADER_POLL: Duration = Duration::from_secs(30);
/// How long the position of another consumer may be unknown.
const OTHERS_MAX: Duration = Duration::from_mins(1);
/// How long the first answer of a broker may take.
const BROKER_WAIT: Duration = Duration::from_secs(30);

/// A run of the pipeline.
pub struct Run {
    /// The Kafka client's properties, complete.
    pub kafka: ClientConfig,
    /// The topics and what may arrive on each.
    pub topics: BTreeMap<String, Arc<TopicRules>>,
    /// Has the code lists by which unknown codes are counted.
    pub reference: Arc<Reference>,
    /// Losses that the operator accepts.
    pub accepted: Vec<Loss>,
    /// Where rejects are mirrored, if anywhere.
    pub dead_letter_topic: Option<DeadLetterTopic>,
    /// Where the ledger is.
    pub store: Store,
    /// Limits of batches, memory and time.
    pub settings: IngestSettings,
    /// Whether to stop when everything that was in the topics at the start is durable.
    pub until_end: bool,
    /// Shows the state of the run to probes and metrics.
    pub watch: Watch,
}

/// What a run did. Only what became durable counts.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Records accepted, by topic.
    pub accepted: BTreeMap<String, u64>,
    /// Records rejected, by reason.
    pub rejected: BTreeMap<Reason, u64>,
    /// The unknown codes of accepted records.
    pub unknown_codes: UnknownCodes,
    /// Topics with records whose Kafka timestamp is the publisher's (`CreateTime`).
    pub publisher_times: BTreeSet<String>,
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

    fn add(&mut self, topic: &str, tally: &BatchTally) {
        *self.accepted.entry(topic.to_owned()).or_default() += tally.accepted;
        for (reason, count) in &tally.rejected {
            *self.rejected.entry(*reason).or_default() += count;
        }
        self.unknown_codes.merge(tally.unknown_codes.clone());
        if tally.has_publisher_times && self.publisher_times.insert(topic.to_owned()) {
            tracing::warn!(
                topic,
                "record times are the publisher's (CreateTime): set the topic's \
                 message.timestamp.type to LogAppendTime"
            );
        }
        self.batches += 1;
        self.bytes += tally.bytes;
    }
}

/// Runs until `stop` is ready or, with [`Run::until_end`], until everything that was in the topics
/// at the start is durable.
pub async fn run(
    run: Run,
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
        tokio::task::spawn_blocking(move || Pipeline::start(run, runtime)?.run(&stopping)).await;
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
    settings: IngestSettings,
    until_end: bool,
    /// With `until_end`: partitions whose end is not durable yet, with that end.
    targets: BTreeMap<TopicPartition, i64>,
    others_polled: Instant,
    /// Partitions of other consumers whose position is unknown, since when.
    others_unknown: BTreeMap<TopicPartition, Instant>,
    /// Commits lost in a row.
    lost: BTreeMap<TopicPartition, u32>,
    /// Partitions that cannot be fetched, since when.
    unfetched: BTreeMap<AssignmentId, Instant>,
    leaders_polled: Instant,
    merging: Merging,
    watch: Watch,
    lag: Lag,
    /// The task that pauses partners.
    breaker: tokio::task::JoinHandle<()>,
    summary: Summary,
    progress: ProgressLog,
}

impl Pipeline {
    fn start(run: Run, runtime: tokio::runtime::Handle) -> Result<Self, PipelineError> {
        let Run {
            kafka,
            topics,
            reference,
            accepted,
            dead_letter_topic,
            store,
            settings,
            until_end,
            watch,
        } = run;
        let names: Vec<String> = topics.keys().cloned().collect();
        watch.enters(RunPhase::Broker);
        let identity = Arc::new(Identity::probe(&kafka, &names, BROKER_WAIT)?);
        let mirror = dead_letter_topic
            .as_ref()
            .map(|topic| topic.name().to_owned());
        let queue = dead_letter_topic
            .map(|topic| DeadLetterQueue::start(topic, store.clone(), runtime.clone()));
        let (breaker, to_pause) = load_breaker(settings.breaker, &topics, &store, &runtime);
        let (report, reports) = unbounded();
        let in_flight = Arc::new(AtomicUsize::new(0));
        let commits = Commits::new(&store, &identity, queue.as_ref(), &runtime);
        let workers: Vec<_> = (0..settings.workers.max(1))
            .map(|_| {
                let commits = commits.clone();
                Worker::spawn(
                    &settings, commits, &reference, &breaker, &report, &in_flight,
                )
            })
            .collect();
        let breaker = runtime.spawn(breaker.run(store.clone(), to_pause));
        let merging = Merging::start(&settings, store.clone(), runtime.clone(), watch.clone());
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
        watch.enters(RunPhase::Group);
        let consumer = Consumer::join(&kafka, &names, Arc::clone(&assignment) as Arc<_>)?;
        consumer.partition_counts(mirror.as_slice())?;
        let mut targets = BTreeMap::new();
        if until_end {
            targets = end_offsets(&consumer, &LogEnds::new(&kafka)?, &names)?;
            assignment.set_targets(&targets, decision_max(&kafka));
        }
        Ok(Self {
            consumer,
            assignment,
            reports,
            workers,
            in_flight,
            settings,
            until_end,
            targets,
            others_polled: Instant::now(),
            others_unknown: BTreeMap::new(),
            lost: BTreeMap::new(),
            unfetched: BTreeMap::new(),
            leaders_polled: Instant::now(),
            merging,
            watch,
            lag,
            breaker,
            summary: Summary::default(),
            progress: ProgressLog::new(),
        })
    }

    fn run(mut self, stopping: &AtomicBool) -> Result<Summary, PipelineError> {
        let ended = self.consume(stopping);
        self.watch.enters(RunPhase::Stopping);
        let ended = ended.and_then(|()| self.finish());
        let Self {
            consumer,
            workers,
            mut summary,
            assignment,
            merging,
            breaker,
            ..
        } = self;
        summary.stopped = assignment.stopped();
        consumer.leave(LEAVE_MAX);
        for (orders, thread) in workers {
            orders.send(Order::Stop).expect("the worker is there");
            thread.join().expect("a worker does not panic");
        }
        merging.stop();
        breaker.abort();
        // The client must outlive every message, so it is closed last.
        consumer.close(LEAVE_MAX);
        ended.map(|()| summary)
    }

    /// The loop: until a stop, the end, or an error.
    fn consume(&mut self, stopping: &AtomicBool) -> Result<(), PipelineError> {
        while !stopping.load(Ordering::Relaxed) {
            self.watch.turns();
            self.consumer.poll(Duration::ZERO)?;
            self.handle_reports()?;
            if self.until_end && self.is_at_end()? {
                break;
            }
            if self.in_flight.load(Ordering::Relaxed) > IN_FLIGHT_BYTES_MAX {
                std::thread::sleep(BUSY_WAIT);
            } else {
                self.fetch()?;
            }
            self.resume_led()?;
            self.progress.tick(self.summary.read());
            self.lag.tick(&self.consumer);
        }
        Ok(())
    }

    /// Hands the next messages to the workers, the records of a partition in runs.
    fn fetch(&mut self) -> Result<(), PipelineError> {
        let mut runs: Vec<FetchedRun> = Vec::new();
        let mut ends = Vec::new();
        let mut errors = Vec::new();
        let (routes, mut bytes) = (self.assignment.routes(), 0);
        self.consumer.fetch(FETCH_WAIT, |message| {
            let Some(route) = routes.route(&message) else {
                return;
            };
            match message.kind() {
                MessageKind::Record => {
                    bytes += message.size();
                    let is_open = |run: &FetchedRun| {
                        run.route.assignment_id == route.assignment_id
                            && run.bytes < FETCHED_RUN_BYTES
                    };
                    let open = runs.iter().position(is_open).unwrap_or_else(|| {
                        runs.push(FetchedRun::new(route));
                        runs.len() - 1
                    });
                    runs[open].push(message);
                }
                MessageKind::End => ends.push((route, message.offset())),
                MessageKind::Error(code) => errors.push((route.assignment_id, code)),
            }
        });
        drop(routes);
        self.in_flight.fetch_add(bytes, Ordering::Relaxed);
        for FetchedRun { route, records, .. } in runs {
            self.hand_over(route, Fetched::Records(records));
        }
        for (route, offset) in ends {
            self.hand_over(route, Fetched::LogEnd(offset));
        }
        for (assignment_id, code) in errors {
            self.fetch_failed(assignment_id, code)?;
        }
        Ok(())
    }

    fn hand_over(&self, route: Route, fetched: Fetched) {
        let order = Order::Fetched {
            assignment_id: route.assignment_id,
            fetched,
        };
        self.workers[route.worker]
            .0
            .send(order)
            .expect("the worker is there");
    }

    /// Acts on the reports of the workers.
    fn handle_reports(&mut self) -> Result<(), PipelineError> {
        let mut offsets: BTreeMap<TopicPartition, GroupOffset> = BTreeMap::new();
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Committed {
                    assignment_id,
                    batch,
                } => {
                    if let Some(offset) = self.committed(assignment_id, batch) {
                        offsets.insert(offset.at.clone(), offset);
                    }
                }
                Report::GroupBehind { assignment_id, end } => {
                    if self.assignment.is_current(assignment_id) {
                        offsets.entry(end.at.clone()).or_insert(end);
                    }
                }
                Report::Reached {
                    assignment_id,
                    offset,
                } => {
                    if let Some(at) = self.assignment.partition(assignment_id) {
                        self.reached(&at, offset, None);
                    }
                }
                Report::PauseFetch(assignment_id) => {
                    if let Some(at) = self.assignment.partition(assignment_id) {
                        self.consumer.pause(&at)?;
                    }
                }
                Report::ResumeFetch(assignment_id) => {
                    if let Some(at) = self.assignment.partition(assignment_id) {
                        self.consumer.resume(&at)?;
                    }
                }
                Report::CommitLost(assignment_id) => {
                    self.watch.metrics().count_create(CreateAnswer::Lost);
                    self.commit_lost(assignment_id)?;
                }
                Report::TopicRecreated(assignment_id) => self.resume_assignment(assignment_id)?,
                Report::TopicDeleted(assignment_id) => {
                    let why = "the topic no longer exists: records that were not yet durable are \
                               lost with it";
                    self.stop(assignment_id, why.to_owned())?;
                }
                Report::Failed(error) => return Err(error),
            }
        }
        let offsets: Vec<GroupOffset> = offsets.into_values().collect();
        self.consumer.commit(&offsets);
        Ok(())
    }

    /// Counts a durable batch; returns the offset that the group may commit.
    fn committed(
        &mut self,
        assignment_id: AssignmentId,
        batch: CommittedBatch,
    ) -> Option<GroupOffset> {
        let CommittedBatch { offset, tally, .. } = &batch;
        let at = &offset.at;
        self.watch.committed(
            self.assignment.rules(&at.topic),
            &tally.partners,
            &tally.rejected,
            batch.answer,
        );
        self.summary.add(&at.topic, tally);
        self.merging.grew(at, tally.bytes);
        if !batch.is_mirrored || !self.assignment.is_current(assignment_id) {
            return None;
        }
        self.lost.remove(at);
        self.unfetched.remove(&assignment_id);
        self.reached(at, offset.next.offset, Some(tally.last));
        Some(batch.offset)
    }

    fn reached(&mut self, at: &TopicPartition, offset: i64, last: Option<Micros>) {
        self.watch.reached(at, offset, last);
        if self.targets.get(at).is_some_and(|end| offset >= *end) {
            self.targets.remove(at);
        }
    }

    /// A partition cannot be fetched. If its log changed, the chain decides how it continues. If
    /// not, the client keeps trying, until what was gathered before is durable.
    fn fetch_failed(
        &mut self,
        assignment_id: AssignmentId,
        code: RDKafkaErrorCode,
    ) -> Result<(), PipelineError> {
        use RDKafkaErrorCode::{
            AutoOffsetReset, OffsetOutOfRange, UnknownPartition, UnknownTopicOrPartition,
        };
        let Some(at) = self.assignment.partition(assignment_id) else {
            return Ok(());
        };
        let since = *self.unfetched.entry(assignment_id).or_insert_with(|| {
            tracing::warn!(partition = %at, %code, "a partition cannot be fetched");
            Instant::now()
        });
        if let AutoOffsetReset | OffsetOutOfRange | UnknownPartition | UnknownTopicOrPartition =
            code
        {
            return self.resume_assignment(assignment_id);
        }
        if since.elapsed() < self.settings.flush_age + UNFETCHED_MAX {
            return Ok(());
        }
        self.unfetched.remove(&assignment_id);
        self.stop(assignment_id, format!("it cannot be fetched: {code}"))
    }

    /// Resumes partitions whose end no broker reported, once they have a leader.
    fn resume_led(&mut self) -> Result<(), PipelineError> {
        if self.leaders_polled.elapsed() < LEADER_POLL {
            return Ok(());
        }
        for at in self.assignment.without_end() {
            if self.consumer.is_led(&at) {
                self.resume(&at)?;
            }
        }
        self.leaders_polled = Instant::now();
        Ok(())
    }

    /// Another consumer won: resume from the chain's end, but not for ever.
    fn commit_lost(&mut self, assignment_id: AssignmentId) -> Result<(), PipelineError> {
        let Some(at) = self.assignment.partition(assignment_id) else {
            return Ok(());
        };
        let lost = self.lost.entry(at.clone()).or_default();
        *lost += 1;
        tracing::warn!(partition = %at, lost, "another consumer committed here first: resuming from the chain's end");
        if *lost < LOST_MAX {
            return self.resume_assignment(assignment_id);
        }
        let why = format!(
            "lost {LOST_MAX} commits in a row: another consumer, perhaps of another group, writes here"
        );
        self.stop(assignment_id, why)
    }

    /// Stops a partition that is assigned.
    fn stop(&self, assignment_id: AssignmentId, why: String) -> Result<(), PipelineError> {
        let Some(at) = self.assignment.partition(assignment_id) else {
            return Ok(());
        };
        self.assignment.stop(&at, why);
        Ok(self.consumer.pause(&at)?)
    }

    /// Resumes a partition that is still assigned.
    fn resume_assignment(&self, assignment_id: AssignmentId) -> Result<(), PipelineError> {
        self.assignment
            .partition(assignment_id)
            .map_or(Ok(()), |at| self.resume(&at))
    }

    /// Resumes a partition from its chain.
    fn resume(&self, at: &TopicPartition) -> Result<(), PipelineError> {
        let offer = self.consumer.offer(at)?;
        let start = self.assignment.resume_again(offer);
        match start.map_err(ConsumeError::Resume)? {
            Start::At(offset) => {
                self.consumer.seek(at, offset)?;
                // The batch that was lost may have been full, and its partition paused.
                self.consumer.resume(at)?;
            }
            Start::Stopped => self.consumer.pause(at)?,
        }
        Ok(())
    }

    /// Whether everything that was in the topics at the start is durable, by any consumer. Stopped
    /// partitions are not waited for.
    fn is_at_end(&mut self) -> Result<bool, PipelineError> {
        let stopped = self.assignment.stopped();
        self.targets.retain(|at, _| !stopped.contains_key(at));
        if self.others_polled.elapsed() >= OTHERS_POLL {
            let others: Vec<TopicPartition> = self
                .targets
                .keys()
                .filter(|at| self.assignment.is_of_others(at))
                .cloned()
                .collect();
            for at in others {
                self.poll_other(&at)?;
            }
            self.others_polled = Instant::now();
        }
        Ok(self.targets.is_empty())
    }

    /// Reads how far another consumer has come in a partition.
    fn poll_other(&mut self, at: &TopicPartition) -> Result<(), PipelineError> {
        let reached = self.assignment.reached_by_others(at);
        let reached = reached.map_err(|source| PipelineError::Chain {
            at: at.clone(),
            source: source.into(),
        })?;
        if let Some(offset) = reached {
            self.others_unknown.remove(at);
            self.reached(at, offset, None);
            return Ok(());
        }
        // The partition may yet be assigned here, and then the disagreement is found. Its owner
        // reports it otherwise.
        let since = self.others_unknown.entry(at.clone());
        if since.or_insert_with(Instant::now).elapsed() > OTHERS_MAX {
            let why =
                "another consumer has it, and its chain is damaged or does not match this log";
            self.assignment.stop(at, why.to_owned());
        }
        Ok(())
    }

    /// Commits what was gathered, within the shutdown timeout.
    fn finish(&mut self) -> Result<(), PipelineError> {
        let (reply, replies) = unbounded();
        for (orders, _) in &self.workers {
            let reply = reply.clone();
            orders
                .send(Order::Finish { reply })
                .expect("the worker is there");
        }
        drop(reply);
        let deadline = Instant::now() + self.settings.shutdown_timeout;
        let mut open = self.workers.len();
        while open > 0 && Instant::now() < deadline {
            self.watch.turns();
            open -= replies.try_iter().count();
            self.consumer.poll(Duration::from_millis(5))?;
            self.handle_reports()?;
        }
        if open > 0 {
            tracing::warn!(
                "shutdown timeout reached: discarded uncommitted batches; they will be read again \
                 on restart"
            );
        }
        Ok(())
    }
}

/// Records of a partition that follow each other, of some [`FETCHED_RUN_BYTES`] bytes.
struct FetchedRun {
    route: Route,
    records: Vec<Message>,
    bytes: usize,
}

impl FetchedRun {
    fn new(route: Route) -> Self {
        Self {
            route,
            records: Vec::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, message: Message) {
        self.bytes += message.size();
        self.records.push(message);
    }
}

/// The breaker, with the partners that are paused already.
fn load_breaker(
    limit: u32,
    topics: &BTreeMap<String, Arc<TopicRules>>,
    store: &Store,
    runtime: &tokio::runtime::Handle,
) -> (Arc<Breaker>, ToPause) {
    let partners = topics.values().flat_map(|rules| &rules.partners);
    let (breaker, to_pause) = Breaker::new(limit, partners);
    if let Err(error) = runtime.block_on(breaker.poll(store)) {
        tracing::warn!(%error, "cannot read the list of paused partners yet");
    }
    (breaker, to_pause)
}

/// The end of every partition of the topics that is not empty: of what can be read, before an open
/// transaction.
fn end_offsets(
    consumer: &Consumer,
    log_ends: &LogEnds,
    topics: &[String],
) -> Result<BTreeMap<TopicPartition, i64>, PipelineError> {
    let (mut ends, deadline) = (BTreeMap::new(), Instant::now() + OUTAGE_MAX);
    for (topic, count) in topics.iter().zip(consumer.partition_counts(topics)?) {
        for partition in 0..count as i32 {
            let at = TopicPartition {
                topic: topic.clone(),
                partition,
            };
            // Read first, so that records that arrive meanwhile are not behind.
            let log_end = log_ends.read(&at, deadline);
            match consumer.watermarks(&at, deadline) {
                Ok((_, high)) => {
                    if let Ok(records @ 1..) = log_end.map(|log_end| log_end - high) {
                        tracing::warn!(
                            partition = %at,
                            records,
                            "records wait behind an open transaction and will not be read"
                        );
                    }
                    if high > 0 {
                        ends.insert(at, high);
                    }
                }
                // Its owner stops it, with the reason.
                Err(error) => {
                    tracing::warn!(partition = %at, %error, "cannot read the end offset");
                }
            }
        }
    }
    Ok(ends)
}

/// A log line every few seconds: how much is durable, and how fast.
struct ProgressLog {
    logged: Instant,
    read: u64,
}

impl ProgressLog {
    const EVERY: Duration = Duration::from_secs(10);

    fn new() -> Self {
        Self {
            logged: Instant::now(),
            read: 0,
        }
    }

    fn tick(&mut self, read: u64) {
        let elapsed = self.logged.elapsed();
        if elapsed >= Self::EVERY && read > self.read {
            let per_second = ((read - self.read) as f64 / elapsed.as_secs_f64()).round();
            tracing::info!(records = read, per_second, "durable");
            *self = Self {
                logged: Instant::now(),
                read,
            };
        }
    }
}
