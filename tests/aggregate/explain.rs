//! What a figure is made of, and what changed it: by reasons that add up.

use std::path::PathBuf;

use partner_feeds::aggregate::{
    AggregateSettings, CountChange, Explanation, FigureQuery, PlanChoice, diff, explain,
};
use partner_feeds::event::Micros;
use partner_feeds::import::police_uk::{self, PoliceUkOptions};

use crate::chain::{Chain, POLICE, Quiet, REFERENCE};
use crate::import::options;
use crate::published::Street;

const PLAN: &str = "smp-2017-18";
/// The first receipt of a chain, and seconds after it.
const BEGAN: Micros = Micros(1_577_836_800_000_000);

/// A crime of a month and category; `area` is a district.
fn crime(
    subject: &str,
    revision: i32,
    month: &str,
    category: &str,
    area: &str,
    more: &str,
) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{subject}.{revision}","source":"urn:partner:kent-police:crime","type":"uk.community-safety.police.crime.v1","subject":"{subject}","revision":{revision},"time":"2018-02-06T09:15:00Z","data":{{"what":{{"list":"ho-crime","edition":"2026-04","category":"{category}"}},"when":{{"occurred_from":"{month}-03","recorded_at":"{month}-04"}},"area":{{"code":"{area}","level":"district","role":"incident"}}{more}}}}}"#
    )
}

const CANCELLED: &str = r#","cancellation":{"reason":"no_offence","at":"2018-02-01"}"#;
const MAIDSTONE: &str = "E07000110";
const ASHFORD: &str = "E07000105";

fn explained(
    chain: &Chain,
    series: &str,
    area: &str,
    window: &str,
    before: Option<i64>,
) -> Vec<Explanation> {
    let plan = REFERENCE.plans.get(PLAN).expect("held");
    let settings = AggregateSettings::new(vec![PlanChoice::Plan(plan)], &REFERENCE, None);
    let window = REFERENCE.windows.get(window).expect("a window");
    let cell = FigureQuery {
        plan,
        series: series.to_owned(),
        area: area.to_owned(),
        window,
    };
    let before = before.map(|seconds| BEGAN.plus_seconds(seconds));
    let told = explain(
        &chain.store,
        &settings,
        &cell,
        before,
        chain.runtime.handle(),
        &mut Quiet,
    );
    told.expect("explained").expect("a record")
}

#[test]
fn a_change_is_split_into_reasons_that_add_up() {
    let mut chain = Chain::new();
    let drugs =
        |subject, revision, month, area, more| crime(subject, revision, month, "92D", area, more);
    let before = [
        drugs("stays", 1, "2017-05", MAIDSTONE, ""),
        drugs("cancelled", 1, "2017-05", MAIDSTONE, ""),
        drugs("reinstated", 1, "2017-05", MAIDSTONE, CANCELLED),
        drugs("redated-out", 1, "2017-05", MAIDSTONE, ""),
        drugs("redated-in", 1, "2017-06", MAIDSTONE, ""),
        drugs("relocated-out", 1, "2017-05", MAIDSTONE, ""),
        drugs("relocated-in", 1, "2017-05", ASHFORD, ""),
        drugs("reclassified-out", 1, "2017-05", MAIDSTONE, ""),
        crime("reclassified-in", 1, "2017-05", "46", MAIDSTONE, ""),
        // Moved in every way, and cancelled: the first reason counts.
        drugs("all-at-once", 1, "2017-05", MAIDSTONE, ""),
    ];
    let after = [
        drugs("late", 1, "2017-05", MAIDSTONE, ""),
        drugs("late-too", 1, "2017-05", MAIDSTONE, ""),
        drugs("cancelled", 2, "2017-05", MAIDSTONE, CANCELLED),
        drugs("reinstated", 2, "2017-05", MAIDSTONE, ""),
        drugs("redated-out", 2, "2017-06", MAIDSTONE, ""),
        drugs("redated-in", 2, "2017-05", MAIDSTONE, ""),
        drugs("relocated-out", 2, "2017-05", ASHFORD, ""),
        drugs("relocated-in", 2, "2017-05", MAIDSTONE, ""),
        crime("reclassified-out", 2, "2017-05", "46", MAIDSTONE, ""),
        drugs("reclassified-in", 2, "2017-05", MAIDSTONE, ""),
        crime("all-at-once", 2, "2017-06", "46", ASHFORD, CANCELLED),
    ];
    chain.commit(POLICE, 0, before.iter().map(|document| (0, &**document)));
    chain.commit(POLICE, 0, after.iter().map(|document| (100, &**document)));
    let told = explained(
        &chain,
        "substance-misuse",
        MAIDSTONE,
        "month:2017-05",
        Some(50),
    );
    let [told] = &told[..] else {
        panic!("one partner, kind and role: {told:?}")
    };
    assert_eq!(
        (told.count, told.rules.clone()),
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
    };
    assert_eq!(told.change, Some(expected));
    assert_eq!(expected.before + expected.sum(), 7);
    assert_eq!(
        told.months,
        [("2017-05".parse().expect("a month"), Some(7), "final")]
    );
}

#[test]
fn what_a_priority_cannot_be_shown_by_is_not_supplied() {
    let mut chain = Chain::new();
    let published = crime("a", 1, "2018-11", "drugs", MAIDSTONE, "")
        .replace("kent-police:crime", "kent-police:open-data")
        .replace(
            r#""list":"ho-crime","edition":"2026-04""#,
            r#""list":"police-uk","edition":"2013-05""#,
        );
    chain.commit(POLICE, 0, [(0, &*published)]);
    let [told] = &explained(&chain, "mental-health", MAIDSTONE, "fy:2018-19", None)[..] else {
        panic!("one")
    };
    assert_eq!((told.count, told.count_status), (None, "not_supplied"));
    assert_eq!(
        told.breaks,
        ["kent-recording-2016-2018", "kent-system-2018"]
    );
    let [told] = &explained(&chain, "police-uk:drugs", "kent-12", "month:2018-11", None)[..] else {
        panic!("one")
    };
    assert_eq!(
        (told.count, told.codes.clone()),
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
        police_uk::import(std::slice::from_ref(file), &options, &mut lines).expect("events");
        let lines = String::from_utf8(lines).expect("UTF-8");
        chain.commit(POLICE, 0, lines.lines().map(|line| (i as i64 * 100, line)));
    }
    chain
}

#[test]
fn a_burglary_that_the_next_release_redates_leaves_its_month() {
    let chain = releases(&Street::kent().files, ["2018-11", "2018-12"]);
    let crime = |window| {
        let told = explained(&chain, "total", "all", window, Some(50));
        let told = told
            .into_iter()
            .find(|told| told.kind == "crime")
            .expect("crimes");
        (told.count, told.change.expect("since"))
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
    let flagged = r#","flags":{"domestic_abuse":true}"#;
    let documents = [
        crime("flagged", 1, "2017-05", "8N", MAIDSTONE, flagged),
        crime("assault", 1, "2017-05", "8N", MAIDSTONE, ""),
        crime("theft", 1, "2017-06", "46", MAIDSTONE, ""),
    ];
    chain.commit(POLICE, 0, documents.iter().map(|document| (0, &**document)));
    let plans = ["smp-2017-18", "smp-2018-19"]
        .map(|id| PlanChoice::Plan(REFERENCE.plans.get(id).expect("held")));
    let settings = AggregateSettings::new(plans.into(), &REFERENCE, None);
    let told = diff(
        &chain.store,
        &settings,
        None,
        chain.runtime.handle(),
        &mut Quiet,
    )
    .expect("compared")
    .expect("records");
    assert_eq!((told.records, told.unmapped), (3, [1, 2]));
    let narrowed = told
        .series
        .iter()
        .find(|moved| moved.after.as_deref() == Some("domestic-abuse"))
        .expect("held");
    assert_eq!((narrowed.change, narrowed.records), ("narrowed", [2, 1, 1]));
    assert!(
        narrowed.added.is_empty()
            && narrowed
                .removed
                .iter()
                .any(|rule| rule.starts_with("codes.ho-category="))
    );
    let dropped: Vec<_> = told
        .series
        .iter()
        .filter(|moved| moved.change == "dropped")
        .collect();
    assert_eq!(dropped.len(), 3, "{dropped:?}");
    let may = REFERENCE.windows.get("month:2017-05").expect("a window");
    let told = diff(
        &chain.store,
        &settings,
        Some(&may),
        chain.runtime.handle(),
        &mut Quiet,
    )
    .expect("compared");
    assert_eq!(told.map(|told| told.records), Some(2));
}
