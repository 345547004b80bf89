//! `outcomes`: how cases were resolved, as known at the time of the figures.
//!
//! Kinds whose outcomes have groups in a code list have rows. A record without an outcome is in the
//! group `unknown`. The groups of a cell add up to the count of its series. A single outcome has a
//! row only where something was counted.

use std::collections::BTreeSet;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::counts::RecordTally;
use crate::aggregate::figures::table_set::{CountRow, CountedArea, SeriesCounts, TableSet};
use crate::aggregate::state::current::Current;
use crate::aggregate::tables::column::{Column, ColumnPurpose, date, number, specs, text};
use crate::aggregate::tables::shared_columns::{count_columns, key_columns, percent};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};
use crate::contract::columns::{COLUMNS, Group};
use crate::event::Kind;
use crate::reference::codes::CodeLists;
use crate::reference::labels::in_words;
use crate::reference::windows::Window;

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "outcomes",
    kind: TableKind::Figures,
    question: Some("How were cases resolved, as known then?"),
    rows: "Counts by outcome and group of outcomes, for windows longer than a month. A group \
        without a row is 0.",
    columns: || specs(columns()),
    build,
};

/// The groups of outcomes, in the order of names.
const GROUPS: [&str; 8] = [
    "court",
    "evidential",
    "no-suspect",
    "other-body",
    "out-of-court",
    "public-interest",
    "taken-into-consideration",
    UNKNOWN,
];
const UNKNOWN: &str = "unknown";

struct OutcomeDetail {
    group: &'static str,
    /// None = the whole group.
    outcome: Option<String>,
    /// The count of the series in the same cell.
    whole: Option<i64>,
}

fn columns<'f>() -> Vec<Column<'f, CountRow<OutcomeDetail>>> {
    let mut columns = key_columns();
    columns.extend([
        text(
            ColumnPurpose::OwnKey,
            "outcome_group",
            "`court`, `taken-into-consideration`, `out-of-court`, `public-interest`, \
             `evidential`, `no-suspect`, `other-body` or `unknown` (none sent, or in no group).",
            |_, row: &CountRow<OutcomeDetail>| Some(row.detail.group.to_owned()),
        ),
        text(
            ColumnPurpose::OwnKey,
            "outcome",
            "The outcome as the partner codes it; null = the whole group.",
            |_, row| row.detail.outcome.clone(),
        ),
        text(
            ColumnPurpose::Attribute,
            "outcome_label",
            "The outcome in words, or the group where `outcome` is null; the code itself where no \
             list has a label.",
            |set, row| {
                let codes = &set.figures.settings.reference.codes;
                Some(match &row.detail.outcome {
                    None => in_words(row.detail.group),
                    Some(outcome) => outcome_label(codes, outcome).to_owned(),
                })
            },
        ),
    ]);
    columns.extend(count_columns());
    columns.extend([
        number(
            ColumnPurpose::Measure,
            "share_pct",
            "100 × `count_value` / the count of the series in the same cell.",
            |_, row: &CountRow<OutcomeDetail>| percent(row.count.exact(), row.detail.whole),
        ),
        date(
            ColumnPurpose::Attribute,
            "as_of",
            "The day of the figures: outcomes change for years.",
            |set, _| set.figures.as_at.map(|at| at.in_london().date()),
        ),
    ]);
    columns
}

/// The label of an outcome in the first list of outcomes that has it.
fn outcome_label<'c>(codes: &'c CodeLists, outcome: &'c str) -> &'c str {
    let lists = codes.iter().filter(|list| list.is_of_outcomes());
    let mut labels = lists.filter_map(|list| codes.label(&list.scheme, None, outcome));
    labels.next().unwrap_or(outcome)
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let outcomes = CaseOutcomes::new(set)?;
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    for series in set.split_series() {
        if series.partner_kind().of == Kind::Crime && outcomes.sent_by.contains(&series.kind) {
            write_series(&outcomes, &series, &mut writer)?;
        }
    }
    writer.finish()
}

fn write_series(
    outcomes: &CaseOutcomes,
    series: &SeriesCounts<'_>,
    writer: &mut TableWriter<'_, CountRow<OutcomeDetail>>,
) -> Result<(), AggregateError> {
    let Some(months) = series.months() else {
        return Ok(());
    };
    let tally = series.tally(months, outcomes.sorted.len(), &|fact| {
        Some(outcomes.by_details[fact.details as usize])
    });
    for area in series.split_areas() {
        for (number, window) in series.windows().filter(|(_, window)| !window.is_month()) {
            let Some(whole) = series.count(area, window) else {
                continue;
            };
            for (outcome, count) in outcomes.counts(&tally, area, window) {
                let count = whole.part(count);
                if area.key.is_below_district() && count.exact() == Some(0) {
                    continue;
                }
                writer.push(CountRow {
                    key: series.row_key(area, number),
                    count,
                    detail: OutcomeDetail {
                        group: outcome.group,
                        outcome: outcome.code,
                        whole: whole.exact(),
                    },
                })?;
            }
        }
    }
    Ok(())
}

/// An outcome, or a whole group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CaseOutcome {
    group: &'static str,
    /// None = no outcome was sent, or the whole group.
    code: Option<String>,
}

/// The outcomes that records have.
struct CaseOutcomes {
    sorted: Vec<CaseOutcome>,
    /// For each combination of details the index of its outcome in `sorted`.
    by_details: Vec<usize>,
    /// The partner's kinds that sent an outcome.
    sent_by: BTreeSet<usize>,
}

impl CaseOutcomes {
    /// Fails if a list that crimes name for their outcomes is missing, since no outcome would have
    /// its group.
    fn new(set: &TableSet<'_>) -> Result<Self, AggregateError> {
        let current = set.figures.current;
        let codes = &set.figures.settings.reference.codes;
        require_lists(current, codes)?;
        let details = current.groups[Group::Details as usize].len() as u32;
        let by_details: Vec<CaseOutcome> = (0..details)
            .map(|details| outcome_of(current, codes, details))
            .collect();
        let sorted: BTreeSet<&CaseOutcome> = by_details.iter().collect();
        let sorted: Vec<CaseOutcome> = sorted.into_iter().cloned().collect();
        Ok(Self {
            sent_by: current
                .facts
                .iter()
                .filter(|fact| by_details[fact.details as usize].code.is_some())
                .map(|fact| usize::from(fact.partner_kind))
                .collect(),
            by_details: by_details
                .iter()
                .map(|outcome| sorted.binary_search(outcome).unwrap_or_default())
                .collect(),
            sorted,
        })
    }

    /// The counts of a cell: each group, followed by its outcomes.
    fn counts(
        &self,
        tally: &RecordTally,
        area: CountedArea<'_>,
        window: &Window,
    ) -> Vec<(CaseOutcome, i64)> {
        let Some(range) = tally.range(window.first, window.months) else {
            return Vec::new();
        };
        let mut counts = Vec::new();
        for group in GROUPS {
            let of_group: Vec<(&CaseOutcome, i64)> = self
                .sorted
                .iter()
                .enumerate()
                .filter(|(_, outcome)| outcome.group == group)
                .map(|(key, outcome)| (outcome, tally.sum(area.index, 0, key, range.clone())))
                .collect();
            let sum = of_group.iter().map(|(_, count)| count).sum();
            counts.push((CaseOutcome { group, code: None }, sum));
            counts.extend(
                of_group
                    .into_iter()
                    .filter(|(outcome, count)| outcome.code.is_some() && *count > 0)
                    .map(|(outcome, count)| (outcome.clone(), count)),
            );
        }
        counts
    }
}

/// The list that a combination of details names for its outcome.
fn outcome_list(current: &Current, details: u32) -> Option<&str> {
    let number = current.value(COLUMNS.outcome_list, details);
    current.texts.text(number)
}

fn outcome_of(current: &Current, codes: &CodeLists, details: u32) -> CaseOutcome {
    let list = outcome_list(current, details);
    let code = current.value(COLUMNS.outcome_code, details);
    let code = current.texts.text(code);
    let group = list
        .zip(code)
        .and_then(|(list, code)| codes.group(list, None, code));
    CaseOutcome {
        group: GROUPS
            .into_iter()
            .find(|known| Some(*known) == group)
            .unwrap_or(UNKNOWN),
        code: code.map(str::to_owned),
    }
}

fn require_lists(current: &Current, codes: &CodeLists) -> Result<(), AggregateError> {
    let details: BTreeSet<u32> = current
        .facts
        .iter()
        .filter(|fact| current.partner_kinds[usize::from(fact.partner_kind)].of == Kind::Crime)
        .map(|fact| fact.details)
        .collect();
    let mut lists = details
        .into_iter()
        .filter_map(|details| outcome_list(current, details));
    match lists.find(|list| codes.lists_of(list).next().is_none()) {
        None => Ok(()),
        Some(list) => Err(AggregateError::ReferenceMissing {
            file: format!("codes/{list}.csv"),
            key: "code,label,group".to_owned(),
        }),
    }
}
