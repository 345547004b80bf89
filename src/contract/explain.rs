//! Why a document was refused: its faults, found slowly and with care, since few are refused.
//!
//! The typed path only says no. Here the document is read again as plain JSON, family by family:
//! the JSON profile, the key, the envelope, and `data` by its schema. A rule says what to do and
//! never what was sent.

mod envelope;
mod profile;
pub(crate) mod schema;
#[cfg(test)]
pub(super) mod tests;

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Document;
use super::gate::{Gate, KEY_RULE};
use super::rejection::{Reason, Violation};
use super::text::Id;

/// Why a document is refused by JSON profile, key, envelope or schema; empty if by none.
///
/// Of all faults, `most` are returned. The first is the reason of the rejection. Envelope and schema
/// are reported together; a fault of the JSON or the key hides those of the families after it.
pub(crate) fn explain(document: &Document<'_>, gate: &Gate<'_>, most: usize) -> Vec<Violation> {
    let (attributes, binary) = match attributes(document, most) {
        Ok(read) => read,
        Err(violations) => return violations,
    };
    let subject = attributes
        .get("subject")
        .and_then(Value::as_str)
        .filter(|subject| Id::new(*subject).is_some());
    if subject.is_some_and(|subject| !gate.admits_subject(subject)) {
        let violation = Violation::new(Reason::TransportKey, "/subject", KEY_RULE);
        return vec![violation];
    }
    let (mut violations, kind) = envelope::check(&attributes, binary, gate, most);
    if let (Some(kind), Some(data)) = (kind, attributes.get("data"))
        && violations.len() < most
    {
        violations.extend(schema::check(kind, data, most - violations.len()));
    }
    violations
}

/// Whether JSON profile, envelope and schema accept a document together, by the slow path alone.
pub fn accepts(document: &str) -> bool {
    explain(&Document::Structured(document), &Gate::open(), 1).is_empty()
}

/// The attributes of an event, `data` among them, and whether they came in headers.
fn attributes(
    document: &Document<'_>,
    most: usize,
) -> Result<(Map<String, Value>, bool), Vec<Violation>> {
    match document {
        Document::Structured(text) => match profile::parse(text, "", most)? {
            Value::Object(attributes) => Ok((attributes, false)),
            _ => Err(vec![Violation::new(
                Reason::EnvelopeNotObject,
                "",
                "an event is one JSON object: send one a record",
            )]),
        },
        Document::Binary { attributes, data } => {
            let data = profile::parse(data, "data", most)?;
            let mut map: Map<_, _> = attributes
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).into()))
                .collect();
            map.insert("data".to_owned(), data);
            Ok((map, true))
        }
    }
}

/// Whether a violation comes before another.
type Precedes = fn((Reason, &str), (Reason, &str)) -> bool;

/// The first violations of a family, in their order; of equal ones, the one noted first is first.
struct Violations {
    kept: Vec<Violation>,
    most: usize,
    precedes: Precedes,
}

impl Violations {
    /// Violations in the order of their rank.
    fn by_rank(most: usize) -> Self {
        Self::new(most, |one, other| one < other)
    }

    /// Violations in the order of their pointers, by bytes, and then of their codes.
    fn by_pointer(most: usize) -> Self {
        Self::new(most, |one, other| (one.1, one.0) < (other.1, other.0))
    }

    fn new(most: usize, precedes: Precedes) -> Self {
        Self {
            kept: Vec::new(),
            most,
            precedes,
        }
    }

    /// Notes a violation; its rule is only built if it is among the first.
    fn note<R: Into<Cow<'static, str>>>(
        &mut self,
        reason: Reason,
        pointer: &str,
        rule: impl FnOnce() -> R,
    ) {
        let rank = (reason, pointer);
        let index = self
            .kept
            .partition_point(|kept| !(self.precedes)(rank, kept.rank()));
        if index < self.most {
            self.kept
                .insert(index, Violation::new(reason, pointer, rule()));
            self.kept.truncate(self.most);
        }
    }
}
