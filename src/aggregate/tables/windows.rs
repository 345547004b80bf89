//! `windows`: the spans of months that have figures.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, date, integer, specs, text};
use crate::aggregate::tables::shared_columns::WINDOW_LABEL;
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "windows",
    kind: TableKind::ToJoin,
    question: None,
    rows: "The spans of months that have figures.",
    columns: || specs(columns()),
    build,
};

fn columns<'f>() -> Vec<Column<'f, &'f Window>> {
    vec![
        text(
            ColumnPurpose::WindowKey,
            "window_id",
            "Its id.",
            |_, window: &&'f Window| Some(window.id.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "window_label",
            WINDOW_LABEL,
            |_, window| Some(window.label()),
        ),
        text(
            ColumnPurpose::Attribute,
            "family",
            "The family of windows it belongs to: `month`, `quarter`, `year`, `fy`, `nov-oct`, \
             `apr-oct`, `r12`, `last36`, `last59`, or `own` (config/windows.toml).",
            |_, window| Some(window.family.as_str().to_owned()),
        ),
        date(
            ColumnPurpose::Attribute,
            "window_from",
            "Its first day.",
            |_, window| Some(window.from()),
        ),
        date(
            ColumnPurpose::Attribute,
            "window_to",
            "Its last day.",
            |_, window| Some(window.to()),
        ),
        integer(
            ColumnPurpose::Attribute,
            "months",
            "Its number of months.",
            |_, window| Some(window.months.into()),
        ),
        integer(
            ColumnPurpose::Attribute,
            "days",
            "Its number of days.",
            |_, window| Some(window.days()),
        ),
        text(
            ColumnPurpose::Attribute,
            "plan_in_force",
            "The plan in force through all its months, if the tables are under it; null = none.",
            |set, window| {
                let settings = set.figures.settings;
                let wanted = settings.in_force_through(window.first, window.last())?;
                let id = &settings.plan(wanted).id;
                set.plans().any(|plan| plan.id == *id).then(|| id.clone())
            },
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    write_rows(&TABLE, set, columns(), &set.figures.windows)
}
