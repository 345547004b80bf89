//! Values that repeat, each kept once under a small number.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow_array::StringArray;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

/// The number of an absent text.
pub(crate) const ABSENT: u32 = 0;

/// Texts by number, from 1.
#[derive(Default)]
pub(crate) struct Texts {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Texts {
    /// The number of a text.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        let number = self.texts.len() as u32;
        self.numbers.insert(text, number);
        number
    }

    /// The number of a text that may be absent.
    pub(crate) fn number_of(&mut self, text: Option<&str>) -> u32 {
        text.map_or(ABSENT, |text| self.number(text))
    }

    /// The text of a number.
    pub(crate) fn text(&self, number: u32) -> Option<&str> {
        (number != ABSENT).then(|| &*self.texts[number as usize - 1])
    }

    /// All texts, as the values of a dictionary whose keys are the numbers less 1.
    pub(crate) fn values(&self) -> Arc<StringArray> {
        Arc::new(StringArray::from_iter_values(&self.texts))
    }
}

/// Rows of numbers, all equally wide, by number from 0.
pub(crate) struct Tuples {
    width: usize,
    numbers: Vec<u32>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    last: Option<u32>,
}

impl Tuples {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            numbers: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last: None,
        }
    }

    /// The number of a row, and whether it is new.
    #[inline]
    pub(crate) fn number(&mut self, row: &[u32]) -> (u32, bool) {
        // Neighbours are often alike: a comparison is cheaper than a hash.
        if let Some(last) = self.last
            && self.row(last) == row
        {
            return (last, false);
        }
        let hash = self.hasher.hash_one(row);
        let (numbers, width, hasher) = (&self.numbers, self.width, &self.hasher);
        let at = |number: u32| &numbers[number as usize * width..][..width];
        let found = self.index.find(hash, |number| at(*number) == row).copied();
        let number = found.unwrap_or_else(|| {
            let number = (numbers.len() / width) as u32;
            self.index
                .insert_unique(hash, number, |number| hasher.hash_one(at(*number)));
            number
        });
        if found.is_none() {
            self.numbers.extend_from_slice(row);
        }
        self.last = Some(number);
        (number, found.is_none())
    }

    /// The row of a number.
    #[inline]
    pub(crate) fn row(&self, number: u32) -> &[u32] {
        &self.numbers[number as usize * self.width..][..self.width]
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len() / self.width
    }
}

/// Values by number, from 0, in order of appearance.
pub(crate) struct Numbered<T> {
    numbers: HashMap<T, u32>,
    values: Vec<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            values: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Numbered<T> {
    /// The number of a value.
    pub(crate) fn number(&mut self, value: T) -> u32 {
        let values = &mut self.values;
        *self.numbers.entry(value).or_insert_with_key(|value| {
            values.push(value.clone());
            values.len() as u32 - 1
        })
    }

    /// All values, each at its number.
    pub(crate) fn into_values(self) -> Vec<T> {
        self.values
    }

    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }
}
