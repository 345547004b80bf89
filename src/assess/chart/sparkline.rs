//! A small line of months in a table. Its row has the numbers in words.

use crate::assess::chart::svg::{Picture, Svg};
use crate::assess::chart::{DARK_BLUE, GREY};

/// Draws months in order of time; a month without an exact count is a gap.
pub(crate) fn draw(counts: &[Option<f64>]) -> Picture {
    let (width, height) = (120.0, 28.0);
    let greatest = counts
        .iter()
        .flatten()
        .copied()
        .fold(0.0, f64::max)
        .max(1.0);
    let step = width / counts.len().max(2) as f64;
    let mut svg = Svg::new(width, height, "");
    svg.line((0.0, height - 1.0), (width, height - 1.0), GREY, 0.7, "");
    let points: Vec<Option<(f64, f64)>> = counts
        .iter()
        .enumerate()
        .map(|(index, count)| {
            let y = height - 1.0 - (height - 4.0) * (*count)? / greatest;
            Some(((index as f64 + 0.5) * step, y))
        })
        .collect();
    for known in points.split(Option::is_none) {
        let known: Vec<(f64, f64)> = known.iter().flatten().copied().collect();
        if known.len() > 1 {
            svg.polyline(&known, DARK_BLUE, 1.3);
        }
    }
    svg.finish()
}
