//! `outcomes`: how were cases resolved, as known at the time of the figures?
//!
//! Told for kinds whose outcomes have groups in a code list. A record without an outcome is in the
//! group `unknown`. The groups of a cell make the count of its series; an outcome's own rows are
//! told where something was counted.

use std::collections::BTreeSet;

use crate::aggregate::Error;
use crate::aggregate::figures::areas::Place;
use crate::aggregate::figures::bounded_count::Block;
use crate::aggregate::figures::counts::{Tally, clip};
use crate::aggregate::figures::table_set::{Folder, Line};
use crate::aggregate::state::current::Fact;
use crate::aggregate::tables::table::{Column, File, Of, Table, column};
use crate::aggregate::tables::window_totals::percent;
use crate::contract::columns::{COLUMNS, Group};
use crate::event::Kind;
use crate::reference::windows::Window;

/// What the table answers.
const ABOUT: &str = "How were cases resolved, as known then? Counts by outcome and group of outcomes, of windows longer than a month.";

/// The groups of the outcome mix, in the order of names.
const GROUPS: [&str; 8] = [
    "court",
    "evidential",
    "no-suspect",
    "other-body",
    "out-of-court",
    "public-interest",
    "taken-into-consideration",
    UNKNOWN,
];
const UNKNOWN: &str = "unknown";

struct More {
    group: &'static str,
    /// None = the whole group.
    outcome: Option<String>,
    whole: Option<i64>,
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Line<More>>> {
    let as_at = folder.figures.as_at.map(|at| at.in_london().date());
    let mut columns: Vec<_> = folder.key_columns();
    columns.extend([
        column(
            "outcome_group",
            "`court`, `taken-into-consideration`, `out-of-court`, `public-interest`, `evidential`, `no-suspect`, `other-body` or `unknown` (none sent, or in no group).",
            Of::Text(Box::new(|row: &Line<More>| Some(row.more.group.to_owned()))),
        ),
        column(
            "outcome",
            "The outcome as the partner codes it; null = the whole group.",
            Of::Text(Box::new(|row: &Line<More>| row.more.outcome.clone())),
        ),
    ]);
    columns.extend(Folder::block_columns());
    columns.extend([
        column(
            "share_pct",
            "100 x count by the count of the series in the same cell.",
            Of::Double(Box::new(|row: &Line<More>| {
                percent(row.block.exact(), row.more.whole)
            })),
        ),
        column(
            "as_of",
            "The day of the figures: outcomes change for years.",
            Of::Date(Box::new(move |_| as_at)),
        ),
    ]);
    columns
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let outcomes = Outcomes::of(folder)?;
    let mut table = Table::new(ABOUT, columns(folder))?;
    for strip in folder.strips().filter(|strip| strip.series.is_of_plan()) {
        let Some(held) = folder.figures.held[strip.kind].as_ref() else {
            continue;
        };
        if folder.figures.current.partner_kinds[strip.kind].of != Kind::Crime
            || !outcomes.is_sent_by(strip.kind)
        {
            continue;
        }
        let key = |fact: &Fact| Some(outcomes.of_details[fact.details as usize]);
        let tally = strip.tally(held, outcomes.sorted.len(), &key);
        let told = |place: &Place| !place.is_sparse();
        for (place, number, _) in strip.places().filter(|(_, _, of)| told(of)) {
            for (window, months) in strip.windows().filter(|(_, window)| !window.is_month()) {
                let Some(whole) = strip.block(place, months) else {
                    continue;
                };
                let key = strip.key(number, window);
                for (outcome, count) in
                    outcomes.rows(&tally, place, (held.first, held.months()), months)
                {
                    let block = Block::counted(count, whole.supply);
                    let (group, outcome) = outcome;
                    let more = More {
                        group,
                        outcome: outcome.map(str::to_owned),
                        whole: whole.exact(),
                    };
                    table.push(Line { key, block, more })?;
                }
            }
        }
    }
    table.finish()
}

/// Group, and outcome (none = no outcome was sent).
type Outcome = (&'static str, Option<String>);

/// The outcomes that records have.
struct Outcomes {
    sorted: Vec<Outcome>,
    /// For each combination of details its place in `sorted`.
    of_details: Vec<usize>,
    sent_by: BTreeSet<usize>,
}

impl Outcomes {
    /// Fails where a list that crimes name for their outcomes is not held: none would have its
    /// group.
    fn of(folder: &Folder<'_>) -> Result<Self, Error> {
        let current = folder.figures.current;
        let codes = &folder.figures.settings.reference.codes;
        let details = &current.groups[Group::Details as usize];
        let outcome = |number: u32| {
            let list = current
                .texts
                .text(current.value(COLUMNS.outcome_list, number));
            let code = current
                .texts
                .text(current.value(COLUMNS.outcome_code, number));
            let group = list
                .zip(code)
                .and_then(|(list, code)| codes.group(list, None, code));
            let group = GROUPS
                .into_iter()
                .find(|known| Some(*known) == group)
                .unwrap_or(UNKNOWN);
            (group, code.map(str::to_owned))
        };
        let of_details: Vec<Outcome> = (0..details.len() as u32).map(outcome).collect();
        let sorted: Vec<Outcome> = of_details
            .iter()
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let place = |outcome: &Outcome| sorted.binary_search(outcome).unwrap_or_default();
        let crimes = current
            .facts
            .iter()
            .filter(|fact| current.partner_kinds[usize::from(fact.partner_kind)].of == Kind::Crime);
        let lists: BTreeSet<u32> = crimes
            .map(|fact| current.value(COLUMNS.outcome_list, fact.details))
            .collect();
        let not_held = lists
            .into_iter()
            .filter_map(|list| current.texts.text(list))
            .find(|list| codes.lists_of(list).next().is_none());
        if let Some(list) = not_held {
            return Err(Error::Lacks {
                file: format!("codes/{list}.csv"),
                key: "code,label,group".to_owned(),
            });
        }
        let sent = current
            .facts
            .iter()
            .filter(|fact| of_details[fact.details as usize].1.is_some());
        let sent_by = sent.map(|fact| usize::from(fact.partner_kind)).collect();
        Ok(Self {
            of_details: of_details.iter().map(place).collect(),
            sorted,
            sent_by,
        })
    }

    fn is_sent_by(&self, kind: usize) -> bool {
        self.sent_by.contains(&kind)
    }

    /// The counts of a cell: each group, then its outcomes.
    fn rows(
        &self,
        tally: &Tally,
        place: usize,
        (first, held): (crate::event::Month, usize),
        window: &Window,
    ) -> Vec<((&'static str, Option<&str>), i64)> {
        let Some((from, to)) = clip(first, held, window.first, window.months.into()) else {
            return Vec::new();
        };
        let count = |key| tally.sum(place, 0, key, (from, to));
        let mut rows = Vec::new();
        for group in GROUPS {
            let of_group = || {
                self.sorted
                    .iter()
                    .enumerate()
                    .filter(|(_, (of, _))| *of == group)
            };
            rows.push(((group, None), of_group().map(|(key, _)| count(key)).sum()));
            let own = of_group().filter_map(|(key, (_, outcome))| {
                Some(((group, Some(outcome.as_deref()?)), count(key)))
            });
            rows.extend(own.filter(|(_, count)| *count > 0));
        }
        rows
    }
}
