//! Whether a month of a partner's kind may be used, as far as its records show at the time of the
//! figures.

use std::collections::BTreeMap;

use crate::event::Month;

/// How complete a month is; of a window, its worst month's. Worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DataStatus {
    /// The retention period of its records has ended: those left are not all of them.
    NotKept,
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

impl DataStatus {
    /// Every name, in the order of the variants.
    pub(crate) const NAMES: [&'static str; 6] = [
        "not_kept",
        "overdue",
        "not_due",
        "suspect",
        "provisional",
        "final",
    ];

    /// The name in tables.
    pub(crate) const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The less complete of two, by their names.
    pub(crate) fn worse_name<'n>(a: &'n str, b: &'n str) -> &'n str {
        let rank = |name: &str| Self::NAMES.iter().position(|own| *own == name);
        if rank(a) <= rank(b) { a } else { b }
    }

    /// Whether its months may be used as baseline, limit or rank.
    pub(crate) fn is_usable(self) -> bool {
        self >= Self::Provisional
    }
}

/// Months on either side that a month is compared with.
const AROUND: i32 = 12;
/// The fewest of them with records; with fewer, a month is compared with all others.
const MONTHS_MIN: usize = 3;
/// The least and the greatest share of their median that is not suspect.
const NOT_SUSPECT: std::ops::RangeInclusive<f64> = 0.6..=1.67;
/// Standard deviations of a Poisson count within which chance explains a distance from the median:
/// it exceeds 3.29 once in 1,000.
const CHANCE: f64 = 3.29;
/// The least median at which no record at all is a gap: a Poisson count with this mean is 0 once in
/// 100, since e^-4.605 = 0.01.
const GAP_MEDIAN_MIN: f64 = 4.605;

/// A month compared with the months around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MedianComparison {
    /// The records of the month.
    pub(crate) records: i64,
    /// The median of the others.
    pub(crate) median: f64,
}

impl MedianComparison {
    /// Compares a month with those of the months around it that have records, or else with all that
    /// have; none = too few do.
    pub(crate) fn new(records: &BTreeMap<Month, i64>, month: Month) -> Option<Self> {
        let other = |(other, n): (&Month, &i64)| (*other != month && *n > 0).then_some(*n);
        let around = records.range(month.plus(-AROUND)..=month.plus(AROUND));
        let mut others: Vec<i64> = around.filter_map(other).collect();
        if others.len() < MONTHS_MIN {
            others = records.iter().filter_map(other).collect();
        }
        if others.len() < MONTHS_MIN {
            return None;
        }
        others.sort_unstable();
        let (low, high) = (others[(others.len() - 1) / 2], others[others.len() / 2]);
        let median = (low + high) as f64 / 2.0;
        let records = records.get(&month).copied().unwrap_or_default();
        Some(Self { records, median })
    }

    /// The month's records / the median of the others.
    pub(crate) fn ratio(self) -> f64 {
        self.records as f64 / self.median
    }

    /// Whether the month has far fewer or far more records, and by more than chance explains.
    fn is_suspect(self) -> bool {
        let distance = (self.records as f64 - self.median).abs();
        !NOT_SUSPECT.contains(&self.ratio()) && distance >= CHANCE * self.median.sqrt()
    }

    /// Whether records of an area are missing from a month: there are none where some were to be
    /// expected or, in an area as large as a district, far too few.
    pub(crate) fn is_gap(self, is_large_area: bool) -> bool {
        let has_none = self.records == 0 && self.median >= GAP_MEDIAN_MIN;
        has_none || (is_large_area && self.ratio() < 1.0 && self.is_suspect())
    }
}

/// The status of a month. `is_late` and `is_settled`: the time of the figures is past its due
/// date, and past the time when it no longer changes.
pub(crate) fn month_status(
    records: i64,
    comparison: Option<MedianComparison>,
    is_late: bool,
    is_settled: bool,
) -> DataStatus {
    match records {
        0 if is_late => DataStatus::Overdue,
        0 => DataStatus::NotDue,
        _ if comparison.is_some_and(MedianComparison::is_suspect) => DataStatus::Suspect,
        _ if is_settled => DataStatus::Final,
        _ => DataStatus::Provisional,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(records: &[i64], index: usize, expected: Option<(f64, bool)>) {
        let first: Month = "2018-10".parse().expect("a month");
        let records: BTreeMap<Month, i64> = (0..)
            .map(|i| first.plus(i))
            .zip(records.iter().copied())
            .collect();
        let comparison = MedianComparison::new(&records, first.plus(index as i32));
        assert_eq!(
            comparison.map(|r| ((r.ratio() * 1000.0).round() / 1000.0, r.is_suspect())),
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
    }

    #[test]
    fn chance_is_not_suspect() {
        check(&[10, 0, 10, 10, 17], 4, Some((1.7, false)));
        check(&[100, 100, 100, 167], 3, Some((1.67, false)));
        check(&[100, 100, 100, 168], 3, Some((1.68, true)));
        // 3.29 x 4 = 13.16
        check(&[16, 16, 16, 29], 3, Some((1.813, false)));
        check(&[16, 16, 16, 30], 3, Some((1.875, true)));
        check(&[40, 40, 40, 20], 3, Some((0.5, false)));
        check(&[40, 40, 40, 19], 3, Some((0.475, true)));
    }

    #[test]
    fn a_month_after_a_long_silence_is_compared_with_its_whole_history() {
        let mut records = vec![300, 300, 300];
        records.extend([0; 13]);
        records.push(13);
        check(&records, 16, Some((0.043, true)));
    }

    #[test]
    fn an_area_without_its_usual_records_is_a_gap() {
        let gap = |median, records, is_large_area| {
            MedianComparison { records, median }.is_gap(is_large_area)
        };
        assert!(gap(5.0, 0, false) && !gap(4.6, 0, true));
        assert!(gap(40.0, 19, true) && !gap(40.0, 20, true) && !gap(40.0, 19, false));
        assert!(!gap(40.0, 100, true), "more is not a gap");
    }

    #[test]
    fn a_month_without_records_is_overdue_once_it_was_due() {
        assert_eq!(month_status(0, None, false, false), DataStatus::NotDue);
        assert_eq!(month_status(0, None, true, true), DataStatus::Overdue);
        assert_eq!(month_status(9, None, true, false), DataStatus::Provisional);
        assert_eq!(month_status(9, None, true, true), DataStatus::Final);
        let half = MedianComparison {
            records: 9,
            median: 40.0,
        };
        assert_eq!(month_status(9, Some(half), true, true), DataStatus::Suspect);
        assert!(
            DataStatus::Overdue < DataStatus::NotDue
                && DataStatus::Provisional.is_usable()
                && !DataStatus::Suspect.is_usable()
        );
    }
}
