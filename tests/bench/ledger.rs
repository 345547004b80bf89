//! Builds the ledger that `aggregate` is measured on: generated events of three feeds and five
//! years, written as merges would leave them, without Kafka.
//!
//! `cargo run --release --example ledger -- <store> <rows> [<seed>]`; the store must not be there
//! yet. In place of a number of rows, a file of events, one a line, makes a ledger of these.

use std::process::ExitCode;

use partner_feeds::contract::{Event, Record};
use partner_feeds::event::{Feed, Micros, Position, TopicPartition};
use partner_feeds::generate::{GeneratedEvent, Generator, GeneratorOptions};
use partner_feeds::ledger::{self, Footer, Tree};
use partner_feeds::normalise::{self, Coordinates, RowBuilder};
use partner_feeds::storage::{Creation, Store};

/// Partitions of each topic.
const PARTITIONS: usize = 2;
/// Rows of a file: about what a merge makes one of.
const FILE_ROWS: usize = 400_000;
/// The first receipt, 2018-04-01T00:00:00Z, and the pause between two.
const RECEIVED: (i64, i64) = (1_522_540_800_000_000, 1_000);

/// What is gathered for a partition.
#[derive(Default)]
struct Part {
    next: Position,
    rows: RowBuilder,
}

struct Builder {
    store: Store,
    runtime: tokio::runtime::Runtime,
    parts: [[Part; PARTITIONS]; 3],
}

impl Builder {
    fn add(&mut self, document: &GeneratedEvent, received: Micros) -> anyhow::Result<()> {
        let event = Event::decode(std::str::from_utf8(&document.bytes)?);
        let event = event.map_err(|_| anyhow::anyhow!("a generated event breaks its contract"))?;
        let partition = document.key.iter().fold(0_usize, |hash, byte| {
            hash.wrapping_mul(31) + usize::from(*byte)
        });
        let partition = partition % PARTITIONS;
        let part = &mut self.parts[document.feed as usize][partition];
        let position = part.next.at(part.next.offset + part.rows.len() as i64);
        part.rows.append(
            Coordinates { position, received },
            &Record::from_event(&event),
        );
        if part.rows.len() == FILE_ROWS {
            self.write(document.feed, partition)
        } else {
            Ok(())
        }
    }

    /// Adds the events of a text, one a line.
    fn add_lines(&mut self, text: &str) -> anyhow::Result<()> {
        for (line, received) in text.lines().zip(0..) {
            let event = Event::decode(line)
                .map_err(|error| anyhow::anyhow!("line {}: {error:?}", received + 1))?;
            let feed = Record::from_event(&event).feed;
            let key = Record::from_event(&event).subject.as_bytes().to_vec();
            let document = GeneratedEvent {
                feed,
                key,
                bytes: line.as_bytes().to_vec(),
                broken: None,
            };
            self.add(&document, Micros(RECEIVED.0 + received * RECEIVED.1))?;
        }
        Ok(())
    }

    fn write(&mut self, feed: Feed, partition: usize) -> anyhow::Result<()> {
        let Part { next: from, rows } = &mut self.parts[feed as usize][partition];
        if rows.is_empty() {
            return Ok(());
        }
        let len = rows.len();
        let mut footer = Footer::attempt(*from, from.at(from.offset + len as i64));
        (footer.read, footer.accepted) = (len as u64, len as u64);
        let bytes = ledger::encode(&normalise::schema(), &[rows.finish()], &footer)?;
        let of = TopicPartition {
            topic: format!("{feed}.events.v1"),
            partition: partition as i32,
        };
        let created = self
            .runtime
            .block_on(self.store.create(&Tree::Ledger.file(&of, *from), bytes))?;
        anyhow::ensure!(
            created == Creation::Created,
            "the store holds a ledger already"
        );
        *from = footer.next;
        Ok(())
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(root), Some(rows)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: ledger <store> <rows> [<seed>]");
        return Ok(ExitCode::from(2));
    };
    let seed = arguments.get(2).map_or(Ok(1), |seed| seed.parse())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut builder = Builder {
        store: Store::open_or_create(root, [])?,
        runtime,
        parts: Default::default(),
    };
    if let Ok(events) = rows.parse() {
        let options = GeneratorOptions {
            events,
            ..GeneratorOptions::default()
        };
        let (mut generator, mut document) = (Generator::new(seed, options), GeneratedEvent::new());
        let mut received = RECEIVED.0;
        while generator.write_next(&mut document) {
            builder.add(&document, Micros(received))?;
            received += RECEIVED.1;
        }
    } else {
        builder.add_lines(&std::fs::read_to_string(rows)?)?;
    }
    for feed in Feed::ALL {
        (0..PARTITIONS).try_for_each(|partition| builder.write(feed, partition))?;
    }
    Ok(ExitCode::SUCCESS)
}
