//! What a partner may ask of the store about its own records: what became of one, and which were
//! refused.
//!
//! It must not know who asks: the caller decides which sources are the partner's. The invariant: an
//! answer contains coordinates, reasons and figures, and of a record's own texts only a subject that
//! is a valid id and does not look personal; never raw bytes.

pub mod refusals;
pub mod search;

use std::fmt::Display;

use serde::Serializer;

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

/// Serializes an instant as text.
fn text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
