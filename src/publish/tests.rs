use super::*;
use crate::generate::{Generator, GeneratorOptions};
use crate::reference::Reference;

/// After everything that is generated.
const NOW: Micros = Micros(1_600_000_000 * Micros::PER_SECOND);

fn reference() -> Reference {
    Reference::load(None).expect("built in")
}

#[test]
fn generated_events_are_accepted_for_their_feed() {
    let reference = reference();
    let mut checker = Checker::new(&reference, NOW);
    let mut key = Vec::new();
    for document in Generator::new(
        11,
        GeneratorOptions {
            events: 3_000,
            kind: None,
            bad: 0.0,
            ..GeneratorOptions::default()
        },
    ) {
        let passed = checker
            .check(&document.bytes, &mut key)
            .unwrap_or_else(|rejection| panic!("{rejection:?}"));
        assert_eq!((passed.feed, &key), (document.feed, &document.key));
        assert!(checker.topic_of(passed.feed).is_some() && !passed.bare_digits);
    }
}

#[test]
fn broken_events_are_rejected_unless_only_the_topic_is_wrong() {
    let reference = reference();
    let mut checker = Checker::new(&reference, NOW);
    let (mut key, mut counts) = (Vec::new(), CheckCounts::default());
    for document in Generator::new(
        12,
        GeneratorOptions {
            events: 3_000,
            kind: None,
            bad: 0.5,
            ..GeneratorOptions::default()
        },
    ) {
        let verdict = checker.check(&document.bytes, &mut key);
        let is_accepted = document
            .broken
            .is_none_or(|way| way == "another feed's topic");
        assert_eq!(verdict.is_ok(), is_accepted, "{:?}", document.broken);
        counts.count(&verdict);
    }
    assert_eq!(counts.lines, 3_000);
    assert_eq!(counts.accepted + counts.rejections(), 3_000);
    assert!(counts.rejected.len() >= 12, "{:?}", counts.rejected);
    assert!(counts.rejected.contains_key(&Reason::PersonalNhsNumber));
}

#[test]
fn a_subject_of_bare_digits_is_accepted_with_a_warning() {
    let reference = reference();
    let document = Generator::new(
        1,
        GeneratorOptions {
            events: 1,
            kind: Some(Kind::Crime),
            bad: 0.0,
            ..GeneratorOptions::default()
        },
    )
    .next()
    .expect("one");
    let text = String::from_utf8(document.bytes).expect("UTF-8");
    let subject = format!("\"{}\"", String::from_utf8(document.key).expect("UTF-8"));
    let mut key = Vec::new();
    let passed = Checker::new(&reference, NOW).check(
        text.replace(&subject, "\"1234567890\"").as_bytes(),
        &mut key,
    );
    assert_eq!(passed.map(|passed| passed.bare_digits), Ok(true));
}

#[test]
fn subject_and_feed_are_read_from_documents_that_are_not_validated() {
    let whole = br#"{"type":"uk.community-safety.health.nothing.v9","subject":"a b","note":1}"#;
    assert_eq!(peek(whole), (Some("a b".to_owned()), Some(Feed::Health)));
    assert_eq!(peek(br#"{"type":"other"}"#), (None, None));
    assert_eq!(peek(b"{"), (None, None));
}
