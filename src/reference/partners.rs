//! Who sends what: topics, registered sources, and which schemes and flags each carries.
//!
//! What a partner's systems carry decides whether a figure can be 0: if no rule of a priority can
//! match what a partner sends, the figure is not supplied.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;

use super::carried::{Carried, read_flags};
use super::geography::{Geography, PopulationUnit};
use super::labels::in_words;
use super::schemes::Schemes;
use crate::contract::record::{partner_of, system_of};
use crate::event::{Feed, Kind, Month};
use crate::files::TextFiles;
use crate::files::fault::{FaultSink, hint};
use crate::files::toml_reader::{ListItem, TomlReader, is_kebab, parse};

/// Records are due at the end of the quarter after theirs, by the duty of section 17A of the Crime
/// and Disorder Act 1998. The default.
const END_OF_NEXT_QUARTER: &str = "end-of-next-quarter";
/// The most days, or months, that the file may give.
const NUMBER_MAX: i64 = 1000;
/// The file.
const FILE: &str = "partners.toml";
/// The longest name of a partner or a system in a source, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// A topic of Kafka and the feed it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its feed.
    pub feed: Feed,
}

/// The date by which a record is put into a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateBasis {
    /// `occurred_from`.
    Occurred,
    /// `recorded_at`, or `occurred_from` where that is absent.
    Recorded,
}

impl DateBasis {
    /// The name in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Occurred => "occurred",
            Self::Recorded => "recorded",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Occurred, Self::Recorded]
            .into_iter()
            .find(|basis| basis.as_str() == name)
    }
}

/// When a month's records are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// A number of days after the month's last day.
    Days(i32),
    /// By the end of the quarter after the month's.
    EndOfNextQuarter,
}

/// The topics, sources and partners that are registered.
#[derive(Clone, Debug, Default)]
pub struct Partners {
    topics: Vec<Topic>,
    /// Sources by topic.
    sources: BTreeMap<String, BTreeSet<String>>,
    carried: BTreeMap<String, BTreeMap<Kind, Carried>>,
    /// By source and kind, of sources that publish complete releases.
    release_files: BTreeMap<String, BTreeMap<Kind, String>>,
    /// By source, the districts and sets of districts that it covers; a source without an entry: any.
    covers: BTreeMap<String, BTreeSet<String>>,
    date_basis: BTreeMap<String, DateBasis>,
    due: BTreeMap<String, Due>,
    settle_months: BTreeMap<String, i32>,
    rate_unit: BTreeMap<String, PopulationUnit>,
    labels: BTreeMap<String, String>,
    kind_labels: BTreeMap<String, String>,
    collections: BTreeMap<String, String>,
}

impl Partners {
    /// The topics, in order of names.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter()
    }

    /// The feed of a topic.
    pub fn feed_of(&self, topic: &str) -> Option<Feed> {
        self.topics.iter().find(|t| t.name == topic).map(|t| t.feed)
    }

    /// The sources registered for a topic, in order.
    pub fn sources(&self, topic: &str) -> impl Iterator<Item = &str> {
        self.sources
            .get(topic)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    /// Whether a source is registered for a topic.
    pub fn is_registered(&self, topic: &str, source: &str) -> bool {
        self.sources
            .get(topic)
            .is_some_and(|sources| sources.contains(source))
    }

    /// The names of all systems, in order.
    pub fn systems(&self) -> BTreeSet<&str> {
        self.carried
            .keys()
            .map(|source| system_of(source))
            .collect()
    }

    /// The kinds that the systems of a partner send, with the feeds of their topics.
    pub fn kinds(&self, partner: &str) -> BTreeSet<(Feed, Kind)> {
        let mut kinds = BTreeSet::new();
        for topic in &self.topics {
            let sources = self.sources(&topic.name);
            for source in sources.filter(|source| partner_of(source) == partner) {
                let of_source = self.carried.get(source).into_iter().flatten();
                kinds.extend(of_source.map(|(kind, _)| (topic.feed, *kind)));
            }
        }
        kinds
    }

    /// Whether a source is registered for a kind. One that is registered for none may send all kinds.
    pub fn sends(&self, source: &str, kind: Kind) -> bool {
        self.carried
            .get(source)
            .is_none_or(|kinds| kinds.is_empty() || kinds.contains_key(&kind))
    }

    /// The partner whose own systems send a kind, rather than its published files; of several, the
    /// first id.
    pub fn sender(&self, kind: Kind) -> Option<&str> {
        let mut sources = self.carried.iter();
        let (source, _) = sources.find(|(source, kinds)| {
            kinds.contains_key(&kind) && self.release_files(source, kind).is_none()
        })?;
        Some(partner_of(source))
    }

    /// What any system of a partner carries in records of a kind.
    pub fn carried(&self, partner: &str, kind: Kind) -> Carried {
        let own = self
            .carried
            .iter()
            .filter(|(source, _)| partner_of(source) == partner);
        own.filter_map(|(_, kinds)| kinds.get(&kind))
            .fold(Carried::default(), Carried::union)
    }

    /// What one source carries in records of a kind: a partner's open data shows less than its own
    /// systems.
    pub fn carried_by(&self, source: &str, kind: Kind) -> Carried {
        self.carried
            .get(source)
            .and_then(|kinds| kinds.get(&kind))
            .cloned()
            .unwrap_or_default()
    }

    /// The files in which a source publishes complete releases of a kind; kinds of one name are
    /// published together. `None` = its records are sent one by one.
    pub fn release_files(&self, source: &str, kind: Kind) -> Option<&str> {
        self.release_files
            .get(source)?
            .get(&kind)
            .map(String::as_str)
    }

    /// Source, kind and files of each source that publishes complete releases.
    pub fn all_release_files(&self) -> impl Iterator<Item = (&str, Kind, &str)> {
        self.release_files.iter().flat_map(|(source, kinds)| {
            let kinds = kinds.iter();
            kinds.map(move |(kind, files)| (&**source, *kind, &**files))
        })
    }

    /// The districts and sets that the systems which send a partner's kind cover; `None` = any.
    pub fn covers(&self, partner: &str, kind: Kind) -> Option<BTreeSet<&str>> {
        let systems = self
            .carried
            .iter()
            .filter(|(source, kinds)| partner_of(source) == partner && kinds.contains_key(&kind));
        let mut covered = BTreeSet::new();
        for (source, _) in systems {
            covered.extend(self.covers.get(source)?.iter().map(String::as_str));
        }
        Some(covered).filter(|covered| !covered.is_empty())
    }

    /// Adds a fault for every covered area that is neither a district nor a set of districts.
    pub(super) fn check_covers(&self, geography: &Geography, sink: &FaultSink) {
        for (source, areas) in &self.covers {
            for area in areas
                .iter()
                .filter(|area| geography.named_area(area).is_none())
            {
                let reason = format!("`{area}` is neither a district nor a set of districts");
                sink.add(FILE, &format!("covers of {source}"), reason);
            }
        }
    }

    /// The date basis of a partner's kind.
    pub fn date_basis(&self, partner: &str, kind: Kind) -> DateBasis {
        let own = self.date_basis.get(&format!("{partner}:{kind}"));
        own.or_else(|| self.date_basis.get(kind.as_str()))
            .copied()
            .unwrap_or(DateBasis::Occurred)
    }

    /// The last day on which a month's records of a kind (as tables name it) may arrive and not be
    /// late.
    pub fn due(&self, partner: &str, kind: &str, month: Month) -> civil::Date {
        match of_kind(&self.due, partner, kind) {
            Some(Due::Days(days)) => month
                .last_day()
                .saturating_add(jiff::Span::new().days(*days)),
            Some(Due::EndOfNextQuarter) | None => {
                let into_quarter = (month.first_day().month() - 1) % 3;
                month.plus(5 - i32::from(into_quarter)).last_day()
            }
        }
    }

    /// The last day on which a month's figures of a kind may still change as a matter of course;
    /// never before they are due.
    pub fn settled(&self, partner: &str, kind: &str, month: Month) -> civil::Date {
        let months = of_kind(&self.settle_months, partner, kind)
            .copied()
            .unwrap_or_default();
        month
            .plus(months)
            .last_day()
            .max(self.due(partner, kind, month))
    }

    /// The population that rates of a kind are per thousand of.
    pub fn rate_unit(&self, kind: &str) -> PopulationUnit {
        self.rate_unit
            .get(kind)
            .copied()
            .unwrap_or(PopulationUnit::Persons)
    }

    /// Date bases by kind or `partner:kind`; the latter wins.
    pub fn date_bases(&self) -> impl Iterator<Item = (&str, DateBasis)> {
        self.date_basis.iter().map(|(key, basis)| (&**key, *basis))
    }

    /// Days after a month by which its records are due, by kind or `partner:kind`; `None` = the end
    /// of the next quarter, which is also the default.
    pub fn due_days(&self) -> impl Iterator<Item = (&str, Option<i32>)> {
        self.due.iter().map(|(key, due)| match due {
            Due::Days(days) => (&**key, Some(*days)),
            Due::EndOfNextQuarter => (&**key, None),
        })
    }

    /// Months until figures settle, by kind or `partner:kind`; the default is 0.
    pub fn settle_months(&self) -> impl Iterator<Item = (&str, i32)> {
        self.settle_months
            .iter()
            .map(|(key, months)| (&**key, *months))
    }

    /// The populations that rates are per, by kind; the default is persons.
    pub fn rate_units(&self) -> impl Iterator<Item = (&str, PopulationUnit)> {
        self.rate_unit.iter().map(|(kind, unit)| (&**kind, *unit))
    }

    /// What people call a partner; its id where it has no label.
    pub fn label<'p>(&'p self, partner: &'p str) -> &'p str {
        self.labels.get(partner).map_or(partner, String::as_str)
    }

    /// What people call a kind.
    pub fn kind_label(&self, kind: &str) -> String {
        match (self.kind_labels.get(kind), kind.strip_prefix("count:")) {
            (Some(label), _) => label.clone(),
            (None, Some(list)) => format!("{} (totals)", in_words(list)),
            (None, None) => in_words(kind),
        }
    }

    /// The return that a kind comes from, where several kinds come from one.
    pub fn collection(&self, kind: &str) -> Option<&str> {
        self.collections.get(kind).map(String::as_str)
    }

    /// The partners, in order of ids.
    pub fn ids(&self) -> BTreeSet<&str> {
        self.carried
            .keys()
            .map(|source| partner_of(source))
            .collect()
    }
}

impl Partners {
    pub(super) fn read(files: &TextFiles, schemes: &Schemes<'_>, sink: &FaultSink) -> Self {
        let mut partners = Self::default();
        let Some(text) = files.text(FILE) else {
            sink.add(FILE, "", "is missing");
            return partners;
        };
        let Some(table) = parse(FILE, text, sink) else {
            return partners;
        };
        let reader = TomlReader::new(FILE, &table, sink);
        reader.format();
        let topics = partners.read_topics(&reader);
        reader
            .tables("system")
            .iter()
            .for_each(|system| partners.read_system(system, &topics, schemes));
        partners.read_date_basis(&reader);
        partners.read_due(&reader, schemes);
        partners.read_settle_months(&reader, schemes);
        partners.read_rate_unit(&reader, schemes);
        if let Some(labels) = reader.table("labels") {
            partners.labels = labels
                .keys()
                .iter()
                .map(|id| ((*id).to_owned(), labels.name(id).to_owned()))
                .collect();
        }
        partners.kind_labels = texts_of_kinds(&reader, "kind_labels", schemes);
        partners.collections = texts_of_kinds(&reader, "collection", schemes);
        partners
    }

    /// Gives the names of all topics, also of those with a fault.
    fn read_topics<'t>(&mut self, reader: &TomlReader<'t>) -> Vec<&'t str> {
        let Some(topics) = reader.required("topics", reader.table("topics")) else {
            return Vec::new();
        };
        for name in topics.keys() {
            let feed = topics.name(name);
            match Feed::from_name(feed) {
                Some(feed) => self.topics.push(Topic {
                    name: name.to_owned(),
                    feed,
                }),
                None => topics.fault(
                    name,
                    format!("`{feed}` is not a feed (police, health, housing)"),
                ),
            }
        }
        topics.keys()
    }

    fn read_system(&mut self, reader: &TomlReader<'_>, topics: &[&str], schemes: &Schemes<'_>) {
        let (name, topic) = (reader.id("system"), reader.name("topic"));
        let feed = self.feed_of(topic);
        if reader.has("topic") && !topics.contains(&topic) {
            let hint = hint(topic, topics.iter().copied());
            reader.fault("topic", format!("`{topic}` is not in [topics]{hint}"));
        }
        let (mut kinds, mut release_files) = (BTreeMap::new(), BTreeMap::new());
        if let Some(table) = reader.required("kinds", reader.table("kinds")) {
            for name in table.keys() {
                let of_feed =
                    |kind: &Kind| feed.is_none() || kind.feed().is_none() || kind.feed() == feed;
                let kind = Kind::from_name(name).filter(of_feed);
                let kind_table = table.table(name);
                let carried = kind_table
                    .as_ref()
                    .map(|table| read_carried(table, schemes))
                    .unwrap_or_default();
                let files = kind_table.and_then(|table| table.text("release"));
                if let (Some(kind), Some(files)) = (kind, files) {
                    release_files.insert(kind, files.to_owned());
                }
                match kind {
                    Some(kind) => drop(kinds.insert(kind, carried)),
                    None => table.fault(name, "is not a kind of this topic's feed"),
                }
            }
        }
        let covers: BTreeSet<String> = reader
            .texts("covers")
            .iter()
            .map(|item| item.text.to_owned())
            .collect();
        let partners = reader.texts("partners");
        reader.required("partners", (!partners.is_empty()).then_some(()));
        for ListItem { key, text: partner } in partners {
            if !is_kebab(partner) || partner.len() > NAME_BYTES_MAX || name.len() > NAME_BYTES_MAX {
                reader.fault_at(
                    &key,
                    format!("`{partner}` is not kebab-case of at most {NAME_BYTES_MAX} characters"),
                );
            }
            let source = format!("urn:partner:{partner}:{name}");
            if !self
                .sources
                .entry(topic.to_owned())
                .or_default()
                .insert(source.clone())
            {
                reader.fault_at(&key, format!("{source} is registered twice for {topic}"));
            }
            if !release_files.is_empty() {
                self.release_files
                    .insert(source.clone(), release_files.clone());
            }
            if !covers.is_empty() {
                self.covers.insert(source.clone(), covers.clone());
            }
            self.carried
                .entry(source)
                .or_default()
                .extend(kinds.clone());
        }
    }

    fn read_date_basis(&mut self, reader: &TomlReader<'_>) {
        let Some(table) = reader.table("date_basis") else {
            return;
        };
        for key in table.keys() {
            let kind = key.rsplit(':').next().unwrap_or(key);
            if Kind::from_name(kind).is_none() {
                table.fault(key, "is neither a kind nor `partner:kind`");
            }
            match DateBasis::from_name(table.name(key)) {
                Some(basis) => drop(self.date_basis.insert(key.to_owned(), basis)),
                None => table.fault(key, "is neither `occurred` nor `recorded`"),
            }
        }
    }

    fn read_due(&mut self, reader: &TomlReader<'_>, schemes: &Schemes<'_>) {
        let Some(table) = reader.table("due") else {
            return;
        };
        for key in self.partners_kinds(&table, schemes) {
            if table.is_text(key) {
                if table.name(key) != END_OF_NEXT_QUARTER {
                    table.fault(
                        key,
                        format!("is neither a number of days nor `{END_OF_NEXT_QUARTER}`"),
                    );
                }
                self.due.insert(key.to_owned(), Due::EndOfNextQuarter);
            } else if let Some(days) = read_number(&table, key) {
                self.due.insert(key.to_owned(), Due::Days(days));
            }
        }
    }

    fn read_settle_months(&mut self, reader: &TomlReader<'_>, schemes: &Schemes<'_>) {
        let Some(table) = reader.table("settle_months") else {
            return;
        };
        for key in self.partners_kinds(&table, schemes) {
            if let Some(months) = read_number(&table, key) {
                self.settle_months.insert(key.to_owned(), months);
            }
        }
    }

    /// The keys of a table; each must be a kind, or a registered partner with one.
    fn partners_kinds<'t>(&self, table: &TomlReader<'t>, schemes: &Schemes<'_>) -> Vec<&'t str> {
        let keys = table.keys();
        for key in &keys {
            if !is_kind(key, schemes.names) && !self.is_partners_kind(key, schemes) {
                table.fault(
                    key,
                    "is neither a kind (a count is `count:<list>`) nor `partner:kind`",
                );
            }
        }
        keys
    }

    /// Whether a key is `partner:kind` of a registered partner.
    fn is_partners_kind(&self, key: &str, schemes: &Schemes<'_>) -> bool {
        let Some((partner, kind)) = key.split_once(':') else {
            return false;
        };
        self.ids().contains(partner) && is_kind(kind, schemes.names)
    }

    fn read_rate_unit(&mut self, reader: &TomlReader<'_>, schemes: &Schemes<'_>) {
        let Some(table) = reader.table("rate_unit") else {
            return;
        };
        for kind in table.keys() {
            if !is_kind(kind, schemes.names) {
                table.fault(kind, "is not a kind (a count is `count:<list>`)");
            }
            match PopulationUnit::from_name(table.name(kind)) {
                Some(unit) => drop(self.rate_unit.insert(kind.to_owned(), unit)),
                None => table.fault(kind, "is not one of persons, households, adult-women"),
            }
        }
    }
}

/// A table of texts by kind.
fn texts_of_kinds(
    reader: &TomlReader<'_>,
    name: &str,
    schemes: &Schemes<'_>,
) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    if let Some(table) = reader.table(name) {
        for kind in table.keys() {
            if !is_kind(kind, schemes.names) {
                table.fault(kind, "is not a kind (a count is `count:<list>`)");
            }
            texts.insert(kind.to_owned(), table.name(kind).to_owned());
        }
    }
    texts
}

/// The entry for a partner's kind, else for the kind.
fn of_kind<'m, T>(map: &'m BTreeMap<String, T>, partner: &str, kind: &str) -> Option<&'m T> {
    map.get(&format!("{partner}:{kind}"))
        .or_else(|| map.get(kind))
}

/// Whether tables have a kind of that name: a kind of record, or `count:<list>`.
pub(super) fn is_kind(name: &str, schemes: &BTreeSet<String>) -> bool {
    match name.strip_prefix("count:") {
        Some(list) => list == "ho-crime" || schemes.contains(list),
        None => Kind::from_name(name).is_some_and(|kind| kind != Kind::Count),
    }
}

/// A whole number that is not negative.
fn read_number(table: &TomlReader<'_>, key: &str) -> Option<i32> {
    let number = table.integer(key)?;
    if !(0..=NUMBER_MAX).contains(&number) {
        table.fault(key, format!("{number} is not between 0 and {NUMBER_MAX}"));
        return None;
    }
    Some(number as i32)
}

fn read_carried(reader: &TomlReader<'_>, schemes: &Schemes<'_>) -> Carried {
    let mut carried = Carried::default();
    for ListItem { key, text: scheme } in reader.texts("schemes") {
        if !schemes.contains(scheme) {
            reader.fault_at(&key, schemes.unknown(scheme));
        }
        let groups = schemes.crosswalks.schemes_of(scheme).into_iter();
        let own = groups
            .chain([scheme])
            .map(|scheme| (scheme.to_owned(), None));
        carried.schemes.extend(own);
    }
    if let Some(table) = reader.table("codes") {
        for scheme in table.keys() {
            let codes = table.texts(scheme);
            for item in codes
                .iter()
                .filter(|item| schemes.codes.knows(scheme, None, item.text) == Some(false))
            {
                table.fault_at(
                    &item.key,
                    format!("`{}` is not a code of {scheme}", item.text),
                );
            }
            match carried.schemes.get_mut(scheme) {
                Some(own) => *own = Some(codes.iter().map(|item| item.text.to_owned()).collect()),
                None => table.fault(scheme, "is not in `schemes`"),
            }
        }
    }
    carried.flags = read_flags(reader, "flags");
    carried
}
