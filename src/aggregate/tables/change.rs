//! `change`: what changed against a baseline, and may one say so?
//!
//! Told where there is something on either side: not where both are 0, nor where neither was
//! supplied.

use std::collections::BTreeMap;

use crate::aggregate::Error;
use crate::aggregate::figures::areas::Place;
use crate::aggregate::figures::bounded_count::Block;
use crate::aggregate::figures::table_set::{Folder, Line, Strip};
use crate::aggregate::tables::spc;
use crate::aggregate::tables::table::{Column, File, Of, Table, column, texts};
use crate::event::Month;
use crate::reference::windows::Window;

/// What the table answers.
const ABOUT: &str = "What changed, and may one say so? Counts of a window against baselines, with the breaks between; no row where both sides are 0 or neither was supplied.";

/// What a window is held against, in the order of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Baseline {
    /// The mean of the same months of the five years before.
    MeanOf5Years,
    /// The month or quarter just before.
    Prior,
    /// The centre of the control chart.
    Spc,
    /// The same months a year before.
    YearBefore,
}

/// Years of [`Baseline::MeanOf5Years`].
const YEARS: u16 = 5;

impl Baseline {
    const NAMES: [&'static str; 4] = ["mean-5-years", "prior", "spc", "year-before"];
    const ALL: [Self; 4] = [Self::MeanOf5Years, Self::Prior, Self::Spc, Self::YearBefore];

    /// The runs of months it is made of, oldest first.
    fn runs(self, window: &Window) -> Vec<Month> {
        let years = |years: u16| window.first.plus(-12 * i32::from(years));
        match self {
            Self::MeanOf5Years => (1..=YEARS).rev().map(years).collect(),
            Self::YearBefore => vec![years(1)],
            Self::Prior if window.is_month() || window.is_quarter() => {
                vec![window.first.plus(-i32::from(window.months))]
            }
            Self::Prior | Self::Spc => Vec::new(),
        }
    }
}

/// What the table says beside the count.
struct More {
    baseline: Baseline,
    base: Base,
    /// The base may serve, and no break lies between.
    comparable: bool,
    breaks: Option<String>,
}

/// What a count is held against.
#[derive(Clone, Copy)]
struct Base {
    min: i64,
    max: Option<i64>,
    status: u32,
    /// The base itself, where it is exact and its months may serve.
    value: Option<f64>,
}

impl Base {
    /// The mean of runs; what is not supplied in any of them makes it unknown.
    fn mean(blocks: &[Block], serves: bool) -> Option<Self> {
        let sum = Block::sum(blocks.iter().copied())?;
        let n = blocks.len() as i64;
        let value = sum
            .exact()
            .filter(|_| serves)
            .map(|sum| sum as f64 / n as f64);
        let max = sum.max().map(|max| (max + n - 1).div_euclid(n));
        Some(Self {
            min: sum.min.div_euclid(n),
            max,
            status: sum.status(),
            value,
        })
    }

    /// The centre of a chart.
    fn centre(centre: f64) -> Self {
        Self {
            min: centre.floor() as i64,
            max: Some(centre.ceil() as i64),
            status: 0,
            value: Some(centre),
        }
    }
}

/// Whether there is a change to tell of: not where both are 0, nor where neither was supplied.
fn says_something(block: Block, base: &Base) -> bool {
    let nothing = |exact: Option<i64>, status: u32| {
        exact == Some(0) || status == Block::NOT_SUPPLIED.status()
    };
    let base_exact = base.max.filter(|max| *max == base.min);
    !nothing(block.exact(), block.status()) || !nothing(base_exact, base.status)
}

fn diff(row: &Line<More>) -> Option<f64> {
    Some(row.block.exact()? as f64 - row.more.base.value?)
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Line<More>>> {
    type Row = Line<More>;
    let mut columns: Vec<_> = folder
        .key_columns()
        .into_iter()
        .chain(Folder::block_columns())
        .collect();
    columns.extend([
        column(
            "baseline",
            "What the window is held against: `year-before` (the same months), `prior` (the month or quarter just before), `mean-5-years` (the same months of five years, all needed) or `spc` (the centre of the control chart).",
            Of::Choice(texts(Baseline::NAMES.map(Some)), Box::new(|row: &Row| Some(row.more.baseline as u32))),
        ),
        column("base_min", "The base is at least so much (of a mean, rounded down).", Of::Integer(Box::new(|row: &Row| Some(row.more.base.min)))),
        column(
            "base_max",
            "The base is at most so much (of a mean, rounded up); null = no upper bound is known.",
            Of::Integer(Box::new(|row: &Row| row.more.base.max)),
        ),
        column(
            "base_status",
            "As `count_status`, of the base.",
            Of::Choice(texts(Block::STATUSES.map(Some)), Box::new(|row: &Row| Some(row.more.base.status))),
        ),
        column(
            "diff",
            "Count - base, to the nearest whole; null unless both are exact and the base's months may serve (not suspect).",
            Of::Integer(Box::new(|row: &Row| diff(row).map(|diff| diff.round() as i64))),
        ),
        column(
            "diff_pct",
            "100 x (count - base) by base, unrounded; null also where the base is 0.",
            Of::Double(Box::new(|row: &Row| {
                let base = row.more.base.value.filter(|base| *base != 0.0)?;
                Some(100.0 * diff(row)? / base)
            })),
        ),
        column(
            "diff_per_day",
            "(Count - base) by the days of the window.",
            Of::Double(Box::new(|row: &Row| {
                Some(diff(row)? / folder.figures.windows[row.key.window as usize].days() as f64)
            })),
        ),
        column(
            "comparable",
            "Whether the change may be called one: both counts are exact, their months may serve, and no break lies between.",
            Of::Boolean(Box::new(|row: &Row| Some(row.more.comparable && diff(row).is_some()))),
        ),
        column(
            "breaks",
            "Ids of the breaks in series that the comparison straddles or holds, joined by `;` (table `breaks`); null = none.",
            Of::Text(Box::new(|row: &Row| row.more.breaks.clone())),
        ),
    ]);
    columns
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let mut table = Table::new(ABOUT, columns(folder))?;
    for strip in folder.strips() {
        for (place, number, of) in strip.places() {
            if of.is_sparse() && !strip.series.is_of_plan() {
                continue;
            }
            changes(folder, &strip, (place, of), &mut |window, block, more| {
                table.push(Line {
                    key: strip.key(number, window),
                    block,
                    more,
                })
            })?;
        }
    }
    table.finish()
}

fn changes(
    folder: &Folder<'_>,
    strip: &Strip<'_>,
    (place, of): (usize, &Place),
    emit: &mut dyn FnMut(u32, Block, More) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(held) = folder.figures.held[strip.kind].as_ref() else {
        return Ok(());
    };
    let charted = if spc::is_charted(of) {
        spc::charts(folder, strip, place)
    } else {
        Vec::new()
    };
    let centres: BTreeMap<u32, f64> = charted
        .iter()
        .filter_map(|(window, _, _, point)| Some((*window, point.limits?.centre)))
        .collect();
    for (number, window) in strip.windows() {
        let Some(block) = strip.block(place, window) else {
            continue;
        };
        let serves = held.worst(window.first, window.months).serves();
        for baseline in Baseline::ALL {
            let runs = baseline.runs(window);
            let blocks: Option<Vec<Block>> = runs
                .iter()
                .map(|first| strip.sheet.block(strip.row, place, *first, window.months))
                .collect();
            let base = if baseline == Baseline::Spc {
                centres.get(&number).map(|centre| Base::centre(*centre))
            } else {
                let base_serves = runs
                    .iter()
                    .all(|first| held.worst(*first, window.months).serves());
                blocks
                    .as_ref()
                    .and_then(|blocks| Base::mean(blocks, base_serves))
            };
            let Some(base) = base.filter(|base| says_something(block, base)) else {
                continue;
            };
            // Within a segment of a chart there is no break.
            let breaks = runs
                .first()
                .map(|first| strip.breaks(*first, window, of))
                .unwrap_or_default();
            let (comparable, breaks) = (
                serves && breaks.is_empty(),
                Some(breaks).filter(|b| !b.is_empty()),
            );
            emit(
                number,
                block,
                More {
                    baseline,
                    base,
                    comparable,
                    breaks,
                },
            )?;
        }
    }
    Ok(())
}
