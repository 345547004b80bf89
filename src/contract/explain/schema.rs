//! `data` by the JSON Schema of its kind, as partners have it in `schemas/`.
//!
//! The schemas use a few
//! keywords only, whose meaning is JSON Schema's (draft 2020-12, Validation, section 6; Core,
//! section 10); a test compares what is found here with a general engine.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::Violations;
use crate::contract::rejection::{Reason, Violation};
use crate::contract::schemas::DOCUMENTS;
use crate::event::Kind;

/// Every pattern of a schema, compiled.
static PATTERNS: LazyLock<HashMap<&'static str, Regex>> = LazyLock::new(|| {
    let mut patterns = HashMap::new();
    DOCUMENTS
        .values()
        .for_each(|document| gather_patterns(document, &mut patterns));
    patterns
});

fn gather_patterns(schema: &'static Value, patterns: &mut HashMap<&'static str, Regex>) {
    match schema {
        Value::Object(keywords) => {
            if let Some(Value::String(pattern)) = keywords.get("pattern") {
                patterns
                    .entry(pattern)
                    .or_insert_with(|| Regex::new(pattern).expect("a pattern compiles"));
            }
            keywords
                .values()
                .for_each(|inner| gather_patterns(inner, patterns));
        }
        Value::Array(inner) => inner
            .iter()
            .for_each(|inner| gather_patterns(inner, patterns)),
        _ => {}
    }
}

/// The first violations of `data`, by pointer and then by code. A value of the wrong type has no
/// other fault.
pub(super) fn check(kind: Kind, data: &Value, most: usize) -> Vec<Violation> {
    let document = &DOCUMENTS[kind.as_str()];
    let mut check = SchemaCheck {
        pointer: "/data".to_owned(),
        violations: Violations::by_pointer(most),
    };
    check.value(document, document, data);
    let mut violations = check.violations.kept;
    violations.dedup_by(|later, earlier| {
        earlier.reason == Reason::SchemaType && later.pointer == earlier.pointer
    });
    violations
}

/// The rule of a pattern: the first sentence of its description, which people can read, or the
/// pattern itself.
fn described_form(schema: &Value, pattern: &str) -> String {
    let description = schema.get("description").and_then(Value::as_str);
    // A full stop in a list of characters has spaces on both sides.
    let end = |text: &str| {
        let mut stops = text.match_indices(". ").map(|(at, _)| at);
        stops.find(|at| !text[..*at].ends_with(' '))
    };
    let sentence = description.map(|text| &text[..end(text).unwrap_or(text.len())]);
    let mut chars = sentence.unwrap_or_default().chars();
    match chars.next() {
        Some(first) => {
            let rest = chars.as_str().trim_end_matches('.');
            format!("write {}{rest}", first.to_ascii_lowercase())
        }
        None => format!("write it in the form {pattern}"),
    }
}

/// Validates a value against a schema.
struct SchemaCheck {
    /// Where in the event it is looked.
    pointer: String,
    violations: Violations,
}

impl SchemaCheck {
    /// Validates a value against a schema that is part of a document.
    fn value(&mut self, document: &'static Value, schema: &'static Value, value: &Value) {
        for (keyword, wanted) in schema.as_object().into_iter().flatten() {
            match (keyword.as_str(), value) {
                ("$ref", _) => {
                    let (document, schema) = referred(document, wanted);
                    self.value(document, schema, value);
                }
                ("type", _) if !names(wanted).any(|name| is_of_type(name, value)) => {
                    self.keep(Reason::SchemaType, || type_rule(wanted));
                }
                ("enum", _) if !elements(wanted).any(|one| one == value) => {
                    self.keep(Reason::SchemaEnum, || {
                        format!(
                            "write one of {}",
                            names(wanted).collect::<Vec<_>>().join(", ")
                        )
                    });
                }
                ("pattern", Value::String(text)) => {
                    let pattern = wanted.as_str().expect("a pattern is a text");
                    if !PATTERNS[pattern].is_match(text) {
                        self.keep(Reason::SchemaPattern, || described_form(schema, pattern));
                    }
                }
                ("minimum", Value::Number(number)) if number.as_f64() < wanted.as_f64() => {
                    self.keep(Reason::SchemaRange, || format!("must be at least {wanted}"));
                }
                ("maximum", Value::Number(number)) if number.as_f64() > wanted.as_f64() => {
                    self.keep(Reason::SchemaRange, || format!("must be at most {wanted}"));
                }
                ("minItems", Value::Array(items)) if wanted.as_u64() > Some(items.len() as u64) => {
                    self.keep(Reason::SchemaItems, || {
                        format!("must have at least {wanted} items")
                    });
                }
                ("maxItems", Value::Array(items)) if wanted.as_u64() < Some(items.len() as u64) => {
                    self.keep(Reason::SchemaItems, || {
                        format!("must have at most {wanted} items")
                    });
                }
                ("items", Value::Array(items)) => {
                    for (number, item) in items.iter().enumerate() {
                        self.at(&number.to_string(), |check| {
                            check.value(document, wanted, item);
                        });
                    }
                }
                (_, Value::Object(fields)) => {
                    self.object_keyword(document, schema, (keyword, wanted), fields);
                }
                _ => {}
            }
        }
    }

    /// Validates the fields of an object by one keyword of its schema.
    fn object_keyword(
        &mut self,
        document: &'static Value,
        schema: &'static Value,
        (keyword, wanted): (&str, &'static Value),
        fields: &Map<String, Value>,
    ) {
        match keyword {
            "required" => {
                for name in names(wanted).filter(|name| !fields.contains_key(*name)) {
                    self.keep(Reason::SchemaRequired, || {
                        format!("`{name}` is required: write it")
                    });
                }
            }
            "properties" => {
                for (name, schema) in wanted.as_object().into_iter().flatten() {
                    if let Some(value) = fields.get(name) {
                        self.at(name, |check| check.value(document, schema, value));
                    }
                }
            }
            "additionalProperties" => {
                let known = &schema["properties"];
                if fields.keys().any(|name| known.get(name).is_none()) {
                    let rule = "contains a field that is not in the contract: \
                                correct its spelling, or leave it out";
                    self.keep(Reason::SchemaUnknownField, || rule.to_owned());
                }
            }
            _ => {}
        }
    }

    /// Looks at a part of the value, by its name or number.
    fn at(&mut self, part: &str, look: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        write!(self.pointer, "/{part}").expect("a string takes all");
        look(self);
        self.pointer.truncate(length);
    }

    fn keep(&mut self, reason: Reason, rule: impl FnOnce() -> String) {
        self.violations.note(reason, &self.pointer, rule);
    }
}

/// The document and schema of a `$ref`: in the same document, or in another file.
fn referred(document: &'static Value, reference: &Value) -> (&'static Value, &'static Value) {
    let (file, pointer) = reference
        .as_str()
        .and_then(|text| text.split_once('#'))
        .expect("a reference has a pointer");
    let document = file
        .strip_suffix(".schema.json")
        .map_or(document, |name| &DOCUMENTS[name]);
    (
        document,
        document
            .pointer(pointer)
            .expect("what is referred to is there"),
    )
}

/// What a keyword says: the elements of its list, or its one value.
fn elements(wanted: &Value) -> impl Iterator<Item = &Value> {
    wanted
        .as_array()
        .map_or(std::slice::from_ref(wanted), Vec::as_slice)
        .iter()
}

fn names(wanted: &Value) -> impl Iterator<Item = &str> {
    elements(wanted).filter_map(Value::as_str)
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => unreachable!("no schema names another type"),
    }
}

/// What to write for a value of the wrong type.
fn type_rule(wanted: &Value) -> String {
    let types = names(wanted).filter(|name| *name != "null");
    let types: Vec<&str> = types.map(type_words).collect();
    let or_nothing = if names(wanted).any(|name| name == "null") {
        ", or leave it out"
    } else {
        ""
    };
    format!("write {}{or_nothing}", types.join(" or "))
}

fn type_words(name: &str) -> &str {
    match name {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "array" => "a list",
        "object" => "an object",
        _ => "a text",
    }
}

/// A general engine of JSON Schema over the same files.
#[cfg(test)]
pub(super) mod engine {
    use std::collections::BTreeMap;

    use jsonschema::error::ValidationErrorKind as Broken;
    use jsonschema::{Registry, RegistryBuilder, ValidationError, Validator};

    use super::*;

    static VALIDATORS: LazyLock<BTreeMap<&'static str, Validator>> = LazyLock::new(|| {
        let parts = &DOCUMENTS["parts"];
        let id = parts["$id"].as_str().expect("the parts have an id");
        let registry = Registry::new()
            .add(id, parts)
            .and_then(RegistryBuilder::prepare)
            .expect("the parts are a schema");
        let build = |schema| {
            jsonschema::options()
                .with_registry(&registry)
                .build(schema)
                .expect("a schema compiles")
        };
        DOCUMENTS
            .iter()
            .map(|(name, schema)| (*name, build(schema)))
            .collect()
    });

    pub(in super::super) fn accepts_envelope(event: &Value) -> bool {
        VALIDATORS["envelope"].is_valid(event)
    }

    /// Pointer and reason of the violations that [`check`] should find.
    pub(in super::super) fn check(kind: Kind, data: &Value) -> Vec<(String, Reason)> {
        let violation = |error: ValidationError<'_>| {
            (
                format!("/data{}", error.instance_path()),
                reason_of(error.kind()),
            )
        };
        let errors = VALIDATORS[kind.as_str()].iter_errors(data);
        let mut violations: Vec<_> = errors.map(violation).collect();
        violations.sort();
        violations
    }

    fn reason_of(kind: &Broken) -> Reason {
        match kind {
            Broken::Type { .. } => Reason::SchemaType,
            Broken::Required { .. } => Reason::SchemaRequired,
            Broken::Enum { .. } => Reason::SchemaEnum,
            Broken::Pattern { .. } => Reason::SchemaPattern,
            Broken::Minimum { .. } | Broken::Maximum { .. } => Reason::SchemaRange,
            Broken::MinItems { .. } | Broken::MaxItems { .. } => Reason::SchemaItems,
            Broken::AdditionalProperties { .. } => Reason::SchemaUnknownField,
            other => panic!("no schema uses what was broken: {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::schemas::documents;

    /// Calls `f` with the name and keywords of every field of a schema.
    fn each_field(schema: &Value, f: &mut impl FnMut(&str, &serde_json::Map<String, Value>)) {
        let Value::Object(keywords) = schema else {
            return;
        };
        if let Some(Value::Object(fields)) = keywords.get("properties") {
            for (name, field) in fields {
                f(name, field.as_object().expect("keywords"));
                each_field(field, f);
            }
        }
        for (name, inner) in keywords.iter().filter(|(name, _)| *name != "properties") {
            if name == "$defs" {
                inner
                    .as_object()
                    .into_iter()
                    .flatten()
                    .for_each(|(_, part)| each_field(part, f));
            }
        }
    }

    #[test]
    fn every_field_is_described_for_partners() {
        let mut count = 0;
        for (file, document) in documents() {
            each_field(document, &mut |name, field| {
                count += 1;
                let text = field
                    .get("description")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let is_part = field
                    .get("$ref")
                    .is_some_and(|r| !r.to_string().contains("string"))
                    && field.get("type").is_none();
                assert!(text.ends_with('.'), "{file} {name}");
                assert!(
                    is_part || field.get("properties").is_some() || text.contains("Source: "),
                    "{file} {name}"
                );
            });
        }
        assert!(count > 150, "{count}");
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a list of cases")]
    fn a_fault_says_what_to_send() {
        let crime = |changed: &str, value: Value| {
            let mut data = json!({
                "what": { "list": "ho-crime", "edition": "2016-04", "category": "8N" },
                "when": { "occurred_from": "2017-02" },
                "area": { "code": "E01024374", "level": "lsoa", "role": "incident" },
            });
            *data.pointer_mut(changed).expect("a place") = value;
            check(Kind::Crime, &data, 1)
                .into_iter()
                .next()
                .map(|violation| {
                    (
                        violation.pointer,
                        violation.reason,
                        violation.rule.into_owned(),
                    )
                })
        };
        let without = json!({});
        let with_more = json!({ "occurred_from": "2017-02", "until": "2017-03" });
        let cases = [
            (
                "/what",
                json!([]),
                "/data/what",
                Reason::SchemaType,
                "write an object",
            ),
            (
                "/what/list",
                json!(7),
                "/data/what/list",
                Reason::SchemaType,
                "write a text",
            ),
            (
                "/area/level",
                json!("house"),
                "/data/area/level",
                Reason::SchemaEnum,
                "write one of lsoa, msoa, ward, ",
            ),
            (
                "/what/edition",
                json!("x"),
                "/data/what/edition",
                Reason::SchemaPattern,
                "write the edition of a code list: a year, or a year and month (2016-04)",
            ),
            (
                "/when",
                without,
                "/data/when",
                Reason::SchemaRequired,
                "`occurred_from` is required: write it",
            ),
            (
                "/when",
                with_more,
                "/data/when",
                Reason::SchemaUnknownField,
                "contains a field that is not in the contract",
            ),
        ];
        for (changed, value, pointer, reason, rule) in cases {
            let (at, why, wanted) = crime(changed, value).expect("a violation");
            assert_eq!((&*at, why), (pointer, reason));
            assert!(wanted.starts_with(rule), "{wanted}");
        }
        assert_eq!(crime("/area/role", json!("incident")), None);
        let of = |schema: Value, value: Value| {
            let mut check = SchemaCheck {
                pointer: String::new(),
                violations: Violations::by_rank(1),
            };
            let schema: &'static Value = Box::leak(Box::new(schema));
            check.value(schema, schema, &value);
            let first = check.violations.kept.into_iter().next();
            first.map(|violation| (violation.reason, violation.rule.into_owned()))
        };
        let violation = |reason, rule: &str| Some((reason, rule.to_owned()));
        let form = |schema: Value| described_form(&schema, "^[a-z]$");
        assert_eq!(form(json!({})), "write it in the form ^[a-z]$");
        let description = "A token of letters and . _ / only. Source: us.";
        let described = json!({ "description": description });
        assert_eq!(form(described), "write a token of letters and . _ / only");
        let range = json!({ "type": ["integer", "null"], "minimum": 1, "maximum": 20 });
        assert_eq!(
            of(range.clone(), json!(0)),
            violation(Reason::SchemaRange, "must be at least 1")
        );
        assert_eq!(
            of(range.clone(), json!(21)),
            violation(Reason::SchemaRange, "must be at most 20")
        );
        assert_eq!(
            of(range.clone(), json!("1")),
            violation(Reason::SchemaType, "write a whole number, or leave it out")
        );
        assert_eq!(
            [
                of(range.clone(), json!(1)),
                of(range.clone(), json!(20)),
                of(range, Value::Null)
            ],
            [None, None, None]
        );
        let items = json!({ "minItems": 1, "maxItems": 2, "items": { "type": "boolean" } });
        assert_eq!(
            of(items.clone(), json!([])),
            violation(Reason::SchemaItems, "must have at least 1 items")
        );
        assert_eq!(
            of(items.clone(), json!([true, true, true])),
            violation(Reason::SchemaItems, "must have at most 2 items")
        );
        assert_eq!(
            of(items, json!([true, 1])),
            violation(Reason::SchemaType, "write true or false")
        );
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
            let Value::Object(keywords) = schema else {
                return;
            };
            for (name, inner) in keywords {
                assert!(ALLOWED.contains(&name.as_str()), "{file} {name}");
                // Only the envelope has names and values we do not know: those of middleware.
                let open = name == "propertyNames"
                    || (name == "additionalProperties" && inner != &Value::Bool(false));
                assert!(!open || file == "envelope", "{file} {name}");
                match name.as_str() {
                    "properties" | "$defs" => inner
                        .as_object()
                        .into_iter()
                        .flatten()
                        .for_each(|(_, s)| walk(file, s)),
                    _ => walk(file, inner),
                }
            }
            if keywords.contains_key("properties") {
                assert!(
                    keywords.contains_key("additionalProperties"),
                    "{file}: an object names all its fields"
                );
            }
        }
        for (file, document) in documents() {
            walk(file, document);
        }
    }
}
