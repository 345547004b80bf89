//! The records behind a figure, and what changed it: by reasons that add up.

use std::path::PathBuf;

use partner_feeds::aggregate::{
    AggregateSettings, CountChange, Explanation, FigureQuery, PlanChoice, diff, explain,
};
use partner_feeds::event::Micros;
use partner_feeds::import::police_uk::{self, PoliceUkOptions};

use crate::chain::{Chain, POLICE, Quiet, REFERENCE};
use crate::import::options;
use crate::kit::events::{self, EventBuilder, published_crime};
use crate::published::Street;

const PLAN: &str = "smp-2017-18";
/// The first receipt of a chain, and seconds after it.
const BEGAN: Micros = Micros(1_577_836_800_000_000);

const MAIDSTONE: &str = "E07000110";
const ASHFORD: &str = "E07000105";

/// A crime of May 2017 in Maidstone.
fn crime(subject: &str) -> EventBuilder {
    events::crime(subject)
        .month("2017-05")
        .area(MAIDSTONE, "district")
}

/// The same, and a drugs offence.
fn drugs(subject: &str) -> EventBuilder {
    crime(subject).category("92D")
}

fn explained(
    chain: &Chain,
    series: &str,
    area: &str,
    window: &str,
    before: Option<i64>,
) -> Vec<Explanation> {
    let plan = REFERENCE.plans.get(PLAN).expect("known");
    let before = before.map(|seconds| BEGAN.plus_seconds(seconds));
    let settings = AggregateSettings::new(vec![PlanChoice::Plan(plan)], &REFERENCE, None)
        .compared_with(before);
    let window = REFERENCE.windows.get(window).expect("a window");
    let cell = FigureQuery {
        plan,
        series: series.to_owned(),
        area: area.to_owned(),
        window,
    };
    let explanation = explain(
        &chain.store,
        &settings,
        &cell,
        chain.runtime.handle(),
        &mut Quiet,
    );
    explanation.expect("explained").expect("a record")
}

/// Crimes that [`revised`] changes in every way.
pub(crate) fn to_revise() -> [EventBuilder; 10] {
    [
        drugs("stays"),
        drugs("cancelled"),
        drugs("reinstated").cancelled(),
        drugs("redated-out"),
        drugs("redated-in").month("2017-06"),
        drugs("relocated-out"),
        drugs("relocated-in").area(ASHFORD, "district"),
        drugs("reclassified-out"),
        crime("reclassified-in").category("46"),
        // Moved in every way, and cancelled: the first reason counts.
        drugs("all-at-once"),
    ]
}

/// Each way in which a crime of [`to_revise`] comes into a figure or leaves it.
pub(crate) fn revised() -> [EventBuilder; 11] {
    [
        drugs("late"),
        drugs("late-too"),
        drugs("cancelled").revision(2).cancelled(),
        drugs("reinstated").revision(2),
        drugs("redated-out").revision(2).month("2017-06"),
        drugs("redated-in").revision(2),
        drugs("relocated-out").revision(2).area(ASHFORD, "district"),
        drugs("relocated-in").revision(2),
        crime("reclassified-out").revision(2).category("46"),
        drugs("reclassified-in").revision(2),
        crime("all-at-once")
            .revision(2)
            .month("2017-06")
            .category("46")
            .area(ASHFORD, "district")
            .cancelled(),
    ]
}

#[test]
fn a_change_is_split_into_reasons_that_add_up() {
    let mut chain = Chain::new();
    chain.commit(POLICE, 0, to_revise().iter().map(|document| (0, document)));
    chain.commit(POLICE, 0, revised().iter().map(|document| (100, document)));
    let explanation = explained(
        &chain,
        "substance-misuse",
        MAIDSTONE,
        "month:2017-05",
        Some(50),
    );
    let [explanation] = &explanation[..] else {
        panic!("one partner, kind and role: {explanation:?}")
    };
    assert_eq!(
        (explanation.count, explanation.rules.clone()),
        (Some(7), vec![("codes".to_owned(), 7)])
    );
    let expected = CountChange {
        before: 6,
        late: 2,
        reclassified: (1, 1),
        redated: (1, 1),
        relocated: (1, 1),
        cancelled: 2,
        reinstated: 1,
        restated: 0,
    };
    assert_eq!(explanation.change, Some(expected));
    assert_eq!(expected.before + expected.sum(), 7);
    assert_eq!(
        explanation.months,
        [("2017-05".parse().expect("a month"), Some(7), "final")]
    );
}

#[test]
fn records_that_a_later_release_replaced_are_explained_as_cancelled() {
    let published = |subject, release| {
        published_crime(subject, "2018-11")
            .area(MAIDSTONE, "district")
            .revision(release)
    };
    let mut chain = Chain::new();
    let earlier = ["stays", "moved", "withdrawn"].map(|subject| published(subject, 201_903));
    let later = ["stays", "moved-again"].map(|subject| published(subject, 201_904));
    chain.commit(POLICE, 0, earlier.iter().map(|document| (0, document)));
    chain.commit(POLICE, 0, later.iter().map(|document| (100, document)));
    let [explanation] = &explained(&chain, "total", MAIDSTONE, "month:2018-11", Some(50))[..]
    else {
        panic!("one partner, kind and role")
    };
    let expected = CountChange {
        before: 3,
        late: 1,
        cancelled: 2,
        ..CountChange::default()
    };
    assert_eq!(
        (explanation.count, explanation.change),
        (Some(2), Some(expected))
    );
}

#[test]
fn what_a_priority_cannot_be_shown_by_is_not_supplied() {
    let mut chain = Chain::new();
    let published = published_crime("a", "2018-11").area(MAIDSTONE, "district");
    chain.commit(POLICE, 0, [(0, published)]);
    let [explanation] = &explained(&chain, "mental-health", MAIDSTONE, "fy:2018-19", None)[..]
    else {
        panic!("one")
    };
    assert_eq!(
        (explanation.count, explanation.count_status),
        (None, "not_supplied")
    );
    assert_eq!(
        explanation.breaks,
        ["kent-recording-2016-2018", "kent-system-2018"]
    );
    let [explanation] = &explained(&chain, "police-uk:drugs", "kent-12", "month:2018-11", None)[..]
    else {
        panic!("one")
    };
    assert_eq!(
        (explanation.count, explanation.codes.clone()),
        (Some(1), vec![("police-uk:drugs".to_owned(), 1)])
    );
}

/// Imports each file as a release of its own, one after another.
fn releases(files: &[PathBuf], months: [&str; 2]) -> Chain {
    let mut chain = Chain::new();
    for (i, month) in months.into_iter().enumerate() {
        let file = files
            .iter()
            .find(|file| file.to_string_lossy().contains(&format!("{month}-")))
            .expect("a file");
        let release = if i == 0 { "2019-03" } else { "2019-04" };
        let options = PoliceUkOptions {
            release: release.parse().expect("a month"),
            vintage: Some(2011),
            ..options()
        };
        let mut lines = Vec::new();
        police_uk::import(std::slice::from_ref(file), &options, &REFERENCE, &mut lines)
            .expect("events");
        let lines = String::from_utf8(lines).expect("UTF-8");
        chain.commit(POLICE, 0, lines.lines().map(|line| (i as i64 * 100, line)));
    }
    chain
}

#[test]
fn a_burglary_that_the_next_release_redates_leaves_its_month() {
    let chain = releases(&Street::kent().files, ["2018-11", "2018-12"]);
    let crime = |window| {
        let explanation = explained(&chain, "total", "all-received", window, Some(50));
        let explanation = explanation
            .into_iter()
            .find(|explanation| explanation.kind == "crime")
            .expect("crimes");
        (explanation.count, explanation.change.expect("since"))
    };
    let (count, change) = crime("month:2018-11");
    assert_eq!((change.before, count), (11_690, Some(11_689)));
    assert_eq!(
        change,
        CountChange {
            before: 11_690,
            redated: (0, 1),
            ..CountChange::default()
        }
    );
    let (count, change) = crime("month:2018-12");
    assert_eq!(
        (count, change.redated, change.late),
        (Some(6_132), (1, 0), 6_131)
    );
}

#[test]
fn a_plan_that_narrows_a_priority_moves_what_it_gives_up() {
    let mut chain = Chain::new();
    let documents = [
        crime("flagged").flag("domestic_abuse", true),
        crime("assault"),
        crime("theft").month("2017-06").category("46"),
    ];
    chain.commit(POLICE, 0, documents.iter().map(|document| (0, document)));
    let plans = ["smp-2017-18", "smp-2018-19"]
        .map(|id| PlanChoice::Plan(REFERENCE.plans.get(id).expect("known")));
    let settings = AggregateSettings::new(plans.into(), &REFERENCE, None);
    let moved = diff(
        &chain.store,
        &settings,
        None,
        chain.runtime.handle(),
        &mut Quiet,
    )
    .expect("compared")
    .expect("records");
    assert_eq!((moved.records, moved.unmapped), (3, [1, 2]));
    let narrowed = moved
        .series
        .iter()
        .find(|moved| moved.after.as_deref() == Some("domestic-abuse"))
        .expect("known");
    assert_eq!((narrowed.change, narrowed.records), ("narrowed", [2, 1, 1]));
    assert!(
        narrowed.added.is_empty()
            && narrowed
                .removed
                .iter()
                .any(|rule| rule.starts_with("codes.ho-category="))
    );
    let dropped: Vec<_> = moved
        .series
        .iter()
        .filter(|moved| moved.change == "dropped")
        .collect();
    assert_eq!(dropped.len(), 3, "{dropped:?}");
    let may = REFERENCE.windows.get("month:2017-05").expect("a window");
    let moved = diff(
        &chain.store,
        &settings,
        Some(&may),
        chain.runtime.handle(),
        &mut Quiet,
    )
    .expect("compared");
    assert_eq!(moved.map(|moved| moved.records), Some(2));
}
