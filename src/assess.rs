//! The strategic assessment: one command drafts the document from the tables of a plan.
//!
//! ```text
//! config/assessments/<id>/ ─► config ─┐
//! tables of the plan ─► facts ─► draft (measures, figures, words) ─► sections ─► html, workbook, json
//! ```
//!
//! It reads one folder of tables with its receipt, exact ones or a release, and the configuration; it knows no clock, network or
//! locale, so equal inputs give equal bytes. It must not know how the tables are computed. Two
//! invariants hold: a number in the text is a [figure](figure::Figure), whose value is what its
//! printed query gives, and the words about a change follow from the verdicts of the tables
//! ([`words`]).

mod boundaries;
mod chart;
mod config;
mod document;
mod draft;
mod facts;
mod figure;
mod html;
mod json;
mod narrative;
mod previous;
mod prose;
mod query;
mod sections;
mod sentences;
mod value;
mod words;
mod workbook;

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::aggregate::EXACT_MARKING;
use crate::aggregate::tables::FolderError;
use crate::file_format::NewerFile;
use crate::files::fault::{FaultSink, hint, nearest};
use crate::files::{Fault, Faults, TextFiles};
use crate::reference::Reference;
use crate::reference::windows::Window;
use crate::release::RELEASES;
use crate::storage::{StorageError, Store};
use config::{AssessmentConfig, Edition, FeedName, Status};
use document::{Block, Document, Section, TitleBlock};
use draft::{Draft, Series};
use facts::{Facts, TablesFolder};
use previous::Previous;
use prose::{Prose, name, prose, strong};
use query::Selection;
use value::NumberFormat;

/// The folder of documents in a store.
pub const DOCUMENTS: &str = "assessments";
/// The figures of a document, which the next document compares itself with.
pub const FIGURES: &str = "figures.json";

/// The tables of a document as a spreadsheet.
pub const TABLES: &str = "tables.xlsx";

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum AssessError {
    /// The configuration, a text or the tables do not fit together.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// The tables could not be read.
    #[error(transparent)]
    Tables(#[from] FolderError),
    /// A newer version wrote the earlier figures.
    #[error(transparent)]
    Newer(#[from] NewerFile),
    /// There is no such release.
    #[error(
        "the store `{root}` has no release in `{folder}`: run `partner-feeds release make`, or name \
         another release"
    )]
    NoRelease {
        /// The folder.
        folder: String,
        /// The store.
        root: String,
    },
    /// The document before could not be read.
    #[error("cannot read the earlier figures `{path}`: it {reason}")]
    Previous {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The document could not be arranged.
    #[error("cannot arrange the document")]
    Template(#[from] minijinja::Error),
    /// The tables could not be written as a workbook.
    #[error("cannot write the workbook of the tables")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What a document is written from.
pub struct AssessRun<'r> {
    /// The files of the configuration.
    pub files: &'r TextFiles,
    /// The reference data of the same files.
    pub reference: &'r Reference,
    /// The store with the tables.
    pub store: &'r Store,
    /// Runs what is asynchronous.
    pub runtime: &'r Handle,
}

/// A document, not written yet.
pub struct Written {
    /// The name and contents of each file.
    pub files: Vec<(String, Bytes)>,
    /// What a reader may wonder about.
    pub warnings: Vec<Fault>,
    /// How many figures it cites.
    pub figures: usize,
    /// How many numbers the texts have that are not figures.
    pub own_numbers: usize,
}

/// Which document of an assessment is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// The complete document.
    #[default]
    Complete,
    /// The briefing of one priority or theme.
    Section(String),
    /// The weekly digest, of the newest 12 months.
    Weekly,
}

/// The ids of the assessments of a configuration.
pub fn ids(files: &TextFiles) -> Vec<String> {
    AssessmentConfig::ids(files)
}

/// Checks the configuration and texts of an assessment, without any tables.
pub fn check(files: &TextFiles, reference: &Reference, id: &str) -> Result<(), Faults> {
    AssessmentConfig::read(files, reference, id).map(|_| ())
}

/// Drafts an assessment.
pub fn write(run: &AssessRun<'_>, id: &str, extent: &Extent) -> Result<Written, AssessError> {
    let mut config = AssessmentConfig::read(run.files, run.reference, id)?;
    let folder = tables_folder(&config);
    if *extent == Extent::Weekly {
        if config.is_public() {
            let reason = "the weekly digest is of tables that are not released: leave out --weekly, \
                or set edition = \"partnership\"";
            return Err(Faults(vec![Fault::new(config.path(), "edition", reason)]).into());
        }
        let year = Facts::newest_year(run.store, &folder.path, run.runtime)?;
        let year = year.and_then(|id| Window::parse(&id));
        config.window = year.unwrap_or(config.window);
    }
    let facts = Facts::load(run.store, &folder, &config.window.id, run.runtime)?;
    check_tables(&config, &facts)?;
    let folder = folder.path;
    let previous = read_previous(run, &config)?;
    let draft = Draft::new(&config, &facts);
    let mut sections = sections_of(&draft, extent, previous.as_ref())?;
    fill_narratives(&draft, &mut sections)?;
    let mut document = Document {
        title: title(&draft),
        sections,
    };
    if *extent == Extent::Weekly {
        (document.title.title, document.title.subtitle) = sections::weekly::title(&draft);
    }
    let cited = document.cited().into_iter().filter_map(|(name, sections)| {
        let figure = draft.figures.get(&name)?;
        Some((figure, sections.into_iter().collect()))
    });
    let figures: Vec<(figure::Figure, Vec<String>)> = cited.collect();
    let stem = match extent {
        Extent::Complete => "index".to_owned(),
        Extent::Section(series) => series.clone(),
        Extent::Weekly => "weekly".to_owned(),
    };
    let html = html::write(&document, &figures, &folder)?;
    let mut files = vec![(format!("{stem}.html"), Bytes::from(html))];
    if *extent == Extent::Complete {
        let json = json::write(&draft, &document, &figures, &folder);
        files.push((FIGURES.to_owned(), Bytes::from(json)));
        let workbook = workbook::write(&draft, &document)?;
        files.push((TABLES.to_owned(), Bytes::from(workbook)));
    }
    Ok(Written {
        files,
        warnings: warnings(&draft),
        figures: figures.len(),
        own_numbers: config.texts.values().map(|text| text.own_numbers).sum(),
    })
}

/// The folder of the tables: those of a release, today's exact ones, or those as at a day in the past.
fn tables_folder(config: &AssessmentConfig) -> TablesFolder {
    if let Edition::Public { release } = &config.edition {
        return TablesFolder {
            path: format!("{RELEASES}/{release}"),
            is_release: true,
        };
    }
    let base = config.as_at.map_or_else(String::new, |day| {
        let at = crate::event::Micros::end_of_day_in_london(day);
        format!("as-at/{}/", at.to_string().replace(':', ""))
    });
    TablesFolder {
        path: format!("{base}aggregates/{}", config.plan.id),
        is_release: false,
    }
}

/// Checks what only the tables can show, all faults at once.
fn check_tables(config: &AssessmentConfig, facts: &Facts) -> Result<(), Faults> {
    let sink = FaultSink::default();
    let file = config.path();
    let windows = facts.rows(&Selection::new("windows"));
    let mut ids = windows.iter().map(|row| row.text("window_id"));
    if config.is_public() {
        check_release(&sink, config, facts);
    } else if !ids.clone().any(|id| id == config.window.id) {
        let near = nearest(&config.window.id, ids.by_ref()).unwrap_or_default();
        let reason = format!(
            "the tables have no figures for `{}`; the nearest window that they have is `{near}`",
            config.window.id
        );
        sink.add(&file, "window", reason);
    }
    let map = config.map.iter().map(|map| ("map.feed", &map.feed));
    let lead = config.lead.values().map(|feed| ("lead", feed));
    let overview = config.overview.iter().map(|feed| ("overview", feed));
    for (key, feed) in overview.chain(lead).chain(map) {
        check_feed(&sink, &file, key, feed, facts);
    }
    check_boundaries(&sink, config, facts);
    check_sums(&sink, config, facts);
    sink.into_faults().into_result(())
}

/// Whether the release is of the plan and has the window.
fn check_release(sink: &FaultSink, config: &AssessmentConfig, facts: &Facts) {
    let plan = facts.provenance["plan"].as_str().unwrap_or_default();
    if plan != config.plan.id {
        let reason = format!(
            "is of the plan `{plan}`, and this assessment of `{}`",
            config.plan.id
        );
        sink.add(&config.path(), "release", reason);
    }
    if facts.rows(&Selection::new("window_totals")).is_empty() {
        let reason = format!("the release has no figures for `{}`", config.window.id);
        sink.add(&config.path(), "window", reason);
    }
}

/// Whether the partner sends the kind at all.
fn check_feed(sink: &FaultSink, file: &str, key: &str, feed: &FeedName, facts: &Facts) {
    let sent: Vec<String> = facts
        .rows(&Selection::new("partner_kinds"))
        .iter()
        .map(|row| format!("{}/{}", row.text("partner"), row.text("kind")))
        .collect();
    let wanted = format!("{}/{}", feed.partner, feed.kind);
    if !sent.contains(&wanted) {
        let hint = hint(&wanted, sent.iter().map(String::as_str));
        sink.add(
            file,
            key,
            format!("no records of `{wanted}` are in the tables{hint}"),
        );
    }
}

/// Whether every ward of the map has a shape.
fn check_boundaries(sink: &FaultSink, config: &AssessmentConfig, facts: &Facts) {
    let Some(map) = &config.map else { return };
    let wards = Selection::new("areas")
        .is("area_level", "ward")
        .is("area_vintage", &*map.vintage)
        .is("district", &*config.plan.area);
    let wards = facts.rows(&wards);
    if wards.is_empty() {
        let reason = format!("the tables have no wards of {}", map.vintage);
        sink.add(&config.path(), "map.vintage", reason);
    }
    let without = wards
        .iter()
        .filter(|ward| !map.boundaries.shapes.contains_key(ward.text("area_code")));
    let without: Vec<&str> = without.map(|ward| ward.text("area_code")).collect();
    if !without.is_empty() {
        let reason = format!("has no shape for {}", without.join(", "));
        sink.add(&config.path(), "map.boundaries", reason);
    }
}

/// Whether sums that do not add up are accepted.
fn check_sums(sink: &FaultSink, config: &AssessmentConfig, facts: &Facts) {
    let failed = Selection::new("reconciliation").is("result", "fail");
    let mut checks: Vec<&str> = facts
        .rows(&failed)
        .iter()
        .map(|row| row.text("check_id"))
        .collect();
    checks.sort_unstable();
    checks.dedup();
    for check in checks {
        if !config.accept.iter().any(|accepted| accepted.check == check) {
            let reason = format!(
                "the check `{check}` of the table reconciliation failed: find out why, or accept it \
                 with [[accept]] check = \"{check}\" and a reason, which the document prints"
            );
            sink.add(&config.path(), "accept", reason);
        }
    }
}

/// The figures of the document before, if it is in the store.
fn read_previous(
    run: &AssessRun<'_>,
    config: &AssessmentConfig,
) -> Result<Option<Previous>, AssessError> {
    let Some(id) = &config.previous else {
        return Ok(None);
    };
    let path = format!("{DOCUMENTS}/{id}/{FIGURES}");
    let Some(text) = run.runtime.block_on(run.store.read(&path))? else {
        return Ok(None);
    };
    let previous = Previous::parse(&path, &text)?;
    if config.is_public() && previous.edition != config.edition.as_str() {
        let reason = format!(
            "`{id}` is an edition for the partnership, whose numbers are exact: name a public one"
        );
        return Err(Faults(vec![Fault::new(config.path(), "previous", reason)]).into());
    }
    Ok(Some(previous))
}

fn sections_of(
    draft: &Draft<'_>,
    extent: &Extent,
    previous: Option<&Previous>,
) -> Result<Vec<Section>, Faults> {
    match extent {
        Extent::Complete => Ok(sections::all(draft, previous)),
        Extent::Weekly => Ok(sections::weekly::sections(draft)),
        Extent::Section(id) => {
            let series = draft.series.iter().find(|series| series.id == *id);
            let Some(series) = series else {
                let hint = hint(id, draft.series.iter().map(|series| &*series.id));
                let reason = format!("`{id}` is not a priority or theme{hint}");
                return Err(Faults(vec![Fault::new(
                    draft.config.path(),
                    "--section",
                    reason,
                )]));
            };
            Ok(sections::briefing(draft, series))
        }
    }
}

/// Puts the figures that texts cite into them. An unknown figure is a fault.
fn fill_narratives(draft: &Draft<'_>, sections: &mut [Section]) -> Result<(), Faults> {
    cite_standard_figures(draft);
    let sink = FaultSink::default();
    let known = draft.figures.names();
    for (section, text) in &draft.config.texts {
        for name in text.cited.iter().filter(|name| !known.contains(name)) {
            let hint = hint(name, known.iter().map(String::as_str));
            let path = draft.config.text_path(section);
            sink.add(&path, name, format!("there is no such figure{hint}"));
        }
    }
    // Key points are about counts.
    let all = sections::all_measures(draft);
    let counts: Vec<String> = all
        .iter()
        .map(|measure| measure.figure_name("count"))
        .collect();
    let pins = draft.config.pin.iter().map(|figure| ("pin", figure));
    let drops = draft.config.drop.iter().map(|drop| ("drop", &drop.figure));
    for (key, figure) in pins.chain(drops).filter(|(_, name)| !counts.contains(name)) {
        let hint = hint(figure, counts.iter().map(String::as_str));
        let reason = format!("there is no count `{figure}`{hint}");
        sink.add(&draft.config.path(), &format!("key_points.{key}"), reason);
    }
    let faults = sink.into_faults();
    if !faults.0.is_empty() {
        return Err(faults);
    }
    let blocks = sections.iter_mut().flat_map(|section| &mut section.blocks);
    for block in blocks {
        if let Block::Narrative { section, html, .. } = block
            && let Some(text) = draft.config.texts.get(section)
        {
            *html = Some(text.html(|name| sections::cited_html(draft, name)));
        }
    }
    Ok(())
}

/// The figures of every measure, so that a text can cite those that no section shows.
fn cite_standard_figures(draft: &Draft<'_>) {
    for measure in sections::all_measures(draft) {
        let figures = [
            draft.count(&measure),
            draft.base(&measure),
            draft.percent(&measure),
            draft.total_figure(&measure, "rate", "rate_per_1000", NumberFormat::Rate),
        ];
        drop(figures);
    }
}

fn title(draft: &Draft<'_>) -> TitleBlock {
    let config = draft.config;
    let reader = if config.is_public() {
        "For everyone."
    } else {
        "For the partnership."
    };
    let status = match config.status {
        Status::Draft => prose!("{} {}", strong("Draft."), reader),
        Status::Final => Prose::from(reader),
    };
    let committee = config.committee.clone();
    let committee = committee.map(|committee| prose!(" For the {}.", name(committee)));
    let marking = if config.is_public() {
        "It is written from published tables, in which small numbers are not shown [c] or are rounded."
    } else {
        EXACT_MARKING
    };
    TitleBlock {
        partnership: config.plan.partnership.clone(),
        title: config.title.clone(),
        subtitle: format!(
            "Crime, disorder, substance misuse and vulnerability in {}, {}",
            draft.area_name, draft.window_label
        ),
        is_invented: draft.facts.is_demo,
        status: prose!("{} {}{}", status, marking, committee),
    }
}

/// What is odd, but no fault.
fn warnings(draft: &Draft<'_>) -> Vec<Fault> {
    let mut warnings = Vec::new();
    let file = draft.config.path();
    for (id, feed) in &draft.config.lead {
        let series = draft.series.iter().find(|series| series.id == *id);
        let measure = series.and_then(|series| draft.measure(series, feed));
        if !measure.is_some_and(|measure| measure.is_supplied()) {
            let reason = format!("{}/{} shows nothing of it", feed.partner, feed.kind);
            warnings.push(Fault::new(&*file, format!("lead.{id}"), reason));
        }
    }
    for feed in &draft.config.overview {
        let measure = draft.measure(&Series::total(), feed);
        let status = measure.map_or("", |measure| measure.total.text("data_status"));
        if !matches!(status, "final" | "") {
            let reason = format!(
                "some months of {}/{} are {}",
                feed.partner,
                feed.kind,
                status.replace('_', " ")
            );
            warnings.push(Fault::new(&*file, "window", reason));
        }
    }
    if draft.config.is_public() {
        for (section, text) in &draft.config.texts {
            if text.own_numbers > 0 {
                let reason = "contains numbers that are no figures: make sure that none is hidden in \
                    the release";
                warnings.push(Fault::new(draft.config.text_path(section), "", reason));
            }
        }
    }
    warnings
}

/// A figure whose text differs between two documents, for `assess diff`.
pub use previous::ChangedFigure;

/// What differs between the figures of two documents, each the name and text of a `figures.json`.
pub fn diff(
    before: (&str, &[u8]),
    after: (&str, &[u8]),
) -> Result<Vec<ChangedFigure>, AssessError> {
    let [before, after] = [before, after].map(|(path, text)| Previous::parse(path, text));
    Ok(before?.changed(&after?))
}

/// Files that `assess init` writes: the configuration and a text for each section.
pub fn template(
    reference: &Reference,
    id: &str,
    plan: &str,
    window: &str,
) -> BTreeMap<String, String> {
    config::template::files(reference, id, plan, window)
}
