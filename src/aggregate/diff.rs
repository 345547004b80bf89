//! What moves between two plans, over the records that are held: told before a plan is adopted.
//!
//! Records are counted whatever their kind: these are figures of the plans, not of crime.

use std::collections::{BTreeMap, BTreeSet};

use tokio::runtime::Handle;

use crate::aggregate::run::{Read, over_chains};
use crate::aggregate::{Error, Progress, Settings};
use crate::event::Kind;
use crate::reference::plan::{Plan, Series};
use crate::reference::windows::Window;
use crate::storage::Store;

/// What becomes of one priority or theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its id in the first plan; none = new.
    pub before: Option<String>,
    /// Its id in the second plan; none = dropped.
    pub after: Option<String>,
    /// The word for it: that of the second plan's lineage, `new`, `dropped`, or `continued` where
    /// both have the id.
    pub change: &'static str,
    /// Rules that only the second plan has, as tests.
    pub added: Vec<String>,
    /// Rules that only the first plan has.
    pub removed: Vec<String>,
    /// Records under it in the first plan, in the second, in both.
    pub records: [i64; 3],
}

/// What moves between two plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// Priorities and themes, in the order of the second plan, then those dropped.
    pub moved: Vec<Moved>,
    /// Records that were counted.
    pub records: i64,
    /// Records under none, in the first plan and in the second.
    pub unmapped: [i64; 2],
    /// Priorities of the second plan that nothing any partner carries can show.
    pub not_measurable: Vec<String>,
}

/// Compares the two plans that the settings want, over the records of a window (none = of all
/// time); `None` where the store holds nothing.
pub fn diff(
    store: &Store,
    settings: &Settings<'_>,
    window: Option<&Window>,
    runtime: &Handle,
    progress: &mut dyn Progress,
) -> Result<Option<Diff>, Error> {
    let read = over_chains(store, runtime, |chains| {
        Read::of(store, chains, settings, runtime, progress)
    })?;
    let Some((_, read)) = read else {
        return Ok(None);
    };
    let [before, after] = [0, 1].map(|wanted| settings.plan(wanted.min(settings.wanted.len() - 1)));
    let current = &read.current;
    // Records by what the two plans make of them.
    let mut classes: BTreeMap<[u32; 2], i64> = BTreeMap::new();
    let last = settings.wanted.len() - 1;
    let counted =
        |month| window.is_none_or(|window| (window.first..=window.last()).contains(&month));
    for fact in current.facts.iter().filter(|fact| counted(fact.month)) {
        let of = [0, last].map(|wanted| current.class_of(fact.profile, wanted));
        *classes.entry(of).or_default() += 1;
    }
    let mut sets: BTreeMap<[BTreeSet<&str>; 2], i64> = BTreeMap::new();
    for ([a, b], count) in classes {
        let of = |plan: &'_ Plan, class: u32| plan.series_of(current.classes[class as usize].rules);
        let ids = [ids(before, of(before, a)), ids(after, of(after, b))];
        *sets.entry(ids).or_default() += count;
    }
    let count = |is: &dyn Fn(&[BTreeSet<&str>; 2]) -> bool| {
        sets.iter().filter(|(of, _)| is(of)).map(|(_, n)| n).sum()
    };
    let of_pair = |(a, b): (Option<&Series>, Option<&Series>)| {
        let is_in = |series: Option<&Series>, set: &BTreeSet<&str>| {
            series.is_some_and(|s| set.contains(&*s.id))
        };
        let records = [
            count(&|[x, _]| is_in(a, x)),
            count(&|[_, y]| is_in(b, y)),
            count(&|[x, y]| is_in(a, x) && is_in(b, y)),
        ];
        moved(before, a, b, records)
    };
    Ok(Some(Diff {
        moved: pairs(before, after).into_iter().map(of_pair).collect(),
        records: count(&|_| true),
        unmapped: [count(&|[x, _]| x.is_empty()), count(&|[_, y]| y.is_empty())],
        not_measurable: not_measurable(after, settings),
    }))
}

fn ids(plan: &Plan, set: crate::reference::plan::SeriesSet) -> BTreeSet<&str> {
    plan.of_set(set).map(|series| &*series.id).collect()
}

/// Every series of the second plan with each it comes from, and those of the first that nothing
/// comes from.
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

fn moved(before: &Plan, a: Option<&Series>, b: Option<&Series>, records: [i64; 3]) -> Moved {
    let rules = |series: Option<&Series>| -> BTreeSet<String> {
        series
            .into_iter()
            .flat_map(|series| &series.rules)
            .map(crate::reference::plan::Rule::canonical)
            .collect()
    };
    let (old, new) = (rules(a), rules(b));
    let said = b.zip(a).and_then(|(b, a)| {
        b.from
            .iter()
            .find(|from| from.plan == before.id && from.id == a.id)
    });
    let change = match (a, b, said) {
        (_, _, Some(from)) => from.change.as_str(),
        (None, ..) => "new",
        (_, None, _) => "dropped",
        _ => "continued",
    };
    Moved {
        before: a.map(|series| series.id.clone()),
        after: b.map(|series| series.id.clone()),
        change,
        added: new.difference(&old).cloned().collect(),
        removed: old.difference(&new).cloned().collect(),
        records,
    }
}

fn not_measurable(plan: &Plan, settings: &Settings<'_>) -> Vec<String> {
    let partners = &settings.reference.partners;
    let shown = Kind::ALL
        .iter()
        .flat_map(|kind| partners.ids().into_iter().map(move |id| (id, *kind)));
    let shown =
        shown.map(|(partner, kind)| plan.applicable(&partners.carried(partner, kind), kind));
    let shown = shown.fold(
        crate::reference::plan::SeriesSet::EMPTY,
        crate::reference::plan::SeriesSet::union,
    );
    let of_none = plan
        .series
        .iter()
        .enumerate()
        .filter(|(place, _)| !shown.contains(*place));
    of_none.map(|(_, series)| series.id.clone()).collect()
}
