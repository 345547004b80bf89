//! The process dies, or sleeps, at each named step of commits, merges and sweeps, on a disk and in
//! a bucket.

use partner_feeds::crash::POINTS;
use rustix::process::Signal;

use crate::feeds::{Feeds, FeedsSetup};

/// Runs a scenario for each point, each with feeds of its own, side by side.
fn for_each(points: &[&'static str], in_bucket: bool, scenario: fn(&Feeds, &str)) {
    std::thread::scope(|scope| {
        for point in points {
            let thread = std::thread::Builder::new().name(format!("at {point}"));
            let run = move || {
                scenario(
                    &FeedsSetup {
                        in_bucket,
                        dead_letters: Some(&[]),
                        ..FeedsSetup::default()
                    }
                    .start(),
                    point,
                );
            };
            thread.spawn_scoped(scope, run).expect("a thread");
        }
    });
}

/// The steps after the resume.
fn committing() -> Vec<&'static str> {
    POINTS
        .into_iter()
        .filter(|point| !point.starts_with("resume."))
        .collect()
}

#[test]
fn a_process_killed_at_any_step_loses_and_doubles_nothing() {
    for_each(&POINTS, false, killed);
}

#[test]
fn a_process_killed_at_any_step_in_a_bucket_loses_and_doubles_nothing() {
    for_each(&POINTS, true, killed);
}

fn killed(feeds: &Feeds, point: &str) {
    let load = feeds.load(20);
    // At once, in the middle of commits side by side, and again right after the start.
    for nth in [1, 7, 1] {
        // A life has one resume, and few merges.
        let is_rare = point.starts_with("resume.") || point.starts_with("merge.");
        let nth = if is_rare { 1 } else { nth };
        feeds.ingest().killed_at(point, nth).run().killed();
        feeds.assert_each_once();
        feeds.assert_dead_letters();
    }
    load.end();
    feeds.ingest().until_end().run().succeeds();
    feeds.assert_all_each_once();
    feeds.assert_group_is_at_the_end();
    feeds.assert_dead_letters();
}

#[test]
fn a_process_that_sleeps_at_any_step_while_another_takes_over_loses_and_doubles_nothing() {
    for_each(&committing(), false, asleep);
}

#[test]
fn a_process_that_sleeps_at_any_step_in_a_bucket_loses_and_doubles_nothing() {
    for_each(&committing(), true, asleep);
}

fn asleep(feeds: &Feeds, point: &str) {
    let load = feeds.load(20);
    let mut sleeper = feeds.ingest().asleep_at(point, 4).start();
    sleeper.until_asleep();
    let mut other = feeds.ingest().start();
    other.until("durable", 6);
    feeds.assert_each_once();
    // It wakes with a batch that another has written: it must see so.
    sleeper.signal(Signal::CONT);
    sleeper.until("durable", 6);
    load.end();
    feeds.settled();
    sleeper.terminate().succeeds();
    other.terminate().succeeds();
    feeds.assert_all_each_once();
    feeds.assert_dead_letters();
}
