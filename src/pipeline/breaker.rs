//! The breaker: a partner of which one record after another is refused is parked, and stops nobody
//! else.
//!
//! Workers tell it of each record; while no partner has a reject since its last accepted record and
//! none is parked, that costs them two loads. It refuses to touch the store on their threads: a
//! task creates the file of a partner that is to be parked, and looks every few seconds which are
//! ([`crate::parked`]), whoever parked or released them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::contract::record::partner_of;
use crate::contract::{Reason, Rejection};
use crate::event::Micros;
use crate::parked::{self, Parked};
use crate::storage::{StorageError, Store};

/// How often it is looked who is parked.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is known of the partners.
pub(super) struct Breaker {
    /// Rejects in a row for which a partner is parked; 0 = none is.
    limit: u32,
    partners: HashMap<String, Partner>,
    /// How many partners are parked.
    parked: AtomicUsize,
    /// How many have a reject since their last accepted record.
    suspects: AtomicUsize,
    to_park: mpsc::UnboundedSender<(String, Parked)>,
}

#[derive(Default)]
struct Partner {
    /// Rejects since the last accepted record.
    rejects: AtomicU32,
    reasons: Mutex<BTreeMap<Reason, u64>>,
    parked: AtomicBool,
}

/// Those that are to be parked.
pub(super) type ToPark = mpsc::UnboundedReceiver<(String, Parked)>;

impl Breaker {
    /// For some partners, by name.
    pub(super) fn new<'n>(
        limit: u32,
        names: impl IntoIterator<Item = &'n String>,
    ) -> (Arc<Self>, ToPark) {
        let (to_park, waiting) = mpsc::unbounded_channel();
        let partners = names
            .into_iter()
            .map(|name| (name.clone(), Partner::default()))
            .collect();
        let breaker = Self {
            limit,
            partners,
            parked: AtomicUsize::new(0),
            suspects: AtomicUsize::new(0),
            to_park,
        };
        (Arc::new(breaker), waiting)
    }

    /// Whether the partner of a source is parked.
    pub(super) fn is_parked(&self, source: &str) -> bool {
        let of = || self.partners.get(partner_of(source));
        self.parked.load(Ordering::Relaxed) > 0
            && of().is_some_and(|partner| partner.parked.load(Ordering::Relaxed))
    }

    /// A record was accepted.
    pub(super) fn accepted(&self, source: &str) {
        if self.suspects.load(Ordering::Relaxed) > 0
            && let Some(partner) = self.partners.get(partner_of(source))
        {
            self.forgive(partner);
        }
    }

    fn forgive(&self, partner: &Partner) {
        if partner.rejects.load(Ordering::Relaxed) > 0
            && partner.rejects.swap(0, Ordering::Relaxed) > 0
        {
            self.suspects.fetch_sub(1, Ordering::Relaxed);
            partner.reasons.lock().expect("no panic while held").clear();
        }
    }

    /// A record was refused. What is refused for being parked says nothing new.
    pub(super) fn rejected(&self, rejection: &Rejection, received: Micros) {
        let Some((name, partner)) = rejection
            .partner
            .as_ref()
            .and_then(|name| self.partners.get_key_value(name))
        else {
            return;
        };
        if self.limit == 0 || rejection.reason == Reason::PartnerParked {
            return;
        }
        let mut reasons = partner.reasons.lock().expect("no panic while held");
        *reasons.entry(rejection.reason).or_default() += 1;
        let rejects = partner.rejects.fetch_add(1, Ordering::Relaxed) + 1;
        if rejects == 1 {
            self.suspects.fetch_add(1, Ordering::Relaxed);
        }
        // Again and again, should the store not take it.
        if rejects.is_multiple_of(self.limit) {
            let reasons = reasons
                .iter()
                .map(|(reason, count)| (reason.to_string(), *count))
                .collect();
            let parked = Parked {
                since: received.to_string(),
                rejects: rejects.into(),
                reasons,
            };
            drop(self.to_park.send((name.clone(), parked))); // the run may be at its end
        }
    }

    /// Looks who is parked, and parks, for as long as it is not dropped.
    pub(super) async fn watch(self: Arc<Self>, store: Store, mut to_park: ToPark) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = looks.tick() => self.look(&store).await,
                Some((partner, parked)) = to_park.recv() => self.park(&store, &partner, &parked).await,
            };
            if let Err(error) = done {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(error, "who is parked is not known: it stays as it was");
            }
        }
    }

    /// Sees who is parked.
    pub(super) async fn look(&self, store: &Store) -> Result<(), StorageError> {
        let now = parked::partners(store).await?;
        for (name, partner) in &self.partners {
            match (self.set(partner, now.contains(name)), now.contains(name)) {
                (false, true) => {
                    tracing::warn!(partner = name, "parked: its records wait among the rejects")
                }
                (true, false) => {
                    self.forgive(partner);
                    tracing::info!(partner = name, "released");
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn park(&self, store: &Store, name: &str, parked: &Parked) -> Result<(), StorageError> {
        let Some(partner) = self.partners.get(name) else {
            return Ok(());
        };
        parked::park(store, name, parked).await?;
        if !self.set(partner, true) {
            let (rejects, reasons) = (parked.rejects, &parked.reasons);
            tracing::error!(
                partner = name,
                rejects,
                ?reasons,
                "parked: only rejects came; its records wait among them until `partner-feeds partners release`"
            );
        }
        Ok(())
    }

    /// Whether it was parked before.
    fn set(&self, partner: &Partner, parked: bool) -> bool {
        let was = partner.parked.swap(parked, Ordering::Relaxed);
        match (was, parked) {
            (false, true) => drop(self.parked.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.parked.fetch_sub(1, Ordering::Relaxed)),
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
        }
    }

    fn breaker(limit: u32) -> (Arc<Breaker>, ToPark) {
        Breaker::new(limit, &["a".to_owned(), "b".to_owned()])
    }

    #[test]
    fn only_rejects_in_a_row_of_one_partner_count() {
        let (breaker, mut to_park) = breaker(3);
        let mut reject = |partner, reason| {
            breaker.rejected(&rejection(partner, reason), Micros(0));
            to_park.try_recv().ok()
        };
        assert_eq!(reject("a", Reason::SchemaEnum), None);
        assert_eq!(reject("b", Reason::SchemaEnum), None);
        assert_eq!(reject("a", Reason::SchemaEnum), None);
        breaker.accepted(A);
        assert_eq!(reject("a", Reason::SchemaType), None);
        assert_eq!(reject("nobody", Reason::SchemaType), None);
        breaker.accepted(B);
        assert_eq!(reject("a", Reason::PersonalEmail), None);
        assert_eq!(reject("a", Reason::PartnerParked), None, "says nothing new");
        let reasons = [
            ("personal.email".to_owned(), 1),
            ("schema.type".to_owned(), 2),
        ];
        let parked = Parked {
            since: "1970-01-01T00:00:00Z".to_owned(),
            rejects: 3,
            reasons: reasons.into(),
        };
        assert_eq!(
            reject("a", Reason::SchemaType),
            Some(("a".to_owned(), parked))
        );
        assert_eq!(breaker.suspects.load(Ordering::Relaxed), 1);
        breaker.accepted(A);
        assert_eq!(breaker.suspects.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_limit_of_0_parks_nobody() {
        let (breaker, mut to_park) = breaker(0);
        for _ in 0..10 {
            breaker.rejected(&rejection("a", Reason::SchemaEnum), Micros(0));
        }
        assert!(to_park.try_recv().is_err());
    }

    #[tokio::test]
    async fn who_is_parked_is_what_the_store_says() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        let ((one, _), (other, _)) = (breaker(3), breaker(3));
        one.park(&store, "a", &Parked::default())
            .await
            .expect("parked");
        assert_eq!(
            (one.is_parked(A), one.is_parked(B), other.is_parked(A)),
            (true, false, false)
        );
        other.look(&store).await.expect("looked");
        assert!(other.is_parked(A));
        other.rejected(&rejection("a", Reason::SchemaEnum), Micros(0));
        parked::release(&store, "a").await.expect("released");
        for breaker in [&one, &other] {
            breaker.look(&store).await.expect("looked");
            assert!(!breaker.is_parked(A));
            assert_eq!(
                (
                    breaker.parked.load(Ordering::Relaxed),
                    breaker.suspects.load(Ordering::Relaxed)
                ),
                (0, 0)
            );
        }
    }
}
