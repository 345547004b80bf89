//! Witnesses: complete tables in whole numbers that satisfy everything that is published.
//!
//! The true table is the first. Another is given as the changes that lead to it, and counts only after
//! every relation that it touches was checked in `i64`. Suppressing a further cell only adds
//! possibilities, so a witness stays valid.

use std::collections::BTreeMap;

use super::system::{Cell, System};

/// Changes of cells, by index.
pub(super) type Changes = BTreeMap<usize, i64>;

/// The least and greatest value of each cell among the witnesses found.
#[derive(Clone, Debug)]
pub(super) struct WitnessRanges {
    least: Vec<i64>,
    most: Vec<i64>,
    relations_by_cell: Vec<Vec<usize>>,
}

impl WitnessRanges {
    /// Of the true table alone.
    pub(super) fn new(system: &System) -> Self {
        let values: Vec<i64> = system.cells.iter().map(|cell| cell.value).collect();
        Self {
            least: values.clone(),
            most: values,
            relations_by_cell: system.relations_by_cell(),
        }
    }

    /// The relations that contain a cell.
    pub(super) fn relations(&self, cell: usize) -> &[usize] {
        &self.relations_by_cell[cell]
    }

    /// The least and greatest value of a cell.
    pub(super) fn range(&self, cell: usize) -> (i64, i64) {
        (self.least[cell], self.most[cell])
    }

    /// Whether witnesses leave enough values for a cell.
    pub(super) fn is_safe(&self, index: usize, cell: &Cell) -> bool {
        self.most[index] - self.least[index] >= cell.spread - 1
    }

    /// Adds the table that changes lead to, if it is a witness.
    pub(super) fn add(&mut self, system: &System, changes: &Changes) -> bool {
        if !self.is_witness(system, changes, &[]) {
            return false;
        }
        for (cell, change) in changes {
            let value = system.cells[*cell].value + change;
            self.least[*cell] = self.least[*cell].min(value);
            self.most[*cell] = self.most[*cell].max(value);
        }
        true
    }

    /// Whether changes lead to a witness, once some more cells are hidden.
    pub(super) fn is_witness(&self, system: &System, changes: &Changes, hidden: &[usize]) -> bool {
        let in_domain = changes.iter().all(|(index, change)| {
            let cell = &system.cells[*index];
            let (low, high) = if hidden.contains(index) {
                (cell.floor, cell.ceiling)
            } else {
                cell.domain()
            };
            let value = cell.value + change;
            low <= value && high.is_none_or(|high| value <= high)
        });
        let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
        for (cell, change) in changes {
            for relation in self.relations(*cell) {
                let terms = &system.relations[*relation].terms;
                let factor = terms.binary_search_by_key(cell, |(of, _)| *of);
                let factor = factor.map_or(0, |at| terms[at].1);
                *sums.entry(*relation).or_default() += factor * change;
            }
        }
        in_domain
            && sums.iter().all(|(relation, change)| {
                let relation = &system.relations[*relation];
                relation.allows(relation.sum(&system.cells) + change)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::Relation;

    #[test]
    fn a_table_that_breaks_a_sum_or_a_bound_is_no_witness() {
        let cells = vec![Cell::public(20), Cell::hidden(3, 4), Cell::hidden(17, 4)];
        let relations = vec![Relation::equal(0, [1, 2])];
        let system = System { cells, relations };
        let mut ranges = WitnessRanges::new(&system);
        for changes in [
            vec![(1, 3)],          // the sum
            vec![(1, -3), (2, 3)], // a hidden cell of 0
            vec![(0, 1), (1, 1)],  // a public cell
            vec![(1, 2), (2, -1)], // a solver that rounds
        ] {
            assert!(!ranges.add(&system, &changes.into_iter().collect()));
        }
        assert_eq!(ranges.range(1), (3, 3));
        assert!(!ranges.is_safe(1, &system.cells[1]));
        assert!(ranges.add(&system, &[(1, 3), (2, -3)].into()));
        assert_eq!(ranges.range(1), (3, 6));
        assert!(ranges.is_safe(1, &system.cells[1]));
    }
}
