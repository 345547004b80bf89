//! Further properties of the clients of Kafka and of object stores: those that the program does not
//! set itself.

use crate::kafka;
use crate::properties::is_secret;
use crate::storage::is_property;

/// Properties of librdkafka that the program sets, and why a user may not.
const OWNED: [(&str, &str); 15] = [
    (
        "auto.commit.interval.ms",
        "offsets are committed after a file is created, never by a timer",
    ),
    (
        "auto.offset.reset",
        "the ledger determines the start offset",
    ),
    ("bootstrap.servers", "is kafka.brokers"),
    (
        "delivery.timeout.ms",
        "how long an event waits is `--timeout` of publish, and of dead letters what a stall lets",
    ),
    (
        "enable.auto.commit",
        "offsets are committed after a file is created, never by a timer",
    ),
    (
        "enable.auto.offset.store",
        "offsets are stored after a file is created",
    ),
    (
        "enable.idempotence",
        "a publisher that is tried again must not send twice",
    ),
    (
        "enable.partition.eof",
        "the consumer needs to see the end of a partition",
    ),
    ("group.id", "is kafka.group"),
    ("isolation.level", "only committed records are read"),
    (
        "message.timeout.ms",
        "how long an event waits is `--timeout` of publish, and of dead letters what a stall lets",
    ),
    ("metadata.broker.list", "is kafka.brokers"),
    (
        "partitioner",
        "all revisions of a record share a partition, with any publisher",
    ),
    ("session.timeout.ms", "is kafka.session_timeout"),
    (
        "statistics.interval.ms",
        "metrics are read at an interval of their own",
    ),
];

/// A client that has properties of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Kafka,
    Store,
}

impl Client {
    const ALL: [Self; 2] = [Self::Kafka, Self::Store];

    /// What the key of each of its properties begins with.
    pub(super) const fn section(self) -> &'static str {
        match self {
            Self::Kafka => "kafka.properties.",
            Self::Store => "store.properties.",
        }
    }

    /// The client that a setting is a property of.
    pub(super) fn of(key: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|client| key.starts_with(client.section()))
    }

    /// The key for an environment variable without its prefix, if it is a property.
    pub(super) fn key_of(variable: &str) -> Option<String> {
        Self::ALL
            .into_iter()
            .find_map(|client| client.own_key_of(variable))
    }

    fn own_key_of(self, variable: &str) -> Option<String> {
        let section = self.section().to_uppercase().replace('.', "_");
        let name = variable.strip_prefix(&section)?;
        let (name, end) = name
            .strip_suffix("_FILE")
            .map_or((name, ""), |name| (name, "_file"));
        let name = match self {
            Self::Kafka => name.to_lowercase().replace('_', "."),
            Self::Store => name.to_lowercase(),
        };
        Some(format!("{}{name}{end}", self.section()))
    }

    /// Why a property may not be set; `None` if it may.
    pub(super) fn refuses(self, name: &str) -> Option<String> {
        match self {
            Self::Kafka => {
                let owned = OWNED.iter().find(|(own, _)| *own == name);
                owned.map(|(_, reason)| format!("may not be set: {reason}"))
            }
            Self::Store => (!is_property(name))
                .then(|| "is not a property of the object store's client".to_owned()),
        }
    }

    /// Why the client rejects a property's name or value, if it does.
    pub(super) fn fault_of(self, name: &str, value: &str) -> Option<String> {
        match self {
            Self::Kafka => kafka::property_fault(name, value, is_secret(name)),
            Self::Store => None, // checked when the store is opened
        }
    }
}
