//! The series of the tables under one plan: what they are, which records count in each, and which
//! sources can show it.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::AggregateSettings;
use crate::aggregate::state::current::{Category, Class, Current};
use crate::aggregate::state::source_set::SourceSet;
use crate::reference::plan::{Plan, SeriesSet};

/// The key of a series in the tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeriesKey {
    /// `total`, `mapped`, `unmapped`, `priority`, `theme`, `category`, `group` or `class`.
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    /// The scheme of a code; none = a series of the plan.
    pub(crate) scheme: Option<String>,
}

impl SeriesKey {
    fn of_plan(kind: &'static str, id: &str) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            scheme: None,
        }
    }

    fn total() -> Self {
        Self::of_plan("total", "total")
    }

    /// All records under any priority or theme.
    pub(crate) fn mapped() -> Self {
        Self::of_plan("mapped", "mapped")
    }

    fn unmapped() -> Self {
        Self::of_plan("unmapped", "unmapped")
    }

    fn from_plan_series(series: &crate::reference::plan::Series) -> Self {
        Self::of_plan(series.kind.as_str(), &series.id)
    }

    /// The series of a code.
    pub(crate) fn from_category(category: &Category) -> Self {
        Self {
            kind: category.kind,
            id: category.code.clone(),
            scheme: Some(category.scheme.clone()),
        }
    }

    /// Whether it is one of the plan's, or the total; not a code.
    pub(crate) const fn is_of_plan(&self) -> bool {
        self.scheme.is_none()
    }

    /// Whether it says how much of a feed the plan uses: only tables of counts show that.
    pub(crate) fn is_use_of_feed(&self) -> bool {
        matches!(self.kind, "mapped" | "unmapped")
    }
}

/// The series of the tables under one plan, or under none: then only the total and the codes.
pub(crate) struct PlanSeries<'f> {
    pub(crate) plan: Option<&'f Plan>,
    /// The index of the plan among those wanted.
    wanted: usize,
    /// Sorted.
    pub(crate) keys: Vec<SeriesKey>,
    /// The class of each fact, so that counting reads them one after the other.
    classes: Vec<u32>,
    /// For each class of records the series it counts in, each once, in order.
    pub(crate) by_class: Vec<Vec<u32>>,
    /// For each class the further series it may count in, since a code of it is unknown.
    pub(crate) possible_by_class: Vec<Vec<u32>>,
    /// For each partner and kind the series it has rows for, in order, and the sources that can
    /// show each.
    pub(crate) by_kind: Vec<Vec<(u32, SourceSet)>>,
}

impl<'f> PlanSeries<'f> {
    /// The series under a wanted plan.
    pub(crate) fn new(
        current: &Current,
        settings: &AggregateSettings<'f>,
        wanted: Option<usize>,
    ) -> Self {
        let plan = wanted.map(|wanted| settings.plan(wanted));
        let mut keys: BTreeSet<SeriesKey> = series_of_plan(plan).into_iter().collect();
        let codes = current.what.iter().flat_map(|what| &what.codes);
        keys.extend(
            codes.map(|code| SeriesKey::from_category(&current.categories[*code as usize])),
        );
        let mut series = Self {
            plan,
            wanted: wanted.unwrap_or_default(),
            keys: keys.into_iter().collect(),
            classes: Vec::new(),
            by_class: Vec::new(),
            possible_by_class: Vec::new(),
            by_kind: Vec::new(),
        };
        let facts = current.facts.iter();
        series.classes = facts
            .map(|fact| series.class(current, fact.profile))
            .collect();
        series.by_class = current
            .classes
            .iter()
            .map(|class| series.of_class(current, class))
            .collect();
        series.possible_by_class = current
            .classes
            .iter()
            .map(|class| series.possibly_of_class(class))
            .collect();
        // A class has the numbers of one plan's rules: under another they mean other rules.
        let own_classes: BTreeSet<u32> = (0..current.profiles.len() as u32)
            .map(|profile| series.class(current, profile))
            .collect();
        series.by_kind = (0..current.partner_kinds.len())
            .map(|kind| series.of_kind(current, settings, &own_classes, kind))
            .collect();
        series
    }

    /// The index of a series.
    pub(crate) fn index(&self, key: &SeriesKey) -> Option<u32> {
        self.keys.binary_search(key).ok().map(|index| index as u32)
    }

    /// The index of the total.
    pub(crate) fn total(&self) -> u32 {
        self.index(&SeriesKey::total()).unwrap_or_default()
    }

    /// The class of a record's profile under this plan.
    pub(crate) fn class(&self, current: &Current, profile: u32) -> u32 {
        current.class_of(profile, self.wanted)
    }

    /// The class of each fact of a partner's kind under this plan.
    pub(crate) fn classes_of(&self, current: &Current, kind: usize) -> &[u32] {
        &self.classes[current.indexes_of(kind)]
    }

    /// Whether the records of a class count in a series.
    pub(crate) fn counts_in(&self, class: u32, series: u32) -> bool {
        self.by_class[class as usize].contains(&series)
    }

    fn of_class(&self, current: &Current, class: &Class) -> Vec<u32> {
        let codes = &current.what[class.what as usize].codes;
        let mut keys: BTreeSet<SeriesKey> = codes
            .iter()
            .map(|code| SeriesKey::from_category(&current.categories[*code as usize]))
            .collect();
        keys.insert(SeriesKey::total());
        if let Some(plan) = self.plan {
            let matching = plan.series_of(class.rules);
            if !matching.is_empty() {
                keys.insert(SeriesKey::mapped());
            } else if class.possible == class.rules {
                keys.insert(SeriesKey::unmapped());
            }
            keys.extend(plan.series_in(matching).map(SeriesKey::from_plan_series));
        }
        keys.iter().filter_map(|key| self.index(key)).collect()
    }

    /// The further series that records of a class may count in: a code of theirs is unknown, and rules
    /// of the series name codes of its scheme.
    fn possibly_of_class(&self, class: &Class) -> Vec<u32> {
        let Some(plan) = self.plan.filter(|_| class.possible != class.rules) else {
            return Vec::new();
        };
        let matching = plan.series_of(class.rules);
        let possible = plan.series_of(class.possible);
        let further = possible.iter().filter(|index| !matching.contains(*index));
        let mut keys: BTreeSet<SeriesKey> = further
            .map(|index| SeriesKey::from_plan_series(&plan.series[index]))
            .collect();
        if matching.is_empty() {
            keys.extend([SeriesKey::mapped(), SeriesKey::unmapped()]);
        }
        keys.iter().filter_map(|key| self.index(key)).collect()
    }

    /// The series of a partner's kind: all of the plan's, and the codes it sent. A source can show
    /// the codes of the schemes it carries, and any code it sent. It can show a series of the plan
    /// whose rules can match what it carries, and any that a record of it falls, or may fall, under.
    fn of_kind(
        &self,
        current: &Current,
        settings: &AggregateSettings<'_>,
        own_classes: &BTreeSet<u32>,
        kind: usize,
    ) -> Vec<(u32, SourceSet)> {
        let mut sources_of: BTreeMap<u32, SourceSet> = BTreeMap::new();
        for class in own_classes {
            let what = &current.what[current.classes[*class as usize].what as usize];
            if what.partner_kind as usize == kind {
                let series = self.by_class[*class as usize].iter();
                for series in series.chain(&self.possible_by_class[*class as usize]) {
                    sources_of.entry(*series).or_default().add(what.source);
                }
            }
        }
        for (index, key) in (0_u32..).zip(&self.keys) {
            if key.is_of_plan() {
                let sources = sources_of.entry(index).or_default();
                if ["total", "mapped", "unmapped"].contains(&key.kind) {
                    sources.add(SourceSet::ALL);
                }
            }
        }
        let event_kind = current.partner_kinds[kind].of;
        for (i, source) in current.sources[kind].iter().enumerate() {
            let carried = settings.reference.partners.carried_by(source, event_kind);
            let rules = self.plan.into_iter().flat_map(Plan::rules);
            let rules = rules.filter(|(.., rule)| current.can_show(kind, rule, &carried));
            let applicable: SeriesSet = rules.map(|(_, series, _)| series).collect();
            for (index, sources) in &mut sources_of {
                let key = &self.keys[*index as usize];
                let shows = match &key.scheme {
                    Some(scheme) => carried.can_have(scheme, &key.id),
                    None => self
                        .plan
                        .is_some_and(|plan| plan.series_in(applicable).any(|s| s.id == key.id)),
                };
                if shows {
                    sources.add(SourceSet::one(i));
                }
            }
        }
        sources_of.into_iter().collect()
    }
}

fn series_of_plan(plan: Option<&Plan>) -> Vec<SeriesKey> {
    let mut keys = vec![SeriesKey::total()];
    if let Some(plan) = plan {
        keys.extend([SeriesKey::mapped(), SeriesKey::unmapped()]);
        keys.extend(plan.series.iter().map(SeriesKey::from_plan_series));
    }
    keys
}
