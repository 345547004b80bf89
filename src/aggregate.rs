//! The ledger under a plan as tables: the current state of every record, and figures by month.
//!
//! A pure function of the chain, the plan and the reference data: no clock, no network, no state.
//! The same events make the same bytes however they were split, ordered across partitions or sent
//! again. Tables hold exact figures, for the partnership; what may be published is made of them
//! later.

pub mod tables;

mod diff;
mod explain;
pub(crate) mod figures;
mod run;
pub(crate) mod state;

use std::collections::BTreeSet;

use parquet::errors::ParquetError;

use crate::event::{Micros, Month};
use crate::ledger::chain::ChainError;
use crate::reference::Reference;
use crate::reference::plan::{Plan, Status};
use crate::rejects::RejectsError;
use crate::storage::StorageError;
pub use diff::{Diff, Moved, diff};
pub use explain::{Cell, Difference, Explanation, explain};
pub use run::{PROVENANCE, Progress, Summary, Written, run};
pub use state::history::{History, Revision, history, month_of};
pub use tables::table::{ABOUT_KEY, DESCRIPTIONS_KEY};

/// Why no tables came of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be decoded or encoded.
    #[error("cannot read or write Parquet")]
    Parquet(#[from] ParquetError),
    /// Arrow refused.
    #[error("cannot decode columns")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A file of the chain lacks a column, or has it with another type.
    #[error("a file of the ledger has no column `{0}` of the type this version knows")]
    Column(&'static str),
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A rejects file could not be read.
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    /// A file that the chain names is not there.
    #[error("the chain names `{0}`, which is not there")]
    Missing(String),
    /// The reference data lacks what a table is made with.
    #[error("`{file}` is not held, or has no `{key}`: add it to the folder of reference data")]
    Lacks {
        /// The file, under `config/`.
        file: String,
        /// What it should have.
        key: String,
    },
}

/// Under which plan the tables of a folder are.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'s> {
    /// All months under one plan.
    Plan(&'s Plan),
    /// Each month under the adopted plan of that month.
    InForce,
}

impl<'s> Wanted<'s> {
    /// What ids of plans, and `in-force`, stand for; none = every adopted plan, and `in-force`.
    /// Fails with an id that is not held.
    pub fn named<'i>(reference: &'s Reference, ids: &'i [String]) -> Result<Vec<Self>, &'i str> {
        if ids.is_empty() {
            let adopted = reference
                .plans
                .iter()
                .filter(|plan| plan.status == Status::Adopted);
            return Ok(adopted.map(Self::Plan).chain([Self::InForce]).collect());
        }
        let named = |id: &'i String| match reference.plans.get(id) {
            Some(plan) => Ok(Self::Plan(plan)),
            None if id == figures::table_set::IN_FORCE => Ok(Self::InForce),
            None => Err(&**id),
        };
        ids.iter().map(named).collect()
    }

    /// The name of the folder under `aggregates/`.
    pub fn folder(&self) -> &str {
        match self {
            Self::Plan(plan) => &plan.id,
            Self::InForce => figures::table_set::IN_FORCE,
        }
    }
}

/// What figures depend on beside the chain.
pub struct Settings<'s> {
    /// The folders of tables.
    pub folders: Vec<Wanted<'s>>,
    /// Partners, code lists, crosswalks, geography and the plans that may be in force.
    pub reference: &'s Reference,
    /// The time of the figures: what was received later does not count; none = the newest receipt.
    pub as_at: Option<Micros>,
    /// All plans held, and those wanted.
    plans: Vec<&'s Plan>,
    /// The plans that tables are made under, by their places in `plans`.
    wanted: Vec<usize>,
    /// Whether a rule of any plan asks for the hour or the day of the week.
    asks_for_time: bool,
    /// Whether one asks for hours that begin or end within an hour.
    asks_for_minutes: bool,
    /// The LSOAs that rules of any plan ask for.
    lsoas: BTreeSet<&'s str>,
}

impl<'s> Settings<'s> {
    /// Figures under plans.
    pub fn new(folders: Vec<Wanted<'s>>, reference: &'s Reference, as_at: Option<Micros>) -> Self {
        let mut plans: Vec<&Plan> = reference.plans.iter().collect();
        let mut wanted = Vec::new();
        let mut want = |place: usize| {
            if !wanted.contains(&place) {
                wanted.push(place);
            }
        };
        for folder in &folders {
            match *folder {
                Wanted::InForce => {
                    let adopted = |(_, plan): &(usize, &&Plan)| plan.status == Status::Adopted;
                    plans
                        .iter()
                        .enumerate()
                        .filter(adopted)
                        .for_each(|(place, _)| want(place));
                }
                Wanted::Plan(plan) => {
                    let held = plans.iter().position(|held| std::ptr::eq(*held, plan));
                    want(held.unwrap_or(plans.len()));
                    if held.is_none() {
                        plans.push(plan);
                    }
                }
            }
        }
        let rules = || {
            plans
                .iter()
                .flat_map(|plan| plan.rules())
                .map(|(_, _, rule)| rule)
        };
        let asks_for_time = rules().any(|rule| rule.hours.is_some() || !rule.weekdays.is_empty());
        let within_an_hour = |minutes: i32| minutes % 60 != 0;
        let in_minutes = |hours: crate::reference::plan::rule::Hours| {
            within_an_hour(hours.minutes().0) || within_an_hour(hours.minutes().1)
        };
        let asks_for_minutes = rules().any(|rule| rule.hours.is_some_and(in_minutes));
        let lsoas = rules()
            .flat_map(|rule| &rule.lsoas)
            .map(String::as_str)
            .collect();
        Self {
            folders,
            reference,
            as_at,
            plans,
            wanted,
            asks_for_time,
            asks_for_minutes,
            lsoas,
        }
    }

    /// A plan that tables are made under.
    pub(crate) fn plan(&self, wanted: usize) -> &'s Plan {
        self.plans[self.wanted[wanted]]
    }

    /// The place of a plan among the wanted.
    pub(crate) fn place_of(&self, plan: &Plan) -> Option<usize> {
        (0..self.wanted.len()).find(|wanted| std::ptr::eq(self.plan(*wanted), plan))
    }

    /// The plan in force on the first day of a month, by its place in `plans`.
    pub(crate) fn in_force(&self, month: Month) -> Option<u32> {
        let on = month.first_day();
        self.plans
            .iter()
            .position(|plan| plan.in_force(on))
            .map(|place| place as u32)
    }

    /// The wanted plan in force through all months from one to another.
    pub(crate) fn in_force_through(&self, first: Month, last: Month) -> Option<usize> {
        let plan = self.in_force(first)?;
        let same = first
            .to(last)
            .all(|month| self.in_force(month) == Some(plan));
        self.wanted
            .iter()
            .position(|wanted| same && *wanted == plan as usize)
    }
}
