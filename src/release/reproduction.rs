//! A release made again from the ledger as it was then, and compared with its files.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use object_store::memory::InMemory;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::aggregate::{self, AggregateSettings, PlanChoice, RunProgress};
use crate::event::{Micros, TopicPartition};
use crate::file_format::PROGRAM;
use crate::ledger::chain::ChainEnds;
use crate::release::config::ReleaseConfig;
use crate::release::folder::{MANIFEST, Manifest, list};
use crate::release::{ReleaseError, ReleaseRun, make_after};
use crate::storage::Store;

/// How a release that was made again differs from its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reproduction {
    /// What else it was made from now, as sentences. This need not change a figure.
    pub changed_inputs: Vec<String>,
    /// The files that differ. A manifest that only names other inputs does not, and neither does a table
    /// whose descriptions alone changed.
    pub differing: Vec<String>,
}

/// What a manifest says of the inputs.
const INPUTS: [&str; 2] = ["inputs", "program"];

/// Makes a release again: from the ledger up to where it ended then, after the releases that were there
/// before it, and with today's configuration.
pub fn reproduce(
    run: &ReleaseRun<'_>,
    manifest: &Manifest,
    files: &BTreeMap<String, Bytes>,
    progress: &mut dyn RunProgress,
) -> Result<Reproduction, ReleaseError> {
    let config = ReleaseConfig::read(run.files, run.reference, &manifest.id)?;
    let tables = Store::from_object_store(Arc::new(InMemory::new()));
    let plan = run.reference.plans.get(&config.plan.id);
    let folders = plan.map(PlanChoice::Plan).into_iter().collect();
    let as_at = config.as_at.map(Micros::end_of_day_in_london);
    let settings = AggregateSettings::new(folders, run.reference, as_at);
    let ends = chain_ends(manifest);
    aggregate::rebuild(run.store, &ends, &settings, &tables, run.runtime, progress)?;
    let all = run.runtime.block_on(list(run.store))?;
    let is_earlier = |own: &Manifest| manifest.earlier.iter().any(|of| of.id == own.id);
    let known = all.into_iter().filter(is_earlier).collect();
    let (id, accepted) = (&manifest.id, &manifest.accepted);
    let made = make_after(run, &tables, id, accepted, known, progress)?;
    Ok(compare(manifest, files, made.files.into_iter().collect()))
}

fn chain_ends(manifest: &Manifest) -> ChainEnds {
    let ends = manifest.ledger.iter().map(|of| {
        let partition = TopicPartition {
            topic: of.topic.clone(),
            partition: of.partition,
        };
        (partition, of.end)
    });
    ends.collect()
}

fn compare(
    manifest: &Manifest,
    files: &BTreeMap<String, Bytes>,
    mut made: BTreeMap<String, Bytes>,
) -> Reproduction {
    let [own, mut again] = [files.get(MANIFEST), made.get(MANIFEST)].map(|bytes| {
        let value = bytes.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        value.unwrap_or_default()
    });
    let described_anew: Vec<String> = made
        .iter()
        .filter(|(name, again)| {
            let own = files.get(*name);
            own.is_some_and(|own| own != *again && have_same_rows(own, again))
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in described_anew {
        take_checksum(&mut again, &own, &name);
        made.insert(name.clone(), files[&name].clone());
    }
    if without_inputs(&own) == without_inputs(&again) {
        made.insert(MANIFEST.to_owned(), files[MANIFEST].clone());
    }
    let names = files
        .keys()
        .chain(made.keys().filter(|name| !files.contains_key(*name)));
    let differing = names.filter(|name| files.get(*name) != made.get(*name));
    Reproduction {
        differing: differing.cloned().collect(),
        changed_inputs: changed_inputs(manifest, &own, &again),
    }
}

/// Whether two Parquet files have the same columns and rows. A later version may describe a column in
/// other words, and these words are in the file.
fn have_same_rows(a: &Bytes, b: &Bytes) -> bool {
    let read = |bytes: &Bytes| -> Option<Vec<RecordBatch>> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).ok()?;
        reader.build().ok()?.collect::<Result<_, _>>().ok()
    };
    let names = |batch: &RecordBatch| -> Vec<String> {
        let fields = batch.schema_ref().fields().iter();
        fields.map(|field| field.name().clone()).collect()
    };
    let Some((a, b)) = read(a).zip(read(b)) else {
        return false;
    };
    let mut batches = a.iter().zip(&b);
    a.len() == b.len() && batches.all(|(a, b)| names(a) == names(b) && a.columns() == b.columns())
}

/// Gives a file in a manifest the checksum that another one states.
fn take_checksum(manifest: &mut Value, other: &Value, name: &str) {
    let find = |value: &Value| value["file"] == name;
    let stated = other["files"]
        .as_array()
        .and_then(|files| files.iter().find(|file| find(file)));
    let files = manifest["files"].as_array_mut();
    let own = files.and_then(|files| files.iter_mut().find(|file| find(file)));
    if let Some((own, stated)) = own.zip(stated) {
        own.clone_from(stated);
    }
}

fn without_inputs(manifest: &Value) -> Value {
    let mut manifest = manifest.clone();
    if let Some(keys) = manifest.as_object_mut() {
        keys.retain(|key, _| !INPUTS.contains(&&**key));
    }
    manifest
}

fn changed_inputs(manifest: &Manifest, own: &Value, again: &Value) -> Vec<String> {
    let (id, plan) = (&manifest.id, &manifest.plan);
    let inputs = [
        (
            "/inputs/reference",
            "the reference data was changed since".to_owned(),
        ),
        (
            "/inputs/plans",
            format!("the plan `{plan}` was changed since"),
        ),
        (
            "/inputs/release",
            format!("`releases/{id}.toml` was changed since"),
        ),
        (
            "/inputs/disclosure",
            "`disclosure.toml` was changed since".to_owned(),
        ),
        (
            "/program",
            format!("it was made by {}, and this is {PROGRAM}", manifest.program),
        ),
    ];
    let changed = inputs
        .into_iter()
        .filter(|(pointer, _)| own.pointer(pointer) != again.pointer(pointer));
    let mut texts: Vec<String> = changed.map(|(_, text)| text).collect();
    texts.extend(erased_since(own, again));
    texts
}

/// What was erased since the release was made: it is never altered, so a recount may differ.
fn erased_since(own: &Value, again: &Value) -> Option<String> {
    // A release of the first version does not state how much was erased before it: nothing.
    let erasures = |manifest: &Value| manifest["inputs"]["erasures"].as_u64().unwrap_or_default();
    let (before, now) = (erasures(own), erasures(again));
    (now > before).then(|| {
        let first = before + 1;
        let entries = if first == now {
            format!("erasure {now}")
        } else {
            format!("erasures {first} to {now}")
        };
        format!("it was made before {entries}, so its figures may contain erased records")
    })
}
