use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::*;
use crate::contract::{Event, Record};
use crate::reference::{Reference, UnknownCodes};

fn documents(seed: u64, options: GeneratorOptions) -> Vec<GeneratedEvent> {
    Generator::new(seed, options).collect()
}

fn text(document: &GeneratedEvent) -> &str {
    std::str::from_utf8(&document.bytes).expect("UTF-8")
}

#[test]
fn every_kind_keeps_its_contract() {
    for kind in Kind::ALL {
        for document in documents(
            7,
            GeneratorOptions {
                events: 150,
                kind: Some(*kind),
                bad: 0.0,
                ..GeneratorOptions::default()
            },
        ) {
            let event =
                Event::decode(text(&document)).unwrap_or_else(|_| panic!("{}", text(&document)));
            assert_eq!(
                (event.envelope.kind, event.envelope.feed),
                (*kind, document.feed)
            );
            assert_eq!(event.envelope.subject.as_bytes(), document.key);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let options = GeneratorOptions {
        events: 2_000,
        kind: None,
        bad: 0.1,
        ..GeneratorOptions::default()
    };
    assert_eq!(documents(3, options), documents(3, options));
    assert_ne!(documents(3, options), documents(4, options));
}

/// The bytes that a seed gives are the same in every version.
#[test]
fn the_bytes_of_a_seed_do_not_change() {
    let options = GeneratorOptions {
        events: 20_000,
        kind: None,
        bad: 0.1,
        ..GeneratorOptions::default()
    };
    let mut hash = Sha256::new();
    for document in documents(1, options) {
        hash.update(&document.bytes);
        hash.update(b"\n");
    }
    let bytes: [u8; 32] = hash.finalize().into();
    assert_eq!(bytes[..8], [236, 94, 143, 187, 11, 136, 64, 93]);
}

#[test]
fn a_partnership_has_all_kinds_corrections_cancellations_and_duplicates() {
    let documents = documents(
        1,
        GeneratorOptions {
            events: 10_000,
            kind: None,
            bad: 0.0,
            ..GeneratorOptions::default()
        },
    );
    let kinds: BTreeSet<_> = documents
        .iter()
        .filter_map(|d| Some(Event::decode(text(d)).ok()?.envelope.kind))
        .collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    let unique: BTreeSet<&[u8]> = documents.iter().map(|d| &d.bytes[..]).collect();
    let again = (documents.len() - unique.len()) * 1000 / documents.len();
    assert!(
        (15..=35).contains(&again),
        "{again} in a thousand are sent again"
    );
    let with = |part: &str| documents.iter().filter(|d| text(d).contains(part)).count();
    assert!(with(r#""revision":2,"#) > 500 && with(r#""revision":3,"#) > 20);
    assert!(with(r#""cancellation""#) > 30);
    assert!(
        with(r#""mental_health_suspect":true"#) > 30
            && with(r#""mental_health_suspect":false"#) > 30
    );
    assert!(with("2017-11-") > 0 && with("2013-05-") > 0);
}

#[test]
fn a_subject_and_revision_are_always_the_same_event() {
    let mut seen = BTreeMap::new();
    for document in documents(
        5,
        GeneratorOptions {
            events: 6_000,
            kind: None,
            bad: 0.0,
            ..GeneratorOptions::default()
        },
    ) {
        let event = Event::decode(text(&document)).expect("valid");
        let identity = (
            event.envelope.source.to_string(),
            event.envelope.subject.to_string(),
            event.envelope.revision.0,
        );
        let first = seen
            .entry(identity)
            .or_insert_with(|| document.bytes.clone());
        assert_eq!(*first, document.bytes);
    }
}

#[test]
fn a_share_of_documents_is_broken_in_every_way() {
    let documents = documents(
        2,
        GeneratorOptions {
            events: 5_000,
            kind: None,
            bad: 0.2,
            ..GeneratorOptions::default()
        },
    );
    let broken: Vec<_> = documents.iter().filter(|d| d.broken.is_some()).collect();
    assert!((850..1_150).contains(&broken.len()), "{}", broken.len());
    let ways: BTreeSet<_> = broken.iter().filter_map(|d| d.broken).collect();
    assert_eq!(ways.len(), broken::WAYS);
    assert!(
        documents.iter().all(|d| !d.bytes.contains(&b'\n')),
        "a document is a line"
    );
}

#[test]
fn a_crime_is_about_five_hundred_bytes() {
    let documents = documents(
        1,
        GeneratorOptions {
            events: 5_000,
            kind: Some(Kind::Crime),
            bad: 0.0,
            ..GeneratorOptions::default()
        },
    );
    let mean = documents.iter().map(|d| d.bytes.len()).sum::<usize>() / documents.len();
    assert!((450..650).contains(&mean), "{mean}");
}

/// The unknown codes of generated events, and how many records have one.
fn unknown_codes(unknown_codes: f64) -> (UnknownCodes, usize, usize) {
    let reference = Reference::load(None).expect("built in");
    let mut unknown = UnknownCodes::default();
    let documents = documents(
        1,
        GeneratorOptions {
            events: 20_000,
            unknown_codes,
            ..GeneratorOptions::default()
        },
    );
    let found = documents.iter().filter(|document| {
        let event = Event::decode(text(document)).expect("valid");
        let record = Record::from_event(&event);
        !unknown.add_record(&reference, &record).is_empty()
    });
    let found = found.count();
    (unknown, found, documents.len())
}

#[test]
fn every_code_is_in_its_list_unless_a_share_of_unknown_ones_is_asked_for() {
    let (unknown, found, _) = unknown_codes(0.0);
    assert_eq!((unknown, found), (UnknownCodes::default(), 0));
    let (unknown, found, all) = unknown_codes(0.1);
    assert!((all / 20..all / 8).contains(&found), "{found} of {all}");
    let reference = Reference::load(None).expect("built in");
    let lists: BTreeSet<String> = unknown
        .codes(&reference.codes)
        .into_iter()
        .map(|code| code.list)
        .collect();
    assert!(lists.contains("ho-category") && lists.contains("nsir@2011-04"));
}

/// Records of a kind that happened in a month of the demo's story.
fn records_in(documents: &[GeneratedEvent], kind: Kind, month: &str) -> usize {
    let month = format!("\"occurred_from\":\"{month}");
    let kind = format!(".{}.v1\"", kind.as_str());
    documents
        .iter()
        .filter(|d| text(d).contains(&kind) && text(d).contains(&month))
        .filter(|d| text(d).contains("\"revision\":1,"))
        .count()
}

#[test]
fn the_story_of_the_demo_has_one_case_of_each_finding_and_is_level_otherwise() {
    let documents = documents(
        1,
        GeneratorOptions {
            events: 60_000,
            story: true,
            ..GeneratorOptions::default()
        },
    );
    let ratio = |kind, month: &str, base: &str| {
        let [now, before] = [month, base].map(|month| records_in(&documents, kind, month) as f64);
        now / before
    };
    let near = |found: f64, expected: f64| {
        assert!(
            (found / expected - 1.0).abs() < 0.25,
            "{found}, not {expected}"
        );
    };
    near(ratio(Kind::Crime, "2016-11", "2015-11"), 1.0);
    near(ratio(Kind::Incident, "2016-11", "2015-11"), 1.0);
    near(ratio(Kind::Incident, "2017-11", "2016-11"), 1.6);
    near(ratio(Kind::AmbulanceCall, "2017", "2016"), 0.66);
    near(ratio(Kind::Crime, "2017-09", "2017-08"), 1.5);
    near(ratio(Kind::Crime, "2017-10", "2017-08"), 1.0);
    assert_eq!(records_in(&documents, Kind::Treatment, "2018"), 0);
    assert!(records_in(&documents, Kind::Treatment, "2017-12") > 3);
    let late_days = (16..=28).map(|day| {
        let day = format!("2018-02-{day}");
        records_in(&documents, Kind::AntisocialBehaviourCase, &day)
    });
    assert_eq!(late_days.sum::<usize>(), 0);
    assert!(records_in(&documents, Kind::AntisocialBehaviourCase, "2018-02") > 3);
    let second = documents
        .iter()
        .filter(|d| text(d).contains("\"E01024717\""))
        .count();
    assert!(second > 10, "{second}");
}
