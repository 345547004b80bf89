//! The current state of every record that counts, compactly, with what is derived from it.
//!
//! A record's texts repeat in combinations: what it is, its marks and people, its area, its details. Each
//! combination is kept once, so that a record is its subject, its times and four numbers, and is
//! classified once a combination. Ten million records fit in about a gigabyte.

mod chunk;
mod columns;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use hashbrown::HashMap;

use super::calendar::Calendar;
use super::intern::{ABSENT, Numbered, Texts, Tuples};
use super::latest::Latest;
use super::read::{Files, Part};
use super::{Error, Settings};
use crate::contract::Record;
use crate::contract::record::partner_of;
use crate::event::{Feed, Kind, Micros, Month};
use crate::normalise::Rows;
use crate::plan::{Plan, SeriesSet};
use crate::reference::DateBasis;
pub(super) use chunk::Chunk;
use columns::Batch;
pub(super) use columns::{AREA, Group, TIMES, group_of};

/// A partner and one kind of its records: figures are never added across.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PartnerKind {
    pub(super) partner: String,
    pub(super) feed: Feed,
    /// A kind, or `count:<list>`.
    pub(super) kind: String,
    /// The date that puts its records into months.
    pub(super) date_basis: String,
    /// The kind of record; `Kind::Count` for counts.
    pub(super) of: Kind,
}

impl PartnerKind {
    /// Whether its records are totals, which no sum of records may hold.
    pub(super) fn is_count(&self) -> bool {
        self.of == Kind::Count
    }
}

/// A code of a record as tables name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Category {
    pub(super) scheme: String,
    pub(super) code: String,
    pub(super) edition: Option<String>,
    /// Whether a crosswalk gives it.
    pub(super) is_group: bool,
}

/// Sources of one partner and kind: bit i stands for the i-th of [`Current::sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SourceSet(pub(super) u64);

impl SourceSet {
    /// The i-th source; those after the 64th, which no partner has, share a bit.
    pub(super) fn one(i: usize) -> Self {
        Self(1 << i.min(63))
    }

    /// Those in both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What the first group of columns says.
pub(super) struct What {
    /// A place in [`Current::partner_kinds`].
    pub(super) partner_kind: u32,
    /// Its source among those of its partner and kind.
    pub(super) source: SourceSet,
    /// Places in [`Current::categories`], each once.
    pub(super) codes: Vec<u32>,
    /// Whether a list that is held lacks one of the codes.
    unknown_code: bool,
    kind: Kind,
    feed: Feed,
    basis: DateBasis,
}

/// What a record is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Class {
    /// Its series under the plan of the tables.
    pub(super) series: SeriesSet,
    /// A place in [`Current::what`] that has its codes.
    pub(super) what: u32,
}

/// A record as the tables see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fact {
    pub(super) partner_kind: u16,
    /// A place in [`Current::areas`].
    pub(super) area: u32,
    pub(super) month: Month,
    /// A place in [`Current::classes`].
    pub(super) class: u32,
}

/// How a month of a partner's kind was fed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quality {
    pub(super) records: i64,
    pub(super) revised: i64,
    pub(super) cancelled: i64,
    pub(super) unmapped: i64,
    pub(super) unknown_code: i64,
    pub(super) date_fallback: i64,
    pub(super) no_location: i64,
    pub(super) last_received: Option<i64>,
    /// The sources that sent the records.
    pub(super) sources: SourceSet,
}

/// Priorities and themes under the plan in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Label {
    /// A place in [`Settings::plans`]; none in force.
    pub(super) plan: Option<u32>,
    pub(super) series: SeriesSet,
}

/// The records that count, and what the tables need of them.
pub(super) struct Current {
    pub(super) texts: Texts,
    /// Combinations of the columns of each [`Group`].
    pub(super) groups: [Tuples; 4],
    pub(super) what: Vec<What>,
    /// Whether mental health plays a part, for each combination of marks.
    pub(super) mental_health: Vec<Option<bool>>,
    pub(super) partner_kinds: Vec<PartnerKind>,
    /// For each partner and kind: the sources that sent it.
    pub(super) sources: Vec<Vec<String>>,
    pub(super) categories: Vec<Category>,
    pub(super) labels: Vec<Label>,
    /// Code, level, vintage and role of each area, as numbers of texts; the vintage is one too.
    pub(super) areas: Vec<[u32; 4]>,
    pub(super) classes: Vec<Class>,
    /// Sorted.
    pub(super) facts: Vec<Fact>,
    pub(super) quality: HashMap<(u32, Month), Quality>,
    /// Rows by feed.
    pub(super) feeds: [Vec<Chunk>; 3],
}

impl Current {
    /// Reads the latest row of every record.
    pub(super) fn read(
        files: &Files<'_>,
        latest: &Latest,
        settings: &Settings<'_>,
        mut progress: impl FnMut(u64),
    ) -> Result<Self, Error> {
        let mut builder = Builder::new(settings, latest.records);
        let names = columns::read();
        files.for_each(&names, |part| {
            builder.add(part, latest)?;
            progress(part.batch.num_rows() as u64);
            Ok(())
        })?;
        Ok(builder.finish())
    }
}

struct Builder<'s> {
    settings: &'s Settings<'s>,
    calendar: Calendar,
    in_force: HashMap<Month, Option<u32>>,
    partner_kinds: Numbered<PartnerKind>,
    categories: Numbered<Category>,
    labels: Numbered<Label>,
    classes: Numbered<Class>,
    areas: Tuples,
    /// For each combination of area columns: the place in `areas`, and in `places`.
    area_of: Vec<(u32, u32)>,
    /// Role and zone, which rules may ask for.
    places: Tuples,
    /// All that a rule may ask for: what, marks, place, hour of the week.
    profiles: Tuples,
    /// For each profile: its class, then for each plan its label.
    known: Vec<u32>,
    current: Current,
}

/// Not classified yet.
const UNKNOWN: u32 = u32::MAX;

impl<'s> Builder<'s> {
    fn new(settings: &'s Settings<'s>, records: usize) -> Self {
        let groups = Group::ALL.map(|group| Tuples::new(group.columns().len()));
        Self {
            settings,
            calendar: Calendar::default(),
            in_force: HashMap::new(),
            partner_kinds: Numbered::default(),
            categories: Numbered::default(),
            labels: Numbered::default(),
            classes: Numbered::default(),
            areas: Tuples::new(4),
            area_of: Vec::new(),
            places: Tuples::new(2),
            profiles: Tuples::new(4),
            known: Vec::new(),
            current: Current {
                texts: Texts::default(),
                groups,
                what: Vec::new(),
                mental_health: Vec::new(),
                partner_kinds: Vec::new(),
                sources: Vec::new(),
                categories: Vec::new(),
                labels: Vec::new(),
                areas: Vec::new(),
                classes: Vec::new(),
                facts: Vec::with_capacity(records),
                quality: HashMap::new(),
                feeds: Default::default(),
            },
        }
    }

    /// Adds the latest rows of a part.
    fn add(&mut self, part: &Part, latest: &Latest) -> Result<(), Error> {
        let rows: Vec<u32> = (0..part.batch.num_rows() as u32)
            .filter(|r| latest.holds(part.file, part.first_row + *r as usize))
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let batch = Batch::read(&part.batch, &rows, &mut self.current.texts)?;
        let records = Rows::new(&part.batch);
        let cancelled = part.batch.column_by_name("cancellation_reason");
        let received =
            part.batch.column_by_name("received").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let received = received.ok_or(Error::Column("received"))?;
        let mut chunks: [Chunk; 3] = Default::default();
        let mut scratch = Vec::new();
        for (i, &row) in rows.iter().enumerate() {
            let numbers = self.combinations(&batch, i, &records, row as usize, &mut scratch);
            let what = &self.current.what[numbers[0] as usize];
            let What { partner_kind, source, unknown_code, kind, feed, basis, .. } = *what;
            let recorded = batch.time(columns::RECORDED_AT, i);
            let falls_back = basis == DateBasis::Recorded && recorded.is_none();
            let dated = match (kind, basis) {
                (Kind::Count, _) => batch.time(columns::PERIOD_FROM, i),
                (_, DateBasis::Recorded) => recorded.or(batch.time(columns::OCCURRED_FROM, i)),
                (_, DateBasis::Occurred) => batch.time(columns::OCCURRED_FROM, i),
            };
            let month = self.calendar.at(Micros(dated.unwrap_or(batch.sent(i)))).month;
            let quality = self.current.quality.entry((partner_kind, month)).or_default();
            quality.last_received = quality.last_received.max(Some(received.value(row as usize)));
            if cancelled.is_some_and(|reasons| reasons.is_valid(row as usize)) {
                quality.cancelled += 1;
                continue;
            }
            let (area, place) = self.area_of[numbers[2] as usize];
            let located = self.areas.row(area)[0] != ABSENT;
            quality.records += 1;
            quality.sources.add(source);
            quality.revised += i64::from(latest.is_revised(part.file, part.first_row + row as usize));
            quality.date_fallback += i64::from(falls_back && kind != Kind::Count);
            quality.unknown_code += i64::from(unknown_code);
            quality.no_location += i64::from(!located);
            let hour_of_week = self.hour_of_week(&batch, i);
            let profile = self.profile([numbers[0], numbers[1], place, hour_of_week]);
            let record = || records.record(row as usize);
            let class = self.class(profile, numbers[0], &record);
            let label = self.label(profile, month, &record);
            if self.classes.values()[class as usize].series.is_empty() {
                self.current.quality.entry((partner_kind, month)).or_default().unmapped += 1;
            }
            if kind != Kind::Count {
                self.current.facts.push(Fact { partner_kind: partner_kind as u16, area, month, class });
            }
            chunks[feed as usize].push(&batch, i, numbers, month, label);
        }
        for (chunks, mut chunk) in self.current.feeds.iter_mut().zip(chunks) {
            if !chunk.is_empty() {
                chunk.take_times(&batch);
                chunks.push(chunk);
            }
        }
        Ok(())
    }

    /// The numbers of a row's combinations; what is new is looked at once.
    fn combinations<'r>(
        &mut self,
        batch: &Batch<'_>,
        i: usize,
        records: &Rows<'r>,
        row: usize,
        scratch: &mut Vec<u32>,
    ) -> [u32; 4]
    where
        's: 'r,
    {
        Group::ALL.map(|group| {
            batch.row(group, i, scratch);
            let (number, new) = self.current.groups[group as usize].number(scratch);
            if new {
                match group {
                    Group::What => self.meet_what(&records.record(row)),
                    Group::Marks => self.current.mental_health.push(super::mental_health(records.record(row).flags)),
                    Group::Area => self.meet_area(scratch),
                    Group::Details => {}
                }
            }
            number
        })
    }

    fn meet_what<'r>(&mut self, record: &Record<'r>)
    where
        's: 'r,
    {
        let reference = self.settings.reference;
        let partner = partner_of(record.source);
        let basis = reference.partners.date_basis(partner, record.kind);
        let (kind, date_basis) = match record.kind {
            Kind::Count => (format!("count:{}", record.what_list.unwrap_or_default()), "own"),
            kind => (kind.as_str().to_owned(), basis.as_str()),
        };
        let partner_kind = PartnerKind {
            partner: partner.to_owned(),
            feed: record.feed,
            kind,
            date_basis: date_basis.to_owned(),
            of: record.kind,
        };
        let mut codes = Vec::new();
        reference.source_codes(record, &mut codes);
        let mut numbers: Vec<u32> = Vec::new();
        for code in &codes {
            let number = self.categories.number(Category {
                scheme: code.scheme.to_owned(),
                code: code.code.clone().into_owned(),
                edition: code.edition.map(str::to_owned),
                is_group: reference.crosswalks.groups_of(code.scheme).is_some(),
            });
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let partner_kind = self.partner_kinds.number(partner_kind);
        self.current.sources.resize(self.partner_kinds.values().len(), Vec::new());
        let sources = &mut self.current.sources[partner_kind as usize];
        let source = sources.iter().position(|source| source == record.source).unwrap_or_else(|| {
            sources.push(record.source.to_owned());
            sources.len() - 1
        });
        let source = SourceSet::one(source);
        let (kind, feed) = (record.kind, record.feed);
        let unknown_code = codes.iter().any(|code| reference.codes.knows(code.scheme, &code.code) == Some(false));
        self.current.what.push(What { partner_kind, source, codes: numbers, unknown_code, kind, feed, basis });
    }

    fn meet_area(&mut self, row: &[u32]) {
        let of = |name| row[AREA.iter().position(|n| *n == name).unwrap_or_default()];
        // The vintage is a number, not that of a text.
        let vintage = of("area_vintage").checked_sub(1).map(|year| year.to_string());
        let vintage = self.current.texts.number_of(vintage.as_deref());
        let (area, _) = self.areas.number(&[of("area_code"), of("area_level"), vintage, of("area_role")]);
        let (place, _) = self.places.number(&[of("area_role"), of("area_zone")]);
        self.area_of.push((area, place));
    }

    /// Weekday and hour as far as they are known, where a rule asks for them.
    fn hour_of_week(&mut self, batch: &Batch<'_>, i: usize) -> u32 {
        if !self.settings.asks_for_time {
            return 0;
        }
        let Some((at, precision)) = batch.moment(columns::OCCURRED_FROM, i, &self.current.texts) else { return 0 };
        let (weekday, hour) = self.calendar.weekday_and_hour(at, precision);
        u32::from(weekday.unwrap_or_default()) * 25 + hour.map_or(0, |hour| u32::from(hour) + 1)
    }

    /// The number of a profile, with room for what is known of it.
    fn profile(&mut self, row: [u32; 4]) -> usize {
        let (profile, new) = self.profiles.number(&row);
        if new {
            self.known.resize(self.known.len() + self.stride(), UNKNOWN);
        }
        profile as usize
    }

    fn stride(&self) -> usize {
        self.settings.plans.len() + 1
    }

    fn class<'r>(&mut self, profile: usize, what: u32, record: &impl Fn() -> Record<'r>) -> u32
    where
        's: 'r,
    {
        let at = profile * self.stride();
        if self.known[at] == UNKNOWN {
            let series = self.classify(self.settings.plan, &record());
            self.known[at] = self.classes.number(Class { series, what });
        }
        self.known[at]
    }

    fn label<'r>(&mut self, profile: usize, month: Month, record: &impl Fn() -> Record<'r>) -> u32
    where
        's: 'r,
    {
        let settings = self.settings;
        let plan = *self.in_force.entry(month).or_insert_with(|| settings.in_force(month));
        let Some(plan) = plan else { return self.labels.number(Label { plan: None, series: SeriesSet::EMPTY }) };
        let at = profile * self.stride() + 1 + plan as usize;
        if self.known[at] == UNKNOWN {
            let series = self.classify(settings.plans[plan as usize], &record());
            self.known[at] = self.labels.number(Label { plan: Some(plan), series });
        }
        self.known[at]
    }

    fn classify<'r>(&self, plan: &Plan, record: &Record<'r>) -> SeriesSet
    where
        's: 'r,
    {
        let mut codes = Vec::new();
        self.settings.reference.source_codes(record, &mut codes);
        plan.classify(record, &codes)
    }

    fn finish(self) -> Current {
        let mut current = self.current;
        current.partner_kinds = self.partner_kinds.into_values();
        current.categories = self.categories.into_values();
        current.labels = self.labels.into_values();
        current.classes = self.classes.into_values();
        current.areas =
            (0..self.areas.len()).map(|n| self.areas.row(n as u32).try_into().unwrap_or_default()).collect();
        current.facts.sort_unstable();
        current
    }
}
