//! Records of a size, and of a number of names, that nobody meant to send.

use parquet::file::metadata::{ParquetMetaDataReader, RowGroupMetaData};

use crate::broker::Sent;
use crate::events::{crime, records};
use crate::feeds::{Feeds, FeedsSetup};
use crate::kit::examples::example;
use crate::oracle;

#[test]
fn a_record_of_a_hundred_megabytes_is_a_reject_between_others_and_memory_stays_bounded() {
    let bytes = 100_000_000;
    let settings = [("max.message.bytes", "104000000")];
    let feeds = FeedsSetup {
        partitions: 1,
        topic_settings: &settings,
        ..FeedsSetup::default()
    }
    .start();
    feeds.send([crime(0)]);
    let large = Sent::new(
        "large",
        example("crime")
            .bytes()
            .chain(spaces())
            .take(bytes)
            .collect::<Vec<_>>(),
    );
    feeds.broker.send_with(
        &feeds.police(),
        [large],
        &[("message.max.bytes", "104000000")],
    );
    feeds.send(records(1..300));
    let consumer = feeds.ingest().start();
    feeds.settled();
    let peak = consumer.peak_mib();
    consumer.terminate().succeeds();

    let stored = feeds.assert_all_each_once();
    let (reason, _) = stored.rows[1].rejected.clone().expect("a reject");
    assert_eq!((stored.rows.len(), &*reason), (301, "transport.too_large"));
    let kept = oracle::files(&feeds.store().join("rejects"));
    assert!(
        kept.iter()
            .any(|file| file.metadata().expect("a file").len() > 1000)
    );
    assert!(peak < 800, "{peak} MiB");
    feeds.program(&["merge"]).run().succeeds();
    feeds.assert_all_each_once();
}

#[test]
fn large_records_that_shrink_are_cut_by_what_they_were_since_readers_unpack_them() {
    let bytes = 10_000_000;
    let settings = [("max.message.bytes", "11000000")];
    let feeds = FeedsSetup {
        partitions: 1,
        topic_settings: &settings,
        ..FeedsSetup::default()
    }
    .start();
    for number in 0..24 {
        let value = format!("{number}")
            .into_bytes()
            .into_iter()
            .chain(spaces())
            .take(bytes)
            .collect::<Vec<_>>();
        feeds.broker.send_with(
            &feeds.police(),
            [Sent::new("large", value)],
            &[("message.max.bytes", "11000000")],
        );
    }
    feeds
        .ingest()
        .set("ingest.flush_age", "10m")
        .set("ingest.merge_files", 100) // batches stay as they were committed
        .until_end()
        .run()
        .succeeds();
    let kept = oracle::files(&feeds.store().join("rejects"));
    let unpacked = |path: &std::path::PathBuf| {
        let file = std::fs::File::open(path).expect("a file");
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(&file)
            .expect("Parquet");
        metadata
            .row_groups()
            .iter()
            .map(RowGroupMetaData::total_byte_size)
            .sum::<i64>()
    };
    let unpacked: Vec<i64> = kept.iter().map(unpacked).collect();
    assert!(
        unpacked.iter().sum::<i64>() >= 24 * bytes as i64,
        "{unpacked:?}"
    );
    assert!(
        unpacked.iter().all(|bytes| *bytes < 128 << 20),
        "{unpacked:?}"
    );
    feeds.program(&["merge"]).run().succeeds();
    feeds.program(&["verify"]).run().succeeds();
}

fn spaces() -> impl Iterator<Item = u8> {
    std::iter::repeat(b' ')
}

#[test]
fn names_of_partners_that_nobody_registered_are_rejects_and_cost_no_memory() {
    let feeds = Feeds::start();
    let good = example("crime");
    let invented = |number: usize| {
        let document = good.replace(
            "urn:partner:kent-police:crime",
            &format!("urn:partner:p{number:07}:crime"),
        );
        Sent::new("46-001234-17", document).to((number % 3) as i32)
    };
    let number = 60_000;
    feeds.send((0..number).map(invented));
    let consumer = feeds.ingest().set("ingest.flush_rows", 250_000).start();
    feeds.settled();
    let peak = consumer.peak_mib();
    consumer.terminate().succeeds();
    let stored = feeds.assert_all_each_once();
    let reasons = stored
        .rows
        .iter()
        .filter_map(|row| Some(&*row.rejected.as_ref()?.0));
    assert_eq!(
        reasons
            .filter(|reason| *reason == "envelope.source")
            .count(),
        number
    );
    assert!(peak < 400, "{peak} MiB");
}
