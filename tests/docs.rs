//! Every command and query of the documents, run as written, page by page, in a folder of its
//! own.
//!
//! A block is run by its language; a second word names what it needs besides the program:
//!
//! | block | run | needs |
//! |---|---|---|
//! | `sh` | by bash | nothing: Kafka is a broker in the test, or the one of `PARTNER_FEEDS_TEST_BROKERS` |
//! | `sh fails` | by bash, and its exit status is not 0 | nothing |
//! | `sh kafka` | by bash | `PARTNER_FEEDS_TEST_BROKERS`: what the embedded broker cannot do |
//! | `sh duckdb` | by bash | `PARTNER_FEEDS_TEST_TOOLS`: the folder that `tests/venv` prints |
//! | `sql` | by `duckdb` | the same |
//! | `python` | by `python` | the same |
//! | `text` | not: a picture, or what is printed | |
//!
//! Without what they need, those blocks are left out; `tests/docs/run` has it all. Files of
//! `tests/docs/*.csv` and `tests/docs/ons`, and workbooks written here, replace those that a reader
//! has downloaded, and `tests/docs/cargo` for cargo: what it would build is built.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use partner_feeds::reference::Reference;
use rdkafka::mocking::MockCluster;

const PAGES: [&str; 7] = [
    "README.md",
    "docs/your-partnership.md",
    "docs/data-engineers.md",
    "docs/analysts.md",
    "docs/assessment.md",
    "docs/partners.md",
    "CONTRIBUTING.md",
];

/// A fenced block of a page.
struct Block<'p> {
    line: usize,
    tag: &'p str,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (number, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(tag) => {
                open = true;
                blocks.push(Block {
                    line: number + 2,
                    tag,
                    text: String::new(),
                });
            }
            None if open => blocks
                .last_mut()
                .expect("one is open")
                .text
                .extend([line, "\n"]),
            None => {}
        }
    }
    assert!(!open, "the last block is not closed");
    blocks
}

/// What is at hand to run blocks with.
struct Tools {
    brokers: Option<String>,
    folder: Option<PathBuf>,
}

impl Tools {
    fn at_hand() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            brokers: variable("PARTNER_FEEDS_TEST_BROKERS"),
            // Blocks are run elsewhere.
            folder: variable("PARTNER_FEEDS_TEST_TOOLS")
                .map(|folder| std::path::absolute(folder).expect("a path")),
        }
    }

    /// The blocks of a page as one script for bash, and how many were left out.
    fn script(&self, page: &str, text: &str) -> (String, usize) {
        let (mut script, mut left_out) = ("set -euo pipefail\n".to_owned(), 0);
        for Block { line, tag, text } in blocks(text) {
            let run = match tag {
                "sh" => Some(text),
                "sh fails" => Some(format!(
                    "if {{\n{text}}}; then echo 'this should have failed'; exit 1; fi\n"
                )),
                "sh kafka" => self.brokers.as_ref().map(|_| text),
                "sh duckdb" => self.folder.as_ref().map(|_| text),
                "sql" => self
                    .folder
                    .as_ref()
                    .map(|_| format!("duckdb -bail <<'END_OF_BLOCK'\n{text}END_OF_BLOCK\n")),
                "python" => self
                    .folder
                    .as_ref()
                    .map(|_| format!("python - <<'END_OF_BLOCK'\n{text}END_OF_BLOCK\n")),
                "text" => continue,
                other => panic!("{page}:{line}: nobody runs a block `{other}`"),
            };
            match run {
                Some(run) => writeln!(script, "echo '--- {page}:{line}'\n{run}").expect("a text"),
                None => left_out += 1,
            }
        }
        (script, left_out)
    }

    /// Runs a script in a folder with the files a reader has.
    fn run(&self, page: &str, script: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().expect("a folder");
        let downloads = root.join("tests/docs");
        copy_csv(&downloads, folder.path());
        // The archive of data.police.uk has a folder of each month.
        for month in ["2025-04", "2025-05", "2025-06"] {
            let months = folder.path().join("police").join(month);
            std::fs::create_dir_all(&months).expect("a folder");
            let name = format!("{month}-leicestershire-street.csv");
            std::fs::copy(downloads.join(&name), months.join(&name)).expect("copied");
        }
        let ons = folder.path().join("ons");
        std::fs::create_dir(&ons).expect("a folder");
        copy_csv(&downloads.join("ons"), &ons);
        write_homelessness_workbook(&folder.path().join("DetailedLA_201806.xlsx"));
        write_population_workbook(&ons.join("sapelsoasyoa20222024.xlsx"));
        for link in ["config", "schemas", "docs/usual-questions.ipynb"] {
            let name = Path::new(link).file_name().expect("a name");
            std::os::unix::fs::symlink(root.join(link), folder.path().join(name)).expect("linked");
        }
        let program = Path::new(env!("CARGO_BIN_EXE_partner-feeds"))
            .parent()
            .expect("a folder")
            .to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [root.join("tests/docs"), program]
            .into_iter()
            .chain(self.folder.clone())
            .chain(std::env::split_paths(&path));
        let broker = self.brokers.is_none().then(embedded_broker);
        let brokers = broker
            .as_ref()
            .map(MockCluster::bootstrap_servers)
            .or_else(|| self.brokers.clone());
        let done = Command::new("bash")
            .args(["-c", script])
            .current_dir(folder.path())
            .env("PATH", std::env::join_paths(path).expect("a path"))
            .env("PARTNER_FEEDS_KAFKA_BROKERS", brokers.unwrap_or_default())
            // A store that is new needs a group that is new.
            .env(
                "PARTNER_FEEDS_KAFKA_GROUP",
                format!("docs-{}-{}", std::process::id(), page.replace('/', "-")),
            )
            .output()
            .expect("bash runs");
        let (out, err) = (
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
        );
        assert!(
            done.status.success(),
            "{page}: {}\n{out}\n{err}",
            done.status
        );
        println!("{out}\n{err}");
    }
}

/// Copies the CSV files of a folder to another.
fn copy_csv(from: &Path, to: &Path) {
    for file in from.read_dir().expect("a folder") {
        let file = file.expect("listed").path();
        if file.extension().is_some_and(|extension| extension == "csv") {
            let copy = to.join(file.file_name().expect("a name"));
            std::fs::copy(&file, copy).expect("copied");
        }
    }
}

/// Writes cells of a sheet, by row and column: numbers as numbers.
fn write_cells<const N: usize>(sheet: &mut rust_xlsxwriter::Worksheet, rows: &[(u32, [&str; N])]) {
    for (row, cells) in rows {
        let cells = cells.iter().enumerate();
        for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
            match cell.parse::<f64>() {
                Ok(number) => sheet.write(*row, column as u16, number),
                Err(_) => sheet.write(*row, column as u16, *cell),
            }
            .expect("a cell");
        }
    }
}

/// A workbook with the form of the population estimates of small areas, and invented persons.
fn write_population_workbook(path: &Path) {
    let mut book = rust_xlsxwriter::Workbook::new();
    let contents = book.add_worksheet().set_name("Contents").expect("a name");
    write_cells(contents, &[(0, ["Population estimates of small areas"])]);
    for (year, persons) in [("2022", "1710"), ("2024", "1760")] {
        let sheet = book.add_worksheet();
        let sheet = sheet
            .set_name(format!("Mid-{year} LSOA 2021"))
            .expect("a name");
        let heading = [
            "LAD 2023 Code",
            "LAD 2023 Name",
            "LSOA 2021 Code",
            "LSOA 2021 Name",
            "Total",
            "F0",
        ];
        let title = ["Invented persons by single year of age", "", "", "", "", ""];
        write_cells(sheet, &[(0, title), (3, heading)]);
        for (row, code) in (4..).zip(13_670..=13_675) {
            let lsoa = format!("E010{code}");
            let cells = ["E06000016", "Leicester", &lsoa, "", persons, "12"];
            write_cells(sheet, &[(row, cells)]);
        }
    }
    book.save(path).expect("a workbook");
}

/// A workbook with the form of the tables of statutory homelessness, and figures of one authority.
fn write_homelessness_workbook(path: &Path) {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book
        .add_worksheet()
        .set_name("A1 - Apr-Jun 18")
        .expect("a name");
    let title = "Table A1 - Households assessed\nEngland, April to June 2018";
    let totals = "Total initial assessments1,2";
    let rows = [
        (0, [title, "", "", ""]),
        (2, ["", "", totals, "Assessed as owed a duty"]),
        (3, ["", "", "", "Total"]),
        (5, ["E92000001", "ENGLAND", "67830", "61210"]),
        (6, ["E07000110", "Maidstone", "253", "224"]),
    ];
    write_cells(sheet, &rows);
    book.save(path).expect("a workbook");
}

/// A broker with the topics of the partners, which it cannot create on request.
fn embedded_broker() -> MockCluster<'static, rdkafka::producer::DefaultProducerContext> {
    let broker = MockCluster::new(1).expect("a broker");
    let reference = Reference::load(None).expect("built in");
    for topic in reference.partners.topics() {
        broker.create_topic(&topic.name, 6, 1).expect("a topic");
    }
    broker
}

fn text_of(page: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect(page)
}

/// Runs a page.
fn run(page: &str) {
    run_and_check(page, "");
}

/// Runs a page, then a check that needs the Python tools.
fn run_and_check(page: &str, check: &str) {
    let tools = Tools::at_hand();
    let (mut script, left_out) = tools.script(page, &text_of(page));
    println!("{page}: {left_out} blocks left out");
    if tools.folder.is_some() {
        script.push_str(check);
    }
    tools.run(page, &script);
}

#[test]
fn commands_of_the_readme_work() {
    run("README.md");
}

#[test]
fn commands_for_a_new_partnership_work() {
    run("docs/your-partnership.md");
}

#[test]
fn commands_for_data_engineers_work() {
    run("docs/data-engineers.md");
}

#[test]
fn commands_for_analysts_work() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docs/notebook.py");
    let check = format!("python {script:?} usual-questions.ipynb answers.ipynb\n");
    run_and_check("docs/analysts.md", &check);
}

#[test]
fn commands_for_partners_work() {
    run("docs/partners.md");
}

#[test]
fn commands_for_contributors_work() {
    run("CONTRIBUTING.md");
}

#[test]
fn no_other_page_has_a_block_to_run() {
    for folder in ["", "docs", "schemas"] {
        let files = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(folder)
            .read_dir()
            .expect("a folder");
        let names = files.map(|file| PathBuf::from(file.expect("listed").file_name()));
        let is_page = |name: &PathBuf| name.extension().is_some_and(|extension| extension == "md");
        for page in names
            .filter(is_page)
            .map(|name| Path::new(folder).join(name))
        {
            let page = page.to_str().expect("UTF-8");
            if !PAGES.contains(&page) {
                let text = text_of(page);
                assert!(
                    blocks(&text).iter().all(|block| block.tag == "text"),
                    "nobody runs the blocks of {page}"
                );
            }
        }
    }
}

#[test]
fn a_block_that_fails_is_reported() {
    let tools = Tools {
        brokers: None,
        folder: None,
    };
    let (script, left_out) = tools.script(
        "page",
        "```sh\npartner-feeds check nowhere\n```\n```sql\nFROM x\n```\n",
    );
    assert_eq!(left_out, 1);
    assert!(std::panic::catch_unwind(|| tools.run("page", &script)).is_err());
    assert!(std::panic::catch_unwind(|| tools.script("page", "```ruby\n```\n")).is_err());
}
