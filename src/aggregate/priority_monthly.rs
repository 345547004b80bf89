//! `priority_monthly`: how much, month by month, of each priority and theme, in total, and under none.

use std::collections::BTreeSet;

use super::Settings;
use super::cells::{Grid, Series};
use super::current::{Class, Current, SourceSet};

/// What the table counts.
pub(super) fn grid(current: &Current, settings: &Settings<'_>) -> Grid {
    let plan = settings.plan;
    let whole = ["total", "mapped", "unmapped"].map(|kind| Series { kind, id: kind.to_owned(), scheme: None });
    let of_plan = plan.series.iter().map(|s| Series { kind: s.kind.as_str(), id: s.id.clone(), scheme: None });
    let of_plan: Vec<Series> = of_plan.collect();
    let series: BTreeSet<Series> = whole.iter().chain(&of_plan).cloned().collect();
    let series: Vec<Series> = series.into_iter().collect();
    let place = |of: &Series| series.binary_search(of).unwrap_or_default() as u32;
    let [total, mapped, unmapped] = [&whole[0], &whole[1], &whole[2]].map(place);
    let of_plan: Vec<u32> = of_plan.iter().map(place).collect();
    let of_class = |class: &Class| {
        let within = if class.series.is_empty() { unmapped } else { mapped };
        [total, within].into_iter().chain(class.series.iter().map(|i| of_plan[i])).collect()
    };
    let of_partner_kind = shown(current, settings).into_iter().map(|shown| {
        let mut rows: Vec<(u32, SourceSet)> = [total, mapped, unmapped].map(|s| (s, SourceSet(u64::MAX))).into();
        rows.extend(of_plan.iter().copied().zip(shown));
        rows.sort_unstable_by_key(|(series, _)| *series);
        rows
    });
    Grid {
        of_class: current.classes.iter().map(of_class).collect(),
        of_partner_kind: of_partner_kind.collect(),
        series,
    }
}

/// For each partner and kind, and each series of the plan: the sources that can show it by what they carry, and
/// those of which a record fell under it all the same.
fn shown(current: &Current, settings: &Settings<'_>) -> Vec<Vec<SourceSet>> {
    let Settings { plan, reference, .. } = settings;
    let mut shown = vec![vec![SourceSet::default(); plan.series.len()]; current.partner_kinds.len()];
    for (partner_kind, sources) in current.sources.iter().enumerate() {
        let kind = current.partner_kinds[partner_kind].of;
        for (i, source) in sources.iter().enumerate() {
            let applicable = plan.applicable(&reference.partners.carried_by(source, kind), kind);
            applicable.iter().for_each(|series| shown[partner_kind][series].add(SourceSet::one(i)));
        }
    }
    for class in &current.classes {
        let what = &current.what[class.what as usize];
        class.series.iter().for_each(|series| shown[what.partner_kind as usize][series].add(what.source));
    }
    shown
}
