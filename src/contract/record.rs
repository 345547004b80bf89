//! An event laid flat: every field of every kind once. The rules between fields, the search for
//! personal data and the ledger's row all work on it, so that none of them is written sixteen
//! times.
//!
//! A column is named as its field is in the contract, with the part before it (`area_code`), and
//! holds what the partner sent. Where a kind's own field is its classification (`legal_power`,
//! `icd10`), it is `what_category`.

use super::count::Count;
use super::health::{
    Admission, AmbulanceCall, AssaultAttendance, MentalHealthDetention, Treatment,
};
use super::housing::{
    AntisocialBehaviourCase, DomesticAbuseSupport, HomelessnessCase, NoiseComplaint, Possession,
};
use super::moment::Moment;
use super::parts::{
    Area, AreaCoarse, Cancellation, Flags, List as Items, Outcome, Person, What, When,
};
use super::police::{Crime, Detention, Incident, Referral, StopSearch};
use super::text::Text as Formed;
use super::{Data, Event};
use crate::event::{Feed, Kind};

/// Hands the list of columns (`name: ColumnKind`, each with its description) to a macro.
macro_rules! with_columns {
    ($callback:ident) => {
        $callback! {
            #[doc = "`CloudEvents` attribute `id`: same source and id, the same event sent again; null = `<subject>.<revision>`, as the contracts advise."]
            id: Text,
            #[doc = "The partner's records system, `urn:partner:<partner>:<system>`."]
            source: Name,
            #[doc = "`police`, `health` or `housing`."]
            feed: FeedName,
            #[doc = "What the event is about: one of the fifteen kinds, or `count`."]
            kind: KindName,
            #[doc = "Version of the contract the event was read under."]
            version: Number,
            #[doc = "The record's token within its source; no personal data."]
            subject: Key,
            #[doc = "Grows with each correction of the record."]
            revision: Number,
            #[doc = "When this revision was true at the partner (UTC)."]
            time: Sent,
            #[doc = "Where the partner says its schema is; never fetched."]
            dataschema: Code,
            #[doc = "Code list of the partner's own classification; null where the kind has one list of its own."]
            what_list: Code,
            #[doc = "Edition of that list."]
            what_edition: Code,
            #[doc = "The category in that list, as sent; the one code of a kind that has a list of its own, such as `legal_power`, the first of `icd10` or `loss_reason`."]
            what_category: Code,
            #[doc = "The finer code, as sent, where the list has one."]
            what_code: Code,
            #[doc = "The diagnoses after the first, joined by `;`."]
            icd10_further: List,
            #[doc = "When it happened, or began to: the first instant of the moment (UTC)."]
            occurred_from: Time,
            #[doc = "When it ended, where a span is known."]
            occurred_to: Time,
            #[doc = "When the partner recorded it."]
            recorded_at: Time,
            #[doc = "The first day a count covers."]
            period_from: Time,
            #[doc = "The last day a count covers."]
            period_to: Time,
            #[doc = "Code of the area, or an outward postcode, as sent; null = not known."]
            area_code: Code,
            #[doc = "`lsoa`, `msoa`, `ward`, `district`, `county`, `police_force`, `icb` or `outward_postcode`."]
            area_level: Code,
            #[doc = "What the place is to the record: `incident`, `home` or `service`; never added."]
            area_role: Code,
            #[doc = "Year of the boundaries."]
            area_vintage: Int,
            #[doc = "How the place was found."]
            area_confidence: Code,
            #[doc = "A place of the partnership, such as `town-centre`, tagged by the partner."]
            area_zone: Code,
            #[doc = "Keyed hash of the address, made at the partner."]
            area_place_token: Text,
            #[doc = "Marks on the record."]
            flags: Marks,
            #[doc = "Keyed hash of the person's identifier, made at the partner."]
            person_token: Text,
            #[doc = "The same under the key before."]
            person_token_previous: Text,
            #[doc = "The person's age in a band of years."]
            person_age_band: Code,
            #[doc = "The person's sex."]
            person_sex: Code,
            #[doc = "As `person_token`, of the harmed person."]
            victim_token: Text,
            #[doc = "As `person_token_previous`, of the harmed person."]
            victim_token_previous: Text,
            #[doc = "As `person_age_band`, of the harmed person."]
            victim_age_band: Code,
            #[doc = "As `person_sex`, of the harmed person."]
            victim_sex: Code,
            #[doc = "As `person_token`, of the person suspected."]
            suspect_token: Text,
            #[doc = "As `person_token_previous`, of the person suspected."]
            suspect_token_previous: Text,
            #[doc = "As `person_age_band`, of the person suspected."]
            suspect_age_band: Code,
            #[doc = "As `person_sex`, of the person suspected."]
            suspect_sex: Code,
            #[doc = "Code list of the outcome."]
            outcome_list: Code,
            #[doc = "The outcome in that list, as sent."]
            outcome_code: Code,
            #[doc = "When the outcome was given."]
            outcome_at: Time,
            #[doc = "Why the record no longer counts; null = it counts."]
            cancellation_reason: Code,
            #[doc = "Since when it does not count."]
            cancellation_at: Time,
            #[doc = "The record that stands for it."]
            cancellation_replaced_by: Text,
            #[doc = "Arrival at the place of safety or the department."]
            arrived_at: Time,
            #[doc = "End of the detention, course, case or support."]
            ended_at: Time,
            #[doc = "When the case was closed."]
            closed_at: Time,
            #[doc = "How the course, case or support ended."]
            end: Code,
            #[doc = "Whether a crime was recorded for the incident too."]
            crime_recorded: Bool,
            #[doc = "Where a detained person was taken first."]
            place_of_safety: Code,
            #[doc = "Whether the 24 hours of a detention were extended."]
            extended: Bool,
            #[doc = "How a detention ended."]
            result: Code,
            #[doc = "How a detained person was taken to the place of safety."]
            transport: Code,
            #[doc = "Why a police vehicle was used."]
            police_vehicle_reason: Code,
            #[doc = "Why a police station was used."]
            police_station_reason: Code,
            #[doc = "Whether a health professional was asked before a detention."]
            professional_consulted: Bool,
            #[doc = "What was searched."]
            search_type: Code,
            #[doc = "The power of a search."]
            legislation: Code,
            #[doc = "Whether a search's outcome was for the object looked for."]
            outcome_linked: Bool,
            #[doc = "Whether a search was part of a policing operation."]
            operation: Bool,
            #[doc = "The concerns of a referral, joined by `;`."]
            concerns: List,
            #[doc = "Who referred."]
            referred_by: Code,
            #[doc = "How far a referral has come."]
            stage: Code,
            #[doc = "Whether the person was referred before."]
            repeat: Bool,
            #[doc = "What counts as before."]
            repeat_definition: Code,
            #[doc = "Children in the household, 0 to 20."]
            children: Int,
            #[doc = "Whether a homelessness case has children (`children` in the event)."]
            children_present: Bool,
            #[doc = "Hospital site, by its ODS code."]
            site_code: Code,
            #[doc = "Kind of place of an assault."]
            place_code: Code,
            #[doc = "How urgent an ambulance call was."]
            response_category: Code,
            #[doc = "Whether the patient was taken to a hospital."]
            conveyed: Bool,
            #[doc = "How a patient was admitted."]
            method: Code,
            #[doc = "Where treatment is given."]
            setting: Code,
            #[doc = "What the housing authority decided it owes."]
            assessment: Code,
            #[doc = "Whether a notice under section 21 was served."]
            section_21: Bool,
            #[doc = "Support needs of a homelessness case, joined by `;`: empty = none, null = not asked."]
            support_needs: List,
            #[doc = "What was done about a case or complaint."]
            action: Code,
            #[doc = "Whether a case review was asked for."]
            case_review: Bool,
            #[doc = "Whether the police were told."]
            police_informed: Bool,
            #[doc = "How the dwelling is held."]
            tenure: Code,
            #[doc = "Whether a noise was a statutory nuisance."]
            statutory_nuisance: Bool,
            #[doc = "The procedure of a possession case."]
            procedure: Code,
            #[doc = "Who claims possession."]
            landlord: Code,
            #[doc = "The ground of a possession case."]
            ground: Code,
            #[doc = "Whether domestic-abuse support was given."]
            supported: Bool,
            #[doc = "Why it was not given."]
            not_supported_reason: Code,
            #[doc = "What a count counts; units are never added."]
            unit: Code,
            #[doc = "The date a count goes by."]
            date_basis: Code,
            #[doc = "Whether a count may still change."]
            provisional: Bool,
            #[doc = "Of a count: of which in this band of years."]
            age_band: Code,
            #[doc = "Of a count: of which of this sex."]
            sex: Code,
            #[doc = "Of a count: of which with this flag."]
            with_flag: Code,
            #[doc = "`exact`, `rounded`, `suppressed` or `not_supplied`: how much a count says."]
            status: Code,
            #[doc = "The number of a count."]
            value: Int,
            #[doc = "The least a count can be."]
            at_least: Int,
            #[doc = "The most a count can be."]
            at_most: Int,
        }
    };
}
pub(crate) use with_columns;

/// A kind of column: what a flat record holds in it.
pub trait Value {
    /// The value, borrowed from the event or the row.
    type Of<'r>: Copy;
    /// What an event that says nothing holds.
    fn absent<'r>() -> Self::Of<'r>;
}

macro_rules! values {
    ($($(#[$doc:meta])* $name:ident: $of:ty = $absent:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Value for $name {
            type Of<'r> = $of;

            fn absent<'r>() -> Self::Of<'r> {
                $absent
            }
        }
    )+ };
}

values! {
    /// A text that is always there and seldom the same.
    Key: &'r str = "";
    /// A text that is always there and often the same.
    Name: &'r str = "";
    /// The feed.
    FeedName: Feed = Feed::Police;
    /// The kind.
    KindName: Kind = Kind::Count;
    /// An integer that is always there.
    Number: i32 = 0;
    /// The instant an event was sent for.
    Sent: Option<Moment> = None;
    /// A text that is often the same.
    Code: Option<&'r str> = None;
    /// A text that is seldom the same.
    Text: Option<&'r str> = None;
    /// An integer.
    Int: Option<i32> = None;
    /// True, false or not recorded.
    Bool: Option<bool> = None;
    /// A month, a day or an instant.
    Time: Option<Moment> = None;
    /// Several texts.
    List: Option<Strs<'r>> = None;
    /// The flags.
    Marks: Flags = Flags::NONE;
}

macro_rules! record {
    ($($(#[$doc:meta])+ $name:ident: $kind:ident,)+) => {
        /// An event laid flat.
        #[derive(Clone, Copy, Debug)]
        pub struct Record<'r> { $($(#[$doc])+ pub $name: <$kind as Value>::Of<'r>),+ }

        impl Record<'_> {
            /// A record that says nothing.
            fn absent() -> Self {
                Self { $($name: <$kind as Value>::absent()),+ }
            }
        }
    };
}
with_columns!(record);

/// Several texts, borrowed from an event or joined by `;` in a row.
#[derive(Clone, Copy, Debug)]
pub enum Strs<'r> {
    /// Slugs of an event.
    Slugs(&'r [super::text::Slug<'r>]),
    /// Diagnoses of an event.
    Icd10(&'r [super::text::Icd10<'r>]),
    /// As a row holds them.
    Joined(&'r str),
}

impl<'r> Strs<'r> {
    /// Calls `f` with each text in order.
    pub fn for_each(self, mut f: impl FnMut(&'r str)) {
        match self {
            Self::Slugs(items) => items.iter().for_each(|t| f(t)),
            Self::Icd10(items) => items.iter().for_each(|t| f(t)),
            Self::Joined("") => {}
            Self::Joined(text) => text.split(';').for_each(f),
        }
    }
}

impl<'r> Record<'r> {
    /// The event laid flat.
    pub fn of(event: &'r Event<'_>) -> Self {
        let envelope = &event.envelope;
        let mut record = Record {
            id: (!envelope.has_advised_id()).then_some(&*envelope.id),
            source: &envelope.source,
            feed: envelope.feed,
            kind: envelope.kind,
            version: super::VERSION,
            subject: &envelope.subject,
            revision: envelope.revision.0,
            time: Some(envelope.time.moment()),
            dataschema: text(envelope.dataschema.as_ref()),
            ..Record::absent()
        };
        record.lay_data(&event.data);
        record
    }

    /// The partner in `source`.
    pub fn partner(&self) -> &'r str {
        partner_of(self.source)
    }
}

/// The partner in a `source`, `urn:partner:<partner>:<system>`.
pub fn partner_of(source: &str) -> &str {
    source
        .strip_prefix("urn:partner:")
        .and_then(|rest| rest.split(':').next())
        .unwrap_or(source)
}

fn text<'r, F>(text: Option<&'r Formed<'_, F>>) -> Option<&'r str> {
    text.map(|t| &**t)
}

/// The value of a closed list as written.
macro_rules! name {
    ($value:expr) => {
        $value.map(|v| v.as_str())
    };
}

/// The four columns of a person.
macro_rules! lay_person {
    ($record:ident, $person:expr, $token:ident, $token_previous:ident, $age_band:ident, $sex:ident) => {
        if let Some(person) = $person {
            $record.$token = text(person.token.as_ref());
            $record.$token_previous = text(person.token_previous.as_ref());
            $record.$age_band = text(person.age_band.as_ref());
            $record.$sex = name!(person.sex);
        }
    };
}

/// The columns of an area, whatever its levels.
macro_rules! lay_area {
    ($record:ident, $area:expr) => {
        if let Some(area) = $area {
            $record.area_code = Some(&area.code);
            $record.area_level = Some(area.level.as_str());
            $record.area_role = Some(area.role.as_str());
            $record.area_vintage = area.vintage.map(|v| v.0);
            $record.area_confidence = name!(area.confidence);
            $record.area_zone = text(area.zone.as_ref());
            $record.area_place_token = text(area.place_token.as_ref());
        }
    };
}

// The parts.
impl<'r> Record<'r> {
    fn lay_what(&mut self, what: &'r What<'_>) {
        self.what_list = Some(&what.list);
        self.what_edition = Some(&what.edition);
        self.what_category = Some(&what.category);
        self.what_code = text(what.code.as_ref());
    }

    fn lay_when(&mut self, when: &When) {
        self.occurred_from = Some(when.occurred_from);
        self.occurred_to = when.occurred_to;
        self.recorded_at = when.recorded_at;
    }

    fn lay_area(&mut self, area: Option<&'r Area<'_>>) {
        lay_area!(self, area);
    }

    fn lay_area_coarse(&mut self, area: Option<&'r AreaCoarse<'_>>) {
        lay_area!(self, area);
    }

    fn lay_outcome(&mut self, outcome: Option<&'r Outcome<'_>>) {
        if let Some(outcome) = outcome {
            self.outcome_list = Some(&outcome.list);
            self.outcome_code = Some(&outcome.code);
            self.outcome_at = outcome.at;
        }
    }

    fn lay_person(&mut self, person: Option<&'r Person<'_>>) {
        lay_person!(
            self,
            person,
            person_token,
            person_token_previous,
            person_age_band,
            person_sex
        );
    }

    fn lay_victim(&mut self, victim: Option<&'r Person<'_>>) {
        lay_person!(
            self,
            victim,
            victim_token,
            victim_token_previous,
            victim_age_band,
            victim_sex
        );
    }

    fn lay_suspect(&mut self, suspect: Option<&'r Person<'_>>) {
        lay_person!(
            self,
            suspect,
            suspect_token,
            suspect_token_previous,
            suspect_age_band,
            suspect_sex
        );
    }

    fn lay_flags(&mut self, flags: Option<Flags>) {
        self.flags = flags.unwrap_or_default();
    }

    fn lay_cancellation(&mut self, cancellation: Option<&'r Cancellation<'_>>) {
        if let Some(cancellation) = cancellation {
            self.cancellation_reason = Some(cancellation.reason.as_str());
            self.cancellation_at = Some(cancellation.at);
            self.cancellation_replaced_by = text(cancellation.replaced_by.as_ref());
        }
    }
}

// The kinds.
impl<'r> Record<'r> {
    fn lay_data(&mut self, data: &'r Data<'_>) {
        match data {
            Data::Crime(data) => self.lay_crime(data),
            Data::Incident(data) => self.lay_incident(data),
            Data::Detention(data) => self.lay_detention(data),
            Data::StopSearch(data) => self.lay_stop_search(data),
            Data::Referral(data) => self.lay_referral(data),
            Data::AssaultAttendance(data) => self.lay_assault_attendance(data),
            Data::AmbulanceCall(data) => self.lay_ambulance_call(data),
            Data::Admission(data) => self.lay_admission(data),
            Data::MentalHealthDetention(data) => self.lay_mental_health_detention(data),
            Data::Treatment(data) => self.lay_treatment(data),
            Data::HomelessnessCase(data) => self.lay_homelessness_case(data),
            Data::AntisocialBehaviourCase(data) => self.lay_antisocial_behaviour_case(data),
            Data::NoiseComplaint(data) => self.lay_noise_complaint(data),
            Data::Possession(data) => self.lay_possession(data),
            Data::DomesticAbuseSupport(data) => self.lay_domestic_abuse_support(data),
            Data::Count(data) => self.lay_count(data),
        }
    }

    fn lay_crime(&mut self, d: &'r Crime<'_>) {
        self.lay_what(&d.what);
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_outcome(d.outcome.as_ref());
        self.lay_victim(d.victim.as_ref());
        self.lay_suspect(d.suspect.as_ref());
    }

    fn lay_incident(&mut self, d: &'r Incident<'_>) {
        self.lay_what(&d.what);
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_victim(d.victim.as_ref());
        self.lay_suspect(d.suspect.as_ref());
        self.crime_recorded = d.crime_recorded;
    }

    fn lay_detention(&mut self, d: &'r Detention<'_>) {
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        self.what_category = Some(d.legal_power.as_str());
        self.place_of_safety = Some(d.place_of_safety.as_str());
        self.arrived_at = d.arrived_at;
        self.ended_at = d.ended_at;
        self.extended = d.extended;
        self.result = name!(d.result);
        self.transport = name!(d.transport);
        self.police_vehicle_reason = name!(d.police_vehicle_reason);
        self.police_station_reason = name!(d.police_station_reason);
        self.professional_consulted = d.professional_consulted;
    }

    fn lay_stop_search(&mut self, d: &'r StopSearch<'_>) {
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_outcome(d.outcome.as_ref());
        self.lay_person(d.person.as_ref());
        self.search_type = Some(d.search_type.as_str());
        self.what_category = text(d.object.as_ref());
        self.legislation = text(d.legislation.as_ref());
        self.outcome_linked = d.outcome_linked;
        self.operation = d.operation;
    }

    fn lay_referral(&mut self, d: &'r Referral<'_>) {
        self.lay_when(&d.when);
        self.lay_area_coarse(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        self.what_category = Some(d.scheme.as_str());
        self.concerns = d.concerns.as_ref().map(|Items(items)| Strs::Slugs(items));
        self.referred_by = text(d.referred_by.as_ref());
        self.stage = name!(d.stage);
        self.repeat = d.repeat;
        self.repeat_definition = text(d.repeat_definition.as_ref());
        self.children = d.children.map(|c| c.0);
    }

    fn lay_assault_attendance(&mut self, d: &'r AssaultAttendance<'_>) {
        self.lay_what(&d.what);
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        self.site_code = Some(&d.site_code);
        self.arrived_at = d.arrived_at;
        self.place_code = text(d.place_code.as_ref());
    }

    fn lay_ambulance_call(&mut self, d: &'r AmbulanceCall<'_>) {
        self.lay_what(&d.what);
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        self.response_category = name!(d.response_category);
        self.conveyed = d.conveyed;
    }

    fn lay_admission(&mut self, d: &'r Admission<'_>) {
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        if let [first, further @ ..] = &d.icd10.0[..] {
            self.what_category = Some(first);
            self.icd10_further = (!further.is_empty()).then_some(Strs::Icd10(further));
        }
        self.method = name!(d.method);
        self.site_code = text(d.site_code.as_ref());
    }

    fn lay_mental_health_detention(&mut self, d: &'r MentalHealthDetention<'_>) {
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        self.what_category = Some(&d.legal_status);
        self.place_of_safety = name!(d.place_of_safety);
        self.arrived_at = d.arrived_at;
        self.ended_at = d.ended_at;
        self.site_code = text(d.site_code.as_ref());
    }

    fn lay_treatment(&mut self, d: &'r Treatment<'_>) {
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        self.what_category = Some(d.substance_group.as_str());
        self.setting = text(d.setting.as_ref());
        self.referred_by = text(d.referred_by.as_ref());
        self.ended_at = d.ended_at;
        self.end = name!(d.end);
    }

    fn lay_homelessness_case(&mut self, d: &'r HomelessnessCase<'_>) {
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        self.what_edition = Some(d.edition.as_str());
        self.assessment = Some(d.assessment.as_str());
        self.section_21 = d.section_21;
        self.what_category = text(d.loss_reason.as_ref());
        self.support_needs = d
            .support_needs
            .as_ref()
            .map(|Items(items)| Strs::Slugs(items));
        self.children_present = d.children;
        self.ended_at = d.ended_at;
        self.end = text(d.end.as_ref());
    }

    fn lay_antisocial_behaviour_case(&mut self, d: &'r AntisocialBehaviourCase<'_>) {
        self.lay_what(&d.what);
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_victim(d.victim.as_ref());
        self.lay_suspect(d.suspect.as_ref());
        self.closed_at = d.closed_at;
        self.action = text(d.action.as_ref());
        self.case_review = d.case_review;
        self.police_informed = d.police_informed;
        self.tenure = name!(d.tenure);
    }

    fn lay_noise_complaint(&mut self, d: &'r NoiseComplaint<'_>) {
        self.lay_what(&d.what);
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.closed_at = d.closed_at;
        self.action = text(d.action.as_ref());
        self.statutory_nuisance = d.statutory_nuisance;
    }

    fn lay_possession(&mut self, d: &'r Possession<'_>) {
        self.lay_when(&d.when);
        self.lay_area(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        self.what_category = Some(d.stage.as_str());
        self.procedure = name!(d.procedure);
        self.landlord = name!(d.landlord);
        self.ground = name!(d.ground);
    }

    fn lay_domestic_abuse_support(&mut self, d: &'r DomesticAbuseSupport<'_>) {
        self.lay_when(&d.when);
        self.lay_area_coarse(d.area.as_ref());
        self.lay_flags(d.flags);
        self.lay_cancellation(d.cancellation.as_ref());
        self.lay_person(d.person.as_ref());
        self.what_category = Some(d.service.as_str());
        self.supported = Some(d.supported);
        self.not_supported_reason = text(d.not_supported_reason.as_ref());
        self.ended_at = d.ended_at;
        self.end = text(d.end.as_ref());
        self.children = d.children.map(|c| c.0);
    }

    fn lay_count(&mut self, d: &'r Count<'_>) {
        self.lay_what(&d.what);
        self.lay_area(d.area.as_ref());
        self.lay_cancellation(d.cancellation.as_ref());
        self.period_from = Some(d.period.from.moment());
        self.period_to = Some(d.period.to.moment());
        self.unit = Some(d.unit.as_str());
        self.date_basis = name!(d.date_basis);
        self.provisional = d.provisional;
        self.age_band = text(d.age_band.as_ref());
        self.sex = name!(d.sex);
        self.with_flag = d.with_flag.map(|f| f.0);
        self.status = Some(d.status.as_str());
        self.value = d.value.map(|q| q.0);
        self.at_least = d.at_least.map(|q| q.0);
        self.at_most = d.at_most.map(|q| q.0);
    }
}
