//! The only user of rdkafka's consumer: answers rebalances, and hands out records with their
//! coordinates.
//!
//! It must not know contracts or Parquet. A [`Partitions`] decides, inside the rebalance, where a
//! partition starts and what is committed when it is revoked: start offsets are part of the
//! assignment, so that nothing is fetched from elsewhere first. Messages of all partitions arrive
//! in one queue of our own, because librdkafka limits the fetched memory of each queue, and each of
//! sixty partitions would have one.

mod native;

use std::collections::HashMap;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{TopicPartitionList, TopicPartitionListElem};
use rdkafka::types::RDKafkaErrorCode;

use crate::crash;
use crate::event::{Position, TopicPartition};
use crate::kafka::KafkaSettings;
use crate::kafka::{self, ANSWER, ComplaintContext, Unreached, without_tail};
pub(crate) use native::TopicId;
pub use native::{Message, MessageKind};

/// The first letters of the id of librdkafka's mock cluster, which does not answer requests that
/// it does not know.
const MOCK: &str = "mockCluster";
/// Messages of one fetch at most.
const BATCH_MESSAGES: usize = 10_000;
/// How long one call to a broker may take.
const CALL: Duration = Duration::from_secs(10);
/// How long no broker may answer, or none lead a partition, as during a restart, before that is an
/// error.
pub const OUTAGE_MAX: Duration = Duration::from_mins(1);
/// When the same error of a client is logged again.
const REPEAT_AFTER: Duration = Duration::from_mins(1);
/// The call that reads watermarks, in errors.
const ASK_WATERMARKS: &str = "read a partition's first and last offset";
/// How long a broker that assigns partitions may take to give a new member its own: three of the
/// heartbeats (5 s by default) whose answers have them.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// The pause before a call is tried again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The consumer's properties: fixed ones, defaults that settings may change, and the settings.
///
/// The defaults of fetching bound the unpacked records that wait for the workers: they would be the
/// greatest part of the process's memory. With twice the queue and four times the fetch, `ingest`
/// was not measurably faster.
pub fn client(kafka: &KafkaSettings) -> ClientConfig {
    let mut client = ClientConfig::new();
    let tuned = [
        ("fetch.max.bytes", "1048576"),
        ("fetch.message.max.bytes", "262144"),
        ("fetch.queue.backoff.ms", "1"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("queued.max.messages.kbytes", "16384"),
        ("queued.min.messages", "20000"),
        // However large a record is: a client that rejects it asks for it again for ever.
        ("receive.message.max.bytes", "2147483647"),
    ];
    let owned = [
        ("auto.offset.reset", "error"),
        ("bootstrap.servers", &kafka.brokers),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("enable.partition.eof", "true"),
        ("group.id", &kafka.group),
        ("isolation.level", "read_committed"),
    ];
    for (name, value) in tuned
        .into_iter()
        .chain(kafka.properties.iter())
        .chain(owned)
    {
        client.set(name, value);
    }
    if let Some(timeout) = kafka.session_timeout {
        client.set("session.timeout.ms", timeout.as_millis().to_string());
    }
    if does_broker_assign(&client) {
        // It rejects an assignor of the client.
        client.remove("partition.assignment.strategy");
    }
    client
}

/// Whether the broker assigns partitions to members of the group (KIP-848).
fn does_broker_assign(client: &ClientConfig) -> bool {
    client.get("group.protocol") == Some("consumer")
}

/// How long a member waits at most to learn its partitions. Where the members assign, each learns
/// them, even if it gets none. A broker that assigns sends nothing to a member without a partition.
pub fn decision_max(client: &ClientConfig) -> Duration {
    if does_broker_assign(client) {
        SILENCE_MAX
    } else {
        Duration::MAX
    }
}

/// The offsets that a broker reports of a partition.
#[derive(Clone, Debug)]
pub struct BrokerOffsets {
    /// The partition.
    pub at: TopicPartition,
    /// The first and the next offset of the log.
    pub watermarks: (i64, i64),
    /// The group's offset, if it committed one.
    pub committed: Option<CommittedOffset>,
}

/// A partition whose end offset no broker reports, as while it has no leader.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read the end offset: the partition has no leader, or this user lacks Describe \
     permission on the topic: {source}"
)]
pub struct EndOffsetUnknown {
    /// The partition.
    pub at: TopicPartition,
    /// The group's offset, if it committed one.
    pub committed: Option<CommittedOffset>,
    /// librdkafka's error.
    pub source: Box<KafkaError>,
}

impl EndOffsetUnknown {
    /// No broker reported the end of this partition.
    pub(crate) fn new(
        at: TopicPartition,
        committed: Option<CommittedOffset>,
        source: KafkaError,
    ) -> Self {
        Self {
            at,
            committed,
            source: source.into(),
        }
    }
}

/// An offset that a group committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset.
    pub offset: i64,
    /// The text stored with it.
    pub metadata: String,
}

/// What is known of a partition that is to be consumed.
#[derive(Debug)]
pub enum Offer {
    /// Its offsets.
    Offsets(BrokerOffsets),
    /// Only that no broker reports its end.
    EndUnknown(EndOffsetUnknown),
}

/// Where a partition is fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From this offset.
    At(i64),
    /// Not at all: it stays assigned and is paused.
    Stopped,
}

/// A group offset to commit: everything below it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The partition.
    pub at: TopicPartition,
    /// `from` of the last file.
    pub from: Position,
    /// `next` of the last file: the offset to commit.
    pub next: Position,
}

/// Decides what happens to partitions that come and go.
pub trait Partitions: Send + Sync {
    /// Partitions were assigned: returns where each starts. An error makes the consumer leave the
    /// group.
    fn assigned(&self, offers: Vec<Offer>) -> anyhow::Result<Vec<Start>>;
    /// Partitions were revoked: returns what is durable of them. Nothing is committed if they were
    /// lost.
    fn revoked(&self, partitions: Vec<TopicPartition>, lost: bool) -> Vec<GroupOffset>;
}

/// What went wrong with Kafka.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// The client or the broker is missing.
    #[error(transparent)]
    Unreached(#[from] Unreached),
    /// A topic of the configuration does not exist.
    #[error(
        "topic {0} does not exist on the broker: create it (partner-feeds topics create) or correct kafka.topics"
    )]
    NoTopic(String),
    /// A call failed.
    #[error("cannot {act}")]
    Call {
        /// What was asked.
        act: &'static str,
        /// librdkafka's error.
        source: KafkaError,
    },
    /// librdkafka cannot continue.
    #[error("the Kafka client cannot continue: {0}")]
    Fatal(String),
    /// A resume inside a rebalance failed.
    #[error("cannot resume the assigned partitions")]
    Resume(#[source] anyhow::Error),
    /// Memory or names.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// A queue of the client could not be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot create a queue of the Kafka client")]
pub struct QueueError;

impl From<native::NoQueue> for QueueError {
    fn from(_: native::NoQueue) -> Self {
        Self
    }
}

fn call(act: &'static str) -> impl Fn(KafkaError) -> ConsumeError {
    move |source| ConsumeError::Call { act, source }
}

/// The log lines of the last minute, without their numbers: while no broker answers, a client
/// repeats the same error many times a second.
#[derive(Default)]
struct RecentMessages(Mutex<HashMap<String, Instant>>);

impl RecentMessages {
    fn is_new(&self, text: &str) -> bool {
        let words = text.chars().filter(|c| !c.is_ascii_digit()).collect();
        let mut logged = self.0.lock().expect("no panic under the lock");
        logged.retain(|_, when| when.elapsed() < REPEAT_AFTER);
        let is_new = !logged.contains_key(&words);
        if is_new {
            logged.insert(words, Instant::now());
        }
        is_new
    }
}

/// Answers rebalances. Lives inside the client.
struct Context {
    partitions: Arc<dyn Partitions>,
    recent: RecentMessages,
    queue: Arc<OnceLock<Mutex<Option<native::Queue>>>>,
    failed: Mutex<Option<ConsumeError>>,
}

impl ClientContext for Context {
    /// librdkafka's own log lines: of brokers, groups and connections, never of records.
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
        match level {
            Info | Debug => tracing::debug!(fac, "librdkafka: {message}"),
            _ if !self.recent.is_new(message) => {}
            Emerg | Alert | Critical | Error => {
                tracing::warn!(fac, "librdkafka: {}", without_tail(message));
            }
            Warning | Notice => tracing::info!(fac, "librdkafka: {}", without_tail(message)),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if self.recent.is_new(&format!("{error} {reason}")) {
            tracing::warn!(%error, reason = without_tail(reason), "Kafka");
        }
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                if let Err(error) = self.assign(consumer, list) {
                    self.fail(error);
                }
            }
            Rebalance::Revoke(list) => self.revoke(consumer, list),
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        // A partition that does not start was assigned at the end of the log: it is paused before
        // it fetches.
        if let Rebalance::Assign(list) = rebalance {
            let mut stopped = TopicPartitionList::new();
            for element in list.elements().iter().filter(|e| e.offset() == Offset::End) {
                stopped.add_partition(element.topic(), element.partition());
            }
            if stopped.count() > 0
                && let Err(error) = consumer.pause(&stopped)
            {
                self.fail(call("pause partitions")(error));
            }
        }
    }
}

impl Context {
    fn fail(&self, error: ConsumeError) {
        self.failed
            .lock()
            .expect("no panic under the lock")
            .get_or_insert(error);
    }

    fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        list: &TopicPartitionList,
    ) -> Result<(), ConsumeError> {
        crash::point("resume.started");
        let offers = offers(consumer, list)?;
        if let Some(queue) = self
            .queue
            .get()
            .and_then(|q| q.lock().ok())
            .as_deref()
            .and_then(Option::as_ref)
        {
            for at in partitions_of(list) {
                queue
                    .forward(&at.topic, at.partition)
                    .map_err(QueueError::from)?;
            }
        }
        let starts = self
            .partitions
            .assigned(offers)
            .map_err(ConsumeError::Resume)?;
        for (mut element, start) in list.elements().into_iter().zip(starts) {
            let offset = match start {
                Start::At(offset) => Offset::Offset(offset),
                Start::Stopped => Offset::End,
            };
            element
                .set_offset(offset)
                .map_err(call("set a start offset"))?;
        }
        Ok(())
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let assignment_lost = consumer.assignment_lost();
        let durable = self
            .partitions
            .revoked(partitions_of(list), assignment_lost);
        // A pause outlives the assignment: one that comes back would never be fetched.
        if let Err(error) = consumer.resume(list) {
            self.fail(call("resume partitions")(error));
        }
        if assignment_lost || durable.is_empty() {
            return;
        }
        // Best effort: consumers resume from the chain, the group's offset is for lag tools.
        if let Err(error) = consumer.commit(&to_list(&durable), CommitMode::Sync) {
            tracing::info!(%error, "the group offset of a revoked partition was not committed");
        }
    }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition {
            topic: element.topic().to_owned(),
            partition: element.partition(),
        })
        .collect()
}

fn to_list(offsets: &[GroupOffset]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for each in offsets {
        let mut element = list.add_partition(&each.at.topic, each.at.partition);
        // An offset of the log is a valid offset; the metadata are two positions.
        element
            .set_offset(Offset::Offset(each.next.offset))
            .expect("offsets are not negative");
        element.set_metadata(format!("{} {}", each.from, each.next));
    }
    list
}

/// What is known of each partition, in the order of the list.
fn offers(
    consumer: &BaseConsumer<Context>,
    list: &TopicPartitionList,
) -> Result<Vec<Offer>, ConsumeError> {
    let deadline = Instant::now() + OUTAGE_MAX;
    let mut offers = Vec::new();
    for (at, committed) in committed(consumer, partitions_of(list), deadline)? {
        offers.push(match watermarks(consumer, &at, deadline) {
            Ok(watermarks) => Offer::Offsets(BrokerOffsets {
                at,
                watermarks,
                committed,
            }),
            Err(source) => Offer::EndUnknown(EndOffsetUnknown::new(at, committed, source)),
        });
    }
    Ok(offers)
}

/// The group's offset of each partition.
fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: impl IntoIterator<Item = TopicPartition>,
    deadline: Instant,
) -> Result<Vec<(TopicPartition, Option<CommittedOffset>)>, ConsumeError> {
    let mut asked = TopicPartitionList::new();
    for at in partitions {
        asked.add_partition(&at.topic, at.partition);
    }
    let list = until(deadline, |wait| {
        consumer.committed_offsets(asked.clone(), wait)
    })
    .map_err(call("read the group's offsets"))?;
    let elements = list.elements();
    let offsets = elements.iter().map(committed_offset);
    Ok(partitions_of(&list).into_iter().zip(offsets).collect())
}

fn committed_offset(element: &TopicPartitionListElem<'_>) -> Option<CommittedOffset> {
    match element.offset() {
        Offset::Offset(offset) => Some(CommittedOffset {
            offset,
            metadata: element.metadata().to_owned(),
        }),
        _ => None,
    }
}

/// The first and the next offset of a partition.
fn watermarks<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    at: &TopicPartition,
    deadline: Instant,
) -> Result<(i64, i64), KafkaError> {
    until(deadline, |wait| {
        consumer.fetch_watermarks(&at.topic, at.partition, wait)
    })
}

/// Asks; while no broker answers in time, a partition has no leader or is not yet known here, or
/// the group has no coordinator, again until the deadline.
fn until<T>(
    deadline: Instant,
    ask: impl Fn(Duration) -> Result<T, KafkaError>,
) -> Result<T, KafkaError> {
    loop {
        // Many partitions share a deadline: past it each is asked once more, and not for long.
        let left = deadline.saturating_duration_since(Instant::now());
        let asked = ask(left.clamp(ANSWER, CALL));
        match asked.as_ref().err().and_then(KafkaError::rdkafka_error_code) {
            Some(
                RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::UnknownPartition // just added: the group's leader knew it first
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::NetworkException
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::TimedOutQueue, // never sent: the broker was silent before
            ) if Instant::now() < deadline => std::thread::sleep(ASK_AGAIN),
            _ => return asked,
        }
    }
}

/// The number of partitions of a topic; one that does not exist is an error.
fn partition_count<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    deadline: Instant,
) -> Result<usize, ConsumeError> {
    let metadata = until(deadline, |wait| consumer.fetch_metadata(Some(topic), wait))
        .map_err(call("read the metadata of a topic"))?;
    let found = metadata.topics().iter().find(|t| t.name() == topic);
    let count = found
        .filter(|t| t.error().is_none())
        .map_or(0, |t| t.partitions().len());
    if count == 0 {
        Err(ConsumeError::NoTopic(topic.to_owned()))
    } else {
        Ok(count)
    }
}

/// Reads the state of a group and its topics, without joining it.
pub(crate) struct GroupObserver {
    client: BaseConsumer,
    log_ends: LogEnds,
    identity: Identity,
}

impl GroupObserver {
    /// Waits for a broker to answer, at most for `wait`.
    pub(crate) fn connect(
        config: &ClientConfig,
        topics: &[String],
        wait: Duration,
    ) -> Result<Self, ConsumeError> {
        let identity = Identity::probe(config, topics, wait)?;
        Ok(Self {
            client: config.create().map_err(Unreached::Client)?,
            log_ends: LogEnds::new(config)?,
            identity,
        })
    }

    /// The cluster's id; empty where the broker reports none.
    pub(crate) fn cluster(&self) -> &str {
        &self.identity.cluster
    }

    /// The topic's id; empty where the broker reports none.
    pub(crate) fn topic_id(&self, topic: &str) -> String {
        self.identity.topic_id(topic).or_empty()
    }

    /// The partitions of a topic, each with the group's offset.
    pub(crate) fn committed(
        &self,
        topic: &str,
    ) -> Result<Vec<(TopicPartition, Option<CommittedOffset>)>, ConsumeError> {
        let deadline = Instant::now() + ANSWER;
        let count = partition_count(&self.client, topic, deadline)? as i32;
        let partitions = (0..count).map(|partition| TopicPartition {
            topic: topic.to_owned(),
            partition,
        });
        committed(&self.client, partitions, deadline)
    }

    /// The first and the next offset of a partition.
    pub(crate) fn watermarks(&self, at: &TopicPartition) -> Result<(i64, i64), ConsumeError> {
        watermarks(&self.client, at, Instant::now() + ANSWER).map_err(call(ASK_WATERMARKS))
    }

    /// The next offset of a partition's log, with the records of open transactions.
    pub(crate) fn log_end(&self, at: &TopicPartition) -> Result<i64, ConsumeError> {
        self.log_ends.read(at, Instant::now() + ANSWER)
    }

    /// How many members the group has; `None` where the broker does not report it, as of a group
    /// whose partitions it assigns itself.
    pub(crate) fn members(&self, group: &str) -> Option<usize> {
        let groups = self.client.fetch_group_list(Some(group), CALL).ok()?;
        let Some(found) = groups.groups().iter().find(|found| found.name() == group) else {
            return Some(0);
        };
        (found.protocol_type() == "consumer" || found.state() == "Empty")
            .then(|| found.members().len())
    }
}

/// Reads where logs end, with the records of open transactions. To a consumer, a broker reports the
/// first open transaction as the end.
pub(crate) struct LogEnds {
    client: BaseConsumer,
}

impl LogEnds {
    /// A client of its own, with the properties of a consumer.
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, ConsumeError> {
        let mut config = config.clone();
        config.set("isolation.level", "read_uncommitted");
        let client = config.create().map_err(Unreached::Client)?;
        Ok(Self { client })
    }

    /// The next offset of a partition's log.
    pub(crate) fn read(&self, at: &TopicPartition, deadline: Instant) -> Result<i64, ConsumeError> {
        let (_, end) = watermarks(&self.client, at, deadline).map_err(call(ASK_WATERMARKS))?;
        Ok(end)
    }
}

/// A consumer of a group. It must be asked for messages, or to `poll`, at least every
/// `max.poll.interval.ms`.
pub struct Consumer {
    client: BaseConsumer<Context>,
    queue: Arc<OnceLock<Mutex<Option<native::Queue>>>>,
}

impl Consumer {
    /// Joins the group on the topics, after making sure that they are there.
    pub fn join(
        config: &ClientConfig,
        topics: &[String],
        partitions: Arc<dyn Partitions>,
    ) -> Result<Self, ConsumeError> {
        let queue = Arc::new(OnceLock::new());
        let context = Context {
            partitions,
            recent: RecentMessages::default(),
            queue: Arc::clone(&queue),
            failed: Mutex::new(None),
        };
        let client =
            BaseConsumer::from_config_and_context(config, context).map_err(Unreached::Client)?;
        let consumer = Self { client, queue };
        consumer.partition_counts(topics)?;
        let native =
            native::Queue::new(consumer.client.client().native_ptr()).map_err(QueueError::from)?;
        consumer.queue.get_or_init(|| Mutex::new(Some(native)));
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer
            .client
            .subscribe(&names)
            .map_err(call("subscribe to the topics"))?;
        Ok(consumer)
    }

    /// The number of partitions of each topic; a topic that does not exist is an error.
    pub fn partition_counts(&self, topics: &[String]) -> Result<Vec<usize>, ConsumeError> {
        let deadline = Instant::now() + OUTAGE_MAX;
        topics
            .iter()
            .map(|topic| partition_count(&self.client, topic, deadline))
            .collect()
    }

    /// What is known of a partition now.
    pub(crate) fn offer(&self, at: &TopicPartition) -> Result<Offer, ConsumeError> {
        let offer = offers(&self.client, &one(at))?.pop();
        Ok(offer.expect("one was asked for"))
    }

    /// Whether a broker leads a partition now: asks one, since the client may not know yet.
    pub(crate) fn is_led(&self, at: &TopicPartition) -> bool {
        self.client
            .fetch_metadata(Some(&at.topic), ANSWER)
            .is_ok_and(|metadata| {
                let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
                partitions.any(|found| {
                    found.id() == at.partition && found.leader() >= 0 && found.error().is_none()
                })
            })
    }

    /// The first and the next offset of a partition.
    pub fn watermarks(
        &self,
        at: &TopicPartition,
        deadline: Instant,
    ) -> Result<(i64, i64), ConsumeError> {
        watermarks(&self.client, at, deadline).map_err(call(ASK_WATERMARKS))
    }

    /// The next offset of a partition's log as of the last fetch; `None` before the first. Asks no
    /// broker.
    pub(crate) fn known_end(&self, at: &TopicPartition) -> Option<i64> {
        native::known_end(self.client.client().native_ptr(), &at.topic, at.partition)
    }

    /// Takes part in the group: answers rebalances, waiting for one at most for `wait`.
    pub fn poll(&self, wait: Duration) -> Result<(), ConsumeError> {
        match self.client.poll(wait) {
            None => {}
            // The reader of this queue drops its messages.
            Some(Ok(_)) => {
                return Err(ConsumeError::Fatal(
                    "a record arrived in another queue than its partition's".into(),
                ));
            }
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                return Err(ConsumeError::Fatal(code.to_string()));
            }
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::UnknownTopicOrPartition,
            ))) => {
                tracing::warn!("a topic of the subscription does not exist on the broker");
            }
            Some(Err(error)) => self.client.context().error(error, ""),
        }
        if let Some((code, reason)) = self.client.client().fatal_error() {
            return Err(ConsumeError::Fatal(format!("{code}: {reason}")));
        }
        let failed = self
            .client
            .context()
            .failed
            .lock()
            .expect("no panic under the lock")
            .take();
        failed.map_or(Ok(()), Err)
    }

    /// Waits for messages, at most for `wait`, and hands each to `take`.
    pub fn fetch(&self, wait: Duration, mut take: impl FnMut(Message)) {
        let mut queue = self
            .queue
            .get()
            .expect("made when the group was joined")
            .lock()
            .expect("no panic under the lock");
        if let Some(queue) = queue.as_mut() {
            queue.batch(BATCH_MESSAGES, wait).for_each(&mut take);
        }
    }

    /// Commits group offsets without waiting for the answer.
    pub(crate) fn commit(&self, offsets: &[GroupOffset]) {
        if offsets.is_empty() {
            return;
        }
        if let Err(error) = self.client.commit(&to_list(offsets), CommitMode::Async) {
            tracing::info!(%error, "group offsets were not committed");
        }
    }

    /// Stops fetching a partition.
    pub(crate) fn pause(&self, at: &TopicPartition) -> Result<(), ConsumeError> {
        tracing::debug!(partition = %at, "paused");
        self.client
            .pause(&one(at))
            .map_err(call("pause a partition"))
    }

    /// Continues to fetch a partition.
    pub(crate) fn resume(&self, at: &TopicPartition) -> Result<(), ConsumeError> {
        self.client
            .resume(&one(at))
            .map_err(call("resume a partition"))
    }

    /// Fetches a partition from another offset; what was fetched before is dropped.
    pub(crate) fn seek(&self, at: &TopicPartition, offset: i64) -> Result<(), ConsumeError> {
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&at.topic, at.partition, Offset::Offset(offset));
        // Each partition reports whether it worked: where it did not, records would be missed.
        added
            .and_then(|()| self.client.seek_partitions(list, CALL))
            .and_then(|list| {
                list.elements()
                    .iter()
                    .try_for_each(TopicPartitionListElem::error)
            })
            .map_err(call("seek in a partition"))
    }

    /// Leaves the group; its partitions are revoked meanwhile. No message may exist any more when
    /// the consumer is closed afterwards.
    pub fn leave(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        self.client.unsubscribe();
        while self.has_partitions() && Instant::now() < deadline {
            if let Some(Err(error)) = self.client.poll(Duration::from_millis(50)) {
                tracing::debug!(%error, "Kafka");
            }
        }
        if let Some(queue) = self.queue.get() {
            queue.lock().expect("no panic under the lock").take();
        }
    }

    /// Closes the client. While no broker answers, librdkafka may never finish that: after `wait`
    /// the client is left to the end of the process.
    pub fn close(self, wait: Duration) {
        let (open, ended) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            drop(self);
            drop(open);
        });
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(wait) {
            tracing::warn!("the Kafka client did not close in time: it ends with the process");
        }
    }

    fn has_partitions(&self) -> bool {
        self.client.assignment().is_ok_and(|list| list.count() > 0)
    }
}

fn one(at: &TopicPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(&at.topic, at.partition);
    list
}

/// Asks a broker who it and its topics are, on a connection of its own.
pub(crate) struct Identity {
    client: ThreadedProducer<ComplaintContext>,
    topics: Vec<String>,
    reports_topic_ids: OnceLock<bool>,
    /// The cluster's id; empty where the broker reports none.
    pub(crate) cluster: String,
}

impl Identity {
    /// Waits for a broker to answer, then asks for the topics' ids: if it reports none, none are
    /// asked for again.
    pub(crate) fn probe(
        config: &ClientConfig,
        topics: &[String],
        wait: Duration,
    ) -> Result<Self, ConsumeError> {
        let client = kafka::reach(config, wait)?;
        let cluster = client.client().fetch_cluster_id(CALL).unwrap_or_default();
        let identity = Self {
            client,
            topics: topics.to_vec(),
            reports_topic_ids: OnceLock::new(),
            cluster,
        };
        let answer = if identity.cluster.starts_with(MOCK) {
            Some(Vec::new())
        } else {
            identity.ask(CALL)
        };
        if let Some(ids) = answer {
            identity.reports_topic_ids(&ids);
        }
        Ok(identity)
    }

    /// Whether the broker reports topic ids: by its first answer, since one below 2.8, or without
    /// permission to describe, reports none at all.
    fn reports_topic_ids(&self, ids: &[TopicId]) -> bool {
        *self.reports_topic_ids.get_or_init(|| {
            let reports = ids.iter().any(|id| matches!(id, TopicId::Known(_)));
            if !reports {
                tracing::warn!(
                    "the broker reports no topic ids: a topic that is deleted and created again \
                     is not always noticed"
                );
            }
            reports
        })
    }

    fn ask(&self, wait: Duration) -> Option<Vec<TopicId>> {
        native::topic_ids(self.client.client().native_ptr(), &self.topics, wait)
    }

    /// The next offset of a partition's log, asked for now; an error where no broker answers.
    pub(crate) fn log_end(&self, at: &TopicPartition) -> Result<i64, KafkaError> {
        let client = self.client.client();
        let (_, end) = client.fetch_watermarks(&at.topic, at.partition, ANSWER)?;
        Ok(end)
    }

    /// The topic's id, asked for now; empty where the broker reports none at all.
    pub(crate) fn topic_id(&self, topic: &str) -> TopicId {
        if self.reports_topic_ids.get() == Some(&false) {
            return TopicId::Known(String::new());
        }
        let Some(index) = self.topics.iter().position(|t| t == topic) else {
            return TopicId::Unknown;
        };
        let Some(mut ids) = self.ask(CALL) else {
            return TopicId::Unknown;
        };
        if !self.reports_topic_ids(&ids) {
            return TopicId::Known(String::new());
        }
        ids.swap_remove(index)
    }
}
