//! What the program says while it runs: log lines on standard error, by who must act. ERROR: data
//! are at risk or a person must come; WARN: odd, but handled; INFO: what an operator did has
//! worked.

use std::io::IsTerminal;
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: a JSON object a line, the fields of the event beside `timestamp` (RFC 3339,
    /// UTC), `level` and `message`.
    Json,
}

/// Starts logging, panics too. `filter` is a level or a list of `target=level`; what cannot be read
/// is `info`.
pub fn start(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    // A second start, as in a test, keeps the first.
    drop(match format {
        LogFormat::Text => log.with_ansi(ansi).try_init(),
        LogFormat::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
    });
    panic::set_hook(Box::new(log_panic));
}

/// A panic is a fault of this program. Its text is said only where it is fixed: any other may hold
/// a value.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let at = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let why = panic
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("(not told: it may hold a value)");
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    tracing::error!(
        at,
        why,
        thread,
        "the program has a fault, please report this line"
    );
}
