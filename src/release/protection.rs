//! From exact numbers to published ones: what is hidden from the start, and what is hidden besides.
//!
//! Every partner's kind is a block of its own: no relation joins two.

use std::collections::{BTreeMap, BTreeSet};

use crate::disclosure::{self, Cell, Form, Protection, System};
use crate::release::cells::{ExactCell, ExactCells, Known};
use crate::release::earlier::Earlier;
use crate::release::keys::CellKey;
use crate::release::published::{PublishedCell, PublishedCells, PublishedForm, rounded_bounds};
use crate::release::relations::{BlockRelations, Structure, build};
use crate::release::rules::{ROUND, Revised, Safeguard};
use crate::release::{BlockSummary, CostlySuppression, ReleaseError};

/// The most values that a breakdown that is hidden completely must leave.
const BREAKDOWN_SPREAD: i64 = 4;

/// The published cells of a block, and what it took.
pub(crate) struct ProtectedBlock {
    pub(crate) cells: PublishedCells,
    pub(crate) summary: BlockSummary,
}

/// Protects the cells of one partner's kind.
pub(crate) fn protect(
    cells: &ExactCells,
    structure: &Structure,
    earlier: &Earlier,
) -> Result<ProtectedBlock, ReleaseError> {
    let mut block = Block::new(cells, earlier);
    let relations = block.relate(structure)?;
    block.check(&relations)?;
    let primary = block.hidden_cells();
    let remainders = relations.remainders.iter();
    let remainders = remainders.filter(|rest| block.system.cells[rest.cell].spread > 0);
    let remainders = remainders.count();
    let protection = disclosure::protect(&mut block.system);
    let protection = protection.map_err(|failed| ReleaseError::Unprotectable {
        cells: block.texts(failed.iter().map(|of| of.cell)),
    })?;
    Ok(block.publish(primary, remainders, &protection))
}

/// What is published of a number if it is not hidden, and whether it is.
fn form(value: i64, safeguard: &Safeguard) -> Form {
    if (1..=safeguard.hide).contains(&value) {
        Form::Hidden
    } else if safeguard.round == ROUND && value > 0 {
        let (low, high) = rounded_bounds(rounded(value), safeguard.hide);
        Form::Rounded { low, high }
    } else {
        Form::Exact
    }
}

/// The nearest multiple of 5.
pub(crate) fn rounded(value: i64) -> i64 {
    (value + ROUND / 2) / ROUND * ROUND
}

struct Block<'b> {
    cells: &'b ExactCells,
    earlier: &'b Earlier,
    /// The cells with numbers, and those of earlier releases, by index.
    keys: Vec<&'b CellKey>,
    missing: BTreeSet<&'b CellKey>,
    /// What each remainder is; their indexes follow those of the keys.
    remainders: Vec<CellKey>,
    safeguards: Vec<&'b Safeguard>,
    /// Suppressed in an earlier release.
    sticky: usize,
    /// Shown in an earlier release, and changed by a small number since.
    revised: Vec<String>,
    system: System,
}

impl<'b> Block<'b> {
    fn new(cells: &'b ExactCells, earlier: &'b Earlier) -> Self {
        let mut block = Self {
            cells,
            earlier,
            keys: Vec::new(),
            missing: BTreeSet::new(),
            remainders: Vec::new(),
            safeguards: Vec::new(),
            sticky: 0,
            revised: Vec::new(),
            system: System::default(),
        };
        for (key, cell) in cells {
            let engine_cell = match cell.known {
                Known::Exact(value) => block.exact(key, cell, value),
                Known::Interval { min, max } => interval(cell, min, max),
                Known::Missing => {
                    block.missing.insert(key);
                    continue;
                }
            };
            block.keys.push(key);
            block.safeguards.push(&cell.safeguard);
            block.system.cells.push(engine_cell);
        }
        if let Some(first) = cells.keys().next() {
            for (key, ghost) in earlier.ghosts(&first.partner, &first.kind) {
                if !cells.contains_key(key) {
                    block.keys.push(key);
                    block.safeguards.push(&ghost.safeguard);
                    block.system.cells.push(ghost.cell());
                }
            }
            let unpublished = earlier.unpublished(&first.partner, &first.kind);
            let missing = unpublished.filter(|key| !cells.contains_key(*key));
            block.missing.extend(missing);
        }
        block
    }

    fn exact(&mut self, key: &CellKey, cell: &ExactCell, value: i64) -> Cell {
        let safeguard = &cell.safeguard;
        let mut engine_cell = Cell {
            form: form(value, safeguard),
            is_choosable: !safeguard.is_public,
            ..Cell::shown(value, safeguard.spread)
        };
        if let Some(base) = cell.base {
            engine_cell.form = Form::Hidden;
            engine_cell.floor = 0;
            // A 0 is hidden only to protect the others: that nobody is there may be computed.
            engine_cell.spread = if value > 0 {
                BREAKDOWN_SPREAD.min(base + 1)
            } else {
                0
            };
            return engine_cell;
        }
        match self.earlier.form(key) {
            Some(PublishedForm::Suppressed { .. }) if value > 0 => {
                if !engine_cell.is_hidden() {
                    self.sticky += 1;
                }
                engine_cell.form = Form::Hidden;
            }
            Some(shown) if shown.value().is_some() => {
                let before = shown.value().unwrap_or_default();
                // A rounded number that still rounds to the same has not changed for anyone.
                let now = match shown {
                    PublishedForm::Rounded { .. } => rounded(value),
                    _ => value,
                };
                let change = (now - before).abs();
                if (1..=safeguard.hide.max(1)).contains(&change) {
                    self.revised.push(key.text());
                    if safeguard.revised == Revised::Hide && value > 0 {
                        engine_cell.form = Form::Hidden;
                    }
                }
                // Anyone knows it from before: suppressing it would hide nothing.
                engine_cell.is_choosable = false;
            }
            _ => {}
        }
        engine_cell
    }

    /// Adds the relations, and the remainders that they contain.
    fn relate(&mut self, structure: &Structure) -> Result<BlockRelations, ReleaseError> {
        let indexes = self.keys.iter().enumerate();
        let indexes: BTreeMap<&CellKey, usize> =
            indexes.map(|(index, key)| (*key, index)).collect();
        let built = build(structure, &indexes, &self.missing);
        if let Some((a, b)) = built.overlaps.first() {
            return Err(ReleaseError::Overlap {
                a: a.clone(),
                b: b.clone(),
            });
        }
        for rest in &built.remainders {
            let cells = &self.system.cells;
            let parts: i64 = rest.parts.iter().map(|part| cells[*part].value).sum();
            let value = cells[rest.whole].value - parts;
            // A remainder of a remainder is protected as the number that it is a part of.
            let safeguard = self.safeguards[rest.whole];
            self.remainders.push(rest.key.clone());
            let is_small = (1..=safeguard.hide).contains(&value);
            self.safeguards.push(safeguard);
            self.system.cells.push(Cell {
                floor: 0,
                is_choosable: false,
                ..Cell::hidden(value, if is_small { safeguard.spread } else { 0 })
            });
        }
        self.system.relations.clone_from(&built.relations);
        Ok(built)
    }

    /// Whether the true numbers satisfy every relation, and no remainder is below 0.
    fn check(&self, built: &BlockRelations) -> Result<(), ReleaseError> {
        let negative = built.remainders.iter();
        let negative = negative
            .filter(|rest| self.system.cells[rest.cell].value < 0)
            .map(|rest| rest.whole);
        let contradictions = self.system.contradictions();
        let failed = contradictions.iter().map(|found| {
            let terms = &self.system.relations[found.relation].terms;
            let whole = terms.iter().find(|(_, factor)| *factor < 0);
            whole.map_or(0, |(cell, _)| *cell)
        });
        let cells: Vec<usize> = negative.chain(failed).collect();
        if cells.is_empty() {
            return Ok(());
        }
        Err(ReleaseError::Contradiction {
            cells: self.texts(cells),
        })
    }

    /// What cells are, for a message; the first few.
    fn texts(&self, cells: impl IntoIterator<Item = usize>) -> String {
        const SHOWN: usize = 5;
        let cells: Vec<usize> = cells.into_iter().collect();
        let text = |cell: &usize| {
            let remainder = cell
                .checked_sub(self.keys.len())
                .map(|rest| format!("the remainder {}", self.remainders[rest].text()));
            remainder.unwrap_or_else(|| self.keys[*cell].text())
        };
        let mut texts: Vec<String> = cells.iter().take(SHOWN).map(text).collect();
        texts.dedup();
        if cells.len() > SHOWN {
            texts.push(format!("and {} more", cells.len() - SHOWN));
        }
        texts.join("; ")
    }

    fn hidden_cells(&self) -> usize {
        let cells = self.keys.iter().zip(&self.system.cells);
        cells.filter(|(_, cell)| cell.is_hidden()).count()
    }

    fn publish(self, primary: usize, remainders: usize, protection: &Protection) -> ProtectedBlock {
        let mut published = PublishedCells::new();
        let by_key = self.keys.iter().zip(&self.system.cells);
        let by_key: BTreeMap<&CellKey, &Cell> = by_key.map(|(key, cell)| (*key, cell)).collect();
        for (key, cell) in self.cells {
            let form = match by_key.get(key) {
                None => PublishedForm::NotSupplied,
                Some(own) => match own.form {
                    Form::Exact => PublishedForm::Exact(own.value),
                    Form::Rounded { low, high } => PublishedForm::Rounded {
                        value: rounded(own.value),
                        low,
                        high,
                    },
                    Form::Hidden => PublishedForm::Suppressed {
                        low: own.floor.min(1),
                    },
                },
            };
            let published_cell = PublishedCell {
                form,
                rules: cell.safeguard.rules.clone(),
            };
            published.insert(key.clone(), published_cell);
        }
        let text = |cell: usize| self.texts([cell]);
        let cells = &self.system.cells;
        let mut costly: Vec<CostlySuppression> = protection
            .suppressions
            .iter()
            .map(|of| CostlySuppression {
                negative_records: -cells[of.cell].value,
                cell: text(of.cell),
                protects: text(of.protects),
            })
            .collect();
        costly.sort();
        let first = self.cells.keys().next();
        let summary = BlockSummary {
            partner: first.map(|key| key.partner.clone()).unwrap_or_default(),
            kind: first.map(|key| key.kind.clone()).unwrap_or_default(),
            cells: self.cells.len(),
            relations: self.system.relations.len(),
            primary,
            remainders,
            complementary: protection.suppressions.len(),
            hidden_records: costly.iter().map(|of| -of.negative_records).sum(),
            programs: protection.programs + protection.integer_programs,
            sticky: self.sticky,
            revised: self.revised,
            costly,
        };
        ProtectedBlock {
            cells: published,
            summary,
        }
    }
}

/// A number that is known only within bounds is hidden. Its value here is the lower bound: sums of
/// lower bounds are lower bounds, so these satisfy every equation.
fn interval(cell: &ExactCell, min: i64, max: Option<i64>) -> Cell {
    let possible = max.map_or(i64::MAX, |max| max - min + 1);
    Cell {
        floor: min.min(1),
        ceiling: max,
        is_choosable: !cell.safeguard.is_public,
        ..Cell::hidden(min, cell.safeguard.spread.min(possible))
    }
}
