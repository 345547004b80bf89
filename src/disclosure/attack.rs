//! The attack: what anyone can work out about hidden cells from the published ones.
//!
//! It knows no true value. For each hidden cell, linear programs find the least and greatest value
//! that everything published allows.

use super::solver::{Column, Program, is_unbounded};
use super::system::{Component, System};

/// How far below or above a whole number a bound may be to count as it.
const NEAR: f64 = 1e-5;

/// What is known about a hidden cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The index of the cell.
    pub cell: usize,
    /// The least value possible, or a value that is possible.
    pub least: i64,
    /// The greatest value possible, or a value that is possible; `None` = no bound was found.
    pub most: Option<i64>,
    /// Whether no value beyond these is possible. Otherwise enough values were found, and the search
    /// ended there.
    pub is_exact: bool,
}

impl Interval {
    /// How many values are possible, at least; `None` = any number.
    pub fn values(&self) -> Option<i64> {
        self.most.map(|most| most - self.least + 1)
    }

    /// Whether only one value is possible.
    pub fn is_exposed(&self) -> bool {
        self.values().is_some_and(|values| values <= 1)
    }

    /// Whether fewer values are possible than a number.
    pub fn is_narrower_than(&self, spread: i64) -> bool {
        self.values().is_some_and(|values| values < spread)
    }
}

/// Bounds every hidden cell of a system whose hidden values are not known. With `complete`, bounds are
/// exact; otherwise the search ends for a cell when enough values are possible. `None` = what is
/// published contradicts itself.
pub fn attack(system: &System, complete: bool) -> Option<Vec<Interval>> {
    let mut intervals = Vec::new();
    for component in system.components() {
        let mut attacked = Attack::new(system, &component);
        intervals.extend(attacked.intervals(complete)?);
    }
    intervals.sort_by_key(|interval| interval.cell);
    Some(intervals)
}

struct Attack<'s> {
    system: &'s System,
    component: &'s Component,
    /// For each cell of the component the least and greatest value of any solution.
    seen: Vec<Option<(f64, f64)>>,
}

impl<'s> Attack<'s> {
    fn new(system: &'s System, component: &'s Component) -> Self {
        Self {
            system,
            component,
            seen: vec![None; component.cells.len()],
        }
    }

    fn intervals(&mut self, complete: bool) -> Option<Vec<Interval>> {
        let hidden: Vec<usize> = (0..self.component.cells.len())
            .filter(|at| self.cell(*at).is_hidden())
            .collect();
        // Two programs for all cells spare most of the others.
        for cost in [1.0, -1.0] {
            self.solve(|at| {
                if hidden.binary_search(&at).is_ok() {
                    cost
                } else {
                    0.0
                }
            })?;
        }
        let mut intervals = Vec::new();
        for at in hidden {
            let mut is_exact = false;
            if complete || !self.is_wide(at) {
                self.solve(|other| if other == at { -1.0 } else { 0.0 })?;
                if complete || !self.is_wide(at) {
                    self.solve(|other| if other == at { 1.0 } else { 0.0 })?;
                    is_exact = true;
                }
            }
            let (low, high) = self.seen[at].unwrap_or_default();
            intervals.push(Interval {
                cell: self.component.cells[at],
                least: (low - NEAR).ceil() as i64,
                most: (!is_unbounded(high)).then(|| (high + NEAR).floor() as i64),
                is_exact,
            });
        }
        Some(intervals)
    }

    fn cell(&self, at: usize) -> &super::Cell {
        &self.system.cells[self.component.cells[at]]
    }

    fn is_wide(&self, at: usize) -> bool {
        let spread = self.cell(at).spread.max(2) as f64;
        self.seen[at]
            .is_some_and(|(low, high)| (high + NEAR).floor() - (low - NEAR).ceil() >= spread - 1.0)
    }

    /// Minimises a sum of cells of the component.
    fn solve(&mut self, cost: impl Fn(usize) -> f64) -> Option<()> {
        let mut program = Program::default();
        let mut column_of = vec![None; self.system.cells.len()];
        for (at, index) in self.component.cells.iter().enumerate() {
            let (low, high) = self.system.cells[*index].domain();
            let cost = cost(at);
            column_of[*index] = Some(program.column(Column { low, high, cost }));
        }
        for relation in &self.component.relations {
            let relation = &self.system.relations[*relation];
            let known = relation
                .terms
                .iter()
                .filter(|(cell, _)| column_of[*cell].is_none());
            let known = known.map(|(cell, factor)| factor * self.system.cells[*cell].value);
            let terms = relation.terms.iter();
            let terms = terms.filter_map(|(cell, factor)| Some((column_of[*cell]?, *factor)));
            program.row(relation, known.sum(), terms.collect());
        }
        for (seen, value) in self.seen.iter_mut().zip(program.solve()?) {
            let (low, high) = seen.unwrap_or((value, value));
            *seen = Some((low.min(value), high.max(value)));
        }
        Some(())
    }
}
