//! `profile`: when does it happen? By weekday and hour, on the wall's clock.
//!
//! Told for windows longer than a quarter, and only where something was counted: of 168 cells of a
//! week most are empty.

use crate::aggregate::Error;
use crate::aggregate::figures::bounded_count::Block;
use crate::aggregate::figures::counts::{Tally, clip};
use crate::aggregate::figures::table_set::{Folder, Line};
use crate::aggregate::state::current::Week;
use crate::aggregate::tables::table::{Column, File, Of, Table, column};

/// What the table answers.
const ABOUT: &str = "When does it happen? Counts by weekday and hour of windows longer than a quarter; a cell that is no row is 0.";

/// Cells of a week.
const CELLS: f64 = 168.0;

struct More {
    week: Week,
    /// Records of the window whose weekday and hour are known.
    known: i64,
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Line<More>>> {
    let mut columns: Vec<_> = folder
        .key_columns()
        .into_iter()
        .chain(Folder::block_columns())
        .collect();
    columns.extend([
        column(
            "weekday",
            "Day of the week it happened or began, 1 = Monday (Europe/London); null = not known so exactly.",
            Of::Integer(Box::new(|row: &Line<More>| row.more.week.weekday().map(i64::from))),
        ),
        column(
            "hour",
            "Hour it happened or began, 0 to 23 (Europe/London); null = not known so exactly.",
            Of::Integer(Box::new(|row: &Line<More>| row.more.week.hour().map(i64::from))),
        ),
        column(
            "index",
            "Count by the mean of the 168 cells of a week; null where the hour is not known.",
            Of::Double(Box::new(|row: &Line<More>| {
                row.more.week.hour()?;
                Some(row.block.exact()? as f64 * CELLS / row.more.known as f64)
            })),
        ),
    ]);
    columns
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let mut table = Table::new(ABOUT, columns(folder))?;
    for strip in folder
        .strips()
        .filter(|strip| strip.series.is_of_plan() && !strip.is_of_totals())
    {
        let Some(held) = folder.figures.held[strip.kind].as_ref() else {
            continue;
        };
        let tally: Tally = strip.tally(held, Week::END, &|fact| Some(fact.week.0.into()));
        for (place, number, _) in strip.places().filter(|(_, _, of)| !of.is_sparse()) {
            for (window, months) in strip
                .windows()
                .filter(|(_, window)| !window.is_month() && !window.is_quarter())
            {
                let Some((from, to)) = clip(
                    held.first,
                    held.months(),
                    months.first,
                    months.months.into(),
                ) else {
                    continue;
                };
                let Some(whole) = strip.block(place, months) else {
                    continue;
                };
                let count = |key: usize| tally.sum(place, 0, key, (from, to));
                let counts: Vec<(Week, i64)> = (0..Week::END)
                    .map(|key| (Week(key as u8), count(key)))
                    .filter(|(_, count)| *count > 0)
                    .collect();
                let known = counts
                    .iter()
                    .filter(|(week, _)| week.hour().is_some())
                    .map(|(_, count)| count)
                    .sum();
                for (week, count) in counts {
                    let block = Block::counted(count, whole.supply);
                    table.push(Line {
                        key: strip.key(number, window),
                        block,
                        more: More { week, known },
                    })?;
                }
            }
        }
    }
    table.finish()
}
