//! The run: chain in, tables out. All are made before any is seen; then each folder takes the place of the
//! one before it whole, with a file that says what it was made of.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::current::Current;
use super::feed_quality::Rejected;
use super::latest::Latest;
use super::read::Files;
use super::{Error, Settings, category_monthly, cells, events, feed_quality, priority_monthly};
use crate::event::{Feed, Micros};
use crate::ledger::PROGRAM;
use crate::ledger::chain::{self, Chain};
use crate::plan::Plan;
use crate::rejects;
use crate::storage::{Replacement, Store};

/// How often a chain that moved while it was read is read again.
const TRIES_MAX: u32 = 5;
/// The name of what a folder was made of.
pub const PROVENANCE: &str = "_provenance.json";

/// Is told how far a run has come.
pub trait Progress {
    /// A stage of so many steps begins.
    fn begin(&mut self, stage: &'static str, steps: u64);
    /// So many more steps are done.
    fn advance(&mut self, steps: u64);
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its path under the root.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// What a run read and wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Partitions of the chain.
    pub partitions: usize,
    /// Files of the chain.
    pub files: usize,
    /// Rows of the chain.
    pub rows: u64,
    /// Records they are revisions of.
    pub records: u64,
    /// Of these, cancelled.
    pub cancelled: u64,
    /// Rejects that the chain names.
    pub rejected: u64,
    /// The newest receipt.
    pub as_at: Option<Micros>,
    /// The tables, in the order they were made.
    pub written: Vec<Written>,
}

/// Writes `events/` and `aggregates/<plan>/`; `None` where no record was ever accepted, and nothing is
/// written.
pub fn run(
    store: &Store,
    settings: &Settings<'_>,
    runtime: &Handle,
    progress: &mut dyn Progress,
) -> Result<Option<Summary>, Error> {
    for _ in 0..TRIES_MAX {
        let chains = runtime.block_on(chain::read_all(store))?;
        if chains.iter().flat_map(|chain| &chain.files).all(|file| file.footer.accepted == 0) {
            return Ok(None);
        }
        let read = Read::of(store, &chains, settings, runtime, progress);
        if moved(store, &chains, runtime)? {
            continue;
        }
        return Output { store, settings, runtime, chains: &chains, written: Vec::new() }
            .write(read?, progress)
            .map(Some);
    }
    Err(Error::Moved(TRIES_MAX))
}

/// Whether a merge passed what was read: a file that was deleted may have been put back by a late writer.
fn moved(store: &Store, chains: &[Chain], runtime: &Handle) -> Result<bool, Error> {
    for chain in chains {
        if runtime.block_on(chain.moved(store))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All that is read.
struct Read {
    rows: u64,
    records: u64,
    as_at: Option<Micros>,
    current: Current,
    rejected: Rejected,
    rejects: u64,
}

impl Read {
    fn of(
        store: &Store,
        chains: &[Chain],
        settings: &Settings<'_>,
        runtime: &Handle,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        let chained: Vec<_> = chains.iter().flat_map(|chain| &chain.files).collect();
        let open = |file: usize| fetch(store, &chained[file].path, runtime);
        let files = Files { rows: chained.iter().map(|file| file.footer.accepted).collect(), open: &open };
        let rows = files.rows.iter().sum();
        progress.begin("find the latest revisions", rows);
        let latest = Latest::find(&files, |rows| progress.advance(rows))?;
        progress.begin("read and classify them", rows);
        let current = Current::read(&files, &latest, settings, |rows| progress.advance(rows))?;
        let (rejected, rejects) = rejected(store, chains, settings, runtime)?;
        let as_at = latest.newest_received.map(Micros);
        Ok(Self { rows: latest.rows, records: latest.records as u64, as_at, current, rejected, rejects })
    }
}

pub(super) fn fetch(store: &Store, path: &str, runtime: &Handle) -> Result<Bytes, Error> {
    runtime.block_on(store.read(path))?.ok_or_else(|| Error::Missing(path.to_owned()))
}

/// The rejects that the chains name, and how many they are.
fn rejected(
    store: &Store,
    chains: &[Chain],
    settings: &Settings<'_>,
    runtime: &Handle,
) -> Result<(Rejected, u64), Error> {
    let (mut rejected, mut all) = (Rejected::default(), 0);
    for chain in chains {
        let feed = settings.reference.partners.feed_of(&chain.partition.topic);
        for path in chain.rejects() {
            for reject in rejects::read(&path, fetch(store, &path, runtime)?, false)? {
                let reject = reject?;
                all += 1;
                if let (Some(feed), Some(partner)) = (feed, &reject.partner) {
                    rejected.add(feed, partner, reject.kind.as_deref(), reject.received);
                }
            }
        }
    }
    Ok((rejected, all))
}

/// Makes the tables of what was read, and puts them in their place when all are made.
struct Output<'o> {
    store: &'o Store,
    settings: &'o Settings<'o>,
    runtime: &'o Handle,
    chains: &'o [Chain],
    written: Vec<Written>,
}

impl Output<'_> {
    fn write(mut self, read: Read, progress: &mut dyn Progress) -> Result<Summary, Error> {
        let Read { rows, records, as_at, mut current, rejected, rejects } = read;
        let (settings, plan) = (self.settings, self.settings.plan);
        let counted = current.feeds.iter().flatten().map(|chunk| chunk.len() as u64).sum();
        progress.begin("make events", counted);
        let mut events = self.begin("events")?;
        for feed in Feed::ALL {
            let file = events::write(&current, feed, settings, |rows| progress.advance(rows))?;
            let rows = std::mem::take(&mut current.feeds[feed as usize]).iter().map(|c| c.len() as u64).sum();
            self.put(&mut events, &feed.to_string(), (file, rows))?;
        }
        self.put_provenance(&mut events, as_at, &settings.plans)?;

        progress.begin("make aggregates", 3);
        let mut aggregates = self.begin(&format!("aggregates/{}", plan.id))?;
        let grid = priority_monthly::grid(&current, settings);
        self.put(&mut aggregates, "priority_monthly", cells::write(&current, &grid, &plan.id, &[])?)?;
        progress.advance(1);
        self.put(&mut aggregates, "category_monthly", category_monthly::write(&current, settings)?)?;
        progress.advance(1);
        self.put(&mut aggregates, "feed_quality", feed_quality::write(&current, &rejected, settings)?)?;
        progress.advance(1);
        self.put_provenance(&mut aggregates, as_at, &[plan])?;

        self.runtime.block_on(events.files.publish())?;
        self.runtime.block_on(aggregates.files.publish())?;
        Ok(Summary {
            partitions: self.chains.len(),
            files: self.chains.iter().map(|chain| chain.files.len()).sum(),
            rows,
            records,
            cancelled: records - counted,
            rejected: rejects,
            as_at,
            written: self.written,
        })
    }

    fn begin(&self, folder: &str) -> Result<Folder, Error> {
        Ok(Folder { path: folder.to_owned(), files: self.runtime.block_on(self.store.replacement(folder))? })
    }

    fn put(&mut self, folder: &mut Folder, table: &str, (file, rows): (Bytes, u64)) -> Result<(), Error> {
        let (name, bytes) = (format!("{table}.parquet"), file.len() as u64);
        self.runtime.block_on(folder.files.put(&name, file))?;
        self.written.push(Written { path: format!("{}/{name}", folder.path), rows, bytes });
        Ok(())
    }

    /// Says what a folder was made of: last, so that where files are replaced one by one it vouches for all.
    fn put_provenance(&self, folder: &mut Folder, as_at: Option<Micros>, plans: &[&Plan]) -> Result<(), Error> {
        let plan = |plan: &&Plan| json!({ "id": plan.id, "sha256": checksum(plan) });
        let end = |chain: &Chain| {
            let partition = &chain.partition;
            json!({ "topic": partition.topic, "partition": partition.partition, "end": chain.end.to_string() })
        };
        let provenance = json!({
            "program": PROGRAM,
            "reference": { "sha256": self.settings.reference.sha256 },
            "plans": plans.iter().map(plan).collect::<Vec<Value>>(),
            "chain": self.chains.iter().map(end).collect::<Vec<Value>>(),
            "as_at": as_at.map(|at| at.to_string()),
        });
        let text = format!("{provenance:#}\n");
        Ok(self.runtime.block_on(folder.files.put(PROVENANCE, text.into()))?)
    }
}

/// A folder of tables in the making.
struct Folder {
    path: String,
    files: Replacement,
}

/// SHA-256 of what a plan says that figures depend on.
fn checksum(plan: &Plan) -> String {
    let series = plan.series.iter().map(|s| json!([s.kind.as_str(), s.id, s.label, s.scope]));
    let factors = plan.factors.iter().map(|f| json!([f.id, f.flags]));
    let said = json!([
        plan.id,
        plan.status.as_str(),
        plan.valid_from.to_string(),
        plan.valid_to.to_string(),
        series.collect::<Vec<Value>>(),
        factors.collect::<Vec<Value>>(),
    ]);
    Sha256::digest(said.to_string()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
