//! The specification of a table: all that is known of it before it is built.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::ColumnSpec;
use crate::aggregate::tables::parquet_file::TableFile;

/// What the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Figures, computed from records. The query that computes them too is
    /// `src/sql/templates/tables/<name>.sql`.
    Figures,
    /// Figures that compare the records with those of an earlier time. No query computes them:
    /// `events/` has the current records only.
    OfTwoTimes,
    /// Descriptions of plans, areas and partners, to join to figures.
    ToJoin,
}

/// A table of a plan's folder.
pub struct TableSpec {
    /// The name of its file, without `.parquet`.
    pub name: &'static str,
    /// What its rows are.
    pub kind: TableKind,
    /// The question it answers; a table to join has none.
    pub question: Option<&'static str>,
    /// What its rows contain.
    pub rows: &'static str,
    pub(super) columns: fn() -> Vec<ColumnSpec>,
    pub(crate) build: fn(&TableSet<'_>) -> Result<TableFile, AggregateError>,
}

impl TableSpec {
    /// The question it answers, and what its rows contain.
    pub fn description(&self) -> String {
        match self.question {
            Some(question) => format!("{question} {}", self.rows),
            None => self.rows.to_owned(),
        }
    }

    /// Its columns, in order.
    pub fn columns(&self) -> Vec<ColumnSpec> {
        (self.columns)()
    }
}
