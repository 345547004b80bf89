//! The door with a real broker: what it reports as sent is in the log once, at its coordinates,
//! through kills of the broker and of the door.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::await_that;
use crate::broker::OwnBroker;
use crate::events::crime;
use crate::feeds::{Asked, Feeds};
use crate::kit::examples::example;
use crate::program::Running;

/// Events in a request.
const EVENTS: usize = 200;

/// Makes a token of a partner and adds it to the token file.
fn add_token(feeds: &Feeds, partner: &str) -> String {
    let date = Command::new("date")
        .args(["--date", "+30 days", "+%F"])
        .output();
    let date = String::from_utf8(date.expect("a date").stdout).expect("UTF-8");
    let made = feeds
        .program(&["door", "token", partner, "--expires", date.trim()])
        .run()
        .succeeds();
    let file = feeds.path("door-tokens.toml");
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    std::fs::write(&file, format!("{before}{}", made.out)).expect("written");
    let token = made.err.lines().find(|line| line.starts_with("pf_"));
    let token = token.expect("a token").to_owned();
    assert!(!made.out.contains(&token));
    token
}

/// A running door, and its port.
fn open(feeds: &Feeds) -> (Running, u16) {
    let mut door = feeds.program(&["door", "--listen", "127.0.0.1:0"]).start();
    door.until("accepting events", 1);
    let log = door.log();
    let (_, rest) = log
        .split_once("accepting events address=127.0.0.1:")
        .expect("an address");
    let port = rest.split(' ').next().expect("a port");
    (door, port.parse().expect("a port"))
}

/// Posts lines; `None` if the door ended before it answered.
fn post(port: u16, token: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: door\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, text) = answer.split_once("\r\n\r\n")?;
    Some((
        head.get(9..12)?.parse().ok()?,
        serde_json::from_str(text).ok()?,
    ))
}

/// What became of the subjects of all requests.
#[derive(Debug, Default)]
struct Reported {
    /// Coordinates by subject.
    sent: BTreeMap<String, (i32, i64)>,
    unknown: BTreeSet<String>,
}

/// A partner that sends one request after another, each with new records.
struct Partner {
    port: Arc<Mutex<u16>>,
    reported: Arc<Mutex<Reported>>,
    requests: Arc<AtomicUsize>,
    /// Requests whose events were all reported as sent.
    successes: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Partner {
    fn start(port: u16, token: &str) -> Self {
        let port = Arc::new(Mutex::new(port));
        let (reported, requests) = (
            Arc::<Mutex<Reported>>::default(),
            Arc::<AtomicUsize>::default(),
        );
        let successes = Arc::<AtomicUsize>::default();
        let is_over = Arc::<AtomicBool>::default();
        let thread = std::thread::spawn({
            let (port, reported, requests) = (
                Arc::clone(&port),
                Arc::clone(&reported),
                Arc::clone(&requests),
            );
            let (is_over, successes) = (Arc::clone(&is_over), Arc::clone(&successes));
            let token = token.to_owned();
            move || {
                while !is_over.load(Ordering::Relaxed) {
                    let request = requests.load(Ordering::Relaxed);
                    let events = (0..EVENTS).map(|index| crime(request * EVENTS + index));
                    let (subjects, lines): (Vec<_>, Vec<_>) = events
                        .map(|sent| {
                            let text = |bytes: Option<Vec<u8>>| {
                                String::from_utf8(bytes.expect("bytes")).expect("UTF-8")
                            };
                            (text(sent.key), text(sent.value))
                        })
                        .unzip();
                    let port = *port.lock().expect("no panic");
                    let answer = post(port, &token, "/v1/events", &lines.join("\n"));
                    let mut reported = reported.lock().expect("no panic");
                    let is_success = reported.record(subjects, answer.as_ref());
                    successes.fetch_add(usize::from(is_success), Ordering::Relaxed);
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self {
            port,
            reported,
            requests,
            successes,
            is_over,
            thread,
        }
    }

    /// Waits for a number of further requests, whatever became of them.
    fn asks(&self, more: usize) {
        let wanted = self.requests.load(Ordering::Relaxed) + more;
        await_that("the partner asks", || {
            self.requests.load(Ordering::Relaxed) >= wanted
        });
    }

    /// Waits for a number of further requests whose events were all sent.
    fn sends(&self, more: usize) {
        let wanted = self.successes.load(Ordering::Relaxed) + more;
        await_that("the partner sends", || {
            self.successes.load(Ordering::Relaxed) >= wanted
        });
    }

    fn end(self) -> Reported {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it ended");
        std::mem::take(&mut *self.reported.lock().expect("no panic"))
    }
}

impl Reported {
    /// Records a request; whether all its events were sent.
    fn record(&mut self, subjects: Vec<String>, answer: Option<&(u16, Value)>) -> bool {
        let results = answer.map(|(_, answer)| &answer["results"]);
        let Some(results) = results.and_then(Value::as_array) else {
            // No answer, or a door that was stopping: nothing is known.
            self.unknown.extend(subjects);
            return false;
        };
        let unknown = self.unknown.len();
        for (subject, result) in subjects.into_iter().zip(results) {
            match result["outcome"].as_str() {
                Some("sent") => {
                    let number = |name: &str| result[name].as_i64().expect("a number");
                    let at = (number("partition") as i32, number("offset"));
                    self.sent.insert(subject, at);
                }
                Some("unknown") => drop(self.unknown.insert(subject)),
                other => panic!("{other:?}: {result}"),
            }
        }
        self.unknown.len() == unknown
    }
}

#[test]
fn what_the_door_reports_as_sent_is_in_the_log_once_through_kills_of_broker_and_door() {
    let own = OwnBroker::start();
    let feeds = Asked {
        broker: own.broker.clone(),
        feeds: &["police", "health", "housing"],
        ..Asked::default()
    }
    .start();
    let token = add_token(&feeds, "kent-police");
    let (mut door, port) = open(&feeds);
    door.until("the topics can be used", 1);
    let partner = Partner::start(port, &token);
    partner.sends(5);
    let node = Pid::from_raw(own.pid()).expect("a process id");
    kill_process(node, Signal::KILL).expect("killed");
    own.resume();
    partner.sends(5);
    let node = Pid::from_raw(own.pid()).expect("a process id");
    kill_process(node, Signal::STOP).expect("stopped");
    partner.asks(1); // waits until the door has given up, or was answered just before
    kill_process(node, Signal::CONT).expect("continued");
    partner.sends(5);
    door.signal(Signal::KILL);
    drop(door);
    let (door, port) = open(&feeds);
    *partner.port.lock().expect("no panic") = port;
    partner.sends(5);
    let reported = partner.end();
    door.terminate().succeeds();

    assert!(
        reported.sent.len() >= 20 * EVENTS,
        "{}",
        reported.sent.len()
    );
    assert!(!reported.unknown.is_empty());
    let log = feeds.broker.log(&feeds.police());
    for (subject, at) in &reported.sent {
        assert_eq!(log[at].as_deref(), Some(subject.as_bytes()), "{at:?}");
    }
    let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
    for key in log.values() {
        *counts.entry(key.as_deref().expect("a key")).or_default() += 1;
    }
    for (key, count) in counts {
        let subject = std::str::from_utf8(key).expect("UTF-8");
        assert_eq!(count, 1, "{subject}");
        assert!(reported.sent.contains_key(subject) || reported.unknown.contains(subject));
    }
}

#[test]
fn what_the_door_sends_is_in_the_ledger_and_what_it_refuses_is_nowhere() {
    let feeds = Asked {
        feeds: &["police", "health", "housing"],
        ..Asked::default()
    }
    .start();
    let token = add_token(&feeds, "kent-police");
    let (mut door, port) = open(&feeds);
    door.until("the topics can be used", 1);
    let good = example("crime");
    let personal = good.replace("46-001234-17", "9434765919");
    let answer = post(
        port,
        &token,
        "/v1/events",
        &format!("{good}\n{personal}\n{good}"),
    );
    let (status, report) = answer.expect("an answer");
    assert_eq!(status, 422, "{report}");
    assert_eq!(report["results"][1]["reason"], "personal.nhs_number");
    let other = add_token(&feeds, "maidstone-bc");
    await_that("the new token is read", || {
        post(port, &other, "/v1/check", good).is_some_and(|(status, _)| status != 401)
    });
    let ended = door.terminate().succeeds();
    assert!(!ended.err.contains("46-001234-17") && !ended.err.contains("9434765919"));
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_each_once();
    let record = ["record", "urn:partner:kent-police:crime", "46-001234-17"];
    feeds.program(&record).run().succeeds();
    assert_eq!(feeds.broker.log(&feeds.police()).len(), 2);
}
