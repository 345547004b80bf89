//! What a partner may send at once, and how much memory bodies may take together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use super::problem::{Problem, ProblemKind};
use super::random_bytes;

/// Seconds of a partner's rate that may be sent at once.
const BURST_SECONDS: f64 = 10.0;
/// What a partner may have: a quarter of the requests, and half of the memory, so that one table
/// fits.
const REQUESTS_SHARE: usize = 4;
const MEMORY_SHARE: usize = 2;
/// The last quarter of either is for partners that have less than a sixteenth: some busy partners
/// do not keep out the others.
const RESERVED_SHARE: usize = 4;
const SMALL_SHARE: usize = 16;

/// How much of something all partners may have together when one that has `own` of it takes more.
fn available(max: usize, own: usize) -> usize {
    if own > (max / SMALL_SHARE).max(1) {
        max - max / RESERVED_SHARE
    } else {
        max
    }
}
/// Seconds after which a client should try again when the door is busy: this, and up to as much
/// again as the second number.
const RETRY_SECONDS: (u64, u64) = (5, 25);

/// A number of seconds to wait, different for each request so that clients do not return together.
pub(super) fn retry_seconds() -> u64 {
    let [part] = random_bytes();
    RETRY_SECONDS.0 + u64::from(part) * RETRY_SECONDS.1 / 255
}

/// What one partner has sent recently.
#[derive(Clone, Copy, Debug)]
struct PartnerLoad {
    /// Events that may be sent now; below 0 after a request that was larger.
    allowance: f64,
    at: Instant,
    usage: Usage,
}

/// What requests under way use.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    requests: usize,
    memory: usize,
}

/// The limits of all partners.
#[derive(Debug)]
pub(super) struct Limits {
    /// Events per second.
    rate: f64,
    max: Usage,
    loads: Arc<Mutex<Loads>>,
}

#[derive(Debug, Default)]
struct Loads {
    usage: Usage,
    partners: HashMap<String, PartnerLoad>,
}

/// A request that was admitted and the memory that it uses, until it is dropped.
#[derive(Debug)]
pub(super) struct AdmittedRequest {
    partner: String,
    loads: Arc<Mutex<Loads>>,
    memory_max: usize,
    memory: usize,
}

impl Drop for AdmittedRequest {
    fn drop(&mut self) {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let Loads { usage, partners } = &mut *loads;
        let partner = partners.get_mut(&self.partner);
        for usage in [usage]
            .into_iter()
            .chain(partner.map(|load| &mut load.usage))
        {
            usage.requests -= 1;
            usage.memory -= self.memory;
        }
    }
}

impl AdmittedRequest {
    /// Takes more memory.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let Loads { usage, partners } = &mut *loads;
        let share = self.memory_max / MEMORY_SHARE;
        if self.memory + bytes > share {
            let detail =
                "the events need more memory than a request may use: send them in several requests";
            return Err(Problem::new(ProblemKind::TooLarge, detail));
        }
        if let Some(partner) = partners.get_mut(&self.partner) {
            if partner.usage.memory + bytes > share {
                let detail = "other requests of the partner use its share of the memory";
                return Err(Problem::new(ProblemKind::Rate, detail).retry_after(retry_seconds()));
            }
            let own = partner.usage.memory + bytes;
            if usage.memory + bytes > available(self.memory_max, own) {
                let detail = "other requests use the memory of the door";
                return Err(Problem::new(ProblemKind::Busy, detail).retry_after(retry_seconds()));
            }
            partner.usage.memory += bytes;
            usage.memory += bytes;
            self.memory += bytes;
        }
        Ok(())
    }

    /// The bytes of an answer. The request stays admitted until they are written to the client: a
    /// client that does not read its answers must not send further requests.
    pub(super) fn until_written(self, answer: Vec<u8>) -> Bytes {
        struct Answer(
            Vec<u8>,
            #[expect(dead_code, reason = "dropped with the bytes")] AdmittedRequest,
        );
        impl AsRef<[u8]> for Answer {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Bytes::from_owner(Answer(answer, self))
    }
}

impl Limits {
    pub(super) fn new(rate: usize, requests_max: usize, memory_bytes: usize) -> Self {
        Self {
            rate: rate as f64,
            max: Usage {
                requests: requests_max,
                memory: memory_bytes,
            },
            loads: Arc::default(),
        }
    }

    /// Admits a request of a partner, before its body is read.
    pub(super) fn admit(&self, partner: &str, now: Instant) -> Result<AdmittedRequest, Problem> {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = loads.usage.requests;
        let load = self.load_at(&mut loads, partner, now);
        if load.allowance < 0.0 {
            let seconds = (-load.allowance / self.rate).ceil() as u64;
            let detail = format!("a partner may send {} events per second", self.rate);
            return Err(Problem::new(ProblemKind::Rate, detail).retry_after(seconds.max(1)));
        }
        let max = self.max.requests.div_ceil(REQUESTS_SHARE);
        if load.usage.requests >= max {
            let detail = format!("a partner may have {max} requests at once");
            return Err(Problem::new(ProblemKind::Rate, detail).retry_after(1));
        }
        if requests >= available(self.max.requests, load.usage.requests + 1) {
            let detail = "the door answers as many requests as it can";
            return Err(Problem::new(ProblemKind::Busy, detail).retry_after(retry_seconds()));
        }
        load.usage.requests += 1;
        loads.usage.requests += 1;
        Ok(AdmittedRequest {
            partner: partner.to_owned(),
            loads: Arc::clone(&self.loads),
            memory_max: self.max.memory,
            memory: 0,
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
                usage: Usage::default(),
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
        self.loads.lock().expect("no panic").usage.requests
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
    fn busy_partners_leave_some_requests_and_memory_to_others() {
        let (limits, now) = (Limits::new(100, 64, 16 << 20), Instant::now());
        let kind = |partner: &str| limits.admit(partner, now).map_err(|problem| problem.kind);
        let mut admitted = Vec::new();
        for partner in ["a", "b", "c", "d", "e"] {
            while let Ok(request) = kind(partner) {
                admitted.push(request);
            }
        }
        assert_eq!(admitted.len(), 48 + 2 * 4, "three have 16, and two have 4");
        assert!(kind("f").is_ok());
        admitted.truncate(32);
        for request in &mut admitted {
            drop(request.grow(1 << 20));
        }
        let used = admitted.iter().map(|request| request.memory).sum::<usize>();
        assert_eq!(used, 12 << 20);
        let mut other = kind("f").expect("admitted");
        assert!(other.grow(1 << 20).is_ok());
        assert_eq!(
            other.grow(1).expect_err("more than a sixteenth").kind,
            ProblemKind::Busy
        );
    }

    #[test]
    fn memory_is_shared_and_returned_once_the_answer_is_written() {
        let limits = Limits::new(100, 64, 8 << 10);
        let admit = |partner: &str| limits.admit(partner, Instant::now()).expect("admitted");
        let (mut one, mut other, mut third) = (admit("a"), admit("b"), admit("c"));
        let refused = |request: &mut AdmittedRequest, bytes: usize| {
            request.grow(bytes).expect_err("refused").kind
        };
        assert_eq!(refused(&mut one, (4 << 10) + 1), ProblemKind::TooLarge);
        one.grow(4 << 10).expect("free");
        other.grow(2 << 10).expect("free");
        assert_eq!(refused(&mut admit("a"), 1), ProblemKind::Rate);
        assert_eq!(refused(&mut third, 2 << 10), ProblemKind::Busy);
        let answer = one.until_written(vec![1, 2]);
        let rest = answer.slice(1..);
        drop(answer);
        assert_eq!(refused(&mut third, 2 << 10), ProblemKind::Busy);
        drop(rest);
        third.grow(2 << 10).expect("free again");
    }
}
