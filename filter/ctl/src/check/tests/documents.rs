//! What is found in a document, wherever it stands.

use super::verdict;
use serde_json::{Value, json};

/// Returns a document without errors and warnings, after an edit.
pub(super) fn document(edit: impl FnOnce(&mut Value)) -> String {
    let mut document = json!({
        "plans": [
            {"name": "free", "limits": {"asks": [{"max": 5, "per": "hour"}]}},
            {"name": "pro", "prices": ["price_1"], "limits": {"asks": "unlimited"}},
        ],
        "stripe_webhook": {
            "path": "/webhooks/stripe", "signing_secrets": {"env": "STRIPE_WEBHOOK_SECRET"}, "livemode": true,
            "stripe": {"cluster": "stripe_api"}, "clerk": {"cluster": "clerk_api"},
        },
        "plan_gate": {
            "issuer": "https://clerk.example.com", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"], "unmatched": "require_token",
            "rules": [{"name": "ask", "path_prefix": "/ask", "limit": "asks"}],
        },
    });
    edit(&mut document);
    document.to_string()
}

#[test]
fn a_valid_document_has_no_errors_and_no_warnings() {
    let got = verdict(&document(|_| {}));
    assert_eq!((got.all(), got.locations), (vec![], vec![String::new()]));
}

#[test]
fn every_error_has_its_location_in_the_file() {
    let wrong = document(|document| {
        document["plan_gate"]["rules"][0]["limit"] = json!("ask");
        document["plan_gate"]["clock_skew_s"] = json!(900);
    });
    let got = verdict(&format!("kind: A\n---\nspec:\n  config: {wrong}\n"));
    assert_eq!(got.errors.len(), 2, "{got:?}");
    for error in &got.errors {
        assert!(error.location.path.starts_with("document 2.spec.config.plan_gate."), "{error:?}");
        assert!(error.location.shown.starts_with("plan_gate."), "{error:?}");
    }
    let twice = r#"{"plans": [{"name": "free"}], "plans": [], "plan_gate": {}}"#;
    let repeated = verdict(twice).errors;
    assert!(
        repeated.iter().any(|error| error.location.path == "plans" && error.text.contains("twice")),
        "{repeated:?}"
    );
    assert!(verdict("a: 1").errors[0].text.contains("no Tollgate document"));
}

#[test]
fn settings_that_are_probably_not_intended_cause_warnings() {
    type Edit = fn(&mut Value);
    let cases: [(Edit, &str, &str); 10] = [
        (
            |d| {
                d["plan_gate"]["authorized_parties"] = json!([]);
                d["plan_gate"]["require_azp"] = json!(false);
            },
            "plan_gate.authorized_parties",
            "another application",
        ),
        (|d| d["plan_gate"]["issuer"] = json!("http://127.0.0.1:9"), "plan_gate.issuer", "https://"),
        (|d| d["plans"][1]["prices"] = json!([]), "plans[1]", "sells \"pro\""),
        (|d| d["plans"][0]["limits"]["lost"] = json!("unlimited"), "plans[0].limits.lost", "no rule uses it"),
        (|d| d["plans"][0]["limits"]["asks"][0]["per"] = json!("day"), "plans[0].limits.asks", "restart"),
        (
            |d| drop(d["plan_gate"].as_object_mut().unwrap().remove("unmatched")),
            "plan_gate.unmatched",
            "without a token",
        ),
        (|d| d["plan_gate"]["shadow"] = json!(true), "plan_gate.shadow", "no request is refused"),
        (
            |d| d["plan_gate"]["issuer"] = json!("https://x.clerk.accounts.dev"),
            "plan_gate.issuer",
            "development instance",
        ),
        (
            |d| {
                let rules = d["plan_gate"]["rules"].as_array_mut().unwrap();
                rules.insert(0, json!({"name": "all", "path_prefix": "/"}));
            },
            "plan_gate.rules[1]",
            "never reached",
        ),
        (
            |d| {
                let rules = d["plan_gate"]["rules"].as_array_mut().unwrap();
                rules.push(json!({"name": "open", "path_prefix": "/open", "anonymous": "free"}));
            },
            "plan_gate.rules[1].anonymous",
            "every request passes",
        ),
    ];
    for (edit, location, text) in cases {
        let got = verdict(&document(edit));
        assert_eq!(got.errors, [], "{location}");
        assert_eq!(got.warnings.len(), 1, "{location}: {:?}", got.warnings);
        assert_eq!(got.warnings[0].location.shown, location);
        assert!(got.warnings[0].text.contains(text), "{:?}", got.warnings);
    }
    let covered = document(|d| {
        d["plan_gate"]["unmatched"] = json!("pass");
        d["plan_gate"]["rules"].as_array_mut().unwrap().push(json!({"name": "all", "path_prefix": "/"}));
    });
    assert_eq!(verdict(&covered).warnings, [], "no rule leaves a hole");
    let forgotten = document(|d| drop(d["plan_gate"].as_object_mut().unwrap().remove("unmatched")));
    assert_eq!(
        verdict(&forgotten).warnings[0].location.shown,
        "plan_gate.unmatched",
        "the default is `pass`"
    );
}

#[test]
fn two_documents_that_differ_cause_a_warning() {
    let other = document(|d| d["plans"][1]["prices"] = json!(["price_2"]));
    let got = verdict(&format!("a: {}\nb: {other}\n", document(|_| {})));
    assert!(got.warnings.iter().any(|warning| warning.location.shown == "a and b"), "{got:?}");
}
