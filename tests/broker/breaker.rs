//! A partner that sends only rejects is paused, and no other partner.

use std::collections::BTreeSet;

use crate::broker::Sent;
use crate::events::{crime, records};
use crate::feeds::Feeds;
use crate::oracle::StoreContent;
use crate::replays::replay;

/// Lets another partner send to the police's topic.
fn register_another(feeds: &Feeds) {
    let path = feeds.path("reference/partners.toml");
    let partners = std::fs::read_to_string(&path).expect("the partners' file");
    let more = partners.replacen(
        "[\"kent-police\"]",
        "[\"kent-police\", \"another-police\"]",
        1,
    );
    assert_ne!(partners, more);
    std::fs::write(path, more).expect("written");
}

/// A good record of the other partner.
fn of_another(number: usize) -> Sent {
    let Sent { key, value, .. } = crime(number);
    let changed = |bytes: Option<Vec<u8>>| {
        let text = String::from_utf8(bytes.expect("bytes")).expect("text");
        text.replace("kent-police", "another-police")
            .replace("c-0", "a-0")
            .into_bytes()
    };
    Sent::new(changed(key), changed(value))
}

fn broken(number: usize) -> Sent {
    let number = number * 10 + 3; // each tenth is
    records(number..number + 1).next().expect("one")
}

fn accepted(stored: &StoreContent) -> BTreeSet<&str> {
    stored
        .rows
        .iter()
        .filter_map(|row| row.subject.as_deref())
        .collect()
}

fn rejected(stored: &StoreContent, reason: &str) -> usize {
    stored
        .rows
        .iter()
        .filter(|row| {
            row.rejected
                .as_ref()
                .is_some_and(|(code, _)| code == reason)
        })
        .count()
}

#[test]
fn a_partner_that_sends_only_rejects_is_the_only_one_paused_and_once_resumed_what_it_fixed_is_accepted()
 {
    let feeds = Feeds::start();
    register_another(&feeds);
    let ingest = || feeds.ingest().set("ingest.breaker", 20);
    let mut consumer = ingest().start();
    feeds.send((0..20).flat_map(|number| [broken(number), of_another(number)]));
    consumer.until("ERROR partner paused: it sent only rejects", 1);
    consumer.until("partner=\"kent-police\"", 1);
    let list = || feeds.program(&["partners", "list"]).run().succeeds();
    list().saying("envelope.revision 20");

    // It has fixed its feed, except one record.
    let personal = crime(999).value.expect("a value");
    let personal = String::from_utf8(personal)
        .expect("text")
        .replace("\"8N\"", "\"ME14 1XX\"");
    let mended = || (1_000..1_040).map(crime);
    feeds.send(
        mended()
            .chain([Sent::new("c-000999", personal)])
            .chain((20..60).map(of_another)),
    );
    feeds.settled();
    let stored = feeds.assert_all_each_once();
    assert_eq!(rejected(&stored, "partner.paused"), 40);
    assert_eq!(
        (
            rejected(&stored, "envelope.revision"),
            rejected(&stored, "personal.postcode")
        ),
        (20, 1)
    );
    assert_eq!(accepted(&stored).len(), 60, "the other partner's");
    let waiting = ["--reason", "partner.paused"];
    let counts = replay(&feeds, &waiting);
    assert_eq!(
        (&counts["paused"], &counts["sent"]),
        (&40.into(), &0.into())
    );
    consumer.terminate().succeeds();

    // The next consumer agrees.
    feeds.send([crime(1_040), of_another(60)]);
    ingest()
        .set("ingest.breaker", 0)
        .until_end()
        .run()
        .succeeds()
        .saying("rejected, partner.paused");

    let mut consumer = ingest().start();
    consumer.until("assigned", 3);
    feeds
        .program(&["partners", "resume", "kent-polce"])
        .run()
        .with_status(2)
        .saying("did you mean `kent-police`?");
    let resumed = feeds
        .program(&["partners", "resume", "kent-police"])
        .run()
        .succeeds();
    resumed.saying("rejects replay --partner kent-police --reason partner.paused");
    consumer.until("partner resumed", 1);
    feeds
        .program(&["partners", "resume", "kent-police"])
        .run()
        .succeeds()
        .saying("is not paused");
    assert!(!list().out.contains("envelope.revision"));

    let counts = replay(&feeds, &waiting);
    assert_eq!(counts["sent"], 41, "{counts:?}");
    feeds.send([crime(1_041)]);
    feeds.settled();
    let stored = feeds.assert_all_each_once();
    let kent: BTreeSet<_> = (1_000..1_042)
        .map(|number| format!("c-{number:06}"))
        .collect();
    let all = accepted(&stored);
    assert!(kent.iter().all(|subject| all.contains(subject.as_str())));
    assert_eq!(all.len(), 61 + 42);
    let counts = replay(&feeds, &waiting);
    assert_eq!(
        (&counts["stored"], &counts["sent"]),
        (&41.into(), &0.into())
    );
    consumer.terminate().succeeds();
}
