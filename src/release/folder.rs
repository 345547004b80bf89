//! The folder of a release: its files, its manifest, and how it is read back.
//!
//! The manifest is written last, and only if there is none: a folder without one is not a release, and
//! the next `make` removes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aggregate::tables::ValueType::{Boolean, Integer, Text};
use crate::aggregate::tables::{self, ColumnSpec, TableBatch, TableSpec, TableValue, ValueType};
use crate::disclosure::SOLVER;
use crate::event::Position;
use crate::file_format::{self, JsonFileError, PROGRAM};
use crate::files::fault::nearest;
use crate::hex;
use crate::reference::Reference;
use crate::reference::accepted_check::AcceptedCheck;
use crate::release::attack::{PassedAttack, PlanScopes, PublishedRelease, PublishedRule};
use crate::release::cells::FigureRows;
use crate::release::config::ReleaseConfig;
use crate::release::derived;
use crate::release::figures::{FIGURES, is_copied};
use crate::release::keys::{CellKey, SeriesRef};
use crate::release::published::{self, PublishedCell, PublishedCells};
use crate::release::relations::{AreaParts, Listing, SeriesRelation, SeriesRule, Structure};
use crate::release::rules::DisclosureRules;
use crate::release::table::{ReleaseTable, column, index_of};
use crate::release::{DIMENSIONS, ExactTables, MadeRelease, ReleaseError, ReleaseRun, workbook};
use crate::storage::{Creation, Store};

/// The folder of all releases in a store.
pub const RELEASES: &str = "releases";
/// The file without which a folder is not a release.
pub const MANIFEST: &str = "manifest.json";
const LICENCE: &str = "LICENCE.txt";
const WORKBOOK: &str = "tables.xlsx";
/// What the numbers do not protect.
const LIMITS: [&str; 2] = [
    "records are counted, not persons",
    "an attacker who knows several of the records is not covered",
];

const DISCLOSURE: &[ColumnSpec] = &[
    column(
        "rule",
        "The rules that protect a number, joined by `;`.",
        Text,
    ),
    column(
        "hide_to",
        "Numbers from 1 to this are hidden; 0 = none.",
        Integer,
    ),
    column(
        "spread",
        "A hidden number has at least this number of possible values.",
        Integer,
    ),
    column(
        "round_to",
        "Other numbers are rounded to the nearest multiple; 0 = exact.",
        Integer,
    ),
    column(
        "base",
        "A breakdown of a total from 1 to this is hidden completely.",
        Integer,
    ),
];
const RELATIONS: &[ColumnSpec] = &[
    column(
        "relation",
        "The number of the relation; its rows are its parts.",
        Integer,
    ),
    column("partner", "The partner.", Text),
    column("kind", "The kind.", Text),
    column(
        "rule",
        "`sum` (the whole is the sum of the parts), `sum_and_rest` (and a rest of 0 or more), \
        `within` (the parts are at most the whole) or `covered` (the whole is at most the parts).",
        Text,
    ),
    column("whole_series_kind", "The whole: its kind of series.", Text),
    column("whole_series", "Its series.", Text),
    column("whole_scheme", "Its scheme.", Text),
    column(
        "whole_factor",
        "Of the whole, only the records with this factor; null = all.",
        Text,
    ),
    column("part_series_kind", "A part: its kind of series.", Text),
    column("part_series", "Its series.", Text),
    column("part_scheme", "Its scheme.", Text),
];
const AREA_PARTS: &[ColumnSpec] = &[
    column("area_level", "The level of an area.", Text),
    column("area_code", "The area.", Text),
    column("part_level", "The level of an area in it.", Text),
    column(
        "part_vintage",
        "The edition of that area's boundaries.",
        Text,
    ),
    column("part_code", "The area in it.", Text),
    column(
        "is_complete",
        "Whether all areas of the level in it are listed.",
        Boolean,
    ),
];
/// The files of a release, without the manifest.
pub(crate) struct MadeFiles {
    files: Vec<(String, Bytes)>,
    /// Rows of each table by `count_status`.
    counts: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

/// What a release consists of.
pub(crate) struct Content<'c> {
    pub(crate) config: &'c ReleaseConfig,
    pub(crate) rules: &'c DisclosureRules,
    pub(crate) reference: &'c Reference,
    pub(crate) tables: &'c ExactTables,
    pub(crate) figures: &'c [FigureRows],
    pub(crate) statuses: &'c BTreeMap<[String; 3], bool>,
    pub(crate) cells: &'c PublishedCells,
    pub(crate) structure: &'c Structure,
}

/// Encodes the tables of a release.
pub(crate) fn files(content: &Content<'_>) -> Result<MadeFiles, ReleaseError> {
    let (cells, structure) = (content.cells, content.structure);
    let figures = derived::tables(
        content.figures,
        cells,
        &structure.windows,
        content.reference,
    );
    let mut made = MadeFiles {
        files: Vec::new(),
        counts: BTreeMap::new(),
    };
    for table in &figures {
        made.files
            .push((format!("{}.csv", table.name), table.csv()?));
        let status = table.index("count_status");
        let counts = made.counts.entry(table.name).or_default();
        for row in &table.rows {
            let status = row[status].text().unwrap_or_default();
            *counts.entry(status.to_owned()).or_default() += 1;
        }
    }
    let mut dimensions = vec![
        disclosure_table(cells, content.rules),
        relations_table(structure),
        area_parts_table(structure),
    ];
    for (name, is_complete) in DIMENSIONS {
        if is_complete {
            let file = content.tables.file(name);
            made.files
                .extend(file.map(|file| (format!("{name}.parquet"), file)));
        } else if let Some(table) = tables::find(name) {
            dimensions.push(without_counts(table, content.tables.batches(name)));
        }
    }
    for table in figures.iter().chain(&dimensions) {
        made.files
            .push((format!("{}.parquet", table.name), table.parquet()?));
    }
    let workbook = workbook::write(content.config, &figures)?;
    made.files.push((WORKBOOK.to_owned(), workbook.into()));
    made.files
        .push((LICENCE.to_owned(), licence(content).into()));
    made.files.sort();
    Ok(made)
}

/// A table to join without its counts of records, and without the rows that exist only because of one:
/// rejects that do not give their kind.
fn without_counts(table: &'static TableSpec, batches: &[TableBatch]) -> ReleaseTable {
    let columns = table.columns().into_iter();
    let columns: Vec<ColumnSpec> = columns
        .filter(|column| {
            let is_status = column.name == "data_status";
            (is_copied(column) || is_status) && column.value_type != ValueType::Instant
        })
        .collect();
    let kind = index_of(&columns, "kind");
    let rows = batches.iter().flat_map(|batch| {
        let columns = &columns;
        (0..batch.len()).map(move |row| {
            let values = columns
                .iter()
                .map(|column| batch.value(column.name, column.value_type, row));
            values.collect::<Vec<_>>()
        })
    });
    let rows = rows.filter(|row| row[kind] != TableValue::Null).collect();
    ReleaseTable {
        name: table.name,
        description: table.description(),
        columns,
        rows,
    }
}

fn disclosure_table(cells: &PublishedCells, rules: &DisclosureRules) -> ReleaseTable {
    let used: BTreeSet<&String> = cells.values().map(|cell| &cell.rules).collect();
    let rows = used.into_iter().map(|ids| {
        let safeguard = rules.combined(ids);
        vec![
            TableValue::Text(ids.clone()),
            TableValue::Integer(safeguard.hide),
            TableValue::Integer(safeguard.spread),
            TableValue::Integer(safeguard.round),
            TableValue::Integer(safeguard.base),
        ]
    });
    ReleaseTable {
        name: "disclosure",
        description: "How numbers are protected.".to_owned(),
        columns: DISCLOSURE.to_vec(),
        rows: rows.collect(),
    }
}

fn relations_table(structure: &Structure) -> ReleaseTable {
    let mut rows = Vec::new();
    for (number, relation) in (0..).zip(&structure.series) {
        for part in &relation.parts {
            let text = |text: &str| TableValue::Text(text.to_owned());
            rows.push(vec![
                TableValue::Integer(number),
                text(&relation.partner),
                text(&relation.kind),
                text(relation.rule.as_str()),
                text(&relation.whole.kind),
                text(&relation.whole.id),
                TableValue::from(relation.whole.scheme.clone()),
                TableValue::from(relation.factor.clone()),
                text(&part.kind),
                text(&part.id),
                TableValue::from(part.scheme.clone()),
            ]);
        }
    }
    ReleaseTable {
        name: "relations",
        description: "What is known about the sums of series, from the plan's rules.".to_owned(),
        columns: RELATIONS.to_vec(),
        rows,
    }
}

fn area_parts_table(structure: &Structure) -> ReleaseTable {
    let rows = structure.areas.iter().flat_map(|area| {
        area.parts.iter().map(|part| {
            vec![
                TableValue::Text(area.level.clone()),
                TableValue::Text(area.code.clone()),
                TableValue::Text(area.part_level.clone()),
                TableValue::from(area.part_vintage.clone()),
                TableValue::Text(part.clone()),
                TableValue::Boolean(area.is_complete),
            ]
        })
    });
    ReleaseTable {
        name: "area_parts",
        description: "Which areas are in which.".to_owned(),
        columns: AREA_PARTS.to_vec(),
        rows: rows.collect(),
    }
}

/// Who may use the tables for what, with only the sources that they have.
fn licence(content: &Content<'_>) -> String {
    let (config, cells) = (content.config, content.cells);
    let mut sources = vec!["Office for National Statistics"];
    let feeds = content.figures.iter().flat_map(|of_table| {
        let feed = index_of(&of_table.columns, "feed");
        let rows = of_table.rows.values();
        rows.filter_map(move |row| row[feed].text())
    });
    let feeds: BTreeSet<&str> = feeds.collect();
    if feeds.contains("police") {
        sources.push("Home Office");
    }
    if cells.values().any(|cell| cell.rules.contains("open-data")) {
        sources.push("data.police.uk");
    }
    if feeds.contains("health") {
        sources.push("NHS England");
    }
    if feeds.contains("housing") {
        sources.push("Ministry of Housing, Communities and Local Government");
    }
    format!(
        "© {} {}. Licensed under the Open Government Licence v3.0:\n\
         https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/\n\n\
         Contains public sector information licensed under the Open Government Licence v3.0: {}.\n\
         Names and codes of areas: contains OS data © Crown copyright and database right.\n",
        config.plan.partnership,
        config.plan.valid_to.year(),
        sources.join("; "),
    )
}

/// Reads files back, as anyone can who has them.
pub(crate) fn read_made(made: &MadeFiles) -> Result<PublishedRelease, ReleaseError> {
    read_published(&made.files.iter().cloned().collect())
}

/// Adds the manifest, as the last file.
pub(crate) fn complete(
    made: MadeFiles,
    _: &PassedAttack,
    content: &Content<'_>,
    earlier: &[Value],
    accepted: &[AcceptedCheck],
    revised: usize,
) -> Vec<(String, Bytes)> {
    let files: Vec<Value> = made
        .files
        .iter()
        .map(|(name, bytes)| json!({ "file": name, "sha256": hex::sha256(bytes) }))
        .collect();
    let accepted: Vec<Value> = accepted
        .iter()
        .map(|own| json!({ "check": own.check, "reason": own.reason }))
        .collect();
    let statuses = content.statuses.keys();
    let statuses: Vec<Value> = statuses
        .map(
            |[partner, kind, status]| json!({ "partner": partner, "kind": kind, "status": status }),
        )
        .collect();
    let (config, provenance) = (content.config, &content.tables.provenance);
    let manifest = json!({
        "format": file_format::RELEASE,
        "id": config.id,
        "title": config.title,
        "partnership": config.plan.partnership,
        "plan": config.plan.id,
        "as_at": provenance["as_at"],
        "program": PROGRAM,
        "solver": SOLVER,
        "ledger": provenance["chain"],
        "inputs": {
            "reference": provenance["reference"]["sha256"],
            "plans": provenance["plans"],
            "release": config.checksums[0],
            "disclosure": config.checksums[1],
            "erasures": provenance["erasures"].as_u64().unwrap_or_default(),
        },
        "earlier": earlier,
        "tables": made.counts,
        "files": files,
        "data_status": statuses,
        "accepted": accepted,
        "revised": revised,
        "limits": LIMITS,
    });
    let text = format!("{manifest:#}\n");
    let mut files = made.files;
    files.push((MANIFEST.to_owned(), text.into()));
    files
}

/// Writes a release. What an interrupted run left is removed first; a complete release never is.
pub(crate) fn write(run: &ReleaseRun<'_>, made: &MadeRelease) -> Result<(), ReleaseError> {
    let folder = format!("{RELEASES}/{}", made.id);
    let exists = || ReleaseError::Exists {
        id: made.id.clone(),
    };
    run.runtime.block_on(async {
        if run.store.exists(&format!("{folder}/{MANIFEST}")).await? {
            return Err(exists());
        }
        for left in run.store.list(&folder).await? {
            run.store.delete(&format!("{folder}/{}", left.name)).await?;
        }
        for (name, bytes) in &made.files {
            let path = format!("{folder}/{name}");
            if run.store.create(&path, bytes.clone()).await? == Creation::Exists {
                return Err(exists());
            }
        }
        run.store.sync_folder(&folder).await?;
        Ok(())
    })
}

/// The part of a manifest that is shown and checked.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Manifest {
    /// Its id.
    pub id: String,
    /// What it is about.
    #[serde(default)]
    pub title: String,
    /// Whose it is.
    #[serde(default)]
    pub partnership: String,
    /// The plan.
    pub plan: String,
    /// The time of the figures.
    pub as_at: Option<String>,
    /// The files with their checksums.
    pub files: Vec<ManifestFile>,
    /// Where the ledger ended: the figures are of what came before.
    #[serde(default)]
    pub ledger: Vec<ManifestEnd>,
    /// The program that made it.
    #[serde(default)]
    pub program: String,
    /// The checks that the partnership accepted.
    #[serde(default)]
    pub accepted: Vec<AcceptedCheck>,
    /// The releases that were considered.
    #[serde(default)]
    pub earlier: Vec<ManifestRelease>,
}

/// An earlier release.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ManifestRelease {
    /// Its id.
    pub id: String,
}

/// A file of a release.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ManifestFile {
    /// Its name.
    pub file: String,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// Where the ledger of a partition ended.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ManifestEnd {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The position of the first record that is not in the figures.
    pub end: Position,
}

impl Manifest {
    /// Parses the manifest of a folder; `None` = it has none, and is not a release.
    pub fn read(files: &BTreeMap<String, Bytes>) -> Option<Result<Self, ReleaseError>> {
        Some(Self::parse(MANIFEST, files.get(MANIFEST)?))
    }

    fn parse(path: &str, bytes: &[u8]) -> Result<Self, ReleaseError> {
        file_format::read_json(path, bytes, file_format::RELEASE).map_err(|error| match error {
            JsonFileError::Newer(newer) => newer.into(),
            JsonFileError::Damaged(error) => ReleaseError::Damaged {
                file: path.to_owned(),
                why: error.to_string(),
            },
        })
    }

    /// The files that are missing or were changed, and those that do not belong here.
    pub fn changed(&self, files: &BTreeMap<String, Bytes>) -> Vec<String> {
        let mut changed: Vec<String> = self
            .files
            .iter()
            .filter_map(|own| match files.get(&own.file) {
                None => Some(format!("{} is missing", own.file)),
                Some(bytes) if hex::sha256(bytes) != own.sha256 => {
                    Some(format!("{} was modified", own.file))
                }
                Some(_) => None,
            })
            .collect();
        let known: BTreeSet<&str> = self.files.iter().map(|own| &*own.file).collect();
        let more = files
            .keys()
            .filter(|name| *name != MANIFEST && !known.contains(&***name));
        changed.extend(more.map(|name| format!("{name} is not in the manifest")));
        changed
    }
}

/// The releases of a store, in order of ids.
pub async fn list(store: &Store) -> Result<Vec<Manifest>, ReleaseError> {
    let mut manifests = Vec::new();
    for id in store.folders(RELEASES).await? {
        let path = format!("{RELEASES}/{id}/{MANIFEST}");
        if let Some(bytes) = store.read(&path).await? {
            manifests.push(Manifest::parse(&path, &bytes)?);
        }
    }
    manifests.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(manifests)
}

/// The files of a release.
pub async fn read_files(store: &Store, id: &str) -> Result<BTreeMap<String, Bytes>, ReleaseError> {
    let folder = format!("{RELEASES}/{id}");
    let mut files = BTreeMap::new();
    for file in store.list(&folder).await? {
        if let Some(bytes) = store.read(&format!("{folder}/{}", file.name)).await? {
            files.insert(file.name, bytes);
        }
    }
    if files.contains_key(MANIFEST) {
        Ok(files)
    } else {
        let known = store.folders(RELEASES).await?;
        let hint = nearest(id, known.iter().map(|id| &**id));
        let hint = hint.map_or_else(String::new, |id| format!(" (did you mean `{id}`?)"));
        let id = id.to_owned();
        Err(ReleaseError::Absent { id, hint })
    }
}

/// The files of a folder on a disk, ours or another's.
pub fn read_folder(folder: &Path) -> std::io::Result<BTreeMap<String, Bytes>> {
    let mut files = BTreeMap::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, std::fs::read(entry.path())?.into());
        }
    }
    Ok(files)
}

/// An earlier release, read.
pub(crate) struct EarlierRelease {
    /// Its id and the checksum of its manifest.
    pub(crate) manifest: Value,
    pub(crate) cells: Vec<(CellKey, PublishedCell)>,
    pub(crate) structure: Structure,
}

/// The earlier releases of a partnership, by the time of their figures. Series of other plans have the
/// names that the plan of this one gives them.
pub(crate) fn earlier(
    run: &ReleaseRun<'_>,
    config: &ReleaseConfig,
    mut manifests: Vec<Manifest>,
) -> Result<Vec<EarlierRelease>, ReleaseError> {
    manifests.retain(|own| own.partnership == config.plan.partnership);
    manifests.sort_by(|a, b| (&a.as_at, &a.id).cmp(&(&b.as_at, &b.id)));
    let mut earlier = Vec::new();
    for manifest in manifests {
        let files = run.runtime.block_on(read_files(run.store, &manifest.id))?;
        let mut published = read_published(&files)?;
        published.rename(&scopes(config));
        earlier.push(EarlierRelease {
            manifest: json!({
                "id": manifest.id,
                "manifest_sha256": files.get(MANIFEST).map(hex::sha256),
            }),
            cells: published.cells,
            structure: published.structure,
        });
    }
    Ok(earlier)
}

/// The priorities and themes of the plan of a release.
fn scopes(config: &ReleaseConfig) -> PlanScopes {
    let series = config.plan.series.iter();
    let series = series.map(|of| [of.kind.as_str().to_owned(), of.id.clone(), of.scope.clone()]);
    PlanScopes {
        id: config.plan.id.clone(),
        series: series.collect(),
    }
}

/// The plan of a release, from its table of priorities; a folder without one has no name for its plan.
fn published_plan(table: &ReleaseTable) -> PlanScopes {
    let index = |column| table.index(column);
    let [plan, kind, series, scope] = ["plan_id", "series_kind", "series", "scope"].map(index);
    let rows = table.rows.iter();
    PlanScopes {
        id: table
            .rows
            .first()
            .map_or_else(String::new, |row| text(row, plan)),
        series: rows
            .map(|row| [kind, series, scope].map(|column| text(row, column)))
            .collect(),
    }
}

/// Reads what a folder publishes.
pub(crate) fn read_published(
    files: &BTreeMap<String, Bytes>,
) -> Result<PublishedRelease, ReleaseError> {
    if let Some(manifest) = files.get(MANIFEST) {
        file_format::check_json(MANIFEST, manifest, file_format::RELEASE)?;
    }
    let table = |name: &'static str, columns: Vec<ColumnSpec>| {
        let file = files.get(&format!("{name}.parquet"));
        let missing = || ReleaseError::Damaged {
            file: format!("{name}.parquet"),
            why: "it does not exist".to_owned(),
        };
        ReleaseTable::read(name, columns, file.ok_or_else(missing)?.clone())
    };
    let mut release = PublishedRelease {
        rules: rules(&table("disclosure", DISCLOSURE.to_vec())?),
        ..PublishedRelease::default()
    };
    for figures in &FIGURES {
        if !files.contains_key(&format!("{}.parquet", figures.name)) {
            continue;
        }
        let read = table(figures.name, figures.columns())?;
        let hide = |ids: &str| release.rules.get(ids).map_or(0, |rule| rule.hide);
        let cells = published::read(figures, &read, hide).map_err(|row| ReleaseError::Damaged {
            file: format!("{}.parquet", figures.name),
            why: format!("its columns of {row} contradict one another"),
        })?;
        if figures.lists_areas() {
            let listings = cells.iter().map(|(key, _)| Listing::of(key));
            release.structure.listings.extend(listings);
        }
        release.cells.extend(cells);
        release.structure.windows.extend(published::windows(&read));
        release.tables.push(read);
    }
    if let Some(priorities) = tables::find("priorities")
        && files.contains_key("priorities.parquet")
    {
        release.plan = published_plan(&table(priorities.name, priorities.columns())?);
    }
    release.structure.areas = area_parts(&table("area_parts", AREA_PARTS.to_vec())?);
    release.structure.series = series_relations(&table("relations", RELATIONS.to_vec())?);
    Ok(release)
}

fn rules(table: &ReleaseTable) -> BTreeMap<String, PublishedRule> {
    let rows = table.rows.iter().map(|row| {
        let number = |index: usize| row[index].integer().unwrap_or_default();
        let rule = PublishedRule {
            hide: number(1),
            spread: number(2),
            round: number(3),
            base: number(4),
        };
        (text(row, 0), rule)
    });
    rows.collect()
}

fn text(row: &[TableValue], index: usize) -> String {
    row[index].text().unwrap_or_default().to_owned()
}

fn optional(row: &[TableValue], index: usize) -> Option<String> {
    row[index].text().map(str::to_owned)
}

fn area_parts(table: &ReleaseTable) -> Vec<AreaParts> {
    let mut areas: BTreeMap<_, (BTreeSet<String>, bool)> = BTreeMap::new();
    for row in &table.rows {
        let of = (text(row, 0), text(row, 1), text(row, 2), optional(row, 3));
        let (parts, is_complete) = areas.entry(of).or_default();
        parts.insert(text(row, 4));
        *is_complete = row[5] == TableValue::Boolean(true);
    }
    let areas = areas.into_iter();
    areas
        .map(
            |((level, code, part_level, part_vintage), (parts, is_complete))| AreaParts {
                level,
                code,
                part_level,
                part_vintage,
                parts,
                is_complete,
            },
        )
        .collect()
}

fn series_relations(table: &ReleaseTable) -> Vec<SeriesRelation> {
    let mut relations: BTreeMap<i64, SeriesRelation> = BTreeMap::new();
    for row in &table.rows {
        let Some(rule) = row[3].text().and_then(SeriesRule::from_name) else {
            continue;
        };
        let series = |first: usize| SeriesRef {
            kind: text(row, first),
            id: text(row, first + 1),
            scheme: optional(row, first + 2),
        };
        let relation = relations
            .entry(row[0].integer().unwrap_or_default())
            .or_insert_with(|| SeriesRelation {
                partner: text(row, 1),
                kind: text(row, 2),
                rule,
                whole: series(4),
                factor: optional(row, 7),
                parts: Vec::new(),
            });
        relation.parts.push(series(8));
    }
    relations.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::files::TextFiles;
    use crate::reference::Reference;
    use crate::release::ReleaseAttack;

    #[test]
    fn a_release_is_written_once_and_what_was_interrupted_is_removed() {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let store = Store::from_object_store(Arc::new(object_store::memory::InMemory::new()));
        let (files, reference) = (
            TextFiles::built_in(),
            Reference::load(None).expect("built in"),
        );
        let run = ReleaseRun {
            files: &files,
            reference: &reference,
            store: &store,
            runtime: runtime.handle(),
        };
        let file = |name: &str| (name.to_owned(), Bytes::from(format!("{{\"{name}\": 1}}")));
        let mut made = MadeRelease {
            id: "r".to_owned(),
            files: vec![file("old.csv")],
            blocks: Vec::new(),
            attack: ReleaseAttack::default(),
        };
        // Without a manifest, as after a crash before the last file.
        write(&run, &made).expect("written");
        let read = || runtime.block_on(read_files(&store, "r"));
        assert!(matches!(read(), Err(ReleaseError::Absent { .. })));
        made.files = vec![file("a.csv"), file(MANIFEST)];
        write(&run, &made).expect("written");
        let names: Vec<String> = read().expect("a release").into_keys().collect();
        assert_eq!(names, ["a.csv", MANIFEST]);
        let again = write(&run, &made);
        assert!(matches!(again, Err(ReleaseError::Exists { .. })));

        // The second file cannot be created, so the manifest that follows is not written.
        made.id = "interrupted".to_owned();
        made.files = vec![file("a.csv"), file("a.csv"), file(MANIFEST)];
        write(&run, &made).expect_err("not complete");
        let read = runtime.block_on(read_files(&store, "interrupted"));
        assert!(matches!(read, Err(ReleaseError::Absent { .. })));
    }

    #[test]
    fn a_modified_missing_or_further_file_is_found() {
        let manifest: Manifest = serde_json::from_value(json!({
            "id": "r", "plan": "p", "as_at": null,
            "files": [
                { "file": "a", "sha256": hex::sha256(b"1") },
                { "file": "b", "sha256": hex::sha256(b"2") },
                { "file": "c", "sha256": hex::sha256(b"3") },
            ],
        }))
        .expect("a manifest");
        let files = [("a", "1"), ("b", "!"), ("d", "4"), (MANIFEST, "{}")];
        let files = files.map(|(name, text)| (name.to_owned(), Bytes::from(text)));
        assert_eq!(
            manifest.changed(&files.into()),
            ["b was modified", "c is missing", "d is not in the manifest"]
        );
    }
}
