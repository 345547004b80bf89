//! What anyone knows about the sums of a release: of areas, windows, series and factors.
//!
//! The relations follow from the keys of the cells and from the two tables that a release publishes of
//! them, so `make` and `attack` build the same ones. It knows no number. Numbers that no table shows,
//! but that anyone can compute, are cells too: remainders.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::tables::place_of_safety::POWERS;
use crate::disclosure::Relation;
use crate::event::Month;
use crate::release::keys::{AreaRef, CellKey, Measure, SeriesRef};
use crate::release::keys::{FACTOR_PARTS, REPEAT_PARTS};

/// How a series relates to others, in every area and window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SeriesRule {
    /// It is the sum of the others.
    Sum,
    /// It is the sum of the others and a remainder.
    SumAndRest,
    /// The sum of the others is at most it.
    Within,
    /// It is at most the sum of the others.
    Covered,
}

impl SeriesRule {
    /// Every rule by its name in `relations`.
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("sum", Self::Sum),
        ("sum_and_rest", Self::SumAndRest),
        ("within", Self::Within),
        ("covered", Self::Covered),
    ];

    /// Its name in `relations`.
    pub(crate) fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, own)| *own == self);
        found.map_or("", |(name, _)| name)
    }

    /// Whether a whole and the sum of its parts satisfy it.
    pub(crate) fn allows(self, whole: i64, parts: i64) -> bool {
        match self {
            Self::Sum => parts == whole,
            Self::SumAndRest | Self::Within => parts <= whole,
            Self::Covered => whole <= parts,
        }
    }

    /// The rule of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(own, _)| *own == name);
        found.map(|(_, own)| *own)
    }
}

/// A relation between series of a partner's kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeriesRelation {
    pub(crate) partner: String,
    pub(crate) kind: String,
    pub(crate) rule: SeriesRule,
    pub(crate) whole: SeriesRef,
    /// Of the whole only the records with this factor.
    pub(crate) factor: Option<String>,
    pub(crate) parts: Vec<SeriesRef>,
}

impl SeriesRelation {
    /// What is left of the whole besides the parts, as a series.
    fn rest(&self) -> SeriesRef {
        let factor = self
            .factor
            .as_deref()
            .map_or(String::new(), |of| format!(" with {of}"));
        let parts: Vec<&str> = self.parts.iter().map(|part| &*part.id).collect();
        let id = format!("{}{factor} without {}", self.whole.id, parts.join(", "));
        SeriesRef::rest(id, self.parts[0].scheme.clone())
    }
}

/// The areas of one level in an area.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AreaParts {
    pub(crate) level: String,
    pub(crate) code: String,
    pub(crate) part_level: String,
    pub(crate) part_vintage: Option<String>,
    pub(crate) parts: BTreeSet<String>,
    /// Whether these are all areas of the level in it.
    pub(crate) is_complete: bool,
}

impl AreaParts {
    /// Whether a release publishes these areas as one.
    fn is_merge(&self) -> bool {
        self.level == self.part_level
    }
}

/// A table lists the areas of a level for a series in a window: every area with records of it, and those
/// that collect the records of no area. Tables that compare areas leave the latter out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listing {
    partner: String,
    kind: String,
    series: SeriesRef,
    tier: Tier,
    pub(crate) window: String,
}

impl Listing {
    /// The listing that a row of such a table belongs to.
    pub(crate) fn of(key: &CellKey) -> Self {
        Self {
            partner: key.partner.clone(),
            kind: key.kind.clone(),
            series: key.series.clone(),
            tier: (key.area.level.clone(), key.area.vintage.clone()),
            window: key.window.clone(),
        }
    }

    /// Names its series as a plan does.
    pub(crate) fn rename(self, rename: impl Fn(&SeriesRef) -> SeriesRef) -> Self {
        Self {
            series: rename(&self.series),
            ..self
        }
    }
}

/// What relations follow from besides the keys of cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Structure {
    /// The first and last month of each window.
    pub(crate) windows: BTreeMap<String, (Month, Month)>,
    pub(crate) areas: Vec<AreaParts>,
    pub(crate) series: Vec<SeriesRelation>,
    pub(crate) listings: BTreeSet<Listing>,
}

/// The level of everything that was received.
const ALL_RECEIVED: &str = "all-received";
/// The level of sets of districts, which overlap.
const SET: &str = "set";
/// The code that collects the records of no area of a level.
const UNPLACED: &str = "unplaced";
/// The group of outcomes of records without one.
const NO_OUTCOME: &str = "unknown";

/// A number that no table shows: a whole less its parts.
#[derive(Clone, Debug)]
pub(crate) struct Remainder {
    pub(crate) key: CellKey,
    /// The index of its cell.
    pub(crate) cell: usize,
    pub(crate) whole: usize,
    pub(crate) parts: Vec<usize>,
}

/// The relations of the cells of one partner's kind.
#[derive(Debug, Default)]
pub(crate) struct BlockRelations {
    pub(crate) relations: Vec<Relation>,
    /// Cells besides those given, whose indexes follow theirs, in order.
    pub(crate) remainders: Vec<Remainder>,
    /// Pairs of windows that overlap in part: no equation relates them.
    pub(crate) overlaps: BTreeSet<(String, String)>,
}

/// Builds the relations of one partner's kind. `cells` have numbers, by index; `missing` are cells of
/// which nothing is published that could be computed with.
pub(crate) fn build(
    structure: &Structure,
    cells: &BTreeMap<&CellKey, usize>,
    missing: &BTreeSet<&CellKey>,
) -> BlockRelations {
    let mut builder = Builder {
        structure,
        cells: cells
            .iter()
            .map(|(key, index)| ((*key).clone(), *index))
            .collect(),
        areas_of: BTreeMap::new(),
        listed_windows: BTreeMap::new(),
        incomplete: BTreeSet::new(),
        built: BlockRelations::default(),
    };
    if let Some(first) = cells.keys().next() {
        let listings = structure.listings.iter();
        for own in listings.filter(|own| own.partner == first.partner && own.kind == first.kind) {
            let of = (own.series.clone(), own.tier.clone());
            let windows = builder.listed_windows.entry(of).or_default();
            windows.push(&own.window);
        }
    }
    for key in missing {
        builder.incomplete.extend(key.split());
    }
    for key in cells.keys().copied().chain(missing.iter().copied()) {
        let tier = (key.area.level.clone(), key.area.vintage.clone());
        let table = key.measure.table().map(str::to_owned);
        let areas = builder.areas_of.entry((key.series.clone(), table, tier));
        areas.or_default().insert(key.area.clone());
    }
    builder.windows();
    let own: Vec<&SeriesRelation> = structure
        .series
        .iter()
        .filter(|relation| {
            let first = cells.keys().next();
            first.is_some_and(|key| key.partner == relation.partner && key.kind == relation.kind)
        })
        .collect();
    builder.series(&own);
    builder.areas();
    builder.measures();
    builder.built
}

type Tier = (String, Option<String>);

struct Builder<'b> {
    structure: &'b Structure,
    cells: BTreeMap<CellKey, usize>,
    /// The areas of a level for which a series is counted, or split by a table; with or without a number.
    areas_of: BTreeMap<(SeriesRef, Option<String>, Tier), BTreeSet<AreaRef>>,
    /// The windows in which a table lists the areas of a level for a series.
    listed_windows: BTreeMap<(SeriesRef, Tier), Vec<&'b str>>,
    /// Where a table has a part without a number.
    incomplete: BTreeSet<CellKey>,
    built: BlockRelations,
}

impl Builder<'_> {
    fn push(&mut self, relation: Relation) {
        self.built.relations.push(relation);
    }

    /// Adds the remainder of a whole, as a cell of its own; its parts must be known.
    fn remainder(&mut self, key: CellKey, whole: usize, parts: Vec<usize>) {
        let cell = self.cells.len();
        if self.cells.insert(key.clone(), cell).is_some() {
            debug_assert!(false, "a remainder has a key of its own");
            return;
        }
        let with_rest = parts.iter().copied().chain([cell]);
        self.push(Relation::equal(whole, with_rest.collect::<Vec<_>>()));
        self.built.remainders.push(Remainder {
            key,
            cell,
            whole,
            parts,
        });
    }

    /// Cells in groups of one key; each with the rest of its key.
    fn groups<G: Ord, R: Ord>(
        &self,
        split: impl Fn(&CellKey) -> (G, R),
    ) -> BTreeMap<G, BTreeMap<R, usize>> {
        let mut groups: BTreeMap<G, BTreeMap<R, usize>> = BTreeMap::new();
        for (key, index) in &self.cells {
            let (group, rest) = split(key);
            groups.entry(group).or_default().insert(rest, *index);
        }
        groups
    }

    /// A window is the sum of the longest windows in it and of the months that none of them has.
    fn windows(&mut self) {
        let groups = self.groups(|key| {
            let of = (key.series.clone(), key.measure.clone(), key.area.clone());
            (of, key.window.clone())
        });
        for ((series, measure, area), windows) in groups {
            if series.is_of_another_plan() {
                continue;
            }
            for (window, whole) in &windows {
                let Some(span) = self.structure.windows.get(window).copied() else {
                    continue;
                };
                let inside = self.longest_inside(window, span, windows.keys());
                if inside.is_empty() {
                    continue;
                }
                let length = |(first, last): (Month, Month)| first.to(last).count();
                let spans = inside.iter().map(|id| self.structure.windows[*id]);
                let covered: usize = spans.map(length).sum();
                let parts: Vec<usize> = inside.iter().map(|id| windows[*id]).collect();
                if covered == length(span) {
                    self.push(Relation::equal(*whole, parts));
                } else {
                    let inside: Vec<&str> = inside.iter().map(|id| id.as_str()).collect();
                    let key = CellKey {
                        window: format!("{window} without {}", inside.join(" and ")),
                        ..self.key(&series, &measure, &area)
                    };
                    self.remainder(key, *whole, parts);
                }
            }
        }
    }

    /// A key without a window.
    fn key(&self, series: &SeriesRef, measure: &Measure, area: &AreaRef) -> CellKey {
        let any = self.cells.keys().next();
        let of = |text: fn(&CellKey) -> &String| any.map(text).cloned().unwrap_or_default();
        CellKey {
            partner: of(|key| &key.partner),
            kind: of(|key| &key.kind),
            series: series.clone(),
            measure: measure.clone(),
            area: area.clone(),
            window: String::new(),
        }
    }

    /// The longest windows inside another. Two windows of the same months are one, and of windows that
    /// overlap in part none is used.
    fn longest_inside<'w>(
        &mut self,
        window: &str,
        (first, last): (Month, Month),
        windows: impl Iterator<Item = &'w String>,
    ) -> Vec<&'w String> {
        let spans = &self.structure.windows;
        let mut inside: Vec<(&'w String, (Month, Month))> = windows
            .filter(|id| *id != window)
            .filter_map(|id| Some((id, *spans.get(id)?)))
            .collect();
        for (id, (from, to)) in &inside {
            let is_within = first <= *from && *to <= last;
            let contains = *from <= first && last <= *to;
            if *from <= last && first <= *to && !is_within && !contains {
                let mut pair = [window.to_owned(), (*id).clone()];
                pair.sort();
                let [a, b] = pair;
                self.built.overlaps.insert((a, b));
            }
        }
        inside.retain(|(_, span)| first <= span.0 && span.1 <= last && *span != (first, last));
        let all = inside.clone();
        inside.retain(|(id, span)| {
            !all.iter().any(|(other, of)| {
                let contains = of.0 <= span.0 && span.1 <= of.1;
                contains && (of != span || other < id)
            })
        });
        inside.into_iter().map(|(id, _)| id).collect()
    }

    /// Relations between series in each area and window. They apply to every count of
    /// the series.
    fn series(&mut self, relations: &[&SeriesRelation]) {
        let groups = self.groups(|key| {
            let of = (key.area.clone(), key.window.clone(), key.measure.clone());
            (of, key.series.clone())
        });
        for ((area, window, measure), series) in &groups {
            for relation in relations {
                let of_whole = match &relation.factor {
                    None => Some(series),
                    Some(_) if !measure.is_count() => continue,
                    Some(factor) => {
                        let with = Measure::with_factor(factor);
                        groups.get(&(area.clone(), window.clone(), with))
                    }
                };
                let whole = of_whole.and_then(|of_whole| of_whole.get(&relation.whole));
                let Some(whole) = whole.copied() else {
                    continue;
                };
                let parts = relation.parts.iter();
                let parts: Vec<usize> =
                    parts.filter_map(|part| series.get(part).copied()).collect();
                let has_all = parts.len() == relation.parts.len();
                match relation.rule {
                    _ if parts.is_empty() => {}
                    SeriesRule::Sum if has_all => self.push(Relation::equal(whole, parts)),
                    SeriesRule::SumAndRest if has_all => {
                        let rest = relation.rest();
                        let key = CellKey {
                            window: window.clone(),
                            ..self.key(&rest, measure, area)
                        };
                        self.remainder(key, whole, parts);
                    }
                    SeriesRule::Covered if has_all => self.push(Relation::at_least(whole, parts)),
                    SeriesRule::Covered => {}
                    _ => self.push(Relation::at_most(whole, parts)),
                }
            }
        }
    }

    /// The areas of a level are everything that was received; the areas inside an area are its parts.
    fn areas(&mut self) {
        let groups = self.groups(|key| {
            let of = (key.series.clone(), key.window.clone(), key.measure.clone());
            (of, key.area.clone())
        });
        for ((series, window, measure), areas) in &groups {
            if series.is_of_another_plan() {
                continue;
            }
            let counts = groups.get(&(series.clone(), window.clone(), Measure::default()));
            let all = areas.iter().find(|(area, _)| area.level == ALL_RECEIVED);
            let tiers: BTreeSet<Tier> = areas
                .keys()
                .filter(|area| area.level != SET && area.level != ALL_RECEIVED)
                .map(|area| (area.level.clone(), area.vintage.clone()))
                .collect();
            for tier in tiers {
                let Some((_, all)) = all else { continue };
                let of_tier = self.areas_of_tier(series, measure, &tier, areas);
                // Of a remainder, areas are missing where a release joined some of its parts.
                let is_complete = !series.is_rest()
                    && (of_tier.has_collected() || self.is_listed(series, &tier, window));
                let cells = |cover: &[&AreaRef]| -> Vec<usize> {
                    cover.iter().map(|area| areas[*area]).collect()
                };
                let covers = if is_complete {
                    of_tier.covers(areas)
                } else {
                    Vec::new()
                };
                for cover in &covers {
                    self.push(Relation::equal(*all, cells(cover)));
                }
                if !covers.is_empty() {
                    continue;
                }
                let (apart, absent) = of_tier.largest_apart(areas);
                let parts = cells(&apart);
                // What is counted of an area without a row is at most the records there.
                let absent: Option<Vec<usize>> = absent
                    .into_iter()
                    .map(|area| counts.and_then(|counts| counts.get(area)).copied())
                    .collect();
                let is_part_of_counts = is_complete && !measure.is_count();
                if let Some(absent) = absent.filter(|own| is_part_of_counts && !own.is_empty()) {
                    let all_parts = parts.iter().copied().chain(absent);
                    self.push(Relation::at_least(*all, all_parts.collect::<Vec<_>>()));
                }
                self.push(Relation::at_most(*all, parts));
            }
            for within in &self.structure.areas {
                let wholes = areas.iter();
                let wholes = wholes
                    .filter(|(area, _)| area.level == within.level && area.code == within.code);
                let relations: Vec<Relation> = wholes
                    .flat_map(|(area, whole)| {
                        self.area_relations(within, (area, *whole), areas, (series, window))
                    })
                    .collect();
                self.built.relations.extend(relations);
            }
        }
    }

    /// Whether a table lists the areas of a level for a series in a window, or in one that contains it: an
    /// area without a row then has no records. Remainders are in no table; what is known of them follows
    /// from the numbers that they are the difference of.
    fn is_listed(&self, series: &SeriesRef, tier: &Tier, window: &str) -> bool {
        let Some((first, last)) = self.structure.windows.get(window) else {
            return false;
        };
        let windows = self.listed_windows.get(&(series.clone(), tier.clone()));
        windows.into_iter().flatten().any(|own| {
            let span = self.structure.windows.get(*own);
            span.is_some_and(|(from, to)| from <= first && last <= to)
        })
    }

    /// The areas of a level into which records fall: those of the table itself, if it has the areas that
    /// collect the records of no area; else those of the counts of the series.
    fn areas_of_tier(
        &self,
        series: &SeriesRef,
        measure: &Measure,
        tier: &Tier,
        cells: &BTreeMap<AreaRef, usize>,
    ) -> TierAreas {
        let table = measure.table().map(str::to_owned);
        let own = self.areas_of.get(&(series.clone(), table, tier.clone()));
        let own = own.filter(|areas| areas.iter().any(AreaRef::is_collected));
        let own = own.or_else(|| self.areas_of.get(&(series.clone(), None, tier.clone())));
        let (level, vintage) = tier;
        let is_of_tier = |area: &AreaRef| area.level == *level && area.vintage == *vintage;
        let with_cells = cells.keys().filter(|area| is_of_tier(area)).cloned();
        let mut apart: BTreeSet<AreaRef> = own.into_iter().flatten().cloned().collect();
        apart.extend(with_cells);
        let mut merged = BTreeMap::new();
        for merge in self.structure.areas.iter().filter(|of| of.is_merge()) {
            let wholes = apart.iter();
            let wholes = wholes.filter(|area| is_of_tier(area) && area.code == merge.code);
            for whole in wholes.cloned().collect::<Vec<_>>() {
                let part = |code: &String| AreaRef {
                    code: code.clone(),
                    ..whole.clone()
                };
                let parts: BTreeSet<AreaRef> = merge.parts.iter().map(part).collect();
                apart.remove(&whole);
                merged.insert(whole, parts);
            }
        }
        apart.extend(merged.values().flatten().cloned());
        TierAreas { apart, merged }
    }

    fn area_relations(
        &self,
        within: &AreaParts,
        (area, whole): (&AreaRef, usize),
        areas: &BTreeMap<AreaRef, usize>,
        (series, window): (&SeriesRef, &str),
    ) -> Vec<Relation> {
        let part = |code: &str| AreaRef {
            level: within.part_level.clone(),
            vintage: within.part_vintage.clone(),
            role: area.role.clone(),
            code: code.to_owned(),
        };
        let parts = within.parts.iter();
        let parts: Vec<usize> = parts
            .filter_map(|code| areas.get(&part(code)).copied())
            .collect();
        if parts.is_empty() {
            return Vec::new();
        }
        let unplaced = part(UNPLACED);
        let tier = (within.part_level.clone(), within.part_vintage.clone());
        let may_be_unplaced = !within.is_merge() && within.level != SET;
        let is_known = !may_be_unplaced || self.is_listed(series, &tier, window);
        let expected = self.areas_of.get(&(series.clone(), None, tier));
        let has_unplaced =
            may_be_unplaced && expected.is_some_and(|areas| areas.contains(&unplaced));
        let is_complete = is_known && within.is_complete && parts.len() == within.parts.len();
        match (is_complete, has_unplaced, areas.get(&unplaced)) {
            (true, false, _) => vec![Relation::equal(whole, parts)],
            (true, true, Some(unplaced)) => {
                let with_unplaced: Vec<usize> = parts.iter().copied().chain([*unplaced]).collect();
                vec![
                    Relation::at_most(whole, parts),
                    Relation::at_least(whole, with_unplaced),
                ]
            }
            _ => vec![Relation::at_most(whole, parts)],
        }
    }

    /// What is counted of a series: its parts are the series, and each is at most that of the total.
    fn measures(&mut self) {
        let groups = self.groups(|key| {
            let of = (key.area.clone(), key.window.clone());
            (of, (key.series.clone(), key.measure.clone()))
        });
        let total = SeriesRef::named("total");
        for ((area, window), cells) in groups {
            let mut splits: BTreeMap<(&SeriesRef, &str), Split<'_>> = BTreeMap::new();
            for ((series, measure), cell) in &cells {
                let Some(table) = measure.table() else {
                    continue;
                };
                splits
                    .entry((series, table))
                    .or_default()
                    .insert(measure, *cell);
                let of_total = cells.get(&(total.clone(), measure.clone()));
                if let Some(of_total) = of_total.filter(|_| *series != total) {
                    self.push(Relation::at_most(*of_total, [*cell]));
                }
            }
            for ((series, table), parts) in splits {
                let of = SplitSeries {
                    key: CellKey {
                        window: window.clone(),
                        ..self.key(series, &Measure::default(), &area)
                    },
                    whole: cells.get(&(series.clone(), Measure::default())).copied(),
                    parts,
                };
                let is_complete = !self.incomplete.contains(&of.key.split_by(table));
                match table {
                    "factors" => self.factors(&of),
                    "outcomes" => self.outcomes(&of, is_complete),
                    "repeats" => self.repeats(&of),
                    "place_of_safety" => self.places_of_safety(&of, &cells),
                    _ => self.whole(of.whole, of.parts.values().copied().collect(), is_complete),
                }
            }
        }
    }

    /// Parts are a whole, or at most it where some are not known.
    fn whole(&mut self, whole: Option<usize>, parts: Vec<usize>, is_complete: bool) {
        let Some(whole) = whole.filter(|_| !parts.is_empty()) else {
            return;
        };
        self.push(if is_complete {
            Relation::equal(whole, parts)
        } else {
            Relation::at_most(whole, parts)
        });
    }

    fn factors(&mut self, of: &SplitSeries<'_>) {
        for parts in of.by_first_key().into_values() {
            let is_complete = parts.len() == FACTOR_PARTS.len();
            self.whole(of.whole, parts, is_complete);
        }
    }

    /// The groups are the series, and the outcomes of a group are the group. Only the records without an
    /// outcome are in a group and in no row.
    fn outcomes(&mut self, of: &SplitSeries<'_>, is_complete: bool) {
        let is_group = |measure: &Measure| measure.key(1).is_none();
        let groups = of.parts.iter().filter(|(measure, _)| is_group(measure));
        let groups: BTreeMap<&str, usize> = groups
            .filter_map(|(measure, cell)| Some((measure.key(0)?, *cell)))
            .collect();
        self.whole(of.whole, groups.values().copied().collect(), is_complete);
        for (group, whole) in groups {
            let parts = of.parts.iter();
            let parts = parts.filter(|(own, _)| own.key(0) == Some(group) && !is_group(own));
            let parts: Vec<usize> = parts.map(|(_, cell)| *cell).collect();
            if group == NO_OUTCOME && is_complete && !parts.is_empty() {
                self.remainder(of.rest(&["outcomes", group, "none"]), whole, parts);
            } else {
                self.whole(Some(whole), parts, is_complete);
            }
        }
    }

    /// Repeats are among the records that show whether they are, and these among all.
    fn repeats(&mut self, of: &SplitSeries<'_>) {
        for (definition, cells) in of.by_first_key() {
            let [Some(repeats), Some(cases)] = REPEAT_PARTS.map(|part| of.part(definition, part))
            else {
                self.whole(of.whole, cells[..1].to_vec(), false);
                continue;
            };
            let first = of.rest(&["repeats", definition, "first"]);
            self.remainder(first, cases, vec![repeats]);
            if let Some(whole) = of.whole {
                let silent = of.rest(&["repeats", definition, "silent"]);
                self.remainder(silent, whole, vec![cases]);
            }
        }
    }

    /// The places of a power are the detentions under it, and together at most all.
    fn places_of_safety(
        &mut self,
        of: &SplitSeries<'_>,
        cells: &BTreeMap<(SeriesRef, Measure), usize>,
    ) {
        self.whole(of.whole, of.parts.values().copied().collect(), false);
        for (power, parts) in of.by_first_key() {
            let code = POWERS.iter().find(|(_, own)| *own == power);
            let code = code.map(|(code, _)| SeriesRef {
                kind: "category".to_owned(),
                id: (*code).to_owned(),
                scheme: Some("mha-legal-status".to_owned()),
            });
            let whole = code.and_then(|code| cells.get(&(code, Measure::default())));
            self.whole(whole.copied(), parts, true);
        }
    }
}

/// The areas of a level that lie apart from one another, and those that releases merged of them.
struct TierAreas {
    apart: BTreeSet<AreaRef>,
    merged: BTreeMap<AreaRef, BTreeSet<AreaRef>>,
}

impl TierAreas {
    /// Whether areas that collect the records of no area are among them.
    fn has_collected(&self) -> bool {
        self.apart.iter().any(AreaRef::is_collected)
    }

    /// Every choice of areas with a number that has the complete level, each place once. An area whose
    /// own number is not known needs one that it was merged into.
    fn covers(&self, cells: &BTreeMap<AreaRef, usize>) -> Vec<Vec<&AreaRef>> {
        let mut covers = Vec::new();
        self.add_covers(cells, &mut Vec::new(), &mut covers);
        covers
    }

    fn add_covers<'a>(
        &'a self,
        cells: &BTreeMap<AreaRef, usize>,
        merged: &mut Vec<&'a AreaRef>,
        covers: &mut Vec<Vec<&'a AreaRef>>,
    ) {
        let rest = self.without(merged);
        let Some(missing) = rest.iter().find(|area| !cells.contains_key(**area)) else {
            covers.push(merged.iter().chain(&rest).copied().collect());
            return;
        };
        for (whole, parts) in &self.merged {
            let is_apart = parts.iter().all(|part| rest.contains(&part));
            if is_apart && parts.contains(*missing) && cells.contains_key(whole) {
                merged.push(whole);
                self.add_covers(cells, merged, covers);
                merged.pop();
            }
        }
    }

    /// As many areas with a number as lie apart, and the areas that have none.
    fn largest_apart(&self, cells: &BTreeMap<AreaRef, usize>) -> (Vec<&AreaRef>, Vec<&AreaRef>) {
        let mut merged = Vec::new();
        for (whole, parts) in &self.merged {
            let rest = self.without(&merged);
            let is_apart = parts.iter().all(|part| rest.contains(&part));
            let is_needed = parts.iter().any(|part| !cells.contains_key(part));
            if is_apart && is_needed && cells.contains_key(whole) {
                merged.push(whole);
            }
        }
        let rest = self.without(&merged).into_iter();
        let (with, absent): (Vec<_>, Vec<_>) = rest.partition(|area| cells.contains_key(*area));
        (merged.into_iter().chain(with).collect(), absent)
    }

    /// The areas apart that are in none of some merged ones.
    fn without(&self, merged: &[&AreaRef]) -> BTreeSet<&AreaRef> {
        let is_in = |area: &AreaRef| {
            merged
                .iter()
                .any(|whole| self.merged[*whole].contains(area))
        };
        self.apart.iter().filter(|area| !is_in(area)).collect()
    }
}

/// What a table counts of one series, by its keys.
type Split<'m> = BTreeMap<&'m Measure, usize>;

/// A series in one area and window, with what a table counts of it.
struct SplitSeries<'m> {
    key: CellKey,
    /// The count of the series.
    whole: Option<usize>,
    parts: Split<'m>,
}

impl<'m> SplitSeries<'m> {
    fn by_first_key(&self) -> BTreeMap<&'m str, Vec<usize>> {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (measure, cell) in &self.parts {
            if let Some(key) = measure.key(0) {
                groups.entry(key).or_default().push(*cell);
            }
        }
        groups
    }

    fn part(&self, key: &str, part: &str) -> Option<usize> {
        let mut parts = self.parts.iter();
        let found = parts.find(|(own, _)| own.key(0) == Some(key) && own.key(1) == Some(part));
        found.map(|(_, cell)| *cell)
    }

    /// The key of a remainder.
    fn rest(&self, keys: &[&str]) -> CellKey {
        let keys = keys.iter().map(|key| Some((*key).to_owned()));
        self.key.with_measure(Measure(keys.collect()))
    }
}
