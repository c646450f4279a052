//! What `tollgate check --envoy` says about an Envoy. The programs here are scripts that print what such an
//! Envoy printed; the tests of the whole repository ask real ones.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // A test.

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// What Envoy logs about a configuration that it has read completely.
const READ: &str = "*) echo 'error initializing configuration: goo.gle/debugonly: Proto constraint validation failed \
                    (BootstrapValidationError.StatsFlushInterval: value must be inside range [1ms, 5m0s))' >&2;;";
/// Answers of Envoy 1.36.4: the configuration has the field that it does not know, once in the shipped file
/// as it is here.
const WITHOUT_PREFIX: &str = "*header_value_prefix*) echo \"error initializing configuration '': Protobuf message (type \
     envoy.config.bootstrap.v3.Bootstrap reason INVALID_ARGUMENT: invalid JSON  in   envoy.config.bootstrap.v3.Bootstrap @ \
     static_resources.clusters[1].typed_extension_protocol_options[0].<any>.http_filters[0].typed_config.<any>.credential.\
     typed_config.<any>:   message envoy.extensions.http.injected_credentials.generic.v3.Generic, near   1:478 (offset 477): \
      no such  field: 'header_value_prefix') has unknown fields\" >&2;;";
/// The answer of Envoy 1.38.3 from the Python package, which has no V8.
const WITHOUT_V8: &str = "*inline_bytes*) echo '[warning][wasm] [source/extensions/common/wasm/wasm_vm.cc:102] Failed to create \
     Wasm VM using envoy.wasm.runtime.v8 runtime. Envoy was compiled without support for it' >&2;;";

/// Writes a program that answers `--version`, and a configuration by the first of these branches of `case`.
fn program(directory: &Path, version: &str, branches: &[&str]) -> String {
    let file = directory.join("envoy");
    let branches = branches.join("\n");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo \"{version}\"; exit 0; fi\n\
         for last; do :; done\ncase \"$(cat \"$last\")\" in\n{branches}\nesac\nexit 1\n"
    );
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

fn version(number: &str) -> String {
    format!("\nenvoy  version: 9e55/{number}/Clean/RELEASE/BoringSSL\n")
}

/// Checks a shipped file with that program, and returns the report.
fn report(shipped: &str, envoy: &str) -> Value {
    let file = format!("{}/../../envoy/{shipped}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    let output = command.args(["check", "--format", "json", "--envoy", envoy, &file]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let is_error = report["errors"] != 0;
    assert_eq!(output.status.code(), Some(i32::from(is_error)), "{report}");
    report
}

#[test]
fn the_reason_why_an_envoy_cannot_run_a_file_is_a_finding() {
    let (old, new) = (version("1.36.4"), version("1.40.0"));
    let no_v8 = version("1.38.3");
    let next = version("1.41.0");
    let later = version("1.42.0");
    let cases = [
        (&new, &[READ][..], "standalone.yaml", None),
        (&new, &[READ], "standalone-native.yaml", None),
        (&next, &[READ], "standalone-native.yaml", None),
        (&no_v8, &[WITHOUT_V8, READ], "standalone.yaml", Some(("missing_runtime", "envoy.wasm.runtime.v8"))),
        (&no_v8, &[WITHOUT_V8, READ], "istio/tollgate.yaml", Some(("missing_runtime", "(Envoy 1.38.3)"))),
        (
            &no_v8,
            &[WITHOUT_V8, READ],
            "envoy-gateway/tollgate.yaml",
            Some(("missing_runtime", "docs/native.md")),
        ),
        (&no_v8, &[WITHOUT_V8, READ], "standalone-native.yaml", Some(("module_abi", "Envoy 1.40"))),
        (&later, &[READ], "standalone-native.yaml", Some(("module_abi", "Envoy 1.42.0"))),
        (
            &old,
            &[READ],
            "standalone-native.yaml",
            Some(("refused_by_envoy", "does not load the native module")),
        ),
        (&old, &["*) echo 'bad option' >&2;;"], "standalone.yaml", Some(("not_envoy", "does not answer"))),
    ];
    for (version, branches, file, want) in cases {
        let directory = tempfile::tempdir().unwrap();
        let report = report(file, &program(directory.path(), version, branches));
        let found = report["diagnostics"].as_array().unwrap();
        let why = format!("{version} {file}: {report}");
        assert_eq!(found.len(), usize::from(want.is_some()), "{why}");
        if let Some((name, text)) = want {
            assert_eq!(found[0]["name"], name, "{why}");
            assert!(found[0]["message"].as_str().unwrap().contains(text), "{why}");
            assert!(found[0]["line"].is_number(), "{why}");
        }
        let can_run = want.is_none_or(|(name, _)| name == "module_abi");
        assert_eq!(report["envoy"]["can_run"], can_run, "{why}");
    }
}

#[test]
fn a_field_that_is_too_new_has_its_position_and_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let envoy = program(directory.path(), &version("1.36.4"), &[WITHOUT_PREFIX, READ]);
    let report = report("standalone.yaml", &envoy);
    let found = &report["diagnostics"][0];
    assert_eq!(found["name"], "refused_by_envoy", "{report}");
    let text = "(Envoy 1.36.4) does not know the field `header_value_prefix`: it came with Envoy 1.37";
    assert!(found["message"].as_str().unwrap().contains(text), "{report}");
    assert!(
        found["path"].as_str().unwrap().ends_with("credential.typed_config.header_value_prefix"),
        "{report}"
    );
    let file = format!("{}/../../envoy/standalone.yaml", env!("CARGO_MANIFEST_DIR"));
    let line = std::fs::read_to_string(file).unwrap();
    let line = line.lines().position(|line| line.contains("header_value_prefix")).unwrap();
    assert_eq!(found["line"], line + 1, "{report}");
}

#[test]
fn what_is_not_an_envoy_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    for (version, text) in
        [("GNU bash, version 5.2", "is not an Envoy 1.x"), (&version("2.0.0"), "is not an Envoy 1.x")]
    {
        let report = report("standalone.yaml", &program(directory.path(), version, &[READ]));
        let found = &report["diagnostics"][0];
        assert_eq!((&found["name"], &report["envoy"]), (&Value::from("not_envoy"), &Value::Null));
        assert!(found["message"].as_str().unwrap().contains(text), "{report}");
    }
    let report = report("standalone.yaml", "./not-there/envoy");
    assert_eq!(report["diagnostics"][0]["name"], "not_envoy");
}

#[test]
fn an_envoy_that_can_run_the_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let envoy = program(directory.path(), &version("1.40.0"), &[READ]);
    let document = directory.path().join("tollgate.yaml");
    std::fs::write(&document, "plans: [{name: free}]\nplan_gate: {}\n").unwrap();
    let shipped = format!("{}/../../envoy/standalone.yaml", env!("CARGO_MANIFEST_DIR"));
    let cases = [
        (shipped.as_str(), "(Envoy 1.40.0) knows everything that the files use\n"),
        (document.to_str().unwrap(), "(Envoy 1.40.0): the document alone does not depend on it"),
    ];
    for (file, want) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        let output = command.args(["check", "--envoy", &envoy, file]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(want), "{file}: {printed}");
    }
}
