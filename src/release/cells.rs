//! The numbers of a release as exact tables have them: which cells there are, and what is known of
//! each.
//!
//! A release is dense: every listed series has a row in every area and window that the total of its
//! partner and kind has, also where the tables leave out a 0. So a missing row is never a 0.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::Array;
use arrow_schema::DataType;
use jiff::{ToSpan, civil};

use crate::aggregate::tables::{ColumnPurpose, ColumnSpec, TableBatch, TableValue, ValueType};
use crate::event::Month;
use crate::release::config::{Merge, ReleaseConfig, TableRequest};
use crate::release::figures::{self, FigureTable, SeriesOfTable, is_copied};
use crate::release::keys::{AreaRef, CellKey, Measure, SeriesRef};
use crate::release::rules::{DisclosureRules, Finest, RuleSubject, Safeguard};
use crate::release::{ExactTables, ReleaseError};

/// How much of a number is known to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The number.
    Exact(i64),
    /// Its bounds.
    Interval {
        /// The lower bound.
        min: i64,
        /// The upper bound, if there is one.
        max: Option<i64>,
    },
    /// Nothing that may be published.
    Missing,
}

/// A number of a release, before anything is hidden.
#[derive(Clone, Debug)]
pub(crate) struct ExactCell {
    pub(crate) known: Known,
    pub(crate) safeguard: Arc<Safeguard>,
    /// The count that it is a part of, if that is so small that the breakdown is hidden completely.
    pub(crate) base: Option<i64>,
}

/// The numbers of a release by their keys.
pub(crate) type ExactCells = BTreeMap<CellKey, ExactCell>;

/// What identifies a row of a table: its first count, and the baseline of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey {
    pub(crate) cell: CellKey,
    pub(crate) baseline: Option<String>,
}

/// The rows of a table, with the columns that may be copied; the others are null.
#[derive(Clone, Debug)]
pub(crate) struct FigureRows {
    pub(crate) table: &'static FigureTable,
    pub(crate) columns: Vec<ColumnSpec>,
    pub(crate) rows: BTreeMap<RowKey, Vec<TableValue>>,
}

/// What a release has of the exact tables.
#[derive(Debug, Default)]
pub(crate) struct ReadFigures {
    pub(crate) cells: ExactCells,
    pub(crate) tables: Vec<FigureRows>,
    /// The first and last month of each window.
    pub(crate) windows: BTreeMap<String, (Month, Month)>,
    /// How complete each partner's kind is, and whether any number of such months is exact.
    pub(crate) statuses: BTreeMap<[String; 3], bool>,
}

/// The first and last month of a window.
pub(crate) fn months(from: civil::Date, to: civil::Date) -> (Month, Month) {
    (Month::from_date(from), Month::from_date(to))
}

/// Reads the numbers of a release from exact tables.
pub(crate) fn read(
    config: &ReleaseConfig,
    rules: &DisclosureRules,
    tables: &ExactTables,
) -> Result<ReadFigures, ReleaseError> {
    let mut reader = CellReader::new(rules, tables);
    let counts = series_counts(config, tables);
    for request in &config.tables {
        let mut read = reader.rows(request.table, &|batch, row| {
            is_requested(request, batch, row)
        });
        if request.table.is_sparse {
            reader.fill(request, &mut read, &counts);
        }
        for merge in &config.merges {
            read.merge(merge);
        }
        reader.add(read);
    }
    if !reader.unprotected.is_empty() {
        let kinds: Vec<String> = reader.unprotected.into_iter().collect();
        return Err(ReleaseError::NoRule {
            of: kinds.join(", "),
        });
    }
    let mut figures = reader.figures;
    figures.leave_out_the_finest();
    let counts = merged_counts(counts, &config.merges);
    set_bases(&mut figures.cells, |key| counts.get(key).copied());
    if figures.cells.is_empty() {
        return Err(ReleaseError::Empty);
    }
    Ok(figures)
}

/// Notes for each cell the count that it is a part of, if the rule hides its breakdown completely.
pub(crate) fn set_bases(cells: &mut ExactCells, count: impl Fn(&CellKey) -> Option<Known>) {
    let bases: Vec<Option<i64>> = cells
        .iter()
        .map(|(key, cell)| {
            let base = cell.safeguard.base;
            let wholes = if base > 0 { key.wholes() } else { Vec::new() };
            let values = wholes.iter().filter_map(|whole| {
                let own = cells.get(whole).map(|cell| cell.known);
                match own.or_else(|| count(whole)) {
                    Some(Known::Exact(value)) => Some(value),
                    _ => None,
                }
            });
            values.filter(|value| (1..=base).contains(value)).min()
        })
        .collect();
    for (cell, base) in cells.values_mut().zip(bases) {
        cell.base = base;
    }
}

/// The counts of the series of the plan in every area and window that a release names.
fn series_counts(config: &ReleaseConfig, tables: &ExactTables) -> BTreeMap<CellKey, Known> {
    let of_requests = config.tables.iter().map(|request| request.table.wholes());
    let wholes: BTreeMap<&str, &FigureTable> = of_requests
        .chain([figures::totals()])
        .map(|table| (table.name, table))
        .collect();
    let mut counts = BTreeMap::new();
    for table in wholes.into_values() {
        for batch in tables.batches(table.name) {
            let schemes = batch.texts("scheme");
            for row in (0..batch.len()).filter(|row| schemes.is_null(*row)) {
                let mut requests = config.tables.iter();
                if requests.any(|request| is_place_requested(request, batch, row)) {
                    counts.insert(key_of(table, batch, row), known_of(batch, row));
                }
            }
        }
    }
    counts
}

/// The present numbers of some keys, in tables that have more than a release. A code that had no
/// records has no row: it is 0. A number that was merged before is the sum of its parts. Where a
/// table splits a number, all its parts are found, also those without a key here: without them the
/// others are not the whole.
pub(crate) fn find<'k>(
    keys: impl Iterator<Item = &'k CellKey>,
    merges: &[Merge],
    rules: &DisclosureRules,
    tables: &ExactTables,
) -> ExactCells {
    let keys: BTreeSet<&CellKey> = keys.collect();
    let total = |key: &CellKey| key.of_series(SeriesRef::named("total"));
    let mut wanted: BTreeSet<CellKey> = keys.iter().map(|key| (*key).clone()).collect();
    wanted.extend(keys.iter().map(|key| total(key)));
    for merge in merges {
        let sums = wanted.iter().filter(|key| merge.is_sum(key));
        let parts: Vec<CellKey> = sums.flat_map(|sum| merge.parts_of(sum)).collect();
        wanted.extend(parts);
    }
    let windows: BTreeSet<&str> = wanted.iter().map(|key| &*key.window).collect();
    let names: BTreeSet<&str> = wanted.iter().map(figures::table_with).collect();
    let is_of_any = |splits: &BTreeSet<CellKey>, key: &CellKey| {
        key.split().is_some_and(|split| splits.contains(&split))
    };
    let splits = wanted.iter().filter_map(CellKey::split).collect();
    let is_wanted = |key: &CellKey| wanted.contains(key) || is_of_any(&splits, key);
    let mut reader = CellReader::new(rules, tables);
    for table in names.into_iter().filter_map(figures::find) {
        let mut read = reader.rows(table, &|batch, row| {
            windows.contains(batch.texts("window_id").value(row))
                && cells_of(table, batch, row).any(|(key, _)| is_wanted(&key))
        });
        read.cells.retain(|key, _| is_wanted(key));
        reader.add(read);
    }
    let mut found = reader.figures.cells;
    for merge in merges {
        let mut sums = ExactCells::new();
        for (part, cell) in found.iter().filter(|(key, _)| merge.has(key)) {
            let sum = merge.merged(part);
            if is_wanted(&sum) && !found.contains_key(&sum) {
                let sum = sums.entry(sum);
                sum.and_modify(|sum| sum.known = add(sum.known, cell.known))
                    .or_insert_with(|| cell.clone());
            }
        }
        found.extend(sums);
    }
    for key in &keys {
        let is_sparse =
            figures::find(figures::table_with(key)).is_some_and(|table| table.is_sparse);
        let total = found.get(&total(key)).cloned();
        let total = total.filter(|total| is_sparse && matches!(total.known, Known::Exact(_)));
        if let Some(total) = total.filter(|_| !found.contains_key(*key)) {
            let none = ExactCell {
                known: Known::Exact(0),
                ..total
            };
            found.insert((*key).clone(), none);
        }
    }
    let asked = keys.iter().filter_map(|key| key.split()).collect();
    found.retain(|key, _| keys.contains(key) || is_of_any(&asked, key));
    found
}

impl ReadFigures {
    /// Leaves out the areas that are finer than the rules of their numbers allow.
    fn leave_out_the_finest(&mut self) {
        self.cells.retain(|key, cell| {
            Finest::from_level(&key.area.level).is_some_and(|level| level >= cell.safeguard.finest)
        });
        for table in &mut self.tables {
            table
                .rows
                .retain(|key, _| self.cells.contains_key(&key.cell));
        }
    }
}

/// The rows and numbers of one request.
struct TableRead {
    rows: FigureRows,
    cells: ExactCells,
}

struct CellReader<'r> {
    rules: &'r DisclosureRules,
    tables: &'r ExactTables,
    safeguards: BTreeMap<(String, String, SeriesRef, &'static str), Arc<Safeguard>>,
    /// Partners' kinds with a system that no rule matches.
    unprotected: BTreeSet<String>,
    figures: ReadFigures,
}

impl<'r> CellReader<'r> {
    fn new(rules: &'r DisclosureRules, tables: &'r ExactTables) -> Self {
        Self {
            rules,
            tables,
            safeguards: BTreeMap::new(),
            unprotected: BTreeSet::new(),
            figures: ReadFigures::default(),
        }
    }

    /// The rows of a table that are wanted, each with its numbers.
    fn rows(
        &mut self,
        table: &'static FigureTable,
        is_wanted: &dyn Fn(&TableBatch, usize) -> bool,
    ) -> TableRead {
        let tables = self.tables;
        let mut read = TableRead {
            rows: FigureRows {
                table,
                columns: table.columns(),
                rows: BTreeMap::new(),
            },
            cells: ExactCells::new(),
        };
        for batch in tables.batches(table.name) {
            let columns = copied_columns(&read.rows.columns, batch);
            for row in (0..batch.len()).filter(|row| is_wanted(batch, *row)) {
                let safeguard = self.safeguard(&key_of(table, batch, row), batch, row, table);
                let baseline = (table.name == "change")
                    .then(|| text(batch, "baseline", row))
                    .flatten();
                let mut of_row = None;
                for (key, known) in cells_of(table, batch, row) {
                    let cell = ExactCell {
                        known,
                        safeguard: safeguard.clone(),
                        base: None,
                    };
                    of_row.get_or_insert_with(|| key.clone());
                    read.cells.insert(key, cell);
                }
                self.note(batch, row);
                let values = columns.iter().map(|column| {
                    column.map_or(TableValue::Null, |(array, of)| {
                        TableValue::read(array, of, row)
                    })
                });
                let values = values.collect();
                if let Some(cell) = of_row {
                    read.rows.rows.insert(RowKey { cell, baseline }, values);
                }
            }
        }
        read
    }

    /// Notes the window of a row, and how complete it is.
    fn note(&mut self, batch: &TableBatch, row: usize) {
        let value = |column: &str| batch.texts(column).value(row);
        let window = value("window_id");
        if !self.figures.windows.contains_key(window) {
            let days = ["window_from", "window_to"].map(|column| date(batch, column, row));
            if let [Some(from), Some(to)] = days {
                let windows = &mut self.figures.windows;
                windows.insert(window.to_owned(), months(from, to));
            }
        }
        if value("area_level") == "all-received" {
            let status = ["partner", "kind", "data_status"].map(|column| value(column).to_owned());
            let is_exact = value("count_status") == "exact";
            *self.figures.statuses.entry(status).or_default() |= is_exact;
        }
    }

    /// Adds what was read. A number that several tables have is protected by the rules of all.
    fn add(&mut self, read: TableRead) {
        for (key, cell) in read.cells {
            match self.figures.cells.get_mut(&key) {
                Some(known) if known.safeguard.rules != cell.safeguard.rules => {
                    let ids = format!("{};{}", known.safeguard.rules, cell.safeguard.rules);
                    known.safeguard = Arc::new(self.rules.combined(&ids));
                }
                Some(_) => {}
                None => drop(self.figures.cells.insert(key, cell)),
            }
        }
        let mut tables = self.figures.tables.iter_mut();
        match tables.find(|own| own.table.name == read.rows.table.name) {
            Some(own) => own.rows.extend(read.rows.rows),
            None => self.figures.tables.push(read.rows),
        }
    }

    fn safeguard(
        &mut self,
        key: &CellKey,
        batch: &TableBatch,
        row: usize,
        table: &'static FigureTable,
    ) -> Arc<Safeguard> {
        let of = (
            key.partner.clone(),
            key.kind.clone(),
            key.series.clone(),
            table.name,
        );
        if let Some(known) = self.safeguards.get(&of) {
            return known.clone();
        }
        let feed = text(batch, "feed", row).unwrap_or_default();
        let subject = RuleSubject {
            partner: &key.partner,
            feed: &feed,
            kind: &key.kind,
            series_kind: &key.series.kind,
            series: &key.series.id,
            scheme: key.series.scheme.as_deref(),
            table: table.name,
        };
        let systems = self.tables.systems(&key.partner, &key.kind);
        let safeguard = self
            .rules
            .safeguard(&subject, systems)
            .unwrap_or_else(|system| {
                let of = format!("{}/{} (system {system})", key.partner, key.kind);
                self.unprotected.insert(of);
                Safeguard::default()
            });
        let safeguard = Arc::new(safeguard);
        self.safeguards.insert(of, safeguard.clone());
        safeguard
    }

    /// Adds the rows that tables leave out: each series and each key of the table's own has a row in
    /// every area and window. It is 0 where what it is a part of is exact; otherwise it is not supplied.
    fn fill(
        &mut self,
        request: &TableRequest,
        read: &mut TableRead,
        counts: &BTreeMap<CellKey, Known>,
    ) {
        let table = request.table;
        let mut kinds: BTreeMap<(String, String), FilledKind> = BTreeMap::new();
        for (key, values) in &read.rows.rows {
            let of = (key.cell.partner.clone(), key.cell.kind.clone());
            kinds.entry(of).or_default().add(&key.cell, values);
        }
        if table.name == "profile" {
            kinds.values_mut().for_each(FilledKind::add_every_hour);
        }
        let tables = self.tables;
        let wholes = table.wholes();
        for batch in tables.batches(wholes.name) {
            let series_kinds = batch.texts("series_kind");
            let totals = (0..batch.len()).filter(|row| series_kinds.value(*row) == "total");
            for row in totals.filter(|row| is_place_requested(request, batch, *row)) {
                let total = key_of(wholes, batch, row);
                let of = (total.partner.clone(), total.kind.clone());
                let Some(kind) = kinds.get(&of) else { continue };
                if !table.is_of_series() && !kind.has_area(&total.area) {
                    continue;
                }
                let is_of_total = matches!(known_of(batch, row), Known::Exact(_));
                for series in kind.series.keys() {
                    // How much of a feed a plan uses has rows for districts and larger areas.
                    let is_use_of_feed = matches!(&*series.kind, "mapped" | "unmapped");
                    if is_use_of_feed && total.area.level == "ward" {
                        continue;
                    }
                    let count = total.of_series(series.clone());
                    let is_zero = if table.is_of_series() {
                        is_of_total && series.is_code()
                    } else {
                        matches!(counts.get(&count), Some(Known::Exact(_)))
                    };
                    for measure in kind.measures.keys() {
                        let cell = count.with_measure(measure.clone());
                        let key = RowKey {
                            cell,
                            baseline: None,
                        };
                        if read.cells.contains_key(&key.cell) {
                            continue;
                        }
                        let safeguard = self.safeguard(&key.cell, batch, row, table);
                        let known = if is_zero {
                            Known::Exact(0)
                        } else {
                            Known::Missing
                        };
                        let cell = ExactCell {
                            known,
                            safeguard,
                            base: None,
                        };
                        read.cells.insert(key.cell.clone(), cell);
                        self.note(batch, row);
                        let values = kind.values(&read.rows, &key.cell, (batch, row), is_zero);
                        read.rows.rows.insert(key, values);
                    }
                }
            }
        }
    }
}

/// The series and keys of a partner's kind in a table, each with a row that has its labels.
#[derive(Default)]
struct FilledKind {
    series: BTreeMap<SeriesRef, Vec<TableValue>>,
    measures: BTreeMap<Measure, Vec<TableValue>>,
    tiers: BTreeSet<(String, Option<String>)>,
    /// Whether the table has the areas that collect the records of no area.
    has_collected: bool,
}

impl FilledKind {
    fn add(&mut self, key: &CellKey, values: &[TableValue]) {
        let CellKey {
            series,
            measure,
            area,
            ..
        } = key;
        if !self.series.contains_key(series) {
            self.series.insert(series.clone(), values.to_vec());
        }
        if !self.measures.contains_key(measure) {
            self.measures.insert(measure.clone(), values.to_vec());
        }
        self.tiers
            .insert((area.level.clone(), area.vintage.clone()));
        self.has_collected |= area.is_collected();
    }

    /// Adds every hour of a week.
    fn add_every_hour(&mut self) {
        let Some((of_any, values)) = self.measures.first_key_value() else {
            return;
        };
        let (of_any, values) = (of_any.clone(), values.clone());
        for weekday in 1..=7_u8 {
            for hour in 0..24_u8 {
                let mut measure = of_any.clone();
                measure.0[1] = Some(weekday.to_string());
                measure.0[2] = Some(hour.to_string());
                let known = self.measures.entry(measure);
                known.or_insert_with(|| values.clone());
            }
        }
    }

    fn has_area(&self, area: &AreaRef) -> bool {
        let tier = (area.level.clone(), area.vintage.clone());
        self.tiers.contains(&tier) && (self.has_collected || !area.is_collected())
    }

    /// The values of a row that a table leaves out, beside the row of the total.
    fn values(
        &self,
        rows: &FigureRows,
        key: &CellKey,
        (batch, row): (&TableBatch, usize),
        is_zero: bool,
    ) -> Vec<TableValue> {
        let (of_series, of_measure) = (&self.series[&key.series], &self.measures[&key.measure]);
        let mut own_keys = key.measure.0.iter().skip(1);
        let values = (0..).zip(&rows.columns).map(|(index, column): (usize, _)| {
            match (column.role, column.name) {
                (ColumnPurpose::SeriesKey, _) | (_, "series_label" | "edition") => {
                    of_series[index].clone()
                }
                (ColumnPurpose::OwnKey, _) => {
                    let own = own_keys.next().and_then(|own| own.as_deref());
                    TableValue::from_key(own, column.value_type)
                }
                (_, "outcome_label") => of_measure[index].clone(),
                (_, "count_reason") if is_zero => TableValue::Null,
                (_, "count_reason") => match text(batch, "count_reason", row) {
                    Some(reason) => TableValue::Text(reason),
                    None => TableValue::Text("cannot_show".to_owned()),
                },
                _ if !is_copied(column) => TableValue::Null,
                _ if batch.has(column.name) => batch.value(column.name, column.value_type, row),
                _ => of_measure[index].clone(),
            }
        });
        values.collect()
    }
}

/// The numbers of a row.
fn cells_of<'b>(
    table: &'static FigureTable,
    batch: &'b TableBatch,
    row: usize,
) -> impl Iterator<Item = (CellKey, Known)> + 'b {
    let key = key_of(table, batch, row);
    let split = table.split.iter().map(|name| split_key(batch, name, row));
    let split: Vec<Option<String>> = split.collect();
    let known = known_of(batch, row);
    table.counts.iter().enumerate().map(move |(index, count)| {
        let known = match known {
            _ if index == 0 => known,
            Known::Exact(_) => {
                integer(batch, count.column, row).map_or(Known::Missing, Known::Exact)
            }
            _ => Known::Missing,
        };
        let measure = table.measure(split.clone(), count);
        (key.with_measure(measure), known)
    })
}

/// A key of a table's own; hours and days of the week are numbers.
fn split_key(batch: &TableBatch, column: &str, row: usize) -> Option<String> {
    match batch.array(column).data_type() {
        DataType::Int64 => integer(batch, column, row).map(|number| number.to_string()),
        _ => text(batch, column, row),
    }
}

/// The columns of a part of a table, in the order of a released one; none = it is not copied.
fn copied_columns<'b>(
    columns: &[ColumnSpec],
    batch: &'b TableBatch,
) -> Vec<Option<(&'b dyn Array, ValueType)>> {
    let columns = columns.iter().map(|column| {
        let is_there = batch.has(column.name) && is_copied(column);
        is_there.then(|| (batch.array(column.name), column.value_type))
    });
    columns.collect()
}

fn is_requested(request: &TableRequest, batch: &TableBatch, row: usize) -> bool {
    if !is_place_requested(request, batch, row) {
        return false;
    }
    if request.table.series == SeriesOfTable::TotalOnly {
        return true;
    }
    let scheme = text(batch, "scheme", row);
    let kind = batch.texts("series_kind").value(row);
    let mut wanted = request.series.iter();
    wanted.any(|own| own.has(kind, scheme.as_deref()))
}

/// Whether the kind, area and window of a row are requested.
fn is_place_requested(request: &TableRequest, batch: &TableBatch, row: usize) -> bool {
    let value = |column: &str| batch.texts(column).value(row);
    let window = value("window_id");
    if !request.windows.iter().any(|own| own.id == window) {
        return false;
    }
    let is_kind =
        request.kinds.is_empty() || request.kinds.iter().any(|kind| kind == value("kind"));
    let Some(level) = Finest::from_level(value("area_level")) else {
        return false;
    };
    let vintage = text(batch, "area_vintage", row);
    let is_level = |wanted: &crate::release::config::ReleasedLevel| {
        wanted.level == level
            && match (level, wanted.only.as_deref()) {
                (Finest::Ward, edition) => vintage.as_deref() == edition,
                (_, Some(set)) => value("area_code") == set,
                (_, None) => true,
            }
    };
    is_kind && request.levels.iter().any(is_level)
}

fn key_of(table: &FigureTable, batch: &TableBatch, row: usize) -> CellKey {
    let value = |column: &str| batch.texts(column).value(row).to_owned();
    let series = if table.series == SeriesOfTable::TotalOnly {
        SeriesRef::named("total")
    } else {
        SeriesRef {
            kind: value("series_kind"),
            id: value("series"),
            scheme: text(batch, "scheme", row),
        }
    };
    CellKey {
        partner: value("partner"),
        kind: value("kind"),
        series,
        measure: Measure::default(),
        area: AreaRef {
            level: value("area_level"),
            vintage: text(batch, "area_vintage", row),
            role: text(batch, "area_role", row),
            code: value("area_code"),
        },
        window: value("window_id"),
    }
}

fn known_of(batch: &TableBatch, row: usize) -> Known {
    let (min, max) = (
        integer(batch, "count_min", row).unwrap_or_default(),
        integer(batch, "count_max", row),
    );
    match batch.texts("count_status").value(row) {
        "exact" => Known::Exact(min),
        "interval" => Known::Interval { min, max },
        _ => Known::Missing,
    }
}

/// The text of a row; none = null.
pub(crate) fn text(batch: &TableBatch, column: &str, row: usize) -> Option<String> {
    let texts = batch.texts(column);
    texts.is_valid(row).then(|| texts.value(row).to_owned())
}

fn integer(batch: &TableBatch, column: &str, row: usize) -> Option<i64> {
    let numbers = batch.integers(column);
    numbers.is_valid(row).then(|| numbers.value(row))
}

fn date(batch: &TableBatch, column: &str, row: usize) -> Option<civil::Date> {
    let dates = batch.dates(column);
    let day = |days: i32| civil::date(1970, 1, 1).saturating_add(days.days());
    dates.is_valid(row).then(|| day(dates.value(row)))
}

/// Counts, with the sums of those that are published as one.
fn merged_counts(
    mut counts: BTreeMap<CellKey, Known>,
    merges: &[Merge],
) -> BTreeMap<CellKey, Known> {
    for merge in merges {
        let parts = counts.extract_if(.., |key, _| merge.has(key));
        for (part, known) in parts.collect::<Vec<_>>() {
            let sum = counts.entry(merge.merged(&part));
            sum.and_modify(|sum| *sum = add(*sum, known))
                .or_insert(known);
        }
    }
    counts
}

impl TableRead {
    /// Replaces the rows of codes or areas by those of their sum.
    fn merge(&mut self, merge: &Merge) {
        let parts = self.cells.extract_if(.., |key, _| merge.has(key));
        for (part, cell) in parts.collect::<Vec<_>>() {
            let sum = self.cells.entry(merge.merged(&part));
            sum.and_modify(|sum| sum.known = add(sum.known, cell.known))
                .or_insert(cell);
        }
        let FigureRows { columns, rows, .. } = &mut self.rows;
        let parts = rows.extract_if(.., |key, _| merge.has(&key.cell));
        for (part, values) in parts.collect::<Vec<_>>() {
            let key = RowKey {
                cell: merge.merged(&part.cell),
                baseline: part.baseline,
            };
            let row = rows.entry(key);
            row.and_modify(|row| merge.join(columns, row, &values))
                .or_insert_with(|| merge.first(columns, values.clone()));
        }
    }
}

fn add(a: Known, b: Known) -> Known {
    let bounds = |known| match known {
        Known::Exact(count) => Some((count, Some(count))),
        Known::Interval { min, max } => Some((min, max)),
        Known::Missing => None,
    };
    let Some(((min, max), (more_min, more_max))) = bounds(a).zip(bounds(b)) else {
        return Known::Missing;
    };
    let (min, max) = (min + more_min, max.zip(more_max).map(|(a, b)| a + b));
    if max == Some(min) {
        Known::Exact(min)
    } else {
        Known::Interval { min, max }
    }
}
