//! Sends accepted events and waits for the broker's answer to each.
//!
//! An event is reported as sent only after all replicas in sync have it; any other answer, or none
//! in time, is unknown. After a fatal error, which an idempotent producer does not survive, a new
//! producer takes its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::Notify;

use crate::event::TopicPartition;
use crate::kafka::{ANSWER, ComplaintContext, KafkaSettings, Unreached, end_offsets};
use crate::publish::{CONTENT_TYPE, producer};

/// How much later than the broker's time is over its answer is awaited: the client checks its
/// timeouts once a second.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);
/// The queue of the client is small, since requests wait for it with their own memory.
const QUEUE_KIB_MAX: &str = "32768";
/// How long to wait before a full queue is tried again.
const FULL_QUEUE_WAIT: Duration = Duration::from_millis(2);

/// The broker's answer for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It is in the log.
    Confirmed { partition: i32, offset: i64 },
    /// No broker confirmed it.
    Unconfirmed,
}

/// The answers for the events of a request.
#[derive(Debug)]
struct Deliveries {
    answers: Mutex<Vec<Delivery>>,
    waiting: AtomicUsize,
    complete: Notify,
}

/// An event that waits for its answer.
#[derive(Debug)]
struct PendingEvent {
    deliveries: Arc<Deliveries>,
    index: usize,
}

impl Deliveries {
    fn answer(&self, index: usize, delivery: Delivery) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers[index] = delivery;
        drop(answers);
        if self.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.complete.notify_one();
        }
    }
}

/// Passes the answers of brokers on, and keeps the client's last complaint.
#[derive(Default)]
struct DeliveryContext(ComplaintContext);

impl ClientContext for DeliveryContext {
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = Box<PendingEvent>;

    fn delivery(&self, result: &DeliveryResult<'_>, event: Box<PendingEvent>) {
        let delivery = match result {
            Ok(message) => Delivery::Confirmed {
                partition: message.partition(),
                offset: message.offset(),
            },
            Err(_) => Delivery::Unconfirmed,
        };
        event.deliveries.answer(event.index, delivery);
    }
}

type DoorProducer = ThreadedProducer<DeliveryContext>;

/// An event to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutgoingEvent<'e> {
    pub(super) topic: &'e str,
    pub(super) key: &'e [u8],
    pub(super) document: &'e [u8],
}

/// The answers that a request waits for.
#[derive(Debug)]
pub(super) struct PendingAnswers {
    deliveries: Arc<Deliveries>,
    timeout: Duration,
}

impl PendingAnswers {
    /// Waits until each event has its answer, or the time is over.
    pub(super) async fn answers(self) -> Vec<Delivery> {
        let Self {
            deliveries,
            timeout,
        } = self;
        let complete = async {
            while deliveries.waiting.load(Ordering::Acquire) > 0 {
                deliveries.complete.notified().await;
            }
        };
        // After the timeout, what has no answer is unconfirmed.
        drop(tokio::time::timeout(timeout, complete).await);
        let answers = deliveries
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        answers.clone()
    }
}

/// The producer of the door.
pub(super) struct Sender {
    config: ClientConfig,
    brokers: String,
    message_timeout: Duration,
    current: RwLock<Arc<DoorProducer>>,
    headers: OwnedHeaders,
}

impl Sender {
    /// A sender to the brokers of the settings, which have `message_timeout` to confirm an event. It
    /// connects by itself.
    pub(super) fn new(kafka: &KafkaSettings, message_timeout: Duration) -> Result<Self, Unreached> {
        let mut config = producer(kafka);
        config
            .set("enable.idempotence", "true")
            .set(
                "message.timeout.ms",
                message_timeout.as_millis().to_string(),
            )
            .set("linger.ms", "5")
            .set("batch.num.messages", "10000")
            .set("queue.buffering.max.kbytes", QUEUE_KIB_MAX);
        Ok(Self {
            current: RwLock::new(Arc::new(connect(&config)?)),
            brokers: kafka.brokers.clone(),
            message_timeout,
            config,
            headers: OwnedHeaders::new().insert(Header {
                key: "content-type",
                value: Some(CONTENT_TYPE),
            }),
        })
    }

    /// The producer in use.
    fn current(&self) -> Arc<DoorProducer> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Queues events; waits while the queue is full, so not to be called on an asynchronous thread.
    pub(super) fn send(&self, events: &[OutgoingEvent<'_>]) -> PendingAnswers {
        let producer = self.living();
        let deliveries = Arc::new(Deliveries {
            answers: Mutex::new(vec![Delivery::Unconfirmed; events.len()]),
            waiting: AtomicUsize::new(events.len()),
            complete: Notify::new(),
        });
        let deadline = Instant::now() + self.message_timeout;
        for (index, event) in events.iter().enumerate() {
            let pending = PendingEvent {
                deliveries: Arc::clone(&deliveries),
                index,
            };
            if !self.queue(&producer, event, pending, deadline) {
                deliveries.answer(index, Delivery::Unconfirmed);
            }
        }
        PendingAnswers {
            deliveries,
            timeout: self.message_timeout + ANSWER_MARGIN,
        }
    }

    /// Queues an event; `false` if that was not possible in time.
    fn queue(
        &self,
        producer: &DoorProducer,
        event: &OutgoingEvent<'_>,
        pending: PendingEvent,
        deadline: Instant,
    ) -> bool {
        let mut record = BaseRecord::with_opaque_to(event.topic, Box::new(pending))
            .key(event.key)
            .payload(event.document)
            .headers(self.headers.clone());
        loop {
            match producer.send(record) {
                Ok(()) => return true,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again))
                    if Instant::now() < deadline =>
                {
                    record = again;
                }
                Err(_) => return false,
            }
            std::thread::sleep(FULL_QUEUE_WAIT);
        }
    }

    /// The producer in use, replaced if it had a fatal error.
    fn living(&self) -> Arc<DoorProducer> {
        let producer = self.current();
        let Some((code, _)) = producer.client().fatal_error() else {
            return producer;
        };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, &producer) {
            match connect(&self.config) {
                Ok(new) => {
                    tracing::warn!(%code, "producer replaced after a fatal error");
                    *current = Arc::new(new);
                }
                Err(error) => {
                    tracing::error!(%error, "cannot replace the producer after a fatal error");
                }
            }
        }
        Arc::clone(&current)
    }

    /// Why the sender cannot be used, with these topics; `None` if it can. Asks a broker.
    pub(super) fn why_not_ready(&self, topics: &[String]) -> Option<String> {
        let producer = self.current();
        let Ok(metadata) = producer.client().fetch_metadata(None, ANSWER) else {
            let complaint = producer.context().0.complaint();
            let why = complaint.map_or_else(String::new, |complaint| format!(": {complaint}"));
            return Some(format!("no Kafka broker answers at {}{why}", self.brokers));
        };
        let has_partitions = |name: &str| {
            let found = metadata.topics().iter().find(|topic| topic.name() == name);
            found.is_some_and(|topic: &MetadataTopic| !topic.partitions().is_empty())
        };
        let missing: Vec<&str> = topics
            .iter()
            .map(String::as_str)
            .filter(|topic| !has_partitions(topic))
            .collect();
        (!missing.is_empty()).then(|| {
            format!(
                "topics do not exist, or this user may not use them: {}",
                missing.join(", ")
            )
        })
    }

    /// The next offset of each partition of some topics; `None` if a broker does not answer. Not to be
    /// called on an asynchronous thread.
    pub(super) fn end_offsets(
        &self,
        topics: &BTreeSet<&str>,
    ) -> Option<BTreeMap<TopicPartition, i64>> {
        end_offsets(self.current().client(), topics)
    }

    /// Whether the producer in use cannot continue.
    #[cfg(test)]
    pub(super) fn has_fatal_error(&self) -> bool {
        self.current().client().fatal_error().is_some()
    }

    /// Waits until all queued events have their answer.
    pub(super) fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        self.current().flush(timeout)
    }
}

fn connect(config: &ClientConfig) -> Result<DoorProducer, Unreached> {
    config
        .create_with_context(DeliveryContext::default())
        .map_err(Unreached::Client)
}
