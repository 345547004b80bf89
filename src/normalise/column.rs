//! The kinds of column: how each is built and read.
//!
//! A column costs what it contains: an absent value is not appended but made up for when the next
//! value comes, or at the end. Texts that repeat are dictionaries, so that a buffered row is small.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Int32Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, Field, TimeUnit};
use hashbrown::HashMap;

use crate::contract::columns::{
    Bool, FeedName, Int, KindName, Marks, Number, RepeatedText, SentTime, SourceName, SubjectId,
    TextList, Time, UniqueText, Value,
};
use crate::contract::flags::Flags;
use crate::contract::moment::{Moment, Precision};
use crate::contract::text::Strs;
use crate::event::{Feed, Kind, Micros};
use crate::ledger::columns::{TextColumn, dictionary};
use crate::text_set::TextSet;

/// How a kind of column is built and read.
pub(super) trait ColumnFormat: Value {
    type Builder;
    type Reader<'b>;

    /// A builder without memory: as many partitions are gathered as are assigned, and most columns
    /// have no value.
    fn builder() -> Self::Builder;

    fn fields(name: &str, description: &str, into: &mut Vec<Field>);
    fn append(builder: &mut Self::Builder, row: usize, value: Self::Of<'_>);
    fn finish(builder: &mut Self::Builder, rows: usize, into: &mut Vec<ArrayRef>);
    /// Approximate memory, in bytes.
    fn bytes(builder: &Self::Builder) -> usize;
    fn reader<'b>(batch: &'b RecordBatch, name: &str) -> Self::Reader<'b>;
    // `'b: 'b` makes the lifetime early-bound here and in every impl alike.
    fn read<'b>(reader: &Self::Reader<'b>, row: usize) -> Self::Of<'b>
    where
        'b: 'b;
}

/// The key of a column's description in its metadata.
pub(super) const DESCRIPTION: &str = "description";

/// A field with its description.
pub(super) fn described(
    name: &str,
    data_type: DataType,
    nullable: bool,
    description: &str,
) -> Field {
    let metadata: std::collections::HashMap<_, _> =
        [(DESCRIPTION.to_owned(), description.to_owned())].into();
    Field::new(name, data_type, nullable).with_metadata(metadata)
}

/// Microseconds since 1970, UTC.
pub(super) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The times gathered, marked as UTC.
pub(super) fn timestamps(builder: &mut TimestampMicrosecondBuilder) -> TimestampMicrosecondArray {
    builder.finish().with_timezone("UTC")
}

thread_local! {
    /// An array of nulls for each type, as long as any was needed.
    static ABSENT: RefCell<Vec<ArrayRef>> = const { RefCell::new(Vec::new()) };
}

/// A column that no row of the batch has a value in, as most are: a part of one that is made once.
fn absent(data_type: &DataType, rows: usize) -> ArrayRef {
    ABSENT.with_borrow_mut(|arrays| {
        let index = arrays
            .iter()
            .position(|array| array.data_type() == data_type)
            .unwrap_or_else(|| {
                arrays.push(new_null_array(data_type, rows));
                arrays.len() - 1
            });
        if arrays[index].len() < rows {
            arrays[index] = new_null_array(data_type, rows.next_power_of_two());
        }
        arrays[index].slice(0, rows)
    })
}

/// Texts that repeat: each once, and a key a row.
#[derive(Default)]
pub(super) struct Dictionary {
    keys: Vec<i32>,
    texts: TextSet,
}

/// The key of a row without a text.
const NULL: i32 = -1;

impl Dictionary {
    /// The key of a text.
    fn key(&mut self, text: &str) -> i32 {
        self.texts.number(text) as i32
    }

    #[inline]
    fn push(&mut self, row: usize, key: i32) {
        if self.keys.len() < row {
            self.keys.resize(row, NULL);
        }
        self.keys.push(key);
    }

    fn append(&mut self, row: usize, text: &str) {
        let key = self.key(text);
        self.push(row, key);
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        if self.keys.is_empty() {
            return absent(&dictionary(), rows);
        }
        self.keys.resize(rows, NULL);
        let mut keys = std::mem::take(&mut self.keys);
        let nulls = keys.contains(&NULL).then(|| {
            let has_text = BooleanBuffer::collect_bool(rows, |row| keys[row] != NULL);
            NullBuffer::new(has_text)
        });
        // A row without a text has a key, too; without a branch, many rows take one step.
        for key in &mut keys {
            *key = (*key).max(0);
        }
        let keys = Int32Array::new(keys.into(), nulls);
        let texts = Arc::new(self.texts.take());
        Arc::new(DictionaryArray::<Int32Type>::new(keys, texts))
    }

    fn memory(&self) -> usize {
        self.keys.capacity() * 4 + self.texts.memory()
    }
}

/// The names of a closed list of `N`: each is found in the dictionary once in a batch.
pub(super) struct Names<const N: usize> {
    dictionary: Dictionary,
    /// The key of each name, by its index in the list.
    keys: [Option<i32>; N],
}

impl<const N: usize> Default for Names<N> {
    fn default() -> Self {
        Self {
            dictionary: Dictionary::default(),
            keys: [None; N],
        }
    }
}

impl<const N: usize> Names<N> {
    fn append(&mut self, row: usize, (index, name): (usize, &str)) {
        let dictionary = &mut self.dictionary;
        let key = *self.keys[index].get_or_insert_with(|| dictionary.key(name));
        dictionary.push(row, key);
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        self.keys = [None; N];
        self.dictionary.finish(rows)
    }

    fn memory(&self) -> usize {
        self.dictionary.memory()
    }
}

/// A column of texts in a dictionary: from a value to what its builder appends, if there is a text,
/// and back.
macro_rules! dictionary_column {
    ($($kind:ident (nullable $nullable:literal): $builder:ty, |$value:ident| $to:expr, |$text:ident| $from:expr;)+) => { $(
        impl ColumnFormat for $kind {
            type Builder = $builder;
            type Reader<'b> = TextColumn<'b>;

            fn builder() -> $builder {
                <$builder>::default()
            }

            fn fields(name: &str, description: &str, into: &mut Vec<Field>) {
                into.push(described(name, dictionary(), $nullable, description));
            }

            fn append(builder: &mut $builder, row: usize, $value: Self::Of<'_>) {
                if let Some(value) = $to {
                    builder.append(row, value);
                }
            }

            fn finish(builder: &mut $builder, rows: usize, into: &mut Vec<ArrayRef>) {
                into.push(builder.finish(rows));
            }

            fn bytes(builder: &$builder) -> usize {
                builder.memory()
            }

            fn reader<'b>(batch: &'b RecordBatch, name: &str) -> TextColumn<'b> {
                TextColumn::new(batch, name)
            }

            fn read<'b>(reader: &TextColumn<'b>, row: usize) -> Self::Of<'b>
    where
        'b: 'b,
    {
                let $text = reader.get(row);
                $from
            }
        }
    )+ };
}

dictionary_column! {
    RepeatedText (nullable true): Dictionary, |value| value, |text| text;
    SourceName (nullable false): Dictionary, |value| Some(value), |text| text.unwrap_or_default();
    FeedName (nullable false): Names<{ Feed::ALL.len() }>, |value| Some((value as usize, value.as_str())),
        |text| text.and_then(Feed::from_name).unwrap_or(Feed::Police);
    KindName (nullable false): Names<{ Kind::ALL.len() }>, |value| Some((value as usize, value.as_str())),
        |text| text.and_then(Kind::from_name).unwrap_or(Kind::Count);
}

macro_rules! pad {
    ($builder:ident, $row:expr) => {{
        use arrow_array::builder::ArrayBuilder;
        let missing = $row - $builder.len();
        if missing > 0 {
            $builder.append_nulls(missing);
        }
    }};
}

macro_rules! finish {
    (SentTime, $builder:ident) => {
        timestamps($builder)
    };
    ($kind:ident, $builder:ident) => {
        $builder.finish()
    };
}

/// The column of a builder, with this many rows.
macro_rules! finished {
    ($kind:ident, $builder:ident, $rows:ident, $data_type:expr) => {{
        use arrow_array::builder::ArrayBuilder;
        if $builder.is_empty() {
            absent(&$data_type, $rows)
        } else {
            pad!($builder, $rows);
            Arc::new(finish!($kind, $builder))
        }
    }};
}

macro_rules! memory {
    (SubjectId, $builder:ident) => {
        $builder.values_slice().len() + $builder.offsets_slice().len() * 4
    };
    (UniqueText, $builder:ident) => {
        $builder.values_slice().len() + $builder.offsets_slice().len() * 4
    };
    (SentTime, $builder:ident) => {
        $builder.values_slice().len() * 8
    };
    ($kind:ident, $builder:ident) => {{
        use arrow_array::builder::ArrayBuilder;
        $builder.len() * 4
    }};
}

/// A column of an arrow builder that is padded with nulls up to the row of the next value.
macro_rules! plain_column {
    ($($kind:ident (nullable $nullable:literal, $data_type:expr) of $item:ty: $builder:ty = $empty:expr, $array:ty,
        |$value:ident| $to:expr, |$read:ident| $from:expr;)+) => { $(
        impl ColumnFormat for $kind {
            type Builder = $builder;
            type Reader<'b> = Option<&'b $array>;

            fn builder() -> $builder {
                $empty
            }

            fn fields(name: &str, description: &str, into: &mut Vec<Field>) {
                into.push(described(name, $data_type, $nullable, description));
            }

            #[inline]
            fn append(builder: &mut $builder, row: usize, $value: Self::Of<'_>) {
                /// Not inlined, so that the check before it is.
                #[inline(never)]
                fn append_value(builder: &mut $builder, row: usize, value: $item) {
                    pad!(builder, row);
                    builder.append_value(value);
                }
                if let Some(value) = $to {
                    append_value(builder, row, value);
                }
            }

            fn finish(builder: &mut $builder, rows: usize, into: &mut Vec<ArrayRef>) {
                into.push(finished!($kind, builder, rows, $data_type));
            }

            fn bytes(builder: &$builder) -> usize {
                memory!($kind, builder)
            }

            fn reader<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b $array> {
                batch.column_by_name(name).and_then(|c| c.as_any().downcast_ref())
            }

            #[expect(clippy::ref_option_ref, reason = "the trait hands every reader by reference")]
            fn read<'b>(reader: &Option<&'b $array>, row: usize) -> Self::Of<'b>
    where
        'b: 'b,
    {
                let $read = reader.filter(|c| c.is_valid(row)).map(|c| c.value(row));
                $from
            }
        }
    )+ };
}

plain_column! {
    SubjectId (nullable false, DataType::Utf8) of &str: StringBuilder = StringBuilder::with_capacity(0, 0), StringArray,
        |value| Some(value), |read| read.unwrap_or_default();
    UniqueText (nullable true, DataType::Utf8) of &str: StringBuilder = StringBuilder::with_capacity(0, 0), StringArray,
        |value| value, |read| read;
    Number (nullable false, DataType::Int32) of i32: Int32Builder = Int32Builder::with_capacity(0), Int32Array,
        |value| Some(value), |read| read.unwrap_or_default();
    Int (nullable true, DataType::Int32) of i32: Int32Builder = Int32Builder::with_capacity(0), Int32Array,
        |value| value, |read| read;
    Bool (nullable true, DataType::Boolean) of bool: BooleanBuilder = BooleanBuilder::with_capacity(0), BooleanArray,
        |value| value, |read| read;
    SentTime (nullable false, timestamp()) of i64: TimestampMicrosecondBuilder = TimestampMicrosecondBuilder::with_capacity(0), TimestampMicrosecondArray,
        |value| value.and_then(Moment::low).map(|at| at.0),
        |read| read.map(|at| Moment::from_stored(Micros(at), Precision::Instant));
}

/// The suffix of the column that says how exactly a time is known.
pub(super) const PRECISION: &str = "_precision";
/// The suffixes of the columns that hold the flags that are true, and those that are false.
pub(super) const MARKS: [&str; 2] = ["_true", "_false"];

impl ColumnFormat for Time {
    type Builder = (TimestampMicrosecondBuilder, Names<3>);
    type Reader<'b> = (Option<&'b TimestampMicrosecondArray>, TextColumn<'b>);

    fn builder() -> Self::Builder {
        (
            TimestampMicrosecondBuilder::with_capacity(0),
            Names::default(),
        )
    }

    fn fields(name: &str, description: &str, into: &mut Vec<Field>) {
        into.push(described(name, timestamp(), true, description));
        let description = format!("How exactly `{name}` is known: `month`, `day` or `instant`.");
        into.push(described(
            &format!("{name}{PRECISION}"),
            dictionary(),
            true,
            &description,
        ));
    }

    #[inline]
    fn append(builder: &mut Self::Builder, row: usize, value: Option<Moment>) {
        /// Not inlined, so that the check for a value is.
        #[inline(never)]
        fn append_moment(
            (times, precisions): &mut <Time as ColumnFormat>::Builder,
            row: usize,
            moment: &Moment,
        ) {
            let Some(low) = moment.low() else {
                return;
            };
            pad!(times, row);
            times.append_value(low.0);
            let precision = moment.precision();
            precisions.append(row, (precision as usize, precision.as_str()));
        }
        if let Some(moment) = &value {
            append_moment(builder, row, moment);
        }
    }

    fn finish((times, precisions): &mut Self::Builder, rows: usize, into: &mut Vec<ArrayRef>) {
        into.push(finished!(SentTime, times, rows, timestamp()));
        into.push(precisions.finish(rows));
    }

    fn bytes((times, precisions): &Self::Builder) -> usize {
        times.values_slice().len() * 8 + precisions.memory()
    }

    fn reader<'b>(batch: &'b RecordBatch, name: &str) -> Self::Reader<'b> {
        let times = batch
            .column_by_name(name)
            .and_then(|c| c.as_any().downcast_ref());
        (times, TextColumn::new(batch, &format!("{name}{PRECISION}")))
    }

    fn read<'b>((times, precisions): &Self::Reader<'b>, row: usize) -> Option<Moment>
    where
        'b: 'b,
    {
        let times = times.filter(|c| c.is_valid(row))?;
        let precision = precisions.get(row).and_then(Precision::from_name)?;
        Some(Moment::from_stored(Micros(times.value(row)), precision))
    }
}

/// A dictionary of joined texts, with room to join one.
#[derive(Default)]
pub(super) struct Joined {
    texts: Dictionary,
    scratch: String,
}

impl Joined {
    fn append(&mut self, row: usize, strs: Strs<'_>) {
        self.scratch.clear();
        let scratch = &mut self.scratch;
        strs.for_each(|text| join(scratch, text));
        self.texts.append(row, &self.scratch);
    }
}

fn join(joined: &mut String, text: &str) {
    if !joined.is_empty() {
        joined.push(';');
    }
    joined.push_str(text);
}

impl ColumnFormat for TextList {
    type Builder = Joined;
    type Reader<'b> = TextColumn<'b>;

    fn builder() -> Joined {
        Joined::default()
    }

    fn fields(name: &str, description: &str, into: &mut Vec<Field>) {
        into.push(described(name, dictionary(), true, description));
    }

    fn append(builder: &mut Joined, row: usize, value: Option<Strs<'_>>) {
        if let Some(strs) = value {
            builder.append(row, strs);
        }
    }

    fn finish(builder: &mut Joined, rows: usize, into: &mut Vec<ArrayRef>) {
        into.push(builder.texts.finish(rows));
    }

    fn bytes(builder: &Joined) -> usize {
        builder.texts.memory()
    }

    fn reader<'b>(batch: &'b RecordBatch, name: &str) -> TextColumn<'b> {
        TextColumn::new(batch, name)
    }

    fn read<'b>(reader: &TextColumn<'b>, row: usize) -> Option<Strs<'b>>
    where
        'b: 'b,
    {
        reader.get(row).map(Strs::Joined)
    }
}

/// Sets of flags: few in a batch, so each is named once and found by its bits.
#[derive(Default)]
pub(super) struct FlagSets {
    names: Dictionary,
    keys: HashMap<u32, i32>,
    scratch: String,
}

impl FlagSets {
    fn append(&mut self, row: usize, bits: u32) {
        if bits == 0 {
            return;
        }
        let (names, scratch) = (&mut self.names, &mut self.scratch);
        let key = *self.keys.entry(bits).or_insert_with(|| {
            scratch.clear();
            Flags::names(bits).for_each(|name| join(scratch, name));
            names.key(scratch)
        });
        self.names.push(row, key);
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        self.keys.clear();
        self.names.finish(rows)
    }
}

impl ColumnFormat for Marks {
    type Builder = [FlagSets; 2];
    type Reader<'b> = [TextColumn<'b>; 2];

    fn builder() -> Self::Builder {
        Self::Builder::default()
    }

    fn fields(name: &str, _: &str, into: &mut Vec<Field>) {
        for (suffix, value) in MARKS.into_iter().zip(["true", "false"]) {
            let description = format!(
                "The flags recorded as {value}, joined by `;`; in neither column = not recorded."
            );
            into.push(described(
                &format!("{name}{suffix}"),
                dictionary(),
                true,
                &description,
            ));
        }
    }

    fn append([yes, no]: &mut Self::Builder, row: usize, flags: Flags) {
        yes.append(row, flags.yes);
        no.append(row, flags.no);
    }

    fn finish(builder: &mut Self::Builder, rows: usize, into: &mut Vec<ArrayRef>) {
        into.extend(builder.iter_mut().map(|sets| sets.finish(rows)));
    }

    fn bytes(builder: &Self::Builder) -> usize {
        builder.iter().map(|sets| sets.names.memory()).sum()
    }

    fn reader<'b>(batch: &'b RecordBatch, name: &str) -> Self::Reader<'b> {
        MARKS.map(|suffix| TextColumn::new(batch, &format!("{name}{suffix}")))
    }

    fn read<'b>([yes, no]: &Self::Reader<'b>, row: usize) -> Flags
    where
        'b: 'b,
    {
        Flags {
            yes: yes.get(row).map_or(0, flag_bits),
            no: no.get(row).map_or(0, flag_bits),
        }
    }
}

fn flag_bits(joined: &str) -> u32 {
    joined
        .split(';')
        .filter_map(Flags::bit)
        .fold(0, |bits, bit| bits | bit)
}
