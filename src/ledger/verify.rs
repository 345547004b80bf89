//! Checks every file of a store by the rules of the ledger.
//!
//! It only reads, may run beside consumers and merges, and repairs nothing. The invariant: in a
//! store without findings, every record below the end positions that was neither declared lost nor
//! erased is exactly one row.

use std::collections::{BTreeMap, HashSet};

use crate::event::{Position, TopicPartition};
use crate::ledger::chain::{self, Chain, ChainError, ChainFile, Passes, Survey};
use crate::ledger::erasures::{self, ErasedPositions, ErasureError, ErasureLog};
use crate::ledger::rules::{Finding, LedgerRule};
use crate::ledger::{
    Footer, Gap, LedgerError, Tree, coordinates, file_position, footer_of, rejects_file,
    rejects_position,
};
use crate::storage::{StorageError, Store};

/// Why the store could not be checked; what is wrong in it is a [`Finding`].
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum VerifyError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Erasures(#[from] ErasureError),
}

type Result<T, E = VerifyError> = std::result::Result<T, E>;

/// The contents of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSummary {
    /// The partition.
    pub partition: TopicPartition,
    /// Files of the chain.
    pub files: u64,
    /// Accepted records.
    pub rows: u64,
    /// Rejected records.
    pub rejected: u64,
    /// Where the merged part ends.
    pub ledger_end: Position,
    /// Where the chain ends.
    pub end: Position,
    /// Journal files that a ledger file covers; the next sweep deletes them.
    pub superseded: u64,
    /// Rejects files that no file of the chain names: from writers that were killed or lost a race.
    pub orphans: u64,
    /// Accepted losses.
    pub gaps: Vec<Gap>,
    /// Erased records.
    pub erased: u64,
    /// How many of them are still rows of a file: the next purge removes them.
    pub not_purged: u64,
}

/// The contents of a store, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// One summary per partition.
    pub partitions: Vec<PartitionSummary>,
    /// Every broken rule, in order of partition and position.
    pub findings: Vec<Finding>,
    /// Entries of the erasure log.
    pub erasures: u64,
    /// The last of them that a certificate covers.
    pub certified: u64,
}

/// Checks all partitions of a store.
pub async fn verify(store: &Store) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    // Read first: what a certificate covers must be gone from the files that are read after it.
    let read_log = async {
        let certificates = erasures::certificates(store).await?;
        Ok((ErasureLog::read(store).await?, certificates))
    };
    let (log, certificates) = match read_log.await {
        Ok(read) => read,
        Err(ErasureError::Storage(error)) => return Err(error.into()),
        Err(error) => {
            // Which rows are erased is not known.
            report.findings.push(log_unreadable(&error));
            return Ok(report);
        }
    };
    report.erasures = log.end();
    report.certified = certificates.keys().next_back().copied().unwrap_or_default();
    if report.certified > log.end() {
        let missing = ErasureError::Missing(erasures::entry_path(report.certified));
        report.findings.push(log_unreadable(&missing));
        return Ok(report);
    }
    for partition in chain::partitions(store).await? {
        let certified = log.erased_by(&partition, report.certified);
        match verify_partition(store, &partition, &certified).await {
            Ok((summary, findings)) => {
                report.partitions.push(summary);
                report.findings.extend(findings);
            }
            // The partition has no end that can be read, so there is nothing more to check.
            Err(VerifyError::Chain(ChainError::Ledger(error))) if error.unreadable().is_some() => {
                report.findings.push(end_unreadable(&error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(report)
}

fn log_unreadable(error: &ErasureError) -> Finding {
    Finding {
        file: error.file().unwrap_or(erasures::FOLDER).to_owned(),
        position: Position::ORIGIN,
        rule: LedgerRule::Log,
        detail: error.fault(),
    }
}

fn end_unreadable(error: &LedgerError) -> Finding {
    let file = error.unreadable().unwrap_or_default().to_owned();
    let name = file.rsplit('/').next().unwrap_or_default();
    let position = file_position(name).unwrap_or_default();
    Finding {
        file,
        position,
        rule: error.rule(),
        detail: error.fault(),
    }
}

async fn verify_partition(
    store: &Store,
    partition: &TopicPartition,
    certified: &ErasedPositions,
) -> Result<(PartitionSummary, Vec<Finding>)> {
    let mut passes = Passes::default();
    loop {
        let Survey {
            chain,
            mut findings,
            superseded,
        } = chain::survey(store, partition).await?;
        let mut check = PartitionCheck {
            store,
            partition,
            erased: &chain.erased,
            certified,
            findings: Vec::new(),
            missing: false,
            not_purged: 0,
        };
        check.eras(&chain.files);
        for file in &chain.files {
            check.file(file).await?;
        }
        if check.missing && passes.retry_if_moved(store, &chain).await? {
            continue;
        }
        // A purge may have removed rows that were erased after the chain was read.
        if !check.findings.is_empty() && chain.has_new_erasure(store).await? {
            passes.next_pass(partition).await?;
            continue;
        }
        check.leftovers(chain.ledger_end).await?;
        let orphans = check.orphans(&chain).await?;
        findings.append(&mut check.findings);
        findings.sort_by_key(|finding| (finding.position, finding.rule));
        let not_purged = check.not_purged;
        let summary = PartitionSummary {
            not_purged,
            ..summary(chain, superseded, orphans)
        };
        return Ok((summary, findings));
    }
}

fn summary(chain: Chain, superseded: u64, orphans: u64) -> PartitionSummary {
    let sum = |count: fn(&Footer) -> u64| chain.files.iter().map(|file| count(&file.footer)).sum();
    PartitionSummary {
        files: chain.files.len() as u64,
        rows: sum(|footer| footer.accepted),
        rejected: sum(|footer| footer.rejected),
        gaps: chain
            .files
            .iter()
            .flat_map(|file| file.footer.gaps.clone())
            .collect(),
        ledger_end: chain.ledger_end,
        end: chain.end,
        partition: chain.partition,
        superseded,
        orphans,
        erased: chain.erased.count(Position::ORIGIN, chain.end),
        not_purged: 0,
    }
}

/// One pass over the files of a partition.
struct PartitionCheck<'a> {
    store: &'a Store,
    partition: &'a TopicPartition,
    erased: &'a ErasedPositions,
    /// Those that a certificate covers.
    certified: &'a ErasedPositions,
    findings: Vec<Finding>,
    /// Whether a file was missing: damage, unless a merge moved the chain.
    missing: bool,
    /// Rows that are erased, and not covered by a certificate.
    not_purged: u64,
}

impl PartitionCheck<'_> {
    fn find(&mut self, file: &str, position: Position, rule: LedgerRule, detail: String) {
        self.findings
            .push(Finding::new(file, position, rule, detail));
    }

    /// An epoch has one source, and ends only in a file without rows.
    fn eras(&mut self, files: &[ChainFile]) {
        let mut sources: BTreeMap<u16, [&str; 2]> = BTreeMap::new();
        for ChainFile { path, from, footer } in files {
            let known = sources.entry(footer.next.era).or_default();
            for (id, (known, found)) in ["cluster", "topic"]
                .into_iter()
                .zip(known.iter_mut().zip([&footer.cluster_id, &footer.topic_id]))
            {
                if known.is_empty() {
                    *known = found;
                } else if !found.is_empty() && known != found {
                    self.find(
                        path,
                        *from,
                        LedgerRule::Source,
                        format!("{id} id {found}, although the epoch began with {known}"),
                    );
                }
            }
            let Footer { from, next, .. } = *footer;
            let reset = next.era == from.era + 1 && next.is_era_start() && footer.read == 0;
            if from.era != next.era && !reset {
                self.find(
                    path,
                    from,
                    LedgerRule::Era,
                    format!("ends at {next}, where only a file without rows may end"),
                );
            }
        }
    }

    async fn file(&mut self, file: &ChainFile) -> Result<()> {
        let ChainFile { path, from, footer } = file;
        let mut positions = Vec::new();
        let opened = self.rows(path, *from, LedgerRule::Open, footer).await?;
        // A purge may have replaced the file since its footer was read.
        let footer = opened.as_ref().map_or(footer, |(footer, _)| footer);
        self.footer(path, *from, footer);
        if let Some((_, accepted)) = &opened {
            self.count(
                path,
                *from,
                LedgerRule::Count,
                accepted.len(),
                footer.accepted,
            );
            self.certified_rows(path, accepted);
            positions.extend(accepted);
        }
        let mut rejected = opened.is_some().then_some(0);
        for name in &footer.rejects {
            let path = rejects_file(self.partition, name);
            if rejects_position(name) != Some(*from) {
                self.find(
                    &path,
                    *from,
                    LedgerRule::Name,
                    format!("is not named after {from}"),
                );
            }
            let rows = self.rows(&path, *from, LedgerRule::Rejects, footer).await?;
            if let Some((_, rows)) = &rows {
                self.certified_rows(&path, rows);
            }
            rejected = rejected
                .zip(rows.as_ref())
                .map(|(sum, (_, rows))| sum + rows.len());
            positions.extend(rows.into_iter().flat_map(|(_, rows)| rows));
        }
        if let Some(rejected) = rejected {
            if self.erased.are_in(footer.from, footer.next, 0) {
                self.erased_rows(path, footer, &positions);
            } else {
                self.count(path, *from, LedgerRule::Rejects, rejected, footer.rejected);
            }
        }
        positions.sort_unstable();
        for pair in positions.windows(2).filter(|pair| pair[0] == pair[1]) {
            self.find(
                path,
                pair[0],
                LedgerRule::Once,
                "is more than one row".to_owned(),
            );
        }
        Ok(())
    }

    /// A record of the file is a row, or was erased; a purge may have replaced the file and not yet
    /// its rejects, or the reverse.
    fn erased_rows(&mut self, path: &str, footer: &Footer, rows: &[Position]) {
        let kept = rows
            .iter()
            .filter(|row| !self.erased.contains(**row))
            .count() as u64;
        let erased = self.erased.count(footer.from, footer.next);
        if kept + erased != footer.read {
            let read = footer.read;
            let detail = format!("{read} read, but {kept} rows and {erased} erased");
            self.find(path, footer.from, LedgerRule::Erased, detail);
        }
        let present = rows.len() as u64 - kept;
        let covered = rows
            .iter()
            .filter(|row| self.certified.contains(**row))
            .count() as u64;
        self.not_purged += present - covered;
    }

    /// No row is left that a certificate states to be removed.
    fn certified_rows(&mut self, path: &str, rows: &[Position]) {
        let mut left = rows.iter().filter(|row| self.certified.contains(**row));
        if let Some(first) = left.next() {
            let rows = 1 + left.count();
            let detail =
                format!("{rows} erased rows are in the file: run `partner-feeds purge` again");
            self.find(path, *first, LedgerRule::Erased, detail);
        }
    }

    /// No other file below the ledger end contains a row that a certificate states to be removed.
    async fn leftovers(&mut self, ledger_end: Position) -> Result<()> {
        let Some(last) = self.certified.last() else {
            return Ok(());
        };
        let folder = Tree::Journal.folder(self.partition);
        for entry in self.store.list(&folder).await? {
            if file_position(&entry.name).is_some_and(|from| from < ledger_end) {
                self.unused_file(&format!("{folder}/{}", entry.name))
                    .await?;
            }
        }
        for (tree, position) in [
            (Tree::Journal, file_position as fn(&str) -> _),
            (Tree::Ledger, file_position),
            (Tree::Rejects, rejects_position),
        ] {
            let folder = tree.folder(self.partition);
            // What starts later has no row that a certificate covers.
            let is_old = move |name: &str| {
                position(name).is_some_and(|from: Position| from < ledger_end && from <= last)
            };
            for name in self.store.leftovers(&folder, is_old).await? {
                let detail = "a killed writer left it, and it may contain erased rows: run \
                              `partner-feeds purge` again";
                let path = format!("{folder}/{name}");
                self.find(
                    &path,
                    Position::ORIGIN,
                    LedgerRule::Erased,
                    detail.to_owned(),
                );
            }
        }
        Ok(())
    }

    /// A file that no reader uses, if it can be read.
    async fn unused_file(&mut self, path: &str) -> Result<()> {
        if let Some(bytes) = self.store.read(path).await?
            && let Ok(rows) = coordinates(path, bytes)
        {
            self.certified_rows(path, &rows);
        }
        Ok(())
    }

    /// Rejects files that no file of the chain names.
    async fn orphans(&mut self, chain: &Chain) -> Result<u64> {
        let files = chain.files.iter();
        let named: HashSet<&str> = files
            .flat_map(|file| &file.footer.rejects)
            .map(String::as_str)
            .collect();
        let listed = self
            .store
            .list(&Tree::Rejects.folder(self.partition))
            .await?;
        let mut orphans = 0;
        for entry in listed {
            if !named.contains(entry.name.as_str()) {
                orphans += 1;
                if self.certified.last().is_some() {
                    self.unused_file(&rejects_file(self.partition, &entry.name))
                        .await?;
                }
            }
        }
        Ok(orphans)
    }

    /// Checks the footer by itself.
    fn footer(&mut self, path: &str, from: Position, footer: &Footer) {
        let Footer {
            read,
            accepted,
            rejected,
            ..
        } = *footer;
        let erased = footer.erased();
        if read != accepted + rejected + erased {
            let erased = if erased > 0 {
                format!(", {erased} erased")
            } else {
                String::new()
            };
            self.find(
                path,
                from,
                LedgerRule::Read,
                format!("{read} read, {accepted} accepted, {rejected} rejected{erased}"),
            );
        }
        if read == 0 && footer.gaps.is_empty() {
            self.find(
                path,
                from,
                LedgerRule::Gap,
                "has no rows and no accepted loss".to_owned(),
            );
        }
        for gap in &footer.gaps {
            if gap.from < footer.from || gap.to > footer.next || gap.from >= gap.to {
                self.find(
                    path,
                    gap.from,
                    LedgerRule::Gap,
                    format!("a loss up to {} is not inside the file", gap.to),
                );
            }
            if gap.accepted_by.is_empty() {
                self.find(
                    path,
                    gap.from,
                    LedgerRule::Gap,
                    "nobody accepted the loss".to_owned(),
                );
            }
        }
    }

    fn count(&mut self, path: &str, from: Position, rule: LedgerRule, rows: usize, stated: u64) {
        if rows as u64 != stated {
            self.find(
                path,
                from,
                rule,
                format!("{rows} rows, but the footer states {stated}"),
            );
        }
    }

    /// The footer of a file as it was opened, and the positions of its rows, which must rise inside
    /// `[from, next)`; `None` if they cannot be read.
    async fn rows(
        &mut self,
        path: &str,
        from: Position,
        absent: LedgerRule,
        footer: &Footer,
    ) -> Result<Option<(Footer, Vec<Position>)>> {
        let Some(bytes) = self.store.read(path).await? else {
            self.missing = true;
            self.find(path, from, absent, "is missing".to_owned());
            return Ok(None);
        };
        let read =
            footer_of(path, &bytes).and_then(|footer| Ok((footer, coordinates(path, bytes)?)));
        let (opened, rows) = match read {
            Err(error) => {
                self.find(path, from, error.rule(), error.fault());
                return Ok(None);
            }
            Ok(read) => read,
        };
        let mut rows_outside = rows.iter().filter(|row| {
            row.era != footer.from.era || **row < footer.from || **row >= footer.next
        });
        if let Some(&row) = rows_outside.next() {
            self.find(
                path,
                row,
                LedgerRule::Offsets,
                format!("is not inside {} to {}", footer.from, footer.next),
            );
        }
        // The rule `once` covers equal positions, over accepted and rejected rows together.
        if let Some(pair) = rows.windows(2).find(|pair| pair[0] > pair[1]) {
            self.find(
                path,
                pair[1],
                LedgerRule::Offsets,
                format!("comes after {}", pair[0]),
            );
        }
        Ok(Some((opened, rows)))
    }
}
