//! The files of `config/`: built into the program, replaced or added to by a folder.
//!
//! A file in the folder replaces the built-in one of the same name; a file of another name is added;
//! an empty file removes the built-in one. A folder with its own [`PARTNERSHIP`] is that of another
//! partnership: what belongs to the built-in one is left out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, include_dir};

use super::{Fault, Faults};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/config");

/// The file that names the partnership of a folder.
pub const PARTNERSHIP: &str = "partnership.toml";

/// The built-in files that belong to the built-in partnership. Those of its partners and breaks have
/// national parts too, so another partnership replaces them.
const OF_PARTNERSHIP: [&str; 8] = [
    "assessments/",
    "geography/areas.csv",
    "geography/lookup.csv",
    "geography/places.csv",
    "geography/populations.csv",
    "geography/sets.csv",
    "plans/",
    "releases/",
];

/// The endings of the files of a folder that are read; other files are left alone.
const TEXT_ENDINGS: [&str; 4] = ["toml", "csv", "md", "geojson"];

/// Texts by their path relative to `config/`, with `/` between the parts.
#[derive(Clone, Debug)]
pub struct TextFiles(BTreeMap<String, Cow<'static, str>>);

impl TextFiles {
    /// The built-in files alone.
    pub fn built_in() -> Self {
        let mut files = BTreeMap::new();
        gather_built_in(&BUILT_IN, &mut files);
        Self(files)
    }

    /// The built-in files, replaced or extended by those of a folder.
    pub fn load(folder: Option<&Path>) -> Result<Self, Faults> {
        let mut files = Self::built_in();
        let mut faults = Faults::default();
        if let Some(folder) = folder {
            if folder.join(PARTNERSHIP).is_file() {
                let is_of_partnership =
                    |path: &String| OF_PARTNERSHIP.iter().any(|own| path.starts_with(own));
                files.0.retain(|path, _| !is_of_partnership(path));
            }
            files.gather(folder, "", &mut faults);
        }
        faults.into_result(files)
    }

    /// Replaces the text of a file, or adds it; an empty text removes the file.
    pub fn put(&mut self, path: impl Into<String>, text: impl Into<Cow<'static, str>>) {
        let (path, text) = (path.into(), text.into());
        if text.trim().is_empty() {
            self.0.remove(&path);
        } else {
            self.0.insert(path, text);
        }
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(|text| &**text)
    }

    /// Whether a file is the built-in one.
    pub fn is_built_in(&self, path: &str) -> bool {
        matches!(self.0.get(path), Some(Cow::Borrowed(_)))
    }

    /// Path and text of every file, in order of paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (&**path, &**text))
    }

    /// Path and text of every file directly in a folder whose name has the ending, in order of
    /// names.
    pub fn in_folder<'f>(
        &'f self,
        folder: &'f str,
        ending: &'f str,
    ) -> impl Iterator<Item = (&'f str, &'f str)> {
        self.0
            .iter()
            .filter(move |(path, _)| {
                let name = path
                    .strip_prefix(folder)
                    .and_then(|rest| rest.strip_prefix('/'));
                name.is_some_and(|name| !name.contains('/') && name.ends_with(ending))
            })
            .map(|(path, text)| (&**path, &**text))
    }

    fn gather(&mut self, folder: &Path, below: &str, faults: &mut Faults) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                return faults.0.push(Fault::new(
                    folder.display().to_string(),
                    "",
                    error.to_string(),
                ));
            }
        };
        for entry in entries.filter_map(Result::ok) {
            let (path, name) = (
                entry.path(),
                entry.file_name().to_string_lossy().into_owned(),
            );
            if path.is_dir() {
                self.gather(&path, &format!("{below}{name}/"), faults);
            } else if path
                .extension()
                .is_some_and(|end| TEXT_ENDINGS.iter().any(|ending| end == *ending))
            {
                match std::fs::read_to_string(&path) {
                    Ok(text) => self.put(format!("{below}{name}"), text),
                    Err(error) => faults.0.push(Fault::new(
                        path.display().to_string(),
                        "",
                        error.to_string(),
                    )),
                }
            }
        }
    }
}

fn gather_built_in(dir: &'static Dir<'_>, files: &mut BTreeMap<String, Cow<'static, str>>) {
    for file in dir.files() {
        if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
            files.insert(path.replace('\\', "/"), text.into());
        }
    }
    dir.dirs().for_each(|dir| gather_built_in(dir, files));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_replaces_adds_and_takes_away() {
        let folder = tempfile::tempdir().expect("folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            std::fs::write(path, text).expect("file");
        };
        write("partners.toml", "format = 2");
        write("plans/other.toml", "id = \"other\"");
        write("plans/smp-2015-16.toml", "");
        let files = TextFiles::load(Some(folder.path())).expect("files");
        assert_eq!(files.text("partners.toml"), Some("format = 2"));
        let plans: Vec<_> = files
            .in_folder("plans", ".toml")
            .map(|(path, _)| path)
            .collect();
        assert!(plans.contains(&"plans/other.toml") && plans.contains(&"plans/smp-2017-18.toml"));
        assert!(!plans.contains(&"plans/smp-2015-16.toml"));
    }

    #[test]
    fn the_folder_of_another_partnership_leaves_out_the_built_in_one() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join(PARTNERSHIP), "format = 1").expect("file");
        std::fs::create_dir(folder.path().join("plans")).expect("folder");
        std::fs::write(folder.path().join("plans/own.toml"), "id = \"own\"").expect("file");
        let files = TextFiles::load(Some(folder.path())).expect("files");
        let plans: Vec<_> = files.in_folder("plans", ".toml").collect();
        assert_eq!(plans, [("plans/own.toml", "id = \"own\"")]);
        for path in OF_PARTNERSHIP {
            let built_in = TextFiles::built_in();
            assert!(
                built_in.iter().any(|(known, _)| known.starts_with(path)),
                "{path}"
            );
            let is_left = |known: &str| known.starts_with(path) && known != "plans/own.toml";
            assert!(!files.iter().any(|(known, _)| is_left(known)), "{path}");
        }
        assert!(files.text("geography/lsoa_vintages.csv").is_some());
        assert!(files.text("codes/nsir@2011-04.csv").is_some());
    }

    #[test]
    fn a_folder_that_is_not_there_is_refused() {
        assert!(TextFiles::load(Some(Path::new("/nowhere/at/all"))).is_err());
    }
}
