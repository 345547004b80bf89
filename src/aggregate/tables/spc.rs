//! `spc`: spike, trend or noise? A chart of individual values and moving ranges (`XmR`), month by
//! month and quarter by quarter, re-based at each break.
//!
//! Limits are the mean and 2.66 mean moving ranges on either side (Wheeler, Understanding
//! Variation, 1993: 2.66 = 3 / 1.128), over every point of the segment that is exact and final, at
//! least 12 of them.

use std::cmp::Ordering;

use crate::aggregate::Error;
use crate::aggregate::figures::areas::Place;
use crate::aggregate::figures::bounded_count::Block;
use crate::aggregate::figures::status::Status;
use crate::aggregate::figures::table_set::{Folder, Line, Strip, is_told};
use crate::aggregate::tables::table::{Column, File, Of, Table, column, texts};
use crate::reference::windows::Window;

/// What the table answers.
const ABOUT: &str =
    "Spike, trend or noise? Control charts (XmR) of months and quarters, re-based at each break.";

/// Mean moving ranges from the centre to a limit.
const RANGES: f64 = 2.66;
/// The fewest points that limits are made of.
const POINTS_MIN: usize = 12;
/// So many points in a row on one side of the centre are a run.
const RUN: usize = 8;

/// What a point says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
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
pub(crate) struct Limits {
    pub(crate) centre: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

/// A point of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// The number of its segment, from 1.
    pub(crate) segment: usize,
    /// Points that make the segment's limits.
    pub(crate) points: usize,
    pub(crate) limits: Option<Limits>,
    pub(crate) signal: Signal,
}

/// Limits of values in the order of time.
fn limits(values: &[f64]) -> Option<Limits> {
    if values.len() < POINTS_MIN {
        return None;
    }
    let centre = values.iter().sum::<f64>() / values.len() as f64;
    let ranges = values.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let spread = RANGES * ranges.sum::<f64>() / (values.len() - 1) as f64;
    Some(Limits {
        centre,
        lower: (centre - spread).max(0.0),
        upper: centre + spread,
    })
}

/// A chart of values in the order of time, each with its segment; none = not exact or not final.
pub(crate) fn chart(values: &[(usize, Option<i64>)]) -> Vec<Point> {
    let mut points = Vec::with_capacity(values.len());
    for segment in values.chunk_by(|a, b| a.0 == b.0) {
        let included: Vec<f64> = segment
            .iter()
            .filter_map(|(_, value)| value.map(|value| value as f64))
            .collect();
        let limits = limits(&included);
        let mut run = Run {
            side: Ordering::Equal,
            length: 0,
        };
        points.extend(segment.iter().map(|(number, value)| {
            let signal = match (value, limits) {
                (None, _) => Signal::Excluded,
                (Some(_), None) => Signal::Insufficient,
                (Some(value), Some(limits)) => run.signal(*value as f64, limits),
            };
            Point {
                segment: *number,
                points: included.len(),
                limits,
                signal,
            }
        }));
    }
    points
}

/// Points in a row on one side.
struct Run {
    side: Ordering,
    length: usize,
}

impl Run {
    fn signal(&mut self, value: f64, limits: Limits) -> Signal {
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

/// The charts of a strip at a place: for each window of months and quarters, in the order of time.
pub(crate) fn charts<'f>(
    folder: &Folder<'f>,
    strip: &Strip<'f>,
    place: usize,
) -> Vec<(u32, &'f Window, Block, Point)> {
    let held = folder.figures.held[strip.kind].as_ref();
    let serves = |window: &Window| {
        held.is_some_and(|held| held.worst(window.first, window.months) == Status::Final)
    };
    let mut points = Vec::new();
    for is_of in [Window::is_month, Window::is_quarter] {
        let mut windows: Vec<_> = strip
            .windows()
            .filter(|(_, window)| is_of(window))
            .collect();
        windows.sort_by_key(|(_, window)| window.first);
        let told: Vec<(u32, &Window, Block)> = windows
            .into_iter()
            .filter_map(|(number, window)| Some((number, window, strip.block(place, window)?)))
            .collect();
        let value = |(_, window, block): &(u32, &Window, Block)| {
            (
                strip.segment(window, strip.place(place)),
                block.exact().filter(|_| serves(window)),
            )
        };
        let chart = chart(&told.iter().map(value).collect::<Vec<_>>());
        points.extend(
            told.into_iter()
                .zip(chart)
                .map(|((number, window, block), point)| (number, window, block, point)),
        );
    }
    points
}

/// Whether a place has charts.
pub(crate) fn is_charted(place: &Place) -> bool {
    matches!(&*place.level, "all" | "district" | "set")
        && (!place.is_pseudo() || place.level == "all")
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Line<Point>>> {
    let limit = |of: fn(&Limits) -> f64| {
        Of::Double(Box::new(move |row: &Line<Point>| {
            row.more.limits.as_ref().map(of)
        }))
    };
    let mut columns: Vec<_> = folder
        .key_columns()
        .into_iter()
        .chain(Folder::block_columns())
        .collect();
    columns.extend([
        column("centre", "Mean of the points that make the limits; null = fewer than 12.", limit(|l| l.centre)),
        column("lower", "Centre - 2.66 x mean moving range, not below 0.", limit(|l| l.lower)),
        column("upper", "Centre + 2.66 x mean moving range.", limit(|l| l.upper)),
        column(
            "points",
            "Points of the segment that make its limits: exact, and in final months.",
            Of::Integer(Box::new(|row| Some(row.more.points as i64))),
        ),
        column(
            "signal",
            "`above` or `below` a limit; `run` = the 8th in a row on one side of the centre; `none`; `insufficient` = fewer than 12 points; `excluded` = not exact or not final.",
            Of::Choice(texts(Signal::NAMES.map(Some)), Box::new(|row| Some(row.more.signal as u32))),
        ),
        column(
            "segment",
            "Number of the segment: a break begins a new one, with limits of its own.",
            Of::Integer(Box::new(|row| Some(row.more.segment as i64))),
        ),
    ]);
    columns
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let mut table = Table::new(ABOUT, columns(folder))?;
    for strip in folder.strips() {
        for (place, number, _) in strip.places().filter(|(_, _, of)| is_charted(of)) {
            let mut points = charts(folder, &strip, place);
            points.sort_by_key(|(window, ..)| *window);
            // A code that was never counted has no chart.
            if !strip.series.is_of_plan()
                && points.iter().all(|(_, _, block, _)| !is_told(true, *block))
            {
                continue;
            }
            for (window, _, block, more) in points {
                table.push(Line {
                    key: strip.key(number, window),
                    block,
                    more,
                })?;
            }
        }
    }
    table.finish()
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
        let round = |value: f64| (value * 1000.0).round() / 1000.0;
        let of = chart[0].limits.expect("limits");
        assert_eq!(
            (round(of.centre), round(of.lower), round(of.upper)),
            (centre, limits.0, limits.1)
        );
        let said = chart
            .iter()
            .enumerate()
            .filter(|(_, point)| point.signal != Signal::None);
        assert_eq!(
            said.map(|(i, point)| (i, point.signal)).collect::<Vec<_>>(),
            signals
        );
    }

    #[test]
    fn limits_never_lie_below_nothing() {
        let values: Vec<_> = [0, 9, 0, 9, 0, 9, 0, 9, 0, 9, 0, 9]
            .map(|value| (1, value))
            .into();
        check(&values, 4.5, (0.0, 28.44), &[]);
    }

    #[test]
    fn a_point_outside_wins_over_a_run_and_a_break_begins_anew() {
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
        let mut run = Run {
            side: Ordering::Equal,
            length: 0,
        };
        let limits = Limits {
            centre: 10.0,
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
    fn what_is_not_exact_is_no_point() {
        let mut values = vec![(1, Some(10)); 12];
        values.insert(5, (1, None));
        let chart = chart(&values);
        assert_eq!((chart[5].signal, chart[5].points), (Signal::Excluded, 12));
    }
}
