//! The flush rule: when the batch of a partition is committed.
//!
//! A batch is due when it has `ingest.flush_rows` records, when its oldest record has waited for
//! `ingest.flush_age`, when its rows in memory or its rejects as received reach
//! [`BATCH_BYTES_MAX`] bytes, or when it reached the offset at which a run with `--until-end`
//! stops. Besides, a worker flushes its largest batch when all its batches together exceed its part
//! of `ingest.memory_mib`.

use std::time::{Duration, Instant};

use super::messages::AssignmentId;

/// Bytes at which a batch is committed: of rows as kept in memory, mostly encoded; of rejects as
/// received, since their readers decompress them.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// When a batch is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlushRule {
    /// Records of a batch at most.
    pub(super) rows: usize,
    /// Age of a batch's oldest record at most.
    pub(super) age: Duration,
}

/// How much a batch contains.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BatchFill {
    pub(super) records: usize,
    /// Bytes in memory, mostly encoded.
    pub(super) bytes: usize,
    /// Bytes of its rejects, as they came.
    pub(super) reject_bytes: usize,
    /// When its oldest record was read.
    pub(super) oldest_read: Option<Instant>,
    /// Whether it reached the offset at which it is to be flushed.
    pub(super) reached_target: bool,
}

impl FlushRule {
    /// Whether a batch takes no more records.
    pub(super) fn is_full(&self, fill: &BatchFill) -> bool {
        fill.records >= self.rows || fill.bytes.max(fill.reject_bytes) >= BATCH_BYTES_MAX
    }

    /// Whether a batch should be committed now.
    pub(super) fn is_due(&self, fill: &BatchFill) -> bool {
        let is_old = fill
            .oldest_read
            .is_some_and(|read| read.elapsed() >= self.age);
        fill.records > 0 && (fill.reached_target || is_old || self.is_full(fill))
    }
}

/// A partition's part of a worker's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemoryUse {
    pub(super) assignment_id: AssignmentId,
    pub(super) bytes: usize,
    /// Whether its batch could be committed now: there are records, and no task is under way.
    pub(super) can_flush: bool,
    /// Whether fetching it could be paused: there are records, and it is not paused.
    pub(super) can_pause: bool,
}

/// What brings a worker back below its memory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relief {
    Flush(AssignmentId),
    PauseFetch(AssignmentId),
}

/// The largest batch that can be flushed; if there is none, the largest partition that can be
/// paused. `None` below the limit, or if nothing is left to do.
pub(super) fn relief(uses: &[MemoryUse], limit: usize) -> Option<Relief> {
    if uses.iter().map(|each| each.bytes).sum::<usize>() <= limit {
        return None;
    }
    if let Some(assignment_id) = largest(uses, |each| each.can_flush) {
        return Some(Relief::Flush(assignment_id));
    }
    largest(uses, |each| each.can_pause).map(Relief::PauseFetch)
}

fn largest(uses: &[MemoryUse], filter: impl Fn(&MemoryUse) -> bool) -> Option<AssignmentId> {
    uses.iter()
        .filter(|each| filter(each))
        .max_by_key(|each| each.bytes)
        .map(|each| each.assignment_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: FlushRule = FlushRule {
        rows: 10,
        age: Duration::from_mins(1),
    };

    #[test]
    fn a_batch_is_due_by_rows_age_bytes_or_target() {
        let now = Instant::now();
        let young = BatchFill {
            records: 9,
            oldest_read: Some(now),
            ..BatchFill::default()
        };
        assert!(!RULE.is_due(&young));
        let cases = [
            BatchFill {
                records: 10,
                ..young
            },
            BatchFill {
                bytes: BATCH_BYTES_MAX,
                ..young
            },
            BatchFill {
                reject_bytes: BATCH_BYTES_MAX,
                ..young
            },
            BatchFill {
                oldest_read: now.checked_sub(RULE.age),
                ..young
            },
            BatchFill {
                reached_target: true,
                ..young
            },
        ];
        for fill in cases {
            assert!(RULE.is_due(&fill), "{fill:?}");
            assert!(!RULE.is_due(&BatchFill { records: 0, ..fill }));
        }
    }

    #[test]
    fn too_much_memory_flushes_the_largest_batch_or_else_pauses_one() {
        let part = |assignment_id, bytes, can_flush, can_pause| MemoryUse {
            assignment_id: AssignmentId(assignment_id),
            bytes,
            can_flush,
            can_pause,
        };
        let uses = [
            part(0, 5, true, true),
            part(1, 7, true, true),
            part(2, 9, false, true),
        ];
        assert_eq!(relief(&uses, 21), None);
        assert_eq!(relief(&uses, 20), Some(Relief::Flush(AssignmentId(1))));
        let busy = uses.map(|each| MemoryUse {
            can_flush: false,
            ..each
        });
        assert_eq!(relief(&busy, 20), Some(Relief::PauseFetch(AssignmentId(2))));
        let paused = busy.map(|each| MemoryUse {
            can_pause: false,
            ..each
        });
        assert_eq!(relief(&paused, 20), None);
    }
}
