//! What people call the keys of a row. Every key has a label: where no file has one, the id in
//! words, or the code itself.

use crate::aggregate::figures::areas::{ALL_RECEIVED, AreaKey, NO_LOCATION, OUTSIDE, UNPLACED};
use crate::aggregate::figures::counts::summed_unit;
use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::series::SeriesKey;
use crate::aggregate::state::current::Unit;
use crate::reference::Reference;
use crate::reference::geography::Geography;
use crate::reference::labels::in_words;
use crate::reference::plan::Plan;

/// What people call a class of offences: `V`, `S` or `S/V`.
pub(crate) fn class_label(class: &str) -> &'static str {
    match class {
        "V" => "Victim-based",
        "S" => "State-based",
        _ => "Victim-based or state-based",
    }
}

/// The label of a series under a plan.
pub(super) fn series_label(
    reference: &Reference,
    plan: Option<&Plan>,
    series: &SeriesKey,
) -> String {
    let fixed = match (series.kind, &*series.id) {
        ("total", _) => Some("Total"),
        ("mapped", _) => Some("Under any priority or theme"),
        ("unmapped", _) => Some("Under no priority or theme"),
        ("class", class) => Some(class_label(class)),
        _ => None,
    };
    let found = fixed.or_else(|| {
        if let Some(scheme) = &series.scheme {
            return reference.codes.label(scheme, None, &series.id);
        }
        let plan = plan?;
        Some(&*plan.series[plan.series_index(&series.id)?].label)
    });
    found.map_or_else(|| in_words(&series.id), str::to_owned)
}

/// What a partner's kind counts: `records`, or the unit that its totals are summed in.
pub(super) fn unit(figures: &Figures<'_>, kind: usize) -> Option<&'static str> {
    if figures.current.partner_kinds[kind].is_count() {
        summed_unit(figures, kind).map(Unit::as_str)
    } else {
        Some("records")
    }
}

/// The name of an area, or what a pseudo-area contains.
pub(super) fn area_name<'a>(geography: &'a Geography, area: &'a AreaKey) -> &'a str {
    match &*area.code {
        ALL_RECEIVED => "Everything received",
        NO_LOCATION => "No location",
        OUTSIDE => "Outside these areas",
        UNPLACED => "Unplaced",
        code => geography.area(code).map_or(code, |area| &area.name),
    }
}
