//! Records counted by area, series, a further key and month.

use std::ops::Range;

use crate::aggregate::figures::periods::{Figures, KindMonths};
use crate::aggregate::state::bounded_count::{CountReason, Supply};
use crate::aggregate::state::current::Fact;
use crate::event::Month;

/// Counts of facts by area, series, a further key and month. Each fact counts in every area and
/// series that it is in.
pub(crate) struct RecordTally {
    first: Month,
    months: usize,
    series: usize,
    keys: usize,
    counts: Vec<u32>,
}

/// The series that facts count in.
pub(crate) struct TalliedSeries<'t, S> {
    /// The number of series.
    pub(crate) len: usize,
    /// The series of each class, below this number.
    pub(crate) of_class: &'t [S],
    /// The class of each fact, in the order of the facts.
    pub(crate) classes: &'t [u32],
}

/// The further key of a fact; `None` = the fact is not counted.
pub(crate) type KeyOf<'f> = &'f dyn Fn(&Fact) -> Option<usize>;

impl RecordTally {
    /// Counts the facts of a partner's kind, in the months it has.
    ///
    /// `key_of` gives the further key of a fact, below the number of keys, or none if the fact is not
    /// counted.
    pub(crate) fn new<S: AsRef<[u32]>>(
        figures: &Figures<'_>,
        kind: usize,
        months: &KindMonths,
        series: &TalliedSeries<'_, S>,
        (keys, key_of): (usize, KeyOf<'_>),
    ) -> Self {
        let (areas, len) = (&figures.areas.by_kind[kind], months.len());
        let width = series.len * keys * len;
        let mut counts = vec![0; areas.len() * width];
        let mut in_area = vec![0_u32; width];
        // The places in `in_area` that are not 0: few, in a small area.
        let mut counted = Vec::new();
        let mut classes = series.classes.iter();
        for facts in figures.facts(kind).chunk_by(|a, b| a.area == b.area) {
            for (fact, class) in facts.iter().zip(classes.by_ref()) {
                let series = series.of_class[*class as usize].as_ref();
                // Most records are in none of the series: look no further.
                if series.is_empty() || fact.month < months.first {
                    continue;
                }
                let Some(key) = key_of(fact) else { continue };
                let month = fact.month.since(months.first);
                for series in series {
                    let place = (*series as usize * keys + key) * len + month;
                    if in_area[place] == 0 {
                        counted.push(place);
                    }
                    in_area[place] += 1;
                }
            }
            for target in figures.areas.targets(kind, facts[0].area) {
                let Ok(area) = areas.binary_search(target) else {
                    continue;
                };
                let sums = &mut counts[area * width..][..width];
                for place in &counted {
                    sums[*place] += in_area[*place];
                }
            }
            for place in counted.drain(..) {
                in_area[place] = 0;
            }
        }
        Self {
            first: months.first,
            months: len,
            series: series.len,
            keys,
            counts,
        }
    }

    /// The part of a span of months that has counts, as indexes; none = no part.
    pub(crate) fn range(&self, first: Month, months: u16) -> Option<Range<usize>> {
        let offset = first.minus(self.first);
        let from = offset.max(0) as usize;
        let to = (offset + i32::from(months)).clamp(0, self.months as i32) as usize;
        (from < to).then_some(from..to)
    }

    /// The sum over a range of months ([`Self::range`]).
    pub(crate) fn sum(
        &self,
        area: usize,
        series: usize,
        key: usize,
        Range { start, end }: Range<usize>,
    ) -> i64 {
        let row = ((area * self.series + series) * self.keys + key) * self.months;
        self.counts[row + start..row + end]
            .iter()
            .map(|count| i64::from(*count))
            .sum()
    }
}

/// The supply over a span of months, given the range of it that has counts: partial where the
/// range is not all of the span.
pub(crate) fn supply_over(by_month: &[Supply], range: Range<usize>, months: u16) -> Option<Supply> {
    let is_covered = range.len() == usize::from(months);
    let supply = by_month[range].iter().copied().reduce(Supply::and)?;
    Some(if is_covered {
        supply
    } else {
        supply.and(Supply::Missing(CountReason::NotReceived))
    })
}
