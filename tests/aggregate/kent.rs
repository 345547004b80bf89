//! The five months of Kent that were published, against figures counted elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;
use std::sync::LazyLock;

use partner_feeds::files::TextFiles;
use partner_feeds::import::police_uk;

use crate::chain::{Chain, FIVE_MONTHS, POLICE, REFERENCE, Table, reference_with};
use crate::import::options;
use crate::published::Street;

const PLAN: &str = "smp-2017-18";
const MAIDSTONE: &str = "E07000110";
const MEDWAY: &str = "E06000035";

struct Kent {
    street: Street,
    chain: Chain,
    priority: Table,
    category: Table,
    totals: Table,
    change: Table,
    events: Table,
}

static KENT: LazyLock<Kent> = LazyLock::new(|| {
    let street = Street::kent();
    let mut lines = Vec::new();
    police_uk::import(&street.files, &options(), &REFERENCE, &mut lines).expect("imported");
    let documents: Vec<String> = lines.lines().collect::<Result<_, _>>().expect("text");
    let mut chain = Chain::new();
    for (i, documents) in documents.chunks(20_000).enumerate() {
        chain.commit(
            POLICE,
            i as i32 % 3,
            documents.iter().map(|document| (i as i64, &**document)),
        );
    }
    chain.aggregate(PLAN).expect("records");
    let [priority, category, totals, change] = [
        "priority_monthly",
        "category_monthly",
        "window_totals",
        "change",
    ]
    .map(|table| of_plan(&chain, table));
    let events = chain.table("events/police.parquet");
    Kent {
        street,
        chain,
        priority,
        category,
        totals,
        change,
        events,
    }
});

/// The chain of these months.
pub(crate) fn chain() -> &'static Chain {
    &KENT.chain
}

fn of_plan(chain: &Chain, table: &str) -> Table {
    chain.table(&format!("aggregates/{PLAN}/{table}.parquet"))
}

impl Kent {
    /// Counts by month of the total of a kind in an area at a level.
    fn months(&self, kind: &str, level: &str, area: &str) -> Vec<i64> {
        let texts = [
            ("series", "total"),
            ("kind", kind),
            ("area_level", level),
            ("area_code", area),
        ];
        self.priority
            .counts(&texts)
            .into_iter()
            .map(|count| count.expect("exact"))
            .collect()
    }

    /// The total of a kind in the five months.
    fn five_months(&self, kind: &str, level: &str, area: &str) -> i64 {
        self.totals.count(&five_months("total", kind, level, area))
    }
}

fn five_months<'a>(
    series: &'a str,
    kind: &'a str,
    level: &'a str,
    area: &'a str,
) -> [(&'a str, &'a str); 5] {
    [
        ("series", series),
        ("kind", kind),
        ("area_level", level),
        ("area_code", area),
        ("window_id", FIVE_MONTHS),
    ]
}

#[test]
fn rows_by_month_are_those_of_the_files() {
    let kent = &*KENT;
    let (crimes, incidents) = (
        kent.months("crime", "all-received", "all-received"),
        kent.months("incident", "all-received", "all-received"),
    );
    assert_eq!(crimes, [17_347, 11_690, 6_132, 15_659, 14_125]);
    assert_eq!(incidents, [2_049, 2_128, 2_306, 2_133, 2_166]);
    let both: Vec<i64> = crimes.iter().zip(incidents).map(|(a, b)| a + b).collect();
    assert_eq!(both, [19_396, 13_818, 8_438, 17_792, 16_291]);
    assert_eq!(
        kent.events.rows(),
        19_396 + 13_818 + 8_438 + 17_792 + 16_291
    );
}

#[test]
fn a_set_with_what_has_no_location_and_what_is_outside_makes_the_total() {
    let kent = &*KENT;
    let october = |kind, area| kent.months(kind, "set", area)[0];
    let both = |area| october("crime", area) + october("incident", area);
    assert_eq!(
        (both("kent-13"), both("no-location"), both("outside")),
        (18_943, 434, 19)
    );
    assert_eq!(october("crime", "kent-13") + 434 + 19, 17_347);
    assert_eq!(
        (october("crime", "no-location"), october("crime", "outside")),
        (434, 19)
    );
    assert_eq!(october("crime", "kent-12"), 13_930);
    let five =
        |area: &str, level| ["crime", "incident"].map(|kind| kent.five_months(kind, level, area));
    assert_eq!(
        (five("kent-12", "set"), five(MEDWAY, "district")),
        ([52_338, 8_872], [11_114, 1_902])
    );
}

#[test]
fn maidstone_by_month_and_by_type() {
    let kent = &*KENT;
    let (crimes, incidents) = (
        kent.months("crime", "district", MAIDSTONE),
        kent.months("incident", "district", MAIDSTONE),
    );
    assert_eq!(crimes, [1_498, 930, 542, 1_390, 1_234]);
    let both: Vec<i64> = crimes.iter().zip(&incidents).map(|(a, b)| a + b).collect();
    assert_eq!(both, [1_756, 1_127, 786, 1_588, 1_463]);
    assert_eq!(
        (both.iter().sum::<i64>(), crimes.iter().sum::<i64>()),
        (6_720, 5_594)
    );
    let mut types: BTreeMap<&str, i64> = BTreeMap::new();
    for row in kent
        .category
        .find(&[("scheme", "police-uk"), ("area_code", MAIDSTONE)])
    {
        *types
            .entry(kent.category.text(row, "series").expect("a code"))
            .or_default() += kent.category.number(row, "count_value").expect("exact");
    }
    let expected = [
        ("anti-social-behaviour", 1_126),
        ("bicycle-theft", 51),
        ("burglary", 389),
        ("criminal-damage-and-arson", 678),
        ("drugs", 119),
        ("other-crime", 165),
        ("other-theft", 509),
        ("possession-of-weapons", 34),
        ("public-order", 447),
        ("robbery", 49),
        ("shoplifting", 350),
        ("theft-from-the-person", 42),
        ("vehicle-crime", 314),
        ("violence-and-sexual-offences", 2_447),
    ];
    assert_eq!(types, expected.into());
}

/// Count, population, rate and rank of the crimes of an area in the five months.
fn rated(
    kent: &Kent,
    level: &str,
    area: &str,
) -> (i64, Option<i64>, Option<String>, [Option<i64>; 3]) {
    let row = kent.totals.one(&five_months("total", "crime", level, area));
    let number = |name| kent.totals.number(row, name);
    let ranks = ["rank_min", "rank_max", "rank_of"].map(number);
    (
        number("count_value").expect("exact"),
        number("population"),
        kent.totals.decimals(row, "rate_per_1000"),
        ranks,
    )
}

#[test]
fn wards_of_2019_by_count_rate_and_rank() {
    let kent = &*KENT;
    let ward = |code| rated(kent, "ward", code);
    let found = |rate: &str| Some(rate.to_owned());
    let ranks = |rank| [Some(rank), Some(rank), Some(26)];
    assert_eq!(
        ward("E05004996"),
        (1_419, Some(11_924), found("119.004"), ranks(1)),
        "High Street"
    );
    let (count, _, rate, rank) = ward("E05005002");
    assert_eq!(
        (count, rate, rank),
        (416, found("44.392"), ranks(2)),
        "Park Wood"
    );
    let (count, _, rate, rank) = ward("E05005004");
    assert_eq!(
        (count, rate, rank),
        (242, found("40.968"), ranks(3)),
        "Shepway South"
    );
    let (count, _, rate, rank) = ward("E05004995");
    assert_eq!(
        (count, rate, rank),
        (299, found("40.351"), ranks(4)),
        "Heath"
    );
    let (count, _, rate, _) = ward("E05004984");
    assert_eq!((count, rate), (77, found("9.212")), "Bearsted");
    assert_eq!(
        ward("E05004983"),
        (15, Some(2_428), found("6.178"), ranks(26)),
        "Barming and Teston"
    );
    let (count, population, rate, _) = rated(kent, "district", MAIDSTONE);
    assert_eq!(
        (count, population, rate),
        (5_594, Some(175_736), found("31.832")),
        "175,700 would give 31.838"
    );
    let row = kent
        .totals
        .one(&five_months("total", "crime", "ward", "E05004996"));
    let text = |name| kent.totals.text(row, name);
    assert_eq!(
        [
            text("population_unit"),
            text("rank_set"),
            text("rank_measure"),
            text("area_vintage")
        ],
        [
            Some("persons"),
            Some(MAIDSTONE),
            Some("rate_per_1000"),
            Some("2019")
        ]
    );
}

#[test]
fn wards_of_2025_hold_whole_rows_and_say_how_many_persons_are_misplaced() {
    let kent = &*KENT;
    let wards: Vec<(&str, i64)> = kent
        .totals
        .find(&[
            ("series", "total"),
            ("kind", "crime"),
            ("area_level", "ward"),
            ("area_vintage", "2025"),
            ("window_id", FIVE_MONTHS),
        ])
        .filter(|row| kent.totals.text(*row, "area_role") == Some("incident"))
        .map(|row| {
            (
                kent.totals.text(row, "area_code").expect("a code"),
                kent.totals.number(row, "count_value").expect("exact"),
            )
        })
        .collect();
    let of = |code| {
        wards
            .iter()
            .find(|(ward, _)| *ward == code)
            .map(|(_, count)| *count)
    };
    let named = [
        "E05015603",
        "E05015608",
        "E05015612",
        "E05015609",
        "E05015611",
    ]
    .map(of);
    assert_eq!(
        named,
        [1_277, 456, 446, 410, 39].map(Some),
        "High Street, Park Wood, Shepway, Penenden Heath, Senacre"
    );
    let held = || wards.iter().filter(|(code, _)| code.starts_with("E05"));
    assert_eq!(
        (held().count(), held().map(|(_, count)| count).sum::<i64>()),
        (22, 5_594)
    );
    assert_eq!(of("unplaced"), None, "every row has a ward");
    let areas = of_plan(&kent.chain, "areas");
    let of_wards: Vec<usize> = areas
        .find(&[("area_level", "ward"), ("area_vintage", "2025")])
        .collect();
    let misplaced: f64 = of_wards
        .iter()
        .filter_map(|row| areas.double(*row, "misplaced_persons"))
        .sum();
    assert_eq!((of_wards.len(), misplaced.round()), (22, 14_957.0));
    let share = areas
        .double(of_wards[0], "misplaced_share")
        .expect("a share");
    assert_eq!(
        format!("{:.1} {:.0}", 100.0 * share, share * 175_736.0),
        "8.5 14957"
    );
    assert_eq!(areas.text(of_wards[0], "method"), Some("area"));
}

#[test]
fn a_place_of_few_residents_shows_that_its_rate_misleads() {
    let kent = &*KENT;
    let (count, population, rate, ranks) = rated(kent, "place", "town-centre");
    assert_eq!(
        (count, population, rate),
        (991, Some(2_188), Some("452.925".to_owned()))
    );
    assert_eq!(ranks, [None; 3], "a place has no areas alike");
    assert_eq!(kent.five_months("incident", "place", "town-centre"), 200);
    for kind in ["crime", "incident"] {
        let lsoa = ["series", "kind", "area_level", "area_code"]
            .into_iter()
            .zip(["total", kind, "lsoa", "E01033090"]);
        let months: i64 = kent
            .priority
            .counts(&lsoa.collect::<Vec<_>>())
            .into_iter()
            .flatten()
            .sum();
        assert_eq!(
            months,
            kent.five_months(kind, "place", "town-centre"),
            "the same records"
        );
    }
}

#[test]
fn half_a_month_is_suspect_and_its_change_is_not_comparable() {
    let kent = &*KENT;
    let quality = of_plan(&kent.chain, "feed_quality");
    let found = |kind, month: &str| {
        let row = quality.one(&[("kind", kind), ("window_id", month)]);
        (
            quality.decimals(row, "ratio").expect("a ratio"),
            quality.text(row, "data_status").expect("a status"),
        )
    };
    assert_eq!(
        found("crime", "month:2018-12"),
        ("0.412".to_owned(), "suspect")
    );
    assert_eq!(
        found("crime", "month:2018-11"),
        ("0.785".to_owned(), "final")
    );
    let outside = |kind| {
        quality.number(
            quality.one(&[("kind", kind), ("window_id", "month:2018-10")]),
            "outside",
        )
    };
    assert_eq!((outside("crime"), outside("incident")), (Some(19), Some(0)));
    let (ratio, status) = found("incident", "month:2018-12");
    assert_eq!((ratio.as_str(), status), ("1.082", "final"));
    let row = kent.change.one(&[
        ("series", "total"),
        ("kind", "crime"),
        ("area_code", MAIDSTONE),
        ("window_id", "month:2018-12"),
        ("baseline", "prior"),
    ]);
    let change = &kent.change;
    let percent = change
        .double(row, "difference_pct")
        .map(|percent| format!("{percent:.1}"));
    assert_eq!(
        (
            change.number(row, "base_min"),
            change.number(row, "difference"),
            percent
        ),
        (Some(930), Some(-388), Some("-41.7".to_owned()))
    );
    assert_eq!(change.truth(row, "comparable"), Some(false));
    assert_eq!(
        change.text(row, "breaks"),
        Some("kent-recording-2016-2018;kent-system-2018")
    );
    assert_eq!(change.text(row, "data_status"), Some("suspect"));
    let after = [
        ("series", "total"),
        ("kind", "crime"),
        ("area_code", MAIDSTONE),
        ("window_id", "month:2019-01"),
        ("baseline", "prior"),
    ];
    let after = change.one(&after);
    assert_eq!(
        (
            change.number(after, "base_min"),
            change.number(after, "difference")
        ),
        (Some(542), Some(848))
    );
    assert_eq!(
        (
            change.text(after, "verdict"),
            change.text(after, "why_not"),
            change.text(after, "why_months")
        ),
        (
            Some("not_comparable"),
            Some("break;suspect"),
            Some("2018-12")
        ),
        "a suspect month is no base"
    );
}

/// For rows of 2018-10 without an id that are equal in every column: the groups, and the rows in
/// them.
fn equal_rows(kent: &Kent, within: impl Fn(&str) -> bool) -> (usize, usize) {
    let mut groups: HashMap<&str, usize> = HashMap::new();
    for row in kent
        .events
        .find(&[("kind", "incident"), ("month", "2018-10-01")])
    {
        if within(kent.events.text(row, "area_code").unwrap_or_default()) {
            let (group, _ordinal) = kent
                .events
                .text(row, "subject")
                .expect("a subject")
                .rsplit_once('.')
                .expect("n");
            *groups.entry(group).or_default() += 1;
        }
    }
    let several = || groups.values().filter(|rows| **rows > 1);
    (several().count(), several().sum())
}

#[test]
fn identical_incidents_all_count() {
    let kent = &*KENT;
    assert_eq!(equal_rows(kent, |_| true), (328, 915));
    assert_eq!(
        equal_rows(kent, |lsoa| kent.street.maidstone.contains(lsoa)),
        (40, 114)
    );
    assert_eq!(
        kent.months("incident", "all-received", "all-received")[0],
        2_049
    );
    assert_eq!(kent.months("incident", "district", MAIDSTONE)[0], 258);
}

#[test]
fn maidstone_under_the_plan_of_2017() {
    let kent = &*KENT;
    let count = |kind, series| {
        kent.totals
            .count(&five_months(series, kind, "district", MAIDSTONE))
    };
    assert_eq!(count("crime", "domestic-abuse-violent-crime"), 2_496);
    assert_eq!(count("crime", "substance-misuse"), 119);
    assert_eq!(count("crime", "gangs-cse"), 34);
    assert_eq!(
        (
            count("crime", "mapped"),
            count("crime", "unmapped"),
            count("crime", "total")
        ),
        (2_649, 2_945, 5_594)
    );
    assert_eq!(
        (
            count("incident", "antisocial-behaviour"),
            count("incident", "total")
        ),
        (1_126, 1_126)
    );
    for series in ["organised-crime", "mental-health", "prevent", "reoffending"] {
        let rows: Vec<usize> = kent.priority.find(&[("series", series)]).collect();
        assert!(rows.len() > 2 * 5, "{series} has rows at every level");
        for row in rows {
            assert_eq!(
                kent.priority.block_of(row),
                "not_supplied - 0 -",
                "{series}"
            );
        }
    }
}

#[test]
fn what_a_later_plan_asks_and_open_data_lacks_is_not_supplied() {
    let kent = &*KENT;
    let run = kent
        .chain
        .aggregate_with(
            &crate::chain::REFERENCE,
            &["smp-2018-19"],
            Some("2020-01-02"),
        )
        .expect("records");
    let totals = kent.chain.table_of(&run, "smp-2018-19", "window_totals");
    let found = |series| totals.block(&five_months(series, "crime", "district", MAIDSTONE));
    assert_eq!(found("domestic-abuse"), "not_supplied - 0 -");
    assert_eq!(found("total"), "exact 5594 5594 5594");
}

/// Count, lowest and highest rank of a district, and the number of districts ranked.
fn ranked(totals: &Table, measure: &str, district: &str) -> [i64; 4] {
    let row = totals.one(&five_months("total", "crime", "district", district));
    assert_eq!(
        (
            totals.text(row, "rank_set"),
            totals.text(row, "rank_measure")
        ),
        (Some("kent-12"), Some(measure))
    );
    ["count_value", "rank_min", "rank_max", "rank_of"]
        .map(|name| totals.number(row, name).expect("a number"))
}

#[test]
fn districts_rank_by_rate() {
    let totals = &KENT.totals;
    let ranked = |district| ranked(totals, "rate_per_1000", district);
    assert_eq!(ranked("E07000114"), [6_502, 1, 1, 12], "Thanet");
    assert_eq!(ranked("E07000106"), [5_647, 5, 5, 12], "Canterbury");
    assert_eq!(ranked(MAIDSTONE), [5_594, 8, 8, 12]);
    let rate = |district| {
        let (_, population, rate, _) = rated(&KENT, "district", district);
        (population, rate)
    };
    let found = |population, rate: &str| (Some(population), Some(rate.to_owned()));
    assert_eq!(rate("E07000114"), found(140_587, "46.249"));
    assert_eq!(rate(MEDWAY), found(279_773, "39.725"));
    let medway = totals.one(&five_months("total", "crime", "district", MEDWAY));
    assert_eq!(totals.number(medway, "rank_min"), None, "not of the county");
    let suspect = [
        ("series", "total"),
        ("kind", "crime"),
        ("area_code", MAIDSTONE),
        ("window_id", "month:2018-12"),
    ];
    assert_eq!(
        totals.number(totals.one(&suspect), "rank_min"),
        None,
        "a suspect month has no rank"
    );
}

#[test]
fn districts_rank_by_count_where_a_population_is_unknown() {
    const POPULATIONS: &str = "geography/populations.csv";
    let files = TextFiles::built_in();
    let text = files.text(POPULATIONS).expect("built in");
    let without_thanet = text
        .lines()
        .filter(|line| !line.starts_with("E07000114,2019,persons"));
    let without_thanet: Vec<&str> = without_thanet.collect();
    let reference = reference_with(&[(POPULATIONS, &without_thanet.join("\n"))]);
    let plan = "smp-2019-22";
    let run = KENT.chain.aggregate_with(&reference, &[plan], None);
    let totals = KENT
        .chain
        .table_of(&run.expect("records"), plan, "window_totals");
    let ranked = |district| ranked(&totals, "count_value", district);
    assert_eq!(ranked("E07000114"), [6_502, 1, 1, 12], "Thanet");
    assert_eq!(ranked("E07000106"), [5_647, 2, 2, 12], "Canterbury");
    assert_eq!(ranked(MAIDSTONE), [5_594, 3, 3, 12]);
    let thanet = totals.one(&five_months("total", "crime", "district", "E07000114"));
    let (population, rate) = (
        totals.number(thanet, "population"),
        totals.double(thanet, "rate_per_1000"),
    );
    assert_eq!(
        (population, rate),
        (None, None),
        "no residents of Thanet are held: no rate"
    );
}

#[test]
fn outcomes_of_maidstone_by_group() {
    let outcomes = of_plan(&KENT.chain, "outcomes");
    let groups: Vec<(&str, i64, String)> = outcomes
        .find(&five_months("total", "crime", "district", MAIDSTONE))
        .filter(|row| outcomes.text(*row, "outcome").is_none())
        .map(|row| {
            let share = outcomes.double(row, "share_pct").expect("a share");
            let group = outcomes.text(row, "outcome_group").expect("a group");
            (
                group,
                outcomes.number(row, "count_value").expect("exact"),
                format!("{share:.1}"),
            )
        })
        .collect();
    let counts: Vec<_> = groups
        .iter()
        .map(|(group, count, _)| (*group, *count))
        .collect();
    let expected = [
        ("court", 369),
        ("evidential", 2_245),
        ("no-suspect", 2_005),
        ("other-body", 129),
        ("out-of-court", 119),
        ("public-interest", 120),
        ("taken-into-consideration", 0),
        ("unknown", 607),
    ];
    assert_eq!(counts, expected);
    assert_eq!((&*groups[1].2, &*groups[2].2), ("40.1", "35.8"));
    let texts = five_months("total", "crime", "district", MAIDSTONE);
    let coded = outcomes
        .find(&texts)
        .filter(|row| outcomes.text(*row, "outcome").is_some());
    assert_eq!(
        coded
            .map(|row| outcomes.number(row, "count_value").expect("exact"))
            .sum::<i64>(),
        5_594,
        "each has one"
    );
    let labels: BTreeSet<_> = outcomes
        .find(&texts)
        .filter_map(|row| outcomes.text(row, "outcome_label"))
        .collect();
    for label in ["Out of court", "Offender sent to prison"] {
        assert!(labels.contains(label), "{label}");
    }
}

/// At every level and vintage, and in both kinds.
#[test]
fn the_parts_of_a_level_make_the_total() {
    let kent = &*KENT;
    let reconciliation = of_plan(&kent.chain, "reconciliation");
    let tested = |check| reconciliation.find(&[("check_id", check)]).count();
    // Seven tiers (LSOA, two wards, place, district), five months, two kinds.
    assert_eq!(
        (
            tested("areas"),
            tested("mapped-unmapped"),
            tested("accepted-rejected")
        ),
        (5 * 5 * 2, 5 * 2, 3)
    );
    for row in 0..reconciliation.rows() {
        assert_eq!(
            reconciliation.text(row, "result"),
            Some("pass"),
            "{:?}",
            reconciliation.text(row, "area_code")
        );
    }
    let sum = |texts: &[(&str, &str)]| {
        kent.priority
            .counts(texts)
            .into_iter()
            .flatten()
            .sum::<i64>()
    };
    let total = sum(&[("series", "total"), ("area_code", "all-received")]);
    for (level, vintage) in [("ward", "2019"), ("ward", "2025")] {
        assert_eq!(
            sum(&[
                ("series", "total"),
                ("area_level", level),
                ("area_vintage", vintage)
            ]),
            total,
            "{level} {vintage}"
        );
    }
    for level in ["lsoa", "place", "district"] {
        assert_eq!(
            sum(&[("series", "total"), ("area_level", level)]),
            total,
            "{level}"
        );
    }
}
