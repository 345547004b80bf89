//! The briefing of a plan on the screen: each priority and theme, the year against the year before,
//! with the verdict and the months.
//!
//! Every figure and verdict is a table's; here they are only selected and put in words. Counts of
//! different partners and kinds are never added. This file reads the tables, `screen` writes the
//! text.

mod months;
mod screen;

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use arrow_array::Array;
use jiff::{ToSpan, civil};
use tokio::runtime::Handle;

use crate::aggregate::tables::{self, TableBatch};
use crate::event::Month;
use crate::reference::plan::Plan;
use crate::storage::Store;

pub(super) use months::MonthStyle;

/// What the tables contain about the plan's area in the year of the briefing.
pub(super) struct Briefing {
    area: String,
    /// The year's first month.
    first: Month,
    figures: Vec<Figure>,
    /// What changed at each break.
    breaks: BTreeMap<String, String>,
}

/// A row of `briefing`, with its months.
struct Figure {
    series: String,
    partner: String,
    kind: String,
    count: Count,
    /// `None` = the two years are not compared.
    comparison: Option<Comparison>,
    /// Why the count is not exact.
    reason: Option<String>,
    months: BTreeMap<Month, MonthFigure>,
    signals: Vec<Signal>,
}

struct Comparison {
    base: Count,
    difference_pct: Option<f64>,
    verdict: String,
    /// Why the two years cannot be compared, and the months that prevent it.
    why_not: Vec<String>,
    why_months: Vec<Month>,
    breaks: Vec<String>,
}

/// A count as tables state it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    NotSupplied,
    Exact(i64),
    /// Within bounds; `None` = no upper bound.
    Between(i64, Option<i64>),
}

impl Count {
    /// What it is at least.
    fn min(self) -> i64 {
        match self {
            Self::NotSupplied => 0,
            Self::Exact(min) | Self::Between(min, _) => min,
        }
    }
}

/// A row of `priority_monthly`.
struct MonthFigure {
    count: Count,
    /// The partner sent far fewer or far more records than usual.
    is_suspect: bool,
    /// The partner sent nothing.
    is_missing: bool,
}

/// A month outside the limits of its control chart (`spc`).
struct Signal {
    month: Month,
    is_above: bool,
    count: i64,
    lower: f64,
    upper: f64,
}

/// Series, partner and kind.
type FigureKey = [String; 3];

/// Path of a table under the root.
pub(super) fn table_path(plan: &Plan, table: &str) -> String {
    format!("aggregates/{}/{table}.parquet", plan.id)
}

impl Briefing {
    pub(super) fn read(store: &Store, plan: &Plan, runtime: &Handle) -> anyhow::Result<Self> {
        let read = |name: &str| -> anyhow::Result<Vec<TableBatch>> {
            let path = table_path(plan, name);
            let bytes = runtime.block_on(store.read(&path))?;
            let bytes = bytes.with_context(|| format!("cannot find `{path}`"))?;
            let table = tables::find(name).with_context(|| format!("no table `{name}`"))?;
            Ok(table.read(bytes)?)
        };
        let mut months = read_months(&read("priority_monthly")?);
        let mut signals = read_signals(&read("spc")?);
        let (mut year, mut figures) = (None, Vec::new());
        for batch in &read("briefing")? {
            for row in plan_area_rows(batch) {
                let first = month_from(batch, row);
                let area = batch.texts("area_name").value(row).to_owned();
                year = Some((area, first));
                let key = figure_key(batch, row);
                let mut figure = Figure::read(batch, row);
                let is_in_year = |month: Month| (0..12).contains(&month.minus(first));
                figure.months = months.remove(&key).unwrap_or_default();
                figure.months.retain(|month, _| is_in_year(*month));
                figure.signals = signals.remove(&key).unwrap_or_default();
                figure.signals.retain(|signal| is_in_year(signal.month));
                figures.push(figure);
            }
        }
        let (area, first) = year.context("`briefing` has no row of the plan's area")?;
        let breaks = read_breaks(&read("breaks")?);
        Ok(Self {
            area,
            first,
            figures,
            breaks,
        })
    }
}

impl Figure {
    /// A row of `briefing`, without its months.
    fn read(batch: &TableBatch, row: usize) -> Self {
        let text = |column| optional_text(batch, row, column);
        let list = |column| -> Vec<String> {
            let parts = text(column).unwrap_or_default();
            let parts = parts.split(';').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        let comparison = text("verdict").map(|verdict| {
            let pct = batch.numbers("difference_pct");
            let months = list("why_months").into_iter();
            Comparison {
                base: count(batch, row, "base"),
                difference_pct: pct.is_valid(row).then(|| pct.value(row)),
                verdict,
                why_not: list("why_not"),
                why_months: months.filter_map(|month| month.parse().ok()).collect(),
                breaks: list("breaks"),
            }
        });
        Self {
            series: text("series").unwrap_or_default(),
            partner: text("partner_name").unwrap_or_default(),
            kind: text("kind_label").unwrap_or_default(),
            count: count(batch, row, "count"),
            comparison,
            reason: text("count_reason"),
            months: BTreeMap::new(),
            signals: Vec::new(),
        }
    }
}

fn read_months(batches: &[TableBatch]) -> HashMap<FigureKey, BTreeMap<Month, MonthFigure>> {
    let mut months: HashMap<_, BTreeMap<_, _>> = HashMap::new();
    for batch in batches {
        for row in plan_area_rows(batch) {
            let reason = optional_text(batch, row, "count_reason");
            let figure = MonthFigure {
                count: count(batch, row, "count"),
                is_suspect: batch.texts("data_status").value(row) == "suspect",
                is_missing: reason.is_some_and(|reason| reason == "not_received"),
            };
            let own = months.entry(figure_key(batch, row)).or_default();
            own.insert(month_from(batch, row), figure);
        }
    }
    months
}

fn read_signals(batches: &[TableBatch]) -> HashMap<FigureKey, Vec<Signal>> {
    let mut signals: HashMap<_, Vec<_>> = HashMap::new();
    for batch in batches {
        let [windows, names] = ["window_id", "signal"].map(|column| batch.texts(column));
        for row in plan_area_rows(batch) {
            let is_above = names.value(row) == "above";
            let is_outside = is_above || names.value(row) == "below";
            if !is_outside || !windows.value(row).starts_with("month:") {
                continue;
            }
            let own = signals.entry(figure_key(batch, row)).or_default();
            own.push(Signal {
                month: month_from(batch, row),
                is_above,
                count: batch.integers("count_value").value(row),
                lower: batch.numbers("lower").value(row),
                upper: batch.numbers("upper").value(row),
            });
        }
    }
    signals
}

fn read_breaks(batches: &[TableBatch]) -> BTreeMap<String, String> {
    let rows = batches.iter().flat_map(|batch| {
        let [ids, texts] = ["break_id", "text"].map(|column| batch.texts(column));
        (0..batch.len()).map(|row| (ids.value(row).to_owned(), texts.value(row).to_owned()))
    });
    rows.collect()
}

/// The rows of the plan's own area.
fn plan_area_rows(batch: &TableBatch) -> impl Iterator<Item = usize> {
    let is_plan_area = batch.booleans("is_plan_area");
    (0..batch.len()).filter(|row| is_plan_area.value(*row))
}

fn figure_key(batch: &TableBatch, row: usize) -> FigureKey {
    ["series", "partner", "kind"].map(|column| batch.texts(column).value(row).to_owned())
}

/// The first month of a row's window.
fn month_from(batch: &TableBatch, row: usize) -> Month {
    let days = batch.dates("window_from").value(row);
    Month::from_date(civil::date(1970, 1, 1).saturating_add(days.days()))
}

fn optional_text(batch: &TableBatch, row: usize, column: &str) -> Option<String> {
    let texts = batch.texts(column);
    texts.is_valid(row).then(|| texts.value(row).to_owned())
}

/// The count of the columns `<name>_min`, `<name>_max` and `<name>_status`.
fn count(batch: &TableBatch, row: usize, name: &str) -> Count {
    let min = batch.integers(&format!("{name}_min")).value(row);
    let max = batch.integers(&format!("{name}_max"));
    let max = max.is_valid(row).then(|| max.value(row));
    match batch.texts(&format!("{name}_status")).value(row) {
        "not_supplied" => Count::NotSupplied,
        "exact" => Count::Exact(min),
        _ => Count::Between(min, max),
    }
}
