//! `feed_quality`: may a month of a partner's kind be used?

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::Error;
use crate::aggregate::figures::areas::{ALL, OUTSIDE};
use crate::aggregate::figures::status::{Reference, Status};
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::state::calendar::Calendar;
use crate::aggregate::state::current::Quality;
use crate::aggregate::tables::table::{Column, File, Of, column, file, texts};
use crate::event::{Feed, Micros, Month};
use crate::reference::windows::Window;

/// What the table answers.
const ABOUT: &str =
    "May this month be used? What came of each partner's kind, and how complete it is.";

/// Rejected records by feed, partner, kind and the month they were received.
#[derive(Default)]
pub(crate) struct Rejected {
    calendar: Calendar,
    counts: BTreeMap<(String, &'static str, Option<String>, Month), i64>,
}

impl Rejected {
    /// Adds a reject whose partner is known.
    pub(crate) fn add(&mut self, feed: Feed, partner: &str, kind: Option<&str>, received: Micros) {
        let month = self.calendar.at(received).month;
        let key = (
            partner.to_owned(),
            feed.as_str(),
            kind.map(str::to_owned),
            month,
        );
        *self.counts.entry(key).or_default() += 1;
    }
}

/// Partner, feed and kind; none = a reject that did not say.
pub(crate) type Key = (String, &'static str, Option<String>);

/// What the months of a partner's kind hold.
#[derive(Default)]
struct Months {
    /// The place of the partner's kind, if it sent a record.
    kind: Option<usize>,
    quality: BTreeMap<Month, Quality>,
    rejected: BTreeMap<Month, i64>,
}

/// A month of a partner's kind.
pub(crate) struct Row {
    pub(crate) key: Key,
    /// The place of the partner's kind, if it sent a record.
    kind: Option<usize>,
    pub(crate) month: Month,
    pub(crate) quality: Quality,
    pub(crate) rejected: i64,
    reference: Option<Reference>,
    status: Option<Status>,
}

type Counts = BTreeMap<(usize, Month), i64>;

fn columns<'c>(
    folder: &'c Folder<'_>,
    unmapped: &'c Counts,
    outside: &'c Counts,
) -> Vec<Column<'c, Row>> {
    type Number = fn(&Quality) -> i64;
    let number = |of: Number| Of::Integer(Box::new(move |row: &Row| Some(of(&row.quality))));
    let of = |counts: &'c Counts| {
        Of::Integer(Box::new(move |row: &Row| {
            counts.get(&(row.kind?, row.month)).copied()
        }))
    };
    let basis = |row: &Row| {
        Some(
            folder.figures.current.partner_kinds[row.kind?]
                .date_basis
                .clone(),
        )
    };
    let partners = &folder.figures.settings.reference.partners;
    let due = |row: &Row| Some(partners.due(&row.key.0, row.key.2.as_deref()?, row.month));
    vec![
        column(
            "plan",
            "The plan by which records are unmapped; null where each month has its own.",
            Of::Text(Box::new(|_| folder.plan_id())),
        ),
        column(
            "partner",
            "Who sent the records.",
            Of::Text(Box::new(|row| Some(row.key.0.clone()))),
        ),
        column(
            "feed",
            "`police`, `health` or `housing`.",
            Of::Text(Box::new(|row| Some(row.key.1.to_owned()))),
        ),
        column(
            "kind",
            "What the records are about; `count:<list>` for totals; null = a reject that did not say.",
            Of::Text(Box::new(|row| row.key.2.clone())),
        ),
        column(
            "window",
            "The month, such as `month:2018-10`.",
            Of::Text(Box::new(|row| Some(Window::of_month(row.month).id))),
        ),
        column(
            "window_from",
            "First day of the window.",
            Of::Date(Box::new(|row| Some(row.month.first_day()))),
        ),
        column(
            "window_to",
            "Last day of the window.",
            Of::Date(Box::new(|row| Some(row.month.last_day()))),
        ),
        column(
            "date_basis",
            "The date that puts a record into its month: `recorded`, `occurred`, or `own` for totals.",
            Of::Text(Box::new(basis)),
        ),
        column(
            "records",
            "Records that count: their latest revision is no cancellation.",
            number(|q| q.records),
        ),
        column(
            "late",
            "Of the records, those first received after the month was due.",
            number(|q| q.late),
        ),
        column(
            "revised",
            "Of the records, those of which an earlier revision was received.",
            number(|q| q.revised),
        ),
        column(
            "cancelled",
            "Records whose latest revision is a cancellation, in the month of their last state.",
            number(|q| q.cancelled),
        ),
        column(
            "rejected",
            "Events that broke their contract and named this partner and kind, by the month received.",
            Of::Integer(Box::new(|row| Some(row.rejected))),
        ),
        column(
            "unmapped",
            "Of the records, those under no priority or theme of the plan in `plan`, or of the month's; null = no plan, or totals.",
            of(unmapped),
        ),
        column(
            "unknown_code",
            "Of the records, those with a code that the code list held for its scheme lacks.",
            number(|q| q.unknown_code),
        ),
        column(
            "date_fallback",
            "Of the records, those without `recorded_at` where months go by it.",
            number(|q| q.date_fallback),
        ),
        column(
            "no_location",
            "Of the records, those without an area.",
            number(|q| q.no_location),
        ),
        column(
            "outside",
            "Of the records, those in an area outside every set; null = their areas are too coarse to say, or totals.",
            of(outside),
        ),
        column(
            "reference",
            "The median of the records of the months within 12 on either side; null = fewer than 3 have any, or totals.",
            Of::Double(Box::new(|row| {
                row.reference.map(|reference| reference.median)
            })),
        ),
        column(
            "ratio",
            "Records by `reference`: below 0.6 or above 1.67 the month is suspect.",
            Of::Double(Box::new(|row| {
                row.reference.map(|reference| reference.ratio)
            })),
        ),
        column(
            "due",
            "The last day on which the month was not late.",
            Of::Date(Box::new(due)),
        ),
        column(
            "data_status",
            "`overdue` or `not_due` (no records), `suspect`, `provisional` (may still change) or `final`; null = a month before the partner's kind begins or figures do.",
            Of::Choice(
                texts(Status::NAMES.map(Some)),
                Box::new(|row| row.status.map(|status| status as u32)),
            ),
        ),
        column(
            "last_received",
            "When the newest of its latest revisions was received (UTC).",
            Of::Instant(Box::new(|row| row.quality.last_received)),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>, rejected: &Rejected) -> Result<File, Error> {
    let unmapped = by_month(folder, "unmapped", ALL, ALL);
    let outside = by_month(folder, "total", "set", OUTSIDE);
    file(
        ABOUT,
        columns(folder, &unmapped, &outside),
        rows(folder, rejected),
    )
}

/// Counts of one of the whole series by month at the places of a code; 0 where a kind has the
/// level, but not the place.
fn by_month(folder: &Folder<'_>, series: &str, level: &str, code: &str) -> Counts {
    let mut counts = Counts::new();
    let strips = folder
        .strips()
        .filter(|strip| strip.series.kind == series && !strip.is_of_totals());
    for strip in strips {
        for (place, _, of) in strip.places().filter(|(_, _, place)| place.level == level) {
            for (_, window) in strip.windows().filter(|(_, window)| window.is_month()) {
                let Some(block) = strip.block(place, window) else {
                    continue;
                };
                let here = if of.code == code { block.min } else { 0 };
                *counts.entry((strip.kind, window.first)).or_default() += here;
            }
        }
    }
    counts
}

fn gather(folder: &Folder<'_>, rejected: &Rejected) -> BTreeMap<Key, Months> {
    let current = folder.figures.current;
    let mut months: BTreeMap<Key, Months> = BTreeMap::new();
    for ((kind, month), quality) in &current.quality {
        let of = &current.partner_kinds[*kind as usize];
        let entry = months
            .entry((of.partner.clone(), of.feed.as_str(), Some(of.kind.clone())))
            .or_default();
        entry.kind = Some(*kind as usize);
        entry.quality.insert(*month, *quality);
    }
    for ((partner, feed, kind, month), count) in &rejected.counts {
        let key = (partner.clone(), *feed, kind.clone());
        months
            .entry(key)
            .or_default()
            .rejected
            .insert(*month, *count);
    }
    months
}

/// The months of every partner's kind: from the first with a record to the last that any has, and
/// those with a reject.
pub(crate) fn rows(folder: &Folder<'_>, rejected: &Rejected) -> Vec<Row> {
    gather(folder, rejected)
        .iter()
        .flat_map(|(key, months)| rows_of(folder, key, months))
        .collect()
}

fn rows_of(folder: &Folder<'_>, key: &Key, months: &Months) -> Vec<Row> {
    let figures = folder.figures;
    let is_count = months
        .kind
        .is_some_and(|kind| figures.current.partner_kinds[kind].is_count());
    let held = months.kind.and_then(|kind| figures.held[kind].as_ref());
    let due: Vec<Month> = match held {
        // Between the periods of totals there are no months to wait for.
        Some(held) if !is_count => (0..held.months() as i32)
            .map(|i| held.first.plus(i))
            .collect(),
        _ => Vec::new(),
    };
    let own = months.quality.keys().chain(months.rejected.keys()).copied();
    let all: BTreeSet<Month> = due.into_iter().chain(own).collect();
    let row = |month| Row {
        key: key.clone(),
        kind: months.kind,
        month,
        quality: months.quality.get(&month).copied().unwrap_or_default(),
        rejected: months.rejected.get(&month).copied().unwrap_or_default(),
        reference: held
            .filter(|held| !is_count && held.status_of(month).is_some())
            .and_then(|held| Reference::of(&held.records, month)),
        status: held.and_then(|held| held.status_of(month)),
    };
    all.into_iter().map(row).collect()
}
