//! Rejects are replayed once their fault is fixed.

use serde_json::Value;

use crate::broker::Sent;
use crate::events::{crime, records};
use crate::feeds::Feeds;

/// The file of partners in which one system is of somebody else.
fn unregister(feeds: &Feeds, system: &str) -> String {
    let path = feeds.path("reference/partners.toml");
    let whole = std::fs::read_to_string(&path).expect("the partners' file");
    let (before, after) = whole
        .split_once(&format!("system = \"{system}\""))
        .expect("the system");
    let other = after.replacen("kent-police", "another-police", 1);
    std::fs::write(path, format!("{before}system = \"{system}\"{other}")).expect("written");
    whole
}

/// What `rejects replay` counts.
#[track_caller]
pub(crate) fn replay(feeds: &Feeds, arguments: &[&str]) -> Value {
    let printed = feeds
        .program(&[&["rejects", "replay", "--format", "json"], arguments].concat())
        .run()
        .succeeds()
        .out;
    serde_json::from_str(printed.lines().last().expect("counts")).expect("json")
}

#[track_caller]
fn check(counts: &Value, expected: [(&str, u64); 4]) {
    for (fate, count) in expected {
        assert_eq!(counts[fate], count, "{fate} in {counts}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, step by step")]
fn records_that_satisfy_a_fixed_contract_are_replayed_unchanged_and_never_twice() {
    let feeds = Feeds::start();
    let partners = unregister(&feeds, "crime");
    let header = ("traceparent".to_owned(), Some(b"00-1".to_vec()));
    let sent: Vec<Sent> = records(0..90)
        .map(|sent| Sent {
            headers: vec![header.clone()],
            ..sent
        })
        .collect();
    let personal = Sent::new("9434765919", "{\"subject\":\"9434765919\"}");
    feeds.send(sent.iter().cloned().chain([sent[0].clone(), personal]));
    feeds
        .ingest()
        .until_end()
        .run()
        .succeeds()
        .saying("rejected, envelope.source");
    assert!(
        feeds
            .assert_all_each_once()
            .rows
            .iter()
            .all(|row| row.rejected.is_some())
    );
    check(
        &replay(&feeds, &[]),
        [
            ("sent", 0),
            ("stored", 0),
            ("rejected", 91),
            ("personal", 1),
        ],
    );

    std::fs::write(feeds.path("reference/partners.toml"), partners).expect("written");
    // The partner has fixed one of them itself.
    feeds.send([crime(7)]);
    feeds.ingest().until_end().run().succeeds();
    let log = || feeds.broker.log(&feeds.police()).len();
    let before = log();
    let dry = ["--dry-run"];
    check(
        &replay(&feeds, &dry),
        [
            ("to_send", 80),
            ("stored", 1),
            ("repeated", 1),
            ("rejected", 9),
        ],
    );
    let listed = feeds
        .program(&["rejects", "replay", "--dry-run"])
        .run()
        .succeeds();
    listed
        .saying("to send        80  are valid now")
        .saying("envelope.source  /source");
    assert_eq!(log(), before, "a dry run sends nothing");
    let filtered = replay(&feeds, &["--dry-run", "--reason", "envelope.revision"]);
    check(
        &filtered,
        [
            ("to_send", 0),
            ("stored", 0),
            ("rejected", 9),
            ("personal", 0),
        ],
    );

    check(
        &replay(&feeds, &[]),
        [
            ("sent", 80),
            ("stored", 1),
            ("repeated", 1),
            ("rejected", 9),
        ],
    );
    assert_eq!(log(), before + 80);
    let log = feeds.broker.records(&feeds.police());
    let same = |sent: &Sent| {
        let is = |found: &&Sent| {
            (&found.key, &found.value, &found.headers) == (&sent.key, &sent.value, &sent.headers)
        };
        log.iter().filter(is).count()
    };
    // The first was sent twice at the start; the third of ten is broken, the seventh the partner
    // has fixed.
    let times: Vec<usize> = sent[..10].iter().map(same).collect();
    assert_eq!(
        times,
        [3, 2, 2, 1, 2, 2, 2, 1, 2, 2],
        "key, value and headers are as they came"
    );

    feeds.ingest().until_end().run().succeeds();
    let stored = feeds.assert_all_each_once();
    let mut subjects: Vec<_> = stored
        .rows
        .into_iter()
        .filter_map(|row| row.subject)
        .collect();
    subjects.sort();
    let accepted = subjects.len();
    subjects.dedup();
    assert_eq!((subjects.len(), accepted), (81, 81), "each record once");
    check(
        &replay(&feeds, &[]),
        [
            ("sent", 0),
            ("stored", 82),
            ("repeated", 0),
            ("rejected", 9),
        ],
    );
    // Nor where all was merged.
    feeds.program(&["merge"]).run().succeeds();
    check(
        &replay(&feeds, &[]),
        [
            ("sent", 0),
            ("stored", 82),
            ("personal", 1),
            ("not_consumed", 0),
        ],
    );
}
