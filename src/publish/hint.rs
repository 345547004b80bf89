//! What to write in place of a fault: for the sender's own eyes, never stored and never answered.
//!
//! A hint may name fields of the document, which a [`Violation`] must not. It contains no value of it.

use serde_json::Value;

use crate::contract::rejection::{Reason, Violation};
use crate::contract::schemas::{example, schema_at};
use crate::contract::type_of;
use crate::event::{Feed, Kind};
use crate::files::fault::nearest;
use crate::reference::Partners;

/// Field names that are listed, at most.
const NAMES_MAX: usize = 12;
/// The longest example.
const EXAMPLE_MAX: usize = 60;

/// The hint for a fault of a document; `None` if its rule says all there is to say.
pub(super) fn hint(
    document: &[u8],
    kind: Option<Kind>,
    fault: &Violation,
    partners: &Partners,
) -> Option<String> {
    let event = || serde_json::from_slice::<Value>(document).ok();
    match fault.reason {
        Reason::EncodingBom => Some(
            "in Python, open the file with encoding=\"utf-8\", not \"utf-8-sig\"; in PowerShell, write it \
             with -Encoding utf8NoBOM"
                .to_owned(),
        ),
        Reason::JsonSyntax => syntax(document),
        Reason::SchemaUnknownField => unknown_fields(&event()?, kind?, &fault.pointer),
        Reason::SchemaEnum => {
            let event = event()?;
            let sent = event.pointer(&fault.pointer)?.as_str()?;
            let schema = schema_at(kind?, &fault.pointer)?;
            let known = schema["enum"].as_array()?;
            let near = nearest(sent, known.iter().filter_map(Value::as_str))?;
            Some(format!("did you mean `{near}`?"))
        }
        Reason::SchemaRequired => {
            let name = fault.rule.split('`').nth(1)?;
            let value = short_example(kind?, &format!("{}/{name}", fault.pointer))?;
            Some(format!("for example \"{name}\": {value}"))
        }
        Reason::SchemaPattern | Reason::SchemaType | Reason::SchemaRange => {
            let value = short_example(kind?, &fault.pointer)?;
            Some(format!("for example {value}"))
        }
        Reason::EnvelopeType => {
            let event = event()?;
            let sent = event["type"].as_str()?;
            let types: Vec<String> = Feed::ALL
                .into_iter()
                .flat_map(|feed| {
                    let own = move |kind: &&Kind| kind.feed().is_none_or(|only| only == feed);
                    let kinds = Kind::ALL.iter().filter(own);
                    kinds.map(move |kind| type_of(feed, *kind))
                })
                .collect();
            let near = nearest(sent, types.iter().map(String::as_str))?;
            Some(format!("did you mean `{near}`?"))
        }
        Reason::EnvelopeSource => {
            let event = event()?;
            let near = nearest(event["source"].as_str()?, partners.systems())?;
            Some(format!("did you mean `{near}`?"))
        }
        _ => None,
    }
}

/// Where a line stops being JSON.
fn syntax(line: &[u8]) -> Option<String> {
    let error = serde_json::from_slice::<serde::de::IgnoredAny>(line).err()?;
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default();
    Some(format!(
        "the line stops being JSON at column {} ({why})",
        error.column()
    ))
}

/// The fields of an object that the contract does not have, each with the nearest that it has.
fn unknown_fields(event: &Value, kind: Kind, pointer: &str) -> Option<String> {
    let schema = schema_at(kind, pointer)?;
    let known = schema["properties"].as_object()?;
    let names = || known.keys().map(String::as_str);
    let sent = event.pointer(pointer)?.as_object()?;
    let unknown = sent.keys().filter(|name| !known.contains_key(*name));
    let mut is_far = false;
    let shown = unknown.take(NAMES_MAX).map(|name| {
        let name_text = name.escape_debug();
        if let Some(near) = nearest(name, names()) {
            format!("`{name_text}` (did you mean `{near}`?)")
        } else {
            is_far = true;
            format!("`{name_text}`")
        }
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if is_far {
        let known: Vec<&str> = names().collect();
        text = format!("{text}; known fields: {}", known.join(", "));
    }
    Some(text)
}

/// The value that the example of a kind has at a pointer, as JSON.
fn short_example(kind: Kind, pointer: &str) -> Option<String> {
    let text = example(kind).pointer(pointer)?.to_string();
    (text.len() <= EXAMPLE_MAX).then_some(text)
}
