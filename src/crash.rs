//! Named steps of the commit at which a test may kill the process.
//!
//! A point means "everything before me is done, nothing after me has begun". It knows nothing of what is
//! committed. Without the feature `crash-points` it is an empty function, so a release cannot be told to
//! die. With it, `PARTNER_FEEDS_CRASH_AT` names the point, and `PARTNER_FEEDS_CRASH_AFTER` the how-manieth
//! passing of it (default: the first).

/// Every point, in the order of the steps.
pub const POINTS: [&str; 5] =
    ["resume.read", "commit.started", "rejects.durable", "journal.created", "journal.certain"];

/// Kills the process here, with no chance to tidy up, if a test asked for it.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub const fn point(_name: &str) {}

/// Kills the process here, with no chance to tidy up, if a test asked for it.
#[cfg(feature = "crash-points")]
pub fn point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static AT: LazyLock<Option<String>> = LazyLock::new(|| {
        let at = std::env::var("PARTNER_FEEDS_CRASH_AT").ok()?;
        assert!(POINTS.contains(&at.as_str()), "PARTNER_FEEDS_CRASH_AT names no crash point: {at}");
        Some(at)
    });
    static LEFT: LazyLock<AtomicU64> = LazyLock::new(|| {
        let after = std::env::var("PARTNER_FEEDS_CRASH_AFTER").ok();
        AtomicU64::new(after.map_or(1, |n| n.parse().expect("PARTNER_FEEDS_CRASH_AFTER is a number")))
    });
    debug_assert!(POINTS.contains(&name), "{name} is not listed");
    if AT.as_deref() == Some(name) && LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
            .expect("a process may kill itself");
        loop {
            std::thread::park(); // the signal is on its way: do nothing more
        }
    }
}
