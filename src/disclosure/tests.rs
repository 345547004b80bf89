//! Known tables: what an attacker finds, and what must be suppressed.

#![allow(
    clippy::many_single_char_names,
    reason = "tables are small, and their cells are named as in the literature"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Cells by name, so that a test reads like its table.
#[derive(Default)]
struct Table {
    names: Vec<String>,
    system: System,
}

impl Table {
    fn add(&mut self, name: &str, cell: Cell) -> usize {
        self.names.push(name.to_owned());
        self.system.cells.push(cell);
        self.names.len() - 1
    }

    /// A cell of a source that hides 1 to 4.
    fn count(&mut self, name: &str, value: i64) -> usize {
        self.source(name, value, 4, 4)
    }

    fn source(&mut self, name: &str, value: i64, hide: i64, spread: i64) -> usize {
        let is_small = (1..=hide).contains(&value);
        self.add(
            name,
            if is_small {
                Cell::hidden(value, spread)
            } else {
                Cell::shown(value, spread)
            },
        )
    }

    fn equal<const N: usize>(&mut self, whole: usize, parts: [usize; N]) {
        self.system.relations.push(Relation::equal(whole, parts));
    }

    fn hidden(&self) -> Vec<&str> {
        let cells = self.names.iter().zip(&self.system.cells);
        cells
            .filter(|(_, cell)| cell.is_hidden())
            .map(|(name, _)| &**name)
            .collect()
    }

    /// The bounds of a hidden cell.
    #[track_caller]
    fn bounds(&self, name: &str) -> (i64, Option<i64>) {
        let index = self
            .names
            .iter()
            .position(|own| own == name)
            .expect("a cell");
        let intervals = attack(&self.system, true).expect("no contradiction");
        let found = intervals.iter().find(|interval| interval.cell == index);
        let found = found.expect("a hidden cell");
        (found.least, found.most)
    }

    #[track_caller]
    fn protect(&mut self) -> Protection {
        assert_eq!(self.system.contradictions(), []);
        let protection = protect(&mut self.system).expect("protectable");
        self.check_safe();
        protection
    }

    #[track_caller]
    fn check_safe(&self) {
        for interval in attack(&self.system, false).expect("no contradiction") {
            let cell = &self.system.cells[interval.cell];
            assert!(
                !interval.is_narrower_than(cell.spread),
                "{}: {interval:?}",
                self.names[interval.cell]
            );
        }
    }
}

#[test]
fn a_total_exposes_a_single_hidden_part() {
    let mut t = Table::default();
    let [total, a, b] = [t.count("T", 20), t.count("A", 3), t.count("B", 17)];
    t.equal(total, [a, b]);
    assert_eq!(t.bounds("A"), (3, Some(3)));
    t.protect();
    assert_eq!(t.hidden(), ["A", "B"]);
    assert_eq!(t.bounds("A"), (1, Some(19)));
}

#[test]
fn hidden_parts_protect_each_other_only_if_their_sum_leaves_room() {
    let mut t = Table::default();
    let [total, a, b, c] = [("T", 6), ("A", 1), ("B", 2), ("C", 3)].map(|(n, v)| t.count(n, v));
    let total_shown = &mut t.system.cells[total];
    total_shown.form = Form::Exact;
    t.equal(total, [a, b, c]);
    assert_eq!(t.protect().suppressions, []);
    assert_eq!(t.bounds("A"), (1, Some(4)));

    let mut t = Table::default();
    let [total, a, b, c] = [("T", 5), ("A", 1), ("B", 2), ("C", 2)].map(|(n, v)| t.count(n, v));
    t.equal(total, [a, b, c]);
    assert_eq!(t.bounds("B"), (1, Some(3)));
    t.protect();
    assert_eq!(t.hidden(), ["T", "A", "B", "C"]);
}

#[test]
fn the_cheapest_shown_cell_is_suppressed() {
    let mut t = Table::default();
    let [total, a, b, c, d] =
        [("T", 15), ("A", 10), ("B", 3), ("C", 1), ("D", 1)].map(|(n, v)| t.count(n, v));
    t.equal(total, [a, b, c, d]);
    assert_eq!(t.bounds("B"), (1, Some(3)));
    t.protect();
    assert_eq!(t.hidden(), ["A", "B", "C", "D"]);
    assert_eq!(t.bounds("B"), (1, Some(12)));
}

#[test]
fn a_cell_that_is_suppressed_for_another_is_protected_as_well() {
    // The cheapest change moves B by 1, as far as the bounds allow, and C by 2. So B would be 4 or 5.
    let mut t = Table::default();
    let [total, low] = [("T", 26), ("K", 4)].map(|(n, v)| t.add(n, Cell::public(v)));
    let [a, b, c, high] = [("A", 3), ("B", 5), ("C", 18), ("L", 5)].map(|(n, v)| t.count(n, v));
    t.equal(total, [a, b, c]);
    t.system.relations.push(Relation::at_most(b, [low]));
    t.system.relations.push(Relation::at_most(high, [b]));
    t.protect();
    assert_eq!(t.hidden(), ["A", "B", "C", "L"]);
}

#[test]
fn a_zero_is_known_and_protects_nothing() {
    let mut t = Table::default();
    let [year, a, b, c, d] =
        [("Y", 10), ("A", 3), ("B", 0), ("C", 7), ("D", 0)].map(|(n, v)| t.count(n, v));
    t.equal(year, [a, b, c, d]);
    t.protect();
    assert_eq!(t.hidden(), ["A", "C"]);
    assert_eq!(t.bounds("A"), (1, Some(9)));
}

/// total = mapped + unmapped, and one priority between.
fn priority_table(total: Cell) -> Table {
    let mut t = Table::default();
    let total = t.add("T", total);
    let [m, u, p] = [("M", 7), ("U", 2), ("P", 7)].map(|(n, v)| t.count(n, v));
    t.equal(total, [m, u]);
    t.system.relations.push(Relation::at_most(m, [p]));
    t.system.relations.push(Relation::at_least(m, [p]));
    t
}

#[test]
fn a_priority_reveals_what_is_mapped() {
    let mut t = priority_table(Cell::public(9));
    t.protect();
    assert_eq!(t.hidden(), ["M", "U", "P"]);
    assert_eq!(t.bounds("U"), (1, Some(8)));
    let mut t = priority_table(Cell::shown(9, 4));
    t.protect();
    assert_eq!(t.hidden(), ["T", "U"], "9 events are fewer than 14");
}

#[test]
fn the_codes_of_a_priority_reveal_a_code() {
    let mut t = Table::default();
    let total = t.add("T", Cell::public(53));
    let [v, r, o, p] = [("V", 11), ("R", 2), ("O", 40), ("P", 13)].map(|(n, v)| t.count(n, v));
    t.equal(total, [v, r, o]);
    t.equal(p, [v, r]);
    assert_eq!(t.bounds("R"), (2, Some(2)));
    t.protect();
    assert_eq!(t.hidden(), ["V", "R"]);
    assert_eq!(t.bounds("R"), (1, Some(12)));
}

#[test]
fn the_parts_of_a_factor_are_cells() {
    let mut t = Table::default();
    let [series, with, without, unknown] =
        [("S", 12), ("with", 2), ("without", 3), ("unknown", 7)].map(|(n, v)| t.count(n, v));
    t.equal(series, [with, without, unknown]);
    assert_eq!(t.protect().suppressions, []);
    assert_eq!(t.hidden(), ["with", "without"]);
    assert_eq!(t.bounds("without"), (1, Some(4)));
    // If only the records with the factor were a cell, the others would expose it.
    t.system.cells[without].form = Form::Exact;
    assert_eq!(t.bounds("with"), (2, Some(2)));
}

#[test]
fn a_rounded_value_stands_for_all_that_round_to_it() {
    let mut t = Table::default();
    let rounded = |value, low, high| Cell {
        form: Form::Rounded { low, high },
        ..Cell::shown(value, 5)
    };
    let total = t.add("T", rounded(12, 8, 12));
    let a = t.add("A", rounded(9, 8, 12));
    let b = t.add("B", Cell::hidden(3, 5));
    t.equal(total, [a, b]);
    assert_eq!(t.bounds("B"), (1, Some(4)));
    t.protect();
    assert_eq!(t.hidden(), ["A", "B"]);
    assert_eq!(t.bounds("B"), (1, Some(11)));
}

#[test]
fn a_triangle_of_public_sums_cannot_be_protected() {
    let mut t = Table::default();
    let [x, y, z] = [("X", 2), ("Y", 3), ("Z", 1)].map(|(n, v)| t.count(n, v));
    for (name, value, parts) in [("XY", 5, [x, y]), ("YZ", 4, [y, z]), ("XZ", 3, [x, z])] {
        let sum = t.add(name, Cell::public(value));
        t.equal(sum, parts);
    }
    for name in ["X", "Y", "Z"] {
        let (least, most) = t.bounds(name);
        assert_eq!(most, Some(least), "{name}");
    }
    let failed = protect(&mut t.system).expect_err("nothing may be suppressed");
    assert_eq!(failed.len(), 3);
}

#[test]
fn an_earlier_release_exposes_the_month_between() {
    let mut t = Table::default();
    let year = t.count("year", 20);
    let earlier = t.add("April to February", Cell::public(18));
    let march = t.add(
        "March",
        Cell {
            floor: 0,
            ..Cell::hidden(2, 4)
        },
    );
    t.equal(year, [earlier, march]);
    assert_eq!(t.bounds("March"), (2, Some(2)));
    t.protect();
    assert_eq!(t.hidden(), ["year", "March"]);
    assert_eq!(t.bounds("March"), (0, None));
}

/// A publisher's own table: 60 = x + 30 + 0 + 0 + 28 + 2.
#[test]
fn a_publishers_hyphen_is_computed_exactly() {
    let mut t = Table::default();
    let total = t.add("T", Cell::public(60));
    let hyphen = t.add(
        "x",
        Cell {
            floor: 0,
            ..Cell::hidden(0, 2)
        },
    );
    let parts = [30, 0, 0, 28, 2].map(|value| t.add("", Cell::public(value)));
    t.equal(
        total,
        [hyphen, parts[0], parts[1], parts[2], parts[3], parts[4]],
    );
    assert_eq!(t.bounds("x"), (0, Some(0)));
}

#[test]
fn a_breakdown_that_is_hidden_as_a_whole_hides_its_zeros() {
    for (base, values) in [(3, [0, 3, 0]), (1, [0, 1, 0])] {
        let mut t = Table::default();
        let total = t.add("T", Cell::public(base));
        let spread = (base + 1).min(4);
        let [a, b, c] = values.map(|value| {
            t.add(
                "part",
                Cell {
                    floor: 0,
                    ..Cell::hidden(value, spread)
                },
            )
        });
        t.equal(total, [a, b, c]);
        assert_eq!(t.protect().suppressions, []);
        assert_eq!(t.bounds("part"), (0, Some(base)));
    }
}

/// Real counts with all their margins.
fn maidstone(hide: i64, spread: i64) -> Table {
    let text = include_str!("../../tests/fixtures/maidstone-wards-by-type.csv");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(',').collect())
        .collect();
    let mut t = Table::default();
    let mut wards: Vec<Vec<usize>> = Vec::new();
    for row in &rows[1..] {
        let counts = row[1..].iter().zip(&rows[0][1..]);
        let cells = counts.map(|(count, kind)| {
            let value = count.parse().expect("a count");
            t.source(&format!("{}: {kind}", row[0]), value, hide, spread)
        });
        wards.push(cells.collect());
    }
    let sum = |t: &Table, cells: &[usize]| -> i64 {
        cells.iter().map(|cell| t.system.cells[*cell].value).sum()
    };
    let mut margins = Vec::new();
    for ward in &wards {
        let value = sum(&t, ward);
        let margin = t.source("ward", value, hide, spread);
        t.system
            .relations
            .push(Relation::equal(margin, ward.iter().copied()));
        margins.push(margin);
    }
    let mut types = Vec::new();
    for kind in 0..wards[0].len() {
        let column: Vec<usize> = wards.iter().map(|ward| ward[kind]).collect();
        let value = sum(&t, &column);
        let margin = t.source("type", value, hide, spread);
        t.system.relations.push(Relation::equal(margin, column));
        types.push(margin);
    }
    let value = sum(&t, &types);
    let all = t.source("all", value, hide, spread);
    t.system.relations.push(Relation::equal(all, margins));
    t.system.relations.push(Relation::equal(all, types));
    t
}

#[track_caller]
fn check_maidstone(
    (hide, spread): (i64, i64),
    (primary, pinned, narrow): (usize, usize, usize),
    (suppressed, events): (usize, i64),
) {
    let mut t = maidstone(hide, spread);
    assert_eq!(t.system.contradictions(), []);
    assert_eq!(t.hidden().len(), primary);
    let intervals = attack(&t.system, true).expect("no contradiction");
    let exposed = intervals.iter().filter(|found| found.is_exposed()).count();
    let too_narrow = intervals
        .iter()
        .filter(|found| found.is_narrower_than(spread));
    assert_eq!((exposed, too_narrow.count()), (pinned, narrow));
    let protection = t.protect();
    let found = protection.suppressions.iter();
    let values: Vec<i64> = found.map(|s| t.system.cells[s.cell].value).collect();
    assert_eq!((values.len(), values.iter().sum()), (suppressed, events));
}

#[test]
fn wards_by_type_with_numbers_to_7_hidden() {
    check_maidstone((7, 5), (122, 4, 10), (5, 45));
}

#[test]
fn wards_by_type_with_numbers_to_4_hidden() {
    check_maidstone((4, 4), (87, 10, 19), (8, 50));
}

/// A table of random counts with all its margins.
fn random_table(counts: &[i64], size: [usize; 3], hide: i64) -> Table {
    let mut t = Table::default();
    let within = |i: usize, n: usize| if i == n { 0..n } else { i..i + 1 };
    let value = |at: [usize; 3]| -> i64 {
        let [rows, columns, layers] = [0, 1, 2].map(|axis| within(at[axis], size[axis]));
        rows.flat_map(|r| columns.clone().map(move |c| (r, c)))
            .flat_map(|(r, c)| layers.clone().map(move |l| counts[(r * 4 + c) * 2 + l]))
            .sum()
    };
    let [rows, columns, layers] = size;
    let places: Vec<[usize; 3]> = (0..=rows)
        .flat_map(|r| (0..=columns).map(move |c| (r, c)))
        .flat_map(|(r, c)| (0..=layers).map(move |l| [r, c, l]))
        .collect();
    let mut cells = BTreeMap::new();
    for at in &places {
        let cell = if *at == size {
            t.add("all", Cell::public(value(*at)))
        } else {
            t.source("cell", value(*at), hide, 4)
        };
        cells.insert(*at, cell);
    }
    for at in &places {
        for axis in (0..3).filter(|axis| at[*axis] == size[*axis]) {
            let parts = (0..size[axis]).map(|i| {
                let mut part = *at;
                part[axis] = i;
                cells[&part]
            });
            let relation = Relation::equal(cells[at], parts);
            t.system.relations.push(relation);
        }
    }
    t
}

/// Every value that a hidden cell has in any complete table, by trying all of them. `None` = too many.
fn possible_values(system: &System, target: usize) -> Option<BTreeSet<i64>> {
    let hidden: Vec<usize> = (0..system.cells.len())
        .filter(|cell| system.cells[*cell].is_hidden())
        .collect();
    let mut search = Search {
        system,
        hidden: &hidden,
        relations_by_cell: system.relations_by_cell(),
        values: system.cells.iter().map(|cell| cell.value).collect(),
        target,
        found: BTreeSet::new(),
        steps: 0,
    };
    search.try_from(0).then_some(search.found)
}

struct Search<'s> {
    system: &'s System,
    hidden: &'s [usize],
    relations_by_cell: Vec<Vec<usize>>,
    values: Vec<i64>,
    target: usize,
    found: BTreeSet<i64>,
    steps: usize,
}

impl Search<'_> {
    /// Tries every value of the hidden cells from one on; false = given up.
    fn try_from(&mut self, at: usize) -> bool {
        self.steps += 1;
        if self.steps > 2_000 {
            return false;
        }
        let Some(cell) = self.hidden.get(at).copied() else {
            self.found.insert(self.values[self.target]);
            return true;
        };
        let truth = self.values[cell];
        for value in self.system.cells[cell].floor..=25 {
            self.values[cell] = value;
            let open = &self.hidden[at + 1..];
            let relations = &self.relations_by_cell[cell];
            let fits = relations.iter().all(|relation| {
                let relation = &self.system.relations[*relation];
                let is_open = |cell: &usize| open.binary_search(cell).is_ok();
                let terms = &relation.terms;
                let sum = terms
                    .iter()
                    .map(|(cell, factor)| factor * self.values[*cell])
                    .sum();
                terms.iter().any(|(cell, _)| is_open(cell)) || relation.allows(sum)
            });
            if fits && !self.try_from(at + 1) {
                return false;
            }
        }
        self.values[cell] = truth;
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_protected_table_withstands_the_attack(
        counts in prop::collection::vec(0..=12_i64, 32),
        rows in 2..=4_usize,
        columns in 2..=4_usize,
        layers in 1..=2_usize,
    ) {
        let mut t = random_table(&counts, [rows, columns, layers], 4);
        prop_assert_eq!(t.system.contradictions(), []);
        let again = {
            let mut again = System::clone(&t.system);
            protect(&mut again).map(|protection| (protection, again.cells))
        };
        let protection = protect(&mut t.system);
        prop_assert_eq!(again, protection.map(|protection| (protection, t.system.cells.clone())));
        t.check_safe();
    }

    /// The attack bounds a cell by fractions; trying all whole tables finds nothing outside, and a
    /// protected cell has enough values.
    #[test]
    fn every_possible_table_is_within_the_bounds_of_the_attack(
        counts in prop::collection::vec(0..=7_i64, 32),
        is_protected in any::<bool>(),
    ) {
        let mut t = random_table(&counts, [3, 2, 1], 4);
        if is_protected {
            prop_assume!(protect(&mut t.system).is_ok());
        }
        for interval in attack(&t.system, true).expect("no contradiction") {
            let Some(values) = possible_values(&t.system, interval.cell) else {
                continue;
            };
            let (least, most) = (values.first().copied(), values.last().copied());
            prop_assert!(least >= Some(interval.least));
            prop_assert!(interval.most.is_none_or(|bound| most <= Some(bound)));
            let width = most.unwrap_or_default() - least.unwrap_or_default();
            prop_assert!(!is_protected || width >= 3, "{values:?}");
        }
    }
}
