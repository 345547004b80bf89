//! `series`: every series of the tables, with what people call it.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::series::SeriesKey;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, specs, text};
use crate::aggregate::tables::labels::series_label;
use crate::aggregate::tables::shared_columns::{SERIES_KIND, SERIES_LABEL};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::plan::Plan;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "series",
    kind: TableKind::ToJoin,
    question: None,
    rows: "Every series of the tables, with its label.",
    columns: || specs(columns()),
    build,
};

type SeriesRow<'f> = (Option<&'f Plan>, &'f SeriesKey);

fn columns<'f>() -> Vec<Column<'f, SeriesRow<'f>>> {
    vec![
        text(
            ColumnPurpose::PlanKey,
            "plan_id",
            "The plan whose series it is; null = no one plan is in force.",
            |_, (plan, _): &SeriesRow<'f>| plan.map(|plan| plan.id.clone()),
        ),
        text(
            ColumnPurpose::SeriesKey,
            "series_kind",
            SERIES_KIND,
            |_, (_, series)| Some(series.kind.to_owned()),
        ),
        text(
            ColumnPurpose::SeriesKey,
            "series",
            "Id of the priority or theme, or the code.",
            |_, (_, series)| Some(series.id.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "series_label",
            SERIES_LABEL,
            |set, (plan, series)| {
                let reference = set.figures.settings.reference;
                Some(series_label(reference, *plan, series))
            },
        ),
        text(
            ColumnPurpose::SeriesKey,
            "scheme",
            "The scheme of the code; null unless a category, group or class.",
            |_, (_, series)| series.scheme.clone(),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    write_rows(&TABLE, set, columns(), set.series_keys())
}
