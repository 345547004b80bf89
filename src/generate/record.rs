//! One invented record and its revisions, written as a document.
//!
//! All of a record follows from its seed: what it is at a revision is what it was at first, with
//! each change since. Some kinds (homelessness, domestic-abuse support) appear before their
//! contracts' codes existed, so that every kind is there.

use super::calendar::{Day, Utc, civil, second_of_day};
use super::kinds::{OFFENCES, Offence, profile};
use super::{Document, Draw, Hash, Padded, Put, feed_of, mix, put};
use crate::event::Kind;

pub(super) const DAY: i64 = 86_400;
/// Persons that tokens stand for, so that some come again.
const PERSONS: u32 = 30_000;

/// What can be drawn again: a kind, a day and a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    kind: Kind,
    pub(super) number: u32,
    pub(super) day: i32,
    pub(super) seed: u64,
    revision: u32,
}

/// How a record stands at its revision.
#[derive(Clone, Copy)]
pub(super) struct Life {
    /// When this revision was true, after the record was made.
    since: i64,
    pub(super) recoded: u32,
    redated: i32,
    pub(super) resolved: bool,
    cancelled: bool,
}

/// Small areas of Maidstone (2011) in a row: the first and how many, without those that are
/// missing.
const LSOAS: [(u32, u32); 5] = [
    (1_024_320, 39),
    (1_024_360, 8),
    (1_024_369, 1),
    (1_024_371, 41),
    (1_033_087, 6),
];
/// The small areas of the town centre, where a third of it happens.
const CENTRE: [u32; 6] = [
    1_033_090, 1_024_389, 1_024_388, 1_033_089, 1_024_387, 1_024_374,
];
const WARDS: [&str; 8] = [
    "E05004996",
    "E05004996",
    "E05005002",
    "E05004995",
    "E05005004",
    "E05005000",
    "E05004992",
    "E05005003",
];
const OUTWARD: [&str; 6] = ["ME14", "ME15", "ME15", "ME16", "ME17", "ME18"];
pub(super) const DISTRICT: &str = "E07000110";
pub(super) const COUNTY: &str = "E10000016";

const AGES: [(&str, u32); 8] = [
    ("0-9", 2),
    ("10-17", 12),
    ("18-24", 20),
    ("25-34", 25),
    ("35-44", 18),
    ("45-54", 12),
    ("55-64", 7),
    ("65+", 6),
];

/// A flag, how often it is recorded at all, and how often it is then true, in a hundred.
pub(super) type Flag = (&'static str, u32, u32);

impl Record {
    pub(super) const fn new(kind: Kind, number: u32, day: i32, seed: u64) -> Self {
        Self {
            kind,
            number,
            day,
            seed,
            revision: 1,
        }
    }

    /// Goes on to the next revision.
    pub(super) const fn correct(&mut self) {
        self.revision += 1;
    }

    fn life(&self) -> Life {
        let first = Draw(mix(self.seed ^ 1)).below(9 * 86_400);
        let mut life = Life {
            since: i64::from(first),
            recoded: 0,
            redated: 0,
            resolved: false,
            cancelled: false,
        };
        for revision in 2..=self.revision {
            let mut draw = Draw(mix(self.seed ^ u64::from(revision)));
            life.since += DAY + i64::from(draw.below(60 * 86_400));
            life.cancelled = false;
            match draw.below(100) {
                0..60 => life.resolved = true,
                60..76 => life.recoded += 1,
                76..88 => life.redated -= draw.below(20) as i32,
                88..94 => life.cancelled = true,
                _ => {}
            }
        }
        life
    }

    /// Writes the record at its revision over `document`.
    pub(super) fn write(&self, document: &mut Document) {
        let Document {
            feed, key, bytes, ..
        } = document;
        (*feed, *key, *bytes) = (
            feed_of(self.kind),
            std::mem::take(key),
            std::mem::take(bytes),
        );
        key.clear();
        bytes.clear();
        let mut draw = Draw(self.seed);
        let scheme = self.scheme(&mut draw);
        (profile(self.kind).subject)(&SubjectParts::new(self, scheme), key);
        let mut writer = Writer {
            out: bytes,
            draw,
            life: self.life(),
            record: self,
            scheme,
            offence: OFFENCES[0].0,
            day: self.day,
            occurred: 0,
            recorded: 0,
        };
        writer.event(key);
    }

    /// The scheme of a referral; nothing for other kinds.
    fn scheme(&self, draw: &mut Draw) -> &'static str {
        if self.kind == Kind::Referral {
            draw.pick(&["nrm", "marac", "marac", "prevent"])
        } else {
            ""
        }
    }
}

/// What a record's subject is made of.
pub(super) struct SubjectParts<'a> {
    pub(super) record: &'a Record,
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) scheme: &'static str,
}

impl<'a> SubjectParts<'a> {
    fn new(record: &'a Record, scheme: &'static str) -> Self {
        let (year, month, day) = civil(record.day);
        Self {
            record,
            year,
            month,
            day,
            scheme,
        }
    }

    /// The record's number, as most systems write it.
    pub(super) fn number(&self) -> Padded {
        Padded(self.record.number, 6)
    }
}

/// Writes one document.
pub(super) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) draw: Draw,
    pub(super) life: Life,
    record: &'a Record,
    /// The scheme of a referral.
    pub(super) scheme: &'static str,
    /// The offence of a crime.
    pub(super) offence: Offence,
    /// The day it happened, as this revision has it.
    pub(super) day: i32,
    /// When it happened, in seconds since 1970.
    pub(super) occurred: i64,
    /// When it was recorded, in seconds since 1970.
    pub(super) recorded: i64,
}

impl Writer<'_> {
    fn event(&mut self, key: &[u8]) {
        let Record {
            kind,
            day,
            revision,
            ..
        } = *self.record;
        let profile = profile(kind);
        self.offence = self.draw.weighted(&OFFENCES);
        let night = (profile.is_at_night)(&self.offence);
        self.day = day + self.life.redated;
        self.occurred = i64::from(self.day) * DAY + second_of_day(night, &mut self.draw);
        self.recorded = self.occurred + 600 + i64::from(self.draw.below(20 * 3600));
        let made = i64::from(day) * DAY + 2 * DAY + self.life.since;
        let system = match profile.system {
            "" => self.scheme,
            system => system,
        };
        self.put(r#"{"specversion":"1.0","id":""#);
        self.out.extend_from_slice(key);
        put!(
            self.out,
            ".",
            revision,
            r#"","source":"urn:partner:"#,
            profile.partner,
            ":",
            system
        );
        put!(
            self.out,
            r#"","type":"uk.community-safety."#,
            feed_of(kind).as_str(),
            ".",
            kind.as_str()
        );
        self.put(r#".v1","subject":""#);
        self.out.extend_from_slice(key);
        put!(
            self.out,
            r#"","revision":"#,
            revision,
            r#","time":""#,
            Utc(made),
            r#"","data":{"#
        );
        (profile.data)(self);
        if self.life.cancelled {
            let reason = self.draw.pick(&[
                "no_offence",
                "duplicate",
                "recorded_in_error",
                "transferred",
            ]);
            put!(
                self.out,
                r#","cancellation":{"reason":""#,
                reason,
                r#"","at":""#,
                Day((made / DAY) as i32),
                r#""}"#
            );
        }
        self.put("}}");
    }

    pub(super) fn put(&mut self, text: &str) {
        text.put(self.out);
    }

    pub(super) fn what(&mut self, list: &str, edition: &str, category: &str, code: &str) {
        put!(
            self.out,
            r#""what":{"list":""#,
            list,
            r#"","edition":""#,
            edition,
            r#"","category":""#,
            category
        );
        if !code.is_empty() {
            put!(self.out, r#"","code":""#, code);
        }
        self.put(r#""}"#);
    }

    pub(super) fn when_instant(&mut self) {
        put!(
            self.out,
            r#","when":{"occurred_from":""#,
            Utc(self.occurred),
            r#""}"#
        );
    }

    pub(super) fn when_day(&mut self, recorded: Option<i64>) {
        put!(
            self.out,
            r#","when":{"occurred_from":""#,
            Day((self.occurred / DAY) as i32)
        );
        if let Some(at) = recorded {
            put!(self.out, r#"","recorded_at":""#, Day((at / DAY) as i32));
        }
        self.put(r#""}"#);
    }

    /// One in fifty has no area.
    pub(super) fn lsoa(&mut self, confidence: &str) {
        if self.draw.percent(2) {
            return;
        }
        let code = if self.draw.percent(33) {
            self.draw.pick(&CENTRE)
        } else {
            self.any_lsoa()
        };
        put!(
            self.out,
            r#","area":{"code":"E0"#,
            code,
            r#"","level":"lsoa","role":"incident","vintage":2011"#
        );
        put!(self.out, r#","confidence":""#, confidence);
        self.put(if code == CENTRE[0] {
            r#"","zone":"town-centre"}"#
        } else {
            r#""}"#
        });
    }

    fn any_lsoa(&mut self) -> u32 {
        let mut left = self.draw.below(LSOAS.iter().map(|run| run.1).sum());
        for (first, length) in LSOAS {
            if left < length {
                return first + left;
            }
            left -= length;
        }
        LSOAS[0].0
    }

    pub(super) fn ward(&mut self) {
        let code = self.draw.pick(&WARDS);
        put!(
            self.out,
            r#","area":{"code":""#,
            code,
            r#"","level":"ward","role":"incident","vintage":2017}"#
        );
    }

    pub(super) fn outward(&mut self, role: &str) {
        let code = self.draw.pick(&OUTWARD);
        put!(
            self.out,
            r#","area":{"code":""#,
            code,
            r#"","level":"outward_postcode","role":""#,
            role,
            r#""}"#
        );
    }

    /// Each flag recorded or not, and then true or false.
    pub(super) fn flags(&mut self, flags: &[Flag]) {
        let mut lead = r#","flags":{""#;
        for (name, recorded, yes) in flags {
            let (recorded, yes) = (self.draw.percent(*recorded), self.draw.percent(*yes));
            if recorded {
                put!(self.out, lead, *name, r#"":"#, yes);
                lead = r#",""#;
            }
        }
        if lead.len() == 2 {
            self.out.push(b'}');
        }
    }

    pub(super) fn person(&mut self, role: &str) {
        let person = u64::from(self.draw.below(PERSONS));
        put!(
            self.out,
            ",\"",
            role,
            r#"":{"token":"k17:"#,
            Hash(person),
            r#"","#
        );
        self.age_and_sex();
    }

    pub(super) fn person_without_token(&mut self, role: &str) {
        put!(self.out, ",\"", role, r#"":{"#);
        self.age_and_sex();
    }

    fn age_and_sex(&mut self) {
        let (age, sex) = (
            self.draw.weighted(&AGES),
            self.draw.pick(&["female", "male"]),
        );
        put!(
            self.out,
            r#""age_band":""#,
            age,
            r#"","sex":""#,
            sex,
            r#""}"#
        );
    }
}
