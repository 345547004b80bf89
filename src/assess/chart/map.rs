//! A map of areas, shaded beside the rate of the whole and numbered by rank.

use crate::assess::boundaries::Ring;
use crate::assess::chart::svg::{Anchor, Svg, text_width};
use crate::assess::chart::{Drawing, NARROW, ON_RAMP, RAMP, WIDE, both};

/// What the shades mean.
const CLASSES: [&str; 5] = [
    "under half the rate of the whole area",
    "half to 0.8 of it",
    "0.8 to 1.25: near it",
    "1.25 to twice",
    "twice or more",
];
/// The bounds between them.
const BOUNDS: [f64; 4] = [0.5, 0.8, 1.25, 2.0];

/// An area of the map.
pub(crate) struct MapArea<'m> {
    pub(crate) rings: &'m [Ring],
    /// Its rate, divided by the rate of the whole; none = a release hides it.
    pub(crate) relative: Option<f64>,
    /// Its number in the table beside the map.
    pub(crate) number: usize,
}

/// Draws areas.
pub(crate) fn draw(areas: &[MapArea<'_>], label: &str) -> Drawing {
    both(|width| {
        let projection = Projection::new(areas, if width >= WIDE { 560.0 } else { NARROW });
        let legend = Legend::new(width);
        let height = projection.height + 12.0 + legend.height;
        let mut svg = Svg::new(width, height, label);
        for area in areas {
            let class = area.relative.map(class);
            let fill = class.map_or("#FFFFFF", |class| RAMP[class]);
            svg.path(&projection.path(area.rings), fill, "#0B0C0C", 0.8);
        }
        for (area, at) in areas.iter().zip(projection.labels(areas)) {
            let class = area.relative.map_or(0, class);
            let label = match area.relative {
                Some(_) => area.number.to_string(),
                None => "[c]".to_owned(),
            };
            svg.halo(at, ON_RAMP[class], RAMP[class], &label);
        }
        legend.draw(&mut svg, projection.height + 12.0);
        svg.finish()
    })
}

/// The class of a relative rate.
fn class(relative: f64) -> usize {
    BOUNDS.iter().filter(|bound| relative >= **bound).count()
}

/// Longitude and latitude to pixels.
struct Projection {
    west: f64,
    north: f64,
    narrowing: f64,
    scale: f64,
    height: f64,
}

impl Projection {
    fn new(areas: &[MapArea<'_>], width: f64) -> Self {
        let points = || areas.iter().flat_map(|area| area.rings).flatten();
        let (west, east) = bounds(points().map(|(x, _)| *x));
        let (south, north) = bounds(points().map(|(_, y)| *y));
        let narrowing = f64::midpoint(south, north).to_radians().cos();
        let scale = (width - 4.0) / ((east - west) * narrowing).max(1e-9);
        Self {
            west,
            north,
            narrowing,
            scale,
            height: (north - south) * scale + 4.0,
        }
    }

    fn pixel(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let half = |number: f64| (number * 2.0).round() / 2.0;
        (
            half(2.0 + (x - self.west) * self.narrowing * self.scale),
            half(2.0 + (self.north - y) * self.scale),
        )
    }

    fn path(&self, rings: &[Ring]) -> String {
        let mut path = String::new();
        for ring in rings {
            let mut last = None;
            for point in ring.iter().map(|point| self.pixel(*point)) {
                if last != Some(point) {
                    let command = if last.is_none() { "M" } else { "L" };
                    path += command;
                    path += &point.0.to_string();
                    path.push(' ');
                    path += &point.1.to_string();
                    last = Some(point);
                }
            }
            path.push('Z');
        }
        path
    }

    /// Where the numbers are: in the middle of the largest ring, moved apart.
    fn labels(&self, areas: &[MapArea<'_>]) -> Vec<(f64, f64)> {
        let mut placed: Vec<(f64, f64)> = Vec::new();
        for area in areas {
            let rings = area.rings.iter().map(|ring| {
                let pixels: Vec<(f64, f64)> = ring.iter().map(|point| self.pixel(*point)).collect();
                centroid(&pixels)
            });
            let largest = rings.max_by(|a, b| a.1.total_cmp(&b.1));
            let (x, y) = largest.map_or((0.0, 0.0), |(centre, _)| centre);
            let shifts = [
                (0.0, 0.0),
                (0.0, -13.0),
                (0.0, 13.0),
                (-14.0, 0.0),
                (14.0, 0.0),
            ];
            let free = shifts.into_iter().map(|(dx, dy)| (x + dx, y + dy + 4.5));
            let free = free.clone().find(|at| is_free(*at, &placed));
            placed.push(free.unwrap_or((x, y + 4.5)));
        }
        placed
    }
}

fn is_free(at: (f64, f64), placed: &[(f64, f64)]) -> bool {
    let far = |other: &(f64, f64)| (at.0 - other.0).abs() > 17.0 || (at.1 - other.1).abs() > 12.0;
    placed.iter().all(far)
}

fn bounds(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers.fold((f64::MAX, f64::MIN), |(low, high), number| {
        (low.min(number), high.max(number))
    })
}

/// The centre of a ring, and its area.
fn centroid(ring: &[(f64, f64)]) -> ((f64, f64), f64) {
    let (mut area, mut x, mut y) = (0.0, 0.0, 0.0);
    for (from, to) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let cross = from.0 * to.1 - to.0 * from.1;
        area += cross;
        x += (from.0 + to.0) * cross;
        y += (from.1 + to.1) * cross;
    }
    if area.abs() < 1e-9 {
        return (ring.first().copied().unwrap_or_default(), 0.0);
    }
    ((x / (3.0 * area), y / (3.0 * area)), area.abs() / 2.0)
}

/// The meaning of the shades, in as many columns as fit.
struct Legend {
    columns: usize,
    column: f64,
    height: f64,
}

impl Legend {
    fn new(width: f64) -> Self {
        let longest = CLASSES
            .iter()
            .map(|class| text_width(class))
            .fold(0.0, f64::max);
        let column = longest + 36.0;
        let columns = ((width / column) as usize).max(1);
        Self {
            columns,
            column,
            height: CLASSES.len().div_ceil(columns) as f64 * 22.0,
        }
    }

    fn draw(&self, svg: &mut Svg, top: f64) {
        for (index, class) in CLASSES.iter().enumerate() {
            let x = (index % self.columns) as f64 * self.column + 1.0;
            let y = top + (index / self.columns) as f64 * 22.0;
            svg.rectangle((x, y), (22.0, 14.0), RAMP[index], "#0B0C0C");
            svg.text((x + 28.0, y + 12.0), Anchor::Start, "#0B0C0C", class);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_are_relative_to_the_whole() {
        let classes = [0.0, 0.49, 0.5, 0.8, 1.24, 1.25, 1.99, 2.0].map(class);
        assert_eq!(classes, [0, 0, 1, 2, 2, 3, 3, 4]);
    }

    #[test]
    fn a_shared_border_stays_shared() {
        let west: Vec<Ring> = vec![vec![(0.0, 51.0), (0.5, 51.0), (0.5, 51.5), (0.0, 51.0)]];
        let east: Vec<Ring> = vec![vec![(0.5, 51.0), (1.0, 51.0), (0.5, 51.5), (0.5, 51.0)]];
        let areas = [&west, &east].map(|rings| MapArea {
            rings,
            relative: Some(1.0),
            number: 1,
        });
        let projection = Projection::new(&areas, 560.0);
        let (x, y) = projection.pixel((0.5, 51.0));
        assert_eq!((x, y * 2.0 % 1.0), (280.0, 0.0));
        assert!(
            projection.path(&west).contains("L280 2"),
            "{}",
            projection.path(&west)
        );
        assert!(
            projection.path(&east).contains("L280 2"),
            "{}",
            projection.path(&east)
        );
        let [a, b] = projection.labels(&areas)[..] else {
            panic!()
        };
        assert!(a.0 < 280.0 && b.0 > 280.0);
    }
}
