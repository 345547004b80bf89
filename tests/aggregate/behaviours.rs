//! What a single table does with a few records, where no published figure shows it.

use partner_feeds::generate::{GeneratedEvent, Generator, GeneratorOptions};

use crate::chain::{Chain, HOUSING, POLICE, REFERENCE, Table, noon, reference_with};

const PLAN: &str = "smp-2017-18";

/// An event of a police system of Kent.
fn police(system: &str, kind: &str, subject: &str, data: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{subject}.1","source":"urn:partner:kent-police:{system}","type":"uk.community-safety.police.{kind}.v1","subject":"{subject}","revision":1,"time":"2019-12-01T00:00:00Z","data":{{{data}}}}}"#
    )
}

/// A crime that began at a time.
fn crime(subject: &str, occurred_from: &str, more: &str) -> String {
    let what = r#""what":{"list":"ho-crime","edition":"2026-04","category":"8N"}"#;
    police(
        "crime",
        "crime",
        subject,
        &format!(r#"{what},"when":{{"occurred_from":"{occurred_from}"}}{more}"#),
    )
}

fn chain(documents: &[String]) -> Chain {
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, documents.iter().map(|document| (0, &**document)));
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
        ("area_code", "all"),
        ("window", window),
    ]
}

#[test]
fn a_share_with_a_factor_is_one_of_those_that_say() {
    let flags = |flags: &str| format!(r#","flags":{{{flags}}}"#);
    let documents = [
        crime(
            "a",
            "2017-05-03",
            &flags(r#""mental_health_victim":true,"mental_health":false"#),
        ),
        crime("b", "2017-05-03", &flags(r#""mental_health":false"#)),
        crime(
            "c",
            "2017-05-03",
            &flags(r#""mental_health_suspect":false,"alcohol":true"#),
        ),
        crime("d", "2017-05-03", &flags(r#""alcohol":true"#)),
    ];
    let factors = of_plan(&chain(&documents), "factors");
    let said = |series| {
        let row = factors.one(&[
            ("series", series),
            ("area_code", "all"),
            ("window", "month:2017-05"),
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
        said("total"),
        (
            "exact 1 1 1".to_owned(),
            Some(2),
            Some(1),
            Some("33.333".to_owned())
        )
    );
    assert_eq!(
        said("substance-misuse"),
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
    let what = r#""what":{"list":"police-uk","edition":"2013-05","category":"drugs"},"when":{"occurred_from":"2017-05"}"#;
    let factors = of_plan(
        &chain(&[police("open-data", "crime", "a", what)]),
        "factors",
    );
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

/// A crime of every month of years, so that the years are whole.
fn one_a_month(years: std::ops::RangeInclusive<i16>) -> impl Iterator<Item = String> {
    years.flat_map(|year| {
        (1..=12).map(move |month| {
            crime(
                &format!("m-{year}-{month}"),
                &format!("{year}-{month:02}"),
                "",
            )
        })
    })
}

#[test]
fn a_person_comes_again_within_twelve_months_also_under_a_new_key() {
    let [old, new] = ["k17", "k18"].map(|key| format!("{key}:0cc175b9c0f1b6a831c399e269772661"));
    let victim = |token: &str| format!(r#","victim":{{"token":"{token}"}}"#);
    let renewed = format!(r#","victim":{{"token":"{new}","token_previous":"{old}"}}"#);
    let documents = [
        crime("a", "2017-01-10", &victim(&old)),
        crime("b", "2017-06-10", &renewed),
        crime("c", "2018-06-10", &victim(&new)),
        crime("d", "2019-06-11", &victim(&new)),
        crime(
            "e",
            "2019-06-11",
            &victim("k18:92eb5ffee6ae2fec3ad71c777531578f"),
        ),
        crime("f", "2019-06-11", ""),
    ];
    let documents: Vec<String> = documents
        .into_iter()
        .chain(one_a_month(2017..=2019))
        .collect();
    let repeats = of_plan(&chain(&documents), "repeats");
    let said = |definition, window| {
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
        said("token-victim", "year:2017"),
        of_year("exact 1 1 1", 2, "50.000"),
        "by the old key"
    );
    assert_eq!(
        said("token-victim", "year:2018"),
        of_year("exact 1 1 1", 1, "100.000"),
        "12 months to the day"
    );
    assert_eq!(
        said("token-victim", "year:2019"),
        of_year("exact 0 0 0", 2, "0.000"),
        "a day more, and another"
    );
    assert_eq!(
        said("token-suspect", "year:2017"),
        ("not_supplied - 0 -".to_owned(), None, None)
    );
    assert_eq!(
        said("flag-repeat-victim", "year:2017"),
        ("not_supplied - 0 -".to_owned(), None, None)
    );
}

#[test]
fn a_place_of_safety_is_told_under_the_law_of_the_day() {
    let detained = |subject: &str, at: &str, place: &str, age: &str| {
        let person = if age.is_empty() {
            String::new()
        } else {
            format!(r#","person":{{"age_band":"{age}"}}"#)
        };
        let data = format!(
            r#""legal_power":"s136","when":{{"occurred_from":"{at}"}},"place_of_safety":"{place}","transport":"ambulance"{person}"#
        );
        police("custody", "detention", subject, &data)
    };
    let documents = [
        detained("a", "2017-12-10T23:59:59Z", "police_station", "16-17"),
        detained("b", "2017-12-11T00:00:00Z", "police_station", "18-24"),
        detained("c", "2017-12-11", "health_based", "16-24"),
        detained("d", "2017-12-11", "health_based", ""),
    ];
    let places = of_plan(&chain(&documents), "place_of_safety");
    let said = places
        .find(&[
            ("area_code", "all"),
            ("window", "month:2017-12"),
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
    let mut said: Vec<String> = said.collect();
    said.sort();
    let expected = [
        "before-2017-12-11 police_station under-18 exact 1 1 1",
        "from-2017-12-11 health_based unknown exact 2 2 2",
        "from-2017-12-11 police_station adult exact 1 1 1",
    ];
    assert_eq!(said, expected);
}

#[test]
fn hours_are_those_of_the_clock_on_the_wall() {
    let documents = [
        crime("a", "2018-07-03T23:10:00Z", ""), // Wednesday, 00:10
        crime("b", "2018-12-04T23:10:00Z", ""), // Tuesday, 23:10
        crime("c", "2018-12-04", ""),
    ];
    let documents: Vec<String> = documents
        .into_iter()
        .chain(one_a_month(2018..=2018))
        .collect();
    let profile = of_plan(&chain(&documents), "profile");
    let year = total("year:2018");
    let rows = profile.find(&year).map(|row| {
        (
            profile.number(row, "weekday"),
            profile.number(row, "hour"),
            profile.block_of(row),
            profile.decimals(row, "index"),
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
        crime("a", "2017-04-03", ""),
        crime("b", "2017-06-03", ""),
        crime("c", "2017-06-03", ""),
    ];
    // 60 days after April are 29 June; a is late.
    let received = [noon("2017-06-30"), noon("2017-07-03"), noon("2017-07-03")];
    chain.commit(
        POLICE,
        0,
        received
            .into_iter()
            .zip(documents.iter().map(String::as_str)),
    );
    let statuses = |as_at| {
        let run = chain
            .aggregate_with(&REFERENCE, &[PLAN], Some(as_at))
            .expect("records");
        let totals = chain.table_of(&run, PLAN, "window_totals");
        let said = |window| {
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
        .map(said)
    };
    let [one, two, none, partial] = [
        "exact 1 1 1",
        "exact 2 2 2",
        "not_supplied - 0 -",
        "partial - 3 -",
    ];
    let said = |april: &str, may: &str, june: &str| {
        [
            format!("{april} {one}"),
            format!("{may} {none}"),
            format!("{june} {two}"),
            format!("{may} {partial}"),
        ]
    };
    assert_eq!(
        statuses("2017-07-30"),
        said("provisional", "not_due", "provisional"),
        "the last day for May"
    );
    assert_eq!(
        statuses("2017-07-31"),
        said("provisional", "overdue", "provisional")
    );
    assert_eq!(
        statuses("2017-08-01"),
        said("final", "overdue", "provisional"),
        "April settled three months on"
    );
    assert_eq!(statuses("2017-10-01"), said("final", "overdue", "final"));
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
            .number(quality.one(&[("window", window)]), "late")
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
    let flagged = r#","flags":{"domestic_abuse":true}"#;
    let documents = [
        crime("a", "2018-03-05", flagged),
        crime("b", "2018-04-05", flagged),
        crime("c", "2018-05-05", ""),
    ];
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, documents.iter().map(|document| (0, &**document)));
    let run = chain
        .aggregate_with(&REFERENCE, &["in-force"], None)
        .expect("records");
    let totals = chain.table_of(&run, "in-force", "window_totals");
    let under = |series, window| -> Vec<(Option<&str>, String)> {
        let texts = [("series", series), ("area_code", "all"), ("window", window)];
        totals
            .find(&texts)
            .map(|row| (totals.text(row, "plan"), totals.block_of(row)))
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
    let priorities = totals.find(&[("window", "year:2018")]).filter(|row| {
        ["priority", "theme", "mapped", "unmapped"]
            .contains(&totals.text(*row, "series_kind").expect("a kind"))
    });
    assert_eq!(priorities.count(), 0);
    let events = chain.table("events/police.parquet");
    let plans: Vec<_> = (0..events.rows())
        .map(|row| events.text(row, "plan").expect("a plan"))
        .collect();
    assert_eq!(plans, ["smp-2017-18", "smp-2018-19", "smp-2018-19"]);
}

#[test]
fn harm_weighs_what_has_a_weight_and_counts_the_rest_beside() {
    let weights =
        "# licence: of nobody\nscheme,code,weight,unit,source\nho-category,8N,184.5,days,a test\n";
    let reference = reference_with(&[("harm/test.csv", weights)]);
    let documents = [
        crime("a", "2017-05-03", ""),
        crime("b", "2017-05-04", ""),
        crime("c", "2017-05-05", "").replace("8N", "92D"),
    ];
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, documents.iter().map(|document| (0, &**document)));
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
    let area = |code: &str, level: &str, vintage: u16, zone: &str| {
        let zone = if zone.is_empty() {
            String::new()
        } else {
            format!(r#","zone":"{zone}""#)
        };
        format!(
            r#","area":{{"code":"{code}","level":"{level}","vintage":{vintage},"role":"incident"{zone}}}"#
        )
    };
    let areas = [
        area("E01024374", "lsoa", 2011, "town-centre"), // tagged by who has the point
        area("E01033090", "lsoa", 2011, ""),
        area("E01034991", "lsoa", 2021, ""),
        area("E01033090", "lsoa", 2011, "a-zone-of-none"),
        area("E01024374", "lsoa", 2011, ""),
        area("E05004996", "ward", 2019, ""),
    ];
    let documents: Vec<String> = areas
        .iter()
        .enumerate()
        .map(|(i, area)| crime(&format!("r-{i}"), "2017-05-03", area))
        .collect();
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
    let mut chain = Chain::new();
    for (topic, documents) in [
        (POLICE, &police),
        ("health.events.v1", &health),
        (HOUSING, &housing),
    ] {
        chain.commit(topic, 0, documents.iter().map(|document| (0, &**document)));
    }
    chain
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
        let said = ["check", "partner", "kind", "area_code", "window"]
            .map(|name| checks.text(row, name).unwrap_or_default());
        let result = checks.text(row, "result").expect("a result");
        // A month without records has no sum to test.
        let is_known = checks.number(row, "right").is_some();
        assert_eq!(
            result,
            if is_known { "pass" } else { "not_tested" },
            "{said:?}"
        );
        tested += usize::from(is_known);
    }
    assert!(tested > 100, "{tested} tested");
}

#[test]
fn a_control_total_of_the_partner_passes_or_fails() {
    let controls = "partner,kind,area,window,value,source\n\
        kent-police,crime,all,month:2017-05,2,a test\n\
        kent-police,crime,E07000110,month:2017-05,2,a test\n\
        kent-police,crime,all,month:2018-05,2,a test\n";
    let reference = reference_with(&[("controls.csv", controls)]);
    let area = r#","area":{"code":"E01024374","level":"lsoa","vintage":2011,"role":"incident"}"#;
    let documents = [crime("a", "2017-05-03", area), crime("b", "2017-05-04", "")];
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, documents.iter().map(|document| (0, &**document)));
    let run = chain
        .aggregate_with(&reference, &[PLAN], None)
        .expect("records");
    let checks = chain.table_of(&run, PLAN, "reconciliation");
    let said = checks.find(&[("check", "control-total")]).map(|row| {
        let number = |name| checks.number(row, name);
        let text = |name| checks.text(row, name).expect("a text");
        (
            text("area_code"),
            text("window"),
            number("left"),
            number("difference"),
            text("result"),
        )
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            ("E07000110", "month:2017-05", Some(1), Some(-1), "fail"),
            ("all", "month:2017-05", Some(2), Some(0), "pass"),
            ("all", "month:2018-05", None, None, "not_tested"),
        ]
    );
}

#[test]
fn a_month_before_figures_begin_is_held_against_none() {
    let documents: Vec<String> = (3..=7)
        .map(|month| crime(&format!("r-{month}"), &format!("2013-{month:02}-10"), ""))
        .collect();
    let quality = of_plan(&chain(&documents), "feed_quality");
    let said = |window| {
        let row = quality.one(&[("window", window)]);
        (
            quality.number(row, "records"),
            quality.double(row, "ratio"),
            quality.text(row, "data_status"),
        )
    };
    assert_eq!(said("month:2013-03"), (Some(1), None, None));
    assert_eq!(said("month:2013-04"), (Some(1), Some(1.0), Some("final")));
}
