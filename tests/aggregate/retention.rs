//! Retention with the program: records past their period are erased, months before that are not kept,
//! and the bytes of old rejects are removed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use partner_feeds::contract::Rejection;
use partner_feeds::contract::rejection::Reason;
use partner_feeds::event::{Kind, Micros};

use crate::chain::{Chain, HOUSING, POLICE, Table};
use crate::erase::files;
use crate::kit::events::{crime, homelessness_case};

const SOURCE: &str = "urn:partner:kent-police:crime";
const PLAN: &str = "smp-2017-18";
/// With periods of seven years, what began in June 2017 is kept.
const AS_OF: &str = "2024-06-15";
const KEPT_FROM: &str = "2017-06";
const PER_MONTH: usize = 10;

/// Who was the victim in two crimes, the first in a month that is erased.
const VICTIM: &str = "k17:0cc175b9c0f1b6a831c399e269772661";
const VICTIM_MONTHS: [&str; 2] = ["2017-02", "2018-01"];

/// Crimes of 36 months from January 2016, in two partitions; one of the first month that was moved to a
/// kept month, and housing cases.
fn chain() -> Chain {
    let mut chain = Chain::new();
    let months =
        (2016..2019).flat_map(|year| (1..=12).map(move |month| format!("{year}-{month:02}")));
    for (month, partition) in months.zip([0, 1].into_iter().cycle()) {
        let sent = (0..PER_MONTH).map(|n| {
            let sent = crime(&format!("{month}/{n}")).month(&month);
            if n == 3 && VICTIM_MONTHS.contains(&&*month) {
                (0, sent.victim(VICTIM))
            } else {
                (0, sent)
            }
        });
        chain.commit(POLICE, partition, sent);
    }
    let moved = crime("2016-01/0").revision(2).month("2018-02");
    chain.commit(POLICE, 0, [(60, moved)]);
    let cases = ["2016-05", "2018-05"];
    let cases = cases.map(|month| (0, homelessness_case(month).month(month)));
    chain.commit(HOUSING, 0, cases);
    chain
}

fn rejection() -> Rejection {
    Rejection {
        reason: Reason::SchemaEnum,
        pointer: "/data/outcome".into(),
        rule: "is not in the list".into(),
        partner: Some("kent-police".to_owned()),
        kind: Some(Kind::Crime),
        more: Vec::new(),
    }
}

fn start(root: &Path, settings: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("settings.toml"), settings).expect("written");
    let preserved =
        format!("[[record]]\ncase = \"DP-7\"\nsource = \"{SOURCE}\"\nsubjects = [\"2016-02/0\"]\n");
    fs::write(folder.path().join("preserved.toml"), preserved).expect("written");
    Command::new(env!("CARGO_BIN_EXE_partner-feeds"))
        .current_dir(folder.path())
        .args(arguments)
        .args(["--config", "settings.toml", "--store"])
        .arg(root)
        .output()
        .expect("started")
}

/// Runs a command that must succeed; returns what it printed.
#[track_caller]
fn run(root: &Path, settings: &str, arguments: &[&str]) -> String {
    let output = start(root, settings, arguments);
    let [out, error] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
    assert!(output.status.success(), "{arguments:?}: {out}{error}");
    out
}

const SEVEN_YEARS: &str = "[retention]\nevents = \"7y\"\npreserved = \"preserved.toml\"\n";

fn purge(more: &[&'static str]) -> Vec<&'static str> {
    [&["purge", "--without-broker", "--as-of", AS_OF], more].concat()
}

fn table(chain: &Chain, name: &str) -> Table {
    chain.table(&format!("aggregates/{PLAN}/{name}.parquet"))
}

/// The crimes of 2018 whose victim was one within the 12 months before, and why that is a lower
/// bound.
fn repeats_of_2018(chain: &Chain) -> (String, Option<String>) {
    let repeats = table(chain, "repeats");
    let row = repeats.one(&[
        ("kind", "crime"),
        ("series", "total"),
        ("area_code", "all-received"),
        ("window_id", "year:2018"),
        ("definition", "token-victim"),
    ]);
    let reason = repeats.text(row, "count_reason");
    (repeats.block_of(row), reason.map(str::to_owned))
}

/// The rows of crimes in a table by month: window, count, status and reason of each.
fn counts(table: &Table) -> Vec<(String, Option<i64>, String, Option<String>)> {
    let rows = (0..table.rows()).filter(|row| table.text(*row, "kind") == Some("crime"));
    let text = |row, name: &str| table.text(row, name).map(str::to_owned);
    rows.map(|row| {
        let window = text(row, "window_id").expect("a window");
        let status = text(row, "data_status").expect("a status");
        (
            window,
            table.number(row, "count_value"),
            status,
            text(row, "count_reason"),
        )
    })
    .collect()
}

fn is_kept(window: &str) -> bool {
    window.trim_start_matches("month:") >= KEPT_FROM
}

#[test]
fn records_past_their_period_are_erased_and_months_before_are_not_kept_and_never_0() {
    let chain = chain();
    let root = Path::new(chain.root());
    run(root, "", &["aggregate", "--plan", PLAN]);
    assert_eq!(repeats_of_2018(&chain), ("exact 1 1 1".to_owned(), None));
    let before = counts(&table(&chain, "category_monthly"));
    assert!(before.iter().any(|(window, ..)| !is_kept(window)));

    let tried = run(root, SEVEN_YEARS, &purge(&["--dry-run"]));
    // 17 months of crimes, without the one that was moved and the one that is preserved; a case.
    let expected = "past their retention period: 169 records with 169 rows\n\
                    kept from 2017-06: crime of kent-police\n\
                    kept from 2017-06: homelessness-case of maidstone-bc\n\
                    preserved, and not erased: 1 record\n";
    assert_eq!(tried, expected);
    assert!(!root.join("erasures").exists());

    let done = run(root, SEVEN_YEARS, &purge(&[]));
    assert!(done.starts_with(expected), "{done}");
    run(root, "", &["verify"]);
    let entry = fs::read_to_string(root.join("erasures/0000000001.json")).expect("an entry");
    assert!(
        entry.contains(r#""why":"retention","case":"retention/2024-06-15""#),
        "{entry}"
    );
    assert!(!entry.contains("2016-01/"), "no subject");
    for (subject, status) in [
        ("2016-01/0", 0),
        ("2016-01/1", 1),
        ("2016-02/0", 0),
        ("2017-06/0", 0),
    ] {
        let found = start(root, "", &["record", SOURCE, subject]);
        assert_eq!(found.status.code(), Some(status), "{subject}");
    }

    let lower_bound = ("partial - 0 -".to_owned(), Some("not_kept".to_owned()));
    assert_eq!(repeats_of_2018(&chain), lower_bound, "looked up in 2017");

    let quality = table(&chain, "feed_quality");
    let mut seen = 0;
    for row in (0..quality.rows()).filter(|row| quality.text(*row, "kind") == Some("crime")) {
        let window = quality.text(row, "window_id").expect("a window");
        let is_not_kept = quality.text(row, "data_status") == Some("not_kept");
        assert_eq!(is_not_kept, !is_kept(window), "{window}");
        seen += usize::from(is_not_kept);
    }
    // From the preserved record's month on: earlier ones have nothing to show.
    assert_eq!(seen, 16);
    let after = counts(&table(&chain, "category_monthly"));
    for (window, count, status, reason) in &after {
        if !is_kept(window) {
            assert_eq!((*count, status.as_str()), (None, "not_kept"), "{window}");
            assert!(reason.is_some(), "{window}");
        }
    }
    assert!(
        after
            .iter()
            .any(|(.., reason)| reason.as_deref() == Some("not_kept"))
    );
    let kept = |counts: &[(String, Option<i64>, String, Option<String>)]| {
        let counts = counts
            .iter()
            .filter(|(window, ..)| is_kept(window))
            .cloned();
        counts
            .map(|(window, count, _, reason)| (window, count, reason))
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&after), kept(&before));
    let intake = table(&chain, "intake");
    for row in 0..intake.rows() {
        let kept_from = intake.date(row, "kept_from");
        assert_eq!(kept_from.as_deref(), Some("2017-06-01"), "{row}");
    }

    // Nothing more is due, and a preserved record is not erased on request either.
    assert!(run(root, SEVEN_YEARS, &purge(&[])).contains("0 records with 0 rows"));
    assert!(!root.join("erasures/0000000002.json").exists());
}

#[test]
fn a_kind_that_people_review_is_erased_up_to_the_year_that_they_reviewed() {
    let chain = chain();
    let root = Path::new(chain.root());
    let settings =
        "[retention.kinds]\n\"police.crime\" = { after = \"7y\", action = \"review\" }\n";
    let told = run(root, settings, &purge(&[]));
    assert!(
        told.contains(
            "to review: 169 records of police.crime; then pass --reviewed police.crime:YEAR"
        ),
        "{told}"
    );
    assert!(!root.join("erasures").exists());
    let early = start(root, settings, &purge(&["--reviewed", "police.crime:2017"]));
    let error = String::from_utf8(early.stderr).expect("UTF-8");
    assert!(
        error.contains(
            "2017 of `police.crime` are not past their period: they are kept from 2017-06"
        ),
        "{error}"
    );
    let unknown = start(root, settings, &purge(&["--reviewed", "crime:2016"]));
    let error = String::from_utf8(unknown.stderr).expect("UTF-8");
    assert!(
        error.contains("`crime` has no period that ends with a review"),
        "{error}"
    );
    let done = run(root, settings, &purge(&["--reviewed", "police.crime:2016"]));
    assert!(
        done.contains(
            "119 records with 119 rows\nkept from 2017-01: crime of kent-police\n\
                       to review: 50 records of police.crime"
        ),
        "{done}"
    );
    run(root, "", &["verify"]);
}

#[test]
fn the_bytes_of_old_rejects_are_removed_and_their_rows_stay() {
    let mut chain = Chain::new();
    let day = 86_400 * Micros::PER_SECOND;
    let received = |days: i64| Micros(1_577_836_800 * Micros::PER_SECOND + days * day);
    for (days, key) in [(0, "46-old"), (50, "46-new")] {
        chain.commit_rejected_with_key(POLICE, 0, received(days), &rejection(), Some(key));
    }
    let root = Path::new(chain.root());
    // 2020-02-20 is 50 days after the first.
    let arguments = ["purge", "--without-broker", "--as-of", "2020-02-20"];
    let settings = |days: &str| format!("[retention]\nrejects_raw = \"{days}\"\n");
    assert!(!run(root, &settings("60d"), &arguments).contains("bytes of rejects"));
    let done = run(root, &settings("30d"), &arguments);
    assert!(
        done.contains("bytes of rejects removed from 1 file\n"),
        "{done}"
    );
    run(root, "", &["verify"]);
    let left = files(root).into_iter().filter(|path| {
        let bytes = fs::read(path).expect("a file");
        bytes.windows(6).any(|window| window == b"46-old")
    });
    assert_eq!(left.count(), 0);
    let listed = run(
        root,
        "",
        &["rejects", "list", "--show-raw", "--format", "json"],
    );
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        !listed.contains("46-old") && listed.contains("46-new"),
        "{listed}"
    );
    assert!(
        !run(root, &settings("30d"), &arguments).contains("bytes of rejects"),
        "once"
    );
}
