//! The count: a partner that can only send totals.
//!
//! Suppression stays the publisher's: nothing is guessed between the bounds, and a true zero is an
//! exact 0.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use super::flags::Flags;
use super::flat::{FlatReader, FlatResult};
use super::kind::kind;
use super::parts::{Flat, Quantity, Sex, closed};
use super::text::AgeBand;

closed! {
    /// What is counted; units are never added together.
    Unit { Events = "events", Persons = "persons", Households = "households", Other = "other" }
    /// The date by which a count assigns records to its period.
    DateBasis { Occurred = "occurred", Recorded = "recorded", Snapshot = "snapshot", NotKnown = "not_known" }
    /// How exact a number is.
    CountStatus { Exact = "exact", Rounded = "rounded", Suppressed = "suppressed", NotSupplied = "not_supplied" }
}

/// The name of one flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagName(pub &'static str);

impl Serialize for FlagName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for FlagName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagNameVisitor;
        impl Visitor<'_> for FlagNameVisitor {
            type Value = FlagName;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a flag")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<FlagName, E> {
                Flags::NAMES
                    .into_iter()
                    .find(|name| *name == text)
                    .map(FlagName)
                    .ok_or_else(|| E::custom("no flag"))
            }
        }
        deserializer.deserialize_str(FlagNameVisitor)
    }
}

impl<'r> Flat<'r> for FlagName {
    type Of = &'r str;

    fn flat(&self) -> Option<&'r str> {
        Some(self.0)
    }

    fn read_flat(reader: &mut FlatReader<'r, '_>, _: bool) -> FlatResult<Option<&'r str>> {
        reader.listed(|text| Flags::NAMES.contains(&text)).map(Some)
    }
}

kind! {
    /// A total for an area and period.
    Count {
        what, area, period,
        /// What is counted.
        unit: Unit,
        /// The date by which records are assigned to the period.
        date_basis: Option<DateBasis>,
        /// Whether it may still change.
        provisional: Option<bool>,
        /// Counts only this age band.
        age_band: Option<AgeBand<'a>>,
        /// Counts only this sex.
        sex: Option<Sex>,
        /// Counts only records with this flag.
        with_flag: Option<FlagName>,
        /// How exact the number is.
        status: CountStatus,
        /// The number.
        value: Option<Quantity>,
        /// Lower bound.
        at_least: Option<Quantity>,
        /// Upper bound.
        at_most: Option<Quantity>,
        cancellation,
    }
}
