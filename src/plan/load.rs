//! Plans' files read and checked, each alone and then together (`check`); every fault is told at
//! once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use sha2::{Digest, Sha256};

use super::check;
use super::index::{Index, RULES_MAX};
use super::rule::{Ages, Hours, Pattern, Rule, WEEKDAYS};
use super::{Change, Factor, Lineage, Owner, Plan, Plans, SERIES_MAX, Series, SeriesKind, Status};
use crate::config::Files;
use crate::config::fault::{Fault, hint};
use crate::config::reader::{Item, Reader, Sink, is_kebab, parse};
use crate::contract::parts::Role;
use crate::event::Kind;
use crate::geography::Geography;
use crate::reference::partners::read_flags;
use crate::reference::{CodeLists, Crosswalks};

/// Hexadecimal digits of a scope.
const SCOPE_DIGITS: usize = 12;

/// What plans are checked against.
#[derive(Clone, Copy)]
pub(crate) struct Known<'k> {
    pub(crate) codes: &'k CodeLists,
    pub(crate) crosswalks: &'k Crosswalks,
    /// Every name that a rule may use as a scheme.
    pub(crate) schemes: &'k BTreeSet<String>,
    pub(crate) geography: &'k Geography,
}

/// Reads every file of `plans/`; gives the plans and what is odd but not refused.
pub(crate) fn read(files: &Files, known: &Known<'_>, sink: &Sink) -> (Plans, Vec<Fault>) {
    let mut plans = Vec::new();
    for (file, text) in files.in_folder("plans", ".toml") {
        if let Some(table) = parse(file, text, sink) {
            plans.push(read_plan(&Reader::new(file, &table, sink), known));
        }
    }
    let warnings = check::together(&plans, sink);
    (Plans(plans), warnings)
}

fn read_plan(reader: &Reader<'_>, known: &Known<'_>) -> Plan {
    reader.format();
    let status = choice(reader, "status", &Status::ALL).unwrap_or(Status::Draft);
    let adopted = reader.date("adopted");
    if status == Status::Adopted && !reader.has("adopted") {
        reader.fault(
            "adopted",
            "is missing: an adopted plan has the date of its adoption",
        );
    }
    let (valid_from, valid_to) = read_validity(reader);
    let owners = read_owners(reader);
    let rules = Rules {
        known,
        editions: read_editions(reader, known),
    };
    let mut ids = BTreeSet::new();
    let mut series = Vec::new();
    for (key, kind) in [
        ("priority", SeriesKind::Priority),
        ("theme", SeriesKind::Theme),
    ] {
        for table in reader.tables(key) {
            let one = read_series(&table, kind, &owners, &rules);
            once(&table, &one.id, &mut ids);
            series.push(one);
        }
    }
    check_size(reader, &series);
    series.truncate(SERIES_MAX);
    Plan {
        id: read_id(reader),
        partnership: reader.name("partnership").to_owned(),
        area: read_area(reader),
        label: reader.name("label").to_owned(),
        status,
        adopted,
        valid_from,
        valid_to,
        follows: reader.text("follows").map(str::to_owned),
        dropped: reader
            .list("dropped")
            .into_iter()
            .map(|item| item.text.to_owned())
            .collect(),
        owners,
        factors: read_factors(reader),
        index: Index::of(&series),
        series,
    }
}

fn read_id(reader: &Reader<'_>) -> String {
    let id = reader.id("id");
    if reader.file() != format!("plans/{id}.toml") {
        reader.fault("id", format!("`{id}` is not the name of the file"));
    }
    id.to_owned()
}

fn read_area(reader: &Reader<'_>) -> String {
    let area = reader.name("area");
    let is_code = area.len() == 9 && area.starts_with(|c: char| c.is_ascii_uppercase());
    if reader.has("area") && !(is_code && area[1..].bytes().all(|b| b.is_ascii_digit())) {
        reader.fault(
            "area",
            format!("`{area}` is no area code such as E07000110"),
        );
    }
    area.to_owned()
}

fn read_validity(reader: &Reader<'_>) -> (civil::Date, civil::Date) {
    let from = reader.required("valid_from", reader.date("valid_from"));
    let to = reader.required("valid_to", reader.date("valid_to"));
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        reader.fault("valid_from", format!("{from} is after valid_to, {to}"));
    }
    // After a fault: a span that holds no day, so that no second fault follows from it.
    (
        from.unwrap_or(civil::Date::MAX),
        to.unwrap_or(civil::Date::MIN),
    )
}

fn read_owners(reader: &Reader<'_>) -> Vec<Owner> {
    let mut ids = BTreeSet::new();
    let read = |table: Reader<'_>| {
        let id = table.id("id").to_owned();
        once(&table, &id, &mut ids);
        let formed_from = table
            .list("formed_from")
            .into_iter()
            .map(|item| kebab(&table, &item))
            .collect();
        Owner {
            id,
            label: table.name("label").to_owned(),
            formed_from,
        }
    };
    reader.tables("owners").into_iter().map(read).collect()
}

fn read_factors(reader: &Reader<'_>) -> Vec<Factor> {
    let mut ids = BTreeSet::new();
    let read = |table: Reader<'_>| {
        let id = table.id("id").to_owned();
        once(&table, &id, &mut ids);
        let flags = read_flags(&table, "flags");
        table.required("flags", Some(()).filter(|()| flags != 0));
        Factor {
            id,
            label: table.name("label").to_owned(),
            flags,
        }
    };
    reader.tables("factor").into_iter().map(read).collect()
}

/// The editions that codes are checked in, by scheme.
fn read_editions<'t>(reader: &Reader<'t>, known: &Known<'_>) -> BTreeMap<&'t str, Vec<&'t str>> {
    let Some(table) = reader.table("editions") else {
        return BTreeMap::new();
    };
    let mut editions = BTreeMap::new();
    for scheme in table.keys() {
        let items = table.texts(scheme);
        if known.schemes.contains(scheme) {
            for Item { key, text } in &items {
                check_edition(&table, key, scheme, text, known);
            }
        } else {
            table.fault(scheme, unknown_scheme(scheme, known));
        }
        editions.insert(scheme, items.iter().map(|item| item.text).collect());
    }
    editions
}

fn check_edition(
    reader: &Reader<'_>,
    key: &str,
    scheme: &str,
    edition: &str,
    known: &Known<'_>,
) -> bool {
    let held: Vec<&str> = known
        .codes
        .of(scheme)
        .filter_map(|list| list.edition.as_deref())
        .collect();
    let is_held = held.contains(&edition);
    if !is_held {
        let held = if held.is_empty() {
            "none".to_owned()
        } else {
            held.join(", ")
        };
        reader.fault_at(
            key,
            format!("edition `{edition}` of {scheme} is not held (held: {held})"),
        );
    }
    is_held
}

fn read_series(
    reader: &Reader<'_>,
    kind: SeriesKind,
    owners: &[Owner],
    rules: &Rules<'_, '_>,
) -> Series {
    let owner = reader.text("owner").map(str::to_owned);
    if let Some(owner) = owner
        .as_deref()
        .filter(|id| owners.iter().all(|o| o.id != *id))
    {
        reader.fault(
            "owner",
            format!(
                "unknown owner `{owner}`{}",
                hint(owner, owners.iter().map(|o| &*o.id))
            ),
        );
    }
    let mut ids = BTreeSet::new();
    let read = |table: Reader<'_>| {
        let rule = rules.read(&table);
        once(&table, &rule.id, &mut ids);
        rule
    };
    let rules: Vec<Rule> = reader.tables("rules").into_iter().map(read).collect();
    Series {
        kind,
        id: reader.id("id").to_owned(),
        label: reader.name("label").to_owned(),
        owner,
        from: reader.tables("from").iter().map(read_lineage).collect(),
        scope: scope(&rules),
        rules,
    }
}

fn read_lineage(reader: &Reader<'_>) -> Lineage {
    Lineage {
        plan: reader.name("plan").to_owned(),
        id: reader.name("id").to_owned(),
        change: choice(reader, "change", &Change::ALL).unwrap_or(Change::Continued),
    }
}

/// What makes figures comparable: the rules, whatever their order, ids and label.
fn scope(rules: &[Rule]) -> String {
    let mut rules: Vec<String> = rules.iter().map(Rule::canonical).collect();
    rules.sort();
    rules.dedup();
    let hash = Sha256::digest(rules.join("\n"));
    hash.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .take(SCOPE_DIGITS)
        .filter_map(|n| char::from_digit(n.into(), 16))
        .collect()
}

fn check_size(reader: &Reader<'_>, series: &[Series]) {
    if series.len() > SERIES_MAX {
        reader.fault(
            "priority",
            format!(
                "{} priorities and themes; at most {SERIES_MAX}",
                series.len()
            ),
        );
    }
    let rules: usize = series.iter().map(|s| s.rules.len()).sum();
    if rules > RULES_MAX {
        reader.fault("priority", format!("{rules} rules; at most {RULES_MAX}"));
    }
}

/// Reads the rules of one plan.
struct Rules<'k, 't> {
    known: &'k Known<'k>,
    editions: BTreeMap<&'t str, Vec<&'t str>>,
}

impl Rules<'_, '_> {
    fn read(&self, reader: &Reader<'_>) -> Rule {
        let kinds: Vec<(&str, Kind)> = Kind::ALL
            .iter()
            .map(|kind| (kind.as_str(), *kind))
            .collect();
        let roles = [Role::Incident, Role::Home, Role::Service].map(|role| (role.as_str(), role));
        let places = self.read_places(reader);
        let rule = Rule {
            id: reader.id("id").to_owned(),
            kinds: each(reader, "kinds", "kind", &kinds),
            codes: self.read_codes(reader),
            flags: read_flags(reader, "flags"),
            lsoas: places
                .iter()
                .flat_map(|place| self.known.geography.lsoas_of(place))
                .map(str::to_owned)
                .collect(),
            places,
            roles: each(reader, "roles", "role", &roles),
            ages: read_ages(reader),
            hours: read_hours(reader),
            weekdays: each(reader, "weekdays", "day", &WEEKDAYS),
        };
        let tests = [
            "kinds", "codes", "flags", "places", "roles", "ages", "hours", "weekdays",
        ];
        if tests.iter().all(|key| !reader.has(key)) {
            reader.fault(
                "id",
                format!("rule `{}` has no test, so everything would match", rule.id),
            );
        }
        rule
    }

    fn read_places(&self, reader: &Reader<'_>) -> Vec<String> {
        let read = |item: Item<'_>| {
            let place = kebab(reader, &item);
            let known = self.known.geography.places();
            if !known.clone().any(|known| known == place) {
                reader.fault_at(
                    &item.key,
                    format!("unknown place `{place}`{}", hint(&place, known)),
                );
            }
            place
        };
        reader.texts("places").into_iter().map(read).collect()
    }

    fn read_codes(&self, reader: &Reader<'_>) -> BTreeMap<String, Vec<Pattern>> {
        let Some(table) = reader.table("codes") else {
            return BTreeMap::new();
        };
        let schemes = table.keys();
        if schemes.is_empty() {
            reader.fault("codes", "names no scheme");
        }
        let read = |scheme: &str| {
            let items = table.texts(scheme);
            if !self.known.schemes.contains(scheme) {
                table.fault(scheme, unknown_scheme(scheme, self.known));
            }
            let patterns = items
                .iter()
                .filter_map(|item| self.read_pattern(&table, scheme, item))
                .collect();
            (scheme.to_owned(), patterns)
        };
        schemes.into_iter().map(read).collect()
    }

    fn read_pattern(&self, reader: &Reader<'_>, scheme: &str, item: &Item<'_>) -> Option<Pattern> {
        match Pattern::parse(scheme, item.text) {
            Ok(pattern) => {
                self.check_held(reader, scheme, item, &pattern);
                Some(pattern)
            }
            Err(why) => {
                reader.fault_at(&item.key, format!("`{}`: {why}", item.text));
                None
            }
        }
    }

    /// A pattern must be like a code, where the list is held.
    fn check_held(&self, reader: &Reader<'_>, scheme: &str, item: &Item<'_>, pattern: &Pattern) {
        if let Some(edition) = pattern.edition()
            && !check_edition(reader, &item.key, scheme, edition, self.known)
        {
            return;
        }
        if let Some(groups) = self.known.crosswalks.groups_of(scheme) {
            if !groups
                .iter()
                .any(|group| pattern.matches(&group.to_uppercase(), None))
            {
                let hint = hint(item.text, groups.iter().map(String::as_str));
                reader.fault_at(
                    &item.key,
                    format!(
                        "no row of crosswalks/{scheme}.csv gives `{}`{hint}",
                        item.text
                    ),
                );
            }
            return;
        }
        let listed = self.editions.get(scheme);
        let counts = |edition: Option<&str>| match (pattern.edition(), listed) {
            (Some(own), _) => edition == Some(own),
            (None, Some(listed)) => edition.is_none_or(|edition| listed.contains(&edition)),
            (None, None) => true,
        };
        let mut lists = self
            .known
            .codes
            .of(scheme)
            .filter(|list| counts(list.edition.as_deref()))
            .peekable();
        if lists.peek().is_none() || lists.clone().any(|list| list.has(pattern)) {
            return;
        }
        let is_range = item.text.split_once('-').is_some_and(|(first, last)| {
            lists.clone().any(|list| list.get(first).is_some())
                && lists.clone().any(|list| list.get(last).is_some())
        });
        let editions: Vec<&str> = lists.filter_map(|list| list.edition.as_deref()).collect();
        let reason = match (is_range, pattern.is_exact()) {
            (true, _) => "is a range; only `icd-10` and `ho-offence` have ranges".to_owned(),
            (false, true) if editions.is_empty() => "is no code of the list".to_owned(),
            (false, true) => format!("is a code of none of the editions {}", editions.join(", ")),
            (false, false) => "matches nothing".to_owned(),
        };
        reader.fault_at(&item.key, format!("`{}` {reason}", item.text));
    }
}

/// Patterns by scheme, as rules have them, under `codes`.
pub(crate) fn read_patterns(
    reader: &Reader<'_>,
    known: &Known<'_>,
) -> BTreeMap<String, Vec<Pattern>> {
    Rules {
        known,
        editions: BTreeMap::new(),
    }
    .read_codes(reader)
}

fn read_ages(reader: &Reader<'_>) -> Vec<Ages> {
    let read = |item: Item<'_>| {
        let ages = Ages::parse(item.text);
        if ages.is_none() {
            reader.fault_at(
                &item.key,
                format!("`{}` is no age band such as 0-17 or 65+", item.text),
            );
        }
        ages
    };
    reader.texts("ages").into_iter().filter_map(read).collect()
}

fn read_hours(reader: &Reader<'_>) -> Option<Hours> {
    let text = reader.text("hours")?;
    let hours = Hours::parse(text);
    if hours.is_none() {
        reader.fault(
            "hours",
            format!("`{text}` is no span of hours such as 18:00-06:00"),
        );
    }
    hours
}

fn unknown_scheme(scheme: &str, known: &Known<'_>) -> String {
    format!(
        "unknown scheme `{scheme}`{}",
        hint(scheme, known.schemes.iter().map(String::as_str))
    )
}

fn once(reader: &Reader<'_>, id: &str, ids: &mut BTreeSet<String>) {
    if !id.is_empty() && !ids.insert(id.to_owned()) {
        reader.fault("id", format!("`{id}` stands twice"));
    }
}

fn kebab(reader: &Reader<'_>, item: &Item<'_>) -> String {
    if !is_kebab(item.text) {
        reader.fault_at(&item.key, format!("`{}` is not kebab-case", item.text));
    }
    item.text.to_owned()
}

/// A value of a closed list that must be there.
pub(crate) fn choice<T: Copy>(
    reader: &Reader<'_>,
    key: &str,
    choices: &[(&'static str, T)],
) -> Option<T> {
    let name = reader.required(key, reader.text(key))?;
    let found = choices
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        reader.fault(key, format!("`{name}` is none of {}", names.join(", ")));
    }
    found
}

/// Values of a closed list.
pub(crate) fn each<T: Copy>(
    reader: &Reader<'_>,
    key: &str,
    what: &str,
    choices: &[(&'static str, T)],
) -> Vec<T> {
    let read = |item: Item<'_>| {
        let found = choices
            .iter()
            .find(|(name, _)| *name == item.text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let hint = hint(item.text, choices.iter().map(|(name, _)| *name));
            reader.fault_at(&item.key, format!("unknown {what} `{}`{hint}", item.text));
        }
        found
    };
    reader.texts(key).into_iter().filter_map(read).collect()
}
