//! Text files of a configuration, read with all their faults at once, and created.
//!
//! The ground floor under settings and reference data: which files there are, typed reading of TOML
//! and CSV, and faults that name file and key. It must not know what any file means.

pub mod csv;
pub mod fault;
pub mod text_files;
pub mod toml_reader;

pub use fault::{Fault, Faults};
pub use text_files::TextFiles;

use std::io::{ErrorKind, Write};
use std::path::Path;

/// Creates a file with its folders, unless it exists; whether it was created.
pub(crate) fn create(path: &Path, text: &str) -> std::io::Result<bool> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::File::create_new(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
