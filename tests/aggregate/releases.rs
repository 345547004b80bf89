//! Releases of generated events: every row that a reader expects, and one form of every number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use partner_feeds::event::TopicPartition;
use partner_feeds::files::TextFiles;
use partner_feeds::ledger::merge::{MergeLimits, merge};
use partner_feeds::reference::Reference;
use partner_feeds::release::{self, MadeRelease, Manifest, ReleaseError, ReleaseRun, Reproduction};

use crate::assessment::GENERATED;
use crate::behaviours::chain_of_generated_events;
use crate::chain::{Chain, HOUSING, POLICE, Quiet, Table};
use crate::kit::events::crime;

/// A release of the tables that are listed, one year by quarters and months.
const RELEASE: &str = "format = 1\nid = \"a-release\"\ntitle = \"A release\"\nplan = \"smp-2017-18\"\n\
    [[accept]]\ncheck = \"suspect-month\"\nreason = \"invented\"\n\
    [[table]]\ntable = \"window_totals\"\nwindows = [\"month:2017-04..2018-03\"]\n\
    levels = [\"all-received\", \"district\"]\nseries = [\"plan\"]\n\
    [[table]]\ntable = \"window_totals\"\nwindows = [\"fy:2017-18\"]\nkinds = [\"crime\"]\n\
    levels = [\"all-received\", \"district\", \"ward@2019\"]\nseries = [\"plan\", \"ho-category\"]\n\
    [[table]]\ntable = \"priority_monthly\"\nwindows = [\"month:2017-04..2018-03\"]\n\
    levels = [\"all-received\", \"district\"]\nseries = [\"plan\"]\n";

/// A release of one table.
const SMALL_RELEASE: &str = "format = 1\nid = \"a-release\"\ntitle = \"A release\"\n\
    plan = \"smp-2017-18\"\n[[table]]\ntable = \"window_totals\"\nwindows = [\"fy:2017-18\"]\n\
    kinds = [\"crime\"]\nlevels = [\"all-received\", \"district\"]\nseries = [\"plan\"]\n";

/// The built-in configuration with a release.
fn configuration(release: &str) -> (TextFiles, Reference) {
    let mut files = TextFiles::built_in();
    files.put("releases/a-release.toml", release.to_owned());
    let reference = Reference::read(&files).expect("valid");
    (files, reference)
}

fn run<'r>(chain: &'r Chain, (files, reference): &'r (TextFiles, Reference)) -> ReleaseRun<'r> {
    ReleaseRun {
        files,
        reference,
        store: &chain.store,
        runtime: chain.runtime.handle(),
    }
}

static MADE: LazyLock<MadeRelease> = LazyLock::new(|| {
    let configuration = configuration(RELEASE);
    release::make(
        &run(&GENERATED, &configuration),
        "a-release",
        &[],
        &mut Quiet,
    )
    .expect("safe")
});

fn table(name: &str) -> Table {
    let files = MADE.files.iter();
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
    let (totals, monthly) = (
        table("window_totals.parquet"),
        table("priority_monthly.parquet"),
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

/// The codes of recorded crime by which alone a record is under a priority or theme, as the text of the plan has them.
const CODES_OF_PLAN: [(&str, &[&str]); 5] = [
    (
        "organised-crime",
        &["106", "72", "92A", "10A", "10B", "24", "38"],
    ),
    (
        "gangs-cse",
        &["71", "88A", "10A", "10B", "10C", "10D", "81", "90"],
    ),
    ("substance-misuse", &["92A", "92C", "92D", "92E", "60"]),
    ("antisocial-behaviour", &["9A", "58A", "58B", "58C", "58D"]),
    ("mental-health", &[]),
];

#[test]
fn the_codes_that_the_plan_names_are_published_as_parts_of_its_priorities() {
    let (totals, relations) = (table("window_totals.parquet"), table("relations.parquet"));
    let codes = totals.find(&[("scheme", "ho-category")]);
    let codes: BTreeSet<&str> = codes.filter_map(|row| totals.text(row, "series")).collect();
    let parts = |rule: &str, whole: &str| -> BTreeSet<&str> {
        let keys = [
            ("partner", "kent-police"),
            ("kind", "crime"),
            ("rule", rule),
            ("whole_series", whole),
        ];
        let rows = relations.find(&keys);
        rows.filter_map(|row| relations.text(row, "part_series"))
            .collect()
    };
    for (series, named) in CODES_OF_PLAN {
        let expected: BTreeSet<&str> = named
            .iter()
            .copied()
            .filter(|code| codes.contains(code))
            .collect();
        assert_eq!(expected.is_empty(), named.is_empty(), "{series}");
        assert_eq!(parts("sum_and_rest", series), expected, "{series}");
        assert!(parts("within", "mapped").contains(series), "{series}");
        assert!(parts("within", "total").contains(series), "{series}");
        assert!(parts("covered", "mapped").contains(series), "{series}");
    }
    let sums = parts("sum", "total");
    assert!(sums.is_superset(&codes), "codes exclude one another");
    assert!(sums.is_superset(&["mapped", "unmapped"].into()), "{sums:?}");

    let areas = table("area_parts.parquet");
    let wards = areas.find(&[("area_level", "district"), ("area_code", "E07000110")]);
    assert_eq!(wards.count(), 26, "the wards of Maidstone in 2019");
}

/// Makes the stored release again, and compares.
fn reproduced(
    chain: &Chain,
    configuration: &(TextFiles, Reference),
) -> Result<Reproduction, ReleaseError> {
    let run = run(chain, configuration);
    let files = release::read_files(run.store, "a-release");
    let files = chain.runtime.block_on(files).expect("a release");
    let manifest = Manifest::read(&files).expect("there").expect("valid");
    release::reproduce(&run, &manifest, &files, &mut Quiet)
}

#[test]
fn a_release_is_made_again_from_the_ledger_as_it_was_then() {
    let mut chain = chain_of_generated_events(2_000);
    let mut configuration = configuration(SMALL_RELEASE);
    let aggregate = |chain: &Chain, (_, reference): &(TextFiles, Reference)| {
        let written = chain.aggregate_with(reference, &["smp-2017-18"], None);
        written.expect("records");
    };
    aggregate(&chain, &configuration);
    let run = run(&chain, &configuration);
    let made = release::make(&run, "a-release", &[], &mut Quiet).expect("safe");
    release::write(&run, &made).expect("written");

    // Later records are in the same file of the ledger, and in the tables.
    let later = (0..40).map(|number| (0, crime(&format!("later-{number}")).month("2017-05")));
    chain.commit(POLICE, 0, later);
    let partition = TopicPartition {
        topic: POLICE.to_owned(),
        partition: 0,
    };
    let merged = merge(&chain.store, &partition, MergeLimits::default());
    let merged = chain.runtime.block_on(merged).expect("merged");
    assert_eq!(merged.map(|merged| merged.files), Some(2));
    chain.commit(
        POLICE,
        1,
        [(0, crime("of-a-new-partition").month("2017-05"))],
    );
    aggregate(&chain, &configuration);
    let again = reproduced(&chain, &configuration).expect("made again");
    assert_eq!(again, Reproduction::default());

    // Another rule changes figures, and is named.
    let plan = configuration
        .0
        .text("plans/smp-2017-18.toml")
        .expect("the plan");
    let plan = plan.replacen("\"92A\", \"92C\", ", "", 1);
    configuration.0.put("plans/smp-2017-18.toml", plan);
    configuration.1 = Reference::read(&configuration.0).expect("valid");
    let again = reproduced(&chain, &configuration).expect("made again");
    assert!(
        again
            .differing
            .contains(&"window_totals.parquet".to_owned()),
        "{again:?}"
    );
    let named = [
        "the reference data was changed since",
        "the plan `smp-2017-18` was changed since",
    ];
    assert_eq!(again.changed_inputs, named);

    // A ledger that lost files cannot give what was in them.
    let lost = format!("{}/journal/topic={HOUSING}", chain.root());
    std::fs::remove_dir_all(lost).expect("removed");
    let error = reproduced(&chain, &configuration).expect_err("not made");
    let error = error.to_string();
    assert!(
        error.starts_with(&format!("the ledger of {HOUSING}/0 ends at")),
        "{error}"
    );
}
