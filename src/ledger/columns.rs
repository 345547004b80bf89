//! Columns as they are read back: texts plain or in a dictionary, and row groups without the
//! columns that have no value.
//!
//! It does not know which columns a row has, or what they mean. The invariant: a text reads the
//! same in every encoding, and a column that was not read has no value in any row.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array as _, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::KeptRows;

/// The type of texts that repeat: each text once, and a key per row.
pub(crate) fn dictionary() -> DataType {
    DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into())
}

/// The file's metadata with other Arrow types for the same values: files do not state which texts
/// are dictionaries.
pub(crate) fn with_types(
    file: &ArrowReaderMetadata,
    types: SchemaRef,
) -> Result<ArrowReaderMetadata, ParquetError> {
    let options = ArrowReaderOptions::new().with_schema(types);
    ArrowReaderMetadata::try_new(Arc::clone(file.metadata()), options)
}

/// Reads the kept rows of one row group, in batches of at most `batch_rows`: the named columns (all
/// if none is named), without those that are null in every row.
///
/// Most columns have none, since they belong to other kinds of record. To decode them would be half
/// of the work, more where their type is a dictionary.
pub(crate) fn read_row_group(
    bytes: &Bytes,
    file: &ArrowReaderMetadata,
    row_group: usize,
    columns: &[&str],
    batch_rows: usize,
    kept: &KeptRows,
) -> Result<ParquetRecordBatchReader, ParquetError> {
    let chunks = file.metadata().row_group(row_group).columns();
    let leaves = (0..chunks.len()).filter(|&leaf| {
        let name = chunks[leaf].column_path().parts().first();
        let is_named = name.is_some_and(|name| columns.contains(&name.as_str()));
        (columns.is_empty() || is_named) && may_have_values(&chunks[leaf])
    });
    let mask = ProjectionMask::leaves(file.parquet_schema(), leaves);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), file.clone())
        .with_row_groups(vec![row_group])
        .with_projection(mask)
        .with_batch_size(batch_rows);
    match kept.selection(row_group) {
        None => builder.build(),
        Some(selection) => builder.with_row_selection(selection).build(),
    }
}

/// Whether a column may have a value. One of lists always may: there an empty list counts as a null.
fn may_have_values(column: &ColumnChunkMetaData) -> bool {
    let nulls = column.statistics().and_then(Statistics::null_count_opt);
    column.column_descr().max_rep_level() > 0 || nulls != Some(column.num_values() as u64)
}

/// A column of texts, in the encoding it was decoded in.
pub(crate) enum TextColumn<'b> {
    /// The column is missing or not of texts.
    Absent,
    Plain(&'b StringArray),
    Dictionary(&'b Int32Array, &'b StringArray),
}

impl<'b> TextColumn<'b> {
    /// The column of that name.
    pub(crate) fn new(batch: &'b RecordBatch, name: &str) -> Self {
        Self::find(batch, name).unwrap_or(Self::Absent)
    }

    fn find(batch: &'b RecordBatch, name: &str) -> Option<Self> {
        let column = batch.column_by_name(name)?;
        if let Some(texts) = column.as_string_opt::<i32>() {
            return Some(Self::Plain(texts));
        }
        let dictionary = column.as_dictionary_opt::<Int32Type>()?;
        let texts = dictionary.values().as_string_opt::<i32>()?;
        Some(Self::Dictionary(dictionary.keys(), texts))
    }

    /// The text of a row, if it has one.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'b str> {
        match *self {
            Self::Absent => None,
            Self::Plain(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Dictionary(keys, texts) => keys
                .is_valid(row)
                .then(|| texts.value(keys.value(row) as usize)),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, DictionaryArray};

    use super::*;

    #[test]
    fn a_text_reads_the_same_in_every_encoding() {
        let texts = [Some("a"), None, Some("a")];
        let columns: [(&str, ArrayRef); 3] = [
            ("plain", Arc::new(StringArray::from_iter(texts))),
            (
                "dictionary",
                Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>()),
            ),
            ("number", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).expect("columns of three rows");
        for name in ["plain", "dictionary"] {
            let column = TextColumn::new(&batch, name);
            assert_eq!([0, 1, 2].map(|row| column.get(row)), texts, "{name}");
        }
        for name in ["number", "none"] {
            let column = TextColumn::new(&batch, name);
            assert!(matches!(column, TextColumn::Absent), "{name}");
            assert_eq!(column.get(0), None, "{name}");
        }
    }
}
