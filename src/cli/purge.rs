//! `partner-feeds purge`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use jiff::civil;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::lookup::table_folders;
use super::options::{SettingOptions, StoreAndBrokerOptions, open_store};
use super::progress::NoProgress;
use super::text::counted;
use super::{Format, now, runtime};
use crate::aggregate::{self, AggregateSettings, SCORECARDS, outdated_folders};
use crate::assess::DOCUMENTS;
use crate::config::Config;
use crate::crash;
use crate::erase::Grounds;
use crate::export::EXPORTS;
use crate::file_format;
use crate::ledger::chain;
use crate::ledger::erasures::{
    self, Certificate, CopyUntil, ErasureReason, NotKept, OtherCopies, PurgedFiles,
};
use crate::ledger::merge::MergeLimits;
use crate::ledger::purge::{PurgeReport, purge};
use crate::publish;
use crate::reference::Reference;
use crate::rejects::expiry::remove_bytes;
use crate::retention::Review;
use crate::retention::expired::{ExpiredRecords, Expiry, find_expired};
use crate::storage::{StorageError, Store};

/// How long other commands may take to finish their tables.
const TABLES_WAIT: Duration = Duration::from_mins(10);

/// How long an older program must not have written.
const WRITERS_WAIT: Duration = Duration::from_hours(24);

/// How long a broker may take to answer.
pub(super) const BROKER_WAIT: Duration = Duration::from_secs(5);

/// Remove erased records, and those past their retention period, from every file of the store
///
/// Erases the records whose retention period in the settings has ended, and removes the bytes of old rejects. Then
/// replaces the files that contain erased records by copies without them, removes files that no
/// reader uses, builds the tables again, and writes a certificate of that.
/// It may run at any time, also several times at once, beside consumers and merges. Exit status: 0 =
/// done, 2 = not done, run it again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds purge --store store
  partner-feeds purge --dry-run --as-of 2027-04-01
  partner-feeds purge --reviewed police.crime:2019")]
pub(crate) struct Purge {
    #[command(flatten)]
    options: StoreAndBrokerOptions,
    /// Day on which retention periods have ended or not [default: today]
    #[arg(long, value_name = "DATE")]
    as_of: Option<civil::Date>,
    /// Kind and year: records up to its end were reviewed and are to be erased, such as police.crime:2019
    #[arg(long, value_name = "KIND:YEAR")]
    reviewed: Vec<Review>,
    /// Change nothing; report which records are past their period
    #[arg(long)]
    dry_run: bool,
    /// Do not ask the broker how long its topics keep records
    #[arg(long)]
    without_broker: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Purge {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let store = open_store(&config)?;
        let runtime = runtime()?;
        let expiry = Expiry {
            settings: &config.retention,
            today: self.as_of.unwrap_or_else(|| now().in_london().date()),
            reviews: &self.reviewed,
        };
        let mut reviews = self.reviewed.iter();
        let fault_of = |review| config.retention.fault_of_review(review, expiry.today);
        if let Some(fault) = reviews.find_map(fault_of) {
            bail!("{fault}");
        }
        let expired = find_expired(&store, runtime.handle(), &reference, expiry)?;
        if self.dry_run {
            RetentionSummary::new(&expired, 0).print(self.format)?;
            return Ok(ExitCode::SUCCESS);
        }
        let keeps_versions = runtime.block_on(check_store(&store, &config))?;
        if !expired.rows.is_empty() {
            let grounds = Grounds {
                why: ErasureReason::Retention,
                case: &format!("retention/{}", expiry.today),
                not_kept: &expired.not_kept,
            };
            runtime.block_on(expired.rows.erase(&store, &grounds, now()))?;
            crash::point("erase.committed");
        }
        let rejects = match expiry.rejects_before() {
            Some(before) => runtime.block_on(remove_bytes(&store, before, limits(&config)))?,
            None => 0,
        };
        let purging = Purging {
            store: &store,
            config: &config,
            reference: &reference,
            runtime: &runtime,
            keeps_versions,
            asks_broker: !self.without_broker,
        };
        let summary = PurgeSummary {
            retention: Some(RetentionSummary::new(&expired, rejects)),
            ..purging.run()?
        };
        summary.print(self.format)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Refuses a store from which nothing can be removed. Whether it keeps old versions of files, which a
/// rule of the bucket deletes.
pub(super) async fn check_store(store: &Store, config: &Config) -> anyhow::Result<bool> {
    store.probe().await?;
    let keeps_versions = store.probe_replacement().await?;
    if keeps_versions && config.retention.old_versions_days.is_none() {
        bail!(StorageError::Versioned(store.root().to_owned()));
    }
    check_writers(store).await?;
    Ok(keeps_versions)
}

/// Refuses a store into which a program that knows no erasures has written recently: it would go on
/// to show erased records, and could bring them back.
async fn check_writers(store: &Store) -> anyhow::Result<()> {
    let since = now().0 - WRITERS_WAIT.as_micros() as i64;
    for chain in chain::read_all(store).await? {
        let Some(last) = chain.files.last() else {
            continue;
        };
        let program = &last.footer.program;
        if file_format::knows_erasures(program) {
            continue;
        }
        let newest = chain.newest_received(store).await?;
        if newest.is_some_and(|newest| newest.0 > since) {
            bail!(
                "{program}, which knows no erasures, wrote to {} in the last 24 hours: upgrade \
                 every program that uses this store, then wait until a new one has written there, \
                 or for a day",
                chain.partition
            );
        }
    }
    Ok(())
}

fn limits(config: &Config) -> MergeLimits {
    MergeLimits {
        files: config.ingest.merge_files,
        bytes: config.ingest.merge_bytes,
    }
}

/// What retention did, or would do.
#[derive(Debug, Serialize)]
struct RetentionSummary {
    /// Records past their period, which were erased.
    records: u64,
    /// Their rows.
    rows: u64,
    /// What is left of their kinds.
    not_kept: Vec<NotKept>,
    /// Records past their period that wait for a review, by kind.
    to_review: BTreeMap<String, u64>,
    /// Records past their period that may not be erased.
    preserved: u64,
    /// Rows past their period that are kept, since they were received in the quiet months.
    recent_rows: u64,
    /// Rejects files from which bytes were removed.
    rejects: u64,
}

impl RetentionSummary {
    fn new(expired: &ExpiredRecords, rejects: u64) -> Self {
        Self {
            records: expired.rows.records,
            rows: expired.rows.accepted.len() as u64,
            not_kept: expired.not_kept.clone(),
            to_review: expired.to_review.clone(),
            preserved: expired.preserved,
            recent_rows: expired.recent_rows,
            rejects,
        }
    }

    fn print(&self, format: Format) -> anyhow::Result<()> {
        if format == Format::Json {
            say!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        self.print_text()
    }

    fn print_text(&self) -> anyhow::Result<()> {
        if self.records == 0 && self.preserved == 0 && self.to_review.is_empty() {
            say!("no record is to be erased by its retention period");
        } else {
            say!(
                "past their retention period: {} with {}",
                counted(self.records, "record"),
                counted(self.rows, "row")
            );
        }
        for NotKept {
            partner,
            kind,
            kept_from,
        } in &self.not_kept
        {
            say!("kept from {kept_from}: {kind} of {partner}");
        }
        for (kind, records) in &self.to_review {
            say!(
                "to review: {} of {kind}; then pass --reviewed {kind}:YEAR",
                counted(*records, "record")
            );
        }
        if self.preserved > 0 {
            say!(
                "preserved, and not erased: {}",
                counted(self.preserved, "record")
            );
        }
        if self.recent_rows > 0 {
            say!(
                "past their period, but kept because they were received recently \
                 (`retention.quiet_months`): {}",
                counted(self.recent_rows, "row")
            );
        }
        if self.rejects > 0 {
            say!(
                "bytes of rejects removed from {}",
                counted(self.rejects, "file")
            );
        }
        Ok(())
    }
}

/// What a purge did.
#[derive(Debug, Serialize)]
pub(super) struct PurgeSummary {
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<RetentionSummary>,
    /// The last entry of the log that the certificates cover; 0 = nothing was ever erased.
    certified: u64,
    /// Whether this purge wrote a certificate.
    is_new: bool,
    #[serde(flatten)]
    files: PurgedFiles,
    tables: Vec<String>,
    deleted: Vec<String>,
    /// Folders with figures from before the erasure, which only their own commands write.
    older: Vec<String>,
}

/// Removes all erased rows, builds the tables again, and writes the certificate.
pub(super) struct Purging<'a> {
    pub(super) store: &'a Store,
    pub(super) config: &'a Config,
    pub(super) reference: &'a Reference,
    pub(super) runtime: &'a Runtime,
    /// Whether the store keeps old versions of files.
    pub(super) keeps_versions: bool,
    /// Whether the broker is asked how long its topics keep records.
    pub(super) asks_broker: bool,
}

impl Purging<'_> {
    pub(super) fn run(&self) -> anyhow::Result<PurgeSummary> {
        let (store, config, runtime) = (self.store, self.config, self.runtime);
        let PurgeReport { log, ends, files } = runtime.block_on(purge(store, limits(config)))?;
        let (tables, deleted) = rebuild_tables(store, config, self.reference, runtime, log)
            .context("cannot build the tables again without the erased records")?;
        crash::point("purge.tables");
        let certified = runtime.block_on(erasures::certificates(store))?;
        let is_new = log > 0 && !certified.contains_key(&log);
        if is_new {
            let mut certificate = Certificate::new(log, now(), ends, files);
            certificate.tables.clone_from(&tables);
            certificate.copies = self.other_copies(&certificate);
            runtime.block_on(certificate.create(store))?;
            crash::point("purge.certified");
        }
        Ok(PurgeSummary {
            retention: None,
            certified: log,
            is_new,
            files,
            tables,
            deleted,
            older: if is_new {
                runtime.block_on(with_documents(store))?
            } else {
                Vec::new()
            },
        })
    }

    /// Until when other places may have copies of what is certified.
    fn other_copies(&self, certificate: &Certificate) -> OtherCopies {
        let retention = &self.config.retention;
        let until = |days: u64| {
            let days = jiff::Span::new().days(days.min(100_000) as i64);
            certificate.at.in_utc().saturating_add(days).to_string()
        };
        let days_until = |days: Option<u16>| days.map(|days| until(days.into()));
        let ends = certificate.ends.iter();
        let mut topics: BTreeSet<&str> = ends.map(|end| &*end.topic).collect();
        topics.extend(self.config.kafka.dead_letter_topic.as_deref());
        let described = self.asks_broker.then(|| {
            let described =
                publish::describe(&self.config.kafka, topics.iter().copied(), BROKER_WAIT);
            self.runtime.block_on(described)
        });
        let described = described.and_then(Result::ok).unwrap_or_default();
        let of_topic = |name: &str| match described.iter().find(|topic| topic.name == name) {
            Some(topic) => CopyUntil {
                until: topic.days().map(until),
                by: "retention.ms and segment.ms of the topic".to_owned(),
            },
            None => CopyUntil {
                until: None,
                by: "not known: the broker was not asked or did not answer".to_owned(),
            },
        };
        let kafka = topics
            .iter()
            .map(|name| ((*name).to_owned(), of_topic(name)));
        OtherCopies {
            kafka: kafka.collect(),
            versions_until: days_until(retention.old_versions_days.filter(|_| self.keeps_versions)),
            backups_until: days_until(retention.backups_days),
        }
    }
}

/// The folders of figures in a store that no purge writes.
async fn with_documents(store: &Store) -> Result<Vec<String>, StorageError> {
    let mut found = Vec::new();
    for folder in [DOCUMENTS, EXPORTS, SCORECARDS] {
        if !store.folders(folder).await?.is_empty() {
            found.push(folder.to_owned());
        }
    }
    Ok(found)
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
        if let Some(retention) = &self.retention {
            retention.print_text()?;
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
        for folder in &self.older {
            say!("write again, since it may have older figures: {folder}");
        }
        let is_new = if self.is_new { "" } else { "already " };
        say!(
            "{is_new}certified: erasures/{:010}.done.json",
            self.certified
        );
        Ok(())
    }
}
