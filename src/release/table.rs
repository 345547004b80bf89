//! A table of a release: plain columns, written as Parquet and CSV, and read back from Parquet.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::aggregate::tables::parquet_file::{ParquetFile, ROW_GROUP_ROWS, schema};
use crate::aggregate::tables::{self, ColumnPurpose, ColumnSpec, TableValue, ValueType};
use crate::release::ReleaseError;

impl TableValue {
    /// The text of a key, if there is one: numbers too.
    pub(crate) fn key(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text.clone()),
            other => Some(other.csv()),
        }
    }

    /// The value of a key, from its text.
    pub(crate) fn from_key(key: Option<&str>, of: ValueType) -> Self {
        match (key, of) {
            (Some(key), ValueType::Integer) => Self::from(key.parse::<i64>().ok()),
            (key, _) => Self::from(key),
        }
    }
}

/// A column of a table that only releases have.
pub(crate) const fn column(
    name: &'static str,
    description: &'static str,
    value_type: ValueType,
) -> ColumnSpec {
    ColumnSpec {
        name,
        description,
        value_type,
        role: ColumnPurpose::Attribute,
        values: &[],
    }
}

/// A table of a release.
#[derive(Clone, Debug)]
pub(crate) struct ReleaseTable {
    /// The name of its file, without its ending.
    pub(crate) name: &'static str,
    /// What its rows are.
    pub(crate) description: String,
    pub(crate) columns: Vec<ColumnSpec>,
    pub(crate) rows: Vec<Vec<TableValue>>,
}

impl ReleaseTable {
    /// The index of a column.
    pub(crate) fn index(&self, column: &str) -> usize {
        index_of(&self.columns, column)
    }

    /// The index of a column that some tables have.
    pub(crate) fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|own| own.name == column)
    }

    /// The file in Parquet.
    pub(crate) fn parquet(&self) -> Result<Bytes, ReleaseError> {
        let schema = schema(self.columns.iter().map(ColumnSpec::field));
        let mut file = ParquetFile::new(Vec::new(), &self.description, &schema, &[])?;
        for rows in self.rows.chunks(ROW_GROUP_ROWS) {
            file.row_group(&|index| array(self.columns[index].value_type, rows, index))?;
        }
        Ok(file.finish()?.into())
    }

    /// The file as comma-separated values.
    pub(crate) fn csv(&self) -> Result<Bytes, ReleaseError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(|column| column.name))?;
        for row in &self.rows {
            writer.write_record(row.iter().map(TableValue::csv))?;
        }
        let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error);
        Ok(bytes.map_err(csv::Error::from)?.into())
    }

    /// Reads the rows of a file that has these columns, in any order, and perhaps others.
    pub(crate) fn read(
        name: &'static str,
        columns: Vec<ColumnSpec>,
        file: Bytes,
    ) -> Result<Self, ReleaseError> {
        let damaged = |why: String| ReleaseError::Damaged {
            file: format!("{name}.parquet"),
            why,
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .map_err(|error| damaged(error.to_string()))?;
        tables::check_format(
            &format!("{name}.parquet"),
            reader.metadata().file_metadata(),
        )?;
        let reader = reader.build().map_err(|error| damaged(error.to_string()))?;
        let mut rows = Vec::new();
        for batch in reader {
            let batch = batch.map_err(|error| damaged(error.to_string()))?;
            let mut arrays = Vec::new();
            for column in &columns {
                let (name, of) = (column.name, column.value_type);
                let array = batch.column_by_name(name);
                let array = array.filter(|array| *array.data_type() == of.data_type());
                let missing = || damaged(format!("it has no column `{name}` of the right type"));
                arrays.push((array.ok_or_else(missing)?.clone(), of));
            }
            rows.extend((0..batch.num_rows()).map(|row| {
                let values = arrays.iter();
                values
                    .map(|(array, of)| TableValue::read(array, *of, row))
                    .collect()
            }));
        }
        Ok(Self {
            name,
            description: String::new(),
            columns,
            rows,
        })
    }
}

/// The index of a column: one that a table lacks is our own mistake.
pub(crate) fn index_of(columns: &[ColumnSpec], column: &str) -> usize {
    let found = columns.iter().position(|own| own.name == column);
    found.unwrap_or_else(|| panic!("a released table has no column `{column}`"))
}

fn array(of: ValueType, rows: &[Vec<TableValue>], index: usize) -> ArrayRef {
    let values = rows.iter().map(|row| &row[index]);
    match of {
        ValueType::Text => Arc::new(values.map(TableValue::text).collect::<StringArray>()),
        ValueType::Integer => Arc::new(values.map(TableValue::integer).collect::<Int64Array>()),
        ValueType::Number => {
            let numbers = values.map(|value| match value {
                TableValue::Number(number) => Some(*number),
                _ => None,
            });
            Arc::new(numbers.collect::<Float64Array>())
        }
        ValueType::Boolean => {
            let values = values.map(|value| match value {
                TableValue::Boolean(value) => Some(*value),
                _ => None,
            });
            Arc::new(values.collect::<BooleanArray>())
        }
        ValueType::Instant => {
            let nothing = values.map(|_| None::<i64>);
            let nothing: TimestampMicrosecondArray = nothing.collect();
            Arc::new(nothing.with_timezone("UTC"))
        }
        ValueType::Date => {
            let days = values.map(|value| match value {
                TableValue::Date(day) => Some(crate::event::days_since_1970(*day)),
                _ => None,
            });
            Arc::new(days.collect::<Date32Array>())
        }
    }
}
