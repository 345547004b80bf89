//! The series of the tables under one plan: what they are, which records count in each, and who can
//! show it.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::Settings;
use crate::aggregate::state::current::{Category, Class, Current, SourceSet};
use crate::reference::plan::{Plan, SeriesSet};

/// A line of figures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    /// `total`, `mapped`, `unmapped`, `priority`, `theme`, `category`, `group` or `class`.
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) scheme: Option<String>,
}

impl Series {
    fn plain(kind: &'static str, id: &str) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            scheme: None,
        }
    }

    /// What falls under any priority or theme.
    pub(crate) fn mapped() -> Self {
        Self::plain("mapped", "mapped")
    }

    /// Whether it is one of the plan's, or the whole; not a code.
    pub(crate) const fn is_of_plan(&self) -> bool {
        self.scheme.is_none()
    }
}

/// The tables' series under one plan, or under none: then only the whole and the codes.
pub(crate) struct Frame<'f> {
    pub(crate) plan: Option<&'f Plan>,
    /// The place of the plan in [`Settings::wanted`].
    wanted: usize,
    /// Sorted.
    pub(crate) series: Vec<Series>,
    /// For each class of records the series it counts in, each once, in order.
    pub(crate) of_class: Vec<Vec<u32>>,
    /// For each partner and kind the series it has rows for, in order, and the sources that can
    /// show each.
    pub(crate) of_kind: Vec<Vec<(u32, SourceSet)>>,
}

/// All sources.
const EVERY: SourceSet = SourceSet(u64::MAX);

impl<'f> Frame<'f> {
    /// The series under a wanted plan.
    pub(crate) fn of(current: &Current, settings: &Settings<'f>, wanted: Option<usize>) -> Self {
        let plan = wanted.map(|wanted| settings.plan(wanted));
        let mut series: BTreeSet<Series> = of_plan(plan).into_iter().collect();
        let codes = current.what.iter().flat_map(|what| &what.codes);
        series.extend(codes.map(|code| series_of(&current.categories[*code as usize])));
        let series: Vec<Series> = series.into_iter().collect();
        let mut frame = Self {
            plan,
            wanted: wanted.unwrap_or_default(),
            series,
            of_class: Vec::new(),
            of_kind: Vec::new(),
        };
        frame.of_class = current
            .classes
            .iter()
            .map(|class| frame.of_class(current, class))
            .collect();
        // A class is of one plan's rules: under another their numbers mean other rules.
        let own: BTreeSet<u32> = (0..current.profiles.len() as u32)
            .map(|of| frame.class(current, of))
            .collect();
        let of_kind = |kind| frame.of_kind(current, settings, &own, kind);
        frame.of_kind = (0..current.partner_kinds.len()).map(of_kind).collect();
        frame
    }

    /// The place of a series.
    pub(crate) fn position(&self, series: &Series) -> Option<u32> {
        self.series
            .binary_search(series)
            .ok()
            .map(|place| place as u32)
    }

    /// The place of the whole.
    pub(crate) fn total(&self) -> u32 {
        self.position(&Series::plain("total", "total"))
            .unwrap_or_default()
    }

    /// The class of a record's profile under this plan.
    pub(crate) fn class(&self, current: &Current, profile: u32) -> u32 {
        current.class_of(profile, self.wanted)
    }

    fn of_class(&self, current: &Current, class: &Class) -> Vec<u32> {
        let what = &current.what[class.what as usize];
        let mut series: BTreeSet<Series> = what
            .codes
            .iter()
            .map(|c| series_of(&current.categories[*c as usize]))
            .collect();
        series.insert(Series::plain("total", "total"));
        if let Some(plan) = self.plan {
            let of_plan = plan.series_of(class.rules);
            let whole = if of_plan.is_empty() {
                "unmapped"
            } else {
                "mapped"
            };
            series.insert(Series::plain(whole, whole));
            series.extend(
                plan.of_set(of_plan)
                    .map(|s| Series::plain(s.kind.as_str(), &s.id)),
            );
        }
        series
            .iter()
            .filter_map(|series| self.position(series))
            .collect()
    }

    /// The series of a partner's kind: the plan's all; the codes it sent. A source can show the
    /// codes of the schemes it carries and those it sent all the same; of the plan's, what its
    /// rules can match in what it carries, and what a record of it fell under all the same.
    fn of_kind(
        &self,
        current: &Current,
        settings: &Settings<'_>,
        own: &BTreeSet<u32>,
        kind: usize,
    ) -> Vec<(u32, SourceSet)> {
        let mut sources_of: BTreeMap<u32, SourceSet> = BTreeMap::new();
        for class in own {
            let (class, series) = (
                &current.classes[*class as usize],
                &self.of_class[*class as usize],
            );
            let what = &current.what[class.what as usize];
            if what.partner_kind as usize == kind {
                for s in series {
                    sources_of.entry(*s).or_default().add(what.source);
                }
            }
        }
        for (place, series) in self
            .series
            .iter()
            .enumerate()
            .filter(|(_, series)| series.is_of_plan())
        {
            let by = sources_of.entry(place as u32).or_default();
            if ["total", "mapped", "unmapped"].contains(&series.kind) {
                by.add(EVERY);
            }
        }
        let of = current.partner_kinds[kind].of;
        for (i, source) in current.sources[kind].iter().enumerate() {
            let carried = settings.reference.partners.carried_by(source, of);
            let rules = self.plan.into_iter().flat_map(Plan::rules);
            let rules = rules.filter(|(.., rule)| current.can_show(kind, rule, &carried));
            let applicable: SeriesSet = rules.map(|(_, series, _)| series).collect();
            for (place, by) in &mut sources_of {
                let series = &self.series[*place as usize];
                let shows = match &series.scheme {
                    Some(scheme) => carried.schemes.contains(scheme),
                    None => self
                        .plan
                        .is_some_and(|plan| plan.of_set(applicable).any(|s| s.id == series.id)),
                };
                if shows {
                    by.add(SourceSet::one(i));
                }
            }
        }
        sources_of.into_iter().collect()
    }
}

fn of_plan(plan: Option<&Plan>) -> Vec<Series> {
    let mut series = vec![Series::plain("total", "total")];
    if let Some(plan) = plan {
        series.extend(["mapped", "unmapped"].map(|kind| Series::plain(kind, kind)));
        series.extend(
            plan.series
                .iter()
                .map(|s| Series::plain(s.kind.as_str(), &s.id)),
        );
    }
    series
}

/// The series of a code.
pub(crate) fn series_of(category: &Category) -> Series {
    Series {
        kind: category.kind,
        id: category.code.clone(),
        scheme: Some(category.scheme.clone()),
    }
}
