//! What a figure consists of, and what changed it between two times.
//!
//! The code that builds the tables counts here too. A change is split exactly: a record that came
//! into a cell or left it has one reason, the first of cancelled, reinstated, late, redated,
//! relocated, reclassified that applies.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use tokio::runtime::Handle;

use crate::aggregate::figures::areas::ALL_RECEIVED;
use crate::aggregate::figures::periods::{Figures, area_not_found};
use crate::aggregate::figures::series::SeriesKey;
use crate::aggregate::figures::table_set::{CountedArea, SeriesCounts, TableSet};
use crate::aggregate::snapshot::{Snapshot, read_chains};
use crate::aggregate::state::bounded_count::BoundedCount;
use crate::aggregate::state::files::{Files, Part, fetch};
use crate::aggregate::state::latest::{Latest, identities};
use crate::aggregate::{AggregateError, AggregateSettings, PlanChoice, RunProgress, month_of};
use crate::contract::Record;
use crate::event::{Kind, Micros, Month};
use crate::normalise::{self, Rows};
use crate::reference::SourceCode;
use crate::reference::geography::{Placed, Scope};
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

/// A change between two times, by its reasons, each as records that came in or left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountChange {
    /// The count at the earlier time.
    pub before: i64,
    /// First received since.
    pub late: i64,
    /// Under the series since; no longer.
    pub reclassified: (i64, i64),
    /// In the window since; no longer.
    pub redated: (i64, i64),
    /// In the area since; no longer.
    pub relocated: (i64, i64),
    /// Cancelled since.
    pub cancelled: i64,
    /// No longer cancelled.
    pub reinstated: i64,
}

impl CountChange {
    /// All reasons together: the count now less the count before.
    pub fn sum(&self) -> i64 {
        let net: i64 = [self.reclassified, self.redated, self.relocated]
            .iter()
            .map(|(came, left)| came - left)
            .sum();
        self.late + net - self.cancelled + self.reinstated
    }
}

/// Explains a figure at the time of the settings, whose folders must include its plan; `None` = the
/// store has no records.
pub fn explain(
    store: &Store,
    settings: &AggregateSettings<'_>,
    query: &FigureQuery<'_>,
    before: Option<Micros>,
    runtime: &Handle,
    progress: &mut dyn RunProgress,
) -> Result<Option<Vec<Explanation>>, AggregateError> {
    let read = read_chains(store, runtime, |chains| {
        let snapshot = Snapshot::read(store, chains, settings, runtime, progress)?;
        let Some(before) = before else {
            return Ok((snapshot, HashMap::new()));
        };
        let open = |path: &str| fetch(store, path, runtime);
        let files = Files::of(chains, &open);
        let changes = changes(&files, settings, query, (before, snapshot.as_at))?;
        Ok((snapshot, changes))
    })?;
    let Some((_, (snapshot, changes))) = read else {
        return Ok(None);
    };
    let Snapshot {
        current,
        intake,
        as_at,
        ..
    } = &snapshot;
    let figures = Figures::new(current, settings, &query.plan.area, *as_at)?;
    let set = TableSet::new(&figures, intake, PlanChoice::Plan(query.plan));
    let mut explanations = Vec::new();
    for series in set.series().filter(|series| query.is_of(series.key)) {
        for area in series.areas().filter(|area| area.key.code == query.area) {
            if let Some(count) = series.count(area, &query.window) {
                let mut explanation = explanation(&figures, &series, area, query, count);
                if before.is_some() {
                    explanation.change = Some(change_of(&explanation, &changes));
                }
                explanations.push(explanation);
            }
        }
    }
    Ok(Some(explanations))
}

/// The change of a figure; so far only its reasons are known.
fn change_of(figure: &Explanation, changes: &HashMap<FigureKey, CountChange>) -> CountChange {
    let key = (
        figure.partner.clone(),
        figure.kind.clone(),
        figure.role.clone(),
    );
    let change = changes.get(&key).copied().unwrap_or_default();
    CountChange {
        before: figure.count_min - change.sum(),
        ..change
    }
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

/// Partner, kind and role.
type FigureKey = (String, String, Option<String>);

/// What a record is to a figure, at one time.
#[derive(Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a condition of its own"
)]
struct Membership {
    key: FigureKey,
    is_cancelled: bool,
    in_series: bool,
    in_window: bool,
    in_area: bool,
}

impl Membership {
    fn counts(&self) -> bool {
        !self.is_cancelled && self.in_series && self.in_window && self.in_area
    }
}

/// The membership of a record before and now, by identity, where its latest row differs.
type Memberships = HashMap<[u64; 2], [Option<Membership>; 2]>;

/// What changed a figure between two times, by partner, kind and role.
fn changes(
    files: &Files<'_>,
    settings: &AggregateSettings<'_>,
    query: &FigureQuery<'_>,
    (before, now): (Micros, Option<Micros>),
) -> Result<HashMap<FigureKey, CountChange>, AggregateError> {
    let partners = &settings.reference.partners;
    let latest = [
        Latest::find(files, Some(before), partners, |_| {})?,
        Latest::find(files, now, partners, |_| {})?,
    ];
    let area = &query.plan.area;
    let scope = settings.reference.geography.scope(area);
    let scope = scope.ok_or_else(|| area_not_found(area))?;
    let mut memberships = Memberships::new();
    files.for_each(&normalise::column_names(), |part| {
        add_memberships(part, &latest, settings, query, &scope, &mut memberships)
    })?;
    let mut changes: HashMap<FigureKey, CountChange> = HashMap::new();
    for [before, now] in memberships.into_values() {
        for (key, reason) in reasons(before.as_ref(), now.as_ref()) {
            reason(changes.entry(key).or_default());
        }
    }
    Ok(changes)
}

/// Adds the rows of a part that are the latest at one of the two times only, or that a release
/// replaced in between.
fn add_memberships(
    part: &Part,
    latest: &[Latest; 2],
    settings: &AggregateSettings<'_>,
    query: &FigureQuery<'_>,
    scope: &Scope<'_>,
    memberships: &mut Memberships,
) -> Result<(), AggregateError> {
    let is_latest = |row: usize| {
        latest
            .each_ref()
            .map(|latest| latest.contains(part.file, part.first_row + row))
    };
    let records = Rows::new(&part.batch);
    let is_replaced = |row: usize| {
        let record = records.record(row);
        let partners = &settings.reference.partners;
        latest
            .each_ref()
            .map(|latest| latest.releases.replaced_record(partners, &record))
    };
    let differing: Vec<usize> = (0..part.batch.num_rows())
        .filter(|row| match is_latest(*row) {
            [true, true] => matches!(is_replaced(*row), [before, now] if before != now),
            [before, now] => before != now,
        })
        .collect();
    if differing.is_empty() {
        return Ok(());
    }
    for (row, identity) in differing.iter().zip(identities(&part.batch, &differing)?) {
        let membership = membership(&records.record(*row), settings, query, scope);
        let (is_latest, is_replaced) = (is_latest(*row), is_replaced(*row));
        let of_record = memberships.entry(identity).or_default();
        for time in (0..2).filter(|time| is_latest[*time]) {
            of_record[time] = membership.clone().map(|membership| Membership {
                is_cancelled: membership.is_cancelled || is_replaced[time],
                ..membership
            });
        }
    }
    Ok(())
}

/// What a record is to a figure; none = it is a partner's own total, which no record explains.
fn membership<'r>(
    record: &Record<'r>,
    settings: &'r AggregateSettings<'_>,
    query: &FigureQuery<'_>,
    scope: &Scope<'_>,
) -> Option<Membership> {
    if record.kind == Kind::Count {
        return None;
    }
    let reference = settings.reference;
    let mut codes = Vec::new();
    reference.source_codes(record, &mut codes);
    let in_all = query.area == ALL_RECEIVED;
    let role = record.area_role.filter(|_| !in_all).map(str::to_owned);
    Some(Membership {
        key: (
            record.partner().to_owned(),
            record.kind.as_str().to_owned(),
            role,
        ),
        is_cancelled: record.cancellation_reason.is_some(),
        in_series: is_in_series(record, &codes, query),
        in_window: month_of(record, reference).is_some_and(|month| query.includes(month)),
        in_area: in_all || is_in_area(record, query, scope),
    })
}

fn is_in_series(record: &Record<'_>, codes: &[SourceCode<'_>], query: &FigureQuery<'_>) -> bool {
    let series = query.plan.classify(record, codes);
    match &*query.series {
        "total" => true,
        "mapped" => !series.is_empty(),
        "unmapped" => series.is_empty(),
        name => {
            let mut of_plan = query.plan.series_in(series);
            let mut codes = codes.iter();
            of_plan.any(|series| series.id == name)
                || codes.any(|code| name == format!("{}:{}", code.scheme, code.code))
        }
    }
}

fn is_in_area(record: &Record<'_>, query: &FigureQuery<'_>, scope: &Scope<'_>) -> bool {
    let Some((code, level)) = record.area_code.zip(record.area_level) else {
        return false;
    };
    scope
        .tiers_of(level)
        .into_iter()
        .flat_map(|tier| scope.place(code, level, record.area_zone, tier))
        .any(|placed| placed == Placed::At(&query.area))
}

type ChangeReason = fn(&mut CountChange);

/// Why a record came into a figure or left it: once, or, if its role changed too, once for each
/// role.
fn reasons(
    before: Option<&Membership>,
    now: Option<&Membership>,
) -> Vec<(FigureKey, ChangeReason)> {
    let counted_before = before.filter(|membership| membership.counts());
    let counted_now = now.filter(|membership| membership.counts());
    match (counted_before, counted_now) {
        (Some(before), Some(now)) if before.key != now.key => {
            vec![
                (before.key.clone(), |change| change.relocated.1 += 1),
                (now.key.clone(), |change| change.relocated.0 += 1),
            ]
        }
        (Some(before), None) => vec![(before.key.clone(), reason_left(now))],
        (None, Some(now)) => vec![(now.key.clone(), reason_came(before))],
        _ => Vec::new(),
    }
}

fn reason_left(now: Option<&Membership>) -> ChangeReason {
    match now {
        Some(now) if now.is_cancelled => |change| change.cancelled += 1,
        Some(now) if !now.in_window => |change| change.redated.1 += 1,
        Some(now) if !now.in_area => |change| change.relocated.1 += 1,
        _ => |change| change.reclassified.1 += 1,
    }
}

fn reason_came(before: Option<&Membership>) -> ChangeReason {
    match before {
        None => |change| change.late += 1,
        Some(before) if before.is_cancelled => |change| change.reinstated += 1,
        Some(before) if !before.in_window => |change| change.redated.0 += 1,
        Some(before) if !before.in_area => |change| change.relocated.0 += 1,
        _ => |change| change.reclassified.0 += 1,
    }
}
