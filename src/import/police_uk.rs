//! The files of data.police.uk become crimes, incidents and searches.
//!
//! Street rows are crimes and incidents, whose outcomes are those of the outcome files where they
//! are given; stop-and-search rows are searches. One run imports one release of one force, all its
//! months together: a record's identity is sure only when every row of the release is seen. Every
//! row is one record, as published; an id scheme that does not identify is refused, and a boundary
//! vintage that the codes do not show is asked for.

mod file;
mod outcomes;
mod searches;
mod table;

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::file::{Holds, Name};
use self::outcomes::{Given, Outcomes};
use self::searches::{Search, Searches};
use self::table::{Column, Row, Table};
use super::{Release, digest, slug, write_line};
use crate::contract::moment::Moment;
use crate::contract::parts::{
    Area, Cancellation, CancellationReason, Confidence, Level, Outcome, Role, Vintage, What, When,
};
use crate::contract::police::{Crime, Incident, StopSearch};
use crate::contract::text::{Form, Text};
use crate::contract::{Data, Envelope, Event};
use crate::event::{Feed, Kind};

/// The crime type whose rows are incidents; none of them has an id.
const INCIDENT_TYPE: &str = "Anti-social behaviour";
/// The code list of a street file's crime types, and its edition.
const LIST: (&str, &str) = ("police-uk", "2013-05");
/// The code list of a street file's outcomes.
const OUTCOME_LIST: &str = "police-uk-outcome";
/// The greatest share of ids that may stand in several months: a few records are re-dated, more
/// means that the ids are used again.
pub const REDATED_SHARE_MAX: f64 = 0.01;
/// So many ids in several months say nothing, whatever their share: an extract of a few rows may
/// hold them.
pub const REDATED_MIN: usize = 3;
/// Maidstone codes that only the list of 2011 has: split, merged or changed in 2021.
const ONLY_2011: [&str; 6] = [
    "E01024334",
    "E01024338",
    "E01024363",
    "E01024388",
    "E01024389",
    "E01033090",
];
/// Maidstone codes that only the list of 2021 has begin so.
const ONLY_2021: &str = "E0103499";

/// What a release could not be imported for. Names files, lines and columns; never a value of a
/// row.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the fields are the places that the message names"
)]
pub enum Error {
    /// Nothing to read.
    #[error("no files are given")]
    NoFiles,
    /// A name that does not say month and force.
    #[error(
        "the name of {} is not <yyyy-mm>-<force>-street.csv, -outcomes.csv or -stop-and-search.csv, with or without .gz",
        file.display()
    )]
    Name { file: PathBuf },
    /// Files of more than one publisher.
    #[error("files of two forces are given, {one} and {other}: import each by itself")]
    Forces { one: String, other: String },
    /// Rows would be counted twice.
    #[error("month {month} is in {} and in {}", one.display(), other.display())]
    MonthTwice {
        month: String,
        one: PathBuf,
        other: PathBuf,
    },
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
    Field {
        file: PathBuf,
        line: u64,
        column: &'static str,
        rule: &'static str,
    },
    /// Ids that are used again every month.
    #[error(
        "{redated} of {ids} ids stand in several months, so they do not identify a record; \
         with --id-scope month an id counts within its month"
    )]
    IdsReused { redated: usize, ids: usize },
    /// Ids that are used again, and files that are joined on them.
    #[error(
        "outcomes are joined to crimes by id, which --id-scope month says is none: leave the outcome files out"
    )]
    OutcomesByMonth,
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
    /// The files of the release before, or folders that hold them: what vanished since is
    /// cancelled.
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
    /// The rows of each month held.
    pub months: Vec<MonthRows>,
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
    /// Rows of outcomes.
    pub outcomes: usize,
    /// Rows of outcomes whose crimes are in no street file.
    pub outcomes_skipped: usize,
    /// Records of the release before that are gone.
    pub cancelled: usize,
}

/// The rows of a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonthRows {
    /// The month, yyyy-mm.
    pub month: String,
    /// Rows of crimes.
    pub crimes: usize,
    /// Rows of incidents.
    pub incidents: usize,
    /// Rows of searches.
    pub searches: usize,
}

impl Summary {
    /// The rows of crimes.
    pub fn crimes(&self) -> usize {
        self.months.iter().map(|month| month.crimes).sum()
    }

    /// The rows of incidents.
    pub fn incidents(&self) -> usize {
        self.months.iter().map(|month| month.incidents).sum()
    }

    /// The rows of searches.
    pub fn searches(&self) -> usize {
        self.months.iter().map(|month| month.searches).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vintage = self
            .vintage
            .map_or_else(|| "-".to_owned(), |year| year.to_string());
        writeln!(f, "{}", self.source)?;
        let line =
            |f: &mut fmt::Formatter<'_>, month: &str, [crimes, incidents, searches]: [usize; 3]| {
                let rows = crimes + incidents + searches;
                writeln!(
                    f,
                    "{month:<22}{crimes:>9}{incidents:>9}{searches:>9}{rows:>9}"
                )
            };
        writeln!(
            f,
            "{:<22}{:>9}{:>9}{:>9}{:>9}",
            "month", "crime", "incident", "search", "rows"
        )?;
        for MonthRows {
            month,
            crimes,
            incidents,
            searches,
        } in &self.months
        {
            line(f, month, [*crimes, *incidents, *searches])?;
        }
        line(f, "all", [self.crimes(), self.incidents(), self.searches()])?;
        writeln!(f, "boundaries            {vintage:>9}")?;
        writeln!(f, "without area          {:>9}", self.without_area)?;
        writeln!(f, "ids on several rows   {:>9}", self.ids_repeated)?;
        writeln!(f, "ids in several months {:>9}", self.ids_redated)?;
        writeln!(
            f,
            "equal rows, no id     {:>9} in {} groups",
            self.equal_rows, self.equal_groups
        )?;
        writeln!(
            f,
            "outcome rows          {:>9}, {} of no crime here",
            self.outcomes, self.outcomes_skipped
        )?;
        writeln!(f, "cancelled             {:>9}", self.cancelled)
    }
}

/// What a release holds.
struct Published {
    name: Name,
    street: Table,
    /// The subject of each street row.
    subjects: Vec<String>,
    ids: Ids,
    outcomes: Outcomes,
    searches: Searches,
}

impl Published {
    fn read(files: Vec<PathBuf>, options: &Options) -> Result<Self, Error> {
        let files = file::sort(files)?;
        let name = files.first().ok_or(Error::NoFiles)?.1.clone();
        let of = |holds| {
            files
                .iter()
                .filter(|(_, name)| name.holds == holds)
                .cloned()
                .collect::<Vec<_>>()
        };
        let of_outcomes = of(Holds::Outcomes);
        if options.id_scope == IdScope::Month && !of_outcomes.is_empty() {
            return Err(Error::OutcomesByMonth);
        }
        let street = Table::read(of(Holds::Street))?;
        let (subjects, ids) = identify(&street, options.id_scope)?;
        let outcomes = Outcomes::read(&of_outcomes, &street, options.release)?;
        let searches = Searches::read(&of(Holds::Searches), options.release)?;
        Ok(Self {
            name,
            street,
            subjects,
            ids,
            outcomes,
            searches,
        })
    }

    /// The months held, and their rows.
    fn months(&self) -> Vec<MonthRows> {
        let mut months: BTreeMap<&str, MonthRows> = BTreeMap::new();
        for row in self.street.rows() {
            let rows = months.entry(row.field(Column::Month)).or_default();
            *(if is_incident(row) {
                &mut rows.incidents
            } else {
                &mut rows.crimes
            }) += 1;
        }
        for search in &self.searches.all {
            months.entry(&search.month).or_default().searches += 1;
        }
        months
            .into_iter()
            .map(|(month, rows)| MonthRows {
                month: month.to_owned(),
                ..rows
            })
            .collect()
    }

    fn outcome(&self, row: Row<'_>) -> Option<&Given> {
        self.outcomes.of(row.field(Column::CrimeId))
    }
}

/// Writes the events of a release, a line each, in the order of the files' names and rows, crimes
/// and incidents before searches; then the cancellations, in the order of the release before.
/// Nothing is written before all was read and checked.
pub fn import(files: &[PathBuf], options: &Options, mut out: impl Write) -> Result<Summary, Error> {
    let now = Published::read(files.to_vec(), options)?;
    if let Some(row) = now
        .street
        .rows()
        .find(|row| row.field(Column::Month) > options.release.to_string().as_str())
    {
        return Err(row.refused(Column::Month, "the month is after the release"));
    }
    let vintage = vintage_of(&now.street, options.vintage)?;
    let mut writer = EventWriter {
        source: now.name.source(),
        release: options.release,
        vintage,
    };
    let gone = match &options.previous[..] {
        [] => None,
        previous => Some(gone(find(previous, &now.name)?, options, &now)?),
    };
    for (row, subject) in now.street.rows().zip(&now.subjects) {
        writer.write(row, subject, now.outcome(row), None, &mut out)?;
    }
    for search in &now.searches.all {
        writer.write_search(search, None, &mut out)?;
    }
    let cancelled = match gone {
        Some(gone) => writer.cancel(&gone, &mut out)?,
        None => 0,
    };
    out.flush().map_err(Error::Write)?;
    let without_lsoa = now
        .street
        .rows()
        .filter(|row| row.field(Column::LsoaCode).is_empty())
        .count();
    Ok(Summary {
        source: writer.source,
        months: now.months(),
        vintage,
        without_area: without_lsoa + now.searches.all.len(),
        ids_repeated: now.ids.repeated,
        ids_redated: now.ids.redated,
        equal_groups: now.ids.equal_groups,
        equal_rows: now.ids.equal_rows,
        outcomes: now.outcomes.rows,
        outcomes_skipped: now.outcomes.skipped,
        cancelled,
    })
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
/// A row without an id is known by a hash of its identity and its ordinal among equal rows, from 1;
/// a row with an id by the id, and by an ordinal where the id comes again, in the order of the
/// identities.
fn identify(table: &Table, scope: IdScope) -> Result<(Vec<String>, Ids), Error> {
    let mut subjects: Vec<String> = table.rows().map(|row| subject_base(row, scope)).collect();
    let mut order: Vec<usize> = (0..table.len()).collect();
    order.sort_by(|&a, &b| {
        let identity = |i| table.row(i).identity();
        subjects[a]
            .cmp(&subjects[b])
            .then_with(|| identity(a).cmp(identity(b)))
            .then(a.cmp(&b))
    });
    let mut ids = Ids::default();
    let groups: Vec<&[usize]> = order
        .chunk_by(|&a, &b| subjects[a] == subjects[b])
        .collect();
    let mut suffixes = vec![0; table.len()];
    for group in groups {
        let (first, last) = (table.row(group[0]), table.row(group[group.len() - 1]));
        let has_id = !first.field(Column::CrimeId).is_empty();
        ids.count(
            has_id,
            group.len(),
            first.field(Column::Month) != last.field(Column::Month),
        );
        for (n, &row) in group.iter().enumerate() {
            suffixes[row] = if has_id && n == 0 { 0 } else { n + 1 };
        }
    }
    for (subject, n) in subjects.iter_mut().zip(suffixes).filter(|(_, n)| *n > 0) {
        write!(subject, ".{n}").expect("a String takes all");
    }
    if ids.redated > REDATED_MIN && ids.redated as f64 > ids.all as f64 * REDATED_SHARE_MAX {
        return Err(Error::IdsReused {
            redated: ids.redated,
            ids: ids.all,
        });
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

/// The year of the boundaries by the codes that only one year has; never by the column's name or a
/// date.
fn vintage_of(table: &Table, given: Option<i32>) -> Result<Option<i32>, Error> {
    let codes: HashSet<&str> = table
        .rows()
        .map(|row| row.field(Column::LsoaCode))
        .collect();
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
    before: Published,
    /// Their places among the street rows and the searches.
    rows: Vec<usize>,
    searches: Vec<usize>,
    vintage: Option<i32>,
}

/// Months that left the published window are not looked at: their records are not withdrawn.
fn gone(previous: Vec<PathBuf>, options: &Options, now: &Published) -> Result<Gone, Error> {
    let before = Published::read(previous, options)?;
    let vintage = match vintage_of(&before.street, options.vintage) {
        Err(Error::VintageOther { found, .. }) => Some(found),
        other => other?,
    };
    let present: HashSet<&str> = now.subjects.iter().map(String::as_str).collect();
    let is_gone = |row: Row<'_>, subject: &str| {
        now.street.months.contains_key(row.field(Column::Month)) && !present.contains(subject)
    };
    let rows = (0..before.street.len())
        .filter(|&i| is_gone(before.street.row(i), &before.subjects[i]))
        .collect();
    let present: HashSet<&str> = now
        .searches
        .all
        .iter()
        .map(|search| search.subject.as_str())
        .collect();
    let is_gone = |search: &Search| {
        now.searches.has(&search.month) && !present.contains(search.subject.as_str())
    };
    let searches = (0..before.searches.all.len())
        .filter(|&i| is_gone(&before.searches.all[i]))
        .collect();
    Ok(Gone {
        before,
        rows,
        searches,
        vintage,
    })
}

/// The files of a force: the files given, and those in the folders given and the folders in them.
fn find(paths: &[PathBuf], of: &Name) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            find_in(path, of, 1, &mut files)?
        } else {
            files.push(path.clone())
        }
    }
    Ok(files)
}

fn find_in(folder: &Path, of: &Name, deeper: usize, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let read_error = |source| Error::Read {
        file: folder.to_owned(),
        source,
    };
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
}

impl EventWriter {
    fn write(
        &mut self,
        row: Row<'_>,
        subject: &str,
        given: Option<&Given>,
        cancellation: Option<Cancellation<'_>>,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        let category = slug(row.field(Column::CrimeType));
        let last_outcome = slug(row.field(Column::LastOutcome));
        let id = format!("{subject}.{}", self.release.revision().0);
        let what = What {
            list: formed(row, Column::CrimeType, LIST.0)?,
            edition: formed(row, Column::CrimeType, LIST.1)?,
            category: formed(row, Column::CrimeType, &category)?,
            code: None,
        };
        let when = When {
            occurred_from: month_of(row)?,
            occurred_to: None,
            recorded_at: None,
        };
        let area = self.area(row)?;
        let outcome = match given {
            Some(given) => outcome_of(row, &given.code, Moment::parse(&given.month))?,
            None => outcome_of(row, &last_outcome, None)?,
        };
        let (kind, data) = if is_incident(row) {
            (
                Kind::Incident,
                Data::Incident(incident(what, when, area, cancellation)),
            )
        } else {
            (
                Kind::Crime,
                Data::Crime(crime(what, when, area, outcome, cancellation)),
            )
        };
        let envelope = self.envelope(kind, &id, subject).ok_or_else(|| {
            row.refused(Column::CrimeId, "the contract has no place for this text")
        })?;
        write_line(&Event { envelope, data }, out).map_err(Error::Write)
    }

    fn write_search(
        &mut self,
        search: &Search,
        cancellation: Option<Cancellation<'static>>,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        let id = format!("{}.{}", search.subject, self.release.revision().0);
        let envelope = self
            .envelope(Kind::StopSearch, &id, &search.subject)
            .expect("a month, digits and an ordinal");
        let data = Data::StopSearch(StopSearch {
            cancellation,
            ..search.data.clone()
        });
        write_line(&Event { envelope, data }, out).map_err(Error::Write)
    }

    /// Writes the last state of what is gone, as cancelled; how many.
    fn cancel(&mut self, gone: &Gone, out: &mut impl Write) -> Result<usize, Error> {
        let Gone {
            before,
            rows,
            searches,
            vintage,
        } = gone;
        let at = self.release.moment();
        let reason = CancellationReason::AbsentFromRelease;
        let cancellation = || {
            Some(Cancellation {
                reason,
                at,
                replaced_by: None,
            })
        };
        self.vintage = *vintage;
        for &i in rows {
            let row = before.street.row(i);
            self.write(
                row,
                &before.subjects[i],
                before.outcome(row),
                cancellation(),
                out,
            )?;
        }
        for &i in searches {
            self.write_search(&before.searches.all[i], cancellation(), out)?;
        }
        Ok(rows.len() + searches.len())
    }

    fn envelope<'a>(&'a self, kind: Kind, id: &'a str, subject: &'a str) -> Option<Envelope<'a>> {
        Some(Envelope {
            id: Text::new(id)?,
            source: Text::new(self.source.as_str())?,
            feed: Feed::Police,
            kind,
            subject: Text::new(subject)?,
            revision: self.release.revision(),
            time: self.release.time(),
            dataschema: None,
            extensions: Vec::new(),
        })
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
    Moment::parse(row.field(Column::Month))
        .ok_or_else(|| row.refused(Column::Month, "a month is yyyy-mm"))
}

fn outcome_of<'a>(
    row: Row<'_>,
    slug: &'a str,
    at: Option<Moment>,
) -> Result<Option<Outcome<'a>>, Error> {
    if slug.is_empty() {
        return Ok(None);
    }
    let (list, code) = (
        formed(row, Column::LastOutcome, OUTCOME_LIST)?,
        formed(row, Column::LastOutcome, slug)?,
    );
    Ok(Some(Outcome { list, code, at }))
}

fn crime<'a>(
    what: What<'a>,
    when: When,
    area: Option<Area<'a>>,
    outcome: Option<Outcome<'a>>,
    cancellation: Option<Cancellation<'a>>,
) -> Crime<'a> {
    Crime {
        what,
        when,
        area,
        outcome,
        victim: None,
        suspect: None,
        flags: None,
        cancellation,
    }
}

fn incident<'a>(
    what: What<'a>,
    when: When,
    area: Option<Area<'a>>,
    cancellation: Option<Cancellation<'a>>,
) -> Incident<'a> {
    Incident {
        what,
        when,
        area,
        crime_recorded: None,
        victim: None,
        suspect: None,
        flags: None,
        cancellation,
    }
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
        let place = if lsoa.is_empty() {
            ",,No Location"
        } else {
            "0.5,51.2,\"On or near A, B\""
        };
        format!("{id},{month},Kent Police,Kent Police,{place},{lsoa},Somewhere,{kind},{outcome},\n")
    }

    fn asb(month: &str) -> String {
        row("", month, "E01024363", "Anti-social behaviour", "")
    }

    fn options() -> Options {
        let release = "2019-04".parse().expect("a month");
        Options {
            release,
            previous: Vec::new(),
            id_scope: IdScope::Release,
            vintage: None,
        }
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

    fn imported(
        files: &[PathBuf],
        options: &Options,
    ) -> Result<(Vec<serde_json::Value>, Summary), Error> {
        let mut out = Vec::new();
        let summary = import(files, options, &mut out)?;
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(
            text.lines().all(|line| Event::decode(line).is_ok()),
            "every line keeps the contract"
        );
        Ok((
            text.lines()
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect(),
            summary,
        ))
    }

    fn subjects(events: &[serde_json::Value]) -> Vec<&str> {
        events
            .iter()
            .filter_map(|e| e["subject"].as_str())
            .collect()
    }

    #[test]
    fn a_row_becomes_a_crime_or_an_incident() {
        let folder = Folder::new();
        let rows = [
            row(
                ID_A,
                "2018-10",
                "",
                "Other theft",
                "Offender given a caution",
            ),
            row("", "2018-10", "E01024363", "Anti-social behaviour", ""),
        ];
        let (events, summary) =
            imported(&[folder.file("2018-10-kent-street.csv", &rows)], &options()).expect("events");
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
        assert_eq!(
            (summary.crimes(), summary.incidents(), summary.without_area),
            (1, 1, 1)
        );
    }

    #[test]
    fn equal_rows_are_as_many_records() {
        let folder = Folder::new();
        let file = folder.file(
            "2018-10-kent-street.csv",
            &[asb("2018-10"), asb("2018-10"), asb("2018-10")],
        );
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
        let (events, summary) =
            imported(&[folder.file("2018-10-kent-street.csv", &rows)], &options()).expect("events");
        assert_eq!(
            subjects(&events),
            [format!("{ID_A}.2"), ID_B.to_owned(), ID_A.to_owned()]
        );
        assert_eq!((summary.ids_repeated, summary.ids_redated), (1, 0));
    }

    #[test]
    fn ids_that_are_used_again_are_refused_unless_they_count_in_their_month() {
        let folder = Folder::new();
        let of = |month: &str, ids: usize| {
            let rows: Vec<String> = (0..ids)
                .map(|id| row(&format!("{id:064x}"), month, "E01024363", "Drugs", ""))
                .collect();
            folder.file(&format!("{month}-kent-street.csv"), &rows)
        };
        let files = [
            of("2018-11", REDATED_MIN + 1),
            of("2018-10", REDATED_MIN + 1),
        ];
        let refused = imported(&files, &options())
            .expect_err("reused")
            .to_string();
        assert!(
            refused.starts_with("4 of 4 ids stand in several months"),
            "{refused}"
        );
        assert!(refused.contains("--id-scope month"), "{refused}");
        let by_month = Options {
            id_scope: IdScope::Month,
            ..options()
        };
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
            let rows: Vec<String> = (0..REDATED_MIN)
                .map(|id| row(&format!("{id:064x}"), month, "E01024363", "Drugs", ""))
                .collect();
            folder.file(&format!("{month}-kent-street.csv"), &rows)
        };
        let (events, summary) =
            imported(&[of("2018-10"), of("2018-11")], &options()).expect("events");
        assert_eq!((events.len(), summary.ids_redated), (6, 3));
    }

    #[test]
    fn what_vanished_since_the_release_before_is_cancelled() {
        let folder = Folder::new();
        let crime = |id, month| row(id, month, "E01024363", "Drugs", "");
        let older = Folder::new();
        older.file(
            "2018-09-kent-street.csv",
            &[crime("left-the-window", "2018-09")],
        );
        older.file(
            "2018-10-kent-street.csv",
            &[
                crime(ID_A, "2018-10"),
                crime(ID_B, "2018-10"),
                asb("2018-10"),
            ],
        );
        older.file(
            "2018-10-essex-street.csv",
            &[crime("another-force", "2018-10")],
        );
        let now = folder.file("2018-10-kent-street.csv", &[crime(ID_B, "2018-10")]);
        let with_previous = Options {
            previous: vec![older.0.path().to_owned()],
            ..options()
        };
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
            let options = Options {
                vintage: given,
                ..options()
            };
            imported(&[folder.file("2018-10-kent-street.csv", rows)], &options)
                .map(|(_, summary)| summary.vintage)
                .map_err(|e| e.to_string())
        };
        assert_eq!(vintage(&[crime("E01024334")], None), Ok(Some(2011)));
        assert_eq!(vintage(&[crime("E01034990")], None), Ok(Some(2021)));
        assert_eq!(vintage(&[crime("E01024320")], Some(2021)), Ok(Some(2021)));
        assert_eq!(vintage(&[crime("")], None), Ok(None));
        assert_eq!(
            vintage(&[crime("E01024320")], None),
            Err(Error::VintageUnknown.to_string())
        );
        assert!(Error::VintageUnknown.to_string().contains("--vintage"));
        assert_eq!(
            vintage(&[crime("E01034990"), asb("2018-10")], None),
            Err(Error::VintageMixed.to_string())
        );
        let other = Error::VintageOther {
            given: 2021,
            found: 2011,
        };
        assert_eq!(
            vintage(&[crime("E01024334")], Some(2021)),
            Err(other.to_string())
        );
    }

    #[test]
    fn a_refusal_names_file_line_and_column_and_no_value() {
        let folder = Folder::new();
        let refused = |rows: &[String]| {
            let file = folder.file("2018-10-kent-street.csv", rows);
            imported(&[file], &options())
                .expect_err("refused")
                .to_string()
        };
        let good = asb("2018-10");
        for (bad, column, rule) in [
            (
                asb("2018-11"),
                "Month",
                "the month is not of the file's name",
            ),
            (asb("10/2018"), "Month", "a month is yyyy-mm"),
            (
                row("a b", "2018-10", "", "Drugs", ""),
                "Crime ID",
                "an id is 1 to 100 letters, digits, `._:~/-`",
            ),
            (
                row(ID_A, "2018-10", "E05004996", "Drugs", ""),
                "LSOA code",
                "an LSOA code is E01, W01 or S01 and six digits",
            ),
            (
                row(ID_A, "2018-10", "", "", ""),
                "Crime type",
                "every row has a crime type",
            ),
        ] {
            let refused = refused(&[good.clone(), bad]);
            let end = format!("2018-10-kent-street.csv, line 3, column `{column}`: {rule}");
            assert!(refused.ends_with(&end), "{refused}");
        }
        let late = folder.file("2019-05-kent-street.csv", &[asb("2019-05")]);
        let refused = imported(&[late], &options())
            .expect_err("refused")
            .to_string();
        assert!(
            refused.ends_with("line 2, column `Month`: the month is after the release"),
            "{refused}"
        );
    }

    #[test]
    fn a_month_is_in_one_file_and_a_release_of_one_force() {
        let folder = Folder::new();
        let one = folder.file("2018-10-kent-street.csv", &[asb("2018-10")]);
        let many = folder.file("2018-10_to_2018-11-kent-street.csv", &[asb("2018-10")]);
        let other = folder.file("2018-10-essex-street.csv", &[asb("2018-10")]);
        let refused = |files: &[PathBuf]| imported(files, &options()).expect_err("refused");
        assert!(matches!(
            refused(&[one.clone(), many]),
            Error::MonthTwice { .. }
        ));
        assert!(matches!(
            refused(&[one.clone(), one.clone()]),
            Error::MonthTwice { .. }
        ));
        assert!(matches!(refused(&[one, other]), Error::Forces { .. }));
        assert!(matches!(refused(&[]), Error::NoFiles));
    }

    const SEARCH_HEADER: &str = "Type,Date,Part of a policing operation,Policing operation,Latitude,Longitude,Gender,Age range,Self-defined ethnicity,Officer-defined ethnicity,Legislation,Object of search,Outcome,Outcome linked to object of search,Removal of more than just outer clothing\n";
    const SEARCH: &str = "Person search,2024-05-31T23:20:00+00:00,True,,51.2,0.5,Female,over 34,A,B,An Act 1984 (section 1),Stolen goods,Arrest,,False\n";

    impl Folder {
        fn outcomes(&self, name: &str, rows: &[(&str, &str, &str)]) -> PathBuf {
            let path = self.0.path().join(name);
            let header = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Outcome type\n";
            let row = |(id, month, outcome): &(&str, &str, &str)| {
                format!("{id},{month},Kent Police,Kent Police,,,No location,,,{outcome}\n")
            };
            std::fs::write(
                &path,
                format!("{header}{}", rows.iter().map(row).collect::<String>()),
            )
            .expect("a file");
            path
        }

        fn searches(&self, name: &str, rows: &[&str]) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, format!("{SEARCH_HEADER}{}", rows.concat())).expect("a file");
            path
        }
    }

    #[test]
    fn an_outcome_file_says_how_and_when_crimes_were_resolved() {
        let folder = Folder::new();
        let crime = |id| row(id, "2018-10", "E01024363", "Drugs", "Under investigation");
        let id_c = "c".repeat(64);
        let street = folder.file(
            "2018-10-kent-street.csv",
            &[crime(ID_A), crime(ID_B), crime(&id_c), asb("2018-10")],
        );
        let (charged, no_suspect) = (
            "Suspect charged",
            "Investigation complete; no suspect identified",
        );
        let later = [
            (ID_A, "2018-12", no_suspect),
            (ID_A, "2018-12", charged),
            (ID_B, "2018-12", "Unheard of"),
            ("", "2018-12", charged),
        ];
        let early = [
            (ID_A, "2018-11", charged),
            (ID_B, "2018-11", no_suspect),
            ("elsewhere", "2018-11", charged),
        ];
        let files = [
            street,
            folder.outcomes("2018-12-kent-outcomes.csv", &later),
            folder.outcomes("2018-11-kent-outcomes.csv", &early),
        ];
        let (events, summary) = imported(&files, &options()).expect("events");
        let outcome =
            |code, at| serde_json::json!({"list": "police-uk-outcome", "code": code, "at": at});
        assert_eq!(
            events[0]["data"]["outcome"],
            outcome("suspect-charged", "2018-12")
        );
        assert_eq!(
            events[1]["data"]["outcome"],
            outcome("investigation-complete-no-suspect-identified", "2018-11"),
            "what is in no group comes last"
        );
        let of_street =
            serde_json::json!({"list": "police-uk-outcome", "code": "under-investigation"});
        assert_eq!(events[2]["data"]["outcome"], of_street);
        assert_eq!(
            (events.len(), summary.outcomes, summary.outcomes_skipped),
            (4, 7, 2)
        );
        assert!(
            summary
                .to_string()
                .contains("\noutcome rows                  7, 2 of no crime here\n"),
            "{summary}"
        );
        let by_month = Options {
            id_scope: IdScope::Month,
            ..options()
        };
        assert!(matches!(
            imported(&files, &by_month),
            Err(Error::OutcomesByMonth)
        ));
    }

    #[test]
    fn the_cancelled_state_of_a_crime_has_its_outcome() {
        let (folder, older) = (Folder::new(), Folder::new());
        let crime = |id| row(id, "2018-10", "E01024363", "Drugs", "");
        older.file("2018-10-kent-street.csv", &[crime(ID_A), crime(ID_B)]);
        older.outcomes(
            "2018-11-kent-outcomes.csv",
            &[(ID_A, "2018-11", "Local resolution")],
        );
        let now = folder.file("2018-10-kent-street.csv", &[crime(ID_B)]);
        let with_previous = Options {
            previous: vec![older.0.path().to_owned()],
            ..options()
        };
        let (events, _) = imported(&[now], &with_previous).expect("events");
        assert_eq!(
            (&events[1]["subject"], &events[1]["data"]["outcome"]["code"]),
            (&ID_A.into(), &"local-resolution".into())
        );
    }

    #[test]
    fn a_row_of_a_search_file_becomes_a_search() {
        let folder = Folder::new();
        let vehicle = "Vehicle search,2024-06-02T23:05:00+00:00,False,,51.2,0.5,,,,,,,,True,\n";
        let child =
            "Person and Vehicle search,2024-06-30T22:59:00.000+00:00,,,,,Male,under 10,,,,,,,\n";
        let file = folder.searches(
            "2024-06-kent-stop-and-search.csv",
            &[SEARCH, vehicle, child],
        );
        let options = Options {
            release: "2024-08".parse().expect("a month"),
            ..options()
        };
        let (events, summary) = imported(&[file], &options).expect("events");
        let digest = digest([
            "Person search",
            "2024-05-31T23:20:00+00:00",
            "True",
            "",
            "51.2",
            "0.5",
            "Female",
            "over 34",
            "A",
            "B",
            "An Act 1984 (section 1)",
            "Stolen goods",
            "False",
        ]);
        let expected = serde_json::json!({
            "specversion": "1.0", "id": format!("2024-06.{digest}.1.202408"),
            "source": "urn:partner:kent-police:open-data", "type": "uk.community-safety.police.stop-search.v1",
            "subject": format!("2024-06.{digest}.1"), "revision": 202_408, "time": "2024-08-01T00:00:00Z",
            "data": {
                "search_type": "person", "when": {"occurred_from": "2024-05-31T23:20:00Z"}, "object": "stolen-goods",
                "legislation": "an-act-1984-section-1", "outcome": {"list": "police-uk-search", "code": "arrest"},
                "operation": true, "person": {"age_band": "35+", "sex": "female"},
            },
        });
        assert_eq!(events[0], expected);
        let when = serde_json::json!({"occurred_from": "2024-06-02T23:05:00Z"});
        let of_vehicle = serde_json::json!({"search_type": "vehicle", "when": when, "outcome_linked": true, "operation": false});
        assert_eq!(events[1]["data"], of_vehicle);
        assert_eq!(
            events[2]["data"]["person"],
            serde_json::json!({"age_band": "0-9", "sex": "male"})
        );
        assert_eq!(
            (summary.searches(), summary.without_area, summary.vintage),
            (3, 3, None)
        );
    }

    #[test]
    fn equal_searches_are_as_many_records_whatever_came_of_them() {
        let folder = Folder::new();
        let other = SEARCH.replace("Arrest,,", "Caution,True,");
        let file = folder.searches(
            "2024-06-kent-stop-and-search.csv",
            &[SEARCH, &other, SEARCH],
        );
        let options = Options {
            release: "2024-08".parse().expect("a month"),
            ..options()
        };
        let (events, _) = imported(&[file], &options).expect("events");
        let subjects = subjects(&events);
        let base = subjects[0].strip_suffix(".1").expect("the first");
        assert_eq!(
            subjects,
            [
                format!("{base}.1"),
                format!("{base}.2"),
                format!("{base}.3")
            ]
        );
    }

    #[test]
    fn a_search_that_vanished_is_cancelled() {
        let (folder, older) = (Folder::new(), Folder::new());
        let may = SEARCH.replace("05-31", "05-30");
        let before = [
            older.searches("2024-05-kent-stop-and-search.csv", &[&may]),
            older.searches("2024-06-kent-stop-and-search.csv", &[SEARCH, SEARCH]),
        ];
        let now = folder.searches("2024-06-kent-stop-and-search.csv", &[SEARCH]);
        let release = "2024-08".parse().expect("a month");
        let (events, summary) = imported(
            &[now],
            &Options {
                release,
                previous: before.to_vec(),
                ..options()
            },
        )
        .expect("events");
        assert_eq!((events.len(), summary.cancelled), (2, 1));
        assert!(subjects(&events)[1].ends_with(".2"));
        assert_eq!(
            events[1]["data"]["cancellation"]["reason"],
            "absent_from_release"
        );
    }

    #[test]
    fn a_search_or_an_outcome_is_refused_by_line_and_column() {
        let folder = Folder::new();
        let long = "x".repeat(65);
        for (from, to, end) in [
            (
                "Person search",
                "Search",
                "column `Type`: a type is `Person search`, `Vehicle search` or `Person and Vehicle search`",
            ),
            (
                "2024-05-31T",
                "31/05/2024 ",
                "column `Date`: a date is an instant with its offset, such as 2024-05-31T23:20:00+00:00",
            ),
            (
                "2024-05",
                "2024-10",
                "column `Date`: the date is after the release",
            ),
            (
                "True",
                "Yes",
                "column `Part of a policing operation`: a boolean is `True`, `False` or empty",
            ),
            (
                "Female",
                "F",
                "column `Gender`: a gender is `Female`, `Male`, `Other` or empty",
            ),
            (
                "over 34",
                "41",
                "column `Age range`: an age range is `under 10`, `10-17`, `18-24`, `25-34`, `over 34` or empty",
            ),
            (
                "Stolen goods",
                &long,
                "column `Object of search`: the contract has no place for this text",
            ),
        ] {
            let file = folder.searches(
                "2024-06-kent-stop-and-search.csv",
                &[SEARCH, &SEARCH.replace(from, to)],
            );
            let release = "2024-08".parse().expect("a month");
            let refused = imported(
                &[file],
                &Options {
                    release,
                    ..options()
                },
            )
            .expect_err("refused")
            .to_string();
            assert!(
                refused.ends_with(&format!("2024-06-kent-stop-and-search.csv, line 3, {end}")),
                "{refused}"
            );
        }
        for (month, outcome, end) in [
            (
                "2018-11",
                "Local resolution",
                "line 2, column `Month`: the month is not of the file's name",
            ),
            (
                "2018-1",
                "Local resolution",
                "line 2, column `Month`: a month is yyyy-mm",
            ),
            (
                "2018-10",
                "",
                "line 2, column `Outcome type`: every row has an outcome",
            ),
        ] {
            let file = folder.outcomes("2018-10-kent-outcomes.csv", &[(ID_A, month, outcome)]);
            let refused = imported(&[file], &options())
                .expect_err("refused")
                .to_string();
            assert!(refused.ends_with(end), "{refused}");
        }
        let twice = [
            folder.searches("2018-10-kent-stop-and-search.csv", &[]),
            folder.searches("2018-09_to_2018-10-kent-stop-and-search.csv", &[]),
        ];
        assert!(matches!(
            imported(&twice, &options()),
            Err(Error::MonthTwice { .. })
        ));
        let twice = [
            folder.outcomes("2018-10-kent-outcomes.csv", &[]),
            folder.outcomes("2018-10-kent-outcomes.csv.gz", &[]),
        ];
        assert!(matches!(
            imported(&twice, &options()),
            Err(Error::MonthTwice { .. })
        ));
    }
}
