//! What changes between two plans, over the records of the store: to be read before a plan is
//! adopted.
//!
//! Records of all kinds are counted together: these are figures of the plans, not of crime.

use std::collections::{BTreeMap, BTreeSet};

use tokio::runtime::Handle;

use crate::aggregate::snapshot::{Snapshot, read_chains};
use crate::aggregate::state::current::Current;
use crate::aggregate::{AggregateError, AggregateSettings, RunProgress};
use crate::event::Kind;
use crate::reference::plan::{Plan, Rule, Series, SeriesSet};
use crate::reference::windows::Window;
use crate::storage::Store;

/// What becomes of one priority or theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesChange {
    /// Its id in the first plan; none = new.
    pub before: Option<String>,
    /// Its id in the second plan; none = dropped.
    pub after: Option<String>,
    /// The word for it: that of the second plan's lineage, `new`, `dropped`, or `continued` if both
    /// plans have the id.
    pub change: &'static str,
    /// Rules that only the second plan has, as tests.
    pub added: Vec<String>,
    /// Rules that only the first plan has.
    pub removed: Vec<String>,
    /// Records under it in the first plan, in the second, in both.
    pub records: [i64; 3],
}

/// What changes between two plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanDiff {
    /// Priorities and themes, in the order of the second plan, then those dropped.
    pub series: Vec<SeriesChange>,
    /// Records that were counted.
    pub records: i64,
    /// Records under none, in the first plan and in the second.
    pub unmapped: [i64; 2],
    /// Priorities of the second plan that no partner's data can show.
    pub not_measurable: Vec<String>,
}

/// Records by the ids of their series under the first plan and under the second.
struct PlanRecordCounts<'p>(BTreeMap<[BTreeSet<&'p str>; 2], i64>);

impl<'p> PlanRecordCounts<'p> {
    fn new(current: &Current, plans: [(usize, &'p Plan); 2], window: Option<&Window>) -> Self {
        let mut by_class: BTreeMap<[u32; 2], i64> = BTreeMap::new();
        for fact in &current.facts {
            if window.is_some_and(|w| !(w.first..=w.last()).contains(&fact.month)) {
                continue;
            }
            let classes = plans.map(|(wanted, _)| current.class_of(fact.profile, wanted));
            *by_class.entry(classes).or_default() += 1;
        }
        let mut counts: BTreeMap<[BTreeSet<&str>; 2], i64> = BTreeMap::new();
        for ([before, after], count) in by_class {
            let [(_, first), (_, second)] = plans;
            let key = [
                series_ids(first, current, before),
                series_ids(second, current, after),
            ];
            *counts.entry(key).or_default() += count;
        }
        Self(counts)
    }

    /// The records whose series pass a test.
    fn count(&self, test: impl Fn(&BTreeSet<&str>, &BTreeSet<&str>) -> bool) -> i64 {
        let counts = self.0.iter();
        counts
            .filter(|([before, after], _)| test(before, after))
            .map(|(_, count)| count)
            .sum()
    }
}

/// The ids of the series that the records of a class are in.
fn series_ids<'p>(plan: &'p Plan, current: &Current, class: u32) -> BTreeSet<&'p str> {
    let rules = current.classes[class as usize].rules;
    plan.series_in(plan.series_of(rules))
        .map(|series| &*series.id)
        .collect()
}

/// Compares the two plans that the settings want, over the records of a window (none = of all
/// time); `None` = the store has no records.
pub fn diff(
    store: &Store,
    settings: &AggregateSettings<'_>,
    window: Option<&Window>,
    runtime: &Handle,
    progress: &mut dyn RunProgress,
) -> Result<Option<PlanDiff>, AggregateError> {
    let read = read_chains(store, None, runtime, |chains| {
        Snapshot::read(store, chains, settings, runtime, progress)
    })?;
    let Some((_, snapshot)) = read else {
        return Ok(None);
    };
    let last = settings.wanted.len() - 1;
    let (before, after) = (settings.plan(0), settings.plan(last.min(1)));
    let counts = PlanRecordCounts::new(&snapshot.current, [(0, before), (last, after)], window);
    let series = pairs(before, after).into_iter().map(|(a, b)| {
        let records = [
            counts.count(|x, _| contains(x, a)),
            counts.count(|_, y| contains(y, b)),
            counts.count(|x, y| contains(x, a) && contains(y, b)),
        ];
        series_change(before, a, b, records)
    });
    Ok(Some(PlanDiff {
        series: series.collect(),
        records: counts.count(|_, _| true),
        unmapped: [
            counts.count(|x, _| x.is_empty()),
            counts.count(|_, y| y.is_empty()),
        ],
        not_measurable: not_measurable(after, settings),
    }))
}

fn contains(ids: &BTreeSet<&str>, series: Option<&Series>) -> bool {
    series.is_some_and(|series| ids.contains(&*series.id))
}

/// Every series of the second plan with each series it comes from, and those of the first plan that
/// none comes from.
fn pairs<'p>(before: &'p Plan, after: &'p Plan) -> Vec<(Option<&'p Series>, Option<&'p Series>)> {
    let mut pairs = Vec::new();
    for series in &after.series {
        let named = series
            .from
            .iter()
            .filter(|from| from.plan == before.id)
            .map(|from| &from.id);
        let named: Vec<&String> = if series.from.iter().any(|from| from.plan == before.id) {
            named.collect()
        } else {
            vec![&series.id]
        };
        let parents: Vec<_> = before
            .series
            .iter()
            .filter(|parent| named.contains(&&parent.id))
            .collect();
        if parents.is_empty() {
            pairs.push((None, Some(series)));
        }
        pairs.extend(
            parents
                .into_iter()
                .map(|parent| (Some(parent), Some(series))),
        );
    }
    let kept: BTreeSet<&str> = pairs
        .iter()
        .filter_map(|(parent, _)| Some(&*(*parent)?.id))
        .collect();
    let dropped = before
        .series
        .iter()
        .filter(|series| !kept.contains(&*series.id));
    pairs.extend(dropped.map(|series| (Some(series), None)));
    pairs
}

fn series_change(
    before: &Plan,
    a: Option<&Series>,
    b: Option<&Series>,
    records: [i64; 3],
) -> SeriesChange {
    let (old, new) = (rules(a), rules(b));
    let lineage = b.zip(a).and_then(|(b, a)| {
        b.from
            .iter()
            .find(|from| from.plan == before.id && from.id == a.id)
    });
    let change = match (a, b, lineage) {
        (_, _, Some(from)) => from.change.as_str(),
        (None, ..) => "new",
        (_, None, _) => "dropped",
        _ => "continued",
    };
    SeriesChange {
        before: a.map(|series| series.id.clone()),
        after: b.map(|series| series.id.clone()),
        change,
        added: new.difference(&old).cloned().collect(),
        removed: old.difference(&new).cloned().collect(),
        records,
    }
}

/// The rules of a series, as tests.
fn rules(series: Option<&Series>) -> BTreeSet<String> {
    let rules = series.into_iter().flat_map(|series| &series.rules);
    rules.map(Rule::canonical).collect()
}

/// The series of a plan that no partner's data can show.
fn not_measurable(plan: &Plan, settings: &AggregateSettings<'_>) -> Vec<String> {
    let partners = &settings.reference.partners;
    let mut shown = SeriesSet::EMPTY;
    for &kind in Kind::ALL {
        for partner in partners.ids() {
            shown = shown.union(plan.applicable(&partners.carried(partner, kind), kind));
        }
    }
    plan.series
        .iter()
        .enumerate()
        .filter(|(index, _)| !shown.contains(*index))
        .map(|(_, series)| series.id.clone())
        .collect()
}
