//! Rules that the files of the repository keep, and that no compiler checks.

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

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
