//! What comes in is what it claims: codes that their list does not contain, and revisions that
//! contradict each other, are reported by every command that reads records.

use std::process::{Command, Output};

use partner_feeds::aggregate::{self, Inspection};
use serde_json::Value;

use crate::chain::{Chain, POLICE, REFERENCE, reference_with};
use crate::kit::events::{EventBuilder, crime, homelessness_case, published_crime};

/// Runs the program with a file of these lines as its last argument.
fn run_with_lines(arguments: &[&str], lines: &[EventBuilder]) -> Output {
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    run_with_text(arguments, &lines.join("\n"))
}

/// The same, with a file of this text.
fn run_with_text(arguments: &[&str], text: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.jsonl");
    std::fs::write(&file, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
    let command = command
        .current_dir(folder.path())
        .args(arguments)
        .arg(&file);
    command.output().expect("started")
}

fn run_in(chain: &Chain, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
    let command = command.args(arguments).args(["--store", chain.root()]);
    let output = command.output().expect("started");
    assert!(output.status.success(), "{output:?}");
    let both = [output.stdout, output.stderr].concat();
    String::from_utf8(both).expect("UTF-8")
}

fn checked(arguments: &[&str], lines: &[EventBuilder]) -> (Option<i32>, String) {
    let output = run_with_lines(&[&["check"], arguments].concat(), lines);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), text)
}

fn unknown(chain: &Chain) -> Vec<(String, String, u64)> {
    let found = inspected(chain).unknown_codes.codes(&REFERENCE.codes);
    found
        .into_iter()
        .map(|code| (code.list, code.code, code.records))
        .collect()
}

fn inspected(chain: &Chain) -> Inspection {
    aggregate::inspect(&chain.store, &REFERENCE, chain.runtime.handle())
        .expect("read")
        .expect("no merge")
}

/// The sum of a column of `feed_quality`.
fn quality(chain: &Chain, column: &str) -> i64 {
    let table = chain.table("aggregates/smp-2017-18/feed_quality.parquet");
    (0..table.rows())
        .filter_map(|row| table.number(row, column))
        .sum()
}

/// Contradictions by table, and of an inspection.
fn contradictions(chain: &Chain) -> (i64, u64) {
    let inspected = inspected(chain).contradictions.values().sum();
    (quality(chain, "contradictions"), inspected)
}

#[test]
fn check_reports_unknown_codes_and_fails_on_them_if_strict() {
    for (line, list, code, nearest) in [
        (
            published_crime("a", "2017-04").category("violence-sexual-offences"),
            "police-uk@2013-05",
            "violence-sexual-offences",
            "violence-and-sexual-offences",
        ),
        (crime("a").category("8Z"), "ho-category@2026-04", "8Z", "8"),
        (
            homelessness_case("a")
                .occurred("2018-05")
                .put("loss_reason", "domestic-abus"),
            "hclic-reason@2018-04",
            "domestic-abus",
            "domestic-abuse",
        ),
    ] {
        let lines = [line, crime("known"), crime("too")];
        let (status, text) = checked(&[], &lines);
        assert_eq!(status, Some(0), "{text}");
        let row = text.lines().find(|line| line.contains(list)).expect(&text);
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(cells[..3], [list, code, "1"], "{text}");
        assert!(cells[3].starts_with(nearest), "{text}");

        let (status, text) = checked(&["--strict"], &lines);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.ends_with("failed: 1 unknown code\n"), "{text}");
        let (_, json) = checked(&["--format", "json"], &lines);
        let json: Value = serde_json::from_str(&json).expect("an object");
        assert_eq!(json["unknown_codes"][0]["code"], code);
    }
    let (status, text) = checked(&["--strict"], &[crime("known"), crime("too")]);
    assert_eq!(
        (status, &*text),
        (Some(0), "2 lines, 2 accepted, 0 rejected\n")
    );
}

#[test]
fn check_reports_other_content_under_the_same_revision() {
    let other = |first: EventBuilder, second: EventBuilder, contradicts: bool| {
        let lines = [first, crime("between"), second];
        let (status, text) = checked(&["--strict"], &lines);
        assert_eq!(status, Some(i32::from(contradicts)), "{text}");
        let mut lines = text.lines();
        let warned = lines.any(|line| line.starts_with("warning at /revision: "))
            && lines.next() == Some("    line 3");
        assert_eq!(warned, contradicts, "{text}");
        assert_eq!(text.ends_with("failed: 1 contradiction\n"), contradicts);
    };
    let first = || crime("a").flag("domestic_abuse", true);
    other(first(), first().category("8P"), true);
    other(first(), first().flag("domestic_abuse", false), true);
    other(first(), first().cancelled(), true);
    other(
        first(),
        first().time("2019-12-02T00:00:00Z").lsoa("E01024374"),
        true,
    );
    other(first(), first(), false);
    other(first(), first().time("2019-12-02T00:00:00Z"), false);
    other(first(), first().category("8P").revision(2), false);
}

#[test]
fn aggregate_and_status_count_unknown_codes_of_the_records_that_count() {
    let old = |subject: &str| crime(subject).category("8Z");
    let chain = Chain::with(
        POLICE,
        &[
            old("corrected"),
            crime("corrected").revision(2),
            old("stays"),
            old("sent-twice"),
            old("sent-twice"),
            old("cancelled").cancelled(),
            crime("outcome").put(
                "outcome",
                serde_json::json!({ "list": "ho-outcome", "code": "22Z" }),
            ),
        ],
    );
    let expected = [
        ("ho-category@2026-04".to_owned(), "8Z".to_owned(), 2),
        ("ho-outcome".to_owned(), "22Z".to_owned(), 1),
    ];
    assert_eq!(unknown(&chain), expected);
    let summary = chain.aggregate("smp-2017-18").expect("records");
    let found = summary.unknown_codes.codes(&REFERENCE.codes);
    let found: Vec<_> = found
        .into_iter()
        .map(|code| (code.list, code.code, code.records))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(quality(&chain, "unknown_code"), 3);
    let printed = run_in(&chain, &["aggregate", "--plan", "smp-2017-18"]);
    assert!(printed.contains("8Z"), "{printed}");
    let printed = run_in(
        &chain,
        &["record", "urn:partner:kent-police:crime", "stays"],
    );
    let warning = "warning: the list ho-category@2026-04 does not contain the code 8Z";
    assert!(printed.contains(warning), "{printed}");
}

#[test]
fn a_code_that_is_added_to_its_list_is_known() {
    let chain = Chain::with(POLICE, &[crime("a").category("8Z")]);
    assert_eq!(unknown(&chain).len(), 1);
    let list = include_str!("../../config/codes/ho-category@2026-04.csv");
    let reference = reference_with(&[(
        "codes/ho-category@2026-04.csv",
        &format!("{}\n8Z,New,,\n", list.trim_end()),
    )]);
    let found = aggregate::inspect(&chain.store, &reference, chain.runtime.handle());
    let found = found.expect("read").expect("no merge");
    assert!(found.unknown_codes.is_empty());
}

#[test]
fn contradictions_of_the_latest_revision_are_counted_wherever_they_are() {
    let first = || crime("a").flag("domestic_abuse", true);
    let other = || first().category("8P");
    let again = || first().time("2019-12-02T00:00:00Z");
    let cases: [(&[EventBuilder], i64); 8] = [
        (&[first(), other()], 1),
        (&[first(), first(), other(), other()], 1),
        (&[first(), other().time("2019-12-02T00:00:00Z")], 1),
        (&[first().cancelled(), first()], 1),
        (&[first(), first().cancelled()], 1),
        (&[first(), again(), first()], 0),
        (&[first(), other(), first().revision(2)], 0),
        (&[first(), other().revision(2)], 0),
    ];
    for (events, expected) in cases {
        let one = Chain::with(POLICE, events);
        one.aggregate("smp-2017-18").expect("records");
        assert_eq!(
            contradictions(&one),
            (expected, expected as u64),
            "{events:?}"
        );
        // Each in a file of its own, in the other order.
        let mut apart = Chain::new();
        for (second, event) in events.iter().rev().enumerate() {
            apart.commit(POLICE, 0, [(second as i64, event)]);
        }
        apart.aggregate("smp-2017-18").expect("records");
        assert_eq!(
            contradictions(&apart),
            (expected, expected as u64),
            "{events:?}"
        );
    }
}

#[test]
fn verify_and_record_show_a_contradiction_and_which_content_counts() {
    let first = crime("a").flag("domestic_abuse", true);
    let chain = Chain::with(POLICE, &[first.clone(), first.clone().category("8P")]);
    let verified = run_in(&chain, &["verify"]);
    assert!(verified.contains("contradictions: 1 record of kent-police sent with other content"));
    assert!(
        verified
            .trim_end()
            .lines()
            .any(|line| line.starts_with("OK: "))
    );
    let record = ["record", "urn:partner:kent-police:crime", "a"];
    let shown = run_in(&chain, &record);
    assert!(shown.contains("contradiction: the same revision was sent with other content"));
    let json = run_in(&chain, &[&record[..], &["--format", "json"]].concat());
    let json: Value = serde_json::from_str(&json).expect("an object");
    let flags = |name| [0, 1].map(|i: usize| json["revisions"][i][name].as_bool());
    assert_eq!(flags("contradicts"), [Some(true), Some(false)]);
    assert_eq!(flags("latest"), [Some(false), Some(true)]);

    let agrees = Chain::with(POLICE, &[first.clone(), first]);
    for command in [&["verify"][..], &record] {
        let printed = run_in(&agrees, command);
        assert!(!printed.contains("contradiction"), "{printed}");
    }
}

#[test]
fn a_record_that_a_later_release_replaced_is_shown_as_not_counted() {
    let published = |subject, release| published_crime(subject, "2018-01").revision(release);
    let chain = Chain::with(
        POLICE,
        &[
            published("moved", 201_804),
            published("moved-again", 201_805),
        ],
    );
    let shown = |subject: &str, more: &[&str]| {
        let record = ["record", "urn:partner:kent-police:open-data", subject];
        run_in(&chain, &[&record[..], more].concat())
    };
    let line = "not counted in 2018-01: a later release of the month replaced it";
    assert!(shown("moved", &[]).contains(line));
    assert!(!shown("moved-again", &[]).contains(line));
    let json: Value = serde_json::from_str(&shown("moved", &["--format", "json"])).expect("JSON");
    assert_eq!(json["replaced"].as_bool(), Some(true));
}

#[test]
fn check_lists_each_fault_once_with_its_lines_and_what_to_write() {
    let text = crime("a").to_string();
    let wrong = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        text.replace(from, to)
    };
    let lines = [
        wrong("\"occurred_from\"", "\"occured_from\""),
        wrong("\"occurred_from\"", "\"occured_from\""),
        wrong(".police.crime.v1", ".police.crimes.v1"),
        wrong("urn:partner:kent-police:", "urn:partner:kent-polise:"),
        text.clone(),
        wrong("{\"specversion\"", "{specversion\""),
    ];
    let output = run_with_text(&["check"], &lines.join("\n"));
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    let status = output.status.code();
    assert_eq!(status, Some(1), "{out}");
    for expected in [
        "schema.required at /data/when: a required field is missing\n    `occurred_from` is required: write it\n    \
         for example \"occurred_from\": \"",
        "schema.unknown_field at /data/when: it has a field that the contract does not have\n",
        "\n    `occured_from` (did you mean `occurred_from`?)\n    lines 1 and 2\n",
        "\n    did you mean `uk.community-safety.police.crime.v1`?\n    line 3\n",
        "\n    the line stops being JSON at column 2 (key must be a string)\n    line 6\n",
        "\n6 lines, 1 accepted, 5 rejected\n",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
}

#[test]
fn check_warns_of_a_postcode_that_is_in_no_district() {
    let (status, out) = checked(
        &["--strict"],
        &[crime("a").area("ME14", "outward_postcode")],
    );
    assert_eq!(status, Some(0), "{out}");
    assert!(
        out.starts_with("warning at /data/area/code: this area is in no district"),
        "{out}"
    );
    let (_, out) = checked(&[], &[crime("a").area("E07000110", "district")]);
    assert_eq!(out, "1 line, 1 accepted, 0 rejected\n");
}

#[test]
fn a_file_in_another_form_is_refused_with_what_to_do() {
    for (text, form) in [
        ("subject,revision\na,1\n", "looks like a table (CSV)"),
        ("[\n{}]\n", "is a JSON array"),
        ("{\n  \"id\": 1\n}\n", "is indented JSON"),
    ] {
        let output = run_with_text(&["check"], text);
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(form), "{error}");
    }
}
