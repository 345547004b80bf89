//! The configuration of one assessment: `assessments/<id>/assessment.toml`, and the texts beside it.
//!
//! Everything that can be known without the tables is checked here, all faults at once.

pub(crate) mod template;

use std::collections::BTreeMap;

use jiff::civil;

use crate::assess::boundaries::Boundaries;
use crate::assess::narrative::Narrative;
use crate::files::TextFiles;
use crate::files::fault::{FaultSink, Faults, hint};
use crate::files::toml_reader::{TomlReader, read_named};
use crate::reference::Reference;
use crate::reference::accepted_check::AcceptedCheck;
use crate::reference::plan::Plan;
use crate::reference::windows::Window;

/// The folder of all assessments, in the folder of the configuration.
pub(crate) const FOLDER: &str = "assessments";
/// The name of an assessment's file.
pub(crate) const FILE: &str = "assessment.toml";
/// The texts that are of no priority or theme, each with what to write.
pub(crate) const TEXTS: [(&str, &str); 6] = [
    (
        "summary",
        "Two or three sentences: what the partnership should take from this assessment, and what it \
         asks the committee to decide.",
    ),
    (
        "overview",
        "Reasons for the overall figures: what changed in the area, in recording, and in demand.",
    ),
    (
        "factors",
        "What is known about mental health across the priorities that no figure shows.",
    ),
    (
        "places",
        "What partners know about these places: new homes, the night-time economy, events.",
    ),
    (
        "delivery",
        "How far the last plan was carried out: each action, and what came of it.",
    ),
    (
        "recommendations",
        "Why each priority should be kept, changed or dropped. Harm and capacity are judgements, not \
         counts.",
    ),
];
/// What to write about a priority or theme.
pub(crate) const SERIES_TEXT: &str = "What the subgroup did, what practitioners see, and why the \
    figures may have changed. Causes belong here: the figures cannot show them.";

/// How far a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Texts may be missing; their places say so.
    Draft,
    /// A missing text is a fault.
    Final,
}

/// Who may read a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edition {
    /// The partnership: written from the exact tables.
    Partnership,
    /// Everyone: written from a release alone.
    Public {
        /// The id of the release.
        release: String,
    },
}

impl Edition {
    /// As the configuration and `figures.json` name it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Partnership => PARTNERSHIP,
            Self::Public { .. } => PUBLIC,
        }
    }
}

const PARTNERSHIP: &str = "partnership";
const PUBLIC: &str = "public";

/// A partner's kind, written `kent-police/crime`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FeedName {
    /// The partner.
    pub(crate) partner: String,
    /// The kind.
    pub(crate) kind: String,
}

/// The ward map.
#[derive(Clone, Debug)]
pub(crate) struct MapSettings {
    /// What is counted.
    pub(crate) feed: FeedName,
    /// The edition of the wards.
    pub(crate) vintage: String,
    /// Their shapes.
    pub(crate) boundaries: Boundaries,
    /// Who published the shapes, under which licence.
    pub(crate) credit: String,
}

/// A key point that is left out, and why.
#[derive(Clone, Debug)]
pub(crate) struct DroppedPoint {
    /// The name of the figure it is about.
    pub(crate) figure: String,
    /// Why.
    pub(crate) reason: String,
}

/// The configuration of one assessment, checked.
#[derive(Clone, Debug)]
pub(crate) struct AssessmentConfig {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) plan: Plan,
    /// The code of the plan's area as tables have it: a district, or the id of a set of districts.
    pub(crate) area: String,
    /// The districts of that area.
    pub(crate) districts: Vec<String>,
    pub(crate) window: Window,
    /// The name of the baseline in `change`.
    pub(crate) baseline: &'static str,
    pub(crate) status: Status,
    pub(crate) edition: Edition,
    pub(crate) as_at: Option<civil::Date>,
    pub(crate) committee: Option<String>,
    pub(crate) overview: Vec<FeedName>,
    /// Priorities that are never shown below the district.
    pub(crate) restricted: Vec<String>,
    pub(crate) previous: Option<String>,
    pub(crate) accept: Vec<AcceptedCheck>,
    /// The main measure of a priority.
    pub(crate) lead: BTreeMap<String, FeedName>,
    pub(crate) map: Option<MapSettings>,
    /// Figures that must be among the key points.
    pub(crate) pin: Vec<String>,
    pub(crate) drop: Vec<DroppedPoint>,
    /// The partnership's own texts, by section.
    pub(crate) texts: BTreeMap<String, Narrative>,
    /// The names and texts of all these files, in order.
    pub(crate) files: Vec<(String, String)>,
}

impl AssessmentConfig {
    /// The ids of all assessments.
    pub(crate) fn ids(files: &TextFiles) -> Vec<String> {
        let paths = files.iter().map(|(path, _)| path);
        let ids = paths.filter_map(|path| {
            let rest = path.strip_prefix(FOLDER)?.strip_prefix('/')?;
            rest.strip_suffix(FILE)?.strip_suffix('/')
        });
        ids.map(str::to_owned).collect()
    }

    /// Reads an assessment with its texts.
    pub(crate) fn read(files: &TextFiles, reference: &Reference, id: &str) -> Result<Self, Faults> {
        let path = format!("{FOLDER}/{id}/{FILE}");
        read_named(files, &path, (id, &Self::ids(files)), |reader, sink| {
            Reader {
                files,
                reference,
                id,
                sink,
            }
            .read(reader)
        })
    }

    /// The path of a text.
    pub(crate) fn text_path(&self, section: &str) -> String {
        format!("{FOLDER}/{}/{section}.md", self.id)
    }

    /// Whether everyone may read the document.
    pub(crate) fn is_public(&self) -> bool {
        self.edition != Edition::Partnership
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> String {
        format!("{FOLDER}/{}/{FILE}", self.id)
    }
}

/// Reads the file against the reference data.
struct Reader<'r> {
    files: &'r TextFiles,
    reference: &'r Reference,
    id: &'r str,
    sink: &'r FaultSink,
}

impl Reader<'_> {
    /// `None` if the plan or the window is unknown, without which nothing else can be checked.
    fn read(&self, reader: &TomlReader<'_>) -> Option<AssessmentConfig> {
        reader.format();
        let id = reader.id("id");
        if id != self.id && !id.is_empty() {
            reader.fault("id", format!("is `{id}`, but its folder is `{}`", self.id));
        }
        let baselines = ["year-before", "mean-5-years"].map(|name| (name, name));
        let statuses = [("draft", Status::Draft), ("final", Status::Final)];
        let (plan, window) = (self.plan(reader), self.window(reader));
        let title = reader.name("title").to_owned();
        let baseline = reader.choice("baseline", &baselines);
        let status = reader.choice("status", &statuses);
        let edition = edition(reader);
        let as_at = reader.date("as_at");
        if edition != Edition::Partnership && as_at.is_some() {
            reader.fault("as_at", "is set by the release: leave it out");
        }
        let committee = reader.text("committee").map(str::to_owned);
        let overview = self.overview(reader);
        let restricted = reader.list("restricted");
        let previous = self.previous(reader);
        let accept = AcceptedCheck::read_all(reader);
        let lead = reader.table("lead");
        let map = reader.table("map").and_then(|table| self.map(&table));
        let (pin, drop) = key_points(reader);
        let plan = plan?;
        let (area, districts) = self.area(plan);
        let restricted = restricted.iter().map(|item| {
            check_series(reader, &item.key, item.text, plan);
            item.text.to_owned()
        });
        let config = AssessmentConfig {
            id: self.id.to_owned(),
            title,
            area,
            districts,
            window: window?,
            baseline: baseline.unwrap_or("year-before"),
            status: status.unwrap_or(Status::Draft),
            edition,
            as_at,
            committee,
            overview,
            restricted: restricted.collect(),
            previous,
            accept,
            lead: lead.map_or_else(BTreeMap::new, |table| self.lead(&table, plan)),
            map,
            pin,
            drop,
            texts: self.texts(plan, status),
            files: self.own_files(),
            plan: plan.clone(),
        };
        Some(config)
    }

    fn area(&self, plan: &Plan) -> (String, Vec<String>) {
        match self.reference.geography.named_area(&plan.area) {
            Some((id, districts)) => (
                id.to_owned(),
                districts.into_iter().map(str::to_owned).collect(),
            ),
            None => (plan.area.clone(), vec![plan.area.clone()]),
        }
    }

    fn plan(&self, reader: &TomlReader<'_>) -> Option<&Plan> {
        let id = reader.name("plan");
        let plan = self.reference.plans.get(id);
        if plan.is_none() && !id.is_empty() {
            let hint = hint(id, self.reference.plans.iter().map(|plan| &*plan.id));
            reader.fault("plan", format!("unknown plan `{id}`{hint}"));
        }
        plan
    }

    fn window(&self, reader: &TomlReader<'_>) -> Option<Window> {
        let id = reader.name("window");
        let window = self.reference.windows.get(id);
        if window.is_none() && !id.is_empty() {
            reader.fault(
                "window",
                format!("unknown window `{id}`: write one such as fy:2017-18 or nov-oct:2016-17"),
            );
        }
        window
    }

    fn overview(&self, reader: &TomlReader<'_>) -> Vec<FeedName> {
        reader.required("overview", reader.has("overview").then_some(()));
        let items = reader.texts("overview");
        let feeds = items
            .iter()
            .filter_map(|item| self.feed(reader, &item.key, item.text));
        feeds.collect()
    }

    /// A partner's kind; an unknown partner is a fault. Which kinds it sends is known from the
    /// tables.
    fn feed(&self, reader: &TomlReader<'_>, key: &str, text: &str) -> Option<FeedName> {
        let Some((partner, kind)) = text.split_once('/') else {
            reader.fault_at(
                key,
                format!("`{text}` is not a partner and kind such as kent-police/crime"),
            );
            return None;
        };
        let partners = self.reference.partners.ids();
        if !partners.contains(partner) {
            let hint = hint(partner, partners.iter().copied());
            reader.fault_at(key, format!("unknown partner `{partner}`{hint}"));
            return None;
        }
        Some(FeedName {
            partner: partner.to_owned(),
            kind: kind.to_owned(),
        })
    }

    fn previous(&self, reader: &TomlReader<'_>) -> Option<String> {
        let id = reader.text("previous")?;
        let ids = AssessmentConfig::ids(self.files);
        if !ids.iter().any(|known| known == id) {
            let hint = hint(id, ids.iter().map(String::as_str));
            reader.fault("previous", format!("unknown assessment `{id}`{hint}"));
        }
        Some(id.to_owned())
    }

    fn lead(&self, table: &TomlReader<'_>, plan: &Plan) -> BTreeMap<String, FeedName> {
        let mut lead = BTreeMap::new();
        for id in table.keys() {
            let key = table.path(id);
            check_series(table, &key, id, plan);
            if let Some(feed) = table.text(id).and_then(|text| self.feed(table, &key, text)) {
                lead.insert(id.to_owned(), feed);
            }
        }
        lead
    }

    fn map(&self, table: &TomlReader<'_>) -> Option<MapSettings> {
        let feed = self.feed(table, &table.path("feed"), table.name("feed"));
        let vintage = table.name("vintage").to_owned();
        let code = table.name("code").to_owned();
        let credit = table.name("credit").to_owned();
        let file = table.name("boundaries");
        let Some(text) = self.files.text(file) else {
            if !file.is_empty() {
                table.fault(
                    "boundaries",
                    format!("there is no file `{file}` in the folder of the configuration"),
                );
            }
            return None;
        };
        match Boundaries::parse(text, &code) {
            Ok(boundaries) => Some(MapSettings {
                feed: feed?,
                vintage,
                boundaries,
                credit,
            }),
            Err(reason) => {
                self.sink.add(file, "", reason);
                None
            }
        }
    }

    /// The texts of the sections. A file that is of no section is a fault.
    fn texts(&self, plan: &Plan, status: Option<Status>) -> BTreeMap<String, Narrative> {
        let folder = format!("{FOLDER}/{}", self.id);
        let general = TEXTS.iter().map(|(section, _)| *section);
        let known: Vec<&str> = general
            .chain(plan.series.iter().map(|series| &*series.id))
            .collect();
        let mut texts = BTreeMap::new();
        for (path, text) in self.files.in_folder(&folder, ".md") {
            let name = path.trim_start_matches(&folder).trim_start_matches('/');
            let section = name.trim_end_matches(".md");
            if !known.contains(&section) {
                let hint = hint(section, known.iter().copied());
                self.sink
                    .add(path, "", format!("is not the text of a section{hint}; the plan has no priority or theme of this name: \
                     rename or delete it"));
            }
            match Narrative::parse(text) {
                Ok(narrative) if narrative.is_empty() => {}
                Ok(narrative) => {
                    texts.insert(section.to_owned(), narrative);
                }
                Err(faults) => faults
                    .into_iter()
                    .for_each(|(line, reason)| self.sink.add(path, &line, reason)),
            }
        }
        if status == Some(Status::Final) {
            for section in known
                .iter()
                .filter(|section| !texts.contains_key(**section))
            {
                self.sink.add(
                    &format!("{folder}/{section}.md"),
                    "",
                    "is missing or empty, and the status is final: write it, or set status = \"draft\"",
                );
            }
        }
        texts
    }

    /// What the document depends on besides the tables, for its provenance.
    fn own_files(&self) -> Vec<(String, String)> {
        let folder = format!("{FOLDER}/{}/", self.id);
        let files = self.files.iter();
        files
            .filter(|(path, _)| path.starts_with(&folder))
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .collect()
    }
}

/// The edition; without one, that of the partnership.
fn edition(reader: &TomlReader<'_>) -> Edition {
    let editions = [PARTNERSHIP, PUBLIC].map(|name| (name, name));
    let is_public = reader.has("edition") && reader.choice("edition", &editions) == Some(PUBLIC);
    if is_public {
        let release = reader.id("release").to_owned();
        return Edition::Public { release };
    }
    if reader.has("release") {
        reader.fault("release", "belongs to edition = \"public\" only");
    }
    Edition::Partnership
}

/// A series that the plan does not have is a fault.
fn check_series(reader: &TomlReader<'_>, key: &str, id: &str, plan: &Plan) {
    if plan.series_index(id).is_none() {
        let hint = hint(id, plan.series.iter().map(|series| &*series.id));
        reader.fault_at(
            key,
            format!("`{id}` is not a priority of {}{hint}", plan.id),
        );
    }
}

fn key_points(reader: &TomlReader<'_>) -> (Vec<String>, Vec<DroppedPoint>) {
    let Some(table) = reader.table("key_points") else {
        return (Vec::new(), Vec::new());
    };
    let pin = table.list("pin");
    let drops = table.tables("drop");
    let drops = drops.iter().map(|table| DroppedPoint {
        figure: table.name("figure").to_owned(),
        reason: table.name("reason").to_owned(),
    });
    (
        pin.iter().map(|item| item.text.to_owned()).collect(),
        drops.collect(),
    )
}
