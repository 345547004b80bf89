//! Shows a run to the outside: whether it is alive, ready and making progress, and its metrics.
//!
//! It must not know Kafka's client or the store: the pipeline reports to it. The invariants: a
//! record is counted when it is durable and not before; probes and metrics contain names of the
//! configuration and numbers, never a value of a record.

mod metrics;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use crate::aggregate::Freshness;
use crate::contract::{Reason, TopicRules};
use crate::event::{Micros, TopicPartition};
use metrics::Metrics;
pub use metrics::{CreateAnswer, RebalanceKind};
pub use server::ListenError;
pub(crate) use server::{Watched, listen};

/// How long one turn of the consuming loop may take: `max.poll.interval.ms`, after which the group
/// has given its partitions to others.
const TURN_MAX: Duration = Duration::from_mins(5);
/// How often the watchdog checks for progress.
const TICK: Duration = Duration::from_millis(500);

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunPhase {
    /// The store is being probed.
    #[default]
    Store,
    /// No broker has answered yet.
    Broker,
    /// The group has not yet assigned partitions.
    Group,
    /// Records are read.
    Consuming,
    /// Open batches are being committed, or discarded.
    Stopping,
}

/// A number of records, and the bytes of their keys and values as they came from Kafka.
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

/// What a partner sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct PartnerCounts {
    /// Rows of the ledger.
    pub accepted: Volume,
    /// Rejects.
    pub rejected: Volume,
}

/// The oldest record of a partition that is not yet durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldestRecord {
    /// When it was read.
    pub read: Instant,
    /// Its Kafka timestamp.
    pub received: Micros,
}

/// The records of a partition that a worker has read and that are not yet durable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uncommitted {
    /// The oldest of them; `None` if there are none.
    pub oldest: Option<OldestRecord>,
    /// Bytes gathered for the next file.
    pub bytes: usize,
    /// Whether the log's end came after all that was read.
    pub at_end: bool,
    /// Whether fetching is paused until there is room.
    pub is_paused: bool,
}

/// Reports a partition's uncommitted records, from its worker to the watchdog.
#[derive(Clone, Debug, Default)]
pub struct PartitionReporter(Arc<Mutex<Uncommitted>>);

impl PartitionReporter {
    /// Replaces the last report.
    pub fn report(&self, uncommitted: Uncommitted) {
        *self.0.lock().expect("no panic under the lock") = uncommitted;
    }

    fn last(&self) -> Uncommitted {
        *self.0.lock().expect("no panic under the lock")
    }
}

/// A partition of this process.
#[derive(Debug)]
struct WatchedPartition {
    /// Everything below this offset is durable, or the log has no record there.
    durable: i64,
    /// The last known next offset of the broker's log.
    end: i64,
    /// A time not after that of the oldest unread record: when it was first seen, or the time of
    /// the last record before it.
    unread_since: Micros,
    stopped: bool,
    reporter: PartitionReporter,
}

impl WatchedPartition {
    fn lag(&self) -> i64 {
        (self.end - self.durable).max(0)
    }

    /// Age of the oldest record that is not durable, by its Kafka timestamp.
    fn lag_seconds(&self, now: Micros) -> f64 {
        let oldest = self.reporter.last().oldest.map(|oldest| oldest.received);
        match oldest.or((self.lag() > 0).then_some(self.unread_since)) {
            Some(since) => seconds(now.0 - since.0).max(0.0),
            None => 0.0,
        }
    }

    /// Whether there are records to be made durable. Those of an open transaction do not count:
    /// the log ends before it.
    fn is_pending(&self) -> bool {
        let Uncommitted { oldest, at_end, .. } = self.reporter.last();
        !self.stopped && (oldest.is_some() || (self.lag() > 0 && !at_end))
    }

    fn is_fetched(&self) -> bool {
        !self.stopped && !self.reporter.last().is_paused
    }

    /// Updates how far the log goes and is durable.
    fn advance(&mut self, now: Micros, durable: i64, end: i64) {
        let was_behind = self.lag() > 0;
        (self.durable, self.end) = (self.durable.max(durable), self.end.max(end));
        if !was_behind {
            self.unread_since = now;
        }
    }
}

/// What the pipeline reports, and the endpoints and the watchdog read.
#[derive(Debug)]
struct RunState {
    /// When the process began.
    began: Instant,
    began_at: Micros,
    /// When the consuming loop last turned, in milliseconds after the beginning.
    turned: AtomicU64,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    phase: RunPhase,
    /// For how long nothing has become durable, if that is too long.
    stalled: Option<Duration>,
    partitions: BTreeMap<TopicPartition, WatchedPartition>,
    /// Batches that became durable.
    batches: u64,
    last_durable: Option<Micros>,
    /// When a record of each partner last became durable in this process.
    last_of_partner: BTreeMap<String, Micros>,
    tables: Freshness,
}

impl RunState {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no panic under the lock")
    }
}

/// The state of a run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Watch {
    state: Arc<RunState>,
    metrics: Arc<Metrics>,
}

impl Watch {
    /// Starts to watch a run that reads these topics.
    pub fn new<'t>(topics: impl IntoIterator<Item = &'t TopicRules>) -> Self {
        let state = Arc::new(RunState {
            began: Instant::now(),
            began_at: now(),
            turned: AtomicU64::new(0),
            shared: Mutex::default(),
        });
        let metrics = Arc::new(Metrics::new(topics, Arc::clone(&state)));
        Self { state, metrics }
    }

    /// The run entered a phase.
    pub fn enters(&self, phase: RunPhase) {
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

    /// Counters that need no state of the run.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The group assigned or revoked this number of partitions. With its first assignment the group
    /// is joined, until it takes partitions away without asking, as from a member that was silent
    /// for too long.
    pub fn rebalanced(&self, change: RebalanceKind, partitions: usize) {
        if partitions > 0 {
            self.metrics.count_rebalance(change);
        }
        let mut shared = self.state.shared();
        shared.phase = match (shared.phase, change) {
            (RunPhase::Group, RebalanceKind::Assigned) => RunPhase::Consuming,
            (RunPhase::Consuming, RebalanceKind::Lost) => RunPhase::Group,
            (phase, _) => phase,
        };
    }

    /// A partition was assigned, durable up to one offset, with a log up to another. Its worker
    /// reports to the result.
    pub fn assigned(&self, at: &TopicPartition, durable: i64, end: i64) -> PartitionReporter {
        let reporter = PartitionReporter::default();
        let mut shared = self.state.shared();
        // A partition that is resumed again keeps the time since which it waits.
        let known = shared
            .partitions
            .get(at)
            .filter(|known| known.lag() > 0)
            .map(|known| known.unread_since);
        let unread_since = known.unwrap_or_else(now);
        let partition = WatchedPartition {
            durable,
            end,
            unread_since,
            stopped: false,
            reporter: reporter.clone(),
        };
        shared.partitions.insert(at.clone(), partition);
        reporter
    }

    /// A partition was stopped: what was gathered of it is dropped, and its lag grows.
    pub fn stopped(&self, at: &TopicPartition) {
        if let Some(partition) = self.state.shared().partitions.get_mut(at) {
            partition.stopped = true;
            partition.reporter = PartitionReporter::default();
        }
    }

    /// A partition was revoked.
    pub fn revoked(&self, at: &TopicPartition) {
        self.state.shared().partitions.remove(at);
    }

    /// A batch is durable: its records by index of their partner, its rejects by reason, and how
    /// its create was answered.
    pub fn committed(
        &self,
        rules: &TopicRules,
        partners: &[PartnerCounts],
        rejected: &BTreeMap<Reason, u64>,
        answer: CreateAnswer,
    ) {
        self.metrics.count_create(answer);
        self.metrics.count_batch(rules, partners, rejected);
        let (mut state, now) = (self.state.shared(), now());
        state.batches += 1;
        state.last_durable = Some(now);
        for (partner, _) in rules
            .partners
            .iter()
            .zip(partners)
            .filter(|(_, count)| count.accepted.records + count.rejected.records > 0)
        {
            state.last_of_partner.insert(partner.clone(), now);
        }
    }

    /// The tables of the store were read.
    pub fn tables_read(&self, tables: Freshness) {
        self.state.shared().tables = tables;
    }

    /// Everything below an offset of a partition is durable; `last` is when Kafka received the last
    /// record of it.
    pub fn reached(&self, at: &TopicPartition, offset: i64, last: Option<Micros>) {
        if let Some(partition) = self.state.shared().partitions.get_mut(at) {
            partition.advance(now(), offset, offset);
            partition.unread_since = last.unwrap_or(partition.unread_since);
        }
    }

    /// The next offsets of partitions' logs.
    pub fn log_ends(&self, ends: impl IntoIterator<Item = (TopicPartition, i64)>) {
        let now = now();
        let mut shared = self.state.shared();
        for (at, end) in ends {
            if let Some(partition) = shared.partitions.get_mut(&at) {
                partition.advance(now, i64::MIN, end);
            }
        }
    }

    /// The partitions that are fetched now: the client knows the end of their logs.
    pub fn fetched(&self) -> Vec<TopicPartition> {
        self.partitions(WatchedPartition::is_fetched)
    }

    /// The partitions that are not fetched now: only a broker knows the end of their logs.
    pub fn unfetched(&self) -> Vec<TopicPartition> {
        self.partitions(|partition| !partition.is_fetched())
    }

    fn partitions(&self, wanted: impl Fn(&WatchedPartition) -> bool) -> Vec<TopicPartition> {
        let shared = self.state.shared();
        shared
            .partitions
            .iter()
            .filter(|(_, partition)| wanted(partition))
            .map(|(at, _)| at.clone())
            .collect()
    }

    /// Why the process should be restarted, in one line; `None` while the consuming loop turns.
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

    /// Why no record becomes durable, in one line; `None` while all is well.
    pub fn why_not_ready(&self) -> Option<String> {
        self.state.shared().why_not_ready()
    }

    /// All metrics, in Prometheus's text format.
    pub fn exposition(&self) -> String {
        self.metrics.exposition()
    }

    /// Serves `/live`, `/ready` and `/metrics` at an address from now on.
    pub async fn listen(&self, address: &str) -> Result<(), ListenError> {
        listen(self.clone(), address).await
    }

    /// Starts the watchdog. If work is pending and nothing becomes durable, the run is not ready
    /// after `bound`, and the future is ready after twice that.
    ///
    /// The watchdog has a thread of its own, since a stuck thread may block all others.
    pub fn stalls(&self, bound: Duration) -> impl Future<Output = Stalled> + use<> {
        let (send, stalled) = tokio::sync::oneshot::channel();
        let state = Arc::downgrade(&self.state);
        std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || {
                if let Some(stalled) = wait_for_stall(&state, bound) {
                    drop(send.send(stalled)); // the run may just have ended
                }
            })
            .expect("the system starts a thread");
        async {
            match stalled.await {
                Ok(stalled) => stalled,
                Err(_) => std::future::pending().await, // the watchdog has ended
            }
        }
    }
}

impl Watched for Watch {
    fn why_not_live(&self) -> Option<String> {
        self.why_not_live()
    }

    fn why_not_ready(&self) -> Option<String> {
        self.why_not_ready()
    }

    fn exposition(&self) -> String {
        self.exposition()
    }
}

impl Shared {
    fn why_not_ready(&self) -> Option<String> {
        let reason = match (self.phase, self.stalled) {
            (RunPhase::Store, _) => "the store is being probed",
            (RunPhase::Broker, _) => "waiting for a broker",
            (RunPhase::Group, _) => "joining the group",
            (RunPhase::Stopping, _) => "stopping",
            (RunPhase::Consuming, None) => return None,
            (RunPhase::Consuming, Some(waited)) => {
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
    fn pending(&self) -> PendingWork {
        let mut pending = PendingWork::default();
        for partition in self.partitions.values().filter(|each| each.is_pending()) {
            pending.partitions += 1;
            pending.lag += partition.lag();
            pending.bytes += partition.reporter.last().bytes;
        }
        pending
    }

    /// Partitions that are stopped, or are not.
    fn count_partitions(&self, stopped: bool) -> f64 {
        let partitions = self.partitions.values();
        partitions.filter(|each| each.stopped == stopped).count() as f64
    }

    /// Time since the oldest record that is not durable was read; 0 if there is none.
    fn uncommitted_age_seconds(&self) -> f64 {
        self.uncommitted()
            .filter_map(|uncommitted| uncommitted.oldest)
            .map(|oldest| oldest.read.elapsed().as_secs_f64())
            .fold(0.0, f64::max)
    }

    /// When the last record of each partner came: what this process has seen, or else the tables.
    fn last_of_partners(&self) -> BTreeMap<&str, f64> {
        let tables = self.tables.last_received.iter();
        let mut last = BTreeMap::new();
        for (partner, at) in tables.chain(&self.last_of_partner) {
            let own: &mut f64 = last.entry(&**partner).or_default();
            *own = own.max(seconds(at.0));
        }
        last
    }

    fn gathered_bytes(&self) -> f64 {
        let bytes: usize = self.uncommitted().map(|each| each.bytes).sum();
        bytes as f64
    }

    fn uncommitted(&self) -> impl Iterator<Item = Uncommitted> {
        self.partitions.values().map(|each| each.reporter.last())
    }
}

/// Waits until a run has stalled for too long; `None` if it ended first.
fn wait_for_stall(state: &Weak<RunState>, bound: Duration) -> Option<Stalled> {
    let (mut timer, mut checked) = (StallTimer::default(), Instant::now());
    loop {
        let state = state.upgrade()?;
        // A process that was suspended did not stall.
        let passed = checked.elapsed().min(2 * TICK);
        checked = Instant::now();
        if let Some(stalled) = timer.check(&mut state.shared(), passed, bound) {
            return Some(stalled);
        }
        drop(state);
        std::thread::sleep(TICK);
    }
}

/// What waits to be made durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PendingWork {
    partitions: usize,
    lag: i64,
    bytes: usize,
}

impl fmt::Display for PendingWork {
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
    "stalled: nothing became durable for {} s, and {pending}: restart it, nothing is lost; the log \
     shows what did not answer",
    waited.as_secs()
)]
pub struct Stalled {
    waited: Duration,
    pending: PendingWork,
}

/// For how long nothing has become durable while work was pending.
#[derive(Debug, Default)]
struct StallTimer {
    waited: Duration,
    batches: u64,
}

impl StallTimer {
    /// Checks again after some time; returns the error once twice the bound has passed.
    fn check(&mut self, shared: &mut Shared, passed: Duration, bound: Duration) -> Option<Stalled> {
        let pending = shared.pending();
        let waits = shared.phase == RunPhase::Consuming
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
                "stalled: nothing becomes durable, and work is pending; check that the store answers \
                 and has space, and that a broker answers; the process ends after the same time again"
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
    reason = "a run is watched in real time; no output is derived from it"
)]
pub(crate) fn now() -> Micros {
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
        watch.enters(RunPhase::Group);
        watch
    }

    fn uncommitted(received: Micros) -> Uncommitted {
        Uncommitted {
            oldest: Some(OldestRecord {
                read: Instant::now(),
                received,
            }),
            bytes: 70,
            ..Uncommitted::default()
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
        says("the store is being probed");
        watch.enters(RunPhase::Broker);
        says("waiting for a broker");
        watch.enters(RunPhase::Group);
        watch.rebalanced(RebalanceKind::Revoked, 0);
        says("joining the group");
        assert_eq!(value(&watch, "partner_feeds_ready"), 0);
        watch.rebalanced(RebalanceKind::Assigned, 0);
        says("");
        assert_eq!(value(&watch, "partner_feeds_ready"), 1);
        watch.rebalanced(RebalanceKind::Revoked, 2);
        says("");
        watch.rebalanced(RebalanceKind::Lost, 2);
        says("joining the group");
        watch.rebalanced(RebalanceKind::Assigned, 2);
        says("");
        watch.enters(RunPhase::Stopping);
        says("stopping");
        assert_eq!(watch.why_not_live(), None);
    }

    #[test]
    fn the_lag_is_what_the_log_has_past_what_is_durable() {
        let watch = watch();
        let reporter = watch.assigned(&at(0), 100, 100);
        assert_eq!(
            (lag(&watch, "records", 0), lag(&watch, "seconds", 0)),
            (0, 0)
        );
        reporter.report(uncommitted(Micros(now().0 - 40 * Micros::PER_SECOND)));
        watch.log_ends([(at(0), 130), (at(7), 5)]);
        assert_eq!(lag(&watch, "records", 0), 30);
        assert_eq!(lag(&watch, "seconds", 0), 40);
        assert!(
            value(&watch, "partner_feeds_uncommitted_age_seconds") < 40,
            "since it was read"
        );
        assert_eq!(value(&watch, "partner_feeds_gathered_bytes"), 70);
        // What comes next was received after what is durable.
        reporter.report(Uncommitted::default());
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
        watch.rebalanced(RebalanceKind::Assigned, 2);
        let reporter = watch.assigned(&at(0), 0, 0);
        watch.assigned(&at(1), 5, 9);
        reporter.report(uncommitted(Micros(0)));
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
            PendingWork {
                partitions: 1,
                lag: 4,
                bytes: 0
            }
        );
        let states = ["assigned", "stopped"]
            .map(|state| format!("partner_feeds_partitions{{state=\"{state}\"}}"));
        assert_eq!(states.map(|state| value(&watch, &state)), [1, 1]);
        watch.revoked(&at(1));
        assert_eq!(watch.state.shared().pending(), PendingWork::default());
    }

    #[test]
    fn a_partition_whose_log_ends_before_an_open_transaction_waits_for_nothing() {
        let watch = watch();
        let reporter = watch.assigned(&at(0), 5, 9);
        reporter.report(Uncommitted {
            at_end: true,
            ..Uncommitted::default()
        });
        assert_eq!(watch.state.shared().pending(), PendingWork::default());
        assert_eq!(lag(&watch, "records", 0), 4);
    }

    /// Looks every second, and says what became of each.
    fn look(stall: &mut StallTimer, watch: &Watch, times: u32) -> Option<Stalled> {
        (0..times)
            .find_map(|_| stall.check(&mut watch.state.shared(), Duration::from_secs(1), BOUND))
    }

    #[test]
    fn nothing_durable_while_work_is_pending_is_a_stall_and_twice_as_long_the_end() {
        let (watch, mut stall) = (watch(), StallTimer::default());
        let reporter = watch.assigned(&at(0), 0, 0);
        assert!(
            look(&mut stall, &watch, 99).is_none(),
            "the group has not answered"
        );
        watch.rebalanced(RebalanceKind::Assigned, 1);
        assert!(
            look(&mut stall, &watch, 99).is_none(),
            "a partition that is merely empty"
        );
        reporter.report(uncommitted(Micros(0)));
        assert!(look(&mut stall, &watch, 9).is_none());
        assert_eq!(watch.why_not_ready(), None);
        assert!(look(&mut stall, &watch, 1).is_none());
        let why = "stalled: nothing became durable for 10 s, and 0 records of 1 partitions are pending, 70 bytes of \
                   them gathered";
        assert_eq!(watch.why_not_ready().as_deref(), Some(why));

        watch.committed(&rules(), &[], &BTreeMap::new(), CreateAnswer::Won);
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

        watch.enters(RunPhase::Stopping);
        assert!(
            look(&mut stall, &watch, 99).is_none(),
            "the shutdown timeout bounds a stop"
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
            PartnerCounts {
                accepted: volume(1, 10),
                rejected: volume(2, 20),
            },
            PartnerCounts {
                accepted: volume(3, 30),
                rejected: volume(0, 0),
            },
            PartnerCounts {
                accepted: volume(0, 0),
                rejected: volume(4, 40),
            },
        ];
        let rejected = BTreeMap::from([(Reason::SchemaEnum, 2), (Reason::EnvelopeSource, 4)]);
        watch.committed(&rules(), &shares, &rejected, CreateAnswer::Settled);
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

    /// The names, labels and types of all metrics, as they are served.
    fn served(watch: &Watch) -> BTreeMap<String, (String, String)> {
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

    fn freshness() -> Freshness {
        Freshness {
            as_at: Some(Micros(1_000_000)),
            months_missing: [(("kent-police".to_owned(), "crime".to_owned()), 3)].into(),
            last_received: [
                ("kent-police".to_owned(), Micros(2_000_000)),
                ("mtw-nhs".to_owned(), Micros(3_000_000)),
            ]
            .into(),
        }
    }

    #[test]
    fn the_last_record_of_a_partner_is_the_newest_known_to_the_tables_or_to_the_process() {
        let watch = watch();
        let last = |partner: &str| {
            let metric = "partner_feeds_last_record_timestamp_seconds";
            value(&watch, &format!("{metric}{{partner=\"{partner}\"}}"))
        };
        watch.tables_read(freshness());
        assert_eq!((last("kent-police"), last("mtw-nhs")), (2, 3));
        let missing = "partner_feeds_months_missing{partner=\"kent-police\",kind=\"crime\"}";
        assert_eq!(value(&watch, missing), 3);
        assert_eq!(
            value(&watch, "partner_feeds_tables_as_at_timestamp_seconds"),
            1
        );
        let one = PartnerCounts {
            accepted: Volume {
                records: 1,
                bytes: 1,
            },
            ..PartnerCounts::default()
        };
        let counts = [PartnerCounts::default(), one, PartnerCounts::default()];
        watch.committed(&rules(), &counts, &BTreeMap::new(), CreateAnswer::Won);
        assert!(
            last("kent-police") > 1_700_000_000,
            "{}",
            last("kent-police")
        );
        assert_eq!(last("mtw-nhs"), 3);
    }

    #[test]
    fn the_page_for_data_engineers_lists_every_metric() {
        let page = include_str!("../docs/data-engineers.md");
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
            let is_metric = name.starts_with("partner_feeds_") || name.starts_with("process_");
            let is_ours = !name.starts_with("partner_feeds_door_");
            (is_metric && is_ours)
                .then(|| (name.to_owned(), (cells[2].to_owned(), cells[3].to_owned())))
        };
        let listed: BTreeMap<_, _> = page.lines().filter_map(row).collect();
        let watch = watch();
        watch.assigned(&at(0), 0, 0);
        watch.tables_read(freshness());
        assert_eq!(listed, served(&watch));
    }
}
