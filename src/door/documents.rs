//! The documents of the API, for programs: OpenAPI for HTTP and AsyncAPI for Kafka.
//!
//! What the code knows is generated: routes, problems, reasons, limits, topics and the schemas of the
//! contract. Only wording and the form of answers are in the files beside this module. A document
//! states nothing about a partner.

use serde_json::{Map, Value, json};

use super::DoorSettings;
use super::problem::{ProblemKind, problem_type};
use super::routes::{PACKED_SHARE, ROUTES, Route};
use crate::contract::{Reason, schemas, type_of};
use crate::event::{Feed, Kind};
use crate::publish::CONTENT_TYPE;
use crate::reference::Partners;

const OPENAPI: &str = include_str!("documents/openapi.json");
const ASYNCAPI: &str = include_str!("documents/asyncapi.json");

/// A file beside this module, with the version of the program.
fn skeleton(text: &str) -> Value {
    let mut document: Value = serde_json::from_str(text).expect("a test reads the file");
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document
}

/// The OpenAPI document of a door with these limits.
pub fn openapi(settings: &DoorSettings) -> Value {
    let mut document = skeleton(OPENAPI);
    let operations = document["operations"].take();
    document
        .as_object_mut()
        .map(|members| members.remove("operations"));
    let mut paths = Map::new();
    for route in ROUTES {
        if let Some(name) = route.operation {
            paths.entry(route.path).or_insert_with(|| json!({}))[route.method] =
                operation(name, &operations[name], &route);
        }
    }
    document["paths"] = paths.into();

    let components = &mut document["components"];
    components["requestBodies"]["Events"]["description"] = format!(
        "At most {} MiB, or {} MiB packed with gzip (Content-Encoding: gzip), and at most {} events",
        settings.body_bytes >> 20,
        (settings.body_bytes / PACKED_SHARE) >> 20,
        settings.events
    )
    .into();
    let schemas = &mut components["schemas"];
    let problems = ProblemKind::ALL.iter().map(|kind| kind.name());
    schemas["Problem"]["properties"]["type"]["enum"] = problems.map(problem_type).collect();
    schemas["Reason"]["enum"] = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    schemas["Kind"]["enum"] = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    schemas["Events"]["maxItems"] = settings.events.into();
    let kinds = Kind::ALL.iter().map(|kind| reference_to(kind.as_str()));
    schemas["Data"] = json!({"anyOf": kinds.collect::<Value>()});
    let events = Kind::ALL.iter().map(|kind| {
        let mut feeds = Feed::ALL.to_vec();
        feeds.retain(|feed| kind.feed().is_none_or(|own| own == *feed));
        event_of(*kind, &feeds)
    });
    schemas["Event"] =
        json!({"allOf": [reference_to("envelope")], "anyOf": events.collect::<Value>()});
    for (name, schema) in schemas::documents() {
        schemas[name] = embedded(name, schema, Dialect::Draft2020);
    }
    document
}

/// The operation of a route, with the answers that follow from its problems.
fn operation(name: &str, wording: &Value, route: &Route) -> Value {
    let mut operation = wording.clone();
    operation["operationId"] = name.into();
    for problem in route.problems() {
        let status = problem.status();
        let response = &mut operation["responses"][status.as_str()];
        match response["description"].as_str() {
            Some(before) => {
                response["description"] = format!("{before}; or {}", problem.title()).into();
            }
            None => {
                *response = json!({
                    "description": problem.title(),
                    "content": {"application/problem+json": {"schema": reference_to("Problem")}},
                });
            }
        }
        if problem.has_retry_after() {
            response["headers"]["Retry-After"] = json!({"$ref": "#/components/headers/RetryAfter"});
        }
    }
    if route
        .problems()
        .any(|problem| problem == ProblemKind::Token)
    {
        operation["security"] = json!([{"token": []}, {"certificate": []}]);
    }
    operation
}

/// The AsyncAPI document of the topics.
pub fn asyncapi(partners: &Partners) -> Value {
    let mut document = skeleton(ASYNCAPI);
    for topic in partners.topics() {
        let feed = topic.feed;
        let mut messages = Map::new();
        for kind in Kind::ALL {
            if kind.feed().is_none_or(|own| own == feed) {
                let name = format!("{feed}.{kind}");
                let message = format!("#/components/messages/{name}");
                messages.insert(name.clone(), json!({"$ref": message}));
                document["components"]["messages"][&name] = message_of(feed, *kind);
            }
        }
        let channel = format!("#/channels/{feed}");
        document["channels"][feed.as_str()] = json!({
            "address": topic.name,
            "description": format!("The events of the feed {feed}, keyed by subject"),
            "messages": messages,
        });
        document["operations"][format!("receive-{feed}")] = json!({
            "action": "receive",
            "channel": {"$ref": channel},
            "summary": format!("The pipeline reads the events of the feed {feed}"),
        });
    }
    for (name, schema) in schemas::documents() {
        document["components"]["schemas"][name] = embedded(name, schema, Dialect::Draft07);
    }
    document
}

fn message_of(feed: Feed, kind: Kind) -> Value {
    json!({
        "name": type_of(feed, kind),
        "contentType": "application/cloudevents+json",
        "headers": {
            "type": "object",
            "required": ["content-type"],
            "properties": {"content-type": {"type": "string", "enum": [CONTENT_TYPE, "application/cloudevents+json"]}},
        },
        "payload": {"allOf": [reference_to("envelope"), event_of(kind, &[feed])]},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The event's `subject`"},
                "bindingVersion": "0.5.0",
            },
        },
    })
}

fn reference_to(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// What the envelope leaves open: that `data` is of the kind in `type`.
fn event_of(kind: Kind, feeds: &[Feed]) -> Value {
    let types = feeds.iter().map(|feed| type_of(*feed, kind));
    json!({
        "type": "object",
        "properties": {
            "type": {"enum": types.collect::<Value>()},
            "data": reference_to(kind.as_str()),
        },
    })
}

/// The edition of JSON Schema that the readers of a document support.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Draft2020,
    /// Names `$defs` otherwise, and ignores keywords beside a `$ref`.
    Draft07,
}

impl Dialect {
    const fn definitions(self) -> &'static str {
        match self {
            Self::Draft2020 => "$defs",
            Self::Draft07 => "definitions",
        }
    }
}

/// A schema as a component of a document: its references lead to other components.
fn embedded(name: &str, schema: &Value, dialect: Dialect) -> Value {
    let mut schema = schema.clone();
    if let Some(members) = schema.as_object_mut() {
        members.remove("$schema");
        members.remove("$id");
    }
    embed(&mut schema, name, dialect);
    schema
}

fn embed(schema: &mut Value, own_name: &str, dialect: Dialect) {
    let members = match schema {
        Value::Object(members) => members,
        Value::Array(items) => {
            return items
                .iter_mut()
                .for_each(|item| embed(item, own_name, dialect));
        }
        _ => return,
    };
    members
        .values_mut()
        .for_each(|member| embed(member, own_name, dialect));
    if let Some(definitions) = members.remove("$defs") {
        members.insert(dialect.definitions().to_owned(), definitions);
    }
    let reference = members.get("$ref").and_then(Value::as_str);
    let Some((file, pointer)) = reference.and_then(|reference| reference.split_once('#')) else {
        return;
    };
    let name = file.strip_suffix(".schema.json").unwrap_or(own_name);
    let pointer = pointer.replace("$defs", dialect.definitions());
    let reference = reference_to(&format!("{name}{pointer}"));
    if dialect == Dialect::Draft07 && members.len() > 1 {
        members.remove("$ref");
        members.insert("allOf".to_owned(), json!([reference]));
    } else {
        members["$ref"] = reference["$ref"].clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::examples::EXAMPLES;
    use crate::reference::Reference;

    fn partners() -> Partners {
        Reference::load(None).expect("built in").partners
    }

    /// A validator of one part of a document.
    fn validator(
        document: &Value,
        pointer: &str,
        draft: jsonschema::Draft,
    ) -> jsonschema::Validator {
        let mut root = document.clone();
        root["$ref"] = format!("#{pointer}").into();
        let options = jsonschema::options().with_draft(draft);
        options
            .build(&root)
            .expect("a schema whose references lead to schemas")
    }

    #[test]
    fn each_example_is_a_message_of_its_topic_and_of_no_other_kind() {
        let document = asyncapi(&partners());
        let messages = document["components"]["messages"]
            .as_object()
            .expect("messages");
        for (_, example) in EXAMPLES.iter() {
            let event: Value = serde_json::from_str(example).expect("JSON");
            let fits = messages.keys().filter(|name| {
                let payload = format!("/components/messages/{name}/payload");
                validator(&document, &payload, jsonschema::Draft::Draft7).is_valid(&event)
            });
            let names: Vec<&String> = fits.collect();
            assert_eq!(names.len(), 1, "{example}: {names:?}");
            assert_eq!(messages[names[0]]["name"], event["type"]);
        }
    }
}
