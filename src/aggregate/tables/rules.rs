//! `rules`: how records qualify for each priority and theme, whether a source can show it, and how
//! many records of the source each rule matches.

use std::collections::BTreeMap;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::{PlanCounts, TableSet};
use crate::aggregate::state::current::Current;
use crate::aggregate::tables::column::{Column, ColumnPurpose, boolean, integer, specs, text};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::plan::{Plan, Rule};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "rules",
    kind: TableKind::ToJoin,
    question: None,
    rows: "How records qualify for each priority and theme, whether a source can show it, and how \
        many records match.",
    columns: || specs(columns()),
    build,
};

struct RuleRow<'f> {
    plan: &'f Plan,
    series: usize,
    rule: &'f Rule,
    kind: usize,
    source: &'f str,
    applicable: bool,
    matched: i64,
}

fn columns<'f>() -> Vec<Column<'f, RuleRow<'f>>> {
    vec![
        text(
            ColumnPurpose::PlanKey,
            "plan_id",
            "The plan.",
            |_, row: &RuleRow<'f>| Some(row.plan.id.clone()),
        ),
        text(
            ColumnPurpose::SeriesKey,
            "series",
            "The priority or theme.",
            |_, row| Some(row.plan.series[row.series].id.clone()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "rule_id",
            "Id of the rule. A record falls under a series if any of its rules matches.",
            |_, row| Some(row.rule.id.clone()),
        ),
        text(
            ColumnPurpose::Attribute,
            "tests",
            "What the rule tests: all its keys must match, each by any of its values.",
            |_, row| Some(row.rule.canonical()),
        ),
        text(
            ColumnPurpose::KindKey,
            "partner",
            "The partner that sent the records.",
            |set, row| Some(set.figures.current.partner_kinds[row.kind].partner.clone()),
        ),
        text(
            ColumnPurpose::KindKey,
            "kind",
            "The kind of the records.",
            |set, row| Some(set.figures.current.partner_kinds[row.kind].kind.clone()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "source",
            "The partner's system.",
            |_, row| Some(row.source.to_owned()),
        ),
        boolean(
            ColumnPurpose::Attribute,
            "applicable",
            "Whether the rule can match what the source carries (config/partners.toml). A series \
             without an applicable rule is not supplied.",
            |_, row| Some(row.applicable),
        ),
        integer(
            ColumnPurpose::Count,
            "matched",
            "Number of records that it matches.",
            |_, row| Some(row.matched),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let rows = set.plans.iter().flat_map(|counts| rows(set, counts));
    write_rows(&TABLE, set, columns(), rows)
}

fn rows<'f>(set: &'f TableSet<'_>, counts: &'f PlanCounts<'_>) -> Vec<RuleRow<'f>> {
    let Some(plan) = counts.series.plan else {
        return Vec::new();
    };
    let (figures, current) = (set.figures, set.figures.current);
    let matched = matched(current, counts, plan);
    let mut rows = Vec::new();
    for (number, series, rule) in plan.rules() {
        for &kind in &figures.order {
            let event_kind = current.partner_kinds[kind as usize].of;
            for (i, source) in current.sources[kind as usize].iter().enumerate() {
                let partners = &figures.settings.reference.partners;
                let carried = partners.carried_by(source, event_kind);
                rows.push(RuleRow {
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
    counts: &PlanCounts<'_>,
    plan: &Plan,
) -> BTreeMap<(usize, u32, usize), i64> {
    let mut by_class = vec![0_i64; current.classes.len()];
    let facts = current.facts.iter().map(|fact| fact.profile);
    let totals = current.counts.iter().map(|count| count.profile);
    for profile in facts.chain(totals) {
        by_class[counts.series.class(current, profile) as usize] += 1;
    }
    let mut matched = BTreeMap::new();
    for (class, count) in current.classes.iter().zip(by_class) {
        if count == 0 {
            continue;
        }
        let what = &current.what[class.what as usize];
        for (number, ..) in plan.rules() {
            if class.rules.contains(number) {
                *matched
                    .entry((number, what.partner_kind, what.source.first()))
                    .or_default() += count;
            }
        }
    }
    matched
}
