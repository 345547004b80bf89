//! What `status` shows is true, beside consumers, without any, and without a broker.

use serde_json::Value;

use crate::events::{crime, records};
use crate::feeds::{Feeds, FeedsSetup};
use crate::oracle;
use crate::program::{Ended, Program};

fn status(feeds: &Feeds) -> Program {
    feeds.program(&["status", "--format", "json"])
}

#[track_caller]
fn told(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).expect("an object")
}

#[test]
fn it_shows_the_store_and_the_position_of_the_group() {
    let feeds = Feeds::start();
    let load = feeds.load(30);
    let mut consumer = feeds.ingest().start();
    consumer.until("durable partition", 3);
    // A consumer at work is not a disagreement, whichever file becomes durable meanwhile.
    for _ in 0..5 {
        status(&feeds).run().succeeds();
    }
    load.end();
    feeds.settled();
    let beside = told(&status(&feeds).run().succeeds());
    assert_eq!(
        (&beside["members"], &beside["lag"][feeds.police()]),
        (&1.into(), &0.into()),
        "{beside}"
    );
    consumer.terminate().succeeds();

    let stored = feeds.assert_all_each_once();
    let rejected = stored
        .rows
        .iter()
        .filter(|row| row.rejected.is_some())
        .count();
    assert_eq!(
        (&beside["accepted"], &beside["rejected"]),
        (&(stored.rows.len() - rejected).into(), &rejected.into())
    );
    assert_eq!(beside["partitions"], 3);
    assert!(
        beside["newest_age_seconds"]
            .as_i64()
            .is_some_and(|age| (0..600).contains(&age)),
        "{beside}"
    );

    feeds.send(records(0..40));
    let alone = told(&status(&feeds).run().with_status(1));
    assert_eq!(
        (&alone["members"], &alone["lag"][feeds.police()]),
        (&0.into(), &40.into()),
        "{alone}"
    );
    for tree in ["journal", "ledger", "rejects"] {
        let files = oracle::files(&feeds.store().join(tree));
        let bytes: u64 = files
            .iter()
            .map(|file| file.metadata().expect("a file").len())
            .sum();
        assert_eq!(
            (&alone[tree]["files"], &alone[tree]["bytes"]),
            (&files.len().into(), &bytes.into()),
            "{tree}"
        );
    }
    let text = feeds.program(&["status"]).run().with_status(1);
    text.saying("to do       start `ingest`: nobody consumes, and 40 records wait\n");
}

#[test]
fn it_names_what_stopped_a_partition_before_anybody_consumes() {
    let feeds = FeedsSetup {
        partitions: 2,
        ..FeedsSetup::default()
    }
    .start();
    feeds.send((0..10).map(|number| crime(number).to(0)));
    feeds.ingest().until_end().run().succeeds();
    feeds.send((10..20).map(|number| crime(number).to(0)));
    feeds.broker.expire(&feeds.police(), 0, 15);
    let stopped = feeds.ingest().until_end().run().with_status(1);
    let loss = format!(
        "--accept {}/0:0000-0000000000000000010..0000-0000000000000000015",
        feeds.police()
    );
    stopped.saying(&loss);
    let printed = feeds.program(&["status"]).run().with_status(1);
    printed
        .saying(&format!(
            "to do       {}/0 is stopped: offsets 10 to 14 expired",
            feeds.police()
        ))
        .saying(&loss);
}

#[test]
fn it_tells_of_the_store_alone_where_there_is_no_broker() {
    let feeds = Feeds::start();
    status(&feeds)
        .run()
        .with_status(2)
        .saying("there is no store at");
    feeds.send(records(0..30));
    feeds.ingest().until_end().run().succeeds();
    let parked = feeds.store().join("parked");
    std::fs::create_dir(&parked).expect("a folder");
    std::fs::write(parked.join("kent-police"), "{}").expect("written");
    let before = oracle::files(&feeds.store());
    let ended = feeds
        .program(&["status"])
        .set("kafka.brokers", "127.0.0.1:1")
        .run()
        .with_status(1);
    let ended = ended
        .saying("records     27 accepted, 3 rejected")
        .saying("paused      kent-police\n");
    ended
        .saying("lag         not known")
        .saying("cannot read all from the broker: no Kafka broker answered at 127.0.0.1:1");
    assert_eq!(oracle::files(&feeds.store()), before);
}
