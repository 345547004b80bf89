//! The codes of a record, under the schemes by which plans and tables name them.

use std::borrow::Cow;

use crate::contract::{self, Record};

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

/// The outcome of a record. No plan names outcomes, so it is apart from the other codes.
pub fn outcome_code<'r>(record: &Record<'r>) -> Option<SourceCode<'r>> {
    Some(SourceCode {
        scheme: record.outcome_list?,
        code: Cow::Borrowed(record.outcome_code?),
        edition: None,
    })
}

/// Calls `add` with scheme, code and edition of each code of a record, groups excluded.
pub(super) fn own_codes<'r>(
    record: &Record<'r>,
    add: &mut impl FnMut(&'r str, &'r str, Option<&'r str>),
) {
    let edition = record.what_edition;
    let lists = (record.what_list, contract::own_code_list(record.kind));
    match (record.what_category, lists) {
        (Some(category), (Some("ho-crime"), _)) => {
            add("ho-category", category, edition);
            record
                .what_code
                .iter()
                .for_each(|code| add("ho-offence", code, edition));
        }
        (Some(category), (Some(list), _)) => add(list, category, edition),
        // The sections are numbers there: 19 is section 135, 20 is section 136.
        (Some("s136"), (None, Some(list @ "mha-legal-status"))) => add(list, "20", edition),
        (Some(section), (None, Some(list @ "mha-legal-status"))) if section.starts_with('s') => {
            add(list, "19", edition);
        }
        (Some(category), (None, Some(list))) => {
            add(list, category, edition);
            let further = record.icd10_further.into_iter();
            further.for_each(|codes| codes.for_each(|code| add(list, code, edition)));
        }
        (None, _) | (_, (None, None)) => {}
    }
    let concerns = match record.what_category {
        Some("nrm" | "duty_to_notify") => Some("nrm-exploitation"),
        Some("prevent") => Some("prevent-concern"),
        _ => None,
    };
    if let (Some(list), Some(concerns)) = (concerns, record.concerns) {
        concerns.for_each(|concern| add(list, concern, None));
    }
    let needs = record.support_needs.into_iter();
    needs.for_each(|needs| needs.for_each(|need| add("hclic-need", need, edition)));
}
