//! Writes one SVG picture.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// The fonts of the document, which a picture does not inherit.
const FONTS: &str = "Arial, Liberation Sans, DejaVu Sans, sans-serif";

/// The size of text, in pixels.
pub(crate) const TEXT: f64 = 13.0;

/// Where a text is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A picture with its text, inside the document: word processors ignore SVG elements, but keep
/// images.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Picture {
    /// What a screen reader reads; empty where text beside it says the same.
    alt: String,
    /// The SVG as the address of an image.
    url: String,
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
}

/// A picture that is being drawn.
pub(crate) struct Svg {
    body: String,
    width: f64,
    height: f64,
    alt: String,
}

impl Svg {
    /// A picture that a screen reader reads as `alt`; an empty text marks a decoration.
    pub(crate) fn new(width: f64, height: f64, alt: &str) -> Self {
        Self {
            body: String::new(),
            width,
            height,
            alt: alt.to_owned(),
        }
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        self.body
            .write_fmt(element)
            .expect("a string takes any text");
    }

    /// A straight line; `dash` as in `stroke-dasharray`, empty = solid.
    pub(crate) fn line(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        stroke: &str,
        width: f64,
        dash: &str,
    ) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(pixels);
        let dash = if dash.is_empty() {
            String::new()
        } else {
            format!(r#" stroke-dasharray="{dash}""#)
        };
        self.add(format_args!(
            r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{stroke}" stroke-width="{width}"{dash}/>"#
        ));
    }

    /// A line through points.
    pub(crate) fn polyline(&mut self, points: &[(f64, f64)], stroke: &str, width: f64) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{},{}", pixels(*x), pixels(*y)))
            .collect();
        let points = points.join(" ");
        self.add(format_args!(
            r#"<polyline points="{points}" fill="none" stroke="{stroke}" stroke-width="{width}" stroke-linejoin="round"/>"#
        ));
    }

    /// A rectangle, with a border if `stroke` is not empty.
    pub(crate) fn rectangle(&mut self, at: (f64, f64), size: (f64, f64), fill: &str, stroke: &str) {
        let [x, y, width, height] = [at.0, at.1, size.0, size.1].map(pixels);
        let stroke = if stroke.is_empty() {
            String::new()
        } else {
            format!(r#" stroke="{stroke}""#)
        };
        self.add(format_args!(
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}"{stroke}/>"#
        ));
    }

    /// A circle.
    pub(crate) fn circle(&mut self, at: (f64, f64), radius: f64, fill: &str, stroke: &str) {
        let [x, y, radius] = [at.0, at.1, radius].map(pixels);
        self.add(format_args!(
            r#"<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>"#
        ));
    }

    /// A shape with the path of SVG.
    pub(crate) fn path(&mut self, path: &str, fill: &str, stroke: &str, width: f64) {
        self.add(format_args!(
            r#"<path d="{path}" fill="{fill}" stroke="{stroke}" stroke-width="{width}" fill-rule="evenodd"/>"#
        ));
    }

    /// A text of the usual size.
    pub(crate) fn text(&mut self, at: (f64, f64), anchor: Anchor, fill: &str, text: &str) {
        self.styled_text(at, anchor, fill, "", text);
    }

    /// A text in bold.
    pub(crate) fn bold(&mut self, at: (f64, f64), anchor: Anchor, fill: &str, text: &str) {
        self.styled_text(at, anchor, fill, r#" font-weight="bold""#, text);
    }

    /// A text with a white edge, so that it can be read on any shape.
    pub(crate) fn halo(&mut self, at: (f64, f64), fill: &str, edge: &str, text: &str) {
        let style = format!(
            r#" font-weight="bold" paint-order="stroke" stroke="{edge}" stroke-width="3" stroke-linejoin="round""#
        );
        self.styled_text(at, Anchor::Middle, fill, &style, text);
    }

    fn styled_text(&mut self, at: (f64, f64), anchor: Anchor, fill: &str, style: &str, text: &str) {
        let [x, y] = [at.0, at.1].map(pixels);
        let (anchor, text) = (anchor.as_str(), escape(text));
        self.add(format_args!(
            r#"<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{fill}"{style}>{text}</text>"#
        ));
    }

    /// The finished picture.
    pub(crate) fn finish(self) -> Picture {
        let svg = self.element();
        Picture {
            alt: self.alt,
            url: format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg)),
            width: self.width.round() as u32,
            height: self.height.round() as u32,
        }
    }

    fn element(&self) -> String {
        let (width, height) = (pixels(self.width), pixels(self.height));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="{FONTS}" font-size="{TEXT}">{}</svg>"#,
            self.body
        )
    }
}

/// The width of a text, in pixels. The same on every machine: the widths are those of a common sans
/// serif font, rounded up.
pub(crate) fn text_width(text: &str) -> f64 {
    let widths = text.chars().map(|c| match c {
        'i' | 'j' | 'l' | '.' | ',' | '\'' | ':' | ';' | '|' | 'I' => 0.32,
        'f' | 'r' | 't' | ' ' | '(' | ')' | '-' | '/' => 0.36,
        'm' | 'w' | 'M' | 'W' => 0.9,
        c if c.is_uppercase() => 0.72,
        _ => 0.58,
    });
    widths.sum::<f64>() * TEXT
}

/// As much of a text as fits, with a sign that there is more.
pub(crate) fn shortened(text: &str, width: f64) -> String {
    if text_width(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if text_width(&short) + text_width("…") + TEXT > width {
            break;
        }
        short.push(c);
    }
    format!("{}…", short.trim_end())
}

/// A coordinate with at most one decimal.
fn pixels(number: f64) -> String {
    let rounded = (number * 10.0).round() / 10.0;
    // There is one zero.
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
}

/// Text for an element.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A scale of about `steps` round numbers that contains 0 and `greatest`.
pub(crate) fn ticks(greatest: f64, steps: usize) -> Vec<f64> {
    let raw = (greatest / steps as f64).max(1.0);
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw)
        .unwrap_or(raw);
    let count = (greatest / step).ceil().max(1.0) as usize;
    (0..=count).map(|index| index as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_shortened() {
        let mut svg = Svg::new(10.0, 10.0, "");
        svg.text((0.0, 1.26), Anchor::End, "#000", "<script>");
        let svg = svg.element();
        assert!(svg.contains(r#"y="1.3""#) && svg.contains("&lt;script&gt;"));
        let short = shortened(&"long ".repeat(40), 100.0);
        assert!(
            text_width(&short) <= 100.0 && short.ends_with('…'),
            "{short}"
        );
    }

    #[test]
    fn scales_are_round() {
        assert_eq!(ticks(247.0, 4), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(ticks(3.0, 4), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(0.0, 4), [0.0, 1.0]);
    }
}
