//! Why a document was refused: the one reason, found slowly and with care, since few are.
//!
//! The typed path only says no. Here the document is read again as plain JSON, family by family:
//! the JSON profile, the key, the envelope, and `data` by its schema. A rule says what to do and
//! never what was sent.

mod envelope;
mod profile;
pub(crate) mod schema;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Document;
use super::gate::{Gate, KEY_RULE};
use super::rejection::{Reason, Violation};
use super::text::Id;

/// The reason a document is refused by JSON profile, key, envelope or schema; `None` if by none.
pub(crate) fn explain(document: &Document<'_>, gate: &Gate<'_>) -> Option<Violation> {
    let (attributes, binary) = match attributes(document) {
        Ok(read) => read,
        Err(violation) => return Some(violation),
    };
    let subject = attributes
        .get("subject")
        .and_then(Value::as_str)
        .filter(|subject| Id::new(*subject).is_some());
    if subject.is_some_and(|subject| !gate.admits_subject(subject)) {
        return Some(Violation::new(Reason::TransportKey, "/subject", KEY_RULE));
    }
    let (violation, kind) = envelope::check(&attributes, binary, gate);
    violation.or_else(|| schema::check(kind?, attributes.get("data")?))
}

/// Whether JSON profile, envelope and schema accept a document together, by the slow path alone.
pub fn accepts(document: &str) -> bool {
    explain(&Document::Structured(document), &Gate::open()).is_none()
}

/// The attributes of an event, `data` among them, and whether they came in headers.
fn attributes(document: &Document<'_>) -> Result<(Map<String, Value>, bool), Violation> {
    match document {
        Document::Structured(text) => match profile::parse(text, "")? {
            Value::Object(attributes) => Ok((attributes, false)),
            _ => Err(Violation::new(
                Reason::EnvelopeNotObject,
                "",
                "an event is one JSON object: send one a record",
            )),
        },
        Document::Binary { attributes, data } => {
            let data = profile::parse(data, "data")?;
            let mut map: Map<_, _> = attributes
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).into()))
                .collect();
            map.insert("data".to_owned(), data);
            Ok((map, true))
        }
    }
}

/// Keeps the violation of least rank.
fn keep_first(
    kept: &mut Option<Violation>,
    reason: Reason,
    pointer: &str,
    rule: impl Into<Cow<'static, str>>,
) {
    if kept
        .as_ref()
        .is_none_or(|before| (reason, pointer) < before.rank())
    {
        *kept = Some(Violation::new(reason, pointer, rule));
    }
}
