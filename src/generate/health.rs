//! The kinds of the health feed, and counts.

use super::calendar::{CalendarDay, UtcTime, civil, day_of, days_from_civil};
use super::event_writer::EventWriter;
use super::parts::FlagRate;

const CARE_FLAGS: [FlagRate; 3] = [
    ("alcohol", 50, 35),
    ("drugs", 40, 15),
    ("mental_health", 45, 22),
];

impl EventWriter<'_> {
    pub(super) fn assault_attendance(&mut self) {
        let method = self.draw.pick(&["01", "02", "03", "05"]);
        self.what("istv-method", "2014-09", method, "");
        self.when_instant();
        self.outward("incident");
        let site = self.draw.pick(&["RWF03", "RWFTW"]);
        let place_code = self.draw.pick(&["01", "02", "03"]);
        let arrived = self.occurred + 1800 + i64::from(self.draw.below(7200));
        self.json.text("site_code", site);
        self.json.text("arrived_at", UtcTime(arrived));
        self.json.text("place_code", place_code);
        self.flags(&CARE_FLAGS);
        self.person_without_token("person");
    }

    pub(super) fn ambulance_call(&mut self) {
        let code = self.draw.pick(&["Dx010", "Dx012", "Dx0121", "Dx017"]);
        self.what("nhs-pathways", "2017-01", code, "");
        self.when_instant();
        self.lsoa("geocoded");
        let category = self.draw.pick(&["c1", "c2", "c2", "c3", "c4"]);
        self.json.text("response_category", category);
        self.json.value("conveyed", self.draw.percent(60));
        self.flags(&CARE_FLAGS);
    }

    pub(super) fn admission(&mut self) {
        let codes: &[&str] = self.draw.pick(&[
            &["S21.1", "X99.9"],
            &["S02.6", "Y04.0"],
            &["F10.0"],
            &["T51.0", "Y90.6"],
            &["F11.2"],
        ]);
        self.json.texts("icd10", codes);
        self.when_day(None);
        self.outward("home");
        self.json.text("method", "emergency");
        self.json.text("site_code", "RWF03");
        self.flags(&CARE_FLAGS);
        self.person("person");
    }

    pub(super) fn mental_health_detention(&mut self) {
        let status = self.draw.weighted(&[("20", 92), ("19", 8)]);
        self.json.text("legal_status", status);
        self.when_instant();
        self.outward("home");
        let arrived = self.occurred + 4500;
        self.json.text("place_of_safety", "health_based");
        self.json.text("arrived_at", UtcTime(arrived));
        self.json.text("ended_at", UtcTime(arrived + 20_000));
        self.json.text("site_code", "RXY04");
        self.person("person");
    }

    pub(super) fn treatment(&mut self) {
        let group = self.draw.weighted(&[
            ("opiate", 45),
            ("alcohol", 35),
            ("non_opiate", 12),
            ("non_opiate_and_alcohol", 8),
        ]);
        self.json.text("substance_group", group);
        self.when_day(None);
        self.district("home");
        let referred_by = self
            .draw
            .pick(&["self", "gp", "criminal-justice", "health-service"]);
        self.json.text("referred_by", referred_by);
        if self.changes.resolved {
            let end = self
                .draw
                .pick(&["completed", "dropped_out", "transferred", "custody"]);
            self.json
                .text("ended_at", CalendarDay(day_of(self.occurred) + 1));
            self.json.text("end", end);
        }
        self.flags(&[("mental_health", 80, 45)]);
        self.person("person");
    }

    pub(super) fn count(&mut self) {
        let (year, month, _) = civil(self.day);
        let from = days_from_civil(year as i32, month, 1);
        let group = self.draw.pick(&["opiate", "alcohol", "non_opiate"]);
        self.what("ndtms-group", "2016", group, "");
        self.json.open("period");
        self.json.text("from", CalendarDay(from));
        self.json.text("to", CalendarDay(from + 27));
        self.json.close();
        self.district("home");
        self.json.text("unit", "persons");
        self.json.text("date_basis", "snapshot");
        let value = self.draw.below(80) * 5;
        match self.draw.below(3) {
            0 => {
                self.json.text("status", "exact");
                self.json.value("value", value);
            }
            1 => {
                self.json.text("status", "rounded");
                self.json.value("value", value + 5);
                self.json.value("at_least", value + 3);
                self.json.value("at_most", value + 7);
            }
            _ => {
                self.json.text("status", "suppressed");
                self.json.value("at_least", 1);
                self.json.value("at_most", 7);
            }
        }
    }
}
