//! Partners that are parked: a file of the store for each, so that all consumers of a store agree.
//!
//! A partner of which one record after another was refused is parked: its records are kept with
//! their bytes among the rejects, and not looked into, until somebody releases it. The file is the
//! fact: created if absent, deleted to release. What it says is for people.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::storage::{Creation, StorageError, Store};

/// The folder under the root.
const FOLDER: &str = "parked";

/// What is said of a partner that is parked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parked {
    /// When the last of the records was received for which it was parked.
    pub since: String,
    /// Records refused in a row.
    pub rejects: u64,
    /// How many of them for each reason.
    pub reasons: BTreeMap<String, u64>,
}

fn file(partner: &str) -> String {
    format!("{FOLDER}/{partner}")
}

/// Parks a partner, unless it is.
pub async fn park(store: &Store, partner: &str, parked: &Parked) -> Result<Creation, StorageError> {
    let text = serde_json::to_vec(parked).expect("texts and numbers go into JSON");
    store.create(&file(partner), text.into()).await
}

/// The partners that are parked.
pub async fn partners(store: &Store) -> Result<BTreeSet<String>, StorageError> {
    Ok(store
        .list(FOLDER)
        .await?
        .into_iter()
        .map(|entry| entry.name)
        .collect())
}

/// Those that are parked, with what is said of each; nothing, where its file was made by hand.
pub async fn all(store: &Store) -> Result<BTreeMap<String, Parked>, StorageError> {
    let mut all = BTreeMap::new();
    for partner in partners(store).await? {
        if let Some(bytes) = store.read(&file(&partner)).await? {
            all.insert(partner, serde_json::from_slice(&bytes).unwrap_or_default());
        }
    }
    Ok(all)
}

/// Releases a partner.
pub async fn release(store: &Store, partner: &str) -> Result<(), StorageError> {
    store.delete(&file(partner)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_partner_is_parked_once_and_released() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        assert_eq!(partners(&store).await.expect("listed"), BTreeSet::new());
        let parked = |rejects| Parked {
            rejects,
            reasons: [("schema.enum".into(), 3)].into(),
            ..Parked::default()
        };
        assert_eq!(
            park(&store, "a", &parked(3)).await.expect("parked"),
            Creation::Created
        );
        assert_eq!(
            park(&store, "a", &parked(4)).await.expect("parked"),
            Creation::Exists
        );
        std::fs::write(folder.path().join("parked/b"), "by hand").expect("written");
        let found = all(&store).await.expect("read");
        assert_eq!(
            found,
            BTreeMap::from([("a".into(), parked(3)), ("b".into(), Parked::default())])
        );
        release(&store, "a").await.expect("released");
        release(&store, "a").await.expect("nothing to do");
        assert_eq!(
            partners(&store).await.expect("listed"),
            BTreeSet::from(["b".into()])
        );
    }
}
