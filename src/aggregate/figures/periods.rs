//! What all tables are made of: the records that count, where and when they count, and how far the
//! months may be used.

use std::collections::BTreeMap;

use jiff::civil;

use crate::aggregate::figures::areas::Places;
use crate::aggregate::figures::status::{Reference, Status, status};
use crate::aggregate::state::current::{Current, Fact, SourceSet};
use crate::aggregate::{Error, Settings};
use crate::event::{Micros, Month};
use crate::reference::geography::Scope;
use crate::reference::windows::Window;

/// The months of a partner's kind, from its first to the last that any has.
pub(crate) struct Held {
    pub(crate) first: Month,
    /// For each month the sources that sent records.
    pub(crate) fed: Vec<SourceSet>,
    pub(crate) status: Vec<Status>,
    /// Records by month.
    pub(crate) records: BTreeMap<Month, i64>,
}

impl Held {
    pub(crate) fn months(&self) -> usize {
        self.fed.len()
    }

    /// The status of a month that is held.
    pub(crate) fn status_of(&self, month: Month) -> Option<Status> {
        let place = usize::try_from(month.minus(self.first)).ok()?;
        self.status.get(place).copied()
    }

    /// Whether any of a run of months may serve.
    pub(crate) fn any_serves(&self, first: Month, months: u16) -> bool {
        let mut months = (0..i32::from(months)).filter_map(|i| self.status_of(first.plus(i)));
        months.any(Status::serves)
    }

    /// The worst status of a run of months; those before the first were never supplied.
    pub(crate) fn worst(&self, first: Month, months: u16) -> Status {
        let status = |month| self.status_of(month).unwrap_or(Status::Overdue);
        (0..i32::from(months))
            .map(|i| status(first.plus(i)))
            .min()
            .unwrap_or(Status::Overdue)
    }
}

/// The records that count, as one partnership sees them.
pub(crate) struct Figures<'f> {
    pub(crate) current: &'f Current,
    pub(crate) settings: &'f Settings<'f>,
    pub(crate) scope: Scope<'f>,
    pub(crate) places: Places,
    /// By partner and kind; none where all its records are older than figures go back.
    pub(crate) held: Vec<Option<Held>>,
    /// Partners and kinds in the order of tables.
    pub(crate) order: Vec<u32>,
    /// Sorted by id.
    pub(crate) windows: Vec<Window>,
    /// The first month figures are made for.
    pub(crate) first: Month,
    /// The time of the figures.
    pub(crate) as_at: Option<Micros>,
}

impl<'f> Figures<'f> {
    /// What a partnership for an area sees.
    pub(crate) fn of(
        current: &'f Current,
        settings: &'f Settings<'f>,
        area: &str,
        as_at: Option<Micros>,
    ) -> Result<Self, Error> {
        let reference = settings.reference;
        let scope = reference
            .geography
            .scope(area)
            .ok_or_else(|| lacks_area(area))?;
        let held_months = || {
            current
                .quality
                .iter()
                .filter(|(_, quality)| quality.records > 0)
                .map(|((_, m), _)| *m)
        };
        let last = held_months()
            .chain(
                current
                    .counts
                    .iter()
                    .map(|c| c.first.plus(i32::from(c.months) - 1)),
            )
            .max();
        let first = reference.windows.first_month;
        let first = held_months().min().map_or(first, |month| month.max(first));
        let last = last.unwrap_or(first);
        let held = |kind| held(current, settings, kind, (first, last), as_at);
        let mut order: Vec<u32> = (0..current.partner_kinds.len() as u32).collect();
        order.sort_by_key(|i| {
            let of = &current.partner_kinds[*i as usize];
            (&of.partner, of.feed.as_str(), &of.kind)
        });
        Ok(Self {
            places: Places::of(current, &scope),
            held: (0..current.partner_kinds.len()).map(held).collect(),
            windows: if first <= last {
                reference.windows.over(first, last)
            } else {
                Vec::new()
            },
            current,
            settings,
            scope,
            order,
            first,
            as_at,
        })
    }

    /// The facts of a partner's kind, by area.
    pub(crate) fn facts(&self, kind: usize) -> &'f [Fact] {
        let facts = &self.current.facts;
        let from = facts.partition_point(|fact| usize::from(fact.partner_kind) < kind);
        let to = facts.partition_point(|fact| usize::from(fact.partner_kind) <= kind);
        &facts[from..to]
    }
}

/// The geography does not hold an area that a plan is for.
pub(crate) fn lacks_area(area: &str) -> Error {
    Error::Lacks {
        file: "geography/areas.csv".to_owned(),
        key: area.to_owned(),
    }
}

fn held(
    current: &Current,
    settings: &Settings<'_>,
    kind: usize,
    (first, last): (Month, Month),
    as_at: Option<Micros>,
) -> Option<Held> {
    let of = &current.partner_kinds[kind];
    let quality = current
        .quality
        .iter()
        .filter(|((of, month), _)| *of as usize == kind && *month >= first);
    let sources: BTreeMap<Month, SourceSet> = quality
        .clone()
        .map(|((_, month), q)| (*month, q.sources))
        .collect();
    // For each month that has records how many, and the last month of their period.
    let mut months: BTreeMap<Month, (i64, Month)> = BTreeMap::new();
    if of.is_count() {
        // Of a total whose period is not whole months the month it begins in is known to have come.
        months.extend(
            quality
                .clone()
                .filter(|(_, q)| q.records > 0)
                .map(|((_, month), _)| (*month, (1, *month))),
        );
        for count in current
            .counts
            .iter()
            .filter(|c| usize::from(c.partner_kind) == kind && c.first >= first)
        {
            let end = count.first.plus(i32::from(count.months) - 1);
            for month in count.first.to(end) {
                let (records, last) = months.entry(month).or_insert((0, end));
                (*records, *last) = (*records + 1, (*last).max(end));
            }
        }
    } else {
        months.extend(
            quality
                .filter(|(_, q)| q.records > 0)
                .map(|((_, month), q)| (*month, (q.records, *month))),
        );
    }
    let first = *months.first_key_value()?.0;
    let records: BTreeMap<Month, i64> = months
        .iter()
        .map(|(month, (records, _))| (*month, *records))
        .collect();
    let today = as_at.map_or(civil::Date::MIN, |at| at.in_london().date());
    let partners = &settings.reference.partners;
    let state = |month: Month| {
        let reference = if of.is_count() {
            None
        } else {
            Reference::of(&records, month)
        };
        let (records, end) = months.get(&month).copied().unwrap_or((0, month));
        let late = today > partners.due(&of.partner, &of.kind, end);
        status(
            records,
            reference,
            late,
            today > partners.settled(&of.partner, &of.kind, end),
        )
    };
    Some(Held {
        first,
        fed: first
            .to(last)
            .map(|month| sources.get(&month).copied().unwrap_or_default())
            .collect(),
        status: first.to(last).map(state).collect(),
        records,
    })
}
