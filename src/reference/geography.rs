//! Areas: which contains which, how many people live there, and where a partner's row is shown.
//!
//! Areas are matched by code, never by name, in any vintage: the Office for National Statistics
//! keeps a code only while the area does not change. A child has one parent in a tier, the one that
//! contains most of it; a count is never split. How many people this puts in the wrong area is
//! reported ([`Geography::misplaced_persons`]). This module knows neither partners nor plans.

mod load;
mod scope;
mod vintages;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil;

pub use scope::{Placed, Scope};
use vintages::LsoaRange;
pub use vintages::LsoaVintages;

/// How large an area is, smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The smallest area with published figures: about 1,500 people.
    Lsoa,
    /// An electoral ward.
    Ward,
    /// A place of the partnership, made of LSOAs.
    Place,
    /// A local authority district.
    District,
    /// Several districts.
    Set,
    /// The first half of a postcode, which crosses the boundaries of the others.
    OutwardPostcode,
}

impl Level {
    /// Every level, in the order of the tables.
    pub const ALL: [Self; 6] = [
        Self::Lsoa,
        Self::Ward,
        Self::Place,
        Self::District,
        Self::Set,
        Self::OutwardPostcode,
    ];

    /// The name in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lsoa => "lsoa",
            Self::Ward => "ward",
            Self::Place => "place",
            Self::District => "district",
            Self::Set => "set",
            Self::OutwardPostcode => "outward_postcode",
        }
    }

    /// Whether every record is in one of its areas or pseudo-areas, and in no other: sets overlap.
    pub const fn is_partition(self) -> bool {
        !matches!(self, Self::Set)
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}

/// A layer of areas in a table: a level and, for wards, the year of the boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tier {
    /// The level.
    pub level: Level,
    /// The year of the boundaries, where a table shows several.
    pub vintage: Option<u16>,
}

impl Tier {
    /// The only tier of a level.
    pub const fn new(level: Level) -> Self {
        Self {
            level,
            vintage: None,
        }
    }

    /// The wards of a year.
    pub const fn wards(vintage: u16) -> Self {
        Self {
            level: Level::Ward,
            vintage: Some(vintage),
        }
    }
}

impl fmt::Display for Tier {
    /// `ward 2019`, `district`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.level.as_str())?;
        self.vintage
            .map_or(Ok(()), |vintage| write!(f, " {vintage}"))
    }
}

/// A known area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its code; the id of a place or a set.
    pub code: String,
    /// How large it is.
    pub level: Level,
    /// The years of the boundaries that contain it, earliest first; none for a place or a set.
    pub vintages: Vec<u16>,
    /// Its name. Two areas may have the same name: only codes are compared.
    pub name: String,
}

impl Area {
    fn is_of(&self, tier: Tier) -> bool {
        self.level == tier.level
            && tier
                .vintage
                .is_none_or(|vintage| self.vintages.contains(&vintage))
    }

    /// The tiers in which it is an area.
    fn tiers(&self) -> impl Iterator<Item = Tier> {
        let wards = self.vintages.iter().map(|vintage| Tier::wards(*vintage));
        let others = (self.level != Level::Ward).then_some(Tier::new(self.level));
        others
            .into_iter()
            .chain(wards.filter(|_| self.level == Level::Ward))
    }
}

/// The source of a share, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Published by the Office for National Statistics.
    Official,
    /// From the people counted in both areas.
    Population,
    /// From the size of the land alone: an illustration that may not be released.
    Area,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Official, Self::Population, Self::Area];

    /// The name in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::Population => "population",
            Self::Area => "area",
        }
    }
}

/// A link from an area to one that contains it, or that replaced it.
#[derive(Clone, Debug, PartialEq)]
pub struct AreaLink {
    /// The smaller, or earlier, area.
    pub child: String,
    /// The larger, or later, one.
    pub parent: String,
    /// The share of the child that is in the parent, 0 to 1; `None` = not published.
    pub share: Option<f64>,
    /// The source of the share.
    pub method: Method,
}

impl AreaLink {
    /// The share; where none is published, all of the child.
    fn share_or_all(&self) -> f64 {
        self.share.unwrap_or(1.0)
    }
}

/// What a population counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PopulationUnit {
    /// Usual residents.
    Persons,
    /// Households.
    Households,
    /// Women of 16 years and over.
    AdultWomen,
}

impl PopulationUnit {
    /// Every unit.
    pub const ALL: [Self; 3] = [Self::Persons, Self::Households, Self::AdultWomen];

    /// The name in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Persons => "persons",
            Self::Households => "households",
            Self::AdultWomen => "adult-women",
        }
    }

    /// The unit of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == name)
    }
}

/// An exact population of an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// The number of people or households.
    pub value: u64,
    /// The reference date.
    pub date: civil::Date,
    /// The year of the boundaries it was counted in; `None` for a place or a set.
    pub vintage: Option<u16>,
    /// The publication.
    pub source: String,
}

/// The districts of an area set.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Districts {
    /// Its code as a county or a police force area.
    code: String,
    districts: BTreeSet<String>,
}

impl Districts {
    fn contains_all(&self, districts: &BTreeSet<&str>) -> bool {
        districts
            .iter()
            .all(|district| self.districts.contains(*district))
    }
}

/// The LSOAs of a place, by vintage.
type Lsoas = BTreeMap<u16, BTreeSet<String>>;

/// All areas with their links and populations, checked.
#[derive(Clone, Debug, Default)]
pub struct Geography {
    /// By code; places and sets by id.
    areas: BTreeMap<String, Area>,
    parents: BTreeMap<String, Vec<AreaLink>>,
    children: BTreeMap<String, Vec<AreaLink>>,
    sets: BTreeMap<String, Districts>,
    places: BTreeMap<String, Lsoas>,
    /// In order of codes.
    lsoa_ranges: Vec<LsoaRange>,
    /// By code and unit, earliest first.
    populations: BTreeMap<String, BTreeMap<PopulationUnit, Vec<Population>>>,
}

impl Geography {
    /// An area by its code; a place or a set by its id.
    pub fn area(&self, code: &str) -> Option<&Area> {
        self.areas.get(code)
    }

    /// Every area, in order of codes.
    pub fn areas(&self) -> impl Iterator<Item = &Area> + Clone {
        self.areas.values()
    }

    /// The ids of the places.
    pub fn places(&self) -> impl Iterator<Item = &str> + Clone {
        self.places.keys().map(String::as_str)
    }

    /// The LSOAs of a place, of every vintage.
    pub fn lsoas_of(&self, place: &str) -> impl Iterator<Item = &str> {
        self.places
            .get(place)
            .into_iter()
            .flat_map(BTreeMap::values)
            .flatten()
            .map(String::as_str)
    }

    /// The id of the police force area that is named after a force; none = not known.
    pub fn force_area(&self, force: &str) -> Option<&str> {
        let of_force = |id: &&String| id.rsplit_once('-').is_some_and(|(name, _)| name == force);
        let areas = self.sets.iter().filter(|(_, set)| is_force_area(&set.code));
        areas.map(|(id, _)| id).find(of_force).map(String::as_str)
    }

    /// The name, without the number, of the set that has a district and whose code begins so.
    pub fn set_name(&self, district: &str, code_start: &str) -> Option<&str> {
        let mut sets = self.sets.iter();
        let (id, _) = sets.find(|(_, set)| {
            set.code.starts_with(code_start) && set.districts.contains(district)
        })?;
        id.rsplit_once('-').map(|(name, _)| name)
    }

    /// The sets of districts: id, code and districts.
    pub fn sets(&self) -> impl Iterator<Item = (&str, &str, &BTreeSet<String>)> {
        let sets = self.sets.iter();
        sets.map(|(id, set)| (&**id, &*set.code, &set.districts))
    }

    /// Whether an area is in a set of districts.
    pub fn is_in_set(&self, code: &str, set: &str) -> bool {
        let district = self.district_of(code);
        let set = self.sets.get(set);
        set.zip(district)
            .is_some_and(|(set, district)| set.districts.contains(district))
    }

    /// The number of districts of a set, by its id; `None` = not a set.
    pub fn district_count(&self, set: &str) -> Option<usize> {
        self.sets.get(set).map(|set| set.districts.len())
    }

    /// The view of a plan whose area is a district, or a set by its code or id; `None` = unknown area.
    pub fn scope(&self, area: &str) -> Option<Scope<'_>> {
        let (id, inside) = self.named_area(area)?;
        Some(Scope::new(self, id, inside))
    }

    /// A district by its code, or a set by its code or id: its id and its districts.
    pub(crate) fn named_area(&self, area: &str) -> Option<(&str, BTreeSet<&str>)> {
        let mut sets = self.sets.iter();
        let set = sets.find(|(id, set)| *id == area || set.code == area);
        match (set, self.areas.get(area)) {
            (Some((id, set)), _) => Some((id, set.districts.iter().map(String::as_str).collect())),
            (None, Some(district)) if district.level == Level::District => {
                Some((&district.code, [&*district.code].into()))
            }
            _ => None,
        }
    }

    /// The districts that an area is in, or consists of; none if that is not known.
    pub(crate) fn districts(&self, code: &str) -> BTreeSet<&str> {
        if let Some((_, districts)) = self.named_area(code) {
            return districts;
        }
        let parts: Vec<&str> = self.lsoas_of(code).collect();
        let parts = if parts.is_empty() { vec![code] } else { parts };
        let districts = parts.into_iter().filter_map(|part| self.district_of(part));
        districts.collect()
    }

    /// The children that have their largest share in an area, in order of codes.
    pub fn parts(&self, parent: &str) -> impl Iterator<Item = &AreaLink> {
        self.children
            .get(parent)
            .into_iter()
            .flatten()
            .filter(move |part| self.is_main(part))
    }

    /// Every population of an area, by unit.
    pub fn populations(&self, code: &str) -> impl Iterator<Item = (PopulationUnit, &Population)> {
        let units = self.populations.get(code).into_iter().flatten();
        units.flat_map(|(unit, populations)| {
            populations.iter().map(|population| (*unit, population))
        })
    }

    /// The population of an area whose date is nearest to `near`; of two as near, the earlier.
    pub fn population(
        &self,
        code: &str,
        unit: PopulationUnit,
        near: civil::Date,
    ) -> Option<&Population> {
        let populations = self.populations.get(code)?.get(&unit)?;
        populations
            .iter()
            .min_by_key(|population| population.date.duration_until(near).unsigned_abs())
    }

    /// The number of people who are counted in an area but live outside it, because counts are not
    /// split; `None` where a share or a population is unknown.
    pub fn misplaced_persons(&self, parent: &str) -> Option<f64> {
        let mut parts = self
            .parts(parent)
            .filter(|part| self.is_nesting(part))
            .peekable();
        parts.peek()?;
        parts
            .map(|part| Some(self.newest_persons(&part.child)? as f64 * (1.0 - part.share?)))
            .sum()
    }

    /// The share of a tier's people who are counted in an area that they do not live in.
    pub fn misplaced_share(&self, tier: Tier) -> Option<f64> {
        let mut sum = (0.0, 0.0);
        for area in self.areas.values().filter(|area| area.is_of(tier)) {
            sum.0 += self.misplaced_persons(&area.code)?;
            sum.1 += self.newest_persons(&area.code)? as f64;
        }
        (sum.1 > 0.0).then(|| sum.0 / sum.1)
    }

    /// The weakest method by which areas are linked to a tier; `None` if none is linked.
    pub fn method(&self, tier: Tier) -> Option<Method> {
        let areas = self.areas.values().filter(|area| area.is_of(tier));
        let parts = areas
            .flat_map(|area| self.parts(&area.code))
            .filter(|part| self.is_nesting(part));
        parts.map(|part| part.method).max()
    }

    fn newest_persons(&self, code: &str) -> Option<u64> {
        self.population(code, PopulationUnit::Persons, civil::Date::MAX)
            .map(|p| p.value)
    }

    /// The district of an area. An outward postcode has one only if all of it is there.
    fn district_of(&self, code: &str) -> Option<&str> {
        let area = self.areas.get(code);
        if let Some(district) = area.filter(|area| area.level == Level::District) {
            return Some(&district.code);
        }
        let is_area = area.is_some();
        self.parents
            .get(code)?
            .iter()
            .filter(|part| is_area || part.share == Some(1.0))
            .find_map(|part| self.district_of(&part.parent))
    }

    /// The ward of a year that an LSOA is counted in: its own, or the one that contains all LSOAs that
    /// replaced it (or, without any, all that it replaced).
    fn ward_of(&self, lsoa: &str, tier: Tier) -> Option<&str> {
        if let Some(own) = self.main_parent(lsoa, tier) {
            return Some(own);
        }
        let later = self.parents.get(lsoa).into_iter().flatten();
        let mut related: Vec<&str> = later
            .map(|part| &*part.parent)
            .filter(|code| self.is_lsoa(code))
            .collect();
        if related.is_empty() {
            let earlier = self.children.get(lsoa).into_iter().flatten();
            related = earlier
                .map(|part| &*part.child)
                .filter(|code| self.is_lsoa(code))
                .collect();
        }
        let wards: BTreeSet<Option<&str>> = related
            .iter()
            .map(|lsoa| self.main_parent(lsoa, tier))
            .collect();
        if wards.len() == 1 {
            wards.into_iter().next().flatten()
        } else {
            None
        }
    }

    fn is_lsoa(&self, code: &str) -> bool {
        let area = self.areas.get(code);
        area.is_some_and(|area| area.level == Level::Lsoa)
    }

    /// The parent in a tier with the largest share; of two with the same share, the first code.
    fn main_parent(&self, child: &str, tier: Tier) -> Option<&str> {
        let mut main: Option<&AreaLink> = None;
        for part in self.parents.get(child)? {
            let is_of_tier = self
                .areas
                .get(&part.parent)
                .is_some_and(|area| area.is_of(tier));
            if is_of_tier && main.is_none_or(|main| part.share_or_all() > main.share_or_all()) {
                main = Some(part);
            }
        }
        main.map(|part| &*part.parent)
    }

    fn is_main(&self, part: &AreaLink) -> bool {
        let parent = self.areas.get(&part.parent);
        parent.is_some_and(|area| {
            area.tiers()
                .any(|tier| self.main_parent(&part.child, tier) == Some(&part.parent))
        })
    }

    /// Whether the parent is of a larger level, rather than the same place in later boundaries.
    fn is_nesting(&self, part: &AreaLink) -> bool {
        let child = self.areas.get(&part.child).map(|area| area.level);
        let parent = self.areas.get(&part.parent).map(|area| area.level);
        child.is_none_or(|child| parent.is_some_and(|parent| parent > child))
    }
}

/// Whether a code is that of a police force area.
fn is_force_area(code: &str) -> bool {
    code.starts_with("E23") || code.starts_with("W15")
}

#[cfg(test)]
mod tests;
