//! The current state of every record that counts, compactly, with what is derived from it.
//!
//! A record's texts repeat in combinations: what it is, its marks and people, its area, its
//! details. Each combination is kept once, so that a record is its subject, its times and four
//! numbers, and is classified once a combination. Ten million records fit in about a gigabyte.
//!
//! Two threads share the work: one decodes a part of a file and numbers its combinations
//! (`numbering`), the other one adds the rows of the part before.

mod chunk;
mod columns;
mod counts;
mod numbering;
mod packed;
mod tokens;

use std::collections::BTreeMap;
use std::ops::Range;

use arrow_array::{Array, ArrayRef, RecordBatch, TimestampMicrosecondArray};
use hashbrown::HashMap;
use rayon::slice::ParallelSliceMut;

use crate::aggregate::state::bounded_count::BoundedCount;
use crate::aggregate::state::calendar::Calendar;
use crate::aggregate::state::files::{Files, Part};
use crate::aggregate::state::intern::{Numbered, Texts, Tuples};
use crate::aggregate::state::latest::{Latest, RecordId, identities};
use crate::aggregate::state::releases::RecordRelease;
use crate::aggregate::state::sent_area::SentArea;
use crate::aggregate::state::source_set::SourceSet;
use crate::aggregate::{AggregateError, AggregateSettings};
use crate::contract::Record;
use crate::contract::columns::{COLUMNS, ColumnId, Group};
use crate::contract::flags::Flags;
use crate::contract::record::partner_of;
use crate::contract::revision::RevisionId;
use crate::event::{Feed, Kind, Micros, Month, days_since_1970};
use crate::ledger::erasures::KeptMonths;
use crate::normalise::{RECEIVED, Rows};
use crate::reference::plan::{Plan, Rule, RuleSet, SeriesSet};
use crate::reference::source_code::outcome_code;
use crate::reference::{Carried, CodeLists, DateBasis, SourceCode, UnknownCodes};
pub(crate) use chunk::Chunk;
use chunk::ChunkRows;
pub(crate) use columns::precision_of;
use counts::{Counted, count};
use numbering::{NumberedArea, NumberedRows, Numbering};
pub(crate) use tokens::Repeats;
use tokens::{ChunkRow, TokenColumns, Tokens};

/// A partner and one kind of its records: figures are never added across.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartnerKind {
    pub(crate) partner: String,
    pub(crate) feed: Feed,
    /// A kind, or `count:<list>`.
    pub(crate) kind: String,
    /// The date that puts its records into months.
    pub(crate) date_basis: String,
    /// The kind of record; `Kind::Count` for counts.
    pub(crate) of: Kind,
    /// The first month that retention left; none = all are kept.
    pub(crate) kept_from: Option<Month>,
}

impl PartnerKind {
    /// Whether its records are totals, which no sum of records may include.
    pub(crate) fn is_count(&self) -> bool {
        self.of == Kind::Count
    }
}

/// A code of a record as tables name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Category {
    pub(crate) scheme: String,
    pub(crate) code: String,
    pub(crate) edition: Option<String>,
    /// `category` (a partner's own code), `group` (of a crosswalk) or `class` (of the offence
    /// list).
    pub(crate) kind: &'static str,
}

/// What the first group of columns says.
pub(crate) struct What {
    /// An index in [`Current::partner_kinds`].
    pub(crate) partner_kind: u32,
    /// Its source among those of its partner and kind.
    pub(crate) source: SourceSet,
    /// Indices in [`Current::categories`], each once.
    pub(crate) codes: Vec<u32>,
    /// The schemes in which one of its codes is unknown.
    pub(crate) unknown_schemes: Vec<String>,
    kind: Kind,
    feed: Feed,
    basis: DateBasis,
    /// The files it was published in, if its source publishes complete releases.
    release_files: Option<usize>,
}

impl What {
    /// Whether one of its codes is unknown.
    pub(crate) fn has_unknown_code(&self) -> bool {
        !self.unknown_schemes.is_empty()
    }
}

/// What a record is counted as under a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Class {
    /// The rules of the plan that match it.
    pub(crate) rules: RuleSet,
    /// Those and the rules that may match it, since a code of it is unknown.
    pub(crate) possible: RuleSet,
    /// An index in [`Current::what`] that has its codes.
    pub(crate) what: u32,
}

/// A record as the tables see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fact {
    pub(crate) partner_kind: u16,
    pub(crate) month: Month,
    /// An index in [`Current::areas`].
    pub(crate) area: u32,
    /// All that a rule may ask for: an index in [`Current::profiles`].
    pub(crate) profile: u32,
    /// The combination of [`Group::Marks`] of its profile, which tables ask for without the rest.
    pub(crate) marks: u32,
    /// A combination of [`Group::Details`].
    pub(crate) details: u32,
    /// Weekday and hour as far as they are known.
    pub(crate) week: Week,
    pub(crate) repeats: Repeats,
    /// Whether it happened or began once sections 80 to 83 of the Policing and Crime Act 2017 were
    /// in force.
    pub(crate) is_under_2017_act: bool,
}

/// 2017-12-11T00:00:00 in London, when sections 80 to 83 of the Policing and Crime Act 2017
/// commenced.
const ACT_COMMENCED: i64 = 1_512_950_400 * Micros::PER_SECOND;

/// A weekday and hour as far as they are known: 25 x weekday (1 = Monday) + hour + 1; without
/// either, 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Week(pub(crate) u8);

impl Week {
    /// Greater than every value.
    pub(crate) const END: usize = 8 * 25;

    fn of(weekday: Option<u8>, hour: Option<u8>) -> Self {
        Self(weekday.unwrap_or_default() * 25 + hour.map_or(0, |hour| hour + 1))
    }

    /// 1 = Monday.
    pub(crate) fn weekday(self) -> Option<u8> {
        Some(self.0 / 25).filter(|day| *day > 0)
    }

    /// 0 to 23.
    pub(crate) fn hour(self) -> Option<u8> {
        (self.0 % 25).checked_sub(1)
    }
}

/// A total that a partner sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) partner_kind: u16,
    pub(crate) area: u32,
    pub(crate) profile: u32,
    /// The first month it covers, and how many; only whole months fill a window.
    pub(crate) first: Month,
    pub(crate) months: u16,
    pub(crate) block: BoundedCount,
    pub(crate) unit: Unit,
    /// Whether it is one of a series that must not be summed over time.
    pub(crate) is_snapshot: bool,
    /// A subset: with a flag (as a bit), of an age or a sex; in no total.
    pub(crate) part: Option<u32>,
}

/// What a total counts. In the order in which, of two that a partner uses as often, one is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Households,
    Persons,
    Events,
    /// Anything else; it is not summed.
    Other,
}

impl Unit {
    /// The name in tables.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Households => "households",
            Self::Persons => "persons",
            Self::Events => "events",
            Self::Other => "other",
        }
    }
}

/// How a month of a partner's kind was fed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quality {
    pub(crate) records: i64,
    pub(crate) revised: i64,
    pub(crate) cancelled: i64,
    /// Records first received after the month was due.
    pub(crate) late: i64,
    pub(crate) unknown_code: i64,
    /// Records whose latest revision was sent with different contents.
    pub(crate) contradictions: i64,
    pub(crate) date_fallback: i64,
    pub(crate) no_location: i64,
    pub(crate) last_received: Option<i64>,
    /// The sources that sent the records.
    pub(crate) sources: SourceSet,
}

/// Priorities and themes under the plan in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Label {
    /// An index in [`AggregateSettings::plans`]; `None` without a plan in force.
    pub(crate) plan: Option<u32>,
    pub(crate) series: SeriesSet,
}

/// The records that count, and what the tables need of them.
pub(crate) struct Current {
    pub(crate) texts: Texts,
    /// Combinations of the columns of each [`Group`].
    pub(crate) groups: [Tuples; 4],
    pub(crate) what: Vec<What>,
    pub(crate) partner_kinds: Vec<PartnerKind>,
    /// For each partner and kind: the sources that sent it.
    pub(crate) sources: Vec<Vec<String>>,
    /// For each partner and kind: the sources that sent tokens of people, by [`Repeats::ROLES`].
    pub(crate) token_sources: Vec<[SourceSet; Repeats::ROLES.len()]>,
    /// For each of these the flags that its records say true or false.
    pub(crate) marked: Vec<Vec<u32>>,
    /// For each partner and kind: whether its records say in which place of the partnership they
    /// are.
    says_places: Vec<bool>,
    /// The flags of each combination of marks.
    pub(crate) flags: Vec<Flags>,
    /// For each combination of details: whether the list of the outcome does not contain it.
    pub(crate) unknown_outcome: Vec<bool>,
    /// The unknown codes of the records that count.
    pub(crate) unknown_codes: UnknownCodes,
    pub(crate) categories: Vec<Category>,
    pub(crate) labels: Vec<Label>,
    /// Code, level, vintage, role and zone of each area, as numbers of texts; the vintage is one
    /// too.
    pub(crate) areas: Vec<[u32; 5]>,
    pub(crate) classes: Vec<Class>,
    /// What, marks, place and time of the week of each profile.
    pub(crate) profiles: Tuples,
    /// For each profile its class under each wanted plan.
    class_of: Vec<u32>,
    /// By partner, kind, area and month.
    pub(crate) facts: Vec<Fact>,
    pub(crate) counts: Vec<Count>,
    pub(crate) quality: HashMap<(u32, Month), Quality>,
    /// Rows by feed.
    pub(crate) feeds: [Vec<Chunk>; 3],
    /// Where two times are compared: the records whose state at the other time may be another, as
    /// facts; none = cancelled. They are among the facts, too.
    pub(crate) changed: Vec<(RecordId, Option<Fact>)>,
}

impl Current {
    /// Reads the latest row of every record, at one time or at two. Of two, each notes what changed
    /// against the other.
    pub(crate) fn read<const N: usize>(
        files: &Files<'_>,
        latest: [&Latest; N],
        settings: &AggregateSettings<'_>,
        mut progress: impl FnMut(u64),
    ) -> Result<[Self; N], AggregateError> {
        let mut builders = latest.map(|own| {
            let other = latest.into_iter().find(|other| !std::ptr::eq(*other, own));
            Builder::new(settings, own, other)
        });
        let names = columns::read();
        let mut numberings = latest.map(|latest| Numbering::new(settings, latest));
        let number = |part: &Part| {
            let numbered = numberings.iter_mut().map(|numbering| numbering.read(part));
            numbered.collect::<Result<Vec<NumberedRows>, AggregateError>>()
        };
        files.for_each_prepared(&names, number, |part, numbered| {
            for (builder, numbered) in builders.iter_mut().zip(&numbered) {
                builder.add(part, numbered)?;
            }
            progress(part.batch.num_rows() as u64);
            Ok(())
        })?;
        let mut numberings = numberings.into_iter();
        Ok(builders.map(|builder| builder.finish(numberings.next().expect("one per builder"))))
    }

    /// The value of a combination in a column of its group, as a number.
    pub(crate) fn value<const GROUP: u8>(&self, column: ColumnId<GROUP>, combination: u32) -> u32 {
        const {
            assert!(
                (GROUP as usize) < Group::COMBINED.len(),
                "not a column of combinations"
            );
        }
        self.groups[GROUP as usize].row(combination)[column.index()]
    }

    /// States which months retention left.
    pub(crate) fn set_kept_months(&mut self, kept: &KeptMonths) {
        for kind in &mut self.partner_kinds {
            kind.kept_from = kept.first(&kind.partner, &kind.kind);
        }
    }

    /// The facts of a partner's kind, by area.
    pub(crate) fn facts_of(&self, kind: usize) -> &[Fact] {
        &self.facts[self.indexes_of(kind)]
    }

    /// Where these facts are among all.
    pub(crate) fn indexes_of(&self, kind: usize) -> Range<usize> {
        let facts = &self.facts;
        let from = facts.partition_point(|fact| usize::from(fact.partner_kind) < kind);
        let to = facts.partition_point(|fact| usize::from(fact.partner_kind) <= kind);
        from..to
    }

    /// The class of a profile under a wanted plan.
    pub(crate) fn class_of(&self, profile: u32, wanted: usize) -> u32 {
        self.class_of[profile as usize * (self.class_of.len() / self.profiles.len()) + wanted]
    }

    /// Whether a rule can match what a source carries in records of a partner's kind.
    pub(crate) fn can_show(&self, kind: usize, rule: &Rule, carried: &Carried) -> bool {
        let somewhere = rule.places.is_empty() || self.says_places[kind];
        somewhere && rule.applicable(carried, self.partner_kinds[kind].of)
    }

    /// An area as it was sent.
    pub(crate) fn sent(&self, area: u32) -> SentArea<'_> {
        let [code, level, vintage, role, zone] =
            self.areas[area as usize].map(|number| self.texts.text(number));
        SentArea {
            code,
            level: level.unwrap_or_default(),
            vintage,
            role,
            zone,
        }
    }
}

/// The columns of a part that [`Builder::add`] reads.
struct PartColumns<'b> {
    numbered: &'b NumberedRows,
    records: Rows<'b>,
    /// The records as far as rules can ask for them.
    for_rules: Rows<'b>,
    cancelled: Option<&'b ArrayRef>,
    received: &'b TimestampMicrosecondArray,
    tokens: TokenColumns<'b>,
}

impl<'b> PartColumns<'b> {
    fn read(
        part: &'b Part,
        for_rules: &'b RecordBatch,
        numbered: &'b NumberedRows,
    ) -> Result<Self, AggregateError> {
        Ok(Self {
            numbered,
            records: Rows::new(&part.batch),
            for_rules: Rows::new(for_rules),
            cancelled: part
                .batch
                .column_by_name(COLUMNS.cancellation_reason.name()),
            received: part.primitives(RECEIVED)?,
            tokens: TokenColumns::new(&part.batch),
        })
    }
}

/// How a row was received.
struct RowIntake {
    received: i64,
    /// The day its record was first received, in days since 1970.
    first_day: i32,
    is_revised: bool,
    /// Its revision, if another row has it too.
    repeated: Option<RevisionId>,
    is_cancelled: bool,
    /// Whether it is the state of its record at the other time, too; none = there is no other time.
    is_latest_at_other_time: Option<bool>,
}

/// The date that puts a row into a month, and whether it replaces a missing `recorded_at`.
#[inline]
fn counting_date(numbered: &NumberedRows, i: usize, kind: Kind, basis: DateBasis) -> (i64, bool) {
    let recorded = numbered.time(COLUMNS.recorded_at, i);
    let dated = match (kind, basis) {
        (Kind::Count, _) => numbered.time(COLUMNS.period_from, i),
        (_, DateBasis::Recorded) => recorded.or(numbered.time(COLUMNS.occurred_from, i)),
        (_, DateBasis::Occurred) => numbered.time(COLUMNS.occurred_from, i),
    };
    let falls_back = kind != Kind::Count && basis == DateBasis::Recorded && recorded.is_none();
    (dated.unwrap_or(numbered.sent(i)), falls_back)
}

struct Builder<'s> {
    settings: &'s AggregateSettings<'s>,
    latest: &'s Latest,
    /// The same at the time to compare with.
    other: Option<&'s Latest>,
    /// The changed records of the part that is being added: the row and the fact.
    changed: Vec<(usize, Option<Fact>)>,
    calendar: Calendar,
    in_force: HashMap<Month, Option<u32>>,
    partner_kinds: Numbered<PartnerKind>,
    categories: Numbered<Category>,
    labels: Numbered<Label>,
    classes: Numbered<Class>,
    /// The area of each combination of area columns.
    area_of: Vec<NumberedArea>,
    /// For each profile: under each plan its label.
    labelled: Vec<u32>,
    due: HashMap<(u32, Month), i32>,
    tokens: Tokens,
    /// Records with an unknown code or outcome, by their combinations of codes and of details.
    unknown: BTreeMap<[u32; 2], u64>,
    /// Records whose latest revision was sent more than once: its identity, and the month in which
    /// it counts.
    repeated: Vec<(RevisionId, (u32, Month))>,
    current: Current,
}

/// Not classified yet.
const UNKNOWN: u32 = u32::MAX;

impl<'s> Builder<'s> {
    fn new(
        settings: &'s AggregateSettings<'s>,
        latest: &'s Latest,
        other: Option<&'s Latest>,
    ) -> Self {
        Self {
            settings,
            latest,
            other,
            changed: Vec::new(),
            calendar: Calendar::default(),
            in_force: HashMap::new(),
            partner_kinds: Numbered::default(),
            categories: Numbered::default(),
            labels: Numbered::default(),
            classes: Numbered::default(),
            area_of: Vec::new(),
            labelled: Vec::new(),
            due: HashMap::new(),
            tokens: Tokens::default(),
            unknown: BTreeMap::new(),
            repeated: Vec::new(),
            current: Current {
                texts: Texts::default(),
                groups: Group::COMBINED.map(|group| Tuples::new(columns::width(group))),
                what: Vec::new(),
                partner_kinds: Vec::new(),
                sources: Vec::new(),
                token_sources: Vec::new(),
                categories: Vec::new(),
                labels: Vec::new(),
                areas: Vec::new(),
                classes: Vec::new(),
                profiles: Tuples::new(4),
                class_of: Vec::new(),
                flags: Vec::new(),
                unknown_outcome: Vec::new(),
                unknown_codes: UnknownCodes::default(),
                marked: Vec::new(),
                says_places: Vec::new(),
                counts: Vec::new(),
                facts: Vec::with_capacity(latest.records),
                quality: HashMap::new(),
                feeds: Default::default(),
                changed: Vec::new(),
            },
        }
    }

    /// Adds the latest rows of a part.
    fn add(&mut self, part: &Part, numbered: &NumberedRows) -> Result<(), AggregateError> {
        let latest = self.latest;
        if numbered.rows.is_empty() {
            return Ok(());
        }
        let for_rules = columns::of_rules(&part.batch);
        let columns = PartColumns::read(part, &for_rules, numbered)?;
        self.add_combinations(&columns);
        let mut chunks: [ChunkRows; 3] = Default::default();
        let mut repeated = numbered.repeated.iter().peekable();
        for (i, &row) in numbered.rows.iter().enumerate() {
            let (row, in_file) = (row as usize, part.first_row + row as usize);
            let intake = RowIntake {
                received: columns.received.value(row),
                first_day: latest.first_day(part.file, in_file),
                is_revised: latest.is_revised(part.file, in_file),
                repeated: repeated
                    .next_if(|(r, _)| *r as usize == row)
                    .map(|(_, id)| *id),
                is_cancelled: columns
                    .cancelled
                    .is_some_and(|reasons| reasons.is_valid(row)),
                is_latest_at_other_time: self.other.map(|other| other.contains(part.file, in_file)),
            };
            self.add_row(&columns, i, row, &intake, &mut chunks);
        }
        for (chunks, rows) in self.current.feeds.iter_mut().zip(chunks) {
            if !rows.is_empty() {
                chunks.push(rows.finish(numbered));
            }
        }
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() {
            return Ok(());
        }
        let (rows, facts): (Vec<usize>, Vec<Option<Fact>>) = changed.into_iter().unzip();
        let changed = identities(&part.batch, &rows)?.into_iter().zip(facts);
        self.current.changed.extend(changed);
        Ok(())
    }

    /// Adds the latest row `i` of a part, `row` among all its rows: to the quality of its month
    /// and, if it is not cancelled, to the facts or totals and to the rows of its feed.
    #[inline]
    fn add_row<'r>(
        &mut self,
        columns: &PartColumns<'r>,
        i: usize,
        row: usize,
        intake: &RowIntake,
        chunks: &mut [ChunkRows; 3],
    ) where
        's: 'r,
    {
        let numbered = columns.numbered;
        let numbers = numbered.combination(i);
        let What {
            partner_kind,
            source,
            kind,
            feed,
            basis,
            release_files,
            ..
        } = self.current.what[numbers[0] as usize];
        let unknown_code = self.current.what[numbers[0] as usize].has_unknown_code();
        let is_replaced = release_files.is_some_and(|files| self.is_replaced(numbered, i, files));
        let is_changed = intake.is_latest_at_other_time.is_some_and(|is_latest| {
            !is_latest
                || (release_files.is_some()
                    && self.is_replaced_at_other_time(columns, row) != is_replaced)
        });
        let (dated, falls_back) = counting_date(numbered, i, kind, basis);
        let month = self.calendar.at(Micros(dated)).month;
        let due = self.due_day(numbered, i, partner_kind, kind, month);
        let quality = self.current.quality.entry((partner_kind, month));
        let quality = quality.or_default();
        quality.last_received = quality.last_received.max(Some(intake.received));
        if let Some(id) = intake.repeated {
            self.repeated.push((id, (partner_kind, month)));
        }
        if intake.is_cancelled || is_replaced {
            quality.cancelled += 1;
            if is_changed {
                self.changed.push((row, None));
            }
            return;
        }
        let NumberedArea {
            area,
            place,
            is_located,
        } = self.area_of[numbers[Group::Area as usize] as usize];
        let details = numbers[Group::Details as usize];
        let unknown_code = unknown_code || self.current.unknown_outcome[details as usize];
        if unknown_code {
            *self.unknown.entry([numbers[0], details]).or_default() += 1;
        }
        quality.records += 1;
        quality.sources.add(source);
        quality.revised += i64::from(intake.is_revised);
        quality.date_fallback += i64::from(falls_back);
        quality.unknown_code += i64::from(unknown_code);
        quality.no_location += i64::from(!is_located);
        quality.late += i64::from(intake.first_day > due);

        let week = numbered.weeks[i];
        let asked = self.asked(numbered, i, week);
        let profile = [numbers[0], numbers[1], place, asked];
        let profile = self.profile(profile, &columns.for_rules, row);
        let label = self.label(profile, month, &columns.for_rules, row);
        let counted = Counted {
            partner_kind: partner_kind as u16,
            area,
            profile,
            month,
        };
        let chunk = &mut chunks[feed as usize];
        if kind == Kind::Count {
            let counts = count(&columns.records.record(row), &counted);
            self.current.counts.extend(counts);
        } else {
            let at = ChunkRow {
                feed,
                chunk: self.current.feeds[feed as usize].len() as u32,
                row: chunk.len() as u32,
            };
            let index = self.current.facts.len();
            columns.tokens.add(row, &mut self.tokens, index, at);
            let fact = Fact {
                partner_kind: counted.partner_kind,
                month,
                area,
                profile,
                marks: numbers[Group::Marks as usize],
                details,
                week,
                repeats: Repeats::default(),
                is_under_2017_act: numbered.time(COLUMNS.occurred_from, i) >= Some(ACT_COMMENCED),
            };
            self.current.facts.push(fact);
            if is_changed {
                self.changed.push((row, Some(fact)));
            }
        }
        chunk.push(numbered, i, numbers, month, label);
    }

    /// Whether a later release of these files replaced a row.
    fn is_replaced(&mut self, numbered: &NumberedRows, i: usize, files: usize) -> bool {
        let began = numbered.time(COLUMNS.occurred_from, i).unwrap_or_default();
        self.latest.releases.replaced(RecordRelease {
            files,
            month: self.calendar.at(Micros(began)).month,
            revision: numbered.revision(i),
        })
    }

    /// The same at the other time.
    fn is_replaced_at_other_time(&self, columns: &PartColumns<'_>, row: usize) -> bool {
        let partners = &self.settings.reference.partners;
        self.other.is_some_and(|other| {
            let record = columns.records.record(row);
            other.releases.replaced_record(partners, &record)
        })
    }

    /// The day a row was due, in days since 1970: a total after the last month of its period.
    #[inline]
    fn due_day(
        &mut self,
        numbered: &NumberedRows,
        i: usize,
        partner_kind: u32,
        kind: Kind,
        month: Month,
    ) -> i32 {
        let period_end = numbered.time(COLUMNS.period_to, i);
        let period_end = period_end.filter(|_| kind == Kind::Count);
        let last = period_end.map_or(month, |at| self.calendar.at(Micros(at)).month);
        self.due(partner_kind, last)
    }

    /// Looks at the combinations that no part before has.
    fn add_combinations<'r>(&mut self, columns: &PartColumns<'r>)
    where
        's: 'r,
    {
        let numbered = columns.numbered;
        let record = |i: &u32| columns.records.record(numbered.rows[*i as usize] as usize);
        let new = |group: Group| numbered.new[group as usize].iter().map(record);
        new(Group::What).for_each(|record| self.add_what(&record));
        new(Group::Details).for_each(|record| self.add_details(&record));
        let marks = new(Group::Marks).map(|record| record.flags);
        self.current.flags.extend(marks);
        self.area_of.extend(&numbered.new_areas);
    }

    fn add_what<'r>(&mut self, record: &Record<'r>)
    where
        's: 'r,
    {
        let reference = self.settings.reference;
        let partner = partner_of(record.source);
        let basis = reference.partners.date_basis(partner, record.kind);
        let (kind, date_basis) = match record.kind {
            Kind::Count => (
                format!("count:{}", record.what_list.unwrap_or_default()),
                "own",
            ),
            kind => (kind.as_str().to_owned(), basis.as_str()),
        };
        let partner_kind = PartnerKind {
            partner: partner.to_owned(),
            feed: record.feed,
            kind,
            date_basis: date_basis.to_owned(),
            of: record.kind,
            kept_from: None,
        };
        let mut codes = Vec::new();
        reference.source_codes(record, &mut codes);
        let categories = self.category_numbers(&codes);
        let partner_kind = self.partner_kinds.number(partner_kind);
        let source = self.source(partner_kind, record.source);
        let (kind, feed) = (record.kind, record.feed);
        let unknown_schemes = reference.unknown_schemes(&codes).into_iter();
        let unknown_schemes = unknown_schemes.map(str::to_owned).collect();
        self.current.what.push(What {
            partner_kind,
            source,
            codes: categories,
            unknown_schemes,
            kind,
            feed,
            basis,
            release_files: self.latest.releases.known_files(
                &reference.partners,
                record.source,
                record.kind,
            ),
        });
    }

    fn add_details(&mut self, record: &Record<'_>) {
        let outcome = outcome_code(record);
        let is_unknown = outcome.is_some_and(|code| self.settings.reference.is_unknown(&code));
        self.current.unknown_outcome.push(is_unknown);
    }

    /// The numbers of the codes, each once, and of their offence class.
    fn category_numbers(&mut self, codes: &[SourceCode<'_>]) -> Vec<u32> {
        let reference = self.settings.reference;
        let mut numbers: Vec<u32> = Vec::new();
        for code in codes {
            let is_group = reference.crosswalks.groups_of(code.scheme).is_some();
            let number = self.categories.number(Category {
                scheme: code.scheme.to_owned(),
                code: code.code.clone().into_owned(),
                edition: code.edition.map(str::to_owned),
                kind: if is_group { "group" } else { "category" },
            });
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let offence = code_of(codes, "ho-offence");
        let class = offence.and_then(|offence| {
            reference
                .codes
                .class(offence, code_of(codes, "ho-category"))
        });
        numbers.extend(class.map(|class| {
            self.categories.number(Category {
                scheme: "ho-offence".to_owned(),
                code: class.to_owned(),
                edition: None,
                kind: "class",
            })
        }));
        numbers
    }

    /// A source among those of a partner and kind.
    fn source(&mut self, partner_kind: u32, name: &str) -> SourceSet {
        let kinds = self.partner_kinds.values().len();
        self.current.sources.resize(kinds, Vec::new());
        let sources = &mut self.current.sources[partner_kind as usize];
        let index = sources
            .iter()
            .position(|source| source == name)
            .unwrap_or_else(|| {
                sources.push(name.to_owned());
                sources.len() - 1
            });
        SourceSet::one(index)
    }

    /// When a month's records were due, in days since 1970.
    fn due(&mut self, partner_kind: u32, month: Month) -> i32 {
        let (partners, kinds) = (
            &self.settings.reference.partners,
            self.partner_kinds.values(),
        );
        *self.due.entry((partner_kind, month)).or_insert_with(|| {
            let of = &kinds[partner_kind as usize];
            days_since_1970(partners.due(&of.partner, &of.kind, month))
        })
    }

    /// The time of a record as far as any rule asks for it, as a number: its weekday, and between
    /// which limits of the rules' hours it is.
    fn asked(&self, numbered: &NumberedRows, i: usize, week: Week) -> u32 {
        let (settings, limits) = (self.settings, &self.settings.hour_limits);
        let weekday = week.weekday().filter(|_| settings.tests_weekday);
        let hour = week.hour().filter(|_| !limits.is_empty());
        let span = hour.map_or(0, |hour| {
            // Clocks in London differ from UTC by whole hours.
            let at = numbered.time(COLUMNS.occurred_from, i).unwrap_or_default();
            let minute = at.div_euclid(60 * Micros::PER_SECOND).rem_euclid(60);
            let minute = i32::from(hour) * 60 + minute as i32;
            limits.partition_point(|limit| *limit <= minute) + 1
        });
        u32::from(weekday.unwrap_or_default()) * (limits.len() as u32 + 2) + span as u32
    }

    /// The number of a profile; what is new is classified under every wanted plan.
    fn profile<'r>(&mut self, parts: [u32; 4], records: &Rows<'r>, row: usize) -> u32
    where
        's: 'r,
    {
        let (profile, new) = self.current.profiles.number(&parts);
        if new {
            self.labelled
                .resize(self.labelled.len() + self.settings.plans.len(), UNKNOWN);
            let (what, record) = (parts[0], records.record(row));
            for wanted in 0..self.settings.wanted.len() {
                let class = self.classify(self.settings.plan(wanted), &record, what);
                self.current.class_of.push(self.classes.number(class));
            }
            if self.settings.wanted.is_empty() {
                self.current.class_of.push(self.classes.number(Class {
                    rules: RuleSet::default(),
                    possible: RuleSet::default(),
                    what,
                }));
            }
        }
        profile
    }

    fn label<'r>(&mut self, profile: u32, month: Month, records: &Rows<'r>, row: usize) -> u32
    where
        's: 'r,
    {
        let settings = self.settings;
        let plan = *self
            .in_force
            .entry(month)
            .or_insert_with(|| settings.in_force(month));
        let Some(plan) = plan else {
            return self.labels.number(Label {
                plan: None,
                series: SeriesSet::EMPTY,
            });
        };
        let at = profile as usize * settings.plans.len() + plan as usize;
        if self.labelled[at] == UNKNOWN {
            let in_force = settings.plans[plan as usize];
            let what = self.current.profiles.row(profile)[0];
            let class = self.classify(in_force, &records.record(row), what);
            let series = in_force.series_of(class.rules);
            self.labelled[at] = self.labels.number(Label {
                plan: Some(plan),
                series,
            });
        }
        self.labelled[at]
    }

    fn classify<'r>(&self, plan: &Plan, record: &Record<'r>, what: u32) -> Class
    where
        's: 'r,
    {
        let mut codes = Vec::new();
        self.settings.reference.source_codes(record, &mut codes);
        let unknown = &self.current.what[what as usize].unknown_schemes;
        let rules = plan.rules_matching(record, &codes);
        let possible = if unknown.is_empty() {
            rules
        } else {
            plan.rules_possible(record, &codes, unknown.iter().map(String::as_str))
        };
        Class {
            rules,
            possible,
            what,
        }
    }

    fn finish(self, numbering: Numbering<'_>) -> Current {
        let mut current = self.current;
        current.texts = numbering.texts;
        current.groups = numbering.groups;
        for (id, month) in &self.repeated {
            if numbering.contents.is_contradicted(*id) {
                current.quality.entry(*month).or_default().contradictions += 1;
            }
        }
        current.partner_kinds = self.partner_kinds.into_values();
        current.categories = self.categories.into_values();
        current.labels = self.labels.into_values();
        current.classes = self.classes.into_values();
        let areas = &numbering.areas;
        current.areas = (0..areas.len())
            .map(|n| areas.row(n as u32).try_into().unwrap_or_default())
            .collect();
        current.unknown_codes =
            unknown_codes(&current, &self.settings.reference.codes, &self.unknown);
        self.tokens.find_repeats(&mut current);
        current.marked = marked(&current);
        current
            .facts
            .par_sort_unstable_by_key(|fact| (fact.partner_kind, fact.area, fact.month));
        current.says_places = says_places(&current);
        current
    }
}

/// The unknown codes of records by their combinations of codes and of details.
pub(crate) fn unknown_codes(
    current: &Current,
    lists: &CodeLists,
    records: &BTreeMap<[u32; 2], u64>,
) -> UnknownCodes {
    let mut unknown = UnknownCodes::default();
    for ([what, details], records) in records {
        for category in &current.what[*what as usize].codes {
            let category = &current.categories[*category as usize];
            if category.kind == "category" {
                let edition = category.edition.as_deref();
                unknown.add(lists, &category.scheme, edition, &category.code, *records);
            }
        }
        let [list, code] = [COLUMNS.outcome_list, COLUMNS.outcome_code]
            .map(|column| current.texts.text(current.value(column, *details)));
        if let (Some(list), Some(code)) = (list, code) {
            unknown.add(lists, list, None, code, *records);
        }
    }
    unknown
}

/// The first code under a scheme.
fn code_of<'c>(codes: &'c [SourceCode<'_>], scheme: &str) -> Option<&'c str> {
    let code = codes.iter().find(|code| code.scheme == scheme);
    code.map(|code| &*code.code)
}

/// For each partner's kind and source: the flags that its records say true or false.
fn marked(current: &Current) -> Vec<Vec<u32>> {
    let mut marked: Vec<Vec<u32>> = current
        .sources
        .iter()
        .map(|sources| vec![0; sources.len()])
        .collect();
    for profile in 0..current.profiles.len() as u32 {
        let [what, marks, ..] = *current.profiles.row(profile) else {
            continue;
        };
        let (what, flags) = (&current.what[what as usize], current.flags[marks as usize]);
        let of = &mut marked[what.partner_kind as usize];
        let source = what.source.first().min(of.len() - 1);
        of[source] |= flags.yes | flags.no;
    }
    marked
}

/// For each partner's kind whether any record has a location: an LSOA or a zone.
fn says_places(current: &Current) -> Vec<bool> {
    let mut says = vec![false; current.partner_kinds.len()];
    for facts in current
        .facts
        .chunk_by(|a, b| (a.partner_kind, a.area) == (b.partner_kind, b.area))
    {
        let sent = current.sent(facts[0].area);
        says[facts[0].partner_kind as usize] |= sent.level == "lsoa" || sent.zone.is_some();
    }
    says
}
