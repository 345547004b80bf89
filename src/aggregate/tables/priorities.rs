//! `priorities`: the priorities and cross-cutting themes of the plans, and who is responsible for
//! them.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, date, specs, text};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::plan::{Plan, Series};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "priorities",
    kind: TableKind::ToJoin,
    question: None,
    rows: "The priorities and cross-cutting themes of the plan, and who is responsible for them.",
    columns: || specs(columns()),
    build,
};

struct PriorityRow<'f> {
    plan: &'f Plan,
    series: &'f Series,
}

fn columns<'f>() -> Vec<Column<'f, PriorityRow<'f>>> {
    vec![
        text(
            ColumnPurpose::PlanKey,
            "plan_id",
            "The plan.",
            |_, row: &PriorityRow<'f>| Some(row.plan.id.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "plan_label",
            "Its title.",
            |_, row| Some(row.plan.label.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "status",
            "`draft`, `adopted` or `withdrawn`.",
            |_, row| Some(row.plan.status.as_str().to_owned()),
        ),
        date(
            ColumnPurpose::Attribute,
            "adopted",
            "The day it was adopted.",
            |_, row| row.plan.adopted,
        ),
        date(
            ColumnPurpose::Attribute,
            "valid_from",
            "Its first day.",
            |_, row| Some(row.plan.valid_from),
        ),
        date(
            ColumnPurpose::Attribute,
            "valid_to",
            "Its last day.",
            |_, row| Some(row.plan.valid_to),
        ),
        text(
            ColumnPurpose::SeriesKey,
            "series_kind",
            "`priority` or `theme`.",
            |_, row| Some(row.series.kind.as_str().to_owned()),
        ),
        text(
            ColumnPurpose::SeriesKey,
            "series",
            "Its id, by which tables name it.",
            |_, row| Some(row.series.id.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "series_label",
            "Its title.",
            |_, row| Some(row.series.label.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "owner",
            "Id of the group that is responsible for it; null = none is named.",
            |_, row| row.series.owner.clone(),
        ),
        text(
            ColumnPurpose::Attribute,
            "owner_label",
            "The name of the group.",
            |_, row| {
                let mut owners = row.plan.owners.iter();
                let owner = owners.find(|owner| Some(&owner.id) == row.series.owner.as_ref());
                Some(owner?.label.clone())
            },
        ),
        text(
            ColumnPurpose::Attribute,
            "scope",
            "Equal scopes have comparable figures, even under different labels: the first 12 \
             hexadecimal digits of the SHA-256 over the sorted rules.",
            |_, row| Some(row.series.scope.clone()),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let rows = set.plans().flat_map(|plan| {
        let series = plan.series.iter();
        series.map(move |series| PriorityRow { plan, series })
    });
    write_rows(&TABLE, set, columns(), rows)
}
