//! What reading alone costs: the records of a topic up to where it ends now are fetched as `ingest`
//! fetches them, and dropped. Prints one JSON object; `tests/bench/ingest.py` runs it beside
//! `ingest`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use partner_feeds::config::{Config, Overrides};
use partner_feeds::consume::{
    self, Consumer, GroupOffset, Message, MessageKind, OUTAGE_MAX, Offer, Partitions, Start,
};
use partner_feeds::event::TopicPartition;

/// Every partition from its first offset.
struct FromTheStart;

impl Partitions for FromTheStart {
    fn assigned(&self, offers: Vec<Offer>) -> anyhow::Result<Vec<Start>> {
        offers
            .into_iter()
            .map(|offer| match offer {
                Offer::Offsets(offsets) => Ok(Start::At(offsets.watermarks.0)),
                Offer::EndUnknown(error) => Err(error.into()),
            })
            .collect()
    }

    fn revoked(&self, _: Vec<TopicPartition>, _: bool) -> Vec<GroupOffset> {
        Vec::new()
    }
}

fn main() -> anyhow::Result<()> {
    // `cargo bench` passes options of its own; without a topic there is nothing to read.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let [brokers, group, topic] = &arguments[..] else {
        println!("consume BROKERS GROUP TOPIC: reads a topic to its end and drops what it reads");
        return Ok(());
    };
    let settings = Overrides::new(None)
        .with("kafka.brokers", Some(brokers))
        .with("kafka.group", Some(group));
    let mut client = consume::client(&Config::load(&settings)?.kafka);
    // Nobody waits for workers here: as large as it makes reading any faster.
    client
        .set("fetch.max.bytes", "52428800")
        .set("fetch.message.max.bytes", "1048576")
        .set("queued.max.messages.kbytes", "32768");
    let topics = vec![topic.clone()];
    let consumer = Consumer::join(&client, &topics, Arc::new(FromTheStart))?;
    let mut left = BTreeMap::new();
    for partition in 0..consumer.partition_counts(&topics)?[0] as i32 {
        let at = TopicPartition {
            topic: topic.clone(),
            partition,
        };
        let (first, end) = consumer.watermarks(&at, Instant::now() + OUTAGE_MAX)?;
        if end > first {
            left.insert(partition, end);
        }
    }
    let (mut events, mut bytes, mut began) = (0_u64, 0_u64, None);
    while !left.is_empty() {
        consumer.poll(Duration::ZERO)?;
        consumer.fetch(Duration::from_millis(100), |message: Message| {
            if matches!(message.kind(), MessageKind::Record) {
                began.get_or_insert_with(Instant::now);
                events += 1;
                bytes += message.size() as u64;
            }
            let read = message.offset() + i64::from(matches!(message.kind(), MessageKind::Record));
            if left
                .get(&message.partition())
                .is_some_and(|end| read >= *end)
            {
                left.remove(&message.partition());
            }
        });
    }
    let seconds = began.map_or(0.0, |began| began.elapsed().as_secs_f64());
    consumer.leave(Duration::from_secs(5));
    println!(r#"{{"events":{events},"bytes":{bytes},"seconds":{seconds:.3}}}"#);
    Ok(())
}
