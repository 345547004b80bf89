//! The ledger's protocol, state by state: writers, mergers, a sweeper, erasers, purgers and a reader
//! over the real code, one operation on the store at a time, in an order and with faults that a seed decides.
//!
//! The store is a double in memory. Its operations wait until the schedule lets them go on: done,
//! failed, done without an answer, answered as done before, or on their way to land later, also
//! after their sender died. Lists may be old. After every change the store is compared with the
//! invariants: files join, the end never goes back, nothing is replaced but by a purge, rejects that
//! are named are there, the erasure log has no gap, who resumes or commits is not past the end. A
//! reader gets each record from the origin to an end that was the chain's while it read, without the
//! records that were erased at one time while it read. What a purge removed is in no file, unless
//! somebody wrote it after the purge had looked. At last every record that was not erased is one row,
//! and `verify` finds nothing.
//!
//! A seed that fails is printed; it runs alone, and prints each step, with `PARTNER_FEEDS_TEST_SEED=17
//! cargo test --test states`. `PARTNER_FEEDS_TEST_RUNS` asks for more runs.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]

mod kit;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::channel::oneshot;
use kit::batches::{assert_each_once, at, batch, erasure, log, partition, positions_in};
use kit::double::{Change, Director, Double, Operation, Verdict, exists, failed, now};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutPayload, PutResult, Result as StoreResult};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use partner_feeds::event::{Micros, Position};
use partner_feeds::ledger::chain::{self, ChainError};
use partner_feeds::ledger::erasures::{self, Certificate, ErasureLog};
use partner_feeds::ledger::journal::{self, CommitOutcome};
use partner_feeds::ledger::merge::{MergeLimits, merge, merge_full, sweep};
use partner_feeds::ledger::purge::{PurgeError, purge};
use partner_feeds::ledger::rules::LedgerRule;
use partner_feeds::ledger::verify::{VerifyError, verify};
use partner_feeds::ledger::{Footer, Tree, coordinates, rejects_file};
use partner_feeds::storage::Store;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Runs, each of a seed of its own.
const RUNS: u64 = 1_000;
/// Steps of the schedule in a run.
const STEPS: usize = 200;
/// Steps of a run in which records are erased: a purge takes dozens.
const STEPS_ERASING: usize = 600;
/// Where the log in Kafka ends in such a run, so that the store is small.
const LOG_ERASING: i64 = 25;
/// Steps after which the schedule chooses anew who is quick, slow or asleep.
const STRETCH: usize = 40;
/// As many changes old may a list be.
const OLD_MAX: usize = 6;
/// How many records there are; their revisions take turns in the log.
const RECORDS: i64 = 7;
/// Longer than any pause of the code.
const PAUSE: Duration = Duration::from_secs(10);

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Writer,
    Merger,
    Sweeper,
    Reader,
    Eraser,
    Purger,
}

const ACTORS: [Role; 11] = [
    Role::Writer,
    Role::Writer,
    Role::Writer,
    Role::Merger,
    Role::Merger,
    Role::Sweeper,
    Role::Reader,
    Role::Eraser,
    Role::Eraser,
    Role::Purger,
    Role::Purger,
];

/// The actors of a run in which nothing is erased, and of one in which records are.
const AWAKE: [bool; ACTORS.len()] = [
    true, true, true, true, true, true, true, false, false, false, false,
];
const AWAKE_ERASING: [bool; ACTORS.len()] = [
    true, false, false, true, false, false, true, true, false, true, true,
];

// ---------------------------------------------------------------------------------------------------------
// The store.

/// An operation that waits.
struct Waiting {
    actor: usize,
    operation: Operation,
    go: oneshot::Sender<Verdict>,
}

/// The store and all that is known of it.
struct World {
    files: InMemory,
    /// The store after each of the last changes, and the chain's end then; the last is now.
    past: VecDeque<(InMemory, Position)>,
    /// The names, and the footers of the chain's files.
    names: BTreeMap<String, Option<Footer>>,
    end: Position,
    /// How far the log in Kafka was read; nobody reads past its end, if it has one.
    high: i64,
    log_end: Option<i64>,
    /// Erasures in the store: the record, and where Kafka's log ended when its erasure began.
    erased: Vec<(i64, i64)>,
    /// Operations so far.
    operations: u64,
    /// The operation that last put each file.
    put: BTreeMap<String, u64>,
    /// For each actor, the operation that last read each file, and that last put it.
    read_by: [BTreeMap<String, u64>; ACTORS.len()],
    put_by: [BTreeMap<String, u64>; ACTORS.len()],
    /// For each actor, the operations that listed from a name on.
    lists_by: [Vec<u64>; ACTORS.len()],
    waiting: Vec<Waiting>,
    late: Vec<Change>,
    /// For each actor, the lowest end it may come to, from when its act began.
    floors: [Position; ACTORS.len()],
    /// For each actor, the entries of the erasure log when its act began.
    log_floors: [u64; ACTORS.len()],
    /// Whether something went wrong for an actor since its act began; whether a list was old.
    wronged: [(bool, bool); ACTORS.len()],
    /// No more faults.
    calm: bool,
    random: Random,
    seen: Seen,
}

/// How often what was to happen did.
type Seen = BTreeMap<String, u64>;

struct Random(ChaCha8Rng);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }

    /// True once in that many times; never with 0.
    fn once_in(&mut self, times: usize) -> bool {
        times > 0 && self.below(times) == 0
    }
}

impl World {
    fn saw(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    /// Does a change, and checks the invariants.
    fn change(&mut self, change: Change) -> StoreResult<PutResult> {
        let name = match &change {
            Change::Put(path, ..) | Change::Delete(path) => path.to_string(),
        };
        let footer = match &change {
            Change::Put(_, payload, _) if is_of_chain(&name) => Some(footer_of(payload)),
            _ => None,
        };
        let (is_put, replaces) = match &change {
            Change::Put(_, _, options) => (true, options.mode == PutMode::Overwrite),
            Change::Delete(_) => (false, false),
        };
        self.operations += 1;
        let answer = change.apply(&self.files);
        if !is_put {
            self.names.remove(&name);
        } else if answer.is_ok() {
            self.put.insert(name.clone(), self.operations);
            let before = self.names.insert(name.clone(), footer.clone());
            if let Some(before) = before {
                assert!(replaces, "{name} was replaced");
                assert!(!name.starts_with("journal/") && !name.starts_with("erasures/"));
                let covered = |of: &Footer| {
                    let Footer {
                        from, next, read, ..
                    } = *of;
                    (from, next, read, of.attempt.clone(), of.rejects.clone())
                };
                let kept = [before, footer].map(|of| of.as_ref().map(covered));
                assert_eq!(kept[0], kept[1], "{name} covers something else");
                self.saw("replaced");
            } else {
                assert!(!replaces, "{name} was replaced, and is not there");
                if name.starts_with("ledger/") {
                    self.saw("merged");
                }
            }
        }
        if answer.is_ok() {
            self.hold_invariants();
            self.past.push_back((self.files.fork(), self.end));
            if self.past.len() > OLD_MAX {
                self.past.pop_front();
            }
        }
        answer
    }

    fn land(&mut self, changes: Vec<Change>) {
        for change in changes {
            drop(self.change(change)); // whose answer nobody waits for
        }
    }

    /// Of what was sent by those who do not wait for an answer any more, some will still be done.
    fn forget_given_up(&mut self) {
        let (given_up, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|w| w.go.is_canceled());
        self.waiting = waiting;
        for Waiting { operation, .. } in given_up {
            if let Operation::Change(change) = operation
                && self.random.once_in(2)
            {
                self.late.push(change);
            }
        }
    }

    /// Entries of the erasure log.
    fn entries(&self) -> u64 {
        let names = self
            .names
            .keys()
            .filter(|name| name.starts_with("erasures/"));
        names.filter(|name| !name.ends_with(".done.json")).count() as u64
    }

    /// What a purge removed is in no file, unless it was put there after the purge had read the file,
    /// or listed the folder.
    fn hold_certificate(&self, purger: usize, log: &ErasureLog, number: u64, ledger_end: Position) {
        let erased = log.erased_by(&partition(), number);
        let lists = &self.lists_by[purger];
        let last = |ago: usize| lists.len().checked_sub(ago).map_or(0, |index| lists[index]);
        for name in self.names.keys() {
            if !is_of_chain(name) && !name.starts_with("rejects/") {
                continue;
            }
            let from = name
                .rsplit('/')
                .next()
                .and_then(|file| file.get(..24))
                .expect("a position");
            let from: Position = from.parse().expect("a position");
            let bytes = now(now(self.files.get(&Path::from(name.as_str())))
                .expect("a file")
                .bytes());
            let rows = coordinates(name, bytes.expect("bytes")).expect("rows");
            if from >= ledger_end || !rows.iter().any(|row| erased.contains(*row)) {
                continue;
            }
            let put = self.put[name];
            let read = self.read_by[purger].get(name).copied().unwrap_or_default();
            let own = self.put_by[purger].get(name).copied().unwrap_or_default();
            let is_journal = name.starts_with("journal/");
            let is_named = name.starts_with("ledger/") || self.is_named(name);
            if is_named {
                assert!(
                    put > read && read > own,
                    "{name} contains rows that were certified"
                );
            } else {
                let listed = last(if is_journal { 2 } else { 1 });
                assert!(put > listed, "{name} contains rows that were certified");
            }
        }
    }

    /// Whether a ledger file names a rejects file.
    fn is_named(&self, rejects: &str) -> bool {
        let ledger = self
            .names
            .iter()
            .filter(|(name, _)| name.starts_with("ledger/"));
        ledger
            .filter_map(|(_, footer)| footer.as_ref())
            .flat_map(|footer| &footer.rejects)
            .any(|name| rejects_file(&partition(), name) == rejects)
    }

    /// Files join from the origin, and what they name is there; the end does not go back; the erasure
    /// log has no gap.
    fn hold_invariants(&mut self) {
        for number in 1..=self.entries() {
            let name = format!("erasures/{number:010}.json");
            assert!(
                self.names.contains_key(&name),
                "the log has a gap at {number}"
            );
        }
        let mut end = Position::ORIGIN;
        for tree in [Tree::Ledger, Tree::Journal] {
            let folder = tree.folder(&partition());
            let ledger_end = end;
            for (name, footer) in &self.names {
                let Some(footer) = footer.as_ref().filter(|_| name.starts_with(&folder)) else {
                    continue;
                };
                if tree == Tree::Journal && *name < tree.file(&partition(), ledger_end) {
                    continue; // merged
                }
                assert_eq!(
                    *name,
                    tree.file(&partition(), end),
                    "the chain does not join at {name}"
                );
                assert_eq!(footer.from, end);
                for rejects in &footer.rejects {
                    assert!(
                        self.names
                            .contains_key(&rejects_file(&partition(), rejects)),
                        "{rejects} is not there"
                    );
                }
                end = footer.next;
            }
        }
        assert!(
            end >= self.end,
            "the end went back from {} to {end}",
            self.end
        );
        self.end = end;
    }
}

/// Whether a file is of the journal or the ledger.
fn is_of_chain(name: &str) -> bool {
    name.starts_with("journal/") || name.starts_with("ledger/")
}

fn footer_of(payload: &PutPayload) -> Footer {
    let bytes = bytes::Bytes::from(payload.clone());
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("Parquet");
    Footer::from_metadata("x", reader.metadata().file_metadata()).expect("a footer")
}

/// An actor's way to the store: its operations wait for the schedule.
#[derive(Clone)]
struct Actor {
    index: usize,
    world: Arc<Mutex<World>>,
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store of {}", self.index)
    }
}

impl Actor {
    fn store(&self) -> Store {
        Store::from_object_store(Arc::new(Double(self.clone())))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no panic while held")
    }
}

impl Director for Actor {
    async fn decide(&self, operation: Operation) -> Verdict {
        let going = {
            let mut world = self.world();
            if world.calm {
                return Verdict::Done;
            }
            let (go, going) = oneshot::channel();
            world.waiting.push(Waiting {
                actor: self.index,
                operation,
                go,
            });
            going
        };
        going
            .await
            .expect("the schedule lives as long as its actors")
    }

    /// A list that is old lowers the end that the actor may come to.
    fn read<T>(
        &self,
        changes_ago: usize,
        read: impl FnOnce(&InMemory) -> StoreResult<T>,
    ) -> StoreResult<T> {
        let mut world = self.world();
        if changes_ago == 0 {
            return read(&world.files);
        }
        let was = world.past.len().saturating_sub(1 + changes_ago);
        let Some((files, end)) = world.past.get(was) else {
            return Err(failed());
        };
        let (listed, end) = (read(files), *end);
        world.wronged[self.index].1 = true;
        world.floors[self.index] = end.min(world.floors[self.index]);
        listed
    }

    fn change(&self, change: Change) -> StoreResult<PutResult> {
        self.world().change(change)
    }

    fn defer(&self, change: Change) {
        self.world().late.push(change);
    }

    fn conflict(&self, path: &Path) -> Error {
        if self.world().random.once_in(2) {
            let source = "as if it were there".into();
            let path = path.to_string();
            Error::Precondition { path, source }
        } else {
            exists(path)
        }
    }
}

// ---------------------------------------------------------------------------------------------------------
// The actors.

/// One life of an actor: acts until it is killed.
async fn live(role: Role, me: Actor) {
    loop {
        let store = me.store();
        {
            let mut world = me.world();
            world.floors[me.index] = world.end;
            world.log_floors[me.index] = world.entries();
            world.wronged[me.index] = (false, false);
        }
        match role {
            Role::Writer => write(&store, &me).await,
            Role::Merger => merge_once(&store, &me).await,
            Role::Sweeper => {
                let swept = sweep(&store, &partition(), Position::ORIGIN).await;
                me.excuses(swept);
            }
            Role::Reader => read(&store, &me).await,
            Role::Eraser => erase(&store, &me).await,
            Role::Purger => purge_once(&store, &me).await,
        }
    }
}

impl Actor {
    /// The erasure log, as it is now.
    fn log(&self) -> ErasureLog {
        let files = self.world().files.fork();
        let store = Store::from_object_store(Arc::new(files));
        now(ErasureLog::read(&store)).expect("a log")
    }

    /// An error has a reason.
    #[track_caller]
    fn excuses<T, E: fmt::Display>(&self, answer: Result<T, E>) -> Option<T> {
        match answer {
            Ok(done) => Some(done),
            Err(error) => {
                let mut world = self.world();
                assert_ne!(
                    world.wronged[self.index],
                    (false, false),
                    "without a fault: {error}"
                );
                world.saw("gave up");
                None
            }
        }
    }

    /// The chain ends, or ended, where this actor found its end.
    fn reached(&self, end: Position) {
        let world = self.world();
        let floor = world.floors[self.index];
        assert!(
            (floor..=world.end).contains(&end),
            "told {end}, where the end was {floor} to {}",
            world.end
        );
    }
}

/// A consumer's life: resumes, and commits batches until one is lost or fails.
async fn write(store: &Store, me: &Actor) {
    // Any hint is right.
    let hint = {
        let World { random, end, .. } = &mut *me.world();
        random
            .once_in(2)
            .then(|| at(random.below(end.offset as usize + 2) as i64))
    };
    let Some(resumed) = me.excuses(chain::resume_from(store, &partition(), hint).await) else {
        return;
    };
    me.reached(resumed.end);
    let (mut from, mut ledger_end) = (resumed.end, resumed.ledger_end);
    loop {
        let next = from.offset + 1 + me.world().random.below(3) as i64;
        while me.world().log_end.is_some_and(|end| next > end) {
            tokio::time::sleep(PAUSE).await;
        }
        {
            let mut world = me.world();
            world.high = world.high.max(next);
        }
        let committed =
            journal::commit(store, &partition(), &batch(from.offset, next), ledger_end).await;
        match me.excuses(committed) {
            Some(CommitOutcome::Committed {
                ledger_end: read, ..
            }) => {
                let mut world = me.world();
                assert!(
                    at(next) <= world.end,
                    "{next} is certain, where the end is {}",
                    world.end
                );
                world.saw("certain");
                (from, ledger_end) = (at(next), read);
            }
            Some(CommitOutcome::LostRace) => return me.world().saw("lost"),
            None => return,
        }
    }
}

async fn merge_once(store: &Store, me: &Actor) {
    let limits = MergeLimits {
        files: 1 + me.world().random.below(3),
        ..MergeLimits::default()
    };
    let full = me.world().random.once_in(2);
    let merged = if full {
        merge_full(store, &partition(), limits).await
    } else {
        merge(store, &partition(), limits).await
    };
    if me.excuses(merged).is_some() {
        me.excuses(sweep(store, &partition(), Position::ORIGIN).await);
    }
}

/// Erases all revisions of a record that were sent so far.
async fn erase(store: &Store, me: &Actor) {
    let (record, high) = {
        let world = &mut *me.world();
        (world.random.below(RECORDS as usize) as i64, world.high)
    };
    let chain = loop {
        let Some(chain) = me.excuses(chain::read(store, &partition()).await) else {
            return;
        };
        let now = me.world().high;
        if chain::reaches(chain.end.offset, (0, high), now) {
            break chain;
        }
        tokio::time::sleep(PAUSE).await;
    };
    let Some(Some(found)) = me.excuses(positions_in(store, &chain).await) else {
        return;
    };
    let moved = me.excuses(chain.moved(store).await);
    let is_of_record = |offset: &i64| offset % RECORDS == record;
    let offsets = found.iter().map(|position| position.offset);
    let offsets: Vec<i64> = offsets.filter(is_of_record).collect();
    if offsets.is_empty() || moved != Some(false) {
        return;
    }
    let Some(mut log) = me.excuses(ErasureLog::read(store).await) else {
        return;
    };
    if me
        .excuses(log.append(store, erasure(&offsets)).await)
        .is_some()
    {
        let mut world = me.world();
        world.erased.push((record, high));
        world.saw("erased");
    }
}

async fn purge_once(store: &Store, me: &Actor) {
    {
        let mut world = me.world();
        world.read_by[me.index].clear();
        world.put_by[me.index].clear();
        world.lists_by[me.index].clear();
    }
    let purged = purge(store, MergeLimits::default()).await;
    match &purged {
        Err(PurgeError::Chain(ChainError::Unstable(_)) | PurgeError::Unfinished) => {
            return me.world().saw("unstable");
        }
        Err(error @ PurgeError::RowsMissing { .. }) => panic!("{error}"),
        _ => {}
    }
    let Some(report) = me.excuses(purged) else {
        return;
    };
    if report.log == 0 {
        return;
    }
    if !me.world().wronged[me.index].1 {
        let log = me.log();
        me.world()
            .hold_certificate(me.index, &log, report.log, report.ends[0].ledger_end);
    }
    let certificate = Certificate::new(report.log, Micros(0), report.ends, report.files);
    if me.excuses(certificate.create(store).await).is_some() {
        me.world().saw("purged");
    }
}

/// A reader gets what was below the end and is not erased, each record once; `verify` finds nothing.
async fn read(store: &Store, me: &Actor) {
    let lists_were_old = || me.world().wronged[me.index].1;
    if me.world().random.once_in(2) {
        let verified = verify(store).await;
        if matches!(verified, Err(VerifyError::Chain(ChainError::Unstable(_)))) {
            return me.world().saw("unstable");
        }
        let Some(report) = me.excuses(verified) else {
            return;
        };
        // A purger that had read a file before the certificate may have put erased rows back.
        let (back, findings): (Vec<_>, Vec<_>) = report.findings.into_iter().partition(|finding| {
            finding.rule == LedgerRule::Erased && finding.detail.contains("again")
        });
        assert!(findings.is_empty() || lists_were_old(), "{findings:?}");
        let mut world = me.world();
        world.saw(if back.is_empty() {
            "verified"
        } else {
            "found rows that came back"
        });
        return;
    }
    let chain = chain::read(store, &partition()).await;
    if matches!(chain, Err(ChainError::Unstable(_))) {
        return me.world().saw("unstable");
    }
    let Some(chain) = me.excuses(chain) else {
        return;
    };
    me.reached(chain.end);
    let Some(found) = me.excuses(positions_in(store, &chain).await) else {
        return;
    };
    let moved = me.excuses(chain.moved(store).await);
    let grown = me.excuses(chain.has_new_erasure(store).await);
    match (found, moved) {
        (Some(found), Some(_)) if grown == Some(false) => {
            let mut expected = log(chain.end.offset);
            expected.retain(|position| !chain.erased.contains(*position));
            assert_eq!(found, expected);
            let mut world = me.world();
            assert!(
                chain.erased.log() >= world.log_floors[me.index],
                "an erased record was read"
            );
            world.saw("read");
        }
        (None, Some(moved)) => assert!(
            moved,
            "a file of the chain is gone, and no merge made it so"
        ),
        (Some(_), _) | (None, None) => {}
    }
}

// ---------------------------------------------------------------------------------------------------------
// The schedule.

struct Schedule {
    world: Arc<Mutex<World>>,
    lives: Vec<Pin<Box<dyn Future<Output = ()>>>>,
    /// Whether records are erased in this run: by fewer actors, with fewer faults, so that a purge ends.
    erasing: bool,
    /// How quick each actor is now; 0 = it sleeps.
    weights: [usize; ACTORS.len()],
    /// One change in this many fails, one list in this many is old, an actor dies once in this many
    /// steps.
    faults: usize,
    old: usize,
    deaths: usize,
    trace: Option<Vec<String>>,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut random = Random(ChaCha8Rng::seed_from_u64(seed));
        let erasing = seed % 2 == 1;
        let [faults, old, deaths] = if erasing {
            [
                [0, 20, 8][random.below(3)],
                [0, 0, 8][random.below(3)],
                [0, 300, 100][random.below(3)],
            ]
        } else {
            [
                [0, 10, 3][random.below(3)],
                [0, 0, 4][random.below(3)],
                [0, 60, 15][random.below(3)],
            ]
        };
        let world = World {
            files: InMemory::new(),
            past: VecDeque::from([(InMemory::new(), Position::ORIGIN)]),
            names: BTreeMap::new(),
            end: Position::ORIGIN,
            high: 0,
            log_end: erasing.then_some(LOG_ERASING),
            erased: Vec::new(),
            operations: 0,
            put: BTreeMap::new(),
            read_by: Default::default(),
            put_by: Default::default(),
            lists_by: Default::default(),
            waiting: Vec::new(),
            late: Vec::new(),
            floors: [Position::ORIGIN; ACTORS.len()],
            log_floors: [0; ACTORS.len()],
            wronged: [(false, false); ACTORS.len()],
            calm: false,
            random,
            seen: Seen::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let lives = (0..ACTORS.len()).map(|actor| born(actor, &world)).collect();
        Self {
            world,
            lives,
            erasing,
            weights: [1; ACTORS.len()],
            faults,
            old,
            deaths,
            trace: None,
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no panic while held")
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(what());
        }
    }

    /// Lets an actor go on until it waits.
    async fn wake(&mut self, actor: usize) {
        assert!(
            futures::poll!(self.lives[actor].as_mut()).is_pending(),
            "an actor does not end"
        );
        self.world().forget_given_up();
    }

    async fn run(&mut self) {
        for actor in 0..ACTORS.len() {
            self.wake(actor).await;
        }
        let steps = if self.erasing { STEPS_ERASING } else { STEPS };
        for step in 0..steps {
            if step % STRETCH == 0 {
                let awake = if self.erasing { AWAKE_ERASING } else { AWAKE };
                let mut world = self.world();
                let weights = awake.map(|is_awake| {
                    let weight = [0, 1, 1, 3, 12][world.random.below(5)];
                    if is_awake { weight } else { 0 }
                });
                drop(world);
                self.weights = weights;
            }
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let (lands, dies, late) = {
            let mut world = self.world();
            let late = world.late.len();
            (
                late > 0 && world.random.once_in(8),
                world.random.once_in(self.deaths),
                late,
            )
        };
        if lands {
            let change = {
                let mut world = self.world();
                let at = world.random.below(late);
                world.late.remove(at)
            };
            self.tell(|| format!("lands: {}", shown(&change)));
            self.world().saw("landed late");
            self.world().land(vec![change]);
        } else if dies {
            let actor = self.world().random.below(ACTORS.len());
            if self.weights[actor] > 0 {
                self.kill(actor);
                self.wake(actor).await;
            }
        } else if let Some(chosen) = self.choose() {
            self.grant(chosen).await;
        } else {
            self.pass_time().await;
        }
    }

    /// One of the operations that wait, the quick actors' rather.
    fn choose(&mut self) -> Option<Waiting> {
        let weights = self.weights;
        let mut world = self.world();
        let total: usize = world
            .waiting
            .iter()
            .map(|waiting| weights[waiting.actor])
            .sum();
        let mut drawn = if total == 0 {
            return None;
        } else {
            world.random.below(total)
        };
        let chosen = world.waiting.iter().position(|waiting| {
            let weight = weights[waiting.actor];
            let here = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            here
        });
        chosen.map(|index| world.waiting.remove(index))
    }

    async fn grant(
        &mut self,
        Waiting {
            actor,
            operation,
            go,
        }: Waiting,
    ) {
        let verdict = self.verdict(&operation);
        self.tell(|| {
            let operation = match &operation {
                Operation::Change(change) => shown(change),
                other => format!("{other:?}"),
            };
            format!("{actor} {:?}: {operation}: {verdict:?}", ACTORS[actor])
        });
        {
            let mut world = self.world();
            world.operations += 1;
            let number = world.operations;
            match &operation {
                Operation::Read(path) => {
                    world.read_by[actor].insert(path.to_string(), number);
                }
                Operation::ListFrom => world.lists_by[actor].push(number),
                Operation::Change(Change::Put(path, ..)) if verdict != Verdict::Late => {
                    world.put_by[actor].insert(path.to_string(), number + 1);
                }
                Operation::List | Operation::Change(_) => {}
            }
            if verdict != Verdict::Done {
                world.wronged[actor].0 = true;
                let kind = format!("{verdict:?}");
                world.saw(kind.split('(').next().expect("a name"));
            }
        }
        go.send(verdict).expect("its actor lives");
        self.wake(actor).await;
    }

    fn verdict(&self, operation: &Operation) -> Verdict {
        let mut world = self.world();
        let random = &mut world.random;
        if matches!(operation, Operation::List | Operation::ListFrom) && random.once_in(self.old) {
            return Verdict::Old(1 + random.below(OLD_MAX - 1));
        }
        // Of the few changes more fail than of the many reads.
        let once_in = if matches!(operation, Operation::Change(_)) {
            self.faults
        } else {
            self.faults * 8
        };
        if !random.once_in(once_in) {
            return Verdict::Done;
        }
        let all = [
            Verdict::Fails,
            Verdict::AnswerLost,
            Verdict::Late,
            Verdict::Conflict,
            Verdict::Exists,
        ];
        match operation {
            Operation::Read(_) | Operation::List | Operation::ListFrom => Verdict::Fails,
            Operation::Change(Change::Delete(_)) => all[random.below(3)],
            Operation::Change(Change::Put(..)) => all[random.below(5)],
        }
    }

    /// An actor dies, and is born again.
    fn kill(&mut self, actor: usize) {
        self.lives[actor] = born(actor, &self.world);
        self.world().saw("died");
        self.world().forget_given_up();
        self.tell(|| format!("{actor} {:?} dies", ACTORS[actor]));
    }

    /// Who neither waits for the store nor is done, sleeps: until now.
    async fn pass_time(&mut self) {
        tokio::time::advance(PAUSE).await;
        let busy: BTreeSet<usize> = self
            .world()
            .waiting
            .iter()
            .map(|waiting| waiting.actor)
            .collect();
        for actor in (0..ACTORS.len()).filter(|actor| !busy.contains(actor)) {
            self.wake(actor).await;
        }
    }

    /// All die; what is on its way lands before or after the last consumer; then every record is
    /// one row.
    async fn settle(&mut self) {
        (0..ACTORS.len()).for_each(|actor| self.kill(actor));
        self.lives.clear();
        let late = {
            let mut world = self.world();
            world.calm = true;
            let mut late = std::mem::take(&mut world.late);
            let after = late.split_off(late.len() / 2);
            world.land(late);
            after
        };
        let store = Actor {
            index: 0,
            world: Arc::clone(&self.world),
        }
        .store();
        let resumed = chain::resume(&store, &partition()).await.expect("no fault");
        assert_eq!(resumed.end, self.world().end);
        let (mut from, mut ledger_end) = (resumed.end.offset, resumed.ledger_end);
        for next in [from + 2, from + 3] {
            match journal::commit(&store, &partition(), &batch(from, next), ledger_end)
                .await
                .expect("no fault")
            {
                CommitOutcome::Committed {
                    ledger_end: read, ..
                } => (from, ledger_end) = (next, read),
                CommitOutcome::LostRace => panic!("nobody else writes"),
            }
        }
        self.world().land(late);
        self.world().high = from;
        self.settle_erasures(&store).await;
        let end = self.world().end; // a create that landed late may be the last file
        assert!(end >= at(from));
        assert_each_once(&store, end.offset).await;
        while merge(&store, &partition(), MergeLimits::default())
            .await
            .expect("no fault")
            .is_some()
        {}
        sweep(&store, &partition(), Position::ORIGIN)
            .await
            .expect("no fault");
        assert_each_once(&store, end.offset).await;
        let report = verify(&store).await.expect("no fault");
        let summary = &report.partitions[0];
        assert_eq!(
            (summary.files > 0, summary.superseded, summary.orphans),
            (true, 0, 0)
        );
        assert_eq!(summary.ledger_end, end);
        assert_eq!((report.erasures, summary.not_purged), (report.certified, 0));
    }

    /// Every revision that was sent before an erasure is erased, and the next purge removes it from
    /// every file.
    async fn settle_erasures(&self, store: &Store) {
        let purged = purge(store, MergeLimits::default())
            .await
            .expect("no fault");
        let log = ErasureLog::read(store).await.expect("no fault");
        assert_eq!(purged.log, log.end());
        self.hold_erasures(&log, purged.ends.first().map(|end| end.ledger_end));
        if log.end() == 0 {
            return;
        }
        let certificate = Certificate::new(purged.log, Micros(0), purged.ends, purged.files);
        certificate.create(store).await.expect("no fault");
        let certificates = erasures::certificates(store).await.expect("no fault");
        assert!(certificates.contains_key(&log.end()));
    }

    fn hold_erasures(&self, log: &ErasureLog, ledger_end: Option<Position>) {
        let erased = log.erased(&partition());
        let world = self.world();
        assert_eq!(world.entries(), log.end());
        for (record, high) in &world.erased {
            for offset in (*record..*high).step_by(RECORDS as usize) {
                assert!(
                    erased.contains(at(offset)),
                    "{offset} was sent before its erasure"
                );
            }
        }
        if let Some(ledger_end) = ledger_end {
            world.hold_certificate(0, log, log.end(), ledger_end);
        }
    }
}

fn born(actor: usize, world: &Arc<Mutex<World>>) -> Pin<Box<dyn Future<Output = ()>>> {
    let me = Actor {
        index: actor,
        world: Arc::clone(world),
    };
    Box::pin(live(ACTORS[actor], me))
}

fn shown(change: &Change) -> String {
    match change {
        Change::Put(path, payload, _) if is_of_chain(path.as_ref()) => {
            format!("put {path} to {}", footer_of(payload).next.offset)
        }
        Change::Put(path, ..) => format!("put {path}"),
        Change::Delete(path) => format!("delete {path}"),
    }
}

/// Prints the seed that failed and, if traced, each step.
struct Failing<'s> {
    seed: u64,
    schedule: &'s mut Schedule,
}

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.schedule
                .trace
                .iter()
                .flatten()
                .for_each(|step| eprintln!("{step}"));
            eprintln!(
                "alone, with each step: PARTNER_FEEDS_TEST_SEED={} cargo test --test states",
                self.seed
            );
        }
    }
}

fn run(seed: u64, traced: bool) -> Schedule {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let mut schedule = Schedule::new(seed);
    schedule.trace = traced.then(Vec::new);
    let failing = Failing {
        seed,
        schedule: &mut schedule,
    };
    runtime.expect("a runtime").block_on(async {
        failing.schedule.run().await;
        failing.schedule.settle().await;
    });
    drop(failing);
    schedule
}

fn number(name: &str) -> Option<u64> {
    Some(
        std::env::var(name)
            .ok()?
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

#[test]
fn each_record_is_one_row_in_any_order_of_acts_deaths_and_wrong_answers() {
    if let Some(seed) = number("PARTNER_FEEDS_TEST_SEED") {
        return drop(run(seed, true));
    }
    let (next, runs) = (
        AtomicU64::new(0),
        number("PARTNER_FEEDS_TEST_RUNS").unwrap_or(RUNS),
    );
    let all = Mutex::new(Seen::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= runs {
                        return;
                    }
                    let schedule = run(seed, false);
                    for (what, times) in &schedule.world().seen {
                        *all.lock()
                            .expect("no panic while held")
                            .entry(what.clone())
                            .or_default() += times;
                    }
                }
            });
        }
    });
    let all = all.into_inner().expect("no panic while held");
    println!("{all:#?}");
    for what in [
        "AnswerLost",
        "Conflict",
        "Exists",
        "Fails",
        "Late",
        "Old",
        "certain",
        "died",
        "erased",
        "gave up",
        "landed late",
        "lost",
        "merged",
        "purged",
        "read",
        "replaced",
        "verified",
    ] {
        assert!(
            all.get(what).is_some_and(|times| *times >= runs / 10),
            "{what} happened too seldom: {all:?}"
        );
    }
}

#[test]
fn a_seed_always_gives_the_same_schedule() {
    let story = |seed| {
        let told = run(seed, true).trace.expect("told");
        // The ids of attempts are the system's.
        told.into_iter()
            .map(|step| step.split('-').take(2).collect::<String>())
            .collect::<Vec<_>>()
    };
    for seed in 0..20 {
        assert_eq!(story(seed), story(seed));
    }
}
