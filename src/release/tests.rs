//! Small worlds of a few areas, windows and series: what a release shows of them, and what an attacker
//! who has its files, and those of earlier releases, finds.

mod exact;
mod structure_of_plans;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use jiff::civil::date;
use proptest::prelude::*;

use super::attack::PublishedRelease;
use super::cells::{ExactCell, ExactCells, FigureRows, Known, RowKey};
use super::earlier::Earlier;
use super::keys::{AreaRef, CellKey, Measure, SeriesRef};
use super::protection::{self, ProtectedBlock, rounded};
use super::published::PublishedForm;
use super::relations::{AreaParts, Listing, SeriesRelation, SeriesRule, Structure};
use super::rules::{Revised, Safeguard};
use super::*;
use crate::aggregate::tables::TableValue;

const WINDOWS: [(&str, [i8; 2], i16); 4] = [
    ("fy:2017-18", [4, 3], 2018),
    ("quarter:2017-q2", [4, 6], 2017),
    ("quarter:2017-q3", [7, 9], 2017),
    ("quarter:2017-q4", [10, 12], 2017),
];

fn safeguard(hide: i64, spread: i64) -> Safeguard {
    Safeguard {
        rules: format!("hide-{hide}"),
        hide,
        spread,
        ..Safeguard::default()
    }
}

fn series(name: &str) -> SeriesRef {
    match name {
        "total" | "mapped" | "unmapped" => SeriesRef::named(name),
        "19" => SeriesRef {
            kind: "category".to_owned(),
            id: name.to_owned(),
            scheme: Some("mha-legal-status".to_owned()),
        },
        name if name.len() == 1 => SeriesRef {
            kind: "category".to_owned(),
            id: name.to_owned(),
            scheme: Some("codes".to_owned()),
        },
        name => SeriesRef {
            kind: "priority".to_owned(),
            ..SeriesRef::named(name)
        },
    }
}

fn area(code: &str) -> AreaRef {
    let level = match code {
        "all-received" => "all-received",
        "kent" => "set",
        code if code.starts_with('w') => "ward",
        _ => "district",
    };
    AreaRef {
        level: level.to_owned(),
        vintage: None,
        role: None,
        code: code.to_owned(),
    }
}

/// The reference data of the program.
static REFERENCE: LazyLock<Reference> = LazyLock::new(|| Reference::load(None).expect("built in"));

/// A released table with the numbers that belong to it.
fn table_of(name: &str, cells: &PublishedCells) -> table::ReleaseTable {
    let table = figures::find(name).expect("a table of figures");
    let columns = table.columns();
    let set = |row: &mut Vec<TableValue>, column: &str, value: TableValue| {
        if let Some(index) = columns.iter().position(|own| own.name == column) {
            row[index] = value;
        }
    };
    let rows = cells.keys().filter(|key| {
        let part = table.counts[0].part;
        let is_first = part.is_none_or(|part| key.measure.0.last() == Some(&Some(part.to_owned())));
        is_first && key.measure.table() == (!table.is_of_series()).then_some(name)
    });
    let rows = rows.map(|key| {
        let mut row = vec![TableValue::Null; columns.len()];
        let text = |text: &str| TableValue::Text(text.to_owned());
        set(&mut row, "partner", text(&key.partner));
        set(&mut row, "kind", text(&key.kind));
        set(&mut row, "series_kind", text(&key.series.kind));
        set(&mut row, "series", text(&key.series.id));
        set(
            &mut row,
            "scheme",
            TableValue::from(key.series.scheme.clone()),
        );
        set(&mut row, "area_level", text(&key.area.level));
        set(&mut row, "area_code", text(&key.area.code));
        set(&mut row, "window_id", text(&key.window));
        set(&mut row, "data_status", text("final"));
        set(&mut row, "segment", TableValue::Integer(1));
        set(&mut row, "population", TableValue::Integer(1_000));
        if key.area.code.starts_with('d') {
            set(&mut row, "rank_set", text("kent"));
        }
        for (column, value) in table.split.iter().zip(key.measure.0.iter().skip(1)) {
            set(&mut row, column, TableValue::from(value.clone()));
        }
        let baseline = (name == "change").then(|| "year-before".to_owned());
        set(&mut row, "baseline", TableValue::from(baseline.clone()));
        let cell = key.clone();
        (RowKey { cell, baseline }, row)
    });
    let figures = FigureRows {
        table,
        rows: rows.collect(),
        columns: columns.clone(),
    };
    let windows = cells.keys().filter_map(|key| {
        let window = REFERENCE.windows.get(&key.window)?;
        Some((key.window.clone(), (window.first, window.last())))
    });
    let windows = windows.collect();
    let mut tables = derived::tables(&[figures], cells, &windows, &REFERENCE);
    tables.remove(0)
}

/// What is counted: a part of the factor `f`, or a table and keys such as `outcomes:court:`.
fn measure(text: &str) -> Measure {
    let text = if text.contains(':') {
        text.to_owned()
    } else {
        format!("factors:f:{text}")
    };
    let keys = text.split(':');
    let keys = keys.map(|key| Some(key.to_owned()).filter(|key| !key.is_empty()));
    Measure(keys.collect())
}

/// The cells of one partner's kind, by short names.
#[derive(Clone)]
struct World {
    safeguard: Safeguard,
    cells: ExactCells,
    structure: Structure,
}

impl World {
    fn new(safeguard: Safeguard) -> Self {
        let months = WINDOWS.iter().map(|(id, [from, to], to_year)| {
            let (from, to) = (date(2017, *from, 1), date(*to_year, *to, 28));
            ((*id).to_owned(), cells::months(from, to))
        });
        Self {
            safeguard,
            cells: ExactCells::new(),
            structure: Structure {
                windows: months.collect(),
                ..Structure::default()
            },
        }
    }

    fn key(name: &str, code: &str, window: &str) -> CellKey {
        let (name, part) = name
            .split_once('/')
            .map_or((name, None), |(n, p)| (n, Some(p)));
        CellKey {
            partner: "p".to_owned(),
            kind: "k".to_owned(),
            series: series(name),
            measure: part.map_or_else(Measure::default, measure),
            area: area(code),
            window: window.to_owned(),
        }
    }

    fn known(&mut self, name: &str, code: &str, window: &str, known: Known) {
        let cell = ExactCell {
            known,
            safeguard: Arc::new(self.safeguard.clone()),
            base: None,
        };
        let key = Self::key(name, code, window);
        if key.measure.is_count() {
            self.structure.listings.insert(Listing::of(&key));
        }
        self.cells.insert(key, cell);
    }

    /// Adds exact numbers of the year, `name area count` each.
    fn with(mut self, numbers: &[(&str, &str, i64)]) -> Self {
        for (name, code, count) in numbers {
            self.known(name, code, WINDOWS[0].0, Known::Exact(*count));
        }
        self
    }

    fn relation(mut self, rule: SeriesRule, whole: &str, parts: &[&str]) -> Self {
        let (whole, factor) = whole
            .split_once('/')
            .map_or((whole, None), |(w, _)| (w, Some("f")));
        self.structure.series.push(SeriesRelation {
            partner: "p".to_owned(),
            kind: "k".to_owned(),
            rule,
            whole: series(whole),
            factor: factor.map(str::to_owned),
            parts: parts.iter().map(|name| series(name)).collect(),
        });
        self
    }

    fn area_parts(mut self, whole: &str, parts: &[&str], is_complete: bool) -> Self {
        let whole = area(whole);
        self.structure.areas.push(AreaParts {
            part_level: area(parts[0]).level,
            part_vintage: None,
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
            is_complete,
            level: whole.level,
            code: whole.code,
        });
        self
    }

    fn try_protect(&self, earlier: &Earlier) -> Result<ProtectedBlock, ReleaseError> {
        let mut cells = self.cells.clone();
        cells::set_bases(&mut cells, |_| None);
        protection::protect(&cells, &self.structure, earlier)
    }

    #[track_caller]
    fn protect(&self) -> PublishedCells {
        let protected = self.try_protect(&Earlier::default());
        let cells = protected.unwrap_or_else(|error| panic!("{error}")).cells;
        assert_eq!(self.attack(&[&cells]), [""; 0]);
        cells
    }

    /// What an attacker finds who has some releases.
    fn attack(&self, releases: &[&PublishedCells]) -> Vec<String> {
        let mut all = PublishedRelease::default();
        for cells in releases {
            let rule = attack::PublishedRule {
                hide: self.safeguard.hide,
                spread: self.safeguard.spread,
                round: self.safeguard.round,
                base: self.safeguard.base,
            };
            all.join(PublishedRelease {
                cells: cells
                    .iter()
                    .map(|(key, cell)| (key.clone(), cell.clone()))
                    .collect(),
                rules: BTreeMap::from([(self.safeguard.rules.clone(), rule)]),
                structure: self.structure.clone(),
                ..PublishedRelease::default()
            });
        }
        let found = attack::attack(&all).expect("files in order").findings;
        let found = found
            .into_iter()
            .filter(|own| own.kind != FindingKind::TwoForms);
        found
            .map(|own| format!("{}: {}", own.kind.as_str(), own.text))
            .collect()
    }

    /// The names of the suppressed numbers of the year.
    #[track_caller]
    fn hidden(&self) -> Vec<String> {
        hidden(&self.protect())
    }
}

fn hidden(cells: &PublishedCells) -> Vec<String> {
    let cells = cells
        .iter()
        .filter(|(_, cell)| matches!(cell.form, PublishedForm::Suppressed { .. }));
    let texts = cells.map(|(key, _)| {
        let keys = key.measure.0.iter();
        let keys: Vec<&str> = keys.map(|own| own.as_deref().unwrap_or_default()).collect();
        let part = match &*keys {
            [] => String::new(),
            ["factors", _, part] => format!("/{part}"),
            keys => format!("/{}", keys.join(":")),
        };
        format!("{}{part} {}", key.series.id, key.area.code)
    });
    texts.collect()
}

fn police() -> World {
    World::new(safeguard(4, 4))
}

#[test]
fn a_public_number_is_never_suppressed() {
    let mut world = police()
        .with(&[
            ("total", "all-received", 20),
            ("a", "all-received", 3),
            ("b", "all-received", 17),
        ])
        .relation(SeriesRule::Sum, "total", &["a", "b"]);
    assert_eq!(world.hidden(), ["a all-received", "b all-received"]);
    world.safeguard.is_public = true;
    let public = Arc::new(world.safeguard.clone());
    let key = World::key("b", "all-received", WINDOWS[0].0);
    world.cells.get_mut(&key).expect("a cell").safeguard = public;
    assert_eq!(world.hidden(), ["a all-received", "total all-received"]);
}

#[test]
fn the_parts_of_a_factor_are_cells_of_their_own() {
    let world = police().with(&[
        ("total", "all-received", 40),
        ("total/with", "all-received", 2),
        ("total/without", "all-received", 30),
        ("total/unknown", "all-received", 8),
    ]);
    assert_eq!(
        world.hidden(),
        ["total/unknown all-received", "total/with all-received"]
    );
}

#[test]
fn a_priority_reveals_what_is_mapped() {
    let mut world = police()
        .with(&[
            ("total", "all-received", 9),
            ("mapped", "all-received", 7),
            ("unmapped", "all-received", 2),
            ("gangs", "all-received", 7),
        ])
        .relation(SeriesRule::Sum, "total", &["mapped", "unmapped"])
        .relation(SeriesRule::Within, "mapped", &["gangs"])
        .relation(SeriesRule::Covered, "mapped", &["gangs"]);
    assert_eq!(
        world.hidden(),
        ["total all-received", "unmapped all-received"]
    );
    world.safeguard.is_public = true;
    let public = Arc::new(world.safeguard.clone());
    let key = World::key("total", "all-received", WINDOWS[0].0);
    world.cells.get_mut(&key).expect("a cell").safeguard = public;
    let all = ["mapped", "gangs", "unmapped"].map(|name| format!("{name} all-received"));
    assert_eq!(world.hidden(), all);
}

#[test]
fn a_part_of_a_priority_is_at_most_that_of_the_total() {
    // With and without are 8 together, and neither is above 5: each would be 3 to 5.
    let world = police().with(&[
        ("total", "all-received", 60),
        ("total/with", "all-received", 5),
        ("total/without", "all-received", 5),
        ("total/unknown", "all-received", 50),
        ("gangs", "all-received", 13),
        ("gangs/with", "all-received", 4),
        ("gangs/without", "all-received", 4),
        ("gangs/unknown", "all-received", 5),
    ]);
    assert!(world.hidden().len() > 2, "{:?}", world.hidden());
}

#[test]
fn the_codes_of_a_priority_leave_a_rest_that_is_protected() {
    // 13 under the priority, 11 of them by its code: 2 only by a mark.
    let world = police()
        .with(&[
            ("total", "all-received", 53),
            ("gangs", "all-received", 13),
            ("a", "all-received", 11),
            ("b", "all-received", 42),
        ])
        .relation(SeriesRule::Sum, "total", &["a", "b"])
        .relation(SeriesRule::SumAndRest, "gangs", &["a"]);
    assert_eq!(world.hidden(), ["gangs all-received"]);
    // A code that is a priority's only one exposes it.
    let world = police()
        .with(&[
            ("total", "all-received", 53),
            ("gangs", "all-received", 13),
            ("a", "all-received", 11),
            ("b", "all-received", 2),
            ("c", "all-received", 40),
        ])
        .relation(SeriesRule::Sum, "total", &["a", "b", "c"])
        .relation(SeriesRule::Sum, "gangs", &["a", "b"]);
    assert_eq!(world.hidden(), ["a all-received", "b all-received"]);
}

#[test]
fn a_relation_between_numbers_that_are_shown_counts_once_one_is_suppressed() {
    // 9 protects 3. The priority is that code alone, so it must be hidden as well.
    let world = police()
        .with(&[
            ("total", "all-received", 60),
            ("gangs", "all-received", 9),
            ("a", "all-received", 3),
            ("b", "all-received", 9),
            ("c", "all-received", 48),
        ])
        .relation(SeriesRule::Sum, "total", &["a", "b", "c"])
        .relation(SeriesRule::Sum, "gangs", &["b"]);
    let expected = ["a", "b", "gangs"].map(|name| format!("{name} all-received"));
    assert_eq!(world.hidden(), expected);
}

#[test]
fn the_groups_of_outcomes_are_the_series_and_outcomes_their_group() {
    let world = police().with(&[
        ("total", "all-received", 20),
        ("total/outcomes:court:", "all-received", 3),
        ("total/outcomes:unknown:", "all-received", 17),
    ]);
    assert_eq!(world.hidden().len(), 2);
    let world = police().with(&[
        ("total/outcomes:court:", "all-received", 20),
        ("total/outcomes:court:1", "all-received", 3),
        ("total/outcomes:court:2", "all-received", 17),
    ]);
    assert_eq!(world.hidden().len(), 2);
}

#[test]
fn records_without_an_outcome_are_protected_as_a_rest_of_their_group() {
    let world = police().with(&[
        ("total/outcomes:unknown:", "all-received", 20),
        ("total/outcomes:unknown:9", "all-received", 18),
    ]);
    assert_eq!(world.hidden().len(), 1, "20 less 18 would show 2");
}

#[test]
fn first_cases_and_those_that_do_not_say_are_protected_as_rests() {
    let numbers = |cases, repeats| {
        police().with(&[
            ("total", "all-received", 40),
            ("total/repeats:token:cases", "all-received", cases),
            ("total/repeats:token:repeats", "all-received", repeats),
        ])
    };
    assert_eq!(numbers(30, 20).hidden(), [""; 0]);
    assert_eq!(numbers(30, 28).hidden().len(), 1, "2 first cases");
    assert_eq!(numbers(38, 20).hidden().len(), 1, "2 that do not say");
}

#[test]
fn the_hours_of_a_week_are_the_window() {
    let world = police().with(&[
        ("total", "all-received", 20),
        ("total/profile:1:8", "all-received", 3),
        ("total/profile:1:9", "all-received", 17),
        ("total/profile::", "all-received", 0),
    ]);
    assert_eq!(world.hidden().len(), 2);
}

#[test]
fn the_places_of_safety_of_a_power_are_its_detentions() {
    let world = police().with(&[
        ("total", "all-received", 90),
        ("19", "all-received", 20),
        (
            "total/place_of_safety:s135:new:cell:car:adult",
            "all-received",
            3,
        ),
        (
            "total/place_of_safety:s135:new:ward:car:adult",
            "all-received",
            17,
        ),
    ]);
    assert_eq!(world.hidden().len(), 2);
}

#[test]
fn what_an_area_without_a_row_can_have_is_at_most_its_records() {
    // Nobody is without a location, so the districts are all that have the factor.
    let world = police().with(&[
        ("total", "all-received", 100),
        ("total", "d1", 50),
        ("total", "d2", 50),
        ("total", "no-location", 0),
        ("total/with", "all-received", 20),
        ("total/with", "d1", 17),
        ("total/with", "d2", 3),
    ]);
    assert_eq!(world.hidden().len(), 2);
}

#[test]
fn a_base_that_is_not_in_the_release_is_empty() {
    let mut world = police().with(&[("total", "d1", 30)]);
    let row = |world: &World| {
        let table = table_of("change", &world.protect());
        let of_year = table
            .rows
            .iter()
            .find(|row| row[table.index("window_id")].text() == Some(WINDOWS[0].0));
        let row = of_year.expect("a comparison");
        ["base_min", "base_status", "difference", "why_not"]
            .map(|name| row[table.index(name)].clone())
    };
    let text = |text: &str| TableValue::Text(text.to_owned());
    let missing = text("missing");
    let absent = [
        TableValue::Null,
        text("not_supplied"),
        TableValue::Null,
        missing,
    ];
    assert_eq!(row(&world), absent);
    world.known("total", "d1", "fy:2016-17", Known::Exact(20));
    let shown = [
        TableValue::Integer(20),
        text("exact"),
        TableValue::Integer(10),
        TableValue::Null,
    ];
    assert_eq!(row(&world), shown);
    world.known("total", "d1", "fy:2016-17", Known::Exact(3));
    let hidden = [
        TableValue::Integer(1),
        text("suppressed"),
        TableValue::Null,
        text("inexact"),
    ];
    assert_eq!(row(&world), hidden);
}

#[test]
fn a_comparison_with_a_base_that_the_release_hides_is_found() {
    let mut world = police().with(&[("total", "d1", 30)]);
    world.known("total", "d1", "fy:2016-17", Known::Exact(3));
    let cells = world.protect();
    let mut table = table_of("change", &cells);
    let base = table.index("base_min");
    for row in &mut table.rows {
        row[base] = TableValue::Integer(3);
    }
    let rule = attack::PublishedRule {
        hide: 4,
        spread: 4,
        ..attack::PublishedRule::default()
    };
    let mut release = PublishedRelease {
        cells: cells.into_iter().collect(),
        rules: BTreeMap::from([("hide-4".to_owned(), rule)]),
        structure: world.structure.clone(),
        tables: vec![table],
        ..PublishedRelease::default()
    };
    for id in ["fy:2016-17", "fy:2017-18"] {
        let window = REFERENCE.windows.get(id).expect("a window");
        let span = (window.first, window.last());
        release.structure.windows.insert(id.to_owned(), span);
    }
    let found = attack::attack(&release).expect("files in order").findings;
    assert_eq!(found[0].kind, FindingKind::Derived);
}

#[test]
fn a_chart_with_a_hidden_month_has_no_centre() {
    let chart = |last: i64| {
        let mut world = police();
        for month in 4..=12_i64 {
            let count = if month == 12 { last } else { 20 + month };
            let window = format!("month:2017-{month:02}");
            world.known("total", "d1", &window, Known::Exact(count));
        }
        for month in 1..=3 {
            let window = format!("month:2018-{month:02}");
            world.known("total", "d1", &window, Known::Exact(20));
        }
        let table = table_of("spc", &world.protect());
        let of = |name: &str| table.rows[0][table.index(name)].clone();
        [
            of("centre") == TableValue::Null,
            of("signal") == TableValue::Text("excluded".to_owned()),
        ]
    };
    assert_eq!(chart(20), [false, false]);
    assert_eq!(chart(3), [true, true]);
}

#[test]
fn a_priority_of_another_plan_is_the_same_only_if_its_scope_is() {
    let plan = |id: &str, series: &[[&str; 2]]| attack::PlanScopes {
        id: id.to_owned(),
        series: series
            .iter()
            .map(|[id, scope]| ["priority", id, scope].map(str::to_owned))
            .collect(),
    };
    let own = plan("new", &[["crime-of-gangs", "1"], ["other", "3"]]);
    let mut earlier = PublishedRelease {
        plan: plan("old", &[["gangs", "1"], ["other", "2"]]),
        ..PublishedRelease::default()
    };
    let cells = police()
        .with(&[
            ("total", "d1", 30),
            ("gangs", "d1", 20),
            ("other", "d1", 20),
            ("mapped", "d1", 25),
        ])
        .protect();
    earlier.cells = cells.into_iter().collect();
    earlier.rename(&own);
    let series: BTreeSet<String> = earlier
        .cells
        .into_iter()
        .map(|(key, _)| key.series.id)
        .collect();
    let expected = ["crime-of-gangs", "old/mapped", "old/other", "total"];
    assert_eq!(series, expected.map(str::to_owned).into());
}

#[test]
fn codes_that_were_shown_before_are_known_beside_their_sum() {
    // The first release had two codes; the second shows their sum, and hides it.
    let parts = [("a", "all-received", 9), ("b", "all-received", 8)];
    let first = police().with(&parts).protect();
    let world = police()
        .with(&[
            ("total", "all-received", 20),
            ("c", "all-received", 3),
            ("w", "all-received", 17),
        ])
        .relation(SeriesRule::Sum, "total", &["c", "w"])
        .relation(SeriesRule::Sum, "w", &["a", "b"]);
    let merges = structure::merges(&world.structure);
    let of_w = World::key("w", "all-received", WINDOWS[0].0);
    assert!(merges.iter().any(|merge| merge.is_sum(&of_w)));
    let ghosts = police().with(&parts).cells;
    let after = world
        .try_protect(&earlier_of(first.clone(), &ghosts))
        .expect("protectable");
    assert_eq!(
        hidden(&after.cells),
        ["c all-received", "total all-received"]
    );
    assert_eq!(world.attack(&[&first, &after.cells]), [""; 0]);
}

#[test]
fn areas_of_a_level_with_those_of_no_area_are_everything_received() {
    let world = police().with(&[
        ("total", "all-received", 40),
        ("total", "d1", 20),
        ("total", "d2", 17),
        ("total", "no-location", 3),
    ]);
    assert_eq!(
        world.hidden().len(),
        2,
        "3 without a location, and one district"
    );
}

#[test]
fn a_set_is_the_sum_of_its_districts() {
    let numbers = [
        ("total", "kent", 23),
        ("total", "d1", 20),
        ("total", "d2", 3),
    ];
    let complete = police()
        .with(&numbers)
        .area_parts("kent", &["d1", "d2"], true);
    assert_eq!(complete.hidden(), ["total d1", "total d2"]);
    let partial = police()
        .with(&[("total", "kent", 40), numbers[1], numbers[2]])
        .area_parts("kent", &["d1", "d2"], false);
    assert_eq!(partial.hidden(), ["total d2"], "others are in the set");
}

#[test]
fn a_quarter_is_the_sum_of_its_months() {
    let mut world = police();
    world.known("total", "d1", "quarter:2017-q2", Known::Exact(32));
    for (month, count) in [(4, 20), (5, 9), (6, 3)] {
        let id = format!("month:2017-{month:02}");
        let day = date(2017, month, 1);
        world
            .structure
            .windows
            .insert(id.clone(), cells::months(day, day));
        world.known("total", "d1", &id, Known::Exact(count));
    }
    let cells = world.protect();
    let form = |window: &str| cells[&World::key("total", "d1", window)].form;
    let suppressed = PublishedForm::Suppressed { low: 1 };
    assert_eq!(form("month:2017-06"), suppressed, "3 is small");
    assert_eq!(
        form("month:2017-05"),
        suppressed,
        "32 - 20 - 9 would show it"
    );
    assert_eq!(form("month:2017-04"), PublishedForm::Exact(20));
}

#[test]
fn a_year_less_its_quarters_is_protected() {
    let mut world = police().with(&[("total", "all-received", 32)]);
    for (quarter, count) in WINDOWS[1..].iter().zip([10, 11, 9]) {
        world.known("total", "all-received", quarter.0, Known::Exact(count));
    }
    // January to March is not in the release, and is 2.
    let cells = world.protect();
    assert_eq!(hidden(&cells).len(), 1);
    world.structure.windows.clear();
    let blind = world.try_protect(&Earlier::default()).expect("no relation");
    assert_eq!(
        hidden(&blind.cells).len(),
        0,
        "without the windows nothing is known to be small"
    );
}

#[test]
fn a_zero_is_shown_and_a_hidden_number_is_at_least_1() {
    let world = police()
        .with(&[
            ("total", "all-received", 10),
            ("a", "all-received", 3),
            ("b", "all-received", 0),
            ("c", "all-received", 7),
        ])
        .relation(SeriesRule::Sum, "total", &["a", "b", "c"]);
    let cells = world.protect();
    assert_eq!(hidden(&cells), ["a all-received", "c all-received"]);
    for (key, cell) in &cells {
        let expected = if key.series.id == "b" {
            PublishedForm::Exact(0)
        } else {
            PublishedForm::Suppressed { low: 1 }
        };
        assert!(key.series.id == "total" || cell.form == expected, "{key:?}");
    }
}

#[test]
fn a_breakdown_of_a_small_total_is_hidden_completely() {
    let world = World::new(Safeguard {
        base: 4,
        ..safeguard(0, 0)
    });
    let world = world
        .with(&[
            ("total", "all-received", 3),
            ("a", "all-received", 0),
            ("b", "all-received", 3),
        ])
        .relation(SeriesRule::Sum, "total", &["a", "b"]);
    let cells = world.protect();
    assert_eq!(hidden(&cells), ["a all-received", "b all-received"]);
    let forms: BTreeSet<_> = cells
        .values()
        .map(|cell| format!("{:?}", cell.form))
        .collect();
    assert_eq!(
        forms,
        ["Exact(3)", "Suppressed { low: 0 }"]
            .map(str::to_owned)
            .into()
    );
}

fn health() -> World {
    World::new(Safeguard {
        round: 5,
        ..safeguard(7, 5)
    })
}

#[test]
fn a_number_is_rounded_to_the_nearest_5_and_never_stands_for_a_hidden_one() {
    for (value, expected) in [(8, 10), (12, 10), (13, 15), (17, 15), (18, 20)] {
        assert_eq!(rounded(value), expected);
    }
    let cells = health()
        .with(&[("total", "all-received", 12), ("a", "all-received", 0)])
        .protect();
    let forms: Vec<PublishedForm> = cells.values().map(|cell| cell.form).collect();
    let ten = PublishedForm::Rounded {
        value: 10,
        low: 8,
        high: 12,
    };
    assert_eq!(forms, [PublishedForm::Exact(0), ten]);
}

#[test]
fn a_rounded_number_does_not_stand_for_one_that_would_be_hidden() {
    let world = World::new(Safeguard {
        round: 5,
        ..safeguard(9, 5)
    });
    let cells = world.with(&[("total", "all-received", 11)]).protect();
    let form = cells.values().map(|cell| cell.form).next();
    let expected = PublishedForm::Rounded {
        value: 10,
        low: 10,
        high: 12,
    };
    assert_eq!(form, Some(expected), "9 would be hidden");
}

#[test]
fn a_share_is_of_published_numbers() {
    let cells = health()
        .with(&[("total", "all-received", 60), ("gangs", "all-received", 41)])
        .protect();
    let table = table_of("window_totals", &cells);
    let share = table.index("share_pct");
    let tenths = |row: &Vec<TableValue>| match row[share] {
        TableValue::Number(number) => Some((number * 10.0).round() as i64),
        _ => None,
    };
    assert_eq!(tenths(&table.rows[0]), Some(667), "40 of 60, not 41 of 60");
}

#[test]
fn nothing_is_computed_from_a_hidden_number_and_its_set_has_no_ranks() {
    let world = police().with(&[("total", "d1", 30), ("total", "d2", 3), ("total", "d3", 8)]);
    let cells = world.protect();
    let table = table_of("window_totals", &cells);
    let values = |column: &str| -> Vec<bool> {
        let index = table.index(column);
        table
            .rows
            .iter()
            .map(|row| row[index] != TableValue::Null)
            .collect()
    };
    assert_eq!(values("rate_per_1000"), [true, false, true]);
    assert_eq!(values("rank_min"), [false, false, false]);
    let shown = police()
        .with(&[("total", "d1", 30), ("total", "d2", 13)])
        .protect();
    let table = table_of("window_totals", &shown);
    let rank = table.index("rank_min");
    let ranks: Vec<_> = table.rows.iter().map(|row| row[rank].integer()).collect();
    assert_eq!(ranks, [Some(1), Some(2)]);
}

#[test]
fn a_share_of_or_beside_a_hidden_number_is_empty() {
    let shares = |gangs: i64, total: i64| {
        let numbers = [("total", "d1", total), ("gangs", "d1", gangs)];
        let table = table_of("window_totals", &police().with(&numbers).protect());
        let share = table.index("share_pct");
        let rows = table.rows.iter();
        rows.map(|row| row[share] != TableValue::Null)
            .collect::<Vec<_>>()
    };
    assert_eq!(shares(20, 30), [true, true]);
    assert_eq!(shares(3, 30), [false, true]);
    assert_eq!(shares(0, 3), [false, false]);
}

#[test]
fn the_harm_of_a_total_is_empty_if_a_code_of_its_weights_is_hidden() {
    let mut files = TextFiles::built_in();
    let weights = "# licence: ours\nscheme,code,weight,unit,source\nho-category,8N,2,days,us\n\
        ho-category,10A,3,days,us\n";
    files.put("harm/own.csv", weights.to_owned());
    let reference = Reference::read(&files).expect("valid");
    let code = |id: &str| SeriesRef {
        kind: "category".to_owned(),
        id: id.to_owned(),
        scheme: Some("ho-category".to_owned()),
    };
    let harm = |counts: [i64; 3]| {
        let total = World::key("total", "d1", WINDOWS[0].0);
        let keys = [
            total.of_series(code("10A")),
            total.of_series(code("8N")),
            total.clone(),
        ];
        let mut world = police();
        for (key, count) in keys.iter().zip(counts) {
            world.known("total", "d1", WINDOWS[0].0, Known::Exact(count));
            let cell = world.cells.remove(&total).expect("a cell");
            world.cells.insert(key.clone(), cell);
        }
        let cells = world.protect();
        let mut table = table_of("window_totals", &cells);
        let keys: Vec<RowKey> = cells
            .keys()
            .map(|cell| RowKey {
                cell: cell.clone(),
                baseline: None,
            })
            .collect();
        let (set, harm) = (table.index("harm_set"), table.index("harm"));
        for row in &mut table.rows {
            row[set] = TableValue::Text("own".to_owned());
        }
        let windows = BTreeMap::new();
        let derivation = derived::Derivation::new(&[], &cells, &windows, &reference);
        derivation.derive(&mut table, &keys.iter().collect::<Vec<_>>());
        let rows = table.rows.iter();
        rows.map(|row| row[harm].clone()).collect::<Vec<_>>()
    };
    let number = |number: f64| TableValue::Number(number);
    let shown = harm([10, 20, 30]);
    assert_eq!(shown, [number(30.0), number(40.0), number(70.0)]);
    let hidden = harm([3, 20, 23]);
    assert_eq!(hidden, [TableValue::Null, number(40.0), TableValue::Null]);
}

#[test]
fn what_was_not_supplied_is_neither_0_nor_suppressed() {
    let mut world = police().with(&[("total", "all-received", 20)]);
    world.known("a", "all-received", WINDOWS[0].0, Known::Missing);
    let cells = world.protect();
    assert_eq!(
        cells[&World::key("a", "all-received", WINDOWS[0].0)].form,
        PublishedForm::NotSupplied
    );
}

#[test]
fn numbers_that_contradict_one_another_are_refused() {
    let world = police()
        .with(&[
            ("total", "all-received", 20),
            ("a", "all-received", 3),
            ("b", "all-received", 16),
        ])
        .relation(SeriesRule::Sum, "total", &["a", "b"]);
    let error = world
        .try_protect(&Earlier::default())
        .map(|_| ())
        .expect_err("20 is not 19");
    assert!(
        matches!(error, ReleaseError::Contradiction { .. }),
        "{error}"
    );
}

fn earlier_of(cells: PublishedCells, present: &ExactCells) -> Earlier {
    let mut earlier = Earlier::default();
    earlier.add(cells);
    earlier.add_ghosts(present);
    earlier
}

#[test]
fn a_number_that_was_suppressed_stays_suppressed() {
    let mut world = police().with(&[("total", "d1", 3), ("total", "d2", 250)]);
    let before = world.protect();
    world = world.with(&[("total", "d1", 9), ("total", "d2", 252)]);
    let earlier = earlier_of(before.clone(), &ExactCells::new());
    let after = world.try_protect(&earlier).expect("protectable");
    assert_eq!(hidden(&after.cells), ["total d1"]);
    assert_eq!((after.summary.sticky, after.summary.revised.len()), (1, 1));
    // Where the rule demands it, a small revision is hidden too.
    world.safeguard.revised = Revised::Hide;
    let again = world
        .clone()
        .with(&[("total", "d1", 9), ("total", "d2", 252)]);
    let after = again.try_protect(&earlier).expect("protectable");
    assert_eq!(hidden(&after.cells), ["total d1", "total d2"]);
}

#[test]
fn a_number_that_an_earlier_release_hid_is_not_computed_from_a_later_one_also_if_it_has_grown() {
    let [_, (quarter, ..), (next, ..), _] = WINDOWS;
    let mut world = police();
    let half = cells::months(date(2017, 4, 1), date(2017, 9, 30));
    world.structure.windows.insert("half".to_owned(), half);
    let of = |counts: &[(&str, i64)]| {
        let mut world = world.clone();
        for (window, count) in counts {
            world.known("total", "all-received", window, Known::Exact(*count));
        }
        world
    };
    let first = of(&[(quarter, 3), (next, 20)]).protect();
    assert_eq!(hidden(&first), ["total all-received"]);
    // The half year less the second quarter is the first one, which was hidden.
    let grown = of(&[(quarter, 9), (next, 20)]);
    let second = of(&[("half", 29)]);
    let alone = second.try_protect(&Earlier::default());
    assert_eq!(hidden(&alone.expect("protectable").cells), [""; 0]);
    let after = second.try_protect(&earlier_of(first, &grown.cells));
    assert_eq!(
        hidden(&after.expect("protectable").cells),
        ["total all-received"]
    );
}

#[test]
fn the_areas_of_a_table_that_compares_them_are_not_everything() {
    let counted = police().with(&[
        ("total", "all-received", 33),
        ("total", "d1", 20),
        ("total", "d2", 10),
    ]);
    let listed = counted.try_protect(&Earlier::default());
    assert!(matches!(listed, Err(ReleaseError::Contradiction { .. })));
    // A control chart has no row for the records of no area.
    let mut compared = counted;
    compared.structure.listings.clear();
    assert_eq!(compared.hidden(), [""; 0]);
    // The districts of a set are all that is in it, in every table; of a district, some wards may be unknown.
    let wards = [("total", "d1", 20), ("total", "w1", 9), ("total", "w2", 8)];
    let mut world = police().with(&wards).area_parts("d1", &["w1", "w2"], true);
    world.structure.listings.clear();
    assert_eq!(world.hidden(), [""; 0]);
    let districts = [
        ("total", "kent", 20),
        ("total", "d1", 17),
        ("total", "d2", 3),
    ];
    let mut world = police()
        .with(&districts)
        .area_parts("kent", &["d1", "d2"], true);
    world.structure.listings.clear();
    assert_eq!(world.hidden(), ["total d1", "total d2"]);
}

#[test]
fn a_listed_window_lists_the_areas_of_the_windows_in_it() {
    let [(year, ..), (quarter, ..), ..] = WINDOWS;
    let mut world = police();
    for window in [year, quarter] {
        for (code, count) in [("all-received", 23), ("d1", 20), ("d2", 3)] {
            world.known("total", code, window, Known::Exact(count));
        }
    }
    world.structure.listings.retain(|own| own.window == year);
    let hidden: Vec<(String, String)> = world
        .protect()
        .into_iter()
        .filter(|(_, cell)| cell.form.value().is_none())
        .map(|(key, _)| (key.window, key.area.code))
        .collect();
    assert_eq!(hidden.len(), 4, "{hidden:?}");
}

#[test]
fn a_number_of_an_earlier_release_is_known_also_if_this_one_does_not_show_it() {
    // The first release shows the year without a quarter; the second all but one of that quarter.
    let mut all = police().with(&[
        ("total", "all-received", 20),
        ("total", "d1", 17),
        ("total", "d2", 3),
    ]);
    let first = {
        let mut world = police().with(&[("total", "all-received", 20)]);
        world.structure = all.structure.clone();
        world.protect()
    };
    let key = World::key("total", "all-received", WINDOWS[0].0);
    let present = all.cells.clone();
    all.cells.remove(&key);
    let alone = all.try_protect(&Earlier::default()).expect("protectable");
    assert_eq!(hidden(&alone.cells), ["total d2"]);
    let exposed = all.attack(&[&first, &alone.cells]);
    assert!(
        exposed.iter().any(|found| found.starts_with("exposed")),
        "{exposed:?}"
    );
    let ghosts: ExactCells = present.into_iter().filter(|(own, _)| *own == key).collect();
    let after = all
        .try_protect(&earlier_of(first.clone(), &ghosts))
        .expect("protectable");
    assert_eq!(hidden(&after.cells), ["total d1", "total d2"]);
    assert_eq!(all.attack(&[&first, &after.cells]), [""; 0]);
}

#[test]
fn a_remainder_is_not_counted_where_a_release_joined_its_parts() {
    // Of the districts, only d3 and those outside have a count of the code alone.
    let world = police()
        .with(&[
            ("gangs", "all-received", 90),
            ("gangs", "d1", 30),
            ("gangs", "d2", 20),
            ("gangs", "d3", 25),
            ("gangs", "outside", 15),
            ("a", "all-received", 60),
            ("a", "d1-d2", 35),
            ("a", "d3", 15),
            ("a", "outside", 10),
        ])
        .area_parts("d1-d2", &["d1", "d2"], true)
        .relation(SeriesRule::SumAndRest, "gangs", &["a"]);
    assert_eq!(world.hidden(), [""; 0]);
}

#[test]
fn a_code_newer_than_every_release_is_known_to_be_missing_in_what_they_showed() {
    let first = police()
        .with(&[
            ("total", "all-received", 20),
            ("total/outcomes:court:", "all-received", 20),
            ("total/outcomes:court:1", "all-received", 20),
        ])
        .protect();
    let present = police().with(&[
        ("total/outcomes:court:", "all-received", 30),
        ("total/outcomes:court:1", "all-received", 21),
        ("total/outcomes:court:2", "all-received", 9),
    ]);
    let second = police().with(&[("total", "all-received", 30)]);
    let after = second.try_protect(&earlier_of(first.clone(), &present.cells));
    assert_eq!(hidden(&after.expect("protectable").cells), [""; 0]);
    // A code without records takes nothing from the others: they are the group.
    let none = police().with(&[
        ("total/outcomes:court:", "all-received", 30),
        ("total/outcomes:court:1", "all-received", 21),
        ("total/outcomes:court:2", "all-received", 0),
    ]);
    let wrong = second.try_protect(&earlier_of(first, &none.cells));
    assert!(matches!(wrong, Err(ReleaseError::Contradiction { .. })));
}

#[test]
fn areas_that_one_release_shows_and_another_merges_are_counted_once() {
    let shown = police().with(&[
        ("total", "all-received", 33),
        ("total", "w1", 3),
        ("total", "w2", 12),
        ("total", "w3", 18),
    ]);
    let first = shown.protect();
    assert_eq!(hidden(&first), ["total w1", "total w2"]);
    let mut releases = vec![first];
    let mut earlier = Earlier::default();
    earlier.add(releases[0].clone());
    let mut present = shown.cells.clone();
    // The merges of two releases have an area in common.
    for (merged, count, other, number) in [("w1-w2", 15, "w3", 18), ("w2-w3", 30, "w1", 3)] {
        let mut world = police()
            .with(&[
                ("total", "all-received", 33),
                ("total", merged, count),
                ("total", other, number),
            ])
            .area_parts("w1-w2", &["w1", "w2"], true);
        if releases.len() > 1 {
            world = world.area_parts("w2-w3", &["w2", "w3"], true);
        }
        earlier.add_ghosts(&present);
        let made = world.try_protect(&earlier).expect("protectable");
        releases.push(made.cells.clone());
        let all: Vec<&PublishedCells> = releases.iter().collect();
        assert_eq!(world.attack(&all), [""; 0], "{merged}");
        earlier.add(made.cells);
        present.extend(world.cells.clone());
    }
    // Once 33 is known, the area that is left is what is hidden.
    assert_eq!(hidden(&releases[1]), [""; 0]);
    assert_eq!(hidden(&releases[2]), ["total w1", "total w2-w3"]);
}

/// A year of two districts, two codes and a rest, with the sums that a release has.
fn random_world(counts: &[i64], shows_quarters: bool) -> World {
    let mut world = police()
        .relation(SeriesRule::Sum, "total", &["a", "b", "c"])
        .relation(SeriesRule::SumAndRest, "gangs", &["a"])
        .relation(SeriesRule::Within, "total", &["gangs"])
        .area_parts("kent", &["d1", "d2"], true);
    let mut add = |name: &str, code: &str, window: usize, count: i64| {
        let key = World::key(name, code, WINDOWS[window].0);
        let known = world.cells.get(&key).map(|cell| cell.known);
        let before = match known {
            Some(Known::Exact(before)) => before,
            _ => 0,
        };
        if window == 0 || shows_quarters {
            world.known(name, code, WINDOWS[window].0, Known::Exact(before + count));
        }
    };
    for (index, count) in counts.iter().enumerate() {
        let (code, district, quarter) = (index % 3, index / 3 % 2, index / 6 % 4);
        for area in ["all-received", "kent", ["d1", "d2"][district]] {
            for window in BTreeSet::from([0, (quarter + 1) % 4]) {
                add(["a", "b", "c"][code], area, window, *count);
                add("total", area, window, *count);
                let marked = if code == 0 { *count } else { count / 3 };
                add("gangs", area, window, marked);
            }
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Years are released first, quarters later, and after corrections: whoever has all releases finds
    /// nothing. What cannot be protected is refused, not published.
    #[test]
    fn releases_over_time_withstand_an_attack_on_all_of_them(
        counts in prop::collection::vec(0..=14_i64, 24),
        late in prop::collection::vec(0..=40_i64, 24),
    ) {
        let first = random_world(&counts, false);
        let Ok(published) = first.try_protect(&Earlier::default()) else { return Ok(()) };
        prop_assert_eq!(first.attack(&[&published.cells]), [""; 0]);
        let earlier = earlier_of(published.cells.clone(), &ExactCells::new());
        let second = random_world(&counts, true);
        if let Ok(after) = second.try_protect(&earlier) {
            prop_assert_eq!(second.attack(&[&after.cells]), [""; 0]);
            prop_assert_eq!(second.attack(&[&published.cells, &after.cells]), [""; 0]);
        }
        // A few late records: one number in ten changes.
        let corrected: Vec<i64> = counts
            .iter()
            .zip(&late)
            .map(|(count, late)| count + if *late < 4 { *late } else { 0 })
            .collect();
        let third = random_world(&corrected, false);
        if let Ok(after) = third.try_protect(&earlier) {
            prop_assert_eq!(third.attack(&[&after.cells]), [""; 0]);
            for (key, cell) in &published.cells {
                let was_hidden = matches!(cell.form, PublishedForm::Suppressed { .. });
                let is_shown = after.cells[key].form.value().is_some_and(|value| value > 0);
                prop_assert!(!(was_hidden && is_shown), "{}", key.text());
            }
        }
    }
}

#[test]
fn a_release_of_which_an_attack_finds_something_has_no_manifest() {
    let attack = ReleaseAttack {
        findings: vec![Finding {
            kind: FindingKind::TwoForms,
            text: "a number".to_owned(),
        }],
        ..ReleaseAttack::default()
    };
    let error = PassedAttack::new(attack).map(PassedAttack::into_result);
    assert!(matches!(error, Err(ReleaseError::Internal { findings: 1 })));
    assert!(PassedAttack::new(ReleaseAttack::default()).is_ok());
}
