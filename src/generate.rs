//! Events of an invented partnership: five years of three feeds, for tests, benchmarks and the demo.
//!
//! Only the codes are real: no event describes a real person or incident. An event is a pure
//! function of its record's seed and revision, so a record sent again has the same bytes, and a correction
//! needs no memory of the record. Only a short ring of seeds is kept, for any number of events. The
//! same seed and options give the same bytes.

mod broken;
mod calendar;
mod event_writer;
mod health;
mod housing;
mod json;
mod kinds;
mod offences;
mod parts;
mod police;
mod record;
mod story;

use std::fmt::{self, Display, Formatter};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::event::{Feed, Kind};
use calendar::InventedMonths;
use kinds::MIX;
use record::InventedRecord;

/// Events in a thousand that are sent a second time, byte for byte.
pub const DUPLICATES_PER_MILLE: u32 = 25;
/// Events in a thousand that correct or cancel a record sent before.
pub const CORRECTIONS_PER_MILLE: u32 = 130;
/// Records that may still be corrected or sent again.
const RECENT: usize = 4096;

/// What to generate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GeneratorOptions {
    /// How many events.
    pub events: u64,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// The share of events that break their contract, 0 to 1.
    pub bad: f64,
    /// The share of records with a code that its list does not contain, 0 to 1, among those that
    /// have a list and a category (`what`).
    pub unknown_codes: f64,
    /// Months on one level with the story of the demo, not five years that grow.
    pub story: bool,
}

/// An event as it would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedEvent {
    /// The feed whose topic it is sent to.
    pub feed: Feed,
    /// The key: the record's subject.
    pub key: Vec<u8>,
    /// The value.
    pub bytes: Vec<u8>,
    /// How it breaks its contract, if it does.
    pub broken: Option<&'static str>,
}

impl GeneratedEvent {
    /// An empty event, to be written by [`Generator::write_next`].
    pub const fn new() -> Self {
        Self {
            feed: Feed::Police,
            key: Vec::new(),
            bytes: Vec::new(),
            broken: None,
        }
    }
}

impl Default for GeneratedEvent {
    fn default() -> Self {
        Self::new()
    }
}

/// Generates events, roughly in the order in which they happened.
#[derive(Clone, Debug)]
pub struct Generator {
    options: GeneratorOptions,
    rng: ChaCha8Rng,
    months: InventedMonths,
    written: u64,
    records: u32,
    recent: Vec<InventedRecord>,
}

impl Generator {
    /// A generator before its first event.
    pub fn new(seed: u64, options: GeneratorOptions) -> Self {
        Self {
            options,
            rng: ChaCha8Rng::seed_from_u64(seed),
            months: if options.story {
                InventedMonths::from_weights(story::weight)
            } else {
                InventedMonths::new()
            },
            written: 0,
            records: 0,
            recent: Vec::new(),
        }
    }

    /// Writes the next event over `event`; `false` when all are written.
    pub fn write_next(&mut self, event: &mut GeneratedEvent) -> bool {
        if self.written >= self.options.events {
            return false;
        }
        let record = self.next_record();
        self.written += 1;
        record.write(&self.options, event);
        event.broken = None;
        let mut draw = Draw(self.rng.next_u64());
        if self.options.bad > 0.0 && draw.share() < self.options.bad {
            broken::spoil(event, &mut draw);
        }
        true
    }

    fn next_record(&mut self) -> InventedRecord {
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
        let (kind, day) = self.kind_and_day(progress, &mut draw);
        let record = InventedRecord::new(kind, self.records, day, self.rng.next_u64());
        match self.recent.get_mut(self.records as usize % RECENT) {
            Some(oldest) => *oldest = record,
            None => self.recent.push(record),
        }
        self.records += 1;
        record
    }

    /// The kind and the day of the next record.
    fn kind_and_day(&self, progress: f64, draw: &mut Draw) -> (Kind, i32) {
        let month = self.months.month_at(progress);
        if self.options.story {
            let kind = self.options.kind;
            let kind = kind.unwrap_or_else(|| draw.weighted(&story::mix(month)));
            let day = calendar::day_in(month, |days| story::days(kind, month, days), draw);
            return (kind, day);
        }
        let kind = self.options.kind.unwrap_or_else(|| draw.weighted(&MIX));
        (kind, calendar::day_in(month, |days| days, draw))
    }
}

impl Iterator for Generator {
    type Item = GeneratedEvent;

    fn next(&mut self) -> Option<GeneratedEvent> {
        let mut event = GeneratedEvent::new();
        self.write_next(&mut event).then_some(event)
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

    /// True in that many of a hundred draws.
    const fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below_usize(items.len())]
    }

    /// One of the items, with a probability in proportion to its weight.
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

/// The feed of a kind; counts are generated for the health feed.
fn feed_of(kind: Kind) -> Feed {
    kind.feed().unwrap_or(Feed::Health)
}

/// 32 hexadecimal digits that stand for a number.
struct HexToken(u64);

impl Display for HexToken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", mix(self.0), mix(!self.0))
    }
}

#[cfg(test)]
mod tests;
