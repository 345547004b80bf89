//! What the templates of queries need to know of plan and reference data.
//!
//! Values are data; conditions that depend on a plan's rules or a break's scope are SQL, from
//! [`conditions`](super::conditions). Months are numbers: 12 x year + month - 1.

use std::collections::BTreeSet;

use arrow_schema::DataType;
use serde::Serialize;

use super::Dialect;
use super::conditions::{PlanConditions, break_applies, folded};
use crate::aggregate::PlanChoice;
use crate::aggregate::tables::events;
use crate::contract::flags::Flags;
use crate::event::{Feed, Kind, Month};
use crate::reference::codes::CodeList;
use crate::reference::geography::{Level, Tier};
use crate::reference::pattern::Fold;
use crate::reference::plan::{Plan, PlanStatus};
use crate::reference::{Break, Control, HarmSet, Reference};

/// The columns of events that queries read.
const EVENT_COLUMNS: [&str; 49] = [
    "source",
    "partner",
    "feed",
    "kind",
    "subject",
    "month",
    "date_basis",
    "weekday",
    "hour",
    "what_list",
    "what_edition",
    "scheme",
    "code",
    "codes",
    "groups",
    "offence_class",
    "unknown_code",
    "unknown_schemes",
    "occurred_from",
    "recorded_at",
    "area_code",
    "area_level",
    "area_role",
    "area_vintage",
    "area_zone",
    "flags_true",
    "flags_false",
    "person_age_band",
    "victim_age_band",
    "suspect_age_band",
    "person_again",
    "victim_again",
    "suspect_again",
    "support_needs",
    "outcome_list",
    "outcome_code",
    "place_of_safety",
    "transport",
    "repeat",
    "period_from",
    "period_to",
    "unit",
    "age_band",
    "sex",
    "with_flag",
    "status",
    "value",
    "at_least",
    "at_most",
];

/// The levels at which partners send areas, as the contracts name them.
const LEVELS_SENT: [&str; 8] = [
    "lsoa",
    "msoa",
    "ward",
    "district",
    "county",
    "police_force",
    "icb",
    "outward_postcode",
];

/// The parameters of a query, by the names that templates use.
#[derive(Serialize)]
pub(super) struct Parameters {
    /// The template of the dialect.
    dialect_file: &'static str,
    table: String,
    /// The plan of the query; `None`: each month under the plan in force.
    plan_id: Option<String>,
    plans: Vec<PlanParameters>,
    /// The events of each feed, with the same columns.
    feeds: Vec<FeedColumns>,
    /// The conditions on a folded code that rules combine: `c0`, `c1`, ...
    code_tests: Vec<String>,
    /// The expression that folds a code.
    folded_code: String,
    /// The tiers that areas sent at a level have rows at: level sent, level, vintage.
    tiers: Vec<(&'static str, &'static str, String)>,
    /// The code of the plan's own area in the tables; empty: unknown.
    plan_area: String,
    /// The codes of sets of areas, and how many districts each has.
    area_sets: Vec<(String, usize)>,
    /// The districts of each set of areas.
    set_districts: Vec<(String, String)>,
    /// The first and last day of the plan of the query.
    plan_from: Option<String>,
    plan_to: Option<String>,
    /// The year of the boundaries of the wards that tables compare.
    compared_wards: String,
    /// The level of the plan's area.
    plan_area_level: &'static str,
    /// Partner, kind and district of those that do not cover every district.
    covers: BTreeSet<(String, String, String)>,
    /// Days after a month by which its records are due; -1: the end of the next quarter.
    due_days: KindSettings<i32>,
    /// Months until figures settle.
    settle_months: KindSettings<i32>,
    date_bases: KindSettings<&'static str>,
    /// What rates count by, by kind.
    rate_units: Vec<(String, &'static str)>,
    breaks: Vec<BreakParameters>,
    /// Codes, each with its scheme, that add up to the total.
    total_codes: BTreeSet<(String, String)>,
    /// Codes, each with its scheme, that count those who have any of the others.
    base_codes: BTreeSet<(String, String)>,
    /// Schemes of whose codes a record has at most one.
    exclusive_schemes: BTreeSet<String>,
    /// Scheme, folded code, group of outcomes.
    outcome_groups: BTreeSet<(String, String, String)>,
    /// Scheme, folded code, label of an outcome.
    outcome_labels: BTreeSet<(String, String, String)>,
    /// Plan, factor, flag.
    factor_flags: Vec<(String, String, &'static str)>,
    /// Partner, kind, area, window, first month, months, value.
    controls: Vec<(String, String, String, String, i32, i32, i64)>,
    /// The set of weights that measures harm.
    harm_set: Option<String>,
    /// Scheme, folded code, weight.
    weights: BTreeSet<(String, String, String)>,
}

#[derive(Serialize)]
struct PlanParameters {
    id: String,
    /// The start of its columns.
    column: String,
    /// The key of the series of records that fall under any, and of the rest.
    mapped: String,
    unmapped: String,
    series: Vec<SeriesParameters>,
}

#[derive(Serialize)]
struct SeriesParameters {
    id: String,
    kind: &'static str,
    /// `plan|kind|id|`.
    key: String,
    /// The column that says whether a record falls under it.
    column: String,
    condition: String,
    /// Whether it may fall under it, since a code of it is unknown.
    possible: String,
}

#[derive(Serialize)]
struct FeedColumns {
    feed: &'static str,
    columns: Vec<QueryColumn>,
}

#[derive(Serialize)]
struct QueryColumn {
    name: &'static str,
    /// Whether the feed has it; else it is null.
    is_sent: bool,
    sql_type: &'static str,
}

/// A setting of kinds, by `partner:kind` and by kind.
#[derive(Serialize)]
struct KindSettings<T> {
    by_partner: Vec<(String, T)>,
    by_kind: Vec<(String, T)>,
}

#[derive(Serialize)]
struct BreakParameters {
    id: String,
    /// Whether it touches a cell `c`.
    applies: String,
    from: i32,
    to: i32,
    /// Whether it came about over more than a day.
    is_gradual: bool,
    /// The last first month of a base from before the break.
    last_base: i32,
    /// By how many per cent it raised the figures, at least and at most, if that is known.
    least_pct: Option<f64>,
    most_pct: Option<f64>,
}

impl Parameters {
    pub(super) fn new(
        table: &str,
        wanted: PlanChoice<'_>,
        reference: &Reference,
        dialect: Dialect,
    ) -> Self {
        let (plan_id, plans) = match wanted {
            PlanChoice::Plan(plan) | PlanChoice::PlanWithRecords(plan) => {
                (Some(plan.id.clone()), vec![plan])
            }
            PlanChoice::InForce => (None, adopted_plans(reference)),
        };
        let conditions = PlanConditions::new(&plans, dialect);
        let area = plans.first().map(|plan| &*plan.area);
        let scope = area.and_then(|area| reference.geography.scope(area));
        let only = plans.first().filter(|_| plan_id.is_some());
        let compared_wards = scope
            .as_ref()
            .and_then(|scope| scope.compared_wards(only.map(|plan| plan.valid_to.year())))
            .unwrap_or_default();
        let plan_area_level = scope.map_or("", |scope| scope.area_level().as_str());
        let partners = &reference.partners;
        let due_days = partners.due_days();
        let date_bases = partners.date_bases();
        let rate_units = partners.rate_units();
        Self {
            dialect_file: dialect.template(),
            table: table.to_owned(),
            plan_id,
            plans: plan_parameters(&plans, &conditions),
            feeds: Feed::ALL.map(FeedColumns::new).into(),
            folded_code: folded("scheme", "code"),
            tiers: tiers(reference, area),
            plan_area: plan_area(reference, area),
            area_sets: area_sets(reference, area),
            set_districts: set_districts(reference, area),
            plan_area_level,
            compared_wards,
            plan_from: only.map(|plan| plan.valid_from.to_string()),
            plan_to: only.map(|plan| plan.valid_to.to_string()),
            covers: covers(reference),
            due_days: KindSettings::new(due_days.map(|(key, days)| (key, days.unwrap_or(-1)))),
            settle_months: KindSettings::new(partners.settle_months()),
            date_bases: KindSettings::new(date_bases.map(|(key, basis)| (key, basis.as_str()))),
            rate_units: rate_units
                .map(|(kind, unit)| (kind.to_owned(), unit.as_str()))
                .collect(),
            breaks: reference.breaks.iter().map(BreakParameters::new).collect(),
            total_codes: codes_by_scheme(reference, |list| &list.totals),
            base_codes: codes_by_scheme(reference, |list| &list.bases),
            exclusive_schemes: exclusive_schemes(reference),
            outcome_groups: texts_of_codes(reference, |scheme, code| {
                let group = reference.codes.group(scheme, None, code);
                group.filter(|_| scheme.ends_with("-outcome"))
            }),
            outcome_labels: texts_of_codes(reference, |scheme, code| {
                let label = reference.codes.label(scheme, None, code);
                label.filter(|_| scheme.ends_with("-outcome"))
            }),
            factor_flags: factor_flags(&plans),
            controls: reference.controls.iter().map(control_row).collect(),
            harm_set: reference.harm().map(|set| set.id.clone()),
            weights: weights(reference.harm()),
            code_tests: conditions.into_code_tests(),
        }
    }
}

pub(super) fn adopted_plans(reference: &Reference) -> Vec<&Plan> {
    let plans = reference.plans.iter();
    plans
        .filter(|plan| plan.status == PlanStatus::Adopted)
        .collect()
}

fn plan_parameters(plans: &[&Plan], conditions: &PlanConditions) -> Vec<PlanParameters> {
    let mut parameters = Vec::new();
    for (plan_index, plan) in plans.iter().enumerate() {
        let id = &plan.id;
        let mut all_series = Vec::new();
        for (index, series) in plan.series.iter().enumerate() {
            all_series.push(SeriesParameters {
                id: series.id.clone(),
                kind: series.kind.as_str(),
                key: format!("{id}|{}|{}|", series.kind.as_str(), series.id),
                column: format!("p{plan_index}_s{index}"),
                condition: conditions.series(series),
                possible: conditions.possible(series),
            });
        }
        parameters.push(PlanParameters {
            id: id.clone(),
            column: format!("p{plan_index}"),
            mapped: format!("{id}|mapped|mapped|"),
            unmapped: format!("{id}|unmapped|unmapped|"),
            series: all_series,
        });
    }
    parameters
}

impl FeedColumns {
    fn new(feed: Feed) -> Self {
        let (schema, all) = (events::schema_of(feed), events::schema_of_all());
        let mut columns = Vec::new();
        for name in EVENT_COLUMNS {
            let field = all.field_with_name(name).expect("a column of events");
            columns.push(QueryColumn {
                name,
                is_sent: schema.field_with_name(name).is_ok(),
                sql_type: sql_type(field.data_type()),
            });
        }
        Self {
            feed: feed.as_str(),
            columns,
        }
    }
}

fn sql_type(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int32 => "INT",
        DataType::Boolean => "BOOLEAN",
        DataType::Date32 => "DATE",
        DataType::Timestamp(..) => "TIMESTAMP",
        _ => "STRING",
    }
}

impl<T> KindSettings<T> {
    /// From keys `partner:kind` and `kind`; a kind of totals is `count:list`.
    fn new<'s>(settings: impl Iterator<Item = (&'s str, T)>) -> Self {
        let settings = settings.map(|(key, value)| (key.to_owned(), value));
        let (by_kind, by_partner) =
            settings.partition(|(key, _)| key.starts_with("count:") || !key.contains(':'));
        Self {
            by_partner,
            by_kind,
        }
    }
}

impl BreakParameters {
    fn new(series_break: &Break) -> Self {
        let (from, to) = (
            month_number(series_break.from),
            month_number(series_break.to),
        );
        // The first day of a base is before the last day of the break.
        let last_base = if series_break.to.day() > 1 {
            to
        } else {
            to - 1
        };
        Self {
            id: series_break.id.clone(),
            applies: break_applies(series_break),
            from,
            to,
            is_gradual: series_break.to > series_break.from,
            last_base,
            least_pct: series_break.size.map(|size| size.least_pct),
            most_pct: series_break.size.map(|size| size.most_pct),
        }
    }
}

fn tiers(reference: &Reference, area: Option<&str>) -> Vec<(&'static str, &'static str, String)> {
    let scope = area.and_then(|area| reference.geography.scope(area));
    let mut rows = Vec::new();
    for level in LEVELS_SENT {
        for tier in scope.iter().flat_map(|scope| scope.tiers_of(level)) {
            let vintage = tier.vintage.map(|year| year.to_string());
            rows.push((level, tier.level.as_str(), vintage.unwrap_or_default()));
        }
    }
    rows
}

fn plan_area(reference: &Reference, area: Option<&str>) -> String {
    let scope = area.and_then(|area| reference.geography.scope(area));
    scope.map_or_else(String::new, |scope| scope.area().to_owned())
}

fn area_sets(reference: &Reference, area: Option<&str>) -> Vec<(String, usize)> {
    let geography = &reference.geography;
    let scope = area.and_then(|area| geography.scope(area));
    let mut rows = Vec::new();
    for set in scope
        .iter()
        .flat_map(|scope| scope.areas(Tier::new(Level::Set)))
    {
        let districts = geography.district_count(&set.code).unwrap_or_default();
        rows.push((set.code.clone(), districts));
    }
    rows
}

fn set_districts(reference: &Reference, area: Option<&str>) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (set, _) in area_sets(reference, area) {
        let districts = reference.geography.districts(&set).into_iter();
        rows.extend(districts.map(|district| (set.clone(), district.to_owned())));
    }
    rows
}

/// The districts that each partner's kind covers, if it does not cover every district.
fn covers(reference: &Reference) -> BTreeSet<(String, String, String)> {
    let mut rows = BTreeSet::new();
    for partner in reference.partners.ids() {
        for kind in Kind::ALL {
            let districts = reference
                .covered_districts(partner, *kind)
                .into_iter()
                .flatten();
            rows.extend(
                districts
                    .map(|district| (partner.to_owned(), kind.to_string(), district.to_owned())),
            );
        }
    }
    rows
}

/// The codes that lists name for a purpose, each with its scheme.
fn codes_by_scheme(
    reference: &Reference,
    named: fn(&CodeList) -> &Vec<String>,
) -> BTreeSet<(String, String)> {
    let mut codes = BTreeSet::new();
    for list in reference.codes.iter() {
        for code in named(list) {
            codes.insert((list.scheme.clone(), code.clone()));
        }
    }
    codes
}

fn exclusive_schemes(reference: &Reference) -> BTreeSet<String> {
    let lists = reference.codes.iter().filter(|list| list.exclusive);
    lists.map(|list| list.scheme.clone()).collect()
}

/// Scheme, folded code and text of each code of a list that has a text.
fn texts_of_codes<'r>(
    reference: &'r Reference,
    text: impl Fn(&str, &str) -> Option<&'r str>,
) -> BTreeSet<(String, String, String)> {
    let mut rows = BTreeSet::new();
    for list in reference.codes.iter() {
        for code in &list.codes {
            let folded = Fold::for_scheme(&list.scheme).folded(&code.code);
            if let (Some(folded), Some(text)) = (folded, text(&list.scheme, &code.code)) {
                rows.insert((list.scheme.clone(), folded, text.to_owned()));
            }
        }
    }
    rows
}

fn factor_flags(plans: &[&Plan]) -> Vec<(String, String, &'static str)> {
    let mut rows = Vec::new();
    for plan in plans {
        for factor in &plan.factors {
            for flag in Flags::names(factor.flags) {
                rows.push((plan.id.clone(), factor.id.clone(), flag));
            }
        }
    }
    rows
}

fn control_row(control: &Control) -> (String, String, String, String, i32, i32, i64) {
    let window = &control.window;
    (
        control.partner.clone(),
        control.kind.clone(),
        control.area.clone(),
        window.id.clone(),
        month_number(window.from()),
        i32::from(window.months),
        control.value,
    )
}

fn weights(set: Option<&HarmSet>) -> BTreeSet<(String, String, String)> {
    let weights = set.into_iter().flat_map(HarmSet::weights);
    weights
        .map(|(scheme, code, weight)| (scheme.to_owned(), code.to_owned(), weight.to_string()))
        .collect()
}

/// The number of a day's month.
fn month_number(date: jiff::civil::Date) -> i32 {
    let first = Month::from_date(date).first_day();
    i32::from(first.year()) * 12 + i32::from(first.month()) - 1
}
