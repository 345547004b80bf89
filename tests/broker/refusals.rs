//! What cannot work is reported at once, or after a bounded wait, with the next step.

use crate::events::records;
use crate::feeds::{Feeds, FeedsSetup};

#[test]
fn a_missing_broker_is_reported_after_a_bounded_wait() {
    let feeds = FeedsSetup::default().prepare();
    let nobody = || feeds.ingest().set("kafka.brokers", "127.0.0.1:1");
    nobody()
        .run()
        .with_status(2)
        .saying("no Kafka broker answered at 127.0.0.1:1 within 30 s");
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let feeds = FeedsSetup::default().prepare();
    let printed = format!(
        "topic {} does not exist on the broker: create it (partner-feeds topics create)",
        feeds.police()
    );
    feeds.ingest().run().with_status(2).saying(&printed);
}

#[test]
fn a_store_that_cannot_be_one_is_named() {
    let feeds = FeedsSetup::default().prepare();
    std::fs::write(feeds.path("file"), "x").expect("written");
    let at = |path: &str| feeds.ingest().set("store.root", path).run().with_status(2);
    at("file").saying("`file` is a file: name a folder");
    at("file/under").saying("cannot create the store `file/under`");
    at("/proc/store").saying("cannot create the store `/proc/store`");
    at("/proc").saying("cannot create a file in the store `/proc`: name a folder on a local disk");
    at("gs://bucket/root").saying("must be `s3://bucket` or");
}

#[test]
fn a_store_that_fails_while_it_is_written_ends_the_run_after_bounded_tries() {
    let feeds = Feeds::start();
    feeds.send(records(0..300));
    std::fs::create_dir(feeds.store()).expect("a folder");
    std::fs::write(feeds.store().join("journal"), "in the way").expect("written");
    let ended = feeds.ingest().run().with_status(2).saying("journal");
    assert!(!ended.err.contains("durable partition"), "{}", ended.err);
    std::fs::remove_file(feeds.store().join("journal")).expect("removed");
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn settings_that_contradict_are_refused_before_anything_is_done() {
    let feeds = FeedsSetup::default().prepare();
    let refused = |key: &str, value: &str| feeds.ingest().set(key, value).run().with_status(2);
    refused("kafka.topics", "police.event.v1").saying("is not in partners.toml");
    refused("kafka.properties.group.protocol", "consumer").saying("kafka.session_timeout");
    refused("kafka.properties.enable.auto.commit", "true").saying("may not be set");
    assert!(!feeds.store().exists());
}
