//! Creates the topics of the partners, and says how those that exist stand.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::types::RDKafkaErrorCode;

use super::{Error, client};
use crate::kafka::KafkaSettings;
use crate::kafka::{self, Unreached};

/// The setting of a topic that every rule about "now" rests on.
const TIMESTAMPS: (&str, &str) = ("message.timestamp.type", "LogAppendTime");
/// The settings of the dead-letter topic: two weeks, after which the store has the rejects still;
/// letters without a key are no fault.
const DEAD_LETTERS: [(&str, &str); 2] =
    [("cleanup.policy", "delete"), ("retention.ms", "1209600000")];

/// How a topic stands after it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is new.
    Created,
    /// It was there before.
    Existed {
        /// How many partitions it has.
        partitions: usize,
        /// Whether the broker's time is that of its records.
        log_append_time: bool,
    },
    /// The broker would not.
    Refused(RDKafkaErrorCode),
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.write_str("created"),
            Self::Existed {
                partitions,
                log_append_time,
            } => {
                write!(f, "exists already, partitions: {partitions}")?;
                if *log_append_time {
                    Ok(())
                } else {
                    write!(f, "; its {} is not {}", TIMESTAMPS.0, TIMESTAMPS.1)
                }
            }
            Self::Refused(code) => write!(f, "refused: {code}"),
        }
    }
}

/// Creates topics with so many partitions; replication -1 is the broker's default. The answer is in
/// the order of the names.
pub async fn create(
    settings: &KafkaSettings,
    names: &[&str],
    partitions: i32,
    replication: i32,
    timeout: Duration,
) -> Result<Vec<(String, Standing)>, Error> {
    drop(kafka::reach(&client(settings), timeout)?);
    let admin: AdminClient<DefaultClientContext> =
        client(settings).create().map_err(Unreached::Client)?;
    let topics: Vec<_> = names
        .iter()
        .map(|name| {
            let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
            let is_dead_letters = settings.dead_letter_topic.as_deref() == Some(*name);
            let own = DEAD_LETTERS.iter().filter(|_| is_dead_letters);
            own.fold(
                topic.set(TIMESTAMPS.0, TIMESTAMPS.1),
                |topic, (name, value)| topic.set(name, value),
            )
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(timeout))
        .operation_timeout(Some(timeout));
    let mut standings = Vec::with_capacity(names.len());
    for result in admin
        .create_topics(&topics, &options)
        .await
        .map_err(Error::Create)?
    {
        standings.push(match result {
            Ok(name) => (name, Standing::Created),
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => {
                let standing = existing(&admin, &name, &options, timeout).await?;
                (name, standing)
            }
            Err((name, code)) => (name, Standing::Refused(code)),
        });
    }
    Ok(standings)
}

async fn existing(
    admin: &AdminClient<DefaultClientContext>,
    name: &str,
    options: &AdminOptions,
    timeout: Duration,
) -> Result<Standing, Error> {
    let metadata = admin
        .inner()
        .fetch_metadata(Some(name), timeout)
        .map_err(Error::Create)?;
    let partitions: BTreeSet<i32> = metadata
        .topics()
        .iter()
        .flat_map(MetadataTopic::partitions)
        .map(MetadataPartition::id)
        .collect();
    let resource = ResourceSpecifier::Topic(name);
    let answers = admin
        .describe_configs([&resource], options)
        .await
        .map_err(Error::Create)?;
    let value = |answer: &rdkafka::admin::ConfigResource| {
        Some(answer.get(TIMESTAMPS.0)?.value.clone()? == TIMESTAMPS.1)
    };
    let log_append_time = answers.iter().flatten().filter_map(value).any(|is| is);
    Ok(Standing::Existed {
        partitions: partitions.len(),
        log_append_time,
    })
}
