//! Consumers come, go, die and sleep while records keep coming.

use rustix::process::Signal;

use crate::events::{crime, records};
use crate::feeds::{Feeds, FeedsSetup};
use crate::program::Program;

/// A storm of rebalances under load.
#[track_caller]
fn storm(consumer: impl Fn(&Feeds) -> Program) {
    let feeds = FeedsSetup {
        partitions: 6,
        ..FeedsSetup::default()
    }
    .start();
    let load = feeds.load(60);
    let mut first = consumer(&feeds).start();
    first.until("durable", 3);
    let mut second = consumer(&feeds).start();
    second.until("durable", 3);
    let mut third = consumer(&feeds).start();
    third.until("durable", 3);
    second.terminate().succeeds();
    let shared = first.says("assigned");
    // One dies without a word: its partitions come back when its session is over.
    drop(third);
    first.until("assigned", shared + 1);
    let mut fourth = consumer(&feeds).start();
    fourth.until("durable", 3);
    load.end();
    feeds.settled();
    first.terminate().succeeds();
    fourth.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn consumers_come_go_and_die_with_cooperative_rebalances() {
    storm(Feeds::ingest);
}

#[test]
fn consumers_come_go_and_die_with_eager_rebalances() {
    storm(|feeds| {
        feeds.ingest().set(
            "kafka.properties.partition.assignment.strategy",
            "range,roundrobin",
        )
    });
}

#[test]
fn consumers_come_go_and_die_where_the_broker_assigns() {
    storm(where_the_broker_assigns);
}

fn where_the_broker_assigns(feeds: &Feeds) -> Program {
    feeds
        .ingest()
        .set("kafka.properties.group.protocol", "consumer")
        .set("kafka.session_timeout", "")
}

/// Partitions are added while consumers run.
#[track_caller]
fn grown(consumer: impl Fn(&Feeds) -> Program) {
    let mut feeds = FeedsSetup {
        partitions: 2,
        ..FeedsSetup::default()
    }
    .start();
    let refreshed = |feeds: &Feeds| {
        consumer(feeds)
            .set("kafka.properties.topic.metadata.refresh.interval.ms", 500)
            .start()
    };
    let (mut first, mut second) = (refreshed(&feeds), refreshed(&feeds));
    feeds.send(records(0..100));
    feeds.settled();
    feeds.grow(6);
    feeds.send((0..600).map(|number| crime(1_000 + number).to(number as i32 % 6)));
    feeds.settled();
    first.until("assigned", 2);
    second.until("assigned", 2);
    first.terminate().succeeds();
    second.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn partitions_that_are_added_are_read_from_their_start() {
    grown(Feeds::ingest);
}

#[test]
fn partitions_that_are_added_are_read_where_the_broker_assigns() {
    grown(where_the_broker_assigns);
}

/// A run until the end that the group gives no partition ends when the others are there.
#[track_caller]
fn without_a_partition(consumer: impl Fn(&Feeds) -> Program) {
    let feeds = FeedsSetup {
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    let mut first = consumer(&feeds).start();
    first.until("caught up", 1);
    feeds.send(records(0..100));
    let second = consumer(&feeds).until_end().run().succeeds();
    assert!(!second.err.contains("assigned partition"), "{}", second.err);
    first.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn a_run_until_the_end_without_a_partition_ends() {
    without_a_partition(|feeds| feeds.ingest().set("kafka.session_timeout", "45s"));
}

#[test]
fn a_run_until_the_end_without_a_partition_ends_where_the_broker_assigns() {
    without_a_partition(where_the_broker_assigns);
}

#[test]
fn a_record_sent_after_a_rebalance_at_the_end_of_the_log_is_read() {
    let feeds = FeedsSetup {
        partitions: 4,
        ..FeedsSetup::default()
    }
    .start();
    feeds.send(records(0..100));
    let mut first = feeds.ingest().start();
    first.until("caught up", 4);
    feeds.settled();
    let mut second = feeds.ingest().start();
    second.until("assigned", 2);
    feeds.send(records(100..200));
    feeds.settled();
    first.terminate().succeeds();
    second.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn members_of_a_static_group_that_restart_lose_and_double_nothing() {
    let feeds = Feeds::start();
    let load = feeds.load(30);
    // A session outlasts a restart, however busy the machine.
    let member = |id: &str| {
        feeds
            .ingest()
            .set("kafka.properties.group.instance.id", id)
            .set("kafka.session_timeout", "1m")
    };
    let mut first = member("first").start();
    first.until("durable", 2);
    let mut second = member("second").start();
    second.until("durable", 2);
    second.terminate().succeeds();
    let mut second = member("second").start();
    second.until("durable", 2);
    load.end();
    feeds.settled();
    first.terminate().succeeds();
    second.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn a_consumer_that_slept_past_its_session_returns_and_does_no_harm() {
    let feeds = Feeds::start();
    let load = feeds.load(60);
    let mut sleeper = feeds.ingest().start();
    sleeper.until("durable", 3);
    sleeper.signal(Signal::STOP);
    sleeper.until_asleep();
    let mut other = feeds.ingest().start();
    other.until("durable", 9);
    sleeper.signal(Signal::CONT);
    let assigned = sleeper.says("assigned");
    sleeper.until("assigned", assigned + 1);
    load.end();
    feeds.settled();
    sleeper.terminate().succeeds();
    other.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn of_two_groups_on_one_store_the_slower_stops_and_reports_why() {
    let feeds = FeedsSetup {
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    let load = feeds.load(20);
    let mut winner = feeds.ingest().start();
    winner.until("durable", 2);
    let other = format!("{}.other", feeds.group());
    let slower = feeds
        .ingest()
        .set("kafka.group", other)
        .set("ingest.flush_age", "4s")
        .set("ingest.flush_rows", 100_000);
    let mut loser = slower.start();
    loser.until(
        "lost 5 commits in a row: another consumer, perhaps of another group, writes here",
        1,
    );
    load.end();
    feeds.settled();
    loser.terminate().with_status(1).saying(&format!(
        "stopped: {}/0: lost 5 commits in a row",
        feeds.police()
    ));
    winner.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn a_group_that_never_wins_a_record_stops_also_where_records_are_few() {
    let feeds = FeedsSetup {
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    let other = format!("{}.other", feeds.group());
    let mut winner = feeds.ingest().start();
    let mut loser = feeds
        .ingest()
        .set("kafka.group", other)
        .set("ingest.flush_age", "3s")
        .start();
    winner.until("assigned", 1);
    loser.until("assigned", 1);
    for lost in 1..=5 {
        feeds.send([crime(lost)]);
        loser.until("another consumer committed here first", lost);
    }
    loser.until("lost 5 commits in a row", 1);
    loser.terminate().with_status(1);
    winner.terminate().succeeds();
    assert_eq!(feeds.assert_all_each_once().rows.len(), 5);
}

#[test]
fn of_two_groups_on_one_store_that_read_the_same_backlog_nothing_is_lost_or_doubled() {
    let feeds = Feeds::start();
    feeds.send(records(0..3_000));
    let other = format!("{}.other", feeds.group());
    // So small that the next batch is always full when a commit is lost.
    let consumer = || feeds.ingest().set("ingest.flush_rows", 10).until_end();
    let (first, second) = (
        consumer().start(),
        consumer().set("kafka.group", other).start(),
    );
    // Either may give a partition up to the other, which then brings it to its end.
    let statuses = [first.ends(), second.ends()].map(|ended| ended.status.code());
    assert!(
        statuses.iter().all(|status| matches!(status, Some(0 | 1))),
        "{statuses:?}"
    );
    consumer().run().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn a_partition_that_was_full_when_its_commit_was_lost_continues() {
    let feeds = FeedsSetup {
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    let load = feeds.load(20);
    let block = feeds.path("block");
    let other = format!("{}.other", feeds.group());
    let slower = feeds
        .ingest()
        .set("kafka.group", other)
        .set("ingest.flush_rows", 10);
    let mut loser = slower.blocked_at("commit.started", &block).start();
    loser.until("paused", 1);
    let mut winner = feeds.ingest().start();
    winner.until("durable", 2);
    winner.terminate().succeeds();
    std::fs::remove_file(&block).expect("released");
    loser.until("another consumer committed here first", 1);
    loser.until("durable", 2);
    load.end();
    feeds.settled();
    loser.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn a_partition_that_was_full_when_it_was_revoked_continues_when_reassigned() {
    let feeds = FeedsSetup {
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    let load = feeds.load(20);
    let block = feeds.path("block");
    let mut first = feeds
        .ingest()
        .set("ingest.flush_rows", 10)
        .blocked_at("commit.started", &block)
        .start();
    first.until("paused", 1);
    first.signal(Signal::STOP);
    first.until_asleep();
    let mut second = feeds.ingest().start();
    second.until("durable", 2);
    second.terminate().succeeds();
    first.signal(Signal::CONT);
    first.until("assigned", 2);
    std::fs::remove_file(&block).expect("released");
    first.until("durable", 3);
    load.end();
    feeds.settled();
    first.terminate().succeeds();
    feeds.assert_all_each_once();
}
