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
/// How long a topic keeps a record after its segment was closed.
const RETENTION: &str = "retention.ms";
/// How long a segment stays open: until then, none of its records is deleted.
const SEGMENT: &str = "segment.ms";
/// The shares of a topic's retention time for which a segment stays open.
const SEGMENTS: u64 = 10;
/// Dead letters need no key, so the topic must not be compacted.
const NOT_COMPACTED: (&str, &str) = ("cleanup.policy", "delete");

const MILLIS_PER_DAY: u64 = 86_400_000;

/// A topic to create.
#[derive(Clone, Copy, Debug)]
pub struct TopicPlan<'a> {
    /// Its name.
    pub name: &'a str,
    /// Days that it keeps records; none = the broker decides.
    pub days: Option<u16>,
    /// Whether it is for dead letters.
    pub is_dead_letter_topic: bool,
}

impl<'a> TopicPlan<'a> {
    fn new_topic(&self, partitions: i32, replication: i32, times: &'a [String; 2]) -> NewTopic<'a> {
        let mut topic = NewTopic::new(self.name, partitions, TopicReplication::Fixed(replication))
            .set(TIMESTAMPS.0, TIMESTAMPS.1);
        if self.days.is_some() {
            topic = topic.set(RETENTION, &times[0]).set(SEGMENT, &times[1]);
        }
        if self.is_dead_letter_topic {
            topic = topic.set(NOT_COMPACTED.0, NOT_COMPACTED.1);
        }
        topic
    }

    /// Its retention time and that of a segment, in milliseconds.
    fn times(&self) -> [String; 2] {
        let retention = u64::from(self.days.unwrap_or_default()) * MILLIS_PER_DAY;
        [retention, retention / SEGMENTS].map(|millis| millis.to_string())
    }
}

/// What a broker reports of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSettings {
    /// Its name.
    pub name: String,
    /// Whether the broker sets the time of its records.
    pub has_log_append_time: bool,
    /// Milliseconds that it keeps records; none = for good.
    pub retention_ms: Option<u64>,
    /// Milliseconds for which a segment stays open.
    pub segment_ms: u64,
}

impl TopicSettings {
    /// The time after which every record is deleted, wherever it is in its segment, in whole days;
    /// none = never.
    pub fn days(&self) -> Option<u64> {
        let millis = self.retention_ms?.saturating_add(self.segment_ms);
        Some(millis.div_ceil(MILLIS_PER_DAY))
    }

    /// Why it does not keep records for some days; none = it does.
    pub fn fault_of_retention(&self, days: u16) -> Option<String> {
        let wanted = u64::from(days) * MILLIS_PER_DAY;
        let found = self
            .retention_ms
            .map_or("-1 (for good)".to_owned(), |ms| ms.to_string());
        (self.retention_ms != Some(wanted))
            .then(|| format!("its {RETENTION} is {found}, not {wanted} ({days} days)"))
    }
}

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
        /// What differs from the topic that would have been created.
        differences: Vec<String>,
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
                differences,
            } => {
                write!(f, "exists already, partitions: {partitions}")?;
                differences
                    .iter()
                    .try_for_each(|difference| write!(f, "; {difference}"))
            }
            Self::Refused(code) => write!(f, "refused: {code}"),
        }
    }
}

/// Creates topics; a replication of -1 is the broker's default. The result is in the order of the
/// plans.
pub async fn create(
    settings: &KafkaSettings,
    plans: &[TopicPlan<'_>],
    partitions: i32,
    replication: i32,
    timeout: Duration,
) -> Result<Vec<(String, TopicState)>, PublishError> {
    drop(kafka::reach(&client(settings), timeout)?);
    let admin: AdminClient<DefaultClientContext> =
        client(settings).create().map_err(Unreached::Client)?;
    let times: Vec<[String; 2]> = plans.iter().map(TopicPlan::times).collect();
    let topics = plans.iter().zip(&times);
    let topics: Vec<_> = topics
        .map(|(plan, times)| plan.new_topic(partitions, replication, times))
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(timeout))
        .operation_timeout(Some(timeout));
    let mut states = Vec::with_capacity(plans.len());
    let results = admin
        .create_topics(&topics, &options)
        .await
        .map_err(PublishError::Create)?;
    for (plan, result) in plans.iter().zip(results) {
        states.push(match result {
            Ok(name) => {
                listed_partitions(&admin, &name, timeout).await?;
                (name, TopicState::Created)
            }
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => {
                let partitions = listed_partitions(&admin, &name, timeout).await?;
                let found = settings_of(&admin, &name, &options)
                    .await?
                    .unwrap_or_default();
                let times = (!found.has_log_append_time)
                    .then(|| format!("its {} is not {}", TIMESTAMPS.0, TIMESTAMPS.1));
                let retention = plan.days.and_then(|days| found.fault_of_retention(days));
                let state = TopicState::Existed {
                    partitions,
                    differences: times.into_iter().chain(retention).collect(),
                };
                (name, state)
            }
            Err((name, code)) => (name, TopicState::Refused(code)),
        });
    }
    Ok(states)
}

/// What the broker reports of those topics that exist.
pub async fn describe<'n>(
    settings: &KafkaSettings,
    names: impl IntoIterator<Item = &'n str>,
    timeout: Duration,
) -> Result<Vec<TopicSettings>, PublishError> {
    drop(kafka::reach(&client(settings), timeout)?);
    let admin: AdminClient<DefaultClientContext> =
        client(settings).create().map_err(Unreached::Client)?;
    let options = AdminOptions::new().request_timeout(Some(timeout));
    let mut found = Vec::new();
    for name in names {
        found.extend(settings_of(&admin, name, &options).await?);
    }
    Ok(found)
}

/// What the broker reports of a topic; `None` = it does not report its settings.
async fn settings_of(
    admin: &AdminClient<DefaultClientContext>,
    name: &str,
    options: &AdminOptions,
) -> Result<Option<TopicSettings>, PublishError> {
    let resource = ResourceSpecifier::Topic(name);
    let answers = admin
        .describe_configs([&resource], options)
        .await
        .map_err(PublishError::Describe)?;
    let Some(answer) = answers.iter().flatten().next() else {
        return Ok(None);
    };
    let value = |key| answer.get(key).and_then(|setting| setting.value.as_deref());
    let Some(times) = value(TIMESTAMPS.0) else {
        return Ok(None);
    };
    let millis = |key| value(key).and_then(|millis| millis.parse().ok());
    Ok(Some(TopicSettings {
        name: name.to_owned(),
        has_log_append_time: times == TIMESTAMPS.1,
        retention_ms: millis(RETENTION),
        segment_ms: millis(SEGMENT).unwrap_or_default(),
    }))
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
