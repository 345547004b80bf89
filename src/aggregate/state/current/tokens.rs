//! Who comes again: the tokens of people, compared within one partner's kind and then forgotten.
//!
//! A record is a repeat where the same person stood in another record of the partner's kind within
//! the 12 months before. A key of tokens lasts a year: for 12 months a record carries the token
//! under the old key too, which joins the two. No token leaves this module.

use std::cmp::Ordering;

use arrow_array::RecordBatch;
use hashbrown::HashMap;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::{Chunk, Current};
use crate::aggregate::state::calendar::within_a_year;
use crate::contract::columns::COLUMNS;
use crate::event::{Feed, Micros};
use crate::ledger::columns::TextColumn;

/// Whether a record is a repeat of a person, a victim, a suspect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Repeats(u8);

impl Repeats {
    /// The parts people have, by the names of the columns that say whether they come again.
    pub(crate) const ROLES: [&'static str; 3] = ["person", "victim", "suspect"];

    /// Whether the one of that role comes again; none = no token was sent.
    pub(crate) fn of(self, role: usize) -> Option<bool> {
        match self.0 >> (2 * role) & 3 {
            0 => None,
            known => Some(known == 3),
        }
    }

    fn set(&mut self, role: usize, again: bool) {
        self.0 |= (1 | u8::from(again) << 1) << (2 * role);
    }
}

/// Where a record's row is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChunkRow {
    pub(crate) feed: Feed,
    pub(crate) chunk: u32,
    pub(crate) row: u32,
}

/// For each role the columns of its token and of the token under the key before.
const TOKENS: [[&str; 2]; 3] = [
    [
        COLUMNS.person_token.name(),
        COLUMNS.person_token_previous.name(),
    ],
    [
        COLUMNS.victim_token.name(),
        COLUMNS.victim_token_previous.name(),
    ],
    [
        COLUMNS.suspect_token.name(),
        COLUMNS.suspect_token_previous.name(),
    ],
];

/// The columns of tokens in a batch.
pub(crate) struct TokenColumns<'b> {
    tokens: [[TextColumn<'b>; 2]; 3],
}

impl<'b> TokenColumns<'b> {
    pub(crate) fn new(batch: &'b RecordBatch) -> Self {
        Self {
            tokens: TOKENS.map(|names| names.map(|name| TextColumn::new(batch, name))),
        }
    }

    /// Adds what a row has.
    pub(crate) fn add(&self, row: usize, into: &mut Tokens, fact: usize, at: ChunkRow) {
        for (role, [token, previous]) in self.tokens.iter().enumerate() {
            let Some(token) = hash(token, row) else {
                continue;
            };
            into.seen.push(Seen {
                token,
                fact: fact as u32,
                chunk: at.chunk,
                row: at.row,
                feed: at.feed,
                role: role as u8,
            });
            if let Some(previous) = hash(previous, row) {
                into.renewed.push((previous, token));
            }
        }
    }
}

#[inline]
fn hash(tokens: &TextColumn<'_>, row: usize) -> Option<u64> {
    let token = tokens.get(row)?;
    Some(xxh3_128(token.as_bytes()) as u64)
}

/// A token of a record.
struct Seen {
    token: u64,
    fact: u32,
    chunk: u32,
    row: u32,
    feed: Feed,
    role: u8,
}

impl Seen {
    /// By token and role: most differ there, and their records are far apart in memory.
    #[inline]
    fn compare_tokens(&self, other: &Self) -> Ordering {
        (self.token, self.role).cmp(&(other.token, other.role))
    }

    #[inline]
    fn partner_kind(&self, current: &Current) -> u16 {
        current.facts[self.fact as usize].partner_kind
    }

    /// Whether both are one person in one role, in records of one partner's kind.
    #[inline]
    fn is_same_person(&self, other: &Self, current: &Current) -> bool {
        self.compare_tokens(other).is_eq()
            && self.partner_kind(current) == other.partner_kind(current)
    }

    #[inline]
    fn chunk<'c>(&self, current: &'c Current) -> &'c Chunk {
        &current.feeds[self.feed as usize][self.chunk as usize]
    }

    #[inline]
    fn occurred_from(&self, current: &Current) -> Micros {
        let row = self.row as usize;
        let from = self.chunk(current).time(COLUMNS.occurred_from, row);
        Micros(from.unwrap_or_default())
    }

    #[inline]
    fn subject<'c>(&self, current: &'c Current) -> &'c str {
        self.chunk(current).subject(self.row as usize)
    }
}

/// The tokens of all records.
#[derive(Default)]
pub(crate) struct Tokens {
    seen: Vec<Seen>,
    /// A token and that of the same person under the next key.
    renewed: Vec<(u64, u64)>,
}

/// How often a key can have changed in the years figures are made of.
const KEYS_MAX: usize = 64;

impl Tokens {
    /// Marks the records whose people were there within 12 months before.
    pub(crate) fn find_repeats(mut self, current: &mut Current) {
        let mut next: HashMap<u64, u64> = HashMap::new();
        for (old, new) in self.renewed {
            next.entry(old)
                .and_modify(|newest| *newest = (*newest).max(new))
                .or_insert(new);
        }
        for seen in &mut self.seen {
            for _ in 0..KEYS_MAX {
                let Some(new) = next.get(&seen.token).filter(|new| **new != seen.token) else {
                    break;
                };
                seen.token = *new;
            }
        }
        self.seen.par_sort_unstable_by(|a, b| {
            let of = |seen: &Seen| (seen.partner_kind(current), seen.occurred_from(current));
            a.compare_tokens(b)
                .then_with(|| of(a).cmp(&of(b)))
                .then_with(|| a.subject(current).cmp(b.subject(current)))
        });
        let is_again = |(i, seen): (usize, &Seen)| {
            let before = i.checked_sub(1).map(|i| &self.seen[i]);
            before.is_some_and(|before| {
                before.is_same_person(seen, current)
                    && within_a_year(before.occurred_from(current), seen.occurred_from(current))
            })
        };
        let again: Vec<bool> = self.seen.par_iter().enumerate().map(is_again).collect();
        current.token_sources = vec![Default::default(); current.partner_kinds.len()];
        for (seen, again) in self.seen.iter().zip(again) {
            let fact = &mut current.facts[seen.fact as usize];
            fact.repeats.set(seen.role.into(), again);
            let repeats = fact.repeats;
            let what = &current.what[current.profiles.row(fact.profile)[0] as usize];
            current.token_sources[what.partner_kind as usize][usize::from(seen.role)]
                .add(what.source);
            let chunk = &mut current.feeds[seen.feed as usize][seen.chunk as usize];
            chunk.repeats[seen.row as usize] = repeats;
        }
    }
}
