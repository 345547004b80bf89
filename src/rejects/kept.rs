//! The rejects that a partition's chain names, file by file.

use crate::event::{Position, TopicPartition};
use crate::ledger::chain::ChainError;
use crate::ledger::rejects_file;
use crate::ledger::walk::{Walk, Walked};
use crate::rejects::{self, Reject, RejectsError};
use crate::storage::Store;

/// Why the rejects of a chain could not be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant says what it is in its message")]
pub enum KeptError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Rejects(#[from] RejectsError),
}

impl KeptError {
    /// Whether a file is damaged: reading it again would not help.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Chain(ChainError::Damaged { .. })
            | Self::Rejects(RejectsError::NotRejects { .. }) => true,
            Self::Chain(ChainError::Ledger(error)) | Self::Rejects(RejectsError::Ledger(error)) => {
                error.damaged().is_some()
            }
            Self::Chain(_) => false,
        }
    }
}

type Result<T, E = KeptError> = std::result::Result<T, E>;

/// The rejects of a partition from a position on, each once.
pub struct Kept<'a> {
    store: &'a Store,
    partition: &'a TopicPartition,
    walk: Walk<'a>,
    raw: bool,
}

impl<'a> Kept<'a> {
    /// Those from a position to the chain's end; what the records held only if `raw`.
    pub fn new(store: &'a Store, partition: &'a TopicPartition, from: Position, raw: bool) -> Self {
        Self {
            store,
            partition,
            walk: Walk::new(store, partition, from),
            raw,
        }
    }

    /// The rejects of the next file of the chain; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<impl Iterator<Item = Result<Reject>> + use<>>> {
        while let Some(walked) = self.walk.next().await? {
            match self.open(&walked).await? {
                Some(rejects) => return Ok(Some(rejects)),
                None => self.walk.again(&walked).await?,
            }
        }
        Ok(None)
    }

    /// `None` if one of the files is gone.
    async fn open(
        &self,
        walked: &Walked,
    ) -> Result<Option<impl Iterator<Item = Result<Reject>> + use<>>> {
        let Walked { file, from } = walked;
        let mut opened = Vec::new();
        for name in &file.footer.rejects {
            let path = rejects_file(self.partition, name);
            let Some(bytes) = self.store.read(&path).await.map_err(ChainError::from)? else {
                return Ok(None);
            };
            opened.push(rejects::read(&path, bytes, self.raw)?);
        }
        let from = *from;
        let is_new = move |reject: &Result<Reject, RejectsError>| {
            reject
                .as_ref()
                .map_or(true, |reject| reject.position >= from)
        };
        Ok(Some(
            opened
                .into_iter()
                .flatten()
                .filter(is_new)
                .map(|reject| Ok(reject?)),
        ))
    }
}
