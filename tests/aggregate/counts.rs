//! Totals that a partner sent, in tables: the published figures of statutory homelessness, and a
//! briefing that does not add up.

use std::sync::LazyLock;

use crate::chain::{Chain, HOUSING, POLICE, REFERENCE, Table, noon, reference_with};
use crate::hclic::published;
use crate::kit::events::{EventBuilder, housing_count, police_count};
use crate::published::say;
use partner_feeds::files::TextFiles;

const PLAN: &str = "smp-2017-18";
const MAIDSTONE: &str = "E07000110";
/// Cells of Kent, Medway and the City of London, for where the published files are not at hand.
const EXTRACT: &str = include_str!("hclic.csv");

struct Counts {
    totals: Table,
    change: Table,
    spc: Table,
    events: Table,
}

static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
    let documents = documents();
    let mut chain = Chain::new();
    chain.commit(
        HOUSING,
        0,
        documents
            .iter()
            .map(|document| (noon("2026-04-15"), &**document)),
    );
    let run = chain.aggregate(PLAN).expect("records");
    let [totals, change, spc] =
        ["window_totals", "change", "spc"].map(|table| chain.table_of(&run, PLAN, table));
    Counts {
        totals,
        change,
        spc,
        events: chain.table("events/housing.parquet"),
    }
});

/// The events of Kent, Medway and the City of London, imported, or written from the extract.
fn documents() -> Vec<String> {
    let Some(events) = published() else {
        say("totals of homelessness: made of the extract");
        return EXTRACT
            .lines()
            .enumerate()
            .filter(|(_, line)| line.starts_with('A'))
            .map(|line| made(line).to_string())
            .collect();
    };
    let is_here = |area: &str| area == "E09000001" || kent().any(|district| district == area);
    events
        .filter(|event| is_here(event["data"]["area"]["code"].as_str().unwrap_or_default()))
        .map(ToString::to_string)
        .collect()
}

/// Medway and the twelve districts.
fn kent() -> impl Iterator<Item = String> {
    (105..=116)
        .map(|district| format!("E07000{district}"))
        .chain(["E06000035".to_owned()])
}

/// The event of a line of the extract, known by its number.
fn made((number, line): (usize, &str)) -> EventBuilder {
    let [table, quarter, authority, category, value] = line.split(',').collect::<Vec<_>>()[..]
    else {
        panic!("five fields: {line}")
    };
    let list = if table == "A1" {
        "hclic-assessment"
    } else {
        "hclic-need"
    };
    let edition = if quarter < "202307" {
        "2018-04"
    } else {
        "2023-07"
    };
    let unit = if category.starts_with("total-number-of-support-needs") {
        "other"
    } else {
        "households"
    };
    let (year, end) = (&quarter[..4], quarter[4..].parse::<u8>().expect("a month"));
    let (first, days) = (end - 2, if end == 6 || end == 9 { 30 } else { 31 });
    let count = housing_count(
        "mhclg:hclic",
        &format!("{table}.{quarter}.{authority}.{number}"),
    )
    .revision(202_604)
    .what(list, edition, category)
    .period(
        &format!("{year}-{first:02}-01"),
        &format!("{year}-{end:02}-{days}"),
    )
    .area_as("service", authority, "district")
    .unit(unit);
    let parse = |number: &str| number.parse::<i64>().expect("a number");
    match (value, value.split_once('-')) {
        ("..", _) => count.not_supplied(),
        (_, Some((low, ""))) => count.suppressed(parse(low), None),
        (_, Some((low, high))) => count.suppressed(parse(low), Some(parse(high))),
        (value, None) => count.exact(parse(value)),
    }
}

/// The extract contains what is published, where that is at hand.
#[test]
fn the_extract_is_what_is_published() {
    let Some(events) = published() else { return };
    let of_cell = |event: &serde_json::Value| {
        let data = &event["data"];
        let subject: Vec<&str> = event["subject"]
            .as_str()
            .expect("a subject")
            .split('.')
            .take(3)
            .collect();
        let number = |name: &str| {
            data[name]
                .as_i64()
                .map_or_else(String::new, |number| number.to_string())
        };
        let value = match data["status"].as_str().expect("a status") {
            "exact" => number("value"),
            "not_supplied" => "..".to_owned(),
            _ => format!("{}-{}", number("at_least"), number("at_most")),
        };
        format!(
            "{},{},{value}",
            subject.join(","),
            data["what"]["category"].as_str().expect("a category")
        )
    };
    let cells: std::collections::HashSet<String> = events.map(of_cell).collect();
    for line in EXTRACT.lines().filter(|line| line.starts_with('A')) {
        assert!(cells.contains(line), "{line}");
    }
}

fn cell<'a>(
    kind: &'a str,
    series: &'a str,
    area: &'a str,
    window: &'a str,
) -> [(&'a str, &'a str); 4] {
    [
        ("kind", kind),
        ("series", series),
        ("area_code", area),
        ("window_id", window),
    ]
}

const ASSESSMENT: &str = "count:hclic-assessment";
const NEED: &str = "count:hclic-need";

#[test]
fn assessments_are_those_owed_a_duty_and_the_others() {
    let totals = &COUNTS.totals;
    let found = |window, all: &[&str]| -> Vec<i64> {
        all.iter()
            .map(|series| totals.count(&cell(ASSESSMENT, series, MAIDSTONE, window)))
            .collect()
    };
    let parts = ["total", "owed", "not-homeless"];
    assert_eq!(found("quarter:2018-q2", &parts), [253, 224, 29]);
    assert_eq!(found("quarter:2019-q2", &parts), [298, 246, 52]);
    assert_eq!(found("quarter:2023-q2", &parts), [296, 271, 25]);
    let parts = ["total", "owed", "not-homeless", "withdrew", "not-eligible"];
    assert_eq!(found("quarter:2023-q3", &parts), [626, 261, 26, 302, 37]);
    assert_eq!(found("quarter:2023-q4", &parts), [380, 265, 38, 68, 9]);
    // No rule of the plan asks after assessments: all of them are under none.
    let of = |series| totals.block(&cell(ASSESSMENT, series, MAIDSTONE, "quarter:2018-q2"));
    assert_eq!(
        (of("mapped"), of("unmapped")),
        ("exact 0 0 0".to_owned(), "exact 253 253 253".to_owned())
    );
    assert_eq!(of("mental-health"), "not_supplied - 0 -");
}

#[test]
fn a_total_that_crosses_a_break_is_not_comparable() {
    let change = &COUNTS.change;
    let found = |series| {
        let [kind, series, area, window] = cell(ASSESSMENT, series, MAIDSTONE, "quarter:2023-q3");
        let row = change.one(&[kind, series, area, window, ("baseline", "prior")]);
        let percent = change
            .double(row, "difference_pct")
            .map(|percent| format!("{percent:.1}"));
        let number = |name| change.number(row, name).expect("a number");
        assert_eq!(
            (change.truth(row, "comparable"), change.text(row, "breaks")),
            (Some(false), Some("hclic-2023"))
        );
        (
            number("count_value"),
            number("base_min"),
            percent.expect("a change"),
        )
    };
    assert_eq!(found("total"), (626, 296, "111.5".to_owned()));
    assert_eq!(found("owed"), (261, 271, "-3.7".to_owned()));
}

#[test]
fn a_set_of_which_a_district_sent_nothing_is_known_from_below() {
    let totals = &COUNTS.totals;
    let total = |set, window| totals.block(&cell(ASSESSMENT, "total", set, window));
    assert_eq!(
        total("kent-12", "quarter:2023-q2"),
        "partial - 1501 -",
        "Canterbury did not supply"
    );
    assert_eq!(total("kent-12", "quarter:2018-q2"), "exact 1931 1931 1931");
    assert_eq!(total("kent-13", "quarter:2018-q2"), "exact 2402 2402 2402");
    assert_eq!(total("kent-12", "quarter:2023-q3"), "exact 4169 4169 4169");
    assert_eq!(total("kent-13", "quarter:2023-q3"), "exact 5238 5238 5238");
    // For the other quarters only Maidstone sent figures: they are not those of the county.
    let maidstone = totals.count(&cell(ASSESSMENT, "total", MAIDSTONE, "quarter:2019-q2"));
    assert_eq!(
        (maidstone, total("kent-12", "quarter:2019-q2").as_str()),
        (298, "partial - 298 -")
    );
}

#[test]
fn a_rate_has_exact_households_and_a_rank_that_allows_for_missing_areas() {
    let totals = &COUNTS.totals;
    let prevention = |window, area| totals.one(&cell(ASSESSMENT, "prevention", area, window));
    let row = prevention("quarter:2023-q2", MAIDSTONE);
    assert_eq!(
        (
            totals.number(row, "count_value"),
            totals.number(row, "population")
        ),
        (Some(147), Some(73_579))
    );
    assert_eq!(totals.text(row, "population_unit"), Some("households"));
    let rate = totals.double(row, "rate_per_1000").expect("a rate");
    assert!((rate - 1.997_852_648_174_07).abs() < 1e-9, "{rate}");
    let ranks = |row| {
        ["rank_min", "rank_max", "rank_of"].map(|name| totals.number(row, name).expect("a rank"))
    };
    assert_eq!(ranks(row), [1, 2, 11]);
    assert_eq!(ranks(prevention("quarter:2023-q3", MAIDSTONE)), [3, 3, 12]);
    let canterbury = prevention("quarter:2023-q2", "E07000106");
    assert_eq!(
        (
            totals.block_of(canterbury).as_str(),
            totals.number(canterbury, "rank_min")
        ),
        ("not_supplied - 0 -", None)
    );
    assert_eq!(totals.double(canterbury, "rate_per_1000"), None);
}

#[test]
fn needs_that_a_household_may_have_together_lie_between_the_largest_and_the_sum() {
    let totals = &COUNTS.totals;
    let found = |series| totals.block(&cell(NEED, series, MAIDSTONE, "quarter:2018-q2"));
    assert_eq!(found("substance-misuse"), "interval - 13 21");
    assert_eq!(
        found("total"),
        "exact 224 224 224",
        "with none, with unknown and with some: 92 + 0 + 132"
    );
    let share = |series| {
        totals.double(
            totals.one(&cell(NEED, series, MAIDSTONE, "quarter:2018-q2")),
            "share_pct",
        )
    };
    assert_eq!(
        (
            found("mental-health").as_str(),
            share("mental-health").map(|s| format!("{s:.1}"))
        ),
        ("exact 78 78 78", Some("34.8".to_owned()))
    );
    assert_eq!(
        share("substance-misuse"),
        None,
        "what is not exact has no share"
    );
    // What is mapped are those with needs at most, 132, though the needs of the rules sum to more.
    assert_eq!(
        (found("mapped").as_str(), found("unmapped").as_str()),
        ("interval - 78 132", "interval - 92 146")
    );
    assert_eq!(found("total-number-of-support-needs"), "exact 349 349 349");
    assert_eq!(
        found("organised-crime"),
        "not_supplied - 0 -",
        "that edition has no code for modern slavery"
    );
}

#[test]
fn what_a_partner_withheld_keeps_the_bounds_it_prints() {
    let events = &COUNTS.events;
    let rows = events.find(&[
        ("area_code", "E09000001"),
        ("what_list", "hclic-need"),
        ("status", "suppressed"),
        ("month", "2018-04-01"),
    ]);
    let mut bounds: Vec<_> = rows
        .map(|row| {
            (
                events.number32(row, "at_least"),
                events.number32(row, "at_most"),
            )
        })
        .collect();
    bounds.sort_unstable();
    let mut expected = vec![(Some(0), Some(4)); 20];
    expected.push((Some(4), None));
    assert_eq!(bounds, expected);
    // The City is outside Kent: its needs are counted there, within the same bounds.
    let found = |series| {
        COUNTS.totals.block(&[
            ("kind", NEED),
            ("series", series),
            ("area_code", "outside"),
            ("area_level", "district"),
            ("window_id", "quarter:2018-q2"),
        ])
    };
    assert_eq!(found("drug-dependency-needs"), "interval - 0 4");
    assert_eq!(found("total-number-of-support-needs"), "interval - 4 -");
    assert_eq!(found("total"), "exact 5 5 5");
}

#[test]
fn a_total_names_its_unit_and_the_return_it_comes_from() {
    let totals = &COUNTS.totals;
    let row = totals.find(&[("kind", NEED), ("series", "total")]).next();
    let row = row.expect("a row");
    assert_eq!(
        (totals.text(row, "unit"), totals.text(row, "collection")),
        (Some("households"), Some("h-clic"))
    );
}

/// Window, signal and segment of every point of a chart that says something, and the limits of a
/// window.
fn chart(series: &str, limits_of: &str) -> (Vec<String>, [Option<String>; 3]) {
    let spc = &COUNTS.spc;
    let texts = [
        ("kind", ASSESSMENT),
        ("series", series),
        ("area_code", MAIDSTONE),
    ];
    let found = spc
        .find(&texts)
        .filter(|row| spc.text(*row, "signal") != Some("none"))
        .map(|row| {
            let text = |name| spc.text(row, name).expect("a text");
            let number = |name| spc.number(row, name).expect("a number");
            format!(
                "{} {} {} of {}",
                text("window_id"),
                text("signal"),
                number("segment"),
                number("points")
            )
        });
    let row = spc.one(&cell(ASSESSMENT, series, MAIDSTONE, limits_of));
    (
        found.collect(),
        ["centre", "lower", "upper"].map(|name| spc.decimals(row, name)),
    )
}

#[test]
fn charts_of_homelessness_are_based_anew_at_the_break() {
    // After the break there are ten quarters where the long table is at hand, in the extract too.
    let after: Vec<String> = [
        "2023-q3", "2023-q4", "2024-q1", "2024-q2", "2024-q3", "2024-q4", "2025-q1", "2025-q2",
        "2025-q3", "2025-q4",
    ]
    .map(|quarter| format!("quarter:{quarter} insufficient 3 of 10"))
    .into();
    let limits = |all: [&str; 3]| all.map(|limit| Some(limit.to_owned()));
    let with = |first: &[&str]| {
        first
            .iter()
            .map(|found| (*found).to_owned())
            .chain(after.clone())
            .collect::<Vec<_>>()
    };
    let (found, of) = chart("owed", "quarter:2018-q2");
    assert_eq!(of, limits(["235.571", "165.746", "305.396"]));
    assert_eq!(found, with(&["quarter:2022-q1 run 2 of 21"]));
    let (found, of) = chart("total", "quarter:2023-q2");
    assert_eq!(of, limits(["283.524", "209.443", "357.605"]));
    assert_eq!(
        found,
        with(&[
            "quarter:2021-q1 run 2 of 21",
            "quarter:2021-q2 below 2 of 21"
        ])
    );
    let (_, none) = chart("total", "quarter:2023-q3");
    assert_eq!(none, [None, None, None]);
}

// A briefing whose parts do not add up to its total

/// The total, its parts and sexual offences of a quarter, and of the two complete years.
const BRIEFING: [(&str, &str, &str, i64); 10] = [
    ("2013-04-01", "2013-06-30", "all-crime", 2_172),
    ("2013-04-01", "2013-06-30", "victim-based", 1_920),
    ("2013-04-01", "2013-06-30", "other-crimes", 207),
    ("2014-04-01", "2014-06-30", "all-crime", 2_357),
    ("2014-04-01", "2014-06-30", "victim-based", 2_064),
    ("2014-04-01", "2014-06-30", "other-crimes", 245),
    ("2013-04-01", "2014-03-31", "all-crime", 21_376),
    ("2014-04-01", "2015-03-31", "all-crime", 24_048),
    ("2013-04-01", "2013-06-30", "sexual-offences", 32),
    ("2014-04-01", "2014-06-30", "sexual-offences", 57),
];

const BRIEFING_LIST: &str = "# What a briefing counts.
# source: a briefing of April to June 2014
# licence: none
# exclusive: yes
# totals: all-crime
code
all-crime
victim-based
other-crimes
";

/// A count of the briefing, without its value.
fn briefed(from: &str, to: &str, category: &str, area: &str) -> EventBuilder {
    let list = if category == "sexual-offences" {
        "briefing-offence"
    } else {
        "briefing"
    };
    police_count(&format!("{category}.{area}.{from}.{to}"))
        .what(list, "2014", category)
        .period(from, to)
        .area(area, "district")
}

#[test]
#[expect(
    clippy::many_single_char_names,
    reason = "five areas that differ in nothing else"
)]
fn an_area_that_is_not_exact_widens_the_ranks_of_the_others() {
    // Without the residents of one district all rank by count.
    let files = TextFiles::built_in();
    let populations = files.text("geography/populations.csv").expect("built in");
    let lines = populations.lines();
    let lines: Vec<&str> = lines
        .filter(|line| !line.starts_with("E07000114,2019,persons"))
        .collect();
    let reference = reference_with(&[
        ("codes/briefing.csv", BRIEFING_LIST),
        ("geography/populations.csv", &lines.join("\n")),
    ]);
    let areas = [
        MAIDSTONE,
        "E07000105",
        "E07000106",
        "E07000107",
        "E07000108",
    ];
    let [a, b, c, d, e] = areas.map(|area| briefed("2014-04-01", "2014-06-30", "all-crime", area));
    let documents = [
        a.exact(10),
        b.suppressed(5, Some(12)),
        c.exact(6),
        d.exact(6),
        e.exact(2),
    ];
    let chain = Chain::with(POLICE, &documents);
    let run = chain
        .aggregate_with(&reference, &[PLAN], None)
        .expect("records");
    let totals = chain.table_of(&run, PLAN, "window_totals");
    let ranks = areas.map(|area| {
        let row = totals.one(&cell("count:briefing", "total", area, "quarter:2014-q2"));
        ["rank_min", "rank_max", "rank_of"].map(|name| totals.number(row, name))
    });
    // Seven districts of the county sent nothing: any of them may be higher than all.
    let expected = [[1, 9, 5], [1, 11, 5], [2, 10, 5], [2, 10, 5], [5, 12, 5]];
    assert_eq!(ranks, expected.map(|ranks| ranks.map(Some)));
}

#[test]
fn a_window_that_totals_do_not_fill_has_another_reason_than_one_without_totals() {
    let reference = reference_with(&[("codes/briefing.csv", BRIEFING_LIST)]);
    let periods = [
        ("2014-01-01", "2014-03-31"),
        ("2014-04-01", "2014-04-30"),
        ("2014-05-01", "2014-05-31"),
        // Not a quarter of the calendar year: in none of its windows.
        ("2014-08-01", "2014-10-31"),
        ("2015-01-01", "2015-03-31"),
        ("2016-07-01", "2016-09-30"),
    ];
    let documents = periods.map(|(from, to)| briefed(from, to, "all-crime", MAIDSTONE).exact(10));
    let chain = Chain::with(POLICE, &documents);
    let run = chain
        .aggregate_with(&reference, &[PLAN], None)
        .expect("records");
    let totals = chain.table_of(&run, PLAN, "window_totals");
    let found = |window| {
        let rows: Vec<usize> = totals
            .find(&cell("count:briefing", "total", MAIDSTONE, window))
            .collect();
        let row = *rows.first()?;
        let reason = totals.text(row, "count_reason").unwrap_or("exact");
        Some((totals.block_of(row), reason.to_owned()))
    };
    let expected = |block: &str, reason: &str| Some((block.to_owned(), reason.to_owned()));
    assert_eq!(
        found("quarter:2014-q1"),
        expected("exact 10 10 10", "exact")
    );
    assert_eq!(found("month:2014-04"), expected("exact 10 10 10", "exact"));
    // Two of the three months, without the third.
    assert_eq!(
        found("quarter:2014-q2"),
        expected("partial - 20 -", "not_received")
    );
    // A quarter, and months that are parts of the others.
    assert_eq!(
        found("year:2014"),
        expected("partial - 10 -", "no_total_for_window")
    );
    assert_eq!(
        found("year:2015"),
        expected("partial - 10 -", "not_received")
    );
    // No period fits into October.
    assert_eq!(found("month:2014-10"), None);
}

#[test]
fn a_briefing_that_does_not_add_up_fails_its_reconciliation() {
    let offences = BRIEFING_LIST
        .replace("# totals: all-crime\n", "")
        .replace("all-crime\nvictim-based\nother-crimes", "sexual-offences");
    let reference = reference_with(&[
        ("codes/briefing.csv", BRIEFING_LIST),
        ("codes/briefing-offence.csv", &offences),
    ]);
    let documents = BRIEFING
        .map(|(from, to, category, value)| briefed(from, to, category, MAIDSTONE).exact(value));
    let chain = Chain::with(POLICE, &documents);
    let run = chain
        .aggregate_with(&reference, &[PLAN], None)
        .expect("records");
    let change = chain.table_of(&run, PLAN, "change");
    let found = |kind, series, window| {
        let [kind, series, area, window] = cell(kind, series, MAIDSTONE, window);
        let row = change.one(&[kind, series, area, window, ("baseline", "year-before")]);
        let decimals = |name, places: usize| {
            change
                .double(row, name)
                .map(|number| format!("{number:.places$}"))
        };
        (
            change.number(row, "difference").expect("exact"),
            decimals("difference_pct", 1).expect("a share"),
            decimals("difference_per_day", 2).expect("a rate"),
        )
    };
    let briefing = |series, window| found("count:briefing", series, window);
    assert_eq!(
        briefing("total", "quarter:2014-q2"),
        (185, "8.5".to_owned(), "2.03".to_owned())
    );
    assert_eq!(briefing("total", "fy:2014-15").1, "12.5");
    let parts =
        ["victim-based", "other-crimes"].map(|series| briefing(series, "quarter:2014-q2").0);
    assert_eq!(
        (parts, parts.iter().sum::<i64>()),
        ([144, 38], 182),
        "not 185"
    );
    assert_eq!(
        found(
            "count:briefing-offence",
            "sexual-offences",
            "quarter:2014-q2"
        )
        .1,
        "78.1"
    );
    let totals = chain.table_of(&run, PLAN, "window_totals");
    let unmapped = totals.one(&cell(
        "count:briefing",
        "unmapped",
        MAIDSTONE,
        "quarter:2013-q2",
    ));
    assert_eq!(
        totals.number(unmapped, "count_value"),
        Some(2_127),
        "the total is no part of itself"
    );
    let checks = chain.table_of(&run, PLAN, "reconciliation");
    let of = |window| {
        let area = format!("briefing {MAIDSTONE}");
        let row = checks.one(&[
            ("check_id", "categories"),
            ("area_code", &area),
            ("window_id", window),
        ]);
        let numbers = ["counted", "expected", "difference"]
            .map(|name| checks.number(row, name).expect("a number"));
        (
            numbers,
            checks.text(row, "result").expect("a result").to_owned(),
        )
    };
    assert_eq!(
        of("quarter:2013-q2"),
        ([2_127, 2_172, -45], "fail".to_owned())
    );
    assert_eq!(
        of("quarter:2014-q2"),
        ([2_309, 2_357, -48], "fail".to_owned())
    );
    assert!(
        REFERENCE.controls.is_empty(),
        "no control total is built in"
    );
}
