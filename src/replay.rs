//! Decides which rejects are sent again: those that are valid under today's contract, and whose
//! revision the chain does not contain.
//!
//! It must not know how they are sent. A revision is identified by (`source`, `subject`,
//! `revision`). The invariant: no revision is sent that the chain contains, so a second replay sends
//! nothing once the first was read, and a revision that the partner corrected stays. If several
//! rejects have the same revision, the first is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;

use crate::contract::record::partner_of;
use crate::contract::revision::{RevisionId, revision_id};
use crate::contract::{Incoming, KnownTexts, Reason, TopicRules, judge};
use crate::event::{Micros, Position, TopicPartition};
use crate::ledger::chain::ChainError;
use crate::ledger::walk::ChainWalk;
use crate::ledger::{self, LedgerError};
use crate::normalise::Rows;
use crate::rejects::Reject;
use crate::storage::Store;

/// What a replay does with a reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReplayOutcome {
    /// It is sent again.
    Sent,
    /// The chain contains that revision of its record.
    Stored,
    /// The same revision was sent before it.
    Repeated,
    /// It still breaks its contract.
    Rejected,
    /// Its partner is paused.
    Paused,
    /// Its topic is not consumed.
    NotConsumed,
    /// It was rejected as personal, so there are no bytes to send.
    Personal,
}

impl ReplayOutcome {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::Sent,
        Self::Stored,
        Self::Repeated,
        Self::Rejected,
        Self::Paused,
        Self::NotConsumed,
        Self::Personal,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Stored => "stored",
            Self::Repeated => "repeated",
            Self::Rejected => "rejected",
            Self::Paused => "paused",
            Self::NotConsumed => "not_consumed",
            Self::Personal => "personal",
        }
    }

    /// What it means, and the next step.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Sent => "are valid now",
            Self::Stored => "the ledger already contains that revision of the record",
            Self::Repeated => "an earlier reject has the same revision",
            Self::Rejected => "still break their contract: the partner must fix them",
            Self::Paused => "their partner is paused: resume it first",
            Self::NotConsumed => "their topic is not consumed",
            Self::Personal => "their bytes are not stored: the partner must fix and send them",
        }
    }
}

/// Decides for each reject. First [`add`](ReplayPlan::add) each one; then
/// [`exclude_stored`](ReplayPlan::exclude_stored) what the chains contain; then
/// [`decide`](ReplayPlan::decide) for each.
pub struct ReplayPlan {
    topics: BTreeMap<String, Arc<TopicRules>>,
    paused: BTreeSet<String>,
    now: Micros,
    /// Valid revisions, and the outcome of the next reject that has one.
    revisions: HashMap<RevisionId, ReplayOutcome>,
    /// Topics with a valid revision.
    topics_with_valid: BTreeSet<String>,
}

impl ReplayPlan {
    /// A plan under the current rules of topics, without the paused partners.
    pub fn new(
        topics: BTreeMap<String, Arc<TopicRules>>,
        paused: BTreeSet<String>,
        now: Micros,
    ) -> Self {
        Self {
            topics,
            paused,
            now,
            revisions: HashMap::new(),
            topics_with_valid: BTreeSet::new(),
        }
    }

    /// The revision of a reject, if it may be sent.
    fn judge(&self, topic: &str, reject: &Reject) -> Result<RevisionId, ReplayOutcome> {
        let raw = reject.raw.as_ref().ok_or(ReplayOutcome::Personal)?;
        let rules = self.topics.get(topic).ok_or(ReplayOutcome::NotConsumed)?;
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
            clock: self.now,
        };
        judge(
            &incoming,
            rules,
            &|source: &str| self.paused.contains(partner_of(source)),
            &mut KnownTexts::default(),
            revision_id,
        )
        .map_err(|rejection| match rejection.reason {
            Reason::PartnerPaused => ReplayOutcome::Paused,
            _ => ReplayOutcome::Rejected,
        })
    }

    /// Adds a reject, with the bytes of its record.
    pub fn add(&mut self, topic: &str, reject: &Reject) {
        if let Ok(revision) = self.judge(topic, reject) {
            self.revisions.insert(revision, ReplayOutcome::Sent);
            if !self.topics_with_valid.contains(topic) {
                self.topics_with_valid.insert(topic.to_owned());
            }
        }
    }

    /// Excludes the revisions that the chain of a partition contains.
    pub async fn exclude_stored(
        &mut self,
        store: &Store,
        partition: &TopicPartition,
    ) -> Result<(), ChainError> {
        if !self.topics_with_valid.contains(&partition.topic) {
            return Ok(());
        }
        let mut walk = ChainWalk::new(store, partition, Position::ORIGIN);
        while let Some(step) = walk.next().await? {
            let path = &step.file.path;
            let Some(bytes) = store.read(path).await? else {
                walk.again(&step).await?;
                continue;
            };
            let erased = walk.erased().await?;
            let columns = ["source", "subject", "revision"];
            for batch in ledger::decode(path, bytes, &columns, &erased)? {
                let batch = batch.map_err(|error| LedgerError::not_parquet(path, error))?;
                let rows = Rows::new(&batch);
                for row in 0..rows.len() {
                    if let Some(outcome) = self.revisions.get_mut(&revision_id(&rows.record(row))) {
                        *outcome = ReplayOutcome::Stored;
                    }
                }
            }
        }
        Ok(())
    }

    /// The outcome of a reject; `None` if it arrived after the others were added.
    pub fn decide(&mut self, topic: &str, reject: &Reject) -> Option<ReplayOutcome> {
        let revision = match self.judge(topic, reject) {
            Ok(revision) => revision,
            Err(outcome) => return Some(outcome),
        };
        let next = self.revisions.get_mut(&revision)?;
        let outcome = *next;
        if outcome == ReplayOutcome::Sent {
            *next = ReplayOutcome::Repeated;
        }
        Some(outcome)
    }
}
