//! What became of one record: its accepted revisions, and the refused events with its key.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::FeedbackError;
use crate::aggregate::{Revision, history_in, is_replaced, month_of};
use crate::contract::Record;
use crate::contract::record::partner_of;
use crate::contract::revision::content_hash;
use crate::event::{Micros, Position, TopicPartition};
use crate::ledger::chain::{self, ChainEnds};
use crate::reference::Reference;
use crate::reference::windows::months_in_words;
use crate::rejects::Reject;
use crate::rejects::reader::RejectsReader;
use crate::storage::Store;

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchAnswer {
    /// Whether the store has anything of it.
    pub found: bool,
    /// If something was found: what counts now, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// Its events, in the order received.
    pub rows: Vec<FoundEvent>,
    /// If nothing was found: `not_read_yet`, `not_received` or `not_known`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// If nothing was found: what that means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'static str>,
}

/// An event of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundEvent {
    /// Topic, partition and position.
    pub at: String,
    /// When Kafka received it.
    pub received: Micros,
    /// `accepted` or `rejected`.
    pub outcome: &'static str,
    /// What that means, in a sentence.
    pub text: String,
    /// What an accepted event is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedEvent>,
    /// Why an event was rejected.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<RejectedEvent>,
}

/// An accepted event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AcceptedEvent {
    /// The revision.
    pub revision: i32,
    /// Whether it is the state of the record.
    pub latest: bool,
    /// The month it counts in; none = it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// The priorities and themes of the plan in force that it counts under; empty = it does not count,
    /// no adopted plan covers the month, or no rule matches.
    pub counts_under: Vec<String>,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_counted: Option<NotCounted>,
}

/// Why an accepted event does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotCounted {
    /// The same revision with the same content counts.
    Repeat,
    /// The same revision with other content counts, or would.
    Contradiction,
    /// A later revision, or a later release of its month, counts.
    Replaced,
    /// It cancels the record.
    Cancelled,
}

/// A rejected event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectedEvent {
    /// The reason code.
    pub reason: String,
    /// The JSON pointer.
    pub pointer: String,
    /// The rule, and what to do.
    pub rule: String,
}

impl SearchAnswer {
    /// The answer for what was found. `is_waiting` = whether records of the topic wait to be read;
    /// `None` = that is not known.
    pub fn new(rows: Vec<FoundEvent>, is_waiting: Option<bool>) -> Self {
        let (state, text) = match is_waiting {
            Some(true) => (
                "not_read_yet",
                "not read yet: records of this feed wait to be read; ask again in a few minutes",
            ),
            Some(false) => (
                "not_received",
                "nothing with this reference came from this system, or it was refused when it was sent: check the \
                 reference, its capitals and the system; fix what was refused, then send it again: an event that is \
                 sent twice counts once",
            ),
            None => (
                "not_known",
                "not in the store; no broker answered, so records may wait to be read; ask again in a few minutes",
            ),
        };
        let found = !rows.is_empty();
        Self {
            found,
            now: found.then(|| {
                let wait = "; records of this feed wait to be read, and may change this";
                let wait = if is_waiting == Some(true) { wait } else { "" };
                now(&rows) + wait
            }),
            rows,
            state: (!found).then_some(state),
            text: (!found).then_some(text),
        }
    }
}

/// The topics that a source is registered for.
pub fn topics_of<'r>(reference: &'r Reference, source: &str) -> BTreeSet<&'r str> {
    let partners = &reference.partners;
    partners
        .topics()
        .filter(|topic| partners.is_registered(&topic.name, source))
        .map(|topic| topic.name.as_str())
        .collect()
}

/// What a search found of a record.
#[derive(Clone, Debug)]
pub struct FoundRecord {
    /// Its events, in the order received.
    pub events: Vec<FoundEvent>,
    /// Where the chains ended that were read.
    ends: ChainEnds,
}

impl FoundRecord {
    /// Whether records that were not read wait in the log, given the next offset of each partition.
    pub fn is_waiting(&self, log_ends: &BTreeMap<TopicPartition, i64>) -> bool {
        let read = |partition| self.ends.get(partition).copied().unwrap_or_default();
        let mut log_ends = log_ends.iter();
        log_ends.any(|(partition, end)| read(partition).offset < *end)
    }
}

/// The events of a record. Reads the topics that its source is registered for.
pub fn search(
    store: &Store,
    reference: &Reference,
    runtime: &Handle,
    source: &str,
    subject: &str,
) -> Result<FoundRecord, FeedbackError> {
    let topics = topics_of(reference, source);
    let may_have_it = |partition: &TopicPartition| topics.contains(&*partition.topic);
    let mut found: BTreeMap<(Micros, TopicPartition, Position), FoundEvent> = BTreeMap::new();
    let history = history_in(store, runtime, (source, subject), may_have_it)?;
    let revisions = &history.revisions;
    for (index, revision) in revisions.iter().enumerate() {
        let record = revision.record();
        let (accepted, text) = match revisions[index + 1..].last() {
            None => latest(store, reference, runtime, &record)?,
            Some(last) => {
                // Of the events of one revision, the last here is the one that counts.
                let later = revisions[index + 1..].iter().map(Revision::record);
                let deciding = later
                    .take_while(|other| other.revision == record.revision)
                    .last();
                superseded(&record, deciding.as_ref(), last.record().revision)
            }
        };
        let (partition, at) = (revision.partition.clone(), &revision.at);
        let event = FoundEvent {
            at: format!("{partition} {}", at.position),
            received: at.received,
            outcome: "accepted",
            text,
            accepted: Some(accepted),
            rejected: None,
        };
        found.insert((at.received, partition, at.position), event);
    }
    let rejects = rejects_of(store, source, subject, may_have_it);
    for (partition, reject) in runtime.block_on(rejects)? {
        let key = (reject.received, partition, reject.position);
        let event = FoundEvent {
            at: format!("{} {}", key.1, reject.position),
            received: reject.received,
            outcome: "rejected",
            text: refused(&reject),
            accepted: None,
            rejected: Some(RejectedEvent {
                reason: reject.reason,
                pointer: reject.pointer,
                rule: reject.rule,
            }),
        };
        found.insert(key, event);
    }
    Ok(FoundRecord {
        events: found.into_values().collect(),
        ends: history.ends,
    })
}

/// Why an event before the last does not count. `deciding` = the event of the same revision that counts
/// instead of it, if there is one.
fn superseded(
    record: &Record<'_>,
    deciding: Option<&Record<'_>>,
    latest_revision: i32,
) -> (AcceptedEvent, String) {
    let revision = record.revision;
    let (why, text) = match deciding {
        Some(deciding) if content_hash(deciding) == content_hash(record) => (
            NotCounted::Repeat,
            "The same event again: counts once".to_owned(),
        ),
        Some(_) => {
            let advice = if latest_revision > revision {
                format!("Revision {latest_revision} replaced it")
            } else {
                let next = revision.saturating_add(1);
                format!("To correct the record, send revision {next}")
            };
            let text =
                format!("Revision {revision} came with other content: does not count. {advice}");
            (NotCounted::Contradiction, text)
        }
        None => (
            NotCounted::Replaced,
            format!("Revision {latest_revision} replaced it"),
        ),
    };
    let accepted = AcceptedEvent {
        revision,
        not_counted: Some(why),
        ..AcceptedEvent::default()
    };
    (accepted, text)
}

/// How the state of a record counts.
fn latest(
    store: &Store,
    reference: &Reference,
    runtime: &Handle,
    record: &Record<'_>,
) -> Result<(AcceptedEvent, String), FeedbackError> {
    let mut accepted = AcceptedEvent {
        revision: record.revision,
        latest: true,
        ..AcceptedEvent::default()
    };
    if record.cancellation_reason.is_some() {
        accepted.not_counted = Some(NotCounted::Cancelled);
        return Ok((accepted, "Cancels the record: it does not count".to_owned()));
    }
    if is_replaced(store, runtime, reference, record)? {
        accepted.not_counted = Some(NotCounted::Replaced);
        let text = "Does not count: a later release of its month replaced it";
        return Ok((accepted, text.to_owned()));
    }
    let Some(month) = month_of(record, reference) else {
        return Ok((accepted, "Counts in no month".to_owned()));
    };
    accepted.month = Some(month.to_string());
    let mut codes = Vec::new();
    reference.source_codes(record, &mut codes);
    let plan = reference.plans.in_force(month.first_day());
    let series = plan
        .into_iter()
        .flat_map(|plan| plan.series_in(plan.classify(record, &codes)));
    let (ids, labels): (Vec<_>, Vec<_>) = series
        .map(|series| (series.id.clone(), &*series.label))
        .unzip();
    accepted.counts_under = ids;
    let series = match labels.split_last() {
        None => match plan {
            None => "in totals only, because no adopted plan covers that month".to_owned(),
            Some(plan) => format!(
                "in totals only, because no rule of the plan {} matches",
                plan.id
            ),
        },
        Some((only, [])) => format!("under {only}"),
        Some((last, others)) => format!("under {} and {last}", others.join(", ")),
    };
    let text = format!("Counts in {} {series}", months_in_words(month, month));
    Ok((accepted, text))
}

/// What counts now, in a sentence.
fn now(rows: &[FoundEvent]) -> String {
    let latest = rows.iter().find_map(|row| {
        let accepted = row.accepted.as_ref().filter(|accepted| accepted.latest)?;
        Some((accepted.revision, &row.text))
    });
    match latest {
        Some((revision, text)) => {
            let mut chars = text.chars();
            let first = chars.next().map(|first| first.to_ascii_lowercase());
            let text = first.into_iter().chain(chars).collect::<String>();
            format!("Now: revision {revision} {text}")
        }
        None => "Now: nothing counts, since each event of this record was refused".to_owned(),
    }
}

/// Why an event was rejected, in a sentence.
fn refused(reject: &Reject) -> String {
    let Reject {
        reason,
        pointer,
        rule,
        ..
    } = reject;
    match pointer.as_str() {
        "" => format!("{reason}: {rule}"),
        pointer => format!("{reason} at {pointer}: {rule}"),
    }
}

/// The part of an event that names its source.
#[derive(Deserialize)]
struct EventSource<'e> {
    #[serde(borrow)]
    source: Cow<'e, str>,
}

/// Whether a reject is of a source, as far as that can be read.
fn is_of(reject: &Reject, source: &str) -> bool {
    let value = reject.raw.as_ref().and_then(|raw| raw.value.as_deref());
    let own = value.and_then(|value| serde_json::from_slice::<EventSource<'_>>(value).ok());
    own.is_none_or(|own| own.source == source)
        && reject.partner.as_deref() == Some(partner_of(source))
}

/// The rejects of a source with a key, which is the subject of the record.
async fn rejects_of(
    store: &Store,
    source: &str,
    subject: &str,
    may_have_it: impl Fn(&TopicPartition) -> bool,
) -> Result<Vec<(TopicPartition, Reject)>, FeedbackError> {
    let mut found = Vec::new();
    for partition in chain::partitions(store).await? {
        if !may_have_it(&partition) {
            continue;
        }
        let mut reader = RejectsReader::new(store, &partition, Position::ORIGIN, true);
        while let Some(rejects) = reader.next().await? {
            for reject in rejects {
                let reject = reject?;
                let key = reject.raw.as_ref().and_then(|raw| raw.key.as_deref());
                if key == Some(subject.as_bytes()) && is_of(&reject, source) {
                    found.push((partition.clone(), reject));
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejects::Raw;

    #[test]
    fn a_reject_is_of_its_source_or_of_any_of_its_partner_if_the_source_cannot_be_read() {
        let is_found = |value: &str, source: &str| {
            let reject = Reject {
                position: Position::ORIGIN,
                received: Micros(0),
                reason: "schema.enum".to_owned(),
                pointer: String::new(),
                rule: String::new(),
                partner: Some("kent-police".to_owned()),
                kind: None,
                raw: Some(Raw {
                    value: Some(value.as_bytes().to_vec()),
                    ..Raw::default()
                }),
            };
            is_of(&reject, source)
        };
        let crime = r#"{"source":"urn:partner:kent-police:crime","data":{}}"#;
        assert!(is_found(crime, "urn:partner:kent-police:crime"));
        assert!(!is_found(crime, "urn:partner:kent-police:command"));
        assert!(is_found("not JSON", "urn:partner:kent-police:command"));
        assert!(!is_found("not JSON", "urn:partner:secamb:calls"));
    }
}
