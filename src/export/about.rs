//! The table `about` of an export: what the figures are, who may see them, and what symbols and
//! statuses mean.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ChosenTable, Export};
use crate::aggregate::PlanChoice;
use crate::aggregate::tables::ColumnPurpose;
use crate::file_format::PROGRAM;
use crate::spreadsheet::{Cell, NOT_APPLICABLE, NOT_AVAILABLE};

/// The headings.
pub(super) const HEADINGS: [&str; 2] = ["subject", "text"];

const ADDING: &str = "Never add figures of different partners, kinds, windows, levels or roles of \
    areas, priorities or units. `total` counts each record once.";
const LICENCE: &str = "Names, codes and populations of areas contain public sector information \
    licensed under the Open Government Licence v3.0 (Office for National Statistics; contains OS data \
    © Crown copyright and database right). So do figures that are counted from published data. All \
    other figures are the partnership's.";

/// A row.
pub(super) struct AboutRow {
    subject: String,
    text: String,
    /// Whether the subject is the name of a sheet. A table without rows has none.
    is_sheet: bool,
}

impl AboutRow {
    fn new(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            text: text.into(),
            is_sheet: false,
        }
    }

    /// Its cells in a workbook.
    pub(super) fn cells(&self) -> [Cell<'_>; 2] {
        let subject = if self.is_sheet {
            Cell::SheetLink(&self.subject)
        } else {
            Cell::from(&self.subject)
        };
        [subject, Cell::from(&self.text)]
    }

    /// Its fields in CSV.
    pub(super) fn texts(&self) -> [&str; 2] {
        [&self.subject, &self.text]
    }
}

/// The title of an export.
pub(super) fn title(plan: &PlanChoice<'_>) -> String {
    match plan {
        PlanChoice::Plan(plan) | PlanChoice::PlanWithRecords(plan) => {
            format!("Figures under the plan {}", plan.label)
        }
        PlanChoice::InForce => "Figures, each month under the plan of its time".to_owned(),
    }
}

/// Whose figures they are.
pub(super) fn partnership<'p>(plan: &PlanChoice<'p>) -> &'p str {
    match plan {
        PlanChoice::Plan(plan) | PlanChoice::PlanWithRecords(plan) => &plan.partnership,
        PlanChoice::InForce => "",
    }
}

/// The time of the figures.
pub(super) fn as_at(provenance: &Value) -> &str {
    provenance["as_at"].as_str().unwrap_or_default()
}

/// The rows.
pub(super) fn rows(
    export: &Export<'_>,
    tables: &[ChosenTable],
    provenance: &Value,
    marking: &str,
) -> Vec<AboutRow> {
    let mut rows = vec![
        AboutRow::new("marking", marking),
        AboutRow::new("plan", plan(&export.plan)),
        AboutRow::new("as at", as_at(provenance)),
        AboutRow::new(
            "tables written by",
            provenance["program"].as_str().unwrap_or_default(),
        ),
        AboutRow::new("exported by", PROGRAM),
        AboutRow::new("adding up", ADDING),
        AboutRow::new(NOT_AVAILABLE.0, NOT_AVAILABLE.1),
        AboutRow::new(
            NOT_APPLICABLE.0,
            format!("{}, or is not known", NOT_APPLICABLE.1),
        ),
    ];
    rows.extend(tables.iter().map(|chosen| {
        let chosen_rows = export.rows.in_words(&chosen.columns);
        let chosen_rows = chosen_rows.unwrap_or_else(|| "all rows".to_owned());
        AboutRow {
            subject: chosen.table.name.to_owned(),
            text: format!(
                "{} Rows: {}; {chosen_rows}.",
                chosen.table.description(),
                chosen.rows
            ),
            is_sheet: chosen.rows > 0,
        }
    }));
    rows.extend(statuses(tables));
    rows.push(AboutRow::new("licence", LICENCE));
    let lists = export.reference.codes.iter();
    rows.extend(lists.map(|list| {
        let text = format!("Source: {}. {}", list.source, list.licence);
        AboutRow::new(format!("code list {}", list.name()), text)
    }));
    rows
}

fn plan(plan: &PlanChoice<'_>) -> String {
    match plan {
        PlanChoice::Plan(plan) | PlanChoice::PlanWithRecords(plan) => format!(
            "{}, {} ({}), {} to {}",
            plan.partnership, plan.label, plan.id, plan.valid_from, plan.valid_to
        ),
        PlanChoice::InForce => "each month under the plan in force".to_owned(),
    }
}

/// What each status of the tables means, and each verdict and signal; a meaning that several tables
/// share, once.
fn statuses(tables: &[ChosenTable]) -> Vec<AboutRow> {
    let mut meanings: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for chosen in tables {
        let columns = chosen.columns.iter();
        for column in columns.filter(|column| {
            column.role == ColumnPurpose::Status
                || (column.role == ColumnPurpose::Measure && !column.values.is_empty())
        }) {
            let of_tables = meanings.entry((column.name, column.description));
            of_tables.or_default().push(chosen.table.name);
        }
    }
    let counts = meanings
        .keys()
        .fold(BTreeMap::new(), |mut counts, (name, _)| {
            *counts.entry(*name).or_insert(0) += 1;
            counts
        });
    let rows = meanings.iter().map(|((name, description), of_tables)| {
        let subject = if counts[name] == 1 {
            (*name).to_owned()
        } else {
            format!("{name} of {}", of_tables.join(", "))
        };
        AboutRow::new(subject, *description)
    });
    rows.collect()
}
