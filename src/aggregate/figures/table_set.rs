//! The figures of one folder of tables: all months under one plan, or each month under the plan in
//! force.
//!
//! A table's rows follow the plans, and under each plan the order of the keys. A row has its keys
//! as indexes, so that a table adds only what it shows beside them.

use crate::aggregate::PlanChoice;
use crate::aggregate::figures::areas::{ALL_RECEIVED, AreaKey, Coverage};
use crate::aggregate::figures::counts::{KindCounts, RecordTally, TalliedSeries};
use crate::aggregate::figures::intake::Intake;
use crate::aggregate::figures::periods::{Figures, KindMonths};
use crate::aggregate::figures::series::{PlanSeries, SeriesKey};
use crate::aggregate::figures::status::DataStatus;
use crate::aggregate::state::bounded_count::BoundedCount;
use crate::aggregate::state::current::{Fact, PartnerKind};
use crate::aggregate::state::source_set::SourceSet;
use crate::event::Month;
use crate::reference::Break;
use crate::reference::geography::Level;
#[cfg(doc)]
use crate::reference::geography::Scope;
use crate::reference::plan::Plan;
use crate::reference::windows::Window;

/// What the tables of a folder are built from.
pub(crate) struct TableSet<'f> {
    pub(crate) figures: &'f Figures<'f>,
    pub(crate) intake: &'f Intake,
    pub(crate) plans: Vec<PlanCounts<'f>>,
    /// The figures of the same folder at the earlier time to compare with.
    pub(crate) before: Option<&'f TableSet<'f>>,
    /// The plan, where all months are under one.
    only_plan: Option<&'f Plan>,
}

/// The counts under a plan, or under none, and the windows they are shown for.
pub(crate) struct PlanCounts<'f> {
    pub(crate) series: PlanSeries<'f>,
    /// By partner and kind.
    kinds: Vec<Option<KindCounts>>,
    /// Indexes of [`Figures::windows`].
    windows: Vec<u32>,
    /// The number of its first series: series are numbered through all plans.
    pub(crate) first_series: u32,
    /// The boundaries of the wards that are compared.
    compared_wards: Option<String>,
}

/// The keys of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowKey {
    /// The number of the series, through all plans of the table set.
    pub(crate) series: u32,
    /// Index of [`Current::partner_kinds`](crate::aggregate::state::current::Current).
    pub(crate) kind: u32,
    /// Index of [`Areas::sorted`](crate::aggregate::figures::areas::Areas).
    pub(crate) area: u32,
    /// Index of [`Figures::windows`].
    pub(crate) window: u32,
}

/// A row of a table of counts: its keys, its count, and what its table shows beside them.
pub(crate) struct CountRow<D> {
    pub(crate) key: RowKey,
    pub(crate) count: BoundedCount,
    pub(crate) detail: D,
}

/// One series of one partner's kind, in all its areas.
#[derive(Clone)]
pub(crate) struct SeriesCounts<'f> {
    pub(crate) plan: &'f PlanCounts<'f>,
    pub(crate) key: &'f SeriesKey,
    /// Its number through all plans of the table set.
    number: u32,
    pub(crate) kind: usize,
    counts: &'f KindCounts,
    /// Its index in `counts`.
    index: usize,
    pub(crate) figures: &'f Figures<'f>,
}

/// An area in which a series of a partner's kind is counted.
#[derive(Clone, Copy)]
pub(crate) struct CountedArea<'f> {
    /// Its index among the areas of the partner's kind.
    pub(crate) index: usize,
    /// Its index among all areas, as in [`RowKey::area`].
    pub(crate) number: u32,
    pub(crate) key: &'f AreaKey,
}

impl<'f> TableSet<'f> {
    /// The figures of a folder.
    pub(crate) fn new(
        figures: &'f Figures<'f>,
        intake: &'f Intake,
        choice: PlanChoice<'f>,
    ) -> Self {
        let settings = figures.settings;
        let mut set = Self {
            figures,
            intake,
            plans: Vec::new(),
            before: None,
            only_plan: None,
        };
        match choice {
            PlanChoice::Plan(plan) | PlanChoice::PlanWithRecords(plan) => {
                set.only_plan = Some(plan);
                set.add(settings.wanted_index(plan), |_| true);
            }
            PlanChoice::InForce => {
                let in_force =
                    |window: &Window| settings.in_force_through(window.first, window.last());
                set.add(None, |window| in_force(window).is_none());
                for wanted in 0..settings.wanted.len() {
                    set.add(Some(wanted), |window| in_force(window) == Some(wanted));
                }
            }
        }
        set
    }

    /// Adds the counts under a plan, unless it has no window.
    fn add(&mut self, wanted: Option<usize>, is_under: impl Fn(&Window) -> bool) {
        let figures = self.figures;
        let windows: Vec<u32> = (0_u32..)
            .zip(&figures.windows)
            .filter(|(_, window)| is_under(window))
            .map(|(index, _)| index)
            .collect();
        if windows.is_empty() {
            return;
        }
        let series = PlanSeries::new(figures.current, figures.settings, wanted);
        let kinds =
            figures.months.iter().enumerate().map(|(kind, months)| {
                Some(KindCounts::new(figures, &series, kind, months.as_ref()?))
            });
        let kinds = kinds.collect();
        let first_series = self
            .plans
            .last()
            .map_or(0, |last| last.first_series + last.series.keys.len() as u32);
        self.plans.push(PlanCounts {
            series,
            kinds,
            windows,
            first_series,
            compared_wards: self.compared_wards(),
        });
    }

    /// The plans of the tables, in the order of their rows.
    pub(crate) fn plans(&self) -> impl Iterator<Item = &'f Plan> {
        self.plans.iter().filter_map(|counts| counts.series.plan)
    }

    /// The plan, where all months are under one.
    pub(crate) fn only_plan(&self) -> Option<&'f Plan> {
        self.only_plan
    }

    /// The boundaries of the wards that tables compare ([`Scope::compared_wards`]).
    fn compared_wards(&self) -> Option<String> {
        let last_year = self.only_plan.map(|plan| plan.valid_to.year());
        self.figures.scope.compared_wards(last_year)
    }

    /// The id of the plan, where all months are under one.
    pub(crate) fn plan_id(&self) -> Option<String> {
        self.only_plan.map(|plan| plan.id.clone())
    }

    /// Every series of every partner's kind, in the order of keys.
    pub(crate) fn series(&self) -> impl Iterator<Item = SeriesCounts<'_>> {
        self.plans
            .iter()
            .flat_map(|plan| (0..plan.series.keys.len() as u32).map(move |series| (plan, series)))
            .flat_map(move |(plan, series)| {
                let kinds = self.figures.order.iter();
                kinds.filter_map(move |kind| plan.series_of_kind(self.figures, series, *kind))
            })
    }

    /// A series of a partner's kind by their keys, under one of the plans.
    pub(crate) fn find(
        &self,
        plan: &'f PlanCounts<'f>,
        key: &SeriesKey,
        kind: &PartnerKind,
    ) -> Option<SeriesCounts<'f>> {
        let kinds = &self.figures.current.partner_kinds;
        let kind = kinds.iter().position(|known| known == kind)?;
        plan.series_of_kind(self.figures, plan.series.index(key)?, kind as u32)
    }

    /// The series that count records of their own, not totals that a partner sent.
    pub(crate) fn series_of_records(&self) -> impl Iterator<Item = SeriesCounts<'_>> {
        self.series().filter(|series| !series.is_of_totals())
    }

    /// The series whose counts are compared over time.
    pub(crate) fn compared_series(&self) -> impl Iterator<Item = SeriesCounts<'_>> {
        self.series().filter(|series| !series.key.is_use_of_feed())
    }

    /// The series whose counts are split by a further key: priorities, themes and totals.
    pub(crate) fn split_series(&self) -> impl Iterator<Item = SeriesCounts<'_>> {
        self.plan_series()
            .filter(|series| !series.key.is_use_of_feed())
    }

    /// The series of the plans and the totals, without the series of codes.
    pub(crate) fn plan_series(&self) -> impl Iterator<Item = SeriesCounts<'_>> {
        self.series().filter(|series| series.key.is_of_plan())
    }

    /// The plan and key of each series, by its number.
    pub(crate) fn series_keys(&self) -> impl Iterator<Item = (Option<&'f Plan>, &SeriesKey)> {
        self.plans.iter().flat_map(|counts| {
            let keys = counts.series.keys.iter();
            keys.map(|key| (counts.series.plan, key))
        })
    }
}

impl<'f> PlanCounts<'f> {
    /// The windows it is shown for.
    pub(crate) fn windows(&self, figures: &'f Figures<'f>) -> impl Iterator<Item = &'f Window> {
        let windows = self.windows.iter();
        windows.map(|index| &figures.windows[*index as usize])
    }

    /// Whether others are counts under the same plan.
    pub(crate) fn is_of_plan_of(&self, others: &PlanCounts<'_>) -> bool {
        let [own, other] = [self.series.plan, others.series.plan].map(|plan| plan.map(|p| &p.id));
        own == other
    }

    /// A series of a partner's kind; none = the kind has no rows for it.
    fn series_of_kind(
        &'f self,
        figures: &'f Figures<'f>,
        series: u32,
        kind: u32,
    ) -> Option<SeriesCounts<'f>> {
        let counts = self.kinds[kind as usize].as_ref()?;
        Some(SeriesCounts {
            plan: self,
            key: &self.series.keys[series as usize],
            number: self.first_series + series,
            kind: kind as usize,
            counts,
            index: counts.index(series)?,
            figures,
        })
    }
}

impl<'f> SeriesCounts<'f> {
    /// The areas of its partner's kind. If no source can show the series, only the plan's area and
    /// that of all records. How much of a feed the plan uses is counted in districts and larger
    /// areas.
    pub(crate) fn areas(&self) -> impl Iterator<Item = CountedArea<'f>> + use<'f> {
        let figures = self.figures;
        let is_shown = self.is_of_totals() || !self.sources().is_empty();
        let numbers = figures.areas.by_kind[self.kind].iter().enumerate();
        let areas = numbers.map(|(index, number)| CountedArea {
            index,
            number: *number,
            key: &figures.areas.sorted[*number as usize],
        });
        let is_use_of_feed = self.key.is_use_of_feed();
        areas.filter(move |area| {
            (is_shown || figures.says_not_shown(area.key))
                && !(is_use_of_feed && area.key.is_below_district())
        })
    }

    /// The areas whose counts are compared: without those that collect the records of no area, and
    /// with one set of wards ([`Scope::compared_wards`]).
    pub(crate) fn compared_areas(&self) -> impl Iterator<Item = CountedArea<'f>> + use<'f> {
        let wards = self.plan.compared_wards.as_ref();
        self.areas().filter(move |area| {
            let is_collected = area.key.is_pseudo() && area.key.level != ALL_RECEIVED;
            !is_collected
                && (area.key.level != Level::Ward.as_str() || area.key.vintage.as_ref() == wards)
        })
    }

    /// The areas whose counts are split by a further key: those compared, without the smallest.
    pub(crate) fn split_areas(&self) -> impl Iterator<Item = CountedArea<'f>> + use<'f> {
        self.compared_areas().filter(|area| !area.key.is_sparse())
    }

    /// Whether a count has a row. Single codes, and the smallest areas, have rows where something
    /// was or may have been counted. Where nothing was received, or is not covered, only the plan's
    /// area and that of all records have one.
    pub(crate) fn has_row(&self, area: CountedArea<'_>, count: BoundedCount) -> bool {
        if !area.key.is_sparse() && self.key.is_of_plan() {
            return true;
        }
        let is_stated = self.is_of_totals() || self.figures.says_not_shown(area.key);
        count.min + count.possible() > 0 || (is_stated && count.exact().is_none())
    }

    /// The windows that have a row in an area.
    pub(crate) fn shown_windows(
        &self,
        area: CountedArea<'_>,
    ) -> impl Iterator<Item = (u32, &'f Window)> {
        self.windows()
            .filter(move |(_, window)| self.shows(area, window))
    }

    /// Whether tables of windows have a row for an area and window. Below a district, months are only
    /// in the monthly tables; of single codes and of the smallest areas, quarters have no row either.
    pub(crate) fn shows(&self, area: CountedArea<'_>, window: &Window) -> bool {
        let is_below = area.key.is_below_district();
        let is_finest = area.key.is_sparse() || (is_below && !self.key.is_of_plan());
        !(is_below && window.is_month() || is_finest && window.is_quarter())
    }

    /// The windows it is shown for, with their indexes in [`Figures::windows`].
    pub(crate) fn windows(&self) -> impl Iterator<Item = (u32, &'f Window)> {
        let windows = &self.figures.windows;
        self.plan
            .windows
            .iter()
            .map(move |index| (*index, &windows[*index as usize]))
    }

    /// The keys of a row.
    pub(crate) const fn row_key(&self, area: CountedArea<'_>, window: u32) -> RowKey {
        RowKey {
            series: self.number,
            kind: self.kind as u32,
            area: area.number,
            window,
        }
    }

    /// Its partner and kind.
    pub(crate) fn partner_kind(&self) -> &'f PartnerKind {
        &self.figures.current.partner_kinds[self.kind]
    }

    /// Whether its partner sends totals, not records.
    pub(crate) fn is_of_totals(&self) -> bool {
        self.partner_kind().is_count()
    }

    /// The months of its partner's kind.
    pub(crate) fn months(&self) -> Option<&'f KindMonths> {
        self.figures.months[self.kind].as_ref()
    }

    /// The worst status of a span of months in an area.
    pub(crate) fn status(&self, area: CountedArea<'_>, first: Month, months: u16) -> DataStatus {
        self.figures
            .span_status(self.kind as u32, area.number, first, months)
    }

    /// Whether its partner's records can be in an area.
    pub(crate) fn coverage(&self, area: CountedArea<'_>) -> Coverage {
        self.figures.areas.coverage[self.kind][area.index]
    }

    /// The sources that can show it.
    pub(crate) fn sources(&self) -> SourceSet {
        self.plan.series.by_kind[self.kind][self.index].1
    }

    /// Its index among the series of its plan.
    pub(crate) const fn series(&self) -> u32 {
        self.number - self.plan.first_series
    }

    /// Its count in an area over a window.
    pub(crate) fn count(&self, area: CountedArea<'_>, window: &Window) -> Option<BoundedCount> {
        self.count_from(area, window.first, window.months)
    }

    /// Its count in an area over a span of months.
    pub(crate) fn count_from(
        &self,
        area: CountedArea<'_>,
        first: Month,
        months: u16,
    ) -> Option<BoundedCount> {
        self.counts.count(self.index, area.index, first, months)
    }

    /// Another series of the same plan, partner and kind.
    pub(crate) fn sibling(&self, series: u32) -> Option<Self> {
        self.plan
            .series_of_kind(self.figures, series, self.kind as u32)
    }

    /// Every series of the same plan, partner and kind.
    pub(crate) fn siblings(&self) -> impl Iterator<Item = Self> {
        let series = self.counts.series.iter();
        series.filter_map(|series| self.sibling(*series))
    }

    /// Counts its records by a further key, as the one series of the tally.
    pub(crate) fn tally(
        &self,
        months: &KindMonths,
        keys: usize,
        key_of: &dyn Fn(&Fact) -> Option<usize>,
    ) -> RecordTally {
        let plan_series = &self.plan.series;
        let of_class: Vec<&[u32]> = plan_series
            .by_class
            .iter()
            .map(|series| {
                if series.contains(&self.series()) {
                    &[0][..]
                } else {
                    &[]
                }
            })
            .collect();
        RecordTally::new(
            self.figures,
            self.kind,
            months,
            &TalliedSeries {
                len: 1,
                of_class: &of_class,
                classes: plan_series.classes_of(self.figures.current, self.kind),
            },
            (keys, key_of),
        )
    }

    /// The breaks in the series in an area.
    fn breaks_in(&self, area: &AreaKey) -> impl Iterator<Item = &'f Break> + use<'_, 'f> {
        let kind = self.partner_kind();
        let scheme = self.key.scheme.as_deref();
        let code = scheme.map(|scheme| (scheme, &*self.key.id));
        let level = Level::from_name(&area.level);
        let breaks = &self.figures.settings.reference.breaks;
        breaks.iter().filter(move |series_break| {
            series_break.applies(&kind.partner, &kind.kind, level, code)
        })
    }

    /// The breaks from the start of a base to the end of a window.
    pub(crate) fn breaks(
        &self,
        base: Month,
        window: &Window,
        area: &AreaKey,
    ) -> impl Iterator<Item = &'f Break> {
        self.breaks_in(area)
            .filter(move |series_break| series_break.within(base.first_day(), window.to()))
    }

    /// The number of the segment that a window is in, from 1: a break begins one, and so does the
    /// end of a break that lasts.
    pub(crate) fn segment(&self, window: &Window, area: &AreaKey) -> usize {
        let begun = self.breaks_in(area).map(|series_break| {
            usize::from(series_break.from <= window.to())
                + usize::from(
                    series_break.to > series_break.from && series_break.to < window.from(),
                )
        });
        1 + begun.sum::<usize>()
    }
}
