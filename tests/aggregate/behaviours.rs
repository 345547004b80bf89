//! What a single table does with a few records, where no published figure shows it.

use partner_feeds::generate::{GeneratedEvent, Generator, GeneratorOptions};
use serde_json::json;

use crate::chain::{Chain, HOUSING, POLICE, REFERENCE, Table, noon, reference_with};
use crate::kit::events::{EventBuilder, crime, detention, published_crime};

const PLAN: &str = "smp-2017-18";

fn chain(documents: &[EventBuilder]) -> Chain {
    let chain = Chain::with(POLICE, documents);
    chain.aggregate(PLAN).expect("records");
    chain
}

fn of_plan(chain: &Chain, table: &str) -> Table {
    chain.table(&format!("aggregates/{PLAN}/{table}.parquet"))
}

/// The total of all areas in a window.
fn total(window: &str) -> [(&str, &str); 3] {
    [
        ("series", "total"),
        ("area_code", "all-received"),
        ("window_id", window),
    ]
}

#[test]
fn a_share_with_a_factor_is_one_of_those_that_say() {
    let documents = [
        crime("a")
            .flag("mental_health_victim", true)
            .flag("mental_health", false),
        crime("b").flag("mental_health", false),
        crime("c")
            .flag("mental_health_suspect", false)
            .flag("alcohol", true),
        crime("d").flag("alcohol", true),
    ];
    let factors = of_plan(&chain(&documents), "factors");
    let found = |series| {
        let row = factors.one(&[
            ("series", series),
            ("area_code", "all-received"),
            ("window_id", "month:2017-05"),
            ("factor", "mental-health"),
        ]);
        let [without, unknown] =
            ["count_without", "count_unknown"].map(|name| factors.number(row, name));
        (
            factors.block_of(row),
            without,
            unknown,
            factors.decimals(row, "share_of_known_pct"),
        )
    };
    assert_eq!(
        found("total"),
        (
            "exact 1 1 1".to_owned(),
            Some(2),
            Some(1),
            Some("33.333".to_owned())
        )
    );
    assert_eq!(
        found("substance-misuse"),
        (
            "exact 0 0 0".to_owned(),
            Some(1),
            Some(1),
            Some("0.000".to_owned())
        )
    );
}

#[test]
fn a_factor_that_a_feed_cannot_show_is_not_supplied() {
    let factors = of_plan(&chain(&[published_crime("a", "2017-05")]), "factors");
    let row = factors.one(&total("month:2017-05"));
    assert_eq!(
        (
            factors.block_of(row).as_str(),
            factors.number(row, "count_without")
        ),
        ("not_supplied - 0 -", None)
    );
    assert_eq!(factors.double(row, "share_of_known_pct"), None);
}

/// A crime of every month of years, so that the years are complete.
fn one_a_month(years: std::ops::RangeInclusive<i16>) -> impl Iterator<Item = EventBuilder> {
    years.flat_map(|year| {
        (1..=12).map(move |month| {
            crime(&format!("m-{year}-{month}")).occurred(&format!("{year}-{month:02}"))
        })
    })
}

#[test]
fn a_person_repeats_within_twelve_months_also_under_a_new_key() {
    let [old, new] = ["k17", "k18"].map(|key| format!("{key}:0cc175b9c0f1b6a831c399e269772661"));
    let other = "k18:92eb5ffee6ae2fec3ad71c777531578f";
    let mut documents = vec![
        crime("a").occurred("2017-01-10").victim(&old),
        crime("b")
            .occurred("2017-06-10")
            .put("victim", json!({ "token": new, "token_previous": old })),
        crime("c").occurred("2018-06-10").victim(&new),
        crime("d").occurred("2019-06-11").victim(&new),
        crime("e").occurred("2019-06-11").victim(other),
        crime("f").occurred("2019-06-11"),
    ];
    documents.extend(one_a_month(2016..=2019));
    let repeats = of_plan(&chain(&documents), "repeats");
    let found = |definition, window| {
        let [series, area, window] = total(window);
        let row = repeats.one(&[series, area, window, ("definition", definition)]);
        (
            repeats.block_of(row),
            repeats.number(row, "cases"),
            repeats.decimals(row, "repeat_pct"),
        )
    };
    let of_year = |count: &str, cases, percent: &str| {
        (count.to_owned(), Some(cases), Some(percent.to_owned()))
    };
    assert_eq!(
        found("token-victim", "year:2017"),
        of_year("exact 1 1 1", 2, "50.000"),
        "by the old key"
    );
    assert_eq!(
        found("token-victim", "year:2018"),
        of_year("exact 1 1 1", 1, "100.000"),
        "12 months to the day"
    );
    assert_eq!(
        found("token-victim", "year:2019"),
        of_year("exact 0 0 0", 2, "0.000"),
        "a day more, and another"
    );
    assert_eq!(
        found("token-suspect", "year:2017"),
        ("not_supplied - 0 -".to_owned(), None, None)
    );
    assert_eq!(
        found("flag-repeat-victim", "year:2017"),
        ("not_supplied - 0 -".to_owned(), None, None)
    );
}

#[test]
fn repeats_by_token_are_a_lower_bound_unless_the_year_before_can_show_them() {
    let token = "k17:0cc175b9c0f1b6a831c399e269772661";
    let found = |documents: Vec<EventBuilder>| {
        let repeats = of_plan(&chain(&documents), "repeats");
        [2016, 2017, 2018].map(|year| {
            let year = format!("year:{year}");
            let [series, area, window] = total(&year);
            let row = repeats.one(&[series, area, window, ("definition", "token-victim")]);
            let reason = repeats.text(row, "count_reason").map(str::to_owned);
            (repeats.block_of(row), reason)
        })
    };
    let row = |block: &str, reason: Option<&str>| (block.to_owned(), reason.map(str::to_owned));
    let of_person = ["2016-02-01", "2017-02-01", "2018-02-01"];
    let of_person = of_person.map(|day| crime(day).occurred(day).victim(token));
    let every_month: Vec<_> = one_a_month(2016..=2018).chain(of_person).collect();
    let exact = row("exact 1 1 1", None);
    let not_received = Some("not_received");
    assert_eq!(
        found(every_month.clone()),
        [
            row("partial - 0 -", not_received),
            exact.clone(),
            exact.clone()
        ],
        "no records before the first year"
    );
    let mut one_missing = every_month.clone();
    one_missing.remove(10);
    assert_eq!(
        found(one_missing),
        [
            row("partial - 0 -", not_received),
            row("partial - 1 -", not_received),
            exact.clone()
        ],
        "a month of 2016 without records"
    );
    let mut without_tokens = every_month;
    without_tokens.push(published_crime("z", "2016-05"));
    assert_eq!(
        found(without_tokens),
        [
            row("partial - 0 -", Some("cannot_show")),
            row("partial - 1 -", Some("cannot_show")),
            exact
        ],
        "a source that sends no tokens, in a month of 2016"
    );
}

#[test]
fn a_place_of_safety_is_counted_under_the_law_of_the_day() {
    let documents = [
        detention("a", "police_station")
            .occurred("2017-12-10T23:59:59Z")
            .put("person", json!({ "age_band": "16-17" })),
        detention("b", "police_station")
            .occurred("2017-12-11T00:00:00Z")
            .put("person", json!({ "age_band": "18-24" })),
        detention("c", "health_based")
            .occurred("2017-12-11")
            .put("person", json!({ "age_band": "16-24" })),
        detention("d", "health_based").occurred("2017-12-11"),
    ];
    let places = of_plan(&chain(&documents), "place_of_safety");
    let found = places
        .find(&[
            ("area_code", "all-received"),
            ("window_id", "month:2017-12"),
            ("legal_power", "s136"),
            ("transport", "ambulance"),
        ])
        .map(|row| {
            let text = |name| places.text(row, name).expect("a text");
            format!(
                "{} {} {} {}",
                text("regime"),
                text("place_of_safety"),
                text("age_group"),
                places.block_of(row)
            )
        });
    let mut found: Vec<String> = found.collect();
    found.sort();
    let expected = [
        "before-2017-12-11 police_station under-18 exact 1 1 1",
        "from-2017-12-11 health_based unknown exact 2 2 2",
        "from-2017-12-11 police_station adult exact 1 1 1",
    ];
    assert_eq!(found, expected);
}

#[test]
fn hours_are_those_of_the_clock_on_the_wall() {
    let mut documents = vec![
        crime("a").occurred("2018-07-03T23:10:00Z"), // Wednesday, 00:10
        crime("b").occurred("2018-12-04T23:10:00Z"), // Tuesday, 23:10
        crime("c").occurred("2018-12-04"),
    ];
    documents.extend(one_a_month(2018..=2018));
    let profile = of_plan(&chain(&documents), "profile");
    let year = total("year:2018");
    let rows = profile.find(&year).map(|row| {
        (
            profile.number(row, "weekday"),
            profile.number(row, "hour"),
            profile.block_of(row),
            profile.decimals(row, "times_mean"),
        )
    });
    let one = || "exact 1 1 1".to_owned();
    let half_of_what_is_known = || Some("84.000".to_owned());
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            (None, None, "exact 12 12 12".to_owned(), None),
            (Some(2), None, one(), None),
            (Some(2), Some(23), one(), half_of_what_is_known()),
            (Some(3), Some(0), one(), half_of_what_is_known()),
        ]
    );
}

/// Crimes of April and June, received early in July; those of May never came.
#[test]
fn a_month_is_not_due_then_overdue_and_provisional_then_final() {
    let mut chain = Chain::new();
    let documents = [
        crime("a").occurred("2017-04-03"),
        crime("b").occurred("2017-06-03"),
        crime("c").occurred("2017-06-03"),
    ];
    // 60 days after April are 29 June; a is late.
    let received = [noon("2017-06-30"), noon("2017-07-03"), noon("2017-07-03")];
    chain.commit(POLICE, 0, received.into_iter().zip(documents));
    let statuses = |as_at| {
        let run = chain
            .aggregate_with(&REFERENCE, &[PLAN], Some(as_at))
            .expect("records");
        let totals = chain.table_of(&run, PLAN, "window_totals");
        let found = |window| {
            let row = totals.one(&total(window));
            format!(
                "{} {}",
                totals.text(row, "data_status").expect("a status"),
                totals.block_of(row)
            )
        };
        [
            "month:2017-04",
            "month:2017-05",
            "month:2017-06",
            "quarter:2017-q2",
        ]
        .map(found)
    };
    let [one, two, none, partial] = [
        "exact 1 1 1",
        "exact 2 2 2",
        "not_supplied - 0 -",
        "partial - 3 -",
    ];
    let found = |april: &str, may: &str, june: &str| {
        [
            format!("{april} {one}"),
            format!("{may} {none}"),
            format!("{june} {two}"),
            format!("{may} {partial}"),
        ]
    };
    assert_eq!(
        statuses("2017-07-30"),
        found("provisional", "not_due", "provisional"),
        "the last day for May"
    );
    assert_eq!(
        statuses("2017-07-31"),
        found("provisional", "overdue", "provisional")
    );
    assert_eq!(
        statuses("2017-08-01"),
        found("final", "overdue", "provisional"),
        "April settled three months on"
    );
    assert_eq!(statuses("2017-10-01"), found("final", "overdue", "final"));
    let run = chain
        .aggregate_with(&REFERENCE, &[PLAN], Some("2017-07-31"))
        .expect("records");
    assert!(
        run.written
            .iter()
            .all(|file| file.path.starts_with("as-at/2017-07-31T225959.999999Z/")),
        "{:?}",
        run.written[0]
    );
    let quality = chain.table_of(&run, PLAN, "feed_quality");
    let late = |window| {
        quality
            .number(quality.one(&[("window_id", window)]), "late")
            .expect("a number")
    };
    assert_eq!([late("month:2017-04"), late("month:2017-06")], [1, 0]);
    assert_eq!(
        chain
            .aggregate_with(&REFERENCE, &[PLAN], Some("2017-06-29"))
            .map(|run| run.records),
        Some(0)
    );
}

#[test]
fn each_month_is_under_the_plan_in_force_and_windows_across_plans_have_totals_only() {
    let documents = [
        crime("a")
            .occurred("2018-03-05")
            .flag("domestic_abuse", true),
        crime("b")
            .occurred("2018-04-05")
            .flag("domestic_abuse", true),
        crime("c").occurred("2018-05-05"),
    ];
    let chain = Chain::with(POLICE, &documents);
    let run = chain
        .aggregate_with(&REFERENCE, &["in-force"], None)
        .expect("records");
    let totals = chain.table_of(&run, "in-force", "window_totals");
    let under = |series, window| -> Vec<(Option<&str>, String)> {
        let texts = [
            ("series", series),
            ("area_code", "all-received"),
            ("window_id", window),
        ];
        totals
            .find(&texts)
            .map(|row| (totals.text(row, "plan_id"), totals.block_of(row)))
            .collect()
    };
    let one = |plan, count: &str| vec![(plan, count.to_owned())];
    assert_eq!(
        under("domestic-abuse-violent-crime", "month:2018-03"),
        one(Some("smp-2017-18"), "exact 1 1 1")
    );
    assert_eq!(under("domestic-abuse-violent-crime", "month:2018-04"), []);
    assert_eq!(
        under("domestic-abuse", "month:2018-04"),
        one(Some("smp-2018-19"), "exact 1 1 1")
    );
    assert_eq!(
        under("domestic-abuse", "quarter:2018-q2"),
        under("domestic-abuse", "month:2018-04")
            .iter()
            .map(|(plan, _)| (*plan, "partial - 1 -".to_owned()))
            .collect::<Vec<_>>()
    );
    assert_eq!(under("total", "year:2018"), one(None, "partial - 3 -"));
    let priorities = totals.find(&[("window_id", "year:2018")]).filter(|row| {
        ["priority", "theme", "mapped", "unmapped"]
            .contains(&totals.text(*row, "series_kind").expect("a kind"))
    });
    assert_eq!(priorities.count(), 0);
    let events = chain.table("events/police.parquet");
    let plans: Vec<_> = (0..events.rows())
        .map(|row| events.text(row, "plan_id").expect("a plan"))
        .collect();
    assert_eq!(plans, ["smp-2017-18", "smp-2018-19", "smp-2018-19"]);
}

#[test]
fn harm_weighs_what_has_a_weight_and_counts_the_rest_beside() {
    let weights =
        "# licence: of nobody\nscheme,code,weight,unit,source\nho-category,8N,184.5,days,a test\n";
    let reference = reference_with(&[("harm/test.csv", weights)]);
    let documents = [
        crime("a"),
        crime("b").occurred("2017-05-04"),
        crime("c").occurred("2017-05-05").category("92D"),
    ];
    let chain = Chain::with(POLICE, &documents);
    let run = chain
        .aggregate_with(&reference, &[PLAN], None)
        .expect("records");
    let totals = chain.table_of(&run, PLAN, "window_totals");
    let row = totals.one(&total("month:2017-05"));
    assert_eq!(
        (
            totals.double(row, "harm"),
            totals.number(row, "harm_unweighted")
        ),
        (Some(369.0), Some(1))
    );
    assert_eq!(totals.text(row, "harm_set"), Some("test"));
    let without = of_plan(&self::chain(&documents), "window_totals");
    let row = without.one(&total("month:2017-05"));
    assert_eq!(
        (without.double(row, "harm"), without.text(row, "harm_set")),
        (None, None),
        "no weights are built in"
    );
}

#[test]
fn a_place_is_known_by_its_zone_or_its_lsoas() {
    let tagged = |subject: &str, code: &str, zone: &str| {
        let area = json!({
            "code": code, "level": "lsoa", "vintage": 2011, "role": "incident", "zone": zone,
        });
        crime(subject).put("area", area)
    };
    let documents = [
        tagged("r-0", "E01024374", "town-centre"), // by the partner, who has the point
        crime("r-1").lsoa("E01033090"),
        crime("r-2").area_of("E01034991", "lsoa", 2021),
        tagged("r-3", "E01033090", "a-zone-of-none"),
        crime("r-4").lsoa("E01024374"),
        crime("r-5").area_of("E05004996", "ward", 2019),
    ];
    let priority = of_plan(&chain(&documents), "priority_monthly");
    let count = |code| {
        priority.count(&[
            ("series", "total"),
            ("area_level", "place"),
            ("area_code", code),
        ])
    };
    assert_eq!(
        ["town-centre", "outside", "unplaced", "no-location"].map(count),
        [4, 1, 1, 0]
    );
}

/// A chain of generated events, one partition per feed.
pub(crate) fn chain_of_generated_events(events: u64) -> Chain {
    let mut chain = Chain::new();
    for (topic, documents) in generated_events(events) {
        chain.commit(topic, 0, documents.iter().map(|document| (0, &**document)));
    }
    chain
}

/// Generated events of each topic.
pub(crate) fn generated_events(events: u64) -> [(&'static str, Vec<String>); 3] {
    let mut generator = Generator::new(
        11,
        GeneratorOptions {
            events,
            ..GeneratorOptions::default()
        },
    );
    let (mut police, mut health, mut housing) = (Vec::new(), Vec::new(), Vec::new());
    let mut document = GeneratedEvent::new();
    while generator.write_next(&mut document) {
        let text = String::from_utf8(document.bytes.clone()).expect("UTF-8");
        match document.feed.as_str() {
            "police" => police.push(text),
            "health" => health.push(text),
            _ => housing.push(text),
        }
    }
    [
        (POLICE, police),
        ("health.events.v1", health),
        (HOUSING, housing),
    ]
}

#[test]
fn all_checks_of_generated_events_pass() {
    let windows = "format = 1\nfirst_month = \"2017-10\"\n";
    let reference = reference_with(&[("windows.toml", windows)]);
    let chain = chain_of_generated_events(1_500);
    let run = chain
        .aggregate_with(&reference, &[PLAN], None)
        .expect("records");
    let checks = chain.table_of(&run, PLAN, "reconciliation");
    let mut tested = 0;
    for row in 0..checks.rows() {
        let found = ["check_id", "partner", "kind", "area_code", "window_id"]
            .map(|name| checks.text(row, name).unwrap_or_default());
        let result = checks.text(row, "result").expect("a result");
        // A month without records has no sum to test.
        let is_known = checks.number(row, "expected").is_some();
        assert_eq!(
            result,
            if is_known { "pass" } else { "not_tested" },
            "{found:?}"
        );
        tested += usize::from(is_known);
    }
    assert!(tested > 100, "{tested} tested");
}

#[test]
fn a_control_total_of_the_partner_passes_or_fails() {
    let controls = "partner,kind,area,window,value,source\n\
        kent-police,crime,all-received,month:2017-05,2,a test\n\
        kent-police,crime,E07000110,month:2017-05,2,a test\n\
        kent-police,crime,all-received,month:2018-05,2,a test\n";
    let reference = reference_with(&[("controls.csv", controls)]);
    let documents = [
        crime("a").lsoa("E01024374"),
        crime("b").occurred("2017-05-04"),
    ];
    let chain = Chain::with(POLICE, &documents);
    let run = chain
        .aggregate_with(&reference, &[PLAN], None)
        .expect("records");
    let checks = chain.table_of(&run, PLAN, "reconciliation");
    let found = checks.find(&[("check_id", "control-total")]).map(|row| {
        let number = |name| checks.number(row, name);
        let text = |name| checks.text(row, name).expect("a text");
        (
            text("area_code"),
            text("window_id"),
            number("counted"),
            number("difference"),
            text("result"),
        )
    });
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            ("E07000110", "month:2017-05", Some(1), Some(-1), "fail"),
            ("all-received", "month:2017-05", Some(2), Some(0), "pass"),
            ("all-received", "month:2018-05", None, None, "not_tested"),
        ]
    );
}

#[test]
fn a_month_before_figures_begin_is_compared_with_none() {
    let documents: Vec<EventBuilder> = (3..=7)
        .map(|month| crime(&format!("r-{month}")).occurred(&format!("2013-{month:02}-10")))
        .collect();
    let quality = of_plan(&chain(&documents), "feed_quality");
    let found = |window| {
        let row = quality.one(&[("window_id", window)]);
        (
            quality.number(row, "records"),
            quality.double(row, "ratio"),
            quality.text(row, "data_status"),
        )
    };
    assert_eq!(found("month:2013-03"), (Some(1), None, None));
    assert_eq!(found("month:2013-04"), (Some(1), Some(1.0), Some("final")));
}
