//! The log of the ledger's tests: its batches as files, and what a store must contain of it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use partner_feeds::contract::rejection::{Reason, Rejection};
use partner_feeds::event::{Micros, Position, TopicPartition};
use partner_feeds::ledger::chain::{self, Chain};
use partner_feeds::ledger::erasures::{ErasedRows, Erasure, ErasureReason, Offsets};
use partner_feeds::ledger::journal::BatchFiles;
use partner_feeds::ledger::verify::verify;
use partner_feeds::ledger::{self, Footer, rejects_name};
use partner_feeds::rejects::{self, RejectsBuilder};
use partner_feeds::storage::{StorageError, Store};

pub(crate) fn partition() -> TopicPartition {
    TopicPartition {
        topic: "police.events.v1".into(),
        partition: 3,
    }
}

pub(crate) fn at(offset: i64) -> Position {
    Position::ORIGIN.at(offset)
}

/// A log in which every fifth record breaks its contract.
pub(crate) fn is_rejected(offset: i64) -> bool {
    offset % 5 == 3
}

/// The erasure of accepted rows.
pub(crate) fn erasure(offsets: &[i64]) -> Erasure {
    Erasure {
        why: ErasureReason::Art17,
        case: "DP-1".to_owned(),
        at: Micros(0),
        seen: Vec::new(),
        rows: vec![ErasedRows {
            topic: partition().topic,
            partition: partition().partition,
            era: 0,
            offsets: Offsets::new(offsets.iter().copied()),
            accepted: offsets.len() as u64,
            rejected: 0,
        }],
        not_kept: Vec::new(),
    }
}

fn row_schema() -> SchemaRef {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("era", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("received", utc, false),
    ]))
}

/// Rows with nothing but their coordinates.
pub(crate) fn rows(positions: &[Position]) -> RecordBatch {
    let eras = Int32Array::from_iter_values(positions.iter().map(|p| i32::from(p.era)));
    let offsets = Int64Array::from_iter_values(positions.iter().map(|p| p.offset));
    let received = TimestampMicrosecondArray::from_iter_values(positions.iter().map(|p| p.offset));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(eras),
        Arc::new(offsets),
        Arc::new(received.with_timezone("UTC")),
    ];
    RecordBatch::try_new(row_schema(), columns).expect("columns fit")
}

fn rejected(positions: &[Position]) -> RecordBatch {
    let mut builder = RejectsBuilder::default();
    for &position in positions {
        let rejection = Rejection {
            reason: Reason::SchemaEnum,
            pointer: "/data/outcome".into(),
            rule: "is not in the list".into(),
            partner: None,
            kind: None,
            more: Vec::new(),
        };
        builder.append(
            position,
            Micros(position.offset),
            &rejection,
            Some(b"key"),
            Some(b"value"),
            [],
        );
    }
    builder.finish()
}

/// A file with its rejects, of the given rows; `footer` has the rest.
pub(crate) fn prepare(
    mut footer: Footer,
    accepted: &[Position],
    refused: &[Position],
) -> BatchFiles {
    footer.accepted = accepted.len() as u64;
    footer.rejected = refused.len() as u64;
    footer.read = footer.accepted + footer.rejected;
    if !refused.is_empty() {
        footer.rejects = vec![rejects_name(footer.from, &footer.attempt)];
    }
    seal(footer, accepted, refused)
}

/// As [`prepare`], with the footer left as it is.
pub(crate) fn seal(footer: Footer, accepted: &[Position], refused: &[Position]) -> BatchFiles {
    let encode = |schema, batch| ledger::encode(&schema, &[batch], &footer).expect("encoded");
    let rows = encode(row_schema(), rows(accepted));
    let rejects = footer
        .rejects
        .first()
        .map(|name| (name.clone(), encode(rejects::schema(), rejected(refused))));
    BatchFiles {
        footer,
        rows,
        rejects,
    }
}

/// The batch of the log from one offset to another.
pub(crate) fn batch(from: i64, next: i64) -> BatchFiles {
    let footer = Footer {
        cluster_id: "c".into(),
        topic_id: "t".into(),
        ..Footer::attempt(at(from), at(next))
    };
    let (refused, accepted): (Vec<_>, Vec<_>) =
        (from..next).map(at).partition(|p| is_rejected(p.offset));
    prepare(footer, &accepted, &refused)
}

/// The positions of all rows of a chain that a reader gets, accepted or rejected, in order; `None` =
/// a file is gone.
pub(crate) async fn positions_in(
    store: &Store,
    chain: &Chain,
) -> Result<Option<Vec<Position>>, StorageError> {
    let mut found = Vec::new();
    for path in chain
        .files
        .iter()
        .map(|file| file.path.clone())
        .chain(chain.rejects())
    {
        let Some(bytes) = store.read(&path).await? else {
            return Ok(None);
        };
        let columns = ["era", "offset"];
        for batch in ledger::decode(&path, bytes, &columns, &chain.erased).expect("a file") {
            let batch = batch.expect("rows");
            let offsets = batch.column(1).as_primitive::<Int64Type>();
            found.extend(offsets.values().iter().map(|offset| at(*offset)));
        }
    }
    found.sort_unstable();
    Ok(Some(found))
}

/// The positions of the log below an offset.
pub(crate) fn log(end: i64) -> Vec<Position> {
    (0..end).map(at).collect()
}

/// The oracle: what is not erased is one row.
pub(crate) async fn assert_each_once(store: &Store, end: i64) {
    let chain = chain::read(store, &partition())
        .await
        .expect("the chain joins");
    assert_eq!(chain.end, at(end));
    assert!(!chain.moved(store).await.expect("ledger"));
    let mut expected = log(end);
    expected.retain(|position| !chain.erased.contains(*position));
    assert_eq!(
        positions_in(store, &chain).await.expect("read"),
        Some(expected)
    );
    let report = verify(store).await.expect("looked");
    assert_eq!(report.findings, []);
}
