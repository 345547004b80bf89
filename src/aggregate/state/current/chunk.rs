//! Rows of one feed that came together, column by column.

use super::columns::{ColumnBatch, NO_TIME, TIMES};
use super::{Month, Repeats};
use crate::contract::columns::TimeColumn;

/// Some records of a feed.
#[derive(Default)]
pub(crate) struct Chunk {
    /// Where each subject ends in `subjects`.
    ends: Vec<u32>,
    subjects: String,
    pub(crate) revisions: Vec<i32>,
    pub(crate) sent: Vec<i64>,
    /// Combinations by group.
    pub(crate) numbers: [Vec<u32>; 4],
    pub(crate) months: Vec<Month>,
    pub(crate) labels: Vec<u32>,
    pub(crate) repeats: Vec<Repeats>,
    /// Times by column; empty where no record has one.
    times: [Vec<i64>; TIMES],
    /// Row indices in the batch, until its times are taken.
    indices: Vec<u32>,
}

impl Chunk {
    /// Adds a row of a batch, but for its times.
    pub(crate) fn push(
        &mut self,
        batch: &ColumnBatch<'_>,
        i: usize,
        numbers: [u32; 4],
        month: Month,
        label: u32,
    ) {
        self.subjects.push_str(batch.subject(i));
        self.ends.push(self.subjects.len() as u32);
        self.revisions.push(batch.revision(i));
        self.sent.push(batch.sent(i));
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column.push(number);
        }
        self.months.push(month);
        self.labels.push(label);
        self.repeats.push(Repeats::default());
        self.indices.push(i as u32);
    }

    /// Takes the times of the rows pushed, and no more room than the rows need.
    pub(crate) fn take_times(&mut self, batch: &ColumnBatch<'_>) {
        let indices = std::mem::take(&mut self.indices);
        for (all, column) in batch.times().iter().zip(&mut self.times) {
            if !all.is_empty() {
                let times: Vec<i64> = indices.iter().map(|i| all[*i as usize]).collect();
                *column = if times.iter().all(|at| *at == NO_TIME) {
                    Vec::new()
                } else {
                    times
                };
            }
        }
        self.ends.shrink_to_fit();
        self.subjects.shrink_to_fit();
        self.revisions.shrink_to_fit();
        self.sent.shrink_to_fit();
        self.numbers.iter_mut().for_each(Vec::shrink_to_fit);
        self.months.shrink_to_fit();
        self.labels.shrink_to_fit();
        self.repeats.shrink_to_fit();
    }

    /// The number of rows.
    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn subject(&self, row: usize) -> &str {
        let start = if row == 0 {
            0
        } else {
            self.ends[row - 1] as usize
        };
        &self.subjects[start..self.ends[row] as usize]
    }

    /// A row's time, where there is one.
    pub(crate) fn time(&self, time: TimeColumn, row: usize) -> Option<i64> {
        self.time_at(time.index(), row)
    }

    /// The same, by the time's index among the times.
    pub(crate) fn time_at(&self, index: usize, row: usize) -> Option<i64> {
        self.times[index]
            .get(row)
            .copied()
            .filter(|at| *at != NO_TIME)
    }
}
