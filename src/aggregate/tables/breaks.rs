//! `breaks`: changes in how things are defined, recorded or counted. A change in the figures across
//! a break is not a change in crime.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, date, number, specs, text};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::Break;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "breaks",
    kind: TableKind::ToJoin,
    question: None,
    rows: "Changes in how things are defined, recorded or counted.",
    columns: || specs(columns()),
    build,
};

fn columns<'f>() -> Vec<Column<'f, &'f Break>> {
    vec![
        text(
            ColumnPurpose::OwnKey,
            "break_id",
            "Its id, by which `change` names it.",
            |_, row: &&'f Break| Some(row.id.clone()),
        ),
        date(
            ColumnPurpose::Attribute,
            "break_from",
            "The first day of the change.",
            |_, row| Some(row.from),
        ),
        date(
            ColumnPurpose::Attribute,
            "break_to",
            "The last day, if it lasted; else the same day.",
            |_, row| Some(row.to),
        ),
        date(
            ColumnPurpose::Attribute,
            "announced",
            "The day that was announced for it, if another.",
            |_, row| row.announced,
        ),
        text(
            ColumnPurpose::Attribute,
            "effect",
            "`definition`, `recording`, `system`, `boundary` or `law`.",
            |_, row| Some(row.effect.as_str().to_owned()),
        ),
        text(
            ColumnPurpose::Attribute,
            "partners",
            "The partners whose records it affects, joined by `;`; null = all.",
            |_, row| joined(row.partners.iter().map(String::as_str)),
        ),
        text(
            ColumnPurpose::Attribute,
            "kinds",
            "The kinds it affects, joined by `;`; null = all.",
            |_, row| joined(row.kinds.iter().map(String::as_str)),
        ),
        text(
            ColumnPurpose::Attribute,
            "levels",
            "The levels of area it affects, joined by `;`; null = all.",
            |_, row| joined(row.levels.iter().map(|level| level.as_str())),
        ),
        number(
            ColumnPurpose::Attribute,
            "least_pct",
            "By how many per cent the change alone raised the figures at least; null = not known.",
            |_, row| row.size.map(|size| size.least_pct),
        ),
        number(
            ColumnPurpose::Attribute,
            "most_pct",
            "As `least_pct`, at most.",
            |_, row| row.size.map(|size| size.most_pct),
        ),
        text(
            ColumnPurpose::Attribute,
            "text",
            "What changed.",
            |_, row| Some(row.text.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "source",
            "The publication that documents it.",
            |_, row| Some(row.source.clone()),
        ),
    ]
}

/// Texts joined by `;`; none if there are no texts.
fn joined<'t>(texts: impl Iterator<Item = &'t str>) -> Option<String> {
    Some(texts.collect::<Vec<_>>().join(";")).filter(|text| !text.is_empty())
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    write_rows(
        &TABLE,
        set,
        columns(),
        &set.figures.settings.reference.breaks,
    )
}
