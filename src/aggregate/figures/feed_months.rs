//! The months of every partner's kind as its feed delivered them: records, late ones, rejects.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::figures::intake::Intake;
use crate::aggregate::figures::periods::{Figures, KindMonths};
use crate::aggregate::figures::status::{DataStatus, MedianComparison};
use crate::aggregate::state::current::Quality;
use crate::event::Month;

/// A month of a partner's kind.
pub(crate) struct FeedMonth {
    pub(crate) partner: String,
    pub(crate) feed: &'static str,
    /// None = rejects that did not give their kind.
    pub(crate) kind: Option<String>,
    /// The index of the partner's kind, if it sent a record.
    pub(crate) partner_kind: Option<usize>,
    pub(crate) month: Month,
    pub(crate) quality: Quality,
    pub(crate) rejected: i64,
    pub(crate) comparison: Option<MedianComparison>,
    pub(crate) status: Option<DataStatus>,
}

/// What arrived from a partner's kind, by month.
#[derive(Default)]
struct KindDeliveries {
    /// The index of the partner's kind, if it sent a record.
    partner_kind: Option<usize>,
    quality: BTreeMap<Month, Quality>,
    rejected: BTreeMap<Month, i64>,
}

/// The months of every partner's kind: from the first with a record to the last that any has, and
/// those with a reject.
pub(crate) fn feed_months(figures: &Figures<'_>, intake: &Intake) -> Vec<FeedMonth> {
    deliveries(figures, intake)
        .iter()
        .flat_map(|(key, deliveries)| months_of_kind(figures, key, deliveries))
        .collect()
}

/// Partner, feed and kind; no kind = rejects whose event did not give one.
type KindKey = (String, &'static str, Option<String>);

fn deliveries(figures: &Figures<'_>, intake: &Intake) -> BTreeMap<KindKey, KindDeliveries> {
    let current = figures.current;
    let mut by_kind: BTreeMap<KindKey, KindDeliveries> = BTreeMap::new();
    for ((index, month), quality) in &current.quality {
        let kind = &current.partner_kinds[*index as usize];
        let key = (
            kind.partner.clone(),
            kind.feed.as_str(),
            Some(kind.kind.clone()),
        );
        let deliveries = by_kind.entry(key).or_default();
        deliveries.partner_kind = Some(*index as usize);
        deliveries.quality.insert(*month, *quality);
    }
    for (key, refusal) in intake.rejects.by_reason() {
        let key = (key.partner.clone(), key.feed.as_str(), key.kind.clone());
        let deliveries = by_kind.entry(key).or_default();
        for (month, count) in &refusal.by_month {
            *deliveries.rejected.entry(*month).or_default() += *count as i64;
        }
    }
    by_kind
}

fn months_of_kind(
    figures: &Figures<'_>,
    (partner, feed, kind): &KindKey,
    deliveries: &KindDeliveries,
) -> Vec<FeedMonth> {
    let is_count = deliveries
        .partner_kind
        .is_some_and(|kind| figures.current.partner_kinds[kind].is_count());
    let months = deliveries
        .partner_kind
        .and_then(|kind| figures.months[kind].as_ref());
    let delivered = deliveries.quality.keys().chain(deliveries.rejected.keys());
    let mut shown: BTreeSet<Month> = delivered.copied().collect();
    if let Some(months) = months
        && !is_count
    {
        // Totals have periods: no month between them is expected.
        shown.extend((0..months.len() as i32).map(|i| months.first.plus(i)));
    }
    shown
        .into_iter()
        .map(|month| FeedMonth {
            partner: partner.clone(),
            feed,
            kind: kind.clone(),
            partner_kind: deliveries.partner_kind,
            month,
            quality: deliveries.quality.get(&month).copied().unwrap_or_default(),
            rejected: deliveries.rejected.get(&month).copied().unwrap_or_default(),
            comparison: months
                .filter(|_| !is_count)
                .and_then(|months| compared(months, month)),
            status: months.and_then(|months| months.status(month)),
        })
        .collect()
}

/// A month compared with the months around it; none = before the first or not kept, or too few have
/// records.
fn compared(months: &KindMonths, month: Month) -> Option<MedianComparison> {
    months
        .status(month)
        .filter(|status| *status != DataStatus::NotKept)?;
    MedianComparison::new(&months.records, month)
}
