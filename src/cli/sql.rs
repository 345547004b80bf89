//! `partner-feeds sql`.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::lookup;
use super::options::{SettingOptions, SettingsFile};
use crate::sql::{self, Dialect};

/// Print a table as one SQL query over events and the tables to join
///
/// The query computes the same table, cell by cell. Run it in the folder of the store: its paths
/// are relative. Use it to trace a figure to its records, to check it with another engine, or to
/// compute it with Spark if the data exceeds one machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds sql window_totals --plan smp-2017-18 > window_totals.sql
  partner-feeds sql change --dialect spark")]
pub(crate) struct Sql {
    /// Table, such as `window_totals`
    table: String,
    /// Plan to count figures under, or in-force to count each month under its own plan
    /// [default: the first of aggregate.plans of the settings, else in-force]
    #[arg(long, value_name = "ID")]
    plan: Option<String>,
    /// Engine that will run the query
    #[arg(long, value_enum, default_value = "duckdb")]
    dialect: DialectName,
    #[command(flatten)]
    options: SettingsFile,
}

/// A dialect, as `--dialect` names it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DialectName {
    Duckdb,
    Spark,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Duckdb => Self::DuckDb,
            DialectName::Spark => Self::Spark,
        }
    }
}

impl Sql {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let folder = lookup::table_folder(&reference, &config, self.plan)?;
        let table = lookup::table(&self.table)?;
        let query = sql::query(table.name, &folder, &reference, self.dialect.into());
        let query = query.context("a table has no query")?;
        say!("{}", query.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}
