//! Shares with bounds: how small and how great a share may be if it is not recorded for all.

use crate::assess::chart::svg::{Anchor, Svg, shortened};
use crate::assess::chart::{DARK_BLUE, Drawing, GREY, GRID, WIDE, both};

/// A share in per cent.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) label: String,
    /// If it is true of no record that does not state it.
    pub(crate) least: f64,
    /// Among the records that state it.
    pub(crate) known: f64,
    /// If it is true of every record that does not state it.
    pub(crate) most: f64,
    /// The share as text.
    pub(crate) shown: String,
}

/// Draws shares from top to bottom.
pub(crate) fn draw(shares: &[Share], label: &str) -> Drawing {
    both(|width| {
        let is_wide = width >= WIDE;
        let (left, row, top) = if is_wide {
            (250.0, 28.0, 22.0)
        } else {
            (14.0, 44.0, 22.0)
        };
        let end = width - 52.0;
        let x = |share: f64| left + (end - left) * share / 100.0;
        let bottom = top + shares.len() as f64 * row;
        let mut svg = Svg::new(width, bottom + 4.0, label);
        for tick in [0.0, 25.0, 50.0, 75.0, 100.0] {
            svg.line((x(tick), top), (x(tick), bottom), GRID, 1.0, "");
            svg.text((x(tick), 14.0), Anchor::Middle, GREY, &format!("{tick}%"));
        }
        for (index, share) in shares.iter().enumerate() {
            let y = top + index as f64 * row;
            let (text_at, anchor, room, bar) = if is_wide {
                ((left - 14.0, y + 18.0), Anchor::End, left - 14.0, y + 9.0)
            } else {
                ((left, y + 16.0), Anchor::Start, end, y + 26.0)
            };
            svg.text(text_at, anchor, "#0B0C0C", &shortened(&share.label, room));
            let length = (x(share.most) - x(share.least)).max(2.0);
            svg.rectangle((x(share.least), bar), (length, 9.0), "#B9D3EA", GREY);
            svg.circle((x(share.known), bar + 4.5), 5.0, DARK_BLUE, "#FFFFFF");
            svg.text(
                (end + 8.0, bar + 9.0),
                Anchor::Start,
                "#0B0C0C",
                &share.shown,
            );
        }
        svg.finish()
    })
}
