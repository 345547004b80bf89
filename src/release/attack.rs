//! The attack on a release, from its files alone: the bounds of every hidden number, and everything
//! else in them that shows more than it should.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::tables::change::base_spans;
use crate::aggregate::tables::{ColumnPurpose, ColumnSpec, TableValue, ValueType};
use crate::disclosure::{self, Cell, Form, System};
use crate::reference::windows::Window;
use crate::release::ReleaseError;
use crate::release::derived::Base;
use crate::release::figures;
use crate::release::keys::{CellKey, SeriesRef};
use crate::release::published::{KeyColumns, PublishedCell, PublishedForm};
use crate::release::relations::{SeriesRule, Structure, build};
use crate::release::table::ReleaseTable;

/// What the attack found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A hidden number has one possible value.
    Exposed,
    /// A hidden number has fewer possible values than its rule demands.
    Narrow,
    /// What is published contradicts itself.
    Contradiction,
    /// A small number is shown, or an unrounded one where the rule rounds.
    Shown,
    /// One number is published in two forms.
    TwoForms,
    /// A share, a rate or a rank is beside a hidden number, or a rank in a set with one.
    Derived,
}

impl FindingKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exposed => "exposed",
            Self::Narrow => "narrow",
            Self::Contradiction => "contradiction",
            Self::Shown => "shown",
            Self::TwoForms => "two forms",
            Self::Derived => "derived",
        }
    }
}

/// One thing that the attack found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// Where, by keys.
    pub text: String,
}

/// The result of an attack.
#[derive(Clone, Debug, Default)]
pub struct ReleaseAttack {
    /// Numbers of the tables.
    pub cells: usize,
    /// Hidden ones.
    pub suppressed: usize,
    /// In order; none = the release withstands it.
    pub findings: Vec<Finding>,
}

/// An attack on the finished tables that found nothing. Without one, no manifest is written.
#[derive(Debug)]
pub(crate) struct PassedAttack(ReleaseAttack);

impl PassedAttack {
    /// An error if the attack found something; the first findings are logged.
    pub(crate) fn new(attack: ReleaseAttack) -> Result<Self, ReleaseError> {
        for finding in attack.findings.iter().take(10) {
            tracing::error!("{}: {}", finding.kind.as_str(), finding.text);
        }
        match attack.findings.len() {
            0 => Ok(Self(attack)),
            findings => Err(ReleaseError::Internal { findings }),
        }
    }

    /// Its result.
    pub(crate) fn into_result(self) -> ReleaseAttack {
        self.0
    }
}

/// What `disclosure.parquet` states of a combination of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PublishedRule {
    pub(crate) hide: i64,
    pub(crate) spread: i64,
    pub(crate) round: i64,
    pub(crate) base: i64,
}

/// The files of a release, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublishedRelease {
    pub(crate) cells: Vec<(CellKey, PublishedCell)>,
    pub(crate) rules: BTreeMap<String, PublishedRule>,
    pub(crate) structure: Structure,
    /// The tables of figures, for what is beside a number.
    pub(crate) tables: Vec<ReleaseTable>,
    pub(crate) plan: PlanScopes,
}

/// The priorities and themes of a plan, with what they cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlanScopes {
    pub(crate) id: String,
    /// The kind, id and scope of each.
    pub(crate) series: Vec<[String; 3]>,
}

impl PlanScopes {
    /// A series of another plan as this one names it: a priority with the same scope is the same series,
    /// and another is a series of its own.
    fn rename(&self, series: &SeriesRef, plan: &Self) -> SeriesRef {
        if series.is_code() || *series == SeriesRef::named("total") || self.id == plan.id {
            return series.clone();
        }
        let mut theirs = plan.series.iter();
        let theirs = theirs.find(|own| own[0] == series.kind && own[1] == series.id);
        let same = theirs.and_then(|[.., scope]| {
            let mut own = self.series.iter();
            own.find(|[.., of]| of == scope)
        });
        match same {
            Some([kind, id, _]) => SeriesRef {
                kind: kind.clone(),
                id: id.clone(),
                scheme: None,
            },
            None => SeriesRef {
                id: format!("{}/{}", plan.id, series.id),
                ..series.clone()
            },
        }
    }
}

impl PublishedRelease {
    /// Names the series of another plan as a plan does. Of those that the plan does not have, only that
    /// they are at most the total is used.
    pub(crate) fn rename(&mut self, plan: &PlanScopes) {
        if self.plan.id == plan.id {
            return;
        }
        let theirs = std::mem::replace(&mut self.plan, plan.clone());
        for (key, _) in &mut self.cells {
            key.series = plan.rename(&key.series, &theirs);
        }
        for relation in &mut self.structure.series {
            relation.whole = plan.rename(&relation.whole, &theirs);
            for part in &mut relation.parts {
                *part = plan.rename(part, &theirs);
            }
        }
        let listings = std::mem::take(&mut self.structure.listings).into_iter();
        self.structure.listings = listings
            .map(|own| own.rename(|series| plan.rename(series, &theirs)))
            .collect();
        self.structure.series.retain(|relation| {
            let of_total = relation.whole == SeriesRef::named("total");
            let is_own = !relation.parts.iter().any(SeriesRef::is_of_another_plan)
                && !relation.whole.is_of_another_plan();
            is_own || (of_total && relation.rule == SeriesRule::Within && relation.parts.len() == 1)
        });
        // What is computed in the tables was checked with the release that they belong to.
        self.tables.clear();
    }

    /// Adds what another release shows.
    pub(crate) fn join(&mut self, mut other: Self) {
        other.rename(&self.plan);
        self.cells.extend(other.cells);
        self.rules.extend(other.rules);
        self.tables.extend(other.tables);
        self.structure.windows.extend(other.structure.windows);
        self.structure.listings.extend(other.structure.listings);
        for area in other.structure.areas {
            if !self.structure.areas.contains(&area) {
                self.structure.areas.push(area);
            }
        }
        for relation in other.structure.series {
            if !self.structure.series.contains(&relation) {
                self.structure.series.push(relation);
            }
        }
    }
}

/// Attacks a release.
pub(crate) fn attack(release: &PublishedRelease) -> Result<ReleaseAttack, ReleaseError> {
    let mut found = ReleaseAttack::default();
    let mut cells: BTreeMap<&CellKey, &PublishedCell> = BTreeMap::new();
    for (key, cell) in &release.cells {
        if let Some(known) = cells.insert(key, cell)
            && known.form != cell.form
        {
            // Of two releases the one that shows the number is what an attacker uses.
            if known.form.value().is_some() && cell.form.value().is_none() {
                cells.insert(key, known);
            }
            found.findings.push(Finding {
                kind: FindingKind::TwoForms,
                text: key.text(),
            });
        }
        let rule = rule(release, cell)?;
        found.findings.extend(shown(key, cell.form, rule));
    }
    for table in &release.tables {
        found.findings.extend(derived(release, table));
    }
    found.findings.extend(bases(release, &cells));
    found.cells = cells.len();
    found.suppressed = cells
        .values()
        .filter(|cell| is_suppressed(cell.form))
        .count();
    let mut blocks: BTreeMap<(&str, &str), Vec<(&CellKey, &PublishedCell)>> = BTreeMap::new();
    for (key, cell) in &cells {
        let of = (&*key.partner, &*key.kind);
        blocks.entry(of).or_default().push((key, cell));
    }
    for block in blocks.values() {
        found.findings.extend(attack_block(release, block, &cells)?);
    }
    found.findings.sort();
    Ok(found)
}

fn is_suppressed(form: PublishedForm) -> bool {
    matches!(form, PublishedForm::Suppressed { .. })
}

fn rule(release: &PublishedRelease, cell: &PublishedCell) -> Result<PublishedRule, ReleaseError> {
    let rule = release.rules.get(&cell.rules).copied();
    rule.ok_or_else(|| ReleaseError::Damaged {
        file: "disclosure.parquet".to_owned(),
        why: format!("it has no rule `{}`", cell.rules),
    })
}

/// A number that its rule hides or rounds, and that is shown.
fn shown(key: &CellKey, form: PublishedForm, rule: PublishedRule) -> Option<Finding> {
    let is_wrong = match form {
        PublishedForm::Exact(value) => {
            (1..=rule.hide).contains(&value) || (rule.round > 0 && value > 0)
        }
        PublishedForm::Rounded { value, low, .. } => {
            rule.round == 0 || value % rule.round != 0 || low <= rule.hide
        }
        _ => false,
    };
    is_wrong.then(|| Finding {
        kind: FindingKind::Shown,
        text: key.text(),
    })
}

/// Numbers that are computed from hidden ones, or would show where they are.
fn derived(release: &PublishedRelease, table: &ReleaseTable) -> Vec<Finding> {
    let Some(figures) = figures::find(table.name) else {
        return Vec::new();
    };
    let keys = KeyColumns::new(figures, table);
    let mut findings = Vec::new();
    let mut add = |row: &[TableValue]| {
        findings.push(Finding {
            kind: FindingKind::Derived,
            text: format!("{}: {}", table.name, keys.key(row).text()),
        });
    };
    let statuses = figures.counts.iter().map(|count| count.status);
    let statuses: Vec<usize> = statuses
        .chain(["base_status"])
        .filter_map(|column| table.position(column))
        .collect();
    let is_hidden = |row: &[TableValue]| {
        let mut own = statuses.iter();
        own.any(|status| row[*status].text() == Some("suppressed"))
    };
    let numbers = computed_numbers(table);
    for row in table.rows.iter().filter(|row| is_hidden(row)) {
        if numbers
            .iter()
            .any(|column| row[*column] != TableValue::Null)
        {
            add(row);
        }
    }
    // Rows whose numbers are computed together: one hidden number leaves all of them empty.
    let together = match table.name {
        "window_totals" => table.position("rank_min").zip(table.position("rank_set")),
        "spc" => table.position("centre").zip(table.position("segment")),
        "profile" => table.position("times_mean").zip(table.position("plan_id")),
        _ => None,
    };
    if let Some((number, set)) = together {
        let group = |row: &[TableValue]| {
            let mut key = keys.key(row);
            match table.name {
                "window_totals" => key.area.code = row[set].key().unwrap_or_default(),
                "spc" => key.window = window_length(release, &key.window),
                _ => {}
            }
            key
        };
        let in_set =
            |row: &&Vec<TableValue>| table.name != "window_totals" || row[set] != TableValue::Null;
        let hidden: BTreeSet<CellKey> = table
            .rows
            .iter()
            .filter(|row| is_hidden(row) && in_set(row))
            .map(|row| group(row))
            .collect();
        for row in &table.rows {
            if row[number] != TableValue::Null && hidden.contains(&group(row)) {
                add(row);
            }
        }
    }
    findings
}

/// The columns of numbers that are computed from counts.
fn computed_numbers(table: &ReleaseTable) -> Vec<usize> {
    let is_number = |column: &ColumnSpec| {
        let is_computed = column.role == ColumnPurpose::Measure || column.name == "harm_unweighted";
        is_computed && matches!(column.value_type, ValueType::Integer | ValueType::Number)
    };
    let columns = table.columns.iter().enumerate();
    let columns = columns.filter(|(_, column)| is_number(column));
    columns.map(|(index, _)| index).collect()
}

fn window_length(release: &PublishedRelease, window: &str) -> String {
    let span = release.structure.windows.get(window);
    span.map_or_else(String::new, |(first, last)| {
        first.to(*last).count().to_string()
    })
}

/// Comparisons whose base is not what the release shows of it.
fn bases(release: &PublishedRelease, cells: &BTreeMap<&CellKey, &PublishedCell>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let changes = release.tables.iter().filter(|own| own.name == "change");
    for (table, figures) in changes.filter_map(|own| Some((own, figures::find(own.name)?))) {
        let keys = KeyColumns::new(figures, table);
        let columns = ["baseline", "base_status", "base_min", "base_max"];
        let [baseline, status, low, high] = columns.map(|column| table.index(column));
        for row in &table.rows {
            let key = keys.key(row);
            let name = row[baseline].text().unwrap_or_default();
            let window = Window::parse(&key.window);
            let spans = window.map(|window| base_spans(name, &window));
            let spans = spans.unwrap_or_default();
            let forms = spans.iter().map(|span| {
                let windows = release.structure.windows.iter();
                let mut same = windows.filter(|(_, own)| *own == span);
                same.find_map(|(id, _)| cells.get(&key.in_window(id)).map(|cell| cell.form))
            });
            let forms: Vec<PublishedForm> = forms
                .map(|form| form.unwrap_or(PublishedForm::NotSupplied))
                .collect();
            let base = Base::new(&forms);
            let is_right = row[status].text() == Some(base.status)
                && row[low].integer() == base.low
                && row[high].integer() == base.high;
            if !spans.is_empty() && !is_right {
                findings.push(Finding {
                    kind: FindingKind::Derived,
                    text: format!("base of {name}: {}", key.text()),
                });
            }
        }
    }
    findings
}

fn attack_block(
    release: &PublishedRelease,
    block: &[(&CellKey, &PublishedCell)],
    cells: &BTreeMap<&CellKey, &PublishedCell>,
) -> Result<Vec<Finding>, ReleaseError> {
    let mut system = System::default();
    let mut indexes = BTreeMap::new();
    let mut missing = BTreeSet::new();
    let mut rules = Vec::new();
    for (key, cell) in block {
        let rule = rule(release, cell)?;
        let (value, form) = match cell.form {
            PublishedForm::Exact(value) => (value, Form::Exact),
            PublishedForm::Rounded { value, low, high } => (value, Form::Rounded { low, high }),
            PublishedForm::Suppressed { .. } => (0, Form::Hidden),
            PublishedForm::NotSupplied => {
                missing.insert(*key);
                continue;
            }
        };
        let PublishedForm::Suppressed { low } = cell.form else {
            indexes.insert(*key, rules.len());
            system.cells.push(Cell {
                form,
                ..Cell::public(value)
            });
            rules.push(rule);
            continue;
        };
        indexes.insert(*key, rules.len());
        let spread = breakdown_spread(key, low, rule, cells).unwrap_or(rule.spread);
        system.cells.push(Cell {
            floor: low,
            ..Cell::hidden(value, spread)
        });
        rules.push(rule);
    }
    let built = build(&release.structure, &indexes, &missing);
    for rest in &built.remainders {
        let rule = rules[rest.whole];
        rules.push(rule);
        system.cells.push(Cell {
            floor: 0,
            ..Cell::hidden(0, rule.spread)
        });
    }
    system.relations = built.relations;
    let keys: Vec<&CellKey> = block
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| !missing.contains(key))
        .collect();
    let Some(intervals) = disclosure::attack(&system, false) else {
        let first = block.first().map(|(key, _)| key.text());
        return Ok(vec![Finding {
            kind: FindingKind::Contradiction,
            text: first.unwrap_or_default(),
        }]);
    };
    let mut findings = Vec::new();
    for interval in intervals {
        let spread = system.cells[interval.cell].spread;
        let key = keys.get(interval.cell);
        // Of a number that may be 0, only a small number of records would be a finding: that there
        // are none, or many, may be computed.
        let may_be_zero = system.cells[interval.cell].floor == 0;
        let rule = rules[interval.cell];
        let small = rule.hide.max(rule.base);
        let is_small = interval.least >= 1 && interval.most.is_some_and(|most| most <= small);
        if (may_be_zero && !is_small) || !interval.is_narrower_than(spread) {
            continue;
        }
        let most = interval.most.unwrap_or_default();
        let text = key.map_or_else(|| "a remainder".to_owned(), |key| key.text());
        findings.push(Finding {
            kind: if interval.is_exposed() {
                FindingKind::Exposed
            } else {
                FindingKind::Narrow
            },
            text: format!("{text}: {} to {most}", interval.least),
        });
    }
    Ok(findings)
}

/// The number of values that a number of a breakdown that is hidden completely must have.
fn breakdown_spread(
    key: &CellKey,
    low: i64,
    rule: PublishedRule,
    cells: &BTreeMap<&CellKey, &PublishedCell>,
) -> Option<i64> {
    if low > 0 || rule.base == 0 {
        return None;
    }
    let wholes = key.wholes();
    let values = wholes
        .iter()
        .filter_map(|whole| cells.get(whole)?.form.value());
    let base = values.filter(|value| (1..=rule.base).contains(value)).min();
    base.map(|base| 4.min(base + 1))
}
