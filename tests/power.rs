//! The ledger on a disk that keeps only what was synced when the power fails.
//!
//! Processes that write, merge and sweep a store on a real folder are watched by strace: each call
//! that makes, writes, syncs, links or deletes, in order. Some are killed, or get a failed
//! sync, at one of these calls, and another comes after them. The calls are then played to a model
//! of a disk that knows what was synced: the bytes of a file by a sync of the file, a name by a
//! sync of its folder. After each call the power is cut: what was synced is there, of the rest
//! nothing, all, or any part. From each folder that may be left the ledger must go on: its end is
//! not below what a process reported as certain, every record below is one row, and `verify` finds
//! nothing.
//!
//! Needs strace: `cargo test --test power`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]

#[path = "power/disk.rs"]
#[allow(dead_code, reason = "the test of erasures uses the rest")]
mod disk;
mod kit;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use disk::{
    Call, Disk, Left, PrintOnPanic, Reported, calls_in, restore, runtime, start_of, strace,
    trace_of,
};

use kit::batches::{assert_each_once, at, batch, partition};
use partner_feeds::event::Position;
use partner_feeds::ledger::chain;
use partner_feeds::ledger::journal::{self, CommitOutcome};
use partner_feeds::ledger::merge::{MergeLimits, merge, sweep};
use partner_feeds::storage::Store;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// In which folder this process acts, instead of testing.
const ACTS_IN: &str = "PARTNER_FEEDS_TEST_ACTS_IN";

/// The store, in a folder that is there before.
const STORE: &str = "new/store";

fn main() {
    if let Ok(folder) = std::env::var(ACTS_IN) {
        let acts: Vec<String> = std::env::args().skip(1).collect();
        return runtime().block_on(act(&folder, &acts));
    }
    let (writes, merges) = (["resume", "commit", "commit"], ["merge", "sweep"]);
    let (goes_on, sweeps) = (["resume", "sweep", "commit"], ["sweep"]);
    let mut cuts = lives(&[
        (&writes, ""),
        (&merges, ""),
        (&writes, ""),
        (&merges, ""),
        (&goes_on, ""),
    ])
    .0;
    // A writer or a merger is killed at each of its calls, or a sync fails, and others go on.
    for fault in [
        "fsync:signal=KILL",
        "fsync:error=EIO",
        "linkat:signal=KILL",
        "unlink:signal=KILL",
    ] {
        for nth in 1.. {
            let fault = format!("{fault}:when={nth}");
            let (of_writer, hit_writer) = lives(&[(&writes, &fault), (&goes_on, "")]);
            let (of_merger, hit_merger) = lives(&[
                (&writes, ""),
                (&merges, &fault),
                (&sweeps, ""),
                (&goes_on, ""),
            ]);
            cuts += of_writer + of_merger;
            if !hit_writer && !hit_merger {
                break;
            }
        }
    }
    println!("the power went {cuts} times, and nothing was lost");
    assert!(cuts > 2_000, "a disk that loses so little was not watched");
}

// ---------------------------------------------------------------------------------------------------------
// The process that is watched.

fn open(folder: &Path) -> Store {
    Store::open_or_create(folder.join(STORE).to_str().expect("UTF-8"), []).expect("a store")
}

/// Does each act; prints on standard output what is certain, in one call.
async fn act(folder: &str, acts: &[String]) {
    let store = open(Path::new(folder));
    let mut resumed = chain::Resume::default();
    for act in acts {
        match act.as_str() {
            "resume" => resumed = chain::resume(&store, &partition()).await.expect("resumed"),
            "commit" => {
                let (from, next) = (resumed.end, at(resumed.end.offset + 4));
                let file = batch(from.offset, next.offset);
                match journal::commit(&store, &partition(), &file, resumed.ledger_end).await {
                    Ok(CommitOutcome::Committed { ledger_end, .. }) => {
                        (resumed.end, resumed.ledger_end) = (next, ledger_end);
                    }
                    other => panic!("{other:?}"),
                }
            }
            "merge" => drop(
                merge(&store, &partition(), MergeLimits::default())
                    .await
                    .expect("merged"),
            ),
            "sweep" => drop(
                sweep(&store, &partition(), Position::ORIGIN)
                    .await
                    .expect("swept"),
            ),
            other => panic!("{other} is no act"),
        }
        println!("certain to {}", resumed.end.offset);
    }
}

// ---------------------------------------------------------------------------------------------------------
// What it called.

/// Runs one process; returns its calls and whether the fault hit it.
fn watched(folder: &Path, acts: &[&str], fault: &str) -> (Vec<Call>, bool) {
    let mut strace = strace(folder);
    if !fault.is_empty() {
        strace.args(["-e", &format!("inject={fault}")]);
    }
    strace
        .arg(std::env::current_exe().expect("this program"))
        .args(acts)
        .env(ACTS_IN, folder);
    let ended = strace.output().expect("strace is installed");
    let (killed, failed) = (
        ended.status.signal() == Some(9),
        ended.status.code() == Some(101),
    );
    let printed = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success() || !fault.is_empty() && (killed || failed),
        "{:?}: {printed}",
        ended.status
    );
    let text = std::fs::read_to_string(trace_of(folder)).expect("a trace");
    (
        calls_in(&text, folder),
        killed || text.contains("(INJECTED)"),
    )
}

// ---------------------------------------------------------------------------------------------------------
// The power fails.

/// Processes, one after another in one store, and the power cut after each of their calls. How
/// often that was, and whether a fault hit.
fn lives(processes: &[(&[&str], &str)]) -> (usize, bool) {
    let story = processes
        .iter()
        .fold(String::new(), |mut story, (acts, fault)| {
            write!(story, "{acts:?} {fault}; ").expect("a string takes all");
            story
        });
    let folder = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder");
    let disk_folder = folder.path().join("disk");
    std::fs::create_dir(&disk_folder).expect("a folder");
    let (mut disk, mut reported) = (Disk::new(), Reported::default());
    let (mut seen, mut any_hit) = (BTreeSet::new(), false);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for (acts, fault) in processes {
        disk.open.clear();
        let (calls, hit) = watched(&disk_folder, acts, fault);
        any_hit |= hit;
        for call in calls {
            let shown = format!("{call:?}");
            // What it does not read again it has read before: the end of an empty chain.
            reported.note(&call);
            disk.call(call);
            for left in disk.after_power_loss(&mut random) {
                if seen.insert((reported, left.clone())) {
                    let before = format!("{story}\nthe power went after {}", start_of(&shown));
                    goes_on(folder.path(), &left, reported.certain, &before);
                }
            }
        }
    }
    (seen.len(), any_hit)
}

/// What is left of a store is whole, reaches as far as was certain, and takes what comes.
fn goes_on(folder: &Path, left: &Left, certain: i64, before: &str) {
    let guard = PrintOnPanic(before, left);
    let root = folder.join("left");
    restore(left, &root);
    runtime().block_on(async {
        let store = open(&root);
        let resumed = chain::resume(&store, &partition()).await.expect("resumed");
        assert!(
            resumed.end >= at(certain),
            "the end is {}, where {certain} was certain",
            resumed.end
        );
        let end = resumed.end.offset;
        assert_each_once(&store, end).await;
        let committed = journal::commit(
            &store,
            &partition(),
            &batch(end, end + 3),
            resumed.ledger_end,
        )
        .await;
        assert!(
            matches!(committed, Ok(CommitOutcome::Committed { .. })),
            "{committed:?}"
        );
        while merge(&store, &partition(), MergeLimits::default())
            .await
            .expect("merged")
            .is_some()
        {}
        sweep(&store, &partition(), Position::ORIGIN)
            .await
            .expect("swept");
        assert_each_once(&store, end + 3).await;
    });
    std::fs::remove_dir_all(&root).expect("removed");
    drop(guard);
}
