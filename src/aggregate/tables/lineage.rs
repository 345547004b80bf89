//! `lineage`: where each priority and theme comes from, and what a plan dropped, over all plans.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, boolean, specs, text};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::plan::{Plan, Plans};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "lineage",
    kind: TableKind::ToJoin,
    question: None,
    rows: "Where each priority and theme of every plan comes from, and what a plan dropped.",
    columns: || specs(columns()),
    build,
};

struct LineageRow<'f> {
    plan: &'f Plan,
    series: Option<&'f str>,
    change: &'static str,
    from_plan: Option<&'f str>,
    from_series: Option<&'f str>,
    same_scope: Option<bool>,
}

/// The change of a series of the plan before that this plan no longer has.
const DROPPED: &str = "dropped";
/// The change of a series that does not come from another.
const NEW: &str = "new";

fn columns<'f>() -> Vec<Column<'f, LineageRow<'f>>> {
    vec![
        text(
            ColumnPurpose::PlanKey,
            "plan_id",
            "The plan.",
            |_, row: &LineageRow<'f>| Some(row.plan.id.clone()),
        ),
        text(
            ColumnPurpose::SeriesKey,
            "series",
            "Its priority or theme; null = dropped.",
            |_, row| row.series.map(str::to_owned),
        ),
        text(
            ColumnPurpose::Attribute,
            "change",
            "`continued`, `relabelled`, `promoted`, `demoted`, `narrowed`, `widened`, `split`, \
             `merged`, `new` or `dropped`.",
            |_, row| Some(row.change.to_owned()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "from_plan",
            "The plan it comes from; null = new.",
            |_, row| row.from_plan.map(str::to_owned),
        ),
        text(
            ColumnPurpose::OwnKey,
            "from_series",
            "The series it comes from; null = new.",
            |_, row| row.from_series.map(str::to_owned),
        ),
        boolean(
            ColumnPurpose::Attribute,
            "same_scope",
            "Whether both have the same rules, so that one line may join their figures; null = \
             new or dropped.",
            |_, row| row.same_scope,
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let plans = &set.figures.settings.reference.plans;
    let rows = plans.iter().flat_map(|plan| lineage(plans, plan));
    write_rows(&TABLE, set, columns(), rows)
}

fn lineage<'f>(plans: &'f Plans, plan: &'f Plan) -> Vec<LineageRow<'f>> {
    let mut rows = Vec::new();
    for series in &plan.series {
        if series.from.is_empty() {
            rows.push(LineageRow {
                plan,
                series: Some(&series.id),
                change: NEW,
                from_plan: None,
                from_series: None,
                same_scope: None,
            });
        }
        for from in &series.from {
            let before = plans.get(&from.plan);
            let before = before.and_then(|plan| plan.series.iter().find(|s| s.id == from.id));
            rows.push(LineageRow {
                plan,
                series: Some(&series.id),
                change: from.change.as_str(),
                from_plan: Some(&from.plan),
                from_series: Some(&from.id),
                same_scope: before.map(|before| before.scope == series.scope),
            });
        }
    }
    rows.extend(plan.dropped.iter().map(|dropped| LineageRow {
        plan,
        series: None,
        change: DROPPED,
        from_plan: plan.follows.as_deref(),
        from_series: Some(dropped),
        same_scope: None,
    }));
    rows
}
