//! The ledger: every record read, as a chain of Parquet files that are created once.
//!
//! This module names the files and reads and writes them with their [`Footer`]. It refuses to know
//! what a row says beyond its coordinates (`era`, `offset`), so the schema may grow without it. The
//! invariant: a file's footer alone tells what the file covers, and needs no second copy anywhere.

pub mod chain;
mod checksum;
pub(crate) mod columns;
mod copy;
mod encode;
pub mod journal;
pub mod merge;
pub mod verify;
pub mod walk;

use std::collections::HashMap;

use arrow_array::Array as _;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::statistics::Statistics;
use serde::{Deserialize, Serialize};

pub use encode::{Encoder, encode};

use crate::event::{Micros, Position, TopicPartition};
use crate::storage::{StorageError, Store};

/// The program that writes, in every footer.
pub const PROGRAM: &str = concat!("partner-feeds ", env!("CARGO_PKG_VERSION"));

/// The version of the row schema, in every footer. It only grows, by nullable columns.
pub const SCHEMA: &str = "1";

/// How much of a file's end is read for its footer; more only where a footer is longer.
const FOOTER_BYTES: u64 = 64 * 1024;

/// Why a file of the ledger could not be written or read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant says what it is in its message")]
pub enum LedgerError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("cannot write rows as Parquet")]
    Encode(#[source] ParquetError),
    #[error("`{path}` is not readable as Parquet")]
    NotParquet { path: String, source: ParquetError },
    #[error("`{path}` is missing")]
    Missing { path: String },
    #[error("`{path}` was changed after it was written, by its checksum")]
    Changed { path: String },
    #[error("the footer of `{path}` has no valid `{key}`")]
    Footer { path: String, key: &'static str },
    #[error("`{path}` has no column `{column}` of the ledger's type")]
    Column { path: String, column: &'static str },
}

impl LedgerError {
    /// The file that is damaged, where the fault is in the file and not in reaching it.
    pub fn damaged(&self) -> Option<&str> {
        match self {
            Self::NotParquet { path, .. }
            | Self::Missing { path }
            | Self::Changed { path }
            | Self::Footer { path, .. }
            | Self::Column { path, .. } => Some(path),
            Self::Storage(_) | Self::Encode(_) => None,
        }
    }

    /// What is wrong with that file, without its name.
    fn fault(&self) -> String {
        match self {
            Self::NotParquet { source, .. } => format!("is not readable as Parquet: {source}"),
            Self::Changed { .. } => "was changed after it was written, by its checksum".to_owned(),
            Self::Footer { key, .. } => format!("the footer has no valid `{key}`"),
            Self::Column { column, .. } => format!("has no column `{column}` of the ledger's type"),
            Self::Missing { .. } | Self::Storage(_) | Self::Encode(_) => self.to_string(),
        }
    }

    pub(crate) fn not_parquet(path: &str, source: impl Into<ParquetError>) -> Self {
        Self::NotParquet {
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// One of the three trees under the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// Runs of journal files, merged; never deleted.
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

/// The path of a rejects file by its name.
pub fn rejects_file(partition: &TopicPartition, name: &str) -> String {
    format!("{}/{name}", Tree::Rejects.folder(partition))
}

/// The name of the rejects file of one attempt.
pub fn rejects_name(from: Position, attempt: &str) -> String {
    format!("{from}-{attempt}.parquet")
}

/// The position a rejects file starts from, by its name.
pub fn rejects_position(name: &str) -> Option<Position> {
    let (from, _attempt) = name.strip_suffix(".parquet")?.rsplit_once('-')?;
    from.parse().ok()
}

/// A new attempt id: sixteen random hexadecimal digits.
pub fn attempt() -> String {
    format!("{:016x}", crate::storage::random())
}

fn position_of(name: &str) -> Option<Position> {
    name.strip_suffix(".parquet")?.parse().ok()
}

/// A topic's name as a folder can bear it. Kafka's legal names stay as they are.
fn encode_name(topic: &str) -> String {
    use std::fmt::Write as _;
    topic.bytes().fold(String::new(), |mut name, byte| {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            name.push(char::from(byte));
        } else {
            write!(name, "%{byte:02X}").expect("a string takes all");
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

/// Offsets that were declared lost, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first position that is lost.
    #[serde(with = "position_text")]
    pub from: Position,
    /// The first position after the loss.
    #[serde(with = "position_text")]
    pub to: Position,
    /// What lost them: `expired`, `recreated`.
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

/// What a file says of itself, in its key-value metadata: each value plain text, the gaps JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// Where the file starts: its name.
    pub from: Position,
    /// Where the next one starts.
    pub next: Position,
    /// Whose create this was.
    pub attempt: String,
    /// The Kafka cluster, empty where it is not known.
    pub cluster_id: String,
    /// The topic's id in Kafka, empty where it is not known.
    pub topic_id: String,
    /// Records read from Kafka.
    pub read: u64,
    /// Rows of this file.
    pub accepted: u64,
    /// Rows of its rejects files.
    pub rejected: u64,
    /// Names of its rejects files.
    pub rejects: Vec<String>,
    /// Offsets inside that were declared lost.
    pub gaps: Vec<Gap>,
    /// The program that wrote it.
    pub program: String,
    /// The version of its row schema.
    pub schema: String,
}

impl Footer {
    /// The footer of a new attempt, with no records yet.
    pub fn attempt(from: Position, next: Position) -> Self {
        Self {
            from,
            next,
            attempt: attempt(),
            program: PROGRAM.to_owned(),
            schema: SCHEMA.to_owned(),
            ..Self::default()
        }
    }

    /// As Parquet's key-value metadata.
    pub fn to_key_values(&self) -> Vec<KeyValue> {
        let gaps = serde_json::to_string(&self.gaps).expect("text goes into JSON");
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
            ("schema", self.schema.clone()),
        ]
        .into_iter()
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .collect()
    }

    /// From a file's metadata; `path` is for the error only.
    pub fn of(path: &str, metadata: &FileMetaData) -> Result<Self> {
        let pairs = metadata.key_value_metadata().into_iter().flatten();
        let texts: HashMap<&str, &str> = pairs
            .filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
            .collect();
        let wrong = |key| LedgerError::Footer {
            path: path.to_owned(),
            key,
        };
        let text = |key| texts.get(key).copied().ok_or_else(|| wrong(key));
        let position = |key| text(key)?.parse::<Position>().map_err(|_| wrong(key));
        let count = |key| text(key)?.parse::<u64>().map_err(|_| wrong(key));
        let footer = Self {
            from: position("from")?,
            next: position("next")?,
            attempt: text("attempt")?.to_owned(),
            cluster_id: text("cluster_id")?.to_owned(),
            topic_id: text("topic_id")?.to_owned(),
            read: count("read")?,
            accepted: count("accepted")?,
            rejected: count("rejected")?,
            rejects: text("rejects")?
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
            gaps: serde_json::from_str(text("gaps")?).map_err(|_| wrong("gaps"))?,
            program: text("program")?.to_owned(),
            schema: text("schema")?.to_owned(),
        };
        // A chain that does not advance would be followed for ever.
        if footer.next > footer.from {
            Ok(footer)
        } else {
            Err(wrong("next"))
        }
    }
}

/// What a whole file says of its columns, if it is as it was written. `path` is for the error only.
pub(crate) fn load(path: &str, bytes: &Bytes) -> Result<ArrowReaderMetadata> {
    checksum::check(path, bytes)?;
    // As a list, what is said of a column's pages goes into a copy of it.
    let options = ArrowReaderOptions::new().with_encoding_stats_as_mask(false);
    ArrowReaderMetadata::load(bytes, options).map_err(|error| LedgerError::not_parquet(path, error))
}

/// The rows of a file, of the named columns only; of all where none is named. `path` is for the
/// error only.
pub fn decode(path: &str, bytes: Bytes, columns: &[&str]) -> Result<ParquetRecordBatchReader> {
    let metadata = load(path, &bytes)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata);
    let mask = match columns {
        [] => ProjectionMask::all(),
        _ => ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied()),
    };
    builder
        .with_projection(mask)
        .build()
        .map_err(|error| LedgerError::not_parquet(path, error))
}

/// The positions of a file's rows, in their order there. All columns are decoded, so that one that
/// cannot be is found.
pub fn coordinates(path: &str, bytes: Bytes) -> Result<Vec<Position>> {
    let mut positions = Vec::new();
    for batch in decode(path, bytes, &[])? {
        let batch = batch.map_err(|error| LedgerError::not_parquet(path, error))?;
        let missing = |column| LedgerError::Column {
            path: path.to_owned(),
            column,
        };
        let find = |column| {
            batch
                .column_by_name(column)
                .filter(|found| found.null_count() == 0)
        };
        let eras = find("era")
            .and_then(|c| c.as_primitive_opt::<Int32Type>())
            .ok_or_else(|| missing("era"))?;
        let offsets = find("offset")
            .and_then(|c| c.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| missing("offset"))?;
        for (&era, &offset) in eras.values().iter().zip(offsets.values()) {
            let era = u16::try_from(era).map_err(|_| missing("era"))?;
            positions.push(Position { era, offset });
        }
    }
    Ok(positions)
}

/// The footer of a file, from its last 64 KiB; `None` where there is no file.
pub async fn read_footer(store: &Store, path: &str) -> Result<Option<Footer>> {
    let metadata = read_metadata(store, path).await?;
    metadata
        .map(|metadata| Footer::of(path, metadata.file_metadata()))
        .transpose()
}

/// The greatest Kafka timestamp of a file's rows, by its statistics; `None` where there is no row,
/// or no file.
pub async fn newest(store: &Store, path: &str) -> Result<Option<Micros>> {
    let Some(metadata) = read_metadata(store, path).await? else {
        return Ok(None);
    };
    let columns = metadata
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns);
    let received = columns.filter(|column| column.column_path().string() == "received");
    let greatest = |statistics: &Statistics| match statistics {
        Statistics::Int64(times) => times.max_opt().copied(),
        _ => None,
    };
    Ok(received
        .filter_map(|column| column.statistics().and_then(greatest))
        .max()
        .map(Micros))
}

async fn read_metadata(store: &Store, path: &str) -> Result<Option<ParquetMetaData>> {
    let Some(mut tail) = store.read_tail(path, FOOTER_BYTES).await? else {
        return Ok(None);
    };
    let footer_bytes = checksum::footer_bytes(&tail.bytes).unwrap_or_default() as u64;
    if (FOOTER_BYTES..tail.file_bytes).contains(&footer_bytes) {
        let Some(longer) = store.read_tail(path, footer_bytes).await? else {
            return Ok(None);
        };
        tail = longer;
    }
    checksum::check_footer(path, &tail.bytes)?;
    let mut reader = ParquetMetaDataReader::new();
    let parsed = reader
        .try_parse_sized(&tail.bytes, tail.file_bytes)
        .and_then(|()| reader.finish());
    parsed
        .map(Some)
        .map_err(|error| LedgerError::not_parquet(path, error))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use arrow_array::{Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
    use arrow_schema::{DataType, Field, Schema, TimeUnit};

    use super::*;

    /// Rows with nothing but their coordinates.
    pub(crate) fn rows(positions: &[Position]) -> RecordBatch {
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Schema::new(vec![
            Field::new("era", DataType::Int32, false),
            Field::new("offset", DataType::Int64, false),
            Field::new("received", utc, false),
        ]);
        let eras = Int32Array::from_iter_values(positions.iter().map(|p| i32::from(p.era)));
        let offsets = Int64Array::from_iter_values(positions.iter().map(|p| p.offset));
        let received = TimestampMicrosecondArray::from_iter_values(
            positions.iter().map(|p| p.offset * 1_000_000),
        );
        let columns: Vec<arrow_array::ArrayRef> = vec![
            Arc::new(eras),
            Arc::new(offsets),
            Arc::new(received.with_timezone("UTC")),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).expect("columns fit")
    }

    fn at(offset: i64) -> Position {
        Position::ORIGIN.at(offset)
    }

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
        let back = decode("x", bytes.clone(), &[])
            .expect("file")
            .next()
            .expect("batch")
            .expect("rows");
        assert_eq!(back, batch, "plain types need no Arrow metadata");

        let store = Store::over(Arc::new(object_store::memory::InMemory::new()));
        store.create("x", bytes).await.expect("created");
        assert_eq!(read_footer(&store, "x").await.expect("read"), Some(footer));
        assert_eq!(read_footer(&store, "y").await.expect("read"), None);
        assert_eq!(
            newest(&store, "x").await.expect("read"),
            Some(Micros(2_000_000))
        );
        assert_eq!(newest(&store, "y").await.expect("read"), None);
    }

    #[tokio::test]
    async fn a_footer_longer_than_the_tail_is_read_whole() {
        let footer = Footer {
            rejects: vec!["r".repeat(100_000)],
            ..Footer::attempt(at(0), at(1))
        };
        let batch = rows(&[at(0)]);
        let store = Store::over(Arc::new(object_store::memory::InMemory::new()));
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
        let store = Store::over(Arc::new(object_store::memory::InMemory::new()));
        store
            .create("x", "not Parquet".into())
            .await
            .expect("created");
        let error = read_footer(&store, "x").await.expect_err("damaged");
        assert_eq!(error.damaged(), Some("x"));
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
    async fn a_byte_changed_anywhere_is_told_before_rows_are_decoded_and_in_the_footer_without_the_rest()
     {
        let batch = rows(&[at(0), at(1)]);
        let footer = Footer {
            topic_id: "crc32:".repeat(4),
            ..Footer::attempt(at(0), at(2))
        };
        let file = encode(&batch.schema(), &[batch], &footer).expect("encoded");
        let (_, trailer) = file.split_last_chunk::<8>().expect("a trailer");
        let [a, b, c, d, _, _, _, _] = *trailer;
        let footer_at = file.len() - 8 - u32::from_le_bytes([a, b, c, d]) as usize;
        let changed = |place: usize, bit: u8| {
            let mut bytes = file.to_vec();
            bytes[place] ^= 1 << bit;
            Bytes::from(bytes)
        };
        for place in 0..file.len() {
            let bytes = changed(place, (place % 8) as u8);
            assert!(coordinates("x", bytes.clone()).is_err(), "byte {place}");
            let store = Store::over(Arc::new(object_store::memory::InMemory::new()));
            store.create("x", bytes).await.expect("created");
            assert_eq!(
                read_footer(&store, "x").await.is_err(),
                place >= footer_at,
                "byte {place}"
            );
        }
        for length in 0..file.len() {
            assert!(
                coordinates("x", file.slice(..length)).is_err(),
                "{length} bytes"
            );
        }
        let error = coordinates("x", changed(footer_at - 1, 0)).expect_err("changed");
        assert_eq!(
            error.to_string(),
            "`x` was changed after it was written, by its checksum"
        );
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
