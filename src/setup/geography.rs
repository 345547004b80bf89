//! The areas of a partnership from the look-ups and population estimates that the Office for National
//! Statistics publishes.
//!
//! The files cover England and Wales. Of these, the districts of the partnership are kept, and those of
//! its county and police force area, which tables compare it with. Every fault of a row that concerns
//! them is reported, with file and line. It must not know where the results are written.

mod published;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::civil;

use super::{GENERATED, LICENCE, is_district};
use crate::files::fault::FaultSink;
use crate::files::{Fault, Faults};
use crate::import::slug;
use published::{Column, PublishedRow, PublishedTable, Subject};

/// The day of mid-year estimates.
const MID_YEAR: (i8, i8) = (6, 30);

/// What to build.
#[derive(Clone, Debug)]
pub struct GeographyRequest<'r> {
    /// The area of the partnership, and any other areas that it needs: districts, or areas of several.
    pub areas: Vec<String>,
    /// Sets that are known, by code: their districts. The published look-ups replace them.
    pub known_sets: BTreeMap<String, (String, BTreeSet<String>)>,
    /// The police forces, as the files of data.police.uk name them.
    pub forces: Vec<&'r str>,
    /// The day of population estimates that do not name it.
    pub population_date: Option<civil::Date>,
    /// The published files.
    pub files: Vec<PathBuf>,
}

/// The files of `geography/`, and what is in them.
#[derive(Clone, Debug)]
pub struct GeographyFiles {
    /// Texts by path in the folder of the configuration.
    pub files: BTreeMap<String, String>,
    /// What was found, one line each.
    pub summary: Vec<String>,
    /// What is missing, but not needed.
    pub notes: Vec<String>,
}

/// Why there are no files: everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot build the geography ({} fault{}):{}", .0.len(), if .0.len() == 1 { "" } else { "s" }, lines(.0))]
pub struct GeographyError(pub Vec<Fault>);

fn lines(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    lines.concat()
}

/// Builds the files.
pub fn build(request: &GeographyRequest<'_>) -> Result<GeographyFiles, GeographyError> {
    let sink = FaultSink::default();
    let mut builder = Builder::new(request, &sink);
    let tables = read_tables(&request.files, &sink);
    for role in [
        TableRole::Districts,
        TableRole::Wards,
        TableRole::Vintages,
        TableRole::Persons,
    ] {
        for (_, table) in tables.iter().filter(|(own, _)| *own == role) {
            match role {
                TableRole::Districts => builder.read_districts(table),
                TableRole::Wards => builder.read_wards(table),
                TableRole::Vintages => builder.read_vintages(table),
                TableRole::Persons => builder.read_persons(table),
            }
        }
        if role == TableRole::Districts {
            builder.choose_districts();
        }
    }
    builder.check();
    let mut summary: Vec<String> = tables
        .iter()
        .map(|(role, table)| role.label(table))
        .collect();
    summary.extend(builder.summary());
    let built = GeographyFiles {
        files: builder.files(),
        summary,
        notes: builder.notes(),
    };
    sink.into_faults()
        .into_result(built)
        .map_err(|Faults(faults)| GeographyError(faults))
}

/// The id of a set of districts.
pub(super) fn set_id(name: &str, districts: usize) -> String {
    format!("{name}-{districts}")
}

/// What a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableRole {
    /// The county, partnership and police force area of each district.
    Districts,
    /// The ward and district of each LSOA.
    Wards,
    /// The LSOAs of 2021 that replaced those of 2011.
    Vintages,
    /// The persons of each LSOA.
    Persons,
}

impl TableRole {
    fn find(table: &PublishedTable) -> Option<Self> {
        let has = |subject| table.year(subject).is_some();
        let sets = [
            Subject::County,
            Subject::Partnership,
            Subject::PoliceForceArea,
        ];
        if has(Subject::Lsoa) && table.has_persons() {
            Some(Self::Persons)
        } else if table.years(Subject::Lsoa).count() > 1 {
            Some(Self::Vintages)
        } else if has(Subject::Lsoa) && has(Subject::Ward) && has(Subject::District) {
            Some(Self::Wards)
        } else if has(Subject::District) && sets.into_iter().any(has) {
            Some(Self::Districts)
        } else {
            None
        }
    }
}

impl TableRole {
    /// What a table was recognised as, for people.
    fn label(self, table: &PublishedTable) -> String {
        let what = match self {
            Self::Districts => "districts to their counties, partnerships and police force areas",
            Self::Wards => "LSOAs to wards and districts",
            Self::Vintages => "LSOAs to later LSOAs",
            Self::Persons => "persons of LSOAs",
        };
        let sheet = table
            .sheet
            .as_ref()
            .map_or_else(String::new, |sheet| format!(", {sheet}"));
        format!("{}{sheet}: {what}, {} rows", table.file, table.rows().len())
    }
}

/// The tables of all files that have a use. A file without any is a fault.
fn read_tables(files: &[PathBuf], sink: &FaultSink) -> Vec<(TableRole, PublishedTable)> {
    let mut found = Vec::new();
    for path in files {
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy();
        match published::read(path, &name) {
            Ok(tables) => {
                let before = found.len();
                for table in tables {
                    found.extend(TableRole::find(&table).map(|role| (role, table)));
                }
                if found.len() == before {
                    let reason = "has no columns of a known look-up: for wards LSOA21CD, WD24CD and \
                        LAD24CD (or of other years), for changed LSOAs LSOA11CD and LSOA21CD, for \
                        counties and police force areas LAD23CD and CTY23CD or PFA23CD, for populations \
                        `LSOA 2021 Code` and `Total`";
                    sink.add(&name, "", reason);
                }
            }
            Err(reason) => sink.add(&name, "", format!("cannot be read: {reason}")),
        }
    }
    found
}

/// A code and the year of its boundaries.
type AreaKey = (String, u16);

/// A named area of districts.
#[derive(Clone, Debug, Default)]
struct SetOfDistricts {
    name: String,
    districts: BTreeSet<String>,
}

struct Builder<'r> {
    request: &'r GeographyRequest<'r>,
    sink: &'r FaultSink,
    /// By code.
    sets: BTreeMap<String, SetOfDistricts>,
    /// Names by code, of all districts that a file has.
    districts: BTreeMap<String, String>,
    /// The districts of the areas that were asked for.
    asked: BTreeSet<String>,
    /// The districts to keep.
    kept: BTreeSet<String>,
    /// Level and name.
    areas: BTreeMap<AreaKey, (&'static str, String)>,
    /// Shares by child and parent.
    links: BTreeMap<(String, String), &'static str>,
    /// By LSOA and year of the wards.
    ward_of: BTreeMap<AreaKey, String>,
    district_of_ward: BTreeMap<String, String>,
    district_of_lsoa: BTreeMap<String, String>,
    /// By LSOA and day: the number and the publication, with the vintage.
    persons: BTreeMap<(String, civil::Date), (u16, u64, String)>,
    sources: BTreeMap<&'static str, BTreeSet<String>>,
}

impl<'r> Builder<'r> {
    fn new(request: &'r GeographyRequest<'r>, sink: &'r FaultSink) -> Self {
        Self {
            request,
            sink,
            sets: BTreeMap::new(),
            districts: BTreeMap::new(),
            asked: BTreeSet::new(),
            kept: BTreeSet::new(),
            areas: BTreeMap::new(),
            links: BTreeMap::new(),
            ward_of: BTreeMap::new(),
            district_of_ward: BTreeMap::new(),
            district_of_lsoa: BTreeMap::new(),
            persons: BTreeMap::new(),
            sources: BTreeMap::new(),
        }
    }

    fn fault(&self, table: &PublishedTable, row: PublishedRow<'_>, reason: impl Into<String>) {
        self.sink.add(&table.file, &row.key(), reason);
    }

    fn source(&mut self, file: &'static str, table: &PublishedTable) {
        let name = table.file.replace(char::is_control, " ");
        self.sources.entry(file).or_default().insert(name);
    }

    /// The code of a row, which is a fault if it is not one of its level.
    fn code<'t>(
        &self,
        table: &PublishedTable,
        row: PublishedRow<'t>,
        subject: Subject,
        year: u16,
    ) -> Option<&'t str> {
        let code = row.get(Column::Code(subject, year));
        let starts: &[&str] = match subject {
            Subject::Lsoa => &["E01", "W01"],
            Subject::Ward => &["E05", "W05"],
            Subject::District => &["E06", "E07", "E08", "E09", "W06"],
            Subject::County => &["E10"],
            Subject::Partnership => &["E22", "W14"],
            Subject::PoliceForceArea => &["E23", "W15"],
        };
        if crate::files::toml_reader::is_area_code(code)
            && starts.iter().any(|start| code.starts_with(start))
        {
            return Some(code);
        }
        self.fault(
            table,
            row,
            format!("`{code}` is not a code of {}", starts.join(", ")),
        );
        None
    }

    fn read_districts(&mut self, table: &PublishedTable) {
        let Some(year) = table.year(Subject::District) else {
            return;
        };
        self.source("sets", table);
        for row in table.rows() {
            let district = row.get(Column::Code(Subject::District, year));
            if !is_district(district) {
                continue; // Scotland and Northern Ireland
            }
            let name = row.get(Column::Name(Subject::District, year));
            self.districts
                .entry(district.to_owned())
                .or_insert_with(|| name.to_owned());
            for subject in [
                Subject::County,
                Subject::Partnership,
                Subject::PoliceForceArea,
            ] {
                let Some(year) = table.year(subject) else {
                    continue;
                };
                // A unitary authority has an empty county, or the code for none (E99999999).
                if subject == Subject::County
                    && !row.get(Column::Code(subject, year)).starts_with("E10")
                {
                    continue;
                }
                if let Some(code) = self.code(table, row, subject, year) {
                    let name = row.get(Column::Name(subject, year));
                    let set = self.sets.entry(code.to_owned()).or_default();
                    name.clone_into(&mut set.name);
                    set.districts.insert(district.to_owned());
                }
            }
        }
    }

    /// The districts of the areas asked for, and those of the sets that they are in.
    fn choose_districts(&mut self) {
        for (code, (id, districts)) in &self.request.known_sets {
            let name = id.rsplit_once('-').map_or(&**id, |(name, _)| name);
            self.sets
                .entry(code.clone())
                .or_insert_with(|| SetOfDistricts {
                    name: name.to_owned(),
                    districts: districts.clone(),
                });
        }
        for area in &self.request.areas {
            match self.sets.get(area) {
                Some(set) => self.asked.extend(set.districts.iter().cloned()),
                None if is_district(area) => drop(self.asked.insert(area.clone())),
                None => {
                    let reason = "is neither a district nor an area of the look-ups: add the look-up from \
                        districts to community safety partnerships and police force areas";
                    self.sink.add(area, "", reason);
                }
            }
        }
        let asked = &self.asked;
        self.sets
            .retain(|_, set| set.districts.len() > 1 && !set.districts.is_disjoint(asked));
        let of_sets = self.sets.values().flat_map(|set| &set.districts);
        self.kept = of_sets.chain(asked).cloned().collect();
    }

    fn add_area(&mut self, level: &'static str, code: &str, year: u16, name: &str) {
        let name = if name.is_empty() { code } else { name };
        let area = (code.to_owned(), year);
        self.areas
            .entry(area)
            .or_insert_with(|| (level, name.to_owned()));
    }

    fn read_wards(&mut self, table: &PublishedTable) {
        let years =
            [Subject::Lsoa, Subject::Ward, Subject::District].map(|subject| table.year(subject));
        let [Some(of_lsoa), Some(of_ward), Some(of_district)] = years else {
            return;
        };
        self.source("areas", table);
        self.source("lookup", table);
        for row in table.rows() {
            let district = row.get(Column::Code(Subject::District, of_district));
            if !self.kept.contains(district) {
                continue;
            }
            let lsoa = self.code(table, row, Subject::Lsoa, of_lsoa);
            let ward = self.code(table, row, Subject::Ward, of_ward);
            let (Some(lsoa), Some(ward)) = (lsoa, ward) else {
                continue;
            };
            let other = self
                .ward_of
                .insert((lsoa.to_owned(), of_ward), ward.to_owned());
            if let Some(other) = other.filter(|other| other != ward) {
                self.fault(
                    table,
                    row,
                    format!("{lsoa} is in {ward} here, and in {other} above"),
                );
            }
            let other = self
                .district_of_ward
                .insert(ward.to_owned(), district.to_owned());
            if let Some(other) = other.filter(|other| other != district) {
                self.fault(
                    table,
                    row,
                    format!("{ward} is in {district} here, and in {other} above"),
                );
            }
            self.district_of_lsoa
                .insert(lsoa.to_owned(), district.to_owned());
            let name = |subject, year| row.get(Column::Name(subject, year));
            self.add_area("lsoa", lsoa, of_lsoa, name(Subject::Lsoa, of_lsoa));
            self.add_area("ward", ward, of_ward, name(Subject::Ward, of_ward));
            self.add_area(
                "district",
                district,
                of_district,
                name(Subject::District, of_district),
            );
            self.links.insert((lsoa.to_owned(), ward.to_owned()), "");
            self.links
                .insert((ward.to_owned(), district.to_owned()), "1");
        }
    }

    fn read_vintages(&mut self, table: &PublishedTable) {
        let mut years = table.years(Subject::Lsoa);
        let (Some(before), Some(after)) = (years.next(), years.next_back()) else {
            return;
        };
        self.source("areas", table);
        self.source("lookup", table);
        for row in table.rows() {
            let codes = [before, after].map(|year| row.get(Column::Code(Subject::Lsoa, year)));
            let district = codes
                .iter()
                .find_map(|code| self.district_of_lsoa.get(*code));
            let Some(district) = district.cloned() else {
                continue;
            };
            let [Some(old), Some(new)] =
                [before, after].map(|year| self.code(table, row, Subject::Lsoa, year))
            else {
                continue;
            };
            self.add_area(
                "lsoa",
                old,
                before,
                row.get(Column::Name(Subject::Lsoa, before)),
            );
            self.add_area(
                "lsoa",
                new,
                after,
                row.get(Column::Name(Subject::Lsoa, after)),
            );
            for code in codes {
                self.district_of_lsoa
                    .entry(code.to_owned())
                    .or_insert_with(|| district.clone());
            }
            if old != new {
                self.links.insert((old.to_owned(), new.to_owned()), "");
            }
        }
    }

    fn read_persons(&mut self, table: &PublishedTable) {
        let Some(vintage) = table.year(Subject::Lsoa) else {
            return;
        };
        let title = table.sheet.as_deref().unwrap_or(&table.file);
        if ["male", "notes", "contents"]
            .iter()
            .any(|word| title.to_lowercase().contains(word))
        {
            return; // a sheet of one sex
        }
        let Some(date) = mid_year(title).or(self.request.population_date) else {
            let reason = "the name of the file or sheet has no year, such as Mid-2022: pass --population-date";
            return self.sink.add(
                &table.file,
                table.sheet.as_deref().unwrap_or_default(),
                reason,
            );
        };
        self.source("populations", table);
        let source = match mid_year(title) {
            Some(date) => format!("Mid-{} population estimates", date.year()),
            None => format!("Population estimates of {date}"),
        };
        for row in table.rows() {
            let code = row.get(Column::Code(Subject::Lsoa, vintage));
            if !self.areas.contains_key(&(code.to_owned(), vintage)) {
                continue;
            }
            let text = row.get(Column::Persons);
            let Ok(persons) = text.replace(',', "").parse::<u64>() else {
                self.fault(
                    table,
                    row,
                    format!("the persons of {code} are not a whole number"),
                );
                continue;
            };
            let known = self
                .persons
                .insert((code.to_owned(), date), (vintage, persons, source.clone()));
            if known.is_some_and(|(_, known, _)| known != persons) {
                self.fault(
                    table,
                    row,
                    format!("{code} has another number of persons above"),
                );
            }
        }
    }

    fn count(&self, level: &str, district: Option<&str>) -> BTreeMap<u16, usize> {
        let mut by_year = BTreeMap::new();
        for ((code, year), _) in self.areas.iter().filter(|(_, (own, _))| *own == level) {
            let of_area = match level {
                "lsoa" => self.district_of_lsoa.get(code),
                "ward" => self.district_of_ward.get(code),
                _ => Some(code),
            };
            if district.is_none_or(|district| of_area.is_some_and(|own| own == district)) {
                *by_year.entry(*year).or_default() += 1;
            }
        }
        by_year
    }

    /// Adds a fault for what the districts asked for cannot do without.
    fn check(&mut self) {
        for district in &self.kept {
            if self.count("lsoa", Some(district)).is_empty() {
                let name = self.districts.get(district);
                let name = name.map_or_else(String::new, |name| format!("{name}: "));
                let reason = format!(
                    "{name}no look-up from LSOAs to wards has this district: check that the file is complete, and use \
                     look-ups of the same year, as codes change when councils merge"
                );
                self.sink.add(district, "", reason);
            }
        }
        let lsoas: Vec<&AreaKey> = self
            .areas
            .iter()
            .filter(|(_, (level, _))| *level == "lsoa")
            .map(|(key, _)| key)
            .collect();
        for (code, year) in lsoas {
            let is_linked = self.links.range((code.clone(), String::new())..).next();
            if is_linked.is_none_or(|((child, _), _)| child != code) {
                let reason = format!(
                    "this LSOA of {year} is in no look-up to wards: add the look-up to wards of the same LSOAs"
                );
                self.sink.add(code, "", reason);
            }
        }
    }

    fn summary(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for district in &self.asked {
            let name = self.name(district);
            let mut parts = Vec::new();
            for level in ["ward", "lsoa"] {
                for (year, count) in self.count(level, Some(district)) {
                    let what = if level == "lsoa" { "LSOAs" } else { "wards" };
                    parts.push(format!("{count} {what} of {year}"));
                }
            }
            for date in self.dates() {
                let of_district = self.persons.iter().filter(|((code, day), _)| {
                    *day == date && self.district_of_lsoa.get(code) == Some(district)
                });
                let sum: u64 = of_district.map(|(_, (_, persons, _))| persons).sum();
                parts.push(format!("{sum} persons on {date}"));
            }
            lines.push(format!("{name} ({district}): {}", parts.join(", ")));
        }
        for (id, code, districts) in self.named_sets() {
            lines.push(format!(
                "{id} ({code}): {} districts to compare with",
                districts.len()
            ));
        }
        lines
    }

    fn dates(&self) -> BTreeSet<civil::Date> {
        self.persons.keys().map(|(_, date)| *date).collect()
    }

    fn name<'s>(&'s self, district: &'s str) -> &'s str {
        let mut areas = self.areas.range((district.to_owned(), 0)..);
        let area = areas.next().filter(|((code, _), _)| code == district);
        area.map_or(district, |(_, (_, name))| name)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let has = |start: &[&str]| {
            self.sets
                .keys()
                .any(|code| start.iter().any(|start| code.starts_with(start)))
        };
        if !has(&["E23", "W15"]) {
            notes.push(
                "no police force area: the look-up from districts to police force areas lets tables rank \
                 the area among its neighbours"
                    .to_owned(),
            );
        }
        if self.persons.is_empty() {
            notes.push("no populations: there will be counts, but no rates".to_owned());
        }
        for date in self.dates() {
            let vintage = self
                .persons
                .iter()
                .find(|((_, day), _)| *day == date)
                .map(|(_, (vintage, ..))| *vintage);
            let missing = self.areas.iter().filter(|((code, year), (level, _))| {
                *level == "lsoa"
                    && Some(*year) == vintage
                    && !self.persons.contains_key(&(code.clone(), date))
            });
            let missing = missing.count();
            if missing > 0 {
                notes.push(format!(
                    "{missing} LSOAs have no population on {date}: their wards have no rates"
                ));
            }
        }
        if self.count("lsoa", None).len() == 1 {
            notes.push(
                "LSOAs of one year only: the look-up from LSOAs of 2011 to those of 2021 places records \
                 of both"
                    .to_owned(),
            );
        }
        notes
    }

    /// Id, code and districts of each set.
    fn named_sets(&self) -> Vec<(String, &str, &BTreeSet<String>)> {
        let mut ids: BTreeMap<String, &str> = BTreeMap::new();
        let mut named = Vec::new();
        // Police force areas first: imports find them by the name of the force.
        let order = |code: &&String| {
            (
                !code.starts_with("E23") && !code.starts_with("W15"),
                (*code).clone(),
            )
        };
        let mut codes: Vec<&String> = self.sets.keys().collect();
        codes.sort_by_key(order);
        for code in codes {
            let set = &self.sets[code];
            let is_police = code.starts_with("E23") || code.starts_with("W15");
            let force =
                self.request.forces.iter().find(|force| {
                    is_police && crate::import::police_uk::is_force(&set.name, force)
                });
            let name = force.map_or_else(|| slug(&set.name), |force| (*force).to_owned());
            let mut id = set_id(&name, set.districts.len());
            if ids.contains_key(&id) {
                let kind = if code.starts_with("E10") {
                    "county"
                } else {
                    "partnership"
                };
                id = set_id(&format!("{name}-{kind}"), set.districts.len());
            }
            ids.insert(id.clone(), code);
            named.push((id, code.as_str(), &set.districts));
        }
        named
    }

    fn files(&self) -> BTreeMap<String, String> {
        let areas = self.areas.iter().map(|((code, year), (level, name))| {
            [
                code.clone(),
                (*level).to_owned(),
                year.to_string(),
                name.clone(),
            ]
        });
        let links = self.links.iter().map(|((child, parent), share)| {
            [
                child.clone(),
                parent.clone(),
                (*share).to_owned(),
                "official".to_owned(),
            ]
        });
        let persons = self
            .persons
            .iter()
            .map(|((code, date), (vintage, persons, source))| {
                let (vintage, persons) = (vintage.to_string(), persons.to_string());
                [
                    code.clone(),
                    vintage,
                    "persons".to_owned(),
                    persons,
                    date.to_string(),
                    source.clone(),
                ]
            });
        let mut sets = Vec::new();
        for (id, code, districts) in self.named_sets() {
            sets.extend(
                districts
                    .iter()
                    .map(|district| [id.clone(), code.to_owned(), district.clone()]),
            );
        }
        sets.sort_by_key(|[id, _, area]| format!("{id},{area}"));
        BTreeMap::from([
            self.file("areas", ["code", "level", "vintage", "name"], areas),
            self.file("lookup", ["child", "parent", "share", "method"], links),
            self.file(
                "populations",
                [
                    "code",
                    "vintage",
                    "unit",
                    "value",
                    "reference_date",
                    "source",
                ],
                persons,
            ),
            self.file("sets", ["id", "code", "area"], sets),
        ])
    }

    fn file<const N: usize>(
        &self,
        name: &str,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> (String, String) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let written = writer.write_record(header).and_then(|()| {
            rows.into_iter()
                .try_for_each(|row| writer.write_record(&row))
        });
        written.expect("memory can be written");
        let rows = writer.into_inner().map(String::from_utf8);
        let rows = rows
            .expect("memory can be written")
            .expect("texts are UTF-8");
        let sources: Vec<&str> = self
            .sources
            .get(name)
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let sources = if sources.is_empty() {
            "no file".to_owned()
        } else {
            sources.join("; ")
        };
        let text = format!(
            "{GENERATED}\n# source: Office for National Statistics: {sources}\n{LICENCE}\n{rows}"
        );
        (format!("geography/{name}.csv"), text)
    }
}

/// The middle of the year that a title names: `Mid-2022 LSOA 2021`, `mid2022`.
fn mid_year(title: &str) -> Option<civil::Date> {
    let title = title.to_lowercase();
    let (_, rest) = title.split_once("mid")?;
    let digits: String = rest
        .trim_start_matches(['-', ' ', '_', '–'])
        .chars()
        .take(4)
        .collect();
    let year: i16 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    let (month, day) = MID_YEAR;
    civil::Date::new(year, month, day).ok()
}
