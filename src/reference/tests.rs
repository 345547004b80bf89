use std::fmt::Write as _;

use super::*;

/// The built-in files with `from` replaced by `to` in one of them.
#[track_caller]
fn changed(file: &str, from: &str, to: &str) -> Files {
    let mut files = Files::built_in();
    let text = files.text(file).expect("a built-in file").to_owned();
    assert!(text.contains(from), "{file} does not hold `{from}`");
    files.put(file.to_owned(), text.replacen(from, to, 1));
    files
}

#[track_caller]
fn said(files: &Files) -> String {
    match Reference::read(files) {
        Ok(_) => String::new(),
        Err(faults) => faults.to_string(),
    }
}

#[test]
fn the_built_in_files_are_whole() {
    let reference = Reference::load(None).expect("built in");
    let mut odd = String::new();
    for warning in &reference.warnings {
        writeln!(odd, "{warning}").expect("text");
    }
    assert_eq!(odd, "plans/smp-2017-18.toml: valid_from: no plan is in force from 2016-04-01 to 2017-03-31\n");
}
