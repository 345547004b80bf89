//! Releases of generated events: every row that a reader expects, and one form of every number.

use std::collections::{BTreeMap, BTreeSet};

use partner_feeds::files::TextFiles;
use partner_feeds::reference::Reference;
use partner_feeds::release::{self, MadeRelease, ReleaseRun};

use crate::assessment::GENERATED;
use crate::chain::{Quiet, Table};

/// A release of the tables that are listed, one year by quarters and months.
const RELEASE: &str = "format = 1\nid = \"a-release\"\ntitle = \"A release\"\nplan = \"smp-2017-18\"\n\
    [[accept]]\ncheck = \"suspect-month\"\nreason = \"invented\"\n\
    [[table]]\ntable = \"window_totals\"\nwindows = [\"month:2017-04..2018-03\"]\n\
    levels = [\"all-received\", \"district\"]\nseries = [\"plan\"]\n\
    [[table]]\ntable = \"window_totals\"\nwindows = [\"fy:2017-18\"]\nkinds = [\"crime\"]\n\
    levels = [\"all-received\", \"district\", \"ward@2019\"]\nseries = [\"plan\", \"ho-category\"]\n\
    [[table]]\ntable = \"priority_monthly\"\nwindows = [\"month:2017-04..2018-03\"]\n\
    levels = [\"all-received\", \"district\"]\nseries = [\"plan\"]\n";

fn made() -> MadeRelease {
    let chain = &*GENERATED;
    let mut files = TextFiles::built_in();
    files.put("releases/a-release.toml", RELEASE.to_owned());
    let run = ReleaseRun {
        files: &files,
        reference: &Reference::read(&files).expect("valid"),
        store: &chain.store,
        runtime: chain.runtime.handle(),
    };
    release::make(&run, "a-release", &[], &mut Quiet).expect("safe")
}

fn table(made: &MadeRelease, name: &str) -> Table {
    let files = made.files.iter();
    let mut bytes = files
        .filter(|(file, _)| file == name)
        .map(|(_, bytes)| bytes);
    Table::read(bytes.next().expect("the table").clone())
}

/// What identifies a row, and what is published of its count.
fn published(table: &Table) -> BTreeMap<Vec<Option<&str>>, (Option<i64>, &str)> {
    let keys = [
        "partner",
        "kind",
        "series_kind",
        "series",
        "scheme",
        "area_level",
        "area_role",
        "area_code",
        "window_id",
    ];
    let rows = (0..table.rows()).map(|row| {
        let key = keys.map(|key| table.text(row, key)).to_vec();
        let status = table.text(row, "count_status").expect("a status");
        (key, (table.number(row, "count_value"), status))
    });
    rows.collect()
}

#[test]
fn a_release_has_no_holes_and_one_form_of_every_number() {
    let made = made();
    let (totals, monthly) = (
        table(&made, "window_totals.parquet"),
        table(&made, "priority_monthly.parquet"),
    );
    let totals = published(&totals);
    // Every code has a row wherever its total has one, also where nothing was counted.
    let is_code = |key: &&Vec<Option<&str>>| key[4] == Some("ho-category");
    let codes: BTreeSet<_> = totals.keys().filter(is_code).map(|key| key[3]).collect();
    let in_year = totals.keys().filter(|key| {
        key[1] == Some("crime") && key[2] == Some("total") && key[8] == Some("fy:2017-18")
    });
    let places: BTreeSet<_> = in_year.map(|key| &key[5..8]).collect();
    assert!(codes.len() > 5 && places.len() > 20, "{codes:?} {places:?}");
    let rows: BTreeSet<_> = totals
        .keys()
        .filter(is_code)
        .map(|key| (key[3], &key[5..8]))
        .collect();
    assert_eq!(rows.len(), codes.len() * places.len());
    let zeros = totals
        .iter()
        .filter(|(key, form)| is_code(key) && **form == (Some(0), "exact"));
    assert!(zeros.count() > 0);

    let monthly = published(&monthly);
    assert!(!monthly.is_empty());
    for (key, form) in &monthly {
        assert_eq!(totals.get(key), Some(form), "{key:?}");
    }
}
