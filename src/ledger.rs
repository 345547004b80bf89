//! The ledger: every record read, in a chain of Parquet files that are created once.
//!
//! This module names the files, and reads them and their [`Footer`]. It must not know what a row
//! contains beyond its coordinates (`era`, `offset`), so that the schema can grow without it. The
//! invariant: the footer alone states what a file covers; nothing else stores that.

pub mod chain;
mod checksum;
pub(crate) mod columns;
mod copy;
pub(crate) mod dictionary_writer;
#[cfg(test)]
mod earlier_store_tests;
mod encode;
pub mod erasures;
pub mod journal;
pub mod merge;
pub mod purge;
pub mod rules;
pub mod verify;
pub mod walk;

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array as _, ArrowPrimitiveType, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::statistics::Statistics;
use serde::{Deserialize, Serialize};

use columns::read_row_group;
pub use encode::{Encoder, encode};
use erasures::ErasedPositions;
use rules::LedgerRule;

use crate::event::{Micros, Position, TopicPartition};
use crate::file_format::{self, NewerFile, PROGRAM};
use crate::storage::{StorageError, Store, Tail};

/// The key of the format's number in every footer. The rows' schema only grows, by nullable columns.
const SCHEMA_KEY: &str = "schema";

/// Bytes read from the end of a file for its footer; more only if the footer is longer.
const FOOTER_BYTES: u64 = 64 * 1024;

/// Attempts to create one file whose outcome is unknown, before it is an error.
pub const CREATES_MAX: u32 = 8;
/// The pause before the second attempt; it doubles each time.
const CREATE_PAUSE: Duration = Duration::from_millis(20);

/// Why a file of the ledger could not be written or read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum LedgerError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Newer(#[from] NewerFile),
    #[error("cannot write rows as Parquet")]
    Encode(#[source] ParquetError),
    #[error("cannot read `{path}` as Parquet")]
    NotParquet { path: String, source: ParquetError },
    #[error("`{path}` is missing")]
    Missing { path: String },
    #[error("`{path}` does not match its checksum: it was changed after it was written")]
    Changed { path: String },
    #[error("the footer of `{path}` has no valid `{key}`")]
    Footer { path: String, key: &'static str },
    #[error("`{path}` has no column `{column}` of the type this version reads")]
    Column { path: String, column: &'static str },
}

impl LedgerError {
    /// The file that this version cannot read; `None` if it could not be reached.
    pub fn unreadable(&self) -> Option<&str> {
        match self {
            Self::Newer(newer) => Some(&newer.path),
            Self::NotParquet { path, .. }
            | Self::Missing { path }
            | Self::Changed { path }
            | Self::Footer { path, .. }
            | Self::Column { path, .. } => Some(path),
            Self::Storage(_) | Self::Encode(_) => None,
        }
    }

    /// The fault of that file, without its name.
    fn fault(&self) -> String {
        match self {
            Self::Newer(newer) => newer.fault(),
            Self::NotParquet { source, .. } => format!("cannot be read as Parquet: {source}"),
            Self::Changed { .. } => {
                "does not match its checksum: it was changed after it was written".to_owned()
            }
            Self::Footer { key, .. } => format!("the footer has no valid `{key}`"),
            Self::Column { column, .. } => {
                format!("has no column `{column}` of the type this version reads")
            }
            Self::Missing { .. } | Self::Storage(_) | Self::Encode(_) => self.to_string(),
        }
    }

    /// The rule that the file breaks.
    fn rule(&self) -> LedgerRule {
        match self {
            Self::Newer(_) => LedgerRule::Schema,
            _ => LedgerRule::Open,
        }
    }

    pub(crate) fn not_parquet(path: &str, source: impl Into<ParquetError>) -> Self {
        Self::NotParquet {
            path: path.to_owned(),
            source: source.into(),
        }
    }

    fn column(path: &str, column: &'static str) -> Self {
        Self::Column {
            path: path.to_owned(),
            column,
        }
    }
}

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// One of the three trees under the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// Merged journal files; never deleted.
    Ledger,
    /// Committed batches; deleted once merged.
    Journal,
    /// Records that broke their contract.
    Rejects,
}

impl Tree {
    /// Its folder under the root.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Journal => "journal",
            Self::Rejects => "rejects",
        }
    }

    /// The folder of one partition in this tree.
    pub fn folder(self, partition: &TopicPartition) -> String {
        format!(
            "{}/topic={}/partition={}",
            self.as_str(),
            encode_name(&partition.topic),
            partition.partition
        )
    }

    /// The file of one partition that starts at a position (of the ledger and the journal).
    pub fn file(self, partition: &TopicPartition, from: Position) -> String {
        format!("{}/{from}.parquet", self.folder(partition))
    }
}

/// The path of a rejects file, from its name.
pub fn rejects_file(partition: &TopicPartition, name: &str) -> String {
    format!("{}/{name}", Tree::Rejects.folder(partition))
}

/// The name of the rejects file of one attempt.
pub fn rejects_name(from: Position, attempt: &str) -> String {
    format!("{from}-{attempt}.parquet")
}

/// The position where a rejects file starts, from its name.
pub fn rejects_position(name: &str) -> Option<Position> {
    let (from, _attempt) = name.strip_suffix(".parquet")?.rsplit_once('-')?;
    from.parse().ok()
}

/// A new attempt id: sixteen random hexadecimal digits.
pub fn attempt() -> String {
    format!("{:016x}", crate::storage::random())
}

/// The position where a file of the journal or the ledger starts, from its name.
fn file_position(name: &str) -> Option<Position> {
    name.strip_suffix(".parquet")?.parse().ok()
}

/// A topic's name as the name of a folder. Names that are valid in Kafka stay as they are.
fn encode_name(topic: &str) -> String {
    use std::fmt::Write as _;
    topic.bytes().fold(String::new(), |mut name, byte| {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            name.push(char::from(byte));
        } else {
            write!(name, "%{byte:02X}").expect("writing to a string cannot fail");
        }
        name
    })
}

fn decode_name(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|topic| encode_name(topic) == name)
}

/// An accepted loss: offsets that were declared lost, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first position that is lost.
    #[serde(with = "position_text")]
    pub from: Position,
    /// The first position after the loss.
    #[serde(with = "position_text")]
    pub to: Position,
    /// Why they are lost: `expired`, `recreated`.
    pub reason: String,
    /// Who accepted the loss.
    pub accepted_by: String,
}

mod position_text {
    use super::{Deserialize, Position};

    pub(super) fn serialize<S: serde::Serializer>(
        position: &Position,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_str(position)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        d: D,
    ) -> Result<Position, D::Error> {
        std::borrow::Cow::<str>::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The facts about a file, in its key-value metadata: values are plain text, the gaps JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// The position where the file starts: its name.
    pub from: Position,
    /// The position where the next file starts.
    pub next: Position,
    /// The attempt to create it: separates one writer's file from another's.
    pub attempt: String,
    /// The Kafka cluster's id; empty if the broker does not report it.
    pub cluster_id: String,
    /// The topic's id in Kafka; empty if the broker does not report it.
    pub topic_id: String,
    /// Records read from Kafka.
    pub read: u64,
    /// Rows of this file.
    pub accepted: u64,
    /// Rows of its rejects files.
    pub rejected: u64,
    /// Names of its rejects files.
    pub rejects: Vec<String>,
    /// Accepted losses inside the file.
    pub gaps: Vec<Gap>,
    /// The program that wrote it.
    pub program: String,
    /// The version of its row schema.
    pub schema: String,
    /// What a purge removed; `None` if the file is as it was first written.
    pub purged: Option<Purged>,
}

/// What purges removed from a file, and the one that wrote it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Rows removed from the file and its rejects files.
    pub erased: u64,
    /// The last entry of the erasure log whose rows were removed.
    pub log: u64,
    /// The attempt to replace the file.
    pub purge: String,
}

impl Footer {
    /// Rows that purges removed from the file and its rejects files.
    pub fn erased(&self) -> u64 {
        self.purged.as_ref().map_or(0, |purged| purged.erased)
    }

    /// Whether the file may contain rows that are erased.
    pub fn may_contain(&self, erased: &ErasedPositions) -> bool {
        let purged = self.purged.as_ref().map_or(0, |purged| purged.log);
        erased.are_in(self.from, self.next, purged)
    }

    /// The footer of a new attempt, with no records yet.
    pub fn attempt(from: Position, next: Position) -> Self {
        Self {
            from,
            next,
            attempt: attempt(),
            program: PROGRAM.to_owned(),
            schema: file_format::LEDGER.to_string(),
            ..Self::default()
        }
    }

    /// As Parquet's key-value metadata.
    pub fn to_key_values(&self) -> Vec<KeyValue> {
        let gaps = serde_json::to_string(&self.gaps).expect("text goes into JSON");
        let purged = self.purged.iter().flat_map(|purged| {
            [
                ("erased", purged.erased.to_string()),
                ("log", purged.log.to_string()),
                ("purge", purged.purge.clone()),
            ]
        });
        [
            ("from", self.from.to_string()),
            ("next", self.next.to_string()),
            ("attempt", self.attempt.clone()),
            ("cluster_id", self.cluster_id.clone()),
            ("topic_id", self.topic_id.clone()),
            ("read", self.read.to_string()),
            ("accepted", self.accepted.to_string()),
            ("rejected", self.rejected.to_string()),
            ("rejects", self.rejects.join(" ")),
            ("gaps", gaps),
            ("program", self.program.clone()),
            (SCHEMA_KEY, self.schema.clone()),
        ]
        .into_iter()
        .chain(purged)
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .collect()
    }

    /// From a file's metadata; `path` is for the error only.
    pub fn from_metadata(path: &str, metadata: &FileMetaData) -> Result<Self> {
        let pairs = metadata.key_value_metadata().into_iter().flatten();
        let pairs = FooterPairs {
            path,
            texts: pairs
                .filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
                .collect(),
        };
        let footer = Self {
            from: pairs.parse("from")?,
            next: pairs.parse("next")?,
            attempt: pairs.parse("attempt")?,
            cluster_id: pairs.parse("cluster_id")?,
            topic_id: pairs.parse("topic_id")?,
            read: pairs.parse("read")?,
            accepted: pairs.parse("accepted")?,
            rejected: pairs.parse("rejected")?,
            rejects: pairs
                .text("rejects")?
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
            gaps: serde_json::from_str(pairs.text("gaps")?).map_err(|_| pairs.invalid("gaps"))?,
            program: pairs.parse("program")?,
            schema: pairs.parse(SCHEMA_KEY)?,
            purged: pairs.purged()?,
        };
        // A chain that does not advance would be followed for ever.
        if footer.next > footer.from {
            Ok(footer)
        } else {
            Err(pairs.invalid("next"))
        }
    }
}

/// The key-value pairs of a file.
struct FooterPairs<'a> {
    path: &'a str,
    texts: HashMap<&'a str, &'a str>,
}

impl FooterPairs<'_> {
    fn text(&self, key: &'static str) -> Result<&str> {
        let text = self.texts.get(key).copied();
        text.ok_or_else(|| self.invalid(key))
    }

    fn parse<T: FromStr>(&self, key: &'static str) -> Result<T> {
        self.text(key)?.parse().map_err(|_| self.invalid(key))
    }

    fn purged(&self) -> Result<Option<Purged>> {
        if !self.texts.contains_key("log") {
            return Ok(None);
        }
        Ok(Some(Purged {
            erased: self.parse("erased")?,
            log: self.parse("log")?,
            purge: self.parse("purge")?,
        }))
    }

    fn invalid(&self, key: &'static str) -> LedgerError {
        LedgerError::Footer {
            path: self.path.to_owned(),
            key,
        }
    }
}

/// Checks a file against its checksum, reads its metadata and checks its schema. `path` is for the error only.
pub(crate) fn load(path: &str, bytes: &Bytes) -> Result<ArrowReaderMetadata> {
    checksum::check(path, bytes)?;
    // As a list, the statistics of page encodings survive a copy of the column.
    let options = ArrowReaderOptions::new().with_encoding_stats_as_mask(false);
    let metadata = ArrowReaderMetadata::load(bytes, options)
        .map_err(|error| LedgerError::not_parquet(path, error))?;
    check_schema(path, metadata.metadata().file_metadata())?;
    Ok(metadata)
}

/// Refuses a file whose rows a newer version has changed.
fn check_schema(path: &str, metadata: &FileMetaData) -> Result<()> {
    Ok(file_format::check_parquet(
        path,
        metadata,
        SCHEMA_KEY,
        file_format::LEDGER_PURGED,
    )?)
}

/// The rows of a file that are not erased, with the named columns, or all if none is named. `path`
/// is for the error only.
pub fn decode(
    path: &str,
    bytes: Bytes,
    columns: &[&str],
    erased: &ErasedPositions,
) -> Result<ParquetRecordBatchReader> {
    let metadata = load(path, &bytes)?;
    let kept = KeptRows::find(path, &bytes, &metadata, erased)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata);
    let mask = match columns {
        [] => ProjectionMask::all(),
        _ => ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied()),
    };
    let builder = match kept {
        KeptRows::All => builder,
        KeptRows::Of(groups) => {
            builder.with_row_selection(groups.into_iter().flatten().collect::<Vec<_>>().into())
        }
    };
    builder
        .with_projection(mask)
        .build()
        .map_err(|error| LedgerError::not_parquet(path, error))
}

/// The footer in the bytes of a file. `path` is for the error only.
fn footer_of(path: &str, bytes: &Bytes) -> Result<Footer> {
    Footer::from_metadata(path, load(path, bytes)?.metadata().file_metadata())
}

/// The positions of a file's rows, in order, also of erased ones. All columns are decoded, so that a
/// damaged one is found.
pub fn coordinates(path: &str, bytes: Bytes) -> Result<Vec<Position>> {
    let mut positions = Vec::new();
    for batch in decode(path, bytes, &[], &ErasedPositions::default())? {
        let batch = batch.map_err(|error| LedgerError::not_parquet(path, error))?;
        add_coordinates(path, &batch, &mut positions)?;
    }
    Ok(positions)
}

fn add_coordinates(path: &str, batch: &RecordBatch, positions: &mut Vec<Position>) -> Result<()> {
    let eras = numbers::<Int32Type>(path, batch, "era")?;
    let offsets = numbers::<Int64Type>(path, batch, "offset")?;
    for (&era, &offset) in eras.iter().zip(offsets) {
        let era = u16::try_from(era).map_err(|_| LedgerError::column(path, "era"))?;
        positions.push(Position { era, offset });
    }
    Ok(())
}

/// Rows decoded at once for their coordinates.
const COORDINATE_ROWS: usize = 65_536;

/// The rows of a file that are not erased. Every reader of rows goes through this.
pub(crate) enum KeptRows {
    /// All of them: nothing of the file needs to be compared.
    All,
    /// For each row group, which of its rows.
    Of(Vec<Vec<RowSelector>>),
}

impl KeptRows {
    /// Compares the positions of a file's rows with the erased ones. Which rows the file still has
    /// follows from the footer of the file as opened: it may have been replaced since the chain was
    /// read.
    pub(crate) fn find(
        path: &str,
        bytes: &Bytes,
        metadata: &ArrowReaderMetadata,
        erased: &ErasedPositions,
    ) -> Result<Self> {
        let footer = Footer::from_metadata(path, metadata.metadata().file_metadata())?;
        if !footer.may_contain(erased) {
            return Ok(Self::All);
        }
        let mut groups = Vec::new();
        for group in 0..metadata.metadata().num_row_groups() {
            let columns = ["era", "offset"];
            let batches = read_row_group(
                bytes,
                metadata,
                group,
                &columns,
                COORDINATE_ROWS,
                &Self::All,
            )
            .map_err(|error| LedgerError::not_parquet(path, error))?;
            let mut positions = Vec::new();
            for batch in batches {
                let batch = batch.map_err(|error| LedgerError::not_parquet(path, error))?;
                add_coordinates(path, &batch, &mut positions)?;
            }
            groups.push(select(&positions, erased));
        }
        Ok(Self::Of(groups))
    }

    /// The rows of a row group; `None` = all.
    pub(crate) fn selection(&self, row_group: usize) -> Option<RowSelection> {
        match self {
            Self::All => None,
            Self::Of(groups) => Some(groups[row_group].clone().into()),
        }
    }

    /// Whether a row group has an erased row.
    fn are_fewer(&self, row_group: usize) -> bool {
        match self {
            Self::All => false,
            Self::Of(groups) => groups[row_group].iter().any(|selector| selector.skip),
        }
    }
}

/// Runs of rows that are not erased, and of those that are.
fn select(positions: &[Position], erased: &ErasedPositions) -> Vec<RowSelector> {
    let mut selectors: Vec<RowSelector> = Vec::new();
    for position in positions {
        let skip = erased.contains(*position);
        match selectors.last_mut() {
            Some(last) if last.skip == skip => last.row_count += 1,
            _ if skip => selectors.push(RowSelector::skip(1)),
            _ => selectors.push(RowSelector::select(1)),
        }
    }
    selectors
}

/// The values of a column without nulls.
fn numbers<'b, T: ArrowPrimitiveType>(
    path: &str,
    batch: &'b RecordBatch,
    column: &'static str,
) -> Result<&'b [T::Native]> {
    batch
        .column_by_name(column)
        .filter(|found| found.null_count() == 0)
        .and_then(|found| found.as_primitive_opt::<T>())
        .map(|found| &found.values()[..])
        .ok_or_else(|| LedgerError::column(path, column))
}

/// The footer of a file, from its last 64 KiB; `None` without a file.
pub async fn read_footer(store: &Store, path: &str) -> Result<Option<Footer>> {
    let metadata = read_metadata(store, path).await?;
    metadata
        .map(|metadata| Footer::from_metadata(path, metadata.file_metadata()))
        .transpose()
}

/// The least and the greatest Kafka timestamp of a file's rows, from its statistics; `None` without rows
/// or no file.
pub async fn times_received(store: &Store, path: &str) -> Result<Option<(Micros, Micros)>> {
    let Some(metadata) = read_metadata(store, path).await? else {
        return Ok(None);
    };
    let columns = metadata
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns);
    let received = columns.filter(|column| column.column_path().string() == "received");
    let ranges = received.filter_map(|column| match column.statistics()? {
        Statistics::Int64(times) => Some((*times.min_opt()?, *times.max_opt()?)),
        _ => None,
    });
    let range = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    Ok(range.map(|(least, greatest)| (Micros(least), Micros(greatest))))
}

/// A file with each batch of rows as `change` makes it, which must keep their number and columns.
/// `path` is for the error only.
pub fn changed(
    path: &str,
    bytes: Bytes,
    change: impl Fn(&RecordBatch) -> RecordBatch,
) -> Result<Bytes> {
    let original = copy::Original::open(path, bytes, None)?;
    let mut rows = Encoder::new(&original.schema)?;
    original.copy_changed(&mut rows, change)?;
    rows.finish(&original.footer)
}

/// The end of a Parquet file, with all of its footer; `None` if the file does not exist.
pub(crate) async fn read_end(store: &Store, path: &str) -> Result<Option<Tail>> {
    let Some(tail) = store.read_tail(path, FOOTER_BYTES).await? else {
        return Ok(None);
    };
    let footer_bytes = checksum::footer_bytes(&tail.bytes).unwrap_or_default() as u64;
    if (FOOTER_BYTES..tail.file_bytes).contains(&footer_bytes) {
        return Ok(store.read_tail(path, footer_bytes).await?);
    }
    Ok(Some(tail))
}

async fn read_metadata(store: &Store, path: &str) -> Result<Option<ParquetMetaData>> {
    let Some(tail) = read_end(store, path).await? else {
        return Ok(None);
    };
    checksum::check_footer(path, &tail.bytes)?;
    let mut reader = ParquetMetaDataReader::new();
    let parsed = reader
        .try_parse_sized(&tail.bytes, tail.file_bytes)
        .and_then(|()| reader.finish());
    let metadata = parsed.map_err(|error| LedgerError::not_parquet(path, error))?;
    check_schema(path, metadata.file_metadata())?;
    Ok(Some(metadata))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kit::batches::{at, rows};

    #[tokio::test]
    async fn a_footer_comes_back_as_it_was_written() {
        let footer = Footer {
            cluster_id: "cluster".into(),
            topic_id: "topic".into(),
            read: 5,
            accepted: 2,
            rejected: 3,
            rejects: vec!["a.parquet".into(), "b.parquet".into()],
            gaps: vec![Gap {
                from: at(3),
                to: at(7),
                reason: "expired".into(),
                accepted_by: "ingest --accept".into(),
            }],
            ..Footer::attempt(at(1), Position { era: 1, offset: 0 })
        };
        let batch = rows(&[at(1), at(2)]);
        let bytes =
            encode(&batch.schema(), std::slice::from_ref(&batch), &footer).expect("encoded");
        assert_eq!(
            coordinates("x", bytes.clone()).expect("rows"),
            [at(1), at(2)]
        );
        let back = decode("x", bytes.clone(), &[], &ErasedPositions::default())
            .expect("file")
            .next()
            .expect("batch")
            .expect("rows");
        assert_eq!(back, batch, "plain types need no Arrow metadata");

        let store = Store::from_object_store(Arc::new(object_store::memory::InMemory::new()));
        store.create("x", bytes).await.expect("created");
        assert_eq!(read_footer(&store, "x").await.expect("read"), Some(footer));
        assert_eq!(read_footer(&store, "y").await.expect("read"), None);
        assert_eq!(
            times_received(&store, "x").await.expect("read"),
            Some((Micros(1), Micros(2)))
        );
        assert_eq!(times_received(&store, "y").await.expect("read"), None);
    }

    #[tokio::test]
    async fn a_footer_longer_than_the_tail_is_read_in_full() {
        let footer = Footer {
            rejects: vec!["r".repeat(100_000)],
            ..Footer::attempt(at(0), at(1))
        };
        let batch = rows(&[at(0)]);
        let store = Store::from_object_store(Arc::new(object_store::memory::InMemory::new()));
        store
            .create(
                "x",
                encode(&batch.schema(), &[batch], &footer).expect("encoded"),
            )
            .await
            .expect("created");
        assert_eq!(read_footer(&store, "x").await.expect("read"), Some(footer));
    }

    #[tokio::test]
    async fn a_file_that_is_not_the_ledgers_is_named() {
        let store = Store::from_object_store(Arc::new(object_store::memory::InMemory::new()));
        store
            .create("x", "not Parquet".into())
            .await
            .expect("created");
        let error = read_footer(&store, "x").await.expect_err("damaged");
        assert_eq!(error.unreadable(), Some("x"));
        let batch = rows(&[at(0)]);
        let still = Footer::attempt(at(1), at(1));
        store
            .create(
                "y",
                encode(&batch.schema(), &[batch], &still).expect("encoded"),
            )
            .await
            .expect("created");
        let error = read_footer(&store, "y")
            .await
            .expect_err("does not advance");
        assert_eq!(error.to_string(), "the footer of `y` has no valid `next`");
    }

    #[tokio::test]
    async fn a_changed_byte_is_found_before_rows_are_decoded_and_in_the_footer_without_the_rest() {
        let batch = rows(&[at(0), at(1)]);
        let footer = Footer {
            topic_id: "crc32:".repeat(4),
            ..Footer::attempt(at(0), at(2))
        };
        let file = encode(&batch.schema(), &[batch], &footer).expect("encoded");
        let (_, trailer) = file.split_last_chunk::<8>().expect("a trailer");
        let [a, b, c, d, _, _, _, _] = *trailer;
        let footer_at = file.len() - 8 - u32::from_le_bytes([a, b, c, d]) as usize;
        for index in 0..file.len() {
            let bytes = with_changed_bit(&file, index, index % 8);
            assert!(coordinates("x", bytes.clone()).is_err(), "byte {index}");
            let store = Store::from_object_store(Arc::new(object_store::memory::InMemory::new()));
            store.create("x", bytes).await.expect("created");
            assert_eq!(
                read_footer(&store, "x").await.is_err(),
                index >= footer_at,
                "byte {index}"
            );
        }
        for length in 0..file.len() {
            assert!(
                coordinates("x", file.slice(..length)).is_err(),
                "{length} bytes"
            );
        }
        let error =
            coordinates("x", with_changed_bit(&file, footer_at - 1, 0)).expect_err("changed");
        assert_eq!(
            error.to_string(),
            "`x` does not match its checksum: it was changed after it was written"
        );
    }

    fn with_changed_bit(file: &Bytes, index: usize, bit: usize) -> Bytes {
        let mut bytes = file.to_vec();
        bytes[index] ^= 1 << bit;
        Bytes::from(bytes)
    }

    #[test]
    fn a_topic_of_any_name_has_a_folder_of_its_own() {
        for (topic, folder) in [
            ("police.events.v1", "police.events.v1"),
            ("a/b %é", "a%2Fb%20%25%C3%A9"),
            ("", ""),
        ] {
            assert_eq!(encode_name(topic), folder);
            assert_eq!(decode_name(folder).as_deref(), Some(topic));
        }
        for folder in ["%", "%2", "%zz", "%41", "%2f", "a b"] {
            assert_eq!(decode_name(folder), None, "{folder}");
        }
        let partition = TopicPartition {
            topic: "t".into(),
            partition: 3,
        };
        let path = Tree::Journal.file(&partition, at(7));
        assert_eq!(
            path,
            "journal/topic=t/partition=3/0000-0000000000000000007.parquet"
        );
        assert_eq!(
            rejects_position(&rejects_name(at(7), &attempt())),
            Some(at(7))
        );
    }
}
