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
use crate::release::cells::{AreaRef, CellKey, ExactCells, FactorPart, Known, SeriesRef};
use crate::release::config::{CodeMerge, ReleaseConfig};
use crate::release::relations::{AreaParts, PARTS, SeriesRelation, SeriesRule, Structure};

/// The structure of the cells of a release.
pub(crate) fn build(
    cells: &ExactCells,
    config: &ReleaseConfig,
    reference: &Reference,
) -> Structure {
    let mut structure = Structure {
        areas: area_parts(cells, reference),
        ..Structure::default()
    };
    for (key, cell) in cells {
        let (from, to) = (cell.labels.window_from, cell.labels.window_to);
        let months = crate::release::cells::months(from, to);
        structure.windows.insert(key.window.clone(), months);
    }
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

/// Which districts are in which set, and which wards in which district.
fn area_parts(cells: &ExactCells, reference: &Reference) -> Vec<AreaParts> {
    let geography = &reference.geography;
    let areas: BTreeSet<&AreaRef> = cells.keys().map(|key| &key.area).collect();
    let of_level = |level: &'static str| areas.iter().filter(move |area| area.level == level);
    let mut parts: BTreeMap<(String, String, Option<String>), BTreeSet<String>> = BTreeMap::new();
    for (level, part_level) in [("set", "district"), ("district", "ward")] {
        for whole in of_level(level) {
            for part in of_level(part_level) {
                let districts = geography.districts(&part.code);
                let is_part = geography.is_in_set(&part.code, &whole.code)
                    || (districts.len() == 1 && districts.contains(&*whole.code));
                if is_part && part.code != whole.code {
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
            AreaParts {
                part_level: if is_set { "district" } else { "ward" }.to_owned(),
                // Tables have all wards of a district, or none.
                is_complete: !is_set || geography.district_count(&code) == Some(parts.len()),
                level,
                code,
                part_vintage,
                parts,
            }
        });
    parts.collect()
}

/// An area and a window.
type Place<'k> = (&'k AreaRef, &'k str);

/// The series of one partner's kind, with their numbers by area and window.
struct KindSeries<'k> {
    plan: &'k Plan,
    merges: &'k [CodeMerge],
    reference: &'k Reference,
    partner: &'k str,
    kind: &'k str,
    event_kind: Option<crate::event::Kind>,
    carried: Carried,
    /// In order.
    series: BTreeSet<&'k SeriesRef>,
    /// By area and window.
    counts: BTreeMap<Place<'k>, BTreeMap<&'k SeriesRef, Known>>,
    factors: BTreeMap<Place<'k>, BTreeMap<(&'k SeriesRef, &'k FactorPart), Known>>,
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
            factors: BTreeMap::new(),
        };
        for key in keys {
            let (place, known) = ((&key.area, &*key.window), cells[*key].known);
            if let Some(part) = &key.factor {
                let factors = own.factors.entry(place).or_default();
                factors.insert((&key.series, part), known);
            } else {
                own.series.insert(&key.series);
                own.counts
                    .entry(place)
                    .or_default()
                    .insert(&key.series, known);
            }
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
        relations
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
        let merge = self.merges.iter().find(|merge| {
            let is_scheme = series.scheme.as_ref() == Some(&merge.scheme);
            is_scheme && merge.code == series.id && merge.kinds.iter().any(|kind| kind == self.kind)
        });
        merge.map_or_else(
            || vec![series.id.clone()],
            |merge| merge.codes.iter().cloned().collect(),
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
            let exact = |known: Option<&Known>| match known {
                Some(Known::Exact(count)) => Some(*count),
                _ => None,
            };
            let whole = match &relation.factor {
                None => exact(counts.get(&relation.whole)),
                Some(factor) => {
                    let part = FactorPart {
                        factor: factor.clone(),
                        part: PARTS[0].to_owned(),
                    };
                    let factors = self.factors.get(place);
                    exact(factors.and_then(|own| own.get(&(&relation.whole, &part))))
                }
            };
            let parts = relation.parts.iter().map(|part| exact(counts.get(part)));
            let Some((whole, parts)) = whole.zip(parts.sum::<Option<i64>>()) else {
                continue;
            };
            is_tested = true;
            let is_true = match relation.rule {
                SeriesRule::Sum => parts == whole,
                SeriesRule::SumAndRest | SeriesRule::Within => parts <= whole,
                SeriesRule::Covered => whole <= parts,
            };
            if !is_true {
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
