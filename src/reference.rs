//! Everything in `config/` but the run settings: who sends what, the plans, the code lists.
//!
//! Loaded once and checked whole, everything against everything; what is wrong is told all at once.
//! What is loaded never changes, so everything derived from it is a pure function.

pub mod breaks;
pub mod codes;
pub mod controls;
pub mod crosswalks;
pub mod harm;
pub mod partners;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::config::reader::Sink;
use crate::config::{Fault, Faults, Files};
use crate::contract::Record;
use crate::contract::record::Strs;
use crate::event::Kind;
use crate::geography::Geography;
use crate::plan;
use crate::windows::Windows;

pub use crate::plan::{Plan, Plans};
pub use breaks::Break;
pub use codes::CodeLists;
pub use controls::Control;
pub use crosswalks::Crosswalks;
pub use harm::HarmSet;
pub use partners::{Carried, DateBasis, Partners, Topic};

/// Schemes of the contracts whose codes are held in no list.
const OPEN: [&str; 6] = [
    "ampds",
    "icd-10",
    "nhs-pathways",
    "noise-source",
    "nrm-exploitation",
    "prevent-concern",
];

/// The reference data, checked.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Topics, sources, what each carries.
    pub partners: Partners,
    /// The plans.
    pub plans: Plans,
    /// Lists of codes with labels.
    pub codes: CodeLists,
    /// Groups of raw codes.
    pub crosswalks: Crosswalks,
    /// Areas, populations, sets and places.
    pub geography: Geography,
    /// The spans that figures are given for.
    pub windows: Windows,
    /// Days on which series began to mean something else, in order.
    pub breaks: Vec<Break>,
    /// What partners' own publications count.
    pub controls: Vec<Control>,
    /// Weights of harm, in order of ids.
    pub harm: Vec<HarmSet>,
    /// What is odd but not refused.
    pub warnings: Vec<Fault>,
    /// SHA-256 over the names and texts of its files, in hexadecimal: equal = the same reference
    /// data.
    pub sha256: String,
}

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

impl Reference {
    /// The built-in reference data, with the files of a folder in place of those of the same name.
    pub fn load(folder: Option<&Path>) -> Result<Self, Faults> {
        Self::read(&Files::load(folder)?)
    }

    /// Reads and checks files.
    pub fn read(files: &Files) -> Result<Self, Faults> {
        let sink = Sink::default();
        let codes = CodeLists::read(files, &sink);
        let crosswalks = Crosswalks::read(files, &sink);
        let schemes = known_schemes(&codes, &crosswalks);
        let partners = Partners::read(
            files,
            &partners::Known {
                schemes: &schemes,
                crosswalks: &crosswalks,
            },
            &sink,
        );
        let geography = Geography::read(files, &sink);
        let known = plan::load::Known {
            codes: &codes,
            crosswalks: &crosswalks,
            schemes: &schemes,
            geography: &geography,
        };
        let (plans, mut warnings) = plan::load::read(files, &known, &sink);
        warnings.extend(
            plans
                .iter()
                .filter(|plan| geography.scope(&plan.area).is_none())
                .map(without_area),
        );
        let of_breaks = breaks::Known {
            partners: partners.ids(),
            plans: &known,
        };
        let breaks = breaks::read(files, &of_breaks, &sink);
        let harm = harm::read(
            files,
            &harm::Known {
                schemes: &schemes,
                codes: &codes,
            },
            &sink,
        );
        let windows = Windows::read(files, &sink);
        let controls = controls::read(files, &windows, &sink);
        let sha256 = checksum(files);
        sink.into_faults().into_result(Self {
            partners,
            plans,
            codes,
            crosswalks,
            geography,
            windows,
            breaks,
            controls,
            harm,
            warnings,
            sha256,
        })
    }

    /// The set of weights that harm is counted by: the first of those held.
    pub fn harm(&self) -> Option<&HarmSet> {
        self.harm.first()
    }

    /// Puts the codes of a record into `out`, in place of what was there: first its own, then the
    /// groups that crosswalks give them.
    pub fn source_codes<'r>(&'r self, record: &Record<'r>, out: &mut Vec<SourceCode<'r>>) {
        out.clear();
        own_codes(record, &mut |scheme, code, edition| {
            let code = match scheme {
                "ho-category" if code.contains('.') => Cow::Owned(code.replace('.', "/")),
                _ => Cow::Borrowed(code),
            };
            out.push(SourceCode {
                scheme,
                code,
                edition,
            });
        });
        for i in 0..out.len() {
            let SourceCode {
                scheme, edition, ..
            } = out[i];
            for groups in self.crosswalks.of(scheme, &out[i].code) {
                if let Some(group) = groups.group(edition) {
                    out.push(SourceCode {
                        scheme: &groups.scheme,
                        code: Cow::Borrowed(group),
                        edition: None,
                    });
                }
            }
        }
    }
}

fn checksum(files: &Files) -> String {
    let mut hasher = Sha256::new();
    // The settings of a run are no reference data.
    for (path, text) in files
        .iter()
        .filter(|(path, _)| *path != "partner-feeds.toml")
    {
        for part in [path, text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hasher
        .finalize()
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The warning that no figures by ward, place or set can be given.
fn without_area(plan: &Plan) -> Fault {
    let reason = format!(
        "`{}` is in no file of geography/: there will be no figures by area",
        plan.area
    );
    Fault::new(format!("plans/{}.toml", plan.id), "area", reason)
}

/// Every name that a rule may use as a scheme.
fn known_schemes(codes: &CodeLists, crosswalks: &Crosswalks) -> BTreeSet<String> {
    let lists = codes
        .iter()
        .map(|list| &*list.scheme)
        .filter(|scheme| !scheme.ends_with("-outcome"));
    let groups = crosswalks.schemes().map(|(scheme, _)| scheme);
    lists
        .chain(groups)
        .chain(crosswalks.lists())
        .chain(OPEN)
        .map(str::to_owned)
        .collect()
}

/// Calls `add` with scheme, code and edition of each code of a record.
fn own_codes<'r>(record: &Record<'r>, add: &mut impl FnMut(&'r str, &'r str, Option<&'r str>)) {
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

#[cfg(test)]
pub(crate) mod tests;
