//! The table of revised figures: its values are those of the two times, and its reasons add up.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::behaviours::generated_events;
use crate::chain::{Chain, HOUSING, POLICE, REFERENCE, Table, noon, reference_with};
use crate::explain::{revised, to_revise};
use crate::invariance::{Sent, sent};
use crate::kit::events::{EventBuilder, crime, housing_count};
use partner_feeds::reference::Reference;

const PLAN: &str = "smp-2017-18";
const MAIDSTONE: &str = "E07000110";
/// The days on which events are received, and the one between them.
const DAYS: [&str; 2] = ["2020-01-10", "2020-02-10"];
const SINCE: &str = "2020-01-31";

const REASONS: [&str; 10] = [
    "late",
    "reinstated",
    "cancelled",
    "redated_in",
    "redated_out",
    "relocated_in",
    "relocated_out",
    "reclassified_in",
    "reclassified_out",
    "restated",
];
const KEYS: [&str; 11] = [
    "plan_id",
    "series_kind",
    "series",
    "partner",
    "feed",
    "kind",
    "area_code",
    "area_level",
    "area_vintage",
    "area_role",
    "window_id",
];

fn key(table: &Table, row: usize) -> String {
    KEYS.map(|name| table.text(row, name).unwrap_or("-"))
        .join(" ")
}

/// The window of a key.
fn window(key: &str) -> &str {
    key.rsplit(' ').next().unwrap_or_default()
}

/// The numbers of a row and its status.
type Block = (Option<i64>, i64, Option<i64>, String);

fn block(table: &Table, row: usize, prefix: &str) -> Block {
    let name = |name: &str| format!("{prefix}_{name}");
    (
        table.number(row, &name("value")),
        table.number(row, &name("min")).expect("a bound"),
        table.number(row, &name("max")),
        table
            .text(row, &name("status"))
            .expect("a status")
            .to_owned(),
    )
}

/// The figures of `window_totals` that `revisions` has, too.
fn figures(table: &Table) -> BTreeMap<String, Block> {
    let rows = (0..table.rows()).filter(|row| {
        let is_small = ["lsoa", "outward_postcode"]
            .contains(&table.text(*row, "area_level").expect("a level"));
        let code = table.text(*row, "area_code").expect("a code");
        let is_collected = ["no-location", "outside", "unplaced"].contains(&code);
        table.text(*row, "scheme").is_none() && (!is_small || is_collected)
    });
    rows.map(|row| (key(table, row), block(table, row, "count")))
        .collect()
}

fn reason(table: &Table, row: usize, name: &str) -> i64 {
    table.number(row, name).expect("a number")
}

/// Aggregates as at both times, and checks the table against the figures of each; the revisions by
/// folder.
fn checked(chain: &Chain, reference: &Reference, folders: &[&str]) -> Vec<Table> {
    let before = chain.aggregate_with(reference, folders, Some(SINCE));
    let now = chain
        .aggregate_since(reference, folders, SINCE)
        .expect("records");
    let tables = folders.iter().map(|folder| {
        let figures_before = before.as_ref().map_or_else(BTreeMap::new, |before| {
            figures(&chain.table_of(before, folder, "window_totals"))
        });
        let figures_now = figures(&chain.table_of(&now, folder, "window_totals"));
        let revisions = chain.table_of(&now, folder, "revisions");
        let mut rows = BTreeMap::new();
        for row in 0..revisions.rows() {
            let key = key(&revisions, row);
            let (was, is) = (
                block(&revisions, row, "before"),
                block(&revisions, row, "count"),
            );
            let difference = reason(&revisions, row, "difference");
            assert_eq!(is.1 - was.1, difference, "{key}");
            let sum: i64 = REASONS
                .iter()
                .map(|name| reason(&revisions, row, name))
                .sum();
            assert_eq!(sum, difference, "{key}");
            for (figures, block) in [(&figures_before, &was), (&figures_now, &is)] {
                if let Some(figure) = figures.get(&key) {
                    assert_eq!(figure, block, "{key}");
                }
            }
            assert!(rows.insert(key.clone(), row).is_none(), "{key} twice");
        }
        for key in figures_before.keys().chain(figures_now.keys()) {
            let [was, is] = [&figures_before, &figures_now].map(|figures| {
                let figure = figures.get(key);
                figure.filter(|(.., status)| status != "not_supplied")
            });
            let is_zero_or_more = |(_, min, _, status): &Block| *min == 0 && status != "interval";
            let is_changed = match (was, is) {
                (Some(was), Some(is)) => was != is,
                (was, is) => was.or(is).is_some_and(|only| !is_zero_or_more(only)),
            };
            // A window that is in the tables of one time only may have the same count at both.
            let is_in_both = figures_before.contains_key(key) && figures_now.contains_key(key);
            let is_new = is.is_some_and(|(_, min, ..)| *min > 0)
                && figures_before
                    .keys()
                    .any(|before| window(before) == window(key));
            if is_changed && (is_in_both || is_new) {
                assert!(rows.contains_key(key), "{key}: {was:?} {is:?}");
            }
        }
        revisions
    });
    tables.collect()
}

fn commit(chain: &mut Chain, topic: &str, documents: [&[EventBuilder]; 2]) {
    for (day, documents) in DAYS.iter().zip(documents) {
        chain.commit(
            topic,
            0,
            documents.iter().map(|document| (noon(day), document)),
        );
    }
}

/// The reasons of a row that are not 0.
fn reasons(table: &Table, row: usize) -> Vec<(&'static str, i64)> {
    let reasons = REASONS.map(|name| (name, reason(table, row, name)));
    reasons
        .into_iter()
        .filter(|(_, records)| *records != 0)
        .collect()
}

#[test]
fn each_reason_is_a_column_and_all_add_up() {
    let mut chain = Chain::new();
    commit(&mut chain, POLICE, [&to_revise(), &revised()]);
    let total = |value| {
        housing_count("mhclg:hclic", "A1.2017-06")
            .what("hclic-assessment", "2018-04", "owed")
            .period("2017-04-01", "2017-06-30")
            .area_as("service", MAIDSTONE, "district")
            .unit("households")
            .exact(value)
    };
    commit(
        &mut chain,
        HOUSING,
        [&[total(253)], &[total(224).revision(2)]],
    );
    let tables = checked(&chain, &REFERENCE, &[PLAN, "in-force"]);
    let row = tables[0].one(&[
        ("series", "substance-misuse"),
        ("area_code", MAIDSTONE),
        ("window_id", "month:2017-05"),
    ]);
    let expected = [
        ("late", 2),
        ("reinstated", 1),
        ("cancelled", -2),
        ("redated_in", 1),
        ("redated_out", -1),
        ("relocated_in", 1),
        ("relocated_out", -1),
        ("reclassified_in", 1),
        ("reclassified_out", -1),
    ];
    assert_eq!(reasons(&tables[0], row), expected);
    let row = tables[0].one(&[
        ("series", "total"),
        ("kind", "count:hclic-assessment"),
        ("area_code", MAIDSTONE),
        ("window_id", "quarter:2017-q2"),
    ]);
    assert_eq!(reasons(&tables[0], row), [("restated", -29)]);
    assert_eq!(block(&tables[0], row, "before").0, Some(253));
    assert_eq!(block(&tables[0], row, "count").0, Some(224));
}

/// Without `--since` there is nothing to compare.
#[test]
fn without_an_earlier_time_the_table_is_empty_and_the_others_are_the_same() {
    let mut chain = Chain::new();
    commit(&mut chain, POLICE, [&to_revise(), &revised()]);
    let now = chain.aggregate(PLAN).expect("records");
    assert_eq!(chain.table_of(&now, PLAN, "revisions").rows(), 0);
    let bytes = |chain: &Chain| -> Vec<_> {
        let paths = now.written.iter().map(|file| &file.path);
        let paths = paths.filter(|path| !path.ends_with("/revisions.parquet"));
        paths.map(|path| chain.bytes(path)).collect()
    };
    let without = bytes(&chain);
    chain.aggregate_since(&REFERENCE, &[PLAN], SINCE);
    assert_eq!(bytes(&chain), without);
}

/// A first record with a ward makes every record of its kind count at that level, without one.
#[test]
fn records_that_begin_to_count_at_a_level_of_areas_are_relocated() {
    let mut chain = Chain::new();
    let in_district =
        ["a", "b", "c"].map(|subject| crime(subject).month("2017-05").area(MAIDSTONE, "district"));
    let in_ward = crime("d").month("2017-05").lsoa("E01024374");
    commit(&mut chain, POLICE, [&in_district, &[in_ward]]);
    let tables = checked(&chain, &REFERENCE, &[PLAN]);
    let rows = tables[0].find(&[
        ("series", "total"),
        ("area_code", "unplaced"),
        ("area_level", "ward"),
        ("window_id", "fy:2017-18"),
    ]);
    let found: Vec<_> = rows.map(|row| reasons(&tables[0], row)).collect();
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|found| *found == [("relocated_in", 3)]),
        "{found:?}"
    );
}

#[test]
fn figures_that_vanish_and_records_that_a_release_replaced_are_revised() {
    let published = |subject: &str, month, release| {
        crate::kit::events::published_crime(subject, month)
            .area(MAIDSTONE, "district")
            .revision(release)
    };
    let mut chain = Chain::new();
    let earlier = [
        published("stays", "2018-10", 201_903),
        published("last-month", "2018-11", 201_903),
    ];
    let later = [
        published("stays", "2018-10", 201_904),
        published("last-month", "2018-11", 201_904).cancelled(),
    ];
    commit(&mut chain, POLICE, [&earlier, &later]);
    let tables = checked(&chain, &REFERENCE, &[PLAN]);
    let row = |window| {
        let rows: Vec<_> = tables[0]
            .find(&[
                ("series", "total"),
                ("area_code", MAIDSTONE),
                ("window_id", window),
            ])
            .map(|row| reasons(&tables[0], row))
            .collect();
        rows
    };
    assert_eq!(
        row("month:2018-11"),
        [[("cancelled", -1)]],
        "no window of the tables any more"
    );
    assert_eq!(row("month:2018-10"), [[("", 0); 0]; 0]);
}

#[test]
fn the_revisions_of_generated_events_of_all_kinds_add_up() {
    let windows = "format = 1\nfirst_month = \"2018-01\"\n";
    let reference = reference_with(&[("windows.toml", windows)]);
    let mut chain = Chain::new();
    for (topic, documents) in generated_events(1_500) {
        let (first, then) = documents.split_at(documents.len() * 2 / 3);
        for (day, documents) in DAYS.iter().zip([first, then]) {
            chain.commit(
                topic,
                0,
                documents.iter().map(|document| (noon(day), document)),
            );
        }
    }
    let tables = checked(&chain, &reference, &[PLAN, "in-force"]);
    let seen = |name| {
        let has = |table: &Table| (0..table.rows()).any(|row| reason(table, row, name) != 0);
        tables.iter().any(has)
    };
    assert!(seen("late") && seen("restated"));
}

/// The state of a subject among what was received: its highest revision, first received.
fn state<'s>(received: &[&'s Sent], housing: bool, subject: u8) -> Option<&'s Sent> {
    let own = received
        .iter()
        .filter(|sent| (sent.housing, sent.subject) == (housing, subject));
    own.rev().max_by_key(|sent| sent.revision).copied()
}

/// The reasons of the total of crimes in the home district or everywhere, recounted record by record.
fn recounted(
    all: &[Sent],
    first: usize,
    month: u8,
    only_home: bool,
) -> BTreeMap<&'static str, i64> {
    let all: Vec<&Sent> = all.iter().collect();
    let in_area = |sent: &Sent| !only_home || sent.area == 3;
    let counts = |sent: &Sent| !sent.cancelled && sent.month == month && in_area(sent);
    let mut reasons = BTreeMap::new();
    for subject in 0..8 {
        let [was, is] = [&all[..first], &all].map(|received| state(received, false, subject));
        let reason = match (was, is) {
            (None, Some(is)) if counts(is) => ("late", 1),
            (Some(was), Some(is)) if counts(was) && !counts(is) => match () {
                () if is.cancelled => ("cancelled", -1),
                () if is.month != month => ("redated_out", -1),
                () => ("relocated_out", -1),
            },
            (Some(was), Some(is)) if counts(is) && !counts(was) => match () {
                () if was.cancelled => ("reinstated", 1),
                () if was.month != month => ("redated_in", 1),
                () => ("relocated_in", 1),
            },
            _ => continue,
        };
        *reasons.entry(reason.0).or_default() += reason.1;
    }
    reasons
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn the_reasons_are_those_of_each_record(all in prop::collection::vec(sent(), 8..40), part in 1_usize..8) {
        let first = all.len() * part / 8;
        let mut chain = Chain::new();
        for (day, sent) in DAYS.iter().zip([&all[..first], &all[first..]]) {
            for (topic, housing) in [(POLICE, false), (HOUSING, true)] {
                let sent = sent.iter().filter(|sent| sent.housing == housing);
                let sent: Vec<_> = sent.map(|sent| (noon(day), sent.document())).collect();
                if !sent.is_empty() {
                    chain.commit(topic, 0, sent);
                }
            }
        }
        let tables = checked(&chain, &REFERENCE, &[PLAN]);
        for month in 1..6 {
            let window = format!("month:2018-0{month}");
            for (area, only_home) in [("all-received", false), (MAIDSTONE, true)] {
                let keys = [("series", "total"), ("kind", "crime"), ("area_code", area), ("window_id", &*window)];
                let row = tables[0]
                    .find(&keys)
                    .find(|row| !only_home || tables[0].text(*row, "area_role") == Some("home"));
                let found = row.map(|row| reasons(&tables[0], row)).unwrap_or_default();
                let found: BTreeMap<_, _> = found.into_iter().collect();
                prop_assert_eq!(found, recounted(&all, first, month, only_home), "{} {}", area, window);
            }
        }
    }
}
