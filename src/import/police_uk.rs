//! The street files of data.police.uk become crimes and incidents.
//!
//! One run imports one release of one force, all its months together: a record's identity is sure only
//! when every row of the release is seen. Every row is one record, as published; an id scheme that does
//! not identify is refused, and a boundary vintage that the codes do not show is asked for.

mod table;

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::table::{Column, Name, Row, Table};
use super::{Release, digest, slug, write_line};
use crate::contract::moment::Moment;
use crate::contract::parts::{
    Area, Cancellation, CancellationReason, Confidence, Level, Outcome, Role, Vintage, What, When,
};
use crate::contract::police::{Crime, Incident};
use crate::contract::text::{Form, Text};
use crate::contract::{Data, Envelope, Event};
use crate::event::{Feed, Kind};

/// The crime type whose rows are incidents; none of them has an id.
const INCIDENT_TYPE: &str = "Anti-social behaviour";
/// The code list of a street file's crime types, and its edition.
const LIST: (&str, &str) = ("police-uk", "2013-05");
/// The code list of a street file's outcomes.
const OUTCOME_LIST: &str = "police-uk-outcome";
/// The greatest share of ids that may stand in several months: a few records are re-dated, more means
/// that the ids are used again.
pub const REDATED_SHARE_MAX: f64 = 0.01;
/// So many ids in several months say nothing, whatever their share: an extract of a few rows may hold them.
pub const REDATED_MIN: usize = 3;
/// Maidstone codes that only the list of 2011 has: split, merged or changed in 2021.
const ONLY_2011: [&str; 6] = ["E01024334", "E01024338", "E01024363", "E01024388", "E01024389", "E01033090"];
/// Maidstone codes that only the list of 2021 has begin so.
const ONLY_2021: &str = "E0103499";

/// What a release could not be imported for. Names files, lines and columns; never a value of a row.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the places that the message names")]
pub enum Error {
    /// Nothing to read.
    #[error("no street files are given")]
    NoFiles,
    /// A name that does not say month and force.
    #[error("the name of {} is not <yyyy-mm>-<force>-street.csv, with or without .gz", file.display())]
    Name { file: PathBuf },
    /// Files of more than one publisher.
    #[error("files of two forces are given, {one} and {other}: import each by itself")]
    Forces { one: String, other: String },
    /// Rows would be counted twice.
    #[error("month {month} is in {} and in {}", one.display(), other.display())]
    MonthTwice { month: String, one: PathBuf, other: PathBuf },
    /// The file system.
    #[error("cannot read {}", file.display())]
    Read { file: PathBuf, source: io::Error },
    /// Not even a header.
    #[error("{} is empty", file.display())]
    Empty { file: PathBuf },
    /// Not the shape of a CSV file.
    #[error("cannot read {}", file.display())]
    Csv { file: PathBuf, source: csv::Error },
    /// A field that is not as it should be.
    #[error("{}, line {line}, column `{column}`: {rule}", file.display())]
    Field { file: PathBuf, line: u64, column: &'static str, rule: &'static str },
    /// Ids that are used again every month.
    #[error(
        "{redated} of {ids} ids stand in several months, so they do not identify a record; \
         with --id-scope month an id counts within its month"
    )]
    IdsReused { redated: usize, ids: usize },
    /// No way to know which boundaries the codes are of.
    #[error(
        "the year of the boundaries is seen only by certain LSOA codes of Maidstone, and none of them is in these \
         files: say it by --vintage (2011 in releases from 2013 on, 2021 in those of 2025; before 2013 perhaps 2001)"
    )]
    VintageUnknown,
    /// Codes that only one vintage has, of both.
    #[error(
        "LSOA codes that only 2011 has and codes that only 2021 has stand in one release: are its files of two \
         releases?"
    )]
    VintageMixed,
    /// The codes say otherwise.
    #[error("--vintage {given} is given, but the codes are of {found}")]
    VintageOther { given: i32, found: i32 },
    /// The events could not be written.
    #[error("cannot write the events")]
    Write(#[source] io::Error),
}

/// Within what an id identifies a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdScope {
    /// The force's whole release.
    #[default]
    Release,
    /// One month of it.
    Month,
}

/// How to read a release.
#[derive(Clone, Debug)]
pub struct Options {
    /// The month the release came out in.
    pub release: Release,
    /// The files of the release before, or folders that hold them: what vanished since is cancelled.
    pub previous: Vec<PathBuf>,
    /// Within what an id identifies a record.
    pub id_scope: IdScope,
    /// The year of the boundaries, where the codes do not show it.
    pub vintage: Option<i32>,
}

/// What an import read and wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The source of the events.
    pub source: String,
    /// The months held, and the rows of each: crimes and incidents.
    pub months: Vec<(String, usize, usize)>,
    /// The year of the boundaries; none where no row has an area.
    pub vintage: Option<i32>,
    /// Rows without an area.
    pub without_area: usize,
    /// Ids that stand on several rows.
    pub ids_repeated: usize,
    /// Ids that stand in several months.
    pub ids_redated: usize,
    /// Groups of equal rows without an id.
    pub equal_groups: usize,
    /// The rows in them.
    pub equal_rows: usize,
    /// Records of the release before that are gone.
    pub cancelled: usize,
}

impl Summary {
    /// The rows of crimes.
    pub fn crimes(&self) -> usize {
        self.months.iter().map(|m| m.1).sum()
    }

    /// The rows of incidents.
    pub fn incidents(&self) -> usize {
        self.months.iter().map(|m| m.2).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vintage = self.vintage.map_or_else(|| "-".to_owned(), |year| year.to_string());
        writeln!(f, "{}", self.source)?;
        writeln!(f, "{:<22}{:>9}{:>9}{:>9}", "month", "crime", "incident", "rows")?;
        for (month, crimes, incidents) in &self.months {
            writeln!(f, "{month:<22}{crimes:>9}{incidents:>9}{:>9}", crimes + incidents)?;
        }
        let (crimes, incidents) = (self.crimes(), self.incidents());
        writeln!(f, "{:<22}{crimes:>9}{incidents:>9}{:>9}", "all", crimes + incidents)?;
        writeln!(f, "boundaries            {vintage:>9}")?;
        writeln!(f, "without area          {:>9}", self.without_area)?;
        writeln!(f, "ids on several rows   {:>9}", self.ids_repeated)?;
        writeln!(f, "ids in several months {:>9}", self.ids_redated)?;
        writeln!(f, "equal rows, no id     {:>9} in {} groups", self.equal_rows, self.equal_groups)?;
        writeln!(f, "cancelled             {:>9}", self.cancelled)
    }
}

/// Writes the events of a release, a line each, in the order of the files' names and rows; then the
/// cancellations, in the order of the release before. Nothing is written before all was read and checked.
pub fn import(files: &[PathBuf], options: &Options, mut out: impl Write) -> Result<Summary, Error> {
    let (name, table) = Table::read(files.to_vec())?;
    if let Some(row) = table.rows().find(|row| row.field(Column::Month) > options.release.to_string().as_str()) {
        return Err(row.refused(Column::Month, "the month is after the release"));
    }
    let (subjects, ids) = identify(&table, options.id_scope)?;
    let vintage = vintage_of(&table, options.vintage)?;
    let mut writer = EventWriter { source: name.source(), release: options.release, vintage, line: Vec::new() };
    let gone = match &options.previous[..] {
        [] => None,
        previous => Some(gone(&find(previous, &name)?, options, &table, &subjects)?),
    };
    for (row, subject) in table.rows().zip(&subjects) {
        writer.write(row, subject, None, &mut out)?;
    }
    let mut cancelled = 0;
    if let Some(gone) = gone {
        writer.vintage = gone.vintage;
        for (row, subject) in gone.rows() {
            writer.write(row, subject, Some(options.release.moment()), &mut out)?;
            cancelled += 1;
        }
    }
    out.flush().map_err(Error::Write)?;
    Ok(summary(writer.source, &table, vintage, &ids, cancelled))
}

fn summary(source: String, table: &Table, vintage: Option<i32>, ids: &Ids, cancelled: usize) -> Summary {
    let mut months: HashMap<&str, (usize, usize)> = HashMap::new();
    for row in table.rows() {
        let (crimes, incidents) = months.entry(row.field(Column::Month)).or_default();
        *(if is_incident(row) { incidents } else { crimes }) += 1;
    }
    let rows_of = |month: &String| months.get(month.as_str()).copied().unwrap_or_default();
    Summary {
        source,
        months: table.months.keys().map(|month| (month.clone(), rows_of(month).0, rows_of(month).1)).collect(),
        vintage,
        without_area: table.rows().filter(|row| row.field(Column::LsoaCode).is_empty()).count(),
        ids_repeated: ids.repeated,
        ids_redated: ids.redated,
        equal_groups: ids.equal_groups,
        equal_rows: ids.equal_rows,
        cancelled,
    }
}

fn is_incident(row: Row<'_>) -> bool {
    row.field(Column::CrimeType) == INCIDENT_TYPE
}

/// What the ids of a release are like.
#[derive(Default)]
struct Ids {
    all: usize,
    repeated: usize,
    redated: usize,
    equal_groups: usize,
    equal_rows: usize,
}

/// The subject of each row, unique in the release.
///
/// A row without an id is known by a hash of its identity and its ordinal among equal rows, from 1; a row
/// with an id by the id, and by an ordinal where the id comes again, in the order of the identities.
fn identify(table: &Table, scope: IdScope) -> Result<(Vec<String>, Ids), Error> {
    let mut subjects: Vec<String> = table.rows().map(|row| subject_base(row, scope)).collect();
    let mut order: Vec<usize> = (0..table.len()).collect();
    order.sort_by(|&a, &b| {
        let identity = |i| table.row(i).identity();
        subjects[a].cmp(&subjects[b]).then_with(|| identity(a).cmp(identity(b))).then(a.cmp(&b))
    });
    let mut ids = Ids::default();
    let groups: Vec<&[usize]> = order.chunk_by(|&a, &b| subjects[a] == subjects[b]).collect();
    let mut suffixes = vec![0; table.len()];
    for group in groups {
        let (first, last) = (table.row(group[0]), table.row(group[group.len() - 1]));
        let has_id = !first.field(Column::CrimeId).is_empty();
        ids.count(has_id, group.len(), first.field(Column::Month) != last.field(Column::Month));
        for (n, &row) in group.iter().enumerate() {
            suffixes[row] = if has_id && n == 0 { 0 } else { n + 1 };
        }
    }
    for (subject, n) in subjects.iter_mut().zip(suffixes).filter(|(_, n)| *n > 0) {
        write!(subject, ".{n}").expect("a String takes all");
    }
    if ids.redated > REDATED_MIN && ids.redated as f64 > ids.all as f64 * REDATED_SHARE_MAX {
        return Err(Error::IdsReused { redated: ids.redated, ids: ids.all });
    }
    Ok((subjects, ids))
}

impl Ids {
    /// Counts a group of rows that share an id, or that are equal and have none.
    fn count(&mut self, has_id: bool, rows: usize, in_several_months: bool) {
        if has_id {
            self.all += 1;
            self.repeated += usize::from(rows > 1);
            self.redated += usize::from(in_several_months);
        } else if rows > 1 {
            self.equal_groups += 1;
            self.equal_rows += rows;
        }
    }
}

fn subject_base(row: Row<'_>, scope: IdScope) -> String {
    let (id, month) = (row.field(Column::CrimeId), row.field(Column::Month));
    match scope {
        _ if id.is_empty() => hashed(row),
        IdScope::Release => id.to_owned(),
        IdScope::Month => format!("{month}.{id}"),
    }
}

/// `<Month>.` and the digest of the row's identity as printed.
fn hashed(row: Row<'_>) -> String {
    format!("{}.{}", row.field(Column::Month), digest(row.identity()))
}

/// The year of the boundaries by the codes that only one year has; never by the column's name or a date.
fn vintage_of(table: &Table, given: Option<i32>) -> Result<Option<i32>, Error> {
    let codes: HashSet<&str> = table.rows().map(|row| row.field(Column::LsoaCode)).collect();
    let old = codes.iter().any(|code| ONLY_2011.contains(code));
    let new = codes.iter().any(|code| code.starts_with(ONLY_2021));
    let found = match (old, new) {
        (true, true) => return Err(Error::VintageMixed),
        (true, false) => Some(2011),
        (false, true) => Some(2021),
        (false, false) => None,
    };
    match (found, given) {
        (Some(found), Some(given)) if found != given => Err(Error::VintageOther { given, found }),
        (Some(year), _) | (None, Some(year)) => Ok(Some(year)),
        (None, None) if codes.iter().all(|code| code.is_empty()) => Ok(None),
        (None, None) => Err(Error::VintageUnknown),
    }
}

/// The rows of the release before whose subjects are in this one no more.
struct Gone {
    table: Table,
    subjects: Vec<String>,
    rows: Vec<usize>,
    vintage: Option<i32>,
}

impl Gone {
    fn rows(&self) -> impl Iterator<Item = (Row<'_>, &str)> {
        self.rows.iter().map(|&i| (self.table.row(i), self.subjects[i].as_str()))
    }
}

/// Months that left the published window are not looked at: their records are not withdrawn.
fn gone(previous: &[PathBuf], options: &Options, now: &Table, subjects: &[String]) -> Result<Gone, Error> {
    let (_, table) = Table::read(previous.to_vec())?;
    let (before, _) = identify(&table, options.id_scope)?;
    let vintage = match vintage_of(&table, options.vintage) {
        Err(Error::VintageOther { found, .. }) => Some(found),
        other => other?,
    };
    let present: HashSet<&str> = subjects.iter().map(String::as_str).collect();
    let is_gone =
        |row: Row<'_>, subject: &str| now.months.contains_key(row.field(Column::Month)) && !present.contains(subject);
    let rows = (0..table.len()).filter(|&i| is_gone(table.row(i), &before[i])).collect();
    Ok(Gone { table, subjects: before, rows, vintage })
}

/// The street files of a force: the files given, and those in the folders given and the folders in them.
fn find(paths: &[PathBuf], of: &Name) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() { find_in(path, of, 1, &mut files)? } else { files.push(path.clone()) }
    }
    Ok(files)
}

fn find_in(folder: &Path, of: &Name, deeper: usize, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let read_error = |source| Error::Read { file: folder.to_owned(), source };
    for entry in folder.read_dir().map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        if path.is_dir() && deeper > 0 {
            find_in(&path, of, deeper - 1, files)?;
        } else if Name::of(&path).is_some_and(|name| name.force == of.force) {
            files.push(path);
        }
    }
    Ok(())
}

/// Writes rows as events.
struct EventWriter {
    source: String,
    release: Release,
    vintage: Option<i32>,
    line: Vec<u8>,
}

impl EventWriter {
    fn write(
        &mut self,
        row: Row<'_>,
        subject: &str,
        cancelled: Option<Moment>,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        let category = slug(row.field(Column::CrimeType));
        let outcome = slug(row.field(Column::LastOutcome));
        let id = format!("{subject}.{}", self.release.revision().0);
        let what = What {
            list: formed(row, Column::CrimeType, LIST.0)?,
            edition: formed(row, Column::CrimeType, LIST.1)?,
            category: formed(row, Column::CrimeType, &category)?,
            code: None,
        };
        let when = When { occurred_from: month_of(row)?, occurred_to: None, recorded_at: None };
        let area = self.area(row)?;
        let outcome = outcome_of(row, &outcome)?;
        let cancellation =
            cancelled.map(|at| Cancellation { reason: CancellationReason::AbsentFromRelease, at, replaced_by: None });
        let (kind, data) = if is_incident(row) {
            (Kind::Incident, Data::Incident(incident(what, when, area, cancellation)))
        } else {
            (Kind::Crime, Data::Crime(crime(what, when, area, outcome, cancellation)))
        };
        let envelope = Envelope {
            id: formed(row, Column::CrimeId, &id)?,
            source: formed(row, Column::CrimeId, &self.source)?,
            feed: Feed::Police,
            kind,
            subject: formed(row, Column::CrimeId, subject)?,
            revision: self.release.revision(),
            time: self.release.time(),
            dataschema: None,
            extensions: Vec::new(),
        };
        write_line(&Event { envelope, data }, &mut self.line, out).map_err(Error::Write)
    }

    /// No area for `No Location`, and none for coordinates without an LSOA.
    fn area<'a>(&self, row: Row<'a>) -> Result<Option<Area<'a>>, Error> {
        let code = row.field(Column::LsoaCode);
        if code.is_empty() {
            return Ok(None);
        }
        Ok(Some(Area {
            code: formed(row, Column::LsoaCode, code)?,
            level: Level::Lsoa,
            role: Role::Incident,
            vintage: self.vintage.map(Vintage),
            confidence: Some(Confidence::Snapped),
            zone: None,
            place_token: None,
        }))
    }
}

fn month_of(row: Row<'_>) -> Result<Moment, Error> {
    Moment::parse(row.field(Column::Month)).ok_or_else(|| row.refused(Column::Month, "a month is yyyy-mm"))
}

fn outcome_of<'a>(row: Row<'_>, slug: &'a str) -> Result<Option<Outcome<'a>>, Error> {
    if slug.is_empty() {
        return Ok(None);
    }
    let (list, code) = (formed(row, Column::LastOutcome, OUTCOME_LIST)?, formed(row, Column::LastOutcome, slug)?);
    Ok(Some(Outcome { list, code, at: None }))
}

fn crime<'a>(
    what: What<'a>,
    when: When,
    area: Option<Area<'a>>,
    outcome: Option<Outcome<'a>>,
    cancellation: Option<Cancellation<'a>>,
) -> Crime<'a> {
    Crime { what, when, area, outcome, victim: None, suspect: None, flags: None, cancellation }
}

fn incident<'a>(
    what: What<'a>,
    when: When,
    area: Option<Area<'a>>,
    cancellation: Option<Cancellation<'a>>,
) -> Incident<'a> {
    Incident { what, when, area, crime_recorded: None, victim: None, suspect: None, flags: None, cancellation }
}

/// A text of the contract, or the refusal of the column it was made from.
fn formed<'a, F: Form>(row: Row<'_>, column: Column, text: &'a str) -> Result<Text<'a, F>, Error> {
    Text::new(text).ok_or_else(|| row.refused(column, "the contract has no place for this text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,Last outcome category,Context\n";
    const ID_A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const ID_B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    /// A row of an invented place: its id, month, LSOA, type and outcome.
    fn row(id: &str, month: &str, lsoa: &str, kind: &str, outcome: &str) -> String {
        let place = if lsoa.is_empty() { ",,No Location" } else { "0.5,51.2,\"On or near A, B\"" };
        format!("{id},{month},Kent Police,Kent Police,{place},{lsoa},Somewhere,{kind},{outcome},\n")
    }

    fn asb(month: &str) -> String {
        row("", month, "E01024363", "Anti-social behaviour", "")
    }

    fn options() -> Options {
        let release = "2019-04".parse().expect("a month");
        Options { release, previous: Vec::new(), id_scope: IdScope::Release, vintage: None }
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn file(&self, name: &str, rows: &[String]) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, format!("{HEADER}{}", rows.concat())).expect("a file");
            path
        }
    }

    fn imported(files: &[PathBuf], options: &Options) -> Result<(Vec<serde_json::Value>, Summary), Error> {
        let mut out = Vec::new();
        let summary = import(files, options, &mut out)?;
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.lines().all(|line| Event::decode(line).is_ok()), "every line keeps the contract");
        Ok((text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(), summary))
    }

    fn subjects(events: &[serde_json::Value]) -> Vec<&str> {
        events.iter().filter_map(|e| e["subject"].as_str()).collect()
    }

    #[test]
    fn a_row_becomes_a_crime_or_an_incident() {
        let folder = Folder::new();
        let rows = [
            row(ID_A, "2018-10", "", "Other theft", "Offender given a caution"),
            row("", "2018-10", "E01024363", "Anti-social behaviour", ""),
        ];
        let (events, summary) = imported(&[folder.file("2018-10-kent-street.csv", &rows)], &options()).expect("events");
        let expected = serde_json::json!({
            "specversion": "1.0", "id": format!("{ID_A}.201904"), "source": "urn:partner:kent-police:open-data",
            "type": "uk.community-safety.police.crime.v1", "subject": ID_A, "revision": 201_904,
            "time": "2019-04-01T00:00:00Z",
            "data": {
                "what": {"list": "police-uk", "edition": "2013-05", "category": "other-theft"},
                "when": {"occurred_from": "2018-10"},
                "outcome": {"list": "police-uk-outcome", "code": "offender-given-a-caution"},
            },
        });
        assert_eq!(events[0], expected);
        assert_eq!(events[1]["type"], "uk.community-safety.police.incident.v1");
        let area = serde_json::json!({"code": "E01024363", "level": "lsoa", "role": "incident", "vintage": 2011, "confidence": "snapped"});
        assert_eq!(events[1]["data"]["area"], area);
        assert_eq!((summary.crimes(), summary.incidents(), summary.without_area), (1, 1, 1));
    }

    #[test]
    fn equal_rows_are_as_many_records() {
        let folder = Folder::new();
        let file = folder.file("2018-10-kent-street.csv", &[asb("2018-10"), asb("2018-10"), asb("2018-10")]);
        let (events, summary) = imported(&[file], &options()).expect("events");
        let ends: Vec<&str> = subjects(&events).iter().map(|s| &s[41..]).collect();
        assert_eq!(ends, ["1", "2", "3"]);
        assert_eq!((summary.equal_groups, summary.equal_rows), (1, 3));
    }

    #[test]
    fn an_id_that_comes_again_gets_an_ordinal() {
        let folder = Folder::new();
        let rows = [
            row(ID_A, "2018-10", "E01024363", "Robbery", ""),
            row(ID_B, "2018-10", "E01024363", "Robbery", ""),
            row(ID_A, "2018-10", "E01024334", "Robbery", ""),
        ];
        let (events, summary) = imported(&[folder.file("2018-10-kent-street.csv", &rows)], &options()).expect("events");
        assert_eq!(subjects(&events), [format!("{ID_A}.2"), ID_B.to_owned(), ID_A.to_owned()]);
        assert_eq!((summary.ids_repeated, summary.ids_redated), (1, 0));
    }

    #[test]
    fn ids_that_are_used_again_are_refused_unless_they_count_in_their_month() {
        let folder = Folder::new();
        let of = |month: &str, ids: usize| {
            let rows: Vec<String> =
                (0..ids).map(|id| row(&format!("{id:064x}"), month, "E01024363", "Drugs", "")).collect();
            folder.file(&format!("{month}-kent-street.csv"), &rows)
        };
        let files = [of("2018-11", REDATED_MIN + 1), of("2018-10", REDATED_MIN + 1)];
        let refused = imported(&files, &options()).expect_err("reused").to_string();
        assert!(refused.starts_with("4 of 4 ids stand in several months"), "{refused}");
        assert!(refused.contains("--id-scope month"), "{refused}");
        let by_month = Options { id_scope: IdScope::Month, ..options() };
        let (events, _) = imported(&files, &by_month).expect("events");
        let id = format!("{:064x}", 0);
        let subjects = subjects(&events);
        assert_eq!(
            (subjects.len(), subjects[0], subjects[4]),
            (8, &*format!("2018-10.{id}"), &*format!("2018-11.{id}"))
        );
    }

    #[test]
    fn a_few_redated_ids_of_a_small_extract_are_records_that_were_redated() {
        let folder = Folder::new();
        let of = |month: &str| {
            let rows: Vec<String> =
                (0..REDATED_MIN).map(|id| row(&format!("{id:064x}"), month, "E01024363", "Drugs", "")).collect();
            folder.file(&format!("{month}-kent-street.csv"), &rows)
        };
        let (events, summary) = imported(&[of("2018-10"), of("2018-11")], &options()).expect("events");
        assert_eq!((events.len(), summary.ids_redated), (6, 3));
    }

    #[test]
    fn what_vanished_since_the_release_before_is_cancelled() {
        let folder = Folder::new();
        let crime = |id, month| row(id, month, "E01024363", "Drugs", "");
        let older = Folder::new();
        older.file("2018-09-kent-street.csv", &[crime("left-the-window", "2018-09")]);
        older.file("2018-10-kent-street.csv", &[crime(ID_A, "2018-10"), crime(ID_B, "2018-10"), asb("2018-10")]);
        older.file("2018-10-essex-street.csv", &[crime("another-force", "2018-10")]);
        let now = folder.file("2018-10-kent-street.csv", &[crime(ID_B, "2018-10")]);
        let with_previous = Options { previous: vec![older.0.path().to_owned()], ..options() };
        let (events, summary) = imported(&[now], &with_previous).expect("events");
        assert_eq!(summary.cancelled, 2);
        assert_eq!(events[1]["subject"], ID_A);
        let cancellation = serde_json::json!({"reason": "absent_from_release", "at": "2019-04"});
        assert_eq!(events[1]["data"]["cancellation"], cancellation);
        assert_eq!(events[1]["revision"], 201_904);
        assert_eq!(events[2]["type"], "uk.community-safety.police.incident.v1");
    }

    #[test]
    fn the_vintage_is_shown_by_codes_or_asked_for() {
        let folder = Folder::new();
        let crime = |lsoa| row(ID_A, "2018-10", lsoa, "Drugs", "");
        let vintage = |rows: &[String], given| {
            let options = Options { vintage: given, ..options() };
            imported(&[folder.file("2018-10-kent-street.csv", rows)], &options)
                .map(|(_, summary)| summary.vintage)
                .map_err(|e| e.to_string())
        };
        assert_eq!(vintage(&[crime("E01024334")], None), Ok(Some(2011)));
        assert_eq!(vintage(&[crime("E01034990")], None), Ok(Some(2021)));
        assert_eq!(vintage(&[crime("E01024320")], Some(2021)), Ok(Some(2021)));
        assert_eq!(vintage(&[crime("")], None), Ok(None));
        assert_eq!(vintage(&[crime("E01024320")], None), Err(Error::VintageUnknown.to_string()));
        assert!(Error::VintageUnknown.to_string().contains("--vintage"));
        assert_eq!(vintage(&[crime("E01034990"), asb("2018-10")], None), Err(Error::VintageMixed.to_string()));
        let other = Error::VintageOther { given: 2021, found: 2011 };
        assert_eq!(vintage(&[crime("E01024334")], Some(2021)), Err(other.to_string()));
    }

    #[test]
    fn a_refusal_names_file_line_and_column_and_no_value() {
        let folder = Folder::new();
        let refused = |rows: &[String]| {
            let file = folder.file("2018-10-kent-street.csv", rows);
            imported(&[file], &options()).expect_err("refused").to_string()
        };
        let good = asb("2018-10");
        for (bad, column, rule) in [
            (asb("2018-11"), "Month", "the month is not of the file's name"),
            (asb("10/2018"), "Month", "a month is yyyy-mm"),
            (row("a b", "2018-10", "", "Drugs", ""), "Crime ID", "an id is 1 to 100 letters, digits, `._:~/-`"),
            (
                row(ID_A, "2018-10", "E05004996", "Drugs", ""),
                "LSOA code",
                "an LSOA code is E01, W01 or S01 and six digits",
            ),
            (row(ID_A, "2018-10", "", "", ""), "Crime type", "every row has a crime type"),
        ] {
            let refused = refused(&[good.clone(), bad]);
            let end = format!("2018-10-kent-street.csv, line 3, column `{column}`: {rule}");
            assert!(refused.ends_with(&end), "{refused}");
        }
        let late = folder.file("2019-05-kent-street.csv", &[asb("2019-05")]);
        let refused = imported(&[late], &options()).expect_err("refused").to_string();
        assert!(refused.ends_with("line 2, column `Month`: the month is after the release"), "{refused}");
    }

    #[test]
    fn a_month_is_in_one_file_and_a_release_of_one_force() {
        let folder = Folder::new();
        let one = folder.file("2018-10-kent-street.csv", &[asb("2018-10")]);
        let many = folder.file("2018-10_to_2018-11-kent-street.csv", &[asb("2018-10")]);
        let other = folder.file("2018-10-essex-street.csv", &[asb("2018-10")]);
        let refused = |files: &[PathBuf]| imported(files, &options()).expect_err("refused");
        assert!(matches!(refused(&[one.clone(), many]), Error::MonthTwice { .. }));
        assert!(matches!(refused(&[one.clone(), one.clone()]), Error::MonthTwice { .. }));
        assert!(matches!(refused(&[one, other]), Error::Forces { .. }));
        assert!(matches!(refused(&[]), Error::NoFiles));
    }
}
