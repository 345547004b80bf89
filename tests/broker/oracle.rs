//! What a store contains, read as any reader of Parquet would, with none of the program's code.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Display, Write as _};
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Topic and partition.
pub(crate) type Place = (String, i32);

/// A row, accepted or rejected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) place: Place,
    pub(crate) era: i32,
    pub(crate) offset: i64,
    /// The subject of an accepted record.
    pub(crate) subject: Option<String>,
    /// Reason and pointer of a rejected one.
    pub(crate) rejected: Option<(String, String)>,
}

/// The rows of a store's chains.
#[derive(Debug, Default)]
pub(crate) struct StoreContent {
    pub(crate) rows: Vec<Row>,
    /// The offset at which each partition's chain ends.
    pub(crate) ends: BTreeMap<Place, i64>,
}

/// A file, by its name, kept open: it may be merged away while others are read.
struct Parquet {
    path: PathBuf,
    name: String,
    footer: HashMap<String, String>,
    file: File,
}

impl Parquet {
    /// `None` = it was merged away.
    fn open(path: PathBuf) -> Option<Self> {
        let file = present(&path)?;
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.try_clone().expect("a file"))
            .expect("Parquet");
        let pairs = reader
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .into_iter()
            .flatten();
        let footer = pairs
            .filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)))
            .collect();
        Some(Self {
            path,
            name,
            footer,
            file,
        })
    }
}

fn present(path: &Path) -> Option<File> {
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        opened => Some(opened.expect("a file")),
    }
}

fn batches(file: File) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    reader
        .build()
        .expect("a reader")
        .map(|batch| batch.expect("rows"))
        .collect()
}

/// Every Parquet file in a folder and below it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = all_files(folder);
    found.retain(|path| path.extension().is_some_and(|end| end == "parquet"));
    found
}

/// Every file in a folder and below it.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn place_of(path: &Path) -> Place {
    let value = |start: &str| {
        let mut parts = path
            .components()
            .filter_map(|part| part.as_os_str().to_str());
        parts
            .find_map(|part| part.strip_prefix(start).map(str::to_owned))
            .expect("a folder that says it")
    };
    (
        value("topic="),
        value("partition=").parse().expect("a number"),
    )
}

/// The files of the chain: those of the ledger, and those of the journal that the ledger, looked at
/// afterwards, does not cover.
fn chain(store: &Path) -> Vec<Parquet> {
    let open = |tree: &str| {
        files(&store.join(tree))
            .into_iter()
            .filter_map(Parquet::open)
            .collect::<Vec<_>>()
    };
    let journal = open("journal");
    let mut chain = open("ledger");
    let mut merged: BTreeMap<Place, String> = BTreeMap::new();
    for file in &chain {
        let end = merged.entry(place_of(&file.path)).or_default();
        *end = file.footer["next"].clone().max(std::mem::take(end));
    }
    let covered = |file: &Parquet| {
        merged
            .get(&place_of(&file.path))
            .is_some_and(|end| file.name < *end)
    };
    chain.extend(journal.into_iter().filter(|file| !covered(file)));
    chain
}

/// The number of records in the chains, by their footers.
pub(crate) fn count(store: &Path) -> usize {
    chain(store)
        .iter()
        .map(|file| file.footer["read"].parse::<usize>().expect("a number"))
        .sum()
}

/// Reads the chains.
pub(crate) fn read(store: &Path) -> StoreContent {
    loop {
        // Where rejects were merged away, their journal files were too.
        if let Some(stored) = look(store) {
            return stored;
        }
    }
}

fn look(store: &Path) -> Option<StoreContent> {
    let mut stored = StoreContent::default();
    for Parquet {
        path, footer, file, ..
    } in chain(store)
    {
        let place = place_of(&path);
        let next: i64 = footer["next"]
            .split_once('-')
            .expect("a position")
            .1
            .parse()
            .expect("an offset");
        let end = stored.ends.entry(place.clone()).or_default();
        *end = next.max(*end);
        let rejects = footer["rejects"].split_whitespace().map(|name| {
            present(&store.join(format!(
                "rejects/topic={}/partition={}/{name}",
                place.0, place.1
            )))
        });
        for file in std::iter::once(Some(file)).chain(rejects) {
            for batch in batches(file?) {
                stored.rows.extend(rows(&place, &batch));
            }
        }
    }
    stored.rows.sort();
    Some(stored)
}

fn rows<'b>(place: &'b Place, batch: &'b RecordBatch) -> impl Iterator<Item = Row> + 'b {
    let texts = |name| batch.column_by_name(name).map(AsArray::as_string::<i32>);
    let eras = batch
        .column_by_name("era")
        .expect("eras")
        .as_primitive::<Int32Type>();
    let offsets = batch
        .column_by_name("offset")
        .expect("offsets")
        .as_primitive::<Int64Type>();
    let (subjects, reasons, pointers) = (texts("subject"), texts("reason"), texts("pointer"));
    (0..batch.num_rows()).map(move |row| Row {
        place: place.clone(),
        era: eras.value(row),
        offset: offsets.value(row),
        subject: subjects.map(|column| column.value(row).to_owned()),
        rejected: reasons
            .zip(pointers)
            .map(|(r, p)| (r.value(row).to_owned(), p.value(row).to_owned())),
    })
}

/// Whether a record has one of some keys.
pub(crate) fn is_one_of(key: Option<&[u8]>, keys: &[String]) -> bool {
    keys.iter().any(|one| key == Some(one.as_bytes()))
}

/// The files, of any kind, that contain a text: in their bytes, or in a value of a column.
pub(crate) fn files_with(store: &Path, text: &str) -> Vec<PathBuf> {
    let has_text = |path: &PathBuf| {
        let bytes = std::fs::read(path).expect("a file");
        let is_parquet = path.extension().is_some_and(|end| end == "parquet");
        contains(&bytes, text) || is_parquet && contains(values(path).as_bytes(), text)
    };
    all_files(store).into_iter().filter(has_text).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let mut windows = bytes.windows(text.len());
    windows.any(|window| window == text.as_bytes())
}

/// Every value of every column of every file, as text; bytes too.
pub(crate) fn every_value(store: &Path) -> String {
    files(store).iter().map(|path| values(path)).collect()
}

/// Every value of every column of a file.
pub(crate) fn values(path: &Path) -> String {
    let mut all = String::new();
    for batch in batches(File::open(path).expect("a file")) {
        for column in batch.columns() {
            append(column.as_ref(), &mut all);
        }
    }
    all
}

fn append(column: &dyn Array, all: &mut String) {
    let mut line = |value: &dyn Display| writeln!(all, "{value}").expect("a string takes all");
    if let Some(bytes) = column.as_binary_opt::<i32>() {
        bytes
            .iter()
            .flatten()
            .for_each(|value| line(&String::from_utf8_lossy(value)));
    } else if let Some(texts) = column.as_string_opt::<i32>() {
        texts.iter().flatten().for_each(|value| line(&value));
    } else if let Some(numbers) = column.as_primitive_opt::<Int32Type>() {
        numbers.iter().flatten().for_each(|value| line(&value));
    } else if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        numbers.iter().flatten().for_each(|value| line(&value));
    } else if let Some(list) = column.as_list_opt::<i32>() {
        append(list.values().as_ref(), all);
    } else {
        assert!(
            matches!(
                column.data_type(),
                DataType::Boolean | DataType::Timestamp(..) | DataType::Date32 | DataType::Float64
            ),
            "{}",
            column.data_type()
        );
    }
}
