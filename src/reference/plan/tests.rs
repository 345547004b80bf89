use super::*;
use crate::contract::Event;
use crate::reference::Reference;
use crate::reference::tests::{changed, faults_of, reference_of};

/// One event of each kind, in the order of the contracts.
const EXAMPLES: &str = include_str!("examples.jsonl");
const PLAN: &str = "plans/smp-2017-18.toml";
/// The last plan, which no other follows.
const LAST: &str = "plans/smp-2022-25.toml";

/// The ids of the series that an event falls under, in order.
fn classified(reference: &Reference, plan: &Plan, json: &str) -> Vec<String> {
    let event = Event::decode(json).expect("a valid event");
    let record = Record::from_event(&event);
    let mut codes = Vec::new();
    reference.source_codes(&record, &mut codes);
    let set = plan.classify(&record, &codes);
    let matched: SeriesSet = plan
        .matches(&record, &codes)
        .iter()
        .map(|m| m.series)
        .collect();
    assert_eq!(matched, set, "what is explained is what is counted");
    plan.series_in(set).map(|s| s.id.clone()).collect()
}

fn adopted() -> Reference {
    Reference::load(None).expect("the built-in files")
}

#[test]
fn each_example_falls_under_the_priorities_worked_out_by_hand() {
    let expected: [(&str, &[&str]); 16] = [
        (
            "crime",
            &["substance-misuse", "domestic-abuse-violent-crime"],
        ),
        ("incident", &["mental-health", "antisocial-behaviour"]),
        ("detention", &["substance-misuse", "mental-health"]),
        ("stop-search", &[]),
        ("referral", &["organised-crime"]),
        (
            "assault-attendance",
            &[
                "gangs-cse",
                "substance-misuse",
                "domestic-abuse-violent-crime",
            ],
        ),
        ("ambulance-call", &["substance-misuse", "mental-health"]),
        ("admission", &["domestic-abuse-violent-crime"]), // 15-19 does not lie inside 0-17
        ("mental-health-detention", &["mental-health"]),
        ("treatment", &["substance-misuse", "mental-health"]),
        (
            "homelessness-case",
            &["domestic-abuse-violent-crime", "mental-health"],
        ),
        (
            "antisocial-behaviour-case",
            &["substance-misuse", "mental-health", "antisocial-behaviour"],
        ),
        ("noise-complaint", &["antisocial-behaviour"]),
        ("possession", &["mental-health"]),
        (
            "domestic-abuse-support",
            &["domestic-abuse-violent-crime", "mental-health"],
        ),
        ("count", &["substance-misuse"]),
    ];
    let reference = adopted();
    let plan = reference.plans.get("smp-2017-18").expect("plan");
    assert_eq!(EXAMPLES.lines().count(), expected.len());
    for (json, (kind, series)) in EXAMPLES.lines().zip(expected) {
        assert!(json.contains(&format!(".{kind}.v1")), "{kind}");
        assert_eq!(classified(&reference, plan, json), series, "{kind}");
    }
}

fn street(kind: &str, slug: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"a.1","source":"urn:partner:kent-police:open-data","type":"uk.community-safety.police.{kind}.v1","subject":"a","revision":201903,"time":"2019-03-01T00:00:00Z","data":{{"what":{{"list":"police-uk","edition":"2013-05","category":"{slug}"}},"when":{{"occurred_from":"2018-10"}}}}}}"#
    )
}

#[test]
fn published_crime_types_show_three_priorities_and_one_theme() {
    let reference = adopted();
    let plan = reference.plans.get("smp-2017-18").expect("plan");
    for list in reference.codes.lists_of("police-uk") {
        for code in &list.codes {
            let expected: &[&str] = match &*code.code {
                "violence-and-sexual-offences" | "robbery" => &["domestic-abuse-violent-crime"],
                "drugs" => &["substance-misuse"],
                "possession-of-weapons" => &["gangs-cse"],
                "anti-social-behaviour" => &["antisocial-behaviour"],
                _ => &[],
            };
            let kind = if code.code == "anti-social-behaviour" {
                "incident"
            } else {
                "crime"
            };
            assert_eq!(
                classified(&reference, plan, &street(kind, &code.code)),
                expected,
                "{}",
                code.code
            );
        }
    }
}

#[test]
fn open_data_can_show_four_priorities_only_and_the_rest_is_not_supplied() {
    let reference = adopted();
    let plan = reference.plans.get("smp-2017-18").expect("plan");
    let shown = |carried: &Carried, kind| -> Vec<&str> {
        plan.series_in(plan.applicable(carried, kind))
            .map(|s| &*s.id)
            .collect()
    };
    let open = reference
        .partners
        .carried_by("urn:partner:kent-police:open-data", Kind::Crime);
    assert_eq!(
        shown(&open, Kind::Crime),
        [
            "gangs-cse",
            "substance-misuse",
            "domestic-abuse-violent-crime"
        ]
    );
    let incidents = reference
        .partners
        .carried_by("urn:partner:kent-police:open-data", Kind::Incident);
    assert_eq!(shown(&incidents, Kind::Incident), ["antisocial-behaviour"]);
    let own = reference.partners.carried("kent-police", Kind::Crime);
    assert_eq!(shown(&own, Kind::Crime).len(), 8);
    let road = reference.plans.get("smp-2015-16").expect("plan");
    let road_safety = road.series_index("road-safety").expect("series");
    assert!(
        Kind::ALL
            .iter()
            .all(|kind| !road.applicable(&own, *kind).contains(road_safety))
    );
}

#[test]
fn a_narrowed_priority_is_not_supplied_where_only_its_old_codes_are_carried() {
    let reference = adopted();
    let plan = reference
        .plans
        .in_force(civil::date(2018, 4, 1))
        .expect("plan");
    let place = plan.series_index("domestic-abuse").expect("series");
    assert_eq!(
        (&*plan.id, plan.series[place].from[0].change),
        ("smp-2018-19", LineageChange::Narrowed)
    );
    let open = reference
        .partners
        .carried_by("urn:partner:kent-police:open-data", Kind::Crime);
    assert!(!plan.applicable(&open, Kind::Crime).contains(place));
    assert!(
        plan.applicable(
            &reference.partners.carried("kent-police", Kind::Crime),
            Kind::Crime
        )
        .contains(place)
    );
    assert_eq!(
        classified(
            &reference,
            plan,
            &street("crime", "violence-and-sexual-offences")
        ),
        [""; 0]
    );
    let case = EXAMPLES.lines().nth(10).expect("homelessness case");
    let later = case.replacen(
        "\"loss_reason\":\"domestic-abuse\"",
        "\"loss_reason\":\"domestic-abuse/victim\"",
        1,
    );
    let unflagged = later.replacen("\"mental_health\":true,\"domestic_abuse\":true", "", 1);
    assert!(classified(&reference, plan, &unflagged).contains(&"domestic-abuse".to_owned()));
}

#[test]
fn a_match_names_rule_key_and_value() {
    let reference = adopted();
    let plan = reference.plans.get("smp-2017-18").expect("plan");
    let event = Event::decode(EXAMPLES.lines().next().expect("crime")).expect("valid");
    let record = Record::from_event(&event);
    let mut codes = Vec::new();
    reference.source_codes(&record, &mut codes);
    let told: Vec<String> = plan
        .matches(&record, &codes)
        .iter()
        .flat_map(|m| {
            let at = format!("{}/{}", plan.series[m.series].id, m.rule.id);
            m.hits
                .iter()
                .map(move |hit| format!("{at}: {} = {}", hit.key, hit.value))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        told,
        [
            "substance-misuse/flags: flags = alcohol",
            "domestic-abuse-violent-crime/flags: flags = domestic_abuse",
            "domestic-abuse-violent-crime/codes: codes.ho-category = 8N",
        ]
    );
}

/// Whether the first example (a crime of 8N, Friday 2017-02-03 at 23:10, in `town-centre`, victim
/// 25-34, of DA and alcohol, mental health false) or another falls under a series with just one
/// rule.
#[track_caller]
fn check(kind: &str, rule: &str, expected: bool) {
    let theme = format!(
        "[[theme]]\nid = \"tried\"\nlabel = \"Tried\"\nrules = [{{ id = \"tried\", {rule} }}]\n[[factor]]"
    );
    let reference = reference_of(&changed(LAST, "[[factor]]", &theme));
    let plan = reference.plans.get("smp-2022-25").expect("plan");
    let json = EXAMPLES
        .lines()
        .find(|json| json.contains(&format!(".{kind}.v1")))
        .expect("example");
    assert_eq!(
        classified(&reference, plan, json).contains(&"tried".to_owned()),
        expected,
        "{rule}"
    );
}

#[test]
fn a_rule_matches_when_every_key_holds() {
    check(
        "crime",
        r#"kinds = ["crime"], flags = ["gang", "alcohol"]"#,
        true,
    );
    check(
        "crime",
        r#"kinds = ["incident"], flags = ["alcohol"]"#,
        false,
    );
    check("crime", r#"flags = ["mental_health"]"#, false);
    check("crime", r#"flags = ["drugs"]"#, false);
    check("crime", r#"codes = { ho-category = ["8n"] }"#, true);
    check(
        "crime",
        r#"codes = { ho-category = ["8N@2026-04"] }"#,
        false,
    ); // sent as 2016-04
    check("crime", r#"codes = { ho-category = ["8*"] }"#, true);
    check(
        "crime",
        r#"codes = { ho-offence = ["008/01-008/06"] }"#,
        true,
    );
    check(
        "crime",
        r#"codes = { ho-offence = ["008/07-008/20"] }"#,
        false,
    );
    check(
        "crime",
        r#"codes = { ho-category = ["8N"] }, flags = ["gang"]"#,
        false,
    );
    check("admission", r#"codes = { icd-10 = ["X99"] }"#, true);
    check("admission", r#"codes = { icd-10 = ["x99.9"] }"#, true);
    check("admission", r#"codes = { icd-10 = ["X98.9"] }"#, false);
    check("admission", r#"codes = { icd-10 = ["X85-X98"] }"#, false);
    check(
        "assault-attendance",
        r#"codes = { istv-method = ["05@2014-09"] }"#,
        true,
    );
    check(
        "homelessness-case",
        r#"codes = { hclic-need = ["*"] }"#,
        true,
    );
}

#[test]
fn place_role_age_hour_and_day_are_read_as_the_partner_knows_them() {
    check("crime", r#"places = ["town-centre"]"#, true);
    check("incident", r#"places = ["town-centre"]"#, false);
    check("crime", r#"roles = ["home", "incident"]"#, true);
    check("admission", r#"roles = ["incident"]"#, false);
    check("crime", r#"ages = ["18-34"]"#, true);
    check("crime", r#"ages = ["30+"]"#, false);
    check("crime", r#"hours = "18:00-06:00""#, true);
    check("crime", r#"hours = "23:10-23:11""#, true);
    check("crime", r#"hours = "06:00-23:10""#, false);
    check("incident", r#"hours = "19:00-20:00""#, true); // 18:05 in UTC
    check("admission", r#"hours = "00:00-23:59""#, false); // a day has no hour
    check("crime", r#"weekdays = ["friday"]"#, true);
    check("admission", r#"weekdays = ["saturday"]"#, true);
    check("referral", r#"weekdays = ["wednesday"]"#, false); // a month has no day
    check("count", r#"weekdays = ["wednesday"]"#, false);
}

#[test]
fn a_record_is_in_a_place_by_its_zone_or_by_its_lsoa() {
    let reference = adopted();
    let plan = reference.plans.get("smp-2022-25").expect("plan");
    let at = |area: &str| {
        let area =
            format!(r#""when":{{"occurred_from":"2018-10"}},"area":{{{area},"role":"incident"}}"#);
        let json =
            street("crime", "burglary").replacen(r#""when":{"occurred_from":"2018-10"}"#, &area, 1);
        classified(&reference, plan, &json) == ["safe-town-centre"]
    };
    assert!(
        at(r#""code":"E01033090","level":"lsoa","vintage":2011"#),
        "one of the place's LSOAs"
    );
    assert!(
        at(r#""code":"E01034992","level":"lsoa","vintage":2021"#),
        "and one of another vintage"
    );
    assert!(at(
        r#""code":"E07000110","level":"district","zone":"town-centre""#
    ));
    assert!(!at(r#""code":"E01024320","level":"lsoa","vintage":2011"#));
    assert!(
        !at(r#""code":"E05004996","level":"ward","vintage":2019"#),
        "the place is LSOAs, not a ward"
    );
}

#[test]
fn scope_is_of_the_rules_alone() {
    let scopes = |reference: &Reference| -> Vec<String> {
        reference
            .plans
            .get("smp-2017-18")
            .expect("plan")
            .series
            .iter()
            .map(|s| s.scope.clone())
            .collect()
    };
    let before = scopes(&adopted());
    assert!(
        before
            .iter()
            .all(|scope| scope.len() == 12 && scope.bytes().all(|b| b.is_ascii_hexdigit()))
    );
    assert_eq!(
        before[5], "3916e6f62761",
        "figures of all years are compared by it: it may not change"
    );
    let relabelled = changed(PLAN, "label = \"Prevent\"", "label = \"Counter-terrorism\"");
    assert_eq!(scopes(&reference_of(&relabelled)), before);
    let reordered = changed(
        PLAN,
        r#"{ id = "flags", flags = ["alcohol", "drugs"] }"#,
        r#"{ id = "marks", flags = ["drugs", "alcohol"] }"#,
    );
    assert_eq!(scopes(&reference_of(&reordered)), before);
    let other = scopes(&reference_of(&changed(
        PLAN,
        r#"flags = ["alcohol", "drugs"]"#,
        r#"flags = ["alcohol"]"#,
    )));
    assert_eq!(before.iter().zip(&other).filter(|(a, b)| a != b).count(), 1);
    let [two, one] = [
        "{ id = \"a\", flags = [\"gang\"] }, { id = \"b\", roles = [\"home\"] }",
        "{ id = \"a\", flags = [\"gang\"], roles = [\"home\"] }",
    ]
    .map(|rules| {
        scopes(&reference_of(&changed(
            PLAN,
            "{ id = \"nrm\", codes",
            &format!("{rules}, {{ id = \"nrm\", codes"),
        )))[0]
            .clone()
    });
    assert_ne!(two, one, "either of two tests is not both");
    let earlier = adopted();
    let earlier = earlier.plans.get("smp-2015-16").expect("plan");
    for id in ["substance-misuse", "reoffending", "antisocial-behaviour"] {
        let of = |plan: &Plan| {
            plan.series[plan.series_index(id).expect("series")]
                .scope
                .clone()
        };
        assert_eq!(
            of(earlier),
            of(adopted().plans.get("smp-2017-18").expect("plan")),
            "{id}"
        );
    }
}

#[test]
fn every_series_of_the_eight_plans_says_what_became_of_it() {
    let plans = adopted().plans;
    let ids: Vec<&str> = plans.iter().map(|plan| &*plan.id).collect();
    let years = [
        "2013-14", "2014-15", "2015-16", "2017-18", "2018-19", "2019-22", "2021-22", "2022-25",
    ];
    assert_eq!(ids, years.map(|years| format!("smp-{years}")));
    for pair in ids.windows(2) {
        assert_eq!(
            plans.get(pair[1]).expect("plan").follows.as_deref(),
            Some(pair[0])
        );
    }
    let mut changes = Vec::new();
    for series in plans.iter().flat_map(|plan| &plan.series) {
        for from in &series.from {
            let before = plans.get(&from.plan).expect("plan");
            let before = &before.series[before.series_index(&from.id).expect("series")];
            let is_same = !matches!(
                from.change,
                LineageChange::Narrowed
                    | LineageChange::Widened
                    | LineageChange::Split
                    | LineageChange::Merged
            );
            assert_eq!(
                series.scope == before.scope,
                is_same,
                "{} from {} {}",
                series.id,
                from.plan,
                from.id
            );
            changes.push(from.change.as_str());
        }
    }
    let count = |change| changes.iter().filter(|own| **own == change).count();
    assert_eq!(
        (
            count("merged"),
            count("widened"),
            count("narrowed"),
            count("relabelled")
        ),
        (2, 5, 3, 2)
    );
}

#[test]
fn what_no_partner_could_show_is_not_supplied_under_any_plan() {
    let reference = adopted();
    let shown = |id: &str, source: &str, kind| -> Vec<String> {
        let plan = reference.plans.get(id).expect("plan");
        plan.series_in(plan.applicable(&reference.partners.carried_by(source, kind), kind))
            .map(|s| s.id.clone())
            .collect()
    };
    let open = "urn:partner:kent-police:open-data";
    assert_eq!(
        shown("smp-2013-14", open, Kind::Crime),
        ["substance-misuse"]
    );
    assert_eq!(
        shown("smp-2014-15", open, Kind::Crime),
        ["substance-misuse"],
        "no hour"
    );
    assert_eq!(
        shown("smp-2018-19", open, Kind::Crime),
        ["gangs-cse", "substance-misuse"]
    );
    assert_eq!(
        shown("smp-2022-25", open, Kind::Incident),
        ["safe-town-centre"]
    );
    let own = shown("smp-2014-15", "urn:partner:kent-police:crime", Kind::Crime);
    assert!(own.contains(&"night-time-violence".to_owned()), "{own:?}");
    for (plan, source, kind) in reference.plans.iter().flat_map(|plan| {
        let systems = [
            ("mtw-nhs:sus", Kind::Admission),
            ("secamb:cad", Kind::AmbulanceCall),
        ];
        systems.map(|(system, kind)| (plan, format!("urn:partner:{system}"), kind))
    }) {
        assert!(
            shown(&plan.id, &source, kind)
                .iter()
                .all(|id| !id.starts_with("road-safety")),
            "{}",
            plan.id
        );
    }
}

#[test]
fn a_factor_is_with_without_or_not_recorded() {
    let reference = adopted();
    let factor = &reference.plans.get("smp-2017-18").expect("plan").factors[0];
    let (plain, suspect) = (
        Flags::bit("mental_health").expect("flag"),
        Flags::bit("mental_health_suspect").expect("flag"),
    );
    assert_eq!(
        factor.value(Flags {
            yes: suspect,
            no: plain
        }),
        Some(true)
    );
    assert_eq!(factor.value(Flags { yes: 0, no: plain }), Some(false));
    assert_eq!(factor.value(Flags::NONE), None);
}

#[test]
fn the_plan_in_force_is_the_adopted_one_of_the_day() {
    let reference = adopted();
    let on = |y, m, d| {
        reference
            .plans
            .in_force(civil::date(y, m, d))
            .map(|plan| &*plan.id)
    };
    assert_eq!(on(2017, 4, 1), Some("smp-2017-18"));
    assert_eq!(on(2018, 3, 31), Some("smp-2017-18"));
    assert_eq!(on(2018, 4, 1), Some("smp-2018-19"));
    assert_eq!(
        (on(2016, 3, 31), on(2016, 4, 1)),
        (Some("smp-2015-16"), None)
    );
    assert_eq!(
        (on(2021, 3, 31), on(2021, 4, 1)),
        (Some("smp-2019-22"), Some("smp-2021-22"))
    );
    assert_eq!(
        (on(2025, 3, 31), on(2025, 4, 1)),
        (Some("smp-2022-25"), None)
    );
    let draft = reference_of(&changed(PLAN, "status = \"adopted\"", "status = \"draft\""));
    assert_eq!(
        draft
            .plans
            .in_force(civil::date(2017, 4, 1))
            .map(|plan| &*plan.id),
        None
    );
}

/// The adopted plan, changed in one place, is refused with these words.
#[track_caller]
fn refused(from: &str, to: &str, words: &str) {
    let faults = faults_of(&changed(PLAN, from, to));
    assert!(
        faults.lines().any(|line| line.trim() == words),
        "wanted:\n  {words}\nsaid:\n{faults}"
    );
}

/// One change of the adopted plan a line, and what is faults of it after the file's name.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "format = 1",
        "format = 2",
        "format: is 2; this program reads format 1",
    ),
    (
        "label = \"Prevent\"",
        "labl = \"Prevent\"",
        "theme[0].labl: unknown key; did you mean `label`?",
    ),
    ("label = \"Prevent\"", "", "theme[0].label: is missing"),
    (
        "status = \"adopted\"",
        "status = \"agreed\"",
        "status: `agreed` is not one of draft, adopted, withdrawn",
    ),
    (
        "adopted = 2017-04-12",
        "",
        "adopted: is missing: an adopted plan has the date of its adoption",
    ),
    (
        "adopted = 2017-04-12",
        "adopted = \"April\"",
        "adopted: is a string, not a date",
    ),
    (
        "valid_from = 2017-04-01",
        "valid_from = 2018-04-01",
        "valid_from: 2018-04-01 is after valid_to, 2018-03-31",
    ),
    (
        "valid_from = 2017-04-01",
        "valid_from = 2016-03-31",
        "valid_from: smp-2015-16 is in force on that day, until 2016-03-31",
    ),
    (
        "area = \"E07000110\"",
        "area = \"Maidstone\"",
        "area: `Maidstone` is not an area code such as E07000110",
    ),
    (
        "id = \"smp-2017-18\"",
        "id = \"smp-2017\"",
        "id: `smp-2017` is not the name of the file",
    ),
    (
        "id = \"prevent\"",
        "id = \"Prevent\"",
        "theme[0].id: `Prevent` is not kebab-case (a-z, 0-9 and single hyphens)",
    ),
    (
        "id = \"prevent\"",
        "id = \"gangs-cse\"",
        "theme[0].id: `gangs-cse` is given twice",
    ),
    (
        "id = \"nrm\"",
        "id = \"flags\"",
        "priority[0].rules[3].id: `flags` is given twice",
    ),
    (
        "owner = \"ocg-subgroup\"",
        "owner = \"ocg\"",
        "priority[0].owner: unknown owner `ocg`",
    ),
    (
        "partnership = \"Safer Maidstone Partnership\"",
        "partnership = \"Safer Swale\"",
        "partnership: belongs to another partnership than plans/smp-2013-14.toml; an empty file with the name of a built-in plan removes that plan",
    ),
    (
        "{ ho-category = [\"106\"",
        "{ ho-categroy = [\"106\"",
        "priority[0].rules[0].codes.ho-categroy: unknown scheme `ho-categroy`; did you mean `ho-category`?",
    ),
    (
        "ho-category = [\"2019\"",
        "ho-category = [\"2018\"",
        "editions.ho-category[0]: no list has edition `2018` of ho-category (known: 2019, 2026-04)",
    ),
    (
        "\"106\", \"72\"",
        "\"106@2018\", \"72\"",
        "priority[0].rules[0].codes.ho-category[0]: no list has edition `2018` of ho-category (known: 2019, 2026-04)",
    ),
    (
        "\"106\", \"72\"",
        "\"107\", \"72\"",
        "priority[0].rules[0].codes.ho-category[0]: `107` is not a code of the editions 2019, 2026-04",
    ),
    (
        "\"106\", \"72\"",
        "\"107*\", \"72\"",
        "priority[0].rules[0].codes.ho-category[0]: `107*` matches nothing",
    ),
    (
        "\"106\", \"72\"",
        "\"10A-10D\", \"72\"",
        "priority[0].rules[0].codes.ho-category[0]: `10A-10D` is a range; only `icd-10` and `ho-offence` have ranges",
    ),
    (
        "\"106\", \"72\"",
        "\"1*6\", \"72\"",
        "priority[0].rules[0].codes.ho-category[0]: `1*6`: is not a code, `code@edition`, `start*` or, in `icd-10` and `ho-offence`, `first-last`",
    ),
    (
        "\"066/53-066/82\"",
        "\"066/82-066/53\"",
        "theme[0].rules[0].codes.ho-offence[0]: `066/82-066/53`: the range is reversed",
    ),
    (
        "\"066/53-066/82\"",
        "\"999/53-999/82\"",
        "theme[0].rules[0].codes.ho-offence[0]: `999/53-999/82` matches nothing",
    ),
    (
        "[\"X85-Y09\"], istv",
        "[\"X85-Y0\"], istv",
        "priority[3].rules[2].codes.icd-10[0]: `X85-Y0`: a range needs two complete codes: three characters in `icd-10`, `ddd/dd` in `ho-offence`",
    ),
    (
        "\"offending-history\"",
        "\"total-*\"",
        "theme[1].rules[1].codes.hclic-need[0]: `total-*`: a code that begins `total-` or `households-with-` is a base, which no pattern may name",
    ),
    (
        "\"knife\", \"firearm\"",
        "\"knives\", \"firearm\"",
        "priority[1].rules[3].codes.assault-method[0]: no row of crosswalks/assault-method.csv gives `knives`; did you mean `knife`?",
    ),
    (
        "flags = [\"extremism\"]",
        "flags = [\"extremist\"]",
        "theme[0].rules[1].flags[0]: unknown flag `extremist`; did you mean `extremism`?",
    ),
    (
        "kinds = [\"admission\"]",
        "kinds = [\"admissions\"]",
        "priority[1].rules[4].kinds[0]: unknown kind `admissions`; did you mean `admission`?",
    ),
    (
        "ages = [\"0-17\"]",
        "ages = [\"17-0\"]",
        "priority[1].rules[4].ages[0]: `17-0` is not an age band such as 0-17 or 65+",
    ),
    (
        "ages = [\"0-17\"]",
        "places = [\"Town Centre\"]",
        "priority[1].rules[4].places[0]: `Town Centre` is not kebab-case",
    ),
    (
        "ages = [\"0-17\"]",
        "hours = \"18-06\"",
        "priority[1].rules[4].hours: `18-06` is not a span of hours such as 18:00-06:00",
    ),
    (
        "ages = [\"0-17\"]",
        "weekdays = [\"fri\"]",
        "priority[1].rules[4].weekdays[0]: unknown day `fri`",
    ),
    (
        "ages = [\"0-17\"]",
        "roles = [\"homes\"]",
        "priority[1].rules[4].roles[0]: unknown role `homes`; did you mean `home`?",
    ),
    (
        "{ id = \"support\", kinds = [\"domestic-abuse-support\"] }",
        "{ id = \"support\" }",
        "priority[3].rules[4].id: rule `support` has no test, so everything would match",
    ),
    (
        "kinds = [\"domestic-abuse-support\"]",
        "kinds = []",
        "priority[3].rules[4].kinds: is an empty list",
    ),
    (
        "follows = \"smp-2015-16\"",
        "follows = \"smp-2016-17\"",
        "follows: plan `smp-2016-17` does not exist",
    ),
    (
        "follows = \"smp-2015-16\"",
        "",
        "dropped: without `follows` there is nothing to drop",
    ),
    (
        "dropped = [\"road-safety\"]",
        "dropped = []",
        "dropped: `road-safety` of smp-2015-16 is neither named in a `from` nor dropped",
    ),
    (
        "dropped = [\"road-safety\"]",
        "dropped = [\"road-safety\", \"roads\"]",
        "dropped[1]: `roads` is not a priority or theme of smp-2015-16",
    ),
    (
        "plan = \"smp-2015-16\", id = \"reoffending\"",
        "plan = \"smp-2012-13\", id = \"reoffending\"",
        "theme[1].from[0].plan: plan `smp-2012-13` does not exist",
    ),
    (
        "plan = \"smp-2015-16\", id = \"reoffending\"",
        "plan = \"smp-2015-16\", id = \"offending\"",
        "theme[1].from[0].id: `offending` is not a priority or theme of smp-2015-16",
    ),
    (
        "change = \"widened\"",
        "change = \"grown\"",
        "priority[3].from[0].change: `grown` is not one of continued, relabelled, promoted, demoted, narrowed, widened, split, merged",
    ),
    (
        "flags = [\"mental_health\", \"mental_health_suspect\", \"mental_health_victim\"]\n",
        "",
        "factor[0].flags: is missing",
    ),
];

#[test]
fn what_a_plan_may_not_say_is_refused_with_file_key_and_reason() {
    for (from, to, words) in REFUSED {
        refused(from, to, &format!("{PLAN}: {words}"));
    }
}

#[test]
fn a_place_must_be_one_of_the_geography() {
    let mut files = changed(PLAN, "ages = [\"0-17\"]", "places = [\"town-center\"]");
    assert!(
        faults_of(&files)
            .contains("places[0]: unknown place `town-center`; did you mean `town-centre`?")
    );
    files.put("geography/places.csv", "");
    assert!(
        faults_of(&files)
            .lines()
            .any(|line| line.ends_with("places[0]: unknown place `town-center`")),
        "none is held"
    );
}

#[test]
fn every_fault_of_every_file_is_told_at_once() {
    let mut files = changed(PLAN, "label = \"Prevent\"", "");
    files.put("plans/another.toml", "format = 1\nid = ");
    files.put(
        "crosswalks/x.csv",
        "list,edition,code,group\na,,1,x\na,,1,y\n",
    );
    let faults = faults_of(&files);
    assert!(
        faults.starts_with("configuration refused (5 faults)"),
        "{faults}"
    );
    assert!(faults.contains("plans/another.toml: line 2: "), "{faults}");
    assert!(
        faults.contains("crosswalks/x.csv: a,,1: already has the group `x`"),
        "{faults}"
    );
}

#[track_caller]
fn warned(from: &str, to: &str, words: &str) {
    let reference = reference_of(&changed(PLAN, from, to));
    let told: Vec<String> = reference.warnings.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|line| line == words), "{told:#?}");
}

#[test]
fn what_is_odd_is_told_and_not_refused() {
    warned(
        "owner = \"ocg-subgroup\"\n",
        "",
        "plans/smp-2017-18.toml: priority[0]: priority `organised-crime` has no owner",
    );
    warned(
        "valid_from = 2017-04-01",
        "valid_from = 2016-05-01",
        "plans/smp-2017-18.toml: valid_from: no plan is in force from 2016-04-01 to 2016-04-30",
    );
    warned(
        "area = \"E07000110\"",
        "area = \"E07000999\"",
        "plans/smp-2017-18.toml: area: `E07000999` is in no file of geography/: there will be no figures by area",
    );
    let reference = reference_of(&changed(
        PLAN,
        "[\"repeat_offender\"]",
        "[\"repeat_offender\", \"gang\"]",
    ));
    assert!(reference.warnings.iter().any(|w| {
        w.key == "theme[1].rules"
            && w.reason
                .contains("`reoffending` has other rules than in smp-2015-16")
    }));
}
