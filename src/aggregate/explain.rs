//! What a figure consists of, and what changed it between two times.
//!
//! The code that builds the tables counts here too.

use std::collections::BTreeMap;

use tokio::runtime::Handle;

use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::revisions::{CountChange, RevisionScope, Revisions};
use crate::aggregate::figures::series::SeriesKey;
use crate::aggregate::figures::table_set::{CountedArea, SeriesCounts, TableSet};
use crate::aggregate::snapshot::{Snapshot, read_chains};
use crate::aggregate::state::bounded_count::BoundedCount;
use crate::aggregate::state::current::PartnerKind;
use crate::aggregate::{AggregateError, AggregateSettings, PlanChoice, RunProgress};
use crate::event::Month;
use crate::reference::plan::Plan;
use crate::reference::windows::Window;
use crate::storage::Store;

/// The key of a figure, without its partner and kind.
#[derive(Clone, Debug)]
pub struct FigureQuery<'q> {
    /// The plan.
    pub plan: &'q Plan,
    /// `total`, `mapped`, `unmapped`, a priority or theme, or `<scheme>:<code>`.
    pub series: String,
    /// A code of the tables, or `all-received`.
    pub area: String,
    /// The months.
    pub window: Window,
}

impl FigureQuery<'_> {
    fn is_of(&self, series: &SeriesKey) -> bool {
        match &series.scheme {
            None => series.id == self.series,
            Some(scheme) => self.series == format!("{scheme}:{}", series.id),
        }
    }

    fn includes(&self, month: Month) -> bool {
        (self.window.first..=self.window.last()).contains(&month)
    }
}

/// A figure of one partner's kind, and what it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The partner that sent the records.
    pub partner: String,
    /// Their kind.
    pub kind: String,
    /// What the area is to the records; none = areas of all roles together.
    pub role: Option<String>,
    /// The number, where it is known.
    pub count: Option<i64>,
    /// Its lower bound.
    pub count_min: i64,
    /// Its upper bound, where one is known.
    pub count_max: Option<i64>,
    /// `exact`, `interval`, `partial` or `not_supplied`.
    pub count_status: &'static str,
    /// Records by the rules that match them: rules overlap.
    pub rules: Vec<(String, i64)>,
    /// Records by their codes, most first: codes of several schemes overlap.
    pub codes: Vec<(String, i64)>,
    /// Every month with its count and how complete it is.
    pub months: Vec<(Month, Option<i64>, &'static str)>,
    /// Ids of the breaks in the window.
    pub breaks: Vec<String>,
    /// What changed it since an earlier time.
    pub change: Option<CountChange>,
}

/// Explains a figure at the time of the settings, whose folders must include its plan, and what
/// changed it since their earlier time; `None` = the store has no records.
pub fn explain(
    store: &Store,
    settings: &AggregateSettings<'_>,
    query: &FigureQuery<'_>,
    runtime: &Handle,
    progress: &mut dyn RunProgress,
) -> Result<Option<Vec<Explanation>>, AggregateError> {
    let read = read_chains(store, None, runtime, |chains| {
        Snapshot::read(store, chains, settings, runtime, progress)
    })?;
    let Some((_, snapshot)) = read else {
        return Ok(None);
    };
    let Snapshot {
        current,
        before,
        intake,
        as_at,
        ..
    } = &snapshot;
    let plan = PlanChoice::Plan(query.plan);
    let figures = Figures::new(current, settings, &query.plan.area, *as_at)?;
    let set = TableSet::new(&figures, intake, plan);
    let before = before.as_ref();
    let before =
        before.map(|before| Figures::new(before, settings, &query.plan.area, settings.since));
    let before = before.transpose()?;
    let before = before.as_ref();
    let before = before.map(|figures| TableSet::new(figures, intake, plan));
    let changes = before.as_ref().map(|before| changes(&set, before, query));
    let mut explanations = Vec::new();
    for series in set.series().filter(|series| query.is_of(series.key)) {
        for area in series.areas().filter(|area| area.key.code == query.area) {
            if let Some(count) = series.count(area, &query.window) {
                let mut explanation = explanation(&figures, &series, area, query, count);
                explanation.change = changes.as_ref().map(|changes| {
                    let key = figure_key(series.partner_kind(), area);
                    changes.get(&key).copied().unwrap_or(CountChange {
                        before: explanation.count_min,
                        ..CountChange::default()
                    })
                });
                explanations.push(explanation);
            }
        }
    }
    Ok(Some(explanations))
}

/// What changed a figure's counts since an earlier time, by partner, kind and role.
fn changes<'f>(
    now: &'f TableSet<'f>,
    before: &'f TableSet<'f>,
    query: &FigureQuery<'_>,
) -> BTreeMap<FigureKey, CountChange> {
    let scope = RevisionScope {
        series: &|series| query.is_of(series),
        area: &|area| area.code == query.area,
        window: Some(&query.window),
    };
    let revisions = Revisions::new([before, now], &scope);
    let changes = revisions.figures().map(|figure| {
        let kind = figure.series.partner_kind();
        (figure_key(kind, figure.area), figure.change)
    });
    changes.collect()
}

/// Partner, kind and role.
type FigureKey = (String, String, Option<String>);

fn figure_key(kind: &PartnerKind, area: CountedArea<'_>) -> FigureKey {
    let role = area.key.role.clone();
    (kind.partner.clone(), kind.kind.clone(), role)
}

fn explanation(
    figures: &Figures<'_>,
    series: &SeriesCounts<'_>,
    area: CountedArea<'_>,
    query: &FigureQuery<'_>,
    count: BoundedCount,
) -> Explanation {
    let kind = series.partner_kind();
    let window = &query.window;
    let months = window.first.to(window.last()).map(|month| {
        let status = series.status(area, month, 1);
        let count = series.count(area, &Window::of_month(month));
        (month, count.and_then(BoundedCount::exact), status.as_str())
    });
    let by_class = records_by_class(figures, series, area, query);
    Explanation {
        partner: kind.partner.clone(),
        kind: kind.kind.clone(),
        role: area.key.role.clone(),
        count: count.exact(),
        count_min: count.min,
        count_max: count.max(),
        count_status: count.status().as_str(),
        rules: records_by_rule(figures, series, &by_class),
        codes: records_by_code(figures, &by_class),
        months: months.collect(),
        breaks: series
            .breaks(window.first, window, area.key)
            .map(|series_break| series_break.id.clone())
            .collect(),
        change: None,
    }
}

/// The records of a figure by their class.
fn records_by_class(
    figures: &Figures<'_>,
    series: &SeriesCounts<'_>,
    area: CountedArea<'_>,
    query: &FigureQuery<'_>,
) -> BTreeMap<u32, i64> {
    let plan_series = &series.plan.series;
    let mut by_class = BTreeMap::new();
    for fact in figures.facts(series.kind) {
        let class = plan_series.class(figures.current, fact.profile);
        let targets = figures.areas.targets(series.kind, fact.area);
        if query.includes(fact.month)
            && plan_series.counts_in(class, series.series())
            && targets.contains(&area.number)
        {
            *by_class.entry(class).or_default() += 1;
        }
    }
    by_class
}

/// Records by the rules of a series that match them, in the order of the rules.
fn records_by_rule(
    figures: &Figures<'_>,
    series: &SeriesCounts<'_>,
    by_class: &BTreeMap<u32, i64>,
) -> Vec<(String, i64)> {
    let Some(plan) = series.plan.series.plan else {
        return Vec::new();
    };
    let mut records = Vec::new();
    for (number, index, rule) in plan.rules() {
        if plan.series[index].id != series.key.id {
            continue;
        }
        let matching: Vec<i64> = by_class
            .iter()
            .filter(|(class, _)| {
                let class = &figures.current.classes[**class as usize];
                class.rules.contains(number)
            })
            .map(|(_, count)| *count)
            .collect();
        if !matching.is_empty() {
            records.push((rule.id.clone(), matching.iter().sum()));
        }
    }
    records
}

/// Records by code, most first.
fn records_by_code(figures: &Figures<'_>, by_class: &BTreeMap<u32, i64>) -> Vec<(String, i64)> {
    let current = figures.current;
    let mut by_code: BTreeMap<String, i64> = BTreeMap::new();
    for (class, count) in by_class {
        let what = &current.what[current.classes[*class as usize].what as usize];
        for code in &what.codes {
            let code = &current.categories[*code as usize];
            let name = format!("{}:{}", code.scheme, code.code);
            *by_code.entry(name).or_default() += count;
        }
    }
    let mut records: Vec<(String, i64)> = by_code.into_iter().collect();
    records.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    records
}
