//! Areas: what lies in what, who lives there, and where a row that a partner sent can be shown.
//!
//! Codes decide, never names, and whatever vintage was sent: the Office for National Statistics
//! keeps a code only for an area that does not change. A child has one parent in a tier, the one
//! that holds most of it; a count is never split. What lies elsewhere in truth is told
//! ([`Geography::misplaced_persons`]). This module knows neither partners nor plans.

mod load;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil;

pub use scope::{Placed, Scope};

/// How large an area is, smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The smallest area that figures are published for: about 1,500 persons.
    Lsoa,
    /// An electoral ward.
    Ward,
    /// A place of the partnership, made of LSOAs.
    Place,
    /// A local authority district.
    District,
    /// Several districts.
    Set,
    /// The first half of a postcode, which lies across the others.
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

/// A kind of row in a table by area: a level and, for wards, the year of the boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tier {
    /// The level.
    pub level: Level,
    /// The year of the boundaries, where several are shown side by side.
    pub vintage: Option<u16>,
}

impl Tier {
    /// A level that has one tier.
    pub const fn of(level: Level) -> Self {
        Self {
            level,
            vintage: None,
        }
    }

    /// Wards as of a year.
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

/// An area that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its code; the id of a place or a set.
    pub code: String,
    /// How large it is.
    pub level: Level,
    /// The years whose boundaries have it, earliest first; none for a place or a set.
    pub vintages: Vec<u16>,
    /// What people call it. Names occur twice: only codes are compared.
    pub name: String,
}

impl Area {
    fn is_of(&self, tier: Tier) -> bool {
        self.level == tier.level
            && tier
                .vintage
                .is_none_or(|vintage| self.vintages.contains(&vintage))
    }

    /// The tiers it is a row of.
    fn tiers(&self) -> impl Iterator<Item = Tier> {
        let wards = self.vintages.iter().map(|vintage| Tier::wards(*vintage));
        let others = (self.level != Level::Ward).then_some(Tier::of(self.level));
        others
            .into_iter()
            .chain(wards.filter(|_| self.level == Level::Ward))
    }
}

/// How a share was found, the soundest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Published by the Office for National Statistics.
    Official,
    /// From persons counted in both areas.
    Population,
    /// From surface alone: an illustration, which may not be released.
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

/// That an area is part of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The smaller, or earlier, area.
    pub child: String,
    /// The larger, or later, one.
    pub parent: String,
    /// How much of the child lies in the parent, 0 to 1; `None` = not published.
    pub share: Option<f64>,
    /// How that was found.
    pub method: Method,
}

/// What a population counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Usual residents.
    Persons,
    /// Households.
    Households,
    /// Women of 16 years and over.
    AdultWomen,
}

impl Unit {
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

/// How many there are in an area, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// How many.
    pub value: u64,
    /// The day it is of.
    pub date: civil::Date,
    /// The year of the boundaries it was counted in; `None` for a place or a set.
    pub vintage: Option<u16>,
    /// Who counted, in which publication.
    pub source: String,
}

/// Several districts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Districts {
    /// Its code as a county or a police force area.
    code: String,
    districts: BTreeSet<String>,
}

/// The LSOAs of a place, by vintage.
type Lsoas = BTreeMap<u16, BTreeSet<String>>;

/// What is known of areas, checked.
#[derive(Clone, Debug, Default)]
pub struct Geography {
    /// By code; places and sets by id.
    areas: BTreeMap<String, Area>,
    parents: BTreeMap<String, Vec<Part>>,
    children: BTreeMap<String, Vec<Part>>,
    sets: BTreeMap<String, Districts>,
    places: BTreeMap<String, Lsoas>,
    /// By code and unit, earliest first.
    populations: BTreeMap<String, BTreeMap<Unit, Vec<Population>>>,
}

impl Geography {
    /// An area by its code; a place or a set by its id.
    pub fn area(&self, code: &str) -> Option<&Area> {
        self.areas.get(code)
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

    /// How many districts a set has, by its id; `None` = it is no set.
    pub fn districts_of(&self, set: &str) -> Option<usize> {
        self.sets.get(set).map(|set| set.districts.len())
    }

    /// The view of a plan whose area is a district, or a set by its code or id; `None` = not held.
    pub fn scope(&self, area: &str) -> Option<Scope<'_>> {
        let set = self
            .sets
            .iter()
            .find(|(id, set)| *id == area || set.code == area);
        let (id, inside): (&str, BTreeSet<&str>) = match (set, self.areas.get(area)) {
            (Some((id, set)), _) => (id, set.districts.iter().map(String::as_str).collect()),
            (None, Some(district)) if district.level == Level::District => {
                (&district.code, [&*district.code].into())
            }
            _ => return None,
        };
        Some(Scope::of(self, id, inside))
    }

    /// What an area is made of: each child with its largest share here, in order of codes.
    pub fn parts(&self, parent: &str) -> impl Iterator<Item = &Part> {
        self.children
            .get(parent)
            .into_iter()
            .flatten()
            .filter(move |part| self.is_main(part))
    }

    /// Every population of an area, with what it counts.
    pub fn populations(&self, code: &str) -> impl Iterator<Item = (Unit, &Population)> {
        let units = self.populations.get(code).into_iter().flatten();
        units.flat_map(|(unit, populations)| {
            populations.iter().map(|population| (*unit, population))
        })
    }

    /// The population of an area whose day is nearest to one; the earlier of two as near.
    pub fn population(&self, code: &str, unit: Unit, near: civil::Date) -> Option<&Population> {
        let days = |p: &&Population| p.date.duration_until(near).unsigned_abs();
        self.populations
            .get(code)?
            .get(&unit)?
            .iter()
            .min_by_key(days)
    }

    /// The persons who are counted in an area but live outside of it, because counts are not split;
    /// `None` where a share or a population is not known.
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

    /// The share of a tier's persons who are counted in an area that they do not live in.
    pub fn misplaced_share(&self, tier: Tier) -> Option<f64> {
        let mut sum = (0.0, 0.0);
        for area in self.areas.values().filter(|area| area.is_of(tier)) {
            sum.0 += self.misplaced_persons(&area.code)?;
            sum.1 += self.newest_persons(&area.code)? as f64;
        }
        (sum.1 > 0.0).then(|| sum.0 / sum.1)
    }

    /// The least sound method by which rows are put into a tier; `None` where nothing is put.
    pub fn method(&self, tier: Tier) -> Option<Method> {
        let areas = self.areas.values().filter(|area| area.is_of(tier));
        let parts = areas
            .flat_map(|area| self.parts(&area.code))
            .filter(|part| self.is_nesting(part));
        parts.map(|part| part.method).max()
    }

    fn newest_persons(&self, code: &str) -> Option<u64> {
        self.population(code, Unit::Persons, civil::Date::MAX)
            .map(|p| p.value)
    }

    /// The district of an area. An outward postcode has one only where it lies in it whole.
    fn district_of<'g>(&'g self, code: &'g str) -> Option<&'g str> {
        if self
            .areas
            .get(code)
            .is_some_and(|area| area.level == Level::District)
        {
            return Some(code);
        }
        let whole = |part: &&Part| self.areas.contains_key(code) || part.share == Some(1.0);
        self.parents
            .get(code)?
            .iter()
            .filter(whole)
            .find_map(|part| self.district_of(&part.parent))
    }

    /// The ward of a year that an LSOA is counted in: its own, or the one that all its later parts
    /// (or all that it was made of) are in.
    fn ward_of(&self, lsoa: &str, tier: Tier) -> Option<&str> {
        if let Some(own) = self.main_parent(lsoa, tier) {
            return Some(own);
        }
        let lsoas = |of: Option<&'_ Vec<Part>>, code: fn(&Part) -> &String| -> Vec<String> {
            let codes = of.into_iter().flatten().map(code);
            codes
                .filter(|code| {
                    self.areas
                        .get(*code)
                        .is_some_and(|a| a.level == Level::Lsoa)
                })
                .cloned()
                .collect()
        };
        let later = lsoas(self.parents.get(lsoa), |part| &part.parent);
        let related = if later.is_empty() {
            lsoas(self.children.get(lsoa), |part| &part.child)
        } else {
            later
        };
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

    /// The parent in a tier that holds the largest share; the first code of two that hold as much.
    fn main_parent(&self, child: &str, tier: Tier) -> Option<&str> {
        let of_tier = |part: &&Part| {
            self.areas
                .get(&part.parent)
                .is_some_and(|area| area.is_of(tier))
        };
        let parents = self.parents.get(child)?.iter().filter(of_tier);
        let larger =
            |best: &'_ Part, next: &'_ Part| next.share.unwrap_or(1.0) > best.share.unwrap_or(1.0);
        parents
            .reduce(|best, next| if larger(best, next) { next } else { best })
            .map(|part| &*part.parent)
    }

    fn is_main(&self, part: &Part) -> bool {
        let parent = self.areas.get(&part.parent);
        parent.is_some_and(|area| {
            area.tiers()
                .any(|tier| self.main_parent(&part.child, tier) == Some(&part.parent))
        })
    }

    /// Whether the parent is of a larger level, not the same place in later boundaries.
    fn is_nesting(&self, part: &Part) -> bool {
        let level = |code: &str| self.areas.get(code).map(|area| area.level);
        level(&part.child)
            .is_none_or(|child| level(&part.parent).is_some_and(|parent| parent > child))
    }
}

#[cfg(test)]
mod tests;
