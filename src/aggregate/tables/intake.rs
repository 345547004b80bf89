//! `intake`: what only the ledger and the partners' file know of a month: how its records came, and
//! when they were due.

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::tables::feed_quality::{Rejected, Row, rows};
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::reference::windows::Window;

/// What the table answers.
const ABOUT: &str = "How a month's records came, and when they were due.";

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Row>> {
    let as_of = folder.figures.as_at.map(|at| at.in_london().date());
    let partners = &folder.figures.settings.reference.partners;
    let number = |of: fn(&Row) -> i64| Of::Integer(Box::new(move |row: &Row| Some(of(row))));
    vec![
        column(
            "partner",
            "Who sent the records.",
            Of::Text(Box::new(|row: &Row| Some(row.key.0.clone()))),
        ),
        column(
            "feed",
            "`police`, `health` or `housing`.",
            Of::Text(Box::new(|row: &Row| Some(row.key.1.to_owned()))),
        ),
        column(
            "kind",
            "What they are about; null = a reject that did not say.",
            Of::Text(Box::new(|row: &Row| row.key.2.clone())),
        ),
        column(
            "window",
            "The month, such as `month:2018-10`.",
            Of::Text(Box::new(|row: &Row| Some(Window::of_month(row.month).id))),
        ),
        column(
            "late",
            "Records that count, first received after the month was due.",
            number(|row| row.quality.late),
        ),
        column(
            "revised",
            "Records that count, of which an earlier revision was received.",
            number(|row| row.quality.revised),
        ),
        column(
            "cancelled",
            "Records whose latest revision is a cancellation.",
            number(|row| row.quality.cancelled),
        ),
        column(
            "rejected",
            "Events that broke their contract, by the month received.",
            number(|row| row.rejected),
        ),
        column(
            "due",
            "The last day on which the month was not late.",
            Of::Date(Box::new(|row: &Row| {
                Some(partners.due(&row.key.0, row.key.2.as_deref()?, row.month))
            })),
        ),
        column(
            "settled",
            "The day after which it no longer changes.",
            Of::Date(Box::new(|row: &Row| {
                Some(partners.settled(&row.key.0, row.key.2.as_deref()?, row.month))
            })),
        ),
        column(
            "last_received",
            "When the newest of its latest revisions was received (UTC).",
            Of::Instant(Box::new(|row: &Row| row.quality.last_received)),
        ),
        column(
            "as_of",
            "The day of the figures: what was due before it and is not there is overdue.",
            Of::Date(Box::new(move |_| as_of)),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>, rejected: &Rejected) -> Result<File, Error> {
    file(ABOUT, columns(folder), rows(folder, rejected))
}
