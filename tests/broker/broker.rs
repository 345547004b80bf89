//! The broker as a test sees it, by plain clients of its own: topics, records, groups, the log.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use rustix::process::{Pid, Signal, kill_process};

use crate::{DEADLINE, await_that};

/// How long one call to the broker may take.
const CALL: Duration = Duration::from_secs(30);

/// A record to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds; only a topic without `LogAppendTime` takes it.
    pub(crate) timestamp: Option<i64>,
    /// Its partition, if not the one of its key.
    pub(crate) partition: Option<i32>,
}

impl Sent {
    pub(crate) fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: Some(key.into()),
            value: Some(value.into()),
            ..Self::default()
        }
    }

    pub(crate) fn to(self, partition: i32) -> Self {
        Self {
            partition: Some(partition),
            ..self
        }
    }
}

/// A broker, by its address.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) address: String,
}

/// A log: the key of each record that is not of an aborted transaction, by partition and offset.
pub(crate) type Log = BTreeMap<(i32, i64), Option<Vec<u8>>>;

impl Broker {
    /// The one that the environment names.
    pub(crate) fn shared() -> Self {
        let address = std::env::var("PARTNER_FEEDS_TEST_BROKERS").unwrap_or_else(|_| {
            panic!(
                "PARTNER_FEEDS_TEST_BROKERS names no broker; `tests/services/kafka.sh run cargo test --test broker` \
                 starts one for the tests"
            )
        });
        Self { address }
    }

    fn client<T: FromClientConfig>(&self, settings: &[(&str, &str)]) -> T {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config.create().expect("a client")
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client(&[])
    }

    pub(crate) fn create_topic(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let new = settings
            .iter()
            .fold(new, |new, (name, value)| new.set(name, value));
        let admin = self.admin();
        // A name that was just deleted is free a moment later.
        await_that("the topic is created", || {
            match &wait(admin.create_topics([&new], &AdminOptions::new())).expect("an answer")[0] {
                Ok(_) => true,
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => false,
                Err((_, code)) => panic!("{topic} is not created: {code}"),
            }
        });
        await_that("the topic has its partitions", || {
            self.partitions(topic) == partitions as usize
        });
    }

    /// Gives a topic more partitions.
    pub(crate) fn grow_topic(&self, topic: &str, partitions: i32) {
        let more = NewPartitions::new(topic, partitions as usize);
        let grown = wait(
            self.admin()
                .create_partitions([&more], &AdminOptions::new()),
        )
        .expect("an answer");
        grown[0].as_ref().expect("grown");
        await_that("the topic has its partitions", || {
            self.partitions(topic) == partitions as usize
        });
    }

    pub(crate) fn delete_topic(&self, topic: &str) {
        let deleted =
            wait(self.admin().delete_topics(&[topic], &AdminOptions::new())).expect("an answer");
        deleted[0].as_ref().expect("deleted");
        await_that("the topic is gone", || self.partitions(topic) == 0);
    }

    /// Deletes the records below an offset, as retention would.
    pub(crate) fn expire(&self, topic: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(before))
            .expect("an offset");
        wait(self.admin().delete_records(&list, &AdminOptions::new())).expect("deleted");
        assert_eq!(self.watermarks(topic, partition).start, before);
    }

    /// A setting of a topic.
    pub(crate) fn setting(&self, topic: &str, name: &str) -> Option<String> {
        let asked = self.admin();
        let answers =
            wait(asked.describe_configs([&ResourceSpecifier::Topic(topic)], &AdminOptions::new()));
        answers
            .expect("an answer")
            .remove(0)
            .expect("described")
            .get(name)
            .and_then(|entry| entry.value.clone())
    }

    pub(crate) fn partitions(&self, topic: &str) -> usize {
        let asked = self.client::<BaseConsumer>(&[]);
        let metadata = asked.fetch_metadata(Some(topic), CALL).expect("metadata");
        metadata
            .topics()
            .iter()
            .filter(|found| found.error().is_none())
            .map(|found| found.partitions().len())
            .sum()
    }

    /// The first and the next offset.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32) -> Range<i64> {
        let asked = self.client::<BaseConsumer>(&[]);
        let mut watermarks = None;
        // Just after its start a node may not yet lead.
        await_that("the broker tells the watermarks", || {
            watermarks = asked.fetch_watermarks(topic, partition, CALL).ok();
            watermarks.is_some()
        });
        watermarks.map(|(low, high)| low..high).expect("awaited")
    }

    /// Sends records and waits until all arrived.
    pub(crate) fn send(&self, topic: &str, records: impl IntoIterator<Item = Sent>) {
        self.send_with(topic, records, &[]);
    }

    /// The same, by a producer with settings.
    pub(crate) fn send_with(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = Sent>,
        settings: &[(&str, &str)],
    ) {
        let producer = self.producer(settings);
        produce(&producer, topic, records);
        producer.flush(DEADLINE).expect("arrived");
        assert_eq!(producer.in_flight_count(), 0);
    }

    pub(crate) fn producer(
        &self,
        settings: &[(&str, &str)],
    ) -> ThreadedProducer<DefaultProducerContext> {
        let own = [
            ("message.max.bytes", "60000000"),
            ("partitioner", "murmur2_random"),
            ("linger.ms", "5"),
        ];
        self.client(&[&own, settings].concat())
    }

    /// The complete log of a topic.
    pub(crate) fn log(&self, topic: &str) -> Log {
        let mut log = Log::new();
        self.read(topic, |message| {
            drop(log.insert(
                (message.partition(), message.offset()),
                message.key().map(<[u8]>::to_vec),
            ));
        });
        log
    }

    /// The records of a topic, as they would be sent again.
    pub(crate) fn records(&self, topic: &str) -> Vec<Sent> {
        let mut records = Vec::new();
        self.read(topic, |message| {
            let header = |header: Header<'_, &[u8]>| {
                (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
            };
            records.push(Sent {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: message
                    .headers()
                    .into_iter()
                    .flat_map(Headers::iter)
                    .map(header)
                    .collect(),
                ..Sent::default()
            });
        });
        records
    }

    /// Reads a topic from its first record to its last.
    fn read(&self, topic: &str, mut take: impl FnMut(&BorrowedMessage<'_>)) {
        let partitions = self.partitions(topic);
        let consumer: BaseConsumer = self.client(&[
            ("group.id", "reads-the-log"),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "earliest"),
            ("isolation.level", "read_committed"),
            ("fetch.message.max.bytes", "30000000"),
            ("receive.message.max.bytes", "200000000"),
        ]);
        let mut assigned = TopicPartitionList::new();
        for partition in 0..partitions as i32 {
            assigned
                .add_partition_offset(topic, partition, Offset::Beginning)
                .expect("an offset");
        }
        consumer.assign(&assigned).expect("assigned");
        // A client that connects again reports the end of a partition again.
        let mut ended = BTreeSet::new();
        while ended.len() < partitions {
            match consumer
                .poll(DEADLINE)
                .expect("a record or the end in time")
            {
                Ok(message) => take(&message),
                Err(KafkaError::PartitionEOF(partition)) => drop(ended.insert(partition)),
                Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure,
                )) => {} // the client connects again
                Err(error) => panic!("{topic}: {error}"),
            }
        }
    }

    /// The group's offset.
    pub(crate) fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let asked: BaseConsumer = self.client(&[("group.id", group)]);
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let answer = asked.committed_offsets(list, CALL).expect("an answer");
        answer.elements()[0]
            .offset()
            .to_raw()
            .filter(|offset| *offset >= 0)
    }

    /// Commits an offset in the group's name.
    pub(crate) fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) {
        let client: BaseConsumer =
            self.client(&[("group.id", group), ("enable.auto.commit", "false")]);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .expect("an offset");
        client.commit(&list, CommitMode::Sync).expect("committed");
    }

    /// How many members a group has.
    pub(crate) fn members(&self, group: &str) -> usize {
        let asked = self.client::<BaseConsumer>(&[]);
        let groups = asked.fetch_group_list(Some(group), CALL).expect("groups");
        groups
            .groups()
            .iter()
            .map(|found| found.members().len())
            .sum()
    }
}

/// Hands records over to be sent.
pub(crate) fn produce(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    records: impl IntoIterator<Item = Sent>,
) {
    for sent in records {
        let headers = sent
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (name, value)| {
                headers.insert(Header {
                    key: name,
                    value: value.as_ref(),
                })
            });
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).headers(headers);
        (record.key, record.payload) = (sent.key.as_deref(), sent.value.as_deref());
        (record.partition, record.timestamp) = (sent.partition, sent.timestamp);
        while let Err((error, again)) = producer.send(record) {
            assert_eq!(
                error,
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)
            );
            record = again;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// A broker of a test's own, that it may stop.
pub(crate) struct OwnBroker {
    pub(crate) broker: Broker,
    folder: tempfile::TempDir,
    port: u16,
    secured: bool,
}

impl OwnBroker {
    pub(crate) fn start() -> Self {
        Self::start_as(false)
    }

    /// A broker that has a second door, to TLS and a password alone.
    pub(crate) fn start_secured() -> Self {
        Self::start_as(true)
    }

    fn start_as(secured: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_ports();
        let own = Self {
            broker: Broker {
                address: format!("127.0.0.1:{port}"),
            },
            folder,
            port,
            secured,
        };
        own.resume();
        own
    }

    /// The address of the second door.
    pub(crate) fn secured_address(&self) -> String {
        format!("127.0.0.1:{}", self.port + 5)
    }

    /// A file of the node's folder: `ca.pem`, `password`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the node again, with its data.
    pub(crate) fn resume(&self) {
        self.kafka("start");
    }

    pub(crate) fn stop(&self) {
        self.kafka("stop");
    }

    /// The node's connections stay, and it answers nothing.
    pub(crate) fn suspend(&self) {
        self.signal(Signal::STOP);
    }

    /// It answers again.
    pub(crate) fn wake(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let node = Pid::from_raw(self.pid()).expect("a process id");
        kill_process(node, signal).expect("signalled");
    }

    /// Kills the node's process, and waits until its ports are free.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
        await_that("the ports of the killed node are free", || {
            is_free(self.port)
        });
    }

    /// The node's process.
    pub(crate) fn pid(&self) -> i32 {
        let text = std::fs::read_to_string(self.folder.path().join("1/pid")).expect("a process id");
        text.trim().parse().expect("a number")
    }

    fn kafka(&self, verb: &str) {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/services/kafka.sh");
        let mut command = Command::new(script);
        command
            .arg(verb)
            .env("KAFKA_DATA", self.folder.path())
            .env("KAFKA_PORT", self.port.to_string());
        if self.secured {
            command.env("KAFKA_SECURED", "yes");
        }
        let done = command
            .env("KAFKA_HEAP", "256m")
            .env("KAFKA_WAIT", "120")
            .output()
            .expect("the script runs");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The ports that a node listens at, above its own.
const PORTS_ABOVE: [u16; 3] = [0, 5, 10];

/// A port that is free, and so are those five and ten above it. It is below those that the system
/// gives to clients: while a node is down, a client that connects again could get its port.
fn free_ports() -> u16 {
    // A node takes seconds to bind its ports, and another test may ask meanwhile.
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let port = (0..100)
        .map(|_| 10_000 + (partner_feeds::storage::random() % 9_000) as u16)
        .find(|port| {
            PORTS_ABOVE
                .iter()
                .all(|above| !taken.contains(&(port + above)))
                && is_free(*port)
        })
        .expect("three free ports");
    taken.extend(PORTS_ABOVE.map(|above| port + above));
    port
}

/// Whether a node may listen at a port, and at those five and ten above it.
fn is_free(port: u16) -> bool {
    let is_one_free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    PORTS_ABOVE.iter().all(|above| is_one_free(port + above))
}
