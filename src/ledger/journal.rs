//! The commit of one batch: its rejects, then its journal file, created if absent.
//!
//! It refuses to know Kafka and who else writes. The invariant: [`Outcome::Certain`] means that the
//! batch is in the chain for good, [`Outcome::Lost`] that it is not and never will be; anything
//! else is an error, after which only [`resume`](crate::ledger::chain::resume) tells.

use std::time::Duration;

use bytes::Bytes;

use crate::crash;
use crate::event::{Position, TopicPartition};
use crate::ledger::chain::{self, LedgerEnd};
use crate::ledger::{Footer, LedgerError, Tree, read_footer, rejects_file};
use crate::storage::{Creation, StorageError, Store};

/// How often one file is tried to be created before its batch is given up as not settled.
pub const CREATES_MAX: u32 = 8;

/// The pause before the second create; it doubles each time.
const PAUSE_FIRST: Duration = Duration::from_millis(20);

/// Why a batch is not committed, or not known to be.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant says what it is in its message")]
pub enum JournalError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("`{path}` was tried {CREATES_MAX} times, and it is not known whether it will be there")]
    Unsettled {
        path: String,
        /// The last answer.
        source: LedgerError,
    },
}

type Result<T, E = JournalError> = std::result::Result<T, E>;

/// A batch ready for its commit: one partition, one attempt.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What the file covers.
    pub footer: Footer,
    /// The journal file, encoded with that footer.
    pub rows: Bytes,
    /// The name and bytes of the rejects file, encoded with that footer; `None` where nothing was
    /// rejected.
    pub rejects: Option<(String, Bytes)>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the chain.
    Certain {
        /// The ledger's end as last read: for the next commit.
        ledger_end: Position,
        /// Whether the create had no certain answer, and the name told that it worked.
        settled: bool,
    },
    /// Another wrote here: throw it away with all that was gathered after it, and resume.
    Lost,
}

/// Commits a batch: [`write_rejects`], then [`create`]. Who asks the broker for the topic's id
/// calls the two itself, and asks in between.
pub async fn commit(
    store: &Store,
    partition: &TopicPartition,
    batch: &Prepared,
    ledger_end: Position,
) -> Result<Outcome> {
    write_rejects(store, partition, batch).await?;
    create(store, partition, batch, ledger_end).await
}

/// Makes the rejects of a batch durable. Nobody can see them before its journal file names them.
pub async fn write_rejects(
    store: &Store,
    partition: &TopicPartition,
    batch: &Prepared,
) -> Result<()> {
    crash::point("commit.started");
    if let Some((name, bytes)) = &batch.rejects {
        // The name is of this attempt alone, so whoever is there is us.
        place(
            store,
            &rejects_file(partition, name),
            bytes,
            &batch.footer.attempt,
        )
        .await?;
        crash::point("rejects.durable");
    }
    Ok(())
}

/// Creates the journal file of a batch and finds out whether it counts.
pub async fn create(
    store: &Store,
    partition: &TopicPartition,
    batch: &Prepared,
    ledger_end: Position,
) -> Result<Outcome> {
    let from = batch.footer.from;
    let path = Tree::Journal.file(partition, from);
    let owner = place(store, &path, &batch.rows, &batch.footer.attempt).await?;
    if owner == Owner::Other {
        return Ok(Outcome::Lost);
    }
    crash::point("journal.created");
    // The name may have been merged and swept before we made it again: only a ledger's end that is
    // not past it, read after the create, makes it count.
    let ledger_end = chain::step_on(store, partition, LedgerEnd::at(ledger_end))
        .await?
        .position;
    if ledger_end > from {
        return Ok(Outcome::Lost);
    }
    crash::point("journal.certain");
    Ok(Outcome::Certain {
        ledger_end,
        settled: owner == Owner::Settled,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// This attempt: its create was answered so.
    This,
    /// This attempt: the name tells.
    Settled,
    Other,
}

/// Creates a file, until it is known whose it is.
async fn place(store: &Store, path: &str, bytes: &Bytes, attempt: &str) -> Result<Owner> {
    let mut pause = PAUSE_FIRST;
    for tried in 1.. {
        let answer = store.create(path, bytes.clone()).await;
        if let Ok(Creation::Created) = answer {
            return Ok(Owner::This);
        }
        // Every other answer may hide a create that worked: the name tells. Where it is absent
        // nothing is settled, for a create may still be on its way.
        let unsettled = match read_footer(store, path).await {
            Ok(Some(found)) if found.attempt == attempt => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                store.sync_folder(folder).await?;
                return Ok(Owner::Settled);
            }
            Ok(Some(_)) => return Ok(Owner::Other),
            Ok(None) => answer.err().map(LedgerError::from),
            Err(error) => Some(error),
        };
        if tried >= CREATES_MAX {
            let gone = || StorageError::Failed {
                act: "keep",
                path: path.to_owned(),
                source: std::io::ErrorKind::NotFound.into(),
            };
            let source = unsettled.unwrap_or_else(|| gone().into());
            return Err(JournalError::Unsettled {
                path: path.to_owned(),
                source,
            });
        }
        let causes = |error| {
            anyhow::Chain::new(error)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let error = unsettled.as_ref().map(|error| causes(error).join(": "));
        tracing::warn!(
            path,
            tried,
            error,
            "a create has no certain answer, trying again"
        );
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    unreachable!("the loop ends at its bound")
}
