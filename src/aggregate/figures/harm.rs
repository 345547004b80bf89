//! Harm: records by the weight of their codes. A record without a weight is counted beside the sum,
//! never weighted 0.

use std::collections::BTreeMap;

use crate::aggregate::figures::counts::RecordTally;
use crate::aggregate::figures::table_set::{CountedArea, SeriesCounts};
use crate::aggregate::state::current::{Current, What};
use crate::reference::HarmSet;
use crate::reference::windows::Window;

/// A series' records by weight, area and month.
pub(crate) struct HarmTally {
    /// In order; the records without a weight are counted after them.
    weights: Vec<f64>,
    tally: RecordTally,
}

/// The harm of some records.
#[derive(Clone, Copy)]
pub(crate) struct HarmSum {
    /// The sum of the records' weights.
    pub(crate) weights: f64,
    /// Records without a weight.
    pub(crate) unweighted: i64,
}

impl HarmTally {
    /// Counts the records of a series by weight; none = there are no weights, or it is a series of
    /// totals.
    pub(crate) fn new(
        current: &Current,
        weights: Option<&HarmSet>,
        series: &SeriesCounts<'_>,
    ) -> Option<Self> {
        let set = weights?;
        let months = series.months().filter(|_| !series.is_of_totals())?;
        let weight_of_what: Vec<Option<f64>> = current
            .what
            .iter()
            .map(|what| weight(current, set, what))
            .collect();
        let distinct: BTreeMap<u64, f64> = weight_of_what
            .iter()
            .flatten()
            .map(|weight| (weight.to_bits(), *weight))
            .collect();
        let (keys, weights): (Vec<u64>, Vec<f64>) = distinct.into_iter().unzip();
        let tally = series.tally(months, weights.len() + 1, &|fact| {
            let what = current.profiles.row(fact.profile)[0];
            Some(match weight_of_what[what as usize] {
                Some(weight) => keys.binary_search(&weight.to_bits()).unwrap_or(keys.len()),
                None => keys.len(),
            })
        });
        Some(Self { weights, tally })
    }

    /// The harm in an area over a window.
    pub(crate) fn sum(&self, area: CountedArea<'_>, window: &Window) -> HarmSum {
        let Some(range) = self.tally.range(window.first, window.months) else {
            return HarmSum {
                weights: 0.0,
                unweighted: 0,
            };
        };
        let weights =
            self.weights.iter().enumerate().map(|(key, weight)| {
                weight * self.tally.sum(area.index, 0, key, range.clone()) as f64
            });
        HarmSum {
            weights: weights.sum(),
            unweighted: self.tally.sum(area.index, 0, self.weights.len(), range),
        }
    }
}

/// The weight of the first code that has one.
fn weight(current: &Current, set: &HarmSet, what: &What) -> Option<f64> {
    what.codes.iter().find_map(|code| {
        let category = &current.categories[*code as usize];
        set.weight(&category.scheme, &category.code)
    })
}
