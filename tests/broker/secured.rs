//! A broker that demands TLS and a password (SASL/SCRAM): everything that asks one works with
//! `kafka.properties`, and any fault in those is reported, without the password.

use std::path::Path;

use crate::broker::OwnBroker;
use crate::events::records;
use crate::feeds::{Feeds, FeedsSetup};
use crate::program::Program;

/// A wrong password, and no part of the right one.
const WRONG: &str = "not-the-password-that-it-is";

struct Secured {
    own: OwnBroker,
    feeds: Feeds,
}

impl Secured {
    fn start() -> Self {
        let own = OwnBroker::start_secured();
        let feeds = &["police", "health", "housing"];
        let feeds = FeedsSetup {
            broker: own.broker.clone(),
            feeds,
            ..FeedsSetup::default()
        }
        .prepare();
        Self { own, feeds }
    }

    /// A command that comes in by the second door.
    fn program(&self, arguments: &[&str]) -> Program {
        self.stranger(arguments).set(
            "kafka.properties.ssl.ca.location",
            self.own.path("ca.pem").display(),
        )
    }

    /// The same, of a machine that does not know the authority.
    fn stranger(&self, arguments: &[&str]) -> Program {
        self.feeds
            .program(arguments)
            .set("kafka.brokers", self.own.secured_address())
            .set("kafka.properties.security.protocol", "sasl_ssl")
            .set("kafka.properties.sasl.mechanism", "SCRAM-SHA-512")
            .set("kafka.properties.sasl.username", "partner")
            .set(
                "kafka.properties.sasl.password_file",
                self.own.path("password").display(),
            )
    }

    fn ingest(&self) -> Program {
        self.program(&["ingest"]).until_end()
    }

    /// Nothing that was printed or logged, nor any file of the store, contains the password or the
    /// wrong one.
    #[track_caller]
    fn assert_no_password_is_shown(&self) {
        let password = std::fs::read_to_string(self.own.path("password")).expect("a password");
        for path in files(&self.feeds.path("")) {
            let bytes = std::fs::read(&path).expect("readable");
            for secret in [password.trim(), WRONG] {
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(
                    !found || path.ends_with("wrong"),
                    "a password is in {}",
                    path.display()
                );
            }
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn a_broker_that_demands_tls_and_a_password_is_served_by_all_commands() {
    let secured = Secured::start();
    secured
        .program(&["topics", "create", "--partitions", "3"])
        .run()
        .succeeds()
        .saying("created");
    let events = secured
        .feeds
        .program(&["generate", "--events", "200"])
        .run()
        .succeeds()
        .out;
    std::fs::write(secured.feeds.path("events.jsonl"), &events).expect("written");
    secured
        .program(&["publish", "events.jsonl"])
        .run()
        .succeeds();
    secured.feeds.send(records(0..300));
    secured
        .ingest()
        .env("PARTNER_FEEDS_LOG", "debug")
        .set("kafka.properties.debug", "security,conf")
        .run()
        .succeeds()
        .saying("kafka.properties.sasl.username = \"partner\"");
    assert_eq!(secured.feeds.assert_all_each_once().rows.len(), 500);
    secured.feeds.assert_group_is_at_the_end();
    secured.assert_no_password_is_shown();
}

#[test]
fn a_fault_in_a_secured_connection_is_reported_after_a_bounded_wait() {
    let secured = Secured::start();
    std::fs::write(secured.feeds.path("wrong"), WRONG).expect("written");
    // Each waits for a broker that may yet come: side by side.
    let waiting = [
        (
            secured.ingest().set(
                "kafka.properties.sasl.password_file",
                secured.feeds.path("wrong").display(),
            ),
            "Authentication failed during authentication due to invalid credentials",
        ),
        (
            secured.stranger(&["ingest"]),
            // librdkafka adds advice on ssl.ca.location unless it retried in the meantime.
            "certificate verify failed",
        ),
        (
            secured
                .ingest()
                .set("kafka.properties.security.protocol", "plaintext"),
            "error: no Kafka broker answered",
        ),
        (
            secured
                .ingest()
                .set("kafka.brokers", &secured.feeds.broker.address),
            "during the TLS handshake",
        ),
        (
            secured
                .program(&["topics", "create"])
                .set("kafka.properties.sasl.username", "nobody"),
            "Authentication failed during authentication due to invalid credentials",
        ),
    ];
    let waiting = waiting.map(|(program, why)| (program.start(), why));
    for (program, why) in waiting {
        program
            .ends()
            .with_status(2)
            .saying("answered")
            .saying("(--brokers) and kafka.properties")
            .saying(why);
    }
    // And these wait for nobody.
    let refused = |key: &str, value: &str| secured.ingest().set(key, value).run().with_status(2);
    refused("kafka.properties.sasl.password_file", "/nowhere")
        .saying("file /nowhere cannot be read");
    refused("kafka.properties.ssl.ca.location", "/nowhere.pem").saying("ssl.ca.location");
    refused("kafka.properties.sasl.mechanism", "SCRAM-SHA-3").saying("SCRAM-SHA-3");
    refused("kafka.properties.sasl.pasword", WRONG)
        .saying("sasl.pasword: is not a property of librdkafka");
    secured.assert_no_password_is_shown();
}
