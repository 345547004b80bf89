//! What several tests need: events, examples, batches of a small log, a store that fails on order.
//! The integration tests include it as a module, the unit tests by `src/lib.rs`.

#![allow(dead_code, reason = "every test binary uses a part of it")]

pub(crate) mod batches;
pub(crate) mod double;
pub(crate) mod events;
pub(crate) mod examples;
