//! A control chart: months or quarters, their centre and limits, and the points outside.

use jiff::civil;

use crate::aggregate::tables::TableValue;
use crate::assess::chart::svg::{Anchor, Picture, Svg, text_width, ticks};
use crate::assess::chart::{DARK_BLUE, Drawing, GREY, GRID, PLUM, WIDE, both};
use crate::assess::value::NumberFormat;

/// What a point shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Nothing: it is in the usual range.
    None,
    /// Outside the limits.
    Outside,
    /// The end of eight points on one side of the centre.
    Run,
    /// Left out of the limits.
    Excluded,
}

/// A month or quarter.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) from: civil::Date,
    pub(crate) count: Option<f64>,
    /// Lower limit, centre and upper limit.
    pub(crate) limits: Option<(f64, f64, f64)>,
    pub(crate) segment: i64,
    pub(crate) signal: Signal,
    /// Whether it is in the window of the document.
    pub(crate) is_in_window: bool,
}

/// Draws points in order of time.
pub(crate) fn draw(points: &[Point], label: &str) -> Drawing {
    both(|width| Layout::new(points, width).draw(points, label))
}

struct Layout {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    step: f64,
    ticks: Vec<f64>,
}

impl Layout {
    fn new(points: &[Point], width: f64) -> Self {
        let greatest = points.iter().flat_map(|point| {
            let upper = point.limits.map(|(.., upper)| upper);
            point.count.into_iter().chain(upper)
        });
        let ticks = ticks(greatest.fold(0.0, f64::max), 4);
        let last = ticks.last().copied().unwrap_or_default();
        let left = text_width(&number(last)) + 10.0;
        // A phone has no room for the names of the limits.
        let right = if width >= WIDE { 118.0 } else { 8.0 };
        // Above the points: the name of a break, then the name of the period.
        let (top, bottom) = (38.0, 24.0);
        Self {
            width,
            height: 226.0,
            left,
            right,
            top,
            bottom,
            step: (width - left - right) / points.len().max(1) as f64,
            ticks,
        }
    }

    fn x(&self, index: usize) -> f64 {
        self.left + (index as f64 + 0.5) * self.step
    }

    fn y(&self, value: f64) -> f64 {
        let last = self.ticks.last().copied().unwrap_or(1.0);
        let room = self.height - self.top - self.bottom;
        self.top + room * (1.0 - value / last)
    }

    fn draw(&self, points: &[Point], label: &str) -> Picture {
        let mut svg = Svg::new(self.width, self.height, label);
        self.draw_window(&mut svg, points);
        self.draw_grid(&mut svg, points);
        self.draw_limits(&mut svg, points);
        self.draw_breaks(&mut svg, points);
        self.draw_line(&mut svg, points);
        svg.finish()
    }

    /// The shade of the document's window.
    fn draw_window(&self, svg: &mut Svg, points: &[Point]) {
        let mut inside = (0..points.len()).filter(|index| points[*index].is_in_window);
        let Some(first) = inside.next() else { return };
        let last = inside.next_back().unwrap_or(first);
        let from = self.x(first) - self.step / 2.0;
        let to = self.x(last) + self.step / 2.0;
        let height = self.height - self.top - self.bottom;
        svg.rectangle((from, self.top), (to - from, height), "#EAF1F8", "");
        svg.text(
            (f64::midpoint(from, to), self.top - 6.0),
            Anchor::Middle,
            DARK_BLUE,
            "this period",
        );
    }

    fn draw_grid(&self, svg: &mut Svg, points: &[Point]) {
        let end = self.width - self.right;
        for tick in &self.ticks {
            let y = self.y(*tick);
            let stroke = if *tick == 0.0 { GREY } else { GRID };
            svg.line((self.left, y), (end, y), stroke, 1.0, "");
            svg.text(
                (self.left - 6.0, y + 4.5),
                Anchor::End,
                GREY,
                &number(*tick),
            );
        }
        let mut free_from = self.left;
        for (index, point) in points.iter().enumerate() {
            // January, or the quarter that begins with it.
            if point.from.month() == 1 {
                let x = self.x(index);
                let base = self.y(0.0);
                svg.line((x, base), (x, base + 4.0), GREY, 1.0, "");
                let year = format!("Jan {}", point.from.year());
                let half = text_width(&year) / 2.0;
                if x - half >= free_from && x + half <= self.width {
                    svg.text((x, base + 18.0), Anchor::Middle, GREY, &year);
                    free_from = x + half + 6.0;
                }
            }
        }
    }

    fn draw_limits(&self, svg: &mut Svg, points: &[Point]) {
        let mut start = 0;
        for segment in points.chunk_by(|a, b| a.segment == b.segment) {
            let (first, last) = (start, start + segment.len() - 1);
            start += segment.len();
            let Some((lower, centre, upper)) = segment.iter().find_map(|point| point.limits) else {
                continue;
            };
            let from = self.x(first) - self.step / 2.0;
            let to = self.x(last) + self.step / 2.0;
            for (limit, dash) in [(lower, "5 4"), (centre, ""), (upper, "5 4")] {
                let y = self.y(limit);
                svg.line((from, y), (to, y), GREY, 1.2, dash);
            }
            if last + 1 == points.len() && self.width >= WIDE {
                self.name_limits(svg, to, lower, centre, upper);
            }
        }
    }

    /// Names the last limits beside them, apart from one another.
    fn name_limits(&self, svg: &mut Svg, x: f64, lower: f64, centre: f64, upper: f64) {
        let middle = self.y(centre) + 4.5;
        let names = [
            (self.y(upper).min(middle - 18.0) + 2.0, "upper limit", upper),
            (middle, "mean", centre),
            (self.y(lower).max(middle + 9.0) + 4.5, "lower limit", lower),
        ];
        for (y, name, value) in names {
            let text = format!("{name} {}", number(value));
            svg.text((x + 6.0, y), Anchor::Start, GREY, &text);
        }
    }

    fn draw_breaks(&self, svg: &mut Svg, points: &[Point]) {
        let mut is_first = true;
        for index in 1..points.len() {
            if points[index].segment == points[index - 1].segment {
                continue;
            }
            let x = self.x(index) - self.step / 2.0;
            svg.line((x, self.top - 18.0), (x, self.y(0.0)), PLUM, 1.5, "");
            let label = "counting changed";
            let y = self.top - 24.0;
            if is_first && x - text_width(label) > 0.0 {
                svg.text((x, y), Anchor::End, PLUM, label);
            } else if is_first {
                svg.text((x, y), Anchor::Start, PLUM, label);
            }
            is_first = false;
        }
    }

    fn draw_line(&self, svg: &mut Svg, points: &[Point]) {
        let at = |index: usize| Some((self.x(index), self.y(points[index].count?)));
        let placed: Vec<Option<(f64, f64)>> = (0..points.len()).map(at).collect();
        for known in placed.split(Option::is_none) {
            let known: Vec<(f64, f64)> = known.iter().flatten().copied().collect();
            if known.len() > 1 {
                svg.polyline(&known, DARK_BLUE, 1.5);
            }
        }
        for (point, at) in points.iter().zip(placed) {
            let Some((x, y)) = at else { continue };
            match point.signal {
                Signal::None => svg.circle((x, y), 1.6, DARK_BLUE, DARK_BLUE),
                Signal::Outside => {
                    let path = format!("M{x:.1} {:.1}l6 6l-6 6l-6 -6z", y - 6.0);
                    svg.path(&path, PLUM, "#FFFFFF", 1.0);
                }
                Signal::Run => svg.rectangle((x - 4.0, y - 4.0), (8.0, 8.0), "#FFFFFF", PLUM),
                Signal::Excluded => svg.circle((x, y), 3.5, "#FFFFFF", DARK_BLUE),
            }
        }
    }
}

fn number(value: f64) -> String {
    NumberFormat::Count.show(&TableValue::Number(value))
}
