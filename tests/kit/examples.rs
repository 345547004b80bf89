//! What `schemas/examples` shows partners: a valid event of each kind, and every bad input with the
//! reason and the pointer of its rejection.

use std::sync::LazyLock;

use partner_feeds::event::Kind;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The valid example of each kind.
pub(crate) static EXAMPLES: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
    kinds.map(|kind| (kind, read_example(kind))).collect()
});

fn read_example(kind: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/examples");
    let text = std::fs::read_to_string(format!("{folder}/{kind}.json"));
    text.expect("an example").trim_end().to_owned()
}

pub(crate) fn example(kind: &str) -> &'static str {
    let found = EXAMPLES.iter().find(|(name, _)| *name == kind);
    &found.expect("an example").1
}

/// A text attribute of a document.
pub(crate) fn attribute(document: &str, name: &str) -> Option<String> {
    let event: Value = serde_json::from_str(document).ok()?;
    event.get(name)?.as_str().map(str::to_owned)
}

/// The feed in a document's type.
pub(crate) fn feed_in(document: &str) -> String {
    let kind = attribute(document, "type").expect("a type");
    let feed = kind
        .strip_prefix("uk.community-safety.")
        .and_then(|rest| rest.split('.').next());
    feed.expect("a feed").to_owned()
}

/// Headers of a Kafka record.
pub(crate) type RecordHeaders = Vec<(String, Option<Vec<u8>>)>;

/// The data and the headers of a document that is sent in binary mode.
pub(crate) fn binary_mode(document: &str) -> (Vec<u8>, RecordHeaders) {
    let mut event: serde_json::Map<String, Value> =
        serde_json::from_str(document).expect("an object");
    let data = event.remove("data").expect("data").to_string();
    let header = |(name, value): (String, Value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (format!("ce_{name}"), Some(text.into_bytes()))
    };
    (data.into_bytes(), event.into_iter().map(header).collect())
}

/// A record that must be rejected.
#[derive(Clone, Debug)]
pub(crate) struct BadRecord {
    /// The feed whose topic it is sent to.
    pub(crate) feed: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: RecordHeaders,
    /// The time that Kafka gives it, in RFC 3339.
    pub(crate) received: String,
    pub(crate) reason: String,
    pub(crate) pointer: String,
}

/// Every bad input of the contract.
pub(crate) fn bad_records() -> Vec<BadRecord> {
    let text = include_str!("../../schemas/examples/refused.json");
    let changes: Vec<Change> = serde_json::from_str(text).expect("a list of changes");
    changes.iter().map(Change::record).collect()
}

/// A row of `refused.json`: how a record differs from a valid example.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// The kind of the example [crime].
    #[serde(default)]
    base: Option<String>,
    /// Texts of the document and what replaces them.
    #[serde(default)]
    replace: Vec<(String, String)>,
    /// The complete document.
    #[serde(default)]
    document: Option<String>,
    /// The complete value, in hexadecimal.
    #[serde(default)]
    hex: Option<String>,
    /// Null, if the record has no value.
    #[serde(default, deserialize_with = "null_is_some")]
    value: Option<()>,
    /// Bytes before the document, in hexadecimal.
    #[serde(default)]
    before_hex: Option<String>,
    /// A text of the document and the bytes that replace it, in hexadecimal.
    #[serde(default)]
    byte: Option<(String, String)>,
    /// The size the value is padded to with spaces.
    #[serde(default)]
    pad_to: Option<usize>,
    /// The number of arrays that are opened and not closed in an attribute.
    #[serde(default)]
    nest: Option<usize>,
    #[serde(default)]
    binary: bool,
    #[serde(default)]
    headers: Vec<(String, Option<String>)>,
    #[serde(default)]
    without_header: Option<String>,
    /// The record's key, if it is not the subject; or null.
    #[serde(default, deserialize_with = "null_is_some")]
    key: Option<Value>,
    /// The time that Kafka gives the record, if it is not `time`.
    #[serde(default)]
    received: Option<String>,
    /// The feed of the topic, if it is not that of `type`.
    #[serde(default)]
    topic: Option<String>,
    reason: String,
    pointer: String,
}

/// A field that is null is `Some`, one that is absent `None`.
fn null_is_some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Change {
    fn record(&self) -> BadRecord {
        let base = example(self.base.as_deref().unwrap_or("crime"));
        let mut document = self.document.clone().unwrap_or_else(|| base.to_owned());
        for (from, to) in &self.replace {
            assert!(document.contains(from), "{from} is not in the example");
            document = document.replacen(from, to, 1);
        }
        let subject = attribute(&document, "subject").or_else(|| attribute(base, "subject"));
        let key = match &self.key {
            Some(key) => key.as_str().map(str::to_owned),
            None => subject,
        };
        let received = self.received.clone().or_else(|| attribute(base, "time"));
        let (value, headers) = self.value_and_headers(document);
        BadRecord {
            feed: self.topic.clone().unwrap_or_else(|| feed_in(base)),
            key: key.map(String::into_bytes),
            value: self.value.is_none().then_some(value),
            headers,
            received: received.expect("a time"),
            reason: self.reason.clone(),
            pointer: self.pointer.clone(),
        }
    }

    fn value_and_headers(&self, document: String) -> (Vec<u8>, RecordHeaders) {
        let (mut value, mut headers) = if self.binary {
            binary_mode(&document)
        } else {
            (document.into_bytes(), Vec::new())
        };
        if let Some(levels) = self.nest {
            let nested = format!(r#""x":{}"data":"#, "[".repeat(levels));
            replace_bytes(&mut value, br#""data":"#, nested.as_bytes());
        }
        if let Some((from, hex)) = &self.byte {
            replace_bytes(&mut value, from.as_bytes(), &bytes_from_hex(hex));
        }
        if let Some(hex) = &self.before_hex {
            value.splice(0..0, bytes_from_hex(hex));
        }
        if let Some(size) = self.pad_to {
            value.resize(size, b' ');
        }
        if let Some(hex) = &self.hex {
            value = bytes_from_hex(hex);
        }
        for (name, text) in &self.headers {
            headers.push(match name.strip_suffix("_hex") {
                Some(name) => (name.to_owned(), text.as_deref().map(bytes_from_hex)),
                None => (name.clone(), text.clone().map(String::into_bytes)),
            });
        }
        headers.retain(|(name, _)| Some(name) != self.without_header.as_ref());
        (value, headers)
    }
}

/// Replaces the first occurrence.
fn replace_bytes(bytes: &mut Vec<u8>, from: &[u8], to: &[u8]) {
    let start = bytes.windows(from.len()).position(|found| found == from);
    let start = start.expect("the example contains it");
    bytes.splice(start..start + from.len(), to.iter().copied());
}

fn bytes_from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal"))
        .collect()
}
