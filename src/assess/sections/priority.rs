//! The section of one priority or theme, which can be read alone.

use crate::assess::document::{Block, DataTable, Section};
use crate::assess::draft::{Draft, Measure, Series};
use crate::assess::prose::{Prose, in_words, listed, name, prose, strong};
use crate::assess::query::{Condition, Expression, Listing, Selection};
use crate::assess::sections::charts::{composition_chart, hours_chart, spc_chart};
use crate::assess::sections::measures::{self, kind_in_sentence};
use crate::assess::sections::places::top_wards;
use crate::assess::sections::{listed_table, narrative, paragraph};
use crate::assess::value::NumberFormat;
use crate::assess::words::{Wording, lineage, repeat};

/// The most clear changes at the top, beside the main measure.
const CHANGES_MAX: usize = 3;
/// The fewest records for a sentence about wards.
const WARDS_COUNT_MIN: i64 = 100;
/// The fewest records that state whether they are repeats.
const REPEAT_CASES_MIN: i64 = 30;

/// The section of a series.
pub(super) fn section(draft: &Draft<'_>, series: &Series) -> Section {
    let found = draft.measures(series);
    let lead = draft.lead(series);
    let mut blocks = vec![Block::Lede {
        prose: owner_and_lineage(draft, series),
    }];
    blocks.push(Block::InShort {
        prose: in_short(draft, &found, lead.as_ref()),
    });
    if found.iter().any(Measure::is_supplied) {
        let caption = format!(
            "{}: what partners recorded, {}",
            series.label, draft.window_label
        );
        let id = format!("table-{}", series.id);
        blocks.push(Block::Table {
            table: measures::table(draft, &id, caption, &found),
        });
    }
    if let Some(lead) = &lead {
        blocks.extend(spc_chart(draft, lead));
        blocks.extend(composition_chart(draft, lead));
        blocks.extend(wards(draft, series, lead));
        blocks.extend(hours_chart(draft, lead));
    }
    blocks.extend(repeats(draft, &found));
    blocks.extend(
        found
            .iter()
            .find_map(|measure| place_of_safety(draft, measure)),
    );
    let limits = limits(draft, &found, lead.as_ref());
    if !limits.is_empty() {
        blocks.push(Block::Limits {
            title: "What this section cannot tell you".to_owned(),
            items: limits,
        });
    }
    blocks.extend(narrative(draft, &series.id));
    Section {
        id: series.id.clone(),
        title: series.label.clone(),
        level: 3,
        blocks,
    }
}

fn owner_and_lineage(draft: &Draft<'_>, series: &Series) -> Prose {
    let owner = series.owner.clone();
    let owner = owner.map(|owner| prose!("Owner: {}. ", name(owner)));
    let rows = Selection::new("lineage")
        .is("plan_id", &*draft.config.plan.id)
        .is("series", &*series.id);
    let lines = draft.facts.rows(&rows).into_iter().map(|row| {
        let other = row.get("same_scope") == &crate::aggregate::tables::TableValue::Boolean(false);
        let rules = if other {
            "; figures under its old rules cannot be compared with these"
        } else {
            ""
        };
        prose!("{}{}. ", lineage(row.text("change")), rules)
    });
    let lines = lines.fold(Prose::default(), |mut all, line| {
        all.push(line);
        all
    });
    prose!("{}{}", owner, lines)
}

/// What a measure is called at the start of a section: the lead names its priority.
fn subject(measure: &Measure<'_>) -> Prose {
    prose!(
        "{} under this {}",
        kind_in_sentence(measure),
        measure.series.kind
    )
}

fn in_short(draft: &Draft<'_>, found: &[Measure<'_>], lead: Option<&Measure<'_>>) -> Prose {
    let Some(lead) = lead else {
        return nothing_to_show(found);
    };
    let mut text = prose!("{} ", draft.change_sentence(lead, &subject(lead)));
    if let Some(caveat) = draft.caveat(lead) {
        text.push(prose!("{} ", caveat));
    }
    let others: Vec<_> = found
        .iter()
        .filter(|measure| measure.partner != lead.partner || measure.kind != lead.kind)
        .collect();
    let changed = others.iter().filter(|measure| measure.wording.is_change());
    let mut changed: Vec<_> = changed.collect();
    changed.sort_by(|a, b| b.standard_errors().total_cmp(&a.standard_errors()));
    for measure in changed.iter().take(CHANGES_MAX) {
        let subject = Prose::from(kind_in_sentence(measure));
        text.push(prose!("{} ", draft.change_sentence(measure, &subject)));
    }
    if changed.is_empty() {
        text.push(other_measures(lead, &others));
    }
    text.push(factor_sentences(draft, lead));
    text
}

/// What a section says that has no number.
fn nothing_to_show(found: &[Measure<'_>]) -> Prose {
    if !found.iter().any(Measure::is_supplied) {
        return prose!(
            "No partner sent records that show this. That is a gap in the data, and does not mean \
             that there were none."
        );
    }
    if found
        .iter()
        .any(|measure| measure.wording == Wording::Bounds)
    {
        return prose!(
            "What partners sent gives no number for this, because months or parts are missing."
        );
    }
    prose!("The records that can show this show none.")
}

fn other_measures(lead: &Measure<'_>, others: &[&Measure<'_>]) -> Prose {
    let comparable = others
        .iter()
        .filter(|measure| measure.wording.is_comparable())
        .count();
    match comparable {
        0 if lead.wording.is_comparable() => prose!("No other kind of record can be compared. "),
        0 => prose!("No kind of record can be compared here. "),
        1 => prose!("One other kind of record can be compared, and shows no clear change. "),
        _ => prose!(
            "Of the other kinds of record, {} can be compared, and none shows a clear \
             change. ",
            in_words(comparable)
        ),
    }
}

/// The share of records with each factor of the plan, and of those that do not state it.
fn factor_sentences(draft: &Draft<'_>, lead: &Measure<'_>) -> Prose {
    let mut text = Prose::default();
    for factor in &draft.config.plan.factors {
        // A priority about the factor itself consists of records with it.
        if factor.id == lead.series.id {
            continue;
        }
        if let Some((known, unknown)) = factor_shares(draft, lead, &factor.id) {
            text.push(prose!(
                "{} is marked in {} of those that state it; {} do not state it. ",
                name(&*factor.label),
                known,
                unknown
            ));
        }
    }
    text
}

/// The share among records that state a factor, and the share that does not state it.
pub(super) fn factor_shares(
    draft: &Draft<'_>,
    measure: &Measure<'_>,
    factor: &str,
) -> Option<(Prose, Prose)> {
    let rows = draft.rows_of(measure, "factors").is("factor", factor);
    let known = draft.figure(
        measure.figure_name(&format!("factor-{factor}-share")),
        rows.clone(),
        Expression::Column("share_of_known_pct"),
        NumberFormat::Percent,
    )?;
    let all = vec!["count_value", "count_without", "count_unknown"];
    let unknown = draft.figure(
        measure.figure_name(&format!("factor-{factor}-unknown")),
        rows,
        Expression::Percent(vec!["count_unknown"], all),
        NumberFormat::Percent,
    )?;
    Some((known, unknown))
}

fn wards(draft: &Draft<'_>, series: &Series, lead: &Measure<'_>) -> Option<Block> {
    if draft.config.restricted.contains(&series.id) {
        return Some(paragraph(prose!(
            "Where these happened is not shown below the district [c]."
        )));
    }
    if lead.least() < WARDS_COUNT_MIN {
        return None;
    }
    top_wards(draft, lead).map(paragraph)
}

/// How many are repeats, where enough records state it.
fn repeats(draft: &Draft<'_>, found: &[Measure<'_>]) -> Vec<Block> {
    let mut items = Vec::new();
    for measure in found {
        for row in draft.facts.rows(&draft.rows_of(measure, "repeats")) {
            let cases = row.integer("cases").unwrap_or_default();
            // If all are repeats, the series consists of them.
            let are_all = row.integer("count_value") == Some(cases);
            if cases >= REPEAT_CASES_MIN && !are_all && row.meets(&Condition::count_is_shown()) {
                let is_none = row.integer("count_value") == Some(0);
                items.push(repeat_sentence(
                    draft,
                    measure,
                    row.text("definition"),
                    is_none,
                ));
            }
        }
    }
    if items.is_empty() {
        return Vec::new();
    }
    let text = "Repeats".to_owned();
    vec![Block::Heading { text }, Block::Bullets { items }]
}

fn repeat_sentence(
    draft: &Draft<'_>,
    measure: &Measure<'_>,
    definition: &str,
    is_none: bool,
) -> Prose {
    let rows = draft
        .rows_of(measure, "repeats")
        .is("definition", definition);
    let figure = |what: &str, column, format| {
        let name = measure.figure_name(&format!("repeats-{definition}-{what}"));
        draft.figure(name, rows.clone(), Expression::Column(column), format)
    };
    let share = if is_none {
        Prose::from("none")
    } else {
        figure("pct", "repeat_pct", NumberFormat::Percent).into()
    };
    prose!(
        "{}: in {} of the {} that state it, {}.",
        name(measure.kind_label),
        share,
        figure("cases", "cases", NumberFormat::Count),
        repeat(definition)
    )
}

/// Where people detained were taken, if the measure is of all detentions.
fn place_of_safety(draft: &Draft<'_>, measure: &Measure<'_>) -> Option<Block> {
    if measure.series.id != "mental-health" || measure.kind != "detention" {
        return None;
    }
    let rows = Selection::new("place_of_safety")
        .is("partner", measure.partner)
        .is("kind", measure.kind)
        .is("area_code", measure.total.text("area_code"))
        .and(Condition::Is(
            "area_role",
            measure.total.get("area_role").clone(),
        ))
        .and(Condition::StartsWith("window_id", "month:"))
        .and(Condition::Days("window_from", draft.span.0, draft.span.1));
    let found = draft.facts.rows(&rows);
    if found.is_empty() || found.iter().any(|row| row.text("count_status") != "exact") {
        return None;
    }
    let listing = Listing::new(rows, &["place_of_safety", "regime"])
        .with("count", Expression::Sum("count_value"))
        .grouped(&["place_of_safety", "regime"]);
    let columns = [
        ("Place of safety", None),
        ("Law", None),
        ("Detentions", Some(NumberFormat::Count)),
    ];
    let caption = format!(
        "Where people detained by the police were taken, {}",
        draft.window_label
    );
    let mut table: DataTable =
        listed_table(draft, "table-place-of-safety", caption, &columns, &listing);
    for cell in table.rows.iter_mut().flat_map(|row| row.iter_mut().take(2)) {
        let text = cell.prose.plain();
        let words = match &*text {
            "" => "Not sent".to_owned(),
            text if text.starts_with("from-") => "From 11 December 2017".to_owned(),
            text if text.starts_with("before-") => "Before 11 December 2017".to_owned(),
            text => crate::reference::labels::in_words(text),
        };
        *cell = Prose::from(name(words)).into();
    }
    Some(Block::Table { table })
}

/// The kinds with months in the window that are not kept.
fn without_records(found: &[Measure<'_>]) -> Option<Prose> {
    let kinds = found
        .iter()
        .filter(|measure| measure.total.text("data_status") == "not_kept");
    let kinds: Vec<Prose> = kinds
        .map(|measure| prose!("{}", kind_in_sentence(measure)))
        .collect();
    (!kinds.is_empty()).then(|| {
        prose!(
            "{} of {}: their retention period has ended.",
            strong("Months without records"),
            listed(kinds)
        )
    })
}

/// What the section cannot show, in a fixed order.
fn limits(draft: &Draft<'_>, found: &[Measure<'_>], lead: Option<&Measure<'_>>) -> Vec<Prose> {
    let mut items = Vec::new();
    let named = |test: &dyn Fn(&Measure<'_>) -> bool| -> Vec<Prose> {
        let measures = found.iter().filter(|measure| test(measure));
        measures
            .map(|measure| kind_in_sentence(measure).into())
            .collect()
    };
    let reason = |measure: &Measure<'_>| measure.total.text("count_reason").to_owned();
    let mute = named(&|measure| !measure.is_supplied() && reason(measure) == "cannot_show");
    if !mute.is_empty() {
        items.push(prose!(
            "{}: {}. They do not have the codes or marks for it.",
            strong("Cannot show this"),
            listed(mute)
        ));
    }
    let missing = named(&|measure| !measure.is_supplied() && reason(measure) != "cannot_show");
    if !missing.is_empty() {
        items.push(prose!(
            "{}: {}.",
            strong("Nothing received for this area and period"),
            listed(missing)
        ));
    }
    items.extend(changed_counting(draft, found));
    if named(&|measure| measure.kind == "crime" && measure.is_supplied()).len() == 1 {
        items.push(prose!(
            "{} Much harm never reaches the police. A fall in records can be a fall \
             in reporting.",
            strong("Only what is reported and recorded.")
        ));
    }
    let with_months = |status: &str, reason: &str| -> Vec<Prose> {
        let measures = found.iter().filter(|measure| measure.is_supplied());
        let measures = measures.filter(|measure| {
            measure.total.text("data_status") == status || measure.why_not().contains(&reason)
        });
        measures
            .map(|measure| {
                let months = draft.months_to_name(measure, status);
                let months = months.map(|months| prose!(" ({})", months));
                prose!("{}{}", kind_in_sentence(measure), months)
            })
            .collect()
    };
    let unusual = with_months("suspect", "suspect");
    if !unusual.is_empty() {
        items.push(prose!(
            "{} in {}. The counts are as received, and no change is read from them.",
            strong("Unusual months"),
            listed(unusual)
        ));
    }
    let late = with_months("overdue", "missing");
    if !late.is_empty() {
        items.push(prose!(
            "{} in {}.",
            strong("Missing months or parts"),
            listed(late)
        ));
    }
    items.extend(without_records(found));
    if let Some(measure) = lead.filter(|lead| lead.wording == Wording::NoBase) {
        let reason = if draft.config.is_public() {
            "the published tables have no number of"
        } else {
            "there are no"
        };
        items.push(prose!(
            "{}: {} {} for {}.",
            strong("No comparison"),
            reason,
            kind_in_sentence(measure),
            draft.baseline_words()
        ));
    }
    let everywhere = named(&|measure| measure.is_supplied() && measure.is_everything());
    if !everywhere.is_empty() {
        items.push(prose!(
            "{}: the records of {} do not name a district, so everything that the \
             partner sent is counted.",
            strong("Not only this area"),
            listed(everywhere)
        ));
    }
    if let Some(lead) = lead.filter(|lead| lead.wording == Wording::TooFew) {
        items.push(prose!(
            "{}: there are too few {} to show a change, a place or a time.",
            strong("Small numbers"),
            kind_in_sentence(lead)
        ));
    }
    items
}

/// The breaks between the two periods of any measure.
fn changed_counting(draft: &Draft<'_>, found: &[Measure<'_>]) -> Vec<Prose> {
    let mut seen: Vec<&str> = Vec::new();
    let mut items = Vec::new();
    for measure in found.iter().filter(|measure| measure.is_supplied()) {
        for id in measure.breaks() {
            let Some(row) = draft.break_row(id).filter(|_| !seen.contains(&id)) else {
                continue;
            };
            seen.push(id);
            items.push(prose!(
                "{} for {}: {}",
                strong("Counting changed"),
                kind_in_sentence(measure),
                name(row.text("text"))
            ));
        }
    }
    items
}
