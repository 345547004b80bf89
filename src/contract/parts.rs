//! The parts that several kinds share: `what`, `when`, `area`, `flags`, people, outcome,
//! cancellation.

use serde::de;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::columns::COLUMNS;
use super::flags::Flags;
use super::flat::{Declined, FlatReader, FlatResult, read_object};
use super::moment::{Date, Moment, Precision};
use super::record::Record;
use super::text::{
    AgeBand, AreaCode, Code, CodeForm, Edition, Form, Icd10, Icd10Form, Id, Slug, SlugForm, Strs,
    Text, Token,
};

/// A closed list of the contract: an enum that is read from and written as a string.
macro_rules! closed {
    ($($(#[$doc:meta])* $type:ident { $($variant:ident = $name:literal),+ $(,)? })+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each variant is the value of the contract that it is named after")]
        pub enum $type { $($variant),+ }

        impl $type {
            /// Every value, as written.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The value as written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl $crate::contract::parts::Field for $type {}

        impl<'r> $crate::contract::parts::Flat<'r> for $type {
            type Of = &'r str;

            fn flat(&'r self) -> Option<&'r str> {
                Some(self.as_str())
            }

            fn read_flat(
                reader: &mut $crate::contract::flat::FlatReader<'r, '_>,
                _: bool,
            ) -> $crate::contract::flat::FlatResult<Option<&'r str>> {
                reader.listed(|text| matches!(text, $($name)|+)).map(Some)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct V;
                impl serde::de::Visitor<'_> for V {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a value of the list")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        match text {
                            $($name => Ok($type::$variant),)+
                            _ => Err(E::custom("not a value of the list")),
                        }
                    }
                }
                deserializer.deserialize_str(V)
            }
        }
    )+ };
}
pub(crate) use closed;

/// What a field of a kind contains.
pub trait Field {
    /// Whether it is left out of the event's JSON.
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T> Field for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Field for bool {}

impl<F> Field for Text<'_, F> {}

/// A field whose value is one column of the flat record.
pub(crate) trait Flat<'r> {
    /// The value, borrowed from the field or from the document.
    type Of;
    /// Whether the field must be there.
    const IS_REQUIRED: bool = true;

    /// The value; `None` if the field is absent.
    fn flat(&'r self) -> Option<Self::Of>;

    /// Reads the same value from a document; `is_open` = the column may contain personal data.
    fn read_flat(reader: &mut FlatReader<'r, '_>, is_open: bool) -> FlatResult<Option<Self::Of>>;
}

impl<'r, T: Flat<'r>> Flat<'r> for Option<T> {
    type Of = T::Of;
    const IS_REQUIRED: bool = false;

    fn flat(&'r self) -> Option<T::Of> {
        self.as_ref()?.flat()
    }

    #[inline]
    fn read_flat(reader: &mut FlatReader<'r, '_>, is_open: bool) -> FlatResult<Option<T::Of>> {
        if reader.is_null() {
            return Ok(None);
        }
        T::read_flat(reader, is_open)
    }
}

impl<'r, F: Form> Flat<'r> for Text<'_, F> {
    type Of = &'r str;

    fn flat(&'r self) -> Option<&'r str> {
        Some(self)
    }

    #[inline]
    fn read_flat(reader: &mut FlatReader<'r, '_>, is_open: bool) -> FlatResult<Option<&'r str>> {
        reader.text::<F>(is_open).map(Some)
    }
}

impl<'r> Flat<'r> for bool {
    type Of = Self;

    fn flat(&self) -> Option<Self> {
        Some(*self)
    }

    #[inline]
    fn read_flat(reader: &mut FlatReader<'r, '_>, _: bool) -> FlatResult<Option<Self>> {
        reader.bool().map(Some)
    }
}

impl<'r> Flat<'r> for Moment {
    type Of = Self;

    fn flat(&self) -> Option<Self> {
        Some(*self)
    }

    #[inline]
    fn read_flat(reader: &mut FlatReader<'r, '_>, _: bool) -> FlatResult<Option<Self>> {
        reader.moment().map(Some)
    }
}

impl<'r> Flat<'r> for Date {
    type Of = Moment;

    fn flat(&self) -> Option<Moment> {
        Some(self.moment())
    }

    #[inline]
    fn read_flat(reader: &mut FlatReader<'r, '_>, _: bool) -> FlatResult<Option<Moment>> {
        let moment = reader.moment()?;
        let is_day = moment.precision() == Precision::Day;
        is_day.then_some(Some(moment)).ok_or(Declined)
    }
}

/// A field of several columns. `ROLE` selects them where kinds have the part in several roles.
pub(crate) trait Part<'r, const ROLE: usize> {
    /// Whether the field must be there.
    const IS_REQUIRED: bool = true;

    /// Puts the values into their columns.
    fn flatten(&'r self, record: &mut Record<'r>);

    /// Reads the same values from a document into their columns.
    fn read_flat(reader: &mut FlatReader<'r, '_>, record: &mut Record<'r>) -> FlatResult<()>;
}

impl<'r, const ROLE: usize, P: Part<'r, ROLE>> Part<'r, ROLE> for Option<P> {
    const IS_REQUIRED: bool = false;

    fn flatten(&'r self, record: &mut Record<'r>) {
        if let Some(part) = self {
            part.flatten(record);
        }
    }

    #[inline]
    fn read_flat(reader: &mut FlatReader<'r, '_>, record: &mut Record<'r>) -> FlatResult<()> {
        if reader.is_null() {
            return Ok(());
        }
        P::read_flat(reader, record)
    }
}

/// A part of the contract: each field with its column. Every field is required, or, as `Option`, may
/// be absent or null. A part that a kind has in several roles has a column for each.
macro_rules! part {
    ($(#[$doc:meta])* $type:ident $(<$life:lifetime $(, $list:ident)?>)? {
        $($(#[$field_doc:meta])* $field:ident: $of:ty => $($column:ident)|+),+ $(,)?
    }) => {
        #[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
        #[serde(deny_unknown_fields)]
        $(#[$doc])*
        pub struct $type $(<$life $(, $list)?>)? {
            $($(#[$field_doc])* pub $field: $of),+
        }

        impl $(<$life $(, $list)?>)? Field for $type $(<$life $(, $list)?>)? {}

        impl<'r, $($life, $($list: Flat<'r, Of = &'r str>,)?)? const ROLE: usize> Part<'r, ROLE>
            for $type $(<$life $(, $list)?>)?
        {
            fn flatten(&'r self, record: &mut Record<'r>) {
                $(*[$(&mut record.$column),+][ROLE] = self.$field.flat();)+
            }

            fn read_flat(
                reader: &mut FlatReader<'r, '_>,
                record: &mut Record<'r>,
            ) -> FlatResult<()> {
                read_object!(reader, { $(
                    $field (required <$of as Flat<'r>>::IS_REQUIRED) => {
                        let is_open = const { [$(COLUMNS.$column.is_open()),+][ROLE] };
                        *[$(&mut record.$column),+][ROLE] = <$of>::read_flat(reader, is_open)?;
                    }
                )+ })
            }
        }
    };
}

/// An integer from 0 to 20, of children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Children(pub i32);

/// A year from 2001 to 2099.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vintage(pub i32);

/// A number in a count, from 0 to 1,000,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity(pub i32);

/// A record's revision, from 1 to 2,147,483,647.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionNumber(pub i32);

macro_rules! bounded {
    ($($type:ident $low:literal to $high:literal;)+) => { $(
        impl $type {
            /// The least and the greatest value.
            pub const BOUNDS: (i32, i32) = ($low, $high);
        }

        impl<'r> Flat<'r> for $type {
            type Of = i32;

            fn flat(&self) -> Option<i32> {
                Some(self.0)
            }

            #[inline]
            fn read_flat(reader: &mut FlatReader<'r, '_>, _: bool) -> FlatResult<Option<i32>> {
                reader.integer($low, $high).map(Some)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i32(self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = i32::deserialize(deserializer)?;
                if ($low..=$high).contains(&value) { Ok(Self(value)) } else { Err(de::Error::custom("out of range")) }
            }
        }
    )+ };
}

bounded! {
    Children 0 to 20;
    Vintage 2001 to 2099;
    Quantity 0 to 1_000_000_000;
    RevisionNumber 1 to 2_147_483_647;
}

part! {
    /// The partner's own classification of a record, never ours.
    What<'a> {
        /// The code list, such as `ho-crime`.
        #[serde(borrow)]
        list: Slug<'a> => what_list,
        /// The edition of the list.
        #[serde(borrow)]
        edition: Edition<'a> => what_edition,
        /// The category in that list.
        #[serde(borrow)]
        category: Code<'a> => what_category,
        /// The finer code, where the list has one.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        code: Option<Code<'a>> => what_code,
    }
}

part! {
    /// When it happened and when it was recorded.
    When {
        /// When it happened, or began to.
        occurred_from: Moment => occurred_from,
        /// When it ended, where a span is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        occurred_to: Option<Moment> => occurred_to,
        /// When the partner recorded it.
        #[serde(skip_serializing_if = "Option::is_none")]
        recorded_at: Option<Moment> => recorded_at,
    }
}

part! {
    /// The period of a count, both days inclusive.
    Period {
        /// The first day.
        from: Date => period_from,
        /// The last day.
        to: Date => period_to,
    }
}

closed! {
    /// How large the area is.
    Level {
        Lsoa = "lsoa", Msoa = "msoa", Ward = "ward", District = "district", County = "county",
        PoliceForce = "police_force", Icb = "icb", OutwardPostcode = "outward_postcode",
    }
    /// The levels a record may have that must not be placed below its district.
    CoarseLevel { District = "district", County = "county", PoliceForce = "police_force", Icb = "icb" }
    /// What the place is to the record.
    Role { Incident = "incident", Home = "home", Service = "service" }
    /// How the location was found.
    Confidence {
        Address = "address", Street = "street", Snapped = "snapped", Geocoded = "geocoded",
        Estimated = "estimated", Default = "default",
    }
    /// A person's sex.
    Sex { Female = "female", Male = "male", Other = "other", NotKnown = "not_known" }
    /// Why a record no longer counts.
    CancellationReason {
        Transferred = "transferred", NoOffence = "no_offence", Duplicate = "duplicate",
        RecordedInError = "recorded_in_error", SelfDefence = "self_defence", Withdrawn = "withdrawn",
        AbsentFromRelease = "absent_from_release",
    }
}

part! {
    /// Where it happened, or the home or the service; `L` names the levels that a kind admits.
    #[serde(bound(
        serialize = "L: Serialize",
        deserialize = "'de: 'a, L: Deserialize<'de>"
    ))]
    AreaAt<'a, L> {
        /// The area's code, or an outward postcode.
        code: AreaCode<'a> => area_code,
        /// How large the area is.
        level: L => area_level,
        /// What the place is to the record.
        role: Role => area_role,
        /// The year of the boundaries.
        #[serde(skip_serializing_if = "Option::is_none")]
        vintage: Option<Vintage> => area_vintage,
        /// How the location was found.
        #[serde(skip_serializing_if = "Option::is_none")]
        confidence: Option<Confidence> => area_confidence,
        /// A place of the partnership, such as `town-centre`.
        #[serde(skip_serializing_if = "Option::is_none")]
        zone: Option<Slug<'a>> => area_zone,
        /// A keyed hash of the address, made at the partner.
        #[serde(skip_serializing_if = "Option::is_none")]
        place_token: Option<Token<'a>> => area_place_token,
    }
}

/// An area of any level.
pub type Area<'a> = AreaAt<'a, Level>;
/// An area that is never below a district.
pub type AreaCoarse<'a> = AreaAt<'a, CoarseLevel>;

part! {
    /// What an event may contain about a person: nothing that identifies one.
    Person<'a> {
        /// A keyed hash of the person's identifier, made at the partner.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        token: Option<Token<'a>> => person_token | victim_token | suspect_token,
        /// The same under the key before.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        token_previous: Option<Token<'a>> => person_token_previous | victim_token_previous | suspect_token_previous,
        /// The person's age in a band of years.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        age_band: Option<AgeBand<'a>> => person_age_band | victim_age_band | suspect_age_band,
        /// The person's sex.
        #[serde(skip_serializing_if = "Option::is_none")]
        sex: Option<Sex> => person_sex | victim_sex | suspect_sex,
    }
}

part! {
    /// How a record was resolved.
    Outcome<'a> {
        /// The code list, such as `ho-outcome`.
        #[serde(borrow)]
        list: Slug<'a> => outcome_list,
        /// The outcome in that list.
        #[serde(borrow)]
        code: Code<'a> => outcome_code,
        /// When it was given.
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<Moment> => outcome_at,
    }
}

part! {
    /// The record no longer counts.
    Cancellation<'a> {
        /// Why.
        reason: CancellationReason => cancellation_reason,
        /// Since when.
        at: Moment => cancellation_at,
        /// The record that replaces it.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        replaced_by: Option<Id<'a>> => cancellation_replaced_by,
    }
}

impl<'r> Part<'r, 0> for Flags {
    fn flatten(&'r self, record: &mut Record<'r>) {
        record.flags = *self;
    }

    fn read_flat(reader: &mut FlatReader<'r, '_>, record: &mut Record<'r>) -> FlatResult<()> {
        record.flags = reader.flags()?;
        Ok(())
    }
}

/// An array with bounds on its length; order and repeats mean nothing unless a kind says so.
#[derive(Clone, Debug)]
pub struct BoundedList<T, const MIN: usize, const MAX: usize>(pub Vec<T>);

impl<T: Serialize, const MIN: usize, const MAX: usize> Serialize for BoundedList<T, MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize> Deserialize<'de>
    for BoundedList<T, MIN, MAX>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(deserializer)?;
        if (MIN..=MAX).contains(&items.len()) {
            Ok(Self(items))
        } else {
            Err(de::Error::custom("number of items"))
        }
    }
}

impl<T, const MIN: usize, const MAX: usize> Field for BoundedList<T, MIN, MAX> {}

/// Lists of texts that are one column.
macro_rules! lists {
    ($($item:ident of $form:ident as $strs:ident;)+) => { $(
        impl<'r, const MIN: usize, const MAX: usize> Flat<'r> for BoundedList<$item<'_>, MIN, MAX> {
            type Of = Strs<'r>;

            fn flat(&'r self) -> Option<Strs<'r>> {
                Some(Strs::$strs(&self.0))
            }

            fn read_flat(
                reader: &mut FlatReader<'r, '_>,
                is_open: bool,
            ) -> FlatResult<Option<Strs<'r>>> {
                let items = reader.list::<$form>(MIN, MAX, is_open)?;
                Ok(Some(Strs::Quoted(items)))
            }
        }
    )+ };
}

lists! {
    Slug of SlugForm as Slugs;
    Code of CodeForm as Codes;
}

/// Diagnoses: the first is the classification.
impl<'r, const MIN: usize, const MAX: usize> Part<'r, 0> for BoundedList<Icd10<'_>, MIN, MAX> {
    fn flatten(&'r self, record: &mut Record<'r>) {
        if let [first, further @ ..] = &self.0[..] {
            record.what_category = Some(first);
            record.icd10_further = (!further.is_empty()).then_some(Strs::Icd10(further));
        }
    }

    fn read_flat(reader: &mut FlatReader<'r, '_>, record: &mut Record<'r>) -> FlatResult<()> {
        let items = reader.list::<Icd10Form>(MIN, MAX, true)?;
        let mut parts = items.splitn(3, '"').skip(1);
        record.what_category = parts.next();
        let further = parts.next().filter(|further| further.contains('"'));
        record.icd10_further = further.map(Strs::Quoted);
        Ok(())
    }
}
