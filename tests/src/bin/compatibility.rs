//! `cargo compatibility`: runs end-to-end suites on every Envoy that Tollgate is tried on, and prints the table
//! of `docs/platforms.md`.
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic on a closed pipe.

use std::process::ExitCode;
use tollgate_tests::compatibility::{CompatibilityRun, SUITES};
use tollgate_tests::install::workspace::{print_error_line, print_line};
use tollgate_tests::processes::envoy::TRIED_VERSIONS;

const USAGE: &str = "usage: cargo compatibility [--suite NAME]… [--envoy VERSION]…
  --suite NAME      runs only this suite: gate, webhook, clerk_webhook, or billing
  --envoy VERSION   runs only on this version, one of the table in docs/platforms.md";

fn main() -> ExitCode {
    let Some(run) = parse(std::env::args().skip(1)) else {
        print_error_line(USAGE);
        return ExitCode::from(2);
    };
    let table = run.results();
    print_line(table.markdown().trim_end());
    if table.is_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads the arguments; none if they are wrong.
fn parse(mut arguments: impl Iterator<Item = String>) -> Option<CompatibilityRun> {
    let (mut suites, mut versions) = (Vec::new(), Vec::new());
    while let Some(argument) = arguments.next() {
        let value = arguments.next()?;
        match argument.as_str() {
            "--suite" => suites.push(*SUITES.iter().find(|suite| **suite == value)?),
            "--envoy" => versions.push(*TRIED_VERSIONS.iter().find(|version| version.number == value)?),
            _ => return None,
        }
    }
    let all = CompatibilityRun::default();
    Some(CompatibilityRun {
        suites: if suites.is_empty() { all.suites } else { suites },
        versions: if versions.is_empty() { all.versions } else { versions },
    })
}
