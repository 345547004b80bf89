//! A second partnership from nothing, with the program as a user runs it: `init`, `geography build`,
//! `import`, `load`, `aggregate`. What the tables contain is its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const STREET: &str = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,\
    Crime type,Last outcome category,Context\n";

/// A folder in which a user works.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    fn try_run(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_partner-feeds"))
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .env("PARTNER_FEEDS_LOG", "error")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("the program runs")
    }

    /// Standard output of a command that must succeed.
    fn run(&self, arguments: &str) -> String {
        let done = self.try_run(arguments);
        let err = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{arguments}: {err}");
        String::from_utf8(done.stdout).expect("UTF-8")
    }

    /// Standard error of a command that must fail with a status.
    fn fail(&self, arguments: &str, status: i32) -> String {
        let done = self.try_run(arguments);
        assert_eq!(done.status.code(), Some(status), "{arguments}");
        String::from_utf8(done.stderr).expect("UTF-8")
    }

    /// From street files to tables.
    fn count(&self, street_files: &str) {
        let events = self.run(&format!(
            "import police-uk --release 2025-07 {street_files}"
        ));
        self.write("crimes.jsonl", &events);
        self.run("load crimes.jsonl");
        self.run("aggregate");
    }

    /// Counts of a series by ward and kind in a month, of the wards that have a code.
    fn wards(
        &self,
        plan: &str,
        series: &str,
        month: &str,
    ) -> BTreeMap<(String, String), Option<i64>> {
        let mut counts = BTreeMap::new();
        for row in self.rows(plan) {
            if (&*row.level, &*row.series, &*row.month) == ("ward", series, month)
                && row.area.starts_with("E05")
            {
                counts.insert((row.area, row.kind), row.count);
            }
        }
        counts
    }

    fn rows(&self, plan: &str) -> Vec<Row> {
        let path = self.path(&format!("store/aggregates/{plan}/priority_monthly.parquet"));
        let file = File::open(path).expect("the table");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        let mut rows = Vec::new();
        for batch in reader.build().expect("readable") {
            let batch = batch.expect("readable");
            let text = |name: &str, row| batch[name].as_string::<i32>().value(row).to_owned();
            for row in 0..batch.num_rows() {
                let counts = batch["count_value"].as_primitive::<Int64Type>();
                rows.push(Row {
                    level: text("area_level", row),
                    area: text("area_code", row),
                    series: text("series", row),
                    kind: text("kind", row),
                    month: text("window_id", row),
                    count: (!counts.is_null(row)).then(|| counts.value(row)),
                    is_plan_area: batch["is_plan_area"].as_boolean().value(row),
                });
            }
        }
        rows
    }
}

struct Row {
    level: String,
    area: String,
    series: String,
    kind: String,
    month: String,
    count: Option<i64>,
    is_plan_area: bool,
}

/// A street file: crime types with the LSOAs they were in.
fn street(force: &str, month: &str, rows: &[(&str, &str)]) -> String {
    let mut text = STREET.to_owned();
    for (number, (lsoa, crime_type)) in rows.iter().enumerate() {
        let id = if *crime_type == "Anti-social behaviour" {
            String::new()
        } else {
            format!("{number:064x}")
        };
        let outcome = if id.is_empty() {
            ""
        } else {
            "Status update unavailable"
        };
        writeln!(
            text,
            "{id},{month},{force},{force},0.2,51.4,On or near A,{lsoa},A,{crime_type},{outcome},"
        )
        .expect("a text grows");
    }
    text
}

fn built_in(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config/geography")
        .join(file);
    fs::read_to_string(path).expect("built in")
}

/// The rows of a file of `geography/`, without comments and header.
fn rows_of(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let rows = reader
        .records()
        .map(|row| row.expect("CSV").iter().map(str::to_owned).collect());
    rows.collect()
}

/// The built-in look-ups of Kent and Medway as the Office for National Statistics publishes such files,
/// and others of Dartford. Codes and links are real; the persons are invented.
fn write_published_files_of_kent(desk: &Desk) {
    let areas = rows_of(&built_in("areas.csv"));
    let name = |code: &str| {
        let area = areas
            .iter()
            .find(|area| area[0] == code)
            .expect("a known area");
        area[3].replace('"', "")
    };
    let is_of =
        |code: &str, year: &str| areas.iter().any(|area| area[0] == code && area[2] == year);
    let links = rows_of(&built_in("lookup.csv"));
    let parent =
        |child: &str| links.iter().find(|link| link[0] == child).expect("a link")[1].clone();
    let mut by_year: BTreeMap<&str, String> = [
        ("2019", "FID,LSOA11CD,LSOA11NM,WD19CD,WD19NM,LAD19CD,LAD19NM\n".to_owned()),
        ("2025", "\u{feff}LSOA21CD,LSOA21NM,LSOA21NMW,WD25CD,WD25NM,WD25NMW,LAD25CD,LAD25NM,LAD25NMW,ObjectId\n".to_owned()),
    ]
    .into();
    let mut changes =
        "LSOA11CD,LSOA11NM,LSOA21CD,LSOA21NM,CHGIND,LAD22CD,LAD22NM,LAD22NMW,ObjectId\n".to_owned();
    let mut persons =
        "LAD 2023 Code,LAD 2023 Name,LSOA 2021 Code,LSOA 2021 Name,Total,F0,M0\n".to_owned();
    for [child, to, _, _] in links
        .iter()
        .map(|link| <[String; 4]>::try_from(link.clone()).expect("four columns"))
    {
        if child.starts_with("E01") && to.starts_with("E05") {
            let district = parent(&to);
            let [lsoa, ward, district_name] = [&child, &to, &district].map(|code| name(code));
            if is_of(&to, "2019") {
                let line = format!("1,{child},{lsoa},{to},\"{ward}\",{district},{district_name}\n");
                *by_year.get_mut("2019").expect("a file") += &line;
            }
            // The wards of Dartford did not change after 2019.
            if is_of(&to, "2025")
                || (district == "E07000107"
                    && ![140, 141, 142, 148, 149]
                        .map(|n| format!("E01024{n}"))
                        .contains(&child))
            {
                let line =
                    format!("{child},{lsoa},,{to},\"{ward}\",,{district},{district_name},,1\n");
                *by_year.get_mut("2025").expect("a file") += &line;
                if is_of(&child, "2011") {
                    writeln!(
                        changes,
                        "{child},{lsoa},{child},{lsoa},U,{district},{district_name},,1"
                    )
                    .expect("a text grows");
                }
                if district == "E07000107" {
                    writeln!(
                        persons,
                        "{district},{district_name},{child},{lsoa},\"1,500\",10,12"
                    )
                    .expect("a text grows");
                }
            }
        } else if child.starts_with("E01") {
            writeln!(
                changes,
                "{child},{},{to},{},S,E07000110,Maidstone,,1",
                name(&child),
                name(&to)
            )
            .expect("a text grows");
        }
    }
    let mut police = "LAD23CD,LAD23NM,PFA23CD,PFA23NM,ObjectId\nE09000004,Bexley,E23000001,Metropolitan Police,1\n".to_owned();
    let mut counties = "LAD23CD,LAD23NM,CTY23CD,CTY23NM,ObjectId\n".to_owned();
    for set in rows_of(&built_in("sets.csv")) {
        let file = if set[1].starts_with("E23") {
            &mut police
        } else {
            &mut counties
        };
        writeln!(file, "{},{},{},Kent,1", set[2], name(&set[2]), set[1]).expect("a text grows");
    }
    desk.write("wards-2019.csv", &by_year["2019"]);
    desk.write("wards-2025.csv", &by_year["2025"]);
    desk.write("changes.csv", &changes);
    desk.write("police.csv", &police);
    desk.write("counties.csv", &counties);
    desk.write("population-mid-2022.csv", &persons);
}

const KENT_FILES: &str =
    "population-mid-2022.csv changes.csv counties.csv police.csv wards-2025.csv wards-2019.csv";

#[test]
fn dartford_has_tables_of_its_own_wards_under_its_own_plan() {
    let desk = Desk::new();
    desk.run("init --area E07000107 --first-year 2025");
    desk.run("plan check");
    write_published_files_of_kent(&desk);
    let summary = desk.run(&format!("geography build {KENT_FILES}"));
    for found in [
        "18 wards of 2019",
        "18 wards of 2025",
        "58 LSOAs of 2011",
        "53 LSOAs of 2021",
        "79500 persons on 2022-06-30",
    ] {
        assert!(summary.contains(found), "expected {found}:\n{summary}");
    }
    let checked = desk.run("plan check");
    assert!(
        checked.contains("dartford-2025-26")
            && !checked.contains("smp-")
            && !checked.contains("warning:"),
        "{checked}"
    );

    // Newtown, Newtown and Temple Hill; one in Maidstone and one in Bexley. E01034993 is of 2021.
    let rows = [
        ("E01024136", "Burglary"),
        ("E01024136", "Anti-social behaviour"),
        ("E01024161", "Violence and sexual offences"),
        ("E01024161", "Violence and sexual offences"),
        ("E01024154", "Robbery"),
        ("E01034993", "Robbery"),
        ("E01000336", "Robbery"),
    ];
    desk.write(
        "2025-04-kent-street.csv",
        &street("Kent Police", "2025-04", &rows),
    );
    desk.count("2025-04-kent-street.csv");
    let plan = "dartford-2025-26";
    let month = "month:2025-04";
    let ward = |code: &str, kind: &str| (code.to_owned(), kind.to_owned());
    let totals = desk.wards(plan, "total", month);
    let crimes: BTreeMap<_, _> = totals
        .iter()
        .filter(|(_, count)| **count != Some(0))
        .collect();
    assert_eq!(
        crimes,
        BTreeMap::from([
            (&ward("E05012403", "crime"), &Some(3)),
            (&ward("E05012403", "incident"), &Some(1)),
            (&ward("E05012408", "crime"), &Some(1)),
        ])
    );
    let violence = desk.wards(plan, "serious-violence", month);
    assert_eq!(violence[&ward("E05012403", "crime")], Some(2));
    let in_area = desk.rows(plan).into_iter().find(|row| {
        row.is_plan_area && (&*row.series, &*row.kind) == ("serious-violence", "incident")
    });
    assert_eq!(in_area.expect("a row").count, None, "not supplied");
    assert_eq!(
        desk.wards(plan, "neighbourhood-crime", month)[&ward("E05012403", "crime")],
        Some(1)
    );
    let areas = |wanted: fn(&Row) -> bool| -> BTreeSet<(String, Option<i64>)> {
        let rows = desk
            .rows(plan)
            .into_iter()
            .filter(|row| row.series == "total" && row.kind == "crime");
        rows.filter(wanted)
            .map(|row| (row.area, row.count))
            .collect()
    };
    assert_eq!(
        areas(|row| row.is_plan_area),
        [("E07000107".to_owned(), Some(4))].into()
    );
    let sets = areas(|row| row.level == "set" && row.area.starts_with("kent"));
    assert_eq!(
        sets,
        [
            ("kent-12".to_owned(), Some(5)),
            ("kent-13".to_owned(), Some(5))
        ]
        .into()
    );
    let folders = fs::read_dir(desk.path("store/aggregates")).expect("a folder");
    let folders: Vec<_> = folders
        .map(|folder| folder.expect("listed").file_name())
        .collect();
    assert_eq!(folders, [plan]);

    // Its priorities are not those that the built-in rules for releases name.
    fs::create_dir(desk.path("config/releases")).expect("a folder");
    desk.write("config/releases/first.toml", RELEASE);
    desk.run("release make first");
    let missing = desk.fail("scorecard --partner kent-police", 2);
    assert!(missing.contains("no plan is adopted"), "{missing}");
}

const RELEASE: &str = r#"
format = 1
id = "first"
title = "Crimes of April 2025"
plan = "dartford-2025-26"
[[table]]
table = "window_totals"
windows = ["month:2025-04"]
levels = ["all-received", "district"]
series = ["plan"]
"#;

#[test]
fn a_load_replaces_the_store_of_another_and_no_other_folder() {
    let desk = Desk::new();
    let events = fs::read_to_string("schemas/examples/crime.json").expect("an example");
    let event: serde_json::Value = serde_json::from_str(&events).expect("JSON");
    let of = |subject: &str| {
        let mut event = event.clone();
        event["subject"] = subject.into();
        format!("{event}\n")
    };
    desk.write("all.jsonl", &(of("46-000001-17") + &of("46-000002-17")));
    desk.write("one.jsonl", &(of("46-000003-17") + "{}\n"));
    desk.run("load all.jsonl");
    assert!(desk.run("verify").contains("2 records"));
    // A rejected line is listed, and the others are loaded.
    let listed = desk.try_run("load one.jsonl");
    assert_eq!(listed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&listed.stdout).contains("line 2"));
    assert!(desk.run("verify").contains("1 record,"));
    fs::create_dir_all(desk.path("full/texts")).expect("a folder");
    desk.write("full/note.txt", "mine");
    let refused = desk.fail("load all.jsonl --store full", 2);
    assert!(refused.contains("is not empty"), "{refused}");
    assert_eq!(
        fs::read_to_string(desk.path("full/note.txt")).expect("there"),
        "mine"
    );
    let empty = desk.fail("verify --store full", 2);
    assert!(empty.contains("nothing to verify"), "{empty}");
}

#[test]
fn built_files_agree_with_those_that_are_built_in() {
    let desk = Desk::new();
    desk.run("init --area E07000110 --first-year 2025");
    write_published_files_of_kent(&desk);
    desk.run(&format!("geography build {KENT_FILES}"));
    let rows = |file: &str| -> BTreeSet<Vec<String>> {
        let text = fs::read_to_string(desk.path(&format!("config/geography/{file}"))).expect(file);
        assert!(
            text.contains("\n# source: Office for National Statistics: ")
                && text.contains("\n# licence: "),
            "{text}"
        );
        rows_of(&text).into_iter().collect()
    };
    let of_built_in =
        |file: &str| -> BTreeSet<Vec<String>> { rows_of(&built_in(file)).into_iter().collect() };
    assert_eq!(rows("sets.csv"), of_built_in("sets.csv"));
    let missing: Vec<_> = of_built_in("areas.csv")
        .difference(&rows("areas.csv"))
        .cloned()
        .collect();
    assert_eq!(missing, Vec::<Vec<String>>::new());
    let links = |rows: BTreeSet<Vec<String>>| -> BTreeSet<[String; 2]> {
        rows.into_iter()
            .map(|row| [row[0].clone(), row[1].clone()])
            .collect()
    };
    assert_eq!(links(rows("lookup.csv")), links(of_built_in("lookup.csv")));
}

#[test]
fn a_partnership_of_several_districts_is_a_set_of_them() {
    let desk = Desk::new();
    let without = desk.fail("init --area E22999901 --area-name Both --force kent", 2);
    assert!(without.contains("E22999901 is not a district"), "{without}");
    desk.run(
        "init --area E22999901 --area-name Both --force kent --first-year 2025 \
         --district E07000107=Dartford --district E07000109=Gravesham",
    );
    write_published_files_of_kent(&desk);
    let summary = desk.run("geography build wards-2019.csv police.csv");
    for found in [
        "Dartford (E07000107)",
        "Gravesham (E07000109)",
        "kent-13",
        "both-2 (E22999901)",
    ] {
        assert!(summary.contains(found), "expected {found}:\n{summary}");
    }
    assert!(desk.run("plan check").contains("both-2025-26"));
    // Two crimes in Dartford and one in Maidstone, which is in the police force and not in the partnership.
    let rows = [
        ("E01024136", "Robbery"),
        ("E01024161", "Robbery"),
        ("E01024336", "Robbery"),
    ];
    desk.write(
        "2025-04-kent-street.csv",
        &street("Kent Police", "2025-04", &rows),
    );
    desk.count("--vintage 2011 2025-04-kent-street.csv");
    desk.run("assess init draft --plan both-2025-26 --window month:2025-04");
    desk.run("assess write draft");
    let figures = fs::read_to_string(desk.path("store/assessments/draft/figures.json"))
        .expect("the figures of the document");
    let figures: serde_json::Value = serde_json::from_str(&figures).expect("JSON");
    let count = &figures["figures"]["total/kent-police/crime/count"];
    assert_eq!(count["value"], 2, "{count}");
    let document =
        fs::read_to_string(desk.path("store/assessments/draft/index.html")).expect("the document");
    assert!(document.contains("vulnerability in Both, April 2025"));
}

#[test]
fn leicester_has_tables_of_its_own_from_the_files_of_the_page() {
    let desk = Desk::new();
    desk.run(
        "init --area E06000016 --area-name Leicester --force leicestershire --first-year 2025",
    );
    let downloads = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docs");
    let mut copied = Vec::new();
    for file in fs::read_dir(downloads.join("ons")).expect("a folder") {
        let file = file.expect("listed");
        fs::copy(file.path(), desk.path(&file.file_name().to_string_lossy())).expect("copied");
        copied.push(file.file_name().to_string_lossy().into_owned());
    }
    desk.run(&format!("geography build {}", copied.join(" ")));
    let mut street_files = Vec::new();
    for month in ["2025-04", "2025-05", "2025-06"] {
        street_files.push(
            downloads
                .join(format!("{month}-leicestershire-street.csv"))
                .display()
                .to_string(),
        );
    }
    desk.count(&street_files.join(" "));
    let counts = desk.wards("leicester-2025-26", "total", "month:2025-05");
    let crimes: Vec<(&str, Option<i64>)> = counts
        .iter()
        .filter(|((_, kind), _)| kind == "crime")
        .map(|((ward, _), count)| (&**ward, *count))
        .collect();
    assert_eq!(
        crimes,
        [
            ("E05010458", Some(28)),
            ("E05010461", Some(19)),
            ("E05010463", Some(15))
        ]
    );
    // The whole force, but not the row in Kent.
    let rows = desk.rows("leicester-2025-26");
    let set = rows.iter().find(|row| {
        (&*row.area, &*row.series, &*row.kind, &*row.month)
            == ("leicestershire-9", "total", "crime", "month:2025-05")
    });
    assert_eq!(set.and_then(|row| row.count), Some(62));
    desk.run("assess init draft --plan leicester-2025-26 --window quarter:2025-q2");
    desk.run("assess write draft");
    let document =
        fs::read_to_string(desk.path("store/assessments/draft/index.html")).expect("the document");
    assert!(
        document.contains("Leicester Community Safety Partnership")
            && document.contains("Belgrave")
    );
    for word in ["Maidstone", "Kent"] {
        assert!(!document.contains(word), "{word}");
    }
}

#[test]
fn init_changes_no_file_and_names_every_missing_answer() {
    let desk = Desk::new();
    let missing = desk.fail("init", 2);
    assert!(
        missing.contains("missing: --area, --area-name, --force"),
        "{missing}"
    );
    let unknown = desk.fail(
        "init --area E06000016 --area-name Leicester --force leicestershir",
        2,
    );
    assert!(
        unknown.contains("did you mean `leicestershire`?"),
        "{unknown}"
    );
    assert!(!desk.path("config").exists());
    fs::create_dir(desk.path("config")).expect("a folder");
    desk.write("config/partners.toml", "mine");
    let refused = desk.fail("init --area E07000107", 2);
    assert!(
        refused.contains("nothing was written") && refused.contains("config/partners.toml"),
        "{refused}"
    );
    assert_eq!(
        fs::read_to_string(desk.path("config/partners.toml")).expect("there"),
        "mine"
    );
    assert_eq!(
        fs::read_dir(desk.path("config")).expect("a folder").count(),
        1
    );
}

#[test]
fn every_fault_of_the_published_files_is_reported_and_nothing_is_written() {
    let desk = Desk::new();
    desk.run("init --area E07000107 --first-year 2025");
    let before = fs::read_to_string(desk.path("config/geography/areas.csv")).expect("there");
    desk.write(
        "wards.csv",
        "LSOA21CD,LSOA21NM,WD24CD,WD24NM,LAD24CD,LAD24NM\n\
         E01024132,Dartford 012A,E05012396,Darenth,E07000107,Dartford\n\
         E01024132,Dartford 012A,E05012392,Bean & Village Park,E07000107,Dartford\n\
         ,Dartford 008A,E05012392,Bean & Village Park,E07000107,Dartford\n\
         wrong,Elsewhere,,,E06000035,Medway\n",
    );
    desk.write(
        "mid-2022.csv",
        "LSOA 2021 Code,Total\nE01024132,many\nE01099999,many\n",
    );
    desk.write("persons.csv", "LSOA21CD,Total\nE01024132,1500\n");
    desk.write("other.csv", "a,b\n1,2\n");
    let faults = desk.fail(
        "geography build wards.csv mid-2022.csv persons.csv other.csv nowhere.csv notes.pdf",
        2,
    );
    for fault in [
        "cannot build the geography (7 faults)",
        "wards.csv: line 3: E01024132 is in E05012392 here, and in E05012396 above",
        "wards.csv: line 4: `` is not a code of E01, W01",
        "mid-2022.csv: line 2: the persons of E01024132 are not a whole number",
        "persons.csv: the name of the file or sheet has no year, such as Mid-2022: pass --population-date",
        "other.csv: has no columns of a known look-up",
        "nowhere.csv: cannot be read: ",
        "notes.pdf: cannot be read: is neither CSV nor XLSX",
    ] {
        assert!(faults.contains(fault), "expected {fault}:\n{faults}");
    }
    assert_eq!(
        fs::read_to_string(desk.path("config/geography/areas.csv")).expect("there"),
        before
    );

    desk.write(
        "wards.csv",
        "LSOA21CD,LSOA21NM,WD24CD,WD24NM,LAD24CD,LAD24NM\nE01024132,A,E05012396,B,E07000107,C\n",
    );
    desk.write("config/geography/populations.csv", "# mine\n");
    let refused = desk.fail("geography build wards.csv", 2);
    assert!(
        refused.contains("nothing was written") && refused.contains("populations.csv"),
        "{refused}"
    );
    assert_eq!(
        fs::read_to_string(desk.path("config/geography/areas.csv")).expect("there"),
        before
    );
    fs::remove_file(desk.path("config/geography/populations.csv")).expect("removed");
    desk.run("geography build --population-date 2022-06-30 wards.csv persons.csv");
    let populations =
        fs::read_to_string(desk.path("config/geography/populations.csv")).expect("there");
    assert!(
        populations.ends_with(
            "E01024132,2021,persons,1500,2022-06-30,Population estimates of 2022-06-30\n"
        )
    );
}
