//! What is wrong in the records of a store, without writing a table: unknown codes, and revisions
//! that contradict each other. The counts are those of `feed_quality`, for all months together.

use std::collections::BTreeMap;

use tokio::runtime::Handle;

use crate::aggregate::AggregateError;
use crate::aggregate::state::files::{Files, fetch};
use crate::aggregate::state::latest::Latest;
use crate::contract::revision::{RevisionContents, RevisionId, revision_id};
use crate::ledger::chain::{self, Chain, Passes};
use crate::normalise::{self, Rows};
use crate::reference::{CodeCheck, Reference, UnknownCodes};
use crate::storage::Store;

/// What is wrong in the records of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The unknown codes of the records that count.
    pub unknown_codes: UnknownCodes,
    /// Records whose latest revision was sent with different contents, by partner.
    pub contradictions: BTreeMap<String, u64>,
}

/// Reads every record of a store, once; `None` = a merge moved files or a record was
/// erased meanwhile, so they were not counted.
pub fn inspect(
    store: &Store,
    reference: &Reference,
    runtime: &Handle,
) -> Result<Option<Inspection>, AggregateError> {
    let chains = runtime.block_on(chain::read_all(store))?;
    let inspection = read_records(store, &chains, reference, runtime);
    if runtime.block_on(Passes::default().retry_if_any_moved(store, &chains))? {
        return Ok(None);
    }
    inspection.map(Some)
}

fn read_records(
    store: &Store,
    chains: &[Chain],
    reference: &Reference,
    runtime: &Handle,
) -> Result<Inspection, AggregateError> {
    let open = |path: &str| fetch(store, path, runtime);
    let files = Files::of(chains, &open);
    let latest = Latest::find(&files, None, &reference.partners, |_| {})?;
    let (mut codes, mut contents) = (CodeCheck::default(), RevisionContents::default());
    let mut repeated: Vec<(RevisionId, String)> = Vec::new();
    files.for_each(&normalise::column_names(), |part| {
        let records = Rows::new(&part.batch);
        for row in 0..part.batch.num_rows() {
            let in_file = part.first_row + row;
            let is_repeated = latest.is_repeated(part.file, in_file);
            let is_latest = latest.contains(part.file, in_file);
            if !is_latest && !is_repeated {
                continue;
            }
            let record = records.record(row);
            if is_repeated {
                contents.add(&record);
            }
            if is_latest && is_repeated {
                repeated.push((revision_id(&record), record.partner().to_owned()));
            }
            let is_replaced = latest
                .releases
                .replaced_record(&reference.partners, &record);
            if is_latest && !is_replaced && record.cancellation_reason.is_none() {
                codes.add(reference, &record);
            }
        }
        Ok(())
    })?;
    let mut contradictions = BTreeMap::new();
    for (id, partner) in repeated {
        if contents.is_contradicted(id) {
            *contradictions.entry(partner).or_default() += 1;
        }
    }
    Ok(Inspection {
        unknown_codes: codes.take(),
        contradictions,
    })
}
