//! The structure that a release publishes, against what the text of a plan, a crosswalk and the reference data of areas
//! imply. An attack reads the structure, so only a test can notice a relation that is not there.

use super::*;
use crate::release::structure::build;

/// Two priorities and two themes; the comments say what follows for the codes of recorded crime.
const PLAN: &str = r#"
format = 1
id = "small"
partnership = "Safer Maidstone Partnership"
area = "E07000110"
label = "A small plan"
status = "draft"
valid_from = 2017-04-01
valid_to = 2018-03-31
editions = { ho-category = ["2019", "2026-04"] }
owners = [{ id = "group", label = "Group" }]
[[priority]]  # only these codes: all others are outside
id = "drugs"
label = "Drugs"
owner = "group"
rules = [{ id = "codes", kinds = ["crime"], codes = { ho-category = ["92A", "92D"] } }]
[[priority]]  # 10A is inside; a flag may add any other code; the admissions are no crimes
id = "gangs"
label = "Gangs"
owner = "group"
rules = [{ id = "weapons", kinds = ["crime"], codes = { ho-category = ["10A"] } }, { id = "flags", flags = ["gang"] },
  { id = "wounds", kinds = ["admission"], codes = { icd-10 = ["X85-Y09"] } }]
[[priority]]  # needs a code and a flag: 8N may be inside, all others are outside
id = "hate"
label = "Hate crime"
owner = "group"
rules = [{ id = "violence", kinds = ["crime"], codes = { ho-category = ["8N"] }, flags = ["hate"] }]
[[theme]]  # flags of a factor, but not all of them
id = "mental-health"
label = "Mental health"
rules = [{ id = "flags", flags = ["mental_health", "mental_health_suspect"] }]
[[theme]]  # all flags of a factor
id = "reoffending"
label = "Reoffending"
rules = [{ id = "flags", flags = ["repeat_offender"] }]
[[factor]]
id = "mental-health"
label = "Mental health"
flags = ["mental_health", "mental_health_suspect", "mental_health_victim"]
[[factor]]
id = "repeat"
label = "Repeat offenders"
flags = ["repeat_offender"]
"#;

/// The reference data with that plan, and the files.
static SMALL: LazyLock<(TextFiles, Reference)> = LazyLock::new(|| {
    let mut files = TextFiles::built_in();
    files.put("plans/small.toml", PLAN.to_owned());
    let reference = Reference::read(&files).unwrap_or_else(|faults| panic!("{faults}"));
    (files, reference)
});

/// The file of a release, whose further lines may merge codes or areas.
fn config(more: &str) -> ReleaseConfig {
    let (mut files, reference) = (SMALL.0.clone(), &SMALL.1);
    let text = format!(
        "format = 1\nid = \"small\"\ntitle = \"Small\"\nplan = \"small\"\n[[table]]\n\
         table = \"window_totals\"\nwindows = [\"fy:2017-18\"]\nlevels = [\"all-received\"]\n\
         series = [\"plan\"]\n{more}"
    );
    files.put("releases/small.toml", text);
    ReleaseConfig::read(&files, reference, "small").unwrap_or_else(|faults| panic!("{faults}"))
}

/// A series as the relations below name it: a code by its scheme.
fn series_of(name: &str) -> SeriesRef {
    let (kind, id, scheme) = match name.split_once(':') {
        Some((scheme @ "ho-group", id)) => ("group", id, Some(scheme)),
        Some((scheme, id)) => ("category", id, Some(scheme)),
        None => match name {
            "total" | "mapped" | "unmapped" => (name, name, None),
            "mental-health" | "reoffending" => ("theme", name, None),
            _ => ("priority", name, None),
        },
    };
    SeriesRef {
        kind: kind.to_owned(),
        id: id.to_owned(),
        scheme: scheme.map(str::to_owned),
    }
}

fn district(code: &str) -> AreaRef {
    AreaRef {
        level: "district".to_owned(),
        vintage: None,
        role: Some("incident".to_owned()),
        code: code.to_owned(),
    }
}

/// Cells of the police's crimes, `series count` each; `total/factor` counts the records with a factor.
fn cells_of(numbers: &[(&str, i64)]) -> ExactCells {
    let cells = numbers.iter().map(|(name, count)| {
        let (name, factor) = name
            .split_once('/')
            .map_or((*name, None), |(a, b)| (a, Some(b)));
        let key = CellKey {
            partner: "kent-police".to_owned(),
            kind: "crime".to_owned(),
            series: series_of(name),
            measure: factor.map_or_else(Measure::default, Measure::with_factor),
            area: district("E07000110"),
            window: "fy:2017-18".to_owned(),
        };
        let known = if *count < 0 {
            Known::Missing
        } else {
            Known::Exact(*count)
        };
        let cell = ExactCell {
            known,
            safeguard: Arc::default(),
            base: None,
        };
        (key, cell)
    });
    cells.collect()
}

/// The relations of cells in words, such as `total = mapped + unmapped`.
fn relations_of(cells: &ExactCells, more: &str) -> BTreeSet<String> {
    let name = |series: &SeriesRef| match &series.scheme {
        Some(scheme) => format!("{scheme}:{}", series.id),
        None => series.id.clone(),
    };
    let structure = build(cells, &config(more), &SMALL.1);
    let texts = structure.series.iter().map(|relation| {
        let mut parts: Vec<String> = relation.parts.iter().map(name).collect();
        parts.sort();
        let sign = match relation.rule {
            SeriesRule::Sum => "=",
            SeriesRule::SumAndRest => "= rest +",
            SeriesRule::Within => ">=",
            SeriesRule::Covered => "<=",
        };
        let factor = relation.factor.as_ref();
        let factor = factor.map_or_else(String::new, |factor| format!("/{factor}"));
        let whole = name(&relation.whole) + &factor;
        format!("{whole} {sign} {}", parts.join(" + "))
    });
    texts.collect()
}

#[track_caller]
fn check(numbers: &[(&str, i64)], more: &str, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
    let found = relations_of(&cells_of(numbers), more);
    let missing: Vec<_> = expected.difference(&found).collect();
    let others: Vec<_> = found.difference(&expected).collect();
    assert!(
        missing.is_empty() && others.is_empty(),
        "missing: {missing:#?}\nothers: {others:#?}"
    );
}

#[test]
fn the_total_is_what_is_mapped_and_not_and_priorities_are_at_most_both() {
    check(
        &[
            ("total", 100),
            ("mapped", 70),
            ("unmapped", 30),
            ("drugs", 40),
            ("gangs", 40),
        ],
        "",
        &[
            "total = mapped + unmapped",
            "total >= drugs",
            "mapped >= drugs",
            "total >= gangs",
            "mapped >= gangs",
            "mapped <= drugs + gangs",
        ],
    );
    // Areas without a row of what is mapped, such as wards.
    check(&[("total", 100), ("drugs", 40)], "", &["total >= drugs"]);
    // Of a priority that is not supplied, nothing is known.
    check(
        &[("total", 100), ("mapped", 70), ("drugs", 70), ("gangs", -1)],
        "",
        &["total >= drugs", "mapped >= drugs", "mapped <= drugs"],
    );
}

#[test]
fn the_codes_that_a_plan_names_are_inside_a_priority_and_others_outside() {
    check(
        &[
            ("total", 100),
            ("mapped", 70),
            ("drugs", 40),
            ("gangs", 20),
            ("hate", 4),
            ("mental-health", 15),
            ("ho-category:10A", 15),
            ("ho-category:8N", 45),
            ("ho-category:92A", 30),
            ("ho-category:92D", 10),
        ],
        "",
        &[
            "total >= drugs",
            "mapped >= drugs",
            "total >= gangs",
            "mapped >= gangs",
            "total >= hate",
            "mapped >= hate",
            "total >= mental-health",
            "mapped >= mental-health",
            "mapped <= drugs + gangs + hate + mental-health",
            "total = ho-category:10A + ho-category:8N + ho-category:92A + ho-category:92D",
            // Codes inside, all others outside.
            "drugs = ho-category:92A + ho-category:92D",
            "total >= drugs + ho-category:10A + ho-category:8N",
            // A code inside, and flags.
            "gangs = rest + ho-category:10A",
            // No code is inside, and only 8N may be.
            "total >= hate + ho-category:10A + ho-category:92A + ho-category:92D",
            // Each code of a priority is mapped.
            "mapped = rest + ho-category:10A + ho-category:92A + ho-category:92D",
        ],
    );
}

#[test]
fn codes_that_do_not_exclude_one_another_are_each_at_most_the_total() {
    check(
        &[
            ("total", 40),
            ("drugs", 30),
            ("ho-category:92A", 30),
            ("ho-category:8N", 20),
        ],
        "",
        &[
            "total >= drugs",
            "total >= ho-category:92A",
            "total >= ho-category:8N",
            "drugs >= ho-category:92A",
        ],
    );
}

#[test]
fn a_group_is_the_sum_of_the_codes_that_the_crosswalk_puts_into_it() {
    check(
        &[
            ("total", 100),
            ("ho-category:10A", 60),
            ("ho-category:92A", 30),
            ("ho-category:92D", 10),
            ("ho-group:drug-offences", 40),
            ("ho-group:possession-of-weapons-offences", 60),
        ],
        "",
        &[
            "total = ho-category:10A + ho-category:92A + ho-category:92D",
            "total = ho-group:drug-offences + ho-group:possession-of-weapons-offences",
            "ho-group:drug-offences = ho-category:92A + ho-category:92D",
            "ho-group:possession-of-weapons-offences = ho-category:10A",
        ],
    );
}

#[test]
fn a_priority_of_flags_is_among_the_records_with_their_factor() {
    check(
        &[
            ("total", 100),
            ("mental-health", 15),
            ("reoffending", 12),
            ("gangs", 8),
            ("total/mental-health", 20),
            ("total/repeat", 12),
        ],
        "",
        &[
            "total >= mental-health",
            "total >= reoffending",
            "total >= gangs",
            "total/mental-health >= mental-health",
            "total/repeat = reoffending",
        ],
    );
}

#[test]
fn a_merged_code_is_its_parts_and_inside_a_priority_if_all_are() {
    let merge = |codes: &str| {
        format!(
            "[[merge]]\nkinds = [\"crime\"]\nscheme = \"ho-category\"\ncodes = {codes}\n\
             as = \"joined\"\nlabel = \"Joined\"\n"
        )
    };
    let numbers = [
        ("total", 100),
        ("drugs", 40),
        ("ho-category:joined", 40),
        ("ho-category:8N", 60),
    ];
    check(
        &numbers,
        &merge("[\"92A\", \"92D\"]"),
        &[
            "total >= drugs",
            "total = ho-category:8N + ho-category:joined",
            "drugs = ho-category:joined",
            "total >= drugs + ho-category:8N",
            "ho-category:joined = ho-category:92A + ho-category:92D",
        ],
    );
    // 92A is inside and 10A is not, so nothing is known of their sum.
    check(
        &[("total", 100), ("drugs", 30), numbers[2], numbers[3]],
        &merge("[\"92A\", \"10A\"]"),
        &[
            "total >= drugs",
            "total = ho-category:8N + ho-category:joined",
            "total >= drugs + ho-category:8N",
            "ho-category:joined = ho-category:10A + ho-category:92A",
        ],
    );
}

/// The areas of cells, as the structure says which are in which: `whole: parts`, with dots if there are others.
fn areas_of(areas: &[AreaRef], more: &str) -> Vec<String> {
    let of_one = cells_of(&[("total", 20)]);
    let (key, cell) = of_one.first_key_value().expect("a cell");
    let cells = areas.iter().map(|area| {
        let key = CellKey {
            area: area.clone(),
            ..key.clone()
        };
        (key, cell.clone())
    });
    let structure = build(&cells.collect(), &config(more), &SMALL.1);
    let texts = structure.areas.iter().map(|of| {
        let parts: Vec<&str> = of.parts.iter().map(String::as_str).collect();
        let vintage = of.part_vintage.as_deref().unwrap_or_default();
        let others = if of.is_complete { "" } else { " ..." };
        format!(
            "{} {}: {}{vintage} {}{others}",
            of.level,
            of.code,
            of.part_level,
            parts.join(" ")
        )
    });
    texts.collect()
}

/// The districts of Kent County Council.
const KENT: [&str; 12] = [
    "E07000105",
    "E07000106",
    "E07000107",
    "E07000108",
    "E07000109",
    "E07000110",
    "E07000111",
    "E07000112",
    "E07000113",
    "E07000114",
    "E07000115",
    "E07000116",
];
const MEDWAY: &str = "E06000035";

fn set() -> AreaRef {
    AreaRef {
        level: "set".to_owned(),
        ..district("kent-12")
    }
}

fn ward(code: &str) -> AreaRef {
    AreaRef {
        level: "ward".to_owned(),
        vintage: Some("2019".to_owned()),
        ..district(code)
    }
}

#[test]
fn a_set_consists_of_its_districts_and_a_district_of_its_wards() {
    let districts = KENT.iter().chain([&MEDWAY]).map(|code| district(code));
    let mut areas: Vec<AreaRef> = districts.chain([set()]).collect();
    let complete = format!("set kent-12: district {}", KENT.join(" "));
    assert_eq!(areas_of(&areas, ""), [complete]);
    // One district of the set has no number.
    areas.remove(0);
    let partial = format!("set kent-12: district {} ...", KENT[1..].join(" "));
    assert_eq!(areas_of(&areas, ""), [partial]);
    // Two wards of Maidstone, and one of Medway.
    let wards = ["E05004992", "E05004996", "E05002249"].map(ward);
    let areas = [&[district(KENT[5]), district(KENT[6])], &wards[..]].concat();
    let wards = "district E07000110: ward2019 E05004992 E05004996";
    assert_eq!(areas_of(&areas, ""), [wards]);
}

#[test]
fn merged_areas_are_in_an_area_that_has_all_of_them() {
    let merge = |codes: &str| {
        format!(
            "[[merge]]\nlevel = \"ward@2019\"\nareas = {codes}\nas = \"joined\"\nlabel = \"Joined\"\n"
        )
    };
    let areas = [district(KENT[5]), ward("joined"), ward("E05004990")];
    assert_eq!(
        areas_of(&areas, &merge("[\"E05004992\", \"E05004996\"]")),
        [
            "district E07000110: ward2019 E05004990 joined",
            "ward joined: ward2019 E05004992 E05004996",
        ]
    );
    // Joined with a ward of another district.
    assert_eq!(
        areas_of(&areas, &merge("[\"E05004992\", \"E05002249\"]")),
        [
            "district E07000110: ward2019 E05004990 ...",
            "ward joined: ward2019 E05002249 E05004992",
        ]
    );
}
