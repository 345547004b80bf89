//! The register of breaks: dates at which a series changed its meaning, so that a change across one
//! is not a change in crime.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;

use super::partners::is_kind;
use super::schemes::{Editions, Schemes};
use crate::files::TextFiles;
use crate::files::fault::{FaultSink, hint};
use crate::files::toml_reader::{ListItem, TomlReader, parse};
use crate::reference::geography::Level;
use crate::reference::pattern::{Fold, Pattern};

/// The file.
const FILE: &str = "breaks.toml";

/// What changed at a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "each variant is the word of the file that it is named after"
)]
pub enum Effect {
    Definition,
    Recording,
    System,
    Boundary,
    Law,
}

impl Effect {
    /// Every effect by its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("definition", Self::Definition),
        ("recording", Self::Recording),
        ("system", Self::System),
        ("boundary", Self::Boundary),
        ("law", Self::Law),
    ];

    /// The name in files and tables.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, effect)| *effect == self)
            .map_or("", |(name, _)| name)
    }
}

/// A break.
#[derive(Clone, Debug)]
pub struct Break {
    /// Its id.
    pub id: String,
    /// The day of the change, or the first day of a gradual one.
    pub from: civil::Date,
    /// The last day of the change; `from` if it took one day.
    pub to: civil::Date,
    /// The day announced in advance, where the change came on another.
    pub announced: Option<civil::Date>,
    /// What changed.
    pub effect: Effect,
    /// What happened.
    pub text: String,
    /// Who published it.
    pub source: String,
    /// The partners it affects; empty = all.
    pub partners: Vec<String>,
    /// The kinds it affects, as tables name them; empty = all.
    pub kinds: Vec<String>,
    /// The codes it affects, by scheme; empty = all.
    pub codes: BTreeMap<String, Vec<Pattern>>,
    /// The levels of area it affects; empty = all.
    pub levels: Vec<Level>,
    /// By how much it raised the figures, if that is known.
    pub size: Option<BreakSize>,
}

/// By how many per cent a break alone raised the figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakSize {
    /// At least; below 0 if it lowered them.
    pub least_pct: f64,
    /// At most.
    pub most_pct: f64,
}

impl Break {
    /// Whether it affects a series of a partner's kind (as tables name it, `count:<list>`) at a level
    /// (`None` = over all areas). `code` is the scheme and code of a series of one code; a series of
    /// many codes is affected by a break of any.
    pub fn applies(
        &self,
        partner: &str,
        kind: &str,
        level: Option<Level>,
        code: Option<(&str, &str)>,
    ) -> bool {
        is_any_or_listed(&self.partners, partner)
            && is_any_or_listed(&self.kinds, kind)
            && (self.levels.is_empty() || level.is_some_and(|level| self.levels.contains(&level)))
            && (self.codes.is_empty()
                || code.is_none_or(|(scheme, code)| self.has_code(scheme, code)))
    }

    fn has_code(&self, scheme: &str, code: &str) -> bool {
        let patterns = self.codes.get(scheme).into_iter().flatten();
        Fold::for_scheme(scheme).any(code, |folded| {
            patterns
                .clone()
                .any(|pattern| pattern.matches(folded, pattern.edition()))
        })
    }

    /// Whether it is inside a comparison: some of the days from `from` to `to` are before it or
    /// during it, and some are not before it.
    pub fn within(&self, from: civil::Date, to: civil::Date) -> bool {
        from < self.to && self.from <= to
    }
}

/// Whether a list is empty, which means all, or has the name.
fn is_any_or_listed(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|listed| listed == name)
}

/// Reads the breaks, in order of days.
pub(super) fn read(
    files: &TextFiles,
    schemes: &Schemes<'_>,
    partners: &BTreeSet<&str>,
    sink: &FaultSink,
) -> Vec<Break> {
    let Some(text) = files.text(FILE) else {
        return Vec::new();
    };
    let Some(table) = parse(FILE, text, sink) else {
        return Vec::new();
    };
    let reader = TomlReader::new(FILE, &table, sink);
    reader.format();
    let mut ids = BTreeSet::new();
    let mut breaks = Vec::new();
    for table in reader.tables("break") {
        let id = table.id("id");
        if !ids.insert(id) {
            table.fault("id", format!("`{id}` is given twice"));
        }
        breaks.push(read_break(&table, id, schemes, partners));
    }
    breaks.sort_by(|a, b| (a.from, &a.id).cmp(&(b.from, &b.id)));
    breaks
}

fn read_break(
    reader: &TomlReader<'_>,
    id: &str,
    schemes: &Schemes<'_>,
    partners: &BTreeSet<&str>,
) -> Break {
    let (from, to) = read_days(reader);
    let announced = reader.date("announced");
    let levels = Level::ALL.map(|level| (level.as_str(), level));
    let effect = reader.choice("effect", &Effect::ALL);
    Break {
        id: id.to_owned(),
        from,
        to,
        announced,
        effect: effect.unwrap_or(Effect::Definition),
        text: reader.name("text").to_owned(),
        source: reader.name("source").to_owned(),
        partners: read_partners(reader, partners),
        kinds: read_kinds(reader, schemes),
        codes: schemes.read_patterns(reader, &Editions::new()),
        levels: reader.choices("levels", "level", &levels),
        size: read_size(reader),
    }
}

/// Both `least_pct` and `most_pct`, or neither.
fn read_size(reader: &TomlReader<'_>) -> Option<BreakSize> {
    let (least_pct, most_pct) = (reader.number("least_pct"), reader.number("most_pct"));
    if reader.has("least_pct") != reader.has("most_pct") {
        reader.fault(
            "least_pct",
            "write both `least_pct` and `most_pct`, or neither",
        );
    }
    let (least_pct, most_pct) = least_pct.zip(most_pct)?;
    if least_pct > most_pct {
        reader.fault(
            "least_pct",
            format!("{least_pct} is more than most_pct, {most_pct}"),
        );
    }
    if least_pct <= -100.0 {
        reader.fault("least_pct", "is not above -100");
    }
    Some(BreakSize {
        least_pct,
        most_pct,
    })
}

fn read_partners(reader: &TomlReader<'_>, partners: &BTreeSet<&str>) -> Vec<String> {
    let items = reader.texts("partners");
    for ListItem { key, text } in &items {
        if !partners.contains(text) {
            let hint = hint(text, partners.iter().copied());
            reader.fault_at(key, format!("unknown partner `{text}`{hint}"));
        }
    }
    items.into_iter().map(|item| item.text.to_owned()).collect()
}

fn read_kinds(reader: &TomlReader<'_>, schemes: &Schemes<'_>) -> Vec<String> {
    let items = reader.texts("kinds");
    for ListItem { key, text } in &items {
        if !is_kind(text, schemes.names) {
            let reason = format!("unknown kind `{text}` (a kind, or `count:<list>`)");
            reader.fault_at(key, reason);
        }
    }
    items.into_iter().map(|item| item.text.to_owned()).collect()
}

/// Either `date` or `from` and `to`.
fn read_days(reader: &TomlReader<'_>) -> (civil::Date, civil::Date) {
    let (date, from, to) = (reader.date("date"), reader.date("from"), reader.date("to"));
    match (reader.has("date"), reader.has("from"), reader.has("to")) {
        (true, false, false) | (false, true, true) => {}
        _ => reader.fault("date", "write either `date`, or both `from` and `to`"),
    }
    let (from, to) = (
        date.or(from).unwrap_or_default(),
        date.or(to).unwrap_or_default(),
    );
    if from > to {
        reader.fault("from", format!("{from} is after to, {to}"));
    }
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{changed, faults_of};
    use super::super::{Break, Reference};
    use super::*;

    fn built_in(id: &str) -> Break {
        let breaks = Reference::load(None).expect("built in").breaks;
        assert!(breaks.is_sorted_by_key(|b| b.from));
        breaks.into_iter().find(|b| b.id == id).expect("a break")
    }

    fn within(id: &str, from: &str, to: &str) -> bool {
        built_in(id).within(from.parse().expect("date"), to.parse().expect("date"))
    }

    #[test]
    fn a_comparison_straddles_or_holds_a_break_or_lies_on_one_side() {
        assert!(within("hclic-2023", "2023-04-01", "2023-09-30"));
        assert!(within("hclic-2023", "2023-06-30", "2023-07-01"));
        assert!(
            !within("hclic-2023", "2023-07-01", "2023-12-31"),
            "all of it is new"
        );
        assert!(
            !within("hclic-2023", "2022-07-01", "2023-06-30"),
            "all of it is old"
        );
        assert!(within("kent-system-2018", "2018-11-01", "2018-12-31"));
        assert!(within("kent-system-2018", "2018-12-01", "2019-01-31"));
        assert!(within("kent-system-2018", "2018-10-01", "2018-11-30"));
        assert!(!within("kent-system-2018", "2019-01-01", "2019-02-28"));
        assert!(!within("kent-system-2018", "2018-09-01", "2018-10-31"));
    }

    #[test]
    fn a_break_touches_what_it_names_and_no_more() {
        let kent = built_in("kent-system-2018");
        assert!(kent.applies("kent-police", "crime", None, None));
        assert!(kent.applies(
            "kent-police",
            "crime",
            Some(Level::Ward),
            Some(("police-uk", "drugs"))
        ));
        assert!(!kent.applies("kent-police", "incident", None, None));
        assert!(!kent.applies("essex-police", "crime", None, None));
        let wards = built_in("wards-2024");
        assert!(wards.applies("secamb", "ambulance-call", Some(Level::Ward), None));
        assert!(!wards.applies("secamb", "ambulance-call", Some(Level::District), None));
        assert!(!wards.applies("secamb", "ambulance-call", None, None));
        let nsir = built_in("nsir-2011");
        assert!(
            nsir.applies("kent-police", "incident", None, None),
            "a total has its codes"
        );
        assert!(nsir.applies("kent-police", "incident", None, Some(("nsir", "personal"))));
        assert!(!nsir.applies(
            "kent-police",
            "incident",
            None,
            Some(("police-uk", "anti-social-behaviour"))
        ));
        assert!(built_in("hclic-2023").applies("mhclg", "count:hclic-need", None, None));
        assert_eq!(
            built_in("s136-2017").announced,
            Some(civil::date(2017, 4, 1))
        );
    }

    #[test]
    fn what_breaks_may_not_say_is_refused() {
        for (from, to, words) in [
            (
                "id = \"hclic-2023\"",
                "id = \"hclic-2018\"",
                "break[5].id: `hclic-2018` is given twice",
            ),
            (
                "date = 2011-04-01\n",
                "",
                "break[0].date: write either `date`, or both `from` and `to`",
            ),
            (
                "from = 2016-01-01",
                "from = 2019-01-01",
                "break[1].from: 2019-01-01 is after to, 2018-12-31",
            ),
            (
                "to = 2018-12-31\npartners = [\"kent-police\"]",
                "date = 2018-12-31",
                "write either `date`",
            ),
            (
                "[\"kent-police\"]",
                "[\"kent-polce\"]",
                "partners[0]: unknown partner `kent-polce`; did you mean `kent-police`?",
            ),
            (
                "\"count:nsir\"",
                "\"count:nisr\"",
                "break[0].kinds[1]: unknown kind `count:nisr` (a kind, or `count:<list>`)",
            ),
            (
                "[\"incident\", ",
                "[\"count\", ",
                "break[0].kinds[0]: unknown kind `count`",
            ),
            (
                "{ nsir = [\"*\"] }",
                "{ nisr = [\"*\"] }",
                "break[0].codes.nisr: unknown scheme `nisr`; did you mean `nsir`?",
            ),
            (
                "{ nsir = [\"*\"] }",
                "{ nsir = [\"private\"] }",
                "break[0].codes.nsir[0]: `private` is not a code of the editions",
            ),
            (
                "[\"ward\"]",
                "[\"wards\"]",
                "levels[0]: unknown level `wards`; did you mean `ward`?",
            ),
            (
                "effect = \"law\"",
                "effect = \"laws\"",
                "effect: `laws` is not one of definition, recording, system, boundary, law",
            ),
            (
                "source = \"HMICFRS",
                "sauce = \"HMICFRS",
                "break[1].source: is missing",
            ),
        ] {
            let faults = faults_of(&changed(FILE, from, to));
            assert!(
                faults.contains(words),
                "expected: {words}\nfaults: {faults}"
            );
        }
    }
}
