//! Named steps of the commit at which a test may kill or suspend the process, or block the step.
//!
//! A point means "everything before it is done, nothing after it has begun". In a release it is an
//! empty function. With debug assertions, `PARTNER_FEEDS_CRASH_AT` names the point,
//! `PARTNER_FEEDS_CRASH_AFTER` which passing of it counts (default: the first), and
//! `PARTNER_FEEDS_CRASH_WITH` what happens there: `kill` (the default), `stop` (until SIGCONT), or
//! `block` (only this step waits, while the file `PARTNER_FEEDS_CRASH_FILE` exists).

#![cfg_attr(
    debug_assertions,
    expect(clippy::disallowed_methods, reason = "only a test sets these")
)]

/// Every point of `ingest`, in the order of the steps.
pub const POINTS: [&str; 10] = [
    "resume.started",
    "resume.read",
    "commit.started",
    "rejects.durable",
    "journal.created",
    "journal.committed",
    "dead-letters.sent",
    "merge.rejects",
    "merge.created",
    "sweep.deleted",
];

/// The points of `erase` and `purge`, in the order of the steps.
pub const ERASE_POINTS: [&str; 8] = [
    "erase.committed",
    "purge.merged",
    "purge.rejects",
    "purge.ledger",
    "purge.swept",
    "purge.scanned",
    "purge.tables",
    "purge.certified",
];

/// The point of `purge` after the bytes of a file's rejects were removed.
pub const REJECTS_POINT: [&str; 1] = ["purge.bytes"];

/// The points of `door`, in the order of the steps of a request.
pub const DOOR_POINTS: [&str; 3] = ["door.judged", "door.queued", "door.confirmed"];

#[cfg(debug_assertions)]
fn is_known(name: &str) -> bool {
    [&POINTS[..], &ERASE_POINTS, &REJECTS_POINT, &DOOR_POINTS]
        .iter()
        .any(|points| points.contains(&name))
}

/// Does nothing in a release.
#[cfg(not(debug_assertions))]
#[inline]
pub const fn point(_name: &str) {}

/// Kills or suspends the process here, or blocks this step, if a test asked for it.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static AT: LazyLock<Option<String>> = LazyLock::new(|| {
        let at = std::env::var("PARTNER_FEEDS_CRASH_AT").ok()?;
        assert!(
            is_known(&at),
            "PARTNER_FEEDS_CRASH_AT is not a crash point: {at}"
        );
        Some(at)
    });
    static LEFT: LazyLock<AtomicU64> = LazyLock::new(|| {
        let after = std::env::var("PARTNER_FEEDS_CRASH_AFTER").ok();
        AtomicU64::new(after.map_or(1, |n| {
            n.parse().expect("PARTNER_FEEDS_CRASH_AFTER is a number")
        }))
    });
    debug_assert!(is_known(name), "{name} is not listed");
    if AT.as_deref() == Some(name) && LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        strike();
    }
}

#[cfg(debug_assertions)]
fn strike() {
    use rustix::process::{Signal, getpid, kill_process};

    match std::env::var("PARTNER_FEEDS_CRASH_WITH").as_deref() {
        Err(_) | Ok("kill") => {
            kill_process(getpid(), Signal::KILL).expect("a process may signal itself");
            loop {
                std::thread::park(); // the signal is on its way: do nothing more
            }
        }
        Ok("stop") => {
            kill_process(getpid(), Signal::STOP).expect("a process may signal itself");
        }
        Ok("block") => {
            let file = std::env::var("PARTNER_FEEDS_CRASH_FILE")
                .expect("PARTNER_FEEDS_CRASH_FILE names a file");
            eprintln!("blocked");
            // Another thread takes over the runtime's other tasks, and its timers and sockets.
            tokio::task::block_in_place(|| {
                while std::fs::exists(&file).expect("the path can be checked") {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            });
        }
        Ok(other) => panic!("PARTNER_FEEDS_CRASH_WITH is not kill, stop or block: {other}"),
    }
}
