//! `partner-feeds sql`.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Args;

use super::Connection;
use super::lookup::table_folders;
use crate::sql::{self, Dialect};

/// Print a table as one SQL query over events and the tables to join
///
/// It gives the same table, cell by cell, and runs in the folder of the store: paths are relative
/// to it. So a figure can be followed to its records, checked by another engine, or made by Spark
/// where one machine is too small.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The table, such as `window_totals`
    table: String,
    /// The plan under which figures are counted, or in-force for each month under its own
    /// [default: the first of aggregate.plans of the settings, else in-force]
    #[arg(long, value_name = "ID")]
    plan: Option<String>,
    /// The engine that is to run it
    #[arg(long, value_enum, default_value = "duckdb")]
    dialect: Dialect,
    #[command(flatten)]
    connection: Connection,
}

impl Sql {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let plan = self
            .plan
            .or_else(|| config.plans.first().cloned())
            .unwrap_or_else(|| "in-force".to_owned());
        let plans = [plan];
        let folder = table_folders(&reference, &plans)?
            .into_iter()
            .next()
            .context("no plan")?;
        let query = sql::query(&self.table, &folder, &reference, self.dialect);
        let unknown = || {
            anyhow!(
                "there is no table `{}`; there are: {}",
                self.table,
                sql::tables().join(", ")
            )
        };
        say!("{}", query.ok_or_else(unknown)?.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}
