//! Writes a column of texts that repeat, from the keys of their dictionaries.
//!
//! Parquet's own writer finds the text of every row in its dictionary. This one finds each text of a
//! batch once, and then looks up the key of each row. It must not know what a text means. The
//! invariant: readers see what parquet writes too, which is a dictionary page, data pages of keys,
//! and plain data pages once the dictionary is full.

use std::borrow::Cow;
use std::io::Write;

use arrow_array::types::Int32Type;
use arrow_array::{Array as _, DictionaryArray, StringArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::text_set::TextSet;

/// Keys of a data page, after which it ends.
const PAGE_KEYS: usize = 32_768;
/// Bytes of a dictionary, or of a plain data page, after which it ends.
const PAGE_BYTES: usize = 1 << 20;
/// Rows after which these bounds are checked.
const STEP_ROWS: usize = 8_192;
/// The most bytes of a text in the statistics.
const STATISTICS_BYTES: usize = 64;

/// Compresses pages as parquet does. It serves many columns, since it takes much memory.
pub(crate) enum Compressor {
    Zstd(zstd::bulk::Compressor<'static>),
    Snappy(Box<snap::raw::Encoder>),
}

impl Compressor {
    /// The compression of the ledger.
    pub(super) fn zstd() -> Result<Self, ParquetError> {
        let level = ZstdLevel::default().compression_level();
        Ok(Self::Zstd(zstd::bulk::Compressor::new(level)?))
    }

    /// The compression of what analysts open.
    pub(crate) fn snappy() -> Self {
        Self::Snappy(Box::new(snap::raw::Encoder::new()))
    }

    fn compression(&self) -> Compression {
        match self {
            Self::Zstd(_) => Compression::ZSTD(ZstdLevel::default()),
            Self::Snappy(_) => Compression::SNAPPY,
        }
    }

    fn compress(&mut self, page: &[u8]) -> Result<Bytes, ParquetError> {
        let compressed = match self {
            Self::Zstd(compressor) => compressor.compress(page)?,
            Self::Snappy(encoder) => encoder.compress_vec(page)?,
        };
        Ok(compressed.into_boxed_slice().into())
    }
}

/// Writes one column chunk of texts that repeat.
pub(crate) struct DictionaryWriter {
    column: ColumnDescPtr,
    /// The texts of the dictionary page.
    dictionary: TextSet,
    /// Whether the dictionary is full.
    is_full: bool,
    page: OpenPage,
    pages: Vec<CompressedPage>,
    rows: usize,
    nulls: usize,
    range: TextRange,
}

/// The data page that is being filled.
struct OpenPage {
    /// For each row, whether it has a text.
    has_text: BooleanBufferBuilder,
    /// The keys of these texts, or nothing once the dictionary is full.
    keys: Vec<u32>,
    /// These texts as a plain page has them, once the dictionary is full.
    plain: Vec<u8>,
}

/// A column chunk, encoded.
pub(crate) struct EncodedChunk {
    bytes: Bytes,
    result: ColumnCloseResult,
}

impl DictionaryWriter {
    /// A chunk without rows, of a column that is not in a list.
    pub(crate) fn new(column: ColumnDescPtr) -> Self {
        Self {
            column,
            dictionary: TextSet::default(),
            is_full: false,
            page: OpenPage {
                has_text: BooleanBufferBuilder::new(0),
                keys: Vec::new(),
                plain: Vec::new(),
            },
            pages: Vec::new(),
            rows: 0,
            nulls: 0,
            range: TextRange::default(),
        }
    }

    /// Adds rows.
    pub(crate) fn write(
        &mut self,
        rows: &DictionaryArray<Int32Type>,
        compressor: &mut Compressor,
    ) -> Result<(), ParquetError> {
        let texts = rows.values().as_any().downcast_ref::<StringArray>();
        let texts = texts.ok_or_else(|| ParquetError::General("not of texts".to_owned()))?;
        let mut keys = vec![None; texts.len()];
        for from in (0..rows.len()).step_by(STEP_ROWS) {
            let step = rows.slice(from, STEP_ROWS.min(rows.len() - from));
            self.add(&step, texts, &mut keys);
            if !self.is_full && self.dictionary.text_bytes() >= PAGE_BYTES {
                self.end_page(compressor)?;
                self.is_full = true;
            }
            if self.page.keys.len() >= PAGE_KEYS || self.page.plain.len() >= PAGE_BYTES {
                self.end_page(compressor)?;
            }
        }
        Ok(())
    }

    /// Adds rows to the page. `keys` has the dictionary's key of each text, as far as it is known.
    fn add(
        &mut self,
        rows: &DictionaryArray<Int32Type>,
        texts: &StringArray,
        keys: &mut [Option<u32>],
    ) {
        let indexes = rows.keys().values();
        self.rows += rows.len();
        match rows.logical_nulls() {
            None => {
                self.page.has_text.append_n(rows.len(), true);
                self.add_texts(indexes.iter().copied(), rows.len(), texts, keys);
            }
            Some(nulls) => {
                self.page.has_text.append_buffer(nulls.inner());
                self.nulls += nulls.null_count();
                let count = rows.len() - nulls.null_count();
                let with_text = nulls.valid_indices().map(|row| indexes[row]);
                self.add_texts(with_text, count, texts, keys);
            }
        }
    }

    /// Adds `count` texts to the page, each by its index.
    fn add_texts(
        &mut self,
        indexes: impl Iterator<Item = i32>,
        count: usize,
        texts: &StringArray,
        keys: &mut [Option<u32>],
    ) {
        if self.is_full {
            for index in indexes {
                let text = texts.value(index as usize);
                append_plain(&mut self.page.plain, text);
                self.range.add(text);
            }
            return;
        }
        let from = self.page.keys.len();
        self.page.keys.resize(from + count, 0);
        for (key, index) in self.page.keys[from..].iter_mut().zip(indexes) {
            *key = *keys[index as usize].get_or_insert_with(|| {
                let text = texts.value(index as usize);
                self.range.add(text);
                self.dictionary.number(text)
            });
        }
    }

    /// Ends the data page, if it has rows.
    fn end_page(&mut self, compressor: &mut Compressor) -> Result<(), ParquetError> {
        let has_text = self.page.has_text.finish();
        if has_text.is_empty() {
            return Ok(());
        }
        let mut page = Vec::new();
        if self.column.max_def_level() > 0 {
            append_levels(&mut page, &has_text);
        }
        let encoding = if self.is_full {
            page.append(&mut self.page.plain);
            Encoding::PLAIN
        } else {
            append_keys(&mut page, &self.page.keys, self.dictionary.len());
            self.page.keys.clear();
            Encoding::RLE_DICTIONARY
        };
        let data = Page::DataPage {
            buf: compressor.compress(&page)?,
            num_values: has_text.len() as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        self.pages.push(CompressedPage::new(data, page.len()));
        Ok(())
    }

    /// Memory in use, in bytes, approximately.
    pub(super) fn memory(&self) -> usize {
        let pages: usize = self.pages.iter().map(CompressedPage::compressed_size).sum();
        let page = &self.page;
        let open = page.keys.capacity() * 4 + page.plain.capacity() + page.has_text.capacity() / 8;
        self.dictionary.memory() + pages + open
    }

    /// The complete chunk.
    pub(crate) fn close(
        mut self,
        compressor: &mut Compressor,
    ) -> Result<EncodedChunk, ParquetError> {
        self.end_page(compressor)?;
        let mut chunk = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut chunk);
        let dictionary = writer.write_page(self.dictionary_page(compressor)?)?;
        let mut compressed_bytes = dictionary.compressed_size;
        let mut uncompressed_bytes = dictionary.uncompressed_size;
        let encodings = page_encodings(&self.pages);
        for page in self.pages {
            let page = writer.write_page(page)?;
            compressed_bytes += page.compressed_size;
            uncompressed_bytes += page.uncompressed_size;
        }
        writer.close()?;
        let metadata = ColumnChunkMetaData::builder(self.column)
            .set_compression(compressor.compression())
            .set_encodings(vec![
                Encoding::PLAIN,
                Encoding::RLE,
                Encoding::RLE_DICTIONARY,
            ])
            .set_page_encoding_stats(encodings)
            .set_total_compressed_size(compressed_bytes as i64)
            .set_total_uncompressed_size(uncompressed_bytes as i64)
            .set_num_values(self.rows as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(dictionary.bytes_written as i64)
            .set_statistics(self.range.statistics(self.nulls))
            .build()?;
        let result = ColumnCloseResult {
            bytes_written: compressed_bytes as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(EncodedChunk {
            bytes: chunk.into_inner()?.into(),
            result,
        })
    }

    fn dictionary_page(&self, compressor: &mut Compressor) -> Result<CompressedPage, ParquetError> {
        let mut page = Vec::with_capacity(self.dictionary.text_bytes() + self.dictionary.len() * 4);
        let texts = self.dictionary.iter();
        texts.for_each(|text| append_plain(&mut page, text));
        let compressed = Page::DictionaryPage {
            buf: compressor.compress(&page)?,
            num_values: self.dictionary.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        Ok(CompressedPage::new(compressed, page.len()))
    }
}

impl EncodedChunk {
    /// Adds the chunk to a row group of a file.
    pub(crate) fn append_to_row_group<W: Write + Send>(
        self,
        row_group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        row_group.append_column(&self.bytes, self.result)
    }
}

/// How many pages there are of each type and encoding.
fn page_encodings(data: &[CompressedPage]) -> Vec<PageEncodingStats> {
    let pages = |page_type, encoding, count: usize| PageEncodingStats {
        page_type,
        encoding,
        count: count as i32,
    };
    let plain = data
        .iter()
        .filter(|page| page.encoding() == Encoding::PLAIN)
        .count();
    let mut encodings = vec![
        pages(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
        pages(
            PageType::DATA_PAGE,
            Encoding::RLE_DICTIONARY,
            data.len() - plain,
        ),
        pages(PageType::DATA_PAGE, Encoding::PLAIN, plain),
    ];
    encodings.retain(|pages| pages.count > 0);
    encodings
}

/// A text as a plain page has it.
fn append_plain(page: &mut Vec<u8>, text: &str) {
    page.extend_from_slice(&(text.len() as u32).to_le_bytes());
    page.extend_from_slice(text.as_bytes());
}

/// Which rows have a text, with the length in front.
fn append_levels(page: &mut Vec<u8>, has_text: &BooleanBuffer) {
    let start = page.len();
    page.extend_from_slice(&[0; 4]);
    append_runs(page, &Levels(has_text));
    let bytes = (page.len() - start - 4) as u32;
    page[start..start + 4].copy_from_slice(&bytes.to_le_bytes());
}

/// Keys of a dictionary, with the bits of each in front.
fn append_keys(page: &mut Vec<u8>, keys: &[u32], dictionary_len: usize) {
    let key_max = dictionary_len.saturating_sub(1) as u32;
    let bits = u32::BITS - key_max.leading_zeros();
    page.push(bits as u8);
    append_runs(page, &Keys { keys, bits });
}

/// Numbers that are packed together.
const GROUP: usize = 8;
/// The most groups of a run, so that its header is one byte.
const GROUPS_MAX: u8 = 63;

/// Numbers that are written in runs.
trait Numbers {
    /// The bits of each number.
    fn bits(&self) -> u32;
    fn len(&self) -> usize;
    /// The number at an index, and how many from there on are equal.
    fn equal_from(&self, index: usize) -> (u32, usize);
    /// Appends the group that begins at an index, bit by bit. Zeros stand for numbers after the
    /// last.
    fn append_group(&self, index: usize, page: &mut Vec<u8>);
}

/// Numbers in runs: equal numbers as their count, others in groups.
fn append_runs(page: &mut Vec<u8>, numbers: &impl Numbers) {
    let mut at = 0;
    // Where the header of the last run of groups is, and how many groups it has.
    let mut run: Option<(usize, u8)> = None;
    while at < numbers.len() {
        let (number, equal) = numbers.equal_from(at);
        if equal >= GROUP || at + equal == numbers.len() {
            append_repeated(page, numbers.bits(), number, equal);
            run = None;
            at += equal;
            continue;
        }
        let (header, groups) = run.unwrap_or_else(|| {
            page.push(0);
            (page.len() - 1, 0)
        });
        page[header] = (groups + 1) << 1 | 1;
        run = (groups + 1 < GROUPS_MAX).then_some((header, groups + 1));
        numbers.append_group(at, page);
        at += GROUP;
    }
}

/// A number that is repeated.
fn append_repeated(page: &mut Vec<u8>, bits: u32, number: u32, count: usize) {
    let mut header = count << 1;
    while header >= 0x80 {
        page.push(header as u8 | 0x80);
        header >>= 7;
    }
    page.push(header as u8);
    page.extend_from_slice(&number.to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Which rows have a text, a bit for each.
struct Levels<'p>(&'p BooleanBuffer);

impl Levels<'_> {
    /// The levels from a row on, as far as one word has them; zeros follow. The first row is the
    /// first bit of the buffer, as its builder makes it.
    fn bits_from(&self, row: usize) -> u64 {
        let bytes = &self.0.values()[row / 8..];
        let word = bytes.first_chunk().map_or_else(
            || {
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                u64::from_le_bytes(word)
            },
            |word| u64::from_le_bytes(*word),
        );
        word >> (row % 8)
    }
}

impl Numbers for Levels<'_> {
    fn bits(&self) -> u32 {
        1
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn equal_from(&self, row: usize) -> (u32, usize) {
        let has_text = self.0.value(row);
        let mut to = row;
        while to < self.len() {
            let bits = self.bits_from(to);
            let others = if has_text { !bits } else { bits };
            let read = 64 - to % 8;
            let equal = (others.trailing_zeros() as usize).min(read);
            to += equal;
            if equal < read {
                break;
            }
        }
        (has_text.into(), to.min(self.len()) - row)
    }

    fn append_group(&self, row: usize, page: &mut Vec<u8>) {
        let rows = GROUP.min(self.len() - row);
        page.push(self.bits_from(row) as u8 & (u8::MAX >> (GROUP - rows)));
    }
}

/// Keys of a dictionary.
struct Keys<'p> {
    keys: &'p [u32],
    bits: u32,
}

impl Numbers for Keys<'_> {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn equal_from(&self, index: usize) -> (u32, usize) {
        let (first, rest) = (self.keys[index], &self.keys[index..]);
        (first, rest.iter().take_while(|key| **key == first).count())
    }

    fn append_group(&self, index: usize, page: &mut Vec<u8>) {
        let rest = &self.keys[index..];
        let end = page.len() + self.bits as usize;
        let (mut word, mut filled) = (0_u64, 0);
        for key in &rest[..GROUP.min(rest.len())] {
            word |= u64::from(*key) << filled;
            filled += self.bits;
            if filled >= u32::BITS {
                page.extend_from_slice(&(word as u32).to_le_bytes());
                word >>= u32::BITS;
                filled -= u32::BITS;
            }
        }
        page.extend_from_slice(&word.to_le_bytes());
        page.resize(end, 0);
    }
}

/// The least and the greatest text, in bytes.
#[derive(Default)]
struct TextRange(Option<(String, String)>);

impl TextRange {
    fn add(&mut self, text: &str) {
        let (least, greatest) = self
            .0
            .get_or_insert_with(|| (text.to_owned(), text.to_owned()));
        if text < least.as_str() {
            text.clone_into(least);
        } else if text > greatest.as_str() {
            text.clone_into(greatest);
        }
    }

    /// The range as a chunk's statistics. Long texts are cut: the lower bound down, and the upper
    /// one up.
    fn statistics(&self, nulls: usize) -> Statistics {
        let (least, greatest) = self.0.as_ref().map(|(a, b)| (a, b)).unzip();
        let lower = least.map(|least| &least[..least.floor_char_boundary(STATISTICS_BYTES)]);
        let upper = greatest.map(|greatest| upper_bound(greatest));
        let statistics = ValueStatistics::new(
            lower.map(ByteArray::from),
            upper.as_deref().map(ByteArray::from),
            None,
            Some(nulls as u64),
            false,
        );
        let lower_is_exact = lower == least.map(String::as_str);
        let upper_is_exact = upper.as_deref() == greatest.map(String::as_str);
        Statistics::ByteArray(
            statistics
                .with_min_is_exact(lower_is_exact)
                .with_max_is_exact(upper_is_exact),
        )
    }
}

/// The least text of few bytes that is not less than a text; if there is none, the text itself.
fn upper_bound(text: &str) -> Cow<'_, str> {
    let cut = &text[..text.floor_char_boundary(STATISTICS_BYTES)];
    if cut.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut last_first = cut.char_indices().rev();
    let raised = last_first.find_map(|(start, last)| {
        let next = char::from_u32(last as u32 + 1)?;
        (next.len_utf8() == last.len_utf8()).then(|| format!("{}{next}", &cut[..start]))
    });
    raised.map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::{ArrayRef, Int32Array, RecordBatch};
    use arrow_schema::{DataType, Field, Schema, SchemaRef};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
    use parquet::file::metadata::ParquetMetaData;
    use parquet::file::properties::WriterProperties;
    use proptest::prelude::*;

    use super::*;
    use crate::event::Position;
    use crate::ledger::columns::dictionary;
    use crate::ledger::{Footer, encode};

    fn schema(is_nullable: bool) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new(
            "text",
            dictionary(),
            is_nullable,
        )]))
    }

    /// Rows of texts. As in tables, the texts of their dictionary include unused ones and a null.
    fn batch(schema: &SchemaRef, rows: &[Option<&str>]) -> RecordBatch {
        let mut texts = vec![Some("unused"), None];
        let mut indexes = HashMap::from([(None, 1)]);
        let keys = rows.iter().map(|row| {
            *indexes.entry(*row).or_insert_with(|| {
                texts.push(*row);
                texts.len() as i32 - 1
            })
        });
        let keys: Int32Array = keys.map(Some).collect();
        if !schema.field(0).is_nullable() {
            texts[1] = Some("unused too");
        }
        let texts = Arc::new(StringArray::from(texts));
        let column: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(keys, texts));
        RecordBatch::try_new(schema.clone(), vec![column]).expect("fits the schema")
    }

    fn file(schema: &SchemaRef, batches: &[Vec<Option<&str>>]) -> Bytes {
        let batches: Vec<_> = batches.iter().map(|rows| batch(schema, rows)).collect();
        let footer = Footer::attempt(Position::ORIGIN, Position::ORIGIN.at(1));
        encode(schema, &batches, &footer).expect("encoded")
    }

    /// The texts of a file, and its metadata.
    fn read(file: &Bytes) -> (Vec<Option<String>>, Arc<ParquetMetaData>) {
        let options = ArrowReaderOptions::new().with_encoding_stats_as_mask(false);
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options)
            .expect("Parquet");
        assert_eq!(reader.schema().field(0).data_type(), &DataType::Utf8);
        let metadata = reader.metadata().clone();
        let mut texts = Vec::new();
        for batch in reader.build().expect("a reader") {
            let batch = batch.expect("decoded");
            let column = batch.column(0).as_string::<i32>();
            texts.extend(column.iter().map(|text| text.map(str::to_owned)));
        }
        (texts, metadata)
    }

    /// What parquet's own writer states of the same texts.
    fn statistics_of_parquet(schema: &SchemaRef, batches: &[Vec<Option<&str>>]) -> Statistics {
        let properties = WriterProperties::builder().build();
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties));
        let mut writer = writer.expect("a writer");
        for rows in batches {
            writer.write(&batch(schema, rows)).expect("written");
        }
        let file = writer.close().expect("closed");
        let statistics = file.row_group(0).column(0).statistics();
        statistics.expect("statistics").clone()
    }

    /// The bounds, each with whether it is exact, and the number of nulls.
    fn facts(of: &Statistics) -> impl std::fmt::Debug + '_ {
        let least = (of.min_bytes_opt(), of.min_is_exact());
        let greatest = (of.max_bytes_opt(), of.max_is_exact());
        (least, greatest, of.null_count_opt())
    }

    #[track_caller]
    fn check(is_nullable: bool, batches: &[Vec<Option<&str>>]) {
        let schema = schema(is_nullable);
        let (texts, metadata) = read(&file(&schema, batches));
        let written: Vec<_> = batches.concat();
        let texts: Vec<_> = texts.iter().map(Option::as_deref).collect();
        assert_eq!(texts, written);
        let column = metadata.row_group(0).column(0);
        let ours = column.statistics().expect("statistics");
        let of_parquet = statistics_of_parquet(&schema, batches);
        assert_eq!(
            format!("{:?}", facts(ours)),
            format!("{:?}", facts(&of_parquet))
        );
    }

    proptest! {
        #[test]
        fn a_column_reads_as_it_was_written_with_the_statistics_of_parquet(
            texts in proptest::collection::vec(".{0,3}|[a-zé]{60,70}|\u{10ffff}{20}", 1..40),
            rows in proptest::collection::vec((any::<prop::sample::Index>(), 1..40_usize, prop::bool::weighted(0.2)), 1..60),
            batches in 1..4_usize,
            is_nullable: bool,
        ) {
            let rows: Vec<_> = rows
                .iter()
                .flat_map(|(text, count, is_null)| {
                    let text = (!is_null || !is_nullable).then(|| text.get(&texts).as_str());
                    std::iter::repeat_n(text, *count)
                })
                .collect();
            let batches: Vec<_> = rows.chunks(rows.len().div_ceil(batches)).map(<[_]>::to_vec).collect();
            check(is_nullable, &batches);
        }
    }

    #[test]
    fn a_column_without_texts_reads_as_nulls() {
        check(true, &[vec![None; 5], vec![None; 10_000]]);
        check(true, &[vec![None]]);
    }

    #[test]
    fn a_page_ends_after_its_keys() {
        let texts: Vec<_> = (0..300).map(|number| number.to_string()).collect();
        let rows: Vec<_> = (0..100_000_usize)
            .map(|row| (row % 3 != 0).then(|| texts[row * 7 % 300].as_str()))
            .collect();
        check(true, std::slice::from_ref(&rows));
        let (_, metadata) = read(&file(&schema(true), &[rows]));
        let pages = metadata.row_group(0).column(0).page_encoding_stats();
        let counts: Vec<_> = pages
            .expect("counted")
            .iter()
            .map(|pages| pages.count)
            .collect();
        assert_eq!(counts, [1, 3]);
    }

    #[test]
    fn texts_after_a_full_dictionary_are_plain() {
        let texts: Vec<_> = (0..40_000).map(|number| format!("{number:0100}")).collect();
        let rows: Vec<_> = texts.iter().map(|text| Some(text.as_str())).collect();
        let (read_texts, metadata) = read(&file(&schema(false), &[rows]));
        assert_eq!(read_texts.into_iter().flatten().collect::<Vec<_>>(), texts);
        let column = metadata.row_group(0).column(0);
        let pages = column.page_encoding_stats().expect("counted").iter();
        let pages: Vec<_> = pages
            .map(|pages| (pages.page_type, pages.encoding, pages.count))
            .collect();
        let expected = [
            (PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
            (PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, 1),
            (PageType::DATA_PAGE, Encoding::PLAIN, 2),
        ];
        assert_eq!(pages, expected);
    }
}
