//! Tables of a plan's folder as one workbook or as files of CSV, with a table `about` of what they are.
//!
//! It must not know how figures are computed. What it writes contains exact small numbers, so every
//! sheet carries their marking. A table that a spreadsheet cannot contain is refused, not cut.

mod about;

use std::borrow::Cow;
use std::io::Write;

use tokio::runtime::Handle;

use crate::aggregate::tables::{
    ColumnPurpose, ColumnSpec, FolderError, FolderTables, TableBatch, TableSpec,
};
use crate::aggregate::{EXACT_MARKING, INVENTED_FILE, INVENTED_MARKING, PlanChoice};
use crate::reference::Reference;
use crate::spreadsheet::{self, CELL_CHARACTERS, ROW_MAX, SheetWriter, csv_text, null_symbol};
use crate::storage::{Replacement, StorageError, Store};

/// The folder of exports in a store.
pub const EXPORTS: &str = "exports";
/// The lines above the table of a sheet, its headings among them.
const LINES: u32 = 3;
/// The most cells of a workbook: it is built in memory, at some 250 bytes for each.
const CELLS_MAX: u64 = 2_000_000;
/// The sheet or file that describes the others.
const ABOUT: &str = "about";

/// Why tables were not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The tables could not be read.
    #[error(transparent)]
    Tables(#[from] FolderError),
    /// No table has a column of a choice.
    #[error("no table of this export has the column `{0}`: leave out the option, or add a table")]
    NoColumn(&'static str),
    /// No row has a value of the choices.
    #[error("no row has {0}: check the codes, or leave out an option")]
    NoRows(String),
    /// Tables are too large for a spreadsheet.
    #[error(
        "too large for a spreadsheet ({}): choose rows with --area, --window or --series, name fewer \
         tables, or write --format csv", .0.join("; ")
    )]
    TooLarge(Vec<String>),
    /// The workbook could not be written.
    #[error("cannot write the workbook")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// A file of CSV could not be written.
    #[error("cannot write CSV")]
    Csv(#[from] csv::Error),
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// One workbook with a sheet for each table.
    Xlsx,
    /// A file of comma-separated values for each table.
    Csv,
}

/// The rows that are wanted: in each of these columns one of the values. A table without the column
/// has all its rows.
#[derive(Clone, Debug, Default)]
pub struct RowChoice(Vec<(&'static str, Vec<String>)>);

impl RowChoice {
    /// Rows of these areas, windows and series; an empty list = all.
    pub fn new(areas: Vec<String>, windows: Vec<String>, series: Vec<String>) -> Self {
        let choices = [
            ("area_code", areas),
            ("window_id", windows),
            ("series", series),
        ];
        let choices = choices.into_iter();
        Self(choices.filter(|(_, values)| !values.is_empty()).collect())
    }

    /// The choices in words that are about a table with these columns.
    fn in_words(&self, columns: &[ColumnSpec]) -> Option<String> {
        let own = self.0.iter().filter(|(name, _)| has(columns, name));
        let own: Vec<String> = own
            .map(|(column, values)| format!("`{column}` {}", values.join(" or ")))
            .collect();
        (!own.is_empty()).then(|| own.join(" and "))
    }

    /// The rows of a batch.
    fn rows(&self, columns: &[ColumnSpec], batch: &TableBatch) -> Vec<usize> {
        let own = self.0.iter().filter(|(name, _)| has(columns, name));
        let own: Vec<_> = own
            .map(|(name, values)| (batch.texts(name), values))
            .collect();
        let is_chosen = |row: &usize| {
            own.iter()
                .all(|(texts, values)| values.iter().any(|value| value == texts.value(*row)))
        };
        (0..batch.len()).filter(is_chosen).collect()
    }
}

fn has(columns: &[ColumnSpec], name: &str) -> bool {
    columns.iter().any(|own| own.name == name)
}

/// What is exported.
pub struct Export<'e> {
    /// The store with the tables.
    pub store: &'e Store,
    /// For the store's files.
    pub runtime: &'e Handle,
    /// Names and licences.
    pub reference: &'e Reference,
    /// The plan of the tables.
    pub plan: PlanChoice<'e>,
    /// The tables, in order.
    pub tables: Vec<&'static TableSpec>,
    /// Their rows.
    pub rows: RowChoice,
    /// The form.
    pub format: ExportFormat,
}

/// A table with the number of its chosen rows.
struct ChosenTable {
    table: &'static TableSpec,
    columns: Vec<ColumnSpec>,
    rows: u64,
}

impl Export<'_> {
    /// Writes the files into a folder, and returns their names.
    pub fn write(&self, folder: &mut Replacement) -> Result<Vec<String>, ExportError> {
        let provenance = self.folder().receipt()?;
        let tables = self.chosen()?;
        let marking = self.marking()?;
        match self.format {
            ExportFormat::Xlsx => {
                too_large(&tables)?;
                let workbook = self.workbook(&tables, &provenance, &marking)?;
                let name = format!("{}.xlsx", self.plan.folder());
                self.runtime.block_on(folder.put(&name, workbook.into()))?;
                Ok(vec![name])
            }
            ExportFormat::Csv => self.csv_files(folder, &tables, &provenance, &marking),
        }
    }

    fn folder(&self) -> FolderTables<'_> {
        FolderTables {
            store: self.store,
            runtime: self.runtime,
            folder: format!("aggregates/{}", self.plan.folder()),
        }
    }

    /// The marking that every sheet carries.
    fn marking(&self) -> Result<String, ExportError> {
        let invented = self.runtime.block_on(self.store.read(INVENTED_FILE))?;
        Ok(match invented {
            Some(_) => format!("{INVENTED_MARKING} {EXACT_MARKING}"),
            None => EXACT_MARKING.to_owned(),
        })
    }

    /// The tables with the number of their rows. There must be a row for the choices.
    fn chosen(&self) -> Result<Vec<ChosenTable>, ExportError> {
        let mut chosen = Vec::new();
        for table in &self.tables {
            let columns = table.columns();
            let batches = self.folder().read(table)?;
            let rows = batches.iter();
            let rows = rows.map(|batch| self.rows.rows(&columns, batch).len() as u64);
            chosen.push(ChosenTable {
                table,
                rows: rows.sum(),
                columns,
            });
        }
        for (column, _) in &self.rows.0 {
            if !chosen.iter().any(|table| has(&table.columns, column)) {
                return Err(ExportError::NoColumn(column));
            }
        }
        let filtered = chosen.iter().filter_map(|table| {
            let words = self.rows.in_words(&table.columns)?;
            Some((table.rows, words))
        });
        match filtered.max() {
            Some((0, words)) => Err(ExportError::NoRows(words)),
            _ => Ok(chosen),
        }
    }

    fn workbook(
        &self,
        tables: &[ChosenTable],
        provenance: &serde_json::Value,
        marking: &str,
    ) -> Result<Vec<u8>, ExportError> {
        let about = about::rows(self, tables, provenance, marking);
        let title = about::title(&self.plan);
        let partnership = about::partnership(&self.plan);
        let day = spreadsheet::day_of(Some(about::as_at(provenance)));
        let mut workbook = spreadsheet::workbook(&title, partnership, day)?;
        let header = format!("&C{marking}");
        let sheet = workbook.add_worksheet().set_name(ABOUT)?;
        sheet.set_header(&header);
        let mut writer = SheetWriter::new(sheet, &[&title, marking])?;
        for row in &about {
            writer.row(row.cells())?;
        }
        writer.finish(ABOUT, &about::HEADINGS.map(str::to_owned))?;
        for chosen in tables.iter().filter(|chosen| chosen.rows > 0) {
            let sheet = workbook.add_worksheet().set_name(chosen.table.name)?;
            sheet.set_header(&header);
            self.write_sheet(sheet, chosen, marking)?;
        }
        Ok(workbook.save_to_buffer()?)
    }

    fn write_sheet(
        &self,
        sheet: &mut rust_xlsxwriter::Worksheet,
        chosen: &ChosenTable,
        marking: &str,
    ) -> Result<(), ExportError> {
        let columns = &chosen.columns;
        let statuses: Vec<Option<&'static str>> = columns
            .iter()
            .map(|column| status_of(columns, column))
            .collect();
        let note = format!("{marking} Columns and symbols: see the sheet {ABOUT}.");
        let mut writer = SheetWriter::new(sheet, &[&chosen.table.description(), &note])?;
        for batch in self.folder().read(chosen.table)? {
            for row in self.rows.rows(columns, &batch) {
                let values: Vec<_> = columns
                    .iter()
                    .map(|column| batch.value(column.name, column.value_type, row))
                    .collect();
                let long = values.iter().zip(columns).find(|(value, _)| {
                    let text = value.text().unwrap_or_default();
                    text.chars().count() > CELL_CHARACTERS
                });
                if let Some((_, column)) = long {
                    let cell = format!("a cell of `{}.{}`", chosen.table.name, column.name);
                    return Err(ExportError::TooLarge(vec![cell]));
                }
                let cells = values.iter().zip(&statuses).map(|(value, status)| {
                    let status = status.map(|status| batch.texts(status).value(row));
                    value.cell().unwrap_or_else(|| null_symbol(status).into())
                });
                writer.row(cells)?;
            }
        }
        let headings: Vec<String> = columns
            .iter()
            .map(|column| column.name.to_owned())
            .collect();
        Ok(writer.finish(chosen.table.name, &headings)?)
    }

    fn csv_files(
        &self,
        folder: &mut Replacement,
        tables: &[ChosenTable],
        provenance: &serde_json::Value,
        marking: &str,
    ) -> Result<Vec<String>, ExportError> {
        let about = about::rows(self, tables, provenance, marking);
        let mut bytes = Vec::new();
        let mut writer = csv_writer(&mut bytes, about::HEADINGS)?;
        for row in &about {
            writer.write_record(row.texts().map(csv_text).map(Cow::into_owned))?;
        }
        writer.flush().map_err(csv::Error::from)?;
        drop(writer);
        let mut names = vec![format!("{ABOUT}.csv")];
        self.runtime.block_on(folder.put(&names[0], bytes.into()))?;
        for chosen in tables.iter().filter(|chosen| chosen.rows > 0) {
            let name = format!("{}.csv", chosen.table.name);
            let mut file = folder.create(&name, self.runtime);
            let made = self.write_csv(&mut file, chosen);
            file.finish(made)?;
            names.push(name);
        }
        Ok(names)
    }

    fn write_csv(&self, output: impl Write, chosen: &ChosenTable) -> Result<(), ExportError> {
        let columns = &chosen.columns;
        let mut writer = csv_writer(output, columns.iter().map(|column| column.name))?;
        for batch in self.folder().read(chosen.table)? {
            for row in self.rows.rows(columns, &batch) {
                let values = columns.iter().map(|column| {
                    let value = batch.value(column.name, column.value_type, row);
                    value.csv()
                });
                writer.write_record(values)?;
            }
        }
        Ok(writer.flush().map_err(csv::Error::from)?)
    }
}

/// A writer of CSV with its headings. Spreadsheets read UTF-8 only after a byte order mark.
fn csv_writer<W: Write>(
    mut output: W,
    headings: impl IntoIterator<Item = &'static str>,
) -> Result<csv::Writer<W>, ExportError> {
    output
        .write_all("\u{feff}".as_bytes())
        .map_err(csv::Error::from)?;
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(headings)?;
    Ok(writer)
}

/// The column with the status of a number, if it has one.
fn status_of(columns: &[ColumnSpec], column: &ColumnSpec) -> Option<&'static str> {
    let is_number = matches!(
        column.role,
        ColumnPurpose::Count | ColumnPurpose::UpperBound | ColumnPurpose::Measure
    );
    let stem = column.name.split('_').next().filter(|_| is_number)?;
    let own = format!("{stem}_status");
    let named = |name: &str| columns.iter().find(|column| column.name == name);
    let status = named(&own).or_else(|| named("count_status"))?;
    Some(status.name)
}

/// Refuses tables that a spreadsheet cannot contain, all at once.
fn too_large(tables: &[ChosenTable]) -> Result<(), ExportError> {
    let cells = |table: &ChosenTable| table.rows * table.columns.len() as u64;
    let rows_max = u64::from(ROW_MAX + 1 - LINES);
    let (mut refused, mut sum) = (Vec::new(), 0);
    for table in tables {
        sum += cells(table);
        if table.rows > rows_max || cells(table) > CELLS_MAX {
            refused.push(format!(
                "`{}`: {} rows of {} columns",
                table.table.name,
                table.rows,
                table.columns.len()
            ));
        }
    }
    if refused.is_empty() && sum > CELLS_MAX {
        refused.push(format!("{sum} cells together"));
    }
    if refused.is_empty() {
        Ok(())
    } else {
        Err(ExportError::TooLarge(refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::tables::TABLES;
    use crate::spreadsheet::COLUMN_MAX;

    /// The most characters of a sheet's name.
    const NAME_CHARACTERS: usize = 31;

    fn chosen(name: &str, rows: u64) -> ChosenTable {
        let table = crate::aggregate::tables::find(name).expect("a table");
        ChosenTable {
            table,
            columns: table.columns(),
            rows,
        }
    }

    #[test]
    fn every_table_has_a_name_and_columns_that_a_sheet_can_have() {
        for table in TABLES {
            assert!(
                table.name.chars().count() <= NAME_CHARACTERS,
                "{}",
                table.name
            );
            assert!(table.name != ABOUT);
            assert!(
                table.columns().len() <= usize::from(COLUMN_MAX),
                "{}",
                table.name
            );
        }
    }

    #[test]
    fn what_exceeds_a_spreadsheet_is_refused_with_every_table() {
        let columns = chosen("windows", 0).columns.len() as u64;
        let most = CELLS_MAX / columns;
        assert!(too_large(&[chosen("windows", most)]).is_ok());
        let refused = |tables: &[ChosenTable]| match too_large(tables) {
            Err(ExportError::TooLarge(refused)) => refused,
            _ => Vec::new(),
        };
        let both = [chosen("windows", 1_048_574), chosen("change", 1_000_000)];
        let refused_both = refused(&both);
        assert!(
            refused_both[0].starts_with("`windows`: 1048574 rows of "),
            "{refused_both:?}"
        );
        assert!(
            refused_both[1].starts_with("`change`: 1000000 rows of "),
            "{refused_both:?}"
        );
        let together = [chosen("windows", most), chosen("windows", most)];
        assert_eq!(
            refused(&together),
            [format!("{} cells together", 2 * most * columns)]
        );
    }

    #[test]
    fn a_number_that_is_null_has_the_status_of_its_count() {
        let columns = chosen("change", 0).columns;
        let status = |name: &str| {
            let column = columns.iter().find(|column| column.name == name);
            status_of(&columns, column.expect("a column"))
        };
        assert_eq!(status("count_value"), Some("count_status"));
        assert_eq!(status("base_max"), Some("base_status"));
        assert_eq!(status("difference_pct"), Some("count_status"));
        assert_eq!((status("scheme"), status("breaks")), (None, None));
    }
}
