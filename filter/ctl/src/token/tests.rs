//! The output of `tollgate token`.
#![allow(clippy::arithmetic_side_effects)]

use super::report::described;
use super::*;
use serde_json::json;
use std::collections::BTreeMap;
use tollgate_fixtures::{Draft, own_key};

const NOW: Micros = Micros::from_secs(1_795_703_415);

fn signed(claims: &Value) -> String {
    let mut draft = Draft::session();
    draft.claims = claims.clone();
    draft.sign()
}

fn claims() -> Value {
    let now = NOW.as_secs();
    json!({
        "iss": "https://clerk.example.com", "sub": "user_1", "sid": "sess_1", "azp": "https://app.example.com",
        "iat": now - 5, "nbf": now - 15, "exp": now + 55, "v": 2, "fva": [0, -1], "sts": "active",
        "public_metadata": {"plan": "pro"},
    })
}

fn gate() -> Gate {
    let document = json!({
        "plans": [
            {"name": "free", "limits": {"asks": [{"max": 5, "per": "day"}]}},
            {"name": "pro", "features": ["exports"], "limits": {"asks": [{"max": 100, "per": "month"}]}},
            {"name": "enterprise", "limits": {"asks": "unlimited"}},
        ],
        "plan_gate": {
            "issuer": "https://clerk.example.com", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"],
            "confirm": {"cluster": "clerk_api"}, "shadow": true,
            "rules": [
                {"name": "ask", "path_prefix": "/ask", "limit": "asks"},
                {"name": "sso", "path_prefix": "/sso", "require": {"plan": "enterprise"}},
            ],
        },
    });
    Gate::new(document, None, [("CLERK_JWT_KEY".to_owned(), own_key().public_pem())].into()).unwrap()
}

#[test]
fn a_valid_token_is_permitted_and_a_refusal_gives_its_reason() {
    let mut gate = gate();
    let right = signed(&claims());
    let mut verdict =
        |path: &str, token: &str, now: Micros| gate.request(now, "GET", "x", path, token).to_string();
    assert_eq!(verdict("/ask", &right, NOW), "permitted by the rule ask");
    assert_eq!(verdict("/open", &right, NOW), "permitted: no rule guards it");
    assert!(verdict("/sso", &right, NOW).starts_with("refused with 403 plan_required: "));
    assert!(verdict("/sso", &right, NOW).ends_with(" (rule sso)"));
    let late = Micros::from_secs(NOW.as_secs() + 120);
    assert!(verdict("/ask", &right, late).starts_with("refused with 401 token_expired"));
    let forged = right.replacen(".", ".e", 2).replacen(".e", ".", 1);
    let refusal = verdict("/ask", &forged, NOW);
    assert!(refusal.contains("signature_mismatch"), "{refusal}");
    assert!(verdict("/ask", "nonsense", NOW).contains("malformed_token"));
}

fn lines(token: &str, claims: &Value) -> Vec<String> {
    summarize(&mut gate(), NOW, "x", token, claims).iter().flat_map(CallerSummary::lines).collect()
}

#[test]
fn plan_features_and_limits_are_shown_with_their_source() {
    let want = [
        "subject  user_1",
        "plan     pro (by the claim public_metadata.plan)",
        "features exports",
        "limit    asks: 100 a month",
    ];
    assert_eq!(lines(&signed(&claims()), &claims()), want);
    let mut without = claims();
    without.as_object_mut().unwrap().remove("public_metadata");
    let lines_without = lines(&signed(&without), &without);
    let looked_for =
        "plan     free (the default: the token has no claim public_metadata.plan or metadata.plan or ";
    assert!(lines_without[1].starts_with(looked_for), "{lines_without:?}");
    let template = r#"add {"public_metadata": {"plan": "{{user.public_metadata.plan}}"}}"#;
    assert!(
        lines_without[2].starts_with("to fix ") && lines_without[2].ends_with(template),
        "{lines_without:?}"
    );
    assert_eq!(lines("nonsense", &Value::Null), Vec::<String>::new());
}

#[test]
fn header_and_claims_are_shown_whether_or_not_they_are_valid() {
    let token = signed(&claims());
    let lines = described(&part(&token, 0).unwrap(), &part(&token, 1).unwrap(), NOW);
    assert!(lines[1].contains("\"sub\": \"user_1\""), "{lines:?}");
    assert_eq!(lines[2], "issued   2026-11-26T14:30:10Z (5 s ago)");
    assert_eq!(lines[3], "expires  2026-11-26T14:31:10Z (in 55 s)");
    for nonsense in ["nonsense", "a.b.c", "e30.W10.x"] {
        assert_eq!(part(nonsense, 1), None, "{nonsense}");
    }
}

#[test]
fn what_the_document_expects_is_beside_what_the_token_has() {
    let rules = gate().configured().tokens.rules.clone();
    let report = |claims: Value| TokenReport {
        now: NOW,
        header: json!({"alg": "RS256"}),
        expected: expectations(&rules, &claims),
        claims,
        caller: None,
        request: ("GET".to_owned(), "x".to_owned(), "/ask".to_owned()),
        verdict: TokenVerdict::Admitted { rule: None },
    };
    let right = report(claims());
    assert!(
        right.to_lines().contains(&"issuer   https://clerk.example.com (as the document expects)".to_owned())
    );
    let mut other = claims();
    other["iss"] = json!("https://clerk.other.example");
    other.as_object_mut().unwrap().remove("azp");
    let wrong = report(other);
    let lines = wrong.to_lines();
    for want in [
        "issuer   https://clerk.other.example (the document expects https://clerk.example.com)",
        "party    none (the document expects https://app.example.com)",
    ] {
        assert!(lines.contains(&want.to_owned()), "{lines:?}");
    }
    let json = wrong.to_json();
    assert_eq!(json["expected"][0]["met"], json!(false));
    assert_eq!(json["expected"][1]["has"], Value::Null);
    assert_eq!(
        (&json["decision"], &json["expires"]),
        (&json!({"allowed": true, "rule": null}), &json!("2026-11-26T14:31:10Z"))
    );
}

#[test]
fn the_request_and_the_decision_are_separate_words() {
    for (path, want) in [("/a", "GET /a permitted"), ("/a/long/path", "GET /a/long/path permitted")] {
        let report = TokenReport {
            now: NOW,
            header: json!({}),
            claims: json!({}),
            expected: Vec::new(),
            caller: None,
            request: ("GET".to_owned(), "x".to_owned(), path.to_owned()),
            verdict: TokenVerdict::Admitted { rule: None },
        };
        let lines = report.to_lines();
        assert!(lines.last().unwrap().starts_with(want), "{lines:?}");
    }
}

#[test]
fn a_variable_that_is_not_set_is_one_of_this_shell() {
    let document = json!({
        "plans": [{"name": "free"}],
        "plan_gate": {
            "issuer": "https://clerk.example.com", "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
            "authorized_parties": ["https://app.example.com"],
        },
    });
    let error = Gate::new(document, None, BTreeMap::new()).err().unwrap();
    assert!(error.contains("is not set in this shell") && !error.contains("host_env_keys"), "{error}");
}

#[test]
fn a_key_set_is_required_if_the_gate_would_fetch_one() {
    let document = json!({
        "plans": [{"name": "free"}],
        "plan_gate": {
            "issuer": "https://clerk.example.com", "keys": {"jwks": {"cluster": "clerk_fapi"}},
            "authorized_parties": ["https://app.example.com"],
        },
    });
    let error = Gate::new(document, None, BTreeMap::new()).err().unwrap();
    assert!(error.contains("--jwks-file"), "{error}");
}

#[test]
fn times_are_accepted_as_text_and_in_seconds() {
    assert_eq!(time_of("2026-11-26T14:30:15Z"), Ok(NOW));
    assert_eq!(time_of("1795703415"), Ok(NOW));
    assert!(time_of("yesterday").is_err());
}
