//! The document as one HTML file: no script, no external resource. The template arranges; it has no
//! words about figures. Everything but pictures and the partnership's own text is escaped.

use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use crate::assess::AssessError;
use crate::assess::document::{DataTable, Document, Section};
use crate::assess::figure::Figure;
use crate::templates;

const TEMPLATE: &str = include_str!("html/document.html");
const STYLE: &str = include_str!("html/style.css");

/// A figure's row in the list of queries.
#[derive(Serialize)]
struct FigureRow {
    name: String,
    shown: String,
    sql: String,
    explain: Option<String>,
    sections: Vec<String>,
}

/// A table's row in the list of queries.
#[derive(Serialize)]
struct TableRow<'d> {
    id: &'d str,
    caption: &'d str,
    sql: &'d str,
}

/// Writes the document. `figures` are the cited ones, each with its sections.
pub(crate) fn write(
    document: &Document,
    figures: &[(Figure, Vec<String>)],
    folder: &str,
) -> Result<String, AssessError> {
    let rows = figures.iter().map(|(figure, sections)| FigureRow {
        name: figure.name.clone(),
        shown: figure.shown(),
        sql: figure.sql.clone(),
        explain: figure.explain.clone(),
        sections: sections.clone(),
    });
    let tables = document.tables().filter_map(|table: &DataTable| {
        Some(TableRow {
            id: &table.id,
            caption: &table.caption,
            sql: &table.query.as_ref()?.sql,
        })
    });
    // Annex F, or the end of a document without annexes.
    let is_annex = |section: &&Section| section.id == "annex-e";
    let sections = &document.sections;
    let before_queries = sections.iter().find(is_annex).or(sections.last());
    let values = context! {
        style => STYLE,
        folder => folder,
        queries_after => before_queries.map(|section| &section.id),
        title => Serde(&document.title),
        sections => Serde(&document.sections),
        figures => Serde(rows.collect::<Vec<_>>()),
        tables => Serde(tables.collect::<Vec<_>>()),
    };
    Ok(templates::html(TEMPLATE, values)?)
}
