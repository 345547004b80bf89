//! A count with its lower and upper bound, and how sums carry them.
//!
//! "Not supplied" is never 0. A count that the records cannot show is not supplied. A sum with
//! some parts supplied and others not has a lower bound only. What is missing has a reason.

use crate::aggregate::state::source_set::SourceSet;

/// Why a count is not exact. Of several reasons the first is shown, which lasts longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CountReason {
    /// The partner's data cannot show the series.
    CannotShow,
    /// The partner's systems do not cover the area.
    NotCovered,
    /// The partner's records do not name a district.
    NoDistrict,
    /// The retention period of the records has ended.
    NotKept,
    /// Totals were received, but of periods that do not fill the window.
    NoTotalForWindow,
    /// Nothing was received.
    NotReceived,
    /// Nothing was received, and nothing was due yet.
    NotDue,
    /// Records whose code its list does not contain may belong to the series or not.
    UnknownCode,
    /// The partner sent it so: rounded, suppressed, or as codes that overlap.
    AsSent,
}

impl CountReason {
    /// Every name, in the order of the variants.
    pub(crate) const NAMES: [&'static str; 9] = [
        "cannot_show",
        "not_covered",
        "no_district",
        "not_kept",
        "no_total_for_window",
        "not_received",
        "not_due",
        "unknown_code",
        "as_sent",
    ];

    /// The name in tables.
    pub(crate) const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// How much of a count was supplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// All parts.
    Complete,
    /// Some of them; why the others were not.
    Partial(CountReason),
    /// None, and why.
    Missing(CountReason),
}

impl Supply {
    /// The supply of a series in a month, given the sources that sent records and those that can
    /// show the series.
    pub(crate) fn from_sources(sent: SourceSet, can_show: SourceSet) -> Self {
        match sent.and(can_show) {
            _ if sent.is_empty() => Self::Missing(CountReason::NotReceived),
            none if none.is_empty() => Self::Missing(CountReason::CannotShow),
            all if all == sent => Self::Complete,
            _ => Self::Partial(CountReason::CannotShow),
        }
    }

    /// The supply of two parts together.
    pub(crate) fn and(self, other: Self) -> Self {
        let reason = self.reason().into_iter().chain(other.reason()).min();
        match (self, other, reason) {
            (.., None) => Self::Complete,
            (Self::Missing(_), Self::Missing(_), Some(reason)) => Self::Missing(reason),
            (.., Some(reason)) => Self::Partial(reason),
        }
    }

    /// Why a part, or all, was not supplied.
    const fn reason(self) -> Option<CountReason> {
        match self {
            Self::Complete => None,
            Self::Partial(reason) | Self::Missing(reason) => Some(reason),
        }
    }
}

/// How well a count is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountStatus {
    /// The count is known.
    Exact,
    /// It is known within bounds.
    Interval,
    /// A part was not supplied: only its lower bound is known.
    Partial,
    /// What was sent cannot show it.
    NotSupplied,
}

impl CountStatus {
    /// Every name, in the order of the variants.
    pub(crate) const NAMES: [&'static str; 4] = ["exact", "interval", "partial", "not_supplied"];

    /// The name in tables.
    pub(crate) const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// A count as people write it: `3`, `3 to 5`, `at least 3` or `not supplied`.
    pub(crate) fn in_words(self, min: i64, max: Option<i64>) -> String {
        match (self, max) {
            (Self::NotSupplied, _) => "not supplied".to_owned(),
            (_, Some(max)) if max == min => min.to_string(),
            (_, Some(max)) => format!("{min} to {max}"),
            (_, None) => format!("at least {min}"),
        }
    }
}

/// A count with its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoundedCount {
    /// Lower bound.
    pub(crate) min: i64,
    /// Upper bound of what was supplied; none = no upper bound.
    max: Option<i64>,
    pub(crate) supply: Supply,
}

impl BoundedCount {
    /// Nothing is known, for this reason.
    pub(crate) const fn not_supplied(reason: CountReason) -> Self {
        Self {
            min: 0,
            max: None,
            supply: Supply::Missing(reason),
        }
    }

    /// Records that were counted. Where none was expected but some were sent, a part is known.
    pub(crate) const fn counted(count: i64, supply: Supply) -> Self {
        Self {
            min: count,
            max: Some(count),
            supply: match supply {
                Supply::Missing(reason) if count > 0 => Supply::Partial(reason),
                supply => supply,
            },
        }
    }

    /// Records of this count that have something in common: of those that only may count, any may have
    /// it.
    pub(crate) fn part(self, count: i64) -> Self {
        Self::counted(count, self.supply).and_possibly(self.possible())
    }

    /// The same, found by means of other records: a lower bound, unless all of them were supplied.
    pub(crate) fn found_by(self, others: Supply) -> Self {
        let supply = match self.supply {
            Supply::Missing(_) => self.supply,
            supply => supply.and(others),
        };
        Self { supply, ..self }
    }

    /// Records that may count besides those that do.
    pub(crate) fn possible(self) -> i64 {
        self.max.map_or(0, |max| max - self.min)
    }

    /// The same, and as many more at most.
    pub(crate) fn and_possibly(self, more: i64) -> Self {
        Self {
            max: self.max.map(|max| max + more),
            ..self
        }
    }

    /// A total that is known within bounds.
    pub(crate) const fn between(min: i64, max: Option<i64>) -> Self {
        Self {
            min,
            max,
            supply: Supply::Complete,
        }
    }

    /// Upper bound; none = no upper bound, or a part was not supplied.
    pub(crate) fn max(self) -> Option<i64> {
        self.max.filter(|_| self.supply == Supply::Complete)
    }

    /// The number, where it is known.
    pub(crate) fn exact(self) -> Option<i64> {
        self.max().filter(|max| *max == self.min)
    }

    /// How well it is known.
    pub(crate) fn status(self) -> CountStatus {
        match self.supply {
            Supply::Missing(_) => CountStatus::NotSupplied,
            Supply::Partial(_) => CountStatus::Partial,
            Supply::Complete if self.exact().is_none() => CountStatus::Interval,
            Supply::Complete => CountStatus::Exact,
        }
    }

    /// Why it is not exact; totals have the bounds that were sent.
    pub(crate) fn reason(self, is_of_totals: bool) -> Option<CountReason> {
        let of_bounds = if is_of_totals {
            CountReason::AsSent
        } else {
            CountReason::UnknownCode
        };
        let is_interval = self.status() == CountStatus::Interval;
        self.supply.reason().or(is_interval.then_some(of_bounds))
    }

    /// Two parts together.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        let max = self.max.zip(other.max).map(|(a, b)| a + b);
        Self {
            min: self.min + other.min,
            max,
            supply: self.supply.and(other.supply),
        }
    }

    /// The rest without a part.
    #[must_use]
    pub(crate) fn minus(self, part: Self) -> Self {
        let min = part.max().map_or(0, |max| (self.min - max).max(0));
        let max = self.max.map(|max| (max - part.min).max(0));
        Self {
            min,
            max,
            supply: self.supply.and(part.supply),
        }
    }

    /// The union of parts that overlap: at least the largest, at most their sum, and no more than
    /// the whole.
    pub(crate) fn overlapping(
        parts: impl IntoIterator<Item = Self>,
        whole: Option<Self>,
    ) -> Option<Self> {
        let mut largest = 0;
        let sum = Self::sum(
            parts
                .into_iter()
                .inspect(|part| largest = largest.max(part.min)),
        )?;
        let whole_max = whole.and_then(Self::max);
        let max = sum.max.map_or(whole_max, |sum| {
            Some(whole_max.map_or(sum, |max| max.min(sum)))
        });
        // A partner may publish a part that is larger than its whole: the part then wins.
        let max = max.map(|max| max.max(largest));
        Some(Self {
            min: largest,
            max,
            supply: sum.supply,
        })
    }

    /// The sum of all parts; none if there are no parts.
    pub(crate) fn sum(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        parts.into_iter().reduce(Self::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: BoundedCount = BoundedCount::not_supplied(CountReason::NotReceived);

    fn check(parts: &[BoundedCount], count: Option<i64>, min: i64, max: Option<i64>, status: &str) {
        let sum = BoundedCount::sum(parts.iter().copied()).expect("a part");
        assert_eq!(
            (sum.exact(), sum.min, sum.max()),
            (count, min, max),
            "{parts:?}"
        );
        assert_eq!(sum.status().as_str(), status, "{parts:?}");
    }

    #[test]
    fn sums_carry_bounds_and_report_what_was_not_supplied() {
        let exact = |n| BoundedCount::counted(n, Supply::Complete);
        check(&[exact(3), exact(4)], Some(7), 7, Some(7), "exact");
        check(
            &[exact(3), BoundedCount::between(1, Some(7))],
            None,
            4,
            Some(10),
            "interval",
        );
        check(
            &[exact(3), BoundedCount::between(2, None)],
            None,
            5,
            None,
            "interval",
        );
        check(&[exact(3), NOTHING], None, 3, None, "partial");
        check(&[NOTHING, NOTHING], None, 0, None, "not_supplied");
        check(
            &[
                BoundedCount::counted(2, Supply::Partial(CountReason::CannotShow)),
                exact(5),
            ],
            None,
            7,
            None,
            "partial",
        );
    }

    #[test]
    fn the_reason_that_lasts_longest_is_shown() {
        let not_shown = BoundedCount::not_supplied(CountReason::CannotShow);
        let reason = |count: BoundedCount| count.reason(true);
        assert_eq!(
            reason(NOTHING.plus(not_shown)),
            Some(CountReason::CannotShow)
        );
        let known = BoundedCount::counted(3, Supply::Complete);
        assert_eq!(reason(known), None);
        assert_eq!(reason(known.plus(NOTHING)), Some(CountReason::NotReceived));
        assert_eq!(reason(known.and_possibly(2)), Some(CountReason::AsSent));
        let unexpected = BoundedCount::counted(1, Supply::Missing(CountReason::NotCovered));
        assert_eq!(unexpected.status(), CountStatus::Partial);
        let none = BoundedCount::counted(0, Supply::Missing(CountReason::NotCovered));
        assert_eq!(none.status(), CountStatus::NotSupplied);
    }

    #[test]
    fn overlapping_parts_are_bounded_by_the_largest_and_the_whole() {
        let exact = |n| BoundedCount::counted(n, Supply::Complete);
        let union_in = |whole| {
            BoundedCount::overlapping([exact(13), exact(8)], whole)
                .map(|count| (count.min, count.max()))
        };
        assert_eq!(union_in(Some(exact(132))), Some((13, Some(21))));
        assert_eq!(union_in(Some(exact(17))), Some((13, Some(17))));
        assert_eq!(union_in(None), Some((13, Some(21))));
        assert_eq!(
            union_in(Some(exact(10))),
            Some((13, Some(13))),
            "a part that is larger than the whole"
        );
        assert_eq!(BoundedCount::overlapping([], None), None);
        let rest = exact(132).minus(BoundedCount::between(13, Some(21)));
        assert_eq!((rest.min, rest.max()), (111, Some(119)));
    }
}
