//! The codes of a record, under the schemes by which plans and tables name them.

use std::borrow::Cow;

use crate::contract::Record;
use crate::contract::record::Strs;
use crate::event::Kind;

/// A code of a record, under the scheme by which plans and tables name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCode<'r> {
    /// The scheme, such as `ho-category` or a `list` of a partner's own.
    pub scheme: &'r str,
    /// The code, as sent but for `ho-category`, where `.` is `/`.
    pub code: Cow<'r, str>,
    /// The edition of the list, where one was sent.
    pub edition: Option<&'r str>,
}

/// Calls `add` with scheme, code and edition of each code of a record.
pub(super) fn own_codes<'r>(
    record: &Record<'r>,
    add: &mut impl FnMut(&'r str, &'r str, Option<&'r str>),
) {
    let edition = record.what_edition;
    if let (Some(list), Some(category)) = (record.what_list, record.what_category) {
        if list == "ho-crime" {
            add("ho-category", category, edition);
            record
                .what_code
                .iter()
                .for_each(|code| add("ho-offence", code, edition));
        } else {
            add(list, category, edition);
        }
        return;
    }
    let every = |list: Option<Strs<'r>>, f: &mut dyn FnMut(&'r str)| {
        list.into_iter().for_each(|items| items.for_each(&mut *f))
    };
    let Some(category) = record.what_category else {
        return every(record.support_needs, &mut |need| {
            add("hclic-need", need, edition)
        });
    };
    match record.kind {
        Kind::Detention => add(
            "mha-legal-status",
            if category == "s136" { "20" } else { "19" },
            None,
        ),
        Kind::MentalHealthDetention => add("mha-legal-status", category, None),
        Kind::StopSearch => add("stop-search-object", category, None),
        Kind::Treatment => add("ndtms-group", category, None),
        Kind::Possession => add("possession-stage", category, None),
        Kind::DomesticAbuseSupport => add("da-service", category, None),
        Kind::Admission => {
            add("icd-10", category, None);
            every(record.icd10_further, &mut |code| add("icd-10", code, None));
        }
        Kind::Referral => {
            add("referral-scheme", category, None);
            let concern = match category {
                "nrm" | "duty_to_notify" => "nrm-exploitation",
                "prevent" => "prevent-concern",
                _ => return,
            };
            every(record.concerns, &mut |code| add(concern, code, None));
        }
        Kind::HomelessnessCase => {
            add("hclic-reason", category, edition);
            every(record.support_needs, &mut |need| {
                add("hclic-need", need, edition)
            });
        }
        Kind::Crime
        | Kind::Incident
        | Kind::AssaultAttendance
        | Kind::AmbulanceCall
        | Kind::AntisocialBehaviourCase
        | Kind::NoiseComplaint
        | Kind::Count => {}
    }
}
