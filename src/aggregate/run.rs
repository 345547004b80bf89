//! Reads the chains and writes the tables. All tables are built before any is published. Each folder then
//! replaces the one before it as a whole, with a file that names what it was built from. Figures as
//! at a time in the past have a folder of their own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::snapshot::{Snapshot, read_chains};
use crate::aggregate::state::current::{Chunk, Current};
use crate::aggregate::tables::writer::TableFile;
use crate::aggregate::tables::{TABLES, briefing, events};
use crate::aggregate::{AggregateError, AggregateSettings, Deliveries, PlanChoice};
use crate::allocator::return_free_memory;
use crate::event::{Feed, Micros, Position};
use crate::file_format::{self, PROGRAM};
use crate::hex;
use crate::ledger::chain::{Chain, ChainEnds};
use crate::reference::UnknownCodes;
use crate::reference::plan::Plan;
use crate::storage::{Replacement, Store};

/// The name of the file that names what a folder was built from.
pub const PROVENANCE: &str = "_provenance.json";

/// The marking of everything that has the exact figures of the tables.
pub const EXACT_MARKING: &str = "It contains exact small numbers: not for publication.";
/// The file that marks a store of invented data.
pub const INVENTED_FILE: &str = "DEMO.txt";
/// The marking of everything that is written from such a store.
pub const INVENTED_MARKING: &str = "Invented data: no figure here is true of any place.";

/// The folder of scorecards.
pub const SCORECARDS: &str = "scorecards";

/// Reports how far a run is.
pub trait RunProgress {
    /// A stage of some steps begins.
    fn begin(&mut self, stage: &'static str, steps: u64);
    /// More steps are done.
    fn advance(&mut self, steps: u64);
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its path under the root.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// What a run read and wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateSummary {
    /// Partitions of the chain.
    pub partitions: usize,
    /// Files of the chain.
    pub files: usize,
    /// Rows of the chain.
    pub rows: u64,
    /// Records they are revisions of.
    pub records: u64,
    /// How many of these are cancelled.
    pub cancelled: u64,
    /// Rejects that the chain names.
    pub rejected: u64,
    /// The unknown codes of the records that count.
    pub unknown_codes: UnknownCodes,
    /// Records whose latest revision was sent with different contents, by partner.
    pub contradictions: BTreeMap<String, u64>,
    /// The time of the figures: the one of the settings, else the newest receipt.
    pub as_at: Option<Micros>,
    /// What each partner delivered, if the settings ask for it and its reference data is there.
    pub deliveries: Option<Deliveries>,
    /// The files, in the order they were written.
    pub written: Vec<WrittenFile>,
    /// Tables and folders whose reference data is missing, each with the reason: all others were
    /// written.
    pub not_written: Vec<(String, String)>,
}

/// Runs that erasures may interrupt, before it is an error.
const RUNS_MAX: u32 = 5;

/// Writes `events/` and a folder under `aggregates/` for each choice of plan; `None` = no record was
/// ever accepted, and nothing is written. If a record is erased meanwhile, starts again.
pub fn run(
    store: &Store,
    settings: &AggregateSettings<'_>,
    runtime: &Handle,
    progress: &mut dyn RunProgress,
) -> Result<Option<AggregateSummary>, AggregateError> {
    for _ in 1..RUNS_MAX {
        match run_once(store, settings, runtime, progress) {
            Err(AggregateError::ErasedMeanwhile) => {}
            ended => return ended,
        }
    }
    run_once(store, settings, runtime, progress)
}

fn run_once(
    store: &Store,
    settings: &AggregateSettings<'_>,
    runtime: &Handle,
    progress: &mut dyn RunProgress,
) -> Result<Option<AggregateSummary>, AggregateError> {
    let read = read_chains(store, None, runtime, |chains| {
        Snapshot::read(store, chains, settings, runtime, progress)
    })?;
    let Some((chains, mut snapshot)) = read else {
        return Ok(None);
    };
    let (mut deliveries, mut not_written) = (None, Vec::new());
    if settings.with_deliveries {
        let provenance = provenance(&chains, settings, snapshot.as_at, &settings.plans);
        let read = snapshot.deliveries(settings, provenance);
        deliveries = unless_missing(&mut not_written, SCORECARDS, read)?;
    }
    let feeds = std::mem::take(&mut snapshot.current.feeds);
    let mut output = Output::new(store, store, settings, runtime, (&chains, &snapshot));
    output.not_written = not_written;
    let mut summary = output.write(feeds, progress)?;
    summary.deliveries = deliveries;
    Ok(Some(summary))
}

/// Writes the tables of the settings' folders into another store, as they were when the chains had
/// some ends. Without a record there are none.
pub fn rebuild(
    store: &Store,
    ends: &ChainEnds,
    settings: &AggregateSettings<'_>,
    output: &Store,
    runtime: &Handle,
    progress: &mut dyn RunProgress,
) -> Result<(), AggregateError> {
    let read = read_chains(store, Some(ends), runtime, |chains| {
        Snapshot::read(store, chains, settings, runtime, progress)
    })?;
    let Some((chains, snapshot)) = read else {
        return Ok(());
    };
    let mut output = Output::new(store, output, settings, runtime, (&chains, &snapshot));
    output.write_folders(progress)?;
    output.publish()
}

/// Builds the tables of what was read, and publishes them when all are built.
struct Output<'o> {
    /// Where the chains are.
    ledger: &'o Store,
    /// Where the tables go.
    store: &'o Store,
    settings: &'o AggregateSettings<'o>,
    runtime: &'o Handle,
    chains: &'o [Chain],
    snapshot: &'o Snapshot,
    /// Complete, but not published yet.
    folders: Vec<NewFolder>,
    written: Vec<WrittenFile>,
    not_written: Vec<(String, String)>,
}

/// A folder of tables that is not published yet.
struct NewFolder {
    path: String,
    files: Replacement,
}

impl<'o> Output<'o> {
    /// Into a store, of what was read.
    fn new(
        ledger: &'o Store,
        store: &'o Store,
        settings: &'o AggregateSettings<'o>,
        runtime: &'o Handle,
        (chains, snapshot): (&'o [Chain], &'o Snapshot),
    ) -> Self {
        Self {
            ledger,
            store,
            settings,
            runtime,
            chains,
            snapshot,
            folders: Vec::new(),
            written: Vec::new(),
            not_written: Vec::new(),
        }
    }

    fn write(
        mut self,
        feeds: [Vec<Chunk>; 3],
        progress: &mut dyn RunProgress,
    ) -> Result<AggregateSummary, AggregateError> {
        let records_that_count = feeds.iter().map(|chunks| rows(chunks)).sum();
        progress.begin("write events", records_that_count);
        self.write_events(feeds, progress)?;
        return_free_memory();
        self.write_folders(progress)?;
        self.publish()?;
        let snapshot = self.snapshot;
        Ok(AggregateSummary {
            partitions: self.chains.len(),
            files: self.chains.iter().map(|chain| chain.files.len()).sum(),
            rows: snapshot.rows,
            records: snapshot.records,
            cancelled: snapshot.records - records_that_count,
            rejected: snapshot.rejected,
            unknown_codes: snapshot.current.unknown_codes.clone(),
            contradictions: contradictions(&snapshot.current),
            as_at: snapshot.as_at,
            deliveries: None,
            written: self.written,
            not_written: self.not_written,
        })
    }

    /// Writes every folder of tables.
    fn write_folders(&mut self, progress: &mut dyn RunProgress) -> Result<(), AggregateError> {
        let tables = self.settings.folders.len() * TABLES.len();
        progress.begin("write aggregates", tables as u64);
        let mut folders = self.settings.folders.iter();
        folders.try_for_each(|folder| self.write_tables(*folder, progress))
    }

    fn publish(&mut self) -> Result<(), AggregateError> {
        if let Some(chain) = self.chains.first()
            && self.runtime.block_on(chain.has_new_erasure(self.ledger))?
        {
            return Err(AggregateError::ErasedMeanwhile);
        }
        for folder in std::mem::take(&mut self.folders) {
            self.runtime.block_on(folder.files.publish())?;
        }
        Ok(())
    }

    /// Writes the events of each feed. The largest is last, when the memory of the others is free.
    fn write_events(
        &mut self,
        mut feeds: [Vec<Chunk>; 3],
        progress: &mut dyn RunProgress,
    ) -> Result<(), AggregateError> {
        let mut folder = self.new_folder(&format!("{}events", self.base()))?;
        let mut smallest_first = Feed::ALL;
        smallest_first.sort_by_key(|feed| rows(&feeds[*feed as usize]));
        for feed in smallest_first {
            let chunks = std::mem::take(&mut feeds[feed as usize]);
            let name = format!("{}.parquet", feed.as_str());
            let mut file = folder.files.create(&name, self.runtime);
            let result = events::write(
                &mut file,
                &self.snapshot.current,
                feed,
                &chunks,
                self.settings,
                |rows| progress.advance(rows),
            );
            let bytes = file.finish(result)?;
            self.written.push(WrittenFile {
                path: format!("{}/{name}", folder.path),
                rows: rows(&chunks),
                bytes,
            });
        }
        let settings = self.settings;
        self.finish_folder(folder, &settings.plans)
    }

    /// Writes the tables of one folder, without those whose reference data is missing.
    fn write_tables(
        &mut self,
        choice: PlanChoice<'_>,
        progress: &mut dyn RunProgress,
    ) -> Result<(), AggregateError> {
        let path = format!("{}aggregates/{}", self.base(), choice.folder());
        let Snapshot {
            current,
            before,
            intake,
            as_at,
            ..
        } = self.snapshot;
        let settings = self.settings;
        let figures_of = |current, at| {
            let area = match &choice {
                PlanChoice::Plan(plan) | PlanChoice::PlanWithRecords(plan) => &plan.area,
                PlanChoice::InForce => area_in_force(settings)?,
            };
            Figures::new(current, settings, area, at)
        };
        let figures = figures_of(current, *as_at);
        let Some(figures) = self.unless_missing(&path, figures)? else {
            return Ok(());
        };
        let before = before.as_ref();
        let before = before.map(|before| figures_of(before, settings.since));
        let before = before.transpose()?;
        if let PlanChoice::PlanWithRecords(plan) = choice
            && !figures.has_records_between(plan.valid_from, plan.valid_to)
        {
            progress.advance(TABLES.len() as u64);
            return Ok(());
        }
        let before = before
            .as_ref()
            .map(|figures| TableSet::new(figures, intake, choice));
        let mut set = TableSet::new(&figures, intake, choice);
        set.before = before.as_ref();
        let mut folder = self.new_folder(&path)?;
        let files = build_all(&set, || progress.advance(1));
        for (table, file) in TABLES.iter().zip(files) {
            let path = format!("{path}/{}.parquet", table.name);
            if let Some(file) = self.unless_missing(&path, file)? {
                self.put(&mut folder, table.name, file)?;
            }
        }
        let csv = briefing::csv(&set)?;
        let name = format!("{}.csv", briefing::TABLE.name);
        self.runtime.block_on(folder.files.put(&name, csv))?;
        self.finish_folder(folder, &set.plans().collect::<Vec<_>>())
    }

    /// The result, or `None` if reference data is missing, noted for the summary.
    fn unless_missing<T>(
        &mut self,
        path: &str,
        result: Result<T, AggregateError>,
    ) -> Result<Option<T>, AggregateError> {
        unless_missing(&mut self.not_written, path, result)
    }

    /// The folder of figures as at a time in the past, apart from today's.
    fn base(&self) -> String {
        self.settings.as_at.map_or_else(String::new, |at| {
            format!("as-at/{}/", at.to_string().replace(':', ""))
        })
    }

    fn new_folder(&self, path: &str) -> Result<NewFolder, AggregateError> {
        Ok(NewFolder {
            path: path.to_owned(),
            files: self.runtime.block_on(self.store.replacement(path))?,
        })
    }

    fn put(
        &mut self,
        folder: &mut NewFolder,
        table: &str,
        file: TableFile,
    ) -> Result<(), AggregateError> {
        let (name, bytes) = (format!("{table}.parquet"), file.bytes.len() as u64);
        self.runtime.block_on(folder.files.put(&name, file.bytes))?;
        self.written.push(WrittenFile {
            path: format!("{}/{name}", folder.path),
            rows: file.rows,
            bytes,
        });
        Ok(())
    }

    /// Completes a folder with what it was built from: last, so that where files are replaced one by
    /// one it is proof that all are there.
    fn finish_folder(
        &mut self,
        mut folder: NewFolder,
        plans: &[&Plan],
    ) -> Result<(), AggregateError> {
        let as_at = self.snapshot.as_at;
        let text = format!(
            "{:#}\n",
            provenance(self.chains, self.settings, as_at, plans)
        );
        self.runtime
            .block_on(folder.files.put(PROVENANCE, text.into()))?;
        self.folders.push(folder);
        Ok(())
    }
}

/// The result, or `None` if reference data is missing, noted for the summary.
fn unless_missing<T>(
    not_written: &mut Vec<(String, String)>,
    path: &str,
    result: Result<T, AggregateError>,
) -> Result<Option<T>, AggregateError> {
    match result {
        Err(error @ (AggregateError::ReferenceMissing { .. } | AggregateError::NoAdoptedPlan)) => {
            not_written.push((path.to_owned(), error.to_string()));
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// The area of figures whose months are each under the plan in force.
pub(super) fn area_in_force<'s>(
    settings: &AggregateSettings<'s>,
) -> Result<&'s str, AggregateError> {
    let first = settings.wanted.first();
    let area = first.map(|plan| &*settings.plans[*plan].area);
    area.ok_or(AggregateError::NoAdoptedPlan)
}

/// What a folder was built from.
pub(super) fn provenance(
    chains: &[Chain],
    settings: &AggregateSettings<'_>,
    as_at: Option<Micros>,
    plans: &[&Plan],
) -> Value {
    let plans: Vec<Value> = plans
        .iter()
        .map(|plan| json!({ "id": plan.id, "sha256": checksum(plan) }))
        .collect();
    let ends: Vec<Value> = chains.iter().map(end_of_chain).collect();
    let mut erased_rows: BTreeMap<&str, u64> = BTreeMap::new();
    for chain in chains {
        let feed = settings.reference.partners.feed_of(&chain.partition.topic);
        let rows = chain.erased.count(Position::ORIGIN, chain.end);
        if rows > 0 {
            *erased_rows
                .entry(feed.map_or("other", Feed::as_str))
                .or_default() += rows;
        }
    }
    json!({
        "format": file_format::TABLES,
        "program": PROGRAM,
        "reference": { "sha256": settings.reference.sha256 },
        "plans": plans,
        "chain": ends,
        "erasures": chains.first().map_or(0, |chain| chain.erased.log()),
        "erased_rows": erased_rows,
        "as_at": as_at.map(|at| at.to_string()),
        "since": settings.since.map(|at| at.to_string()),
    })
}

/// Records whose latest revision was sent with different contents, by partner.
fn contradictions(current: &Current) -> BTreeMap<String, u64> {
    let mut by_partner = BTreeMap::new();
    for ((kind, _), quality) in &current.quality {
        if quality.contradictions > 0 {
            let partner = &current.partner_kinds[*kind as usize].partner;
            *by_partner.entry(partner.clone()).or_default() += quality.contradictions as u64;
        }
    }
    by_partner
}

fn end_of_chain(chain: &Chain) -> Value {
    json!({
        "topic": chain.partition.topic,
        "partition": chain.partition.partition,
        "end": chain.end.to_string(),
    })
}

fn rows(chunks: &[Chunk]) -> u64 {
    chunks.iter().map(|chunk| chunk.len() as u64).sum()
}

/// Threads that build tables. Each also has its columns encoded by others.
const THREADS: usize = 2;

/// Builds every table of a folder, in the order of the catalogue; calls `built` after each.
fn build_all(
    set: &TableSet<'_>,
    mut built: impl FnMut(),
) -> Vec<Result<TableFile, AggregateError>> {
    let next = AtomicUsize::new(0);
    let (sender, finished) = crossbeam_channel::unbounded();
    let mut files: Vec<(usize, Result<TableFile, AggregateError>)> = std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(table) = TABLES.get(index) else {
                        return;
                    };
                    // The receiver waits for all.
                    drop(sender.send((index, (table.build)(set))));
                }
            });
        }
        drop(sender);
        finished.iter().inspect(|_| built()).collect()
    });
    files.sort_by_key(|(index, _)| *index);
    files.into_iter().map(|(_, file)| file).collect()
}

/// SHA-256 of what figures depend on in a plan.
fn checksum(plan: &Plan) -> String {
    let series: Vec<Value> = plan
        .series
        .iter()
        .map(|series| json!([series.kind.as_str(), series.id, series.label, series.scope]))
        .collect();
    let factors: Vec<Value> = plan
        .factors
        .iter()
        .map(|factor| json!([factor.id, factor.flags]))
        .collect();
    let content = json!([
        plan.id,
        plan.status.as_str(),
        plan.valid_from.to_string(),
        plan.valid_to.to_string(),
        series,
        factors,
    ]);
    hex::sha256(content.to_string())
}
