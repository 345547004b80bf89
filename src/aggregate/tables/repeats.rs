//! `repeats`: how many come back within 12 months.
//!
//! A record is a repeat by the partner's own mark, or by the token of a person who was in another
//! record of the partner's kind within the 12 months before. Where a part of a window and of the
//! 12 months before it has no records that can show tokens, repeats by token have a lower bound
//! only. A definition that a partner's kind sent nothing for has one row, in `all-received`, as not
//! supplied.

use crate::aggregate::AggregateError;
use crate::aggregate::figures::areas::ALL_RECEIVED;
use crate::aggregate::figures::counts::RecordTally;
use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::table_set::{CountRow, CountedArea, SeriesCounts, TableSet};
use crate::aggregate::state::bounded_count::{BoundedCount, CountReason, Supply};
use crate::aggregate::state::current::{Current, Fact, Repeats};
use crate::aggregate::tables::column::{Column, ColumnPurpose, integer, number, specs, text};
use crate::aggregate::tables::shared_columns::{count_columns, key_columns, percent};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};
use crate::contract::columns::COLUMNS;
use crate::contract::flags::Flags;
use crate::contract::has_field;
use crate::event::Kind;
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "repeats",
    kind: TableKind::Figures,
    question: Some("How many come back within 12 months?"),
    rows: "Records that are repeats, for windows longer than a month.",
    columns: || specs(columns()),
    build,
};

/// What makes a record a repeat.
#[derive(Clone, Copy)]
enum RepeatDefinition {
    /// The token of a person with a role, by its index in [`Repeats::ROLES`].
    Token(usize),
    Flag(&'static str),
    /// The `repeat` of a referral.
    Referral,
}

/// Every definition by its name, in order.
const DEFINITIONS: [(&str, RepeatDefinition); 6] = [
    (
        "flag-repeat-offender",
        RepeatDefinition::Flag("repeat_offender"),
    ),
    (
        "flag-repeat-victim",
        RepeatDefinition::Flag("repeat_victim"),
    ),
    ("referral-repeat", RepeatDefinition::Referral),
    ("token-person", RepeatDefinition::Token(0)),
    ("token-suspect", RepeatDefinition::Token(2)),
    ("token-victim", RepeatDefinition::Token(1)),
];

const _: () = assert!(
    Repeats::ROLES.len() == 3,
    "a definition names a role by its index"
);

/// Whether a record is a repeat; none = it does not say.
type Answer<'c> = dyn Fn(&Fact) -> Option<bool> + 'c;

impl RepeatDefinition {
    /// Whether the contract of a kind has the fields that it needs.
    fn is_for(self, kind: Kind) -> bool {
        let field = match self {
            Self::Flag(_) => "flags",
            Self::Referral => COLUMNS.repeat.name(),
            Self::Token(role) => Repeats::ROLES[role],
        };
        has_field(kind, field)
    }

    /// What decides whether a record is a repeat.
    fn answer(self, current: &Current) -> Box<Answer<'_>> {
        match self {
            Self::Token(role) => Box::new(move |fact| fact.repeats.of(role)),
            Self::Flag(flag) => {
                let bit = Flags::bit(flag).unwrap_or_default();
                Box::new(move |fact| current.flags[fact.marks as usize].any(bit))
            }
            Self::Referral => Box::new(|fact| {
                let repeat = current.value(COLUMNS.repeat, fact.details);
                repeat.checked_sub(1).map(|repeat| repeat == 1)
            }),
        }
    }
}

struct RepeatDetail {
    definition: &'static str,
    cases: Option<i64>,
}

fn columns<'f>() -> Vec<Column<'f, CountRow<RepeatDetail>>> {
    let mut columns = key_columns();
    columns.push(text(
        ColumnPurpose::OwnKey,
        "definition",
        "What makes a record a repeat: `token-person`, `token-victim`, `token-suspect` (the \
             same person was in another record within the 12 months before; a lower bound unless \
             all months of the window and of the year before it can show tokens), \
             `flag-repeat-victim`, `flag-repeat-offender` or `referral-repeat` (the partner's own \
             mark). `count_value` is how many records are repeats.",
        |_, row: &CountRow<RepeatDetail>| Some(row.detail.definition.to_owned()),
    ));
    columns.extend(count_columns());
    columns.extend([
        integer(
            ColumnPurpose::Count,
            "cases",
            "Records that show whether they are repeats.",
            |_, row: &CountRow<RepeatDetail>| row.detail.cases,
        ),
        number(
            ColumnPurpose::Measure,
            "repeat_pct",
            "100 × `count_value` / `cases`; null where there are none.",
            |_, row| percent(row.count.exact(), row.detail.cases),
        ),
    ]);
    columns
}

/// Keys of the tally.
const REPEAT: usize = 0;
const FIRST: usize = 1;

/// A series' records by one definition; no tally = no record says whether it is a repeat.
struct DefinitionTally {
    name: &'static str,
    of: RepeatDefinition,
    tally: Option<RecordTally>,
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    let look_back: Vec<LookBack> = (0..set.figures.months.len())
        .map(|kind| LookBack::new(set.figures, kind))
        .collect();
    for series in set.split_series() {
        if series.months().is_none() {
            continue;
        }
        let kind = series.partner_kind().of;
        let tallies: Vec<DefinitionTally> = DEFINITIONS
            .into_iter()
            .filter(|(_, definition)| definition.is_for(kind))
            .map(|(name, definition)| DefinitionTally {
                name,
                of: definition,
                tally: tally(set, &series, definition),
            })
            .collect();
        for area in series.split_areas() {
            for (number, window) in series.windows().filter(|(_, window)| !window.is_month()) {
                let Some(whole) = series.count(area, window) else {
                    continue;
                };
                for definition in &tallies {
                    if let Some((count, cases)) = definition.count(area, window, whole) {
                        let others = look_back[series.kind].supply(definition.of, number);
                        writer.push(CountRow {
                            key: series.row_key(area, number),
                            count: count.found_by(others),
                            detail: RepeatDetail {
                                definition: definition.name,
                                cases,
                            },
                        })?;
                    }
                }
            }
        }
    }
    writer.finish()
}

impl DefinitionTally {
    /// Repeats, and the records that say whether they are; none = no row.
    fn count(
        &self,
        area: CountedArea<'_>,
        window: &Window,
        whole: BoundedCount,
    ) -> Option<(BoundedCount, Option<i64>)> {
        let tally = self.tally.as_ref();
        let range = tally.and_then(|tally| tally.range(window.first, window.months));
        match tally.zip(range) {
            Some((tally, range)) => {
                let repeats = tally.sum(area.index, 0, REPEAT, range.clone());
                let cases = repeats + tally.sum(area.index, 0, FIRST, range);
                let count = whole.part(repeats);
                Some((count, Some(cases)))
            }
            None if area.key.level == ALL_RECEIVED => {
                Some((BoundedCount::not_supplied(CountReason::CannotShow), None))
            }
            None => None,
        }
    }
}

/// How much was supplied of the records that the tokens of each window are looked up in.
struct LookBack {
    /// By role and window.
    supply: [Vec<Supply>; Repeats::ROLES.len()],
}

impl LookBack {
    fn new(figures: &Figures<'_>, kind: usize) -> Self {
        let supply_of = |window: &Window, sources| {
            let months = window.first.plus(-12).to(window.last());
            let supply = figures.supply_of_months(kind, months, sources);
            supply.unwrap_or(Supply::Complete)
        };
        let supply = figures.current.token_sources[kind].map(|sources| {
            let windows = figures.windows.iter();
            windows.map(|window| supply_of(window, sources)).collect()
        });
        Self { supply }
    }

    /// Of what a definition looks up; the partner's own mark needs no other record.
    fn supply(&self, definition: RepeatDefinition, window: u32) -> Supply {
        match definition {
            RepeatDefinition::Token(role) => self.supply[role][window as usize],
            RepeatDefinition::Flag(_) | RepeatDefinition::Referral => Supply::Complete,
        }
    }
}

/// A series' records by whether they are repeats; none = no record of the kind says.
fn tally(
    set: &TableSet<'_>,
    series: &SeriesCounts<'_>,
    definition: RepeatDefinition,
) -> Option<RecordTally> {
    let is_repeat = definition.answer(set.figures.current);
    let facts = set.figures.facts(series.kind);
    facts
        .iter()
        .any(|fact| is_repeat(fact).is_some())
        .then_some(())?;
    Some(series.tally(series.months()?, 2, &|fact| {
        Some(if is_repeat(fact)? { REPEAT } else { FIRST })
    }))
}
