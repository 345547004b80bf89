//! The detailed local authority tables of statutory homelessness (H-CLIC) become counts.
//!
//! One run imports one release: the workbooks, or the long CSV of one authority, that were
//! published by then. Every cell of an authority is one record, known by table, quarter, authority
//! and category. Shares, rates and the sub-totals of reasons are no counts of their own and are not
//! sent; what is withheld keeps the bounds that the row itself prints.

mod heading;
mod table;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_128;

pub use self::table::Name;
use self::table::{Cell, Column, Row, Table, each_table, is_authority};
use super::{Release, digest, write_line};
use crate::contract::count::{Count, CountStatus, Unit};
use crate::contract::moment::Date;
use crate::contract::parts::{
    Area, Cancellation, CancellationReason, Level, Period, Quantity, Role, What,
};
use crate::contract::text::{Form, Text};
use crate::contract::{Data, Envelope, Event};
use crate::event::{Feed, Kind};

/// The source of the events.
pub const SOURCE: &str = "urn:partner:mhclg:hclic";
/// The first quarter of each edition of the code lists, and the edition.
const EDITIONS: [(Quarter, &str); 2] = [
    (
        Quarter {
            year: 2018,
            last: 6,
        },
        "2018-04",
    ),
    (
        Quarter {
            year: 2023,
            last: 9,
        },
        "2023-07",
    ),
];
/// The months, as titles name them.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What tables could not be imported for. Names files and cells; never a value of a cell.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the fields are the places that the message names"
)]
pub enum Error {
    /// Another kind of file.
    #[error("{} is neither a workbook (.xlsx) nor the long CSV (.csv)", file.display())]
    Ending { file: PathBuf },
    /// The file system.
    #[error("cannot read {}", file.display())]
    Read { file: PathBuf, source: io::Error },
    /// Not the shape of a workbook.
    #[error("cannot read {}", file.display())]
    Workbook {
        file: PathBuf,
        source: calamine::XlsxError,
    },
    /// Not the shape of a CSV file.
    #[error("cannot read {}", file.display())]
    Csv { file: PathBuf, source: csv::Error },
    /// A workbook of something else.
    #[error("{} has no sheet of the tables A1, A2, A2P, A2R and A3", file.display())]
    NoTables { file: PathBuf },
    /// No way to know whose figures they are.
    #[error("{} does not say of which authority it is: say it by --authority", file.display())]
    NoAuthority { file: PathBuf },
    /// A code that is of no authority.
    #[error(
        "--authority takes the code of a district, unitary authority or borough: E06 to E09 and six digits"
    )]
    NotAnAuthority,
    /// A cell, column or line that is not as it should be.
    #[error("{}, {place}: {rule}", file.display())]
    Place {
        file: PathBuf,
        place: String,
        rule: &'static str,
    },
    /// Households would be counted twice.
    #[error("{table} of {quarter} is for {authority} in {} and in {}", one.display(), other.display())]
    Twice {
        table: Name,
        quarter: Quarter,
        authority: String,
        one: PathBuf,
        other: PathBuf,
    },
    /// The events could not be written.
    #[error("cannot write the events")]
    Write(#[source] io::Error),
}

/// A quarter of a calendar year, by its last month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter {
    year: i32,
    last: i32,
}

impl Quarter {
    fn new(year: i32, last: i32) -> Option<Self> {
        ((2000..2100).contains(&year) && [3, 6, 9, 12].contains(&last))
            .then_some(Self { year, last })
    }

    /// The quarter of `201806`.
    fn of_digits(text: &str) -> Option<Self> {
        let number: i32 = text.parse().ok()?;
        Self::new(number / 100, number % 100)
    }

    /// The quarter of a title that names it: `April to June 2018`.
    fn of_title(title: &str) -> Option<Self> {
        let words: Vec<&str> = title
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|w| !w.is_empty())
            .collect();
        let month = |name: &str| Some(MONTHS.iter().position(|month| *month == name)? as i32 + 1);
        words.windows(4).find_map(|words| match words {
            [first, "to", last, year] => {
                let quarter = Self::new(year.parse().ok()?, month(last)?)?;
                (month(first)? == quarter.last - 2).then_some(quarter)
            }
            _ => None,
        })
    }

    fn edition(self) -> &'static str {
        EDITIONS
            .iter()
            .rev()
            .find(|(from, _)| *from <= self)
            .unwrap_or(&EDITIONS[0])
            .1
    }

    /// The quarter's days.
    fn period(self) -> Option<Period> {
        let Self { year, last } = self;
        let days = if last == 6 || last == 9 { 30 } else { 31 };
        let from = Date::parse(&format!("{year}-{:02}-01", last - 2))?;
        Some(Period {
            from,
            to: Date::parse(&format!("{year}-{last:02}-{days}"))?,
        })
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.year, self.last)
    }
}

/// How to read a release.
#[derive(Clone, Debug)]
pub struct Options {
    /// The month the release came out in.
    pub release: Release,
    /// The files of the release before: what vanished since is cancelled.
    pub previous: Vec<PathBuf>,
    /// The authority of the long CSV, which does not name it.
    pub authority: Option<String>,
}

/// What an import read and wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The tables read, in the order of files and sheets.
    pub tables: Vec<TableSummary>,
    /// Figures that are shares or rates.
    pub not_counts: usize,
    /// Sub-totals of reasons.
    pub sub_totals: usize,
    /// Blank cells.
    pub blank: usize,
    /// Rows of regions and of England, which are rounded.
    pub rounded_rows: usize,
    /// Records of the release before that are gone.
    pub cancelled: usize,
}

/// What became of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// The quarter.
    pub quarter: Quarter,
    /// The table.
    pub name: Name,
    /// Authorities.
    pub authorities: usize,
    /// Events with a number.
    pub exact: usize,
    /// Events with bounds.
    pub suppressed: usize,
    /// Events without a number.
    pub not_supplied: usize,
}

impl Summary {
    /// The events written.
    pub fn events(&self) -> usize {
        self.tables
            .iter()
            .map(|t| t.exact + t.suppressed + t.not_supplied)
            .sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{SOURCE}")?;
        let line = |f: &mut fmt::Formatter<'_>, begins: String, numbers: [usize; 4]| {
            let [authorities, exact, suppressed, not_supplied] = numbers;
            writeln!(
                f,
                "{begins:<14}{authorities:>12}{exact:>9}{suppressed:>12}{not_supplied:>14}"
            )
        };
        writeln!(
            f,
            "{:<14}{:>12}{:>9}{:>12}{:>14}",
            "quarter table", "authorities", "exact", "suppressed", "not supplied"
        )?;
        let mut all = [0; 3];
        for table in &self.tables {
            let TableSummary {
                quarter,
                name,
                authorities,
                exact,
                suppressed,
                not_supplied,
            } = *table;
            line(
                f,
                format!("{quarter} {name}"),
                [authorities, exact, suppressed, not_supplied],
            )?;
            all = [all[0] + exact, all[1] + suppressed, all[2] + not_supplied];
        }
        writeln!(f, "{:<26}{:>9}{:>12}{:>14}", "all", all[0], all[1], all[2])?;
        writeln!(f, "shares and rates left out {:>9}", self.not_counts)?;
        writeln!(f, "sub-totals left out       {:>9}", self.sub_totals)?;
        writeln!(f, "blank cells               {:>9}", self.blank)?;
        writeln!(f, "rounded rows left out     {:>9}", self.rounded_rows)?;
        writeln!(f, "cancelled                 {:>9}", self.cancelled)
    }
}

/// The records of a release.
#[derive(Default)]
struct Held<'f> {
    /// The file of each table of each authority.
    tables: HashMap<(Quarter, Name, String), &'f Path>,
    /// The hashes of the subjects: kept where there is a release before to compare with.
    subjects: HashSet<u128>,
}

/// Writes the events of a release, a line each, in the order of files, sheets, rows and columns;
/// then the cancellations, in the order of the release before.
///
/// All files are read twice, so that nothing is written before all was checked, with one sheet in
/// memory.
pub fn import(files: &[PathBuf], options: &Options, mut out: impl Write) -> Result<Summary, Error> {
    if options
        .authority
        .as_deref()
        .is_some_and(|code| !is_authority(code))
    {
        return Err(Error::NotAnAuthority);
    }
    let (now, _) = read_all(files, options, None, &mut io::sink())?;
    read_all(&options.previous, options, Some(&now), &mut io::sink())?;
    let (_, summary) = read_all(files, options, None, &mut out)?;
    let (_, gone) = read_all(&options.previous, options, Some(&now), &mut out)?;
    out.flush().map_err(Error::Write)?;
    Ok(Summary {
        cancelled: gone.events(),
        ..summary
    })
}

/// Writes the records of files; of the release before, given the records of this one, only what is
/// gone from the tables that both hold.
fn read_all<'f>(
    files: &'f [PathBuf],
    options: &Options,
    now: Option<&Held<'_>>,
    out: &mut impl Write,
) -> Result<(Held<'f>, Summary), Error> {
    let (mut held, mut summary) = (Held::default(), Summary::default());
    for file in files {
        each_table(file, options.authority.as_deref(), |table| {
            check_new(&table, &mut held.tables)?;
            let mut writer = TableWriter::new(&table, options.release, now)?;
            for row in &table.rows {
                writer.write(row, &mut summary, out)?;
            }
            if !options.previous.is_empty() {
                held.subjects.extend(writer.subjects);
            }
            summary.rounded_rows += table.rounded_rows;
            summary.tables.push(writer.written);
            Ok(())
        })?;
    }
    Ok((held, summary))
}

/// Refuses an authority whose table was read before.
fn check_new<'f>(
    table: &Table<'f>,
    seen: &mut HashMap<(Quarter, Name, String), &'f Path>,
) -> Result<(), Error> {
    for row in &table.rows {
        if let Some(one) = seen.insert(
            (table.quarter, table.name, row.authority.clone()),
            table.file,
        ) {
            return Err(Error::Twice {
                table: table.name,
                quarter: table.quarter,
                authority: row.authority.clone(),
                one: one.to_owned(),
                other: table.file.to_owned(),
            });
        }
    }
    Ok(())
}

/// What is made of a column.
enum Use {
    /// Counts of a category.
    Count {
        category: String,
        digest: String,
        unit: Unit,
    },
    /// A share or a rate.
    NotCount,
    /// The sum of other columns.
    SubTotal,
}

/// Writes the rows of a table as events.
struct TableWriter<'t> {
    table: &'t Table<'t>,
    release: Release,
    period: Period,
    uses: Vec<Use>,
    /// The column with the households that the others are of.
    base: Option<usize>,
    /// The records of this release, where the table is of the one before.
    now: Option<&'t Held<'t>>,
    subjects: Vec<u128>,
    written: TableSummary,
}

impl<'t> TableWriter<'t> {
    fn new(
        table: &'t Table<'t>,
        release: Release,
        now: Option<&'t Held<'t>>,
    ) -> Result<Self, Error> {
        let Table { quarter, name, .. } = *table;
        let refused = |rule| Err(table.refused(first_column(table)?, None, rule));
        if (quarter.year, quarter.last) > (release.year, release.month) {
            return refused("the quarter ends after the release");
        }
        let Some(period) = quarter.period() else {
            return refused("the quarter is not of the calendar");
        };
        let written = TableSummary {
            quarter,
            name,
            authorities: 0,
            exact: 0,
            suppressed: 0,
            not_supplied: 0,
        };
        let base = base_of(table);
        let (uses, subjects) = (uses_of(table, base)?, Vec::new());
        Ok(Self {
            table,
            release,
            period,
            uses,
            base,
            now,
            subjects,
            written,
        })
    }

    fn write(
        &mut self,
        row: &Row,
        summary: &mut Summary,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        let key = (self.table.quarter, self.table.name, row.authority.clone());
        if self.now.is_some_and(|now| !now.tables.contains_key(&key)) {
            return Ok(());
        }
        self.written.authorities += 1;
        for (i, cell) in row.cells.iter().enumerate() {
            match (&self.uses[i], cell) {
                (_, Cell::Blank) => summary.blank += 1,
                (Use::NotCount, _) => summary.not_counts += 1,
                (Use::SubTotal, _) => summary.sub_totals += 1,
                (Use::Count { .. }, _) => self.write_cell(i, row, out)?,
            }
        }
        Ok(())
    }

    fn write_cell(&mut self, i: usize, row: &Row, out: &mut impl Write) -> Result<(), Error> {
        let table = self.table;
        let refused = |rule| table.refused(&table.columns[i], Some(row), rule);
        let Use::Count {
            category,
            digest,
            unit,
        } = &self.uses[i]
        else {
            return Ok(());
        };
        let figure = self.figure(i, row).map_err(refused)?;
        let subject = format!(
            "{}.{}{:02}.{}.{digest}",
            table.name, table.quarter.year, table.quarter.last, row.authority
        );
        let hash = XxHash3_128::oneshot(subject.as_bytes());
        if self.now.is_some_and(|now| now.subjects.contains(&hash)) {
            return Ok(());
        }
        self.subjects.push(hash);
        let id = format!("{subject}.{}", self.release.revision().0);
        let what = What {
            list: formed(table.name.list()).map_err(refused)?,
            edition: formed(table.quarter.edition()).map_err(refused)?,
            category: formed(category).map_err(refused)?,
            code: None,
        };
        let count = Count {
            what,
            area: Some(district(&row.authority).map_err(refused)?),
            period: self.period.clone(),
            unit: *unit,
            date_basis: None,
            provisional: None,
            age_band: None,
            sex: None,
            with_flag: None,
            status: figure.status,
            value: figure.value,
            at_least: figure.at_least,
            at_most: figure.at_most,
            cancellation: self.now.map(|_| absent_from(self.release)),
        };
        let envelope = Envelope {
            id: formed(&id).map_err(refused)?,
            source: formed(SOURCE).map_err(refused)?,
            feed: Feed::Housing,
            kind: Kind::Count,
            subject: formed(&subject).map_err(refused)?,
            revision: self.release.revision(),
            time: self.release.time(),
            dataschema: None,
            extensions: Vec::new(),
        };
        write_line(
            &Event {
                envelope,
                data: Data::Count(count),
            },
            out,
        )
        .map_err(Error::Write)?;
        match figure.status {
            CountStatus::Suppressed => self.written.suppressed += 1,
            CountStatus::NotSupplied => self.written.not_supplied += 1,
            CountStatus::Exact | CountStatus::Rounded => self.written.exact += 1,
        }
        Ok(())
    }

    /// What a cell says. What is withheld lies between 0 and the households of the row; needs are
    /// at least one for each of them.
    fn figure(&self, i: usize, row: &Row) -> Result<Figure, &'static str> {
        let nothing = Figure {
            status: CountStatus::NotSupplied,
            value: None,
            at_least: None,
            at_most: None,
        };
        match row.cells[i] {
            Cell::Number(value) => Ok(Figure {
                status: CountStatus::Exact,
                value: Some(value),
                ..nothing
            }),
            Cell::Suppressed => {
                let Some(Cell::Number(base)) = self.base.map(|base| row.cells[base]) else {
                    return Err(
                        "a figure is withheld and its row does not print the households it is of",
                    );
                };
                let (at_least, at_most) = match &self.uses[i] {
                    Use::Count {
                        unit: Unit::Other, ..
                    } => (base, None),
                    _ => (Quantity(0), Some(base)),
                };
                Ok(Figure {
                    status: CountStatus::Suppressed,
                    at_least: Some(at_least),
                    at_most,
                    ..nothing
                })
            }
            Cell::NotSupplied => Ok(nothing),
            Cell::Blank | Cell::Other => Err("a count is a whole number, `..`, `-` or blank"),
        }
    }
}

/// What a count says.
struct Figure {
    status: CountStatus,
    value: Option<Quantity>,
    at_least: Option<Quantity>,
    at_most: Option<Quantity>,
}

fn first_column<'t>(table: &'t Table<'_>) -> Result<&'t Column, Error> {
    let rule = "no column has a heading";
    table.columns.first().ok_or_else(|| Error::Place {
        file: table.file.to_owned(),
        place: table.name.to_string(),
        rule,
    })
}

/// The households that a table is about: its first figure, or in A3 the total of those with needs.
fn base_of(table: &Table<'_>) -> Option<usize> {
    match table.name {
        Name::A3 => table
            .columns
            .iter()
            .position(|column| column.heading.is_total()),
        _ => Some(0),
    }
}

fn uses_of(table: &Table<'_>, base: Option<usize>) -> Result<Vec<Use>, Error> {
    let mut categories = HashSet::new();
    let sub_totals_go = table.name.list() == "hclic-reason";
    let use_of = |(i, column): (usize, &Column)| {
        let heading = &column.heading;
        if !heading.is_count() {
            return Ok(Use::NotCount);
        }
        if sub_totals_go && heading.is_total() && base != Some(i) {
            return Ok(Use::SubTotal);
        }
        let category = heading.category();
        if category.is_empty() {
            return Err(table.refused(column, None, "the heading names no category"));
        }
        if !categories.insert(category.clone()) {
            return Err(table.refused(
                column,
                None,
                "the heading names the category of another column",
            ));
        }
        let unit = if heading.is_number_of_needs() {
            Unit::Other
        } else {
            Unit::Households
        };
        Ok(Use::Count {
            digest: digest([category.as_str()]),
            category,
            unit,
        })
    };
    table.columns.iter().enumerate().map(use_of).collect()
}

fn absent_from(release: Release) -> Cancellation<'static> {
    Cancellation {
        reason: CancellationReason::AbsentFromRelease,
        at: release.moment(),
        replaced_by: None,
    }
}

fn district(authority: &str) -> Result<Area<'_>, &'static str> {
    Ok(Area {
        code: formed(authority)?,
        level: Level::District,
        role: Role::Service,
        vintage: None,
        confidence: None,
        zone: None,
        place_token: None,
    })
}

/// A text of the contract.
fn formed<F: Form>(text: &str) -> Result<Text<'_, F>, &'static str> {
    Text::new(text).ok_or("the contract has no place for this heading or code")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rust_xlsxwriter::{Format, Workbook, Worksheet};
    use serde_json::{Value, json};

    use super::*;

    /// As published in 2018: titles above, headings over several columns and rows, footnotes below.
    /// Cells are parted by `|`; `<` belongs to the cell on its left, `^` to the one above.
    const A1: &str = "\
Table A1 - Number of households assessed, England, April to June 2018
|||||Number of households
||Total initial assessments1,2|Assessed as owed a duty|<|<|Not threatened - no duty owed|Households in area5 (000s)
||^|Total|Prevention duty owed|Of which:|^|^
||^|^|^|due to Section 21 Notice3|^|^
E92000001|ENGLAND|67830|61210|34940|5100|6620|23000
-|Rest of England|54230|48630|27380|4230|5610|20000

E07000110|Maidstone|253|224|148|48|29|73.579
E09000001|City of London|..|..|..|..||5
1|Only includes households assessed since April
-|Withheld";
    /// As published in 2023: rows for the look-up sheets above the headings.
    const A2P: &str = "\
Table A2P - Number of households owed a prevention duty, England, July to September 2023
||Look-up|Look-up|Look-up|Look-up
|||||Number of households
||Total owed a prevention duty1|Domestic abuse|<|Other reasons / not known 7
||^|Total Domestic abuse|Of which:|^
||^|^|Victim|^
||^|^|^|^
E92000001|ENGLAND|35770|1250|1000|34520
E07000110|Maidstone|135|8|7|127";
    const A3: &str = "\
Table A3 – Support needs of households, England, April to June 2018
||||||Total number of support needs1|Of which households with:|
||No support needs|Households with one or more support needs1,2|<|<|^|Old age|Care leaver aged 21-24 3
||^|Total|1|3+|^|^|^
E09000001|City of London|2|4|3|1|-|-|-
E07000110|Maidstone|92|132|50|82|349|5|3";

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn book(&self, name: &str, sheets: &[(&str, &str)]) -> PathBuf {
            let mut book = Workbook::new();
            for (name, cells) in sheets {
                write_sheet(book.add_worksheet().set_name(*name).expect("a name"), cells);
            }
            let path = self.0.path().join(name);
            book.save(&path).expect("a workbook");
            path
        }

        fn csv(&self, lines: &str) -> PathBuf {
            let path = self.0.path().join("long.csv");
            std::fs::write(
                &path,
                format!("quarter_end,table,col,measure,value\n{lines}"),
            )
            .expect("a file");
            path
        }
    }

    fn write_sheet(sheet: &mut Worksheet, cells: &str) {
        let rows: Vec<Vec<&str>> = cells
            .lines()
            .map(|line| line.split('|').collect())
            .collect();
        let at = |row: usize, column: usize| rows.get(row).and_then(|row| row.get(column)).copied();
        for (row, column) in
            (0..rows.len()).flat_map(|row| (0..rows[row].len()).map(move |column| (row, column)))
        {
            let text = rows[row][column];
            let right = (column + 1..rows[row].len())
                .take_while(|column| at(row, *column) == Some("<"))
                .count();
            let down = (row + 1..rows.len())
                .take_while(|row| at(*row, column) == Some("^"))
                .count();
            let (row, column) = (row as u32, column as u16);
            match text.parse::<f64>() {
                _ if ["", "<", "^"].contains(&text) => {}
                Ok(number) => drop(sheet.write(row, column, number).expect("a cell")),
                Err(_) if right + down == 0 => {
                    drop(sheet.write(row, column, text).expect("a cell"))
                }
                Err(_) => {
                    let (last, end) = (row + down as u32, column + right as u16);
                    sheet
                        .merge_range(row, column, last, end, text, &Format::new())
                        .expect("cells");
                }
            }
        }
    }

    fn options(authority: Option<&str>) -> Options {
        let release = "2023-12".parse().expect("a month");
        Options {
            release,
            previous: Vec::new(),
            authority: authority.map(str::to_owned),
        }
    }

    fn imported(
        files: &[PathBuf],
        authority: Option<&str>,
    ) -> Result<(Vec<Value>, Summary), Error> {
        imported_with(files, &options(authority))
    }

    fn imported_with(files: &[PathBuf], options: &Options) -> Result<(Vec<Value>, Summary), Error> {
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

    /// The figures of an authority by category: value or status, bounds.
    fn figures(events: &[Value], authority: &str) -> BTreeMap<String, Value> {
        let of = |event: &&Value| event["data"]["area"]["code"] == authority;
        let figure = |data: &Value| match &data["value"] {
            Value::Null => json!([data["status"], data["at_least"], data["at_most"]]),
            value => value.clone(),
        };
        let entry = |event: &Value| {
            let data = &event["data"];
            (
                data["what"]["category"]
                    .as_str()
                    .expect("a category")
                    .to_owned(),
                figure(data),
            )
        };
        events.iter().filter(of).map(entry).collect()
    }

    #[test]
    fn every_count_of_an_authority_is_an_event() {
        let folder = Folder::new();
        let book = folder.book(
            "a.xlsx",
            &[
                ("Contents", "Table A1"),
                ("A1 - Apr-Jun 18", A1),
                ("A10", "Table A10"),
            ],
        );
        let (events, summary) = imported(&[book], None).expect("events");
        let digest = "58674c62da88753beb2a40d57916664b";
        let expected = json!({
            "specversion": "1.0", "id": format!("A1.201806.E07000110.{digest}.202312"), "source": SOURCE,
            "type": "uk.community-safety.housing.count.v1", "subject": format!("A1.201806.E07000110.{digest}"),
            "revision": 202_312, "time": "2023-12-01T00:00:00Z",
            "data": {
                "what": {"list": "hclic-assessment", "edition": "2018-04", "category": "total-initial-assessments"},
                "area": {"code": "E07000110", "level": "district", "role": "service"},
                "period": {"from": "2018-04-01", "to": "2018-06-30"},
                "unit": "households", "status": "exact", "value": 253,
            },
        });
        assert_eq!(events[0], expected);
        let maidstone = json!({
            "total-initial-assessments": 253, "assessed-as-owed-a-duty/total": 224,
            "assessed-as-owed-a-duty/prevention-duty-owed": 148,
            "assessed-as-owed-a-duty/due-to-section-21-notice": 48, "not-threatened-no-duty-owed": 29,
        });
        assert_eq!(json!(figures(&events, "E07000110")), maidstone);
        let london = figures(&events, "E09000001");
        assert_eq!(
            london["total-initial-assessments"],
            json!(["not_supplied", null, null])
        );
        assert_eq!((london.len(), summary.events(), summary.blank), (4, 9, 1));
        assert_eq!((summary.not_counts, summary.rounded_rows), (2, 2));
    }

    #[test]
    fn sub_totals_of_reasons_are_not_sent() {
        let folder = Folder::new();
        let (events, summary) =
            imported(&[folder.book("a.xlsx", &[("A2P", A2P)])], None).expect("events");
        let reasons = json!({"total-owed-a-prevention-duty": 135, "domestic-abuse/victim": 7, "other-reasons-not-known": 127});
        assert_eq!(json!(figures(&events, "E07000110")), reasons);
        assert_eq!(summary.sub_totals, 1);
        let what = &events[0]["data"]["what"];
        assert_eq!(
            (&what["list"], &what["edition"]),
            (&json!("hclic-reason"), &json!("2023-07"))
        );
        assert_eq!(
            events[0]["data"]["period"],
            json!({"from": "2023-07-01", "to": "2023-09-30"})
        );
    }

    #[test]
    fn what_is_withheld_lies_between_bounds_that_the_row_prints() {
        let folder = Folder::new();
        let (events, summary) =
            imported(&[folder.book("a.xlsx", &[("A3 - Apr-Jun 18", A3)])], None).expect("events");
        let london = figures(&events, "E09000001");
        assert_eq!(london["old-age"], json!(["suppressed", 0, 4]));
        assert_eq!(
            london["care-leaver-aged-21-24"],
            json!(["suppressed", 0, 4])
        );
        assert_eq!(
            london["total-number-of-support-needs"],
            json!(["suppressed", 4, null])
        );
        assert_eq!(london["households-with-one-or-more-support-needs/3"], 1);
        let units: Vec<&Value> = events
            .iter()
            .map(|e| &e["data"]["unit"])
            .filter(|unit| *unit == "other")
            .collect();
        assert_eq!((units.len(), summary.tables[0].suppressed), (2, 3));
    }

    #[test]
    fn what_vanished_since_the_release_before_is_cancelled() {
        let folder = Folder::new();
        let before = A2P.replace("Victim", "Victims").replace(
            "E07000110|Maidstone|",
            "E07000110|Maidstone|135|8|7|127\nE07000111|Swale|",
        );
        let before = folder.book("before.xlsx", &[("A2P", &before), ("A3", A3)]);
        let now = folder.book("now.xlsx", &[("A2P", A2P)]);
        let with_previous = Options {
            previous: vec![before.clone()],
            ..options(None)
        };
        let (events, summary) =
            imported_with(std::slice::from_ref(&now), &with_previous).expect("events");
        assert_eq!(
            (events.len(), summary.events(), summary.cancelled),
            (4, 3, 1)
        );
        let gone = &events[3]["data"];
        assert_eq!(
            (&gone["what"]["category"], &gone["value"]),
            (&json!("domestic-abuse/victims"), &json!(7))
        );
        assert_eq!(
            gone["cancellation"],
            json!({"reason": "absent_from_release", "at": "2023-12"})
        );
        let with_itself = Options {
            previous: vec![now.clone()],
            ..options(None)
        };
        assert_eq!(
            imported_with(&[now], &with_itself)
                .expect("events")
                .1
                .cancelled,
            0
        );
    }

    #[test]
    fn the_long_csv_gives_the_events_of_the_workbook() {
        let folder = Folder::new();
        let (events, _) = imported(&[folder.book("a.xlsx", &[("A1", A1)])], None).expect("events");
        let csv = folder.csv(
            "201806,A1,2,Total initial assessments,253\n\
             201806,A1,3,Assessed as owed a duty > Total,224\n\
             201806,A1,4,Assessed as owed a duty > Prevention duty owed,148\n\
             201806,A1,5,Assessed as owed a duty > Of which: > due to Section 21 Notice,48\n\
             201806,A1,6,Not threatened - no duty owed,29\n\
             201806,A1,7,Households in area (000s),73.579\n\
             201806,A10,4,Total,253\n",
        );
        let (long, summary) =
            imported(std::slice::from_ref(&csv), Some("E07000110")).expect("events");
        assert_eq!(long, events[..5]);
        assert_eq!((summary.not_counts, summary.tables.len()), (1, 1));
        let refused = imported(&[csv], None).expect_err("whose?");
        assert!(
            matches!(refused, Error::NoAuthority { .. })
                && refused.to_string().contains("--authority")
        );
    }

    #[test]
    fn a_refusal_names_file_and_cell_and_no_value_and_nothing_is_written() {
        let folder = Folder::new();
        let good = folder.book("good.xlsx", &[("A1", A1)]);
        let refused = |sheet: &str, cells: &str| {
            let bad = folder.book("bad.xlsx", &[(sheet, cells)]);
            let mut out = Vec::new();
            let refused = import(&[good.clone(), bad], &options(None), &mut out)
                .expect_err("refused")
                .to_string();
            assert!(out.is_empty(), "{refused}");
            refused
        };
        for (sheet, cells, end) in [
            (
                "A2P",
                A2P.replace("|7|127", "|7.5|127"),
                "cell E9: a count is a whole number, `..`, `-` or blank",
            ),
            (
                "A2P",
                A2P.replace("|7|127", "|seven|127"),
                "cell E9: a count is a whole number, `..`, `-` or blank",
            ),
            (
                "A2P",
                A2P.replace("|7|127", "|7|127|9"),
                "cell G9: a figure stands under no heading",
            ),
            (
                "A2P",
                A2P.replace("Other reasons / not known 7", "Of which:"),
                "column F: the heading names no category",
            ),
            (
                "A3",
                A3.replace("Old age", "Care leaver aged 21-24"),
                "column I: the heading names the category of another column",
            ),
            (
                "A3",
                A3.replace("|2|4|3", "|2|..|3"),
                "cell G5: a figure is withheld and its row does not print the households it is of",
            ),
            (
                "A3",
                A3.replace("April to June", "May to June"),
                "cell A1: the title names no quarter, such as `April to June 2018`",
            ),
            (
                "A2P",
                A2P.replace("2023", "2024"),
                "column C: the quarter ends after the release",
            ),
            (
                "A3",
                A3.replace("E0", "X"),
                "column A: no row begins with the code of an area",
            ),
        ] {
            let refused = refused(sheet, &cells);
            assert!(
                refused.ends_with(&format!("bad.xlsx, sheet `{sheet}`, {end}")),
                "{refused}"
            );
        }
        assert!(refused("B1", A1).ends_with("has no sheet of the tables A1, A2, A2P, A2R and A3"));
        let again = refused("A1", A1);
        assert!(
            again.starts_with("A1 of 2018-06 is for E07000110 in "),
            "{again}"
        );
    }

    #[test]
    fn a_title_names_the_quarter() {
        let quarter = |title| Quarter::of_title(title).map(|quarter| quarter.to_string());
        assert_eq!(
            quarter("Table A1 - Households\nEngland, October to December 2018 (revised)"),
            Some("2018-12".into())
        );
        assert_eq!(
            quarter("England, January to March 2019"),
            Some("2019-03".into())
        );
        for title in [
            "England, 2018",
            "January to June 2018",
            "February to April 2018",
            "April to June 18",
        ] {
            assert_eq!(quarter(title), None, "{title}");
        }
    }
}
