//! How a partner's totals by code add up to series, in one area and period.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::series::{PlanSeries, SeriesKey};
use crate::aggregate::state::bounded_count::{BoundedCount, CountReason, Supply};
use crate::aggregate::state::current::{Category, Count, Current, Unit};
use crate::reference::codes::CodeLists;
use crate::reference::pattern;

/// The total of one combination of codes.
struct CodeTotal<'f> {
    unit: Unit,
    codes: &'f [u32],
    /// Its series under the plan, as indexes of [`PlanSeries::keys`].
    series: &'f [u32],
    /// Further series that it may belong to, since its code is unknown.
    possible_series: &'f [u32],
    count: BoundedCount,
}

impl CodeTotal<'_> {
    /// What it contributes to a series of the plan; none = nothing.
    fn count_in(&self, series: u32) -> Option<BoundedCount> {
        if self.series.contains(&series) {
            return Some(self.count);
        }
        let is_possible = self.possible_series.contains(&series);
        is_possible.then(|| BoundedCount::between(0, self.count.max()))
    }

    /// Its first code.
    fn category<'c>(&self, current: &'c Current) -> Option<&'c Category> {
        self.codes
            .first()
            .map(|code| &current.categories[*code as usize])
    }
}

/// The counts of all series, from the totals of one area and period, those of the unit that is
/// summed first. A code that was sent in several units counts in the first of them only.
pub(super) fn counts_by_series(
    figures: &Figures<'_>,
    plan_series: &PlanSeries<'_>,
    summed: Option<Unit>,
    counts: &[&Count],
) -> BTreeMap<u32, BoundedCount> {
    let current = figures.current;
    let totals = totals_by_codes(current, plan_series, counts);
    let sums = CodeSums::new(
        figures,
        totals
            .iter()
            .filter(|total| Some(total.unit) == summed)
            .collect(),
    );
    let mut by_code: BTreeMap<u32, Vec<BoundedCount>> = BTreeMap::new();
    for total in &totals {
        for code in total.codes {
            let category = &current.categories[*code as usize];
            if (Some(total.unit) == summed || category.kind == "category")
                && let Some(series) = plan_series.index(&SeriesKey::from_category(category))
            {
                by_code.entry(series).or_default().push(total.count);
            }
        }
    }
    let mut by_series: BTreeMap<u32, BoundedCount> = by_code
        .into_iter()
        .filter_map(|(series, counts)| Some((series, sums.of_code(counts)?)))
        .collect();
    if let Some(whole) = sums.whole {
        by_series.extend(sums.of_plan(plan_series, whole));
    }
    by_series
}

/// The total of each combination of codes, in the first of its units.
fn totals_by_codes<'f>(
    current: &'f Current,
    plan_series: &'f PlanSeries<'_>,
    counts: &[&Count],
) -> Vec<CodeTotal<'f>> {
    let mut totals: BTreeMap<&[u32], CodeTotal<'f>> = BTreeMap::new();
    for count in counts {
        let class = plan_series.class(current, count.profile);
        let codes = &*current.what[current.classes[class as usize].what as usize].codes;
        match totals.entry(codes) {
            Entry::Vacant(first) => {
                first.insert(CodeTotal {
                    unit: count.unit,
                    codes,
                    series: &plan_series.by_class[class as usize],
                    possible_series: &plan_series.possible_by_class[class as usize],
                    count: count.block,
                });
            }
            Entry::Occupied(mut total) if total.get().unit == count.unit => {
                total.get_mut().count = total.get().count.plus(count.block);
            }
            Entry::Occupied(_) => {}
        }
    }
    totals.into_values().collect()
}

/// Exactly 0.
const ZERO: BoundedCount = BoundedCount::counted(0, Supply::Complete);
/// The list has no code for the series.
const NOT_LISTED: BoundedCount = BoundedCount::not_supplied(CountReason::CannotShow);

/// How the codes of one list, area and period add up.
struct CodeSums<'f> {
    /// Codes that count households or events, not bases.
    parts: Vec<&'f CodeTotal<'f>>,
    is_exclusive: bool,
    /// All that was counted; none = nothing was in the unit that is summed.
    whole: Option<BoundedCount>,
    /// How many have any of the codes, where one may have several.
    base: Option<BoundedCount>,
}

impl<'f> CodeSums<'f> {
    fn new(figures: &Figures<'_>, totals: Vec<&'f CodeTotal<'f>>) -> Self {
        let (current, lists) = (figures.current, &figures.settings.reference.codes);
        let scheme = totals
            .iter()
            .find_map(|total| total.category(current))
            .map_or("", |category| &*category.scheme);
        let whole = sum_where(current, &totals, |code| lists.is_total(scheme, code));
        let base = sum_where(current, &totals, |code| lists.is_base(scheme, code)).or(whole);
        let parts = totals
            .into_iter()
            .filter(|total| !is_base_or_total(lists, scheme, total.category(current)))
            .collect();
        let mut sums = Self {
            parts,
            is_exclusive: lists.is_exclusive(scheme),
            whole,
            base,
        };
        sums.whole = whole.or_else(|| sums.add(sums.parts.iter().map(|part| part.count)));
        sums
    }

    /// Codes of an exclusive list add up; those of another overlap.
    fn add(&self, counts: impl IntoIterator<Item = BoundedCount>) -> Option<BoundedCount> {
        if self.is_exclusive {
            BoundedCount::sum(counts)
        } else {
            BoundedCount::overlapping(counts, self.base)
        }
    }

    /// A code counts as it was sent. A group has as many counts as codes of it were sent.
    fn of_code(&self, counts: Vec<BoundedCount>) -> Option<BoundedCount> {
        match counts[..] {
            [one] => Some(one),
            _ => self.add(counts),
        }
    }

    /// The counts of the plan's series and the total.
    fn of_plan(
        &self,
        plan_series: &PlanSeries<'_>,
        whole: BoundedCount,
    ) -> Vec<(u32, BoundedCount)> {
        (0_u32..)
            .zip(&plan_series.keys)
            .filter(|(_, key)| key.is_of_plan())
            .map(|(series, key)| {
                let count = match key.kind {
                    "total" => whole,
                    "mapped" => self.of_series(series).unwrap_or(ZERO),
                    "unmapped" => self.unmapped(plan_series, series, whole),
                    // The list has no code for it, so it cannot show it.
                    _ => self.of_series(series).unwrap_or(NOT_LISTED),
                };
                (series, count)
            })
            .collect()
    }

    fn of_series(&self, series: u32) -> Option<BoundedCount> {
        let parts = self.parts.iter();
        self.add(parts.filter_map(|part| part.count_in(series)))
    }

    fn unmapped(
        &self,
        plan_series: &PlanSeries<'_>,
        unmapped: u32,
        whole: BoundedCount,
    ) -> BoundedCount {
        if self.is_exclusive {
            return self.of_series(unmapped).unwrap_or(ZERO);
        }
        plan_series
            .index(&SeriesKey::mapped())
            .and_then(|mapped| self.of_series(mapped))
            .map_or(whole, |mapped| whole.minus(mapped))
    }
}

/// The sum of the totals whose first code passes a test.
fn sum_where(
    current: &Current,
    totals: &[&CodeTotal<'_>],
    test: impl Fn(&str) -> bool,
) -> Option<BoundedCount> {
    BoundedCount::sum(
        totals
            .iter()
            .filter(|total| {
                total
                    .category(current)
                    .is_some_and(|category| test(&category.code))
            })
            .map(|total| total.count),
    )
}

fn is_base_or_total(lists: &CodeLists, scheme: &str, category: Option<&Category>) -> bool {
    category.is_some_and(|category| {
        pattern::is_base(&category.code) || lists.is_total(scheme, &category.code)
    })
}
