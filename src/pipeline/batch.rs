//! One batch: validates a partition's records, gathers rows and rejects, and encodes both as files.
//!
//! Rows are encoded a few thousand at a time, so that a batch in memory is mostly compressed. It
//! must not know when a batch is flushed ([`super::flush`]) or how it is committed.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use bytes::Bytes;

use super::breaker::Breaker;
use super::flush::BatchFill;
use super::messages::BatchTally;
use crate::consume::Message;
use crate::contract::{Incoming, KnownTexts, Rejection, TopicRules, judge};
use crate::event::{Micros, Position};
use crate::ledger::journal::BatchFiles;
use crate::ledger::{self, Encoder, Footer, Gap, LedgerError};
use crate::normalise::{Coordinates, RowBuilder};
use crate::reference::{CodeCheck, Reference};
use crate::rejects::RejectsBuilder;
use crate::watch::{self, OldestRecord, PartnerCounts};

/// Rows that are encoded together: their columns fit in the processor's caches.
const ENCODE_ROWS: usize = 8192;
/// Bytes of rejects, as they came, that are encoded together.
const ENCODE_REJECTS_BYTES: usize = 4 << 20;

/// The batch of a partition that is being gathered.
pub(super) struct OpenBatch {
    rules: Arc<TopicRules>,
    reference: Arc<Reference>,
    breaker: Arc<Breaker>,
    codes: CodeCheck,
    known: KnownTexts,
    /// Where the batch starts.
    from: Position,
    /// The offset after its last record.
    next: i64,
    rows: RowBuilder,
    /// The rows before those, encoded.
    encoded: Option<Encoder>,
    rejects: RejectsBuilder,
    /// The rejects before those, encoded.
    rejects_encoded: Option<Encoder>,
    /// Bytes of the encoded rejects, as they came.
    rejects_encoded_raw: usize,
    tally: BatchTally,
    /// Bytes in memory.
    bytes: usize,
}

/// Where a batch comes from.
pub(super) struct BatchSource<'s> {
    pub(super) cluster_id: &'s str,
    pub(super) topic_id: &'s str,
    /// The first offset that was fetched of the partition.
    pub(super) first_offset: i64,
}

impl OpenBatch {
    /// An empty batch that starts at a position.
    pub(super) fn new(
        rules: Arc<TopicRules>,
        reference: Arc<Reference>,
        breaker: Arc<Breaker>,
        from: Position,
    ) -> Self {
        Self {
            rules,
            reference,
            breaker,
            codes: CodeCheck::default(),
            known: KnownTexts::default(),
            from,
            next: from.offset,
            rows: RowBuilder::default(),
            encoded: None,
            rejects: RejectsBuilder::default(),
            rejects_encoded: None,
            rejects_encoded_raw: 0,
            tally: BatchTally::default(),
            bytes: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tally.records() == 0
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The offset after its last record.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    pub(super) fn oldest(&self) -> Option<OldestRecord> {
        self.tally.oldest
    }

    /// How much it contains; `flush_at` is the offset at which it is to be flushed.
    pub(super) fn fill(&self, flush_at: Option<i64>) -> BatchFill {
        BatchFill {
            records: self.tally.records() as usize,
            bytes: self.bytes,
            reject_bytes: self.rejects_encoded_raw + self.rejects.bytes(),
            oldest_read: self.tally.oldest.map(|oldest| oldest.read),
            reached_target: flush_at.is_some_and(|offset| self.next >= offset),
        }
    }

    /// The log has no record below this offset that is not in the batch.
    pub(super) fn skip_to(&mut self, offset: i64) {
        self.next = self.next.max(offset);
    }

    /// Validates a partition's next records.
    pub(super) fn append(&mut self, messages: &[Message]) -> Result<(), LedgerError> {
        self.tally
            .partners
            .resize(self.rules.partners.len() + 1, PartnerCounts::default());
        let (mut headers, clock) = (Vec::new(), watch::now());
        for message in messages {
            self.append_one(message, clock, &mut headers);
        }
        if self.rows.len() >= ENCODE_ROWS {
            encode(&mut self.encoded, &self.rows.finish())?;
        }
        if self.rejects.bytes() >= ENCODE_REJECTS_BYTES {
            self.rejects_encoded_raw += self.rejects.bytes();
            encode(&mut self.rejects_encoded, &self.rejects.finish())?;
        }
        let encoded = [&self.encoded, &self.rejects_encoded]
            .into_iter()
            .flatten()
            .map(Encoder::bytes);
        let gathered = self.rows.bytes() + self.rejects.bytes() + self.known.memory();
        self.bytes = gathered + encoded.sum::<usize>();
        Ok(())
    }

    /// Validates one record: it becomes a row or a reject.
    fn append_one<'m>(
        &mut self,
        message: &'m Message,
        clock: Micros,
        headers: &mut Vec<(&'m str, Option<&'m [u8]>)>,
    ) {
        let offset = message.offset();
        if offset < self.next {
            return; // read before: fetched again after a seek
        }
        self.next = offset + 1;
        message.headers(headers);
        let incoming = Incoming {
            value: message.value(),
            key: message.key(),
            headers,
            received: message.received(),
            clock,
        };
        // A reject needs a time too, for its month and for the age of the newest record.
        let received = if incoming.is_received_in_future() {
            clock
        } else {
            incoming.received
        };
        let at = Coordinates {
            position: self.from.at(offset),
            received,
        };
        self.tally.has_publisher_times |= message.has_publisher_time();
        self.tally.oldest.get_or_insert_with(|| OldestRecord {
            read: Instant::now(),
            received: at.received,
        });
        self.tally.last = at.received;
        let (rules, breaker, rows) = (&self.rules, &*self.breaker, &mut self.rows);
        let (reference, codes) = (&*self.reference, &mut self.codes);
        let judged = judge(
            &incoming,
            rules,
            &|source| breaker.is_paused(source),
            &mut self.known,
            |record| {
                breaker.accepted(record.source);
                codes.add(reference, record);
                rows.append(at, record);
                rules.partner(record.source)
            },
        );
        match judged {
            Ok(partner) => {
                let index = partner.unwrap_or(self.rules.partners.len());
                self.tally.accepted += 1;
                self.tally.partners[index].accepted.add(message.size());
            }
            Err(rejection) => self.reject(at, &incoming, &rejection),
        }
    }

    fn reject(&mut self, at: Coordinates, record: &Incoming<'_>, rejection: &Rejection) {
        self.breaker.rejected(rejection, at.received);
        let partners = &self.rules.partners;
        let index = partners
            .iter()
            .position(|partner| rejection.partner.as_ref() == Some(partner))
            .unwrap_or(partners.len());
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        self.tally.partners[index].rejected.add(bytes);
        *self.tally.rejected.entry(rejection.reason).or_default() += 1;
        self.rejects.append(
            at.position,
            at.received,
            rejection,
            record.key,
            record.value,
            record.headers.iter().copied(),
        );
    }

    /// The files of what was gathered; the next batch starts after it.
    pub(super) fn seal(
        &mut self,
        source: &BatchSource<'_>,
    ) -> Result<(BatchFiles, BatchTally), LedgerError> {
        let mut tally = std::mem::take(&mut self.tally);
        tally.unknown_codes = self.codes.take();
        self.known = KnownTexts::default();
        let mut footer = self.footer(&tally, source);
        let mut rejects = None;
        if tally.rejected_total() > 0 {
            let name = ledger::rejects_name(self.from, &footer.attempt);
            footer.rejects.push(name.clone());
            let bytes = file(self.rejects_encoded.take(), &self.rejects.finish(), &footer)?;
            rejects = Some((name, bytes));
        }
        let rows = file(self.encoded.take(), &self.rows.finish(), &footer)?;
        tally.bytes = (rows.len() + rejects.as_ref().map_or(0, |(_, bytes)| bytes.len())) as u64;
        self.from = footer.next;
        (self.bytes, self.rejects_encoded_raw) = (0, 0);
        let files = BatchFiles {
            footer,
            rows,
            rejects,
        };
        Ok((files, tally))
    }

    fn footer(&self, tally: &BatchTally, source: &BatchSource<'_>) -> Footer {
        let mut footer = Footer {
            cluster_id: source.cluster_id.to_owned(),
            topic_id: source.topic_id.to_owned(),
            read: tally.records(),
            accepted: tally.accepted,
            rejected: tally.rejected_total(),
            ..Footer::attempt(self.from, self.from.at(self.next))
        };
        if self.from.is_era_start() && source.first_offset > 0 {
            // Nothing was read before: this ledger's knowledge begins at the broker's first
            // offset.
            footer.gaps.push(Gap {
                from: self.from,
                to: self.from.at(source.first_offset),
                reason: "expired".to_owned(),
                accepted_by: "first start".to_owned(),
            });
        }
        footer
    }
}

/// Adds rows to what is encoded.
fn encode(to: &mut Option<Encoder>, rows: &RecordBatch) -> Result<(), LedgerError> {
    let encoder = match to {
        Some(encoder) => encoder,
        none => none.insert(Encoder::new(&rows.schema())?),
    };
    encoder.write(rows)
}

/// What is encoded, and the rows after it, as a file.
fn file(
    mut encoded: Option<Encoder>,
    rows: &RecordBatch,
    footer: &Footer,
) -> Result<Bytes, LedgerError> {
    encode(&mut encoded, rows)?;
    encoded
        .expect("encode makes one where there is none")
        .finish(footer)
}
