//! The chain: which files make the ledger of a partition, in which order, and where they end.
//!
//! It must not know who writes, or what the rows contain. The invariant is *tail first, ledger end
//! last*: a file read from the journal is in the chain only if the ledger end, read afterwards, is
//! not past it. The erasure log is read after all of them: otherwise a reader could miss a revision
//! that was already removed, and take an older one for the latest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};

use crate::crash;
use crate::event::{Micros, Position, TopicPartition};
use crate::ledger::erasures::{
    self, ErasedPositions, ErasureError, ErasureLog, KeptMonths, SeenEnd,
};
use crate::ledger::rules::{Finding, LedgerRule};
use crate::ledger::{
    Footer, LedgerError, Purged, Tree, coordinates, decode_name, file_position, read_footer,
    rejects_file, rejects_position, times_received,
};
use crate::storage::{StorageError, Store};

/// Footers read at once.
const FOOTERS_AT_ONCE: usize = 16;

/// Partitions read at once.
const PARTITIONS_AT_ONCE: usize = 4;

/// Passes over a partition whose files merges move, before a reader gives up.
const PASSES_MAX: u32 = 20;

/// The pause between two passes.
const PAUSE: Duration = Duration::from_millis(20);

/// Passes that must find the same fault before it is damage, and not a file that was created
/// during the listing.
const SAME_PASSES: u32 = 3;

/// Why a chain could not be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum ChainError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Erasures(#[from] ErasureError),
    #[error(
        "the chain of {partition} is damaged: {finding}; run `partner-feeds verify` for details"
    )]
    Damaged {
        partition: TopicPartition,
        finding: Finding,
    },
    #[error("cannot read {0}")]
    Newer(Box<Finding>),
    #[error(
        "the ledger of {partition} ends at {end}, before {expected}: restore the files that are missing"
    )]
    Shorter {
        partition: TopicPartition,
        end: Position,
        expected: Position,
    },
    #[error(
        "cannot read {0}: merges moved its files during each of {PASSES_MAX} passes; try again"
    )]
    Unstable(TopicPartition),
}

type Result<T, E = ChainError> = std::result::Result<T, E>;

/// Counts the passes of one reader over a chain: merges move files meanwhile, and what they moved
/// is read again.
#[derive(Debug, Default)]
pub(crate) struct Passes(u32);

impl Passes {
    /// Pauses before another pass.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unstable`] after the last one.
    pub(super) async fn next_pass(&mut self, partition: &TopicPartition) -> Result<()> {
        self.0 += 1;
        if self.0 >= PASSES_MAX {
            return Err(ChainError::Unstable(partition.clone()));
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    /// Whether the chain must be read again, since a merge moved it after it was read, or a record was
    /// erased.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unstable`] where it moved during the last pass too.
    pub(crate) async fn retry_if_moved(&mut self, store: &Store, chain: &Chain) -> Result<bool> {
        let moved = chain.moved(store).await? || chain.has_new_erasure(store).await?;
        if moved {
            self.next_pass(&chain.partition).await?;
        }
        Ok(moved)
    }

    /// As [`Self::retry_if_moved`], for several chains: if one moved, read all again.
    pub(crate) async fn retry_if_any_moved(
        &mut self,
        store: &Store,
        chains: &[Chain],
    ) -> Result<bool> {
        for chain in chains {
            if chain.moved(store).await? {
                self.next_pass(&chain.partition).await?;
                return Ok(true);
            }
        }
        // All chains were read with one log, which is read last.
        match chains.first() {
            Some(first) if first.has_new_erasure(store).await? => {
                self.next_pass(&first.partition).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// The ledger end: where the merged part of a chain ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerEnd {
    /// `next` of the last ledger file; the origin if there is none.
    pub position: Position,
    /// That file's footer, if it was read.
    pub last: Option<Footer>,
}

impl LedgerEnd {
    /// A ledger end that was read before.
    pub const fn new(position: Position) -> Self {
        Self {
            position,
            last: None,
        }
    }
}

/// The ledger end of a partition.
pub async fn ledger_end(
    store: &Store,
    partition: &TopicPartition,
) -> Result<LedgerEnd, LedgerError> {
    let last = positions(store, Tree::Ledger, partition)
        .await?
        .last()
        .copied();
    advance(store, partition, LedgerEnd::new(last.unwrap_or_default())).await
}

/// The ledger end, from one that may be outdated: advances while a ledger file starts there.
pub async fn advance(
    store: &Store,
    partition: &TopicPartition,
    mut end: LedgerEnd,
) -> Result<LedgerEnd, LedgerError> {
    loop {
        let path = Tree::Ledger.file(partition, end.position);
        let Some(footer) = read_footer(store, &path).await? else {
            return Ok(end);
        };
        if footer.from != end.position {
            return Err(LedgerError::Footer { path, key: "from" });
        }
        end = LedgerEnd {
            position: footer.next,
            last: Some(footer),
        };
    }
}

/// Where a consumer of a partition continues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// The end position: the next record to read from Kafka.
    pub end: Position,
    /// The footer of the chain's last file; `None` without a file.
    pub last: Option<Footer>,
    /// The ledger end: for the next commit.
    pub ledger_end: Position,
}

/// Finds the end position, syncs the folders, and removes what killed writers left below it.
pub async fn resume(store: &Store, partition: &TopicPartition) -> Result<Resume> {
    resume_from(store, partition, None).await
}

/// As [`resume`], but lists the journal from `hint`, a position where a file once started: a long
/// journal costs no more. Without a file from there on, lists from the ledger end.
pub async fn resume_from(
    store: &Store,
    partition: &TopicPartition,
    hint: Option<Position>,
) -> Result<Resume> {
    let mut passes = Passes::default();
    loop {
        let mut listed = match hint {
            Some(hint) => last_journal_file(store, partition, hint).await?,
            None => None,
        };
        if listed.is_none() {
            let early = ledger_end(store, partition).await?.position;
            listed = last_journal_file(store, partition, early).await?;
        }
        let tail = match listed {
            None => None,
            Some(name) => {
                let path = Tree::Journal.file(partition, name);
                match read_footer(store, &path).await? {
                    None => {
                        passes.next_pass(partition).await?; // merged and swept meanwhile
                        continue;
                    }
                    Some(footer) if footer.from != name => {
                        return Err(LedgerError::Footer { path, key: "from" }.into());
                    }
                    Some(footer) => Some((name, footer)),
                }
            }
        };
        let ledger = ledger_end(store, partition).await?;
        crash::point("resume.read");
        let (end, last) = match tail {
            Some((name, footer)) if name >= ledger.position => (footer.next, Some(footer)),
            _ => (ledger.position, ledger.last),
        };
        store.sync_folder(&Tree::Journal.folder(partition)).await?;
        store.sync_folder(&Tree::Ledger.folder(partition)).await?;
        remove_leftovers(store, partition, ledger.position, end).await?;
        return Ok(Resume {
            end,
            last,
            ledger_end: ledger.position,
        });
    }
}

/// The position of the last journal file, of those from a position on.
async fn last_journal_file(
    store: &Store,
    partition: &TopicPartition,
    from: Position,
) -> Result<Option<Position>, LedgerError> {
    let listed = store
        .list_from(&Tree::Journal.folder(partition), &from.to_string(), |_| {
            true
        })
        .await?;
    Ok(listed
        .iter()
        .rev()
        .find_map(|entry| file_position(&entry.name)))
}

/// Removes what killed writers left below the end position. At the ledger end and past it, a merge
/// may be under way.
pub(super) async fn remove_leftovers(
    store: &Store,
    partition: &TopicPartition,
    ledger_end: Position,
    end: Position,
) -> Result<usize, StorageError> {
    let mut removed = 0;
    for (tree, position, end) in [
        (Tree::Journal, file_position as fn(&str) -> _, end),
        (Tree::Ledger, file_position, ledger_end),
        (Tree::Rejects, rejects_position, ledger_end),
    ] {
        removed += store
            .remove_leftovers(&tree.folder(partition), move |name: &str| {
                position(name).is_some_and(|from: Position| from < end)
            })
            .await?;
    }
    Ok(removed)
}

/// A file of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainFile {
    /// Its path under the root.
    pub path: String,
    /// The position where it starts, from its name.
    pub from: Position,
    /// Its footer.
    pub footer: Footer,
}

/// Where the chain of each partition ended at some time.
pub type ChainEnds = BTreeMap<TopicPartition, Position>;

/// The files of a partition, in order, each starting where the one before ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The partition.
    pub partition: TopicPartition,
    /// The ledger files, then the journal files.
    pub files: Vec<ChainFile>,
    /// Where the ledger files end.
    pub ledger_end: Position,
    /// Where the chain ends: the provenance of everything derived from it.
    pub end: Position,
    /// The positions that are erased: no reader returns their rows.
    pub erased: ErasedPositions,
    /// The months that retention left.
    pub kept_months: KeptMonths,
}

impl Chain {
    /// Whether the ledger end has moved since the chain was read, so that a journal or rejects file
    /// may have been deleted. To be called after reading the files, and if one is missing.
    pub async fn moved(&self, store: &Store) -> Result<bool> {
        Ok(store
            .exists(&Tree::Ledger.file(&self.partition, self.ledger_end))
            .await?)
    }

    /// Takes over what the erasure log, read after the files, says of it.
    fn apply(&mut self, log: &ErasureLog) {
        self.erased = log.erased(&self.partition);
        self.kept_months = log.kept_months();
    }

    /// When Kafka received the newest record: it is in the last file, or in the rejects of that.
    pub async fn newest_received(&self, store: &Store) -> Result<Option<Micros>> {
        let Some(last) = self.files.last() else {
            return Ok(None);
        };
        let rejects = last.footer.rejects.iter();
        let rejects = rejects.map(|name| rejects_file(&self.partition, name));
        let mut newest = None;
        for path in std::iter::once(last.path.clone()).chain(rejects) {
            let times = times_received(store, &path).await?;
            newest = newest.max(times.map(|(_, last)| last));
        }
        Ok(newest)
    }

    /// Where it ends, as the erasure log states it.
    pub fn seen_end(&self) -> SeenEnd {
        SeenEnd {
            topic: self.partition.topic.clone(),
            partition: self.partition.partition,
            end: self.end,
        }
    }

    /// Whether a record was erased since the chain was read. To be called after reading the files.
    pub async fn has_new_erasure(&self, store: &Store) -> Result<bool> {
        Ok(erasures::has_entry_after(store, self.erased.log()).await?)
    }

    /// Makes the footers describe what readers get: without the erased rows that files still contain.
    pub(crate) async fn leave_out_erased(&mut self, store: &Store) -> Result<()> {
        for file in &mut self.files {
            if file.footer.may_contain(&self.erased) {
                let end = file.footer.next;
                file.recount(store, &self.partition, &self.erased, end)
                    .await?;
            }
        }
        Ok(())
    }

    /// Leaves out what the chain got since it ended at a position.
    ///
    /// # Errors
    ///
    /// [`ChainError::Shorter`] if the chain does not reach the position.
    pub(crate) async fn cut(&mut self, store: &Store, end: Position) -> Result<()> {
        if self.end < end {
            return Err(ChainError::Shorter {
                partition: self.partition.clone(),
                end: self.end,
                expected: end,
            });
        }
        self.files.retain(|file| file.from < end);
        if let Some(last) = self.files.last_mut()
            && last.footer.next > end
        {
            last.recount(store, &self.partition, &self.erased, end)
                .await?;
        }
        self.end = end;
        Ok(())
    }

    /// The paths of the rejects files that this chain names, in order.
    pub fn rejects(&self) -> impl Iterator<Item = String> {
        let names = self.files.iter().flat_map(|file| &file.footer.rejects);
        names.map(|name| rejects_file(&self.partition, name))
    }
}

impl ChainFile {
    /// Makes the footer describe the rows before a position that are not erased.
    async fn recount(
        &mut self,
        store: &Store,
        partition: &TopicPartition,
        erased: &ErasedPositions,
        end: Position,
    ) -> Result<(), LedgerError> {
        let footer = &mut self.footer;
        footer.accepted = kept_before(store, &self.path, erased, end).await?;
        footer.rejected = 0;
        for name in &footer.rejects {
            let path = rejects_file(partition, name);
            footer.rejected += kept_before(store, &path, erased, end).await?;
        }
        let removed = erased.count(footer.from, end);
        footer.read = footer.accepted + footer.rejected + removed;
        footer.next = end;
        footer.purged = (removed > 0).then(|| Purged {
            erased: removed,
            log: erased.log(),
            purge: String::new(),
        });
        Ok(())
    }
}

/// The rows of a file that come before a position and are not erased.
async fn kept_before(
    store: &Store,
    path: &str,
    erased: &ErasedPositions,
    end: Position,
) -> Result<u64, LedgerError> {
    let bytes = store.read(path).await?;
    let bytes = bytes.ok_or_else(|| LedgerError::Missing {
        path: path.to_owned(),
    })?;
    let rows = coordinates(path, bytes)?;
    let kept = rows
        .iter()
        .filter(|row| **row < end && !erased.contains(**row));
    Ok(kept.count() as u64)
}

/// Reads the chain of a partition.
pub async fn read(store: &Store, partition: &TopicPartition) -> Result<Chain> {
    survey(store, partition).await?.intact()
}

/// Reads the chains of all partitions, in order.
pub async fn read_all(store: &Store) -> Result<Vec<Chain>> {
    let surveys = survey_all(store).await?;
    surveys.into_iter().map(Survey::intact).collect()
}

/// Whether a chain that ends at an offset has everything that its log had when a request began: then
/// the log had a first and an end offset, and now, read after the chain, it ends at `now`. Only then does
/// a search of the chain find every revision that was sent before.
pub const fn reaches(own: i64, (first, end): (i64, i64), now: i64) -> bool {
    // A chain past its log is of another log.
    first >= end || (own >= end && own <= now)
}

/// The partitions that have a journal or a ledger, in order.
pub async fn partitions(store: &Store) -> Result<BTreeSet<TopicPartition>> {
    let mut found = BTreeSet::new();
    for tree in [Tree::Ledger, Tree::Journal] {
        for folder in store.folders(tree.as_str()).await? {
            let Some(topic) = folder.strip_prefix("topic=").and_then(decode_name) else {
                continue;
            };
            for name in store
                .folders(&format!("{}/{folder}", tree.as_str()))
                .await?
            {
                let Some(partition) = name.strip_prefix("partition=").and_then(|n| n.parse().ok())
                else {
                    continue;
                };
                found.insert(TopicPartition {
                    topic: topic.clone(),
                    partition,
                });
            }
        }
    }
    Ok(found)
}

/// A chain as found, damaged or not.
pub(crate) struct Survey {
    pub(crate) chain: Chain,
    /// The rules that its files break.
    pub(crate) findings: Vec<Finding>,
    /// Journal files below the ledger end.
    pub(crate) superseded: u64,
}

impl Survey {
    /// The chain, unless it is damaged or of a newer version.
    fn intact(self) -> Result<Chain> {
        match self.findings.into_iter().next() {
            None => Ok(self.chain),
            Some(finding) if finding.rule == LedgerRule::Schema => {
                Err(ChainError::Newer(Box::new(finding)))
            }
            Some(finding) => Err(ChainError::Damaged {
                partition: self.chain.partition,
                finding,
            }),
        }
    }
}

/// Footers by path. A footer once read stays valid for where files start and end: a purge replaces a
/// ledger file by one that covers the same, and a journal file that was created again is below a
/// ledger end that is read later. What a purge removed is compared with the file as opened.
type FooterCache = HashMap<String, Footer>;

/// Reads a chain, and then the erasure log.
pub(crate) async fn survey(store: &Store, partition: &TopicPartition) -> Result<Survey> {
    let mut survey = survey_files(store, partition).await?;
    survey.chain.apply(&ErasureLog::read(store).await?);
    Ok(survey)
}

/// Reads a chain until a pass finds nothing wrong, or several in a row find the same.
async fn survey_files(store: &Store, partition: &TopicPartition) -> Result<Survey> {
    let (mut passes, mut footers) = (Passes::default(), FooterCache::new());
    let (mut before, mut same) = (Vec::new(), 0);
    loop {
        let survey = survey_once(store, partition, &mut footers).await?;
        same = if survey.findings == before {
            same + 1
        } else {
            1
        };
        if survey.findings.is_empty() || same >= SAME_PASSES {
            return Ok(survey);
        }
        before = survey.findings;
        passes.next_pass(partition).await?;
    }
}

/// Surveys all partitions, in order, and then reads the erasure log.
pub(crate) async fn survey_all(store: &Store) -> Result<Vec<Survey>> {
    let partitions = partitions(store).await?;
    let mut surveys: Vec<Survey> = futures::stream::iter(&partitions)
        .map(|partition| survey_files(store, partition))
        .buffered(PARTITIONS_AT_ONCE)
        .try_collect()
        .await?;
    let log = ErasureLog::read(store).await?;
    for Survey { chain, .. } in &mut surveys {
        chain.apply(&log);
    }
    Ok(surveys)
}

async fn survey_once(
    store: &Store,
    partition: &TopicPartition,
    cache: &mut FooterCache,
) -> Result<Survey> {
    let early = ledger_end(store, partition).await?; // so that nothing below it is read
    let listed = positions(store, Tree::Journal, partition).await?;
    let (below, above) = listed.split_at(listed.partition_point(|&from| from < early.position));
    let journal = read_footers(store, Tree::Journal, partition, above, cache).await?;
    // Read after the journal: this end is the one that counts.
    let ledger_end = advance(store, partition, early).await?.position;
    let mut ledger = positions(store, Tree::Ledger, partition).await?;
    ledger.retain(|&from| from < ledger_end);
    let mut found = read_footers(store, Tree::Ledger, partition, &ledger, cache).await?;
    let (old, journal): (Vec<ListedFile>, Vec<ListedFile>) =
        journal.into_iter().partition(|file| file.from < ledger_end);
    found.extend(journal);
    let superseded = below.len() + old.len();
    let (files, mut findings) = link(found);
    let listed_end = files
        .last()
        .map_or(Position::ORIGIN, |file| file.footer.next);
    if findings.is_empty() && listed_end < ledger_end {
        let detail = format!("is not listed, although the ledger ends at {ledger_end}");
        let file = Tree::Ledger.file(partition, listed_end);
        findings.push(Finding::new(&file, listed_end, LedgerRule::Join, detail));
    }
    let end = files.last().map_or(ledger_end, |file| file.footer.next);
    let chain = Chain {
        partition: partition.clone(),
        files,
        ledger_end,
        end,
        erased: ErasedPositions::default(),
        kept_months: KeptMonths::default(),
    };
    Ok(Survey {
        chain,
        findings,
        superseded: superseded as u64,
    })
}

/// A file that was listed, readable or not.
struct ListedFile {
    path: String,
    from: Position,
    footer: Result<Footer, LedgerError>,
}

/// Checks that each file starts where the one before it ends.
fn link(listed: Vec<ListedFile>) -> (Vec<ChainFile>, Vec<Finding>) {
    let mut files = Vec::new();
    let mut findings = Vec::new();
    let mut end = Some(Position::ORIGIN);
    for ListedFile { path, from, footer } in listed {
        let mut finding = |rule, detail| findings.push(Finding::new(&path, from, rule, detail));
        if let Some(end) = end.filter(|&end| end != from) {
            finding(LedgerRule::Join, format!("the file before ends at {end}"));
        }
        end = match footer {
            Err(error) => {
                finding(error.rule(), error.fault());
                None
            }
            Ok(footer) => {
                if footer.from != from {
                    finding(
                        LedgerRule::Name,
                        format!("the footer states that it starts at {}", footer.from),
                    );
                }
                files.push(ChainFile { path, from, footer });
                files.last().map(|file| file.footer.next)
            }
        };
    }
    (files, findings)
}

/// The footers of files, in order, without the files that are gone.
async fn read_footers(
    store: &Store,
    tree: Tree,
    partition: &TopicPartition,
    names: &[Position],
    cache: &mut FooterCache,
) -> Result<Vec<ListedFile>> {
    let shared = &*cache;
    let listed: Vec<ListedFile> = futures::stream::iter(names)
        .map(|&from| async move {
            let path = tree.file(partition, from);
            let footer = match shared.get(&path) {
                Some(footer) => Ok(footer.clone()),
                None => match read_footer(store, &path).await {
                    Ok(None) => return Ok(None),
                    Ok(Some(footer)) => Ok(footer),
                    // An unreadable file is a finding of the survey; anything else ends it.
                    Err(error) if error.unreadable().is_some() => Err(error),
                    Err(error) => return Err(error),
                },
            };
            Ok(Some(ListedFile { path, from, footer }))
        })
        .buffered(FOOTERS_AT_ONCE)
        .try_filter_map(|listed| async move { Ok(listed) })
        .try_collect()
        .await?;
    for file in &listed {
        if let Ok(footer) = &file.footer {
            cache
                .entry(file.path.clone())
                .or_insert_with(|| footer.clone());
        }
    }
    Ok(listed)
}

/// The positions that name files of a folder, in order. Other names are ignored.
async fn positions(
    store: &Store,
    tree: Tree,
    partition: &TopicPartition,
) -> Result<Vec<Position>, LedgerError> {
    let entries = store.list(&tree.folder(partition)).await?;
    Ok(entries
        .iter()
        .filter_map(|entry| file_position(&entry.name))
        .collect())
}
