//! `events/<feed>.parquet`: the current state of every record that counts, one row each, with its
//! month and the priorities and themes it falls under.
//!
//! Nothing here depends on how a record came: no coordinates, no receipt, so equal events make
//! equal bytes. No token of a person or place is here either; what counts repeats reads the ledger.

use std::io::Write;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Int32Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, SchemaRef};
use rayon::slice::ParallelSliceMut;

use crate::aggregate::state::calendar::Calendar;
use crate::aggregate::state::current::{
    Category, Chunk, Current, Label, PartnerKind, What, precision_of,
};
use crate::aggregate::state::intern::ABSENT;
use crate::aggregate::tables::parquet_file::{
    ParquetFile, ROW_GROUP_ROWS, field, local_time, schema, timestamp,
};
use crate::aggregate::{AggregateError, AggregateSettings};
use crate::contract::columns::{COLUMNS, DEFINITIONS, Definition, Group, TimeColumn};
use crate::contract::flags::Flags;
use crate::contract::moment::Precision;
use crate::event::{Feed, Micros, Month, days_since_1970};
use crate::normalise;
use crate::reference::pattern::is_base;
use crate::reference::plan::{Plan, SeriesKind};

/// The question it answers, and what its rows are.
pub(super) const DESCRIPTION: &str =
    "What is known of each record? The current state of every record that counts, one row each.";

/// A column that is worked out, beside those of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Derived {
    Partner,
    Month,
    DateBasis,
    OccurredDate,
    OccurredLocal,
    Weekday,
    Hour,
    RecordedLocal,
    Scheme,
    Code,
    Codes,
    Groups,
    Class,
    UnknownCode,
    UnknownSchemes,
    PersonAgain,
    VictimAgain,
    SuspectAgain,
    MentalHealth,
    Plan,
    Priorities,
    Themes,
}

impl Derived {
    /// Its name and what it means.
    const fn definition(self) -> (&'static str, &'static str) {
        match self {
            Self::Partner => ("partner", "Who sent it, from `source`."),
            Self::Month => (
                "month",
                "The first day of the month it counts in (Europe/London), by `date_basis`.",
            ),
            Self::DateBasis => (
                "date_basis",
                "The date that puts it into its month: `recorded` (`recorded_at`, else \
                 `occurred_from`) or `occurred`; of a count, its own.",
            ),
            Self::OccurredDate => (
                "occurred_date",
                "The day it happened or began (Europe/London); null = only its month is known.",
            ),
            Self::OccurredLocal => (
                "occurred_local",
                "`occurred_from` in local time (Europe/London), without a zone: group by this. It \
                 is no more exact than `occurred_from_precision` says.",
            ),
            Self::Weekday => (
                "weekday",
                "Day of the week it happened or began, 1 = Monday (Europe/London); null = not \
                 known so exactly.",
            ),
            Self::Hour => (
                "hour",
                "Hour it happened or began, 0 to 23 (Europe/London); null = not known so exactly.",
            ),
            Self::RecordedLocal => (
                "recorded_local",
                "`recorded_at` in local time (Europe/London), without a zone: group by this. It \
                 is no more exact than `recorded_at_precision` says.",
            ),
            Self::Scheme => ("scheme", "The scheme of `code`, as in category_monthly."),
            Self::Code => (
                "code",
                "Its first code under that scheme; null = none sent.",
            ),
            Self::Codes => (
                "codes",
                "Its codes, each `scheme:code`, joined by `;`; empty = none sent. Of totals, \
                 without the codes that are bases of others.",
            ),
            Self::Groups => (
                "groups",
                "The groups that crosswalks give its codes, each `scheme:group`, joined by `;`; \
                 empty = none.",
            ),
            Self::Class => (
                "offence_class",
                "Whether its offence has a victim (`V`), is against the state (`S`) or either \
                 (`S/V`), by the offence list; null = no offence of a known list.",
            ),
            Self::UnknownCode => (
                "unknown_code",
                "Whether the list of one of its codes, the outcome included, does not contain it.",
            ),
            Self::UnknownSchemes => (
                "unknown_schemes",
                "The schemes whose list does not contain its code, and the groups that such a code \
                 might have, joined by `;`; null = every code is known.",
            ),
            Self::PersonAgain => (
                "person_again",
                "Whether the person is in another record of this partner and kind within the 12 \
                 months before; null = no token sent.",
            ),
            Self::VictimAgain => ("victim_again", "As `person_again`, of the harmed person."),
            Self::SuspectAgain => (
                "suspect_again",
                "As `person_again`, of the person suspected.",
            ),
            Self::MentalHealth => (
                "mental_health",
                "Whether mental health plays a part: any of its three flags is true; none is and \
                 one is false; null = not recorded.",
            ),
            Self::Plan => ("plan_id", "The plan in force in its month; null = no plan."),
            Self::Priorities => (
                "priorities",
                "Priorities of that plan it falls under, joined by `;`; empty = none, null = no \
                 plan.",
            ),
            Self::Themes => (
                "themes",
                "Cross-cutting themes of that plan it falls under, joined by `;`; empty = none, \
                 null = no plan.",
            ),
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Month | Self::OccurredDate => DataType::Date32,
            Self::OccurredLocal | Self::RecordedLocal => local_time(),
            Self::Weekday | Self::Hour => DataType::Int32,
            Self::UnknownCode
            | Self::PersonAgain
            | Self::VictimAgain
            | Self::SuspectAgain
            | Self::MentalHealth => DataType::Boolean,
            _ => DataType::Utf8,
        }
    }
}

/// A column of the file of a feed.
#[derive(Clone, Copy)]
enum EventColumn {
    /// One of the ledger's, in the files of the feeds it names.
    Ledger(&'static Definition),
    /// One that is worked out, in every file.
    Derived(Derived),
}

macro_rules! ledger {
    ($($name:ident)+) => { &[$(EventColumn::Ledger(COLUMNS.$name.definition())),+] };
}

macro_rules! derived {
    ($($name:ident)+) => { &[$(EventColumn::Derived(Derived::$name)),+] };
}

/// The order of the columns. Those of the ledger that it does not name follow in the ledger's
/// order, so that a new one comes last.
const ORDER: [&[EventColumn]; 9] = [
    ledger![source],
    derived![Partner],
    ledger![feed kind subject revision time],
    derived![Month DateBasis OccurredDate OccurredLocal Weekday Hour RecordedLocal],
    ledger![what_list what_edition what_category what_code],
    derived![Scheme Code Codes Groups Class UnknownCode UnknownSchemes],
    ledger![
        occurred_from occurred_to recorded_at
        area_code area_level area_role area_vintage area_confidence area_zone
        flags
    ],
    derived![MentalHealth Plan Priorities Themes PersonAgain VictimAgain SuspectAgain],
    ledger![
        person_age_band person_sex referred_by ended_at children
        victim_age_band victim_sex suspect_age_band suspect_sex
        outcome_list outcome_code outcome_at crime_recorded
        icd10_further method site_code place_code response_category conveyed
        place_of_safety arrived_at extended result transport police_vehicle_reason
        police_station_reason professional_consulted search_type legislation outcome_linked
        operation concerns stage repeat repeat_definition setting assessment section_21
        support_needs children_present closed_at end action case_review police_informed tenure
        statutory_nuisance procedure landlord ground supported not_supported_reason
        period_from period_to unit provisional age_band sex with_flag status value at_least
        at_most
    ],
];

/// Columns of the ledger whose name is a keyword of a tool that analysts use, and their names here.
const RENAMED: [(&str, &str); 3] = [
    ("end", "end_reason"),
    ("procedure", "possession_procedure"),
    ("time", "revision_at"),
];

/// What a column of the ledger is called in `events/`.
pub(crate) fn event_name(in_ledger: &str) -> &str {
    RENAMED
        .iter()
        .find(|(name, _)| *name == in_ledger)
        .map_or(in_ledger, |(_, name)| name)
}

/// What the description of a time adds to that of the ledger.
const IN_UTC: &str =
    "In UTC, where a summer day begins at 23:00 of the day before: group by local time.";

/// Where a column comes from.
#[derive(Clone, Copy)]
enum Origin {
    Subject,
    Revision,
    Sent,
    /// A time, by its index.
    Time(usize),
    /// A text, integer or boolean of a combination.
    Combined(Group, usize, ValueForm),
    /// One that is worked out.
    Derived(Derived),
}

#[derive(Clone, Copy)]
enum ValueForm {
    Text,
    Integer,
    Boolean,
}

/// All columns of the ledger and the derived ones, in order, the same for each feed.
fn in_order() -> impl Iterator<Item = EventColumn> {
    let others = DEFINITIONS.iter().filter(|column| {
        !ordered().any(|own| matches!(own, EventColumn::Ledger(own) if own.name == column.name))
    });
    ordered().chain(others.map(EventColumn::Ledger))
}

/// The columns whose order is fixed.
fn ordered() -> impl Iterator<Item = EventColumn> {
    ORDER.into_iter().flatten().copied()
}

/// The columns of a feed's file.
fn columns(feed: Feed) -> Vec<(Field, Origin)> {
    columns_where(|column| column.feeds.contains(&feed))
}

fn columns_where(is_in: impl Fn(&Definition) -> bool) -> Vec<(Field, Origin)> {
    let mut columns = Vec::new();
    for column in in_order() {
        match column {
            EventColumn::Ledger(column) if is_in(column) => add_ledger_column(column, &mut columns),
            EventColumn::Ledger(_) => {}
            EventColumn::Derived(column) => {
                let (name, description) = column.definition();
                columns.push((
                    field(name, column.data_type(), description),
                    Origin::Derived(column),
                ));
            }
        }
    }
    columns
}

/// Adds a column of the ledger: each of its parts, as a time has two.
fn add_ledger_column(column: &'static Definition, columns: &mut Vec<(Field, Origin)>) {
    for (part, in_ledger) in normalise::columns_of(column).iter().enumerate() {
        let origin = origin(column, part, in_ledger.data_type());
        let data_type = match origin {
            Origin::Time(_) | Origin::Sent => timestamp(),
            Origin::Revision | Origin::Combined(_, _, ValueForm::Integer) => DataType::Int32,
            Origin::Combined(_, _, ValueForm::Boolean) => DataType::Boolean,
            Origin::Subject | Origin::Combined(_, _, ValueForm::Text) | Origin::Derived(_) => {
                DataType::Utf8
            }
        };
        let name = event_name(in_ledger.name());
        let mut description = normalise::description(in_ledger).to_owned();
        if matches!(origin, Origin::Time(_)) {
            description = format!("{description} {IN_UTC}");
        }
        columns.push((field(name, data_type, &description), origin));
    }
}

fn origin(column: &Definition, part: usize, in_ledger: &DataType) -> Origin {
    let form = match in_ledger {
        DataType::Int32 => ValueForm::Integer,
        DataType::Boolean => ValueForm::Boolean,
        _ => ValueForm::Text,
    };
    match column.group {
        Group::Times if part == 0 => Origin::Time(column.index),
        Group::Times => Origin::Combined(Group::Details, column.index, form),
        group @ (Group::What | Group::Marks | Group::Area | Group::Details) => {
            Origin::Combined(group, column.index + part, form)
        }
        Group::Apart if column.name == COLUMNS.subject.name() => Origin::Subject,
        Group::Apart if column.name == COLUMNS.revision.name() => Origin::Revision,
        Group::Apart if column.name == COLUMNS.time.name() => Origin::Sent,
        Group::Apart | Group::Tokens => unreachable!("{} is kept for no table", column.name),
    }
}

/// The columns of all feeds' files together, in order.
pub fn schema_of_all() -> SchemaRef {
    schema(
        columns_where(|column| !column.feeds.is_empty())
            .into_iter()
            .map(|(field, _)| field),
    )
}

/// The columns of a feed's file, described.
pub fn schema_of(feed: Feed) -> SchemaRef {
    schema(columns(feed).into_iter().map(|(field, _)| field))
}

/// A row of a chunk, with the beginning of its subject so that most comparisons need no more.
#[derive(Clone, Copy)]
struct RowIndex {
    beginning: u64,
    chunk: u32,
    row: u32,
}

impl RowIndex {
    #[inline]
    fn subject<'c>(&self, chunks: &'c [Chunk]) -> &'c str {
        chunks[self.chunk as usize].subject(self.row as usize)
    }
}

/// Writes the file of a feed to `output`; rows are sorted by source and subject.
pub(crate) fn write(
    output: impl Write + Send,
    current: &Current,
    feed: Feed,
    chunks: &[Chunk],
    settings: &AggregateSettings<'_>,
    mut progress: impl FnMut(u64),
) -> Result<(), AggregateError> {
    let columns = columns(feed);
    let indices = sorted(current, chunks);
    let mut writer = ParquetFile::new(output, DESCRIPTION, &schema_of(feed), &["subject"])?;
    let texts = current.texts.values();
    let named = Named::new(current, settings);
    for indices in indices.chunks(ROW_GROUP_ROWS) {
        let rows = GroupRows::gather(chunks, indices);
        writer.row_group(&|index| {
            let (_, origin) = &columns[index];
            rows.column(*origin, current, &texts, &named)
        })?;
        progress(indices.len() as u64);
    }
    writer.finish()?;
    Ok(())
}

fn sorted(current: &Current, chunks: &[Chunk]) -> Vec<RowIndex> {
    let mut by_source: Vec<(u32, Vec<RowIndex>)> = Vec::new();
    for (c, chunk) in chunks.iter().enumerate() {
        for row in 0..chunk.len() {
            let what = chunk.number(Group::What, row);
            let source = current.value(COLUMNS.source, what);
            let at = by_source
                .iter()
                .position(|(s, _)| *s == source)
                .unwrap_or_else(|| {
                    by_source.push((source, Vec::new()));
                    by_source.len() - 1
                });
            by_source[at].1.push(RowIndex {
                beginning: 0,
                chunk: c as u32,
                row: row as u32,
            });
        }
    }
    by_source.sort_by_key(|(source, _)| current.texts.text(*source));
    for (_, indices) in &mut by_source {
        let same = indices.first().map_or(0, |first| {
            let subjects = indices.iter().map(|index| index.subject(chunks));
            common(subjects, first.subject(chunks))
        });
        for index in indices.iter_mut() {
            index.beginning = beginning(&index.subject(chunks).as_bytes()[same..]);
        }
        indices.par_sort_unstable_by(|a, b| {
            a.beginning
                .cmp(&b.beginning)
                .then_with(|| a.subject(chunks).cmp(b.subject(chunks)))
        });
    }
    let mut sorted = Vec::with_capacity(by_source.iter().map(|(_, indices)| indices.len()).sum());
    for (_, indices) in by_source {
        sorted.extend(indices);
    }
    sorted
}

/// How many bytes all texts begin with alike.
fn common<'t>(texts: impl Iterator<Item = &'t str>, first: &str) -> usize {
    texts.fold(first.len(), |same, text| {
        first
            .bytes()
            .zip(text.bytes())
            .take(same)
            .take_while(|(a, b)| a == b)
            .count()
    })
}

/// The first 8 bytes as a number in the order of the texts.
fn beginning(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = bytes.len().min(8);
    first[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(first)
}

/// Texts that are not the ledger's.
struct Named {
    partners: StringArray,
    bases: StringArray,
    schemes: StringArray,
    codes: StringArray,
    all_codes: StringArray,
    groups: StringArray,
    classes: StringArray,
    unknown_schemes: StringArray,
    plans: StringArray,
    priorities: StringArray,
    themes: StringArray,
}

impl Named {
    fn new(current: &Current, settings: &AggregateSettings<'_>) -> Self {
        let (what, labels) = (&current.what, &current.labels);
        Self {
            partners: what
                .iter()
                .map(|what| Some(&*partner_kind_of(current, what).partner))
                .collect(),
            bases: what
                .iter()
                .map(|what| Some(&*partner_kind_of(current, what).date_basis))
                .collect(),
            schemes: what
                .iter()
                .map(|what| Some(&*categories_of(current, what).next()?.scheme))
                .collect(),
            codes: what
                .iter()
                .map(|what| Some(&*categories_of(current, what).next()?.code))
                .collect(),
            all_codes: what
                .iter()
                .map(|what| Some(joined_codes(current, what, "category")))
                .collect(),
            groups: what
                .iter()
                .map(|what| Some(joined_codes(current, what, "group")))
                .collect(),
            classes: what
                .iter()
                .map(|what| {
                    let class = categories_of(current, what).find(|code| code.kind == "class");
                    Some(&*class?.code)
                })
                .collect(),
            unknown_schemes: what
                .iter()
                .map(|what| {
                    let schemes = what.unknown_schemes.join(";");
                    Some(schemes).filter(|schemes| !schemes.is_empty())
                })
                .collect(),
            plans: labels
                .iter()
                .map(|label| Some(&*plan_of(settings, label)?.id))
                .collect(),
            priorities: labels
                .iter()
                .map(|label| joined_series(settings, label, SeriesKind::Priority))
                .collect(),
            themes: labels
                .iter()
                .map(|label| joined_series(settings, label, SeriesKind::Theme))
                .collect(),
        }
    }
}

fn partner_kind_of<'c>(current: &'c Current, what: &What) -> &'c PartnerKind {
    &current.partner_kinds[what.partner_kind as usize]
}

fn categories_of<'c>(current: &'c Current, what: &'c What) -> impl Iterator<Item = &'c Category> {
    what.codes
        .iter()
        .map(|code| &current.categories[*code as usize])
}

/// The codes of one kind, without bases, as `scheme:code` joined by `;`.
fn joined_codes(current: &Current, what: &What, kind: &str) -> String {
    categories_of(current, what)
        .filter(|code| code.kind == kind && !is_base(&code.code))
        .map(|code| format!("{}:{}", code.scheme, code.code))
        .collect::<Vec<_>>()
        .join(";")
}

fn plan_of<'s>(settings: &AggregateSettings<'s>, label: &Label) -> Option<&'s Plan> {
    label.plan.map(|plan| settings.plans[plan as usize])
}

/// The ids of the series of one kind, joined by `;`; `None` without a plan in force.
fn joined_series(
    settings: &AggregateSettings<'_>,
    label: &Label,
    kind: SeriesKind,
) -> Option<String> {
    let series = plan_of(settings, label)?.series_in(label.series);
    let ids = series.filter(|s| s.kind == kind).map(|s| &*s.id);
    Some(ids.collect::<Vec<_>>().join(";"))
}

/// A value of each row, in the order of the index.
fn values<'c, T>(
    chunks: &'c [Chunk],
    indices: &'c [RowIndex],
    value: impl Fn(&'c Chunk, usize) -> T,
) -> impl Iterator<Item = T> {
    indices
        .iter()
        .map(move |index| value(&chunks[index.chunk as usize], index.row as usize))
}

/// The rows of a row group, gathered once for all their columns.
struct GroupRows<'c> {
    chunks: &'c [Chunk],
    indices: &'c [RowIndex],
    numbers: [Vec<u32>; 4],
    labels: Vec<u32>,
}

impl<'c> GroupRows<'c> {
    fn gather(chunks: &'c [Chunk], indices: &'c [RowIndex]) -> Self {
        let numbers = Group::COMBINED
            .map(|group| values(chunks, indices, |chunk, row| chunk.number(group, row)).collect());
        Self {
            chunks,
            indices,
            numbers,
            labels: values(chunks, indices, Chunk::label).collect(),
        }
    }

    fn each<T>(&self, value: impl Fn(&'c Chunk, usize) -> T) -> impl Iterator<Item = T> {
        values(self.chunks, self.indices, value)
    }

    fn column(
        &self,
        from: Origin,
        current: &Current,
        texts: &Arc<StringArray>,
        named: &Named,
    ) -> ArrayRef {
        let what = &self.numbers[Group::What as usize];
        match from {
            Origin::Subject => self.subjects(),
            Origin::Revision => Arc::new(Int32Array::from_iter_values(self.each(Chunk::revision))),
            Origin::Sent => utc(TimestampMicrosecondArray::from_iter_values(
                self.each(Chunk::sent),
            )),
            Origin::Time(index) => utc(self.each(|chunk, row| chunk.time_at(index, row)).collect()),
            Origin::Combined(group, index, form) => {
                self.combined(current, group, index, form, texts)
            }
            Origin::Derived(Derived::Partner) => lookup(&named.partners, what),
            Origin::Derived(Derived::DateBasis) => self.date_basis(current, named, texts),
            Origin::Derived(Derived::Scheme) => lookup(&named.schemes, what),
            Origin::Derived(Derived::Code) => lookup(&named.codes, what),
            Origin::Derived(Derived::Codes) => lookup(&named.all_codes, what),
            Origin::Derived(Derived::Groups) => lookup(&named.groups, what),
            Origin::Derived(Derived::Class) => lookup(&named.classes, what),
            Origin::Derived(Derived::UnknownCode) => {
                let details = &self.numbers[Group::Details as usize];
                let unknown = what.iter().zip(details).map(|(what, details)| {
                    let is_unknown = current.what[*what as usize].has_unknown_code()
                        || current.unknown_outcome[*details as usize];
                    Some(is_unknown)
                });
                Arc::new(unknown.collect::<BooleanArray>())
            }
            Origin::Derived(Derived::UnknownSchemes) => lookup(&named.unknown_schemes, what),
            Origin::Derived(Derived::PersonAgain) => self.again(0),
            Origin::Derived(Derived::VictimAgain) => self.again(1),
            Origin::Derived(Derived::SuspectAgain) => self.again(2),
            Origin::Derived(Derived::Plan) => lookup(&named.plans, &self.labels),
            Origin::Derived(Derived::Priorities) => lookup(&named.priorities, &self.labels),
            Origin::Derived(Derived::Themes) => lookup(&named.themes, &self.labels),
            Origin::Derived(Derived::MentalHealth) => {
                let marks = &self.numbers[Group::Marks as usize];
                Arc::new(
                    marks
                        .iter()
                        .map(|number| mental_health(current.flags[*number as usize]))
                        .collect::<BooleanArray>(),
                )
            }
            Origin::Derived(Derived::Month) => self.months(),
            Origin::Derived(Derived::OccurredDate) => self.occurred_dates(current),
            Origin::Derived(Derived::OccurredLocal) => self.local(COLUMNS.occurred_from),
            Origin::Derived(Derived::RecordedLocal) => self.local(COLUMNS.recorded_at),
            Origin::Derived(Derived::Weekday) => self.week(current, false),
            Origin::Derived(Derived::Hour) => self.week(current, true),
        }
    }

    /// Whether the person in a role appeared in an earlier record.
    fn again(&self, role: usize) -> ArrayRef {
        Arc::new(
            self.each(|chunk, row| chunk.repeats[row].of(role))
                .collect::<BooleanArray>(),
        )
    }

    fn subjects(&self) -> ArrayRef {
        let mut builder = StringBuilder::with_capacity(self.indices.len(), self.indices.len() * 24);
        self.each(Chunk::subject)
            .for_each(|subject| builder.append_value(subject));
        Arc::new(builder.finish())
    }

    /// A column of a combination: the combinations are few, so each is read once.
    fn combined(
        &self,
        current: &Current,
        group: Group,
        index: usize,
        form: ValueForm,
        texts: &Arc<StringArray>,
    ) -> ArrayRef {
        let (numbers, tuples) = (
            &self.numbers[group as usize],
            &current.groups[group as usize],
        );
        let values = numbers.iter().map(|combination| {
            let number = tuples.row(*combination)[index];
            (number != ABSENT).then_some(number)
        });
        match form {
            ValueForm::Text => {
                let keys: Int32Array = values.map(|n| n.map(|n| n as i32 - 1)).collect();
                Arc::new(DictionaryArray::<Int32Type>::new(keys, texts.clone()))
            }
            ValueForm::Integer => Arc::new(
                values
                    .map(|n| n.map(|n| n as i32 - 1))
                    .collect::<Int32Array>(),
            ),
            ValueForm::Boolean => {
                Arc::new(values.map(|n| n.map(|n| n == 2)).collect::<BooleanArray>())
            }
        }
    }

    /// The partner's basis for the kind; a count brings its own.
    fn date_basis(&self, current: &Current, named: &Named, texts: &Arc<StringArray>) -> ArrayRef {
        let rows = self.numbers[Group::What as usize]
            .iter()
            .zip(&self.numbers[Group::Details as usize]);
        let basis = rows.map(|(what, details)| {
            let is_count = current.partner_kinds
                [current.what[*what as usize].partner_kind as usize]
                .is_count();
            if !is_count {
                return Some(named.bases.value(*what as usize));
            }
            let own = current.value(COLUMNS.date_basis, *details);
            (own != ABSENT).then(|| texts.value(own as usize - 1))
        });
        Arc::new(basis.collect::<StringArray>())
    }

    fn months(&self) -> ArrayRef {
        let mut known: Option<(Month, i32)> = None;
        let days = self.each(|chunk, row| chunk.months[row]).map(|month| {
            let day = match known {
                Some((last, day)) if last == month => day,
                _ => days_since_1970(month.first_day()),
            };
            known = Some((month, day));
            day
        });
        Arc::new(Date32Array::from_iter_values(days.collect::<Vec<_>>()))
    }

    /// When it happened, where the day is known, with how exactly.
    fn occurred(&self, current: &Current) -> impl Iterator<Item = Option<(Micros, Precision)>> {
        let details = &current.groups[Group::Details as usize];
        self.each(|chunk, row| chunk.time(COLUMNS.occurred_from, row))
            .zip(&self.numbers[Group::Details as usize])
            .map(|(at, combination)| {
                let precision = current
                    .texts
                    .text(details.row(*combination)[precision_of(COLUMNS.occurred_from)])
                    .and_then(Precision::from_name)?;
                Some((Micros(at?), precision))
            })
    }

    fn occurred_dates(&self, current: &Current) -> ArrayRef {
        let mut calendar = Calendar::default();
        let days = self.occurred(current).map(|occurred| {
            let (at, _) = occurred.filter(|(_, precision)| *precision != Precision::Month)?;
            Some(calendar.at(at).day)
        });
        Arc::new(days.collect::<Date32Array>())
    }

    /// A time as the clock in London shows it.
    fn local(&self, column: TimeColumn) -> ArrayRef {
        let mut calendar = Calendar::default();
        let times = self.each(|chunk, row| chunk.time(column, row));
        let local = times.map(|at| at.map(|at| calendar.local(Micros(at))));
        Arc::new(local.collect::<TimestampMicrosecondArray>())
    }

    /// Weekday or hour.
    fn week(&self, current: &Current, hour: bool) -> ArrayRef {
        let mut calendar = Calendar::default();
        let values = self.occurred(current).map(|occurred| {
            let (at, precision) = occurred?;
            let (weekday, hours) = calendar.weekday_and_hour(at, precision);
            if hour {
                hours.map(i32::from)
            } else {
                weekday.map(i32::from)
            }
        });
        Arc::new(values.collect::<Int32Array>())
    }
}

/// The flags that show, each alone, that mental health plays a part.
const MENTAL_HEALTH: [&str; 3] = [
    "mental_health",
    "mental_health_suspect",
    "mental_health_victim",
];

/// Whether mental health plays a part: any of three flags is true; none is and one is false; not
/// recorded.
fn mental_health(flags: Flags) -> Option<bool> {
    let bits = MENTAL_HEALTH
        .into_iter()
        .filter_map(Flags::bit)
        .fold(0, |bits, bit| bits | bit);
    flags.any(bits)
}

fn utc(times: TimestampMicrosecondArray) -> ArrayRef {
    Arc::new(times.with_timezone("UTC"))
}

/// The texts of a small table by number.
fn lookup(table: &StringArray, numbers: &[u32]) -> ArrayRef {
    let keys = Int32Array::from_iter_values(numbers.iter().map(|number| *number as i32));
    Arc::new(DictionaryArray::<Int32Type>::new(
        keys,
        Arc::new(table.clone()),
    ))
}
