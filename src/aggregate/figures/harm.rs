//! Harm: records by the weight of their codes. A record without a weight is counted beside the sum,
//! never weighted 0.

use std::collections::BTreeMap;

use crate::aggregate::figures::counts::{Tally, clip};
use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::table_set::Strip;
use crate::aggregate::state::current::Fact;
use crate::event::Month;
use crate::reference::windows::Window;

/// A series' records by weight, place and month.
pub(crate) struct Tallied {
    /// In order; those without a weight are last.
    weights: Vec<f64>,
    first: Month,
    months: usize,
    tally: Tally,
}

/// Counts the records of a strip by weight; none = no weights are held, or it is made of totals.
pub(crate) fn tally(figures: &Figures<'_>, strip: &Strip<'_>) -> Option<Tallied> {
    let set = figures.settings.reference.harm()?;
    let held = figures.held[strip.kind]
        .as_ref()
        .filter(|_| !strip.is_of_totals())?;
    let current = figures.current;
    let weight = |what: &crate::aggregate::state::current::What| {
        let mut codes = what
            .codes
            .iter()
            .map(|code| &current.categories[*code as usize]);
        codes.find_map(|code| set.weight(&code.scheme, &code.code))
    };
    let of_what: Vec<Option<f64>> = current.what.iter().map(weight).collect();
    let distinct: BTreeMap<u64, f64> = of_what
        .iter()
        .flatten()
        .map(|weight| (weight.to_bits(), *weight))
        .collect();
    let weights: Vec<f64> = distinct.values().copied().collect();
    let keys: Vec<usize> = distinct.keys().map(|bits| *bits as usize).collect();
    let place = |weight: f64| {
        keys.binary_search(&(weight.to_bits() as usize))
            .unwrap_or(weights.len())
    };
    let key = |fact: &Fact| {
        let what = current.profiles.row(fact.profile)[0];
        Some(of_what[what as usize].map_or(weights.len(), place))
    };
    let tally = strip.tally(held, weights.len() + 1, &key);
    Some(Tallied {
        first: held.first,
        months: held.months(),
        weights,
        tally,
    })
}

impl Tallied {
    /// The sum of weights at a place in a window, and how many records have none.
    pub(crate) fn of(&self, place: usize, window: &Window) -> (f64, i64) {
        let Some((from, to)) = clip(self.first, self.months, window.first, window.months.into())
        else {
            return (0.0, 0);
        };
        let count = |key| self.tally.sum(place, 0, key, (from, to));
        let sum = self
            .weights
            .iter()
            .enumerate()
            .map(|(key, weight)| weight * count(key) as f64)
            .sum();
        (sum, count(self.weights.len()))
    }
}
