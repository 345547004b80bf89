//! The metrics of the door. A label is a partner with a token, a reason, an outcome or a status:
//! never a value of an event.

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::answer::Report;
use crate::contract::Reason;

/// The outcomes of events that were to be sent.
const OUTCOMES: [&str; 3] = ["sent", "refused", "unknown"];

/// The status codes that matter to an operator.
const STATUSES: [u16; 4] = [200, 401, 422, 503];

type Labels<const N: usize> = [(&'static str, String); N];

/// What the door counts.
#[derive(Debug)]
pub(super) struct DoorMetrics {
    registry: Registry,
    events: Family<Labels<2>, Counter>,
    refusals: Family<Labels<1>, Counter>,
    requests: Family<Labels<1>, Counter>,
    ready: Gauge,
}

impl DoorMetrics {
    /// Counters at 0 for these partners, since a series that begins with its first event hides that
    /// event.
    pub(super) fn new<'p>(partners: impl IntoIterator<Item = &'p String>) -> Self {
        let mut registry = Registry::default();
        let ours = registry.sub_registry_with_prefix("partner_feeds_door");
        let metrics = (
            Family::default(),
            Family::default(),
            Family::default(),
            Gauge::default(),
        );
        let (events, refusals, requests, ready) = metrics;
        ours.register(
            "events",
            "Events submitted to be sent, by outcome",
            Family::clone(&events),
        );
        ours.register(
            "refusals",
            "Events refused, by reason code",
            Family::clone(&refusals),
        );
        ours.register(
            "requests",
            "Requests, by status code",
            Family::clone(&requests),
        );
        ours.register("ready", "Whether events can be sent", Gauge::clone(&ready));
        let metrics = Self {
            registry,
            events,
            refusals,
            requests,
            ready,
        };
        for partner in partners {
            for outcome in OUTCOMES {
                metrics.add_events(partner, outcome, 0);
            }
        }
        for reason in Reason::ALL {
            metrics.add_refusals(reason.as_str(), 0);
        }
        for status in STATUSES {
            metrics.add_requests(status, 0);
        }
        metrics
    }

    fn add_events(&self, partner: &str, outcome: &str, count: usize) {
        let labels = [
            ("partner", partner.to_owned()),
            ("outcome", outcome.to_owned()),
        ];
        self.events.get_or_create(&labels).inc_by(count as u64);
    }

    fn add_refusals(&self, reason: &str, count: u64) {
        let labels = [("reason", reason.to_owned())];
        self.refusals.get_or_create(&labels).inc_by(count);
    }

    fn add_requests(&self, status: u16, count: u64) {
        let labels = [("status", status.to_string())];
        self.requests.get_or_create(&labels).inc_by(count);
    }

    /// Counts the events of a request that was to send them.
    pub(super) fn count_report(&self, partner: &str, report: &Report) {
        for outcome in OUTCOMES {
            self.add_events(partner, outcome, report.count(outcome));
        }
        for fault in report
            .results
            .iter()
            .filter_map(|result| result.fault.as_ref())
        {
            let reason = fault.reason;
            self.add_refusals(reason, 1);
        }
    }

    /// Counts an answer.
    pub(super) fn count_request(&self, status: u16) {
        self.add_requests(status, 1);
    }

    /// Whether events can be sent.
    pub(super) fn set_ready(&self, is_ready: bool) {
        self.ready.set(i64::from(is_ready));
    }

    /// All metrics, in Prometheus's text format.
    pub(super) fn exposition(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry).expect("a string takes all");
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_for_data_engineers_lists_every_metric() {
        let page = include_str!("../../docs/data-engineers.md");
        let listed: BTreeSet<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name)
            .filter(|name| name.starts_with("partner_feeds_door_"))
            .collect();
        let metrics = DoorMetrics::new([&"kent-police".to_owned()]);
        let text = metrics.exposition();
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let served: BTreeSet<&str> = names.filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(listed.len(), 4);
        // A counter's type line may leave out its ending.
        let bare = |names: BTreeSet<&str>| -> BTreeSet<String> {
            names
                .into_iter()
                .map(|name| name.replace("_total", ""))
                .collect()
        };
        assert_eq!(bare(listed), bare(served));
    }
}
