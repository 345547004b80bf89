//! The data dictionary is what the files themselves say.
//!
//! After a change of columns: `PARTNER_FEEDS_WRITE_DICTIONARY=1 cargo test --test aggregate
//! dictionary`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]

use std::fmt::Write as _;

use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use partner_feeds::aggregate::{COLUMN_DESCRIPTIONS_KEY, TABLE_DESCRIPTION_KEY};

use crate::chain::{Chain, POLICE};

const PLAN: &str = "smp-2017-18";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/dictionary.md");
const CRIME: &str = include_str!("../../schemas/examples/crime.json");

const HEAD: &str = "# Data dictionary

Every table with its columns, as the files themselves say: `column_descriptions` and `table_description` in the key-value
metadata of each Parquet file. `events/` holds a file for each feed; `aggregates/<plan>/` holds the others, under one plan
or, in `aggregates/in-force/`, each month under its own. What a null means stands with its column; where nothing is said
there is none. Counts are of records, or of what a partner's totals count; percentages are 0 to 100, unrounded; months are
those of Europe/London.
";

fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int64 | DataType::Int32 => "integer",
        DataType::Float64 => "number",
        DataType::Boolean => "true or false",
        DataType::Date32 => "date",
        DataType::Timestamp(..) => "time (UTC)",
        _ => "text",
    }
}

/// The page's section for a file.
fn section(chain: &Chain, path: &str) -> String {
    let reader = ParquetRecordBatchReaderBuilder::try_new(chain.bytes(path)).expect("Parquet");
    let metadata = reader
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .expect("metadata");
    let value = |key: &str| {
        metadata
            .iter()
            .find(|kv| kv.key == key)
            .and_then(|kv| kv.value.clone())
            .expect(key)
    };
    let descriptions: serde_json::Value =
        serde_json::from_str(&value(COLUMN_DESCRIPTIONS_KEY)).expect("JSON");
    let name = path
        .trim_start_matches("aggregates/smp-2017-18/")
        .trim_end_matches(".parquet");
    let mut text = format!(
        "\n## {name}\n\n{}\n\n| column | type | meaning |\n|---|---|---|\n",
        value(TABLE_DESCRIPTION_KEY)
    );
    for field in reader.schema().fields() {
        let meaning = descriptions[field.name()].as_str().unwrap_or_default();
        assert!(
            !meaning.is_empty(),
            "{path} says what `{}` is",
            field.name()
        );
        writeln!(
            text,
            "| `{}` | {} | {meaning} |",
            field.name(),
            kind(field.data_type())
        )
        .expect("written");
    }
    text
}

#[test]
fn the_data_dictionary_says_what_the_files_say() {
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, [(0, CRIME)]);
    chain.aggregate(PLAN).expect("tables");
    let folders = ["events".to_owned(), format!("aggregates/{PLAN}")];
    let files = folders.iter().flat_map(|folder| {
        let names = chain
            .names(folder)
            .into_iter()
            .filter(|name| name.ends_with(".parquet"));
        names
            .map(|name| format!("{folder}/{name}"))
            .collect::<Vec<_>>()
    });
    let page = files.fold(HEAD.to_owned(), |page, path| page + &section(&chain, &path));
    if std::env::var_os("PARTNER_FEEDS_WRITE_DICTIONARY").is_some() {
        std::fs::write(PAGE, &page).expect("written");
    }
    let held = std::fs::read_to_string(PAGE).unwrap_or_default();
    let differs = page
        .lines()
        .zip(held.lines())
        .find(|(made, held)| made != held);
    assert!(
        page == held,
        "docs/dictionary.md is not what the files say, first here: {differs:?}; see the top of this file"
    );
}
