//! Further properties of librdkafka: whatever the program does not set itself.

use std::collections::BTreeMap;
use std::fmt;

/// Properties that are ours, with the reason why they may not be set.
const OWNED: [(&str, &str); 14] = [
    ("auto.commit.interval.ms", "offsets are committed after a file is created, never by a timer"),
    ("auto.offset.reset", "the chain of the ledger says where to start"),
    ("bootstrap.servers", "is kafka.brokers"),
    ("enable.auto.commit", "offsets are committed after a file is created, never by a timer"),
    ("enable.auto.offset.store", "offsets are stored after a file is created"),
    ("enable.idempotence", "a publisher that is tried again must not send twice"),
    ("enable.partition.eof", "the end of a partition must be seen"),
    ("group.id", "is kafka.group"),
    ("isolation.level", "only committed records are read"),
    ("metadata.broker.list", "is kafka.brokers"),
    ("partition.assignment.strategy", "partitions are handed over one by one"),
    ("partitioner", "all revisions of a record share a partition, whatever the publisher"),
    ("session.timeout.ms", "is kafka.session_timeout"),
    ("statistics.interval.ms", "metrics are read at an interval of their own"),
];

/// Why a property may not be set, if it is ours.
pub(super) fn owned(name: &str) -> Option<&'static str> {
    OWNED.iter().find(|(own, _)| *own == name).map(|(_, reason)| *reason)
}

/// Whether the value of a property must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    let ends = ["password", "secret", "key", "pem", "token", "jaas.config", "sasl.oauthbearer.config"];
    ends.iter().any(|end| name.ends_with(end))
}

/// Names and values of properties. Values that are secrets are not in its `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Name and value of each, in order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(properties: I) -> Self {
        Self(properties.into_iter().collect())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| (name, if is_secret(name) { "(hidden)" } else { value }));
        f.debug_map().entries(shown).finish()
    }
}
