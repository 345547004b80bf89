//! What a door with a store answers about a partner's own records.

use serde_json::json;

use super::*;
use crate::door_refusals;
use crate::properties::Properties;
use crate::storage::StoreLocation;

/// A door with a store, which has a scorecard of Maidstone and in which these partners are paused.
fn with_store(paused: &[&str]) -> (OpenDoor, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        std::fs::write(path, text).expect("written");
    };
    write("scorecards/maidstone-bc/scorecard.json", r#"{"format":1}"#);
    write("scorecards/maidstone-bc/index.html", "<h1>Scorecard</h1>");
    for partner in paused {
        write(&format!("parked/{partner}"), "{}");
    }
    let root = folder.path().to_str().expect("utf-8").to_owned();
    let door = OpenDoor::with(|settings| {
        settings.store = Some(StoreLocation {
            root,
            properties: Properties::default(),
        });
    });
    let refreshed = door.door.store().expect("a store").refresh_paused();
    door.run(refreshed);
    (door, folder)
}

impl OpenDoor {
    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("a runtime").block_on(work)
    }

    fn get(&self, path: &str, partner: &str, accept: &str) -> Answer {
        let authorization = format!("Bearer {}", self.token(partner));
        let headers = [("Authorization", &*authorization), ("Accept", accept)];
        self.request("GET", path, &headers, b"")
    }

    fn ask(&self, partner: &str, question: &Value) -> Answer {
        let json = [("Content-Type", "application/json")];
        self.post("/v1/where", partner, &json, question.to_string().as_bytes())
    }
}

#[test]
fn a_partner_gets_its_own_scorecard_as_json_and_as_a_page() {
    let (door, _folder) = with_store(&[]);
    let json = door
        .get("/v1/scorecard", "maidstone-bc", "*/*")
        .with_status(200);
    assert_eq!(json.json(), json!({"format": 1}));
    let page = door
        .get("/v1/scorecard", "maidstone-bc", "text/html,*/*;q=0.8")
        .with_status(200);
    assert_eq!(page.text, "<h1>Scorecard</h1>");
    assert!(
        page.head
            .contains("content-security-policy: default-src 'none'; style-src 'unsafe-inline'")
    );
    let other = door.get("/v1/scorecard", "kent-police", "*/*");
    assert_eq!(other.problem(), (404, "no-scorecard".to_owned()));
    door.request("GET", "/v1/scorecard", &[], b"")
        .with_status(401);
}

#[test]
fn a_scorecard_of_a_newer_version_is_not_sent() {
    let (door, folder) = with_store(&[]);
    let path = folder.path().join("scorecards/maidstone-bc/scorecard.json");
    std::fs::write(path, r#"{"format":2}"#).expect("written");
    let answer = door.get("/v1/scorecard", "maidstone-bc", "*/*");
    assert_eq!(answer.problem(), (503, "store".to_owned()));
}

#[test]
fn a_signed_in_person_finds_the_scorecard_and_asks_about_a_record() {
    let (door, _folder) = with_store(&[]);
    let cookie = format!("door_token={}", door.token("maidstone-bc"));
    let signed_in = [("Cookie", &*cookie)];
    let home = door.request("GET", "/", &signed_in, b"").with_status(200);
    assert!(home.text.contains("href=\"/scorecard\"") && home.text.contains("action=\"/where\""));
    let page = door
        .request("GET", "/scorecard", &signed_in, b"")
        .with_status(200);
    assert_eq!(page.text, "<h1>Scorecard</h1>");
    door.request("GET", "/scorecard", &[], b"").with_status(401);

    let own = [("Cookie", &*cookie), ("Sec-Fetch-Site", "same-origin")];
    let form = b"source=urn%3Apartner%3Amaidstone-bc%3Ahclic&subject=canary-1";
    let answer = door.request("POST", "/where", &own, form).with_status(200);
    assert!(
        answer.text.contains("Nothing with this reference"),
        "{answer:?}"
    );
    assert!(
        answer
            .text
            .contains("No record canary-1 from hclic was received</h1>"),
        "{answer:?}"
    );
    assert!(answer.text.contains("value=\"canary-1\""), "{answer:?}");
    for value in ["9434765919", "Jo+Canary", "%3Cb%3Ecanary"] {
        let form = format!("source=urn%3Apartner%3Amaidstone-bc%3Ahclic&subject={value}");
        let answer = door
            .request("POST", "/where", &own, form.as_bytes())
            .with_status(200);
        assert!(answer.text.contains("No record from hclic"), "{answer:?}");
        let is_repeated = ["9434765919", "canary", "Canary"].map(|text| answer.text.contains(text));
        assert_eq!(is_repeated, [false; 3], "{answer:?}");
    }
    for address in ["/where", "/file"] {
        let reloaded = door
            .request("GET", address, &signed_in, b"")
            .with_status(303);
        assert!(reloaded.head.contains("location: /\r\n"), "{reloaded:?}");
    }
    let refusals = door
        .request("GET", "/refusals", &signed_in, b"")
        .with_status(200);
    assert!(refusals.text.contains("are not kept"), "{refusals:?}");
    let bad = door
        .request("GET", "/refusals?since=yesterday", &signed_in, b"")
        .with_status(400);
    assert!(
        bad.text.contains("write <code>since</code> as a day"),
        "{bad:?}"
    );
    let cookie_of_police = format!("door_token={}", door.token("kent-police"));
    let none = door
        .request("GET", "/scorecard", &[("Cookie", &*cookie_of_police)], b"")
        .with_status(404);
    assert!(
        none.text
            .contains("Your scorecard was not written yet</h1>"),
        "{none:?}"
    );
    assert!(!none.text.contains("There is a problem"), "{none:?}");
    let foreign = [("Cookie", &*cookie), ("Sec-Fetch-Site", "cross-site")];
    door.request("POST", "/where", &foreign, form)
        .with_status(401);

    let without = OpenDoor::new();
    let cookie = format!("door_token={}", without.token("maidstone-bc"));
    let home = without.request("GET", "/", &[("Cookie", &*cookie)], b"");
    assert!(!home.text.contains("/scorecard"));
}

#[test]
fn a_door_without_a_store_answers_no_question() {
    let door = OpenDoor::new();
    let question = json!({"source": "urn:partner:kent-police:crime", "subject": "a"});
    for answer in [
        door.get("/v1/scorecard", "kent-police", "*/*"),
        door.get("/v1/refusals", "kent-police", "*/*"),
        door.ask("kent-police", &question),
    ] {
        assert_eq!(answer.problem(), (404, "not-found".to_owned()));
    }
}

#[test]
fn events_of_a_paused_partner_are_checked_and_not_sent() {
    let (door, folder) = with_store(&["kent-police"]);
    let crime = example("crime");
    let answer = door.post_lines("kent-police", crime);
    assert_eq!(answer.problem(), (409, "paused".to_owned()));
    let lines = [("Content-Type", "application/x-ndjson")];
    door.post("/v1/check", "kent-police", &lines, crime.as_bytes())
        .with_status(200);
    let case = example("homelessness-case");
    door.post_lines("maidstone-bc", case).with_status(200);
    std::fs::remove_file(folder.path().join("parked/kent-police")).expect("removed");
    door.run(door.door.store().expect("a store").refresh_paused());
    door.post_lines("kent-police", crime).with_status(200);
}

#[test]
fn the_form_of_a_paused_partner_sends_nothing() {
    let (door, _folder) = with_store(&["maidstone-bc"]);
    let case = example("homelessness-case");
    let answer = door.post_file("send", case, "same-origin").with_status(409);
    assert!(
        answer.text.contains("you are paused; nothing was sent"),
        "{answer:?}"
    );
    door.post_file("check", case, "same-origin")
        .with_status(200);
}

#[test]
fn what_is_refused_is_counted_in_the_store_without_a_value() {
    let (door, folder) = with_store(&[]);
    let personal = example("crime").replace("46-001234-17", "9434765919");
    for _ in 0..2 {
        door.post_lines("kent-police", &format!("{personal}\nnot JSON"))
            .with_status(422);
    }
    let lines = [("Content-Type", "application/x-ndjson")];
    door.post("/v1/check", "kent-police", &lines, personal.as_bytes())
        .with_status(422);
    door.run(door.door.write_refusals_once());

    let store = &door.door.store().expect("a store").store;
    let days = door.run(door_refusals::read_all(store)).expect("read");
    let (day, refusals) = days.first_key_value().expect("a day");
    assert_eq!(*day, NOW.in_london().date());
    let counts: Vec<(&str, Option<&str>, u64)> = refusals
        .iter()
        .map(|(refusal, count)| (&*refusal.reason, refusal.kind.as_deref(), count))
        .collect();
    assert_eq!(
        counts,
        [
            ("json.syntax", None, 2),
            ("personal.nhs_number", Some("crime"), 2)
        ],
        "a check is not counted"
    );
    let files = std::fs::read_dir(folder.path().join(format!("door/{day}"))).expect("a folder");
    for file in files {
        let text = std::fs::read_to_string(file.expect("listed").path()).expect("read");
        assert!(
            !text.contains("9434765919") && !text.contains("not JSON"),
            "{text}"
        );
    }
}

#[test]
fn a_source_of_another_partner_is_refused_and_a_record_that_was_never_sent_is_not_received() {
    let (door, _folder) = with_store(&[]);
    let ask = |source: &str| {
        let question = json!({"source": source, "subject": "46-001234-17"});
        door.ask("kent-police", &question)
    };
    let answer = ask("urn:partner:kent-police:crime").with_status(200).json();
    assert_eq!(
        (&answer["found"], &answer["state"]),
        (&json!(false), &json!("not_received"))
    );
    for source in ["urn:partner:maidstone-bc:hclic", "urn:nothing"] {
        let answer = ask(source);
        assert_eq!(answer.problem(), (400, "question".to_owned()));
        assert!(answer.text.contains("see /v1/whoami"), "{answer:?}");
    }
}

#[test]
fn the_page_offers_what_each_system_sends_and_the_answer_counts_other_kinds() {
    let (door, _folder) = with_store(&[]);
    let cookie = format!("door_token={}", door.token("kent-police"));
    let home = door
        .request("GET", "/", &[("Cookie", &*cookie)], b"")
        .with_status(200);
    assert!(
        home.text
            .contains("\"urn:partner:kent-police:crime crime\"")
    );
    assert!(home.text.contains(">Recorded crimes (crime)<"));
    assert!(!home.text.contains("urn:partner:kent-police:command crime"));

    let crime = example("crime");
    let other = crime.replace(
        "urn:partner:kent-police:crime",
        "urn:partner:kent-police:command",
    );
    assert_ne!(other, crime);
    let lines = format!("{crime}\n{other}");
    let answer = door
        .post_lines("kent-police", &lines)
        .with_status(200)
        .json();
    assert_eq!(answer["unexpected_kinds"], 1);
    assert_eq!(answer["unexpected_kind_lines"], json!([2]));
}

#[test]
fn a_record_that_waits_in_kafka_is_not_read_yet() {
    let (door, _folder) = with_store(&[]);
    door.post_lines("kent-police", example("crime"))
        .with_status(200);
    let question = json!({"source": "urn:partner:kent-police:crime", "subject": "46-001234-17"});
    let answer = door.ask("kent-police", &question).with_status(200).json();
    assert_eq!(answer["state"], "not_read_yet");
}

#[test]
fn a_question_that_is_not_one_is_refused_and_more_than_thirty_a_minute_are_too() {
    let (door, _folder) = with_store(&[]);
    for question in [
        json!({"source": "a"}),
        json!([]),
        json!({"source": "a", "subject": "b", "c": 1}),
    ] {
        assert_eq!(
            door.ask("kent-police", &question).problem(),
            (400, "question".to_owned())
        );
    }
    let long = json!({"source": "a", "subject": "b".repeat(5_000)});
    assert_eq!(
        door.ask("kent-police", &long).problem(),
        (413, "too-large".to_owned())
    );
    let bad = door.get("/v1/refusals?since=yesterday", "kent-police", "*/*");
    assert_eq!(bad.problem(), (400, "question".to_owned()));
    let none = door
        .get("/v1/refusals?since=2026-01-01", "kent-police", "*/*")
        .with_status(200);
    assert_eq!(none.text, "");

    let question = json!({"source": "urn:partner:kent-police:crime", "subject": "a"});
    let statuses: Vec<u16> = (0..30)
        .map(|_| door.ask("kent-police", &question).status)
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 29);
    let last = door.ask("kent-police", &question);
    assert_eq!(last.problem(), (429, "rate".to_owned()));
    assert!(last.head.contains("retry-after"));
}
