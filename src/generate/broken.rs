//! Events that break their contract, with one fault each, as partners really send them.
//!
//! The personal-looking values are invented: test numbers and addresses that nobody has.

use super::{Draw, GeneratedEvent};
use crate::event::Feed;

/// Faults as replacements: name, text to find, text to put there. Only the first occurrence is
/// replaced; an event without the text gets the next fault.
const REPLACEMENTS: [(&str, &str, &str); 22] = [
    (
        "specversion",
        r#""specversion":"1.0""#,
        r#""specversion":"0.3""#,
    ),
    ("no id", r#""id":"#, r#""identifier":"#),
    ("e-mail as id", r#""id":""#, r#""id":"a.b@kent.example"#),
    (
        "unknown source",
        r#""source":"urn:partner:"#,
        r#""source":"urn:partner:nobody-"#,
    ),
    (
        "source of another form",
        r#""source":"urn:partner:"#,
        r#""source":"https://partner.example/"#,
    ),
    ("unknown kind", r#".v1","subject""#, r#"s.v1","subject""#),
    ("later version", r#".v1","subject""#, r#".v9","subject""#),
    (
        "revision as text",
        r#""revision":"#,
        r#""revision":"1","was":"#,
    ),
    (
        "revision twice",
        r#""revision":"#,
        r#""revision":7,"revision":"#,
    ),
    (
        "revision with a fraction",
        r#""revision":"#,
        r#""revision":1.0,"was":"#,
    ),
    ("time without an offset", r#"Z","data""#, r#"","data""#),
    (
        "unknown field",
        r#""data":{"#,
        r#""data":{"note":"see the file","#,
    ),
    (
        "NHS number in a note",
        r#""data":{"#,
        r#""data":{"note":"pt 943 476 5919 seen","#,
    ),
    (
        "name of a person",
        r#""data":{"#,
        r#""data":{"victim_name":"x","#,
    ),
    (
        "postcode as zone",
        r#""role":"#,
        r#""zone":"me14-1xx","role":"#,
    ),
    (
        "date of another shape",
        r#""occurred_from":"20"#,
        r#""occurred_from":"04/02/20"#,
    ),
    ("no time of the event", r#""when":"#, r#""whne":"#),
    ("area without a level", r#""level":"#, r#""lvel":"#),
    ("flag as a number", r#"":true"#, r#"":1"#),
    ("code without zeros", r#""code":"0"#, r#""code":""#),
    (
        "category in lower case",
        r#""2016-04","category":""#,
        r#""2016-04","category":"x"#,
    ),
    ("list of a wrong type", r#""list":""#, r#""list":1,"was":""#),
];

/// The number of faults that are not a replacement.
const OTHERS: usize = 6;

pub(super) const WAYS: usize = REPLACEMENTS.len() + OTHERS;

/// Breaks an event in one way.
pub(super) fn spoil(event: &mut GeneratedEvent, draw: &mut Draw) {
    let mut fault = draw.below_usize(WAYS);
    loop {
        event.broken = break_otherwise(event, fault)
            .or_else(|| break_by_replacement(event, fault.checked_sub(OTHERS)?));
        if event.broken.is_some() {
            return;
        }
        fault = (fault + 1) % WAYS;
    }
}

fn break_otherwise(event: &mut GeneratedEvent, fault: usize) -> Option<&'static str> {
    let bytes = &mut event.bytes;
    match fault {
        0 => {
            bytes.truncate(bytes.len() / 2);
            Some("cut short")
        }
        1 => {
            bytes.splice(0..0, *b"\xef\xbb\xbf");
            Some("byte order mark")
        }
        2 => {
            bytes.insert(30, 0xe9);
            Some("not UTF-8")
        }
        3 => {
            bytes.insert(0, b'[');
            bytes.push(b']');
            Some("an array")
        }
        4 => {
            event.feed = if event.feed == Feed::Police {
                Feed::Health
            } else {
                Feed::Police
            };
            Some("another feed's topic")
        }
        5 => {
            let key = std::mem::replace(&mut event.key, b"9434765919".to_vec());
            replace(
                bytes,
                &[br#""subject":""#, &key[..]].concat(),
                br#""subject":"9434765919"#,
            );
            Some("NHS number as subject")
        }
        _ => None,
    }
}

fn break_by_replacement(event: &mut GeneratedEvent, fault: usize) -> Option<&'static str> {
    let (name, from, to) = REPLACEMENTS[fault];
    replace(&mut event.bytes, from.as_bytes(), to.as_bytes()).then_some(name)
}

/// Replaces the first occurrence; `false` if there is none.
fn replace(bytes: &mut Vec<u8>, from: &[u8], to: &[u8]) -> bool {
    let found = bytes.windows(from.len()).position(|window| window == from);
    if let Some(at) = found {
        bytes.splice(at..at + from.len(), to.iter().copied());
    }
    found.is_some()
}
