//! The tables of a document as a spreadsheet, by the rules of the Government Statistical Service: one
//! table per sheet, one row of headings, nothing merged, hidden or blank, no colour, numbers as
//! numbers.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::aggregate::tables::TableValue;
use crate::assess::document::{DataTable, Document, TableCell};
use crate::assess::draft::Draft;
use crate::spreadsheet::frame;

/// The first row of a table: below its title, its note and its query.
const FIRST_ROW: u32 = 3;
/// Text in a cell that would be blank.
const NOTHING: &str = "[z]";
/// What the signs in the cells mean.
const NOTES: [(&str, &str); 6] = [
    ("[b]", "what is counted changed between the two periods"),
    ("[c]", "not shown, to protect people"),
    ("[p]", "provisional: more records may still arrive"),
    ("[u]", "unusual or not exact: read with care"),
    ("[x]", "not available: not supplied, or too few for a share"),
    ("[z]", "does not apply"),
];

/// Writes the workbook.
pub(crate) fn write(draft: &Draft<'_>, document: &Document) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // The only time in the file is that of the figures.
    let properties = DocProperties::new()
        .set_title(&document.title.title)
        .set_author(&document.title.partnership)
        .set_creation_datetime(&ExcelDateTime::parse_from_str(&created(draft))?);
    workbook.set_properties(&properties);
    let tables: Vec<&DataTable> = document.tables().collect();
    write_contents(workbook.add_worksheet(), document, &tables)?;
    write_notes(workbook.add_worksheet(), draft)?;
    for (number, table) in (1..).zip(&tables) {
        let sheet = workbook.add_worksheet().set_name(sheet_name(number))?;
        write_table(sheet, number, table)?;
    }
    workbook.save_to_buffer()
}

/// The day of the figures.
fn created(draft: &Draft<'_>) -> String {
    let at = draft.facts.provenance["as_at"].as_str().unwrap_or_default();
    at.get(..10).unwrap_or("1980-01-01").to_owned()
}

fn sheet_name(number: usize) -> String {
    format!("Table_{number}")
}

fn write_contents(
    sheet: &mut Worksheet,
    document: &Document,
    tables: &[&DataTable],
) -> Result<(), XlsxError> {
    sheet.set_name("Contents")?;
    sheet.set_column_width(0, 14)?.set_column_width(1, 90)?;
    let title = format!("{}: tables", document.title.title);
    sheet.write_with_format(0, 0, title, &Format::new().set_bold())?;
    sheet.write(1, 0, &document.title.subtitle)?;
    if document.title.is_invented {
        sheet.write(2, 0, "Invented data: no figure here is true of any place.")?;
    } else {
        sheet.write(2, 0, document.title.status.plain())?;
    }
    for (row, (number, table)) in (FIRST_ROW + 1..).zip((1..).zip(tables)) {
        let name = sheet_name(number);
        let link = format!("internal:'{name}'!A1");
        sheet.write_url_with_text(row, 0, link.as_str(), &name)?;
        sheet.write(row, 1, &table.caption)?;
    }
    let last = FIRST_ROW + tables.len() as u32;
    let headings = ["Sheet".to_owned(), "Table".to_owned()];
    frame(
        sheet,
        "contents",
        &headings,
        (FIRST_ROW, last.max(FIRST_ROW + 1)),
    )
}

fn write_notes(sheet: &mut Worksheet, draft: &Draft<'_>) -> Result<(), XlsxError> {
    sheet.set_name("Notes")?;
    sheet.set_column_width(0, 14)?.set_column_width(1, 90)?;
    sheet.write_with_format(0, 0, "Notes", &Format::new().set_bold())?;
    let period = format!("{}, as at {}", draft.window_label, draft.as_at());
    sheet.write(1, 0, period)?;
    sheet.write(
        2,
        0,
        "Never add figures of different partners, kinds or priorities.",
    )?;
    for (row, (sign, meaning)) in (FIRST_ROW + 1..).zip(NOTES) {
        sheet.write(row, 0, sign)?;
        sheet.write(row, 1, meaning)?;
    }
    let headings = ["Sign".to_owned(), "Meaning".to_owned()];
    frame(
        sheet,
        "notes",
        &headings,
        (FIRST_ROW, FIRST_ROW + NOTES.len() as u32),
    )
}

fn write_table(sheet: &mut Worksheet, number: usize, table: &DataTable) -> Result<(), XlsxError> {
    let title = format!("Table {number}: {}", table.caption);
    sheet.write_with_format(0, 0, title, &Format::new().set_bold())?;
    let note = table.note.plain();
    sheet.write(1, 0, if note.is_empty() { "No note." } else { &note })?;
    let query = table
        .query
        .as_ref()
        .map(|query| format!("Query: {}", query.sql));
    let query = query.unwrap_or_else(|| "The query of each number is in annex F.".to_owned());
    sheet.write(2, 0, query)?;
    // Pictures are not for spreadsheets.
    let columns: Vec<usize> = (0..table.columns.len())
        .filter(|column| table.rows.iter().all(|row| row[*column].picture.is_none()))
        .collect();
    for (row, cells) in (FIRST_ROW + 1..).zip(&table.rows) {
        for (column, index) in (0..).zip(&columns) {
            write_cell(sheet, (row, column), &cells[*index])?;
        }
    }
    for (column, index) in (0..).zip(&columns) {
        let width = if table.columns[*index].is_number {
            14
        } else {
            34
        };
        sheet.set_column_width(column, width)?;
    }
    let headings: Vec<String> = columns
        .iter()
        .map(|column| table.columns[*column].label.clone())
        .collect();
    let last = FIRST_ROW + table.rows.len() as u32;
    let name = format!("table_{number}");
    frame(
        sheet,
        &name,
        &headings,
        (FIRST_ROW, last.max(FIRST_ROW + 1)),
    )
}

/// A number is written as it is, unrounded; a text as the document shows it.
fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &TableCell,
) -> Result<(), XlsxError> {
    let number = cell.value.as_ref().and_then(TableValue::number);
    if let Some(number) = number {
        sheet.write(row, column, number)?;
        return Ok(());
    }
    let text = cell.prose.plain();
    let text = if text.is_empty() { NOTHING } else { &text };
    sheet.write(row, column, text)?;
    Ok(())
}
