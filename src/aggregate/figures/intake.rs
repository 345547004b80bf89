//! How the ledger took in what partners sent: rejects by month, and the totals of each partition.

use std::collections::BTreeMap;

use crate::aggregate::state::calendar::Calendar;
use crate::event::{Feed, Micros, Month, Position, TopicPartition};
use crate::rejects::Reject;

/// What the ledger's files report beside their records.
#[derive(Default)]
pub(crate) struct Intake {
    pub(crate) rejects: RejectCounts,
    /// Accepted rows by partner and feed.
    pub(crate) accepted: BTreeMap<(String, Feed), AcceptedRows>,
    pub(crate) partitions: Vec<PartitionTotals>,
}

/// Rows of the ledger, every revision and repetition among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AcceptedRows {
    pub(crate) rows: u64,
    /// The newest receipt, in microseconds since 1970.
    pub(crate) last_received: i64,
}

impl AcceptedRows {
    /// Adds the rows of another count.
    pub(crate) fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.last_received = self.last_received.max(other.last_received);
    }
}

/// Records read from a partition, by their outcome.
pub(crate) struct PartitionTotals {
    pub(crate) partition: TopicPartition,
    pub(crate) records: i64,
    pub(crate) accepted: i64,
    pub(crate) rejected: i64,
    pub(crate) erased: i64,
}

/// Rejects whose partner is known, by what they share and the month they were received.
#[derive(Default)]
pub(crate) struct RejectCounts {
    calendar: Calendar,
    by_reason: BTreeMap<RefusalKey, Refusal>,
}

/// What rejects of one sort share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RefusalKey {
    pub(crate) partner: String,
    pub(crate) feed: Feed,
    pub(crate) reason: String,
    pub(crate) pointer: String,
    /// None = the event did not give one.
    pub(crate) kind: Option<String>,
}

/// The rejects of one sort.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) by_month: BTreeMap<Month, u64>,
    pub(crate) rule: String,
    /// Where the newest were read, the newest first: at most [`Refusal::COORDINATES_MAX`].
    pub(crate) newest: Vec<(Micros, TopicPartition, Position)>,
}

impl Refusal {
    /// The most coordinates that are kept.
    const COORDINATES_MAX: usize = 3;

    fn add(&mut self, month: Month, partition: &TopicPartition, reject: &Reject) {
        *self.by_month.entry(month).or_default() += 1;
        let oldest = self.newest.last().map(|(received, ..)| *received);
        if self.newest.len() == Self::COORDINATES_MAX && oldest >= Some(reject.received) {
            return;
        }
        self.rule.clone_from(&reject.rule);
        let at = (reject.received, partition.clone(), reject.position);
        let place = self.newest.partition_point(|known| *known > at);
        self.newest.insert(place, at);
        self.newest.truncate(Self::COORDINATES_MAX);
    }
}

impl RejectCounts {
    /// Counts a reject of a partner, as the chain of a partition names it.
    pub(crate) fn add(
        &mut self,
        feed: Feed,
        partner: &str,
        partition: &TopicPartition,
        reject: &Reject,
    ) {
        let month = self.calendar.at(reject.received).month;
        let key = RefusalKey {
            partner: partner.to_owned(),
            feed,
            reason: reject.reason.clone(),
            pointer: reject.pointer.clone(),
            kind: reject.kind.clone(),
        };
        let refusal = self.by_reason.entry(key).or_default();
        refusal.add(month, partition, reject);
    }

    /// The rejects of each sort.
    pub(crate) fn by_reason(&self) -> impl Iterator<Item = (&RefusalKey, &Refusal)> {
        self.by_reason.iter()
    }
}
