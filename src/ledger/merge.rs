//! Merging: a run of journal files becomes one file of the ledger, and what it covers is swept
//! away.
//!
//! Any process may do so at any time, any number at once, beside writers and readers. It refuses to
//! know what a row says. The invariant: rows are copied in the order of their offsets, once in
//! their life, and only what the ledger's end has passed is deleted. Copying keeps a thread busy:
//! call from one that has nothing else to do.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::crash;
use crate::event::{Position, TopicPartition};
use crate::ledger::copy::Original;
use crate::ledger::{
    self, Encoder, Footer, LedgerError, Tree, chain, rejects_file, rejects_name, rejects_position,
};
use crate::storage::{Creation, Entry, Store};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// Files deleted at once.
const DELETES_AT_ONCE: usize = 16;

/// How much of the journal one file of the ledger takes, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Journal files.
    pub files: usize,
    /// Their bytes together, and those of their rejects: what the merge holds in memory, about.
    pub bytes: u64,
}

impl Default for Limits {
    /// A thousand names are one page of an object store's list.
    fn default() -> Self {
        Self {
            files: 1_000,
            bytes: 128 << 20,
        }
    }
}

/// A file of the ledger that a merge made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Where it ends: the ledger's new end.
    pub next: Position,
    /// Journal files it was made of.
    pub files: usize,
    /// Accepted records in it.
    pub rows: u64,
    /// Bytes of those journal files and their rejects.
    pub bytes_before: u64,
    /// Bytes of what was made of them.
    pub bytes_after: u64,
}

/// Files that a sweep deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Journal files that the ledger covers.
    pub journal: usize,
    /// Rejects files that nothing can name any more.
    pub rejects: usize,
    /// The ledger's end, to which all was looked at: the next sweep's `since`.
    pub to: Position,
}

/// Merges the journal files at the ledger's end, as many as the limits allow. `None` = there is
/// none, or another was quicker.
pub async fn merge(
    store: &Store,
    partition: &TopicPartition,
    limits: Limits,
) -> Result<Option<Merged>> {
    merge_if(store, partition, limits, |journal| !journal.is_empty()).await
}

/// The same, if they are as many, or as large, as one file of the ledger takes.
pub async fn merge_full(
    store: &Store,
    partition: &TopicPartition,
    limits: Limits,
) -> Result<Option<Merged>> {
    let is_full = |journal: &[(Position, u64)]| {
        journal.len() >= limits.files
            || journal.iter().map(|(_, bytes)| bytes).sum::<u64>() >= limits.bytes
    };
    merge_if(store, partition, limits, is_full).await
}

/// Merges, if the journal files from the ledger's end on, by where they start and their bytes, are
/// worth it.
async fn merge_if(
    store: &Store,
    partition: &TopicPartition,
    limits: Limits,
    is_worth_it: impl Fn(&[(Position, u64)]) -> bool,
) -> Result<Option<Merged>> {
    let ledger_end = chain::ledger_end(store, partition).await?.position;
    let mut listed = 0;
    let within = |_: &Entry| {
        listed += 1;
        listed <= limits.files
    };
    let journal = store
        .list_from(
            &Tree::Journal.folder(partition),
            &ledger_end.to_string(),
            within,
        )
        .await?;
    let files = journal
        .iter()
        .filter_map(|entry| Some((ledger::position_of(&entry.name)?, entry.bytes)));
    let journal: Vec<(Position, u64)> = files.collect();
    if !is_worth_it(&journal) {
        return Ok(None);
    }
    if journal[0].0 != ledger_end {
        gone(
            store,
            partition,
            ledger_end,
            Tree::Journal.file(partition, ledger_end),
        )
        .await?;
    }
    // What was found is built on: its names must be durable.
    store.sync_folder(&Tree::Ledger.folder(partition)).await?;
    store.sync_folder(&Tree::Journal.folder(partition)).await?;
    let Some(run) = Run::gather(store, partition, ledger_end, &journal, limits).await? else {
        return Ok(None);
    };
    let Made {
        from,
        rows,
        rejects,
        merged,
    } = run.finish()?;
    match create(store, partition, from, rows, rejects).await {
        Ok(Creation::Created) => Ok(Some(merged)),
        Ok(Creation::Exists) => Ok(None),
        // A file half written is taken from a merge that another was quicker than.
        Err(error) => match chain::ledger_end(store, partition).await?.position {
            end if end > from => Ok(None),
            _ => Err(error),
        },
    }
}

/// Creates the two files of a merge. With an error, which may hide that it worked, it is forgotten:
/// whoever comes next reads the ledger's end.
async fn create(
    store: &Store,
    partition: &TopicPartition,
    from: Position,
    rows: Bytes,
    rejects: Option<(String, Bytes)>,
) -> Result<Creation> {
    if let Some((name, bytes)) = rejects {
        // Its name is new: an answer that it exists may come of a conflict, and is no proof that it
        // is there.
        if store.create(&rejects_file(partition, &name), bytes).await? != Creation::Created {
            return Ok(Creation::Exists);
        }
        crash::point("merge.rejects");
    }
    let creation = store
        .create(&Tree::Ledger.file(partition, from), rows)
        .await?;
    crash::point("merge.created");
    Ok(creation)
}

/// Deletes the journal files below the ledger's end, and the rejects files from `since` to it that
/// no file of the ledger names.
pub async fn sweep(store: &Store, partition: &TopicPartition, since: Position) -> Result<Swept> {
    let ledger_end = chain::ledger_end(store, partition).await?.position;
    store.sync_folder(&Tree::Ledger.folder(partition)).await?;
    let mut swept = Swept {
        to: ledger_end,
        ..Swept::default()
    };
    let end = ledger_end.to_string();
    let below = |entry: &Entry| entry.name < end;
    let journal = store
        .list_from(&Tree::Journal.folder(partition), "", below)
        .await?;
    let covered = journal
        .iter()
        .filter_map(|entry| ledger::position_of(&entry.name));
    let mut covered: Vec<String> = covered
        .map(|from| Tree::Journal.file(partition, from))
        .collect();
    swept.journal = covered.len();
    // At the ledger's end and past it one may belong to a create under way.
    let rejects = store
        .list_from(&Tree::Rejects.folder(partition), &since.to_string(), below)
        .await?;
    for name in rejects.into_iter().map(|entry| entry.name) {
        let Some(from) = rejects_position(&name) else {
            continue;
        };
        let footer = ledger::read_footer(store, &Tree::Ledger.file(partition, from)).await?;
        if !footer.is_some_and(|footer| footer.rejects.contains(&name)) {
            swept.rejects += 1;
            covered.push(rejects_file(partition, &name));
        }
    }
    let deletes =
        futures::stream::iter(covered).map(|path| async move { store.delete(&path).await });
    let mut deletes = deletes.buffer_unordered(DELETES_AT_ONCE);
    while deletes.try_next().await?.is_some() {
        crash::point("sweep.deleted");
    }
    Ok(swept)
}

/// Journal files as they become one: of one era and one schema, each starting where the one before
/// ends.
struct Run {
    footer: Footer,
    rows: Encoder,
    rejects: Option<Encoder>,
    files: usize,
    bytes: u64,
    rejects_bytes: u64,
}

/// A run that is whole.
struct Made {
    from: Position,
    rows: Bytes,
    rejects: Option<(String, Bytes)>,
    merged: Merged,
}

impl Run {
    /// Reads the files of the journal that join from the ledger's end on; `None` = there is none,
    /// or one is gone.
    async fn gather(
        store: &Store,
        partition: &TopicPartition,
        ledger_end: Position,
        journal: &[(Position, u64)],
        limits: Limits,
    ) -> Result<Option<Self>> {
        let mut run: Option<Self> = None;
        for &(from, size) in journal {
            let has_room = run.as_ref().is_none_or(|run| {
                run.files < limits.files && run.bytes + run.rejects_bytes + size <= limits.bytes
            });
            if !has_room || from != run.as_ref().map_or(ledger_end, |run| run.footer.next) {
                break;
            }
            let path = Tree::Journal.file(partition, from);
            let Some(bytes) = store.read(&path).await? else {
                return gone(store, partition, ledger_end, path).await;
            };
            let file = Original::open(&path, bytes, run.as_ref().map(|run| run.rows.schema()))?;
            // What is swept afterwards is what the footer says, and never to be had again.
            if file.footer.from != from {
                return Err(LedgerError::Footer { path, key: "from" });
            }
            if run.as_ref().is_some_and(|run| !run.takes(&file)) {
                break;
            }
            let mut rejected = Vec::new();
            for path in file
                .footer
                .rejects
                .iter()
                .map(|name| rejects_file(partition, name))
            {
                let Some(bytes) = store.read(&path).await? else {
                    return gone(store, partition, ledger_end, path).await;
                };
                rejected.push((path, bytes));
            }
            let run = match &mut run {
                Some(run) => run,
                None => run.insert(Self::new(&file)?),
            };
            run.add(&file, size, rejected)?;
        }
        Ok(run)
    }

    fn new(first: &Original) -> Result<Self> {
        let Footer { from, .. } = first.footer;
        let footer = Footer::attempt(from, from);
        let rows = Encoder::new(&first.schema)?;
        Ok(Self {
            footer,
            rows,
            rejects: None,
            files: 0,
            bytes: 0,
            rejects_bytes: 0,
        })
    }

    /// Whether a file may go with those before it. One that ends an era has no rows, and stays
    /// alone.
    fn takes(&self, file: &Original) -> bool {
        let is_of_era = |footer: &Footer| footer.next.era == self.footer.from.era;
        let same_schema =
            file.footer.schema == self.footer.schema && file.schema == *self.rows.schema();
        is_of_era(&file.footer) && is_of_era(&self.footer) && same_schema
    }

    fn add(&mut self, file: &Original, bytes: u64, rejected: Vec<(String, Bytes)>) -> Result<()> {
        file.copy(&mut self.rows)?;
        self.files += 1;
        self.bytes += bytes;
        for (path, bytes) in rejected {
            self.rejects_bytes += bytes.len() as u64;
            let file = Original::open(&path, bytes, self.rejects.as_ref().map(Encoder::schema))?;
            let rejects = match &mut self.rejects {
                Some(rejects) => rejects,
                none => none.insert(Encoder::new(&file.schema)?),
            };
            file.copy(rejects)?;
        }
        let footer = &file.footer;
        let own = &mut self.footer;
        own.next = footer.next;
        own.read += footer.read;
        own.accepted += footer.accepted;
        own.rejected += footer.rejected;
        own.gaps.extend(footer.gaps.iter().cloned());
        own.schema.clone_from(&footer.schema);
        for (own, of) in [
            (&mut own.cluster_id, &footer.cluster_id),
            (&mut own.topic_id, &footer.topic_id),
        ] {
            if own.is_empty() {
                own.clone_from(of);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Made> {
        let Self {
            mut footer,
            rows,
            rejects,
            files,
            bytes,
            rejects_bytes,
            ..
        } = self;
        let name = rejects_name(footer.from, &footer.attempt);
        footer
            .rejects
            .extend(rejects.is_some().then(|| name.clone()));
        let rejects = rejects.map(|rejects| rejects.finish(&footer)).transpose()?;
        let rows = rows.finish(&footer)?;
        let merged = Merged {
            next: footer.next,
            files,
            rows: footer.accepted,
            bytes_before: bytes + rejects_bytes,
            bytes_after: (rows.len() + rejects.as_ref().map_or(0, Bytes::len)) as u64,
        };
        Ok(Made {
            from: footer.from,
            rows,
            rejects: rejects.map(|bytes| (name, bytes)),
            merged,
        })
    }
}

/// A file that was listed or named is not there: another merge took it, or it is missing.
async fn gone(
    store: &Store,
    partition: &TopicPartition,
    ledger_end: Position,
    path: String,
) -> Result<Option<Run>> {
    match chain::ledger_end(store, partition).await?.position {
        end if end == ledger_end => Err(LedgerError::Missing { path }),
        _ => Ok(None),
    }
}
