//! Text files of a configuration, read with all their faults at once.
//!
//! The ground floor under settings and reference data: which files there are, typed reading of TOML
//! and CSV, and faults that name file and key. It must not know what any file means.

pub mod csv;
pub mod fault;
pub mod text_files;
pub mod toml_reader;

pub use fault::{Fault, Faults};
pub use text_files::TextFiles;
