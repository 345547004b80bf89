//! The program itself, started as its users start it: what it reads of its configuration.

use std::path::Path;
use std::process::{Command, Output};

use crate::chain::Chain;
use crate::kit::events::crime;

/// A store with one crime, a folder to start the program in, and reference data of its own in
/// `own`: the adopted plan under another label, which no built-in file has.
struct Place {
    chain: Chain,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let mut chain = Chain::new();
        let crime = crime("a").flag("domestic_abuse", true);
        chain.commit(crate::chain::POLICE, 0, [(0, crime)]);
        let folder = tempfile::tempdir().expect("a folder");
        let plan = include_str!("../../config/plans/smp-2017-18.toml");
        let label = "label = \"Domestic Abuse and Violent Crime\"";
        assert!(plan.contains(label));
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        write(
            "own/plans/smp-2017-18.toml",
            &plan.replace(label, "label = \"Renamed here\""),
        );
        write(
            "settings.toml",
            &format!(
                "[store]\nroot = {:?}\n[reference]\nfolder = \"own\"\n",
                chain.root()
            ),
        );
        Self { chain, folder }
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .envs(environment.iter().copied());
        command.output().expect("started")
    }

    /// The same, where nobody reads what it prints.
    fn run_unread(&self, arguments: &[&str]) -> Output {
        let (reader, closed) = std::io::pipe().expect("a pipe");
        drop(reader);
        self.run_with(arguments, |command| command.stdout(closed))
    }

    /// The same, with other streams.
    fn run_with(
        &self,
        arguments: &[&str],
        streams: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
        command.current_dir(self.folder.path()).args(arguments);
        streams(&mut command).output().expect("started")
    }
}

#[track_caller]
fn found(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

const RECORD: [&str; 3] = ["record", "urn:partner:kent-police:crime", "a"];
const AGGREGATE: [&str; 3] = ["aggregate", "--plan", "smp-2017-18"];

#[test]
fn store_and_reference_data_come_from_the_file_of_settings() {
    let place = Place::new();
    found(&place.run(
        &[&AGGREGATE[..], &["--config", "settings.toml"]].concat(),
        &[],
    ));
    assert!(
        Path::new(place.chain.root())
            .join("aggregates/smp-2017-18/feed_quality.parquet")
            .is_file()
    );
    let json = [
        &RECORD[..],
        &["--config", "settings.toml", "--format", "json"],
    ]
    .concat();
    assert!(found(&place.run(&json, &[])).contains("Renamed here"));
}

#[test]
fn the_environment_overrides_the_file_and_the_command_line_both() {
    let place = Place::new();
    let elsewhere = Chain::new();
    let settings = ["--config", "settings.toml"];
    let empty = place.run(
        &[&RECORD[..], &settings].concat(),
        &[("PARTNER_FEEDS_STORE_ROOT", elsewhere.root())],
    );
    assert_eq!(
        empty.status.code(),
        Some(1),
        "that store has no such record"
    );
    let named = [&RECORD[..], &settings, &["--store", place.chain.root()]].concat();
    found(&place.run(&named, &[("PARTNER_FEEDS_STORE_ROOT", elsewhere.root())]));
    let built_in = [
        &RECORD[..],
        &["--store", place.chain.root(), "--format", "json"],
    ]
    .concat();
    assert!(found(&place.run(&built_in, &[])).contains("Domestic Abuse and Violent Crime"));
    assert!(
        found(&place.run(&built_in, &[("PARTNER_FEEDS_REFERENCE_FOLDER", "own")]))
            .contains("Renamed here")
    );
}

#[test]
fn settings_that_are_wrong_are_refused_although_this_command_needs_no_broker() {
    let place = Place::new();
    let refused = place.run(&AGGREGATE, &[("PARTNER_FEEDS_KAFKA_BROKERS", "nowhere")]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("kafka.brokers"));
}

#[test]
fn a_reader_of_the_output_that_wants_no_more_is_no_fault() {
    let place = Place::new();
    let generate = ["generate", "--events", "3000"];
    let sql = [
        "sql",
        "window_totals",
        "--plan",
        "smp-2017-18",
        "--config",
        "settings.toml",
    ];
    let partners = ["partners", "list", "--config", "settings.toml"];
    for command in [
        &partners[..],
        &["verify", "--config", "settings.toml"],
        &generate,
        &sql,
    ] {
        let ended = place.run_unread(command);
        let found = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.success() && !found.contains("fault") && !found.contains("error"),
            "{command:?}: {found}"
        );
    }
}

#[test]
fn what_was_found_is_in_the_exit_status_also_where_nobody_reads_it() {
    let place = Place::new();
    let journal = Path::new(place.chain.root()).join("journal/topic=police.events.v1/partition=0");
    let file = std::fs::read_dir(journal)
        .expect("a folder")
        .next()
        .expect("a file")
        .expect("listed")
        .path();
    std::fs::write(file, "damaged").expect("written");
    let merge = ["merge", "--format", "json", "--config", "settings.toml"];
    for command in [&["verify", "--config", "settings.toml"][..], &merge] {
        let ended = place.run_unread(command);
        assert_eq!(
            ended.status.code(),
            Some(1),
            "{command:?}: {}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
}

/// A device on which every write fails as on a full disk.
fn full_disk() -> std::fs::File {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).open("/dev/full").expect("a device")
}

#[test]
fn output_on_a_full_disk_is_an_error() {
    let place = Place::new();
    let settings = ["--config", "settings.toml"];
    let written = place.run(&[&AGGREGATE[..], &settings].concat(), &[]);
    assert!(written.status.success(), "{written:?}");
    let sql = ["sql", "window_totals", "--plan", "smp-2017-18"];
    for command in [&["partners", "list"][..], &["tables"], &["verify"], &sql] {
        let command = [command, &settings].concat();
        let ended = place.run_with(&command, |command| command.stdout(full_disk()));
        let error = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{command:?}: {error}");
        assert!(error.contains("No space left on device"), "{error}");
    }
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let place = Place::new();
    for command in [&AGGREGATE[..], &["partners", "list"]] {
        let command = [command, &["--config", "settings.toml"]].concat();
        let ended = place.run_with(&command, |command| {
            let verbose = command.env("PARTNER_FEEDS_LOG", "trace");
            verbose.stderr(full_disk())
        });
        assert_eq!(ended.status.code(), Some(0), "{command:?}");
        assert!(!ended.stdout.is_empty(), "{command:?}");
    }
}
