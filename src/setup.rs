//! The configuration of a new partnership: the files of its folder, from a few answers.
//!
//! The built-in files are the model: what they contain of the built-in partnership is replaced or
//! commented out, so that each default is written once. It must not know who asks the questions, nor
//! where the files go.

pub mod geography;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use minijinja::context;

use crate::contract::semantic::is_of_level;
use crate::files::TextFiles;
use crate::files::text_files::PARTNERSHIP;
use crate::files::toml_reader::is_area_code;
use crate::import::slug;
use crate::reference::{Partnership, Reference};
use crate::templates;

/// The longest id of a partner, in bytes.
const ID_BYTES_MAX: usize = 32;
/// The years before the first plan for which there are figures.
const YEARS_BEFORE: i16 = 5;
/// The first years that a plan may have.
const FIRST_YEARS: std::ops::RangeInclusive<i16> = 2000..=2099;
/// The first line of a file that `geography build` may replace.
pub const GENERATED: &str = "# Written by partner-feeds: `geography build` replaces this file.";
/// The licence of the areas.
pub(crate) const LICENCE: &str = "# licence: Source: Office for National Statistics licensed under the Open \
    Government Licence v3.0. Contains OS data © Crown copyright and database right.";
/// The plan, as a template.
const PLAN: &str = include_str!("setup/plan.toml");

/// What a partner is to a partnership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartnerRole {
    /// The police force.
    Police,
    /// The council of the district or unitary authority.
    Council,
    /// The county council, or the council if there is no county council.
    County,
    /// The hospital trust.
    Acute,
    /// The ambulance service.
    Ambulance,
    /// The mental health trust.
    MentalHealth,
    /// The provider of drug and alcohol treatment.
    Treatment,
    /// A social landlord.
    Landlord,
}

/// The partner of each role in the built-in partnership.
const BUILT_IN: [(&str, PartnerRole); 8] = [
    ("golding-homes", PartnerRole::Landlord),
    ("kent-cc", PartnerRole::County),
    ("kent-police", PartnerRole::Police),
    ("kent-treatment", PartnerRole::Treatment),
    ("kmpt-nhs", PartnerRole::MentalHealth),
    ("maidstone-bc", PartnerRole::Council),
    ("mtw-nhs", PartnerRole::Acute),
    ("secamb", PartnerRole::Ambulance),
];

/// A partner to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPartner {
    /// Its id in sources.
    pub id: String,
    /// What people call it.
    pub name: String,
}

impl NewPartner {
    /// A partner by its name, or by `<id>=<name>`. Without an id, it is the name in lower case.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (id, name) = match text.split_once('=') {
            Some((id, name)) => (id.trim().to_owned(), name.trim()),
            None => (short_id(text), text.trim()),
        };
        check_name(name)?;
        if id.len() > ID_BYTES_MAX || !crate::files::toml_reader::is_kebab(&id) {
            return Err(format!(
                "`{id}` is not an id of lower-case letters, digits and hyphens, at most {ID_BYTES_MAX}"
            ));
        }
        Ok(Self {
            id,
            name: name.to_owned(),
        })
    }
}

/// A name as an id, cut between two words if it is too long.
fn short_id(name: &str) -> String {
    let mut id = slug(name);
    while id.len() > ID_BYTES_MAX {
        id.truncate(id.rfind('-').unwrap_or(ID_BYTES_MAX));
    }
    id
}

/// Checks a name that is written to the files.
pub fn check_name(name: &str) -> Result<(), String> {
    if slug(name).is_empty() {
        return Err("a name needs a letter or a digit".to_owned());
    }
    match name
        .chars()
        .find(|c| matches!(c, '"' | '\\') || c.is_control())
    {
        Some(c) => Err(format!("a name cannot contain {c:?}")),
        None => Ok(()),
    }
}

/// The answers from which the files of a partnership follow.
#[derive(Clone, Debug)]
pub struct NewPartnership {
    /// The partnership and its area.
    pub partnership: Partnership,
    /// What people call the area.
    pub area_name: String,
    /// The districts of the area, by code.
    pub districts: BTreeMap<String, String>,
    /// The year in which the first plan begins, in April.
    pub first_year: i16,
    /// The partners that are known.
    pub partners: BTreeMap<PartnerRole, NewPartner>,
}

impl NewPartnership {
    /// The id of the first plan.
    pub fn plan(&self) -> String {
        let mut area = slug(&self.area_name);
        area.truncate(ID_BYTES_MAX);
        format!("{}-{}", area.trim_end_matches('-'), self.years())
    }

    /// The years of the first plan: `2025-26`.
    fn years(&self) -> String {
        format!("{}-{:02}", self.first_year, (self.first_year + 1) % 100)
    }

    /// What is wrong with the answers.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !FIRST_YEARS.contains(&self.first_year) {
            let (first, last) = FIRST_YEARS.into_inner();
            faults.push(format!(
                "the first year {} is not from {first} to {last}",
                self.first_year
            ));
        }
        for code in self.districts.keys().filter(|code| !is_district(code)) {
            faults.push(format!(
                "`{code}` is not the code of a district, such as E07000110"
            ));
        }
        if !is_area_code(&self.partnership.area) {
            faults.push(format!(
                "`{}` is not an area code such as E07000110",
                self.partnership.area
            ));
        }
        let names = [&self.partnership.name, &self.area_name].into_iter();
        for name in names.chain(self.districts.values()) {
            faults.extend(
                check_name(name)
                    .err()
                    .map(|reason| format!("`{name}`: {reason}")),
            );
        }
        faults
    }

    /// The files of the folder, by path.
    pub fn files(&self) -> BTreeMap<String, String> {
        let built_in = TextFiles::built_in();
        let model = |path: &str| built_in.text(path).unwrap_or_default().to_owned();
        let plan = self.plan();
        let police = self.partners.get(&PartnerRole::Police);
        let police = police.map_or("", |police| &police.id);
        let mut files = BTreeMap::from([
            ("partner-feeds.toml".to_owned(), self.settings(&plan)),
            (PARTNERSHIP.to_owned(), self.partnership_file()),
            (
                "partners.toml".to_owned(),
                self.partners_file(&model("partners.toml")),
            ),
            (
                "breaks.toml".to_owned(),
                breaks(&model("breaks.toml"), police),
            ),
            (
                "windows.toml".to_owned(),
                self.windows(&model("windows.toml")),
            ),
            (format!("plans/{plan}.toml"), self.plan_file(&plan)),
            ("geography/areas.csv".to_owned(), self.areas()),
        ]);
        if self.districts.len() > 1 {
            files.insert("geography/sets.csv".to_owned(), self.set());
        }
        files
    }

    fn settings(&self, plan: &str) -> String {
        format!(
            "# Settings of the {}: only what differs from the defaults. Run the program in the folder that\n\
             # contains `config`, so that it finds this file.\n\n\
             [kafka]\ngroup = \"partner-feeds-{}\"  # a consumer group of its own: its offsets belong to this store\n\n\
             [reference]\nfolder = \"config\"\n\n\
             # How long records are kept is a decision of the partnership: docs/data-protection.md proposes periods.\n\
             # [retention]\n# events = \"7y\"\n\n\
             [aggregate]\nplans = [\"{plan}\"]  # a draft too; empty = every adopted plan\n",
            self.partnership.name,
            slug(&self.area_name)
        )
    }

    fn partnership_file(&self) -> String {
        let Partnership { name, area } = &self.partnership;
        format!(
            "# This folder is the configuration of this partnership. With this file, the program leaves out the plans,\n\
             # geography, assessments and releases that are built in, which are those of another partnership.\n\
             format = 1\nname = \"{name}\"\narea = \"{area}\"  # {}\n",
            self.area_name
        )
    }

    fn windows(&self, model: &str) -> String {
        let mut text = String::new();
        for line in model.lines() {
            if line.starts_with("first_month") {
                let year = self.first_year - YEARS_BEFORE;
                writeln!(
                    text,
                    "first_month = \"{year}-04\"  # figures begin here: {YEARS_BEFORE} years before the first plan"
                )
            } else {
                writeln!(text, "{line}")
            }
            .expect("a text grows");
        }
        text
    }

    fn plan_file(&self, plan: &str) -> String {
        let values = context! {
            plan,
            name => &self.partnership.name,
            area => &self.partnership.area,
            years => self.years(),
            first_year => self.first_year,
            last_year => self.first_year + 1,
        };
        templates::environment()
            .and_then(|environment| environment.render_str(PLAN, values))
            .expect("a template that tests render")
    }

    /// The districts alone, until `geography build` adds wards and LSOAs.
    fn areas(&self) -> String {
        let mut text = format!(
            "{GENERATED}\n# source: Office for National Statistics, codes and names of districts\n{LICENCE}\n\
             code,level,vintage,name\n"
        );
        for (code, name) in &self.districts {
            writeln!(text, "{code},district,{},\"{name}\"", self.first_year).expect("a text grows");
        }
        text
    }

    fn set(&self) -> String {
        let mut text = format!(
            "{GENERATED}\n# source: Office for National Statistics, codes of areas\n{LICENCE}\nid,code,area\n"
        );
        let id = geography::set_id(&slug(&self.area_name), self.districts.len());
        for code in self.districts.keys() {
            writeln!(text, "{id},{},{code}", self.partnership.area).expect("a text grows");
        }
        text
    }

    /// The built-in file with this partnership's partners in place of the built-in ones. Systems whose
    /// partner is not known are commented out.
    fn partners_file(&self, model: &str) -> String {
        let paragraphs = model.split("\n\n").map(|paragraph| {
            if paragraph.starts_with("[labels]") {
                self.labels(paragraph)
            } else if let Some((partner, role)) = built_in_partner(paragraph) {
                self.system(paragraph, partner, role)
            } else {
                paragraph.to_owned()
            }
        });
        paragraphs
            .collect::<Vec<_>>()
            .join("\n\n")
            .trim_end()
            .to_owned()
            + "\n"
    }

    fn labels(&self, paragraph: &str) -> String {
        let mut lines = Vec::new();
        for line in paragraph.lines() {
            let id = line.split_once(" = ").map(|(id, _)| id);
            let is_replaced = id.is_some_and(|id| {
                // A police force keeps its label: its published files are those of any partnership.
                let built_in = BUILT_IN.iter().find(|(known, _)| *known == id);
                built_in.is_some_and(|(_, role)| *role != PartnerRole::Police)
                    || self.partners.values().any(|partner| partner.id == id)
            });
            if !is_replaced {
                lines.push(line.to_owned());
            }
        }
        let mut own: Vec<&NewPartner> = self.partners.values().collect();
        own.sort_by(|a, b| a.id.cmp(&b.id));
        own.dedup_by(|a, b| a.id == b.id);
        let own = own
            .iter()
            .map(|partner| format!("{} = \"{}\"", partner.id, partner.name));
        lines.splice(1..1, own);
        lines.join("\n")
    }

    fn system(&self, paragraph: &str, built_in: &str, role: PartnerRole) -> String {
        let partner = self.partners.get(&role);
        let id = partner.map_or_else(|| role.placeholder(), |partner| &partner.id);
        let mut lines = Vec::new();
        for line in paragraph.lines() {
            if line.starts_with("covers = ") {
                lines.push(format!("covers = [\"{}\"]", self.partnership.area));
            } else {
                lines.push(line.replace(built_in, id));
            }
        }
        if partner.is_none() {
            for line in &mut lines {
                line.insert_str(0, "# ");
            }
        }
        lines.join("\n")
    }
}

impl PartnerRole {
    /// The id in a system that is commented out.
    const fn placeholder(self) -> &'static str {
        match self {
            Self::Police => "your-police",
            Self::Council => "your-council",
            Self::County => "your-county-council",
            Self::Acute => "your-hospital-trust",
            Self::Ambulance => "your-ambulance-service",
            Self::MentalHealth => "your-mental-health-trust",
            Self::Treatment => "your-treatment-provider",
            Self::Landlord => "your-landlord",
        }
    }
}

/// The partner of the built-in partnership whose system a paragraph registers.
fn built_in_partner(paragraph: &str) -> Option<(&'static str, PartnerRole)> {
    let mut lines = paragraph.lines();
    let line = lines.find(|line| line.starts_with("partners = "))?;
    let is_named = |(id, _): &&(&str, PartnerRole)| line == format!("partners = [\"{id}\"]");
    BUILT_IN.iter().find(is_named).copied()
}

/// The breaks that concern everyone, and those of the police force; none of boundaries.
fn breaks(model: &str, police: &str) -> String {
    let concerns = |paragraph: &&str| {
        paragraph.lines().all(|line| {
            let of_police = line.contains(&format!("\"{police}\""));
            !line.starts_with("levels = ") && (!line.starts_with("partners = ") || of_police)
        })
    };
    let kept: Vec<&str> = model.split("\n\n").filter(concerns).collect();
    kept.join("\n\n").trim_end().to_owned() + "\n"
}

/// Whether a code is that of a district, unitary authority, metropolitan or London borough.
pub fn is_district(code: &str) -> bool {
    is_area_code(code) && is_of_level(code, "district")
}

/// What the built-in configuration knows of a district: its name, its police force, and the name of
/// its county.
pub struct KnownDistrict {
    /// Its name.
    pub name: String,
    /// Its police force, as the files of data.police.uk name it.
    pub force: Option<String>,
    /// The name of its county, where that has a council.
    pub county: Option<String>,
}

impl KnownDistrict {
    /// A district of the built-in configuration.
    pub fn find(reference: &Reference, code: &str) -> Option<Self> {
        let area = reference.geography.area(code)?;
        let set_of = |start: &str| reference.geography.set_name(code, start);
        Some(Self {
            name: area.name.clone(),
            force: set_of("E23").map(str::to_owned),
            county: set_of("E10").map(crate::reference::labels::in_words),
        })
    }
}

/// The police forces whose files data.police.uk publishes for an area, as its file names have them.
pub fn forces(reference: &Reference) -> Vec<&str> {
    let ids = reference.partners.ids().into_iter();
    ids.filter_map(|id| id.strip_suffix("-police")).collect()
}

#[cfg(test)]
mod tests;
