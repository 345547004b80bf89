//! What is deployed beside the program says the program's words: the board and the alerts ask for
//! metrics there are, and the runbook has an entry for each alert and for whatever the program says
//! when it refuses or gives up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The metrics a text names.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("partner_feeds_") || word.starts_with("process_"))
        .collect()
}

/// The metrics of `ingest`: those of the table, which a test compares with what is exposed.
fn known(page: &str) -> BTreeSet<&str> {
    let cells = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(cell, _)| cell).flat_map(metrics).collect()
}

#[test]
fn board_alerts_and_runbook_name_metrics_that_there_are_and_the_board_shows_each() {
    let board = text("deploy/grafana/dashboards/partner-feeds.json");
    serde_json::from_str::<serde_json::Value>(&board).expect("JSON");
    let page = text("docs/data-engineers.md");
    let known = known(&page);
    for text in [
        &board,
        &text("deploy/prometheus/alerts.yml"),
        &text("docs/runbook.md"),
    ] {
        let unknown: Vec<_> = metrics(text)
            .into_iter()
            .filter(|name| !known.contains(name))
            .collect();
        assert_eq!(unknown, [""; 0]);
    }
    assert_eq!(metrics(&board), known);
}

#[test]
fn every_alert_has_an_entry_in_the_runbook_and_a_test() {
    let (alerts, tests) = (
        text("deploy/prometheus/alerts.yml"),
        text("deploy/prometheus/alerts_test.yml"),
    );
    let named = |text: &str, key: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| line.trim().strip_prefix(key))
            .map(str::to_owned)
            .collect()
    };
    let all = named(&alerts, "- alert: ");
    assert!(all.len() >= 10, "{all:?}");
    assert_eq!(
        named(&text("docs/runbook.md"), "### Partner").len(),
        all.len()
    );
    for name in &all {
        assert!(
            text("docs/runbook.md").contains(&format!("\n### {name}\n")),
            "{name} is not in the runbook"
        );
    }
    assert_eq!(named(&tests, "- alertname: "), all);
}

/// The files of `deploy/` with an ending, by name.
fn deployed(ending: &str) -> BTreeSet<String> {
    let entries = root().join("deploy").read_dir().expect("a folder");
    let names = entries.map(|entry| entry.expect("listed").file_name().into_string());
    let names = names.map(|name| name.expect("UTF-8"));
    names.filter(|name| name.ends_with(ending)).collect()
}

#[test]
fn every_service_is_hardened_alike_and_every_unit_is_in_the_package_and_on_the_page() {
    let services = deployed(".service");
    assert!(services.len() >= 6, "{services:?}");
    let hardening = |name: &String| {
        let unit = text(Path::new("deploy").join(name));
        let (_, from) = unit
            .split_once("\nCapabilityBoundingSet=")
            .expect("hardening");
        from.split("\n[").next().expect("a part").trim().to_owned()
    };
    let all: BTreeSet<String> = services.iter().map(hardening).collect();
    assert_eq!(all.len(), 1, "{all:#?}");

    let (contents, page) = (
        text("tests/deploy/contents"),
        text("docs/data-engineers.md"),
    );
    let timers = deployed(".timer");
    for unit in services.iter().chain(&timers) {
        assert!(contents.contains(&format!("/system/{unit}\n")), "{unit}");
        let is_started_by_timer = timers.contains(&unit.replace(".service", ".timer"));
        let on_page = unit.replace("@.", "@ID.");
        assert!(
            unit.ends_with(".service") && is_started_by_timer
                || page.contains(&format!("| `{on_page}` |")),
            "{unit} is not on the page"
        );
    }
}

#[test]
fn scripts_of_deployment_can_be_parsed() {
    for script in [
        "deploy/package",
        "deploy/debian/postinst",
        "deploy/debian/prerm",
        "tests/deploy/run",
    ] {
        let parsed = Command::new("bash")
            .arg("-n")
            .arg(root().join(script))
            .output();
        let parsed = parsed.expect("bash is installed");
        assert!(
            parsed.status.success(),
            "{}",
            String::from_utf8_lossy(&parsed.stderr)
        );
    }
}

/// Of these the message itself says what to do, or it is about a file that somebody is just
/// writing.
const SELF_EXPLAINED: [&str; 2] = ["src/import", "src/reference"];

#[test]
fn every_error_of_the_program_has_an_entry_in_the_runbook() {
    let runbook = bare(&text("docs/runbook.md"));
    let (mut missing, mut found) = (Vec::new(), 0);
    for file in sources(&root().join("src")) {
        let file = file
            .strip_prefix(root())
            .expect("in the project")
            .to_owned();
        if SELF_EXPLAINED
            .iter()
            .any(|folder| file.with_extension("").starts_with(folder))
        {
            continue;
        }
        for message in messages(&text(&file)) {
            found += 1;
            if !runbook.contains(&message) {
                missing.push(format!("{}: {message}", file.display()));
            }
        }
    }
    assert!(found > 40, "messages are found: {found}");
    assert_eq!(missing, [""; 0]);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = folder
        .read_dir()
        .expect("a folder")
        .map(|entry| entry.expect("listed").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// The texts of `#[error("…")]`, what varies as `…`; those that only hand on another are none.
fn messages(source: &str) -> Vec<String> {
    let literal = |after: &str| {
        let text = after.trim_start().strip_prefix('"')?;
        let end = text
            .match_indices('"')
            .find(|(at, _)| !text[..*at].ends_with('\\'))?
            .0;
        Some(bare(&text[..end].replace("\\\n", "").replace("\\\"", "\"")))
    };
    let all = source.split("#[error(").skip(1).filter_map(literal);
    all.filter(|message| message.chars().any(char::is_alphabetic))
        .collect()
}

/// Without marks of code, with single spaces, and `…` for what varies.
fn bare(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        bare.extend([before, "…"]);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    bare.replace('`', "")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
