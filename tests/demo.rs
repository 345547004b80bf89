//! `demo`, the program itself: what it prints is what it wrote, and it can be run
//! again.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use jiff::ToSpan;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use partner_feeds::event::Feed;
use partner_feeds::event::Month;
use partner_feeds::ledger::verify::verify;
use partner_feeds::reference::Reference;
use partner_feeds::storage::Store;

const EVENTS: u64 = 3_000;
const TABLE: &str = "aggregates/smp-2017-18/priority_monthly.parquet";

fn demo(store: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_partner-feeds"))
        .args(["demo", "--events", &EVENTS.to_string(), "--store"])
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

/// A month of a series, partner and kind as the table has it: `count`, `count_min`, `count_max`,
/// `count_status`.
type Row = (Option<i64>, Option<i64>, Option<i64>, String);
/// By series, feed, partner and kind; then by window.
type Table = BTreeMap<(String, String, String), BTreeMap<String, Row>>;

fn table(path: &Path) -> Table {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("there"))
        .expect("Parquet");
    let mut table = Table::new();
    for batch in reader.build().expect("readable") {
        let batch = batch.expect("readable");
        let text = |name: &str, row: usize| batch[name].as_string::<i32>().value(row).to_owned();
        let number = |name: &str, row: usize| {
            let column = batch[name].as_primitive::<Int64Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        for row in (0..batch.num_rows()).filter(|row| text("area_code", *row) == "all-received") {
            let who = format!("{} {}", text("partner", row), text("kind", row));
            let count = (
                number("count_value", row),
                number("count_min", row),
                number("count_max", row),
                text("count_status", row),
            );
            let of = table
                .entry((text("series", row), text("feed", row), who))
                .or_default();
            assert!(
                of.insert(text("window_id", row), count).is_none(),
                "one row a month"
            );
        }
    }
    table
}

fn rows_of(path: &Path) -> u64 {
    let reader = SerializedFileReader::new(File::open(path).expect("there")).expect("Parquet");
    reader.metadata().file_metadata().num_rows() as u64
}

#[test]
fn what_is_on_the_screen_is_what_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let screen = screen(&demo(&store));

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
        3 + 27,
        "three feeds and the tables of a plan: {screen}"
    );
    for file in written {
        assert_eq!(number(&screen, file), rows_of(&store.join(file)), "{file}");
    }
    assert_figures(&screen, &table(&store.join(TABLE)));
}

/// Every priority and theme is printed with each feed, and every figure is the table's.
fn assert_figures(screen: &str, table: &Table) {
    let reference = Reference::load(None).expect("built in");
    let plan = reference.plans.get("smp-2017-18").expect("held");
    let months: Vec<Month> = Month::from_date(plan.valid_from)
        .to(Month::from_date(plan.valid_to))
        .collect();
    let window = |month: &Month| format!("month:{month}");
    let before = |month: &Month| {
        window(&Month::from_date(
            month.first_day().saturating_sub(1.year()),
        ))
    };
    let mut lines = screen
        .lines()
        .skip_while(|line| !line.starts_with("Safer Maidstone"))
        .skip(5);
    let mut numbers = 0;
    for series in &plan.series {
        let heading = format!("{} ({})", series.label, series.kind.as_str());
        assert_eq!(lines.next(), Some(&*heading), "{screen}");
        for feed in Feed::ALL {
            let of_feed: BTreeMap<_, _> = table
                .iter()
                .filter(|((s, f, _), _)| *s == series.id && f == feed.as_str())
                .map(|((.., who), rows)| (&**who, rows))
                .collect();
            let sum = |rows: &BTreeMap<String, Row>| {
                months
                    .iter()
                    .filter_map(|m| rows.get(&window(m)))
                    .filter(|r| r.3 != "not_supplied")
                    .filter_map(|r| r.1)
                    .reduce(|a, b| a + b)
            };
            let line = lines.next().expect("a line a feed").trim();
            if let Some(rest) = line.strip_prefix(feed.as_str()) {
                assert_eq!(rest.trim(), "not supplied", "{screen}");
                assert!(
                    of_feed.values().all(|rows| sum(rows).is_none()),
                    "{} of {feed} is supplied",
                    series.id
                );
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let (who, shown) = words.split_at(2);
            let rows = of_feed
                .get(&*who.join(" "))
                .unwrap_or_else(|| panic!("{who:?} is of {feed}"));
            assert_eq!(
                sum(rows),
                of_feed.values().filter_map(|rows| sum(rows)).max(),
                "{} {who:?}",
                series.id
            );
            let figure = |window: &str| match rows.get(window) {
                Some((Some(count), .., status)) if status == "exact" => count.to_string(),
                Some((None, Some(min), Some(max), status)) if status == "interval" => {
                    format!("{min}-{max}")
                }
                Some((None, Some(min), None, status))
                    if status == "interval" || status == "partial" =>
                {
                    format!("{min}+")
                }
                Some((.., status)) if status == "not_supplied" => "n/s".to_owned(),
                None => "n/s".to_owned(),
                other => panic!("{other:?}"),
            };
            assert_eq!(
                shown,
                months
                    .iter()
                    .map(|m| figure(&window(m)))
                    .collect::<Vec<_>>(),
                "{} {who:?}",
                series.id
            );
            let count = |window: &str| rows.get(window).and_then(|row| row.0);
            let change = |m: &Month| Some(count(&window(m))? - count(&before(m))?);
            let changes: Vec<i64> = months.iter().filter_map(change).collect();
            let shown = lines.next().expect("changes").split_whitespace();
            assert_eq!(
                shown
                    .map(|c| c.parse().expect("a number"))
                    .collect::<Vec<i64>>(),
                changes,
                "{} {who:?}",
                series.id
            );
            numbers += changes.len();
        }
    }
    assert!(numbers > 100, "{numbers} figures\n{screen}");
}

#[test]
fn a_second_demo_replaces_the_first_and_no_other_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let first = screen(&demo(&store));
    let again = screen(&demo(&store));
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

    let others = folder.path().join("others");
    std::fs::create_dir_all(others.join("journal")).expect("made");
    let refused = demo(&others);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("is not empty"),
        "{refused:?}"
    );
    assert!(others.join("journal").is_dir() && !others.join("DEMO.txt").exists());
}
