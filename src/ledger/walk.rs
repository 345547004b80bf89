//! The files of a chain, one after another, each once, although merges take files away meanwhile.

use crate::event::{Position, TopicPartition};
use crate::ledger::chain::{self, Chain, ChainError, ChainFile, Finding, Passes, Rule};
use crate::storage::Store;

/// A way along a partition's chain.
pub struct Walk<'a> {
    store: &'a Store,
    partition: &'a TopicPartition,
    /// All below was walked.
    next: Position,
    chain: Option<Chain>,
    passes: Passes,
}

/// A file on the way.
#[derive(Clone, Debug)]
pub struct Walked {
    /// The file.
    pub file: ChainFile,
    /// What of it is below was walked before: files may be merged on the way.
    pub from: Position,
}

impl<'a> Walk<'a> {
    /// A walk from a position to the chain's end.
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
    pub async fn next(&mut self) -> Result<Option<Walked>, ChainError> {
        let chain = match self.chain.take() {
            Some(chain) => chain,
            None => chain::read(self.store, self.partition).await?,
        };
        let place = chain
            .files
            .partition_point(|file| file.footer.next <= self.next);
        let file = chain.files.get(place).cloned();
        self.chain = Some(chain);
        Ok(file.map(|file| Walked {
            from: std::mem::replace(&mut self.next, file.footer.next),
            file,
        }))
    }

    /// The last file, or one that it names, was not there: goes back before it, to read the chain
    /// again. That is damage unless the ledger moved on.
    pub async fn again(&mut self, last: &Walked) -> Result<(), ChainError> {
        self.next = last.from;
        let Some(chain) = self.chain.take() else {
            return Ok(()); // it is to be read again anyway
        };
        if !self.passes.again_if_moved(self.store, &chain).await? {
            let finding = Finding {
                file: last.file.path.clone(),
                position: last.file.from,
                rule: Rule::Rejects,
                detail: "it, or one of the rejects that it names, is missing".to_owned(),
            };
            return Err(ChainError::Damaged {
                partition: self.partition.clone(),
                finding,
            });
        }
        Ok(())
    }
}
