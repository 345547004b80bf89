//! Removes the bytes of rejects after some time: key, value and headers. Their rows stay, so that
//! every count and the chain are as before.
//!
//! It may run at any time, beside writers, merges and readers. The invariant: a file is only replaced
//! by one of the same name with the same rows, so a late replacement loses nothing.

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow_select::nullif::nullif;
use bytes::Bytes;

use super::{Result, Time, find};
use crate::crash;
use crate::event::{Micros, Position};
use crate::ledger::chain::{self, Chain, ChainFile};
use crate::ledger::erasures::{ErasedPositions, PurgedFiles};
use crate::ledger::merge::MergeLimits;
use crate::ledger::purge::{PurgeError, merge_beyond, remove_unused};
use crate::ledger::{self, LedgerError, rejects_file};
use crate::storage::Store;

/// The columns with the bytes of a reject.
const BYTES: [&str; 4] = ["key", "value", HEADERS, "header_values"];
/// Null in rejects whose bytes are not stored.
const HEADERS: &str = "header_names";

/// Removes the bytes of all rejects received before a time, and all files of rejects that no reader
/// uses. Returns the number of files replaced.
pub async fn remove_bytes(
    store: &Store,
    before: Micros,
    limits: MergeLimits,
) -> Result<u64, PurgeError> {
    let mut replaced = 0;
    for partition in chain::partitions(store).await? {
        let chain = chain::read(store, &partition).await?;
        // Files of the journal are not replaced: their names are those of attempts.
        let journal = chain
            .files
            .iter()
            .filter(|file| file.from >= chain.ledger_end);
        let mut last = None;
        for file in journal {
            if !files_with_bytes(store, &chain, file, before)
                .await?
                .is_empty()
            {
                last = Some(file.from);
            }
        }
        if let Some(last) = last {
            merge_beyond(store, &partition, last, limits).await?;
        }
        let chain = chain::read(store, &partition).await?;
        let ledger = chain
            .files
            .iter()
            .filter(|file| file.from < chain.ledger_end);
        for file in ledger {
            for (path, bytes) in files_with_bytes(store, &chain, file, before).await? {
                let file = ledger::changed(&path, bytes, |rows| without_bytes(rows, before))?;
                store.replace(&path, file).await?;
                replaced += 1;
                crash::point("purge.bytes");
            }
        }
        let unused = &mut PurgedFiles::default();
        remove_unused(store, &partition, Position::ORIGIN, unused).await?;
    }
    Ok(replaced)
}

/// The rejects files of a file that have such bytes.
async fn files_with_bytes(
    store: &Store,
    chain: &Chain,
    file: &ChainFile,
    before: Micros,
) -> Result<Vec<(String, Bytes)>, PurgeError> {
    let mut found = Vec::new();
    for name in &file.footer.rejects {
        let path = rejects_file(&chain.partition, name);
        let times = ledger::times_received(store, &path).await?;
        if times.is_none_or(|(first, _)| first >= before) {
            continue;
        }
        // A merge may have moved it: the chain as it is afterwards names it.
        if let Some(bytes) = store.read(&path).await?
            && has_bytes(&path, bytes.clone(), before)?
        {
            found.push((path, bytes));
        }
    }
    Ok(found)
}

fn has_bytes(path: &str, bytes: Bytes, before: Micros) -> Result<bool, LedgerError> {
    let columns = ["received", HEADERS];
    for rows in ledger::decode(path, bytes, &columns, &ErasedPositions::default())? {
        let rows = rows.map_err(|error| LedgerError::not_parquet(path, error))?;
        let headers = rows.column_by_name(HEADERS);
        let is_old = is_received_before(&rows, before);
        let mut all = 0..rows.num_rows();
        if all.any(|row| is_old.value(row) && headers.is_some_and(|headers| headers.is_valid(row)))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_received_before(rows: &RecordBatch, before: Micros) -> BooleanArray {
    let received: Option<&TimestampMicrosecondArray> = find::<Time>(rows, "received");
    let times = received.into_iter().flatten();
    times
        .map(|time| Some(time.is_some_and(|time| time < before.0)))
        .collect()
}

/// The same rows, without the bytes of those received before a time.
fn without_bytes(rows: &RecordBatch, before: Micros) -> RecordBatch {
    let is_old = is_received_before(rows, before);
    let schema = rows.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, column)| {
            if BYTES.contains(&field.name().as_str()) {
                nullif(column, &is_old).expect("a column has a value for each row")
            } else {
                ArrayRef::clone(column)
            }
        });
    let columns: Vec<ArrayRef> = columns.collect();
    RecordBatch::try_new(schema.clone(), columns).expect("the columns fit the schema")
}
