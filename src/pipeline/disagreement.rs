//! Whether a broker and a chain agree on a partition, and if not, what is lost.
//!
//! It compares numbers and ids, and changes nothing: `status` shows what it finds, and an
//! assignment stops the partition.

use crate::consume::{BrokerOffsets, CommittedOffset};
use crate::event::{Position, TopicPartition};
use crate::ledger::chain::Resume;
use crate::pipeline::Loss;

/// How a broker and a chain disagree.
#[derive(Debug)]
pub(crate) struct Disagreement {
    pub(crate) why: String,
    /// What is lost if the partition continues.
    pub(crate) loss: Loss,
    pub(super) remedy: Remedy,
}

/// How a partition continues once its loss is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// A file without rows records the gap, for this reason.
    RecordGap(&'static str),
    /// The group's offset returns to the chain's end.
    ResetGroup,
}

/// Compares what a broker reports of a partition with its chain.
pub(crate) fn disagreement(
    resume: &Resume,
    broker: &BrokerOffsets,
    cluster: &str,
    topic_id: &str,
) -> Option<Disagreement> {
    let (end, (low, high)) = (resume.end, broker.watermarks);
    let at = &broker.at;
    let source = resume.last.as_ref().filter(|_| !end.is_era_start());
    if let Some(last) = source {
        if differs(&last.cluster_id, cluster) {
            let why = format!(
                "the ledger's records come from cluster {}, this is cluster {cluster}: use another \
                 store for another cluster",
                last.cluster_id
            );
            return Some(Disagreement::new_era(at, end, why));
        }
        if differs(&last.topic_id, topic_id) {
            let why = format!(
                "the topic was deleted and created again (its id was {}, is {topic_id}): what the \
                 old one contained past {end} is lost",
                last.topic_id
            );
            return Some(Disagreement::new_era(at, end, why));
        }
    }
    if end.offset > high {
        let why = format!(
            "the ledger ends at {end}, but the broker's log at {high}: the topic was created again \
             or truncated, or this is another cluster; records past the broker's end cannot be \
             distinguished"
        );
        return Some(Disagreement::new_era(at, end, why));
    }
    if !end.is_era_start() && end.offset < low {
        let why = format!(
            "offsets {} to {} expired on the broker before they were read ({} offsets are lost): \
             lengthen the topic's retention, or more will",
            end.offset,
            low - 1,
            low - end.offset
        );
        let remedy = Remedy::RecordGap("expired");
        return Some(Disagreement::new(at, end, end.at(low), why, remedy));
    }
    let to = group_position(broker, end).filter(|committed| *committed > end)?;
    let why = format!(
        "the group committed {to}, but the ledger ends at {end}: is this the right store \
         (--store), or were files of it lost? Put them back, or use another group"
    );
    Some(Disagreement::new(at, end, to, why, Remedy::ResetGroup))
}

/// Whether two ids are known and not equal.
fn differs(was: &str, is: &str) -> bool {
    !was.is_empty() && !is.is_empty() && was != is
}

impl Disagreement {
    fn new(at: &TopicPartition, from: Position, to: Position, why: String, remedy: Remedy) -> Self {
        let at = at.clone();
        let loss = Loss { at, from, to };
        Self { why, loss, remedy }
    }

    /// The log is not the one that the chain was read from.
    fn new_era(at: &TopicPartition, end: Position, why: String) -> Self {
        let next = Position {
            era: end.era + 1,
            offset: 0,
        };
        Self::new(at, end, next, why, Remedy::RecordGap("recreated"))
    }
}

/// The offset below which a chain has everything that the log still has: the first offset, if the
/// log is not the one that the chain was read from.
pub(crate) fn durable_offset(end: Position, (low, high): (i64, i64)) -> i64 {
    if end.offset > high {
        low
    } else {
        end.offset.max(low)
    }
}

/// Where the last file started when a group's offset was committed.
pub(super) fn last_file(metadata: &str) -> Option<Position> {
    metadata.split_once(' ')?.0.parse().ok()
}

/// The position of the group's offset, if it committed one.
pub(super) fn group_position(broker: &BrokerOffsets, end: Position) -> Option<Position> {
    let committed = broker.committed.as_ref()?;
    Some(committed_position(end, committed))
}

/// The position of a group's offset: from the metadata, if this program wrote it, or else in the
/// chain's era.
fn committed_position(end: Position, committed: &CommittedOffset) -> Position {
    let ours = committed
        .metadata
        .split_once(' ')
        .and_then(|(_, next)| next.parse::<Position>().ok());
    ours.filter(|next| next.offset == committed.offset)
        .unwrap_or_else(|| end.at(committed.offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Footer;

    fn resumed(end: i64, topic_id: &str) -> Resume {
        let footer = Footer {
            cluster_id: "c".to_owned(),
            topic_id: topic_id.to_owned(),
            ..Footer::attempt(Position::ORIGIN, Position::ORIGIN.at(end.max(1)))
        };
        Resume {
            end: Position::ORIGIN.at(end),
            last: (end > 0).then_some(footer),
            ledger_end: Position::ORIGIN,
        }
    }

    fn offered(low: i64, high: i64, committed: Option<i64>) -> BrokerOffsets {
        let at = TopicPartition {
            topic: "t".to_owned(),
            partition: 0,
        };
        BrokerOffsets {
            at,
            watermarks: (low, high),
            committed: committed.map(|offset| committed_at(offset, "")),
        }
    }

    fn committed_at(offset: i64, metadata: &str) -> CommittedOffset {
        CommittedOffset {
            offset,
            metadata: metadata.to_owned(),
        }
    }

    #[track_caller]
    fn check(resume: &Resume, offered: &BrokerOffsets, expected: Option<(&str, Position)>) {
        let found = disagreement(resume, offered, "c", "id");
        match expected {
            None => assert!(found.is_none(), "{found:?}"),
            Some((why, to)) => {
                let found = found.expect("they disagree");
                assert!(found.why.contains(why), "{found:?}");
                assert_eq!(
                    (found.loss.to, found.remedy == Remedy::ResetGroup),
                    (to, why.contains("group"))
                );
            }
        }
    }

    #[test]
    fn broker_and_chain_agree_or_the_difference_is_named() {
        check(&resumed(0, ""), &offered(0, 0, None), None);
        // Nothing was read before: it starts at the broker's first offset.
        check(&resumed(0, ""), &offered(5, 9, None), None);
        check(&resumed(7, "id"), &offered(0, 9, Some(7)), None);
        check(&resumed(7, ""), &offered(7, 7, Some(3)), None);
        let (at, next_era) = (
            |offset| Position::ORIGIN.at(offset),
            Position { era: 1, offset: 0 },
        );
        check(
            &resumed(7, "id"),
            &offered(8, 9, None),
            Some(("offsets 7 to 7 expired", at(8))),
        );
        check(
            &resumed(7, "id"),
            &offered(0, 6, None),
            Some(("the ledger ends at", next_era)),
        );
        check(
            &resumed(7, "other"),
            &offered(0, 9, None),
            Some(("created again", next_era)),
        );
        let ahead = "the group committed 0000-0000000000000000008";
        check(
            &resumed(7, "id"),
            &offered(0, 9, Some(8)),
            Some((ahead, at(8))),
        );
        check(
            &resumed(0, ""),
            &offered(0, 9, Some(8)),
            Some((ahead, at(8))),
        );
    }

    #[test]
    fn an_offset_of_an_earlier_era_is_not_ahead() {
        let end = Position { era: 1, offset: 3 };
        let metadata = "0000-0000000000000000000 0000-0000000000000000009";
        let committed = committed_position(end, &committed_at(9, metadata));
        assert_eq!(committed, Position { era: 0, offset: 9 });
        assert_eq!(
            committed_position(end, &committed_at(4, metadata)),
            Position { era: 1, offset: 4 }
        );
    }
}
