use std::fs;

use super::*;
use crate::ledger::merge::MergeLimits;
use crate::retention::{AfterPeriod, Period};

/// The settings of a file and an environment.
fn resolve(
    file: &str,
    environment: &[(&str, &str)],
    overrides: impl FnOnce(Overrides) -> Overrides,
) -> Result<Config, Faults> {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.toml");
    fs::write(&path, file).expect("file");
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::resolve(&overrides(Overrides::new(Some(path))), environment)
}

#[test]
fn the_built_in_file_is_the_default() {
    let config = resolve("", &[], |o| o).expect("config");
    assert_eq!(
        (
            &*config.kafka.brokers,
            &*config.kafka.group,
            &*config.store.root
        ),
        ("localhost:9092", "partner-feeds", "store")
    );
    assert_eq!(
        (config.ingest.flush_rows, config.ingest.memory_bytes),
        (250_000, 96 << 20)
    );
    let limits = MergeLimits::default();
    assert_eq!(
        (config.ingest.merge_files, config.ingest.merge_bytes),
        (limits.files, limits.bytes)
    );
    assert_eq!(
        (config.ingest.flush_age, config.ingest.shutdown_timeout),
        (secs(60), secs(30))
    );
    assert_eq!(
        (config.kafka.session_timeout, config.ingest.aggregate_every),
        (Some(secs(10)), None)
    );
    assert_eq!(
        (&config.watch.listen, config.watch.stall),
        (&None, secs(600))
    );
    assert!(config.ingest.workers >= 1 && config.plans.is_empty() && config.reference.is_none());
    let reference = Reference::load(None).expect("reference");
    assert_eq!(config.topics(&reference.partners).count(), 3);
    config.check(&reference).expect("whole");
}

#[test]
fn each_layer_overrides_the_one_before() {
    let file = "[kafka]\nbrokers = 'file:1'\ngroup = 'file'\n[ingest]\nflush_rows = 3\naggregate_every = '5m'\n[store]\nroot = 'file'";
    let environment = [
        ("PARTNER_FEEDS_KAFKA_BROKERS", "env:2"),
        ("PARTNER_FEEDS_INGEST_FLUSH_ROWS", "4"),
        (
            "PARTNER_FEEDS_KAFKA_TOPICS",
            "police.events.v1, health.events.v1",
        ),
        ("PARTNER_FEEDS_STORE_ROOT", "env"),
        ("PARTNER_FEEDS_TEST_BROKERS", "not a setting"),
        ("PATH", "/bin"),
    ];
    let config = resolve(file, &environment, |o| {
        o.with("store.root", Some("cli"))
            .with("kafka.group", None::<String>)
    })
    .expect("config");
    assert_eq!(
        (
            &*config.kafka.brokers,
            &*config.kafka.group,
            &*config.store.root
        ),
        ("env:2", "file", "cli")
    );
    assert_eq!(
        config.kafka.topics,
        ["police.events.v1", "health.events.v1"]
    );
    assert_eq!(
        (config.ingest.flush_rows, config.ingest.aggregate_every),
        (4, Some(secs(300)))
    );
    let shown = config.to_string();
    assert!(
        shown.contains("kafka.brokers = \"env:2\"  # PARTNER_FEEDS_KAFKA_BROKERS\n"),
        "{shown}"
    );
    assert!(
        shown.contains("ingest.flush_age = \"60s\"  # built in\n"),
        "{shown}"
    );
}

#[test]
fn everything_wrong_is_told_at_once_with_place_key_value_and_bound() {
    let file = "[kafka]\nbrokers = 'localhost'\ngroop = 'x'\n[kafka.properties]\n'group.id' = 'x'\n'sasl.password_file' = '/nowhere'\n\
        [ingest]\nflush_rows = 0\nflush_age = '2d'\nshutdown_timeout = '11m'\nworkers = '2'\n[watch]\nlisten = '9600'\nstall_intervals = 1\n[store]\nroot = ''";
    let environment = [
        ("PARTNER_FEEDS_INGEST_MEMORY_MIB", "lots"),
        ("PARTNER_FEEDS_INGST_SHUTDOWN_TIMEOUT", "1s"),
    ];
    let faults = resolve(file, &environment, |o| o).expect_err("refused");
    let mut told: Vec<String> = faults
        .0
        .iter()
        .map(|f| format!("{}: {}", f.key, f.reason))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "PARTNER_FEEDS_INGST_SHUTDOWN_TIMEOUT: is not a setting; did you mean `PARTNER_FEEDS_INGEST_SHUTDOWN_TIMEOUT`?",
            "ingest.flush_age: \"2d\" is not a duration from 1s to 1h",
            "ingest.flush_rows: 0 is not an integer from 1 to 10000000",
            "ingest.memory_mib: \"lots\" is not an integer from 16 to 65536",
            "ingest.shutdown_timeout: \"11m\" is not a duration from 0s to 10m",
            "ingest.workers: \"2\" is not an integer from 0 to 256",
            "kafka.brokers: \"localhost\" is not host:port, joined by commas",
            "kafka.groop: unknown setting; did you mean `kafka.group`?",
            "kafka.properties.group.id: may not be set: is kafka.group",
            "kafka.properties.sasl.password_file: file /nowhere cannot be read: No such file or directory (os error 2)",
            "store.root: \"\" is not a text that is not empty",
            "watch.listen: \"9600\" is not host:port, or empty",
            "watch.stall_intervals: 1 is not an integer from 2 to 1000",
        ]
    );
    assert!(
        faults
            .0
            .iter()
            .any(|f| f.file == "PARTNER_FEEDS_INGEST_MEMORY_MIB")
    );
    assert!(faults.0.iter().any(|f| f.file.ends_with("a.toml")));
}

const SECRETS: [(&str, &str); 2] = [
    (
        "PARTNER_FEEDS_KAFKA_PROPERTIES_SASL_PASSWORD",
        "from-a-variable",
    ),
    (
        "PARTNER_FEEDS_STORE_PROPERTIES_PROXY_URL",
        "http://user:from-a-url@proxy:3128",
    ),
];

#[test]
fn a_secret_is_handed_on_and_never_shown() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("secret");
    fs::write(&path, "from-a-file\n").expect("file");
    let file = format!(
        "kafka.properties.'ssl.key.password_file' = '{}'\nkafka.properties.security.protocol = 'sasl_ssl'",
        path.display()
    );
    let config = resolve(&file, &SECRETS, |o| o).expect("config");
    let properties: Vec<_> = config.kafka.properties.iter().collect();
    let expected = [
        ("sasl.password", "from-a-variable"),
        ("security.protocol", "sasl_ssl"),
        ("ssl.key.password", "from-a-file"),
    ];
    assert_eq!(properties, expected);
    let shown = format!("{config}{config:?}");
    assert!(
        !shown.contains("from-a-") && shown.contains("sasl_ssl") && shown.contains("(hidden)"),
        "{shown}"
    );
}

#[test]
fn a_property_that_no_client_knows_or_takes_is_refused_without_a_secret() {
    let file = "kafka.properties.'sasl.pasword' = 'hidden'\nkafka.properties.'security.protocol' = 'sasl_tls'";
    let told = resolve(file, &[], |o| o).expect_err("refused").to_string();
    assert!(
        told.contains("kafka.properties.sasl.pasword: is not a property of librdkafka"),
        "{told}"
    );
    assert!(told.contains("Invalid value \"sasl_tls\""), "{told}");
    assert!(!told.contains("hidden"), "{told}");
}

#[test]
fn the_broker_decides_the_session_of_the_new_group_protocol() {
    let file = "kafka.properties.'group.protocol' = 'consumer'";
    assert!(
        resolve(file, &[], |o| o)
            .expect_err("refused")
            .to_string()
            .contains("kafka.session_timeout: must be \"\"")
    );
    let config =
        resolve(&format!("{file}\nkafka.session_timeout = ''"), &[], |o| o).expect("config");
    assert_eq!(config.kafka.session_timeout, None);
}

#[test]
fn topics_and_plans_must_be_held() {
    let config =
        resolve("kafka.topics = ['police.events.v2']\nkafka.dead_letter_topic = 'health.events.v1'\naggregate.plans = ['smp-2017-81', 'in-force']", &[], |o| o)
            .expect("config");
    let told = config
        .check(&Reference::load(None).expect("reference"))
        .expect_err("refused")
        .to_string();
    assert!(
        told.contains("kafka.topics: `police.events.v2` is not in partners.toml; did you mean `police.events.v1`?"),
        "{told}"
    );
    assert!(
        told.contains("kafka.dead_letter_topic: `health.events.v1` is a feed's topic"),
        "{told}"
    );
    assert!(
        told.contains("aggregate.plans: unknown plan `smp-2017-81`; did you mean `smp-2017-18`?"),
        "{told}"
    );
}

#[test]
fn retention_has_periods_of_kinds_and_a_file_of_preserved_records() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("preserved.toml");
    let records =
        "[[record]]\ncase = \"DP-7\"\nsource = \"urn:partner:a:b\"\nsubjects = [\"46-1\"]\n";
    fs::write(&path, records).expect("file");
    let file = format!(
        "[retention]\nevents = \"7y\"\npreserved = {:?}\nkafka = \"14d\"\n[retention.kinds]\n\
         \"police.crime\" = {{ after = \"7y\", action = \"review\" }}\n\"kent-police:referral\" = \"36m\"\n",
        path.to_str().expect("UTF-8")
    );
    let config = resolve(&file, &[], |o| o).expect("config");
    let retention = &config.retention;
    assert_eq!(
        (
            retention.events,
            retention.quiet_months,
            retention.rejects_raw_days
        ),
        (Period::Months(84), 12, Some(60))
    );
    assert_eq!(
        (
            retention.kafka_days,
            retention.dead_letters_days,
            retention.backups_days
        ),
        (Some(14), Some(14), None)
    );
    let kinds = retention
        .kinds
        .iter()
        .map(|kind| (&*kind.key, kind.period, kind.after));
    let expected = [
        (
            "kent-police:referral",
            Period::Months(36),
            AfterPeriod::Erase,
        ),
        ("police.crime", Period::Months(84), AfterPeriod::Review),
    ];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
    assert_eq!(
        retention.preserved.case_of("urn:partner:a:b", "46-1"),
        Some("DP-7")
    );
    let reference = Reference::load(None).expect("reference");
    config.check(&reference).expect("whole");

    let wrong = "[retention]\nevents = \"7\"\nrejects_raw = \"181d\"\npreserved = \"absent.toml\"\n\
                  [retention.kinds]\ncrimes = \"7y\"\ncount = \"7y\"\n\
                  \"crime\" = { action = \"erase\" }\n\"incident\" = { after = \"7y\", action = \"burn\" }\n";
    let faults = resolve(wrong, &[], |o| o).expect_err("faults").to_string();
    for key in [
        "events",
        "rejects_raw",
        "preserved",
        "kinds.crimes",
        "kinds.count",
        "kinds.crime.after",
        "kinds.incident.action",
    ] {
        assert!(
            faults.contains(&format!("retention.{key}:")),
            "{key}: {faults}"
        );
    }
    let unknown =
        resolve("[retention.kinds]\n\"kent:crime\" = \"7y\"\n", &[], |o| o).expect("config");
    let fault = unknown
        .check(&reference)
        .expect_err("an unknown partner")
        .to_string();
    assert!(fault.contains("`kent` is not in partners.toml"), "{fault}");
}
