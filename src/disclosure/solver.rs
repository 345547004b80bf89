//! The only user of the solver: linear programs over changes of cells, and their proposals.
//!
//! A proposal is a guess. Whoever uses it for safety checks it in whole numbers first.

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOptions, Variable};

use super::system::Relation;

/// The solver and its version, which decide the bytes of a release.
pub const SOLVER: &str = "microlp 0.7.0";
/// How far from a whole number a value may be to count as it.
const WHOLE: f64 = 1e-5;
/// An integer program may stop this far from the least cost: any solution protects.
const GAP: f64 = 0.3;
/// Nodes of an integer program. A limit by number, not by time: a clock would decide the result.
const NODES: u64 = 200;
/// An unknown value without an upper bound is at most this; a million records are a large number.
const UNBOUNDED: f64 = 1e6;

/// A variable of a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// The least change.
    pub(super) low: i64,
    /// The greatest change; `None` = any.
    pub(super) high: Option<i64>,
    /// What a change by 1 costs; of two changes of one cell, up and down, each has its own.
    pub(super) cost: f64,
}

/// A linear program: minimise the cost of columns under rows.
#[derive(Debug, Default)]
pub(super) struct Program {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    terms: Vec<(usize, i64)>,
    low: Option<i64>,
    high: Option<i64>,
}

impl Program {
    /// Adds a variable, and returns its index.
    pub(super) fn column(&mut self, column: Column) -> usize {
        self.columns.push(column);
        self.columns.len() - 1
    }

    /// Adds the row of a relation whose sum is now `sum`; `columns` are the terms that may change.
    /// Leaves out a bound that no change can reach.
    pub(super) fn row(&mut self, relation: &Relation, sum: i64, terms: Vec<(usize, i64)>) {
        if terms.is_empty() {
            return;
        }
        let (least, most) = self.reach(&terms);
        let low = relation.low.map(|low| low - sum);
        let high = relation.high.map(|high| high - sum);
        let low = low.filter(|low| least.is_none_or(|least| least < *low));
        let high = high.filter(|high| most.is_none_or(|most| most > *high));
        if low.is_some() || high.is_some() {
            self.rows.push(Row { terms, low, high });
        }
    }

    /// The least and greatest sum of terms by the bounds of their columns alone.
    fn reach(&self, terms: &[(usize, i64)]) -> (Option<i64>, Option<i64>) {
        let (mut least, mut most) = (Some(0), Some(0));
        for (column, factor) in terms {
            let Column { low, high, .. } = self.columns[*column];
            let ends = [Some(low * factor), high.map(|high| high * factor)];
            let [down, up] = if *factor < 0 {
                [ends[1], ends[0]]
            } else {
                ends
            };
            least = least.zip(down).map(|(a, b)| a + b);
            most = most.zip(up).map(|(a, b)| a + b);
        }
        (least, most)
    }

    /// The values of the columns at the least cost; `None` = none was found.
    pub(super) fn solve(&self) -> Option<Vec<f64>> {
        self.solve_as(false)
    }

    /// The same, in whole numbers.
    pub(super) fn solve_in_whole_numbers(&self) -> Option<Vec<i64>> {
        let values = self.solve_as(true)?;
        Some(values.iter().map(|value| value.round() as i64).collect())
    }

    fn solve_as(&self, whole: bool) -> Option<Vec<f64>> {
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let variables: Vec<Variable> = self
            .columns
            .iter()
            .map(|column| {
                let (low, high) = (
                    column.low as f64,
                    column.high.map_or(UNBOUNDED, |h| h as f64),
                );
                if whole {
                    problem.add_integer_var(column.cost, (low as i32, high as i32))
                } else {
                    problem.add_var(column.cost, (low, high))
                }
            })
            .collect();
        for row in &self.rows {
            let terms: Vec<(Variable, f64)> = row
                .terms
                .iter()
                .map(|(column, factor)| (variables[*column], *factor as f64))
                .collect();
            match (row.low, row.high) {
                (Some(low), Some(high)) if low == high => {
                    problem.add_constraint(&terms[..], ComparisonOp::Eq, low as f64);
                }
                (low, high) => {
                    if let Some(low) = low {
                        problem.add_constraint(&terms[..], ComparisonOp::Ge, low as f64);
                    }
                    if let Some(high) = high {
                        problem.add_constraint(&terms[..], ComparisonOp::Le, high as f64);
                    }
                }
            }
        }
        let mut options = SolveOptions::default();
        if whole {
            options.mip_gap = GAP;
            options.node_limit = Some(NODES);
        }
        let solution = problem.solve_with(options).ok()?.into_solution().ok()?;
        Some(variables.iter().map(|v| solution.var_value(*v)).collect())
    }
}

/// Values as whole numbers, if all are.
pub(super) fn in_whole_numbers(values: &[f64]) -> Option<Vec<i64>> {
    let is_whole = |value: &f64| (value - value.round()).abs() < WHOLE;
    values
        .iter()
        .all(is_whole)
        .then(|| values.iter().map(|value| value.round() as i64).collect())
}

/// Whether a value is that of an absent upper bound.
pub(super) fn is_unbounded(value: f64) -> bool {
    value > UNBOUNDED / 2.0
}
