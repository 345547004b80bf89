//! The places of the tables, and which of them a record counts in.
//!
//! A record counts once in `all`, and at every tier (a level and its vintage) that its partner and
//! kind can show: in an area, or in `no-location`, `outside` or `unplaced`, so that at a tier the
//! parts make the total. Roles are never added: each is a place of its own.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::aggregate::state::current::Current;
use crate::reference::geography::{Level, Placed, Scope, Tier};

/// Over all areas and roles.
pub(crate) const ALL: &str = "all";
/// Records without an area.
pub(crate) const NO_LOCATION: &str = "no-location";
/// Records of a known area that is not shown.
pub(crate) const OUTSIDE: &str = "outside";
/// Records of an unknown area, or one too coarse for the tier.
pub(crate) const UNPLACED: &str = "unplaced";

/// A place of the tables, by its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) code: String,
    pub(crate) level: String,
    pub(crate) vintage: Option<String>,
    pub(crate) role: Option<String>,
}

impl Place {
    /// Whether it is made so that parts make the total.
    pub(crate) fn is_pseudo(&self) -> bool {
        [ALL, NO_LOCATION, OUTSIDE, UNPLACED].contains(&&*self.code)
    }

    /// Whether only counts above 0 are rows.
    pub(crate) fn is_sparse(&self) -> bool {
        (self.level == "lsoa" || self.level == "outward_postcode") && !self.is_pseudo()
    }
}

/// An area as a partner sent it.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) level: &'a str,
    pub(crate) vintage: Option<&'a str>,
    pub(crate) role: Option<&'a str>,
    pub(crate) zone: Option<&'a str>,
}

/// The places of all partners and kinds.
pub(crate) struct Places {
    /// In the order of their keys.
    pub(crate) sorted: Vec<Place>,
    /// For each partner and kind the places it has rows for, in order.
    pub(crate) of_kind: Vec<Vec<u32>>,
    /// For each partner and kind, and area as sent: where it counts.
    targets: Vec<HashMap<u32, Vec<u32>>>,
    /// What every area as sent counts as, for the table of areas.
    pub(crate) placements: BTreeSet<Placement>,
}

/// That records sent for an area count in a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placement {
    pub(crate) sent_code: String,
    pub(crate) sent_level: String,
    pub(crate) sent_zone: Option<String>,
    pub(crate) code: String,
    pub(crate) level: String,
    pub(crate) vintage: Option<String>,
}

impl Places {
    /// The places of the areas that records and totals were sent for.
    pub(crate) fn of(current: &Current, scope: &Scope<'_>) -> Self {
        let sent_by = sent_areas(current);
        let mut keys: Vec<BTreeMap<u32, Vec<Place>>> = Vec::new();
        let mut held: Vec<BTreeSet<Place>> = Vec::new();
        let mut placements = BTreeSet::new();
        for areas in &sent_by {
            let kind = Kind::of(current, scope, areas);
            let targets = areas
                .iter()
                .map(|area| (*area, kind.targets(scope, current.sent(*area))));
            let targets: BTreeMap<u32, Vec<Place>> = targets.collect();
            let mut places = kind.dense(scope);
            places.extend(targets.values().flatten().cloned());
            for (area, places) in &targets {
                placements.extend(placed(&current.sent(*area), places));
            }
            held.push(places);
            keys.push(targets);
        }
        let sorted: Vec<Place> = held
            .iter()
            .flatten()
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let number = |place: &Place| sorted.binary_search(place).unwrap_or_default() as u32;
        let numbered = |targets: BTreeMap<u32, Vec<Place>>| {
            let each = targets
                .into_iter()
                .map(|(area, places)| (area, places.iter().map(number).collect()));
            each.collect::<HashMap<u32, Vec<u32>>>()
        };
        Self {
            of_kind: held
                .iter()
                .map(|held| held.iter().map(number).collect())
                .collect(),
            targets: keys.into_iter().map(numbered).collect(),
            placements,
            sorted,
        }
    }

    /// Where a record of an area counts.
    pub(crate) fn targets(&self, partner_kind: usize, area: u32) -> &[u32] {
        self.targets[partner_kind]
            .get(&area)
            .map_or(&[], Vec::as_slice)
    }
}

/// For each partner and kind: the areas as sent.
fn sent_areas(current: &Current) -> Vec<BTreeSet<u32>> {
    let mut sent = vec![BTreeSet::new(); current.partner_kinds.len()];
    let mut last = None;
    for fact in &current.facts {
        if last.replace((fact.partner_kind, fact.area)) != Some((fact.partner_kind, fact.area)) {
            sent[fact.partner_kind as usize].insert(fact.area);
        }
    }
    for count in &current.counts {
        sent[count.partner_kind as usize].insert(count.area);
    }
    sent
}

fn placed(sent: &Sent<'_>, places: &[Place]) -> Vec<Placement> {
    let Some(code) = sent.code else {
        return Vec::new();
    };
    let real = places.iter().filter(|place| place.level != ALL);
    let placement = |place: &Place| Placement {
        sent_code: code.to_owned(),
        sent_level: sent.level.to_owned(),
        sent_zone: sent.zone.map(str::to_owned),
        code: place.code.clone(),
        level: place.level.clone(),
        vintage: place.vintage.clone(),
    };
    real.map(placement).collect()
}

/// What a partner's kind can show.
struct Kind {
    tiers: BTreeSet<Tier>,
    roles: BTreeSet<Option<String>>,
}

impl Kind {
    fn of(current: &Current, scope: &Scope<'_>, areas: &BTreeSet<u32>) -> Self {
        let located = || {
            areas
                .iter()
                .map(|area| current.sent(*area))
                .filter(|sent| sent.code.is_some())
        };
        Self {
            tiers: located()
                .flat_map(|sent| scope.tiers_of(sent.level))
                .collect(),
            roles: located().map(|sent| sent.role.map(str::to_owned)).collect(),
        }
    }

    fn key(tier: Tier, code: &str, role: Option<&str>) -> Place {
        Place {
            code: code.to_owned(),
            level: tier.level.as_str().to_owned(),
            vintage: tier.vintage.map(|year| year.to_string()),
            role: role.map(str::to_owned),
        }
    }

    /// The places that have rows also where nothing was counted.
    fn dense(&self, scope: &Scope<'_>) -> BTreeSet<Place> {
        let mut places = BTreeSet::from([all()]);
        for &tier in &self.tiers {
            places.insert(Self::key(tier, NO_LOCATION, None));
            for role in &self.roles {
                let areas = scope
                    .areas(tier)
                    .iter()
                    .map(|area| Self::key(tier, &area.code, role.as_deref()));
                places.extend(areas.filter(|place| !place.is_sparse()));
            }
        }
        places
    }

    fn targets(&self, scope: &Scope<'_>, sent: Sent<'_>) -> Vec<Place> {
        let mut places = BTreeSet::from([all()]);
        for &tier in &self.tiers {
            let Some(code) = sent.code else {
                places.insert(Self::key(tier, NO_LOCATION, None));
                continue;
            };
            for placed in scope.place(code, sent.level, sent.zone, tier) {
                let code = match placed {
                    Placed::At(code) => code,
                    Placed::Outside => OUTSIDE,
                    Placed::Unplaced => UNPLACED,
                };
                let mut place = Self::key(tier, code, sent.role);
                if tier.level == Level::Lsoa && !place.is_pseudo() {
                    // Codes of an unchanged area stand for several vintages: as sent.
                    place.vintage = sent.vintage.map(str::to_owned);
                }
                places.insert(place);
            }
        }
        places.into_iter().collect()
    }
}

fn all() -> Place {
    Place {
        code: ALL.to_owned(),
        level: ALL.to_owned(),
        vintage: None,
        role: None,
    }
}
