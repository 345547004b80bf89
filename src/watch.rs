//! How a run is seen from outside: whether it lives, is ready, gets on, and what it has done.
//!
//! It refuses to know Kafka's client and the store: the pipeline tells it. The invariants: a record
//! is counted when it is durable and not before; what is told are names of the configuration and
//! numbers, never a value of a record.

mod metrics;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::contract::{Reason, TopicRules};
use crate::event::{Micros, TopicPartition};
use metrics::Metrics;
pub use metrics::{Answer, Change};
pub use server::ListenError;

/// How long the consuming loop may take over one turn: `max.poll.interval.ms`, after which the
/// group has given its partitions to others.
const TURN_MAX: Duration = Duration::from_mins(5);
/// How often the watchdog looks.
const TICK: Duration = Duration::from_millis(500);

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The store is being tried.
    #[default]
    Store,
    /// No broker has answered yet.
    Broker,
    /// The group has not yet said which partitions are ours.
    Group,
    /// Records are read.
    Consuming,
    /// What was gathered is being written, or dropped.
    Stopping,
}

/// How many records, and the bytes of their keys and values as they came from Kafka.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Records.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Volume {
    /// Adds one record.
    pub fn add(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes as u64;
    }
}

/// What came of a partner.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// Rows of the ledger.
    pub accepted: Volume,
    /// Rejects.
    pub rejected: Volume,
}

/// The first of the records that a partition's worker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oldest {
    /// When it was read.
    pub read: Instant,
    /// Its Kafka timestamp.
    pub received: Micros,
}

/// What a partition's worker holds that is not yet durable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gathered {
    /// The oldest of it; `None` where there is nothing.
    pub oldest: Option<Oldest>,
    /// Bytes gathered for the next file.
    pub bytes: usize,
    /// Whether the log's end came after all that was read.
    pub at_end: bool,
    /// Whether the partition is paused until there is room.
    pub full: bool,
}

/// Where a worker says what it holds of a partition.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Mutex<Gathered>>);

impl Told {
    /// Says what is held now.
    pub fn tell(&self, gathered: Gathered) {
        *self.0.lock().expect("no panic while held") = gathered;
    }

    fn told(&self) -> Gathered {
        *self.0.lock().expect("no panic while held")
    }
}

/// A partition of this process.
#[derive(Debug)]
struct Partition {
    /// Everything below is durable, or holds no record.
    durable: i64,
    /// The next offset of the broker's log, as last heard.
    end: i64,
    /// Where nothing was read of what is there: a time not after that of the oldest record. When it
    /// was first seen to be there, or that of the last record before it.
    unread_since: Micros,
    stopped: bool,
    told: Told,
}

impl Partition {
    fn lag(&self) -> i64 {
        (self.end - self.durable).max(0)
    }

    /// Age of the oldest record that is not durable, by its Kafka timestamp.
    fn lag_seconds(&self, now: Micros) -> f64 {
        let oldest = self.told.told().oldest.map(|oldest| oldest.received);
        match oldest.or((self.lag() > 0).then_some(self.unread_since)) {
            Some(since) => seconds(now.0 - since.0).max(0.0),
            None => 0.0,
        }
    }

    /// Whether there is something to be made durable. An open transaction is not: the log ends
    /// before it.
    fn is_pending(&self) -> bool {
        let Gathered { oldest, at_end, .. } = self.told.told();
        !self.stopped && (oldest.is_some() || (self.lag() > 0 && !at_end))
    }

    /// Hears how far the log goes, or is durable.
    fn hear(&mut self, now: Micros, durable: i64, end: i64) {
        let was_behind = self.lag() > 0;
        (self.durable, self.end) = (self.durable.max(durable), self.end.max(end));
        if !was_behind {
            self.unread_since = now;
        }
    }
}

/// What the pipeline tells, and the endpoints and the watchdog read.
#[derive(Debug)]
struct State {
    /// When the process began.
    began: Instant,
    began_at: Micros,
    /// When the consuming loop last turned, in milliseconds after the beginning.
    turned: AtomicU64,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    phase: Phase,
    /// How long nothing has become durable, if that is too long.
    stalled: Option<Duration>,
    partitions: BTreeMap<TopicPartition, Partition>,
    /// Batches that became durable.
    batches: u64,
    last_durable: Option<Micros>,
}

impl State {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no panic while held")
    }
}

/// A run, as it is watched. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Watch {
    state: Arc<State>,
    metrics: Arc<Metrics>,
}

impl Watch {
    /// Begins to watch a run that reads such topics.
    pub fn new<'t>(topics: impl IntoIterator<Item = &'t TopicRules>) -> Self {
        let state = Arc::new(State {
            began: Instant::now(),
            began_at: now(),
            turned: AtomicU64::new(0),
            shared: Mutex::default(),
        });
        let metrics = Arc::new(Metrics::new(topics, Arc::clone(&state)));
        Self { state, metrics }
    }

    /// The run has come to a phase.
    pub fn enters(&self, phase: Phase) {
        self.turns();
        self.state.shared().phase = phase;
    }

    /// The consuming loop turns.
    pub fn turns(&self) {
        self.state.turned.store(
            self.state.began.elapsed().as_millis() as u64,
            Ordering::Relaxed,
        );
    }

    /// The group changed what is ours by so many partitions. With its first answer it is joined,
    /// until it takes them away without asking, as from who was silent for too long.
    pub fn rebalanced(&self, change: Change, partitions: usize) {
        if partitions > 0 {
            self.metrics.rebalanced(change, 1);
        }
        let mut shared = self.state.shared();
        shared.phase = match (shared.phase, change) {
            (Phase::Group, Change::Assigned) => Phase::Consuming,
            (Phase::Consuming, Change::Lost) => Phase::Group,
            (phase, _) => phase,
        };
    }

    /// A partition is ours, durable up to one offset, with a log up to another. Its worker says
    /// there what it holds.
    pub fn assigned(&self, at: &TopicPartition, durable: i64, end: i64) -> Told {
        let told = Told::default();
        let mut shared = self.state.shared();
        // One that begins again waits since it began to wait.
        let known = shared
            .partitions
            .get(at)
            .filter(|known| known.lag() > 0)
            .map(|known| known.unread_since);
        let unread_since = known.unwrap_or_else(now);
        let partition = Partition {
            durable,
            end,
            unread_since,
            stopped: false,
            told: told.clone(),
        };
        shared.partitions.insert(at.clone(), partition);
        told
    }

    /// A partition is stopped: what was gathered of it is dropped, and its lag grows.
    pub fn stopped(&self, at: &TopicPartition) {
        if let Some(partition) = self.state.shared().partitions.get_mut(at) {
            partition.stopped = true;
            partition.told = Told::default();
        }
    }

    /// A partition is no longer ours.
    pub fn revoked(&self, at: &TopicPartition) {
        self.state.shared().partitions.remove(at);
    }

    /// A batch is durable: what it held, by the place of its partner and by reason, and how its
    /// create was answered.
    pub fn durable(
        &self,
        rules: &TopicRules,
        shares: &[Share],
        rejected: &BTreeMap<Reason, u64>,
        answer: Answer,
    ) {
        self.metrics.created(answer, 1);
        self.metrics.count(rules, shares, rejected);
        let mut state = self.state.shared();
        state.batches += 1;
        state.last_durable = Some(now());
    }

    /// Everything of a partition below an offset is durable; the last record of it was received
    /// then.
    pub fn reached(&self, at: &TopicPartition, offset: i64, last: Option<Micros>) {
        if let Some(partition) = self.state.shared().partitions.get_mut(at) {
            partition.hear(now(), offset, offset);
            partition.unread_since = last.unwrap_or(partition.unread_since);
        }
    }

    /// The log of partitions goes so far.
    pub fn log_ends(&self, ends: impl IntoIterator<Item = (TopicPartition, i64)>) {
        let now = now();
        let mut shared = self.state.shared();
        for (at, end) in ends {
            if let Some(partition) = shared.partitions.get_mut(&at) {
                partition.hear(now, i64::MIN, end);
            }
        }
    }

    /// A create did not count: another consumer's did.
    pub fn lost(&self) {
        self.metrics.created(Answer::Lost, 1);
    }

    /// So many files of a journal were merged into one.
    pub fn merged(&self, files: usize) {
        self.metrics.merged(files);
    }

    /// A merge failed.
    pub fn merge_failed(&self) {
        self.metrics.merge_failed();
    }

    /// The partitions that are fetched now, of which the client knows how far the log goes.
    pub fn fetched(&self) -> Vec<TopicPartition> {
        self.partitions(|partition| !partition.stopped && !partition.told.told().full)
    }

    /// The partitions that are not fetched now, of which only a broker knows it.
    pub fn unfetched(&self) -> Vec<TopicPartition> {
        self.partitions(|partition| partition.stopped || partition.told.told().full)
    }

    fn partitions(&self, wanted: impl Fn(&Partition) -> bool) -> Vec<TopicPartition> {
        let shared = self.state.shared();
        shared
            .partitions
            .iter()
            .filter(|(_, partition)| wanted(partition))
            .map(|(at, _)| at.clone())
            .collect()
    }

    /// Why the process should be started again, in a line; `None` while the consuming loop turns.
    pub fn why_not_live(&self) -> Option<String> {
        let turned = Duration::from_millis(self.state.turned.load(Ordering::Relaxed));
        let since = self.state.began.elapsed().saturating_sub(turned);
        (since > TURN_MAX).then(|| {
            format!(
                "the consuming loop has not turned for {} s",
                since.as_secs()
            )
        })
    }

    /// Why no record becomes durable, in a line; `None` while all is well.
    pub fn why_not_ready(&self) -> Option<String> {
        self.state.shared().why_not_ready()
    }

    /// Everything that is counted, in Prometheus's text format.
    pub fn exposition(&self) -> String {
        self.metrics.exposition()
    }

    /// Answers `/live`, `/ready` and `/metrics` at an address from now on.
    pub async fn listen(&self, address: &str) -> Result<(), ListenError> {
        server::listen(self.clone(), address).await
    }

    /// Watches that something becomes durable while work is pending: after `bound` the run is not
    /// ready, after twice that the answer comes.
    ///
    /// It has a thread of its own, since whatever is stuck may have taken the others with it.
    pub fn stalls(&self, bound: Duration) -> impl Future<Output = Stalled> + use<> {
        let (answer, stalled) = tokio::sync::oneshot::channel();
        let state = Arc::downgrade(&self.state);
        let watch = move || {
            let (mut stall, mut looked) = (Stall::default(), Instant::now());
            while let Some(state) = state.upgrade() {
                // A process that slept did not stall.
                let passed = looked.elapsed().min(2 * TICK);
                looked = Instant::now();
                if let Some(stalled) = stall.look(&mut state.shared(), passed, bound) {
                    drop(answer.send(stalled)); // the run may just have ended
                    return;
                }
                drop(state);
                std::thread::sleep(TICK);
            }
        };
        std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(watch)
            .expect("the system starts a thread");
        async {
            match stalled.await {
                Ok(stalled) => stalled,
                Err(_) => std::future::pending().await, // nobody watches any more
            }
        }
    }
}

impl Shared {
    fn why_not_ready(&self) -> Option<String> {
        let reason = match (self.phase, self.stalled) {
            (Phase::Store, _) => "the store is being tried",
            (Phase::Broker, _) => "waiting for a broker",
            (Phase::Group, _) => "joining the group",
            (Phase::Stopping, _) => "stopping",
            (Phase::Consuming, None) => return None,
            (Phase::Consuming, Some(waited)) => {
                let seconds = waited.as_secs();
                return Some(format!(
                    "stalled: nothing became durable for {seconds} s, and {}",
                    self.pending()
                ));
            }
        };
        Some(reason.to_owned())
    }

    /// What waits to be made durable.
    fn pending(&self) -> Pending {
        let pending = || {
            self.partitions
                .values()
                .filter(|partition| partition.is_pending())
        };
        Pending {
            partitions: pending().count(),
            lag: pending().map(Partition::lag).sum(),
            bytes: pending().map(|partition| partition.told.told().bytes).sum(),
        }
    }
}

/// What waits to be made durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pending {
    partitions: usize,
    lag: i64,
    bytes: usize,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partitions,
            lag,
            bytes,
        } = self;
        write!(
            f,
            "{lag} records of {partitions} partitions are pending, {bytes} bytes of them gathered"
        )
    }
}

/// Nothing became durable for too long.
#[derive(Debug, thiserror::Error)]
#[error(
    "stalled: nothing became durable for {} s, and {pending}: start again, nothing is lost; the log says what did not \
     answer",
    waited.as_secs()
)]
pub struct Stalled {
    waited: Duration,
    pending: Pending,
}

/// For how long nothing has become durable while work was pending.
#[derive(Debug, Default)]
struct Stall {
    waited: Duration,
    batches: u64,
}

impl Stall {
    /// Looks again after some time; the answer is that twice the bound is over.
    fn look(&mut self, shared: &mut Shared, passed: Duration, bound: Duration) -> Option<Stalled> {
        let pending = shared.pending();
        let waits = shared.phase == Phase::Consuming
            && pending.partitions > 0
            && shared.batches == self.batches;
        self.batches = shared.batches;
        self.waited = if waits {
            self.waited + passed
        } else {
            Duration::ZERO
        };
        let is_over = self.waited >= bound;
        match (shared.stalled.is_some(), is_over) {
            (false, true) => tracing::error!(
                seconds = self.waited.as_secs(),
                partitions = pending.partitions,
                records = pending.lag,
                bytes = pending.bytes,
                "stalled: nothing becomes durable, and work is pending. Does the store answer, is its disk full? Does a \
                 broker answer: before a commit it is asked for the topic's id? The process ends after as long again"
            ),
            (true, false) => tracing::info!("no longer stalled"),
            _ => {}
        }
        shared.stalled = is_over.then_some(self.waited);
        (self.waited >= 2 * bound).then_some(Stalled {
            waited: self.waited,
            pending,
        })
    }
}

/// The time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "watching is of now; nothing derived is made of it"
)]
fn now() -> Micros {
    Micros(jiff::Timestamp::now().as_microsecond())
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / Micros::PER_SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Feed;

    const BOUND: Duration = Duration::from_secs(10);

    fn at(partition: i32) -> TopicPartition {
        TopicPartition {
            topic: "police.events.v1".to_owned(),
            partition,
        }
    }

    fn rules() -> TopicRules {
        let sources = [
            "urn:partner:kent-police:crime",
            "urn:partner:btp:crime",
            "urn:partner:kent-police:niche",
        ];
        TopicRules::new(Feed::Police, sources.map(str::to_owned))
    }

    fn watch() -> Watch {
        let watch = Watch::new([&rules()]);
        watch.enters(Phase::Group);
        watch
    }

    fn held(received: Micros) -> Gathered {
        Gathered {
            oldest: Some(Oldest {
                read: Instant::now(),
                received,
            }),
            bytes: 70,
            ..Gathered::default()
        }
    }

    /// The value of a series, whole.
    #[track_caller]
    fn value(watch: &Watch, series: &str) -> i64 {
        let text = watch.exposition();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{text}"))
            .parse::<f64>()
            .expect("a number") as i64
    }

    fn lag(watch: &Watch, what: &str, partition: i32) -> i64 {
        value(
            watch,
            &format!(
                "partner_feeds_lag_{what}{{topic=\"police.events.v1\",partition=\"{partition}\"}}"
            ),
        )
    }

    #[test]
    fn a_run_is_ready_when_the_group_has_answered_and_until_it_stops() {
        let watch = Watch::new([&rules()]);
        let says = |why: &str| assert_eq!(watch.why_not_ready().unwrap_or_default(), why);
        says("the store is being tried");
        watch.enters(Phase::Broker);
        says("waiting for a broker");
        watch.enters(Phase::Group);
        watch.rebalanced(Change::Revoked, 0);
        says("joining the group");
        assert_eq!(value(&watch, "partner_feeds_ready"), 0);
        watch.rebalanced(Change::Assigned, 0);
        says("");
        assert_eq!(value(&watch, "partner_feeds_ready"), 1);
        watch.rebalanced(Change::Revoked, 2);
        says("");
        watch.rebalanced(Change::Lost, 2);
        says("joining the group");
        watch.rebalanced(Change::Assigned, 2);
        says("");
        watch.enters(Phase::Stopping);
        says("stopping");
        assert_eq!(watch.why_not_live(), None);
    }

    #[test]
    fn the_lag_is_what_the_log_has_past_what_is_durable() {
        let watch = watch();
        let told = watch.assigned(&at(0), 100, 100);
        assert_eq!(
            (lag(&watch, "records", 0), lag(&watch, "seconds", 0)),
            (0, 0)
        );
        told.tell(held(Micros(now().0 - 40 * Micros::PER_SECOND)));
        watch.log_ends([(at(0), 130), (at(7), 5)]);
        assert_eq!(lag(&watch, "records", 0), 30);
        assert_eq!(lag(&watch, "seconds", 0), 40);
        assert!(
            value(&watch, "partner_feeds_uncommitted_age_seconds") < 40,
            "since it was read"
        );
        assert_eq!(value(&watch, "partner_feeds_gathered_bytes"), 70);
        // What comes next was received after what is durable.
        told.tell(Gathered::default());
        watch.reached(&at(0), 120, Some(Micros(now().0 - 20 * Micros::PER_SECOND)));
        assert_eq!(
            (lag(&watch, "records", 0), lag(&watch, "seconds", 0)),
            (10, 20)
        );
        watch.reached(&at(0), 130, None);
        assert_eq!(
            (lag(&watch, "records", 0), lag(&watch, "seconds", 0)),
            (0, 0)
        );
        // After a pause it begins with what is seen now.
        watch.log_ends([(at(0), 131)]);
        assert!(lag(&watch, "seconds", 0) < 20);
    }

    #[test]
    fn a_stopped_partition_lags_and_holds_nobody_up() {
        let watch = watch();
        watch.rebalanced(Change::Assigned, 2);
        let told = watch.assigned(&at(0), 0, 0);
        watch.assigned(&at(1), 5, 9);
        told.tell(held(Micros(0)));
        watch.stopped(&at(0));
        watch.log_ends([(at(0), 12)]);
        assert_eq!(
            (lag(&watch, "records", 0), lag(&watch, "records", 1)),
            (12, 4)
        );
        assert_eq!(watch.unfetched(), [at(0)]);
        assert_eq!(watch.fetched(), [at(1)]);
        assert_eq!(
            watch.state.shared().pending(),
            Pending {
                partitions: 1,
                lag: 4,
                bytes: 0
            }
        );
        let states = ["assigned", "stopped"]
            .map(|state| format!("partner_feeds_partitions{{state=\"{state}\"}}"));
        assert_eq!(states.map(|state| value(&watch, &state)), [1, 1]);
        watch.revoked(&at(1));
        assert_eq!(watch.state.shared().pending(), Pending::default());
    }

    #[test]
    fn a_partition_whose_log_ends_before_an_open_transaction_waits_for_nothing() {
        let watch = watch();
        let told = watch.assigned(&at(0), 5, 9);
        told.tell(Gathered {
            at_end: true,
            ..Gathered::default()
        });
        assert_eq!(watch.state.shared().pending(), Pending::default());
        assert_eq!(lag(&watch, "records", 0), 4);
    }

    /// Looks every second, and says what became of each.
    fn look(stall: &mut Stall, watch: &Watch, times: u32) -> Option<Stalled> {
        (0..times)
            .find_map(|_| stall.look(&mut watch.state.shared(), Duration::from_secs(1), BOUND))
    }

    #[test]
    fn nothing_durable_while_work_is_pending_is_a_stall_and_twice_as_long_the_end() {
        let (watch, mut stall) = (watch(), Stall::default());
        let told = watch.assigned(&at(0), 0, 0);
        assert!(
            look(&mut stall, &watch, 99).is_none(),
            "the group has not answered"
        );
        watch.rebalanced(Change::Assigned, 1);
        assert!(
            look(&mut stall, &watch, 99).is_none(),
            "a partition that is merely empty"
        );
        told.tell(held(Micros(0)));
        assert!(look(&mut stall, &watch, 9).is_none());
        assert_eq!(watch.why_not_ready(), None);
        assert!(look(&mut stall, &watch, 1).is_none());
        let why = "stalled: nothing became durable for 10 s, and 0 records of 1 partitions are pending, 70 bytes of \
                   them gathered";
        assert_eq!(watch.why_not_ready().as_deref(), Some(why));

        watch.durable(&rules(), &[], &BTreeMap::new(), Answer::Won);
        assert!(look(&mut stall, &watch, 10).is_none());
        assert_eq!(watch.why_not_ready(), None, "it went on");
        let stalled = look(&mut stall, &watch, 99).expect("the end");
        assert_eq!(stalled.waited, 2 * BOUND);
        assert!(
            stalled
                .to_string()
                .starts_with("stalled: nothing became durable for 20 s"),
            "{stalled}"
        );

        watch.enters(Phase::Stopping);
        assert!(
            look(&mut stall, &watch, 99).is_none(),
            "the grace bounds a stop"
        );
    }

    #[test]
    fn only_registered_partners_are_named_and_all_begin_at_zero() {
        let watch = watch();
        let series = |partner: &str, outcome: &str| {
            let labels = format!("{{feed=\"police\",partner=\"{partner}\",outcome=\"{outcome}\"}}");
            let of = |what: &str| value(&watch, &format!("partner_feeds_{what}_total{labels}"));
            (of("records"), of("record_bytes"))
        };
        assert_eq!(series("btp", "accepted"), (0, 0));
        let volume = |records, bytes| Volume { records, bytes };
        let shares = [
            Share {
                accepted: volume(1, 10),
                rejected: volume(2, 20),
            },
            Share {
                accepted: volume(3, 30),
                rejected: volume(0, 0),
            },
            Share {
                accepted: volume(0, 0),
                rejected: volume(4, 40),
            },
        ];
        let rejected = BTreeMap::from([(Reason::SchemaEnum, 2), (Reason::EnvelopeSource, 4)]);
        watch.durable(&rules(), &shares, &rejected, Answer::Settled);
        assert_eq!(
            (series("btp", "accepted"), series("btp", "rejected")),
            ((1, 10), (2, 20))
        );
        assert_eq!(
            (
                series("kent-police", "accepted"),
                series("kent-police", "rejected")
            ),
            ((3, 30), (0, 0))
        );
        assert_eq!(
            (series("unknown", "accepted"), series("unknown", "rejected")),
            ((0, 0), (4, 40))
        );
        assert_eq!(
            watch
                .exposition()
                .matches("partner_feeds_records_total{")
                .count(),
            6
        );
        let reason = |name| {
            value(
                &watch,
                &format!("partner_feeds_rejects_total{{feed=\"police\",reason=\"{name}\"}}"),
            )
        };
        assert_eq!(
            ["schema.enum", "envelope.source", "json.syntax"].map(reason),
            [2, 4, 0]
        );
        let created = |answer| {
            value(
                &watch,
                &format!("partner_feeds_creates_total{{answer=\"{answer}\"}}"),
            )
        };
        assert_eq!(["won", "lost", "settled"].map(created), [0, 0, 1]);
    }

    /// The names, labels and types of all metrics, as they are told.
    fn told(watch: &Watch) -> BTreeMap<String, (String, String)> {
        let text = watch.exposition();
        let types = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let labels = |name: &str| {
            let labels = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.split_once('}'));
            let names = labels
                .map_or("", |(labels, _)| labels)
                .split(',')
                .filter_map(|label| label.split_once('='));
            names
                .map(|(name, _)| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        types
            .map(|(name, kind)| (name.to_owned(), (labels(name), kind.to_owned())))
            .collect()
    }

    #[test]
    fn the_page_for_data_engineers_lists_every_metric() {
        let page = include_str!("../docs/data-engineers.md");
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
            let is_metric = name.starts_with("partner_feeds_") || name.starts_with("process_");
            is_metric.then(|| (name.to_owned(), (cells[2].to_owned(), cells[3].to_owned())))
        };
        let listed: BTreeMap<_, _> = page.lines().filter_map(row).collect();
        let watch = watch();
        watch.assigned(&at(0), 0, 0);
        assert_eq!(listed, told(&watch));
    }
}
