//! Totals that a partner sent, each of a period of its own.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::aggregate::figures::counts::code_sums::counts_by_series;
use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::series::PlanSeries;
use crate::aggregate::state::bounded_count::{BoundedCount, CountReason};
use crate::aggregate::state::current::{Count, Unit};
use crate::event::Month;
use crate::reference::geography::Level;

/// Series, area, and how many months a period has.
type PeriodKey = (u32, u32, u16);

/// A total that was not sent.
const NOT_SENT: BoundedCount = BoundedCount::not_supplied(CountReason::NotReceived);

/// Months whose totals are of periods that do not fit into them.
pub(crate) const NOT_FITTING: BoundedCount =
    BoundedCount::not_supplied(CountReason::NoTotalForWindow);

/// Totals by series, area and period.
#[derive(Default)]
pub(super) struct PartnerTotals {
    counts: BTreeMap<PeriodKey, BTreeMap<Month, BoundedCount>>,
    /// Lengths of periods, longest first.
    lengths: Vec<u16>,
    is_snapshot: bool,
}

/// In how many districts a total was sent, by its period.
type DistrictsSent = BTreeMap<(PeriodKey, Month), usize>;

impl PartnerTotals {
    pub(super) fn new(
        figures: &Figures<'_>,
        plan_series: &PlanSeries<'_>,
        kind: usize,
        series: &[u32],
    ) -> Self {
        let sent = figures.current.counts.iter();
        let sent = sent.filter(|count| usize::from(count.partner_kind) == kind);
        let mut totals = Self {
            is_snapshot: sent.into_iter().any(|count| count.is_snapshot),
            ..Self::default()
        };
        let mut undivided: Vec<&Count> = undivided_totals(figures, kind).collect();
        let unit = summed_unit(figures, kind);
        undivided.sort_by_key(|count| (Some(count.unit) != unit, count.unit));
        let mut by_period: BTreeMap<(u32, Month, u16), Vec<&Count>> = BTreeMap::new();
        for count in undivided {
            by_period
                .entry((count.area, count.first, count.months))
                .or_default()
                .push(count);
        }
        let mut districts = DistrictsSent::new();
        for ((area, first, months), counts) in by_period {
            for (of, count) in counts_by_series(figures, plan_series, unit, &counts) {
                if let Ok(series) = series.binary_search(&of) {
                    let period = (series as u32, first, months);
                    totals.add(figures, kind, area, period, count, &mut districts);
                }
            }
            totals.lengths.push(months);
        }
        totals.mark_incomplete_sets(figures, kind, &districts);
        totals.lengths.sort_unstable_by(|a, b| b.cmp(a));
        totals.lengths.dedup();
        totals
    }

    /// Adds the count of an area as sent, wherever it counts.
    fn add(
        &mut self,
        figures: &Figures<'_>,
        kind: usize,
        sent_area: u32,
        (series, first, months): (u32, Month, u16),
        count: BoundedCount,
        districts: &mut DistrictsSent,
    ) {
        let is_district = figures.current.sent(sent_area).level == Level::District.as_str();
        for target in figures.areas.targets(kind, sent_area) {
            let Ok(area) = figures.areas.by_kind[kind].binary_search(target) else {
                continue;
            };
            let key = (series, area as u32, months);
            self.counts
                .entry(key)
                .or_default()
                .entry(first)
                .and_modify(|sum| *sum = sum.plus(count))
                .or_insert(count);
            if is_district {
                *districts.entry((key, first)).or_default() += 1;
            }
        }
    }

    /// The total of a set of districts has a lower bound only, unless every district sent one.
    fn mark_incomplete_sets(
        &mut self,
        figures: &Figures<'_>,
        kind: usize,
        districts: &DistrictsSent,
    ) {
        for ((key, first), sent) in districts {
            let area = figures.areas.by_kind[kind][key.1 as usize];
            let area = &figures.areas.sorted[area as usize];
            let geography = &figures.settings.reference.geography;
            let is_incomplete = geography
                .district_count(&area.code)
                .is_some_and(|all| *sent < all);
            if is_incomplete
                && let Some(sum) = self
                    .counts
                    .get_mut(key)
                    .and_then(|periods| periods.get_mut(first))
            {
                *sum = sum.plus(NOT_SENT);
            }
        }
    }

    pub(super) fn count(
        &self,
        series: u32,
        area: u32,
        first: Month,
        months: u16,
    ) -> Option<BoundedCount> {
        self.lengths
            .iter()
            .find_map(|length| self.tiled(series, area, (first, months), *length))
    }

    /// The sum of periods of one length that tile a span of months. A missing period was not
    /// supplied, or only as parts of other periods.
    fn tiled(
        &self,
        series: u32,
        area: u32,
        (first, months): (Month, u16),
        length: u16,
    ) -> Option<BoundedCount> {
        let periods = self.counts.get(&(series, area, length))?;
        if !months.is_multiple_of(length) || (self.is_snapshot && months != length) {
            return None;
        }
        let starts = (0..months / length).map(|i| first.plus(i32::from(i * length)));
        let parts: Vec<(Month, Option<BoundedCount>)> = starts
            .map(|start| (start, periods.get(&start).copied()))
            .collect();
        parts.iter().any(|(_, part)| part.is_some()).then_some(())?;
        BoundedCount::sum(parts.into_iter().map(|(start, part)| match part {
            Some(part) => part,
            None if self.is_any_within(series, area, (start, length)) => NOT_FITTING,
            None => NOT_SENT,
        }))
    }

    /// Whether a period of any length has a month of a span.
    fn is_any_within(&self, series: u32, area: u32, (first, months): (Month, u16)) -> bool {
        let end = first.plus(i32::from(months));
        self.lengths.iter().any(|length| {
            let begins = first.plus(1 - i32::from(*length))..end;
            let periods = self.counts.get(&(series, area, *length));
            periods.is_some_and(|periods| periods.range(begins).next().is_some())
        })
    }
}

/// The totals of a partner's kind that are not subsets.
fn undivided_totals<'f>(figures: &Figures<'f>, kind: usize) -> impl Iterator<Item = &'f Count> {
    let (first, sent) = (figures.first, figures.current.counts.iter());
    let of_kind = sent.filter(move |count| usize::from(count.partner_kind) == kind);
    of_kind.filter(move |count| count.part.is_none() && count.first >= first)
}

/// The unit that the totals of a partner's kind are summed in, since units are never added: the
/// one that most of them have.
pub(crate) fn summed_unit(figures: &Figures<'_>, kind: usize) -> Option<Unit> {
    let mut totals: BTreeMap<Unit, usize> = BTreeMap::new();
    for count in undivided_totals(figures, kind).filter(|count| count.unit != Unit::Other) {
        *totals.entry(count.unit).or_default() += 1;
    }
    totals
        .into_iter()
        .max_by_key(|(unit, count)| (*count, Reverse(*unit)))
        .map(|(unit, _)| unit)
}
