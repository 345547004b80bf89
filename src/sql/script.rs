//! The parts of a query, joined as a dialect needs them.
//!
//! For `DuckDB` a query is one statement, and its parts are common table expressions. Spark plans
//! such an expression once for each reference to it. As parts refer to parts, this multiplies:
//! planning one query took minutes. So for Spark a part that several others refer to is a statement,
//! which stores its rows.
//!
//! A script for Spark creates no table, drops nothing, and names every temporary view with
//! [`PREFIX`]: a caller's tables and views stay as they are.

use std::collections::BTreeSet;

use super::conditions::text_literal;
use super::{Dialect, Locations};
use crate::aggregate::tables::{self, TABLES, TableKind};
use crate::event::Feed;

/// The start of the name of each view that a script for Spark creates.
const PREFIX: &str = "partner_feeds_";

/// What templates call the files of `ledger/` and `journal/`.
const LEDGER: &str = "ledger";

/// A named part of a query, which later parts refer to.
pub(super) struct QueryPart {
    pub(super) name: String,
    pub(super) sql: String,
    /// Whether Spark stores its rows, as several parts refer to it.
    pub(super) is_stored: bool,
}

/// A query while its template is rendered.
pub(super) struct Script {
    dialect: Dialect,
    /// The folder of the plan's tables.
    folder: String,
    /// The folder or URL of the store, which ends with `/`; empty: the working directory.
    root: String,
    /// The folder in which Spark stores the rows of parts.
    scratch: String,
    /// The columns of the ledger with their types: a file of an earlier version may lack some.
    ledger_columns: String,
    /// The feeds and tables whose files it reads.
    files: BTreeSet<&'static str>,
    parts: Vec<QueryPart>,
}

impl Script {
    /// A query of a table in a plan's folder.
    pub(super) fn new(
        dialect: Dialect,
        table: &str,
        folder: &str,
        locations: &Locations<'_>,
    ) -> Self {
        let root = locations.root.map_or_else(String::new, with_slash);
        let scratch = locations
            .scratch
            .map_or_else(|| format!("{root}scratch/"), with_slash);
        Self {
            dialect,
            folder: folder.to_owned(),
            root,
            scratch: format!("{scratch}{folder}/{table}"),
            ledger_columns: String::new(),
            files: BTreeSet::new(),
            parts: Vec::new(),
        }
    }

    /// The same, of a query that reads the ledger.
    pub(super) fn with_ledger_columns(self, ledger_columns: String) -> Self {
        Self {
            ledger_columns,
            ..self
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
        let query = self.with_parts(query, self.parts.len());
        match self.dialect {
            Dialect::DuckDb => query,
            Dialect::Spark => {
                let files = files().filter(|file| self.files.contains(file));
                let views = files.map(|file| {
                    let columns = match file {
                        LEDGER => format!(" ({})", self.ledger_columns),
                        _ => String::new(),
                    };
                    view(&self.file_name(file), &columns, &self.path(file))
                });
                let stored = (0..self.parts.len()).filter(|index| self.parts[*index].is_stored);
                let stored = stored.map(|index| self.stored_part(index));
                views.chain(stored).chain([query]).collect()
            }
        }
    }

    /// The statements that store a part's rows.
    fn stored_part(&self, index: usize) -> String {
        let QueryPart { name, sql, .. } = &self.parts[index];
        let path = format!("{}/{name}", self.scratch);
        let rows = self.with_parts(sql, index);
        let literal = text_literal(&path);
        let insert = format!("INSERT OVERWRITE DIRECTORY {literal} USING parquet\n{rows};\n");
        insert + &view(&format!("{PREFIX}{name}"), "", &path)
    }

    /// A statement after those of the first `count` parts that it refers to.
    fn with_parts(&self, sql: &str, count: usize) -> String {
        let mut expressions = Vec::new();
        let mut read = sql.to_owned();
        for part in self.parts[..count].iter().rev() {
            if !has_word(&read, &part.name) {
                continue;
            }
            let name = &part.name;
            let rows = match self.dialect {
                Dialect::Spark if part.is_stored => format!("    SELECT * FROM {PREFIX}{name}\n"),
                _ => part.sql.clone(),
            };
            expressions.push(format!("{name} AS (\n{rows})"));
            read.push_str(&rows);
        }
        if expressions.is_empty() {
            return sql.to_owned();
        }
        expressions.reverse();
        format!("WITH {}\n{sql}", expressions.join(",\n"))
    }

    fn path(&self, file: &str) -> String {
        let Self { root, folder, .. } = self;
        if file == LEDGER {
            format!("{root}[lj]*/topic=*/partition=*/*.parquet")
        } else if tables::find(file).is_some() {
            format!("{root}aggregates/{folder}/{file}.parquet")
        } else {
            format!("{root}events/{file}.parquet")
        }
    }

    /// For Spark a file has a view: a path in a query would name a table of a catalogue.
    fn file_name(&self, file: &str) -> String {
        match self.dialect {
            Dialect::DuckDb => text_literal(&self.path(file)),
            Dialect::Spark => format!("{PREFIX}file_{file}"),
        }
    }
}

/// The statement that names the files of a path in Spark.
fn view(name: &str, columns: &str, path: &str) -> String {
    let path = text_literal(path);
    format!(
        "CREATE OR REPLACE TEMPORARY VIEW {name}{columns} USING parquet OPTIONS (path {path});\n"
    )
}

/// A folder or URL that ends with `/`.
fn with_slash(folder: &str) -> String {
    format!("{}/", folder.trim_end_matches('/'))
}

/// Whether a text contains a name that is not a part of another name.
fn has_word(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word == name)
}

/// The names of all files a query may read: the ledger with the journal, feeds, and tables that no
/// query computes.
fn files() -> impl Iterator<Item = &'static str> {
    let to_join = TABLES
        .iter()
        .filter(|table| table.kind != TableKind::Figures);
    let feeds = Feed::ALL.into_iter().map(Feed::as_str);
    [LEDGER]
        .into_iter()
        .chain(feeds)
        .chain(to_join.map(|table| table.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(dialect: Dialect, locations: &Locations<'_>) -> Script {
        let mut script = Script::new(dialect, "change", "a-plan", locations);
        for (name, sql, is_stored) in [
            ("a", "    SELECT 1 AS x\n", false),
            ("b", "    SELECT 2 AS x\n", false),
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
    fn duckdb_has_the_parts_it_reads_in_one_statement() {
        assert_eq!(
            script(Dialect::DuckDb, &Locations::default()).join("SELECT x\nFROM cells\n"),
            "WITH a AS (\n    SELECT 1 AS x\n),\ncells AS (\n    SELECT x FROM a\n)\n\
             SELECT x\nFROM cells\n"
        );
    }

    #[test]
    fn spark_has_a_view_for_each_file_and_statements_for_each_stored_part() {
        let mut script = script(Dialect::Spark, &Locations::default());
        assert_eq!(
            script.add_file("areas").as_deref(),
            Some("partner_feeds_file_areas")
        );
        assert_eq!(
            script.add_file("police").as_deref(),
            Some("partner_feeds_file_police")
        );
        assert_eq!(script.add_file("cells"), None);
        assert_eq!(
            script.join("SELECT x\nFROM cells\n"),
            "CREATE OR REPLACE TEMPORARY VIEW partner_feeds_file_police \
             USING parquet OPTIONS (path 'events/police.parquet');\n\
             CREATE OR REPLACE TEMPORARY VIEW partner_feeds_file_areas \
             USING parquet OPTIONS (path 'aggregates/a-plan/areas.parquet');\n\
             INSERT OVERWRITE DIRECTORY 'scratch/a-plan/change/cells' USING parquet\n\
             WITH a AS (\n    SELECT 1 AS x\n)\n    SELECT x FROM a\n;\n\
             CREATE OR REPLACE TEMPORARY VIEW partner_feeds_cells \
             USING parquet OPTIONS (path 'scratch/a-plan/change/cells');\n\
             WITH cells AS (\n    SELECT * FROM partner_feeds_cells\n)\n\
             SELECT x\nFROM cells\n"
        );
    }

    #[test]
    fn paths_begin_with_the_root() {
        let root = Some("s3a://bucket/prefix/");
        let store = Locations {
            root,
            scratch: None,
        };
        let mut duckdb = script(Dialect::DuckDb, &store);
        assert_eq!(
            duckdb.add_file("police").as_deref(),
            Some("'s3a://bucket/prefix/events/police.parquet'")
        );
        let stored = "INSERT OVERWRITE DIRECTORY 's3a://bucket/prefix/scratch/a-plan/change/cells'";
        assert!(script(Dialect::Spark, &store).join("").contains(stored));
        let apart = Locations {
            root,
            scratch: Some("hdfs:///tmp"),
        };
        let stored = "INSERT OVERWRITE DIRECTORY 'hdfs:///tmp/a-plan/change/cells'";
        assert!(script(Dialect::Spark, &apart).join("").contains(stored));
    }
}
