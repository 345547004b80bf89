//! The areas of the tables, and in which of them a record counts.
//!
//! A record counts once in `all-received`, and at every tier (a level and its vintage) that its partner and
//! kind can show: in an area, or in `no-location`, `outside` or `unplaced`, so that at a tier the
//! parts add up to the total. Roles are never added: each role has area keys of its own.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::aggregate::state::bounded_count::{CountReason, Supply};
use crate::aggregate::state::current::{Current, PartnerKind};
use crate::aggregate::state::sent_area::SentArea;
use crate::reference::Reference;
use crate::reference::geography::{Level, Placed, Scope, Tier};

/// Everything that the partner sent, in any area and role: not the area of the plan.
pub(crate) const ALL_RECEIVED: &str = "all-received";
/// Records without an area.
pub(crate) const NO_LOCATION: &str = "no-location";
/// Records of a known area that the tables do not show.
pub(crate) const OUTSIDE: &str = "outside";
/// Records of an unknown area, or of one too coarse for the tier.
pub(crate) const UNPLACED: &str = "unplaced";

/// What tables have in the place of an area.
pub(crate) const PSEUDO_AREAS: [&str; 4] = [ALL_RECEIVED, NO_LOCATION, OUTSIDE, UNPLACED];

/// The key of an area in the tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AreaKey {
    pub(crate) code: String,
    pub(crate) level: String,
    pub(crate) vintage: Option<String>,
    pub(crate) role: Option<String>,
}

impl AreaKey {
    /// Everything that the partner sent, in any area and role.
    pub(crate) fn all_received() -> Self {
        Self {
            code: ALL_RECEIVED.to_owned(),
            level: ALL_RECEIVED.to_owned(),
            vintage: None,
            role: None,
        }
    }

    fn new(tier: Tier, code: &str, role: Option<&str>) -> Self {
        Self {
            code: code.to_owned(),
            level: tier.level.as_str().to_owned(),
            vintage: tier.vintage.map(|year| year.to_string()),
            role: role.map(str::to_owned),
        }
    }

    /// Whether it is `all-received`, or collects the records that no area of its tier can.
    pub(crate) fn is_pseudo(&self) -> bool {
        PSEUDO_AREAS.contains(&&*self.code)
    }

    /// Whether only counts above 0 have rows.
    pub(crate) fn is_sparse(&self) -> bool {
        (self.level == "lsoa" || self.level == "outward_postcode") && !self.is_pseudo()
    }

    /// Whether its level is below that of districts.
    pub(crate) fn is_below_district(&self) -> bool {
        matches!(&*self.level, "ward" | "place" | "lsoa" | "outward_postcode")
    }
}

/// Whether a partner's records of a kind can be in an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// The partner covers all of it.
    All,
    /// The partner covers some of its districts.
    Some,
    /// The partner does not cover it.
    None,
    /// The records do not name a district.
    NoDistrict,
}

impl Coverage {
    /// The supply of a count in the area.
    pub(crate) fn limit(self, supply: Supply) -> Supply {
        match self {
            Self::All => supply,
            Self::Some => supply.and(Supply::Missing(CountReason::NotCovered)),
            Self::None => Supply::Missing(CountReason::NotCovered),
            Self::NoDistrict => Supply::Missing(CountReason::NoDistrict),
        }
    }
}

/// The areas of all partners and kinds.
pub(crate) struct Areas {
    /// All keys, in order.
    pub(crate) sorted: Vec<AreaKey>,
    /// For each partner and kind the areas it has rows for, as indexes of `sorted`, in order.
    pub(crate) by_kind: Vec<Vec<u32>>,
    /// As `by_kind`.
    pub(crate) coverage: Vec<Vec<Coverage>>,
    /// For each partner and kind, and area as sent: the indexes of `sorted` where it counts.
    targets: Vec<HashMap<u32, Vec<u32>>>,
    /// Where every area as sent counts, for the table `placements`.
    pub(crate) placements: BTreeSet<Placement>,
}

/// Records sent for one area count in another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placement {
    pub(crate) sent_code: String,
    pub(crate) sent_level: String,
    pub(crate) sent_zone: Option<String>,
    pub(crate) code: String,
    pub(crate) level: String,
    pub(crate) vintage: Option<String>,
}

/// The areas of one partner's kind: those with rows, and where each area as sent counts.
struct KindAreas {
    shown: BTreeSet<AreaKey>,
    /// The plan's area, where no record can be in it: the kind's records do not name a district.
    without_district: Option<AreaKey>,
    targets: BTreeMap<u32, Vec<AreaKey>>,
}

impl Areas {
    /// The areas that records and totals were sent for.
    pub(crate) fn new(current: &Current, scope: &Scope<'_>, reference: &Reference) -> Self {
        let mut placements = BTreeSet::new();
        let mut kinds = Vec::new();
        for (of, sent_areas) in current.partner_kinds.iter().zip(&sent_areas(current)) {
            let reach = KindReach::new(current, scope, sent_areas);
            let without_district = reach.plan_area_without_records(scope);
            let mut kind = KindAreas {
                shown: reach.always_shown(scope),
                without_district: without_district.filter(|_| !of.is_count()),
                targets: BTreeMap::new(),
            };
            for &area in sent_areas {
                let sent = current.sent(area);
                let targets = reach.targets(scope, sent);
                placements.extend(sent_to(&sent, &targets));
                kind.shown.extend(targets.iter().cloned());
                kind.targets.insert(area, targets);
            }
            kind.shown.extend(kind.without_district.clone());
            kinds.push(kind);
        }
        let sorted: BTreeSet<&AreaKey> = kinds.iter().flat_map(|kind| &kind.shown).collect();
        let sorted: Vec<AreaKey> = sorted.into_iter().cloned().collect();
        let coverage = current.partner_kinds.iter().zip(&kinds);
        Self {
            coverage: coverage
                .map(|(of, kind)| coverages(of, kind, reference))
                .collect(),
            by_kind: kinds
                .iter()
                .map(|kind| indexes(&sorted, &kind.shown))
                .collect(),
            targets: kinds
                .iter()
                .map(|kind| {
                    let targets = kind.targets.iter();
                    targets
                        .map(|(area, keys)| (*area, indexes(&sorted, keys)))
                        .collect()
                })
                .collect(),
            placements,
            sorted,
        }
    }

    /// Where a record of an area as sent counts.
    pub(crate) fn targets(&self, partner_kind: usize, area: u32) -> &[u32] {
        self.targets[partner_kind]
            .get(&area)
            .map_or(&[], Vec::as_slice)
    }
}

/// Whether records of a partner's kind can be in each of its areas. Totals are only sent for areas
/// that the partner covers.
fn coverages(of: &PartnerKind, kind: &KindAreas, reference: &Reference) -> Vec<Coverage> {
    let geography = &reference.geography;
    let covered = reference
        .covered_districts(&of.partner, of.of)
        .filter(|_| !of.is_count());
    let coverage = |area: &AreaKey| {
        if kind.without_district.as_ref() == Some(area) {
            return Coverage::NoDistrict;
        }
        let Some(covered) = covered.as_ref().filter(|_| !area.is_pseudo()) else {
            return Coverage::All;
        };
        let districts = geography.districts(&area.code);
        match districts.intersection(covered).count() {
            number if number == districts.len() => Coverage::All,
            0 => Coverage::None,
            _ => Coverage::Some,
        }
    };
    kind.shown.iter().map(coverage).collect()
}

fn indexes<'a>(sorted: &[AreaKey], keys: impl IntoIterator<Item = &'a AreaKey>) -> Vec<u32> {
    keys.into_iter()
        .map(|key| sorted.binary_search(key).unwrap_or_default() as u32)
        .collect()
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

fn sent_to(sent: &SentArea<'_>, targets: &[AreaKey]) -> Vec<Placement> {
    let Some(code) = sent.code else {
        return Vec::new();
    };
    targets
        .iter()
        .filter(|key| key.level != ALL_RECEIVED)
        .map(|key| Placement {
            sent_code: code.to_owned(),
            sent_level: sent.level.to_owned(),
            sent_zone: sent.zone.map(str::to_owned),
            code: key.code.clone(),
            level: key.level.clone(),
            vintage: key.vintage.clone(),
        })
        .collect()
}

/// The tiers and roles that a partner's kind can show.
struct KindReach {
    tiers: BTreeSet<Tier>,
    roles: BTreeSet<Option<String>>,
}

impl KindReach {
    fn new(current: &Current, scope: &Scope<'_>, sent_areas: &BTreeSet<u32>) -> Self {
        let (mut tiers, mut roles) = (BTreeSet::new(), BTreeSet::new());
        for &area in sent_areas {
            let sent = current.sent(area);
            if sent.code.is_some() {
                tiers.extend(scope.tiers_of(sent.level));
                roles.insert(sent.role.map(str::to_owned));
            }
        }
        Self { tiers, roles }
    }

    /// The plan's area, if the kind cannot show its level: it has a row there too.
    fn plan_area_without_records(&self, scope: &Scope<'_>) -> Option<AreaKey> {
        let (code, level) = (scope.area(), scope.area_level());
        let is_shown = self.tiers.iter().any(|tier| tier.level == level);
        (!is_shown).then(|| AreaKey::new(Tier::new(level), code, None))
    }

    /// The areas that have rows also where nothing was counted.
    fn always_shown(&self, scope: &Scope<'_>) -> BTreeSet<AreaKey> {
        let mut keys = BTreeSet::from([AreaKey::all_received()]);
        for &tier in &self.tiers {
            keys.insert(AreaKey::new(tier, NO_LOCATION, None));
            for role in &self.roles {
                let areas = scope
                    .areas(tier)
                    .iter()
                    .map(|area| AreaKey::new(tier, &area.code, role.as_deref()));
                keys.extend(areas.filter(|key| !key.is_sparse()));
            }
        }
        keys
    }

    fn targets(&self, scope: &Scope<'_>, sent: SentArea<'_>) -> Vec<AreaKey> {
        let mut keys = BTreeSet::from([AreaKey::all_received()]);
        for &tier in &self.tiers {
            let Some(code) = sent.code else {
                keys.insert(AreaKey::new(tier, NO_LOCATION, None));
                continue;
            };
            for placed in scope.place(code, sent.level, sent.zone, tier) {
                let code = match placed {
                    Placed::At(code) => code,
                    Placed::Outside => OUTSIDE,
                    Placed::Unplaced => UNPLACED,
                };
                let mut key = AreaKey::new(tier, code, sent.role);
                if tier.level == Level::Lsoa && !key.is_pseudo() {
                    // The code of an unchanged area is that of several vintages: keep the one sent.
                    key.vintage = sent.vintage.map(str::to_owned);
                }
                keys.insert(key);
            }
        }
        keys.into_iter().collect()
    }
}
