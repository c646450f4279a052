//! End-to-end suites on several versions of Envoy, and the table of their results.

use crate::install::modules::inner_cargo;
use crate::install::workspace;
use crate::processes::envoy::{NATIVE, TRIED_VERSIONS, TriedVersion};
use std::fmt::Write;
use time::{Date, OffsetDateTime};

/// The suites that exist for both builds.
pub const SUITES: [&str; 4] = ["gate", "webhook", "clerk_webhook", "billing"];

/// The suites and versions to try.
#[derive(Clone, Debug)]
pub struct CompatibilityRun {
    /// Some of [`SUITES`].
    pub suites: Vec<&'static str>,
    /// Some of [`TRIED_VERSIONS`].
    pub versions: Vec<TriedVersion>,
}

impl Default for CompatibilityRun {
    /// Returns all suites on all versions.
    fn default() -> Self {
        CompatibilityRun { suites: SUITES.to_vec(), versions: TRIED_VERSIONS.to_vec() }
    }
}

impl CompatibilityRun {
    /// Runs them, and returns the results.
    ///
    /// # Panics
    /// If cargo does not start, or a suite cannot be built.
    pub fn results(&self) -> CompatibilityTable {
        let mut rows = Vec::new();
        for version in &self.versions {
            let [wasm, native] = [false, true].map(|is_native| match version.without(is_native) {
                Some(reason) => BuildResults::DoesNotRun(reason),
                None => BuildResults::Ran(
                    self.suites.iter().map(|suite| run(suite, version.number, is_native)).collect(),
                ),
            });
            rows.push(TableRow { version: version.number, wasm, native });
        }
        CompatibilityTable { date: OffsetDateTime::now_utc().date(), rows }
    }
}

/// The results of all suites.
#[derive(Clone, Debug)]
pub struct CompatibilityTable {
    date: Date,
    rows: Vec<TableRow>,
}

impl CompatibilityTable {
    /// Returns whether no test failed.
    pub fn is_passed(&self) -> bool {
        let builds = self.rows.iter().flat_map(|row| [&row.wasm, &row.native]);
        builds.into_iter().all(|build| match build {
            BuildResults::DoesNotRun(_) => true,
            BuildResults::Ran(suites) => suites.iter().all(|suite| suite.failed.is_empty()),
        })
    }

    /// Returns it as a table for the documentation, after the names of the tests that failed.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            for build in [&row.wasm, &row.native] {
                let BuildResults::Ran(suites) = build else { continue };
                for (suite, test) in
                    suites.iter().flat_map(|suite| suite.failed.iter().map(move |test| (suite, test)))
                {
                    let _ = writeln!(text, "FAILED on {}: {} {test}", row.version, suite.name);
                }
            }
        }
        let _ =
            writeln!(text, "| Envoy | Wasm modules, {0} | native module, {0} |\n|---|---|---|", self.date);
        for TableRow { version, wasm, native } in &self.rows {
            let _ = writeln!(text, "| {version} | {} | {} |", wasm.cell(), native.cell());
        }
        text
    }
}

#[derive(Clone, Debug)]
struct TableRow {
    version: &'static str,
    wasm: BuildResults,
    native: BuildResults,
}

/// The results of one build on one version.
#[derive(Clone, Debug)]
enum BuildResults {
    /// It does not run there, for this reason.
    DoesNotRun(&'static str),
    /// The results of its suites.
    Ran(Vec<SuiteResult>),
}

impl BuildResults {
    fn cell(&self) -> String {
        match self {
            BuildResults::DoesNotRun(reason) => format!("no: {reason}"),
            BuildResults::Ran(suites) => suites.iter().map(SuiteResult::cell).collect::<Vec<_>>().join(", "),
        }
    }
}

/// The result of one suite.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SuiteResult {
    name: &'static str,
    passed: usize,
    /// The names of the tests that failed.
    failed: Vec<String>,
}

impl SuiteResult {
    /// Reads the output of `cargo test` for one suite. None if it has not run.
    fn of_output(name: &'static str, stdout: &str) -> Option<Self> {
        let summary = stdout.lines().find_map(|line| line.strip_prefix("test result: "))?;
        let (_, counts) = summary.split_once(". ")?;
        let passed = counts.split(' ').next()?.parse().ok()?;
        let failed = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
        Some(SuiteResult { name, passed, failed: stdout.lines().filter_map(failed).collect() })
    }

    fn cell(&self) -> String {
        match self.failed.len() {
            0 => format!("`{}` {}", self.name, self.passed),
            failed => format!("`{}` {} of {}", self.name, self.passed, self.passed + failed),
        }
    }
}

/// Runs a suite on a version with a build.
fn run(suite: &'static str, version: &str, is_native: bool) -> SuiteResult {
    let build = if is_native { "the native module" } else { "the Wasm modules" };
    workspace::progress(&format!("running {suite} with {build} on Envoy {version}"));
    let mut cargo = inner_cargo();
    cargo.args(["test", "--locked", "--package", "tollgate-tests", "--test", suite]);
    cargo.env("ENVOY", version).env_remove(NATIVE);
    if is_native {
        cargo.env(NATIVE, "1");
    }
    let out = cargo.output().unwrap_or_else(|e| panic!("cargo does not start: {e}"));
    let stdout = String::from_utf8_lossy(&out.stdout);
    let result = SuiteResult::of_output(suite, &stdout)
        .unwrap_or_else(|| panic!("{suite} did not run\n{stdout}\n{}", String::from_utf8_lossy(&out.stderr)));
    assert_eq!(out.status.success(), result.failed.is_empty(), "{suite}: {result:?}\n{stdout}");
    workspace::progress(&format!("{} tests passed, {} failed", result.passed, result.failed.len()));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "\nrunning 3 tests\ntest quota::a ... ok\ntest keys::b ... FAILED\ntest c ... ok\n\n\
        test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.2s\n";

    #[test]
    fn the_results_are_read_from_the_output_of_cargo_test() {
        let passed =
            FAILED.replace("FAILED.", "ok.").replace("... FAILED", "... ok").replace("2 passed", "3 passed");
        let result = SuiteResult::of_output("gate", &passed);
        assert_eq!(result, Some(SuiteResult { name: "gate", passed: 3, failed: vec![] }));
        let result = SuiteResult::of_output("gate", FAILED);
        assert_eq!(result, Some(SuiteResult { name: "gate", passed: 2, failed: vec!["keys::b".to_owned()] }));
        assert_eq!(SuiteResult::of_output("gate", "error: could not compile"), None);
    }

    #[test]
    fn the_table_has_a_row_for_each_version_and_names_failures() {
        let suite = |failed: &[&str]| SuiteResult {
            name: "gate",
            passed: 2,
            failed: failed.iter().map(ToString::to_string).collect(),
        };
        let row = |version, failed: &[&str]| TableRow {
            version,
            wasm: BuildResults::Ran(vec![suite(failed)]),
            native: BuildResults::DoesNotRun("too old"),
        };
        let date = Date::from_calendar_date(2026, time::Month::November, 29).expect("a date");
        let mut table = CompatibilityTable { date, rows: vec![row("1.37.0", &[])] };
        assert!(table.is_passed());
        table.rows.push(row("1.39.3", &["keys::b"]));
        assert!(!table.is_passed());
        let want = "FAILED on 1.39.3: gate keys::b\n\
                    | Envoy | Wasm modules, 2026-11-29 | native module, 2026-11-29 |\n|---|---|---|\n\
                    | 1.37.0 | `gate` 2 | no: too old |\n| 1.39.3 | `gate` 2 of 3 | no: too old |\n";
        assert_eq!(table.markdown(), want);
    }
}
