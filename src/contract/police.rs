//! The kinds of the police feed.
//!
//! Sources: Home Office Counting Rules and National Standard for Incident Recording (crime,
//! incident); Mental Health Act 1983, ss. 135 and 136 (detention); data.police.uk (stop-search);
//! National Referral Mechanism, Prevent and `SafeLives` (referral).

use super::kind::kind;
use super::moment::Moment;
use super::parts::{AreaCoarse, BoundedList, Children, closed};
use super::text::Slug;

kind! {
    /// A recorded crime.
    Crime {
        what, when, area, outcome, victim, suspect, flags, cancellation,
    }
}

kind! {
    /// An incident that is not a crime.
    Incident {
        what, when, area,
        /// Whether a crime was recorded for it too.
        crime_recorded: Option<bool>,
        victim, suspect, flags, cancellation,
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
    /// The stage a referral has reached.
    ReferralStage {
        Referred = "referred", Accepted = "accepted", PositiveGrounds = "positive_grounds",
        NegativeGrounds = "negative_grounds", Closed = "closed", NotKnown = "not_known",
    }
}

kind! {
    /// A detention under section 135 or 136 of the Mental Health Act 1983.
    Detention {
        /// The power used.
        legal_power: LegalPower => what_category of "mha-legal-status",
        when, area,
        /// Where the person was taken first.
        place_of_safety: PlaceOfSafety,
        /// Arrival there, from which the hours count.
        arrived_at: Option<Moment>,
        /// The end of the detention.
        ended_at: Option<Moment>,
        /// Whether the 24 hours were extended.
        extended: Option<bool>,
        /// How it ended.
        result: Option<DetentionResult>,
        /// How the person was taken there.
        transport: Option<Transport>,
        /// Why a police vehicle was used.
        police_vehicle_reason: Option<PoliceVehicleReason>,
        /// Why a police station was used.
        police_station_reason: Option<PoliceStationReason>,
        /// Whether a health professional was asked first.
        professional_consulted: Option<bool>,
        person, flags, cancellation,
    }
}

kind! {
    /// A stop and search.
    StopSearch {
        /// What was searched.
        search_type: SearchType,
        when, area,
        /// What was looked for.
        object: Option<Slug<'a>> => what_category of "stop-search-object",
        /// The power used.
        legislation: Option<Slug<'a>>,
        outcome,
        /// Whether the outcome was for the object looked for.
        outcome_linked: Option<bool>,
        /// Whether it was part of a policing operation.
        operation: Option<bool>,
        person, flags, cancellation,
    }
}

kind! {
    /// A referral to the National Referral Mechanism, Prevent or a MARAC.
    Referral {
        /// The scheme.
        scheme: Scheme => what_category of "referral-scheme",
        when,
        /// Where: a district or larger.
        area: Option<AreaCoarse<'a>>,
        /// What the concern is.
        concerns: Option<BoundedList<Slug<'a>, 0, 8>>,
        /// Who referred.
        referred_by: Option<Slug<'a>>,
        /// The stage it has reached.
        stage: Option<ReferralStage>,
        /// Whether the person was referred before.
        repeat: Option<bool>,
        /// What counts as a repeat, such as `within-12-months`.
        repeat_definition: Option<Slug<'a>>,
        /// Children in the household.
        children: Option<Children>,
        person, flags, cancellation,
    }
}
