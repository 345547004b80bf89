//! Progress of a command on standard error: a bar where that is a terminal, else log lines.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::text::grouped;
use crate::aggregate;

/// Time between two log lines of a stage.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Time between two frames of a bar, so that a stage without steps is seen to be alive.
const TICK: Duration = Duration::from_millis(100);

/// The progress of one stage after another.
pub(super) struct Progress {
    is_terminal: bool,
    bar: ProgressBar,
    stage: &'static str,
    steps: u64,
    done: u64,
    logged: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            bar: ProgressBar::hidden(),
            stage: "",
            steps: 0,
            done: 0,
            logged: Instant::now(),
        }
    }

    /// Begins a stage; with 0 steps it is one whose length is not known.
    pub(super) fn begin(&mut self, stage: &'static str, steps: u64) {
        self.end();
        (self.stage, self.steps, self.done) = (stage, steps, 0);
        if self.is_terminal {
            self.bar = bar(stage, steps);
        } else {
            self.logged = Instant::now();
            tracing::debug!("{stage}");
        }
    }

    /// Reports more steps of this stage as done.
    pub(super) fn advance(&mut self, steps: u64) {
        self.done += steps;
        if self.is_terminal {
            self.bar.inc(steps);
        } else if self.is_log_due() {
            let (done, of) = (grouped(self.done), grouped(self.steps));
            tracing::info!("{}: {done} of {of}", self.stage);
        }
    }

    /// Reports where a stage of unknown length is.
    pub(super) fn set_message(&mut self, message: impl FnOnce() -> String) {
        if self.is_terminal {
            self.bar.set_message(message());
        } else if self.is_log_due() {
            tracing::info!("{}: {}", self.stage, message());
        }
    }

    /// Removes the bar, so that other output can follow.
    pub(super) fn end(&mut self) {
        self.bar.finish_and_clear();
    }

    fn is_log_due(&mut self) -> bool {
        let is_due = self.logged.elapsed() >= LOG_EVERY;
        if is_due {
            self.logged = Instant::now();
        }
        is_due
    }
}

impl aggregate::RunProgress for Progress {
    fn begin(&mut self, stage: &'static str, steps: u64) {
        Self::begin(self, stage, steps);
    }

    fn advance(&mut self, steps: u64) {
        Self::advance(self, steps);
    }
}

fn bar(stage: &'static str, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(if steps == 0 {
        "{spinner} {msg} {elapsed}"
    } else {
        "{spinner} {msg:28} {wide_bar} {human_pos} of {human_len} {eta}"
    });
    let bar = ProgressBar::new(steps)
        .with_message(stage)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(TICK);
    bar
}

/// Progress that nobody watches.
pub(super) struct NoProgress;

impl aggregate::RunProgress for NoProgress {
    fn begin(&mut self, _stage: &'static str, _steps: u64) {}
    fn advance(&mut self, _steps: u64) {}
}
