//! Erasing records with the program: nothing of them is left in any file, also after a kill at any
//! step, and the tables are those of a store to which they were never sent.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use partner_feeds::contract::Rejection;
use partner_feeds::contract::rejection::Reason;
use partner_feeds::crash::ERASE_POINTS;
use partner_feeds::event::{Kind, Micros};

use crate::chain::{Chain, HOUSING, POLICE};
use crate::kit::events::{crime, homelessness_case};

const SOURCE: &str = "urn:partner:kent-police:crime";
const SUBJECT: &str = "46-erased-17";

/// A store with other records of two feeds and, perhaps, one that is to be erased: three revisions in
/// two partitions, the newest received first, and two rejects.
fn chain(with_record: bool) -> Chain {
    let mut chain = Chain::new();
    let rejection = Rejection {
        reason: Reason::SchemaEnum,
        pointer: "/data/outcome".into(),
        rule: "is not in the list".into(),
        partner: Some("kent-police".to_owned()),
        kind: Some(Kind::Crime),
        more: Vec::new(),
    };
    for file in 0..4_i64 {
        let mut sent: Vec<_> = (0..40)
            .map(|n| {
                (
                    file * 100 + n,
                    crime(&format!("46-{}", n % 30)).revision(1 + file as i32),
                )
            })
            .collect();
        if with_record && file > 0 {
            let revision = 4 - file as i32;
            let event = crime(SUBJECT).revision(revision).month("2017-06");
            sent.insert(7, (file * 100 + 7, event));
        }
        chain.commit(POLICE, (file % 2) as i32, sent);
        for (key, is_erased) in [(SUBJECT, true), ("46-1", false)] {
            if with_record || !is_erased {
                let received = Micros(1_577_836_900 * Micros::PER_SECOND);
                chain.commit_rejected_with_key(POLICE, 0, received, &rejection, Some(key));
            }
        }
    }
    chain.commit(
        HOUSING,
        0,
        [(0, homelessness_case("46-erased-17").month("2018-05"))],
    );
    chain
}

fn start(root: &Path, arguments: &[&str], crash_at: Option<&str>) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
    command
        .current_dir(folder.path())
        .args(arguments)
        .args(["--store", root.to_str().expect("UTF-8")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(point) = crash_at {
        command.env("PARTNER_FEEDS_CRASH_AT", point);
    }
    let mut child = command.spawn().expect("started");
    let mut input = child.stdin.take().expect("a pipe");
    // The program may have ended before it reads.
    drop(writeln!(input, "{SUBJECT}\r\n46-unknown"));
    drop(input);
    child.wait_with_output().expect("ended")
}

/// Runs a command that must end with a status; returns what it printed.
#[track_caller]
fn run(root: &Path, arguments: &[&str], status: i32) -> String {
    let output = start(root, arguments, None);
    let [out, error] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {out}{error}"
    );
    assert!(
        !error.contains(SUBJECT) && !out.contains(SUBJECT),
        "{arguments:?} prints the subject"
    );
    out + &error
}

const ERASE: [&str; 8] = [
    "erase",
    "--why",
    "art-17",
    "--case",
    "DP-2026-0419",
    "--without-broker",
    SOURCE,
    "-",
];

/// Every file under a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// The files with the record: in their bytes, or in a text of any column. Another source has a record
/// of the same subject, in the feed of housing.
fn files_with_record(root: &Path) -> Vec<PathBuf> {
    let has_record = |path: &PathBuf| {
        let bytes = fs::read(path).expect("a file");
        let is_other = path.to_str().expect("UTF-8").contains("housing");
        if is_other {
            return false;
        }
        let is_parquet = path.to_str().expect("UTF-8").contains(".parquet");
        contains(&bytes, SUBJECT) || is_parquet && rows(bytes).iter().any(has_text)
    };
    files(root).into_iter().filter(has_record).collect()
}

fn rows(bytes: Vec<u8>) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes));
    let reader = reader.expect("Parquet").build().expect("readable");
    reader.collect::<Result<_, _>>().expect("rows")
}

fn has_text(batch: &RecordBatch) -> bool {
    batch.columns().iter().any(|column| {
        if let Some(texts) = column.as_string_opt::<i32>() {
            return texts.iter().flatten().any(|text| text.contains(SUBJECT));
        }
        let bytes = column.as_binary_opt::<i32>();
        bytes.is_some_and(|bytes| bytes.iter().flatten().any(|bytes| contains(bytes, SUBJECT)))
    })
}

/// The bytes of every table.
fn tables(root: &Path) -> BTreeMap<String, Vec<u8>> {
    ["events", "aggregates"]
        .iter()
        .flat_map(|folder| files(&root.join(folder)))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name != "_provenance.json")
        })
        .map(|path| {
            let name = path.strip_prefix(root).expect("below the root");
            (
                name.to_str().expect("UTF-8").to_owned(),
                fs::read(&path).expect("a file"),
            )
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).expect("below the folder"));
        fs::create_dir_all(target.parent().expect("a parent")).expect("a folder");
        fs::copy(&path, target).expect("copied");
    }
}

#[test]
fn an_erased_record_is_gone_from_every_file_and_the_tables_are_those_of_a_store_without_it() {
    let (with, without) = (chain(true), chain(false));
    let [root, other] = [&with, &without].map(|chain| Path::new(chain.root()));
    for root in [root, other] {
        run(root, &["aggregate", "--as-at", "2020-01-31"], 0);
        run(root, &["aggregate"], 0);
    }
    assert!(!files_with_record(root).is_empty());
    assert!(!files(&root.join("as-at")).is_empty());
    assert_ne!(tables(root), tables(other));

    let tried = run(root, &[&ERASE[..], &["--dry-run"]].concat(), 0);
    let expected = "1 record: 3 accepted rows and 4 rejects\n\
                    figures of these months may change: 2017-06\n";
    assert_eq!(tried, expected);
    assert!(!root.join("erasures").exists());

    let done = run(root, &ERASE, 0);
    assert!(
        done.contains("certified: erasures/0000000001.done.json"),
        "{done}"
    );
    assert_eq!(files_with_record(root), [""; 0].map(PathBuf::from));
    assert_eq!(files(&root.join("as-at")), [""; 0].map(PathBuf::from));
    assert_eq!(tables(root), tables(other));
    let receipt = fs::read_to_string(root.join("events/_provenance.json")).expect("a receipt");
    let receipt: serde_json::Value = serde_json::from_str(&receipt).expect("JSON");
    assert_eq!(receipt["erasures"], 1);
    assert_eq!(receipt["erased_rows"], serde_json::json!({"police": 7}));

    assert!(run(root, &["verify"], 0).contains("erased: 7 records"));
    run(root, &["record", SOURCE, "46-1"], 0);
    let entry = fs::read_to_string(root.join("erasures/0000000001.json")).expect("an entry");
    assert!(!entry.contains(SUBJECT) && !entry.contains(SOURCE) && entry.contains("DP-2026-0419"));
    // Nothing is left to erase, and a purge has nothing to do.
    run(root, &ERASE, 1);
    assert!(
        run(root, &["purge", "--without-broker"], 0)
            .contains("replaced 0 ledger files and 0 rejects files")
    );
    assert_eq!(tables(root), tables(other));
}

#[test]
fn a_record_is_hidden_from_every_command_before_it_is_purged_and_purged_after_a_kill_at_any_step() {
    let original = chain(true);
    for point in ERASE_POINTS {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        copy(Path::new(original.root()), root);
        let killed = start(root, &ERASE, Some(point));
        assert!(killed.status.code().is_none(), "{point}: killed");
        run(root, &["verify"], 0);
        let listed = run(
            root,
            &["rejects", "list", "--show-raw", "--format", "json"],
            0,
        );
        assert_eq!(listed.lines().count(), 4, "{point}: {listed}");
        let record = start(root, &["record", SOURCE, SUBJECT], None);
        assert_eq!(record.status.code(), Some(1), "{point}");
        run(root, &["purge", "--without-broker"], 0);
        assert_eq!(
            files_with_record(root),
            [""; 0].map(PathBuf::from),
            "{point}"
        );
        let verified = run(root, &["verify"], 0);
        assert!(
            verified.contains("erased: 7 records by 1 entry, the first 1 certified\n"),
            "{verified}"
        );
    }
}

#[test]
fn an_outdated_copy_that_comes_back_stays_hidden_is_found_and_is_purged_again() {
    let chain = chain(true);
    let root = Path::new(chain.root());
    run(root, &["merge"], 0);
    let before: Vec<_> = files(&root.join("ledger"))
        .into_iter()
        .chain(files(&root.join("rejects")))
        .map(|path| (fs::read(&path).expect("a file"), path))
        .collect();
    run(root, &ERASE, 0);
    let mut replaced = 0;
    for (bytes, path) in before {
        if fs::read(&path).expect("a file") == bytes {
            continue;
        }
        replaced += 1;
        fs::write(&path, bytes).expect("written");
        run(root, &ERASE, 1);
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        let verified = run(root, &["verify"], 1);
        assert!(
            verified.contains(name) && verified.contains("erased"),
            "{verified}"
        );
        run(root, &["purge", "--without-broker"], 0);
        run(root, &["verify"], 0);
        assert_eq!(files_with_record(root), [""; 0].map(PathBuf::from));
    }
    assert!(replaced >= 3, "{replaced} files were replaced");
}

#[test]
fn a_restored_backup_with_the_newer_log_is_purged() {
    let chain = chain(true);
    let root = Path::new(chain.root());
    let backup = tempfile::tempdir().expect("a folder");
    copy(root, backup.path());
    run(root, &ERASE, 0);
    copy(&root.join("erasures"), &backup.path().join("erasures"));
    run(backup.path(), &ERASE, 1);
    run(backup.path(), &["purge", "--without-broker"], 0);
    assert_eq!(files_with_record(backup.path()), [""; 0].map(PathBuf::from));
    run(backup.path(), &["verify"], 0);
}

#[test]
fn an_erasure_needs_a_reason_a_case_and_subjects_on_standard_input() {
    let chain = chain(true);
    let root = Path::new(chain.root());
    for (change, words) in [
        (("art-17", "art-99"), "must be one of art-17"),
        (
            ("DP-2026-0419", "j.smith@kent.uk"),
            "must be 1 to 32 letters",
        ),
        (("DP-2026-0419", "9434765919"), "looks like personal data"),
        (("-", SUBJECT), "invalid value"),
    ] {
        let arguments = ERASE.map(|word| if word == change.0 { change.1 } else { word });
        let output = start(root, &arguments, None);
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(words), "{error}");
    }
    assert!(!root.join("erasures").exists());
}

#[test]
fn nothing_is_erased_where_a_program_without_erasures_wrote_recently() {
    // Seconds from 2020 on; a clock that is ahead is recent, too.
    const RECENT: i64 = 3_000_000_000;
    let erase = |chain: &Chain, status| {
        let root = Path::new(chain.root()).to_owned();
        run(&root, &ERASE, status)
    };
    let mut chain = Chain::new();
    chain.program = Some("partner-feeds 0.2.0");
    chain.commit(POLICE, 0, [(0, crime(SUBJECT))]);
    chain.commit(POLICE, 1, [(RECENT, crime("46-0"))]);
    let refused = erase(&chain, 2);
    assert!(
        refused.contains("partner-feeds 0.2.0") && refused.contains("police.events.v1/1"),
        "{refused}"
    );
    chain.program = None;
    chain.commit(POLICE, 1, [(RECENT, crime("46-1"))]);
    erase(&chain, 0);
}
