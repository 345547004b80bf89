//! Broker and chain disagree: that partition stops and reports what was lost, the others continue.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::await_that;
use crate::broker::Sent;
use crate::events::{crime, records};
use crate::feeds::{Feeds, FeedsSetup};
use crate::oracle;
use crate::program::Program;

/// Good records for one partition.
fn to(partition: i32, numbers: std::ops::Range<usize>) -> impl Iterator<Item = Sent> {
    numbers.map(move |number| crime(number).to(partition))
}

/// Two partitions, each with a hundred records that were read.
fn read_once() -> Feeds {
    let feeds = FeedsSetup {
        partitions: 2,
        ..FeedsSetup::default()
    }
    .start();
    feeds.send(to(0, 0..100).chain(to(1, 0..100)));
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
    feeds
}

/// The loss that a run names where it stops the first partition.
#[track_caller]
fn loss_of_the_first(feeds: &Feeds, err: &str) -> String {
    let named = err
        .split(|c: char| c.is_whitespace() || c == '"')
        .filter(|word| word.contains(".."));
    let of_first = format!("{}/0:", feeds.police());
    named
        .into_iter()
        .find(|word| word.starts_with(&of_first))
        .expect("a loss is named")
        .to_owned()
}

/// Accepts what stopped the first partition, and no other loss.
#[track_caller]
fn accepted(feeds: &Feeds) {
    let stopped = feeds.ingest().until_end().run().with_status(1);
    let loss = loss_of_the_first(feeds, &stopped.err);
    let other = loss.replace("..0", "..1");
    feeds
        .ingest()
        .until_end()
        .arg("--accept")
        .arg(&other)
        .run()
        .with_status(1);
    feeds
        .ingest()
        .until_end()
        .arg("--accept")
        .arg(&loss)
        .run()
        .succeeds()
        .saying("a loss is accepted");
    // It was accepted once, and is in the chain.
    feeds.ingest().until_end().run().succeeds();
}

/// Partition 0 has stopped, saying so; 1 was read to its end.
#[track_caller]
fn assert_only_the_first_stops(feeds: &Feeds, why: &str) {
    let ended = feeds.ingest().until_end().run().with_status(1);
    ended
        .saying(&format!("stopped: {}/0: ", feeds.police()))
        .saying(why);
    let stored = oracle::read(&feeds.store());
    assert_eq!(stored.ends[&(feeds.police(), 0)], 100);
    assert_eq!(
        stored.ends[&(feeds.police(), 1)],
        feeds.broker.watermarks(&feeds.police(), 1).end
    );
    feeds.program(&["verify"]).run().succeeds().saying("OK: ");
}

#[test]
fn records_that_expired_unread_stop_their_partition() {
    let feeds = read_once();
    feeds.send(to(0, 100..200).chain(to(1, 100..200)));
    feeds.broker.expire(&feeds.police(), 0, 150);
    assert_only_the_first_stops(
        &feeds,
        "offsets 100 to 149 expired on the broker before they were read (50 offsets",
    );
    // And again: trying fixed nothing.
    assert_only_the_first_stops(&feeds, "offsets 100 to 149 expired");
    accepted(&feeds);
    feeds
        .program(&["verify"])
        .run()
        .succeeds()
        .saying("expired, accepted by ingest --accept");
    feeds.program(&["merge"]).run().succeeds();
    feeds.program(&["verify"]).run().succeeds();
    assert_eq!(oracle::read(&feeds.store()).rows.len(), 350);
    feeds.assert_group_is_at_the_end();
}

#[test]
fn records_that_expired_after_they_were_read_are_nothing() {
    let feeds = read_once();
    feeds.send(to(0, 100..200));
    feeds.broker.expire(&feeds.police(), 0, 100);
    feeds.ingest().until_end().run().succeeds();
    assert_eq!(oracle::read(&feeds.store()).rows.len(), 300);
    feeds.program(&["verify"]).run().succeeds();
}

#[test]
fn a_first_start_begins_where_the_broker_does_and_records_so() {
    let feeds = FeedsSetup {
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    feeds.send(to(0, 0..100));
    feeds.broker.expire(&feeds.police(), 0, 40);
    feeds.ingest().until_end().run().succeeds();
    assert_eq!(feeds.assert_all_each_once().rows.len(), 60);
    feeds
        .program(&["verify"])
        .run()
        .succeeds()
        .saying("accepted by first start");
}

#[test]
fn records_that_expire_while_a_consumer_runs_stop_their_partition() {
    let feeds = read_once();
    let mut running = feeds.ingest().start();
    running.until("caught up", 2);
    running.signal(Signal::STOP);
    running.until_asleep();
    // The broker holds a fetch that the first of these answers.
    feeds.send(to(0, 100..101));
    feeds.send(to(0, 101..200).chain(to(1, 100..200)));
    feeds.broker.expire(&feeds.police(), 0, 150);
    running.signal(Signal::CONT);
    let end = |partition| oracle::read(&feeds.store()).ends[&(feeds.police(), partition)];
    await_that("the other partition goes on", || end(1) == 200);
    running.until("to 149 expired on the broker before they were read", 1);
    running
        .terminate()
        .with_status(1)
        .saying(&format!("stopped: {}/0: ", feeds.police()));
    assert!(end(0) <= 101);
}

#[test]
fn a_recreated_topic_stops_its_partitions_smaller_or_larger_than_before() {
    let feeds = read_once();
    feeds.broker.delete_topic(&feeds.police());
    feeds.broker.create_topic(&feeds.police(), 2, &[]);
    feeds.send(to(0, 500..550).chain(to(1, 500..700)));
    let ended = feeds.ingest().until_end().run().with_status(1);
    for partition in 0..2 {
        let stopped = format!(
            "stopped: {}/{partition}: the topic was deleted and created again",
            feeds.police()
        );
        assert!(ended.out.contains(&stopped), "{}", ended.out);
    }
    assert_eq!(oracle::read(&feeds.store()).rows.len(), 200);
    feeds.program(&["verify"]).run().succeeds();
    let losses = (0..2).map(|partition| {
        format!(
            "{}/{partition}:0000-0000000000000000100..0001-0000000000000000000",
            feeds.police()
        )
    });
    let accepting = losses.fold(feeds.ingest().until_end(), |run, loss| {
        run.arg("--accept").arg(&loss)
    });
    accepting.run().succeeds();
    let stored = oracle::read(&feeds.store());
    assert_eq!(
        stored.rows.iter().filter(|row| row.era == 1).count(),
        250,
        "all of the new topic"
    );
    feeds.program(&["merge"]).run().succeeds();
    feeds
        .program(&["verify"])
        .run()
        .succeeds()
        .saying("recreated, accepted by ingest --accept");
}

#[test]
fn an_old_ledger_is_not_the_end_of_a_new_topic_while_a_dead_member_delays_the_group() {
    let feeds = read_once();
    let mut dead = feeds.ingest().start();
    dead.until("assigned", 2);
    drop(dead);
    feeds.broker.delete_topic(&feeds.police());
    feeds.broker.create_topic(&feeds.police(), 2, &[]);
    feeds.send(to(0, 500..550).chain(to(1, 500..550)));
    feeds
        .ingest()
        .until_end()
        .run()
        .with_status(1)
        .saying("the topic was deleted and created again");
}

#[test]
fn a_topic_recreated_while_a_consumer_runs_stops_it() {
    let feeds = read_once();
    let mut running = feeds.ingest().start();
    running.until("assigned", 2);
    feeds.broker.delete_topic(&feeds.police());
    feeds.broker.create_topic(&feeds.police(), 2, &[]);
    feeds.send(to(0, 500..800).chain(to(1, 500..800)));
    running.until("created again", 2);
    running.terminate().with_status(1);
    let stored = oracle::read(&feeds.store());
    assert_eq!(stored.rows.len(), 200);
    feeds.program(&["verify"]).run().succeeds();
}

#[test]
fn a_topic_deleted_while_a_consumer_runs_leaves_the_other_topics_alone() {
    let feeds = FeedsSetup {
        feeds: &["police", "health"],
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    let block = feeds.path("block");
    let mut running = feeds
        .ingest()
        .set("ingest.shutdown_timeout", "5s")
        .blocked_at("commit.started", &block)
        .start();
    running.until("assigned", 2);
    // A batch of it is about to be committed when the topic is deleted.
    feeds.broker.send(&feeds.topic("health"), [crime(0)]);
    running.until("blocked", 1);
    feeds.broker.delete_topic(&feeds.topic("health"));
    std::fs::remove_file(&block).expect("released");
    feeds.send(records(0..200));
    await_that("the police's records are there", || {
        oracle::count(&feeds.store()) >= 200
    });
    running.until(
        &format!(
            "{}/0 why=\"the topic no longer exists",
            feeds.topic("health")
        ),
        1,
    );
    running.terminate();
    feeds.program(&["verify"]).run().succeeds();
}

#[test]
fn a_group_that_committed_past_the_chain_stops_its_partition() {
    let feeds = read_once();
    feeds.send(to(0, 100..200).chain(to(1, 100..200)));
    feeds.broker.commit(&feeds.group(), &feeds.police(), 0, 150);
    assert_only_the_first_stops(
        &feeds,
        "the group committed 0000-0000000000000000150, but the ledger ends at",
    );
    accepted(&feeds);
    feeds.assert_all_each_once();
    feeds.assert_group_is_at_the_end();
}

#[test]
fn a_lost_file_of_the_chain_stops_its_partition_and_verify_names_it() {
    let feeds = FeedsSetup {
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    for part in 0..4 {
        feeds.send(to(0, part * 100..(part + 1) * 100));
        feeds
            .ingest()
            .set("ingest.merge_files", 10_000)
            .until_end()
            .run()
            .succeeds();
    }
    let files = oracle::files(&feeds.store().join("journal"));
    assert_eq!(files.len(), 4);
    std::fs::remove_file(files.last().expect("a file")).expect("removed");
    feeds
        .ingest()
        .until_end()
        .run()
        .with_status(1)
        .saying("were files of it lost?");
    std::fs::remove_file(&files[1]).expect("removed");
    feeds
        .program(&["verify"])
        .run()
        .with_status(1)
        .saying("join");
}

/// One partition with four files that are not merged, and where they are.
fn four_files() -> (Feeds, Vec<PathBuf>) {
    let feeds = FeedsSetup {
        partitions: 2,
        ..FeedsSetup::default()
    }
    .start();
    for part in 0..4 {
        feeds.send(to(0, part * 100..(part + 1) * 100).chain(to(1, part * 100..(part + 1) * 100)));
        unmerged(&feeds).run().succeeds();
    }
    let mut files = oracle::files(&feeds.store().join("journal"));
    files.retain(|file| file.to_string_lossy().contains("partition=0"));
    assert_eq!(files.len(), 4);
    (feeds, files)
}

fn unmerged(feeds: &Feeds) -> Program {
    feeds.ingest().set("ingest.merge_files", 10_000).until_end()
}

#[test]
fn a_damaged_last_file_stops_only_its_partition_and_its_records_are_read_again_without_it() {
    let (feeds, files) = four_files();
    let last = &files[3];
    let whole = std::fs::read(last).expect("a file");
    feeds.send(to(0, 400..500).chain(to(1, 400..500)));
    let named = last
        .strip_prefix(feeds.store())
        .expect("in the store")
        .display()
        .to_string();
    for damaged in [
        &whole[..whole.len() / 2],
        b"",
        b"foreign",
        &std::fs::read(&files[0]).expect("a file"),
    ] {
        std::fs::write(last, damaged).expect("written");
        let stopped = unmerged(&feeds)
            .run()
            .with_status(1)
            .saying("a file of the ledger is damaged: ");
        stopped
            .saying(&named)
            .saying("restore that file from the backup");
        feeds
            .program(&["verify"])
            .run()
            .with_status(1)
            .saying(&named);
        feeds
            .program(&["aggregate", "--plan", "smp-2017-18"])
            .run()
            .with_status(2)
            .saying(&named);
    }
    let journal = feeds
        .store()
        .join(format!("journal/topic={}/partition=1", feeds.police()));
    assert_eq!(
        oracle::files(&journal).len(),
        5,
        "the other partition went on"
    );

    // Once restored, everything continues.
    std::fs::write(last, &whole).expect("written");
    unmerged(&feeds).run().succeeds();
    feeds.assert_all_each_once();

    // Without a backup: without the files from the damaged one on, Kafka's records are read again.
    for file in oracle::files(&feeds.store().join("journal"))
        .iter()
        .filter(|file| *file >= last && same_folder(file, last))
    {
        std::fs::remove_file(file).expect("removed");
    }
    let stopped = unmerged(&feeds)
        .run()
        .with_status(1)
        .saying("were files of it lost?");
    let loss = loss_of_the_first(&feeds, &stopped.err);
    unmerged(&feeds).arg("--accept").arg(&loss).run().succeeds();
    feeds.assert_all_each_once();
    feeds.assert_group_is_at_the_end();
}

fn same_folder(one: &Path, other: &Path) -> bool {
    one.parent() == other.parent()
}

#[test]
fn a_file_damaged_or_renamed_in_the_middle_is_named_loses_nothing_and_can_be_put_back() {
    let (feeds, files) = four_files();
    let middle = &files[1];
    let whole = std::fs::read(middle).expect("a file");
    let named = middle
        .strip_prefix(feeds.store())
        .expect("in the store")
        .display()
        .to_string();
    let renamed = middle.with_file_name("0000-0000000000000000150.parquet");
    let mends: [(&dyn Fn(), &str); 3] = [
        (
            &|| std::fs::write(middle, &whole[..100]).expect("written"),
            "open: cannot be read as Parquet",
        ),
        (
            &|| std::fs::write(middle, std::fs::read(&files[2]).expect("a file")).expect("written"),
            "name: the footer states",
        ),
        (
            &|| {
                std::fs::write(&renamed, &whole).expect("written");
                std::fs::remove_file(middle).expect("removed");
            },
            "name: the footer states",
        ),
    ];
    for (round, (damage, rule)) in mends.into_iter().enumerate() {
        damage();
        feeds.send(to(0, 400 + round * 10..410 + round * 10));
        // New records are read; nothing is committed for what is there already.
        unmerged(&feeds).run().succeeds();
        feeds.program(&["verify"]).run().with_status(1).saying(rule);
        feeds
            .program(&["aggregate", "--plan", "smp-2017-18"])
            .run()
            .with_status(2)
            .saying("run `partner-feeds verify` for details");
        feeds
            .program(&["merge"])
            .run()
            .with_status(1)
            .saying(&named);
        std::fs::write(middle, &whole).expect("written");
        std::fs::remove_file(&renamed).ok(); // only one of them made it
        feeds.assert_all_each_once();
    }
    std::fs::write(middle.with_file_name("notes.txt"), "nobody's").expect("written");
    std::fs::write(
        middle.with_file_name("copy of 0000-0000000000000000100.parquet"),
        &whole,
    )
    .expect("written");
    feeds.program(&["verify"]).run().succeeds();
    feeds.program(&["merge"]).run().succeeds();
    feeds.program(&["verify"]).run().succeeds().saying("OK: ");
}
