//! Finds what an argument names: a plan, a series, an area, a window, a partner, an event kind. An
//! unknown name is an error with the nearest known name, or the list of them.

use anyhow::{Context, anyhow, bail};

use crate::aggregate::figures::areas::PSEUDO_AREAS;
use crate::aggregate::tables::{self, TABLES, TableSpec};
use crate::aggregate::{IN_FORCE, PlanChoice};
use crate::config::Config;
use crate::event::Kind;
use crate::files::fault::{hint_or_known, nearest};
use crate::reference::Reference;
use crate::reference::geography::Area;
use crate::reference::plan::{Plan, Series};
use crate::reference::windows::{Family, Window};

/// The families whose name may be left out.
const SHORT_FAMILIES: [Family; 4] = [
    Family::FinancialYear,
    Family::Month,
    Family::Quarter,
    Family::Year,
];
/// The months over which windows are suggested: 30 years.
const SUGGESTED_MONTHS: i32 = 360;
/// The series that every plan has.
const TOTALS: [&str; 3] = ["total", "mapped", "unmapped"];

/// The plan with that id.
pub(super) fn plan<'r>(reference: &'r Reference, id: &str) -> anyhow::Result<&'r Plan> {
    reference
        .plans
        .get(id)
        .ok_or_else(|| unknown_plan(reference, id))
}

/// The folders of tables for a list of plan ids, `in-force` among them.
pub(super) fn table_folders<'r>(
    reference: &'r Reference,
    ids: &[String],
) -> anyhow::Result<Vec<PlanChoice<'r>>> {
    PlanChoice::parse(reference, ids).map_err(|id| unknown_plan(reference, id))
}

/// The folder of tables with that id: by default of the first plan of the settings, else `in-force`.
pub(super) fn table_folder<'r>(
    reference: &'r Reference,
    config: &Config,
    id: Option<String>,
) -> anyhow::Result<PlanChoice<'r>> {
    let id = id.or_else(|| config.plans.first().cloned());
    let folders = table_folders(reference, &[id.unwrap_or_else(|| IN_FORCE.to_owned())])?;
    folders.into_iter().next().context("no plan")
}

/// The table of a name.
pub(super) fn table(name: &str) -> anyhow::Result<&'static TableSpec> {
    let known = TABLES.iter().map(|table| table.name);
    tables::find(name).ok_or_else(|| anyhow!(unknown("table", name, known)))
}

fn unknown_plan(reference: &Reference, id: &str) -> anyhow::Error {
    anyhow!(unknown(
        "plan",
        id,
        reference.plans.iter().map(|plan| &*plan.id)
    ))
}

/// The window with that id. A month, quarter, financial year or calendar year needs no family:
/// `2017-18` is `fy:2017-18`.
pub(super) fn window(reference: &Reference, text: &str) -> anyhow::Result<Window> {
    let windows = &reference.windows;
    let id = text.to_lowercase().replace('/', "-");
    if let Some(window) = windows.get(text).or_else(|| windows.get(&id)) {
        return Ok(window);
    }
    let families = SHORT_FAMILIES.map(|family| format!("{}:{id}", family.as_str()));
    let found: Vec<Window> = families.iter().filter_map(|id| windows.get(id)).collect();
    match &*found {
        [window] => Ok(window.clone()),
        [] => {
            let first = windows.first_month;
            let known = windows.over(first, first.plus(SUGGESTED_MONTHS));
            let known = known.iter().map(|window| &*window.id);
            let own = [id];
            let tried = if text.contains(':') {
                &own[..]
            } else {
                &families[..]
            };
            let near = tried
                .iter()
                .find_map(|id| nearest(id, known.clone()))
                .map_or_else(
                    || ": write one such as month:2018-10, 2017-18 or fy:2017-18".to_owned(),
                    |near| format!("; did you mean `{near}`?"),
                );
            bail!("unknown window `{text}`{near}")
        }
        several => {
            let ids: Vec<String> = several.iter().map(|window| format!("`{window}`")).collect();
            bail!("`{text}` has several meanings: write {}", ids.join(" or "))
        }
    }
}

/// The code of an area, given by its code or its name. A name of several areas is an error that lists
/// their codes.
pub(super) fn area(reference: &Reference, text: &str) -> anyhow::Result<String> {
    let geography = &reference.geography;
    let code = text.to_uppercase();
    for code in [text, &*code] {
        if geography.area(code).is_some() {
            return Ok(code.to_owned());
        }
        if let Some((id, _)) = geography.named_area(code) {
            return Ok(id.to_owned());
        }
    }
    let lower = text.to_lowercase();
    let has_name = |area: &&Area| area.name.to_lowercase() == lower;
    let found: Vec<&Area> = geography.areas().filter(has_name).collect();
    match &*found {
        [area] => Ok(area.code.clone()),
        // Tables also have areas that no file of geography/ lists.
        [] if is_code(&code) => Ok(code),
        [] if PSEUDO_AREAS.contains(&text) => Ok(text.to_owned()),
        [] => {
            let names: Vec<(String, &Area)> = geography
                .areas()
                .map(|area| (area.name.to_lowercase(), area))
                .collect();
            let known = names.iter().map(|(name, _)| &**name);
            let known = known.chain(PSEUDO_AREAS);
            let near = nearest(&lower, known).map(|near| {
                let area = names.iter().find(|(name, _)| name == near);
                area.map_or(near, |(_, area)| &*area.name)
            });
            bail!(
                "unknown area `{text}`{}",
                near.map_or_else(
                    || ": write a name such as Maidstone, or a code such as E07000110".to_owned(),
                    |near| format!("; did you mean `{near}`?")
                )
            )
        }
        several => {
            let codes: Vec<String> = several.iter().map(|area| area_text(area)).collect();
            bail!(
                "`{text}` is the name of {} areas; write a code: {}",
                codes.len(),
                codes.join(", ")
            )
        }
    }
}

/// `E05005001 (ward 2019)`.
fn area_text(area: &Area) -> String {
    let vintages: Vec<String> = area.vintages.iter().map(u16::to_string).collect();
    let level = area.level.as_str();
    format!("{} ({level} {})", area.code, vintages.join(", ")).replace(" )", ")")
}

/// Whether a text has the form of a code that the tables may have though no file lists it: of the Office
/// for National Statistics (`E01024374`), or an outward postcode (`ME14`).
fn is_code(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let rest = &text.as_bytes()[letters..];
    let is_digits = rest.iter().all(u8::is_ascii_digit);
    let is_outward = rest.first().is_some_and(u8::is_ascii_digit) && rest.len() <= 2;
    letters == 1 && is_digits && text.len() == 9 || (1..=2).contains(&letters) && is_outward
}

/// The id of a series, given by its id, the name of a priority or theme, or as `scheme:code`.
pub(super) fn series(reference: &Reference, plan: &Plan, text: &str) -> anyhow::Result<String> {
    if let Some((scheme, _)) = text.split_once(':') {
        let schemes = reference.schemes();
        if schemes.contains(scheme) {
            return Ok(text.to_owned());
        }
        let schemes = schemes.iter().map(String::as_str);
        bail!(unknown("scheme", scheme, schemes))
    }
    let lower = text.to_lowercase();
    let named = |series: &&Series| series.id == lower || series.label.to_lowercase() == lower;
    if let Some(series) = plan.series.iter().find(named) {
        return Ok(series.id.clone());
    }
    if TOTALS.contains(&&*lower) {
        return Ok(lower);
    }
    let ids = plan.series.iter().map(|series| &*series.id);
    let near = nearest(&lower, ids.clone().chain(TOTALS));
    let near = near.map(str::to_owned).or_else(|| {
        let labels = plan.series.iter().map(|series| series.label.to_lowercase());
        let labels: Vec<String> = labels.collect();
        let near = nearest(&lower, labels.iter().map(String::as_str))?;
        let index = labels.iter().position(|label| label == near)?;
        Some(plan.series[index].id.clone())
    });
    match near {
        Some(near) => bail!(
            "unknown series `{text}` of {}; did you mean `{near}`?",
            plan.id
        ),
        None => bail!(
            "unknown series `{text}` of {}; known: {}, and codes such as ho-category:8N",
            plan.id,
            ids.chain(TOTALS).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// The registered partner of a name.
pub(super) fn partner<'r>(reference: &'r Reference, name: &str) -> anyhow::Result<&'r str> {
    let partners = reference.partners.ids();
    let known = partners.get(name).copied();
    known.ok_or_else(|| anyhow!(unknown("partner", name, partners)))
}

/// Reads an argument that is an event kind.
pub(super) fn parse_kind(name: &str) -> Result<Kind, String> {
    Kind::from_name(name)
        .ok_or_else(|| unknown("kind", name, Kind::ALL.iter().map(|kind| kind.as_str())))
}

/// Why a name is not known: with the known name nearest to it, or with all of them.
pub(super) fn unknown<'n>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> String {
    format!("unknown {what} `{name}`{}", hint_or_known(name, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_gets_the_nearest_known_one_or_all() {
        let known = ["crime", "search"];
        assert_eq!(
            unknown("kind", "crimes", known),
            "unknown kind `crimes`; did you mean `crime`?"
        );
        assert_eq!(
            unknown("kind", "house", known),
            "unknown kind `house`; known: crime, search"
        );
    }

    fn built_in() -> Reference {
        Reference::load(None).expect("built in")
    }

    #[test]
    fn a_window_needs_no_family_where_only_one_has_its_span() {
        let reference = built_in();
        for (text, id) in [
            ("fy:2017-18", "fy:2017-18"),
            ("FY:2017-18", "fy:2017-18"),
            ("2017-18", "fy:2017-18"),
            ("2017/18", "fy:2017-18"),
            ("2017-09", "month:2017-09"),
            ("2017-Q4", "quarter:2017-q4"),
            ("2017", "year:2017"),
        ] {
            assert_eq!(window(&reference, text).expect(text).id, id);
        }
        for (text, error) in [
            (
                "2011-12",
                "`2011-12` has several meanings: write `fy:2011-12` or `month:2011-12`",
            ),
            (
                "fy:2017-19",
                "unknown window `fy:2017-19`; did you mean `fy:2017-18`?",
            ),
            (
                "2017-19",
                "unknown window `2017-19`; did you mean `fy:2017-18`?",
            ),
            (
                "last year",
                "unknown window `last year`: write one such as month:2018-10, 2017-18 or fy:2017-18",
            ),
        ] {
            assert_eq!(window(&reference, text).expect_err(text).to_string(), error);
        }
    }

    #[test]
    fn an_area_may_be_named_unless_several_have_the_name() {
        let reference = built_in();
        for (text, code) in [
            ("E07000110", "E07000110"),
            ("e07000110", "E07000110"),
            ("Maidstone", "E07000110"),
            ("maidstone", "E07000110"),
            ("kent-12", "kent-12"),
            ("E10000016", "kent-12"),
            ("me14", "ME14"),
            ("E07000999", "E07000999"),
            ("all-received", "all-received"),
            ("Town centre", "town-centre"),
        ] {
            assert_eq!(area(&reference, text).expect(text), code);
        }
        let error = area(&reference, "High Street")
            .expect_err("two wards")
            .to_string();
        assert!(
            error.starts_with("`High Street` is the name of "),
            "{error}"
        );
        assert!(error.contains("(ward 2019)"), "{error}");
        for (text, error) in [
            (
                "Maidston",
                "unknown area `Maidston`; did you mean `Maidstone`?",
            ),
            (
                "all-recieved",
                "unknown area `all-recieved`; did you mean `all-received`?",
            ),
            (
                "Atlantis",
                "unknown area `Atlantis`: write a name such as Maidstone, or a code such as E07000110",
            ),
        ] {
            assert_eq!(area(&reference, text).expect_err(text).to_string(), error);
        }
    }

    #[test]
    fn a_series_may_be_named_by_its_label() {
        let reference = built_in();
        let plan = plan(&reference, "smp-2017-18").expect("a plan");
        for (text, id) in [
            ("mental-health", "mental-health"),
            (
                "Domestic Abuse and Violent Crime",
                "domestic-abuse-violent-crime",
            ),
            ("Total", "total"),
            ("ho-category:8N", "ho-category:8N"),
        ] {
            assert_eq!(series(&reference, plan, text).expect(text), id);
        }
        for (text, error) in [
            (
                "mentl-health",
                "unknown series `mentl-health` of smp-2017-18; did you mean `mental-health`?",
            ),
            (
                "ho-categry:8N",
                "unknown scheme `ho-categry`; did you mean `ho-category`?",
            ),
        ] {
            let found = series(&reference, plan, text).expect_err(text).to_string();
            assert_eq!(found, error);
        }
    }
}
