//! Reads tables from a long CSV file: one line per cell of one authority.

use std::fs::File;
use std::path::Path;

use super::HclicError;
use super::heading::Heading;
use super::quarter::Quarter;
use super::table::{AuthorityRow, CellValue, FigureColumn, HclicTable, TableName};

/// The header of the long CSV.
const HEADER: [&str; 5] = ["quarter_end", "table", "col", "measure", "value"];

/// A line of the file.
struct LongLine {
    number: u64,
    quarter: Quarter,
    name: TableName,
    index: u32,
    heading: Heading,
    cell: CellValue,
}

/// Calls `each` with each table: consecutive lines of one quarter and table.
pub(super) fn each_quarter<'f>(
    file: &'f Path,
    authority: Option<&str>,
    mut each: impl FnMut(HclicTable<'f>) -> Result<(), HclicError>,
) -> Result<(), HclicError> {
    let authority = authority.ok_or_else(|| HclicError::NoAuthority {
        file: file.to_owned(),
    })?;
    let csv_error = |source| HclicError::Csv {
        file: file.to_owned(),
        source,
    };
    let opened = File::open(file).map_err(|source| HclicError::Read {
        file: file.to_owned(),
        source,
    })?;
    let mut reader = csv::Reader::from_reader(opened);
    if *reader.headers().map_err(csv_error)? != HEADER[..] {
        let rule = "the header must be `quarter_end,table,col,measure,value`";
        return Err(HclicError::Location {
            file: file.to_owned(),
            location: "line 1".to_owned(),
            rule,
        });
    }
    let mut open: Option<HclicTable<'f>> = None;
    for record in reader.records() {
        let Some(line) = parse_line(file, &record.map_err(csv_error)?)? else {
            continue;
        };
        if let Some(complete) =
            open.take_if(|table| (table.quarter, table.name) != (line.quarter, line.name))
        {
            each(complete)?;
        }
        open.get_or_insert_with(|| empty_table(file, authority, &line))
            .push(line);
    }
    open.map_or(Ok(()), each)
}

fn empty_table<'f>(file: &'f Path, authority: &str, line: &LongLine) -> HclicTable<'f> {
    let row = AuthorityRow {
        authority: authority.to_owned(),
        cells: Vec::new(),
        index: 0,
    };
    let (name, quarter) = (line.name, line.quarter);
    HclicTable {
        file,
        sheet: None,
        name,
        quarter,
        columns: Vec::new(),
        rows: vec![row],
        rounded_rows: 0,
    }
}

impl HclicTable<'_> {
    fn push(&mut self, line: LongLine) {
        self.columns.push(FigureColumn {
            heading: line.heading,
            index: line.index,
            line: line.number,
        });
        self.rows[0].cells.push(line.cell);
    }
}

/// Reads a line; none if its table is not imported.
fn parse_line(file: &Path, record: &csv::StringRecord) -> Result<Option<LongLine>, HclicError> {
    let Ok(name) = record[1].parse() else {
        return Ok(None);
    };
    let number = record.position().map_or(0, csv::Position::line);
    let line_error = |rule| HclicError::Location {
        file: file.to_owned(),
        location: format!("line {number}"),
        rule,
    };
    let quarter = Quarter::from_digits(&record[0])
        .ok_or_else(|| line_error("`quarter_end` must be the last month of a quarter, yyyymm"))?;
    let index = record[2]
        .parse()
        .map_err(|_| line_error("`col` must be the number of a column, from 0"))?;
    let heading = Heading::new(record[3].split(" > "));
    Ok(Some(LongLine {
        number,
        quarter,
        name,
        index,
        heading,
        cell: CellValue::from_text(&record[4]),
    }))
}
