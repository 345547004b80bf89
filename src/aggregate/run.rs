//! The run: chain in, tables out. All are made before any is seen; then each folder takes the place
//! of the one before it whole, with a file that says what it was made of. Figures as at an instant
//! in the past have a folder of their own.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::state::current::{Chunk, Current};
use crate::aggregate::state::files::Files;
use crate::aggregate::state::latest::Latest;
use crate::aggregate::tables::feed_quality::Rejected;
use crate::aggregate::tables::table::File;
use crate::aggregate::tables::{
    areas, breaks, intake, lineage, placements, populations, priorities, rules, sources, windows,
};
use crate::aggregate::tables::{
    category_monthly, change, events, factors, feed_quality, outcomes, place_of_safety,
    priority_monthly, profile, reconciliation, repeats, spc, window_totals,
};
use crate::aggregate::{Error, Settings, Wanted};
use crate::event::{Feed, Micros};
use crate::hex;
use crate::ledger::chain::{self, Chain, Passes};
use crate::ledger::{Footer, PROGRAM};
use crate::reference::plan::Plan;
use crate::rejects;
use crate::storage::{Replacement, Store};

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
    /// The time of the figures: the one asked for, else the newest receipt.
    pub as_at: Option<Micros>,
    /// The tables, in the order they were made.
    pub written: Vec<Written>,
    /// What was not made for want of reference data, each with why: the others are there.
    pub not_made: Vec<(String, String)>,
}

/// Writes `events/` and a folder under `aggregates/` for each wanted; `None` where no record was
/// ever accepted, and nothing is written.
pub fn run(
    store: &Store,
    settings: &Settings<'_>,
    runtime: &Handle,
    progress: &mut dyn Progress,
) -> Result<Option<Summary>, Error> {
    let read = over_chains(store, runtime, |chains| {
        Read::of(store, chains, settings, runtime, progress)
    })?;
    let Some((chains, mut read)) = read else {
        return Ok(None);
    };
    let feeds = std::mem::take(&mut read.current.feeds);
    let output = Output {
        store,
        settings,
        runtime,
        chains: &chains,
        read: &read,
        feeds,
        written: Vec::new(),
    };
    output.write(progress).map(Some)
}

/// What `f` reads of the chains: again, where a merge passed it meanwhile; `None` where no record
/// was ever accepted.
pub(crate) fn over_chains<T>(
    store: &Store,
    runtime: &Handle,
    mut f: impl FnMut(&[Chain]) -> Result<T, Error>,
) -> Result<Option<(Vec<Chain>, T)>, Error> {
    let mut passes = Passes::default();
    loop {
        let chains = runtime.block_on(chain::read_all(store))?;
        if chains
            .iter()
            .flat_map(|chain| &chain.files)
            .all(|file| file.footer.accepted == 0)
        {
            return Ok(None);
        }
        let read = f(&chains);
        // Also where nothing was missing: a late writer may have put a deleted file back.
        if !runtime.block_on(passes.again_if_any_moved(store, &chains))? {
            return Ok(Some((chains, read?)));
        }
    }
}

/// All that is read.
pub(crate) struct Read {
    rows: u64,
    records: u64,
    pub(crate) as_at: Option<Micros>,
    pub(crate) current: Current,
    rejected: Rejected,
    rejects: u64,
}

impl Read {
    pub(crate) fn of(
        store: &Store,
        chains: &[Chain],
        settings: &Settings<'_>,
        runtime: &Handle,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        let open = |path: &str| fetch(store, path, runtime);
        let files = Files::of(chains, &open);
        let rows = files.rows.iter().sum();
        progress.begin("find the latest revisions", rows);
        let latest = Latest::find(&files, settings.as_at, |rows| progress.advance(rows))?;
        progress.begin("read and classify them", rows);
        let current = Current::read(&files, &latest, settings, |rows| progress.advance(rows))?;
        let (rejected, rejects) = rejected(store, chains, settings, runtime)?;
        let as_at = settings.as_at.or(latest.newest_received.map(Micros));
        Ok(Self {
            rows: latest.rows,
            records: latest.records as u64,
            as_at,
            current,
            rejected,
            rejects,
        })
    }
}

pub(crate) fn fetch(store: &Store, path: &str, runtime: &Handle) -> Result<Bytes, Error> {
    runtime
        .block_on(store.read(path))?
        .ok_or_else(|| Error::Missing(path.to_owned()))
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
                if settings.as_at.is_some_and(|at| reject.received > at) {
                    continue;
                }
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
    read: &'o Read,
    /// Rows by feed, until they are written.
    feeds: [Vec<Chunk>; 3],
    written: Vec<Written>,
}

/// A table's name, and how its file is made.
type Make<'m> = (
    &'static str,
    &'m (dyn Fn(&Folder<'_>) -> Result<File, Error> + Sync),
);

/// Threads that make tables: each also has its columns encoded by others.
const THREADS: usize = 2;

/// Makes every table of a folder; calls `done` as each is there.
fn make_all(
    folder: &Folder<'_>,
    tables: &[Make<'_>],
    mut done: impl FnMut(),
) -> Vec<Result<File, Error>> {
    let next = AtomicUsize::new(0);
    let (sender, finished) = crossbeam_channel::unbounded();
    let mut files: Vec<(usize, Result<File, Error>)> = std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((_, make)) = tables.get(place) else {
                        return;
                    };
                    // The receiver waits for all.
                    drop(sender.send((place, make(folder))));
                }
            });
        }
        drop(sender);
        finished.iter().inspect(|_| done()).collect()
    });
    files.sort_by_key(|(place, _)| *place);
    files.into_iter().map(|(_, file)| file).collect()
}

impl Output<'_> {
    fn write(mut self, progress: &mut dyn Progress) -> Result<Summary, Error> {
        let Read {
            rows,
            records,
            as_at,
            current,
            rejected,
            rejects,
        } = self.read;
        let rows_of =
            |chunks: &Vec<Chunk>| chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        let counted = self.feeds.iter().map(rows_of).sum();
        let base = self.base();
        progress.begin("make events", counted);
        let mut folders = vec![self.begin(&format!("{base}events"))?];
        // The largest last, when the memory of the others is free.
        let mut feeds = Feed::ALL;
        feeds.sort_by_key(|feed| rows_of(&self.feeds[*feed as usize]));
        for feed in feeds {
            let chunks = std::mem::take(&mut self.feeds[feed as usize]);
            let bytes = events::write(current, feed, &chunks, self.settings, |rows| {
                progress.advance(rows)
            })?;
            let rows = rows_of(&chunks);
            drop(chunks);
            self.put(&mut folders[0], &feed.to_string(), File { bytes, rows })?;
        }
        self.put_provenance(&mut folders[0], &self.settings.plans)?;

        let read = self.reads();
        let write_quality = |folder: &Folder<'_>| feed_quality::write(folder, rejected);
        let write_intake = |folder: &Folder<'_>| intake::write(folder, rejected);
        let write_reconciliation = |folder: &Folder<'_>| reconciliation::write(folder, &read);
        let tables: [Make<'_>; 22] = [
            ("areas", &areas::write),
            ("breaks", &breaks::write),
            ("category_monthly", &category_monthly::write),
            ("change", &change::write),
            ("factors", &factors::write),
            ("feed_quality", &write_quality),
            ("intake", &write_intake),
            ("lineage", &lineage::write),
            ("outcomes", &outcomes::write),
            ("place_of_safety", &place_of_safety::write),
            ("placements", &placements::write),
            ("populations", &populations::write),
            ("priorities", &priorities::write),
            ("priority_monthly", &priority_monthly::write),
            ("profile", &profile::write),
            ("reconciliation", &write_reconciliation),
            ("repeats", &repeats::write),
            ("rules", &rules::write),
            ("sources", &sources::write),
            ("spc", &spc::write),
            ("window_totals", &window_totals::write),
            ("windows", &windows::write),
        ];
        progress.begin(
            "make aggregates",
            (self.settings.folders.len() * tables.len()) as u64,
        );
        let mut not_made = Vec::new();
        for wanted in &self.settings.folders {
            let path = format!("{base}aggregates/{}", wanted.folder());
            let figures = match Figures::of(current, self.settings, self.area(wanted), *as_at) {
                Err(error @ Error::Lacks { .. }) => {
                    not_made.push((path, error.to_string()));
                    continue;
                }
                figures => figures?,
            };
            let of = Folder::of(&figures, *wanted);
            let mut folder = self.begin(&path)?;
            let files = make_all(&of, &tables, || progress.advance(1));
            for ((table, _), file) in tables.iter().zip(files) {
                match file {
                    Err(error @ Error::Lacks { .. }) => {
                        not_made.push((format!("{path}/{table}.parquet"), error.to_string()));
                    }
                    file => self.put(&mut folder, table, file?)?,
                }
            }
            self.put_provenance(&mut folder, &of.plans())?;
            folders.push(folder);
        }
        for folder in folders {
            self.runtime.block_on(folder.files.publish())?;
        }
        Ok(Summary {
            partitions: self.chains.len(),
            files: self.chains.iter().map(|chain| chain.files.len()).sum(),
            rows: *rows,
            records: *records,
            cancelled: records - counted,
            rejected: *rejects,
            as_at: *as_at,
            written: self.written,
            not_made,
        })
    }

    /// Where figures as at an instant in the past are, apart from today's.
    fn base(&self) -> String {
        self.settings.as_at.map_or_else(String::new, |at| {
            format!("as-at/{}/", at.to_string().replace(':', ""))
        })
    }

    /// The area that figures are for.
    fn area<'w>(&'w self, wanted: &'w Wanted<'_>) -> &'w str {
        match wanted {
            Wanted::Plan(plan) => &plan.area,
            Wanted::InForce => self
                .settings
                .wanted
                .first()
                .map_or("", |plan| &self.settings.plans[*plan].area),
        }
    }

    /// What the chain says it read.
    fn reads(&self) -> Vec<reconciliation::Read> {
        let read = |chain: &Chain| {
            let sum = |of: fn(&Footer) -> u64| {
                chain.files.iter().map(|file| of(&file.footer) as i64).sum()
            };
            reconciliation::Read {
                partition: chain.partition.clone(),
                records: sum(|footer| footer.read),
                accepted: sum(|footer| footer.accepted),
                rejected: sum(|footer| footer.rejected),
            }
        };
        self.chains.iter().map(read).collect()
    }

    fn begin(&self, folder: &str) -> Result<Replaced, Error> {
        Ok(Replaced {
            path: folder.to_owned(),
            files: self.runtime.block_on(self.store.replacement(folder))?,
        })
    }

    fn put(&mut self, folder: &mut Replaced, table: &str, file: File) -> Result<(), Error> {
        let (name, bytes) = (format!("{table}.parquet"), file.bytes.len() as u64);
        self.runtime.block_on(folder.files.put(&name, file.bytes))?;
        self.written.push(Written {
            path: format!("{}/{name}", folder.path),
            rows: file.rows,
            bytes,
        });
        Ok(())
    }

    /// Says what a folder was made of: last, so that where files are replaced one by one it vouches
    /// for all.
    fn put_provenance(&self, folder: &mut Replaced, plans: &[&Plan]) -> Result<(), Error> {
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
            "as_at": self.read.as_at.map(|at| at.to_string()),
        });
        let text = format!("{provenance:#}\n");
        Ok(self
            .runtime
            .block_on(folder.files.put(PROVENANCE, text.into()))?)
    }
}

/// A folder of tables in the making.
struct Replaced {
    path: String,
    files: Replacement,
}

/// SHA-256 of what a plan says that figures depend on.
fn checksum(plan: &Plan) -> String {
    let series = plan
        .series
        .iter()
        .map(|s| json!([s.kind.as_str(), s.id, s.label, s.scope]));
    let factors = plan.factors.iter().map(|f| json!([f.id, f.flags]));
    let said = json!([
        plan.id,
        plan.status.as_str(),
        plan.valid_from.to_string(),
        plan.valid_to.to_string(),
        series.collect::<Vec<Value>>(),
        factors.collect::<Vec<Value>>(),
    ]);
    hex::encode(&Sha256::digest(said.to_string()))
}
