//! What a run reads of the ledger: the current records, and how they arrived.

use tokio::runtime::Handle;

use crate::aggregate::figures::intake::{Intake, PartitionTotals, RejectCounts};
use crate::aggregate::state::current::Current;
use crate::aggregate::state::files::{Files, fetch};
use crate::aggregate::state::latest::Latest;
use crate::aggregate::{AggregateError, AggregateSettings, RunProgress};
use crate::event::{Micros, Position, TopicPartition};
use crate::ledger::Footer;
use crate::ledger::chain::{self, Chain, ChainEnds, ChainError, Passes};
use crate::rejects;
use crate::storage::Store;

/// All that a run reads.
pub(crate) struct Snapshot {
    /// Rows of the chains.
    pub(super) rows: u64,
    /// Records they are revisions of.
    pub(super) records: u64,
    /// Rejects that the chains name.
    pub(super) rejected: u64,
    /// The time of the figures: the one of the settings, else the newest receipt.
    pub(super) as_at: Option<Micros>,
    pub(super) current: Current,
    /// The records at the earlier time of the settings.
    pub(super) before: Option<Current>,
    pub(super) intake: Intake,
}

impl Snapshot {
    pub(super) fn read(
        store: &Store,
        chains: &[Chain],
        settings: &AggregateSettings<'_>,
        runtime: &Handle,
        progress: &mut dyn RunProgress,
    ) -> Result<Self, AggregateError> {
        let open = |path: &str| fetch(store, path, runtime);
        let files = Files::of(chains, &open);
        let (latest, mut current, mut before) = match settings.since {
            None => {
                let ([latest], [current]) = read_at([settings.as_at], &files, settings, progress)?;
                (latest, current, None)
            }
            Some(since) => {
                check_is_earlier(since, settings.as_at)?;
                let times = [settings.as_at, Some(since)];
                let ([latest, _], [current, mut before]) =
                    read_at(times, &files, settings, progress)?;
                // Only the records that count now are written.
                before.feeds = Default::default();
                (latest, current, Some(before))
            }
        };
        if let Some(chain) = chains.first() {
            for current in [Some(&mut current), before.as_mut()].into_iter().flatten() {
                current.set_kept_months(&chain.kept_months);
            }
        }
        let (rejects, rejected) = read_rejects(store, chains, settings, runtime)?;
        Ok(Self {
            rows: latest.rows,
            records: latest.records as u64,
            rejected,
            as_at: settings.as_at.or(latest.newest_received.map(Micros)),
            current,
            before,
            intake: Intake {
                rejects,
                accepted: latest.accepted,
                partitions: chains.iter().map(partition_totals).collect(),
            },
        })
    }
}

/// The records as at each of some times, in one pass for their latest revisions and one for their
/// contents.
fn read_at<const N: usize>(
    times: [Option<Micros>; N],
    files: &Files<'_>,
    settings: &AggregateSettings<'_>,
    progress: &mut dyn RunProgress,
) -> Result<([Latest; N], [Current; N]), AggregateError> {
    let rows = files.rows.iter().sum();
    progress.begin("find the latest revisions", rows);
    let partners = &settings.reference.partners;
    let latest = Latest::find_each(files, times, partners, |rows| progress.advance(rows))?;
    progress.begin("read and classify the records", rows);
    let current = Current::read(files, latest.each_ref(), settings, |rows| {
        progress.advance(rows);
    })?;
    Ok((latest, current))
}

/// Rejects a time to compare with that is not before the time of the figures.
fn check_is_earlier(since: Micros, as_at: Option<Micros>) -> Result<(), AggregateError> {
    match as_at {
        Some(as_at) if since >= as_at => Err(AggregateError::NotEarlier { since, as_at }),
        _ => Ok(()),
    }
}

/// Reads the chains with `read`, again whenever a merge moved files or a record was erased meanwhile;
/// `None` = no record was ever accepted. With `ends`, only what the chains had then.
pub(super) fn read_chains<T>(
    store: &Store,
    ends: Option<&ChainEnds>,
    runtime: &Handle,
    mut read: impl FnMut(&[Chain]) -> Result<T, AggregateError>,
) -> Result<Option<(Vec<Chain>, T)>, AggregateError> {
    let mut passes = Passes::default();
    loop {
        let mut chains = runtime.block_on(chain::read_all(store))?;
        let cut = runtime.block_on(cut_chains(store, &mut chains, ends));
        let mut files = chains.iter().flat_map(|chain| &chain.files);
        if cut.is_ok() && files.all(|file| file.footer.accepted == 0) {
            return Ok(None);
        }
        let result = cut.and_then(|()| read(&chains));
        // Also where nothing was missing: a late writer may have put a deleted file back.
        if !runtime.block_on(passes.retry_if_any_moved(store, &chains))? {
            return Ok(Some((chains, result?)));
        }
    }
}

/// Leaves out erased rows and, with `ends`, what chains got since they had those ends, and partitions
/// that had no chain then.
async fn cut_chains(
    store: &Store,
    chains: &mut Vec<Chain>,
    ends: Option<&ChainEnds>,
) -> Result<(), AggregateError> {
    for chain in chains.iter_mut() {
        chain.leave_out_erased(store).await?;
    }
    let Some(ends) = ends else {
        return Ok(());
    };
    chains.retain(|chain| ends.contains_key(&chain.partition));
    for chain in chains.iter_mut() {
        chain.cut(store, ends[&chain.partition]).await?;
    }
    let known =
        |partition: &TopicPartition| chains.iter().any(|chain| chain.partition == *partition);
    match ends.keys().find(|partition| !known(partition)) {
        None => Ok(()),
        Some(missing) => Err(ChainError::Shorter {
            partition: missing.clone(),
            end: Position::ORIGIN,
            expected: ends[missing],
        })?,
    }
}

/// The rejects that the chains name, received by the time of the settings, and their number.
fn read_rejects(
    store: &Store,
    chains: &[Chain],
    settings: &AggregateSettings<'_>,
    runtime: &Handle,
) -> Result<(RejectCounts, u64), AggregateError> {
    let (mut counts, mut all) = (RejectCounts::default(), 0);
    for chain in chains {
        let feed = settings.reference.partners.feed_of(&chain.partition.topic);
        for path in chain.rejects() {
            let bytes = fetch(store, &path, runtime)?;
            for reject in rejects::read(&path, bytes, false, &chain.erased)? {
                let reject = reject?;
                let is_later = settings.as_at.is_some_and(|at| reject.received > at);
                if is_later || reject.position >= chain.end {
                    continue;
                }
                all += 1;
                if let (Some(feed), Some(partner)) = (feed, &reject.partner) {
                    counts.add(feed, partner, &chain.partition, &reject);
                }
            }
        }
    }
    Ok((counts, all))
}

/// What the footers of a chain report.
fn partition_totals(chain: &Chain) -> PartitionTotals {
    PartitionTotals {
        partition: chain.partition.clone(),
        records: sum_of_footers(chain, |footer| footer.read),
        accepted: sum_of_footers(chain, |footer| footer.accepted),
        rejected: sum_of_footers(chain, |footer| footer.rejected),
        erased: sum_of_footers(chain, Footer::erased),
    }
}

fn sum_of_footers(chain: &Chain, value: fn(&Footer) -> u64) -> i64 {
    chain
        .files
        .iter()
        .map(|file| value(&file.footer) as i64)
        .sum()
}
