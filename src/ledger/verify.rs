//! Checks every file of a store by the rules of the ledger.
//!
//! It only reads, may run beside consumers and merges, and repairs nothing. The invariant: in a
//! store without findings, every record below the end positions that was not declared lost is
//! exactly one row.

use std::collections::{BTreeMap, HashSet};

use crate::event::{Position, TopicPartition};
use crate::ledger::chain::{self, Chain, ChainError, ChainFile, Passes, Survey};
use crate::ledger::rules::{Finding, LedgerRule};
use crate::ledger::{Footer, Gap, LedgerError, Tree, coordinates, rejects_file, rejects_position};
use crate::storage::{StorageError, Store};

/// Why the store could not be checked; what is wrong in it is a [`Finding`].
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum VerifyError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Chain(#[from] ChainError),
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
}

/// The contents of a store, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// One summary per partition.
    pub partitions: Vec<PartitionSummary>,
    /// Every broken rule, in order of partition and position.
    pub findings: Vec<Finding>,
}

/// Checks all partitions of a store.
pub async fn verify(store: &Store) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    for partition in chain::partitions(store).await? {
        match verify_partition(store, &partition).await {
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

fn end_unreadable(error: &LedgerError) -> Finding {
    let file = error.unreadable().unwrap_or_default().to_owned();
    let name = file.rsplit('/').next().unwrap_or_default();
    let position = super::file_position(name).unwrap_or_default();
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
            findings: Vec::new(),
            missing: false,
        };
        check.eras(&chain.files);
        for file in &chain.files {
            check.file(file).await?;
        }
        if !(check.missing && passes.retry_if_moved(store, &chain).await?) {
            findings.append(&mut check.findings);
            findings.sort_by_key(|finding| (finding.position, finding.rule));
            let orphans = orphans(store, &chain).await?;
            return Ok((summary(chain, superseded, orphans), findings));
        }
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
    }
}

async fn orphans(store: &Store, chain: &Chain) -> Result<u64> {
    let named: HashSet<&str> = chain
        .files
        .iter()
        .flat_map(|f| &f.footer.rejects)
        .map(String::as_str)
        .collect();
    let listed = store.list(&Tree::Rejects.folder(&chain.partition)).await?;
    Ok(listed
        .iter()
        .filter(|entry| !named.contains(entry.name.as_str()))
        .count() as u64)
}

/// One pass over the files of a partition.
struct PartitionCheck<'a> {
    store: &'a Store,
    partition: &'a TopicPartition,
    findings: Vec<Finding>,
    /// Whether a file was missing: damage, unless a merge moved the chain.
    missing: bool,
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
        self.footer(path, *from, footer);
        let mut positions = Vec::new();
        if let Some(accepted) = self.rows(path, *from, LedgerRule::Open, footer).await? {
            self.count(
                path,
                *from,
                LedgerRule::Count,
                accepted.len(),
                footer.accepted,
            );
            positions.extend(accepted);
        }
        let mut rejected = Some(0);
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
            rejected = rejected
                .zip(rows.as_ref())
                .map(|(sum, rows)| sum + rows.len());
            positions.extend(rows.into_iter().flatten());
        }
        if let Some(rejected) = rejected {
            self.count(path, *from, LedgerRule::Rejects, rejected, footer.rejected);
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

    /// Checks the footer by itself.
    fn footer(&mut self, path: &str, from: Position, footer: &Footer) {
        let Footer {
            read,
            accepted,
            rejected,
            ..
        } = *footer;
        if read != accepted + rejected {
            self.find(
                path,
                from,
                LedgerRule::Read,
                format!("{read} read, {accepted} accepted, {rejected} rejected"),
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

    /// The positions of a file's rows, which must rise inside `[from, next)`; `None` if they cannot
    /// be read.
    async fn rows(
        &mut self,
        path: &str,
        from: Position,
        absent: LedgerRule,
        footer: &Footer,
    ) -> Result<Option<Vec<Position>>> {
        let Some(bytes) = self.store.read(path).await? else {
            self.missing = true;
            self.find(path, from, absent, "is missing".to_owned());
            return Ok(None);
        };
        let rows = match coordinates(path, bytes) {
            Err(error) => {
                self.find(path, from, error.rule(), error.fault());
                return Ok(None);
            }
            Ok(rows) => rows,
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
        Ok(Some(rows))
    }
}
