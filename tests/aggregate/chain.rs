//! A store in a folder of its own, with chains of files written from documents; and its tables, read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use partner_feeds::aggregate::{
    self, AggregateSettings, AggregateSummary, PlanChoice, RunProgress,
};
use partner_feeds::contract::{Event, Record, Rejection};
use partner_feeds::event::{Micros, Position, TopicPartition};
use partner_feeds::files::TextFiles;
use partner_feeds::ledger::journal::{self, BatchFiles};
use partner_feeds::ledger::{self, Footer};
use partner_feeds::normalise::{self, Coordinates, RowBuilder};
use partner_feeds::reference::Reference;
use partner_feeds::rejects::{self, RejectsBuilder};
use partner_feeds::storage::Store;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A window of one's own: the five months of Kent that are published files here.
pub(crate) const FIVE_MONTHS: &str = "five-months";

/// The built-in reference data, and that window.
pub(crate) static REFERENCE: LazyLock<Reference> = LazyLock::new(|| reference_with(&[]));

/// The built-in reference data with [`FIVE_MONTHS`], and texts in the place of its files.
pub(crate) fn reference_with(texts: &[(&str, &str)]) -> Reference {
    let mut files = TextFiles::built_in();
    let own = format!("[[window]]\nid = \"{FIVE_MONTHS}\"\nfirst = \"2018-10\"\nmonths = 5\n");
    let windows = format!("{}\n{own}", files.text("windows.toml").expect("windows"));
    files.put("windows.toml", windows);
    for (path, text) in texts {
        files.put(*path, (*text).to_owned());
    }
    Reference::read(&files).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Noon of a day (UTC), in the seconds with which [`Chain::commit`] gives the time of receipt.
pub(crate) fn noon(day: &str) -> i64 {
    let day: jiff::civil::Date = day.parse().expect("a day");
    day.at(12, 0, 0, 0)
        .in_tz("UTC")
        .expect("a time")
        .timestamp()
        .as_second()
        - EPOCH
}

/// 2020-01-01T00:00:00Z.
const EPOCH: i64 = 1_577_836_800;

pub(crate) const HEALTH: &str = "health.events.v1";
pub(crate) const POLICE: &str = "police.events.v1";
pub(crate) const HOUSING: &str = "housing.events.v1";

pub(crate) struct Chain {
    folder: TempDir,
    pub(crate) store: Store,
    pub(crate) runtime: Runtime,
    ends: BTreeMap<TopicPartition, Position>,
    /// The program that writes; none = this one.
    pub(crate) program: Option<&'static str>,
}

impl Chain {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().to_str().expect("a name")).expect("a store");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Self {
            folder,
            store,
            runtime: runtime.expect("threads"),
            ends: BTreeMap::new(),
            program: None,
        }
    }

    /// A chain of one file of documents.
    pub(crate) fn with<D: Display>(topic: &str, documents: &[D]) -> Self {
        let mut chain = Self::new();
        chain.commit(topic, 0, documents.iter().map(|document| (0, document)));
        chain
    }

    /// The store's folder, by name.
    pub(crate) fn root(&self) -> &str {
        self.folder.path().to_str().expect("a name")
    }

    /// Commits documents as one file of a partition, each received some seconds after 2020 began.
    pub(crate) fn commit<D: Display>(
        &mut self,
        topic: &str,
        partition: i32,
        sent: impl IntoIterator<Item = (i64, D)>,
    ) {
        let partition = TopicPartition {
            topic: topic.to_owned(),
            partition,
        };
        let from = self
            .ends
            .get(&partition)
            .copied()
            .unwrap_or(Position::ORIGIN);
        let mut rows = RowBuilder::default();
        for (received, document) in sent {
            let document = document.to_string();
            let event =
                Event::decode(&document).unwrap_or_else(|error| panic!("{error:?}: {document}"));
            let position = from.at(from.offset + rows.len() as i64);
            let received = Micros(EPOCH * Micros::PER_SECOND).plus_seconds(received);
            rows.append(
                Coordinates { position, received },
                &Record::from_event(&event),
            );
        }
        let next = from.at(from.offset + rows.len() as i64);
        let mut footer = Footer::attempt(from, next);
        (footer.read, footer.accepted) = (rows.len() as u64, rows.len() as u64);
        if let Some(program) = self.program {
            program.clone_into(&mut footer.program);
        }
        let rows =
            ledger::encode(&normalise::schema(), &[rows.finish()], &footer).expect("encoded");
        let batch = BatchFiles {
            footer,
            rows,
            rejects: None,
        };
        let committed = journal::commit(&self.store, &partition, &batch, Position::ORIGIN);
        self.runtime.block_on(committed).expect("committed");
        self.ends.insert(partition, next);
    }

    /// Commits one refused record as a file of a partition.
    pub(crate) fn commit_rejected(
        &mut self,
        topic: &str,
        partition: i32,
        received: Micros,
        rejection: &Rejection,
    ) {
        self.commit_rejected_with_key(topic, partition, received, rejection, None);
    }

    /// The same, of a record with a key.
    pub(crate) fn commit_rejected_with_key(
        &mut self,
        topic: &str,
        partition: i32,
        received: Micros,
        rejection: &Rejection,
        key: Option<&str>,
    ) {
        let partition = TopicPartition {
            topic: topic.to_owned(),
            partition,
        };
        let from = self
            .ends
            .get(&partition)
            .copied()
            .unwrap_or(Position::ORIGIN);
        let mut footer = Footer::attempt(from, from.at(from.offset + 1));
        (footer.read, footer.rejected) = (1, 1);
        let name = ledger::rejects_name(from, &footer.attempt);
        footer.rejects = vec![name.clone()];
        let mut rejected = RejectsBuilder::default();
        let key = key.map(str::as_bytes);
        rejected.append(from, received, rejection, key, None, []);
        let rejected = rejected.finish();
        let rejected = ledger::encode(&rejects::schema(), &[rejected], &footer).expect("encoded");
        let rows = ledger::encode(&normalise::schema(), &[], &footer).expect("encoded");
        let next = footer.next;
        let batch = BatchFiles {
            footer,
            rows,
            rejects: Some((name, rejected)),
        };
        self.runtime
            .block_on(journal::commit(
                &self.store,
                &partition,
                &batch,
                Position::ORIGIN,
            ))
            .expect("committed");
        self.ends.insert(partition, next);
    }

    /// Runs `aggregate` under a plan.
    pub(crate) fn aggregate(&self, plan: &str) -> Option<AggregateSummary> {
        self.aggregate_with(&REFERENCE, &[plan], None)
    }

    /// Runs `aggregate` into folders, as at the end of a day if one is given.
    pub(crate) fn aggregate_with(
        &self,
        reference: &Reference,
        folders: &[&str],
        as_at: Option<&str>,
    ) -> Option<AggregateSummary> {
        let ids: Vec<String> = folders.iter().map(|id| (*id).to_owned()).collect();
        let folders = PlanChoice::parse(reference, &ids).expect("known");
        let as_at = as_at.map(|day| Micros::end_of_day_in_london(day.parse().expect("a day")));
        let settings = AggregateSettings::new(folders, reference, as_at);
        aggregate::run(&self.store, &settings, self.runtime.handle(), &mut Quiet)
            .expect("aggregated")
    }

    /// Runs `aggregate` into folders, compared with the end of a day.
    pub(crate) fn aggregate_since(
        &self,
        reference: &Reference,
        folders: &[&str],
        since: &str,
    ) -> Option<AggregateSummary> {
        let ids: Vec<String> = folders.iter().map(|id| (*id).to_owned()).collect();
        let folders = PlanChoice::parse(reference, &ids).expect("known");
        let since = Micros::end_of_day_in_london(since.parse().expect("a day"));
        let settings = AggregateSettings::new(folders, reference, None).compared_with(Some(since));
        aggregate::run(&self.store, &settings, self.runtime.handle(), &mut Quiet)
            .expect("aggregated")
    }

    /// A table of the folder of a plan that a run wrote.
    pub(crate) fn table_of(&self, run: &AggregateSummary, folder: &str, table: &str) -> Table {
        let ending = format!("aggregates/{folder}/{table}.parquet");
        let mut written = run
            .written
            .iter()
            .filter(|file| file.path.ends_with(&ending));
        self.table(
            &written
                .next()
                .unwrap_or_else(|| panic!("{ending} was written"))
                .path,
        )
    }

    /// The bytes of a file that was written.
    pub(crate) fn bytes(&self, path: &str) -> Bytes {
        std::fs::read(self.folder.path().join(path))
            .unwrap_or_else(|_| panic!("{path} is there"))
            .into()
    }

    /// The names in a folder.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join(folder)).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect();
        names.sort();
        names
    }

    pub(crate) fn table(&self, path: &str) -> Table {
        Table::read(self.bytes(path))
    }
}

pub(crate) struct Quiet;

impl RunProgress for Quiet {
    fn begin(&mut self, _: &'static str, _: u64) {}
    fn advance(&mut self, _: u64) {}
}

/// A table as any reader sees it.
pub(crate) struct Table(pub(crate) RecordBatch);

impl Table {
    pub(crate) fn read(bytes: Bytes) -> Self {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("Parquet");
        let schema = reader.schema().clone();
        let batches: Vec<_> = reader
            .build()
            .expect("readable")
            .collect::<Result<_, _>>()
            .expect("readable");
        Self(concat_batches(&schema, &batches).expect("one schema"))
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.num_rows()
    }

    fn column(&self, name: &str) -> &dyn Array {
        self.0
            .column_by_name(name)
            .unwrap_or_else(|| panic!("a column {name}"))
            .as_ref()
    }

    pub(crate) fn text(&self, row: usize, name: &str) -> Option<&str> {
        let column = self.column(name).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row))
    }

    pub(crate) fn number(&self, row: usize, name: &str) -> Option<i64> {
        let column = self.column(name).as_primitive::<Int64Type>();
        column.is_valid(row).then(|| column.value(row))
    }

    /// The same of a column of the contract.
    pub(crate) fn number32(&self, row: usize, name: &str) -> Option<i32> {
        let column = self.column(name).as_primitive::<Int32Type>();
        column.is_valid(row).then(|| column.value(row))
    }

    pub(crate) fn double(&self, row: usize, name: &str) -> Option<f64> {
        let column = self.column(name).as_primitive::<Float64Type>();
        column.is_valid(row).then(|| column.value(row))
    }

    pub(crate) fn truth(&self, row: usize, name: &str) -> Option<bool> {
        let column = self.column(name).as_boolean();
        column.is_valid(row).then(|| column.value(row))
    }

    /// A day.
    pub(crate) fn date(&self, row: usize, name: &str) -> Option<String> {
        let column = self.column(name).as_primitive::<Date32Type>();
        let day = column.is_valid(row).then(|| column.value_as_date(row))??;
        Some(day.to_string())
    }

    /// A local time, to the minute.
    pub(crate) fn local_time(&self, row: usize, name: &str) -> Option<String> {
        let column = self.column(name).as_primitive::<TimestampMicrosecondType>();
        let time = column
            .is_valid(row)
            .then(|| column.value_as_datetime(row))??;
        Some(time.format("%Y-%m-%d %H:%M").to_string())
    }

    /// A number with three decimals, as a text.
    pub(crate) fn decimals(&self, row: usize, name: &str) -> Option<String> {
        self.double(row, name).map(|number| format!("{number:.3}"))
    }

    /// The one row whose texts are these.
    #[track_caller]
    pub(crate) fn one(&self, texts: &[(&str, &str)]) -> usize {
        let rows: Vec<usize> = self.find(texts).collect();
        assert_eq!(rows.len(), 1, "rows of {texts:?}");
        rows[0]
    }

    /// The count of that row, with its bounds and status: `exact 3 3 3`.
    #[track_caller]
    pub(crate) fn block(&self, texts: &[(&str, &str)]) -> String {
        self.block_of(self.one(texts))
    }

    pub(crate) fn block_of(&self, row: usize) -> String {
        let number = |name| {
            self.number(row, name)
                .map_or("-".to_owned(), |n| n.to_string())
        };
        let status = self.text(row, "count_status").expect("a status");
        format!(
            "{status} {} {} {}",
            number("count_value"),
            number("count_min"),
            number("count_max")
        )
    }

    /// The count of that row, which is exact.
    #[track_caller]
    pub(crate) fn count(&self, texts: &[(&str, &str)]) -> i64 {
        self.number(self.one(texts), "count_value")
            .unwrap_or_else(|| panic!("the count of {texts:?} is exact"))
    }

    /// The rows whose texts, or days, are these.
    pub(crate) fn find<'t>(
        &'t self,
        texts: &'t [(&str, &str)],
    ) -> impl Iterator<Item = usize> + 't {
        let columns: Vec<_> = texts
            .iter()
            .map(|(name, text)| (*name, self.column(name).as_string_opt::<i32>(), *text))
            .collect();
        (0..self.rows()).filter(move |row| {
            columns.iter().all(|(name, texts, text)| match texts {
                Some(texts) => texts.is_valid(*row) && texts.value(*row) == *text,
                None => self.date(*row, name).as_deref() == Some(*text),
            })
        })
    }

    /// The counts of those rows, in order.
    pub(crate) fn counts(&self, texts: &[(&str, &str)]) -> Vec<Option<i64>> {
        self.find(texts)
            .map(|row| self.number(row, "count_value"))
            .collect()
    }
}
