//! Flags: what a partner marks a record with.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Marks on a record, each true, false or not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// A bit for each flag that is true, in the order of [`Flags::NAMES`].
    pub yes: u32,
    /// A bit for each flag that is false.
    pub no: u32,
}

impl Flags {
    /// Every flag, in alphabetical order.
    pub const NAMES: [&'static str; 26] = [
        "alcohol",
        "child_sexual_abuse",
        "child_sexual_exploitation",
        "corrosive",
        "county_lines",
        "cuckooing",
        "domestic_abuse",
        "drugs",
        "emergency_worker",
        "extremism",
        "firearm",
        "gang",
        "hate",
        "honour_based_abuse",
        "knife",
        "mental_health",
        "mental_health_suspect",
        "mental_health_victim",
        "missing_person",
        "modern_slavery",
        "online",
        "organised_crime",
        "repeat_offender",
        "repeat_victim",
        "self_harm",
        "vulnerable",
    ];

    /// No flag recorded.
    pub const NONE: Self = Self { yes: 0, no: 0 };

    /// The bit of a flag.
    pub fn bit(name: &str) -> Option<u32> {
        Self::NAMES.iter().position(|n| *n == name).map(|i| 1 << i)
    }

    /// Whether any of a set of flags is true: none is and one is false; not recorded.
    pub const fn any(self, bits: u32) -> Option<bool> {
        match (self.yes & bits != 0, self.no & bits != 0) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }

    /// The flags of a set of bits, in alphabetical order.
    pub fn names(bits: u32) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .enumerate()
            .filter(move |(i, _)| bits & (1 << i) != 0)
            .map(|(_, name)| *name)
    }
}

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (i, name) in Self::NAMES.iter().enumerate() {
            let bit = 1 << i;
            if (self.yes | self.no) & bit != 0 {
                map.serialize_entry(name, &(self.yes & bit != 0))?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FlagsVisitor)
    }
}

struct FlagsVisitor;

impl<'de> Visitor<'de> for FlagsVisitor {
    type Value = Flags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flags")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flags, A::Error> {
        let (mut flags, mut seen) = (Flags::NONE, 0);
        while let Some(FlagBit(bit)) = map.next_key()? {
            if seen & bit != 0 {
                return Err(de::Error::custom("duplicate field"));
            }
            seen |= bit;
            match map.next_value::<Option<bool>>()? {
                Some(true) => flags.yes |= bit,
                Some(false) => flags.no |= bit,
                None => {}
            }
        }
        Ok(flags)
    }
}

struct FlagBit(u32);

impl<'de> Deserialize<'de> for FlagBit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = FlagBit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a flag")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<FlagBit, E> {
                Flags::bit(name)
                    .map(FlagBit)
                    .ok_or_else(|| E::custom("unknown field"))
            }
        }
        deserializer.deserialize_identifier(V)
    }
}
