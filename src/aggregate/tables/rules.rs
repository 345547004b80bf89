//! `rules`: what puts records under each priority and theme, whether a source can show it, and how
//! many records of the source it matched.

use std::collections::BTreeMap;

use crate::aggregate::Error;
use crate::aggregate::figures::table_set::{Folder, Framed};
use crate::aggregate::state::current::Current;
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::reference::plan::{Plan, Rule};

/// What the table answers.
const ABOUT: &str = "What puts records under each priority and theme, whether a source can show it, and what it matched.";

struct Row<'c> {
    plan: &'c Plan,
    series: usize,
    rule: &'c Rule,
    kind: usize,
    source: &'c str,
    applicable: bool,
    matched: i64,
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Row<'c>>> {
    let kinds = &folder.figures.current.partner_kinds;
    vec![
        column(
            "plan",
            "The plan.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.plan.id.clone()))),
        ),
        column(
            "series",
            "The priority or theme.",
            Of::Text(Box::new(|row: &Row<'c>| {
                Some(row.plan.series[row.series].id.clone())
            })),
        ),
        column(
            "rule",
            "Id of the rule. A record falls under a series when any of its rules matches.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.rule.id.clone()))),
        ),
        column(
            "tests",
            "What the rule asks for: all keys, of each any value.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.rule.canonical()))),
        ),
        column(
            "partner",
            "Whose records.",
            Of::Text(Box::new(|row: &Row<'c>| {
                Some(kinds[row.kind].partner.clone())
            })),
        ),
        column(
            "kind",
            "Of which kind.",
            Of::Text(Box::new(|row: &Row<'c>| Some(kinds[row.kind].kind.clone()))),
        ),
        column(
            "source",
            "From which of the partner's systems.",
            Of::Text(Box::new(|row: &Row<'c>| Some(row.source.to_owned()))),
        ),
        column(
            "applicable",
            "Whether the rule can match what the source carries (config/partners.toml): where no rule can, a series is not supplied.",
            Of::Boolean(Box::new(|row: &Row<'c>| Some(row.applicable))),
        ),
        column(
            "matched",
            "Records that it matches.",
            Of::Integer(Box::new(|row: &Row<'c>| Some(row.matched))),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    file(
        ABOUT,
        columns(folder),
        folder.framed.iter().flat_map(|framed| rows(folder, framed)),
    )
}

fn rows<'c>(folder: &'c Folder<'_>, framed: &'c Framed<'_>) -> Vec<Row<'c>> {
    let Some(plan) = framed.frame.plan else {
        return Vec::new();
    };
    let (figures, current) = (folder.figures, folder.figures.current);
    let matched = matched(current, framed, plan);
    let mut rows = Vec::new();
    for (number, series, rule) in plan.rules() {
        for &kind in &figures.order {
            let of = current.partner_kinds[kind as usize].of;
            for (i, source) in current.sources[kind as usize].iter().enumerate() {
                let carried = figures.settings.reference.partners.carried_by(source, of);
                rows.push(Row {
                    plan,
                    series,
                    rule,
                    kind: kind as usize,
                    source,
                    applicable: current.can_show(kind as usize, rule, &carried),
                    matched: matched.get(&(number, kind, i)).copied().unwrap_or_default(),
                });
            }
        }
    }
    rows
}

/// Records by rule, partner's kind and source.
fn matched(
    current: &Current,
    framed: &Framed<'_>,
    plan: &Plan,
) -> BTreeMap<(usize, u32, usize), i64> {
    let mut of_class = vec![0_i64; current.classes.len()];
    let profiles = current
        .facts
        .iter()
        .map(|fact| fact.profile)
        .chain(current.counts.iter().map(|count| count.profile));
    profiles.for_each(|profile| of_class[framed.frame.class(current, profile) as usize] += 1);
    let mut matched = BTreeMap::new();
    for (class, count) in current
        .classes
        .iter()
        .zip(of_class)
        .filter(|(_, count)| *count > 0)
    {
        let what = &current.what[class.what as usize];
        for (number, ..) in plan
            .rules()
            .filter(|(number, ..)| class.rules.contains(*number))
        {
            *matched
                .entry((number, what.partner_kind, what.source.first()))
                .or_default() += count;
        }
    }
    matched
}
