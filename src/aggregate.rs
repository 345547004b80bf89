//! The ledger under a plan as tables: the current state of every record, and figures by month.
//!
//! A pure function of the chain, the plan and the reference data: no clock, no network, no state.
//! The same events give the same bytes however they were split, ordered across partitions or sent
//! again. The tables have exact figures, for the partnership only; a release is derived from them.

pub mod tables;

mod deliveries;
mod diff;
mod explain;
pub(crate) mod figures;
mod freshness;
mod inspect;
mod outdated;
mod run;
mod settings;
mod snapshot;
pub(crate) mod state;

use parquet::errors::ParquetError;

use crate::event::Micros;
use crate::ledger::chain::ChainError;
use crate::rejects::RejectsError;
use crate::storage::StorageError;
pub use deliveries::{
    Deliveries, FeedDelivery, KindDelivery, MonthDelivery, RefusalCount, deliveries,
};
pub use diff::{PlanDiff, SeriesChange, diff};
pub use explain::{Explanation, FigureQuery, explain};
pub use figures::revisions::CountChange;
pub use freshness::{Freshness, FreshnessError, MonthsByStatus, months_by_status};
pub use inspect::{Inspection, inspect};
pub use outdated::outdated_folders;
pub use run::{
    AggregateSummary, EXACT_MARKING, INVENTED_FILE, INVENTED_MARKING, PROVENANCE, RunProgress,
    SCORECARDS, WrittenFile, rebuild, run,
};
pub use settings::{AggregateSettings, IN_FORCE, PlanChoice};
pub use state::history::{History, Revision, history, history_in, is_replaced, month_of};
pub use tables::parquet_file::{COLUMN_DESCRIPTIONS_KEY, TABLE_DESCRIPTION_KEY};

/// Why no tables were written.
#[derive(Debug, thiserror::Error)]
pub enum AggregateError {
    /// A file could not be decoded or encoded.
    #[error("cannot read or write Parquet")]
    Parquet(#[from] ParquetError),
    /// Columns could not be decoded.
    #[error("cannot decode columns")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A file of the chain lacks a column, or has it with another type.
    #[error("a file of the ledger has no column `{0}` of the type this version knows")]
    Column(&'static str),
    /// Rows could not be written as CSV.
    #[error("cannot write CSV")]
    Csv(#[from] csv::Error),
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A rejects file could not be read.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// The tables contain what was erased while they were built.
    #[error("records were erased while the tables were built: nothing was replaced; run it again")]
    ErasedMeanwhile,
    /// A file that the chain names does not exist.
    #[error("the chain names `{0}`, which does not exist")]
    Missing(String),
    /// Figures cannot be compared with those of a later time.
    #[error(
        "cannot compare the figures as at {as_at} with those as at {since}: choose an earlier time"
    )]
    NotEarlier {
        /// The time to compare with.
        since: Micros,
        /// The time of the figures.
        as_at: Micros,
    },
    /// The reference data lacks what a table needs.
    #[error("`{file}` is missing or has no `{key}`: add it to the folder of reference data")]
    ReferenceMissing {
        /// The file, under `config/`.
        file: String,
        /// What it should have.
        key: String,
    },
    /// No plan is in force at any time.
    #[error(
        "no plan is adopted, so there are no figures under the plan in force: set `status` and \
         `adopted` in the plan's file, or name a plan"
    )]
    NoAdoptedPlan,
}
