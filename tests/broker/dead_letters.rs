//! Dead letters: rejects are published to a topic as well.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::await_that;
use crate::broker::Sent;
use crate::events::records;
use crate::feeds::{DeadLetter, Feeds, FeedsSetup};
use crate::kit::examples::bad_records;
use crate::oracle;
use crate::plain::PERSONAL;

fn feeds() -> Feeds {
    FeedsSetup {
        dead_letters: Some(&[]),
        ..FeedsSetup::default()
    }
    .start()
}

fn feeds_of_one_partition() -> Feeds {
    FeedsSetup {
        partitions: 1,
        dead_letters: Some(&[]),
        ..FeedsSetup::default()
    }
    .start()
}

/// A run until the end sends the dead letters that an earlier process did not: all are there then.
#[track_caller]
fn assert_missing_are_sent(feeds: &Feeds) -> Vec<DeadLetter> {
    feeds
        .ingest()
        .until_end()
        .run()
        .succeeds()
        .saying("dead letters past the group's offset sent again");
    feeds.assert_group_is_at_the_end();
    feeds.assert_dead_letters()
}

#[test]
fn each_reject_is_a_dead_letter_with_the_complete_record_unless_it_is_personal() {
    let topic_settings = &[("max.message.bytes", "25000000"), ("retention.ms", "-1")];
    let asked = FeedsSetup {
        feeds: &["police", "health", "housing"],
        topic_settings,
        ..FeedsSetup::default()
    };
    let feeds = FeedsSetup {
        dead_letters: Some(&[]),
        ..asked
    }
    .start();
    let mut sent = BTreeMap::new();
    let mut next: BTreeMap<String, i64> = BTreeMap::new();
    for bad in bad_records() {
        let topic = feeds.topic(&bad.feed);
        feeds.broker.send(&topic, [Sent::from(&bad).to(1)]);
        let offset = next.entry(topic.clone()).or_default();
        sent.insert(((topic, 1), *offset), bad);
        *offset += 1;
    }
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
    let dead_letters = feeds.assert_dead_letters();
    assert_eq!(dead_letters.len(), sent.len());
    for DeadLetter {
        row,
        record,
        left_out,
        message,
    } in dead_letters
    {
        let bad = &sent[&(row.place, row.offset)];
        assert_eq!(
            row.rejected,
            Some((bad.reason.clone(), bad.pointer.clone()))
        );
        let place = if bad.pointer.is_empty() {
            String::new()
        } else {
            format!(" at {}", bad.pointer)
        };
        assert!(
            message.starts_with(&format!("{}{place}: ", bad.reason)),
            "{message}"
        );
        let all = [&record.key, &record.value]
            .into_iter()
            .flatten()
            .chain(record.headers.iter().filter_map(|h| h.1.as_ref()));
        let all = all
            .map(|bytes| String::from_utf8_lossy(bytes))
            .collect::<Vec<_>>()
            .join("\n")
            + &message;
        for planted in PERSONAL {
            assert!(!all.contains(planted), "`{planted}` is in a letter");
        }
        if bad.reason.starts_with("personal.") {
            assert_eq!(
                (record.key, record.value, record.headers),
                (None, None, Vec::new())
            );
            assert_eq!(left_out.as_deref(), Some("personal"));
        } else {
            assert_eq!(
                (record.key, record.value),
                (bad.key.clone(), bad.value.clone())
            );
            assert_eq!((record.headers, left_out), (bad.headers.clone(), None));
        }
    }
}

#[test]
fn a_record_too_large_for_the_dead_letter_topic_is_sent_without_its_value_and_the_partition_continues()
 {
    let topic_settings = &[("max.message.bytes", "50000000")];
    let dead_letters = Some(&[("max.message.bytes", "200000")][..]);
    let feeds = FeedsSetup {
        partitions: 1,
        topic_settings,
        dead_letters,
        ..FeedsSetup::default()
    }
    .start();
    // Larger than the topic, and than the client takes; neither loses more than half by
    // compression.
    let mut noise = ChaCha8Rng::seed_from_u64(1);
    let mut large = |size| {
        let mut value = vec![0; size];
        noise.fill_bytes(&mut value);
        for byte in &mut value {
            *byte = b'a' + *byte % 16;
        }
        Sent::new("c-large", value)
    };
    let mut sent: Vec<_> = records(0..90).collect();
    sent.insert(20, large(600_000));
    sent.insert(40, large(40_000_000));
    for sent in sent {
        feeds.broker.send(&feeds.police(), [sent]);
    }
    feeds
        .ingest()
        .until_end()
        .run()
        .succeeds()
        .saying("too large for the dead-letter topic");
    feeds.assert_all_each_once();
    feeds.assert_group_is_at_the_end();
    let dead_letters = feeds.assert_dead_letters();
    let bare = |letter: &&DeadLetter| {
        letter.left_out.as_deref() == Some("too-large") && letter.record.value.is_none()
    };
    let bare: BTreeSet<_> = dead_letters
        .iter()
        .filter(bare)
        .map(|letter| letter.row.offset)
        .collect();
    assert_eq!((bare, dead_letters.len()), (BTreeSet::from([20, 40]), 11));
}

#[test]
fn while_dead_letters_are_not_accepted_the_group_offset_waits_and_then_none_is_missing() {
    let feeds = feeds();
    let mut consumer = feeds.ingest().set("ingest.shutdown_timeout", "2s").start();
    consumer.until("caught up", 3);
    feeds.broker.delete_topic(&feeds.dead_letter_topic());
    feeds.send(records(0..90));
    consumer.until("dead letters not acknowledged: the group's offset waits", 3);
    feeds.settled();
    let committed = || {
        (0..3)
            .filter_map(|p| feeds.broker.committed(&feeds.group(), &feeds.police(), p))
            .sum::<i64>()
    };
    assert_eq!(committed(), 0, "rejects are in every partition");
    // A stop waits no longer than the shutdown timeout.
    consumer.signal(rustix::process::Signal::TERM);
    consumer.until("shutdown timeout reached", 1);
    consumer.ends().succeeds();
    feeds.assert_all_each_once();
    feeds.ingest().run().with_status(2).saying(&format!(
        "topic {} does not exist on the broker",
        feeds.dead_letter_topic()
    ));

    feeds
        .broker
        .create_topic(&feeds.dead_letter_topic(), 3, &[]);
    assert_eq!(assert_missing_are_sent(&feeds).len(), 9);
}

#[test]
fn dead_letters_not_sent_by_a_killed_process_are_sent_after_a_merge() {
    let feeds = feeds();
    feeds.send(records(0..300));
    feeds
        .ingest()
        .killed_at("journal.committed", 1)
        .run()
        .killed();
    assert!(feeds.assert_dead_letters().is_empty());
    feeds.program(&["merge"]).run().succeeds();
    assert_missing_are_sent(&feeds);
    feeds.assert_all_each_once();
}

#[test]
fn dead_letters_of_a_member_that_no_longer_answers_are_sent_before_the_end() {
    let feeds = feeds_of_one_partition();
    feeds.send(records(0..90));
    let asleep = feeds.ingest().asleep_at("journal.committed", 1).start();
    asleep.until_asleep();
    // Until its session ends nobody has the partition, whose chain is complete.
    assert_eq!(assert_missing_are_sent(&feeds).len(), 9);
}

#[test]
fn dead_letters_of_a_damaged_file_are_given_up_and_the_partition_continues() {
    let feeds = feeds_of_one_partition();
    feeds.send(records(0..90));
    feeds
        .ingest()
        .killed_at("journal.committed", 1)
        .run()
        .killed();
    let files = oracle::files(&feeds.store().join("rejects"));
    let whole: Vec<_> = files
        .iter()
        .map(|file| std::fs::read(file).expect("a file"))
        .collect();
    for file in &files {
        std::fs::write(file, "damaged").expect("written");
    }
    feeds.send(records(90..180));
    feeds
        .ingest()
        .until_end()
        .run()
        .succeeds()
        .saying("dead letters given up");
    files
        .iter()
        .zip(whole)
        .for_each(|(file, whole)| std::fs::write(file, whole).expect("written"));
    feeds.assert_group_is_at_the_end();
    assert!(
        !feeds.broker.records(&feeds.dead_letter_topic()).is_empty(),
        "those after it were sent"
    );
}

#[test]
fn a_group_without_an_offset_gets_no_dead_letters_of_the_store() {
    let feeds = feeds();
    feeds.send(records(0..90));
    feeds
        .ingest()
        .set("kafka.dead_letter_topic", "")
        .until_end()
        .run()
        .succeeds();
    let other = feeds
        .ingest()
        .set("kafka.group", format!("{}.other", feeds.group()))
        .until_end();
    other.run().succeeds().saying("begin at the end position");
    assert!(feeds.broker.records(&feeds.dead_letter_topic()).is_empty());
}

#[test]
fn the_partition_continues_with_another_consumer_that_sends_what_the_first_owed() {
    let feeds = feeds();
    let load = feeds.load(20);
    let sleeper = feeds.ingest().asleep_at("journal.committed", 4).start();
    sleeper.until_asleep();
    let mut other = feeds.ingest().start();
    other.until("dead letters past the group's offset sent again", 1);
    other.until("durable", 6);
    feeds.assert_dead_letters();
    load.end();
    feeds.settled();
    drop(sleeper);
    other.terminate().succeeds();
    feeds.assert_all_each_once();
    feeds.assert_dead_letters();
}

#[test]
fn the_dead_letter_topic_is_created_with_the_others_and_is_not_consumed() {
    let feeds = FeedsSetup {
        dead_letters: Some(&[]),
        ..FeedsSetup::default()
    }
    .prepare();
    let topic = feeds.dead_letter_topic();
    feeds
        .program(&["topics", "create"])
        .run()
        .succeeds()
        .saying(&format!("{topic}: created"));
    await_that("the topic is there", || {
        feeds.broker.partitions(&topic) == 6
    });
    assert_eq!(
        feeds.broker.setting(&topic, "retention.ms").as_deref(),
        Some("1209600000")
    );
    assert_eq!(
        feeds.broker.setting(&topic, "cleanup.policy").as_deref(),
        Some("delete")
    );
    let refused = feeds
        .ingest()
        .set("kafka.dead_letter_topic", feeds.police())
        .run()
        .with_status(2);
    refused.saying("is a feed's topic of partners.toml: dead letters would be read as events");
}
