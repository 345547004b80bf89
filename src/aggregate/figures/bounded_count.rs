//! How many, as far as it is known: a count with its bounds, and how sums carry them.
//!
//! "Not supplied" is never 0. What records cannot show is not supplied; where some parts of a sum
//! are and others are not, the sum is known only from below.

use crate::aggregate::state::current::SourceSet;

/// How much of a count was supplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Supply {
    /// All parts.
    Whole,
    /// Some of them.
    Partial,
    /// None.
    Nothing,
}

impl Supply {
    /// The supply of a series in a month, given who sent records and who can show it.
    pub(crate) fn of(fed: SourceSet, shown: SourceSet) -> Self {
        match fed.and(shown) {
            none if none == SourceSet::default() => Self::Nothing,
            all if all == fed => Self::Whole,
            _ => Self::Partial,
        }
    }

    /// The supply of two parts together.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Partial }
    }
}

/// A count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// At least so many.
    pub(crate) min: i64,
    /// At most so many, of what was supplied; none = no upper bound.
    max: Option<i64>,
    pub(crate) supply: Supply,
}

impl Block {
    /// Every status, in the order of [`Block::status`].
    pub(crate) const STATUSES: [&'static str; 4] = ["exact", "interval", "partial", "not_supplied"];
    /// Nothing is known.
    pub(crate) const NOT_SUPPLIED: Self = Self {
        min: 0,
        max: None,
        supply: Supply::Nothing,
    };

    /// Records that were counted.
    pub(crate) const fn counted(count: i64, supply: Supply) -> Self {
        Self {
            min: count,
            max: Some(count),
            supply,
        }
    }

    /// A total that is known within bounds.
    pub(crate) const fn between(min: i64, max: Option<i64>) -> Self {
        Self {
            min,
            max,
            supply: Supply::Whole,
        }
    }

    /// At most so many; none = no upper bound, also where a part was not supplied.
    pub(crate) fn max(self) -> Option<i64> {
        self.max.filter(|_| self.supply == Supply::Whole)
    }

    /// The number, where it is known.
    pub(crate) fn exact(self) -> Option<i64> {
        self.max().filter(|max| *max == self.min)
    }

    /// The place of its status in [`Block::STATUSES`].
    pub(crate) fn status(self) -> u32 {
        match self.supply {
            Supply::Nothing => 3,
            Supply::Partial => 2,
            Supply::Whole if self.exact().is_none() => 1,
            Supply::Whole => 0,
        }
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

    /// What is left when a part is taken away.
    #[must_use]
    pub(crate) fn minus(self, part: Self) -> Self {
        let min = part.max().map_or(0, |most| (self.min - most).max(0));
        let max = self.max.map(|max| (max - part.min).max(0));
        Self {
            min,
            max,
            supply: self.supply.and(part.supply),
        }
    }

    /// Parts that overlap: at least the largest, at most their sum, and no more than the whole.
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
        let most = whole.and_then(Self::max);
        let max = sum
            .max
            .map_or(most, |sum| Some(most.map_or(sum, |most| most.min(sum))));
        // Where a part is larger than the whole, as a partner may print it, the part stands.
        let max = max.map(|max| max.max(largest));
        Some(Self {
            min: largest,
            max,
            supply: sum.supply,
        })
    }

    /// All parts together; none = there is no part.
    pub(crate) fn sum(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        parts.into_iter().reduce(Self::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parts: &[Block], count: Option<i64>, min: i64, max: Option<i64>, status: &str) {
        let sum = Block::sum(parts.iter().copied()).expect("a part");
        assert_eq!(
            (sum.exact(), sum.min, sum.max()),
            (count, min, max),
            "{parts:?}"
        );
        assert_eq!(Block::STATUSES[sum.status() as usize], status, "{parts:?}");
    }

    #[test]
    fn sums_carry_bounds_and_say_what_was_not_supplied() {
        let exact = |n| Block::counted(n, Supply::Whole);
        check(&[exact(3), exact(4)], Some(7), 7, Some(7), "exact");
        check(
            &[exact(3), Block::between(1, Some(7))],
            None,
            4,
            Some(10),
            "interval",
        );
        check(
            &[exact(3), Block::between(2, None)],
            None,
            5,
            None,
            "interval",
        );
        check(&[exact(3), Block::NOT_SUPPLIED], None, 3, None, "partial");
        check(
            &[Block::NOT_SUPPLIED, Block::NOT_SUPPLIED],
            None,
            0,
            None,
            "not_supplied",
        );
        check(
            &[Block::counted(2, Supply::Partial), exact(5)],
            None,
            7,
            None,
            "partial",
        );
    }

    #[test]
    fn parts_that_overlap_lie_between_the_largest_and_the_whole() {
        let exact = |n| Block::counted(n, Supply::Whole);
        let of = |whole| {
            Block::overlapping([exact(13), exact(8)], whole).map(|block| (block.min, block.max()))
        };
        assert_eq!(of(Some(exact(132))), Some((13, Some(21))));
        assert_eq!(of(Some(exact(17))), Some((13, Some(17))));
        assert_eq!(of(None), Some((13, Some(21))));
        assert_eq!(
            of(Some(exact(10))),
            Some((13, Some(13))),
            "a part that is larger than the whole"
        );
        assert_eq!(Block::overlapping([], None), None);
        let rest = exact(132).minus(Block::between(13, Some(21)));
        assert_eq!((rest.min, rest.max()), (111, Some(119)));
    }
}
