//! A store written by an earlier version opens, and has the rows and rejects it was written with.
//!
//! `tests/fixtures/earlier-store` was written by the program as of commit 65ef2ec. It has two feeds;
//! each has two journal files that are merged but not swept, two that are not merged, and an accepted
//! loss at the end. Every tenth record is rejected. `<feed>.jsonl` contains the records as sent. Do
//! not write the fixture again with a later version.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;

use super::merge::{MergeLimits, merge, sweep};
use super::verify::{VerifyReport, verify};
use super::{chain, decode, times_received};
use crate::contract::{Event, Record};
use crate::event::{Micros, Position, TopicPartition};
use crate::normalise::Rows;
use crate::rejects::reader::RejectsReader;
use crate::storage::Store;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/earlier-store")
}

/// The earlier store, in memory.
async fn store() -> Store {
    let store = Store::from_object_store(Arc::new(InMemory::new()));
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root()).expect("under the root");
                let bytes = fs::read(&path).expect("a file");
                let created = store.create(name.to_str().expect("UTF-8"), bytes.into());
                created.await.expect("created");
            }
        }
    }
    store
}

fn partition(topic: &str) -> TopicPartition {
    TopicPartition {
        topic: topic.to_owned(),
        partition: 0,
    }
}

/// The records of a feed as sent, by offset.
fn sent(feed: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(format!("{feed}.jsonl"))).expect("a file");
    text.lines().map(str::to_owned).collect()
}

fn is_rejected(offset: usize) -> bool {
    offset % 10 == 7
}

fn is_personal(offset: usize) -> bool {
    offset % 20 == 17
}

/// Each accepted record is the row of its offset.
async fn assert_rows(store: &Store, feed: &str, sent: &[String]) {
    let partition = partition(&format!("{feed}.events.v1"));
    let chain = chain::read(store, &partition).await.expect("joins");
    let mut expected = (0..sent.len()).filter(|offset| !is_rejected(*offset));
    for file in &chain.files {
        let bytes = store.read(&file.path).await.expect("read").expect("a file");
        for batch in decode(&file.path, bytes, &[], &chain.erased).expect("columns") {
            let batch = batch.expect("rows");
            let rows = Rows::new(&batch);
            for row in 0..rows.len() {
                let offset = expected.next().expect("a record was sent");
                let coordinates = rows.coordinates(row);
                assert_eq!(coordinates.position, Position::ORIGIN.at(offset as i64));
                let event = Event::decode(&sent[offset]).expect("valid");
                let record = Record::from_event(&event);
                assert_eq!(rows.record(row).to_event(), record.to_event(), "{offset}");
            }
        }
    }
    assert_eq!(expected.next(), None, "all records are rows");
}

/// Each rejected record is a reject, with its bytes unless it is personal.
async fn assert_rejects(store: &Store, feed: &str, sent: &[String]) {
    let partition = partition(&format!("{feed}.events.v1"));
    let mut expected = (0..sent.len()).filter(|offset| is_rejected(*offset));
    let mut reader = RejectsReader::new(store, &partition, Position::ORIGIN, true);
    while let Some(rejects) = reader.next().await.expect("readable") {
        for reject in rejects {
            let (reject, offset) = (reject.expect("a row"), expected.next().expect("one"));
            assert_eq!(reject.position, Position::ORIGIN.at(offset as i64));
            assert_eq!(reject.partner.as_deref(), Some("kent-police"));
            assert_eq!(
                reject.raw.is_none(),
                is_personal(offset),
                "{}",
                reject.reason
            );
            let Some(raw) = reject.raw else { continue };
            assert_eq!(raw.value.as_deref(), Some(sent[offset].as_bytes()));
            let headers = [
                ("a".to_owned(), Some(b"1".to_vec())),
                ("b".to_owned(), None),
            ];
            assert_eq!(raw.headers, headers);
        }
    }
    assert_eq!(expected.next(), None, "all rejects are there");
}

/// Files, rows, rejected records and accepted losses of each partition.
fn counts(report: &VerifyReport) -> Vec<[u64; 4]> {
    let partitions = report.partitions.iter();
    partitions
        .map(|partition| {
            let gaps = partition.gaps.len() as u64;
            [partition.files, partition.rows, partition.rejected, gaps]
        })
        .collect()
}

#[tokio::test]
async fn a_store_of_an_earlier_version_opens_merges_and_keeps_every_record() {
    let store = store().await;
    let feeds = ["housing", "police"];
    let report = verify(&store).await.expect("checked");
    assert_eq!(report.findings, []);
    assert_eq!(counts(&report), [[4, 4, 0, 1], [4, 66, 7, 1]]);
    for feed in feeds {
        assert_rows(&store, feed, &sent(feed)).await;
        assert_rejects(&store, feed, &sent(feed)).await;
        let partition = partition(&format!("{feed}.events.v1"));
        let resume = chain::resume(&store, &partition).await.expect("resumed");
        let sent = sent(feed).len() as i64;
        assert_eq!(resume.end, Position::ORIGIN.at(sent + 5), "after the loss");
        while let Some(merged) = merge(&store, &partition, MergeLimits::default())
            .await
            .expect("merged")
        {
            assert!(merged.next <= resume.end);
        }
        sweep(&store, &partition, Position::ORIGIN)
            .await
            .expect("swept");
        let end = chain::ledger_end(&store, &partition).await.expect("read");
        assert_eq!(end.position, resume.end, "all is merged");
    }
    let report = verify(&store).await.expect("checked");
    assert_eq!(report.findings, []);
    assert_eq!(counts(&report), [[2, 4, 0, 1], [2, 66, 7, 1]]);
    for feed in feeds {
        assert_rows(&store, feed, &sent(feed)).await;
        assert_rejects(&store, feed, &sent(feed)).await;
    }
    let first = super::Tree::Ledger.file(&partition("police.events.v1"), Position::ORIGIN);
    let received = times_received(&store, &first).await.expect("read");
    let newest = received.map(|(_, newest)| newest);
    assert_eq!(newest, Some(Micros(1_522_540_836_000_000)));
}
