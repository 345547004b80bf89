//! The parts of a query, joined as a dialect needs them.
//!
//! For `DuckDB` a query is one statement, and its parts are common table expressions. Spark plans
//! such an expression once for each reference to it. As parts refer to parts, this multiplies:
//! planning one query took minutes. So for Spark each part is a statement: a view, or a stored
//! table where several parts refer to it.

use std::collections::BTreeSet;

use super::Dialect;
use crate::aggregate::tables::{self, TABLES, TableKind};
use crate::event::Feed;

/// A named part of a query, which later parts refer to.
pub(super) struct QueryPart {
    pub(super) name: String,
    pub(super) sql: String,
    /// Whether Spark stores its rows, as several parts refer to it.
    pub(super) is_stored: bool,
}

impl QueryPart {
    /// The statement that makes the part in Spark.
    fn statement(&self) -> String {
        let Self { name, sql, .. } = self;
        if self.is_stored {
            format!("DROP TABLE IF EXISTS {name};\nCREATE TABLE {name} USING parquet AS\n{sql};\n")
        } else {
            format!("CREATE OR REPLACE TEMPORARY VIEW {name} AS\n{sql};\n")
        }
    }
}

/// A query while its template is rendered.
pub(super) struct Script {
    dialect: Dialect,
    /// The folder of the plan's tables.
    folder: String,
    /// The feeds and tables whose files it reads.
    files: BTreeSet<&'static str>,
    parts: Vec<QueryPart>,
}

impl Script {
    pub(super) fn new(dialect: Dialect, folder: &str) -> Self {
        Self {
            dialect,
            folder: folder.to_owned(),
            files: BTreeSet::new(),
            parts: Vec::new(),
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn add_part(&mut self, part: QueryPart) {
        self.parts.push(part);
    }

    /// What a query calls the file of a feed or a table to join; `None` for an unknown file.
    pub(super) fn add_file(&mut self, name: &str) -> Option<String> {
        let name = files().find(|known| *known == name)?;
        self.files.insert(name);
        Some(self.file_name(name))
    }

    /// The script, whose last statement is `query`.
    pub(super) fn join(&self, query: &str) -> String {
        match self.dialect {
            Dialect::DuckDb => self.join_expressions(query),
            Dialect::Spark => self.join_statements(query),
        }
    }

    fn join_expressions(&self, query: &str) -> String {
        let parts = self.parts.iter();
        let parts: Vec<String> = parts
            .map(|part| format!("{} AS (\n{})", part.name, part.sql))
            .collect();
        if parts.is_empty() {
            return query.to_owned();
        }
        format!("WITH {}\n{query}", parts.join(",\n"))
    }

    fn join_statements(&self, query: &str) -> String {
        let files = files().filter(|file| self.files.contains(file));
        let views = files.map(|file| {
            let (name, path) = (self.file_name(file), self.path(file));
            format!(
                "CREATE OR REPLACE TEMPORARY VIEW {name} USING parquet OPTIONS (path '{path}');\n"
            )
        });
        let parts = self.parts.iter().map(QueryPart::statement);
        views.chain(parts).chain([query.to_owned()]).collect()
    }

    fn path(&self, file: &str) -> String {
        if tables::find(file).is_some() {
            format!("aggregates/{}/{file}.parquet", self.folder)
        } else {
            format!("events/{file}.parquet")
        }
    }

    /// For Spark a file has a view: a path in a query would name a table of a catalogue.
    fn file_name(&self, file: &str) -> String {
        let path = self.path(file);
        match self.dialect {
            Dialect::DuckDb => format!("'{path}'"),
            Dialect::Spark => {
                let name = path.trim_end_matches(".parquet").replace(['/', '-'], "_");
                format!("file_{name}")
            }
        }
    }
}

/// The names of all files a query may read: feeds, and tables that no query computes.
fn files() -> impl Iterator<Item = &'static str> {
    let to_join = TABLES
        .iter()
        .filter(|table| table.kind != TableKind::Figures);
    let feeds = Feed::ALL.into_iter().map(Feed::as_str);
    feeds.chain(to_join.map(|table| table.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(dialect: Dialect) -> Script {
        let mut script = Script::new(dialect, "a-plan");
        for (name, sql, is_stored) in [
            ("a", "    SELECT 1 AS x\n", false),
            ("cells", "    SELECT x FROM a\n", true),
        ] {
            script.add_part(QueryPart {
                name: name.to_owned(),
                sql: sql.to_owned(),
                is_stored,
            });
        }
        script
    }

    #[test]
    fn duckdb_has_parts_in_one_statement() {
        assert_eq!(
            script(Dialect::DuckDb).join("SELECT x\nFROM cells\n"),
            "WITH a AS (\n    SELECT 1 AS x\n),\ncells AS (\n    SELECT x FROM a\n)\n\
             SELECT x\nFROM cells\n"
        );
    }

    #[test]
    fn spark_has_a_statement_for_each_file_and_part() {
        let mut script = script(Dialect::Spark);
        assert_eq!(
            script.add_file("areas").as_deref(),
            Some("file_aggregates_a_plan_areas")
        );
        assert_eq!(
            script.add_file("police").as_deref(),
            Some("file_events_police")
        );
        assert_eq!(script.add_file("cells"), None);
        assert_eq!(
            script.join("SELECT x\nFROM cells\n"),
            "CREATE OR REPLACE TEMPORARY VIEW file_events_police \
             USING parquet OPTIONS (path 'events/police.parquet');\n\
             CREATE OR REPLACE TEMPORARY VIEW file_aggregates_a_plan_areas \
             USING parquet OPTIONS (path 'aggregates/a-plan/areas.parquet');\n\
             CREATE OR REPLACE TEMPORARY VIEW a AS\n    SELECT 1 AS x\n;\n\
             DROP TABLE IF EXISTS cells;\n\
             CREATE TABLE cells USING parquet AS\n    SELECT x FROM a\n;\n\
             SELECT x\nFROM cells\n"
        );
    }
}
