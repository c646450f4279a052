//! The shipped files on the oldest and the newest Envoy that they support, and on some that they do not:
//! `tollgate check --envoy` says beforehand what Envoy then does. `cargo compatibility` runs the suites on all
//! versions.

use reqwest::{Client, StatusCode};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tollgate_tests::install::command;
use tollgate_tests::install::modules::Modules;
use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::{Standalone, newest, of_version, oldest};

/// A version that is too old for the shipped files.
const TOO_OLD: &str = "1.36.4";
/// A version whose Python package is a build without V8.
const WITHOUT_V8: &str = "1.38.3";

/// The shipped file of a build.
fn shipped(is_native: bool) -> (&'static str, Standalone) {
    if is_native {
        ("envoy/standalone-native.yaml", Standalone::native())
    } else {
        ("envoy/standalone.yaml", Standalone::wasm())
    }
}

/// Returns the report of the command about a shipped file and an Envoy.
fn report(file: &str, envoy: &Path) -> Value {
    let mut command = Command::new(command::built());
    command.args(["check", "--format", "json", "--envoy"]).arg(envoy).arg(workspace::file(file));
    let out = command.output().expect("it starts");
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"))
}

#[tokio::test]
async fn the_oldest_and_the_newest_envoy_run_the_shipped_files() {
    let client = Client::new();
    for (version, is_native) in
        [(oldest(false), false), (newest(false), false), (oldest(true), true), (newest(true), true)]
    {
        let envoy = of_version(version);
        let (_, shipped) = shipped(is_native);
        let envoy = shipped.modules(Modules::build()).program(envoy).start().await;
        let guarded = client.get(envoy.url("/ask")).send().await.expect("a response");
        assert_eq!(guarded.status(), StatusCode::UNAUTHORIZED, "{version}");
        let forged = client.post(envoy.url("/webhooks/stripe")).body("{}").send().await.expect("a response");
        assert_eq!(forged.status(), StatusCode::BAD_REQUEST, "{version}");
        let clerk = client.post(envoy.url("/webhooks/clerk")).body("{}").send().await.expect("a response");
        assert_eq!(clerk.status(), StatusCode::BAD_REQUEST, "{version}");
        let billing = client.get(envoy.url("/billing/subscription")).send().await.expect("a response");
        assert_eq!(billing.status(), StatusCode::UNAUTHORIZED, "{version}");
    }
}

#[tokio::test]
async fn the_command_says_of_each_envoy_what_that_envoy_does() {
    let no_field = Some(("refused_by_envoy", "header_value_prefix`: it came with Envoy 1.37"));
    let no_module = Some(("refused_by_envoy", "`module`: it came with Envoy 1.38"));
    let no_v8 = Some(("missing_runtime", "compiled without support for the runtime envoy.wasm.runtime.v8"));
    let cases = [
        (TOO_OLD, false, no_field, "no such field: 'header_value_prefix'"),
        (TOO_OLD, true, no_module, "no such field: 'module'"),
        (oldest(false), false, None, ""),
        (oldest(false), true, no_module, "no such field: 'module'"),
        (WITHOUT_V8, false, no_v8, "Envoy was compiled without support for it"),
        (
            WITHOUT_V8,
            true,
            Some(("module_abi", "Envoy 1.38.3")),
            "Dynamic module ABI version v0.2.0 is deprecated",
        ),
        (newest(false), false, None, ""),
        (newest(true), true, None, ""),
    ];
    for (version, is_native, want, in_log) in cases {
        let envoy = of_version(version);
        let (file, shipped) = shipped(is_native);
        let report = report(file, &envoy);
        let why = format!("{file} on {version}: {report}");
        let diagnostics = report["diagnostics"].as_array().expect("a list");
        assert_eq!(diagnostics.is_empty(), want.is_none(), "{why}");
        if let Some((name, text)) = want {
            assert_eq!(diagnostics[0]["name"], name, "{why}");
            assert!(
                diagnostics[0]["message"].as_str().is_some_and(|message| message.contains(text)),
                "{why}"
            );
        }
        let validation = shipped.modules(Modules::build()).program(envoy).validate().await;
        assert_eq!(report["envoy"]["can_run"], validation.accepted, "{why}\n{}", validation.log);
        let words: Vec<&str> = validation.log.split_whitespace().collect();
        assert!(words.join(" ").contains(in_log), "{why}\n{}", validation.log);
    }
}
