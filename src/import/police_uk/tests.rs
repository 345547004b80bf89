use super::ids::REDATED_MIN;
use super::*;
use crate::contract::Event;
use crate::import::digest;
use crate::reference::Reference;
use crate::reference::unknown_codes::UnknownCode;

const HEADER: &str = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,Last outcome category,Context\n";
const ID_A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const ID_B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A row of an invented place: its id, month, LSOA, type and outcome.
fn row(id: &str, month: &str, lsoa: &str, kind: &str, outcome: &str) -> String {
    let place = if lsoa.is_empty() {
        ",,No Location"
    } else {
        "0.5,51.2,\"On or near A, B\""
    };
    format!("{id},{month},Kent Police,Kent Police,{place},{lsoa},Somewhere,{kind},{outcome},\n")
}

fn asb(month: &str) -> String {
    row("", month, "E01024363", "Anti-social behaviour", "")
}

fn options() -> PoliceUkOptions {
    let release = "2019-04".parse().expect("a month");
    PoliceUkOptions {
        release,
        previous: Vec::new(),
        id_scope: IdScope::Release,
        vintage: None,
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, rows: &[String]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, format!("{HEADER}{}", rows.concat())).expect("a file");
        path
    }
}

fn imported(
    files: &[PathBuf],
    options: &PoliceUkOptions,
) -> Result<(Vec<serde_json::Value>, PoliceUkSummary), PoliceUkError> {
    let reference = Reference::load(None).expect("built in");
    let mut out = Vec::new();
    let summary = import(files, options, &reference, &mut out)?;
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

fn subjects(events: &[serde_json::Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|e| e["subject"].as_str())
        .collect()
}

#[test]
fn a_row_becomes_a_crime_or_an_incident() {
    let folder = Folder::new();
    let rows = [
        row(
            ID_A,
            "2018-10",
            "",
            "Other theft",
            "Offender given a caution",
        ),
        row("", "2018-10", "E01024363", "Anti-social behaviour", ""),
    ];
    let (events, summary) =
        imported(&[folder.file("2018-10-kent-street.csv", &rows)], &options()).expect("events");
    let expected = serde_json::json!({
        "specversion": "1.0", "id": format!("{ID_A}.201904"), "source": "urn:partner:kent-police:open-data",
        "type": "uk.community-safety.police.crime.v1", "subject": ID_A, "revision": 201_904,
        "time": "2019-04-01T00:00:00Z",
        "data": {
            "what": {"list": "police-uk", "edition": "2013-05", "category": "other-theft"},
            "when": {"occurred_from": "2018-10"},
            "outcome": {"list": "police-uk-outcome", "code": "offender-given-a-caution"},
        },
    });
    assert_eq!(events[0], expected);
    assert_eq!(events[1]["type"], "uk.community-safety.police.incident.v1");
    let area = serde_json::json!({"code": "E01024363", "level": "lsoa", "role": "incident", "vintage": 2011, "confidence": "snapped"});
    assert_eq!(events[1]["data"]["area"], area);
    assert_eq!(
        (summary.crimes(), summary.incidents(), summary.without_area),
        (1, 1, 1)
    );
}

#[test]
fn each_of_equal_rows_is_a_record() {
    let folder = Folder::new();
    let file = folder.file(
        "2018-10-kent-street.csv",
        &[asb("2018-10"), asb("2018-10"), asb("2018-10")],
    );
    let (events, summary) = imported(&[file], &options()).expect("events");
    let ends: Vec<&str> = subjects(&events).iter().map(|s| &s[41..]).collect();
    assert_eq!(ends, ["1", "2", "3"]);
    assert_eq!((summary.equal_groups, summary.equal_rows), (1, 3));
}

#[test]
fn a_repeated_id_gets_an_ordinal() {
    let folder = Folder::new();
    let rows = [
        row(ID_A, "2018-10", "E01024363", "Robbery", ""),
        row(ID_B, "2018-10", "E01024363", "Robbery", ""),
        row(ID_A, "2018-10", "E01024334", "Robbery", ""),
    ];
    let (events, summary) =
        imported(&[folder.file("2018-10-kent-street.csv", &rows)], &options()).expect("events");
    assert_eq!(
        subjects(&events),
        [format!("{ID_A}.2"), ID_B.to_owned(), ID_A.to_owned()]
    );
    assert_eq!((summary.ids_repeated, summary.ids_redated), (1, 0));
}

#[test]
fn ids_used_again_are_an_error_unless_their_scope_is_a_month() {
    let folder = Folder::new();
    let of = |month: &str, ids: usize| {
        let rows: Vec<String> = (0..ids)
            .map(|id| row(&format!("{id:064x}"), month, "E01024363", "Drugs", ""))
            .collect();
        folder.file(&format!("{month}-kent-street.csv"), &rows)
    };
    let files = [
        of("2018-11", REDATED_MIN + 1),
        of("2018-10", REDATED_MIN + 1),
    ];
    let refused = imported(&files, &options())
        .expect_err("reused")
        .to_string();
    assert!(
        refused.starts_with("4 of 4 ids occur in several months"),
        "{refused}"
    );
    assert!(refused.contains("--id-scope month"), "{refused}");
    let by_month = PoliceUkOptions {
        id_scope: IdScope::Month,
        ..options()
    };
    let (events, _) = imported(&files, &by_month).expect("events");
    let id = format!("{:064x}", 0);
    let subjects = subjects(&events);
    assert_eq!(
        (subjects.len(), subjects[0], subjects[4]),
        (8, &*format!("2018-10.{id}"), &*format!("2018-11.{id}"))
    );
}

#[test]
fn a_few_redated_ids_of_a_small_extract_are_records_that_were_redated() {
    let folder = Folder::new();
    let of = |month: &str| {
        let rows: Vec<String> = (0..REDATED_MIN)
            .map(|id| row(&format!("{id:064x}"), month, "E01024363", "Drugs", ""))
            .collect();
        folder.file(&format!("{month}-kent-street.csv"), &rows)
    };
    let (events, summary) = imported(&[of("2018-10"), of("2018-11")], &options()).expect("events");
    assert_eq!((events.len(), summary.ids_redated), (6, 3));
}

#[test]
fn records_that_vanished_since_the_release_before_are_cancelled() {
    let folder = Folder::new();
    let crime = |id, month| row(id, month, "E01024363", "Drugs", "");
    let older = Folder::new();
    older.file(
        "2018-09-kent-street.csv",
        &[crime("left-the-window", "2018-09")],
    );
    older.file(
        "2018-10-kent-street.csv",
        &[
            crime(ID_A, "2018-10"),
            crime(ID_B, "2018-10"),
            asb("2018-10"),
        ],
    );
    older.file(
        "2018-10-essex-street.csv",
        &[crime("another-force", "2018-10")],
    );
    let now = folder.file("2018-10-kent-street.csv", &[crime(ID_B, "2018-10")]);
    let with_previous = PoliceUkOptions {
        previous: vec![older.0.path().to_owned()],
        ..options()
    };
    let (events, summary) = imported(&[now], &with_previous).expect("events");
    assert_eq!(summary.cancelled, 2);
    assert_eq!(events[1]["subject"], ID_A);
    let cancellation = serde_json::json!({"reason": "absent_from_release", "at": "2019-04"});
    assert_eq!(events[1]["data"]["cancellation"], cancellation);
    assert_eq!(events[1]["revision"], 201_904);
    assert_eq!(events[2]["type"], "uk.community-safety.police.incident.v1");
}

#[test]
fn the_vintage_comes_from_the_codes_or_the_option() {
    let folder = Folder::new();
    let crime = |lsoa| row(ID_A, "2018-10", lsoa, "Drugs", "");
    let vintage = |rows: &[String], given| {
        let options = PoliceUkOptions {
            vintage: given,
            ..options()
        };
        imported(&[folder.file("2018-10-kent-street.csv", rows)], &options)
            .map(|(_, summary)| summary.vintage)
            .map_err(|e| e.to_string())
    };
    assert_eq!(vintage(&[crime("E01024334")], None), Ok(Some(2011)));
    assert_eq!(vintage(&[crime("E01034990")], None), Ok(Some(2021)));
    assert_eq!(vintage(&[crime("E01024320")], Some(2021)), Ok(Some(2021)));
    assert_eq!(vintage(&[crime("")], None), Ok(None));
    assert_eq!(
        vintage(&[crime("E01024320")], None),
        Err(PoliceUkError::VintageUnknown.to_string())
    );
    assert!(
        PoliceUkError::VintageUnknown
            .to_string()
            .contains("--vintage")
    );
    for (lsoa, year) in [
        ("E01000010", 2011), // London
        ("E01035762", 2021),
        ("W01000001", 2011),
        ("W01002040", 2021),
    ] {
        assert_eq!(vintage(&[crime(lsoa)], None), Ok(Some(year)), "{lsoa}");
    }
    let mixed = vintage(&[crime("E01034990"), asb("2018-10")], None).expect_err("mixed");
    assert!(
        mixed.starts_with("the files have LSOA codes that ended with 2011 (")
            && mixed.contains("2018-10-kent-street.csv) and codes that began with 2021 ("),
        "{mixed}"
    );
    let other = PoliceUkError::VintageOther {
        given: 2021,
        found: 2011,
    };
    assert_eq!(
        vintage(&[crime("E01024334")], Some(2021)),
        Err(other.to_string())
    );
    // A code that ended with 2011 may be of 2001, one that began with 2011 may not.
    assert_eq!(vintage(&[crime("E01024334")], Some(2001)), Ok(Some(2001)));
    let began = [
        crime("E01024334"),
        row(ID_B, "2018-10", "E01033768", "Drugs", ""),
    ];
    let other = PoliceUkError::VintageOther {
        given: 2001,
        found: 2011,
    };
    assert_eq!(vintage(&began, Some(2001)), Err(other.to_string()));
}

#[test]
fn an_error_names_file_line_and_column_and_no_value() {
    let folder = Folder::new();
    let refused = |rows: &[String]| {
        let file = folder.file("2018-10-kent-street.csv", rows);
        imported(&[file], &options())
            .expect_err("refused")
            .to_string()
    };
    let good = asb("2018-10");
    for (bad, column, rule) in [
        (
            asb("2018-11"),
            "Month",
            "this month is not in the name of the file",
        ),
        (asb("10/2018"), "Month", "expected a month, yyyy-mm"),
        (
            row("a b", "2018-10", "", "Drugs", ""),
            "Crime ID",
            "expected an id of 1 to 100 letters, digits or `._:~/-`",
        ),
        (
            row(ID_A, "2018-10", "E05004996", "Drugs", ""),
            "LSOA code",
            "expected an LSOA code: E01, W01 or S01 and six digits",
        ),
        (
            row(ID_A, "2018-10", "", "", ""),
            "Crime type",
            "the crime type is missing",
        ),
    ] {
        let refused = refused(&[good.clone(), bad]);
        let end = format!("2018-10-kent-street.csv, line 3, column `{column}`: {rule}");
        assert!(refused.ends_with(&end), "{refused}");
    }
    let late = folder.file("2019-05-kent-street.csv", &[asb("2019-05")]);
    let refused = imported(&[late], &options())
        .expect_err("refused")
        .to_string();
    assert!(
        refused.ends_with("line 2, column `Month`: this month is after --release"),
        "{refused}"
    );
}

#[test]
fn a_month_is_in_one_file_and_a_release_of_one_force() {
    let folder = Folder::new();
    let one = folder.file("2018-10-kent-street.csv", &[asb("2018-10")]);
    let many = folder.file("2018-10_to_2018-11-kent-street.csv", &[asb("2018-10")]);
    let other = folder.file("2018-10-essex-street.csv", &[asb("2018-10")]);
    let refused = |files: &[PathBuf]| imported(files, &options()).expect_err("refused");
    assert!(matches!(
        refused(&[one.clone(), many]),
        PoliceUkError::MonthTwice { .. }
    ));
    assert!(matches!(
        refused(&[one.clone(), one.clone()]),
        PoliceUkError::MonthTwice { .. }
    ));
    assert!(matches!(
        refused(&[one, other]),
        PoliceUkError::Forces { .. }
    ));
    assert!(matches!(refused(&[]), PoliceUkError::NoFiles));
}

const SEARCH_HEADER: &str = "Type,Date,Part of a policing operation,Policing operation,Latitude,Longitude,Gender,Age range,Self-defined ethnicity,Officer-defined ethnicity,Legislation,Object of search,Outcome,Outcome linked to object of search,Removal of more than just outer clothing\n";
const SEARCH: &str = "Person search,2024-05-31T23:20:00+00:00,True,,51.2,0.5,Female,over 34,A,B,An Act 1984 (section 1),Stolen goods,Arrest,,False\n";

impl Folder {
    fn outcomes(&self, name: &str, rows: &[(&str, &str, &str)]) -> PathBuf {
        let path = self.0.path().join(name);
        let header = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Outcome type\n";
        let row = |(id, month, outcome): &(&str, &str, &str)| {
            format!("{id},{month},Kent Police,Kent Police,,,No location,,,{outcome}\n")
        };
        std::fs::write(
            &path,
            format!("{header}{}", rows.iter().map(row).collect::<String>()),
        )
        .expect("a file");
        path
    }

    fn searches(&self, name: &str, rows: &[&str]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, format!("{SEARCH_HEADER}{}", rows.concat())).expect("a file");
        path
    }
}

#[test]
fn an_outcome_file_gives_the_outcomes_of_crimes_and_their_months() {
    let folder = Folder::new();
    let crime = |id| row(id, "2018-10", "E01024363", "Drugs", "Under investigation");
    let id_c = "c".repeat(64);
    let street = folder.file(
        "2018-10-kent-street.csv",
        &[crime(ID_A), crime(ID_B), crime(&id_c), asb("2018-10")],
    );
    let (charged, no_suspect) = (
        "Suspect charged",
        "Investigation complete; no suspect identified",
    );
    let later = [
        (ID_A, "2018-12", no_suspect),
        (ID_A, "2018-12", charged),
        (ID_B, "2018-12", "Unheard of"),
        ("", "2018-12", charged),
    ];
    let early = [
        (ID_A, "2018-11", charged),
        (ID_B, "2018-11", no_suspect),
        ("elsewhere", "2018-11", charged),
    ];
    let files = [
        street,
        folder.outcomes("2018-12-kent-outcomes.csv", &later),
        folder.outcomes("2018-11-kent-outcomes.csv", &early),
    ];
    let (events, summary) = imported(&files, &options()).expect("events");
    let outcome =
        |code, at| serde_json::json!({"list": "police-uk-outcome", "code": code, "at": at});
    assert_eq!(
        events[0]["data"]["outcome"],
        outcome("suspect-charged", "2018-12")
    );
    assert_eq!(
        events[1]["data"]["outcome"],
        outcome("investigation-complete-no-suspect-identified", "2018-11"),
        "what is in no group comes last"
    );
    let of_street = serde_json::json!({"list": "police-uk-outcome", "code": "under-investigation"});
    assert_eq!(events[2]["data"]["outcome"], of_street);
    assert_eq!(
        (events.len(), summary.outcomes, summary.outcomes_skipped),
        (4, 7, 2)
    );
    assert!(
        summary
            .to_string()
            .contains("\noutcome rows                  7, 2 without a crime in these files\n"),
        "{summary}"
    );
    let by_month = PoliceUkOptions {
        id_scope: IdScope::Month,
        ..options()
    };
    assert!(matches!(
        imported(&files, &by_month),
        Err(PoliceUkError::OutcomesByMonth)
    ));
}

#[test]
fn the_cancelled_state_of_a_crime_has_its_outcome() {
    let (folder, older) = (Folder::new(), Folder::new());
    let crime = |id| row(id, "2018-10", "E01024363", "Drugs", "");
    older.file("2018-10-kent-street.csv", &[crime(ID_A), crime(ID_B)]);
    older.outcomes(
        "2018-11-kent-outcomes.csv",
        &[(ID_A, "2018-11", "Local resolution")],
    );
    let now = folder.file("2018-10-kent-street.csv", &[crime(ID_B)]);
    let with_previous = PoliceUkOptions {
        previous: vec![older.0.path().to_owned()],
        ..options()
    };
    let (events, _) = imported(&[now], &with_previous).expect("events");
    assert_eq!(
        (&events[1]["subject"], &events[1]["data"]["outcome"]["code"]),
        (&ID_A.into(), &"local-resolution".into())
    );
}

#[test]
fn a_row_of_a_search_file_becomes_a_search() {
    let folder = Folder::new();
    let vehicle = "Vehicle search,2024-06-02T23:05:00+00:00,False,,51.2,0.5,,,,,,,,True,\n";
    let child =
        "Person and Vehicle search,2024-06-30T22:59:00.000+00:00,,,,,Male,under 10,,,,,,,\n";
    let file = folder.searches(
        "2024-06-kent-stop-and-search.csv",
        &[SEARCH, vehicle, child],
    );
    let options = PoliceUkOptions {
        release: "2024-08".parse().expect("a month"),
        ..options()
    };
    let (events, summary) = imported(&[file], &options).expect("events");
    let digest = digest([
        "Person search",
        "2024-05-31T23:20:00+00:00",
        "True",
        "",
        "51.2",
        "0.5",
        "Female",
        "over 34",
        "A",
        "B",
        "An Act 1984 (section 1)",
        "Stolen goods",
        "False",
    ]);
    let expected = serde_json::json!({
        "specversion": "1.0", "id": format!("2024-06.{digest}.1.202408"),
        "source": "urn:partner:kent-police:open-data", "type": "uk.community-safety.police.stop-search.v1",
        "subject": format!("2024-06.{digest}.1"), "revision": 202_408, "time": "2024-08-01T00:00:00Z",
        "data": {
            "search_type": "person", "when": {"occurred_from": "2024-05-31T23:20:00Z"}, "object": "stolen-goods",
            "legislation": "an-act-1984-section-1", "outcome": {"list": "police-uk-search", "code": "arrest"},
            "operation": true, "person": {"age_band": "35+", "sex": "female"},
        },
    });
    assert_eq!(events[0], expected);
    let when = serde_json::json!({"occurred_from": "2024-06-02T23:05:00Z"});
    let of_vehicle = serde_json::json!({"search_type": "vehicle", "when": when, "outcome_linked": true, "operation": false});
    assert_eq!(events[1]["data"], of_vehicle);
    assert_eq!(
        events[2]["data"]["person"],
        serde_json::json!({"age_band": "0-9", "sex": "male"})
    );
    assert_eq!(
        (summary.searches(), summary.without_area, summary.vintage),
        (3, 3, None)
    );
}

#[test]
fn each_of_equal_searches_is_a_record_whatever_its_outcome() {
    let folder = Folder::new();
    let other = SEARCH.replace("Arrest,,", "Caution,True,");
    let file = folder.searches(
        "2024-06-kent-stop-and-search.csv",
        &[SEARCH, &other, SEARCH],
    );
    let options = PoliceUkOptions {
        release: "2024-08".parse().expect("a month"),
        ..options()
    };
    let (events, _) = imported(&[file], &options).expect("events");
    let subjects = subjects(&events);
    let base = subjects[0].strip_suffix(".1").expect("the first");
    assert_eq!(
        subjects,
        [
            format!("{base}.1"),
            format!("{base}.2"),
            format!("{base}.3")
        ]
    );
}

#[test]
fn a_search_that_vanished_is_cancelled() {
    let (folder, older) = (Folder::new(), Folder::new());
    let may = SEARCH.replace("05-31", "05-30");
    let before = [
        older.searches("2024-05-kent-stop-and-search.csv", &[&may]),
        older.searches("2024-06-kent-stop-and-search.csv", &[SEARCH, SEARCH]),
    ];
    let now = folder.searches("2024-06-kent-stop-and-search.csv", &[SEARCH]);
    let release = "2024-08".parse().expect("a month");
    let (events, summary) = imported(
        &[now],
        &PoliceUkOptions {
            release,
            previous: before.to_vec(),
            ..options()
        },
    )
    .expect("events");
    assert_eq!((events.len(), summary.cancelled), (2, 1));
    assert!(subjects(&events)[1].ends_with(".2"));
    assert_eq!(
        events[1]["data"]["cancellation"]["reason"],
        "absent_from_release"
    );
}

#[test]
fn an_error_in_a_search_or_an_outcome_names_line_and_column() {
    let folder = Folder::new();
    let long = "x".repeat(65);
    for (from, to, end) in [
        (
            "Person search",
            "Search",
            "column `Type`: expected `Person search`, `Vehicle search` or `Person and Vehicle search`",
        ),
        (
            "2024-05-31T",
            "31/05/2024 ",
            "column `Date`: expected an instant with an offset, such as 2024-05-31T23:20:00+00:00",
        ),
        (
            "2024-05",
            "2024-10",
            "column `Date`: this date is after --release",
        ),
        (
            "True",
            "Yes",
            "column `Part of a policing operation`: expected `True`, `False` or empty",
        ),
        (
            "Female",
            "F",
            "column `Gender`: expected `Female`, `Male`, `Other` or empty",
        ),
        (
            "over 34",
            "41",
            "column `Age range`: expected `under 10`, `10-17`, `18-24`, `25-34`, `over 34` or empty",
        ),
        (
            "Stolen goods",
            &long,
            "column `Object of search`: the contract does not allow this text",
        ),
    ] {
        let file = folder.searches(
            "2024-06-kent-stop-and-search.csv",
            &[SEARCH, &SEARCH.replace(from, to)],
        );
        let release = "2024-08".parse().expect("a month");
        let refused = imported(
            &[file],
            &PoliceUkOptions {
                release,
                ..options()
            },
        )
        .expect_err("refused")
        .to_string();
        assert!(
            refused.ends_with(&format!("2024-06-kent-stop-and-search.csv, line 3, {end}")),
            "{refused}"
        );
    }
    for (month, outcome, end) in [
        (
            "2018-11",
            "Local resolution",
            "line 2, column `Month`: this month is not in the name of the file",
        ),
        (
            "2018-1",
            "Local resolution",
            "line 2, column `Month`: expected a month, yyyy-mm",
        ),
        (
            "2018-10",
            "",
            "line 2, column `Outcome type`: the outcome is missing",
        ),
    ] {
        let file = folder.outcomes("2018-10-kent-outcomes.csv", &[(ID_A, month, outcome)]);
        let refused = imported(&[file], &options())
            .expect_err("refused")
            .to_string();
        assert!(refused.ends_with(end), "{refused}");
    }
    let twice = [
        folder.searches("2018-10-kent-stop-and-search.csv", &[]),
        folder.searches("2018-09_to_2018-10-kent-stop-and-search.csv", &[]),
    ];
    assert!(matches!(
        imported(&twice, &options()),
        Err(PoliceUkError::MonthTwice { .. })
    ));
    let twice = [
        folder.outcomes("2018-10-kent-outcomes.csv", &[]),
        folder.outcomes("2018-10-kent-outcomes.csv.gz", &[]),
    ];
    assert!(matches!(
        imported(&twice, &options()),
        Err(PoliceUkError::MonthTwice { .. })
    ));
}

#[test]
fn crime_types_and_outcomes_that_no_list_contains_are_reported() {
    let folder = Folder::new();
    let crime = |id, kind, outcome| row(id, "2018-10", "E01024363", kind, outcome);
    let rows = [
        crime(ID_A, "Violence & sexual offences", "Local resolutions"),
        crime(ID_B, "Violence & sexual offences", ""),
        crime("c", "Robbery", "Local resolution"),
        asb("2018-10"),
    ];
    let file = folder.file("2018-10-kent-street.csv", &rows);
    let (_, summary) = imported(&[file], &options()).expect("events");
    let lists = Reference::load(None).expect("built in").codes;
    let found = summary.unknown_codes.codes(&lists);
    let found: Vec<_> = found
        .iter()
        .map(|found| {
            let UnknownCode {
                list,
                code,
                records,
                nearest,
            } = found;
            (list.as_str(), code.as_str(), *records, nearest.as_deref())
        })
        .collect();
    assert_eq!(
        found,
        [
            (
                "police-uk-outcome",
                "local-resolutions",
                1,
                Some("local-resolution")
            ),
            (
                "police-uk@2013-05",
                "violence-sexual-offences",
                2,
                Some("violence-and-sexual-offences")
            ),
        ]
    );
}

/// A row of another place or force than [`row`].
fn row_of(id: &str, lsoa: &str, reported_by: &str, falls_within: &str) -> String {
    let force = format!("{reported_by},{falls_within}");
    row(id, "2018-10", lsoa, "Drugs", "").replace("Kent Police,Kent Police", &force)
}

#[test]
fn rows_of_another_force_are_refused() {
    let folder = Folder::new();
    let kent = row_of(ID_A, "E01024363", "Kent Police", "Kent Police");
    let essex = row_of(ID_B, "E01024363", "Essex Police", "Essex Police");
    for (rows, counts) in [
        (vec![essex.clone()], "1 of 1 rows"),
        (vec![kent, essex.clone(), essex], "2 of 3 rows"),
    ] {
        let file = folder.file("2018-10-kent-street.csv", &rows);
        let refused = imported(&[file], &options())
            .expect_err("refused")
            .to_string();
        let end = "2018-10-kent-street.csv: ".to_owned()
            + counts
            + " name another force than kent in `Falls within`; name the file after its force, or \
               leave these rows out";
        assert!(refused.ends_with(&end), "{refused}");
    }
}

fn warnings(files: &[PathBuf]) -> Vec<(String, FileOddity)> {
    let options = PoliceUkOptions {
        vintage: Some(2011),
        ..options()
    };
    let (_, summary) = imported(files, &options).expect("events");
    let text = summary.to_string();
    let named = summary.warnings.into_iter().map(|warning| {
        assert!(text.contains(&format!("\nwarning: {warning}\n")), "{text}");
        let file = warning.file.file_name().and_then(|name| name.to_str());
        (file.expect("a name").to_owned(), warning.oddity)
    });
    named.collect()
}

#[test]
fn rows_that_another_force_reported_are_a_warning() {
    let folder = Folder::new();
    let rows = [
        row_of(ID_A, "E01024363", "British Transport Police", "Kent Police"),
        row_of(ID_B, "E01024363", "Kent Police", "Kent Police"),
    ];
    let file = folder.file("2018-10-kent-street.csv", &rows);
    let expected = FileOddity::ReportedByOther { rows: 1 };
    assert_eq!(
        warnings(&[file]),
        [("2018-10-kent-street.csv".to_owned(), expected)]
    );
}

#[test]
fn a_file_without_rows_is_a_warning() {
    let folder = Folder::new();
    let files = [
        folder.file("2018-10-kent-street.csv", &[asb("2018-10")]),
        folder.file("2018-11-kent-street.csv", &[]),
        folder.outcomes("2018-10-kent-outcomes.csv", &[]),
        folder.searches("2018-10-kent-stop-and-search.csv", &[]),
    ];
    let without_rows = [
        "2018-11-kent-street.csv",
        "2018-10-kent-outcomes.csv",
        "2018-10-kent-stop-and-search.csv",
    ];
    assert_eq!(
        warnings(&files),
        without_rows.map(|file| (file.to_owned(), FileOddity::NoRows))
    );
}

#[test]
fn many_identical_rows_of_one_id_are_one_record() {
    let folder = Folder::new();
    let crime = |id: &str| row(id, "2018-10", "E01024363", "Drugs", "Local resolution");
    let mut rows = vec![asb("2018-10"); 4];
    rows.extend(vec![crime(ID_A); 13]);
    rows.extend(vec![crime("twice"); 2]);
    rows.extend(vec![crime(ID_B); 3]);
    rows.push(row(ID_A, "2018-10", "E01024334", "Drugs", ""));
    let file = folder.file("2018-10-kent-street.csv", &rows);
    let expected = FileOddity::IdenticalRows { rows: 16, ids: 2 };
    assert_eq!(
        warnings(std::slice::from_ref(&file)),
        [("2018-10-kent-street.csv".to_owned(), expected)]
    );
    let (events, summary) = imported(&[file], &options()).expect("events");
    assert_eq!((summary.crimes(), summary.incidents()), (5, 4));
    let mut subjects = subjects(&events)[4..].to_vec();
    subjects.sort_unstable();
    let another = format!("{ID_A}.2");
    assert_eq!(subjects, [ID_A, &another, ID_B, "twice", "twice.2"]);
}

#[test]
fn a_file_whose_rows_are_all_outside_the_force_is_a_warning() {
    let folder = Folder::new();
    let at = |month: &str, lsoa: &str| row("", month, lsoa, "Anti-social behaviour", "");
    let leicester = "E01032868";
    let kent = [
        folder.file("2018-10-kent-street.csv", &[at("2018-10", "E01024363")]),
        folder.file(
            "2018-11-kent-street.csv",
            &[at("2018-11", leicester), at("2018-11", "")],
        ),
        folder.file(
            "2018-12-kent-street.csv",
            &[at("2018-12", leicester), at("2018-12", "E01016026")],
        ),
    ];
    let outside = FileOddity::OutsideForce {
        rows: 1,
        area: "kent-13".to_owned(),
    };
    assert_eq!(
        warnings(&kent),
        [("2018-11-kent-street.csv".to_owned(), outside)]
    );

    // Without a known area, the other files show where the force is.
    let essex = |month: &str, lsoas: &[&str]| {
        let rows: Vec<String> = lsoas
            .iter()
            .map(|lsoa| at(month, lsoa).replace("Kent Police", "Essex Police"))
            .collect();
        folder.file(&format!("{month}-essex-street.csv"), &rows)
    };
    let files = [
        essex("2018-10", &["E01021234", "E01021235"]),
        essex("2018-11", &["E01021235"]),
        essex("2018-12", &[leicester, leicester]),
    ];
    let elsewhere = FileOddity::ElsewhereThanOthers { rows: 2 };
    assert_eq!(
        warnings(&files),
        [("2018-12-essex-street.csv".to_owned(), elsewhere)]
    );
    assert_eq!(
        warnings(&files[2..]),
        [],
        "one file has nothing to compare with"
    );
}
