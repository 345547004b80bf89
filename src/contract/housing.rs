//! The kinds of the housing feed.
//!
//! Sources: Homelessness Case Level Information Collection, H-CLIC (homelessness-case); `HouseMark`
//! (antisocial-behaviour-case); Environmental Protection Act 1990, s. 79 (noise-complaint);
//! Ministry of Justice possession statistics (possession); Domestic Abuse Act 2021, Part 4
//! (domestic-abuse-support).

use super::moment::Moment;
use super::parts::{
    Area, AreaCoarse, Cancellation, Children, Flags, List, Person, What, When, closed, object,
};
use super::text::{Code, Slug};

closed! {
    /// The edition of the H-CLIC codes.
    HclicEdition { From201804 = "2018-04", From202307 = "2023-07" }
    /// What the authority decided it owes.
    Assessment {
        Pending = "pending", PreventionDuty = "prevention_duty", ReliefDuty = "relief_duty",
        NotThreatened = "not_threatened", Withdrew = "withdrew", NotEligible = "not_eligible",
    }
    /// How a dwelling is held.
    Tenure {
        Social = "social", PrivateRented = "private_rented", OwnerOccupied = "owner_occupied",
        Other = "other", NotKnown = "not_known",
    }
    /// A stage of a possession case.
    PossessionStage {
        Notice = "notice", Claim = "claim", OutrightOrder = "outright_order", SuspendedOrder = "suspended_order",
        Warrant = "warrant", Repossession = "repossession",
    }
    /// The procedure of a possession case.
    Procedure {
        Section21Standard = "section_21_standard", Section21Accelerated = "section_21_accelerated",
        Section8 = "section_8", SocialTenancy = "social_tenancy", Mortgage = "mortgage", Other = "other",
        NotKnown = "not_known",
    }
    /// Who claims possession.
    Landlord {
        LocalAuthority = "local_authority", HousingAssociation = "housing_association", Private = "private",
        MortgageLender = "mortgage_lender", NotKnown = "not_known",
    }
    /// The ground of a possession case.
    Ground {
        None = "none", Arrears = "arrears", AntisocialBehaviour = "antisocial_behaviour",
        DomesticAbuse = "domestic_abuse", Other = "other", NotKnown = "not_known",
    }
    /// The kind of domestic-abuse support.
    Service {
        Refuge = "refuge", Specialist = "specialist", Dispersed = "dispersed", SecondStage = "second_stage",
        Sanctuary = "sanctuary", OtherAccommodation = "other_accommodation", Outreach = "outreach", Idva = "idva",
        OneStopShop = "one_stop_shop", Other = "other",
    }
}

object! {
    /// A homelessness application.
    HomelessnessCase<'a> {
        /// The edition of its codes.
        edition: HclicEdition,
        /// What the authority decided it owes.
        assessment: Assessment,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// Whether a notice under section 21 was served.
        #[serde(skip_serializing_if = "Option::is_none")]
        section_21: Option<bool>,
        /// Why the last settled home was lost.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        loss_reason: Option<Code<'a>>,
        /// Support needs: absent = not asked, empty = none.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        support_needs: Option<List<Slug<'a>, 0, 32>>,
        /// Whether there are children.
        #[serde(skip_serializing_if = "Option::is_none")]
        children: Option<bool>,
        /// The end of the case.
        #[serde(skip_serializing_if = "Option::is_none")]
        ended_at: Option<Moment>,
        /// How it ended.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        end: Option<Slug<'a>>,
        /// The main applicant.
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
    /// A landlord's or council's case of anti-social behaviour.
    AntisocialBehaviourCase<'a> {
        /// The partner's own classification.
        #[serde(borrow)]
        what: What<'a>,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// When the case was closed.
        #[serde(skip_serializing_if = "Option::is_none")]
        closed_at: Option<Moment>,
        /// What was done.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        action: Option<Slug<'a>>,
        /// Whether a case review was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        case_review: Option<bool>,
        /// Whether the police were told.
        #[serde(skip_serializing_if = "Option::is_none")]
        police_informed: Option<bool>,
        /// How the dwelling is held.
        #[serde(skip_serializing_if = "Option::is_none")]
        tenure: Option<Tenure>,
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

object! {
    /// A complaint about noise.
    NoiseComplaint<'a> {
        /// The partner's own classification.
        #[serde(borrow)]
        what: What<'a>,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// When the case was closed.
        #[serde(skip_serializing_if = "Option::is_none")]
        closed_at: Option<Moment>,
        /// What was done.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        action: Option<Slug<'a>>,
        /// Whether it was a statutory nuisance.
        #[serde(skip_serializing_if = "Option::is_none")]
        statutory_nuisance: Option<bool>,
        /// Marks, each true, false or not recorded.
        #[serde(skip_serializing_if = "Option::is_none")]
        flags: Option<Flags>,
        /// The record no longer counts.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        cancellation: Option<Cancellation<'a>>,
    }
}

object! {
    /// One stage of a possession case.
    Possession<'a> {
        /// The stage.
        stage: PossessionStage,
        /// When it happened and when it was recorded.
        when: When,
        /// Where.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<Area<'a>>,
        /// The procedure.
        #[serde(skip_serializing_if = "Option::is_none")]
        procedure: Option<Procedure>,
        /// Who claims possession.
        #[serde(skip_serializing_if = "Option::is_none")]
        landlord: Option<Landlord>,
        /// The ground.
        #[serde(skip_serializing_if = "Option::is_none")]
        ground: Option<Ground>,
        /// The occupier.
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
    /// A request for safe accommodation or other domestic-abuse support.
    DomesticAbuseSupport<'a> {
        /// What was asked for.
        service: Service,
        /// Whether it was given.
        supported: bool,
        /// When it happened and when it was recorded.
        when: When,
        /// Where: a district or larger.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        area: Option<AreaCoarse<'a>>,
        /// Why not.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        not_supported_reason: Option<Slug<'a>>,
        /// The end of the support.
        #[serde(skip_serializing_if = "Option::is_none")]
        ended_at: Option<Moment>,
        /// How it ended.
        #[serde(borrow, skip_serializing_if = "Option::is_none")]
        end: Option<Slug<'a>>,
        /// Children in the household.
        #[serde(skip_serializing_if = "Option::is_none")]
        children: Option<Children>,
        /// The person who asked.
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
