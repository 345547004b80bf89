//! Every example is accepted, and every bad input of the contract is refused for the reason it
//! names: both stand as data in `schemas/examples/`, where partners find them.

use std::collections::HashSet;

use serde_json::Value;

use super::*;
use crate::contract::moment::Instant;
use crate::event::{Kind, with_kinds};

macro_rules! examples {
    ($($(#[$doc:meta])* $kind:ident = $name:literal in $feed:ident,)+) => {
        /// The valid example of each kind.
        pub(crate) const EXAMPLES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../schemas/examples/", $name, ".json")))),+];
    };
}
with_kinds!(examples);

pub(crate) fn example(kind: &str) -> &'static str {
    EXAMPLES
        .iter()
        .find(|(name, _)| *name == kind)
        .expect("an example")
        .1
        .trim_end()
}

fn attribute(document: &str, name: &str) -> Option<String> {
    serde_json::from_str::<Value>(document)
        .ok()?
        .get(name)?
        .as_str()
        .map(str::to_owned)
}

fn at(time: &str) -> Micros {
    Instant::parse(time)
        .expect("an instant")
        .moment()
        .low()
        .expect("in the calendar")
}

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
        };
        let rules = TopicRules::new(self.feed, sources);
        judge(&incoming, &rules, paused, |record| {
            (record.feed, record.kind)
        })
    }

    /// Moves the attributes to headers.
    fn into_binary(mut self, document: &str) -> Self {
        let Value::Object(mut event) = serde_json::from_str(document).expect("json") else {
            panic!("no object")
        };
        self.value = event
            .remove("data")
            .map(|data| data.to_string().into_bytes());
        for (name, value) in event {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            self.headers
                .push((format!("ce_{name}"), Some(text.into_bytes())));
        }
        self
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
    for (name, document) in EXAMPLES {
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
        judge_document(document.as_bytes(), &registered, received, |_| ()).expect(name);
    }
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

/// A row of `refused.json`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    #[serde(default)]
    base: Option<String>,
    /// Texts of the document and what stands there instead.
    #[serde(default)]
    replace: Vec<(String, String)>,
    /// The whole document.
    #[serde(default)]
    document: Option<String>,
    /// The whole value, in hexadecimal; or null.
    #[serde(default)]
    hex: Option<String>,
    #[serde(default, deserialize_with = "given")]
    value: Option<()>,
    /// Bytes before the document, in hexadecimal.
    #[serde(default)]
    before_hex: Option<String>,
    /// A text of the document and the bytes that stand there instead, in hexadecimal.
    #[serde(default)]
    byte: Option<(String, String)>,
    /// The size the document is brought to with spaces.
    #[serde(default)]
    pad_to: Option<usize>,
    /// How many arrays are opened and not closed in an attribute.
    #[serde(default)]
    nest: Option<usize>,
    #[serde(default)]
    binary: bool,
    #[serde(default)]
    headers: Vec<(String, Option<String>)>,
    #[serde(default)]
    without_header: Option<String>,
    /// The record's key, if it is not the subject; or null.
    #[serde(default, deserialize_with = "given")]
    key: Option<Value>,
    /// The time Kafka gave the record, if it is not `time`.
    #[serde(default)]
    received: Option<String>,
    /// The feed of the topic, if it is not that of `type`.
    #[serde(default)]
    topic: Option<String>,
    reason: String,
    pointer: String,
}

/// Tells null from absent.
fn given<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal"))
        .collect()
}

impl Bad {
    fn sent(&self) -> Sent {
        let kind = self.base.as_deref().unwrap_or("crime");
        let mut document = self
            .document
            .clone()
            .unwrap_or_else(|| example(kind).to_owned());
        for (from, to) in &self.replace {
            assert!(document.contains(from), "{from} is not in the example");
            document = document.replacen(from, to, 1);
        }
        let mut sent = Sent::of(kind, &document);
        if self.binary {
            sent = sent.into_binary(&document);
        }
        if let Some(levels) = self.nest {
            document = document.replacen(
                r#""data":"#,
                &format!(r#""x":{}"data":"#, "[".repeat(levels)),
                1,
            );
            sent.value = Some(document.clone().into_bytes());
        }
        self.change_value(&document, &mut sent);
        self.change_record(&mut sent);
        sent
    }

    fn change_value(&self, document: &str, sent: &mut Sent) {
        if let Some((from, hex)) = &self.byte {
            let at = document.find(from).expect("a place");
            let after = &document.as_bytes()[at + from.len()..];
            sent.value = Some([&document.as_bytes()[..at], &bytes_of(hex), after].concat());
        }
        if let Some(hex) = &self.before_hex {
            sent.value = Some([&bytes_of(hex), document.as_bytes()].concat());
        }
        if let Some(size) = self.pad_to {
            sent.value.as_mut().expect("a value").resize(size, b' ');
        }
        if let Some(hex) = &self.hex {
            sent.value = Some(bytes_of(hex));
        }
        if self.value.is_some() {
            sent.value = None;
        }
    }

    fn change_record(&self, sent: &mut Sent) {
        for (name, text) in &self.headers {
            sent.headers.push(match name.strip_suffix("_hex") {
                Some(name) => (name.to_owned(), text.as_deref().map(bytes_of)),
                None => (name.clone(), text.clone().map(String::into_bytes)),
            });
        }
        sent.headers
            .retain(|(name, _)| Some(name) != self.without_header.as_ref());
        if let Some(key) = &self.key {
            sent.key = key.as_str().map(str::to_owned);
        }
        if let Some(received) = &self.received {
            sent.received = at(received);
        }
        if let Some(topic) = &self.topic {
            sent.feed = Feed::from_name(topic).expect("a feed");
        }
    }
}

#[test]
fn every_bad_input_is_refused_for_its_reason() {
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("../../../schemas/examples/refused.json")).expect("json");
    let mut seen = HashSet::new();
    for row in rows {
        let bad: Bad = serde_json::from_value(row.clone()).expect("a row");
        let rejection = bad.sent().judge().expect_err(&row.to_string());
        let found = (rejection.reason.as_str(), rejection.pointer.as_str());
        assert_eq!(found, (bad.reason.as_str(), bad.pointer.as_str()), "{row}");
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
