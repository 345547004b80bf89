//! The rows of a plan's folder that one document needs, kept in memory, and the answers to
//! [questions](crate::assess::query) about them.
//!
//! Only rows of the document's window, of areas that it shows, are kept: every question names them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use tokio::runtime::Handle;

use crate::aggregate::INVENTED_FILE;
use crate::aggregate::tables::{self, FolderTables, TableBatch, TableSpec, TableValue, ValueType};
use crate::assess::AssessError;
use crate::assess::query::{ColumnName, Condition, Expression, Listing, Selection};
use crate::file_format;
use crate::release::MANIFEST;
use crate::storage::Store;

/// The tables whose rows of the window are kept, and no others.
const OF_WINDOW: [&str; 8] = [
    "change",
    "composition",
    "factors",
    "outcomes",
    "profile",
    "repeats",
    "revisions",
    "window_totals",
];
/// The tables whose rows are all kept.
const COMPLETE: [&str; 9] = [
    "areas",
    "breaks",
    "feed_quality",
    "lineage",
    "partner_kinds",
    "place_of_safety",
    "priorities",
    "reconciliation",
    "windows",
];

/// A table's rows.
#[derive(Debug, Default)]
struct Rows {
    columns: BTreeMap<&'static str, usize>,
    rows: Vec<Vec<TableValue>>,
}

/// Which tables a document is written from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TablesFolder {
    /// The folder in the store.
    pub(crate) path: String,
    /// Whether it is a release, which lacks the tables and columns that may not be published.
    pub(crate) is_release: bool,
}

/// The rows of all tables.
#[derive(Debug)]
pub(crate) struct Facts {
    tables: BTreeMap<&'static str, Rows>,
    /// What the folder was built from: the receipt of the tables, or the manifest of the release.
    pub(crate) provenance: serde_json::Value,
    /// Whether a demo wrote the store.
    pub(crate) is_demo: bool,
}

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FactRow<'f> {
    table: &'f Rows,
    values: &'f [TableValue],
}

impl<'f> FactRow<'f> {
    /// The value of a column.
    pub(crate) fn get(self, column: ColumnName) -> &'f TableValue {
        &self.values[self.table.index(column)]
    }

    /// Whether it meets a condition.
    pub(crate) fn meets(self, condition: &Condition) -> bool {
        let mut alternatives = condition.alternatives().iter();
        alternatives.any(|one| one.matches(self.get(one.column())))
    }

    /// The text of a column; empty if there is none.
    pub(crate) fn text(self, column: ColumnName) -> &'f str {
        self.get(column).text().unwrap_or_default()
    }

    /// The whole number of a column.
    pub(crate) fn integer(self, column: ColumnName) -> Option<i64> {
        self.get(column).integer()
    }

    /// The number of a column.
    pub(crate) fn number(self, column: ColumnName) -> Option<f64> {
        self.get(column).number()
    }

    /// The day of a column.
    pub(crate) fn date(self, column: ColumnName) -> Option<civil::Date> {
        self.get(column).date()
    }
}

impl Rows {
    fn index(&self, column: ColumnName) -> usize {
        let index = self.columns.get(column);
        *index.unwrap_or_else(|| panic!("no table has a column `{column}` like this"))
    }
}

impl Facts {
    /// Reads the tables of a folder.
    pub(crate) fn load(
        store: &Store,
        folder: &TablesFolder,
        window: &str,
        runtime: &Handle,
    ) -> Result<Self, AssessError> {
        let is_release = folder.is_release;
        let files = FolderTables {
            store,
            runtime,
            folder: folder.path.clone(),
        };
        let provenance = if is_release {
            let manifest = files.json(MANIFEST, file_format::RELEASE)?;
            manifest.ok_or_else(|| AssessError::NoRelease {
                folder: folder.path.clone(),
                root: store.root().to_owned(),
            })?
        } else {
            files.receipt()?
        };
        let mut facts = Self {
            tables: BTreeMap::new(),
            provenance,
            is_demo: runtime.block_on(store.read(INVENTED_FILE))?.is_some(),
        };
        for name in OF_WINDOW.into_iter().chain(COMPLETE).chain(["spc"]) {
            let table = tables::find(name).expect("the catalogue has the table");
            let batches = if is_release {
                let batches = files.read_with(table, TableSpec::read_released)?;
                batches.unwrap_or_default()
            } else {
                files.read(table)?
            };
            facts.add(table, &batches, window);
        }
        Ok(facts)
    }

    /// The id of the newest window of 12 months that ends with any month.
    pub(crate) fn newest_year(
        store: &Store,
        folder: &str,
        runtime: &Handle,
    ) -> Result<Option<String>, AssessError> {
        let folder = FolderTables {
            store,
            runtime,
            folder: folder.to_owned(),
        };
        let table = tables::find("windows").expect("the catalogue has the table");
        let batches = folder.read_with(table, TableSpec::read)?;
        let batches = batches.ok_or_else(|| folder.no_tables())?;
        let ids = batches.iter().flat_map(|batch| batch.texts("window_id"));
        let years = ids.flatten().filter(|id| id.starts_with("r12:"));
        Ok(years.max().map(str::to_owned))
    }

    fn add(&mut self, table: &'static TableSpec, batches: &[TableBatch], window: &str) {
        let columns = table.columns();
        let mut kept = Rows {
            columns: (0..).zip(&columns).map(|(i, c)| (c.name, i)).collect(),
            rows: Vec::new(),
        };
        for batch in batches {
            for row in kept_rows(table.name, batch, window) {
                let values = columns
                    .iter()
                    .map(|column| value(batch, column.name, column.value_type, row));
                kept.rows.push(values.collect());
            }
        }
        self.tables.insert(table.name, kept);
    }

    /// The rows that a selection selects, in the order of the table.
    pub(crate) fn rows(&self, selection: &Selection) -> Vec<FactRow<'_>> {
        let table = &self.tables[selection.table];
        let index = |condition: &'_ Condition| table.index(condition.column());
        let conditions: Vec<Vec<(usize, &Condition)>> = selection
            .conditions
            .iter()
            .map(|condition| condition.alternatives().iter())
            .map(|alternatives| alternatives.map(|one| (index(one), one)).collect())
            .collect();
        let rows = table.rows.iter().filter(|row| {
            conditions.iter().all(|alternatives| {
                let mut alternatives = alternatives.iter();
                alternatives.any(|(index, condition)| condition.matches(&row[*index]))
            })
        });
        rows.map(|values| FactRow { table, values }).collect()
    }

    /// The first row of a selection.
    pub(crate) fn row(&self, selection: &Selection) -> Option<FactRow<'_>> {
        self.rows(selection).into_iter().next()
    }

    /// The value of an expression over the rows of a selection; none if the expression is about one
    /// row, and there are several.
    pub(crate) fn value(&self, selection: &Selection, expression: &Expression) -> TableValue {
        let rows = self.rows(selection);
        if expression.is_of_one_row() && rows.len() > 1 {
            return TableValue::Null;
        }
        evaluate(expression, &rows)
    }

    /// The rows of a listing, each with its values.
    pub(crate) fn list(&self, listing: &Listing) -> Vec<Vec<TableValue>> {
        let mut rows = self.rows(&listing.rows);
        rows.sort_by(|a, b| {
            let orders = listing.order.iter().map(|(column, descending)| {
                let (a, b) = (a.get(column), b.get(column));
                match (a.is_null(), b.is_null()) {
                    (false, false) if *descending => b.order(a),
                    _ => a.order(b),
                }
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
        let groups: Vec<Vec<FactRow<'_>>> = if listing.group.is_empty() {
            rows.into_iter().map(|row| vec![row]).collect()
        } else {
            let same = |a: &FactRow<'_>, b: &FactRow<'_>| {
                listing
                    .group
                    .iter()
                    .all(|column| a.get(column) == b.get(column))
            };
            rows.chunk_by(same).map(<[_]>::to_vec).collect()
        };
        let groups = groups.iter().take(listing.limit.unwrap_or(usize::MAX));
        groups
            .map(|group| {
                let values = listing.columns.iter();
                values.map(|(_, value)| evaluate(value, group)).collect()
            })
            .collect()
    }
}

/// The rows that may be needed: those of the window, without the smallest areas.
fn kept_rows(table: &str, batch: &TableBatch, window: &str) -> Vec<usize> {
    let rows = 0..batch.len();
    if table == "spc" {
        let kinds = batch.texts("series_kind");
        let is_of_plan = |row: &usize| matches!(kinds.value(*row), "total" | "priority" | "theme");
        return rows.filter(is_of_plan).collect();
    }
    if !OF_WINDOW.contains(&table) {
        return rows.collect();
    }
    let (windows, levels) = (batch.texts("window_id"), batch.texts("area_level"));
    rows.filter(|row| windows.value(*row) == window && levels.value(*row) != "lsoa")
        .collect()
}

/// A value; a column that a release leaves out has none.
fn value(batch: &TableBatch, column: &str, value_type: ValueType, row: usize) -> TableValue {
    if batch.has(column) {
        batch.value(column, value_type, row)
    } else {
        TableValue::Null
    }
}

fn evaluate(expression: &Expression, rows: &[FactRow<'_>]) -> TableValue {
    let only = |column| {
        debug_assert!(
            rows.len() < 2,
            "`{column}` of one row, not of {}",
            rows.len()
        );
        rows.first()
            .map_or(TableValue::Null, |row| row.get(column).clone())
    };
    let percent = |part: f64, whole: f64| {
        if whole == 0.0 {
            TableValue::Null
        } else {
            TableValue::Number(100.0 * part / whole)
        }
    };
    match expression {
        Expression::Column(column) if rows.len() > 1 => rows[0].get(column).clone(),
        Expression::Column(column) => only(column),
        Expression::TimesHundred(column) => {
            only(column).number().map_or(TableValue::Null, |number| {
                TableValue::Number(100.0 * number)
            })
        }
        Expression::Percent(part, whole) => {
            let sum = |columns: &[ColumnName]| {
                let numbers = columns.iter().map(|column| only(column).number());
                numbers.sum::<Option<f64>>()
            };
            match (sum(part), sum(whole)) {
                (Some(part), Some(whole)) => percent(part, whole),
                _ => TableValue::Null,
            }
        }
        Expression::Plus(columns) => {
            let numbers = columns.iter().map(|column| only(column).integer());
            let sum = numbers.sum::<Option<i64>>();
            sum.map_or(TableValue::Null, TableValue::Integer)
        }
        Expression::Rows => TableValue::Integer(rows.len() as i64),
        Expression::CountDistinct(column) => {
            let values = rows.iter().filter_map(|row| row.get(column).text());
            TableValue::Integer(values.collect::<BTreeSet<&str>>().len() as i64)
        }
        Expression::CountWhere(condition) => {
            let rows = rows.iter().filter(|row| row.meets(condition));
            TableValue::Integer(rows.count() as i64)
        }
        Expression::Sum(column) => {
            TableValue::Integer(rows.iter().filter_map(|r| r.integer(column)).sum())
        }
        Expression::SumWhere(column, condition) => {
            let rows = rows.iter().filter(|row| row.meets(condition));
            TableValue::Integer(rows.filter_map(|row| row.integer(column)).sum())
        }
        Expression::Share(column, condition) => {
            let sum = |all: bool| -> i64 {
                let rows = rows.iter().filter(|row| all || row.meets(condition));
                rows.filter_map(|row| row.integer(column)).sum()
            };
            percent(sum(false) as f64, sum(true) as f64)
        }
    }
}
