//! Rejects: the records that broke their contract, with why and, unless they looked personal, their
//! bytes.
//!
//! It refuses to judge: a [`Rejection`] comes in ready. The invariant: of a record refused as
//! personal no byte of value, key or header is kept, here or anywhere.

pub mod kept;

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BinaryBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::errors::ParquetError;

use crate::contract::rejection::Rejection;
use crate::event::{Micros, Position};
use crate::ledger::{self, LedgerError};

/// Why rejects could not be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant says what it is in its message")]
pub enum RejectsError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("`{path}` does not hold rejects")]
    NotRejects { path: String },
}

type Result<T, E = RejectsError> = std::result::Result<T, E>;

/// The columns of a rejects file. Headers are two lists side by side, in the order they came in,
/// repeats kept.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let list = |item| DataType::List(Arc::new(Field::new("element", item, true)));
        Arc::new(Schema::new(vec![
            Field::new("era", DataType::Int32, false),
            Field::new("offset", DataType::Int64, false),
            Field::new(
                "received",
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                false,
            ),
            Field::new("reason", DataType::Utf8, false),
            Field::new("pointer", DataType::Utf8, false),
            Field::new("rule", DataType::Utf8, false),
            Field::new("partner", DataType::Utf8, true),
            Field::new("kind", DataType::Utf8, true),
            Field::new("key", DataType::Binary, true),
            Field::new("value", DataType::Binary, true),
            Field::new("header_names", list(DataType::Utf8), true),
            Field::new("header_values", list(DataType::Binary), true),
        ]))
    });
    SCHEMA.clone()
}

/// The columns without what the record itself held.
const PLAIN: [&str; 8] = [
    "era", "offset", "received", "reason", "pointer", "rule", "partner", "kind",
];

/// A header as Kafka gives it: a name, and bytes or null.
pub type Header<'a> = (&'a str, Option<&'a [u8]>);

/// Gathers the rejects of a batch.
#[derive(Debug)]
pub struct RejectsBuilder {
    era: Int32Builder,
    offset: Int64Builder,
    received: TimestampMicrosecondBuilder,
    reason: StringBuilder,
    pointer: StringBuilder,
    rule: StringBuilder,
    partner: StringBuilder,
    kind: StringBuilder,
    key: BinaryBuilder,
    value: BinaryBuilder,
    header_names: ListBuilder<StringBuilder>,
    header_values: ListBuilder<BinaryBuilder>,
    bytes: usize,
}

impl Default for RejectsBuilder {
    /// A builder without memory: as many partitions are gathered as are assigned, and most have no
    /// reject.
    fn default() -> Self {
        let text = || StringBuilder::with_capacity(0, 0);
        let raw = || BinaryBuilder::with_capacity(0, 0);
        let element = |data_type| Field::new("element", data_type, true);
        Self {
            era: Int32Builder::with_capacity(0),
            offset: Int64Builder::with_capacity(0),
            received: TimestampMicrosecondBuilder::with_capacity(0).with_timezone("UTC"),
            reason: text(),
            pointer: text(),
            rule: text(),
            partner: text(),
            kind: text(),
            key: raw(),
            value: raw(),
            header_names: ListBuilder::with_capacity(text(), 0).with_field(element(DataType::Utf8)),
            header_values: ListBuilder::with_capacity(raw(), 0)
                .with_field(element(DataType::Binary)),
            bytes: 0,
        }
    }
}

impl RejectsBuilder {
    /// Bytes a row takes beside its texts.
    const ROW_BYTES: usize = 96;

    /// Keeps one record that was refused; of one that looked personal, only where it was and why.
    pub fn append<'a>(
        &mut self,
        position: Position,
        received: Micros,
        rejection: &Rejection,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = Header<'a>>,
    ) {
        self.era.append_value(position.era.into());
        self.offset.append_value(position.offset);
        self.received.append_value(received.0);
        self.reason.append_value(rejection.reason.as_str());
        self.pointer.append_value(&rejection.pointer);
        self.rule.append_value(&rejection.rule);
        self.partner.append_option(rejection.partner.as_deref());
        self.kind
            .append_option(rejection.kind.map(crate::event::Kind::as_str));
        self.bytes += Self::ROW_BYTES + rejection.pointer.len() + rejection.rule.len();
        if rejection.reason.is_personal() {
            self.append_raw(None, None, None::<[Header<'_>; 0]>);
        } else {
            self.append_raw(key, value, Some(headers));
        }
    }

    fn append_raw<'a>(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Option<impl IntoIterator<Item = Header<'a>>>,
    ) {
        self.key.append_option(key);
        self.value.append_option(value);
        self.bytes += key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        let kept = headers.is_some();
        for (name, value) in headers.into_iter().flatten() {
            self.header_names.values().append_value(name);
            self.header_values.values().append_option(value);
            self.bytes += name.len() + value.map_or(0, <[u8]>::len);
        }
        self.header_names.append(kept);
        self.header_values.append(kept);
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows, and an empty builder.
    pub fn finish(&mut self) -> RecordBatch {
        self.bytes = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.era.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.received.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.pointer.finish()),
            Arc::new(self.rule.finish()),
            Arc::new(self.partner.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.header_names.finish()),
            Arc::new(self.header_values.finish()),
        ];
        RecordBatch::try_new(schema(), columns).expect("the columns are those of the schema")
    }
}

/// A reject as it is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where the record was in its partition.
    pub position: Position,
    /// Its Kafka timestamp.
    pub received: Micros,
    /// The reason code.
    pub reason: String,
    /// What is wrong, as a JSON pointer.
    pub pointer: String,
    /// The rule, in a sentence.
    pub rule: String,
    /// Whose, where that could be read.
    pub partner: Option<String>,
    /// Its kind, where that could be read.
    pub kind: Option<String>,
    /// What the record held, where that was asked for and was kept.
    pub raw: Option<Raw>,
}

/// What a rejected record held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The rejects of a file, in order; what they held only if `raw`. `path` is for the error only.
pub fn read(
    path: &str,
    bytes: Bytes,
    raw: bool,
) -> Result<impl Iterator<Item = Result<Reject>> + use<>> {
    let columns: &[&str] = if raw { &[] } else { &PLAIN };
    let batches = ledger::decode(path, bytes, columns)?;
    let path = path.to_owned();
    Ok(batches.flat_map(move |batch| {
        let rows = batch
            .map_err(|error| {
                LedgerError::NotParquet {
                    path: path.clone(),
                    source: ParquetError::from(error),
                }
                .into()
            })
            .and_then(|batch| {
                let columns = Columns::of(&batch, raw)
                    .ok_or_else(|| RejectsError::NotRejects { path: path.clone() })?;
                Ok((0..batch.num_rows())
                    .map(|row| Ok(columns.row(row)))
                    .collect::<Vec<_>>())
            });
        rows.unwrap_or_else(|error| vec![Err(error)])
    }))
}

/// The columns of a batch, by their types.
struct Columns<'a> {
    era: &'a arrow_array::Int32Array,
    offset: &'a arrow_array::Int64Array,
    received: &'a arrow_array::TimestampMicrosecondArray,
    texts: [&'a arrow_array::StringArray; 5],
    raw: Option<RawColumns<'a>>,
}

struct RawColumns<'a> {
    key: &'a arrow_array::BinaryArray,
    value: &'a arrow_array::BinaryArray,
    header_names: &'a arrow_array::ListArray,
    header_values: &'a arrow_array::ListArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch, raw: bool) -> Option<Self> {
        let text = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
        let raw = if raw {
            Some(RawColumns::of(batch)?)
        } else {
            None
        };
        Some(Self {
            era: batch
                .column_by_name("era")?
                .as_primitive_opt::<Int32Type>()?,
            offset: batch
                .column_by_name("offset")?
                .as_primitive_opt::<Int64Type>()?,
            received: batch
                .column_by_name("received")?
                .as_primitive_opt::<TimestampMicrosecondType>()?,
            texts: [
                text("reason")?,
                text("pointer")?,
                text("rule")?,
                text("partner")?,
                text("kind")?,
            ],
            raw,
        })
    }

    fn row(&self, row: usize) -> Reject {
        let [reason, pointer, rule, partner, kind] = self.texts;
        let some = |texts: &arrow_array::StringArray| {
            texts.is_valid(row).then(|| texts.value(row).to_owned())
        };
        Reject {
            position: Position {
                era: self.era.value(row) as u16,
                offset: self.offset.value(row),
            },
            received: Micros(self.received.value(row)),
            reason: reason.value(row).to_owned(),
            pointer: pointer.value(row).to_owned(),
            rule: rule.value(row).to_owned(),
            partner: some(partner),
            kind: some(kind),
            raw: self.raw.as_ref().and_then(|raw| raw.row(row)),
        }
    }
}

impl<'a> RawColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        Some(Self {
            key: batch.column_by_name("key")?.as_binary_opt()?,
            value: batch.column_by_name("value")?.as_binary_opt()?,
            header_names: batch.column_by_name("header_names")?.as_list_opt()?,
            header_values: batch.column_by_name("header_values")?.as_list_opt()?,
        })
    }

    /// Null headers mark a record of which nothing was kept.
    fn row(&self, row: usize) -> Option<Raw> {
        let bytes = |column: &arrow_array::BinaryArray| {
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        let names = self
            .header_names
            .is_valid(row)
            .then(|| self.header_names.value(row))?;
        let values = self.header_values.value(row);
        let names = names.as_string_opt::<i32>()?.iter();
        let values = values.as_binary_opt::<i32>()?.iter();
        let headers = names
            .zip(values)
            .map(|(name, value)| (name.unwrap_or("").to_owned(), value.map(<[u8]>::to_vec)));
        Some(Raw {
            key: bytes(self.key),
            value: bytes(self.value),
            headers: headers.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::rejection::Reason;
    use crate::event::Kind;
    use crate::ledger::Footer;

    fn rejection(reason: Reason) -> Rejection {
        Rejection {
            reason,
            pointer: "/data/where".into(),
            rule: "an area needs a level".into(),
            partner: Some("kent-police".into()),
            kind: Some(Kind::Crime),
        }
    }

    fn file(builder: &mut RejectsBuilder) -> Bytes {
        let batch = builder.finish();
        let footer = Footer::attempt(Position::ORIGIN, Position::ORIGIN.at(9));
        ledger::encode(&schema(), &[batch], &footer).expect("encoded")
    }

    #[test]
    fn a_reject_comes_back_as_it_was_sent() {
        let mut builder = RejectsBuilder::default();
        let headers: [Header<'_>; 3] = [("b", Some(b"\xff\x00")), ("a", None), ("b", Some(b""))];
        let position = Position { era: 2, offset: 7 };
        let key = Some(&b"\xfe"[..]);
        builder.append(
            position,
            Micros(11),
            &rejection(Reason::SchemaEnum),
            key,
            Some(b"{}"),
            headers,
        );
        builder.append(
            position.at(8),
            Micros(12),
            &rejection(Reason::TransportEmpty),
            None,
            None,
            [],
        );
        assert!(builder.bytes() > 2 * RejectsBuilder::ROW_BYTES);

        let rows: Vec<Reject> = read("x", file(&mut builder), true)
            .expect("file")
            .collect::<Result<_>>()
            .expect("rows");
        assert_eq!(builder.bytes(), 0);
        let first = Reject {
            position,
            received: Micros(11),
            reason: "schema.enum".into(),
            pointer: "/data/where".into(),
            rule: "an area needs a level".into(),
            partner: Some("kent-police".into()),
            kind: Some("crime".into()),
            raw: Some(Raw {
                key: Some(b"\xfe".to_vec()),
                value: Some(b"{}".to_vec()),
                headers: vec![
                    ("b".into(), Some(b"\xff\x00".to_vec())),
                    ("a".into(), None),
                    ("b".into(), Some(Vec::new())),
                ],
            }),
        };
        assert_eq!(rows[0], first);
        assert_eq!(rows[1].raw, Some(Raw::default()));
    }

    #[test]
    fn of_a_record_refused_as_personal_no_byte_is_kept() {
        let secret = b"943 476 5919";
        for &reason in Reason::ALL {
            let mut builder = RejectsBuilder::default();
            let headers: [Header<'_>; 1] = [("943 476 5919", Some(secret))];
            let rejection = Rejection {
                partner: None,
                kind: None,
                ..rejection(reason)
            };
            builder.append(
                Position::ORIGIN,
                Micros(1),
                &rejection,
                Some(secret),
                Some(secret),
                headers,
            );
            let batch = builder.finish();
            for name in ["key", "value", "header_names", "header_values"] {
                let column = batch.column_by_name(name).expect("column");
                assert_eq!(
                    column.is_null(0),
                    reason.as_str().starts_with("personal."),
                    "{reason} {name}"
                );
            }
            let bytes = column_bytes(&batch);
            assert_eq!(
                bytes.windows(3).any(|w| w == b"943"),
                !reason.is_personal(),
                "{reason}"
            );
        }
    }

    fn column_bytes(batch: &RecordBatch) -> Vec<u8> {
        let mut bytes = Vec::new();
        for data in batch.columns().iter().map(Array::to_data) {
            for part in std::iter::once(&data).chain(data.child_data()) {
                part.buffers()
                    .iter()
                    .for_each(|buffer| bytes.extend_from_slice(buffer));
            }
        }
        bytes
    }

    #[test]
    fn what_a_record_held_is_read_only_when_asked_for() {
        let mut builder = RejectsBuilder::default();
        builder.append(
            Position::ORIGIN,
            Micros(1),
            &rejection(Reason::JsonSyntax),
            None,
            Some(&[b'x'; 99]),
            [],
        );
        let file = file(&mut builder);
        let row = read("x", file.clone(), false)
            .expect("file")
            .next()
            .expect("one")
            .expect("row");
        assert_eq!(row.raw, None);
        let error = read("x", Bytes::from_static(b"no"), false)
            .err()
            .expect("refused");
        assert_eq!(error.to_string(), "`x` is not readable as Parquet");
    }

    #[test]
    fn a_value_of_twenty_megabytes_is_kept_whole() {
        let value = vec![b'v'; 20 << 20];
        let mut builder = RejectsBuilder::default();
        builder.append(
            Position::ORIGIN,
            Micros(1),
            &rejection(Reason::TransportTooLarge),
            None,
            Some(&value),
            [],
        );
        assert!(builder.bytes() >= value.len());
        let row = read("x", file(&mut builder), true)
            .expect("file")
            .next()
            .expect("one")
            .expect("row");
        assert_eq!(
            row.raw.and_then(|raw| raw.value).map(|v| v.len()),
            Some(value.len())
        );
    }
}
