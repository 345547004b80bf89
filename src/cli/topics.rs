//! `partner-feeds topics`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::options::{BrokerOptions, SettingOptions};
use super::{exit_code, runtime};
use crate::publish::{self, TIMEOUT, TopicPlan, TopicState};

/// Partitions of a new topic: the most consumers that can share it.
pub(super) const PARTITIONS: i32 = 6;

/// Create the topics of the configuration
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds topics create")]
pub(crate) struct TopicsCommand {
    #[command(subcommand)]
    action: TopicsAction,
}

#[derive(Debug, Subcommand)]
enum TopicsAction {
    /// Create the missing topics of partners.toml and the dead-letter topic of the settings
    ///
    /// The broker sets the time of their records (`LogAppendTime`), so that no publisher can
    /// backdate one. They are deleted after the retention times that the settings give; without one,
    /// after the broker's. Exit status: 0 = all topics exist, 1 = the broker refused to create one, 2 =
    /// no broker answered.
    Create(CreateTopics),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  partner-feeds topics create
  partner-feeds topics create --brokers kafka:9092 --partitions 12 --replication 3")]
struct CreateTopics {
    #[command(flatten)]
    options: BrokerOptions,
    /// Partitions of each topic
    #[arg(long, value_name = "N", default_value_t = PARTITIONS, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,
    /// Replicas of each partition; -1 = the broker's default
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    replication: i32,
}

impl TopicsCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            TopicsAction::Create(create) => create.run(),
        }
    }
}

impl CreateTopics {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.options.load()?;
        let feeds = config
            .topics(&reference.partners)
            .map(|(name, _)| TopicPlan {
                name,
                days: config.retention.kafka_days,
                is_dead_letter_topic: false,
            });
        let dead_letters = config
            .kafka
            .dead_letter_topic
            .as_deref()
            .map(|name| TopicPlan {
                name,
                days: config.retention.dead_letters_days,
                is_dead_letter_topic: true,
            });
        let plans: Vec<TopicPlan<'_>> = feeds.chain(dead_letters).collect();
        let runtime = runtime()?;
        let created = publish::create(
            &config.kafka,
            &plans,
            self.partitions,
            self.replication,
            TIMEOUT,
        );
        let mut is_refused = false;
        for (name, state) in runtime.block_on(created)? {
            say!("{name}: {state}");
            match state {
                TopicState::Existed { partitions, .. }
                    if partitions != self.partitions as usize =>
                {
                    say!(
                        "{name}: keeps its partitions; --partitions {} only applies to new topics",
                        self.partitions
                    );
                }
                TopicState::Refused(_) => is_refused = true,
                _ => {}
            }
        }
        Ok(exit_code(is_refused))
    }
}
