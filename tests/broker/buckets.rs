//! A store in a bucket.

use std::path::Path;
use std::process::Command;

use crate::events::records;
use crate::feeds::{Feeds, FeedsSetup};
use crate::oracle;

fn feeds() -> Feeds {
    FeedsSetup {
        in_bucket: true,
        ..FeedsSetup::default()
    }
    .start()
}

fn copied(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .arg("-R")
        .arg(from)
        .arg(to)
        .status()
        .expect("cp runs");
    assert!(copied.success());
}

#[test]
fn a_ledger_in_a_bucket_gives_the_tables_that_it_gives_on_a_disk() {
    let feeds = feeds();
    for first in [0, 300] {
        feeds.send(records(first..first + 300));
        feeds
            .ingest()
            .set("ingest.merge_files", 10_000)
            .until_end()
            .run()
            .succeeds();
    }
    let journal = || oracle::files(&feeds.store().join("journal")).len();
    assert!(journal() >= 6, "a file a partition and run: {}", journal());
    feeds.program(&["merge"]).run().succeeds();
    assert_eq!(
        (
            journal(),
            oracle::files(&feeds.store().join("ledger")).len()
        ),
        (0, 3),
        "merged and swept"
    );
    feeds.assert_all_each_once();

    let disk = feeds.path("disk");
    copied(&feeds.store(), &disk);
    let plan = ["aggregate", "--plan", "smp-2017-18"];
    feeds.program(&plan).run().succeeds();
    feeds
        .program(&plan)
        .set("store.root", disk.display())
        .run()
        .succeeds();
    for folder in ["events", "aggregates"] {
        let made = oracle::files(&feeds.store().join(folder));
        assert!(!made.is_empty());
        for file in made {
            let beside = disk.join(file.strip_prefix(feeds.store()).expect("in the store"));
            assert!(
                std::fs::read(&file).expect("a file") == std::fs::read(beside).expect("a file"),
                "{}",
                file.display()
            );
        }
    }
    feeds
        .program(&["tables"])
        .run()
        .succeeds()
        .saying("priority_monthly");
    feeds
        .program(&["rejects", "list"])
        .run()
        .succeeds()
        .saying("envelope.revision");
}

#[test]
fn a_bucket_that_cannot_be_used_is_refused_with_what_to_do() {
    let feeds = feeds();
    let secret = "not-the-secret-that-it-is";
    let refused = feeds
        .ingest()
        .set("store.properties.secret_access_key", secret)
        .until_end()
        .run()
        .with_status(2);
    let refused = refused.saying("store.properties.secret_access_key");
    assert!(
        !refused.err.contains(secret) && !refused.out.contains(secret),
        "{}",
        refused.err
    );
    for command in [
        &["status", "--quick"][..],
        &["verify"],
        &["aggregate"],
        &["ingest", "--until-end"],
    ] {
        let refused = |key: &str, value: &str, advice: &str| {
            let refused = feeds.program(command).set(key, value).run().with_status(2);
            let refused = refused.saying(advice);
            assert!(!refused.err.contains("&#34;"), "{}", refused.err);
        };
        refused(
            "store.properties.region",
            "eu-west-2",
            "expects the region `us-east-1`: set store.properties.region",
        );
        refused(
            "store.properties.access_key_id",
            "nobody",
            "correct store.properties.access_key_id",
        );
        refused(
            "store.root",
            "s3://no-such-bucket/x",
            "create it, or name another",
        );
        refused(
            "store.properties.endpoint",
            "http://127.0.0.1:1",
            "no server answers at http://127.0.0.1:1",
        );
    }
    feeds
        .ingest()
        .set("store.root", "s3://no-such-bucket/x")
        .until_end()
        .run()
        .with_status(2)
        .saying("create it");
    feeds
        .ingest()
        .set("store.properties.endpoint", "http://127.0.0.1:1")
        .until_end()
        .run()
        .with_status(2)
        .saying("127.0.0.1:1");
    feeds
        .ingest()
        .set("store.properties.endpoind", "x")
        .until_end()
        .run()
        .with_status(2)
        .saying("endpoind");
}
