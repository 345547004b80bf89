//! An invented partnership's events: five years of three feeds, for tests, benchmarks and the demo.
//!
//! Nothing here is real but the codes: no event stands for a person or an incident. A document is a
//! pure function of its record's seed and its revision, so a record sent again is the same bytes,
//! and a correction needs no memory of the record: only a short ring of seeds is kept, however many
//! events are asked for. The same seed and options give the same bytes.

mod broken;
mod calendar;
mod kinds;
mod record;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::event::{Feed, Kind};
use calendar::Months;
use kinds::MIX;
use record::Record;

/// Events in a thousand that are sent a second time, byte for byte.
pub const DUPLICATES_PER_MILLE: u32 = 25;
/// Events in a thousand that correct or cancel a record sent before.
pub const CORRECTIONS_PER_MILLE: u32 = 130;
/// Records that may still be corrected or sent again.
const RECENT: usize = 4096;

/// What to generate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// How many documents.
    pub events: u64,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// The share of documents that break their contract, 0 to 1.
    pub bad: f64,
}

/// An event as it would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The feed whose topic it is sent to.
    pub feed: Feed,
    /// The key: the record's subject.
    pub key: Vec<u8>,
    /// The value.
    pub bytes: Vec<u8>,
    /// How it breaks its contract, if it does.
    pub broken: Option<&'static str>,
}

impl Document {
    /// An empty document, to be written by [`Generator::write_next`].
    pub const fn new() -> Self {
        Self {
            feed: Feed::Police,
            key: Vec::new(),
            bytes: Vec::new(),
            broken: None,
        }
    }
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}

/// Generates documents, in about the order they happened.
#[derive(Clone, Debug)]
pub struct Generator {
    options: Options,
    rng: ChaCha8Rng,
    months: Months,
    written: u64,
    records: u32,
    recent: Vec<Record>,
}

impl Generator {
    /// A generator at its first document.
    pub fn new(seed: u64, options: Options) -> Self {
        Self {
            options,
            rng: ChaCha8Rng::seed_from_u64(seed),
            months: Months::new(),
            written: 0,
            records: 0,
            recent: Vec::new(),
        }
    }

    /// Writes the next document over `document`; `false` when all are written.
    pub fn write_next(&mut self, document: &mut Document) -> bool {
        if self.written >= self.options.events {
            return false;
        }
        let record = self.next_record();
        self.written += 1;
        record.write(document);
        document.broken = None;
        let mut draw = Draw(self.rng.next_u64());
        if self.options.bad > 0.0 && draw.share() < self.options.bad {
            broken::spoil(document, &mut draw);
        }
        true
    }

    fn next_record(&mut self) -> Record {
        let mut draw = Draw(self.rng.next_u64());
        let roll = draw.below(1000);
        if roll < DUPLICATES_PER_MILLE + CORRECTIONS_PER_MILLE && !self.recent.is_empty() {
            let one = draw.below_usize(self.recent.len());
            let record = &mut self.recent[one];
            if roll >= DUPLICATES_PER_MILLE {
                record.correct();
            }
            return *record;
        }
        let progress = self.written as f64 / self.options.events as f64;
        let kind = self.options.kind.unwrap_or_else(|| draw.weighted(&MIX));
        let record = Record::new(
            kind,
            self.records,
            self.months.day_at(progress, &mut draw),
            self.rng.next_u64(),
        );
        match self.recent.get_mut(self.records as usize % RECENT) {
            Some(oldest) => *oldest = record,
            None => self.recent.push(record),
        }
        self.records += 1;
        record
    }
}

impl Iterator for Generator {
    type Item = Document;

    fn next(&mut self) -> Option<Document> {
        let mut document = Document::new();
        self.write_next(&mut document).then_some(document)
    }
}

/// Cheap draws from one seed: `SplitMix64`.
#[derive(Clone, Debug)]
struct Draw(u64);

impl Draw {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// 0 to `n` - 1.
    const fn below(&mut self, n: u32) -> u32 {
        (((self.next() >> 32) * n as u64) >> 32) as u32
    }

    const fn below_usize(&mut self, n: usize) -> usize {
        self.below(n as u32) as usize
    }

    /// 0 to 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True so many times in a hundred.
    const fn percent(&mut self, of_hundred: u32) -> bool {
        self.below(100) < of_hundred
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below_usize(items.len())]
    }

    /// One of the items, each as often as its weight says.
    fn weighted<T: Copy>(&mut self, items: &[(T, u32)]) -> T {
        let mut left = self.below(items.iter().map(|item| item.1).sum());
        for (item, weight) in items {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *item,
            }
        }
        items[0].0
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The feed of a document's kind; a count is of the health feed.
fn feed_of(kind: Kind) -> Feed {
    kind.feed().unwrap_or(Feed::Health)
}

/// Writes values one after another into a buffer.
trait Put {
    fn put(&self, out: &mut Vec<u8>);
}

impl Put for &str {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl Put for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        Padded(*self, 1).put(out);
    }
}

impl Put for bool {
    fn put(&self, out: &mut Vec<u8>) {
        if *self { "true" } else { "false" }.put(out);
    }
}

/// A number with leading zeros up to a width.
struct Padded(u32, usize);

impl Put for Padded {
    fn put(&self, out: &mut Vec<u8>) {
        let (mut digits, mut left, mut at) = ([b'0'; 10], self.0, 10);
        while left > 0 {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
        }
        out.extend_from_slice(&digits[at.min(10 - self.1)..]);
    }
}

/// 32 hexadecimal digits that stand for a number.
struct Hash(u64);

impl Put for Hash {
    fn put(&self, out: &mut Vec<u8>) {
        for half in [mix(self.0), mix(!self.0)] {
            for shift in (0..16).rev() {
                out.push(b"0123456789abcdef"[(half >> (shift * 4)) as usize & 15]);
            }
        }
    }
}

macro_rules! put {
    ($out:expr, $($value:expr),+ $(,)?) => {{ $($crate::generate::Put::put(&$value, $out);)+ }};
}
use put;

#[cfg(test)]
mod tests;
