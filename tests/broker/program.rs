//! The program as a process: started as its user starts it, watched by its log, signalled by its
//! id.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::await_that;

/// What the log says of a panic, in any thread.
const FAULT: &str = "the program has a fault";

/// A command that is not yet started.
pub(crate) struct Program {
    command: Command,
    out: PathBuf,
    err: PathBuf,
}

impl Program {
    /// A command of the program, whose output goes to files in a folder.
    #[expect(
        clippy::disallowed_methods,
        reason = "settings of the test's environment must not reach the program"
    )]
    pub(crate) fn new(folder: &Path, arguments: &[&str]) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new(env!("CARGO_BIN_EXE_partner-feeds"));
        command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARTNER_FEEDS_")) {
            command.env_remove(name);
        }
        command.env("PARTNER_FEEDS_LOG", "info,partner_feeds=debug");
        let verb = arguments.first().expect("a command");
        let file = |end: &str| folder.join(format!("{number:02}-{verb}.{end}"));
        Self {
            command,
            out: file("out"),
            err: file("err"),
        }
    }

    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// A setting, by its key.
    pub(crate) fn set(self, key: &str, value: impl ToString) -> Self {
        let name = format!("PARTNER_FEEDS_{}", key.to_uppercase().replace('.', "_"));
        self.env(&name, value)
    }

    #[expect(clippy::needless_pass_by_value, reason = "tests are shorter this way")]
    pub(crate) fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.command.env(name, value.to_string());
        self
    }

    pub(crate) fn until_end(self) -> Self {
        self.arg("--until-end")
    }

    /// It kills itself when it passes a point for the nth time.
    pub(crate) fn killed_at(self, point: &str, nth: usize) -> Self {
        self.env("PARTNER_FEEDS_CRASH_AT", point)
            .env("PARTNER_FEEDS_CRASH_AFTER", nth)
    }

    /// It falls asleep when it passes a point for the nth time.
    pub(crate) fn asleep_at(self, point: &str, nth: usize) -> Self {
        self.killed_at(point, nth)
            .env("PARTNER_FEEDS_CRASH_WITH", "stop")
    }

    /// One step of it waits at a point while a file exists; the rest continues.
    pub(crate) fn blocked_at(self, point: &str, file: &Path) -> Self {
        std::fs::write(file, "").expect("written");
        self.killed_at(point, 1)
            .env("PARTNER_FEEDS_CRASH_WITH", "block")
            .env("PARTNER_FEEDS_CRASH_FILE", file.display())
    }

    /// Whatever is written to its standard input.
    pub(crate) fn fed(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let file = |path: &Path| File::create(path).expect("a file");
        self.command.stdout(file(&self.out)).stderr(file(&self.err));
        let child = self.command.spawn().expect("the program starts");
        Running {
            child,
            out: self.out,
            err: self.err,
        }
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Ended {
        self.start().ends()
    }
}

/// A running program; killed when the test is over.
pub(crate) struct Running {
    pub(crate) child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        text(&self.err)
    }

    /// The most memory it has had, in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .expect("a peak");
        line.trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .expect("a number")
            / 1024
    }

    /// The number of times its log contains a text.
    pub(crate) fn says(&self, what: &str) -> usize {
        self.log().matches(what).count()
    }

    /// Waits until its log contains a text a number of times.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, times: usize) {
        await_that(&format!("the log says {times} times: {what}"), || {
            let printed = self.says(what) >= times;
            let status = self.child.try_wait().expect("a status");
            assert!(
                printed || status.is_none(),
                "ended before it printed `{what}`: {status:?}\n{}",
                self.log()
            );
            printed
        });
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("signalled");
    }

    /// Waits until it is stopped by a signal.
    #[track_caller]
    pub(crate) fn until_asleep(&self) {
        let path = format!("/proc/{}/stat", self.child.id());
        await_that("the program sleeps", || {
            let stat = std::fs::read_to_string(&path).expect("the process is there");
            stat.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('T'))
        });
    }

    /// Waits for its end. None of its threads may have panicked.
    #[track_caller]
    pub(crate) fn ends(self) -> Ended {
        let ended = self.ends_even_after_a_panic();
        assert!(
            !ended.err.contains(FAULT),
            "one of its threads panicked:\n{}",
            ended.err
        );
        ended
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ends_even_after_a_panic(mut self) -> Ended {
        let mut status = None;
        await_that("the program ends", || {
            status = self.child.try_wait().expect("a status");
            status.is_some()
        });
        Ended {
            status: status.expect("awaited"),
            out: text(&self.out),
            err: text(&self.err),
        }
    }

    /// Tells it to stop, and waits for its end.
    #[track_caller]
    pub(crate) fn terminate(self) -> Ended {
        self.signal(Signal::TERM);
        self.ends()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended
        self.child.wait().ok();
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// A program that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.with_status(0)
    }

    #[track_caller]
    pub(crate) fn with_status(self, code: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "{:?}\n{}\n{}",
            self.status,
            self.out,
            self.err
        );
        self
    }

    #[track_caller]
    pub(crate) fn killed(self) -> Self {
        assert_eq!(
            self.status.signal(),
            Some(9),
            "{:?}\n{}\n{}",
            self.status,
            self.out,
            self.err
        );
        self
    }

    /// What it printed, on either stream, contains a text.
    #[track_caller]
    pub(crate) fn saying(self, what: &str) -> Self {
        assert!(
            self.out.contains(what) || self.err.contains(what),
            "not printed: {what}\n{}\n{}",
            self.out,
            self.err
        );
        self
    }
}
