//! The program as its users run it, against a real broker: crashes, rebalances, strange logs, bad
//! records.
//!
//! One oracle for all ([`oracle`]): the coordinates in chain and rejects are the broker's log below
//! the chain's end, each once, and `verify` finds nothing. Topics, group and store are fresh for
//! each test, so all run side by side. They need a broker whose address is in
//! `PARTNER_FEEDS_TEST_BROKERS`, and the bucket of `PARTNER_FEEDS_TEST_S3`:
//!
//! ```text
//! tests/services/s3.sh run tests/services/kafka.sh run cargo test --test broker -- --test-threads 8
//! ```

mod breaker;
mod broker;
mod buckets;
mod crashes;
mod dead_letters;
mod disagreements;
mod door;
mod erasures;
mod events;
mod extremes;
mod feeds;
#[path = "../kit/mod.rs"]
mod kit;
mod logs;
mod oracle;
mod outages;
mod plain;
mod program;
mod publishing;
mod rebalances;
mod refusals;
mod replays;
mod secured;
mod status;
mod stops;
mod transactions;
mod watching;

use std::time::{Duration, Instant};

/// How long anything that must happen may take, on a machine that is busy with the other tests.
pub(crate) const DEADLINE: Duration = Duration::from_mins(4);

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(
            Instant::now() < deadline,
            "waited {} s in vain: {what}",
            DEADLINE.as_secs()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
