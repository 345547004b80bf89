//! Months in which the records of one area are missing, though its partner sent others.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::aggregate::figures::areas::Areas;
use crate::aggregate::figures::status::MedianComparison;
use crate::aggregate::state::current::Current;
use crate::event::Month;

/// For each partner and kind, the areas with such months.
#[derive(Default)]
pub(crate) struct AreaGaps(Vec<HashMap<u32, BTreeSet<Month>>>);

impl AreaGaps {
    /// Compares each month of an area with the months around it, in all areas that have rows where
    /// nothing was counted; `records` are those of each partner and kind by month.
    pub(crate) fn new<'r>(
        current: &Current,
        areas: &Areas,
        records: impl Iterator<Item = Option<&'r BTreeMap<Month, i64>>>,
    ) -> Self {
        let gaps = records.enumerate().map(|(kind, records)| {
            records.map_or_else(HashMap::new, |records| {
                gaps_of_kind(current, areas, kind, records)
            })
        });
        Self(gaps.collect())
    }

    /// The months in which records of an area are missing; none = no month.
    pub(crate) fn months(&self, kind: u32, area: u32) -> Option<&BTreeSet<Month>> {
        self.0.get(kind as usize)?.get(&area)
    }

    /// Whether records of an area are missing from any month of a span.
    pub(crate) fn any(&self, kind: u32, area: u32, first: Month, months: u16) -> bool {
        self.months(kind, area).is_some_and(|gaps| {
            gaps.range(first..first.plus(i32::from(months)))
                .next()
                .is_some()
        })
    }
}

fn gaps_of_kind(
    current: &Current,
    areas: &Areas,
    kind: usize,
    sent: &BTreeMap<Month, i64>,
) -> HashMap<u32, BTreeSet<Month>> {
    let mut gaps = HashMap::new();
    for (area, records) in records_by_area(current, areas, kind, sent) {
        let is_large = matches!(&*areas.sorted[area as usize].level, "district" | "set");
        let is_gap = |month: &Month| {
            let comparison = MedianComparison::new(&records, *month);
            comparison.is_some_and(|comparison| comparison.is_gap(is_large))
        };
        let missing: BTreeSet<Month> = sent.keys().copied().filter(is_gap).collect();
        if !missing.is_empty() {
            gaps.insert(area, missing);
        }
    }
    gaps
}

/// The records of each area, by month.
fn records_by_area(
    current: &Current,
    areas: &Areas,
    kind: usize,
    sent: &BTreeMap<Month, i64>,
) -> BTreeMap<u32, BTreeMap<Month, i64>> {
    let mut by_area: BTreeMap<u32, BTreeMap<Month, i64>> = BTreeMap::new();
    for facts in current.facts_of(kind).chunk_by(|a, b| a.area == b.area) {
        let by_month: Vec<(Month, i64)> = facts
            .chunk_by(|a, b| a.month == b.month)
            .map(|facts| (facts[0].month, facts.len() as i64))
            .filter(|(month, _)| sent.contains_key(month))
            .collect();
        for target in areas.targets(kind, facts[0].area) {
            let key = &areas.sorted[*target as usize];
            if key.is_pseudo() || key.is_sparse() {
                continue;
            }
            let sums = by_area.entry(*target).or_default();
            for (month, records) in &by_month {
                *sums.entry(*month).or_default() += records;
            }
        }
    }
    by_area
}
