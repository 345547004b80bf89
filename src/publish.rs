//! The partner's side: checks a file of events, sends it, and creates the topics.
//!
//! A file has one event per line. It is read in bounded memory and validated as the consumer will
//! validate it. Accepted events go to the topic of their feed with the record's subject as key, so
//! that all revisions of a record share a partition. This module uses Kafka's producer only; it
//! does not know the consumer.

mod hint;
pub mod lines;
mod producer;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use serde::Deserialize;

use crate::contract::judge::judge_document;
use crate::contract::rejection::Violation;
use crate::contract::revision::{Comparison, RevisionContents};
use crate::contract::{KnownTexts, Reason, Rejection};
use crate::event::{Feed, Kind, Micros};
use crate::kafka::KafkaSettings;
use crate::kafka::{Complaint, Unreached};
use crate::reference::geography::Level;
use crate::reference::{CodeCheck, Partners, Reference, UnknownCodes};

pub use producer::Publisher;
pub(crate) use producer::{headers, producer};
pub use topics::{TopicPlan, TopicSettings, TopicState, create, describe};

/// How long to wait for a broker's answer, and for a broker to accept one of the waiting events.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// The header of every event sent.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=UTF-8";

/// The cause of an error: a broker's answer, or the client's own complaint.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why events could not be sent or topics could not be created.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what the message names")]
pub enum PublishError {
    /// No client could be created, or no broker answered.
    #[error(transparent)]
    Unreached(#[from] Unreached),
    /// The topic does not exist; sending never creates one.
    #[error("topic {topic} does not exist; `partner-feeds topics create` creates it")]
    NoTopic { topic: String },
    /// The broker returns the topic with an error.
    #[error("topic {topic} cannot be used: {code}")]
    Topic {
        topic: String,
        code: rdkafka::types::RDKafkaErrorCode,
    },
    /// Some events were not delivered.
    #[error("{delivered} events were sent, {failed} were not")]
    Delivery {
        delivered: u64,
        failed: u64,
        source: Option<Cause>,
    },
    /// Events wait, and no broker accepts one.
    #[error("{delivered} events were sent; then no broker accepted one for {} s", timeout.as_secs())]
    Stalled {
        delivered: u64,
        timeout: Duration,
        source: Option<Complaint>,
    },
    /// A broker could not answer a request about the settings of topics.
    #[error(
        "cannot read the settings of topics; check the broker, and that this user may describe them"
    )]
    Describe(#[source] KafkaError),
    /// A broker could not answer a request about topics.
    #[error("cannot create topics")]
    Create(#[source] KafkaError),
    /// A topic was created, but no broker lists its partitions.
    #[error(
        "the brokers do not list topic {topic} {} s after it was created: check their log, then \
         run `partner-feeds topics create` again",
        waited.as_secs()
    )]
    Unlisted {
        /// The topic.
        topic: String,
        /// How long the client waited.
        waited: Duration,
    },
}

/// A client's properties: first those of the settings, then those the program sets itself.
fn client(kafka: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in kafka.properties.iter() {
        config.set(name, value);
    }
    config.set("bootstrap.servers", &kafka.brokers);
    config
}

/// Revisions of a file that are compared with each other, at most: with a table of 32 bytes for
/// each, about 300 MB.
const COMPARED_MAX: usize = 10_000_000;

/// Validates documents as the consumer will, except for rules about what only Kafka knows, and
/// compares them with each other.
#[derive(Debug)]
pub struct Checker<'r> {
    reference: &'r Reference,
    /// The only sources that may send; `None` = all that are registered.
    sources: Option<&'r BTreeSet<String>>,
    now: Micros,
    known: KnownTexts,
    codes: CodeCheck,
    revisions: RevisionContents,
}

/// An event that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what was found of an event, each on its own"
)]
pub struct AcceptedEvent {
    /// The feed whose topic it goes to.
    pub feed: Feed,
    /// Its kind.
    pub kind: Kind,
    /// Whether the subject is only ten or eleven digits. Sooner or later such a subject is a valid
    /// NHS number or telephone number, and that record is rejected.
    pub bare_digits: bool,
    /// Whether an earlier document has other content under the same source, subject and revision.
    pub contradicts: bool,
    /// Whether its source is not registered for its kind.
    pub unexpected_kind: bool,
    /// Codes that their list does not contain, each after its list.
    pub unknown_codes: Vec<(String, String)>,
    /// Whether its area is in no known district.
    pub unplaced: bool,
}

/// Whether areas of a level are in districts, or are districts.
fn is_in_a_district(level: &str) -> bool {
    let levels = [
        Level::Lsoa,
        Level::Ward,
        Level::District,
        Level::OutwardPostcode,
    ];
    levels.iter().any(|own| own.as_str() == level)
}

impl<'r> Checker<'r> {
    /// A checker that uses `now` as the time of receipt.
    pub fn new(reference: &'r Reference, now: Micros) -> Self {
        Self {
            reference,
            sources: None,
            now,
            known: KnownTexts::default(),
            codes: CodeCheck::default(),
            revisions: RevisionContents::with_max(COMPARED_MAX),
        }
    }

    /// The same, for a sender to whom only these sources belong: any other is not registered.
    #[must_use]
    pub fn limited_to(self, sources: &'r BTreeSet<String>) -> Self {
        Self {
            sources: Some(sources),
            ..self
        }
    }

    /// Validates a document. The subject of an accepted one replaces the content of `key`.
    pub fn check(
        &mut self,
        document: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<AcceptedEvent, Box<Rejection>> {
        let (reference, sources) = (self.reference, self.sources);
        let may_send = |source: &str| sources.is_none_or(|own| own.contains(source));
        let (codes, revisions) = (&mut self.codes, &mut self.revisions);
        let known = &mut self.known;
        judge_document(
            document,
            &|feed, source: &str| {
                may_send(source) && is_registered(&reference.partners, feed, source)
            },
            self.now,
            known,
            |record| {
                key.clear();
                key.extend_from_slice(record.subject.as_bytes());
                let bare_digits =
                    matches!(key.len(), 10 | 11) && key.iter().all(u8::is_ascii_digit);
                AcceptedEvent {
                    feed: record.feed,
                    kind: record.kind,
                    bare_digits,
                    contradicts: revisions.add(record) == Comparison::Contradiction,
                    unexpected_kind: !reference.partners.sends(record.source, record.kind),
                    unknown_codes: codes.add(reference, record),
                    unplaced: record.area_level.is_some_and(is_in_a_district)
                        && record
                            .area_code
                            .is_some_and(|code| reference.geography.districts(code).is_empty()),
                }
            },
        )
    }

    /// What to write in place of a fault of a document, for its sender alone.
    pub fn hint(&self, document: &[u8], kind: Option<Kind>, fault: &Violation) -> Option<String> {
        hint::hint(document, kind, fault, &self.reference.partners)
    }

    /// The topic of a feed.
    pub fn topic_of(&self, feed: Feed) -> Option<&'r str> {
        let mut topics = self.reference.partners.topics();
        let topic = topics.find(|topic| topic.feed == feed)?;
        Some(&topic.name)
    }

    /// The unknown codes of the accepted documents since the last call.
    pub fn take_unknown_codes(&mut self) -> UnknownCodes {
        self.codes.take()
    }

    /// How many revisions were not compared with later ones, since there were too many.
    pub const fn not_compared(&self) -> u64 {
        self.revisions.left_out()
    }
}

/// Whether a source may send to a topic of the feed.
fn is_registered(partners: &Partners, feed: Feed, source: &str) -> bool {
    let mut topics = partners.topics().filter(|topic| topic.feed == feed);
    topics.any(|topic| partners.is_registered(&topic.name, source))
}

/// Counts of accepted and rejected lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckCounts {
    /// Lines that are not empty.
    pub lines: u64,
    /// Accepted lines.
    pub accepted: u64,
    /// Accepted lines whose subject is only digits.
    pub bare_digits: u64,
    /// Accepted lines that contradict an earlier line.
    pub contradictions: u64,
    /// Rejected lines by reason.
    pub rejected: BTreeMap<Reason, u64>,
}

impl CheckCounts {
    /// Counts a line.
    pub fn count(&mut self, verdict: &Result<AcceptedEvent, Box<Rejection>>) {
        self.lines += 1;
        match verdict {
            Ok(event) => {
                self.accepted += 1;
                self.bare_digits += u64::from(event.bare_digits);
                self.contradictions += u64::from(event.contradicts);
            }
            Err(rejection) => *self.rejected.entry(rejection.reason).or_default() += 1,
        }
    }

    /// The number of rejected lines.
    pub fn rejections(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// The subject and the feed of a document that is not validated, as far as they can be read.
pub fn peek(document: &[u8]) -> (Option<String>, Option<Feed>) {
    #[derive(Deserialize)]
    struct Peek {
        subject: Option<String>,
        #[serde(rename = "type")]
        event_type: Option<String>,
    }
    let Ok(Peek {
        subject,
        event_type,
    }) = serde_json::from_slice(document)
    else {
        return (None, None);
    };
    let feed = event_type.as_deref().and_then(feed_of_type);
    (subject, feed)
}

/// The feed that the `type` of an event names.
fn feed_of_type(event_type: &str) -> Option<Feed> {
    let feed_and_kind = event_type.strip_prefix("uk.community-safety.")?;
    Feed::from_name(feed_and_kind.split('.').next()?)
}

#[cfg(test)]
mod tests;
