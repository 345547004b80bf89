//! Logs for machines.

use serde_json::Value;

use crate::events::records;
use crate::feeds::Feeds;
use crate::program::Program;

/// The lines of a log; each must be an object of JSON.
#[track_caller]
pub(crate) fn lines(log: &str) -> Vec<Value> {
    let line = |line: &str| match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Value::Object(object),
        _ => panic!("no object: {line}"),
    };
    assert!(
        !log.lines()
            .any(|line| line.matches(r#""message":"#).count() > 1),
        "a name stands once:\n{log}"
    );
    log.lines().map(line).collect()
}

#[test]
fn a_json_log_is_one_object_per_line_from_every_library() {
    let feeds = Feeds::start();
    feeds.send(records(0..30));
    let json = |program: Program| program.env("PARTNER_FEEDS_LOG_FORMAT", "json");
    let log = json(feeds.ingest().set("kafka.properties.debug", "cgrp"))
        .until_end()
        .run()
        .succeeds()
        .err;
    let told = lines(&log);
    for line in &told {
        let time = line["timestamp"].as_str().expect("a time");
        assert!(
            time.ends_with('Z') && time.as_bytes()[10] == b'T',
            "{time} is of RFC 3339, in UTC"
        );
        assert!(
            line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    let says = |message: &str| {
        told.iter()
            .filter(|line| line["message"] == message)
            .collect::<Vec<_>>()
    };
    assert!(says("assigned").iter().all(|line| {
        line["partition"]
            .as_str()
            .is_some_and(|at| at.contains('/'))
    }));
    assert_eq!(says("assigned").len(), 3);
    let of_client = |line: &&Value| {
        line["message"]
            .as_str()
            .is_some_and(|message| message.starts_with("librdkafka: "))
    };
    assert!(
        told.iter()
            .filter(of_client)
            .any(|line| line["fac"].is_string()),
        "{log}"
    );

    let refused = lines(
        &json(feeds.program(&["verify", "--store", "nowhere"]))
            .run()
            .with_status(2)
            .err,
    );
    let why = refused.last().expect("a line");
    assert_eq!(why["level"], "ERROR");
    assert!(
        why["message"]
            .as_str()
            .is_some_and(|why| why.contains("there is no store at `nowhere`")),
        "{why}"
    );
    feeds
        .program(&["verify"])
        .env("PARTNER_FEEDS_LOG_FORMAT", "xml")
        .run()
        .with_status(2)
        .saying("must be text or json");
}
