//! One record's revisions as the chain contains them, for a partner's question about the record.

use std::collections::BTreeSet;

use arrow_array::{Array, RecordBatch};
use tokio::runtime::Handle;

use crate::aggregate::AggregateError;
use crate::aggregate::state::calendar::Calendar;
use crate::aggregate::state::files::{Files, Part, fetch};
use crate::aggregate::state::latest::Latest;
use crate::contract::Record;
use crate::contract::moment::Moment;
use crate::event::{Kind, Micros, Month, TopicPartition};
use crate::ledger::chain::{self, Chain, ChainEnds, Passes};
use crate::normalise::{self, Coordinates, Rows};
use crate::reference::{DateBasis, Reference};
use crate::storage::Store;

/// A row of the chain.
pub struct Revision {
    /// Where it was read from.
    pub partition: TopicPartition,
    /// Its place there, and when it was received.
    pub at: Coordinates,
    row: RecordBatch,
}

/// All rows of one record, oldest revision first; the last is its state. Of rows with one revision
/// and time the first received is the last here: it is the one that counts.
pub struct History {
    /// The rows.
    pub revisions: Vec<Revision>,
    /// Where the chains ended that were read.
    pub ends: ChainEnds,
}

impl Revision {
    /// The row as a flat record.
    pub fn record(&self) -> Record<'_> {
        Rows::new(&self.row).record(0)
    }
}

/// Reads every row of a record.
pub fn history(
    store: &Store,
    runtime: &Handle,
    source: &str,
    subject: &str,
) -> Result<History, AggregateError> {
    history_in(store, runtime, (source, subject), |_| true)
}

/// Reads every row of a record, in the partitions that may have it.
pub fn history_in(
    store: &Store,
    runtime: &Handle,
    (source, subject): (&str, &str),
    may_have_it: impl Fn(&TopicPartition) -> bool,
) -> Result<History, AggregateError> {
    let mut passes = Passes::default();
    loop {
        let mut chains = runtime.block_on(chain::read_all(store))?;
        chains.retain(|chain| may_have_it(&chain.partition));
        let revisions = revisions_in(store, runtime, &chains, (source, subject));
        // Also where nothing was missing: a late writer may have put a deleted file back.
        if !runtime.block_on(passes.retry_if_any_moved(store, &chains))? {
            let ends = chains.into_iter().map(|chain| (chain.partition, chain.end));
            let ends = ends.collect();
            return revisions.map(|revisions| History { revisions, ends });
        }
    }
}

/// The rows of a record in some chains, oldest revision first.
fn revisions_in(
    store: &Store,
    runtime: &Handle,
    chains: &[Chain],
    (source, subject): (&str, &str),
) -> Result<Vec<Revision>, AggregateError> {
    let mut revisions = Vec::new();
    for chain in chains {
        let open = |path: &str| fetch(store, path, runtime);
        let mut files = Files::of([chain], &open);
        let mut with_record = BTreeSet::new();
        files.for_each(&["source", "subject"], |part| {
            if !rows_of(part, source, subject)?.is_empty() {
                with_record.insert(part.file);
            }
            Ok(())
        })?;
        // The others count as empty, so that only files with the record are read completely.
        files
            .rows
            .iter_mut()
            .enumerate()
            .filter(|(file, _)| !with_record.contains(file))
            .for_each(|(_, rows)| *rows = 0);
        files.for_each(&normalise::column_names(), |part| {
            for row in rows_of(part, source, subject)? {
                let row = part.batch.slice(row, 1);
                let at = Rows::new(&row).coordinates(0);
                revisions.push(Revision {
                    partition: chain.partition.clone(),
                    at,
                    row,
                });
            }
            Ok(())
        })?;
    }
    revisions.sort_by_cached_key(|revision| {
        let record = revision.record();
        let order = (record.revision, record.time.and_then(Moment::low));
        let first_received = std::cmp::Reverse((
            revision.at.received,
            revision.partition.clone(),
            revision.at.position,
        ));
        (order, first_received)
    });
    Ok(revisions)
}

fn rows_of(part: &Part, source: &str, subject: &str) -> Result<Vec<usize>, AggregateError> {
    let subjects = part.texts("subject")?;
    let records = Rows::new(&part.batch);
    Ok((0..subjects.len())
        .filter(|row| subjects.value(*row) == subject && records.record(*row).source == source)
        .collect())
}

/// Whether a later release of its month replaced a record. Reads every chain if the record's source
/// publishes complete releases.
pub fn is_replaced(
    store: &Store,
    runtime: &Handle,
    reference: &Reference,
    record: &Record<'_>,
) -> Result<bool, AggregateError> {
    let partners = &reference.partners;
    if partners.release_files(record.source, record.kind).is_none() {
        return Ok(false);
    }
    let chains = runtime.block_on(chain::read_all(store))?;
    let open = |path: &str| fetch(store, path, runtime);
    let latest = Latest::find(&Files::of(&chains, &open), None, partners, |_| {})?;
    Ok(latest.releases.replaced_record(partners, record))
}

/// The month a record counts in.
pub fn month_of(record: &Record<'_>, reference: &Reference) -> Option<Month> {
    let basis = reference.partners.date_basis(record.partner(), record.kind);
    let dated = match (record.kind, basis) {
        (Kind::Count, _) => record.period_from,
        (_, DateBasis::Recorded) => record.recorded_at.or(record.occurred_from),
        (_, DateBasis::Occurred) => record.occurred_from,
    };
    let at: Micros = dated?.low()?;
    Some(Calendar::default().at(at).month)
}
