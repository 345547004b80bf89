//! `figures.json`: every figure and table of a document with its query, for checking and for the next
//! document.

use serde_json::{Map, Value, json};

use crate::assess::document::Document;
use crate::assess::draft::Draft;
use crate::assess::figure::Figure;
use crate::file_format::{self, PROGRAM};

/// Writes the file; names are in order.
pub(crate) fn write(
    draft: &Draft<'_>,
    document: &Document,
    figures: &[(Figure, Vec<String>)],
    folder: &str,
) -> String {
    let figures: Map<String, Value> = figures
        .iter()
        .map(|(figure, sections)| {
            let value = json!({
                "value": figure.value,
                "shown": figure.shown(),
                "format": figure.format,
                "sql": figure.sql,
                "explain": figure.explain,
                "sections": sections,
            });
            (figure.name.clone(), value)
        })
        .collect();
    let tables = document.tables().filter_map(|table| {
        let query = table.query.as_ref()?;
        let value = json!({ "caption": table.caption, "sql": query.sql, "rows": query.rows });
        Some((table.id.clone(), value))
    });
    let document = json!({
        "format": file_format::FIGURES,
        "program": PROGRAM,
        "assessment": draft.config.id,
        "edition": draft.config.edition.as_str(),
        "plan": draft.config.plan.id,
        "window": draft.config.window.id,
        "baseline": draft.config.baseline,
        "folder": folder,
        "as_at": draft.facts.provenance["as_at"],
        "figures": figures,
        "tables": tables.collect::<Map<String, Value>>(),
    });
    let text = serde_json::to_string_pretty(&document).expect("texts and finite numbers");
    format!("{text}\n")
}
