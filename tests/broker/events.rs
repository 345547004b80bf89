//! Events to send: good ones by number, and every bad input of the contract with the reason it must
//! get.

use serde::Deserialize;
use serde_json::Value;

use crate::broker::Sent;

/// The example of each kind, as partners find them.
pub(crate) fn examples() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/examples");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("examples")
        .map(|e| e.expect("an entry").path())
        .collect();
    paths.retain(|path| !path.ends_with("refused.json"));
    paths.sort();
    paths
        .iter()
        .map(|path| {
            std::fs::read_to_string(path)
                .expect("an example")
                .trim_end()
                .to_owned()
        })
        .collect()
}

pub(crate) fn example(kind: &str) -> String {
    let path = format!(
        "{}/schemas/examples/{kind}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(path)
        .expect("an example")
        .trim_end()
        .to_owned()
}

/// A good record of its own.
pub(crate) fn crime(number: usize) -> Sent {
    let subject = format!("c-{number:06}");
    let document = example("crime").replace("46-001234-17", &subject);
    Sent::new(subject, document)
}

/// Records by number, of which each tenth breaks its contract.
pub(crate) fn records(numbers: std::ops::Range<usize>) -> impl Iterator<Item = Sent> {
    let good = example("crime");
    let bad = good.replace(r#""revision":2"#, r#""revision":0"#);
    numbers.map(move |number| {
        let subject = format!("c-{number:06}");
        let document = if number % 10 == 3 { &bad } else { &good };
        Sent::new(subject.clone(), document.replace("46-001234-17", &subject))
    })
}

/// Text attributes of a document.
pub(crate) fn attribute(document: &str, name: &str) -> Option<String> {
    serde_json::from_str::<Value>(document)
        .ok()?
        .get(name)?
        .as_str()
        .map(str::to_owned)
}

/// The feed in an event's type.
pub(crate) fn feed_of(document: &str) -> String {
    let kind = attribute(document, "type").expect("a type");
    kind.strip_prefix("uk.community-safety.")
        .and_then(|rest| rest.split('.').next())
        .expect("a feed")
        .to_owned()
}

/// A record that must be refused.
pub(crate) struct Refused {
    /// The feed whose topic it goes to.
    pub(crate) feed: String,
    pub(crate) sent: Sent,
    pub(crate) reason: String,
    pub(crate) pointer: String,
}

/// A row of `refused.json`: a change of an example. `contract/judge` says what each field means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default)]
    base: Option<String>,
    #[serde(default)]
    replace: Vec<(String, String)>,
    #[serde(default)]
    document: Option<String>,
    #[serde(default)]
    hex: Option<String>,
    #[serde(default, deserialize_with = "given")]
    value: Option<()>,
    #[serde(default)]
    before_hex: Option<String>,
    #[serde(default)]
    byte: Option<(String, String)>,
    #[serde(default)]
    pad_to: Option<usize>,
    #[serde(default)]
    nest: Option<usize>,
    #[serde(default)]
    binary: bool,
    #[serde(default)]
    headers: Vec<(String, Option<String>)>,
    #[serde(default)]
    without_header: Option<String>,
    #[serde(default, deserialize_with = "given")]
    key: Option<Value>,
    #[serde(default)]
    received: Option<String>,
    #[serde(default)]
    topic: Option<String>,
    reason: String,
    pointer: String,
}

/// Tells null from absent.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Every bad input of the contract.
pub(crate) fn refused() -> Vec<Refused> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/examples/refused.json");
    let rows: Vec<Row> =
        serde_json::from_str(&std::fs::read_to_string(path).expect("rows")).expect("rows");
    rows.into_iter().map(Row::refused).collect()
}

impl Row {
    fn refused(self) -> Refused {
        let base = example(self.base.as_deref().unwrap_or("crime"));
        let mut document = self.document.clone().unwrap_or_else(|| base.clone());
        for (from, to) in &self.replace {
            document = document.replacen(from, to, 1);
        }
        let key = attribute(&document, "subject").or_else(|| attribute(&base, "subject"));
        let received = self
            .received
            .clone()
            .or_else(|| attribute(&base, "time"))
            .expect("a time");
        let sent = Sent {
            key: self
                .key
                .as_ref()
                .map_or(key, |key| key.as_str().map(str::to_owned))
                .map(String::into_bytes),
            value: if self.value.is_some() {
                None
            } else {
                Some(self.value_of(&document))
            },
            headers: self.headers_of(&document),
            timestamp: Some(
                received
                    .parse::<jiff::Timestamp>()
                    .expect("a time")
                    .as_millisecond(),
            ),
            partition: None,
        };
        let feed = self.topic.unwrap_or_else(|| feed_of(&base));
        Refused {
            feed,
            sent,
            reason: self.reason,
            pointer: self.pointer,
        }
    }

    fn value_of(&self, document: &str) -> Vec<u8> {
        let mut value = if self.binary {
            serde_json::from_str::<Value>(document).expect("json")["data"]
                .to_string()
                .into_bytes()
        } else if let Some(levels) = self.nest {
            document
                .replacen(
                    r#""data":"#,
                    &format!(r#""x":{}"data":"#, "[".repeat(levels)),
                    1,
                )
                .into_bytes()
        } else {
            document.as_bytes().to_vec()
        };
        if let Some((from, hex)) = &self.byte {
            let at = document.find(from).expect("a place");
            value = [
                &document.as_bytes()[..at],
                &bytes_of(hex),
                &document.as_bytes()[at + from.len()..],
            ]
            .concat();
        }
        if let Some(hex) = &self.before_hex {
            value.splice(0..0, bytes_of(hex));
        }
        if let Some(size) = self.pad_to {
            value.resize(size, b' ');
        }
        self.hex.as_deref().map_or(value, bytes_of)
    }

    fn headers_of(&self, document: &str) -> Vec<(String, Option<Vec<u8>>)> {
        let mut headers = Vec::new();
        if self.binary {
            let event: serde_json::Map<String, Value> =
                serde_json::from_str(document).expect("json");
            for (name, value) in event.into_iter().filter(|(name, _)| name != "data") {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                headers.push((format!("ce_{name}"), Some(text.into_bytes())));
            }
        }
        for (name, text) in &self.headers {
            headers.push(match name.strip_suffix("_hex") {
                Some(name) => (name.to_owned(), text.as_deref().map(bytes_of)),
                None => (name.clone(), text.clone().map(String::into_bytes)),
            });
        }
        headers.retain(|(name, _)| Some(name) != self.without_header.as_ref());
        headers
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal"))
        .collect()
}
