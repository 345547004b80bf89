//! The document before: the figures it printed, and what the same queries give today.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::assess::AssessError;
use crate::file_format::{self, JsonFileError, read_json};

/// The figures of an earlier document, from its `figures.json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Previous {
    /// The id of the assessment.
    pub(crate) id: String,
    /// Who could read it: the name of the edition.
    pub(crate) edition: String,
    /// What it printed, by name: the text and the query.
    pub(crate) figures: BTreeMap<String, PrintedFigure>,
}

/// A figure as it was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrintedFigure {
    pub(crate) shown: String,
    pub(crate) sql: String,
}

/// A figure whose text differs between two documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFigure {
    /// Its name.
    pub name: String,
    /// The earlier text; none = it is new.
    pub before: Option<String>,
    /// The later text; none = it is gone.
    pub after: Option<String>,
    /// Whether both have the same query, so that the data changed and not the question.
    pub is_same_query: bool,
}

impl Previous {
    /// Parses a `figures.json`.
    pub(crate) fn parse(path: &str, text: &[u8]) -> Result<Self, AssessError> {
        let damaged = |reason: String| AssessError::Previous {
            path: path.to_owned(),
            reason,
        };
        let json: Json =
            read_json(path, text, file_format::FIGURES).map_err(|error| match error {
                JsonFileError::Newer(newer) => newer.into(),
                JsonFileError::Damaged(error) => damaged(format!("is not JSON: {error}")),
            })?;
        let figures = json["figures"].as_object().ok_or_else(|| {
            damaged("has no `figures`: it must be the figures.json of an assessment".to_owned())
        })?;
        let figures = figures.iter().map(|(name, figure)| {
            let text = |key: &str| figure[key].as_str().unwrap_or_default().to_owned();
            let printed = PrintedFigure {
                shown: text("shown"),
                sql: text("sql"),
            };
            (name.clone(), printed)
        });
        Ok(Self {
            id: json["assessment"].as_str().unwrap_or_default().to_owned(),
            edition: json["edition"].as_str().unwrap_or_default().to_owned(),
            figures: figures.collect(),
        })
    }

    /// The figures that differ from those of a later document, in order of names.
    pub(crate) fn changed(&self, after: &Self) -> Vec<ChangedFigure> {
        let mut names: Vec<&String> = self.figures.keys().chain(after.figures.keys()).collect();
        names.sort();
        names.dedup();
        let changed = names.into_iter().filter_map(|name| {
            let (before, now) = (self.figures.get(name), after.figures.get(name));
            let changed = ChangedFigure {
                name: name.clone(),
                before: before.map(|figure| figure.shown.clone()),
                after: now.map(|figure| figure.shown.clone()),
                is_same_query: before.map(|figure| &figure.sql) == now.map(|figure| &figure.sql),
            };
            (changed.before != changed.after).then_some(changed)
        });
        changed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(shown: &str) -> Previous {
        let json = format!(
            r#"{{"assessment":"a","figures":{{"total/x/crime/count":{{"shown":"{shown}","sql":"SELECT 1"}}}}}}"#
        );
        Previous::parse("a", json.as_bytes()).expect("valid")
    }

    #[test]
    fn a_restated_figure_is_found() {
        assert_eq!(document("5").changed(&document("5")), []);
        let changed = document("5").changed(&document("6"));
        assert!(changed[0].is_same_query);
        assert_eq!(
            (changed[0].before.as_deref(), changed[0].after.as_deref()),
            (Some("5"), Some("6"))
        );
        assert!(Previous::parse("a", b"{}").is_err());
    }
}
