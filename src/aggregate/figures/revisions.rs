//! What changed the counts between two times, by reasons that add up exactly.
//!
//! Both times are counted by the same plans and reference data: only what was received differs. A
//! record that came into a figure or left it has one reason, the first of cancelled, reinstated,
//! late, redated, relocated, reclassified that applies. A record whose state is the same at both
//! times is in the same figures, except at a level of areas that its kind can show at one time only.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::aggregate::figures::areas::AreaKey;
use crate::aggregate::figures::series::SeriesKey;
use crate::aggregate::figures::table_set::{CountedArea, PlanCounts, SeriesCounts, TableSet};
use crate::aggregate::state::bounded_count::{BoundedCount, CountStatus};
use crate::aggregate::state::current::{Current, Fact, PartnerKind};
use crate::aggregate::state::latest::RecordId;
use crate::aggregate::state::sent_area::SentArea;
use crate::event::Month;
use crate::reference::windows::Window;

/// A change of a figure between two times, by its reasons, as records that came in or left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountChange {
    /// The lower bound of the count at the earlier time.
    pub before: i64,
    /// First received since.
    pub late: i64,
    /// Under the series since; no longer.
    pub reclassified: (i64, i64),
    /// In the window since; no longer.
    pub redated: (i64, i64),
    /// In the area since; no longer.
    pub relocated: (i64, i64),
    /// Cancelled since, or replaced by a later release.
    pub cancelled: i64,
    /// No longer cancelled.
    pub reinstated: i64,
    /// By how much a partner's own totals are higher: no record explains them.
    pub restated: i64,
}

impl CountChange {
    /// The reasons, each with what it adds.
    pub fn reasons(&self) -> [(&'static str, i64); 10] {
        [
            ("late", self.late),
            ("reinstated", self.reinstated),
            ("cancelled", -self.cancelled),
            ("redated in", self.redated.0),
            ("redated out", -self.redated.1),
            ("relocated in", self.relocated.0),
            ("relocated out", -self.relocated.1),
            ("reclassified in", self.reclassified.0),
            ("reclassified out", -self.reclassified.1),
            ("restated", self.restated),
        ]
    }

    /// All reasons together: the count now less the count before.
    pub fn sum(&self) -> i64 {
        self.reasons().iter().map(|(_, records)| records).sum()
    }

    fn has_reason(&self) -> bool {
        self.reasons().iter().any(|(_, records)| *records != 0)
    }
}

/// The index of what is of the earlier time.
const BEFORE: usize = 0;
/// The index of what is of the time of the figures.
const NOW: usize = 1;

/// Which figures are compared.
pub(crate) struct RevisionScope<'q> {
    pub(crate) series: &'q dyn Fn(&SeriesKey) -> bool,
    pub(crate) area: &'q dyn Fn(&AreaKey) -> bool,
    /// The one window; none = those of the tables.
    pub(crate) window: Option<&'q Window>,
}

/// A figure that is not what it was.
pub(crate) struct FigureRevision<'f> {
    /// Its series and area, now or, if it has no row now, before.
    pub(crate) series: SeriesCounts<'f>,
    pub(crate) area: CountedArea<'f>,
    pub(crate) window: Window,
    /// The count before and now; none = no row.
    pub(crate) counts: [Option<BoundedCount>; 2],
    pub(crate) change: CountChange,
}

/// The changes of all figures between two times.
pub(crate) struct Revisions<'f> {
    /// The figures before and now.
    sets: [&'f TableSet<'f>; 2],
    kinds: Vec<&'f PartnerKind>,
    areas: Vec<&'f AreaKey>,
    plans: Vec<PlanKeys<'f>>,
    /// The first month with figures.
    first: Month,
    changes: HashMap<CellKey, CountChange>,
}

/// The keys of the figures under one plan, at either time.
struct PlanKeys<'f> {
    counts: [Option<&'f PlanCounts<'f>>; 2],
    series: Vec<&'f SeriesKey>,
    windows: Vec<Window>,
}

/// Plan, series, kind, area and window, as indexes in [`Revisions`].
type CellKey = [u32; 5];

/// A record at one time, by the numbers of that time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum RecordState {
    NotReceived,
    Cancelled,
    Counted(Place),
}

/// What decides where a record counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    kind: u16,
    month: Month,
    area: u32,
    profile: u32,
}

impl Place {
    const fn of_fact(fact: &Fact) -> Self {
        Self {
            kind: fact.partner_kind,
            month: fact.month,
            area: fact.area,
            profile: fact.profile,
        }
    }
}

/// Where a record counts, as indexes in [`Revisions`].
#[derive(Clone)]
struct CountedIn {
    kind: u32,
    month: Month,
    areas: Vec<u32>,
    /// By plan.
    series: Vec<Vec<u32>>,
}

impl CountedIn {
    /// The series under a plan, each with every area.
    fn in_plan(&self, plan: usize) -> impl Iterator<Item = (u32, u32)> {
        let series = self.series[plan].iter();
        series.flat_map(|series| self.areas.iter().map(|area| (*series, *area)))
    }
}

/// Why a record does not count at a time, or where it does.
enum Standing {
    NotReceived,
    Cancelled,
    Counts(CountedIn),
}

impl Standing {
    const fn counts(&self) -> Option<&CountedIn> {
        match self {
            Self::Counts(counted) => Some(counted),
            _ => None,
        }
    }
}

impl<'f> Revisions<'f> {
    /// Compares the figures before with those now.
    pub(crate) fn new(sets: [&'f TableSet<'f>; 2], scope: &RevisionScope<'_>) -> Self {
        let kinds: BTreeSet<&PartnerKind> = sets
            .iter()
            .flat_map(|set| &set.figures.current.partner_kinds)
            .collect();
        let areas: BTreeSet<&AreaKey> = sets
            .iter()
            .flat_map(|set| &set.figures.areas.sorted)
            .filter(|area| (scope.area)(area))
            .collect();
        let [_, now] = sets;
        let mut revisions = Self {
            sets,
            kinds: kinds.into_iter().collect(),
            areas: areas.into_iter().collect(),
            plans: plan_keys(sets, scope),
            first: now.figures.settings.reference.windows.first_month,
            changes: HashMap::new(),
        };
        let changed = changed_records(sets.map(|set| set.figures.current));
        for (states, records) in &changed {
            let standings = [BEFORE, NOW].map(|time| revisions.standing(time, states[time]));
            revisions.add(&standings, *records);
        }
        revisions.add_relocated_by_level(&changed);
        revisions
    }

    /// Every figure that changed, in the order of keys.
    pub(crate) fn figures(&self) -> impl Iterator<Item = FigureRevision<'f>> + use<'f, '_> {
        (0..self.plans.len())
            .flat_map(|plan| (0..self.plans[plan].series.len()).map(move |series| (plan, series)))
            .flat_map(|(plan, series)| (0..self.kinds.len()).map(move |kind| (plan, series, kind)))
            .flat_map(|(plan, series, kind)| self.figures_of(plan, series, kind))
    }

    /// The figures of a series of a partner's kind that changed.
    fn figures_of(&self, plan: usize, series: usize, kind: usize) -> Vec<FigureRevision<'f>> {
        let keys = &self.plans[plan];
        let at_times = [BEFORE, NOW].map(|time| {
            let (set, counts) = (self.sets[time], keys.counts[time]?);
            let series = set.find(counts, keys.series[series], self.kinds[kind])?;
            let areas: HashMap<_, _> = series.areas().map(|area| (area.key, area)).collect();
            Some((series, areas))
        });
        let mut figures = Vec::new();
        for (area_number, area) in self.areas.iter().enumerate() {
            let places = at_times.each_ref().map(|at_time| {
                let (series, areas) = at_time.as_ref()?;
                Some((series, *areas.get(area)?))
            });
            let [before, now] = places;
            let Some((shown, counted_area)) = now.or(before) else {
                continue;
            };
            for (window_number, window) in keys.windows.iter().enumerate() {
                let counts = places.map(|place| {
                    let (series, area) = place?;
                    series.count(area, window)
                });
                let cell = [plan, series, kind, area_number, window_number].map(|i| i as u32);
                let change = self.change(cell, counts, shown.is_of_totals());
                if change.has_reason() || is_restated(counts) {
                    figures.push(FigureRevision {
                        series: shown.clone(),
                        area: counted_area,
                        window: window.clone(),
                        counts,
                        change,
                    });
                }
            }
        }
        figures
    }

    fn change(
        &self,
        cell: CellKey,
        counts: [Option<BoundedCount>; 2],
        is_of_totals: bool,
    ) -> CountChange {
        let [before, now] = counts.map(|count| count.map_or(0, |count| count.min));
        let reasons = self.changes.get(&cell).copied().unwrap_or_default();
        CountChange {
            before,
            restated: if is_of_totals { now - before } else { 0 },
            ..reasons
        }
    }

    /// What a state of a time means.
    fn standing(&self, time: usize, state: RecordState) -> Standing {
        match state {
            RecordState::NotReceived => Standing::NotReceived,
            RecordState::Cancelled => Standing::Cancelled,
            RecordState::Counted(place) => Standing::Counts(self.counted_in(time, place)),
        }
    }

    fn counted_in(&self, time: usize, place: Place) -> CountedIn {
        let current = self.sets[time].figures.current;
        let kind = &current.partner_kinds[usize::from(place.kind)];
        let series = self.plans.iter().map(|keys| {
            let Some(counts) = keys.counts[time] else {
                return Vec::new();
            };
            let own = &counts.series;
            let class = own.class(current, place.profile);
            let series = own.by_class[class as usize].iter();
            let series = series.map(|series| &own.keys[*series as usize]);
            series
                .filter_map(|key| number_of(&keys.series, key))
                .collect()
        });
        CountedIn {
            kind: number_of(&self.kinds, kind).unwrap_or_default(),
            month: place.month,
            areas: self.areas_of(time, usize::from(place.kind), place.area),
            series: series.collect(),
        }
    }

    /// Where records that a kind sent for an area count.
    fn areas_of(&self, time: usize, kind: usize, area: u32) -> Vec<u32> {
        let areas = &self.sets[time].figures.areas;
        let targets = areas.targets(kind, area).iter();
        targets
            .filter_map(|target| number_of(&self.areas, &areas.sorted[*target as usize]))
            .collect()
    }

    /// Adds records to the figures that they are in at one of the times only.
    fn add(&mut self, standings: &[Standing; 2], records: i64) {
        for (time, other) in [(BEFORE, &standings[NOW]), (NOW, &standings[BEFORE])] {
            let own = standings[time].counts();
            let Some(own) = own.filter(|own| own.month >= self.first) else {
                continue;
            };
            for (plan, keys) in self.plans.iter().enumerate() {
                for (window, months) in keys.windows.iter().enumerate() {
                    if !contains(months, own.month) {
                        continue;
                    }
                    let in_window = |month| month >= self.first && contains(months, month);
                    for (series, area) in own.in_plan(plan) {
                        let figure = (own.kind, plan, series, area);
                        let Some(reason) = Reason::new(time, other, in_window, figure) else {
                            continue;
                        };
                        let cell = [plan as u32, series, own.kind, area, window as u32];
                        let change = self.changes.entry(cell).or_default();
                        *reason.of(change, time) += records;
                    }
                }
            }
        }
    }

    /// Adds the records that are the same at both times, but count at other levels of areas: their
    /// kind can show a level at one of the times only.
    fn add_relocated_by_level(&mut self, changed: &HashMap<[RecordState; 2], i64>) {
        let [before, now] = self.sets.map(|set| set.figures.current);
        let sent_before: HashMap<SentArea<'_>, u32> = (0..before.areas.len() as u32)
            .map(|area| (before.sent(area), area))
            .collect();
        let mut changed_now: HashMap<Place, i64> = HashMap::new();
        for ([_, state], records) in changed {
            if let RecordState::Counted(place) = state {
                *changed_now.entry(*place).or_default() += records;
            }
        }
        for facts in now
            .facts
            .chunk_by(|a, b| (a.partner_kind, a.area) == (b.partner_kind, b.area))
        {
            let (kind, area) = (usize::from(facts[0].partner_kind), facts[0].area);
            let kinds = &before.partner_kinds;
            let kind_before = kinds
                .iter()
                .position(|known| *known == now.partner_kinds[kind]);
            let Some((kind_before, area_before)) =
                kind_before.zip(sent_before.get(&now.sent(area)))
            else {
                continue;
            };
            let areas = self.areas_of(BEFORE, kind_before, *area_before);
            if areas == self.areas_of(NOW, kind, area) {
                continue;
            }
            let mut unchanged: HashMap<Place, i64> = HashMap::new();
            for fact in facts {
                *unchanged.entry(Place::of_fact(fact)).or_default() += 1;
            }
            for (place, records) in unchanged {
                let records = records - changed_now.get(&place).copied().unwrap_or_default();
                let counted = self.counted_in(NOW, place);
                let mut counted_before = counted.clone();
                counted_before.areas.clone_from(&areas);
                self.add(&[counted_before, counted].map(Standing::Counts), records);
            }
        }
    }
}

/// Why records are in a figure at one of the times only.
#[derive(Clone, Copy)]
enum Reason {
    Late,
    Reinstated,
    Cancelled,
    Redated,
    Relocated,
    Reclassified,
}

impl Reason {
    /// Why records are in a figure (kind, plan, series, area) at a time, but not at the other; none =
    /// they are in it at both.
    fn new(
        time: usize,
        other: &Standing,
        in_window: impl Fn(Month) -> bool,
        (kind, plan, series, area): (u32, usize, u32, u32),
    ) -> Option<Self> {
        match other {
            Standing::NotReceived if time == NOW => Some(Self::Late),
            Standing::Cancelled if time == NOW => Some(Self::Reinstated),
            Standing::NotReceived | Standing::Cancelled => Some(Self::Cancelled),
            Standing::Counts(other) if !in_window(other.month) => Some(Self::Redated),
            Standing::Counts(other) if !other.areas.contains(&area) => Some(Self::Relocated),
            Standing::Counts(other) => {
                let in_series = other.kind == kind && other.series[plan].contains(&series);
                (!in_series).then_some(Self::Reclassified)
            }
        }
    }

    /// Where a change counts records that came in, or left if they are in the figure before only.
    fn of(self, change: &mut CountChange, time: usize) -> &mut i64 {
        let (came, left) = match self {
            Self::Late => return &mut change.late,
            Self::Reinstated => return &mut change.reinstated,
            Self::Cancelled => return &mut change.cancelled,
            Self::Redated => &mut change.redated,
            Self::Relocated => &mut change.relocated,
            Self::Reclassified => &mut change.reclassified,
        };
        if time == NOW { came } else { left }
    }
}

/// How many records have each pair of states, before and now, among those that may have changed.
fn changed_records(currents: [&Current; 2]) -> HashMap<[RecordState; 2], i64> {
    let mut records: HashMap<RecordId, [RecordState; 2]> = HashMap::new();
    for (time, current) in currents.into_iter().enumerate() {
        for (record, fact) in &current.changed {
            let states = records.entry(*record);
            let states = states.or_insert([RecordState::NotReceived; 2]);
            states[time] = fact.as_ref().map_or(RecordState::Cancelled, |fact| {
                RecordState::Counted(Place::of_fact(fact))
            });
        }
    }
    let mut counts = HashMap::new();
    for states in records.into_values() {
        *counts.entry(states).or_default() += 1;
    }
    counts
}

/// The plans of the figures now, each with the series and windows of either time.
fn plan_keys<'f>(sets: [&'f TableSet<'f>; 2], scope: &RevisionScope<'_>) -> Vec<PlanKeys<'f>> {
    let [before, now] = sets;
    let keys = now.plans.iter().map(|counts| {
        let before = before
            .plans
            .iter()
            .find(|before| before.is_of_plan_of(counts));
        let counts = [before, Some(counts)];
        let at_times = counts.iter().zip(sets);
        let at_times = at_times.filter_map(|(counts, set)| Some(((*counts)?, set)));
        let (mut series, mut windows) = (BTreeSet::new(), scope.window.map(|w| vec![w.clone()]));
        for (counts, set) in at_times {
            let keys = counts.series.keys.iter();
            series.extend(keys.filter(|key| (scope.series)(key)));
            if scope.window.is_none() {
                windows
                    .get_or_insert_default()
                    .extend(counts.windows(set.figures).cloned());
            }
        }
        let mut windows = windows.unwrap_or_default();
        windows.sort_by(|a, b| a.id.cmp(&b.id));
        windows.dedup_by(|a, b| a.id == b.id);
        PlanKeys {
            counts,
            series: series.into_iter().collect(),
            windows,
        }
    });
    keys.collect()
}

/// The index of a key among sorted keys.
fn number_of<K: Ord>(sorted: &[&K], key: &K) -> Option<u32> {
    let found = sorted.binary_search(&key).ok()?;
    Some(found as u32)
}

fn contains(window: &Window, month: Month) -> bool {
    (window.first..=window.last()).contains(&month)
}

/// Whether bounds or status are not what they were. That a figure is supplied, or no longer, changes
/// nothing that was published if it is only known to be 0 or more.
fn is_restated(counts: [Option<BoundedCount>; 2]) -> bool {
    let supplied = counts.map(|count| {
        let count = count?;
        let bounds = (count.min, count.max(), count.status());
        (count.status() != CountStatus::NotSupplied).then_some(bounds)
    });
    match supplied {
        [Some(before), Some(now)] => before != now,
        [Some(only), None] | [None, Some(only)] => only.0 > 0 || only.2 == CountStatus::Interval,
        [None, None] => false,
    }
}
