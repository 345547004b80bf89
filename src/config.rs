//! Files and environment in, checked settings out.
//!
//! Whatever is wrong is refused with file, key and reason, all of it at once. Only this module reads
//! the environment.

pub mod fault;
pub mod files;
pub mod reader;

pub use fault::{Fault, Faults};
pub use files::Files;
