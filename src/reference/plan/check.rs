//! Plans checked against one another: days, and what becomes of each priority.

use super::{Plan, Series, SeriesKind, Status};
use crate::files::Fault;
use crate::files::fault::FaultSink;

/// Checks all plans together; gives what is odd but not refused.
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
            "is another partnership's than {}; an empty file of a built-in plan's name takes that plan away",
            file(first)
        );
        sink.add(&file(other), "partnership", reason);
    }
    let mut adopted: Vec<&Plan> = plans
        .iter()
        .filter(|p| p.status == Status::Adopted && p.valid_from <= p.valid_to)
        .collect();
    adopted.sort_by_key(|plan| plan.valid_from);
    for (i, plan) in adopted.iter().enumerate() {
        let overlap = |other: &&&Plan| {
            other.partnership == plan.partnership && other.valid_to >= plan.valid_from
        };
        for other in adopted[..i].iter().filter(overlap) {
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

/// Where series come from and what becomes of those before.
fn lineage(plan: &Plan, plans: &[Plan], sink: &FaultSink, warnings: &mut Vec<Fault>) {
    let held = |id: &str| plans.iter().find(|p| p.id == id);
    for (key, series) in keyed(plan) {
        for (i, from) in series.from.iter().enumerate() {
            match held(&from.plan).map(|p| p.position(&from.id)) {
                None => {
                    let reason = format!("plan `{}` is not held", from.plan);
                    sink.add(&file(plan), &format!("{key}.from[{i}].plan"), reason);
                }
                Some(None) => {
                    let reason = format!("`{}` is no priority or theme of {}", from.id, from.plan);
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
    match held(follows) {
        Some(before) => successor(plan, before, sink, warnings),
        None => sink.add(
            &file(plan),
            "follows",
            format!("plan `{follows}` is not held"),
        ),
    }
}

fn successor(plan: &Plan, before: &Plan, sink: &FaultSink, warnings: &mut Vec<Fault>) {
    for (i, id) in plan
        .dropped
        .iter()
        .enumerate()
        .filter(|(_, id)| before.position(id).is_none())
    {
        sink.add(
            &file(plan),
            &format!("dropped[{i}]"),
            format!("`{id}` is no priority or theme of {}", before.id),
        );
    }
    let named = |id: &str| {
        plan.series
            .iter()
            .flat_map(|s| &s.from)
            .any(|from| from.plan == before.id && from.id == id)
    };
    for gone in before
        .series
        .iter()
        .filter(|s| !named(&s.id) && !plan.dropped.contains(&s.id))
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
    let key = move |i: usize| {
        if i < priorities {
            format!("priority[{i}]")
        } else {
            format!("theme[{}]", i - priorities)
        }
    };
    plan.series
        .iter()
        .enumerate()
        .map(move |(i, series)| (key(i), series))
}

fn file(plan: &Plan) -> String {
    format!("plans/{}.toml", plan.id)
}
