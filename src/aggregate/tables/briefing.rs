//! `briefing`: the plan's area and its wards on one page: the year against the year before, with
//! verdicts. It has the rows to begin with; `change` has all of them.
//!
//! `briefing.csv` beside it has the same rows in words, for spreadsheets.

use std::cmp::Reverse;

use bytes::Bytes;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::areas::AreaKey;
use crate::aggregate::figures::series::SeriesKey;
use crate::aggregate::figures::table_set::{CountRow, TableSet};
use crate::aggregate::state::bounded_count::CountReason;
use crate::aggregate::tables::change::{
    AreaChanges, Baseline, ChangeDetail, ComparedRow, MonthFaults, base_columns, difference_columns,
};
use crate::aggregate::tables::column::{Column, specs};
use crate::aggregate::tables::labels::{area_name, series_label};
use crate::aggregate::tables::shared_columns::key_and_count_columns;
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::geography::Level;
use crate::reference::plan::Plan;
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "briefing",
    kind: TableKind::Figures,
    question: Some("Where to begin: the year against the year before, in the plan's area?"),
    rows: "The plan's area and its wards, for the last complete year of the plan, with verdicts; \
        totals, priorities and themes. `briefing.csv` has the same for spreadsheets.",
    columns: || specs(columns()),
    build,
};

type BriefingRow = CountRow<Option<ChangeDetail>>;

fn columns<'f>() -> Vec<Column<'f, BriefingRow>> {
    let mut columns = key_and_count_columns();
    columns.extend(base_columns());
    columns.extend(difference_columns());
    columns
}

/// The index of the year of the briefing: of the windows of 12 months that have ended, the last one
/// inside the plan's years, or else the last one.
fn year(set: &TableSet<'_>) -> Option<u32> {
    let windows = &set.figures.windows;
    let months = windows.iter().filter(|window| window.is_month());
    let last = months.map(Window::last).max()?;
    let plan = set.only_plan();
    let years = (0_u32..).zip(windows);
    let years = years.filter(|(_, window)| window.months == 12 && window.last() <= last);
    let year = years.max_by_key(|(_, window)| {
        let is_of_plan = plan
            .is_some_and(|plan| window.from() >= plan.valid_from && window.to() <= plan.valid_to);
        (is_of_plan, window.last(), Reverse(&window.id))
    });
    year.map(|(index, _)| index)
}

/// Whether an area that is compared is in the briefing: the plan's, or one of its wards.
fn is_briefed(set: &TableSet<'_>, area: &AreaKey) -> bool {
    let scope = &set.figures.scope;
    area.code == scope.area() || area.level == Level::Ward.as_str()
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    write_rows(&TABLE, set, columns(), rows(set))
}

fn rows(set: &TableSet<'_>) -> Vec<BriefingRow> {
    let (mut rows, mut faults) = (Vec::new(), MonthFaults::new(set.figures));
    let year = year(set);
    for series in set.plan_series() {
        let Some((number, window)) = series.windows().find(|(number, _)| Some(*number) == year)
        else {
            continue;
        };
        for area in series
            .compared_areas()
            .filter(|area| is_briefed(set, area.key))
        {
            let Some(count) = series.count(area, window) else {
                continue;
            };
            let mut changes = AreaChanges::new(&series, area, &mut faults);
            rows.push(CountRow {
                key: series.row_key(area, number),
                count,
                detail: changes.detail(count, (number, window), Baseline::YearBefore),
            });
        }
    }
    rows
}

/// The rows in words, as CSV for spreadsheets.
pub(crate) fn csv(set: &TableSet<'_>) -> Result<Bytes, AggregateError> {
    // Spreadsheets read a file as UTF-8 only if it begins with a byte order mark.
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record([
        "area",
        "role",
        "series",
        "partner",
        "kind",
        "window",
        "count",
        "year before",
        "difference",
        "difference %",
        "verdict",
        "why not comparable or not exact",
    ])?;
    let keys: Vec<_> = set.series_keys().collect();
    let mut rows = rows(set);
    // The plan's area first: what a reader looks for.
    rows.sort_by_key(|row| {
        let area = &set.figures.areas.sorted[row.key.area as usize];
        area.code != set.figures.scope.area()
    });
    for row in rows {
        let (plan, series) = keys[row.key.series as usize];
        writer.write_record(fields(set, &row, plan, series))?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error);
    Ok(bytes.map_err(csv::Error::from)?.into())
}

fn fields(
    set: &TableSet<'_>,
    row: &BriefingRow,
    plan: Option<&Plan>,
    series: &SeriesKey,
) -> [String; 12] {
    let figures = set.figures;
    let reference = figures.settings.reference;
    let kind = &figures.current.partner_kinds[row.key.kind as usize];
    let area = &figures.areas.sorted[row.key.area as usize];
    let detail = row.detail.as_ref();
    // A difference that is not a change is left out, as spreadsheets are sorted by it.
    let is_change = detail.is_some_and(|detail| detail.why_not().is_none());
    let number = |number: Option<f64>, decimals| {
        number.map_or_else(String::new, |number| format!("{number:.decimals$}"))
    };
    [
        area_name(&reference.geography, area).to_owned(),
        area.role.clone().unwrap_or_default(),
        series_label(reference, plan, series),
        reference.partners.label(&kind.partner).to_owned(),
        reference.partners.kind_label(&kind.kind),
        figures.windows[row.key.window as usize].label(),
        row.count.status().in_words(row.count.min, row.count.max()),
        detail.map_or_else(String::new, ChangeDetail::base_in_words),
        number(row.difference().filter(|_| is_change), 0),
        number(row.difference_pct().filter(|_| is_change), 1),
        detail.map_or_else(String::new, ChangeDetail::verdict_in_words),
        why(row, kind.is_count()),
    ]
}

/// Why a count is not exact, and why it cannot be compared.
fn why(row: &BriefingRow, is_of_totals: bool) -> String {
    let count = row.count.reason(is_of_totals).map(CountReason::as_str);
    let change = row.detail.as_ref().and_then(ChangeDetail::why_not);
    let reasons: Vec<String> = count.map(str::to_owned).into_iter().chain(change).collect();
    reasons.join("; ").replace('_', " ")
}
