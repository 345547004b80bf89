//! Writes a table: rows in the order of their keys, a row group at a time.

use std::sync::Arc;

use arrow_array::StringArray;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::Column;
pub(crate) use crate::aggregate::tables::parquet_file::TableFile;
use crate::aggregate::tables::parquet_file::{ParquetFile, ROW_GROUP_ROWS, schema};
use crate::aggregate::tables::spec::TableSpec;

/// Writes the rows of a table.
pub(crate) struct TableWriter<'f, R> {
    set: &'f TableSet<'f>,
    columns: Vec<Column<'f, R>>,
    /// For each column the list it chooses from, if it has one.
    choices: Vec<Option<Arc<StringArray>>>,
    file: ParquetFile<Vec<u8>>,
    rows: Vec<R>,
    written: u64,
}

impl<'f, R: Sync> TableWriter<'f, R> {
    /// A table without rows.
    pub(crate) fn new(
        table: &TableSpec,
        set: &'f TableSet<'f>,
        columns: Vec<Column<'f, R>>,
    ) -> Result<Self, AggregateError> {
        let schema = schema(columns.iter().map(|column| column.spec.field()));
        Ok(Self {
            set,
            choices: columns.iter().map(|column| column.choices(set)).collect(),
            columns,
            file: ParquetFile::new(Vec::new(), &table.description(), &schema, &[])?,
            rows: Vec::new(),
            written: 0,
        })
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: R) -> Result<(), AggregateError> {
        self.rows.push(row);
        if self.rows.len() < ROW_GROUP_ROWS {
            Ok(())
        } else {
            self.flush()
        }
    }

    fn flush(&mut self) -> Result<(), AggregateError> {
        let (set, rows) = (self.set, &self.rows);
        let (columns, choices) = (&self.columns, &self.choices);
        self.file
            .row_group(&|index| columns[index].array(set, choices[index].as_ref(), rows))?;
        self.written += self.rows.len() as u64;
        self.rows.clear();
        Ok(())
    }

    /// The file.
    pub(crate) fn finish(mut self) -> Result<TableFile, AggregateError> {
        if !self.rows.is_empty() {
            self.flush()?;
        }
        Ok(TableFile {
            bytes: self.file.finish()?.into(),
            rows: self.written,
        })
    }
}

/// The file of a table whose rows are all known.
pub(crate) fn write_rows<'f, R: Sync>(
    table: &TableSpec,
    set: &'f TableSet<'f>,
    columns: Vec<Column<'f, R>>,
    rows: impl IntoIterator<Item = R>,
) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(table, set, columns)?;
    rows.into_iter().try_for_each(|row| writer.push(row))?;
    writer.finish()
}
