//! Finds the records that are past their retention period.
//!
//! It must not know how rows are removed. The invariant: a record is past its period only if each of
//! its rows is, and a month is given up as a whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch, TimestampMicrosecondArray};
use jiff::{Span, civil};
use tokio::runtime::Handle;

use crate::aggregate::state::files::{Files, fetch};
use crate::aggregate::state::latest::{RecordId, identities};
use crate::aggregate::{AggregateError, month_of};
use crate::contract::columns::COLUMNS;
use crate::contract::record::partner_of;
use crate::erase::{EraseError, FoundRows, columns_of_month};
use crate::event::{Kind, Micros, Month, Position};
use crate::ledger::chain::{self, Chain, Passes};
use crate::ledger::columns::TextColumn;
use crate::ledger::erasures::NotKept;
use crate::normalise::{RECEIVED, Rows};
use crate::reference::Reference;
use crate::retention::{AfterPeriod, RetentionSettings, Review};
use crate::storage::Store;

/// The dates of a record: its period begins with the latest. One without a date begins when it was
/// received.
const DATES: [&str; 3] = [
    COLUMNS.occurred_from.name(),
    COLUMNS.occurred_to.name(),
    COLUMNS.recorded_at.name(),
];

/// The records that are past their period.
#[derive(Clone, Debug, Default)]
pub struct ExpiredRecords {
    /// The rows of those that are to be erased.
    pub rows: FoundRows,
    /// What is left of their kinds.
    pub not_kept: Vec<NotKept>,
    /// Records that wait for a review, by the kind as the settings name it.
    pub to_review: BTreeMap<String, u64>,
    /// Records that are past their period, but preserved.
    pub preserved: u64,
    /// Rows that are past their period, but were received since the quiet months began.
    pub recent_rows: u64,
}

/// Which records are past their period.
#[derive(Clone, Copy, Debug)]
pub struct Expiry<'a> {
    /// The periods.
    pub settings: &'a RetentionSettings,
    /// The day on which they have ended or not.
    pub today: civil::Date,
    /// What was reviewed.
    pub reviews: &'a [Review],
}

impl Expiry<'_> {
    /// The bytes of rejects received before then are not kept; none = all are.
    pub fn rejects_before(&self) -> Option<Micros> {
        let days = Span::new().days(self.settings.rejects_raw_days?);
        Micros::start_of_day_in_london(self.today.saturating_sub(days))
    }
}

/// Finds the records that are past their period. The ledger is read twice: for the records that have
/// such a row, and for those that have no other.
pub fn find_expired(
    store: &Store,
    runtime: &Handle,
    reference: &Reference,
    expiry: Expiry<'_>,
) -> Result<ExpiredRecords, EraseError> {
    if !expiry.settings.has_periods() {
        return Ok(ExpiredRecords::default());
    }
    let mut passes = Passes::default();
    loop {
        let chains = runtime.block_on(chain::read_all(store))?;
        let search = Search {
            store,
            runtime,
            reference,
            chains: &chains,
        };
        let found = search.find(expiry);
        // Also where nothing was missing: a late writer may have put a deleted file back.
        if !runtime.block_on(passes.retry_if_any_moved(store, &chains))? {
            return Ok(found?);
        }
    }
}

/// The ledger that is searched.
struct Search<'a> {
    store: &'a Store,
    runtime: &'a Handle,
    reference: &'a Reference,
    chains: &'a [Chain],
}

impl Search<'_> {
    fn find(&self, expiry: Expiry<'_>) -> Result<ExpiredRecords, AggregateError> {
        let mut limits = Limits::new(expiry);
        let mut records = self.records_with_expired_row(&mut limits)?;
        let recent_rows = limits.recent_rows;
        if records.is_empty() {
            return Ok(ExpiredRecords {
                recent_rows,
                ..ExpiredRecords::default()
            });
        }
        let rows = self.expired_rows(&mut limits, &mut records)?;
        let all = records.len();
        records.retain(|record, _| !expiry.settings.preserved.contains(record));
        let mut found = ExpiredRecords {
            preserved: (all - records.len()) as u64,
            recent_rows,
            ..ExpiredRecords::default()
        };
        found.rows.seen = self.chains.iter().map(Chain::seen_end).collect();
        for due in records.values() {
            match due {
                Due::Erase(_) => found.rows.records += 1,
                Due::Review(limit) => {
                    let key = limits.known[*limit].key.clone();
                    *found.to_review.entry(key).or_default() += 1;
                }
            }
        }
        let mut kinds = BTreeSet::new();
        for row in rows {
            if let Some(Due::Erase(limit)) = records.get(&row.record) {
                kinds.extend(limits.known[*limit].not_kept());
                found.rows.months.extend(row.month);
                let partition = self.chains[row.chain].partition.clone();
                found.rows.accepted.insert((partition, row.at));
            }
        }
        found.not_kept = kinds.into_iter().collect();
        Ok(found)
    }

    /// The records that have a row past its period.
    fn records_with_expired_row(
        &self,
        limits: &mut Limits<'_>,
    ) -> Result<HashMap<RecordId, Due>, AggregateError> {
        let open = |path: &str| fetch(self.store, path, self.runtime);
        let mut records: HashMap<RecordId, Due> = HashMap::new();
        Files::of(self.chains, &open).for_each(&columns_of_age(), |part| {
            let expired = limits.expired_rows(&part.batch);
            let rows: Vec<usize> = expired.iter().map(|(row, _)| *row).collect();
            for (record, (_, due)) in identities(&part.batch, &rows)?.into_iter().zip(expired) {
                let known = records.entry(record).or_insert(due);
                *known = (*known).max(due);
            }
            Ok(())
        })?;
        Ok(records)
    }

    /// The rows of these records. Removes the records that have a row within its period.
    fn expired_rows(
        &self,
        limits: &mut Limits<'_>,
        records: &mut HashMap<RecordId, Due>,
    ) -> Result<Vec<ExpiredRow>, AggregateError> {
        let open = |path: &str| fetch(self.store, path, self.runtime);
        let mut columns = columns_of_age();
        columns.extend(columns_of_month());
        let mut found = Vec::new();
        for (chain, index) in self.chains.iter().zip(0..) {
            Files::of([chain], &open).for_each(&columns, |part| {
                let mut expired = limits.expired_rows(&part.batch).into_iter().peekable();
                let all: Vec<usize> = (0..part.batch.num_rows()).collect();
                let rows = Rows::new(&part.batch);
                for (row, record) in identities(&part.batch, &all)?.into_iter().enumerate() {
                    if expired.next_if(|(expired, _)| *expired == row).is_none() {
                        records.remove(&record);
                    } else if records.contains_key(&record) {
                        found.push(ExpiredRow {
                            record,
                            chain: index,
                            at: rows.coordinates(row).position,
                            month: month_of(&rows.record(row), self.reference),
                        });
                    }
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

/// What is to happen to a record that is past its period. A record waits for a review if any of its rows
/// does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Under the limit of this index.
    Erase(usize),
    Review(usize),
}

/// A row that is past the period of its kind.
struct ExpiredRow {
    record: RecordId,
    /// The index of its chain.
    chain: usize,
    at: Position,
    /// The month in which it counts.
    month: Option<Month>,
}

/// What `Limits` reads of a row.
fn columns_of_age() -> Vec<&'static str> {
    let mut columns = vec!["source", "subject", RECEIVED, COLUMNS.kind.name()];
    columns.extend(DATES);
    columns
}

/// The first months that are kept of a source's kind.
struct Limit {
    source: String,
    kind: String,
    /// As the settings name the period.
    key: String,
    /// The first month that is kept once records are erased; none = all are.
    kept_from: Option<Month>,
    /// When that begins.
    erased_before: Option<Micros>,
    /// Records before then wait for a review.
    reviewed_before: Option<Micros>,
}

impl Limit {
    fn new(expiry: &Expiry<'_>, source: &str, kind: &str) -> Self {
        let of_kind =
            Kind::from_name(kind).map(|kind| expiry.settings.of(partner_of(source), kind));
        let (key, period, after) = of_kind.unwrap_or_default();
        let kept_from = period.kept_from(expiry.today);
        let reviewed = expiry.reviews.iter().filter(|review| review.key == key);
        let reviewed = reviewed.map(Review::end).max();
        let (erase, review) = match after {
            AfterPeriod::Erase => (kept_from, None),
            AfterPeriod::Review => (reviewed.min(kept_from), kept_from),
        };
        let start = |month: Option<Month>| Micros::start_of_day_in_london(month?.first_day());
        Self {
            source: source.to_owned(),
            kind: kind.to_owned(),
            key: key.to_owned(),
            kept_from: erase,
            erased_before: start(erase),
            reviewed_before: start(review),
        }
    }

    /// What is to happen to a row with this latest date; `index` is that of the limit.
    fn due(&self, index: usize, latest: Micros) -> Option<Due> {
        if self.erased_before.is_some_and(|end| latest < end) {
            return Some(Due::Erase(index));
        }
        let is_to_review = self.reviewed_before.is_some_and(|end| latest < end);
        is_to_review.then_some(Due::Review(index))
    }

    fn not_kept(&self) -> Option<NotKept> {
        Some(NotKept {
            partner: partner_of(&self.source).to_owned(),
            kind: self.kind.clone(),
            kept_from: self.kept_from?,
        })
    }
}

/// The limits of all sources and kinds seen.
struct Limits<'a> {
    expiry: Expiry<'a>,
    /// Revisions received since then keep a record.
    quiet_since: Micros,
    known: Vec<Limit>,
    /// Rows seen that only such a revision keeps.
    recent_rows: u64,
}

impl<'a> Limits<'a> {
    fn new(expiry: Expiry<'a>) -> Self {
        let quiet = Span::new().months(expiry.settings.quiet_months);
        let since = expiry.today.saturating_sub(quiet);
        Self {
            expiry,
            quiet_since: Micros::start_of_day_in_london(since).unwrap_or(Micros(i64::MIN)),
            known: Vec::new(),
            recent_rows: 0,
        }
    }

    /// The index of the limit of a source's kind.
    fn of(&mut self, source: &str, kind: &str) -> usize {
        let mut known = self.known.iter();
        let known = known.position(|limit| limit.source == source && limit.kind == kind);
        known.unwrap_or_else(|| {
            self.known.push(Limit::new(&self.expiry, source, kind));
            self.known.len() - 1
        })
    }

    /// The rows of a batch that are past their period, in order, and what is to happen to them.
    fn expired_rows(&mut self, batch: &RecordBatch) -> Vec<(usize, Due)> {
        let times = |name| -> Option<&TimestampMicrosecondArray> {
            batch
                .column_by_name(name)?
                .as_primitive_opt::<TimestampMicrosecondType>()
        };
        let Some(received) = times(RECEIVED) else {
            return Vec::new();
        };
        let dates = DATES.map(times);
        let sources = TextColumn::new(batch, "source");
        let kinds = TextColumn::new(batch, COLUMNS.kind.name());
        let rows = (0..batch.num_rows()).filter_map(|row| {
            let received = Micros(received.value(row));
            let dates = dates.iter().flatten().filter(|dates| dates.is_valid(row));
            let latest = dates.map(|dates| Micros(dates.value(row))).max();
            let limit = self.of(sources.get(row)?, kinds.get(row)?);
            let due = self.known[limit].due(limit, latest.unwrap_or(received))?;
            let is_recent = received >= self.quiet_since;
            self.recent_rows += u64::from(is_recent);
            (!is_recent).then_some((row, due))
        });
        rows.collect()
    }
}
