//! Paused partners: one file of the store for each, so that all consumers of a store agree.
//!
//! A partner whose records are rejected one after another is paused: its records are stored with
//! their bytes among the rejects, unexamined, until somebody resumes it. The file is the fact:
//! created if absent, deleted to resume. Its content is for people.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::storage::{Creation, StorageError, Store};

/// The folder under the root. Stores of every version use this name.
const FOLDER: &str = "parked";

/// Why a partner was paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PausedPartner {
    /// When Kafka received the last of the records that it was paused for.
    pub since: String,
    /// Records rejected in a row.
    pub rejects: u64,
    /// How many of them for each reason.
    pub reasons: BTreeMap<String, u64>,
}

fn file(partner: &str) -> String {
    format!("{FOLDER}/{partner}")
}

/// Pauses a partner, unless it is already paused.
pub async fn pause(
    store: &Store,
    partner: &str,
    why: &PausedPartner,
) -> Result<Creation, StorageError> {
    let text = serde_json::to_vec(why).expect("texts and numbers go into JSON");
    store.create(&file(partner), text.into()).await
}

/// The ids of the partners that are paused.
pub async fn partners(store: &Store) -> Result<BTreeSet<String>, StorageError> {
    Ok(store
        .list(FOLDER)
        .await?
        .into_iter()
        .map(|entry| entry.name)
        .collect())
}

/// The partners that are paused, each with the reason; an empty one, if its file was made by hand.
pub async fn all(store: &Store) -> Result<BTreeMap<String, PausedPartner>, StorageError> {
    let mut all = BTreeMap::new();
    for partner in partners(store).await? {
        if let Some(bytes) = store.read(&file(&partner)).await? {
            all.insert(partner, serde_json::from_slice(&bytes).unwrap_or_default());
        }
    }
    Ok(all)
}

/// Resumes a partner.
pub async fn resume(store: &Store, partner: &str) -> Result<(), StorageError> {
    store.delete(&file(partner)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(rejects: u64) -> PausedPartner {
        PausedPartner {
            rejects,
            reasons: [("schema.enum".into(), 3)].into(),
            ..PausedPartner::default()
        }
    }

    #[tokio::test]
    async fn a_partner_is_paused_once_and_resumed() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        assert_eq!(partners(&store).await.expect("listed"), BTreeSet::new());
        assert_eq!(
            pause(&store, "a", &rejected(3)).await.expect("paused"),
            Creation::Created
        );
        assert_eq!(
            pause(&store, "a", &rejected(4)).await.expect("paused"),
            Creation::Exists
        );
        std::fs::write(folder.path().join("parked/b"), "by hand").expect("written");
        let expected = [
            ("a".into(), rejected(3)),
            ("b".into(), PausedPartner::default()),
        ];
        assert_eq!(all(&store).await.expect("read"), BTreeMap::from(expected));
        resume(&store, "a").await.expect("resumed");
        resume(&store, "a").await.expect("nothing to do");
        assert_eq!(
            partners(&store).await.expect("listed"),
            BTreeSet::from(["b".into()])
        );
    }
}
