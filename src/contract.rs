//! From a Kafka record's bytes to a typed [`Event`], or a [`Rejection`] that says why not.
//!
//! The typed path accepts exactly what JSON profile, envelope and schema accept together
//! (`schemas/`); a property test compares the two. It only accepts or rejects: what is wrong with
//! a refused record is found by [`explain`], which alone reads the schemas. Rules between fields
//! ([`semantic`]) and the search for personal data ([`tripwire`]) come after, over the flat record.
//!
//! This module knows neither Kafka's client nor Parquet, and none of its errors contains a value.

pub mod columns;
pub mod count;
pub mod explain;
pub mod flags;
mod flat;
mod gate;
pub mod health;
pub mod housing;
mod json;
pub mod judge;
mod kind;
pub mod moment;
pub mod parts;
mod pointer;
pub mod police;
#[cfg(test)]
mod rebuild;
pub mod record;
pub mod rejection;
pub mod revision;
pub mod schemas;
pub mod semantic;
pub mod text;
pub mod tripwire;

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::event::{Feed, Kind, with_kinds};
use flat::{FlatReader, FlatResult};
use json::Json;
pub use kind::KindField;
use moment::Instant;
use parts::RevisionNumber;
pub(crate) use pointer::field_name;
use text::{Id, Plain, Printable, Source, is_json_media_type};

pub use flat::KnownTexts;
pub use json::Refused;
pub use judge::{Incoming, TopicRules, judge, judge_document};
pub use record::Record;
pub use rejection::{Reason, Rejection};

/// The greatest size of a record's value, in bytes.
pub const VALUE_BYTES_MAX: usize = 16_384;
/// The greatest number of headers of a record.
pub const HEADERS_MAX: usize = 32;
/// The version of the contracts this program reads.
pub const VERSION: i32 = 1;

/// The whole state of one record at one revision.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Who sent it, for which record, and when.
    pub envelope: Envelope<'a>,
    /// The record.
    pub data: Data<'a>,
}

/// The `CloudEvents` attributes of an event.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// Same (`source`, `id`): the same event sent again.
    pub id: Id<'a>,
    /// The partner's records system.
    pub source: Source<'a>,
    /// The feed in `type`.
    pub feed: Feed,
    /// The kind in `type`.
    pub kind: Kind,
    /// The record's token within its source.
    pub subject: Id<'a>,
    /// Grows with each correction of the record.
    pub revision: RevisionNumber,
    /// When this revision was true at the partner.
    pub time: Instant,
    /// Where the partner says its schema is; never fetched.
    pub dataschema: Option<Printable<'a>>,
    /// Values of other attributes that are texts: scanned, not stored.
    pub extensions: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Envelope<'_> {
    /// Whether `id` is `<subject>.<revision>`, as the contracts advise.
    pub fn has_advised_id(&self) -> bool {
        is_advised_id(&self.id, &self.subject, self.revision.0)
    }
}

/// Whether an `id` is `<subject>.<revision>`.
fn is_advised_id(id: &str, subject: &str, revision: i32) -> bool {
    let given = id
        .strip_prefix(subject)
        .and_then(|rest| rest.strip_prefix('.'));
    given.and_then(revision_of) == Some(RevisionNumber(revision))
}

macro_rules! data {
    ($($(#[$doc:meta])* $kind:ident = $name:literal in $module:ident,)+) => {
        /// What an event says of its record, by kind.
        #[derive(Clone, Debug)]
        pub enum Data<'a> { $($(#[$doc])* $kind($module::$kind<'a>)),+ }

        impl Data<'_> {
            /// Flattens the fields into the columns of a flat record.
            fn flatten<'r>(&'r self, record: &mut Record<'r>) {
                match self { $(Self::$kind(data) => data.flatten(record)),+ }
            }

            /// Reads the fields of a kind from a document into the same columns.
            fn read_flat<'r>(
                kind: Kind,
                reader: &mut FlatReader<'r, '_>,
                record: &mut Record<'r>,
            ) -> FlatResult<()> {
                match kind { $(Kind::$kind => $module::$kind::read_flat(reader, record)),+ }
            }
        }

        impl Serialize for Data<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$kind(data) => data.serialize(serializer)),+ }
            }
        }

        impl<'de> DeserializeSeed<'de> for DataReader {
            type Value = Data<'de>;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data<'de>, D::Error> {
                match self.0 {
                    $(Kind::$kind => $module::$kind::deserialize(deserializer).map(Data::$kind)),+
                }
            }
        }

        /// The fields of a kind's `data`, in the order of its contract.
        pub const fn fields(kind: Kind) -> &'static [KindField] {
            match kind { $(Kind::$kind => $module::$kind::FIELDS),+ }
        }

        /// Whether the `data` of a kind has a field.
        pub fn has_field(kind: Kind, name: &str) -> bool {
            fields(kind).iter().any(|field| field.name == name)
        }

        /// The code list of a kind's classification, where it has a field of its own for it and
        /// no `what`.
        pub const fn own_code_list(kind: Kind) -> Option<&'static str> {
            match kind { $(Kind::$kind => $module::$kind::CODE_LIST),+ }
        }
    };
}
with_kinds!(data);

/// Reads the `data` of a kind.
struct DataReader(Kind);

/// The feed and kind of an event's `type`, `uk.community-safety.<feed>.<kind>.v1`.
pub fn parse_type(text: &str) -> Option<(Feed, Kind)> {
    let names = text
        .strip_prefix("uk.community-safety.")?
        .strip_suffix(".v1")?;
    let (feed, kind) = Feed::ALL.into_iter().find_map(|feed| {
        let kind = names.strip_prefix(feed.as_str())?.strip_prefix('.')?;
        Some((feed, Kind::from_name(kind)?))
    })?;
    kind.feed()
        .is_none_or(|owner| owner == feed)
        .then_some((feed, kind))
}

/// The kind in a `type`, of any version.
pub(crate) fn kind_of(text: &str) -> Option<Kind> {
    let (head, _) = text.rsplit_once(".v")?;
    parse_type(&format!("{head}.v{VERSION}")).map(|(_, kind)| kind)
}

/// The `type` of an event of a feed and kind.
pub fn type_of(feed: Feed, kind: Kind) -> String {
    format!("uk.community-safety.{feed}.{kind}.v{VERSION}")
}

impl<'a> Event<'a> {
    /// Decodes a `CloudEvents` document (structured mode) in one pass.
    pub fn decode(document: &'a str) -> Result<Self, Refused> {
        Json::read(document, read_event)
    }

    /// Decodes a value whose attributes came in headers (binary mode), each given once.
    pub fn decode_binary(
        attributes: &[(&'a str, &'a str)],
        value: &'a str,
    ) -> Result<Self, Refused> {
        let mut envelope = Draft::default();
        for (name, text) in attributes {
            envelope.attribute(name, text).ok_or(Refused)?;
        }
        let envelope = envelope.finish().ok_or(Refused)?;
        let data = decode_data(envelope.kind, value)?;
        Ok(Self { envelope, data })
    }
}

/// A value whose bytes are text, with what belongs to it.
pub(crate) enum Document<'a> {
    /// A whole event.
    Structured(&'a str),
    /// The `data` of an event, its attributes from headers.
    Binary {
        /// Names, without `ce_`, and values.
        attributes: &'a [(&'a str, &'a str)],
        /// The value.
        data: &'a str,
    },
}

impl<'a> Document<'a> {
    pub(crate) fn decode(&self) -> Result<Event<'a>, Refused> {
        match self {
            Self::Structured(text) => Event::decode(text),
            Self::Binary { attributes, data } => Event::decode_binary(attributes, data),
        }
    }
}

fn decode_data(kind: Kind, json: &str) -> Result<Data<'_>, Refused> {
    Json::read(json, |json| DataReader(kind).deserialize(json))
}

/// An event is written as a `CloudEvents` document, its `type` before its `data`.
impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let envelope = &self.envelope;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &envelope.id)?;
        map.serialize_entry("source", &envelope.source)?;
        map.serialize_entry("type", &type_of(envelope.feed, envelope.kind))?;
        map.serialize_entry("subject", &envelope.subject)?;
        map.serialize_entry("revision", &envelope.revision)?;
        map.serialize_entry("time", &envelope.time)?;
        if let Some(schema) = &envelope.dataschema {
            map.serialize_entry("dataschema", schema)?;
        }
        for (name, value) in &envelope.extensions {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("data", &self.data)?;
        map.end()
    }
}

/// The envelope as it is gathered, attribute by attribute.
#[derive(Default)]
struct Draft<'a> {
    specversion: bool,
    datacontenttype: bool,
    kind: Option<(Feed, Kind)>,
    id: Option<Id<'a>>,
    source: Option<Source<'a>>,
    subject: Option<Id<'a>>,
    revision: Option<RevisionNumber>,
    time: Option<Instant>,
    dataschema: Option<Printable<'a>>,
    extensions: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Draft<'a> {
    /// Takes an attribute from a header; `None` if it is not as the contract says.
    fn attribute(&mut self, name: &'a str, text: &'a str) -> Option<()> {
        match name {
            "specversion" => self.specversion = (text == "1.0").then_some(true)?,
            "datacontenttype" => {
                self.datacontenttype = is_json_media_type(text).then_some(true)?;
            }
            "type" => self.kind = Some(parse_type(text)?),
            "id" => self.id = Some(Id::new(text)?),
            "source" => self.source = Some(Source::new(text)?),
            "subject" => self.subject = Some(Id::new(text)?),
            "revision" => self.revision = Some(revision_of(text)?),
            "time" => self.time = Some(Instant::parse(text)?),
            "dataschema" => self.dataschema = Some(Printable::new(text)?),
            "data" | "data_base64" => return None,
            name => {
                let value = is_extension_name(name).then(|| Printable::new(text))??;
                self.extensions.push((name.into(), value.into_cow()));
            }
        }
        Some(())
    }

    fn finish(self) -> Option<Envelope<'a>> {
        let (feed, kind) = self.kind.filter(|_| self.specversion)?;
        Some(Envelope {
            id: self.id?,
            source: self.source?,
            feed,
            kind,
            subject: self.subject?,
            revision: self.revision?,
            time: self.time?,
            dataschema: self.dataschema,
            extensions: self.extensions,
        })
    }
}

/// A revision in a header: `[1-9][0-9]{0,9}`, at most 2,147,483,647.
fn revision_of(text: &str) -> Option<RevisionNumber> {
    let plain = text.bytes().all(|c| c.is_ascii_digit()) && !text.starts_with('0');
    plain
        .then(|| text.parse().ok().map(RevisionNumber))
        .flatten()
}

/// The name of an attribute that middleware may add: `[a-z0-9]{1,20}`.
pub(crate) fn is_extension_name(name: &str) -> bool {
    (1..=20).contains(&name.len())
        && name
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// Reads an event, attribute by attribute.
fn read_event<'a>(json: &mut Json<'a>) -> Result<Event<'a>, Refused> {
    let mut draft = Draft::default();
    let (mut datacontenttype, mut dataschema, mut data, mut data_read_early) =
        (None, None, None, None);
    json.object(|json, name| match &*name {
        "specversion" => {
            let is_known = &*json.value::<Plain<'_>>()? == "1.0";
            if draft.specversion || !is_known {
                return Err(Refused);
            }
            draft.specversion = true;
            Ok(())
        }
        "id" => once(&mut draft.id, json.value()?),
        "source" => once(&mut draft.source, json.value()?),
        "type" => once(
            &mut draft.kind,
            parse_type(&json.value::<Plain<'_>>()?).ok_or(Refused)?,
        ),
        "subject" => once(&mut draft.subject, json.value()?),
        "revision" => once(&mut draft.revision, json.value()?),
        "time" => once(&mut draft.time, json.value()?),
        "dataschema" => once(&mut dataschema, json.value()?),
        "datacontenttype" => {
            let given: Option<Plain<'_>> = json.value()?;
            if given.is_some_and(|text| !is_json_media_type(&text)) {
                return Err(Refused);
            }
            once(&mut datacontenttype, ())
        }
        "data" if data_read_early.is_some() => Err(Refused),
        // Publishers put `type` before `data`; any other order costs a second look at `data`.
        "data" => match draft.kind {
            Some((_, kind)) => once(&mut data, DataReader(kind).deserialize(json)?),
            None => once(&mut data_read_early, json.raw()?),
        },
        _ => draft.extension(name, json.value()?),
    })?;
    draft.dataschema = dataschema.flatten();
    let envelope = draft.finish().ok_or(Refused)?;
    let data = match (data, data_read_early) {
        (Some(data), _) => data,
        (None, Some(raw)) => decode_data(envelope.kind, raw)?,
        (None, None) => return Err(Refused),
    };
    Ok(Event { envelope, data })
}

/// Takes the value of a name, which may be given once.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Refused> {
    if slot.replace(value).is_some() {
        Err(Refused)
    } else {
        Ok(())
    }
}

/// The attributes that binary mode has in headers, in the order of the examples.
pub(crate) const HEADER_ATTRIBUTES: [&str; 7] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "revision",
    "time",
];

/// The attributes that it has elsewhere, or need not have.
const OTHER_ATTRIBUTES: [&str; 4] = ["datacontenttype", "dataschema", "data", "data_base64"];

/// The attributes that the contract knows.
pub(crate) fn attributes() -> impl Iterator<Item = &'static str> {
    HEADER_ATTRIBUTES.into_iter().chain(OTHER_ATTRIBUTES)
}

impl<'a> Draft<'a> {
    fn extension(
        &mut self,
        name: Cow<'a, str>,
        value: Option<Extension<'a>>,
    ) -> Result<(), Refused> {
        if !is_extension_name(&name) {
            return Err(Refused);
        }
        if self.extensions.iter().any(|(seen, _)| *seen == name) {
            return Err(Refused);
        }
        self.extensions.push((
            name,
            value.map_or(Cow::Borrowed(""), |Extension(text)| text),
        ));
        Ok(())
    }
}

/// The value of an attribute that middleware added; empty of a boolean or an integer, which tell
/// nothing.
struct Extension<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Extension<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ExtensionVisitor;
        impl<'de> Visitor<'de> for ExtensionVisitor {
            type Value = Extension<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a boolean or an integer")
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Extension<'de>, E> {
                Ok(Extension(Cow::Borrowed("")))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Extension<'de>, E> {
                i32::try_from(value)
                    .map(|_| Extension(Cow::Borrowed("")))
                    .map_err(E::custom)
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Extension<'de>, E> {
                Printable::new(text)
                    .map(|t| Extension(t.into_cow()))
                    .ok_or_else(|| E::custom("extension"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Extension<'de>, E> {
                Printable::new(text.to_owned())
                    .map(|t| Extension(t.into_cow()))
                    .ok_or_else(|| E::custom("extension"))
            }
        }
        deserializer.deserialize_any(ExtensionVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRIME: &str = r#"{"specversion":"1.0","id":"46-001234-17.2","source":"urn:partner:kent-police:crime","type":"uk.community-safety.police.crime.v1","subject":"46-001234-17","revision":2,"time":"2017-02-06T09:15:00Z","data":{"what":{"list":"ho-crime","edition":"2016-04","category":"8N","code":"008/06"},"when":{"occurred_from":"2017-02-03T23:10:00Z"},"flags":{"domestic_abuse":true,"mental_health":false}}}"#;

    #[test]
    fn a_written_event_reads_as_it_was() {
        let event = Event::decode(CRIME).expect("valid");
        assert_eq!(serde_json::to_string(&event).expect("json"), CRIME);
    }

    #[test]
    fn data_may_stand_before_type() {
        let start = CRIME.find(r#""data""#).expect("data");
        let moved = format!(
            "{{{},{}}}",
            &CRIME[start..CRIME.len() - 1],
            &CRIME[1..start - 1]
        );
        let event = Event::decode(&moved).expect("valid");
        assert_eq!(serde_json::to_string(&event).expect("json"), CRIME);
    }

    #[track_caller]
    fn check(from: &str, to: &str, accepted: bool) {
        let document = CRIME.replacen(from, to, 1);
        assert_ne!(document, CRIME);
        assert_eq!(Event::decode(&document).is_ok(), accepted, "{from} -> {to}");
    }

    #[test]
    fn the_content_type_may_name_its_character_set() {
        for (media_type, accepted) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("application/json;charset=UTF-8", true),
            ("application/json; charset=latin1", false),
            ("application/json;", false),
            ("text/json", false),
        ] {
            let attribute = format!(r#""datacontenttype":"{media_type}","data""#);
            check(r#""data""#, &attribute, accepted);
        }
    }

    #[test]
    fn the_typed_path_is_as_strict_as_the_profile() {
        check(r#""008/06""#, r#""008\/06""#, true);
        check(r#""revision":2"#, r#""revision":2.0"#, false);
        check(
            r#""revision":2"#,
            r#""revision":2,"\u0072evision":2"#,
            false,
        );
        check(
            r#""revision":2"#,
            r#""revision":2,"data_base64":"e30=""#,
            false,
        );
        check(
            r#""revision":2"#,
            r#""revision":2,"traceparent":"x","dataschema":null"#,
            true,
        );
        check(
            r#""revision":2"#,
            r#""revision":2,"traceparent":null,"traceparent":null"#,
            false,
        );
        check(
            r#""revision":2"#,
            r#""revision":2,"traceParent":"x""#,
            false,
        );
        check(
            r#""revision":2"#,
            r#""revision":2,"traceparent":1.5"#,
            false,
        );
        check(
            r#""when":{"occurred_from":"2017-02-03T23:10:00Z"}"#,
            r#""when":["2017-02-03T23:10:00Z"]"#,
            false,
        );
        check(r#""domestic_abuse":true"#, r#""domestic_abuse":null"#, true);
        check(
            r#""domestic_abuse":true"#,
            r#""domestic_abuse":true,"domestic_abuse":true"#,
            false,
        );
        check(r#""code":"008/06""#, r#""code":null"#, true);
    }

    #[test]
    fn binary_mode_reads_attributes_from_headers() {
        let start = CRIME.find(r#""data":"#).expect("data") + 7;
        let value = &CRIME[start..CRIME.len() - 1];
        let mut headers = vec![
            ("specversion", "1.0"),
            ("id", "46-001234-17.2"),
            ("source", "urn:partner:kent-police:crime"),
            ("type", "uk.community-safety.police.crime.v1"),
            ("subject", "46-001234-17"),
            ("revision", "2"),
            ("time", "2017-02-06T09:15:00Z"),
        ];
        let event = Event::decode_binary(&headers, value).expect("valid");
        assert_eq!(serde_json::to_string(&event).expect("json"), CRIME);
        headers[5].1 = "02";
        assert!(Event::decode_binary(&headers, value).is_err());
    }
}
