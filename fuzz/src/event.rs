//! Any bytes: the decoder accepts exactly what JSON profile, envelope and schema accept together,
//! and a record is judged without a panic.

use partner_feeds::contract::{Event, Incoming, TopicRules, explain, judge, judge_document};
use partner_feeds::event::{Feed, Micros};

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(
            Event::decode(text).is_ok(),
            explain::accepts(text),
            "decoder, and profile with envelope and schema"
        );
    }
    let now = Micros(1_800_000_000_000_000);
    drop(judge_document(bytes, &|_, _| true, now, |record| {
        record.subject.len()
    }));
    let rules = TopicRules::new(Feed::Police, ["urn:partner:kent-police:crime".to_owned()]);
    let headers = [
        ("content-type", Some(&b"application/json"[..])),
        ("ce_subject", Some(bytes)),
    ];
    let incoming = Incoming {
        value: Some(bytes),
        key: Some(b"46-001234-17"),
        headers: &headers,
        received: now,
        clock: now,
    };
    drop(judge(&incoming, &rules, &|_| false, |record| {
        record.subject.len()
    }));
}
