//! The program erases a record on a disk that keeps only what was synced when the power fails: it merges,
//! replaces files, builds tables again, deletes others, and writes its certificate.
//!
//! After each of its calls the power is cut. An erasure that was reported stays. Where there is a
//! certificate, no file contains the record. `verify` finds nothing.
//!
//! Needs strace: `cargo test --test power_erase`.

#[path = "../aggregate/chain.rs"]
#[allow(dead_code, reason = "the tests of tables use the rest")]
mod chain;
mod disk;
#[path = "../kit/mod.rs"]
mod kit;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};
use bytes::Bytes;
use chain::{Chain, POLICE};
use disk::{
    Disk, Left, PrintOnPanic, Reported, calls_in, restore, runtime, start_of, strace, trace_of,
};
use kit::events::crime;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use partner_feeds::contract::Rejection;
use partner_feeds::contract::rejection::Reason;
use partner_feeds::event::{Kind, Micros};
use partner_feeds::ledger::erasures::ErasureLog;
use partner_feeds::ledger::verify::verify;
use partner_feeds::storage::Store;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const SUBJECT: &str = "46-erased-17";

/// Two ledger files, journal files, rejects and tables, also as at an earlier time; each with the record.
fn store_with_tables() -> Chain {
    let mut chain = Chain::new();
    let rejection = Rejection {
        reason: Reason::SchemaEnum,
        pointer: "/data/outcome".into(),
        rule: "is not in the list".into(),
        partner: Some("kent-police".to_owned()),
        kind: Some(Kind::Crime),
        more: Vec::new(),
    };
    for file in 0..3 {
        let others = (0..3).map(|n| (file, crime(&format!("46-{n}")).revision(1 + file as i32)));
        let sent = others.chain([(file, crime(SUBJECT).revision(3 - file as i32))]);
        chain.commit(POLICE, 0, sent.collect::<Vec<_>>());
        let received = Micros(1_577_836_900 * Micros::PER_SECOND);
        chain.commit_rejected_with_key(POLICE, 0, received, &rejection, Some(SUBJECT));
        if file == 0 {
            program(chain.root(), &["merge"]);
        }
    }
    program(chain.root(), &["aggregate"]);
    program(chain.root(), &["aggregate", "--as-at", "2020-01-31"]);
    chain
}

fn program(root: &str, arguments: &[&str]) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
    let ended = program.args(arguments).args(["--store", root]).output();
    let ended = ended.expect("started");
    let printed = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{arguments:?}: {printed}");
}

#[test]
fn an_erasure_survives_and_its_certificate_holds_whenever_the_power_fails() {
    let chain = store_with_tables();
    let root = Path::new(chain.root());
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.expect("a folder");
    let subjects = folder.path().join("subjects");
    std::fs::write(&subjects, SUBJECT).expect("written");
    let mut disk = Disk::load(root);
    let mut strace = strace(&folder.path().join("program"));
    strace.arg(env!("CARGO_BIN_EXE_partner-feeds"));
    strace.args([
        "erase",
        "--why",
        "art-17",
        "--case",
        "DP-1",
        "--without-broker",
    ]);
    strace.args(["urn:partner:kent-police:crime", "-", "--store"]);
    strace.arg(root);
    strace.stdin(Stdio::from(std::fs::File::open(&subjects).expect("a file")));
    let ended = strace.output().expect("strace is installed");
    let printed = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{printed}");
    let trace = std::fs::read_to_string(trace_of(&folder.path().join("program")));
    let (mut reported, mut seen) = (Reported::default(), BTreeSet::new());
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for call in calls_in(&trace.expect("a trace"), root) {
        let shown = format!("{call:?}");
        reported.note(&call);
        disk.call(call);
        for left in disk.after_power_loss(&mut random) {
            if seen.insert((reported, left.clone())) {
                let before = format!("erase\nthe power went after {}", start_of(&shown));
                is_erased_or_not(folder.path(), &left, reported, &before);
            }
        }
    }
    assert_eq!(reported.erased, 1);
    assert!(seen.len() > 500, "{} states of the disk", seen.len());
}

/// An erasure that was reported stays; with its certificate, no file has the record; and `verify` finds
/// nothing.
fn is_erased_or_not(folder: &Path, left: &Left, reported: Reported, before: &str) {
    let guard = PrintOnPanic(before, left);
    let root = folder.join("left");
    restore(left, &root);
    runtime().block_on(async {
        let store = Store::open(root.to_str().expect("UTF-8")).expect("a store");
        let log = ErasureLog::read(&store).await.expect("a log");
        assert!(
            log.end() >= reported.erased,
            "an erasure that was reported is gone"
        );
        let report = verify(&store).await.expect("read");
        assert_eq!(report.findings, []);
        if report.certified > 0 {
            let files = left
                .iter()
                .filter_map(|(path, bytes)| Some((path, bytes.as_ref()?)));
            for (path, bytes) in files {
                assert!(!has_subject(bytes), "{} has the record", path.display());
            }
        }
    });
    std::fs::remove_dir_all(&root).expect("removed");
    drop(guard);
}

/// Whether a file has the record, in its bytes or, where it is Parquet, in a row.
fn has_subject(bytes: &[u8]) -> bool {
    let has_text = |bytes: &[u8]| {
        let mut windows = bytes.windows(SUBJECT.len());
        windows.any(|window| window == SUBJECT.as_bytes())
    };
    let has_value = |column: &ArrayRef| {
        let texts = column.as_string_opt::<i32>().into_iter().flatten();
        let binary = column.as_binary_opt::<i32>().into_iter().flatten();
        let values = texts.flatten().map(str::as_bytes);
        values.chain(binary.flatten()).any(has_text)
    };
    let rows = decoded(bytes).unwrap_or_default();
    has_text(bytes) || rows.iter().any(|rows| rows.columns().iter().any(has_value))
}

/// The rows of a Parquet file; `None` for other files.
fn decoded(bytes: &[u8]) -> Option<Vec<RecordBatch>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).ok()?;
    reader.build().ok()?.collect::<Result<_, _>>().ok()
}
