//! Bars with a label before and a number after each.

use crate::assess::chart::svg::{Anchor, Svg, shortened, text_width};
use crate::assess::chart::{DARK_BLUE, Drawing, GREY_BAR, WIDE, both};

/// A bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// The value as text.
    pub(crate) shown: String,
    /// Whether it is the one in focus; if none is, all are.
    pub(crate) is_own: bool,
}

/// Draws bars from top to bottom.
pub(crate) fn draw(bars: &[Bar], label: &str) -> Drawing {
    let greatest = bars
        .iter()
        .map(|bar| bar.value)
        .fold(0.0, f64::max)
        .max(1.0);
    let any_own = bars.iter().any(|bar| bar.is_own);
    both(|width| {
        let is_wide = width >= WIDE;
        let longest = bars
            .iter()
            .map(|bar| text_width(&bar.label))
            .fold(0.0, f64::max);
        let numbers = bars
            .iter()
            .map(|bar| text_width(&bar.shown))
            .fold(0.0, f64::max)
            + 10.0;
        // On a phone the label is above its bar.
        let (left, row) = if is_wide {
            (longest.min(360.0) + 10.0, 26.0)
        } else {
            (0.0, 40.0)
        };
        let mut svg = Svg::new(width, bars.len() as f64 * row + 2.0, label);
        for (index, bar) in bars.iter().enumerate() {
            let y = index as f64 * row;
            let fill = if bar.is_own || !any_own {
                DARK_BLUE
            } else {
                GREY_BAR
            };
            let length = (width - left - numbers) * bar.value / greatest;
            let (text_at, bar_y, anchor, room) = if is_wide {
                ((left - 8.0, y + 17.0), y + 4.0, Anchor::End, left - 8.0)
            } else {
                ((0.0, y + 13.0), y + 18.0, Anchor::Start, width)
            };
            let text = shortened(&bar.label, room);
            if bar.is_own {
                svg.bold(text_at, anchor, "#0B0C0C", &text);
            } else {
                svg.text(text_at, anchor, "#0B0C0C", &text);
            }
            svg.rectangle((left, bar_y), (length.max(1.0), 17.0), fill, "");
            svg.text(
                (left + length + 6.0, bar_y + 13.0),
                Anchor::Start,
                "#0B0C0C",
                &bar.shown,
            );
        }
        svg.finish()
    })
}
