//! The catalogue of tables. One file per table has its columns, how it is built, and its query.

mod areas;
mod breaks;
pub(crate) mod briefing;
mod category_monthly;
pub(crate) mod change;
pub(crate) mod column;
mod columns;
mod composition;
pub mod events;
mod factors;
mod feed_quality;
mod folder;
mod intake;
pub(crate) mod labels;
mod lineage;
mod outcomes;
pub(crate) mod parquet_file;
mod partner_kinds;
pub(crate) mod place_of_safety;
mod placements;
mod populations;
mod priorities;
mod priority_monthly;
mod profile;
mod reader;
mod reconciliation;
mod repeats;
mod revisions;
mod rules;
mod series;
pub(crate) mod shared_columns;
mod sources;
pub(crate) mod spc;
pub(crate) mod spec;
mod value;
mod window_totals;
mod windows;
pub(crate) mod writer;

pub use column::{ColumnPurpose, ColumnSpec, ValueType};
pub use folder::FolderError;
pub(crate) use folder::FolderTables;
pub use parquet_file::type_in_words;
pub(crate) use reader::check_format;
pub use reader::{TableBatch, TableReadError};
pub use spec::{TableKind, TableSpec};
pub use value::TableValue;

/// Every table of a plan's folder, in the order of names.
pub const TABLES: &[TableSpec] = &[
    areas::TABLE,
    breaks::TABLE,
    briefing::TABLE,
    category_monthly::TABLE,
    change::TABLE,
    columns::TABLE,
    composition::TABLE,
    factors::TABLE,
    feed_quality::TABLE,
    intake::TABLE,
    lineage::TABLE,
    outcomes::TABLE,
    partner_kinds::TABLE,
    place_of_safety::TABLE,
    placements::TABLE,
    populations::TABLE,
    priorities::TABLE,
    priority_monthly::TABLE,
    profile::TABLE,
    reconciliation::TABLE,
    repeats::TABLE,
    revisions::TABLE,
    rules::TABLE,
    series::TABLE,
    sources::TABLE,
    spc::TABLE,
    window_totals::TABLE,
    windows::TABLE,
];

/// The table of a name.
pub fn find(name: &str) -> Option<&'static TableSpec> {
    TABLES.iter().find(|table| table.name == name)
}
