use super::*;
use crate::reference::Reference;
use crate::reference::tests::{changed, faults_of, reference_of};
use Placed::{At, Outside, Unplaced};

const MAIDSTONE: &str = "E07000110";
const CENSUS: civil::Date = civil::date(2021, 3, 21);
const LSOA: Tier = Tier::new(Level::Lsoa);
const PLACE: Tier = Tier::new(Level::Place);
const DISTRICT: Tier = Tier::new(Level::District);
const SET: Tier = Tier::new(Level::Set);
const OUTWARD: Tier = Tier::new(Level::OutwardPostcode);
const WARD_2019: Tier = Tier::wards(2019);
const WARD_2025: Tier = Tier::wards(2025);

fn built_in() -> Geography {
    Reference::load(None).expect("built in").geography
}

fn ward(geography: &Geography, name: &str, tier: Tier) -> String {
    let scope = geography.scope(MAIDSTONE).expect("scope");
    scope
        .areas(tier)
        .iter()
        .find(|area| area.name == name)
        .expect("ward")
        .code
        .clone()
}

#[test]
fn a_plan_sees_its_own_area_below_the_district_and_every_district_to_compare_with() {
    let geography = built_in();
    let scope = geography.scope(MAIDSTONE).expect("scope");
    assert_eq!(
        scope.tiers(),
        [LSOA, WARD_2019, WARD_2025, PLACE, DISTRICT, SET, OUTWARD]
    );
    let sizes: Vec<usize> = scope
        .tiers()
        .iter()
        .map(|tier| scope.areas(*tier).len())
        .collect();
    assert_eq!(sizes, [95 + 10, 26, 22, 1, 13, 2, 0]);
    for tier in scope.tiers() {
        assert!(
            scope.areas(*tier).is_sorted_by_key(|area| &area.code),
            "{tier}"
        );
    }
    for county in ["E10000016", "kent-12"] {
        let county = geography.scope(county).expect("scope");
        assert!(county.areas(WARD_2019).len() > 26 * 5 && county.areas(DISTRICT).len() == 13);
        assert_eq!(
            county.place("E01016026", "lsoa", None, LSOA),
            [Outside],
            "Medway is not the county's"
        );
        assert_eq!(
            county.place("E01024037", "lsoa", None, WARD_2025),
            [Unplaced],
            "held for Maidstone only"
        );
    }
    assert!(geography.scope("E09000004").is_none());
    assert!(geography.scope("E05004996").is_none(), "a ward has no plan");
}

/// Where a code (with a zone after `+`) of a level is, in the order of the tiers of Maidstone.
#[track_caller]
fn check(sent: &str, level: &str, expected: [&[Placed<'_>]; 7]) {
    let geography = built_in();
    let scope = geography.scope(MAIDSTONE).expect("scope");
    let (code, zone) = sent
        .split_once('+')
        .map_or((sent, None), |(code, zone)| (code, Some(zone)));
    for (tier, expected) in scope.tiers().iter().zip(expected) {
        assert_eq!(
            scope.place(code, level, zone, *tier),
            expected,
            "{sent} at {tier}"
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn a_row_is_placed_by_its_code_at_each_tier() {
    let both = [At("kent-12"), At("kent-13")];
    let (maidstone, none, out) = ([At(MAIDSTONE)], [Unplaced], [Outside]);
    let centre = [At("town-centre")];
    check(
        "E01024320",
        "lsoa",
        [
            &[At("E01024320")],
            &[At("E05004982")],
            &[At("E05015607")],
            &out,
            &maidstone,
            &both,
            &none,
        ],
    );
    // Split in 2021: both parts fit one ward of 2025. And a part, by the LSOA it was part of.
    check(
        "E01033090",
        "lsoa",
        [
            &[At("E01033090")],
            &[At("E05004996")],
            &[At("E05015603")],
            &centre,
            &maidstone,
            &both,
            &none,
        ],
    );
    check(
        "E01034991",
        "lsoa",
        [
            &[At("E01034991")],
            &[At("E05004996")],
            &[At("E05015603")],
            &centre,
            &maidstone,
            &both,
            &none,
        ],
    );
    check(
        "E05004982",
        "ward",
        [
            &none,
            &[At("E05004982")],
            &none,
            &none,
            &maidstone,
            &both,
            &none,
        ],
    );
    check(
        "E05015607",
        "ward",
        [
            &none,
            &none,
            &[At("E05015607")],
            &none,
            &maidstone,
            &both,
            &none,
        ],
    );
    check(
        MAIDSTONE,
        "district",
        [&none, &none, &none, &none, &maidstone, &both, &none],
    );
    check(
        "E07000110+town-centre",
        "district",
        [&none, &none, &none, &centre, &maidstone, &both, &none],
    );
    check(
        "E07000110+elsewhere",
        "district",
        [&none, &none, &none, &none, &maidstone, &both, &none],
    );
    check(
        "E10000016",
        "county",
        [
            &none,
            &none,
            &none,
            &none,
            &none,
            &[At("kent-12"), At("kent-13")],
            &none,
        ],
    );
    check(
        "E23000032",
        "police_force",
        [&none, &none, &none, &none, &none, &[At("kent-13")], &none],
    );
    check(
        "ME14",
        "outward_postcode",
        [&none, &none, &none, &none, &none, &none, &[At("ME14")]],
    );
    // Medway is another district, of one set only; Bexley and Essex are not held; an ICB is no
    // level.
    check(
        "E01016026",
        "lsoa",
        [
            &out,
            &out,
            &out,
            &out,
            &[At("E06000035")],
            &[At("kent-13")],
            &none,
        ],
    );
    check(
        "E05002250",
        "ward",
        [
            &out,
            &out,
            &out,
            &out,
            &[At("E06000035")],
            &[At("kent-13")],
            &none,
        ],
    );
    check(
        "E01000346",
        "lsoa",
        [&out, &out, &out, &out, &out, &out, &none],
    );
    check(
        "E09000004",
        "district",
        [&out, &out, &out, &out, &out, &out, &none],
    );
    check(
        "E10000012",
        "county",
        [&out, &out, &out, &out, &out, &out, &none],
    );
    check(
        "E54000032",
        "icb",
        [&none, &none, &none, &none, &none, &none, &none],
    );
    check(
        "E02005068",
        "msoa",
        [&none, &none, &none, &none, &none, &none, &none],
    );
    check(
        "E0102432",
        "lsoa",
        [&none, &none, &none, &none, &none, &none, &none],
    );
}

#[test]
fn a_level_is_shown_where_its_rows_can_be() {
    let geography = built_in();
    let scope = geography.scope(MAIDSTONE).expect("scope");
    let of = |level: &str| scope.tiers_of(level).into_iter().collect::<Vec<Tier>>();
    assert_eq!(
        of("lsoa"),
        [LSOA, WARD_2019, WARD_2025, PLACE, DISTRICT, SET]
    );
    assert_eq!(of("ward"), [WARD_2019, WARD_2025, DISTRICT, SET]);
    assert_eq!(of("district"), [DISTRICT, SET]);
    assert_eq!((of("county"), of("police_force")), (vec![SET], vec![SET]));
    assert_eq!(of("outward_postcode"), [OUTWARD]);
    assert!(of("icb").is_empty() && of("msoa").is_empty());
}

#[test]
fn an_outward_postcode_is_in_a_district_only_if_it_lies_in_it_whole() {
    let rows = "child,parent,share,method\n";
    let files = changed("geography/lookup.csv", rows, rows);
    let lookup = files
        .text("geography/lookup.csv")
        .expect("lookup")
        .to_owned();
    let mut files = files;
    let more = "ME14,E07000110,1,official\nME15,E07000110,0.99,official\n";
    files.put("geography/lookup.csv", format!("{lookup}{more}"));
    let reference = reference_of(&files);
    let scope = reference.geography.scope(MAIDSTONE).expect("scope");
    assert_eq!(
        scope
            .tiers_of("outward_postcode")
            .into_iter()
            .collect::<Vec<_>>(),
        [DISTRICT, OUTWARD]
    );
    assert_eq!(
        scope.place("ME14", "outward_postcode", None, DISTRICT),
        [At(MAIDSTONE)]
    );
    assert_eq!(
        scope.place("ME14", "outward_postcode", None, WARD_2019),
        [Unplaced]
    );
    assert_eq!(
        scope.place("ME15", "outward_postcode", None, DISTRICT),
        [Unplaced]
    );
    assert_eq!(
        scope.place("ME15", "outward_postcode", None, SET),
        [Unplaced]
    );
}

#[test]
fn every_lsoa_of_maidstone_goes_into_one_ward_of_2025_whole_and_the_error_is_told() {
    let geography = built_in();
    let scope = geography.scope(MAIDSTONE).expect("scope");
    let lsoas = scope
        .areas(LSOA)
        .iter()
        .filter(|area| area.vintages.contains(&2011));
    let placed: Vec<_> = lsoas
        .map(|area| scope.place(&area.code, "lsoa", None, WARD_2025))
        .collect();
    assert_eq!(
        placed
            .iter()
            .filter(|placed| matches!(placed[..], [At(_)]))
            .count(),
        95
    );
    assert_eq!(placed.len(), 95);

    let wards = scope.areas(WARD_2025);
    let misplaced: f64 = wards
        .iter()
        .map(|w| geography.misplaced_persons(&w.code).expect("known"))
        .sum();
    assert_eq!((misplaced.round() as u64, wards.len()), (14_957, 22));
    let share = geography.misplaced_share(WARD_2025).expect("known");
    assert_eq!((share * 175_736.0).round() as u64, 14_957);
    let parts: Vec<&AreaLink> = wards
        .iter()
        .flat_map(|w| geography.parts(&w.code))
        .collect();
    let low = parts
        .iter()
        .filter(|part| part.share.is_some_and(|share| share < 0.9))
        .count();
    assert_eq!((low, parts.len()), (26, 99));
    let worst = parts
        .iter()
        .min_by(|a, b| a.share.partial_cmp(&b.share).expect("a number"))
        .expect("a part");
    assert_eq!((&*worst.child, worst.share), ("E01024345", Some(0.5039)));

    assert_eq!(
        (geography.method(WARD_2025), geography.method(WARD_2019)),
        (Some(Method::Area), Some(Method::Official))
    );
    assert_eq!(
        (geography.method(LSOA), geography.method(SET)),
        (None, None)
    );
    assert_eq!(
        geography.misplaced_share(WARD_2019),
        None,
        "the official best fit says no shares"
    );
    assert_eq!(
        geography.misplaced_persons(MAIDSTONE),
        Some(0.0),
        "wards lie in their district whole"
    );
}

#[test]
fn populations_are_exact_and_sums_of_their_parts() {
    let geography = built_in();
    let persons = |code: &str| {
        geography
            .population(code, PopulationUnit::Persons, CENSUS)
            .map(|p| p.value)
    };
    assert_eq!(
        persons(&ward(&geography, "High Street", WARD_2019)),
        Some(11_924)
    );
    assert_eq!(
        persons(&ward(&geography, "Barming and Teston", WARD_2019)),
        Some(2_428)
    );
    for tier in [WARD_2019, WARD_2025] {
        let scope = geography.scope(MAIDSTONE).expect("scope");
        let wards = scope
            .areas(tier)
            .iter()
            .map(|ward| persons(&ward.code).expect("a sum"));
        assert_eq!(wards.sum::<u64>(), 175_736, "{tier}");
    }
    assert_eq!(persons(MAIDSTONE), Some(175_736));
    assert_eq!(persons("town-centre"), Some(2_188));
    assert_eq!(persons("E07000106"), Some(157_429));
    assert_eq!(
        (persons("kent-12"), persons("kent-13")),
        (Some(1_576_032), Some(1_855_805)),
        "the sums of their districts"
    );
    assert_eq!(
        persons("E05002250"),
        None,
        "a ward of another district: its LSOAs have none"
    );

    let households = |code: &str| {
        geography
            .population(code, PopulationUnit::Households, CENSUS)
            .expect("known")
    };
    let maidstone = households(MAIDSTONE);
    assert_eq!(
        (maidstone.value, maidstone.date, maidstone.vintage),
        (73_579, civil::date(2021, 6, 30), Some(2019))
    );
    assert_eq!(
        households("kent-13").value - households("kent-12").value,
        113_685
    );
    let per_thousand = 147.0 / maidstone.value as f64 * 1000.0;
    assert!(
        (per_thousand - 1.997_852_648_174_07_f64).abs() < 1e-9,
        "as the publisher prints it: {per_thousand}"
    );
}

#[test]
fn a_sum_needs_every_part_and_gives_way_to_a_row_of_its_own() {
    let row = "E01024320,2021,persons,1745,2021-03-21,Census 2021 usual residents\n";
    let persons = |geography: &Geography, code: &str| {
        geography
            .population(code, PopulationUnit::Persons, CENSUS)
            .map(|p| p.value)
    };
    let without = reference_of(&changed("geography/populations.csv", row, "")).geography;
    let of_parts = ["E05004982", "E05015607", MAIDSTONE].map(|code| persons(&without, code));
    assert_eq!(
        (of_parts, persons(&without, "E05004983")),
        ([None; 3], Some(2_428))
    );
    let first = "E06000035,2019,households";
    let own = format!("E05004982,2019,persons,7000,2021-03-21,own\n{first}");
    let with = reference_of(&changed("geography/populations.csv", first, &own)).geography;
    assert_eq!(persons(&with, "E05004982"), Some(7_000));
    let allington: u64 = [
        "E01024320",
        "E01024321",
        "E01024322",
        "E01024323",
        "E01024324",
    ]
    .iter()
    .filter_map(|l| persons(&with, l))
    .sum();
    assert_eq!(
        persons(&with, MAIDSTONE),
        Some(175_736 - allington + 7_000),
        "by the wards of 2019"
    );
}

#[test]
fn the_population_nearest_to_a_day_counts() {
    let row = "E01024320,2021,persons,1745,2021-03-21,Census 2021 usual residents\n";
    let more = format!("{row}E01024320,2021,persons,1800,2023-03-21,made up\n");
    let geography = reference_of(&changed("geography/populations.csv", row, &more)).geography;
    let on = |y, m, d| {
        geography
            .population("E01024320", PopulationUnit::Persons, civil::date(y, m, d))
            .expect("known")
            .value
    };
    assert_eq!(
        [
            on(1990, 1, 1),
            on(2022, 3, 20),
            on(2022, 3, 22),
            on(2030, 1, 1)
        ],
        [1745, 1745, 1800, 1800]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn what_the_geography_may_not_say_is_refused() {
    for (file, from, to, words) in [
        (
            "areas",
            "E07000110,district",
            "E07000110,borough",
            "E07000110: `borough` is not a level of a code",
        ),
        (
            "areas",
            "E01024320,lsoa,2021",
            "E01024320,ward,2021",
            "E01024320: is a lsoa and a ward",
        ),
        (
            "areas",
            "E01016017,lsoa",
            "E01016016,lsoa",
            "E01016016,2011: is given twice",
        ),
        (
            "areas",
            "E01016016,lsoa",
            "E01016020,lsoa",
            "E01016017,2011: comes after E01016020,2011: sort the rows",
        ),
        (
            "areas",
            "E07000110,district,2019,Maidstone\n",
            "",
            "`E07000110` is not in areas.csv",
        ),
        (
            "lookup",
            "E05004982,E07000110,1",
            "E05004982,E07000199,1",
            "`E07000199` is not in areas.csv",
        ),
        (
            "lookup",
            "E01024322,E05015607,0.7795,area\n",
            "E01024322,E05015607,0.7795,area\nE01024322,E05015608,0.3,area\n",
            "E01024322: its shares at ward 2025 add up",
        ),
        (
            "lookup",
            "E01024321,E05015607,0.9651",
            "E01024321,E05015607,1.2",
            "share 1.2 is not between 0 and 1",
        ),
        (
            "lookup",
            "E01024321,E05015607,0.9651,area",
            "E01024321,E05015607,0.9651,eye",
            "`eye` is not one of official",
        ),
        (
            "lookup",
            "E05004982,E07000110,1,official\n",
            "",
            "E05004982: is in no district",
        ),
        (
            "lsoa_vintages",
            "E01033769,E01035762,2021,",
            "E01033769,E01033760,2021,",
            "E01033769,E01033760: is not a range of codes",
        ),
        (
            "lsoa_vintages",
            "E01033769,E01035762,2021,",
            "E01033769,E01035762,,",
            "needs a first or a last vintage",
        ),
        ("populations", "persons,1745,", "persons,1745.5,", "line "),
        (
            "populations",
            "persons,1745,",
            "people,1745,",
            "`people` is not one of persons, households, adult-women",
        ),
        (
            "populations",
            "E01024320,2021,",
            "E01024320,2019,",
            "is not in areas.csv with vintage 2019",
        ),
        (
            "populations",
            "1745,2021-03-21,Census 2021",
            "1745,2021-03-21,Rounded census",
            "is marked as rounded",
        ),
        (
            "populations",
            "persons,1745,2021-03-21",
            "persons,1745,21/03/2021",
            "`21/03/2021` is not a date",
        ),
        (
            "sets",
            "kent-12,E10000016,E07000105",
            "kent,E10000016,E07000105",
            "kent: does not end in the number",
        ),
        (
            "sets",
            "kent-12,E10000016,E07000116\n",
            "",
            "kent-12: does not end in the number of its districts",
        ),
        (
            "sets",
            "kent-12,E10000016,E07000116",
            "kent-12,E10000016,E07000199",
            "`E07000199` is not a district",
        ),
        (
            "sets",
            "kent-12,E10000016,E07000116",
            "kent-12,E10000017,E07000116",
            "`E10000017` is another code",
        ),
        (
            "places",
            "E01033090,2011",
            "E01033090,2021",
            "`E01033090` is not a 2021 LSOA",
        ),
        (
            "places",
            "town-centre,E01034992,2021\n",
            "town-edge,E01034991,2021\n",
            "is part of `town-centre` already",
        ),
        ("places", "# licence: ", "# ", "licence: is missing"),
    ] {
        let file = format!("geography/{file}.csv");
        let faults = faults_of(&changed(&file, from, to));
        assert!(
            faults.contains(words),
            "expected: {words}\nfaults: {faults}"
        );
    }
    let twice = "E01024320,E05004982,,official\n";
    let faults = faults_of(&changed(
        "geography/lookup.csv",
        twice,
        &format!("{twice}{twice}"),
    ));
    assert!(
        faults.contains("geography/lookup.csv: E01024320,E05004982: is given twice"),
        "{faults}"
    );
}

#[test]
fn districts_rank_in_their_county_or_force_and_not_in_a_partnership_of_a_few() {
    let joint = "id,code,area\nboth-2,E22999901,E07000107\nboth-2,E22999901,E07000109\n";
    let files = changed("geography/sets.csv", "id,code,area\n", joint);
    let geography = reference_of(&files).geography;
    for area in ["E07000107", "E22999901"] {
        let scope = geography.scope(area).expect("scope");
        for district in ["E07000107", "E07000110"] {
            assert_eq!(scope.ranked_in(district), Some("kent-12"), "{area}");
        }
    }
    assert_eq!(
        geography.area("both-2").map(|area| &*area.name),
        Some("Both")
    );
    assert_eq!(
        geography.area("kent-12").map(|area| &*area.name),
        Some("Kent 12")
    );
}
