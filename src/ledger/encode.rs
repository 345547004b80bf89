//! Encodes rows as a file of the ledger.
//!
//! It must not know what a row contains, only the types of its columns. The invariant: equal rows
//! and footer give equal bytes, in plain types that every Parquet reader knows.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::{Footer, LedgerError, Result, checksum};
use crate::file_format::PROGRAM;

/// Rows in a row group: as in `DuckDB`, which reads each with its own thread.
pub(super) const ROW_GROUP_ROWS: usize = 122_880;

/// Memory of a column's writer from its start: a compressor and an unused decompressor.
const CODEC_BYTES: usize = 96 << 10;

/// Values that seldom repeat (plain texts, times, offsets) are written as differences, since their
/// dictionary would be abandoned after the first pages: a sixth smaller, and faster.
fn properties(schema: &Schema) -> WriterProperties {
    let builder = WriterProperties::builder()
        .set_created_by(PROGRAM.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        // A page ends by its bytes only: after its first page, each column keeps a compressor of
        // 300 KiB to the end.
        .set_data_page_row_count_limit(ROW_GROUP_ROWS);
    let differences = schema
        .fields()
        .iter()
        .filter_map(|field| Some((field.name(), difference(field.data_type())?)));
    differences
        .fold(builder, |builder, (name, encoding)| {
            let column = ColumnPath::from(name.as_str());
            builder
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column, encoding)
        })
        .build()
}

/// The difference encoding of a type whose values seldom repeat.
const fn difference(data_type: &DataType) -> Option<Encoding> {
    match data_type {
        DataType::Utf8 => Some(Encoding::DELTA_BYTE_ARRAY),
        DataType::Int64 | DataType::Timestamp(..) => Some(Encoding::DELTA_BINARY_PACKED),
        _ => None,
    }
}

/// Encodes one file with plain types, batch by batch: encoded rows take a tenth of the memory.
pub struct Encoder {
    file: SerializedFileWriter<Vec<u8>>,
    writers: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    group: RowGroup,
}

/// The open row group.
#[derive(Default)]
struct RowGroup {
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

impl Encoder {
    /// An encoder of a file without rows.
    pub fn new(schema: &SchemaRef) -> Result<Self> {
        Self::try_new(schema).map_err(LedgerError::Encode)
    }

    fn try_new(schema: &SchemaRef) -> Result<Self, ParquetError> {
        let types = ArrowSchemaConverter::new().convert(schema)?;
        let file = SerializedFileWriter::new(
            Vec::new(),
            types.root_schema_ptr(),
            properties(schema).into(),
        )?;
        let writers = ArrowRowGroupWriterFactory::new(&file, schema.clone());
        Ok(Self {
            file,
            writers,
            schema: schema.clone(),
            group: RowGroup::default(),
        })
    }

    /// The types of its rows.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds rows.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < rows.num_rows() {
            let room = ROW_GROUP_ROWS - self.group.rows;
            let part = rows.slice(from, room.min(rows.num_rows() - from));
            self.try_write(&part).map_err(LedgerError::Encode)?;
            from += part.num_rows();
        }
        Ok(())
    }

    /// Adds rows that the row group has room for.
    fn try_write(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        if self.group.columns.is_empty() {
            self.group.columns = self
                .writers
                .create_column_writers(self.file.flushed_row_groups().len())?;
        }
        // Counted before the columns are written: a group in which a column failed cannot close.
        self.group.rows += rows.num_rows();
        let mut writers = self.group.columns.iter_mut();
        for (field, column) in self.schema.fields().iter().zip(rows.columns()) {
            for leaf in compute_leaves(field, column)? {
                writers.next().expect("a writer a leaf").write(&leaf)?;
            }
        }
        if self.group.rows == ROW_GROUP_ROWS {
            self.cut()
        } else {
            Ok(())
        }
    }

    /// Ends the row group, if there is one.
    fn cut(&mut self) -> Result<(), ParquetError> {
        let RowGroup { columns, rows } = std::mem::take(&mut self.group);
        if rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in columns {
            column.close()?.append_to_row_group(&mut group)?;
        }
        group.close().map(drop)
    }

    /// Whether a row group of another file has the same columns.
    pub(super) fn accepts(&self, group: &RowGroupMetaData) -> bool {
        group.schema_descr() == self.file.schema_descr()
    }

    /// Adds a row group of another file as it is encoded there.
    pub(super) fn append(&mut self, file: &Bytes, group: &RowGroupMetaData) -> Result<()> {
        self.try_append(file, group).map_err(LedgerError::Encode)
    }

    fn try_append(&mut self, file: &Bytes, group: &RowGroupMetaData) -> Result<(), ParquetError> {
        self.cut()?;
        let mut own = self.file.next_row_group()?;
        for column in group.columns() {
            let encoded = ColumnCloseResult {
                bytes_written: column.compressed_size() as u64,
                rows_written: group.num_rows() as u64,
                metadata: column.clone(),
                bloom_filter: None,
                column_index: None,
                offset_index: None,
            };
            own.append_column(file, encoded)?;
        }
        own.close().map(drop)
    }

    /// Memory in use, in bytes, approximately.
    pub fn bytes(&self) -> usize {
        let group: usize = self
            .group
            .columns
            .iter()
            .map(|column| column.memory_size() + CODEC_BYTES)
            .sum();
        self.file.inner().capacity() + group
    }

    /// The complete file.
    pub fn finish(mut self, footer: &Footer) -> Result<Bytes> {
        self.cut().map_err(LedgerError::Encode)?;
        let checksum = KeyValue::new(checksum::KEY.to_owned(), checksum::UNSEALED.to_owned());
        for pair in footer.to_key_values().into_iter().chain([checksum]) {
            self.file.append_key_value_metadata(pair);
        }
        let mut file = self.file.into_inner().map_err(LedgerError::Encode)?;
        checksum::seal(&mut file);
        Ok(Bytes::from(file))
    }
}

/// Encodes rows and a footer as the bytes of one file.
pub fn encode(schema: &SchemaRef, batches: &[RecordBatch], footer: &Footer) -> Result<Bytes> {
    let mut encoder = Encoder::new(schema)?;
    batches.iter().try_for_each(|batch| encoder.write(batch))?;
    encoder.finish(footer)
}
