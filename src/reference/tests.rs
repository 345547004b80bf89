use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use crate::event::Kind;
use crate::reference::geography::PopulationUnit;

/// The built-in files with `from` replaced by `to` in one of them.
#[track_caller]
pub(crate) fn changed(file: &str, from: &str, to: &str) -> TextFiles {
    let mut files = TextFiles::built_in();
    let text = files.text(file).expect("a built-in file").to_owned();
    assert!(text.contains(from), "{file} does not contain `{from}`");
    files.put(file.to_owned(), text.replacen(from, to, 1));
    files
}

#[track_caller]
pub(crate) fn faults_of(files: &TextFiles) -> String {
    match Reference::read(files) {
        Ok(_) => String::new(),
        Err(faults) => faults.to_string(),
    }
}

#[track_caller]
pub(crate) fn reference_of(files: &TextFiles) -> Reference {
    Reference::read(files).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn the_built_in_files_are_whole() {
    let reference = Reference::load(None).expect("built in");
    let mut odd = String::new();
    for warning in &reference.warnings {
        writeln!(odd, "{warning}").expect("text");
    }
    assert_eq!(
        odd,
        "plans/smp-2017-18.toml: valid_from: no plan is in force from 2016-04-01 to 2017-03-31\n"
    );
}

const PARTNERS: &str = "partners.toml";

#[test]
fn a_source_is_registered_for_its_topic_alone() {
    let partners = Reference::load(None).expect("built in").partners;
    let topics: Vec<_> = partners
        .topics()
        .map(|t| (&*t.name, t.feed.as_str()))
        .collect();
    assert_eq!(
        topics,
        [
            ("health.events.v1", "health"),
            ("housing.events.v1", "housing"),
            ("police.events.v1", "police")
        ]
    );
    assert!(partners.is_registered("police.events.v1", "urn:partner:kent-police:crime"));
    assert!(!partners.is_registered("health.events.v1", "urn:partner:kent-police:crime"));
    assert!(!partners.is_registered("police.events.v1", "urn:partner:nobody:x"));
    let open = partners
        .sources("police.events.v1")
        .filter(|source| source.ends_with(":open-data"));
    assert_eq!(open.count(), 43 + 3);
}

#[test]
fn a_partner_carries_what_any_of_its_systems_does() {
    let partners = Reference::load(None).expect("built in").partners;
    let own = partners.carried_by("urn:partner:kent-police:crime", Kind::Crime);
    let open = partners.carried_by("urn:partner:kent-police:open-data", Kind::Crime);
    assert_eq!((open.flags, own.flags.count_ones()), (0, 26));
    assert_eq!(
        partners.carried("kent-police", Kind::Crime),
        own.union(&open)
    );
    let methods = partners.carried("mtw-nhs", Kind::AssaultAttendance).schemes;
    assert!(methods.contains_key("istv-method") && methods.contains_key("assault-method"));
    assert_eq!(
        partners.carried("essex-police", Kind::Referral),
        Carried::default()
    );
}

#[test]
fn crime_and_incident_go_by_recording_and_the_rest_by_occurrence() {
    let partners = reference_of(&changed(
        PARTNERS,
        "[date_basis]",
        "[date_basis]\n\"secamb:ambulance-call\" = \"recorded\"",
    ))
    .partners;
    let recorded = |partner, kind| partners.date_basis(partner, kind) == DateBasis::Recorded;
    assert!(recorded("kent-police", Kind::Crime) && recorded("kent-police", Kind::Incident));
    assert!(recorded("secamb", Kind::AmbulanceCall) && !recorded("eeast", Kind::AmbulanceCall));
    assert!(!recorded("mtw-nhs", Kind::Admission));
}

#[test]
fn records_are_due_and_settled_as_the_partner_agreed() {
    let own = "[due]\n\"mhclg:count:hclic-need\" = 90\n\"kent-police:crime\" = 10\n";
    let partners = reference_of(&changed(PARTNERS, "[due]", own)).partners;
    let due = |partner, kind, month: &str| {
        partners
            .due(partner, kind, month.parse().expect("month"))
            .to_string()
    };
    assert_eq!(due("essex-police", "crime", "2018-10"), "2018-12-30");
    assert_eq!(due("kent-police", "crime", "2018-10"), "2018-11-10");
    assert_eq!(
        due("mtw-nhs", "assault-attendance", "2018-10"),
        "2018-12-01"
    );
    let quarter = ["2018-10", "2018-11", "2018-12"]
        .map(|month| due("maidstone-bc", "homelessness-case", month));
    assert_eq!(quarter, ["2019-03-31"; 3]);
    assert_eq!(
        due("secamb", "ambulance-call", "2018-09"),
        "2018-12-31",
        "the duty is the default"
    );
    assert_eq!(due("mhclg", "count:hclic-need", "2018-06"), "2018-09-28");
    assert_eq!(due("mhclg", "count:hclic-reason", "2018-06"), "2018-09-30");
    let settled = |partner, kind| {
        partners
            .settled(partner, kind, "2018-10".parse().expect("month"))
            .to_string()
    };
    assert_eq!(settled("kent-police", "crime"), "2019-01-31");
    assert_eq!(
        settled("mtw-nhs", "assault-attendance"),
        "2018-12-01",
        "never before it is due"
    );
    assert_eq!(
        partners.rate_unit("count:hclic-assessment"),
        PopulationUnit::Households
    );
    assert_eq!(partners.rate_unit("crime"), PopulationUnit::Persons);
}

#[test]
fn what_partners_may_not_say_is_refused() {
    for (from, to, words) in [
        (
            "\"health\"\n",
            "\"heath\"\n",
            "topics.\"health.events.v1\": `heath` is not a feed",
        ),
        (
            "topic = \"police.events.v1\"",
            "topic = \"police.events.v2\"",
            "system[0].topic: `police.events.v2` is not in [topics]; did you mean `police.events.v1`?",
        ),
        (
            "[\"ho-category\", \"ho-offence\"]",
            "[\"ho-crime\"]",
            "system[0].kinds.crime.schemes[0]: unknown scheme `ho-crime`",
        ),
        (
            "[system.kinds.incident]",
            "[system.kinds.possession]",
            "system[1].kinds.possession: is not a kind of this topic's feed",
        ),
        (
            "flags = [\"extremism\", \"mental_health\"]",
            "flags = [\"mental-health\"]",
            "system[5].kinds.referral.flags[0]: unknown flag `mental-health`; did you mean `mental_health`?",
        ),
        (
            "partners = [\"secamb\"]",
            "partners = []",
            "system[9].partners: is an empty list",
        ),
        (
            "partners = [\"secamb\"]",
            "partners = [\"SECAmb\"]",
            "system[9].partners[0]: `SECAmb` is not kebab-case of at most 32 characters",
        ),
        (
            "system = \"marac\"",
            "system = \"nrm\"",
            "system[4].partners[0]: urn:partner:kent-police:nrm is registered twice for police.events.v1",
        ),
        (
            "crime = \"recorded\"",
            "crime = \"known\"",
            "date_basis.crime: is neither `occurred` nor `recorded`",
        ),
        (
            "crime = 60",
            "crimes = 60",
            "due.crimes: is neither a kind (a count is `count:<list>`) nor `partner:kind`",
        ),
        (
            "crime = 60",
            "\"count:x\" = 60",
            "due.\"count:x\": is neither a kind",
        ),
        (
            "crime = 60",
            "\"kent:crime\" = 60",
            "due.\"kent:crime\": is neither a kind",
        ),
        (
            "crime = 60",
            "crime = -1",
            "due.crime: -1 is not between 0 and 1000",
        ),
        (
            "crime = 60",
            "crime = \"soon\"",
            "due.crime: is neither a number of days nor `end-of-next-quarter`",
        ),
        (
            "crime = 3\n",
            "crime = \"end-of-next-quarter\"\n",
            "settle_months.crime: is a string, not an integer",
        ),
        (
            "homelessness-case = \"households\"",
            "homelessness = \"households\"",
            "rate_unit.homelessness: is not a kind",
        ),
        (
            "= \"households\"",
            "= \"people\"",
            "rate_unit.homelessness-case: is not one of persons, households",
        ),
        (
            "crime = \"recorded\"",
            "crimes = \"recorded\"",
            "date_basis.crimes: is neither a kind nor `partner:kind`",
        ),
    ] {
        let faults = faults_of(&changed(PARTNERS, from, to));
        assert!(
            faults.contains(words),
            "expected: {words}\nfaults: {faults}"
        );
    }
}

/// Scheme, code and edition of a record's codes, as text.
fn codes_of(json: &str) -> Vec<String> {
    let reference = Reference::load(None).expect("built in");
    let event = crate::contract::Event::decode(json).expect("a valid event");
    let mut codes = Vec::new();
    reference.source_codes(&Record::from_event(&event), &mut codes);
    codes
        .iter()
        .map(|c| format!("{}:{}@{}", c.scheme, c.code, c.edition.unwrap_or("any")))
        .collect()
}

#[test]
fn every_kind_gives_the_schemes_of_its_contract() {
    let expected: [&[&str]; 16] = [
        &[
            "ho-category:8N@2016-04",
            "ho-offence:008/06@2016-04",
            "ho-group:violence-against-the-person@any",
        ],
        &["nsir:personal@2011-04"],
        &["mha-legal-status:20@any"],
        &["stop-search-object:detailed-object-of-search-unavailable@any"],
        &[
            "referral-scheme:nrm@any",
            "nrm-exploitation:criminal@any",
            "nrm-exploitation:sexual@any",
        ],
        &["istv-method:05@2014-09", "assault-method:knife@any"],
        &["nhs-pathways:Dx012@2017-01"],
        &["icd-10:S21.1@any", "icd-10:X99.9@any"],
        &["mha-legal-status:20@any"],
        &["ndtms-group:opiate@any"],
        &[
            "hclic-reason:domestic-abuse@2018-04",
            "hclic-need:history-of-mental-health-problems@2018-04",
            "hclic-need:at-risk-of-has-experienced-domestic-abuse@2018-04",
        ],
        &["housemark:G@2016"],
        &["noise-source:domestic@2016"],
        &["possession-stage:suspended_order@any"],
        &["da-service:refuge@any"],
        &["ndtms-group:opiate@2016"],
    ];
    let examples = include_str!("plan/examples.jsonl");
    for (json, expected) in examples.lines().zip(expected) {
        assert_eq!(codes_of(json), expected);
    }
    let crime = examples.lines().next().expect("crime");
    assert_eq!(
        codes_of(&crime.replacen("\"8N\"", "\"4.10\"", 1))[0],
        "ho-category:4/10@2016-04"
    );
    let detention = examples.lines().nth(2).expect("detention");
    assert_eq!(
        codes_of(&detention.replacen("s136", "s135_1", 1)),
        ["mha-legal-status:19@any"]
    );
    let case = examples.lines().nth(10).expect("case");
    assert_eq!(
        codes_of(&case.replacen("\"loss_reason\":\"domestic-abuse\",", "", 1)).len(),
        2
    );
    let search = examples.lines().nth(3).expect("search");
    let search = search.replacen(
        "\"object\":\"detailed-object-of-search-unavailable\",",
        "",
        1,
    );
    assert_eq!(codes_of(&search), [""; 0]);
}

#[test]
fn the_exact_edition_of_a_crosswalk_wins() {
    let mut files = TextFiles::built_in();
    let rows = "list,edition,code,group\nown,,1,any\nown,2020,1,exact\n";
    files.put(
        "crosswalks/grouped.csv",
        format!("# source: us\n# licence: ours\n{rows}"),
    );
    let crosswalks = reference_of(&files).crosswalks;
    let group = |edition| crosswalks.groups_for("own", "1")[0].group(edition);
    assert_eq!(
        [group(None), group(Some("2019")), group(Some("2020"))],
        [Some("any"), Some("any"), Some("exact")]
    );
    assert!(crosswalks.groups_for("own", "2").is_empty());
}

#[test]
fn an_unknown_code_is_near_one_with_few_other_letters_or_one_that_divides_it() {
    let reference = Reference::load(None).expect("built in");
    let nearest = |code| reference.codes.nearest("hclic-reason@2023-07", code);
    assert_eq!(nearest("domestic-abuse"), Some("domestic-abuse/victim"));
    assert_eq!(
        nearest("domestic-abuse/victims"),
        Some("domestic-abuse/victim")
    );
    assert_eq!(nearest("advice"), None);
}

#[test]
fn codes_have_labels_and_groups_in_their_edition() {
    let codes = Reference::load(None).expect("built in").codes;
    assert_eq!(
        codes.label("ho-category", Some("2019"), "8n"),
        Some("Assault with injury")
    );
    assert_eq!(
        codes.label("ho-category", Some("2016-04"), "4.10"),
        codes.label("ho-category", None, "4/10")
    );
    assert_eq!(codes.group("ho-offence", None, "008/67"), Some("8U"));
    assert_eq!(
        codes.group("police-uk-outcome", None, "local-resolution"),
        Some("out-of-court")
    );
    assert_eq!(codes.knows("ho-category", None, "999"), Some(false));
    assert_eq!(codes.knows("icd-10", None, "X99"), None);
    assert!(codes.is_exclusive("hclic-reason") && !codes.is_exclusive("hclic-need"));
    let outcomes = codes
        .lists_of("police-uk-outcome")
        .flat_map(|list| &list.codes);
    let groups: BTreeSet<&str> = outcomes.map(|code| &*code.group).collect();
    assert_eq!(groups.len(), 8);
}

#[test]
fn lists_of_the_contract_hold_what_the_contract_does() {
    use crate::contract::{health, housing, police};
    let codes = Reference::load(None).expect("built in").codes;
    for (scheme, names) in [
        ("ndtms-group", health::SubstanceGroup::NAMES),
        ("referral-scheme", police::Scheme::NAMES),
        ("possession-stage", housing::PossessionStage::NAMES),
        ("da-service", housing::Service::NAMES),
    ] {
        let known: Vec<&str> = codes
            .lists_of(scheme)
            .flat_map(|list| &list.codes)
            .map(|code| &*code.code)
            .collect();
        assert_eq!(known, names, "{scheme}");
    }
}

#[test]
fn a_code_list_names_its_source_and_has_each_code_once() {
    let mut files = TextFiles::built_in();
    files.put(
        "codes/own.csv",
        "# source: us\n# exclusive: no\ncode,label\n1,one\n1,two\n",
    );
    files.put(
        "codes/odd.csv",
        "# source: us\n# exclusive: no\n# licence: x\ncode,colour\n1,red\n",
    );
    let faults = faults_of(&files);
    assert!(
        faults
            .contains("codes/own.csv: licence: is missing: write `# licence: …` above the header"),
        "{faults}"
    );
    assert!(
        faults.contains("codes/own.csv: 1: is given twice"),
        "{faults}"
    );
    assert!(faults.contains("codes/odd.csv: line "), "{faults}");
}

#[test]
fn every_code_of_every_list_has_a_label() {
    let reference = Reference::load(None).expect("built in");
    for list in reference.codes.iter() {
        let without = list.codes.iter().find(|code| code.label.is_empty());
        assert_eq!(without, None, "{}", list.scheme);
    }
}

#[test]
fn a_kind_and_a_partner_have_names() {
    let partners = Reference::load(None).expect("built in").partners;
    assert!(partners.ids().iter().all(|id| partners.label(id) != *id));
    assert_eq!(partners.kind_label("crime"), "Recorded crimes");
    assert_eq!(partners.kind_label("count:ho-crime"), "Ho crime (totals)");
    let one_return =
        ["homelessness-case", "count:hclic-need"].map(|kind| partners.collection(kind));
    assert_eq!(one_return, [Some("h-clic"); 2]);
    assert_eq!(partners.collection("crime"), None);
    let unknown = changed(
        PARTNERS,
        "[kind_labels]",
        "[kind_labels]\ncrimes = \"Crimes\"\n#",
    );
    assert!(faults_of(&unknown).contains("kind_labels.crimes: is not a kind"));
}
