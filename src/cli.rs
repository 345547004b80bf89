//! The commands, one file per command: its arguments, its steps, its output.

#[macro_use]
mod text;

mod lookup;
mod progress;

mod aggregate;
mod assess;
mod check;
mod demo;
mod door;
mod explain;
mod generate;
mod geography;
mod import;
mod ingest;
mod init;
mod merge;
mod partners;
mod plan;
mod publish;
mod record;
mod rejections;
mod rejects;
mod release;
mod scorecard;
mod sql;
mod status;
mod tables;
mod topics;
mod verify;
mod where_command;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{self, Config, Overrides};
use crate::event::Micros;
use crate::reference::Reference;
use crate::storage::Store;
use crate::telemetry::{self, LogFormat};

/// Partner events from Kafka to the Parquet figures of a community safety strategic assessment.
///
/// Settings come from config/partner-feeds.toml, then the environment
/// (`PARTNER_FEEDS_KAFKA_BROKERS`), then the options of a command. Logs go to standard error.
/// `PARTNER_FEEDS_LOG` sets the level, such as warn; `PARTNER_FEEDS_LOG_FORMAT` is text, or json for
/// one JSON object per line.
#[derive(Debug, Parser)]
#[command(name = "partner-feeds", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands, in the order in which a newcomer needs them. Each is described in its file.
#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Geography(geography::GeographyCommand),
    Topics(topics::TopicsCommand),
    Check(check::CheckCommand),
    Publish(publish::PublishCommand),
    Door(door::DoorCommand),
    Import(import::ImportCommand),
    Generate(generate::GenerateCommand),
    Ingest(ingest::Ingest),
    Status(status::Status),
    Aggregate(aggregate::Aggregate),
    Tables(tables::Tables),
    Assess(assess::AssessCommand),
    Release(release::ReleaseCommand),
    Scorecard(scorecard::ScorecardCommand),
    Explain(explain::Explain),
    Sql(sql::Sql),
    Merge(merge::Merge),
    Verify(verify::Verify),
    Rejects(rejects::Rejects),
    Partners(partners::Partners),
    Record(record::RecordCommand),
    Where(where_command::WhereCommand),
    Plan(plan::PlanCommand),
}

impl Command {
    /// The log filter, unless the environment sets one.
    fn log_filter(&self) -> &'static str {
        match self {
            Self::Demo(_) => demo::LOG_FILTER,
            _ => "info",
        }
    }
}

/// Where the configuration, Kafka and the store are. Every command that uses one of them has all of
/// these options, so that a script can pass the same to each.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Connection {
    /// Settings file [default: config/partner-feeds.toml if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Kafka brokers as host:port, separated by commas [default: the setting kafka.brokers]
    #[arg(long, value_name = "LIST")]
    pub(crate) brokers: Option<String>,
    /// Folder or URL of the store [default: the setting store.root]
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<String>,
    /// Kafka consumer group [default: the setting kafka.group]
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
}

impl Connection {
    /// Options that name a settings file only.
    pub(crate) fn with_config(config: Option<PathBuf>) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// The settings, with the overrides of the command line, and the reference data they name.
    pub(crate) fn load(&self) -> anyhow::Result<(Config, Reference)> {
        self.load_with(|overrides| overrides)
    }

    /// The same, with further settings that are options of the command.
    pub(crate) fn load_with(
        &self,
        more: impl FnOnce(Overrides) -> Overrides,
    ) -> anyhow::Result<(Config, Reference)> {
        let overrides = Overrides::new(self.config.clone())
            .with("kafka.brokers", self.brokers.as_deref())
            .with("kafka.group", self.group.as_deref())
            .with("store.root", self.store.as_deref());
        let config = Config::load(&more(overrides))?;
        let reference = Reference::load(config.reference.as_deref())?;
        config.check(&reference)?;
        Ok((config, reference))
    }

    /// The store, which must exist.
    pub(crate) fn store(&self) -> anyhow::Result<Store> {
        let (config, _) = self.load()?;
        Ok(config.store.open()?)
    }
}

/// Output for people or for machines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned text
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// The runtime for a command's asynchronous work.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("cannot start the threads of the program")
}

/// The time by this machine's clock, which a file of events has in place of Kafka's.
#[expect(
    clippy::disallowed_methods,
    reason = "the caller's clock: validation is given the time"
)]
pub(crate) fn now() -> Micros {
    Micros(jiff::Timestamp::now().as_microsecond())
}

/// The exit status of a command that did its work: 1 if it found something wrong, else 0.
pub(crate) fn exit_code(found_wrong: bool) -> ExitCode {
    ExitCode::from(u8::from(found_wrong))
}

/// Runs the command that the arguments name. Exit status: 0 = done, 1 = done and something is wrong,
/// 2 = not done.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let Some(format) = config::log_format() else {
        note!("error: PARTNER_FEEDS_LOG_FORMAT must be text or json");
        return ExitCode::from(2);
    };
    telemetry::start(&config::log_filter(cli.command.log_filter()), format);
    let result = match cli.command {
        Command::Demo(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Geography(command) => command.run(),
        Command::Topics(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Publish(command) => command.run(),
        Command::Door(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Generate(command) => command.run(),
        Command::Ingest(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Aggregate(command) => command.run(),
        Command::Tables(command) => command.run(),
        Command::Assess(command) => command.run(),
        Command::Release(command) => command.run(),
        Command::Scorecard(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Sql(command) => command.run(),
        Command::Merge(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Rejects(command) => command.run(),
        Command::Partners(command) => command.run(),
        Command::Record(command) => command.run(),
        Command::Where(command) => command.run(),
        Command::Plan(command) => command.run(),
    };
    result.unwrap_or_else(|error| {
        if error.downcast_ref().is_some_and(text::is_closed_pipe) {
            return ExitCode::SUCCESS;
        }
        match format {
            LogFormat::Text => note!("error: {error:#}"),
            LogFormat::Json => tracing::error!("{error:#}"),
        }
        ExitCode::from(2)
    })
}
