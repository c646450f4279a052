//! Runs the end-to-end tests of the gate, the webhook, and `store: ratelimit` with the native build. With
//! `TOLLGATE_NATIVE` set, `cargo test` runs every suite with it. They have a test executable of their own, so
//! that nothing else runs meanwhile.

use std::process::Command;
use tollgate_tests::install::modules::inner_cargo;
use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::NATIVE;

/// Returns the command that runs the suites. It names no package, because for one package cargo would build
/// the dependencies with other features than for all.
fn suites() -> Command {
    let mut cargo = inner_cargo();
    cargo.args(["test", "--locked", "--test", "gate", "--test", "webhook", "--test", "ratelimit"]);
    cargo.env(NATIVE, "1");
    cargo
}

#[test]
fn the_suites_of_the_filters_pass_with_the_native_build() {
    if std::env::var_os(NATIVE).is_some() {
        return;
    }
    workspace::progress("running the tests of the gate, the webhook, and ratelimit with the native build");
    let out = suites().output().expect("cargo");
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{stdout}\n{stderr}");
    let suites = stdout.matches("test result: ok.").count();
    assert!(suites >= 3, "{suites} suites ran\n{stdout}");
}
