//! Disclosure control: which numbers to suppress so that no small number can be computed from what is
//! published.
//!
//! ```text
//! cells + relations ─► primary suppressions are given ─► protect ─► further suppressions ─► attack
//! ```
//!
//! A [`Cell`] is a number that is published, or that anyone can compute; a [`Relation`] is what anyone
//! knows about sums of cells. This module knows neither tables nor files. The invariant: a cell counts
//! as safe only if two complete tables in whole numbers, each checked in `i64` against every relation,
//! differ in it by enough. A solver proposes such tables; floating point never decides.

mod attack;
mod protect;
mod solver;
mod system;
#[cfg(test)]
mod tests;
mod witness;

pub use attack::{Interval, attack};
pub use protect::{Protection, Suppression, Unprotectable, protect};
pub use solver::SOLVER;
pub use system::{Cell, Contradiction, Form, Relation, System};
