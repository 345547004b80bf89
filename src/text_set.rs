//! Texts that repeat, each kept once under a small number.
//!
//! It must not know what a text means.

use std::hash::BuildHasher;

use arrow_array::StringArray;
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use hashbrown::{DefaultHashBuilder, HashTable};

/// Texts by number, from 0 in order of appearance. Without texts it uses no memory.
#[derive(Default)]
pub(crate) struct TextSet {
    /// All texts, one after the other.
    joined: String,
    /// Where each text ends.
    ends: Vec<i32>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Texts that were found last, each in its slot: most are found here, without a hash.
    recent: Vec<Recent>,
}

/// The most slots for texts that were found last.
const RECENT_MAX: usize = 2048;

#[derive(Clone, Copy)]
struct Recent {
    outline: Outline,
    number: u32,
}

/// The first and last bytes of a text, and its length: most texts differ in these.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Outline {
    first: u64,
    last: u64,
    bytes: u32,
}

impl Outline {
    #[inline]
    fn new(text: &[u8]) -> Self {
        let (first, last) = match (text.first_chunk(), text.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => short_words(text),
        };
        let bytes = text.len() as u32;
        Self { first, last, bytes }
    }

    /// Whether no other text has this outline.
    const fn is_complete(self) -> bool {
        self.bytes <= 16
    }

    /// A number below `slots`, a power of two. It need not be safe from collisions made on purpose:
    /// they only cost a hash.
    const fn slot(self, slots: usize) -> usize {
        /// The fraction of the golden ratio.
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (self.first.wrapping_mul(MIX) ^ self.last).wrapping_mul(MIX);
        // The highest bits depend on every byte. The last bytes of codes differ most, and they are
        // the highest of a word.
        (((mixed >> 32) * slots as u64) >> 32) as usize
    }
}

/// The first and last bytes of a text of fewer than eight.
#[inline]
fn short_words(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return (first.into(), last.into());
    }
    // The first, the middle and the last of up to three bytes.
    match (text.first(), text.get(text.len() / 2), text.last()) {
        (Some(first), Some(middle), Some(last)) => {
            (u32::from_le_bytes([*first, *middle, *last, 0]).into(), 0)
        }
        _ => (0, 0),
    }
}

impl TextSet {
    /// The number of a text, which is added if it is new.
    #[inline]
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        let outline = Outline::new(text.as_bytes());
        self.find_recent(text, outline)
            .unwrap_or_else(|| self.find_or_add(text, outline))
    }

    /// The number of a text, if it has one.
    #[inline]
    pub(crate) fn find(&mut self, text: &str) -> Option<u32> {
        let outline = Outline::new(text.as_bytes());
        self.find_recent(text, outline)
            .or_else(|| self.find_by_hash(text, outline))
    }

    /// The number of a text, if it is in its slot.
    #[expect(
        clippy::inline_always,
        reason = "called for every text of every event: a call would cost as much as the search"
    )]
    #[inline(always)]
    fn find_recent(&self, text: &str, outline: Outline) -> Option<u32> {
        let recent = self.recent.get(outline.slot(self.recent.len()))?;
        let is_found = recent.outline == outline
            && (outline.is_complete() || self.text(recent.number) == text);
        is_found.then_some(recent.number)
    }

    /// Not inlined, so that `number`, which mostly finds a recent text, stays small.
    #[inline(never)]
    fn find_or_add(&mut self, text: &str, outline: Outline) -> u32 {
        self.find_by_hash(text, outline)
            .unwrap_or_else(|| self.add(text, outline))
    }

    #[inline(never)]
    fn find_by_hash(&mut self, text: &str, outline: Outline) -> Option<u32> {
        let (joined, ends) = (&self.joined, &self.ends);
        let is_text = |number: &u32| text_at(joined, ends, *number) == text;
        let hash = self.hasher.hash_one(text.as_bytes());
        let number = *self.index.find(hash, is_text)?;
        self.remember(Recent { outline, number });
        Some(number)
    }

    /// Puts a text into its slot. There are more slots where there are more texts.
    fn remember(&mut self, text: Recent) {
        let slots = (4 * self.len()).next_power_of_two().min(RECENT_MAX);
        if self.recent.len() != slots {
            self.recent.clear();
            self.recent.resize(slots, text);
        }
        self.recent[text.outline.slot(slots)] = text;
    }

    fn add(&mut self, text: &str, outline: Outline) -> u32 {
        let number = self.ends.len() as u32;
        self.joined.push_str(text);
        self.ends.push(self.joined.len() as i32);
        let (joined, ends, hasher) = (&self.joined, &self.ends, &self.hasher);
        let hash = hasher.hash_one(text.as_bytes());
        self.index.insert_unique(hash, number, |number| {
            hasher.hash_one(text_at(joined, ends, *number).as_bytes())
        });
        self.remember(Recent { outline, number });
        number
    }

    /// The text of a number.
    #[inline]
    pub(crate) fn text(&self, number: u32) -> &str {
        text_at(&self.joined, &self.ends, number)
    }

    /// All texts, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len() as u32).map(|number| self.text(number))
    }

    /// The number of texts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all texts.
    pub(crate) fn text_bytes(&self) -> usize {
        self.joined.len()
    }

    /// Memory in use, in bytes, approximately.
    pub(crate) fn memory(&self) -> usize {
        let recent = self.recent.capacity() * size_of::<Recent>();
        let index = self.index.capacity() * 5;
        self.joined.capacity() + self.ends.capacity() * 4 + index + recent
    }

    /// All texts, in order; none is left.
    pub(crate) fn take(&mut self) -> StringArray {
        let mut offsets = std::mem::take(&mut self.ends);
        offsets.insert(0, 0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let texts = std::mem::take(&mut self.joined).into_bytes();
        self.index.clear();
        self.recent.clear();
        StringArray::new(offsets, texts.into(), None)
    }
}

#[inline]
fn text_at<'t>(joined: &'t str, ends: &[i32], number: u32) -> &'t str {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &joined[start as usize..ends[number] as usize]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_has_one_number_and_texts_are_taken_in_their_order() {
        let mut texts = TextSet::default();
        let numbers = ["a", "", "bc", "a", "", "é"].map(|text| texts.number(text));
        assert_eq!(numbers, [0, 1, 2, 0, 1, 3]);
        assert_eq!(
            [0, 1, 2, 3].map(|number| texts.text(number)),
            ["a", "", "bc", "é"]
        );
        assert_eq!((texts.len(), texts.text_bytes()), (4, 5));
        let array = StringArray::from_iter_values(["a", "", "bc", "é"]);
        assert_eq!(texts.take(), array);
        assert_eq!((texts.len(), texts.number("é")), (0, 0));
    }

    proptest! {
        #[test]
        fn texts_are_numbered_as_in_a_map(
            drawn in proptest::collection::vec("[ab]{0,20}|[a-d]{0,3}", 0..300)
        ) {
            let (mut texts, mut expected) = (TextSet::default(), HashMap::new());
            for text in &drawn {
                let next = expected.len() as u32;
                prop_assert_eq!(texts.number(text), *expected.entry(text).or_insert(next));
            }
            prop_assert!(expected.iter().all(|(text, number)| texts.text(*number) == *text));
        }
    }
}
