//! Reads the rejects of a partition, through its chain.
//!
//! It must not know why a record was rejected. The invariant: each reject is read once, even if
//! merges move files meanwhile.

use crate::event::{Position, TopicPartition};
use crate::ledger::chain::ChainError;
use crate::ledger::rejects_file;
use crate::ledger::walk::{ChainWalk, WalkStep};
use crate::rejects::{self, Reject, Result};
use crate::storage::Store;

/// The rejects of a partition from a position on, each once.
pub struct RejectsReader<'a> {
    store: &'a Store,
    partition: &'a TopicPartition,
    walk: ChainWalk<'a>,
    raw: bool,
}

impl<'a> RejectsReader<'a> {
    /// The rejects from a position to the end position; with their bytes only if `raw`.
    pub fn new(store: &'a Store, partition: &'a TopicPartition, from: Position, raw: bool) -> Self {
        Self {
            store,
            partition,
            walk: ChainWalk::new(store, partition, from),
            raw,
        }
    }

    /// The rejects of the next file of the chain; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<impl Iterator<Item = Result<Reject>> + use<>>> {
        while let Some(step) = self.walk.next().await? {
            match self.open(&step).await? {
                Some(rejects) => return Ok(Some(rejects)),
                None => self.walk.again(&step).await?,
            }
        }
        Ok(None)
    }

    /// `None` if one of the files is gone.
    async fn open(
        &mut self,
        step: &WalkStep,
    ) -> Result<Option<impl Iterator<Item = Result<Reject>> + use<>>> {
        let WalkStep { file, from } = step;
        let mut files = Vec::new();
        for name in &file.footer.rejects {
            let path = rejects_file(self.partition, name);
            let Some(bytes) = self.store.read(&path).await.map_err(ChainError::from)? else {
                return Ok(None);
            };
            files.push((path, bytes));
        }
        let mut opened = Vec::new();
        if !files.is_empty() {
            let erased = self.walk.erased().await?;
            for (path, bytes) in files {
                opened.push(rejects::read(&path, bytes, self.raw, &erased)?);
            }
        }
        let from = *from;
        let new = opened.into_iter().flatten().filter(move |reject| {
            let reject = reject.as_ref();
            reject.map_or(true, |reject| reject.position >= from)
        });
        Ok(Some(new))
    }
}
