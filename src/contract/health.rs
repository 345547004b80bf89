//! The kinds of the health feed.
//!
//! Sources: Information Sharing to Tackle Violence (ISTV) and the Emergency Care Data Set
//! (assault-attendance); SI 2007/1831 (ambulance-call, admission); Mental Health Services Data Set,
//! MHS401 (mental-health-detention); National Drug Treatment Monitoring System (treatment).

use super::kind::kind;
use super::moment::Moment;
use super::parts::closed;
use super::police::PlaceOfSafety;
use super::text::{LegalStatus, PlaceCode, Site, Slug};

kind! {
    /// An assault seen by an emergency department.
    AssaultAttendance {
        what, when, area,
        /// The hospital site, by its ODS code.
        site_code: Site<'a>,
        /// Arrival at the department.
        arrived_at: Option<Moment>,
        /// The kind of place of the assault.
        place_code: Option<PlaceCode<'a>>,
        person, flags, cancellation,
    }
}

closed! {
    /// How urgent an ambulance call was.
    ResponseCategory { C1 = "c1", C2 = "c2", C3 = "c3", C4 = "c4", C5 = "c5", NotKnown = "not_known" }
    /// How a patient was admitted.
    AdmissionMethod { Emergency = "emergency", Elective = "elective", Other = "other", NotKnown = "not_known" }
    /// What a course of treatment is for.
    SubstanceGroup {
        Opiate = "opiate", NonOpiate = "non_opiate", NonOpiateAndAlcohol = "non_opiate_and_alcohol",
        Alcohol = "alcohol", NotKnown = "not_known",
    }
    /// How a course of treatment ended.
    TreatmentEnd {
        Completed = "completed", DroppedOut = "dropped_out", Transferred = "transferred", Custody = "custody",
        Died = "died", Other = "other", NotKnown = "not_known",
    }
}

kind! {
    /// A call to the ambulance service.
    AmbulanceCall {
        what, when, area,
        /// How urgent it was.
        response_category: Option<ResponseCategory>,
        /// Whether the patient was taken to a hospital.
        conveyed: Option<bool>,
        person, flags, cancellation,
    }
}

kind! {
    /// A hospital admission.
    Admission {
        icd10 => what_category of "icd-10",
        when, area,
        /// How the patient was admitted.
        method: Option<AdmissionMethod>,
        /// The hospital site, by its ODS code.
        site_code: Option<Site<'a>>,
        person, flags, cancellation,
    }
}

kind! {
    /// A period of detention recorded by a mental-health trust.
    MentalHealthDetention {
        /// The legal status: 19 is section 135, 20 is section 136.
        legal_status: LegalStatus<'a> => what_category of "mha-legal-status",
        when, area,
        /// Where the person was taken first.
        place_of_safety: Option<PlaceOfSafety>,
        /// Arrival there.
        arrived_at: Option<Moment>,
        /// The end of the period.
        ended_at: Option<Moment>,
        /// The hospital site, by its ODS code.
        site_code: Option<Site<'a>>,
        person, flags, cancellation,
    }
}

kind! {
    /// A course of drug or alcohol treatment.
    Treatment {
        /// What it is for.
        substance_group: SubstanceGroup => what_category of "ndtms-group",
        when, area,
        /// Where it is given.
        setting: Option<Slug<'a>>,
        /// Who referred.
        referred_by: Option<Slug<'a>>,
        /// The end of the course.
        ended_at: Option<Moment>,
        /// How it ended.
        end: Option<TreatmentEnd>,
        person, flags, cancellation,
    }
}
