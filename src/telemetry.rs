//! What the program says while it runs: log lines on standard error, by who must act. ERROR: data are at
//! risk or a person must come; WARN: odd, but handled; INFO: what an operator did has worked.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `filter` is a level or a list of `target=level`; what cannot be read is `info`.
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi);
    // A second start, as in a test, keeps the first.
    drop(log.with_target(false).try_init());
}
