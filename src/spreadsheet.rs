//! Tables of a spreadsheet: rows with headings that screen readers announce.

use std::collections::BTreeSet;

use rust_xlsxwriter::{Table, TableColumn as Heading, TableStyle, Worksheet, XlsxError};

/// Marks rows as a table with headings, so that screen readers announce them.
pub(crate) fn frame(
    sheet: &mut Worksheet,
    name: &str,
    headings: &[String],
    (first, last): (u32, u32),
) -> Result<(), XlsxError> {
    let mut known = BTreeSet::new();
    let columns: Vec<Heading> = headings
        .iter()
        .map(|heading| {
            // Headings of a table must differ, in any case of letters.
            let mut unique: String = heading.chars().take(250).collect();
            while !known.insert(unique.to_lowercase()) {
                unique.push('\'');
            }
            Heading::new().set_header(unique)
        })
        .collect();
    let table = Table::new()
        .set_name(name)
        .set_columns(&columns)
        .set_style(TableStyle::None)
        .set_autofilter(false);
    let last_column = headings.len().saturating_sub(1) as u16;
    sheet.add_table(first, 0, last, last_column, &table)?;
    Ok(())
}
