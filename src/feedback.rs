//! What a partner may ask of the store about its own records: what became of one, and which were
//! refused.
//!
//! It must not know who asks: the caller decides which sources are the partner's. The invariant: an
//! answer contains coordinates, reasons and figures, and of a record's own texts only a subject that
//! is a valid id and does not look personal; never raw bytes.

pub mod refusals;
pub mod search;

use crate::aggregate::AggregateError;
use crate::ledger::chain::ChainError;
use crate::rejects::RejectsError;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum FeedbackError {
    #[error(transparent)]
    Aggregate(#[from] AggregateError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Rejects(#[from] RejectsError),
}
