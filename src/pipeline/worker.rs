//! A worker: judges, gathers and encodes the records of its partitions, off the async threads.
//!
//! It never waits for a commit: a finished batch goes to a task of its own, at most one a
//! partition, and its outcome comes back as an order. What was gathered after a batch falls with
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::breaker::Breaker;
use super::letters::{Outbox, Unsent};
use super::{PipelineError, Report, Settings, Slot, Tally};
use crate::consume::{Certain, Identity, Message, TopicAbsent};
use crate::contract::{Incoming, TopicRules, judge};
use crate::crash;
use crate::event::{Position, TopicPartition};
use crate::ledger::journal::{self, JournalError, Outcome, Prepared};
use crate::ledger::{self, Encoder, Footer, Gap, LedgerError};
use crate::normalise::{Coordinates, RowBuilder};
use crate::rejects::RejectsBuilder;
use crate::storage::Store;
use crate::watch::{Answer, Gathered, Oldest, Share, Told};

/// Rows that are encoded together: the columns of so many stay in the processor's caches.
const ENCODE_ROWS: usize = 8192;
/// Bytes of rejects, as they came, that are encoded together.
const ENCODE_REJECTS_BYTES: usize = 4 << 20;
/// Bytes of one batch at most: of rows mostly encoded, of rejects as they came, since who reads
/// them unpacks them.
const BATCH_BYTES_MAX: usize = 64 << 20;
/// How often ages are looked at.
const TICK: Duration = Duration::from_millis(100);
/// The pause before a broker that gave no topic id is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How often running a broker must say that a topic does not exist: just after its start it may not
/// yet know.
const ABSENT_MAX: u32 = 5;

/// What a worker is told.
pub(super) enum Order {
    /// A partition begins.
    Assigned(Box<Assigned>),
    /// Its next records.
    Records { slot: Slot, records: Vec<Message> },
    /// Its log ends here for now.
    End { slot: Slot, offset: i64 },
    /// A commit ended.
    Committed {
        slot: Slot,
        outcome: Result<Committed, PipelineError>,
    },
    /// Partitions go: answer what is certain of each, when no create is under way.
    Revoked {
        slots: Vec<Slot>,
        answer: Sender<Certain>,
    },
    /// Nothing more will come.
    Stop,
    /// Cut everything; answer when all is certain.
    Finish { answer: Sender<()> },
}

/// A partition that begins.
pub(super) struct Assigned {
    pub(super) slot: Slot,
    pub(super) rules: Arc<TopicRules>,
    /// The topic's id when the partition was assigned; empty where the broker does not tell.
    pub(super) topic_id: String,
    /// The chain's end, from which the next batch starts.
    pub(super) end: Certain,
    /// Whether the group's offset is behind the chain's end.
    pub(super) behind: bool,
    /// The group's offset, where it is behind: dead letters from there on may be missing.
    pub(super) letters_from: Option<Position>,
    /// The first offset fetched: past the end only where an era begins after the broker's first
    /// offset.
    pub(super) first_offset: i64,
    pub(super) ledger_end: Position,
    /// Cut at once when this offset is reached.
    pub(super) cut_at: Option<i64>,
    /// Where what is held is told.
    pub(super) told: Told,
}

/// How a commit ended.
pub(super) enum Committed {
    Certain {
        ledger_end: Position,
        /// How its create was answered; `None` where only dead letters were sent.
        answer: Option<Answer>,
    },
    /// It is certain, but the partition goes before its dead letters were taken: its next owner
    /// sends them.
    Unmirrored(Option<Answer>),
    Lost,
    /// The topic's id changed.
    Recreated,
    /// The topic does not exist any more.
    Deleted,
}

/// One partition's batch being gathered.
struct Gather {
    rules: Arc<TopicRules>,
    breaker: Arc<Breaker>,
    topic_id: String,
    certain: Certain,
    ledger_end: Position,
    cut_at: Option<i64>,
    /// Where the batch starts and what comes after its last record.
    from: Position,
    next: i64,
    first_offset: i64,
    rows: RowBuilder,
    /// The rows before those, encoded.
    encoded: Option<Encoder>,
    rejects: RejectsBuilder,
    /// The rejects before those, encoded.
    rejects_encoded: Option<Encoder>,
    /// Bytes of those, as they came.
    rejects_bytes: usize,
    tally: Tally,
    bytes: usize,
    /// The batch whose commit is under way; without a tally, only the dead letters of what was
    /// certain before are.
    pending: Option<(Certain, Option<Tally>)>,
    /// Whether the partition goes: nobody waits for dead letters any more.
    going: Arc<AtomicBool>,
    /// Whether the consumer was asked to pause.
    full: bool,
    /// Whether the log ended after what was read.
    at_end: bool,
    told: Told,
}

impl Gather {
    fn new(assigned: Assigned, breaker: Arc<Breaker>) -> Self {
        let Assigned {
            rules,
            topic_id,
            end,
            first_offset,
            ledger_end,
            cut_at,
            told,
            ..
        } = assigned;
        Self {
            rules,
            breaker,
            topic_id,
            ledger_end,
            cut_at,
            from: end.next,
            next: end.next.offset,
            certain: end,
            first_offset,
            rows: RowBuilder::default(),
            encoded: None,
            rejects: RejectsBuilder::default(),
            rejects_encoded: None,
            rejects_bytes: 0,
            tally: Tally::default(),
            bytes: 0,
            pending: None,
            going: Arc::default(),
            full: false,
            at_end: false,
            told,
        }
    }

    fn records(&self) -> usize {
        (self.tally.accepted + self.rejected()) as usize
    }

    fn rejected(&self) -> u64 {
        self.tally.rejected.values().sum()
    }

    /// Judges one record into a row or a reject.
    fn take<'m>(&mut self, message: &'m Message, headers: &mut Vec<(&'m str, Option<&'m [u8]>)>) {
        let offset = message.offset();
        if offset < self.next {
            return; // read before: fetched again after a seek
        }
        self.next = offset + 1;
        message.headers(headers);
        let at = Coordinates {
            position: self.from.at(offset),
            received: message.received(),
        };
        let incoming = Incoming {
            value: message.value(),
            key: message.key(),
            headers,
            received: at.received,
        };
        self.tally.oldest.get_or_insert_with(|| Oldest {
            read: Instant::now(),
            received: at.received,
        });
        self.tally.last = at.received;
        let (rules, breaker, rows) = (&self.rules, &*self.breaker, &mut self.rows);
        let judged = judge(
            &incoming,
            rules,
            &|source| breaker.is_parked(source),
            |record| {
                breaker.accepted(record.source);
                rows.append(at, record);
                rules.partner(record.source)
            },
        );
        match judged {
            Ok(partner) => {
                self.tally.accepted += 1;
                self.tally.shares[partner.unwrap_or(rules.partners.len())]
                    .accepted
                    .add(message.size());
            }
            Err(rejection) => {
                breaker.rejected(&rejection, at.received);
                let partner = rules
                    .partners
                    .iter()
                    .position(|partner| rejection.partner.as_ref() == Some(partner));
                self.tally.shares[partner.unwrap_or(rules.partners.len())]
                    .rejected
                    .add(message.size());
                *self.tally.rejected.entry(rejection.reason).or_default() += 1;
                self.rejects.append(
                    at.position,
                    at.received,
                    &rejection,
                    incoming.key,
                    incoming.value,
                    headers.iter().copied(),
                );
            }
        }
    }

    /// Takes a partition's next records.
    fn take_all(&mut self, messages: &[Message]) -> Result<(), LedgerError> {
        self.at_end = false;
        self.tally
            .shares
            .resize(self.rules.partners.len() + 1, Share::default());
        let mut headers = Vec::new();
        for message in messages {
            self.take(message, &mut headers);
        }
        if self.rows.len() >= ENCODE_ROWS {
            encode(&mut self.encoded, &self.rows.finish())?;
        }
        if self.rejects.bytes() >= ENCODE_REJECTS_BYTES {
            self.rejects_bytes += self.rejects.bytes();
            encode(&mut self.rejects_encoded, &self.rejects.finish())?;
        }
        let encoded = [&self.encoded, &self.rejects_encoded]
            .into_iter()
            .flatten()
            .map(Encoder::bytes);
        self.bytes = self.rows.bytes() + self.rejects.bytes() + encoded.sum::<usize>();
        Ok(())
    }

    /// Whether the batch should be cut now, apart from memory.
    fn is_due(&self, settings: &Settings) -> bool {
        let reached = self.cut_at.is_some_and(|offset| self.next >= offset);
        let old = self
            .tally
            .oldest
            .is_some_and(|oldest| oldest.read.elapsed() >= settings.flush_age);
        self.records() > 0 && (reached || old || self.is_full(settings))
    }

    fn is_full(&self, settings: &Settings) -> bool {
        let bytes = self.bytes.max(self.rejects_bytes + self.rejects.bytes());
        self.records() >= settings.flush_rows || bytes >= BATCH_BYTES_MAX
    }

    /// Says what is held and not yet durable.
    fn tell(&self) {
        let pending = self
            .pending
            .as_ref()
            .and_then(|(_, tally)| tally.as_ref()?.oldest);
        let oldest = pending.or(self.tally.oldest);
        self.told.tell(Gathered {
            oldest,
            bytes: self.bytes,
            at_end: self.at_end,
            full: self.full,
        });
    }

    /// The batch gathered, encoded; the next one starts after it.
    fn cut(&mut self, cluster_id: &str) -> Result<Prepared, LedgerError> {
        let next = self.from.at(self.next);
        let rejected = self.rejected();
        let mut tally = std::mem::take(&mut self.tally);
        let mut footer = Footer {
            cluster_id: cluster_id.to_owned(),
            topic_id: self.topic_id.clone(),
            read: tally.accepted + rejected,
            accepted: tally.accepted,
            rejected,
            ..Footer::attempt(self.from, next)
        };
        if self.from.is_era_start() && self.first_offset > 0 {
            // Nothing was read before: the broker's first offset is where this ledger's knowledge
            // begins.
            footer.gaps.push(Gap {
                from: self.from,
                to: self.from.at(self.first_offset),
                reason: "expired".to_owned(),
                accepted_by: "first start".to_owned(),
            });
        }
        let mut rejects = None;
        if rejected > 0 {
            let name = ledger::rejects_name(self.from, &footer.attempt);
            footer.rejects.push(name.clone());
            rejects = Some((
                name,
                file(self.rejects_encoded.take(), &self.rejects.finish(), &footer)?,
            ));
        }
        let rows = file(self.encoded.take(), &self.rows.finish(), &footer)?;
        tally.bytes = (rows.len() + rejects.as_ref().map_or(0, |(_, bytes)| bytes.len())) as u64;
        self.cut_at = self.cut_at.filter(|offset| self.next < *offset);
        let certain = Certain {
            at: self.certain.at.clone(),
            from: self.from,
            next,
        };
        self.pending = Some((certain, Some(tally)));
        (self.from, self.bytes, self.rejects_bytes) = (next, 0, 0);
        Ok(Prepared {
            footer,
            rows,
            rejects,
        })
    }
}

/// Adds rows to what is encoded.
fn encode(to: &mut Option<Encoder>, rows: &RecordBatch) -> Result<(), LedgerError> {
    let encoder = match to {
        Some(encoder) => encoder,
        none => none.insert(Encoder::new(&rows.schema())?),
    };
    encoder.write(rows)
}

/// What is encoded and the rows after it, as a file.
fn file(
    mut encoded: Option<Encoder>,
    rows: &RecordBatch,
    footer: &Footer,
) -> Result<Bytes, LedgerError> {
    encode(&mut encoded, rows)?;
    encoded.expect("made where there was none").finish(footer)
}

/// A worker's thread.
pub(super) struct Worker {
    settings: Settings,
    commits: Commits,
    breaker: Arc<Breaker>,
    /// This worker's own: how its commits end comes so.
    orders: Sender<Order>,
    reports: Sender<Report>,
    in_flight: Arc<AtomicUsize>,
    /// Bytes this worker may gather.
    share: usize,
    gathers: BTreeMap<Slot, Gather>,
    /// Revoked with a create under way: who wants to know how it ends.
    leaving: BTreeMap<Slot, Sender<Certain>>,
    finishing: Option<Sender<()>>,
}

impl Worker {
    /// Starts a worker; it ends when the last sender of its orders is gone.
    pub(super) fn spawn(
        settings: &Settings,
        commits: Commits,
        breaker: &Arc<Breaker>,
        reports: &Sender<Report>,
        in_flight: &Arc<AtomicUsize>,
    ) -> (Sender<Order>, JoinHandle<()>) {
        let (orders, inbox) = unbounded();
        let worker = Self {
            settings: settings.clone(),
            commits,
            breaker: Arc::clone(breaker),
            orders: orders.clone(),
            reports: reports.clone(),
            in_flight: Arc::clone(in_flight),
            share: settings.gathered_bytes_max / settings.workers.max(1),
            gathers: BTreeMap::new(),
            leaving: BTreeMap::new(),
            finishing: None,
        };
        let thread = std::thread::Builder::new().name("worker".to_owned());
        let thread = thread
            .spawn(move || worker.run(&inbox))
            .expect("the system starts a thread");
        (orders, thread)
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        let mut ticked = Instant::now();
        loop {
            match inbox.recv_timeout(TICK) {
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.cut_due();
            }
        }
    }

    fn report(&self, report: Report) {
        // The consumer that would hear it may have left with an error.
        drop(self.reports.send(report));
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Stop => unreachable!("ends the loop"),
            Order::Assigned(assigned) => self.assign(*assigned),
            Order::Records { slot, records } => self.gather(slot, &records),
            Order::End { slot, offset } => self.end(slot, offset),
            Order::Committed { slot, outcome } => self.committed(slot, outcome),
            Order::Revoked { slots, answer } => slots
                .into_iter()
                .for_each(|slot| self.revoke(slot, &answer)),
            Order::Finish { answer } => {
                self.finishing = Some(answer);
                self.cut_due();
            }
        }
    }

    fn assign(&mut self, assigned: Assigned) {
        let (slot, behind, letters_from) = (assigned.slot, assigned.behind, assigned.letters_from);
        let mut gather = Gather::new(assigned, Arc::clone(&self.breaker));
        // Lag tools read the group's offset: bring it to the chain's end, after the dead letters up
        // to there.
        let end = gather.certain.clone();
        match letters_from.filter(|_| self.commits.letters.is_some()) {
            Some(from) => {
                gather.pending = Some((end, None));
                self.commits
                    .mirror(slot, &gather, from, self.orders.clone());
            }
            None if behind => self.report(Report::Behind { slot, end }),
            None => {}
        }
        self.gathers.insert(slot, gather);
    }

    fn gather(&mut self, slot: Slot, records: &[Message]) {
        if let Some(gather) = self.gathers.get_mut(&slot)
            && let Err(source) = gather.take_all(records)
        {
            self.fail(slot, source);
        }
        self.in_flight
            .fetch_sub(records.iter().map(Message::size).sum(), Ordering::Relaxed);
        self.press(slot);
        self.fit();
    }

    /// The log ends at `offset`: what lies between the last record and it are no records.
    fn end(&mut self, slot: Slot, offset: i64) {
        let Some(gather) = self.gathers.get_mut(&slot) else {
            return;
        };
        gather.next = gather.next.max(offset);
        gather.at_end = true;
        tracing::debug!(partition = %gather.certain.at, offset, gathered = gather.records(), "caught up");
        let is_durable = gather
            .pending
            .as_ref()
            .is_none_or(|(_, tally)| tally.is_none());
        if gather.records() == 0 && is_durable {
            self.report(Report::Reached { slot, offset });
        }
        self.press(slot);
    }

    /// Cuts the batch if it is due, or asks for a pause if it is full and must wait.
    fn press(&mut self, slot: Slot) {
        let finishing = self.finishing.is_some();
        let Some(gather) = self.gathers.get_mut(&slot) else {
            return;
        };
        if gather.pending.is_none()
            && (gather.is_due(&self.settings) || (finishing && gather.records() > 0))
        {
            self.cut(slot);
        } else if gather.is_full(&self.settings) && !gather.full {
            gather.full = true;
            self.report(Report::Full(slot));
        }
        if let Some(gather) = self.gathers.get(&slot) {
            gather.tell();
        }
    }

    /// Keeps this worker within its share: cuts the largest batches first, then pauses.
    fn fit(&mut self) {
        while self.gathers.values().map(|g| g.bytes).sum::<usize>() > self.share {
            let largest = |pending: bool| {
                let is_of =
                    |g: &Gather| g.pending.is_some() == pending && g.records() > 0 && !g.full;
                let of = self.gathers.iter().filter(|(_, g)| is_of(g));
                of.max_by_key(|(_, g)| g.bytes).map(|(slot, _)| *slot)
            };
            if let Some(slot) = largest(false) {
                self.cut(slot);
                continue;
            }
            let Some(slot) = largest(true) else { return };
            self.gathers.get_mut(&slot).expect("found just now").full = true;
            self.report(Report::Full(slot));
            return;
        }
    }

    fn cut_due(&mut self) {
        let slots: Vec<Slot> = self.gathers.keys().copied().collect();
        for slot in slots {
            self.press(slot);
        }
        self.answer_if_finished();
    }

    fn cut(&mut self, slot: Slot) {
        let Some(gather) = self.gathers.get_mut(&slot) else {
            return;
        };
        match gather.cut(&self.commits.identity.cluster) {
            Ok(prepared) => self
                .commits
                .begin(slot, gather, prepared, self.orders.clone()),
            Err(source) => self.fail(slot, source),
        }
    }

    /// What was gathered cannot be encoded: the run ends, and no file is made of the rest of it.
    fn fail(&mut self, slot: Slot, source: LedgerError) {
        if let Some(gather) = self.gathers.remove(&slot) {
            self.report(Report::Failed(PipelineError::Encode {
                at: gather.certain.at,
                source,
            }));
        }
    }

    fn committed(&mut self, slot: Slot, outcome: Result<Committed, PipelineError>) {
        let answer = self.leaving.remove(&slot);
        match outcome {
            Ok(Committed::Certain {
                ledger_end,
                answer: of_create,
            }) => {
                self.certain(slot, ledger_end, of_create, answer);
            }
            Ok(Committed::Unmirrored(of_create)) => {
                // It counts, but the group's offset may not pass it.
                let pending = self.gathers.remove(&slot).and_then(|gather| gather.pending);
                if let Some(((certain, Some(tally)), answer)) = pending.zip(of_create) {
                    self.report(Report::Certain {
                        slot,
                        certain,
                        tally,
                        answer,
                        is_mirrored: false,
                    });
                }
            }
            Ok(Committed::Lost) => {
                self.gathers.remove(&slot);
                self.report(Report::Lost(slot));
            }
            Ok(Committed::Recreated) => {
                self.gathers.remove(&slot);
                self.report(Report::Recreated(slot));
            }
            Ok(Committed::Deleted) => {
                self.gathers.remove(&slot);
                self.report(Report::Deleted(slot));
            }
            Err(error) => {
                self.gathers.remove(&slot);
                self.report(Report::Failed(error));
            }
        }
        self.answer_if_finished();
    }

    fn certain(
        &mut self,
        slot: Slot,
        ledger_end: Position,
        of_create: Option<Answer>,
        answer: Option<Sender<Certain>>,
    ) {
        let Some(gather) = self.gathers.get_mut(&slot) else {
            return;
        };
        let Some((certain, tally)) = gather.pending.take() else {
            return;
        };
        gather.certain = certain.clone();
        gather.ledger_end = ledger_end;
        let waits = std::mem::take(&mut gather.full);
        // Past the batch the log held nothing but marks of transactions, which make no batch.
        let reached = (gather.at_end && gather.records() == 0).then_some(gather.next);
        self.report(match tally.zip(of_create) {
            Some((tally, answer)) => Report::Certain {
                slot,
                certain: certain.clone(),
                tally,
                answer,
                is_mirrored: true,
            },
            None => Report::Behind {
                slot,
                end: certain.clone(),
            },
        });
        if let Some(answer) = answer {
            self.gathers.remove(&slot);
            drop(answer.send(certain)); // past the wait nobody listens
            return;
        }
        if let Some(offset) = reached {
            self.report(Report::Reached { slot, offset });
        }
        if waits {
            self.report(Report::Room(slot));
        }
        self.press(slot);
    }

    /// Drops what was gathered; waits for a commit under way before it answers.
    fn revoke(&mut self, slot: Slot, answer: &Sender<Certain>) {
        let Some(gather) = self.gathers.get_mut(&slot) else {
            return;
        };
        if gather.pending.is_some() {
            gather.going.store(true, Ordering::Relaxed);
            self.leaving.insert(slot, answer.clone());
        } else if let Some(gather) = self.gathers.remove(&slot) {
            drop(answer.send(gather.certain)); // past the wait nobody listens
        }
    }

    fn answer_if_finished(&mut self) {
        let open = self
            .gathers
            .values()
            .any(|g| g.pending.is_some() || g.records() > 0);
        if !open && let Some(answer) = self.finishing.take() {
            answer.send(()).ok(); // past the grace nobody listens
        }
    }
}

/// Commits batches, each in a task of its own.
#[derive(Clone)]
pub(super) struct Commits {
    store: Store,
    identity: Arc<Identity>,
    letters: Option<Outbox>,
    runtime: tokio::runtime::Handle,
}

impl Commits {
    pub(super) fn new(
        store: &Store,
        identity: &Arc<Identity>,
        letters: Option<&Outbox>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let (identity, letters) = (Arc::clone(identity), letters.cloned());
        Self {
            store: store.clone(),
            identity,
            letters,
            runtime: runtime.clone(),
        }
    }

    fn begin(&self, slot: Slot, gather: &Gather, mut batch: Prepared, orders: Sender<Order>) {
        let (commits, going) = (self.clone(), Arc::clone(&gather.going));
        let (at, ledger_end) = (gather.certain.at.clone(), gather.ledger_end);
        self.runtime.spawn(async move {
            let outcome = commit(&commits.store, commits.identity.clone(), &at, &batch, ledger_end).await;
            let mut outcome = outcome.map_err(|source| PipelineError::Commit { at: at.clone(), source });
            if let Ok(Committed::Certain { answer, .. }) = outcome {
                let Footer { from, next, accepted, rejected, .. } = &batch.footer;
                let bytes = batch.rows.len();
                tracing::debug!(partition = %at, %from, %next, accepted, rejected, bytes, "durable");
                batch.rows.clear();
                if let Some((name, rejects)) = batch.rejects
                    && !commits.are_sent(&at, Unsent::Batch(name, rejects), &going).await
                {
                    outcome = Ok(Committed::Unmirrored(answer));
                }
            }
            drop(orders.send(Order::Committed { slot, outcome })); // the worker may have ended with an error
        });
    }

    /// Sends the dead letters of what is certain from a position on.
    fn mirror(&self, slot: Slot, gather: &Gather, from: Position, orders: Sender<Order>) {
        let (commits, going) = (self.clone(), Arc::clone(&gather.going));
        let (at, ledger_end) = (gather.certain.at.clone(), gather.ledger_end);
        self.runtime.spawn(async move {
            let sent = commits.are_sent(&at, Unsent::From(from), &going).await;
            let outcome = Ok(if sent {
                Committed::Certain {
                    ledger_end,
                    answer: None,
                }
            } else {
                Committed::Unmirrored(None)
            });
            drop(orders.send(Order::Committed { slot, outcome })); // the worker may have ended with an error
        });
    }

    /// Sends dead letters, if anybody wants them; false if the partition goes before they are
    /// taken.
    async fn are_sent(&self, at: &TopicPartition, unsent: Unsent, going: &Arc<AtomicBool>) -> bool {
        let Some(letters) = &self.letters else {
            return true;
        };
        let sent = letters.send(at, unsent, going).await;
        if sent {
            crash::point("letters.sent");
        }
        sent
    }
}

/// The commit of one batch: its rejects; then the topic is still the one it was read from; then its
/// file.
async fn commit(
    store: &Store,
    identity: Arc<Identity>,
    at: &TopicPartition,
    batch: &Prepared,
    ledger_end: Position,
) -> Result<Committed, JournalError> {
    journal::write_rejects(store, at, batch).await?;
    match topic_id(identity, at.topic.clone()).await {
        Err(TopicAbsent) => return Ok(Committed::Deleted),
        Ok(id) if id != batch.footer.topic_id => return Ok(Committed::Recreated),
        Ok(_) => {}
    }
    Ok(match journal::create(store, at, batch, ledger_end).await? {
        Outcome::Committed {
            ledger_end,
            settled,
        } => Committed::Certain {
            ledger_end,
            answer: Some(if settled {
                Answer::Settled
            } else {
                Answer::Won
            }),
        },
        Outcome::LostRace => Committed::Lost,
    })
}

/// Asks until the broker answers: while no broker does, nothing is committed and nothing is lost.
async fn topic_id(identity: Arc<Identity>, topic: String) -> Result<String, TopicAbsent> {
    let mut absent = 0;
    loop {
        let (asked, of) = (Arc::clone(&identity), topic.clone());
        let answer = tokio::task::spawn_blocking(move || asked.topic_id(&of)).await;
        match answer {
            Ok(Some(Ok(id))) => return Ok(id),
            Ok(Some(Err(TopicAbsent))) => absent += 1,
            Ok(None) | Err(_) => absent = 0,
        }
        if absent >= ABSENT_MAX {
            return Err(TopicAbsent);
        }
        tracing::warn!(
            topic,
            "no broker tells the topic's id: a batch waits for its commit"
        );
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
