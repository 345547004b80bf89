//! What events of several kinds have: category, times, areas, flags and persons.

use super::HexToken;
use super::calendar::{CalendarDay, CalendarMonth, UtcTime, day_of};
use super::event_writer::EventWriter;

/// How many small areas in a hundred are in the second district.
const SECOND_DISTRICT_PERCENT: u32 = 20;
/// Persons that tokens stand for, so that some occur again.
const PERSONS: u32 = 30_000;
pub(super) const DISTRICT: &str = "E07000110";
pub(super) const COUNTY: &str = "E10000016";

/// Small areas of Maidstone (2011) as runs of codes: the first code and how many.
const LSOA_RUNS: [(u32, u32); 5] = [
    (1_024_320, 39),
    (1_024_360, 8),
    (1_024_369, 1),
    (1_024_371, 41),
    (1_033_087, 6),
];
/// Those of Tonbridge and Malling.
const SECOND_DISTRICT: [(u32, u32); 6] = [
    (1_024_717, 21),
    (1_024_740, 19),
    (1_024_760, 9),
    (1_024_771, 16),
    (1_032_620, 1),
    (1_032_825, 6),
];
/// The small areas of the town centre, where a third of all happens.
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
pub(super) type FlagRate = (&'static str, u32, u32);

impl EventWriter<'_> {
    pub(super) fn what(&mut self, list: &str, edition: &str, category: &str, code: &str) {
        self.json.open("what");
        self.json.text("list", list);
        self.json.text("edition", edition);
        let category = match (self.unknown_code, list) {
            (false, _) => category,
            (true, "ho-crime") => "999Z",
            (true, _) => "unlisted",
        };
        self.json.text("category", category);
        if !code.is_empty() {
            self.json.text("code", code);
        }
        self.json.close();
    }

    /// When it happened, as an instant.
    pub(super) fn when_instant(&mut self) {
        self.json.open("when");
        self.json.text("occurred_from", UtcTime(self.occurred));
        self.json.close();
    }

    /// When it happened, as a day, and when it was recorded.
    pub(super) fn when_day(&mut self, recorded: Option<i64>) {
        self.json.open("when");
        self.json
            .text("occurred_from", CalendarDay(day_of(self.occurred)));
        if let Some(recorded) = recorded {
            self.json.text("recorded_at", CalendarDay(day_of(recorded)));
        }
        self.json.close();
    }

    /// When it happened, as a month.
    pub(super) fn when_month(&mut self, recorded: Option<i64>) {
        self.json.open("when");
        self.json
            .text("occurred_from", CalendarMonth(day_of(self.occurred)));
        if let Some(recorded) = recorded {
            self.json.text("recorded_at", CalendarDay(day_of(recorded)));
        }
        self.json.close();
    }

    pub(super) fn district(&mut self, role: &str) {
        self.area(DISTRICT, "district", role);
    }

    pub(super) fn county(&mut self, role: &str) {
        self.area(COUNTY, "county", role);
    }

    fn area(&mut self, code: &str, level: &str, role: &str) {
        self.json.open("area");
        self.json.text("code", code);
        self.json.text("level", level);
        self.json.text("role", role);
        self.json.close();
    }

    /// The LSOA of an incident. One in fifty has none.
    pub(super) fn lsoa(&mut self, confidence: &str) {
        if self.draw.percent(2) {
            return;
        }
        let is_elsewhere = self.has_second_district && self.draw.percent(SECOND_DISTRICT_PERCENT);
        let number = if is_elsewhere {
            self.any_lsoa(&SECOND_DISTRICT)
        } else if self.draw.percent(33) {
            self.draw.pick(&CENTRE)
        } else {
            self.any_lsoa(&LSOA_RUNS)
        };
        self.json.open("area");
        self.json.text("code", format_args!("E0{number}"));
        self.json.text("level", "lsoa");
        self.json.text("role", "incident");
        self.json.value("vintage", 2011);
        self.json.text("confidence", confidence);
        if number == CENTRE[0] {
            self.json.text("zone", "town-centre");
        }
        self.json.close();
    }

    fn any_lsoa(&mut self, runs: &[(u32, u32)]) -> u32 {
        let mut left = self.draw.below(runs.iter().map(|run| run.1).sum());
        for (first, length) in runs {
            if left < *length {
                return first + left;
            }
            left -= length;
        }
        runs[0].0
    }

    pub(super) fn ward(&mut self) {
        self.json.open("area");
        self.json.text("code", self.draw.pick(&WARDS));
        self.json.text("level", "ward");
        self.json.text("role", "incident");
        self.json.value("vintage", 2017);
        self.json.close();
    }

    pub(super) fn outward(&mut self, role: &str) {
        let code = self.draw.pick(&OUTWARD);
        self.area(code, "outward_postcode", role);
    }

    /// Each flag recorded or not, and then true or false.
    pub(super) fn flags(&mut self, flags: &[FlagRate]) {
        let mut is_open = false;
        for (name, recorded, yes) in flags {
            let (recorded, yes) = (self.draw.percent(*recorded), self.draw.percent(*yes));
            if recorded {
                if !is_open {
                    self.json.open("flags");
                    is_open = true;
                }
                self.json.value(name, yes);
            }
        }
        if is_open {
            self.json.close();
        }
    }

    pub(super) fn person(&mut self, role: &str) {
        let person = u64::from(self.draw.below(PERSONS));
        self.json.open(role);
        self.json
            .text("token", format_args!("k17:{}", HexToken(person)));
        self.age_and_sex();
        self.json.close();
    }

    pub(super) fn person_without_token(&mut self, role: &str) {
        self.json.open(role);
        self.age_and_sex();
        self.json.close();
    }

    fn age_and_sex(&mut self) {
        self.json.text("age_band", self.draw.weighted(&AGES));
        self.json.text("sex", self.draw.pick(&["female", "male"]));
    }
}
