//! Exports of generated events: every cell of the tables, read back as a spreadsheet reads it.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use partner_feeds::aggregate::PlanChoice;
use partner_feeds::aggregate::tables::{self, TableBatch, TableSpec, ValueType};
use partner_feeds::export::{Export, ExportError, ExportFormat, RowChoice};
use partner_feeds::reference::Reference;
use partner_feeds::storage::Store;

use crate::assessment::GENERATED;

const PLAN: &str = "smp-2017-18";

/// Exports rows of the borough into a new folder.
fn export(
    names: &[&str],
    (area, window): (&str, &str),
    format: ExportFormat,
) -> Result<(tempfile::TempDir, Vec<String>), ExportError> {
    let chain = &*GENERATED;
    let reference = Reference::load(None).expect("valid");
    let export = Export {
        store: &chain.store,
        runtime: chain.runtime.handle(),
        reference: &reference,
        plan: PlanChoice::Plan(reference.plans.get(PLAN).expect("a plan")),
        tables: names.iter().map(|name| spec(name)).collect(),
        rows: RowChoice::new(vec![area.to_owned()], vec![window.to_owned()], Vec::new()),
        format,
    };
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().to_str().expect("UTF-8").to_owned();
    let target = Store::open_or_create(&root, []).expect("a folder");
    let replacement = chain.runtime.block_on(target.replacement("export"));
    let mut replacement = replacement.expect("a folder");
    let names = export.write(&mut replacement)?;
    chain
        .runtime
        .block_on(replacement.publish())
        .expect("published");
    Ok((folder, names))
}

fn spec(name: &str) -> &'static TableSpec {
    tables::find(name).expect("a table")
}

/// The rows of a table that were exported, as a spreadsheet shows them; empty = null.
fn expected(name: &str, (area, window): (&str, &str)) -> Vec<Vec<String>> {
    let bytes = GENERATED.bytes(&format!("aggregates/{PLAN}/{name}.parquet"));
    let mut rows = Vec::new();
    for batch in spec(name).read(bytes).expect("of this version") {
        let is_there = |column: &str| spec(name).columns().iter().any(|own| own.name == column);
        for row in 0..batch.len() {
            let is = |column, value| !is_there(column) || batch.texts(column).value(row) == value;
            if is("area_code", area) && is("window_id", window) {
                let columns = spec(name).columns();
                let cells = columns
                    .iter()
                    .map(|own| cell(&batch, own.name, own.value_type, row));
                rows.push(cells.collect());
            }
        }
    }
    rows
}

fn cell(batch: &TableBatch, column: &str, value_type: ValueType, row: usize) -> String {
    use arrow_array::Array;
    let array = |array: &dyn Array, text: String| {
        if array.is_null(row) {
            String::new()
        } else {
            text
        }
    };
    match value_type {
        ValueType::Text => {
            let texts = batch.texts(column);
            array(texts, texts.value(row).to_owned())
        }
        ValueType::Integer => {
            let numbers = batch.integers(column);
            array(numbers, numbers.value(row).to_string())
        }
        ValueType::Number => {
            let numbers = batch.numbers(column);
            array(numbers, numbers.value(row).to_string())
        }
        ValueType::Boolean => {
            let values = batch.booleans(column);
            array(values, values.value(row).to_string())
        }
        ValueType::Date => {
            let days = batch.dates(column);
            let day = jiff::civil::date(1970, 1, 1);
            let day = day.saturating_add(jiff::Span::new().days(days.value(row)));
            array(days, day.to_string())
        }
        ValueType::Instant => panic!("`{column}` is a time: choose another table"),
    }
}

/// A cell of a workbook; a text stays a text, also one that looks like a number.
fn shown(cell: &Data, value_type: ValueType) -> String {
    match (cell, value_type) {
        (Data::String(text), _) if text == "[x]" || text == "[z]" => String::new(),
        (Data::String(text), ValueType::Text) => text.clone(),
        (Data::Float(number), ValueType::Integer | ValueType::Number) => number.to_string(),
        (Data::Bool(value), ValueType::Boolean) => value.to_string(),
        (Data::DateTime(time), ValueType::Date) => {
            let (year, month, day, ..) = time.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        other => panic!("{other:?}"),
    }
}

const BOROUGH: (&str, &str) = ("E07000110", "fy:2017-18");
const TABLES: [&str; 4] = ["change", "composition", "window_totals", "windows"];

#[test]
fn a_workbook_has_every_cell_of_the_chosen_rows_with_its_type() {
    let (folder, names) = export(&TABLES, BOROUGH, ExportFormat::Xlsx).expect("exported");
    assert_eq!(names, ["smp-2017-18.xlsx"]);
    let bytes = std::fs::read(folder.path().join("export").join(&names[0])).expect("a file");
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    assert_eq!(workbook.sheet_names()[0], "about");
    assert_eq!(workbook.sheet_names()[1..], TABLES);
    let mut texts = Vec::new();
    for name in TABLES {
        assert!(
            workbook
                .worksheet_formula(name)
                .expect("a sheet")
                .is_empty()
        );
        let sheet = workbook.worksheet_range(name).expect("a sheet");
        let marking = sheet
            .get((1, 0))
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(marking.starts_with("It contains exact small numbers: not for publication."));
        let columns = spec(name).columns();
        let headings: Vec<String> = sheet
            .rows()
            .nth(2)
            .expect("headings")
            .iter()
            .map(ToString::to_string)
            .collect();
        let own: Vec<&str> = columns.iter().map(|column| column.name).collect();
        assert_eq!(headings, own);
        let rows: Vec<Vec<String>> = sheet
            .rows()
            .skip(3)
            .map(|row| {
                let cells = row.iter().zip(&columns);
                cells
                    .map(|(cell, column)| shown(cell, column.value_type))
                    .collect()
            })
            .collect();
        assert!(rows == expected(name, BOROUGH), "{name}");
        assert!(!rows.is_empty(), "{name}");
        texts.extend(rows.into_iter().flatten());
    }
    // What a spreadsheet would take for 8 January, if it were not a text.
    assert!(texts.iter().any(|text| text == "008/01"));
    let about = workbook.worksheet_range("about").expect("a sheet");
    let about: Vec<String> = about
        .rows()
        .map(|row| format!("{}: {}", row[0], row[1]))
        .collect();
    let subjects = [
        "marking: It contains",
        "plan: Safer Maidstone Partnership",
        "as at: 20",
        "[x]: not available",
        "change: What changed",
        "count_status",
        "licence: ",
        "code list ho-category@2019: Source: ",
    ];
    for subject in subjects {
        assert!(
            about.iter().any(|line| line.starts_with(subject)),
            "{subject}"
        );
    }
}

#[test]
fn files_of_csv_have_every_cell_of_the_chosen_rows() {
    let (folder, names) = export(&TABLES, BOROUGH, ExportFormat::Csv).expect("exported");
    assert_eq!(names[0], "about.csv");
    for (name, file) in TABLES.iter().zip(&names[1..]) {
        let text =
            std::fs::read_to_string(folder.path().join("export").join(file)).expect("a file");
        let text = text.strip_prefix('\u{feff}').expect("a byte order mark");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<Vec<String>> = reader
            .deserialize()
            .map(|row| row.expect("a row"))
            .collect();
        assert!(rows == expected(name, BOROUGH), "{name}");
    }
}

#[test]
fn a_choice_that_no_row_or_table_has_is_refused() {
    let refused =
        |names: &[&str], area: &str| match export(names, (area, BOROUGH.1), ExportFormat::Csv) {
            Err(error) => error.to_string(),
            Ok((_, names)) => panic!("{names:?}"),
        };
    assert_eq!(
        refused(&TABLES[..2], "E07999999"),
        "no row has `area_code` E07999999 and `window_id` fy:2017-18: check the codes, or leave out an option"
    );
    assert_eq!(
        refused(&["windows"], BOROUGH.0),
        "no table of this export has the column `area_code`: leave out the option, or add a table"
    );
}
