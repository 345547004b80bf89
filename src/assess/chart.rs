//! Charts as SVG, laid out here, each in a wide and a narrow form. They know numbers and
//! texts, not tables. Colours are those of the Government Analysis Function, with the contrast that
//! its guidance asks for; no meaning is in a colour alone.

pub(crate) mod bars;
pub(crate) mod hours;
pub(crate) mod map;
pub(crate) mod share;
pub(crate) mod sparkline;
pub(crate) mod spc;
pub(crate) mod svg;

use serde::Serialize;

use svg::Picture;

/// The width of a chart on a wide screen and in print.
pub(crate) const WIDE: f64 = 700.0;
/// The width of a chart on a phone.
pub(crate) const NARROW: f64 = 340.0;

/// Dark blue: the main colour of lines, bars and text.
pub(crate) const DARK_BLUE: &str = "#12436D";
/// Plum: breaks, and what is out of the usual range.
pub(crate) const PLUM: &str = "#801650";
/// Grey of texts that are not black.
pub(crate) const GREY: &str = "#505A5F";
/// Grey of bars that are not in focus.
pub(crate) const GREY_BAR: &str = "#8A9199";
/// Light lines of a grid.
pub(crate) const GRID: &str = "#D9DDE0";
/// From few to many; the first three have black text, the others white.
pub(crate) const RAMP: [&str; 5] = ["#EAF1F8", "#B9D3EA", "#6BACE6", "#2073BC", "#12436D"];
/// The colour of text on a step of the ramp.
pub(crate) const ON_RAMP: [&str; 5] = ["#0B0C0C", "#0B0C0C", "#0B0C0C", "#FFFFFF", "#FFFFFF"];

/// A chart in both widths.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Drawing {
    pub(crate) wide: Picture,
    pub(crate) narrow: Picture,
}

/// Draws both widths.
pub(crate) fn both(draw: impl Fn(f64) -> Picture) -> Drawing {
    Drawing {
        wide: draw(WIDE),
        narrow: draw(NARROW),
    }
}
