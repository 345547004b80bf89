//! The figures that all tables of a folder are built from: the records that count, the areas and
//! windows they count in, and how far each month may be used.

use std::collections::BTreeMap;

use jiff::civil;

use crate::aggregate::figures::area_gaps::AreaGaps;
use crate::aggregate::figures::areas::{ALL_RECEIVED, AreaKey, Areas};
use crate::aggregate::figures::status::{DataStatus, MedianComparison, month_status};
use crate::aggregate::state::bounded_count::{CountReason, Supply};
use crate::aggregate::state::current::{Current, Fact};
use crate::aggregate::state::source_set::SourceSet;
use crate::aggregate::{AggregateError, AggregateSettings};
use crate::event::{Micros, Month};
use crate::reference::geography::Scope;
use crate::reference::windows::Window;

/// The months of one partner's kind, from its own first to the last that any kind has. If retention
/// erased earlier ones, they begin with the first that any kind has.
pub(crate) struct KindMonths {
    pub(crate) first: Month,
    /// For each month the sources that sent records.
    pub(crate) sources: Vec<SourceSet>,
    status: Vec<DataStatus>,
    /// For each month whether it has records, and more are due: they have time to arrive.
    is_open: Vec<bool>,
    /// Records by month, of the months that are kept.
    pub(crate) records: BTreeMap<Month, i64>,
}

impl KindMonths {
    pub(crate) fn len(&self) -> usize {
        self.sources.len()
    }

    /// The status of a month; none = before the first.
    pub(crate) fn status(&self, month: Month) -> Option<DataStatus> {
        let index = usize::try_from(month.minus(self.first)).ok()?;
        self.status.get(index).copied()
    }

    /// Whether a month has records, and more are due.
    pub(crate) fn is_open(&self, month: Month) -> bool {
        let index = usize::try_from(month.minus(self.first)).ok();
        index
            .and_then(|index| self.is_open.get(index))
            .is_some_and(|is_open| *is_open)
    }

    /// The supply of a series in each month, given the sources that can show it.
    pub(crate) fn supply(&self, can_show: SourceSet) -> Vec<Supply> {
        let months = self.sources.iter().zip(&self.status);
        months
            .map(|(sent, status)| month_supply(*status, *sent, can_show))
            .collect()
    }

    /// Whether any month of a window may be used.
    pub(crate) fn any_usable(&self, window: &Window) -> bool {
        (0..i32::from(window.months))
            .filter_map(|i| self.status(window.first.plus(i)))
            .any(DataStatus::is_usable)
    }

    /// The worst status of a span of months; those before the first were never supplied.
    pub(crate) fn worst_status(&self, first: Month, months: u16) -> DataStatus {
        (0..i32::from(months))
            .map(|i| self.status(first.plus(i)).unwrap_or(DataStatus::Overdue))
            .min()
            .unwrap_or(DataStatus::Overdue)
    }
}

/// The records that count, as one partnership sees them.
pub(crate) struct Figures<'f> {
    pub(crate) current: &'f Current,
    pub(crate) settings: &'f AggregateSettings<'f>,
    pub(crate) scope: Scope<'f>,
    pub(crate) areas: Areas,
    /// By partner and kind; none = all its records are older than the first month of figures.
    pub(crate) months: Vec<Option<KindMonths>>,
    /// Partners and kinds in the order of tables.
    pub(crate) order: Vec<u32>,
    /// Sorted by id.
    pub(crate) windows: Vec<Window>,
    /// By partner and kind, and window: the worst status of the window's months.
    window_status: Vec<Vec<DataStatus>>,
    pub(crate) gaps: AreaGaps,
    /// The first month with figures.
    pub(crate) first: Month,
    /// The time of the figures.
    pub(crate) as_at: Option<Micros>,
}

impl<'f> Figures<'f> {
    /// The figures of the partnership for an area.
    pub(crate) fn new(
        current: &'f Current,
        settings: &'f AggregateSettings<'f>,
        area: &str,
        as_at: Option<Micros>,
    ) -> Result<Self, AggregateError> {
        let reference = settings.reference;
        let scope = reference
            .geography
            .scope(area)
            .ok_or_else(|| area_not_found(area))?;
        let (first, last) = first_and_last_month(current, reference.windows.first_month);
        let today = as_at.map_or(civil::Date::MIN, |at| at.in_london().date());
        let months: Vec<Option<KindMonths>> = (0..current.partner_kinds.len())
            .map(|kind| kind_months(current, settings, kind, (first, last), today))
            .collect();
        let windows = if first <= last {
            reference.windows.over(first, last)
        } else {
            Vec::new()
        };
        let mut order: Vec<u32> = (0..current.partner_kinds.len() as u32).collect();
        order.sort_by_key(|i| {
            let kind = &current.partner_kinds[*i as usize];
            (&kind.partner, kind.feed.as_str(), &kind.kind)
        });
        let mut figures = Self {
            areas: Areas::new(current, &scope, reference),
            window_status: months
                .iter()
                .map(|months| window_status(months.as_ref(), &windows))
                .collect(),
            months,
            windows,
            current,
            settings,
            scope,
            order,
            first,
            as_at,
            gaps: AreaGaps::default(),
        };
        let of_records = figures.months.iter().enumerate().map(|(kind, months)| {
            let months = months.as_ref()?;
            let is_count = current.partner_kinds[kind].is_count();
            (!is_count).then_some(&months.records)
        });
        figures.gaps = AreaGaps::new(current, &figures.areas, of_records);
        Ok(figures)
    }

    /// Whether an area has the rows of figures that no source can show: the plan's area and that of
    /// all records do.
    pub(crate) fn says_not_shown(&self, area: &AreaKey) -> bool {
        area.code == self.scope.area() || area.level == ALL_RECEIVED
    }

    /// The supply, over months that may be before the first with figures, of what these sources
    /// of a partner's kind can show.
    pub(crate) fn supply_of_months(
        &self,
        kind: usize,
        months: impl Iterator<Item = Month>,
        can_show: SourceSet,
    ) -> Option<Supply> {
        let kept_from = self.current.partner_kinds[kind].kept_from;
        let of_kind = self.months[kind].as_ref();
        let supply = months.map(|month| {
            let status = if kept_from.is_some_and(|kept_from| month < kept_from) {
                DataStatus::NotKept
            } else {
                let status = of_kind.and_then(|months| months.status(month));
                status.unwrap_or(DataStatus::Overdue)
            };
            let quality = self.current.quality.get(&(kind as u32, month));
            let sent = quality.map(|quality| quality.sources).unwrap_or_default();
            month_supply(status, sent, can_show)
        });
        supply.reduce(Supply::and)
    }

    /// Whether any month between two days has records or totals.
    pub(crate) fn has_records_between(&self, from: civil::Date, to: civil::Date) -> bool {
        let months = self.months.iter().flatten();
        let mut with_records = months.flat_map(|of_kind| of_kind.records.keys());
        with_records.any(|month| month.last_day() >= from && month.first_day() <= to)
    }

    /// The facts of a partner's kind, by area.
    pub(crate) fn facts(&self, kind: usize) -> &'f [Fact] {
        self.current.facts_of(kind)
    }

    /// The worst status of a window's months, for a partner's kind in an area.
    pub(crate) fn window_status(&self, kind: u32, area: u32, window: u32) -> DataStatus {
        let status = self.window_status[kind as usize][window as usize];
        let window = &self.windows[window as usize];
        self.in_area(status, kind, area, window.first, window.months)
    }

    /// The worst status of a span of months, for a partner's kind in an area.
    pub(crate) fn span_status(
        &self,
        kind: u32,
        area: u32,
        first: Month,
        months: u16,
    ) -> DataStatus {
        let of_kind = self.months[kind as usize].as_ref();
        let status = of_kind.map_or(DataStatus::Overdue, |of_kind| {
            of_kind.worst_status(first, months)
        });
        self.in_area(status, kind, area, first, months)
    }

    /// A status of a kind as it is in an area: suspect also where only the area's records are
    /// missing.
    fn in_area(
        &self,
        status: DataStatus,
        kind: u32,
        area: u32,
        first: Month,
        months: u16,
    ) -> DataStatus {
        if status > DataStatus::Suspect && self.gaps.any(kind, area, first, months) {
            DataStatus::Suspect
        } else {
            status
        }
    }
}

/// The supply in a month of this status, in which these sources sent records.
fn month_supply(status: DataStatus, sent: SourceSet, can_show: SourceSet) -> Supply {
    match status {
        DataStatus::NotKept => Supply::Missing(CountReason::NotKept),
        DataStatus::NotDue => Supply::Missing(CountReason::NotDue),
        _ => Supply::from_sources(sent, can_show),
    }
}

/// The error of a plan for an area that the geography does not have.
pub(crate) fn area_not_found(area: &str) -> AggregateError {
    AggregateError::ReferenceMissing {
        file: "geography/areas.csv".to_owned(),
        key: area.to_owned(),
    }
}

/// The first month of the records, not before the first month of figures; and the last of records
/// and totals.
fn first_and_last_month(current: &Current, first_of_figures: Month) -> (Month, Month) {
    let ends = current
        .counts
        .iter()
        .map(|count| count.first.plus(i32::from(count.months) - 1));
    let first = months_with_records(current).min();
    let first = first.map_or(first_of_figures, |month| month.max(first_of_figures));
    let last = months_with_records(current).chain(ends).max();
    (first, last.unwrap_or(first))
}

fn months_with_records(current: &Current) -> impl Iterator<Item = Month> {
    let quality = current.quality.iter();
    quality
        .filter(|(_, quality)| quality.records > 0)
        .map(|((_, month), _)| *month)
}

fn window_status(months: Option<&KindMonths>, windows: &[Window]) -> Vec<DataStatus> {
    windows
        .iter()
        .map(|window| {
            months.map_or(DataStatus::Overdue, |months| {
                months.worst_status(window.first, window.months)
            })
        })
        .collect()
}

/// The months of a partner's kind; none = it has no month from `first` on.
fn kind_months(
    current: &Current,
    settings: &AggregateSettings<'_>,
    kind: usize,
    (first, last): (Month, Month),
    today: civil::Date,
) -> Option<KindMonths> {
    let partner_kind = &current.partner_kinds[kind];
    let months = if partner_kind.is_count() {
        months_of_totals(current, kind, first)
    } else {
        months_of_records(current, kind, first)
    };
    let own_first = *months.first_key_value()?.0;
    let kept_from = partner_kind.kept_from.filter(|month| *month > first);
    let first = kept_from.map_or(own_first, |_| first);
    let is_kept = |month: Month| kept_from.is_none_or(|kept_from| month >= kept_from);
    let records: BTreeMap<Month, i64> = months
        .iter()
        .filter(|(month, _)| is_kept(**month))
        .map(|(month, (records, _))| (*month, *records))
        .collect();
    let partners = &settings.reference.partners;
    let mut is_open = Vec::new();
    let status = first.to(last).map(|month| {
        if !is_kept(month) {
            is_open.push(false);
            return DataStatus::NotKept;
        }
        let comparison = if partner_kind.is_count() {
            None
        } else {
            MedianComparison::new(&records, month)
        };
        let (records, end) = months.get(&month).copied().unwrap_or((0, month));
        let is_late = today > partners.due(&partner_kind.partner, &partner_kind.kind, end);
        is_open.push(records > 0 && !is_late);
        month_status(
            records,
            comparison,
            is_late,
            today > partners.settled(&partner_kind.partner, &partner_kind.kind, end),
        )
    });
    let status = status.collect();
    let sources = first.to(last).map(|month| {
        let quality = current.quality.get(&(kind as u32, month));
        quality.map(|quality| quality.sources).unwrap_or_default()
    });
    Some(KindMonths {
        first,
        sources: sources.collect(),
        status,
        is_open,
        records,
    })
}

/// For each month with records: how many, and the last month of their period.
type RecordsByMonth = BTreeMap<Month, (i64, Month)>;

fn months_of_records(current: &Current, kind: usize, first: Month) -> RecordsByMonth {
    let quality = current.quality.iter();
    quality
        .filter(|((of, month), quality)| {
            *of as usize == kind && *month >= first && quality.records > 0
        })
        .map(|((_, month), quality)| (*month, (quality.records, *month)))
        .collect()
}

fn months_of_totals(current: &Current, kind: usize, first: Month) -> RecordsByMonth {
    // A total whose period is not whole months counts in the month its period begins in.
    let mut months = months_of_records(current, kind, first);
    for (month, records) in &mut months {
        *records = (1, *month);
    }
    for count in &current.counts {
        if usize::from(count.partner_kind) != kind || count.first < first {
            continue;
        }
        let end = count.first.plus(i32::from(count.months) - 1);
        for month in count.first.to(end) {
            let (records, last) = months.entry(month).or_insert((0, end));
            (*records, *last) = (*records + 1, (*last).max(end));
        }
    }
    months
}
