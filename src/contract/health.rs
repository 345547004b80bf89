//! The kinds of the health feed.
//!
//! Sources: Information Sharing to Tackle Violence (ISTV) and the Emergency Care Data Set
//! (assault-attendance); SI 2007/1831 (ambulance-call, admission); Mental Health Services Data Set,
//! MHS401 (mental-health-detention); National Drug Treatment Monitoring System (treatment).

use super::moment::Moment;
use super::parts::{Area, Cancellation, Flags, List, Person, What, When, closed, object};
use super::police::PlaceOfSafety;
use super::text::{Icd10, LegalStatus, PlaceCode, Site, Slug};

object! {
    /// An assault seen by an emergency department.
    AssaultAttendance<'a> {
        /// The partner's own classification.
        #[serde(borrow)]
        what: What<'a>,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// The hospital site, by its ODS code.
        #[serde(borrow)]
        site_code: Site<'a>,
        /// Arrival at the department.
        #[serde(skip_serializing_if = "Option::is_none")]
        arrived_at: Option<Moment>,
        /// The kind of place of the assault.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        place_code: Option<PlaceCode<'a>>,
        /// The person harmed.
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

object! {
    /// A call to the ambulance service.
    AmbulanceCall<'a> {
        /// The partner's own classification.
        #[serde(borrow)]
        what: What<'a>,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// How urgent it was.
        #[serde(skip_serializing_if = "Option::is_none")]
        response_category: Option<ResponseCategory>,
        /// Whether the patient was taken to a hospital.
        #[serde(skip_serializing_if = "Option::is_none")]
        conveyed: Option<bool>,
        /// The patient.
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
    /// A hospital admission.
    Admission<'a> {
        /// The diagnoses, the primary one first.
        #[serde(borrow)]
        icd10: List<Icd10<'a>, 1, 12>,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// How the patient was admitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        method: Option<AdmissionMethod>,
        /// The hospital site, by its ODS code.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        site_code: Option<Site<'a>>,
        /// The patient.
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
    /// A period of detention recorded by a mental-health trust.
    MentalHealthDetention<'a> {
        /// The legal status: 19 is section 135, 20 is section 136.
        #[serde(borrow)]
        legal_status: LegalStatus<'a>,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// Where the person was taken first.
        #[serde(skip_serializing_if = "Option::is_none")]
        place_of_safety: Option<PlaceOfSafety>,
        /// Arrival there.
        #[serde(skip_serializing_if = "Option::is_none")]
        arrived_at: Option<Moment>,
        /// The end of the period.
        #[serde(skip_serializing_if = "Option::is_none")]
        ended_at: Option<Moment>,
        /// The hospital site, by its ODS code.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        site_code: Option<Site<'a>>,
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
    /// A course of drug or alcohol treatment.
    Treatment<'a> {
        /// What it is for.
        substance_group: SubstanceGroup,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// Where it is given.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        setting: Option<Slug<'a>>,
        /// Who referred.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        referred_by: Option<Slug<'a>>,
        /// The end of the course.
        #[serde(skip_serializing_if = "Option::is_none")]
        ended_at: Option<Moment>,
        /// How it ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        end: Option<TreatmentEnd>,
        /// The person treated.
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
