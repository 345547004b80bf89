//! How fresh and how complete the tables of a store are, from the tables alone.
//!
//! It must not know how tables are computed.

use std::collections::BTreeMap;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use bytes::Bytes;
use serde_json::Value;

use crate::aggregate::tables::{self, TableBatch, TableReadError};
use crate::aggregate::{IN_FORCE, PROVENANCE};
use crate::event::Micros;
use crate::file_format::{self, NewerFile};
use crate::storage::{StorageError, Store};

/// The status of a month whose records should have come.
const OVERDUE: &str = "overdue";

/// Why the tables of a store could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FreshnessError {
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A newer version wrote the receipt.
    #[error(transparent)]
    Newer(#[from] NewerFile),
    /// A table.
    #[error(transparent)]
    Table(#[from] TableReadError),
}

/// Months by data status, of each partner and kind.
pub type MonthsByStatus = BTreeMap<(String, String), BTreeMap<String, i64>>;

/// How fresh and complete the tables of a folder are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When Kafka received the newest record that they count.
    pub as_at: Option<Micros>,
    /// Months that are overdue, of each partner and kind.
    pub months_missing: BTreeMap<(String, String), i64>,
    /// When Kafka received the newest record of each partner.
    pub last_received: BTreeMap<String, Micros>,
}

impl Freshness {
    /// Of the tables under the plans in force, or else of the first plan's; `None` without tables.
    pub async fn read(store: &Store) -> Result<Option<Self>, FreshnessError> {
        let plans = store.folders("aggregates").await?;
        let in_force = plans.iter().find(|plan| *plan == IN_FORCE);
        let Some(plan) = in_force.or(plans.first()) else {
            return Ok(None);
        };
        let folder = format!("aggregates/{plan}");
        let read = |name: &str| {
            let path = format!("{folder}/{name}");
            async move { store.read(&path).await }
        };
        let (Some(provenance), Some(feed_quality)) =
            (read(PROVENANCE).await?, read("feed_quality.parquet").await?)
        else {
            return Ok(None);
        };
        let receipt = format!("{folder}/{PROVENANCE}");
        file_format::check_json(&receipt, &provenance, file_format::TABLES)?;
        let provenance: Value = serde_json::from_slice(&provenance).unwrap_or_default();
        let as_at = provenance["as_at"].as_str();
        let as_at = as_at.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let feed_quality = batches(feed_quality)?;
        Ok(Some(Self {
            as_at: as_at.map(|time| Micros(time.as_microsecond())),
            months_missing: months_of(&feed_quality)
                .into_iter()
                .map(|(key, months)| (key, months.get(OVERDUE).copied().unwrap_or_default()))
                .collect(),
            last_received: last_received(&feed_quality),
        }))
    }
}

fn batches(feed_quality: Bytes) -> Result<Vec<TableBatch>, TableReadError> {
    let table = tables::find("feed_quality").expect("the catalogue has the table");
    table.read(feed_quality)
}

/// Months by data status, from the file of the table `feed_quality`.
pub fn months_by_status(feed_quality: Bytes) -> Result<MonthsByStatus, TableReadError> {
    Ok(months_of(&batches(feed_quality)?))
}

fn months_of(feed_quality: &[TableBatch]) -> MonthsByStatus {
    let mut months = MonthsByStatus::new();
    for batch in feed_quality {
        let [partner, kind, status] =
            ["partner", "kind", "data_status"].map(|column| batch.texts(column));
        for row in 0..batch.len() {
            if kind.is_valid(row) && status.is_valid(row) {
                let key = (partner.value(row).to_owned(), kind.value(row).to_owned());
                let by_status = months.entry(key).or_default();
                *by_status.entry(status.value(row).to_owned()).or_default() += 1;
            }
        }
    }
    months
}

/// When the newest record of each partner was received.
fn last_received(feed_quality: &[TableBatch]) -> BTreeMap<String, Micros> {
    let mut newest: BTreeMap<String, Micros> = BTreeMap::new();
    for batch in feed_quality {
        let partner = batch.texts("partner");
        let received = batch
            .array("last_received")
            .as_primitive::<TimestampMicrosecondType>();
        for row in (0..batch.len()).filter(|row| received.is_valid(*row)) {
            let partner = newest.entry(partner.value(row).to_owned());
            let own = partner.or_insert(Micros(i64::MIN));
            *own = (*own).max(Micros(received.value(row)));
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_receipt_of_a_newer_version_is_refused() {
        let store = Store::from_object_store(Arc::new(InMemory::new()));
        for (name, text) in [
            (PROVENANCE, r#"{"format":2}"#),
            ("feed_quality.parquet", ""),
        ] {
            let path = format!("aggregates/{IN_FORCE}/{name}");
            store.create(&path, text.into()).await.expect("created");
        }
        let error = Freshness::read(&store).await.expect_err("refused");
        assert!(matches!(error, FreshnessError::Newer(_)), "{error}");
    }
}
