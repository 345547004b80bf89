//! The dead-letter topic: a mirror of rejects, for consumers that watch one.
//!
//! The topic is a copy: the store has every reject, even if its dead letter was never sent. The
//! invariant: the group's offset passes a reject only after its dead letter was acknowledged, so
//! none is missing after a crash. Those past the group's offset are sent again, and a header with
//! the row's position marks repeats. While the broker acknowledges none, the commit counts as under
//! way, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{StreamExt, TryStreamExt};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use crate::event::{Position, TopicPartition};
use crate::kafka::KafkaSettings;
use crate::kafka::Unreached;
use crate::ledger::erasures::ErasedPositions;
use crate::publish;
use crate::rejects::reader::RejectsReader;
use crate::rejects::{self, Raw, Reject, RejectsError};
use crate::storage::Store;

/// How long the broker may take to acknowledge a dead letter before it is sent again.
const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(10);
/// The pause before a dead letter is sent again; it doubles each time, up to the longest.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Mirrored rejects of a partition in flight at the same time.
const IN_FLIGHT_MAX: usize = 1_000;
/// The largest dead letter that is sent with the record's bytes. It must fit in the client's queue.
const MESSAGE_BYTES_MAX: &str = "33554432";
/// Bytes of rejects that are mirrored together: the broker rejects them together, so one that is
/// too large must go alone.
const PRODUCER_BATCH_BYTES: &str = "65536";

/// Kafka Connect's names for where a record was and what is wrong with it.
const TOPIC: &str = "__connect.errors.topic";
const PARTITION: &str = "__connect.errors.partition";
const OFFSET: &str = "__connect.errors.offset";
const CLASS: &str = "__connect.errors.exception.class.name";
const MESSAGE: &str = "__connect.errors.exception.message";
/// The position of the row: of two dead letters with the same topic, partition and position, one is
/// a repeat.
const POSITION: &str = "partner-feeds.position";
/// The JSON pointer of what is wrong.
const POINTER: &str = "partner-feeds.pointer";
/// Why a dead letter lacks the record's bytes: `personal` or `too-large`.
const LEFT_OUT: &str = "partner-feeds.left-out";

/// The dead-letter topic.
pub struct DeadLetterTopic {
    producer: FutureProducer,
    topic: String,
}

/// Passes rejects to the thread that mirrors them.
#[derive(Clone)]
pub(super) struct DeadLetterQueue(mpsc::UnboundedSender<SendRequest>);

struct SendRequest {
    at: TopicPartition,
    unsent: UnsentRejects,
    is_revoked: Arc<AtomicBool>,
    acknowledged: oneshot::Sender<bool>,
}

impl DeadLetterQueue {
    /// Starts the thread; it ends when the last sender is dropped.
    pub(super) fn start(
        topic: DeadLetterTopic,
        store: Store,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        let (queue, mut requests) = mpsc::unbounded_channel::<SendRequest>();
        let shared = Arc::new((topic, store));
        let serve = async move {
            while let Some(SendRequest {
                at,
                unsent,
                is_revoked,
                acknowledged,
            }) = requests.recv().await
            {
                let shared = Arc::clone(&shared);
                tokio::task::spawn_local(async move {
                    let (topic, store) = &*shared;
                    let all = topic.send(store, &at, unsent, &is_revoked).await;
                    acknowledged.send(all).ok(); // the run may have ended
                });
            }
        };
        let thread = std::thread::Builder::new().name("dead-letters".to_owned());
        let serving = thread.spawn(move || runtime.block_on(LocalSet::new().run_until(serve)));
        serving.expect("the system starts a thread");
        Self(queue)
    }

    /// Mirrors rejects until all are acknowledged. `false` = the partition was revoked first:
    /// its next owner sends them.
    pub(super) async fn send(
        &self,
        at: &TopicPartition,
        unsent: UnsentRejects,
        is_revoked: &Arc<AtomicBool>,
    ) -> bool {
        let (acknowledged, reply) = oneshot::channel();
        let sent = self.0.send(SendRequest {
            at: at.clone(),
            unsent,
            is_revoked: Arc::clone(is_revoked),
            acknowledged,
        });
        sent.is_ok() && reply.await.unwrap_or(false)
    }
}

/// Rejects that are not mirrored yet.
pub(super) enum UnsentRejects {
    /// Those of a batch: name and bytes of their file.
    Batch(String, Bytes),
    /// Those of the chain, from a position on.
    From(Position),
}

#[derive(Debug, thiserror::Error)]
enum DeadLetterError {
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    #[error("cannot produce a dead letter")]
    Kafka(#[from] KafkaError),
}

impl DeadLetterTopic {
    /// A producer to the topic; it connects later.
    pub fn new(kafka: &KafkaSettings, topic: &str) -> Result<Self, Unreached> {
        let mut config = publish::producer(kafka);
        config.set(
            "message.timeout.ms",
            ACKNOWLEDGE_MAX.as_millis().to_string(),
        );
        config
            .set("acks", "all")
            .set("message.max.bytes", MESSAGE_BYTES_MAX)
            .set("batch.size", PRODUCER_BATCH_BYTES);
        Ok(Self {
            producer: config.create().map_err(Unreached::Client)?,
            topic: topic.to_owned(),
        })
    }

    /// The topic's name.
    pub(super) fn name(&self) -> &str {
        &self.topic
    }

    async fn send(
        &self,
        store: &Store,
        at: &TopicPartition,
        unsent: UnsentRejects,
        is_revoked: &AtomicBool,
    ) -> bool {
        let mut next = match unsent {
            UnsentRejects::Batch(..) => Position::ORIGIN,
            UnsentRejects::From(position) => position,
        };
        let mut pause = PAUSE_FIRST;
        while let Err(error) = self.try_send(store, at, &unsent, &mut next).await {
            let error = match error {
                // Trying again would not help, and the partition continues without them.
                DeadLetterError::Rejects(error) if error.is_damage() => {
                    give_up(at, next, error);
                    return true;
                }
                error => format!("{:#}", anyhow::Error::from(error)),
            };
            let topic = &*self.topic;
            tracing::warn!(
                partition = %at,
                topic,
                error,
                "dead letters not acknowledged: the group's offset waits"
            );
            tokio::time::sleep(pause).await;
            if is_revoked.load(Ordering::Relaxed) {
                return false;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        if let UnsentRejects::From(from) = unsent {
            tracing::info!(partition = %at, %from, "dead letters past the group's offset sent again");
        }
        true
    }

    /// Sends those from `next` on; `next` advances with what is acknowledged.
    async fn try_send(
        &self,
        store: &Store,
        at: &TopicPartition,
        unsent: &UnsentRejects,
        next: &mut Position,
    ) -> Result<(), DeadLetterError> {
        match unsent {
            UnsentRejects::Batch(name, bytes) => {
                let rejects =
                    rejects::read(name, bytes.clone(), true, &ErasedPositions::default())?;
                self.deliver_all(at, rejects, next).await
            }
            UnsentRejects::From(_) => {
                let mut reader = RejectsReader::new(store, at, *next, true);
                loop {
                    match self.deliver_next(at, &mut reader, next).await {
                        // The files after it are intact.
                        Err(DeadLetterError::Rejects(
                            error @ (RejectsError::Ledger(_) | RejectsError::NotRejects { .. }),
                        )) if error.is_damage() => {
                            give_up(at, *next, error);
                        }
                        Ok(true) => {}
                        end => return end.map(drop),
                    }
                }
            }
        }
    }

    /// Sends those of the chain's next file; false if there is none.
    async fn deliver_next(
        &self,
        at: &TopicPartition,
        reader: &mut RejectsReader<'_>,
        next: &mut Position,
    ) -> Result<bool, DeadLetterError> {
        let Some(rejects) = reader.next().await? else {
            return Ok(false);
        };
        self.deliver_all(at, rejects, next).await?;
        Ok(true)
    }

    async fn deliver_all(
        &self,
        at: &TopicPartition,
        rejects: impl Iterator<Item = Result<Reject, RejectsError>>,
        next: &mut Position,
    ) -> Result<(), DeadLetterError> {
        let from = *next;
        let unsent = rejects.filter(|reject| {
            reject
                .as_ref()
                .map_or(true, |reject| reject.position >= from)
        });
        let mut acknowledged = futures::stream::iter(unsent)
            .map(|reject| async { self.deliver(at, reject?).await })
            .buffered(IN_FLIGHT_MAX);
        while let Some(position) = acknowledged.try_next().await? {
            *next = position.at(position.offset + 1);
        }
        Ok(())
    }

    /// Sends one dead letter: without the record's bytes, if the topic does not accept that size.
    async fn deliver(
        &self,
        at: &TopicPartition,
        reject: Reject,
    ) -> Result<Position, DeadLetterError> {
        let position = reject.position;
        let Some(raw) = &reject.raw else {
            let headers =
                context(OwnedHeaders::new(), at, &reject).insert(text(LEFT_OUT, "personal"));
            self.produce(&Raw::default(), headers).await?;
            return Ok(position);
        };
        let sent = self
            .produce(raw, context(publish::headers(raw), at, &reject))
            .await;
        if !sent.as_ref().is_err_and(is_too_large) {
            return Ok(sent.map(|()| position)?);
        }
        tracing::warn!(
            partition = %at,
            %position,
            "record too large for the dead-letter topic: only the store has its bytes"
        );
        let bare = context(OwnedHeaders::new(), at, &reject).insert(text(LEFT_OUT, "too-large"));
        match self.produce(&Raw::default(), bare).await {
            Err(error) if is_too_large(&error) => {
                tracing::error!(
                    partition = %at,
                    %position,
                    "the dead-letter topic does not even accept headers: no dead letter is sent"
                );
                Ok(position)
            }
            bare => Ok(bare.map(|()| position)?),
        }
    }

    async fn produce(&self, raw: &Raw, headers: OwnedHeaders) -> Result<(), KafkaError> {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic).headers(headers);
        (record.key, record.payload) = (raw.key.as_deref(), raw.value.as_deref());
        self.producer
            .send(record, ACKNOWLEDGE_MAX)
            .await
            .map(drop)
            .map_err(|(error, _)| error)
    }
}

/// Logs that rejects will not be mirrored.
fn give_up(at: &TopicPartition, from: Position, error: RejectsError) {
    let error = format!("{:#}", anyhow::Error::from(error));
    tracing::error!(partition = %at, %from, error, "dead letters given up: a file is damaged");
}

fn is_too_large(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge)
    )
}

/// Adds where a record was and what is wrong with it, and never one of its values.
fn context(headers: OwnedHeaders, at: &TopicPartition, reject: &Reject) -> OwnedHeaders {
    let Reject {
        position,
        reason,
        pointer,
        rule,
        ..
    } = reject;
    let at_pointer = if pointer.is_empty() { "" } else { " at " };
    headers
        .insert(text(TOPIC, &at.topic))
        .insert(text(PARTITION, &at.partition.to_string()))
        .insert(text(OFFSET, &position.offset.to_string()))
        .insert(text(CLASS, reason))
        .insert(text(
            MESSAGE,
            &format!("{reason}{at_pointer}{pointer}: {rule}"),
        ))
        .insert(text(POSITION, &position.to_string()))
        .insert(text(POINTER, pointer))
}

fn text<'t>(key: &'t str, value: &'t str) -> Header<'t, &'t str> {
    Header {
        key,
        value: Some(value),
    }
}
