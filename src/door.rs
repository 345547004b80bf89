//! The door: partners without a Kafka client submit events over HTTP.
//!
//! A request is validated with the code that `check` and `publish` use, and only accepted events are
//! sent, so a refused value is stored nowhere. The answer comes after the broker's: each event is
//! sent, refused or unknown, and sending it again is always safe. The door has no queue, and of the
//! store only what partners may ask of their own records. The invariant: no answer, log line or
//! metric contains a value, a subject or an id; only [`crate::feedback`] may answer a partner with a
//! subject of its own.

mod answer;
mod body;
mod connections;
mod documents;
mod feedback;
mod identity;
mod limits;
mod listen;
mod metrics;
mod multipart;
mod oddities;
mod page;
mod problem;
mod routes;
mod send;
mod store;
mod submission;
mod table;
mod tokens;
mod write_timeout;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::task::JoinError;

use crate::contract::Rejection;
use crate::crash;
use crate::event::{Feed, Kind, Micros};
use crate::files::Faults;
use crate::kafka::{KafkaSettings, Unreached};
use crate::publish::Checker;
use crate::reference::Reference;
use crate::storage::{StorageError, StoreLocation};
use crate::watch::Watched;
use answer::{Action, Outcome, Report};
use body::{EVENT_BYTES, MORE_FAULTS_MIN, Submissions};
use limits::{AdmittedRequest, Limits};
use metrics::DoorMetrics;
use oddities::{Oddities, UnknownCodeLines};
use problem::Problem;
use send::{Delivery, OutgoingEvent, Sender};
use store::{DoorStore, WRITE_INTERVAL};
use table::Table;
use tokens::{Grant, TokenStore};

pub use documents::{asyncapi, openapi};
pub use listen::{Listener, ServeError};
pub use tokens::{NewToken, TokenError, VALID_DAYS_MAX, create as create_token};

/// How often the token file is read and the broker is asked whether the topics exist.
const REFRESH: Duration = Duration::from_secs(10);

/// How long the broker may take to confirm an event.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// The limits and files of the door.
#[derive(Clone, Debug)]
pub struct DoorSettings {
    /// Where it listens, as host:port.
    pub listen: String,
    /// Its certificate, and those of its clients; `None` = no TLS.
    pub tls: Option<TlsSettings>,
    /// The store that partners may ask about their records; `None` = they may not.
    pub store: Option<StoreLocation>,
    /// The file of the digests of tokens and certificates.
    pub tokens: PathBuf,
    /// The most bytes of a body, unpacked.
    pub body_bytes: usize,
    /// The most events of a request.
    pub events: usize,
    /// Bytes that all bodies may take together.
    pub memory_bytes: usize,
    /// The most open connections.
    pub connections: usize,
    /// The most requests at once.
    pub requests: usize,
    /// Events per second of a partner.
    pub rate: usize,
    /// How long the headers of a request may take.
    pub header_timeout: Duration,
    /// How long the body of a request may take, and the answer to be read.
    pub body_timeout: Duration,
    /// How long a stop may take to complete requests under way.
    pub shutdown_timeout: Duration,
    /// How long the broker may take to confirm an event; less than a client waits for an answer.
    pub message_timeout: Duration,
}

/// How partners identify themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identification {
    /// By a token. A certificate may be used besides.
    #[default]
    Token,
    /// By a client certificate. A token may be used besides.
    Certificate,
    /// By a token and a client certificate.
    Both,
}

impl Identification {
    /// All, with their names in settings.
    pub const ALL: [(&'static str, Self); 3] = [
        ("token", Self::Token),
        ("certificate", Self::Certificate),
        ("both", Self::Both),
    ];
}

impl DoorSettings {
    /// How partners identify themselves.
    pub fn identification(&self) -> Identification {
        let tls = self.tls.as_ref();
        tls.map_or_else(Identification::default, |tls| tls.identification)
    }
}

/// The least `memory_mib` of a door, so that half of it is enough for one request: its body, its
/// events and, for a table, as much again as the body.
pub const fn request_memory_mib(body_mib: usize, events: usize) -> usize {
    2 * (2 * body_mib + (events * EVENT_BYTES).div_ceil(1 << 20))
}

/// The certificate of the door, and what it demands of its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The chain of certificates, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
    /// The authority of client certificates, in PEM; `None` = clients are not asked for one.
    pub client_ca: Option<PathBuf>,
    /// How partners identify themselves.
    pub identification: Identification,
}

/// Why the door does not open.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The token file has faults.
    #[error(transparent)]
    Tokens(#[from] Faults),
    /// No client of Kafka could be created.
    #[error(transparent)]
    Kafka(#[from] Unreached),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StorageError),
}

/// The state of the door.
pub struct Door {
    settings: DoorSettings,
    reference: Arc<Reference>,
    topics: Vec<String>,
    tokens: TokenStore,
    limits: Limits,
    store: Option<Arc<DoorStore>>,
    sender: Sender,
    metrics: DoorMetrics,
    /// The documents of the API.
    openapi: Bytes,
    asyncapi: Bytes,
    clock: fn() -> Micros,
    is_stopping: AtomicBool,
    /// Why the topics cannot be used, by the last answer of a broker.
    why_not_ready: Mutex<Option<String>>,
}

/// What the judgement of a document leaves: where it goes, or why not.
type Judgement = Result<AcceptedDocument, Box<Rejection>>;

/// Where an accepted document goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AcceptedDocument {
    topic: String,
    key: Vec<u8>,
}

/// Judges submissions as `check` does, for a sender with these sources. Also counts what `check`
/// warns of. Faults after the first of an event are kept as far as memory is reserved for them.
fn judge(
    reference: &Reference,
    sources: &BTreeSet<String>,
    submissions: &Submissions,
    now: Micros,
) -> (Vec<Judgement>, Oddities) {
    let mut checker = Checker::new(reference, now).limited_to(sources);
    let (mut key, mut oddities) = (Vec::new(), Oddities::default());
    let mut judgements = Vec::with_capacity(submissions.events.len());
    let mut more_left = submissions.events.len().max(MORE_FAULTS_MIN);
    let mut codes = UnknownCodeLines::default();
    for (index, submission) in submissions.events.iter().enumerate() {
        let line = submission.line_or_number(index);
        let verdict = checker.check(&submission.document, &mut key);
        let verdict = verdict.map_err(|mut rejection| {
            rejection.more.truncate(more_left);
            more_left -= rejection.more.len();
            rejection
        });
        judgements.push(verdict.map(|event| {
            if event.contradicts {
                oddities.contradictions.add(line);
            }
            if event.unplaced {
                oddities.unplaced.add(line);
            }
            if event.unexpected_kind {
                oddities.unexpected_kinds.add(line);
            }
            codes.add(line, &submission.document, event.unknown_codes);
            AcceptedDocument {
                // A source is registered for a topic of its feed, so there is one.
                topic: checker.topic_of(event.feed).unwrap_or_default().to_owned(),
                key: key.clone(),
            }
        }));
    }
    oddities.unknown_codes = checker.take_unknown_codes().by_list();
    oddities.unknown_code_fields = codes.fields(&reference.codes, submissions.table.as_ref());
    (judgements, oddities)
}

impl Door {
    /// A door with these settings. `clock` is the time at which events are received.
    pub fn open(
        settings: DoorSettings,
        kafka: &KafkaSettings,
        reference: Arc<Reference>,
        clock: fn() -> Micros,
    ) -> Result<Arc<Self>, DoorError> {
        let tokens = TokenStore::open(&settings.tokens, &reference.partners, clock())?;
        let topics = reference.partners.topics();
        let store = settings
            .store
            .as_ref()
            .map(StoreLocation::open)
            .transpose()?;
        Ok(Arc::new(Self {
            store: store.map(|store| Arc::new(DoorStore::new(store))),
            limits: Limits::new(settings.rate, settings.requests, settings.memory_bytes),
            sender: Sender::new(kafka, settings.message_timeout)?,
            metrics: DoorMetrics::new(&tokens.partners()),
            openapi: openapi(&settings).to_string().into(),
            asyncapi: asyncapi(&reference.partners).to_string().into(),
            topics: topics.map(|topic| topic.name.clone()).collect(),
            tokens,
            settings,
            reference,
            clock,
            is_stopping: AtomicBool::new(false),
            why_not_ready: Mutex::new(Some("waiting for a broker".to_owned())),
        }))
    }

    /// Reads the token file again and asks a broker for the topics, for as long as the door is open.
    pub async fn refresh(self: Arc<Self>) {
        loop {
            let door = Arc::clone(&self);
            let refreshed = tokio::task::spawn_blocking(move || {
                door.tokens.reload((door.clock)());
                door.set_ready(door.sender.why_not_ready(&door.topics));
            });
            drop(refreshed.await); // a panic is logged, and the next round tries again
            if let Some(store) = &self.store {
                store.refresh_paused().await;
            }
            tokio::time::sleep(REFRESH).await;
        }
    }

    /// Writes what was refused into the store, every minute for as long as the door is open.
    pub async fn write_refusals(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WRITE_INTERVAL).await;
            self.write_refusals_once().await;
        }
    }

    /// Writes what was refused since it was last written.
    pub async fn write_refusals_once(&self) {
        if let Some(store) = &self.store {
            store.write_refusals((self.clock)()).await;
        }
    }

    /// Fails if events of a paused partner are to be sent.
    fn check_not_paused(&self, grant: &Grant, action: Action) -> Result<(), Problem> {
        match &self.store {
            Some(store) if action == Action::Send => store.check_not_paused(&grant.partner),
            _ => Ok(()),
        }
    }

    fn set_ready(&self, why_not: Option<String>) {
        self.metrics.set_ready(why_not.is_none());
        let mut current = self
            .why_not_ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *current != why_not {
            match &why_not {
                None => tracing::info!("the topics can be used"),
                Some(why) => tracing::warn!(why, "events cannot be sent"),
            }
        }
        *current = why_not;
    }

    /// Judges submissions and, if that is asked for, sends the accepted ones and waits for the
    /// broker. Goes on to the end if the client does not wait for it. The request stays admitted
    /// until its answer is written.
    async fn submit(
        self: &Arc<Self>,
        grant: Arc<Grant>,
        submissions: Submissions,
        action: Action,
        is_strict: bool,
        admitted: AdmittedRequest,
    ) -> (Report, AdmittedRequest) {
        let door = Arc::clone(self);
        let work = tokio::spawn(async move {
            let events = submissions.events.len();
            door.limits
                .count_events(&grant.partner, events, Instant::now());
            let judge = {
                let (door, grant) = (Arc::clone(&door), Arc::clone(&grant));
                move || door.judge_and_queue(&grant.sources, submissions, action, is_strict)
            };
            let report = finished(tokio::task::spawn_blocking(judge).await)
                .report()
                .await;
            if action == Action::Send {
                door.metrics.count_report(&grant.partner, &report);
                if let Some(store) = &door.store {
                    store.count_refusals(&grant.partner, &report, (door.clock)());
                }
            }
            report.log(&grant);
            (report, admitted)
        });
        finished(work.await)
    }

    fn judge_and_queue(
        &self,
        sources: &BTreeSet<String>,
        mut submissions: Submissions,
        action: Action,
        is_strict: bool,
    ) -> JudgedRequest {
        let (judgements, oddities) = judge(&self.reference, sources, &submissions, (self.clock)());
        let is_withheld =
            is_strict && action == Action::Send && judgements.iter().any(Result::is_err);
        let pending = (action == Action::Send && !is_withheld).then(|| {
            let documents = submissions.events.iter().zip(&judgements);
            let outgoing: Vec<OutgoingEvent<'_>> = documents
                .filter_map(|(submission, judgement)| {
                    let accepted = judgement.as_ref().ok()?;
                    Some(OutgoingEvent {
                        topic: &accepted.topic,
                        key: &accepted.key,
                        document: &submission.document,
                    })
                })
                .collect();
            crash::point("door.judged");
            self.sender.send(&outgoing)
        });
        crash::point("door.queued");
        // The client of Kafka has copied what it sends.
        submissions.forget_documents();
        JudgedRequest {
            action,
            is_withheld,
            oddities,
            submissions,
            judgements,
            pending,
        }
    }

    /// The answer to a request that no connection brought, for tests of any request; `None` if it is not
    /// valid HTTP.
    pub async fn answer(
        self: &Arc<Self>,
        method: &str,
        path: &str,
        headers: &[(&str, &[u8])],
        body: Vec<u8>,
    ) -> Option<(u16, String)> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).ok()?;
        let service = TowerToHyperService::new(routes::router(Arc::clone(self)));
        let Ok(response) = service.call(request).await;
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        Some((status, String::from_utf8_lossy(&bytes.ok()?).into_owned()))
    }

    /// The metrics, in Prometheus's text format.
    pub fn exposition(&self) -> String {
        self.metrics.exposition()
    }

    /// The table of a request for a source and a kind.
    fn table(&self, source: String, kind: Kind) -> Table {
        let partners = &self.reference.partners;
        let registered = partners
            .topics()
            .find(|topic| partners.is_registered(&topic.name, &source));
        // A kind of every feed is in the feed of its source; the contract refuses any other source.
        let feed = kind.feed().or(registered.map(|topic| topic.feed));
        Table::new(source, feed.unwrap_or(Feed::ALL[0]), kind)
    }

    /// The door is stopping: it is not ready, and new requests are refused.
    fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.metrics.set_ready(false);
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }
}

impl Watched for Arc<Door> {
    fn why_not_live(&self) -> Option<String> {
        None
    }

    fn why_not_ready(&self) -> Option<String> {
        if self.is_stopping() {
            return Some("stopping".to_owned());
        }
        let why_not = self
            .why_not_ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        why_not.clone()
    }

    fn exposition(&self) -> String {
        Door::exposition(self)
    }
}

/// A request whose events are judged, and queued if they are to be sent.
struct JudgedRequest {
    action: Action,
    is_withheld: bool,
    oddities: Oddities,
    submissions: Submissions,
    judgements: Vec<Judgement>,
    pending: Option<send::PendingAnswers>,
}

impl JudgedRequest {
    /// The outcome of each event, once the broker has answered.
    async fn report(self) -> Report {
        let deliveries = match self.pending {
            Some(pending) => pending.answers().await,
            None => Vec::new(),
        };
        crash::point("door.confirmed");
        let mut deliveries = deliveries.into_iter();
        let outcomes = self
            .judgements
            .into_iter()
            .map(|judgement| match judgement {
                Err(rejection) => Outcome::Refused(rejection),
                Ok(accepted) => match deliveries.next() {
                    None => Outcome::Accepted,
                    Some(Delivery::Unconfirmed) => Outcome::Unknown,
                    Some(Delivery::Confirmed { partition, offset }) => Outcome::Sent {
                        topic: accepted.topic,
                        partition,
                        offset,
                    },
                },
            });
        let outcomes = outcomes.collect();
        Report::new(
            self.action,
            self.is_withheld,
            self.oddities,
            &self.submissions,
            outcomes,
        )
    }
}

/// What a task returned. It ends early only with a panic, which is a fault of the program and is
/// passed on.
fn finished<T>(result: Result<T, JoinError>) -> T {
    result.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Random bytes of the system; zeros if it has none.
fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(count) if count == N => bytes,
        _ => [0; N],
    }
}

#[cfg(test)]
mod tests;
