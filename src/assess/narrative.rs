//! The partnership's own text: Markdown without HTML or images, that may cite figures as
//! `{{series/partner/kind/what}}`.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// A text, with the figures it cites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Narrative {
    /// HTML in which a citation still is `{{name}}`.
    html: String,
    /// The names it cites.
    pub(crate) cited: BTreeSet<String>,
    /// How many numbers it has that are not cited.
    pub(crate) own_numbers: usize,
}

/// A fault of a text: its line, and what is wrong.
type TextFault = (String, String);

impl Narrative {
    /// Reads a text.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<TextFault>> {
        let mut faults = Vec::new();
        let mut events = Vec::new();
        let mut plain = String::new();
        for (event, range) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
            let line = format!("line {}", 1 + text[..range.start].matches('\n').count());
            match &event {
                Event::Html(_) | Event::InlineHtml(_) => {
                    faults.push((line, "has HTML: write Markdown".to_owned()));
                }
                Event::Start(Tag::Image { .. }) => {
                    faults.push((line, "has an image: charts come from the tables".to_owned()));
                }
                Event::Start(Tag::Heading {
                    level: HeadingLevel::H1 | HeadingLevel::H2 | HeadingLevel::H3,
                    ..
                }) => faults.push((
                    line,
                    "has a heading above level 4: begin it with ####".to_owned(),
                )),
                Event::Start(Tag::Link { dest_url, .. }) if !is_safe_link(dest_url) => {
                    faults.push((
                        line,
                        "has a link that is neither https nor mailto".to_owned(),
                    ));
                }
                Event::Text(words) | Event::Code(words) => plain.push_str(words),
                Event::End(TagEnd::Paragraph | TagEnd::Item) | Event::SoftBreak => plain.push(' '),
                _ => {}
            }
            events.push(event);
        }
        if !faults.is_empty() {
            faults.dedup();
            return Err(faults);
        }
        let (cited, rest) = citations(&plain);
        let mut written = String::new();
        html::push_html(&mut written, events.into_iter());
        Ok(Self {
            html: written,
            cited,
            own_numbers: numbers(&rest),
        })
    }

    /// Whether nothing is written yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.html.trim().is_empty()
    }

    /// As HTML, each citation replaced.
    pub(crate) fn html(&self, cite: impl Fn(&str) -> String) -> String {
        let mut html = self.html.clone();
        for name in &self.cited {
            html = html.replace(&format!("{{{{{name}}}}}"), &cite(name));
        }
        html
    }
}

fn is_safe_link(url: &str) -> bool {
    ["https://", "http://", "mailto:", "#"]
        .iter()
        .any(|start| url.starts_with(start))
}

/// The names in double braces, and the text without them.
fn citations(text: &str) -> (BTreeSet<String>, String) {
    let (mut cited, mut rest) = (BTreeSet::new(), String::new());
    let mut parts = text.split("{{");
    rest.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once("}}") {
            Some((name, after)) => {
                cited.insert(name.to_owned());
                rest.push_str(after);
            }
            None => rest.push_str(part),
        }
    }
    (cited, rest)
}

fn numbers(text: &str) -> usize {
    let words = text.split_whitespace();
    words
        .filter(|word| word.contains(|c: char| c.is_ascii_digit()))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cites_figures_and_counts_its_own_numbers() {
        let text = "We ran *three* events, 2 of them at night.\n\n- {{total/a/crime/count}} crimes";
        let narrative = Narrative::parse(text).expect("valid");
        assert_eq!(narrative.own_numbers, 1);
        let html = narrative.html(|name| format!("[{name}]"));
        assert!(
            html.contains("<em>three</em>") && html.contains("<li>[total/a/crime/count] crimes")
        );
    }

    #[test]
    fn what_could_break_the_document_is_refused() {
        let text = "# Title\n\n<b>bold</b>\n\n![x](y.png)\n\n[x](javascript:alert(1))";
        let faults = Narrative::parse(text).expect_err("four faults");
        let lines: Vec<&str> = faults.iter().map(|(line, _)| &**line).collect();
        assert_eq!(lines, ["line 1", "line 3", "line 5", "line 7"]);
    }

    #[test]
    fn advice_of_the_template_is_no_text() {
        assert!(
            Narrative::parse("[//]: # (Write here.)\n")
                .expect("valid")
                .is_empty()
        );
    }
}
