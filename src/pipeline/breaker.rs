//! The breaker: pauses a partner whose records are rejected one after another, and no other.
//!
//! Workers report each record to it. While no partner has a reject since its last accepted record
//! and none is paused, that costs them two loads. It must not touch the store on their threads: a
//! task creates the file of a partner that is to be paused, and reads the list of paused partners
//! every few seconds ([`crate::paused`]), since other processes pause and resume them too.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::contract::record::partner_of;
use crate::contract::{Reason, Rejection};
use crate::event::Micros;
use crate::paused::{self, PausedPartner};
use crate::storage::{StorageError, Store};

/// How often the list of paused partners is read.
pub const POLL_PAUSED: Duration = Duration::from_secs(5);

/// Counts each partner's rejects in a row.
pub(super) struct Breaker {
    /// Rejects in a row after which a partner is paused; 0 = never.
    limit: u32,
    partners: HashMap<String, PartnerState>,
    /// How many partners are paused.
    paused: AtomicUsize,
    /// How many have a reject since their last accepted record.
    suspects: AtomicUsize,
    to_pause: mpsc::UnboundedSender<(String, PausedPartner)>,
}

#[derive(Default)]
struct PartnerState {
    /// Rejects since the last accepted record.
    rejects: AtomicU32,
    reasons: Mutex<BTreeMap<Reason, u64>>,
    paused: AtomicBool,
}

/// Partners that are to be paused.
pub(super) type ToPause = mpsc::UnboundedReceiver<(String, PausedPartner)>;

impl Breaker {
    /// For some partners, by name.
    pub(super) fn new<'n>(
        limit: u32,
        names: impl IntoIterator<Item = &'n String>,
    ) -> (Arc<Self>, ToPause) {
        let (to_pause, waiting) = mpsc::unbounded_channel();
        let partners = names
            .into_iter()
            .map(|name| (name.clone(), PartnerState::default()))
            .collect();
        let breaker = Self {
            limit,
            partners,
            paused: AtomicUsize::new(0),
            suspects: AtomicUsize::new(0),
            to_pause,
        };
        (Arc::new(breaker), waiting)
    }

    /// Whether the partner of a source is paused.
    pub(super) fn is_paused(&self, source: &str) -> bool {
        self.paused.load(Ordering::Relaxed) > 0
            && self
                .partners
                .get(partner_of(source))
                .is_some_and(|partner| partner.paused.load(Ordering::Relaxed))
    }

    /// A record was accepted.
    pub(super) fn accepted(&self, source: &str) {
        if self.suspects.load(Ordering::Relaxed) > 0
            && let Some(partner) = self.partners.get(partner_of(source))
        {
            self.reset(partner);
        }
    }

    fn reset(&self, partner: &PartnerState) {
        if partner.rejects.load(Ordering::Relaxed) > 0
            && partner.rejects.swap(0, Ordering::Relaxed) > 0
        {
            self.suspects.fetch_sub(1, Ordering::Relaxed);
            partner
                .reasons
                .lock()
                .expect("no panic under the lock")
                .clear();
        }
    }

    /// A record was rejected. A rejection because the partner is paused does not count.
    pub(super) fn rejected(&self, rejection: &Rejection, received: Micros) {
        let Some((name, partner)) = rejection
            .partner
            .as_ref()
            .and_then(|name| self.partners.get_key_value(name))
        else {
            return;
        };
        if self.limit == 0 || rejection.reason == Reason::PartnerPaused {
            return;
        }
        let mut reasons = partner.reasons.lock().expect("no panic under the lock");
        *reasons.entry(rejection.reason).or_default() += 1;
        let rejects = partner.rejects.fetch_add(1, Ordering::Relaxed) + 1;
        if rejects == 1 {
            self.suspects.fetch_add(1, Ordering::Relaxed);
        }
        // Again at each multiple, in case the store failed.
        if rejects.is_multiple_of(self.limit) {
            let reasons = reasons
                .iter()
                .map(|(reason, count)| (reason.to_string(), *count))
                .collect();
            let paused = PausedPartner {
                since: received.to_string(),
                rejects: rejects.into(),
                reasons,
            };
            drop(self.to_pause.send((name.clone(), paused))); // the run may be ending
        }
    }

    /// Pauses partners and follows the list of paused ones, until it is dropped.
    pub(super) async fn run(self: Arc<Self>, store: Store, mut to_pause: ToPause) {
        let mut polls = tokio::time::interval(POLL_PAUSED);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = polls.tick() => self.poll(&store).await,
                Some((partner, why)) = to_pause.recv() => self.pause(&store, &partner, &why).await,
            };
            if let Err(error) = done {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(
                    error,
                    "cannot read the list of paused partners; keeping the previous one"
                );
            }
        }
    }

    /// Reads the list of paused partners.
    pub(super) async fn poll(&self, store: &Store) -> Result<(), StorageError> {
        let paused = paused::partners(store).await?;
        for (name, partner) in &self.partners {
            let is_paused = paused.contains(name);
            match (self.set_paused(partner, is_paused), is_paused) {
                (false, true) => {
                    tracing::warn!(
                        partner = name,
                        "partner paused: its records wait among the rejects"
                    );
                }
                (true, false) => {
                    self.reset(partner);
                    tracing::info!(partner = name, "partner resumed");
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn pause(
        &self,
        store: &Store,
        name: &str,
        why: &PausedPartner,
    ) -> Result<(), StorageError> {
        let Some(partner) = self.partners.get(name) else {
            return Ok(());
        };
        paused::pause(store, name, why).await?;
        if !self.set_paused(partner, true) {
            let (rejects, reasons) = (why.rejects, &why.reasons);
            tracing::error!(
                partner = name,
                rejects,
                ?reasons,
                "partner paused: it sent only rejects; its records wait among them until \
                 `partner-feeds partners resume`"
            );
        }
        Ok(())
    }

    /// Sets whether a partner is paused; returns whether it was before.
    fn set_paused(&self, partner: &PartnerState, paused: bool) -> bool {
        let was = partner.paused.swap(paused, Ordering::Relaxed);
        match (was, paused) {
            (false, true) => drop(self.paused.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.paused.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "urn:partner:a:x";
    const B: &str = "urn:partner:b:x";

    fn rejection(partner: &str, reason: Reason) -> Rejection {
        Rejection {
            reason,
            pointer: String::new(),
            rule: "".into(),
            partner: Some(partner.to_owned()),
            kind: None,
            more: Vec::new(),
        }
    }

    fn breaker(limit: u32) -> (Arc<Breaker>, ToPause) {
        Breaker::new(limit, &["a".to_owned(), "b".to_owned()])
    }

    #[test]
    fn only_rejects_in_a_row_of_one_partner_count() {
        let (breaker, mut to_pause) = breaker(3);
        let mut reject = |partner, reason| {
            breaker.rejected(&rejection(partner, reason), Micros(0));
            to_pause.try_recv().ok()
        };
        assert_eq!(reject("a", Reason::SchemaEnum), None);
        assert_eq!(reject("b", Reason::SchemaEnum), None);
        assert_eq!(reject("a", Reason::SchemaEnum), None);
        breaker.accepted(A);
        assert_eq!(reject("a", Reason::SchemaType), None);
        assert_eq!(reject("nobody", Reason::SchemaType), None);
        breaker.accepted(B);
        assert_eq!(reject("a", Reason::PersonalEmail), None);
        assert_eq!(reject("a", Reason::PartnerPaused), None, "is not counted");
        let reasons = [
            ("personal.email".to_owned(), 1),
            ("schema.type".to_owned(), 2),
        ];
        let paused = PausedPartner {
            since: "1970-01-01T00:00:00Z".to_owned(),
            rejects: 3,
            reasons: reasons.into(),
        };
        assert_eq!(
            reject("a", Reason::SchemaType),
            Some(("a".to_owned(), paused))
        );
        assert_eq!(breaker.suspects.load(Ordering::Relaxed), 1);
        breaker.accepted(A);
        assert_eq!(breaker.suspects.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_limit_of_0_pauses_nobody() {
        let (breaker, mut to_pause) = breaker(0);
        for _ in 0..10 {
            breaker.rejected(&rejection("a", Reason::SchemaEnum), Micros(0));
        }
        assert!(to_pause.try_recv().is_err());
    }

    #[tokio::test]
    async fn the_store_decides_who_is_paused() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        let ((one, _), (other, _)) = (breaker(3), breaker(3));
        one.pause(&store, "a", &PausedPartner::default())
            .await
            .expect("paused");
        assert_eq!(
            (one.is_paused(A), one.is_paused(B), other.is_paused(A)),
            (true, false, false)
        );
        other.poll(&store).await.expect("read");
        assert!(other.is_paused(A));
        other.rejected(&rejection("a", Reason::SchemaEnum), Micros(0));
        paused::resume(&store, "a").await.expect("resumed");
        for breaker in [&one, &other] {
            breaker.poll(&store).await.expect("read");
            assert!(!breaker.is_paused(A));
            assert_eq!(
                (
                    breaker.paused.load(Ordering::Relaxed),
                    breaker.suspects.load(Ordering::Relaxed)
                ),
                (0, 0)
            );
        }
    }
}
