//! May a month of a partner's kind be used? What a month's records say of it at the time of the
//! figures.

use std::collections::BTreeMap;

use crate::event::Month;

/// How complete a month is; of a window, its worst month's. In order, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// No records though they were due.
    Overdue,
    /// No records yet.
    NotDue,
    /// Far fewer or far more records than the months around.
    Suspect,
    /// Records may still come or change.
    Provisional,
    Final,
}

impl Status {
    /// Every name, in order.
    pub(crate) const NAMES: [&'static str; 5] =
        ["overdue", "not_due", "suspect", "provisional", "final"];

    /// Whether its months may serve as baseline, limit or rank.
    pub(crate) fn serves(self) -> bool {
        self >= Self::Provisional
    }
}

/// Months on either side that a month is held against.
const AROUND: i32 = 12;
/// The fewest months with records that it takes.
const MONTHS_MIN: usize = 3;
/// The least and the greatest share of their median that is not suspect.
const NOT_SUSPECT: std::ops::RangeInclusive<f64> = 0.6..=1.67;

/// What the months around have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reference {
    /// The median of their records.
    pub(crate) median: f64,
    /// The month's records by that.
    pub(crate) ratio: f64,
}

impl Reference {
    /// A month held against the months with records around it.
    pub(crate) fn of(records: &BTreeMap<Month, i64>, month: Month) -> Option<Self> {
        let around = records.range(month.plus(-AROUND)..=month.plus(AROUND));
        let mut others: Vec<i64> = around
            .filter(|(other, n)| **other != month && **n > 0)
            .map(|(_, n)| *n)
            .collect();
        if others.len() < MONTHS_MIN {
            return None;
        }
        others.sort_unstable();
        let (low, high) = (others[(others.len() - 1) / 2], others[others.len() / 2]);
        let median = (low + high) as f64 / 2.0;
        let own = records.get(&month).copied().unwrap_or_default();
        Some(Self {
            median,
            ratio: own as f64 / median,
        })
    }

    fn is_suspect(self) -> bool {
        !NOT_SUSPECT.contains(&self.ratio)
    }
}

/// The status of a month: `late` and `settled` say whether the time of the figures is past its due
/// date and past the time when it no longer changes.
pub(crate) fn status(
    records: i64,
    reference: Option<Reference>,
    late: bool,
    settled: bool,
) -> Status {
    match records {
        0 if late => Status::Overdue,
        0 => Status::NotDue,
        _ if reference.is_some_and(Reference::is_suspect) => Status::Suspect,
        _ if settled => Status::Final,
        _ => Status::Provisional,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(records: &[i64], place: usize, expected: Option<(f64, bool)>) {
        let first: Month = "2018-10".parse().expect("a month");
        let records: BTreeMap<Month, i64> = (0..)
            .map(|i| first.plus(i))
            .zip(records.iter().copied())
            .collect();
        let reference = Reference::of(&records, first.plus(place as i32));
        assert_eq!(
            reference.map(|r| ((r.ratio * 1000.0).round() / 1000.0, r.is_suspect())),
            expected
        );
    }

    #[test]
    fn half_a_month_is_suspect_beside_the_median_of_the_months_around() {
        let kent = [17_347, 11_690, 6_132, 15_659, 14_125];
        check(&kent, 2, Some((0.412, true)));
        check(&kent, 1, Some((0.785, false)));
        check(
            &[2_049, 2_128, 2_306, 2_133, 2_166],
            2,
            Some((1.082, false)),
        );
        check(&[1, 2, 3], 1, None);
        check(&[10, 0, 10, 10, 17], 4, Some((1.7, true)));
    }

    #[test]
    fn a_month_without_records_is_overdue_once_it_was_due() {
        assert_eq!(status(0, None, false, false), Status::NotDue);
        assert_eq!(status(0, None, true, true), Status::Overdue);
        assert_eq!(status(9, None, true, false), Status::Provisional);
        assert_eq!(status(9, None, true, true), Status::Final);
        let half = Reference {
            median: 20.0,
            ratio: 0.45,
        };
        assert_eq!(status(9, Some(half), true, true), Status::Suspect);
        assert!(
            Status::Overdue < Status::NotDue
                && Status::Provisional.serves()
                && !Status::Suspect.serves()
        );
    }
}
