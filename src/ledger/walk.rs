//! The files of a chain one by one, while merges move them.
//!
//! It must not know what the files contain. The invariant: every position from the start of the
//! walk to the end position is covered once.

use crate::event::{Position, TopicPartition};
use crate::ledger::chain::{self, Chain, ChainError, ChainFile, Passes};
use crate::ledger::erasures::{ErasedPositions, ErasureLog};
use crate::ledger::rules::{Finding, LedgerRule};
use crate::storage::Store;

/// A walk along the chain of a partition.
pub struct ChainWalk<'a> {
    store: &'a Store,
    partition: &'a TopicPartition,
    /// Everything below has been covered.
    next: Position,
    chain: Option<Chain>,
    passes: Passes,
}

/// One step of a walk.
#[derive(Clone, Debug)]
pub struct WalkStep {
    /// The file.
    pub file: ChainFile,
    /// Where its new rows start: those below were covered before, since it was merged from files
    /// of earlier steps.
    pub from: Position,
}

impl<'a> ChainWalk<'a> {
    /// A walk from a position to the end position.
    pub fn new(store: &'a Store, partition: &'a TopicPartition, from: Position) -> Self {
        Self {
            store,
            partition,
            next: from,
            chain: None,
            passes: Passes::default(),
        }
    }

    /// The next file; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<WalkStep>, ChainError> {
        let chain = match self.chain.take() {
            Some(chain) => chain,
            None => chain::read(self.store, self.partition).await?,
        };
        let index = chain
            .files
            .partition_point(|file| file.footer.next <= self.next);
        let file = chain.files.get(index).cloned();
        self.chain = Some(chain);
        Ok(file.map(|file| WalkStep {
            from: std::mem::replace(&mut self.next, file.footer.next),
            file,
        }))
    }

    /// The erased positions, as the log has them now: to be called after the files of a step were
    /// read, and before their rows are used.
    pub async fn erased(&mut self) -> Result<ErasedPositions, ChainError> {
        let Some(chain) = &mut self.chain else {
            return Ok(ErasureLog::read(self.store).await?.erased(self.partition));
        };
        if chain.has_new_erasure(self.store).await? {
            chain.erased = ErasureLog::read(self.store).await?.erased(self.partition);
        }
        Ok(chain.erased.clone())
    }

    /// Goes back before the last file and reads the chain again, since that file or one of its
    /// rejects files was missing.
    ///
    /// # Errors
    ///
    /// [`ChainError::Damaged`] unless a merge moved the chain.
    pub async fn again(&mut self, last: &WalkStep) -> Result<(), ChainError> {
        self.next = last.from;
        let Some(chain) = self.chain.take() else {
            return Ok(()); // it will be read again anyway
        };
        if !self.passes.retry_if_moved(self.store, &chain).await? {
            let finding = Finding::new(
                &last.file.path,
                last.file.from,
                LedgerRule::Rejects,
                "the file, or a rejects file that it names, is missing".to_owned(),
            );
            return Err(ChainError::Damaged {
                partition: self.partition.clone(),
                finding,
            });
        }
        Ok(())
    }
}
