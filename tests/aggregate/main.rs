//! Events and aggregates of chains that were made by hand, split and shuffled, or of published
//! files.

mod as_at;
mod assessment;
mod behaviours;
mod cases;
mod chain;
mod cli;
mod counts;
mod dictionary;
mod erase;
mod explain;
mod export;
mod feedback;
mod hclic;
mod import;
mod incoming;
mod invariance;
mod kent;
#[path = "../kit/mod.rs"]
mod kit;
mod limits;
mod missing;
mod published;
mod releases;
mod retention;
mod revisions;
mod scorecard;
mod stores;
