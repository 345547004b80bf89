//! What the flat reader accepts, the general path accepts, with an equal record and nothing
//! personal: over events of every kind, as generated, spelled in other ways, and damaged.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{KnownTexts, read};
use crate::contract::explain::tests::{Dice, document};
use crate::contract::{Event, Reason, Record, judge_document, tripwire};
use crate::event::Micros;
use crate::generate::{GeneratedEvent, Generator, GeneratorOptions};
use crate::kit::examples::{EXAMPLES, bad_records};

/// After every event here, 2099-01-01.
const RECEIVED: Micros = Micros(4_070_908_800_000_000);

/// How many documents are read of each source.
const DOCUMENTS: u32 = 3000;

/// Whether the flat reader accepts a document. The general path must agree if it does.
fn is_read(document: &str, known: &mut KnownTexts) -> bool {
    let mut record = Record::absent();
    let Ok(new) = read(document, known, &mut record) else {
        return false;
    };
    let event = Event::decode(document).unwrap_or_else(|_| panic!("not valid: {document}"));
    let expected = Record::from_event(&event);
    assert_eq!(texts(&record), texts(&expected), "{document}");
    assert_eq!(
        tripwire::check(&expected, &event.envelope),
        None,
        "{document}"
    );
    known.add(&new);
    true
}

/// A record's values as text: lists by their items, which each path keeps in its own form.
fn texts(record: &Record<'_>) -> String {
    let mut record = *record;
    let lists = [
        &mut record.icd10_further,
        &mut record.concerns,
        &mut record.support_needs,
    ];
    let lists = lists.map(|list| {
        list.take().map(|list| {
            let mut items = Vec::new();
            list.for_each(|item| items.push(item));
            items
        })
    });
    format!("{lists:?} {record:?}")
}

type Outcome = Result<String, (Reason, String, String)>;

fn judged(document: &str, known: &mut KnownTexts) -> Outcome {
    judge_document(
        document.as_bytes(),
        &|_, source| source != "urn:partner:nobody:crime",
        RECEIVED,
        known,
        texts,
    )
    .map_err(|rejection| {
        (
            rejection.reason,
            rejection.pointer.clone(),
            format!("{rejection:?}"),
        )
    })
}

/// A document with the outcome of a copy that the flat reader declines: a name has an escape.
fn check(document: &str, known: &mut KnownTexts) -> bool {
    let declined = document.replacen("\"specversion\"", "\"\\u0073pecversion\"", 1);
    let expected = judged(&declined, &mut KnownTexts::default());
    assert_eq!(judged(document, known), expected, "{document}");
    is_read(document, known)
}

/// A document with some bytes changed, or pieces of it moved, doubled or left out.
fn damaged(dice: &mut Dice, document: &str) -> String {
    const PIECES: [&str; 14] = [
        " ", "\n", "\u{a0}", "\\", "\\u0041", "\"", "null", "true", "-0", "1.0", ",", "{}", "é",
        "0",
    ];
    let mut bytes = document.as_bytes().to_vec();
    for _ in 0..dice.below(3) {
        let at = dice.below(bytes.len());
        let end = (at + dice.below(24)).min(bytes.len());
        match dice.below(6) {
            0 => bytes[at] ^= 1 << dice.below(7),
            1 => bytes[at] = dice.below(128) as u8,
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            4 => {
                let piece = dice.pick(&PIECES);
                drop(bytes.splice(at..at, piece.bytes()));
            }
            _ => {
                let piece = dice.pick(&PIECES);
                drop(bytes.splice(at..end, piece.bytes()));
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The shares of documents that the flat reader accepts, in hundredths, of each source.
fn for_each_document(run: impl Fn(u64) -> String) -> u32 {
    let (read, known) = (Cell::new(0), std::cell::RefCell::new(KnownTexts::default()));
    let mut runner = TestRunner::new(Config {
        cases: DOCUMENTS,
        failure_persistence: None,
        ..Config::default()
    });
    let judged = runner.run(&any::<u64>(), |seed| {
        read.set(read.get() + u32::from(check(&run(seed), &mut known.borrow_mut())));
        Ok(())
    });
    judged.expect("agreement");
    read.get() * 100 / DOCUMENTS
}

#[test]
fn both_paths_agree_on_documents_from_the_schemas() {
    let share = for_each_document(document);
    assert!((2..60).contains(&share), "{share} % are read: one-sided");
}

fn generated() -> Vec<String> {
    let options = GeneratorOptions {
        events: 2000,
        ..GeneratorOptions::default()
    };
    let mut generator = Generator::new(7, options);
    let (mut event, mut documents) = (GeneratedEvent::new(), Vec::new());
    while generator.write_next(&mut event) {
        documents.push(String::from_utf8(event.bytes.clone()).expect("UTF-8"));
    }
    documents
}

#[test]
fn both_paths_agree_on_damaged_events() {
    let documents = generated();
    let share = for_each_document(|seed| {
        let mut dice = Dice(seed | 1);
        let document = dice.pick(&documents);
        damaged(&mut dice, &document)
    });
    assert!((5..60).contains(&share), "{share} % are read: one-sided");
}

#[test]
fn generated_events_and_examples_are_read() {
    let mut known = KnownTexts::default();
    let documents = generated();
    let read = documents
        .iter()
        .filter(|document| check(document, &mut known));
    assert_eq!(read.count(), documents.len());
    for (kind, document) in EXAMPLES.iter() {
        assert!(check(document, &mut known), "{kind}");
        let start = document.find("\"data\"").expect("data");
        let (rest, data) = (
            &document[1..start - 1],
            &document[start..document.len() - 1],
        );
        assert!(check(&format!("{{{data},{rest}}}"), &mut known), "{kind}");
        let spaced = document.replace("\":", "\": ").replace(",\"", ", \"");
        assert!(check(&spaced, &mut known), "{kind}");
    }
    for record in bad_records() {
        let value = record.value.unwrap_or_default();
        if let Ok(document) = std::str::from_utf8(&value) {
            check(document, &mut known);
        }
    }
}

#[test]
fn texts_of_a_rejected_record_are_not_remembered() {
    let document = &EXAMPLES[0].1;
    let mut known = KnownTexts::default();
    let late = document.replace("urn:partner:kent-police:crime", "urn:partner:nobody:crime");
    assert!(judged(&late, &mut known).is_err());
    assert!(known.forms.iter().all(|texts| texts.len() == 0));
    assert!(judged(document, &mut known).is_ok());
    assert!(known.forms.iter().any(|texts| texts.len() > 0));
}
