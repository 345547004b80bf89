//! A set of the sources (a partner's systems) that send one kind of record.

/// Sources of one partner's kind: bit i is the i-th of
/// [`Current::sources`](super::current::Current::sources).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SourceSet(u64);

impl SourceSet {
    /// All sources.
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// The i-th source. Those after the 64th, which no partner has, share a bit.
    pub(crate) fn one(i: usize) -> Self {
        Self(1 << i.min(63))
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Those in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The index of the first.
    pub(crate) const fn first(self) -> usize {
        self.0.trailing_zeros() as usize
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
