//! The program's entry point.

use std::process::ExitCode;

fn main() -> ExitCode {
    partner_feeds::cli::main()
}
