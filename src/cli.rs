//! The commands, one file per command: its arguments, its steps, its output.

#[macro_use]
mod text;

mod lookup;
mod options;
mod progress;

mod aggregate;
mod assess;
mod check;
mod completions;
mod demo;
mod door;
mod embedded;
mod erase;
mod explain;
mod export;
mod generate;
mod geography;
mod import;
mod ingest;
mod init;
mod load;
mod man;
mod merge;
mod partners;
mod plan;
mod publish;
mod purge;
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

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};

use crate::config;
use crate::event::Micros;
use crate::telemetry::{self, LogFormat};

/// Partner events from Kafka to the Parquet figures of a community safety strategic assessment.
///
/// Settings come from config/partner-feeds.toml, then the environment
/// (`PARTNER_FEEDS_KAFKA_BROKERS`), then the options of a command. Logs go to standard error.
/// `PARTNER_FEEDS_LOG` sets the level, such as warn; `PARTNER_FEEDS_LOG_FORMAT` is text, or json for
/// one JSON object per line.
#[derive(Debug, Parser)]
#[command(
    name = "partner-feeds",
    version,
    max_term_width = 100,
    after_help = "Examples:
  partner-feeds demo
  partner-feeds check events.jsonl
  partner-feeds explain smp-2017-18 mental-health Maidstone 2017-18 --store partner-feeds-demo
  partner-feeds help rejects list"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands, in the order in which a newcomer needs them. Each is described in its file.
#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(Box<init::Init>),
    Geography(geography::GeographyCommand),
    Topics(topics::TopicsCommand),
    Check(check::CheckCommand),
    Publish(publish::PublishCommand),
    Door(door::DoorCommand),
    Import(import::ImportCommand),
    Load(load::Load),
    Generate(generate::GenerateCommand),
    Ingest(ingest::Ingest),
    Status(status::Status),
    Aggregate(aggregate::Aggregate),
    Tables(tables::Tables),
    Assess(assess::AssessCommand),
    Release(release::ReleaseCommand),
    Scorecard(scorecard::ScorecardCommand),
    Export(export::ExportCommand),
    Explain(explain::Explain),
    Sql(sql::Sql),
    Merge(merge::Merge),
    Verify(verify::Verify),
    Rejects(rejects::Rejects),
    Partners(partners::Partners),
    Record(record::RecordCommand),
    Where(where_command::WhereCommand),
    Erase(erase::Erase),
    Purge(purge::Purge),
    Plan(plan::PlanCommand),
    Completions(completions::Completions),
    Man(man::ManCommand),
}

impl Command {
    /// The log filter, unless the environment sets one.
    fn log_filter(&self) -> &'static str {
        match self {
            Self::Demo(_) | Self::Load(_) => embedded::LOG_FILTER,
            _ => "info",
        }
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
    let Some(filter) = config::log_filter(cli.command.log_filter()) else {
        note!("error: PARTNER_FEEDS_LOG must be a level, such as warn, or a list of target=level");
        return ExitCode::from(2);
    };
    telemetry::start(&filter, format);
    let result = match cli.command {
        Command::Demo(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Geography(command) => command.run(),
        Command::Topics(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Publish(command) => command.run(),
        Command::Door(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Load(command) => command.run(),
        Command::Generate(command) => command.run(),
        Command::Ingest(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Aggregate(command) => command.run(),
        Command::Tables(command) => command.run(),
        Command::Assess(command) => command.run(),
        Command::Release(command) => command.run(),
        Command::Scorecard(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Sql(command) => command.run(),
        Command::Merge(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Rejects(command) => command.run(),
        Command::Partners(command) => command.run(),
        Command::Record(command) => command.run(),
        Command::Where(command) => command.run(),
        Command::Erase(command) => command.run(),
        Command::Purge(command) => command.run(),
        Command::Plan(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Calls `f` with every command and its path, but for the generated `help`.
    fn each_command(command: &clap::Command, path: &str, f: &mut impl FnMut(&str, &clap::Command)) {
        f(path, command);
        for inner in command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help")
        {
            each_command(inner, &format!("{path} {}", inner.get_name()), f);
        }
    }

    /// The words of a command line up to a pipe or a redirection; single quotes join words.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (index, part) in line.split('\'').enumerate() {
            if index % 2 == 0 {
                words.extend(part.split_whitespace().map(str::to_owned));
            } else {
                words.push(part.to_owned());
            }
        }
        let end = words.iter().position(|word| word.starts_with('>'));
        words.truncate(end.unwrap_or(words.len()));
        words
    }

    #[test]
    fn every_command_has_examples_that_its_parser_accepts() {
        let mut commands = 0;
        each_command(&Cli::command(), "partner-feeds", &mut |path, command| {
            commands += 1;
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let examples = help.strip_prefix("Examples:\n").unwrap_or_default();
            assert!(examples.contains(path), "{path} has no example of itself");
            let steps = examples.lines().flat_map(|line| line.split('|')).map(words);
            for step in steps.filter(|step| step[0] == "partner-feeds" && step[1] != "help") {
                if let Err(error) = Cli::try_parse_from(&step) {
                    panic!("{path}: {step:?}: {error}");
                }
            }
        });
        assert!(commands > 40, "{commands}");
    }

    #[test]
    fn a_command_offers_the_options_of_what_it_uses() {
        let mut with_brokers = Vec::new();
        let mut with_group = Vec::new();
        each_command(&Cli::command(), "", &mut |path, command| {
            for argument in command.get_arguments() {
                match argument.get_id().as_str() {
                    "brokers" => with_brokers.push(path.trim_start().to_owned()),
                    "group" => with_group.push(path.trim_start().to_owned()),
                    _ => {}
                }
            }
        });
        let expected = [
            "topics create",
            "publish",
            "door",
            "ingest",
            "status",
            "rejects replay",
            "where",
            "erase",
            "purge",
        ];
        assert_eq!(with_brokers, expected);
        assert_eq!(with_group, ["ingest", "status"]);
    }
}
