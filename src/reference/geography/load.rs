//! Reads and checks the files of `geography/`. Every fault is reported, not only the first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use jiff::civil;
use serde::Deserialize;

use super::scope::is_outward;
use super::{
    Area, AreaLink, Districts, Geography, Level, Method, Population, PopulationUnit, Tier,
};
use crate::files::TextFiles;
use crate::files::csv::{read_rows, required_comment};
use crate::files::fault::FaultSink;
use crate::files::toml_reader::is_kebab;
use crate::reference::labels::in_words;

const AREAS: &str = "geography/areas.csv";
const LOOKUP: &str = "geography/lookup.csv";
const POPULATIONS: &str = "geography/populations.csv";
const SETS: &str = "geography/sets.csv";
const PLACES: &str = "geography/places.csv";

/// The largest excess of a child's shares over 1, since their sources round.
const SHARE_ERROR_MAX: f64 = 1e-9;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AreaLine {
    code: String,
    level: String,
    vintage: u16,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupLine {
    child: String,
    parent: String,
    share: Option<f64>,
    method: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PopulationLine {
    code: String,
    vintage: u16,
    unit: String,
    value: u64,
    reference_date: String,
    source: String,
}

impl PopulationLine {
    fn key(&self) -> String {
        format!("{},{},{}", self.code, self.unit, self.reference_date)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetLine {
    id: String,
    code: String,
    area: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceLine {
    id: String,
    lsoa: String,
    vintage: u16,
}

impl Geography {
    pub(crate) fn read(files: &TextFiles, sink: &FaultSink) -> Self {
        let mut geography = Self::default();
        geography.read_areas(files, sink);
        geography.read_lookup(files, sink);
        geography.read_sets(files, sink);
        geography.read_places(files, sink);
        geography.read_populations(files, sink);
        geography.read_lsoa_vintages(files, sink);
        geography.sum_populations();
        geography
    }

    fn read_areas(&mut self, files: &TextFiles, sink: &FaultSink) {
        for row in rows(files, AREAS, sink, |row: &AreaLine| {
            format!("{},{}", row.code, row.vintage)
        }) {
            let AreaLine {
                code,
                level,
                vintage,
                name,
            } = row;
            let Some(level) = Level::from_name(&level)
                .filter(|level| !matches!(level, Level::Set | Level::Place))
            else {
                sink.add(
                    AREAS,
                    &code,
                    format!("`{level}` is not a level of a code (lsoa, ward, district)"),
                );
                continue;
            };
            let area = self.areas.entry(code.clone()).or_insert(Area {
                code,
                level,
                vintages: Vec::new(),
                name,
            });
            if area.level != level {
                sink.add(
                    AREAS,
                    &area.code,
                    format!("is a {} and a {}", area.level.as_str(), level.as_str()),
                );
            }
            area.vintages.push(vintage);
        }
    }

    fn read_lookup(&mut self, files: &TextFiles, sink: &FaultSink) {
        for row in rows(files, LOOKUP, sink, |row: &LookupLine| {
            format!("{},{}", row.child, row.parent)
        }) {
            let key = format!("{},{}", row.child, row.parent);
            if let Err(reason) = self.add_part(row) {
                sink.add(LOOKUP, &key, reason);
            }
        }
        for (child, parts) in &self.parents {
            self.check_shares(child, parts, sink);
        }
        for area in self
            .areas
            .values()
            .filter(|area| self.district_of(&area.code).is_none())
        {
            sink.add(
                LOOKUP,
                &area.code,
                "is in no district: add a row to its ward or its district",
            );
        }
    }

    fn add_part(&mut self, row: LookupLine) -> Result<(), String> {
        let LookupLine {
            child,
            parent,
            share,
            method,
        } = row;
        let child_area = self.areas.get(&child);
        if child_area.is_none() && !is_outward(&child) {
            return Err(format!("`{child}` is not in areas.csv"));
        }
        let parent_area = self
            .areas
            .get(&parent)
            .ok_or_else(|| format!("`{parent}` is not in areas.csv"))?;
        if child_area.is_some_and(|child| !goes_up(child, parent_area)) {
            return Err("the parent is neither larger than the child nor later".to_owned());
        }
        if let Some(share) = share.filter(|share| !(0.0..=1.0).contains(share)) {
            return Err(format!("share {share} is not between 0 and 1"));
        }
        let known = Method::ALL
            .into_iter()
            .find(|known| known.as_str() == method);
        let method =
            known.ok_or_else(|| format!("`{method}` is not one of official, population, area"))?;
        let part = AreaLink {
            child,
            parent,
            share,
            method,
        };
        self.children
            .entry(part.parent.clone())
            .or_default()
            .push(part.clone());
        self.parents
            .entry(part.child.clone())
            .or_default()
            .push(part);
        Ok(())
    }

    /// Checks that the shares of a child in one tier add up to at most 1.
    fn check_shares(&self, child: &str, parts: &[AreaLink], sink: &FaultSink) {
        let mut sums: BTreeMap<Tier, f64> = BTreeMap::new();
        for part in parts {
            let tiers = self
                .areas
                .get(&part.parent)
                .into_iter()
                .flat_map(Area::tiers);
            tiers.for_each(|tier| *sums.entry(tier).or_default() += part.share.unwrap_or(0.0));
        }
        for (tier, sum) in sums
            .into_iter()
            .filter(|(_, sum)| *sum > 1.0 + SHARE_ERROR_MAX)
        {
            sink.add(
                LOOKUP,
                child,
                format!("its shares at {tier} add up to {sum}"),
            );
        }
    }

    fn read_sets(&mut self, files: &TextFiles, sink: &FaultSink) {
        for row in rows(files, SETS, sink, |row: &SetLine| {
            format!("{},{}", row.id, row.area)
        }) {
            let SetLine { id, code, area } = row;
            if self
                .areas
                .get(&area)
                .is_none_or(|area| area.level != Level::District)
            {
                sink.add(
                    SETS,
                    &format!("{id},{area}"),
                    format!("`{area}` is not a district of areas.csv"),
                );
            }
            if self
                .sets
                .iter()
                .any(|(other, set)| (*other == id) != (set.code == code))
            {
                sink.add(
                    SETS,
                    &format!("{id},{area}"),
                    format!("`{code}` is another code of its set, or another set's"),
                );
            }
            let set = self.sets.entry(id).or_insert_with(|| Districts {
                code,
                districts: BTreeSet::new(),
            });
            set.districts.insert(area);
        }
        for (id, set) in &self.sets {
            let size = set.districts.len();
            // "Kent" alone has twelve districts to the council and thirteen to the police.
            if !is_kebab(id)
                || id
                    .rsplit_once('-')
                    .is_none_or(|(_, number)| number != size.to_string())
            {
                sink.add(
                    SETS,
                    id,
                    format!("does not end in the number of its districts, as `kent-{size}` would"),
                );
            }
        }
        let areas = self
            .sets
            .keys()
            .map(|id| area_with_id(id, Level::Set, set_name(id, self.sets.keys())));
        self.areas.extend(areas.collect::<Vec<_>>());
    }

    fn read_places(&mut self, files: &TextFiles, sink: &FaultSink) {
        let mut place_of_lsoa: BTreeMap<String, String> = BTreeMap::new();
        for row in rows(files, PLACES, sink, |row: &PlaceLine| {
            format!("{},{}", row.id, row.lsoa)
        }) {
            let PlaceLine { id, lsoa, vintage } = row;
            let key = format!("{id},{lsoa}");
            if !is_kebab(&id) {
                sink.add(PLACES, &key, format!("`{id}` is not kebab-case"));
            }
            if !self
                .areas
                .get(&lsoa)
                .is_some_and(|area| area.level == Level::Lsoa && area.vintages.contains(&vintage))
            {
                sink.add(
                    PLACES,
                    &key,
                    format!("`{lsoa}` is not a {vintage} LSOA of areas.csv"),
                );
            }
            if let Some(other) = place_of_lsoa
                .insert(lsoa.clone(), id.clone())
                .filter(|other| *other != id)
            {
                sink.add(
                    PLACES,
                    &key,
                    format!("`{lsoa}` is part of `{other}` already"),
                );
            }
            self.places
                .entry(id)
                .or_default()
                .entry(vintage)
                .or_default()
                .insert(lsoa);
        }
        let areas = self
            .places
            .keys()
            .map(|id| area_with_id(id, Level::Place, in_words(id)));
        self.areas.extend(areas.collect::<Vec<_>>());
    }

    fn read_populations(&mut self, files: &TextFiles, sink: &FaultSink) {
        for row in rows(files, POPULATIONS, sink, PopulationLine::key) {
            let key = row.key();
            if let Err(reason) = self.add_population(row) {
                sink.add(POPULATIONS, &key, reason);
            }
        }
    }

    fn add_population(&mut self, row: PopulationLine) -> Result<(), String> {
        let PopulationLine {
            code,
            vintage,
            unit,
            value,
            reference_date,
            source,
        } = row;
        if !self
            .areas
            .get(&code)
            .is_some_and(|area| area.vintages.contains(&vintage))
        {
            return Err(format!("is not in areas.csv with vintage {vintage}"));
        }
        let unit = PopulationUnit::from_name(&unit)
            .ok_or_else(|| format!("`{unit}` is not one of persons, households, adult-women"))?;
        let date: civil::Date = reference_date
            .parse()
            .map_err(|_| format!("`{reference_date}` is not a date such as 2021-03-21"))?;
        if source.to_lowercase().contains("rounded") {
            return Err(format!(
                "its source is marked as rounded, `{source}`: a rate needs an exact number"
            ));
        }
        let population = Population {
            value,
            date,
            vintage: Some(vintage),
            source,
        };
        self.populations
            .entry(code)
            .or_default()
            .entry(unit)
            .or_default()
            .push(population);
        Ok(())
    }

    /// Sums the populations of parts for wards, then districts, places and sets that have none of
    /// their own, where each part has one.
    fn sum_populations(&mut self) {
        for level in [Level::Ward, Level::District, Level::Place, Level::Set] {
            let areas: Vec<Area> = self
                .areas
                .values()
                .filter(|area| area.level == level)
                .cloned()
                .collect();
            for area in areas {
                for unit in PopulationUnit::ALL {
                    let of_area = self.populations.get(&area.code);
                    if of_area.is_none_or(|units| !units.contains_key(&unit)) {
                        self.sum_population(&area, unit);
                    }
                }
            }
        }
    }

    fn sum_population(&mut self, area: &Area, unit: PopulationUnit) {
        let Some(mut sums) = self
            .divisions(area)
            .iter()
            .map(|parts| self.sum(parts, unit))
            .find(|sums| !sums.is_empty())
        else {
            return;
        };
        for sum in &mut sums {
            sum.vintage = area.vintages.first().copied();
        }
        self.populations
            .entry(area.code.clone())
            .or_default()
            .insert(unit, sums);
    }

    /// The complete divisions of an area into parts: a district into its wards of one year, or of
    /// another.
    fn divisions(&self, area: &Area) -> Vec<BTreeSet<&str>> {
        if let Some(set) = self.sets.get(&area.code) {
            return vec![set.districts.iter().map(String::as_str).collect()];
        }
        if let Some(place) = self.places.get(&area.code) {
            return place
                .values()
                .map(|lsoas| lsoas.iter().map(String::as_str).collect())
                .collect();
        }
        let mut by_tier: BTreeMap<Tier, BTreeSet<&str>> = BTreeMap::new();
        for part in self.parts(&area.code) {
            let tiers = self
                .areas
                .get(&part.child)
                .into_iter()
                .flat_map(Area::tiers);
            for tier in tiers {
                by_tier.entry(tier).or_default().insert(&part.child);
            }
        }
        by_tier.into_values().collect()
    }

    /// The sums over areas, one for each date at which all of them have a population.
    fn sum(&self, areas: &BTreeSet<&str>, unit: PopulationUnit) -> Vec<Population> {
        let first = areas.first().and_then(|area| self.populations.get(*area));
        let mut sums = Vec::new();
        for population in first
            .and_then(|units| units.get(&unit))
            .into_iter()
            .flatten()
        {
            let values = areas
                .iter()
                .map(|area| self.value_on(area, unit, population.date));
            if let Some(value) = values.sum::<Option<u64>>() {
                sums.push(Population {
                    value,
                    ..population.clone()
                });
            }
        }
        sums
    }

    /// The population of an area at a date.
    fn value_on(&self, area: &str, unit: PopulationUnit, date: civil::Date) -> Option<u64> {
        let populations = self.populations.get(area)?.get(&unit)?;
        let population = populations.iter().find(|p| p.date == date)?;
        Some(population.value)
    }
}

/// What a set of districts is called: its id in words, with the number of its districts only if another set
/// has the same words.
fn set_name(id: &str, others: impl Iterator<Item = impl AsRef<str>>) -> String {
    let place = |id: &str| {
        id.rsplit_once('-')
            .map_or(id, |(place, _)| place)
            .to_owned()
    };
    let own = place(id);
    let is_shared = others.filter(|other| place(other.as_ref()) == own).count() > 1;
    let words = if is_shared { id } else { &own };
    let words = words.split('-').map(|word| match word {
        "and" | "in" | "of" | "on" | "the" | "under" | "upon" | "with" => word.to_owned(),
        _ => in_words(word),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A place or a set, which is keyed by its id.
fn area_with_id(id: &str, level: Level, name: String) -> (String, Area) {
    (
        id.to_owned(),
        Area {
            code: id.to_owned(),
            level,
            vintages: Vec::new(),
            name,
        },
    )
}

/// Whether a parent is larger than its child, or of the same level and later. So links never form
/// a cycle.
fn goes_up(child: &Area, parent: &Area) -> bool {
    parent.level > child.level
        || (parent.level == child.level && parent.vintages.first() > child.vintages.last())
}

/// The rows of a file, which must be sorted by a unique key; none if the file is missing.
pub(super) fn rows<T: serde::de::DeserializeOwned, K: Ord + Display>(
    files: &TextFiles,
    path: &'static str,
    sink: &FaultSink,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let Some(text) = files.text(path) else {
        return Vec::new();
    };
    required_comment(path, text, "source", sink);
    required_comment(path, text, "licence", sink);
    let rows: Vec<T> = read_rows(path, text, sink);
    for pair in rows.windows(2) {
        let (first, next) = (key(&pair[0]), key(&pair[1]));
        if first == next {
            sink.add(path, &next.to_string(), "is given twice");
        } else if first > next {
            sink.add(
                path,
                &next.to_string(),
                format!("comes after {first}: sort the rows"),
            );
        }
    }
    rows
}
