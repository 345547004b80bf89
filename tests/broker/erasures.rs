//! Records are erased while everything else runs: nothing of them is left, and everything else is as if
//! they had never been sent.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use rdkafka::producer::Producer;

use crate::broker::{Broker, Sent, produce};
use crate::events::records;
use crate::feeds::{Feeds, FeedsSetup};
use crate::kit::examples::example;
use crate::oracle::{self, files_with};
use crate::program::{Program, Running};
use crate::{DEADLINE, await_that};

const SOURCE: &str = "urn:partner:kent-police:crime";

/// Records sent at a time.
const SENT_AT_ONCE: usize = 10;

/// Journal files in a merge. With fewer, merges move the files during every pass of a reader on a
/// busy machine, and readers give up.
const MERGED_AT_ONCE: usize = 16;

/// Three revisions of a record, the newest first, and a reject that names it.
fn record(subject: &str) -> impl Iterator<Item = Sent> {
    [3, 1, 0, 2].into_iter().map(move |revision| {
        let document = example("crime").replace("46-001234-17", subject);
        let revision = format!("\"revision\":{revision}");
        Sent::new(subject, document.replace("\"revision\":2", &revision))
    })
}

/// Begins to erase a record.
fn erase(feeds: &Feeds, subject: &str, wait: &str) -> Running {
    start_erasing(feeds.program(&["erase"]).arg("--wait").arg(wait), subject)
}

fn start_erasing(program: Program, subject: &str) -> Running {
    let arguments = ["--why", "art-17", "--case", "DP-2026-0419", SOURCE, "-"];
    let program = arguments.into_iter().fold(program, Program::arg);
    let mut running = program.fed().start();
    let mut input = running.child.stdin.take().expect("a pipe");
    // The program may have ended before it reads.
    drop(writeln!(input, "{subject}"));
    running
}

/// Records by number, all of one time, so that the same tables result whenever they are sent.
fn of_one_time(numbers: std::ops::Range<usize>, time: i64) -> impl Iterator<Item = Sent> {
    records(numbers).map(move |sent| Sent {
        timestamp: Some(time),
        ..sent
    })
}

/// Sends records to a topic until it is told to stop. Returns how many.
fn send_until(stop: &AtomicBool, broker: &Broker, topic: &str, time: i64) -> usize {
    let producer = broker.producer(&[]);
    let mut sent = 0;
    // Bounded, should the test fail.
    while !stop.load(Ordering::Relaxed) && sent < 1_200 * SENT_AT_ONCE {
        produce(
            &producer,
            topic,
            of_one_time(sent..sent + SENT_AT_ONCE, time),
        );
        sent += SENT_AT_ONCE;
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    producer.flush(DEADLINE).expect("arrived");
    sent
}

/// The bytes of every table.
fn tables(store: &Path, topic: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["events", "aggregates"] {
        for path in oracle::files(&store.join(folder)) {
            let name = path.strip_prefix(store).expect("in the store").display();
            let bytes = std::fs::read(&path).expect("a file");
            // One table names the topic, and another topic has another name.
            let bytes = if path.ends_with("reconciliation.parquet") {
                oracle::values(&path).replace(topic, "topic").into_bytes()
            } else {
                bytes
            };
            found.insert(name.to_string(), bytes);
        }
    }
    found
}

/// What of the log must be in the store: all but the erased records, each once; and of these nothing.
#[track_caller]
fn assert_only_erased_is_missing(feeds: &Feeds, erased: &[String]) {
    let stored = feeds.assert_each_once_without(erased);
    let mut kept = feeds.broker.log(&feeds.police());
    kept.retain(|_, key| !oracle::is_one_of(key.as_deref(), erased));
    assert_eq!(stored.rows.len(), kept.len(), "rows in the store");
    for subject in erased {
        let files = files_with(&feeds.store(), subject);
        assert!(files.is_empty(), "{files:?}");
    }
}

#[test]
fn records_erased_while_everything_runs_leave_nothing_and_change_nothing_else() {
    erased_while_everything_runs(false);
}

#[test]
fn records_erased_in_a_bucket_while_everything_runs_leave_nothing_and_change_nothing_else() {
    erased_while_everything_runs(true);
}

fn erased_while_everything_runs(in_bucket: bool) {
    let start = || {
        FeedsSetup {
            in_bucket,
            ..FeedsSetup::default()
        }
        .start()
    };
    let (feeds, other) = (start(), start());
    let time = UNIX_EPOCH.elapsed().expect("a time").as_millis() as i64;
    let mut erased: Vec<String> = Vec::new();
    let stop = AtomicBool::new(false);
    let topic = feeds.police();
    let merging = |verb| {
        let program = feeds.program(&[verb]);
        program.set("ingest.merge_files", MERGED_AT_ONCE)
    };
    let sent = std::thread::scope(|scope| {
        let load = scope.spawn(|| send_until(&stop, &feeds.broker, &topic, time));
        // The other threads must end, should this one fail.
        let stopping = StopOnDrop(&stop);
        let mut ingest = merging("ingest").start();
        ingest.until("durable", 6);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                merging("merge").run().succeeds();
                let ended = feeds.program(&["aggregate"]).run();
                // Merges may still move the files during every pass of a reader.
                assert!(
                    ended.status.success() || ended.err.contains("; try again"),
                    "{}",
                    ended.err
                );
            }
        });
        for number in 0..4 {
            let subject = format!("c-erased-{number}");
            feeds.send(record(&subject));
            let erasing = erase(&feeds, &subject, "80s");
            let purging = feeds.program(&["purge"]).start();
            let ended = erasing.ends();
            assert!(!(ended.out.clone() + &ended.err).contains(&subject));
            let mut ends = vec![ended, purging.ends()];
            while let Some(ended) = ends.pop() {
                if ended.status.code() == Some(2) && ended.err.contains("; try again") {
                    ends.push(erase(&feeds, &subject, "80s").ends());
                    ends.push(feeds.program(&["purge"]).run());
                } else {
                    // 1 = the run before had erased it.
                    assert!(matches!(ended.status.code(), Some(0 | 1)), "{}", ended.err);
                }
            }
            erased.push(subject);
            feeds.assert_each_once_without(&erased);
        }
        drop(stopping);
        let sent = load.join().expect("all were sent");
        feeds.settled();
        ingest.terminate().succeeds();
        sent
    });
    assert_only_erased_is_missing(&feeds, &erased);
    feeds
        .program(&["status"])
        .run()
        .saying("4 in the log, certified up to 4");

    other.send(of_one_time(0..sent, time));
    other.ingest().until_end().run().succeeds();
    for feeds in [&feeds, &other] {
        feeds.program(&["aggregate"]).run().succeeds();
    }
    let [own, expected] = [&feeds, &other].map(|feeds| tables(&feeds.store(), &feeds.police()));
    assert!(expected.len() > 10, "{expected:?}");
    let names = |tables: &BTreeMap<String, _>| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&own), names(&expected));
    for (name, bytes) in own {
        assert!(bytes == expected[&name], "{name} is another table");
    }
}

/// Tells other threads to stop, also if this one panics.
struct StopOnDrop<'s>(&'s AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_erasure_waits_for_what_was_sent_before_it() {
    let feeds = Feeds::start();
    let subject = "c-erased".to_owned();
    feeds.send(records(0..40).chain(record(&subject)));
    feeds.ingest().until_end().run().succeeds();
    // This revision is in the topic alone, and nobody reads it.
    feeds.send(record(&subject).take(1));
    let ended = erase(&feeds, &subject, "1s").ends().with_status(2);
    ended
        .saying("cannot erase yet")
        .saying("check that `ingest` runs");
    assert!(!feeds.store().join("erasures").exists());

    let erasing = erase(&feeds, &subject, "80s");
    feeds.ingest().until_end().run().succeeds();
    erasing.ends().succeeds();
    assert_only_erased_is_missing(&feeds, std::slice::from_ref(&subject));
    feeds
        .program(&["verify"])
        .run()
        .succeeds()
        .saying("erased: 5 records by 1 entry, the first 1 certified");

    // A record that is sent again is a new record.
    feeds.send(record(&subject).take(1));
    feeds.ingest().until_end().run().succeeds();
    await_that("the record is there again", || {
        !files_with(&feeds.store(), &subject).is_empty()
    });
    erase(&feeds, &subject, "80s").ends().succeeds();
    assert_only_erased_is_missing(&feeds, &[subject]);
}

#[test]
fn a_bucket_that_keeps_versions_is_refused() {
    let feeds = FeedsSetup {
        in_bucket: true,
        ..FeedsSetup::default()
    }
    .start();
    let program = |verb| {
        let program = feeds.program(&[verb]);
        program.set("store.root", "s3://versioned/store")
    };
    let erasing = start_erasing(program("erase"), "c-1");
    for running in [erasing, program("purge").start()] {
        let refused = running.ends().with_status(2);
        refused.saying("keeps old versions of files");
    }
}
