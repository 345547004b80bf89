//! The commit of one batch: its rejects, then its journal file, created if absent.
//!
//! It must not know Kafka, or who else writes. The invariant: [`CommitOutcome::Committed`] means that the
//! batch is in the chain for good, and [`CommitOutcome::LostRace`] that it is not and never will be.
//! Anything else is an error, after which only [`resume`](crate::ledger::chain::resume) can find
//! out.

use bytes::Bytes;

use crate::crash;
use crate::event::{Position, TopicPartition};
use crate::ledger::chain::{self, LedgerEnd};
use crate::ledger::{
    CREATE_PAUSE, CREATES_MAX, Footer, LedgerError, Tree, read_footer, rejects_file,
};
use crate::storage::{Creation, StorageError, Store};

/// Why a commit failed, or why its outcome is unknown.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum JournalError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(
        "cannot find out whether `{path}` was created, after {CREATES_MAX} attempts; \
         start again: the ledger settles it"
    )]
    Unsettled {
        path: String,
        /// The last error.
        source: LedgerError,
    },
}

type Result<T, E = JournalError> = std::result::Result<T, E>;

/// A batch ready for its commit: one partition, one attempt.
#[derive(Clone, Debug)]
pub struct BatchFiles {
    /// What the file covers.
    pub footer: Footer,
    /// The journal file, encoded with that footer.
    pub rows: Bytes,
    /// The name and bytes of the rejects file, encoded with that footer; `None` if nothing was
    /// rejected.
    pub rejects: Option<(String, Bytes)>,
}

/// The outcome of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The batch is in the chain.
    Committed {
        /// The ledger end as last read: for the next commit.
        ledger_end: Position,
        /// Whether the create had no clear answer, and reading the file settled it.
        settled: bool,
    },
    /// Another writer created the file, or a merge passed it: discard the batch and all that was
    /// gathered after it, and resume.
    LostRace,
}

/// Commits a batch: its rejects, then its journal file.
pub async fn commit(
    store: &Store,
    partition: &TopicPartition,
    batch: &BatchFiles,
    ledger_end: Position,
) -> Result<CommitOutcome> {
    let no_check = std::future::ready(Ok(()));
    commit_if(store, partition, batch, ledger_end, no_check).await
}

/// Commits a batch if a check passes: its rejects, then the check, then its journal file. After a
/// failed check the batch is not in the chain.
pub async fn commit_if<E: From<JournalError>>(
    store: &Store,
    partition: &TopicPartition,
    batch: &BatchFiles,
    ledger_end: Position,
    check: impl Future<Output = Result<(), E>>,
) -> Result<CommitOutcome, E> {
    write_rejects(store, partition, batch).await?;
    check.await?;
    Ok(create(store, partition, batch, ledger_end).await?)
}

/// Makes the rejects of a batch durable. No reader sees them before the journal file names them.
async fn write_rejects(
    store: &Store,
    partition: &TopicPartition,
    batch: &BatchFiles,
) -> Result<()> {
    crash::point("commit.started");
    if let Some((name, bytes)) = &batch.rejects {
        // The name contains the attempt, so only this writer can have created it.
        create_or_settle(
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

/// Creates the journal file of a batch, and finds out whether it is in the chain.
async fn create(
    store: &Store,
    partition: &TopicPartition,
    batch: &BatchFiles,
    ledger_end: Position,
) -> Result<CommitOutcome> {
    let from = batch.footer.from;
    let path = Tree::Journal.file(partition, from);
    let creator = create_or_settle(store, &path, &batch.rows, &batch.footer.attempt).await?;
    if creator == Creator::Other {
        return Ok(CommitOutcome::LostRace);
    }
    crash::point("journal.created");
    // The name may have been merged and swept before this create: the file is in the chain only if
    // the ledger end, read after the create, is not past it.
    let ledger_end = chain::advance(store, partition, LedgerEnd::new(ledger_end))
        .await?
        .position;
    if ledger_end > from {
        return Ok(CommitOutcome::LostRace);
    }
    crash::point("journal.committed");
    Ok(CommitOutcome::Committed {
        ledger_end,
        settled: creator == Creator::ThisSettled,
    })
}

/// The attempt that created a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Creator {
    /// This one, by the answer to its create.
    This,
    /// This one, by the footer of the file.
    ThisSettled,
    Other,
}

/// Creates a file, again until it is known which attempt created it.
async fn create_or_settle(
    store: &Store,
    path: &str,
    bytes: &Bytes,
    attempt: &str,
) -> Result<Creator> {
    let mut pause = CREATE_PAUSE;
    for creates in 1.. {
        let answer = store.create(path, bytes.clone()).await;
        if let Ok(Creation::Created) = answer {
            return Ok(Creator::This);
        }
        // Any other answer may hide a create that worked: the file's footer settles it. If there is
        // no file, nothing is settled, since a create may still be under way.
        let unsettled = match read_footer(store, path).await {
            Ok(Some(found)) if found.attempt == attempt => {
                // The create may have failed before its folder was synced.
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                store.sync_folder(folder).await?;
                return Ok(Creator::ThisSettled);
            }
            Ok(Some(_)) => return Ok(Creator::Other),
            Ok(None) => answer.err().map(LedgerError::from),
            Err(error) => Some(error),
        };
        if creates >= CREATES_MAX {
            return Err(JournalError::Unsettled {
                path: path.to_owned(),
                source: unsettled.unwrap_or_else(|| absent(path)),
            });
        }
        let error = unsettled.as_ref().map(causes);
        tracing::warn!(
            path,
            attempts = creates,
            error,
            "create outcome unknown, retrying"
        );
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    unreachable!("the loop ends at its bound")
}

/// A file that every create reported as existing, and no read found.
fn absent(path: &str) -> LedgerError {
    StorageError::Failed {
        act: "find",
        path: path.to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    }
    .into()
}

/// An error with its causes, as one text.
fn causes(error: &LedgerError) -> String {
    let causes: Vec<String> = anyhow::Chain::new(error).map(ToString::to_string).collect();
    causes.join(": ")
}
