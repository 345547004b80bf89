//! Cells and the relations between them: what an attacker knows.

/// What is published of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Its value.
    Exact,
    /// A rounded value, and the values that are rounded to it.
    Rounded {
        /// The least of them.
        low: i64,
        /// The greatest of them.
        high: i64,
    },
    /// Nothing but that it is at least [`Cell::floor`].
    Hidden,
}

/// A number that is published, or that anyone can compute from what is. Values are counts of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The true value.
    pub value: i64,
    /// What is published of it.
    pub form: Form,
    /// The least value that it can have if it is hidden: 1, because a 0 is shown; 0 for what is never
    /// shown.
    pub floor: i64,
    /// The greatest value that it can have if it is hidden; `None` = any.
    pub ceiling: Option<i64>,
    /// If it is hidden, this number of values must be possible; 0 = it needs no protection.
    pub spread: i64,
    /// Whether it may be suppressed to protect another cell: not if anyone knows it from elsewhere.
    pub is_choosable: bool,
}

impl Cell {
    /// A cell that is shown exactly, and may be suppressed to protect others.
    pub const fn shown(value: i64, spread: i64) -> Self {
        Self {
            value,
            form: Form::Exact,
            floor: 1,
            ceiling: None,
            spread,
            is_choosable: true,
        }
    }

    /// A cell that everyone knows.
    pub const fn public(value: i64) -> Self {
        Self {
            is_choosable: false,
            ..Self::shown(value, 0)
        }
    }

    /// A hidden cell of at least 1.
    pub const fn hidden(value: i64, spread: i64) -> Self {
        Self {
            form: Form::Hidden,
            ..Self::shown(value, spread)
        }
    }

    /// Whether nothing is published of it.
    pub fn is_hidden(&self) -> bool {
        self.form == Form::Hidden
    }

    /// The values that an attacker who knows no relation considers; no upper end = any.
    pub(super) fn domain(&self) -> (i64, Option<i64>) {
        match self.form {
            Form::Exact => (self.value, Some(self.value)),
            Form::Rounded { low, high } => (low, Some(high)),
            Form::Hidden => (self.floor, self.ceiling),
        }
    }

    /// Whether its value is known.
    pub(super) fn is_fixed(&self) -> bool {
        let (low, high) = self.domain();
        high == Some(low)
    }
}

/// A sum of cells with bounds: `low <= sum of coefficient × cell <= high`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Indexes of cells with their coefficients, in order of indexes.
    pub terms: Vec<(usize, i64)>,
    /// The least value of the sum.
    pub low: Option<i64>,
    /// The greatest value of the sum.
    pub high: Option<i64>,
}

impl Relation {
    /// `whole = sum of parts`.
    pub fn equal(whole: usize, parts: impl IntoIterator<Item = usize>) -> Self {
        Self::new(whole, parts, Some(0), Some(0))
    }

    /// `sum of parts <= whole`.
    pub fn at_most(whole: usize, parts: impl IntoIterator<Item = usize>) -> Self {
        Self::new(whole, parts, None, Some(0))
    }

    /// `whole <= sum of parts`.
    pub fn at_least(whole: usize, parts: impl IntoIterator<Item = usize>) -> Self {
        Self::new(whole, parts, Some(0), None)
    }

    fn new(
        whole: usize,
        parts: impl IntoIterator<Item = usize>,
        low: Option<i64>,
        high: Option<i64>,
    ) -> Self {
        let mut terms: Vec<(usize, i64)> = parts.into_iter().map(|part| (part, 1)).collect();
        terms.push((whole, -1));
        terms.sort_unstable();
        Self { terms, low, high }
    }

    /// Its sum over the true values.
    pub(super) fn sum(&self, cells: &[Cell]) -> i64 {
        let terms = self.terms.iter();
        terms
            .map(|(cell, factor)| factor * cells[*cell].value)
            .sum()
    }

    /// Whether a sum is within the bounds.
    pub(super) fn allows(&self, sum: i64) -> bool {
        self.low.is_none_or(|low| low <= sum) && self.high.is_none_or(|high| sum <= high)
    }
}

/// A relation that the true values do not satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The index of the relation.
    pub relation: usize,
    /// The sum over the true values.
    pub sum: i64,
}

/// Cells with everything that is known about their sums.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// The cells.
    pub cells: Vec<Cell>,
    /// The relations.
    pub relations: Vec<Relation>,
}

impl System {
    /// The relations that the true values do not satisfy.
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let relations = self.relations.iter().enumerate();
        let sums = relations.map(|(relation, of)| {
            (
                of,
                Contradiction {
                    relation,
                    sum: of.sum(&self.cells),
                },
            )
        });
        sums.filter(|(of, found)| !of.allows(found.sum))
            .map(|(_, found)| found)
            .collect()
    }

    /// For each cell, the relations that contain it.
    pub(super) fn relations_by_cell(&self) -> Vec<Vec<usize>> {
        let mut by_cell = vec![Vec::new(); self.cells.len()];
        for (relation, of) in self.relations.iter().enumerate() {
            for (cell, _) in &of.terms {
                by_cell[*cell].push(relation);
            }
        }
        by_cell
    }

    /// Groups of cells whose values are not known, joined by relations; each with its relations. Groups
    /// are in the order of their first cells.
    pub(super) fn components(&self) -> Vec<Component> {
        let mut parent: Vec<usize> = (0..self.cells.len()).collect();
        for relation in &self.relations {
            let mut open = self.open_terms(relation);
            if let Some(first) = open.next() {
                for cell in open {
                    let (a, b) = (root(&mut parent, first), root(&mut parent, cell));
                    parent[a.max(b)] = a.min(b);
                }
            }
        }
        let mut components: Vec<Component> = Vec::new();
        let mut of_root = vec![usize::MAX; self.cells.len()];
        for cell in (0..self.cells.len()).filter(|cell| !self.cells[*cell].is_fixed()) {
            let root = root(&mut parent, cell);
            if of_root[root] == usize::MAX {
                of_root[root] = components.len();
                components.push(Component::default());
            }
            components[of_root[root]].cells.push(cell);
        }
        for (index, relation) in self.relations.iter().enumerate() {
            let first = self.open_terms(relation).next();
            if let Some(first) = first {
                components[of_root[root(&mut parent, first)]]
                    .relations
                    .push(index);
            }
        }
        components
    }

    fn open_terms<'s>(&'s self, relation: &'s Relation) -> impl Iterator<Item = usize> + 's {
        let cells = relation.terms.iter().map(|(cell, _)| *cell);
        cells.filter(|cell| !self.cells[*cell].is_fixed())
    }
}

/// Cells whose values are not known and that relations join.
#[derive(Clone, Debug, Default)]
pub(super) struct Component {
    /// Their indexes, in order.
    pub(super) cells: Vec<usize>,
    /// The relations between them.
    pub(super) relations: Vec<usize>,
}

fn root(parent: &mut [usize], mut cell: usize) -> usize {
    while parent[cell] != cell {
        parent[cell] = parent[parent[cell]];
        cell = parent[cell];
    }
    cell
}
