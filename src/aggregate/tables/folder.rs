//! The tables of a folder, read back with their receipt.

use bytes::Bytes;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::aggregate::PROVENANCE;
use crate::aggregate::tables::{TableBatch, TableReadError, TableSpec};
use crate::file_format::{self, JsonFileError, NewerFile, read_json};
use crate::storage::{StorageError, Store};

/// Why the tables of a folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// No tables were written for the plan.
    #[error(
        "the store `{root}` has no tables in `{folder}`: run `partner-feeds aggregate` for this plan"
    )]
    NoTables {
        /// The folder.
        folder: String,
        /// The store.
        root: String,
    },
    /// A newer version wrote a file.
    #[error(transparent)]
    Newer(#[from] NewerFile),
    /// A table is missing.
    #[error(
        "cannot find `{path}`: another version wrote the tables; run `partner-feeds aggregate`"
    )]
    NoTable {
        /// The file.
        path: String,
    },
    /// A table could not be read.
    #[error("cannot read the table `{path}`: {error}")]
    Table {
        /// The file.
        path: String,
        /// Why.
        error: TableReadError,
    },
    /// The receipt could not be read.
    #[error("cannot read the receipt `{path}`: {error}; run `partner-feeds aggregate`")]
    Provenance {
        /// The file.
        path: String,
        /// Why.
        error: serde_json::Error,
    },
    /// A file could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A folder of tables in a store.
pub(crate) struct FolderTables<'s> {
    pub(crate) store: &'s Store,
    pub(crate) runtime: &'s Handle,
    /// Its path.
    pub(crate) folder: String,
}

impl FolderTables<'_> {
    /// What the tables of a plan were built from.
    pub(crate) fn receipt(&self) -> Result<Value, FolderError> {
        let receipt = self.json(PROVENANCE, file_format::TABLES)?;
        receipt.ok_or_else(|| self.no_tables())
    }

    /// That the folder has no tables.
    pub(crate) fn no_tables(&self) -> FolderError {
        FolderError::NoTables {
            folder: self.folder.clone(),
            root: self.store.root().to_owned(),
        }
    }

    /// A table, which must be there.
    pub(crate) fn read(&self, table: &'static TableSpec) -> Result<Vec<TableBatch>, FolderError> {
        let batches = self.read_with(table, TableSpec::read)?;
        batches.ok_or_else(|| FolderError::NoTable {
            path: self.path(table),
        })
    }

    /// A table, if it is there.
    pub(crate) fn read_with(
        &self,
        table: &'static TableSpec,
        read: fn(&'static TableSpec, Bytes) -> Result<Vec<TableBatch>, TableReadError>,
    ) -> Result<Option<Vec<TableBatch>>, FolderError> {
        let path = self.path(table);
        let file = self.runtime.block_on(self.store.read(&path))?;
        let batches = file.map(|file| read(table, file)).transpose();
        batches.map_err(|error| FolderError::Table { path, error })
    }

    /// A JSON file, if it is there and its format is known.
    pub(crate) fn json(&self, name: &str, known: u32) -> Result<Option<Value>, FolderError> {
        let path = format!("{}/{name}", self.folder);
        let file = self.runtime.block_on(self.store.read(&path))?;
        let json = file.map(|file| read_json(&path, &file, known)).transpose();
        json.map_err(|error| match error {
            JsonFileError::Newer(newer) => newer.into(),
            JsonFileError::Damaged(error) => FolderError::Provenance { path, error },
        })
    }

    fn path(&self, table: &TableSpec) -> String {
        format!("{}/{}.parquet", self.folder, table.name)
    }
}
