//! What the published tables of statutory homelessness hold, where they are at hand: figures of
//! Maidstone and others, counted by hand from the workbooks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use calamine::{Data, DataType, Reader, Xlsx, open_workbook};
use partner_feeds::import::hclic::{self, HclicOptions, HclicSummary};
use partner_feeds::reference::Reference;
use partner_feeds::reference::pattern::is_base;
use serde_json::Value;

use crate::published::{data, say};

const MAIDSTONE: &str = "E07000110";
const LONDON: &str = "E09000001";

/// Events by subject.
type Events = BTreeMap<String, Value>;

fn imported(files: &[PathBuf], authority: Option<&str>) -> (Events, HclicSummary) {
    let release = "2026-04".parse().expect("a month");
    let options = HclicOptions {
        release,
        previous: Vec::new(),
        authority: authority.map(str::to_owned),
    };
    let mut out = Vec::new();
    let summary = hclic::import(files, &options, &mut out).expect("events");
    let text = String::from_utf8(out).expect("UTF-8");
    let entry = |line: &str| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        (
            event["subject"].as_str().expect("a subject").to_owned(),
            event,
        )
    };
    let events: Events = text.lines().map(entry).collect();
    assert_eq!(
        (events.len(), text.lines().count()),
        (summary.events(), summary.events()),
        "each a record of its own"
    );
    (events, summary)
}

const WORKBOOKS: [&str; 3] = [
    "DetailedLA_201806.xlsx",
    "Detailed_LA_202306_all_dropdowns_fix.xlsx",
    "Detailed_LA_202309_fixed.xlsx",
];

/// Events of the three workbooks, and of the long CSV.
struct Published {
    workbooks: (Events, HclicSummary),
    long: (Events, HclicSummary),
}

/// The events of the published files; `None` where they are not at hand.
static PUBLISHED: LazyLock<Option<Published>> = LazyLock::new(|| {
    let Some(folder) = data()
        .map(|data| data.join("housing"))
        .filter(|folder| folder.is_dir())
    else {
        say("tables of homelessness: the published ones are not at hand, nothing is compared");
        return None;
    };
    say(&format!(
        "tables of homelessness: the published files in {}",
        folder.display()
    ));
    let workbooks = imported(&WORKBOOKS.map(|name| folder.join(name)), None);
    let long = imported(&[folder.join("maidstone-hclic-long.csv")], Some(MAIDSTONE));
    Some(Published { workbooks, long })
});

/// The events of the workbooks and of the long CSV, each once; none where the files are not at
/// hand.
pub(crate) fn published() -> Option<impl Iterator<Item = &'static Value>> {
    let Published { workbooks, long } = PUBLISHED.as_ref()?;
    let of_csv = long
        .0
        .iter()
        .filter(|(subject, _)| !workbooks.0.contains_key(*subject));
    Some(workbooks.0.values().chain(of_csv.map(|(_, event)| event)))
}

/// The value of a cell, by quarter, table, authority and category.
fn value(events: &Events, cell: &str, category: &str) -> Option<i64> {
    data_of(events, cell, category)["value"].as_i64()
}

fn data_of<'e>(events: &'e Events, cell: &str, category: &str) -> &'e Value {
    let of = |(subject, event): &(&String, &Value)| {
        subject.starts_with(cell) && event["data"]["what"]["category"] == category
    };
    let mut found = events.iter().filter(of);
    let (_, event) = found
        .next()
        .unwrap_or_else(|| panic!("{cell} has no {category}"));
    assert!(found.next().is_none(), "{cell}: {category} is not unique");
    &event["data"]
}

#[test]
fn every_cell_of_maidstone_is_a_record_of_its_own() {
    let Some(Published {
        long: (events, summary),
        ..
    }) = &*PUBLISHED
    else {
        return;
    };
    assert_eq!(
        (
            summary.events(),
            summary.sub_totals,
            summary.not_counts,
            summary.blank
        ),
        (2_575, 210, 54, 0)
    );
    let quarters: HashSet<_> = summary.tables.iter().map(|table| table.quarter).collect();
    let category = |event: &Value| {
        event["data"]["what"]["category"]
            .as_str()
            .map_or(0, str::len)
    };
    assert_eq!(
        (quarters.len(), events.values().map(category).max()),
        (31, Some(122))
    );
}

#[test]
fn reasons_add_up_to_their_base() {
    let Some(Published {
        long: (events, _), ..
    }) = &*PUBLISHED
    else {
        return;
    };
    let mut tables: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (subject, event) in events
        .iter()
        .filter(|(subject, _)| subject.starts_with("A2"))
    {
        let (base, reasons) = tables
            .entry(subject.split(".E").next().unwrap_or_default())
            .or_default();
        let value = event["data"]["value"].as_i64().expect("a value");
        let category = event["data"]["what"]["category"]
            .as_str()
            .expect("a category");
        *(if is_base(category) { base } else { reasons }) += value;
    }
    let odd: Vec<_> = tables
        .iter()
        .filter(|(_, (base, reasons))| base != reasons)
        .collect();
    assert_eq!(tables.len(), 50);
    // The publisher's own figures.
    assert_eq!(
        odd,
        [(&"A2P.202403", &(157, 161)), (&"A2R.202403", &(121, 127))]
    );
}

#[test]
fn workbook_and_long_csv_give_the_same_events() {
    let Some(Published { workbooks, long }) = &*PUBLISHED else {
        return;
    };
    let quarters = [".201806.", ".202306.", ".202309."];
    let of_maidstone = |subject: &str| {
        subject.contains(MAIDSTONE) && quarters.iter().any(|quarter| subject.contains(quarter))
    };
    let of_both = |(events, _): &'static (Events, HclicSummary)| -> BTreeMap<_, _> {
        events
            .iter()
            .filter(|(subject, _)| of_maidstone(subject))
            .collect()
    };
    let (of_workbooks, of_csv) = (of_both(workbooks), of_both(long));
    assert_eq!(of_csv.len(), 253);
    assert!(of_workbooks == of_csv);
}

#[test]
fn assessments_of_maidstone_are_as_published() {
    let Some(Published {
        long: (events, _), ..
    }) = &*PUBLISHED
    else {
        return;
    };
    let figures = |quarter: &str, categories: &[&str]| -> Vec<i64> {
        let cell = format!("A1.{quarter}.{MAIDSTONE}");
        categories
            .iter()
            .filter_map(|category| value(events, &cell, category))
            .collect()
    };
    let (all, no_duty) = (
        "total-initial-assessments",
        "not-homeless-nor-threatened-with-homelessness-within-56-days-no-duty-owed",
    );
    let owed = "assessed-as-owed-a-duty/total-owed-a-prevention-or-relief-duty";
    let withdrew = "withdrew-application-before-assessment-no-duty-owed";
    let not_eligible = "not-eligible-no-longer-eligible-no-duty-owed";
    let first = [
        all,
        "assessed-as-owed-a-duty/total",
        "not-threatened-with-homelessness-within-56-days-no-duty-owed",
    ];
    assert_eq!(figures("201806", &first), [253, 224, 29]);
    assert_eq!(figures("201906", &[all, owed, no_duty]), [298, 246, 52]);
    assert_eq!(figures("202306", &[all, owed, no_duty]), [296, 271, 25]);
    assert_eq!(
        figures("202309", &[all, owed, no_duty, withdrew, not_eligible]),
        [626, 261, 26, 302, 37]
    );
    assert_eq!(
        figures("202312", &[all, owed, no_duty, withdrew, not_eligible]),
        [380, 265, 38, 68, 9]
    );
}

#[test]
fn what_kent_did_not_supply_is_not_zero() {
    let Some(Published {
        workbooks: (events, _),
        ..
    }) = &*PUBLISHED
    else {
        return;
    };
    // E07000105 to E07000116 are the districts of Kent; Canterbury is the second.
    let kent = |quarter: &str| -> Vec<Option<i64>> {
        let cell = |district| format!("A1.{quarter}.E07000{district}");
        (105..=116)
            .map(|district| value(events, &cell(district), "total-initial-assessments"))
            .collect()
    };
    let sum = |quarter: &str| kent(quarter).into_iter().flatten().sum::<i64>();
    assert_eq!(
        (sum("201806"), sum("202306"), sum("202309")),
        (1_931, 1_501, 4_169)
    );
    assert_eq!(
        kent("202306")
            .iter()
            .filter(|value| value.is_none())
            .count(),
        1
    );
    let canterbury = data_of(events, "A1.202306.E07000106", "total-initial-assessments");
    assert_eq!(canterbury["status"], "not_supplied");
    let medway = |quarter| {
        value(
            events,
            &format!("A1.{quarter}.E06000035"),
            "total-initial-assessments",
        )
    };
    assert_eq!(
        (medway("201806"), medway("202309")),
        (Some(2_402 - 1_931), Some(5_238 - 4_169))
    );
}

/// A workbook ends a line with the authority's households in thousands, and its rates of prevention
/// and relief.
#[test]
fn households_by_thousands_of_the_area_are_the_published_rates_of_every_authority() {
    let Some(Published {
        workbooks: (events, _),
        ..
    }) = &*PUBLISHED
    else {
        return;
    };
    let folder = data().expect("the published files").join("housing");
    let prevention =
        "assessed-as-owed-a-duty/threatened-with-homelessness-within-56-days-prevention-duty-owed"
            .to_owned();
    let sent = |quarter: &str| -> BTreeMap<&str, f64> {
        let start = format!("A1.{quarter}.");
        let of_quarter = events
            .iter()
            .filter(|(subject, _)| subject.starts_with(&start))
            .map(|(_, event)| &event["data"]);
        let of_duty = of_quarter.filter(|data| data["what"]["category"] == prevention);
        of_duty
            .filter_map(|data| Some((data["area"]["code"].as_str()?, data["value"].as_f64()?)))
            .collect()
    };
    for (file, quarter, authorities) in
        [(WORKBOOKS[1], "202306", 287), (WORKBOOKS[2], "202309", 292)]
    {
        let mut workbook: Xlsx<_> = open_workbook(folder.join(file)).expect("a workbook");
        let sheet = workbook.worksheet_range("A1").expect("a sheet");
        let sent = sent(quarter);
        let mut same = 0;
        for row in sheet.rows() {
            let Some(households) = row
                .first()
                .and_then(Data::get_string)
                .and_then(|code| sent.get(code.trim()))
            else {
                continue;
            };
            let numbers: Vec<f64> = row.iter().filter_map(DataType::as_f64).collect();
            let [.., thousands, rate, _] = numbers[..] else {
                panic!("{file}: {row:?}")
            };
            assert!(
                (households / thousands - rate).abs() < 1e-9,
                "{file}: {row:?}"
            );
            same += 1;
        }
        assert_eq!(same, authorities, "{file}");
    }
}

#[test]
fn needs_of_maidstone_are_as_published() {
    let Some(Published {
        workbooks: (events, _),
        ..
    }) = &*PUBLISHED
    else {
        return;
    };
    let needs = |category: &str| value(events, &format!("A3.201806.{MAIDSTONE}"), category);
    let with = "households-with-one-or-more-support-needs/total";
    assert_eq!(
        [
            needs("drug-dependency-needs"),
            needs("alcohol-dependency-needs"),
            needs(with)
        ],
        [Some(13), Some(8), Some(132)]
    );
    assert_eq!(needs("history-of-mental-health-problems"), Some(78));
    let (without, unknown) = (
        needs("households-with-no-support-needs"),
        needs("households-with-unknown-support-needs"),
    );
    assert_eq!(
        (without, unknown, needs("total-number-of-support-needs")),
        (Some(92), Some(0), Some(349))
    );
    let owed = value(
        events,
        &format!("A1.201806.{MAIDSTONE}"),
        "assessed-as-owed-a-duty/total",
    );
    assert_eq!(owed, Some(92 + 132));
}

#[test]
fn what_is_withheld_in_the_city_of_london_is_between_0_and_its_base() {
    let Some(Published {
        workbooks: (events, summary),
        ..
    }) = &*PUBLISHED
    else {
        return;
    };
    let cell = format!("A3.201806.{LONDON}");
    let withheld: Vec<_> = events
        .iter()
        .filter(|(subject, event)| {
            subject.starts_with(&cell) && event["data"]["status"] == "suppressed"
        })
        .map(|(_, event)| {
            (
                event["data"]["at_least"].as_i64(),
                event["data"]["at_most"].as_i64(),
            )
        })
        .collect();
    assert_eq!(
        withheld
            .iter()
            .filter(|bounds| **bounds == (Some(0), Some(4)))
            .count(),
        20
    );
    let number_of_needs = data_of(events, &cell, "total-number-of-support-needs");
    assert_eq!(
        (
            number_of_needs["at_least"].as_i64(),
            number_of_needs["at_most"].as_i64()
        ),
        (Some(4), None)
    );
    assert_eq!(withheld.len(), 21);
    let all: usize = summary.tables.iter().map(|table| table.suppressed).sum();
    assert_eq!((summary.events(), all), (76_658, 344));
}

/// The code lists contain what is published, and nothing else; `hclic-need` up to the slash.
#[test]
fn code_lists_are_the_published_categories() {
    let Some(Published { workbooks, long }) = &*PUBLISHED else {
        return;
    };
    let codes = Reference::load(None).expect("built in").codes;
    let mut used: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for event in workbooks.0.values().chain(long.0.values()) {
        let what = &event["data"]["what"];
        let [list, edition, category] =
            ["list", "edition", "category"].map(|f| what[f].as_str().expect("a text"));
        let code = if list == "hclic-need" {
            category.split('/').next().unwrap_or_default()
        } else {
            category
        };
        used.entry((list.to_owned(), edition.to_owned()))
            .or_default()
            .insert(code.to_owned());
    }
    assert_eq!(used.len(), 6);
    for ((scheme, edition), categories) in used {
        let list = codes
            .lists_of(&scheme)
            .find(|list| list.edition.as_ref() == Some(&edition))
            .expect("a list");
        let known: BTreeSet<String> = list.codes.iter().map(|code| code.code.clone()).collect();
        assert_eq!(known, categories, "{scheme}@{edition}");
    }
}
