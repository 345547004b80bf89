//! Reads tables from the sheets of a published workbook.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{Data, Error, Range, Reader, Sheets, open_workbook};

use super::HclicError;
use super::heading::Heading;
use super::quarter::Quarter;
use super::table::{
    AuthorityRow, CellValue, FigureColumn, HclicTable, TableName, is_area, is_authority,
};
use crate::spreadsheet::column_name;

/// The number of heading rows above the first figures. Rows further up have the title, the unit or
/// texts for the look-up sheets.
const HEADING_ROWS: u32 = 4;
/// The first column that can contain figures: before it are code and name.
const FIRST_FIGURE: u32 = 2;

/// The form of a workbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkbookForm {
    /// Office Open XML, `.xlsx`.
    Xlsx,
    /// Open Document, `.ods`.
    Ods,
}

impl WorkbookForm {
    fn open(self, file: &Path) -> Result<Sheets<BufReader<File>>, Error> {
        Ok(match self {
            Self::Xlsx => Sheets::Xlsx(open_workbook(file).map_err(Error::Xlsx)?),
            Self::Ods => Sheets::Ods(open_workbook(file).map_err(Error::Ods)?),
        })
    }
}

/// Calls `each` with the table of each sheet that has one.
pub(super) fn each_sheet<'f>(
    file: &'f Path,
    form: WorkbookForm,
    mut each: impl FnMut(HclicTable<'f>) -> Result<(), HclicError>,
) -> Result<(), HclicError> {
    let workbook_error = |source| HclicError::Workbook {
        file: file.to_owned(),
        source,
    };
    let mut book = form.open(file).map_err(workbook_error)?;
    let mut sheets: Vec<(TableName, String)> = Vec::new();
    for sheet in book.sheet_names() {
        // Sheets are called `A1`, or in 2018 `A1 - Apr-Jun 18`.
        let first_word = sheet.split_whitespace().next().unwrap_or_default();
        if let Ok(name) = first_word.parse() {
            sheets.push((name, sheet.clone()));
        }
    }
    if sheets.is_empty() {
        return Err(HclicError::NoTables {
            file: file.to_owned(),
        });
    }
    for (name, sheet) in sheets {
        let range = book.worksheet_range(&sheet).map_err(workbook_error)?;
        each(
            WorkbookSheet {
                file,
                name: sheet,
                range,
            }
            .table(name)?,
        )?;
    }
    Ok(())
}

/// A sheet of a workbook.
struct WorkbookSheet<'f> {
    file: &'f Path,
    name: String,
    range: Range<Data>,
}

impl<'f> WorkbookSheet<'f> {
    fn table(self, name: TableName) -> Result<HclicTable<'f>, HclicError> {
        let quarter =
            Quarter::from_title(self.text(0, 0).unwrap_or_default()).ok_or_else(|| {
                self.error(
                    "cell A1",
                    "the title must name a quarter, such as `April to June 2018`",
                )
            })?;
        let (_, (last_row, last_column)) =
            (self.range.start(), self.range.end().unwrap_or_default());
        let first_row = (0..=last_row)
            .find(|row| self.text(*row, 0).is_some_and(is_area))
            .ok_or_else(|| self.error("column A", "no row starts with the code of an area"))?;
        let headings = first_row.saturating_sub(HEADING_ROWS)..first_row;
        let mut columns = Vec::new();
        for index in FIRST_FIGURE..=last_column {
            if let Some(heading) = self.heading(headings.clone(), index) {
                columns.push(FigureColumn {
                    heading,
                    index,
                    line: 0,
                });
            }
        }
        let (mut rows, mut rounded_rows) = (Vec::new(), 0);
        for index in first_row..=last_row {
            match self.text(index, 0) {
                Some(code) if is_authority(code) => {
                    rows.push(self.row(code.to_owned(), index, &columns, last_column)?);
                }
                Some(_)
                    if columns
                        .iter()
                        .any(|column| self.is_figure(index, column.index)) =>
                {
                    rounded_rows += 1;
                }
                _ => {}
            }
        }
        Ok(HclicTable {
            file: self.file,
            sheet: Some(self.name),
            name,
            quarter,
            columns,
            rows,
            rounded_rows,
        })
    }

    /// The heading of a column: the texts from the first heading row down to the last text in the
    /// column itself. A heading over several columns is printed in the leftmost.
    fn heading(&self, rows: std::ops::Range<u32>, column: u32) -> Option<Heading> {
        let leaf = rows
            .clone()
            .rev()
            .find(|row| self.printed(*row, column).is_some())?;
        let mut parts: Vec<String> = Vec::new();
        for row in rows.start..=leaf {
            parts.extend((0..=column).rev().find_map(|left| self.printed(row, left)));
        }
        Some(Heading::new(parts.iter().map(String::as_str)))
    }

    fn row(
        &self,
        authority: String,
        index: u32,
        columns: &[FigureColumn],
        last_column: u32,
    ) -> Result<AuthorityRow, HclicError> {
        for column in FIRST_FIGURE..=last_column {
            let has_heading = columns.iter().any(|known| known.index == column);
            if !has_heading && self.is_figure(index, column) {
                let location = format!("cell {}{}", column_name(column as usize), index + 1);
                return Err(self.error(&location, "the figure has no heading"));
            }
        }
        let cells = columns
            .iter()
            .map(|column| self.cell(index, column.index))
            .collect();
        Ok(AuthorityRow {
            authority,
            cells,
            index,
        })
    }

    fn is_figure(&self, row: u32, column: u32) -> bool {
        matches!(self.cell(row, column), CellValue::Number(_))
    }

    fn cell(&self, row: u32, column: u32) -> CellValue {
        CellValue::from_data(self.range.get_value((row, column)))
    }

    fn text(&self, row: u32, column: u32) -> Option<&str> {
        match self.range.get_value((row, column)) {
            Some(Data::String(text)) => Some(text.trim()),
            _ => None,
        }
    }

    /// The text of a heading's cell, which can also be a number such as 1.
    fn printed(&self, row: u32, column: u32) -> Option<String> {
        let shown = self.range.get_value((row, column))?.to_string();
        (!shown.trim().is_empty()).then_some(shown)
    }

    fn error(&self, location: &str, rule: &'static str) -> HclicError {
        HclicError::Location {
            file: self.file.to_owned(),
            location: format!("sheet `{}`, {location}", self.name),
            rule,
        }
    }
}
