//! Which folders of tables were built before an erasure, and so may contain what was erased.

use serde_json::Value;

use crate::aggregate::PROVENANCE;
use crate::storage::{StorageError, Store};

/// The folders of tables in a store that were built before an entry of the erasure log, also those as
/// at earlier times. A folder without a receipt was left by a killed run.
pub async fn outdated_folders(store: &Store, erasures: u64) -> Result<Vec<String>, StorageError> {
    let mut bases = vec![String::new()];
    let times = store.folders("as-at").await?.into_iter();
    bases.extend(times.map(|time| format!("as-at/{time}/")));
    let mut outdated = Vec::new();
    for base in bases {
        let mut folders = Vec::new();
        if !store.list(&format!("{base}events")).await?.is_empty() {
            folders.push(format!("{base}events"));
        }
        let plans = store
            .folders(&format!("{base}aggregates"))
            .await?
            .into_iter();
        folders.extend(plans.map(|plan| format!("{base}aggregates/{plan}")));
        for folder in folders {
            if built_after(store, &folder).await? < erasures {
                outdated.push(folder);
            }
        }
    }
    Ok(outdated)
}

/// The last entry of the erasure log that a folder was built after; 0 if it does not state one.
async fn built_after(store: &Store, folder: &str) -> Result<u64, StorageError> {
    let receipt = store.read(&format!("{folder}/{PROVENANCE}")).await?;
    let receipt: Value = receipt
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    Ok(receipt["erasures"].as_u64().unwrap_or_default())
}
