//! Rules of plans, and the scope of breaks, as conditions over columns.
//!
//! Codes are tested once for each record (`c0`, `c1`, ...), all other keys where the rules are put
//! together.

use crate::contract::parts::Flags;
use crate::reference::Break;
use crate::reference::pattern::{Pattern, PatternTest};
use crate::reference::plan::rule::{Ages, Rule, WEEKDAYS};
use crate::reference::plan::{Plan, Series};

/// A literal.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A code in the form in which it is compared; null = a base, which is like nothing.
pub(super) fn folded(scheme: &str, code: &str) -> String {
    format!(
        "CASE
        WHEN {scheme} LIKE 'hclic-%' AND (lower({code}) LIKE 'total-%' OR lower({code}) LIKE 'households-with-%') THEN NULL
        WHEN {scheme} = 'hclic-need' THEN upper(split_part({code}, '/', 1))
        WHEN {scheme} = 'icd-10' THEN replace(upper({code}), '.', '')
        WHEN {scheme} = 'ho-category' THEN replace(upper({code}), '.', '/')
        ELSE upper({code}) END"
    )
}

/// The years of the age bands of those concerned.
pub(super) fn age_bounds() -> String {
    let bounds = |who: &str| {
        let band = format!("{who}_age_band");
        format!(
            "
        TRY_CAST(replace(split_part({band}, '-', 1), '+', '') AS INT) AS {who}_low,
        CASE WHEN {band} LIKE '%+' THEN 255 ELSE TRY_CAST(split_part({band}, '-', 2) AS INT) END AS {who}_high,"
        )
    };
    ["person", "victim", "suspect"].map(bounds).concat()
}

/// The conditions of some plans.
pub(super) struct Conditions<'p> {
    plans: &'p [&'p Plan],
    /// What the rules ask of codes, each once.
    tests: Vec<String>,
}

impl<'p> Conditions<'p> {
    pub(super) fn of(plans: &'p [&'p Plan]) -> Self {
        let mut tests: Vec<String> = Vec::new();
        for test in plans
            .iter()
            .flat_map(|plan| plan.rules())
            .filter_map(|(.., rule)| codes(rule))
        {
            if !tests.contains(&test) {
                tests.push(test);
            }
        }
        Self { plans, tests }
    }

    /// The columns of the table of tests.
    pub(super) fn tests(&self) -> String {
        let column = |(number, test): (usize, &String)| {
            format!(",\n        bool_or(coalesce({test}, false)) AS c{number}")
        };
        self.tests.iter().enumerate().map(column).collect()
    }

    pub(super) fn test_names(&self) -> String {
        (0..self.tests.len()).fold(String::new(), |names, number| {
            names + &format!(", c{number}")
        })
    }

    /// A column for each series of each plan: whether a record falls under it.
    pub(super) fn judged(&self) -> String {
        let mut columns = String::new();
        for (p, plan) in self.plans.iter().enumerate() {
            for (s, series) in plan.series.iter().enumerate() {
                columns.push_str(&format!(
                    ",\n        coalesce({}, false) AS p{p}_s{s}",
                    self.series(series)
                ));
            }
        }
        columns
    }

    /// The lines a record counts in, as elements of an array that follow others.
    pub(super) fn lines(&self) -> String {
        let mut lines = String::new();
        for (p, plan) in self.plans.iter().enumerate() {
            let names: Vec<String> = (0..plan.series.len())
                .map(|s| format!("p{p}_s{s}"))
                .collect();
            let any = if names.is_empty() {
                "false".to_owned()
            } else {
                names.join(" OR ")
            };
            let id = &plan.id;
            lines.push_str(&format!(
                ",\n            CASE WHEN {any} THEN '{id}|mapped|mapped|' ELSE '{id}|unmapped|unmapped|' END"
            ));
            for (name, series) in names.iter().zip(&plan.series) {
                let line = format!("{id}|{}|{}|", series.kind.as_str(), series.id);
                lines.push_str(&format!(
                    ",\n            CASE WHEN {name} THEN {} END",
                    text(&line)
                ));
            }
        }
        lines
    }

    fn series(&self, series: &Series) -> String {
        let rules: Vec<String> = series
            .rules
            .iter()
            .map(|rule| format!("({})", self.rule(rule)))
            .collect();
        if rules.is_empty() {
            "false".to_owned()
        } else {
            rules.join(" OR ")
        }
    }

    fn rule(&self, rule: &Rule) -> String {
        let mut all: Vec<String> = Vec::new();
        let any = |conditions: Vec<String>| format!("({})", conditions.join(" OR "));
        if !rule.kinds.is_empty() {
            all.push(format!(
                "type IN ({})",
                list(rule.kinds.iter().map(|kind| kind.as_str()))
            ));
        }
        let test = codes(rule).and_then(|test| self.tests.iter().position(|own| *own == test));
        all.extend(test.map(|number| format!("c{number}")));
        if rule.flags != 0 {
            all.push(any(Flags::names(rule.flags)
                .map(|flag| format!("instr(yes, ';{flag};') > 0"))
                .collect()));
        }
        if !rule.places.is_empty() {
            let lsoas = list(rule.lsoas.iter().map(String::as_str));
            let lsoas = if lsoas.is_empty() {
                String::new()
            } else {
                format!(" OR area_code IN ({lsoas})")
            };
            all.push(format!(
                "(zone IN ({}){lsoas})",
                list(rule.places.iter().map(String::as_str))
            ));
        }
        if !rule.roles.is_empty() {
            all.push(format!(
                "role IN ({})",
                list(rule.roles.iter().map(|role| role.as_str()))
            ));
        }
        if !rule.ages.is_empty() {
            let inside = |ages: &Ages| {
                let (low, high) = ages.bounds();
                any(["person", "victim", "suspect"]
                    .map(|who| format!("{who}_low >= {low} AND {who}_high <= {high}"))
                    .into())
            };
            all.push(any(rule.ages.iter().map(inside).collect()));
        }
        if let Some(hours) = rule.hours {
            let (from, to) = hours.minutes();
            let joined = if from < to { "AND" } else { "OR" };
            all.push(format!(
                "(minute_of_day >= {from} {joined} minute_of_day < {to})"
            ));
        }
        if !rule.weekdays.is_empty() {
            let days = (1..)
                .zip(WEEKDAYS)
                .filter(|(_, (_, day))| rule.weekdays.contains(day));
            all.push(format!(
                "\"weekday\" IN ({})",
                days.map(|(number, _): (i32, _)| number.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
        all.join(" AND ")
    }
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.map(text).collect::<Vec<_>>().join(", ")
}

/// What a rule asks of codes; none where it names none.
fn codes(rule: &Rule) -> Option<String> {
    let of_scheme = |(scheme, patterns): (&String, &Vec<Pattern>)| {
        format!(
            "scheme = {} AND ({})",
            text(scheme),
            like("folded", patterns, true)
        )
    };
    let tests: Vec<String> = rule.codes.iter().map(of_scheme).collect();
    (!tests.is_empty()).then(|| tests.join(" OR "))
}

/// Whether a folded code is like any of some patterns.
fn like(folded: &str, patterns: &[Pattern], in_edition: bool) -> String {
    let mut exact = Vec::new();
    let mut any = Vec::new();
    for pattern in patterns {
        let test = match pattern.test() {
            PatternTest::Exact(code) if pattern.edition().is_none() || !in_edition => {
                exact.push(text(code));
                continue;
            }
            PatternTest::Exact(code) => format!("{folded} = {}", text(code)),
            PatternTest::Prefix(start) if start.is_empty() => format!("{folded} IS NOT NULL"),
            PatternTest::Prefix(start) => {
                format!("left({folded}, {}) = {}", start.len(), text(start))
            }
            PatternTest::Range(first, last) => format!(
                "length({folded}) >= {width} AND left({folded}, {width}) BETWEEN {} AND {}",
                text(first),
                text(last),
                width = first.len()
            ),
        };
        let edition = pattern
            .edition()
            .filter(|_| in_edition)
            .map(|edition| format!(" AND edition = {}", text(edition)));
        any.push(test + &edition.unwrap_or_default());
    }
    if !exact.is_empty() {
        any.insert(0, format!("{folded} IN ({})", exact.join(", ")));
    }
    any.join(" OR ")
}

/// Whether a break touches a cell `c`.
pub(super) fn applies(of: &Break) -> String {
    let mut all = vec!["true".to_owned()];
    let named = |key: &str, part: u8, names: Vec<&str>| {
        format!(
            "split_part({key}, '|', {part}) IN ({})",
            list(names.into_iter())
        )
    };
    if !of.partners.is_empty() {
        all.push(named(
            "c.whose",
            1,
            of.partners.iter().map(String::as_str).collect(),
        ));
    }
    if !of.kinds.is_empty() {
        all.push(named(
            "c.whose",
            3,
            of.kinds.iter().map(String::as_str).collect(),
        ));
    }
    if !of.levels.is_empty() {
        all.push(named(
            "c.place",
            2,
            of.levels.iter().map(|level| level.as_str()).collect(),
        ));
    }
    if !of.codes.is_empty() {
        let (scheme, code) = ("split_part(c.line, '|', 4)", "split_part(c.line, '|', 3)");
        let folded = folded(scheme, code);
        let of_scheme = |(own, patterns): (&String, &Vec<Pattern>)| {
            format!(
                "{scheme} = {} AND ({})",
                text(own),
                like(&format!("({folded})"), patterns, false)
            )
        };
        let codes: Vec<String> = of.codes.iter().map(of_scheme).collect();
        all.push(format!("({scheme} = '' OR {})", codes.join(" OR ")));
    }
    all.join(" AND ")
}
