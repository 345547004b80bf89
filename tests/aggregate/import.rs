//! What published files are like, and what becomes of them: figures of whole forces.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use partner_feeds::import::police_uk::{
    self, IdScope, PoliceUkError, PoliceUkOptions, PoliceUkSummary,
};

use crate::chain::REFERENCE;
use crate::published::{ASB, HEADER, KENT, Street, data, say};

pub(crate) const MONTHS: [&str; 5] = ["2018-10", "2018-11", "2018-12", "2019-01", "2019-02"];

pub(crate) fn options() -> PoliceUkOptions {
    let release = "2019-04".parse().expect("a month");
    PoliceUkOptions {
        release,
        previous: Vec::new(),
        id_scope: IdScope::Release,
        vintage: None,
    }
}

/// The subjects of the events of files.
fn subjects_of(
    files: &[PathBuf],
    options: &PoliceUkOptions,
) -> Result<(Vec<String>, PoliceUkSummary), PoliceUkError> {
    let mut out = Vec::new();
    let summary = police_uk::import(files, options, &REFERENCE, &mut out)?;
    let text = String::from_utf8(out).expect("UTF-8");
    let subject = |line: &str| {
        Some(
            line.split_once(r#""subject":""#)?
                .1
                .split_once('"')?
                .0
                .to_owned(),
        )
    };
    Ok((text.lines().filter_map(subject).collect(), summary))
}

fn unique(subjects: &[String]) -> usize {
    subjects.iter().collect::<HashSet<_>>().len()
}

#[test]
fn every_row_of_kent_is_a_record_of_its_own() {
    let kent = Street::kent();
    let (subjects, summary) = subjects_of(&kent.files, &options()).expect("events");
    assert_eq!((subjects.len(), unique(&subjects)), (75_735, 75_735));
    let months: Vec<_> = summary
        .months
        .iter()
        .map(|m| (m.month.as_str(), m.crimes, m.incidents))
        .collect();
    let counts = [
        (17_347, 2_049),
        (11_690, 2_128),
        (6_132, 2_306),
        (15_659, 2_133),
        (14_125, 2_166),
    ];
    let expected: Vec<_> = MONTHS
        .into_iter()
        .zip(counts)
        .map(|(month, (c, i))| (month, c, i))
        .collect();
    assert_eq!(months, expected);
    assert_eq!(summary.vintage, Some(2011));
    assert_eq!(
        (
            summary.without_area,
            summary.ids_repeated,
            summary.ids_redated
        ),
        (1_418, 3, 1)
    );
    let october: Vec<PathBuf> = kent
        .files
        .iter()
        .filter(|f| f.to_string_lossy().contains("2018-10-"))
        .cloned()
        .collect();
    let (subjects, summary) = subjects_of(&october, &options()).expect("events");
    assert_eq!((summary.equal_groups, summary.equal_rows), (328, 915));
    if data().is_some() {
        assert!(
            subjects
                .iter()
                .any(|s| s == "2018-10.6a5cd1088335c9f767eaeb177e9e5348.1")
        );
    }
}

#[test]
fn ids_of_northern_ireland_do_not_identify() {
    let street = Street::of("northern-ireland", |made| {
        for (months, ids) in [(5, 7_024), (4, 337), (3, 471), (1, 1_216)] {
            made.ids(&MONTHS[..months], ids, "");
        }
        made.incidents("2018-10", 21_753, "");
    });
    let refused = subjects_of(&street.files, &options()).expect_err("reused");
    assert!(
        matches!(
            refused,
            PoliceUkError::IdsReused {
                redated: 7_832,
                ids: 9_048
            }
        ),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("--id-scope month"),
        "{refused}"
    );
    let by_month = PoliceUkOptions {
        id_scope: IdScope::Month,
        ..options()
    };
    let (subjects, summary) = subjects_of(&street.files, &by_month).expect("events");
    assert_eq!((subjects.len(), unique(&subjects)), (60_850, 60_850));
    assert_eq!(
        (summary.vintage, summary.crimes() - summary.ids_repeated),
        (None, 39_097)
    );
}

#[test]
fn rows_of_dyfed_powys_show_their_vintage_and_hold_two_redated_ids() {
    let street = Street::of("dyfed-powys", |made| {
        made.ids(&MONTHS[2..4], 2, "W01000001");
        made.ids(&MONTHS[..1], 12_123, "W01000001");
        made.incidents("2018-10", 3_993, "W01000001");
    });
    let (subjects, summary) = subjects_of(&street.files, &options()).expect("events");
    assert_eq!(summary.vintage, Some(2011));
    assert_eq!(
        (subjects.len(), unique(&subjects), summary.ids_redated),
        (16_120, 16_120, 2)
    );
}

/// Imports a sample of a published file under the name it was published by; the events and what was
/// written from it.
fn sampled(file: &str, release: &str) -> Option<(Vec<serde_json::Value>, PoliceUkSummary)> {
    let Some(folder) = data().map(|data| data.join("police")) else {
        say(&format!(
            "{file}: the sample is not at hand, nothing is compared"
        ));
        return None;
    };
    let named = tempfile::tempdir().expect("a folder");
    let path = named.path().join(format!("{file}.csv"));
    std::fs::copy(folder.join(format!("{file}.SAMPLE.csv")), &path).expect("a copy");
    let mut out = Vec::new();
    let options = PoliceUkOptions {
        release: release.parse().expect("a month"),
        ..options()
    };
    let summary = police_uk::import(&[path], &options, &REFERENCE, &mut out).expect("events");
    let events = out
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).expect("JSON"));
    Some((events.collect(), summary))
}

#[test]
fn a_published_search_is_the_example_of_its_kind_without_its_ward() {
    let Some((events, summary)) = sampled("2024-06-kent-stop-and-search", "2024-08") else {
        return;
    };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/examples/stop-search.json");
    let example = std::fs::read_to_string(example).expect("an example");
    let mut example: serde_json::Value = serde_json::from_str(&example).expect("JSON");
    assert!(
        example["data"]
            .as_object_mut()
            .expect("an object")
            .remove("area")
            .is_some()
    );
    assert_eq!(events[0], example);
    assert_eq!(
        (events.len(), summary.searches(), summary.without_area),
        (12, 12, 12)
    );
    let persons = events
        .iter()
        .filter(|event| !event["data"]["person"].is_null())
        .count();
    let arrests = events
        .iter()
        .filter(|event| event["data"]["outcome"]["code"] == "arrest")
        .count();
    assert_eq!((persons, arrests), (11, 3));
}

#[test]
fn published_outcomes_are_no_records_of_their_own() {
    let Some((events, summary)) = sampled("2019-06-metropolitan-outcomes", "2019-08") else {
        return;
    };
    assert_eq!(
        (events.len(), summary.outcomes, summary.outcomes_skipped),
        (0, 10, 10)
    );
}

/// The outcomes of the sample, joined to crimes made of its ids: of an id that was charged and had
/// no suspect, the charge counts.
#[test]
fn published_outcomes_are_those_of_their_crimes() {
    let Some(folder) = data().map(|data| data.join("police")) else {
        return;
    };
    let sample = std::fs::read_to_string(folder.join("2019-06-metropolitan-outcomes.SAMPLE.csv"))
        .expect("a sample");
    let named = tempfile::tempdir().expect("a folder");
    let [outcomes, street] = ["outcomes", "street"]
        .map(|end| named.path().join(format!("2019-06-metropolitan-{end}.csv")));
    std::fs::write(&outcomes, &sample).expect("a file");
    let ids: BTreeSet<&str> = sample
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    let rows = ids
        .iter()
        .map(|id| format!("{id},2019-06,Metropolitan Police Service,Metropolitan Police Service,,,No Location,,,Drugs,Under investigation,\n"));
    std::fs::write(&street, format!("{HEADER}{}", rows.collect::<String>())).expect("a file");
    let mut out = Vec::new();
    let options = PoliceUkOptions {
        release: "2019-08".parse().expect("a month"),
        ..options()
    };
    let summary =
        police_uk::import(&[outcomes, street], &options, &REFERENCE, &mut out).expect("events");
    assert_eq!(
        (
            ids.len(),
            summary.crimes(),
            summary.outcomes,
            summary.outcomes_skipped
        ),
        (7, 7, 10, 0)
    );
    let text = String::from_utf8(out).expect("UTF-8");
    let with = |code: &str| {
        text.matches(&format!(r#""code":"{code}","at":"2019-06""#))
            .count()
    };
    let codes = [
        "suspect-charged",
        "local-resolution",
        "offender-given-penalty-notice",
        "offender-given-a-caution",
    ];
    assert_eq!(codes.map(with), [4, 1, 1, 1]);
}

/// The extract that stands in for the files of Kent is counted again where the files are at hand.
#[test]
fn the_extract_of_kent_is_what_the_files_hold() {
    let street = Street::kent();
    let mut lines: BTreeMap<(String, &str, String, usize), usize> = BTreeMap::new();
    for file in &street.files {
        for (row, alike) in rows_of(file) {
            let lsoa = &row[7];
            let in_maidstone = if street.maidstone.contains(lsoa) {
                "maidstone"
            } else {
                "elsewhere"
            };
            let area = if lsoa.is_empty() {
                "no-location"
            } else {
                in_maidstone
            };
            let (alike, groups) = if row[9] == *ASB {
                (alike, 1)
            } else {
                (1, alike)
            };
            *lines
                .entry((row[1].clone(), area, row[9].clone(), alike))
                .or_default() += groups;
        }
    }
    let line =
        |((month, area, kind, alike), groups)| format!("{month},{area},{kind},{alike},{groups}");
    let counted: Vec<String> = lines.into_iter().map(line).collect();
    assert_eq!(
        counted,
        KENT.lines()
            .filter(|line| line.starts_with("20"))
            .collect::<Vec<_>>()
    );
}

/// The rows of a file, each once, with how many are equal to it.
fn rows_of(file: &Path) -> HashMap<Vec<String>, usize> {
    let packed = std::fs::File::open(file).expect("a file");
    let plain: Box<dyn std::io::Read> = if file.extension().is_some_and(|end| end == "gz") {
        Box::new(MultiGzDecoder::new(packed))
    } else {
        Box::new(packed)
    };
    let mut rows = HashMap::new();
    for row in csv::Reader::from_reader(plain).records() {
        let row = row.expect("a row").iter().map(str::to_owned).collect();
        *rows.entry(row).or_default() += 1;
    }
    rows
}
