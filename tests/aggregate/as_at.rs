//! Figures as at a day, of forces whose every monthly file is a release: a later one re-dates
//! records of one before.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use partner_feeds::import::police_uk::{self, PoliceUkOptions};

use crate::chain::{Chain, POLICE, REFERENCE, noon};
use crate::import::{MONTHS, options};
use crate::published::{HEADER, Street};

const PLAN: &str = "smp-2017-18";

/// The crimes of months as at the end of December and of January, two monthly files having been
/// received in the middle of those.
fn crimes(
    street: &Street,
    months: [&str; 2],
    vintage: Option<i32>,
    counted: [&str; 2],
) -> [[Option<i64>; 2]; 2] {
    let mut chain = Chain::new();
    let folder = tempfile::tempdir().expect("a folder");
    let mut previous = Vec::new();
    for (month, (release, received)) in months
        .into_iter()
        .zip([("2019-02", "2018-12-15"), ("2019-03", "2019-01-15")])
    {
        let mut lines = Vec::new();
        let file = of_month(street, month, folder.path());
        let options = PoliceUkOptions {
            release: release.parse().expect("a month"),
            previous: previous.clone(),
            vintage,
            ..options()
        };
        police_uk::import(
            std::slice::from_ref(&file),
            &options,
            &REFERENCE,
            &mut lines,
        )
        .expect("imported");
        let documents: Vec<String> = lines.lines().collect::<Result<_, _>>().expect("text");
        chain.commit(
            POLICE,
            0,
            documents
                .iter()
                .map(|document| (noon(received), &**document)),
        );
        previous = vec![file];
    }
    ["2018-12-31", "2019-01-31"].map(|day| {
        let run = chain
            .aggregate_with(&REFERENCE, &[PLAN], Some(day))
            .expect("records");
        let priority = chain.table_of(&run, PLAN, "priority_monthly");
        counted.map(|month| {
            let window = format!("month:{month}");
            let texts = [
                ("series", "total"),
                ("kind", "crime"),
                ("area_code", "all-received"),
                ("window_id", &*window),
            ];
            let row = priority.find(&texts).next()?;
            priority.number(row, "count_value")
        })
    })
}

/// The rows of one month, as a file of their own.
fn of_month(street: &Street, month: &str, folder: &Path) -> PathBuf {
    let mut rows = String::new();
    for file in &street.files {
        let mut text = String::new();
        let packed = std::fs::File::open(file).expect("a file");
        let read = if file.extension().is_some_and(|end| end == "gz") {
            MultiGzDecoder::new(packed).read_to_string(&mut text)
        } else {
            std::io::BufReader::new(packed).read_to_string(&mut text)
        };
        read.expect("text");
        let is_of_month = |line: &&str| line.split(',').nth(1) == Some(month);
        text.lines()
            .filter(is_of_month)
            .for_each(|line| rows.extend([line, "\n"]));
    }
    let name = street.files[0]
        .file_name()
        .expect("a name")
        .to_string_lossy();
    let force = name
        .trim_end_matches(".gz")
        .trim_end_matches("-street.csv")
        .trim_start_matches("2018-10_to_2019-02");
    let path = folder.join(format!(
        "{month}-{}-street.csv",
        force.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit())
    ));
    std::fs::write(&path, format!("{HEADER}{rows}")).expect("a file");
    path
}

#[test]
fn a_burglary_of_kent_is_redated_by_the_next_release() {
    let found = crimes(
        &Street::kent(),
        ["2018-11", "2018-12"],
        None,
        ["2018-11", "2018-12"],
    );
    assert_eq!(found, [[Some(11_690), None], [Some(11_689), Some(6_132)]]);
}

#[test]
fn two_crimes_of_dyfed_powys_are_redated_by_the_next_release() {
    let street = Street::of("dyfed-powys", |made| {
        made.ids(&MONTHS[2..4], 2, "W01000001");
        made.ids(&MONTHS[2..3], 2_435, "W01000001");
        made.ids(&MONTHS[3..4], 2_512, "W01000001");
    });
    let found = crimes(
        &street,
        ["2018-12", "2019-01"],
        Some(2011),
        ["2018-12", "2019-01"],
    );
    assert_eq!(found, [[Some(2_437), None], [Some(2_435), Some(2_514)]]);
}
