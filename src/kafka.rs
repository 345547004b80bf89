//! What every client of Kafka shares: checking properties, reaching a broker, and why none was
//! reached.
//!
//! It must not know what a client is for. The invariant: no error contains the value of a secret
//! property.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::{RDKafkaConfRes, RDKafkaErrorCode};

use crate::event::TopicPartition;
use crate::properties::Properties;

/// The connection to Kafka.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// Brokers, `host:port` joined by commas.
    pub brokers: String,
    /// The consumer group.
    pub group: String,
    /// Names of the topics to consume; empty = all of the partners' file.
    pub topics: Vec<String>,
    /// Where rejects are mirrored; `None` = nowhere.
    pub dead_letter_topic: Option<String>,
    /// How long a dead consumer keeps its partitions; `None` = the broker decides.
    pub session_timeout: Option<Duration>,
    /// Further properties of librdkafka.
    pub properties: Properties,
}

/// How long a running broker may take to answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);

/// How long a wait is silent.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

/// Why librdkafka rejects a property; `None` if it accepts it.
pub(crate) fn property_fault(name: &str, value: &str, is_secret: bool) -> Option<String> {
    match ClientConfig::new().set(name, value).create_native_config() {
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Some("is not a property of librdkafka".to_owned())
        }
        Err(KafkaError::ClientConfig(_, message, ..)) if !is_secret => Some(message),
        Err(_) => Some("has a value that librdkafka rejects".to_owned()),
        Ok(_) => None,
    }
}

/// A client that a broker has answered.
///
/// It is a producer, since only producers report the errors of their connections.
pub(crate) fn reach(
    config: &ClientConfig,
    wait: Duration,
) -> Result<ThreadedProducer<ComplaintContext>, Unreached> {
    let client: ThreadedProducer<ComplaintContext> = config
        .create_with_context(ComplaintContext::default())
        .map_err(Unreached::Client)?;
    let deadline = Instant::now() + wait;
    let brokers = config.get("bootstrap.servers").unwrap_or_default();
    let what = format!("a Kafka broker at {brokers}, at most {} s", wait.as_secs());
    let is_reached = wait_for(&what, || {
        loop {
            match client.client().fetch_metadata(None, ANSWER) {
                Ok(_) => return true,
                Err(_) if Instant::now() >= deadline => return false,
                Err(_) => {}
            }
        }
    });
    if is_reached {
        Ok(client)
    } else {
        Err(Unreached::silence(brokers, wait, client.context()))
    }
}

/// The next offset of each partition of some topics; `None` if a broker does not answer for one.
pub(crate) fn end_offsets<C: ClientContext>(
    client: &Client<C>,
    topics: &BTreeSet<&str>,
) -> Option<BTreeMap<TopicPartition, i64>> {
    let metadata = client.fetch_metadata(None, ANSWER).ok()?;
    let known = metadata.topics().iter();
    let mut ends = BTreeMap::new();
    for topic in known.filter(|topic| topics.contains(topic.name())) {
        for partition in topic.partitions() {
            let (name, id) = (topic.name(), partition.id());
            let (_, end) = client.fetch_watermarks(name, id, ANSWER).ok()?;
            let partition = TopicPartition {
                topic: name.to_owned(),
                partition: id,
            };
            ends.insert(partition, end);
        }
    }
    Some(ends)
}

/// Why no broker was reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// The client could not be created from its properties.
    #[error("cannot create a Kafka client from kafka.properties")]
    Client(#[source] KafkaError),
    /// None answered in time.
    #[error(
        "no Kafka broker answered at {brokers} within {} s: check that it is running, the address \
         (--brokers) and kafka.properties",
        wait.as_secs()
    )]
    Silence {
        /// The address asked.
        brokers: String,
        /// How long the client waited.
        wait: Duration,
        /// The client's last error.
        source: Option<Complaint>,
    },
}

impl Unreached {
    /// No broker answered a client in time.
    pub(crate) fn silence(brokers: &str, wait: Duration, context: &ComplaintContext) -> Self {
        Self::Silence {
            brokers: brokers.to_owned(),
            wait,
            source: context.complaint(),
        }
    }
}

/// An error that a client reported of its brokers: a rejected password, an untrusted certificate, a
/// closed port.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Complaint(String);

/// A reason that librdkafka gives, without its tail, such as `(after 0ms in state CONNECT, 1 identical
/// error(s) suppressed)`. Of the tail, only that TLS was under way says anything to a user.
pub(crate) fn without_tail(reason: &str) -> String {
    let Some((start, tail)) = reason
        .split_once(" (after ")
        .filter(|(_, tail)| tail.contains("ms in state "))
    else {
        return reason.to_owned();
    };
    if tail.contains("in state SSL_HANDSHAKE") {
        format!("{start} during the TLS handshake")
    } else {
        start.to_owned()
    }
}

/// Waits, and logs what is waited for once that has taken [`SILENCE`].
pub(crate) fn wait_for<T>(what: &str, wait: impl FnOnce() -> T) -> T {
    let (done, ended) = crossbeam_channel::bounded::<()>(0);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) {
                tracing::info!("waiting for {what}");
            }
        });
        let result = wait();
        drop(done);
        result
    })
}

/// A context that keeps the last error of its client.
#[derive(Debug, Default)]
pub(crate) struct ComplaintContext(Mutex<Option<Complaint>>);

impl ComplaintContext {
    pub(crate) fn complaint(&self) -> Option<Complaint> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientContext for ComplaintContext {
    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down is reported after the reason.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Complaint(without_tail(reason)));
        }
    }
}

impl ProducerContext for ComplaintContext {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_no_tail() {
        for (reason, expected) in [
            (
                "localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused \
                 (after 0ms in state CONNECT, 1 identical error(s) suppressed)",
                "localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
            ),
            (
                "kafka:9092/bootstrap: Disconnected (after 3ms in state SSL_HANDSHAKE)",
                "kafka:9092/bootstrap: Disconnected during the TLS handshake",
            ),
            ("no (after all) tail", "no (after all) tail"),
        ] {
            assert_eq!(without_tail(reason), expected);
        }
    }
}
