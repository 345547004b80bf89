//! An index over the rules of a plan: from a kind to the rules that may match, from a code to the
//! rules that name it. A record costs a few look-ups, however many codes the plan lists.

use hashbrown::HashMap;

use super::Series;
use crate::contract::flags::Flags;
use crate::event::Kind;
use crate::reference::pattern::{Fold, Pattern};
use crate::reference::source_code::SourceCode;

/// The most rules a plan may have.
pub(super) const RULES_MAX: usize = 256;

/// A rule's position in its plan, and the tests that the index answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexedRule {
    pub(super) series: usize,
    pub(super) rule: usize,
    /// Its number among all rules of the plan.
    pub(super) number: usize,
    names_codes: bool,
    /// The flags it names.
    flags: u32,
    /// Whether it tests more than kind, codes and flags.
    pub(super) has_other_tests: bool,
}

impl IndexedRule {
    /// Whether a record passes the tests of codes and flags. Most rules fail here, so the rule
    /// itself is not read.
    pub(super) const fn passes(self, hits: &RuleSet, flags: Flags) -> bool {
        (!self.names_codes || hits.contains(self.number))
            && (self.flags == 0 || self.flags & flags.yes != 0)
    }
}

/// A set of rules of one plan, numbered through its series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RuleSet([u64; RULES_MAX / 64]);

impl RuleSet {
    /// Whether it contains the rule of that number.
    pub const fn contains(self, number: usize) -> bool {
        self.0[number / 64] & (1 << (number % 64)) != 0
    }

    pub(super) const fn insert(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct RuleIndex {
    kinds: Vec<Vec<IndexedRule>>,
    schemes: HashMap<String, SchemePatterns>,
}

/// The patterns of all rules for one scheme.
#[derive(Clone, Debug)]
struct SchemePatterns {
    fold: Fold,
    exact: HashMap<String, RuleSet>,
    others: Vec<(Pattern, usize)>,
    /// All rules that name codes of the scheme.
    all: RuleSet,
}

impl RuleIndex {
    /// Indexes a plan of at most [`RULES_MAX`] rules.
    pub(super) fn new(series: &[Series]) -> Self {
        let mut index = Self {
            kinds: vec![Vec::new(); Kind::ALL.len()],
            ..Self::default()
        };
        let positions = series.iter().enumerate().flat_map(|(index, series)| {
            let rules = series.rules.iter().enumerate();
            rules.map(move |(rule_index, rule)| (index, rule_index, rule))
        });
        for (number, (series, rule_index, rule)) in positions.enumerate().take(RULES_MAX) {
            for kind in Kind::ALL.iter().filter(|kind| rule.accepts(**kind)) {
                index.kinds[*kind as usize].push(IndexedRule {
                    series,
                    rule: rule_index,
                    number,
                    names_codes: !rule.codes.is_empty(),
                    flags: rule.flags,
                    has_other_tests: rule.has_other_tests(),
                });
            }
            for (scheme, pattern) in rule.patterns() {
                index.add(scheme, pattern, number);
            }
        }
        index
    }

    fn add(&mut self, scheme: &str, pattern: &Pattern, number: usize) {
        let fold = Fold::for_scheme(scheme);
        let scheme = self.schemes.entry_ref(scheme);
        let scheme = scheme.or_insert_with(|| SchemePatterns {
            fold,
            exact: HashMap::new(),
            others: Vec::new(),
            all: RuleSet::default(),
        });
        scheme.all.insert(number);
        match pattern.as_exact() {
            Some(code) => scheme.exact.entry_ref(code).or_default().insert(number),
            None => scheme.others.push((pattern.clone(), number)),
        }
    }

    /// The rules that may match a record of a kind.
    pub(super) fn rules_for(&self, kind: Kind) -> &[IndexedRule] {
        self.kinds.get(kind as usize).map_or(&[], Vec::as_slice)
    }

    /// The rules that name any code of one of the schemes.
    pub(super) fn naming<'s>(&self, schemes: impl IntoIterator<Item = &'s str>) -> RuleSet {
        let mut rules = RuleSet::default();
        let schemes = schemes
            .into_iter()
            .filter_map(|scheme| self.schemes.get(scheme));
        schemes.for_each(|scheme| rules.add(scheme.all));
        rules
    }

    /// The rules that name one of the codes.
    pub(super) fn hits(&self, codes: &[SourceCode<'_>]) -> RuleSet {
        let mut hits = RuleSet::default();
        for code in codes {
            let Some(scheme) = self.schemes.get(code.scheme) else {
                continue;
            };
            scheme.fold.with(&code.code, |folded| {
                if let Some(rules) = scheme.exact.get(folded) {
                    hits.add(*rules);
                }
                let found = scheme
                    .others
                    .iter()
                    .filter(|(pattern, _)| pattern.matches(folded, code.edition));
                found.for_each(|(_, number)| hits.insert(*number));
            });
        }
        hits
    }
}
