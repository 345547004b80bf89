//! The tables of a release as a spreadsheet, by the rules of the Government Statistical Service: one
//! table per sheet, symbols in words on a sheet of notes, nothing merged, hidden or blank.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::release::config::ReleaseConfig;
use crate::release::table::{Datum, ReleaseTable};
use crate::spreadsheet::frame;

/// The columns of a sheet, with their headings.
const COLUMNS: [(&str, &str); 12] = [
    ("window_label", "Period"),
    ("area_level", "Level"),
    ("area_name", "Area"),
    ("area_role", "Role of the area"),
    ("partner_name", "Partner"),
    ("kind_label", "Kind"),
    ("series_label", "Series"),
    ("scheme", "Scheme"),
    ("factor_part", "Part by factor"),
    ("count_value", "Number"),
    ("count_status", "Status of the number"),
    ("data_status", "Completeness"),
];
/// What is computed from the number, where a table has it.
const DERIVED: [(&str, &str); 4] = [
    ("share_pct", "Per cent of the total"),
    ("rate_per_1000", "Rate per 1,000"),
    ("rank_min", "Rank"),
    ("share_of_known_pct", "Per cent of those known"),
];
/// What the symbols mean.
const NOTES: [(&str, &str); 4] = [
    (
        "[c]",
        "suppressed, to protect people; also where the number itself would not show anyone",
    ),
    (
        "[x]",
        "not available: the data cannot show it, which is not 0",
    ),
    ("[z]", "does not apply"),
    (
        "rounded",
        "a status: the number is the nearest multiple of 5",
    ),
];
const HEADING_ROW: u32 = 2;

/// Writes the workbook. The only time in it is that of the plan's last day.
pub(crate) fn write(config: &ReleaseConfig, tables: &[ReleaseTable]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let day = config.plan.valid_to.to_string();
    let properties = DocProperties::new()
        .set_title(&config.title)
        .set_author(&config.plan.partnership)
        .set_creation_datetime(&ExcelDateTime::parse_from_str(&day)?);
    workbook.set_properties(&properties);
    write_notes(workbook.add_worksheet(), config)?;
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        let sheet = workbook.add_worksheet().set_name(table.name)?;
        write_table(sheet, table)?;
    }
    workbook.save_to_buffer()
}

fn write_notes(sheet: &mut Worksheet, config: &ReleaseConfig) -> Result<(), XlsxError> {
    sheet.set_name("Notes")?;
    sheet.set_column_width(0, 14)?.set_column_width(1, 90)?;
    sheet.write_with_format(0, 0, &config.title, &Format::new().set_bold())?;
    sheet.write(
        1,
        0,
        "Never add numbers of different partners, kinds or priorities.",
    )?;
    let rows = NOTES.iter().zip(HEADING_ROW + 1..);
    for ((symbol, meaning), row) in rows {
        sheet.write(row, 0, *symbol)?;
        sheet.write(row, 1, *meaning)?;
    }
    let headings = ["Symbol".to_owned(), "Meaning".to_owned()];
    frame(
        sheet,
        "notes",
        &headings,
        (HEADING_ROW, HEADING_ROW + NOTES.len() as u32),
    )
}

fn write_table(sheet: &mut Worksheet, table: &ReleaseTable) -> Result<(), XlsxError> {
    let derived = DERIVED
        .iter()
        .filter(|(name, _)| table.columns.iter().any(|(own, ..)| own == name));
    let columns: Vec<(usize, &str)> = COLUMNS
        .iter()
        .chain(derived)
        .map(|(name, heading)| (table.index(name), *heading))
        .collect();
    sheet.write_with_format(0, 0, table.description, &Format::new().set_bold())?;
    sheet.write(1, 0, "Symbols are explained on the sheet Notes.")?;
    let status = table.index("count_status");
    for (at, row) in (HEADING_ROW + 1..).zip(&table.rows) {
        for (column, (index, _)) in (0..).zip(&columns) {
            match &row[*index] {
                Datum::Text(text) => sheet.write(at, column, text)?,
                Datum::Integer(number) => sheet.write(at, column, *number as f64)?,
                Datum::Number(number) => sheet.write(at, column, *number)?,
                _ => sheet.write(
                    at,
                    column,
                    symbol(row[status].as_text(), table.columns[*index].0),
                )?,
            };
        }
    }
    for column in 0..columns.len() as u16 {
        sheet.set_column_width(column, 22)?;
    }
    let headings: Vec<String> = columns
        .iter()
        .map(|(_, heading)| (*heading).to_owned())
        .collect();
    let last = HEADING_ROW + (table.rows.len() as u32).max(1);
    frame(sheet, table.name, &headings, (HEADING_ROW, last))
}

/// What stands in place of a number.
fn symbol(status: Option<&str>, column: &str) -> &'static str {
    let is_number = matches!(
        column,
        "count_value" | "share_pct" | "rate_per_1000" | "share_of_known_pct"
    );
    match status {
        Some("suppressed") if is_number => "[c]",
        Some("not_supplied") if is_number => "[x]",
        _ => "[z]",
    }
}
