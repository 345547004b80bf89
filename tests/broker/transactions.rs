//! Logs with holes: transactions, compaction.

use std::time::Duration;

use rdkafka::producer::{DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::Value;

use crate::await_that;
use crate::broker::produce;
use crate::events::{crime, records};
use crate::feeds::{Feeds, FeedsSetup};

const CALL: Duration = Duration::from_secs(30);

type Publisher = ThreadedProducer<DefaultProducerContext>;

/// A producer whose records are read once their transaction is committed.
fn transactional(feeds: &Feeds) -> Publisher {
    let id = format!("{}.publisher", feeds.group());
    let producer = feeds.broker.producer(&[("transactional.id", &id)]);
    producer.init_transactions(CALL).expect("ready");
    producer
}

/// Feeds with one partition each, and such a producer.
fn one_partition() -> (Feeds, Publisher) {
    let feeds = FeedsSetup {
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    let producer = transactional(&feeds);
    (feeds, producer)
}

#[test]
fn committed_transactions_are_read_aborted_ones_and_markers_are_passed() {
    let feeds = Feeds::start();
    let producer = transactional(&feeds);
    let transaction = |numbers, commits: bool| {
        producer.begin_transaction().expect("begun");
        produce(&producer, &feeds.police(), records(numbers));
        producer.flush(CALL).expect("arrived");
        if commits {
            producer.commit_transaction(CALL)
        } else {
            producer.abort_transaction(CALL)
        }
        .expect("ended");
    };
    transaction(0..100, false);
    transaction(100..250, true);
    transaction(250..300, false);
    feeds.ingest().until_end().run().succeeds();
    let stored = feeds.assert_all_each_once();
    assert_eq!(stored.rows.len(), 150);
    // Nothing but markers and aborted records is left: there is nothing to do.
    feeds
        .ingest()
        .until_end()
        .run()
        .succeeds()
        .saying("0 batches");
    transaction(300..400, true);
    transaction(400..410, false);
    feeds.ingest().until_end().run().succeeds();
    assert_eq!(feeds.assert_all_each_once().rows.len(), 250);
}

#[test]
fn until_end_passes_a_partition_with_only_an_aborted_transaction() {
    let (feeds, producer) = one_partition();
    producer.begin_transaction().expect("begun");
    produce(&producer, &feeds.police(), records(0..50));
    producer.flush(CALL).expect("arrived");
    producer.abort_transaction(CALL).expect("aborted");
    feeds
        .ingest()
        .until_end()
        .run()
        .succeeds()
        .saying("0 batches");
    assert_eq!(feeds.assert_all_each_once().rows, []);
}

#[test]
fn until_end_passes_the_mark_of_a_transaction_that_follows_a_full_batch() {
    let (feeds, producer) = one_partition();
    producer.begin_transaction().expect("begun");
    produce(&producer, &feeds.police(), records(0..100));
    producer.flush(CALL).expect("arrived");
    producer.commit_transaction(CALL).expect("committed");
    await_that("the mark is in the log", || {
        feeds.broker.watermarks(&feeds.police(), 0).end == 101
    });
    let block = feeds.path("block");
    let mut ingest = feeds
        .ingest()
        .set("ingest.flush_rows", 100)
        .until_end()
        .blocked_at("commit.started", &block)
        .start();
    // The log's end is reported while the commit is under way.
    ingest.until("caught up", 1);
    std::fs::remove_file(&block).expect("released");
    ingest.ends().succeeds().saying("1 batches");
    feeds.assert_all_each_once();
}

#[test]
fn a_compacted_log_is_read_over_its_gaps() {
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "100"),
    ];
    let feeds = FeedsSetup {
        partitions: 1,
        topic_settings: &settings,
        ..FeedsSetup::default()
    }
    .start();
    // Fifty subjects again and again; compaction leaves the last record of each.
    let rounds = || (0..6).flat_map(|_| (0..50).map(crime));
    feeds.send(rounds());
    let size = || {
        feeds.send([crime(999_999)]);
        feeds.broker.log(&feeds.police()).len() as i64
    };
    await_that("the log has gaps", || {
        size() < feeds.broker.watermarks(&feeds.police(), 0).end - 100
    });
    feeds.send(records(0..100));
    feeds
        .ingest()
        .set("ingest.flush_rows", 40)
        .until_end()
        .run()
        .succeeds();
    let stored = feeds.assert_each_once_of_what_is_left();
    assert!(stored.rows.len() >= 150);
}

/// A consumer reads only up to an open transaction; nobody may think that it has read everything.
#[test]
fn records_behind_an_open_transaction_are_lag_and_something_to_do() {
    let (feeds, producer) = one_partition();
    feeds.send(records(0..3));
    producer.begin_transaction().expect("begun");
    produce(&producer, &feeds.police(), records(3..4));
    producer.flush(CALL).expect("arrived");
    feeds.send(records(4..24));
    feeds
        .ingest()
        .until_end()
        .run()
        .succeeds()
        .saying("records wait behind an open transaction and will not be read");
    let status = feeds.program(&["status", "--format", "json"]);
    let found: Value = serde_json::from_str(&status.run().with_status(1).out).expect("an object");
    assert_eq!(found["lag"][feeds.police()], 21);
    let to_do = found["to_do"][0].as_str().expect("a text");
    assert!(
        to_do.contains("21 records wait behind an open transaction"),
        "{to_do}"
    );

    producer.commit_transaction(CALL).expect("committed");
    feeds.ingest().until_end().run().succeeds();
    feeds.program(&["status"]).run().succeeds();
    assert_eq!(feeds.assert_all_each_once().rows.len(), 24);
}
