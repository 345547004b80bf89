//! The attack on a release, from its files alone: the bounds of every hidden number, and everything
//! else in them that shows more than it should.

use std::collections::{BTreeMap, BTreeSet};

use crate::disclosure::{self, Cell, Form, System};
use crate::release::ReleaseError;
use crate::release::cells::{CellKey, SeriesRef};
use crate::release::published::{PublishedCell, PublishedForm};
use crate::release::relations::{Structure, build};
use crate::release::table::{Datum, ReleaseTable};

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
}

impl PublishedRelease {
    /// Adds what another release shows.
    pub(crate) fn join(&mut self, other: Self) {
        self.cells.extend(other.cells);
        self.rules.extend(other.rules);
        self.tables.extend(other.tables);
        self.structure.windows.extend(other.structure.windows);
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
    let mut found = ReleaseAttack {
        cells: release.cells.len(),
        ..ReleaseAttack::default()
    };
    let mut cells: BTreeMap<&CellKey, &PublishedCell> = BTreeMap::new();
    for (key, cell) in &release.cells {
        found.suppressed += usize::from(is_suppressed(cell.form));
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
        found.findings.extend(derived(table));
    }
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
fn derived(table: &ReleaseTable) -> Vec<Finding> {
    let mut findings = Vec::new();
    let status = table.index("count_status");
    let columns: &[&str] = if table.name == "factors" {
        &["share_of_known_pct"]
    } else {
        &[
            "share_pct",
            "rate_per_1000",
            "rank_min",
            "rank_max",
            "rank_of",
        ]
    };
    let columns: Vec<usize> = columns.iter().map(|column| table.index(column)).collect();
    let mut add = |row: &[Datum]| {
        let keys = row[..12].iter().filter_map(Datum::as_text);
        findings.push(Finding {
            kind: FindingKind::Derived,
            text: keys.collect::<Vec<_>>().join(" "),
        });
    };
    let is_hidden = |row: &[Datum]| row[status].as_text() == Some("suppressed");
    for row in table.rows.iter().filter(|row| is_hidden(row)) {
        if columns.iter().any(|column| row[*column] != Datum::Null) {
            add(row);
        }
    }
    if table.name == "factors" {
        return findings;
    }
    // The areas that are ranked together: all keys but the area, and its set.
    let (set, rank) = (table.index("rank_set"), table.index("rank_min"));
    let peers = |row: &[Datum]| {
        let keys = row[..10].iter().chain([&row[11], &row[set]]);
        format!("{:?}", keys.collect::<Vec<_>>())
    };
    let hidden: BTreeSet<String> = table
        .rows
        .iter()
        .filter(|row| is_hidden(row) && row[set] != Datum::Null)
        .map(|row| peers(row))
        .collect();
    for row in &table.rows {
        if row[rank] != Datum::Null && hidden.contains(&peers(row)) {
            add(row);
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
    let wholes = [SeriesRef::named("total"), key.series.clone()];
    let wholes = wholes.map(|series| key.of_series(series));
    let values = wholes.iter().filter(|whole| *whole != key);
    let values = values.filter_map(|whole| cells.get(whole)?.form.value());
    let base = values.filter(|value| (1..=rule.base).contains(value)).min();
    base.map(|base| 4.min(base + 1))
}
