//! Where: the wards, on a map if their shapes are known, and the places of the partnership.

use crate::aggregate::tables::TableValue;
use crate::assess::document::{Block, Section};
use crate::assess::draft::{Draft, Measure, Series};
use crate::assess::prose::{Prose, listed, name, prose};
use crate::assess::query::{Condition, Expression, HIDDEN, Listing, Selection};
use crate::assess::sections::charts::{bar_chart, measured};
use crate::assess::sections::measures::kind_in_sentence;
use crate::assess::sections::ward_map::map_chart;
use crate::assess::sections::{PSEUDO_AREAS, hidden_note, narrative, paragraph};
use crate::assess::value::NumberFormat;

/// The section about places.
pub(super) fn section(draft: &Draft<'_>) -> Section {
    let feed = draft.config.map.as_ref().map(|map| &map.feed);
    let feed = feed.or_else(|| draft.config.overview.first());
    let measure = feed.and_then(|feed| draft.measure(&Series::total(), feed));
    let mut blocks = Vec::new();
    match measure {
        Some(measure) if measure.is_supplied() && !measure.is_everything() => {
            blocks.extend(ward_blocks(draft, &measure));
        }
        Some(measure) if !measure.is_supplied() => blocks.push(paragraph(prose!(
            "There is nothing to show by ward: no {} were received for this period.",
            kind_in_sentence(&measure)
        ))),
        _ => blocks.push(paragraph(prose!(
            "There is nothing to show by ward: the records of the overall picture do not name places \
             below the district."
        ))),
    }
    blocks.extend(narrative(draft, "places"));
    Section {
        id: "places".to_owned(),
        title: "Where: the wards".to_owned(),
        level: 2,
        blocks,
    }
}

/// The edition of the wards that the tables have: of several, the newest that is not newer than the
/// window.
pub(super) fn ward_vintage(draft: &Draft<'_>) -> Option<String> {
    if let Some(map) = &draft.config.map {
        return Some(map.vintage.clone());
    }
    let wards = Selection::new("areas")
        .is("area_level", "ward")
        .one_of("district", &draft.config.districts);
    let vintages = draft.facts.rows(&wards).into_iter();
    let mut vintages: Vec<&str> = vintages.map(|row| row.text("area_vintage")).collect();
    vintages.sort_unstable();
    vintages.dedup();
    let year = draft.span.1.year().to_string();
    let not_newer = vintages.iter().rev().find(|vintage| **vintage <= &*year);
    not_newer
        .or(vintages.first())
        .map(|vintage| (*vintage).to_owned())
}

/// The wards of a measure, if each has a number or one that a release hides.
fn ward_rows(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Selection> {
    let rows = measure
        .in_any_area("window_totals")
        .is("window_id", &*draft.config.window.id)
        .is("area_level", "ward")
        .is("area_vintage", &*ward_vintage(draft)?)
        .is("area_role", measure.total.text("area_role"))
        .and(Condition::NotIn("area_code", PSEUDO_AREAS));
    let found = draft.facts.rows(&rows);
    let is_counted = Condition::count_is_shown_or_hidden();
    let are_counted = found.iter().all(|row| row.meets(&is_counted));
    (!found.is_empty() && are_counted).then_some(rows)
}

/// The wards of a measure, if each has a number: only then is it known which has the most.
fn shown_ward_rows(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Selection> {
    let rows = ward_rows(draft, measure)?;
    (hidden_wards(draft, &rows) == 0).then_some(rows)
}

/// Whether a release hides the number of a ward of a measure.
pub(super) fn hides_wards(draft: &Draft<'_>, measure: &Measure<'_>) -> bool {
    ward_rows(draft, measure).is_some_and(|rows| hidden_wards(draft, &rows) > 0)
}

/// The number of wards whose number a release hides.
fn hidden_wards(draft: &Draft<'_>, rows: &Selection) -> usize {
    let hidden = rows.clone().is("count_status", HIDDEN);
    draft.facts.rows(&hidden).len()
}

/// The three wards with most records, and their share of all in a known ward.
pub(super) fn top_wards(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Prose> {
    let rows = shown_ward_rows(draft, measure)?;
    let listing = Listing::new(rows.clone(), &["area_code", "area_name", "count_value"])
        .descending("count_value")
        .ascending("area_code")
        .first(3);
    let top = draft.facts.list(&listing);
    let [_, _, third] = &top[..] else { return None };
    if third[2].integer() == Some(0) {
        return None;
    }
    let wards = top.iter().map(|ward| {
        let count = ward_figure(draft, measure, &rows, ward);
        prose!("{} ({})", name(ward[1].text().unwrap_or_default()), count)
    });
    let codes = top.iter().map(|ward| ward[0].clone()).collect();
    let share = draft.figure(
        measure.figure_name("top-wards-share"),
        rows.clone(),
        Expression::Share("count_value", Condition::In("area_code", codes)),
        NumberFormat::Percent,
    );
    Some(prose!(
        "The three wards with most {} were {}: together {} of those in a known ward.{}",
        kind_in_sentence(measure),
        listed(wards.collect()),
        share,
        draft.short_caveat(measure)
    ))
}

/// The count of a ward, whose listing begins with its code.
fn ward_figure(
    draft: &Draft<'_>,
    measure: &Measure<'_>,
    rows: &Selection,
    ward: &[TableValue],
) -> Option<Prose> {
    let code = ward[0].text().unwrap_or_default();
    draft.figure(
        measure.figure_name(&format!("ward-{code}/count")),
        rows.clone().is("area_code", code),
        Expression::Column("count_value"),
        NumberFormat::Count,
    )
}

/// The ward with most records, with its share: for the key points.
pub(super) fn top_ward(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Prose> {
    let rows = shown_ward_rows(draft, measure)?;
    let ward = first_ward(draft, &rows)?;
    Some(prose!(
        "{} had the most {} of all wards: {}, or {} of those in a known ward.{}",
        name(ward[1].text().unwrap_or_default()),
        kind_in_sentence(measure),
        ward_figure(draft, measure, &rows, &ward),
        top_ward_share(draft, measure),
        draft.short_caveat(measure)
    ))
}

/// The share of the ward with most records, of all in a known ward.
pub(super) fn top_ward_share(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Prose> {
    let rows = shown_ward_rows(draft, measure)?;
    let ward = first_ward(draft, &rows)?;
    draft.figure(
        measure.figure_name("top-ward-share"),
        rows,
        Expression::Share("count_value", Condition::Is("area_code", ward[0].clone())),
        NumberFormat::Percent,
    )
}

/// Code, name and count of the ward with most records.
fn first_ward(draft: &Draft<'_>, rows: &Selection) -> Option<Vec<TableValue>> {
    let listing = Listing::new(rows.clone(), &["area_code", "area_name", "count_value"])
        .descending("count_value")
        .ascending("area_code")
        .first(1);
    draft.facts.list(&listing).into_iter().next()
}

fn ward_blocks(draft: &Draft<'_>, measure: &Measure<'_>) -> Vec<Block> {
    let Some(rows) = ward_rows(draft, measure) else {
        return vec![paragraph(prose!(
            "The tables have no exact numbers by ward for {}.",
            kind_in_sentence(measure)
        ))];
    };
    let mut blocks = vec![paragraph(prose!(
        "{} {}{}",
        top_wards(draft, measure).unwrap_or_else(|| hidden_note(hidden_wards(draft, &rows))),
        no_location(draft, measure),
        unofficial(draft)
    ))];
    match map_chart(draft, measure, &rows) {
        Ok(chart) => blocks.push(chart),
        Err(reason) => {
            blocks.extend(ward_bars(draft, measure, rows));
            blocks.push(paragraph(reason));
        }
    }
    blocks.extend(partnership_places(draft, measure));
    blocks
}

/// The records without a place, which are on no map.
fn no_location(draft: &Draft<'_>, measure: &Measure<'_>) -> Prose {
    let rows = measure
        .in_any_area("window_totals")
        .is("window_id", &*draft.config.window.id)
        .is("area_code", "no-location")
        .is("area_role", measure.total.text("area_role"))
        .is("area_level", "district");
    let count = draft.figure(
        measure.figure_name("no-location/count"),
        rows,
        Expression::Column("count_value"),
        NumberFormat::Count,
    );
    count.map_or_else(Prose::default, |count| {
        prose!(
            "Of everything that {} sent, {} have no location. How many of those were \
             in this area is not known. ",
            name(measure.partner_name),
            count
        )
    })
}

/// How the wards were made up, if not officially.
fn unofficial(draft: &Draft<'_>) -> Prose {
    let Some(vintage) = ward_vintage(draft) else {
        return Prose::default();
    };
    let wards = Selection::new("areas")
        .is("area_level", "ward")
        .is("area_vintage", &*vintage)
        .one_of("district", &draft.config.districts);
    let Some(ward) = draft
        .facts
        .row(&wards)
        .filter(|row| row.text("method") != "official")
    else {
        return Prose::default();
    };
    let share = draft.figure(
        "areas/wards/misplaced-pct".to_owned(),
        wards.is("area_code", ward.text("area_code")),
        Expression::TimesHundred("misplaced_share"),
        NumberFormat::Percent,
    );
    let share = share.map(|share| {
        prose!(
            " That counts {} of residents in a ward in which they do not live.",
            share
        )
    });
    prose!(
        "Small areas are never split: each counts in the ward that contains most \
             of it.{}{}",
        share,
        (!draft.config.is_public())
            .then(|| Prose::from(" These numbers are for the partnership only."))
    )
}

/// The wards as bars, where there is no map.
fn ward_bars(draft: &Draft<'_>, measure: &Measure<'_>, rows: Selection) -> Option<Block> {
    let shown = ["area_name", "count_value", "rate_per_1000", "count_status"];
    let listing = Listing::new(rows, &shown)
        .descending("count_value")
        .ascending("area_code");
    let columns = [
        ("Ward", None),
        ("Count", Some(NumberFormat::Count)),
        ("Rate per 1,000", Some(NumberFormat::Rate)),
    ];
    let first = draft.facts.list(&listing);
    let first = first.first()?[0].text().unwrap_or_default().to_owned();
    let title = if shown_ward_rows(draft, measure).is_some() {
        prose!("{} had the most {}", name(first), kind_in_sentence(measure))
    } else {
        prose!("{} by ward, as far as shown", name(measure.kind_label))
    };
    let subtitle = prose!(
        "{} by ward, {}.",
        measured(measure),
        name(&*draft.window_label)
    );
    bar_chart(draft, title, subtitle, &columns, &listing, None)
}

/// The places of the partnership: counts without a rate, since few people live there.
fn partnership_places(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Block> {
    let rows = Selection::new("window_totals")
        .is("series_kind", "total")
        .is("partner", measure.partner)
        .is("kind", measure.kind)
        .is("window_id", &*draft.config.window.id)
        .is("area_level", "place")
        .is("area_role", measure.total.text("area_role"))
        .and(Condition::count_is_shown())
        .and(Condition::NotIn("area_code", PSEUDO_AREAS));
    let places = draft.facts.rows(&rows).into_iter().map(|row| {
        let code = row.text("area_code");
        let count = draft.figure(
            measure.figure_name(&format!("place-{code}/count")),
            rows.clone().is("area_code", code),
            Expression::Column("count_value"),
            NumberFormat::Count,
        );
        prose!(
            "{}: {} {}. ",
            name(row.text("area_name")),
            count,
            kind_in_sentence(measure)
        )
    });
    let places: Vec<Prose> = places.collect();
    if places.is_empty() {
        return None;
    }
    let mut text = Prose::default();
    for place in places {
        text.push(place);
    }
    text.push("A place has no rate, since few people live there and many visit it.");
    text.push(Prose::from(draft.short_caveat(measure)));
    Some(paragraph(text))
}
