//! Every example is accepted, and every bad input of the contract is refused for the reason it
//! names: both stand as data in `schemas/examples/`, where partners find them.

use std::collections::HashSet;

use super::*;
use crate::contract::moment::Instant;
use crate::event::Kind;
use crate::kit::examples::{BadRecord, EXAMPLES, attribute, bad_records, binary_mode, example};

fn at(time: &str) -> Micros {
    Instant::parse(time)
        .expect("an instant")
        .moment()
        .low()
        .expect("in the calendar")
}

/// The clock of the machine that reads.
const CLOCK: &str = "2026-01-01T00:00:00Z";

/// A record as a test changes it.
struct Sent {
    value: Option<Vec<u8>>,
    key: Option<String>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    received: Micros,
    feed: Feed,
}

impl Sent {
    /// As a partner sends the document of a kind.
    fn of(kind: &str, document: &str) -> Self {
        let base = example(kind);
        let feed = attribute(base, "type")
            .and_then(|t| crate::contract::parse_type(&t))
            .expect("a type")
            .0;
        Self {
            value: Some(document.as_bytes().to_vec()),
            key: attribute(document, "subject").or_else(|| attribute(base, "subject")),
            headers: Vec::new(),
            received: at(&attribute(base, "time").expect("a time")),
            feed,
        }
    }

    fn judge(&self) -> Result<(Feed, Kind), Box<Rejection>> {
        self.judge_unless(&|_| false)
    }

    fn judge_unless(&self, paused: &dyn Fn(&str) -> bool) -> Result<(Feed, Kind), Box<Rejection>> {
        let sources = EXAMPLES
            .iter()
            .filter_map(|(_, document)| attribute(document, "source"));
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        let incoming = Incoming {
            value: self.value.as_deref(),
            key: self.key.as_deref().map(str::as_bytes),
            headers: &headers,
            received: self.received,
            clock: at(CLOCK),
        };
        let rules = TopicRules::new(self.feed, sources);
        judge(
            &incoming,
            &rules,
            paused,
            &mut KnownTexts::default(),
            |record| (record.feed, record.kind),
        )
    }

    /// The same record in binary mode.
    fn into_binary(mut self, document: &str) -> Self {
        let (value, headers) = binary_mode(document);
        self.value = Some(value);
        self.headers = headers;
        self
    }
}

impl From<&BadRecord> for Sent {
    fn from(bad: &BadRecord) -> Self {
        let key = bad.key.clone();
        Self {
            value: bad.value.clone(),
            key: key.map(|key| String::from_utf8(key).expect("UTF-8")),
            headers: bad.headers.clone(),
            received: at(&bad.received),
            feed: Feed::from_name(&bad.feed).expect("a feed"),
        }
    }
}

#[test]
fn a_source_has_the_place_of_its_partner() {
    let sources = ["urn:partner:b:x", "urn:partner:a:x", "urn:partner:b:y"];
    let rules = TopicRules::new(Feed::Police, sources.map(str::to_owned));
    assert_eq!(rules.partners, ["a", "b"]);
    assert_eq!(
        sources.map(|source| rules.partner(source)),
        [Some(1), Some(0), Some(1)]
    );
    assert_eq!(rules.partner("urn:partner:b:z"), None);
}

#[test]
fn every_example_is_accepted_in_both_modes() {
    for (name, document) in EXAMPLES.iter() {
        let document = document.trim_end();
        for sent in [
            Sent::of(name, document),
            Sent::of(name, document).into_binary(document),
        ] {
            let accepted = sent.judge().expect(name);
            assert_eq!(accepted.1.as_str(), *name);
        }
        let registered = |_, source: &str| source.starts_with("urn:partner:");
        let received = Sent::of(name, document).received;
        judge_document(
            document.as_bytes(),
            &registered,
            received,
            &mut KnownTexts::default(),
            |_| (),
        )
        .expect(name);
    }
}

#[test]
fn a_document_is_refused_with_all_its_faults_and_a_record_with_the_first() {
    let faults = |document: &str| {
        let sent = Sent::of("crime", document);
        let one = sent.judge().expect_err("refused");
        let registered = |_, _: &str| true;
        let all = judge_document(
            document.as_bytes(),
            &registered,
            sent.received,
            &mut KnownTexts::default(),
            |_| (),
        )
        .expect_err("refused");
        assert_eq!((one.reason, &one.pointer), (all.reason, &all.pointer));
        assert_eq!(one.more, []);
        let faults = all.faults();
        let text = faults.map(|fault| format!("{} {}", fault.reason, fault.pointer));
        text.collect::<Vec<_>>()
    };
    let document = example("crime")
        .replace("\"2017-02-03T23:10:00Z\"", "\"03/02/2017\"")
        .replace("\"revision\":2", "\"revision\":0");
    let two = [
        "envelope.revision /revision",
        "schema.pattern /data/when/occurred_from",
    ];
    assert_eq!(faults(&document), two);
    let personal = document.replace("\"8N\"", "\"ME14 1XX\"");
    assert_eq!(faults(&personal), ["personal.postcode /data/what/category"]);
    let types = r#"{"specversion":7,"type":"uk.community-safety.police.crime.v1","data":{"what":{"list":7},
        "when":7,"area":7,"flags":7,"outcome":7}}"#;
    assert_eq!(faults(types).len(), FAULTS_MAX);
}

#[test]
fn a_schema_id_and_a_content_type_are_read_over() {
    let mut sent = Sent::of("crime", example("crime"));
    sent.value = Some([&[0, 0, 0, 0, 7], example("crime").as_bytes()].concat());
    for content_type in [
        "application/json",
        "application/cloudevents+json; charset=UTF-8",
    ] {
        sent.headers = vec![(
            "content-type".to_owned(),
            Some(content_type.as_bytes().to_vec()),
        )];
        assert!(sent.judge().is_ok());
    }
}

#[test]
fn every_bad_input_is_refused_for_its_reason() {
    let mut seen = HashSet::new();
    for bad in bad_records() {
        let rejection = Sent::from(&bad).judge().expect_err(&bad.reason);
        let found = (rejection.reason.as_str(), rejection.pointer.as_str());
        assert_eq!(found, (&*bad.reason, &*bad.pointer), "{bad:?}");
        seen.insert(rejection.reason);
    }
    // A partner is paused for what came before.
    seen.insert(Reason::PartnerPaused);
    let missing: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| !seen.contains(reason))
        .collect();
    assert!(missing.is_empty(), "no bad input for {missing:?}");
}

#[test]
fn of_a_paused_partner_every_record_is_refused_for_that_alone_unless_it_looks_personal() {
    let paused = |source: &str| source.starts_with("urn:partner:kent-police:");
    let judge = |sent: &Sent| {
        sent.judge_unless(&paused)
            .map_err(|rejection| (rejection.reason, rejection.partner))
    };
    let of = |document: &str| Sent::of("crime", document);
    let good = example("crime");
    let kept = Err((Reason::PartnerPaused, Some("kent-police".to_owned())));
    assert_eq!(judge(&of(good)), kept);
    assert_eq!(judge(&of(good).into_binary(good)), kept);
    assert_eq!(
        judge(&of(&good.replace(r#""revision":2"#, r#""revision":0"#))),
        kept
    );
    assert_eq!(
        judge(&Sent {
            key: None,
            ..of(good)
        }),
        kept
    );
    assert_eq!(
        judge(&of(&good.replace("\"8N\"", "\"ME14 1XX\""))).map_err(|e| e.0),
        Err(Reason::PersonalPostcode)
    );
    let other = good.replace("kent-police", "jane-doe");
    assert_eq!(judge(&of(&other)), Err((Reason::EnvelopeSource, None)));
    assert_eq!(
        judge(&Sent {
            value: None,
            ..of(good)
        }),
        Err((Reason::TransportEmpty, None)),
        "nobody can tell whose"
    );
    assert!(
        judge(&Sent::of(
            "assault-attendance",
            example("assault-attendance")
        ))
        .is_ok()
    );
}

#[test]
fn a_rejection_names_who_sent_it_only_if_registered() {
    let refused = |document: &str| Sent::of("crime", document).judge().expect_err("refused");
    let rejection = refused(&example("crime").replace(r#""revision":2"#, r#""revision":2.5"#));
    assert_eq!(
        (rejection.partner.as_deref(), rejection.kind),
        (Some("kent-police"), Some(Kind::Crime))
    );
    let rejection = refused(&example("crime").replace("kent-police", "jane-doe"));
    assert_eq!(
        (rejection.partner.as_deref(), rejection.kind),
        (None, Some(Kind::Crime))
    );
}

#[test]
fn references_that_look_like_numbers_of_people_pass() {
    for subject in [
        "9434765918",
        "1234567890",
        "1711111111",
        "9434765919000",
        "a4009434765919b",
        "46-001234-17",
        "2018-11-05-0001",
        "01-2018-00123",
        "00001622602000",
        "19840312",
        "12345678",
        "008/06",
        "ME14",
        "E01024374",
        "RWF03",
        "S21.1",
        "GBR123456",
        "AB12CDE",
        "w1a0b",
        "550e8400-e29b-41d4-a716-446655440000",
        "0f3a1f2f9c1f0e0d8d0c5a4e7b6f2a1908172635445362718091a2b3c4d5e6f7",
    ] {
        let document = example("crime").replace(
            r#""subject":"46-001234-17""#,
            &format!(r#""subject":"{subject}""#),
        );
        let accepted = Sent::of("crime", &document).judge();
        assert!(accepted.is_ok(), "{subject}: {accepted:?}");
    }
}

/// Records whose Kafka timestamp is the publisher's, in the wrong unit or years ahead.
#[test]
fn a_kafka_timestamp_that_is_impossible_is_refused_and_every_possible_one_is_not() {
    let millis = at(CLOCK).0 / 1000;
    let day = 24 * 60 * 60 * 1000;
    for (timestamp, is_possible) in [
        (millis, true),
        (millis + day, true),
        (millis + day + 1, false),
        (millis * 1000, false),
        (millis * 1_000_000, false),
        (i64::MAX, false),
        (millis / 1000, false),
        (0, false),
        (946_684_799_999, false),
    ] {
        let mut sent = Sent::of("crime", example("crime"));
        sent.received = Micros::from_millis(timestamp);
        let found = sent.judge().map_err(|rejection| rejection.reason);
        let expected = if is_possible {
            Ok((Feed::Police, Kind::Crime))
        } else {
            Err(Reason::TransportTimestamp)
        };
        assert_eq!(found, expected, "{timestamp}");
    }
}

#[test]
fn personal_data_outranks_an_impossible_timestamp_and_the_partner_is_named() {
    let document = example("crime").replace("\"zone\":\"town-centre\"", "\"zone\":\"me14 1xx\"");
    for (document, reason) in [
        (example("crime"), Reason::TransportTimestamp),
        (&*document, Reason::PersonalPostcode),
    ] {
        let mut sent = Sent::of("crime", document);
        sent.received = Micros(0);
        let rejection = sent.judge().expect_err("refused");
        assert_eq!(rejection.reason, reason);
        assert_eq!(rejection.partner.as_deref(), Some("kent-police"));
    }
}
