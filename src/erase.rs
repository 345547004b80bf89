//! Finds every row of some records, so that they can be erased: all revisions, and the rejects that
//! name them.
//!
//! It must not know who asks, and how rows are removed. The invariant: nothing but positions and
//! counts leaves it, so that an erasure contains no value of a record.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tokio::runtime::Handle;

use crate::aggregate::state::files::{Files, fetch};
use crate::aggregate::{AggregateError, month_of};
use crate::contract::columns::COLUMNS;
use crate::contract::record::partner_of;
use crate::contract::tripwire;
use crate::event::{Micros, Month, Position, TopicPartition};
use crate::ledger::chain::{self, Chain, ChainError, Passes};
use crate::ledger::columns::TextColumn;
use crate::ledger::erasures::{
    ErasedRows, Erasure, ErasureError, ErasureLog, ErasureReason, NotKept, Offsets, POSITIONS_MAX,
    SeenEnd,
};
use crate::normalise::{self, Rows};
use crate::reference::Reference;
use crate::rejects::reader::RejectsReader;
use crate::rejects::{Reject, RejectsError};
use crate::storage::Store;

/// Why records could not be erased.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum EraseError {
    #[error(transparent)]
    Aggregate(#[from] AggregateError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    #[error(transparent)]
    Erasures(#[from] ErasureError),
}

/// The records to erase.
#[derive(Clone, Debug)]
pub struct RecordsToErase<'a> {
    /// Their source.
    pub source: &'a str,
    /// Their subjects.
    pub subjects: HashSet<String>,
}

/// Why records are erased.
#[derive(Clone, Copy, Debug)]
pub struct Grounds<'a> {
    /// The reason.
    pub why: ErasureReason,
    /// The operator's reference.
    pub case: &'a str,
    /// The kinds whose retention period ended.
    pub not_kept: &'a [NotKept],
}

/// Every row of some records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundRows {
    /// How many of the records have a row.
    pub records: u64,
    /// Positions of accepted rows.
    pub accepted: BTreeSet<(TopicPartition, Position)>,
    /// Positions of rejected rows.
    pub rejected: BTreeSet<(TopicPartition, Position)>,
    /// The months in which revisions of the records count or counted.
    pub months: BTreeSet<Month>,
    /// Other records that name one of them as their replacement.
    pub named_by_others: u64,
    /// Where the chains ended that were searched.
    pub seen: Vec<SeenEnd>,
}

impl FoundRows {
    /// Whether there is nothing to erase.
    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.rejected.is_empty()
    }

    /// Whether the chain of a partition was searched up to an offset.
    pub fn reaches(&self, partition: &TopicPartition, end: i64) -> bool {
        let TopicPartition {
            topic,
            partition: number,
        } = partition;
        let mut seen = self.seen.iter();
        seen.any(|seen| seen.topic == *topic && seen.partition == *number && seen.end.offset >= end)
    }

    /// The rows of each partition and epoch, in parts of as many positions as an entry of the log may
    /// have.
    fn parts(&self) -> Vec<Vec<ErasedRows>> {
        let all: BTreeMap<&(TopicPartition, Position), bool> = self
            .rejected
            .iter()
            .map(|at| (at, false))
            .chain(self.accepted.iter().map(|at| (at, true)))
            .collect();
        let all: Vec<_> = all.into_iter().collect();
        all.chunks(POSITIONS_MAX).map(erased_rows).collect()
    }

    /// Erases the rows: from then on, no reader returns them. Returns the numbers of the entries.
    pub async fn erase(
        &self,
        store: &Store,
        grounds: &Grounds<'_>,
        at: Micros,
    ) -> Result<Vec<u64>, EraseError> {
        let mut log = ErasureLog::read(store).await?;
        let mut numbers = Vec::new();
        for rows in self.parts() {
            let erasure = Erasure {
                why: grounds.why,
                case: grounds.case.to_owned(),
                at,
                seen: self.seen.clone(),
                rows,
                not_kept: grounds.not_kept.to_vec(),
            };
            numbers.push(log.append(store, erasure).await?);
        }
        Ok(numbers)
    }
}

/// Rows of an entry, from positions in order; each with whether it was accepted.
fn erased_rows(positions: &[(&(TopicPartition, Position), bool)]) -> Vec<ErasedRows> {
    positions
        .chunk_by(|((a, at), _), ((b, after), _)| a == b && at.era == after.era)
        .map(|rows| {
            let ((partition, first), _) = rows[0];
            let accepted = rows.iter().filter(|(_, is_accepted)| *is_accepted).count();
            ErasedRows {
                topic: partition.topic.clone(),
                partition: partition.partition,
                era: first.era,
                offsets: Offsets::new(rows.iter().map(|((_, at), _)| at.offset)),
                accepted: accepted as u64,
                rejected: (rows.len() - accepted) as u64,
            }
        })
        .collect()
}

/// Finds every row of some records that is not erased yet. Reads every chain: a source may have sent
/// to a topic for which it is no longer registered.
pub fn find(
    store: &Store,
    runtime: &Handle,
    reference: &Reference,
    records: &RecordsToErase<'_>,
) -> Result<FoundRows, EraseError> {
    let mut passes = Passes::default();
    loop {
        let chains = runtime.block_on(chain::read_all(store))?;
        let found = find_in(store, runtime, reference, &chains, records);
        // Also where nothing was missing: a late writer may have put a deleted file back.
        if !runtime.block_on(passes.retry_if_any_moved(store, &chains))? {
            return found;
        }
    }
}

fn find_in(
    store: &Store,
    runtime: &Handle,
    reference: &Reference,
    chains: &[Chain],
    records: &RecordsToErase<'_>,
) -> Result<FoundRows, EraseError> {
    let mut found = FoundRows::default();
    let mut subjects: HashSet<&str> = HashSet::new();
    for chain in chains {
        find_accepted(
            store,
            runtime,
            reference,
            chain,
            records,
            &mut found,
            &mut subjects,
        )?;
        runtime.block_on(find_rejected(
            store,
            chain,
            records,
            &mut found,
            &mut subjects,
        ))?;
        found.seen.push(chain.seen_end());
    }
    found.records = subjects.len() as u64;
    Ok(found)
}

/// The columns that show where a row is, and the month it counts in.
pub(crate) fn columns_of_month() -> Vec<&'static str> {
    let mut columns = vec!["era", "offset", "source", COLUMNS.kind.name()];
    for time in [
        COLUMNS.occurred_from.definition(),
        COLUMNS.recorded_at.definition(),
        COLUMNS.period_from.definition(),
    ] {
        let fields = normalise::columns_of(time).iter();
        columns.extend(fields.map(|field| field.name().as_str()));
    }
    columns
}

fn find_accepted<'s>(
    store: &Store,
    runtime: &Handle,
    reference: &Reference,
    chain: &Chain,
    records: &'s RecordsToErase<'_>,
    found: &mut FoundRows,
    subjects: &mut HashSet<&'s str>,
) -> Result<(), AggregateError> {
    let open = |path: &str| fetch(store, path, runtime);
    let files = Files::of([chain], &open);
    let mut columns = columns_of_month();
    columns.extend(["subject", COLUMNS.cancellation_replaced_by.name()]);
    files.for_each(&columns, |part| {
        let rows = Rows::new(&part.batch);
        let sources = TextColumn::new(&part.batch, "source");
        let subject_texts = TextColumn::new(&part.batch, "subject");
        let replaced_by = TextColumn::new(&part.batch, COLUMNS.cancellation_replaced_by.name());
        for row in 0..part.batch.num_rows() {
            if sources.get(row) != Some(records.source) {
                continue;
            }
            let subject = subject_texts.get(row).unwrap_or_default();
            if let Some(subject) = records.subjects.get(subject) {
                subjects.insert(subject);
                let at = rows.coordinates(row).position;
                found.accepted.insert((chain.partition.clone(), at));
                found.months.extend(month_of(&rows.record(row), reference));
            } else {
                let named = replaced_by.get(row);
                let is_named = named.is_some_and(|named| records.subjects.contains(named));
                found.named_by_others += u64::from(is_named);
            }
        }
        Ok(())
    })
}

async fn find_rejected<'s>(
    store: &Store,
    chain: &Chain,
    records: &'s RecordsToErase<'_>,
    found: &mut FoundRows,
    subjects: &mut HashSet<&'s str>,
) -> Result<(), RejectsError> {
    let mut reader = RejectsReader::new(store, &chain.partition, Position::ORIGIN, true);
    while let Some(rejects) = reader.next().await? {
        for reject in rejects {
            let reject = reject?;
            let named = records.named_in(&reject);
            if !named.is_empty() {
                let at = reject.position;
                found.rejected.insert((chain.partition.clone(), at));
                subjects.extend(named);
            }
        }
    }
    Ok(())
}

impl RecordsToErase<'_> {
    /// The subjects that a reject names: as its key, in a header, or in a string of its value.
    fn named_in(&self, reject: &Reject) -> Vec<&str> {
        let partner = partner_of(self.source);
        let Some(raw) = &reject.raw else {
            return Vec::new();
        };
        if reject.partner.as_deref().is_some_and(|own| own != partner) {
            return Vec::new();
        }
        let mut named = Vec::new();
        let mut look = |text: &[u8]| {
            let text = std::str::from_utf8(text).ok();
            named.extend(
                text.and_then(|text| self.subjects.get(text))
                    .map(String::as_str),
            );
        };
        look(raw.key.as_deref().unwrap_or_default());
        for (_, value) in &raw.headers {
            look(value.as_deref().unwrap_or_default());
        }
        tripwire::each_text(raw.value.as_deref().unwrap_or_default(), look);
        named
    }
}

/// The most characters of a case's reference.
const CASE_MAX: usize = 32;

/// Checks an operator's reference: it stays in the store for good, so it must not be personal.
pub fn check_case(case: &str) -> Result<(), &'static str> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'/' || byte == b'-';
    if case.is_empty() || case.len() > CASE_MAX || !case.bytes().all(is_valid) {
        return Err("must be 1 to 32 letters, digits, / or -");
    }
    if tripwire::looks_personal(case) {
        return Err("looks like personal data: use a reference such as DP-2026-0419");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejects::Raw;

    #[test]
    fn a_reject_is_found_by_key_header_or_any_string_of_its_value() {
        let records = RecordsToErase {
            source: "urn:partner:kent-police:crime",
            subjects: ["46-1".to_owned(), "é/2".to_owned()].into(),
        };
        let reject = |raw: Raw, partner: Option<&str>| Reject {
            position: Position::ORIGIN,
            received: Micros(0),
            reason: "schema.enum".to_owned(),
            pointer: String::new(),
            rule: String::new(),
            partner: partner.map(str::to_owned),
            kind: None,
            raw: Some(raw),
        };
        let of_value = |value: &str| Raw {
            value: Some(value.as_bytes().to_vec()),
            ..Raw::default()
        };
        let key = Raw {
            key: Some(b"46-1".to_vec()),
            ..Raw::default()
        };
        let header = Raw {
            headers: vec![("ce_subject".to_owned(), Some(b"46-1".to_vec()))],
            ..Raw::default()
        };
        for raw in [
            key.clone(),
            header,
            of_value(r#"{"subject":"46-1"}"#),
            of_value(r#"{"data":{"x":["46-1"#),
            of_value(r#"{"subject":"\u00e9\/2"}"#),
        ] {
            assert_eq!(
                records.named_in(&reject(raw.clone(), None)).len(),
                1,
                "{raw:?}"
            );
            let own = reject(raw.clone(), Some("kent-police"));
            assert_eq!(records.named_in(&own).len(), 1, "{raw:?}");
            let other = reject(raw, Some("mtw-nhs"));
            assert_eq!(
                records.named_in(&other).len(),
                0,
                "another partner's record"
            );
        }
        let part = of_value(r#"{"subject":"46-11","data":"x46-1"}"#);
        assert!(records.named_in(&reject(part, None)).is_empty());
        assert!(records.named_in(&reject(Raw::default(), None)).is_empty());
    }

    #[test]
    fn a_case_is_a_reference_and_not_personal() {
        for valid in ["DP-2026-0419", "a", "retention/2026-11-29"] {
            assert_eq!(check_case(valid), Ok(()), "{valid}");
        }
        for invalid in ["", "John Smith", "a@b.uk", &"x".repeat(33), "9434765919"] {
            assert!(check_case(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn rows_are_grouped_by_partition_and_epoch_and_split_before_an_entry_is_too_large() {
        let at = |partition, era, offset| {
            let topic = "police.events.v1".to_owned();
            (
                TopicPartition { topic, partition },
                Position { era, offset },
            )
        };
        let mut found = FoundRows {
            accepted: [at(0, 0, 5), at(0, 1, 5), at(1, 0, 7)].into(),
            rejected: [at(0, 0, 6)].into(),
            ..FoundRows::default()
        };
        let parts = found.parts();
        assert_eq!(parts.len(), 1);
        let texts = parts[0].iter().map(|rows| {
            (
                rows.partition,
                rows.era,
                rows.offsets.to_string(),
                rows.accepted,
                rows.rejected,
            )
        });
        let expected = [
            (0, 0, "5-6".to_owned(), 1, 1),
            (0, 1, "5".to_owned(), 1, 0),
            (1, 0, "7".to_owned(), 1, 0),
        ];
        assert_eq!(texts.collect::<Vec<_>>(), expected);
        found.accepted = (0..=POSITIONS_MAX as i64)
            .map(|n| at(0, 0, 2 * n))
            .collect();
        let parts = found.parts();
        let counts = parts
            .iter()
            .map(|rows| rows.iter().map(|r| r.accepted + r.rejected).sum());
        let counts: Vec<u64> = counts.collect();
        assert_eq!(counts, [POSITIONS_MAX as u64, 2 - 1]);
    }
}
