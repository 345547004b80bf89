//! Creates the topics of the partners and reports the state of those that exist.

use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaErrorCode;

use super::{PublishError, client};
use crate::kafka::KafkaSettings;
use crate::kafka::{self, Unreached};

/// The topic setting on which every rule about "now" depends.
const TIMESTAMPS: (&str, &str) = ("message.timestamp.type", "LogAppendTime");
/// The settings of the dead-letter topic: records are deleted after two weeks, since the store keeps
/// the rejects, and need no key.
const DEAD_LETTERS: [(&str, &str); 2] =
    [("cleanup.policy", "delete"), ("retention.ms", "1209600000")];

/// The pause between two looks at a topic that the broker does not list yet.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The state of a topic after the request to create it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicState {
    /// It was created.
    Created,
    /// It existed before.
    Existed {
        /// Its number of partitions.
        partitions: usize,
        /// Whether its records have the broker's time.
        log_append_time: bool,
    },
    /// The broker refused to create it.
    Refused(RDKafkaErrorCode),
}

impl fmt::Display for TopicState {
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

/// Creates topics; a replication of -1 is the broker's default. The result is in the order of the
/// names.
pub async fn create(
    settings: &KafkaSettings,
    names: &[&str],
    partitions: i32,
    replication: i32,
    timeout: Duration,
) -> Result<Vec<(String, TopicState)>, PublishError> {
    drop(kafka::reach(&client(settings), timeout)?);
    let admin: AdminClient<DefaultClientContext> =
        client(settings).create().map_err(Unreached::Client)?;
    let topics: Vec<_> = names
        .iter()
        .map(|name| {
            let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
            let is_dead_letter_topic = settings.dead_letter_topic.as_deref() == Some(*name);
            let own = DEAD_LETTERS.iter().filter(|_| is_dead_letter_topic);
            own.fold(
                topic.set(TIMESTAMPS.0, TIMESTAMPS.1),
                |topic, (name, value)| topic.set(name, value),
            )
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(timeout))
        .operation_timeout(Some(timeout));
    let mut states = Vec::with_capacity(names.len());
    for result in admin
        .create_topics(&topics, &options)
        .await
        .map_err(PublishError::Create)?
    {
        states.push(match result {
            Ok(name) => {
                listed_partitions(&admin, &name, timeout).await?;
                (name, TopicState::Created)
            }
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => {
                let partitions = listed_partitions(&admin, &name, timeout).await?;
                let log_append_time =
                    has_log_append_time(&admin, &name, &options).await? == Some(true);
                let state = TopicState::Existed {
                    partitions,
                    log_append_time,
                };
                (name, state)
            }
            Err((name, code)) => (name, TopicState::Refused(code)),
        });
    }
    Ok(states)
}

/// The topics whose records have the publisher's time, of those that exist.
pub async fn publisher_timed(
    settings: &KafkaSettings,
    names: &[&str],
    timeout: Duration,
) -> Result<Vec<String>, PublishError> {
    drop(kafka::reach(&client(settings), timeout)?);
    let admin: AdminClient<DefaultClientContext> =
        client(settings).create().map_err(Unreached::Client)?;
    let options = AdminOptions::new().request_timeout(Some(timeout));
    let mut found = Vec::new();
    for name in names {
        if has_log_append_time(&admin, name, &options).await? == Some(false) {
            found.push((*name).to_owned());
        }
    }
    Ok(found)
}

/// Whether the broker sets the time of a topic's records; `None` = it does not report the setting.
async fn has_log_append_time(
    admin: &AdminClient<DefaultClientContext>,
    name: &str,
    options: &AdminOptions,
) -> Result<Option<bool>, PublishError> {
    let resource = ResourceSpecifier::Topic(name);
    let answers = admin
        .describe_configs([&resource], options)
        .await
        .map_err(PublishError::Describe)?;
    let setting = answers
        .iter()
        .flatten()
        .find_map(|answer| answer.get(TIMESTAMPS.0));
    Ok(setting.map(|setting| setting.value.as_deref() == Some(TIMESTAMPS.1)))
}

/// The number of partitions of a topic that exists. A broker lists a new topic a moment after the
/// controller created it: until then a publisher would be told that it does not exist.
async fn listed_partitions(
    admin: &AdminClient<DefaultClientContext>,
    name: &str,
    timeout: Duration,
) -> Result<usize, PublishError> {
    let began = Instant::now();
    let mut is_silent = true;
    loop {
        let metadata = admin
            .inner()
            .fetch_metadata(Some(name), timeout)
            .map_err(PublishError::Create)?;
        let partitions = metadata
            .topics()
            .iter()
            .flat_map(MetadataTopic::partitions)
            .count();
        if partitions > 0 {
            return Ok(partitions);
        }
        if is_silent && began.elapsed() > kafka::SILENCE {
            tracing::info!(
                "waiting for the brokers to list topic {name}, at most {} s",
                timeout.as_secs()
            );
            is_silent = false;
        }
        if began.elapsed() >= timeout {
            return Err(PublishError::Unlisted {
                topic: name.to_owned(),
                waited: timeout,
            });
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
