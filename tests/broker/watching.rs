//! A run as it is watched from outside: probes, metrics, the watchdog.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::await_that;
use crate::broker::Sent;
use crate::events::{crime, records};
use crate::feeds::{Feeds, FeedsSetup};
use crate::logs::lines;
use crate::oracle::{self, Row};
use crate::program::{Program, Running};

/// A run that answers probes at an address of its own.
struct Watched {
    run: Running,
    address: String,
}

impl Watched {
    fn start(program: Program) -> Self {
        let mut run = program.set("watch.listen", "127.0.0.1:0").start();
        run.until("serving /live, /ready and /metrics", 1);
        let log = run.log();
        let address = log
            .split_once("address=")
            .and_then(|(_, rest)| rest.split_whitespace().next());
        Self {
            address: address.expect("an address").to_owned(),
            run,
        }
    }

    /// Status and body of an answer, by the simplest of clients; nothing where nobody listens.
    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    #[track_caller]
    fn until_it_says(&self, path: &str, status: u16, says: &str) {
        await_that(&format!("{path} answers {status}: {says}"), || {
            self.get(path)
                .is_some_and(|(found, body)| found == status && body.starts_with(says))
        });
    }

    fn metrics(&self) -> Metrics {
        let (status, text) = self.get("/metrics").expect("an answer");
        assert_eq!(status, 200);
        let series = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                (series.to_owned(), value.parse().expect("a number"))
            });
        Metrics(series.collect())
    }

    /// Waits until a sum of series is so much.
    #[track_caller]
    fn until_it_counts(&self, name: &str, labels: &[&str], sum: f64) {
        await_that(&format!("{name}{labels:?} is {sum}"), || {
            self.metrics().sum(name, labels).total_cmp(&sum).is_eq()
        });
    }
}

/// What was scraped: values by series.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// The sum of the series of a name with all of some labels.
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let of_name = |series: &str| series.split('{').next() == Some(name);
        let found = self
            .0
            .iter()
            .filter(|(series, _)| of_name(series) && labels.iter().all(|l| series.contains(l)));
        let values: Vec<f64> = found.map(|(_, value)| *value).collect();
        assert!(!values.is_empty(), "no series {name} with {labels:?}");
        values.iter().sum()
    }

    fn whole(&self, name: &str, labels: &[&str]) -> usize {
        self.sum(name, labels) as usize
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, step by step")]
fn metrics_agree_with_the_store() {
    let feeds = Feeds::start();
    let watched = Watched::start(feeds.ingest());
    watched.until_it_says("/ready", 200, "ready");
    let stranger = crime(900);
    let stranger = String::from_utf8(stranger.value.expect("a value")).expect("text");
    let stranger = stranger.replace("urn:partner:kent-police:", "urn:partner:somebody:");
    let sent: Vec<Sent> = records(0..300)
        .chain([Sent::new("c-000900", stranger)])
        .collect();
    let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let bytes: usize = sent
        .iter()
        .map(|sent| len(&sent.key) + len(&sent.value))
        .sum();
    feeds.send(sent);
    watched.until_it_counts("partner_feeds_records_total", &[], 301.0);
    watched.until_it_counts("partner_feeds_lag_records", &[], 0.0);

    let stored = feeds.assert_all_each_once();
    let rejected: Vec<&Row> = stored
        .rows
        .iter()
        .filter(|row| row.rejected.is_some())
        .collect();
    let metrics = watched.metrics();
    let outcome = |partner: &str, outcome: &str| {
        let labels = [
            format!("partner=\"{partner}\""),
            format!("outcome=\"{outcome}\""),
            "feed=\"police\"".to_owned(),
        ];
        metrics.whole(
            "partner_feeds_records_total",
            &labels.each_ref().map(String::as_str),
        )
    };
    assert_eq!(
        outcome("kent-police", "accepted"),
        stored.rows.len() - rejected.len()
    );
    assert_eq!(
        (
            outcome("kent-police", "rejected"),
            outcome("unknown", "rejected")
        ),
        (rejected.len() - 1, 1)
    );
    assert_eq!(
        metrics.whole("partner_feeds_record_bytes_total", &[]),
        bytes
    );
    for reason in ["envelope.revision", "envelope.source"] {
        let of_reason = rejected.iter().filter(|row| {
            row.rejected
                .as_ref()
                .is_some_and(|(code, _)| code == reason)
        });
        let label = format!("reason=\"{reason}\"");
        assert_eq!(
            metrics.whole("partner_feeds_rejects_total", &[&label]),
            of_reason.count(),
            "{reason}"
        );
    }
    assert_eq!(
        metrics.whole("partner_feeds_rejects_total", &[]),
        rejected.len()
    );
    assert!(
        !metrics.0.keys().any(|series| series.contains("somebody")),
        "who is not registered is no label"
    );

    assert_eq!(
        metrics.whole("partner_feeds_creates_total", &["won"]),
        watched.run.says("durable partition")
    );
    assert_eq!(
        metrics.whole("partner_feeds_rebalances_total", &["assigned"]),
        1
    );
    assert_eq!(metrics.whole("partner_feeds_partitions", &["assigned"]), 3);
    assert_eq!(
        metrics.whole("partner_feeds_merges_total", &["merged"]),
        watched.run.says("INFO merged partition")
    );
    for nothing in ["lag_seconds", "uncommitted_age_seconds", "gathered_bytes"] {
        assert_eq!(
            metrics.whole(&format!("partner_feeds_{nothing}"), &[]),
            0,
            "{nothing}"
        );
    }
    assert!(
        metrics.sum("process_resident_memory_bytes", &[]) > 1e6
            && metrics.sum("process_cpu_seconds_total", &[]) > 0.0
    );
    let began = metrics.sum("process_start_time_seconds", &[]);
    assert!(began < metrics.sum("partner_feeds_last_durable_timestamp_seconds", &[]));
    assert_eq!(
        watched.get("/live").expect("an answer"),
        (200, "live\n".to_owned())
    );
    assert_eq!(watched.get("/else").expect("an answer").0, 404);

    // Half of the partitions go to another, which may have none left to give to a fourth.
    let others = [(); 3].map(|()| Watched::start(feeds.ingest()));
    for other in &others {
        other.until_it_says("/ready", 200, "ready");
    }
    await_that("some partitions moved, and each is of one process", || {
        let all = others
            .iter()
            .chain([&watched])
            .map(|w| w.metrics().whole("partner_feeds_partitions", &["assigned"]));
        let revoked = watched
            .metrics()
            .whole("partner_feeds_rebalances_total", &["revoked"]);
        all.sum::<usize>() == 3 && revoked > 0
    });
    watched.run.terminate().succeeds();
}

#[test]
fn it_answers_before_a_broker_does_and_its_address_is_its_own() {
    let feeds = FeedsSetup::default().prepare();
    let watched = Watched::start(feeds.ingest().set("kafka.brokers", "127.0.0.1:1"));
    watched.until_it_says("/ready", 503, "not ready: waiting for a broker\n");
    assert_eq!(
        watched.get("/live").expect("an answer"),
        (200, "live\n".to_owned())
    );
    assert_eq!(watched.metrics().whole("partner_feeds_ready", &[]), 0);
    let second = feeds
        .ingest()
        .set("watch.listen", &watched.address)
        .run()
        .with_status(2);
    second
        .saying(&format!(
            "cannot listen at {} (watch.listen)",
            watched.address
        ))
        .saying("Address already in use");
}

/// A run whose first commit hangs for as long as a file is there.
fn stuck(feeds: &Feeds, intervals: u32) -> Watched {
    let ingest = feeds
        .ingest()
        .blocked_at("commit.started", &feeds.path("block"))
        .set("watch.stall_intervals", intervals);
    let watched = Watched::start(ingest);
    watched.until_it_says("/ready", 200, "ready");
    feeds.send((0..50).map(|number| crime(number).to(0)));
    watched
}

#[test]
fn a_run_that_makes_nothing_durable_is_not_ready_until_it_does() {
    let feeds = Feeds::start();
    // It is unready for as long again, on a busy machine too.
    let watched = stuck(&feeds, 15);
    watched.until_it_says(
        "/ready",
        503,
        "not ready: stalled: nothing became durable for ",
    );
    assert!(
        watched
            .metrics()
            .sum("partner_feeds_uncommitted_age_seconds", &[])
            > 1.0
    );
    assert_eq!(
        watched
            .metrics()
            .whole("partner_feeds_lag_records", &["partition=\"0\""]),
        50
    );
    assert!(
        watched
            .metrics()
            .sum("partner_feeds_lag_seconds", &["partition=\"0\""])
            > 1.0
    );
    std::fs::remove_file(feeds.path("block")).expect("released");
    watched.until_it_says("/ready", 200, "ready");
    assert_eq!(
        watched
            .run
            .says("ERROR stalled: nothing becomes durable, and work is pending"),
        1
    );
    assert_eq!(watched.run.says("no longer stalled"), 1);
    watched.run.terminate().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn a_run_that_stays_stuck_ends_with_a_status_and_loses_nothing() {
    let feeds = Feeds::start();
    let watched = stuck(&feeds, 2);
    watched
        .run
        .ends()
        .with_status(2)
        .saying("error: stalled: nothing became durable for 4 s");
    std::fs::remove_file(feeds.path("block")).expect("released");
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn a_run_without_new_records_or_with_a_stopped_partition_is_no_stall() {
    let feeds = FeedsSetup {
        partitions: 2,
        ..FeedsSetup::default()
    }
    .start();
    let to = |partition: i32, numbers: std::ops::Range<usize>| {
        numbers.map(move |n| crime(n).to(partition))
    };
    feeds.send(to(0, 0..10).chain(to(1, 0..10)));
    feeds.ingest().until_end().run().succeeds();
    feeds.send(to(0, 10..20));
    feeds.broker.expire(&feeds.police(), 0, 15);
    let watched = Watched::start(feeds.ingest().set("watch.stall_intervals", 2));
    watched.until_it_says("/ready", 200, "ready");
    watched.until_it_counts("partner_feeds_partitions", &["stopped"], 1.0);
    watched.until_it_counts("partner_feeds_lag_records", &["partition=\"0\""], 5.0);
    // Nobody fetches it: a broker is asked, again and again, for longer than the bound.
    for more in 20..22 {
        feeds.send(to(0, more..more + 1));
        watched.until_it_counts(
            "partner_feeds_lag_records",
            &["partition=\"0\""],
            (more - 14) as f64,
        );
    }
    assert_eq!(watched.get("/ready").expect("an answer").0, 200);
    assert_eq!(watched.run.says("stalled"), 0);
    watched.run.terminate().with_status(1);
}

#[test]
fn a_partition_with_a_damaged_file_is_reported_as_stopped_with_its_lag() {
    let feeds = FeedsSetup {
        partitions: 1,
        ..FeedsSetup::default()
    }
    .start();
    feeds.send((0..10).map(crime));
    feeds.ingest().until_end().run().succeeds();
    let journal = oracle::files(&feeds.store().join("journal"));
    std::fs::write(journal.last().expect("a file"), "damaged").expect("written");
    feeds.send((10..15).map(crime));
    let watched = Watched::start(feeds.ingest());
    watched.until_it_counts("partner_feeds_partitions", &["stopped"], 1.0);
    watched.until_it_counts("partner_feeds_lag_records", &[], 5.0);
    watched.run.terminate().with_status(1);
}

#[test]
fn a_fault_of_the_program_is_a_line_of_the_log_without_a_value_and_the_watchdog_ends_it() {
    let feeds = Feeds::start();
    feeds.send(records(0..30));
    let faulty = feeds
        .ingest()
        .killed_at("commit.started", 1)
        .env("PARTNER_FEEDS_CRASH_WITH", "a value");
    let ingest = faulty
        .set("watch.stall_intervals", 2)
        .env("PARTNER_FEEDS_LOG_FORMAT", "json");
    let ended = ingest.start().ends_even_after_a_panic();
    let log = ended.with_status(2).err;
    let lines = lines(&log);
    let fault = lines
        .iter()
        .find(|line| line["message"] == "the program has a fault, please report this line");
    let fault = fault.expect("a line of the panic");
    assert_eq!(fault["level"], "ERROR");
    assert!(
        fault["at"]
            .as_str()
            .is_some_and(|at| at.contains("src/crash.rs:")),
        "{fault}"
    );
    assert!(!log.contains("a value\""), "{fault}");
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
}
