//! Releases made from small exact tables, in a store in memory: what becomes of a row on its way to a published file.

use bytes::Bytes;
use object_store::memory::InMemory;
use tokio::runtime::Runtime;

use super::*;
use crate::release::table::ReleaseTable;

const PLAN: &str = "smp-2017-18";
const ID: &str = "small";
const YEAR: &str = "fy:2017-18";
const APRIL: &str = "month:2017-04";

struct Quiet;

impl RunProgress for Quiet {
    fn begin(&mut self, _: &'static str, _: u64) {}
    fn advance(&mut self, _: u64) {}
}

/// A row of an exact table: `table series area window status counts`. A series of codes is `scheme:code`; what a table
/// splits it by follows, such as `total/court:`. Of a number that is not exact, only the least value is given.
fn row(line: &str) -> (&'static figures::FigureTable, Vec<TableValue>) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [table, series, area, window, status, counts] = words[..] else {
        panic!("`{line}` is not a row");
    };
    let table = figures::find(table).expect("a table of figures");
    let window = REFERENCE.windows.get(window).expect("a window");
    let (series, own_keys) = series.split_once('/').unwrap_or((series, ""));
    let (scheme, id) = match series.split_once(':') {
        Some((scheme, id)) => (Some(scheme), id),
        None => (None, series),
    };
    let kind = match (scheme, id) {
        (Some(_), _) => "category",
        (None, "total" | "mapped" | "unmapped") => id,
        _ => "priority",
    };
    let (level, vintage) = match area {
        "all-received" => (area, None),
        ward if ward.starts_with("E05") => ("ward", Some("2019")),
        _ => ("district", None),
    };
    let counts: Vec<i64> = counts
        .split(',')
        .map(|count| count.parse().expect("a count"))
        .collect();
    let exact = (status == "exact").then_some(counts[0]);
    let texts = [
        ("partner", Some("kent-police")),
        ("feed", Some("police")),
        ("kind", Some("crime")),
        ("series_kind", Some(kind)),
        ("series", Some(id)),
        ("scheme", scheme),
        ("area_level", Some(level)),
        ("area_vintage", vintage),
        ("area_role", (level != area).then_some("incident")),
        ("area_code", Some(area)),
        ("window_id", Some(&window.id)),
        ("data_status", Some("final")),
        ("count_status", Some(status)),
    ];
    let columns = table.exact().columns();
    let mut values = vec![TableValue::Null; columns.len()];
    let mut set = |column: &str, value: TableValue| {
        let index = columns.iter().position(|own| own.name == column);
        values[index.unwrap_or_else(|| panic!("no column {column}"))] = value;
    };
    for (column, text) in texts {
        set(column, TableValue::from(text));
    }
    set("window_from", TableValue::Date(window.first.first_day()));
    set("window_to", TableValue::Date(window.last().last_day()));
    set("count_value", TableValue::from(exact));
    set("count_min", TableValue::Integer(counts[0]));
    set("count_max", TableValue::from(exact));
    for (count, value) in table.counts.iter().zip(&counts).skip(1) {
        set(count.column, TableValue::Integer(*value));
    }
    for (column, key) in table.split.iter().zip(own_keys.split(':')) {
        set(
            column,
            TableValue::from(Some(key).filter(|key| !key.is_empty())),
        );
    }
    (table, values)
}

/// Rows of exact tables, and the release that is made of them.
struct ExactWorld {
    files: TextFiles,
    rows: Vec<String>,
}

impl ExactWorld {
    fn new(rows: &[&str]) -> Self {
        Self {
            files: TextFiles::built_in(),
            rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        }
    }

    /// Adds a table to the release: its name, windows, levels and series.
    fn releasing(mut self, table: &str, windows: &str, levels: &[&str], series: &[&str]) -> Self {
        let path = format!("releases/{ID}.toml");
        let begun = self.files.text(&path).map_or_else(
            || format!("format = 1\nid = \"{ID}\"\ntitle = \"Small\"\nplan = \"{PLAN}\"\n"),
            str::to_owned,
        );
        let request = format!(
            "[[table]]\ntable = \"{table}\"\nwindows = [\"{windows}\"]\nlevels = {levels:?}\n\
             series = {series:?}\n"
        );
        self.files.put(path, begun + &request);
        self
    }

    fn with_rules(mut self, rules: &str) -> Self {
        self.files.put("disclosure.toml", rules.to_owned());
        self
    }

    /// The store with the exact tables.
    fn store(&self, runtime: &Runtime) -> Store {
        let store = Store::from_object_store(Arc::new(InMemory::new()));
        let mut rows: BTreeMap<&str, Vec<Vec<TableValue>>> = BTreeMap::new();
        for line in &self.rows {
            let (table, values) = row(line);
            rows.entry(table.name).or_default().push(values);
        }
        let source = tables::find("rules").expect("a table").columns();
        let source = source.iter().map(|column| match column.name {
            "partner" => TableValue::from(Some("kent-police")),
            "kind" => TableValue::from(Some("crime")),
            "source" => TableValue::from(Some("urn:partner:kent-police:crime")),
            _ => TableValue::Null,
        });
        rows.insert("rules", vec![source.collect()]);
        let create = |name: &str, bytes: Bytes| {
            let path = format!("aggregates/{PLAN}/{name}");
            let created = runtime.block_on(store.create(&path, bytes));
            created.expect("created");
        };
        create(PROVENANCE, Bytes::from_static(b"{}"));
        for spec in tables::TABLES {
            let table = ReleaseTable {
                name: spec.name,
                description: String::new(),
                columns: spec.columns(),
                rows: rows.remove(spec.name).unwrap_or_default(),
            };
            let file = table.parquet().expect("encoded");
            create(&format!("{}.parquet", spec.name), file);
        }
        store
    }

    fn made(&self) -> MadeRelease {
        let runtime = Runtime::new().expect("threads");
        let store = self.store(&runtime);
        let run = ReleaseRun {
            files: &self.files,
            reference: &REFERENCE,
            store: &store,
            runtime: runtime.handle(),
        };
        make(&run, ID, &[], &mut Quiet).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A table of a release, read back from its file.
fn released(made: &MadeRelease, name: &str) -> ReleaseTable {
    let table = figures::find(name).expect("a table of figures");
    let mut files = made.files.iter();
    let file = files.find(|(file, _)| *file == format!("{name}.parquet"));
    let (_, bytes) = file.expect("the table");
    ReleaseTable::read(table.name, table.columns(), bytes.clone()).expect("readable")
}

/// What is published of the only row of a series, an area and a window: the status and the value of each count, and the
/// bounds of the first.
#[track_caller]
fn published(made: &MadeRelease, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, series, area, window] = words[..] else {
        panic!("`{line}` does not name a row");
    };
    let (series, own_keys) = series.split_once('/').unwrap_or((series, ""));
    let table = released(made, name);
    let figures = figures::find(name).expect("a table of figures");
    let keys = [
        ("series", series),
        ("area_code", area),
        ("window_id", window),
    ];
    let own_keys = figures.split.iter().copied().zip(own_keys.split(':'));
    let keys: Vec<(usize, &str)> = keys
        .into_iter()
        .chain(own_keys)
        .map(|(column, key)| (table.index(column), key))
        .collect();
    let mut rows = table.rows.iter().filter(|row| {
        let mut keys = keys.iter();
        keys.all(|(index, key)| row[*index].key().unwrap_or_default() == *key)
    });
    let Some(row) = rows.next() else {
        return "no row".to_owned();
    };
    assert_eq!(rows.count(), 0, "other rows of `{line}`");
    let text = |column: &str| row[table.index(column)].key().unwrap_or("-".to_owned());
    let counts = figures.counts.iter();
    let counts = counts.flat_map(|count| [text(count.status), text(count.column)]);
    let bounds = ["count_min", "count_max"].map(text);
    counts.chain(bounds).collect::<Vec<_>>().join(" ")
}

const BOTH_LEVELS: [&str; 2] = ["all-received", "district"];

#[test]
fn what_a_table_leaves_out_is_0_where_what_it_is_a_part_of_is_exact() {
    let made = ExactWorld::new(&[
        "window_totals total all-received fy:2017-18 exact 70",
        "window_totals total E07000110 fy:2017-18 exact 40",
        "window_totals total E07000105 fy:2017-18 exact 20",
        "window_totals total E07000106 fy:2017-18 partial 6",
        "window_totals ho-category:8N all-received fy:2017-18 exact 55",
        "window_totals ho-category:8N E07000110 fy:2017-18 exact 25",
        "window_totals ho-category:8N E07000105 fy:2017-18 exact 20",
        "window_totals ho-category:10A all-received fy:2017-18 exact 15",
        "window_totals ho-category:10A E07000110 fy:2017-18 exact 15",
        "outcomes total/court: all-received fy:2017-18 exact 30",
        "outcomes total/court: E07000110 fy:2017-18 exact 25",
        "outcomes total/unknown: all-received fy:2017-18 exact 40",
        "outcomes total/unknown: E07000110 fy:2017-18 exact 15",
        "outcomes total/unknown: E07000105 fy:2017-18 exact 20",
    ])
    .releasing(
        "window_totals",
        YEAR,
        &BOTH_LEVELS,
        &["plan", "ho-category"],
    )
    .releasing("outcomes", YEAR, &BOTH_LEVELS, &["total"])
    .made();
    for (row, expected) in [
        ("window_totals 10A E07000105 fy:2017-18", "exact 0 0 0"),
        (
            "window_totals 10A E07000106 fy:2017-18",
            "not_supplied - 0 -",
        ),
        (
            "window_totals 8N E07000106 fy:2017-18",
            "not_supplied - 0 -",
        ),
        ("outcomes total/court: E07000105 fy:2017-18", "exact 0 0 0"),
        (
            "outcomes total/court: E07000106 fy:2017-18",
            "not_supplied - 0 -",
        ),
        (
            "outcomes total/court: E07000110 fy:2017-18",
            "exact 25 25 25",
        ),
    ] {
        assert_eq!(published(&made, row), expected, "{row}");
    }
}

#[test]
fn a_partial_number_is_published_as_not_supplied() {
    let made = ExactWorld::new(&[
        "window_totals total E07000110 fy:2017-18 exact 40",
        "window_totals total E07000105 fy:2017-18 partial 20",
    ])
    .releasing("window_totals", YEAR, &["district"], &["total"])
    .made();
    let row = "window_totals total E07000105 fy:2017-18";
    assert_eq!(published(&made, row), "not_supplied - 0 -");
}

/// A priority by a factor: the records with it, without it, and those that do not say.
fn made_with_factor(counts: &str) -> MadeRelease {
    let series = ["plan"];
    ExactWorld::new(&[
        "window_totals total all-received fy:2017-18 exact 60",
        "window_totals substance-misuse all-received fy:2017-18 exact 40",
        &format!("factors substance-misuse/mental-health all-received fy:2017-18 exact {counts}"),
    ])
    .releasing("window_totals", YEAR, &["all-received"], &series)
    .releasing("factors", YEAR, &["all-received"], &series)
    .made()
}

#[test]
fn each_count_of_a_factor_has_a_form_of_its_own() {
    let parts = |counts: &str| {
        published(
            &made_with_factor(counts),
            "factors substance-misuse/mental-health all-received fy:2017-18",
        )
    };
    assert_eq!(parts("20,15,5"), "exact 20 exact 15 exact 5 20 20");
    assert_eq!(
        parts("20,3,17"),
        "exact 20 suppressed - suppressed - 20 20",
        "3 is small, and 17 protects it"
    );
}

#[test]
fn the_manifest_comes_last_and_only_after_an_attack_on_all_numbers() {
    let made = made_with_factor("20,3,17");
    assert_eq!((made.attack.cells, made.attack.suppressed), (5, 2));
    let names: Vec<&str> = made.files.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names.last(), Some(&MANIFEST));
    assert_eq!(names.iter().filter(|name| **name == MANIFEST).count(), 1);
}

#[test]
fn a_number_of_two_tables_has_one_form_and_the_rules_of_both() {
    let made = ExactWorld::new(&[
        "window_totals total all-received month:2017-04 exact 6",
        "priority_monthly total all-received month:2017-04 exact 6",
    ])
    .with_rules(
        "format = 1\n[[rule]]\nid = \"all\"\nsystems = [\"crime\"]\nhide = 4\nspread = 4\n\
         [[rule]]\nid = \"months\"\ntables = [\"priority_monthly\"]\nhide = 7\nspread = 5\n",
    )
    .releasing("window_totals", APRIL, &["all-received"], &["total"])
    .releasing("priority_monthly", APRIL, &["all-received"], &["total"])
    .made();
    for name in ["window_totals", "priority_monthly"] {
        let row = format!("{name} total all-received month:2017-04");
        assert_eq!(published(&made, &row), "suppressed - 1 -");
        let table = released(&made, name);
        let rules = table.rows[0][table.index("rule")].text();
        assert_eq!(rules, Some("all;months"));
    }
    assert_eq!(made.attack.cells, 1);
}

#[test]
fn equal_rows_in_another_order_give_equal_files() {
    // In each district two codes protect a third equally well.
    let rows: Vec<String> = (105..=116)
        .flat_map(|district| {
            let counts = [("total", 21), ("ho-category:8N", 3)];
            let counts = counts
                .into_iter()
                .chain([("ho-category:10A", 9), ("ho-category:36", 9)]);
            counts.map(move |(series, count)| {
                format!("window_totals {series} E07000{district} fy:2017-18 exact {count}")
            })
        })
        .collect();
    let made = |rows: &[&str]| {
        ExactWorld::new(rows)
            .releasing(
                "window_totals",
                YEAR,
                &["district"],
                &["total", "ho-category"],
            )
            .made()
    };
    let mut rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let first = made(&rows);
    assert_eq!(first.attack.suppressed, 24);
    rows.reverse();
    let second = made(&rows);
    for (a, b) in first.files.iter().zip(&second.files) {
        assert!(a == b, "{} and {} differ", a.0, b.0);
    }
}

/// Two codes in two wards, whose months only the monthly tables have.
const MONTHS_OF_WARDS: [&str; 8] = [
    "priority_monthly total all-received month:2017-04 exact 60",
    "priority_monthly total E05004992 month:2017-04 exact 38",
    "priority_monthly total E05004996 month:2017-04 exact 22",
    "category_monthly ho-category:8N all-received month:2017-04 exact 36",
    "category_monthly ho-category:8N E05004992 month:2017-04 exact 36",
    "category_monthly ho-category:10A all-received month:2017-04 exact 24",
    "category_monthly ho-category:10A E05004992 month:2017-04 exact 2",
    "category_monthly ho-category:10A E05004996 month:2017-04 exact 22",
];

#[test]
fn months_of_wards_come_from_the_monthly_tables() {
    let levels = ["all-received", "ward@2019"];
    let made = ExactWorld::new(&MONTHS_OF_WARDS)
        .releasing("priority_monthly", APRIL, &levels, &["plan"])
        .releasing("category_monthly", APRIL, &levels, &["ho-category"])
        .made();
    for (row, expected) in [
        ("category_monthly 8N E05004996 month:2017-04", "exact 0 0 0"),
        (
            "category_monthly 10A E05004992 month:2017-04",
            "suppressed - 1 -",
        ),
    ] {
        assert_eq!(published(&made, row), expected, "{row}");
    }
}

#[test]
fn a_number_of_an_earlier_release_is_read_from_the_table_that_has_it() {
    let world = ExactWorld::new(&MONTHS_OF_WARDS).releasing(
        "priority_monthly",
        APRIL,
        &["ward@2019"],
        &["plan"],
    );
    let runtime = Runtime::new().expect("threads");
    let store = world.store(&runtime);
    let config = ReleaseConfig::read(&world.files, &REFERENCE, ID).expect("no fault");
    let rules = DisclosureRules::read(&world.files, &REFERENCE).expect("no fault");
    let key = |series: SeriesRef| CellKey {
        partner: "kent-police".to_owned(),
        kind: "crime".to_owned(),
        series,
        measure: Measure::default(),
        area: AreaRef {
            level: "ward".to_owned(),
            vintage: Some("2019".to_owned()),
            role: Some("incident".to_owned()),
            code: "E05004996".to_owned(),
        },
        window: APRIL.to_owned(),
    };
    let code = |id: &str| SeriesRef {
        kind: "category".to_owned(),
        id: id.to_owned(),
        scheme: Some("ho-category".to_owned()),
    };
    let keys = [SeriesRef::named("total"), code("10A"), code("8N")].map(key);
    let mut earlier = Earlier::default();
    earlier.add(keys.clone().map(|key| {
        let cell = published::PublishedCell {
            form: PublishedForm::Exact(22),
            rules: String::new(),
        };
        (key, cell)
    }));
    let mut needed: Vec<&str> = earlier.tables().collect();
    needed.dedup();
    assert_eq!(needed, ["category_monthly", "priority_monthly"]);
    let tables = ExactTables::load(&store, runtime.handle(), &config, needed.into_iter());
    let tables = tables.expect("the tables");
    let found = cells::find(keys.iter(), &[], &rules, &tables);
    let found = keys.map(|key| found.get(&key).map(|cell| cell.known));
    // The code without a row has no records now.
    assert_eq!(found, [22, 22, 0].map(|count| Some(Known::Exact(count))));
}
