//! What became of the priorities since the last plan.

use crate::aggregate::tables::TableValue;
use crate::assess::document::{Block, DataTable, Section, TableCell};
use crate::assess::draft::Draft;
use crate::assess::prose::{Prose, link, name, prose};
use crate::assess::query::Selection;
use crate::assess::sections::{column, narrative, paragraph};
use crate::assess::words::lineage;
use crate::reference::labels::in_words;

/// The section.
pub(super) fn section(draft: &Draft<'_>) -> Section {
    let rows = Selection::new("lineage").is("plan_id", &*draft.config.plan.id);
    let rows: Vec<Vec<TableCell>> = draft
        .facts
        .rows(&rows)
        .into_iter()
        .map(|row| {
            let now = draft
                .series
                .iter()
                .find(|series| series.id == row.text("series"));
            let now = now.map(|series| Prose::from(link(series.label.clone(), &series.id)));
            let before = row.text("from_series");
            let before = if before.is_empty() {
                Prose::default()
            } else {
                prose!(
                    "{} ({})",
                    name(in_words(before)),
                    name(row.text("from_plan"))
                )
            };
            let scope = match row.get("same_scope") {
                TableValue::Boolean(true) => "the rules are the same, so figures can be joined",
                TableValue::Boolean(false) => "the rules differ, so figures cannot be joined",
                _ => "",
            };
            vec![
                now.unwrap_or_else(|| Prose::from("No longer there")).into(),
                Prose::from(lineage(row.text("change"))).into(),
                before.into(),
                Prose::from(scope).into(),
            ]
        })
        .collect();
    let mut blocks = Vec::new();
    if rows.is_empty() {
        blocks.push(paragraph(prose!(
            "This is the first plan: there is none before it."
        )));
    } else {
        blocks.push(Block::Table {
            table: DataTable {
                id: "table-lineage".to_owned(),
                caption: "The priorities and themes now and in the plan before".to_owned(),
                columns: ["Now", "What changed", "In the plan before", "Figures"]
                    .map(|label| column(label, false))
                    .into(),
                rows,
                note: Prose::default(),
                query: None,
            },
        });
    }
    if draft.config.previous.is_some() {
        blocks.push(paragraph(prose!(
            "Figures that were printed before and have changed since are in {}.",
            link("annex D", "annex-d")
        )));
    }
    blocks.extend(narrative(draft, "delivery"));
    Section {
        id: "since".to_owned(),
        title: "Since the last assessment".to_owned(),
        level: 2,
        blocks,
    }
}
