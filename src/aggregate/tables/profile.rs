//! `profile`: when it happens, by weekday and hour of local time.
//!
//! Windows of 12 months have rows, and only where something was counted: most of the 168
//! hours of a week are empty.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::{CountRow, SeriesCounts, TableSet};
use crate::aggregate::state::current::Week;
use crate::aggregate::tables::column::{Column, ColumnPurpose, integer, number, specs};
use crate::aggregate::tables::shared_columns::{HOUR, WEEKDAY, key_and_count_columns};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};
use crate::reference::windows::{Family, Window};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "profile",
    kind: TableKind::Figures,
    question: Some("When in the week?"),
    rows: "Counts by weekday and hour, for windows of 12 months and those of windows.toml. An hour \
        without a row is 0.",
    columns: || specs(columns()),
    build,
};

/// Hours of a week.
const HOURS: f64 = 168.0;

struct ProfileDetail {
    week: Week,
    /// Records of the window whose weekday and hour are known.
    known: i64,
}

fn columns<'f>() -> Vec<Column<'f, CountRow<ProfileDetail>>> {
    let mut columns = key_and_count_columns();
    columns.extend([
        integer(
            ColumnPurpose::OwnKey,
            "weekday",
            WEEKDAY,
            |_, row: &CountRow<ProfileDetail>| row.detail.week.weekday().map(i64::from),
        ),
        integer(ColumnPurpose::OwnKey, "hour", HOUR, |_, row| {
            row.detail.week.hour().map(i64::from)
        }),
        number(
            ColumnPurpose::Measure,
            "times_mean",
            "Count / the mean of the 168 hours of a week; null where the hour is not known.",
            |_, row| {
                row.detail.week.hour()?;
                Some(row.count.exact()? as f64 * HOURS / row.detail.known as f64)
            },
        ),
    ]);
    columns
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    for series in set.split_series().filter(|series| !series.is_of_totals()) {
        write_series(&series, &mut writer)?;
    }
    writer.finish()
}

/// Whether a week is shown for a window: one of 12 months, or of the partnership's own.
fn is_profiled(window: &Window) -> bool {
    window.months == 12 || window.family == Family::Own
}

fn write_series(
    series: &SeriesCounts<'_>,
    writer: &mut TableWriter<'_, CountRow<ProfileDetail>>,
) -> Result<(), AggregateError> {
    let Some(months) = series.months() else {
        return Ok(());
    };
    let tally = series.tally(months, Week::END, &|fact| Some(fact.week.0.into()));
    for area in series.split_areas() {
        for (number, window) in series.windows().filter(|(_, window)| is_profiled(window)) {
            let (Some(range), Some(whole)) = (
                tally.range(window.first, window.months),
                series.count(area, window),
            ) else {
                continue;
            };
            let counts: Vec<(Week, i64)> = (0..Week::END)
                .map(|week| {
                    let count = tally.sum(area.index, 0, week, range.clone());
                    (Week(week as u8), count)
                })
                .filter(|(_, count)| *count > 0)
                .collect();
            let known = counts
                .iter()
                .filter(|(week, _)| week.hour().is_some())
                .map(|(_, count)| count)
                .sum();
            for (week, count) in counts {
                writer.push(CountRow {
                    key: series.row_key(area, number),
                    count: whole.part(count),
                    detail: ProfileDetail { week, known },
                })?;
            }
        }
    }
    Ok(())
}
