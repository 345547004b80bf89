//! `placements`: in which areas of the tables the records sent for an area count.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::areas::Placement;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, specs, text};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "placements",
    kind: TableKind::ToJoin,
    question: None,
    rows: "In which areas of the tables the records sent for an area count.",
    columns: || specs(columns()),
    build,
};

fn columns<'f>() -> Vec<Column<'f, &'f Placement>> {
    vec![
        text(
            ColumnPurpose::OwnKey,
            "sent_code",
            "`area_code` as the partner sent it.",
            |_, row: &&'f Placement| Some(row.sent_code.clone()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "sent_level",
            "`area_level` as the partner sent it.",
            |_, row| Some(row.sent_level.clone()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "sent_zone",
            "`area_zone` as the partner sent it; null = none.",
            |_, row| row.sent_zone.clone(),
        ),
        text(
            ColumnPurpose::AreaKey,
            "area_code",
            "The area of the tables, or `outside` or `unplaced`.",
            |_, row| Some(row.code.clone()),
        ),
        text(
            ColumnPurpose::AreaKey,
            "area_level",
            "Its level.",
            |_, row| Some(row.level.clone()),
        ),
        text(
            ColumnPurpose::AreaKey,
            "area_vintage",
            "Year of its boundaries; null = there is only one edition, or an LSOA, which keeps the \
             vintage it was sent with.",
            |_, row| row.vintage.clone(),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    write_rows(&TABLE, set, columns(), &set.figures.areas.placements)
}
