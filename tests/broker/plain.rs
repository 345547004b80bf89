//! Without any mishap but bad records.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::broker::{Broker, Sent};
use crate::events::{examples, records};
use crate::feeds::{Feeds, FeedsSetup};
use crate::kit::examples::{attribute, bad_records, feed_in};
use crate::oracle;

/// Values of the bad inputs that look personal, as they are in values, keys and headers.
pub(crate) const PERSONAL: [&str; 14] = [
    "9434765919",
    "943-476-5919",
    "943 476 5919",
    "ME14 1XX",
    "me14-1xx",
    "a.b@kent.example",
    "07700900123",
    "7700 900123",
    "AB123456C",
    "1984-03-12",
    "12/03/1984",
    "victim_name",
    "\"dob\"",
    "Surname",
];

#[test]
fn good_records_become_rows_and_each_bad_one_a_reject_with_its_reason() {
    let settings = [("max.message.bytes", "25000000"), ("retention.ms", "-1")];
    let feeds = FeedsSetup {
        feeds: &["police", "health", "housing"],
        topic_settings: &settings,
        ..FeedsSetup::default()
    }
    .start();
    let mut expected = BTreeMap::new();
    let mut next: BTreeMap<String, i64> = BTreeMap::new();
    let mut send = |feed: &str, sent: Sent| {
        let topic = feeds.topic(feed);
        feeds.broker.send(&topic, [sent.to(1)]);
        let offset = next.entry(topic.clone()).or_default();
        *offset += 1;
        (topic, 1, *offset - 1)
    };
    let mut good = examples().into_iter().cycle();
    let mut records_sent = 0;
    for bad in bad_records() {
        // A good one between any two bad ones: each must leave the next untouched.
        let document = good.next().expect("for ever");
        let key = attribute(&document, "subject").expect("a subject");
        send(&feed_in(&document), Sent::new(key, document));
        let at = send(&bad.feed, Sent::from(&bad));
        expected.insert(at, (bad.reason, bad.pointer));
        records_sent += 2;
    }
    feeds.ingest().until_end().run().succeeds();

    let stored = feeds.assert_all_each_once();
    assert_eq!(stored.rows.len(), records_sent);
    let rejected = stored.rows.iter().filter_map(|row| {
        Some((
            (row.place.0.clone(), row.place.1, row.offset),
            row.rejected.clone()?,
        ))
    });
    assert_eq!(rejected.collect::<BTreeMap<_, _>>(), expected);
    assert_eq!(listed(&feeds), expected);
    assert_no_personal_value_is_kept(&feeds);
}

/// What `rejects list` prints.
fn listed(feeds: &Feeds) -> BTreeMap<(String, i32, i64), (String, String)> {
    let printed = feeds
        .program(&["rejects", "list", "--format", "json"])
        .run()
        .succeeds()
        .out;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("json");
        let (partition, offset) = (line["partition"].as_i64(), line["offset"].as_i64());
        let at = (
            text(&line["topic"]),
            partition.expect("a partition") as i32,
            offset.expect("an offset"),
        );
        (at, (text(&line["reason"]), text(&line["pointer"])))
    };
    printed.lines().map(line).collect()
}

#[track_caller]
fn assert_no_personal_value_is_kept(feeds: &Feeds) {
    let values = oracle::every_value(&feeds.store());
    assert!(
        values.contains("46-001234-18"),
        "the keys of other rejects are kept"
    );
    for planted in PERSONAL {
        assert!(!values.contains(planted), "`{planted}` is in the store");
    }
    for path in feeds.outputs() {
        let printed = std::fs::read_to_string(&path).expect("readable");
        for planted in PERSONAL {
            assert!(
                !printed.contains(planted),
                "`{planted}` is in {}",
                path.display()
            );
        }
    }
}

#[test]
fn a_file_published_twice_changes_no_figure() {
    let feeds = FeedsSetup {
        feeds: &["police", "health", "housing"],
        ..FeedsSetup::default()
    }
    .start();
    let generated = feeds
        .program(&["generate", "--seed", "7", "--events", "600"])
        .run()
        .succeeds()
        .out;
    std::fs::write(feeds.path("events.jsonl"), &generated).expect("written");
    let figures = || {
        feeds.program(&["publish", "events.jsonl"]).run().succeeds();
        feeds.ingest().until_end().run().succeeds();
        feeds.assert_all_each_once();
        aggregate(&feeds);
        let store = feeds.store();
        let read = |path: &std::path::PathBuf| (path.clone(), std::fs::read(path).expect("a file"));
        let tables = [
            oracle::files(&store.join("events")),
            oracle::files(&store.join("aggregates")),
        ]
        .concat();
        // How much was read is more than before, and reconciled with what came of it.
        let is_figure = |path: &&std::path::PathBuf| !path.ends_with("reconciliation.parquet");
        tables
            .iter()
            .filter(is_figure)
            .map(read)
            .collect::<BTreeMap<_, _>>()
    };
    let (once, twice) = (figures(), figures());
    assert!(once.len() >= 4, "{:?}", once.keys());
    assert_eq!(
        once.keys().collect::<Vec<_>>(),
        twice.keys().collect::<Vec<_>>()
    );
    for (path, bytes) in &once {
        assert!(*bytes == twice[path], "{} changed", path.display());
    }
}

#[test]
fn a_second_run_continues_where_the_first_ended() {
    let feeds = Feeds::start();
    for part in 0..3 {
        feeds.send(records(part * 200..(part + 1) * 200));
        feeds.ingest().until_end().run().succeeds().saying("200");
        feeds.assert_all_each_once();
        feeds.assert_group_is_at_the_end();
    }
    feeds
        .ingest()
        .until_end()
        .run()
        .succeeds()
        .saying("0 batches");
}

#[test]
fn another_group_finds_all_done_and_commits_the_end() {
    let feeds = Feeds::start();
    feeds.send(records(0..200));
    feeds.ingest().until_end().run().succeeds();
    let other = format!("{}.other", feeds.group());
    feeds
        .ingest()
        .set("kafka.group", &other)
        .until_end()
        .run()
        .succeeds()
        .saying("0 batches");
    let end = Broker::shared().watermarks(&feeds.police(), 0).end;
    assert_eq!(
        feeds.broker.committed(&other, &feeds.police(), 0),
        Some(end)
    );
}

#[test]
fn figures_are_written_while_records_are_read_and_a_failure_stops_nothing() {
    let feeds = Feeds::start();
    feeds.send(records(0..100));
    std::fs::create_dir(feeds.store()).expect("a folder");
    std::fs::write(feeds.store().join("aggregates"), "in the way").expect("written");
    let ingest = feeds
        .ingest()
        .set("aggregate.plans", "smp-2017-18")
        .arg("--aggregate-every")
        .arg("1s");
    let mut consumer = ingest.start();
    consumer.until("WARN tables not written: the previous ones stay", 1);
    std::fs::remove_file(feeds.store().join("aggregates")).expect("removed");
    feeds.send(records(100..200));
    feeds.settled();
    // What is written beside the reading is what the command writes.
    consumer.until("tables written records=180 rejected=20", 1);
    consumer.terminate().succeeds();
    let table = |name: &str| {
        feeds
            .store()
            .join(format!("aggregates/smp-2017-18/{name}_monthly.parquet"))
    };
    let read = || ["priority", "category"].map(|name| std::fs::read(table(name)).expect("a table"));
    let while_reading = read();
    aggregate(&feeds);
    assert!(while_reading == read());
    feeds.assert_all_each_once();
}

/// Writes figures by the command.
fn aggregate(feeds: &Feeds) {
    let store = feeds.store();
    let command = feeds.program(&["aggregate", "--plan", "smp-2017-18"]);
    command
        .arg("--store")
        .arg(store.to_str().expect("utf-8"))
        .run()
        .succeeds();
}
