//! The sections of the document, in its order, and the parts that several of them have.

mod annexes;
mod charts;
mod decide;
mod factors;
mod key_points;
mod know;
mod measures;
mod overall;
mod places;
mod priority;
mod since;
mod ward_map;
pub(crate) mod weekly;

pub(crate) use key_points::all_measures;

use crate::aggregate::tables::TableValue;
use crate::assess::config::{SERIES_TEXT, Status, TEXTS};
use crate::assess::document::{Block, DataTable, Section, TableCell, TableColumn, TableQuery};
use crate::assess::draft::{Draft, Series};
use crate::assess::previous::Previous;
use crate::assess::prose::{Prose, in_words, prose};
use crate::assess::query::{HIDDEN, Listing};
use crate::assess::value::NumberFormat;

/// The sign of a number that is not shown, to protect people.
const NOT_SHOWN: &str = "[c]";

/// The pseudo-areas of a level, which are not places.
const PSEUDO_AREAS: &[&str] = &["no-location", "outside", "unplaced"];

/// All sections but the list of queries.
pub(crate) fn all(draft: &Draft<'_>, previous: Option<&Previous>) -> Vec<Section> {
    let mut sections = vec![key_points::section(draft), know::section(draft)];
    sections.push(overall::section(draft));
    sections.push(heading(
        "priorities",
        "The priorities of the plan",
        "Each section stands alone. It begins with a summary, and ends with what the \
         figures cannot show.",
    ));
    sections.extend(
        draft
            .series_of("priority")
            .map(|series| priority::section(draft, series)),
    );
    if draft.series_of("theme").next().is_some() {
        sections.push(heading(
            "themes",
            "Cross-cutting themes",
            "Themes run across the priorities. A record can fall under a theme and a priority.",
        ));
        sections.extend(
            draft
                .series_of("theme")
                .map(|series| priority::section(draft, series)),
        );
    }
    sections.extend(factors::section(draft));
    sections.push(places::section(draft));
    sections.push(since::section(draft));
    sections.push(decide::section(draft));
    sections.extend(annexes::sections(draft, previous));
    sections
}

/// The briefing of one priority or theme.
pub(crate) fn briefing(draft: &Draft<'_>, series: &Series) -> Vec<Section> {
    vec![Section {
        level: 2,
        ..priority::section(draft, series)
    }]
}

fn heading(id: &str, title: &str, lede: &'static str) -> Section {
    Section {
        id: id.to_owned(),
        title: title.to_owned(),
        level: 2,
        blocks: vec![Block::Lede { prose: lede.into() }],
    }
}

fn paragraph(prose: impl Into<Prose>) -> Block {
    Block::Paragraph {
        prose: prose.into(),
    }
}

/// How many of the numbers that belong here a release hides; nothing if there are none.
fn hidden_note(hidden: usize) -> Prose {
    match hidden {
        0 => Prose::default(),
        1 => Prose::from("One number is not shown, to protect people [c]."),
        hidden => prose!(
            "{} numbers are not shown, to protect people [c].",
            Prose::from(in_words(hidden)).capitalised()
        ),
    }
}

/// The partnership's own text of a section, or a box that says what to write.
fn narrative(draft: &Draft<'_>, section: &str) -> Option<Block> {
    let advice = TEXTS.iter().find(|(name, _)| *name == section);
    let advice = advice.map_or(SERIES_TEXT, |(_, advice)| advice);
    let text = draft.config.texts.get(section);
    if text.is_none() && draft.config.status == Status::Final {
        return None;
    }
    Some(Block::Narrative {
        section: section.to_owned(),
        // Figures are put in when all of them are known.
        html: None,
        advice: advice.to_owned(),
        cited: text.map_or_else(Vec::new, |text| text.cited.iter().cloned().collect()),
    })
}

/// A cited figure in a text. Unknown names were refused before.
pub(crate) fn cited_html(draft: &Draft<'_>, name: &str) -> String {
    let figure = draft.figures.get(name);
    let shown = figure.map_or_else(String::new, |figure| figure.shown());
    // Names of figures are ids and codes of the tables, and may have any letters.
    let name = name
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;");
    format!("<a class=\"n\" href=\"#q-{name}\">{shown}</a>")
}

fn column(label: impl Into<String>, is_number: bool) -> TableColumn {
    TableColumn {
        label: label.into(),
        is_number,
    }
}

/// How a column of a listing is shown: its heading, and the format of its numbers; none = a text.
type ListedColumn = (&'static str, Option<NumberFormat>);

/// A table that shows a listing as it is. If the listing has more columns than are shown, and the
/// status of the counts is one of them, numbers that a release hides have their sign.
fn listed_table(
    draft: &Draft<'_>,
    id: &str,
    caption: String,
    columns: &[ListedColumn],
    listing: &Listing,
) -> DataTable {
    let rows = draft.facts.list(listing);
    let mut names = listing.columns.iter().map(|(name, _)| *name);
    let status = names.position(|name| name == "count_status");
    let cells = rows.iter().map(|row| {
        let is_hidden = status.is_some_and(|index| row[index].text() == Some(HIDDEN));
        let cells = row.iter().zip(columns);
        cells
            .map(|(value, (_, format))| match value {
                TableValue::Null if is_hidden && format.is_some() => Prose::from(NOT_SHOWN).into(),
                value => cell(value, *format),
            })
            .collect()
    });
    DataTable {
        id: id.to_owned(),
        caption,
        columns: columns
            .iter()
            .map(|(label, format)| column(*label, format.is_some()))
            .collect(),
        rows: cells.collect(),
        note: Prose::default(),
        query: Some(TableQuery {
            sql: listing.sql(),
            rows,
        }),
    }
}

/// A value as a cell; a missing number is a dash that is read as "no figure".
fn cell(value: &TableValue, format: Option<NumberFormat>) -> TableCell {
    let text = match (value, format) {
        (TableValue::Null, Some(_)) => "[x]".to_owned(),
        (TableValue::Date(date), _) => crate::assess::prose::day(*date),
        (TableValue::Boolean(true), _) => "yes".to_owned(),
        (TableValue::Boolean(false), _) => "no".to_owned(),
        (value, Some(format)) => format.show(value),
        (value, None) => value.text().unwrap_or_default().to_owned(),
    };
    TableCell {
        prose: crate::assess::prose::name(text).into(),
        value: format
            .map(|_| value.clone())
            .filter(|value| !value.is_null()),
        picture: None,
    }
}
