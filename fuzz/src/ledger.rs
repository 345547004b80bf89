//! A damaged file of a store: every reader reports it, and none panics. It is in the
//! journal, in the ledger and among the rejects.

use std::sync::Arc;

use bytes::Bytes;
use object_store::memory::InMemory;
use partner_feeds::event::{Position, TopicPartition};
use partner_feeds::ledger::erasures::ErasedPositions;
use partner_feeds::ledger::merge::{MergeLimits, merge};
use partner_feeds::ledger::verify::verify;
use partner_feeds::ledger::{self, Tree, chain};
use partner_feeds::rejects;
use partner_feeds::storage::Store;

pub(crate) fn run(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(rows) = rejects::read("x", bytes.clone(), true, &ErasedPositions::default()) {
        rows.for_each(drop);
    }
    drop(ledger::coordinates("x", bytes.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        let partition = TopicPartition {
            topic: "t".to_owned(),
            partition: 0,
        };
        for tree in [Tree::Journal, Tree::Ledger] {
            let store = Store::from_object_store(Arc::new(InMemory::new()));
            store
                .create(&tree.file(&partition, Position::ORIGIN), bytes.clone())
                .await
                .expect("created");
            drop(chain::resume(&store, &partition).await);
            drop(verify(&store).await);
            drop(merge(&store, &partition, MergeLimits::default()).await);
        }
    });
}
