//! Merges a run of journal files into one ledger file, and sweeps the files it covers.
//!
//! Any number of processes may do so at any time, beside writers and readers. It must not know what
//! a row contains. The invariant: each row is copied once, in order of offset, and only files below
//! the ledger end are deleted. Copying keeps a thread busy: call it from one without other work.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::crash;
use crate::event::{Position, TopicPartition};
use crate::ledger::copy::Original;
use crate::ledger::{
    self, Encoder, Footer, LedgerError, Tree, chain, rejects_file, rejects_name, rejects_position,
};
use crate::storage::{Creation, Store, StoredFile};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// Files deleted at once.
const DELETES_AT_ONCE: usize = 16;

/// Footers read at once.
const FOOTERS_AT_ONCE: usize = 16;

/// The most of the journal that one ledger file covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeLimits {
    /// Journal files.
    pub files: usize,
    /// The sum of their bytes and those of their rejects: about the memory that a merge needs.
    pub bytes: u64,
}

impl Default for MergeLimits {
    /// A thousand names are one page of an object store's list.
    fn default() -> Self {
        Self {
            files: 1_000,
            bytes: 128 << 20,
        }
    }
}

/// The result of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The new ledger end.
    pub next: Position,
    /// Journal files merged.
    pub files: usize,
    /// Accepted records.
    pub rows: u64,
    /// Bytes of the journal files and their rejects.
    pub bytes_before: u64,
    /// Bytes of the merged files.
    pub bytes_after: u64,
}

/// Files that a sweep deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Journal files that the ledger covers.
    pub journal: usize,
    /// Rejects files that no file of the chain can name.
    pub rejects: usize,
    /// The first position that one of them covered.
    pub first: Option<Position>,
    /// The ledger end, up to which files were examined: the next sweep's `since`.
    pub to: Position,
}

/// Merges the journal files at the ledger end, as many as the limits allow; `None` if there is none,
/// or another merge was faster.
pub async fn merge(
    store: &Store,
    partition: &TopicPartition,
    limits: MergeLimits,
) -> Result<Option<Merged>> {
    merge_if(store, partition, limits, |journal| !journal.is_empty()).await
}

/// The same, if there are as many files, or bytes, as the limits allow.
pub async fn merge_full(
    store: &Store,
    partition: &TopicPartition,
    limits: MergeLimits,
) -> Result<Option<Merged>> {
    merge_if(store, partition, limits, |journal| {
        journal.len() >= limits.files
            || journal.iter().map(|(_, bytes)| bytes).sum::<u64>() >= limits.bytes
    })
    .await
}

/// Merges, if `is_worth_it` for the journal files from the ledger end on: their positions and bytes.
async fn merge_if(
    store: &Store,
    partition: &TopicPartition,
    limits: MergeLimits,
    is_worth_it: impl Fn(&[(Position, u64)]) -> bool,
) -> Result<Option<Merged>> {
    let ledger_end = chain::ledger_end(store, partition).await?.position;
    let mut listed = 0;
    let journal = store
        .list_from(
            &Tree::Journal.folder(partition),
            &ledger_end.to_string(),
            |_: &StoredFile| {
                listed += 1;
                listed <= limits.files
            },
        )
        .await?;
    let files = journal
        .iter()
        .filter_map(|entry| Some((ledger::file_position(&entry.name)?, entry.bytes)));
    let journal: Vec<(Position, u64)> = files.collect();
    if !is_worth_it(&journal) {
        return Ok(None);
    }
    if journal[0].0 != ledger_end {
        missing_or_merged(
            store,
            partition,
            ledger_end,
            Tree::Journal.file(partition, ledger_end),
        )
        .await?;
    }
    // The merge relies on these names: they must be durable.
    store.sync_folder(&Tree::Ledger.folder(partition)).await?;
    store.sync_folder(&Tree::Journal.folder(partition)).await?;
    let Some(run) = MergeRun::gather(store, partition, ledger_end, &journal, limits).await? else {
        return Ok(None);
    };
    let MergedFiles {
        from,
        rows,
        rejects,
        merged,
    } = run.finish()?;
    match create(store, partition, from, rows, rejects).await {
        Ok(Creation::Created) => Ok(Some(merged)),
        Ok(Creation::Exists) => Ok(None),
        // The staged file of a merge that lost the race may have been removed.
        Err(error) => match chain::ledger_end(store, partition).await?.position {
            end if end > from => Ok(None),
            _ => Err(error),
        },
    }
}

/// Creates the two files of a merge. An error may hide that it worked; that needs no settling, since
/// the next merge reads the ledger end.
async fn create(
    store: &Store,
    partition: &TopicPartition,
    from: Position,
    rows: Bytes,
    rejects: Option<(String, Bytes)>,
) -> Result<Creation> {
    if let Some((name, bytes)) = rejects {
        // The name is new: an answer that it exists may result from a conflict, and does not prove
        // that the file exists.
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

/// Deletes the journal files below the ledger end, and the rejects files from `since` to it that no
/// ledger file names.
pub async fn sweep(store: &Store, partition: &TopicPartition, since: Position) -> Result<Swept> {
    let ledger_end = chain::ledger_end(store, partition).await?.position;
    store.sync_folder(&Tree::Ledger.folder(partition)).await?;
    let mut swept = Swept {
        to: ledger_end,
        ..Swept::default()
    };
    let end = ledger_end.to_string();
    let below = |entry: &StoredFile| entry.name < end;
    let journal = store
        .list_from(&Tree::Journal.folder(partition), "", below)
        .await?;
    let covered = journal
        .iter()
        .filter_map(|entry| ledger::file_position(&entry.name));
    swept.first = covered.clone().next();
    let mut covered: Vec<String> = covered
        .map(|from| Tree::Journal.file(partition, from))
        .collect();
    swept.journal = covered.len();
    // At the ledger end and past it, a rejects file may belong to a commit under way.
    let rejects = store
        .list_from(&Tree::Rejects.folder(partition), &since.to_string(), below)
        .await?;
    let rejects = rejects
        .into_iter()
        .filter_map(|entry| Some((rejects_position(&entry.name)?, entry.name)));
    let mut rejects = futures::stream::iter(rejects)
        .map(|(from, name)| async move {
            let path = Tree::Ledger.file(partition, from);
            let footer = ledger::read_footer(store, &path).await?;
            Ok::<_, LedgerError>((from, name, footer))
        })
        .buffered(FOOTERS_AT_ONCE);
    while let Some((from, name, footer)) = rejects.try_next().await? {
        if !footer.is_some_and(|footer| footer.rejects.contains(&name)) {
            swept.rejects += 1;
            swept.first = Some(swept.first.map_or(from, |first| first.min(from)));
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

/// Journal files being merged: of one epoch and one schema, each starting where the one before ends.
struct MergeRun {
    footer: Footer,
    rows: Encoder,
    rejects: Option<Encoder>,
    files: usize,
    bytes: u64,
    rejects_bytes: u64,
}

/// The encoded files of a complete run.
struct MergedFiles {
    from: Position,
    rows: Bytes,
    rejects: Option<(String, Bytes)>,
    merged: Merged,
}

impl MergeRun {
    /// Reads the journal files that join from the ledger end on; `None` if there is none, or another
    /// merge took one.
    async fn gather(
        store: &Store,
        partition: &TopicPartition,
        ledger_end: Position,
        journal: &[(Position, u64)],
        limits: MergeLimits,
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
                return missing_or_merged(store, partition, ledger_end, path).await;
            };
            let file = Original::open(&path, bytes, run.as_ref().map(|run| run.rows.schema()))?;
            // The sweep deletes by what the footer states, and cannot be undone.
            if file.footer.from != from {
                return Err(LedgerError::Footer { path, key: "from" });
            }
            if run.as_ref().is_some_and(|run| !run.accepts(&file)) {
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
                    return missing_or_merged(store, partition, ledger_end, path).await;
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

    /// Whether a file may join those before it. One that ends an epoch has no rows, and is merged
    /// alone.
    fn accepts(&self, file: &Original) -> bool {
        let epoch = self.footer.from.era;
        let same_epoch = file.footer.next.era == epoch && self.footer.next.era == epoch;
        let same_schema =
            file.footer.schema == self.footer.schema && file.schema == *self.rows.schema();
        same_epoch && same_schema
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
        for (own, theirs) in [
            (&mut own.cluster_id, &footer.cluster_id),
            (&mut own.topic_id, &footer.topic_id),
        ] {
            if own.is_empty() {
                own.clone_from(theirs);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<MergedFiles> {
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
        Ok(MergedFiles {
            from: footer.from,
            rows,
            rejects: rejects.map(|bytes| (name, bytes)),
            merged,
        })
    }
}

/// For a file that was listed or named, and cannot be read: `None` if another merge took it, an error
/// if it is missing.
async fn missing_or_merged(
    store: &Store,
    partition: &TopicPartition,
    ledger_end: Position,
    path: String,
) -> Result<Option<MergeRun>> {
    match chain::ledger_end(store, partition).await?.position {
        end if end == ledger_end => Err(LedgerError::Missing { path }),
        _ => Ok(None),
    }
}
