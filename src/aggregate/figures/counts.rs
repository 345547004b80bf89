//! The counts of one partner's kind: any series, area and window.
//!
//! Records are counted by month, so that a window is a sum of months. Totals that a partner sent
//! cover their own period: a window is filled only by periods that tile it, never pro rata. Units
//! are never added.

mod code_sums;
mod record_tally;
mod totals;

use crate::aggregate::figures::areas::Coverage;
use crate::aggregate::figures::periods::{Figures, KindMonths};
use crate::aggregate::figures::series::PlanSeries;
use crate::aggregate::state::bounded_count::{BoundedCount, Supply};
use crate::aggregate::state::source_set::SourceSet;
use crate::event::Month;
pub(crate) use record_tally::{RecordTally, TalliedSeries, supply_over};
use totals::PartnerTotals;
pub(crate) use totals::{NOT_FITTING, summed_unit};

/// Counts by series, area and month.
pub(crate) struct KindCounts {
    /// Indexes of [`PlanSeries::keys`], in order.
    pub(crate) series: Vec<u32>,
    basis: CountBasis,
}

/// What a partner's kind consists of.
enum CountBasis {
    Records(RecordCounts),
    Totals(PartnerTotals),
}

impl KindCounts {
    /// Counts what a partner's kind sent.
    pub(crate) fn new(
        figures: &Figures<'_>,
        plan_series: &PlanSeries<'_>,
        kind: usize,
        months: &KindMonths,
    ) -> Self {
        let series: Vec<u32> = plan_series.by_kind[kind]
            .iter()
            .map(|(series, _)| *series)
            .collect();
        let basis = if figures.current.partner_kinds[kind].is_count() {
            CountBasis::Totals(PartnerTotals::new(figures, plan_series, kind, &series))
        } else {
            CountBasis::Records(RecordCounts::new(figures, plan_series, kind, months))
        };
        Self { series, basis }
    }

    /// The index of a series in these counts.
    pub(crate) fn index(&self, series: u32) -> Option<usize> {
        self.series.binary_search(&series).ok()
    }

    /// The count of a series in an area over a span of months; none = these counts cannot fill the
    /// span.
    pub(crate) fn count(
        &self,
        series: usize,
        area: usize,
        first: Month,
        months: u16,
    ) -> Option<BoundedCount> {
        match &self.basis {
            CountBasis::Records(records) => records.count(series, area, first, months),
            CountBasis::Totals(totals) => totals.count(series as u32, area as u32, first, months),
        }
    }
}

/// Records by series, area and month.
struct RecordCounts {
    tally: RecordTally,
    /// Further records that may count, since a code of theirs is unknown; none = there are none.
    possible: Option<RecordTally>,
    /// For each series, by month.
    supply: Vec<Vec<Supply>>,
    /// By area.
    coverage: Vec<Coverage>,
}

impl RecordCounts {
    fn new(
        figures: &Figures<'_>,
        plan_series: &PlanSeries<'_>,
        kind: usize,
        months: &KindMonths,
    ) -> Self {
        let own = &plan_series.by_kind[kind];
        let tally = |by_class: &[Vec<u32>]| {
            let series_of_class: Vec<Vec<u32>> = by_class
                .iter()
                .map(|series| {
                    let series = series.iter();
                    series.filter_map(|series| index_in(own, *series)).collect()
                })
                .collect();
            RecordTally::new(
                figures,
                kind,
                months,
                &TalliedSeries {
                    len: own.len(),
                    of_class: &series_of_class,
                    classes: plan_series.classes_of(figures.current, kind),
                },
                (1, &|_| Some(0)),
            )
        };
        let supply = own.iter().map(|(_, can_show)| months.supply(*can_show));
        Self {
            tally: tally(&plan_series.by_class),
            possible: has_unknown_codes(figures, kind)
                .then(|| tally(&plan_series.possible_by_class)),
            supply: supply.collect(),
            coverage: figures.areas.coverage[kind].clone(),
        }
    }

    fn count(&self, series: usize, area: usize, first: Month, months: u16) -> Option<BoundedCount> {
        let range = self.tally.range(first, months)?;
        let supply = supply_over(&self.supply[series], range.clone(), months)?;
        let supply = self.coverage[area].limit(supply);
        let count = self.tally.sum(area, series, 0, range.clone());
        let more = self
            .possible
            .as_ref()
            .map_or(0, |tally| tally.sum(area, series, 0, range));
        Some(BoundedCount::counted(count, supply).and_possibly(more))
    }
}

/// Whether any record of a partner's kind has an unknown code.
fn has_unknown_codes(figures: &Figures<'_>, kind: usize) -> bool {
    let mut what = figures.current.what.iter();
    what.any(|what| what.partner_kind as usize == kind && what.has_unknown_code())
}

fn index_in(own: &[(u32, SourceSet)], series: u32) -> Option<u32> {
    own.binary_search_by_key(&series, |(own, _)| *own)
        .ok()
        .map(|index| index as u32)
}
