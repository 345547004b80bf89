//! `priority_monthly`: how much, month by month, of each priority and theme, in total, and under none.

use std::collections::BTreeSet;

use super::Settings;
use super::cells::{Grid, Series};
use super::current::{Class, Current};
use crate::plan::SeriesSet;

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
        let mut rows: Vec<(u32, bool)> = [total, mapped, unmapped].map(|s| (s, true)).into();
        rows.extend(of_plan.iter().enumerate().map(|(i, s)| (*s, shown.contains(i))));
        rows.sort_unstable();
        rows
    });
    Grid {
        of_class: current.classes.iter().map(of_class).collect(),
        of_partner_kind: of_partner_kind.collect(),
        series,
    }
}

/// The series that each partner and kind can show: those of its sources that sent records of the kind, and
/// any that a record fell under all the same.
fn shown(current: &Current, settings: &Settings<'_>) -> Vec<SeriesSet> {
    let partners = &settings.reference.partners;
    let mut shown = vec![SeriesSet::EMPTY; current.partner_kinds.len()];
    for (partner_kind, sources) in current.sources.iter().enumerate() {
        let kind = current.partner_kinds[partner_kind].of;
        for source in sources {
            let applicable = settings.plan.applicable(&partners.carried_by(source, kind), kind);
            shown[partner_kind] = shown[partner_kind].union(applicable);
        }
    }
    for class in &current.classes {
        let of = &mut shown[current.what[class.what as usize].partner_kind as usize];
        *of = of.union(class.series);
    }
    shown
}
