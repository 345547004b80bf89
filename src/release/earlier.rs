//! The differencing guard: what earlier releases of the partnership have made known for ever.
//!
//! A number that was suppressed stays suppressed. A number that was shown is known, at its present
//! value, also if this release does not show it: so no difference between two releases shows a small
//! number. What has been published stays known, even after a release was withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::disclosure::{Cell, Form};
use crate::release::cells::{ExactCells, Known};
use crate::release::figures;
use crate::release::keys::CellKey;
use crate::release::published::{PublishedCell, PublishedForm};
use crate::release::relations::Structure;
use crate::release::rules::Safeguard;

/// A number that an earlier release showed and this one does not have, at its present value.
#[derive(Clone, Debug)]
pub(crate) struct Ghost {
    pub(crate) value: i64,
    pub(crate) form: PublishedForm,
    pub(crate) safeguard: Arc<Safeguard>,
}

impl Ghost {
    /// A cell that everyone knows, as precisely as it was published.
    pub(crate) fn cell(&self) -> Cell {
        let form = match self.form {
            PublishedForm::Rounded { low, high, .. } => Form::Rounded {
                low: low.min(self.value),
                high: high.max(self.value),
            },
            PublishedForm::Suppressed { .. } => Form::Hidden,
            _ => Form::Exact,
        };
        let mut cell = Cell {
            form,
            ..Cell::public(self.value)
        };
        if cell.is_hidden() {
            // What was hidden must stay hidden, also beside what this release shows, and at any value: it may
            // have been small then.
            cell.spread = if self.value > 0 {
                self.safeguard.spread
            } else {
                0
            };
            cell.floor = self.value.min(1);
        }
        cell
    }
}

/// What earlier releases made known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Earlier {
    /// The most that any release showed of a number.
    forms: BTreeMap<CellKey, PublishedForm>,
    ghosts: BTreeMap<CellKey, Ghost>,
    /// Parts of what a table splits that no release has, because their codes are newer.
    unpublished: BTreeSet<CellKey>,
    /// What they published of sums.
    pub(crate) structure: Structure,
}

impl Earlier {
    /// Adds what a release published of sums.
    pub(crate) fn add_structure(&mut self, structure: Structure) {
        self.structure.windows.extend(structure.windows);
        self.structure.areas.extend(structure.areas);
        self.structure.series.extend(structure.series);
        self.structure.listings.extend(structure.listings);
    }

    /// Adds the numbers of a release.
    pub(crate) fn add(&mut self, cells: impl IntoIterator<Item = (CellKey, PublishedCell)>) {
        for (key, cell) in cells {
            let form = cell.form;
            if form == PublishedForm::NotSupplied {
                continue;
            }
            // A number that any release showed is known, and the newest one is what is known.
            let is_hidden = form.value().is_none();
            match self.forms.get(&key) {
                Some(known) if known.value().is_some() && is_hidden => {}
                _ => {
                    self.forms.insert(key, form);
                }
            }
        }
    }

    /// What was published of a number.
    pub(crate) fn form(&self, key: &CellKey) -> Option<PublishedForm> {
        self.forms.get(key).copied()
    }

    /// The exact tables that have the known numbers.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        self.forms.keys().map(figures::table_with)
    }

    /// The keys that a release of these cells does not have.
    pub(crate) fn keys_besides<'e>(
        &'e self,
        cells: &'e ExactCells,
    ) -> impl Iterator<Item = &'e CellKey> {
        self.forms.keys().filter(|key| !cells.contains_key(*key))
    }

    /// Adds the present values of keys that this release does not have. Those that no earlier
    /// release has either are noted only: nobody can compute with them.
    pub(crate) fn add_ghosts(&mut self, present: &ExactCells) {
        for (key, cell) in present {
            let Some(form) = self.form(key) else {
                if cell.known != Known::Exact(0) {
                    self.unpublished.insert(key.clone());
                }
                continue;
            };
            if let Known::Exact(value) = cell.known {
                let safeguard = cell.safeguard.clone();
                let ghost = Ghost {
                    value,
                    form,
                    safeguard,
                };
                self.ghosts.insert(key.clone(), ghost);
            }
        }
    }

    /// Adds the shown counts of series of other plans, as they were published: the tables of this plan do
    /// not have them.
    pub(crate) fn add_other_plans(&mut self) {
        for (key, form) in &self.forms {
            let is_count = key.series.is_of_another_plan() && key.measure.is_count();
            if let Some(value) = form.value().filter(|_| is_count) {
                let ghost = Ghost {
                    value,
                    form: *form,
                    safeguard: Arc::default(),
                };
                self.ghosts.insert(key.clone(), ghost);
            }
        }
    }

    /// The present values of all ghosts.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&CellKey, i64)> {
        self.ghosts.iter().map(|(key, ghost)| (key, ghost.value))
    }

    /// The parts of splits of one partner's kind that no release has.
    pub(crate) fn unpublished<'e>(
        &'e self,
        partner: &'e str,
        kind: &'e str,
    ) -> impl Iterator<Item = &'e CellKey> {
        let keys = self.unpublished.iter();
        keys.filter(move |key| key.partner == partner && key.kind == kind)
    }

    /// The ghosts of one partner's kind.
    pub(crate) fn ghosts<'e>(
        &'e self,
        partner: &'e str,
        kind: &'e str,
    ) -> impl Iterator<Item = (&'e CellKey, &'e Ghost)> {
        let ghosts = self.ghosts.iter();
        ghosts.filter(move |(key, _)| key.partner == partner && key.kind == kind)
    }
}
