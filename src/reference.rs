//! Everything in `config/` but the run settings: who sends what, the plans, the code lists.
//!
//! Loaded once and checked as a whole, each file against the others; every fault is reported, not
//! only the first. Loaded data never changes, so everything derived from it is a pure function. This
//! module does not know the settings of a run.

pub mod accepted_check;
pub mod breaks;
pub mod carried;
pub mod codes;
pub mod controls;
pub mod crosswalks;
pub mod geography;
pub mod harm;
pub mod labels;
pub mod partners;
pub mod partnership;
pub mod pattern;
pub mod plan;
mod schemes;
pub mod source_code;
pub mod unknown_codes;
pub mod windows;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::contract::Record;
use crate::event::Kind;
use crate::files::fault::FaultSink;
use crate::files::{Fault, Faults, TextFiles};
use crate::hex;
use geography::Geography;
use schemes::{Schemes, scheme_names};
use windows::Windows;

pub use breaks::Break;
pub use carried::Carried;
pub use codes::CodeLists;
pub use controls::Control;
pub use crosswalks::Crosswalks;
pub use harm::HarmSet;
pub use partners::{DateBasis, Partners, Topic};
pub use partnership::Partnership;
pub use plan::{Plan, Plans};
pub use source_code::SourceCode;
pub use unknown_codes::{CodeCheck, UnknownCodes};

/// The reference data, checked.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Whose configuration it is.
    pub partnership: Partnership,
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
    /// The spans for which figures are given.
    pub windows: Windows,
    /// Dates at which a series changed its meaning, in order.
    pub breaks: Vec<Break>,
    /// Partners' own published counts.
    pub controls: Vec<Control>,
    /// Weights of harm, in order of ids.
    pub harm: Vec<HarmSet>,
    /// Oddities that are not faults.
    pub warnings: Vec<Fault>,
    /// SHA-256 over the names and texts of its files, in hexadecimal: equal = the same reference
    /// data.
    pub sha256: String,
}

impl Reference {
    /// Every scheme of codes and of groups of codes.
    pub(crate) fn schemes(&self) -> BTreeSet<String> {
        scheme_names(&self.codes, &self.crosswalks)
    }

    /// The built-in reference data, with the files of a folder replacing those of the same name.
    pub fn load(folder: Option<&Path>) -> Result<Self, Faults> {
        Self::read(&TextFiles::load(folder)?)
    }

    /// Reads and checks files.
    pub fn read(files: &TextFiles) -> Result<Self, Faults> {
        let sink = FaultSink::default();
        let codes = CodeLists::read(files, &sink);
        let crosswalks = Crosswalks::read(files, &sink);
        let names = scheme_names(&codes, &crosswalks);
        let schemes = Schemes {
            names: &names,
            codes: &codes,
            crosswalks: &crosswalks,
        };
        let partnership = Partnership::read(files, &sink);
        let partners = Partners::read(files, &schemes, &sink);
        let geography = Geography::read(files, &sink);
        partners.check_covers(&geography, &sink);
        let (plans, mut warnings) = plan::load::read(files, &schemes, &geography, &sink);
        warnings.extend(
            plans
                .iter()
                .filter(|plan| geography.scope(&plan.area).is_none())
                .map(without_area),
        );
        let breaks = breaks::read(files, &schemes, &partners.ids(), &sink);
        let harm = harm::read(files, &schemes, &sink);
        let windows = Windows::read(files, &sink);
        let controls = controls::read(files, &windows, &sink);
        let sha256 = checksum(files);
        sink.into_faults().into_result(Self {
            partnership,
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

    /// The harm weights in use: the first set.
    pub fn harm(&self) -> Option<&HarmSet> {
        self.harm.first()
    }

    /// The districts that a partner's systems cover in records of a kind; `None` = any.
    pub fn covered_districts(&self, partner: &str, kind: Kind) -> Option<BTreeSet<&str>> {
        let areas = self.partners.covers(partner, kind)?.into_iter();
        let named = areas.filter_map(|area| self.geography.named_area(area));
        Some(named.flat_map(|(_, districts)| districts).collect())
    }

    /// Whether the list of a code does not contain it.
    pub fn is_unknown(&self, code: &SourceCode<'_>) -> bool {
        self.codes.knows(code.scheme, code.edition, &code.code) == Some(false)
    }

    /// Replaces the content of `out` with the codes of a record: first its own, then the groups that
    /// crosswalks give them.
    pub fn source_codes<'c, 'r: 'c>(&'c self, record: &Record<'r>, out: &mut Vec<SourceCode<'c>>) {
        out.clear();
        source_code::own_codes(record, &mut |scheme, code, edition| {
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
            for groups in self.crosswalks.groups_for(scheme, &out[i].code) {
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

    /// The schemes in which a record's code is unknown: lists of the scheme exist, and none contains
    /// the code. So are the groups that a crosswalk would give it.
    pub fn unknown_schemes<'c>(&'c self, codes: &[SourceCode<'c>]) -> BTreeSet<&'c str> {
        let mut unknown = BTreeSet::new();
        for code in codes {
            if self.is_unknown(code) {
                unknown.insert(code.scheme);
                let groups = self.crosswalks.schemes_of(code.scheme).into_iter();
                unknown
                    .extend(groups.filter(|group| codes.iter().all(|code| code.scheme != *group)));
            }
        }
        unknown
    }
}

fn checksum(files: &TextFiles) -> String {
    let mut hasher = Sha256::new();
    // The settings of a run, and what is written from tables, are not reference data.
    let is_reference = |path: &str| {
        let is_setting = ["partner-feeds.toml", "disclosure.toml"].contains(&path);
        !is_setting
            && !["assessments/", "releases/"]
                .iter()
                .any(|own| path.starts_with(own))
    };
    for (path, text) in files.iter().filter(|(path, _)| is_reference(path)) {
        for part in [path, text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hex::encode(&hasher.finalize())
}

/// The warning that a plan will have no figures by ward, place or set.
fn without_area(plan: &Plan) -> Fault {
    let reason = format!(
        "`{}` is in no file of geography/: there will be no figures by area",
        plan.area
    );
    Fault::new(format!("plans/{}.toml", plan.id), "area", reason)
}

#[cfg(test)]
pub(crate) mod tests;
