//! Who may pass: the topic's feed, its registered sources, the record's key and paused partners.
//!
//! Both paths ask it: the typed one, and the one that explains what was refused.

use super::Record;
use super::rejection::{Reason, Violation};
use crate::event::Feed;

/// The answer of a step: what it found, or what speaks against the record.
pub(crate) type Judged<T> = Result<T, Box<Violation>>;

/// A violation, as the answer of a step that found one.
pub(crate) fn violation<T>(reason: Reason, pointer: &str, rule: &'static str) -> Judged<T> {
    Err(Box::new(Violation::new(reason, pointer, rule)))
}

/// The rule of the key.
pub(crate) const KEY_RULE: &str =
    "the record's key must be the event's `subject`, byte for byte: send it";

/// The rule of the feed.
pub(crate) const FEED_RULE: &str =
    "the feed in `type` must be the topic's: send the event to the topic of its feed";
/// The rule of the source.
pub(crate) const SOURCE_RULE: &str =
    "`source` must be registered for the topic: have it registered, or correct it";

/// The rule of a paused partner.
pub(crate) const PAUSED_RULE: &str = "the partner is paused because it sent only rejects: fix the \
                                      feed and have the partner resumed; this record is then \
                                      replayed";

/// The key of a Kafka record, which is the subject of its event.
pub(crate) enum RecordKey<'a> {
    /// The data has no record.
    None,
    /// The record's key.
    Is(Option<&'a [u8]>),
}

/// Which events may pass.
pub(crate) struct Gate<'a> {
    /// The feed of the topic, if there is one.
    pub(crate) feed: Option<Feed>,
    pub(crate) key: RecordKey<'a>,
    pub(crate) registered: &'a dyn Fn(Feed, &str) -> bool,
    /// Whether the partner of a source is paused.
    pub(crate) paused: &'a dyn Fn(&str) -> bool,
}

impl Gate<'_> {
    /// Every event passes.
    pub(crate) fn open() -> Self {
        Self {
            feed: None,
            key: RecordKey::None,
            registered: &|_, _| true,
            paused: &|_| false,
        }
    }

    /// Whether the record's key is this subject, byte for byte.
    pub(crate) fn admits_subject(&self, subject: &str) -> bool {
        match self.key {
            RecordKey::None => true,
            RecordKey::Is(key) => key == Some(subject.as_bytes()),
        }
    }

    /// Whether a feed may pass.
    pub(crate) fn admits_feed(&self, feed: Feed) -> bool {
        self.feed.is_none_or(|own| own == feed)
    }

    /// Refuses an event that may not pass.
    pub(crate) fn admit(&self, record: &Record<'_>) -> Judged<()> {
        if !self.admits_subject(record.subject) {
            return violation(Reason::TransportKey, "/subject", KEY_RULE);
        }
        if !self.admits_feed(record.feed) {
            return violation(Reason::EnvelopeFeed, "/type", FEED_RULE);
        }
        if !self.admits_source(record.feed, record.source) {
            return violation(Reason::EnvelopeSource, "/source", SOURCE_RULE);
        }
        if (self.paused)(record.source) {
            return violation(Reason::PartnerPaused, "/source", PAUSED_RULE);
        }
        Ok(())
    }

    /// Whether a source may pass with events of a feed.
    pub(crate) fn admits_source(&self, feed: Feed, source: &str) -> bool {
        (self.registered)(self.feed.unwrap_or(feed), source)
    }
}
