//! The overall picture: all records of the kinds that the configuration names.

use crate::aggregate::tables::TableValue;
use crate::assess::document::{Block, Section};
use crate::assess::draft::{Draft, Measure, Series};
use crate::assess::prose::{Prose, listed, name, prose};
use crate::assess::query::{Condition, HIDDEN, Listing, Selection};
use crate::assess::sections::charts::{bar_chart, hours_chart, main_scheme, measured, spc_chart};
use crate::assess::sections::key_points::overall;
use crate::assess::sections::measures::{self, kind_in_sentence};
use crate::assess::sections::{PSEUDO_AREAS, hidden_note, listed_table, narrative, paragraph};
use crate::assess::value::NumberFormat;

/// The most frequent codes that are shown.
const CODES: usize = 10;

/// The section.
pub(super) fn section(draft: &Draft<'_>) -> Section {
    let feeds = draft.config.overview.iter();
    let found: Vec<Measure<'_>> = feeds
        .filter_map(|feed| draft.measure(&Series::total(), feed))
        .collect();
    let mut blocks = Vec::new();
    if let Some(first) = found.first().filter(|first| first.is_supplied()) {
        blocks.push(paragraph(overall(draft, first)));
    }
    if found.iter().any(Measure::is_supplied) {
        blocks.push(Block::Table {
            table: measures::table(
                draft,
                "table-overall",
                format!("All records, {}", draft.window_label),
                &found,
            ),
        });
    } else {
        let kinds = found.iter();
        let kinds = kinds.map(|measure| kind_in_sentence(measure).into());
        blocks.push(paragraph(prose!(
            "No {} were received for this period.",
            listed(kinds.collect())
        )));
    }
    if let Some(first) = found.first().filter(|first| first.is_supplied()) {
        blocks.extend(spc_chart(draft, first));
        // Lists of totals have sums beside their parts.
        if !first.kind.starts_with("count:") {
            blocks.extend(codes(draft, first));
        }
        blocks.extend(hours_chart(draft, first));
        blocks.extend(districts(draft, first));
        blocks.extend(outcomes(draft, first));
    }
    blocks.extend(narrative(draft, "overview"));
    Section {
        id: "overall".to_owned(),
        title: format!("{} overall", draft.area_name),
        level: 2,
        blocks,
    }
}

/// Rows of `window_totals` of the same kind and window.
fn rows_of_kind(draft: &Draft<'_>, measure: &Measure<'_>) -> Selection {
    Selection::new("window_totals")
        .is("partner", measure.partner)
        .is("kind", measure.kind)
        .is("window_id", &*draft.config.window.id)
}

/// The most frequent codes.
fn codes(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Block> {
    let rows = rows_of_kind(draft, measure)
        .is("series_kind", "category")
        .is("area_code", measure.total.text("area_code"))
        .and(Condition::Is(
            "area_role",
            measure.total.get("area_role").clone(),
        ))
        .and(Condition::count_is_shown());
    let scheme = main_scheme(&draft.facts.rows(&rows), "scheme")?;
    let rows = rows.is("scheme", scheme);
    let listing = Listing::new(rows, &["series_label", "count_value", "share_pct"])
        .descending("count_value")
        .ascending("series")
        .first(CODES);
    let first = draft.facts.list(&listing);
    let first = first.first()?[0].text()?;
    let title = prose!(
        "The most frequent of the {}: {}",
        kind_in_sentence(measure),
        name(first)
    );
    let subtitle = prose!(
        "{} by code, {}: the most frequent.",
        measured(measure),
        name(&*draft.window_label)
    );
    let columns = [
        ("Code", None),
        ("Count", Some(NumberFormat::Count)),
        ("Share of all", Some(NumberFormat::Percent)),
    ];
    bar_chart(draft, title, subtitle, &columns, &listing, None)
}

/// The districts, if more than two of them had records: by rate if all have a population.
fn districts(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Block> {
    let rank_set = measure.total.text("rank_set");
    if rank_set.is_empty() || measure.is_everything() {
        return None;
    }
    let rows = rows_of_kind(draft, measure)
        .is("series_kind", "total")
        .is("area_level", "district")
        .is("rank_set", rank_set)
        .and(Condition::count_is_shown_or_hidden())
        .and(Condition::NotIn("area_code", PSEUDO_AREAS));
    let found = draft.facts.rows(&rows);
    let some = found
        .iter()
        .filter(|row| row.integer("count_value") > Some(0));
    if some.count() <= 2 {
        return None;
    }
    let hidden = found
        .iter()
        .filter(|row| row.text("count_status") == HIDDEN);
    let hidden = hidden.count();
    let rates = found
        .iter()
        .filter(|row| !row.get("rate_per_1000").is_null());
    let have_rates = rates.count() + hidden == found.len();
    let rate = ("Rate per 1,000", Some(NumberFormat::Rate));
    let count = ("Count", Some(NumberFormat::Count));
    let (listing, columns, by) = if have_rates {
        let shown = ["area_name", "rate_per_1000", "count_value", "count_status"];
        let listing = Listing::new(rows, &shown);
        (
            listing.descending("rate_per_1000"),
            [("District", None), rate, count],
            "rate",
        )
    } else {
        let shown = ["area_name", "count_value", "rate_per_1000", "count_status"];
        let listing = Listing::new(rows, &shown);
        (
            listing.descending("count_value"),
            [("District", None), count, rate],
            "number",
        )
    };
    let listing = listing.ascending("area_code");
    let own = draft.area_name.clone();
    let title = prose!(
        "{} by district: {} beside the others, by {}",
        name(measure.kind_label),
        name(own.clone()),
        by
    );
    let subtitle = prose!(
        "{}, {}. Large districts have more records: compare the rates. {}",
        measured(measure),
        name(&*draft.window_label),
        hidden_note(hidden)
    );
    bar_chart(draft, title, subtitle, &columns, &listing, Some(&own))
}

/// How cases were resolved so far.
fn outcomes(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Block> {
    let rows = draft
        .rows_of(measure, "outcomes")
        .is("outcome", TableValue::Null)
        .and(Condition::count_is_shown_or_hidden());
    let shown = ["outcome_label", "count_value", "share_pct", "count_status"];
    let listing = Listing::new(rows, &shown)
        .descending("count_value")
        .ascending("outcome_group");
    if draft.facts.list(&listing).len() < 2 {
        return None;
    }
    let columns = [
        ("Outcome", None),
        ("Count", Some(NumberFormat::Count)),
        ("Share", Some(NumberFormat::Percent)),
    ];
    let caption = format!("{}: outcomes as at {}", measure.kind_label, draft.as_at());
    let mut table = listed_table(draft, "table-outcomes", caption, &columns, &listing);
    table.note = Prose::from(
        "Outcomes come in for years. Recent periods have fewer outcomes so far, so do not compare \
         them with earlier ones.",
    );
    Some(Block::Table { table })
}
