//! Dead letters: what was rejected, also in a topic, for those who watch one.
//!
//! The topic is a mirror: the store holds every reject, whatever becomes of its letter. The
//! invariant: the group's offset passes a reject only when its letter was taken, so none is missing
//! after a crash; those past the group's offset are sent again, and a header with the row's
//! position tells a repeat. While the broker takes none, that commit counts as under way, and
//! nothing is lost.

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
use crate::publish;
use crate::rejects::reader::RejectsReader;
use crate::rejects::{self, Raw, Reject, RejectsError};
use crate::storage::Store;

/// How long the broker may take for a letter before it is tried again.
const TAKEN_MAX: Duration = Duration::from_secs(10);
/// The pause before letters are tried again; it doubles each time, up to the longest.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Letters of a partition on their way at once.
const LETTERS_AT_ONCE: usize = 1_000;
/// The largest letter that is tried whole. It must fit in the client's queue.
const LETTER_BYTES_MAX: &str = "33554432";
/// Bytes of letters that go as one: the broker refuses them together, so what is too large must go
/// alone.
const TOGETHER_BYTES_MAX: &str = "65536";

/// Kafka Connect's names for where a record was, and what was wrong with it.
const TOPIC: &str = "__connect.errors.topic";
const PARTITION: &str = "__connect.errors.partition";
const OFFSET: &str = "__connect.errors.offset";
const CLASS: &str = "__connect.errors.exception.class.name";
const MESSAGE: &str = "__connect.errors.exception.message";
/// The position of the row: of two letters with the same topic, partition and position one is a
/// repeat.
const POSITION: &str = "partner-feeds.position";
/// The JSON pointer of what is wrong.
const POINTER: &str = "partner-feeds.pointer";
/// Why a letter has nothing of what the record held: `personal` or `too-large`.
const LEFT_OUT: &str = "partner-feeds.left-out";

/// The dead-letter topic.
pub struct Letters {
    producer: FutureProducer,
    topic: String,
}

/// The thread that sends letters, as the commits see it.
#[derive(Clone)]
pub(super) struct Outbox(mpsc::UnboundedSender<Job>);

struct Job {
    at: TopicPartition,
    unsent: Unsent,
    going: Arc<AtomicBool>,
    taken: oneshot::Sender<bool>,
}

impl Outbox {
    /// Starts the thread; it ends with the last of those who may send.
    pub(super) fn start(letters: Letters, store: Store, runtime: tokio::runtime::Handle) -> Self {
        let (outbox, mut jobs) = mpsc::unbounded_channel::<Job>();
        let shared = Arc::new((letters, store));
        let serve = async move {
            while let Some(Job {
                at,
                unsent,
                going,
                taken,
            }) = jobs.recv().await
            {
                let shared = Arc::clone(&shared);
                tokio::task::spawn_local(async move {
                    let (letters, store) = &*shared;
                    let all = letters.send(store, &at, unsent, &going).await;
                    taken.send(all).ok(); // the run may have ended
                });
            }
        };
        let thread = std::thread::Builder::new().name("letters".to_owned());
        let serving = thread.spawn(move || runtime.block_on(LocalSet::new().run_until(serve)));
        serving.expect("the system starts a thread");
        Self(outbox)
    }

    /// Sends letters until all were taken. `false` = the partition went first: its next owner sends
    /// them.
    pub(super) async fn send(
        &self,
        at: &TopicPartition,
        unsent: Unsent,
        going: &Arc<AtomicBool>,
    ) -> bool {
        let (taken, answer) = oneshot::channel();
        let sent = self.0.send(Job {
            at: at.clone(),
            unsent,
            going: Arc::clone(going),
            taken,
        });
        sent.is_ok() && answer.await.unwrap_or(false)
    }
}

/// Rejects whose letters are to be sent.
pub(super) enum Unsent {
    /// Those of a batch: name and bytes of their file.
    Batch(String, Bytes),
    /// Those that the chain holds from a position on.
    From(Position),
}

#[derive(Debug, thiserror::Error)]
enum LettersError {
    #[error(transparent)]
    Rejects(#[from] RejectsError),
    #[error("produce a dead letter")]
    Kafka(#[from] KafkaError),
}

impl Letters {
    /// A producer to the topic; nobody is asked yet.
    pub fn new(kafka: &KafkaSettings, topic: &str) -> Result<Self, Unreached> {
        let mut config = publish::producer(kafka);
        config.set("message.timeout.ms", TAKEN_MAX.as_millis().to_string());
        config
            .set("acks", "all")
            .set("message.max.bytes", LETTER_BYTES_MAX)
            .set("batch.size", TOGETHER_BYTES_MAX);
        Ok(Self {
            producer: config.create().map_err(Unreached::Client)?,
            topic: topic.to_owned(),
        })
    }

    /// The topic's name.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    async fn send(
        &self,
        store: &Store,
        at: &TopicPartition,
        unsent: Unsent,
        going: &AtomicBool,
    ) -> bool {
        let mut next = match unsent {
            Unsent::Batch(..) => Position::ORIGIN,
            Unsent::From(position) => position,
        };
        let mut pause = PAUSE_FIRST;
        while let Err(error) = self.try_send(store, at, &unsent, &mut next).await {
            let error = match error {
                // Tried again it would be no better, and the partition goes on without them.
                LettersError::Rejects(error) if error.is_damage() => {
                    give_up(at, next, error);
                    return true;
                }
                error => format!("{:#}", anyhow::Error::from(error)),
            };
            let topic = &*self.topic;
            tracing::warn!(partition = %at, topic, error, "dead letters are not taken: the group's offset waits");
            tokio::time::sleep(pause).await;
            if going.load(Ordering::Relaxed) {
                return false;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        if let Unsent::From(from) = unsent {
            tracing::info!(partition = %at, %from, "dead letters past the group's offset were sent again");
        }
        true
    }

    /// Sends those from `next` on, which goes on with what was taken.
    async fn try_send(
        &self,
        store: &Store,
        at: &TopicPartition,
        unsent: &Unsent,
        next: &mut Position,
    ) -> Result<(), LettersError> {
        match unsent {
            Unsent::Batch(name, bytes) => {
                let rejects = rejects::read(name, bytes.clone(), true)?;
                self.deliver_all(at, rejects, next).await
            }
            Unsent::From(_) => {
                let mut reader = RejectsReader::new(store, at, *next, true);
                loop {
                    match self.deliver_next(at, &mut reader, next).await {
                        // The files after it can be read.
                        Err(LettersError::Rejects(
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

    /// Sends those of the chain's next file; false where there is none.
    async fn deliver_next(
        &self,
        at: &TopicPartition,
        reader: &mut RejectsReader<'_>,
        next: &mut Position,
    ) -> Result<bool, LettersError> {
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
    ) -> Result<(), LettersError> {
        let from = *next;
        let is_unsent = |reject: &Result<Reject, _>| {
            reject
                .as_ref()
                .map_or(true, |reject| reject.position >= from)
        };
        let mut taken = futures::stream::iter(rejects.filter(is_unsent))
            .map(|reject| async { self.deliver(at, reject?).await })
            .buffered(LETTERS_AT_ONCE);
        while let Some(position) = taken.try_next().await? {
            *next = position.at(position.offset + 1);
        }
        Ok(())
    }

    /// Sends one letter: without what the record held, where the topic does not take so much.
    async fn deliver(&self, at: &TopicPartition, reject: Reject) -> Result<Position, LettersError> {
        let position = reject.position;
        let Some(raw) = &reject.raw else {
            let headers =
                context(OwnedHeaders::new(), at, &reject).insert(text(LEFT_OUT, "personal"));
            self.produce(&Raw::default(), headers).await?;
            return Ok(position);
        };
        let whole = self
            .produce(raw, context(publish::headers(raw), at, &reject))
            .await;
        if !whole.as_ref().is_err_and(is_too_large) {
            return Ok(whole.map(|()| position)?);
        }
        tracing::warn!(partition = %at, %position, "too large for the dead-letter topic: only the store has its bytes");
        let bare = context(OwnedHeaders::new(), at, &reject).insert(text(LEFT_OUT, "too-large"));
        match self.produce(&Raw::default(), bare).await {
            Err(error) if is_too_large(&error) => {
                tracing::error!(partition = %at, %position, "the dead-letter topic takes not even headers: no letter is sent");
                Ok(position)
            }
            bare => Ok(bare.map(|()| position)?),
        }
    }

    async fn produce(&self, raw: &Raw, headers: OwnedHeaders) -> Result<(), KafkaError> {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic).headers(headers);
        (record.key, record.payload) = (raw.key.as_deref(), raw.value.as_deref());
        self.producer
            .send(record, TAKEN_MAX)
            .await
            .map(drop)
            .map_err(|(error, _)| error)
    }
}

/// Says which letters will not be sent.
fn give_up(at: &TopicPartition, from: Position, error: RejectsError) {
    let error = format!("{:#}", anyhow::Error::from(error));
    tracing::error!(partition = %at, %from, error, "dead letters owed are given up: a file is damaged");
}

fn is_too_large(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge)
    )
}

/// Adds where a record was and what was wrong with it: never a value of it.
fn context(headers: OwnedHeaders, at: &TopicPartition, reject: &Reject) -> OwnedHeaders {
    let Reject {
        position,
        reason,
        pointer,
        rule,
        ..
    } = reject;
    let place = if pointer.is_empty() { "" } else { " at " };
    headers
        .insert(text(TOPIC, &at.topic))
        .insert(text(PARTITION, &at.partition.to_string()))
        .insert(text(OFFSET, &position.offset.to_string()))
        .insert(text(CLASS, reason))
        .insert(text(MESSAGE, &format!("{reason}{place}{pointer}: {rule}")))
        .insert(text(POSITION, &position.to_string()))
        .insert(text(POINTER, pointer))
}

fn text<'t>(key: &'t str, value: &'t str) -> Header<'t, &'t str> {
    Header {
        key,
        value: Some(value),
    }
}
