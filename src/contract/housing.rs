//! The kinds of the housing feed.
//!
//! Sources: Homelessness Case Level Information Collection, H-CLIC (homelessness-case); `HouseMark`
//! (antisocial-behaviour-case); Environmental Protection Act 1990, s. 79 (noise-complaint);
//! Ministry of Justice possession statistics (possession); Domestic Abuse Act 2021, Part 4
//! (domestic-abuse-support).

use super::kind::kind;
use super::moment::Moment;
use super::parts::{AreaCoarse, BoundedList, Children, closed};
use super::text::{Code, Slug};

closed! {
    /// The edition of the H-CLIC codes.
    HclicEdition { From201804 = "2018-04", From202307 = "2023-07" }
    /// What the authority decided it owes.
    Assessment {
        Pending = "pending", PreventionDuty = "prevention_duty", ReliefDuty = "relief_duty",
        NotThreatened = "not_threatened", Withdrew = "withdrew", NotEligible = "not_eligible",
    }
    /// The tenure of a dwelling.
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

kind! {
    /// A homelessness application.
    HomelessnessCase {
        /// The edition of its codes.
        edition: HclicEdition => what_edition,
        /// What the authority decided it owes.
        assessment: Assessment,
        when, area,
        /// Whether a notice under section 21 was served.
        section_21: Option<bool>,
        /// Why the last settled home was lost.
        loss_reason: Option<Code<'a>> => what_category of "hclic-reason",
        /// Support needs: absent = not asked, empty = none.
        support_needs: Option<BoundedList<Code<'a>, 0, 32>>,
        /// Whether there are children.
        children: Option<bool> => children_present,
        /// The end of the case.
        ended_at: Option<Moment>,
        /// How it ended.
        end: Option<Slug<'a>>,
        person, flags, cancellation,
    }
}

kind! {
    /// A landlord's or council's case of anti-social behaviour.
    AntisocialBehaviourCase {
        what, when, area,
        /// When the case was closed.
        closed_at: Option<Moment>,
        /// What was done.
        action: Option<Slug<'a>>,
        /// Whether a case review was asked for.
        case_review: Option<bool>,
        /// Whether the police were informed.
        police_informed: Option<bool>,
        /// The tenure of the dwelling.
        tenure: Option<Tenure>,
        victim, suspect, flags, cancellation,
    }
}

kind! {
    /// A complaint about noise.
    NoiseComplaint {
        what, when, area,
        /// When the case was closed.
        closed_at: Option<Moment>,
        /// What was done.
        action: Option<Slug<'a>>,
        /// Whether it was a statutory nuisance.
        statutory_nuisance: Option<bool>,
        flags, cancellation,
    }
}

kind! {
    /// One stage of a possession case.
    Possession {
        /// The stage.
        stage: PossessionStage => what_category of "possession-stage",
        when, area,
        /// The procedure.
        procedure: Option<Procedure>,
        /// Who claims possession.
        landlord: Option<Landlord>,
        /// The ground.
        ground: Option<Ground>,
        person, flags, cancellation,
    }
}

kind! {
    /// A request for safe accommodation or other domestic-abuse support.
    DomesticAbuseSupport {
        /// What was asked for.
        service: Service => what_category of "da-service",
        /// Whether it was given.
        supported: bool,
        when,
        /// Where: a district or larger.
        area: Option<AreaCoarse<'a>>,
        /// Why not.
        not_supported_reason: Option<Slug<'a>>,
        /// The end of the support.
        ended_at: Option<Moment>,
        /// How it ended.
        end: Option<Slug<'a>>,
        /// Children in the household.
        children: Option<Children>,
        person, flags, cancellation,
    }
}
