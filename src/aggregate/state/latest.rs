//! Which row is the state of its record: the highest revision, then the latest time, then the first
//! received.
//!
//! A record is known by the 128-bit hash of its source and subject, so that ten million of them fit
//! in half a gigabyte; two of a hundred million share a hash with a chance of 1 in 10^22. Rows of
//! one file, and files of one partition, are in order of arrival, so a row's place decides between
//! rows received at one instant, and a replay changes nothing.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampMicrosecondArray};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::intake::AcceptedRows;
use crate::aggregate::state::calendar::Calendar;
use crate::aggregate::state::files::{Files, Part};
use crate::aggregate::state::releases::{RecordRelease, Releases};
use crate::contract::columns::COLUMNS;
use crate::contract::record::partner_of;
use crate::event::{Feed, Kind, Micros};
use crate::ledger::columns::TextColumn;
use crate::normalise::RECEIVED;
use crate::reference::Partners;

/// The columns that decide: which row is the state of its record, which release counts, and whose
/// rows they are.
const READ: [&str; 9] = [
    "source",
    COLUMNS.feed.name(),
    "subject",
    "revision",
    "time",
    "received",
    COLUMNS.kind.name(),
    COLUMNS.occurred_from.name(),
    COLUMNS.cancellation_reason.name(),
];

/// A row; among the entries of records, the best row of a record so far.
#[derive(Clone, Copy)]
struct Entry {
    record: [u64; 2],
    time: i64,
    received: i64,
    revision: i32,
    file: u32,
    row: u32,
    /// The day of the first receipt of any revision (Europe/London), in days since 1970.
    first_day: u16,
    /// Whether another revision was seen.
    revised: bool,
}

/// A bit for each row of a file.
#[derive(Clone, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    fn new(len: u64) -> Self {
        Self(vec![0; len.div_ceil(64) as usize])
    }

    fn set(&mut self, row: usize) {
        self.0[row / 64] |= 1 << (row % 64);
    }

    pub(crate) fn get(&self, row: usize) -> bool {
        self.0[row / 64] & (1 << (row % 64)) != 0
    }
}

/// The latest rows of every file.
pub(crate) struct Latest {
    best: Vec<Bits>,
    revised: Vec<Bits>,
    /// The rows that met another one of their record and revision, when that was the highest.
    repeated: Vec<Bits>,
    /// For each row of every file that is the state of its record, the day it was first received.
    first_days: Vec<Vec<u16>>,
    /// Which release of a month counts.
    pub(crate) releases: Releases,
    /// Accepted rows by partner and feed.
    pub(crate) accepted: BTreeMap<(String, Feed), AcceptedRows>,
    /// Records there are.
    pub(crate) records: usize,
    /// Rows that count.
    pub(crate) rows: u64,
    /// The newest receipt, in microseconds since 1970.
    pub(crate) newest_received: Option<i64>,
}

impl Latest {
    /// Reads the identity of every row.
    /// Only what was received by `as_at` counts.
    pub(crate) fn find(
        files: &Files<'_>,
        as_at: Option<Micros>,
        partners: &Partners,
        progress: impl FnMut(u64),
    ) -> Result<Self, AggregateError> {
        let [latest] = Self::find_each(files, [as_at], partners, progress)?;
        Ok(latest)
    }

    /// The same as at several times, in one pass.
    pub(crate) fn find_each<const N: usize>(
        files: &Files<'_>,
        as_at: [Option<Micros>; N],
        partners: &Partners,
        mut progress: impl FnMut(u64),
    ) -> Result<[Self; N], AggregateError> {
        let mut records = as_at.map(|as_at| Records::new(&files.rows, as_at));
        let mut reader = EntryReader::default();
        let read = |part: &Part| reader.read(part);
        files.for_each_prepared(&READ, read, |part, entries| {
            for records in &mut records {
                records.add(part, &entries, partners);
            }
            progress(part.batch.num_rows() as u64);
            Ok(())
        })?;
        Ok(records.map(|records| Self::from_records(files, records)))
    }

    fn from_records(files: &Files<'_>, records: Records) -> Self {
        let mut best: Vec<Bits> = files.rows.iter().map(|rows| Bits::new(*rows)).collect();
        let mut revised = best.clone();
        let mut first_days: Vec<Vec<u16>> = files
            .rows
            .iter()
            .map(|rows| vec![0; *rows as usize])
            .collect();
        for entry in &records.entries {
            first_days[entry.file as usize][entry.row as usize] = entry.first_day;
            best[entry.file as usize].set(entry.row as usize);
            if entry.revised {
                revised[entry.file as usize].set(entry.row as usize);
            }
        }
        Self {
            best,
            revised,
            repeated: records.repeated,
            first_days,
            releases: records.releases,
            accepted: records.accepted,
            records: records.entries.len(),
            rows: records.rows,
            newest_received: records.newest_received,
        }
    }

    /// Whether a row is the state of its record.
    pub(crate) fn contains(&self, file: usize, row: usize) -> bool {
        self.best[file].get(row)
    }

    /// The day that record was first received, in days since 1970.
    pub(crate) fn first_day(&self, file: usize, row: usize) -> i32 {
        self.first_days[file][row].into()
    }

    /// Whether a row met another one of its record and revision: the contents of the two may differ.
    pub(crate) fn is_repeated(&self, file: usize, row: usize) -> bool {
        self.repeated[file].get(row)
    }

    /// Whether that record had another revision before.
    pub(crate) fn is_revised(&self, file: usize, row: usize) -> bool {
        self.revised[file].get(row)
    }
}

/// The records received by an instant, and their best rows.
struct Records {
    /// The instant, in microseconds since 1970.
    as_at: i64,
    /// As [`Latest::rows`].
    rows: u64,
    /// As [`Latest::newest_received`].
    newest_received: Option<i64>,
    index: HashTable<u32>,
    entries: Vec<Entry>,
    /// As [`Latest::repeated`].
    repeated: Vec<Bits>,
    calendar: Calendar,
    releases: Releases,
    /// As [`Latest::accepted`].
    accepted: BTreeMap<(String, Feed), AcceptedRows>,
}

impl Records {
    /// For files with these numbers of rows.
    fn new(files: &[u64], as_at: Option<Micros>) -> Self {
        let rows = files.iter().sum::<u64>() as usize;
        Self {
            as_at: as_at.map_or(i64::MAX, |at| at.0),
            rows: 0,
            newest_received: None,
            index: HashTable::with_capacity(rows),
            entries: Vec::with_capacity(rows),
            repeated: files.iter().map(|rows| Bits::new(*rows)).collect(),
            calendar: Calendar::default(),
            releases: Releases::default(),
            accepted: BTreeMap::new(),
        }
    }

    /// Adds the rows of a part that were received by the instant.
    fn add(&mut self, part: &Part, entries: &[Entry], partners: &Partners) {
        let mut published = ReleaseColumns::new(&part.batch);
        let feeds = TextColumn::new(&part.batch, COLUMNS.feed.name());
        let mut accepted = AcceptedBySource::default();
        for (row, entry) in entries.iter().enumerate() {
            if entry.received > self.as_at {
                continue;
            }
            self.rows += 1;
            self.newest_received = self.newest_received.max(Some(entry.received));
            accepted.add(published.sources.get(row), feeds.get(row), entry.received);
            let files = published.files(row, partners, &mut self.releases);
            if let Some((files, began)) = files.zip(published.began(row)) {
                self.releases.add(RecordRelease {
                    files,
                    month: self.calendar.at(began).month,
                    revision: entry.revision,
                });
            }
            self.insert(*entry);
        }
        accepted.add_to(&mut self.accepted);
    }

    fn insert(&mut self, new: Entry) {
        let entries = &mut self.entries;
        // The record's hash is as good as random: any part of it serves the table.
        let found = self
            .index
            .find(new.record[0], |i| entries[*i as usize].record == new.record);
        if let Some(&found) = found {
            let known = &mut entries[found as usize];
            if known.revision == new.revision {
                for (file, row) in [(known.file, known.row), (new.file, new.row)] {
                    self.repeated[file as usize].set(row as usize);
                }
            }
            return known.weigh(new);
        }
        let place = entries.len() as u32;
        entries.push(new);
        self.index
            .insert_unique(entries[place as usize].record[0], place, |i| {
                entries[*i as usize].record[0]
            });
    }
}

/// Reads the rows of parts as entries.
#[derive(Default)]
struct EntryReader {
    /// Where source and subject are joined for the hash.
    scratch: Vec<u8>,
    calendar: Calendar,
}

impl EntryReader {
    fn read(&mut self, part: &Part) -> Result<Vec<Entry>, AggregateError> {
        let batch = &part.batch;
        let identity = IdentityColumns::new(batch)?;
        let revisions = part.primitives::<Int32Type>(COLUMNS.revision.name())?;
        let times = part.primitives::<TimestampMicrosecondType>(COLUMNS.time.name())?;
        let receipts = part.primitives::<TimestampMicrosecondType>(RECEIVED)?;
        let entries = (0..batch.num_rows()).map(|row| {
            let received = receipts.value(row);
            let day = self.calendar.at(Micros(received)).day;
            Entry {
                record: identity.hash(&mut self.scratch, row),
                time: times.value(row),
                received,
                revision: revisions.value(row),
                file: part.file as u32,
                row: (part.first_row + row) as u32,
                first_day: day.clamp(0, u16::MAX.into()) as u16,
                revised: false,
            }
        });
        Ok(entries.collect())
    }
}

impl Entry {
    /// Keeps the better of two rows.
    fn weigh(&mut self, new: Self) {
        let newer = (new.revision, new.time).cmp(&(self.revision, self.time));
        let first_day = self.first_day.min(new.first_day);
        let revised = self.revised || newer != Ordering::Equal;
        let first = (new.received, new.file, new.row) < (self.received, self.file, self.row);
        if newer == Ordering::Greater || (newer == Ordering::Equal && first) {
            *self = new;
        }
        (self.revised, self.first_day) = (revised, first_day);
    }
}

/// The rows of a batch by source and feed: a batch has few sources.
#[derive(Default)]
struct AcceptedBySource<'b>(Vec<(&'b str, &'b str, AcceptedRows)>);

impl<'b> AcceptedBySource<'b> {
    #[inline]
    fn add(&mut self, source: Option<&'b str>, feed: Option<&'b str>, received: i64) {
        let (source, feed) = (source.unwrap_or_default(), feed.unwrap_or_default());
        let row = AcceptedRows {
            rows: 1,
            last_received: received,
        };
        let mut known = self.0.iter_mut();
        match known.find(|(s, f, _)| *s == source && *f == feed) {
            Some((.., rows)) => rows.add(row),
            None => self.0.push((source, feed, row)),
        }
    }

    fn add_to(self, all: &mut BTreeMap<(String, Feed), AcceptedRows>) {
        for (source, feed, rows) in self.0 {
            if let Some(feed) = Feed::from_name(feed) {
                let key = (partner_of(source).to_owned(), feed);
                all.entry(key).or_default().add(rows);
            }
        }
    }
}

/// The columns that identify the record of a row.
struct IdentityColumns<'b> {
    sources: TextColumn<'b>,
    subjects: TextColumn<'b>,
}

impl<'b> IdentityColumns<'b> {
    fn new(batch: &'b RecordBatch) -> Result<Self, AggregateError> {
        let column = |name| match TextColumn::new(batch, name) {
            TextColumn::Absent => Err(AggregateError::Column(name)),
            texts => Ok(texts),
        };
        Ok(Self {
            sources: column("source")?,
            subjects: column("subject")?,
        })
    }

    fn hash(&self, scratch: &mut Vec<u8>, row: usize) -> RecordId {
        let source = self.sources.get(row).unwrap_or_default();
        hash(scratch, source, self.subjects.get(row).unwrap_or_default())
    }
}

fn hash(scratch: &mut Vec<u8>, source: &str, subject: &str) -> RecordId {
    scratch.clear();
    scratch.extend_from_slice(source.as_bytes());
    scratch.push(0); // in no source
    scratch.extend_from_slice(subject.as_bytes());
    let hash = xxh3_128(scratch);
    [(hash >> 64) as u64, hash as u64]
}

/// The columns that show which release has a row.
struct ReleaseColumns<'b> {
    sources: TextColumn<'b>,
    kinds: TextColumn<'b>,
    began: Option<&'b TimestampMicrosecondArray>,
    cancelled: Option<&'b ArrayRef>,
    /// The files of the sources and kinds seen in this batch.
    known: Vec<(&'b str, &'b str, Option<usize>)>,
}

impl<'b> ReleaseColumns<'b> {
    fn new(batch: &'b RecordBatch) -> Self {
        Self {
            sources: TextColumn::new(batch, "source"),
            kinds: TextColumn::new(batch, COLUMNS.kind.name()),
            began: batch
                .column_by_name(COLUMNS.occurred_from.name())
                .and_then(|column| column.as_primitive_opt()),
            cancelled: batch.column_by_name(COLUMNS.cancellation_reason.name()),
            known: Vec::new(),
        }
    }

    /// The files that a row was published in; none if its source does not publish releases.
    fn files(&mut self, row: usize, partners: &Partners, releases: &mut Releases) -> Option<usize> {
        let (source, kind) = (self.sources.get(row)?, self.kinds.get(row)?);
        let mut known = self.known.iter();
        if let Some((_, _, files)) = known.find(|(s, k, _)| *s == source && *k == kind) {
            return *files;
        }
        let files = Kind::from_name(kind).and_then(|kind| releases.files(partners, source, kind));
        self.known.push((source, kind, files));
        files
    }

    /// When a row that is not a cancellation began.
    fn began(&self, row: usize) -> Option<Micros> {
        let is_cancelled = self.cancelled.is_some_and(|reasons| reasons.is_valid(row));
        let began = self
            .began
            .filter(|began| !is_cancelled && began.is_valid(row))?;
        Some(Micros(began.value(row)))
    }
}

/// A record's identity: the hash of its source and subject.
pub(crate) type RecordId = [u64; 2];

/// The identity of a record.
pub(crate) fn record_id(source: &str, subject: &str) -> RecordId {
    hash(&mut Vec::new(), source, subject)
}

/// The records that some rows of a batch are of.
pub(crate) fn identities(
    batch: &RecordBatch,
    rows: &[usize],
) -> Result<Vec<RecordId>, AggregateError> {
    let (identity, mut scratch) = (IdentityColumns::new(batch)?, Vec::new());
    Ok(rows
        .iter()
        .map(|row| identity.hash(&mut scratch, *row))
        .collect())
}
