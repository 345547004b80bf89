//! `spc`: a chart of individual values and moving ranges (`XmR`), month by month and quarter by
//! quarter, with new limits after each break.
//!
//! Limits are the mean and 2.66 mean moving ranges on either side (Wheeler, Understanding
//! Variation, 1993: 2.66 = 3 / 1.128), over every point of the segment that is exact and final, at
//! least 12 of them. They are never narrower than those of a Poisson count with the same mean, so
//! that a small count is not a signal by chance; a mean below 5 has no limits.

use std::cmp::Ordering;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::areas::{ALL_RECEIVED, AreaKey};
use crate::aggregate::figures::status::DataStatus;
use crate::aggregate::figures::table_set::{CountRow, CountedArea, SeriesCounts, TableSet};
use crate::aggregate::state::bounded_count::BoundedCount;
use crate::aggregate::tables::column::{Column, ColumnPurpose, integer, number, one_of, specs};
use crate::aggregate::tables::shared_columns::key_and_count_columns;
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "spc",
    kind: TableKind::Figures,
    question: Some("Spike, trend or noise?"),
    rows: "Control charts (XmR) of months and quarters, with new limits after each break.",
    columns: || specs(columns()),
    build,
};

/// Mean moving ranges from the centre to a limit.
const RANGES: f64 = 2.66;
/// The fewest points that give limits.
const POINTS_MIN: usize = 12;
/// The least mean that has limits: below it, no count of 0 could be a signal.
const CENTRE_MIN: f64 = 5.0;
/// The number of points in a row on one side of the centre that are a run.
const RUN: usize = 8;

/// What a point signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    None,
    Above,
    Below,
    Run,
    Insufficient,
    Excluded,
}

impl Signal {
    const NAMES: [&'static str; 6] = ["none", "above", "below", "run", "insufficient", "excluded"];
}

/// The limits of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ControlLimits {
    centre: f64,
    /// Standard deviation of a point, by the moving ranges.
    sigma: f64,
    lower: f64,
    upper: f64,
}

impl ControlLimits {
    /// The limits of values in the order of time; none = too few values, or too low.
    fn new(values: &[f64]) -> Option<Self> {
        let centre = values.iter().sum::<f64>() / values.len() as f64;
        if values.len() < POINTS_MIN || centre < CENTRE_MIN {
            return None;
        }
        let ranges = values.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        let spread = RANGES * ranges.sum::<f64>() / (values.len() - 1) as f64;
        let (poisson_lower, poisson_upper) = poisson_limits(centre);
        Some(Self {
            centre,
            sigma: spread / 3.0,
            lower: (centre - spread).min(poisson_lower).max(0.0),
            upper: (centre + spread).max(poisson_upper),
        })
    }
}

/// The limits that a Poisson count with a mean exceeds about once in 740 on either side, as a normal
/// value exceeds three standard deviations. By the first correction of Cornish and Fisher (Review of
/// the International Statistical Institute 5, 1938): mean ± 3 √mean + (3² - 1) / 6.
fn poisson_limits(mean: f64) -> (f64, f64) {
    let (spread, skew) = (3.0 * mean.sqrt(), 4.0 / 3.0);
    (mean - spread + skew, mean + spread + skew)
}

/// A point of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChartPoint {
    /// The number of its segment, from 1.
    segment: usize,
    /// The number of points that give the segment's limits.
    pub(crate) points: usize,
    limits: Option<ControlLimits>,
    signal: Signal,
}

impl ChartPoint {
    /// The standard deviation of a point of its segment, if it has limits.
    pub(crate) fn sigma(&self) -> Option<f64> {
        self.limits.map(|limits| limits.sigma)
    }

    /// The centre of its segment, if it has limits.
    pub(crate) fn centre(&self) -> Option<f64> {
        self.limits.map(|limits| limits.centre)
    }

    /// The lower limit, if there are limits.
    pub(crate) fn lower(&self) -> Option<f64> {
        self.limits.map(|limits| limits.lower)
    }

    /// The upper limit, if there are limits.
    pub(crate) fn upper(&self) -> Option<f64> {
        self.limits.map(|limits| limits.upper)
    }

    /// What it signals, as the table names it.
    pub(crate) fn signal(&self) -> &'static str {
        Signal::NAMES[self.signal as usize]
    }
}

/// A chart of values in the order of time, each with its segment; none = not exact or not final.
pub(crate) fn chart(values: &[(usize, Option<i64>)]) -> Vec<ChartPoint> {
    let mut points = Vec::with_capacity(values.len());
    for segment in values.chunk_by(|a, b| a.0 == b.0) {
        let included: Vec<f64> = segment
            .iter()
            .filter_map(|(_, value)| value.map(|value| value as f64))
            .collect();
        let limits = ControlLimits::new(&included);
        let mut run = SideRun::default();
        points.extend(segment.iter().map(|(number, value)| ChartPoint {
            segment: *number,
            points: included.len(),
            limits,
            signal: match (value, limits) {
                (None, _) => Signal::Excluded,
                (Some(_), None) => Signal::Insufficient,
                (Some(value), Some(limits)) => run.signal(*value as f64, limits),
            },
        }));
    }
    points
}

/// Points in a row on one side of the centre.
struct SideRun {
    side: Ordering,
    length: usize,
}

impl Default for SideRun {
    fn default() -> Self {
        Self {
            side: Ordering::Equal,
            length: 0,
        }
    }
}

impl SideRun {
    fn signal(&mut self, value: f64, limits: ControlLimits) -> Signal {
        let side = value.partial_cmp(&limits.centre).unwrap_or(Ordering::Equal);
        self.length = match side {
            Ordering::Equal => 0,
            _ if side == self.side => self.length + 1,
            _ => 1,
        };
        self.side = side;
        match value {
            _ if value > limits.upper => Signal::Above,
            _ if value < limits.lower => Signal::Below,
            _ if self.length == RUN => Signal::Run,
            _ => Signal::None,
        }
    }
}

/// The count of a window, as a point of a chart.
pub(super) struct ChartedWindow {
    pub(super) window: u32,
    count: BoundedCount,
    pub(super) point: ChartPoint,
}

/// The charts of a series in an area: of its months, then of its quarters, each in the order of
/// time.
pub(super) fn charts(series: &SeriesCounts<'_>, area: CountedArea<'_>) -> Vec<ChartedWindow> {
    let mut charts = charted_windows(series, area, Window::is_month);
    charts.extend(charted_windows(series, area, Window::is_quarter));
    charts
}

fn charted_windows(
    series: &SeriesCounts<'_>,
    area: CountedArea<'_>,
    is_charted: fn(&Window) -> bool,
) -> Vec<ChartedWindow> {
    let mut counted: Vec<(u32, &Window, BoundedCount)> = series
        .windows()
        .filter(|(_, window)| is_charted(window))
        .filter_map(|(number, window)| Some((number, window, series.count(area, window)?)))
        .collect();
    counted.sort_by_key(|(_, window, _)| window.first);
    let values: Vec<(usize, Option<i64>)> = counted
        .iter()
        .map(|(_, window, count)| {
            let value = count.exact().filter(|_| is_final(series, area, window));
            (series.segment(window, area.key), value)
        })
        .collect();
    let points = chart(&values);
    counted
        .into_iter()
        .zip(points)
        .map(|((window, _, count), point)| ChartedWindow {
            window,
            count,
            point,
        })
        .collect()
}

fn is_final(series: &SeriesCounts<'_>, area: CountedArea<'_>, window: &Window) -> bool {
    series.status(area, window.first, window.months) == DataStatus::Final
}

/// Whether an area has charts.
pub(super) fn is_charted(area: &AreaKey) -> bool {
    matches!(&*area.level, ALL_RECEIVED | "district" | "set")
        && (!area.is_pseudo() || area.level == ALL_RECEIVED)
}

fn columns<'f>() -> Vec<Column<'f, CountRow<ChartPoint>>> {
    let mut columns = key_and_count_columns();
    columns.extend([
        number(
            ColumnPurpose::Measure,
            "centre",
            "Mean of the points that give the limits; null = fewer than 12, or a mean below 5.",
            |_, row: &CountRow<ChartPoint>| row.detail.centre(),
        ),
        number(
            ColumnPurpose::Measure,
            "lower",
            "Centre - 2.66 × mean moving range or, if lower, centre - 3 × √centre + 4/3; not below 0.",
            |_, row| row.detail.lower(),
        ),
        number(
            ColumnPurpose::Measure,
            "upper",
            "Centre + 2.66 × mean moving range or, if higher, centre + 3 × √centre + 4/3.",
            |_, row| row.detail.upper(),
        ),
        integer(
            ColumnPurpose::Measure,
            "points",
            "Number of the segment's points that give its limits: exact, and in final months.",
            |_, row| Some(row.detail.points as i64),
        ),
        one_of(
            ColumnPurpose::Measure,
            "signal",
            "`above` or `below` a limit; `run` = the 8th in a row on one side of the centre; \
             `none`; `insufficient` = fewer than 12 points, or a centre below 5; `excluded` = not \
             exact or not final.",
            &Signal::NAMES,
            |_, row| Some(row.detail.signal as u32),
        ),
        integer(
            ColumnPurpose::Attribute,
            "segment",
            "Number of the segment: a break begins a new one, with limits of its own.",
            |_, row| Some(row.detail.segment as i64),
        ),
    ]);
    columns
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    for series in set.compared_series() {
        for area in series.areas().filter(|area| is_charted(area.key)) {
            let mut charts = charts(&series, area);
            charts.sort_by_key(|charted| charted.window);
            // A code without limits has no chart.
            let has_chart = series.key.is_of_plan()
                || charts.iter().any(|charted| charted.point.limits.is_some());
            if !has_chart {
                continue;
            }
            for charted in charts {
                writer.push(CountRow {
                    key: series.row_key(area, charted.window),
                    count: charted.count,
                    detail: charted.point,
                })?;
            }
        }
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        values: &[(usize, i64)],
        centre: f64,
        limits: (f64, f64),
        signals: &[(usize, Signal)],
    ) {
        let values: Vec<_> = values
            .iter()
            .map(|(segment, value)| (*segment, Some(*value)))
            .collect();
        let chart = chart(&values);
        let actual = chart[0].limits.expect("limits");
        let actual = [actual.centre, actual.lower, actual.upper]
            .map(|value| (value * 1000.0).round() / 1000.0);
        let same = |(actual, expected): (&f64, &f64)| (actual - expected).abs() < 1e-9;
        assert!(
            actual.iter().zip(&[centre, limits.0, limits.1]).all(same),
            "{actual:?}"
        );
        let actual: Vec<(usize, Signal)> = chart
            .iter()
            .enumerate()
            .filter(|(_, point)| point.signal != Signal::None)
            .map(|(i, point)| (i, point.signal))
            .collect();
        assert_eq!(actual, signals);
    }

    #[test]
    fn limits_are_never_below_zero() {
        let values: Vec<_> = [0, 10, 0, 10, 0, 10, 0, 10, 0, 10, 0, 10]
            .map(|value| (1, value))
            .into();
        check(&values, 5.0, (0.0, 31.6), &[]);
    }

    #[test]
    fn limits_are_never_narrower_than_those_of_a_poisson_count() {
        // All values alike: the moving ranges are 0.
        let values = [(1, 9); 12];
        check(&values, 9.0, (1.333, 19.333), &[]);
    }

    /// The exact probabilities of a Poisson count beyond the limits, on the scale of one in 740.
    #[test]
    fn the_limits_of_a_small_count_are_those_that_chance_rarely_exceeds() {
        let below = |mean: f64, count: i32| {
            let terms = (0..=count).scan(-mean, |log, k| {
                let term = *log;
                *log += mean.ln() - f64::from(k + 1).ln();
                Some(term.exp())
            });
            terms.sum::<f64>()
        };
        for mean in [5.0, 6.5, 8.0, 10.0, 15.0, 20.0, 40.0, 100.0] {
            let (lower, upper) = poisson_limits(mean);
            let is_above = 1.0 - below(mean, upper.floor() as i32);
            assert!((0.0004..0.002).contains(&is_above), "{mean}: {is_above}");
            let is_below = if lower > 0.0 {
                below(mean, lower.ceil() as i32 - 1)
            } else {
                0.0
            };
            assert!(is_below < 0.002, "{mean}: {is_below}");
        }
    }

    #[test]
    fn a_count_with_a_mean_below_5_has_no_signal() {
        let mut values = vec![(1, Some(1)); 24];
        values.push((1, Some(2)));
        let chart = chart(&values);
        assert_eq!(
            (chart[24].signal, chart[24].limits),
            (Signal::Insufficient, None)
        );
    }

    #[test]
    fn a_point_outside_wins_over_a_run_and_a_break_begins_a_segment() {
        let mut values: Vec<(usize, i64)> = [10, 12, 11, 10, 12, 11, 10, 12, 11, 10, 12, 11]
            .map(|v| (1, v))
            .into();
        values.extend([(2, 40), (2, 41)]);
        let chart = chart(
            &values
                .iter()
                .map(|(segment, value)| (*segment, Some(*value)))
                .collect::<Vec<_>>(),
        );
        assert_eq!(
            (chart[12].signal, chart[12].segment, chart[12].points),
            (Signal::Insufficient, 2, 2)
        );
        let mut run = SideRun::default();
        let limits = ControlLimits {
            centre: 10.0,
            sigma: 1.0,
            lower: 5.0,
            upper: 15.0,
        };
        let signals: Vec<Signal> = [11, 12, 11, 12, 11, 12, 11, 16, 11, 10, 4]
            .map(|v| run.signal(v.into(), limits))
            .into();
        assert_eq!(signals[7], Signal::Above);
        assert_eq!(signals[8..], [Signal::None, Signal::None, Signal::Below]);
    }

    #[test]
    fn a_count_that_is_not_exact_is_excluded() {
        let mut values = vec![(1, Some(10)); 12];
        values.insert(5, (1, None));
        let chart = chart(&values);
        assert_eq!((chart[5].signal, chart[5].points), (Signal::Excluded, 12));
    }
}
