//! `areas`: the areas of the tables, what they lie in, and how well.

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::reference::geography::{Area, Method, Tier};

/// What the table answers.
const ABOUT: &str = "The areas of the tables, and how well smaller ones are put into them.";

struct Row<'c> {
    tier: Tier,
    area: &'c Area,
    /// Of the tier.
    method: Option<Method>,
    misplaced_share: Option<f64>,
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Row<'c>>> {
    let (geography, scope) = (
        &folder.figures.settings.reference.geography,
        &folder.figures.scope,
    );
    vec![
        column(
            "area_code",
            "The code; the id of a place or a set.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.area.code.clone()))),
        ),
        column(
            "area_level",
            "`lsoa`, `ward`, `place`, `district` or `set`.",
            Of::Text(Box::new(|row: &Row<'c>| {
                Some(row.tier.level.as_str().to_owned())
            })),
        ),
        column(
            "area_vintage",
            "Year of the boundaries, where the tables tell several apart (wards).",
            Of::Text(Box::new(|row: &Row<'c>| {
                row.tier.vintage.map(|year| year.to_string())
            })),
        ),
        column(
            "name",
            "What people call it; names occur twice, codes do not.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.area.name.clone()))),
        ),
        column(
            "rank_set",
            "The area or set among whose parts it ranks; null = none.",
            Of::Text(Box::new(|row: &Row<'c>| {
                scope.ranked_in(&row.area.code).map(str::to_owned)
            })),
        ),
        column(
            "method",
            "How smaller areas are put into its level: `official`, `population` or, as an illustration that may not be released, `area`.",
            Of::Text(Box::new(|row: &Row<'c>| {
                row.method.map(|method| method.as_str().to_owned())
            })),
        ),
        column(
            "misplaced_persons",
            "Persons counted here who live outside, because a smaller area is never split; null = not known.",
            Of::Double(Box::new(|row: &Row<'c>| {
                geography.misplaced_persons(&row.area.code)
            })),
        ),
        column(
            "misplaced_share",
            "Of the level and vintage, the share of persons who are counted in an area they do not live in.",
            Of::Double(Box::new(|row: &Row<'c>| row.misplaced_share)),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let (geography, scope) = (
        &folder.figures.settings.reference.geography,
        &folder.figures.scope,
    );
    let mut rows = Vec::new();
    for &tier in scope.tiers() {
        let (method, misplaced_share) = (geography.method(tier), geography.misplaced_share(tier));
        rows.extend(scope.areas(tier).iter().map(|area| Row {
            tier,
            area,
            method,
            misplaced_share,
        }));
    }
    file(ABOUT, columns(folder), rows)
}
