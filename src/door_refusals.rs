//! What doors refused: `door/<day>/<instance>.json` in the store, one file for each day and process.
//!
//! A door replaces its file every minute. The file has counts by partner, kind, reason and pointer:
//! never a value, a subject or an id. Scorecards add the files up.

use std::collections::BTreeMap;

use jiff::civil;
use serde::{Deserialize, Serialize};

use crate::file_format::{self, JsonFileError, NewerFile, read_json};
use crate::storage::{StorageError, Store};

/// The folder under the root.
const FOLDER: &str = "door";
/// The most sorts of refusal that a door counts apart in a day; it counts others without a pointer.
const SORTS_MAX: usize = 10_000;

/// A sort of refusal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DoorRefusal {
    /// Whose token it was.
    pub partner: String,
    /// The kind; none = it could not be read.
    pub kind: Option<String>,
    /// The reason code.
    pub reason: String,
    /// The JSON pointer; empty = the complete event.
    pub pointer: String,
    /// The rule, and what to do.
    pub rule: String,
}

/// What one door refused on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoorRefusals(BTreeMap<DoorRefusal, u64>);

/// The file.
#[derive(Serialize, Deserialize)]
struct RefusalsFile {
    format: u32,
    refusals: Vec<CountedRefusal>,
}

/// A sort with its count.
#[derive(Serialize, Deserialize)]
struct CountedRefusal {
    #[serde(flatten)]
    refusal: DoorRefusal,
    count: u64,
}

/// Why the counts of doors could not be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum DoorRefusalsError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Newer(#[from] NewerFile),
    #[error("cannot read `{path}` as counts of a door: delete it, or restore it")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
}

impl DoorRefusals {
    /// Counts refusals of a sort.
    pub fn add(&mut self, mut refusal: DoorRefusal, count: u64) {
        if self.0.len() >= SORTS_MAX && !self.0.contains_key(&refusal) {
            refusal.pointer.clear();
        }
        *self.0.entry(refusal).or_default() += count;
    }

    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sorts with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&DoorRefusal, u64)> {
        self.0.iter().map(|(refusal, count)| (refusal, *count))
    }

    /// Writes the file of a door and a day, in place of the one before.
    pub async fn write(
        &self,
        store: &Store,
        day: civil::Date,
        instance: &str,
    ) -> Result<(), StorageError> {
        let refusals = self.iter().map(|(refusal, count)| CountedRefusal {
            refusal: refusal.clone(),
            count,
        });
        let file = RefusalsFile {
            format: file_format::DOOR_REFUSALS,
            refusals: refusals.collect(),
        };
        let text = serde_json::to_vec(&file).expect("texts and numbers go into JSON");
        store.replace(&path(day, instance), text.into()).await
    }
}

fn path(day: civil::Date, instance: &str) -> String {
    format!("{FOLDER}/{day}/{instance}.json")
}

/// What all doors refused, by day. Folders that are not of a day are skipped.
pub async fn read_all(
    store: &Store,
) -> Result<BTreeMap<civil::Date, DoorRefusals>, DoorRefusalsError> {
    let mut days: BTreeMap<civil::Date, DoorRefusals> = BTreeMap::new();
    for name in store.folders(FOLDER).await? {
        let Ok(day) = name.parse::<civil::Date>() else {
            continue;
        };
        for file in store.list(&format!("{FOLDER}/{name}")).await? {
            let Some(instance) = file.name.strip_suffix(".json") else {
                continue;
            };
            let path = path(day, instance);
            let Some(bytes) = store.read(&path).await? else {
                continue;
            };
            let of_day = days.entry(day).or_default();
            for counted in parse(path, &bytes)? {
                of_day.add(counted.refusal, counted.count);
            }
        }
    }
    Ok(days)
}

fn parse(path: String, bytes: &[u8]) -> Result<Vec<CountedRefusal>, DoorRefusalsError> {
    // Before version 0.2.0 a file was a list, without a number.
    let read = if bytes.starts_with(b"[") {
        serde_json::from_slice(bytes).map_err(JsonFileError::Damaged)
    } else {
        read_json::<RefusalsFile>(&path, bytes, file_format::DOOR_REFUSALS)
            .map(|file| file.refusals)
    };
    read.map_err(|error| match error {
        JsonFileError::Newer(newer) => newer.into(),
        JsonFileError::Damaged(source) => DoorRefusalsError::Damaged { path, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(partner: &str) -> DoorRefusal {
        DoorRefusal {
            partner: partner.to_owned(),
            kind: Some("crime".to_owned()),
            reason: "schema.enum".to_owned(),
            pointer: "/data/outcome".to_owned(),
            rule: "is not in the list".to_owned(),
        }
    }

    #[tokio::test]
    async fn the_counts_of_all_doors_add_up_by_day() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        assert_eq!(read_all(&store).await.expect("read"), BTreeMap::new());
        let day = civil::date(2026, 11, 28);
        let mut one = DoorRefusals::default();
        one.add(refusal("a"), 2);
        one.write(&store, day, "one").await.expect("written");
        one.add(refusal("a"), 1);
        one.write(&store, day, "one").await.expect("replaced");
        let mut other = DoorRefusals::default();
        other.add(refusal("a"), 4);
        other.add(refusal("b"), 1);
        other.write(&store, day, "other").await.expect("written");
        std::fs::create_dir_all(folder.path().join("door/notes")).expect("a folder");

        let days = read_all(&store).await.expect("read");
        let counts: Vec<(&str, u64)> = days[&day]
            .iter()
            .map(|(refusal, count)| (&*refusal.partner, count))
            .collect();
        assert_eq!(counts, [("a", 7), ("b", 1)]);

        let line =
            r#"{"partner":"b","kind":null,"reason":"json","pointer":"","rule":"","count":5}"#;
        let path = folder.path().join("door/2026-11-28/one.json");
        std::fs::write(&path, format!("[{line}]")).expect("written");
        let days = read_all(&store)
            .await
            .expect("a list without a number is read");
        assert_eq!(days[&day].iter().map(|(_, count)| count).sum::<u64>(), 10);

        std::fs::write(&path, r#"{"format":2,"refusals":{}}"#).expect("written");
        let error = read_all(&store).await.expect_err("newer");
        assert!(matches!(error, DoorRefusalsError::Newer(_)), "{error}");

        std::fs::write(path, "[{").expect("written");
        let error = read_all(&store).await.expect_err("damaged");
        assert!(
            error.to_string().contains("door/2026-11-28/one.json"),
            "{error}"
        );
    }
}
