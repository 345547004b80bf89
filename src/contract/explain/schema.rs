//! `data` by the JSON Schema of its kind, as partners have it in `schemas/`.
//!
//! The schemas are built into the program and compiled when the first record is refused.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind as Broken};
use jsonschema::{Registry, ValidationError, Validator};
use serde_json::Value;

use crate::contract::rejection::{Fault, Reason};
use crate::event::Kind;

macro_rules! files {
    ($($name:literal)+) => {
        /// Every schema, by the name of its file without `.schema.json`.
        const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../schemas/", $name, ".schema.json")))),+];
    };
}

files! {
    "admission" "ambulance-call" "antisocial-behaviour-case" "assault-attendance" "count" "crime" "detention"
    "domestic-abuse-support" "envelope" "homelessness-case" "incident" "mental-health-detention" "noise-complaint"
    "parts" "possession" "referral" "stop-search" "treatment"
}

static DOCUMENTS: LazyLock<BTreeMap<&'static str, Value>> = LazyLock::new(|| {
    FILES.iter().map(|(name, text)| (*name, serde_json::from_str(text).expect("a schema is JSON"))).collect()
});

static VALIDATORS: LazyLock<BTreeMap<&'static str, Validator>> = LazyLock::new(|| {
    let parts = &DOCUMENTS["parts"];
    let registry = parts["$id"].as_str().map(|id| Registry::new().add(id, parts).and_then(|r| r.prepare()));
    let registry = registry.expect("the parts have an id").expect("the parts are a schema");
    let build = |schema| jsonschema::options().with_registry(&registry).build(schema).expect("a schema compiles");
    DOCUMENTS.iter().map(|(name, schema)| (*name, build(schema))).collect()
});

/// Every schema as JSON, with the name of its file.
pub(crate) fn documents() -> impl Iterator<Item = (&'static str, &'static Value)> {
    DOCUMENTS.iter().map(|(name, document)| (*name, document))
}

/// Every schema as it is published: the name of its file without `.schema.json`, and its text.
pub fn files() -> &'static [(&'static str, &'static str)] {
    FILES
}

/// The fault of `data` with the smallest pointer, by bytes, and then the first code.
pub(super) fn check(kind: Kind, data: &Value) -> Option<Fault> {
    let faults = VALIDATORS[kind.as_str()].iter_errors(data).map(fault_of);
    faults.min_by(|a, b| (&a.pointer, a.reason).cmp(&(&b.pointer, b.reason)))
}

fn fault_of(error: ValidationError<'_>) -> Fault {
    let pointer = format!("/data{}", error.instance_path());
    let (reason, rule) = match error.kind() {
        Broken::Type { kind } => (Reason::SchemaType, format!("must be {}", type_names(kind))),
        Broken::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            (Reason::SchemaRequired, format!("`{name}` is required here: send it"))
        }
        Broken::Enum { options } => (Reason::SchemaEnum, format!("must be one of {}", list(options))),
        Broken::Pattern { pattern } => (Reason::SchemaPattern, format!("must have the form {pattern}")),
        Broken::Minimum { limit } => (Reason::SchemaRange, format!("must be at least {limit}")),
        Broken::Maximum { limit } => (Reason::SchemaRange, format!("must be at most {limit}")),
        Broken::MinItems { limit } => (Reason::SchemaItems, format!("must have at least {limit} items")),
        Broken::MaxItems { limit } => (Reason::SchemaItems, format!("must have at most {limit} items")),
        Broken::AdditionalProperties { .. } => {
            let rule = "holds a field that the contract does not have: correct its spelling, or leave it out";
            (Reason::SchemaUnknownField, rule.to_owned())
        }
        // No other keyword is used.
        _ => (Reason::SchemaType, "is not as the schema of its kind says".to_owned()),
    };
    Fault::new(reason, pointer, rule)
}

fn type_names(kind: &TypeKind) -> String {
    let name = |kind: jsonschema::JsonType| match kind.as_str() {
        "null" => "absent (or null)".to_owned(),
        name @ ("array" | "integer" | "object") => format!("an {name}"),
        name => format!("a {name}"),
    };
    match kind {
        TypeKind::Single(kind) => name(*kind),
        TypeKind::Multiple(kinds) => kinds.iter().map(name).collect::<Vec<_>>().join(" or "),
    }
}

fn list(options: &Value) -> String {
    let names: Vec<_> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
pub(crate) fn accepts_envelope(event: &Value) -> bool {
    VALIDATORS["envelope"].is_valid(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `f` with the name and keywords of every field of a schema.
    fn each_field(schema: &Value, f: &mut impl FnMut(&str, &serde_json::Map<String, Value>)) {
        let Value::Object(keywords) = schema else { return };
        if let Some(Value::Object(fields)) = keywords.get("properties") {
            for (name, field) in fields {
                f(name, field.as_object().expect("keywords"));
                each_field(field, f);
            }
        }
        for (name, inner) in keywords.iter().filter(|(name, _)| *name != "properties") {
            if name == "$defs" {
                inner.as_object().into_iter().flatten().for_each(|(_, part)| each_field(part, f));
            }
        }
    }

    #[test]
    fn every_field_is_described_for_partners() {
        let mut count = 0;
        for (file, document) in documents() {
            each_field(document, &mut |name, field| {
                count += 1;
                let text = field.get("description").and_then(Value::as_str).unwrap_or_default();
                let is_part =
                    field.get("$ref").is_some_and(|r| !r.to_string().contains("string")) && field.get("type").is_none();
                assert!(text.ends_with('.'), "{file} {name}");
                assert!(is_part || field.get("properties").is_some() || text.contains("Source: "), "{file} {name}");
            });
        }
        assert!(count > 150, "{count}");
    }

    #[test]
    fn schemas_use_only_keywords_with_an_exact_twin() {
        const ALLOWED: [&str; 17] = [
            "$schema",
            "$id",
            "$ref",
            "$defs",
            "description",
            "type",
            "properties",
            "required",
            "additionalProperties",
            "enum",
            "pattern",
            "minimum",
            "maximum",
            "minItems",
            "maxItems",
            "items",
            "propertyNames",
        ];
        fn walk(file: &str, schema: &Value) {
            let Value::Object(keywords) = schema else { return };
            for (name, inner) in keywords {
                assert!(ALLOWED.contains(&name.as_str()), "{file} {name}");
                // Only the envelope has names and values we do not know: those of middleware.
                let open = name == "propertyNames" || (name == "additionalProperties" && inner != &Value::Bool(false));
                assert!(!open || file == "envelope", "{file} {name}");
                match name.as_str() {
                    "properties" | "$defs" => inner.as_object().into_iter().flatten().for_each(|(_, s)| walk(file, s)),
                    _ => walk(file, inner),
                }
            }
            if keywords.contains_key("properties") {
                assert!(keywords.contains_key("additionalProperties"), "{file}: an object names all its fields");
            }
        }
        for (file, document) in documents() {
            walk(file, document);
        }
    }
}
