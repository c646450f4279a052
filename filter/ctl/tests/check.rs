//! What `tollgate check` prints, as it is typed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // A test.

use serde_json::Value;
use std::process::{Command, Output};

const DOCUMENT: &str = "\
plans:
- name: free
  limits: {asks: [{max: 5, per: day}]}
- name: pro
  prices: [price_1Abc]
  limits: {asks: [{max: 100, per: month}]}
plan_gate:
  issuer: https://clerk.acme.dev
  keys: {pem: {env: CLERK_JWT_KEY}}
  authorized_parties: [https://app.acme.dev]
  rules:
  - {name: ask, path_prefix: /ask, limit: asks}
  - {name: all, path_prefix: /}
";

/// Runs the command in a directory with these files.
fn check(files: &[(&str, &str)], arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = directory.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.current_dir(directory.path()).env_remove("CLERK_JWT_KEY");
    command.arg("check").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn an_error_has_its_position_its_name_and_its_path() {
    let wrong = DOCUMENT.replace("limit: asks", "limit: ask");
    let output = check(&[("tollgate.yaml", &wrong)], &["tollgate.yaml"]);
    let want = "tollgate.yaml:12:36: error[invalid_document]: plan_gate.rules[0].limit: no plan defines";
    assert!(text(&output.stderr).starts_with(want), "{output:?}");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    let output = check(&[("tollgate.yaml", "plans: [\n a: {")], &["tollgate.yaml", "missing.yaml"]);
    let errors = text(&output.stderr);
    assert!(errors.contains("tollgate.yaml:3:1") && errors.contains(": error[syntax]: "), "{errors}");
    assert!(errors.contains("missing.yaml: error[unreadable]: cannot be read"), "{errors}");
}

#[test]
fn warnings_are_allowed_by_name_and_count_with_strict() {
    let files = [("tollgate.yaml", DOCUMENT)];
    let output = check(&files, &["tollgate.yaml"]);
    let warning = "tollgate.yaml:3:12: warning[memory_counter]: plans[0].limits.asks: a day is counted";
    assert!(text(&output.stderr).starts_with(warning), "{output:?}");
    assert_eq!(text(&output.stdout), "tollgate.yaml: valid, 1 warning (the whole file)\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(check(&files, &["--strict", "tollgate.yaml"]).status.code(), Some(1));
    let output = check(&files, &["--strict", "--allow", "memory_counter", "tollgate.yaml"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let output = check(&files, &["--allow", "invalid_document", "tollgate.yaml"]);
    assert_eq!(output.status.code(), Some(2), "an error cannot be allowed");
}

#[test]
fn the_environment_is_read_on_request() {
    let output = check(&[("tollgate.yaml", DOCUMENT)], &["--environment", "tollgate.yaml"]);
    let errors = text(&output.stderr);
    assert!(errors.contains("9:16: error[invalid_environment]: plan_gate.keys.pem.env: "), "{errors}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn json_has_the_same_findings_for_several_files() {
    let wrong = DOCUMENT.replace("/ask", "ask");
    let files = [("a.yaml", DOCUMENT), ("b.yaml", &wrong)];
    let output = check(&files, &["--format", "json", "a.yaml", "b.yaml"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), String::new()));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (first, second) = (&report["diagnostics"][0], &report["diagnostics"][1]);
    assert_eq!((&first["level"], &first["name"]), (&"warning".into(), &"memory_counter".into()));
    assert_eq!((&first["file"], &first["line"], &first["column"]), (&"a.yaml".into(), &3.into(), &12.into()));
    assert_eq!((&second["file"], &second["name"]), (&"b.yaml".into(), &"invalid_document".into()));
    assert_eq!(second["path"], "plan_gate.rules[0].path_prefix");
    assert_eq!((&report["errors"], &report["warnings"]), (&1.into(), &1.into()));
    assert_eq!(report["files"][1]["file"], "b.yaml");
}

#[test]
fn color_is_for_terminals_only() {
    let files = [("tollgate.yaml", DOCUMENT)];
    let output = check(&files, &["tollgate.yaml"]);
    assert!(!text(&output.stderr).contains('\u{1b}'), "{output:?}");
}

/// Returns the names of the errors and warnings about these files.
fn names(files: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
    let output = check(files, &[arguments, &["--format", "json", "--allow", "placeholder"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let diagnostics = report["diagnostics"].as_array().unwrap();
    diagnostics.iter().map(|diagnostic| diagnostic["name"].as_str().unwrap().to_owned()).collect()
}

fn shipped(file: &str) -> String {
    std::fs::read_to_string(format!("{}/../../envoy/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn shipped_files_pass_and_a_copy_with_their_placeholders_fails() {
    for file in [
        "standalone.yaml",
        "standalone-native.yaml",
        "istio/tollgate.yaml",
        "envoy-gateway/tollgate.yaml",
        "secrets/stripe_api_key.yaml.example",
        "secrets/clerk_secret_key.yaml.example",
    ] {
        let text = shipped(file);
        let output = check(&[("a.yaml", &text)], &["--strict", "a.yaml"]);
        assert_eq!(output.status.code(), Some(0), "{file}: {output:?}");
        let copy = format!("{text}# changed\n");
        let output = check(&[("a.yaml", &copy)], &["--strict", "a.yaml"]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains("warning[placeholder]"), "{file}: {errors}");
        assert_eq!(output.status.code(), Some(1), "{file}");
    }
}

#[test]
fn files_of_different_platforms_are_checked_apart() {
    let texts =
        ["standalone.yaml", "standalone-native.yaml", "istio/tollgate.yaml", "envoy-gateway/tollgate.yaml"];
    let texts = texts.map(shipped);
    let [envoy, native, istio, gateway] = &texts;
    let files = [("a.yaml", envoy.as_str()), ("b.yaml", native), ("c.yaml", istio), ("d.yaml", gateway)];
    let output = check(&files, &["--strict", "a.yaml", "b.yaml", "c.yaml", "d.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_file_with_a_key_is_checked_without_showing_the_key() {
    let right =
        shipped("secrets/stripe_api_key.yaml.example").replace("sk_test_REPLACE_ME", "rk_live_Secret1");
    let standalone = shipped("standalone.yaml");
    let cases = [
        ("name: stripe_api_key", "name: stripe_key"),
        ("resources:\n-", "secrets:\n-"),
        ("inline_string: rk_live_Secret1", "inline: rk_live_Secret1"),
        ("generic_secret:", "tls_certificate:"),
        ("transport_sockets.tls.v3.Secret", "transport_sockets.tls.v3.Secrets"),
        ("inline_string: rk_live_Secret1", "inline_string: \"Bearer rk_live_Secret1\""),
        ("inline_string: rk_live_Secret1", "inline_string: \"rk_live_Secret1\\n\""),
        ("inline_string: rk_live_Secret1", "inline_string: whsec_Secret1"),
        ("inline_string: rk_live_Secret1", "inline_string: pk_live_Secret1"),
    ];
    let arguments = ["standalone.yaml", "key.yaml"];
    let sound = check(&[("standalone.yaml", &standalone), ("key.yaml", &right)], &arguments);
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
    for (from, to) in cases {
        assert!(right.contains(from), "{from}");
        let wrong = right.replacen(from, to, 1);
        let files = [("standalone.yaml", standalone.as_str()), ("key.yaml", &wrong)];
        let output = check(&files, &arguments);
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(printed.contains("error[invalid_key_file]"), "{to}: {printed}");
        assert!(!printed.contains("Secret1"), "{to}: {printed}");
        assert_eq!(output.status.code(), Some(1), "{to}");
    }
}

#[test]
fn files_that_envoys_file_names_are_looked_for_where_envoy_runs() {
    let standalone =
        shipped("standalone.yaml").replace("/etc/tollgate", "gateway").replace("/etc/ssl", "gateway");
    let files = [("a.yaml", standalone.as_str())];
    assert_eq!(names(&files, &["a.yaml"]), Vec::<String>::new());
    let found = names(&files, &["--environment", "a.yaml"]);
    // Four modules, two files of authorities, two keys, and their directories.
    assert_eq!(found.iter().filter(|name| *name == "missing_file").count(), 10, "{found:?}");
}

#[test]
fn a_key_file_that_envoys_file_names_is_named_first() {
    let standalone =
        shipped("standalone.yaml").replace("/etc/tollgate", "gateway").replace("/etc/ssl", "gateway");
    let key = |name: &str| shipped(&format!("secrets/{name}.yaml.example"));
    let placeholder = key("stripe_api_key");
    let other_name =
        key("clerk_secret_key").replace("sk_test_REPLACE_ME", "sk_test_1").replace("name: clerk", "name: x");
    let files = [
        ("a.yaml", standalone.as_str()),
        ("gateway/secrets/stripe_api_key.yaml", &placeholder),
        ("gateway/secrets/clerk_secret_key.yaml", &other_name),
    ];
    let output = text(&check(&files, &["--environment", "a.yaml"]).stderr);
    for want in [
        "warning[placeholder]: gateway/secrets/stripe_api_key.yaml: REPLACE_ME is a placeholder",
        "error[invalid_key_file]: gateway/secrets/clerk_secret_key.yaml: resources[0].name: ",
        "error[missing_file]: gateway/plan_gate.wasm: ",
    ] {
        assert!(output.contains(want), "{want}\n{output}");
    }
}

#[test]
fn a_variable_with_a_value_of_the_examples_is_a_warning() {
    let document = DOCUMENT.replace(
        "plan_gate:",
        "stripe_webhook:\n  path: /webhooks/stripe\n  signing_secrets: {env: STRIPE_WEBHOOK_SECRET}\n  \
         stripe: {cluster: stripe_api}\n  clerk: {cluster: clerk_api}\nplan_gate:",
    );
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.yaml"), document).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.current_dir(directory.path()).args(["check", "--environment", "a.yaml"]);
    command.env("STRIPE_WEBHOOK_SECRET", "whsec_REPLACE_ME").env("CLERK_JWT_KEY", "clerk.pem");
    let output = text(&command.output().unwrap().stderr);
    for want in [
        "warning[placeholder]: stripe_webhook.signing_secrets.env: the variable STRIPE_WEBHOOK_SECRET has REPLACE_ME",
        "error[invalid_environment]: plan_gate.keys.pem.env: this is the name of a file: ",
    ] {
        assert!(output.contains(want), "{want}\n{output}");
    }
}

#[test]
fn resources_in_several_files_are_one_gateway() {
    let all = shipped("envoy-gateway/tollgate.yaml");
    let (first, rest) = all.split_at(all.find("---\n# Three settings of Envoy's").unwrap());
    let (first, rest) = (format!("{first}# a\n"), format!("{rest}# b\n"));
    let both = [("a.yaml", first.as_str()), ("b.yaml", rest.as_str())];
    assert_eq!(names(&both, &["a.yaml", "b.yaml"]), Vec::<String>::new());
    let alone = names(&both, &["a.yaml"]);
    assert!(alone.iter().any(|name| name == "headers_not_held"), "{alone:?}");
}

#[test]
fn anonymous_callers_need_an_address() {
    let standalone = shipped("standalone.yaml")
        .replace("limit: asks}", "limit: asks, anonymous: free}")
        .replace("use_remote_address: true", "use_remote_address: false");
    assert_eq!(names(&[("a.yaml", &standalone)], &["a.yaml"]), ["client_address"]);
}
