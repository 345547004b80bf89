//! `priority_monthly`: counts month by month, of each priority and theme, in total, and under none.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::{CountRow, TableSet};
use crate::aggregate::tables::column::{Column, specs};
use crate::aggregate::tables::shared_columns::key_and_count_columns;
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "priority_monthly",
    kind: TableKind::Figures,
    question: Some("What is the level, month by month?"),
    rows: "Counts of each priority and theme, in total, mapped and unmapped.",
    columns: || specs(columns()),
    build,
};

fn columns<'f>() -> Vec<Column<'f, CountRow<()>>> {
    key_and_count_columns()
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    for series in set.plan_series() {
        for area in series.areas() {
            for (window, months) in series.windows().filter(|(_, window)| window.is_month()) {
                if let Some(count) = series.count(area, months)
                    && series.has_row(area, count)
                {
                    let key = series.row_key(area, window);
                    let detail = ();
                    writer.push(CountRow { key, count, detail })?;
                }
            }
        }
    }
    writer.finish()
}
