//! `composition`: what makes up a priority or theme, by the codes of its records.
//!
//! A record counts once under each of its codes, so the rows of a series add up to it only within a
//! scheme whose codes exclude one another. Only codes that were counted have rows. Totals that a
//! partner sent have none: their codes are series of their own.

use std::collections::BTreeSet;

use crate::aggregate::AggregateError;
use crate::aggregate::figures::counts::{RecordTally, TalliedSeries};
use crate::aggregate::figures::periods::KindMonths;
use crate::aggregate::figures::table_set::{CountRow, SeriesCounts, TableSet};
use crate::aggregate::state::bounded_count::BoundedCount;
use crate::aggregate::tables::column::{Column, ColumnPurpose, choice, number, specs, texts};
use crate::aggregate::tables::labels::series_label;
use crate::aggregate::tables::shared_columns::{count_columns, key_columns, percent};
use crate::aggregate::tables::spec::{TableKind, TableSpec};
use crate::aggregate::tables::writer::{TableFile, TableWriter};

pub(crate) const TABLE: TableSpec = TableSpec {
    name: "composition",
    kind: TableKind::Figures,
    question: Some("What makes up a priority or theme, by the codes of its records?"),
    rows: "Counts of each series by code, group of codes and class of offence, for windows longer \
        than a month. A code without a row is 0. Totals that partners sent have no rows.",
    columns: || specs(columns()),
    build,
};

struct PartDetail {
    /// The series of the code, through all plans of the table set.
    part: u32,
    /// The count of the series in the same cell.
    whole: Option<i64>,
}

fn columns<'f>() -> Vec<Column<'f, CountRow<PartDetail>>> {
    let mut columns = key_columns();
    columns.extend([
        choice(
            ColumnPurpose::OwnKey,
            "part_kind",
            "What the part is: `category` (a partner's own code), `group` (a group of codes) or \
             `class` (victim- or state-based). Never add across kinds.",
            |set| texts(set.series_keys().map(|(_, key)| Some(key.kind))),
            |_, row: &CountRow<PartDetail>| Some(row.detail.part),
        ),
        choice(
            ColumnPurpose::OwnKey,
            "part",
            "The code.",
            |set| texts(set.series_keys().map(|(_, key)| Some(&key.id))),
            |_, row| Some(row.detail.part),
        ),
        choice(
            ColumnPurpose::Attribute,
            "part_label",
            "The code in words; the code itself where no list has a label.",
            |set| {
                let reference = set.figures.settings.reference;
                let series = set.series_keys();
                texts(series.map(|(plan, key)| Some(series_label(reference, plan, key))))
            },
            |_, row| Some(row.detail.part),
        ),
        choice(
            ColumnPurpose::OwnKey,
            "part_scheme",
            "The scheme of the code. Never add across schemes.",
            |set| texts(set.series_keys().map(|(_, key)| key.scheme.as_ref())),
            |_, row| Some(row.detail.part),
        ),
    ]);
    columns.extend(count_columns());
    columns.push(number(
        ColumnPurpose::Measure,
        "share_pct",
        "100 × `count_value` / the count of the series in the same cell.",
        |_, row: &CountRow<PartDetail>| percent(row.count.exact(), row.detail.whole),
    ));
    columns
}

fn build(set: &TableSet<'_>) -> Result<TableFile, AggregateError> {
    let mut writer = TableWriter::new(&TABLE, set, columns())?;
    for series in set.series_of_records() {
        if let ("priority" | "theme", Some(months)) = (series.key.kind, series.months()) {
            let parts = SeriesParts::new(set, &series, months);
            parts.write(&series, &mut writer)?;
        }
    }
    writer.finish()
}

/// The codes of the records that count in a series, and their counts.
struct SeriesParts {
    /// Indexes of the series of codes under the plan, in order.
    codes: Vec<u32>,
    /// A series for each of the codes.
    tally: RecordTally,
}

impl SeriesParts {
    fn new(set: &TableSet<'_>, series: &SeriesCounts<'_>, months: &KindMonths) -> Self {
        let (figures, plan_series) = (set.figures, &series.plan.series);
        let own = series.series();
        let current = figures.current;
        let codes_of = |class: usize| {
            let of_class = &plan_series.by_class[class];
            let what = &current.what[current.classes[class].what as usize];
            let counts = what.partner_kind as usize == series.kind && of_class.contains(&own);
            let of_class = of_class.iter().copied().filter(move |_| counts);
            of_class.filter(|code| !plan_series.keys[*code as usize].is_of_plan())
        };
        let classes = 0..plan_series.by_class.len();
        let codes: BTreeSet<u32> = classes.clone().flat_map(codes_of).collect();
        let codes: Vec<u32> = codes.into_iter().collect();
        let index = |code| codes.binary_search(&code).unwrap_or_default() as u32;
        let by_class: Vec<Vec<u32>> = classes
            .map(|class| codes_of(class).map(index).collect())
            .collect();
        let tally = RecordTally::new(
            figures,
            series.kind,
            months,
            &TalliedSeries {
                len: codes.len(),
                of_class: &by_class,
                classes: plan_series.classes_of(current, series.kind),
            },
            (1, &|_| Some(0)),
        );
        Self { codes, tally }
    }

    fn write(
        &self,
        series: &SeriesCounts<'_>,
        writer: &mut TableWriter<'_, CountRow<PartDetail>>,
    ) -> Result<(), AggregateError> {
        for area in series.split_areas() {
            for (number, window) in series.windows().filter(|(_, window)| !window.is_month()) {
                let (Some(range), Some(whole)) = (
                    self.tally.range(window.first, window.months),
                    series.count(area, window),
                ) else {
                    continue;
                };
                for (index, code) in self.codes.iter().enumerate() {
                    let count = self.tally.sum(area.index, index, 0, range.clone());
                    if count > 0 {
                        writer.push(CountRow {
                            key: series.row_key(area, number),
                            count: BoundedCount::counted(count, whole.supply),
                            detail: PartDetail {
                                part: series.plan.first_series + code,
                                whole: whole.exact(),
                            },
                        })?;
                    }
                }
            }
        }
        Ok(())
    }
}
