//! A table as a Parquet file: plain types, a description of every column, and one way to write, so
//! that equal tables are equal bytes.
//!
//! Each text column is handed over as a dictionary and written as plain strings: what reads the
//! file sees no dictionary. The columns of a row group are made and encoded by several threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int32Array, Int64Array,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use jiff::civil;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use crate::aggregate::Error;
use crate::aggregate::state::calendar::days_since_1970;

/// The most rows in a row group.
pub(crate) const ROW_GROUP_ROWS: usize = 524_288;
/// The most rows of a table in a row group: its columns are made at once.
const TABLE_ROW_GROUP_ROWS: usize = 131_072;
/// Threads that encode.
const THREADS: usize = 2;
/// The key of what a table answers, in a file's footer.
pub const ABOUT_KEY: &str = "table_description";
/// The key of the descriptions in a file's footer: a JSON object from column to text.
pub const DESCRIPTIONS_KEY: &str = "column_descriptions";
/// The key of a column's description in its Arrow field.
const DESCRIPTION_KEY: &str = "description";

/// A column with its description.
pub(crate) fn field(name: &str, data_type: DataType, description: &str) -> Field {
    let metadata: HashMap<_, _> = [(DESCRIPTION_KEY.to_owned(), description.to_owned())].into();
    Field::new(name, data_type, true).with_metadata(metadata)
}

/// Microseconds since 1970, UTC.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Writes a table, a row group at a time.
pub(crate) struct Writer {
    schema: SchemaRef,
    file: SerializedFileWriter<Vec<u8>>,
    row_groups: ArrowRowGroupWriterFactory,
    written: usize,
}

impl Writer {
    /// A table without rows yet: what it answers, and its columns; `distinct` are columns whose
    /// texts are hardly ever the same.
    pub(crate) fn new(
        about: &str,
        schema: &SchemaRef,
        distinct: &[&str],
    ) -> Result<Self, ParquetError> {
        let writer = ArrowWriter::try_new(
            Vec::new(),
            schema.clone(),
            Some(properties(about, schema, distinct)),
        )?;
        let (file, row_groups) = writer.into_serialized_writer()?;
        Ok(Self {
            schema: schema.clone(),
            file,
            row_groups,
            written: 0,
        })
    }

    /// Adds a row group; `column` makes the column at a place in the schema.
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
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(writer) = writers.get(place) else {
                    return;
                };
                let writer = writer.lock().unwrap_or_else(PoisonError::into_inner).take();
                let chunk =
                    writer.map(|writer| encode(writer, schema.field(place), &column(place)));
                *chunks[place].lock().unwrap_or_else(PoisonError::into_inner) = chunk;
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

    /// The file.
    pub(crate) fn finish(mut self) -> Result<Bytes, ParquetError> {
        self.file.finish()?;
        Ok(std::mem::take(self.file.inner_mut()).into())
    }
}

/// A value of a row.
pub(crate) type Value<'c, R, T> = Box<dyn Fn(&R) -> Option<T> + Sync + 'c>;

/// Where a column's values come from, row by row.
pub(crate) enum Of<'c, R> {
    /// A text of a small table, by its place.
    Choice(StringArray, Value<'c, R, u32>),
    Text(Value<'c, R, String>),
    Integer(Value<'c, R, i64>),
    Double(Value<'c, R, f64>),
    Boolean(Value<'c, R, bool>),
    Date(Value<'c, R, civil::Date>),
    /// Microseconds since 1970, UTC.
    Instant(Value<'c, R, i64>),
}

impl<R> Of<'_, R> {
    fn data_type(&self) -> DataType {
        match self {
            Self::Choice(..) | Self::Text(_) => DataType::Utf8,
            Self::Integer(_) => DataType::Int64,
            Self::Double(_) => DataType::Float64,
            Self::Boolean(_) => DataType::Boolean,
            Self::Date(_) => DataType::Date32,
            Self::Instant(_) => timestamp(),
        }
    }

    fn column(&self, rows: &[R]) -> ArrayRef {
        match self {
            Self::Choice(texts, of) => {
                let keys: Int32Array = rows
                    .iter()
                    .map(|row| of(row).map(|place| place as i32))
                    .collect();
                Arc::new(DictionaryArray::<Int32Type>::new(
                    keys,
                    Arc::new(texts.clone()),
                ))
            }
            Self::Text(of) => Arc::new(rows.iter().map(of).collect::<StringArray>()),
            Self::Integer(of) => Arc::new(rows.iter().map(of).collect::<Int64Array>()),
            Self::Double(of) => Arc::new(rows.iter().map(of).collect::<Float64Array>()),
            Self::Boolean(of) => Arc::new(rows.iter().map(of).collect::<BooleanArray>()),
            Self::Date(of) => Arc::new(
                rows.iter()
                    .map(|row| of(row).map(days_since_1970))
                    .collect::<Date32Array>(),
            ),
            Self::Instant(of) => Arc::new(
                rows.iter()
                    .map(of)
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone("UTC"),
            ),
        }
    }
}

/// A column of a table whose rows are `R`.
pub(crate) struct Column<'c, R> {
    name: &'static str,
    description: &'static str,
    of: Of<'c, R>,
}

/// A column with what it means.
pub(crate) const fn column<'c, R>(
    name: &'static str,
    description: &'static str,
    of: Of<'c, R>,
) -> Column<'c, R> {
    Column {
        name,
        description,
        of,
    }
}

/// A table's file.
pub(crate) struct File {
    pub(crate) bytes: Bytes,
    pub(crate) rows: u64,
}

/// A table in the making: rows in the order of their keys, each column written as the rows come.
pub(crate) struct Table<'c, R> {
    columns: Vec<Column<'c, R>>,
    writer: Writer,
    rows: Vec<R>,
    written: u64,
}

impl<'c, R: Sync> Table<'c, R> {
    /// A table without rows yet.
    pub(crate) fn new(about: &str, columns: Vec<Column<'c, R>>) -> Result<Self, Error> {
        let fields = columns
            .iter()
            .map(|column| field(column.name, column.of.data_type(), column.description));
        let writer = Writer::new(about, &schema(fields), &[])?;
        Ok(Self {
            columns,
            writer,
            rows: Vec::new(),
            written: 0,
        })
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: R) -> Result<(), Error> {
        self.rows.push(row);
        if self.rows.len() < TABLE_ROW_GROUP_ROWS {
            Ok(())
        } else {
            self.flush()
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let (columns, rows) = (&self.columns, &self.rows);
        self.writer
            .row_group(&|place| columns[place].of.column(rows))?;
        self.written += self.rows.len() as u64;
        self.rows.clear();
        Ok(())
    }

    /// The file.
    pub(crate) fn finish(mut self) -> Result<File, Error> {
        if !self.rows.is_empty() {
            self.flush()?;
        }
        Ok(File {
            bytes: self.writer.finish()?,
            rows: self.written,
        })
    }
}

/// The file of a table that is made whole.
pub(crate) fn file<R: Sync>(
    about: &str,
    columns: Vec<Column<'_, R>>,
    rows: impl IntoIterator<Item = R>,
) -> Result<File, Error> {
    let mut table = Table::new(about, columns)?;
    rows.into_iter().try_for_each(|row| table.push(row))?;
    table.finish()
}

/// A small table of texts, of which columns choose.
pub(crate) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = Option<T>>) -> StringArray {
    texts.into_iter().collect()
}

fn encode(
    mut writer: ArrowColumnWriter,
    field: &Field,
    column: &ArrayRef,
) -> Result<ArrowColumnChunk, ParquetError> {
    for leaf in compute_leaves(field, column)? {
        writer.write(&leaf)?;
    }
    writer.close()
}

fn properties(about: &str, schema: &Schema, distinct: &[&str]) -> WriterProperties {
    let described = schema
        .fields()
        .iter()
        .filter_map(|f| Some((f.name(), f.metadata().get(DESCRIPTION_KEY)?)));
    let descriptions: serde_json::Map<_, _> = described
        .map(|(name, text)| (name.clone(), text.clone().into()))
        .collect();
    let descriptions = serde_json::Value::Object(descriptions).to_string();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(vec![
            KeyValue::new(ABOUT_KEY.to_owned(), about.to_owned()),
            KeyValue::new(DESCRIPTIONS_KEY.to_owned(), descriptions),
        ]));
    let plain = |properties: parquet::file::properties::WriterPropertiesBuilder, name: &&str| {
        properties.set_column_dictionary_enabled(ColumnPath::from(*name), false)
    };
    distinct.iter().fold(properties, plain).build()
}

/// The schema of columns.
pub(crate) fn schema(fields: impl IntoIterator<Item = Field>) -> SchemaRef {
    Arc::new(Schema::new(fields.into_iter().collect::<Vec<_>>()))
}
