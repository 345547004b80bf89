//! Sends events and counts how many were delivered.
//!
//! The queue is bounded, and so is the wait for a broker that accepts none of the waiting events. An
//! event that is refused ends the sending: every event is delivered, or the caller gets an error.
//! If one partition accepts nothing while others do, the error comes at the end.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::{CONTENT_TYPE, Cause, PublishError, client};
use crate::kafka::KafkaSettings;
use crate::kafka::{ComplaintContext, Unreached, wait_for};
use crate::rejects::Raw;

/// Bounds of the queue of events that wait to be sent.
const QUEUE_EVENTS_MAX: &str = "100000";
const QUEUE_KIB_MAX: &str = "65536";
/// How long to wait before a full queue is tried again.
const FULL_QUEUE_WAIT: Duration = Duration::from_millis(2);
/// How often to check whether brokers still accept the waiting events.
const SETTLE_WAIT: Duration = Duration::from_secs(1);

/// The properties of every producer: a bounded queue, and Java's partitioner, as other producers
/// have.
pub(crate) fn producer(kafka: &KafkaSettings) -> ClientConfig {
    let mut config = client(kafka);
    config
        // The operator chooses the number of partitions, so the broker must not create a topic.
        .set("allow.auto.create.topics", "false")
        .set("partitioner", "murmur2_random")
        .set("compression.type", "zstd")
        .set("queue.buffering.max.messages", QUEUE_EVENTS_MAX)
        .set("queue.buffering.max.kbytes", QUEUE_KIB_MAX);
    config
}

/// The headers of a record that was rejected.
pub(crate) fn headers(raw: &Raw) -> OwnedHeaders {
    raw.headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (name, value)| {
            headers.insert(Header {
                key: name,
                value: value.as_ref(),
            })
        })
}

/// Sends events to their topics.
pub struct Publisher {
    producer: ThreadedProducer<DeliveryCounts>,
    brokers: String,
    timeout: Duration,
    idle_timer: IdleTimer,
    headers: OwnedHeaders,
    topics: HashSet<String>,
}

/// Counts the broker's answers to each event.
#[derive(Default)]
struct DeliveryCounts {
    delivered: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<KafkaError>>,
    complaints: ComplaintContext,
}

impl ClientContext for DeliveryCounts {
    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.error(error, reason);
    }
}

impl ProducerContext for DeliveryCounts {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                let mut first = self
                    .first_failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert_with(|| error.clone());
            }
        }
    }
}

/// Measures how long no event has been delivered.
struct IdleTimer {
    delivered: u64,
    since: Instant,
}

impl IdleTimer {
    fn new(delivered: u64) -> Self {
        Self {
            delivered,
            since: Instant::now(),
        }
    }

    fn idle(&mut self, delivered: u64) -> Duration {
        if delivered > self.delivered {
            *self = Self::new(delivered);
        }
        self.since.elapsed()
    }
}

impl Publisher {
    /// A publisher for the brokers of the settings. It connects when the first event is sent.
    pub fn new(kafka: &KafkaSettings, timeout: Duration) -> Result<Self, PublishError> {
        let mut config = producer(kafka);
        // An event may wait as long as others are delivered: `timeout` limits the brokers, not the
        // queue.
        config.set("message.timeout.ms", "0");
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "50")
            .set("batch.num.messages", "10000");
        let producer = config
            .create_with_context(DeliveryCounts::default())
            .map_err(Unreached::Client)?;
        let headers = OwnedHeaders::new().insert(Header {
            key: "content-type",
            value: Some(CONTENT_TYPE),
        });
        let (brokers, idle_timer) = (kafka.brokers.clone(), IdleTimer::new(0));
        Ok(Self {
            producer,
            brokers,
            timeout,
            idle_timer,
            headers,
            topics: HashSet::new(),
        })
    }

    /// Queues an event; waits while the queue is full. The first event for a topic checks that the
    /// topic exists.
    pub fn send(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        value: &[u8],
    ) -> Result<(), PublishError> {
        self.send_with(topic, key, Some(value), self.headers.clone())
    }

    /// Queues a rejected record again, unchanged.
    pub fn resend(&mut self, topic: &str, raw: &Raw) -> Result<(), PublishError> {
        self.send_with(
            topic,
            raw.key.as_deref(),
            raw.value.as_deref(),
            headers(raw),
        )
    }

    fn send_with(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: OwnedHeaders,
    ) -> Result<(), PublishError> {
        if !self.topics.contains(topic) {
            self.look_up(topic)?;
        }
        if self.deliveries().failed.load(Ordering::Relaxed) > 0 {
            return Err(self.failure());
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).headers(headers);
        (record.key, record.payload) = (key, value);
        loop {
            if self.is_stalled() {
                let (delivered, source) =
                    (self.delivered(), self.deliveries().complaints.complaint());
                return Err(PublishError::Stalled {
                    delivered,
                    timeout: self.timeout,
                    source,
                });
            }
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again;
                }
                Err((error, _)) => return Err(self.failure_by(Some(error))),
            }
            sleep(FULL_QUEUE_WAIT);
        }
    }

    /// Whether events wait and no broker accepts one.
    fn is_stalled(&mut self) -> bool {
        let delivered = self.delivered();
        if self.producer.in_flight_count() == 0 {
            self.idle_timer = IdleTimer::new(delivered);
        }
        self.idle_timer.idle(delivered) > self.timeout
    }

    /// How many events the brokers have acknowledged.
    pub fn delivered(&self) -> u64 {
        self.deliveries().delivered.load(Ordering::Relaxed)
    }

    /// Waits until all queued events are delivered; returns how many.
    pub fn finish(self) -> Result<u64, PublishError> {
        let flushed = self.settle();
        if flushed.is_err() || self.deliveries().failed.load(Ordering::Relaxed) > 0 {
            return Err(self.failure_by(flushed.err()));
        }
        Ok(self.delivered())
    }

    /// Waits until all queued events are delivered or failed, as long as any is delivered.
    fn settle(&self) -> Result<(), KafkaError> {
        let mut idle_timer = IdleTimer::new(self.delivered());
        loop {
            match self.producer.flush(SETTLE_WAIT) {
                Err(_) if idle_timer.idle(self.delivered()) <= self.timeout => {}
                flushed => return flushed,
            }
        }
    }

    fn deliveries(&self) -> &DeliveryCounts {
        self.producer.context()
    }

    fn look_up(&mut self, topic: &str) -> Result<(), PublishError> {
        let what = format!(
            "a Kafka broker at {}, at most {} s",
            self.brokers,
            self.timeout.as_secs()
        );
        let client = self.producer.client();
        let answer = wait_for(&what, || client.fetch_metadata(Some(topic), self.timeout));
        let metadata = answer.map_err(|_| {
            Unreached::silence(&self.brokers, self.timeout, &self.deliveries().complaints)
        })?;
        let error = metadata
            .topics()
            .iter()
            .find(|found| found.name() == topic)
            .and_then(MetadataTopic::error);
        match error.map(RDKafkaErrorCode::from) {
            None => {
                self.topics.insert(topic.to_owned());
                Ok(())
            }
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Err(PublishError::NoTopic {
                topic: topic.to_owned(),
            }),
            Some(code) => Err(PublishError::Topic {
                topic: topic.to_owned(),
                code,
            }),
        }
    }

    /// The error for failed events, after those in flight are settled.
    fn failure(&self) -> PublishError {
        self.failure_by(self.settle().err())
    }

    fn failure_by(&self, last: Option<KafkaError>) -> PublishError {
        let deliveries = self.deliveries();
        let first = deliveries
            .first_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        // If none failed, the brokers are silent, and the client's complaint is the better cause.
        let waiting = u64::try_from(self.producer.in_flight_count()).unwrap_or(0);
        PublishError::Delivery {
            delivered: self.delivered(),
            failed: deliveries.failed.load(Ordering::Relaxed) + waiting,
            source: first
                .map(Cause::from)
                .or_else(|| deliveries.complaints.complaint().map(Cause::from))
                .or_else(|| last.map(Cause::from)),
        }
    }
}
