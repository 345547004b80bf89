//! The search for personal data: no contract has a field for it, so anything that looks like it was sent
//! by mistake and must not be kept.
//!
//! [`check`] runs on every accepted event and looks only at the strings loose enough to hold such a
//! value. [`search`] runs on a refused document, over all its keys and strings. Neither repeats
//! what it found.

mod scanner;
mod shapes;

#[allow(
    clippy::wildcard_imports,
    reason = "the list of columns names their types"
)]
use super::columns::*;
use super::pointer::{Pointer, PointerStep};
use super::record::{Record, partner_of};
use super::rejection::{Reason, Violation};
use super::text::Id;
use super::{Envelope, kind_of};
use crate::event::Kind;
use scanner::StringKind;

macro_rules! open_texts {
    ($($(#[$doc:meta])+ $name:ident: $of:ident, $group:ident, $feeds:expr, $role:ident;)+) => {
        /// Calls `look` with each text of the columns that can contain personal data.
        fn each_open_text(record: &Record<'_>, look: &mut impl FnMut(&str)) {
            $(if const { matches!(ColumnRole::$role, ColumnRole::Open) } {
                $of::for_each_text(record.$name, look);
            })+
        }
    };
}
with_columns!(open_texts);

/// The first thing, in the order of the reason codes, that looks personal in an accepted event.
///
/// It says what was found and not where: [`search`] does.
pub fn check(record: &Record<'_>, envelope: &Envelope<'_>) -> Option<Reason> {
    let mut found = None;
    let mut look = |text: &str| found = first(found, shapes::find(text.as_bytes()));
    look(&envelope.id);
    // An advised `id` begins with the subject and a full stop, so what is found in the subject is
    // found in it as well.
    if record.id.is_some() {
        look(record.subject);
    }
    each_open_text(record, &mut look);
    for (_, text) in &envelope.extensions {
        look(text);
    }
    let named = envelope
        .extensions
        .iter()
        .any(|(name, _)| is_personal_name(name));
    first(found, named.then_some(Reason::PersonalField))
}

/// What a search of a refused document finds.
#[derive(Debug, Default)]
pub struct PersonalSearch {
    /// The first thing that looks personal, in the order of the reason codes and then of pointers.
    pub personal: Option<Violation>,
    /// The partner's records system, as the document says.
    pub source: Option<String>,
    /// The kind in `type`, of any version.
    pub kind: Option<Kind>,
}

/// Whether a text is a valid subject in which nothing looks personal, so that it may be shown.
pub(crate) fn is_plain_id(text: &str) -> bool {
    Id::new(text).is_some() && shapes::find(text.as_bytes()).is_none()
}

/// Whether a text looks like personal data.
pub(crate) fn looks_personal(text: &str) -> bool {
    shapes::find(text.as_bytes()).is_some()
}

/// Calls `look` with each key and string that can be found in these bytes, escapes undone.
pub(crate) fn each_text(bytes: &[u8], mut look: impl FnMut(&[u8])) {
    scanner::strings(bytes, Pointer::default(), |_, _, text| look(text));
}

/// Searches all keys and strings that can be found in these bytes: an event, or in
/// binary mode its `data`.
pub fn search(bytes: &[u8], binary: bool) -> PersonalSearch {
    let mut search = PersonalSearch::default();
    let mut root = Pointer::default();
    if binary {
        root.enter(PointerStep::to("data"));
    }
    scanner::strings(bytes, root, |pointer, part, text| match part {
        StringKind::Key => search.look_at_key(pointer, text),
        StringKind::Value => search.look_at_value(pointer, text),
    });
    search
}

impl PersonalSearch {
    /// Looks at an attribute that came in a header.
    pub fn look_at_attribute(&mut self, name: &str, text: &str) {
        let mut pointer = Pointer::default();
        self.look_at_key(&pointer, name.as_bytes());
        pointer.enter(PointerStep::to(name));
        self.look_at_value(&pointer, text.as_bytes());
    }

    fn look_at_key(&mut self, pointer: &Pointer, name: &[u8]) {
        self.note(pointer, shapes::find(name));
        let personal = std::str::from_utf8(name).is_ok_and(is_personal_name);
        self.note(pointer, personal.then_some(Reason::PersonalField));
    }

    fn look_at_value(&mut self, pointer: &Pointer, text: &[u8]) {
        let steps = pointer.steps();
        let is_moment =
            matches!(steps, Some([.., PointerStep::Field(name)]) if MOMENTS.contains(name));
        let found = if is_moment {
            shapes::find_but_dates(text)
        } else {
            shapes::find(text)
        };
        self.note(pointer, found);
        if let (Some([PointerStep::Field(name)]), Ok(text)) = (steps, std::str::from_utf8(text)) {
            match *name {
                "source" if self.source.is_none() => self.source = Some(text.to_owned()),
                "type" if self.kind.is_none() => self.kind = kind_of(text),
                _ => {}
            }
        }
    }

    fn note(&mut self, pointer: &Pointer, found: Option<Reason>) {
        let Some(reason) = found else { return };
        let violation = Violation::new(reason, pointer.text(), rule_of(reason));
        if self
            .personal
            .as_ref()
            .is_none_or(|before| violation.rank() < before.rank())
        {
            self.personal = Some(violation);
        }
    }

    /// The partner of the source, if it has the form of one.
    pub fn partner(&self) -> Option<&str> {
        self.source.as_deref().map(partner_of)
    }
}

/// The rule of a personal reason, and what to do.
pub(crate) fn rule_of(reason: Reason) -> &'static str {
    match reason {
        Reason::PersonalNhsNumber => {
            "looks like an NHS number: no identifier of a person is sent, send a keyed token"
        }
        Reason::PersonalPostcode => {
            "looks like a whole postcode: send an area code or the outward half alone"
        }
        Reason::PersonalEmail => "looks like an e-mail address: leave it out",
        Reason::PersonalPhone => {
            "looks like a telephone number: leave it out, or put a letter before a token of ten or eleven digits"
        }
        Reason::PersonalNiNumber => "looks like a National Insurance number: leave it out",
        Reason::PersonalBirthDate => "looks like a date of birth: leave it out, send an age band",
        _ => {
            "a field here has the name of personal data: leave it out, the contract has no field for it"
        }
    }
}

/// The smaller of two reasons.
#[inline]
fn first(a: Option<Reason>, b: Option<Reason>) -> Option<Reason> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The contract's own fields that hold dates.
const MOMENTS: [&str; 10] = [
    "time",
    "occurred_from",
    "occurred_to",
    "recorded_at",
    "at",
    "arrived_at",
    "ended_at",
    "closed_at",
    "from",
    "to",
];

/// Names of personal data, without separators.
const NAMES: [&str; 27] = [
    "name",
    "names",
    "forename",
    "firstname",
    "givenname",
    "surname",
    "lastname",
    "familyname",
    "fullname",
    "dob",
    "dateofbirth",
    "birthdate",
    "address",
    "postcode",
    "uprn",
    "nhsnumber",
    "nhsno",
    "nino",
    "ninumber",
    "email",
    "phone",
    "telephone",
    "mobile",
    "latitude",
    "longitude",
    "easting",
    "northing",
];

/// Last words of names of personal data, without separators.
const ENDINGS: [&str; 8] = [
    "name",
    "surname",
    "dob",
    "address",
    "postcode",
    "phone",
    "email",
    "nhsnumber",
];

/// Whether a field has a name of personal data, in any case and with any separator.
fn is_personal_name(name: &str) -> bool {
    let words = words_of(name);
    NAMES.contains(&&*words.replace('_', ""))
        || words
            .match_indices('_')
            .any(|(at, _)| ENDINGS.contains(&&*words[at..].replace('_', "")))
}

/// A name in lower case, its words parted by `_`.
fn words_of(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for c in name.chars() {
        if (after_lower && c.is_ascii_uppercase()) || !c.is_alphanumeric() {
            words.push('_');
        }
        if c.is_alphanumeric() {
            words.push(c.to_ascii_lowercase());
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_personal_data_are_known_in_any_spelling() {
        for name in [
            "name",
            "DOB",
            "NHSNumber",
            "nhs-no",
            "victim_name",
            "victimName",
            "Victim Name",
            "home.address",
            "post_code",
            "patientNHSNumber",
            "date-of-birth",
            "_name",
        ] {
            assert!(is_personal_name(name), "{name}");
        }
        for name in [
            "filename",
            "rename",
            "traceparent",
            "place_code",
            "site_code",
            "place_token",
            "subject",
            "",
        ] {
            assert!(!is_personal_name(name), "{name}");
        }
    }

    #[test]
    fn a_subject_that_begins_the_id_is_searched_with_it() {
        let example = include_str!("../../schemas/examples/crime.json");
        for (subject, id) in [
            ("9434765919", "9434765919.2"),
            ("9434765919", "94347659192"),
            ("9434765919", "x.2"),
        ] {
            let document = example
                .replace("46-001234-17.2", id)
                .replace("46-001234-17", subject);
            let event = super::super::Event::decode(&document).expect("valid");
            assert_eq!(
                check(&Record::from_event(&event), &event.envelope),
                Some(Reason::PersonalNhsNumber),
                "{id}"
            );
        }
    }

    #[track_caller]
    fn check_search(document: &str, expected: Option<(Reason, &str)>) {
        let found = search(document.as_bytes(), false)
            .personal
            .map(|violation| (violation.reason, violation.pointer));
        assert_eq!(
            found,
            expected.map(|(reason, pointer)| (reason, pointer.to_owned())),
            "{document}"
        );
    }

    #[test]
    fn a_search_sees_keys_escapes_and_broken_documents() {
        use Reason::{
            PersonalBirthDate, PersonalEmail, PersonalField, PersonalNhsNumber, PersonalPostcode,
        };
        check_search(
            r#"{"data":{"x":{"y":"a\u0040b.example"}}}"#,
            Some((PersonalEmail, "/data")),
        );
        check_search(
            r#"{"data":{"icd10":["X99","ME14 1XX"#,
            Some((PersonalPostcode, "/data/icd10/1")),
        );
        check_search(
            r#"{"data":{"943 476 5919":1}}"#,
            Some((PersonalNhsNumber, "/data")),
        );
        check_search(
            r#"{"data":{"victim":{"dob":null}}}"#,
            Some((PersonalField, "/data/victim")),
        );
        check_search(r#"{"data":{"when":{"occurred_from":"1984-03-12"}}}"#, None);
        check_search(
            r#"{"data":{"x":{"occurred_from":"1984-03-12"}}}"#,
            Some((PersonalBirthDate, "/data")),
        );
        check_search(
            r#"{"time":"1984-03-12","data":{"code":"1984-03-12"}}"#,
            Some((PersonalBirthDate, "/data/code")),
        );
        check_search(
            r#"]]}{"subject":"9434765919""#,
            Some((PersonalNhsNumber, "/subject")),
        );
    }

    #[test]
    fn a_search_survives_depth_and_size() {
        let deep = format!(
            r#"{}"ME14 1XX"{}"#,
            r#"{"a":["#.repeat(5000),
            "]}".repeat(5000)
        );
        check_search(&deep, Some((Reason::PersonalPostcode, "")));
        let huge = format!(
            r#"{{"data":{{"zone":"{}"}},"subject":"9434765919"}}"#,
            "a".repeat(20_000_000)
        );
        check_search(&huge, Some((Reason::PersonalNhsNumber, "/subject")));
    }

    #[test]
    fn a_search_reads_who_sent_it() {
        let document = r#"{"data":{"source":"x"},"source":"urn:partner:a:b","type":"uk.community-safety.police.crime.v2"#;
        let found = search(document.as_bytes(), false);
        assert_eq!(
            (found.partner(), found.kind),
            (Some("a"), None),
            "cut short within `type`"
        );
        let found = search(format!("{document}\"").as_bytes(), false);
        assert_eq!(found.kind, Some(Kind::Crime));
    }
}
