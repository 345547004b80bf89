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
    let mut stale = Vec::new();
    for list in files("tests/mutants", "toml") {
        let mutants: Mutants = toml::from_str(&read(&list)).expect("TOML");
        for mutant in &mutants.mutant {
            for Edit { file, old } in &mutant.edit {
                let found = read(file).matches(old.as_str()).count();
                if found != 1 {
                    stale.push(format!(
                        "{list}: {}: {found} times in {file}:\n{old}",
                        mutant.rule
                    ));
                }
            }
        }
    }
    assert!(
        stale.is_empty(),
        "change the lists of mutants with the lines they replace:\n{}",
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

/// Words that pages, `--help`, comments of settings and messages avoid, with better ones.
const AVOIDED: [(&str, &str); 28] = [
    ("told", "reported, documented"),
    ("untold", "unknown"),
    ("tells", "reports, shows"),
    ("said", "reported, documented"),
    ("says of", "reports for"),
    ("held", "contained, kept, loaded"),
    ("holds", "contains, stores"),
    ("of which", "whose, for"),
    ("whereof", "for which"),
    ("thereof", "its"),
    ("no word on", "does not report"),
    ("so many", "N"),
    ("so often", "every N"),
    ("lies", "is"),
    ("bears", "has"),
    ("goes by", "is keyed by"),
    ("asked after", "queried"),
    ("looked for", "searched for"),
    ("comes of", "results from"),
    ("parked", "paused"),
    ("outbox", "dead-letter queue"),
    ("grace", "shutdown timeout"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("whatever", "any"),
    ("whoever", "everyone"),
    ("wherever", "anywhere"),
    ("twin", "equivalent"),
];

#[test]
fn texts_for_users_are_in_plain_words() {
    let mut pages = [
        "README",
        "ARCHITECTURE",
        "CHANGELOG",
        "CONTRIBUTING",
        "SECURITY",
    ]
    .map(|page| format!("{page}.md"))
    .to_vec();
    pages.push("schemas/README.md".to_owned());
    pages.extend(files("docs", "md"));
    let mut texts: Vec<Passage> = pages.iter().flat_map(|page| prose(page)).collect();
    texts.extend(
        files("config", "toml")
            .iter()
            .flat_map(|file| comments(file)),
    );
    texts.extend(files("src", "rs").iter().flat_map(|file| messages(file)));
    let mut found = Vec::new();
    for Passage { file, line, text } in &texts {
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let spaced = format!(" {} ", words.join(" "));
        for (avoided, better) in AVOIDED {
            if spaced.contains(&format!(" {avoided} ")) {
                found.push(format!(
                    "{file}:{line}: `{avoided}`, say {better}: {}",
                    text.trim()
                ));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A piece of text that users read.
struct Passage {
    file: String,
    line: usize,
    text: String,
}

impl Passage {
    /// A piece without what is in backticks: code, and stored names.
    fn new(file: &str, line: usize, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            line,
            text: text.split('`').step_by(2).collect(),
        }
    }
}

/// The lines of a page outside its blocks of code.
fn prose(page: &str) -> Vec<Passage> {
    let mut lines = Vec::new();
    let mut in_code = false;
    for (line, text) in (1..).zip(read(page).lines()) {
        if text.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            lines.push(Passage::new(page, line, text));
        }
    }
    lines
}

fn comments(file: &str) -> Vec<Passage> {
    let text = read(file);
    let lines = (1..).zip(text.lines());
    lines
        .filter_map(|(line, text)| Some(Passage::new(file, line, text.split_once('#')?.1)))
        .collect()
}

/// The strings of three words or more in a source file, and the `--help` of a command.
fn messages(file: &str) -> Vec<Passage> {
    let text = read(file);
    let code = text.split("#[cfg(test)]\nmod ").next().expect("a text");
    let mut found = Vec::new();
    if file.ends_with("tests.rs") {
        return found;
    }
    let (mut rest, mut line) = (code, 1);
    while let Some(start) = rest.find(['"', '/', '\'']) {
        line += rest[..start].matches('\n').count();
        rest = &rest[start..];
        let end = if let Some(comment) = rest.strip_prefix("//") {
            let comment = comment.lines().next().unwrap_or_default();
            if file.starts_with("src/cli") && comment.starts_with('/') {
                found.push(Passage::new(file, line, comment));
            }
            2 + comment.len()
        } else if let Some(string) = rest.strip_prefix('"') {
            let length = length_of_string(string);
            if string[..length].matches(' ').count() > 1 {
                found.push(Passage::new(file, line, &string[..length]));
            }
            2 + length
        } else if rest.starts_with("'\"'") {
            3
        } else {
            1
        };
        line += rest[..end.min(rest.len())].matches('\n').count();
        rest = rest.get(end..).unwrap_or_default();
    }
    found
}

/// The length of a string, in bytes, up to the quotation mark that ends it.
fn length_of_string(string: &str) -> usize {
    let mut escaped = false;
    let end = string.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.unwrap_or(string.len())
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
