//! The five months of Kent that were published, against figures counted elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::sync::LazyLock;

use partner_feeds::import::police_uk;

use crate::chain::{Chain, POLICE, Table};
use crate::import::options;
use crate::published::Street;

const PLAN: &str = "smp-2017-18";

struct Kent {
    street: Street,
    priority: Table,
    category: Table,
    events: Table,
}

static KENT: LazyLock<Kent> = LazyLock::new(|| {
    let street = Street::kent();
    let mut lines = Vec::new();
    police_uk::import(&street.files, &options(), &mut lines).expect("imported");
    let documents: Vec<String> = lines.lines().collect::<Result<_, _>>().expect("text");
    let mut chain = Chain::new();
    for (i, documents) in documents.chunks(20_000).enumerate() {
        chain.commit(POLICE, i as i32 % 3, documents.iter().map(|document| (i as i64, &**document)));
    }
    chain.aggregate(PLAN).expect("records");
    let [priority, category] =
        ["priority_monthly", "category_monthly"].map(|t| chain.table(&format!("aggregates/{PLAN}/{t}.parquet")));
    Kent { street, priority, category, events: chain.table("events/police.parquet") }
});

impl Kent {
    /// Sums of a series in Maidstone by month.
    fn maidstone<'t>(&self, table: &'t Table, texts: &'t [(&str, &str)], by: &str) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for row in table.find(texts) {
            if table.text(row, "area_code").is_some_and(|code| self.street.maidstone.contains(code)) {
                let key = table.text(row, by).expect("a key").to_owned();
                *sums.entry(key).or_default() += table.number(row, "count").expect("exact");
            }
        }
        sums
    }
}

fn all(kind: &str) -> [(&str, &str); 3] {
    [("series", "total"), ("kind", kind), ("area_code", "all")]
}

#[test]
fn rows_by_month_are_those_of_the_files() {
    let kent = &*KENT;
    let counts = |kind| kent.priority.counts(&all(kind)).into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(counts("crime"), [17_347, 11_690, 6_132, 15_659, 14_125]);
    assert_eq!(counts("incident"), [2_049, 2_128, 2_306, 2_133, 2_166]);
    let both: Vec<i64> = counts("crime").iter().zip(counts("incident")).map(|(a, b)| a + b).collect();
    assert_eq!(both, [19_396, 13_818, 8_438, 17_792, 16_291]);
    assert_eq!(kent.events.rows(), 19_396 + 13_818 + 8_438 + 17_792 + 16_291);
}

#[test]
fn maidstone_by_month_and_by_type() {
    let kent = &*KENT;
    let total = |kind| {
        let texts = [("series", "total"), ("kind", kind), ("area_level", "lsoa")];
        kent.maidstone(&kent.priority, &texts, "window").into_values().collect::<Vec<_>>()
    };
    assert_eq!(total("crime"), [1_498, 930, 542, 1_390, 1_234]);
    assert_eq!(total("incident"), [1_756 - 1_498, 1_127 - 930, 786 - 542, 1_588 - 1_390, 1_463 - 1_234]);
    let all: i64 = total("crime").iter().chain(&total("incident")).sum();
    assert_eq!((all, total("crime").iter().sum::<i64>()), (6_720, 5_594));
    let types = kent.maidstone(&kent.category, &[("scheme", "police-uk"), ("area_level", "lsoa")], "series");
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
    assert_eq!(types, expected.map(|(code, count)| (code.to_owned(), count)).into());
}

/// For rows of 2018-10 without an id that are equal in every column: the groups, and the rows in them.
fn equal_rows(kent: &Kent, within: impl Fn(&str) -> bool) -> (usize, usize) {
    let mut groups: HashMap<&str, usize> = HashMap::new();
    for row in kent.events.find(&[("kind", "incident"), ("month", "2018-10")]) {
        if within(kent.events.text(row, "area_code").unwrap_or_default()) {
            let (group, _ordinal) = kent.events.text(row, "subject").expect("a subject").rsplit_once('.').expect("n");
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
    assert_eq!(equal_rows(kent, |lsoa| kent.street.maidstone.contains(lsoa)), (40, 114));
}

#[test]
fn maidstone_under_the_plan_of_2017() {
    let kent = &*KENT;
    let sum = |kind, series| {
        let texts = [("series", series), ("kind", kind), ("area_level", "lsoa")];
        kent.maidstone(&kent.priority, &texts, "window").into_values().sum::<i64>()
    };
    assert_eq!(sum("crime", "domestic-abuse-violent-crime"), 2_496);
    assert_eq!(sum("crime", "substance-misuse"), 119);
    assert_eq!(sum("crime", "gangs-cse"), 34);
    assert_eq!((sum("crime", "mapped"), sum("crime", "unmapped")), (2_649, 2_945));
    assert_eq!((sum("incident", "antisocial-behaviour"), sum("incident", "mapped")), (1_126, 1_126));
    for series in ["organised-crime", "mental-health", "prevent", "reoffending"] {
        let rows: Vec<usize> = kent.priority.find(&[("series", series)]).collect();
        assert!(rows.len() > 2 * 5, "{series} has rows at every level");
        for row in rows {
            assert_eq!(kent.priority.text(row, "count_status"), Some("not_supplied"), "{series}");
        }
    }
}

#[test]
fn the_parts_of_a_level_make_the_total() {
    let kent = &*KENT;
    let sum = |texts: &[(&str, &str)]| kent.priority.counts(texts).into_iter().flatten().sum::<i64>();
    let lsoas = sum(&[("series", "total"), ("area_level", "lsoa")]);
    assert_eq!(lsoas, sum(&[("series", "total"), ("area_code", "all")]));
    assert_eq!(sum(&[("series", "total"), ("area_code", "no-location"), ("window", "month:2018-10")]), 434);
}
