//! Factors of the plan, such as mental health, across all kinds of record.

use crate::assess::chart::share::{self, Share};
use crate::assess::document::{Block, Chart, Section};
use crate::assess::draft::{Draft, Series};
use crate::assess::prose::{in_sentence, name, prose};
use crate::assess::query::{Condition, Expression, Listing, Selection};
use crate::assess::sections::charts::ranked_label;
use crate::assess::sections::{listed_table, narrative, paragraph};
use crate::assess::value::NumberFormat;
use crate::reference::plan::Factor;

/// The fewest records that state a factor.
const KNOWN_MIN: i64 = 30;

/// A section for each factor.
pub(super) fn section(draft: &Draft<'_>) -> Vec<Section> {
    let factors = &draft.config.plan.factors;
    let mut sections: Vec<Section> = factors
        .iter()
        .map(|factor| of_factor(draft, factor))
        .collect();
    if let Some(last) = sections.last_mut() {
        last.blocks.extend(narrative(draft, "factors"));
    }
    sections
}

fn of_factor(draft: &Draft<'_>, factor: &Factor) -> Section {
    let mut blocks = vec![paragraph(prose!(
        "Partners mark records that concern {}. Many records do not state it, so \
             a share is given among those that do, between the least and the most \
             that it can be among all.",
        name(in_sentence(&factor.label))
    ))];
    match shares(draft, factor) {
        Some(chart) => blocks.push(chart),
        None => blocks.push(paragraph(prose!(
            "No kind of record states it often enough for a share."
        ))),
    }
    Section {
        id: format!("factor-{}", factor.id),
        title: format!("{} across the priorities", factor.label),
        level: 2,
        blocks,
    }
}

fn shares(draft: &Draft<'_>, factor: &Factor) -> Option<Block> {
    // Everything received, so that kinds without a district are in it too.
    let rows = Selection::new("factors")
        .is("series_kind", "total")
        .is("series", &*Series::total().id)
        .is("window_id", &*draft.config.window.id)
        .is("factor", &*factor.id)
        .is("area_code", "all-received")
        .and(Condition::count_is_shown())
        .and(Condition::NotNull("share_of_known_pct"))
        .and(Condition::NotNull("count_unknown"));
    let all = || vec!["count_value", "count_without", "count_unknown"];
    let with = Expression::Percent(vec!["count_value"], all());
    let most = Expression::Percent(vec!["count_value", "count_unknown"], all());
    let listing = Listing::new(rows, &["kind_label", "partner_name", "share_of_known_pct"])
        .with("least", with)
        .with("most", most)
        .with("unknown", Expression::Column("count_unknown"))
        .descending("share_of_known_pct")
        .ascending("partner")
        .ascending("kind");
    let found = draft.facts.rows(&listing.rows);
    let enough = found.iter().any(|row| {
        let known = row.integer("count_value").zip(row.integer("count_without"));
        known.is_some_and(|(with, without)| with + without >= KNOWN_MIN)
    });
    if !enough {
        return None;
    }
    let number = draft.next_chart();
    let id = format!("figure-{number}");
    let columns = [
        ("Records", None),
        ("Partner", None),
        ("Share of those that state it", Some(NumberFormat::Percent)),
        ("Least of all", Some(NumberFormat::Percent)),
        ("Most of all", Some(NumberFormat::Percent)),
        ("Do not state it", Some(NumberFormat::Count)),
    ];
    let data = listed_table(
        draft,
        &format!("{id}-data"),
        format!("{} by kind of record, {}", factor.label, draft.window_label),
        &columns,
        &listing,
    );
    let rows = &data.query.as_ref()?.rows;
    let shares: Vec<Share> = rows
        .iter()
        .filter_map(|row| {
            Some(Share {
                label: row[0].text()?.to_owned(),
                known: row[2].number()?,
                least: row[3].number()?,
                most: row[4].number()?,
                shown: NumberFormat::Percent.show(&row[2]),
            })
        })
        .collect();
    let (first, last) = (shares.first()?, shares.last()?);
    let title = prose!(
        "{} is recorded most often in {}",
        name(&*factor.label),
        name(in_sentence(&first.label))
    );
    let ends = [first, last].map(|share| (&*share.label, &*share.shown));
    let label = ranked_label(&title, ends);
    let drawing = share::draw(&shares, &label);
    let subtitle = prose!(
        "Everything that partners sent, {}. The dot is the share among the \
             records that state it. The bar goes from the least to the most that it \
             can be among all records.",
        name(&*draft.window_label)
    );
    Some(Block::Chart {
        chart: Box::new(Chart {
            is_open: true,
            ..Chart::new(number, (title, subtitle), drawing, data)
        }),
    })
}
