//! `partner-feeds topics`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Connection, exit_code, runtime};
use crate::publish::{self, Standing, TIMEOUT};

/// Partitions of a new topic: as many consumers can share it.
const PARTITIONS: i32 = 6;

/// Create the topics of the configuration
#[derive(Debug, Args)]
pub(crate) struct Topics {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Create the topics of partners.toml that are not there, and the dead-letter topic of the
    /// settings
    ///
    /// The time of their records is the broker's (`LogAppendTime`), so that no publisher can date
    /// one back. Exit status: 0 = all are there, 1 = the broker refused one, 2 = no broker
    /// answered.
    Create(Create),
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    connection: Connection,
    /// Partitions of each topic
    #[arg(long, value_name = "N", default_value_t = PARTITIONS, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,
    /// Copies of each partition; -1 = as the broker is set
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    replication: i32,
}

impl Topics {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.act {
            Act::Create(create) => create.run(),
        }
    }
}

impl Create {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (config, reference) = self.connection.load()?;
        let feeds = config.topics(&reference.partners).map(|(name, _)| name);
        let names: Vec<&str> = feeds
            .chain(config.kafka.dead_letter_topic.as_deref())
            .collect();
        let runtime = runtime()?;
        let created = publish::create(
            &config.kafka,
            &names,
            self.partitions,
            self.replication,
            TIMEOUT,
        );
        let mut wrong = false;
        for (name, standing) in runtime.block_on(created)? {
            say!("{name}: {standing}");
            match standing {
                Standing::Existed { partitions, .. } if partitions != self.partitions as usize => {
                    say!(
                        "{name}: {} partitions were asked for; those of a topic that exists stay",
                        self.partitions
                    );
                }
                Standing::Refused(_) => wrong = true,
                _ => {}
            }
        }
        Ok(exit_code(wrong))
    }
}
