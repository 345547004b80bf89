//! The evidence for setting priorities, side by side. It has no score: harm and capacity are
//! judgements.

use crate::aggregate::tables::TableValue;
use crate::assess::document::{Block, DataTable, Section};
use crate::assess::draft::{Draft, Series};
use crate::assess::prose::{Prose, link, prose};
use crate::assess::query::{Condition, Expression};
use crate::assess::sections::measures::{count, kind_cell, number};
use crate::assess::sections::places::{hides_wards, top_ward_share};
use crate::assess::sections::{NOT_SHOWN, column, narrative, paragraph};
use crate::assess::value::NumberFormat;

/// The fewest records for a share of a ward.
const WARD_COUNT_MIN: i64 = 100;
/// The fewest records that state whether they are repeats.
const CASES_MIN: i64 = 30;

/// The section.
pub(super) fn section(draft: &Draft<'_>) -> Section {
    let rows = draft.series.iter().map(|series| row(draft, series));
    let table = DataTable {
        id: "table-decide".to_owned(),
        caption: format!(
            "Evidence for each priority and theme, {}",
            draft.window_label
        ),
        columns: vec![
            column("Priority or theme", false),
            column("What we can say", false),
            column("Main measure", false),
            column("This period", true),
            column("In the busiest ward", true),
            column("Repeats", true),
            column("Kinds of record that can show it", false),
        ],
        rows: rows.collect(),
        note: prose!(
            "A share of a ward is given from {} records, and of repeats from {} that \
             state it. [x] = not enough, or not known; [c] = not shown, to protect \
             people.",
            crate::assess::prose::constant("100"),
            crate::assess::prose::constant("30")
        ),
        query: None,
    };
    let mut blocks = vec![
        paragraph(prose!(
            "The table puts the evidence side by side. It gives no score: how much \
             harm something does, and what the partnership can do about it, are \
             judgements that no count replaces."
        )),
        Block::Table { table },
    ];
    blocks.extend(narrative(draft, "recommendations"));
    Section {
        id: "decide".to_owned(),
        title: "Evidence for setting priorities".to_owned(),
        level: 2,
        blocks,
    }
}

fn row(draft: &Draft<'_>, series: &Series) -> Vec<crate::assess::document::TableCell> {
    let first = Prose::from(link(series.label.clone(), &series.id));
    let able = draft.kinds_that_can_show(series);
    let Some(lead) = draft.lead(series) else {
        let missing = || Prose::from("[x]").into();
        return vec![
            first.into(),
            prose!("◇ not supplied [x]").into(),
            missing(),
            missing(),
            missing(),
            missing(),
            able.into(),
        ];
    };
    let is_restricted = draft.config.restricted.contains(&series.id);
    let ward = if is_restricted || hides_wards(draft, &lead) {
        Prose::from(NOT_SHOWN).into()
    } else {
        let share = (lead.least() >= WARD_COUNT_MIN)
            .then(|| top_ward_share(draft, &lead))
            .flatten();
        number(share, &TableValue::Null)
    };
    let repeats = draft
        .rows_of(&lead, "repeats")
        .one_of(
            "definition",
            &["token-victim", "token-person", "referral-repeat"],
        )
        .and(Condition::count_is_shown())
        .and(Condition::Between("cases", CASES_MIN, i64::MAX));
    let repeats = draft.facts.row(&repeats).and_then(|row| {
        let definition = row.text("definition");
        draft.figure(
            lead.figure_name(&format!("repeats-{definition}-pct")),
            draft.rows_of(&lead, "repeats").is("definition", definition),
            Expression::Column("repeat_pct"),
            NumberFormat::Percent,
        )
    });
    vec![
        first.into(),
        draft.short_words(&lead).into(),
        kind_cell(&lead).into(),
        count(draft, &lead),
        ward,
        number(repeats, &TableValue::Null),
        able.into(),
    ]
}
