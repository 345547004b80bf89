//! The only place that knows rdkafka's consumer: answers rebalances, hands out records with their
//! coordinates.
//!
//! It knows nothing of contracts or Parquet. Where a partition starts and what may be committed
//! when it goes is decided by a [`Partitions`], inside the rebalance: start offsets go into the
//! assignment, so that nothing is fetched from elsewhere first. Messages of all partitions come
//! through one queue of our own, because librdkafka's bound on fetched memory holds for a queue,
//! not for each of sixty.

mod native;

use std::collections::HashMap;
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

use crate::event::{Position, TopicPartition};
use crate::kafka::KafkaSettings;
use crate::kafka::{self, ANSWER, Heard, Unreached};
use native::Told;
pub use native::{Message, Said};

/// How the id of librdkafka's own mock of a cluster begins, which is silent on what it does not
/// know.
const MOCK: &str = "mockCluster";
/// Messages handed out in one go at most.
const BATCH_MESSAGES: usize = 10_000;
/// How long one call to a broker may take.
const CALL: Duration = Duration::from_secs(10);
/// How long partitions may be without a leader, as while a broker restarts, before that is an
/// error.
pub const LEADERLESS_MAX: Duration = Duration::from_mins(1);
/// When the same complaint of a client is said again.
const SAID_AGAIN: Duration = Duration::from_mins(1);
/// What asking for watermarks is called.
const ASK_WATERMARKS: &str = "ask for a partition's first and last offset";
/// The pause before the watermarks of such a partition are asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The consumer's properties: those that are ours, defaults that may be changed, and the settings.
///
/// The defaults of fetching keep small what waits for the workers, unpacked: it would be the
/// greatest part of the process's memory. With twice the queue and four times the fetch `ingest`
/// was no faster that could be measured.
pub fn client(kafka: &KafkaSettings) -> ClientConfig {
    let mut client = ClientConfig::new();
    let tuned = [
        ("fetch.max.bytes", "1048576"),
        ("fetch.message.max.bytes", "262144"),
        ("fetch.queue.backoff.ms", "1"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("queued.max.messages.kbytes", "16384"),
        ("queued.min.messages", "20000"),
        // A record is given out whole, however large: refused, it would be asked for again for
        // ever.
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
    if kafka.properties.get("group.protocol") == Some("consumer") {
        // KIP-848: the broker assigns, and refuses to be told how.
        client.remove("partition.assignment.strategy");
    }
    client
}

/// What a broker says of a partition when it is assigned.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The partition.
    pub at: TopicPartition,
    /// The first and the next offset of the log.
    pub watermarks: (i64, i64),
    /// The group's committed offset and its metadata, if there is one.
    pub committed: Committed,
}

/// A partition of which no broker says how far its log goes, as while none leads it.
#[derive(Debug, thiserror::Error)]
#[error(
    "no broker tells how far its log goes: is one away that leads it, or is there no right to read it? {source}"
)]
pub struct Untold {
    /// The partition.
    pub at: TopicPartition,
    /// The group's committed offset and its metadata, if there is one.
    pub committed: Committed,
    /// What librdkafka said.
    pub source: Box<KafkaError>,
}

/// A committed offset and its metadata, if there is one.
pub type Committed = Option<(i64, String)>;

/// Where a partition is to be fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From this offset.
    At(i64),
    /// Not at all: it stays assigned and is paused.
    Stopped,
}

/// A group offset to commit: everything below it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certain {
    /// The partition.
    pub at: TopicPartition,
    /// `from` of the last file.
    pub from: Position,
    /// `next` of the last file: the offset to commit.
    pub next: Position,
}

/// Decides what happens to partitions that come and go.
pub trait Partitions: Send + Sync {
    /// Partitions were assigned: where does each start? An error makes the consumer leave the
    /// group.
    fn assigned(&self, offers: Vec<Result<Offered, Untold>>) -> anyhow::Result<Vec<Start>>;
    /// Partitions go; what is certain of them? Nothing is committed where they were lost.
    fn revoked(&self, partitions: Vec<TopicPartition>, lost: bool) -> Vec<Certain>;
}

/// What went wrong with Kafka.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// There is no client, or no broker.
    #[error(transparent)]
    Unreached(#[from] Unreached),
    /// A topic of the configuration does not exist.
    #[error(
        "topic {0} does not exist on the broker: create it (partner-feeds topics create) or correct kafka.topics"
    )]
    NoTopic(String),
    /// A call failed.
    #[error("{act}")]
    Call {
        /// What was asked.
        act: &'static str,
        /// What librdkafka said.
        source: KafkaError,
    },
    /// librdkafka cannot go on.
    #[error("the Kafka client cannot go on: {0}")]
    Fatal(String),
    /// A resume inside a rebalance failed.
    #[error("resume the assigned partitions")]
    Resume(#[source] anyhow::Error),
    /// Memory or names.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// A queue of the client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("make a queue of the Kafka client")]
pub struct QueueError;

impl From<native::NoQueue> for QueueError {
    fn from(_: native::NoQueue) -> Self {
        Self
    }
}

fn call(act: &'static str) -> impl Fn(KafkaError) -> ConsumeError {
    move |source| ConsumeError::Call { act, source }
}

/// What was said in the last minute, by its words without numbers: while no broker answers, a
/// client complains of the same many times a second.
#[derive(Default)]
struct Lately(Mutex<HashMap<String, Instant>>);

impl Lately {
    fn is_new(&self, text: &str) -> bool {
        let words = text.chars().filter(|c| !c.is_ascii_digit()).collect();
        let mut said = self.0.lock().expect("no panic while held");
        said.retain(|_, when| when.elapsed() < SAID_AGAIN);
        let is_new = !said.contains_key(&words);
        if is_new {
            said.insert(words, Instant::now());
        }
        is_new
    }
}

/// Answers rebalances. Lives inside the client.
struct Context {
    partitions: Arc<dyn Partitions>,
    lately: Lately,
    queue: Arc<OnceLock<Mutex<Option<native::Queue>>>>,
    failed: Mutex<Option<ConsumeError>>,
}

impl ClientContext for Context {
    /// librdkafka's own log lines: of brokers, groups and connections, never of records.
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
        match level {
            Info | Debug => tracing::debug!(fac, "librdkafka: {message}"),
            _ if !self.lately.is_new(message) => {}
            Emerg | Alert | Critical | Error => tracing::warn!(fac, "librdkafka: {message}"),
            Warning | Notice => tracing::info!(fac, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if self.lately.is_new(&format!("{error} {reason}")) {
            tracing::warn!(%error, reason, "Kafka");
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
        // A partition that does not start was given the end of the log: it is paused before it
        // fetches.
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
            .expect("no panic while held")
            .get_or_insert(error);
    }

    fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        list: &TopicPartitionList,
    ) -> Result<(), ConsumeError> {
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
        let certain = self
            .partitions
            .revoked(partitions_of(list), assignment_lost);
        // A pause outlives the assignment: one that comes back would never be fetched.
        if let Err(error) = consumer.resume(list) {
            self.fail(call("resume partitions")(error));
        }
        if assignment_lost || certain.is_empty() {
            return;
        }
        // Best effort: consumers resume from the chain, the group's offset is for lag tools.
        if let Err(error) = consumer.commit(&offsets_of(&certain), CommitMode::Sync) {
            tracing::info!(%error, "the group offset of a revoked partition was not committed");
        }
    }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let partition = |e: &TopicPartitionListElem<'_>| TopicPartition {
        topic: e.topic().to_owned(),
        partition: e.partition(),
    };
    list.elements().iter().map(partition).collect()
}

fn offsets_of(certain: &[Certain]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for each in certain {
        let mut element = list.add_partition(&each.at.topic, each.at.partition);
        // An offset of the log is a valid offset; the metadata are two positions.
        element
            .set_offset(Offset::Offset(each.next.offset))
            .expect("offsets are not negative");
        element.set_metadata(format!("{} {}", each.from, each.next));
    }
    list
}

/// What is told of each partition, in the order of the list.
fn offers(
    consumer: &BaseConsumer<Context>,
    list: &TopicPartitionList,
) -> Result<Vec<Result<Offered, Untold>>, ConsumeError> {
    let deadline = Instant::now() + LEADERLESS_MAX;
    let committed = committed(consumer, partitions_of(list), deadline)?.into_iter();
    let offers = committed.map(
        |(at, committed)| match watermarks(consumer, &at, deadline) {
            Ok(watermarks) => Ok(Offered {
                at,
                watermarks,
                committed,
            }),
            Err(source) => Err(Untold {
                at,
                committed,
                source: source.into(),
            }),
        },
    );
    Ok(offers.collect())
}

/// The group's committed offset, and its metadata, of each partition.
fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: impl IntoIterator<Item = TopicPartition>,
    deadline: Instant,
) -> Result<Vec<(TopicPartition, Committed)>, ConsumeError> {
    let mut asked = TopicPartitionList::new();
    for at in partitions {
        asked.add_partition(&at.topic, at.partition);
    }
    let told = until(deadline, |wait| {
        consumer.committed_offsets(asked.clone(), wait)
    });
    let told = told.map_err(call("ask for the group's offsets"))?;
    let of = |element: &TopicPartitionListElem<'_>| match element.offset() {
        Offset::Offset(offset) => Some((offset, element.metadata().to_owned())),
        _ => None,
    };
    Ok(partitions_of(&told)
        .into_iter()
        .zip(told.elements().iter().map(of))
        .collect())
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

/// Asks; while a partition has no leader or is not yet known here, or the group has no coordinator,
/// again until the deadline.
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
                | RDKafkaErrorCode::OperationTimedOut,
            ) if Instant::now() < deadline => std::thread::sleep(ASK_AGAIN),
            _ => return asked,
        }
    }
}

/// The number of partitions of a topic; one that does not exist is an error.
fn partition_count<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
) -> Result<usize, ConsumeError> {
    let metadata = consumer
        .fetch_metadata(Some(topic), CALL)
        .map_err(call("ask for a topic"))?;
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

/// Somebody who looks at a group and its topics, and joins nothing.
pub(crate) struct Onlooker {
    client: BaseConsumer,
    identity: Identity,
}

impl Onlooker {
    /// Waits for a broker to answer, at most so long.
    pub(crate) fn connect(
        config: &ClientConfig,
        topics: &[String],
        wait: Duration,
    ) -> Result<Self, ConsumeError> {
        let identity = Identity::probe(config, topics, wait)?;
        Ok(Self {
            client: config.create().map_err(Unreached::Client)?,
            identity,
        })
    }

    /// The cluster's id; empty where the broker does not tell.
    pub(crate) fn cluster(&self) -> &str {
        &self.identity.cluster
    }

    /// The topic's id; empty where the broker does not tell.
    pub(crate) fn topic_id(&self, topic: &str) -> String {
        self.identity
            .topic_id(topic)
            .and_then(Result::ok)
            .unwrap_or_default()
    }

    /// The partitions of a topic, each with the group's offset.
    pub(crate) fn committed(
        &self,
        topic: &str,
    ) -> Result<Vec<(TopicPartition, Committed)>, ConsumeError> {
        let count = partition_count(&self.client, topic)? as i32;
        let partitions = (0..count).map(|partition| TopicPartition {
            topic: topic.to_owned(),
            partition,
        });
        committed(&self.client, partitions, Instant::now() + ANSWER)
    }

    /// The first and the next offset of a partition.
    pub(crate) fn watermarks(&self, at: &TopicPartition) -> Result<(i64, i64), ConsumeError> {
        watermarks(&self.client, at, Instant::now() + ANSWER).map_err(call(ASK_WATERMARKS))
    }

    /// How many members the group has; `None` where the broker does not tell, as of a group that it
    /// assigns itself.
    pub(crate) fn members(&self, group: &str) -> Option<usize> {
        let told = self.client.fetch_group_list(Some(group), CALL).ok()?;
        let Some(found) = told.groups().iter().find(|found| found.name() == group) else {
            return Some(0);
        };
        (found.protocol_type() == "consumer" || found.state() == "Empty")
            .then(|| found.members().len())
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
            lately: Lately::default(),
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
        topics
            .iter()
            .map(|topic| partition_count(&self.client, topic))
            .collect()
    }

    /// What the broker says of a partition now, and the group's offset.
    pub(crate) fn offered(
        &self,
        at: &TopicPartition,
    ) -> Result<Result<Offered, Untold>, ConsumeError> {
        let offered = offers(&self.client, &one(at))?.pop();
        Ok(offered.expect("one was asked for"))
    }

    /// Whether a broker leads a partition now: asked for, and not as the client last heard.
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

    /// The next offset of a partition's log as the last fetch told it; `None` before the first. No
    /// broker is asked.
    pub(crate) fn known_end(&self, at: &TopicPartition) -> Option<i64> {
        native::known_end(self.client.client().native_ptr(), &at.topic, at.partition)
    }

    /// Answers what the group asks, waiting at most so long for it.
    pub fn poll(&self, wait: Duration) -> Result<(), ConsumeError> {
        match self.client.poll(wait) {
            None => {}
            // Read here it would be read by nobody.
            Some(Ok(_)) => {
                return Err(ConsumeError::Fatal(
                    "a record came by another queue than its partition's".into(),
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
            .expect("no panic while held")
            .take();
        failed.map_or(Ok(()), Err)
    }

    /// Waits for messages, at most so long, and hands each to `take`.
    pub fn fetch(&self, wait: Duration, mut take: impl FnMut(Message)) {
        let mut queue = self
            .queue
            .get()
            .expect("made when the group was joined")
            .lock()
            .expect("no panic while held");
        if let Some(queue) = queue.as_mut() {
            queue.batch(BATCH_MESSAGES, wait).for_each(&mut take);
        }
    }

    /// Commits group offsets without waiting for the answer.
    pub(crate) fn commit(&self, certain: &[Certain]) {
        if certain.is_empty() {
            return;
        }
        if let Err(error) = self.client.commit(&offsets_of(certain), CommitMode::Async) {
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

    /// Goes on fetching a partition.
    pub(crate) fn resume(&self, at: &TopicPartition) -> Result<(), ConsumeError> {
        self.client
            .resume(&one(at))
            .map_err(call("resume a partition"))
    }

    /// Fetches a partition from another offset; what was fetched before is dropped.
    pub(crate) fn seek(&self, at: &TopicPartition, offset: i64) -> Result<(), ConsumeError> {
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&at.topic, at.partition, Offset::Offset(offset));
        let sought = added.and_then(|()| self.client.seek_partitions(list, CALL));
        // Whether it worked is told by each partition: where it did not, records would be missed.
        let refused = |list: TopicPartitionList| {
            list.elements()
                .iter()
                .try_for_each(TopicPartitionListElem::error)
        };
        sought
            .and_then(refused)
            .map_err(call("seek in a partition"))
    }

    /// Leaves the group. The partitions are revoked inside; no message may be held when the
    /// consumer is dropped afterwards.
    pub fn leave(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        self.client.unsubscribe();
        let assigned =
            |c: &BaseConsumer<Context>| c.assignment().is_ok_and(|list| list.count() > 0);
        while assigned(&self.client) && Instant::now() < deadline {
            if let Some(Err(error)) = self.client.poll(Duration::from_millis(50)) {
                tracing::debug!(%error, "Kafka");
            }
        }
        if let Some(queue) = self.queue.get() {
            queue.lock().expect("no panic while held").take();
        }
    }
}

fn one(at: &TopicPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(&at.topic, at.partition);
    list
}

/// Asks a broker who it and its topics are, on a connection of its own.
pub(crate) struct Identity {
    client: ThreadedProducer<Heard>,
    topics: Vec<String>,
    tells_topic_ids: OnceLock<bool>,
    /// The cluster's id; empty where the broker does not tell.
    pub(crate) cluster: String,
}

impl Identity {
    /// Waits for a broker to answer, then asks for the topics' ids: if it tells none, none are
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
            tells_topic_ids: OnceLock::new(),
            cluster,
        };
        let told = if identity.cluster.starts_with(MOCK) {
            Some(Vec::new())
        } else {
            identity.ask(CALL)
        };
        if let Some(told) = told {
            identity.tells_topic_ids(&told);
        }
        Ok(identity)
    }

    /// Whether the broker tells topic ids: by its first answer, since one below 2.8, or without the
    /// right to describe, tells none at all.
    fn tells_topic_ids(&self, told: &[Told]) -> bool {
        *self.tells_topic_ids.get_or_init(|| {
            let tells = told.iter().any(|told| matches!(told, Told::Id(_)));
            if !tells {
                tracing::warn!(
                    "the broker tells no topic ids: a topic that is deleted and made again is not always noticed"
                );
            }
            tells
        })
    }

    fn ask(&self, wait: Duration) -> Option<Vec<Told>> {
        native::topic_ids(self.client.client().native_ptr(), &self.topics, wait)
    }

    /// The next offset of a partition's log, asked for now; `None` where no broker answers.
    pub(crate) fn log_end(&self, at: &TopicPartition) -> Option<i64> {
        self.client
            .client()
            .fetch_watermarks(&at.topic, at.partition, ANSWER)
            .ok()
            .map(|(_, high)| high)
    }

    /// The topic's id, empty where the broker does not tell any; `None` where it did not answer
    /// now.
    pub(crate) fn topic_id(&self, topic: &str) -> Option<Result<String, TopicAbsent>> {
        if self.tells_topic_ids.get() == Some(&false) {
            return Some(Ok(String::new()));
        }
        let place = self.topics.iter().position(|t| t == topic)?;
        let mut told = self.ask(CALL)?;
        if !self.tells_topic_ids(&told) {
            return Some(Ok(String::new()));
        }
        match told.swap_remove(place) {
            Told::Id(id) => Some(Ok(id)),
            Told::Absent => Some(Err(TopicAbsent)),
            Told::Nothing => None,
        }
    }
}

/// A topic that was there does not exist any more.
#[derive(Debug)]
pub(crate) struct TopicAbsent;
