//! The street files as data.police.uk published them, or, where they are not at hand, files made of
//! the same figures: so the tests of published figures always run, and say on standard output on
//! what.
//!
//! The files are looked for in the folder that `PARTNER_FEEDS_TEST_DATA` names (empty = take the
//! figures), else in `../shared/data`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The variable that names the folder of published files.
const VARIABLE: &str = "PARTNER_FEEDS_TEST_DATA";
pub(crate) const HEADER: &str = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,Last outcome category,Context\n";
pub(crate) const ASB: &str = "Anti-social behaviour";
/// What Kent Police published, counted.
pub(crate) const KENT: &str = include_str!("kent.csv");
/// The same by area, and Maidstone's by outcome.
pub(crate) const KENT_AREAS: &str = include_str!("kent-areas.csv");

/// The folder of published files.
pub(crate) fn data() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        if named.is_empty() {
            return None;
        }
        let named = PathBuf::from(named);
        assert!(
            named.join("police").is_dir(),
            "{VARIABLE} names a folder without `police`"
        );
        return Some(named);
    }
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"))
        .filter(|data| data.join("police").is_dir())
}

/// Says on what the tests run: to the real standard output, which the harness does not withhold.
pub(crate) fn say(what: &str) {
    writeln!(std::io::stdout(), "{what}").expect("standard output");
}

/// The street files of a force.
pub(crate) struct Street {
    pub(crate) files: Vec<PathBuf>,
    /// The LSOAs of Maidstone.
    pub(crate) maidstone: HashSet<String>,
    /// Where files were written.
    _folder: Option<TempDir>,
}

impl Street {
    /// The published files of a force, or files made of its figures.
    pub(crate) fn of(force: &str, figures: impl FnOnce(&mut Made)) -> Self {
        if let Some(data) = data() {
            say(&format!(
                "figures of {force}: the published files in {}",
                data.display()
            ));
            let names = std::fs::read_dir(data.join("police")).expect("a folder");
            let paths = names.map(|entry| entry.expect("an entry").path());
            let of_force = |path: &PathBuf| {
                path.to_string_lossy()
                    .ends_with(&format!("-{force}-street.csv.gz"))
            };
            let mut files: Vec<PathBuf> = paths.filter(of_force).collect();
            files.sort();
            return Self {
                files,
                maidstone: maidstone(&data),
                _folder: None,
            };
        }
        say(&format!(
            "figures of {force}: files made of the extract, the published ones are not at hand"
        ));
        let mut made = Made {
            force: format!("{force} police"),
            ..Made::default()
        };
        figures(&mut made);
        let folder = tempfile::tempdir().expect("a folder");
        let files = made.write(folder.path(), force);
        let of_maidstone = Areas::of("lsoa", "").0.into_iter().map(|area| area.key);
        Self {
            files,
            maidstone: of_maidstone.collect(),
            _folder: Some(folder),
        }
    }

    pub(crate) fn kent() -> Self {
        Self::of("kent", Made::kent)
    }
}

fn maidstone(data: &Path) -> HashSet<String> {
    let lookup = data.join("geography/kent-lsoa11-ward19-district19.csv");
    let mut lookup = csv::Reader::from_path(lookup).expect("a look-up");
    let rows = lookup.records().map(|row| row.expect("a row"));
    rows.filter(|row| &row[5] == "E07000110")
        .map(|row| row[1].to_owned())
        .collect()
}

/// Rows by month, written from figures.
#[derive(Default)]
pub(crate) struct Made {
    /// The force's name in each row.
    force: String,
    rows: BTreeMap<String, Vec<String>>,
    added: usize,
}

impl Made {
    /// Adds a number of equal rows that equal no other row.
    fn add(
        &mut self,
        month: &str,
        id: &str,
        lsoa: &str,
        crime_type: &str,
        outcome: &str,
        alike: usize,
    ) {
        self.added += 1;
        let place = if lsoa.is_empty() {
            ",,No Location".to_owned()
        } else {
            format!("0.5,51.2,\"Place {}, A\"", self.added)
        };
        let row = format!(
            "{id},{month},{force},{force},{place},{lsoa},Somewhere,{crime_type},{outcome},\n",
            force = self.force
        );
        self.rows
            .entry(month.to_owned())
            .or_default()
            .extend(std::iter::repeat_n(row, alike));
    }

    /// A number of ids, each once in some of the months.
    pub(crate) fn ids(&mut self, months: &[&str], ids: usize, lsoa: &str) {
        for _ in 0..ids {
            let id = format!("{:064x}", self.added);
            for month in months {
                self.add(month, &id, lsoa, "Drugs", "", 1);
            }
        }
    }

    /// So many rows without an id.
    pub(crate) fn incidents(&mut self, month: &str, rows: usize, lsoa: &str) {
        (0..rows).for_each(|_| self.add(month, "", lsoa, ASB, "", 1));
    }

    /// Rows of Kent: as many of each month, type and number of equal ones as were published, dealt
    /// to areas and outcomes so that each has its own number.
    fn kent(&mut self) {
        let mut maidstone = Areas::of("lsoa", "");
        let mut outcomes = Areas::of("outcome", "");
        let mut elsewhere: BTreeMap<&str, Areas> = BTreeMap::new();
        let mut lines: Vec<[&str; 5]> = KENT
            .lines()
            .filter(|line| line.starts_with("20"))
            .map(|line| {
                line.split(',')
                    .collect::<Vec<_>>()
                    .try_into()
                    .expect("five fields")
            })
            .collect();
        let number = |text: &str| text.parse::<usize>().expect("a number");
        // What is alike is in one area: the largest are dealt while there is room for them.
        lines.sort_by_key(|[.., alike, _]| std::cmp::Reverse(number(alike)));
        for [month, area, crime_type, alike, groups] in lines {
            for _ in 0..number(groups) {
                let (is_incident, alike) = (crime_type == ASB, number(alike));
                let lsoa = match area {
                    "maidstone" => maidstone.deal(is_incident, alike),
                    "elsewhere" => {
                        let areas = elsewhere
                            .entry(month)
                            .or_insert_with(|| Areas::of("district", month).by_lsoa());
                        areas.deal(is_incident, alike)
                    }
                    _ => String::new(),
                };
                let outcome = if area == "maidstone" && !is_incident {
                    outcomes.deal(false, 1)
                } else {
                    String::new()
                };
                let id = if is_incident {
                    String::new()
                } else {
                    format!("{:064x}", self.added)
                };
                self.add(month, &id, &lsoa, crime_type, &outcome, alike);
            }
        }
        // Three ids came again: one in its month, one in the month after, one on two equal rows.
        self.share_id(("2018-11", 0), ("2018-11", 1));
        self.share_id(("2018-11", 2), ("2018-12", 0));
        self.share_id(("2019-01", 0), ("2019-01", 1));
    }

    /// Gives the n-th row with an id of a month the id of another.
    fn share_id(&mut self, from: (&str, usize), to: (&str, usize)) {
        let place = |rows: &[String], n| {
            let with_id = rows
                .iter()
                .enumerate()
                .filter(|(_, row)| !row.starts_with(','));
            with_id
                .map(|(place, _)| place)
                .nth(n)
                .expect("a row with an id")
        };
        let rows = &self.rows[from.0];
        let id = rows[place(rows, from.1)][..64].to_owned();
        let rows = self.rows.get_mut(to.0).expect("a month");
        let at = place(rows, to.1);
        rows[at].replace_range(..64, &id);
    }

    fn write(&self, folder: &Path, force: &str) -> Vec<PathBuf> {
        let file = |(month, rows): (&String, &Vec<String>)| {
            let path = folder.join(format!("{month}-{force}-street.csv"));
            std::fs::write(&path, format!("{HEADER}{}", rows.concat())).expect("a file");
            path
        };
        self.rows.iter().map(file).collect()
    }
}

/// Areas, or outcomes, with what is still to be dealt to them.
struct Areas(Vec<Left>);

struct Left {
    key: String,
    crimes: usize,
    incidents: usize,
}

impl Areas {
    /// Those of the extract, of one sort and month.
    fn of(by: &str, month: &str) -> Self {
        let left = |line: &str| {
            let [of, of_month, key, crimes, incidents] = line.split(',').collect::<Vec<_>>()[..]
            else {
                return None;
            };
            (of == by && of_month == month).then(|| Left {
                key: key.to_owned(),
                crimes: crimes.parse().expect("a number"),
                incidents: incidents.parse().expect("a number"),
            })
        };
        Self(KENT_AREAS.lines().filter_map(left).collect())
    }

    /// Each district by one of its LSOAs, what is outside by one of another force.
    fn by_lsoa(mut self) -> Self {
        let geography = &crate::chain::REFERENCE.geography;
        for Left { key, .. } in &mut self.0 {
            let lsoas = geography
                .parts(key)
                .flat_map(|ward| geography.parts(&ward.child));
            *key = lsoas
                .map(|lsoa| lsoa.child.clone())
                .min()
                .unwrap_or_else(|| "E01000001".to_owned());
        }
        self
    }

    /// The one that gets a number of rows: the one with most rows left.
    fn deal(&mut self, is_incident: bool, rows: usize) -> String {
        let left = |left: &Left| {
            if is_incident {
                left.incidents
            } else {
                left.crimes
            }
        };
        let most = self
            .0
            .iter_mut()
            .max_by_key(|area| left(area))
            .expect("an area");
        let of = if is_incident {
            &mut most.incidents
        } else {
            &mut most.crimes
        };
        *of = of.checked_sub(rows).expect("the extracts agree");
        most.key.clone()
    }
}
