//! What partners use: check a file of events, send it, create the topics.
//!
//! A file holds one event a line. It is read in bounded memory and judged as the consumer will
//! judge it; what passes goes to its feed's topic with the record's subject as key, so that all
//! revisions of a record share a partition. This module knows Kafka's producer, and nothing of what
//! is read from Kafka.

pub mod lines;
mod producer;
mod topics;

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use serde::Deserialize;

use crate::contract::judge::judge_document;
use crate::contract::{Reason, Rejection};
use crate::event::{Feed, Kind, Micros};
use crate::kafka::KafkaSettings;
use crate::kafka::{Complaint, Unreached};
use crate::reference::Partners;

pub use producer::Publisher;
pub(crate) use producer::{headers, producer};
pub use topics::{Standing, create};

/// How long to wait for a broker's answer, and while events wait and none is taken.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// The header of every event sent.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=UTF-8";

/// What is beneath an error: an answer, or what the client complained of.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why events could not be sent, or topics not be created.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what the message names")]
pub enum Error {
    /// There is no client, or no broker.
    #[error(transparent)]
    Unreached(#[from] Unreached),
    /// Topics are never made by sending to them.
    #[error("topic {topic} does not exist; `partner-feeds topics create` creates it")]
    NoTopic { topic: String },
    /// The broker has the topic and does not give it.
    #[error("topic {topic} cannot be used: {code}")]
    Topic {
        topic: String,
        code: rdkafka::types::RDKafkaErrorCode,
    },
    /// Some of what was handed over did not arrive.
    #[error("{delivered} events were sent, {failed} were not")]
    Delivery {
        delivered: u64,
        failed: u64,
        source: Option<Cause>,
    },
    /// Events wait, and none is taken.
    #[error("{delivered} events were sent; then nothing was taken for {} s", timeout.as_secs())]
    Stalled {
        delivered: u64,
        timeout: Duration,
        source: Option<Complaint>,
    },
    /// An answer that is not about a topic.
    #[error("cannot create topics")]
    Create(#[source] KafkaError),
}

/// A client's settings: those of the file and the environment, then what the program sets itself.
fn client(kafka: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in kafka.properties.iter() {
        config.set(name, value);
    }
    config.set("bootstrap.servers", &kafka.brokers);
    config
}

/// Judges documents as they will be judged when they are read, but for what only Kafka knows.
#[derive(Clone, Copy, Debug)]
pub struct Checker<'r> {
    partners: &'r Partners,
    now: Micros,
}

/// What is known of an event that may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Whose topic it goes to.
    pub feed: Feed,
    /// What it is about.
    pub kind: Kind,
    /// The subject is ten or eleven digits and nothing else: sooner or later one of them is a valid
    /// NHS number or a telephone number, and that record will be refused.
    pub bare_digits: bool,
}

impl<'r> Checker<'r> {
    /// A checker that takes `now` for the time of receipt.
    pub fn new(partners: &'r Partners, now: Micros) -> Self {
        Self { partners, now }
    }

    /// Judges a document; the subject of one that passes is put in place of what was in `key`.
    pub fn check(&self, document: &[u8], key: &mut Vec<u8>) -> Result<Passed, Box<Rejection>> {
        let registered = |feed: Feed, source: &str| {
            self.partners
                .topics()
                .any(|topic| topic.feed == feed && self.partners.is_registered(&topic.name, source))
        };
        judge_document(document, &registered, self.now, |record| {
            key.clear();
            key.extend_from_slice(record.subject.as_bytes());
            let bare_digits = matches!(key.len(), 10 | 11) && key.iter().all(u8::is_ascii_digit);
            Passed {
                feed: record.feed,
                kind: record.kind,
                bare_digits,
            }
        })
    }

    /// The topic of a feed.
    pub fn topic_of(&self, feed: Feed) -> Option<&'r str> {
        topic_of(self.partners, feed)
    }
}

fn topic_of(partners: &Partners, feed: Feed) -> Option<&str> {
    partners
        .topics()
        .find(|topic| topic.feed == feed)
        .map(|topic| &*topic.name)
}

/// How many lines passed, and why the others did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that hold something.
    pub lines: u64,
    /// Lines that passed.
    pub accepted: u64,
    /// Lines that passed and whose subject is bare digits.
    pub bare_digits: u64,
    /// Lines that did not, by reason.
    pub refused: BTreeMap<Reason, u64>,
}

impl Tally {
    /// Counts a line.
    pub fn count(&mut self, verdict: &Result<Passed, Box<Rejection>>) {
        self.lines += 1;
        match verdict {
            Ok(passed) => {
                self.accepted += 1;
                self.bare_digits += u64::from(passed.bare_digits);
            }
            Err(rejection) => *self.refused.entry(rejection.reason).or_default() += 1,
        }
    }

    /// How many lines did not pass.
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// The key and the feed of a document that nobody judges, as far as they can be read.
pub fn peek(document: &[u8]) -> (Option<String>, Option<Feed>) {
    #[derive(Deserialize)]
    struct Peek {
        subject: Option<String>,
        #[serde(rename = "type")]
        of: Option<String>,
    }
    let Ok(Peek { subject, of }) = serde_json::from_slice(document) else {
        return (None, None);
    };
    let feed = of.and_then(|of| {
        Feed::from_name(of.strip_prefix("uk.community-safety.")?.split('.').next()?)
    });
    (subject, feed)
}

#[cfg(test)]
mod tests;
