//! The metrics: what is counted as it happens, and what is looked up when somebody asks.
//!
//! Their number is bounded by the configuration: a label is a name of `partners.toml`, a word of
//! this program, or a partition.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use rustix::time::{ClockId, clock_gettime};

use super::{Partition, Share, State, now, seconds};
use crate::contract::{Reason, TopicRules};
use crate::event::{Micros, TopicPartition};

/// The partner of a record that does not tell, or names none that is registered for its topic.
const UNKNOWN: &str = "unknown";

/// How a create was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// That it made the file.
    Won,
    /// That another's file is there.
    Lost,
    /// Not for certain: the name told that it made the file.
    Settled,
}

impl Answer {
    const ALL: [Self; 3] = [Self::Won, Self::Lost, Self::Settled];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Settled => "settled",
        }
    }
}

/// What a rebalance did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It gave partitions.
    Assigned,
    /// It took partitions.
    Revoked,
    /// They were gone before anybody was asked.
    Lost,
}

impl Change {
    const ALL: [Self; 3] = [Self::Assigned, Self::Revoked, Self::Lost];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Revoked => "revoked",
            Self::Lost => "lost",
        }
    }
}

/// How a merge ended.
const MERGED: &str = "merged";
const FAILED: &str = "failed";

type Labels<const N: usize> = [(&'static str, String); N];

/// What is counted as it happens.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    records: Family<Labels<3>, Counter>,
    bytes: Family<Labels<3>, Counter>,
    rejects: Family<Labels<2>, Counter>,
    creates: Family<Labels<1>, Counter>,
    rebalances: Family<Labels<1>, Counter>,
    merges: Family<Labels<1>, Counter>,
    merged_files: Counter,
}

impl Metrics {
    pub(super) fn new<'t>(
        topics: impl IntoIterator<Item = &'t TopicRules>,
        state: Arc<State>,
    ) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            records: Family::default(),
            bytes: Family::default(),
            rejects: Family::default(),
            creates: Family::default(),
            rebalances: Family::default(),
            merges: Family::default(),
            merged_files: Counter::default(),
        };
        let registry = &mut metrics.registry;
        // The library ends a help text with a full stop, and the name of a counter with `_total`.
        let ours = registry.sub_registry_with_prefix("partner_feeds");
        ours.register(
            "records",
            "Records that became durable",
            metrics.records.clone(),
        );
        ours.register(
            "record_bytes",
            "Bytes of their keys and values, as read from Kafka",
            metrics.bytes.clone(),
        );
        ours.register(
            "rejects",
            "Records rejected, by the reason of their contract",
            metrics.rejects.clone(),
        );
        ours.register(
            "creates",
            "Files of batches: created, lost to another consumer, or created without a certain answer",
            metrics.creates.clone(),
        );
        ours.register(
            "rebalances",
            "Changes of what the group gives this process",
            metrics.rebalances.clone(),
        );
        ours.register(
            "merges",
            "Merges of a partition's journal into the ledger",
            metrics.merges.clone(),
        );
        ours.register(
            "merged_files",
            "Journal files that were merged",
            metrics.merged_files.clone(),
        );
        registry.register_collector(Box::new(Scraped(state)));
        metrics.begin_at_zero(topics);
        metrics
    }

    /// A series that begins with its first event hides that event from `rate` and `increase`.
    fn begin_at_zero<'t>(&self, topics: impl IntoIterator<Item = &'t TopicRules>) {
        let no_rejects = Reason::ALL.iter().map(|reason| (*reason, 0)).collect();
        for rules in topics {
            self.count(
                rules,
                &vec![Share::default(); rules.partners.len() + 1],
                &no_rejects,
            );
        }
        for answer in Answer::ALL {
            self.created(answer, 0);
        }
        for change in Change::ALL {
            self.rebalanced(change, 0);
        }
        for outcome in [MERGED, FAILED] {
            self.ended(outcome, 0);
        }
    }

    /// Counts a batch of a topic: its shares by the place of their partner, the unknown last.
    pub(super) fn count(
        &self,
        rules: &TopicRules,
        shares: &[Share],
        rejected: &BTreeMap<Reason, u64>,
    ) {
        let partners = rules.partners.iter().map(String::as_str).chain([UNKNOWN]);
        for (partner, share) in partners.zip(shares) {
            for (outcome, volume) in [("accepted", share.accepted), ("rejected", share.rejected)] {
                let labels = [
                    ("feed", rules.feed.as_str().to_owned()),
                    ("partner", partner.to_owned()),
                    ("outcome", outcome.to_owned()),
                ];
                self.records.get_or_create(&labels).inc_by(volume.records);
                self.bytes.get_or_create(&labels).inc_by(volume.bytes);
            }
        }
        for (reason, count) in rejected {
            let labels = [
                ("feed", rules.feed.as_str().to_owned()),
                ("reason", reason.as_str().to_owned()),
            ];
            self.rejects.get_or_create(&labels).inc_by(*count);
        }
    }

    pub(super) fn created(&self, answer: Answer, times: u64) {
        self.creates
            .get_or_create(&[("answer", answer.as_str().to_owned())])
            .inc_by(times);
    }

    pub(super) fn rebalanced(&self, change: Change, times: u64) {
        self.rebalances
            .get_or_create(&[("change", change.as_str().to_owned())])
            .inc_by(times);
    }

    pub(super) fn merged(&self, files: usize) {
        self.ended(MERGED, 1);
        self.merged_files.inc_by(files as u64);
    }

    pub(super) fn merge_failed(&self) {
        self.ended(FAILED, 1);
    }

    fn ended(&self, outcome: &str, times: u64) {
        self.merges
            .get_or_create(&[("outcome", outcome.to_owned())])
            .inc_by(times);
    }

    pub(super) fn exposition(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry).expect("a string takes all");
        text
    }
}

/// What is looked up when somebody asks.
#[derive(Debug)]
struct Scraped(Arc<State>);

impl Collector for Scraped {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauges = Gauges(encoder);
        let shared = self.0.shared();
        let (now, partitions) = (now(), &shared.partitions);
        gauges.by_partition(
            "partner_feeds_lag_records",
            "Offsets of the broker's log, of the partitions of this process, that are not durable",
            partitions,
            |partition| partition.lag() as f64,
        )?;
        gauges.by_partition(
            "partner_feeds_lag_seconds",
            "Age of the oldest record that is not durable, 0 where there is none",
            partitions,
            |partition| partition.lag_seconds(now),
        )?;
        let states = ["assigned", "stopped"].map(|state| ([("state", state)], state == "stopped"));
        let of_state = |stopped| {
            partitions
                .values()
                .filter(|partition| partition.stopped == stopped)
                .count() as f64
        };
        gauges.family(
            "partner_feeds_partitions",
            "Partitions of this process: consumed, or stopped because broker and ledger disagree or a file is damaged",
            states.into_iter().map(|(labels, stopped)| (labels, of_state(stopped))),
        )?;
        let gathered: Vec<_> = partitions
            .values()
            .map(|partition| partition.told.told())
            .collect();
        let oldest = gathered
            .iter()
            .filter_map(|gathered| gathered.oldest)
            .map(|oldest| oldest.read)
            .min();
        gauges.gauge(
            "partner_feeds_uncommitted_age_seconds",
            "Time since the oldest record that is not durable was read, 0 where there is none",
            oldest.map_or(0.0, |read| read.elapsed().as_secs_f64()),
        )?;
        gauges.gauge(
            "partner_feeds_gathered_bytes",
            "Bytes of records gathered for files not yet written",
            gathered
                .iter()
                .map(|gathered| gathered.bytes)
                .sum::<usize>() as f64,
        )?;
        gauges.gauge(
            "partner_feeds_last_durable_timestamp_seconds",
            "When this process last made a batch durable, 0 where it has made none",
            shared
                .last_durable
                .map_or(0.0, |Micros(micros)| seconds(micros)),
        )?;
        gauges.gauge(
            "partner_feeds_ready",
            "Whether the group is joined and what is read becomes durable",
            f64::from(u8::from(shared.why_not_ready().is_none())),
        )?;
        let version = [([("version", env!("CARGO_PKG_VERSION"))], 1.0)];
        gauges.family(
            "partner_feeds_build_info",
            "The version of the program",
            version,
        )?;
        drop(shared);
        gauges.process(self.0.began_at)
    }
}

/// Writes gauges.
struct Gauges<'e>(DescriptorEncoder<'e>);

impl Gauges<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(self.0.encode_descriptor(
            name,
            &sentence(help),
            None,
            MetricType::Gauge,
        )?)
    }

    fn family<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([(&'l str, &'l str); N], f64)>,
    ) -> fmt::Result {
        let mut family =
            self.0
                .encode_descriptor(name, &sentence(help), None, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn by_partition(
        &mut self,
        name: &str,
        help: &str,
        partitions: &BTreeMap<TopicPartition, Partition>,
        value: impl Fn(&Partition) -> f64,
    ) -> fmt::Result {
        let numbers: Vec<String> = partitions
            .keys()
            .map(|at| at.partition.to_string())
            .collect();
        let series = partitions
            .iter()
            .zip(&numbers)
            .map(|((at, partition), number)| {
                (
                    [("topic", at.topic.as_str()), ("partition", number.as_str())],
                    value(partition),
                )
            });
        self.family(name, help, series)
    }

    /// What every process tells, by the names that every process has for it.
    fn process(&mut self, began_at: Micros) -> fmt::Result {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let used = used.tv_sec as f64 + used.tv_nsec as f64 / 1e9;
        let help = sentence("Processor time used, of user and system");
        let counter =
            self.0
                .encode_descriptor("process_cpu_seconds", &help, None, MetricType::Counter)?;
        ConstCounter::new(used).encode(counter)?;
        if let Some(bytes) = resident_bytes() {
            self.gauge(
                "process_resident_memory_bytes",
                "Memory held, as the system counts it",
                bytes,
            )?;
        }
        self.gauge(
            "process_start_time_seconds",
            "When the process began",
            seconds(began_at.0),
        )
    }
}

fn sentence(help: &str) -> String {
    format!("{help}.")
}

/// Memory held; `None` where the system has no `/proc`.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
    Some(kib.trim().parse::<f64>().ok()? * 1024.0)
}
