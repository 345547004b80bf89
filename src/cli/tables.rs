//! `partner-feeds tables`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaDataReader;
use serde_json::{Value, json};

use super::text::{align_right, grouped, table};
use super::{Connection, Format, runtime};
use crate::aggregate::PROVENANCE;
use crate::storage::Store;

/// List the tables of a store, how fresh and how complete they are
#[derive(Debug, Args)]
pub(crate) struct Tables {
    /// How to show them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

/// A folder of tables.
struct Folder {
    path: String,
    as_at: Option<String>,
    /// Name, rows and bytes.
    tables: Vec<(String, i64, u64)>,
    /// By partner and kind, months by data status.
    months: BTreeMap<(String, String), BTreeMap<String, i64>>,
}

impl Tables {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.connection.store()?;
        let folders = runtime()?.block_on(folders(&store))?;
        if folders.is_empty() {
            eprintln!(
                "the store `{}` has no tables yet: `partner-feeds aggregate` makes them",
                store.root()
            );
            return Ok(ExitCode::from(1));
        }
        match self.format {
            Format::Text => folders.iter().for_each(print),
            Format::Json => folders.iter().for_each(|folder| say!("{}", json(folder))),
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn folders(store: &Store) -> anyhow::Result<Vec<Folder>> {
    let mut paths = vec!["events".to_owned()];
    paths.extend(
        store
            .folders("aggregates")
            .await?
            .into_iter()
            .map(|name| format!("aggregates/{name}")),
    );
    for at in store.folders("as-at").await? {
        paths.push(format!("as-at/{at}/events"));
        let below = format!("as-at/{at}/aggregates");
        paths.extend(
            store
                .folders(&below)
                .await?
                .into_iter()
                .map(|name| format!("{below}/{name}")),
        );
    }
    let mut folders = Vec::new();
    for path in paths {
        // Provenance is written with the tables: a folder without it is none of ours.
        let Some(provenance) = store.read(&format!("{path}/{PROVENANCE}")).await? else {
            continue;
        };
        let provenance: Value = serde_json::from_slice(&provenance)
            .with_context(|| format!("cannot read {path}/{PROVENANCE}"))?;
        let as_at = provenance["as_at"].as_str().map(str::to_owned);
        let mut folder = Folder {
            path,
            as_at,
            tables: Vec::new(),
            months: BTreeMap::new(),
        };
        for entry in store.list(&folder.path).await? {
            let Some(table) = entry.name.strip_suffix(".parquet") else {
                continue;
            };
            let path = format!("{}/{}", folder.path, entry.name);
            let bytes = store
                .read(&path)
                .await?
                .with_context(|| format!("{path} is not there"))?;
            let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes);
            let metadata = metadata.with_context(|| format!("{path} is no Parquet file"))?;
            folder.tables.push((
                table.to_owned(),
                metadata.file_metadata().num_rows(),
                bytes.len() as u64,
            ));
            if table == "feed_quality" {
                folder.months = months(bytes)?;
            }
        }
        folder.tables.sort();
        folders.push(folder);
    }
    Ok(folders)
}

/// The months of each partner's kind by data status.
fn months(
    bytes: bytes::Bytes,
) -> anyhow::Result<BTreeMap<(String, String), BTreeMap<String, i64>>> {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    let mut months: BTreeMap<_, BTreeMap<String, i64>> = BTreeMap::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
        let batch = batch?;
        let column = |name| {
            batch
                .column_by_name(name)
                .and_then(|c| c.as_string_opt::<i32>())
                .context("feed_quality has not its columns")
        };
        let [partner, kind, status] = [column("partner")?, column("kind")?, column("data_status")?];
        for row in (0..batch.num_rows()).filter(|row| kind.is_valid(*row) && status.is_valid(*row))
        {
            let of = months
                .entry((partner.value(row).to_owned(), kind.value(row).to_owned()))
                .or_default();
            *of.entry(status.value(row).to_owned()).or_default() += 1;
        }
    }
    Ok(months)
}

fn print(folder: &Folder) {
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
    say!();
}

fn json(folder: &Folder) -> Value {
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
