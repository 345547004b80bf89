//! One file per table: its columns, their descriptions, and what each row shows.

pub(crate) mod areas;
pub(crate) mod breaks;
pub(crate) mod category_monthly;
pub(crate) mod change;
pub mod events;
pub(crate) mod factors;
pub(crate) mod feed_quality;
pub(crate) mod intake;
pub(crate) mod lineage;
pub(crate) mod outcomes;
pub(crate) mod place_of_safety;
pub(crate) mod placements;
pub(crate) mod populations;
pub(crate) mod priorities;
pub(crate) mod priority_monthly;
pub(crate) mod profile;
pub(crate) mod reconciliation;
pub(crate) mod repeats;
pub(crate) mod rules;
pub(crate) mod sources;
pub(crate) mod spc;
pub(crate) mod table;
pub(crate) mod window_totals;
pub(crate) mod windows;
