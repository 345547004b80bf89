//! Rows of one feed that came together, column by column.

use super::columns::TIMES;
use super::numbering::{NO_TIME, NumberedRows};
use super::packed::Packed;
use super::{Group, Month, Repeats};
use crate::contract::columns::TimeColumn;

/// The rows of a chunk while they are added.
#[derive(Default)]
pub(crate) struct ChunkRows {
    ends: Vec<i64>,
    subjects: String,
    revisions: Vec<i64>,
    sent: Vec<i64>,
    numbers: [Vec<i64>; 4],
    months: Vec<Month>,
    labels: Vec<i64>,
    /// Row indices in the part.
    indices: Vec<u32>,
}

impl ChunkRows {
    /// Adds a row of a part.
    pub(crate) fn push(
        &mut self,
        numbered: &NumberedRows,
        i: usize,
        numbers: [u32; 4],
        month: Month,
        label: u32,
    ) {
        self.subjects.push_str(numbered.subject(i));
        self.ends.push(self.subjects.len() as i64);
        self.revisions.push(numbered.revision(i).into());
        self.sent.push(numbered.sent(i));
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column.push(number.into());
        }
        self.months.push(month);
        self.labels.push(label.into());
        self.indices.push(i as u32);
    }

    /// The number of rows.
    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The chunk, with the times of its rows in the part that they are from.
    pub(crate) fn finish(mut self, numbered: &NumberedRows) -> Chunk {
        self.subjects.shrink_to_fit();
        self.months.shrink_to_fit();
        let times = numbered.times.each_ref().map(|all| {
            if all.is_empty() {
                return None;
            }
            let times: Vec<i64> = self.indices.iter().map(|i| all[*i as usize]).collect();
            let is_absent = times.iter().all(|time| *time == NO_TIME);
            (!is_absent).then(|| Packed::new(&times))
        });
        Chunk {
            repeats: vec![Repeats::default(); self.len()],
            ends: Packed::new(&self.ends),
            subjects: self.subjects,
            revisions: Packed::new(&self.revisions),
            sent: Packed::new(&self.sent),
            numbers: self.numbers.each_ref().map(|numbers| Packed::new(numbers)),
            months: self.months,
            labels: Packed::new(&self.labels),
            times,
        }
    }
}

/// Some records of a feed.
pub(crate) struct Chunk {
    /// Where each subject ends in `subjects`.
    ends: Packed,
    subjects: String,
    revisions: Packed,
    sent: Packed,
    /// Combinations by group.
    numbers: [Packed; 4],
    pub(crate) months: Vec<Month>,
    labels: Packed,
    pub(crate) repeats: Vec<Repeats>,
    /// Times by column; none = no record has one.
    times: [Option<Packed>; TIMES],
}

impl Chunk {
    /// The number of rows.
    pub(crate) const fn len(&self) -> usize {
        self.months.len()
    }

    #[inline]
    pub(crate) fn subject(&self, row: usize) -> &str {
        let end_of = |row| self.ends.get(row) as usize;
        let start = row.checked_sub(1).map_or(0, end_of);
        &self.subjects[start..end_of(row)]
    }

    #[inline]
    pub(crate) fn revision(&self, row: usize) -> i32 {
        self.revisions.get(row) as i32
    }

    /// When the row's revision was true, in microseconds since 1970.
    #[inline]
    pub(crate) fn sent(&self, row: usize) -> i64 {
        self.sent.get(row)
    }

    /// The row's combination in a group.
    #[inline]
    pub(crate) fn number(&self, group: Group, row: usize) -> u32 {
        self.numbers[group as usize].get(row) as u32
    }

    /// The row's priorities and themes: an index in [`Current::labels`](super::Current::labels).
    #[inline]
    pub(crate) fn label(&self, row: usize) -> u32 {
        self.labels.get(row) as u32
    }

    /// A row's time, where there is one.
    #[inline]
    pub(crate) fn time(&self, time: TimeColumn, row: usize) -> Option<i64> {
        self.time_at(time.index(), row)
    }

    /// The same, by the time's index among the times.
    #[inline]
    pub(crate) fn time_at(&self, index: usize, row: usize) -> Option<i64> {
        let time = self.times[index].as_ref()?.get(row);
        (time != NO_TIME).then_some(time)
    }
}
