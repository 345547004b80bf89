//! `partner-feeds tables`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use parquet::file::metadata::ParquetMetaDataReader;
use serde_json::{Value, json};

use super::options::StoreOptions;
use super::text::{align_right, grouped, table};
use super::{Format, runtime};
use crate::aggregate::{MonthsByStatus, PROVENANCE, months_by_status};
use crate::file_format::{self, read_json};
use crate::ledger;
use crate::storage::Store;

/// List the tables of a store, and how fresh and complete they are
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds tables
  partner-feeds tables --store partner-feeds-demo --format json")]
pub(crate) struct Tables {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: StoreOptions,
}

/// A folder of tables.
struct TableFolder {
    path: String,
    as_at: Option<String>,
    /// Name, rows and bytes.
    tables: Vec<(String, i64, u64)>,
    months: MonthsByStatus,
}

impl Tables {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.options.store()?;
        let folders = runtime()?.block_on(folders(&store))?;
        if folders.is_empty() {
            note!(
                "the store `{}` has no tables yet: run `partner-feeds aggregate`",
                store.root()
            );
            return Ok(ExitCode::from(1));
        }
        for folder in &folders {
            match self.format {
                Format::Text => print(folder)?,
                Format::Json => say!("{}", json(folder)),
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn folders(store: &Store) -> anyhow::Result<Vec<TableFolder>> {
    let mut folders = Vec::new();
    for path in folder_paths(store).await? {
        // A folder without provenance was not written by this program.
        let Some(provenance) = store.read(&format!("{path}/{PROVENANCE}")).await? else {
            continue;
        };
        let receipt = format!("{path}/{PROVENANCE}");
        let provenance: Value = read_json(&receipt, &provenance, file_format::TABLES)
            .with_context(|| format!("cannot read {receipt}"))?;
        let as_at = provenance["as_at"].as_str().map(str::to_owned);
        folders.push(read_folder(store, path, as_at).await?);
    }
    Ok(folders)
}

/// The paths where a store may have tables: today's, then those as at a time in the past.
async fn folder_paths(store: &Store) -> anyhow::Result<Vec<String>> {
    let mut bases = vec![String::new()];
    let times = store.folders("as-at").await?;
    bases.extend(times.into_iter().map(|time| format!("as-at/{time}/")));
    let mut paths = Vec::new();
    for base in bases {
        paths.push(format!("{base}events"));
        let aggregates = format!("{base}aggregates");
        let names = store.folders(&aggregates).await?;
        paths.extend(names.into_iter().map(|name| format!("{aggregates}/{name}")));
    }
    Ok(paths)
}

async fn read_folder(
    store: &Store,
    path: String,
    as_at: Option<String>,
) -> anyhow::Result<TableFolder> {
    let (mut tables, mut months) = (Vec::new(), MonthsByStatus::new());
    for entry in store.list(&path).await? {
        let Some(table) = entry.name.strip_suffix(".parquet") else {
            continue;
        };
        let path = format!("{path}/{}", entry.name);
        let rows = row_count(store, &path).await;
        let rows = rows.with_context(|| format!("cannot read {path}"))?;
        tables.push((table.to_owned(), rows, entry.bytes));
        if table == "feed_quality" {
            let bytes = store.read(&path).await?;
            let bytes = bytes.with_context(|| format!("cannot find {path}"))?;
            months = months_by_status(bytes).with_context(|| format!("cannot read {path}"))?;
        }
    }
    tables.sort();
    Ok(TableFolder {
        path,
        as_at,
        tables,
        months,
    })
}

/// The rows of a file, from its end: events can be large.
async fn row_count(store: &Store, path: &str) -> anyhow::Result<i64> {
    let end = ledger::read_end(store, path).await?;
    let end = end.context("it is gone")?;
    let mut reader = ParquetMetaDataReader::new();
    reader.try_parse_sized(&end.bytes, end.file_bytes)?;
    Ok(reader.finish()?.file_metadata().num_rows())
}

fn print(folder: &TableFolder) -> std::io::Result<()> {
    say!(
        "{} as at {}",
        folder.path,
        folder.as_at.as_deref().unwrap_or("no receipt")
    );
    let mut rows = table(["table", "rows", "bytes"]);
    rows.add_rows(
        folder
            .tables
            .iter()
            .map(|(name, rows, bytes)| [name.clone(), grouped(*rows as u64), grouped(*bytes)]),
    );
    align_right(&mut rows, 1..=2);
    say!("{}", rows.trim_fmt());
    if !folder.months.is_empty() {
        let mut rows = table(["partner", "kind", "months by data status"]);
        for ((partner, kind), months) in &folder.months {
            let months: Vec<String> = months
                .iter()
                .map(|(status, count)| format!("{count} {status}"))
                .collect();
            rows.add_row([partner, kind, &months.join(", ")]);
        }
        say!("{}", rows.trim_fmt());
    }
    say!("");
    Ok(())
}

fn json(folder: &TableFolder) -> Value {
    let tables = folder
        .tables
        .iter()
        .map(|(name, rows, bytes)| json!({ "table": name, "rows": rows, "bytes": bytes }));
    let months = folder.months.iter().map(
        |((partner, kind), months)| json!({ "partner": partner, "kind": kind, "months": months }),
    );
    json!({
        "folder": folder.path,
        "as_at": folder.as_at,
        "tables": tables.collect::<Vec<_>>(),
        "completeness": months.collect::<Vec<_>>(),
    })
}
