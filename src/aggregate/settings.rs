//! What figures depend on beside the chain: the plans, the reference data, and the time.

use std::collections::BTreeSet;

use crate::event::{Micros, Month};
use crate::reference::Reference;
use crate::reference::plan::rule::Hours;
use crate::reference::plan::{Plan, PlanStatus, Rule};

/// The name of the folder whose months are each under the plan in force.
pub const IN_FORCE: &str = "in-force";

/// The plan of a folder of tables.
#[derive(Clone, Copy, Debug)]
pub enum PlanChoice<'s> {
    /// All months under one plan.
    Plan(&'s Plan),
    /// The same, if any month of the plan's years has records.
    PlanWithRecords(&'s Plan),
    /// Each month under the adopted plan of that month.
    InForce,
}

impl<'s> PlanChoice<'s> {
    /// The choices for ids of plans and `in-force`. Without ids: every adopted plan whose years have
    /// records, and `in-force`. Fails with an id that no plan has.
    pub fn parse<'i>(reference: &'s Reference, ids: &'i [String]) -> Result<Vec<Self>, &'i str> {
        if ids.is_empty() {
            let adopted = reference
                .plans
                .iter()
                .filter(|plan| plan.status == PlanStatus::Adopted);
            let adopted = adopted.map(Self::PlanWithRecords);
            return Ok(adopted.chain([Self::InForce]).collect());
        }
        ids.iter()
            .map(|id| match reference.plans.get(id) {
                Some(plan) => Ok(Self::Plan(plan)),
                None if id == IN_FORCE => Ok(Self::InForce),
                None => Err(&**id),
            })
            .collect()
    }

    /// The name of the folder under `aggregates/`.
    pub fn folder(&self) -> &str {
        match self {
            Self::Plan(plan) | Self::PlanWithRecords(plan) => &plan.id,
            Self::InForce => IN_FORCE,
        }
    }
}

/// What figures depend on beside the chain.
pub struct AggregateSettings<'s> {
    /// The folders of tables.
    pub folders: Vec<PlanChoice<'s>>,
    /// Partners, code lists, crosswalks, geography and the plans that may be in force.
    pub reference: &'s Reference,
    /// The time of the figures: what was received later does not count; none = the newest receipt.
    pub as_at: Option<Micros>,
    /// The earlier time that the figures are compared with; none = they are not compared.
    pub since: Option<Micros>,
    /// Whether the summary of a run contains what each partner delivered.
    pub with_deliveries: bool,
    /// All plans of the reference data, and those of the folders.
    pub(super) plans: Vec<&'s Plan>,
    /// The plans that tables are written under, as indexes of `plans`.
    pub(super) wanted: Vec<usize>,
    /// The minutes of the day at which the hours of any rule begin or end, in order.
    pub(super) hour_limits: Vec<i32>,
    /// Whether a rule of any plan tests the day of the week.
    pub(super) tests_weekday: bool,
    /// The LSOAs that rules of any plan name.
    pub(super) lsoas: BTreeSet<&'s str>,
}

impl<'s> AggregateSettings<'s> {
    /// Figures under the plans of some folders.
    pub fn new(
        folders: Vec<PlanChoice<'s>>,
        reference: &'s Reference,
        as_at: Option<Micros>,
    ) -> Self {
        let mut plans: Vec<&Plan> = reference.plans.iter().collect();
        let mut wanted = Vec::new();
        for folder in &folders {
            for index in plans_of_folder(*folder, &mut plans) {
                if !wanted.contains(&index) {
                    wanted.push(index);
                }
            }
        }
        let rules: Vec<&Rule> = plans
            .iter()
            .flat_map(|plan| plan.rules())
            .map(|(_, _, rule)| rule)
            .collect();
        Self {
            folders,
            reference,
            as_at,
            since: None,
            with_deliveries: false,
            hour_limits: hour_limits(&rules),
            tests_weekday: rules.iter().any(|rule| !rule.weekdays.is_empty()),
            lsoas: rules
                .iter()
                .flat_map(|rule| &rule.lsoas)
                .map(String::as_str)
                .collect(),
            plans,
            wanted,
        }
    }

    /// The same, compared with an earlier time.
    #[must_use]
    pub fn compared_with(self, since: Option<Micros>) -> Self {
        Self { since, ..self }
    }

    /// The same, with what each partner delivered.
    #[must_use]
    pub fn with_deliveries(self, with_deliveries: bool) -> Self {
        Self {
            with_deliveries,
            ..self
        }
    }

    /// A plan that tables are written under.
    pub(crate) fn plan(&self, wanted: usize) -> &'s Plan {
        self.plans[self.wanted[wanted]]
    }

    /// The index of a plan among those that tables are written under.
    pub(crate) fn wanted_index(&self, plan: &Plan) -> Option<usize> {
        (0..self.wanted.len()).find(|wanted| std::ptr::eq(self.plan(*wanted), plan))
    }

    /// The plan in force on the first day of a month, as an index of `plans`.
    pub(crate) fn in_force(&self, month: Month) -> Option<u32> {
        let day = month.first_day();
        self.plans
            .iter()
            .position(|plan| plan.in_force(day))
            .map(|index| index as u32)
    }

    /// The plan in force through all months from one to another, if tables are written under it: its
    /// index among them.
    pub(crate) fn in_force_through(&self, first: Month, last: Month) -> Option<usize> {
        let plan = self.in_force(first)?;
        let is_same = first
            .to(last)
            .all(|month| self.in_force(month) == Some(plan));
        self.wanted
            .iter()
            .position(|wanted| is_same && *wanted == plan as usize)
    }
}

/// The plans of a folder, as indexes of `plans`. A plan that is not there yet is added.
fn plans_of_folder<'s>(folder: PlanChoice<'s>, plans: &mut Vec<&'s Plan>) -> Vec<usize> {
    match folder {
        PlanChoice::InForce => plans
            .iter()
            .enumerate()
            .filter(|(_, plan)| plan.status == PlanStatus::Adopted)
            .map(|(index, _)| index)
            .collect(),
        PlanChoice::Plan(plan) | PlanChoice::PlanWithRecords(plan) => {
            let known = plans.iter().position(|known| std::ptr::eq(*known, plan));
            vec![known.unwrap_or_else(|| {
                plans.push(plan);
                plans.len() - 1
            })]
        }
    }
}

/// The minutes of the day at which the hours of any rule begin or end, in order.
fn hour_limits(rules: &[&Rule]) -> Vec<i32> {
    let hours = rules.iter().filter_map(|rule| rule.hours);
    let limits: BTreeSet<i32> = hours
        .map(Hours::minutes)
        .flat_map(<[i32; 2]>::from)
        .collect();
    limits.into_iter().collect()
}
