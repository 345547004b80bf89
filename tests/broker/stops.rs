//! How a run ends, and how soon the next one starts.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::events::records;
use crate::feeds::Feeds;

#[test]
fn a_stop_writes_the_open_batches_commits_and_leaves_the_group() {
    let feeds = Feeds::start();
    // Nothing but the stop would write a batch, and a dead member would be missed for five minutes.
    let slow = || {
        feeds
            .ingest()
            .set("ingest.flush_age", "1h")
            .set("ingest.flush_rows", 100_000)
            .set("kafka.session_timeout", "5m")
    };
    feeds.send(records(0..300));
    let mut first = slow().start();
    first.until("caught up", 3);
    first.terminate().succeeds().saying("durable");
    feeds.assert_all_each_once();
    feeds.assert_group_is_at_the_end();
    assert_eq!(feeds.broker.members(&feeds.group()), 0);

    let began = Instant::now();
    slow().until_end().run().succeeds().saying("0 batches");
    assert!(
        began.elapsed() < Duration::from_mins(1),
        "the next one waited for a member that had left"
    );
}

#[test]
fn until_end_outwaits_a_dead_member() {
    let feeds = Feeds::start();
    feeds.send(records(0..300));
    let mut dead = feeds
        .ingest()
        .set("ingest.flush_age", "1h")
        .set("ingest.flush_rows", 100_000)
        .start();
    dead.until("caught up", 3);
    drop(dead);
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
    feeds.assert_group_is_at_the_end();
}

#[test]
fn until_end_also_ends_where_another_member_has_the_partitions() {
    let feeds = Feeds::start();
    feeds.send(records(0..300));
    let mut other = feeds.ingest().start();
    other.until("assigned", 3);
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
    other.terminate().succeeds();
}

#[test]
fn until_end_of_an_empty_topic_ends_at_once() {
    let feeds = Feeds::start();
    feeds
        .ingest()
        .until_end()
        .run()
        .succeeds()
        .saying("0 batches");
    assert_eq!(feeds.assert_all_each_once().rows, []);
}

#[test]
fn a_second_signal_ends_it_at_once_and_loses_nothing() {
    let feeds = Feeds::start();
    feeds.send(records(0..300));
    let block = feeds.path("block");
    let mut stuck = feeds
        .ingest()
        .set("ingest.shutdown_timeout", "10m")
        .blocked_at("commit.started", &block)
        .start();
    stuck.until("assigned", 3);
    stuck.until("caught up", 3);
    stuck.signal(Signal::TERM);
    stuck.until("stopping: committing open batches", 1);
    stuck
        .terminate()
        .with_status(130)
        .saying("second signal: exiting immediately");
    feeds.assert_each_once();
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
}
