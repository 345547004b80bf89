//! `placements`: in which areas of the tables records sent for an area count.

use crate::aggregate::Error;
use crate::aggregate::figures::areas::Placement;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::tables::table::{Column, File, Of, column, file};

/// What the table answers.
const ABOUT: &str = "In which areas of the tables records sent for an area count.";

fn columns<'c>() -> Vec<Column<'c, &'c Placement>> {
    type Text = for<'r> fn(&'r Placement) -> Option<&'r str>;
    let text = |of: Text| {
        Of::Text(Box::new(move |row: &&'c Placement| {
            of(row).map(str::to_owned)
        }))
    };
    vec![
        column(
            "sent_code",
            "`area_code` as the partner sent it.",
            text(|row| Some(&row.sent_code)),
        ),
        column(
            "sent_level",
            "`area_level` as the partner sent it.",
            text(|row| Some(&row.sent_level)),
        ),
        column(
            "sent_zone",
            "`area_zone` as the partner sent it; null = none.",
            text(|row| row.sent_zone.as_deref()),
        ),
        column(
            "area_code",
            "The area of the tables, or `outside` or `unplaced`.",
            text(|row| Some(&row.code)),
        ),
        column("area_level", "Its level.", text(|row| Some(&row.level))),
        column(
            "area_vintage",
            "Year of its boundaries; null where there is one only, and for LSOAs, which are told by the vintage they were sent in.",
            text(|row| row.vintage.as_deref()),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    file(ABOUT, columns(), &folder.figures.places.placements)
}
