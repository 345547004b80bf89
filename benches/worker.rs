//! What one event costs a worker of `ingest`, without Kafka: events are validated, gathered and
//! encoded as one file, which is closed.
//!
//! `cargo bench --bench worker -- EVENTS [KIND]` prints one JSON object. Instructions are counted by
//! valgrind, for two numbers of events; their difference leaves out what is done once per file:
//!
//! ```text
//! CARGO_PROFILE_BENCH_STRIP=none cargo bench --bench worker --no-run
//! valgrind --tool=callgrind --toggle-collect='*::encode_events' target/release/deps/worker-… 8192 crime
//! ```

use std::time::Instant;

use bytes::Bytes;
use partner_feeds::contract::{Incoming, KnownTexts, TopicRules, judge};
use partner_feeds::event::{Feed, Kind, Micros, Position};
use partner_feeds::generate::{GeneratedEvent, Generator, GeneratorOptions};
use partner_feeds::ledger::{Encoder, Footer};
use partner_feeds::normalise::{self, Coordinates, RowBuilder};
use partner_feeds::reference::Reference;

/// Rows that are encoded together, as in `ingest`.
const ENCODE_ROWS: usize = 8192;
/// After every generated event, 2023-11-14T22:13:20Z.
const RECEIVED: Micros = Micros(1_700_000_000_000_000);

/// The file of some events, which are all valid.
#[inline(never)]
fn encode_events(events: &[GeneratedEvent], rules: &[TopicRules]) -> anyhow::Result<Bytes> {
    let mut encoder = Encoder::new(&normalise::schema())?;
    let mut rows = RowBuilder::default();
    let mut known = KnownTexts::default();
    for (event, offset) in events.iter().zip(0..) {
        let incoming = Incoming {
            value: Some(&event.bytes),
            key: Some(&event.key),
            headers: &[],
            received: RECEIVED,
            clock: RECEIVED,
        };
        let at = Coordinates {
            position: Position::ORIGIN.at(offset),
            received: RECEIVED,
        };
        let rules = &rules[event.feed as usize];
        judge(&incoming, rules, &|_| false, &mut known, |record| {
            rows.append(at, record);
        })
        .map_err(|rejection| anyhow::anyhow!("event {offset} is rejected: {rejection:?}"))?;
        if rows.len() == ENCODE_ROWS {
            encoder.write(&rows.finish())?;
        }
    }
    encoder.write(&rows.finish())?;
    let next = Position::ORIGIN.at(events.len() as i64);
    Ok(encoder.finish(&Footer::attempt(Position::ORIGIN, next))?)
}

fn main() -> anyhow::Result<()> {
    // `cargo bench` passes options of its own; without a number there is nothing to encode.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let Some(events) = arguments.first() else {
        println!("worker EVENTS [KIND]: validates and encodes generated events");
        return Ok(());
    };
    let options = GeneratorOptions {
        events: events.parse()?,
        kind: arguments.get(1).and_then(|kind| Kind::from_name(kind)),
        ..GeneratorOptions::default()
    };
    let reference = Reference::load(None)?;
    let partners = &reference.partners;
    let rules = Feed::ALL.map(|feed| {
        let topics = partners.topics().filter(|topic| topic.feed == feed);
        let sources = topics.flat_map(|topic| partners.sources(&topic.name));
        TopicRules::new(feed, sources.map(str::to_owned))
    });
    let mut generator = Generator::new(11, options);
    let mut events = Vec::new();
    let mut event = GeneratedEvent::new();
    while generator.write_next(&mut event) {
        events.push(event.clone());
    }
    let began = Instant::now();
    let file = encode_events(&events, &rules)?;
    let seconds = began.elapsed().as_secs_f64();
    let (count, bytes) = (events.len(), file.len());
    println!(r#"{{"events":{count},"bytes":{bytes},"seconds":{seconds:.3}}}"#);
    Ok(())
}
