//! The typed path accepts what JSON profile, envelope and schema accept together: documents are
//! made from the schemas, damaged at random, and judged by both.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value};

use super::schema::engine;
use super::{Document, Gate, explain, profile, schema};
use crate::contract::moment::{Moment, Precision};
use crate::contract::schemas::documents;
use crate::contract::{Event, Reason, Record, type_of};
use crate::event::{Feed, Kind};

/// How many documents are judged; each kind is as likely.
const DOCUMENTS: u32 = 3000;

/// Random choices, all from one seed, so that a failure can be replayed.
pub(in crate::contract) struct Dice(pub(in crate::contract) u64);

impl Dice {
    pub(in crate::contract) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(in crate::contract) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

/// JSON as it is written: keys and plain values are tokens, keys may repeat, order is kept.
#[derive(Clone)]
enum Node {
    Token(String),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

impl Node {
    fn write(&self, dice: &mut Dice, spaced: bool, out: &mut String) {
        let mut gap = |out: &mut String| {
            if spaced && dice.one_in(3) {
                out.push_str(dice.pick(&[" ", "\n", "\t", "\r\n "]));
            }
        };
        gap(out);
        match self {
            Self::Token(text) => out.push_str(text),
            Self::Object(fields) => {
                out.push('{');
                for (i, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    out.push_str(name);
                    out.push(':');
                    value.write(dice, spaced, out);
                }
                out.push('}');
            }
            Self::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    item.write(dice, spaced, out);
                }
                out.push(']');
            }
        }
    }

    /// The node `n` places on, each node counted before its children.
    fn nth(&mut self, n: &mut usize) -> Option<&mut Self> {
        if *n == 0 {
            return Some(self);
        }
        *n -= 1;
        match self {
            Self::Token(_) => None,
            Self::Object(fields) => fields.iter_mut().find_map(|(_, value)| value.nth(n)),
            Self::Array(items) => items.iter_mut().find_map(|item| item.nth(n)),
        }
    }

    fn count(&self) -> usize {
        1 + match self {
            Self::Token(_) => 0,
            Self::Object(fields) => fields.iter().map(|(_, value)| value.count()).sum(),
            Self::Array(items) => items.iter().map(Self::count).sum(),
        }
    }
}

/// Texts of each form of the contract.
fn texts(form: &str) -> &'static [&'static str] {
    match form {
        "id" => &["46-001234-17", "N/17/00871.1", "a~b_c:d", "A"],
        "slug" => &["ho-crime", "0", "town-centre"],
        "code" => &["8N", "008/06", "4.10"],
        "edition" => &["2016", "2016-04"],
        "site" => &["RWF03", "RXY"],
        "place_code" => &["02", "A"],
        "area_code" => &["E01024374", "ME14", "W1A"],
        "token" => &["k17:9f86d081884c7d659a2feaa0c55ad015"],
        "age_band" => &["18-24", "65+", "24-18"],
        "icd10" => &["X99", "S21.1", "F102", "F10.2A", "X99.X"],
        "legal_status" => &["19", "20"],
        "moment" => &[
            "2017-02",
            "2017-02-30",
            "2017-07-04T01:30:00.1234567+01:00",
            "2017-02-04T01:30:00-00:00",
        ],
        "instant" => &["2017-02-06T09:15:00Z", "2017-07-06T09:15:00.5+14:59"],
        "date" => &["2017-03-01", "2017-02-31"],
        _ => &[
            "urn:partner:kent-police:crime",
            "https://example.org/a b",
            "x",
        ],
    }
}

/// Texts that fit some forms, or none.
const ODD: [&str; 24] = [
    "",
    " ",
    "x",
    "X",
    "-a",
    "é",
    "٢٠١٦",
    "8N ",
    "a\n",
    "2016-13",
    "2017-02-03T24:00:00Z",
    "2017-02-04t01:30:00z",
    "2017-02-04T01:30:00",
    "04/02/2017",
    "E0102437",
    "ME14 1XX",
    "K17:9f86d081884c7d659a2feaa0c55ad015",
    "18",
    "X99.",
    "123",
    "😀",
    "urn:partner:a",
    "null",
    "1.0",
];

/// Plain values that readers disagree on.
const TOKENS: [&str; 26] = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "20",
    "21",
    "2.0",
    "2e0",
    "-0",
    "1e2",
    "2147483647",
    "2147483648",
    "-2147483649",
    "9999999999999999999",
    "18446744073709551616",
    "\"x\"",
    "\"\\u0031.0\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "[]",
    "{}",
    "[null]",
    "\"\\/\"",
    "01",
];

struct Maker<'d> {
    dice: &'d mut Dice,
    parts: &'static Value,
}

impl Maker<'_> {
    /// A value that a schema is likely to accept.
    fn value(&mut self, schema: &'static Value) -> Node {
        let allows_null = schema["type"]
            .as_array()
            .is_some_and(|types| types.contains(&Value::from("null")));
        if allows_null && self.dice.one_in(12) {
            return Node::Token("null".to_owned());
        }
        if let Some(form) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
            let part = &self.parts["$defs"][form];
            return if part.get("properties").is_some() {
                self.value(part)
            } else {
                self.text(form)
            };
        }
        if let Some(options) = schema["enum"].as_array() {
            return Node::Token(self.dice.pick(options).to_string());
        }
        let kind = schema["type"]
            .as_str()
            .or_else(|| schema["type"][0].as_str())
            .unwrap_or_default();
        match kind {
            "object" => self.object(schema),
            "array" => {
                let count = self
                    .dice
                    .below(4)
                    .max(usize::from(schema.get("minItems").is_some()));
                Node::Array((0..count).map(|_| self.value(&schema["items"])).collect())
            }
            "boolean" => Node::Token(self.dice.pick(&["true", "false"]).to_string()),
            "integer" => Node::Token(
                self.dice
                    .pick(&[&schema["minimum"], &schema["maximum"]])
                    .to_string(),
            ),
            _ => self.text(""),
        }
    }

    fn text(&mut self, form: &str) -> Node {
        let odd = self.dice.one_in(150);
        let text = if odd {
            self.dice.pick(&ODD)
        } else {
            self.dice.pick(texts(form))
        };
        Node::Token(quoted(text))
    }

    fn object(&mut self, schema: &'static Value) -> Node {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let Some(fields) = schema["properties"].as_object() else {
            return Node::Object(Vec::new());
        };
        let few = if fields.len() > 20 { 5 } else { 2 };
        let mut made = Vec::new();
        for (name, field) in fields {
            if required.contains(&Value::from(name.as_str())) || self.dice.one_in(few) {
                made.push((quoted(name), self.value(field)));
            }
        }
        Node::Object(made)
    }

    /// An event of a kind, its attributes in any order.
    fn event(&mut self, feed: Feed, kind: Kind) -> Node {
        let schema_of = |name: &str| {
            documents()
                .find(|(file, _)| *file == name)
                .expect("a schema")
                .1
        };
        let data = self.value(schema_of(kind.as_str()));
        let Node::Object(mut fields) = self.object(schema_of("envelope")) else {
            unreachable!()
        };
        for (name, value) in &mut fields {
            match name.as_str() {
                "\"data\"" => *value = data.clone(),
                "\"type\"" => *value = Node::Token(quoted(&type_of(feed, kind))),
                "\"source\"" => *value = Node::Token(quoted("urn:partner:kent-police:crime")),
                _ => {}
            }
        }
        if self.dice.one_in(4) {
            let value = Node::Token(
                self.dice
                    .pick(&["\"00-4bf9\"", "true", "7", "null", "1.5", "\"\""])
                    .to_owned(),
            );
            fields.push((
                quoted(
                    self.dice
                        .pick(&["traceparent", "x1", "traceParent", "data_base64"]),
                ),
                value,
            ));
        }
        if self.dice.one_in(2) {
            let turn = self.dice.below(fields.len());
            fields.rotate_left(turn);
        }
        Node::Object(fields)
    }

    /// Damages, or only rewrites, one place.
    fn change(&mut self, event: &mut Node) {
        let mut at = self.dice.below(event.count());
        let Some(node) = event.nth(&mut at) else {
            return;
        };
        match node {
            Node::Object(fields) if !fields.is_empty() => self.change_object(fields),
            Node::Array(items) if self.dice.one_in(2) => items.push(Node::Token("null".to_owned())),
            node => self.change_value(node),
        }
    }

    fn change_object(&mut self, fields: &mut Vec<(String, Node)>) {
        let at = self.dice.below(fields.len());
        match self.dice.below(6) {
            0 => drop(fields.remove(at)),
            1 => fields.push(("\"other\"".to_owned(), Node::Token("1".to_owned()))),
            2 => fields[at].0 = quoted(&fields[at].0.trim_matches('"').to_uppercase()),
            3 => fields.push(fields[at].clone()),
            4 => {
                let name = fields[at].0.clone();
                fields[at].0 = format!("\"\\u{:04x}{}", name.as_bytes()[1], &name[2..]);
            }
            _ => fields.rotate_left(at),
        }
    }

    fn change_value(&mut self, node: &mut Node) {
        let as_array = match &*node {
            Node::Object(fields) => {
                Node::Array(fields.iter().map(|(_, value)| value.clone()).collect())
            }
            other => Node::Array(vec![other.clone()]),
        };
        *node = match (self.dice.below(6), &*node) {
            (0, _) => as_array,
            (1, Node::Token(token)) if token.starts_with('"') => {
                Node::Object(vec![(token.clone(), Node::Token("null".to_owned()))])
            }
            (2, Node::Token(token))
                if token.len() > 2 && token.starts_with('"') && token.is_ascii() =>
            {
                Node::Token(format!("\"\\u{:04X}{}", token.as_bytes()[1], &token[2..]))
            }
            (3, Node::Token(token)) if token.starts_with('"') => {
                Node::Token(token.replace('/', "\\/"))
            }
            (4, Node::Token(_)) => Node::Token(quoted(self.dice.pick(&ODD))),
            _ => Node::Token(self.dice.pick(&TOKENS).to_owned()),
        };
    }
}

pub(in crate::contract) fn document(seed: u64) -> String {
    let mut dice = Dice(seed | 1);
    dice.below(2);
    let kind = dice.pick(Kind::ALL);
    let feed = kind.feed().unwrap_or_else(|| dice.pick(&Feed::ALL));
    let parts = documents()
        .find(|(name, _)| *name == "parts")
        .expect("parts")
        .1;
    let mut maker = Maker {
        dice: &mut dice,
        parts,
    };
    let mut event = maker.event(feed, kind);
    for _ in 0..maker.dice.below(3) {
        maker.change(&mut event);
    }
    let spaced = dice.one_in(3);
    let mut text = String::new();
    event.write(&mut dice, spaced, &mut text);
    if dice.one_in(30) {
        let cut = dice.below(text.len());
        text.retain({
            let mut i = 0;
            move |_| {
                i += 1;
                i != cut
            }
        });
    }
    text
}

/// What a record keeps of an event: no middleware, nothing that says nothing, instants in UTC.
fn kept(event: Value) -> Value {
    let Value::Object(mut attributes) = event else {
        panic!("no object")
    };
    attributes.retain(|name, _| {
        crate::contract::attributes().any(|known| known == name) && name != "datacontenttype"
    });
    said(Value::Object(attributes))
}

fn said(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, said(value)));
            let fields: Map<_, _> = fields.filter(|(_, value)| !value.is_null()).collect();
            if fields.is_empty() {
                Value::Null
            } else {
                fields.into()
            }
        }
        Value::String(text) => in_utc(&text).unwrap_or(text).into(),
        other => other,
    }
}

fn in_utc(text: &str) -> Option<String> {
    let moment = Moment::parse(text).filter(|moment| moment.precision() == Precision::Instant)?;
    Some(
        moment
            .low()
            .map_or(moment, |low| Moment::from_stored(low, Precision::Instant))
            .to_string(),
    )
}

fn check(document: &str, accepted: &Cell<u32>) {
    let event = Event::decode(document);
    let violations = explain(&Document::Structured(document), &Gate::open(), usize::MAX);
    let one = explain(&Document::Structured(document), &Gate::open(), 1);
    assert_eq!(
        one.first(),
        violations.first(),
        "the reason is the first fault: {document}"
    );
    let violation = violations.first().map(|violation| violation.reason);
    assert_eq!(
        event.is_err(),
        violation.is_some(),
        "typed path and schemas disagree, {violation:?}: {document}"
    );
    let parsed = profile::parse(document, "", 1);
    if let Ok(value) = &parsed {
        let in_envelope = violation.is_some_and(|reason| reason.as_str().starts_with("envelope."));
        assert_eq!(
            in_envelope,
            !engine::accepts_envelope(value),
            "envelope and its schema disagree: {document}"
        );
        let is_of = |kind: &&Kind| {
            value["type"]
                .as_str()
                .is_some_and(|name| name.split('.').any(|part| part == kind.as_str()))
        };
        for (kind, data) in Kind::ALL.iter().filter(is_of).zip(value.get("data")) {
            let found = schema::check(*kind, data, usize::MAX).into_iter();
            let found: Vec<_> = found
                .map(|violation| (violation.pointer, violation.reason))
                .collect();
            let mut expected = engine::check(*kind, data);
            expected
                .dedup_by(|later, earlier| later.0 == earlier.0 && earlier.1 == Reason::SchemaType);
            assert_eq!(found, expected, "`data` and its schema: {document}");
        }
    }
    let Ok(event) = event else { return };
    accepted.set(accepted.get() + 1);
    let rebuilt = Record::from_event(&event).to_event();
    assert_eq!(rebuilt, kept(parsed.expect("accepted")), "{document}");
    let text = rebuilt.to_string();
    let again = Event::decode(&text).expect("a rebuilt event is valid");
    assert_eq!(Record::from_event(&again).to_event(), rebuilt);
}

#[test]
fn typed_path_and_schemas_accept_the_same_and_a_row_holds_the_whole_event() {
    let accepted = Cell::new(0);
    let mut runner = TestRunner::new(Config {
        cases: DOCUMENTS,
        failure_persistence: None,
        ..Config::default()
    });
    let judged = runner.run(&any::<u64>(), |seed| {
        check(&document(seed), &accepted);
        Ok(())
    });
    judged.expect("agreement");
    let share = f64::from(accepted.get()) / f64::from(DOCUMENTS);
    assert!(
        (0.15..0.8).contains(&share),
        "{share} of the documents were accepted: too one-sided a test"
    );
}
