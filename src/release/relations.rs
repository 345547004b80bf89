//! What anyone knows about the sums of a release: of areas, windows, series and factors.
//!
//! The relations follow from the keys of the cells and from the two tables that a release publishes of
//! them, so `make` and `attack` build the same ones. It knows no number. Numbers that no table shows,
//! but that anyone can compute, are cells too: remainders.

use std::collections::{BTreeMap, BTreeSet};

use crate::disclosure::Relation;
use crate::event::Month;
use crate::release::cells::{AreaRef, CellKey, FactorPart, SeriesRef};

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

/// What relations follow from besides the keys of cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Structure {
    /// The first and last month of each window.
    pub(crate) windows: BTreeMap<String, (Month, Month)>,
    pub(crate) areas: Vec<AreaParts>,
    pub(crate) series: Vec<SeriesRelation>,
}

/// The level of everything that was received.
const ALL_RECEIVED: &str = "all-received";
/// The level of sets of districts, which overlap.
const SET: &str = "set";
/// The code that collects the records of no area of a level.
const UNPLACED: &str = "unplaced";
/// The parts of a factor.
pub(crate) const PARTS: [&str; 3] = ["with", "without", "unknown"];

/// A number that no table shows: a whole less its parts.
#[derive(Clone, Debug)]
pub(crate) struct Remainder {
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
    /// Pairs of windows that overlap in part, of which no relation is known.
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
        built: BlockRelations::default(),
    };
    for key in cells.keys().copied().chain(missing.iter().copied()) {
        let tier = (key.area.level.clone(), key.area.vintage.clone());
        if key.factor.is_none() {
            let areas = builder.areas_of.entry((key.series.clone(), tier));
            areas.or_default().insert(key.area.clone());
        }
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
    builder.factors();
    builder.built
}

type Tier = (String, Option<String>);

struct Builder<'b> {
    structure: &'b Structure,
    cells: BTreeMap<CellKey, usize>,
    /// The areas of a level that a series has counts for, with or without a number. Tables of factors
    /// leave out the areas that collect the records of no area.
    areas_of: BTreeMap<(SeriesRef, Tier), BTreeSet<AreaRef>>,
    built: BlockRelations,
}

impl Builder<'_> {
    fn push(&mut self, relation: Relation) {
        self.built.relations.push(relation);
    }

    /// Adds the remainder of a whole, as a cell of its own; its parts must be known.
    fn remainder(&mut self, key: CellKey, whole: usize, parts: Vec<usize>) {
        let cell = self.cells.len();
        if self.cells.insert(key, cell).is_some() {
            debug_assert!(false, "a remainder has a key of its own");
            return;
        }
        let with_rest = parts.iter().copied().chain([cell]);
        self.push(Relation::equal(whole, with_rest.collect::<Vec<_>>()));
        self.built.remainders.push(Remainder { cell, whole, parts });
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
            let of = (key.series.clone(), key.factor.clone(), key.area.clone());
            (of, key.window.clone())
        });
        for ((series, factor, area), windows) in groups {
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
                        ..self.key(*whole, &series, factor.as_ref(), &area)
                    };
                    self.remainder(key, *whole, parts);
                }
            }
        }
    }

    fn key(
        &self,
        cell: usize,
        series: &SeriesRef,
        factor: Option<&FactorPart>,
        area: &AreaRef,
    ) -> CellKey {
        let any = self.cells.keys().next();
        debug_assert!(any.is_some(), "cell {cell} exists");
        let of = |text: fn(&CellKey) -> &String| any.map(text).cloned().unwrap_or_default();
        CellKey {
            partner: of(|key| &key.partner),
            kind: of(|key| &key.kind),
            series: series.clone(),
            factor: factor.cloned(),
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

    /// Relations between series in each area and window.
    fn series(&mut self, relations: &[&SeriesRelation]) {
        let by_place = |cells: &Self| {
            cells.groups(|key| {
                let of = (key.area.clone(), key.window.clone());
                (of, (key.series.clone(), key.factor.clone()))
            })
        };
        for ((area, window), series) in by_place(self) {
            for relation in relations {
                let factor = relation.factor.as_ref().map(|factor| FactorPart {
                    factor: factor.clone(),
                    part: PARTS[0].to_owned(),
                });
                let Some(whole) = series.get(&(relation.whole.clone(), factor)).copied() else {
                    continue;
                };
                let parts = relation.parts.iter();
                let parts = parts.filter_map(|part| series.get(&(part.clone(), None)).copied());
                let parts: Vec<usize> = parts.collect();
                let has_all = parts.len() == relation.parts.len();
                match relation.rule {
                    _ if parts.is_empty() => {}
                    SeriesRule::Sum if has_all => self.push(Relation::equal(whole, parts)),
                    SeriesRule::SumAndRest if has_all => {
                        let rest = SeriesRef {
                            kind: "rest".to_owned(),
                            id: format!("{} {}", relation.whole.id, relation.parts.len()),
                            scheme: relation.parts[0].scheme.clone(),
                        };
                        let key = CellKey {
                            window: window.clone(),
                            ..self.key(whole, &rest, None, &area)
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
            let of = (key.series.clone(), key.factor.clone(), key.window.clone());
            (of, key.area.clone())
        });
        for ((series, _, _), areas) in &groups {
            let mut tiers: BTreeMap<Tier, Vec<usize>> = BTreeMap::new();
            for (area, cell) in areas {
                if area.level != SET && area.level != ALL_RECEIVED {
                    let tier = (area.level.clone(), area.vintage.clone());
                    tiers.entry(tier).or_default().push(*cell);
                }
            }
            let all = areas.iter().find(|(area, _)| area.level == ALL_RECEIVED);
            for (tier, parts) in tiers {
                let expected = self.areas_of.get(&(series.clone(), tier));
                let is_complete = expected.is_some_and(|areas| areas.len() == parts.len());
                if let Some((_, all)) = all {
                    self.push(if is_complete {
                        Relation::equal(*all, parts)
                    } else {
                        Relation::at_most(*all, parts)
                    });
                }
            }
            for within in &self.structure.areas {
                let wholes = areas.iter();
                let wholes = wholes
                    .filter(|(area, _)| area.level == within.level && area.code == within.code);
                let relations: Vec<Relation> = wholes
                    .flat_map(|(area, whole)| {
                        self.area_relations(within, (area, *whole), areas, series)
                    })
                    .collect();
                self.built.relations.extend(relations);
            }
        }
    }

    fn area_relations(
        &self,
        within: &AreaParts,
        (area, whole): (&AreaRef, usize),
        areas: &BTreeMap<AreaRef, usize>,
        series: &SeriesRef,
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
        let expected = self.areas_of.get(&(series.clone(), tier));
        let has_unplaced = expected.is_some_and(|areas| areas.contains(&unplaced));
        let is_complete = within.is_complete && parts.len() == within.parts.len();
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

    /// With a factor, without it and unknown are the series; each part is at most that of the total.
    fn factors(&mut self) {
        let groups = self.groups(|key| {
            let of = (key.area.clone(), key.window.clone());
            (of, (key.series.clone(), key.factor.clone()))
        });
        let total = SeriesRef::named("total");
        for cells in groups.values() {
            let mut by_series: BTreeMap<(&SeriesRef, &str), Vec<usize>> = BTreeMap::new();
            for ((series, part), cell) in cells {
                let Some(part) = part else { continue };
                by_series
                    .entry((series, &part.factor))
                    .or_default()
                    .push(*cell);
                let of_total = cells.get(&(total.clone(), Some(part.clone())));
                if let Some(of_total) = of_total.filter(|_| *series != total) {
                    self.built
                        .relations
                        .push(Relation::at_most(*of_total, [*cell]));
                }
            }
            for ((series, _), parts) in by_series {
                if let Some(whole) = cells.get(&(series.clone(), None)) {
                    self.built.relations.push(if parts.len() == PARTS.len() {
                        Relation::equal(*whole, parts)
                    } else {
                        Relation::at_most(*whole, parts)
                    });
                }
            }
        }
    }
}
