//! `windows`: the runs of months that figures are told for.

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::reference::windows::Window;

/// What the table answers.
const ABOUT: &str = "The runs of months that figures are told for.";

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, &'c Window>> {
    let settings = folder.figures.settings;
    let plan = |window: &&'c Window| {
        let wanted = settings.in_force_through(window.first, window.last())?;
        Some(settings.plan(wanted).id.clone())
    };
    vec![
        column(
            "window",
            "Its id.",
            Of::Text(Box::new(|window: &&'c Window| Some(window.id.clone()))),
        ),
        column(
            "family",
            "What runs alike it is of: `month`, `quarter`, `year`, `fy`, `nov-oct`, `apr-oct`, `r12`, `last36`, `last59`, or `own` (config/windows.toml).",
            Of::Text(Box::new(|window: &&'c Window| {
                Some(window.family.as_str().to_owned())
            })),
        ),
        column(
            "window_from",
            "Its first day.",
            Of::Date(Box::new(|window: &&'c Window| Some(window.from()))),
        ),
        column(
            "window_to",
            "Its last day.",
            Of::Date(Box::new(|window: &&'c Window| Some(window.to()))),
        ),
        column(
            "months",
            "How many months it has.",
            Of::Integer(Box::new(|window: &&'c Window| Some(window.months.into()))),
        ),
        column(
            "days",
            "How many days it has.",
            Of::Integer(Box::new(|window: &&'c Window| Some(window.days()))),
        ),
        column(
            "plan_in_force",
            "The plan in force through all its months, of those the tables are made under; null = none.",
            Of::Text(Box::new(plan)),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    file(ABOUT, columns(folder), &folder.figures.windows)
}
