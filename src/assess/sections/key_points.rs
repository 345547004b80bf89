//! The key points: what a member reads in five minutes.

use std::collections::BTreeSet;

use jiff::ToSpan;

use crate::assess::chart::sparkline;
use crate::assess::document::{Block, DataTable, Section, TableCell};
use crate::assess::draft::{Draft, Measure, Series};
use crate::assess::prose::{Prose, any_of, day, in_words, link, listed, month, name, prose};
use crate::assess::query::{Condition, Expression, Selection};
use crate::assess::sections::charts::{last_months, signal};
use crate::assess::sections::measures::{base, count, kind_cell, kind_in_sentence};
use crate::assess::sections::places::top_ward;
use crate::assess::sections::priority::factor_shares;
use crate::assess::sections::{column, narrative};
use crate::assess::value::NumberFormat;
use crate::assess::words::{Wording, why_not};

/// The most key points.
const POINTS_MAX: usize = 7;
/// The most of them about a clear change.
const CHANGES_MAX: usize = 3;
/// The fewest records of a measure that is not the main one.
const COUNT_MIN: i64 = 50;
/// A change of the law this long after the window is a key point too.
const LAW_DAYS: i64 = 120;

/// The section.
pub(super) fn section(draft: &Draft<'_>) -> Section {
    let mut blocks = vec![Block::Bullets {
        items: points(draft),
    }];
    blocks.extend(narrative(draft, "summary"));
    blocks.push(Block::Table {
        table: at_a_glance(draft),
    });
    Section {
        id: "key-points".to_owned(),
        title: "Key points".to_owned(),
        level: 2,
        blocks,
    }
}

/// The points, in order. If there are too many, those that matter least to a reader go.
fn points(draft: &Draft<'_>) -> Vec<Prose> {
    let overview: Vec<Measure<'_>> = draft
        .config
        .overview
        .iter()
        .filter_map(|feed| draft.measure(&Series::total(), feed))
        .filter(Measure::is_supplied)
        .collect();
    let first = overview.first();
    let mut points: Vec<Prose> = first
        .filter(|measure| !is_dropped(draft, measure))
        .map(|measure| overall(draft, measure))
        .into_iter()
        .collect();
    points.extend(pinned(draft));
    // A point that was asked for is never left out.
    let points_max = (POINTS_MAX - 1).max(points.len());
    points.extend(changes(draft, first));
    points.extend(out_of_range(draft, &overview));
    points.extend(first.and_then(|measure| top_ward(draft, measure)));
    points.extend(first.and_then(|measure| factor(draft, measure)));
    points.extend(law(draft));
    points.truncate(points_max);
    points.push(gap(draft));
    points
}

/// The first feed of the overview, with its rate and its rank.
pub(super) fn overall(draft: &Draft<'_>, measure: &Measure<'_>) -> Prose {
    let mut text = draft.change_sentence(measure, &kind_in_sentence(measure).into());
    if let Some(caveat) = draft.caveat(measure) {
        text.push(prose!(" {}", caveat));
    }
    if let Some(rate) = rate_sentence(draft, measure) {
        text.push(prose!(" {}", rate));
    }
    text
}

/// `The rate is 30.7 for every 1,000 residents in this period, the third highest of 12 districts.`
fn rate_sentence(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Prose> {
    let rate = draft.total_figure(measure, "rate", "rate_per_1000", NumberFormat::Rate)?;
    let unit = match measure.total.text("population_unit") {
        "households" => " households",
        "adult-women" => " adult women",
        _ => " residents",
    };
    Some(prose!(
        "The rate is {} for every {}{}{}{}.",
        rate,
        name("1,000"),
        unit,
        (draft.config.window.months != 12).then(|| Prose::from(" in this period")),
        rank(draft, measure)
    ))
}

/// The rank among the districts that supplied a figure, if more than two of them have records.
fn rank(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Prose> {
    let of = measure.total.integer("rank_of")?;
    let districts = measure
        .in_any_area("window_totals")
        .is("window_id", &*draft.config.window.id)
        .is("rank_set", measure.total.text("rank_set"))
        .and(Condition::Between("count_min", 1, i64::MAX));
    if draft.facts.rows(&districts).len() <= 2 {
        return None;
    }
    let (least, most) = (
        measure.total.integer("rank_min")?,
        measure.total.integer("rank_max")?,
    );
    let by = if measure.total.text("rank_measure") == "rate_per_1000" {
        ""
    } else {
        " by number"
    };
    let of_figure = draft.total_figure(measure, "rank-of", "rank_of", NumberFormat::Count);
    let words = if least != most {
        prose!(
            "between {} and {}",
            name(ordinal(least)),
            name(ordinal(most))
        )
    } else if least == 1 {
        prose!("the highest")
    } else if least == of {
        prose!("the lowest")
    } else {
        prose!("the {} highest", name(ordinal(least)))
    };
    Some(prose!(", {}{} of {} districts", words, by, of_figure))
}

fn ordinal(rank: i64) -> String {
    let words = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
    ];
    let word = usize::try_from(rank - 1)
        .ok()
        .and_then(|index| words.get(index));
    word.map_or_else(|| format!("{rank}th"), |word| (*word).to_owned())
}

/// The points that the configuration asks for.
fn pinned(draft: &Draft<'_>) -> Vec<Prose> {
    let all = all_measures(draft);
    let pins = draft.config.pin.iter();
    let pinned = pins.filter_map(|pin| {
        all.iter()
            .find(|measure| measure.figure_name("count") == *pin)
    });
    pinned
        .map(|measure| draft.change_sentence(measure, &subject(measure)))
        .collect()
}

/// All measures that a key point may be about.
pub(crate) fn all_measures<'d>(draft: &Draft<'d>) -> Vec<Measure<'d>> {
    let total = [Series::total()];
    let series = total.iter().chain(&draft.series);
    series.flat_map(|series| draft.measures(series)).collect()
}

/// A measure inside a sentence that is of no section.
fn subject(measure: &Measure<'_>) -> Prose {
    if measure.series.kind == "total" {
        prose!("{}", kind_in_sentence(measure))
    } else {
        prose!(
            "{} under {}",
            kind_in_sentence(measure),
            link(measure.series.label.clone(), &measure.series.id)
        )
    }
}

/// Up to three clear changes; if there is none, how many measures could show one.
fn changes(draft: &Draft<'_>, first: Option<&Measure<'_>>) -> Vec<Prose> {
    let all = all_measures(draft);
    let mut candidates: Vec<(f64, &Measure<'_>)> = all
        .iter()
        .filter(|measure| measure.wording.is_change() && is_candidate(draft, measure))
        .map(|measure| (score(draft, measure), measure))
        .collect();
    // Equal scores keep the order of series, partner and kind.
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut chosen: Vec<Prose> = Vec::new();
    let (mut series, mut returns, mut cells) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for measure in first
        .into_iter()
        .filter(|measure| measure.wording.is_change())
    {
        returns.insert(collection(measure));
        cells.insert(cell(measure));
    }
    for (_, measure) in candidates {
        let is_new = !series.contains(&measure.series.id)
            && !returns.contains(&collection(measure))
            && !cells.contains(&cell(measure));
        if is_new && chosen.len() < CHANGES_MAX {
            series.insert(measure.series.id.clone());
            returns.insert(collection(measure));
            cells.insert(cell(measure));
            chosen.push(draft.change_sentence(measure, &subject(measure)));
        }
    }
    if chosen.is_empty() {
        chosen.push(no_change(&all, draft.baseline_words()));
    }
    chosen
}

/// The return that a measure comes from, or its own kind.
fn collection(measure: &Measure<'_>) -> (String, String) {
    let collection = measure.total.text("collection");
    let kind = if collection.is_empty() {
        measure.kind
    } else {
        collection
    };
    (measure.partner.to_owned(), kind.to_owned())
}

/// The numbers of a measure: two series with the same are one finding.
fn cell(measure: &Measure<'_>) -> (String, String, Option<i64>, Option<i64>) {
    let base = measure.change.and_then(|row| row.integer("base_min"));
    (
        measure.partner.to_owned(),
        measure.kind.to_owned(),
        measure.count(),
        base,
    )
}

fn is_dropped(draft: &Draft<'_>, measure: &Measure<'_>) -> bool {
    let name = measure.figure_name("count");
    draft.config.drop.iter().any(|drop| drop.figure == name)
}

fn is_candidate(draft: &Draft<'_>, measure: &Measure<'_>) -> bool {
    let is_pinned = draft.config.pin.contains(&measure.figure_name("count"));
    !is_dropped(draft, measure)
        && !is_pinned
        && (measure.least() >= COUNT_MIN || is_lead(draft, measure))
}

fn is_lead(draft: &Draft<'_>, measure: &Measure<'_>) -> bool {
    let lead = draft.lead(&measure.series);
    lead.is_some_and(|lead| lead.partner == measure.partner && lead.kind == measure.kind)
}

fn score(draft: &Draft<'_>, measure: &Measure<'_>) -> f64 {
    let tier = match measure.series.kind {
        "priority" if is_lead(draft, measure) => 3.0 * 1.3,
        "priority" => 3.0,
        "total" => 2.2,
        _ => 2.0,
    };
    let size = (measure.least() as f64 + 10.0).log10();
    tier * measure.wording.clarity(measure.standard_errors()) * size
}

fn no_change(all: &[Measure<'_>], before: &'static str) -> Prose {
    let of_plan = || {
        all.iter()
            .filter(|measure| measure.series.kind == "priority")
    };
    let comparable = of_plan()
        .filter(|measure| measure.wording.is_comparable())
        .count();
    let others = of_plan()
        .filter(|measure| measure.is_supplied() && !measure.wording.is_comparable())
        .filter(|measure| measure.wording != Wording::None)
        .count();
    let mut reasons: Vec<&'static str> = Vec::new();
    for measure in of_plan() {
        match measure.wording {
            Wording::NoBase => reasons.push("there is no figure to compare with"),
            Wording::TooFew => reasons.push("the numbers are too small"),
            Wording::NotComparable | Wording::Bounds => {
                reasons.extend(
                    measure
                        .why_not()
                        .into_iter()
                        .map(|reason| why_not(reason).0),
                );
            }
            Wording::WithinBreak | Wording::MaybeBeyondBreak | Wording::FlatDespiteBreak => {
                reasons.push(why_not("break").0);
            }
            Wording::Hidden | Wording::HiddenBase => {
                reasons.push("one of the numbers is hidden to protect people");
            }
            _ => {}
        }
    }
    reasons.sort_unstable();
    reasons.dedup();
    let has_reasons = !reasons.is_empty();
    let reasons = listed(reasons.into_iter().map(Prose::from).collect());
    match comparable {
        0 if !has_reasons => prose!(
            "Across the priorities, no measure can be compared with {}.",
            before
        ),
        0 => prose!(
            "Across the priorities, no measure can be compared with {}: {}.",
            before,
            reasons
        ),
        _ if others == 0 => prose!(
            "Across the priorities, {} {} can be compared with {}, and none clearly rose or fell.",
            in_words(comparable),
            if comparable == 1 {
                "measure"
            } else {
                "measures"
            },
            before
        ),
        _ => prose!(
            "Across the priorities, {} {} can be compared with {}, and none clearly rose or fell. {} \
             more cannot be compared: {}.",
            in_words(comparable),
            if comparable == 1 {
                "measure"
            } else {
                "measures"
            },
            before,
            Prose::from(in_words(others)).capitalised(),
            reasons
        ),
    }
}

/// A month of a total in which it was out of its usual range.
fn out_of_range(draft: &Draft<'_>, overview: &[Measure<'_>]) -> Option<Prose> {
    // A chart is worth a point only if it is shown.
    let measure = overview
        .iter()
        .find(|measure| signal(draft, measure).is_some())?;
    let row = signal(draft, measure)?;
    let is_above = row.text("signal") == "above";
    let (side, limit) = if is_above {
        ("above", "upper")
    } else {
        ("below", "lower")
    };
    let window = row.text("window_id");
    let rows = || measure.cells("spc").is("window_id", window);
    let figure = |what: &str, column| {
        let name = measure.figure_name(&format!("{window}/{what}"));
        draft.figure(
            name,
            rows(),
            Expression::Column(column),
            NumberFormat::Count,
        )
    };
    Some(prose!(
        "In {}, {} were {} their usual range: {}, where the range ends at {}.",
        name(row.date("window_from").map_or_else(String::new, month)),
        kind_in_sentence(measure),
        side,
        figure("count", "count_value"),
        figure(limit, limit)
    ))
}

/// A factor of the plan among the records of a kind.
fn factor(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Prose> {
    let factor = draft.config.plan.factors.first()?;
    let (known, unknown) = factor_shares(draft, measure, &factor.id)?;
    Some(prose!(
        "{} is marked in {} of the {} that state it. {} do not state it.",
        name(&*factor.label),
        known,
        kind_in_sentence(measure),
        unknown
    ))
}

/// A change of the law in the window or soon after it.
fn law(draft: &Draft<'_>) -> Option<Prose> {
    let until = draft.span.1.saturating_add(LAW_DAYS.days());
    let laws = draft
        .facts
        .rows(&Selection::new("breaks").is("effect", "law"));
    let law = laws.into_iter().find(|row| {
        row.date("break_from")
            .is_some_and(|from| draft.span.0 <= from && from <= until)
    })?;
    Some(prose!(
        "The law changed on {}. {} Figures before and after cannot be compared.",
        name(law.date("break_from").map_or_else(String::new, day)),
        name(law.text("text"))
    ))
}

/// What the figures do not show: the priorities without a record, or the one with the fewest kinds.
fn gap(draft: &Draft<'_>) -> Prose {
    let able = |series: &Series| {
        let measures = draft.measures(series);
        let able = measures.iter().filter(|measure| measure.is_supplied());
        able.count()
    };
    let mut evidence: Vec<(usize, &Series)> = draft
        .series_of("priority")
        .map(|series| (able(series), series))
        .collect();
    let none = evidence.iter().filter(|(able, _)| *able == 0);
    let none: Vec<Prose> = none
        .map(|(_, series)| link(series.label.clone(), &series.id).into())
        .collect();
    if !none.is_empty() {
        return prose!(
            "No partner sent records that show {}. That is a gap in the data, and \
             does not mean that there were none.",
            any_of(none)
        );
    }
    evidence.sort_by_key(|(able, _)| *able);
    let Some((fewest, first)) = evidence.first() else {
        return prose!("The plan has no priorities.");
    };
    let thinnest = evidence.iter().filter(|(able, _)| able == fewest);
    let thinnest: Vec<Prose> = thinnest
        .map(|(_, series)| link(series.label.clone(), &series.id).into())
        .collect();
    prose!(
        "Of the priorities, the evidence is thinnest for {}: {} kinds of record can show {}. The \
         other kinds cannot, which does not mean that there were none.",
        listed(thinnest.clone()),
        draft.kinds_that_can_show(first),
        if thinnest.len() == 1 { "it" } else { "each" }
    )
}

/// The priorities at a glance.
fn at_a_glance(draft: &Draft<'_>) -> DataTable {
    let rows = draft
        .series_of("priority")
        .map(|series| glance_row(draft, series));
    DataTable {
        id: "table-glance".to_owned(),
        caption: format!(
            "The priorities of the plan at a glance, {}",
            draft.window_label
        ),
        columns: vec![
            column("Priority", false),
            column("What we can say", false),
            column("Main measure", false),
            column("This period", true),
            column("Before", true),
            column("Last 36 months", false),
            column("Kinds of record that can show it", false),
        ],
        rows: rows.collect(),
        note: prose!(
            "[b] counting changed; [c] not shown, to protect people; [p] provisional; [u] unusual or \
             missing months, or not exact; [x] not available. ● The change can be judged. ◇ It \
             cannot. “Everything sent” means that the records name no district, so those of other \
             areas count too."
        ),
        query: None,
    }
}

fn glance_row(draft: &Draft<'_>, series: &Series) -> Vec<TableCell> {
    let mut row = vec![TableCell::from(Prose::from(link(
        series.label.clone(),
        &series.id,
    )))];
    if let Some(lead) = draft.lead(series) {
        row.push(draft.short_words(&lead).into());
        row.push(kind_cell(&lead).into());
        row.push(count(draft, &lead));
        row.push(base(draft, &lead));
        row.push(TableCell {
            picture: Some(sparkline::draw(&last_months(draft, &lead))),
            ..TableCell::default()
        });
    } else {
        row.push(prose!("◇ not supplied [x]").into());
        row.extend((0..4).map(|_| TableCell::default()));
    }
    row.push(draft.kinds_that_can_show(series).into());
    row
}
