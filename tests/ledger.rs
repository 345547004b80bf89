//! The ledger over the real code: crashes at every operation, answers that lie, rivals, merges,
//! damage.
//!
//! One oracle: the coordinates in chain and rejects are the log below the chain's end, each once;
//! and `verify` finds nothing.

mod kit;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::StreamExt;
use kit::batches::{
    assert_each_once, at, batch, erasure, is_rejected, log, partition, positions_in, prepare, seal,
};
use kit::double::{Change, Director, Double, Operation, Verdict, now};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, Result as StoreResult};
use partner_feeds::event::{Micros, Position, TopicPartition};
use partner_feeds::file_format::PROGRAM;
use partner_feeds::ledger::chain::{self, ChainError};
use partner_feeds::ledger::erasures::{Certificate, ErasureLog};
use partner_feeds::ledger::journal::{self, BatchFiles, CommitOutcome, JournalError};
use partner_feeds::ledger::merge::{MergeLimits, Swept, merge, sweep};
use partner_feeds::ledger::purge::{PurgeError, purge};
use partner_feeds::ledger::rules::LedgerRule;
use partner_feeds::ledger::verify::verify;
use partner_feeds::ledger::{
    CREATES_MAX, Footer, Gap, Purged, Tree, coordinates, rejects_file, rejects_name,
};
use partner_feeds::rejects::reader::RejectsReader;
use partner_feeds::storage::Store;
use tokio::runtime::Handle;

/// Records in the log of a test.
const LOG: i64 = 30;

/// One life of a consumer: resumes, commits batches of `cut` records, to the log's end or its first
/// error.
async fn consume(store: &Store, mut cut: impl FnMut() -> i64) -> Result<(), String> {
    let partition = partition();
    'resume: loop {
        let resume = chain::resume(store, &partition)
            .await
            .map_err(|error| error.to_string())?;
        let (mut end, mut ledger_end) = (resume.end.offset, resume.ledger_end);
        while end < LOG {
            let next = LOG.min(end + cut());
            match journal::commit(store, &partition, &batch(end, next), ledger_end).await {
                Ok(CommitOutcome::Committed {
                    ledger_end: read, ..
                }) => (end, ledger_end) = (next, read),
                Ok(CommitOutcome::LostRace) => continue 'resume,
                Err(error) => return Err(error.to_string()),
            }
        }
        return Ok(());
    }
}

// ---------------------------------------------------------------------------------------------------------
// A store with one fault.

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Not done, and an error.
    Fails,
    /// Done, and an error: the answer was lost.
    AnswerLost,
    /// Done; the client's own retry then finds the file there.
    Exists,
    /// A create that is not done, and is answered as if the file were there.
    Conflicts,
    /// A list as it was before there was anything.
    Forgets,
    /// A create that is an error and lands some operations later.
    LandsLate(u64),
    /// Not done, nor anything after it: the process is dead.
    Dies,
    /// Done, but nothing after it.
    DiesAfter,
    /// Done, after others wrote and deleted files.
    Meanwhile,
}

#[derive(Debug, Default)]
struct Script {
    /// Operations so far.
    operations: u64,
    /// Names that lists from a name on gave out so far.
    listed: u64,
    /// The operation that goes wrong, by its number.
    fault: Option<(u64, Fault)>,
    dead: bool,
    /// Creates on their way, with the operation they land before.
    late: VecDeque<(u64, Change)>,
    /// What others do: files they put, and names they delete.
    meanwhile: Vec<(String, Option<Bytes>)>,
}

/// Counts operations and lets one of them go wrong.
#[derive(Debug, Clone)]
struct OneFault {
    files: Arc<InMemory>,
    script: Arc<Mutex<Script>>,
}

impl OneFault {
    fn new(files: Arc<InMemory>, fault: Option<(u64, Fault)>) -> Self {
        let script = Script {
            fault,
            ..Script::default()
        };
        Self {
            files,
            script: Arc::new(Mutex::new(script)),
        }
    }

    /// The store whose operations it counts.
    fn store(&self) -> Store {
        Store::from_object_store(Arc::new(Double(self.clone())))
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("no panic while held")
    }

    fn operations(&self) -> u64 {
        self.script().operations
    }

    /// Counts an operation; gives its fault, after what lands or is done before it.
    fn next(&self) -> Option<Fault> {
        let (fault, landed) = {
            let mut script = self.script();
            script.operations += 1;
            let operations = script.operations;
            let (landed, late) = script
                .late
                .drain(..)
                .partition(|(due, _)| *due <= operations);
            script.late = late;
            let fault = script.fault.filter(|(n, _)| *n == operations);
            let fault = if script.dead {
                Some(Fault::Dies)
            } else {
                fault.map(|(_, fault)| fault)
            };
            script.dead |= matches!(fault, Some(Fault::Dies | Fault::DiesAfter));
            (fault, landed)
        };
        self.land(landed);
        if fault == Some(Fault::Meanwhile) {
            self.act_meanwhile();
        }
        fault
    }

    /// Others write and delete.
    fn act_meanwhile(&self) {
        let acts = std::mem::take(&mut self.script().meanwhile);
        for (path, bytes) in acts {
            let path = Path::parse(path).expect("path");
            match bytes {
                Some(bytes) => drop(now(self.files.put(&path, bytes.into())).expect("put")),
                None => now(self.files.delete(&path)).expect("deleted"),
            }
        }
    }

    fn land(&self, changes: VecDeque<(u64, Change)>) {
        for (_, change) in changes {
            drop(change.apply(&self.files)); // nobody waits for the answer
        }
    }

    /// Everything that was on its way lands.
    fn settle(&self) {
        let late = std::mem::take(&mut self.script().late);
        self.land(late);
    }
}

impl Director for OneFault {
    async fn decide(&self, operation: Operation) -> Verdict {
        if matches!(operation, Operation::Change(Change::Delete(_))) {
            return Verdict::Done;
        }
        let Some(fault) = self.next() else {
            return Verdict::Done;
        };
        match (fault, operation) {
            (Fault::Forgets, Operation::List) => Verdict::Old(usize::MAX),
            (Fault::DiesAfter | Fault::Meanwhile | Fault::Forgets, _) => Verdict::Done,
            (Fault::AnswerLost, Operation::Change(_)) => Verdict::AnswerLost,
            (Fault::Exists, Operation::Change(_)) => Verdict::Exists,
            (Fault::Conflicts, Operation::Change(_)) => Verdict::Conflict,
            (Fault::LandsLate(_), Operation::Change(_)) => Verdict::Late,
            // For who reads or lists, a lost answer and a failure are the same.
            _ => Verdict::Fails,
        }
    }

    fn read<T>(
        &self,
        changes_ago: usize,
        read: impl FnOnce(&InMemory) -> StoreResult<T>,
    ) -> StoreResult<T> {
        match changes_ago {
            0 => read(&self.files),
            _ => read(&InMemory::new()),
        }
    }

    fn defer(&self, change: Change) {
        let mut script = self.script();
        let Some((_, Fault::LandsLate(after))) = script.fault else {
            panic!("nothing is to land late");
        };
        let due = script.operations + after;
        script.late.push_back((due, change));
    }

    fn gave_name(&self) {
        self.script().listed += 1;
    }
}

fn memory() -> (Arc<InMemory>, Store) {
    let inner = Arc::new(InMemory::new());
    (inner.clone(), Store::from_object_store(inner))
}

// ---------------------------------------------------------------------------------------------------------
// Crashes and answers that lie.

#[tokio::test(start_paused = true)]
async fn each_record_is_one_row_after_any_operation_fails() {
    let (inner, _) = memory();
    let counted = OneFault::new(inner, None);
    consume(&counted.store(), || 11).await.expect("no fault");
    let operations = counted.operations();
    assert!(
        operations < 25,
        "three batches with rejects took {operations} operations"
    );

    let faults = [
        Fault::Fails,
        Fault::AnswerLost,
        Fault::Exists,
        Fault::Conflicts,
        Fault::Forgets,
        Fault::LandsLate(1),
        Fault::LandsLate(2),
        Fault::LandsLate(5),
        Fault::LandsLate(99),
        Fault::Dies,
        Fault::DiesAfter,
    ];
    for fault in faults {
        for operation in 1..=operations {
            let (inner, store) = memory();
            let double = OneFault::new(inner, Some((operation, fault)));
            let first = consume(&double.store(), || 11).await;
            assert!(
                fault != Fault::Dies || first.is_err(),
                "{fault:?} at {operation}"
            );
            // The next life cuts otherwise, while what the first sent may still land.
            consume(&store, || 7).await.expect("no fault");
            double.settle();
            assert_each_once(&store, LOG).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_create_fails_or_loses_its_answer_is_still_certain() {
    let late = [Fault::LandsLate(1), Fault::LandsLate(2)];
    for fault in [
        Fault::Fails,
        Fault::AnswerLost,
        Fault::Exists,
        Fault::Conflicts,
    ]
    .into_iter()
    .chain(late)
    {
        let (inner, store) = memory();
        let double = OneFault::new(inner, Some((2, fault))); // the rejects are the first
        let answer = journal::commit(&double.store(), &partition(), &batch(0, 10), at(0)).await;
        // Where the second create succeeded, its own answer settled it.
        let settled = !matches!(fault, Fault::Fails | Fault::Conflicts);
        assert_eq!(
            answer.expect("settled"),
            CommitOutcome::Committed {
                ledger_end: at(0),
                settled
            },
            "{fault:?}"
        );
        double.settle();
        assert_each_once(&store, 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn creates_that_never_answer_are_counted_and_not_called_failed() {
    let (inner, _) = memory();
    let double = OneFault::new(inner, Some((1, Fault::Dies)));
    let store = double.store();
    let error = journal::commit(&store, &partition(), &batch(0, 3), at(0))
        .await
        .expect_err("not settled");
    assert!(matches!(error, JournalError::Unsettled { .. }), "{error}");
    assert_eq!(
        double.operations(),
        u64::from(2 * CREATES_MAX),
        "a create and a read each"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_four_writers_each_record_is_kept_once() {
    for seed in 0..6 {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        let writers = (0..4_u64).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut state = seed * 31 + writer * 7 + 1;
                consume(&store, move || {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    1 + i64::try_from((state >> 40) % 6).expect("small")
                })
                .await
            })
        });
        for writer in futures::future::join_all(writers).await {
            writer.expect("no panic").expect("no error");
        }
        assert_each_once(&store, LOG).await;
    }
}

#[tokio::test]
async fn a_leftover_of_a_killed_writer_is_removed_below_the_end() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
    journal::commit(&store, &partition(), &batch(0, 3), at(0))
        .await
        .expect("certain");
    let staged = |offset| {
        folder.path().join(format!(
            "{}#1",
            Tree::Journal.file(&partition(), at(offset))
        ))
    };
    std::fs::write(staged(0), "half").expect("write");
    std::fs::write(staged(3), "half").expect("write");
    consume(&store, || 7).await.expect("no fault");
    assert!(!staged(0).exists(), "below the end");
    assert!(staged(3).exists(), "it might have been a live writer's");
    assert_each_once(&store, LOG).await;
    chain::resume(&store, &partition()).await.expect("resumed");
    assert!(!staged(3).exists());
}

// ---------------------------------------------------------------------------------------------------------
// Merged files.

/// Commits `cuts`, merges those below `merged`, and deletes their journal files if `swept`.
async fn merged(store: &Store, cuts: &[i64], merged: i64, swept: bool) {
    let mut from = 0;
    for &next in cuts {
        journal::commit(store, &partition(), &batch(from, next), at(0))
            .await
            .expect("certain");
        from = next;
    }
    let files = cuts.iter().filter(|next| **next <= merged).count();
    let limits = MergeLimits {
        files,
        ..MergeLimits::default()
    };
    let made = merge(store, &partition(), limits)
        .await
        .expect("merged")
        .expect("files");
    assert_eq!((made.next, made.files), (at(merged), files));
    if swept {
        let gone = sweep(store, &partition(), Position::ORIGIN)
            .await
            .expect("swept");
        assert_eq!(
            gone,
            Swept {
                journal: files,
                rejects: files,
                first: Some(at(0)),
                to: at(merged)
            }
        );
    }
}

#[tokio::test]
async fn readers_take_the_merged_file_and_the_journal_after_it() {
    for swept in [false, true] {
        let (_, store) = memory();
        merged(&store, &[4, 10, 15, 20], 10, swept).await;
        let chain = chain::read(&store, &partition()).await.expect("joins");
        assert_eq!((chain.ledger_end, chain.end), (at(10), at(20)));
        let starts: Vec<i64> = chain.files.iter().map(|file| file.from.offset).collect();
        assert_eq!(starts, [0, 10, 15]);
        assert!(chain.files[0].path.starts_with("ledger/"));
        assert_each_once(&store, 20).await;
        let report = verify(&store).await.expect("looked");
        let left = if swept { 0 } else { 2 };
        assert_eq!(
            (
                report.partitions[0].superseded,
                report.partitions[0].orphans
            ),
            (left, left)
        );
        let resume = chain::resume(&store, &partition()).await.expect("resumed");
        assert_eq!((resume.end, resume.ledger_end), (at(20), at(10)));
        assert_eq!(resume.last.expect("a last file").from, at(15));
    }
}

#[tokio::test]
async fn rejects_are_read_once_each_and_complete_while_their_files_are_merged() {
    let (_, store) = memory();
    for from in (0..30).step_by(5) {
        journal::commit(&store, &partition(), &batch(from, from + 5), at(0))
            .await
            .expect("certain");
    }
    let partition = partition();
    let mut reader = RejectsReader::new(&store, &partition, at(4), true);
    let mut read = Vec::new();
    // The first run ends before what is read next, the second covers what was read and what was
    // not.
    for files in [1, 2, 0, 0, 0, 0] {
        let Some(rejects) = reader.next().await.expect("readable") else {
            break;
        };
        for reject in rejects.map(|reject| reject.expect("a row")) {
            let raw = reject.raw.expect("what it held, merged or not");
            assert_eq!(
                (raw.value.as_deref(), raw.headers.len()),
                (Some(&b"value"[..]), 0)
            );
            read.push(reject.position.offset);
        }
        if files > 0 {
            merge(
                &store,
                &partition,
                MergeLimits {
                    files,
                    ..MergeLimits::default()
                },
            )
            .await
            .expect("merged")
            .expect("files");
            sweep(&store, &partition, Position::ORIGIN)
                .await
                .expect("swept");
        }
    }
    assert_eq!(
        read,
        (4..30)
            .filter(|offset| is_rejected(*offset))
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn rejects_that_are_missing_are_damage_to_those_who_read_them() {
    let (_, store) = memory();
    let lost = batch(0, 10);
    journal::commit(&store, &partition(), &lost, at(0))
        .await
        .expect("certain");
    store
        .delete(&rejects_file(&partition(), &lost.footer.rejects[0]))
        .await
        .expect("deleted");
    let (partition, from) = (partition(), Position::ORIGIN);
    let error = RejectsReader::new(&store, &partition, from, true)
        .next()
        .await
        .err()
        .expect("damaged");
    assert!(
        error
            .to_string()
            .contains("or a rejects file that it names, is missing"),
        "{error}"
    );
}

#[tokio::test]
async fn a_merge_takes_files_up_to_its_limits_and_copies_rows_and_gaps() {
    let (_, store) = memory();
    let lost = Gap {
        from: at(10),
        to: at(12),
        reason: "expired".into(),
        accepted_by: "ops".into(),
    };
    let expired = prepare(
        Footer {
            gaps: vec![lost.clone()],
            ..Footer::attempt(at(10), at(12))
        },
        &[],
        &[],
    );
    for batch in [batch(0, 4), batch(4, 10), expired, batch(12, 20)] {
        journal::commit(&store, &partition(), &batch, at(0))
            .await
            .expect("certain");
    }
    let size = |from| {
        let (store, path) = (&store, Tree::Journal.file(&partition(), at(from)));
        async move { store.read(&path).await.expect("read").expect("there").len() as u64 }
    };
    let rejects = store
        .list(&Tree::Rejects.folder(&partition()))
        .await
        .expect("listed");
    // What was rejected counts like what was accepted.
    let one = MergeLimits {
        bytes: size(0).await + rejects[0].bytes,
        ..MergeLimits::default()
    };
    let two = MergeLimits {
        bytes: one.bytes + size(4).await,
        ..MergeLimits::default()
    };
    let made = merge(&store, &partition(), two)
        .await
        .expect("merged")
        .expect("files");
    assert_eq!((made.next, made.files, made.rows), (at(10), 2, 8));
    let made = merge(&store, &partition(), MergeLimits::default())
        .await
        .expect("merged")
        .expect("files");
    assert_eq!((made.next, made.files, made.rows), (at(20), 2, 6));
    assert_eq!(
        merge(&store, &partition(), MergeLimits::default())
            .await
            .expect("looked"),
        None
    );
    sweep(&store, &partition(), Position::ORIGIN)
        .await
        .expect("swept");
    let chain = chain::read(&store, &partition()).await.expect("joins");
    let starts: Vec<_> = chain.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        starts,
        [
            Tree::Ledger.file(&partition(), at(0)),
            Tree::Ledger.file(&partition(), at(10))
        ]
    );
    let footer = &chain.files[1].footer;
    assert_eq!((footer.read, footer.accepted, footer.rejected), (8, 6, 2));
    assert_eq!(
        (&footer.gaps[..], &*footer.topic_id, footer.rejects.len()),
        (&[lost][..], "t", 1)
    );
    let report = verify(&store).await.expect("looked");
    assert_eq!(
        (report.findings, report.partitions[0].orphans),
        (Vec::new(), 0)
    );
}

#[tokio::test]
async fn a_merge_stops_at_the_end_of_an_era_and_at_another_schema() {
    let (_, store) = memory();
    let era = |offset| Position { era: 1, offset };
    let reset = Footer {
        gaps: vec![gap(4, era(0), "ops")],
        topic_id: "new".into(),
        ..Footer::attempt(at(4), era(0))
    };
    let after = Footer {
        topic_id: "new".into(),
        ..Footer::attempt(era(0), era(1))
    };
    let older = Footer {
        topic_id: "new".into(),
        schema: "0".into(),
        ..Footer::attempt(era(1), era(2))
    };
    for batch in [
        batch(0, 4),
        prepare(reset, &[], &[]),
        prepare(after, &[era(0)], &[]),
        prepare(older, &[era(1)], &[]),
    ] {
        journal::commit(&store, &partition(), &batch, at(0))
            .await
            .expect("certain");
    }
    for next in [at(4), era(0), era(1), era(2)] {
        let made = merge(&store, &partition(), MergeLimits::default())
            .await
            .expect("merged")
            .expect("a file");
        assert_eq!((made.next, made.files), (next, 1));
    }
}

#[tokio::test]
async fn a_file_of_a_newer_schema_is_refused_by_writers_merges_sweeps_and_readers() {
    let (_, store) = memory();
    let newer = Footer {
        schema: "3".into(),
        program: "partner-feeds 9.1.0".into(),
        ..Footer::attempt(at(4), at(8))
    };
    for batch in [batch(0, 4), prepare(newer, &[at(5)], &[at(6)])] {
        journal::commit(&store, &partition(), &batch, at(0))
            .await
            .expect("certain");
    }
    let path = Tree::Journal.file(&partition(), at(4));
    let fault = format!(
        "has format 3, and {PROGRAM} reads up to 2: use partner-feeds 9.1.0 or a later version"
    );
    let refused = format!("`{path}` {fault}");
    let resumed = chain::resume(&store, &partition()).await;
    assert_eq!(resumed.expect_err("refused").to_string(), refused);
    let merged = merge(&store, &partition(), MergeLimits::default()).await;
    assert_eq!(merged.expect_err("refused").to_string(), refused);
    let read = chain::read(&store, &partition()).await;
    let read = read.expect_err("refused").to_string();
    assert_eq!(
        read,
        format!("cannot read {path} at {}: schema: {fault}", at(4))
    );
    let report = verify(&store).await.expect("looked");
    let rules: Vec<LedgerRule> = report.findings.iter().map(|found| found.rule).collect();
    assert_eq!(rules, [LedgerRule::Schema]);

    // In the ledger, where a sweep reads which rejects are named.
    let ledger = Tree::Ledger.file(&partition(), at(0));
    let bytes = store.read(&path).await.expect("read").expect("a file");
    store.create(&ledger, bytes).await.expect("created");
    let swept = sweep(&store, &partition(), Position::ORIGIN).await;
    let swept = swept.expect_err("refused").to_string();
    assert_eq!(swept, format!("`{ledger}` {fault}"));
}

/// Whatever operation of a merge and a sweep fails, answers wrongly or lands late, the next ones
/// mend it.
#[tokio::test(start_paused = true)]
async fn each_record_is_one_row_after_any_operation_of_a_merge_fails() {
    let both = |store: Store| async move {
        merge(
            &store,
            &partition(),
            MergeLimits {
                files: 2,
                ..MergeLimits::default()
            },
        )
        .await?;
        sweep(&store, &partition(), Position::ORIGIN).await
    };
    let committed = |store: Store| async move {
        for (from, next) in [(0, 4), (4, 10), (10, 15)] {
            journal::commit(&store, &partition(), &batch(from, next), at(0))
                .await
                .expect("certain");
        }
    };
    let (inner, store) = memory();
    committed(store).await;
    let counted = OneFault::new(inner, None);
    both(counted.store()).await.expect("no fault");
    let operations = counted.operations();
    let late = [1, 2, 5, 99].map(Fault::LandsLate);
    let here = [
        Fault::Fails,
        Fault::AnswerLost,
        Fault::Exists,
        Fault::Conflicts,
        Fault::Dies,
        Fault::DiesAfter,
    ];
    for fault in here.into_iter().chain(late) {
        for operation in 1..=operations {
            let (inner, store) = memory();
            committed(store.clone()).await;
            let double = OneFault::new(inner, Some((operation, fault)));
            // The result does not matter: an error is returned, and another consumer follows.
            drop(both(double.store()).await);
            consume(&store, || 7).await.expect("no fault");
            both(store.clone()).await.expect("no fault");
            double.settle();
            assert_each_once(&store, LOG).await;
            while merge(&store, &partition(), MergeLimits::default())
                .await
                .expect("no fault")
                .is_some()
            {}
            sweep(&store, &partition(), Position::ORIGIN)
                .await
                .expect("no fault");
            let report = verify(&store).await.expect("looked");
            let left = (
                report.partitions[0].superseded,
                report.partitions[0].orphans,
            );
            assert_eq!(left, (0, 0), "{fault:?} at {operation}");
            assert_each_once(&store, LOG).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn beside_writers_and_readers_several_merges_keep_each_record_once() {
    for seed in 0..6 {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        let writing = Arc::new(AtomicBool::new(true));
        let writers = (0..2_u64).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut step = seed + writer;
                consume(&store, move || {
                    step += 1;
                    1 + i64::try_from(step % 4).expect("small")
                })
                .await
                .expect("no error");
            })
        });
        let writers: Vec<_> = writers.collect();
        let others = (0..3_usize).map(|other| {
            let (store, writing, runtime) = (store.clone(), writing.clone(), Handle::current());
            let act = async move || {
                if other == 0 {
                    let chain = chain::read(&store, &partition()).await.expect("joins");
                    assert!(chain.end >= chain.ledger_end);
                } else {
                    let limits = MergeLimits {
                        files: other + 1,
                        ..MergeLimits::default()
                    };
                    merge(&store, &partition(), limits).await.expect("merged");
                    sweep(&store, &partition(), Position::ORIGIN)
                        .await
                        .expect("swept");
                }
            };
            tokio::task::spawn_blocking(move || {
                while writing.load(Ordering::Relaxed) {
                    runtime.block_on(act());
                }
            })
        });
        let others: Vec<_> = others.collect();
        for writer in writers {
            writer.await.expect("no panic");
        }
        writing.store(false, Ordering::Relaxed);
        for other in others {
            other.await.expect("no panic");
        }
        assert_each_once(&store, LOG).await;
        let report = verify(&store).await.expect("looked");
        assert!(
            report.partitions[0].ledger_end > at(0),
            "something was merged"
        );
    }
}

#[tokio::test]
async fn a_chain_that_is_all_merged_resumes_at_the_ledgers_end() {
    let (_, store) = memory();
    merged(&store, &[4, 10], 10, true).await;
    let resume = chain::resume(&store, &partition()).await.expect("resumed");
    assert_eq!((resume.end, resume.ledger_end), (at(10), at(10)));
    let last = resume.last.expect("the ledger file");
    assert_eq!((last.from, last.topic_id.as_str()), (at(0), "t"));
}

#[tokio::test]
async fn a_journal_of_100_000_files_is_resumed_merged_and_swept_by_few_names_of_it() {
    const FILES: i64 = 100_000;
    let (inner, store) = memory();
    let small = |from| {
        let footer = Footer {
            cluster_id: "c".into(),
            topic_id: "t".into(),
            ..Footer::attempt(at(from), at(from + 1))
        };
        prepare(footer, &[at(from)], &[])
    };
    let limits = MergeLimits {
        files: 100,
        ..MergeLimits::default()
    };
    // Only files that are read have the rows that their footers state.
    let between = small(0).rows;
    for from in 0..FILES {
        let is_read = from <= limits.files as i64 || from == FILES - 1;
        let rows = if is_read {
            small(from).rows
        } else {
            between.clone()
        };
        store
            .create(&Tree::Journal.file(&partition(), at(from)), rows)
            .await
            .expect("created");
    }
    let double = OneFault::new(inner, None);
    let watched = double.store();
    let listed = || std::mem::take(&mut double.script().listed);

    let resumed = chain::resume(&watched, &partition())
        .await
        .expect("resumed");
    assert_eq!(
        (resumed.end, listed()),
        (at(FILES), FILES as u64),
        "without a hint: all"
    );
    let near = Some(at(FILES - 20));
    let hinted = chain::resume_from(&watched, &partition(), near)
        .await
        .expect("resumed");
    assert_eq!(hinted, resumed);
    assert!(listed() <= 30);
    let past = Some(at(FILES));
    assert_eq!(
        chain::resume_from(&watched, &partition(), past)
            .await
            .expect("resumed"),
        resumed,
        "nothing is there"
    );
    listed();

    let merged = merge(&watched, &partition(), limits)
        .await
        .expect("merged")
        .expect("a run");
    assert_eq!((merged.files, merged.next), (limits.files, at(100)));
    let swept = sweep(&watched, &partition(), at(0)).await.expect("swept");
    assert_eq!((swept.journal, swept.to), (limits.files, at(100)));
    assert!(listed() <= 250, "as many names as were merged, twice");
    let resumed = chain::resume_from(&watched, &partition(), Some(at(50)))
        .await
        .expect("resumed");
    assert_eq!(
        (resumed.end, resumed.ledger_end),
        (at(FILES), at(100)),
        "a hint below the ledger's end"
    );
}

#[tokio::test]
async fn a_create_under_a_name_that_was_merged_and_swept_is_lost() {
    let (_, store) = memory();
    merged(&store, &[4, 10, 15], 10, true).await;
    for from in [0, 4] {
        let answer = journal::commit(&store, &partition(), &batch(from, 9), at(0))
            .await
            .expect("settled");
        assert_eq!(answer, CommitOutcome::LostRace, "from {from}");
    }
    assert_each_once(&store, 15).await;
    let answer = journal::commit(&store, &partition(), &batch(15, 18), at(0))
        .await
        .expect("settled");
    assert_eq!(
        answer,
        CommitOutcome::Committed {
            ledger_end: at(10),
            settled: false
        },
        "an old ledger end is stepped on from"
    );
}

/// A chain 0, 4, 10 in the journal; at one operation others merge and sweep it, and a stale writer
/// makes the last name again, with another end.
async fn overtaken(operation: u64) -> (OneFault, Store) {
    let (inner, store) = memory();
    for (from, next) in [(0, 4), (4, 10)] {
        journal::commit(&store, &partition(), &batch(from, next), at(0))
            .await
            .expect("certain");
    }
    let double = OneFault::new(inner, Some((operation, Fault::Meanwhile)));
    let run = batch(0, 10);
    let (name, rejects) = run.rejects.expect("the run has rejects");
    double.script().meanwhile = vec![
        (rejects_file(&partition(), &name), Some(rejects)),
        (Tree::Ledger.file(&partition(), at(0)), Some(run.rows)),
        (Tree::Journal.file(&partition(), at(0)), None),
        (Tree::Journal.file(&partition(), at(4)), None),
        (
            Tree::Journal.file(&partition(), at(4)),
            Some(batch(4, 7).rows),
        ),
    ];
    (double, store)
}

#[tokio::test(start_paused = true)]
async fn a_merge_and_a_stale_writer_at_any_moment_move_no_end() {
    for operation in 1..20 {
        let (double, store) = overtaken(operation).await;
        let watched = double.store();
        let resume = chain::resume(&watched, &partition())
            .await
            .expect("resumed");
        assert_eq!(resume.end, at(10), "resume at {operation}");

        let (double, _) = overtaken(operation).await;
        let watched = double.store();
        let chain = chain::read(&watched, &partition()).await.expect("joins");
        assert_eq!(chain.end, at(10), "reader at {operation}");
        let (last, firsts) = chain.files.split_last().expect("files");
        assert!(
            last.footer.next == at(10) && firsts.iter().all(|file| file.footer.next == at(4)),
            "{operation}"
        );

        let (double, store_of_zombie) = overtaken(operation).await;
        double.script().meanwhile.pop();
        let zombie = double.store();
        let answer = journal::commit(&zombie, &partition(), &batch(4, 9), at(0))
            .await
            .expect("settled");
        assert_eq!(answer, CommitOutcome::LostRace, "commit at {operation}");
        double.act_meanwhile();
        assert_each_once(&store_of_zombie, 10).await;
        assert_each_once(&store, 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_mistakes_no_old_list_for_the_complete_chain() {
    for (cuts, end) in [(&[4, 10][..], 10), (&[4, 10, 15][..], 15)] {
        for operation in 1..12 {
            let (inner, store) = memory();
            merged(&store, cuts, 10, true).await;
            let double = OneFault::new(inner, Some((operation, Fault::Forgets))).store();
            let chain = chain::read(&double, &partition()).await.expect("joins");
            let found = positions_in(&store, &chain)
                .await
                .expect("read")
                .expect("there");
            // A list of the journal may be old, and what came since is not there yet.
            assert!(
                found == log(10) || found == log(end),
                "list {operation} old: {found:?}"
            );
            assert_eq!(found, log(chain.end.offset));
        }
    }
}

#[tokio::test]
async fn a_reader_learns_that_the_ledger_grew() {
    let (_, store) = memory();
    journal::commit(&store, &partition(), &batch(0, 10), at(0))
        .await
        .expect("certain");
    let chain = chain::read(&store, &partition()).await.expect("joins");
    assert!(!chain.moved(&store).await.expect("ledger"));
    store
        .create(&Tree::Ledger.file(&partition(), at(0)), batch(0, 10).rows)
        .await
        .expect("created");
    assert!(chain.moved(&store).await.expect("ledger"));
}

#[tokio::test]
async fn all_partitions_of_a_store_are_read_in_order() {
    let (_, store) = memory();
    let mut expected = Vec::new();
    for (topic, number) in [
        ("a b", 0),
        ("health.events.v1", 2),
        ("health.events.v1", 10),
    ] {
        let partition = TopicPartition {
            topic: topic.into(),
            partition: number,
        };
        journal::commit(&store, &partition, &batch(0, 5), at(0))
            .await
            .expect("certain");
        expected.push(partition);
    }
    let chains = chain::read_all(&store).await.expect("read");
    assert_eq!(
        chains
            .iter()
            .map(|chain| chain.partition.clone())
            .collect::<Vec<_>>(),
        expected
    );
    assert!(chains.iter().all(|chain| chain.end == at(5)));
}

// ---------------------------------------------------------------------------------------------------------
// Damage.

/// A chain of three files, the second as given, and the rules it breaks.
async fn check(second: BatchFiles, broken: &[LedgerRule]) {
    let (inner, store) = memory();
    let (from, next) = (second.footer.from, second.footer.next);
    journal::commit(&store, &partition(), &batch(0, 4), at(0))
        .await
        .expect("certain");
    let name = Tree::Journal.file(&partition(), from);
    inner
        .put(&name.as_str().into(), second.rows.into())
        .await
        .expect("put");
    if let Some((name, bytes)) = second.rejects {
        inner
            .put(
                &rejects_file(&partition(), &name).as_str().into(),
                bytes.into(),
            )
            .await
            .expect("put");
    }
    if next.era == 0 {
        let last = batch(next.offset, next.offset + 5);
        journal::commit(&store, &partition(), &last, at(0))
            .await
            .expect("certain");
    }
    let report = verify(&store).await.expect("looked");
    let found: Vec<LedgerRule> = report.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(found, broken, "{:?}", report.findings);
    assert!(
        report
            .findings
            .iter()
            .all(|finding| !finding.file.is_empty() && !finding.detail.is_empty())
    );
}

fn sound() -> (Footer, Vec<Position>, Vec<Position>) {
    let BatchFiles { footer, .. } = batch(4, 8);
    (footer, [4, 5, 6, 7].map(at).to_vec(), Vec::new())
}

fn gap(from: i64, to: Position, accepted_by: &str) -> Gap {
    Gap {
        from: at(from),
        to,
        reason: "expired".into(),
        accepted_by: accepted_by.into(),
    }
}

#[tokio::test]
async fn a_sound_file_breaks_no_rule() {
    let (footer, accepted, _) = sound();
    check(
        prepare(
            Footer {
                rejects: vec![],
                ..footer.clone()
            },
            &accepted,
            &[],
        ),
        &[],
    )
    .await;
    let era = Position { era: 1, offset: 0 };
    let empty = Footer {
        next: at(8),
        gaps: vec![gap(4, at(8), "ops")],
        rejects: vec![],
        ..footer.clone()
    };
    check(prepare(empty.clone(), &[], &[]), &[]).await;
    let reset = Footer {
        next: era,
        gaps: vec![gap(4, era, "ops")],
        topic_id: "new".into(),
        ..empty
    };
    check(prepare(reset, &[], &[]), &[]).await;
}

#[tokio::test(start_paused = true)]
async fn each_rule_that_is_broken_is_found() {
    let (footer, accepted, _) = sound();
    let footer = Footer {
        rejects: vec![],
        ..footer
    };
    let with = |change: &dyn Fn(&mut Footer)| {
        let mut prepared = prepare(footer.clone(), &accepted, &[]).footer;
        change(&mut prepared);
        prepared
    };
    let sealed = |change: &dyn Fn(&mut Footer)| seal(with(change), &accepted, &[]);

    let mut name = sealed(&|f| f.from = at(3));
    name.footer.from = at(4);
    check(name, &[LedgerRule::Name]).await;
    let mut join = sealed(&|f| f.next = at(9));
    join.footer.next = at(8);
    check(join, &[LedgerRule::Join]).await;
    let mut open = sealed(&|_| {});
    open.rows = open.rows.slice(..open.rows.len() - 1);
    check(open, &[LedgerRule::Open]).await;
    check(
        sealed(&|f| (f.read, f.accepted) = (5, 5)),
        &[LedgerRule::Count],
    )
    .await;
    check(
        seal(with(&|_| {}), &[4, 5, 6, 8].map(at), &[]),
        &[LedgerRule::Offsets],
    )
    .await;
    check(
        seal(with(&|_| {}), &[4, 6, 5, 7].map(at), &[]),
        &[LedgerRule::Offsets],
    )
    .await;
    check(
        seal(with(&|_| {}), &[4, 5, 5, 7].map(at), &[]),
        &[LedgerRule::Once],
    )
    .await;
    check(
        prepare(footer.clone(), &accepted, &[at(7)]),
        &[LedgerRule::Once],
    )
    .await;
    check(sealed(&|f| f.read = 5), &[LedgerRule::Read]).await;
    check(
        sealed(&|f| f.topic_id = "other".into()),
        &[LedgerRule::Source],
    )
    .await;
    check(sealed(&|f| f.schema = "99".into()), &[LedgerRule::Schema]).await;
    let era = Position { era: 1, offset: 0 };
    check(sealed(&|f| f.next = era), &[LedgerRule::Era]).await;
    check(prepare(footer.clone(), &[], &[]), &[LedgerRule::Gap]).await;
    check(
        sealed(&|f| f.gaps = vec![gap(5, at(9), "ops")]),
        &[LedgerRule::Gap],
    )
    .await;
    check(
        sealed(&|f| f.gaps = vec![gap(5, at(6), "")]),
        &[LedgerRule::Gap],
    )
    .await;

    let mut missing = prepare(footer.clone(), &accepted[..3], &accepted[3..]);
    missing.rejects = None;
    check(missing, &[LedgerRule::Rejects]).await;
    let mut fewer = prepare(footer.clone(), &accepted[..3], &accepted[3..]).footer;
    (fewer.read, fewer.rejected) = (5, 2);
    check(
        seal(fewer, &accepted[..3], &accepted[3..]),
        &[LedgerRule::Rejects],
    )
    .await;
    let mut misnamed = prepare(footer, &accepted[..3], &accepted[3..]).footer;
    misnamed.rejects = vec![rejects_name(at(5), "x")];
    check(
        seal(misnamed, &accepted[..3], &accepted[3..]),
        &[LedgerRule::Name],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_file_missing_in_the_middle_is_damage_to_readers_and_found_by_verify() {
    let (_, store) = memory();
    for (from, next) in [(0, 4), (4, 8), (8, 12)] {
        journal::commit(&store, &partition(), &batch(from, next), at(0))
            .await
            .expect("certain");
    }
    store
        .delete(&Tree::Journal.file(&partition(), at(4)))
        .await
        .expect("deleted");
    let error = chain::read(&store, &partition())
        .await
        .expect_err("damaged");
    let ChainError::Damaged { finding, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(finding.position, at(8));
    assert!(error.to_string().contains(&finding.to_string()), "{error}");
    let report = verify(&store).await.expect("checked");
    assert_eq!(report.findings, std::slice::from_ref(finding));
}

#[tokio::test]
async fn a_merge_does_not_pass_over_a_file_that_is_missing() {
    let (_, store) = memory();
    for batch in [batch(0, 4), batch(4, 10), batch(10, 20)] {
        journal::commit(&store, &partition(), &batch, at(0))
            .await
            .expect("certain");
    }
    let missing = Tree::Journal.file(&partition(), at(4));
    store.delete(&missing).await.expect("deleted");
    let made = merge(&store, &partition(), MergeLimits::default())
        .await
        .expect("merged")
        .expect("files");
    assert_eq!(made.next, at(4));
    let error = merge(&store, &partition(), MergeLimits::default())
        .await
        .expect_err("nothing joins");
    assert_eq!(error.unreadable(), Some(&*missing));
}

#[tokio::test]
async fn a_merge_does_not_pass_over_rejects_that_are_missing() {
    let (_, store) = memory();
    let second = batch(4, 10);
    let missing = rejects_file(&partition(), &second.footer.rejects[0]);
    for batch in [batch(0, 4), second, batch(10, 20)] {
        journal::commit(&store, &partition(), &batch, at(0))
            .await
            .expect("certain");
    }
    store.delete(&missing).await.expect("deleted");
    let error = merge(&store, &partition(), MergeLimits::default())
        .await
        .expect_err("rejects are missing");
    assert_eq!(error.unreadable(), Some(&*missing));
}

#[tokio::test]
async fn a_file_under_anothers_name_is_neither_merged_nor_resumed_from() {
    let (inner, store) = memory();
    for (from, next) in [(0, 4), (4, 8), (8, 12)] {
        journal::commit(&store, &partition(), &batch(from, next), at(0))
            .await
            .expect("certain");
    }
    let name = |from| Tree::Journal.file(&partition(), at(from));
    let put = async |from, bytes: Bytes| {
        drop(
            inner
                .put(&name(from).as_str().into(), bytes.into())
                .await
                .expect("put"),
        );
    };
    let get = async |path: String| {
        inner
            .get(&path.as_str().into())
            .await
            .expect("get")
            .bytes()
            .await
            .expect("bytes")
    };
    let (second, third) = (get(name(4)).await, get(name(8)).await);

    // As its rows would be taken for those that its place lacks, and those swept away.
    put(4, third.clone()).await;
    let error = merge(&store, &partition(), MergeLimits::default())
        .await
        .expect_err("refused");
    assert_eq!(error.unreadable(), Some(&*name(4)), "{error}");
    assert_eq!(
        chain::resume(&store, &partition())
            .await
            .expect("resumed")
            .end,
        at(12),
        "the last file is whole"
    );

    put(4, second.clone()).await;
    put(8, second).await;
    let error = chain::resume(&store, &partition())
        .await
        .expect_err("refused");
    assert!(
        matches!(&error, ChainError::Ledger(error) if error.unreadable() == Some(&*name(8))),
        "{error}"
    );

    put(8, third).await;
    merge(&store, &partition(), MergeLimits::default())
        .await
        .expect("merged")
        .expect("files");
    assert_each_once(&store, 12).await;
    let misnamed = Tree::Ledger.file(&partition(), at(12));
    let merged = get(Tree::Ledger.file(&partition(), at(0))).await;
    inner
        .put(&misnamed.as_str().into(), merged.into())
        .await
        .expect("put");
    let error = chain::resume(&store, &partition())
        .await
        .expect_err("refused");
    assert!(
        matches!(&error, ChainError::Ledger(error) if error.unreadable() == Some(&*misnamed)),
        "{error}"
    );
}

#[tokio::test]
async fn a_ledger_file_that_cannot_be_read_is_found() {
    let (inner, store) = memory();
    journal::commit(&store, &partition(), &batch(0, 4), at(0))
        .await
        .expect("certain");
    let path = Tree::Ledger.file(&partition(), at(0));
    inner
        .put(&path.as_str().into(), "not Parquet".into())
        .await
        .expect("put");
    let report = verify(&store).await.expect("looked");
    assert_eq!(
        report
            .findings
            .iter()
            .map(|f| (f.rule, f.file.as_str()))
            .collect::<Vec<_>>(),
        [(LedgerRule::Open, &*path)]
    );
}

#[tokio::test]
async fn a_store_without_partitions_is_ok() {
    let (inner, store) = memory();
    let report = verify(&store).await.expect("looked");
    assert!(report.partitions.is_empty() && report.findings.is_empty());
    assert_eq!(inner.list(None).count().await, 0);
}

// ---------------------------------------------------------------------------------------------------------
// Erasures.

/// Rows to erase, in two ledger files and in rejects.
const ERASED: [i64; 4] = [1, 3, 12, 13];

/// Two ledger files of ten records each, then five in the journal.
async fn two_files() -> (Arc<InMemory>, Store) {
    let (inner, store) = memory();
    for (from, next) in [(0, 10), (10, 20)] {
        journal::commit(&store, &partition(), &batch(from, next), at(from))
            .await
            .expect("certain");
        merge(&store, &partition(), MergeLimits::default())
            .await
            .expect("merged");
        sweep(&store, &partition(), Position::ORIGIN)
            .await
            .expect("swept");
    }
    journal::commit(&store, &partition(), &batch(20, 25), at(20))
        .await
        .expect("certain");
    (inner, store)
}

/// Every file that differs in another store.
async fn changes(from: &Arc<InMemory>, to: &Store) -> Vec<(String, Option<Bytes>)> {
    let mut changed = Vec::new();
    let mut listed = to_object_store(from).list(None);
    let mut names: Vec<String> = Vec::new();
    while let Some(file) = listed.next().await {
        names.push(file.expect("listed").location.to_string());
    }
    for name in names {
        let own = Store::from_object_store(from.clone())
            .read(&name)
            .await
            .expect("read");
        if to.read(&name).await.expect("read") != own {
            changed.push((name, own));
        }
    }
    changed
}

fn to_object_store(files: &Arc<InMemory>) -> Arc<dyn ObjectStore> {
    files.clone()
}

async fn has_erased_row(store: &Store) -> bool {
    for tree in [Tree::Ledger, Tree::Journal, Tree::Rejects] {
        let folder = tree.folder(&partition());
        for entry in store.list(&folder).await.expect("listed") {
            let path = format!("{folder}/{}", entry.name);
            let bytes = store.read(&path).await.expect("read").expect("a file");
            let rows = coordinates(&path, bytes).expect("rows");
            if rows.iter().any(|row| ERASED.contains(&row.offset)) {
                return true;
            }
        }
    }
    false
}

#[tokio::test(start_paused = true)]
async fn an_erased_record_is_read_by_nobody_and_purged_from_every_file_after_any_fault() {
    let (inner, _) = two_files().await;
    let counted = OneFault::new(Arc::new(inner.fork()), None);
    let work = async |store: &Store| -> Result<(), String> {
        let mut log = ErasureLog::read(store)
            .await
            .map_err(|error| error.to_string())?;
        if log.end() == 0 {
            log.append(store, erasure(&ERASED))
                .await
                .map_err(|error| error.to_string())?;
        }
        let purged = purge(store, MergeLimits::default()).await;
        purged.map(drop).map_err(|error| error.to_string())
    };
    work(&counted.store()).await.expect("no fault");
    let operations = counted.operations();
    for operation in 1..=operations {
        for fault in [
            Fault::AnswerLost,
            Fault::LandsLate(3),
            Fault::LandsLate(99),
            Fault::Dies,
        ] {
            let files = Arc::new(inner.fork());
            let faulty = OneFault::new(files.clone(), Some((operation, fault)));
            drop(work(&faulty.store()).await);
            faulty.settle();
            let store = Store::from_object_store(files);
            work(&store).await.expect("no fault");
            assert!(!has_erased_row(&store).await, "{fault:?} at {operation}");
            assert_each_once(&store, 25).await;
            let log = ErasureLog::read(&store).await.expect("a log");
            assert_eq!(
                log.erased(&partition()).count(at(0), at(25)),
                4,
                "{fault:?} at {operation}"
            );
        }
    }
}

#[tokio::test]
async fn a_reader_gets_the_rows_of_one_state_of_the_log_whenever_a_record_is_erased_and_purged() {
    let (inner, _) = two_files().await;
    let after = Arc::new(inner.fork());
    let purged = Store::from_object_store(after.clone());
    let mut log = ErasureLog::default();
    log.append(&purged, erasure(&ERASED)).await.expect("erased");
    purge(&purged, MergeLimits::default())
        .await
        .expect("purged");
    let (mut without, mut with) = (0, 0);
    for operation in 1.. {
        let files = Arc::new(inner.fork());
        let changed = changes(&after, &Store::from_object_store(files.clone())).await;
        assert!(
            changed.len() >= 4,
            "an entry, two ledger files and two rejects files"
        );
        let double = OneFault::new(files, Some((operation, Fault::Meanwhile)));
        double.script().meanwhile = changed;
        let store = double.store();
        let found = loop {
            let chain = chain::read(&store, &partition()).await.expect("joins");
            let found = positions_in(&store, &chain).await.expect("read");
            let moved = chain.moved(&store).await.expect("read");
            if !moved && !chain.has_new_erasure(&store).await.expect("read") {
                break found.expect("every file");
            }
        };
        let kept: Vec<Position> = log_without(&ERASED);
        if found == kept {
            without += 1;
        } else {
            assert_eq!(found, self::log(25), "erased at operation {operation}");
            with += 1;
        }
        if double.operations() < operation {
            break;
        }
    }
    assert!(without > 10 && with > 0, "{without} and {with}");
}

/// The log below its end without some offsets.
fn log_without(offsets: &[i64]) -> Vec<Position> {
    let mut kept = log(25);
    kept.retain(|position| !offsets.contains(&position.offset));
    kept
}

#[tokio::test(start_paused = true)]
async fn a_purge_finds_what_another_put_back_after_it_had_replaced_a_file() {
    let (inner, store) = two_files().await;
    let mut log = ErasureLog::default();
    log.append(&store, erasure(&ERASED)).await.expect("erased");
    let path = Tree::Ledger.file(&partition(), at(0));
    let before = store.read(&path).await.expect("read");
    let mut found = 0;
    for operation in 1.. {
        let files = Arc::new(inner.fork());
        let double = OneFault::new(files.clone(), Some((operation, Fault::Meanwhile)));
        double.script().meanwhile = vec![(path.clone(), before.clone())];
        let store = Store::from_object_store(files);
        let report = purge(&double.store(), MergeLimits::default())
            .await
            .expect("purged");
        // The file was replaced a second time.
        found += u64::from(report.files.ledger > 2 && !has_erased_row(&store).await);
        let chain = chain::read(&store, &partition()).await.expect("joins");
        assert_eq!(
            positions_in(&store, &chain).await.expect("read"),
            Some(log_without(&ERASED))
        );
        purge(&store, MergeLimits::default()).await.expect("purged");
        assert!(
            !has_erased_row(&store).await,
            "put back at operation {operation}"
        );
        if double.operations() < operation {
            break;
        }
    }
    assert!(found > 5, "{found}");
}

#[test]
fn a_chain_reaches_the_end_of_its_log_only_if_it_is_of_that_log() {
    for (first, end, now, reached) in [
        (0, 25, 25, true),
        (0, 25, 90, true),
        (0, 26, 26, false),
        (0, 24, 24, false),
        // The log grew, and the chain with it, since the request began.
        (0, 24, 25, true),
        (0, 24, 90, true),
        (25, 25, 25, true),
        (26, 26, 26, true),
        (26, 27, 27, false),
        (0, 0, 0, true),
    ] {
        let found = chain::reaches(25, (first, end), now);
        assert_eq!(found, reached, "{first} to {end}, now {now}");
    }
}

#[tokio::test]
async fn an_erased_row_of_the_journal_is_merged_first_and_then_purged() {
    const IN_JOURNAL: i64 = 22;
    let (_, store) = two_files().await;
    let mut log = ErasureLog::default();
    let erased = erasure(&[IN_JOURNAL]);
    log.append(&store, erased).await.expect("erased");
    let report = purge(&store, MergeLimits::default()).await.expect("purged");
    assert_eq!(report.files.ledger, 1);
    let chain = chain::read(&store, &partition()).await.expect("joins");
    assert_eq!(chain.ledger_end, at(25));
    for file in &chain.files {
        let bytes = store.read(&file.path).await.expect("read").expect("a file");
        let rows = coordinates(&file.path, bytes).expect("rows");
        assert!(rows.iter().all(|row| row.offset != IN_JOURNAL));
    }
    let journal = Tree::Journal.folder(&partition());
    assert_eq!(store.list(&journal).await.expect("listed").len(), 0);
}

#[tokio::test]
async fn a_purge_removes_what_killed_writers_left_below_the_ledger_end() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
    let file = batch(0, 10);
    let committed = journal::commit(&store, &partition(), &file, at(0)).await;
    committed.expect("certain");
    let merged = merge(&store, &partition(), MergeLimits::default()).await;
    merged.expect("merged");
    let mut log = ErasureLog::default();
    log.append(&store, erasure(&ERASED[..2]))
        .await
        .expect("erased");
    // Copies with the erased rows, and one that a merge may be writing.
    let name = rejects_name(at(0), "0123456789abcdef");
    let staged = [
        Tree::Journal.file(&partition(), at(0)) + "#1",
        Tree::Ledger.file(&partition(), at(0)) + "#1",
        rejects_file(&partition(), &name) + "#2",
        Tree::Ledger.file(&partition(), at(10)) + "#1",
    ];
    for path in &staged {
        std::fs::write(folder.path().join(path), &file.rows).expect("written");
    }
    let report = purge(&store, MergeLimits::default()).await.expect("purged");
    assert_eq!(report.files.temporary_removed, 3);
    let left = staged
        .each_ref()
        .map(|path| folder.path().join(path).exists());
    assert_eq!(left, [false, false, false, true]);
    let certificate = Certificate::new(1, Micros(0), report.ends, report.files);
    certificate.create(&store).await.expect("certified");
    // What a killed merge leaves after the erased rows is not theirs.
    let file = batch(10, 20);
    let committed = journal::commit(&store, &partition(), &file, at(10)).await;
    committed.expect("certain");
    let merged = merge(&store, &partition(), MergeLimits::default()).await;
    merged.expect("merged");
    assert_eq!(verify(&store).await.expect("looked").findings, []);
    std::fs::write(folder.path().join(&staged[0]), &file.rows).expect("written");
    let findings = verify(&store).await.expect("looked").findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
}

#[tokio::test]
async fn rows_that_are_missing_without_an_erasure_are_damage_that_a_purge_does_not_hide() {
    let (_, store) = two_files().await;
    let mut log = ErasureLog::default();
    log.append(&store, erasure(&ERASED)).await.expect("erased");
    purge(&store, MergeLimits::default()).await.expect("purged");
    let path = Tree::Ledger.file(&partition(), at(0));
    let bytes = store.read(&path).await.expect("read").expect("a file");
    // A file that claims one more erased row than the log lists.
    let rows = coordinates(&path, bytes).expect("rows");
    let footer = chain::read(&store, &partition())
        .await
        .expect("joins")
        .files[0]
        .footer
        .clone();
    let mut forged = footer.clone();
    forged.accepted -= 1;
    forged.purged = footer.purged.map(|purged| Purged {
        erased: purged.erased + 1,
        ..purged
    });
    let file = seal(forged, &rows[1..], &[]);
    store.replace(&path, file.rows).await.expect("replaced");
    let report = verify(&store).await.expect("looked");
    let rules: Vec<LedgerRule> = report.findings.iter().map(|found| found.rule).collect();
    assert_eq!(rules, [LedgerRule::Erased]);
    log.append(&store, erasure(&[5])).await.expect("erased");
    let purged = purge(&store, MergeLimits::default()).await;
    assert!(
        matches!(purged, Err(PurgeError::RowsMissing { .. })),
        "{purged:?}"
    );
}
