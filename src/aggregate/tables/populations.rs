//! `populations`: the denominators of rates, exact, each with its day.

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::reference::geography::{Population, Unit};

/// What the table answers.
const ABOUT: &str = "The denominators of rates, exact, each with its day.";

type Row<'c> = (&'c str, Unit, &'c Population);

fn columns<'c>() -> Vec<Column<'c, Row<'c>>> {
    vec![
        column(
            "area_code",
            "The area; the id of a place or a set.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.0.to_owned()))),
        ),
        column(
            "population_unit",
            "`persons`, `households` or `adult-women`.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.1.as_str().to_owned()))),
        ),
        column(
            "population",
            "How many.",
            Of::Integer(Box::new(|row: &Row<'c>| Some(row.2.value as i64))),
        ),
        column(
            "population_date",
            "The day it is for.",
            Of::Date(Box::new(|row: &Row<'c>| Some(row.2.date))),
        ),
        column(
            "source",
            "Who counted, in which publication.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.2.source.clone()))),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let geography = &folder.figures.settings.reference.geography;
    let of_area = |code| {
        geography
            .populations(code)
            .map(move |(unit, population)| (code, unit, population))
    };
    let codes: std::collections::BTreeSet<&str> = folder
        .figures
        .places
        .sorted
        .iter()
        .map(|place| &*place.code)
        .collect();
    file(ABOUT, columns(), codes.into_iter().flat_map(of_area))
}
