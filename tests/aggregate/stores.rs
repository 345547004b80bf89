//! A store of every released version opens in this one, with the figures and columns that it has; and
//! a file of a newer version is refused by every command that reads it.
//!
//! `tests/fixtures/store-<version>.tar.gz` was written by the program of that version, under the
//! reference data in its `reference/`: two topics are merged in part, one is not, and all have rejects. Before a
//! release, `PARTNER_FEEDS_WRITE_STORE=1 cargo test --test aggregate stores` writes the one of this
//! version. Never write one again with a later version.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use partner_feeds::contract::Rejection;
use partner_feeds::contract::rejection::Reason;
use partner_feeds::event::{Kind, Micros};
use partner_feeds::ledger::{self, Footer};
use partner_feeds::{normalise, rejects};
use tempfile::TempDir;

use crate::behaviours::generated_events;
use crate::chain::{Chain, HOUSING, POLICE, Table};
use crate::kit::events::crime;

const PLAN: &str = "smp-2017-18";
const RELEASE: &str = "of-a-year";
/// A record of every store.
const RECORD: [&str; 2] = ["urn:partner:kent-police:crime", "a"];
/// Of the reference data, what is not built in, or may change and decides figures.
const REFERENCE: [&str; 4] = [
    "breaks.toml",
    "disclosure.toml",
    "partners.toml",
    "plans/smp-2017-18.toml",
];
const WINDOWS: &str = "format = 1\nfirst_month = \"2017-04\"\n";
const RELEASE_FILE: &str = "format = 1\nid = \"of-a-year\"\ntitle = \"A year\"\nplan = \"smp-2017-18\"\n\
    [[accept]]\ncheck = \"suspect-month\"\nreason = \"invented\"\n\
    [[accept]]\ncheck = \"overdue-month\"\nreason = \"invented\"\n\
    [[table]]\ntable = \"window_totals\"\nwindows = [\"fy:2017-18\"]\n\
    levels = [\"all-received\"]\nseries = [\"plan\"]\n";

/// The events of a store.
const EVENTS: u64 = 160;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let path = to.join(file.strip_prefix(from).expect("under it"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::copy(&file, path).expect("copied");
    }
}

/// All files under a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = folder
        .read_dir()
        .expect("a folder")
        .map(|entry| entry.expect("listed").path())
        .collect();
    paths.sort();
    let nested = paths.into_iter().map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    });
    nested.flatten().collect()
}

fn rejection(key: usize) -> Rejection {
    Rejection {
        reason: [Reason::SchemaEnum, Reason::SchemaType][key % 2],
        pointer: "/data/outcome".to_owned(),
        rule: "is not in the list".into(),
        partner: Some("kent-police".to_owned()),
        kind: Some(Kind::Crime),
        more: Vec::new(),
    }
}

/// Commits events, each received a minute after the one before, and two rejects.
fn commit(chain: &mut Chain, topic: &str, documents: &[String]) {
    let received = (0..).map(|index| 60 * index);
    chain.commit(topic, 0, received.zip(documents));
    for index in 0..2 {
        let key = format!("{topic}-{index}");
        let received = Micros(1_577_923_200_000_000);
        chain.commit_rejected_with_key(topic, 0, received, &rejection(index), Some(&key));
    }
}

/// A store of this version with its reference data, in a folder of its own.
static WRITTEN: LazyLock<TempDir> = LazyLock::new(|| {
    let mut chain = Chain::new();
    let root = Path::new(chain.root()).to_owned();
    let write = |path: &str, text: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    };
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for name in REFERENCE {
        write(
            &format!("reference/{name}"),
            &fs::read(config.join(name)).expect("a file"),
        );
    }
    write("reference/windows.toml", WINDOWS.as_bytes());
    write(
        &format!("reference/releases/{RELEASE}.toml"),
        RELEASE_FILE.as_bytes(),
    );

    chain.commit(POLICE, 0, [(0, crime("a").flag("domestic_abuse", true))]);
    let sent = generated_events(EVENTS);
    let merged = sent.iter().filter(|(topic, _)| *topic != HOUSING);
    for (topic, documents) in merged {
        commit(&mut chain, topic, &documents[..documents.len() / 2]);
    }
    assert_succeeds(&program(&root, &["merge"]));
    for (topic, documents) in &sent {
        let from = if *topic == HOUSING {
            0
        } else {
            documents.len() / 2
        };
        commit(&mut chain, topic, &documents[from..]);
    }
    write(
        "parked/kent-police",
        br#"{"since":"2020-01-02T00:00:00Z","rejects":1000,"reasons":{}}"#,
    );
    write(
        "door/2020-01-02/0123456789abcdef.json",
        br#"{"format":1,"refusals":[{"partner":"maidstone-bc","kind":"homelessness-case","reason":"schema.enum","pointer":"/data/outcome","rule":"is not in the list","count":3}]}"#,
    );
    assert_succeeds(&program(&root, &["aggregate", "--plan", PLAN]));
    assert_succeeds(&program(&root, &["release", "make", RELEASE]));
    write(
        "reference/releases/another.toml",
        RELEASE_FILE.replace(RELEASE, "another").as_bytes(),
    );
    let folder = tempfile::tempdir().expect("a folder");
    copy(&root, folder.path());
    folder
});

/// A copy of a store, to change.
struct Copy(TempDir);

impl Copy {
    fn new(store: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        copy(store, folder.path());
        Self(folder)
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        program(self.root(), arguments)
    }

    /// The first file under a folder whose name ends like this.
    fn file(&self, folder: &str, ending: &str) -> PathBuf {
        let mut found = files(&self.root().join(folder)).into_iter();
        let found = found.find(|path| path.to_str().expect("UTF-8").ends_with(ending));
        found.unwrap_or_else(|| panic!("{folder} has {ending}"))
    }
}

fn program(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
    command
        .args(arguments)
        .env("PARTNER_FEEDS_STORE_ROOT", root)
        .env("PARTNER_FEEDS_REFERENCE_FOLDER", root.join("reference"))
        .env("PARTNER_FEEDS_KAFKA_BROKERS", "127.0.0.1:1")
        .env_remove("PARTNER_FEEDS_WRITE_STORE")
        .current_dir(root);
    command.output().expect("started")
}

#[track_caller]
fn assert_succeeds(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The stores of released versions, with their versions, each unpacked.
static RELEASED: LazyLock<Vec<(String, TempDir)>> = LazyLock::new(|| {
    if std::env::var_os("PARTNER_FEEDS_WRITE_STORE").is_some() {
        let name = concat!("store-", env!("CARGO_PKG_VERSION"), ".tar.gz");
        tar(
            &["--create", "--gzip", "--file"],
            &fixtures().join(name),
            WRITTEN.path(),
        );
    }
    let stores = fixtures()
        .read_dir()
        .expect("fixtures")
        .filter_map(|entry| {
            let path = entry.expect("listed").path();
            let name = path.file_name()?.to_str()?;
            let version = name
                .strip_prefix("store-")?
                .strip_suffix(".tar.gz")?
                .to_owned();
            let folder = tempfile::tempdir().expect("a folder");
            tar(&["--extract", "--gzip", "--file"], &path, folder.path());
            Some((version, folder))
        });
    let stores: Vec<_> = stores.collect();
    assert!(!stores.is_empty(), "a store of a released version");
    stores
});

/// Packs a folder, or unpacks into it.
fn tar(arguments: &[&str], archive: &Path, folder: &Path) {
    let mut command = Command::new("tar");
    command.args(arguments).arg(archive).arg("--directory");
    let status = command
        .arg(folder)
        .arg(".")
        .status()
        .expect("tar is installed");
    assert!(status.success(), "{}", archive.display());
}

#[test]
fn a_store_of_each_released_version_is_read_by_every_command_and_merged() {
    for (version, folder) in &*RELEASED {
        let path = folder.path();
        let store = Copy::new(path);
        let verified = assert_succeeds(&store.run(&["verify"]));
        assert!(
            verified.contains("\nOK: ") && verified.contains("no gaps"),
            "{verified}"
        );
        let status = String::from_utf8(store.run(&["status", "--quick"]).stdout).expect("UTF-8");
        let writer = format!("partner-feeds {version}, schema 1: ");
        assert!(
            status.contains(&writer) && status.contains("10 rejected"),
            "{status}"
        );
        let listed = assert_succeeds(&store.run(&["rejects", "list", "--format", "json"]));
        let codes = ["schema.enum", "schema.type"].map(|code| listed.matches(code).count());
        assert_eq!((listed.lines().count(), codes), (10, [5, 5]), "{listed}");
        let record = assert_succeeds(&store.run(&["record", RECORD[0], RECORD[1]]));
        assert!(record.contains("domestic-abuse-violent-crime"), "{record}");
        let partners = assert_succeeds(&store.run(&["partners", "list"]));
        assert!(
            partners.contains("2020-01-02T00:00:00Z  1000:"),
            "{partners}"
        );
        let card = assert_succeeds(&store.run(&["scorecard", "--partner", "maidstone-bc"]));
        assert!(card.contains("\"door_refused\":3"), "{card}");
        let tables = assert_succeeds(&store.run(&["tables"]));
        assert!(tables.contains("window_totals"), "{tables}");
        let releases = assert_succeeds(&store.run(&["release", "list"]));
        assert!(releases.contains(RELEASE), "{releases}");
        assert_succeeds(&store.run(&["release", "verify", RELEASE]));
        let release = store.root().join("releases").join(RELEASE);
        assert_succeeds(&store.run(&["release", "attack", release.to_str().expect("UTF-8")]));
        assert_succeeds(&store.run(&["merge"]));
        assert!(
            files(&store.root().join("journal")).is_empty(),
            "{version}: all is merged"
        );
        let merged = assert_succeeds(&store.run(&["verify"]));
        assert_eq!(records(&merged), records(&verified), "{version}");
    }
}

/// The number of records that `verify` found.
fn records(verified: &str) -> &str {
    let (_, totals) = verified.rsplit_once("OK: ").expect("the last line");
    totals.split(", ").nth(1).expect("records")
}

fn table(root: &Path, path: &Path) -> RecordBatch {
    Table::read(Bytes::from(
        fs::read(root.join(path)).unwrap_or_else(|_| panic!("{} is gone", path.display())),
    ))
    .0
}

/// The paths of a store's files of tables with an ending.
fn tables(store: &Path, ending: &str) -> Vec<PathBuf> {
    let folders = ["events", "aggregates", "releases"].map(|folder| files(&store.join(folder)));
    let paths = folders.concat().into_iter();
    let paths = paths.filter(|path| path.extension().is_some_and(|of| of == ending));
    let paths: Vec<PathBuf> = paths
        .map(|path| path.strip_prefix(store).expect("under it").to_owned())
        .collect();
    assert!(!paths.is_empty(), "tables in {ending}");
    paths
}

/// What a reader of a file of tables relies on: the names and types of its columns.
fn columns(schema: &Schema) -> BTreeMap<String, DataType> {
    let fields = schema.fields().iter();
    fields
        .map(|field| (field.name().clone(), field.data_type().clone()))
        .collect()
}

/// Columns that are gone or have another type.
fn lost(before: &BTreeMap<String, DataType>, now: &BTreeMap<String, DataType>) -> Vec<String> {
    let changed = before
        .iter()
        .filter(|(name, of)| now.get(*name) != Some(of));
    changed.map(|(name, of)| format!("{name} {of}")).collect()
}

/// What changed in `repeats` after 0.3.0: a count by token that is looked up in months without
/// records is a lower bound, which was `exact` before.
const BOUNDS_OF_REPEATS: [&str; 5] = [
    "count_value",
    "count_max",
    "count_status",
    "count_reason",
    "repeat_pct",
];

#[test]
fn figures_and_columns_of_each_released_version_are_those_that_this_one_writes() {
    for (version, folder) in &*RELEASED {
        let path = folder.path();
        let store = Copy::new(path);
        for folder in ["events", "aggregates", "releases"] {
            fs::remove_dir_all(store.root().join(folder)).expect("removed");
        }
        assert_succeeds(&store.run(&["aggregate", "--plan", PLAN]));
        assert_succeeds(&store.run(&["release", "make", RELEASE]));
        for name in tables(path, "parquet") {
            let (before, now) = (table(path, &name), table(store.root(), &name));
            let lost = lost(&columns(&before.schema()), &columns(&now.schema()));
            let name = format!("{} of {version}", name.display());
            assert_eq!(lost, [""; 0], "columns of {name}, which analysts may query");
            if name.contains("/columns.parquet") {
                // New columns of a table have a row there.
                continue;
            }
            let is_of_repeats = name.contains("/repeats.parquet");
            for (index, field) in before.schema().fields().iter().enumerate() {
                if is_of_repeats && BOUNDS_OF_REPEATS.contains(&field.name().as_str()) {
                    continue;
                }
                let column = now.column_by_name(field.name()).expect("it is there");
                assert!(
                    before.column(index) == column,
                    "{} in {name} changed",
                    field.name()
                );
            }
        }
        for name in tables(path, "csv") {
            let header = |root: &Path| {
                let text = fs::read_to_string(root.join(&name)).expect("a file");
                let header = text.trim_start_matches('\u{feff}').lines().next();
                header
                    .expect("a header")
                    .split(',')
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let now = header(store.root());
            let lost = header(path)
                .into_iter()
                .filter(|column| !now.contains(column));
            assert_eq!(
                lost.collect::<Vec<_>>(),
                [""; 0],
                "{} of {version}",
                name.display()
            );
        }
    }
}

#[test]
fn rows_and_rejects_of_each_released_version_have_columns_that_this_one_writes() {
    for (version, folder) in &*RELEASED {
        let path = folder.path();
        for (folder, now) in [
            ("ledger", normalise::schema()),
            ("journal", normalise::schema()),
            ("rejects", rejects::schema()),
        ] {
            let now = plain(&columns(&now));
            for file in files(&path.join(folder)) {
                let bytes = Bytes::from(fs::read(&file).expect("a file"));
                let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("Parquet");
                let lost = lost(&columns(reader.schema()), &now);
                assert_eq!(lost, [""; 0], "{} of {version}", file.display());
            }
        }
    }
}

/// The types in a file: a dictionary is written as its values.
fn plain(columns: &BTreeMap<String, DataType>) -> BTreeMap<String, DataType> {
    let plain = |of: &DataType| match of {
        DataType::Dictionary(_, of) => (**of).clone(),
        of => of.clone(),
    };
    columns
        .iter()
        .map(|(name, of)| (name.clone(), plain(of)))
        .collect()
}

/// Writes a file of the ledger again as a newer version would.
fn make_newer_ledger(path: &Path) {
    let bytes = Bytes::from(fs::read(path).expect("a file"));
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).expect("Parquet");
    let footer = Footer::from_metadata("it", reader.metadata().file_metadata()).expect("a footer");
    let footer = Footer {
        schema: "3".to_owned(),
        program: NEWER.to_owned(),
        ..footer
    };
    let schema = reader.schema().clone();
    let rows: Result<Vec<RecordBatch>, _> = reader.build().expect("readable").collect();
    let bytes = ledger::encode(&schema, &rows.expect("rows"), &footer).expect("encoded");
    fs::write(path, bytes).expect("written");
}

/// Replaces the one place of a file that has these bytes.
fn replace(path: &Path, old: &[u8], new: &[u8]) {
    let mut bytes = fs::read(path).expect("a file");
    let places: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter_map(|(index, window)| (window == old).then_some(index))
        .collect();
    assert_eq!(places.len(), 1, "{}", path.display());
    bytes.splice(places[0]..places[0] + old.len(), new.iter().copied());
    fs::write(path, bytes).expect("written");
}

/// Gives a JSON file another number.
fn make_newer_json(path: &Path) {
    let text = fs::read_to_string(path).expect("a file");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["format"], 1, "{}", path.display());
    json["format"] = 2.into();
    json["program"] = NEWER.into();
    fs::write(path, json.to_string()).expect("written");
}

/// Gives the file of a table another number, in Thrift's compact form of a key and a value.
fn make_newer_table(path: &Path) {
    replace(path, b"format\x18\x011", b"format\x18\x012");
}

const NEWER: &str = "partner-feeds 9.1.0";

/// A command refuses a file of a store, and names it and the version to use.
#[track_caller]
fn assert_refuses(store: &Copy, path: &Path, command: &[&str]) {
    let output = store.run(command);
    let printed =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
    let printed = printed.concat();
    assert!(!output.status.success(), "{command:?}: {printed}");
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    let is_ledger = path.to_str().expect("UTF-8").contains("topic=");
    let (found, known) = if is_ledger { (3, 2) } else { (2, 1) };
    let writer = if path.extension().is_some_and(|of| of == "json") || is_ledger {
        NEWER
    } else {
        "the version that wrote it"
    };
    let own = env!("CARGO_PKG_VERSION");
    let fault = format!(
        "has format {found}, and partner-feeds {own} reads up to {known}: use {writer} or a later \
         version"
    );
    assert!(
        printed.contains(&fault) && printed.contains(name),
        "{command:?}: {printed}"
    );
    assert!(
        !printed.contains("damaged") && !printed.contains("restore"),
        "{printed}"
    );
}

const MAIN: &[&str] = &["aggregate", "--plan", PLAN];

#[test]
fn a_file_of_the_ledger_of_a_newer_version_is_refused_by_every_command_that_reads_it() {
    let record = ["record", RECORD[0], RECORD[1]];
    let place = ["where", RECORD[0], RECORD[1]];
    let explain = [
        "explain",
        PLAN,
        "domestic-abuse-violent-crime",
        "E07000110",
        "fy:2017-18",
    ];
    let card = ["scorecard", "--partner", "maidstone-bc"];
    let rejects = ["rejects", "list"];
    let replay = ["rejects", "replay", "--dry-run"];
    let all = [
        &["verify"][..],
        &["status", "--quick"],
        MAIN,
        &record,
        &place,
        &explain,
        &card,
        &rejects,
        &replay,
    ];
    for (tree, topic, commands) in [
        ("ledger", POLICE, &all[..]),
        ("journal", HOUSING, &[&all[..], &[&["merge"]]].concat()),
        (
            "rejects",
            HOUSING,
            &[&["verify"], MAIN, &rejects, &replay, &["merge"]],
        ),
    ] {
        for command in commands {
            let store = Copy::new(WRITTEN.path());
            let folder = format!("{tree}/topic={topic}");
            let file = store.file(&folder, ".parquet");
            make_newer_ledger(&file);
            assert_refuses(&store, &file, command);
        }
    }
}

#[test]
fn tables_releases_and_counts_of_a_newer_version_are_refused_by_every_command_that_reads_them() {
    let aggregates = format!("aggregates/{PLAN}");
    let release = format!("releases/{RELEASE}");
    let make: &[&str] = &["release", "make", "another", "--dry-run"];
    let assess: &[&str] = &["assess", "write", PLAN];
    let verify: &[&str] = &["release", "verify", RELEASE];
    let diff: &[&str] = &["release", "diff", RELEASE, RELEASE];
    let attack: &[&str] = &["release", "attack", &release];
    let card: &[&str] = &["scorecard", "--partner", "maidstone-bc"];
    let cards: &[&str] = &["aggregate", "--plan", PLAN, "--scorecards"];
    let export: &[&str] = &["export", "window_totals", "--plan", PLAN];
    let change = make_newer_json as fn(&Path);
    for (folder, ending, change, commands) in [
        ("events", "_provenance.json", change, &[&["tables"][..]][..]),
        (
            &*aggregates,
            "_provenance.json",
            change,
            &[&["tables"], make, assess, export],
        ),
        (
            &aggregates,
            "/feed_quality.parquet",
            make_newer_table,
            &[&["tables"], make, assess],
        ),
        (
            &aggregates,
            "/window_totals.parquet",
            make_newer_table,
            &[make, assess, export],
        ),
        (
            &release,
            "manifest.json",
            make_newer_json,
            &[&["release", "list"], verify, diff, attack, make],
        ),
        (
            &release,
            "/window_totals.parquet",
            make_newer_table,
            &[attack, diff],
        ),
        ("door", ".json", make_newer_json, &[card, cards]),
    ] {
        for command in commands {
            let store = Copy::new(WRITTEN.path());
            let file = store.file(folder, ending);
            change(&file);
            assert_refuses(&store, &file, command);
        }
    }
}

#[test]
fn figures_of_an_assessment_of_a_newer_version_are_refused() {
    let store = Copy::new(WRITTEN.path());
    let file = store.root().join("figures.json");
    fs::write(&file, r#"{"format":1,"figures":{}}"#).expect("written");
    let diff = ["assess", "diff", "figures.json", "figures.json"];
    assert_succeeds(&store.run(&diff));
    make_newer_json(&file);
    assert_refuses(&store, &file, &diff);
}

#[test]
fn a_configuration_of_a_newer_version_is_refused() {
    let store = Copy::new(WRITTEN.path());
    let file = store.root().join("reference/breaks.toml");
    replace(&file, b"format = 1\n", b"format = 2\n");
    let refused = store.run(&["plan", "check"]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned()
        + &String::from_utf8_lossy(&refused.stdout);
    assert!(
        !refused.status.success() && error.contains("breaks.toml"),
        "{error}"
    );
    assert!(
        error.contains("format: is 2; this program reads format 1"),
        "{error}"
    );
}
