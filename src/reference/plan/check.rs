//! Plans checked against one another: days, and what becomes of each priority.

use super::{Plan, PlanStatus, Series, SeriesKind};
use crate::files::Fault;
use crate::files::fault::FaultSink;

/// Checks all plans together; returns warnings.
pub(super) fn together(plans: &[Plan], sink: &FaultSink) -> Vec<Fault> {
    let mut warnings = Vec::new();
    days(plans, sink, &mut warnings);
    for plan in plans {
        lineage(plan, plans, sink, &mut warnings);
    }
    warnings
}

/// Two adopted plans on one day, plans of several partnerships; and, as a warning, days without a
/// plan.
fn days(plans: &[Plan], sink: &FaultSink, warnings: &mut Vec<Fault>) {
    if let Some((first, other)) = plans
        .first()
        .zip(plans.iter().find(|p| p.partnership != plans[0].partnership))
    {
        let reason = format!(
            "belongs to another partnership than {}; an empty file with the name of a built-in plan removes \
             that plan",
            file(first)
        );
        sink.add(&file(other), "partnership", reason);
    }
    let mut adopted: Vec<&Plan> = plans
        .iter()
        .filter(|p| p.status == PlanStatus::Adopted && p.valid_from <= p.valid_to)
        .collect();
    adopted.sort_by_key(|plan| plan.valid_from);
    for (i, plan) in adopted.iter().enumerate() {
        let overlapping = adopted[..i].iter().filter(|other| {
            other.partnership == plan.partnership && other.valid_to >= plan.valid_from
        });
        for other in overlapping {
            let reason = format!(
                "{} is in force on that day, until {}",
                other.id, other.valid_to
            );
            sink.add(&file(plan), "valid_from", reason);
        }
    }
    for pair in adopted.windows(2) {
        let (Ok(first), Ok(last)) = (pair[0].valid_to.tomorrow(), pair[1].valid_from.yesterday())
        else {
            continue;
        };
        if first <= last {
            let reason = format!("no plan is in force from {first} to {last}");
            warnings.push(Fault::new(file(pair[1]), "valid_from", reason));
        }
    }
}

/// Where series come from, and what the plan did with those of the plan before it.
fn lineage(plan: &Plan, plans: &[Plan], sink: &FaultSink, warnings: &mut Vec<Fault>) {
    for (key, series) in keyed(plan) {
        for (i, from) in series.from.iter().enumerate() {
            match find(plans, &from.plan).map(|p| p.series_index(&from.id)) {
                None => {
                    let reason = format!("plan `{}` does not exist", from.plan);
                    sink.add(&file(plan), &format!("{key}.from[{i}].plan"), reason);
                }
                Some(None) => {
                    let reason =
                        format!("`{}` is not a priority or theme of {}", from.id, from.plan);
                    sink.add(&file(plan), &format!("{key}.from[{i}].id"), reason);
                }
                Some(Some(_)) => {}
            }
        }
        if series.kind == SeriesKind::Priority && series.owner.is_none() {
            warnings.push(Fault::new(
                file(plan),
                key,
                format!("priority `{}` has no owner", series.id),
            ));
        }
    }
    let Some(follows) = &plan.follows else {
        if !plan.dropped.is_empty() {
            sink.add(
                &file(plan),
                "dropped",
                "without `follows` there is nothing to drop",
            );
        }
        return;
    };
    match find(plans, follows) {
        Some(before) => successor(plan, before, sink, warnings),
        None => sink.add(
            &file(plan),
            "follows",
            format!("plan `{follows}` does not exist"),
        ),
    }
}

fn successor(plan: &Plan, before: &Plan, sink: &FaultSink, warnings: &mut Vec<Fault>) {
    for (i, id) in plan
        .dropped
        .iter()
        .enumerate()
        .filter(|(_, id)| before.series_index(id).is_none())
    {
        sink.add(
            &file(plan),
            &format!("dropped[{i}]"),
            format!("`{id}` is not a priority or theme of {}", before.id),
        );
    }
    for gone in before
        .series
        .iter()
        .filter(|s| !comes_from(plan, before, &s.id) && !plan.dropped.contains(&s.id))
    {
        let reason = format!(
            "`{}` of {} is neither named in a `from` nor dropped",
            gone.id, before.id
        );
        sink.add(&file(plan), "dropped", reason);
    }
    for (key, series) in keyed(plan) {
        let same = before
            .series
            .iter()
            .find(|s| s.id == series.id && s.scope != series.scope);
        if let Some(same) = same {
            let reason = format!(
                "`{}` has other rules than in {} ({} then {})",
                series.id, before.id, same.scope, series.scope
            );
            warnings.push(Fault::new(file(plan), format!("{key}.rules"), reason));
        }
    }
}

/// Each series with its key in the file.
fn keyed(plan: &Plan) -> impl Iterator<Item = (String, &Series)> {
    let priorities = plan
        .series
        .iter()
        .filter(|s| s.kind == SeriesKind::Priority)
        .count();
    plan.series.iter().enumerate().map(move |(i, series)| {
        let key = match i.checked_sub(priorities) {
            None => format!("priority[{i}]"),
            Some(theme) => format!("theme[{theme}]"),
        };
        (key, series)
    })
}

fn find<'p>(plans: &'p [Plan], id: &str) -> Option<&'p Plan> {
    plans.iter().find(|plan| plan.id == id)
}

/// Whether a series of a plan comes from a series of the plan before it.
fn comes_from(plan: &Plan, before: &Plan, id: &str) -> bool {
    plan.series
        .iter()
        .flat_map(|series| &series.from)
        .any(|from| from.plan == before.id && from.id == id)
}

fn file(plan: &Plan) -> String {
    format!("plans/{}.toml", plan.id)
}
