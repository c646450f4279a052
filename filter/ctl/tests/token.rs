//! What `tollgate token` prints, and its exit codes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // A test.

use serde_json::{Value, json};
use std::process::{Command, Output};
use tollgate_fixtures::{Draft, own_key};

fn token(token: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let document = json!({
        "plans": [{"name": "free"}, {"name": "pro", "prices": ["price_1"]}],
        "plan_gate": {
            "issuer": "https://clerk.acme.dev", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.acme.dev"],
            "rules": [{"name": "all", "path_prefix": "/"}],
        },
    });
    let file = directory.path().join("tollgate.yaml");
    std::fs::write(&file, document.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.arg("token").arg("--config").arg(&file).args(arguments).arg(token);
    command.env("CLERK_JWT_KEY", own_key().public_pem()).output().unwrap()
}

/// Returns a token whose claims are these.
fn signed(issuer: &str) -> String {
    let mut draft = Draft::session();
    draft.claims = json!({
        "iss": issuer, "sub": "user_1", "sid": "sess_1", "azp": "https://app.acme.dev",
        "iat": 1_795_703_410, "nbf": 1_795_703_400, "exp": 1_795_703_470, "v": 2, "fva": [0, -1], "sts": "active",
    });
    draft.sign()
}

const REQUEST: [&str; 4] = ["--path", "/ask", "--at", "1795703415"];

#[test]
fn what_the_document_expects_explains_a_refusal() {
    let output = token(&signed("https://clerk.other.dev"), &REQUEST);
    let text = String::from_utf8(output.stdout).unwrap();
    let want = "issuer   https://clerk.other.dev (the document expects https://clerk.acme.dev)";
    assert!(text.contains(want) && text.contains("wrong_issuer"), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn json_has_the_decision() {
    let output = token(&signed("https://clerk.acme.dev"), &[&REQUEST[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["decision"], json!({"allowed": true, "rule": "all"}));
    assert_eq!((&report["plan"], &report["subject"]), (&json!("free"), &json!("user_1")));
    assert_eq!(report["expected"][0]["met"], json!(true));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_is_no_token_and_a_request_without_a_path_are_errors() {
    for (given, arguments, message) in [
        ("nonsense", &REQUEST[..], "this is no token"),
        ("a.b.c", &REQUEST, "this is no token"),
        ("a.b.c", &[], "--path"),
    ] {
        let output = token(given, arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(message), "{errors}");
        assert_eq!(output.status.code(), Some(2), "{errors}");
    }
}

#[test]
fn arguments_that_no_request_has_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let no_set = directory.path().join("no-set.json");
    std::fs::write(&no_set, "{}").unwrap();
    let empty_set = directory.path().join("empty-set.json");
    std::fs::write(&empty_set, "{\"keys\": []}").unwrap();
    let (no_set, empty_set) = (no_set.display().to_string(), empty_set.display().to_string());
    for (arguments, message) in [
        (&["--path", "ask"][..], "starts with `/`"),
        (&["--path", ""], "starts with `/`"),
        (&["--path", "/a b"], "has no blank"),
        (&["--path", "/ask", "--method", "G ET"], "a method, like GET"),
        (&["--path", "/ask", "--method", ""], "a method, like GET"),
        (&["--path", "/ask", "--host", "https://api.example.com"], "a host, like"),
        (&["--path", "/ask", "--host", ""], "a host, like"),
        (&["--path", "/ask", "--at", "now"], "like 2026-11-26T12:00:00Z"),
        (&["--path", "/ask", "--jwks-file", &no_set], "is not a JSON Web Key Set"),
        (&["--path", "/ask", "--jwks-file", &empty_set], "has no public RSA key"),
    ] {
        let output = token(&signed("https://clerk.acme.dev"), arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(message), "{arguments:?}: {errors}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
    }
}
