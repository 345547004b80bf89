//! What every client of Kafka shares: which properties there are, how a broker is reached, and why
//! none is.
//!
//! It refuses to know what a client is for. The invariant: no value of a secret property is in what
//! it says.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::{RDKafkaConfRes, RDKafkaErrorCode};

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

/// How long a broker that is there takes to answer at most.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);

/// What librdkafka has against a property, if anything.
pub(crate) fn fault_of(name: &str, value: &str, is_secret: bool) -> Option<String> {
    match ClientConfig::new().set(name, value).create_native_config() {
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Some("is no property of librdkafka".to_owned())
        }
        Err(KafkaError::ClientConfig(_, said, ..)) if !is_secret => Some(said),
        Err(_) => Some("has a value that librdkafka does not take".to_owned()),
        Ok(_) => None,
    }
}

/// A client that a broker has answered, for whatever is to be asked of it.
///
/// A producer, since it alone hands on what its connections complain of.
pub(crate) fn reach(
    config: &ClientConfig,
    wait: Duration,
) -> Result<ThreadedProducer<Heard>, Unreached> {
    let client: ThreadedProducer<Heard> = config
        .create_with_context(Heard::default())
        .map_err(Unreached::Client)?;
    let deadline = Instant::now() + wait;
    while client.client().fetch_metadata(None, ANSWER).is_err() {
        if Instant::now() >= deadline {
            let brokers = config.get("bootstrap.servers").unwrap_or_default();
            return Err(Unreached::silence(brokers, wait, client.context()));
        }
    }
    Ok(client)
}

/// Why no broker was reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// The client could not be made from its properties.
    #[error("cannot make a Kafka client of kafka.properties")]
    Client(#[source] KafkaError),
    /// None answered in time.
    #[error(
        "no Kafka broker answered at {brokers} within {} s: is it running, and are the address (--brokers) and \
         kafka.properties right?",
        wait.as_secs()
    )]
    Silence {
        /// The address asked.
        brokers: String,
        /// How long was waited.
        wait: Duration,
        /// What the client said.
        source: Option<Complaint>,
    },
}

impl Unreached {
    /// Of a client that has waited so long.
    pub(crate) fn silence(brokers: &str, wait: Duration, heard: &Heard) -> Self {
        Self::Silence {
            brokers: brokers.to_owned(),
            wait,
            source: heard.complaint(),
        }
    }
}

/// What a client said of its brokers: a refused password, a certificate nobody vouches for, a
/// closed port.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Complaint(String);

/// A context that keeps what its client complained of last.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Option<Complaint>>);

impl Heard {
    pub(crate) fn complaint(&self) -> Option<Complaint> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientContext for Heard {
    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down is said after the reason.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Complaint(reason.to_owned()));
        }
    }
}

impl ProducerContext for Heard {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
