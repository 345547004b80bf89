//! One invented record and its revisions, written as an event.
//!
//! All of a record follows from its seed: its state at a revision is its first state with every
//! change since. Some kinds (homelessness, domestic-abuse support) appear before their contracts'
//! codes existed, so that every kind occurs.

use std::fmt::{self, Display, Formatter};

use super::calendar::{CalendarDay, UtcTime, civil, second_of_day};
use super::event_writer::{Changes, EventWriter, SubjectParts};
use super::json::{JsonWriter, append};
use super::kinds::profile;
use super::offences::OFFENCES;
use super::{Draw, GeneratedEvent, GeneratorOptions, feed_of, mix};
use crate::event::Kind;

const DAY_SECONDS: i64 = 86_400;
/// Makes a draw of its own for unknown codes, which changes no other.
const UNKNOWN_CODES: u64 = u64::MAX;

/// What identifies an invented record and how far it has been revised: from this every event of it
/// can be drawn again.
#[derive(Clone, Copy, Debug)]
pub(super) struct InventedRecord {
    kind: Kind,
    number: u32,
    day: i32,
    seed: u64,
    revision: u32,
}

impl InventedRecord {
    pub(super) const fn new(kind: Kind, number: u32, day: i32, seed: u64) -> Self {
        Self {
            kind,
            number,
            day,
            seed,
            revision: 1,
        }
    }

    /// Advances to the next revision.
    pub(super) const fn correct(&mut self) {
        self.revision += 1;
    }

    fn changes(&self) -> Changes {
        let first = Draw(mix(self.seed ^ 1)).below(9 * 86_400);
        let mut changes = Changes {
            delay: i64::from(first),
            recoded: 0,
            redated: 0,
            resolved: false,
            cancelled: false,
        };
        for revision in 2..=self.revision {
            let mut draw = Draw(mix(self.seed ^ u64::from(revision)));
            changes.delay += DAY_SECONDS + i64::from(draw.below(60 * 86_400));
            changes.cancelled = false;
            match draw.below(100) {
                0..60 => changes.resolved = true,
                60..76 => changes.recoded += 1,
                76..88 => changes.redated -= draw.below(20) as i32,
                88..94 => changes.cancelled = true,
                _ => {}
            }
        }
        changes
    }

    /// Whether its code is unknown, where that is asked for a share of records. It does not depend
    /// on the revision: a record sent again stays the same.
    fn has_unknown_code(&self, share: f64) -> bool {
        share > 0.0 && Draw(mix(self.seed ^ UNKNOWN_CODES)).share() < share
    }

    /// Writes the record at its revision over `event`.
    pub(super) fn write(&self, options: &GeneratorOptions, event: &mut GeneratedEvent) {
        event.feed = feed_of(self.kind);
        event.key.clear();
        event.bytes.clear();
        let mut draw = Draw(self.seed);
        let scheme = self.scheme(&mut draw);
        let subject = (profile(self.kind).subject)(&self.subject_parts(scheme));
        append(&mut event.key, &subject);
        let changes = self.changes();
        let mut writer = EventWriter {
            json: JsonWriter::new(&mut event.bytes),
            draw,
            changes,
            scheme,
            unknown_code: self.has_unknown_code(options.unknown_codes),
            has_second_district: options.story,
            offence: OFFENCES[0].0,
            day: self.day + changes.redated,
            occurred: 0,
            recorded: 0,
        };
        writer.write(self, &subject);
    }

    /// The scheme of a referral; empty for other kinds.
    fn scheme(&self, draw: &mut Draw) -> &'static str {
        if self.kind == Kind::Referral {
            draw.pick(&["nrm", "marac", "marac", "prevent"])
        } else {
            ""
        }
    }

    fn subject_parts(&self, scheme: &'static str) -> SubjectParts {
        let (year, month, day) = civil(self.day);
        SubjectParts {
            number: self.number,
            seed: self.seed,
            scheme,
            year,
            month,
            day,
        }
    }
}

/// The `type` of an event of a kind.
struct EventType(Kind);

impl Display for EventType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (feed, kind) = (feed_of(self.0).as_str(), self.0.as_str());
        write!(f, "uk.community-safety.{feed}.{kind}.v1")
    }
}

impl EventWriter<'_> {
    fn write(&mut self, record: &InventedRecord, subject: &str) {
        let InventedRecord { kind, revision, .. } = *record;
        let profile = profile(kind);
        self.offence = self.draw.weighted(&OFFENCES);
        let is_at_night = (profile.is_at_night)(&self.offence);
        self.occurred =
            i64::from(self.day) * DAY_SECONDS + second_of_day(is_at_night, &mut self.draw);
        self.recorded = self.occurred + 600 + i64::from(self.draw.below(20 * 3600));
        let sent = i64::from(record.day) * DAY_SECONDS + 2 * DAY_SECONDS + self.changes.delay;
        let partner = profile.partner;
        let system = match profile.system {
            "" => self.scheme,
            system => system,
        };
        self.json.open_document();
        self.json.text("specversion", "1.0");
        self.json.text("id", format_args!("{subject}.{revision}"));
        self.json
            .text("source", format_args!("urn:partner:{partner}:{system}"));
        self.json.text("type", EventType(kind));
        self.json.text("subject", subject);
        self.json.value("revision", revision);
        self.json.text("time", UtcTime(sent));
        self.json.open("data");
        (profile.data)(self);
        if self.changes.cancelled {
            self.cancellation(sent);
        }
        self.json.close();
        self.json.close();
    }

    fn cancellation(&mut self, at: i64) {
        let reason = self.draw.pick(&[
            "no_offence",
            "duplicate",
            "recorded_in_error",
            "transferred",
        ]);
        self.json.open("cancellation");
        self.json.text("reason", reason);
        self.json.text("at", CalendarDay((at / DAY_SECONDS) as i32));
        self.json.close();
    }
}
