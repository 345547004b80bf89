//! `reconciliation`: whether the parts add up to the whole. What does not add up is reported, not
//! hidden.

use std::collections::BTreeMap;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::areas::{ALL_RECEIVED, Coverage};
use crate::aggregate::figures::intake::PartitionTotals;
use crate::aggregate::figures::table_set::{CountedArea, SeriesCounts, TableSet};
use crate::aggregate::state::bounded_count::BoundedCount;
use crate::aggregate::tables::column::{Column, ColumnPurpose, integer, one_of, specs, text};
use crate::aggregate::tables::shared_columns::FOLDER_PLAN;
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::reference::codes::CodeLists;
use crate::reference::geography::Level;
use crate::reference::pattern;
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "reconciliation",
    kind: TableKind::Figures,
    question: Some("Do the parts add up to the whole?"),
    rows: "Sums compared with the totals they are parts of.",
    columns: || specs(columns()),
    build,
};

const RESULTS: [&str; 3] = ["pass", "fail", "not_tested"];

/// A check, in the order of names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SumCheck {
    AcceptedRejected,
    Areas,
    Categories,
    ControlTotal,
    MappedUnmapped,
}

impl SumCheck {
    const fn name(self) -> &'static str {
        match self {
            Self::AcceptedRejected => "accepted-rejected",
            Self::Areas => "areas",
            Self::Categories => "categories",
            Self::ControlTotal => "control-total",
            Self::MappedUnmapped => "mapped-unmapped",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::AcceptedRejected => "accepted + rejected = records read",
            Self::Areas => "areas + pseudo-areas of a level = total",
            Self::Categories => "codes of a list whose codes exclude one another = total",
            Self::ControlTotal => "our count = the partner's own control total",
            Self::MappedUnmapped => "mapped + unmapped = total",
        }
    }
}

struct CheckRow {
    check: SumCheck,
    partner: Option<String>,
    kind: Option<String>,
    /// What the parts are parts of.
    whole_of: String,
    window: Option<String>,
    counted: Option<i64>,
    expected: Option<i64>,
}

impl CheckRow {
    /// The row of a series' partner and kind.
    fn new(
        check: SumCheck,
        series: &SeriesCounts<'_>,
        whole_of: String,
        window: &Window,
        parts: Option<BoundedCount>,
        whole: Option<BoundedCount>,
    ) -> Self {
        let kind = series.partner_kind();
        Self {
            check,
            partner: Some(kind.partner.clone()),
            kind: Some(kind.kind.clone()),
            whole_of,
            window: Some(window.id.clone()),
            counted: parts.and_then(BoundedCount::exact),
            expected: whole.and_then(BoundedCount::exact),
        }
    }

    /// The result, as an index of [`RESULTS`].
    fn result(&self) -> u32 {
        match self.counted.zip(self.expected) {
            Some((counted, expected)) if counted == expected => 0,
            Some(_) => 1,
            None => 2,
        }
    }
}

fn columns<'f>() -> Vec<Column<'f, CheckRow>> {
    vec![
        text(
            ColumnPurpose::PlanKey,
            "plan_id",
            FOLDER_PLAN,
            |set, _: &CheckRow| set.plan_id(),
        ),
        text(
            ColumnPurpose::OwnKey,
            "check_id",
            "What is checked: `accepted-rejected`, `areas`, `categories`, `control-total` or \
             `mapped-unmapped`.",
            |_, row| Some(row.check.name().to_owned()),
        ),
        text(
            ColumnPurpose::KindKey,
            "partner",
            "The partner that sent the records; null for partitions.",
            |_, row| row.partner.clone(),
        ),
        text(
            ColumnPurpose::KindKey,
            "kind",
            "Their kind; null for partitions.",
            |_, row| row.kind.clone(),
        ),
        text(
            ColumnPurpose::OwnKey,
            "area_code",
            "The whole: the level (with its vintage and role), the list, or the topic and \
             partition.",
            |_, row| Some(row.whole_of.clone()),
        ),
        text(
            ColumnPurpose::WindowKey,
            "window_id",
            "The months; null = all that was read.",
            |_, row| row.window.clone(),
        ),
        integer(
            ColumnPurpose::Count,
            "counted",
            "The sum of the parts; null = not all are exact.",
            |_, row| row.counted,
        ),
        integer(
            ColumnPurpose::Count,
            "expected",
            "The whole; null = not exact, or not sent.",
            |_, row| row.expected,
        ),
        integer(
            ColumnPurpose::Measure,
            "difference",
            "counted - expected.",
            |_, row| Some(row.counted? - row.expected?),
        ),
        one_of(
            ColumnPurpose::Status,
            "result",
            "`pass`, `fail` or `not_tested`.",
            &RESULTS,
            |_, row| Some(row.result()),
        ),
        text(
            ColumnPurpose::Attribute,
            "text",
            "The check in words.",
            |_, row| Some(row.check.text().to_owned()),
        ),
    ]
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let codes = &set.figures.settings.reference.codes;
    let partitions = set.intake.partitions.iter();
    let mut rows: Vec<CheckRow> = partitions.map(accepted_and_rejected).collect();
    for series in set.series().filter(|series| series.key.kind == "total") {
        for (_, window) in series.windows() {
            if series.is_of_totals() {
                rows.extend(categories(codes, &series, window));
            } else if window.is_month() {
                rows.extend(areas(&series, window));
                rows.extend(mapped_and_unmapped(&series, window));
            }
        }
    }
    rows.extend(control_totals(set));
    rows.sort_by_cached_key(|row| {
        (
            row.check,
            row.partner.clone(),
            row.kind.clone(),
            row.whole_of.clone(),
            row.window.clone(),
        )
    });
    write_rows(&TABLE, set, columns(), rows)
}

fn accepted_and_rejected(totals: &PartitionTotals) -> CheckRow {
    let partition = &totals.partition;
    CheckRow {
        check: SumCheck::AcceptedRejected,
        partner: None,
        kind: None,
        whole_of: format!("{}-{}", partition.topic, partition.partition),
        window: None,
        counted: Some(totals.accepted + totals.rejected),
        expected: Some(totals.records - totals.erased),
    }
}

/// The area `all-received`.
fn all_areas<'f>(series: &SeriesCounts<'f>) -> Option<CountedArea<'f>> {
    series.areas().find(|area| area.key.level == ALL_RECEIVED)
}

/// The sum of the areas of each level and vintage. Sets overlap, so their level has no sum.
fn areas(series: &SeriesCounts<'_>, window: &Window) -> Vec<CheckRow> {
    let whole = all_areas(series).and_then(|all| series.count(all, window));
    let mut parts: BTreeMap<String, i64> = BTreeMap::new();
    for area in series.areas() {
        let level = &area.key.level;
        if !Level::from_name(level).is_some_and(Level::is_partition) {
            continue;
        }
        let tier = match &area.key.vintage {
            Some(vintage) if level != "lsoa" => format!("{level} {vintage}"),
            _ => level.clone(),
        };
        // An area that records do not name is not a part of the level.
        if series.coverage(area) != Coverage::NoDistrict {
            let count = series.count(area, window);
            *parts.entry(tier).or_default() += count.map_or(0, |count| count.min);
        }
    }
    parts
        .into_iter()
        .map(|(tier, sum)| {
            // What is known of the whole is known of its parts, also where they are not covered.
            let parts = whole.map(|whole| BoundedCount::counted(sum, whole.supply));
            CheckRow::new(SumCheck::Areas, series, tier, window, parts, whole)
        })
        .collect()
}

fn mapped_and_unmapped(series: &SeriesCounts<'_>, window: &Window) -> Option<CheckRow> {
    let all = all_areas(series)?;
    series.plan.series.plan?;
    let [mapped, unmapped] = ["mapped", "unmapped"].map(|kind| {
        let keys = &series.plan.series.keys;
        let index = keys.iter().position(|key| key.kind == kind)?;
        series.sibling(index as u32)?.count(all, window)
    });
    Some(CheckRow::new(
        SumCheck::MappedUnmapped,
        series,
        ALL_RECEIVED.to_owned(),
        window,
        mapped.zip(unmapped).map(|(a, b)| a.plus(b)),
        series.count(all, window),
    ))
}

/// The codes of an exclusive list of totals, compared with the total that the partner sent with
/// them.
fn categories(codes: &CodeLists, series: &SeriesCounts<'_>, window: &Window) -> Vec<CheckRow> {
    let mut rows = Vec::new();
    for area in series.areas() {
        if area.key.is_pseudo() && area.key.level != ALL_RECEIVED {
            continue;
        }
        let (mut parts, mut total, mut scheme) = (None, None, None);
        for category in series.siblings() {
            let Some(list) = category.key.scheme.as_deref() else {
                continue;
            };
            if category.key.kind != "category" {
                continue;
            }
            let Some(count) = category.count(area, window) else {
                continue;
            };
            scheme = Some(list);
            if codes.is_total(list, &category.key.id) {
                add(&mut total, count);
            } else if !pattern::is_base(&category.key.id) {
                add(&mut parts, count);
            }
        }
        if let Some(scheme) = scheme
            && codes.is_exclusive(scheme)
            && total.is_some()
        {
            let whole_of = format!("{scheme} {}", area.key.code);
            let check = SumCheck::Categories;
            rows.push(CheckRow::new(check, series, whole_of, window, parts, total));
        }
    }
    rows
}

fn add(sum: &mut Option<BoundedCount>, count: BoundedCount) {
    *sum = Some(sum.map_or(count, |sum| sum.plus(count)));
}

/// The totals that partners' own publications give, from the configuration.
fn control_totals(set: &TableSet<'_>) -> Vec<CheckRow> {
    let controls = set.figures.settings.reference.controls.iter();
    controls
        .map(|control| {
            let own = set
                .series()
                .filter(|series| series.key.kind == "total")
                .find_map(|series| {
                    let kind = series.partner_kind();
                    if kind.partner != control.partner || kind.kind != control.kind {
                        return None;
                    }
                    let mut areas = series.areas();
                    let area = areas.find(|area| area.key.code == control.area)?;
                    series.count(area, &control.window)
                });
            CheckRow {
                check: SumCheck::ControlTotal,
                partner: Some(control.partner.clone()),
                kind: Some(control.kind.clone()),
                whole_of: control.area.clone(),
                window: Some(control.window.id.clone()),
                counted: own.and_then(BoundedCount::exact),
                expected: Some(control.value),
            }
        })
        .collect()
}
