//! `repeats`: how many come back within 12 months?
//!
//! By the partner's own mark, or by the token of a person who stood in another record of the
//! partner's kind within the 12 months before. A definition for which a partner's kind sent nothing
//! is told once, in `all`, as not supplied.

use crate::aggregate::Error;
use crate::aggregate::figures::bounded_count::Block;
use crate::aggregate::figures::counts::{Tally, clip};
use crate::aggregate::figures::table_set::{Folder, Line, Strip};
use crate::aggregate::state::current::{Fact, Repeats};
use crate::aggregate::tables::table::{Column, File, Of, Table, column};
use crate::aggregate::tables::window_totals::percent;
use crate::contract::columns::COLUMNS;
use crate::contract::has_field;
use crate::contract::parts::Flags;
use crate::event::Kind;

/// What the table answers.
const ABOUT: &str = "How many come back within 12 months? Records that are repeats, of windows longer than a month.";

/// What makes a record a repeat.
#[derive(Clone, Copy)]
enum Definition {
    /// The token of one with a role, by its place in [`Repeats::ROLES`].
    Token(usize),
    Flag(&'static str),
    /// The `repeat` of a referral.
    Referral,
}

/// Every definition by its name, in order.
const DEFINITIONS: [(&str, Definition); 6] = [
    ("flag-repeat-offender", Definition::Flag("repeat_offender")),
    ("flag-repeat-victim", Definition::Flag("repeat_victim")),
    ("referral-repeat", Definition::Referral),
    ("token-person", Definition::Token(0)),
    ("token-suspect", Definition::Token(2)),
    ("token-victim", Definition::Token(1)),
];

impl Definition {
    /// Whether the contract of a kind has what it takes.
    fn is_for(self, kind: Kind) -> bool {
        let field = match self {
            Self::Flag(_) => "flags",
            Self::Referral => COLUMNS.repeat.name(),
            Self::Token(role) => Repeats::ROLES[role],
        };
        has_field(kind, field)
    }
}

struct More {
    definition: &'static str,
    cases: Option<i64>,
}

fn columns<'c>(folder: &'c Folder<'_>) -> Vec<Column<'c, Line<More>>> {
    let mut columns: Vec<_> = folder.key_columns();
    columns.push(column(
        "definition",
        "What makes a record a repeat: `token-person`, `token-victim`, `token-suspect` (the same person stood in another record within the 12 months before), `flag-repeat-victim`, `flag-repeat-offender` or `referral-repeat` (the partner's own mark). `count` is how many records are repeats.",
        Of::Text(Box::new(|row: &Line<More>| Some(row.more.definition.to_owned()))),
    ));
    columns.extend(Folder::block_columns());
    columns.extend([
        column(
            "cases",
            "Records that say whether they are repeats.",
            Of::Integer(Box::new(|row: &Line<More>| row.more.cases)),
        ),
        column(
            "repeat_pct",
            "100 x count by cases; null where there are none.",
            Of::Double(Box::new(|row: &Line<More>| {
                percent(row.block.exact(), row.more.cases)
            })),
        ),
    ]);
    columns
}

const AGAIN: usize = 0;
const NOT: usize = 1;

pub(crate) fn write(folder: &Folder<'_>) -> Result<File, Error> {
    let mut table = Table::new(ABOUT, columns(folder))?;
    for strip in folder.strips().filter(|strip| strip.series.is_of_plan()) {
        let kind = folder.figures.current.partner_kinds[strip.kind].of;
        let Some(held) = folder.figures.held[strip.kind].as_ref() else {
            continue;
        };
        let definitions = DEFINITIONS
            .into_iter()
            .filter(|(_, definition)| definition.is_for(kind));
        let tallied: Vec<(&'static str, Option<Tally>)> = definitions
            .map(|(name, definition)| (name, tally(folder, &strip, definition)))
            .collect();
        for (place, number, of) in strip.places().filter(|(_, _, of)| !of.is_sparse()) {
            for (window, months) in strip.windows().filter(|(_, window)| !window.is_month()) {
                let Some(whole) = strip.block(place, months) else {
                    continue;
                };
                let range = clip(
                    held.first,
                    held.months(),
                    months.first,
                    months.months.into(),
                );
                for (definition, tally) in &tallied {
                    let key = strip.key(number, window);
                    let count = |key| {
                        let (from, to) = range?;
                        Some(tally.as_ref()?.sum(place, 0, key, (from, to)))
                    };
                    let (block, cases) = match count(AGAIN).zip(count(NOT)) {
                        Some((again, not)) => {
                            (Block::counted(again, whole.supply), Some(again + not))
                        }
                        None if of.level == crate::aggregate::figures::areas::ALL => {
                            (Block::NOT_SUPPLIED, None)
                        }
                        None => continue,
                    };
                    table.push(Line {
                        key,
                        block,
                        more: More { definition, cases },
                    })?;
                }
            }
        }
    }
    table.finish()
}

/// A strip's records by whether they are repeats; none = none says.
fn tally(folder: &Folder<'_>, strip: &Strip<'_>, definition: Definition) -> Option<Tally> {
    let figures = folder.figures;
    let held = figures.held[strip.kind].as_ref()?;
    let is_repeat = |fact: &Fact| is_repeat(folder, fact, definition);
    figures
        .facts(strip.kind)
        .iter()
        .any(|fact| is_repeat(fact).is_some())
        .then_some(())?;
    let key = |fact: &Fact| is_repeat(fact).map(|again| if again { AGAIN } else { NOT });
    Some(strip.tally(held, 2, &key))
}

fn is_repeat(folder: &Folder<'_>, fact: &Fact, definition: Definition) -> Option<bool> {
    let current = folder.figures.current;
    match definition {
        Definition::Token(role) => fact.repeats.of(role),
        Definition::Flag(flag) => {
            let bit = Flags::bit(flag)?;
            current.flags[current.profiles.row(fact.profile)[1] as usize].any(bit)
        }
        Definition::Referral => {
            let repeat = current.value(COLUMNS.repeat, fact.details);
            repeat.checked_sub(1).map(|repeat| repeat == 1)
        }
    }
}

const _: () = assert!(
    Repeats::ROLES.len() == 3,
    "a definition names a role by its place"
);
