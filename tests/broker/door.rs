//! The door with a real broker: what it reports as sent is in the log once, at its coordinates,
//! through kills of the broker and of the door.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use partner_feeds::crash::DOOR_POINTS;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::await_that;
use crate::broker::{OwnBroker, Sent};
use crate::events::crime;
use crate::feeds::{Feeds, FeedsSetup};
use crate::kit::examples::example;
use crate::program::{Program, Running};

/// Events in a request of one client, and of each of several.
const EVENTS: usize = 200;
const EVENTS_EACH: usize = 20;

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
    listening(door(feeds))
}

/// A door that is not yet started.
fn door(feeds: &Feeds) -> Program {
    let door = feeds.program(&["door", "--listen", "127.0.0.1:0"]);
    door.set("door.rate", 1_000_000)
}

fn listening(door: Program) -> (Running, u16) {
    let mut door = door.start();
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

/// A partner whose clients send one request after another, each with new records.
struct Partner {
    port: Arc<Mutex<u16>>,
    reported: Arc<Mutex<Reported>>,
    requests: Arc<AtomicUsize>,
    /// Requests whose events were all reported as sent.
    successes: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Partner {
    /// Starts a number of clients, each with a number of events in a request.
    fn start(port: u16, token: &str, clients: usize, events: usize) -> Self {
        let mut partner = Self {
            port: Arc::new(Mutex::new(port)),
            reported: Arc::default(),
            requests: Arc::default(),
            successes: Arc::default(),
            is_over: Arc::default(),
            clients: Vec::new(),
        };
        let started = Arc::<AtomicUsize>::default();
        for _ in 0..clients {
            let (port, reported) = (Arc::clone(&partner.port), Arc::clone(&partner.reported));
            let (requests, successes) = (
                Arc::clone(&partner.requests),
                Arc::clone(&partner.successes),
            );
            let (is_over, started) = (Arc::clone(&partner.is_over), Arc::clone(&started));
            let token = token.to_owned();
            partner.clients.push(std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let request = started.fetch_add(1, Ordering::Relaxed);
                    let records = (0..events).map(|index| crime(request * events + index));
                    let (subjects, lines): (Vec<_>, Vec<_>) = records
                        .map(|sent| {
                            let text = |bytes: Option<Vec<u8>>| {
                                String::from_utf8(bytes.expect("bytes")).expect("UTF-8")
                            };
                            (text(sent.key), text(sent.value))
                        })
                        .unzip();
                    let port = *port.lock().expect("no panic");
                    let answer = post(port, &token, "/v1/events", &lines.join("\n"));
                    if answer.is_none() {
                        std::thread::sleep(Duration::from_millis(20)); // until the next poll of a door that is away
                    }
                    let mut reported = reported.lock().expect("no panic");
                    let is_success = reported.record(subjects, answer.as_ref());
                    successes.fetch_add(usize::from(is_success), Ordering::Relaxed);
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        partner
    }

    /// Turns to another door.
    fn turn_to(&self, port: u16) {
        *self.port.lock().expect("no panic") = port;
    }

    /// Waits for a number of further requests, answered or not.
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
        for client in self.clients {
            client.join().expect("it ended");
        }
        std::mem::take(&mut *self.reported.lock().expect("no panic"))
    }
}

impl Reported {
    /// The log has each event that is reported as sent once, at its coordinates, and besides only
    /// events whose outcome is unknown.
    #[track_caller]
    fn assert_in_log(&self, feeds: &Feeds) {
        let log = feeds.broker.log(&feeds.police());
        for (subject, at) in &self.sent {
            assert_eq!(log[at].as_deref(), Some(subject.as_bytes()), "{at:?}");
        }
        let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
        for key in log.values() {
            *counts.entry(key.as_deref().expect("a key")).or_default() += 1;
        }
        for (key, count) in counts {
            let subject = std::str::from_utf8(key).expect("UTF-8");
            assert_eq!(count, 1, "{subject}");
            assert!(self.sent.contains_key(subject) || self.unknown.contains(subject));
        }
    }

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

/// All feeds on a broker of their own, and a token of the police.
fn all_feeds(own: &OwnBroker) -> (Feeds, String) {
    let feeds = FeedsSetup {
        broker: own.broker.clone(),
        feeds: &["police", "health", "housing"],
        ..FeedsSetup::default()
    }
    .start();
    let token = add_token(&feeds, "kent-police");
    (feeds, token)
}

#[test]
fn what_the_door_reports_as_sent_is_in_the_log_once_through_kills_of_broker_and_door() {
    let own = OwnBroker::start();
    let (feeds, token) = all_feeds(&own);
    let (mut door, port) = open(&feeds);
    door.until("the topics can be used", 1);
    let partner = Partner::start(port, &token, 1, EVENTS);
    partner.sends(5);
    own.kill();
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
    partner.turn_to(port);
    partner.sends(5);
    let reported = partner.end();
    door.terminate().succeeds();

    assert!(
        reported.sent.len() >= 20 * EVENTS,
        "{}",
        reported.sent.len()
    );
    assert!(!reported.unknown.is_empty());
    reported.assert_in_log(&feeds);
}

#[test]
fn what_is_reported_as_sent_is_in_the_log_once_though_door_and_broker_are_killed_at_each_step() {
    let own = OwnBroker::start();
    let (feeds, token) = all_feeds(&own);
    let partner = Partner::start(0, &token, 4, EVENTS_EACH);
    for point in DOOR_POINTS {
        // The first request, and one among others.
        for nth in [1, 30] {
            let (killed, port) = listening(door(&feeds).killed_at(point, nth));
            partner.turn_to(port);
            killed.ends().killed();
        }
        let gate = feeds.path("block");
        let (mut blocked, port) = listening(door(&feeds).blocked_at(point, &gate));
        partner.turn_to(port);
        blocked.until("blocked", 1);
        own.kill();
        own.resume();
        std::fs::remove_file(gate).expect("removed");
        partner.sends(20);
        blocked.signal(Signal::KILL);
    }
    let (last, port) = open(&feeds);
    partner.turn_to(port);
    while partner.successes.load(Ordering::Relaxed) < 1_000 {
        partner.sends(100);
    }
    let reported = partner.end();
    last.terminate().succeeds();
    assert!(reported.sent.len() >= 1_000 * EVENTS_EACH);
    assert!(!reported.unknown.is_empty());
    reported.assert_in_log(&feeds);
}

#[test]
fn what_the_door_sends_is_in_the_ledger_and_what_it_refuses_is_nowhere() {
    let feeds = FeedsSetup {
        feeds: &["police", "health", "housing"],
        ..FeedsSetup::default()
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
    let file = feeds.path("door-tokens.toml");
    let both = std::fs::read_to_string(&file).expect("readable");
    let entry = both.rfind("[[token]]").expect("two entries");
    std::fs::write(&file, &both[..entry]).expect("written");
    let revoked = Instant::now();
    await_that("the token is revoked", || {
        post(port, &other, "/v1/check", good).is_some_and(|(status, _)| status == 401)
    });
    let delay = revoked.elapsed();
    assert!(
        delay < Duration::from_secs(12),
        "10 s, and what the file and the answer take: {delay:?}"
    );
    let ended = door.terminate().succeeds();
    assert!(!ended.err.contains("46-001234-17") && !ended.err.contains("9434765919"));
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_each_once();
    let record = ["record", "urn:partner:kent-police:crime", "46-001234-17"];
    feeds.program(&record).run().succeeds();
    assert_eq!(feeds.broker.log(&feeds.police()).len(), 2);
}

/// Asks a door with a token; the status and the text of the answer.
fn ask(port: u16, token: &str, request: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    let head = format!(
        "{request} HTTP/1.1\r\nHost: door\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
    (head[9..12].parse().expect("a status"), text.to_owned())
}

#[test]
fn a_partner_finds_its_records_its_refusals_and_its_scorecard_at_a_door_with_a_store() {
    const RECORD: [&str; 2] = ["urn:partner:kent-police:crime", "46-001234-17"];
    let feeds = FeedsSetup {
        feeds: &["police", "health", "housing"],
        ..FeedsSetup::default()
    }
    .start();
    let token = add_token(&feeds, "kent-police");
    feeds.ingest().until_end().run().succeeds(); // creates the store
    let with_store = |feeds: &Feeds| listening(door(feeds).set("door.store", feeds.root()));
    let (mut door, port) = with_store(&feeds);
    door.until("the topics can be used", 1);
    let question = format!(r#"{{"source":"{}","subject":"{}"}}"#, RECORD[0], RECORD[1]);
    let find = |port: u16| -> Value {
        let (status, text) = ask(port, &token, "POST /v1/where", &question);
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).expect("JSON")
    };
    assert_eq!(find(port)["state"], "not_received");
    let good = example("crime");
    let personal = good.replace(RECORD[1], "9434765919");
    let answer = post(port, &token, "/v1/events", &format!("{good}\n{personal}"));
    let (status, report) = answer.expect("an answer");
    assert_eq!(status, 422, "{report}");
    assert_eq!(find(port)["state"], "not_read_yet");

    let broken = good.replace(r#""revision":2"#, r#""revision":0"#);
    feeds.send([Sent::new(RECORD[1], broken)]);
    feeds.ingest().until_end().run().succeeds();
    let found = find(port);
    let rows = found["rows"].as_array().expect("a list");
    let of = |outcome: &str| {
        let row = rows.iter().find(|row| row["outcome"] == outcome);
        row.unwrap_or_else(|| panic!("{outcome}: {found}"))
    };
    let (accepted, sent) = (of("accepted"), &report["results"][0]);
    let at = format!(
        "{}/{} 0000-{:019}",
        sent["topic"].as_str().expect("a topic"),
        sent["partition"],
        sent["offset"].as_i64().expect("an offset")
    );
    assert_eq!(accepted["at"], at);
    assert_eq!(
        (&accepted["latest"], &accepted["month"]),
        (&true.into(), &"2017-02".into())
    );
    assert_eq!(of("rejected")["reason"], "envelope.revision");
    let (status, lines) = ask(port, &token, "GET /v1/refusals?since=2020-01-01", "");
    assert_eq!((status, lines.lines().count()), (200, 1), "{lines}");
    let line: Value = serde_json::from_str(&lines).expect("JSON");
    assert_eq!(
        (&line["reason"], &line["subject"]),
        (&"envelope.revision".into(), &RECORD[1].into())
    );
    let printed = feeds.program(&[&["where", "--format", "json"], &RECORD[..]].concat());
    let printed: Value = serde_json::from_str(&printed.run().succeeds().out).expect("JSON");
    assert_eq!(printed, found);

    let (status, _) = ask(port, &token, "GET /v1/scorecard", "");
    assert_eq!(status, 404, "none was written");
    let ended = door.terminate().succeeds(); // writes what it refused
    assert!(!ended.err.contains(RECORD[1]) && !ended.err.contains("9434765919"));
    let aggregate = ["aggregate", "--plan", "in-force", "--scorecards"];
    feeds.program(&aggregate).run().succeeds();
    let (door, port) = with_store(&feeds);
    let (status, scorecard) = ask(port, &token, "GET /v1/scorecard", "");
    assert_eq!(status, 200, "{scorecard}");
    let scorecard: Value = serde_json::from_str(&scorecard).expect("JSON");
    let feed = &scorecard["feeds"][0];
    let counts =
        ["received", "accepted", "rejected", "door_refused"].map(|name| feed[name].as_u64());
    assert_eq!(counts, [2, 1, 1, 1].map(Some), "{feed}");
    door.terminate().succeeds();
}
