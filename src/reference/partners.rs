//! Who sends what: topics, registered sources, and which schemes and flags each carries.

use std::collections::BTreeSet;

use crate::event::{Feed, Kind};

/// A topic of Kafka and the feed it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its feed.
    pub feed: Feed,
}

/// Which schemes and flags a partner's records of a kind hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The schemes, with the groups that crosswalks make of them.
    pub schemes: BTreeSet<String>,
    /// The flags, as bits ([`crate::contract::parts::Flags::NAMES`]).
    pub flags: u32,
}

impl Carried {
    /// What either carries.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.schemes.extend(other.schemes.iter().cloned());
        self.flags |= other.flags;
        self
    }
}

/// The date by which a record is put into a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateBasis {
    /// `occurred_from`.
    Occurred,
    /// `recorded_at`, or `occurred_from` where that is absent.
    Recorded,
}

impl DateBasis {
    /// The name in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Occurred => "occurred",
            Self::Recorded => "recorded",
        }
    }
}

/// The topics, sources and partners that are registered.
#[derive(Clone, Debug, Default)]
pub struct Partners {
    topics: Vec<Topic>,
}

impl Partners {
    /// The topics, in order of names.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter()
    }

    /// The feed of a topic.
    pub fn feed_of(&self, topic: &str) -> Option<Feed> {
        self.topics.iter().find(|t| t.name == topic).map(|t| t.feed)
    }

    /// The sources registered for a topic, in order.
    pub fn sources(&self, _topic: &str) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    /// Whether a source is registered for a topic.
    pub fn is_registered(&self, _topic: &str, _source: &str) -> bool {
        false
    }

    /// What any system of a partner carries in records of a kind.
    pub fn carried(&self, _partner: &str, _kind: Kind) -> Carried {
        Carried::default()
    }

    /// What one source carries in records of a kind: a partner's open data shows less than its own system.
    pub fn carried_by(&self, _source: &str, _kind: Kind) -> Carried {
        Carried::default()
    }

    /// The date basis of a partner's kind.
    pub fn date_basis(&self, _partner: &str, _kind: Kind) -> DateBasis {
        DateBasis::Occurred
    }
}
