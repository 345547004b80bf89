//! `demo`, the program itself: what it prints is what it wrote, and it can be run
//! again.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use partner_feeds::ledger::verify::verify;
use partner_feeds::reference::Reference;
use partner_feeds::storage::Store;

/// Enough for the story to show.
const EVENTS: u64 = 60_000;
const EVENTS_FEW: u64 = 3_000;
const BRIEFING: &str = "aggregates/smp-2017-18/briefing.parquet";
const DOCUMENT: &str = "assessments/smp-2017-18/index.html";

fn demo(store: &Path, events: u64) -> Output {
    Command::new(env!("CARGO_BIN_EXE_partner-feeds"))
        .args(["demo", "--events", &events.to_string(), "--store"])
        .arg(store)
        .output()
        .expect("the program runs")
}

fn screen(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The number at the end of the line that begins so.
fn number(screen: &str, line: &str) -> u64 {
    let found = screen
        .lines()
        .find_map(|l| l.strip_prefix(line)?.split_whitespace().next_back());
    found
        .and_then(|n| n.replace(',', "").parse().ok())
        .unwrap_or_else(|| panic!("a line `{line}`:\n{screen}"))
}

/// The numbers of the indented lines below the line that begins so.
fn below(screen: &str, line: &str) -> u64 {
    let lines = screen.lines().skip_while(|l| !l.starts_with(line)).skip(1);
    let inner = lines.take_while(|l| l.starts_with("  "));
    inner
        .map(|l| {
            l.split_whitespace()
                .next_back()
                .and_then(|n| n.replace(',', "").parse::<u64>().ok())
        })
        .sum::<Option<_>>()
        .expect("numbers")
}

/// The columns of a table that the screen shows, of the plan's area.
fn plan_area_rows<const N: usize>(path: &Path, columns: [&str; N]) -> Vec<[String; N]> {
    let file = File::open(path).expect("there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let mut rows = Vec::new();
    for batch in reader.build().expect("readable") {
        let batch = batch.expect("readable");
        for row in
            (0..batch.num_rows()).filter(|row| batch["is_plan_area"].as_boolean().value(*row))
        {
            rows.push(columns.map(|column| {
                let array = &batch[column];
                match array.data_type() {
                    _ if array.is_null(row) => String::new(),
                    DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
                    DataType::Float64 => {
                        format!(
                            "{:.0}",
                            array.as_primitive::<Float64Type>().value(row).abs()
                        )
                    }
                    _ => array.as_string::<i32>().value(row).to_owned(),
                }
            }));
        }
    }
    rows
}

fn rows_of(path: &Path) -> u64 {
    let reader = SerializedFileReader::new(File::open(path).expect("there")).expect("Parquet");
    reader.metadata().file_metadata().num_rows() as u64
}

#[test]
fn what_is_on_the_screen_is_what_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let screen = screen(&demo(&store, EVENTS));

    let (accepted, rejected) = (number(&screen, "accepted"), number(&screen, "rejected"));
    assert_eq!(
        (number(&screen, "generated"), accepted + rejected),
        (EVENTS, EVENTS),
        "{screen}"
    );
    assert_eq!(
        (below(&screen, "accepted"), below(&screen, "rejected")),
        (accepted, rejected),
        "{screen}"
    );
    assert!(rejected > 0, "{screen}");

    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let opened = Store::open(store.to_str().expect("a name")).expect("a store");
    let report = runtime.block_on(verify(&opened)).expect("readable");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(
        report.partitions.iter().map(|p| p.rows).sum::<u64>(),
        accepted
    );
    assert_eq!(
        report.partitions.iter().map(|p| p.rejected).sum::<u64>(),
        rejected
    );
    assert_eq!(
        (number(&screen, "journal/"), number(&screen, "rejects/")),
        (accepted, rejected)
    );
    let written: Vec<&str> = screen
        .lines()
        .filter_map(|l| l.split_whitespace().next())
        .filter(|w| w.ends_with(".parquet"))
        .collect();
    assert_eq!(
        written.len(),
        3 + 28,
        "three feeds and the tables of a plan: {screen}"
    );
    for file in written {
        assert_eq!(number(&screen, file), rows_of(&store.join(file)), "{file}");
    }
    assert_figures(&screen, &store.join(BRIEFING));
    assert_story(&screen);
    assert_document(&screen, &store.join(DOCUMENT));
}

/// Every priority and theme is printed with the figures and the verdicts of `briefing`.
fn assert_figures(screen: &str, table: &Path) {
    let reference = Reference::load(None).expect("built in");
    let plan = reference.plans.get("smp-2017-18").expect("built in");
    let rows = plan_area_rows(
        table,
        [
            "series",
            "count_status",
            "count_min",
            "base_min",
            "verdict",
            "difference_pct",
        ],
    );
    let mut compared = 0;
    for series in &plan.series {
        let heading = format!("{} ({})", series.label, series.kind.as_str());
        let own = rows.iter().filter(|row| row[0] == series.id);
        let (not_supplied, supplied): (Vec<_>, Vec<_>) =
            own.partition(|row| row[1] == "not_supplied");
        let mut lines = screen
            .lines()
            .skip_while(|line| !line.starts_with(&heading));
        let line = lines.next().expect("a heading");
        assert!(
            line.ends_with(&format!("not supplied: {}", not_supplied.len())),
            "{line}"
        );

        let section = lines.take_while(|line| line.starts_with("  "));
        // A row has its months and the verdict at its end, beside what continues a name or a signal.
        let mut shown: Vec<String> = section.filter_map(figure_on_screen).collect();
        let mut expected: Vec<String> = supplied.iter().map(|row| figure_of_table(row)).collect();
        shown.sort();
        expected.sort();
        assert_eq!(shown, expected, "{}\n{screen}", series.id);
        compared += shown.len();
    }
    assert!(compared > 20, "{compared} figures\n{screen}");
}

/// `before|year|verdict` of a line with a figure.
fn figure_on_screen(line: &str) -> Option<String> {
    let (numbers, rest) = (line.get(31..49)?, line.get(51..)?);
    let numbers = numbers.split_at(9);
    let [before, year] = [numbers.0, numbers.1].map(|number| number.trim().replace(',', ""));
    year.trim_end_matches('+').parse::<i64>().ok()?;
    let verdict = rest.get(14..)?.split(" [").next()?;
    Some(format!("{before}|{year}|{verdict}"))
}

/// The same from a row of `briefing`.
fn figure_of_table([_, status, count, base, verdict, pct]: &[String; 6]) -> String {
    let open = if status == "partial" { "+" } else { "" };
    let words = match &**verdict {
        "" => "none recorded".to_owned(),
        "rose" | "fell" => format!("{verdict} {pct}%"),
        "no_clear_change" => "no clear change".to_owned(),
        "too_few" => "too few to tell".to_owned(),
        "within_break" | "not_comparable" => "cannot say".to_owned(),
        other => panic!("`{other}` is not in the demo"),
    };
    format!("{base}|{count}{open}|{words}")
}

/// The next steps name the assessment, which has a section for every priority of the plan.
fn assert_document(screen: &str, document: &Path) {
    let path = document.to_str().expect("a name");
    assert!(screen.contains(path), "`{path}`:\n{screen}");
    let html = std::fs::read_to_string(document).expect("there");
    let reference = Reference::load(None).expect("built in");
    let plan = reference.plans.get("smp-2017-18").expect("built in");
    for series in &plan.series {
        let section = format!("<section id=\"{}\"", series.id);
        assert!(html.contains(&section), "`{section}`");
    }
}

/// A reader sees what happened in the story of the demo, and what is missing.
fn assert_story(screen: &str) {
    let (_, briefing) = screen.split_once("\nSafer Maidstone").expect("a briefing");
    let (briefing, next) = briefing.split_once("\nNext\n").expect("next steps");
    assert!(next.contains("duckdb -c") && next.contains("explain") && next.contains("docs/"));
    for line in briefing.lines() {
        assert!(line.chars().count() <= 80, "wider than 80: {line}");
    }
    let row = |theme: &str, kind: &str| {
        let mut lines = briefing.lines().skip_while(|line| !line.starts_with(theme));
        lines
            .find(|line| line.trim_start().starts_with(kind))
            .expect("a row")
    };
    let rise = row("Anti-Social Behaviour", "Incidents");
    assert!(rise.contains("rose "), "{rise}");
    let fall = row("Substance Misuse", "Ambulance calls");
    assert!(fall.contains("fell "), "{fall}");
    let half_month = row("Anti-Social Behaviour", "Cases of anti-social");
    assert!(
        half_month.contains('?') && half_month.contains("cannot say ["),
        "{half_month}"
    );
    let late = row("Substance Misuse", "Courses of drug or alcohol");
    assert!(
        late.contains("...") && late.contains("cannot say ["),
        "{late}"
    );

    let text = briefing.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "signal: September 2017 has ",
        "late: nothing for January to March 2018: courses of drug or alcohol treatment",
        "suspect: February 2018, far from the usual number",
        "cases of anti-social behaviour (Golding Homes)",
    ] {
        assert!(text.contains(expected), "`{expected}`:\n{briefing}");
    }
}

/// The store of a demo is recognised by `status`, and by an error where no store is at the default path.
fn assert_readable(folder: &Path) {
    let run = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
        let output = program.current_dir(folder).args(arguments).output();
        let output = output.expect("the program runs");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
        (output.status.code(), text)
    };
    let store = ["--store", "partner-feeds-demo"];
    let (status, text) = run(&[&["status"], &store[..]].concat());
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("none: a demo's store"), "{text}");
    for command in ["status", "verify", "tables"] {
        let (status, text) = run(&[command]);
        assert_eq!(status, Some(2), "{text}");
        assert!(text.contains("pass --store partner-feeds-demo"), "{text}");
    }
    let (status, text) = run(&[
        &["rejects", "list", "--partner", "golding-home"],
        &store[..],
    ]
    .concat());
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("did you mean `golding-homes`?"), "{text}");
    let (status, text) = run(&[
        &["rejects", "list", "--partner", "golding-homes"],
        &store[..],
    ]
    .concat());
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("  ASB-") && text.contains("/data/what: contains a field that"),
        "{text}"
    );
    let summary = ["explain", "smp-2017-18", "Total", "Maidstone", "2017-18"];
    let (status, text) = run(&[&summary, &store[..]].concat());
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.starts_with(
            "Total, Maidstone (E07000110), April 2017 to March 2018, under smp-2017-18\n"
        ),
        "{text}"
    );
}

#[test]
fn a_second_demo_replaces_the_first_and_no_other_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("partner-feeds-demo");
    let first = screen(&demo(&store, EVENTS_FEW));
    let again = screen(&demo(&store, EVENTS_FEW));
    let without = |text: &str| {
        text.lines()
            .filter(|l| !l.starts_with("Replacing the store of"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_ne!(first, again);
    assert_eq!(
        without(&first),
        without(&again),
        "the same events make the same figures"
    );

    assert_readable(folder.path());

    let others = folder.path().join("others");
    std::fs::create_dir_all(others.join("journal")).expect("made");
    let refused = demo(&others, EVENTS_FEW);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("is not empty"),
        "{refused:?}"
    );
    assert!(others.join("journal").is_dir() && !others.join("DEMO.txt").exists());
}
