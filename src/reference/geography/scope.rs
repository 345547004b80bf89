//! The areas that the tables of one plan show, and the area in which a row counts.

use std::collections::BTreeSet;

use super::{Area, Geography, Level, Tier};
use crate::contract::semantic::is_of_level;

/// Where in a tier a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placed<'a> {
    /// In the area of this code (id of a place or a set).
    At(&'a str),
    /// In no area shown: it is known to be elsewhere.
    Outside,
    /// Unknown: the area is too coarse for the tier, or its code does not exist.
    Unplaced,
}

/// How the codes of community safety partnerships begin (ONS, Register of Geographic Codes).
const PARTNERSHIP_CODES: &str = "E22";

/// The areas that the tables of one plan show: wards, LSOAs and places inside the plan's area, and,
/// for comparison, the districts of all sets.
#[derive(Clone, Debug)]
pub struct Scope<'g> {
    geography: &'g Geography,
    /// The plan's area: a district's code or a set's id.
    id: &'g str,
    /// The districts of the plan's area.
    inside: BTreeSet<&'g str>,
    tiers: Vec<Tier>,
    /// By index in `tiers`.
    areas: Vec<Vec<&'g Area>>,
}

impl<'g> Scope<'g> {
    pub(super) fn new(geography: &'g Geography, id: &'g str, inside: BTreeSet<&'g str>) -> Self {
        let mut scope = Self {
            geography,
            id,
            inside,
            tiers: Vec::new(),
            areas: Vec::new(),
        };
        let shown: Vec<&Area> = geography
            .areas
            .values()
            .filter(|area| scope.shows(area))
            .collect();
        let tiers: BTreeSet<Tier> = shown.iter().flat_map(|area| area.tiers()).collect();
        scope.tiers = tiers
            .into_iter()
            .chain([Tier::new(Level::OutwardPostcode)])
            .collect();
        for tier in &scope.tiers {
            let areas = shown.iter().copied().filter(|area| area.is_of(*tier));
            scope.areas.push(areas.collect());
        }
        scope
    }

    fn shows(&self, area: &Area) -> bool {
        match area.level {
            Level::Lsoa | Level::Ward => self.is_inside(&area.code) == Some(true),
            Level::Place => self
                .geography
                .lsoas_of(&area.code)
                .any(|lsoa| self.is_inside(lsoa) == Some(true)),
            Level::District => {
                let code = &*area.code;
                self.inside.contains(code)
                    || self
                        .geography
                        .sets
                        .values()
                        .any(|set| set.districts.contains(code))
            }
            Level::Set => true,
            Level::OutwardPostcode => false,
        }
    }

    /// The plan's area: a district's code or a set's id.
    pub fn area(&self) -> &'g str {
        self.id
    }

    /// The level of the plan's area.
    pub fn area_level(&self) -> Level {
        if self.geography.sets.contains_key(self.id) {
            Level::Set
        } else {
            Level::District
        }
    }

    /// The year of the boundaries of the wards that tables compare, as tables name it: the newest
    /// that are not later than the last year of the plan, or else the oldest. Without a plan, the
    /// newest.
    pub fn compared_wards(&self, last_year: Option<i16>) -> Option<String> {
        let wards = self.tiers.iter().filter(|tier| tier.level == Level::Ward);
        let years: BTreeSet<u16> = wards.filter_map(|tier| tier.vintage).collect();
        let last = i32::from(last_year.unwrap_or(i16::MAX));
        let in_force = years.iter().rev().find(|year| i32::from(**year) <= last);
        in_force.or(years.first()).map(u16::to_string)
    }

    /// The tiers of the tables, in order.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// The areas of a tier, in order of codes; none for outward postcodes, which no file lists.
    pub fn areas(&self, tier: Tier) -> &[&'g Area] {
        self.tiers
            .iter()
            .position(|own| *own == tier)
            .map_or(&[], |i| &self.areas[i])
    }

    /// The area or set among whose parts an area ranks: wards in the plan's area, districts in the
    /// smallest set that contains it and is not a community safety partnership: that of a county or
    /// a police force.
    pub fn ranked_in(&self, code: &str) -> Option<&'g str> {
        let area = self.geography.areas.get(code)?;
        match area.level {
            Level::Ward if self.is_inside(code) == Some(true) => Some(self.id),
            Level::District => {
                let sets = self.geography.sets.iter();
                let sets = sets.filter(|(_, set)| {
                    !set.code.starts_with(PARTNERSHIP_CODES) && set.contains_all(&self.inside)
                });
                let (id, set) = sets.min_by_key(|(_, set)| set.districts.len())?;
                set.districts.contains(code).then_some(&**id)
            }
            _ => None,
        }
    }

    /// The tiers that rows sent at a level (as the contracts name it) can be shown at.
    pub fn tiers_of(&self, level: &str) -> BTreeSet<Tier> {
        let levels: &[Level] = match level {
            "lsoa" => &[
                Level::Lsoa,
                Level::Ward,
                Level::Place,
                Level::District,
                Level::Set,
            ],
            "ward" => &[Level::Ward, Level::District, Level::Set],
            "district" => &[Level::District, Level::Set],
            "county" | "police_force" => &[Level::Set],
            "outward_postcode" if self.has_outward_parts() => {
                &[Level::District, Level::OutwardPostcode]
            }
            "outward_postcode" => &[Level::OutwardPostcode],
            _ => &[],
        };
        self.tiers
            .iter()
            .copied()
            .filter(|tier| levels.contains(&tier.level))
            .collect()
    }

    /// Whether any outward postcode is linked to a district.
    fn has_outward_parts(&self) -> bool {
        self.geography.parents.keys().any(|child| is_outward(child))
    }

    /// Where in a tier a row counts, by its code, the level it was sent at and its zone. The answer is
    /// one area, except for sets: a code may be in several. Callers ask once for an area, not for
    /// every row of it.
    pub fn place<'a>(
        &self,
        code: &'a str,
        level: &str,
        zone: Option<&'a str>,
        tier: Tier,
    ) -> Vec<Placed<'a>>
    where
        'g: 'a,
    {
        let one = match tier.level {
            Level::Set => return self.in_sets(code, level),
            Level::OutwardPostcode if is_outward(code) => Placed::At(code),
            Level::OutwardPostcode => Placed::Unplaced,
            Level::District => self.in_district(code, level),
            Level::Place => match zone.filter(|zone| self.geography.places.contains_key(*zone)) {
                Some(zone) => self.in_place(zone),
                None => self.below_district(code, level, tier),
            },
            Level::Lsoa | Level::Ward => self.below_district(code, level, tier),
        };
        vec![one]
    }

    fn in_place<'a>(&self, place: &'a str) -> Placed<'a> {
        let shown = self
            .areas(Tier::new(Level::Place))
            .iter()
            .any(|area| area.code == place);
        if shown {
            Placed::At(place)
        } else {
            Placed::Outside
        }
    }

    fn below_district<'a>(&self, code: &'a str, level: &str, tier: Tier) -> Placed<'a>
    where
        'g: 'a,
    {
        match self.is_inside(code) {
            Some(true) => {}
            Some(false) => return Placed::Outside,
            None => return unknown(code, level),
        }
        let Some(area) = self.geography.areas.get(code) else {
            return Placed::Unplaced;
        };
        let is_lsoa = area.level == Level::Lsoa;
        match tier.level {
            _ if area.is_of(tier) => Placed::At(&area.code),
            Level::Ward if is_lsoa => self
                .geography
                .ward_of(&area.code, tier)
                .map_or(Placed::Unplaced, Placed::At),
            Level::Place if is_lsoa => {
                let place = self.areas(tier).iter().find(|place| {
                    self.geography
                        .lsoas_of(&place.code)
                        .any(|lsoa| lsoa == code)
                });
                place.map_or(Placed::Outside, |place| Placed::At(&place.code))
            }
            _ => Placed::Unplaced,
        }
    }

    fn in_district<'a>(&self, code: &'a str, level: &str) -> Placed<'a>
    where
        'g: 'a,
    {
        let Some(district) = self.geography.district_of(code) else {
            return if self.set_of(code).is_some() {
                Placed::Unplaced
            } else {
                unknown(code, level)
            };
        };
        let shown = self
            .areas(Tier::new(Level::District))
            .iter()
            .any(|area| area.code == district);
        if shown {
            Placed::At(district)
        } else {
            Placed::Outside
        }
    }

    fn in_sets<'a>(&self, code: &'a str, level: &str) -> Vec<Placed<'a>>
    where
        'g: 'a,
    {
        // A county is in every set that has all its districts.
        let districts: BTreeSet<&str> = match (self.geography.district_of(code), self.set_of(code))
        {
            (Some(district), _) => [district].into(),
            (None, Some(set)) => set.districts.iter().map(String::as_str).collect(),
            (None, None) => return vec![unknown(code, level)],
        };
        let sets = self.geography.sets.iter();
        let sets = sets.filter(|(_, set)| set.contains_all(&districts));
        let placed: Vec<Placed<'a>> = sets.map(|(id, _)| Placed::At(id)).collect();
        if placed.is_empty() {
            vec![Placed::Outside]
        } else {
            placed
        }
    }

    /// Whether an area is inside the plan's area; `None` = unknown, or partly.
    fn is_inside(&self, code: &str) -> Option<bool> {
        if let Some(district) = self.geography.district_of(code) {
            return Some(self.inside.contains(district));
        }
        // A county or police force with none of the plan's districts is elsewhere; any other is too
        // coarse.
        let set = self.set_of(code)?;
        Some(
            self.inside
                .iter()
                .any(|district| set.districts.contains(*district)),
        )
    }

    /// The set of a county or a police force.
    fn set_of(&self, code: &str) -> Option<&'g super::Districts> {
        self.geography.sets.values().find(|set| set.code == code)
    }
}

/// Where an unknown code counts: outside, if it is a valid code of its level.
fn unknown<'a>(code: &str, level: &str) -> Placed<'a> {
    let has_areas = matches!(
        level,
        "lsoa" | "ward" | "district" | "county" | "police_force"
    );
    if has_areas && is_of_level(code, level) {
        Placed::Outside
    } else {
        Placed::Unplaced
    }
}

/// Whether a code is an outward postcode: no other code is as short.
pub(super) fn is_outward(code: &str) -> bool {
    is_of_level(code, "outward_postcode")
}
