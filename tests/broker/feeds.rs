//! The stage of a test: fresh topics, a fresh group and a fresh store on a broker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::producer::Producer;

use crate::broker::{Broker, Sent, produce};
use crate::events::records;
use crate::oracle::{self, Row, StoreContent, is_one_of};
use crate::program::Program;
use crate::{DEADLINE, await_that};

/// The feeds of the partners' file.
const ALL: [&str; 3] = ["police", "health", "housing"];

/// What a test asks for beside the usual.
pub(crate) struct FeedsSetup<'a> {
    pub(crate) broker: Broker,
    pub(crate) feeds: &'a [&'a str],
    pub(crate) partitions: i32,
    pub(crate) topic_settings: &'a [(&'a str, &'a str)],
    /// Whether the store is in a bucket.
    pub(crate) in_bucket: bool,
    /// The settings of a dead-letter topic, if there is to be one.
    pub(crate) dead_letters: Option<&'a [(&'a str, &'a str)]>,
}

impl Default for FeedsSetup<'_> {
    fn default() -> Self {
        Self {
            broker: Broker::shared(),
            feeds: &["police"],
            partitions: 3,
            topic_settings: &[],
            in_bucket: false,
            dead_letters: None,
        }
    }
}

impl FeedsSetup<'_> {
    pub(crate) fn start(self) -> Feeds {
        let feeds = self.prepare();
        for feed in self.feeds {
            feeds
                .broker
                .create_topic(&feeds.topic(feed), self.partitions, self.topic_settings);
        }
        if let Some(settings) = self.dead_letters {
            feeds
                .broker
                .create_topic(&feeds.dead_letter_topic(), self.partitions, settings);
        }
        feeds
    }

    /// Without the topics.
    pub(crate) fn prepare(&self) -> Feeds {
        let folder = tempfile::Builder::new()
            .prefix("feeds-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a folder");
        let name = folder
            .path()
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let bucket = self.in_bucket.then(Bucket::shared);
        let (broker, mirrored) = (self.broker.clone(), self.dead_letters.is_some());
        let feeds = Feeds {
            folder,
            name,
            broker,
            partitions: self.partitions,
            bucket,
            mirrored,
        };
        std::fs::create_dir(feeds.path("reference")).expect("a folder");
        let partners = concat!(env!("CARGO_MANIFEST_DIR"), "/config/partners.toml");
        let mut partners = std::fs::read_to_string(partners).expect("the partners' file");
        for feed in ALL {
            partners = partners.replace(&format!("{feed}.events.v1"), &feeds.topic(feed));
        }
        std::fs::write(feeds.path("reference/partners.toml"), partners).expect("written");
        let consumed: Vec<String> = self.feeds.iter().map(|feed| feeds.topic(feed)).collect();
        std::fs::write(feeds.path("topics"), consumed.join(",")).expect("written");
        feeds
    }
}

/// Topics, a group and a store of a test's own.
pub(crate) struct Feeds {
    folder: tempfile::TempDir,
    name: String,
    pub(crate) broker: Broker,
    partitions: i32,
    bucket: Option<Bucket>,
    mirrored: bool,
}

/// The bucket of the S3-compatible server that `tests/services/s3.sh` starts.
struct Bucket {
    endpoint: String,
    /// Where its objects are files.
    folder: PathBuf,
}

impl Bucket {
    #[expect(clippy::disallowed_methods, reason = "where the test's server is")]
    fn shared() -> Self {
        let of = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: `tests/services/s3.sh run COMMAND` starts a server for the tests")
            })
        };
        Self {
            endpoint: of("PARTNER_FEEDS_TEST_S3"),
            folder: of("PARTNER_FEEDS_TEST_S3_FOLDER").into(),
        }
    }
}

impl Feeds {
    /// The police's topic, on the shared broker.
    pub(crate) fn start() -> Self {
        FeedsSetup::default().start()
    }

    /// The police's topic, on another broker.
    pub(crate) fn start_on(broker: &Broker) -> Self {
        FeedsSetup {
            broker: broker.clone(),
            ..FeedsSetup::default()
        }
        .start()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder with the store's files, also those of a bucket.
    pub(crate) fn store(&self) -> PathBuf {
        self.bucket.as_ref().map_or_else(
            || self.path("store"),
            |bucket| bucket.folder.join(&self.name),
        )
    }

    /// The root of the store as the program is given it.
    pub(crate) fn root(&self) -> String {
        match &self.bucket {
            Some(_) => format!("s3://bucket/{}", self.name),
            None => self.store().display().to_string(),
        }
    }

    pub(crate) fn topic(&self, feed: &str) -> String {
        format!("{}.{feed}", self.name)
    }

    pub(crate) fn police(&self) -> String {
        self.topic("police")
    }

    /// The dead-letter topic.
    pub(crate) fn dead_letter_topic(&self) -> String {
        self.topic("dead-letters")
    }

    pub(crate) fn group(&self) -> String {
        format!("{}.group", self.name)
    }

    fn topics(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("topics")).expect("topics");
        text.split(',').map(str::to_owned).collect()
    }

    /// Gives each topic more partitions.
    pub(crate) fn grow(&mut self, partitions: i32) {
        for topic in self.topics() {
            self.broker.grow_topic(&topic, partitions);
        }
        self.partitions = partitions;
    }

    /// The files that have what programs printed and logged, by name.
    pub(crate) fn outputs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder");
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| {
                let extension = path.extension();
                extension.is_some_and(|end| end == "err" || end == "out")
            })
            .collect();
        paths.sort();
        paths
    }

    /// A command under the settings of this test.
    pub(crate) fn program(&self, arguments: &[&str]) -> Program {
        let program = Program::new(self.folder.path(), arguments);
        let program = match &self.bucket {
            Some(bucket) => program
                .set("store.properties.endpoint", &bucket.endpoint)
                .set("store.properties.access_key_id", "partner-feeds")
                .set("store.properties.secret_access_key", "partner-feeds"),
            None => program,
        };
        let program = if self.mirrored {
            program.set("kafka.dead_letter_topic", self.dead_letter_topic())
        } else {
            program
        };
        program
            .set("kafka.brokers", &self.broker.address)
            .set("kafka.group", self.group())
            .set("kafka.topics", self.topics().join(","))
            .set("kafka.session_timeout", "6s")
            .set("store.root", self.root())
            .set("reference.folder", self.path("reference").display())
            .set("ingest.flush_rows", 100)
            .set("ingest.flush_age", "1s")
            .set("ingest.merge_files", 4)
            // A machine that is busy with other tests is not a stall.
            .set("watch.stall_intervals", 1_000)
    }

    pub(crate) fn ingest(&self) -> Program {
        self.program(&["ingest"])
    }

    /// Sends records to the police's topic.
    pub(crate) fn send(&self, sent: impl IntoIterator<Item = Sent>) {
        self.broker.send(&self.police(), sent);
    }

    /// Sends records to the police's topic, some every tenth of a second, until it is asked to
    /// end.
    pub(crate) fn load(&self, each: usize) -> Load {
        let (broker, topic) = (self.broker.clone(), self.police());
        let ending = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ending);
        let thread = std::thread::spawn(move || {
            let producer = broker.producer(&[]);
            // Bounded, should the test fail.
            for round in 10_000..11_200 {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                produce(&producer, &topic, records(round * each..(round + 1) * each));
                std::thread::sleep(Duration::from_millis(100));
            }
            producer.flush(DEADLINE).expect("arrived");
        });
        Load {
            ending,
            thread: Some(thread),
        }
    }

    /// Waits until all that is in the topics is in the store.
    #[track_caller]
    pub(crate) fn settled(&self) {
        let sent: usize = self
            .topics()
            .iter()
            .map(|topic| self.broker.log(topic).len())
            .sum();
        await_that(&format!("the store holds {sent} records"), || {
            oracle::count(&self.store()) >= sent
        });
    }

    /// The oracle: what is in the store is the log below the chains' ends, each record once, and
    /// accepted rows are the record of their offset; `verify` finds nothing.
    #[track_caller]
    pub(crate) fn assert_each_once(&self) -> StoreContent {
        self.assert_each_once_without(&[])
    }

    /// The same, where the records of some keys were erased.
    #[track_caller]
    pub(crate) fn assert_each_once_without(&self, erased: &[String]) -> StoreContent {
        let stored = oracle::read(&self.store());
        for topic in self.topics() {
            let mut log = self.broker.log(&topic);
            log.retain(|(partition, offset), key| {
                let end = stored.ends.get(&(topic.clone(), *partition));
                end.is_some_and(|end| offset < end) && !is_one_of(key.as_deref(), erased)
            });
            let rows: Vec<_> = stored
                .rows
                .iter()
                .filter(|row| row.place.0 == topic)
                .collect();
            let found: Vec<_> = rows.iter().map(|row| (row.place.1, row.offset)).collect();
            assert_eq!(
                found,
                log.keys().copied().collect::<Vec<_>>(),
                "{topic}: offsets in the store, and in the log"
            );
            for row in rows.into_iter().filter(|row| row.subject.is_some()) {
                let key = &log[&(row.place.1, row.offset)];
                assert_eq!(
                    row.subject.as_ref().map(String::as_bytes),
                    key.as_deref(),
                    "the record of {row:?}"
                );
            }
        }
        self.program(&["verify"]).run().succeeds().saying("OK: ");
        stored
    }

    /// The oracle, and nothing of the log is missing.
    #[track_caller]
    pub(crate) fn assert_all_each_once(&self) -> StoreContent {
        let stored = self.assert_each_once();
        let sent: usize = self
            .topics()
            .iter()
            .map(|topic| self.broker.log(topic).len())
            .sum();
        assert_eq!(
            stored.rows.len(),
            sent,
            "rows in the store, and records in the log"
        );
        stored
    }

    /// While compaction continues: every record that is in the log now is in the store, none twice.
    #[track_caller]
    pub(crate) fn assert_each_once_of_what_is_left(&self) -> StoreContent {
        let stored = oracle::read(&self.store());
        let mut found: Vec<_> = stored
            .rows
            .iter()
            .map(|row| (row.place.1, row.offset))
            .collect();
        let rows = found.len();
        found.dedup();
        assert_eq!(found.len(), rows, "no row twice");
        let missing = self
            .broker
            .log(&self.police())
            .into_keys()
            .find(|at| found.binary_search(at).is_err());
        assert_eq!(missing, None, "in the log, and not in the store");
        self.program(&["verify"]).run().succeeds().saying("OK: ");
        stored
    }

    /// Every reject below the group's offset has a letter, and every letter is of a reject; also of
    /// a store in use.
    #[track_caller]
    pub(crate) fn assert_dead_letters(&self) -> Vec<DeadLetter> {
        let group: Vec<_> = (0..self.partitions)
            .map(|p| {
                self.broker
                    .committed(&self.group(), &self.police(), p)
                    .unwrap_or(0)
            })
            .collect();
        let dead_letters: Vec<_> = self
            .broker
            .records(&self.dead_letter_topic())
            .into_iter()
            .map(DeadLetter::of)
            .collect();
        let stored = oracle::read(&self.store());
        let mirrored: BTreeSet<_> = dead_letters
            .iter()
            .map(|letter| (letter.row.place.clone(), letter.row.offset))
            .collect();
        let rejects = stored.rows.iter().filter(|row| row.rejected.is_some());
        let known: BTreeSet<_> = rejects.map(|row| (row.place.clone(), row.offset)).collect();
        let of_group = |((topic, partition), offset): &&(oracle::Place, i64)| {
            *topic != self.police() || *offset < group[*partition as usize]
        };
        assert_eq!(
            known
                .iter()
                .filter(of_group)
                .find(|place| !mirrored.contains(place)),
            None,
            "a reject without a letter"
        );
        assert_eq!(
            mirrored.iter().find(|place| !known.contains(place)),
            None,
            "a letter of no reject"
        );
        for DeadLetter { row, .. } in &dead_letters {
            assert!(stored.rows.binary_search(row).is_ok(), "{row:?}");
        }
        dead_letters
    }

    /// The group's offset of each partition of the police's topic is the chain's end.
    #[track_caller]
    pub(crate) fn assert_group_is_at_the_end(&self) {
        let stored = oracle::read(&self.store());
        for partition in 0..self.partitions {
            let committed = self
                .broker
                .committed(&self.group(), &self.police(), partition);
            assert_eq!(
                committed,
                stored.ends.get(&(self.police(), partition)).copied(),
                "partition {partition}"
            );
        }
    }
}

/// A dead letter: the row of its record, and the record itself.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) row: Row,
    pub(crate) record: Sent,
    /// Why it has nothing of the record.
    pub(crate) left_out: Option<String>,
    pub(crate) message: String,
}

impl DeadLetter {
    fn of(mut record: Sent) -> Self {
        let own = |(name, _): &mut (String, _)| {
            name.starts_with("__connect.errors.") || name.starts_with("partner-feeds.")
        };
        let headers: BTreeMap<String, String> = record
            .headers
            .extract_if(.., own)
            .map(|(name, value)| {
                (
                    name,
                    String::from_utf8(value.expect("a value")).expect("UTF-8"),
                )
            })
            .collect();
        let (era, offset) = headers["partner-feeds.position"]
            .split_once('-')
            .expect("a position");
        let partition = headers["__connect.errors.partition"]
            .parse()
            .expect("a number");
        let reason = headers["__connect.errors.exception.class.name"].clone();
        assert_eq!(
            headers["__connect.errors.offset"].parse::<i64>(),
            offset.parse()
        );
        let row = Row {
            place: (headers["__connect.errors.topic"].clone(), partition),
            era: era.parse().expect("a number"),
            offset: offset.parse().expect("a number"),
            subject: None,
            rejected: Some((reason, headers["partner-feeds.pointer"].clone())),
        };
        let left_out = headers.get("partner-feeds.left-out").cloned();
        Self {
            row,
            record,
            left_out,
            message: headers["__connect.errors.exception.message"].clone(),
        }
    }
}

impl Drop for Feeds {
    /// Keeps logs and store if the test failed, and prints the errors that programs logged.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.folder.disable_cleanup(true);
        eprintln!("logs and store are in {}", self.folder.path().display());
        for path in self.outputs() {
            let log = std::fs::read_to_string(&path).unwrap_or_default();
            let is_error = |line: &&str| line.contains(" ERROR ") || line.starts_with("error: ");
            for line in log.lines().filter(is_error) {
                eprintln!("{}: {line}", path.display());
            }
        }
    }
}

/// Records that keep coming.
pub(crate) struct Load {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn end(mut self) {
        self.ending.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .expect("once")
            .join()
            .expect("all arrived");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}
