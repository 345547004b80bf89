//! One invented record and its revisions, written as a document.
//!
//! All of a record follows from its seed: what it is at a revision is what it was at first, with
//! each change since. Some kinds (homelessness, domestic-abuse support) appear before their
//! contracts' codes existed, so that every kind is there.

use super::calendar::{Day, Local, Month, Utc, civil, days_from_civil, second_of_day};
use super::{Document, Draw, Hash, Padded, Put, feed_of, mix, put};
use crate::event::Kind;

const DAY: i64 = 86_400;
/// Persons that tokens stand for, so that some come again.
const PERSONS: u32 = 30_000;
/// The day from which a police station is a place of safety only by exception: 2017-12-11.
const PLACE_OF_SAFETY_DAY: i32 = days_from_civil(2017, 12, 11);

/// What can be drawn again: a kind, a day and a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    kind: Kind,
    number: u32,
    day: i32,
    seed: u64,
    revision: u32,
}

/// How a record stands at its revision.
#[derive(Clone, Copy)]
struct Life {
    /// When this revision was true, after the record was made.
    since: i64,
    recoded: u32,
    redated: i32,
    resolved: bool,
    cancelled: bool,
}

/// A crime's category, its code, what it is like.
#[derive(Clone, Copy)]
struct Offence {
    category: &'static str,
    code: &'static str,
    nature: Nature,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nature {
    /// Against a person, more at night.
    Violence,
    /// Found later: a span.
    Property,
    /// Seen by the police or a shop.
    Seen,
}

const fn offence(
    category: &'static str,
    code: &'static str,
    nature: Nature,
    weight: u32,
) -> (Offence, u32) {
    (
        Offence {
            category,
            code,
            nature,
        },
        weight,
    )
}

use Nature::{Property, Seen, Violence};

/// Offences by how often they come, about those of a district.
const OFFENCES: [(Offence, u32); 36] = [
    offence("8N", "008/01", Violence, 110),
    offence("105A", "008/09", Violence, 150),
    offence("104", "008/73", Violence, 12),
    offence("5D", "005/01", Violence, 10),
    offence("8L", "008/29", Violence, 60),
    offence("8R", "005/28", Violence, 30),
    offence("8Q", "008/65", Violence, 6),
    offence("8U", "008/67", Violence, 4),
    offence("3B", "003/01", Violence, 8),
    offence("1", "001/01", Violence, 1),
    offence("106", "036/06", Violence, 2),
    offence("19C", "019/08", Violence, 8),
    offence("20A", "020/03", Violence, 10),
    offence("71", "071/01", Violence, 2),
    offence("88A", "071/17", Violence, 3),
    offence("34A", "034/01", Violence, 2),
    offence("34B", "034/01", Violence, 9),
    offence("28I", "028/03", Property, 45),
    offence("30C", "030/02", Property, 28),
    offence("45", "045/10", Property, 50),
    offence("48", "048/01", Property, 20),
    offence("37/2", "037/02", Property, 2),
    offence("46", "046/00", Seen, 70),
    offence("49", "045/11", Property, 75),
    offence("40", "040/00", Property, 12),
    offence("44", "044/00", Property, 12),
    offence("39", "039/00", Seen, 8),
    offence("58A", "057/00", Property, 35),
    offence("58C", "057/00", Property, 45),
    offence("58D", "057/00", Property, 25),
    offence("56B", "056/02", Property, 5),
    offence("92E", "092/61", Seen, 18),
    offence("92D", "092/50", Seen, 6),
    offence("92A", "077/50", Seen, 5),
    offence("10D", "008/26", Seen, 6),
    offence("9A", "068/25", Violence, 55),
];

/// Outcomes of the Home Office's list, by how often they come.
const OUTCOMES: [(&str, u32); 12] = [
    ("18", 400),
    ("16", 220),
    ("15", 110),
    ("14", 60),
    ("1", 100),
    ("3", 20),
    ("2", 6),
    ("8", 40),
    ("7", 8),
    ("6", 6),
    ("21", 12),
    ("20", 8),
];

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
const DISTRICT: &str = "E07000110";
const COUNTY: &str = "E10000016";

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
type Flag = (&'static str, u32, u32);

const VIOLENCE_FLAGS: &[Flag] = &[
    ("alcohol", 55, 30),
    ("domestic_abuse", 90, 36),
    ("hate", 60, 4),
    ("knife", 35, 6),
    ("mental_health_suspect", 30, 16),
    ("mental_health_victim", 35, 14),
    ("repeat_offender", 30, 24),
];
const OTHER_FLAGS: &[Flag] = &[
    ("alcohol", 25, 10),
    ("drugs", 20, 8),
    ("mental_health", 25, 6),
    ("online", 12, 20),
    ("repeat_offender", 20, 18),
];
const INCIDENT_FLAGS: [Flag; 4] = [
    ("alcohol", 40, 22),
    ("drugs", 30, 12),
    ("mental_health_suspect", 35, 14),
    ("repeat_victim", 50, 18),
];
const CARE_FLAGS: [Flag; 3] = [
    ("alcohol", 50, 35),
    ("drugs", 40, 15),
    ("mental_health", 45, 22),
];
const DETENTION_FLAGS: [Flag; 3] = [
    ("alcohol", 60, 35),
    ("drugs", 50, 18),
    ("self_harm", 70, 55),
];
const HOUSING_FLAGS: [Flag; 4] = [
    ("domestic_abuse", 60, 12),
    ("drugs", 40, 12),
    ("mental_health", 55, 24),
    ("mental_health_suspect", 30, 20),
];

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
        self.subject(scheme, key);
        let mut writer = Writer {
            out: bytes,
            draw,
            life: self.life(),
            record: self,
            occurred: 0,
            recorded: 0,
        };
        writer.event(scheme, key);
    }

    /// The scheme of a referral; nothing for other kinds.
    fn scheme(&self, draw: &mut Draw) -> &'static str {
        if self.kind == Kind::Referral {
            draw.pick(&["nrm", "marac", "marac", "prevent"])
        } else {
            ""
        }
    }

    fn subject(&self, scheme: &str, out: &mut Vec<u8>) {
        let (year, month, day) = civil(self.day);
        let number = Padded(self.number, 6);
        match self.kind {
            Kind::Crime => put!(out, "46-", number, "-", Padded(year % 100, 2)),
            Kind::Incident => put!(
                out,
                year,
                "-",
                Padded(month, 2),
                Padded(day, 2),
                "-",
                number
            ),
            Kind::Detention => put!(out, "d-", year, "-", number),
            Kind::StopSearch => put!(out, Month(self.day), ".", Hash(self.seed), ".1"),
            Kind::Referral => put!(out, scheme, "-", year, "-", number),
            Kind::AssaultAttendance => put!(out, "a7f3-", number),
            Kind::AmbulanceCall => put!(
                out,
                "c-",
                Padded(year % 100, 2),
                "-",
                Padded(self.number, 7)
            ),
            Kind::Admission => put!(out, "adm-", number),
            Kind::MentalHealthDetention => put!(out, "mha-", Padded(year % 100, 2), "-", number),
            Kind::Treatment => put!(out, "t-", number),
            Kind::HomelessnessCase => put!(out, "h-", year, "-", number),
            Kind::AntisocialBehaviourCase => put!(out, "ASB-", number),
            Kind::NoiseComplaint => put!(out, "N/", Padded(year % 100, 2), "/", number),
            Kind::Possession => put!(out, "P-", year, "-", number, ".order"),
            Kind::DomesticAbuseSupport => put!(out, "sa-", year, "-", number),
            Kind::Count => put!(
                out,
                "in-treatment.",
                number,
                ".",
                DISTRICT,
                ".",
                Month(self.day)
            ),
        }
    }

    fn source(&self, scheme: &'static str) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Crime => ("kent-police", "crime"),
            Kind::Incident => ("kent-police", "command"),
            Kind::Detention => ("kent-police", "custody"),
            Kind::StopSearch => ("kent-police", "open-data"),
            Kind::Referral => ("kent-police", scheme),
            Kind::AssaultAttendance => ("mtw-nhs", "istv"),
            Kind::AmbulanceCall => ("secamb", "cad"),
            Kind::Admission => ("mtw-nhs", "sus"),
            Kind::MentalHealthDetention => ("kmpt-nhs", "mhsds"),
            Kind::Treatment | Kind::Count => ("kent-treatment", "ndtms"),
            Kind::HomelessnessCase => ("maidstone-bc", "hclic"),
            Kind::AntisocialBehaviourCase => ("golding-homes", "asb"),
            Kind::NoiseComplaint => ("maidstone-bc", "env-health"),
            Kind::Possession => ("golding-homes", "legal"),
            Kind::DomesticAbuseSupport => ("kent-cc", "safe-accommodation"),
        }
    }
}

/// Writes one document.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    draw: Draw,
    life: Life,
    record: &'a Record,
    occurred: i64,
    recorded: i64,
}

impl Writer<'_> {
    fn event(&mut self, scheme: &'static str, key: &[u8]) {
        let Record {
            kind,
            day,
            revision,
            ..
        } = *self.record;
        let offence = self.draw.weighted(&OFFENCES);
        let night = match kind {
            Kind::Crime => offence.nature == Violence,
            Kind::Incident | Kind::Detention | Kind::AssaultAttendance | Kind::AmbulanceCall => {
                true
            }
            _ => false,
        };
        let redated = day + self.life.redated;
        self.occurred = i64::from(redated) * DAY + second_of_day(night, &mut self.draw);
        self.recorded = self.occurred + 600 + i64::from(self.draw.below(20 * 3600));
        let made = i64::from(day) * DAY + 2 * DAY + self.life.since;
        let (partner, system) = self.record.source(scheme);
        self.put(r#"{"specversion":"1.0","id":""#);
        self.out.extend_from_slice(key);
        put!(
            self.out,
            ".",
            revision,
            r#"","source":"urn:partner:"#,
            partner,
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
        match kind {
            Kind::Crime => self.crime(offence),
            Kind::Incident => self.incident(),
            Kind::Detention => self.detention(redated),
            Kind::StopSearch => self.stop_search(),
            Kind::Referral => self.referral(scheme),
            Kind::AssaultAttendance => self.assault_attendance(),
            Kind::AmbulanceCall => self.ambulance_call(),
            Kind::Admission => self.admission(),
            Kind::MentalHealthDetention => self.mental_health_detention(),
            Kind::Treatment => self.treatment(),
            Kind::HomelessnessCase => self.homelessness_case(),
            Kind::AntisocialBehaviourCase => self.antisocial_behaviour_case(),
            Kind::NoiseComplaint => self.noise_complaint(),
            Kind::Possession => self.possession(),
            Kind::DomesticAbuseSupport => self.domestic_abuse_support(),
            Kind::Count => self.count(redated),
        }
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

    fn put(&mut self, text: &str) {
        text.put(self.out);
    }

    fn crime(&mut self, first: Offence) {
        let mut offence = first;
        for _ in 0..self.life.recoded {
            offence = self.draw.weighted(&OFFENCES);
        }
        self.what("ho-crime", "2016-04", offence.category, offence.code);
        let span = first.nature == Property && self.draw.percent(60);
        // More than the hour that the clock may be put forward meanwhile.
        let until = self.occurred + 5400 + i64::from(self.draw.below(16 * 3600));
        let recorded = self.recorded.max(until) + 900;
        if self.draw.percent(4) {
            self.when_day(Some(recorded));
        } else {
            put!(
                self.out,
                r#","when":{"occurred_from":""#,
                Utc(self.occurred)
            );
            if span {
                put!(self.out, r#"","occurred_to":""#, Utc(until));
            }
            put!(self.out, r#"","recorded_at":""#, Utc(recorded), r#""}"#);
        }
        self.lsoa("address");
        self.flags(if first.nature == Violence {
            VIOLENCE_FLAGS
        } else {
            OTHER_FLAGS
        });
        if first.nature != Seen {
            self.person("victim");
        }
        if self.life.resolved || self.draw.percent(35) {
            let code = self.draw.weighted(&OUTCOMES);
            let at = (recorded / DAY) as i32;
            put!(
                self.out,
                r#","outcome":{"list":"ho-outcome","code":""#,
                code,
                r#"","at":""#,
                Day(at),
                r#""}"#
            );
        }
    }

    fn incident(&mut self) {
        let category =
            self.draw
                .weighted(&[("personal", 25), ("nuisance", 65), ("environmental", 10)]);
        self.what("nsir", "2011-04", category, "");
        put!(
            self.out,
            r#","when":{"occurred_from":""#,
            Local(self.occurred)
        );
        put!(
            self.out,
            r#"","recorded_at":""#,
            Local(self.occurred + 300),
            r#""}"#
        );
        if self.draw.percent(70) {
            self.lsoa("geocoded");
        } else {
            self.ward();
        }
        self.flags(&INCIDENT_FLAGS);
        let crime = self.draw.percent(8);
        put!(self.out, r#","crime_recorded":"#, crime);
    }

    fn detention(&mut self, day: i32) {
        let power = self
            .draw
            .weighted(&[("s136", 93), ("s135_1", 5), ("s135_2", 2)]);
        put!(self.out, r#""legal_power":""#, power, r#"""#);
        self.when_instant();
        put!(
            self.out,
            r#","area":{"code":""#,
            DISTRICT,
            r#"","level":"district","role":"incident"}"#
        );
        let station = if day < PLACE_OF_SAFETY_DAY { 18 } else { 1 };
        let place = self.draw.weighted(&[
            ("police_station", station),
            ("health_based", 70),
            ("emergency_department", 10),
            ("not_known", 2),
        ]);
        let arrived = self.occurred + 1200 + i64::from(self.draw.below(7200));
        let ended = arrived + 3600 + i64::from(self.draw.below(20 * 3600));
        put!(
            self.out,
            r#","place_of_safety":""#,
            place,
            r#"","arrived_at":""#,
            Utc(arrived)
        );
        put!(
            self.out,
            r#"","ended_at":""#,
            Utc(ended),
            r#"","extended":"#,
            self.draw.percent(4)
        );
        let result = self.draw.pick(&[
            "admitted_detained",
            "admitted_informal",
            "community_follow_up",
            "no_further_action",
        ]);
        let transport = self
            .draw
            .pick(&["ambulance", "police_vehicle", "police_vehicle"]);
        put!(
            self.out,
            r#","result":""#,
            result,
            r#"","transport":""#,
            transport,
            r#"""#
        );
        self.flags(&DETENTION_FLAGS);
        self.person("person");
    }

    fn stop_search(&mut self) {
        let search =
            self.draw
                .weighted(&[("person", 70), ("person_and_vehicle", 25), ("vehicle", 5)]);
        put!(self.out, r#""search_type":""#, search, r#"""#);
        self.when_instant();
        self.lsoa("snapped");
        let object = self.draw.weighted(&[
            ("controlled-drugs", 60),
            ("offensive-weapons", 15),
            ("stolen-goods", 15),
            ("article-for-use-in-theft", 10),
        ]);
        let legislation = self.draw.pick(&[
            "misuse-of-drugs-act-1971-section-23",
            "police-and-criminal-evidence-act-1984-section-1",
        ]);
        put!(
            self.out,
            r#","object":""#,
            object,
            r#"","legislation":""#,
            legislation
        );
        let outcome = self.draw.weighted(&[
            ("a-no-further-action-disposal", 70),
            ("arrest", 18),
            ("community-resolution", 12),
        ]);
        put!(
            self.out,
            r#"","outcome":{"list":"police-uk-search","code":""#,
            outcome,
            r#""},"operation":false"#
        );
        self.person_without_token("person");
    }

    fn referral(&mut self, scheme: &'static str) {
        put!(self.out, r#""scheme":""#, scheme, r#"""#);
        put!(
            self.out,
            r#","when":{"occurred_from":""#,
            Month((self.occurred / DAY) as i32)
        );
        put!(
            self.out,
            r#"","recorded_at":""#,
            Day((self.recorded / DAY) as i32),
            r#""}"#
        );
        put!(
            self.out,
            r#","area":{"code":""#,
            COUNTY,
            r#"","level":"county","role":"incident"}"#
        );
        match scheme {
            "nrm" => {
                let concern = self.draw.pick(&["criminal", "sexual", "labour"]);
                put!(
                    self.out,
                    r#","concerns":[""#,
                    concern,
                    r#""],"referred_by":"police""#
                );
                self.flags(&[("county_lines", 60, 40), ("modern_slavery", 90, 90)]);
            }
            "prevent" => self.flags(&[("mental_health", 50, 35)]),
            _ => {
                let (repeat, children) = (self.draw.percent(28), self.draw.below(4));
                put!(
                    self.out,
                    r#","repeat":"#,
                    repeat,
                    r#","repeat_definition":"12-months","children":"#,
                    children
                );
                self.flags(&[
                    ("domestic_abuse", 100, 100),
                    ("mental_health_victim", 50, 30),
                ]);
            }
        }
        self.person_without_token("person");
    }

    fn assault_attendance(&mut self) {
        let method = self.draw.pick(&["01", "02", "03", "05"]);
        self.what("istv-method", "2014-09", method, "");
        self.when_instant();
        self.outward("incident");
        let (site, place) = (
            self.draw.pick(&["RWF03", "RWFTW"]),
            self.draw.pick(&["01", "02", "03"]),
        );
        let arrived = self.occurred + 1800 + i64::from(self.draw.below(7200));
        put!(
            self.out,
            r#","site_code":""#,
            site,
            r#"","arrived_at":""#,
            Utc(arrived),
            r#"","place_code":""#,
            place,
            r#"""#
        );
        self.flags(&CARE_FLAGS);
        self.person_without_token("person");
    }

    fn ambulance_call(&mut self) {
        let code = self.draw.pick(&["Dx010", "Dx012", "Dx0121", "Dx017"]);
        self.what("nhs-pathways", "2017-01", code, "");
        self.when_instant();
        self.lsoa("geocoded");
        let (category, conveyed) = (
            self.draw.pick(&["c1", "c2", "c2", "c3", "c4"]),
            self.draw.percent(60),
        );
        put!(
            self.out,
            r#","response_category":""#,
            category,
            r#"","conveyed":"#,
            conveyed
        );
        self.flags(&CARE_FLAGS);
    }

    fn admission(&mut self) {
        let codes = self.draw.pick(&[
            r#""S21.1","X99.9""#,
            r#""S02.6","Y04.0""#,
            r#""F10.0""#,
            r#""T51.0","Y90.6""#,
            r#""F11.2""#,
        ]);
        put!(self.out, r#""icd10":["#, codes, "]");
        self.when_day(None);
        self.outward("home");
        self.put(r#","method":"emergency","site_code":"RWF03""#);
        self.flags(&CARE_FLAGS);
        self.person("person");
    }

    fn mental_health_detention(&mut self) {
        let status = self.draw.weighted(&[("20", 92), ("19", 8)]);
        put!(self.out, r#""legal_status":""#, status, r#"""#);
        self.when_instant();
        self.outward("home");
        let arrived = self.occurred + 4500;
        put!(
            self.out,
            r#","place_of_safety":"health_based","arrived_at":""#,
            Utc(arrived)
        );
        put!(
            self.out,
            r#"","ended_at":""#,
            Utc(arrived + 20_000),
            r#"","site_code":"RXY04""#
        );
        self.person("person");
    }

    fn treatment(&mut self) {
        let group = self.draw.weighted(&[
            ("opiate", 45),
            ("alcohol", 35),
            ("non_opiate", 12),
            ("non_opiate_and_alcohol", 8),
        ]);
        put!(self.out, r#""substance_group":""#, group, r#"""#);
        self.when_day(None);
        put!(
            self.out,
            r#","area":{"code":""#,
            DISTRICT,
            r#"","level":"district","role":"home"}"#
        );
        let by = self
            .draw
            .pick(&["self", "gp", "criminal-justice", "health-service"]);
        put!(self.out, r#","referred_by":""#, by, r#"""#);
        if self.life.resolved {
            let end = self
                .draw
                .pick(&["completed", "dropped_out", "transferred", "custody"]);
            put!(
                self.out,
                r#","ended_at":""#,
                Day((self.occurred / DAY) as i32 + 1),
                r#"","end":""#,
                end,
                r#"""#
            );
        }
        self.flags(&[("mental_health", 80, 45)]);
        self.person("person");
    }

    fn homelessness_case(&mut self) {
        let assessment = self.draw.pick(&[
            "prevention_duty",
            "relief_duty",
            "relief_duty",
            "not_threatened",
            "pending",
        ]);
        put!(
            self.out,
            r#""edition":"2018-04","assessment":""#,
            assessment,
            r#"""#
        );
        self.when_day(Some(self.recorded));
        put!(
            self.out,
            r#","area":{"code":""#,
            DISTRICT,
            r#"","level":"district","role":"service"}"#
        );
        let reason = self.draw.pick(&[
            "domestic-abuse",
            "end-of-private-rented-tenancy",
            "family-no-longer-willing",
            "other",
        ]);
        let needs = self.draw.pick(&[
            "",
            r#""history-of-mental-health-problems""#,
            r#""drug-dependency-needs","history-of-mental-health-problems""#,
            r#""offending-history""#,
            r#""at-risk-of-has-experienced-domestic-abuse""#,
        ]);
        put!(
            self.out,
            r#","loss_reason":""#,
            reason,
            r#"","support_needs":["#,
            needs,
            "]"
        );
        put!(self.out, r#","children":"#, self.draw.percent(45));
        self.person_without_token("person");
    }

    fn antisocial_behaviour_case(&mut self) {
        let category = self.draw.weighted(&[
            ("A", 40),
            ("B", 25),
            ("D", 8),
            ("G", 12),
            ("I", 6),
            ("K", 5),
            ("J", 4),
        ]);
        self.what("housemark", "2016", category, "");
        self.when_day(Some(self.recorded));
        self.lsoa("address");
        if self.life.resolved {
            let action = self
                .draw
                .pick(&["warning", "mediation", "injunction", "none"]);
            put!(
                self.out,
                r#","closed_at":""#,
                Day((self.occurred / DAY) as i32 + 1),
                r#"","action":""#,
                action,
                r#"""#
            );
        }
        put!(
            self.out,
            r#","police_informed":"#,
            self.draw.percent(40),
            r#","tenure":"social""#
        );
        self.flags(&HOUSING_FLAGS);
    }

    fn noise_complaint(&mut self) {
        let category = self.draw.pick(&[
            "domestic",
            "domestic",
            "commercial",
            "construction",
            "vehicles",
        ]);
        self.what("noise-source", "2016", category, "");
        put!(
            self.out,
            r#","when":{"occurred_from":""#,
            Local(self.occurred),
            r#""}"#
        );
        self.ward();
        put!(self.out, r#","statutory_nuisance":"#, self.draw.percent(12));
    }

    fn possession(&mut self) {
        let stage = self.draw.pick(&[
            "notice",
            "claim",
            "outright_order",
            "suspended_order",
            "warrant",
            "repossession",
        ]);
        put!(self.out, r#""stage":""#, stage, r#"""#);
        self.when_day(None);
        let ground =
            self.draw
                .weighted(&[("arrears", 75), ("antisocial_behaviour", 15), ("other", 10)]);
        put!(
            self.out,
            r#","area":{"code":""#,
            DISTRICT,
            r#"","level":"district","role":"home"}"#
        );
        put!(
            self.out,
            r#","procedure":"social_tenancy","landlord":"housing_association","ground":""#,
            ground,
            r#"""#
        );
        self.flags(&HOUSING_FLAGS[2..3]);
    }

    fn domestic_abuse_support(&mut self) {
        let (service, supported) = (
            self.draw.pick(&["refuge", "sanctuary", "outreach", "idva"]),
            self.draw.percent(72),
        );
        put!(
            self.out,
            r#""service":""#,
            service,
            r#"","supported":"#,
            supported
        );
        put!(
            self.out,
            r#","when":{"occurred_from":""#,
            Month((self.occurred / DAY) as i32),
            r#""}"#
        );
        put!(
            self.out,
            r#","area":{"code":""#,
            COUNTY,
            r#"","level":"county","role":"service"}"#
        );
        if !supported {
            self.put(r#","not_supported_reason":"no-space""#);
        }
        put!(self.out, r#","children":"#, self.draw.below(4));
        self.flags(&[("mental_health_victim", 70, 45)]);
    }

    fn count(&mut self, day: i32) {
        let (year, month, _) = civil(day);
        let from = days_from_civil(year as i32, month, 1);
        let group = self.draw.pick(&["opiate", "alcohol", "non-opiate"]);
        self.what("ndtms-group", "2016", group, "");
        put!(
            self.out,
            r#","period":{"from":""#,
            Day(from),
            r#"","to":""#,
            Day(from + 27),
            r#""}"#
        );
        put!(
            self.out,
            r#","area":{"code":""#,
            DISTRICT,
            r#"","level":"district","role":"home"}"#
        );
        self.put(r#","unit":"persons","date_basis":"snapshot""#);
        let value = self.draw.below(80) * 5;
        match self.draw.below(3) {
            0 => put!(self.out, r#","status":"exact","value":"#, value),
            1 => put!(
                self.out,
                r#","status":"rounded","value":"#,
                value + 5,
                r#","at_least":"#,
                value + 3,
                r#","at_most":"#,
                value + 7
            ),
            _ => self.put(r#","status":"suppressed","at_least":1,"at_most":7"#),
        }
    }

    fn what(&mut self, list: &str, edition: &str, category: &str, code: &str) {
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

    fn when_instant(&mut self) {
        put!(
            self.out,
            r#","when":{"occurred_from":""#,
            Utc(self.occurred),
            r#""}"#
        );
    }

    fn when_day(&mut self, recorded: Option<i64>) {
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
    fn lsoa(&mut self, confidence: &str) {
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

    fn ward(&mut self) {
        let code = self.draw.pick(&WARDS);
        put!(
            self.out,
            r#","area":{"code":""#,
            code,
            r#"","level":"ward","role":"incident","vintage":2017}"#
        );
    }

    fn outward(&mut self, role: &str) {
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
    fn flags(&mut self, flags: &[Flag]) {
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

    fn person(&mut self, role: &str) {
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

    fn person_without_token(&mut self, role: &str) {
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
