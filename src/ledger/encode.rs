//! Encodes rows as a file of the ledger.
//!
//! It must not know what a row contains, only the types of its columns. The invariant: equal rows
//! and footer give equal bytes, in plain types that every Parquet reader knows.

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
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

use super::columns::dictionary;
use super::dictionary_writer::{Compressor, DictionaryWriter};
use super::{Footer, LedgerError, Result, checksum};
use crate::file_format::PROGRAM;

/// Rows in a row group: as in `DuckDB`, which reads each with its own thread.
pub(super) const ROW_GROUP_ROWS: usize = 122_880;

/// Memory of a column's writer from its start: a compressor and an unused decompressor.
const CODEC_BYTES: usize = 96 << 10;

/// Plain texts, numbers and times are written as differences. A dictionary of values that seldom
/// repeat would be abandoned after the first pages: a sixth larger, and slower.
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

/// The difference encoding of a type that is not written as a dictionary.
const fn difference(data_type: &DataType) -> Option<Encoding> {
    match data_type {
        DataType::Utf8 => Some(Encoding::DELTA_BYTE_ARRAY),
        DataType::Int32 | DataType::Int64 | DataType::Timestamp(..) => {
            Some(Encoding::DELTA_BINARY_PACKED)
        }
        _ => None,
    }
}

/// Encodes one file with plain types, batch by batch: encoded rows take a tenth of the memory.
pub struct Encoder {
    file: SerializedFileWriter<Vec<u8>>,
    writers: ArrowRowGroupWriterFactory,
    compressor: Compressor,
    schema: SchemaRef,
    group: RowGroup,
}

/// The open row group.
#[derive(Default)]
struct RowGroup {
    columns: Vec<ColumnWriter>,
    rows: usize,
}

/// Writes the chunk of a column.
enum ColumnWriter {
    /// Texts that repeat.
    Dictionary(Box<DictionaryWriter>),
    /// Other types: a writer for each of their leaves.
    Leaves(Vec<ArrowColumnWriter>),
}

impl ColumnWriter {
    fn write(
        &mut self,
        field: &Field,
        column: &ArrayRef,
        compressor: &mut Compressor,
    ) -> Result<(), ParquetError> {
        match self {
            Self::Dictionary(writer) => writer.write(column.as_dictionary(), compressor),
            Self::Leaves(writers) => {
                let leaves = compute_leaves(field, column)?;
                let mut writers = writers.iter_mut().zip(&leaves);
                writers.try_for_each(|(writer, leaf)| writer.write(leaf))
            }
        }
    }

    /// Memory in use, in bytes, approximately.
    fn memory(&self) -> usize {
        match self {
            Self::Dictionary(writer) => writer.memory(),
            Self::Leaves(writers) => writers
                .iter()
                .map(|writer| writer.memory_size() + CODEC_BYTES)
                .sum(),
        }
    }
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
            compressor: Compressor::zstd()?,
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
            self.group.columns = self.column_writers()?;
        }
        // Counted before the columns are written: a group in which a column failed cannot close.
        self.group.rows += rows.num_rows();
        let columns = self.schema.fields().iter().zip(rows.columns());
        for (writer, (field, column)) in self.group.columns.iter_mut().zip(columns) {
            writer.write(field, column, &mut self.compressor)?;
        }
        if self.group.rows == ROW_GROUP_ROWS {
            self.cut()
        } else {
            Ok(())
        }
    }

    /// The writers of a row group's columns.
    fn column_writers(&self) -> Result<Vec<ColumnWriter>, ParquetError> {
        let number = self.file.flushed_row_groups().len();
        let leaves = self.file.schema_descr();
        let mut columns: Vec<ColumnWriter> = Vec::new();
        for (leaf, writer) in self
            .writers
            .create_column_writers(number)?
            .into_iter()
            .enumerate()
        {
            let root = leaves.get_column_root_idx(leaf);
            match columns.get_mut(root) {
                Some(ColumnWriter::Leaves(writers)) => writers.push(writer),
                _ if self.schema.field(root).data_type() == &dictionary() => {
                    let writer = DictionaryWriter::new(leaves.column(leaf));
                    columns.push(ColumnWriter::Dictionary(Box::new(writer)));
                }
                _ => columns.push(ColumnWriter::Leaves(vec![writer])),
            }
        }
        Ok(columns)
    }

    /// Ends the row group, if there is one.
    fn cut(&mut self) -> Result<(), ParquetError> {
        let RowGroup { columns, rows } = std::mem::take(&mut self.group);
        if rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in columns {
            match column {
                ColumnWriter::Dictionary(writer) => writer
                    .close(&mut self.compressor)?
                    .append_to_row_group(&mut group)?,
                ColumnWriter::Leaves(writers) => {
                    for writer in writers {
                        writer.close()?.append_to_row_group(&mut group)?;
                    }
                }
            }
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
        let group: usize = self.group.columns.iter().map(ColumnWriter::memory).sum();
        self.file.inner().capacity() + CODEC_BYTES + group
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
