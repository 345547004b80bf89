//! `place_of_safety`: where were people taken who were detained under sections 135 and 136 of the
//! Mental Health Act 1983, before and after the law changed?
//!
//! Police cells ceased to be a place of safety for most on 11 December 2017 (Policing and Crime Act
//! 2017, sections 80 to 83), for detentions that began from that day. Police and health report the
//! same people: side by side, never added.

use std::collections::BTreeMap;

use crate::aggregate::Error;
use crate::aggregate::figures::bounded_count::{Block, Supply};
use crate::aggregate::figures::table_set::Folder;
use crate::aggregate::state::current::{Fact, PartnerKind};
use crate::aggregate::tables::table::{Column, File, Of, column, file, texts};
use crate::contract::columns::COLUMNS;
use crate::event::{Kind, Month};

/// What the table answers.
const ABOUT: &str = "Where were people taken? Detentions under sections 135 and 136 by power, regime, place and transport.";

/// `s135` and `s136`, by the code of the legal status.
const POWERS: [(&str, &str); 2] = [("19", "s135"), ("20", "s136")];
/// The regime by whether the law had changed.
const REGIMES: [&str; 2] = ["before-2017-12-11", "from-2017-12-11"];

/// The keys of a row; texts by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    /// By rank.
    rank: u32,
    place: u32,
    month: Month,
    power: usize,
    changed: bool,
    place_of_safety: u32,
    transport: u32,
    age: Option<bool>,
}

struct Counted {
    row: Row,
    kind: u32,
    window: u32,
    count: i64,
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Counted>> {
    let text = |of: fn(&Row) -> u32| {
        let texts = &folder.figures.current.texts;
        Of::Text(Box::new(move |counted: &Counted| {
            texts.text(of(&counted.row)).map(str::to_owned)
        }))
    };
    let mut columns = vec![column(
        "plan",
        "The plan of the folder; null where each month has its own.",
        Of::Text(Box::new(|_| folder.plan_id())),
    )];
    columns.extend(folder.kind_columns(|counted: &Counted| counted.kind));
    columns.extend(folder.place_columns(|counted: &Counted| counted.row.place));
    columns.extend(folder.window_columns(|counted: &Counted| counted.window));
    columns.extend(folder.status_columns(|counted: &Counted| (counted.kind, counted.window)));
    columns.extend([
        column(
            "legal_power",
            "`s135` (a warrant) or `s136` (a public place) of the Mental Health Act 1983.",
            Of::Choice(texts(POWERS.map(|(_, power)| Some(power))), Box::new(|c: &Counted| Some(c.row.power as u32))),
        ),
        column(
            "regime",
            "The law by the day the detention began: the Policing and Crime Act 2017, ss. 80-83, commenced on 11 December 2017.",
            Of::Choice(texts(REGIMES.map(Some)), Box::new(|c: &Counted| Some(c.row.changed.into()))),
        ),
        column("place_of_safety", "Where the person was taken; null = not sent.", text(|row| row.place_of_safety)),
        column("transport", "How; null = not sent.", text(|row| row.transport)),
        column(
            "age_group",
            "`under-18`, `adult` or `unknown`.",
            Of::Choice(
                texts([Some("under-18"), Some("adult"), Some("unknown")]),
                Box::new(|c: &Counted| Some(c.row.age.map_or(2, u32::from))),
            ),
        ),
        column("count", "How many; a combination that is no row is 0 where the month has rows.", Of::Integer(Box::new(|c: &Counted| Some(c.count)))),
        column("count_min", "At least so many.", Of::Integer(Box::new(|c: &Counted| Some(c.count)))),
        column("count_max", "At most so many.", Of::Integer(Box::new(|c: &Counted| Some(c.count)))),
        column(
            "count_status",
            "`exact`.",
            Of::Choice(texts(Block::STATUSES.map(Some)), Box::new(|c: &Counted| Some(Block::counted(c.count, Supply::Whole).status()))),
        ),
    ]);
    columns
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let figures = folder.figures;
    let mut counts: BTreeMap<Row, i64> = BTreeMap::new();
    let detains = |of: &PartnerKind| matches!(of.of, Kind::Detention | Kind::MentalHealthDetention);
    for (rank, &kind) in (0_u32..).zip(&figures.order) {
        if !detains(&figures.current.partner_kinds[kind as usize]) {
            continue;
        }
        for fact in figures.facts(kind as usize) {
            let Some(row) = row(folder, fact) else {
                continue;
            };
            for place in figures.places.targets(kind as usize, fact.area) {
                *counts
                    .entry(Row {
                        rank,
                        place: *place,
                        ..row
                    })
                    .or_default() += 1;
            }
        }
    }
    let month = |month: Month| {
        figures
            .windows
            .iter()
            .position(|window| window.is_month() && window.first == month)
    };
    let counted = counts.into_iter().filter_map(|(row, count)| {
        Some(Counted {
            row,
            kind: figures.order[row.rank as usize],
            window: month(row.month)? as u32,
            count,
        })
    });
    file(ABOUT, columns(folder), counted)
}

fn row(folder: &Folder<'_>, fact: &Fact) -> Option<Row> {
    let current = folder.figures.current;
    let [what, marks, ..] = *current.profiles.row(fact.profile) else {
        return None;
    };
    let codes = current.what[what as usize]
        .codes
        .iter()
        .map(|code| &current.categories[*code as usize]);
    let mut codes = codes.filter(|code| code.scheme == "mha-legal-status");
    let power =
        codes.find_map(|code| POWERS.iter().position(|(status, _)| *status == code.code))?;
    let band = current
        .texts
        .text(current.value(COLUMNS.person_age_band, marks));
    Some(Row {
        rank: 0,
        place: 0,
        month: fact.month,
        power,
        changed: fact.is_under_2017_act,
        place_of_safety: current.value(COLUMNS.place_of_safety, fact.details),
        transport: current.value(COLUMNS.transport, fact.details),
        age: band.and_then(is_adult),
    })
}

/// Whether a band of ages lies from 18 on; none = on both sides.
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
