//! The numbers of a release as exact tables have them: which cells there are, and what is known of
//! each.
//!
//! A release is dense: every listed series has a row in every area and window that the total of its
//! partner and kind has, also where the tables leave out a 0. So a missing row is never a 0.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::Array;
use jiff::{ToSpan, civil};

use crate::aggregate::tables::TableBatch;
use crate::event::Month;
use crate::release::config::{CodeMerge, ReleaseConfig, TableRequest};
use crate::release::rules::{DisclosureRules, Finest, RuleSubject, Safeguard};
use crate::release::{ExactTables, ReleaseError};

/// A series by its keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeriesRef {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) scheme: Option<String>,
}

impl SeriesRef {
    /// A series of the plan or a total, whose id is also its kind.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            kind: name.to_owned(),
            id: name.to_owned(),
            scheme: None,
        }
    }

    /// Whether it is a code, which has rows only where something was counted.
    pub(crate) fn is_code(&self) -> bool {
        self.scheme.is_some()
    }
}

/// An area by its keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AreaRef {
    pub(crate) level: String,
    pub(crate) vintage: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) code: String,
}

/// A part of a series by a factor: with it, without it, or unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FactorPart {
    pub(crate) factor: String,
    /// `with`, `without` or `unknown`.
    pub(crate) part: String,
}

/// What identifies a number. A number that is in two tables is one cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellKey {
    pub(crate) partner: String,
    pub(crate) kind: String,
    pub(crate) series: SeriesRef,
    pub(crate) factor: Option<FactorPart>,
    pub(crate) area: AreaRef,
    pub(crate) window: String,
}

impl CellKey {
    /// The cell of another series in the same area and window.
    pub(crate) fn of_series(&self, series: SeriesRef) -> Self {
        Self {
            series,
            factor: None,
            ..self.clone()
        }
    }

    /// Its keys in words, for messages: no number.
    pub(crate) fn text(&self) -> String {
        let factor = self.factor.as_ref();
        let factor = factor.map_or_else(String::new, |own| format!(" {} {}", own.part, own.factor));
        let series = format!("{}{factor}", self.series.id);
        format!(
            "{}/{} {series}, {} {}, {}",
            self.partner, self.kind, self.area.level, self.area.code, self.window
        )
    }
}

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

/// What a row shows beside its count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    pub(crate) series: String,
    pub(crate) partner: String,
    pub(crate) feed: String,
    pub(crate) kind: String,
    pub(crate) unit: Option<String>,
    pub(crate) area: String,
    pub(crate) window: String,
    pub(crate) window_from: civil::Date,
    pub(crate) window_to: civil::Date,
    pub(crate) data_status: String,
    pub(crate) population: Option<i64>,
    pub(crate) population_unit: Option<String>,
    pub(crate) population_date: Option<civil::Date>,
    /// The areas that it is ranked among; none = it has no rank.
    pub(crate) rank_set: Option<String>,
}

/// A number of a release, before anything is hidden.
#[derive(Clone, Debug)]
pub(crate) struct ExactCell {
    pub(crate) known: Known,
    pub(crate) safeguard: Arc<Safeguard>,
    pub(crate) labels: Labels,
}

/// The numbers of a release by their keys, and the table of each.
pub(crate) type ExactCells = BTreeMap<CellKey, ExactCell>;

/// The series of a partner's kind, each with its labels and how it is protected.
type SeriesOfKind = BTreeMap<SeriesRef, (Labels, Arc<Safeguard>)>;

/// The first and last month of a window.
pub(crate) fn months(from: civil::Date, to: civil::Date) -> (Month, Month) {
    (Month::from_date(from), Month::from_date(to))
}

/// Reads the numbers of a release from exact tables.
pub(crate) fn read(
    config: &ReleaseConfig,
    rules: &DisclosureRules,
    tables: &ExactTables,
) -> Result<ExactCells, ReleaseError> {
    let mut reader = CellReader {
        rules,
        tables,
        safeguards: BTreeMap::new(),
        unprotected: BTreeSet::new(),
        cells: BTreeMap::new(),
    };
    for request in &config.tables {
        let mut cells = reader.rows(request);
        for merge in &config.merges {
            merge_codes(&mut cells, merge);
        }
        reader.fill(request, &mut cells);
        cells.retain(|key, cell| {
            Finest::from_level(&key.area.level).is_some_and(|level| level >= cell.safeguard.finest)
        });
        reader.cells.extend(cells);
    }
    if !reader.unprotected.is_empty() {
        let kinds: Vec<String> = reader.unprotected.into_iter().collect();
        return Err(ReleaseError::NoRule {
            of: kinds.join(", "),
        });
    }
    if reader.cells.is_empty() {
        return Err(ReleaseError::Empty);
    }
    Ok(reader.cells)
}

/// The present numbers of some keys, in tables that have more than a release. A code that had no records
/// has no row: it is 0.
pub(crate) fn find<'k>(
    keys: impl Iterator<Item = &'k CellKey>,
    rules: &DisclosureRules,
    tables: &ExactTables,
) -> ExactCells {
    let keys: BTreeSet<&CellKey> = keys.collect();
    let mut reader = CellReader {
        rules,
        tables,
        safeguards: BTreeMap::new(),
        unprotected: BTreeSet::new(),
        cells: BTreeMap::new(),
    };
    let mut found = ExactCells::new();
    if keys.is_empty() {
        return found;
    }
    for table in crate::release::rules::TABLES {
        found.extend(reader.cells_where(table, |batch, row| {
            // Of a factor, any part may be among the keys.
            let mut key = key_of(batch, row);
            if table == "window_totals" {
                return keys.contains(&key);
            }
            key.factor = Some(FactorPart {
                factor: text(batch, "factor", row).unwrap_or_default(),
                part: "with".to_owned(),
            });
            keys.contains(&key)
        }));
    }
    found
}

struct CellReader<'r> {
    rules: &'r DisclosureRules,
    tables: &'r ExactTables,
    safeguards: BTreeMap<(String, String, SeriesRef, String), Arc<Safeguard>>,
    /// Partners' kinds with a system that no rule matches.
    unprotected: BTreeSet<String>,
    cells: ExactCells,
}

impl CellReader<'_> {
    /// The rows of a table that a request names, each with its number.
    fn rows(&mut self, request: &TableRequest) -> ExactCells {
        self.cells_where(&request.table, |batch, row| {
            is_requested(request, batch, row)
        })
    }

    fn cells_where(
        &mut self,
        table: &str,
        is_wanted: impl Fn(&TableBatch, usize) -> bool,
    ) -> ExactCells {
        let tables = self.tables;
        let mut cells = ExactCells::new();
        for batch in tables.batches(table) {
            for row in (0..batch.len()).filter(|row| is_wanted(batch, *row)) {
                let key = key_of(batch, row);
                let safeguard = self.safeguard(&key, batch, row, table);
                let labels = labels_of(batch, row, table);
                let known = known_of(batch, row);
                let mut add = |factor, known| {
                    let key = CellKey {
                        factor,
                        ..key.clone()
                    };
                    let cell = ExactCell {
                        known,
                        safeguard: safeguard.clone(),
                        labels: labels.clone(),
                    };
                    cells.insert(key, cell);
                };
                if table != "factors" {
                    add(None, known);
                    continue;
                }
                let part = |part: &str| {
                    Some(FactorPart {
                        factor: text(batch, "factor", row).unwrap_or_default(),
                        part: part.to_owned(),
                    })
                };
                let number = |column: &str| match known {
                    Known::Exact(_) => {
                        integer(batch, column, row).map_or(Known::Missing, Known::Exact)
                    }
                    _ => Known::Missing,
                };
                add(part("with"), known);
                add(part("without"), number("count_without"));
                add(part("unknown"), number("count_unknown"));
            }
        }
        cells
    }

    fn safeguard(
        &mut self,
        key: &CellKey,
        batch: &TableBatch,
        row: usize,
        table: &str,
    ) -> Arc<Safeguard> {
        let of = (
            key.partner.clone(),
            key.kind.clone(),
            key.series.clone(),
            table.to_owned(),
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
            table,
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

    /// Adds the cells that tables leave out: a series without a row is 0 where the total is exact and
    /// its partner can show the series; otherwise it is not supplied.
    fn fill(&mut self, request: &TableRequest, cells: &mut ExactCells) {
        if request.table != "window_totals" {
            return;
        }
        let mut series: BTreeMap<(String, String), SeriesOfKind> = BTreeMap::new();
        for (key, cell) in cells.iter() {
            let own = (cell.labels.clone(), cell.safeguard.clone());
            series
                .entry((key.partner.clone(), key.kind.clone()))
                .or_default()
                .entry(key.series.clone())
                .or_insert(own);
        }
        for (total, of_total) in self.totals(request) {
            let own = series.get(&(total.partner.clone(), total.kind.clone()));
            for (series, (labels, safeguard)) in own.into_iter().flatten() {
                // How much of a feed a plan uses has rows for districts and larger areas.
                let is_use_of_feed = matches!(&*series.kind, "mapped" | "unmapped");
                if is_use_of_feed && total.area.level == "ward" {
                    continue;
                }
                let known = match of_total.known {
                    Known::Exact(_) if series.is_code() => Known::Exact(0),
                    _ => Known::Missing,
                };
                cells
                    .entry(total.of_series(series.clone()))
                    .or_insert_with(|| ExactCell {
                        known,
                        safeguard: safeguard.clone(),
                        labels: Labels {
                            series: labels.series.clone(),
                            ..of_total.labels.clone()
                        },
                    });
            }
        }
    }

    /// The totals in the areas and windows of a request.
    fn totals(&self, request: &TableRequest) -> Vec<(CellKey, ExactCell)> {
        let mut totals = Vec::new();
        for batch in self.tables.batches(&request.table) {
            let kinds = batch.texts("series_kind");
            let rows = (0..batch.len()).filter(|row| kinds.value(*row) == "total");
            for row in rows.filter(|row| is_place_requested(request, batch, *row)) {
                let cell = ExactCell {
                    known: known_of(batch, row),
                    safeguard: Arc::default(),
                    labels: labels_of(batch, row, &request.table),
                };
                totals.push((key_of(batch, row), cell));
            }
        }
        totals
    }
}

fn is_requested(request: &TableRequest, batch: &TableBatch, row: usize) -> bool {
    let scheme = text(batch, "scheme", row);
    request.series.contains(&scheme) && is_place_requested(request, batch, row)
}

/// Whether the kind, area and window of a row are requested.
fn is_place_requested(request: &TableRequest, batch: &TableBatch, row: usize) -> bool {
    let value = |column: &str| batch.texts(column).value(row);
    let is_kind =
        request.kinds.is_empty() || request.kinds.iter().any(|kind| kind == value("kind"));
    let window = value("window_id");
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
    is_kind
        && request.windows.iter().any(|own| own.id == window)
        && request.levels.iter().any(is_level)
}

fn key_of(batch: &TableBatch, row: usize) -> CellKey {
    let value = |column: &str| batch.texts(column).value(row).to_owned();
    CellKey {
        partner: value("partner"),
        kind: value("kind"),
        series: SeriesRef {
            kind: value("series_kind"),
            id: value("series"),
            scheme: text(batch, "scheme", row),
        },
        factor: None,
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

fn labels_of(batch: &TableBatch, row: usize, table: &str) -> Labels {
    let value = |column: &str| batch.texts(column).value(row).to_owned();
    let mut labels = Labels {
        series: value("series_label"),
        partner: value("partner_name"),
        feed: value("feed"),
        kind: value("kind_label"),
        unit: text(batch, "unit", row),
        area: value("area_name"),
        window: value("window_label"),
        window_from: date(batch, "window_from", row).unwrap_or_default(),
        window_to: date(batch, "window_to", row).unwrap_or_default(),
        data_status: value("data_status"),
        ..Labels::default()
    };
    if table == "window_totals" {
        labels.population = integer(batch, "population", row);
        labels.population_unit = text(batch, "population_unit", row);
        labels.population_date = date(batch, "population_date", row);
        labels.rank_set = text(batch, "rank_set", row);
    }
    labels
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

/// Replaces codes by one that has their sum.
fn merge_codes(cells: &mut ExactCells, merge: &CodeMerge) {
    let is_part = |key: &CellKey| {
        merge.kinds.contains(&key.kind)
            && key.series.scheme.as_ref() == Some(&merge.scheme)
            && merge.codes.contains(&key.series.id)
    };
    let parts: Vec<CellKey> = cells.keys().filter(|key| is_part(key)).cloned().collect();
    for part in parts {
        let Some(cell) = cells.remove(&part) else {
            continue;
        };
        let mut key = part;
        key.series.id.clone_from(&merge.code);
        if let Some(sum) = cells.get_mut(&key) {
            sum.known = add(sum.known, cell.known);
        } else {
            let mut sum = cell;
            sum.labels.series.clone_from(&merge.label);
            cells.insert(key, sum);
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
