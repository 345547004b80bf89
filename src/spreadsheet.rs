//! Sheets of a spreadsheet with one table each: lines of text, a row of headings, and rows that screen
//! readers announce as a table. Nothing is merged, hidden or blank.
//!
//! A text is never a formula, and a spreadsheet never takes it for a number or a date: it stays what it
//! is, `008/01` too. In CSV, where a cell has no type, only formulas can be prevented.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::{Timestamp, civil, tz::TimeZone};
use rust_xlsxwriter::utility::column_number_to_name;
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, IgnoreError, Table, TableColumn as Heading, TableStyle,
    Workbook, Worksheet, XlsxError,
};

/// The index of the last column of a spreadsheet, XFD.
pub(crate) const COLUMN_MAX: u16 = 16_383;
/// The index of the last row of a spreadsheet.
pub(crate) const ROW_MAX: u32 = 1_048_575;
/// The most characters of a cell.
pub(crate) const CELL_CHARACTERS: usize = 32_767;
/// The most characters that every spreadsheet shows of a cell with the text format; some show `####`
/// for more.
const TEXT_FORMAT_CHARACTERS: usize = 255;
/// The least and the greatest width of a column, in characters.
const WIDTHS: (usize, usize) = (10, 60);

/// The symbol for a number that a partner's data cannot show.
pub(crate) const NOT_AVAILABLE: (&str, &str) = (
    "[x]",
    "not available: the data cannot show it, which is not 0",
);
/// The symbol for any other value that is missing.
pub(crate) const NOT_APPLICABLE: (&str, &str) = ("[z]", "does not apply");
/// The symbol for a number that a release hides.
pub(crate) const SUPPRESSED: (&str, &str) = (
    "[c]",
    "suppressed, to protect people; also where the number itself would not show anyone",
);

/// The symbol for a value that is missing, given the status of its count. A blank cell would
/// count as 0.
pub(crate) fn null_symbol(status: Option<&str>) -> &'static str {
    match status {
        Some("suppressed") => SUPPRESSED.0,
        Some("not_supplied") => NOT_AVAILABLE.0,
        _ => NOT_APPLICABLE.0,
    }
}

/// What a cell contains.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'c> {
    /// A text.
    Text(Cow<'c, str>),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A day.
    Date(civil::Date),
    /// A time, shown in UTC: a spreadsheet has no time zones.
    Time(Timestamp),
    /// The name of a sheet, as a link to it.
    SheetLink(&'c str),
}

impl<'c, T: Into<Cow<'c, str>>> From<T> for Cell<'c> {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl Cell<'_> {
    /// The number of characters that it is shown with.
    fn width(&self) -> usize {
        match self {
            Self::Text(text) => text.chars().count(),
            Self::SheetLink(name) => name.chars().count(),
            Self::Time(_) => "2017-04-01 00:00:00".len(),
            Self::Number(_) | Self::Boolean(_) | Self::Date(_) => WIDTHS.0,
        }
    }
}

/// An empty workbook. The only time in it is a day, so that equal contents give equal bytes.
pub(crate) fn workbook(title: &str, author: &str, day: civil::Date) -> Result<Workbook, XlsxError> {
    let mut workbook = Workbook::new();
    let properties = DocProperties::new()
        .set_title(title)
        .set_author(author)
        .set_creation_datetime(&excel_day(day)?);
    workbook.set_properties(&properties);
    Ok(workbook)
}

/// The day of an instant; without one, the first that every spreadsheet knows.
pub(crate) fn day_of(instant: Option<&str>) -> civil::Date {
    let day = instant.and_then(|instant| instant.get(..10)?.parse().ok());
    day.unwrap_or(civil::date(1980, 1, 1))
}

fn excel_day(day: civil::Date) -> Result<ExcelDateTime, XlsxError> {
    ExcelDateTime::from_ymd(day.year() as u16, day.month() as u8, day.day() as u8)
}

/// Writes the table of a sheet.
pub(crate) struct SheetWriter<'w> {
    sheet: &'w mut Worksheet,
    heading_row: u32,
    row: u32,
    /// The greatest width of a cell in each column.
    widths: Vec<usize>,
    text: Format,
    date: Format,
    time: Format,
}

impl<'w> SheetWriter<'w> {
    /// Writes the lines above the table; the first is the sheet's title.
    pub(crate) fn new(sheet: &'w mut Worksheet, lines: &[&str]) -> Result<Self, XlsxError> {
        let heading_row = lines.len() as u32;
        for (row, line) in (0..).zip(lines) {
            let format = Format::new();
            let format = if row == 0 { format.set_bold() } else { format };
            sheet.write_string_with_format(row, 0, *line, &format)?;
        }
        sheet.set_freeze_panes(heading_row + 1, 0)?;
        Ok(Self {
            sheet,
            heading_row,
            row: heading_row,
            widths: Vec::new(),
            text: Format::new().set_num_format("@"),
            date: Format::new().set_num_format("yyyy-mm-dd"),
            time: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
        })
    }

    /// Writes the next row.
    pub(crate) fn row<'c>(
        &mut self,
        cells: impl IntoIterator<Item = Cell<'c>>,
    ) -> Result<(), XlsxError> {
        self.row += 1;
        for (column, cell) in (0..).zip(cells) {
            if self.widths.len() <= usize::from(column) {
                self.widths.push(0);
            }
            let width = &mut self.widths[usize::from(column)];
            *width = cell.width().max(*width);
            self.cell((self.row, column), cell)?;
        }
        Ok(())
    }

    fn cell(&mut self, (row, column): (u32, u16), cell: Cell<'_>) -> Result<(), XlsxError> {
        let sheet = &mut *self.sheet;
        match cell {
            Cell::Text(text) if text.chars().count() > TEXT_FORMAT_CHARACTERS => {
                sheet.write_string(row, column, text)?
            }
            Cell::Text(text) => sheet.write_string_with_format(row, column, text, &self.text)?,
            Cell::Number(number) => sheet.write_number(row, column, number)?,
            Cell::Boolean(value) => sheet.write_boolean(row, column, value)?,
            Cell::Date(day) => {
                sheet.write_datetime_with_format(row, column, excel_day(day)?, &self.date)?
            }
            Cell::Time(time) => {
                let time = time.to_zoned(TimeZone::UTC);
                let (hour, minute, second) = (time.hour(), time.minute(), time.second());
                let excel = excel_day(time.date())?;
                let excel = excel.and_hms(hour as u16, minute as u8, f64::from(second))?;
                sheet.write_datetime_with_format(row, column, excel, &self.time)?
            }
            Cell::SheetLink(name) => {
                let link = format!("internal:'{name}'!A1");
                sheet.write_url_with_text(row, column, link.as_str(), name)?
            }
        };
        Ok(())
    }

    /// Writes the headings, and marks headings and rows as a table of that name.
    pub(crate) fn finish(self, name: &str, headings: &[String]) -> Result<(), XlsxError> {
        let last_column = headings.len().saturating_sub(1).min(COLUMN_MAX.into()) as u16;
        for (column, heading) in (0..=last_column).zip(headings) {
            let of_cells = self.widths.get(usize::from(column)).copied();
            let width = of_cells.unwrap_or(0).max(heading.chars().count());
            let width = width.clamp(WIDTHS.0, WIDTHS.1) as u32;
            self.sheet.set_column_width(column, width + 1)?;
        }
        let columns = unique(headings).into_iter();
        let columns: Vec<Heading> = columns
            .map(|heading| Heading::new().set_header(heading))
            .collect();
        let table = Table::new()
            .set_name(name)
            .set_columns(&columns)
            .set_style(TableStyle::None)
            .set_autofilter(false);
        let (first, last) = (self.heading_row, self.row.max(self.heading_row + 1));
        self.sheet.add_table(first, 0, last, last_column, &table)?;
        // A code of digits is a text on purpose.
        let kind = IgnoreError::NumberStoredAsText;
        self.sheet
            .ignore_error_range(first, 0, last, last_column, kind)?;
        Ok(())
    }
}

/// Headings that differ in any case of letters, as those of a table must.
fn unique(headings: &[String]) -> Vec<String> {
    let mut known = BTreeSet::new();
    let unique = headings.iter().map(|heading| {
        let mut unique: String = heading.chars().take(250).collect();
        while !known.insert(unique.to_lowercase()) {
            unique.push('\'');
        }
        unique
    });
    unique.collect()
}

/// A text as a cell of CSV: one that a spreadsheet would run as a formula begins with an apostrophe.
pub(crate) fn csv_text(text: &str) -> Cow<'_, str> {
    let is_digit = |character: char| character.is_ascii_digit() || character == '.';
    let is_formula = match text.chars().next() {
        Some('=' | '@' | '\t' | '\r') => true,
        Some('+' | '-') => !text[1..].chars().all(is_digit),
        _ => false,
    };
    if is_formula {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

/// The name of a column, such as AB, by its index from 0; beyond the last column of a spreadsheet, that
/// of the last.
pub(crate) fn column_name(index: usize) -> String {
    column_number_to_name(index.min(usize::from(COLUMN_MAX)) as u16)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader, Xlsx};

    use super::*;

    #[test]
    fn columns_are_named_as_in_a_spreadsheet() {
        assert_eq!(
            [0, 25, 26, 51, 52, 702].map(column_name),
            ["A", "Z", "AA", "AZ", "BA", "AAA"]
        );
        assert_eq!(column_name(usize::MAX), "XFD");
    }

    #[test]
    fn cells_are_read_back_as_what_they_are() {
        let day = civil::date(2017, 4, 1);
        let texts = [
            "008/01",
            "1-2",
            "007",
            "12345678901234567890",
            "=1+1",
            "+44",
            "-x",
            "@SUM(A1)",
        ];
        let mut workbook = workbook("title", "author", day).expect("a workbook");
        let sheet = workbook.add_worksheet();
        let mut writer = SheetWriter::new(sheet, &["title", "note"]).expect("lines");
        for text in texts {
            writer.row([Cell::from(text)]).expect("a row");
        }
        let time: Timestamp = "2017-04-01T13:14:15Z".parse().expect("a time");
        let others = [
            Cell::Number(1.5),
            Cell::Boolean(true),
            Cell::Date(day),
            Cell::Time(time),
        ];
        for cell in others {
            writer.row([cell]).expect("a row");
        }
        writer.finish("t", &["cell".to_owned()]).expect("a table");
        let bytes = workbook.save_to_buffer().expect("saved");
        let mut read: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
        let formulas = read.worksheet_formula("Sheet1").expect("a sheet");
        assert!(formulas.is_empty());
        let range = read.worksheet_range("Sheet1").expect("a sheet");
        let cells: Vec<&Data> = range.rows().skip(3).map(|row| &row[0]).collect();
        for (cell, text) in cells.iter().zip(texts) {
            assert_eq!(**cell, Data::String(text.to_owned()));
        }
        let others = &cells[texts.len()..];
        assert_eq!(
            (others[0], others[1]),
            (&Data::Float(1.5), &Data::Bool(true))
        );
        let shown: Vec<String> = others[2..]
            .iter()
            .map(|cell| match cell {
                Data::DateTime(time) => format!("{:?}", time.to_ymd_hms_milli()),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(
            shown,
            ["(2017, 4, 1, 0, 0, 0, 0)", "(2017, 4, 1, 13, 14, 15, 0)"]
        );
    }

    #[test]
    fn only_texts_that_would_run_as_formulas_are_changed_in_csv() {
        for text in ["", "008/01", "1-2", "-5", "-0.25", "+44", "crime", "a=b"] {
            assert_eq!(csv_text(text), text);
        }
        for text in [
            "=1+1",
            "@SUM(A1)",
            "+A1",
            "-2+cmd|' /C calc'!A0",
            "\t=1",
            "\r=1",
        ] {
            assert_eq!(csv_text(text), format!("'{text}"));
        }
    }
}
