//! The structure that a release publishes beside its tables: which areas are in which, and how the
//! series of a partner's kind relate to one another.
//!
//! Relations of series follow from the plan's rules and from what a partner's systems carry, never
//! from a small number. One that the true numbers do not satisfy is left out: then nobody can use it.

use std::collections::{BTreeMap, BTreeSet};

use crate::reference::Reference;
use crate::reference::carried::Carried;
use crate::reference::pattern::Fold;
use crate::reference::plan::{Plan, Rule};
use crate::release::cells::{ExactCells, Known};
use crate::release::config::{Merge, MergedKeys, ReleaseConfig};
use crate::release::keys::{AreaRef, CellKey, Measure, SeriesRef};
use crate::release::relations::{AreaParts, SeriesRelation, SeriesRule, Structure};
use crate::release::rules::Finest;

/// The structure of the cells of a release.
pub(crate) fn build(
    cells: &ExactCells,
    config: &ReleaseConfig,
    reference: &Reference,
) -> Structure {
    let mut structure = Structure {
        areas: area_parts(cells, &config.merges, reference),
        ..Structure::default()
    };
    let mut kinds: BTreeMap<(&str, &str), Vec<&CellKey>> = BTreeMap::new();
    for key in cells.keys() {
        kinds
            .entry((&key.partner, &key.kind))
            .or_default()
            .push(key);
    }
    for ((partner, kind), keys) in kinds {
        let of_kind = KindSeries::new(cells, &keys, config, reference, (partner, kind));
        structure.series.extend(of_kind.relations());
    }
    structure
}

/// Which districts are in which set, which wards in which district, and which areas were merged.
fn area_parts(cells: &ExactCells, merges: &[Merge], reference: &Reference) -> Vec<AreaParts> {
    let geography = &reference.geography;
    let areas: BTreeSet<&AreaRef> = cells.keys().map(|key| &key.area).collect();
    let of_level = |level: &'static str| areas.iter().filter(move |area| area.level == level);
    // The areas of the geography that an area consists of.
    let members = |area: &AreaRef| -> Vec<String> {
        let mut merges = merges.iter();
        let merge = merges.find(|merge| merge.is_sum_of_areas(area));
        merge.map_or_else(
            || vec![area.code.clone()],
            |merge| merge.parts.iter().cloned().collect(),
        )
    };
    let mut parts: BTreeMap<(String, String, Option<String>), BTreeSet<String>> = BTreeMap::new();
    for (level, part_level) in [("set", "district"), ("district", "ward")] {
        for whole in of_level(level) {
            let of_whole = members(whole);
            for part in of_level(part_level) {
                let is_part = |code: &String| {
                    let districts = geography.districts(code);
                    let mut of_whole = of_whole.iter();
                    of_whole.any(|whole| {
                        code != whole
                            && (geography.is_in_set(code, whole)
                                || (districts.len() == 1 && districts.contains(&**whole)))
                    })
                };
                if members(part).iter().all(is_part) {
                    let of = (
                        whole.level.clone(),
                        whole.code.clone(),
                        part.vintage.clone(),
                    );
                    parts.entry(of).or_default().insert(part.code.clone());
                }
            }
        }
    }
    let parts = parts
        .into_iter()
        .map(|((level, code, part_vintage), parts)| {
            let is_set = level == "set";
            let part_level = if is_set { "district" } else { "ward" };
            let area = |code: &String| AreaRef {
                level: part_level.to_owned(),
                vintage: part_vintage.clone(),
                role: None,
                code: code.clone(),
            };
            let count: usize = parts.iter().map(|code| members(&area(code)).len()).sum();
            // Tables have all wards of a district, or none; but a merge may join them with others.
            let is_crossed = merges.iter().any(|merge| {
                let of_whole = |part: &&String| geography.districts(part).contains(&*code);
                let inside = merge.parts.iter().filter(of_whole).count();
                inside > 0 && inside < merge.parts.len()
            });
            AreaParts {
                is_complete: if is_set {
                    geography.district_count(&code) == Some(count)
                } else {
                    !is_crossed
                },
                part_level: part_level.to_owned(),
                level,
                code,
                part_vintage,
                parts,
            }
        });
    let of_merges = merges.iter().filter_map(|merge| {
        let MergedKeys::Areas { level, vintage } = &merge.keys else {
            return None;
        };
        Some(AreaParts {
            level: level.as_str().to_owned(),
            code: merge.code.clone(),
            part_level: level.as_str().to_owned(),
            part_vintage: vintage.clone(),
            parts: merge.parts.clone(),
            is_complete: true,
        })
    });
    parts.chain(of_merges).collect()
}

/// The merges of a release, by the structure that it published.
pub(crate) fn merges(structure: &Structure) -> Vec<Merge> {
    let merge = |keys, code: &str, parts: &mut dyn Iterator<Item = String>| Merge {
        keys,
        parts: parts.collect(),
        code: code.to_owned(),
        label: String::new(),
    };
    let of_series = structure.series.iter().filter_map(|relation| {
        let whole = &relation.whole;
        let is_merge = relation.rule == SeriesRule::Sum
            && whole.kind == "category"
            && relation
                .parts
                .iter()
                .all(|part| part.scheme == whole.scheme);
        let keys = MergedKeys::Codes {
            kinds: vec![relation.kind.clone()],
            scheme: whole.scheme.clone().filter(|_| is_merge)?,
        };
        let mut parts = relation.parts.iter().map(|part| part.id.clone());
        Some(merge(keys, &whole.id, &mut parts))
    });
    let of_areas = structure.areas.iter().filter_map(|area| {
        let keys = MergedKeys::Areas {
            level: Finest::from_level(&area.level).filter(|_| area.level == area.part_level)?,
            vintage: area.part_vintage.clone(),
        };
        Some(merge(keys, &area.code, &mut area.parts.iter().cloned()))
    });
    of_series.chain(of_areas).collect()
}

/// Adds what earlier releases published of sums, where present numbers satisfy it.
pub(crate) fn add_earlier(structure: &mut Structure, earlier: &Structure, cells: &Values<'_>) {
    for area in &earlier.areas {
        if !structure.areas.contains(area) {
            structure.areas.push(area.clone());
        }
    }
    for relation in &earlier.series {
        if !structure.series.contains(relation) && is_satisfied(relation, cells) {
            structure.series.push(relation.clone());
        }
    }
}

/// Exact numbers by their keys.
pub(crate) type Values<'v> = BTreeMap<&'v CellKey, i64>;

/// Whether present numbers satisfy a relation wherever all of them are exact.
fn is_satisfied(relation: &SeriesRelation, cells: &Values<'_>) -> bool {
    let wholes = cells.iter().filter(|(key, _)| {
        let of_kind = key.partner == relation.partner && key.kind == relation.kind;
        let with = relation.factor.as_deref().map(Measure::with_factor);
        let is_measure = with.is_none_or(|with| key.measure == with);
        of_kind && is_measure && key.series == relation.whole
    });
    wholes.into_iter().all(|(key, whole)| {
        let measure = if relation.factor.is_some() {
            Measure::default()
        } else {
            key.measure.clone()
        };
        let parts = relation.parts.iter().map(|part| {
            let part = key.of_series(part.clone()).with_measure(measure.clone());
            cells.get(&part).copied()
        });
        let parts: Option<i64> = parts.sum();
        parts.is_none_or(|parts| relation.rule.allows(*whole, parts))
    })
}

/// An area, a window, and what is counted there.
type Place<'k> = (&'k AreaRef, &'k str, &'k Measure);

/// The series of one partner's kind, with their numbers by area and window.
struct KindSeries<'k> {
    plan: &'k Plan,
    merges: &'k [Merge],
    reference: &'k Reference,
    partner: &'k str,
    kind: &'k str,
    event_kind: Option<crate::event::Kind>,
    carried: Carried,
    /// In order.
    series: BTreeSet<&'k SeriesRef>,
    /// By area, window and measure.
    counts: BTreeMap<Place<'k>, BTreeMap<&'k SeriesRef, Known>>,
}

impl<'k> KindSeries<'k> {
    fn new(
        cells: &'k ExactCells,
        keys: &[&'k CellKey],
        config: &'k ReleaseConfig,
        reference: &'k Reference,
        (partner, kind): (&'k str, &'k str),
    ) -> Self {
        let event_kind = crate::event::Kind::from_name(kind);
        let mut own = Self {
            plan: &config.plan,
            merges: &config.merges,
            reference,
            partner,
            kind,
            event_kind,
            carried: event_kind.map_or_else(Carried::default, |of| {
                reference.partners.carried(partner, of)
            }),
            series: BTreeSet::new(),
            counts: BTreeMap::new(),
        };
        for key in keys {
            let place = (&key.area, &*key.window, &key.measure);
            if key.measure.is_count() {
                own.series.insert(&key.series);
            }
            let counts = own.counts.entry(place).or_default();
            counts.insert(&key.series, cells[*key].known);
        }
        own
    }

    fn relations(&self) -> Vec<SeriesRelation> {
        let [total, mapped, unmapped] = ["total", "mapped", "unmapped"].map(SeriesRef::named);
        let mut relations = Vec::new();
        let mut add = |rule, whole: &SeriesRef, parts: Vec<SeriesRef>| {
            let relation = SeriesRelation {
                partner: self.partner.to_owned(),
                kind: self.kind.to_owned(),
                rule,
                whole: whole.clone(),
                factor: None,
                parts,
            };
            if !relation.parts.is_empty() && self.is_true(&relation) {
                relations.push(relation);
                return true;
            }
            false
        };
        add(SeriesRule::Sum, &total, vec![mapped.clone(), unmapped]);
        let of_plan: Vec<SeriesRef> = self.of_plan();
        for series in &of_plan {
            add(SeriesRule::Within, &mapped, vec![series.clone()]);
            add(SeriesRule::Within, &total, vec![series.clone()]);
        }
        add(SeriesRule::Covered, &mapped, of_plan.clone());
        for (scheme, codes) in self.codes() {
            let is_exclusive = add(SeriesRule::Sum, &total, codes.clone());
            if !is_exclusive {
                for code in &codes {
                    add(SeriesRule::Within, &total, vec![code.clone()]);
                }
            }
            for series in of_plan.iter().chain([&mapped]) {
                let [inside, outside] = self.inside_and_outside(series, &scheme, &codes);
                if !is_exclusive {
                    for code in inside {
                        add(SeriesRule::Within, series, vec![code]);
                    }
                    continue;
                }
                let is_all = inside.len() + outside.len() == codes.len();
                if !(is_all && add(SeriesRule::Sum, series, inside.clone())) {
                    add(SeriesRule::SumAndRest, series, inside);
                }
                if !outside.is_empty() {
                    let apart = [vec![series.clone()], outside].concat();
                    add(SeriesRule::Within, &total, apart);
                }
            }
        }
        for (group, codes) in self.groups() {
            if !add(SeriesRule::Sum, &group, codes.clone()) {
                for code in codes {
                    add(SeriesRule::Within, &group, vec![code]);
                }
            }
        }
        relations.extend(self.factor_relations());
        relations.extend(self.merged_codes());
        relations
    }

    /// Codes that are published as one: an earlier release may have shown the parts.
    fn merged_codes(&self) -> impl Iterator<Item = SeriesRelation> {
        let merges = self.merges.iter();
        let merges = merges.filter_map(|merge| match &merge.keys {
            MergedKeys::Codes { scheme, .. } => Some((merge, scheme)),
            MergedKeys::Areas { .. } => None,
        });
        merges.filter_map(|(merge, scheme)| {
            let code = |id: &String| SeriesRef {
                kind: "category".to_owned(),
                id: id.clone(),
                scheme: Some(scheme.clone()),
            };
            let whole = code(&merge.code);
            self.series.contains(&whole).then(|| SeriesRelation {
                partner: self.partner.to_owned(),
                kind: self.kind.to_owned(),
                rule: SeriesRule::Sum,
                whole,
                factor: None,
                parts: merge.parts.iter().map(code).collect(),
            })
        })
    }

    /// The priorities and themes that are supplied anywhere.
    fn of_plan(&self) -> Vec<SeriesRef> {
        let is_supplied = |series: &SeriesRef| {
            let places = self.counts.values();
            places
                .filter_map(|counts| counts.get(series))
                .any(|known| *known != Known::Missing)
        };
        let series = self.series.iter();
        let series = series.filter(|series| matches!(&*series.kind, "priority" | "theme"));
        series
            .filter(|series| is_supplied(series))
            .map(|series| (*series).clone())
            .collect()
    }

    /// The codes and groups of each scheme.
    fn codes(&self) -> BTreeMap<String, Vec<SeriesRef>> {
        let mut codes: BTreeMap<String, Vec<SeriesRef>> = BTreeMap::new();
        for series in &self.series {
            if let Some(scheme) = &series.scheme {
                let of_scheme = codes
                    .entry(format!("{scheme} {}", series.kind))
                    .or_default();
                of_scheme.push((*series).clone());
            }
        }
        codes
    }

    /// Groups of codes, each with the codes that a crosswalk puts into it.
    fn groups(&self) -> BTreeMap<SeriesRef, Vec<SeriesRef>> {
        let mut groups: BTreeMap<SeriesRef, Vec<SeriesRef>> = BTreeMap::new();
        let crosswalks = &self.reference.crosswalks;
        for code in self
            .series
            .iter()
            .filter(|series| series.kind == "category")
        {
            let Some(list) = &code.scheme else { continue };
            for parts in self.parts_of(code) {
                for of in crosswalks.groups_for(list, &parts) {
                    let group = SeriesRef {
                        kind: "group".to_owned(),
                        id: of.group(None).unwrap_or_default().to_owned(),
                        scheme: Some(of.scheme.clone()),
                    };
                    let codes = groups.entry(group).or_default();
                    if !codes.contains(code) {
                        codes.push((*code).clone());
                    }
                }
            }
        }
        groups.retain(|group, _| self.series.contains(group));
        groups
    }

    /// The codes of a series: its own, or those that were merged into it.
    fn parts_of(&self, series: &SeriesRef) -> Vec<String> {
        let merge = self.merges.iter().find(|merge| match &merge.keys {
            MergedKeys::Codes { kinds, scheme } => {
                let is_scheme = series.scheme.as_ref() == Some(scheme);
                is_scheme && merge.code == series.id && kinds.iter().any(|kind| kind == self.kind)
            }
            MergedKeys::Areas { .. } => false,
        });
        merge.map_or_else(
            || vec![series.id.clone()],
            |merge| merge.parts.iter().cloned().collect(),
        )
    }

    /// The codes whose records always fall under a series, and those whose records never do.
    fn inside_and_outside(
        &self,
        series: &SeriesRef,
        scheme: &str,
        codes: &[SeriesRef],
    ) -> [Vec<SeriesRef>; 2] {
        let is_mapped = series.kind == "mapped";
        let own = self.plan.series.iter();
        let rules: Vec<&Rule> = own
            .filter(|of| is_mapped || (of.id == series.id && of.kind.as_str() == series.kind))
            .flat_map(|of| &of.rules)
            .filter(|rule| {
                self.event_kind
                    .is_some_and(|kind| rule.applicable(&self.carried, kind))
            })
            .collect();
        let scheme = scheme.split(' ').next().unwrap_or_default();
        let is_inside = |code: &String| {
            rules
                .iter()
                .any(|rule| rule.flags == 0 && !rule.has_other_tests() && names(rule, scheme, code))
        };
        let is_outside = |code: &String| {
            rules.iter().all(|rule| {
                let mut carried = rule.codes.keys();
                let tests_only =
                    carried.all(|own| own == scheme || !self.carried.schemes.contains_key(own));
                !rule.codes.is_empty() && tests_only && !names(rule, scheme, code)
            })
        };
        let where_all = |condition: &dyn Fn(&String) -> bool| {
            let codes = codes.iter();
            codes
                .filter(|code| self.parts_of(code).iter().all(condition))
                .cloned()
                .collect()
        };
        [where_all(&is_inside), where_all(&is_outside)]
    }

    /// A priority whose rules are all flags of a factor is at most the records with the factor; with
    /// the same flags it is all of them.
    fn factor_relations(&self) -> Vec<SeriesRelation> {
        let mut relations = Vec::new();
        let Some(kind) = self.event_kind else {
            return relations;
        };
        for factor in &self.plan.factors {
            for series in &self.plan.series {
                let rules: Vec<&Rule> = series
                    .rules
                    .iter()
                    .filter(|rule| rule.applicable(&self.carried, kind))
                    .collect();
                let is_flags = |rule: &&Rule| {
                    let carried = rule.flags & self.carried.flags;
                    let is_of_factor = carried != 0 && carried & !factor.flags == 0;
                    rule.codes.is_empty() && !rule.has_other_tests() && is_of_factor
                };
                if rules.is_empty() || !rules.iter().all(is_flags) {
                    continue;
                }
                let flags = rules.iter().fold(0, |all, rule| all | rule.flags);
                let is_same = factor.flags & self.carried.flags & !flags == 0;
                let mut relation = SeriesRelation {
                    partner: self.partner.to_owned(),
                    kind: self.kind.to_owned(),
                    rule: if is_same {
                        SeriesRule::Sum
                    } else {
                        SeriesRule::Within
                    },
                    whole: SeriesRef::named("total"),
                    factor: Some(factor.id.clone()),
                    parts: vec![SeriesRef {
                        kind: series.kind.as_str().to_owned(),
                        id: series.id.clone(),
                        scheme: None,
                    }],
                };
                if !self.is_true(&relation) {
                    relation.rule = SeriesRule::Within;
                }
                if self.is_true(&relation) {
                    relations.push(relation);
                }
            }
        }
        relations
    }

    /// Whether exact numbers satisfy a relation wherever all its numbers are exact, and there are any.
    fn is_true(&self, relation: &SeriesRelation) -> bool {
        let mut is_tested = false;
        for (place, counts) in &self.counts {
            let (area, window, measure) = *place;
            let exact = |known: Option<&Known>| match known {
                Some(Known::Exact(count)) => Some(*count),
                _ => None,
            };
            let whole = match &relation.factor {
                None => exact(counts.get(&relation.whole)),
                Some(_) if !measure.is_count() => continue,
                Some(factor) => {
                    let with = Measure::with_factor(factor);
                    let counts = self.counts.get(&(area, window, &with));
                    exact(counts.and_then(|own| own.get(&relation.whole)))
                }
            };
            let parts = relation.parts.iter().map(|part| exact(counts.get(part)));
            let Some((whole, parts)) = whole.zip(parts.sum::<Option<i64>>()) else {
                continue;
            };
            is_tested = true;
            if !relation.rule.allows(whole, parts) {
                return false;
            }
        }
        is_tested
    }
}

/// Whether a rule names a code of a scheme.
fn names(rule: &Rule, scheme: &str, code: &str) -> bool {
    let patterns = rule.codes.get(scheme).into_iter().flatten();
    Fold::for_scheme(scheme).any(code, |folded| {
        patterns
            .clone()
            .any(|pattern| pattern.matches(folded, pattern.edition()))
    })
}
