//! The numbers of the formats in which files are written, and how a newer file is refused.
//!
//! It must not know what a file contains. The invariant: a reader compares the number before it uses
//! anything else of a file, so an older program never misreads what a newer one wrote. A number rises
//! only if an older reader would misread a file; `docs/upgrading.md` describes what may change
//! without that.

use parquet::file::metadata::FileMetaData;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The program and version that writes a file.
pub const PROGRAM: &str = concat!("partner-feeds ", env!("CARGO_PKG_VERSION"));

/// The first version that reads the erasure log.
const KNOWS_ERASURES: [u32; 3] = [0, 3, 0];

/// Whether a program, as a footer names it, reads the erasure log.
pub fn knows_erasures(program: &str) -> bool {
    let version = program.rsplit(' ').next().unwrap_or_default();
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.is_none_or(|parts| parts[..] >= KNOWS_ERASURES[..])
}

/// Journal, ledger and rejects as they are first written; `schema` in the footer.
pub const LEDGER: u32 = 1;
/// A ledger or rejects file from which erased rows were removed: the newest format that is read.
pub const LEDGER_PURGED: u32 = 2;
/// Entries and certificates of the erasure log.
pub const ERASURES: u32 = 1;
/// Tables, also those of a release, and the receipt beside them.
pub const TABLES: u32 = 1;
/// The manifest of a release.
pub const RELEASE: u32 = 1;
/// `figures.json` of an assessment.
pub const FIGURES: u32 = 1;
/// `scorecard.json`.
pub const SCORECARD: u32 = 1;
/// What a door refused.
pub const DOOR_REFUSALS: u32 = 1;
/// Files of the configuration and the reference data.
pub const CONFIGURATION: u32 = 1;

/// The key of the number, in JSON, TOML and the footer of a table.
pub const FORMAT_KEY: &str = "format";

/// A file in a format that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {newer}")]
pub struct NewerFile {
    /// The file.
    pub path: String,
    newer: Box<NewerFormat>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has format {found}, and {PROGRAM} reads up to {known}: use {writer} or a later version")]
struct NewerFormat {
    found: String,
    known: u32,
    /// The program that wrote it, if the file names it.
    writer: String,
}

impl NewerFile {
    /// What is wrong and what to do, without the file's name.
    pub fn fault(&self) -> String {
        self.newer.to_string()
    }
}

/// Why a JSON file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JsonFileError {
    /// A newer version wrote it.
    #[error(transparent)]
    Newer(#[from] NewerFile),
    /// It is damaged.
    #[error(transparent)]
    Damaged(#[from] serde_json::Error),
}

/// What every JSON file of the program may have.
#[derive(Deserialize)]
struct JsonHead {
    format: Option<u64>,
    program: Option<String>,
}

/// Refuses a JSON file of a newer format. One without a number is of the first.
pub fn check_json(path: &str, bytes: &[u8], known: u32) -> Result<(), NewerFile> {
    match serde_json::from_slice(bytes) {
        Ok(JsonHead {
            format: Some(found),
            program,
        }) => check(path, &found.to_string(), known, program.as_deref()),
        _ => Ok(()),
    }
}

/// Parses a JSON file, unless its format is newer.
pub fn read_json<T: DeserializeOwned>(
    path: &str,
    bytes: &[u8],
    known: u32,
) -> Result<T, JsonFileError> {
    check_json(path, bytes, known)?;
    Ok(serde_json::from_slice(bytes)?)
}

/// Refuses a Parquet file of a newer format, by a key of its footer. One without the key is of the
/// first.
pub(crate) fn check_parquet(
    path: &str,
    metadata: &FileMetaData,
    key: &str,
    known: u32,
) -> Result<(), NewerFile> {
    let value = |key: &str| {
        let pairs = metadata.key_value_metadata().into_iter().flatten();
        let mut values = pairs.filter(|pair| pair.key == key);
        values.find_map(|pair| pair.value.as_deref())
    };
    value(key).map_or(Ok(()), |found| check(path, found, known, value("program")))
}

fn check(path: &str, found: &str, known: u32, writer: Option<&str>) -> Result<(), NewerFile> {
    if found.parse::<u32>().is_ok_and(|found| found <= known) {
        return Ok(());
    }
    Err(NewerFile {
        path: path.to_owned(),
        newer: Box::new(NewerFormat {
            found: found.to_owned(),
            known,
            writer: writer.unwrap_or("the version that wrote it").to_owned(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_the_erasure_log_do_not_know_it() {
        for (program, knows) in [
            ("partner-feeds 0.2.0", false),
            ("partner-feeds 0.2.19", false),
            ("partner-feeds 0.3.0", true),
            ("partner-feeds 0.10.0", true),
            (PROGRAM, true),
        ] {
            assert_eq!(knows_erasures(program), knows, "{program}");
        }
    }
}
