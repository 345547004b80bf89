//! Writes the cells of a table as events.

use std::collections::HashSet;
use std::io::Write;

use xxhash_rust::xxh3::xxh3_128;

use super::summary::{HclicSummary, TableSummary};
use super::table::{AuthorityRow, CellValue, HclicTable, TableName};
use super::{HclicError, ReleaseRecords, SOURCE};
use crate::contract::count::{Count, CountStatus, Unit};
use crate::contract::parts::{Area, Level, Period, Quantity, Role, What};
use crate::contract::text::{Form, Text};
use crate::contract::{Data, Envelope, Event};
use crate::event::{Feed, Kind};
use crate::import::{Release, absent_from, digest, write_line};

/// What the figures of a column become.
enum ColumnUse {
    /// Counts of a category.
    Count {
        category: String,
        digest: String,
        unit: Unit,
    },
    /// A share or a rate.
    NotCount,
    /// The sum of other columns.
    SubTotal,
}

/// Writes the rows of a table as events.
pub(super) struct HclicTableWriter<'t> {
    table: &'t HclicTable<'t>,
    release: Release,
    period: Period,
    uses: Vec<ColumnUse>,
    /// The index of the column with the households that bound the other figures.
    base: Option<usize>,
    /// The records of this release, if the table is of the release before.
    now: Option<&'t ReleaseRecords<'t>>,
    pub(super) subjects: Vec<u128>,
    pub(super) written: TableSummary,
}

impl<'t> HclicTableWriter<'t> {
    pub(super) fn new(
        table: &'t HclicTable<'t>,
        release: Release,
        now: Option<&'t ReleaseRecords<'t>>,
    ) -> Result<Self, HclicError> {
        let HclicTable { quarter, name, .. } = *table;
        if (quarter.year, quarter.last) > (release.year, release.month) {
            return Err(heading_error(table, "the quarter ends after --release"));
        }
        let Some(period) = quarter.period() else {
            return Err(heading_error(table, "the quarter does not exist"));
        };
        let written = TableSummary {
            quarter,
            name,
            authorities: 0,
            exact: 0,
            suppressed: 0,
            not_supplied: 0,
        };
        let base = base_column(table);
        let (uses, subjects) = (column_uses(table, base)?, Vec::new());
        Ok(Self {
            table,
            release,
            period,
            uses,
            base,
            now,
            subjects,
            written,
        })
    }

    pub(super) fn write(
        &mut self,
        row: &AuthorityRow,
        summary: &mut HclicSummary,
        out: &mut impl Write,
    ) -> Result<(), HclicError> {
        let key = (self.table.quarter, self.table.name, row.authority.clone());
        if self.now.is_some_and(|now| !now.tables.contains_key(&key)) {
            return Ok(());
        }
        self.written.authorities += 1;
        for (i, cell) in row.cells.iter().enumerate() {
            match (&self.uses[i], cell) {
                (_, CellValue::Blank) => summary.blank += 1,
                (ColumnUse::NotCount, _) => summary.not_counts += 1,
                (ColumnUse::SubTotal, _) => summary.sub_totals += 1,
                (ColumnUse::Count { .. }, _) => self.write_cell(i, row, out)?,
            }
        }
        Ok(())
    }

    fn write_cell(
        &mut self,
        index: usize,
        row: &AuthorityRow,
        out: &mut impl Write,
    ) -> Result<(), HclicError> {
        let (table, column_use) = (self.table, &self.uses[index]);
        let ColumnUse::Count { digest, .. } = column_use else {
            return Ok(());
        };
        let cell_error = |rule| table.error(&table.columns[index], Some(row), rule);
        let figure = self.figure(index, row).map_err(cell_error)?;
        let subject = format!(
            "{}.{}{:02}.{}.{digest}",
            table.name, table.quarter.year, table.quarter.last, row.authority
        );
        let hash = xxh3_128(subject.as_bytes());
        if self.now.is_some_and(|now| now.subjects.contains(&hash)) {
            return Ok(());
        }
        self.subjects.push(hash);
        match figure.status {
            CountStatus::Suppressed => self.written.suppressed += 1,
            CountStatus::NotSupplied => self.written.not_supplied += 1,
            CountStatus::Exact | CountStatus::Rounded => self.written.exact += 1,
        }
        let id = format!("{subject}.{}", self.release.revision().0);
        let event = self
            .event(&id, &subject, column_use, &row.authority, &figure)
            .map_err(cell_error)?;
        write_line(&event, out).map_err(HclicError::Write)
    }

    fn event<'e>(
        &self,
        id: &'e str,
        subject: &'e str,
        column_use: &'e ColumnUse,
        authority: &'e str,
        figure: &CellFigure,
    ) -> Result<Event<'e>, &'static str> {
        let ColumnUse::Count { category, unit, .. } = column_use else {
            return Err("the column is not a count");
        };
        let what = What {
            list: contract_text(self.table.name.list())?,
            edition: contract_text(self.table.quarter.edition())?,
            category: contract_text(category)?,
            code: None,
        };
        let count = Count {
            what,
            area: Some(district(authority)?),
            period: self.period.clone(),
            unit: *unit,
            date_basis: None,
            provisional: None,
            age_band: None,
            sex: None,
            with_flag: None,
            status: figure.status,
            value: figure.value,
            at_least: figure.at_least,
            at_most: figure.at_most,
            cancellation: self.now.map(|_| absent_from(self.release)),
        };
        let envelope = Envelope {
            id: contract_text(id)?,
            source: contract_text(SOURCE)?,
            feed: Feed::Housing,
            kind: Kind::Count,
            subject: contract_text(subject)?,
            revision: self.release.revision(),
            time: self.release.time(),
            dataschema: None,
            extensions: Vec::new(),
        };
        let data = Data::Count(count);
        Ok(Event { envelope, data })
    }

    /// The figure of a cell. A withheld figure is between 0 and the households of the row; needs are
    /// at least one per household.
    fn figure(&self, i: usize, row: &AuthorityRow) -> Result<CellFigure, &'static str> {
        let nothing = CellFigure {
            status: CountStatus::NotSupplied,
            value: None,
            at_least: None,
            at_most: None,
        };
        match row.cells[i] {
            CellValue::Number(value) => Ok(CellFigure {
                status: CountStatus::Exact,
                value: Some(value),
                ..nothing
            }),
            CellValue::Suppressed => {
                let Some(CellValue::Number(base)) = self.base.map(|base| row.cells[base]) else {
                    return Err(
                        "the figure is withheld, and the row has no number of households to bound it",
                    );
                };
                let (at_least, at_most) = match &self.uses[i] {
                    ColumnUse::Count {
                        unit: Unit::Other, ..
                    } => (base, None),
                    _ => (Quantity(0), Some(base)),
                };
                Ok(CellFigure {
                    status: CountStatus::Suppressed,
                    at_least: Some(at_least),
                    at_most,
                    ..nothing
                })
            }
            CellValue::NotSupplied => Ok(nothing),
            CellValue::Blank | CellValue::Other => {
                Err("expected a whole number, `..`, `-` or blank")
            }
        }
    }
}

/// The figure of a cell as the contract states it.
struct CellFigure {
    status: CountStatus,
    value: Option<Quantity>,
    at_least: Option<Quantity>,
    at_most: Option<Quantity>,
}

/// The error for a table, at its first column.
fn heading_error(table: &HclicTable<'_>, rule: &'static str) -> HclicError {
    match table.columns.first() {
        Some(first) => table.error(first, None, rule),
        None => HclicError::Location {
            file: table.file.to_owned(),
            location: table.name.to_string(),
            rule: "no column has a heading",
        },
    }
}

/// The index of the column with the households of a table: the first, or in A3 the total of those
/// with needs.
fn base_column(table: &HclicTable<'_>) -> Option<usize> {
    match table.name {
        TableName::A3 => table
            .columns
            .iter()
            .position(|column| column.heading.is_total()),
        _ => Some(0),
    }
}

fn column_uses(table: &HclicTable<'_>, base: Option<usize>) -> Result<Vec<ColumnUse>, HclicError> {
    let mut categories = HashSet::new();
    let omits_sub_totals = table.name.list() == "hclic-reason";
    let mut uses = Vec::with_capacity(table.columns.len());
    for (index, column) in table.columns.iter().enumerate() {
        let heading = &column.heading;
        uses.push(if !heading.is_count() {
            ColumnUse::NotCount
        } else if omits_sub_totals && heading.is_total() && base != Some(index) {
            ColumnUse::SubTotal
        } else {
            let category = heading.category();
            if category.is_empty() {
                return Err(table.error(column, None, "the heading does not name a category"));
            }
            if !categories.insert(category.clone()) {
                let rule = "the heading repeats the category of another column";
                return Err(table.error(column, None, rule));
            }
            ColumnUse::Count {
                digest: digest([category.as_str()]),
                category,
                unit: if heading.is_number_of_needs() {
                    Unit::Other
                } else {
                    Unit::Households
                },
            }
        });
    }
    Ok(uses)
}

fn district(authority: &str) -> Result<Area<'_>, &'static str> {
    Ok(Area {
        code: contract_text(authority)?,
        level: Level::District,
        role: Role::Service,
        vintage: None,
        confidence: None,
        zone: None,
        place_token: None,
    })
}

/// A text that the contract allows.
fn contract_text<F: Form>(text: &str) -> Result<Text<'_, F>, &'static str> {
    Text::new(text).ok_or("the contract does not allow this heading or code")
}
