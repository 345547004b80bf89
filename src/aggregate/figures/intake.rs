//! How the ledger took in what partners sent: rejects by month, and the totals of each partition.

use std::collections::BTreeMap;

use crate::aggregate::state::calendar::Calendar;
use crate::event::{Feed, Micros, Month, TopicPartition};

/// What the ledger's files report beside their records.
#[derive(Default)]
pub(crate) struct Intake {
    pub(crate) rejects: RejectCounts,
    pub(crate) partitions: Vec<PartitionTotals>,
}

/// Records read from a partition, by their outcome.
pub(crate) struct PartitionTotals {
    pub(crate) partition: TopicPartition,
    pub(crate) records: i64,
    pub(crate) accepted: i64,
    pub(crate) rejected: i64,
}

/// Partner, feed and kind of rejects; no kind = the event did not give one.
pub(crate) type RejectKey = (String, &'static str, Option<String>);

/// Rejects whose partner is known, by the month they were received.
#[derive(Default)]
pub(crate) struct RejectCounts {
    calendar: Calendar,
    by_month: BTreeMap<(RejectKey, Month), i64>,
}

impl RejectCounts {
    pub(crate) fn add(&mut self, feed: Feed, partner: &str, kind: Option<&str>, received: Micros) {
        let month = self.calendar.at(received).month;
        let key = (partner.to_owned(), feed.as_str(), kind.map(str::to_owned));
        *self.by_month.entry((key, month)).or_default() += 1;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RejectKey, Month, i64)> {
        self.by_month
            .iter()
            .map(|((key, month), count)| (key, *month, *count))
    }
}
