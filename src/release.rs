//! Releases: tables made safe to publish, frozen, and checked against every earlier one.
//!
//! ```text
//! exact tables ─► cells ─► structure, relations ─► protection ─► published forms ─► attack ─► folder
//!                              earlier releases ───────┘
//! ```
//!
//! A release is a folder `releases/<id>/` of the store. It exists once its manifest does, and is never
//! written again. It is a pure function of the tables, the configuration and the earlier releases. The
//! invariant: everything that is computed from numbers is computed from published ones.

mod attack;
mod cells;
mod config;
mod derived;
mod difference;
mod earlier;
mod figures;
mod folder;
mod keys;
mod protection;
mod published;
mod relations;
mod reproduction;
mod rules;
mod structure;
mod table;
#[cfg(test)]
mod tests;
mod workbook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parquet::errors::ParquetError;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::aggregate::tables::{self, TableBatch, TableReadError};
use crate::aggregate::{AggregateError, PROVENANCE, RunProgress};
use crate::contract::record::system_of;
use crate::event::Micros;
use crate::file_format::{self, JsonFileError, NewerFile, read_json};
use crate::files::{Faults, TextFiles};
use crate::reference::Reference;
use crate::reference::accepted_check::AcceptedCheck;
use crate::storage::{StorageError, Store};
use attack::PassedAttack;
use cells::ExactCells;
use config::ReleaseConfig;
use earlier::Earlier;
use protection::ProtectedBlock;
use published::PublishedCells;
use relations::{Listing, Structure};
use rules::DisclosureRules;

pub use attack::{Finding, FindingKind, ReleaseAttack};
pub use difference::{ReleaseDifference, diff};
pub use folder::{MANIFEST, Manifest, RELEASES, list, read_files, read_folder};
pub use reproduction::{Reproduction, reproduce};

/// The check of a table that adds up, as `--accept` names it, begins with this.
const SUSPECT: &str = "suspect-month";
const OVERDUE: &str = "overdue-month";

/// Why there is no release, or why it could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The configuration has faults.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A newer version wrote a file.
    #[error(transparent)]
    Newer(#[from] NewerFile),
    /// No exact tables were written for the plan.
    #[error(
        "cannot read the exact tables in `{folder}`: there are none, or another version wrote them; \
         run `partner-feeds aggregate`, with --as-at if the release has one"
    )]
    NoTables {
        /// The folder.
        folder: String,
    },
    /// A table could not be read.
    #[error("cannot read the exact table `{table}`: {error}")]
    Table {
        /// The table.
        table: String,
        /// Why.
        error: TableReadError,
    },
    /// The tables have no row that the release lists.
    #[error("the tables have no row of this release: check its windows, levels and series")]
    Empty,
    /// A number has no rule.
    #[error("no rule of disclosure.toml matches {of}: add one")]
    NoRule {
        /// The partners' kinds.
        of: String,
    },
    /// The exact tables could not be built again.
    #[error(transparent)]
    Aggregate(#[from] AggregateError),
    /// The exact tables contradict themselves.
    #[error("exact numbers do not add up, so nothing can be protected: {cells}")]
    Contradiction {
        /// What does not add up.
        cells: String,
    },
    /// Two windows overlap, and what they have in common is not known.
    #[error(
        "the windows `{a}` and `{b}` of this or an earlier release overlap in part: release windows \
         that contain one another, or have no month in common"
    )]
    Overlap {
        /// One.
        a: String,
        /// The other.
        b: String,
    },
    /// Nothing that may be suppressed protects a number.
    #[error(
        "cannot protect these numbers, because too much around them is known: {cells}; merge codes, \
         leave out a level, or release fewer windows"
    )]
    Unprotectable {
        /// The numbers.
        cells: String,
    },
    /// The attack on the finished tables found something.
    #[error(
        "the attack on the finished tables found {findings} numbers: nothing was written; report this"
    )]
    Internal {
        /// How many.
        findings: usize,
    },
    /// Checks of the data need a decision.
    #[error("checks failed: {checks}; find out why, or accept each with --accept CHECK=REASON")]
    NotAccepted {
        /// The checks.
        checks: String,
    },
    /// The release exists.
    #[error("the release `{id}` exists, and is never written again: choose another id")]
    Exists {
        /// Its id.
        id: String,
    },
    /// There is no such release.
    #[error("there is no release `{id}`{hint}: run `partner-feeds release list`")]
    Absent {
        /// Its id.
        id: String,
        /// The nearest id of the store, as a hint.
        hint: String,
    },
    /// A file of a release could not be read.
    #[error("cannot read `{file}` of the release: {why}")]
    Damaged {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// A file could not be encoded.
    #[error("cannot encode a table of the release")]
    Parquet(#[from] ParquetError),
    /// A file could not be encoded.
    #[error("cannot encode a file of the release as CSV")]
    Csv(#[from] csv::Error),
    /// The workbook could not be written.
    #[error("cannot write the workbook of the release")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
}

/// What a release is made from.
pub struct ReleaseRun<'r> {
    /// The files of the configuration.
    pub files: &'r TextFiles,
    /// The reference data of the same files.
    pub reference: &'r Reference,
    /// The store with the exact tables and the releases.
    pub store: &'r Store,
    /// Runs what is asynchronous.
    pub runtime: &'r Handle,
}

/// What it took to protect one partner's kind. Numbers of cells count only those of the release.
#[derive(Clone, Debug, Default)]
pub struct BlockSummary {
    /// The partner.
    pub partner: String,
    /// The kind.
    pub kind: String,
    /// Cells of the release.
    pub cells: usize,
    /// What is known about their sums.
    pub relations: usize,
    /// Cells suppressed because of their own number.
    pub primary: usize,
    /// Numbers that no table shows but that anyone can compute, and that need protection.
    pub remainders: usize,
    /// Cells suppressed to protect others.
    pub complementary: usize,
    /// The records in those.
    pub hidden_records: i64,
    /// Programs solved.
    pub programs: usize,
    /// Cells suppressed because an earlier release suppressed them.
    pub sticky: usize,
    /// Cells that an earlier release showed with a slightly different number.
    pub revised: Vec<String>,
    /// The suppressions to protect others, those with the most records first.
    pub costly: Vec<CostlySuppression>,
}

/// A cell that was suppressed to protect another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CostlySuppression {
    /// The records in it, as a negative number: the most come first.
    pub negative_records: i64,
    /// The cell, by its keys.
    pub cell: String,
    /// The cell that it protects.
    pub protects: String,
}

/// A release, not written yet.
pub struct MadeRelease {
    /// Its id.
    pub id: String,
    /// The name and contents of each file; the manifest is the last.
    pub files: Vec<(String, Bytes)>,
    /// By partner and kind.
    pub blocks: Vec<BlockSummary>,
    /// The attack on the finished files.
    pub attack: ReleaseAttack,
}

/// The exact tables of a plan.
pub(crate) struct ExactTables {
    batches: BTreeMap<&'static str, Vec<TableBatch>>,
    /// The files of tables that are published as they are.
    dimensions: BTreeMap<&'static str, Bytes>,
    /// The systems that sent each partner's kind.
    systems: BTreeMap<(String, String), BTreeSet<String>>,
    /// What the folder was built from.
    provenance: Value,
}

/// The exact tables that every release reads: the counts of series, which systems sent what, and what
/// does not add up.
const READ: [&str; 3] = ["window_totals", "rules", "reconciliation"];
/// The tables to join to figures, and whether all their columns may be published. Where not, counts of
/// records are left out.
pub(crate) const DIMENSIONS: [(&str, bool); 9] = [
    ("areas", true),
    ("breaks", true),
    ("feed_quality", false),
    ("lineage", true),
    ("partner_kinds", true),
    ("populations", true),
    ("priorities", true),
    ("rules", false),
    ("windows", true),
];

impl ExactTables {
    /// Reads the tables that are needed, and those to join.
    fn load<'n>(
        store: &Store,
        runtime: &Handle,
        config: &ReleaseConfig,
        needed: impl Iterator<Item = &'n str>,
    ) -> Result<Self, ReleaseError> {
        let base = config.as_at.map_or_else(String::new, |day| {
            let at = Micros::end_of_day_in_london(day);
            format!("as-at/{}/", at.to_string().replace(':', ""))
        });
        let folder = format!("{base}aggregates/{}", config.plan.id);
        let read = |name: &str| {
            let path = format!("{folder}/{name}");
            let file = runtime.block_on(store.read(&path))?;
            file.ok_or_else(|| ReleaseError::NoTables {
                folder: folder.clone(),
            })
        };
        let (path, provenance) = (format!("{folder}/{PROVENANCE}"), read(PROVENANCE)?);
        let provenance = match read_json(&path, &provenance, file_format::TABLES) {
            Ok(provenance) => provenance,
            Err(JsonFileError::Newer(newer)) => return Err(newer.into()),
            Err(JsonFileError::Damaged(_)) => return Err(ReleaseError::NoTables { folder }),
        };
        let mut batches = BTreeMap::new();
        let mut dimensions = BTreeMap::new();
        let names: BTreeSet<&str> = READ.into_iter().chain(needed).collect();
        for table in tables::TABLES {
            let name = table.name;
            let of_dimension = DIMENSIONS.iter().find(|(own, _)| *own == name);
            if of_dimension.is_none() && !names.contains(name) {
                continue;
            }
            let file = read(&format!("{name}.parquet"))?;
            if let Some((_, true)) = of_dimension {
                // It is copied as it is.
                dimensions.insert(name, file);
                continue;
            }
            let rows = table.read(file).map_err(|error| ReleaseError::Table {
                table: name.to_owned(),
                error,
            })?;
            batches.insert(name, rows);
        }
        let mut systems: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for batch in &batches["rules"] {
            for row in 0..batch.len() {
                let value = |column: &str| batch.texts(column).value(row);
                let kind = (value("partner").to_owned(), value("kind").to_owned());
                let system = system_of(value("source")).to_owned();
                systems.entry(kind).or_default().insert(system);
            }
        }
        Ok(Self {
            batches,
            dimensions,
            systems,
            provenance,
        })
    }

    /// The rows of a table, in parts.
    pub(crate) fn batches(&self, table: &str) -> &[TableBatch] {
        self.batches.get(table).map_or(&[], Vec::as_slice)
    }

    /// The file of a table that is published as it is.
    pub(crate) fn file(&self, table: &str) -> Option<Bytes> {
        self.dimensions.get(table).cloned()
    }

    /// The systems that sent a partner's kind.
    pub(crate) fn systems(&self, partner: &str, kind: &str) -> impl Iterator<Item = &str> {
        let of = self.systems.get(&(partner.to_owned(), kind.to_owned()));
        of.into_iter().flatten().map(String::as_str)
    }

    /// Checks that failed: sums that do not add up, as the table `reconciliation` has them.
    fn failed_checks(&self) -> BTreeSet<String> {
        let mut failed = BTreeSet::new();
        for batch in self.batches("reconciliation") {
            let results = batch.texts("result");
            let rows = (0..batch.len()).filter(|row| results.value(*row) == "fail");
            failed.extend(rows.map(|row| batch.texts("check_id").value(row).to_owned()));
        }
        failed
    }
}

/// Makes a new release, without writing it.
pub fn make(
    run: &ReleaseRun<'_>,
    id: &str,
    accepted: &[AcceptedCheck],
    progress: &mut dyn RunProgress,
) -> Result<MadeRelease, ReleaseError> {
    let known = run.runtime.block_on(list(run.store))?;
    if known.iter().any(|own| own.id == id) {
        return Err(ReleaseError::Exists { id: id.to_owned() });
    }
    make_after(run, run.store, id, accepted, known, progress)
}

/// Makes a release from exact tables, after others.
fn make_after(
    run: &ReleaseRun<'_>,
    tables: &Store,
    id: &str,
    accepted: &[AcceptedCheck],
    known: Vec<Manifest>,
    progress: &mut dyn RunProgress,
) -> Result<MadeRelease, ReleaseError> {
    let rules = DisclosureRules::read(run.files, run.reference)?;
    let config = ReleaseConfig::read(run.files, run.reference, id)?;
    progress.begin("read the exact tables", 0);
    let releases = folder::earlier(run, &config, known)?;
    let mut earlier = Earlier::default();
    let mut earlier_ids = Vec::new();
    for release in releases {
        earlier_ids.push(release.manifest);
        earlier.add(release.cells);
        earlier.add_structure(release.structure);
    }
    let requested = config
        .tables
        .iter()
        .flat_map(|request| [request.table.name, request.table.wholes().name]);
    let tables = ExactTables::load(
        tables,
        run.runtime,
        &config,
        requested.chain(earlier.tables()),
    )?;
    let figures = cells::read(&config, &rules, &tables)?;
    let mut all_accepted = config.accepted.clone();
    let others = accepted.iter().filter(|own| !config.accepted.contains(own));
    all_accepted.extend(others.cloned());
    let accepted = &*all_accepted;
    check_accepted(&tables, &figures, accepted)?;
    let merges = structure::merges(&earlier.structure);
    let besides = earlier.keys_besides(&figures.cells);
    earlier.add_ghosts(&cells::find(besides, &merges, &rules, &tables));
    earlier.add_other_plans();
    let mut structure = structure::build(&figures.cells, &config, run.reference);
    structure.windows = figures.windows;
    let listing = figures.tables.iter().filter(|of| of.table.lists_areas());
    let listed = listing.flat_map(|of| of.rows.keys());
    structure.listings = listed.map(|row| Listing::of(&row.cell)).collect();
    let mut known = structure.clone();
    known.windows.extend(earlier.structure.windows.clone());
    known.listings.extend(earlier.structure.listings.clone());
    let mut values: structure::Values<'_> = earlier.values().collect();
    values.extend(
        figures
            .cells
            .iter()
            .filter_map(|(key, cell)| match cell.known {
                cells::Known::Exact(value) => Some((key, value)),
                _ => None,
            }),
    );
    structure::add_earlier(&mut known, &earlier.structure, &values);
    let blocks = blocks(figures.cells);
    progress.begin("protect small numbers", blocks.len() as u64);
    let mut published = PublishedCells::new();
    let mut summaries = Vec::new();
    let protected = protect_all(&blocks, &known, &earlier, || progress.advance(1));
    for block in protected {
        let block = block?;
        published.extend(block.cells);
        summaries.push(block.summary);
    }
    let content = folder::Content {
        config: &config,
        rules: &rules,
        reference: run.reference,
        tables: &tables,
        figures: &figures.tables,
        statuses: &figures.statuses,
        cells: &published,
        structure: &structure,
    };
    let made = folder::files(&content)?;
    progress.begin("attack the finished tables", 0);
    let attack = PassedAttack::new(attack::attack(&folder::read_made(&made)?)?)?;
    let revised = summaries.iter().map(|block| block.revised.len()).sum();
    let made = folder::complete(made, &attack, &content, &earlier_ids, accepted, revised);
    Ok(MadeRelease {
        id: id.to_owned(),
        files: made,
        blocks: summaries,
        attack: attack.into_result(),
    })
}

/// Threads that protect blocks, which share nothing.
const THREADS: usize = 2;

/// Protects every block; the results are in the order of the blocks.
fn protect_all(
    blocks: &[ExactCells],
    structure: &Structure,
    earlier: &Earlier,
    mut done: impl FnMut(),
) -> Vec<Result<ProtectedBlock, ReleaseError>> {
    // The largest blocks begin first, so that no thread is left with one at the end.
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|index| (usize::MAX - blocks[*index].len(), *index));
    let next = AtomicUsize::new(0);
    let (sender, finished) = crossbeam_channel::unbounded();
    let mut results: Vec<(usize, _)> = std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (next, order, sender) = (&next, &order, sender.clone());
            scope.spawn(move || {
                while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let protected = protection::protect(&blocks[*index], structure, earlier);
                    // The receiver waits for all.
                    drop(sender.send((*index, protected)));
                }
            });
        }
        drop(sender);
        finished.iter().inspect(|_| done()).collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results
        .into_iter()
        .map(|(_, protected)| protected)
        .collect()
}

/// Writes a release; the manifest last, and only if there is none.
pub fn write(run: &ReleaseRun<'_>, made: &MadeRelease) -> Result<(), ReleaseError> {
    folder::write(run, made)
}

/// Attacks the tables of a folder, from its files alone.
pub fn attack(files: &BTreeMap<String, Bytes>) -> Result<ReleaseAttack, ReleaseError> {
    attack::attack(&folder::read_published(files)?)
}

/// Attacks one of several releases with all that the others show as well.
pub fn attack_together(folders: &[BTreeMap<String, Bytes>]) -> Result<ReleaseAttack, ReleaseError> {
    let mut together: Option<attack::PublishedRelease> = None;
    for files in folders {
        let read = folder::read_published(files)?;
        match &mut together {
            None => together = Some(read),
            Some(all) => all.join(read),
        }
    }
    together.map_or_else(|| Ok(ReleaseAttack::default()), |all| attack::attack(&all))
}

/// Cells by partner and kind.
fn blocks(cells: ExactCells) -> Vec<ExactCells> {
    let mut blocks: BTreeMap<(String, String), ExactCells> = BTreeMap::new();
    for (key, cell) in cells {
        let of = (key.partner.clone(), key.kind.clone());
        blocks.entry(of).or_default().insert(key, cell);
    }
    blocks.into_values().collect()
}

/// Fails if a check failed that the partnership did not accept.
fn check_accepted(
    tables: &ExactTables,
    figures: &cells::ReadFigures,
    accepted: &[AcceptedCheck],
) -> Result<(), ReleaseError> {
    let mut failed = tables.failed_checks();
    for ([_, _, status], is_exact) in &figures.statuses {
        match &**status {
            "suspect" if *is_exact => drop(failed.insert(SUSPECT.to_owned())),
            "overdue" if *is_exact => drop(failed.insert(OVERDUE.to_owned())),
            _ => {}
        }
    }
    failed.retain(|check| accepted.iter().all(|own| own.check != *check));
    if failed.is_empty() {
        return Ok(());
    }
    let checks: Vec<String> = failed.into_iter().collect();
    Err(ReleaseError::NotAccepted {
        checks: checks.join(", "),
    })
}
