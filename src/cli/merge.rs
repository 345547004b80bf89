//! `partner-feeds merge`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::options::{SettingOptions, StoreOptions, open_store};
use super::text::{align_right, table};
use super::{Format, runtime};
use crate::event::{Position, TopicPartition};
use crate::ledger::chain;
use crate::ledger::merge::{self, MergeLimits, Merged, Swept};
use crate::storage::Store;

/// Merge the journal into the ledger
///
/// `ingest` merges a journal once it is large enough; this command merges all journal files. It may
/// run at any time, beside consumers, readers and other merges. Exit status: 0 = done, 1 = a
/// partition could not be merged (each is named; the others are merged), 2 = the store could not be
/// read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds merge --store store")]
pub(crate) struct Merge {
    #[command(flatten)]
    options: StoreOptions,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was merged and swept in a partition.
#[derive(Default)]
struct MergeTotals {
    files: usize,
    into: usize,
    rows: u64,
    bytes_before: u64,
    bytes_after: u64,
    swept: Swept,
}

impl Merge {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, _) = self.options.load()?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let mut rows = table([
            "partition",
            "files",
            "into",
            "rows",
            "bytes before",
            "after",
            "ledger end",
        ]);
        let limits = MergeLimits {
            files: config.ingest.merge_files,
            bytes: config.ingest.merge_bytes,
        };
        let mut code = ExitCode::SUCCESS;
        for partition in runtime.block_on(chain::partitions(&store))? {
            match runtime.block_on(merge_all(&store, &partition, limits)) {
                Ok(totals) if self.format == Format::Json => say!("{}", json(&partition, &totals)?),
                Ok(totals) => {
                    rows.add_row(cells(&partition, &totals));
                }
                Err(error) => {
                    note!(
                        "error: cannot merge {partition}: {:#}",
                        anyhow::Error::from(error)
                    );
                    code = ExitCode::from(1);
                }
            }
        }
        align_right(&mut rows, 1..=5);
        if !rows.is_empty() {
            say!("{}", rows.trim_fmt());
        }
        Ok(code)
    }
}

/// Merges all journal files, run by run, and sweeps.
async fn merge_all(
    store: &Store,
    partition: &TopicPartition,
    limits: MergeLimits,
) -> Result<MergeTotals, crate::ledger::LedgerError> {
    let mut totals = MergeTotals::default();
    let merging = async {
        while let Some(merged) = merge::merge(store, partition, limits).await? {
            let Merged {
                next,
                files,
                rows,
                bytes_before,
                bytes_after,
            } = merged;
            tracing::debug!(%partition, %next, files, rows, "merged");
            totals.files += files;
            totals.into += 1;
            totals.rows += rows;
            totals.bytes_before += bytes_before;
            totals.bytes_after += bytes_after;
        }
        Ok(())
    };
    let merged = merging.await; // files merged before an error are swept too
    totals.swept = merge::sweep(store, partition, Position::ORIGIN).await?;
    merged.map(|()| totals)
}

fn cells(partition: &TopicPartition, totals: &MergeTotals) -> [String; 7] {
    let MergeTotals {
        files,
        into,
        rows,
        bytes_before,
        bytes_after,
        swept,
    } = totals;
    let numbers = [
        *files as u64,
        *into as u64,
        *rows,
        *bytes_before,
        *bytes_after,
    ]
    .map(|number| number.to_string());
    let [files, into, rows, bytes_before, bytes_after] = numbers;
    [
        partition.to_string(),
        files,
        into,
        rows,
        bytes_before,
        bytes_after,
        swept.to.to_string(),
    ]
}

#[derive(Serialize)]
struct MergeLine<'a> {
    topic: &'a str,
    partition: i32,
    files: usize,
    into: usize,
    rows: u64,
    bytes_before: u64,
    bytes_after: u64,
    swept_journal: usize,
    swept_rejects: usize,
    ledger_end: String,
}

fn json(partition: &TopicPartition, totals: &MergeTotals) -> serde_json::Result<String> {
    let MergeTotals {
        files,
        into,
        rows,
        bytes_before,
        bytes_after,
        swept,
    } = *totals;
    serde_json::to_string(&MergeLine {
        topic: &partition.topic,
        partition: partition.partition,
        files,
        into,
        rows,
        bytes_before,
        bytes_after,
        swept_journal: swept.journal,
        swept_rejects: swept.rejects,
        ledger_end: swept.to.to_string(),
    })
}
