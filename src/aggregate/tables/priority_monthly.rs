//! `priority_monthly`: how much, month by month, of each priority and theme, in total, and under
//! none.

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::{Folder, Line};
use crate::aggregate::tables::table::{Column, File, Table};

/// What the table answers.
const ABOUT: &str =
    "What level, month by month? Counts of each priority and theme, in total, mapped and unmapped.";

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Line<()>>> {
    folder
        .key_columns()
        .into_iter()
        .chain(Folder::block_columns())
        .collect()
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let mut table = Table::new(ABOUT, columns(folder))?;
    for strip in folder.strips().filter(|strip| strip.series.is_of_plan()) {
        strip.each_month(|key, block| {
            table.push(Line {
                key,
                block,
                more: (),
            })
        })?;
    }
    table.finish()
}
