//! What identifies a number of a release: series, area, window, and what is counted.

/// The parts of a factor, in the order of the columns.
pub(crate) const FACTOR_PARTS: [&str; 3] = ["with", "without", "unknown"];
/// Records that are repeats, and those that show whether they are.
pub(crate) const REPEAT_PARTS: [&str; 2] = ["repeats", "cases"];

/// The kind of series that are remainders.
const REST: &str = "rest";

/// A series by its keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeriesRef {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) scheme: Option<String>,
}

impl SeriesRef {
    /// A series of the plan or a total, whose id is also its kind.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            kind: name.to_owned(),
            id: name.to_owned(),
            scheme: None,
        }
    }

    /// What is left of a series besides some parts. No table has it.
    pub(crate) fn rest(id: String, scheme: Option<String>) -> Self {
        let kind = REST.to_owned();
        Self { kind, id, scheme }
    }

    /// Whether it is what is left of another series.
    pub(crate) fn is_rest(&self) -> bool {
        self.kind == REST
    }

    /// Whether it is a series of another plan than that of the release.
    pub(crate) fn is_of_another_plan(&self) -> bool {
        self.scheme.is_none() && self.id.contains('/')
    }

    /// Whether it is a code, which has rows only where something was counted.
    pub(crate) fn is_code(&self) -> bool {
        self.scheme.is_some()
    }
}

/// An area by its keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AreaRef {
    pub(crate) level: String,
    pub(crate) vintage: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) code: String,
}

impl AreaRef {
    /// Whether it collects the records of no area of its level.
    pub(crate) fn is_collected(&self) -> bool {
        matches!(&*self.code, "no-location" | "outside" | "unplaced")
    }
}

/// What is counted of a series: nothing = its records. Otherwise the table that splits them, the keys
/// by which it does, and which count of the row it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Measure(pub(crate) Vec<Option<String>>);

impl Measure {
    /// Whether the records of the series are counted.
    pub(crate) fn is_count(&self) -> bool {
        self.0.is_empty()
    }

    /// The table that splits the records.
    pub(crate) fn table(&self) -> Option<&str> {
        self.0.first()?.as_deref()
    }

    /// A key, or the part, by its index after the table.
    pub(crate) fn key(&self, index: usize) -> Option<&str> {
        self.0.get(index + 1)?.as_deref()
    }

    /// The records with a factor.
    pub(crate) fn with_factor(factor: &str) -> Self {
        let texts = ["factors", factor, FACTOR_PARTS[0]];
        Self(texts.map(|text| Some(text.to_owned())).into())
    }
}

/// What identifies a number. A number that is in two tables is one cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellKey {
    pub(crate) partner: String,
    pub(crate) kind: String,
    pub(crate) series: SeriesRef,
    pub(crate) measure: Measure,
    pub(crate) area: AreaRef,
    pub(crate) window: String,
}

impl CellKey {
    /// The count of another series in the same area and window.
    pub(crate) fn of_series(&self, series: SeriesRef) -> Self {
        Self {
            series,
            measure: Measure::default(),
            ..self.clone()
        }
    }

    /// Another count of the same series, area and window.
    pub(crate) fn with_measure(&self, measure: Measure) -> Self {
        Self {
            measure,
            ..self.clone()
        }
    }

    /// What the table that has it splits, if one does: the key without how.
    pub(crate) fn split(&self) -> Option<Self> {
        Some(self.split_by(self.measure.table()?))
    }

    /// What a table splits, without how.
    pub(crate) fn split_by(&self, table: &str) -> Self {
        self.with_measure(Measure(vec![Some(table.to_owned())]))
    }

    /// The same in another window.
    pub(crate) fn in_window(&self, window: &str) -> Self {
        Self {
            window: window.to_owned(),
            ..self.clone()
        }
    }

    /// The same in an area without an edition or a role.
    pub(crate) fn in_area(&self, level: &str, code: &str) -> Self {
        Self {
            area: AreaRef {
                level: level.to_owned(),
                vintage: None,
                role: None,
                code: code.to_owned(),
            },
            ..self.clone()
        }
    }

    /// Another count of the same row.
    pub(crate) fn with_part(&self, part: &str) -> Self {
        let mut key = self.clone();
        if let Some(last) = key.measure.0.last_mut() {
            *last = Some(part.to_owned());
        }
        key
    }

    /// The counts that it is a part of: those of the total, and of its own series.
    pub(crate) fn wholes(&self) -> Vec<Self> {
        let total = SeriesRef::named("total");
        let mut wholes = Vec::new();
        if self.series != total {
            wholes.push(self.of_series(total));
        }
        if !self.measure.is_count() {
            wholes.push(self.of_series(self.series.clone()));
        }
        wholes
    }

    /// Its keys in words, for messages: no number.
    pub(crate) fn text(&self) -> String {
        let measure: Vec<&str> = self.measure.0.iter().flatten().map(|key| &**key).collect();
        let series = [&[&*self.series.id], &*measure].concat().join(" ");
        format!(
            "{}/{} {series}, {} {}, {}",
            self.partner, self.kind, self.area.level, self.area.code, self.window
        )
    }
}
