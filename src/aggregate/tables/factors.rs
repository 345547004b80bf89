//! `factors`: how much of every priority has a mental-health side, or another that the plan names?
//!
//! With = any flag of the factor is true; without = one is false and none true; else not known.
//! Shares are of what is known. Where what a partner sends cannot show the factor, with is not
//! supplied.

use crate::aggregate::Error;
use crate::aggregate::figures::bounded_count::{Block, Supply};
use crate::aggregate::figures::counts::{Tally, clip};
use crate::aggregate::figures::table_set::{Folder, Line, Strip};
use crate::aggregate::state::current::{Fact, SourceSet};
use crate::aggregate::tables::table::{Column, File, Of, Table, column};
use crate::aggregate::tables::window_totals::percent;
use crate::reference::plan::Factor;

/// What the table answers.
const ABOUT: &str = "How much has a side that the plan asks after, such as mental health? Records with, without and unknown.";

struct More<'f> {
    factor: &'f Factor,
    without: i64,
    unknown: i64,
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Line<More<'c>>>> {
    type Row<'f> = Line<More<'f>>;
    let mut columns: Vec<Column<'c, Row<'c>>> = folder.key_columns();
    columns.push(column(
        "factor",
        "Id of the factor; `count` is how many records have it.",
        Of::Text(Box::new(|row: &Row<'c>| Some(row.more.factor.id.clone()))),
    ));
    columns.extend(Folder::block_columns());
    columns.extend([
        column(
            "count_without",
            "Records recorded as without it.",
            Of::Integer(Box::new(|row: &Row<'c>| {
                row.block.exact().map(|_| row.more.without)
            })),
        ),
        column(
            "count_unknown",
            "Records that do not say.",
            Of::Integer(Box::new(|row: &Row<'c>| {
                row.block.exact().map(|_| row.more.unknown)
            })),
        ),
        column(
            "share_of_known_pct",
            "100 x with by (with + without); null where none is known.",
            Of::Double(Box::new(|row: &Row<'c>| {
                let with = row.block.exact()?;
                percent(Some(with), Some(with + row.more.without))
            })),
        ),
    ]);
    columns
}

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let mut table = Table::new(ABOUT, columns(folder))?;
    let is_told = |strip: &Strip<'_>| matches!(strip.series.kind, "total" | "priority");
    for strip in folder
        .strips()
        .filter(|strip| is_told(strip) && !strip.is_of_totals())
    {
        let Some(held) = folder.figures.held[strip.kind].as_ref() else {
            continue;
        };
        let factors = strip
            .framed
            .frame
            .plan
            .map_or(&[][..], |plan| &plan.factors);
        let counted = factors
            .iter()
            .map(|factor| Counted::of(folder, &strip, factor));
        let counted: Vec<Counted<'_>> = counted.collect();
        for (place, number, _) in strip.places().filter(|(_, _, of)| !of.is_sparse()) {
            for (window, months) in strip.windows() {
                let Some((from, to)) = clip(
                    held.first,
                    held.months(),
                    months.first,
                    months.months.into(),
                ) else {
                    continue;
                };
                for Counted {
                    factor,
                    tally,
                    supply,
                } in &counted
                {
                    let count = |key| tally.sum(place, 0, key, (from, to));
                    let Some(months_supply) = supply[from..to].iter().copied().reduce(Supply::and)
                    else {
                        continue;
                    };
                    let whole = to - from == usize::from(months.months);
                    let supply = if whole {
                        months_supply
                    } else {
                        months_supply.and(Supply::Nothing)
                    };
                    let [with, without, unknown] = [WITH, WITHOUT, UNKNOWN].map(count);
                    let (block, more) = (
                        Block::counted(with, supply),
                        More {
                            factor,
                            without,
                            unknown,
                        },
                    );
                    table.push(Line {
                        key: strip.key(number, window),
                        block,
                        more,
                    })?;
                }
            }
        }
    }
    table.finish()
}

const WITH: usize = 0;
const WITHOUT: usize = 1;
const UNKNOWN: usize = 2;

/// A strip by one factor.
struct Counted<'f> {
    factor: &'f Factor,
    tally: Tally,
    /// By month.
    supply: Vec<Supply>,
}

impl<'f> Counted<'f> {
    fn of(folder: &Folder<'_>, strip: &Strip<'_>, factor: &'f Factor) -> Self {
        let (figures, current) = (folder.figures, folder.figures.current);
        let held = figures.held[strip.kind].as_ref();
        let state = |fact: &Fact| match factor
            .value(current.flags[current.profiles.row(fact.profile)[1] as usize])
        {
            Some(true) => WITH,
            Some(false) => WITHOUT,
            None => UNKNOWN,
        };
        let key = |fact: &Fact| Some(state(fact));
        let mut shown = SourceSet::default();
        let kind = current.partner_kinds[strip.kind].of;
        for (i, source) in current.sources[strip.kind].iter().enumerate() {
            let carried = figures
                .settings
                .reference
                .partners
                .carried_by(source, kind)
                .flags
                & factor.flags
                != 0;
            if carried
                || current.marked[strip.kind]
                    .get(i)
                    .is_some_and(|flags| flags & factor.flags != 0)
            {
                shown.add(SourceSet::one(i));
            }
        }
        let of_series = strip.shown();
        let supply = held.map_or_else(Vec::new, |held| {
            held.fed
                .iter()
                .map(|fed| Supply::of(*fed, shown.and(of_series)))
                .collect()
        });
        let none = Tally::none();
        Self {
            factor,
            tally: held.map_or(none, |held| strip.tally(held, 3, &key)),
            supply,
        }
    }
}
