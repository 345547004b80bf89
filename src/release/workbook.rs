//! The tables of a release as a spreadsheet, by the rules of the Government Statistical Service: one
//! table per sheet, symbols in words on a sheet of notes, nothing merged, hidden or blank.

use rust_xlsxwriter::{Worksheet, XlsxError};

use crate::aggregate::tables::ColumnPurpose;
use crate::aggregate::tables::TableValue;
use crate::reference::labels::in_words;
use crate::release::config::ReleaseConfig;
use crate::release::table::ReleaseTable;
use crate::spreadsheet::{
    self, Cell, NOT_APPLICABLE, NOT_AVAILABLE, SUPPRESSED, SheetWriter, null_symbol,
};

/// The columns that a sheet begins with, with their headings.
const COLUMNS: [(&str, &str); 8] = [
    ("window_label", "Period"),
    ("area_level", "Level"),
    ("area_name", "Area"),
    ("area_role", "Role of the area"),
    ("partner_name", "Partner"),
    ("kind_label", "Kind"),
    ("series_label", "Series"),
    ("scheme", "Scheme"),
];
/// The counts of tables that have several, and what is computed from counts.
const NUMBERS: [(&str, &str); 18] = [
    ("count_value", "Number"),
    ("count_without", "Number without the factor"),
    ("count_unknown", "Number that does not say"),
    ("cases", "Number that shows whether it is a repeat"),
    ("share_pct", "Per cent of the total"),
    ("rate_per_1000", "Rate per 1,000"),
    ("rank_min", "Rank"),
    ("share_of_known_pct", "Per cent of those known"),
    ("repeat_pct", "Per cent that are repeats"),
    ("times_mean", "Times the mean of all hours"),
    ("base_min", "Number compared with, at least"),
    ("base_max", "Number compared with, at most"),
    ("difference", "Difference"),
    ("difference_pct", "Difference in per cent"),
    ("centre", "Centre"),
    ("lower", "Lower limit"),
    ("upper", "Upper limit"),
    ("points", "Points"),
];
/// Texts about the numbers.
const TEXTS: [(&str, &str); 4] = [
    ("count_status", "Status of the number"),
    ("data_status", "Completeness"),
    ("verdict", "Verdict"),
    ("signal", "Signal"),
];
/// What the symbols mean.
const NOTES: [(&str, &str); 4] = [
    SUPPRESSED,
    NOT_AVAILABLE,
    NOT_APPLICABLE,
    (
        "rounded",
        "a status: the number is the nearest multiple of 5",
    ),
];

/// Writes the workbook. The only time in it is that of the plan's last day.
pub(crate) fn write(config: &ReleaseConfig, tables: &[ReleaseTable]) -> Result<Vec<u8>, XlsxError> {
    let plan = &config.plan;
    let mut workbook = spreadsheet::workbook(&config.title, &plan.partnership, plan.valid_to)?;
    write_notes(workbook.add_worksheet(), config)?;
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        let sheet = workbook.add_worksheet().set_name(table.name)?;
        write_table(sheet, table)?;
    }
    workbook.save_to_buffer()
}

fn write_notes(sheet: &mut Worksheet, config: &ReleaseConfig) -> Result<(), XlsxError> {
    sheet.set_name("Notes")?;
    let lines = [
        &config.title,
        "Never add numbers of different partners, kinds or priorities.",
    ];
    let mut writer = SheetWriter::new(sheet, &lines)?;
    for (symbol, meaning) in NOTES {
        writer.row([symbol, meaning].map(Cell::from))?;
    }
    writer.finish("notes", &["Symbol", "Meaning"].map(str::to_owned))
}

fn write_table(sheet: &mut Worksheet, table: &ReleaseTable) -> Result<(), XlsxError> {
    let columns = sheet_columns(table);
    let lines = [
        &table.description,
        "Symbols are explained on the sheet Notes.",
    ];
    let mut writer = SheetWriter::new(sheet, &lines)?;
    for row in &table.rows {
        let cells = columns.iter().map(|column| {
            let cell = row[column.index].cell();
            cell.unwrap_or_else(|| column.symbol(row).into())
        });
        writer.row(cells)?;
    }
    let headings: Vec<String> = columns
        .iter()
        .map(|column| column.heading.clone())
        .collect();
    writer.finish(table.name, &headings)
}

/// A column of a sheet.
struct SheetColumn {
    index: usize,
    heading: String,
    /// The column with the status of its number, if it has numbers.
    status: Option<usize>,
}

impl SheetColumn {
    /// The symbol in place of a value.
    fn symbol(&self, row: &[TableValue]) -> &'static str {
        null_symbol(self.status.and_then(|status| row[status].text()))
    }
}

/// The keys, what is counted, the numbers, and texts about them.
fn sheet_columns(table: &ReleaseTable) -> Vec<SheetColumn> {
    let status_of = |name: &str| {
        let own = table.position(&format!("{name}_status"));
        own.or_else(|| table.position(&format!("{}_status", name.trim_end_matches("_value"))))
            .or_else(|| table.position("count_status"))
    };
    let column = |name: &str, heading: &str, status| {
        Some(SheetColumn {
            index: table.position(name)?,
            heading: heading.to_owned(),
            status,
        })
    };
    let own_keys = table.columns.iter();
    let own_keys = own_keys.filter(|own| own.role == ColumnPurpose::OwnKey);
    let keys = COLUMNS
        .iter()
        .filter_map(|(name, heading)| column(name, heading, None));
    let own_keys = own_keys.filter_map(|own| column(own.name, &in_words(own.name), None));
    let numbers = NUMBERS.iter();
    let numbers = numbers.filter_map(|(name, heading)| column(name, heading, status_of(name)));
    let texts = TEXTS
        .iter()
        .filter_map(|(name, heading)| column(name, heading, None));
    keys.chain(own_keys).chain(numbers).chain(texts).collect()
}
