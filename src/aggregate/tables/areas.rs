//! `areas`: the areas of the tables, and how well smaller areas are placed in them.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::TableSet;
use crate::aggregate::tables::column::{Column, ColumnPurpose, boolean, number, specs, text};
use crate::aggregate::tables::shared_columns::IS_PLAN_AREA;
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::geography::{Area, Level, Method, Tier};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "areas",
    kind: TableKind::ToJoin,
    question: None,
    rows: "The areas of the tables, and how well smaller areas are placed in them.",
    columns: || specs(columns()),
    build,
};

struct AreaRow<'f> {
    tier: Tier,
    area: &'f Area,
    /// Of the tier.
    method: Option<Method>,
    misplaced_share: Option<f64>,
}

fn columns<'f>() -> Vec<Column<'f, AreaRow<'f>>> {
    vec![
        text(
            ColumnPurpose::AreaKey,
            "area_code",
            "The code; the id of a place or a set.",
            |_, row: &AreaRow<'f>| Some(row.area.code.clone()),
        ),
        text(
            ColumnPurpose::AreaKey,
            "area_level",
            "`lsoa`, `ward`, `place`, `district` or `set`.",
            |_, row| Some(row.tier.level.as_str().to_owned()),
        ),
        text(
            ColumnPurpose::AreaKey,
            "area_vintage",
            "Year of the boundaries; null = the tables do not tell editions apart (all but wards).",
            |_, row| row.tier.vintage.map(|year| year.to_string()),
        ),
        text(
            ColumnPurpose::Attribute,
            "area_name",
            "The area's name. Names occur twice, codes do not.",
            |_, row| Some(row.area.name.clone()),
        ),
        boolean(
            ColumnPurpose::Attribute,
            "is_plan_area",
            IS_PLAN_AREA,
            |set, row| Some(row.area.code == set.figures.scope.area()),
        ),
        text(
            ColumnPurpose::Attribute,
            "district",
            "The code of the district it is in; null = a set of districts, or an area in several.",
            |set, row| {
                let geography = &set.figures.settings.reference.geography;
                let districts = geography.districts(&row.area.code);
                let only = districts.first().filter(|_| districts.len() == 1);
                only.filter(|_| row.tier.level != Level::Set)
                    .map(|code| (*code).to_owned())
            },
        ),
        text(
            ColumnPurpose::Attribute,
            "rank_set",
            "The area or set among whose parts it is ranked; null = none.",
            |set, row| {
                set.figures
                    .scope
                    .ranked_in(&row.area.code)
                    .map(str::to_owned)
            },
        ),
        text(
            ColumnPurpose::Attribute,
            "method",
            "How smaller areas are placed in its level: `official`, `population`, or `area`, \
             which is an illustration that may not be released.",
            |_, row| row.method.map(|method| method.as_str().to_owned()),
        ),
        number(
            ColumnPurpose::Measure,
            "misplaced_persons",
            "Persons counted here who live outside, because a smaller area is never split; null = \
             not known.",
            |set, row| {
                let geography = &set.figures.settings.reference.geography;
                geography.misplaced_persons(&row.area.code)
            },
        ),
        number(
            ColumnPurpose::Measure,
            "misplaced_share",
            "For the level and vintage, the share of persons who are counted in an area they do \
             not live in.",
            |_, row| row.misplaced_share,
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let geography = &set.figures.settings.reference.geography;
    let scope = &set.figures.scope;
    let mut rows = Vec::new();
    for &tier in scope.tiers() {
        let (method, misplaced_share) = (geography.method(tier), geography.misplaced_share(tier));
        rows.extend(scope.areas(tier).iter().map(|area| AreaRow {
            tier,
            area,
            method,
            misplaced_share,
        }));
    }
    write_rows(&TABLE, set, columns(), rows)
}
