//! The kinds of the police feed.

use super::calendar::{CalendarDay, LocalTime, UtcTime, day_of, days_from_civil};
use super::event_writer::EventWriter;
use super::offences::{Discovery, OFFENCES};
use super::parts::FlagRate;
use Discovery::{Property, Seen, Violence};

/// The day from which a police station is a place of safety only by exception: 2017-12-11.
const PLACE_OF_SAFETY_DAY: i32 = days_from_civil(2017, 12, 11);

/// Outcomes of the Home Office's list, with their weights.
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

const VIOLENCE_FLAGS: &[FlagRate] = &[
    ("alcohol", 55, 30),
    ("domestic_abuse", 90, 36),
    ("hate", 60, 4),
    ("knife", 35, 6),
    ("mental_health_suspect", 30, 16),
    ("mental_health_victim", 35, 14),
    ("repeat_offender", 30, 24),
];
const OTHER_FLAGS: &[FlagRate] = &[
    ("alcohol", 25, 10),
    ("drugs", 20, 8),
    ("mental_health", 25, 6),
    ("online", 12, 20),
    ("repeat_offender", 20, 18),
];
const INCIDENT_FLAGS: [FlagRate; 4] = [
    ("alcohol", 40, 22),
    ("drugs", 30, 12),
    ("mental_health_suspect", 35, 14),
    ("repeat_victim", 50, 18),
];
const DETENTION_FLAGS: [FlagRate; 3] = [
    ("alcohol", 60, 35),
    ("drugs", 50, 18),
    ("self_harm", 70, 55),
];

impl EventWriter<'_> {
    pub(super) fn crime(&mut self) {
        let first = self.offence;
        let mut offence = first;
        for _ in 0..self.changes.recoded {
            offence = self.draw.weighted(&OFFENCES);
        }
        self.what("ho-crime", "2016-04", offence.category, offence.code);
        let is_span = first.discovery == Property && self.draw.percent(60);
        // More than the hour that the clock may be put forward meanwhile.
        let until = self.occurred + 5400 + i64::from(self.draw.below(16 * 3600));
        let recorded = self.recorded.max(until) + 900;
        if self.draw.percent(4) {
            self.when_day(Some(recorded));
        } else {
            self.json.open("when");
            self.json.text("occurred_from", UtcTime(self.occurred));
            if is_span {
                self.json.text("occurred_to", UtcTime(until));
            }
            self.json.text("recorded_at", UtcTime(recorded));
            self.json.close();
        }
        self.lsoa("address");
        self.flags(if first.discovery == Violence {
            VIOLENCE_FLAGS
        } else {
            OTHER_FLAGS
        });
        if first.discovery != Seen {
            self.person("victim");
        }
        if self.changes.resolved || self.draw.percent(35) {
            let code = self.draw.weighted(&OUTCOMES);
            self.json.open("outcome");
            self.json.text("list", "ho-outcome");
            self.json.text("code", code);
            self.json.text("at", CalendarDay(day_of(recorded)));
            self.json.close();
        }
    }

    pub(super) fn incident(&mut self) {
        let category =
            self.draw
                .weighted(&[("personal", 25), ("nuisance", 65), ("environmental", 10)]);
        self.what("nsir", "2011-04", category, "");
        self.json.open("when");
        self.json.text("occurred_from", LocalTime(self.occurred));
        self.json
            .text("recorded_at", LocalTime(self.occurred + 300));
        self.json.close();
        if self.draw.percent(70) {
            self.lsoa("geocoded");
        } else {
            self.ward();
        }
        self.flags(&INCIDENT_FLAGS);
        self.json.value("crime_recorded", self.draw.percent(8));
    }

    pub(super) fn detention(&mut self) {
        let power = self
            .draw
            .weighted(&[("s136", 93), ("s135_1", 5), ("s135_2", 2)]);
        self.json.text("legal_power", power);
        self.when_instant();
        self.district("incident");
        let station = if self.day < PLACE_OF_SAFETY_DAY {
            18
        } else {
            1
        };
        let place_of_safety = self.draw.weighted(&[
            ("police_station", station),
            ("health_based", 70),
            ("emergency_department", 10),
            ("not_known", 2),
        ]);
        let arrived = self.occurred + 1200 + i64::from(self.draw.below(7200));
        let ended = arrived + 3600 + i64::from(self.draw.below(20 * 3600));
        self.json.text("place_of_safety", place_of_safety);
        self.json.text("arrived_at", UtcTime(arrived));
        self.json.text("ended_at", UtcTime(ended));
        self.json.value("extended", self.draw.percent(4));
        let result = self.draw.pick(&[
            "admitted_detained",
            "admitted_informal",
            "community_follow_up",
            "no_further_action",
        ]);
        self.json.text("result", result);
        let transport = self
            .draw
            .pick(&["ambulance", "police_vehicle", "police_vehicle"]);
        self.json.text("transport", transport);
        self.flags(&DETENTION_FLAGS);
        self.person("person");
    }

    pub(super) fn stop_search(&mut self) {
        let search_type =
            self.draw
                .weighted(&[("person", 70), ("person_and_vehicle", 25), ("vehicle", 5)]);
        self.json.text("search_type", search_type);
        self.when_instant();
        self.lsoa("snapped");
        let object = self.draw.weighted(&[
            ("controlled-drugs", 60),
            ("offensive-weapons", 15),
            ("stolen-goods", 15),
            ("article-for-use-in-theft", 10),
        ]);
        self.json.text("object", object);
        let legislation = self.draw.pick(&[
            "misuse-of-drugs-act-1971-section-23",
            "police-and-criminal-evidence-act-1984-section-1",
        ]);
        self.json.text("legislation", legislation);
        let outcome = self.draw.weighted(&[
            ("a-no-further-action-disposal", 70),
            ("arrest", 18),
            ("community-resolution", 12),
        ]);
        self.json.open("outcome");
        self.json.text("list", "police-uk-search");
        self.json.text("code", outcome);
        self.json.close();
        self.json.value("operation", false);
        self.person_without_token("person");
    }

    pub(super) fn referral(&mut self) {
        self.json.text("scheme", self.scheme);
        self.when_month(Some(self.recorded));
        self.county("incident");
        match self.scheme {
            "nrm" => {
                let concern = self.draw.pick(&["criminal", "sexual", "labour"]);
                self.json.texts("concerns", &[concern]);
                self.json.text("referred_by", "police");
                self.flags(&[("county_lines", 60, 40), ("modern_slavery", 90, 90)]);
            }
            "prevent" => self.flags(&[("mental_health", 50, 35)]),
            _ => {
                self.json.value("repeat", self.draw.percent(28));
                self.json.text("repeat_definition", "12-months");
                self.json.value("children", self.draw.below(4));
                self.flags(&[
                    ("domestic_abuse", 100, 100),
                    ("mental_health_victim", 50, 30),
                ]);
            }
        }
        self.person_without_token("person");
    }
}
