//! What a partner may ask of the store: what became of a record, and refused events since a time.

use partner_feeds::contract::Rejection;
use partner_feeds::contract::rejection::Reason;
use partner_feeds::event::{Kind, Micros};
use partner_feeds::feedback::refusals::refusals_since;
use partner_feeds::feedback::search::{FoundEvent, SearchAnswer, search};
use serde_json::{Value, json};

use crate::chain::{Chain, HOUSING, POLICE, REFERENCE};
use crate::kit::events::{crime, homelessness_case};

const CRIME: &str = "urn:partner:kent-police:crime";

fn rejection(partner: &str, reason: Reason) -> Rejection {
    Rejection {
        reason,
        pointer: "/data/ended_at".to_owned(),
        rule: "a rule of the contract".into(),
        partner: Some(partner.to_owned()),
        kind: Some(Kind::Crime),
        more: Vec::new(),
    }
}

fn find(chain: &Chain, source: &str, subject: &str) -> Vec<FoundEvent> {
    let handle = chain.runtime.handle();
    let found = search(&chain.store, &REFERENCE, handle, source, subject);
    found.expect("searched").events
}

fn as_json(found: &[FoundEvent]) -> Value {
    serde_json::to_value(found).expect("JSON")
}

#[test]
fn a_record_is_found_with_its_revisions_and_its_refused_events() {
    let mut chain = Chain::new();
    let events = [
        (10, crime("a").month("2017-05")),
        (
            30,
            crime("a")
                .month("2017-06")
                .revision(2)
                .flag("domestic_abuse", true),
        ),
        (40, crime("b").month("2017-06")),
    ];
    chain.commit(POLICE, 0, events);
    let at = |seconds: i64| Micros((1_577_836_800 + seconds) * Micros::PER_SECOND);
    for (partner, key) in [("kent-police", "a"), ("kent-police", "b"), ("secamb", "a")] {
        let rejection = rejection(partner, Reason::SemanticOrder);
        chain.commit_rejected_with_key(POLICE, 1, at(20), &rejection, Some(key));
    }
    let found = as_json(&find(&chain, CRIME, "a"));
    assert_eq!(
        found,
        json!([
            {"at": "police.events.v1/0 0000-0000000000000000000", "received": "2020-01-01T00:00:10Z",
             "outcome": "accepted", "text": "Revision 2 replaced it", "revision": 1, "latest": false,
             "counts_under": [], "not_counted": "replaced"},
            {"at": "police.events.v1/1 0000-0000000000000000000", "received": "2020-01-01T00:00:20Z",
             "outcome": "rejected", "text": "semantic.order at /data/ended_at: a rule of the contract", "reason": "semantic.order", "pointer": "/data/ended_at",
             "rule": "a rule of the contract"},
            {"at": "police.events.v1/0 0000-0000000000000000001", "received": "2020-01-01T00:00:30Z",
             "outcome": "accepted", "text": found[2]["text"], "revision": 2, "latest": true, "month": "2017-06",
             "counts_under": ["domestic-abuse-violent-crime"]},
        ])
    );
    assert_eq!(find(&chain, CRIME, "c"), []);
    let command = find(&chain, "urn:partner:kent-police:command", "a");
    assert_eq!(command.len(), 1, "the source of the reject cannot be read");
    assert_eq!(find(&chain, "urn:nothing", "a"), []);
}

#[test]
fn a_repeat_and_a_contradiction_do_not_count_and_the_answer_begins_with_what_does() {
    let mut chain = Chain::new();
    let first = || crime("a").month("2017-06").revision(2);
    let events = [
        (0, first()),
        (1, first()),
        (2, first().flag("domestic_abuse", true)),
    ];
    chain.commit(POLICE, 0, events);
    let rows = find(&chain, CRIME, "a");
    let found = as_json(&rows);
    let field = |name: &str| [0, 1, 2].map(|row: usize| found[row][name].clone());
    assert_eq!(
        field("not_counted"),
        [Value::Null, json!("repeat"), json!("contradiction")]
    );
    assert_eq!(field("latest"), [json!(true), json!(false), json!(false)]);
    assert!(field("counts_under").iter().all(Value::is_array));
    assert_eq!(
        found[2]["text"],
        "Revision 2 came with other content: does not count. To correct the record, send revision 3"
    );
    let now = SearchAnswer::new(rows, None).now.expect("a sentence");
    assert!(
        now.starts_with("Now: revision 2 counts in June 2017 "),
        "{now}"
    );
}

#[test]
fn a_cancelled_record_is_found_and_counts_nowhere() {
    let mut chain = Chain::new();
    let events = [(0, crime("a")), (1, crime("a").revision(2).cancelled())];
    chain.commit(POLICE, 0, events);
    let found = as_json(&find(&chain, CRIME, "a"));
    assert_eq!(found[1]["not_counted"], "cancelled");
    assert_eq!(found[1]["month"], Value::Null);
}

#[test]
fn refused_events_since_a_time_are_those_of_one_partner_in_the_order_received() {
    let mut chain = Chain::new();
    chain.commit(HOUSING, 0, [(0, homelessness_case("a").month("2017-05"))]);
    let rejects = [
        (
            "kent-police",
            1,
            3,
            Some("46-001234-17"),
            Reason::SchemaEnum,
        ),
        (
            "kent-police",
            0,
            2,
            Some("46-001234-17"),
            Reason::PersonalEmail,
        ),
        ("kent-police", 0, 1, None, Reason::SchemaEnum),
        ("maidstone-bc", 0, 4, Some("b"), Reason::SchemaEnum),
    ];
    for (partner, partition, received, key, reason) in rejects {
        let rejection = rejection(partner, reason);
        let received = Micros(received);
        chain.commit_rejected_with_key(POLICE, partition, received, &rejection, key);
    }
    let since = refusals_since(&chain.store, "kent-police", Micros(2));
    let refusals = chain.runtime.block_on(since).expect("read");
    assert_eq!(refusals.next, None);
    let found: Vec<(&str, Option<&str>)> = refusals
        .lines
        .iter()
        .map(|line| (&*line.reason, line.subject.as_deref()))
        .collect();
    let expected = [
        ("personal.email", None),
        ("schema.enum", Some("46-001234-17")),
    ];
    assert_eq!(found, expected);
}
