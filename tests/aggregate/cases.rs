//! Small chains, each with one question.

use std::collections::BTreeMap;

use partner_feeds::aggregate::{self, AggregateSettings, PlanChoice, history, is_replaced};
use partner_feeds::contract::{Reason, Rejection};
use partner_feeds::event::{Kind, Micros};
use partner_feeds::reference::Reference;

use crate::chain::{Chain, HEALTH, HOUSING, POLICE, Quiet, REFERENCE, Table};
use crate::kit::events::{EventBuilder, crime, housing_count, published_crime, treatment_count};

const PLAN: &str = "smp-2017-18";
const PRIORITY: &str = "aggregates/smp-2017-18/priority_monthly.parquet";
const CATEGORY: &str = "aggregates/smp-2017-18/category_monthly.parquet";
const QUALITY: &str = "aggregates/smp-2017-18/feed_quality.parquet";

const LSOA: &str = "E01024374";
const MAIDSTONE: &str = "E07000110";

/// A chain of police events, received second by second, and its tables.
fn chain(documents: &[EventBuilder]) -> Chain {
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, (0..).zip(documents));
    chain.aggregate(PLAN);
    chain
}

fn subjects(events: &Table) -> Vec<&str> {
    (0..events.rows())
        .filter_map(|row| events.text(row, "subject"))
        .collect()
}

fn totals(chain: &Chain) -> Vec<(String, Option<i64>)> {
    let table = chain.table(PRIORITY);
    let rows: Vec<usize> = table
        .find(&[("series", "total"), ("area_code", "all-received")])
        .collect();
    rows.into_iter()
        .map(|row| {
            (
                table.text(row, "window_id").expect("a window").to_owned(),
                table.number(row, "count_value"),
            )
        })
        .collect()
}

#[test]
fn the_highest_revision_counts_whenever_it_came() {
    let chain = chain(&[
        crime("a").revision(2).month("2017-05"),
        crime("a").category("92D").month("2017-04"),
    ]);
    let events = chain.table("events/police.parquet");
    assert_eq!(
        (
            events.rows(),
            events.text(0, "what_category"),
            events.date(0, "month").as_deref()
        ),
        (1, Some("8N"), Some("2017-05-01"))
    );
    let quality = chain.table(QUALITY);
    assert_eq!(
        (quality.number(0, "records"), quality.number(0, "revised")),
        (Some(1), Some(1))
    );
}

#[test]
fn of_equal_revisions_the_first_received_counts() {
    let chain = chain(&[
        crime("a").month("2017-05"),
        crime("a").category("92D").month("2017-05"),
    ]);
    let events = chain.table("events/police.parquet");
    assert_eq!(
        (events.rows(), events.text(0, "what_category")),
        (1, Some("8N"))
    );
    assert_eq!(
        chain.table(QUALITY).number(0, "revised"),
        Some(0),
        "sent again is not revised"
    );
}

#[test]
fn a_cancelled_record_does_not_count_until_it_is_reinstated() {
    let cancelled = [
        crime("a").month("2017-05"),
        crime("a").revision(2).month("2017-05").cancelled(),
        crime("b").month("2017-05"),
    ];
    let chain = self::chain(&cancelled);
    assert_eq!(subjects(&chain.table("events/police.parquet")), ["b"]);
    let quality = chain.table(QUALITY);
    assert_eq!(
        (quality.number(0, "records"), quality.number(0, "cancelled")),
        (Some(1), Some(1))
    );
    assert_eq!(totals(&chain), [("month:2017-05".to_owned(), Some(1))]);

    let mut reinstated = cancelled.to_vec();
    reinstated.push(crime("a").revision(3).month("2017-05"));
    let chain = self::chain(&reinstated);
    assert_eq!(subjects(&chain.table("events/police.parquet")), ["a", "b"]);
    assert_eq!(totals(&chain), [("month:2017-05".to_owned(), Some(2))]);
}

#[test]
fn a_redated_record_moves_and_a_month_without_records_is_not_supplied() {
    let chain = chain(&[
        crime("a").month("2017-05"),
        crime("a").revision(2).month("2017-07"),
        crime("b").month("2017-05"),
    ]);
    let month = |month: &str, count| (format!("month:{month}"), count);
    assert_eq!(
        totals(&chain),
        [
            month("2017-05", Some(1)),
            month("2017-06", None),
            month("2017-07", Some(1))
        ]
    );
    let texts = [
        ("series", "total"),
        ("area_code", "all-received"),
        ("window_id", "month:2017-06"),
    ];
    let table = chain.table(PRIORITY);
    assert_eq!(table.block(&texts), "not_supplied - 0 -");
    assert_eq!(
        table.text(table.one(&texts), "data_status"),
        Some("overdue")
    );
}

#[test]
fn what_the_feed_cannot_show_is_not_supplied_and_what_it_can_is_zero() {
    let chain = chain(&[published_crime("x", "2017-05")]);
    let table = chain.table(PRIORITY);
    let found = |series: &str| {
        let row = table
            .find(&[("series", series), ("area_code", "all-received")])
            .next()
            .expect("a row");
        let number = |name| table.number(row, name);
        (
            table.text(row, "count_status").expect("status"),
            number("count_value"),
            number("count_min"),
            number("count_max"),
        )
    };
    assert_eq!(
        found("substance-misuse"),
        ("exact", Some(1), Some(1), Some(1))
    );
    assert_eq!(found("gangs-cse"), ("exact", Some(0), Some(0), Some(0)));
    assert_eq!(
        found("organised-crime"),
        ("not_supplied", None, Some(0), None)
    );
    assert_eq!(
        found("mental-health"),
        ("not_supplied", None, Some(0), None)
    );
    assert_eq!(found("unmapped"), ("exact", Some(0), Some(0), Some(0)));
}

/// A record of one release of the published files.
fn released(kind: &'static str, subject: &str, month: &str, revision: i32) -> EventBuilder {
    let event = EventBuilder::new("kent-police:open-data", kind, subject)
        .occurred(month)
        .revision(revision);
    match kind {
        "police.stop-search" => event
            .put("search_type", "person")
            .put("object", "stolen-goods"),
        "police.incident" => event.what("police-uk", "2013-05", "anti-social-behaviour"),
        _ => event.what("police-uk", "2013-05", "drugs"),
    }
}

#[test]
fn a_later_release_of_a_month_replaces_what_earlier_ones_had_of_it() {
    let earlier = [
        released("police.incident", "moved", "2018-01", 201_804),
        released("police.incident", "withdrawn", "2018-01", 201_804),
        released("police.crime", "redated", "2018-01", 201_804),
        released("police.incident", "left-the-window", "2017-12", 201_804),
        released("police.stop-search", "a", "2018-01", 201_804),
        // Another source sends its records one by one, with any revisions.
        crime("own").month("2018-01").revision(201_803),
        crime("another").month("2018-01").revision(201_804),
    ];
    let later = [
        released("police.incident", "moved-by-20-metres", "2018-01", 201_805),
        released("police.crime", "redated", "2018-02", 201_805),
    ];
    let kept = [
        "another",
        "left-the-window",
        "a",
        "own",
        "moved-by-20-metres",
        "redated",
    ];
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    let in_order = [&earlier[..], &later[..]].concat();
    let reversed = [&later[..], &earlier[..]].concat();
    for documents in [in_order, reversed] {
        let chain = chain(&documents);
        let events = chain.table("events/police.parquet");
        let mut found = subjects(&events);
        found.sort_unstable();
        assert_eq!(found, kept);
        let quality = chain.table(QUALITY);
        let row = quality.one(&[("kind", "incident"), ("window_id", "month:2018-01")]);
        let replaced = ["moved", "moved-by-20-metres", "left-the-window"].map(|subject| {
            let (store, runtime) = (&chain.store, chain.runtime.handle());
            let source = "urn:partner:kent-police:open-data";
            let history = history(store, runtime, source, subject).expect("read");
            let latest = history.revisions.last().expect("a revision");
            is_replaced(store, runtime, &REFERENCE, &latest.record()).expect("read")
        });
        assert_eq!(replaced, [true, false, false]);
        assert_eq!(
            (
                quality.number(row, "records"),
                quality.number(row, "cancelled")
            ),
            (Some(1), Some(2))
        );
    }
}

#[test]
fn a_cancellation_of_a_release_replaces_only_its_own_record() {
    let chain = chain(&[
        released("police.crime", "a", "2018-01", 201_804),
        released("police.crime", "b", "2018-01", 201_804),
        released("police.crime", "b", "2018-01", 201_805).cancelled(),
    ]);
    assert_eq!(subjects(&chain.table("events/police.parquet")), ["a"]);
}

#[test]
fn a_revision_that_is_not_a_month_replaces_only_its_own_record() {
    let chain = chain(&[
        published("a", "2018-01"),
        published("b", "2018-01").revision(2),
    ]);
    assert_eq!(subjects(&chain.table("events/police.parquet")), ["a", "b"]);
}

/// A crime of the published files, which have types and no flags.
fn published(subject: &str, month: &str) -> EventBuilder {
    published_crime(subject, month).lsoa(LSOA)
}

#[test]
fn what_a_partner_can_show_depends_on_the_systems_that_sent_the_month() {
    let chain = chain(&[
        crime("a").category("106").month("2017-04").lsoa(LSOA),
        published("b", "2017-05"),
        crime("c").category("106").month("2017-07").lsoa(LSOA),
        published("d", "2017-07"),
    ]);
    let found = |table: &Table, series: &str, area: &str, level: &str| -> Vec<String> {
        let texts = [
            ("series", series),
            ("area_code", area),
            ("area_level", level),
        ];
        let window = |row| {
            table
                .text(row, "window_id")
                .expect("a window")
                .trim_start_matches("month:2017-")
        };
        table
            .find(&texts)
            .map(|row| format!("{} {}", window(row), table.block_of(row)))
            .collect()
    };
    let (priority, category) = (chain.table(PRIORITY), chain.table(CATEGORY));
    // In June nobody sent anything.
    let expected = [
        "04 exact 1 1 1",
        "05 not_supplied - 0 -",
        "06 not_supplied - 0 -",
        "07 partial - 1 -",
    ];
    let zero = [
        "04 exact 0 0 0",
        expected[1],
        expected[2],
        "07 partial - 0 -",
    ];
    for (area, level, expected) in [
        ("all-received", "all-received", expected),
        ("no-location", "lsoa", zero),
        ("no-location", "district", zero),
        ("E07000110", "district", expected),
        ("E01024374", "lsoa", expected),
    ] {
        // Of a code, and in an LSOA, only two areas have rows where nothing was supplied.
        let is_said = ["all-received", "E07000110"].contains(&area);
        let counted: Vec<&str> = expected
            .into_iter()
            .filter(|row| is_said || !row.contains(" 0 "))
            .collect();
        let of_priority = if area == "E01024374" {
            &*counted
        } else {
            &expected
        };
        assert_eq!(
            found(&priority, "organised-crime", area, level),
            of_priority,
            "{area}"
        );
        assert_eq!(found(&category, "106", area, level), counted, "{area}");
    }
    let total = ["04 exact 1 1 1", "05 exact 1 1 1", "07 exact 2 2 2"];
    assert_eq!(found(&priority, "total", "E01024374", "lsoa"), total);
}

#[test]
fn figures_under_a_plan_do_not_depend_on_the_other_plans_requested() {
    let documents = [
        crime("a")
            .category("106")
            .month("2017-04")
            .flag("domestic_abuse", true)
            .flag("gang", false),
        crime("b").category("58A").month("2017-05").lsoa(LSOA),
        published("c", "2017-05"),
    ];
    let alone = chain(&documents);
    let among = chain(&documents);
    let plan = |id| PlanChoice::Plan(REFERENCE.plans.get(id).expect("the plan is known"));
    let settings = AggregateSettings::new(
        vec![plan("smp-2014-15"), plan("smp-2018-19"), plan(PLAN)],
        &REFERENCE,
        None,
    );
    aggregate::run(&among.store, &settings, among.runtime.handle(), &mut Quiet)
        .expect("aggregated");
    for file in [
        PRIORITY,
        CATEGORY,
        QUALITY,
        "aggregates/smp-2017-18/rules.parquet",
    ] {
        assert_eq!(alone.bytes(file), among.bytes(file), "{file}");
    }
}

#[test]
fn hours_of_a_rule_begin_and_end_at_their_minutes() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan =
        include_str!("../../config/plans/smp-2014-15.toml").replace("18:00-06:00", "18:30-06:00");
    std::fs::create_dir(folder.path().join("plans")).expect("a folder");
    std::fs::write(folder.path().join("plans/smp-2014-15.toml"), plan).expect("written");
    let reference = Reference::load(Some(folder.path())).expect("the plan is right");
    let chain = chain(&[
        crime("a").occurred("2015-01-03T18:29:00Z"),
        crime("b").occurred("2015-01-03T18:30:00Z"),
        crime("c").occurred("2015-01-03T05:59:00Z"),
        crime("d").occurred("2015-01-03T06:00:00Z"),
        crime("e").occurred("2015-01-03T18:10:00Z"),
    ]);
    let plan = PlanChoice::Plan(
        reference
            .plans
            .get("smp-2014-15")
            .expect("the plan is known"),
    );
    let settings = AggregateSettings::new(vec![plan], &reference, None);
    aggregate::run(&chain.store, &settings, chain.runtime.handle(), &mut Quiet)
        .expect("aggregated");
    let table = chain.table("aggregates/smp-2014-15/priority_monthly.parquet");
    assert_eq!(
        table.counts(&[
            ("series", "night-time-violence"),
            ("area_code", "all-received")
        ]),
        [Some(2)]
    );
}

#[test]
fn a_record_counts_once_at_every_level_or_under_no_area_of_it() {
    let documents = [
        crime("r-0").lsoa(LSOA),
        crime("r-1").area_of("E05004996", "ward", 2017),
        crime("r-2"),
        crime("r-3").area(MAIDSTONE, "district"),
        crime("r-4").area("E10000016", "county"),
        crime("r-5").lsoa("E01000001"), // outside Kent
        crime("r-6").lsoa("E01024059"), // Canterbury
    ];
    let table = chain(&documents).table(PRIORITY);
    let mut zeros: BTreeMap<String, usize> = BTreeMap::new();
    let mut counted = Vec::new();
    for row in table.find(&[("series", "total")]) {
        let text = |name| table.text(row, name).unwrap_or("-");
        let tier = format!("{} {}", text("area_level"), text("area_vintage"));
        match table.number(row, "count_value").expect("exact") {
            0 => *zeros.entry(tier).or_default() += 1,
            count => counted.push(format!(
                "{} {tier} {} {count}",
                text("area_code"),
                text("area_role")
            )),
        }
    }
    let key = |line: &String| {
        line.split_once(' ')
            .map(|(code, rest)| (rest[..rest.len() - 1].to_owned(), code.to_owned()))
    };
    counted.sort_by_key(key);
    assert_eq!(
        counted,
        [
            "all-received all-received - - 7",
            "no-location district - - 1",
            "E07000106 district - incident 1",
            "E07000110 district - incident 3",
            "outside district - incident 1",
            "unplaced district - incident 1",
            "no-location lsoa - - 1",
            "outside lsoa - incident 2",
            "unplaced lsoa - incident 3",
            "E01024374 lsoa 2011 incident 1",
            "no-location place - - 1",
            "outside place - incident 3",
            "unplaced place - incident 3",
            "no-location set - - 1",
            "kent-12 set - incident 5",
            "kent-13 set - incident 5",
            "outside set - incident 1",
            "no-location ward 2019 - 1",
            "E05004996 ward 2019 incident 2",
            "outside ward 2019 incident 2",
            "unplaced ward 2019 incident 2",
            "no-location ward 2025 - 1",
            "E05015614 ward 2025 incident 1",
            "outside ward 2025 incident 2",
            "unplaced ward 2025 incident 3",
        ]
    );
    let zeros: Vec<(&str, usize)> = zeros
        .iter()
        .map(|(tier, count)| (&**tier, *count))
        .collect();
    let dense = [
        ("district -", 11),
        ("place -", 1),
        ("ward 2019", 25),
        ("ward 2025", 21),
    ];
    assert_eq!(
        zeros, dense,
        "every ward and district has a row, of LSOAs those with a record"
    );
}

#[test]
fn codes_are_counted_by_scheme_with_label_and_editions() {
    let table = chain(&[
        crime("a").month("2017-05"),
        crime("b").category("92D").month("2017-05"),
    ])
    .table(CATEGORY);
    let row = table
        .find(&[
            ("scheme", "ho-category"),
            ("series", "8N"),
            ("area_code", "all-received"),
        ])
        .next()
        .expect("a row");
    assert_eq!(
        (
            table.number(row, "count_value"),
            table.text(row, "edition"),
            table.text(row, "series_kind")
        ),
        (Some(1), Some("2026-04"), Some("category"))
    );
    assert!(table.text(row, "series_label").is_some());
}

#[test]
fn an_event_lists_priorities_of_the_plan_in_force_in_its_month() {
    let events = chain(&[
        crime("a")
            .month("2017-05")
            .flag("domestic_abuse", true)
            .flag("mental_health_victim", false)
            .flag("alcohol", true),
        crime("b").month("2003-05"),
    ])
    .table("events/police.parquet");
    let text = |row, name| events.text(row, name);
    assert_eq!(
        (text(0, "plan_id"), text(0, "priorities"), text(0, "themes")),
        (
            Some(PLAN),
            Some("substance-misuse;domestic-abuse-violent-crime"),
            Some("")
        )
    );
    assert_eq!((text(1, "plan_id"), text(1, "priorities")), (None, None));
    let mental_health = events.0.column_by_name("mental_health").expect("column");
    let mental_health = arrow_array::cast::AsArray::as_boolean(mental_health.as_ref());
    assert_eq!(
        mental_health.iter().collect::<Vec<_>>(),
        [Some(false), None]
    );
}

#[test]
fn a_count_is_an_event_and_in_no_sum_of_records() {
    let count = housing_count("maidstone-bc:hclic", "c")
        .what("hclic-reason", "2018-04", "domestic-abuse")
        .period("2018-04-01", "2018-06-30")
        .area_as("service", MAIDSTONE, "district")
        .exact(14);
    let mut chain = Chain::new();
    chain.commit(HOUSING, 3, [(1, count)]);
    let summary = chain.aggregate(PLAN).expect("a record");
    assert_eq!((summary.rows, summary.records), (1, 1));
    let events = chain.table("events/housing.parquet");
    assert_eq!(
        (
            events.rows(),
            events.date(0, "month").as_deref(),
            events.text(0, "unit")
        ),
        (1, Some("2018-04-01"), Some("households"))
    );
    let priority = chain.table(PRIORITY);
    assert_eq!(
        priority.rows(),
        0,
        "a quarter is no month, and is never split"
    );
    let totals = chain.table("aggregates/smp-2017-18/window_totals.parquet");
    let of = |series, window| {
        [
            ("series", series),
            ("area_code", "E07000110"),
            ("window_id", window),
        ]
    };
    assert_eq!(
        totals.block(&of("domestic-abuse-violent-crime", "quarter:2018-q2")),
        "exact 14 14 14"
    );
    assert_eq!(
        totals.block(&of("organised-crime", "quarter:2018-q2")),
        "not_supplied - 0 -"
    );
    assert_eq!(totals.find(&[("window_id", "month:2018-04")]).count(), 0);
    let quality = chain.table(QUALITY);
    assert_eq!(
        (quality.text(0, "kind"), quality.number(0, "records")),
        (Some("count:hclic-reason"), Some(1))
    );
}

/// Most totals are of persons: 10 and 4. Episodes beside them are not added, and stand for
/// themselves where nothing else does.
#[test]
fn totals_in_different_units_are_never_added() {
    let count = |group: &str, unit: &str, value: i64| {
        treatment_count(&format!("{group}-{unit}"))
            .what("ndtms-group", "2016", group)
            .period("2018-04-01", "2018-04-30")
            .area_as("service", MAIDSTONE, "district")
            .unit(unit)
            .exact(value)
    };
    let sent = [
        count("opiate", "events", 25),
        count("opiate", "persons", 10),
        count("alcohol", "persons", 4),
        count("non_opiate", "events", 7),
    ];
    let mut chain = Chain::new();
    chain.commit(HEALTH, 3, sent.iter().map(|count| (1, count)));
    chain.aggregate(PLAN).expect("records");
    let totals = chain.table("aggregates/smp-2017-18/window_totals.parquet");
    let of = |series| {
        totals.block(&[
            ("series", series),
            ("area_code", "E07000110"),
            ("window_id", "month:2018-04"),
        ])
    };
    assert_eq!(
        (of("opiate"), of("alcohol"), of("non_opiate")),
        (
            "exact 10 10 10".into(),
            "exact 4 4 4".into(),
            "exact 7 7 7".into()
        )
    );
    assert_eq!(
        (of("total"), of("substance-misuse")),
        ("exact 14 14 14".into(), "exact 14 14 14".into())
    );
}

#[test]
fn rejects_are_counted_where_the_partner_is_known() {
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, [(1, crime("a").month("2017-05"))]);
    let received = Micros(1_577_836_800_000_000); // 2020-01-01T00:00:00Z
    for partner in [Some("kent-police".to_owned()), None] {
        let (reason, kind) = (Reason::SchemaType, Some(Kind::Crime));
        let rejection = Rejection {
            reason,
            pointer: "/data".to_owned(),
            rule: "is of another type".into(),
            partner,
            kind,
            more: Vec::new(),
        };
        chain.commit_rejected(POLICE, 0, received, &rejection);
    }
    let summary = chain.aggregate(PLAN).expect("a record");
    assert_eq!((summary.rows, summary.rejected), (1, 2));
    let quality = chain.table(QUALITY);
    let rows = (0..quality.rows()).map(|row| {
        let number = |name| quality.number(row, name).expect("a number");
        (
            quality.text(row, "kind"),
            quality.text(row, "window_id"),
            number("records"),
            number("rejected"),
        )
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            (Some("crime"), Some("month:2017-05"), 1, 0),
            (Some("crime"), Some("month:2020-01"), 0, 1)
        ]
    );
}

#[test]
fn a_history_has_every_revision_and_the_one_that_counts_last() {
    let chain = chain(&[
        crime("a").revision(2).month("2017-05"),
        crime("b").month("2017-05"),
        crime("a").category("92D").month("2017-04"),
        crime("a").revision(2).category("106").month("2017-05"),
    ]);
    let history = history(
        &chain.store,
        chain.runtime.handle(),
        "urn:partner:kent-police:crime",
        "a",
    )
    .expect("read");
    let rows: Vec<_> = history
        .revisions
        .iter()
        .map(|r| (r.record().revision, r.record().what_category))
        .collect();
    assert_eq!(rows, [(1, Some("92D")), (2, Some("106")), (2, Some("8N"))]);
    assert_eq!(
        chain
            .table("events/police.parquet")
            .text(0, "what_category"),
        Some("8N")
    );
}

#[test]
fn an_empty_store_makes_nothing() {
    assert_eq!(Chain::new().aggregate(PLAN), None);
}

#[test]
fn a_run_leaves_its_own_files_and_no_others() {
    let mut chain = chain(&[crime("a").month("2017-05")]);
    let before = chain.bytes("events/police.parquet");
    for old in ["events/fire.parquet", "aggregates/smp-2017-18/gone.parquet"] {
        std::fs::write(std::path::Path::new(chain.root()).join(old), "old").expect("written");
    }
    chain.commit(POLICE, 0, [(9, crime("b").month("2017-05"))]);
    chain.aggregate(PLAN);
    assert_ne!(chain.bytes("events/police.parquet"), before);
    assert_eq!(
        chain.names("events"),
        [
            "_provenance.json",
            "health.parquet",
            "housing.parquet",
            "police.parquet"
        ],
        "each feed has its file, also one without records"
    );
    let tables = [
        "areas",
        "breaks",
        "briefing",
        "category_monthly",
        "change",
        "columns",
        "composition",
        "factors",
        "feed_quality",
        "intake",
        "lineage",
        "outcomes",
        "partner_kinds",
        "place_of_safety",
        "placements",
        "populations",
        "priorities",
        "priority_monthly",
        "profile",
        "reconciliation",
        "repeats",
        "revisions",
        "rules",
        "series",
        "sources",
        "spc",
        "window_totals",
        "windows",
    ];
    let mut files: Vec<String> = tables.map(|table| format!("{table}.parquet")).into();
    files.extend(["_provenance.json", "briefing.csv"].map(str::to_owned));
    files.sort();
    assert_eq!(chain.names("aggregates/smp-2017-18"), files);
    assert_eq!(chain.names(".replacing"), [""; 0], "nothing is left over");
    for folder in ["events", "aggregates/smp-2017-18"] {
        let text = chain.bytes(&format!("{folder}/_provenance.json"));
        let provenance: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(provenance["chain"][0]["end"], "0000-0000000000000000002");
        assert_eq!(provenance["as_at"], "2020-01-01T00:00:09Z");
        assert_eq!(
            provenance["reference"]["sha256"].as_str().map(str::len),
            Some(64)
        );
    }
}

#[test]
fn a_summer_crime_keeps_its_month_and_day_in_local_time() {
    let chain = chain(&[
        published_crime("a", "2017-06"),
        crime("b").occurred("2017-06-01"),
        crime("c").occurred("2017-05-31T23:20:00Z"),
        crime("d").occurred("2017-01-31T23:20:00Z"),
    ]);
    let events = chain.table("events/police.parquet");
    let found = ["a", "b", "c", "d"].map(|subject| {
        let row = events.one(&[("subject", subject)]);
        (
            events.date(row, "month").expect("a month"),
            events.date(row, "occurred_date"),
            events.local_time(row, "occurred_local").expect("a time"),
        )
    });
    let expected = [
        ("2017-06-01", None, "2017-06-01 00:00"),
        ("2017-06-01", Some("2017-06-01"), "2017-06-01 00:00"),
        ("2017-06-01", Some("2017-06-01"), "2017-06-01 00:20"),
        ("2017-01-01", Some("2017-01-31"), "2017-01-31 23:20"),
    ];
    let expected = expected
        .map(|(month, day, time)| (month.to_owned(), day.map(str::to_owned), time.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn the_area_of_the_plan_is_marked_and_what_came_from_elsewhere_is_not_in_it() {
    let chain = chain(&[
        crime("a").month("2017-05").lsoa(LSOA),
        crime("b").month("2017-05").area("E07000106", "district"),
    ]);
    let table = chain.table(PRIORITY);
    let rows = table.find(&[("series", "total"), ("window_id", "month:2017-05")]);
    let own: Vec<_> = rows
        .filter(|row| table.truth(*row, "is_plan_area") == Some(true))
        .map(|row| {
            (
                table.text(row, "area_code"),
                table.number(row, "count_value"),
            )
        })
        .collect();
    assert_eq!(own, [(Some(MAIDSTONE), Some(1))]);
    let areas = chain.table("aggregates/smp-2017-18/areas.parquet");
    let own: Vec<_> = (0..areas.rows())
        .filter(|row| areas.truth(*row, "is_plan_area") == Some(true))
        .map(|row| areas.text(row, "area_code"))
        .collect();
    assert_eq!(own, [Some(MAIDSTONE)]);
}

#[test]
fn every_row_has_the_names_of_its_series_partner_kind_area_and_window() {
    let chain = chain(&[crime("a").category("45").month("2017-05").lsoa(LSOA)]);
    let names = |table: &Table, texts: &[(&str, &str)]| {
        let row = table.one(texts);
        [
            "series_label",
            "partner_name",
            "kind_label",
            "unit",
            "area_name",
            "window_label",
        ]
        .map(|column| table.text(row, column).expect("a name").to_owned())
    };
    let names_of = |table: &str, series: &str, area: &str| {
        let table = chain.table(table);
        names(
            &table,
            &[
                ("series", series),
                ("area_code", area),
                ("window_id", "month:2017-05"),
            ],
        )
    };
    let (who, kind, when) = ("Kent Police", "Recorded crimes", "May 2017");
    let expected =
        |series: &str, area: &str| [series, who, kind, "records", area, when].map(str::to_owned);
    assert_eq!(
        names_of(PRIORITY, "domestic-abuse-violent-crime", MAIDSTONE),
        expected("Domestic Abuse and Violent Crime", "Maidstone")
    );
    assert_eq!(
        names_of(PRIORITY, "total", "all-received"),
        expected("Total", "Everything received")
    );
    assert_eq!(
        names_of(CATEGORY, "45", MAIDSTONE),
        expected("Theft from a Motor Vehicle", "Maidstone")
    );
    assert_eq!(
        names_of(CATEGORY, "theft-offences", MAIDSTONE),
        expected("Theft offences", "Maidstone")
    );
}

#[test]
fn a_priority_is_made_up_of_the_codes_of_its_records_and_of_no_other() {
    let of_health = |subject: &str, category: &str, month: &str| {
        let crime = crime(subject).category(category).month(month);
        crime.lsoa(LSOA).flag("mental_health_victim", true)
    };
    let chain = chain(&[
        of_health("a", "8N", "2018-04"),
        of_health("b", "8N", "2018-05"),
        of_health("c", "45", "2018-06"),
        crime("d").category("45").month("2018-06").lsoa(LSOA),
        of_health("e", "45", "2018-07"),
    ]);
    let table = chain.table("aggregates/smp-2017-18/composition.parquet");
    let rows = table.find(&[
        ("series", "mental-health"),
        ("area_code", MAIDSTONE),
        ("window_id", "quarter:2018-q2"),
    ]);
    let found: Vec<_> = rows
        .map(|row| {
            let text = |name| table.text(row, name).expect("a text");
            format!(
                "{} {} ({}) {} {}",
                text("part_kind"),
                text("part"),
                text("part_label"),
                table.number(row, "count_value").expect("exact"),
                table.decimals(row, "share_pct").expect("a share")
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "category 45 (Theft from a Motor Vehicle) 1 33.333",
            "category 8N (Assault with injury) 2 66.667",
            "group theft-offences (Theft offences) 1 33.333",
            "group violence-against-the-person (Violence against the person) 2 66.667",
        ]
    );
}
