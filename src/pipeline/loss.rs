//! Losses that the operator accepts, each for one partition and one range of positions.

use std::fmt;
use std::str::FromStr;

use crate::event::{Position, TopicPartition};

/// A range of positions that is missing in a partition, written `topic/partition:from..to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The partition.
    pub at: TopicPartition,
    /// The first position that is lost.
    pub from: Position,
    /// The first position after it.
    pub to: Position,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}..{}", self.at, self.from, self.to)
    }
}

/// A text that is not a loss.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a loss: copy it from the message of `ingest`, as topic/partition:from..to")]
pub struct NotALoss(String);

impl FromStr for Loss {
    type Err = NotALoss;

    fn from_str(text: &str) -> Result<Self, NotALoss> {
        parse(text).ok_or_else(|| NotALoss(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Loss> {
    let (at, positions) = text.rsplit_once(':')?;
    let (topic, partition) = at.rsplit_once('/')?;
    let (from, to) = positions.split_once("..")?;
    let at = TopicPartition {
        topic: topic.to_owned(),
        partition: partition.parse().ok()?,
    };
    Some(Loss {
        at,
        from: from.parse().ok()?,
        to: to.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_read_as_it_is_written() {
        let text = "police.events.v1/3:0000-0000000000000000100..0001-0000000000000000000";
        let loss: Loss = text.parse().expect("a loss");
        assert_eq!(
            (loss.at.partition, loss.from.offset, loss.to.era),
            (3, 100, 1)
        );
        assert_eq!(loss.to_string(), text);
        for text in [
            "",
            "police.events.v1/3",
            "police.events.v1/3:1..2",
            "police.events.v1:0000-0000000000000000100",
        ] {
            let error = text.parse::<Loss>().expect_err("refused");
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("`{text}` is not a loss")),
                "{error}"
            );
        }
    }
}
