//! The hours of the week: seven days by eight bands of three hours, with the number in each cell.

use crate::aggregate::tables::TableValue;
use crate::assess::chart::svg::{Anchor, Svg};
use crate::assess::chart::{Drawing, GREY, ON_RAMP, RAMP, WIDE, both};
use crate::assess::value::NumberFormat;

/// The days of the week.
pub(crate) const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
/// The first hours of the bands.
pub(crate) const BANDS: [i64; 8] = [0, 3, 6, 9, 12, 15, 18, 21];

/// Counts by day and band.
pub(crate) type Week = [[i64; 8]; 7];

/// Draws the week.
pub(crate) fn draw(week: &Week, label: &str) -> Drawing {
    let total: i64 = week.iter().flatten().sum();
    let mean = total as f64 / 56.0;
    both(|width| {
        let is_wide = width >= WIDE;
        let left = if is_wide { 92.0 } else { 36.0 };
        let (cell, row, top) = ((width - left) / 8.0, 26.0, 24.0);
        let mut svg = Svg::new(width, top + 7.0 * row + 2.0, label);
        for (band, from) in BANDS.iter().enumerate() {
            let x = left + (band as f64 + 0.5) * cell;
            let name = if is_wide {
                format!("{from:02}–{:02}h", from + 3)
            } else {
                format!("{from:02}h")
            };
            svg.text((x, 16.0), Anchor::Middle, GREY, &name);
        }
        for (day, counts) in week.iter().enumerate() {
            let y = top + day as f64 * row;
            let name = if is_wide { DAYS[day] } else { &DAYS[day][..3] };
            svg.text((left - 8.0, y + 18.0), Anchor::End, "#0B0C0C", name);
            for (band, count) in counts.iter().enumerate() {
                let x = left + band as f64 * cell;
                let step = step(*count as f64, mean);
                svg.rectangle((x, y), (cell - 2.0, row - 2.0), RAMP[step], GREY);
                let shown = NumberFormat::Count.show(&TableValue::Integer(*count));
                svg.text(
                    (x + cell / 2.0 - 1.0, y + 17.0),
                    Anchor::Middle,
                    ON_RAMP[step],
                    &shown,
                );
            }
        }
        svg.finish()
    })
}

/// The step of the ramp for a count beside the mean of all cells.
fn step(count: f64, mean: f64) -> usize {
    let bounds = [0.5, 0.8, 1.25, 2.0];
    bounds
        .iter()
        .filter(|bound| count >= **bound * mean)
        .count()
}
