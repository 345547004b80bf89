//! `config/releases/<id>.toml`: the tables, levels, windows and series of one release.
//!
//! Everything that can be known without the tables is checked here, all faults at once.

use std::collections::BTreeSet;

use jiff::civil;

use crate::aggregate::figures::status::DataStatus;
use crate::aggregate::tables::ColumnSpec;
use crate::aggregate::tables::TableValue;
use crate::files::TextFiles;
use crate::files::fault::{Faults, hint};
use crate::files::toml_reader::{ListItem, TomlReader, read_named};
use crate::hex;
use crate::reference::Reference;
use crate::reference::accepted_check::AcceptedCheck;
use crate::reference::geography::{Method, Tier};
use crate::reference::plan::Plan;
use crate::reference::windows::Window;
use crate::release::figures::{self, FIGURES, FigureTable, SeriesOfTable};
use crate::release::keys::{AreaRef, CellKey};
use crate::release::rules::{FILE, Finest};
use crate::release::table::index_of;

/// The folder of all releases' files, in the folder of the configuration.
pub(crate) const FOLDER: &str = "releases";
/// The series of a plan, by one name: total, mapped, unmapped, priorities and themes.
const PLAN_SERIES: &str = "plan";
/// The total alone.
const TOTAL: &str = "total";

/// A level of areas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReleasedLevel {
    /// As tables name it.
    pub(crate) level: Finest,
    /// The set of districts, or the edition of the wards.
    pub(crate) only: Option<String>,
}

/// Series of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SeriesChoice {
    /// The total, mapped, unmapped, priorities and themes.
    Plan,
    /// The total.
    Total,
    /// The codes of a scheme.
    Scheme(String),
}

impl SeriesChoice {
    /// Whether it has a series, by its kind and scheme.
    pub(crate) fn has(&self, kind: &str, scheme: Option<&str>) -> bool {
        match self {
            Self::Plan => scheme.is_none(),
            Self::Total => kind == TOTAL,
            Self::Scheme(own) => scheme == Some(own),
        }
    }
}

/// Rows of a table that are released.
#[derive(Clone, Debug)]
pub(crate) struct TableRequest {
    pub(crate) table: &'static FigureTable,
    pub(crate) windows: Vec<Window>,
    pub(crate) levels: Vec<ReleasedLevel>,
    pub(crate) series: Vec<SeriesChoice>,
    /// Empty = every kind.
    pub(crate) kinds: Vec<String>,
}

/// What a merge joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MergedKeys {
    /// Codes of a scheme.
    Codes {
        /// The kinds that have them.
        kinds: Vec<String>,
        /// The scheme.
        scheme: String,
    },
    /// Areas of a level; of wards, those of an edition.
    Areas {
        /// The level.
        level: Finest,
        /// The edition.
        vintage: Option<String>,
    },
}

/// Codes or areas that are published as one, before anything is hidden.
#[derive(Clone, Debug)]
pub(crate) struct Merge {
    pub(crate) keys: MergedKeys,
    pub(crate) parts: BTreeSet<String>,
    /// The code of their sum.
    pub(crate) code: String,
    pub(crate) label: String,
}

impl Merge {
    /// Whether a number is one of the parts.
    pub(crate) fn has(&self, key: &CellKey) -> bool {
        match &self.keys {
            MergedKeys::Codes { kinds, scheme } => {
                kinds.contains(&key.kind)
                    && key.series.scheme.as_ref() == Some(scheme)
                    && self.parts.contains(&key.series.id)
            }
            MergedKeys::Areas { level, vintage } => {
                Finest::from_level(&key.area.level) == Some(*level)
                    && key.area.vintage == *vintage
                    && self.parts.contains(&key.area.code)
            }
        }
    }

    /// Whether an area is the sum.
    pub(crate) fn is_sum_of_areas(&self, area: &AreaRef) -> bool {
        match &self.keys {
            MergedKeys::Codes { .. } => false,
            MergedKeys::Areas { level, vintage } => {
                area.code == self.code && area.level == level.as_str() && area.vintage == *vintage
            }
        }
    }

    /// Whether a number is the sum.
    pub(crate) fn is_sum(&self, key: &CellKey) -> bool {
        match &self.keys {
            MergedKeys::Codes { kinds, scheme } => {
                kinds.contains(&key.kind)
                    && key.series.scheme.as_ref() == Some(scheme)
                    && key.series.id == self.code
            }
            MergedKeys::Areas { .. } => self.is_sum_of_areas(&key.area),
        }
    }

    /// The numbers that a sum consists of.
    pub(crate) fn parts_of<'m>(&'m self, sum: &'m CellKey) -> impl Iterator<Item = CellKey> + 'm {
        self.parts.iter().map(|part| {
            let mut key = sum.clone();
            match self.keys {
                MergedKeys::Codes { .. } => key.series.id.clone_from(part),
                MergedKeys::Areas { .. } => key.area.code.clone_from(part),
            }
            key
        })
    }

    /// The number that a part belongs to.
    pub(crate) fn merged(&self, part: &CellKey) -> CellKey {
        let mut key = part.clone();
        match self.keys {
            MergedKeys::Codes { .. } => key.series.id.clone_from(&self.code),
            MergedKeys::Areas { .. } => key.area.code.clone_from(&self.code),
        }
        key
    }

    /// The row of the sum, from the row of its first part.
    pub(crate) fn first(
        &self,
        columns: &[ColumnSpec],
        mut row: Vec<TableValue>,
    ) -> Vec<TableValue> {
        let names = match self.keys {
            MergedKeys::Codes { .. } => ["series", "series_label"],
            MergedKeys::Areas { .. } => ["area_code", "area_name"],
        };
        for (name, text) in names.iter().zip([&self.code, &self.label]) {
            row[index_of(columns, name)] = TableValue::Text(text.clone());
        }
        for name in ["is_plan_area", "edition"] {
            if let Some(index) = columns.iter().position(|own| own.name == name) {
                row[index] = match row[index] {
                    TableValue::Boolean(_) => TableValue::Boolean(false),
                    _ => TableValue::Null,
                };
            }
        }
        row
    }

    /// Adds the row of another part: the least complete months, the sum of populations, and the breaks
    /// of both.
    pub(crate) fn join(&self, columns: &[ColumnSpec], row: &mut [TableValue], part: &[TableValue]) {
        for ((column, own), other) in columns.iter().zip(row).zip(part) {
            match (column.name, &*own, other) {
                ("data_status", TableValue::Text(a), TableValue::Text(b)) => {
                    *own = TableValue::Text(DataStatus::worse_name(a, b).to_owned());
                }
                ("population", TableValue::Integer(a), TableValue::Integer(b))
                    if matches!(self.keys, MergedKeys::Areas { .. }) =>
                {
                    *own = TableValue::Integer(a + b);
                }
                ("population", _, _) if matches!(self.keys, MergedKeys::Areas { .. }) => {
                    *own = TableValue::Null;
                }
                ("breaks" | "why_not" | "why_months", _, _) => {
                    let texts = [&*own, other].map(|value| value.text().unwrap_or_default());
                    let texts = texts.iter().flat_map(|text| text.split(';'));
                    let texts: BTreeSet<&str> = texts.filter(|text| !text.is_empty()).collect();
                    let joined = texts.into_iter().collect::<Vec<_>>().join(";");
                    *own = TableValue::from(Some(joined).filter(|text| !text.is_empty()));
                }
                _ => {}
            }
        }
    }
}

/// The configuration of one release, checked.
#[derive(Clone, Debug)]
pub(crate) struct ReleaseConfig {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) plan: Plan,
    pub(crate) as_at: Option<civil::Date>,
    pub(crate) tables: Vec<TableRequest>,
    pub(crate) merges: Vec<Merge>,
    pub(crate) accepted: Vec<AcceptedCheck>,
    /// SHA-256 of the file and of disclosure.toml.
    pub(crate) checksums: [String; 2],
}

impl ReleaseConfig {
    /// The ids of all releases.
    pub(crate) fn ids(files: &TextFiles) -> Vec<String> {
        let files = files.in_folder(FOLDER, ".toml");
        let names = files.filter_map(|(path, _)| {
            let name = path.strip_prefix(FOLDER)?.strip_prefix('/')?;
            name.strip_suffix(".toml").map(str::to_owned)
        });
        names.collect()
    }

    /// Reads and checks the file of a release.
    pub(crate) fn read(files: &TextFiles, reference: &Reference, id: &str) -> Result<Self, Faults> {
        let path = format!("{FOLDER}/{id}.toml");
        let checksums = [&*path, FILE].map(|path| {
            let text = files.text(path).unwrap_or_default();
            hex::sha256(text)
        });
        read_named(files, &path, (id, &Self::ids(files)), |reader, _| {
            read(reader, reference, id, checksums)
        })
    }
}

/// `None` if the plan is unknown.
fn read(
    reader: &TomlReader<'_>,
    reference: &Reference,
    id: &str,
    checksums: [String; 2],
) -> Option<ReleaseConfig> {
    reader.format();
    let own_id = reader.id("id");
    if own_id != id && !own_id.is_empty() {
        reader.fault("id", format!("is `{own_id}`, but its file is `{id}.toml`"));
    }
    let title = reader.name("title").to_owned();
    let plan_id = reader.name("plan");
    let plan = reference.plans.get(plan_id);
    if plan.is_none() && !plan_id.is_empty() {
        let hint = hint(plan_id, reference.plans.iter().map(|plan| &*plan.id));
        reader.fault("plan", format!("unknown plan `{plan_id}`{hint}"));
    }
    let as_at = reader.date("as_at");
    let tables: Vec<TableRequest> = reader
        .tables("table")
        .iter()
        .map(|table| read_table(table, reference))
        .collect();
    if tables.is_empty() {
        reader.fault("table", "is missing: nothing would be released");
    }
    check_together(reader, &tables);
    let merges = reader
        .tables("merge")
        .iter()
        .filter_map(|merge| read_merge(merge, reference))
        .collect();
    Some(ReleaseConfig {
        id: id.to_owned(),
        title,
        plan: plan?.clone(),
        as_at,
        tables,
        merges,
        accepted: AcceptedCheck::read_all(reader),
        checksums,
    })
}

fn read_table(reader: &TomlReader<'_>, reference: &Reference) -> TableRequest {
    let names: Vec<_> = FIGURES.iter().map(|table| (table.name, table)).collect();
    let table = reader.choice("table", &names);
    reader.required("windows", reader.has("windows").then_some(()));
    reader.required("levels", reader.has("levels").then_some(()));
    let windows: Vec<Window> = reader
        .texts("windows")
        .iter()
        .flat_map(|item| read_windows(reader, item, reference))
        .collect();
    let levels: Vec<ReleasedLevel> = reader
        .texts("levels")
        .iter()
        .filter_map(|item| read_level(reader, item, reference))
        .collect();
    let has_wards = levels.iter().any(|level| level.level == Finest::Ward);
    let series = read_series(reader, reference, table);
    let kinds = read_kinds(reader);
    let table = table.unwrap_or_else(figures::totals);
    if has_wards && !table.has_months_of_wards() && windows.iter().any(Window::is_month) {
        reader.fault(
            "windows",
            "months of wards are only in `priority_monthly` and `category_monthly`: use these \
             tables, or quarters or years",
        );
    }
    let has_codes = series
        .iter()
        .any(|choice| matches!(choice, SeriesChoice::Scheme(_)));
    if has_wards && has_codes && windows.iter().any(Window::is_quarter) {
        reader.fault(
            "windows",
            "no table has quarters of codes for wards: use the months of `category_monthly`, or \
             years",
        );
    }
    for window in windows.iter().filter(|window| !(table.allows)(window)) {
        let reason = format!(
            "`{}` is not in `{}`: its windows are {}",
            window.id, table.name, table.windows
        );
        reader.fault("windows", reason);
    }
    if table.name == "profile" && has_wards {
        reader.fault("levels", "hours are not released for wards");
    }
    TableRequest {
        table,
        windows,
        levels,
        series,
        kinds,
    }
}

fn read_series(
    reader: &TomlReader<'_>,
    reference: &Reference,
    table: Option<&FigureTable>,
) -> Vec<SeriesChoice> {
    let of_table = table.map_or(SeriesOfTable::Any, |table| table.series);
    if of_table == SeriesOfTable::TotalOnly {
        if reader.has("series") {
            reader.fault("series", "this table has no series: leave it out");
        }
        return vec![SeriesChoice::Total];
    }
    reader.required("series", reader.has("series").then_some(()));
    let schemes = reference.schemes();
    let mut series = Vec::new();
    for item in reader.texts("series") {
        let choice = match item.text {
            PLAN_SERIES => SeriesChoice::Plan,
            TOTAL => SeriesChoice::Total,
            scheme if schemes.contains(scheme) => SeriesChoice::Scheme(scheme.to_owned()),
            other => {
                let names = schemes.iter().map(String::as_str);
                let hint = hint(other, names.chain([PLAN_SERIES, TOTAL]));
                let reason =
                    format!("`{other}` is neither `plan`, `total` nor a scheme of codes{hint}");
                reader.fault_at(&item.key, reason);
                continue;
            }
        };
        let is_code = matches!(choice, SeriesChoice::Scheme(_));
        match of_table {
            SeriesOfTable::Plan if is_code => {
                reader.fault_at(&item.key, "this table has the series of the plan only");
            }
            SeriesOfTable::Codes if !is_code => {
                reader.fault_at(&item.key, "this table has codes only: name their scheme");
            }
            _ => {}
        }
        series.push(choice);
    }
    series
}

fn read_kinds(reader: &TomlReader<'_>) -> Vec<String> {
    let kinds = reader.texts("kinds");
    for item in kinds.iter().filter(|item| !item.text.starts_with("count:")) {
        if crate::event::Kind::from_name(item.text).is_none() {
            let known = crate::event::Kind::ALL.iter().map(|kind| kind.as_str());
            let hint = hint(item.text, known);
            reader.fault_at(&item.key, format!("unknown kind `{}`{hint}", item.text));
        }
    }
    kinds.iter().map(|item| item.text.to_owned()).collect()
}

/// A window, or all of a family from one to another: `month:2017-04..2018-03`.
fn read_windows(
    reader: &TomlReader<'_>,
    item: &ListItem<'_>,
    reference: &Reference,
) -> Vec<Window> {
    let (first, last) = match item.text.split_once("..") {
        None => (item.text.to_owned(), item.text.to_owned()),
        Some((first, last)) => {
            let family = first.split(':').next().unwrap_or_default();
            (first.to_owned(), format!("{family}:{last}"))
        }
    };
    let windows = [&first, &last].map(|id| reference.windows.get(id));
    let [Some(first), Some(last)] = windows else {
        let reason = format!(
            "unknown window `{}`: write one such as fy:2017-18, or month:2017-04..2018-03",
            item.text
        );
        reader.fault_at(&item.key, reason);
        return Vec::new();
    };
    if first == last {
        return vec![first];
    }
    if first.first > last.first {
        reader.fault_at(&item.key, format!("`{}` is reversed", item.text));
    }
    let windows = reference.windows.over(first.first, last.last());
    windows
        .into_iter()
        .filter(|w| w.family == first.family && first.first <= w.first && w.last() <= last.last())
        .collect()
}

fn read_level(
    reader: &TomlReader<'_>,
    item: &ListItem<'_>,
    reference: &Reference,
) -> Option<ReleasedLevel> {
    let only = |level, only: Option<&str>| {
        Some(ReleasedLevel {
            level,
            only: only.map(str::to_owned),
        })
    };
    let fault = |reason: String| {
        reader.fault_at(&item.key, reason);
        None
    };
    let geography = &reference.geography;
    match item.text {
        "all-received" => only(Finest::AllReceived, None),
        "district" => only(Finest::District, None),
        "lsoa" | "place" | "outward_postcode" => fault(format!(
            "`{}` is not released: an area so small shows single events",
            item.text
        )),
        text => match text.split_once([':', '@']) {
            Some(("set", id)) if geography.district_count(id).is_some() => {
                only(Finest::Set, Some(id))
            }
            Some(("set", id)) => fault(format!("`{id}` is not a set of districts")),
            Some(("ward", vintage)) => {
                let year: Option<u16> = vintage.parse().ok();
                match year.and_then(|year| geography.method(Tier::wards(year))) {
                    None => fault(format!("there are no wards of `{vintage}`")),
                    Some(Method::Area) => fault(format!(
                        "the wards of {vintage} are placed by area, which is an illustration: \
                         name wards placed by the official look-up"
                    )),
                    Some(_) => only(Finest::Ward, Some(vintage)),
                }
            }
            _ => fault(format!(
                "unknown level `{text}`: write all-received, set:kent-12, district or ward@2019"
            )),
        },
    }
}

/// What one table alone does not show: windows that overlap in part, and two editions of wards.
fn check_together(reader: &TomlReader<'_>, tables: &[TableRequest]) {
    let windows: Vec<&Window> = tables.iter().flat_map(|table| &table.windows).collect();
    for (at, a) in windows.iter().enumerate() {
        for b in &windows[..at] {
            if overlap_in_part(a, b) {
                let reason = format!(
                    "`{}` and `{}` overlap in part: release windows that contain one another, or \
                     have no month in common",
                    b.id, a.id
                );
                reader.fault("table", reason);
            }
        }
    }
    let levels = tables.iter().flat_map(|table| &table.levels);
    let wards: BTreeSet<&str> = levels
        .filter(|level| level.level == Finest::Ward)
        .filter_map(|level| level.only.as_deref())
        .collect();
    if wards.len() > 1 {
        reader.fault(
            "table",
            "has wards of two editions: their differences show small areas",
        );
    }
}

/// Whether two windows have months in common, and each has others.
pub(crate) fn overlap_in_part(a: &Window, b: &Window) -> bool {
    let is_within = |a: &Window, b: &Window| b.first <= a.first && a.last() <= b.last();
    a.first <= b.last() && b.first <= a.last() && !is_within(a, b) && !is_within(b, a)
}

/// `None` if it names no parts.
fn read_merge(reader: &TomlReader<'_>, reference: &Reference) -> Option<Merge> {
    let is_of_areas = reader.has("areas");
    let name = if is_of_areas { "areas" } else { "codes" };
    let parts = reader.texts(name);
    if parts.len() < 2 {
        reader.fault(name, format!("needs at least two {name}"));
    }
    let keys = if is_of_areas {
        for item in &parts {
            if reference.geography.area(item.text).is_none() {
                reader.fault_at(&item.key, format!("unknown area `{}`", item.text));
            }
        }
        reader.required("level", reader.has("level").then_some(()));
        let item = ListItem {
            text: reader.name("level"),
            key: "level".to_owned(),
        };
        let level = read_level(reader, &item, reference);
        level.map(|level| MergedKeys::Areas {
            level: level.level,
            vintage: level.only,
        })
    } else {
        let scheme = reader.name("scheme");
        if !scheme.is_empty() && !reference.schemes().contains(scheme) {
            let hint = hint(scheme, reference.schemes().iter().map(String::as_str));
            reader.fault("scheme", format!("unknown scheme `{scheme}`{hint}"));
        }
        Some(MergedKeys::Codes {
            kinds: read_kinds(reader),
            scheme: scheme.to_owned(),
        })
    };
    let (code, label) = (reader.id("as").to_owned(), reader.name("label").to_owned());
    Some(Merge {
        keys: keys?,
        parts: parts.iter().map(|item| item.text.to_owned()).collect(),
        code,
        label,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<ReleaseConfig, Faults> {
        let mut files = TextFiles::built_in();
        files.put("releases/test.toml", text.to_owned());
        let reference = Reference::load(None).expect("built in");
        ReleaseConfig::read(&files, &reference, "test")
    }

    #[test]
    fn the_built_in_releases_have_no_faults() {
        let (files, reference) = (
            TextFiles::built_in(),
            Reference::load(None).expect("built in"),
        );
        let ids = ReleaseConfig::ids(&files);
        assert!(ids.contains(&"smp-2017-18".to_owned()));
        for id in ids {
            if let Err(faults) = ReleaseConfig::read(&files, &reference, &id) {
                panic!("{faults}");
            }
        }
    }

    #[test]
    fn a_span_of_windows_is_all_between() {
        let config = read_text(
            "format = 1\nid = \"test\"\ntitle = \"t\"\nplan = \"smp-2017-18\"\n[[table]]\n\
             table = \"window_totals\"\nwindows = [\"month:2017-11..2018-02\"]\n\
             levels = [\"district\"]\nseries = [\"plan\"]\n",
        );
        let windows = &config.expect("no fault").tables[0].windows;
        let ids: Vec<&str> = windows.iter().map(|window| &*window.id).collect();
        assert_eq!(
            ids,
            [
                "month:2017-11",
                "month:2017-12",
                "month:2018-01",
                "month:2018-02"
            ]
        );
    }

    #[test]
    fn months_of_wards_are_released_from_the_tables_that_have_them() {
        let read = |table: &str, series: &str, windows: &str, level: &str| {
            let text = format!(
                "format = 1\nid = \"test\"\ntitle = \"t\"\nplan = \"smp-2017-18\"\n[[table]]\n\
                 table = \"{table}\"\nwindows = [\"{windows}\"]\nlevels = [\"{level}\"]\n\
                 series = [\"{series}\"]\n"
            );
            let faults = read_text(&text).map(|_| ());
            faults.map_err(|faults| faults.to_string())
        };
        let (month, ward) = ("month:2017-04", "ward@2019");
        assert_eq!(read("priority_monthly", "plan", month, ward), Ok(()));
        assert_eq!(read("category_monthly", "ho-category", month, ward), Ok(()));
        for (table, series, windows, level, expected) in [
            ("window_totals", "plan", month, ward, "months of wards are"),
            (
                "window_totals",
                "ho-category",
                "quarter:2017-q2",
                ward,
                "no table has quarters of codes for wards",
            ),
            (
                "category_monthly",
                "ho-category",
                month,
                "lsoa",
                "`lsoa` is not released",
            ),
        ] {
            let faults = read(table, series, windows, level).expect_err(expected);
            assert!(faults.contains(expected), "{faults}");
        }
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let faults = read_text(
            "format = 1\nid = \"other\"\nplan = \"smp-2017\"\n[[table]]\ntable = \"events\"\n\
             windows = [\"fy:2017-18\", \"year:2017\", \"fy:2017\", \"month:2017-04..2017-05\"]\n\
             levels = [\"lsoa\", \"ward@2019\", \"ward@2025\", \"set:kent\"]\n\
             series = [\"plans\"]\nkinds = [\"crimes\"]\nserie = 1\n\
             [[merge]]\nscheme = \"x\"\ncodes = [\"1\"]\nas = \"a\"\n",
        );
        let faults = faults.map(|_| ()).expect_err("faults").to_string();
        for expected in [
            "id: is `other`, but its file is `test.toml`",
            "title: is missing",
            "plan: unknown plan `smp-2017`",
            "table[0].table: `events` is not one of category_monthly, change, factors",
            "table[0].windows[2]: unknown window `fy:2017`",
            "`fy:2017-18` and `year:2017` overlap in part",
            "table[0].levels[0]: `lsoa` is not released",
            "table[0].levels[2]: the wards of 2025 are placed by area",
            "table[0].levels[3]: `kent` is not a set of districts",
            "table[0].windows: months of wards are only in `priority_monthly` and `category_monthly`",
            "table[0].series[0]: `plans` is neither `plan`, `total` nor a scheme of codes; did you mean `plan`?",
            "table[0].kinds[0]: unknown kind `crimes`; did you mean `crime`?",
            "table[0].serie: unknown key",
            "merge[0].scheme: unknown scheme `x`",
            "merge[0].codes: needs at least two codes",
            "merge[0].label: is missing",
        ] {
            assert!(
                faults.contains(expected),
                "`{expected}` is not in\n{faults}"
            );
        }
    }
}
