//! Scorecards of stores with planted faults: what a partner should do comes first, figures add up, and
//! nothing of another partner or of a record's values is shown.

use std::process::Command;

use partner_feeds::aggregate::deliveries;
use partner_feeds::contract::Rejection;
use partner_feeds::contract::rejection::Reason;
use partner_feeds::door_refusals::{DoorRefusal, DoorRefusals};
use partner_feeds::event::{Kind, Micros};
use partner_feeds::paused::{self, PausedPartner};
use partner_feeds::scorecard::{Scorecard, ScorecardInput};
use serde_json::Value;

use crate::chain::{Chain, HOUSING, POLICE, Quiet, REFERENCE, noon};
use crate::kit::events::{crime, homelessness_case};

/// When the rejects are received.
const LATER: Micros = Micros(1_530_000_000 * Micros::PER_SECOND); // June 2018

fn rejection(reason: Reason, pointer: &str) -> Rejection {
    Rejection {
        reason,
        pointer: pointer.to_owned(),
        rule: "a rule of the contract".into(),
        partner: Some("kent-police".to_owned()),
        kind: Some(Kind::Crime),
        more: Vec::new(),
    }
}

fn scorecard(chain: &Chain, partner: &str) -> (Scorecard, Value) {
    let handle = chain.runtime.handle();
    let read = deliveries(&chain.store, &REFERENCE, None, handle, &mut Quiet).expect("read");
    let read = read.expect("records");
    let input = ScorecardInput::read(&chain.store, &read, &REFERENCE);
    let input = chain.runtime.block_on(input).expect("read");
    let scorecard = input.scorecard(partner);
    let json = serde_json::from_str(&scorecard.json()).expect("JSON");
    (scorecard, json)
}

/// Crimes of 12 months that arrive in time, 40 a month; none in `missing`, 15 in `half`.
fn year_of_crimes(chain: &mut Chain, missing: usize, half: usize) {
    for month in (1..=12).filter(|month| *month != missing) {
        let count = if month == half { 15 } else { 40 };
        let month = format!("2017-{month:02}");
        let received = noon(&format!("{month}-28"));
        let crimes =
            (0..count).map(|index| (received, crime(&format!("{month}-{index}")).month(&month)));
        chain.commit(POLICE, 0, crimes);
    }
}

#[test]
fn five_planted_faults_come_first_in_the_list_of_things_to_do() {
    let mut chain = Chain::new();
    year_of_crimes(&mut chain, 4, 8);
    let unknown = crime("unknown")
        .what("ho-crime", "2026-04", "ZZ")
        .month("2017-05");
    chain.commit(POLICE, 0, [(noon("2017-05-28"), unknown)]);
    let personal = rejection(Reason::PersonalNhsNumber, "/subject");
    chain.commit_rejected(POLICE, 0, LATER, &personal);
    let date = rejection(Reason::SchemaPattern, "/data/when/occurred_from");
    chain.commit_rejected(POLICE, 0, LATER, &date);
    // What only improves figures comes after them: a record that was sent late, and one twice.
    let late = crime("late").month("2017-01");
    chain.commit(POLICE, 0, [(noon("2018-06-01"), late)]);
    let contradiction = crime("2017-01-0").month("2017-01").occurred("2017-01-04");
    chain.commit(POLICE, 0, [(noon("2018-06-01"), contradiction)]);

    let (_, card) = scorecard(&chain, "kent-police");
    let to_do: Vec<&str> = card["feeds"][0]["to_do"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|sentence| sentence.as_str().expect("a sentence"))
        .collect();
    let planted = [
        "1 event was refused as personal data (NHS number 1)",
        "1 event was refused at `when.occurred_from` of crime",
        "Recorded crimes: no records for April 2017",
        "Recorded crimes: 15 records for August 2017, where months around it have 40",
        "Recorded crimes: records have codes that their list does not contain (ho-category@2026-04 1)",
    ];
    for (sentence, planted) in to_do.iter().zip(planted) {
        assert!(sentence.starts_with(planted), "{to_do:#?}");
    }
    assert!(to_do.len() > planted.len(), "{to_do:#?}");
}

#[test]
fn a_partner_with_nothing_to_fix_has_nothing_to_do() {
    let mut chain = Chain::new();
    year_of_crimes(&mut chain, 0, 0);
    let (_, card) = scorecard(&chain, "kent-police");
    assert_eq!(card["feeds"][0]["to_do"], serde_json::json!([]));
}

#[test]
fn received_is_accepted_and_rejected_and_a_door_counts_apart() {
    let mut chain = Chain::new();
    year_of_crimes(&mut chain, 0, 0);
    for _ in 0..4 {
        let rejection = rejection(Reason::SchemaEnum, "/data/where");
        chain.commit_rejected(POLICE, 1, LATER, &rejection);
    }
    let refused_at_door = |kind: Option<&str>, reason: &str| DoorRefusal {
        partner: "kent-police".to_owned(),
        kind: kind.map(str::to_owned),
        reason: reason.to_owned(),
        pointer: "/data/where".to_owned(),
        rule: "a rule of the contract".to_owned(),
    };
    let mut refusals = DoorRefusals::default();
    refusals.add(refused_at_door(Some("crime"), "schema.enum"), 3);
    refusals.add(refused_at_door(None, "personal.email"), 2);
    refusals.add(refused_at_door(None, "of-a-later-version"), 9);
    let day = jiff::civil::date(2018, 5, 31);
    let written = refusals.write(&chain.store, day, "one");
    chain.runtime.block_on(written).expect("written");
    let why = PausedPartner::default();
    let paused = paused::pause(&chain.store, "kent-police", &why);
    chain.runtime.block_on(paused).expect("paused");

    let (_, card) = scorecard(&chain, "kent-police");
    let feed = &card["feeds"][0];
    let number = |name: &str| feed[name].as_u64().expect("a number");
    assert_eq!((number("accepted"), number("rejected")), (480, 4));
    assert_eq!(number("received"), 484);
    assert_eq!(number("door_refused"), 5);
    assert_eq!(feed["personal"], serde_json::json!({ "email": 2 }));
    let first = &feed["refusals"][0];
    assert_eq!(
        (&first["count"], &first["door_refused"]),
        (&4.into(), &3.into())
    );
    let by_month = serde_json::json!({ "2018-05": 3, "2018-06": 4 });
    assert_eq!(first["by_month"], by_month);
    assert_eq!(
        first["at"].as_array().expect("a list").len(),
        3,
        "the newest of 4"
    );
    assert_eq!(feed["paused"], true);
    let to_do = feed["to_do"][0].as_str().expect("a sentence");
    assert!(to_do.starts_with("Your records are paused"), "{to_do}");
}

#[test]
fn a_scorecard_has_nothing_of_another_partner_and_no_value_of_a_record() {
    let mut chain = Chain::new();
    year_of_crimes(&mut chain, 4, 8);
    let canary = crime("canary-subject")
        .what("ho-crime", "2026-04", "canary")
        .month("2017-05");
    chain.commit(POLICE, 0, [(0, canary)]);
    chain.commit(
        HOUSING,
        0,
        [(0, homelessness_case("canary-house").month("2017-05"))],
    );
    for partner in ["kent-police", "maidstone-bc"] {
        let (card, _) = scorecard(&chain, partner);
        let texts = [card.json(), card.html().expect("a page")];
        let (own, other) = match partner {
            "kent-police" => ("Kent Police", ["maidstone", "Maidstone"]),
            _ => ("Maidstone Borough Council", ["kent-police", "Kent Police"]),
        };
        for text in texts {
            assert!(text.contains(own));
            assert!(!text.contains("canary") && !text.contains("urn:"), "{text}");
            assert!(other.iter().all(|name| !text.contains(name)), "{text}");
        }
    }
}

#[test]
fn a_page_needs_no_script_and_no_other_file() {
    let mut chain = Chain::new();
    year_of_crimes(&mut chain, 4, 8);
    let pointer = rejection(Reason::SchemaEnum, "/data/<script>");
    chain.commit_rejected(POLICE, 0, LATER, &pointer);
    let (card, _) = scorecard(&chain, "kent-police");
    let page = card.html().expect("a page");
    for absent in ["<script", "src=", "href=\"http", "url(", "@import", "<link"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert_eq!(
        page.matches("<table").count(),
        page.matches("<caption>").count()
    );
    assert!(page.contains("default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;"));
}

#[test]
fn aggregate_writes_what_the_command_prints() {
    let mut chain = Chain::new();
    year_of_crimes(&mut chain, 4, 8);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
        let command = command.args(arguments).args(["--store", chain.root()]);
        let output = command.output().expect("started");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    run(&["aggregate", "--plan", "in-force", "--scorecards"]);
    assert_eq!(
        chain.names("scorecards"),
        ["kent-police"],
        "no other sent anything"
    );
    let names = ["_provenance.json", "index.html", "scorecard.json"];
    assert_eq!(chain.names("scorecards/kent-police"), names);
    for (format, name) in [("json", "scorecard.json"), ("html", "index.html")] {
        let printed = run(&["scorecard", "--partner", "kent-police", "--format", format]);
        let written = chain.bytes(&format!("scorecards/kent-police/{name}"));
        assert_eq!(
            printed.trim_end().as_bytes(),
            written.trim_ascii_end(),
            "{name}"
        );
    }
    let before = chain.bytes("scorecards/kent-police/scorecard.json");
    run(&["aggregate", "--plan", "in-force", "--scorecards"]);
    assert_eq!(chain.bytes("scorecards/kent-police/scorecard.json"), before);
}
