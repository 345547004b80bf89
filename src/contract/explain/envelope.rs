//! The attributes of an event: the equivalent of `schemas/envelope.schema.json`, with a code for each
//! violation.

use serde_json::{Map, Value};

use super::Violations;
use crate::contract::gate::{FEED_RULE, Gate, SOURCE_RULE};
use crate::contract::moment::Instant;
use crate::contract::rejection::{Reason, Violation};
use crate::contract::text::{Id, Printable, Source, is_json_media_type};
use crate::contract::{attributes, is_extension_name, kind_of, parse_type, revision_of};
use crate::event::{Feed, Kind};

/// The first violations of the attributes, and the kind in `type`.
pub(super) fn check(
    attributes: &Map<String, Value>,
    binary: bool,
    gate: &Gate<'_>,
    most: usize,
) -> (Vec<Violation>, Option<Kind>) {
    let mut check = EnvelopeCheck {
        attributes,
        violations: Violations::by_rank(most),
    };
    check.specversion();
    check.required();
    check.forms();
    check.revision(binary);
    check.extensions();
    let typed = check.kind();
    check.gate(typed, gate);
    (check.violations.kept, typed.map(|(_, kind)| kind))
}

struct EnvelopeCheck<'a> {
    attributes: &'a Map<String, Value>,
    violations: Violations,
}

/// The attributes every event has, but for `specversion`.
const REQUIRED: [(&str, &str); 7] = [
    ("data", "`data` is required: send the record"),
    (
        "id",
        "`id` is required: send one for each event, such as <subject>.<revision>",
    ),
    (
        "revision",
        "`revision` is required: send a number that grows with each correction",
    ),
    (
        "source",
        "`source` is required: send urn:partner:<partner>:<system>",
    ),
    ("subject", "`subject` is required: send the record's token"),
    (
        "time",
        "`time` is required: send when this revision was true",
    ),
    (
        "type",
        "`type` is required: send uk.community-safety.<feed>.<kind>.v1",
    ),
];

impl<'a> EnvelopeCheck<'a> {
    /// An attribute that is there and not null.
    fn given(&self, name: &str) -> Option<&'a Value> {
        self.attributes.get(name).filter(|value| !value.is_null())
    }

    fn note(&mut self, reason: Reason, pointer: &str, rule: &'static str) {
        self.violations.note(reason, pointer, || rule);
    }

    fn specversion(&mut self) {
        match self.given("specversion") {
            None => self.note(
                Reason::EnvelopeRequired,
                "",
                "`specversion` is required: send 1.0",
            ),
            Some(Value::String(text)) if text == "1.0" => {}
            Some(_) => self.note(
                Reason::EnvelopeSpecversion,
                "/specversion",
                "`specversion` must be 1.0",
            ),
        }
    }

    fn required(&mut self) {
        for (name, rule) in REQUIRED {
            if self.given(name).is_none() {
                self.note(Reason::EnvelopeRequired, "", rule);
            }
        }
    }

    fn forms(&mut self) {
        let id =
            "must be 1 to 128 letters, digits and . _ : ~ / -, beginning with a letter or digit";
        self.form(
            "/data_base64",
            |_| false,
            "`data_base64` is not read: send `data` as JSON",
        );
        self.form(
            "/datacontenttype",
            is_json_media_type,
            "`datacontenttype` must be application/json, perhaps with charset=utf-8, or left out",
        );
        self.form(
            "/dataschema",
            |text| Printable::new(text).is_some(),
            "`dataschema` must be printable ASCII of 1 to 256 characters",
        );
        self.form("/id", |text| Id::new(text).is_some(), id);
        self.form(
            "/source",
            |text| Source::new(text).is_some(),
            "`source` must be urn:partner:<partner>:<system>, in lower case",
        );
        self.form("/subject", |text| Id::new(text).is_some(), id);
        self.form(
            "/time",
            |text| Instant::parse(text).is_some(),
            "`time` must be an instant with seconds and an offset, such as 2017-02-06T09:15:00Z",
        );
    }

    fn form(&mut self, pointer: &'static str, admits: impl Fn(&str) -> bool, rule: &'static str) {
        let name = &pointer[1..];
        // Even null is not an absent `data_base64`: with it an event would have two bodies.
        let given = if name == "data_base64" {
            self.attributes.get(name)
        } else {
            self.given(name)
        };
        if given.is_some_and(|value| !value.as_str().is_some_and(&admits)) {
            self.note(Reason::EnvelopeInvalid, pointer, rule);
        }
    }

    fn revision(&mut self, binary: bool) {
        if self
            .given("revision")
            .is_some_and(|value| !is_revision(value, binary))
        {
            self.note(
                Reason::EnvelopeRevision,
                "/revision",
                "write a whole number from 1 to 2147483647, in JSON without quotation marks",
            );
        }
    }

    fn extensions(&mut self) {
        let mut others = self
            .attributes
            .iter()
            .filter(|(name, _)| !attributes().any(|known| known == *name));
        if others.any(|(name, value)| !is_extension_name(name) || !is_extension(value)) {
            let rule = "other attributes must have names of 1 to 20 lower-case letters and \
                        digits, and as value printable ASCII of 1 to 256 characters, a boolean \
                        or an integer of 32 bits: remove or correct them";
            self.note(Reason::EnvelopeExtension, "", rule);
        }
    }

    fn kind(&mut self) -> Option<(Feed, Kind)> {
        let given = self.given("type")?;
        let typed = given.as_str().and_then(parse_type);
        if typed.is_none() {
            let (reason, rule) = if given.as_str().is_some_and(is_other_version) {
                (
                    Reason::EnvelopeVersion,
                    "this version of the kind is not supported: send v1",
                )
            } else {
                (
                    Reason::EnvelopeType,
                    "`type` must be uk.community-safety.<feed>.<kind>.v1 with a feed and kind of the contract",
                )
            };
            self.note(reason, "/type", rule);
        }
        typed
    }

    fn gate(&mut self, typed: Option<(Feed, Kind)>, gate: &Gate<'_>) {
        let Some((feed, _)) = typed else { return };
        if !gate.admits_feed(feed) {
            self.note(Reason::EnvelopeFeed, "/type", FEED_RULE);
        }
        if let Some(Value::String(source)) = self.given("source")
            && !gate.admits_source(feed, source)
        {
            self.note(Reason::EnvelopeSource, "/source", SOURCE_RULE);
        }
    }
}

/// Whether it is the `type` of a kind we know, in another version.
fn is_other_version(text: &str) -> bool {
    let Some((_, version)) = text.rsplit_once(".v") else {
        return false;
    };
    let is_number = (1..=9).contains(&version.len())
        && !version.starts_with('0')
        && version.bytes().all(|c| c.is_ascii_digit());
    is_number && kind_of(text).is_some()
}

/// Whether a value is a revision; in a header it is a text.
fn is_revision(value: &Value, binary: bool) -> bool {
    match value {
        Value::String(text) if binary => revision_of(text).is_some(),
        value => value
            .as_i64()
            .is_some_and(|n| (1..=i64::from(i32::MAX)).contains(&n)),
    }
}

/// Whether a value is one that middleware may add.
fn is_extension(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        Value::String(text) => Printable::new(text.as_str()).is_some(),
        Value::Array(_) | Value::Object(_) => false,
    }
}
