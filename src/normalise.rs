//! Flat records to the ledger's rows, and back.
//!
//! One wide row contains the whole event, so that the ledger is the only truth: the event can be
//! rebuilt from it. The columns are those of [`Record`], after the three coordinates. The schema
//! only grows, by nullable columns: a reader takes a column it does not find as absent.

mod column;

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{Int32Builder, Int64Builder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_array::{Int32Array, Int64Array, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::contract::Record;
#[allow(
    clippy::wildcard_imports,
    reason = "the list of columns names their types"
)]
use crate::contract::columns::*;
use crate::event::{Micros, Position};
use column::{ColumnFormat, timestamps};

/// A record's position in its partition and when Kafka received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coordinates {
    /// Era and offset.
    pub position: Position,
    /// The record's Kafka timestamp.
    pub received: Micros,
}

/// The column of the record's Kafka timestamp.
pub const RECEIVED: &str = "received";

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![
        column::described(
            "era",
            DataType::Int32,
            false,
            "One life of the topic, from 0.",
        ),
        column::described(
            "offset",
            DataType::Int64,
            false,
            "Kafka's offset in the partition.",
        ),
        column::described(
            RECEIVED,
            column::timestamp(),
            false,
            "The record's Kafka timestamp (UTC).",
        ),
    ];
    fields.extend(ColumnBuilders::fields());
    Arc::new(Schema::new(fields))
});

/// The schema of a ledger row: coordinates, then the columns of [`Record`].
pub fn schema() -> SchemaRef {
    SCHEMA.clone()
}

/// The names of the columns of a ledger row.
pub(crate) fn column_names() -> Vec<&'static str> {
    let fields = SCHEMA.fields().iter();
    fields.map(|field| field.name().as_str()).collect()
}

/// The ledger's columns of a field of [`Record`]: two for a time, with its precision, and for the
/// flags; else one of the same name.
pub fn columns_of(field: &Definition) -> &'static [FieldRef] {
    &SCHEMA.fields()[COORDINATES + field.first..][..field.width]
}

/// What a column of the ledger means.
pub fn description(column: &Field) -> &str {
    column
        .metadata()
        .get(column::DESCRIPTION)
        .map_or("", String::as_str)
}

/// How many columns there are before those of [`Record`].
const COORDINATES: usize = 3;

macro_rules! columns {
    ($($(#[$doc:meta])+ $name:ident: $kind:ident, $group:ident, $feeds:expr, $role:ident;)+) => {
        /// One builder a column.
        struct ColumnBuilders { $($name: <$kind as ColumnFormat>::Builder),+ }

        impl ColumnBuilders {
            fn new() -> Self {
                Self { $($name: $kind::builder()),+ }
            }

            fn fields() -> Vec<Field> {
                let mut fields = Vec::new();
                $(let column = COLUMNS.$name.definition();
                $kind::fields(column.name, column.description, &mut fields);)+
                fields
            }

            fn append(&mut self, row: usize, record: &Record<'_>) {
                $($kind::append(&mut self.$name, row, record.$name);)+
            }

            fn finish(&mut self, rows: usize, into: &mut Vec<ArrayRef>) {
                $($kind::finish(&mut self.$name, rows, into);)+
            }

            fn bytes(&self) -> usize {
                0 $(+ $kind::bytes(&self.$name))+
            }
        }

        /// The columns of a batch, read as flat records.
        struct ColumnReaders<'b> { $($name: <$kind as ColumnFormat>::Reader<'b>),+ }

        impl<'b> ColumnReaders<'b> {
            fn new(batch: &'b RecordBatch) -> Self {
                Self { $($name: $kind::reader(batch, stringify!($name))),+ }
            }

            fn record(&self, row: usize) -> Record<'b> {
                Record { $($name: $kind::read(&self.$name, row)),+ }
            }
        }
    };
}
with_columns!(columns);

/// Gathers rows, column by column. Without rows it uses no memory.
pub struct RowBuilder {
    rows: usize,
    era: Int32Builder,
    offset: Int64Builder,
    received: TimestampMicrosecondBuilder,
    columns: ColumnBuilders,
}

impl Default for RowBuilder {
    fn default() -> Self {
        Self {
            rows: 0,
            era: Int32Builder::with_capacity(0),
            offset: Int64Builder::with_capacity(0),
            received: TimestampMicrosecondBuilder::with_capacity(0),
            columns: ColumnBuilders::new(),
        }
    }
}

impl RowBuilder {
    /// Adds one record.
    pub fn append(&mut self, at: Coordinates, record: &Record<'_>) {
        self.era.append_value(i32::from(at.position.era));
        self.offset.append_value(at.position.offset);
        self.received.append_value(at.received.0);
        self.columns.append(self.rows, record);
        self.rows += 1;
    }

    /// Rows gathered.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether no row was gathered.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Approximate memory of the rows, in bytes.
    pub fn bytes(&self) -> usize {
        self.rows * 20 + self.columns.bytes()
    }

    /// The rows gathered, and an empty builder again.
    pub fn finish(&mut self) -> RecordBatch {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.era.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(timestamps(&mut self.received)),
        ];
        self.columns.finish(self.rows, &mut columns);
        self.rows = 0;
        RecordBatch::try_new(schema(), columns).expect("the columns are those of the schema")
    }
}

/// Reads the rows of a batch as flat records. The batch may hold a part of the columns: the others
/// read as absent.
pub struct Rows<'b> {
    era: Option<&'b Int32Array>,
    offset: Option<&'b Int64Array>,
    received: Option<&'b TimestampMicrosecondArray>,
    readers: ColumnReaders<'b>,
    len: usize,
}

impl<'b> Rows<'b> {
    /// Over a batch with columns of [`schema`], in any order.
    pub fn new(batch: &'b RecordBatch) -> Self {
        let column = |name| batch.column_by_name(name).map(arrow_array::Array::as_any);
        Self {
            era: column("era").and_then(|c| c.downcast_ref()),
            offset: column("offset").and_then(|c| c.downcast_ref()),
            received: column(RECEIVED).and_then(|c| c.downcast_ref()),
            readers: ColumnReaders::new(batch),
            len: batch.num_rows(),
        }
    }

    /// Rows in the batch.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the batch is empty.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where a row came from; the origin and the epoch where the columns were not read.
    pub fn coordinates(&self, row: usize) -> Coordinates {
        let era = self.era.map_or(0, |c| c.value(row) as u16);
        let offset = self.offset.map_or(0, |c| c.value(row));
        let received = Micros(self.received.map_or(0, |c| c.value(row)));
        Coordinates {
            position: Position { era, offset },
            received,
        }
    }

    /// A row as a flat record.
    pub fn record(&self, row: usize) -> Record<'b> {
        self.readers.record(row)
    }
}

#[cfg(test)]
mod tests {
    use super::column::{MARKS, PRECISION};
    use super::*;
    use crate::contract::Event;

    const CRIME: &str = r#"{"specversion":"1.0","id":"46-001234-17.2","source":"urn:partner:kent-police:crime","type":"uk.community-safety.police.crime.v1","subject":"46-001234-17","revision":2,"time":"2017-02-06T09:15:00Z","data":{"what":{"list":"ho-crime","edition":"2016-04","category":"8N","code":"008/06"},"when":{"occurred_from":"2017-02-03T23:10:00Z","occurred_to":"2017-02-04","recorded_at":"2017-02"},"area":{"code":"E01024374","level":"lsoa","vintage":2011,"role":"incident"},"flags":{"domestic_abuse":true,"alcohol":true,"mental_health":false},"victim":{"token":"k17:9f86d081884c7d659a2feaa0c55ad015","age_band":"25-34","sex":"female"}}}"#;
    const ADMISSION: &str = r#"{"specversion":"1.0","id":"adm-77-0412.1","source":"urn:partner:mtw-nhs:sus","type":"uk.community-safety.health.admission.v1","subject":"adm-77-0412","revision":1,"time":"2017-04-20T00:00:00Z","data":{"icd10":["S21.1","X99.9"],"when":{"occurred_from":"2017-02-04"}}}"#;

    #[test]
    fn a_row_reads_as_the_record_it_was_built_from() {
        let events =
            [CRIME, ADMISSION, CRIME].map(|document| Event::decode(document).expect("valid"));
        let mut builder = RowBuilder::default();
        for (offset, event) in events.iter().enumerate() {
            let position = Position {
                era: 3,
                offset: offset as i64,
            };
            builder.append(
                Coordinates {
                    position,
                    received: Micros(7),
                },
                &Record::from_event(event),
            );
        }
        let batch = builder.finish();
        assert!(builder.is_empty());
        let rows = Rows::new(&batch);
        assert_eq!(
            rows.coordinates(1),
            Coordinates {
                position: Position { era: 3, offset: 1 },
                received: Micros(7)
            }
        );
        let further = std::cell::RefCell::new(Vec::new());
        rows.record(1)
            .icd10_further
            .expect("further")
            .for_each(|code| further.borrow_mut().push(code));
        assert_eq!(*further.borrow(), ["X99.9"]);
        for (row, event) in events.iter().enumerate() {
            let (mut built, mut read) = (Record::from_event(event), rows.record(row));
            (built.icd10_further, read.icd10_further) = (None, None);
            assert_eq!(format!("{read:?}"), format!("{built:?}"));
        }
    }

    #[test]
    fn a_column_that_was_not_read_is_absent() {
        let event = Event::decode(CRIME).expect("valid");
        let mut builder = RowBuilder::default();
        builder.append(
            Coordinates {
                position: Position::ORIGIN,
                received: Micros(0),
            },
            &Record::from_event(&event),
        );
        let batch = builder.finish();
        let some = batch
            .project(&[schema().index_of("subject").expect("column")])
            .expect("projected");
        let record = Rows::new(&some).record(0);
        assert_eq!(
            (record.subject, record.what_category, record.flags.yes),
            ("46-001234-17", None, 0)
        );
    }

    #[test]
    fn each_field_has_its_columns_in_the_ledger() {
        let mut found = COORDINATES;
        for definition in &DEFINITIONS {
            let columns = columns_of(definition);
            let names: Vec<&str> = columns.iter().map(|column| &**column.name()).collect();
            let expected: &[&str] = match definition.width {
                1 => &[""],
                _ if definition.name == "flags" => &MARKS,
                _ => &["", PRECISION],
            };
            let expected = expected
                .iter()
                .map(|suffix| format!("{}{suffix}", definition.name));
            assert_eq!(names, expected.collect::<Vec<_>>());
            found += columns.len();
        }
        assert_eq!(found, schema().fields().len());
    }
}
