//! `place_of_safety`: where people were taken who were detained under sections 135 and 136 of the
//! Mental Health Act 1983, before and after the law changed.
//!
//! Police cells ceased to be a place of safety for most on 11 December 2017 (Policing and Crime Act
//! 2017, sections 80 to 83), for detentions that began from that day. Police and health report the
//! same people: side by side, never added.

use std::collections::BTreeMap;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::table_set::{RowKey, TableSet};
use crate::aggregate::state::bounded_count::CountStatus;
use crate::aggregate::state::current::{Current, Fact};
use crate::aggregate::tables::column::{Column, ColumnPurpose, integer, one_of, specs, text};
use crate::aggregate::tables::shared_columns::{
    FOLDER_PLAN, KeyedRow, LOWER_BOUND, UPPER_BOUND, kind_area_window_columns,
};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, write_rows};
use crate::contract::columns::COLUMNS;
use crate::event::{Kind, Month};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "place_of_safety",
    kind: TableKind::Figures,
    question: Some("Where were people detained under the Mental Health Act taken?"),
    rows: "Detentions under sections 135 and 136 by power, regime, place and transport.",
    columns: || specs(columns()),
    build,
};

/// `s135` and `s136`, by the code of the legal status.
pub(crate) const POWERS: [(&str, &str); 2] = [("19", "s135"), ("20", "s136")];
/// The law by whether it had changed.
const REGIMES: [&str; 2] = ["before-2017-12-11", "from-2017-12-11"];
const AGE_GROUPS: [&str; 3] = ["under-18", "adult", "unknown"];

/// What detentions are counted apart by; texts by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Detention {
    /// The index of its partner's kind in the order of tables.
    rank: u32,
    area: u32,
    month: Month,
    power: usize,
    is_under_2017_act: bool,
    place_of_safety: u32,
    transport: u32,
    is_adult: Option<bool>,
}

/// A row: detentions that are alike.
struct DetentionRow {
    detention: Detention,
    kind: u32,
    window: u32,
    count: i64,
}

impl KeyedRow for DetentionRow {
    fn key(&self) -> RowKey {
        RowKey {
            series: 0,
            kind: self.kind,
            area: self.detention.area,
            window: self.window,
        }
    }
}

fn columns<'f>() -> Vec<Column<'f, DetentionRow>> {
    let mut columns = vec![text(
        ColumnPurpose::PlanKey,
        "plan_id",
        FOLDER_PLAN,
        |set, _: &DetentionRow| set.plan_id(),
    )];
    columns.extend(kind_area_window_columns());
    columns.extend(detention_columns());
    columns.extend([
        integer(
            ColumnPurpose::Count,
            "count_value",
            "Number of records. A combination without a row is 0 if the month has rows.",
            |_, row: &DetentionRow| Some(row.count),
        ),
        integer(
            ColumnPurpose::LowerBound,
            "count_min",
            LOWER_BOUND,
            |_, row| Some(row.count),
        ),
        integer(
            ColumnPurpose::UpperBound,
            "count_max",
            UPPER_BOUND,
            |_, row| Some(row.count),
        ),
        one_of(
            ColumnPurpose::Status,
            "count_status",
            "`exact`.",
            &[CountStatus::NAMES[0]],
            |_, _| Some(CountStatus::Exact as u32),
        ),
    ]);
    columns
}

fn detention_columns<'f>() -> [Column<'f, DetentionRow>; 5] {
    [
        one_of(
            ColumnPurpose::OwnKey,
            "legal_power",
            "`s135` (a warrant) or `s136` (a public place) of the Mental Health Act 1983.",
            &[POWERS[0].1, POWERS[1].1],
            |_, row: &DetentionRow| Some(row.detention.power as u32),
        ),
        one_of(
            ColumnPurpose::OwnKey,
            "regime",
            "The law on the day the detention began: `before-2017-12-11` or `from-2017-12-11`, when \
             the Policing and Crime Act 2017, ss. 80-83, commenced.",
            &REGIMES,
            |_, row| Some(row.detention.is_under_2017_act.into()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "place_of_safety",
            "Where the person was taken; null = not sent.",
            |set, row| own_text(set, row.detention.place_of_safety),
        ),
        text(
            ColumnPurpose::OwnKey,
            "transport",
            "How the person was taken there; null = not sent.",
            |set, row| own_text(set, row.detention.transport),
        ),
        one_of(
            ColumnPurpose::OwnKey,
            "age_group",
            "`under-18`, `adult` or `unknown`.",
            &AGE_GROUPS,
            |_, row| Some(row.detention.is_adult.map_or(2, u32::from)),
        ),
    ]
}

fn own_text(set: &TableSet<'_>, number: u32) -> Option<String> {
    set.figures.current.texts.text(number).map(str::to_owned)
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let figures = set.figures;
    let counts = detentions(set);
    let rows = counts.into_iter().filter_map(|(detention, count)| {
        let mut windows = figures.windows.iter();
        let window =
            windows.position(|window| window.is_month() && window.first == detention.month)?;
        Some(DetentionRow {
            detention,
            kind: figures.order[detention.rank as usize],
            window: window as u32,
            count,
        })
    });
    write_rows(&TABLE, set, columns(), rows)
}

fn detentions(set: &TableSet<'_>) -> BTreeMap<Detention, i64> {
    let figures = set.figures;
    let mut counts = BTreeMap::new();
    for (rank, &kind) in (0_u32..).zip(&figures.order) {
        let event_kind = figures.current.partner_kinds[kind as usize].of;
        if !matches!(event_kind, Kind::Detention | Kind::MentalHealthDetention) {
            continue;
        }
        for fact in figures.facts(kind as usize) {
            let Some(detention) = detention(figures.current, fact, rank) else {
                continue;
            };
            for &area in figures.areas.targets(kind as usize, fact.area) {
                *counts.entry(Detention { area, ..detention }).or_default() += 1;
            }
        }
    }
    counts
}

/// A record as a detention, in no area yet; none = under another power.
fn detention(current: &Current, fact: &Fact, rank: u32) -> Option<Detention> {
    let [what, marks, ..] = *current.profiles.row(fact.profile) else {
        return None;
    };
    let power = current.what[what as usize].codes.iter().find_map(|code| {
        let category = &current.categories[*code as usize];
        let mut powers = POWERS.iter();
        let power = powers.position(|(status, _)| *status == category.code)?;
        (category.scheme == "mha-legal-status").then_some(power)
    })?;
    let age_band = current.value(COLUMNS.person_age_band, marks);
    let age_band = current.texts.text(age_band);
    Some(Detention {
        rank,
        area: 0,
        month: fact.month,
        power,
        is_under_2017_act: fact.is_under_2017_act,
        place_of_safety: current.value(COLUMNS.place_of_safety, fact.details),
        transport: current.value(COLUMNS.transport, fact.details),
        is_adult: age_band.and_then(is_adult),
    })
}

/// Whether a band of ages is all from 18 on; none = it spans 18.
fn is_adult(band: &str) -> Option<bool> {
    const ADULT: u32 = 18;
    let (low, high) = band
        .split_once('-')
        .unwrap_or((band.trim_end_matches('+'), ""));
    let (low, high) = (low.parse::<u32>().ok()?, high.parse::<u32>().ok());
    if low >= ADULT {
        Some(true)
    } else {
        high.filter(|high| *high < ADULT).map(|_| false)
    }
}
