//! What each partner delivered: what the ledger accepted and refused, and for each kind and month how
//! complete and how timely its records are. Scorecards are made of this.
//!
//! It must not know how a scorecard looks. The invariant: each number is one that a query of the
//! ledger, of `events/` or of the table `feed_quality` gives too.

use std::collections::BTreeMap;

use arrow_schema::DataType;
use hashbrown::HashMap;
use jiff::civil;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::aggregate::figures::areas::OUTSIDE;
use crate::aggregate::figures::feed_months::{FeedMonth, feed_months};
use crate::aggregate::figures::intake::Intake;
use crate::aggregate::figures::periods::Figures;
use crate::aggregate::figures::status::{DataStatus, MedianComparison};
use crate::aggregate::snapshot::{Snapshot, read_chains};
use crate::aggregate::state::current::{Chunk, Current, PartnerKind, precision_of, unknown_codes};
use crate::aggregate::state::intern::ABSENT;
use crate::aggregate::{AggregateError, AggregateSettings, PlanChoice, RunProgress, run};
use crate::contract::columns::{COLUMNS, DEFINITIONS, Definition, Group};
use crate::contract::flags::Flags;
use crate::contract::moment::Precision;
use crate::contract::{fields, schemas};
use crate::event::{Feed, Micros, Month, Position, TopicPartition};
use crate::normalise;
use crate::reference::{CodeLists, Reference};
use crate::storage::Store;

/// Values of a record that say that something is not known. A share of them that is high shows a
/// default which a system fills in.
const DEFAULTS: [&str; 3] = ["other", "not_known", "unknown"];

/// What all partners delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Deliveries {
    /// The time of the figures: the newest receipt, unless an earlier one was chosen.
    pub as_at: Option<Micros>,
    /// What was read: the ends of the chains, and the reference data.
    pub provenance: Value,
    /// By partner and feed: only those with a record or a reject.
    pub feeds: BTreeMap<(String, Feed), FeedDelivery>,
}

/// What a partner delivered to a feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedDelivery {
    /// Accepted rows of the ledger: every revision, and every repetition.
    pub accepted: u64,
    /// When Kafka received the newest of its records.
    pub last_received: Option<Micros>,
    /// By kind, as tables name it.
    pub kinds: BTreeMap<String, KindDelivery>,
    /// The rejects by reason, pointer and kind.
    pub refusals: Vec<RefusalCount>,
}

/// What a partner delivered of a kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KindDelivery {
    /// From the first month with a record on, in order.
    pub months: Vec<MonthDelivery>,
    /// How often a record has a code that its list does not contain, by list.
    pub unknown_codes: BTreeMap<String, u64>,
}

/// A month of a partner's kind.
#[derive(Clone, Debug, PartialEq)]
pub struct MonthDelivery {
    /// The month.
    pub month: Month,
    /// The last day on which its records may arrive and not be late.
    pub due: civil::Date,
    /// `not_kept`, `overdue`, `not_due`, `suspect`, `provisional` or `final`; none = before figures begin.
    pub status: Option<&'static str>,
    /// Records that count.
    pub records: i64,
    /// Of these, first received after the month was due.
    pub late: i64,
    /// Of these, with an earlier revision.
    pub revised: i64,
    /// Records that were cancelled, or replaced by a later release.
    pub cancelled: i64,
    /// Records whose latest revision was sent with different contents.
    pub contradictions: i64,
    /// Records with a code that its list does not contain.
    pub unknown_code: i64,
    /// Records without `recorded_at`, where that decides the month.
    pub date_fallback: i64,
    /// Records without an area.
    pub no_location: i64,
    /// Records in an area outside every set; none = their areas are too coarse, or totals.
    pub outside: Option<i64>,
    /// Records under no priority or theme of the plan in force; none = no plan, or totals.
    pub unmapped: Option<i64>,
    /// The median of the records of the months around; none = too few have records.
    pub reference: Option<f64>,
    /// Records / `reference`.
    pub ratio: Option<f64>,
    /// Records with each field that may be absent, by its name in the contract.
    pub complete: BTreeMap<String, i64>,
    /// Records whose date is known to the month only.
    pub month_precision: i64,
    /// Records with a value such as `other` or `not_known`.
    pub other_or_not_known: i64,
}

impl MonthDelivery {
    /// Whether its records were due, and none came.
    pub fn is_overdue(&self) -> bool {
        self.status == Some(DataStatus::Overdue.as_str())
    }

    /// Whether it has far fewer or far more records than the months around.
    pub fn is_suspect(&self) -> bool {
        self.status == Some(DataStatus::Suspect.as_str())
    }
}

/// Rejects with one reason, pointer and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalCount {
    /// The reason code.
    pub reason: String,
    /// The JSON pointer; empty = the complete event.
    pub pointer: String,
    /// The kind; none = it could not be read.
    pub kind: Option<String>,
    /// The rule, and what to do.
    pub rule: String,
    /// How many, by the month received.
    pub by_month: BTreeMap<Month, u64>,
    /// Where the newest were read, the newest first.
    pub at: Vec<(TopicPartition, Position)>,
}

/// Reads what all partners delivered, without writing a table; `None` = no record was ever accepted.
pub fn deliveries(
    store: &Store,
    reference: &Reference,
    as_at: Option<Micros>,
    runtime: &Handle,
    progress: &mut dyn RunProgress,
) -> Result<Option<Deliveries>, AggregateError> {
    let settings = AggregateSettings::new(vec![PlanChoice::InForce], reference, as_at);
    let read = read_chains(store, None, runtime, |chains| {
        Snapshot::read(store, chains, &settings, runtime, progress)
    })?;
    let Some((chains, snapshot)) = read else {
        return Ok(None);
    };
    let provenance = run::provenance(&chains, &settings, snapshot.as_at, &settings.plans);
    snapshot.deliveries(&settings, provenance).map(Some)
}

impl Snapshot {
    /// What all partners delivered, of what was read.
    pub(super) fn deliveries(
        &self,
        settings: &AggregateSettings<'_>,
        provenance: Value,
    ) -> Result<Deliveries, AggregateError> {
        let area = run::area_in_force(settings)?;
        let figures = Figures::new(&self.current, settings, area, self.as_at)?;
        Ok(Deliveries {
            as_at: self.as_at,
            provenance,
            feeds: feed_deliveries(&figures, &self.intake),
        })
    }
}

fn feed_deliveries(
    figures: &Figures<'_>,
    intake: &Intake,
) -> BTreeMap<(String, Feed), FeedDelivery> {
    let mut feeds: BTreeMap<(String, Feed), FeedDelivery> = BTreeMap::new();
    for (key, accepted) in &intake.accepted {
        let feed = feeds.entry(key.clone()).or_default();
        feed.accepted = accepted.rows;
        feed.last_received = Some(Micros(accepted.last_received));
    }
    for (key, refusal) in intake.rejects.by_reason() {
        let feed = feeds.entry((key.partner.clone(), key.feed)).or_default();
        let newest = refusal.newest.first().map(|(received, ..)| *received);
        feed.last_received = feed.last_received.max(newest);
        feed.refusals.push(RefusalCount {
            reason: key.reason.clone(),
            pointer: key.pointer.clone(),
            kind: key.kind.clone(),
            rule: refusal.rule.clone(),
            by_month: refusal.by_month.clone(),
            at: refusal
                .newest
                .iter()
                .map(|(_, partition, position)| (partition.clone(), *position))
                .collect(),
        });
    }
    let contents = KindContents::read_all(figures);
    for month in feed_months(figures, intake) {
        let Some((kind, index)) = month.kind.clone().zip(month.partner_kind) else {
            continue; // only rejects, which are listed by reason
        };
        let Some(feed) = Feed::from_name(month.feed) else {
            continue;
        };
        let feed = feeds.entry((month.partner.clone(), feed)).or_default();
        let of_kind = feed.kinds.entry(kind).or_default();
        let is_empty = month.quality.records == 0 && month.quality.cancelled == 0;
        if !(is_empty && month.status.is_none()) {
            let delivery = month_delivery(figures, &month, &contents[index]);
            of_kind.months.push(delivery);
        }
        of_kind
            .unknown_codes
            .clone_from(&contents[index].unknown_codes);
    }
    feeds
}

fn month_delivery(
    figures: &Figures<'_>,
    month: &FeedMonth,
    contents: &KindContents,
) -> MonthDelivery {
    let partners = &figures.settings.reference.partners;
    let kind = month.kind.as_deref().unwrap_or_default();
    let quality = &month.quality;
    let counts = contents.months.get(&month.month);
    let has_figures = quality.records > 0 && month.status.is_some();
    MonthDelivery {
        month: month.month,
        due: partners.due(&month.partner, kind, month.month),
        status: month.status.map(DataStatus::as_str),
        records: quality.records,
        late: quality.late,
        revised: quality.revised,
        cancelled: quality.cancelled,
        contradictions: quality.contradictions,
        unknown_code: quality.unknown_code,
        date_fallback: quality.date_fallback,
        no_location: quality.no_location,
        outside: contents
            .outside
            .as_ref()
            .map(|outside| outside.get(&month.month).copied().unwrap_or_default())
            .filter(|_| has_figures),
        unmapped: counts.and_then(|counts| counts.unmapped),
        reference: month.comparison.map(|comparison| comparison.median),
        ratio: month.comparison.map(MedianComparison::ratio),
        complete: counts.map_or_else(BTreeMap::new, |counts| {
            let names = contents.fields.iter().map(|field| field.name.clone());
            names.zip(counts.with_field.iter().copied()).collect()
        }),
        month_precision: counts.map_or(0, |counts| counts.month_precision),
        other_or_not_known: counts.map_or(0, |counts| counts.other_or_not_known),
    }
}

/// What the records of a partner's kind contain.
struct KindContents {
    fields: Vec<MeasuredField>,
    months: BTreeMap<Month, ContentCounts>,
    /// Records outside every set of areas by month; none = their areas are too coarse, or totals.
    outside: Option<BTreeMap<Month, i64>>,
    unknown_codes: BTreeMap<String, u64>,
}

/// The records of a month, by what they contain.
struct ContentCounts {
    /// In the order of the fields.
    with_field: Vec<i64>,
    month_precision: i64,
    other_or_not_known: i64,
    unmapped: Option<i64>,
}

/// A field that may be absent, and where the aggregation keeps it.
struct MeasuredField {
    name: String,
    column: MeasuredColumn,
}

/// Where the aggregation keeps a field.
#[derive(Clone, Copy)]
enum MeasuredColumn {
    /// A column of a combination.
    Of(Group, usize),
    /// A bit of the flags.
    Flag(u32),
}

impl MeasuredField {
    fn new(name: impl Into<String>, definition: &Definition) -> Self {
        let group = match definition.group {
            // The details begin with how exactly each time is known.
            Group::Times => Group::Details,
            group => group,
        };
        Self {
            name: name.into(),
            column: MeasuredColumn::Of(group, definition.index),
        }
    }

    /// Whether it is kept with the combinations of a group.
    fn is_of(&self, wanted: Group) -> bool {
        match self.column {
            MeasuredColumn::Of(group, _) => group == wanted,
            MeasuredColumn::Flag(_) => wanted == Group::Marks,
        }
    }

    /// Whether a combination of its group has a value.
    fn is_in(&self, current: &Current, combination: u32) -> bool {
        match self.column {
            MeasuredColumn::Of(group, index) => {
                current.groups[group as usize].row(combination)[index] != ABSENT
            }
            MeasuredColumn::Flag(bit) => {
                let flags = current.flags[combination as usize];
                (flags.yes | flags.no) & bit != 0
            }
        }
    }
}

/// The fields of a partner's kind that may be absent: of the flags, those that its systems have.
fn measured_fields(reference: &Reference, of: &PartnerKind) -> Vec<MeasuredField> {
    if of.is_count() {
        return Vec::new();
    }
    let schema = schemas::document(of.of.as_str());
    let required = schema.and_then(|schema| schema["required"].as_array());
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
    let column = |name: &str| DEFINITIONS.iter().find(|column| column.name == name);
    let mut measured = Vec::new();
    for field in fields(of.of) {
        match field.name {
            "what" | "cancellation" => {}
            "when" => measured.push(MeasuredField::new(
                "when.recorded_at",
                COLUMNS.recorded_at.definition(),
            )),
            "area" => {
                measured.push(MeasuredField::new("area", COLUMNS.area_code.definition()));
            }
            "outcome" => measured.push(MeasuredField::new(
                "outcome",
                COLUMNS.outcome_code.definition(),
            )),
            part @ ("person" | "victim" | "suspect") => {
                measured.extend(["age_band", "sex"].iter().filter_map(|name| {
                    let column = column(&format!("{part}_{name}"))?;
                    Some(MeasuredField::new(format!("{part}.{name}"), column))
                }));
            }
            "flags" => {
                let carried = reference.partners.carried(&of.partner, of.of).flags;
                measured.extend(Flags::names(carried).filter_map(|name| {
                    Some(MeasuredField {
                        name: format!("flags.{name}"),
                        column: MeasuredColumn::Flag(Flags::bit(name)?),
                    })
                }));
            }
            name if is_required(name) => {}
            name => {
                measured
                    .extend(column(field.column).map(|column| MeasuredField::new(name, column)));
            }
        }
    }
    measured
}

/// Records by two numbers and the month.
type CombinationCounts = HashMap<(u32, u32, Month), i64>;

/// Records by what they are about together with each other combination, or with the plan's label.
#[derive(Default)]
struct Combinations {
    marks: CombinationCounts,
    area: CombinationCounts,
    details: CombinationCounts,
    labels: CombinationCounts,
}

impl Combinations {
    fn add(&mut self, chunk: &Chunk) {
        for (row, month) in chunk.months.iter().enumerate() {
            let of_group = |group| chunk.number(group, row);
            for (counts, combination) in [
                (&mut self.marks, of_group(Group::Marks)),
                (&mut self.area, of_group(Group::Area)),
                (&mut self.details, of_group(Group::Details)),
                (&mut self.labels, chunk.label(row)),
            ] {
                let of = (of_group(Group::What), combination, *month);
                *counts.entry(of).or_default() += 1;
            }
        }
    }
}

impl KindContents {
    /// The contents of every partner's kind, by its index.
    fn read_all(figures: &Figures<'_>) -> Vec<Self> {
        let current = figures.current;
        let reference = figures.settings.reference;
        let mut kinds: Vec<Self> = current
            .partner_kinds
            .iter()
            .enumerate()
            .map(|(index, of)| Self {
                fields: measured_fields(reference, of),
                months: BTreeMap::new(),
                outside: records_outside(figures, index),
                unknown_codes: BTreeMap::new(),
            })
            .collect();
        let mut combinations = Combinations::default();
        current
            .feeds
            .iter()
            .flatten()
            .for_each(|chunk| combinations.add(chunk));
        let texts = texts_of_details();
        for (group, counts) in [
            (Group::Marks, &combinations.marks),
            (Group::Area, &combinations.area),
            (Group::Details, &combinations.details),
        ] {
            for ((what, number, month), records) in counts {
                let kind = current.what[*what as usize].partner_kind as usize;
                if current.partner_kinds[kind].is_count() {
                    continue;
                }
                kinds[kind].add(current, &texts, group, (*what, *number), *month, *records);
            }
        }
        for ((what, label, month), records) in &combinations.labels {
            let label = current.labels[*label as usize];
            let kind = current.what[*what as usize].partner_kind as usize;
            if label.plan.is_some() && !current.partner_kinds[kind].is_count() {
                let counts = kinds[kind].month(*month);
                let unmapped = counts.unmapped.get_or_insert_default();
                *unmapped += if label.series.is_empty() { *records } else { 0 };
            }
        }
        add_unknown_codes(current, &reference.codes, &combinations, &mut kinds);
        kinds
    }

    fn month(&mut self, month: Month) -> &mut ContentCounts {
        let fields = self.fields.len();
        self.months.entry(month).or_insert_with(|| ContentCounts {
            with_field: vec![0; fields],
            month_precision: 0,
            other_or_not_known: 0,
            unmapped: None,
        })
    }

    /// Adds records of one month with a combination of a group, and one of what they are about.
    fn add(
        &mut self,
        current: &Current,
        texts: &[usize],
        group: Group,
        (what, combination): (u32, u32),
        month: Month,
        records: i64,
    ) {
        let is_present = |field: &MeasuredField| {
            let own = field.is_of(group) && field.is_in(current, combination);
            // What a record is about is counted together with its details.
            let of_what =
                group == Group::Details && field.is_of(Group::What) && field.is_in(current, what);
            own || of_what
        };
        let present: Vec<bool> = self.fields.iter().map(is_present).collect();
        let counts = self.month(month);
        for (count, is_present) in counts.with_field.iter_mut().zip(present) {
            *count += if is_present { records } else { 0 };
        }
        if group == Group::Details {
            if is_known_to_the_month(current, combination) {
                counts.month_precision += records;
            }
            if has_default(current, texts, what, combination) {
                counts.other_or_not_known += records;
            }
        }
    }
}

/// The indexes of the texts in a combination of details, without how exactly times are known.
fn texts_of_details() -> Vec<usize> {
    let details = DEFINITIONS
        .iter()
        .filter(|column| column.group == Group::Details);
    details
        .filter(|column| {
            let stored = normalise::columns_of(column)[0].data_type();
            matches!(stored, DataType::Utf8 | DataType::Dictionary(..))
        })
        .map(|column| column.index)
        .collect()
}

/// Whether any field of a record contains that something is not known; `texts` are the fields among
/// its details.
fn has_default(current: &Current, texts: &[usize], what: u32, details: u32) -> bool {
    let [what, details] = [(Group::What, what), (Group::Details, details)]
        .map(|(group, number)| current.groups[group as usize].row(number));
    let is_default = |number: u32| {
        let text = current.texts.text(number);
        text.is_some_and(|text| DEFAULTS.contains(&text))
    };
    is_default(what[COLUMNS.what_category.index()])
        || texts.iter().any(|index| is_default(details[*index]))
}

/// Whether only the month is known in which a record happened or began.
fn is_known_to_the_month(current: &Current, details: u32) -> bool {
    let details = current.groups[Group::Details as usize].row(details);
    let precision = current
        .texts
        .text(details[precision_of(COLUMNS.occurred_from)]);
    precision.and_then(Precision::from_name) == Some(Precision::Month)
}

/// The records of a kind by month in an area outside every set; none = its areas are too coarse to
/// tell, or its records are totals.
fn records_outside(figures: &Figures<'_>, kind: usize) -> Option<BTreeMap<Month, i64>> {
    let areas = &figures.areas;
    let is_set = |area: &u32| areas.sorted[*area as usize].level == "set";
    let has_sets = areas.by_kind[kind].iter().any(is_set);
    if !has_sets || figures.current.partner_kinds[kind].is_count() {
        return None;
    }
    let mut outside = BTreeMap::new();
    for facts in figures.facts(kind).chunk_by(|a, b| a.area == b.area) {
        let mut targets = areas.targets(kind, facts[0].area).iter();
        let is_outside =
            targets.any(|area| is_set(area) && areas.sorted[*area as usize].code == OUTSIDE);
        if is_outside {
            for fact in facts {
                *outside.entry(fact.month).or_default() += 1;
            }
        }
    }
    Some(outside)
}

fn add_unknown_codes(
    current: &Current,
    lists: &CodeLists,
    combinations: &Combinations,
    kinds: &mut [KindContents],
) {
    let mut unknown: BTreeMap<usize, BTreeMap<[u32; 2], u64>> = BTreeMap::new();
    for ((what, details, _), records) in &combinations.details {
        let of = &current.what[*what as usize];
        if of.has_unknown_code() || current.unknown_outcome[*details as usize] {
            let of_kind = unknown.entry(of.partner_kind as usize).or_default();
            *of_kind.entry([*what, *details]).or_default() += *records as u64;
        }
    }
    for (kind, records) in unknown {
        kinds[kind].unknown_codes = unknown_codes(current, lists, &records).by_list();
    }
}
