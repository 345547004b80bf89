//! `partner-feeds purge`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::lookup::table_folders;
use super::options::{SettingOptions, StoreOptions, open_store};
use super::progress::NoProgress;
use super::text::counted;
use super::{Format, now, runtime};
use crate::aggregate::{self, AggregateSettings, outdated_folders};
use crate::config::Config;
use crate::crash;
use crate::ledger::erasures::{self, Certificate, PurgedFiles};
use crate::ledger::merge::MergeLimits;
use crate::ledger::purge::{PurgeReport, purge};
use crate::reference::Reference;
use crate::storage::{StorageError, Store};

/// How long other commands may take to finish their tables.
const TABLES_WAIT: Duration = Duration::from_mins(10);

/// Remove erased records from every file of the store
///
/// Replaces the files that contain erased records by copies without them, removes files that no
/// reader uses, and builds the tables again. Then it writes a certificate of that.
/// It may run at any time, also several times at once, beside consumers and merges. Without an erased
/// record it does nothing. Exit status: 0 = done, 2 = not done, run it again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds purge --store store")]
pub(crate) struct Purge {
    #[command(flatten)]
    options: StoreOptions,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Purge {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        runtime.block_on(check_store(&store))?;
        let summary = purge_all(&store, &config, &reference, &runtime)?;
        summary.print(self.format)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Refuses a store from which nothing can be removed.
pub(super) async fn check_store(store: &Store) -> anyhow::Result<()> {
    store.probe().await?;
    if store.probe_replacement().await? {
        bail!(StorageError::Versioned(store.root().to_owned()));
    }
    Ok(())
}

/// What a purge did.
#[derive(Debug, Serialize)]
pub(super) struct PurgeSummary {
    /// The last entry of the log that the certificates cover; 0 = nothing was ever erased.
    certified: u64,
    /// Whether this purge wrote a certificate.
    is_new: bool,
    #[serde(flatten)]
    files: PurgedFiles,
    tables: Vec<String>,
    deleted: Vec<String>,
}

/// Removes all erased rows, builds the tables again, and writes the certificate.
pub(super) fn purge_all(
    store: &Store,
    config: &Config,
    reference: &Reference,
    runtime: &Runtime,
) -> anyhow::Result<PurgeSummary> {
    let limits = MergeLimits {
        files: config.ingest.merge_files,
        bytes: config.ingest.merge_bytes,
    };
    let PurgeReport { log, ends, files } = runtime.block_on(purge(store, limits))?;
    let (tables, deleted) = rebuild_tables(store, config, reference, runtime, log)
        .context("cannot build the tables again without the erased records")?;
    crash::point("purge.tables");
    let certified = runtime.block_on(erasures::certificates(store))?;
    let is_new = log > 0 && !certified.contains_key(&log);
    if is_new {
        let mut certificate = Certificate::new(log, now(), ends, files);
        certificate.tables.clone_from(&tables);
        runtime.block_on(certificate.create(store))?;
        crash::point("purge.certified");
    }
    Ok(PurgeSummary {
        certified: log,
        is_new,
        files,
        tables,
        deleted,
    })
}

/// Builds the tables again that were built before an erasure, and deletes those that the settings do
/// not name, such as figures as at an earlier time. Returns the folders built and deleted.
fn rebuild_tables(
    store: &Store,
    config: &Config,
    reference: &Reference,
    runtime: &Runtime,
    log: u64,
) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    // A run that has not seen the erasure could still publish its tables.
    runtime.block_on(store.sweep_replacements(TABLES_WAIT))?;
    let outdated = runtime.block_on(outdated_folders(store, log))?;
    if outdated.iter().any(|folder| !folder.starts_with("as-at/")) {
        let folders = table_folders(reference, &config.plans)?;
        let settings = AggregateSettings::new(folders, reference, None);
        aggregate::run(store, &settings, runtime.handle(), &mut NoProgress)?;
    }
    let deleted = runtime.block_on(outdated_folders(store, log))?;
    runtime.block_on(async {
        for folder in &deleted {
            store.delete_folder(folder).await?;
        }
        Ok::<_, StorageError>(())
    })?;
    let is_built = |folder: &String| !deleted.contains(folder);
    let built = outdated.into_iter().filter(is_built).collect();
    Ok((built, deleted))
}

impl PurgeSummary {
    pub(super) fn print(&self, format: Format) -> anyhow::Result<()> {
        if format == Format::Json {
            say!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        if self.certified == 0 {
            say!("nothing was ever erased from this store");
            return Ok(());
        }
        let PurgedFiles {
            ledger,
            rejects,
            journal_swept,
            orphans_swept,
            temporary_removed,
        } = self.files;
        let removed = journal_swept + orphans_swept + temporary_removed;
        say!(
            "replaced {} and {}, removed {}",
            counted(ledger, "ledger file"),
            counted(rejects, "rejects file"),
            counted(removed, "leftover")
        );
        for folder in &self.tables {
            say!("built again: {folder}");
        }
        for folder in &self.deleted {
            say!("deleted, since it was built before the erasure: {folder}");
        }
        let is_new = if self.is_new { "" } else { "already " };
        say!(
            "{is_new}certified: erasures/{:010}.done.json",
            self.certified
        );
        Ok(())
    }
}
