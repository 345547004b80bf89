//! The flat reader: reads an event in plain form straight into a flat [`Record`].
//!
//! Nearly every event of a partner is plain: its names have no escapes, its texts neither, and it
//! has no attributes of middleware. Such an event is read once, without an [`Event`](super::Event).
//! Names are compared with the declared ones, each from where the one before was found
//! ([`read_object!`]), so events in the declared order take one comparison per name. Forms and
//! personal data are checked once for each text that repeats ([`KnownTexts`]).
//!
//! It must not know why an event is rejected. The invariant: it accepts a subset. What it accepts,
//! the general path ([`Event::decode`](super::Event::decode) and the tripwire) accepts, with an equal
//! record and nothing personal; a property test compares the two. It declines anything else,
//! and the general path decides.

use std::fmt;

use super::flags::Flags;
use super::json::{Json, Refused};
use super::moment::{Moment, Precision};
use super::record::Record;
use super::text::{FORMS, Form, IdForm, SourceForm, is_json_media_type};
use super::{Data, VERSION, is_advised_id, parse_type, tripwire};
use crate::text_set::TextSet;

/// The flat reader does not accept the event, which may still be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Declined;

impl From<Refused> for Declined {
    fn from(_: Refused) -> Self {
        Self
    }
}

/// What the flat reader read.
pub(crate) type FlatResult<T> = Result<T, Declined>;

/// The longest text that is remembered, in bytes: tokens, which seldom repeat, are longer.
const KNOWN_BYTES_MAX: usize = 32;
/// The most texts of a form that are remembered.
const KNOWN_TEXTS_MAX: usize = 1024;

/// Texts of accepted events that have their form and in which nothing looks personal.
///
/// A text is added when its whole record is accepted, and is forgotten with the batch.
#[derive(Default)]
pub struct KnownTexts {
    forms: [TextSet; FORMS],
}

impl fmt::Debug for KnownTexts {
    /// Shows no text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<known texts>")
    }
}

impl KnownTexts {
    /// Adds the texts of an accepted record.
    pub(super) fn add(&mut self, texts: &NewTexts<'_>) {
        for (form, text) in &texts.0 {
            let known = &mut self.forms[*form];
            if known.len() == KNOWN_TEXTS_MAX {
                *known = TextSet::default();
            }
            known.number(text);
        }
    }

    /// Memory in use, in bytes, approximately.
    pub(crate) fn memory(&self) -> usize {
        self.forms.iter().map(TextSet::memory).sum()
    }
}

/// Texts that an event has and [`KnownTexts`] has not, each with the index of its form.
#[derive(Default)]
pub(super) struct NewTexts<'d>(Vec<(usize, &'d str)>);

/// Reads a document into a record without values, and returns the texts to remember once the record
/// is accepted.
pub(super) fn read<'d>(
    document: &'d str,
    known: &mut KnownTexts,
    record: &mut Record<'d>,
) -> FlatResult<NewTexts<'d>> {
    let mut reader = FlatReader {
        json: Json::new(document),
        known,
        new: NewTexts::default(),
    };
    reader.event(record)?;
    reader.json.end()?;
    Ok(reader.new)
}

/// A document as it is read. Each string is compared with a form or a list, which admit no backslash and
/// no control character: so a string ends at its first quote.
pub(crate) struct FlatReader<'d, 'k> {
    json: Json<'d>,
    known: &'k mut KnownTexts,
    new: NewTexts<'d>,
}

/// Reads an object whose fields are named in their declared order. A field's name is compared from
/// the field after the last one found: any order is read, and the declared one fastest.
macro_rules! read_object {
    ($reader:ident, { $($field:ident $(= $name:literal)? (required $required:expr) => $read:block)+ }) => {{
        #[derive(Clone, Copy)]
        #[allow(non_camel_case_types, reason = "each variant is named after its field")]
        enum FieldIndex { $($field),+ }
        let required = const { 0_u32 $(| ($required as u32) << FieldIndex::$field as u32)+ };
        let mut seen = 0_u32;
        $reader.open()?;
        'object: loop {
            let seen_before = seen;
            $(
                if $reader.passes($crate::contract::flat::quoted_name!($field $($name)?)) {
                    let field = 1 << FieldIndex::$field as u32;
                    if seen & field != 0 {
                        return Err($crate::contract::flat::Declined);
                    }
                    seen |= field;
                    $read
                    if !$reader.has_next()? {
                        break 'object;
                    }
                }
            )+
            if seen == seen_before {
                return Err($crate::contract::flat::Declined);
            }
        }
        if seen & required == required {
            Ok(())
        } else {
            Err($crate::contract::flat::Declined)
        }
    }};
}
pub(crate) use read_object;

/// A field's name as a document has it, with the colon. An array, since a fixed length compares in
/// a few instructions.
macro_rules! quoted_name {
    ($field:ident) => {
        $crate::contract::flat::quoted_name!(bytes of stringify!($field))
    };
    ($field:ident $name:literal) => {
        $crate::contract::flat::quoted_name!(bytes of $name)
    };
    (bytes of $name:expr) => {{
        const NAME: &[u8] = concat!("\"", $name, "\":").as_bytes();
        const { NAME.first_chunk::<{ NAME.len() }>().expect("its own length") }
    }};
}
pub(crate) use quoted_name;

impl<'d> FlatReader<'d, '_> {
    fn event(&mut self, record: &mut Record<'d>) -> FlatResult<()> {
        let reader = self;
        let (mut id, mut kind) = ("", None);
        // `data` before `type`, which names its fields: passed, and read at the end.
        let (mut early_data, mut after_data) = (None, 0);
        let read: FlatResult<()> = read_object!(reader, {
            specversion (required true) => {
                reader.listed(|text| text == "1.0")?;
            }
            id (required true) => {
                id = reader.json.until_quote()?;
            }
            source (required true) => {
                record.source = reader.text::<SourceForm>(true)?;
            }
            kind = "type" (required true) => {
                let (feed, own) = parse_type(reader.json.until_quote()?).ok_or(Declined)?;
                (record.feed, record.kind, kind) = (feed, own, Some(own));
            }
            subject (required true) => {
                record.subject = reader.json.until_quote()?;
            }
            revision (required true) => {
                record.revision = reader.integer(1, i32::MAX)?;
            }
            time (required true) => {
                let time = reader.moment()?;
                if time.precision() != Precision::Instant {
                    return Err(Declined);
                }
                record.time = Some(time);
            }
            datacontenttype (required false) => {
                reader.listed(is_json_media_type)?;
            }
            data (required true) => {
                if let Some(kind) = kind {
                    Data::read_flat(kind, reader, record)?;
                } else {
                    early_data = Some(reader.json);
                    reader.json.skip_object()?;
                    after_data = reader.json.rest().len();
                }
            }
        });
        read?;
        if let Some(data) = early_data {
            let end = std::mem::replace(&mut reader.json, data);
            Data::read_flat(kind.ok_or(Declined)?, reader, record)?;
            if reader.json.rest().len() != after_data {
                return Err(Declined);
            }
            reader.json = end;
        }
        record.version = VERSION;
        if is_advised_id(id, record.subject, record.revision) {
            // The subject begins the id, so it has its form, and what is found in it is found there.
            return plain_id(id)
                .filter(|_| !record.subject.is_empty())
                .map(drop)
                .ok_or(Declined);
        }
        record.id = Some(plain_id(id).ok_or(Declined)?);
        plain_id(record.subject).map(drop).ok_or(Declined)
    }

    /// Passes the start of an object.
    pub(crate) fn open(&mut self) -> FlatResult<()> {
        self.json.pass(b'{')?;
        self.json.peek();
        Ok(())
    }

    /// Passes a name with its quotes and colon, if it is next.
    #[inline]
    pub(crate) fn passes<const N: usize>(&mut self, name: &[u8; N]) -> bool {
        self.json.name(name).is_ok()
    }

    /// Passes what follows a field: false at the end of the object.
    #[inline]
    pub(crate) fn has_next(&mut self) -> FlatResult<bool> {
        Ok(self.json.pass_separator(b'}')?)
    }

    /// Passes null, if it is next.
    #[inline]
    pub(crate) fn is_null(&mut self) -> bool {
        self.json.peek() == Some(b'n') && self.json.name(b"null").is_ok()
    }

    /// A text of a form; `is_open` = it may not look personal either.
    #[inline]
    pub(crate) fn text<F: Form>(&mut self, is_open: bool) -> FlatResult<&'d str> {
        debug_assert!(!F::admits(b"a\\a"), "a form of the contract has escapes");
        let text = self.json.until_quote()?;
        let is_short = text.len() <= KNOWN_BYTES_MAX;
        if is_short && self.known.forms[F::INDEX].find(text).is_some() {
            return Ok(text);
        }
        if !F::admits(text.as_bytes()) {
            return Err(Declined);
        }
        if is_open || is_short {
            let looks_personal = tripwire::looks_personal(text);
            if is_open && looks_personal {
                return Err(Declined);
            }
            if is_short && !looks_personal {
                self.new.0.push((F::INDEX, text));
            }
        }
        Ok(text)
    }

    /// A text of a list.
    #[inline]
    pub(crate) fn listed(&mut self, is_listed: impl Fn(&str) -> bool) -> FlatResult<&'d str> {
        let text = self.json.until_quote()?;
        is_listed(text).then_some(text).ok_or(Declined)
    }

    /// The items of a list of texts of a form, as written.
    pub(crate) fn list<F: Form>(
        &mut self,
        least: usize,
        most: usize,
        is_open: bool,
    ) -> FlatResult<&'d str> {
        self.json.pass(b'[')?;
        let from = self.json.rest();
        let mut count = 0;
        if self.json.peek() != Some(b']') {
            loop {
                self.text::<F>(is_open)?;
                count += 1;
                if self.json.peek() != Some(b',') {
                    break;
                }
                self.json.pass(b',')?;
            }
        }
        let items = &from[..from.len() - self.json.rest().len()];
        self.json.pass(b']')?;
        (least..=most)
            .contains(&count)
            .then_some(items)
            .ok_or(Declined)
    }

    /// True or false.
    #[inline]
    pub(crate) fn bool(&mut self) -> FlatResult<bool> {
        Ok(self.json.bool()?)
    }

    /// An integer within bounds, both included.
    #[inline]
    pub(crate) fn integer(&mut self, low: i32, high: i32) -> FlatResult<i32> {
        let value = i32::try_from(self.json.integer()?).map_err(|_| Declined)?;
        (low..=high)
            .contains(&value)
            .then_some(value)
            .ok_or(Declined)
    }

    /// A month, a day or an instant.
    #[inline]
    pub(crate) fn moment(&mut self) -> FlatResult<Moment> {
        Moment::parse(self.json.until_quote()?).ok_or(Declined)
    }

    /// Flags. A flag is compared with the names from the one after the last, as fields are.
    pub(crate) fn flags(&mut self) -> FlatResult<Flags> {
        let (mut flags, mut seen, mut next) = (Flags::NONE, 0, 0);
        self.open()?;
        loop {
            let name = self.json.until_quote()?;
            self.json.pass(b':')?;
            let (before, after) = Flags::NAMES.split_at(next);
            let find = |names: &[&str]| names.iter().position(|known| *known == name);
            let index = find(after).map(|index| next + index);
            let index = index.or_else(|| find(before)).ok_or(Declined)?;
            let flag = 1 << index;
            if seen & flag != 0 {
                return Err(Declined);
            }
            seen |= flag;
            next = index + 1;
            if !self.is_null() {
                if self.bool()? {
                    flags.yes |= flag;
                } else {
                    flags.no |= flag;
                }
            }
            if !self.has_next()? {
                return Ok(flags);
            }
        }
    }
}

/// The text, if it has the form of an id and nothing in it looks personal.
fn plain_id(text: &str) -> Option<&str> {
    (IdForm::admits(text.as_bytes()) && !tripwire::looks_personal(text)).then_some(text)
}

#[cfg(test)]
mod tests;
