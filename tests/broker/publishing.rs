//! Sending events and creating topics.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::broker::{Broker, OwnBroker};
use crate::events::examples;
use crate::feeds::{Feeds, FeedsSetup};
use crate::program::Running;
use crate::{DEADLINE, await_that};

#[test]
fn a_missing_topic_is_named_and_sending_creates_none() {
    let feeds = FeedsSetup::default().prepare();
    std::fs::write(feeds.path("events.jsonl"), examples().join("\n")).expect("written");
    let ended = feeds
        .program(&["publish", "events.jsonl"])
        .run()
        .with_status(2);
    ended.saying("does not exist; `partner-feeds topics create` creates it");
    assert_eq!(Broker::shared().partitions(&feeds.police()), 0);
}

#[test]
fn topics_are_created_with_the_brokers_time_and_existing_ones_are_listed() {
    let feeds = FeedsSetup {
        feeds: &["police", "housing"],
        ..FeedsSetup::default()
    }
    .prepare();
    let create = |partitions: &str| {
        feeds
            .program(&["topics", "create", "--partitions", partitions])
            .run()
            .succeeds()
    };
    let (police, housing) = (feeds.police(), feeds.topic("housing"));
    create("4").saying(&format!("{housing}: created\n{police}: created\n"));
    for topic in [&police, &housing] {
        await_that("the topic has its partitions", || {
            feeds.broker.partitions(topic) == 4
        });
        assert_eq!(
            feeds
                .broker
                .setting(topic, "message.timestamp.type")
                .as_deref(),
            Some("LogAppendTime")
        );
    }
    let again = create("4").saying(&format!("{police}: exists already, partitions: 4\n"));
    assert!(
        !again.out.contains("keeps its partitions") && !again.out.contains("LogAppendTime"),
        "{}",
        again.out
    );
    create("6")
        .saying(&format!("{police}: exists already, partitions: 4\n"))
        .saying(&format!(
            "{police}: keeps its partitions; --partitions 6 only applies to new topics\n"
        ));
    assert_eq!(feeds.broker.partitions(&police), 4);
}

#[test]
fn a_topic_with_the_publishers_time_is_reported() {
    let feeds = Feeds::start();
    let told = feeds
        .program(&["topics", "create", "--partitions", "3"])
        .run()
        .succeeds();
    told.saying("exists already, partitions: 3; its message.timestamp.type is not LogAppendTime");
}

/// Feeds lines to a publisher for as long as it takes them; counts them.
fn feed(
    publisher: &mut Running,
    line: String,
    lines: usize,
) -> (Arc<AtomicUsize>, std::thread::JoinHandle<()>) {
    let mut input = publisher.child.stdin.take().expect("fed");
    let fed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&fed);
    let thread = std::thread::spawn(move || {
        for _ in 0..lines {
            if input.write_all(line.as_bytes()).is_err() {
                return; // it has ended
            }
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (fed, thread)
}

/// Waits until the broker has accepted nothing for a second.
fn until_stuck(fed: &AtomicUsize) -> usize {
    let mut last = (fed.load(Ordering::Relaxed), Instant::now());
    await_that("the publisher takes no more", || {
        let now = fed.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        now > 0 && last.1.elapsed() > Duration::from_secs(1)
    });
    last.0
}

#[test]
fn a_broker_that_answers_slowly_fills_the_queue_and_nothing_is_lost() {
    const LINES: usize = 200_000;
    let own = OwnBroker::start();
    let feeds = Feeds::start_on(&own.broker);
    let arguments = ["publish", "--unchecked", "--topic", &feeds.police(), "-"];
    let mut publisher = feeds.program(&arguments).fed().start();
    let node = Pid::from_raw(own.pid()).expect("a process id");
    publisher
        .child
        .stdin
        .as_mut()
        .expect("fed")
        .write_all(b"{}\n")
        .expect("written");
    await_that("it has begun", || {
        !feeds.broker.log(&feeds.police()).is_empty()
    });
    kill_process(node, Signal::STOP).expect("stopped");
    let (fed, feeding) = feed(&mut publisher, "{}\n".to_owned(), LINES - 1);
    let stuck = until_stuck(&fed);
    kill_process(node, Signal::CONT).expect("continued");
    assert!(
        stuck < LINES - 1,
        "the queue is bounded, and took all {stuck}"
    );
    feeding.join().expect("fed");
    publisher.ends().succeeds().saying(&format!("{LINES} sent"));
    let sent: i64 = (0..3)
        .map(|partition| feeds.broker.watermarks(&feeds.police(), partition).end)
        .sum();
    assert_eq!(sent, LINES as i64);
}

#[test]
fn a_broker_that_stops_ends_the_sending_with_the_number_that_arrived() {
    let own = OwnBroker::start();
    let feeds = Feeds::start_on(&own.broker);
    let mut publisher = feeds
        .program(&[
            "publish",
            "--unchecked",
            "--timeout",
            "5",
            "--topic",
            &feeds.police(),
            "-",
        ])
        .fed()
        .start();
    let (fed, feeding) = feed(
        &mut publisher,
        "{\"subject\":\"x\"}\n".to_owned(),
        10_000_000,
    );
    await_that("some arrived", || {
        feeds.broker.watermarks(&feeds.police(), 0).end
            + feeds.broker.watermarks(&feeds.police(), 1).end
            + feeds.broker.watermarks(&feeds.police(), 2).end
            > 0
    });
    own.stop();
    let began = Instant::now();
    let ended = publisher.ends().with_status(2);
    feeding.join().expect("fed");
    assert!(began.elapsed() < DEADLINE / 2);
    assert!(fed.load(Ordering::Relaxed) < 10_000_000);
    own.resume();
    let arrived: i64 = (0..3)
        .map(|partition| feeds.broker.watermarks(&feeds.police(), partition).end)
        .sum();
    let printed = ended
        .err
        .lines()
        .find_map(|line| line.strip_prefix("error: "))
        .expect("an error");
    let delivered: i64 = printed
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("how many arrived");
    assert!(
        0 < delivered && delivered <= arrived,
        "{printed}; {arrived} arrived"
    );
}

/// A publisher that has sent one event and then loses its broker.
fn left_alone(own: &OwnBroker) -> (Feeds, Running, std::process::ChildStdin) {
    let feeds = Feeds::start_on(&own.broker);
    let arguments = [
        "publish",
        "--unchecked",
        "--timeout",
        "3",
        "--topic",
        &feeds.police(),
        "-",
    ];
    let mut publisher = feeds.program(&arguments).fed().start();
    let mut input = publisher.child.stdin.take().expect("fed");
    input.write_all(LINE).expect("taken");
    await_that("it arrived", || {
        (0..3)
            .map(|at| feeds.broker.watermarks(&feeds.police(), at).end)
            .sum::<i64>()
            == 1
    });
    own.stop();
    (feeds, publisher, input)
}

const LINE: &[u8] = b"{\"subject\":\"x\"}\n";

#[test]
fn a_broker_that_stops_ends_slow_and_finished_sending() {
    let own = OwnBroker::start();
    let (_feeds, mut publisher, mut input) = left_alone(&own);
    await_that("no more is sent", || {
        // That it has ended shows in its status.
        input.write_all(LINE).ok();
        std::thread::sleep(Duration::from_millis(200));
        publisher.child.try_wait().expect("a status").is_some()
    });
    publisher
        .ends()
        .with_status(2)
        .saying("1 events were sent; then no broker accepted one for 3 s");
    own.resume();

    let (_feeds, publisher, mut input) = left_alone(&own);
    input.write_all(LINE).expect("taken");
    drop(input);
    publisher
        .ends()
        .with_status(2)
        .saying("1 events were sent, 1 were not");
    own.resume();
}
