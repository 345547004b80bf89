//! What a partner may send at once, and how much memory bodies may take together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::{Problem, ProblemKind};
use super::random_bytes;

/// Seconds of a partner's rate that may be sent at once.
const BURST_SECONDS: f64 = 10.0;
/// The unit in which memory is shared out.
const MEMORY_UNIT: usize = 1 << 10;
/// Seconds after which a client should try again when the door is busy: this, and up to as much
/// again as the second number.
const RETRY_SECONDS: (u64, u64) = (5, 25);

/// A number of seconds to wait, different for each request so that clients do not return together.
pub(super) fn retry_seconds() -> u64 {
    let [part] = random_bytes();
    RETRY_SECONDS.0 + u64::from(part) * RETRY_SECONDS.1 / 255
}

/// What one partner has sent lately.
#[derive(Clone, Copy, Debug)]
struct PartnerLoad {
    /// Events that may be sent now; below 0 after a request that was larger.
    allowance: f64,
    at: Instant,
    requests: usize,
}

/// The limits of all partners.
#[derive(Debug)]
pub(super) struct Limits {
    /// Events per second.
    rate: f64,
    requests_max: usize,
    partner_requests_max: usize,
    loads: Arc<Mutex<Loads>>,
    memory: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Loads {
    requests: usize,
    partners: HashMap<String, PartnerLoad>,
}

/// A request that was admitted and the memory that it uses, until it is dropped.
#[derive(Debug)]
pub(super) struct AdmittedRequest {
    partner: String,
    loads: Arc<Mutex<Loads>>,
    memory: Arc<Semaphore>,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Drop for AdmittedRequest {
    fn drop(&mut self) {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        loads.requests -= 1;
        if let Some(load) = loads.partners.get_mut(&self.partner) {
            load.requests -= 1;
        }
    }
}

impl AdmittedRequest {
    /// Takes more memory.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let units = bytes.div_ceil(MEMORY_UNIT) as u32;
        let permit = Arc::clone(&self.memory).try_acquire_many_owned(units);
        self.permits.push(permit.map_err(|_| {
            let detail = "other requests use the memory of the door";
            Problem::new(ProblemKind::Busy, detail).retry_after(retry_seconds())
        })?);
        Ok(())
    }
}

impl Limits {
    pub(super) fn new(rate: usize, requests_max: usize, memory_bytes: usize) -> Self {
        Self {
            rate: rate as f64,
            requests_max,
            partner_requests_max: requests_max.div_ceil(4),
            loads: Arc::default(),
            memory: Arc::new(Semaphore::new(memory_bytes / MEMORY_UNIT)),
        }
    }

    /// Admits a request of a partner, before its body is read.
    pub(super) fn admit(&self, partner: &str, now: Instant) -> Result<AdmittedRequest, Problem> {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = loads.requests;
        let load = self.load_at(&mut loads, partner, now);
        if load.allowance < 0.0 {
            let seconds = (-load.allowance / self.rate).ceil() as u64;
            let detail = format!("a partner may send {} events per second", self.rate);
            return Err(Problem::new(ProblemKind::Rate, detail).retry_after(seconds.max(1)));
        }
        if load.requests >= self.partner_requests_max {
            let max = self.partner_requests_max;
            let detail = format!("a partner may have {max} requests at once");
            return Err(Problem::new(ProblemKind::Rate, detail).retry_after(1));
        }
        if requests >= self.requests_max {
            let detail = "the door answers as many requests as it can";
            return Err(Problem::new(ProblemKind::Busy, detail).retry_after(retry_seconds()));
        }
        load.requests += 1;
        loads.requests += 1;
        Ok(AdmittedRequest {
            partner: partner.to_owned(),
            loads: Arc::clone(&self.loads),
            memory: Arc::clone(&self.memory),
            permits: Vec::new(),
        })
    }

    /// Counts events of a partner. Their number is known only once the body is read, so a request
    /// may exceed the allowance; the next then waits.
    pub(super) fn count_events(&self, partner: &str, events: usize, now: Instant) {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        self.load_at(&mut loads, partner, now).allowance -= events as f64;
    }

    fn load_at<'l>(
        &self,
        loads: &'l mut Loads,
        partner: &str,
        now: Instant,
    ) -> &'l mut PartnerLoad {
        let full = self.rate * BURST_SECONDS;
        let load = loads
            .partners
            .entry(partner.to_owned())
            .or_insert(PartnerLoad {
                allowance: full,
                at: now,
                requests: 0,
            });
        let seconds = now.saturating_duration_since(load.at).as_secs_f64();
        load.allowance = (load.allowance + seconds * self.rate).min(full);
        load.at = now;
        load
    }

    /// Whether events of a partner have been counted.
    #[cfg(test)]
    pub(super) fn has_counted(&self, partner: &str) -> bool {
        let loads = self.loads.lock().expect("no panic");
        let load = loads.partners.get(partner);
        load.is_some_and(|load| load.allowance < self.rate * BURST_SECONDS)
    }

    /// The number of requests under way.
    #[cfg(test)]
    pub(super) fn requests(&self) -> usize {
        self.loads.lock().expect("no panic").requests
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_partner_that_exceeds_its_rate_waits_and_another_does_not() {
        let (limits, start) = (Limits::new(100, 64, 1 << 20), Instant::now());
        let admit = |partner: &str, seconds: u64| {
            let admitted = limits.admit(partner, start + Duration::from_secs(seconds));
            admitted
                .map(|_| ())
                .map_err(|problem| (problem.kind, problem.retry_after))
        };
        limits.count_events("kent-police", 1_000, start);
        assert_eq!(admit("kent-police", 0), Ok(()), "the burst is not exceeded");
        limits.count_events("kent-police", 250, start);
        assert_eq!(admit("kent-police", 0), Err((ProblemKind::Rate, Some(3))));
        assert_eq!(admit("maidstone-bc", 0), Ok(()));
        assert_eq!(admit("kent-police", 3), Ok(()));
    }

    #[test]
    fn a_partner_has_a_quarter_of_the_requests() {
        let (limits, now) = (Limits::new(100, 4, 1 << 20), Instant::now());
        let kind = |partner: &str| limits.admit(partner, now).map_err(|problem| problem.kind);
        let first = kind("a").expect("admitted");
        assert_eq!(kind("a").expect_err("one at once"), ProblemKind::Rate);
        let others = ["b", "c", "d"].map(|partner| kind(partner).expect("admitted"));
        assert_eq!(kind("e").expect_err("four at once"), ProblemKind::Busy);
        drop(others);
        drop(first);
        assert!(kind("a").is_ok());
    }

    #[test]
    fn memory_is_shared_and_returned() {
        let limits = Limits::new(100, 4, 4 << 10);
        let admit = |partner: &str| limits.admit(partner, Instant::now()).expect("admitted");
        let (mut one, mut other) = (admit("a"), admit("b"));
        one.grow(3 << 10).expect("free");
        other.grow(1).expect("free");
        assert_eq!(other.grow(1).expect_err("used").kind, ProblemKind::Busy);
        drop(one);
        other.grow(3 << 10).expect("free again");
    }
}
