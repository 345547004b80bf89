//! A table that lacks an input is not written, and the run names the input; the others are written.

use partner_feeds::aggregate::{self, AggregateSettings, AggregateSummary, PlanChoice};
use partner_feeds::files::TextFiles;
use partner_feeds::reference::Reference;

use crate::chain::{Chain, POLICE, Quiet};

const PLAN: &str = "smp-2017-18";

/// Aggregates one crime under a plan, with a text in the place of a built-in file.
fn with(file: &str, text: &str, plan: &str) -> (Chain, AggregateSummary) {
    let mut files = TextFiles::built_in();
    files.put(file.to_owned(), text.to_owned());
    let reference = Reference::read(&files).unwrap_or_else(|faults| panic!("{faults}"));
    let plans = [PLAN, plan].map(|id| PlanChoice::Plan(reference.plans.get(id).expect("known")));
    let settings = AggregateSettings::new(plans.into(), &reference, None);
    let mut chain = Chain::new();
    let crime = include_str!("../../schemas/examples/crime.json");
    let closed = crime.replace(
        r#""list":"ho-outcome","code":"16""#,
        r#""list":"police-uk-outcome","code":"awaiting-court-outcome""#,
    );
    assert_ne!(closed, crime);
    chain.commit(POLICE, 0, [(0, &*closed)]);
    let summary = aggregate::run(&chain.store, &settings, chain.runtime.handle(), &mut Quiet)
        .expect("aggregated");
    (chain, summary.expect("a record"))
}

#[test]
fn without_a_list_of_outcomes_only_their_table_is_not_written() {
    let (chain, summary) = with("codes/police-uk-outcome.csv", "", "smp-2018-19");
    let paths: Vec<&str> = summary
        .not_written
        .iter()
        .map(|(path, _)| &**path)
        .collect();
    assert_eq!(
        paths,
        [
            "aggregates/smp-2017-18/outcomes.parquet",
            "aggregates/smp-2018-19/outcomes.parquet"
        ]
    );
    assert!(
        summary.not_written[0]
            .1
            .contains("`codes/police-uk-outcome.csv` is missing"),
        "{:?}",
        summary.not_written
    );
    let names = chain.names("aggregates/smp-2017-18");
    assert!(
        names.iter().any(|name| name == "window_totals.parquet")
            && names.iter().all(|name| name != "outcomes.parquet")
    );
}

#[test]
fn a_plan_for_an_unknown_area_has_no_tables_and_another_plan_has() {
    let own = include_str!("../../config/plans/smp-2017-18.toml")
        .replace("smp-2017-18", "elsewhere")
        .replace("E07000110", "E06000001")
        .replace(r#"status = "adopted""#, r#"status = "draft""#)
        .replace("follows = ", "# follows = ")
        .replace("dropped = ", "# dropped = ");
    let own = own
        .lines()
        .filter(|line| !line.starts_with("from = "))
        .collect::<Vec<_>>()
        .join("\n");
    let (chain, summary) = with("plans/elsewhere.toml", &own, "elsewhere");
    let [(path, why)] = &summary.not_written[..] else {
        panic!("one: {:?}", summary.not_written)
    };
    assert_eq!(path, "aggregates/elsewhere");
    assert!(
        why.contains("geography/areas.csv") && why.contains("E06000001"),
        "{why}"
    );
    assert_eq!(chain.names("aggregates"), [PLAN]);
}
