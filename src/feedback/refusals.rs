//! The refused events of a partner since a time, as lines of JSON.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::civil::Date;
use serde::Serialize;

use super::FeedbackError;
use crate::contract::rejection::Reason;
use crate::contract::tripwire;
use crate::event::{Micros, Position, TopicPartition};
use crate::ledger::chain;
use crate::rejects::Reject;
use crate::rejects::reader::RejectsReader;
use crate::storage::Store;

/// The most lines of an answer; those received at the same instant as the last are added.
pub const LINES_MAX: usize = 10_000;

/// A refused event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusalLine {
    /// Topic, partition and position.
    pub at: String,
    /// When Kafka received it.
    pub received: Micros,
    /// The reason code.
    pub reason: String,
    /// The JSON pointer.
    pub pointer: String,
    /// The rule, and what to do.
    pub rule: String,
    /// The kind, if it could be read.
    pub kind: Option<String>,
    /// The record's key, if it is a valid id that does not look personal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// The oldest refused events since a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// In the order received.
    pub lines: Vec<RefusalLine>,
    /// When the last of the lines was received, if there are more after it: ask again from then on.
    pub next: Option<Micros>,
}

impl RefusalLine {
    fn new(partition: &TopicPartition, reject: Reject) -> Self {
        Self {
            subject: safe_subject(&reject),
            at: format!("{partition} {}", reject.position),
            received: reject.received,
            reason: reject.reason,
            pointer: reject.pointer,
            rule: reject.rule,
            kind: reject.kind,
        }
    }
}

/// The key of a reject that was read with its bytes, if it is a valid id that does not look personal.
pub fn safe_subject(reject: &Reject) -> Option<String> {
    let key = reject.raw.as_ref()?.key.clone()?;
    let is_personal = Reason::from_name(&reject.reason).is_none_or(Reason::is_personal);
    let subject = String::from_utf8(key).ok()?;
    (!is_personal && tripwire::is_plain_id(&subject)).then_some(subject)
}

/// Reads a time: an instant, or the start of a day in London.
pub fn parse_since(text: &str) -> Option<Micros> {
    // A day also parses from an instant, whose time of day would be lost.
    if text.len() == "2018-10-31".len() {
        return Micros::from_london(text.parse::<Date>().ok()?.into());
    }
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(Micros(instant.as_microsecond()))
}

/// Reads the rejects of a partner received at a time or later.
pub async fn refusals_since(
    store: &Store,
    partner: &str,
    since: Micros,
) -> Result<Refusals, FeedbackError> {
    let mut oldest = Oldest::default();
    for partition in chain::partitions(store).await? {
        let mut reader = RejectsReader::new(store, &partition, Position::ORIGIN, true);
        while let Some(rejects) = reader.next().await? {
            for reject in rejects {
                let reject = reject?;
                if reject.partner.as_deref() == Some(partner) && reject.received >= since {
                    oldest.add(&partition, reject);
                }
            }
        }
    }
    Ok(oldest.into_refusals())
}

/// The oldest lines, in a bounded number.
#[derive(Default)]
struct Oldest {
    by_instant: BTreeMap<Micros, Vec<RefusalLine>>,
    lines: usize,
    has_more: bool,
}

impl Oldest {
    fn add(&mut self, partition: &TopicPartition, reject: Reject) {
        let received = reject.received;
        let last = self.by_instant.last_key_value().map(|(last, _)| *last);
        if self.lines >= LINES_MAX && last < Some(received) {
            self.has_more = true;
            return;
        }
        let line = RefusalLine::new(partition, reject);
        match self.by_instant.entry(received) {
            Entry::Occupied(mut lines) => lines.get_mut().push(line),
            Entry::Vacant(entry) => drop(entry.insert(vec![line])),
        }
        self.lines += 1;
        while let Some(newest) = self.by_instant.last_entry() {
            let rest = self.lines - newest.get().len();
            if rest < LINES_MAX {
                return;
            }
            newest.remove();
            (self.lines, self.has_more) = (rest, true);
        }
    }

    fn into_refusals(self) -> Refusals {
        let last = self.by_instant.last_key_value().map(|(last, _)| *last);
        Refusals {
            next: last.filter(|_| self.has_more),
            lines: self.by_instant.into_values().flatten().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejects::Raw;

    fn partition() -> TopicPartition {
        TopicPartition {
            topic: "police.events.v1".to_owned(),
            partition: 3,
        }
    }

    fn reject(received: i64, reason: &str, key: &[u8]) -> Reject {
        Reject {
            position: Position {
                era: 0,
                offset: received,
            },
            received: Micros(received),
            reason: reason.to_owned(),
            pointer: "/data".to_owned(),
            rule: "a rule".to_owned(),
            partner: Some("kent-police".to_owned()),
            kind: Some("crime".to_owned()),
            raw: Some(Raw {
                key: Some(key.to_vec()),
                ..Raw::default()
            }),
        }
    }

    #[test]
    fn a_subject_is_listed_only_if_it_is_a_valid_id_that_does_not_look_personal() {
        let subject = |reason: &str, key: &[u8]| {
            RefusalLine::new(&partition(), reject(1, reason, key)).subject
        };
        assert_eq!(
            subject("schema.enum", b"46-001234-17").as_deref(),
            Some("46-001234-17")
        );
        assert_eq!(subject("schema.enum", b"943 476 5919"), None);
        assert_eq!(subject("schema.enum", b"9434765919"), None, "an NHS number");
        assert_eq!(subject("schema.enum", b"not an id <b>"), None);
        assert_eq!(subject("schema.enum", b"\xff"), None);
        assert_eq!(subject("personal.email", b"46-001234-17"), None);
        assert_eq!(subject("of-a-later-version", b"46-001234-17"), None);
    }

    #[test]
    fn an_answer_is_bounded_and_names_where_to_go_on() {
        let mut oldest = Oldest::default();
        let instants = (0..LINES_MAX as i64 + 5).rev();
        for instant in instants {
            oldest.add(&partition(), reject(instant, "schema.enum", b"a"));
        }
        oldest.add(
            &partition(),
            reject(LINES_MAX as i64 - 1, "schema.enum", b"a"),
        );
        let refusals = oldest.into_refusals();
        assert_eq!(
            refusals.lines.len(),
            LINES_MAX + 1,
            "one has the last instant too"
        );
        assert_eq!(refusals.next, Some(Micros(LINES_MAX as i64 - 1)));

        let mut few = Oldest::default();
        few.add(&partition(), reject(1, "schema.enum", b"a"));
        assert_eq!(few.into_refusals().next, None);
    }

    #[test]
    fn since_is_an_instant_or_the_start_of_a_day_in_london() {
        let instant = |text: &str| parse_since(text).map(|at| at.to_string());
        assert_eq!(
            instant("2024-06-01").as_deref(),
            Some("2024-05-31T23:00:00Z")
        );
        assert_eq!(
            instant("2024-06-01T12:00:00Z").as_deref(),
            Some("2024-06-01T12:00:00Z")
        );
        assert_eq!(instant("yesterday"), None);
    }
}
