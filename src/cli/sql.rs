//! `partner-feeds sql`.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use super::lookup;
use super::options::{SettingOptions, SettingsFile};
use crate::event::Feed;
use crate::sql::{self, Dialect, Locations};

/// Print a table as one SQL query over events and the tables to join, or events over the ledger
///
/// The query computes the same table, cell by cell. Run it in the folder of the store, or name the
/// store with `--root`. Use it to trace a figure to its records, to check it with another engine, or to
/// compute it with Spark if the data exceeds one machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds sql window_totals --plan smp-2017-18 > window_totals.sql
  partner-feeds sql change --dialect spark
  partner-feeds sql events --feed police > police.sql
  partner-feeds sql change --dialect spark --root s3a://bucket/store")]
pub(crate) struct Sql {
    /// Table, such as `window_totals`, or `events`
    table: String,
    /// Feed whose file of events/ the query computes [default: the rows of all feeds]
    #[arg(long, value_name = "FEED")]
    feed: Option<String>,
    /// Plan to count figures under, or in-force to count each month under its own plan
    /// [default: the first of aggregate.plans of the settings, else in-force]
    #[arg(long, value_name = "ID")]
    plan: Option<String>,
    /// Engine that will run the query
    #[arg(long, value_enum, default_value = "duckdb")]
    dialect: DialectName,
    /// Folder or URL of the store, as the engine names it [default: the working directory]
    #[arg(long, value_name = "URL")]
    root: Option<String>,
    /// Folder or URL in which a Spark script stores intermediate rows [default: scratch in the root]
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
    #[command(flatten)]
    options: SettingsFile,
}

/// What the command line calls the files of events.
const EVENTS: &str = "events";

fn feed_named(name: &str) -> anyhow::Result<Feed> {
    Feed::from_name(name)
        .with_context(|| format!("no feed is called `{name}`; use police, health or housing"))
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
        let dialect = self.dialect.into();
        let locations = Locations {
            root: self.root.as_deref(),
            scratch: self.scratch.as_deref(),
        };
        if self.table == EVENTS {
            let feed = self.feed.as_deref().map(feed_named).transpose()?;
            let query = sql::events_query(feed, &reference, dialect, &locations);
            say!("{}", query.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        ensure!(
            self.feed.is_none(),
            "--feed is for `events` only: a table counts the events of all feeds"
        );
        let folder = lookup::table_folder(&reference, &config, self.plan)?;
        let table = lookup::table(&self.table)?;
        let query = sql::query(table.name, &folder, &reference, dialect, &locations);
        let query = query.context("a table has no query")?;
        say!("{}", query.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}
