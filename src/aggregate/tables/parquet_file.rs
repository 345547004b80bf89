//! The Parquet file of a table: plain types, a description of every column, and one way to write,
//! so that equal tables have equal bytes.
//!
//! A text column is given as a dictionary and written as plain strings: a reader sees no
//! dictionary. Several threads build and encode the columns of a row group.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

use crate::file_format::{self, FORMAT_KEY};
use crate::ledger::dictionary_writer::{Compressor, DictionaryWriter, EncodedChunk};

/// The most rows in a row group: all its columns are built at once.
pub(crate) const ROW_GROUP_ROWS: usize = 131_072;
/// Threads that encode.
const THREADS: usize = 2;
/// The key of the table's description in a file's footer.
pub const TABLE_DESCRIPTION_KEY: &str = "table_description";
/// The key of the descriptions in a file's footer: a JSON object from column to text.
pub const COLUMN_DESCRIPTIONS_KEY: &str = "column_descriptions";
/// The key of a column's description in its Arrow field.
const DESCRIPTION_KEY: &str = "description";

/// A column with its description.
pub(crate) fn field(name: &str, data_type: DataType, description: &str) -> Field {
    let metadata: HashMap<_, _> = [(DESCRIPTION_KEY.to_owned(), description.to_owned())].into();
    Field::new(name, data_type, true).with_metadata(metadata)
}

/// The description of a column.
pub(crate) fn description_of(field: &Field) -> &str {
    let description = field.metadata().get(DESCRIPTION_KEY);
    description.map_or("", String::as_str)
}

/// The type of a column as the data dictionary names it.
pub fn type_in_words(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int64 | DataType::Int32 => "integer",
        DataType::Float64 => "number",
        DataType::Boolean => "true or false",
        DataType::Date32 => "date",
        DataType::Timestamp(_, None) => "time (local)",
        DataType::Timestamp(..) => "time (UTC)",
        _ => "text",
    }
}

/// Microseconds since 1970, UTC.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Microseconds since 1970 of a clock on the wall, without a zone.
pub(crate) fn local_time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// The file of a table.
pub(crate) struct TableFile {
    pub(crate) bytes: Bytes,
    pub(crate) rows: u64,
}

/// Writes the file of a table to `W`, a row group at a time.
pub(crate) struct ParquetFile<W: Write + Send> {
    schema: SchemaRef,
    file: SerializedFileWriter<W>,
    row_groups: ArrowRowGroupWriterFactory,
    written: usize,
}

impl<W: Write + Send> ParquetFile<W> {
    /// A file without rows. `distinct` names the text columns whose values hardly ever repeat.
    pub(crate) fn new(
        output: W,
        description: &str,
        schema: &SchemaRef,
        distinct: &[&str],
    ) -> Result<Self, ParquetError> {
        let writer = ArrowWriter::try_new(
            output,
            schema.clone(),
            Some(properties(description, schema, distinct)),
        )?;
        let (file, row_groups) = writer.into_serialized_writer()?;
        Ok(Self {
            schema: schema.clone(),
            file,
            row_groups,
            written: 0,
        })
    }

    /// Adds a row group; `column` builds the column with an index of the schema.
    pub(crate) fn row_group(
        &mut self,
        column: &(dyn Fn(usize) -> ArrayRef + Sync),
    ) -> Result<(), ParquetError> {
        let writers = self.row_groups.create_column_writers(self.written)?;
        let writers: Vec<_> = writers
            .into_iter()
            .map(|writer| Mutex::new(Some(writer)))
            .collect();
        let chunks: Vec<_> = writers.iter().map(|_| Mutex::new(None)).collect();
        let (next, schema) = (AtomicUsize::new(0), &self.schema);
        let leaves = self.file.schema_descr();
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(writer) = writers.get(index) else {
                    return;
                };
                let writer = writer.lock().unwrap_or_else(PoisonError::into_inner).take();
                let chunk = writer.map(|writer| {
                    let (leaf, field) = (leaves.column(index), schema.field(index));
                    encode(writer, leaf, field, &column(index))
                });
                *chunks[index].lock().unwrap_or_else(PoisonError::into_inner) = chunk;
            }
        };
        std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
        let mut row_group = self.file.next_row_group()?;
        for chunk in chunks {
            if let Some(chunk) = chunk.into_inner().unwrap_or_else(PoisonError::into_inner) {
                chunk?.append_to_row_group(&mut row_group)?;
            }
        }
        row_group.close()?;
        self.written += 1;
        Ok(())
    }

    /// Completes the file, and returns what it was written to.
    pub(crate) fn finish(self) -> Result<W, ParquetError> {
        self.file.into_inner()
    }
}

/// A column of a row group, encoded.
enum ColumnChunk {
    Dictionary(EncodedChunk),
    Other(ArrowColumnChunk),
}

impl ColumnChunk {
    fn append_to_row_group<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        match self {
            Self::Dictionary(chunk) => chunk.append_to_row_group(row_group),
            Self::Other(chunk) => chunk.append_to_row_group(row_group),
        }
    }
}

fn encode(
    mut writer: ArrowColumnWriter,
    leaf: ColumnDescPtr,
    field: &Field,
    column: &ArrayRef,
) -> Result<ColumnChunk, ParquetError> {
    if let Some(texts) = column.as_dictionary_opt::<Int32Type>() {
        let (mut writer, mut compressor) = (DictionaryWriter::new(leaf), Compressor::snappy());
        writer.write(texts, &mut compressor)?;
        return writer.close(&mut compressor).map(ColumnChunk::Dictionary);
    }
    for leaf in compute_leaves(field, column)? {
        writer.write(&leaf)?;
    }
    writer.close().map(ColumnChunk::Other)
}

fn properties(description: &str, schema: &Schema, distinct: &[&str]) -> WriterProperties {
    let described = schema
        .fields()
        .iter()
        .filter(|field| field.metadata().contains_key(DESCRIPTION_KEY));
    let descriptions: serde_json::Map<_, _> = described
        .map(|field| (field.name().clone(), description_of(field).into()))
        .collect();
    let descriptions = serde_json::Value::Object(descriptions).to_string();
    let properties = WriterProperties::builder()
        // The one compression that every reader has; zstd would save a fifth (docs/performance.md).
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(vec![
            KeyValue::new(TABLE_DESCRIPTION_KEY.to_owned(), description.to_owned()),
            KeyValue::new(COLUMN_DESCRIPTIONS_KEY.to_owned(), descriptions),
            KeyValue::new(FORMAT_KEY.to_owned(), file_format::TABLES.to_string()),
        ]));
    distinct
        .iter()
        .fold(properties, |properties, name| {
            properties.set_column_dictionary_enabled(ColumnPath::from(*name), false)
        })
        .build()
}

/// The schema of columns.
pub(crate) fn schema(fields: impl IntoIterator<Item = Field>) -> SchemaRef {
    Arc::new(Schema::new(fields.into_iter().collect::<Vec<_>>()))
}
