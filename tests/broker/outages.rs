//! The broker stops while a consumer runs, or is another one.

use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rustix::process::Signal;

use crate::await_that;
use crate::broker::{Broker, OwnBroker};
use crate::events::{crime, records};
use crate::feeds::{Feeds, FeedsSetup};
use crate::oracle;

#[test]
fn a_consumer_outlasts_its_broker_and_can_be_stopped_without_one() {
    let own = OwnBroker::start();
    let feeds = Feeds::start_on(&own.broker);
    feeds.send(records(0..300));
    let mut consumer = feeds.ingest().set("ingest.shutdown_timeout", "1s").start();
    feeds.settled();

    // It continues when the broker is back.
    own.stop();
    own.resume();
    feeds.send(records(300..600));
    feeds.settled();
    feeds.assert_all_each_once();

    // Without a broker nothing can be committed: a stop waits for the shutdown timeout, and no longer.
    own.stop();
    consumer.signal(Signal::TERM);
    consumer.until("stopping: committing open batches", 1);
    let began = Instant::now();
    drop(consumer.ends());
    assert!(began.elapsed() < Duration::from_secs(40));
    own.resume();
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn a_broker_that_is_silent_while_partitions_are_taken_over_ends_no_consumer() {
    let own = OwnBroker::start();
    let feeds = Feeds::start_on(&own.broker);
    feeds.send(records(0..300));
    let block = feeds.path("block");
    let mut consumer = feeds.ingest().blocked_at("resume.started", &block).start();
    consumer.until("blocked", 1);
    own.suspend();
    // Its client gives the connection up, and sends no more request until it has a new one.
    std::thread::sleep(Duration::from_secs(12));
    std::fs::remove_file(&block).expect("released");
    // One of its calls waits for ten seconds.
    std::thread::sleep(Duration::from_secs(15));
    own.wake();
    feeds.settled();
    consumer.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn a_partition_that_no_broker_leads_is_stopped_alone_until_one_does() {
    let cluster = MockCluster::new(1).expect("a cluster");
    let broker = Broker {
        address: cluster.bootstrap_servers(),
    };
    let feeds = FeedsSetup {
        partitions: 2,
        broker,
        ..FeedsSetup::default()
    }
    .prepare();
    cluster
        .create_topic(&feeds.police(), 2, 1)
        .expect("a topic");
    feeds.send((0..20).map(|n| crime(n).to(n as i32 % 2)));
    cluster
        .partition_leader(&feeds.police(), 1, None)
        .expect("nobody leads it");
    let mut consumer = feeds.ingest().start();
    consumer.until("cannot read the end offset: the partition has no leader", 1);
    await_that("the other partition is read", || {
        oracle::read(&feeds.store()).rows.len() == 10
    });
    assert_eq!(
        consumer.says(&format!("stopped partition={}/1", feeds.police())),
        1
    );
    cluster
        .partition_leader(&feeds.police(), 1, Some(1))
        .expect("somebody leads it again");
    await_that("that one is read too", || {
        oracle::read(&feeds.store()).rows.len() == 20
    });
    consumer.terminate().succeeds();
}

#[test]
fn the_store_of_another_cluster_stops_every_partition() {
    let own = OwnBroker::start();
    let feeds = FeedsSetup {
        partitions: 2,
        ..FeedsSetup::default()
    }
    .start();
    feeds.send(records(0..200));
    feeds.ingest().until_end().run().succeeds();
    own.broker.create_topic(&feeds.police(), 2, &[]);
    own.broker.send(&feeds.police(), records(200..600));
    let ended = feeds
        .ingest()
        .set("kafka.brokers", &own.broker.address)
        .until_end()
        .run()
        .with_status(1);
    ended
        .saying("this is cluster")
        .saying("use another store for another cluster");
    assert_eq!(oracle::read(&feeds.store()).rows.len(), 200);
    feeds.assert_all_each_once();
}
