//! The kinds of the police feed.
//!
//! Sources: Home Office Counting Rules and National Standard for Incident Recording (crime,
//! incident); Mental Health Act 1983, ss. 135 and 136 (detention); data.police.uk (stop-search);
//! National Referral Mechanism, Prevent and `SafeLives` (referral).

use super::moment::Moment;
use super::parts::{
    Area, AreaCoarse, Cancellation, Children, Flags, List, Outcome, Person, What, When, closed,
    object,
};
use super::text::Slug;

object! {
    /// A recorded crime.
    Crime<'a> {
        /// The partner's own classification.
        #[serde(borrow)]
        what: What<'a>,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// How it was resolved.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome<'a>>,
        /// The harmed person.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        victim: Option<Person<'a>>,
        /// The person suspected.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        suspect: Option<Person<'a>>,
        /// Marks, each true, false or not recorded.
        #[serde(skip_serializing_if = "Option::is_none")]
        flags: Option<Flags>,
        /// The record no longer counts.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        cancellation: Option<Cancellation<'a>>,
    }
}

object! {
    /// An incident that is no crime.
    Incident<'a> {
        /// The partner's own classification.
        #[serde(borrow)]
        what: What<'a>,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// Whether a crime was recorded for it too.
        #[serde(skip_serializing_if = "Option::is_none")]
        crime_recorded: Option<bool>,
        /// The harmed person.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        victim: Option<Person<'a>>,
        /// The person whose behaviour it is.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        suspect: Option<Person<'a>>,
        /// Marks, each true, false or not recorded.
        #[serde(skip_serializing_if = "Option::is_none")]
        flags: Option<Flags>,
        /// The record no longer counts.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        cancellation: Option<Cancellation<'a>>,
    }
}

closed! {
    /// The power a person was detained under.
    LegalPower { S135 = "s135", S1351 = "s135_1", S1352 = "s135_2", S136 = "s136" }
    /// Where a person was taken first.
    PlaceOfSafety {
        HealthBased = "health_based", EmergencyDepartment = "emergency_department", OtherHospital = "other_hospital",
        PoliceStation = "police_station", PrivateDwelling = "private_dwelling", CareHome = "care_home",
        Other = "other", NotKnown = "not_known",
    }
    /// How a detention ended.
    DetentionResult {
        AdmittedDetained = "admitted_detained", AdmittedInformal = "admitted_informal",
        CommunityFollowUp = "community_follow_up", NoFurtherAction = "no_further_action",
        Absconded = "absconded", Other = "other", NotKnown = "not_known",
    }
    /// How a person was taken to the place of safety.
    Transport {
        Ambulance = "ambulance", PoliceVehicle = "police_vehicle", OtherHealthVehicle = "other_health_vehicle",
        OnFoot = "on_foot", Other = "other", NotKnown = "not_known",
    }
    /// Why a police vehicle was used.
    PoliceVehicleReason {
        NoAmbulance = "no_ambulance_in_30_minutes", NotRequested = "ambulance_not_requested",
        Refused = "ambulance_refused", Risk = "risk", Other = "other", NotKnown = "not_known",
    }
    /// Why a police station was used.
    PoliceStationReason {
        ImminentRisk = "imminent_risk", NoOtherPlace = "no_other_place", Other = "other", NotKnown = "not_known",
    }
    /// What was searched.
    SearchType { Person = "person", Vehicle = "vehicle", PersonAndVehicle = "person_and_vehicle" }
    /// Under which scheme a person was referred.
    Scheme { Nrm = "nrm", DutyToNotify = "duty_to_notify", Prevent = "prevent", Marac = "marac", Other = "other" }
    /// How far a referral has come.
    ReferralStage {
        Referred = "referred", Accepted = "accepted", PositiveGrounds = "positive_grounds",
        NegativeGrounds = "negative_grounds", Closed = "closed", NotKnown = "not_known",
    }
}

object! {
    /// A detention under section 135 or 136 of the Mental Health Act 1983.
    Detention<'a> {
        /// The power used.
        legal_power: LegalPower,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// Where the person was taken first.
        place_of_safety: PlaceOfSafety,
        /// Arrival there, from which the hours count.
        #[serde(skip_serializing_if = "Option::is_none")]
        arrived_at: Option<Moment>,
        /// The end of the detention.
        #[serde(skip_serializing_if = "Option::is_none")]
        ended_at: Option<Moment>,
        /// Whether the 24 hours were extended.
        #[serde(skip_serializing_if = "Option::is_none")]
        extended: Option<bool>,
        /// How it ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<DetentionResult>,
        /// How the person was taken there.
        #[serde(skip_serializing_if = "Option::is_none")]
        transport: Option<Transport>,
        /// Why a police vehicle was used.
        #[serde(skip_serializing_if = "Option::is_none")]
        police_vehicle_reason: Option<PoliceVehicleReason>,
        /// Why a police station was used.
        #[serde(skip_serializing_if = "Option::is_none")]
        police_station_reason: Option<PoliceStationReason>,
        /// Whether a health professional was asked first.
        #[serde(skip_serializing_if = "Option::is_none")]
        professional_consulted: Option<bool>,
        /// The person detained.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        person: Option<Person<'a>>,
        /// Marks, each true, false or not recorded.
        #[serde(skip_serializing_if = "Option::is_none")]
        flags: Option<Flags>,
        /// The record no longer counts.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        cancellation: Option<Cancellation<'a>>,
    }
}

object! {
    /// A stop and search.
    StopSearch<'a> {
        /// What was searched.
        search_type: SearchType,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// What was looked for.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        object: Option<Slug<'a>>,
        /// The power used.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        legislation: Option<Slug<'a>>,
        /// How it was resolved.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome<'a>>,
        /// Whether the outcome was for the object looked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome_linked: Option<bool>,
        /// Whether it was part of a policing operation.
        #[serde(skip_serializing_if = "Option::is_none")]
        operation: Option<bool>,
        /// The person searched.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        person: Option<Person<'a>>,
        /// Marks, each true, false or not recorded.
        #[serde(skip_serializing_if = "Option::is_none")]
        flags: Option<Flags>,
        /// The record no longer counts.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        cancellation: Option<Cancellation<'a>>,
    }
}

object! {
    /// A referral to the National Referral Mechanism, Prevent or a MARAC.
    Referral<'a> {
        /// The scheme.
        scheme: Scheme,
        /// When it happened and when it was recorded.
        when: When,
        /// Where: a district or larger.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<AreaCoarse<'a>>,
        /// What the concern is.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        concerns: Option<List<Slug<'a>, 0, 8>>,
        /// Who referred.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        referred_by: Option<Slug<'a>>,
        /// How far it has come.
        #[serde(skip_serializing_if = "Option::is_none")]
        stage: Option<ReferralStage>,
        /// Whether the person was referred before.
        #[serde(skip_serializing_if = "Option::is_none")]
        repeat: Option<bool>,
        /// What counts as before.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        repeat_definition: Option<Slug<'a>>,
        /// Children in the household.
        #[serde(skip_serializing_if = "Option::is_none")]
        children: Option<Children>,
        /// The person referred.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        person: Option<Person<'a>>,
        /// Marks, each true, false or not recorded.
        #[serde(skip_serializing_if = "Option::is_none")]
        flags: Option<Flags>,
        /// The record no longer counts.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        cancellation: Option<Cancellation<'a>>,
    }
}
