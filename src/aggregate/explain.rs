//! What a figure is made of, and what changed it between two times.
//!
//! The same code counts here that makes the tables. A change is split exactly: a record that came
//! into a cell or left it has one reason, the first that holds of cancelled, reinstated, late,
//! redated, relocated, reclassified.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use tokio::runtime::Handle;

use crate::aggregate::figures::bounded_count::Block;
use crate::aggregate::figures::periods::{Figures, lacks_area};
use crate::aggregate::figures::series::Series;
use crate::aggregate::figures::status::Status;
use crate::aggregate::figures::table_set::{Folder, Strip};
use crate::aggregate::run::{Read, fetch, over_chains};
use crate::aggregate::state::current::Fact;
use crate::aggregate::state::files::{Files, Part};
use crate::aggregate::state::history;
use crate::aggregate::state::latest::{Latest, identities};
use crate::aggregate::{Error, Progress, Settings, Wanted};
use crate::contract::Record;
use crate::event::{Kind, Micros, Month};
use crate::normalise::{self, Rows};
use crate::reference::geography::{Placed, Scope};
use crate::reference::plan::Plan;
use crate::reference::windows::Window;
use crate::storage::Store;

/// A cell of the tables, but for partner and kind.
#[derive(Clone, Debug)]
pub struct Cell<'c> {
    /// The plan.
    pub plan: &'c Plan,
    /// `total`, `mapped`, `unmapped`, a priority or theme, or `<scheme>:<code>`.
    pub series: String,
    /// A code of the tables, or `all`.
    pub area: String,
    /// The months.
    pub window: Window,
}

/// What a cell holds, for one partner's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whose records.
    pub partner: String,
    /// Their kind.
    pub kind: String,
    /// What the place is to the records; none where areas of all roles are together.
    pub role: Option<String>,
    /// The number, where it is known.
    pub count: Option<i64>,
    /// Its least.
    pub count_min: i64,
    /// Its greatest, where one is known.
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
    pub change: Option<Difference>,
}

/// A change between two times, by its reasons, each as records that came in or (negative) left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The count at the earlier time.
    pub before: i64,
    /// First received since.
    pub late: i64,
    /// Under the series since; no more.
    pub reclassified: (i64, i64),
    /// In the window since; no more.
    pub redated: (i64, i64),
    /// In the area since; no more.
    pub relocated: (i64, i64),
    /// Cancelled since.
    pub cancelled: i64,
    /// No longer cancelled.
    pub reinstated: i64,
}

impl Difference {
    /// All reasons together: the count now less the count before.
    pub fn sum(&self) -> i64 {
        let moved: i64 = [self.reclassified, self.redated, self.relocated]
            .iter()
            .map(|(came, left)| came - left)
            .sum();
        self.late + moved - self.cancelled + self.reinstated
    }
}

/// Explains a cell as at the time of the settings, which must want its plan; `None` where the store
/// holds nothing.
pub fn explain(
    store: &Store,
    settings: &Settings<'_>,
    cell: &Cell<'_>,
    before: Option<Micros>,
    runtime: &Handle,
    progress: &mut dyn Progress,
) -> Result<Option<Vec<Explanation>>, Error> {
    let read = over_chains(store, runtime, |chains| {
        let read = Read::of(store, chains, settings, runtime, progress)?;
        let open = |path: &str| fetch(store, path, runtime);
        let changes = match before {
            Some(before) => changes(
                &Files::of(chains, &open),
                settings,
                cell,
                (before, read.as_at),
            )?,
            None => HashMap::new(),
        };
        Ok((read, changes))
    })?;
    let Some((_, (read, changes))) = read else {
        return Ok(None);
    };
    let figures = Figures::of(&read.current, settings, &cell.plan.area, read.as_at)?;
    let folder = Folder::of(&figures, Wanted::Plan(cell.plan));
    let strips = folder
        .strips()
        .filter(|strip| is_named(strip.series, &cell.series));
    let mut told = Vec::new();
    for strip in strips {
        for (place, _, of) in strip.places().filter(|(_, _, of)| of.code == cell.area) {
            let Some(block) = strip.block(place, &cell.window) else {
                continue;
            };
            let mut explanation = explanation(&figures, &strip, place, &cell.window, block);
            let kind = strip.partner_kind();
            explanation.change = before.map(|_| {
                let key = (kind.partner.clone(), kind.kind.clone(), of.role.clone());
                let mut change = changes.get(&key).copied().unwrap_or_default();
                change.before = block.min - change.sum();
                change
            });
            told.push(explanation);
        }
    }
    Ok(Some(told))
}

fn is_named(series: &Series, name: &str) -> bool {
    match &series.scheme {
        None => series.id == name,
        Some(scheme) => {
            name.strip_prefix(&**scheme)
                .and_then(|rest| rest.strip_prefix(':'))
                == Some(&series.id)
        }
    }
}

fn explanation(
    figures: &Figures<'_>,
    strip: &Strip<'_>,
    place: usize,
    window: &Window,
    block: Block,
) -> Explanation {
    let kind = strip.partner_kind();
    let place_of = strip.place(place);
    let months = window.first.to(window.last()).map(|month| {
        let held = figures.held[strip.kind].as_ref();
        let status = held
            .and_then(|held| held.status_of(month))
            .unwrap_or(Status::Overdue);
        let count = strip
            .block(place, &Window::of_month(month))
            .and_then(Block::exact);
        (month, count, Status::NAMES[status as usize])
    });
    let (rules, codes) = made_of(figures, strip, place, window);
    Explanation {
        partner: kind.partner.clone(),
        kind: kind.kind.clone(),
        role: place_of.role.clone(),
        count: block.exact(),
        count_min: block.min,
        count_max: block.max(),
        count_status: Block::STATUSES[block.status() as usize],
        rules,
        codes,
        months: months.collect(),
        breaks: strip
            .breaks(window.first, window, place_of)
            .split(';')
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect(),
        change: None,
    }
}

type Counts = Vec<(String, i64)>;

/// The records of a cell by rule and by code.
fn made_of(
    figures: &Figures<'_>,
    strip: &Strip<'_>,
    place: usize,
    window: &Window,
) -> (Counts, Counts) {
    let (current, frame) = (figures.current, &strip.framed.frame);
    let target = figures.places.of_kind[strip.kind][place];
    let series = strip.number - strip.framed.first_series;
    let mut of_class: BTreeMap<u32, i64> = BTreeMap::new();
    let in_window = |fact: &&Fact| (window.first..=window.last()).contains(&fact.month);
    for fact in figures.facts(strip.kind).iter().filter(in_window) {
        let class = frame.class(current, fact.profile);
        let counts = frame.of_class[class as usize].contains(&series);
        if counts
            && figures
                .places
                .targets(strip.kind, fact.area)
                .contains(&target)
        {
            *of_class.entry(class).or_default() += 1;
        }
    }
    let (mut rules, mut codes): (BTreeMap<usize, i64>, BTreeMap<String, i64>) = Default::default();
    for (class, count) in of_class {
        let class = &current.classes[class as usize];
        let own = frame.plan.into_iter().flat_map(Plan::rules);
        let own = own.filter(|(_, of, _)| {
            frame
                .plan
                .is_some_and(|plan| plan.series[*of].id == strip.series.id)
        });
        own.filter(|(number, ..)| class.rules.contains(*number))
            .for_each(|(number, ..)| *rules.entry(number).or_default() += count);
        for code in &current.what[class.what as usize].codes {
            let code = &current.categories[*code as usize];
            *codes
                .entry(format!("{}:{}", code.scheme, code.code))
                .or_default() += count;
        }
    }
    let named = frame.plan.into_iter().flat_map(Plan::rules);
    let rules = named
        .filter_map(|(number, _, rule)| Some((rule.id.clone(), *rules.get(&number)?)))
        .collect();
    let mut codes: Counts = codes.into_iter().collect();
    codes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    (rules, codes)
}

/// Partner, kind and role.
type Key = (String, String, Option<String>);

/// A record at one time, as far as a cell asks.
#[derive(Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
struct State {
    key: Key,
    cancelled: bool,
    of_series: bool,
    in_window: bool,
    in_area: bool,
}

impl State {
    fn is_in(&self) -> bool {
        !self.cancelled && self.of_series && self.in_window && self.in_area
    }
}

/// The states of a record whose latest row is not the same at both times.
type States = HashMap<[u64; 2], [Option<State>; 2]>;

/// What changed a cell between two times, by partner, kind and role.
fn changes(
    files: &Files<'_>,
    settings: &Settings<'_>,
    cell: &Cell<'_>,
    (before, now): (Micros, Option<Micros>),
) -> Result<HashMap<Key, Difference>, Error> {
    let latest = [
        Latest::find(files, Some(before), |_| {})?,
        Latest::find(files, now, |_| {})?,
    ];
    let scope = settings
        .reference
        .geography
        .scope(&cell.plan.area)
        .ok_or_else(|| lacks_area(&cell.plan.area))?;
    let schema = normalise::schema();
    let columns: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let mut states = States::new();
    files.for_each(&columns, |part| {
        differing(part, &latest, settings, cell, &scope, &mut states)
    })?;
    let mut changes: HashMap<Key, Difference> = HashMap::new();
    for [before, now] in states.into_values() {
        for (key, reason) in reasons(before.as_ref(), now.as_ref()) {
            reason(changes.entry(key).or_default());
        }
    }
    Ok(changes)
}

fn differing(
    part: &Part,
    latest: &[Latest; 2],
    settings: &Settings<'_>,
    cell: &Cell<'_>,
    scope: &Scope<'_>,
    states: &mut States,
) -> Result<(), Error> {
    let rows = 0..part.batch.num_rows();
    let holds = |row: usize| {
        latest
            .each_ref()
            .map(|latest| latest.holds(part.file, part.first_row + row))
    };
    let differing: Vec<usize> = rows
        .filter(|row| matches!(holds(*row), [true, false] | [false, true]))
        .collect();
    if differing.is_empty() {
        return Ok(());
    }
    let records = Rows::new(&part.batch);
    for (row, identity) in differing.iter().zip(identities(&part.batch, &differing)?) {
        let state = state(&records.record(*row), settings, cell, scope);
        let time = usize::from(holds(*row)[1]);
        states.entry(identity).or_default()[time] = state;
    }
    Ok(())
}

/// None for a partner's own total, which no record explains.
fn state<'r>(
    record: &Record<'r>,
    settings: &'r Settings<'_>,
    cell: &Cell<'_>,
    scope: &Scope<'_>,
) -> Option<State> {
    if record.kind == Kind::Count {
        return None;
    }
    let reference = settings.reference;
    let month = history::month_of(record, reference);
    let mut codes = Vec::new();
    reference.source_codes(record, &mut codes);
    let series = cell.plan.classify(record, &codes);
    let of_series = match &*cell.series {
        "total" => true,
        "mapped" => !series.is_empty(),
        "unmapped" => series.is_empty(),
        name => {
            let of_plan = cell.plan.of_set(series).any(|series| series.id == name);
            of_plan
                || codes
                    .iter()
                    .any(|code| name == format!("{}:{}", code.scheme, code.code))
        }
    };
    let placed = |(code, level): (&str, &str)| {
        let tiers = scope.tiers_of(level).into_iter();
        let mut placed = tiers.flat_map(|tier| scope.place(code, level, record.area_zone, tier));
        placed.any(|placed| placed == Placed::At(&cell.area))
    };
    let area = record.area_code.zip(record.area_level);
    let in_all = cell.area == crate::aggregate::figures::areas::ALL;
    let role = record.area_role.filter(|_| !in_all).map(str::to_owned);
    Some(State {
        key: (
            record.partner().to_owned(),
            record.kind.as_str().to_owned(),
            role,
        ),
        cancelled: record.cancellation_reason.is_some(),
        of_series,
        in_window: month
            .is_some_and(|month| (cell.window.first..=cell.window.last()).contains(&month)),
        in_area: in_all || area.is_some_and(placed),
    })
}

type Reason = fn(&mut Difference);

/// Why a record came into a cell or left it: once, or, where its role changed too, once for each
/// role.
fn reasons(before: Option<&State>, now: Option<&State>) -> Vec<(Key, Reason)> {
    let was_in = before.filter(|state| state.is_in());
    let is_in = now.filter(|state| state.is_in());
    match (was_in, is_in) {
        (Some(before), Some(now)) if before.key != now.key => {
            vec![
                (before.key.clone(), |change| change.relocated.1 += 1),
                (now.key.clone(), |change| change.relocated.0 += 1),
            ]
        }
        (Some(before), None) => vec![(before.key.clone(), left(now))],
        (None, Some(now)) => vec![(now.key.clone(), came(before))],
        _ => Vec::new(),
    }
}

fn left(now: Option<&State>) -> Reason {
    match now {
        Some(now) if now.cancelled => |change| change.cancelled += 1,
        Some(now) if !now.in_window => |change| change.redated.1 += 1,
        Some(now) if !now.in_area => |change| change.relocated.1 += 1,
        _ => |change| change.reclassified.1 += 1,
    }
}

fn came(before: Option<&State>) -> Reason {
    match before {
        None => |change| change.late += 1,
        Some(before) if before.cancelled => |change| change.reinstated += 1,
        Some(before) if !before.in_window => |change| change.redated.0 += 1,
        Some(before) if !before.in_area => |change| change.relocated.0 += 1,
        _ => |change| change.reclassified.0 += 1,
    }
}
