//! The rules of plans, and the scope of breaks, as SQL conditions.
//!
//! What rules require of codes is tested once for each combination of codes (`c0`, `c1`, ...); all
//! other keys are tested in the condition of the series.

use super::Dialect;
use crate::contract::flags::Flags;
use crate::reference::Break;
use crate::reference::pattern::{Pattern, PatternTest};
use crate::reference::plan::rule::{Ages, Hours, Rule, WEEKDAYS};
use crate::reference::plan::{Plan, Series};

/// A text as a literal.
pub(super) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A code in the form in which it is compared; null: a base of others, which matches no pattern.
pub(super) fn folded(scheme: &str, code: &str) -> String {
    format!(
        "CASE
        WHEN {scheme} LIKE 'hclic-%'
            AND (lower({code}) LIKE 'total-%' OR lower({code}) LIKE 'households-with-%') THEN NULL
        WHEN {scheme} = 'hclic-need' THEN upper(split_part({code}, '/', 1))
        WHEN {scheme} = 'icd-10' THEN replace(upper({code}), '.', '')
        WHEN {scheme} = 'ho-category' THEN replace(upper({code}), '.', '/')
        ELSE upper({code}) END"
    )
}

/// The conditions of some plans' series.
pub(super) struct PlanConditions {
    dialect: Dialect,
    /// What the rules require of a folded code, each condition once.
    code_tests: Vec<String>,
}

impl PlanConditions {
    pub(super) fn new(plans: &[&Plan], dialect: Dialect) -> Self {
        let mut code_tests: Vec<String> = Vec::new();
        for test in plans
            .iter()
            .flat_map(|plan| plan.rules())
            .filter_map(|(.., rule)| code_test(rule))
        {
            if !code_tests.contains(&test) {
                code_tests.push(test);
            }
        }
        Self {
            dialect,
            code_tests,
        }
    }

    pub(super) fn into_code_tests(self) -> Vec<String> {
        self.code_tests
    }

    /// Whether a record falls under a series: any rule matches, each with all its keys.
    pub(super) fn series(&self, series: &Series) -> String {
        self.any_rule(series, UnknownCodeMatch::MatchesNone)
    }

    /// Whether a record may fall under a series, since a code of it is unknown.
    pub(super) fn possible(&self, series: &Series) -> String {
        self.any_rule(series, UnknownCodeMatch::MatchesAny)
    }

    fn any_rule(&self, series: &Series, unknown: UnknownCodeMatch) -> String {
        if series.rules.is_empty() {
            return "false".to_owned();
        }
        let rules = series.rules.iter();
        let rules: Vec<String> = rules
            .map(|rule| format!("({})", self.rule(rule, unknown)))
            .collect();
        rules.join(" OR ")
    }

    /// Whether a record matches all keys of a rule.
    fn rule(&self, rule: &Rule, unknown: UnknownCodeMatch) -> String {
        let Rule {
            id: _,
            kinds,
            codes: _,
            flags,
            places,
            lsoas: _,
            roles,
            ages,
            hours,
            weekdays,
        } = rule;
        let mut keys: Vec<String> = Vec::new();
        if !kinds.is_empty() {
            keys.push(is_one_of("type", kinds.iter().map(|kind| kind.as_str())));
        }
        let test =
            code_test(rule).and_then(|test| self.code_tests.iter().position(|own| *own == test));
        keys.extend(test.map(|index| match unknown {
            UnknownCodeMatch::MatchesNone => format!("c{index}"),
            UnknownCodeMatch::MatchesAny => format!("(c{index} OR {})", is_unknown_in(rule)),
        }));
        if *flags != 0 {
            let flags = Flags::names(*flags);
            keys.push(any(
                flags.map(|flag| format!("instr(true_flags, ';{flag};') > 0"))
            ));
        }
        if !places.is_empty() {
            keys.push(is_in_place(rule));
        }
        if !roles.is_empty() {
            keys.push(is_one_of("role", roles.iter().map(|role| role.as_str())));
        }
        if !ages.is_empty() {
            keys.push(any(ages.iter().copied().map(is_any_inside)));
        }
        keys.extend(hours.map(is_in_hours));
        if !weekdays.is_empty() {
            let weekday = self.dialect.quoted("weekday");
            let numbers = (1..).zip(WEEKDAYS);
            let numbers: Vec<String> = numbers
                .filter(|(_, (_, day))| weekdays.contains(day))
                .map(|(number, _): (i32, _)| number.to_string())
                .collect();
            keys.push(format!("{weekday} IN ({})", numbers.join(", ")));
        }
        keys.join(" AND ")
    }
}

/// What a code matches that its list does not contain.
#[derive(Clone, Copy)]
enum UnknownCodeMatch {
    MatchesNone,
    MatchesAny,
}

/// Whether a record's code is unknown in a scheme whose codes a rule names.
fn is_unknown_in(rule: &Rule) -> String {
    let schemes = rule.codes.keys();
    any(schemes.map(|scheme| format!("instr(';' || unknown_schemes || ';', ';{scheme};') > 0")))
}

/// Whether a record is in the zone of a place or in one of its LSOAs.
fn is_in_place(rule: &Rule) -> String {
    let zone = is_one_of("zone", rule.places.iter().map(String::as_str));
    if rule.lsoas.is_empty() {
        return format!("({zone})");
    }
    let area = is_one_of("area_code", rule.lsoas.iter().map(String::as_str));
    format!("({zone} OR {area})")
}

/// Whether the age band of anyone concerned is inside another.
fn is_any_inside(ages: Ages) -> String {
    let (low, high) = ages.bounds();
    let everyone = ["person", "victim", "suspect"].into_iter();
    any(everyone.map(|who| format!("{who}_low >= {low} AND {who}_high <= {high}")))
}

fn is_in_hours(hours: Hours) -> String {
    let (from, to) = hours.minutes();
    let joined = if from < to { "AND" } else { "OR" };
    format!("(minute_of_day >= {from} {joined} minute_of_day < {to})")
}

fn any(conditions: impl Iterator<Item = String>) -> String {
    let conditions: Vec<String> = conditions.collect();
    format!("({})", conditions.join(" OR "))
}

fn is_one_of<'t>(expression: &str, texts: impl Iterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.map(text_literal).collect();
    format!("{expression} IN ({})", texts.join(", "))
}

/// What a rule requires of codes; `None`: nothing.
fn code_test(rule: &Rule) -> Option<String> {
    let schemes: Vec<String> = rule
        .codes
        .iter()
        .map(|(scheme, patterns)| {
            let matches = matches_any("folded", patterns, EditionTest::Required);
            format!("scheme = {} AND ({matches})", text_literal(scheme))
        })
        .collect();
    (!schemes.is_empty()).then(|| schemes.join(" OR "))
}

/// Whether a pattern's edition counts: a break's codes are those of all editions.
#[derive(Clone, Copy, PartialEq)]
enum EditionTest {
    Required,
    Ignored,
}

/// Whether a folded code matches any of some patterns.
fn matches_any(folded: &str, patterns: &[Pattern], edition_test: EditionTest) -> String {
    let mut exact = Vec::new();
    let mut conditions = Vec::new();
    for pattern in patterns {
        let edition = pattern
            .edition()
            .filter(|_| edition_test == EditionTest::Required);
        let test = match pattern.test() {
            PatternTest::Exact(code) if edition.is_none() => {
                exact.push(text_literal(code));
                continue;
            }
            PatternTest::Exact(code) => format!("{folded} = {}", text_literal(code)),
            PatternTest::Prefix(start) if start.is_empty() => format!("{folded} IS NOT NULL"),
            PatternTest::Prefix(start) => {
                format!("left({folded}, {}) = {}", start.len(), text_literal(start))
            }
            PatternTest::Range(first, last) => format!(
                "length({folded}) >= {width} AND left({folded}, {width}) BETWEEN {} AND {}",
                text_literal(first),
                text_literal(last),
                width = first.len()
            ),
        };
        conditions.push(match edition {
            Some(edition) => format!("{test} AND edition = {}", text_literal(edition)),
            None => test,
        });
    }
    if !exact.is_empty() {
        conditions.insert(0, format!("{folded} IN ({})", exact.join(", ")));
    }
    conditions.join(" OR ")
}

/// Whether a break touches a cell `c`.
pub(super) fn break_applies(series_break: &Break) -> String {
    let Break {
        partners,
        kinds,
        levels,
        codes,
        ..
    } = series_break;
    let mut keys = vec!["true".to_owned()];
    if !partners.is_empty() {
        let partners = partners.iter().map(String::as_str);
        keys.push(is_one_of("split_part(c.partner_kind, '|', 1)", partners));
    }
    if !kinds.is_empty() {
        let kinds = kinds.iter().map(String::as_str);
        keys.push(is_one_of("split_part(c.partner_kind, '|', 3)", kinds));
    }
    if !levels.is_empty() {
        let levels = levels.iter().map(|level| level.as_str());
        keys.push(is_one_of("split_part(c.area_key, '|', 2)", levels));
    }
    if !codes.is_empty() {
        let scheme = "split_part(c.series_key, '|', 4)";
        let code = "split_part(c.series_key, '|', 3)";
        let folded = format!("({})", folded(scheme, code));
        let mut schemes = vec![format!("{scheme} = ''")];
        for (own, patterns) in codes {
            let matches = matches_any(&folded, patterns, EditionTest::Ignored);
            schemes.push(format!("{scheme} = {} AND ({matches})", text_literal(own)));
        }
        keys.push(format!("({})", schemes.join(" OR ")));
    }
    keys.join(" AND ")
}
