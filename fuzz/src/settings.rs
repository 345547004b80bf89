//! Files that people write: settings, plans, partners, breaks, windows. Each is read, or refused
//! with its faults.
//!
//! The first byte selects the file.

use std::io::Write;

use partner_feeds::config::{Config, Overrides};
use partner_feeds::files::TextFiles;
use partner_feeds::reference::Reference;

/// By the first byte.
pub(crate) const FILES: [&str; 5] = [
    "plans/smp-2017-18.toml",
    "partners.toml",
    "breaks.toml",
    "windows.toml",
    "codes/da-service.csv",
];

pub(crate) fn run(bytes: &[u8]) {
    let Some((which, text)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if let Some(file) = FILES.get(usize::from(*which)) {
        let mut files = TextFiles::built_in();
        files.put(*file, text.to_owned());
        if let Err(faults) = Reference::read(&files) {
            assert!(!faults.to_string().is_empty());
        }
        return;
    }
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    drop(
        Config::resolve(&Overrides::new(Some(file.path().to_owned())), [])
            .map(|config| config.to_string()),
    );
}
