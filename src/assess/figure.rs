//! A figure: a number with a name, its value, how it is shown, and the query that gives it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::aggregate::tables::TableValue;
use crate::assess::facts::Facts;
use crate::assess::prose::{Prose, Span};
use crate::assess::query::{Expression, Selection};
use crate::assess::value::NumberFormat;

/// A number of the document.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Its name, which stays the same from one document to the next.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: TableValue,
    /// How it is shown.
    pub(crate) format: NumberFormat,
    /// The query, to be run in the folder of the tables.
    pub(crate) sql: String,
    /// The command that shows which records it counts, if it is a count.
    pub(crate) explain: Option<String>,
}

impl Figure {
    /// Its value as text.
    pub(crate) fn shown(&self) -> String {
        self.format.show(&self.value)
    }
}

/// All figures that were asked for, by name.
#[derive(Debug, Default)]
pub(crate) struct FigureBook(RefCell<BTreeMap<String, Figure>>);

/// What a figure is asked by.
pub(crate) struct FigureRequest {
    pub(crate) name: String,
    pub(crate) rows: Selection,
    pub(crate) expression: Expression,
    pub(crate) format: NumberFormat,
    pub(crate) explain: Option<String>,
}

impl FigureBook {
    /// The figure as prose; `None` if it has no value.
    pub(crate) fn cite(&self, facts: &Facts, request: FigureRequest) -> Option<Prose> {
        let value = facts.value(&request.rows, &request.expression);
        if value.is_null() {
            return None;
        }
        let figure = Figure {
            sql: request.rows.sql(&request.expression),
            name: request.name,
            value,
            format: request.format,
            explain: request.explain,
        };
        let span = Span::Figure {
            name: figure.name.clone(),
            shown: figure.shown(),
        };
        let mut figures = self.0.borrow_mut();
        let known = figures.entry(figure.name.clone()).or_insert(figure.clone());
        assert_eq!(
            known.sql, figure.sql,
            "two figures are called `{}`",
            figure.name
        );
        Some(Prose::from(span))
    }

    /// The figure of a name.
    pub(crate) fn get(&self, name: &str) -> Option<Figure> {
        self.0.borrow().get(name).cloned()
    }

    /// The names of all figures.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.borrow().keys().cloned().collect()
    }
}
