//! Log lines on standard error. The level states who must act: ERROR means that data are at risk or
//! a person is needed, WARN that something odd was handled, INFO that an operator's action worked.

use std::io::IsTerminal;
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object per line, with the fields of the event, `timestamp` (RFC 3339,
    /// UTC), `level` and `message`.
    Json,
}

/// Starts logging, of panics too. `filter` is a level or a list of `target=level`; a filter that
/// cannot be parsed counts as `info`.
pub fn start(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that cannot be written is lost, and stops nothing.
        .log_internal_errors(false)
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

/// Logs a panic, which is a fault of this program. Its text is logged only if it is a constant: any
/// other could contain a value of a record.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let at = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let why = panic
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("(not logged: it could contain a value)");
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    tracing::error!(
        at,
        why,
        thread,
        "the program has a fault, please report this line"
    );
}
