//! The ledger under a plan as tables: the current state of every record, and figures by month.
//!
//! A pure function of the chain, the plan and the reference data: no clock, no network, no state. The same
//! events make the same bytes however they were split, ordered across partitions or sent again. Tables
//! hold exact figures, for the partnership; what may be published is made of them later.

pub mod events;

mod calendar;
mod category_monthly;
mod cells;
mod current;
mod feed_quality;
mod history;
mod intern;
mod latest;
mod priority_monthly;
mod read;
mod run;
mod table;

use parquet::errors::ParquetError;

use crate::contract::parts::Flags;
use crate::event::Month;
use crate::ledger::chain::ChainError;
use crate::plan::{Plan, Rule};
use crate::reference::Reference;
use crate::rejects::RejectsError;
use crate::storage::StorageError;
pub use history::{History, Revision, history, month_of};
pub use run::{PROVENANCE, Progress, Summary, Written, run};
pub use table::DESCRIPTIONS_KEY;

/// Why no tables came of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be decoded or encoded.
    #[error("cannot read or write Parquet")]
    Parquet(#[from] ParquetError),
    /// Arrow refused.
    #[error("cannot decode columns")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A file of the chain lacks a column, or has it with another type.
    #[error("a file of the ledger has no column `{0}` of the type this version knows")]
    Column(&'static str),
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A rejects file could not be read.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// A file that the chain names is not there.
    #[error("the chain names `{0}`, which is not there")]
    Missing(String),
    /// Merges went on for as long as was tried.
    #[error("the ledger was merged while it was read, {0} times running; try again")]
    Moved(u32),
}

/// What figures depend on beside the chain.
pub struct Settings<'s> {
    /// The plan of the tables.
    pub plan: &'s Plan,
    /// Partners, code lists, crosswalks and the plans that may be in force.
    pub reference: &'s Reference,
    /// All plans held.
    plans: Vec<&'s Plan>,
    /// Whether a rule of any plan asks for the hour or the day of the week.
    asks_for_time: bool,
}

impl<'s> Settings<'s> {
    /// Figures under a plan.
    pub fn new(plan: &'s Plan, reference: &'s Reference) -> Self {
        let plans: Vec<&Plan> = reference.plans.iter().collect();
        let asks = |rule: &Rule| rule.hours.is_some() || !rule.weekdays.is_empty();
        let all = plans.iter().copied().chain([plan]);
        let asks_for_time = all.flat_map(|plan| &plan.series).flat_map(|series| &series.rules).any(asks);
        Self { plan, reference, plans, asks_for_time }
    }

    /// The plan in force on the first day of a month, by its place in `plans`.
    fn in_force(&self, month: Month) -> Option<u32> {
        let on = month.first_day();
        self.plans.iter().position(|plan| plan.in_force(on)).map(|place| place as u32)
    }
}

/// The flags of which one makes mental health play a part.
const MENTAL_HEALTH: [&str; 3] = ["mental_health", "mental_health_suspect", "mental_health_victim"];

/// Whether mental health plays a part: any of three flags is true; none is and one is false; not recorded.
fn mental_health(flags: Flags) -> Option<bool> {
    let bits = MENTAL_HEALTH.into_iter().filter_map(Flags::bit).fold(0, |bits, bit| bits | bit);
    if flags.yes & bits != 0 { Some(true) } else { (flags.no & bits != 0).then_some(false) }
}
