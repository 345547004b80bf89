//! Why a run of the pipeline ended before its end.

use crate::consume::ConsumeError;
use crate::event::TopicPartition;
use crate::ledger::LedgerError;
use crate::ledger::chain::ChainError;
use crate::ledger::journal::JournalError;

/// Why a run ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Kafka.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// A batch could not be written as Parquet.
    #[error("cannot encode a batch of {at}")]
    Encode {
        /// The partition.
        at: TopicPartition,
        /// What went wrong.
        source: LedgerError,
    },
    /// The store, during a commit.
    #[error("cannot commit a batch of {at}")]
    Commit {
        /// The partition.
        at: TopicPartition,
        /// What went wrong.
        source: JournalError,
    },
    /// The store, while reading what other consumers committed.
    #[error("cannot read the chain of {at}")]
    Chain {
        /// The partition.
        at: TopicPartition,
        /// What went wrong.
        source: Box<ChainError>,
    },
}
