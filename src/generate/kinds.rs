//! How events of each kind are invented: how often, by whom, when, and what they contain.

use super::calendar::{Day, Local, Month, Utc, civil, days_from_civil};
use super::record::{COUNTY, DAY, DISTRICT, Flag, SubjectParts, Writer};
use super::{Hash, Padded, put};
use crate::event::Kind;

/// How events of a kind are invented.
pub(super) struct Profile {
    /// How many events in a thousand are of the kind.
    pub(super) per_mille: u32,
    /// Who sends it.
    pub(super) partner: &'static str,
    /// From which system; empty where the system is the scheme.
    pub(super) system: &'static str,
    /// Whether it happens more at night.
    pub(super) is_at_night: fn(&Offence) -> bool,
    /// Writes the record's subject.
    pub(super) subject: fn(&SubjectParts<'_>, &mut Vec<u8>),
    /// Writes the fields of `data` but for the cancellation.
    pub(super) data: fn(&mut Writer<'_>),
}

/// The profile of a kind.
#[rustfmt::skip]
pub(super) const fn profile(kind: Kind) -> Profile {
    match kind {
        Kind::Crime => Profile {
            per_mille: 520,
            partner: "kent-police",
            system: "crime",
            is_at_night: |offence| offence.nature == Violence,
            subject: |parts, out| put!(out, "46-", parts.number(), "-", Padded(parts.year % 100, 2)),
            data: crime,
        },
        Kind::Incident => Profile {
            per_mille: 250,
            partner: "kent-police",
            system: "command",
            is_at_night: at_night,
            subject: |parts, out| put!(out, parts.year, "-", Padded(parts.month, 2), Padded(parts.day, 2), "-", parts.number()),
            data: incident,
        },
        Kind::Detention => Profile {
            per_mille: 8,
            partner: "kent-police",
            system: "custody",
            is_at_night: at_night,
            subject: |parts, out| put!(out, "d-", parts.year, "-", parts.number()),
            data: detention,
        },
        Kind::StopSearch => Profile {
            per_mille: 20,
            partner: "kent-police",
            system: "open-data",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, Month(parts.record.day), ".", Hash(parts.record.seed), ".1"),
            data: stop_search,
        },
        Kind::Referral => Profile {
            per_mille: 8,
            partner: "kent-police",
            system: "",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, parts.scheme, "-", parts.year, "-", parts.number()),
            data: referral,
        },
        Kind::AssaultAttendance => Profile {
            per_mille: 25,
            partner: "mtw-nhs",
            system: "istv",
            is_at_night: at_night,
            subject: |parts, out| put!(out, "a7f3-", parts.number()),
            data: assault_attendance,
        },
        Kind::AmbulanceCall => Profile {
            per_mille: 70,
            partner: "secamb",
            system: "cad",
            is_at_night: at_night,
            subject: |parts, out| put!(out, "c-", Padded(parts.year % 100, 2), "-", Padded(parts.record.number, 7)),
            data: ambulance_call,
        },
        Kind::Admission => Profile {
            per_mille: 15,
            partner: "mtw-nhs",
            system: "sus",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, "adm-", parts.number()),
            data: admission,
        },
        Kind::MentalHealthDetention => Profile {
            per_mille: 6,
            partner: "kmpt-nhs",
            system: "mhsds",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, "mha-", Padded(parts.year % 100, 2), "-", parts.number()),
            data: mental_health_detention,
        },
        Kind::Treatment => Profile {
            per_mille: 12,
            partner: "kent-treatment",
            system: "ndtms",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, "t-", parts.number()),
            data: treatment,
        },
        Kind::HomelessnessCase => Profile {
            per_mille: 12,
            partner: "maidstone-bc",
            system: "hclic",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, "h-", parts.year, "-", parts.number()),
            data: homelessness_case,
        },
        Kind::AntisocialBehaviourCase => Profile {
            per_mille: 25,
            partner: "golding-homes",
            system: "asb",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, "ASB-", parts.number()),
            data: antisocial_behaviour_case,
        },
        Kind::NoiseComplaint => Profile {
            per_mille: 14,
            partner: "maidstone-bc",
            system: "env-health",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, "N/", Padded(parts.year % 100, 2), "/", parts.number()),
            data: noise_complaint,
        },
        Kind::Possession => Profile {
            per_mille: 5,
            partner: "golding-homes",
            system: "legal",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, "P-", parts.year, "-", parts.number(), ".order"),
            data: possession,
        },
        Kind::DomesticAbuseSupport => Profile {
            per_mille: 5,
            partner: "kent-cc",
            system: "safe-accommodation",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, "sa-", parts.year, "-", parts.number()),
            data: domestic_abuse_support,
        },
        Kind::Count => Profile {
            per_mille: 5,
            partner: "kent-treatment",
            system: "ndtms",
            is_at_night: at_any_hour,
            subject: |parts, out| put!(out, "in-treatment.", parts.number(), ".", DISTRICT, ".", Month(parts.record.day)),
            data: count,
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

/// The day from which a police station is a place of safety only by exception: 2017-12-11.
const PLACE_OF_SAFETY_DAY: i32 = days_from_civil(2017, 12, 11);

/// A crime's category, its code, what it is like.
#[derive(Clone, Copy)]
pub(super) struct Offence {
    category: &'static str,
    code: &'static str,
    pub(super) nature: Nature,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// Against a person, more at night.
    Violence,
    /// Found later: a span.
    Property,
    /// Seen by the police or a shop.
    Seen,
}

const fn offence(
    category: &'static str,
    code: &'static str,
    nature: Nature,
    weight: u32,
) -> (Offence, u32) {
    (
        Offence {
            category,
            code,
            nature,
        },
        weight,
    )
}

use Nature::{Property, Seen, Violence};

/// Offences by how often they come, about those of a district.
pub(super) const OFFENCES: [(Offence, u32); 36] = [
    offence("8N", "008/01", Violence, 110),
    offence("105A", "008/09", Violence, 150),
    offence("104", "008/73", Violence, 12),
    offence("5D", "005/01", Violence, 10),
    offence("8L", "008/29", Violence, 60),
    offence("8R", "005/28", Violence, 30),
    offence("8Q", "008/65", Violence, 6),
    offence("8U", "008/67", Violence, 4),
    offence("3B", "003/01", Violence, 8),
    offence("1", "001/01", Violence, 1),
    offence("106", "036/06", Violence, 2),
    offence("19C", "019/08", Violence, 8),
    offence("20A", "020/03", Violence, 10),
    offence("71", "071/01", Violence, 2),
    offence("88A", "071/17", Violence, 3),
    offence("34A", "034/01", Violence, 2),
    offence("34B", "034/01", Violence, 9),
    offence("28I", "028/03", Property, 45),
    offence("30C", "030/02", Property, 28),
    offence("45", "045/10", Property, 50),
    offence("48", "048/01", Property, 20),
    offence("37/2", "037/02", Property, 2),
    offence("46", "046/00", Seen, 70),
    offence("49", "045/11", Property, 75),
    offence("40", "040/00", Property, 12),
    offence("44", "044/00", Property, 12),
    offence("39", "039/00", Seen, 8),
    offence("58A", "057/00", Property, 35),
    offence("58C", "057/00", Property, 45),
    offence("58D", "057/00", Property, 25),
    offence("56B", "056/02", Property, 5),
    offence("92E", "092/61", Seen, 18),
    offence("92D", "092/50", Seen, 6),
    offence("92A", "077/50", Seen, 5),
    offence("10D", "008/26", Seen, 6),
    offence("9A", "068/25", Violence, 55),
];

/// Outcomes of the Home Office's list, by how often they come.
const OUTCOMES: [(&str, u32); 12] = [
    ("18", 400),
    ("16", 220),
    ("15", 110),
    ("14", 60),
    ("1", 100),
    ("3", 20),
    ("2", 6),
    ("8", 40),
    ("7", 8),
    ("6", 6),
    ("21", 12),
    ("20", 8),
];

const VIOLENCE_FLAGS: &[Flag] = &[
    ("alcohol", 55, 30),
    ("domestic_abuse", 90, 36),
    ("hate", 60, 4),
    ("knife", 35, 6),
    ("mental_health_suspect", 30, 16),
    ("mental_health_victim", 35, 14),
    ("repeat_offender", 30, 24),
];
const OTHER_FLAGS: &[Flag] = &[
    ("alcohol", 25, 10),
    ("drugs", 20, 8),
    ("mental_health", 25, 6),
    ("online", 12, 20),
    ("repeat_offender", 20, 18),
];
const INCIDENT_FLAGS: [Flag; 4] = [
    ("alcohol", 40, 22),
    ("drugs", 30, 12),
    ("mental_health_suspect", 35, 14),
    ("repeat_victim", 50, 18),
];
const CARE_FLAGS: [Flag; 3] = [
    ("alcohol", 50, 35),
    ("drugs", 40, 15),
    ("mental_health", 45, 22),
];
const DETENTION_FLAGS: [Flag; 3] = [
    ("alcohol", 60, 35),
    ("drugs", 50, 18),
    ("self_harm", 70, 55),
];
const HOUSING_FLAGS: [Flag; 4] = [
    ("domestic_abuse", 60, 12),
    ("drugs", 40, 12),
    ("mental_health", 55, 24),
    ("mental_health_suspect", 30, 20),
];

fn crime(writer: &mut Writer<'_>) {
    let first = writer.offence;
    let mut offence = first;
    for _ in 0..writer.life.recoded {
        offence = writer.draw.weighted(&OFFENCES);
    }
    writer.what("ho-crime", "2016-04", offence.category, offence.code);
    let span = first.nature == Property && writer.draw.percent(60);
    // More than the hour that the clock may be put forward meanwhile.
    let until = writer.occurred + 5400 + i64::from(writer.draw.below(16 * 3600));
    let recorded = writer.recorded.max(until) + 900;
    if writer.draw.percent(4) {
        writer.when_day(Some(recorded));
    } else {
        put!(
            writer.out,
            r#","when":{"occurred_from":""#,
            Utc(writer.occurred)
        );
        if span {
            put!(writer.out, r#"","occurred_to":""#, Utc(until));
        }
        put!(writer.out, r#"","recorded_at":""#, Utc(recorded), r#""}"#);
    }
    writer.lsoa("address");
    writer.flags(if first.nature == Violence {
        VIOLENCE_FLAGS
    } else {
        OTHER_FLAGS
    });
    if first.nature != Seen {
        writer.person("victim");
    }
    if writer.life.resolved || writer.draw.percent(35) {
        let code = writer.draw.weighted(&OUTCOMES);
        let at = (recorded / DAY) as i32;
        put!(
            writer.out,
            r#","outcome":{"list":"ho-outcome","code":""#,
            code,
            r#"","at":""#,
            Day(at),
            r#""}"#
        );
    }
}

fn incident(writer: &mut Writer<'_>) {
    let category =
        writer
            .draw
            .weighted(&[("personal", 25), ("nuisance", 65), ("environmental", 10)]);
    writer.what("nsir", "2011-04", category, "");
    put!(
        writer.out,
        r#","when":{"occurred_from":""#,
        Local(writer.occurred)
    );
    put!(
        writer.out,
        r#"","recorded_at":""#,
        Local(writer.occurred + 300),
        r#""}"#
    );
    if writer.draw.percent(70) {
        writer.lsoa("geocoded");
    } else {
        writer.ward();
    }
    writer.flags(&INCIDENT_FLAGS);
    let crime = writer.draw.percent(8);
    put!(writer.out, r#","crime_recorded":"#, crime);
}

fn detention(writer: &mut Writer<'_>) {
    let power = writer
        .draw
        .weighted(&[("s136", 93), ("s135_1", 5), ("s135_2", 2)]);
    put!(writer.out, r#""legal_power":""#, power, r#"""#);
    writer.when_instant();
    put!(
        writer.out,
        r#","area":{"code":""#,
        DISTRICT,
        r#"","level":"district","role":"incident"}"#
    );
    let station = if writer.day < PLACE_OF_SAFETY_DAY {
        18
    } else {
        1
    };
    let place = writer.draw.weighted(&[
        ("police_station", station),
        ("health_based", 70),
        ("emergency_department", 10),
        ("not_known", 2),
    ]);
    let arrived = writer.occurred + 1200 + i64::from(writer.draw.below(7200));
    let ended = arrived + 3600 + i64::from(writer.draw.below(20 * 3600));
    put!(
        writer.out,
        r#","place_of_safety":""#,
        place,
        r#"","arrived_at":""#,
        Utc(arrived)
    );
    put!(
        writer.out,
        r#"","ended_at":""#,
        Utc(ended),
        r#"","extended":"#,
        writer.draw.percent(4)
    );
    let result = writer.draw.pick(&[
        "admitted_detained",
        "admitted_informal",
        "community_follow_up",
        "no_further_action",
    ]);
    let transport = writer
        .draw
        .pick(&["ambulance", "police_vehicle", "police_vehicle"]);
    put!(
        writer.out,
        r#","result":""#,
        result,
        r#"","transport":""#,
        transport,
        r#"""#
    );
    writer.flags(&DETENTION_FLAGS);
    writer.person("person");
}

fn stop_search(writer: &mut Writer<'_>) {
    let search =
        writer
            .draw
            .weighted(&[("person", 70), ("person_and_vehicle", 25), ("vehicle", 5)]);
    put!(writer.out, r#""search_type":""#, search, r#"""#);
    writer.when_instant();
    writer.lsoa("snapped");
    let object = writer.draw.weighted(&[
        ("controlled-drugs", 60),
        ("offensive-weapons", 15),
        ("stolen-goods", 15),
        ("article-for-use-in-theft", 10),
    ]);
    let legislation = writer.draw.pick(&[
        "misuse-of-drugs-act-1971-section-23",
        "police-and-criminal-evidence-act-1984-section-1",
    ]);
    put!(
        writer.out,
        r#","object":""#,
        object,
        r#"","legislation":""#,
        legislation
    );
    let outcome = writer.draw.weighted(&[
        ("a-no-further-action-disposal", 70),
        ("arrest", 18),
        ("community-resolution", 12),
    ]);
    put!(
        writer.out,
        r#"","outcome":{"list":"police-uk-search","code":""#,
        outcome,
        r#""},"operation":false"#
    );
    writer.person_without_token("person");
}

fn referral(writer: &mut Writer<'_>) {
    let scheme = writer.scheme;
    put!(writer.out, r#""scheme":""#, scheme, r#"""#);
    put!(
        writer.out,
        r#","when":{"occurred_from":""#,
        Month((writer.occurred / DAY) as i32)
    );
    put!(
        writer.out,
        r#"","recorded_at":""#,
        Day((writer.recorded / DAY) as i32),
        r#""}"#
    );
    put!(
        writer.out,
        r#","area":{"code":""#,
        COUNTY,
        r#"","level":"county","role":"incident"}"#
    );
    match scheme {
        "nrm" => {
            let concern = writer.draw.pick(&["criminal", "sexual", "labour"]);
            put!(
                writer.out,
                r#","concerns":[""#,
                concern,
                r#""],"referred_by":"police""#
            );
            writer.flags(&[("county_lines", 60, 40), ("modern_slavery", 90, 90)]);
        }
        "prevent" => writer.flags(&[("mental_health", 50, 35)]),
        _ => {
            let (repeat, children) = (writer.draw.percent(28), writer.draw.below(4));
            put!(
                writer.out,
                r#","repeat":"#,
                repeat,
                r#","repeat_definition":"12-months","children":"#,
                children
            );
            writer.flags(&[
                ("domestic_abuse", 100, 100),
                ("mental_health_victim", 50, 30),
            ]);
        }
    }
    writer.person_without_token("person");
}

fn assault_attendance(writer: &mut Writer<'_>) {
    let method = writer.draw.pick(&["01", "02", "03", "05"]);
    writer.what("istv-method", "2014-09", method, "");
    writer.when_instant();
    writer.outward("incident");
    let (site, place) = (
        writer.draw.pick(&["RWF03", "RWFTW"]),
        writer.draw.pick(&["01", "02", "03"]),
    );
    let arrived = writer.occurred + 1800 + i64::from(writer.draw.below(7200));
    put!(
        writer.out,
        r#","site_code":""#,
        site,
        r#"","arrived_at":""#,
        Utc(arrived),
        r#"","place_code":""#,
        place,
        r#"""#
    );
    writer.flags(&CARE_FLAGS);
    writer.person_without_token("person");
}

fn ambulance_call(writer: &mut Writer<'_>) {
    let code = writer.draw.pick(&["Dx010", "Dx012", "Dx0121", "Dx017"]);
    writer.what("nhs-pathways", "2017-01", code, "");
    writer.when_instant();
    writer.lsoa("geocoded");
    let (category, conveyed) = (
        writer.draw.pick(&["c1", "c2", "c2", "c3", "c4"]),
        writer.draw.percent(60),
    );
    put!(
        writer.out,
        r#","response_category":""#,
        category,
        r#"","conveyed":"#,
        conveyed
    );
    writer.flags(&CARE_FLAGS);
}

fn admission(writer: &mut Writer<'_>) {
    let codes = writer.draw.pick(&[
        r#""S21.1","X99.9""#,
        r#""S02.6","Y04.0""#,
        r#""F10.0""#,
        r#""T51.0","Y90.6""#,
        r#""F11.2""#,
    ]);
    put!(writer.out, r#""icd10":["#, codes, "]");
    writer.when_day(None);
    writer.outward("home");
    writer.put(r#","method":"emergency","site_code":"RWF03""#);
    writer.flags(&CARE_FLAGS);
    writer.person("person");
}

fn mental_health_detention(writer: &mut Writer<'_>) {
    let status = writer.draw.weighted(&[("20", 92), ("19", 8)]);
    put!(writer.out, r#""legal_status":""#, status, r#"""#);
    writer.when_instant();
    writer.outward("home");
    let arrived = writer.occurred + 4500;
    put!(
        writer.out,
        r#","place_of_safety":"health_based","arrived_at":""#,
        Utc(arrived)
    );
    put!(
        writer.out,
        r#"","ended_at":""#,
        Utc(arrived + 20_000),
        r#"","site_code":"RXY04""#
    );
    writer.person("person");
}

fn treatment(writer: &mut Writer<'_>) {
    let group = writer.draw.weighted(&[
        ("opiate", 45),
        ("alcohol", 35),
        ("non_opiate", 12),
        ("non_opiate_and_alcohol", 8),
    ]);
    put!(writer.out, r#""substance_group":""#, group, r#"""#);
    writer.when_day(None);
    put!(
        writer.out,
        r#","area":{"code":""#,
        DISTRICT,
        r#"","level":"district","role":"home"}"#
    );
    let by = writer
        .draw
        .pick(&["writer", "gp", "criminal-justice", "health-service"]);
    put!(writer.out, r#","referred_by":""#, by, r#"""#);
    if writer.life.resolved {
        let end = writer
            .draw
            .pick(&["completed", "dropped_out", "transferred", "custody"]);
        put!(
            writer.out,
            r#","ended_at":""#,
            Day((writer.occurred / DAY) as i32 + 1),
            r#"","end":""#,
            end,
            r#"""#
        );
    }
    writer.flags(&[("mental_health", 80, 45)]);
    writer.person("person");
}

fn homelessness_case(writer: &mut Writer<'_>) {
    let assessment = writer.draw.pick(&[
        "prevention_duty",
        "relief_duty",
        "relief_duty",
        "not_threatened",
        "pending",
    ]);
    put!(
        writer.out,
        r#""edition":"2018-04","assessment":""#,
        assessment,
        r#"""#
    );
    writer.when_day(Some(writer.recorded));
    put!(
        writer.out,
        r#","area":{"code":""#,
        DISTRICT,
        r#"","level":"district","role":"service"}"#
    );
    let reason = writer.draw.pick(&[
        "domestic-abuse",
        "end-of-private-rented-tenancy",
        "family-no-longer-willing",
        "other",
    ]);
    let needs = writer.draw.pick(&[
        "",
        r#""history-of-mental-health-problems""#,
        r#""drug-dependency-needs","history-of-mental-health-problems""#,
        r#""offending-history""#,
        r#""at-risk-of-has-experienced-domestic-abuse""#,
    ]);
    put!(
        writer.out,
        r#","loss_reason":""#,
        reason,
        r#"","support_needs":["#,
        needs,
        "]"
    );
    put!(writer.out, r#","children":"#, writer.draw.percent(45));
    writer.person_without_token("person");
}

fn antisocial_behaviour_case(writer: &mut Writer<'_>) {
    let category = writer.draw.weighted(&[
        ("A", 40),
        ("B", 25),
        ("D", 8),
        ("G", 12),
        ("I", 6),
        ("K", 5),
        ("J", 4),
    ]);
    writer.what("housemark", "2016", category, "");
    writer.when_day(Some(writer.recorded));
    writer.lsoa("address");
    if writer.life.resolved {
        let action = writer
            .draw
            .pick(&["warning", "mediation", "injunction", "none"]);
        put!(
            writer.out,
            r#","closed_at":""#,
            Day((writer.occurred / DAY) as i32 + 1),
            r#"","action":""#,
            action,
            r#"""#
        );
    }
    put!(
        writer.out,
        r#","police_informed":"#,
        writer.draw.percent(40),
        r#","tenure":"social""#
    );
    writer.flags(&HOUSING_FLAGS);
}

fn noise_complaint(writer: &mut Writer<'_>) {
    let category = writer.draw.pick(&[
        "domestic",
        "domestic",
        "commercial",
        "construction",
        "vehicles",
    ]);
    writer.what("noise-source", "2016", category, "");
    put!(
        writer.out,
        r#","when":{"occurred_from":""#,
        Local(writer.occurred),
        r#""}"#
    );
    writer.ward();
    put!(
        writer.out,
        r#","statutory_nuisance":"#,
        writer.draw.percent(12)
    );
}

fn possession(writer: &mut Writer<'_>) {
    let stage = writer.draw.pick(&[
        "notice",
        "claim",
        "outright_order",
        "suspended_order",
        "warrant",
        "repossession",
    ]);
    put!(writer.out, r#""stage":""#, stage, r#"""#);
    writer.when_day(None);
    let ground =
        writer
            .draw
            .weighted(&[("arrears", 75), ("antisocial_behaviour", 15), ("other", 10)]);
    put!(
        writer.out,
        r#","area":{"code":""#,
        DISTRICT,
        r#"","level":"district","role":"home"}"#
    );
    put!(
        writer.out,
        r#","procedure":"social_tenancy","landlord":"housing_association","ground":""#,
        ground,
        r#"""#
    );
    writer.flags(&HOUSING_FLAGS[2..3]);
}

fn domestic_abuse_support(writer: &mut Writer<'_>) {
    let (service, supported) = (
        writer
            .draw
            .pick(&["refuge", "sanctuary", "outreach", "idva"]),
        writer.draw.percent(72),
    );
    put!(
        writer.out,
        r#""service":""#,
        service,
        r#"","supported":"#,
        supported
    );
    put!(
        writer.out,
        r#","when":{"occurred_from":""#,
        Month((writer.occurred / DAY) as i32),
        r#""}"#
    );
    put!(
        writer.out,
        r#","area":{"code":""#,
        COUNTY,
        r#"","level":"county","role":"service"}"#
    );
    if !supported {
        writer.put(r#","not_supported_reason":"no-space""#);
    }
    put!(writer.out, r#","children":"#, writer.draw.below(4));
    writer.flags(&[("mental_health_victim", 70, 45)]);
}

fn count(writer: &mut Writer<'_>) {
    let (year, month, _) = civil(writer.day);
    let from = days_from_civil(year as i32, month, 1);
    let group = writer.draw.pick(&["opiate", "alcohol", "non-opiate"]);
    writer.what("ndtms-group", "2016", group, "");
    put!(
        writer.out,
        r#","period":{"from":""#,
        Day(from),
        r#"","to":""#,
        Day(from + 27),
        r#""}"#
    );
    put!(
        writer.out,
        r#","area":{"code":""#,
        DISTRICT,
        r#"","level":"district","role":"home"}"#
    );
    writer.put(r#","unit":"persons","date_basis":"snapshot""#);
    let value = writer.draw.below(80) * 5;
    match writer.draw.below(3) {
        0 => put!(writer.out, r#","status":"exact","value":"#, value),
        1 => put!(
            writer.out,
            r#","status":"rounded","value":"#,
            value + 5,
            r#","at_least":"#,
            value + 3,
            r#","at_most":"#,
            value + 7
        ),
        _ => writer.put(r#","status":"suppressed","at_least":1,"at_most":7"#),
    }
}
