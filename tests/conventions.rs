//! Rules that the files of the repository keep, and that no compiler checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[derive(serde::Deserialize)]
struct Mutants {
    mutant: Vec<Mutant>,
}

#[derive(serde::Deserialize)]
struct Mutant {
    rule: String,
    edit: Vec<Edit>,
}

#[derive(serde::Deserialize)]
struct Edit {
    file: String,
    old: String,
}

#[test]
fn every_mutant_replaces_text_that_occurs_once() {
    let mutants: Mutants = toml::from_str(&read("tests/mutants/mutants.toml")).expect("TOML");
    let mut stale = Vec::new();
    for mutant in &mutants.mutant {
        for Edit { file, old } in &mutant.edit {
            let found = read(file).matches(old.as_str()).count();
            if found != 1 {
                stale.push(format!("{}: {found} times in {file}:\n{old}", mutant.rule));
            }
        }
    }
    assert!(
        stale.is_empty(),
        "change tests/mutants/mutants.toml with the lines it replaces:\n{}",
        stale.join("\n")
    );
}

#[test]
fn every_module_has_its_row_in_the_architecture() {
    let architecture = read("ARCHITECTURE.md");
    let (_, modules) = architecture.split_once("\n## Modules\n").expect("modules");
    let modules = modules.split("\n## ").next().expect("the section");
    let rows = modules.lines().filter_map(|line| line.strip_prefix("| "));
    let named: BTreeSet<&str> = rows
        .filter_map(|row| row.split('|').next())
        .flat_map(|names| names.split('`').skip(1).step_by(2))
        .collect();
    let mut missing = Vec::new();
    for file in files("src", "rs") {
        let module = file.trim_start_matches("src/").trim_end_matches(".rs");
        let is_tests = module.ends_with("tests");
        let is_deep = module.matches('/').count() > 1;
        // A command has the file of its name, and the page says so once.
        let is_command = module.starts_with("cli/") && modules.contains("`cli/<command>`");
        if !(is_tests || is_deep || is_command || matches!(module, "lib" | "main")) {
            missing.extend((!named.contains(module)).then(|| module.to_owned()));
        }
    }
    assert!(
        missing.is_empty(),
        "without a row in ARCHITECTURE.md: {missing:?}"
    );
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder with an ending, in folders below it too, by their paths.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder)).expect("a folder") {
        let entry = entry.expect("an entry");
        let path = format!("{folder}/{}", entry.file_name().to_str().expect("UTF-8"));
        if entry.file_type().expect("a type").is_dir() {
            found.extend(files(&path, ending));
        } else if path.ends_with(&format!(".{ending}")) {
            found.push(path);
        }
    }
    found.sort();
    found
}
