//! `populations`: the denominators of rates, exact, each with its day.

use std::collections::BTreeSet;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, date, integer, specs, text};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::geography::{Population, PopulationUnit};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "populations",
    kind: TableKind::ToJoin,
    question: None,
    rows: "The denominators of rates, exact, each with its day.",
    columns: || specs(columns()),
    build,
};

struct PopulationRow<'f> {
    code: &'f str,
    unit: PopulationUnit,
    population: &'f Population,
}

fn columns<'f>() -> Vec<Column<'f, PopulationRow<'f>>> {
    vec![
        text(
            ColumnPurpose::AreaKey,
            "area_code",
            "The area; the id of a place or a set.",
            |_, row: &PopulationRow<'f>| Some(row.code.to_owned()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "population_unit",
            "`persons`, `households` or `adult-women`.",
            |_, row| Some(row.unit.as_str().to_owned()),
        ),
        integer(
            ColumnPurpose::Attribute,
            "population",
            "How many there are.",
            |_, row| Some(row.population.value as i64),
        ),
        date(
            ColumnPurpose::OwnKey,
            "population_date",
            "The day it is for.",
            |_, row| Some(row.population.date),
        ),
        text(
            ColumnPurpose::Attribute,
            "source",
            "Who counted, in which publication.",
            |_, row| Some(row.population.source.clone()),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let areas = &set.figures.areas.sorted;
    let codes: BTreeSet<&str> = areas.iter().map(|area| &*area.code).collect();
    let geography = &set.figures.settings.reference.geography;
    let rows = codes.into_iter().flat_map(|code| {
        let populations = geography.populations(code);
        populations.map(move |(unit, population)| PopulationRow {
            code,
            unit,
            population,
        })
    });
    write_rows(&TABLE, set, columns(), rows)
}
