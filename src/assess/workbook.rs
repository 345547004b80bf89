//! The tables of a document as a spreadsheet, by the rules of the Government Statistical Service: one
//! table per sheet, one row of headings, nothing merged, hidden or blank, no colour, numbers as
//! numbers.

use jiff::civil;
use rust_xlsxwriter::{Worksheet, XlsxError};

use crate::aggregate::INVENTED_MARKING;
use crate::aggregate::tables::TableValue;
use crate::assess::document::{DataTable, Document, TableCell};
use crate::assess::draft::Draft;
use crate::spreadsheet::{self, Cell, SheetWriter};

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
    let title = &document.title;
    let mut workbook = spreadsheet::workbook(&title.title, &title.partnership, created(draft))?;
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
fn created(draft: &Draft<'_>) -> civil::Date {
    spreadsheet::day_of(draft.facts.provenance["as_at"].as_str())
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
    let title = &document.title;
    let marking = if title.is_invented {
        INVENTED_MARKING.to_owned()
    } else {
        title.status.plain()
    };
    let heading = format!("{}: tables", title.title);
    let mut writer = SheetWriter::new(sheet, &[&heading, &title.subtitle, &marking])?;
    for (number, table) in (1..).zip(tables) {
        let name = sheet_name(number);
        writer.row([Cell::SheetLink(&name), Cell::from(&table.caption)])?;
    }
    writer.finish("contents", &["Sheet", "Table"].map(str::to_owned))
}

fn write_notes(sheet: &mut Worksheet, draft: &Draft<'_>) -> Result<(), XlsxError> {
    sheet.set_name("Notes")?;
    let period = format!("{}, as at {}", draft.window_label, draft.as_at());
    let rule = "Never add figures of different partners, kinds or priorities.";
    let mut writer = SheetWriter::new(sheet, &["Notes", &period, rule])?;
    for (sign, meaning) in NOTES {
        writer.row([sign, meaning].map(Cell::from))?;
    }
    writer.finish("notes", &["Sign", "Meaning"].map(str::to_owned))
}

fn write_table(sheet: &mut Worksheet, number: usize, table: &DataTable) -> Result<(), XlsxError> {
    let title = format!("Table {number}: {}", table.caption);
    let note = table.note.plain();
    let note = if note.is_empty() { "No note." } else { &note };
    let query = table
        .query
        .as_ref()
        .map(|query| format!("Query: {}", query.sql));
    let query = query.unwrap_or_else(|| "The query of each number is in annex F.".to_owned());
    let mut writer = SheetWriter::new(sheet, &[&title, note, &query])?;
    // Pictures are not for spreadsheets.
    let columns: Vec<usize> = (0..table.columns.len())
        .filter(|column| table.rows.iter().all(|row| row[*column].picture.is_none()))
        .collect();
    for cells in &table.rows {
        writer.row(columns.iter().map(|column| cell(&cells[*column])))?;
    }
    let headings: Vec<String> = columns
        .iter()
        .map(|column| table.columns[*column].label.clone())
        .collect();
    writer.finish(&format!("table_{number}"), &headings)
}

/// A number is written as it is, unrounded; a text as the document shows it.
fn cell(cell: &TableCell) -> Cell<'_> {
    let number = cell.value.as_ref().and_then(TableValue::number);
    if let Some(number) = number {
        return Cell::Number(number);
    }
    let text = cell.prose.plain();
    if text.is_empty() {
        NOTHING.into()
    } else {
        text.into()
    }
}
