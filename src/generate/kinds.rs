//! How events of each kind are invented: how often, by whom, when, and what they contain.

use super::HexToken;
use super::event_writer::{EventWriter, SubjectParts};
use super::offences::{Discovery, Offence};
use super::parts::DISTRICT;
use crate::event::Kind;

/// How events of a kind are invented.
pub(super) struct KindProfile {
    /// How many events in a thousand are of the kind.
    pub(super) per_mille: u32,
    /// Who sends it.
    pub(super) partner: &'static str,
    /// The sending system; "" = named after the referral's scheme.
    pub(super) system: &'static str,
    /// Whether it happens more at night.
    pub(super) is_at_night: fn(&Offence) -> bool,
    /// The record's subject.
    pub(super) subject: fn(&SubjectParts) -> String,
    /// Writes the fields of `data`, without the cancellation.
    pub(super) data: fn(&mut EventWriter<'_>),
}

/// The profile of a kind.
#[expect(clippy::too_many_lines, reason = "one entry for each kind")]
pub(super) const fn profile(kind: Kind) -> KindProfile {
    match kind {
        Kind::Crime => KindProfile {
            per_mille: 520,
            partner: "kent-police",
            system: "crime",
            is_at_night: |offence| offence.discovery == Discovery::Violence,
            subject: |record| format!("46-{:06}-{:02}", record.number, record.short_year()),
            data: |event| event.crime(),
        },
        Kind::Incident => KindProfile {
            per_mille: 250,
            partner: "kent-police",
            system: "command",
            is_at_night: at_night,
            subject: |record| {
                format!(
                    "{}-{:02}{:02}-{:06}",
                    record.year, record.month, record.day, record.number
                )
            },
            data: |event| event.incident(),
        },
        Kind::Detention => KindProfile {
            per_mille: 8,
            partner: "kent-police",
            system: "custody",
            is_at_night: at_night,
            subject: |record| format!("d-{}-{:06}", record.year, record.number),
            data: |event| event.detention(),
        },
        Kind::StopSearch => KindProfile {
            per_mille: 20,
            partner: "kent-police",
            system: "open-data",
            is_at_night: at_any_hour,
            subject: |record| {
                format!(
                    "{}-{:02}.{}.1",
                    record.year,
                    record.month,
                    HexToken(record.seed)
                )
            },
            data: |event| event.stop_search(),
        },
        Kind::Referral => KindProfile {
            per_mille: 8,
            partner: "kent-police",
            system: "",
            is_at_night: at_any_hour,
            subject: |record| format!("{}-{}-{:06}", record.scheme, record.year, record.number),
            data: |event| event.referral(),
        },
        Kind::AssaultAttendance => KindProfile {
            per_mille: 25,
            partner: "mtw-nhs",
            system: "istv",
            is_at_night: at_night,
            subject: |record| format!("a7f3-{:06}", record.number),
            data: |event| event.assault_attendance(),
        },
        Kind::AmbulanceCall => KindProfile {
            per_mille: 70,
            partner: "secamb",
            system: "cad",
            is_at_night: at_night,
            subject: |record| format!("c-{:02}-{:07}", record.short_year(), record.number),
            data: |event| event.ambulance_call(),
        },
        Kind::Admission => KindProfile {
            per_mille: 15,
            partner: "mtw-nhs",
            system: "sus",
            is_at_night: at_any_hour,
            subject: |record| format!("adm-{:06}", record.number),
            data: |event| event.admission(),
        },
        Kind::MentalHealthDetention => KindProfile {
            per_mille: 6,
            partner: "kmpt-nhs",
            system: "mhsds",
            is_at_night: at_any_hour,
            subject: |record| format!("mha-{:02}-{:06}", record.short_year(), record.number),
            data: |event| event.mental_health_detention(),
        },
        Kind::Treatment => KindProfile {
            per_mille: 12,
            partner: "kent-treatment",
            system: "ndtms",
            is_at_night: at_any_hour,
            subject: |record| format!("t-{:06}", record.number),
            data: |event| event.treatment(),
        },
        Kind::HomelessnessCase => KindProfile {
            per_mille: 12,
            partner: "maidstone-bc",
            system: "hclic",
            is_at_night: at_any_hour,
            subject: |record| format!("h-{}-{:06}", record.year, record.number),
            data: |event| event.homelessness_case(),
        },
        Kind::AntisocialBehaviourCase => KindProfile {
            per_mille: 25,
            partner: "golding-homes",
            system: "asb",
            is_at_night: at_any_hour,
            subject: |record| format!("ASB-{:06}", record.number),
            data: |event| event.antisocial_behaviour_case(),
        },
        Kind::NoiseComplaint => KindProfile {
            per_mille: 14,
            partner: "maidstone-bc",
            system: "env-health",
            is_at_night: at_any_hour,
            subject: |record| format!("N/{:02}/{:06}", record.short_year(), record.number),
            data: |event| event.noise_complaint(),
        },
        Kind::Possession => KindProfile {
            per_mille: 5,
            partner: "golding-homes",
            system: "legal",
            is_at_night: at_any_hour,
            subject: |record| format!("P-{}-{:06}.order", record.year, record.number),
            data: |event| event.possession(),
        },
        Kind::DomesticAbuseSupport => KindProfile {
            per_mille: 5,
            partner: "kent-cc",
            system: "safe-accommodation",
            is_at_night: at_any_hour,
            subject: |record| format!("sa-{}-{:06}", record.year, record.number),
            data: |event| event.domestic_abuse_support(),
        },
        Kind::Count => KindProfile {
            per_mille: 5,
            partner: "kent-treatment",
            system: "ndtms",
            is_at_night: at_any_hour,
            subject: |record| {
                format!(
                    "in-treatment.{:06}.{DISTRICT}.{}-{:02}",
                    record.number, record.year, record.month
                )
            },
            data: |event| event.count(),
        },
    }
}

/// How many events in a thousand are of each kind.
pub(super) const MIX: [(Kind, u32); Kind::ALL.len()] = {
    let mut mix = [(Kind::Crime, 0); Kind::ALL.len()];
    let mut index = 0;
    while index < mix.len() {
        mix[index] = (Kind::ALL[index], profile(Kind::ALL[index]).per_mille);
        index += 1;
    }
    mix
};

const fn at_night(_: &Offence) -> bool {
    true
}

const fn at_any_hour(_: &Offence) -> bool {
    false
}
