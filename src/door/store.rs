//! What a door has of the store, if it has one: paused partners, scorecards, answers about records,
//! and the counts of what it refused.
//!
//! It writes only its own file of counts. Questions that read many files run one at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::civil;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Report;
use super::limits::retry_seconds;
use super::problem::{Problem, ProblemKind};
use super::random_bytes;
use crate::door_refusals::{DoorRefusal, DoorRefusals};
use crate::event::Micros;
use crate::file_format;
use crate::hex;
use crate::paused;
use crate::scorecard;
use crate::storage::Store;

/// How often the counts of refusals are written.
pub(super) const WRITE_INTERVAL: Duration = Duration::from_mins(1);
/// How many questions a partner may ask in that time.
const QUESTIONS_MAX: usize = 30;
const QUESTIONS_TIME: Duration = Duration::from_mins(1);
/// How long a question may wait for the one before it.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

/// The store of a door.
pub(super) struct DoorStore {
    pub(super) store: Store,
    /// Names the door's file of counts.
    instance: String,
    paused: RwLock<BTreeSet<String>>,
    refusals: Mutex<RefusalsByDay>,
    /// When each partner asked its last questions.
    questions: Mutex<HashMap<String, VecDeque<Instant>>>,
    turn: Arc<Semaphore>,
}

/// What the door refused on the days whose counts are not written for the last time.
#[derive(Default)]
struct RefusalsByDay {
    days: BTreeMap<civil::Date, DoorRefusals>,
    /// Whether something was counted since they were written.
    is_changed: bool,
}

impl DoorStore {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            instance: hex::encode(&random_bytes::<8>()),
            paused: RwLock::default(),
            refusals: Mutex::default(),
            questions: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Reads the list of paused partners again; if that fails, the previous list stays.
    pub(super) async fn refresh_paused(&self) {
        match paused::partners(&self.store).await {
            Ok(paused) => {
                *self.paused.write().unwrap_or_else(PoisonError::into_inner) = paused;
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::warn!(
                    error = format!("{error:#}"),
                    "cannot read the list of paused partners; keeping the previous one"
                );
            }
        }
    }

    /// Fails if a partner is paused.
    pub(super) fn check_not_paused(&self, partner: &str) -> Result<(), Problem> {
        let paused = self.paused.read().unwrap_or_else(PoisonError::into_inner);
        if paused.contains(partner) {
            let detail = "too many of your events in a row were refused; fix them, check them at /v1/check, and ask the \
                          partnership to resume you";
            return Err(Problem::new(ProblemKind::Paused, detail));
        }
        Ok(())
    }

    /// Counts what was refused of a request.
    pub(super) fn count_refusals(&self, partner: &str, report: &Report, now: Micros) {
        let mut refusals = self.lock_refusals();
        for result in &report.results {
            let Some(fault) = &result.fault else {
                continue;
            };
            let refusal = DoorRefusal {
                partner: partner.to_owned(),
                kind: result.kind.map(|kind| kind.as_str().to_owned()),
                reason: fault.reason.to_owned(),
                pointer: fault.pointer.clone(),
                rule: fault.rule.to_string(),
            };
            let of_day = refusals.days.entry(now.in_london().date());
            of_day.or_default().add(refusal, 1);
            refusals.is_changed = true;
        }
    }

    /// Writes the counts, if there are new ones. Those of earlier days are then forgotten.
    pub(super) async fn write_refusals(&self, now: Micros) {
        let days = {
            let mut refusals = self.lock_refusals();
            if !std::mem::take(&mut refusals.is_changed) {
                return;
            }
            refusals.days.clone()
        };
        let today = now.in_london().date();
        for (day, counts) in days {
            if let Err(error) = counts.write(&self.store, day, &self.instance).await {
                self.lock_refusals().is_changed = true;
                let error = anyhow::Error::from(error);
                tracing::warn!(
                    error = format!("{error:#}"),
                    "refusals not written: they are written again in a minute"
                );
                return;
            }
            if day < today {
                self.lock_refusals().days.remove(&day);
            }
        }
    }

    fn lock_refusals(&self) -> std::sync::MutexGuard<'_, RefusalsByDay> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file of a partner's scorecard.
    pub(super) async fn scorecard(&self, partner: &str, name: &str) -> Result<Bytes, Problem> {
        let path = format!("{}/{name}", scorecard::folder_of(partner));
        match self.store.read(&path).await {
            Ok(Some(bytes)) if name == scorecard::DATA => {
                match file_format::check_json(&path, &bytes, file_format::SCORECARD) {
                    Ok(()) => Ok(bytes),
                    Err(newer) => Err(store_problem(&newer.into())),
                }
            }
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Problem::new(
                ProblemKind::NoScorecard,
                "the first is written the night after your first record",
            )),
            Err(error) => Err(store_problem(&error.into())),
        }
    }

    /// Admits a question of a partner, once the one before it is answered.
    pub(super) async fn admit_question(
        &self,
        partner: &str,
        now: Instant,
    ) -> Result<OwnedSemaphorePermit, Problem> {
        self.count_question(partner, now)?;
        let turn = Arc::clone(&self.turn).acquire_owned();
        let turn = tokio::time::timeout(TURN_TIMEOUT, turn).await;
        turn.ok().and_then(Result::ok).ok_or_else(|| {
            let detail = "other questions are being answered";
            Problem::new(ProblemKind::Busy, detail).retry_after(retry_seconds())
        })
    }

    fn count_question(&self, partner: &str, now: Instant) -> Result<(), Problem> {
        let mut all = self
            .questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let asked = all.entry(partner.to_owned()).or_default();
        while let Some(oldest) = asked.front()
            && now.saturating_duration_since(*oldest) >= QUESTIONS_TIME
        {
            asked.pop_front();
        }
        if let Some(oldest) = asked.front()
            && asked.len() >= QUESTIONS_MAX
        {
            let left = QUESTIONS_TIME.saturating_sub(now.saturating_duration_since(*oldest));
            let detail = format!("a partner may ask {QUESTIONS_MAX} questions a minute");
            return Err(Problem::new(ProblemKind::Rate, detail).retry_after(left.as_secs().max(1)));
        }
        asked.push_back(now);
        Ok(())
    }
}

/// The problem of a store that does not answer; the log has the cause.
pub(super) fn store_problem(error: &anyhow::Error) -> Problem {
    tracing::warn!(
        error = format!("{error:#}"),
        "the store does not answer a partner"
    );
    let detail = "the partnership's operator can see why";
    Problem::new(ProblemKind::Store, detail).retry_after(retry_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &tempfile::TempDir) -> DoorStore {
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        DoorStore::new(store)
    }

    #[tokio::test]
    async fn a_partner_asks_thirty_questions_a_minute_and_another_is_not_affected() {
        let folder = tempfile::tempdir().expect("folder");
        let (store, start) = (store(&folder), Instant::now());
        let ask = async |partner: &str, seconds: u64| {
            let asked = store.admit_question(partner, start + Duration::from_secs(seconds));
            let asked = asked.await.map(drop);
            asked.map_err(|problem| (problem.kind, problem.retry_after))
        };
        for _ in 0..QUESTIONS_MAX {
            assert_eq!(ask("kent-police", 0).await, Ok(()));
        }
        assert_eq!(
            ask("kent-police", 15).await,
            Err((ProblemKind::Rate, Some(45)))
        );
        assert_eq!(ask("maidstone-bc", 15).await, Ok(()));
        assert_eq!(ask("kent-police", 60).await, Ok(()));
    }

    #[tokio::test]
    async fn questions_run_one_at_a_time() {
        let folder = tempfile::tempdir().expect("folder");
        let store = store(&folder);
        let first = store
            .admit_question("a", Instant::now())
            .await
            .expect("admitted");
        let second = store.admit_question("b", Instant::now());
        let mut second = std::pin::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        drop(second.await.expect("its turn"));
    }
}
