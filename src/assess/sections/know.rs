//! What a reader must know before using a figure.

use jiff::{ToSpan, civil};

use crate::assess::document::{Block, Section};
use crate::assess::draft::{Draft, Measure, Series};
use crate::assess::facts::FactRow;
use crate::assess::prose::{Prose, day, link, name, prose, strong};
use crate::assess::query::Selection;

/// The section.
pub(super) fn section(draft: &Draft<'_>) -> Section {
    let mut items = vec![
        prose!(
            "{} The figures are for {} in {}, as at {}. Partners correct their \
             records, so a later document can have other figures.",
            strong("Period and place."),
            name(&*draft.window_label),
            name(&*draft.area_name),
            name(draft.as_at())
        ),
        prose!(
            "{} The same event can be a crime, an ambulance call and a hospital \
             attendance, and can fall under several priorities.",
            strong("Never add figures together.")
        ),
        prose!(
            "{} A number. Two bounds, if the number is not known exactly. Or “not \
             supplied”, if the records cannot show it, which does not mean that there \
             were none.{}",
            strong("“How many” has three answers."),
            draft.config.is_public().then(|| {
                Prose::from(
                    " In this edition, “about” marks a rounded number, and [c] a number that is not \
                     shown, to protect people.",
                )
            })
        ),
        prose!(
            "{} They mean that the two periods can be compared and that chance is an \
             unlikely explanation. “More” and “higher” only compare two numbers. {} \
             has the rules.",
            strong("“Rose” and “fell” are used with care."),
            link("Annex B", "annex-b")
        ),
        prose!(
            "{} Reasons are in the boxes headed “From the partnership”.",
            strong("No figure shows a cause.")
        ),
    ];
    items.extend(breaks(draft).into_iter().map(|row| {
        prose!(
            "{} {}",
            strong(prose!("Counting changed, {}.", name(break_days(row)))),
            name(row.text("text"))
        )
    }));
    Section {
        id: "what-to-know".to_owned(),
        title: "What you need to know before you use a figure".to_owned(),
        level: 2,
        blocks: vec![Block::Bullets { items }],
    }
}

/// The days of a break.
pub(super) fn break_days(row: FactRow<'_>) -> String {
    let shown = |column| row.date(column).map_or_else(String::new, day);
    let (from, to) = (shown("break_from"), shown("break_to"));
    if from == to {
        from
    } else {
        format!("{from} to {to}")
    }
}

/// The breaks of the kinds that were supplied for the window, from the start of the baseline to the
/// end of the window.
pub(super) fn breaks<'d>(draft: &Draft<'d>) -> Vec<FactRow<'d>> {
    let years = if draft.config.baseline == "year-before" {
        1
    } else {
        5
    };
    let from: civil::Date = draft.span.0.saturating_sub(years.years());
    let mut sent = draft.measures(&Series::total());
    sent.retain(Measure::is_supplied);
    let mut rows = draft.facts.rows(&Selection::new("breaks"));
    rows.retain(|row| {
        let is_inside = row
            .date("break_from")
            .zip(row.date("break_to"))
            .is_some_and(|(start, end)| start <= draft.span.1 && end >= from);
        let lists = |column, id: &str| {
            let ids = row.text(column);
            ids.is_empty() || ids.split(';').any(|listed| listed == id)
        };
        is_inside
            && sent
                .iter()
                .any(|kind| lists("partners", kind.partner) && lists("kinds", kind.kind))
    });
    rows
}

impl Draft<'_> {
    /// The day of the figures.
    pub(crate) fn as_at(&self) -> String {
        let at = self.day_of("as_at");
        at.unwrap_or_else(|| "an unknown day".to_owned())
    }

    /// The day that the tables were compared with, if they were.
    pub(crate) fn since(&self) -> Option<String> {
        self.day_of("since")
    }

    /// A time of the receipt of the tables, as a day in London.
    fn day_of(&self, key: &str) -> Option<String> {
        let at: jiff::Timestamp = self.facts.provenance[key].as_str()?.parse().ok()?;
        Some(day(at.in_tz("Europe/London").ok()?.date()))
    }
}

/// A list of texts as prose, for a cell.
pub(super) fn ids(text: &str) -> Prose {
    prose!("{}", name(text.replace(';', ", ")))
}
