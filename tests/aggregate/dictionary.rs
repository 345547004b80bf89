//! The data dictionary, and the list of tables in the analysts' page, are those of the catalogue.
//!
//! After a change of tables or columns: `PARTNER_FEEDS_WRITE_DICTIONARY=1 cargo test --test aggregate
//! dictionary`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use arrow_array::Array;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use partner_feeds::aggregate::tables::{
    self, ColumnSpec, TABLES, TableBatch, TableSpec, ValueType, events, type_in_words,
};
use partner_feeds::aggregate::{COLUMN_DESCRIPTIONS_KEY, TABLE_DESCRIPTION_KEY};

use crate::behaviours::chain_of_generated_events;
use crate::chain::{Chain, POLICE, reference_with};

const PLAN: &str = "smp-2017-18";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/dictionary.md");
const ANALYSTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/analysts.md");
const CRIME: &str = include_str!("../../schemas/examples/crime.json");

const HEAD: &str = "# Data dictionary

Every table with its columns. The table [`columns`](#columns) has the same texts, as has the key-value metadata of each
Parquet file, as `table_description` and `column_descriptions`. `events/` has one file per feed. `aggregates/<plan>/` has the other tables, under one plan;
`aggregates/in-force/` has them with each month under its own plan. The key of a table identifies its rows. A column
describes what null means; if it does not, the column has no nulls. Counts are of records, or of what a partner's totals
count. Percentages are 0 to 100, unrounded. Months are those of Europe/London.
";

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
    let mut text = format!("\n## {name}\n\n{}\n\n", value(TABLE_DESCRIPTION_KEY));
    if let Some(table) = tables::find(name) {
        let columns = table.columns().into_iter();
        let keys = columns.filter(|column| column.role.is_key());
        let keys: Vec<String> = keys.map(|column| format!("`{}`", column.name)).collect();
        writeln!(text, "Key: {}.\n", keys.join(", ")).expect("written");
    }
    text += "| column | type | meaning |\n|---|---|---|\n";
    for field in reader.schema().fields() {
        let meaning = descriptions[field.name()].as_str().unwrap_or_default();
        assert!(!meaning.is_empty(), "{path} describes `{}`", field.name());
        writeln!(
            text,
            "| `{}` | {} | {meaning} |",
            field.name(),
            type_in_words(field.data_type())
        )
        .expect("written");
    }
    text
}

/// The list of tables in the analysts' page: a row for each table of figures, one for those to join.
fn list_of_tables() -> String {
    let mut text = "| table | question |\n|---|---|\n".to_owned();
    let mut to_join = Vec::new();
    for table in TABLES {
        match table.question {
            Some(question) => writeln!(text, "| `{}` | {question} |", table.name).expect("written"),
            None => to_join.push(format!("`{}`", table.name)),
        }
    }
    let to_join = to_join.join(" ");
    let facts = "Tables to join: the plan, the geography, and what partners send";
    writeln!(text, "| {to_join} | {facts} |").expect("written");
    text
}

/// Compares a page with what it should be, or writes it when asked to.
fn check(path: &str, expected: &str) {
    if std::env::var_os("PARTNER_FEEDS_WRITE_DICTIONARY").is_some() {
        std::fs::write(path, expected).expect("written");
    }
    let actual = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = expected.lines().zip(actual.lines());
    let differs = lines.find(|(expected, actual)| expected != actual);
    assert!(
        actual == expected,
        "{path} differs from the catalogue, first here: {differs:?}; see the top of this file"
    );
}

#[test]
fn the_data_dictionary_describes_every_file() {
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, [(0, CRIME)]);
    chain.aggregate(PLAN).expect("tables");
    let events = chain.names("events").into_iter();
    let events = events.filter(|name| name.ends_with(".parquet"));
    let mut page = HEAD.to_owned();
    for name in events {
        page += &section(&chain, &format!("events/{name}"));
    }
    for table in TABLES {
        page += &section(&chain, &format!("aggregates/{PLAN}/{}.parquet", table.name));
    }
    let files = chain.names(&format!("aggregates/{PLAN}"));
    assert_eq!(
        files.len(),
        TABLES.len() + 2,
        "the tables, the briefing for spreadsheets, and the provenance"
    );
    check(PAGE, &page);
}

/// The table `columns` says what the page says, column by column.
#[test]
fn the_table_of_columns_is_the_data_dictionary() {
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, [(0, CRIME)]);
    chain.aggregate(PLAN).expect("tables");
    let table = tables::find("columns").expect("a table");
    let file = chain.bytes(&format!("aggregates/{PLAN}/columns.parquet"));
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    for batch in table.read(file).expect("of this version") {
        for row in 0..batch.len() {
            let cell = |column: &str| text(&batch, column, row).unwrap_or_default();
            let section = sections.entry(cell("table_name").to_owned()).or_default();
            if section.is_empty() {
                let texts = [cell("table_question"), cell("table_rows")];
                section.push_str(texts.join(" ").trim());
                section.push('\n');
            }
            writeln!(
                section,
                "| `{}` | {} | {} |",
                cell("column_name"),
                cell("value_type"),
                cell("description")
            )
            .expect("written");
            assert_eq!(
                integer(&batch, "column_number", row),
                Some(section.lines().count() as i64 - 1)
            );
            let values = cell("possible_values")
                .split(';')
                .filter(|value| !value.is_empty());
            for value in values {
                let description = cell("description");
                assert!(
                    description.contains(&format!("`{value}`"))
                        || description.contains("`count_status`"),
                    "`{}` does not describe `{value}`",
                    cell("column_name")
                );
            }
        }
    }
    let page = std::fs::read_to_string(PAGE).expect("the page");
    let of_page = page.split("\n## ").skip(1).map(|section| {
        let (name, rest) = section.split_once('\n').expect("a heading");
        let lines = rest
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("Key: "));
        let lines =
            lines.filter(|line| !["| column | type | meaning |", "|---|---|---|"].contains(line));
        (
            name.to_owned(),
            lines.flat_map(|line| [line, "\n"]).collect(),
        )
    });
    assert_eq!(sections, of_page.collect());
}

#[test]
fn the_list_of_tables_is_that_of_the_catalogue() {
    let page = std::fs::read_to_string(ANALYSTS).expect("the page");
    let (before, rest) = page.split_once("| table | question |").expect("the list");
    let (_, after) = rest.split_once("\n\n").expect("its end");
    check(ANALYSTS, &format!("{before}{}\n{after}", list_of_tables()));
}

/// The key of a row as text.
fn key(batch: &TableBatch, columns: &[ColumnSpec], row: usize) -> String {
    let mut key = String::new();
    for column in columns.iter().filter(|column| column.role.is_key()) {
        match column.value_type {
            ValueType::Integer => write!(key, "{:?}", integer(batch, column.name, row)),
            ValueType::Date => write!(key, "{}", batch.dates(column.name).value(row)),
            _ => write!(key, "{:?}", text(batch, column.name, row)),
        }
        .expect("written");
    }
    key
}

fn integer(batch: &TableBatch, column: &str, row: usize) -> Option<i64> {
    let integers = batch.integers(column);
    integers.is_valid(row).then(|| integers.value(row))
}

fn text<'b>(batch: &'b TableBatch, column: &str, row: usize) -> Option<&'b str> {
    let texts = batch.texts(column);
    texts.is_valid(row).then(|| texts.value(row))
}

#[test]
fn no_two_rows_of_a_table_have_equal_keys_and_every_row_has_its_labels() {
    let chain = chain_of_generated_events(300);
    let windows = "format = 1\nfirst_month = \"2018-01\"\n";
    let reference = reference_with(&[("windows.toml", windows)]);
    let folders = [PLAN, "in-force"];
    chain
        .aggregate_with(&reference, &folders, None)
        .expect("tables");
    for folder in folders {
        for table in TABLES {
            let (mut keys, columns) = (HashSet::new(), table.columns());
            let file = chain.bytes(&format!("aggregates/{folder}/{}.parquet", table.name));
            for batch in table.read(file).expect("of this version") {
                for row in 0..batch.len() {
                    let key = key(&batch, &columns, row);
                    assert!(keys.insert(key.clone()), "{folder}/{}: {key}", table.name);
                }
                for label in labels(table) {
                    let missing = batch.texts(label).null_count();
                    assert_eq!(missing, 0, "{folder}/{}.{label}", table.name);
                }
            }
        }
    }
}

/// Names that tools of analysts reserve; the file says which.
const RESERVED: &str = include_str!("reserved_names.txt");

#[test]
fn no_column_has_a_name_that_a_tool_of_analysts_reserves() {
    let lines = RESERVED
        .lines()
        .filter(|line| !line.starts_with(['#', '[']));
    let reserved: HashSet<&str> = lines.flat_map(str::split_whitespace).collect();
    for name in ["count", "end", "index", "left", "plan", "window"] {
        assert!(reserved.contains(name), "{name}");
    }
    let events = events::schema_of_all();
    let names = events.fields().iter().map(|field| field.name().as_str());
    let of_tables = TABLES.iter().flat_map(TableSpec::columns);
    let found: Vec<&str> = names
        .chain(of_tables.map(|column| column.name))
        .filter(|name| reserved.contains(name))
        .collect();
    assert!(found.is_empty(), "columns with a reserved name: {found:?}");
}

/// The labels that a row may lack: a priority without an owner, a reject without a kind.
const MAY_BE_NULL: [&str; 3] = [
    "feed_quality.kind_label",
    "intake.kind_label",
    "priorities.owner_label",
];

/// The columns of labels of a table that every row has.
fn labels(table: &TableSpec) -> Vec<&'static str> {
    let columns = table.columns().into_iter().map(|column| column.name);
    let labels = columns.filter(|name| name.ends_with("_label") || name.ends_with("_name"));
    labels
        .filter(|name| !MAY_BE_NULL.contains(&&*format!("{}.{name}", table.name)))
        .collect()
}
