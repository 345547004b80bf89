//! The chain's files as batches of columns, in the order of the chain.
//!
//! Texts that repeat come as dictionaries, which the files' own reader cannot know: they are
//! written with plain types. One thread reads and decodes while the caller works on the batch
//! before.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;

use crate::aggregate::Error;
use crate::ledger;
use crate::ledger::chain::{Chain, ChainError};
use crate::normalise;

/// Rows decoded at once.
const BATCH_ROWS: usize = 65_536;
/// Batches decoded ahead.
const AHEAD: usize = 4;

/// The files to aggregate, in the order of topic, partition and position.
pub(crate) struct Files<'a> {
    /// Rows in each file.
    pub(crate) rows: Vec<u64>,
    paths: Vec<&'a str>,
    /// Fetches a file.
    open: &'a (dyn Fn(&str) -> Result<Bytes, Error> + Sync),
}

impl<'a> Files<'a> {
    /// The files of chains.
    pub(crate) fn of(
        chains: impl IntoIterator<Item = &'a Chain>,
        open: &'a (dyn Fn(&str) -> Result<Bytes, Error> + Sync),
    ) -> Self {
        let files: Vec<_> = chains.into_iter().flat_map(|chain| &chain.files).collect();
        let rows = files.iter().map(|file| file.footer.accepted).collect();
        Self {
            rows,
            paths: files.iter().map(|file| &*file.path).collect(),
            open,
        }
    }
}

/// A part of a file's rows.
pub(crate) struct Part {
    /// The file's place in [`Files`].
    pub(crate) file: usize,
    /// The first row's place in the file.
    pub(crate) first_row: usize,
    pub(crate) batch: RecordBatch,
}

impl Files<'_> {
    /// Calls `f` with every part in order, holding the columns named but for those without a value
    /// there.
    pub(crate) fn for_each(
        &self,
        columns: &[&str],
        mut f: impl FnMut(&Part) -> Result<(), Error>,
    ) -> Result<(), Error> {
        std::thread::scope(|scope| {
            let (sender, parts) = crossbeam_channel::bounded(AHEAD);
            scope.spawn(move || {
                for file in 0..self.rows.len() {
                    // The receiver is gone only when the caller has an error of its own.
                    let told = self.read(file, columns, &mut |part| sender.send(Ok(part)).is_ok());
                    match told {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(error) => return drop(sender.send(Err(error))),
                    }
                }
            });
            parts.into_iter().try_for_each(|part| f(&part?))
        })
    }

    /// Hands a file's parts on until it is told to stop; whether it was not.
    fn read(
        &self,
        file: usize,
        columns: &[&str],
        hand_on: &mut dyn FnMut(Part) -> bool,
    ) -> Result<bool, Error> {
        if self.rows[file] == 0 {
            return Ok(true);
        }
        let path = self.paths[file];
        let bytes = (self.open)(path)?;
        let metadata = ledger::load(path, &bytes).map_err(ChainError::from)?;
        let options = ArrowReaderOptions::new().with_schema(with_dictionaries(metadata.schema()));
        let metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)?;
        let mut first_row = 0;
        // A dictionary lasts for a row group: read across two and it is decoded and built again.
        for (row_group, held) in metadata.metadata().row_groups().iter().enumerate() {
            // A column of nulls as a dictionary costs its reader more than one of values: half of
            // the whole run.
            let columns = columns.iter().copied().filter(|name| !is_null(held, name));
            let mask = ProjectionMask::columns(metadata.parquet_schema(), columns);
            let reader =
                ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), metadata.clone())
                    .with_row_groups(vec![row_group])
                    .with_projection(mask)
                    .with_batch_size(BATCH_ROWS)
                    .build()?;
            for batch in reader {
                let part = Part {
                    file,
                    first_row,
                    batch: batch?,
                };
                first_row += part.batch.num_rows();
                if !hand_on(part) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Whether a column is known to have no value in a row group.
fn is_null(row_group: &RowGroupMetaData, column: &str) -> bool {
    let of = row_group
        .columns()
        .iter()
        .find(|chunk| chunk.column_path().parts() == [column]);
    let nulls = of.and_then(|chunk| chunk.statistics()?.null_count_opt());
    nulls.is_some_and(|nulls| nulls == row_group.num_rows() as u64)
}

/// A file's schema with the types of the ledger's rows.
fn with_dictionaries(file: &SchemaRef) -> SchemaRef {
    let ours = normalise::schema();
    let typed = |field: &Arc<Field>| {
        let ours = ours.field_with_name(field.name()).ok();
        ours.map_or(field.clone(), |ours| {
            Arc::new(
                field
                    .as_ref()
                    .clone()
                    .with_data_type(ours.data_type().clone()),
            )
        })
    };
    Arc::new(Schema::new(
        file.fields().iter().map(typed).collect::<Vec<_>>(),
    ))
}
