//! Tables of a spreadsheet: rows with headings that screen readers announce, and the names of columns.

use std::collections::BTreeSet;

use rust_xlsxwriter::utility::column_number_to_name;
use rust_xlsxwriter::{Table, TableColumn as Heading, TableStyle, Worksheet, XlsxError};

/// The index of the last column of a spreadsheet, XFD.
const COLUMN_MAX: u16 = 16_383;

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

/// The name of a column, such as AB, by its index from 0; beyond the last column of a spreadsheet, that
/// of the last.
pub(crate) fn column_name(index: usize) -> String {
    column_number_to_name(index.min(usize::from(COLUMN_MAX)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_in_a_spreadsheet() {
        assert_eq!(
            [0, 25, 26, 51, 52, 702].map(column_name),
            ["A", "Z", "AA", "AZ", "BA", "AAA"]
        );
        assert_eq!(column_name(usize::MAX), "XFD");
    }
}
