//! Turns published files into events: one module per publisher.
//!
//! An importer reads and checks a complete release of one publisher before it writes anything. It
//! knows the contracts but not Kafka: its output goes to a file or to `publish`.

pub mod hclic;
pub mod police_uk;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::contract::Event;
use crate::contract::moment::{Instant, Moment};
use crate::contract::parts::{Cancellation, CancellationReason, RevisionNumber};
use crate::hex;

/// A publisher's release, by its month. No file states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    year: i32,
    month: i32,
}

/// A text that is not a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a month, yyyy-mm")]
pub struct NotARelease;

impl FromStr for Release {
    type Err = NotARelease;

    fn from_str(text: &str) -> Result<Self, NotARelease> {
        if text.len() != 7 || Moment::parse(text).is_none() {
            return Err(NotARelease);
        }
        Ok(Self {
            year: text[..4].parse().map_err(|_| NotARelease)?,
            month: text[5..].parse().map_err(|_| NotARelease)?,
        })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl Release {
    /// The revision of every record in the release: yyyymm.
    pub const fn revision(self) -> RevisionNumber {
        RevisionNumber(self.year * 100 + self.month)
    }

    /// The time of every event of the release: the first instant of the month, in UTC.
    ///
    /// # Panics
    ///
    /// Never: a month of the contract begins with an instant of the contract.
    pub fn time(self) -> Instant {
        Instant::parse(&format!("{self}-01T00:00:00Z")).expect("the first instant of a month")
    }

    /// The month as a moment.
    ///
    /// # Panics
    ///
    /// Never: a release is a month of the contract.
    pub fn moment(self) -> Moment {
        Moment::parse(&self.to_string()).expect("a month")
    }
}

/// A label in lower case, with one hyphen for each run of other characters. Codes follow from labels
/// by this rule, so no table has to be kept.
pub(crate) fn slug(label: &str) -> String {
    let mut slug = String::with_capacity(label.len());
    for c in label.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// The first 32 hexadecimal digits of the SHA-256 of texts, joined by U+001F.
pub(crate) fn digest<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hasher = Sha256::new();
    for (i, text) in texts.into_iter().enumerate() {
        if i > 0 {
            hasher.update([0x1f]);
        }
        hasher.update(text);
    }
    hex::encode(&hasher.finalize()[..16])
}

/// The cancellation of a record that a release no longer has.
pub(crate) fn absent_from(release: Release) -> Cancellation<'static> {
    Cancellation {
        reason: CancellationReason::AbsentFromRelease,
        at: release.moment(),
        replaced_by: None,
    }
}

/// Writes an event as a line.
pub(crate) fn write_line(event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_becomes_a_slug_mechanically() {
        assert_eq!(
            slug("Violence and sexual offences"),
            "violence-and-sexual-offences"
        );
        assert_eq!(
            slug("Investigation complete; no suspect identified"),
            "investigation-complete-no-suspect-identified"
        );
        assert_eq!(slug("Act 1994 (section 60)"), "act-1994-section-60");
    }

    #[test]
    fn a_release_is_a_month_and_its_revision_grows() {
        let release: Release = "2019-04".parse().expect("a month");
        assert_eq!(release.revision(), RevisionNumber(201_904));
        assert_eq!(release.time().to_string(), "2019-04-01T00:00:00Z");
        for text in ["2019", "2019-13", "2019-4", "2019-04-01"] {
            assert_eq!(text.parse::<Release>(), Err(NotARelease), "{text}");
        }
    }
}
