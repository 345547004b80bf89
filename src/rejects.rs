//! Rejects: records that broke their contract, with the reason and, unless they look personal, their
//! bytes.
//!
//! It must not know how records are validated: it is given a [`Rejection`]. The invariant: of a
//! record rejected as personal, no byte of value, key or header is stored.

pub mod expiry;
pub mod reader;

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BinaryBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;

use crate::contract::rejection::{Reason, Rejection};
use crate::event::{Micros, Position};
use crate::ledger::chain::ChainError;
use crate::ledger::erasures::ErasedPositions;
use crate::ledger::{self, LedgerError};

/// Why rejects could not be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum RejectsError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("`{path}` is not a rejects file")]
    NotRejects { path: String },
}

impl RejectsError {
    /// Whether a file is damaged or of a newer version, so that reading it again would not help.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::NotRejects { .. }
            | Self::Chain(ChainError::Damaged { .. } | ChainError::Newer(_)) => true,
            Self::Ledger(error) | Self::Chain(ChainError::Ledger(error)) => {
                error.unreadable().is_some()
            }
            Self::Chain(_) => false,
        }
    }
}

type Result<T, E = RejectsError> = std::result::Result<T, E>;

/// How a type of column is built and read.
trait RejectColumn {
    type Builder;
    type Array: Array + 'static;

    fn data_type() -> DataType;

    /// A builder without memory: there is one per assigned partition, and most have no reject.
    fn builder() -> Self::Builder;
}

macro_rules! column_types {
    ($($name:ident: $array:ty, $data_type:expr, $builder:ty = $empty:expr;)+) => { $(
        struct $name;

        impl RejectColumn for $name {
            type Builder = $builder;
            type Array = $array;

            fn data_type() -> DataType {
                $data_type
            }

            fn builder() -> $builder {
                $empty
            }
        }
    )+ };
}

column_types! {
    Int32: Int32Array, DataType::Int32, Int32Builder = Int32Builder::with_capacity(0);
    Int64: Int64Array, DataType::Int64, Int64Builder = Int64Builder::with_capacity(0);
    Time: TimestampMicrosecondArray, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        TimestampMicrosecondBuilder
            = TimestampMicrosecondBuilder::with_capacity(0).with_timezone("UTC");
    Text: StringArray, DataType::Utf8, StringBuilder = StringBuilder::with_capacity(0, 0);
    Binary: BinaryArray, DataType::Binary, BinaryBuilder = BinaryBuilder::with_capacity(0, 0);
    TextList: ListArray, DataType::List(element::<Text>().into()), ListBuilder<StringBuilder>
        = ListBuilder::with_capacity(Text::builder(), 0).with_field(element::<Text>());
    BinaryList: ListArray, DataType::List(element::<Binary>().into()), ListBuilder<BinaryBuilder>
        = ListBuilder::with_capacity(Binary::builder(), 0).with_field(element::<Binary>());
}

fn element<C: RejectColumn>() -> Field {
    Field::new("element", C::data_type(), true)
}

/// The columns of a rejects file, once: those that say what was rejected and why, and those that
/// contain the record itself.
macro_rules! columns {
    (
        about { $($name:ident: $column:ident (nullable $nullable:literal),)+ }
        record { $($raw_name:ident: $raw_column:ident (nullable $raw_nullable:literal),)+ }
    ) => {
        /// The columns without the record itself.
        const ABOUT: &[&str] = &[$(stringify!($name)),+];

        fn fields() -> Vec<Field> {
            vec![
                $(Field::new(stringify!($name), $column::data_type(), $nullable),)+
                $(Field::new(stringify!($raw_name), $raw_column::data_type(), $raw_nullable),)+
            ]
        }

        /// Gathers the rejects of a batch.
        #[derive(Debug)]
        pub struct RejectsBuilder {
            $($name: <$column as RejectColumn>::Builder,)+
            $($raw_name: <$raw_column as RejectColumn>::Builder,)+
            bytes: usize,
        }

        impl Default for RejectsBuilder {
            fn default() -> Self {
                Self {
                    $($name: $column::builder(),)+
                    $($raw_name: $raw_column::builder(),)+
                    bytes: 0,
                }
            }
        }

        impl RejectsBuilder {
            /// The rows, and an empty builder.
            pub fn finish(&mut self) -> RecordBatch {
                self.bytes = 0;
                let columns: Vec<ArrayRef> = vec![
                    $(Arc::new(self.$name.finish()),)+
                    $(Arc::new(self.$raw_name.finish()),)+
                ];
                RecordBatch::try_new(schema(), columns).expect("the columns fit the schema")
            }
        }

        struct AboutColumns<'a> {
            $($name: &'a <$column as RejectColumn>::Array,)+
        }

        impl<'a> AboutColumns<'a> {
            fn new(batch: &'a RecordBatch) -> Option<Self> {
                Some(Self { $($name: find::<$column>(batch, stringify!($name))?,)+ })
            }
        }

        struct RawColumns<'a> {
            $($raw_name: &'a <$raw_column as RejectColumn>::Array,)+
        }

        impl<'a> RawColumns<'a> {
            fn new(batch: &'a RecordBatch) -> Option<Self> {
                Some(Self { $($raw_name: find::<$raw_column>(batch, stringify!($raw_name))?,)+ })
            }
        }
    };
}

fn find<'a, C: RejectColumn>(batch: &'a RecordBatch, name: &str) -> Option<&'a C::Array> {
    batch.column_by_name(name)?.as_any().downcast_ref()
}

// Headers are two lists side by side, in the order received, repeats included.
columns! {
    about {
        era: Int32 (nullable false),
        offset: Int64 (nullable false),
        received: Time (nullable false),
        reason: Text (nullable false),
        pointer: Text (nullable false),
        rule: Text (nullable false),
        partner: Text (nullable true),
        kind: Text (nullable true),
    }
    record {
        key: Binary (nullable true),
        value: Binary (nullable true),
        header_names: TextList (nullable true),
        header_values: BinaryList (nullable true),
    }
}

/// The columns of a rejects file.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(fields())));
    SCHEMA.clone()
}

/// A header of a Kafka record: a name, and bytes or null.
pub type Header<'a> = (&'a str, Option<&'a [u8]>);

impl RejectsBuilder {
    /// Bytes of a row besides its texts.
    const ROW_BYTES: usize = 96;

    /// Adds a rejected record; for one that looks personal, only its position and the reason.
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
        let has_headers = headers.is_some();
        for (name, value) in headers.into_iter().flatten() {
            self.header_names.values().append_value(name);
            self.header_values.values().append_option(value);
            self.bytes += name.len() + value.map_or(0, <[u8]>::len);
        }
        self.header_names.append(has_headers);
        self.header_values.append(has_headers);
    }

    /// Memory in use, in bytes, approximately.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A rejected record, as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The record's position in its partition.
    pub position: Position,
    /// Its Kafka timestamp.
    pub received: Micros,
    /// The reason code.
    pub reason: String,
    /// A JSON pointer to what is wrong.
    pub pointer: String,
    /// The rule that failed, as a sentence.
    pub rule: String,
    /// The partner, if it could be read.
    pub partner: Option<String>,
    /// The kind, if it could be read.
    pub kind: Option<String>,
    /// The record itself, if it was asked for and stored.
    pub raw: Option<Raw>,
}

/// The record that was rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The rejects of a file that are not erased, in order; with their records only if `raw`. `path` is
/// for errors only.
pub fn read(
    path: &str,
    bytes: Bytes,
    raw: bool,
    erased: &ErasedPositions,
) -> Result<impl Iterator<Item = Result<Reject>> + use<>> {
    let columns = if raw { &[] } else { ABOUT };
    let batches = ledger::decode(path, bytes, columns, erased)?;
    let path = path.to_owned();
    Ok(batches.flat_map(move |batch| {
        let rejects = batch
            .map_err(|error| LedgerError::not_parquet(&path, error).into())
            .and_then(|batch| read_batch(&path, &batch, raw));
        match rejects {
            Ok(rejects) => rejects.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }
    }))
}

fn read_batch(path: &str, batch: &RecordBatch, raw: bool) -> Result<Vec<Reject>> {
    let not_rejects = || RejectsError::NotRejects {
        path: path.to_owned(),
    };
    let about = AboutColumns::new(batch).ok_or_else(not_rejects)?;
    let raw = raw
        .then(|| RawColumns::new(batch).ok_or_else(not_rejects))
        .transpose()?;
    let rows = 0..batch.num_rows();
    Ok(rows.map(|row| about.reject(row, raw.as_ref())).collect())
}

impl AboutColumns<'_> {
    /// A reject; with its record if there are columns of it.
    fn reject(&self, row: usize, raw: Option<&RawColumns<'_>>) -> Reject {
        Reject {
            position: Position {
                era: self.era.value(row) as u16,
                offset: self.offset.value(row),
            },
            received: Micros(self.received.value(row)),
            reason: current_reason(self.reason.value(row)).to_owned(),
            pointer: self.pointer.value(row).to_owned(),
            rule: self.rule.value(row).to_owned(),
            partner: text(self.partner, row),
            kind: text(self.kind, row),
            raw: raw.and_then(|raw| raw.record(row)),
        }
    }
}

/// The reason code as this version writes it.
fn current_reason(code: &str) -> &str {
    match code {
        "partner.parked" => Reason::PartnerPaused.as_str(),
        code => code,
    }
}

fn text(texts: &StringArray, row: usize) -> Option<String> {
    texts.is_valid(row).then(|| texts.value(row).to_owned())
}

impl RawColumns<'_> {
    /// What a record contained. Null headers mark a record whose bytes were not stored.
    fn record(&self, row: usize) -> Option<Raw> {
        if self.header_names.is_null(row) {
            return None;
        }
        let names = self.header_names.value(row);
        let values = self.header_values.value(row);
        let names = names.as_string_opt::<i32>()?.iter();
        let values = values.as_binary_opt::<i32>()?.iter();
        let headers = names
            .zip(values)
            .map(|(name, value)| (name.unwrap_or("").to_owned(), value.map(<[u8]>::to_vec)));
        Some(Raw {
            key: bytes(self.key, row),
            value: bytes(self.value, row),
            headers: headers.collect(),
        })
    }
}

fn bytes(column: &BinaryArray, row: usize) -> Option<Vec<u8>> {
    column.is_valid(row).then(|| column.value(row).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::ledger::Footer;

    fn rejection(reason: Reason) -> Rejection {
        Rejection {
            reason,
            pointer: "/data/where".into(),
            rule: "an area needs a level".into(),
            partner: Some("kent-police".into()),
            kind: Some(Kind::Crime),
            more: Vec::new(),
        }
    }

    fn file(builder: &mut RejectsBuilder) -> Bytes {
        let batch = builder.finish();
        let footer = Footer::attempt(Position::ORIGIN, Position::ORIGIN.at(9));
        ledger::encode(&schema(), &[batch], &footer).expect("encoded")
    }

    #[test]
    fn a_reason_of_the_first_version_reads_as_its_current_code() {
        assert_eq!(current_reason("partner.parked"), "partner.paused");
        assert_eq!(current_reason("schema.enum"), "schema.enum");
    }

    #[test]
    fn a_reject_reads_as_it_was_received() {
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

        let rows: Vec<Reject> = read("x", file(&mut builder), true, &ErasedPositions::default())
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
    fn no_byte_of_a_record_rejected_as_personal_is_stored() {
        let secret = b"943 476 5919";
        for &reason in Reason::ALL {
            let mut builder = RejectsBuilder::default();
            let headers: [Header<'_>; 1] = [("943 476 5919", Some(secret))];
            let rejection = Rejection {
                partner: None,
                kind: None,
                more: Vec::new(),
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
    fn the_record_of_a_reject_is_read_only_when_asked_for() {
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
        let row = read("x", file.clone(), false, &ErasedPositions::default())
            .expect("file")
            .next()
            .expect("one")
            .expect("row");
        assert_eq!(row.raw, None);
        let error = read(
            "x",
            Bytes::from_static(b"no"),
            false,
            &ErasedPositions::default(),
        )
        .err()
        .expect("refused");
        assert_eq!(error.to_string(), "cannot read `x` as Parquet");
    }

    #[test]
    fn a_value_of_twenty_megabytes_is_stored_in_full() {
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
        let row = read("x", file(&mut builder), true, &ErasedPositions::default())
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
