//! What figures may say: bounds where codes are unknown, nothing where a partner cannot know, and a
//! change only where it is more than chance, gaps or missing locations explain.

use crate::chain::{Chain, HEALTH, HOUSING, POLICE, REFERENCE, Table, reference_with};
use crate::kit::events::{EventBuilder, crime, homelessness_case, published_crime};

const PLAN: &str = "smp-2017-18";
const MAIDSTONE: &str = "E07000110";
const DARTFORD: &str = "E07000107";
const ALL: &str = "all-received";

/// The tables of a chain of one topic.
fn tables(topic: &str, documents: &[EventBuilder]) -> Chain {
    let chain = Chain::with(topic, documents);
    chain.aggregate(PLAN);
    chain
}

fn table(chain: &Chain, name: &str) -> Table {
    chain.table(&format!("aggregates/{PLAN}/{name}.parquet"))
}

/// Bounds, status and reason of the count of a month.
fn count<'t>(
    table: &'t Table,
    (series, area, month): (&str, &str, &str),
) -> (Option<i64>, Option<i64>, &'t str, Option<&'t str>) {
    let window = format!("month:{month}");
    let row = table.one(&[
        ("series", series),
        ("area_code", area),
        ("window_id", &window),
    ]);
    (
        table.number(row, "count_min"),
        table.number(row, "count_max"),
        table.text(row, "count_status").expect("a status"),
        table.text(row, "count_reason"),
    )
}

/// Verdict, reasons and months of a change.
fn change<'t>(
    table: &'t Table,
    area: &str,
    window: &str,
) -> (&'t str, Option<&'t str>, Option<&'t str>) {
    let row = table.one(&[
        ("series", "total"),
        ("area_code", area),
        ("window_id", window),
        ("baseline", "prior"),
    ]);
    let why_not = table.text(row, "why_not");
    assert_eq!(table.truth(row, "comparable"), Some(why_not.is_none()));
    (
        table.text(row, "verdict").expect("a verdict"),
        why_not,
        table.text(row, "why_months"),
    )
}

/// Published crimes of months, in a district or without a place.
fn published(months: &[(&str, Option<&str>, usize)]) -> Vec<EventBuilder> {
    let mut events = Vec::new();
    for (month, district, number) in months {
        for _ in 0..*number {
            let event = published_crime(&format!("c{}", events.len()), month);
            events.push(match district {
                Some(district) => event.area(district, "district"),
                None => event,
            });
        }
    }
    events
}

#[test]
fn a_record_with_an_unknown_code_may_belong_to_any_series_that_names_its_scheme() {
    let known = |subject: &str| {
        let event = published_crime(subject, "2017-05");
        event.category("violence-and-sexual-offences")
    };
    let unknown = published_crime("c", "2017-05").category("violence-sexual-offences");
    let chain = tables(POLICE, &[known("a"), known("b"), unknown]);
    let monthly = table(&chain, "priority_monthly");
    let of = |series| count(&monthly, (series, ALL, "2017-05"));
    let interval = |least, most| (Some(least), Some(most), "interval", Some("unknown_code"));
    assert_eq!(of("domestic-abuse-violent-crime"), interval(2, 3));
    assert_eq!(of("substance-misuse"), interval(0, 1));
    assert_eq!(of("total"), (Some(3), Some(3), "exact", None));
    assert_eq!(of("mapped"), interval(2, 3));
    assert_eq!(of("unmapped"), interval(0, 1));
    // No rule of mental health names a code of these lists.
    let not_shown = (Some(0), None, "not_supplied", Some("cannot_show"));
    assert_eq!(of("mental-health"), not_shown);
    let events = chain.table("events/police.parquet");
    let schemes: Vec<_> = (0..3)
        .map(|row| events.text(row, "unknown_schemes"))
        .collect();
    assert_eq!(schemes, [None, None, Some("police-uk")]);
}

#[test]
fn an_unknown_need_is_no_zero_of_another_need() {
    let case = |subject: &str, need: &str| {
        let case = homelessness_case(subject).put("support_needs", vec![need.to_owned()]);
        case.occurred("2018-05-03")
            .area_as("home", MAIDSTONE, "district")
    };
    let chain = tables(
        HOUSING,
        &[
            case("a", "history-of-mental-health-problems"),
            case("b", "mental-health"),
        ],
    );
    let monthly = table(&chain, "priority_monthly");
    let months: Vec<usize> = monthly
        .find(&[("series", "mental-health"), ("area_code", MAIDSTONE)])
        .filter(|row| monthly.number(*row, "count_max") == Some(2))
        .collect();
    assert_eq!(months.len(), 1);
    assert_eq!(monthly.number(months[0], "count_min"), Some(1));
}

#[test]
fn a_category_that_a_kind_can_never_have_is_not_supplied() {
    let incident = EventBuilder::new("kent-police:open-data", "police.incident", "a")
        .what("police-uk", "2013-05", "anti-social-behaviour")
        .occurred("2017-05")
        .area(MAIDSTONE, "district");
    let chain = tables(POLICE, &[incident]);
    let monthly = table(&chain, "priority_monthly");
    assert_eq!(
        count(&monthly, ("substance-misuse", MAIDSTONE, "2017-05")),
        (Some(0), None, "not_supplied", Some("cannot_show"))
    );
    let one = (Some(1), Some(1), "exact", None);
    assert_eq!(
        count(&monthly, ("antisocial-behaviour", MAIDSTONE, "2017-05")),
        one
    );
}

#[test]
fn an_area_that_a_partner_does_not_cover_is_not_supplied_and_not_ranked() {
    let case = |subject: &str, area: &str| {
        let case = homelessness_case(subject).occurred("2018-05-03");
        case.area_as("home", area, "district")
    };
    let chain = tables(HOUSING, &[case("a", MAIDSTONE), case("b", MAIDSTONE)]);
    let totals = table(&chain, "window_totals");
    let of = |area: &str, column: &str| {
        let texts = [
            ("series", "total"),
            ("area_code", area),
            ("window_id", "year:2018"),
        ];
        let rows = totals.find(&texts);
        let row = rows.last().expect("a row");
        (
            totals.text(row, "count_reason").map(str::to_owned),
            totals.number(row, column),
        )
    };
    assert_eq!(
        of(DARTFORD, "rank_of"),
        (Some("not_covered".to_owned()), None)
    );
    assert_eq!(of("kent-12", "count_min").0.as_deref(), Some("not_covered"));
    assert_eq!(of(MAIDSTONE, "rank_of").1.unwrap_or(1), 1);
    // A record from elsewhere is not lost.
    let chain = tables(HOUSING, &[case("a", MAIDSTONE), case("b", DARTFORD)]);
    let totals = table(&chain, "window_totals");
    let rows = totals.find(&[("series", "total"), ("area_code", DARTFORD)]);
    let status: Vec<_> = rows
        .filter_map(|row| totals.text(row, "count_status"))
        .collect();
    assert!(status.contains(&"partial"), "{status:?}");
}

#[test]
fn records_that_name_no_district_do_not_show_the_plans_area() {
    let call = EventBuilder::new("secamb:cad", "health.ambulance-call", "a")
        .what("nhs-pathways", "2018", "Dx01")
        .occurred("2017-05-03T12:00:00Z")
        .area_as("incident", "ME14", "outward_postcode");
    let chain = tables(HEALTH, &[call]);
    let monthly = table(&chain, "priority_monthly");
    assert_eq!(
        count(&monthly, ("total", MAIDSTONE, "2017-05")),
        (Some(0), None, "not_supplied", Some("no_district"))
    );
}

#[test]
fn a_district_that_is_missing_from_an_otherwise_full_month_is_suspect() {
    let mut months = Vec::new();
    for month in ["2017-04", "2017-05", "2017-06"] {
        months.extend([(month, Some(MAIDSTONE), 5), (month, Some(DARTFORD), 15)]);
    }
    months.push(("2017-07", Some(DARTFORD), 15));
    let chain = tables(POLICE, &published(&months));
    let monthly = table(&chain, "priority_monthly");
    let status = |area: &str| {
        let row = monthly.one(&[
            ("series", "total"),
            ("area_code", area),
            ("window_id", "month:2017-07"),
        ]);
        monthly.text(row, "data_status")
    };
    assert_eq!(status(MAIDSTONE), Some("suspect"));
    assert_eq!(
        (status(DARTFORD), status(ALL)),
        (Some("final"), Some("final"))
    );
    let changes = table(&chain, "change");
    let gap = ("not_comparable", Some("break;suspect"), Some("2017-07"));
    assert_eq!(change(&changes, MAIDSTONE, "month:2017-07"), gap);
}

#[test]
fn missing_locations_that_may_explain_a_change_prevent_it() {
    let months = [
        ("2017-05", Some(MAIDSTONE), 20),
        ("2017-05", Some(DARTFORD), 20),
        ("2017-06", Some(MAIDSTONE), 14),
        ("2017-06", None, 8),
        ("2017-06", Some(DARTFORD), 20),
    ];
    let without_breaks = reference_with(&[("breaks.toml", "format = 1\n")]);
    let chain = Chain::with(POLICE, &published(&months));
    chain.aggregate_with(&without_breaks, &[PLAN], None);
    let changes = table(&chain, "change");
    let missing = ("not_comparable", Some("location"), None);
    assert_eq!(change(&changes, MAIDSTONE, "month:2017-06"), missing);
    assert_eq!(
        change(&changes, ALL, "month:2017-06"),
        ("no_clear_change", None, None)
    );
}

#[test]
fn a_change_is_one_if_it_is_more_than_chance_explains() {
    let without_breaks = reference_with(&[("breaks.toml", "format = 1\n")]);
    for (number, verdict) in [(256, "rose"), (255, "no_clear_change"), (150, "fell")] {
        let months = [
            ("2017-05", Some(MAIDSTONE), 200),
            ("2017-06", Some(MAIDSTONE), number),
        ];
        let chain = Chain::with(POLICE, &published(&months));
        chain.aggregate_with(&without_breaks, &[PLAN], None);
        let changes = table(&chain, "change");
        assert_eq!(
            change(&changes, MAIDSTONE, "month:2017-06"),
            (verdict, None, None)
        );
    }
}

#[test]
fn a_month_whose_records_are_not_due_is_not_compared() {
    let without_breaks = reference_with(&[("breaks.toml", "format = 1\n")]);
    let months = [
        ("2019-11", Some(MAIDSTONE), 200),
        ("2019-12", Some(MAIDSTONE), 150),
    ];
    // Received in the first minutes of 2020; records are due 60 days after their month.
    let chain = Chain::with(POLICE, &published(&months));
    chain.aggregate_with(&without_breaks, &[PLAN], None);
    let changes = table(&chain, "change");
    let expected = (
        "not_comparable",
        Some("provisional"),
        Some("2019-11;2019-12"),
    );
    assert_eq!(change(&changes, MAIDSTONE, "month:2019-12"), expected);
}

#[test]
fn a_break_of_known_size_says_what_it_explains() {
    let breaks = "format = 1\n[[break]]\nid = \"better\"\ndate = 2017-06-01\neffect = \"recording\"\n\
        least_pct = 0\nmost_pct = 15.6\ntext = \"t\"\nsource = \"s\"\n";
    let reference = reference_with(&[("breaks.toml", breaks)]);
    for (number, verdict) in [(1285, "rose_beyond_break"), (1100, "within_break")] {
        let months = [
            ("2017-05", Some(MAIDSTONE), 1000),
            ("2017-06", Some(MAIDSTONE), number),
        ];
        let chain = Chain::with(POLICE, &published(&months));
        chain.aggregate_with(&reference, &[PLAN], None);
        let changes = table(&chain, "change");
        let expected = (verdict, Some("break"), None);
        assert_eq!(change(&changes, MAIDSTONE, "month:2017-06"), expected);
    }
}

#[test]
fn nothing_received_and_nothing_due_are_told_apart() {
    let mut events = vec![crime("a").month("2019-10").area(MAIDSTONE, "district")];
    events.push(crime("b").month("2019-12").area(MAIDSTONE, "district"));
    let chain = tables(POLICE, &events);
    let monthly = table(&chain, "priority_monthly");
    let reason = |month| count(&monthly, ("total", ALL, month)).3;
    // November is due on 30 January 2020.
    assert_eq!(
        (reason("2019-10"), reason("2019-11")),
        (None, Some("not_due"))
    );
    let later = Chain::with(POLICE, &events);
    let mut later = later;
    later.commit(POLICE, 0, [(200 * 86_400, crime("c").month("2020-06"))]);
    later.aggregate_with(&REFERENCE, &[PLAN], None);
    let monthly = table(&later, "priority_monthly");
    assert_eq!(
        count(&monthly, ("total", ALL, "2019-11")).3,
        Some("not_received")
    );
}
