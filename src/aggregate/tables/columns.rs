//! `columns`: every column of every file, with what it means: the data dictionary as a table.

use arrow_schema::Field;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, integer, specs, text};
use crate::aggregate::tables::parquet_file::{description_of, type_in_words};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::aggregate::tables::{ColumnSpec, TABLES, events};
use crate::event::Feed;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "columns",
    kind: TableKind::ToJoin,
    question: None,
    rows: "Every column of these tables and of `events/`, with what it means.",
    columns: || specs(columns()),
    build,
};

/// A column of a table, or of the events of a feed.
struct ColumnRow {
    table: String,
    question: Option<&'static str>,
    rows: &'static str,
    number: usize,
    field: Field,
    /// What a table's catalogue says besides; events have none.
    spec: Option<ColumnSpec>,
}

fn columns<'f>() -> Vec<Column<'f, ColumnRow>> {
    vec![
        text(
            ColumnPurpose::OwnKey,
            "table_name",
            "The table, or `events/` and the feed: the path of its file without `.parquet`.",
            |_, row: &ColumnRow| Some(row.table.clone()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "column_name",
            "The column.",
            |_, row| Some(row.field.name().clone()),
        ),
        integer(
            ColumnPurpose::Attribute,
            "column_number",
            "Its position in the table, from 1.",
            |_, row| Some(row.number as i64),
        ),
        text(
            ColumnPurpose::Attribute,
            "value_type",
            "`text`, `integer`, `number`, `true or false`, `date`, `time (UTC)` or `time (local)`.",
            |_, row| Some(type_in_words(row.field.data_type()).to_owned()),
        ),
        text(
            ColumnPurpose::Attribute,
            "column_role",
            "`key` (the keys together identify a row), `count`, `lower_bound` or `upper_bound` of a \
             count, `status` (how far a number can be used), `measure` (computed from counts) or \
             `attribute`; null = a column of events.",
            |_, row| Some(role_in_words(row.spec?.role).to_owned()),
        ),
        text(
            ColumnPurpose::Attribute,
            "possible_values",
            "The only values that it can have, joined by `;`; null = it has no fixed list.",
            |_, row| {
                let values = row.spec?.values;
                (!values.is_empty()).then(|| values.join(";"))
            },
        ),
        text(
            ColumnPurpose::Attribute,
            "description",
            "What it means, its unit, and what a null means.",
            |_, row| Some(description_of(&row.field).to_owned()),
        ),
        text(
            ColumnPurpose::Attribute,
            "table_question",
            "The question that the table answers; null = a table to join, or events.",
            |_, row| row.question.map(str::to_owned),
        ),
        text(
            ColumnPurpose::Attribute,
            "table_rows",
            "What the rows of the table contain.",
            |_, row| Some(row.rows.to_owned()),
        ),
    ]
}

fn role_in_words(role: ColumnPurpose) -> &'static str {
    match role {
        role if role.is_key() => "key",
        ColumnPurpose::Count => "count",
        ColumnPurpose::LowerBound => "lower_bound",
        ColumnPurpose::UpperBound => "upper_bound",
        ColumnPurpose::Status => "status",
        ColumnPurpose::Measure => "measure",
        _ => "attribute",
    }
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let of_tables = TABLES.iter().flat_map(|table| {
        let columns = (1..).zip(table.columns());
        columns.map(|(number, spec)| ColumnRow {
            table: table.name.to_owned(),
            question: table.question,
            rows: table.rows,
            number,
            field: spec.field(),
            spec: Some(spec),
        })
    });
    let of_events = Feed::ALL.into_iter().flat_map(|feed| {
        let fields = events::schema_of(feed).fields().clone();
        let table = format!("events/{}", feed.as_str());
        let rows = (1..).zip(fields.iter()).map(|(number, field)| ColumnRow {
            table: table.clone(),
            question: None,
            rows: events::DESCRIPTION,
            number,
            field: field.as_ref().clone(),
            spec: None,
        });
        rows.collect::<Vec<_>>()
    });
    write_rows(&TABLE, set, columns(), of_tables.chain(of_events))
}
