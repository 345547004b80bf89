//! Which rejects may be sent again: those that keep their contract today, and whose revision the
//! chain does not hold.
//!
//! It refuses to send. A revision is known by (`source`, `subject`, `revision`): once a replayed
//! record is read, the chain holds it, so replaying twice sends nothing the second time; and what
//! the partner itself sent mended under the same revision stands. Of the same revision in several
//! rejects the first goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;
use twox_hash::XxHash3_128;

use crate::contract::record::partner_of;
use crate::contract::{Incoming, Reason, Record, TopicRules, judge};
use crate::event::{Micros, Position, TopicPartition};
use crate::ledger::chain::ChainError;
use crate::ledger::walk::Walk;
use crate::ledger::{self, LedgerError};
use crate::normalise::Rows;
use crate::rejects::Reject;
use crate::storage::Store;

/// What becomes of a reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is sent again.
    Sent,
    /// The chain holds that revision of its record.
    Held,
    /// The same revision was sent before it.
    Repeated,
    /// It still breaks its contract.
    Refused,
    /// Its partner is parked.
    Parked,
    /// Its topic is none of those that are consumed.
    Unread,
    /// Of a record refused as personal there is nothing to send.
    Personal,
}

impl Fate {
    /// All of them, in the order they are told.
    pub const ALL: [Self; 7] = [
        Self::Sent,
        Self::Held,
        Self::Repeated,
        Self::Refused,
        Self::Parked,
        Self::Unread,
        Self::Personal,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Held => "held",
            Self::Repeated => "repeated",
            Self::Refused => "refused",
            Self::Parked => "parked",
            Self::Unread => "unread",
            Self::Personal => "personal",
        }
    }

    /// What it means, and what to do.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Sent => "keep their contract now",
            Self::Held => "the ledger holds that revision of the record",
            Self::Repeated => "the same revision goes before them",
            Self::Refused => "still break their contract",
            Self::Parked => "their partner is parked: release it first",
            Self::Unread => "their topic is none of those that are consumed",
            Self::Personal => "no bytes were kept: the partner must send them, mended",
        }
    }
}

/// One revision of a record.
type Revision = u128;

fn revision_of(record: &Record<'_>) -> Revision {
    // A zero byte is in no source and no subject.
    XxHash3_128::oneshot(
        format!("{}\0{}\0{}", record.source, record.subject, record.revision).as_bytes(),
    )
}

/// Decides, reject by reject. First each is [`noticed`](Replay::notice); then what the chain holds
/// is [`struck`](Replay::strike_held); then each is [`decided`](Replay::decide).
pub struct Replay {
    topics: BTreeMap<String, Arc<TopicRules>>,
    parked: BTreeSet<String>,
    now: Micros,
    /// Revisions that keep their contract, and what becomes of the next reject that holds one.
    revisions: HashMap<Revision, Fate>,
    /// Topics that those are of.
    noticed: BTreeSet<String>,
}

impl Replay {
    /// Under the rules of topics as they are now, but for partners that are parked.
    pub fn new(
        topics: BTreeMap<String, Arc<TopicRules>>,
        parked: BTreeSet<String>,
        now: Micros,
    ) -> Self {
        Self {
            topics,
            parked,
            now,
            revisions: HashMap::new(),
            noticed: BTreeSet::new(),
        }
    }

    /// The revision that a reject holds, if it may be sent at all.
    fn judge(&self, topic: &str, reject: &Reject) -> Result<Revision, Fate> {
        let raw = reject.raw.as_ref().ok_or(Fate::Personal)?;
        let rules = self.topics.get(topic).ok_or(Fate::Unread)?;
        let headers: Vec<_> = raw
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        let (key, value) = (raw.key.as_deref(), raw.value.as_deref());
        let incoming = Incoming {
            value,
            key,
            headers: &headers,
            received: self.now,
        };
        let parked = |source: &str| self.parked.contains(partner_of(source));
        judge(&incoming, rules, &parked, revision_of).map_err(|rejection| match rejection.reason {
            Reason::PartnerParked => Fate::Parked,
            _ => Fate::Refused,
        })
    }

    /// Takes note of a reject, with what its record held.
    pub fn notice(&mut self, topic: &str, reject: &Reject) {
        if let Ok(revision) = self.judge(topic, reject) {
            self.revisions.insert(revision, Fate::Sent);
            if !self.noticed.contains(topic) {
                self.noticed.insert(topic.to_owned());
            }
        }
    }

    /// Strikes out what the chain of a partition holds.
    pub async fn strike_held(
        &mut self,
        store: &Store,
        partition: &TopicPartition,
    ) -> Result<(), ChainError> {
        if !self.noticed.contains(&partition.topic) {
            return Ok(());
        }
        let mut walk = Walk::new(store, partition, Position::ORIGIN);
        while let Some(walked) = walk.next().await? {
            let path = &walked.file.path;
            let Some(bytes) = store.read(path).await? else {
                walk.again(&walked).await?;
                continue;
            };
            for batch in ledger::decode(path, bytes, &["source", "subject", "revision"])? {
                let batch = batch.map_err(|error| LedgerError::not_parquet(path, error))?;
                let rows = Rows::new(&batch);
                for row in 0..rows.len() {
                    if let Some(fate) = self.revisions.get_mut(&revision_of(&rows.record(row))) {
                        *fate = Fate::Held;
                    }
                }
            }
        }
        Ok(())
    }

    /// What becomes of a reject; `None` of one that was not noticed, since it came later.
    pub fn decide(&mut self, topic: &str, reject: &Reject) -> Option<Fate> {
        let revision = match self.judge(topic, reject) {
            Ok(revision) => revision,
            Err(fate) => return Some(fate),
        };
        let next = self.revisions.get_mut(&revision)?;
        let fate = *next;
        if fate == Fate::Sent {
            *next = Fate::Repeated;
        }
        Some(fate)
    }
}
