//! Reads a table back from its file, with the types of the catalogue.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type};
use arrow_array::{
    Array, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::FileMetaData;

use crate::aggregate::tables::spec::TableSpec;
use crate::aggregate::tables::{TableValue, ValueType};
use crate::file_format::{self, FORMAT_KEY, NewerFile};

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TableReadError {
    /// The file is not a Parquet file, or is damaged.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// Its columns could not be decoded.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// A newer version wrote it.
    #[error(transparent)]
    Newer(#[from] NewerFile),
    /// Another version wrote it.
    #[error(
        "the table `{table}` has no column `{column}` of the type this version writes; \
         run `partner-feeds aggregate`"
    )]
    Column {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
}

/// Some rows of a table. Every column of the catalogue is there, with its type; in a released table,
/// some may be missing.
pub struct TableBatch {
    table: &'static TableSpec,
    rows: RecordBatch,
}

impl TableBatch {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the column is there.
    pub fn has(&self, column: &str) -> bool {
        self.rows.column_by_name(column).is_some()
    }

    /// A column of texts.
    pub fn texts(&self, column: &str) -> &StringArray {
        self.column(column).as_string()
    }

    /// A column of integers.
    pub fn integers(&self, column: &str) -> &Int64Array {
        self.column(column).as_primitive::<Int64Type>()
    }

    /// A column of floating-point numbers.
    pub fn numbers(&self, column: &str) -> &Float64Array {
        self.column(column).as_primitive::<Float64Type>()
    }

    /// A column of booleans.
    pub fn booleans(&self, column: &str) -> &BooleanArray {
        self.column(column).as_boolean()
    }

    /// A column of days since 1970-01-01.
    pub fn dates(&self, column: &str) -> &Date32Array {
        self.column(column).as_primitive::<Date32Type>()
    }

    /// The value of a row in a column.
    pub(crate) fn value(&self, column: &str, value_type: ValueType, row: usize) -> TableValue {
        TableValue::read(self.column(column), value_type, row)
    }

    /// A column of any type.
    pub(crate) fn array(&self, column: &str) -> &dyn Array {
        self.column(column)
    }

    /// A column that the catalogue has: another is our own mistake.
    fn column(&self, column: &str) -> &dyn Array {
        let Some(array) = self.rows.column_by_name(column) else {
            panic!("the table `{}` has no column `{column}`", self.table.name)
        };
        array
    }
}

/// Refuses the file of a table that a newer version wrote.
pub(crate) fn check_format(path: &str, metadata: &FileMetaData) -> Result<(), NewerFile> {
    file_format::check_parquet(path, metadata, FORMAT_KEY, file_format::TABLES)
}

impl TableSpec {
    /// Reads the table back from its file.
    pub fn read(&'static self, file: Bytes) -> Result<Vec<TableBatch>, TableReadError> {
        self.read_columns(file, false)
    }

    /// Reads the table as a release has it: without the columns that may not be published.
    pub fn read_released(&'static self, file: Bytes) -> Result<Vec<TableBatch>, TableReadError> {
        self.read_columns(file, true)
    }

    fn read_columns(
        &'static self,
        file: Bytes,
        may_lack: bool,
    ) -> Result<Vec<TableBatch>, TableReadError> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
        let path = format!("{}.parquet", self.name);
        check_format(&path, reader.metadata().file_metadata())?;
        for column in self.columns() {
            let field = reader.schema().field_with_name(column.name);
            let is_right = field.map_or(may_lack, |field| {
                *field.data_type() == column.value_type.data_type()
            });
            if !is_right {
                return Err(TableReadError::Column {
                    table: self.name,
                    column: column.name,
                });
            }
        }
        reader
            .build()?
            .map(|rows| {
                Ok(TableBatch {
                    table: self,
                    rows: rows?,
                })
            })
            .collect()
    }
}
