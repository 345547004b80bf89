//! The kinds of the housing feed.

use super::calendar::{CalendarDay, LocalTime, day_of};
use super::event_writer::EventWriter;
use super::parts::FlagRate;

const HOUSING_FLAGS: [FlagRate; 4] = [
    ("domestic_abuse", 60, 12),
    ("drugs", 40, 12),
    ("mental_health", 55, 24),
    ("mental_health_suspect", 30, 20),
];

impl EventWriter<'_> {
    pub(super) fn homelessness_case(&mut self) {
        let assessment = self.draw.pick(&[
            "prevention_duty",
            "relief_duty",
            "relief_duty",
            "not_threatened",
            "pending",
        ]);
        self.json.text("edition", "2018-04");
        self.json.text("assessment", assessment);
        self.when_day(Some(self.recorded));
        self.district("service");
        let loss_reason = self.draw.pick(&[
            "domestic-abuse",
            "end-of-non-ast-private-rented-tenancy",
            "family-or-friends-no-longer-willing-or-able-to-accommodate",
            "other-reasons-not-known",
        ]);
        self.json.text("loss_reason", loss_reason);
        let support_needs: &[&str] = self.draw.pick(&[
            &[],
            &["history-of-mental-health-problems"],
            &["drug-dependency-needs", "history-of-mental-health-problems"],
            &["offending-history"],
            &["at-risk-of-has-experienced-domestic-abuse"],
        ]);
        self.json.texts("support_needs", support_needs);
        self.json.value("children", self.draw.percent(45));
        self.person_without_token("person");
    }

    pub(super) fn antisocial_behaviour_case(&mut self) {
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
        if self.changes.resolved {
            let action = self
                .draw
                .pick(&["warning", "mediation", "injunction", "none"]);
            self.json
                .text("closed_at", CalendarDay(day_of(self.occurred) + 1));
            self.json.text("action", action);
        }
        self.json.value("police_informed", self.draw.percent(40));
        self.json.text("tenure", "social");
        self.flags(&HOUSING_FLAGS);
    }

    pub(super) fn noise_complaint(&mut self) {
        let category = self.draw.pick(&[
            "domestic",
            "domestic",
            "commercial",
            "construction",
            "vehicles",
        ]);
        self.what("noise-source", "2016", category, "");
        self.json.open("when");
        self.json.text("occurred_from", LocalTime(self.occurred));
        self.json.close();
        self.ward();
        self.json.value("statutory_nuisance", self.draw.percent(12));
    }

    pub(super) fn possession(&mut self) {
        let stage = self.draw.pick(&[
            "notice",
            "claim",
            "outright_order",
            "suspended_order",
            "warrant",
            "repossession",
        ]);
        self.json.text("stage", stage);
        self.when_day(None);
        let ground =
            self.draw
                .weighted(&[("arrears", 75), ("antisocial_behaviour", 15), ("other", 10)]);
        self.district("home");
        self.json.text("procedure", "social_tenancy");
        self.json.text("landlord", "housing_association");
        self.json.text("ground", ground);
        self.flags(&HOUSING_FLAGS[2..3]);
    }

    pub(super) fn domestic_abuse_support(&mut self) {
        let service = self.draw.pick(&["refuge", "sanctuary", "outreach", "idva"]);
        let is_supported = self.draw.percent(72);
        self.json.text("service", service);
        self.json.value("supported", is_supported);
        self.when_month(None);
        self.county("service");
        if !is_supported {
            self.json.text("not_supported_reason", "no-space");
        }
        self.json.value("children", self.draw.below(4));
        self.flags(&[("mental_health_victim", 70, 45)]);
    }
}
