//! The process dies, or sleeps, at each named step of the commit.

use partner_feeds::crash::POINTS;
use rustix::process::Signal;

use crate::feeds::Feeds;

/// Runs a story for each of some points, side by side.
fn for_each(points: &[&'static str], story: impl Fn(&'static str) + Sync) {
    std::thread::scope(|scope| {
        for point in points {
            let story = &story;
            let thread = std::thread::Builder::new().name(format!("at {point}"));
            thread.spawn_scoped(scope, move || story(point)).expect("a thread");
        }
    });
}

#[test]
fn a_process_killed_at_any_step_loses_and_doubles_nothing() {
    for_each(&POINTS, |point| {
        let feeds = Feeds::start();
        let load = feeds.load(20);
        // At once, in the middle of commits side by side, and again right after the start.
        for nth in [1, 7, 1] {
            // A life has one resume, and few merges.
            let nth = if ["resume.read", "merge.rejects", "merge.created"].contains(&point) { 1 } else { nth };
            feeds.ingest().killed_at(point, nth).run().killed();
            feeds.assert_each_once();
        }
        load.end();
        feeds.ingest().until_end().run().succeeds();
        feeds.assert_all_each_once();
        feeds.assert_group_is_at_the_end();
    });
}

#[test]
fn a_process_that_sleeps_at_any_step_while_another_takes_over_loses_and_doubles_nothing() {
    let committing = POINTS.into_iter().filter(|point| *point != "resume.read").collect::<Vec<_>>();
    for_each(&committing, |point| {
        let feeds = Feeds::start();
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
    });
}
