//! Copies a file's rows into another: large row groups as they are, small ones decoded and encoded
//! together.
//!
//! It must not know what a row contains. The invariant: a copy has the same rows in the same order,
//! in encodings that depend only on the rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{DataType, Fields, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};

use super::columns::{dictionary, read_row_group, with_types};
use super::encode::{Encoder, ROW_GROUP_ROWS};
use super::erasures::ErasedPositions;
use super::{Footer, KeptRows, LedgerError, Result, load};

/// Rows decoded at once.
const BATCH_ROWS: usize = 8_192;

/// Rows from which a row group is large: encoded again with its neighbours, it would not become much
/// smaller.
const LARGE_ROWS: usize = ROW_GROUP_ROWS / 4;

/// A file whose rows are copied.
pub(super) struct Original {
    path: String,
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    /// Its footer.
    pub(super) footer: Footer,
    /// The types of its rows that lead to the encodings they have.
    pub(super) schema: SchemaRef,
}

impl Original {
    /// Opens a file. The types of `like` are used if they have the same values.
    pub(super) fn open(path: &str, bytes: Bytes, like: Option<&SchemaRef>) -> Result<Self> {
        let plain = load(path, &bytes)?;
        let footer = Footer::from_metadata(path, plain.metadata().file_metadata())?;
        let same = like.filter(|like| plain_types(like) == plain_types(plain.schema()));
        let schema = same
            .cloned()
            .unwrap_or_else(|| written_types(plain.schema(), plain.metadata()));
        let metadata = with_types(&plain, Arc::clone(&schema))
            .map_err(|error| LedgerError::not_parquet(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            metadata,
            footer,
            schema,
        })
    }

    /// Adds its rows to another file.
    pub(super) fn copy(&self, to: &mut Encoder) -> Result<()> {
        for (number, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            if group.num_rows() >= LARGE_ROWS as i64 && to.accepts(group) {
                to.append(&self.bytes, group)?;
            } else {
                self.decode(number, group, &KeptRows::All, |rows| to.write(rows))?;
            }
        }
        Ok(())
    }

    /// Adds its rows but for the erased ones to a file of the same columns. Row groups without an
    /// erased row are copied as they are. Returns the number of rows.
    pub(super) fn copy_without(&self, erased: &ErasedPositions, to: &mut Encoder) -> Result<u64> {
        let kept = KeptRows::find(&self.path, &self.bytes, &self.metadata, erased)?;
        let mut rows_copied = 0;
        for (number, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            if to.accepts(group) && !kept.are_fewer(number) {
                to.append(&self.bytes, group)?;
                rows_copied += group.num_rows() as u64;
            } else {
                self.decode(number, group, &kept, |rows| {
                    rows_copied += rows.num_rows() as u64;
                    to.write(rows)
                })?;
            }
        }
        Ok(rows_copied)
    }

    /// Adds its rows to a file of the same columns, each batch as `change` makes it.
    pub(super) fn copy_changed(
        &self,
        to: &mut Encoder,
        change: impl Fn(&RecordBatch) -> RecordBatch,
    ) -> Result<()> {
        for (number, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            self.decode(number, group, &KeptRows::All, |rows| {
                to.write(&change(rows))
            })?;
        }
        Ok(())
    }

    /// Passes on the rows of a row group, in batches as large as they are encoded. Columns without
    /// a value are not read, but filled in.
    fn decode(
        &self,
        number: usize,
        group: &RowGroupMetaData,
        kept: &KeptRows,
        mut write: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let batches = read_row_group(&self.bytes, &self.metadata, number, &[], BATCH_ROWS, kept)
            .map_err(|error| self.not_parquet(error))?;
        let nulls_max = BATCH_ROWS.min(group.num_rows() as usize);
        let mut nulls: HashMap<&DataType, ArrayRef> = HashMap::new();
        for batch in batches {
            let batch = batch.map_err(|error| self.not_parquet(error))?;
            let mut columns = Vec::with_capacity(self.schema.fields().len());
            for field in self.schema.fields() {
                let column = batch.column_by_name(field.name()).cloned();
                columns.push(column.unwrap_or_else(|| {
                    let nulls = nulls.entry(field.data_type());
                    nulls
                        .or_insert_with(|| new_null_array(field.data_type(), nulls_max))
                        .slice(0, batch.num_rows())
                }));
            }
            let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns);
            write(&rows.map_err(|error| self.not_parquet(error))?)?;
        }
        Ok(())
    }

    fn not_parquet(&self, error: impl Into<ParquetError>) -> LedgerError {
        LedgerError::not_parquet(&self.path, error)
    }
}

/// Names and types; for dictionaries, the type of their values.
fn plain_types(schema: &Schema) -> Vec<(&str, &DataType)> {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Dictionary(_, values) => (field.name().as_str(), &**values),
        plain => (field.name().as_str(), plain),
    });
    fields.collect()
}

/// Texts that were not written as differences are in a dictionary.
fn written_types(schema: &Schema, metadata: &ParquetMetaData) -> SchemaRef {
    let columns = metadata
        .row_groups()
        .first()
        .map(RowGroupMetaData::columns)
        .unwrap_or_default();
    let fields = schema.fields().iter().map(|field| {
        if field.data_type() == &DataType::Utf8 && is_in_dictionary(columns, field.name()) {
            Arc::new(field.as_ref().clone().with_data_type(dictionary()))
        } else {
            Arc::clone(field)
        }
    });
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

fn is_in_dictionary(columns: &[ColumnChunkMetaData], name: &str) -> bool {
    let column = columns
        .iter()
        .find(|column| column.column_path().string() == name);
    column.is_some_and(|column| {
        let mut encodings = column.encodings();
        encodings.all(|encoding| encoding != Encoding::DELTA_BYTE_ARRAY)
    })
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int32Type;
    use arrow_array::{DictionaryArray, Int64Array, StringArray};
    use arrow_schema::Field;

    use super::*;
    use crate::contract::rejection::{Reason, Rejection};
    use crate::contract::{Event, Record};
    use crate::event::{Kind, Micros, Position};
    use crate::generate::{GeneratedEvent, Generator, GeneratorOptions};
    use crate::ledger::encode;
    use crate::normalise::{Coordinates, RowBuilder};
    use crate::rejects::RejectsBuilder;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("offset", DataType::Int64, false),
            Field::new("source", dictionary(), false),
            Field::new("nothing_yet", dictionary(), true),
            Field::new("subject", DataType::Utf8, false),
        ]))
    }

    fn rows(offsets: std::ops::Range<i64>, nothing: Option<&str>) -> RecordBatch {
        let source = |offset: i64| if offset % 3 == 0 { "a" } else { "b" };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(offsets.clone())),
            Arc::new(
                offsets
                    .clone()
                    .map(source)
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
            Arc::new(
                offsets
                    .clone()
                    .map(|_| nothing)
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
            Arc::new(StringArray::from_iter_values(
                offsets.map(|offset| format!("s-{offset}")),
            )),
        ];
        RecordBatch::try_new(schema(), columns).expect("columns fit")
    }

    fn footer() -> Footer {
        Footer::attempt(Position::ORIGIN, Position::ORIGIN.at(1))
    }

    fn file(batches: &[RecordBatch]) -> Bytes {
        encode(&schema(), batches, &footer()).expect("encoded")
    }

    fn opened(bytes: Bytes, like: Option<&SchemaRef>) -> Original {
        Original::open("x", bytes, like).expect("a file")
    }

    /// The rows of a file, a batch a row group.
    fn groups(bytes: Bytes) -> Vec<RecordBatch> {
        let file = opened(bytes, None);
        let groups = file.metadata.metadata().row_groups().iter().enumerate();
        let decoded = groups.map(|(number, group)| {
            let mut batches = Vec::new();
            file.decode(number, group, &KeptRows::All, |rows| {
                batches.push(rows.clone());
                Ok(())
            })
            .expect("rows");
            arrow_select::concat::concat_batches(&file.schema, &batches).expect("of one schema")
        });
        decoded.collect()
    }

    #[test]
    fn rows_are_copied_in_the_types_that_lead_to_their_encodings() {
        assert_eq!(opened(file(&[rows(0..3, None)]), None).schema, schema());
        assert_eq!(groups(file(&[rows(0..3, None)])), [rows(0..3, None)]);
        assert_eq!(
            groups(file(&[rows(0..3, Some("c"))])),
            [rows(0..3, Some("c"))]
        );
        let bytes = file(&[rows(0..3, None)]);
        assert_eq!(opened(bytes.clone(), Some(&schema())).schema, schema());
        let other = Arc::new(Schema::new(vec![Field::new(
            "source",
            DataType::Utf8,
            false,
        )]));
        assert_eq!(
            opened(bytes, Some(&other)).schema,
            schema(),
            "of another schema: as it was written"
        );
    }

    #[test]
    fn large_row_groups_are_copied_as_they_are_and_small_ones_become_one() {
        let large = LARGE_ROWS as i64;
        let parts = [0..5, 5..9, 9..9 + large, 9 + large..12 + large];
        let mut copy = Encoder::new(&schema()).expect("an encoder");
        for (number, part) in parts.iter().enumerate() {
            let nothing = (number % 2 == 1).then_some("c");
            opened(file(&[rows(part.clone(), nothing)]), Some(&schema()))
                .copy(&mut copy)
                .expect("copied");
        }
        let copy = copy.finish(&footer()).expect("encoded");
        let original = file(&[rows(parts[2].clone(), None)]);
        assert_eq!(
            pages(&opened(copy.clone(), None), 1),
            pages(&opened(original, None), 0)
        );
        let small = arrow_select::concat::concat_batches(
            &schema(),
            &[rows(0..5, None), rows(5..9, Some("c"))],
        );
        let read = groups(copy);
        assert_eq!(
            read.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(),
            [9, LARGE_ROWS, 3]
        );
        assert_eq!(read[1], rows(parts[2].clone(), None));
        assert_eq!(read[0].column(0), small.expect("of one schema").column(0));
        assert_eq!(read[2], rows(parts[3].clone(), Some("c")));
    }

    /// The bytes of each column.
    fn pages(file: &Original, group: usize) -> Vec<Bytes> {
        let column = |column: &ColumnChunkMetaData| {
            let (from, length) = column.byte_range();
            file.bytes.slice(from as usize..(from + length) as usize)
        };
        file.metadata
            .metadata()
            .row_group(group)
            .columns()
            .iter()
            .map(column)
            .collect()
    }

    #[test]
    fn rows_and_rejects_are_copied_with_their_encodings_and_statistics() {
        let mut generator = Generator::new(
            1,
            GeneratorOptions {
                events: 500,
                ..GeneratorOptions::default()
            },
        );
        let (mut documents, mut document) = (Vec::new(), GeneratedEvent::new());
        while generator.write_next(&mut document) {
            documents.push(String::from_utf8(document.bytes.clone()).expect("JSON"));
        }
        let (reason, pointer, rule) = (
            Reason::SchemaEnum,
            "/data/area".into(),
            "must be one of a, b".into(),
        );
        let rejection = Rejection {
            reason,
            pointer,
            rule,
            partner: None,
            kind: Some(Kind::Crime),
            more: Vec::new(),
        };
        let (mut accepted, mut rejected) = (RowBuilder::default(), RejectsBuilder::default());
        for (offset, document) in (0..LARGE_ROWS as i64).zip(documents.iter().cycle()) {
            let (position, received) = (Position::ORIGIN.at(offset), Micros(offset * 1_000));
            let event = Event::decode(document).expect("valid");
            accepted.append(
                Coordinates { position, received },
                &Record::from_event(&event),
            );
            let headers = [("a", Some(document.as_bytes())), ("b", None)]
                .into_iter()
                .take(offset as usize % 3);
            rejected.append(
                position,
                received,
                &rejection,
                Some(b"key"),
                Some(document.as_bytes()),
                headers,
            );
        }
        for batch in [accepted.finish(), rejected.finish()] {
            let original = opened(
                encode(&batch.schema(), &[batch], &footer()).expect("encoded"),
                None,
            );
            let mut copy = Encoder::new(&original.schema).expect("an encoder");
            original.copy(&mut copy).expect("copied");
            let copy = opened(copy.finish(&footer()).expect("encoded"), None);
            assert_eq!(pages(&copy, 0), pages(&original, 0));
            let columns =
                |file: &Original| file.metadata.metadata().row_group(0).columns().to_vec();
            for (copy, original) in columns(&copy).iter().zip(&columns(&original)) {
                let facts = |column: &ColumnChunkMetaData| {
                    let statistics = column.statistics().expect("statistics");
                    let bounds = (
                        statistics.min_bytes_opt().map(<[u8]>::to_vec),
                        statistics.max_bytes_opt().map(<[u8]>::to_vec),
                    );
                    let sizes = (
                        column.num_values(),
                        column.compressed_size(),
                        column.uncompressed_size(),
                    );
                    let encodings = (
                        column.encodings().collect::<Vec<_>>(),
                        column.page_encoding_stats().cloned(),
                    );
                    (bounds, statistics.null_count_opt(), sizes, encodings)
                };
                assert_eq!(facts(copy), facts(original), "{}", original.column_path());
            }
            assert_eq!(groups(copy.bytes), groups(original.bytes));
        }
    }

    #[test]
    fn a_large_row_group_of_other_columns_is_encoded_anew() {
        let large = LARGE_ROWS as i64;
        let original = opened(file(&[rows(0..large, None)]), None);
        let schema = schema();
        let fields = schema.fields().iter();
        let optional = fields.map(|field| field.as_ref().clone().with_nullable(true));
        let other: SchemaRef = Arc::new(Schema::new(optional.collect::<Vec<_>>()));
        let mut copy = Encoder::new(&other).expect("an encoder");
        original.copy(&mut copy).expect("copied");
        let copy = opened(copy.finish(&footer()).expect("encoded"), None);
        assert_eq!(copy.schema, other);
        assert_eq!(
            groups(copy.bytes)[0].columns(),
            rows(0..large, None).columns()
        );
    }

    #[test]
    fn a_row_group_ends_where_it_is_full() {
        let full = ROW_GROUP_ROWS as i64;
        let read = groups(file(&[
            rows(0..full - 1, None),
            rows(full - 1..full + 2, None),
        ]));
        assert_eq!(read, [rows(0..full, None), rows(full..full + 2, None)]);
    }
}
