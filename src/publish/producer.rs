//! Sends events, and knows how many arrived.
//!
//! The queue is bounded, the wait while events wait and none is taken is bounded, and an event that
//! is refused ends the sending: an event is sent or the caller is told. Of a partition that takes
//! none beside others that do, at the end.

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

use super::{CONTENT_TYPE, Cause, Error, client};
use crate::kafka::KafkaSettings;
use crate::kafka::{ComplaintContext, Unreached};
use crate::rejects::Raw;

/// The most that waits to be sent.
const QUEUE_EVENTS_MAX: &str = "100000";
const QUEUE_KIB_MAX: &str = "65536";
/// How long a full queue is left alone.
const FULL_QUEUE_WAIT: Duration = Duration::from_millis(2);
/// How often it is looked whether what is on its way is still taken.
const SETTLE_WAIT: Duration = Duration::from_secs(1);

/// The properties of every producer: a bounded queue, and partitions by keys as all others choose
/// them.
pub(crate) fn producer(kafka: &KafkaSettings) -> ClientConfig {
    let mut config = client(kafka);
    config
        // A topic has as many partitions as somebody chose: a broker that would make one is not
        // asked to.
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
    producer: ThreadedProducer<Deliveries>,
    brokers: String,
    timeout: Duration,
    waiting: Waiting,
    headers: OwnedHeaders,
    topics: HashSet<String>,
}

/// What the broker said of each event.
#[derive(Default)]
struct Deliveries {
    delivered: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<KafkaError>>,
    heard: ComplaintContext,
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
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

/// How long nothing has been taken.
struct Waiting {
    delivered: u64,
    since: Instant,
}

impl Waiting {
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
    /// A publisher to the brokers of the settings; nothing is sent yet, nobody asked.
    pub fn new(kafka: &KafkaSettings, timeout: Duration) -> Result<Self, Error> {
        let mut config = producer(kafka);
        // An event waits for as long as others are taken: `timeout` is of the brokers, not of the
        // queue.
        config.set("message.timeout.ms", "0");
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "50")
            .set("batch.num.messages", "10000");
        let producer = config
            .create_with_context(Deliveries::default())
            .map_err(Unreached::Client)?;
        let headers = OwnedHeaders::new().insert(Header {
            key: "content-type",
            value: Some(CONTENT_TYPE),
        });
        let (brokers, waiting) = (kafka.brokers.clone(), Waiting::new(0));
        Ok(Self {
            producer,
            brokers,
            timeout,
            waiting,
            headers,
            topics: HashSet::new(),
        })
    }

    /// Hands an event over to be sent; waits while the queue is full. The first event of a topic
    /// asks whether the topic exists.
    pub fn send(&mut self, topic: &str, key: Option<&[u8]>, value: &[u8]) -> Result<(), Error> {
        self.send_with(topic, key, Some(value), self.headers.clone())
    }

    /// Hands a record over that was rejected, as it came.
    pub fn send_again(&mut self, topic: &str, raw: &Raw) -> Result<(), Error> {
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
    ) -> Result<(), Error> {
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
                let (delivered, source) = (self.delivered(), self.deliveries().heard.complaint());
                return Err(Error::Stalled {
                    delivered,
                    timeout: self.timeout,
                    source,
                });
            }
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again
                }
                Err((error, _)) => return Err(self.failure_by(Some(error))),
            }
            sleep(FULL_QUEUE_WAIT);
        }
    }

    /// Whether events wait, and none is taken.
    fn is_stalled(&mut self) -> bool {
        let delivered = self.delivered();
        if self.producer.in_flight_count() == 0 {
            self.waiting = Waiting::new(delivered);
        }
        self.waiting.idle(delivered) > self.timeout
    }

    /// How many events the brokers have taken.
    pub fn delivered(&self) -> u64 {
        self.deliveries().delivered.load(Ordering::Relaxed)
    }

    /// Waits until all that was handed over arrived, and says how many did.
    pub fn finish(self) -> Result<u64, Error> {
        let flushed = self.settle();
        if flushed.is_err() || self.deliveries().failed.load(Ordering::Relaxed) > 0 {
            return Err(self.failure_by(flushed.err()));
        }
        Ok(self.delivered())
    }

    /// Waits until what was handed over is settled, for as long as any of it is taken.
    fn settle(&self) -> Result<(), KafkaError> {
        let mut waiting = Waiting::new(self.delivered());
        loop {
            match self.producer.flush(SETTLE_WAIT) {
                Err(_) if waiting.idle(self.delivered()) <= self.timeout => {}
                flushed => return flushed,
            }
        }
    }

    fn deliveries(&self) -> &Deliveries {
        self.producer.context()
    }

    fn look_up(&mut self, topic: &str) -> Result<(), Error> {
        let metadata = self
            .producer
            .client()
            .fetch_metadata(Some(topic), self.timeout)
            .map_err(|_| {
                Unreached::silence(&self.brokers, self.timeout, &self.deliveries().heard)
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
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Err(Error::NoTopic {
                topic: topic.to_owned(),
            }),
            Some(code) => Err(Error::Topic {
                topic: topic.to_owned(),
                code,
            }),
        }
    }

    /// The failure of what was sent, once what is on its way is settled.
    fn failure(&self) -> Error {
        self.failure_by(self.settle().err())
    }

    fn failure_by(&self, last: Option<KafkaError>) -> Error {
        let deliveries = self.deliveries();
        let first = deliveries
            .first_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        // Where none failed the brokers are silent: what the client complained of says more than
        // that.
        let complaint = || deliveries.heard.complaint().map(Cause::from);
        let waiting = u64::try_from(self.producer.in_flight_count()).unwrap_or(0);
        Error::Delivery {
            delivered: self.delivered(),
            failed: deliveries.failed.load(Ordering::Relaxed) + waiting,
            source: first
                .map(Cause::from)
                .or_else(complaint)
                .or_else(|| last.map(Cause::from)),
        }
    }
}
