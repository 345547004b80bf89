//! Complementary suppression: the least that must be suppressed besides, so that every hidden cell is
//! safe.
//!
//! For every hidden cell that is not safe, a program searches for the change of the table that moves
//! the cell far enough at the least cost. Every shown cell that the change needs is suppressed, which
//! makes the changed table a witness. Nothing is started again, because suppression only adds
//! possibilities. A cell that is suppressed here must itself be safe: a reader cannot distinguish it.

use super::solver::{Column, Program, in_whole_numbers};
use super::system::{Component, Form, System};
use super::witness::{Changes, WitnessRanges};

/// Rounds of [`Protector::widen`] over a component.
const ROUNDS: usize = 6;
/// A change moves a cell by at most this number of times the largest spread.
const REACH: i64 = 3;
/// Cells up to this value are considered first: the cheapest change hardly ever needs a larger one.
const FIRST_LIMIT: i64 = 40;

/// A cell that was suppressed to protect another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The index of the cell.
    pub cell: usize,
    /// The index of the cell that it protects.
    pub protects: usize,
}

/// What protection took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// The cells that were suppressed, in order.
    pub suppressions: Vec<Suppression>,
    /// Linear programs solved.
    pub programs: usize,
    /// Integer programs solved.
    pub integer_programs: usize,
}

/// A hidden cell that no suppression makes safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unprotectable {
    /// The index of the cell.
    pub cell: usize,
}

/// Suppresses cells until every hidden one is safe. The true values must satisfy every relation.
pub fn protect(system: &mut System) -> Result<Protection, Vec<Unprotectable>> {
    Protector::new(system).run()
}

struct Protector<'s> {
    system: &'s mut System,
    witnesses: WitnessRanges,
    /// The farthest that a change moves a cell.
    reach: i64,
    protection: Protection,
}

/// A change that makes a cell safe, and what it needs.
struct Move {
    changes: Changes,
    /// The shown cells that must be suppressed.
    suppressed: Vec<usize>,
    /// The sum of their values.
    cost: i64,
}

impl<'s> Protector<'s> {
    fn new(system: &'s mut System) -> Self {
        let spread = system.cells.iter().map(|cell| cell.spread).max();
        Self {
            witnesses: WitnessRanges::new(system),
            reach: REACH * spread.unwrap_or_default().max(1),
            protection: Protection::default(),
            system,
        }
    }

    fn run(mut self) -> Result<Protection, Vec<Unprotectable>> {
        for component in self.system.components() {
            for _ in 0..ROUNDS {
                if !self.widen(&component) {
                    break;
                }
            }
        }
        let mut failed = Vec::new();
        let mut targets = self.unsafe_cells();
        while let Some(target) = targets.first().copied() {
            targets.remove(0);
            if self.witnesses.is_safe(target, &self.system.cells[target]) {
                continue;
            }
            match self.cheapest_move(target) {
                Some(found) => {
                    targets.extend(self.apply(target, found));
                    self.sort(&mut targets);
                }
                None => failed.push(Unprotectable { cell: target }),
            }
        }
        if failed.is_empty() {
            Ok(self.protection)
        } else {
            Err(failed)
        }
    }

    /// The hidden cells that are not safe yet, in the order in which they are protected.
    fn unsafe_cells(&self) -> Vec<usize> {
        let cells = self.system.cells.iter().enumerate();
        let unsafe_cells =
            cells.filter(|(index, cell)| cell.is_hidden() && !self.witnesses.is_safe(*index, cell));
        let mut targets = unsafe_cells.map(|(index, _)| index).collect();
        self.sort(&mut targets);
        targets
    }

    /// The widest spread first, then the smallest value, then the order of cells.
    fn sort(&self, targets: &mut Vec<usize>) {
        targets.sort_by_key(|index| {
            let cell = &self.system.cells[*index];
            (-cell.spread, cell.value, *index)
        });
        targets.dedup();
    }

    /// Searches for tables in which as many unsafe cells as possible differ from the truth, without
    /// suppressing anything; whether one made a difference.
    fn widen(&mut self, component: &Component) -> bool {
        let unsafe_cells: Vec<usize> = component
            .cells
            .iter()
            .copied()
            .filter(|index| {
                let cell = &self.system.cells[*index];
                cell.is_hidden() && !self.witnesses.is_safe(*index, cell)
            })
            .collect();
        if unsafe_cells.is_empty() {
            return false;
        }
        let before = self.widths(&unsafe_cells);
        for cost in [-1.0, 1.0] {
            let mut program = Program::default();
            let mut column_of = vec![None; self.system.cells.len()];
            for index in &component.cells {
                let cell = &self.system.cells[*index];
                let (mut low, mut high) = cell.domain();
                low -= cell.value;
                high = high.map(|high| high - cell.value);
                let mut own_cost = 0.0;
                if unsafe_cells.binary_search(index).is_ok() {
                    let far = cell.spread - 1;
                    low = low.max(-far);
                    high = Some(high.map_or(far, |high| high.min(far)));
                    own_cost = cost;
                }
                column_of[*index] = Some(program.column(Column {
                    low,
                    high,
                    cost: own_cost,
                }));
            }
            for relation in &component.relations {
                let relation = &self.system.relations[*relation];
                let terms = relation.terms.iter();
                let terms = terms.filter_map(|(cell, factor)| Some((column_of[*cell]?, *factor)));
                program.row(relation, relation.sum(&self.system.cells), terms.collect());
            }
            self.protection.programs += 1;
            let Some(values) = program.solve() else {
                continue;
            };
            let changes = component.cells.iter().zip(&values);
            let changes: Changes = changes
                .map(|(cell, value)| (*cell, value.round() as i64))
                .filter(|(_, change)| *change != 0)
                .collect();
            self.witnesses.add(self.system, &changes);
        }
        self.widths(&unsafe_cells) > before
    }

    fn widths(&self, cells: &[usize]) -> i64 {
        let ranges = cells.iter().map(|cell| self.witnesses.range(*cell));
        ranges.map(|(least, most)| most - least).sum()
    }

    /// Suppresses what a move needs; the cells that are hidden now and not safe.
    fn apply(&mut self, target: usize, found: Move) -> Vec<usize> {
        for cell in &found.suppressed {
            self.system.cells[*cell].form = Form::Hidden;
            self.protection.suppressions.push(Suppression {
                cell: *cell,
                protects: target,
            });
        }
        let is_witness = self.witnesses.add(self.system, &found.changes);
        debug_assert!(is_witness, "a move was checked before it was applied");
        let suppressed = found.suppressed.into_iter();
        let mut targets: Vec<usize> = suppressed
            .filter(|cell| !self.witnesses.is_safe(*cell, &self.system.cells[*cell]))
            .collect();
        if !self.witnesses.is_safe(target, &self.system.cells[target]) {
            targets.push(target);
        }
        targets
    }

    /// The cheaper of a move up and a move down.
    fn cheapest_move(&mut self, target: usize) -> Option<Move> {
        let cell = &self.system.cells[target];
        let (least, most) = self.witnesses.range(target);
        let need = cell.spread - 1 - (most - least);
        let (up, down) = (most + need - cell.value, least - need - cell.value);
        let moves = [up, down].map(|change| self.cheapest_change(target, change));
        let [up, down] = moves;
        match (up, down) {
            (Some(up), Some(down)) => {
                let key = |found: &Move| (found.cost, found.suppressed.len());
                Some(if key(&down) < key(&up) { down } else { up })
            }
            (up, down) => up.or(down),
        }
    }

    /// The cheapest move by which a cell changes by so much. Small cells are considered first: if the
    /// cost is below the limit, a larger cell could not have made it cheaper.
    fn cheapest_change(&mut self, target: usize, change: i64) -> Option<Move> {
        let (low, high) = self.hidden_domain(target);
        if change < low || high.is_some_and(|high| change > high) {
            return None;
        }
        let mut limit = FIRST_LIMIT;
        let largest = self.system.cells.iter().map(|cell| cell.value).max()?;
        loop {
            let found = self.change_within(target, change, limit);
            if found.as_ref().is_some_and(|found| found.cost <= limit) || limit > largest {
                return found;
            }
            limit = limit.saturating_mul(16);
        }
    }

    /// By how much a cell could change if it were hidden.
    fn hidden_domain(&self, index: usize) -> (i64, Option<i64>) {
        let cell = &self.system.cells[index];
        let high = cell.ceiling.filter(|_| cell.is_hidden());
        (cell.floor - cell.value, high.map(|high| high - cell.value))
    }

    /// The same, with shown cells up to a value only.
    fn change_within(&mut self, target: usize, change: i64, limit: i64) -> Option<Move> {
        let (program, columns) = self.move_program(target, change, limit);
        self.protection.programs += 1;
        let values = program.solve()?;
        let whole = in_whole_numbers(&values).and_then(|values| self.checked(&columns, &values));
        whole.or_else(|| {
            self.protection.integer_programs += 1;
            let values = program.solve_in_whole_numbers()?;
            self.checked(&columns, &values)
        })
    }

    /// The program of a move, and the cell and sign of each column.
    fn move_program(&self, target: usize, change: i64, limit: i64) -> (Program, Vec<(usize, i64)>) {
        let mut program = Program::default();
        let mut columns: Vec<(usize, i64)> = Vec::new();
        let mut of_cell: Vec<Vec<(usize, i64)>> = vec![Vec::new(); self.system.cells.len()];
        let count = self.system.cells.len() as f64;
        for (index, cell) in self.system.cells.iter().enumerate() {
            if index == target {
                let column = program.column(Column {
                    low: change,
                    high: Some(change),
                    cost: 0.0,
                });
                columns.push((index, 1));
                of_cell[index].push((column, 1));
                continue;
            }
            // Far down the list of ties, so that equal costs have one solution.
            let full = 1.0 + cell.value as f64 + index as f64 / count / 1000.0;
            let is_movable = cell.is_choosable && cell.value > 0 && cell.value <= limit;
            let (low, high) = cell.domain();
            let (low, high) = (low - cell.value, high.map(|high| high - cell.value));
            let mut add = |sign: i64, most: i64, cost: f64| {
                if most > 0 {
                    let column = program.column(Column {
                        low: 0,
                        high: Some(most),
                        cost,
                    });
                    columns.push((index, sign));
                    of_cell[index].push((column, sign));
                }
            };
            // Within what is published, a change is free.
            let free_up = high.map_or(self.reach, |high| high.min(self.reach));
            let free_down = (-low).min(self.reach);
            add(1, free_up, 0.0);
            add(-1, free_down, 0.0);
            if is_movable && !cell.is_hidden() {
                let hidden_low = cell.floor - cell.value;
                add(1, self.reach - free_up, full);
                add(-1, (-hidden_low).min(self.reach) - free_down, full);
            }
        }
        for relation in &self.system.relations {
            let terms = relation.terms.iter();
            let terms = terms.flat_map(|(cell, factor)| {
                let columns = of_cell[*cell].iter();
                columns.map(move |(column, sign)| (*column, factor * sign))
            });
            let terms: Vec<(usize, i64)> = terms.collect();
            if !terms.is_empty() {
                program.row(relation, relation.sum(&self.system.cells), terms);
            }
        }
        (program, columns)
    }

    /// A move from the values of columns, if it leads to a witness once what it needs is suppressed.
    fn checked(&self, columns: &[(usize, i64)], values: &[i64]) -> Option<Move> {
        let mut changes = Changes::new();
        for ((cell, sign), value) in columns.iter().zip(values) {
            *changes.entry(*cell).or_default() += sign * value;
        }
        changes.retain(|_, change| *change != 0);
        let mut suppressed = Vec::new();
        for (index, change) in &changes {
            let cell = &self.system.cells[*index];
            let (low, high) = cell.domain();
            let value = cell.value + change;
            if !cell.is_hidden() && (value < low || high.is_some_and(|high| value > high)) {
                suppressed.push(*index);
            }
        }
        if suppressed
            .iter()
            .any(|cell| !self.system.cells[*cell].is_choosable)
        {
            return None;
        }
        let is_witness = self
            .witnesses
            .is_witness(self.system, &changes, &suppressed);
        is_witness.then(|| Move {
            cost: suppressed
                .iter()
                .map(|cell| self.system.cells[*cell].value)
                .sum(),
            changes,
            suppressed,
        })
    }
}
