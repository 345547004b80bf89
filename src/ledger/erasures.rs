//! The erasure log: the positions that no reader may return, and the claims that their bytes are gone.
//!
//! An entry is a file `erasures/<number>.json`, numbered from 1 without gaps. It is created only if
//! absent, and creating it is the commit. Each entry has the checksum of the one before, so nobody
//! can add or remove one unnoticed. It must not know how rows are found or removed, and an entry
//! contains no value of a record. The invariant: a position that was erased once stays erased,
//! also while files still contain it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::attempt;
use crate::event::{Micros, Month, Position, TopicPartition};
use crate::file_format::{self, JsonFileError, NewerFile};
use crate::hex;
use crate::ledger::{CREATE_PAUSE, CREATES_MAX};
use crate::storage::{Creation, StorageError, Store};

/// The folder of the log.
pub const FOLDER: &str = "erasures";

/// Entries read at once.
const ENTRIES_AT_ONCE: usize = 16;

/// The most positions in an entry, each of 20 characters at most: an entry stays below 1 MiB.
pub const POSITIONS_MAX: usize = 40_000;

/// Why the log could not be read or continued.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum ErasureError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Newer(#[from] NewerFile),
    #[error("the erasure log lacks `{0}`: restore the folder `erasures` from the newest backup")]
    Missing(String),
    #[error("cannot read `{path}`: {fault}; restore the folder `erasures` from the newest backup")]
    Damaged { path: String, fault: String },
    #[error(
        "cannot find out whether `{path}` was created, after {CREATES_MAX} attempts; start again: \
         nothing is lost"
    )]
    Unsettled { path: String },
}

impl ErasureError {
    /// The file that breaks a rule; `None` if it could not be reached.
    pub(crate) fn file(&self) -> Option<&str> {
        match self {
            Self::Newer(newer) => Some(&newer.path),
            Self::Missing(path) | Self::Damaged { path, .. } => Some(path),
            Self::Storage(_) | Self::Unsettled { .. } => None,
        }
    }

    /// What is wrong with that file, without its name.
    pub(crate) fn fault(&self) -> String {
        match self {
            Self::Newer(newer) => newer.fault(),
            Self::Missing(_) => "is missing, although a later entry exists".to_owned(),
            Self::Damaged { fault, .. } => fault.clone(),
            Self::Storage(_) | Self::Unsettled { .. } => self.to_string(),
        }
    }
}

type Result<T, E = ErasureError> = std::result::Result<T, E>;

/// Why records are erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureReason {
    /// UK GDPR, article 17: a person asked for it.
    #[serde(rename = "art-17")]
    Art17,
    /// Data Protection Act 2018, section 47: law enforcement.
    #[serde(rename = "s-47")]
    S47,
    /// A court ordered it.
    CourtOrder,
    /// The partner sent it by mistake.
    SentInError,
    /// Its retention period ended.
    Retention,
}

impl ErasureReason {
    /// Those that an operator may name.
    pub const BY_REQUEST: [Self; 4] = [Self::Art17, Self::S47, Self::CourtOrder, Self::SentInError];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Art17 => "art-17",
            Self::S47 => "s-47",
            Self::CourtOrder => "court-order",
            Self::SentInError => "sent-in-error",
            Self::Retention => "retention",
        }
    }
}

/// Where a partition's chain ended when a record was searched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenEnd {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The end position.
    pub end: Position,
}

/// Erased rows of one epoch of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedRows {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The epoch.
    pub era: u16,
    /// Their offsets.
    pub offsets: Offsets,
    /// How many of them were accepted.
    pub accepted: u64,
    /// How many of them were rejected.
    pub rejected: u64,
}

/// Offsets in order, as ranges of neighbours: `118,40211-40213`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Offsets(Vec<(i64, i64)>);

impl Offsets {
    /// Of offsets in any order.
    pub fn new(offsets: impl IntoIterator<Item = i64>) -> Self {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for offset in offsets.into_iter().collect::<BTreeSet<i64>>() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == offset => *last = offset,
                _ => ranges.push((offset, offset)),
            }
        }
        Self(ranges)
    }
}

impl From<Offsets> for String {
    fn from(offsets: Offsets) -> Self {
        offsets.to_string()
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Offsets {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Offsets {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FAULT: &str = "offsets must be ranges in order, such as 118,40211-40213";
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (i64, i64) =
                first.parse().ok().zip(last.parse().ok()).ok_or(FAULT)?;
            let after = ranges.last().map_or(-1, |(_, last)| *last);
            if first > last || first <= after {
                return Err(FAULT);
            }
            ranges.push((first, last));
        }
        Ok(Self(ranges))
    }
}

/// The first month that is kept of a partner's kind: the retention period of earlier ones ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotKept {
    /// The partner.
    pub partner: String,
    /// The kind of record.
    pub kind: String,
    /// The first month that is kept.
    pub kept_from: Month,
}

/// What retention erased: of each partner's kind, the first month that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptMonths(Vec<NotKept>);

impl KeptMonths {
    /// The first month of a partner's kind that is kept; none = all are.
    pub fn first(&self, partner: &str, kind: &str) -> Option<Month> {
        let of_kind = self.0.iter();
        let of_kind = of_kind.filter(|months| months.partner == partner && months.kind == kind);
        of_kind.map(|months| months.kept_from).max()
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureEntry {
    format: u32,
    /// Its number, from 1.
    pub number: u64,
    /// The checksum of the entry before; empty in the first.
    pub previous: String,
    /// What was erased: complete records.
    kind: String,
    /// Why.
    pub why: ErasureReason,
    /// The operator's reference.
    pub case: String,
    /// Who erased it.
    pub by: String,
    /// When.
    pub at: Micros,
    /// Distinguishes this entry from another's of the same number.
    attempt: String,
    /// Where the chains ended that were searched.
    pub seen: Vec<SeenEnd>,
    /// The erased rows.
    pub rows: Vec<ErasedRows>,
    /// The kinds whose retention period ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_kept: Vec<NotKept>,
}

/// What an entry states besides its place in the log.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// Why.
    pub why: ErasureReason,
    /// The operator's reference.
    pub case: String,
    /// When.
    pub at: Micros,
    /// Where the chains ended that were searched.
    pub seen: Vec<SeenEnd>,
    /// The erased rows.
    pub rows: Vec<ErasedRows>,
    /// The kinds whose retention period ended.
    pub not_kept: Vec<NotKept>,
}

/// The claim that everything up to an entry was removed from every file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    format: u32,
    /// The last entry that it covers.
    pub number: u64,
    /// When it was written.
    pub at: Micros,
    /// Where the merged part of each chain ended.
    pub ends: Vec<CertifiedEnd>,
    /// What was done.
    pub files: PurgedFiles,
    /// Folders of tables that were built again.
    pub tables: Vec<String>,
    /// Until when other places may have copies.
    pub copies: OtherCopies,
}

/// Until when other places may have copies of erased records, as dates (UTC).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherCopies {
    /// The topics in Kafka, by name.
    pub kafka: BTreeMap<String, CopyUntil>,
    /// Old versions of files in a bucket; none = it keeps none.
    pub versions_until: Option<String>,
    /// Backups; none = the settings do not state how long they are kept.
    pub backups_until: Option<String>,
}

/// Until when a topic may have a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyUntil {
    /// The date; none = not known, or for good.
    pub until: Option<String>,
    /// What says so.
    pub by: String,
}

/// Where the merged part of a chain ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedEnd {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The ledger end.
    pub ledger_end: Position,
}

/// The files that a purge replaced or removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgedFiles {
    /// Ledger files replaced.
    pub ledger: u64,
    /// Rejects files replaced.
    pub rejects: u64,
    /// Journal files removed that the ledger covers.
    pub journal_swept: u64,
    /// Rejects files removed that no file names.
    pub orphans_swept: u64,
    /// Files of killed writers removed.
    pub temporary_removed: u64,
}

impl Certificate {
    /// A certificate of everything up to an entry.
    pub fn new(number: u64, at: Micros, ends: Vec<CertifiedEnd>, files: PurgedFiles) -> Self {
        Self {
            format: file_format::ERASURES,
            number,
            at,
            ends,
            files,
            tables: Vec::new(),
            copies: OtherCopies::default(),
        }
    }

    /// Writes it, unless there is one of its number.
    pub async fn create(&self, store: &Store) -> Result<Creation> {
        let text = serde_json::to_string(self).expect("a certificate goes into JSON");
        let path = certificate_path(self.number);
        Ok(store.create(&path, Bytes::from(text + "\n")).await?)
    }
}

pub(super) fn entry_path(number: u64) -> String {
    format!("{FOLDER}/{number:010}.json")
}

fn certificate_path(number: u64) -> String {
    format!("{FOLDER}/{number:010}.done.json")
}

/// The number of a file of the log, from its name.
fn number_of(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending)?;
    (digits.len() == 10).then(|| digits.parse().ok())?
}

/// The log as it was read, from the first entry to the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasureLog {
    entries: Vec<Arc<ErasureEntry>>,
    /// The checksum of the last entry; empty without one.
    checksum: String,
}

impl ErasureLog {
    /// Reads the log to its end.
    pub async fn read(store: &Store) -> Result<Self> {
        let mut log = Self::default();
        // A list is only a hint, so that not every entry costs a request after the other.
        let listed = store.list(FOLDER).await?;
        let numbers = listed
            .iter()
            .filter_map(|file| number_of(&file.name, ".json"));
        let paths: Vec<String> = (1..=numbers.max().unwrap_or_default())
            .map(entry_path)
            .collect();
        let mut entries = futures::stream::iter(&paths)
            .map(|path| async move { Ok::<_, StorageError>((path, store.read(path).await?)) })
            .buffered(ENTRIES_AT_ONCE);
        while let Some((path, bytes)) = entries.try_next().await? {
            let bytes = bytes.ok_or_else(|| ErasureError::Missing(path.clone()))?;
            log.push(path, &bytes)?;
        }
        log.advance(store).await?;
        Ok(log)
    }

    /// Reads what was added since, entry by entry. Whether anything was.
    pub async fn advance(&mut self, store: &Store) -> Result<bool> {
        let before = self.end();
        loop {
            let path = entry_path(self.end() + 1);
            match store.read(&path).await? {
                Some(bytes) => self.push(&path, &bytes)?,
                None => return Ok(self.end() > before),
            }
        }
    }

    fn push(&mut self, path: &str, bytes: &Bytes) -> Result<()> {
        let damaged = |fault: String| ErasureError::Damaged {
            path: path.to_owned(),
            fault,
        };
        let entry: ErasureEntry = file_format::read_json(path, bytes, file_format::ERASURES)
            .map_err(|error| match error {
                JsonFileError::Newer(newer) => ErasureError::Newer(newer),
                JsonFileError::Damaged(error) => damaged(error.to_string()),
            })?;
        if entry.number != self.end() + 1 {
            return Err(damaged(format!("it states the number {}", entry.number)));
        }
        if entry.previous != self.checksum {
            let fault = "the checksum of the entry before does not match: an entry was changed";
            return Err(damaged(fault.to_owned()));
        }
        self.checksum = checksum(bytes);
        self.entries.push(Arc::new(entry));
        Ok(())
    }

    /// The number of the last entry; 0 without one.
    pub fn end(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Every entry, in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &ErasureEntry> {
        self.entries.iter().map(|entry| &**entry)
    }

    /// The partitions with an erased position.
    pub fn partitions(&self) -> BTreeSet<TopicPartition> {
        let rows = self.entries().flat_map(|entry| &entry.rows);
        rows.map(|rows| TopicPartition {
            topic: rows.topic.clone(),
            partition: rows.partition,
        })
        .collect()
    }

    /// What its entries left of each partner's kind.
    pub fn kept_months(&self) -> KeptMonths {
        let not_kept = self.entries().flat_map(|entry| &entry.not_kept);
        KeptMonths(not_kept.cloned().collect())
    }

    /// The erased positions of a partition.
    pub fn erased(&self, partition: &TopicPartition) -> ErasedPositions {
        self.erased_by(partition, self.end())
    }

    /// The positions of a partition that the entries up to a number erased.
    pub fn erased_by(&self, partition: &TopicPartition, number: u64) -> ErasedPositions {
        let mut ranges = Vec::new();
        for entry in self.entries().take_while(|entry| entry.number <= number) {
            let rows = entry.rows.iter().filter(|rows| {
                rows.topic == partition.topic && rows.partition == partition.partition
            });
            for rows in rows {
                ranges.extend(rows.offsets.0.iter().map(|&(first, last)| ErasedRange {
                    first: Position {
                        era: rows.era,
                        offset: first,
                    },
                    last,
                    entry: entry.number,
                }));
            }
        }
        ErasedPositions::new(ranges, self.end())
    }

    /// Appends an erasure. Whether its rows are erased is settled when this returns; after an error
    /// it is not, and the same erasure may be appended again.
    pub async fn append(&mut self, store: &Store, erasure: Erasure) -> Result<u64> {
        let attempt = attempt();
        loop {
            let entry = ErasureEntry {
                format: file_format::ERASURES,
                number: self.end() + 1,
                previous: self.checksum.clone(),
                kind: "record".to_owned(),
                why: erasure.why,
                case: erasure.case.clone(),
                by: "operator".to_owned(),
                at: erasure.at,
                attempt: attempt.clone(),
                seen: erasure.seen.clone(),
                rows: erasure.rows.clone(),
                not_kept: erasure.not_kept.clone(),
            };
            let text = serde_json::to_string(&entry).expect("an entry goes into JSON");
            let is_own =
                create_or_settle(store, &entry_path(entry.number), &Bytes::from(text)).await?;
            self.advance(store).await?;
            if is_own {
                return Ok(entry.number);
            }
        }
    }
}

/// Whether the log has an entry after a number.
pub(super) async fn has_entry_after(store: &Store, number: u64) -> Result<bool> {
    Ok(store.exists(&entry_path(number + 1)).await?)
}

/// The checksum of an entry, as the next one states it.
fn checksum(bytes: &Bytes) -> String {
    format!("sha256:{}", hex::sha256(bytes))
}

/// Creates an entry, until it is known whether the name contains these bytes. While the name is
/// absent, the same bytes are sent again: the next number would leave a gap if the first create
/// arrived late.
async fn create_or_settle(store: &Store, path: &str, bytes: &Bytes) -> Result<bool> {
    let mut pause = CREATE_PAUSE;
    for _ in 0..CREATES_MAX {
        if let Ok(Creation::Created) = store.create(path, bytes.clone()).await {
            return Ok(true);
        }
        if let Ok(Some(found)) = store.read(path).await {
            store.sync_folder(FOLDER).await?;
            return Ok(found == bytes);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Err(ErasureError::Unsettled {
        path: path.to_owned(),
    })
}

/// The certificates of a store by number.
pub async fn certificates(store: &Store) -> Result<BTreeMap<u64, Certificate>> {
    let mut found = BTreeMap::new();
    for file in store.list(FOLDER).await? {
        let Some(number) = number_of(&file.name, ".done.json") else {
            continue;
        };
        let path = certificate_path(number);
        let Some(bytes) = store.read(&path).await? else {
            continue;
        };
        let certificate =
            file_format::read_json(&path, &bytes, file_format::ERASURES).map_err(|error| {
                match error {
                    JsonFileError::Newer(newer) => ErasureError::Newer(newer),
                    JsonFileError::Damaged(error) => ErasureError::Damaged {
                        path,
                        fault: error.to_string(),
                    },
                }
            })?;
        found.insert(number, certificate);
    }
    Ok(found)
}

/// Erased positions next to each other, in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ErasedRange {
    first: Position,
    /// The last offset.
    last: i64,
    /// The last entry that erased one of them.
    entry: u64,
}

impl ErasedRange {
    fn end(&self) -> Position {
        self.first.at(self.last + 1)
    }
}

/// The erased positions of a partition, as the log had them at some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedPositions {
    /// In order, without overlaps.
    ranges: Arc<[ErasedRange]>,
    /// The end of the log.
    log: u64,
}

impl ErasedPositions {
    fn new(mut ranges: Vec<ErasedRange>, log: u64) -> Self {
        ranges.sort_unstable();
        let mut joined: Vec<ErasedRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match joined.last_mut() {
                Some(before) if range.first < before.end() => {
                    before.last = before.last.max(range.last);
                    before.entry = before.entry.max(range.entry);
                }
                _ => joined.push(range),
            }
        }
        Self {
            ranges: joined.into(),
            log,
        }
    }

    /// The end of the log that was read.
    pub const fn log(&self) -> u64 {
        self.log
    }

    /// Whether a position is erased.
    pub fn contains(&self, position: Position) -> bool {
        let after = self.ranges.partition_point(|range| range.first <= position);
        let range = after.checked_sub(1).map(|index| self.ranges[index]);
        range.is_some_and(|range| position < range.end())
    }

    /// The last erased position.
    pub fn last(&self) -> Option<Position> {
        self.ranges.last().map(|range| range.first.at(range.last))
    }

    /// The ranges with a position from one to another.
    fn between(&self, from: Position, next: Position) -> &[ErasedRange] {
        let start = self.ranges.partition_point(|range| range.end() <= from);
        let end = self.ranges.partition_point(|range| range.first < next);
        &self.ranges[start..end.max(start)]
    }

    /// How many positions from one to another are erased.
    pub fn count(&self, from: Position, next: Position) -> u64 {
        let ranges = self.between(from, next).iter();
        let positions = ranges.map(|range| {
            let last = if range.first.era == next.era {
                range.last.min(next.offset - 1)
            } else {
                range.last
            };
            let first = if range.first.era == from.era {
                range.first.offset.max(from.offset)
            } else {
                range.first.offset
            };
            (last - first + 1).max(0) as u64
        });
        positions.sum()
    }

    /// Whether a file that covers these positions may contain rows that entries after a number
    /// erased: the last entry that the file was purged of.
    pub fn are_in(&self, from: Position, next: Position, purged: u64) -> bool {
        self.between(from, next)
            .iter()
            .any(|range| range.entry > purged)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::kit::batches::{at, partition};

    fn memory() -> Store {
        Store::from_object_store(Arc::new(InMemory::new()))
    }

    fn erasure(offsets: &[i64]) -> Erasure {
        let TopicPartition { topic, partition } = partition();
        Erasure {
            why: ErasureReason::Art17,
            case: "DP-2026-0419".to_owned(),
            at: Micros(0),
            seen: vec![SeenEnd {
                topic: topic.clone(),
                partition,
                end: at(100),
            }],
            rows: vec![ErasedRows {
                topic,
                partition,
                era: 0,
                offsets: Offsets::new(offsets.iter().copied()),
                accepted: offsets.len() as u64,
                rejected: 0,
            }],
            not_kept: Vec::new(),
        }
    }

    #[test]
    fn offsets_are_written_as_ranges_and_read_back() {
        let offsets = Offsets::new([40_213, 118, 40_211, 40_212, 118]);
        assert_eq!(offsets.to_string(), "118,40211-40213");
        assert_eq!("118,40211-40213".parse(), Ok(offsets));
        for broken in ["", "5,4", "4-3", "1-3,3", "a", "-1"] {
            assert!(broken.parse::<Offsets>().is_err(), "{broken}");
        }
    }

    #[tokio::test]
    async fn entries_are_numbered_from_1_and_each_has_the_checksum_of_the_one_before() {
        let store = memory();
        let mut log = ErasureLog::read(&store).await.expect("an empty log");
        assert_eq!(log.end(), 0);
        let mut other = log.clone();
        assert_eq!(log.append(&store, erasure(&[3])).await.expect("created"), 1);
        // Another process that has not read the first entry.
        assert_eq!(
            other
                .append(&store, erasure(&[5, 6]))
                .await
                .expect("created"),
            2
        );
        assert_eq!(log.advance(&store).await.ok(), Some(true));
        assert_eq!(log, other);
        assert_eq!(ErasureLog::read(&store).await.expect("read"), log);
        let erased = log.erased(&partition());
        let found: Vec<i64> = (0..9)
            .filter(|offset| erased.contains(at(*offset)))
            .collect();
        assert_eq!(found, [3, 5, 6]);
        assert_eq!(erased.last(), Some(at(6)));
        assert_eq!(erased.count(at(0), at(6)), 2);
        assert!(erased.are_in(at(4), at(7), 1) && !erased.are_in(at(4), at(7), 2));
        assert!(!erased.are_in(at(4), at(5), 0) && !erased.are_in(at(0), at(4), 1));
        assert_eq!(log.erased_by(&partition(), 1).last(), Some(at(3)));
    }

    #[tokio::test]
    async fn an_entry_that_is_missing_or_was_changed_is_an_error() {
        let store = memory();
        let mut log = ErasureLog::default();
        for offset in 0..3 {
            log.append(&store, erasure(&[offset]))
                .await
                .expect("created");
        }
        let first = store
            .read(&entry_path(1))
            .await
            .expect("read")
            .expect("there");
        let text = String::from_utf8(first.to_vec()).expect("UTF-8");
        let changed = text.replace("DP-2026-0419", "DP-2026-0418");
        store
            .replace(&entry_path(1), changed.into())
            .await
            .expect("replaced");
        let error = ErasureLog::read(&store).await.expect_err("changed");
        assert_eq!(error.file(), Some("erasures/0000000002.json"));
        store
            .replace(&entry_path(1), first)
            .await
            .expect("replaced");
        store.delete(&entry_path(2)).await.expect("deleted");
        let error = ErasureLog::read(&store).await.expect_err("missing");
        assert_eq!(
            error.to_string(),
            "the erasure log lacks `erasures/0000000002.json`: restore the folder `erasures` from the \
             newest backup"
        );
    }

    #[tokio::test]
    async fn a_certificate_is_written_once() {
        let store = memory();
        let first = Certificate::new(1, Micros(0), Vec::new(), PurgedFiles::default());
        assert_eq!(first.create(&store).await.ok(), Some(Creation::Created));
        let second = Certificate::new(1, Micros(9), Vec::new(), PurgedFiles::default());
        assert_eq!(second.create(&store).await.ok(), Some(Creation::Exists));
        let found = certificates(&store).await.expect("read");
        assert_eq!(found.into_values().collect::<Vec<_>>(), [first]);
        assert_eq!(ErasureLog::read(&store).await.expect("read").end(), 0);
    }

    #[test]
    fn erasures_of_the_same_positions_count_once() {
        let range = |first, last, entry| ErasedRange {
            first: at(first),
            last,
            entry,
        };
        let erased =
            ErasedPositions::new(vec![range(5, 9, 1), range(2, 5, 2), range(20, 20, 3)], 3);
        assert_eq!(erased.count(at(0), at(100)), 9);
        assert_eq!(erased.count(at(4), at(6)), 2);
        assert_eq!(erased.count(at(10), at(20)), 0);
        let next_epoch = Position { era: 1, offset: 0 };
        assert_eq!(erased.count(at(9), next_epoch), 2);
    }
}
