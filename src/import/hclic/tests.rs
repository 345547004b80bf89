use std::collections::BTreeMap;

use rust_xlsxwriter::{Format, Workbook, Worksheet};
use serde_json::{Value, json};

use super::*;
use crate::contract::Event;

/// As published in 2018: titles above, headings over several columns and rows, footnotes below.
/// Cells are parted by `|`; `<` belongs to the cell on its left, `^` to the one above.
const A1: &str = "\
Table A1 - Number of households assessed, England, April to June 2018
|||||Number of households
||Total initial assessments1,2|Assessed as owed a duty|<|<|Not threatened - no duty owed|Households in area5 (000s)
||^|Total|Prevention duty owed|Of which:|^|^
||^|^|^|due to Section 21 Notice3|^|^
E92000001|ENGLAND|67830|61210|34940|5100|6620|23000
-|Rest of England|54230|48630|27380|4230|5610|20000

E07000110|Maidstone|253|224|148|48|29|73.579
E09000001|City of London|..|..|..|..||5
1|Only includes households assessed since April
-|Withheld";
/// As published in 2023: rows for the look-up sheets above the headings.
const A2P: &str = "\
Table A2P - Number of households owed a prevention duty, England, July to September 2023
||Look-up|Look-up|Look-up|Look-up
|||||Number of households
||Total owed a prevention duty1|Domestic abuse|<|Other reasons / not known 7
||^|Total Domestic abuse|Of which:|^
||^|^|Victim|^
||^|^|^|^
E92000001|ENGLAND|35770|1250|1000|34520
E07000110|Maidstone|135|8|7|127";
const A3: &str = "\
Table A3 – Support needs of households, England, April to June 2018
||||||Total number of support needs1|Of which households with:|
||No support needs|Households with one or more support needs1,2|<|<|^|Old age|Care leaver aged 21-24 3
||^|Total|1|3+|^|^|^
E09000001|City of London|2|4|3|1|-|-|-
E07000110|Maidstone|92|132|50|82|349|5|3";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn book(&self, name: &str, sheets: &[(&str, &str)]) -> PathBuf {
        let mut book = Workbook::new();
        for (name, cells) in sheets {
            write_sheet(book.add_worksheet().set_name(*name).expect("a name"), cells);
        }
        let path = self.0.path().join(name);
        book.save(&path).expect("a workbook");
        path
    }

    /// The same sheets in the form `.ods`.
    fn ods(&self, name: &str, sheets: &[(&str, &str)]) -> PathBuf {
        let sheets = sheets.iter().map(|(name, cells)| ods_sheet(name, cells));
        let content = format!(
            "<office:document-content \
             xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
             xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
             xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\">\
             <office:body><office:spreadsheet>{}</office:spreadsheet></office:body>\
             </office:document-content>",
            sheets.collect::<String>()
        );
        let mimetype = "application/vnd.oasis.opendocument.spreadsheet";
        let path = self.0.path().join(name);
        let manifest = "<manifest:manifest \
             xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";
        let archive = zip_archive(&[
            ("mimetype", mimetype),
            ("META-INF/manifest.xml", manifest),
            ("content.xml", &content),
        ]);
        std::fs::write(&path, archive).expect("a workbook");
        path
    }

    fn csv(&self, lines: &str) -> PathBuf {
        let path = self.0.path().join("long.csv");
        std::fs::write(
            &path,
            format!("quarter_end,table,col,measure,value\n{lines}"),
        )
        .expect("a file");
        path
    }
}

fn ods_sheet(name: &str, cells: &str) -> String {
    let rows = cells.lines().map(|line| {
        let cells: Vec<String> = line.split('|').map(ods_cell).collect();
        ["<table:table-row>", &cells.concat(), "</table:table-row>"].concat()
    });
    let rows: Vec<String> = rows.collect();
    format!(
        "<table:table table:name=\"{name}\">{}</table:table>",
        rows.concat()
    )
}

fn ods_cell(text: &str) -> String {
    match (text, text.parse::<f64>()) {
        ("<" | "^", _) => "<table:covered-table-cell/>".to_owned(),
        ("", _) => "<table:table-cell/>".to_owned(),
        (_, Ok(number)) => format!(
            "<table:table-cell office:value-type=\"float\" office:value=\"{number}\">\
             <text:p>{number}</text:p></table:table-cell>"
        ),
        (text, Err(_)) => format!(
            "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p>\
             </table:table-cell>"
        ),
    }
}

/// A ZIP archive of files that are not compressed.
fn zip_archive(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let size = text.len() as u32;
        let offset = archive.len() as u32;
        // Version 2.0, no flags, stored, no time; checksum, both sizes, length of the name.
        let mut entry = [20_u16, 0, 0, 0, 0].map(u16::to_le_bytes).concat();
        entry.extend([crc.sum(), size, size].map(u32::to_le_bytes).concat());
        entry.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        archive.extend([b"PK\x03\x04", &entry[..], name.as_bytes(), text.as_bytes()].concat());
        directory.extend([b"PK\x01\x02\x14\0", &entry[..], &[0; 10]].concat());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, count) = (archive.len() as u32, files.len() as u16);
    let sizes = [directory.len() as u32, start]
        .map(u32::to_le_bytes)
        .concat();
    archive.append(&mut directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].map(u16::to_le_bytes).concat());
    archive.extend(sizes);
    archive.extend([0, 0]);
    archive
}

#[test]
fn a_workbook_in_the_other_form_is_read_alike() {
    let folder = Folder::new();
    let sheets = [
        ("Contents", "Contents"),
        ("A1 - Apr-Jun 18", A1),
        ("A3", A3),
    ];
    let (xlsx, of_xlsx) = imported(&[folder.book("1.xlsx", &sheets)], None).expect("events");
    for name in ["2.ods", "3.ODS"] {
        let (ods, of_ods) = imported(&[folder.ods(name, &sheets)], None).expect("events");
        assert_eq!((&ods, &of_ods), (&xlsx, &of_xlsx), "{name}");
    }
    assert_eq!((xlsx.len(), of_xlsx.tables.len()), (of_xlsx.events(), 2));
    let broken = folder.0.path().join("4.ods");
    std::fs::write(&broken, "PK").expect("a file");
    let refused = imported(&[broken], None).expect_err("refused").to_string();
    assert!(
        refused.starts_with("cannot read ") && refused.ends_with("4.ods"),
        "{refused}"
    );
}

fn write_sheet(sheet: &mut Worksheet, cells: &str) {
    let rows: Vec<Vec<&str>> = cells
        .lines()
        .map(|line| line.split('|').collect())
        .collect();
    let at = |row: usize, column: usize| rows.get(row).and_then(|row| row.get(column)).copied();
    for (row, column) in
        (0..rows.len()).flat_map(|row| (0..rows[row].len()).map(move |column| (row, column)))
    {
        let text = rows[row][column];
        let right = (column + 1..rows[row].len())
            .take_while(|column| at(row, *column) == Some("<"))
            .count();
        let down = (row + 1..rows.len())
            .take_while(|row| at(*row, column) == Some("^"))
            .count();
        let (row, column) = (row as u32, column as u16);
        match text.parse::<f64>() {
            _ if ["", "<", "^"].contains(&text) => {}
            Ok(number) => drop(sheet.write(row, column, number).expect("a cell")),
            Err(_) if right + down == 0 => drop(sheet.write(row, column, text).expect("a cell")),
            Err(_) => {
                let (last, end) = (row + down as u32, column + right as u16);
                sheet
                    .merge_range(row, column, last, end, text, &Format::new())
                    .expect("cells");
            }
        }
    }
}

fn options(authority: Option<&str>) -> HclicOptions {
    let release = "2023-12".parse().expect("a month");
    HclicOptions {
        release,
        previous: Vec::new(),
        authority: authority.map(str::to_owned),
    }
}

fn imported(
    files: &[PathBuf],
    authority: Option<&str>,
) -> Result<(Vec<Value>, HclicSummary), HclicError> {
    imported_with(files, &options(authority))
}

fn imported_with(
    files: &[PathBuf],
    options: &HclicOptions,
) -> Result<(Vec<Value>, HclicSummary), HclicError> {
    let mut out = Vec::new();
    let summary = import(files, options, &mut out)?;
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(
        text.lines().all(|line| Event::decode(line).is_ok()),
        "every line keeps the contract"
    );
    Ok((
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect(),
        summary,
    ))
}

/// The figures of an authority by category: value or status, bounds.
fn figures(events: &[Value], authority: &str) -> BTreeMap<String, Value> {
    let of = |event: &&Value| event["data"]["area"]["code"] == authority;
    let figure = |data: &Value| match &data["value"] {
        Value::Null => json!([data["status"], data["at_least"], data["at_most"]]),
        value => value.clone(),
    };
    let entry = |event: &Value| {
        let data = &event["data"];
        (
            data["what"]["category"]
                .as_str()
                .expect("a category")
                .to_owned(),
            figure(data),
        )
    };
    events.iter().filter(of).map(entry).collect()
}

#[test]
fn every_count_of_an_authority_is_an_event() {
    let folder = Folder::new();
    let book = folder.book(
        "a.xlsx",
        &[
            ("Contents", "Table A1"),
            ("A1 - Apr-Jun 18", A1),
            ("A10", "Table A10"),
        ],
    );
    let (events, summary) = imported(&[book], None).expect("events");
    let digest = "58674c62da88753beb2a40d57916664b";
    let expected = json!({
        "specversion": "1.0", "id": format!("A1.201806.E07000110.{digest}.202312"), "source": SOURCE,
        "type": "uk.community-safety.housing.count.v1", "subject": format!("A1.201806.E07000110.{digest}"),
        "revision": 202_312, "time": "2023-12-01T00:00:00Z",
        "data": {
            "what": {"list": "hclic-assessment", "edition": "2018-04", "category": "total-initial-assessments"},
            "area": {"code": "E07000110", "level": "district", "role": "service"},
            "period": {"from": "2018-04-01", "to": "2018-06-30"},
            "unit": "households", "status": "exact", "value": 253,
        },
    });
    assert_eq!(events[0], expected);
    let maidstone = json!({
        "total-initial-assessments": 253, "assessed-as-owed-a-duty/total": 224,
        "assessed-as-owed-a-duty/prevention-duty-owed": 148,
        "assessed-as-owed-a-duty/due-to-section-21-notice": 48, "not-threatened-no-duty-owed": 29,
    });
    assert_eq!(json!(figures(&events, "E07000110")), maidstone);
    let london = figures(&events, "E09000001");
    assert_eq!(
        london["total-initial-assessments"],
        json!(["not_supplied", null, null])
    );
    assert_eq!((london.len(), summary.events(), summary.blank), (4, 9, 1));
    assert_eq!((summary.not_counts, summary.rounded_rows), (2, 2));
}

#[test]
fn sub_totals_of_reasons_are_not_sent() {
    let folder = Folder::new();
    let (events, summary) =
        imported(&[folder.book("a.xlsx", &[("A2P", A2P)])], None).expect("events");
    let reasons = json!({"total-owed-a-prevention-duty": 135, "domestic-abuse/victim": 7, "other-reasons-not-known": 127});
    assert_eq!(json!(figures(&events, "E07000110")), reasons);
    assert_eq!(summary.sub_totals, 1);
    let what = &events[0]["data"]["what"];
    assert_eq!(
        (&what["list"], &what["edition"]),
        (&json!("hclic-reason"), &json!("2023-07"))
    );
    assert_eq!(
        events[0]["data"]["period"],
        json!({"from": "2023-07-01", "to": "2023-09-30"})
    );
}

#[test]
fn a_withheld_figure_has_the_bounds_that_its_row_prints() {
    let folder = Folder::new();
    let (events, summary) =
        imported(&[folder.book("a.xlsx", &[("A3 - Apr-Jun 18", A3)])], None).expect("events");
    let london = figures(&events, "E09000001");
    assert_eq!(london["old-age"], json!(["suppressed", 0, 4]));
    assert_eq!(
        london["care-leaver-aged-21-24"],
        json!(["suppressed", 0, 4])
    );
    assert_eq!(
        london["total-number-of-support-needs"],
        json!(["suppressed", 4, null])
    );
    assert_eq!(london["households-with-one-or-more-support-needs/3"], 1);
    let units: Vec<&Value> = events
        .iter()
        .map(|e| &e["data"]["unit"])
        .filter(|unit| *unit == "other")
        .collect();
    assert_eq!((units.len(), summary.tables[0].suppressed), (2, 3));
}

#[test]
fn records_that_vanished_since_the_release_before_are_cancelled() {
    let folder = Folder::new();
    let before = A2P.replace("Victim", "Victims").replace(
        "E07000110|Maidstone|",
        "E07000110|Maidstone|135|8|7|127\nE07000111|Swale|",
    );
    let before = folder.book("before.xlsx", &[("A2P", &before), ("A3", A3)]);
    let now = folder.book("now.xlsx", &[("A2P", A2P)]);
    let with_previous = HclicOptions {
        previous: vec![before.clone()],
        ..options(None)
    };
    let (events, summary) =
        imported_with(std::slice::from_ref(&now), &with_previous).expect("events");
    assert_eq!(
        (events.len(), summary.events(), summary.cancelled),
        (4, 3, 1)
    );
    let gone = &events[3]["data"];
    assert_eq!(
        (&gone["what"]["category"], &gone["value"]),
        (&json!("domestic-abuse/victims"), &json!(7))
    );
    assert_eq!(
        gone["cancellation"],
        json!({"reason": "absent_from_release", "at": "2023-12"})
    );
    let with_itself = HclicOptions {
        previous: vec![now.clone()],
        ..options(None)
    };
    assert_eq!(
        imported_with(&[now], &with_itself)
            .expect("events")
            .1
            .cancelled,
        0
    );
}

#[test]
fn the_long_csv_gives_the_events_of_the_workbook() {
    let folder = Folder::new();
    let (events, _) = imported(&[folder.book("a.xlsx", &[("A1", A1)])], None).expect("events");
    let csv = folder.csv(
        "201806,A1,2,Total initial assessments,253\n\
         201806,A1,3,Assessed as owed a duty > Total,224\n\
         201806,A1,4,Assessed as owed a duty > Prevention duty owed,148\n\
         201806,A1,5,Assessed as owed a duty > Of which: > due to Section 21 Notice,48\n\
         201806,A1,6,Not threatened - no duty owed,29\n\
         201806,A1,7,Households in area (000s),73.579\n\
         201806,A10,4,Total,253\n",
    );
    let (long, summary) = imported(std::slice::from_ref(&csv), Some("E07000110")).expect("events");
    assert_eq!(long, events[..5]);
    assert_eq!((summary.not_counts, summary.tables.len()), (1, 1));
    let refused = imported(&[csv], None).expect_err("whose?");
    assert!(
        matches!(refused, HclicError::NoAuthority { .. })
            && refused.to_string().contains("--authority")
    );
}

#[test]
fn an_error_names_file_and_cell_but_no_value_and_nothing_is_written() {
    let folder = Folder::new();
    let good = folder.book("good.xlsx", &[("A1", A1)]);
    let refused = |sheet: &str, cells: &str| {
        let bad = folder.book("bad.xlsx", &[(sheet, cells)]);
        let mut out = Vec::new();
        let refused = import(&[good.clone(), bad], &options(None), &mut out)
            .expect_err("refused")
            .to_string();
        assert!(out.is_empty(), "{refused}");
        refused
    };
    for (sheet, cells, end) in [
        (
            "A2P",
            A2P.replace("|7|127", "|7.5|127"),
            "cell E9: expected a whole number, `..`, `-` or blank",
        ),
        (
            "A2P",
            A2P.replace("|7|127", "|seven|127"),
            "cell E9: expected a whole number, `..`, `-` or blank",
        ),
        (
            "A2P",
            A2P.replace("|7|127", "|7|127|9"),
            "cell G9: the figure has no heading",
        ),
        (
            "A2P",
            A2P.replace("Other reasons / not known 7", "Of which:"),
            "column F: the heading does not name a category",
        ),
        (
            "A3",
            A3.replace("Old age", "Care leaver aged 21-24"),
            "column I: the heading repeats the category of another column",
        ),
        (
            "A3",
            A3.replace("|2|4|3", "|2|..|3"),
            "cell G5: the figure is withheld, and the row has no number of households to bound it",
        ),
        (
            "A3",
            A3.replace("April to June", "May to June"),
            "cell A1: the title must name a quarter, such as `April to June 2018`",
        ),
        (
            "A2P",
            A2P.replace("2023", "2024"),
            "column C: the quarter ends after --release",
        ),
        (
            "A3",
            A3.replace("E0", "X"),
            "column A: no row starts with the code of an area",
        ),
    ] {
        let refused = refused(sheet, &cells);
        assert!(
            refused.ends_with(&format!("bad.xlsx, sheet `{sheet}`, {end}")),
            "{refused}"
        );
    }
    assert!(refused("B1", A1).ends_with("has no sheet for table A1, A2, A2P, A2R or A3"));
    let again = refused("A1", A1);
    assert!(
        again.starts_with("table A1 of 2018-06 for E07000110 is in both "),
        "{again}"
    );
}

#[test]
fn a_title_names_the_quarter() {
    let quarter = |title| Quarter::from_title(title).map(|quarter| quarter.to_string());
    assert_eq!(
        quarter("Table A1 - Households\nEngland, October to December 2018 (revised)"),
        Some("2018-12".into())
    );
    assert_eq!(
        quarter("England, January to March 2019"),
        Some("2019-03".into())
    );
    for title in [
        "England, 2018",
        "January to June 2018",
        "February to April 2018",
        "April to June 18",
    ] {
        assert_eq!(quarter(title), None, "{title}");
    }
}
