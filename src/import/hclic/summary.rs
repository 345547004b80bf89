//! What an import of homelessness tables read and wrote, for the person who ran it.

use std::fmt;

use super::SOURCE;
use super::quarter::Quarter;
use super::table::TableName;

/// Counts of what an import read and wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HclicSummary {
    /// The tables read, in the order of files and sheets.
    pub tables: Vec<TableSummary>,
    /// Figures that are shares or rates.
    pub not_counts: usize,
    /// Sub-totals of reasons.
    pub sub_totals: usize,
    /// Blank cells.
    pub blank: usize,
    /// Rows of regions and of England, which are rounded.
    pub rounded_rows: usize,
    /// Records of the release before that have vanished.
    pub cancelled: usize,
}

/// Counts of the events of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// The quarter.
    pub quarter: Quarter,
    /// The table.
    pub name: TableName,
    /// Authorities.
    pub authorities: usize,
    /// Events with a number.
    pub exact: usize,
    /// Events with bounds.
    pub suppressed: usize,
    /// Events without a number.
    pub not_supplied: usize,
}

impl HclicSummary {
    /// The events written.
    pub fn events(&self) -> usize {
        self.tables
            .iter()
            .map(|t| t.exact + t.suppressed + t.not_supplied)
            .sum()
    }
}

impl fmt::Display for HclicSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{SOURCE}")?;
        writeln!(
            f,
            "{:<14}{:>12}{:>9}{:>12}{:>14}",
            "quarter table", "authorities", "exact", "suppressed", "not supplied"
        )?;
        let mut all = [0; 3];
        for table in &self.tables {
            let TableSummary {
                quarter,
                name,
                authorities,
                exact,
                suppressed,
                not_supplied,
            } = *table;
            let title = format!("{quarter} {name}");
            writeln!(
                f,
                "{title:<14}{authorities:>12}{exact:>9}{suppressed:>12}{not_supplied:>14}"
            )?;
            all = [all[0] + exact, all[1] + suppressed, all[2] + not_supplied];
        }
        writeln!(f, "{:<26}{:>9}{:>12}{:>14}", "all", all[0], all[1], all[2])?;
        writeln!(f, "shares and rates left out {:>9}", self.not_counts)?;
        writeln!(f, "sub-totals left out       {:>9}", self.sub_totals)?;
        writeln!(f, "blank cells               {:>9}", self.blank)?;
        writeln!(f, "rounded rows left out     {:>9}", self.rounded_rows)?;
        writeln!(f, "cancelled                 {:>9}", self.cancelled)
    }
}
