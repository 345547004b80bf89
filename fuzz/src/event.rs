//! Any bytes: the decoder accepts exactly what JSON profile, envelope and schema accept together,
//! the flat reader changes no outcome, and a record is judged without a panic.

use partner_feeds::contract::{
    Event, Incoming, KnownTexts, TopicRules, VALUE_BYTES_MAX, explain, judge, judge_document,
};
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
    let known = &mut KnownTexts::default();
    let mut judged = |bytes: &[u8]| {
        let judged = judge_document(bytes, &|_, _| true, now, known, |record| {
            (record.subject.to_owned(), record.flags, record.time)
        });
        judged.map_err(|rejection| (rejection.reason, rejection.pointer))
    };
    let outcome = judged(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        // The flat reader declines a name with an escape.
        let declined = text.replacen("\"specversion\"", "\"\\u0073pecversion\"", 1);
        if declined.len() <= VALUE_BYTES_MAX {
            assert_eq!(judged(declined.as_bytes()), outcome, "flat reader");
        }
    }
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
    drop(judge(&incoming, &rules, &|_| false, known, |record| {
        record.subject.len()
    }));
}
