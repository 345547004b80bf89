//! The messages between the pipeline's threads.
//!
//! The consuming thread sends an [`Order`] to a worker; a worker answers with a [`Report`]. The
//! task that commits a batch sends its [`TaskOutcome`] to its worker, as an order. Messages carry
//! data and decide nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::PipelineError;
use crate::consume::{GroupOffset, Message};
use crate::contract::{Reason, TopicRules};
use crate::event::{Micros, Position};
use crate::reference::UnknownCodes;
use crate::watch::{CreateAnswer, OldestRecord, PartitionReporter, PartnerCounts};

/// The id of one assignment of a partition. A number is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct AssignmentId(pub(super) u64);

/// What a worker is asked to do.
pub(super) enum Order {
    /// A partition was assigned.
    Assigned(Box<AssignedPartition>),
    /// The next of its log.
    Fetched {
        assignment_id: AssignmentId,
        fetched: Fetched,
    },
    /// A partition's task ended.
    TaskEnded {
        assignment_id: AssignmentId,
        outcome: TaskOutcome,
    },
    /// Partitions were revoked: reply with what is durable of each, once no create is under way.
    Revoked {
        assignment_ids: Vec<AssignmentId>,
        reply: Sender<GroupOffset>,
    },
    /// Flush everything; reply when all of it is durable.
    Finish { reply: Sender<()> },
    /// End the thread.
    Stop,
}

/// The next of a partition's log.
pub(super) enum Fetched {
    /// Records, of a few megabytes together.
    Records(Vec<Message>),
    /// The log ends at this offset for now.
    LogEnd(i64),
}

/// A partition that was assigned, resumed from its chain.
pub(super) struct AssignedPartition {
    pub(super) assignment_id: AssignmentId,
    pub(super) rules: Arc<TopicRules>,
    /// The topic's id when the partition was assigned; empty where the broker reports none.
    pub(super) topic_id: String,
    /// The chain's end, where the first batch starts.
    pub(super) end: GroupOffset,
    /// Whether the group's offset is behind the chain's end.
    pub(super) group_is_behind: bool,
    /// The group's offset, where it is behind: the mirror may lack rejects from there on.
    pub(super) unsent_from: Option<Position>,
    /// The first offset fetched: past the end only where an era begins after the broker's first
    /// offset.
    pub(super) first_offset: i64,
    pub(super) ledger_end: Position,
    /// Flush at once when this offset is reached.
    pub(super) flush_at: Option<i64>,
    /// Shows the partition's uncommitted records to the watchdog.
    pub(super) reporter: PartitionReporter,
}

/// How a partition's task ended.
pub(super) enum TaskOutcome {
    /// The batch is durable.
    Committed {
        batch: CommittedBatch,
        /// The ledger's end as last read: for the next commit.
        ledger_end: Position,
    },
    /// Earlier batches' rejects were mirrored: all of them, unless the partition was revoked
    /// first.
    Mirrored { is_complete: bool },
    /// The partition cannot continue, for this reason.
    Ended(Report),
}

/// What a worker reports to the consuming thread.
pub(super) enum Report {
    /// A batch is durable.
    Committed {
        assignment_id: AssignmentId,
        batch: CommittedBatch,
    },
    /// The group's offset is behind the chain's end.
    GroupBehind {
        assignment_id: AssignmentId,
        end: GroupOffset,
    },
    /// Everything below this offset is durable, or the log has no record there.
    Reached {
        assignment_id: AssignmentId,
        offset: i64,
    },
    /// The next batch is full while a commit is under way: stop fetching the partition.
    PauseFetch(AssignmentId),
    /// There is room again.
    ResumeFetch(AssignmentId),
    /// Another consumer won a commit: resume from the chain's end.
    CommitLost(AssignmentId),
    /// The topic is no longer the one the batch was read from.
    TopicRecreated(AssignmentId),
    /// The topic no longer exists.
    TopicDeleted(AssignmentId),
    /// The run cannot continue.
    Failed(PipelineError),
}

/// A batch that is durable.
pub(super) struct CommittedBatch {
    /// What the group may commit, once the batch is mirrored.
    pub(super) offset: GroupOffset,
    pub(super) tally: BatchTally,
    pub(super) answer: CreateAnswer,
    /// Whether its mirrored rejects were acknowledged. If not, the partition was revoked first: its
    /// next owner sends them, and the group's offset must not pass the batch.
    pub(super) is_mirrored: bool,
}

/// What a batch contains.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchTally {
    pub(super) accepted: u64,
    pub(super) rejected: BTreeMap<Reason, u64>,
    /// The unknown codes of accepted records.
    pub(super) unknown_codes: UnknownCodes,
    /// Counts by partner, by index in the topic's rules; the last one is of unknown partners.
    pub(super) partners: Vec<PartnerCounts>,
    pub(super) oldest: Option<OldestRecord>,
    /// Whether the Kafka timestamp of any record is the publisher's, not the broker's.
    pub(super) has_publisher_times: bool,
    /// The Kafka timestamp of the last record.
    pub(super) last: Micros,
    /// Bytes of its files.
    pub(super) bytes: u64,
}

impl BatchTally {
    /// Records rejected, for any reason.
    pub(super) fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Records, accepted or rejected.
    pub(super) fn records(&self) -> u64 {
        self.accepted + self.rejected_total()
    }
}
