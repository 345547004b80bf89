//! Reads the files of `plans/` and checks them, each alone and then together ([`check`]). Every
//! fault is reported, not only the first.

use std::collections::BTreeSet;

use jiff::civil;

use super::check;
use super::index::{RULES_MAX, RuleIndex};
use super::rule::{Ages, Hours, Rule, WEEKDAYS};
use super::{
    Factor, Lineage, LineageChange, Plan, PlanStatus, Plans, PriorityOwner, SERIES_MAX, Series,
    SeriesKind,
};
use crate::contract::parts::Role;
use crate::event::Kind;
use crate::files::TextFiles;
use crate::files::fault::{Fault, FaultSink, hint};
use crate::files::toml_reader::{ListItem, TomlReader, parse};
use crate::hex;
use crate::reference::carried::read_flags;
use crate::reference::geography::Geography;
use crate::reference::schemes::{Editions, Schemes};

/// Hexadecimal digits of a scope.
const SCOPE_DIGITS: usize = 12;

/// Reads every file of `plans/`. Returns the plans, and warnings.
pub(crate) fn read(
    files: &TextFiles,
    schemes: &Schemes<'_>,
    geography: &Geography,
    sink: &FaultSink,
) -> (Plans, Vec<Fault>) {
    let mut plans = Vec::new();
    for (file, text) in files.in_folder("plans", ".toml") {
        if let Some(table) = parse(file, text, sink) {
            plans.push(read_plan(
                &TomlReader::new(file, &table, sink),
                schemes,
                geography,
            ));
        }
    }
    let warnings = check::together(&plans, sink);
    (Plans(plans), warnings)
}

fn read_plan(reader: &TomlReader<'_>, schemes: &Schemes<'_>, geography: &Geography) -> Plan {
    reader.format();
    let status = reader
        .choice("status", &PlanStatus::ALL)
        .unwrap_or(PlanStatus::Draft);
    let adopted = reader.date("adopted");
    if status == PlanStatus::Adopted && !reader.has("adopted") {
        reader.fault(
            "adopted",
            "is missing: an adopted plan has the date of its adoption",
        );
    }
    let (valid_from, valid_to) = read_validity(reader);
    let owners = read_owners(reader);
    let rules = Rules {
        schemes,
        geography,
        editions: read_editions(reader, schemes),
    };
    let mut ids = BTreeSet::new();
    let mut series = Vec::new();
    for (key, kind) in [
        ("priority", SeriesKind::Priority),
        ("theme", SeriesKind::Theme),
    ] {
        for table in reader.tables(key) {
            let one = read_series(&table, kind, &owners, &rules);
            table.unique_id(&one.id, &mut ids);
            series.push(one);
        }
    }
    check_size(reader, &series);
    series.truncate(SERIES_MAX);
    Plan {
        id: read_id(reader),
        partnership: reader.name("partnership").to_owned(),
        area: reader.area_code("area").to_owned(),
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
        index: RuleIndex::new(&series),
        series,
    }
}

fn read_id(reader: &TomlReader<'_>) -> String {
    let id = reader.id("id");
    if reader.file() != format!("plans/{id}.toml") {
        reader.fault("id", format!("`{id}` is not the name of the file"));
    }
    id.to_owned()
}

fn read_validity(reader: &TomlReader<'_>) -> (civil::Date, civil::Date) {
    let from = reader.required("valid_from", reader.date("valid_from"));
    let to = reader.required("valid_to", reader.date("valid_to"));
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        reader.fault("valid_from", format!("{from} is after valid_to, {to}"));
    }
    // After a fault: a span without a day, so that no second fault follows from it.
    (
        from.unwrap_or(civil::Date::MAX),
        to.unwrap_or(civil::Date::MIN),
    )
}

fn read_owners(reader: &TomlReader<'_>) -> Vec<PriorityOwner> {
    let mut ids = BTreeSet::new();
    reader
        .tables("owners")
        .into_iter()
        .map(|table: TomlReader<'_>| {
            let id = table.id("id").to_owned();
            table.unique_id(&id, &mut ids);
            let formed_from = table
                .list("formed_from")
                .into_iter()
                .map(|item| table.kebab(&item))
                .collect();
            PriorityOwner {
                id,
                label: table.name("label").to_owned(),
                formed_from,
            }
        })
        .collect()
}

fn read_factors(reader: &TomlReader<'_>) -> Vec<Factor> {
    let mut ids = BTreeSet::new();
    reader
        .tables("factor")
        .into_iter()
        .map(|table: TomlReader<'_>| {
            let id = table.id("id").to_owned();
            table.unique_id(&id, &mut ids);
            let flags = read_flags(&table, "flags");
            table.required("flags", Some(()).filter(|()| flags != 0));
            Factor {
                id,
                label: table.name("label").to_owned(),
                flags,
            }
        })
        .collect()
}

/// The editions that codes are checked in, by scheme.
fn read_editions<'t>(reader: &TomlReader<'t>, schemes: &Schemes<'_>) -> Editions<'t> {
    let mut editions = Editions::new();
    let Some(table) = reader.table("editions") else {
        return editions;
    };
    for scheme in table.keys() {
        let items = table.texts(scheme);
        if schemes.contains(scheme) {
            for ListItem { key, text } in &items {
                schemes.check_edition(&table, key, scheme, text);
            }
        } else {
            table.fault(scheme, schemes.unknown(scheme));
        }
        editions.insert(scheme, items.iter().map(|item| item.text).collect());
    }
    editions
}

fn read_series(
    reader: &TomlReader<'_>,
    kind: SeriesKind,
    owners: &[PriorityOwner],
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
    let rules: Vec<Rule> = reader
        .tables("rules")
        .into_iter()
        .map(|table: TomlReader<'_>| {
            let rule = rules.read(&table);
            table.unique_id(&rule.id, &mut ids);
            rule
        })
        .collect();
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

fn read_lineage(reader: &TomlReader<'_>) -> Lineage {
    Lineage {
        plan: reader.name("plan").to_owned(),
        id: reader.name("id").to_owned(),
        change: reader
            .choice("change", &LineageChange::ALL)
            .unwrap_or(LineageChange::Continued),
    }
}

/// A hash of the rules, independent of their order, ids and labels: figures of equal scope are
/// comparable.
fn scope(rules: &[Rule]) -> String {
    let mut rules: Vec<String> = rules.iter().map(Rule::canonical).collect();
    rules.sort();
    rules.dedup();
    let mut scope = hex::sha256(rules.join("\n"));
    scope.truncate(SCOPE_DIGITS);
    scope
}

fn check_size(reader: &TomlReader<'_>, series: &[Series]) {
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
    schemes: &'k Schemes<'k>,
    geography: &'k Geography,
    editions: Editions<'t>,
}

impl Rules<'_, '_> {
    fn read(&self, reader: &TomlReader<'_>) -> Rule {
        let kinds: Vec<(&str, Kind)> = Kind::ALL
            .iter()
            .map(|kind| (kind.as_str(), *kind))
            .collect();
        let roles = [Role::Incident, Role::Home, Role::Service].map(|role| (role.as_str(), role));
        let places = self.read_places(reader);
        let rule = Rule {
            id: reader.id("id").to_owned(),
            kinds: reader.choices("kinds", "kind", &kinds),
            codes: self.schemes.read_patterns(reader, &self.editions),
            flags: read_flags(reader, "flags"),
            lsoas: places
                .iter()
                .flat_map(|place| self.geography.lsoas_of(place))
                .map(str::to_owned)
                .collect(),
            places,
            roles: reader.choices("roles", "role", &roles),
            ages: read_ages(reader),
            hours: read_hours(reader),
            weekdays: reader.choices("weekdays", "day", &WEEKDAYS),
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

    fn read_places(&self, reader: &TomlReader<'_>) -> Vec<String> {
        reader
            .texts("places")
            .into_iter()
            .map(|item: ListItem<'_>| {
                let place = reader.kebab(&item);
                let known = self.geography.places();
                if !known.clone().any(|known| known == place) {
                    reader.fault_at(
                        &item.key,
                        format!("unknown place `{place}`{}", hint(&place, known)),
                    );
                }
                place
            })
            .collect()
    }
}

fn read_ages(reader: &TomlReader<'_>) -> Vec<Ages> {
    reader
        .texts("ages")
        .into_iter()
        .filter_map(|item: ListItem<'_>| {
            let ages = Ages::parse(item.text);
            if ages.is_none() {
                reader.fault_at(
                    &item.key,
                    format!("`{}` is not an age band such as 0-17 or 65+", item.text),
                );
            }
            ages
        })
        .collect()
}

fn read_hours(reader: &TomlReader<'_>) -> Option<Hours> {
    let text = reader.text("hours")?;
    let hours = Hours::parse(text);
    if hours.is_none() {
        reader.fault(
            "hours",
            format!("`{text}` is not a span of hours such as 18:00-06:00"),
        );
    }
    hours
}
