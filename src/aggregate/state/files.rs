//! The chain's files as batches of columns, in the order of the chain.
//!
//! Texts that repeat come as dictionaries, which the files' own reader cannot know: they are
//! written with plain types. One thread reads, decodes and prepares while the caller works on the
//! batch before.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrowPrimitiveType, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{Field, Schema, SchemaRef};
use bytes::Bytes;
use tokio::runtime::Handle;

use crate::aggregate::AggregateError;
use crate::ledger::chain::{Chain, ChainError};
use crate::ledger::columns::{read_row_group, with_types};
use crate::ledger::erasures::ErasedPositions;
use crate::ledger::{self, KeptRows};
use crate::normalise;
use crate::storage::Store;

/// Rows decoded at once.
const BATCH_ROWS: usize = 32_768;
/// Batches decoded ahead.
const AHEAD: usize = 2;

/// Reads a file that a chain names.
pub(crate) fn fetch(store: &Store, path: &str, runtime: &Handle) -> Result<Bytes, AggregateError> {
    runtime
        .block_on(store.read(path))?
        .ok_or_else(|| AggregateError::Missing(path.to_owned()))
}

/// The files to aggregate, in the order of topic, partition and position.
pub(crate) struct Files<'a> {
    /// The rows to read of each file, from its first that is not erased.
    pub(crate) rows: Vec<u64>,
    /// The path of each, and what is erased in its partition.
    sources: Vec<(&'a str, &'a ErasedPositions)>,
    /// Fetches a file.
    open: &'a (dyn Fn(&str) -> Result<Bytes, AggregateError> + Sync),
}

impl<'a> Files<'a> {
    /// The files of chains.
    pub(crate) fn of(
        chains: impl IntoIterator<Item = &'a Chain>,
        open: &'a (dyn Fn(&str) -> Result<Bytes, AggregateError> + Sync),
    ) -> Self {
        let (mut rows, mut sources) = (Vec::new(), Vec::new());
        for chain in chains {
            for file in &chain.files {
                rows.push(file.footer.accepted);
                sources.push((&*file.path, &chain.erased));
            }
        }
        Self {
            rows,
            sources,
            open,
        }
    }
}

/// A part of a file's rows.
pub(crate) struct Part {
    /// The file's index in [`Files`].
    pub(crate) file: usize,
    /// The first row's index in the file.
    pub(crate) first_row: usize,
    pub(crate) batch: RecordBatch,
}

impl Part {
    /// A column of numbers or times that every file has.
    pub(crate) fn primitives<T: ArrowPrimitiveType>(
        &self,
        name: &'static str,
    ) -> Result<&PrimitiveArray<T>, AggregateError> {
        let column = self.batch.column_by_name(name);
        let primitives = column.and_then(|column| column.as_primitive_opt());
        primitives.ok_or(AggregateError::Column(name))
    }

    /// A column of texts that every file has, not in a dictionary.
    pub(crate) fn texts(&self, name: &'static str) -> Result<&StringArray, AggregateError> {
        let column = self.batch.column_by_name(name);
        let texts = column.and_then(|column| column.as_string_opt());
        texts.ok_or(AggregateError::Column(name))
    }
}

impl Files<'_> {
    /// Calls `f` with every part in order, with the named columns, except those without a value
    /// there.
    pub(crate) fn for_each(
        &self,
        columns: &[&str],
        mut f: impl FnMut(&Part) -> Result<(), AggregateError>,
    ) -> Result<(), AggregateError> {
        self.for_each_prepared(columns, |_| Ok(()), |part, ()| f(part))
    }

    /// The same, with what `prepare` makes of each part. The thread that decodes calls `prepare`,
    /// also in order, so that two threads share the work.
    pub(crate) fn for_each_prepared<T: Send>(
        &self,
        columns: &[&str],
        mut prepare: impl FnMut(&Part) -> Result<T, AggregateError> + Send,
        mut f: impl FnMut(&Part, T) -> Result<(), AggregateError>,
    ) -> Result<(), AggregateError> {
        std::thread::scope(|scope| {
            let (sender, parts) = crossbeam_channel::bounded(AHEAD);
            scope.spawn(move || {
                for file in 0..self.rows.len() {
                    let mut send = |part: Part| {
                        let prepared = prepare(&part)?;
                        // The receiver is gone only when the caller has an error of its own.
                        Ok(sender.send(Ok((part, prepared))).is_ok())
                    };
                    match self.read(file, columns, &mut send) {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(error) => return drop(sender.send(Err(error))),
                    }
                }
            });
            parts.into_iter().try_for_each(|part| {
                let (part, prepared) = part?;
                f(&part, prepared)
            })
        })
    }

    /// Passes a file's parts on until the receiver stops it; false if it did.
    fn read(
        &self,
        file: usize,
        columns: &[&str],
        take_part: &mut dyn FnMut(Part) -> Result<bool, AggregateError>,
    ) -> Result<bool, AggregateError> {
        if self.rows[file] == 0 {
            return Ok(true);
        }
        let (path, erased) = self.sources[file];
        let bytes = (self.open)(path)?;
        let metadata = ledger::load(path, &bytes).map_err(ChainError::from)?;
        let kept = KeptRows::find(path, &bytes, &metadata, erased).map_err(ChainError::from)?;
        let metadata = with_types(&metadata, with_dictionaries(metadata.schema()))?;
        let mut first_row = 0;
        // A dictionary lasts for a row group: read across two and it is decoded and built again.
        for row_group in 0..metadata.metadata().num_row_groups() {
            for batch in read_row_group(&bytes, &metadata, row_group, columns, BATCH_ROWS, &kept)? {
                let (batch, left) = (batch?, self.rows[file] as usize - first_row);
                let part = Part {
                    file,
                    first_row,
                    batch: batch.slice(0, left.min(batch.num_rows())),
                };
                first_row += part.batch.num_rows();
                if !take_part(part)? {
                    return Ok(false);
                }
                if first_row as u64 == self.rows[file] {
                    return Ok(true);
                }
            }
        }
        Ok(true)
    }
}

/// A file's schema with the types of the ledger's rows.
fn with_dictionaries(file: &SchemaRef) -> SchemaRef {
    let ours = normalise::schema();
    let fields = file.fields().iter().map(|field| {
        let field = field.as_ref().clone();
        match ours.field_with_name(field.name()) {
            Ok(ours) => field.with_data_type(ours.data_type().clone()),
            Err(_) => field,
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}
