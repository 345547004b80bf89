//! Removes erased rows from every file of a store.
//!
//! Any number of processes may do so at any time, beside writers, merges and readers. It must not
//! know what a row contains, or why it was erased. The invariant: a file is only replaced by a copy
//! of the same name that covers the same positions and lacks exactly erased rows. So a late or
//! outdated replacement can bring bytes back, but never rows, since readers leave out what the log
//! lists. A purge is done only after a second scan of every file found no erased row.

use std::time::Duration;

use crate::crash;
use crate::event::{Position, TopicPartition};
use crate::file_format::{self, PROGRAM};
use crate::ledger::chain::{self, Chain, ChainError, ChainFile};
use crate::ledger::copy::Original;
use crate::ledger::erasures::{
    self, CertifiedEnd, ErasedPositions, ErasureError, ErasureLog, PurgedFiles,
};
use crate::ledger::merge::{self, MergeLimits};
use crate::ledger::{
    Encoder, Footer, LedgerError, Purged, Tree, attempt, coordinates, read_footer, rejects_file,
};
use crate::storage::{StorageError, Store};

/// Passes over a store whose erased rows come back, before a purge gives up.
const PASSES_MAX: u32 = 8;

/// The pause between two passes, or before another merge.
const PAUSE: Duration = Duration::from_millis(20);

/// Merges of a partition that other processes may win in a row.
const MERGES_LOST_MAX: u32 = 20;

/// Why a purge is not done.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum PurgeError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Erasures(#[from] ErasureError),
    #[error(
        "cannot merge {partition} up to {position}: other merges were faster; run `purge` again"
    )]
    NotMerged {
        partition: TopicPartition,
        position: Position,
    },
    #[error(
        "cannot purge `{path}`: it lacks rows that were not erased; run `partner-feeds verify`"
    )]
    RowsMissing { path: String },
    #[error(
        "erased rows came back during each of {PASSES_MAX} passes: stop old versions of the program, \
         then run `purge` again"
    )]
    Unfinished,
}

type Result<T, E = PurgeError> = std::result::Result<T, E>;

/// What a purge did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// The last entry of the log whose rows were removed; 0 without one.
    pub log: u64,
    /// Where the merged part of each chain with an erased position ended.
    pub ends: Vec<CertifiedEnd>,
    /// The files replaced or removed.
    pub files: PurgedFiles,
}

/// Removes the rows of every erasure. Without one, it does nothing.
pub async fn purge(store: &Store, limits: MergeLimits) -> Result<PurgeReport> {
    let mut files = PurgedFiles::default();
    let mut failure = None;
    for _ in 0..PASSES_MAX {
        let mut log = ErasureLog::read(store).await?;
        // Rows may only be removed once their entry is durable.
        store.sync_folder(erasures::FOLDER).await?;
        let number = log.end();
        let partitions = log.partitions();
        let mut is_clean = true;
        for partition in &partitions {
            let erased = log.erased(partition);
            let pass = Pass {
                store,
                partition,
                erased: &erased,
            };
            let last = erased.last().unwrap_or_default();
            // From then on, no journal file of the chain can contain an erased row.
            merge_beyond(store, partition, last, limits).await?;
            crash::point("purge.merged");
            match pass.replace_files(&mut log, &mut files).await {
                Err(PurgeError::Storage(error @ StorageError::Failed { .. })) => {
                    failure = Some(error); // the second scan shows what the file contains now
                }
                replaced => replaced?,
            }
            remove_unused(store, partition, last, &mut files).await?;
        }
        crash::point("purge.swept");
        let mut ends = Vec::new();
        for partition in &partitions {
            let erased = log.erased_by(partition, number);
            let pass = Pass {
                store,
                partition,
                erased: &erased,
            };
            is_clean &= pass.is_clean(&mut files).await?;
            ends.push(CertifiedEnd {
                topic: partition.topic.clone(),
                partition: partition.partition,
                ledger_end: chain::ledger_end(store, partition).await?.position,
            });
        }
        if is_clean {
            crash::point("purge.scanned");
            return Ok(PurgeReport {
                log: number,
                ends,
                files,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(failure.map_or(PurgeError::Unfinished, PurgeError::Storage))
}

/// Merges until the ledger end is beyond a position of the chain.
pub(crate) async fn merge_beyond(
    store: &Store,
    partition: &TopicPartition,
    position: Position,
    limits: MergeLimits,
) -> Result<()> {
    let mut lost_merges = 0;
    while chain::ledger_end(store, partition).await?.position <= position {
        if merge::merge(store, partition, limits).await?.is_none() {
            lost_merges += 1;
            if lost_merges >= MERGES_LOST_MAX {
                return Err(PurgeError::NotMerged {
                    partition: partition.clone(),
                    position,
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Removes the other files below the ledger end: superseded journal files, unused rejects files, and
/// what killed writers left. Whether one of them may have contained a row up to a position.
pub(crate) async fn remove_unused(
    store: &Store,
    partition: &TopicPartition,
    last: Position,
    files: &mut PurgedFiles,
) -> Result<bool> {
    let swept = merge::sweep(store, partition, Position::ORIGIN).await?;
    files.journal_swept += swept.journal as u64;
    files.orphans_swept += swept.rejects as u64;
    // Past the last erased row, merges continue to leave files.
    let mut may_contain = swept.first.is_some_and(|first| first <= last);
    for end in [last.at(last.offset + 1).min(swept.to), swept.to] {
        let temporary = chain::remove_leftovers(store, partition, end, end).await?;
        files.temporary_removed += temporary as u64;
        may_contain |= temporary > 0 && end <= last.at(last.offset + 1);
    }
    Ok(may_contain)
}

/// One pass over a partition.
struct Pass<'a> {
    store: &'a Store,
    partition: &'a TopicPartition,
    erased: &'a ErasedPositions,
}

impl Pass<'_> {
    /// Replaces the ledger files, and their rejects files, that may contain an erased row.
    async fn replace_files(&self, log: &mut ErasureLog, files: &mut PurgedFiles) -> Result<()> {
        let chain = chain::read(self.store, self.partition).await?;
        for file in self.files_with_erased(&chain) {
            if self.may_contain_erased(file).await? {
                self.replace(file, log, files).await?;
            }
        }
        Ok(())
    }

    /// The ledger files that cover an erased position.
    fn files_with_erased<'c>(&'c self, chain: &'c Chain) -> impl Iterator<Item = &'c ChainFile> {
        let ledger = chain
            .files
            .iter()
            .filter(|file| file.from < chain.ledger_end);
        ledger.filter(|file| self.erased.are_in(file.from, file.footer.next, 0))
    }

    /// Whether a footer of the file, or of its rejects files, shows that it was not purged.
    async fn may_contain_erased(&self, file: &ChainFile) -> Result<bool> {
        if file.footer.may_contain(self.erased) {
            return Ok(true);
        }
        for path in self.rejects_of(&file.footer) {
            let footer = read_footer(self.store, &path).await?;
            if footer.is_none_or(|footer| footer.may_contain(self.erased)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn rejects_of(&self, footer: &Footer) -> Vec<String> {
        let names = footer.rejects.iter();
        names
            .map(|name| rejects_file(self.partition, name))
            .collect()
    }

    /// Replaces a ledger file and its rejects files by copies without erased rows, the rejects first.
    async fn replace(
        &self,
        file: &ChainFile,
        log: &mut ErasureLog,
        files: &mut PurgedFiles,
    ) -> Result<()> {
        let original = self.open(&file.path).await?;
        let mut rejects = Vec::new();
        for path in self.rejects_of(&original.footer) {
            rejects.push((self.open(&path).await?, path));
        }
        // What was erased meanwhile is removed too.
        log.advance(self.store).await?;
        self.store.sync_folder(erasures::FOLDER).await?;
        let erased = log.erased(self.partition);
        let mut footer = original.footer.clone();
        let mut rows = Encoder::new(&original.schema)?;
        footer.accepted = original.copy_without(&erased, &mut rows)?;
        footer.rejected = 0;
        let mut copies = Vec::new();
        for (original, path) in rejects {
            let mut rows = Encoder::new(&original.schema)?;
            footer.rejected += original.copy_without(&erased, &mut rows)?;
            copies.push((path, rows));
        }
        let removed = erased.count(footer.from, footer.next);
        if footer.read != footer.accepted + footer.rejected + removed {
            let path = file.path.clone();
            return Err(PurgeError::RowsMissing { path });
        }
        PROGRAM.clone_into(&mut footer.program);
        footer.schema = file_format::LEDGER_PURGED.to_string();
        footer.purged = Some(Purged {
            erased: removed,
            log: log.end(),
            purge: attempt(),
        });
        for (path, rows) in copies {
            self.store.replace(&path, rows.finish(&footer)?).await?;
            files.rejects += 1;
            crash::point("purge.rejects");
        }
        self.store
            .replace(&file.path, rows.finish(&footer)?)
            .await?;
        files.ledger += 1;
        crash::point("purge.ledger");
        Ok(())
    }

    async fn open(&self, path: &str) -> Result<Original> {
        let bytes = self.store.read(path).await?;
        let bytes = bytes.ok_or_else(|| LedgerError::Missing {
            path: path.to_owned(),
        })?;
        Ok(Original::open(path, bytes, None)?)
    }

    /// Whether no file contains an erased row, by a scan of all rows that were near one.
    async fn is_clean(&self, files: &mut PurgedFiles) -> Result<bool> {
        let chain = chain::read(self.store, self.partition).await?;
        if self
            .erased
            .last()
            .is_some_and(|last| last >= chain.ledger_end)
        {
            return Ok(false);
        }
        for file in self.files_with_erased(&chain) {
            let paths = self.rejects_of(&file.footer).into_iter();
            for path in paths.chain([file.path.clone()]) {
                let bytes = self.store.read(&path).await?;
                let bytes = bytes.ok_or_else(|| LedgerError::Missing { path: path.clone() })?;
                let rows = coordinates(&path, bytes)?;
                if rows.iter().any(|row| self.erased.contains(*row)) {
                    return Ok(false);
                }
            }
        }
        for tree in [Tree::Ledger, Tree::Rejects, Tree::Journal] {
            let folder = tree.folder(self.partition);
            self.store.sync_folder(&folder).await?;
        }
        let last = self.erased.last().unwrap_or_default();
        Ok(!remove_unused(self.store, self.partition, last, files).await?)
    }
}
