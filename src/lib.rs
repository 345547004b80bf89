//! Partner events from Kafka to the Parquet figures of a community safety strategic assessment.
//!
//! ```text
//! Kafka ─► consume ─► contract ─► normalise ─► ledger (Parquet) ─► aggregate ─► events, aggregates
//!                        └──────────► rejects     plan ──────────────┘        └─► assess ─► document
//! ```
//!
//! Three invariants hold throughout. Every record read is one row, accepted or rejected
//! ([`ledger`]). Everything derived is a pure function of the ledger and the reference data
//! ([`aggregate`]). No value of a record reaches a log or an error ([`contract`]).

pub mod aggregate;
pub mod allocator;
pub mod assess;
pub mod cli;
pub mod config;
pub mod consume;
pub mod contract;
pub mod crash;
pub mod disclosure;
pub mod door;
pub mod door_refusals;
pub mod erase;
pub mod event;
pub mod export;
pub mod feedback;
pub mod file_format;
pub mod files;
pub mod generate;
mod hex;
pub mod import;
pub mod kafka;
pub mod ledger;
pub mod normalise;
pub mod paused;
pub mod pipeline;
pub mod properties;
pub mod publish;
pub mod reference;
pub mod rejects;
pub mod release;
pub mod replay;
pub mod retention;
pub mod scorecard;
pub mod setup;
mod spreadsheet;
pub mod sql;
pub mod storage;
pub mod telemetry;
mod templates;
mod text_set;
pub mod watch;

/// So that the test kit names this crate as the integration tests do.
#[cfg(test)]
extern crate self as partner_feeds;
#[cfg(test)]
#[path = "../tests/kit/mod.rs"]
mod kit;
