//! `config/disclosure.toml`: what a release hides, by where a number comes from.
//!
//! Every rule that matches applies, and the strictest setting of each wins. It must not know where
//! numbers are stored. A number that no rule matches has no protection, and cannot be released.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::TextFiles;
use crate::files::fault::{FaultSink, Faults, hint};
use crate::files::toml_reader::{TomlReader, parse};
use crate::reference::Reference;
use crate::release::figures::FIGURES;

/// The file.
pub(crate) const FILE: &str = "disclosure.toml";
/// The greatest `hide`, `spread` and `base`: more than any publisher asks for.
const NUMBER_MAX: i64 = 20;
/// Numbers are rounded to a multiple of this.
pub(crate) const ROUND: i64 = 5;
/// The least `hide` beside `round`: no number that is rounded is one that is hidden.
const ROUND_HIDE: i64 = 7;

/// The smallest areas that numbers are published for, the largest last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Finest {
    /// Wards.
    #[default]
    Ward,
    /// Districts.
    District,
    /// Sets of districts.
    Set,
    /// Everything that was received.
    AllReceived,
}

impl Finest {
    const ALL: [(&'static str, Self); 4] = [
        ("ward", Self::Ward),
        ("district", Self::District),
        ("set", Self::Set),
        ("all-received", Self::AllReceived),
    ];

    /// The name of the level in tables.
    pub(crate) fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, own)| *own == self);
        found.map_or("", |(name, _)| name)
    }

    /// The level of that name in tables; `None` = a level that is never released.
    pub(crate) fn from_level(level: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(name, _)| *name == level)
            .map(|(_, finest)| finest)
    }
}

/// What happens to a number that changed a little since an earlier release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Revised {
    /// It is listed.
    #[default]
    Report,
    /// It is suppressed.
    Hide,
}

/// How a number is protected: the strictest of the rules that match it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Safeguard {
    /// The ids of the rules, joined by `;`.
    pub(crate) rules: String,
    /// Numbers from 1 to this are hidden, in records.
    pub(crate) hide: i64,
    /// The number of values that must be possible of a hidden number.
    pub(crate) spread: i64,
    /// Other numbers are rounded to a multiple of this; 0 = exact.
    pub(crate) round: i64,
    /// A breakdown of a total from 1 to this is hidden completely.
    pub(crate) base: i64,
    /// The smallest areas.
    pub(crate) finest: Finest,
    /// What happens after a small revision.
    pub(crate) revised: Revised,
    /// Whether everyone knows it.
    pub(crate) is_public: bool,
}

/// What rules test of a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleSubject<'s> {
    pub(crate) partner: &'s str,
    pub(crate) feed: &'s str,
    pub(crate) kind: &'s str,
    pub(crate) series_kind: &'s str,
    pub(crate) series: &'s str,
    pub(crate) scheme: Option<&'s str>,
    pub(crate) table: &'s str,
}

/// A rule: its tests, by key, and its settings.
#[derive(Clone, Debug)]
struct Rule {
    id: String,
    /// One of these texts must match; an absent key is not tested.
    tests: BTreeMap<&'static str, BTreeSet<String>>,
    instead: BTreeSet<String>,
    safeguard: Safeguard,
}

/// The keys that a rule may test.
const TESTS: [&str; 8] = [
    "partners",
    "feeds",
    "kinds",
    "systems",
    "series_kinds",
    "series",
    "schemes",
    "tables",
];

impl Rule {
    fn matches(&self, subject: &RuleSubject<'_>, system: &str) -> bool {
        self.tests.iter().all(|(key, texts)| {
            let value = match *key {
                "partners" => Some(subject.partner),
                "feeds" => Some(subject.feed),
                "kinds" => Some(subject.kind),
                "systems" => Some(system),
                "series_kinds" => Some(subject.series_kind),
                "series" => Some(subject.series),
                "schemes" => subject.scheme,
                _ => Some(subject.table),
            };
            value.is_some_and(|value| texts.contains(value))
        })
    }
}

/// All rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct DisclosureRules {
    rules: Vec<Rule>,
    /// Groups of kinds that report the same events.
    same_events: Vec<BTreeSet<String>>,
}

impl DisclosureRules {
    /// Reads and checks the file, all faults at once.
    pub(crate) fn read(files: &TextFiles, reference: &Reference) -> Result<Self, Faults> {
        let sink = FaultSink::default();
        let mut rules = Self::default();
        match files.text(FILE) {
            None => sink.add(FILE, "", "is missing"),
            Some(text) => {
                if let Some(table) = parse(FILE, text, &sink) {
                    let reader = TomlReader::new(FILE, &table, &sink);
                    rules.read_file(&reader, reference, files.is_built_in(FILE));
                }
            }
        }
        sink.into_faults().into_result(rules)
    }

    /// Reads the file. The built-in one names priorities that another partnership may not have.
    fn read_file(&mut self, reader: &TomlReader<'_>, reference: &Reference, is_built_in: bool) {
        reader.format();
        let mut ids = BTreeSet::new();
        let tables = reader.tables("rule");
        for table in &tables {
            let rule = read_rule(table, reference, is_built_in);
            table.unique_id(&rule.id, &mut ids);
            self.rules.push(rule);
        }
        for (table, rule) in tables.iter().zip(&self.rules) {
            for id in rule.instead.iter().filter(|id| !ids.contains(*id)) {
                let hint = hint(id, ids.iter().map(String::as_str));
                table.fault("instead", format!("`{id}` is not a rule{hint}"));
            }
        }
        if self.rules.is_empty() {
            reader.fault("rule", "is missing: nothing could be released");
        }
        for table in reader.tables("same_events") {
            let kinds = table.texts("kinds");
            if kinds.len() < 2 {
                table.fault("kinds", "needs at least two kinds");
            }
            let kinds = kinds.iter().map(|kind| kind.text.to_owned());
            self.same_events.push(kinds.collect());
        }
    }

    /// How a number is protected; `systems` are those that sent the partner's kind. The error is the
    /// system without a rule.
    pub(crate) fn safeguard<'s>(
        &self,
        subject: &RuleSubject<'_>,
        systems: impl IntoIterator<Item = &'s str>,
    ) -> Result<Safeguard, String> {
        let mut matching: BTreeSet<usize> = BTreeSet::new();
        let mut has_system = false;
        for system in systems {
            has_system = true;
            let own = self.matching(subject, system);
            if own.is_empty() {
                return Err(system.to_owned());
            }
            matching.extend(own);
        }
        if !has_system {
            return Err("unknown".to_owned());
        }
        // Another partner's kind of the same events is protected as its own rules say, whichever
        // system sends it: only tests of the kind decide.
        let groups = self.same_events.iter();
        let others = groups
            .filter(|kinds| kinds.contains(subject.kind))
            .flatten();
        for kind in others.filter(|kind| *kind != subject.kind) {
            matching.extend(self.naming(kind));
        }
        let rules: Vec<&Rule> = matching.iter().map(|index| &self.rules[*index]).collect();
        Ok(strictest(&rules))
    }

    /// The settings of some rules together, by their ids joined by `;`.
    pub(crate) fn combined(&self, ids: &str) -> Safeguard {
        let ids: Vec<&str> = ids.split(';').collect();
        let rules = self.rules.iter();
        strictest(
            &rules
                .filter(|rule| ids.contains(&&*rule.id))
                .collect::<Vec<_>>(),
        )
    }

    /// The rules that match a number that a system sent, without those that others replace.
    fn matching(&self, subject: &RuleSubject<'_>, system: &str) -> BTreeSet<usize> {
        let mut matching: BTreeSet<usize> = (0..self.rules.len())
            .filter(|index| self.rules[*index].matches(subject, system))
            .collect();
        let replaced: BTreeSet<String> = matching
            .iter()
            .flat_map(|index| self.rules[*index].instead.iter().cloned())
            .collect();
        matching.retain(|index| !replaced.contains(&self.rules[*index].id));
        matching
    }

    /// The rules that any record of a kind may fall under: those that name it, its feed, or a system
    /// that sends it.
    fn naming(&self, kind: &str) -> BTreeSet<usize> {
        let rules = self.rules.iter().enumerate();
        let naming = rules.filter(|(_, rule)| {
            let tests = |key| rule.tests.get(key);
            let feed =
                crate::event::Kind::from_name(kind).and_then(|kind| Some(kind.feed()?.as_str()));
            tests("kinds").is_some_and(|kinds| kinds.contains(kind))
                || tests("feeds")
                    .zip(feed)
                    .is_some_and(|(feeds, feed)| feeds.contains(feed))
        });
        naming.map(|(index, _)| index).collect()
    }
}

fn strictest(rules: &[&Rule]) -> Safeguard {
    let settings = || rules.iter().map(|rule| &rule.safeguard);
    let ids: Vec<&str> = rules.iter().map(|rule| &*rule.id).collect();
    Safeguard {
        rules: ids.join(";"),
        hide: settings().map(|s| s.hide).max().unwrap_or_default(),
        spread: settings().map(|s| s.spread).max().unwrap_or_default(),
        round: settings().map(|s| s.round).max().unwrap_or_default(),
        base: settings().map(|s| s.base).max().unwrap_or_default(),
        finest: settings().map(|s| s.finest).max().unwrap_or_default(),
        revised: settings().map(|s| s.revised).max().unwrap_or_default(),
        is_public: settings().all(|s| s.is_public),
    }
}

fn read_rule(reader: &TomlReader<'_>, reference: &Reference, is_built_in: bool) -> Rule {
    let id = reader.id("id").to_owned();
    let mut tests = BTreeMap::new();
    for key in TESTS {
        let items = reader.texts(key);
        let may_be_unknown = is_built_in && key == "series";
        for item in &items {
            if !may_be_unknown && let Some(reason) = unknown(key, item.text, reference) {
                reader.fault_at(&item.key, reason);
            }
        }
        if !items.is_empty() {
            tests.insert(key, items.iter().map(|item| item.text.to_owned()).collect());
        }
    }
    if tests.is_empty() {
        reader.fault(
            "id",
            format!("`{id}` tests nothing: give one of {}", TESTS.join(", ")),
        );
    }
    let number = |key: &str| {
        let number = reader.integer(key).unwrap_or_default();
        if !(0..=NUMBER_MAX).contains(&number) {
            reader.fault(key, format!("{number} is not between 0 and {NUMBER_MAX}"));
        }
        number
    };
    let (hide, spread, round, base) = (
        number("hide"),
        number("spread"),
        number("round"),
        number("base"),
    );
    let is_public = reader.boolean("public").unwrap_or_default();
    if spread > hide {
        reader.fault("spread", format!("{spread} is more than hide, {hide}"));
    }
    if hide > 0 && spread < 2 {
        reader.fault("spread", "must be 2 or more beside hide");
    }
    if round != 0 && round != ROUND {
        reader.fault("round", format!("{round} is neither 0 nor {ROUND}"));
    }
    if round == ROUND && hide < ROUND_HIDE {
        reader.fault("round", format!("needs hide = {ROUND_HIDE} or more"));
    }
    if is_public && (hide, round, base) != (0, 0, 0) {
        reader.fault(
            "public",
            "everyone knows these numbers: leave out hide, round and base",
        );
    }
    let choice = |key: &str| reader.has(key);
    Rule {
        safeguard: Safeguard {
            rules: String::new(),
            hide,
            spread,
            round,
            base,
            finest: choice("finest")
                .then(|| reader.choice("finest", &Finest::ALL))
                .flatten()
                .unwrap_or_default(),
            revised: choice("revised")
                .then(|| {
                    let words = [("report", Revised::Report), ("hide", Revised::Hide)];
                    reader.choice("revised", &words)
                })
                .flatten()
                .unwrap_or_default(),
            is_public,
        },
        instead: reader
            .texts("instead")
            .iter()
            .map(|item| item.text.to_owned())
            .collect(),
        id,
        tests,
    }
}

/// Why a text that a rule tests can match nothing.
fn unknown(key: &str, text: &str, reference: &Reference) -> Option<String> {
    let known: BTreeSet<String> = match key {
        "partners" => reference
            .partners
            .ids()
            .iter()
            .map(|id| (*id).to_owned())
            .collect(),
        "feeds" => ["police", "health", "housing"].map(str::to_owned).into(),
        "systems" => reference
            .partners
            .systems()
            .iter()
            .map(|id| (*id).to_owned())
            .collect(),
        "kinds" if text.starts_with("count:") => return None,
        "kinds" => {
            let kinds = crate::event::Kind::ALL.iter();
            kinds.map(|kind| kind.as_str().to_owned()).collect()
        }
        "series_kinds" => SERIES_KINDS.map(str::to_owned).into(),
        "series" => {
            let plans = reference.plans.iter();
            let series = plans.flat_map(|plan| &plan.series);
            series.map(|series| series.id.clone()).collect()
        }
        "tables" => FIGURES.iter().map(|table| table.name.to_owned()).collect(),
        _ => return None,
    };
    let hint = hint(text, known.iter().map(String::as_str));
    (!known.contains(text)).then(|| format!("`{text}` matches nothing{hint}"))
}

/// The kinds of series of the tables.
const SERIES_KINDS: [&str; 8] = [
    "total", "mapped", "unmapped", "priority", "theme", "category", "group", "class",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(text: &str) -> Result<DisclosureRules, Faults> {
        let mut files = TextFiles::built_in();
        files.put(FILE, text.to_owned());
        DisclosureRules::read(&files, &Reference::load(None).expect("built in"))
    }

    fn built_in() -> DisclosureRules {
        let reference = Reference::load(None).expect("built in");
        DisclosureRules::read(&TextFiles::built_in(), &reference).expect("no fault")
    }

    fn subject<'s>(feed: &'s str, kind: &'s str, series: [&'s str; 2]) -> RuleSubject<'s> {
        RuleSubject {
            partner: "kent-police",
            feed,
            kind,
            series_kind: series[0],
            series: series[1],
            scheme: None,
            table: "window_totals",
        }
    }

    #[track_caller]
    fn check(
        feed: &str,
        kind: &str,
        series: [&str; 2],
        systems: &[&str],
        expected: (&str, i64, i64, i64),
    ) {
        let found = built_in()
            .safeguard(&subject(feed, kind, series), systems.iter().copied())
            .expect("a rule");
        let settings = (&*found.rules, found.hide, found.spread, found.round);
        assert_eq!(settings, expected);
    }

    const TOTAL: [&str; 2] = ["total", "total"];
    const OCG: [&str; 2] = ["priority", "organised-crime"];
    const MENTAL_HEALTH: [&str; 2] = ["priority", "mental-health"];

    #[test]
    fn the_strictest_setting_of_all_matching_rules_wins() {
        check(
            "police",
            "crime",
            TOTAL,
            &["crime"],
            ("police-total", 0, 0, 0),
        );
        check(
            "police",
            "crime",
            MENTAL_HEALTH,
            &["crime"],
            ("police", 4, 4, 0),
        );
        check(
            "police",
            "crime",
            OCG,
            &["crime"],
            ("police;sensitive-series", 7, 5, 0),
        );
        check("health", "admission", TOTAL, &["sus"], ("health", 7, 5, 5));
        check(
            "health",
            "treatment",
            TOTAL,
            &["ndtms"],
            ("treatment", 4, 4, 0),
        );
        check(
            "police",
            "crime",
            TOTAL,
            &["open-data"],
            ("open-data", 0, 0, 0),
        );
        let both = ["crime", "open-data"];
        check(
            "police",
            "crime",
            MENTAL_HEALTH,
            &both,
            ("open-data;police", 4, 4, 0),
        );
    }

    #[test]
    fn two_kinds_of_the_same_events_have_the_strictest_rule_of_either() {
        check(
            "police",
            "detention",
            TOTAL,
            &["custody"],
            ("health;police", 7, 5, 5),
        );
    }

    #[test]
    fn only_what_every_system_publishes_is_public() {
        let rules = built_in();
        let crime = subject("police", "crime", MENTAL_HEALTH);
        let public = |systems: &[&str]| {
            let found = rules.safeguard(&crime, systems.iter().copied());
            found.expect("a rule").is_public
        };
        assert!(public(&["open-data"]));
        assert!(!public(&["open-data", "crime"]));
    }

    #[test]
    fn a_number_that_no_rule_matches_has_no_safeguard() {
        let found = built_in().safeguard(&subject("police", "crime", TOTAL), ["new-system"]);
        assert_eq!(found, Err("new-system".to_owned()));
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let faults = rules_of(
            "format = 1\n\
             [[rule]]\nid = \"a\"\nkinds = [\"crimes\"]\nhide = 4\nspread = 5\nround = 10\n\
             [[rule]]\nid = \"a\"\nhide = 30\npublic = true\ninstead = [\"b\"]\nfine = \"ward\"\n",
        );
        let faults = faults.map(|_| ()).expect_err("faults").to_string();
        for expected in [
            "rule[0].kinds[0]: `crimes` matches nothing; did you mean `crime`?",
            "rule[0].spread: 5 is more than hide, 4",
            "rule[0].round: 10 is neither 0 nor 5",
            "rule[1].id: `a` is given twice",
            "rule[1].id: `a` tests nothing",
            "rule[1].hide: 30 is not between 0 and 20",
            "rule[1].public: everyone knows these numbers",
            "rule[1].instead: `b` is not a rule",
            "rule[1].fine: unknown key",
        ] {
            assert!(
                faults.contains(expected),
                "`{expected}` is not in\n{faults}"
            );
        }
    }
}
