//! `reconciliation`: do the parts make the whole? What does not add up is reported, not hidden.

use std::collections::BTreeMap;

use crate::aggregate::Error;
use crate::aggregate::figures::areas::ALL;
use crate::aggregate::figures::bounded_count::Block;
use crate::aggregate::figures::table_set::{Folder, Strip};
use crate::aggregate::tables::table::{Column, File, Of, column, file};
use crate::event::TopicPartition;
use crate::reference::geography::Level;
use crate::reference::windows::Window;

/// What the table answers.
const ABOUT: &str = "Do the parts make the whole? Sums held against what they are parts of.";

/// What the chain says it read of a partition.
pub(crate) struct Read {
    pub(crate) partition: TopicPartition,
    pub(crate) records: i64,
    pub(crate) accepted: i64,
    pub(crate) rejected: i64,
}

/// The checks, in the order of names.
const CHECKS: [(&str, &str); 5] = [
    ("accepted-rejected", "accepted + rejected = records read"),
    ("areas", "areas + pseudo-areas of a level = total"),
    (
        "categories",
        "codes of a list whose codes exclude one another = total",
    ),
    (
        "control-total",
        "our count = the partner's own control total",
    ),
    ("mapped-unmapped", "mapped + unmapped = total"),
];

struct Row {
    check: usize,
    partner: Option<String>,
    kind: Option<String>,
    of: Option<String>,
    window: Option<String>,
    left: Option<i64>,
    right: Option<i64>,
}

impl Row {
    fn result(&self) -> &'static str {
        match self.left.zip(self.right) {
            Some((left, right)) if left == right => "pass",
            Some(_) => "fail",
            None => "not_tested",
        }
    }
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Row>> {
    vec![
        column(
            "plan",
            "The plan of the folder; null where each month has its own.",
            Of::Text(Box::new(|_| folder.plan_id())),
        ),
        column(
            "check",
            "What is checked: `accepted-rejected`, `areas`, `categories`, `control-total` or `mapped-unmapped`.",
            Of::Text(Box::new(|row: &Row| Some(CHECKS[row.check].0.to_owned()))),
        ),
        column(
            "partner",
            "Whose figures; null for partitions.",
            Of::Text(Box::new(|row: &Row| row.partner.clone())),
        ),
        column(
            "kind",
            "Of which kind; null for partitions.",
            Of::Text(Box::new(|row: &Row| row.kind.clone())),
        ),
        column(
            "area_code",
            "What the parts are parts of: the level (with its vintage and role), the list, or the topic and partition.",
            Of::Text(Box::new(|row: &Row| row.of.clone())),
        ),
        column(
            "window",
            "The months; null = all that was read.",
            Of::Text(Box::new(|row: &Row| row.window.clone())),
        ),
        column(
            "left",
            "The sum of the parts; null = not all are exact.",
            Of::Integer(Box::new(|row: &Row| row.left)),
        ),
        column(
            "right",
            "The whole; null = not exact, or not sent.",
            Of::Integer(Box::new(|row: &Row| row.right)),
        ),
        column(
            "difference",
            "left - right.",
            Of::Integer(Box::new(|row: &Row| Some(row.left? - row.right?))),
        ),
        column(
            "result",
            "`pass`, `fail` or `not_tested`.",
            Of::Text(Box::new(|row: &Row| Some(row.result().to_owned()))),
        ),
        column(
            "text",
            "The check in words.",
            Of::Text(Box::new(|row: &Row| Some(CHECKS[row.check].1.to_owned()))),
        ),
    ]
}

pub(crate) fn write(folder: &Folder<'_>, read: &[Read]) -> Result<File, Error> {
    let mut rows: Vec<Row> = read.iter().map(accepted_and_rejected).collect();
    for strip in folder.strips().filter(|strip| strip.series.kind == "total") {
        for (_, window) in strip
            .windows()
            .filter(|(_, window)| window.is_month() || strip.is_of_totals())
        {
            if strip.is_of_totals() {
                rows.extend(categories(folder, &strip, window));
            } else {
                rows.extend(areas(&strip, window));
                rows.extend(mapped_and_unmapped(&strip, window));
            }
        }
    }
    rows.extend(control_totals(folder));
    let key = |row: &Row| {
        (
            row.check,
            row.partner.clone(),
            row.kind.clone(),
            row.of.clone(),
            row.window.clone(),
        )
    };
    rows.sort_by_cached_key(key);
    file(ABOUT, columns(folder), rows)
}

fn accepted_and_rejected(read: &Read) -> Row {
    Row {
        check: 0,
        partner: None,
        kind: None,
        of: Some(format!(
            "{}-{}",
            read.partition.topic, read.partition.partition
        )),
        window: None,
        left: Some(read.accepted + read.rejected),
        right: Some(read.records),
    }
}

fn row(
    check: usize,
    strip: &Strip<'_>,
    of: String,
    window: &Window,
    parts: Option<Block>,
    whole: Option<Block>,
) -> Row {
    let kind = strip.partner_kind();
    Row {
        check,
        partner: Some(kind.partner.clone()),
        kind: Some(kind.kind.clone()),
        of: Some(of),
        window: Some(window.id.clone()),
        left: parts.and_then(Block::exact),
        right: whole.and_then(Block::exact),
    }
}

fn whole(strip: &Strip<'_>, window: &Window) -> Option<Block> {
    let (all, ..) = strip.places().find(|(_, _, place)| place.level == ALL)?;
    strip.block(all, window)
}

/// At each level and vintage; sets overlap, so that their level has no sum.
fn areas(strip: &Strip<'_>, window: &Window) -> Vec<Row> {
    let mut parts: BTreeMap<String, Option<Block>> = BTreeMap::new();
    for (place, _, of) in strip.places() {
        if Level::from_name(&of.level).is_some_and(Level::is_partition) {
            let vintage = if of.level == "lsoa" {
                None
            } else {
                of.vintage.as_deref()
            };
            let tier = vintage.map_or(of.level.clone(), |vintage| {
                format!("{} {vintage}", of.level)
            });
            let sum = parts.entry(tier).or_default();
            *sum = Block::sum(sum.iter().copied().chain(strip.block(place, window)));
        }
    }
    let whole = whole(strip, window);
    parts
        .into_iter()
        .map(|(tier, parts)| row(1, strip, tier, window, parts, whole))
        .collect()
}

fn mapped_and_unmapped(strip: &Strip<'_>, window: &Window) -> Option<Row> {
    let (all, ..) = strip.places().find(|(_, _, place)| place.level == ALL)?;
    let series = &strip.framed.frame.series;
    let parts = ["mapped", "unmapped"].map(|kind| {
        let place = series.iter().position(|series| series.kind == kind)?;
        strip.sheet.block(
            strip.sheet.position(place as u32)?,
            all,
            window.first,
            window.months,
        )
    });
    strip.framed.frame.plan?;
    let [mapped, unmapped] = parts;
    Some(row(
        4,
        strip,
        ALL.to_owned(),
        window,
        mapped.zip(unmapped).map(|(a, b)| a.plus(b)),
        whole(strip, window),
    ))
}

/// Totals that a partner sent: the codes of an exclusive list against the total it sent with them.
fn categories(folder: &Folder<'_>, strip: &Strip<'_>, window: &Window) -> Vec<Row> {
    let codes = &folder.figures.settings.reference.codes;
    let mut rows = Vec::new();
    for (place, _, of) in strip
        .places()
        .filter(|(_, _, place)| !place.is_pseudo() || place.level == ALL)
    {
        let (mut parts, mut totals, mut scheme): (Option<Block>, Option<Block>, &str) =
            (None, None, "");
        for (row, series) in strip.sheet.series.iter().enumerate() {
            let series = &strip.framed.frame.series[*series as usize];
            let Some(list) = series
                .scheme
                .as_deref()
                .filter(|_| series.kind == "category")
            else {
                continue;
            };
            let Some(block) = strip.sheet.block(row, place, window.first, window.months) else {
                continue;
            };
            scheme = list;
            let sum = if codes.is_total(list, &series.id) {
                &mut totals
            } else {
                &mut parts
            };
            if !crate::reference::pattern::is_base(&series.id) || codes.is_total(list, &series.id) {
                *sum = Block::sum(sum.iter().copied().chain([block]));
            }
        }
        if codes.is_exclusive(scheme) && totals.is_some() {
            rows.push(row(
                2,
                strip,
                format!("{scheme} {}", of.code),
                window,
                parts,
                totals,
            ));
        }
    }
    rows
}

/// The totals that partners' own publications give, from the configuration.
fn control_totals(folder: &Folder<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for control in &folder.figures.settings.reference.controls {
        let ours = folder
            .strips()
            .filter(|strip| strip.series.kind == "total")
            .find_map(|strip| {
                let kind = strip.partner_kind();
                (kind.partner == control.partner && kind.kind == control.kind).then_some(())?;
                let (place, ..) = strip
                    .places()
                    .find(|(_, _, place)| place.code == control.area)?;
                strip.sheet.block(
                    strip.row,
                    place,
                    control.window.first,
                    control.window.months,
                )
            });
        rows.push(Row {
            check: 3,
            partner: Some(control.partner.clone()),
            kind: Some(control.kind.clone()),
            of: Some(control.area.clone()),
            window: Some(control.window.id.clone()),
            left: ours.and_then(Block::exact),
            right: Some(control.value),
        });
    }
    rows
}
