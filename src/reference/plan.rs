//! A plan: the priorities and cross-cutting themes of a partnership for a year or more, as rules
//! over what partners sent.
//!
//! A record belongs to a series if it passes any of its rules. It passes a rule if it passes every
//! test, and a test if any of its values matches. There are no tiers, no order and no weights, so
//! the figures of priorities overlap. It knows neither folders nor Parquet. Every [`Plan`] was
//! validated by [`load`].

mod check;
mod index;
pub mod load;
pub mod rule;

use std::collections::BTreeSet;

use jiff::civil;

use crate::contract::Record;
use crate::contract::flags::Flags;
use crate::event::Kind;
use crate::reference::carried::Carried;
use crate::reference::source_code::SourceCode;
use index::RuleIndex;

pub use index::RuleSet;

pub use rule::{Hit, Rule};

/// The most series a plan may have: one bit each in a [`SeriesSet`].
pub const SERIES_MAX: usize = 64;

/// Whether a plan counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanStatus {
    /// Not decided yet; never in force.
    Draft,
    /// Decided; in force from `valid_from` to `valid_to`.
    Adopted,
    /// Given up; never in force.
    Withdrawn,
}

impl PlanStatus {
    /// Every status by its name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("draft", Self::Draft),
        ("adopted", Self::Adopted),
        ("withdrawn", Self::Withdrawn),
    ];

    /// The name in a plan's file.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, s)| *s == self)
            .map_or("", |(name, _)| name)
    }
}

/// What a series is to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeriesKind {
    /// A priority, which has an owner.
    Priority,
    /// A cross-cutting theme.
    Theme,
}

impl SeriesKind {
    /// The name in plans' files and in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Theme => "theme",
        }
    }
}

/// What a plan did with a series of an earlier plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "each variant is the word of the plan's file that it is named after"
)]
pub enum LineageChange {
    Continued,
    Relabelled,
    Promoted,
    Demoted,
    Narrowed,
    Widened,
    Split,
    Merged,
}

impl LineageChange {
    /// Every change by its name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("continued", Self::Continued),
        ("relabelled", Self::Relabelled),
        ("promoted", Self::Promoted),
        ("demoted", Self::Demoted),
        ("narrowed", Self::Narrowed),
        ("widened", Self::Widened),
        ("split", Self::Split),
        ("merged", Self::Merged),
    ];

    /// The name in a plan's file and in tables.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, c)| *c == self)
            .map_or("", |(name, _)| name)
    }
}

/// Where a series comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The earlier plan.
    pub plan: String,
    /// The series in it.
    pub id: String,
    /// What the plan did with it.
    pub change: LineageChange,
}

/// A priority or a cross-cutting theme.
#[derive(Clone, Debug)]
pub struct Series {
    /// Which of the two.
    pub kind: SeriesKind,
    /// Stays the same while the scope is meant to be the same, even if the label changes.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Id of the group that answers for it ([`Plan::owners`]).
    pub owner: Option<String>,
    /// The series of earlier plans it comes from; empty = new.
    pub from: Vec<Lineage>,
    /// A record that passes any of these belongs to it; empty = no record does.
    pub rules: Vec<Rule>,
    /// 12 hexadecimal digits of the SHA-256 over the sorted rules: equal scope = comparable
    /// figures.
    pub scope: String,
}

/// A group that answers for a priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriorityOwner {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Ids of the groups it was formed from.
    pub formed_from: Vec<String>,
}

/// A share measured inside every priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// The flags that show it, as bits ([`Flags::NAMES`]).
    pub flags: u32,
}

impl Factor {
    /// `Some(true)` if any of the flags is true, `Some(false)` if one is false and none is true,
    /// `None` if they are not recorded.
    pub fn value(&self, flags: Flags) -> Option<bool> {
        flags.any(self.flags)
    }
}

/// A plan of a partnership, checked.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its id, which is also its file's name.
    pub id: String,
    /// Whose plan it is.
    pub partnership: String,
    /// Code of the area it is for.
    pub area: String,
    /// Its title.
    pub label: String,
    /// Whether it is in use.
    pub status: PlanStatus,
    /// When it was adopted.
    pub adopted: Option<civil::Date>,
    /// The first day it is valid.
    pub valid_from: civil::Date,
    /// The last day it is valid.
    pub valid_to: civil::Date,
    /// The plan before it, if known.
    pub follows: Option<String>,
    /// Series of the plan before it that it drops.
    pub dropped: Vec<String>,
    /// The groups that answer for priorities.
    pub owners: Vec<PriorityOwner>,
    /// Priorities, then themes, each in the order of the file; at most [`SERIES_MAX`].
    pub series: Vec<Series>,
    /// Shares measured inside every priority.
    pub factors: Vec<Factor>,
    index: RuleIndex,
}

impl Plan {
    /// The series a record falls under; `codes` are those of
    /// [`crate::reference::Reference::source_codes`].
    pub fn classify(&self, record: &Record<'_>, codes: &[SourceCode<'_>]) -> SeriesSet {
        self.series_of(self.rules_matching(record, codes))
    }

    /// The rules that match a record.
    pub fn rules_matching(&self, record: &Record<'_>, codes: &[SourceCode<'_>]) -> RuleSet {
        self.rules_passing(record, self.index.hits(codes))
    }

    /// The rules that may match a record: its code of each of these schemes is unknown, and may be
    /// any that a rule names.
    pub fn rules_possible<'s>(
        &self,
        record: &Record<'_>,
        codes: &[SourceCode<'_>],
        unknown_schemes: impl IntoIterator<Item = &'s str>,
    ) -> RuleSet {
        let mut hits = self.index.hits(codes);
        hits.add(self.index.naming(unknown_schemes));
        self.rules_passing(record, hits)
    }

    fn rules_passing(&self, record: &Record<'_>, hits: RuleSet) -> RuleSet {
        let mut matching = RuleSet::default();
        for indexed in self.index.rules_for(record.kind) {
            let rule = &self.series[indexed.series].rules[indexed.rule];
            if indexed.passes(&hits, record.flags)
                && (!indexed.has_other_tests || rule.passes_other_tests(record))
            {
                matching.insert(indexed.number);
            }
        }
        matching
    }

    /// The series that rules put a record under.
    pub fn series_of(&self, rules: RuleSet) -> SeriesSet {
        self.rules()
            .filter(|(number, ..)| rules.contains(*number))
            .map(|(_, series, _)| series)
            .collect()
    }

    /// Every rule with its number and the index of its series in [`Plan::series`].
    pub fn rules(&self) -> impl Iterator<Item = (usize, usize, &Rule)> {
        let rules = self
            .series
            .iter()
            .enumerate()
            .flat_map(|(index, series)| series.rules.iter().map(move |rule| (index, rule)));
        rules
            .enumerate()
            .map(|(number, (series, rule))| (number, series, rule))
    }

    /// Every rule that matches a record, with the values that it matched.
    pub fn matches<'p>(
        &'p self,
        record: &Record<'_>,
        codes: &[SourceCode<'_>],
    ) -> Vec<RuleMatch<'p>> {
        let mut matches = Vec::new();
        for (_, series, rule) in self.rules() {
            if let Some(hits) = rule.explain(record, codes) {
                matches.push(RuleMatch { series, rule, hits });
            }
        }
        matches
    }

    /// The series that a kind can show, given what its partner's system carries. For any other
    /// series a figure is not supplied, never 0.
    pub fn applicable(&self, carried: &Carried, kind: Kind) -> SeriesSet {
        self.rules()
            .filter(|(_, _, rule)| rule.applicable(carried, kind))
            .map(|(_, series, _)| series)
            .collect()
    }

    /// The index of a series in [`Plan::series`].
    pub fn series_index(&self, id: &str) -> Option<usize> {
        self.series.iter().position(|s| s.id == id)
    }

    /// The series of a set, in order.
    pub fn series_in(&self, set: SeriesSet) -> impl Iterator<Item = &Series> {
        set.iter().filter_map(|i| self.series.get(i))
    }

    /// Whether the plan is adopted and valid on a day.
    pub fn in_force(&self, on: civil::Date) -> bool {
        self.status == PlanStatus::Adopted && (self.valid_from..=self.valid_to).contains(&on)
    }

    /// Ids of all series.
    pub fn ids(&self) -> BTreeSet<&str> {
        self.series.iter().map(|s| &*s.id).collect()
    }
}

/// A rule that matches a record.
#[derive(Clone, Debug)]
pub struct RuleMatch<'p> {
    /// The index of its series in [`Plan::series`].
    pub series: usize,
    /// The rule.
    pub rule: &'p Rule,
    /// For each key of the rule, the values of the record that passed its test.
    pub hits: Vec<Hit>,
}

/// A set of series of one plan: bit i is `plan.series[i]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesSet(pub u64);

impl SeriesSet {
    /// No series.
    pub const EMPTY: Self = Self(0);

    /// Whether it contains `plan.series[i]`.
    pub const fn contains(self, i: usize) -> bool {
        self.0 & (1 << i) != 0
    }

    /// Adds `plan.series[i]`.
    pub const fn insert(&mut self, i: usize) {
        self.0 |= 1 << i;
    }

    /// Whether it is empty: the record is unmapped.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The indexes of its series, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..SERIES_MAX).filter(move |i| self.contains(*i))
    }

    /// The series in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<usize> for SeriesSet {
    fn from_iter<I: IntoIterator<Item = usize>>(indexes: I) -> Self {
        let mut set = Self::EMPTY;
        indexes.into_iter().for_each(|i| set.insert(i));
        set
    }
}

/// All plans, in order of ids.
#[derive(Clone, Debug, Default)]
pub struct Plans(Vec<Plan>);

impl Plans {
    /// The plan of that id.
    pub fn get(&self, id: &str) -> Option<&Plan> {
        self.0.iter().find(|plan| plan.id == id)
    }

    /// The adopted plan that is valid on a day: there is at most one.
    pub fn in_force(&self, on: civil::Date) -> Option<&Plan> {
        self.0.iter().find(|plan| plan.in_force(on))
    }

    /// Every plan, in order of ids.
    pub fn iter(&self) -> impl Iterator<Item = &Plan> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests;
