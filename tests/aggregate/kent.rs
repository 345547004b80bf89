//! The five months of Kent that were published, against figures counted elsewhere.

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use partner_feeds::import::police_uk::{self, IdScope, Options};

use crate::chain::{Chain, POLICE, Table};

const PLAN: &str = "smp-2017-18";

/// The folder of published files, beside one of the folders above; they are no part of the project.
fn data() -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|up| up.join("shared/data")).find(|d| d.is_dir());
    if found.is_none() {
        println!("skipped: no published files");
    }
    found
}

struct Kent {
    chain: Chain,
    priority: Table,
    category: Table,
    /// Rows of the tables whose LSOA is in Maidstone.
    maidstone: HashSet<String>,
}

static KENT: LazyLock<Option<Kent>> = LazyLock::new(|| {
    let data = data()?;
    let months = ["2018-10", "2018-11", "2018-12", "2019-01", "2019-02"];
    let files: Vec<PathBuf> = months.map(|m| data.join(format!("police/{m}-kent-street.csv.gz"))).into();
    let release = "2019-04".parse().ok()?;
    let options = Options { release, previous: Vec::new(), id_scope: IdScope::Release, vintage: None };
    let mut lines = Vec::new();
    police_uk::import(&files, &options, &mut lines).expect("imported");
    let documents: Vec<String> = lines.lines().collect::<Result<_, _>>().expect("text");
    let mut chain = Chain::new();
    for (i, documents) in documents.chunks(20_000).enumerate() {
        chain.commit(POLICE, i as i32 % 3, documents.iter().map(|document| (i as i64, &**document)));
    }
    chain.aggregate(PLAN).expect("records");
    let lookup = std::fs::read_to_string(data.join("geography/kent-lsoa11-ward19-district19.csv")).expect("look-up");
    let maidstone = lookup.lines().filter(|line| line.contains("E07000110"));
    let maidstone =
        maidstone.filter_map(|line| line.split(',').find(|field| field.starts_with("E01"))).map(str::to_owned);
    Some(Kent {
        priority: chain.table("aggregates/smp-2017-18/priority_monthly.parquet"),
        category: chain.table("aggregates/smp-2017-18/category_monthly.parquet"),
        maidstone: maidstone.collect(),
        chain,
    })
});

impl Kent {
    /// Sums of a series in Maidstone by month.
    fn maidstone<'t>(&self, table: &'t Table, texts: &'t [(&str, &str)], by: &str) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for row in table.find(texts) {
            if table.text(row, "area_code").is_some_and(|code| self.maidstone.contains(code)) {
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
    let Some(kent) = &*KENT else { return };
    let counts = |kind| kent.priority.counts(&all(kind)).into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(counts("crime"), [17_347, 11_690, 6_132, 15_659, 14_125]);
    assert_eq!(counts("incident"), [2_049, 2_128, 2_306, 2_133, 2_166]);
    let events = kent.chain.table("events/police.parquet");
    assert_eq!(events.rows(), 19_396 + 13_818 + 8_438 + 17_792 + 16_291);
}

#[test]
fn maidstone_by_month_and_by_type() {
    let Some(kent) = &*KENT else { return };
    let total = |kind| {
        let texts = [("series", "total"), ("kind", kind), ("area_level", "lsoa")];
        kent.maidstone(&kent.priority, &texts, "window").into_values().collect::<Vec<_>>()
    };
    assert_eq!(total("crime"), [1_498, 930, 542, 1_390, 1_234]);
    assert_eq!(total("incident"), [1_756 - 1_498, 1_127 - 930, 786 - 542, 1_588 - 1_390, 1_463 - 1_234]);
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

#[test]
fn maidstone_under_the_plan_of_2017() {
    let Some(kent) = &*KENT else { return };
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
        for row in kent.priority.find(&[("series", series)]) {
            assert_eq!(kent.priority.text(row, "count_status"), Some("not_supplied"), "{series}");
        }
    }
}

#[test]
fn the_parts_of_a_level_make_the_total() {
    let Some(kent) = &*KENT else { return };
    let sum = |texts: &[(&str, &str)]| kent.priority.counts(texts).into_iter().flatten().sum::<i64>();
    let lsoas = sum(&[("series", "total"), ("area_level", "lsoa")]);
    assert_eq!(lsoas, sum(&[("series", "total"), ("area_code", "all")]));
    assert_eq!(sum(&[("series", "total"), ("area_code", "no-location"), ("window", "month:2018-10")]), 434);
}
