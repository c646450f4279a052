//! Tests of the usage path: its response, its authentication, and that it counts nothing.

use super::host::{bearer, request, signed};
use super::{Host, gate, gate_with, get, token};
use serde_json::{Value, json};

fn with_usage(edit: impl FnOnce(&mut Value)) -> Host {
    gate_with(|gate| {
        gate["usage_path"] = json!("/usage");
        edit(gate);
    })
}

#[test]
fn the_usage_path_returns_the_plan_and_the_usage_and_counts_nothing() {
    let mut host = with_usage(|_| {});
    let pro = token("pro");
    assert_eq!(host.served(12, &get("/ask", &[("authorization", &pro)])), 12);
    for _ in 0..3 {
        let response = host.send(&get("/usage?x=1", &[("authorization", &pro)]));
        assert_eq!(response.status(), 200);
        let (month, day) = ("2027-02-01T00:00:00Z", "2027-01-16T00:00:00Z");
        let want = json!({
            "plan": "pro",
            "subject": "user_1",
            "features": ["priority_support"],
            "limits": {
                "asks": [{"per": "month", "max": 100, "used": 12, "remaining": 88, "reset": month}],
                "burst": [{"per": "day", "max": 9, "used": 0, "remaining": 9, "reset": day}],
            },
        });
        assert_eq!(response.json(), want);
        assert_eq!(response.field("cache-control"), Some("no-store"));
        assert_eq!(response.field("content-type"), Some("application/json"));
    }
    assert_eq!(host.count("usage.read"), 3);
}

#[test]
fn usage_can_be_the_first_request_of_a_process() {
    let response = with_usage(|_| {}).send(&get("/usage", &[("authorization", &token("free"))]));
    assert_eq!(response.json()["limits"]["asks"][0]["remaining"], 5);
    assert_eq!(response.json()["limits"]["burst"].as_array().unwrap().len(), 2, "both windows");
}

#[test]
fn an_unlimited_limit_is_shown_as_unlimited() {
    let mut host = with_usage(|_| {});
    let response = host.send(&get("/usage", &[("authorization", &token("enterprise"))]));
    assert_eq!(response.json()["limits"], json!({"asks": "unlimited", "burst": "unlimited"}));
    assert_eq!(response.json()["features"], json!(["priority_support", "sso"]));
    assert!(host.shared.keys().is_empty(), "no counter is read");
}

#[test]
fn features_of_clerk_billing_are_included() {
    let mut host = with_usage(|gate| gate["plan_claims"] = json!({"user": ["clerk_billing"]}));
    let token = bearer(|draft| {
        draft.claim("pla", "u:pro_monthly");
        draft.claim("fea", "u:extra,u:priority_support");
    });
    let response = host.send(&get("/usage", &[("authorization", &token)]));
    assert_eq!(response.json()["features"], json!(["extra", "priority_support"]));
}

#[test]
fn the_usage_of_an_organization_has_its_own_counters() {
    let mut host = with_usage(|gate| gate["subject"] = json!("organization"));
    let member = bearer(|draft| draft.claim("o", json!({"id": "org_1"})));
    let response = host.send(&get("/usage", &[("authorization", &member)]));
    assert_eq!(response.json()["subject"], "org_1");
    let without_organization = host.send(&get("/usage", &[("authorization", &token("pro"))]));
    assert_eq!((without_organization.status(), without_organization.code()), (403, "organization_required"));
}

#[test]
fn the_usage_path_needs_a_valid_token() {
    let cookie = format!("__session={}", signed(|_| {}));
    let cases = [
        ("no token", vec![], "missing_token"),
        ("a word that is no token", vec![("authorization", "Bearer x")], "malformed_token"),
        ("a bad cookie", vec![("cookie", "__session=x")], "malformed_token"),
        ("a good cookie", vec![("cookie", cookie.as_str())], "usage"),
    ];
    for (why, fields, want) in cases {
        for shadow in [false, true] {
            let mut host = with_usage(|gate| gate["shadow"] = json!(shadow));
            assert_eq!(host.send(&get("/usage", &fields)).code(), want, "{why}, shadow {shadow}");
        }
    }
}

#[test]
fn only_get_and_head_of_exactly_that_path_are_supported() {
    let pro = token("pro");
    let cases = [
        ("GET", "/usage", "usage"),
        ("HEAD", "/usage", "usage"),
        ("POST", "/usage", "method_not_allowed"),
        ("OPTIONS", "/usage", "method_not_allowed"),
        ("GET", "/usage/", "forwarded"),
        ("GET", "/usages", "forwarded"),
        ("GET", "/Usage", "forwarded"),
    ];
    for (method, path, want) in cases {
        let response = with_usage(|_| {}).send(&request(method, path, &[("authorization", &pro)]));
        assert_eq!(response.code(), want, "{method} {path}");
        assert_eq!(response.field("allow"), (want == "method_not_allowed").then_some("GET, HEAD"));
    }
    assert_eq!(
        gate().send(&get("/usage", &[])).code(),
        "forwarded",
        "without configuration it is an ordinary path"
    );
}

#[test]
fn pages_of_the_authorized_origins_can_read_the_usage() {
    let pro = token("pro");
    let get_usage =
        |host: &mut Host, origin| host.send(&get("/usage", &[("authorization", &pro), ("origin", origin)]));
    let allowed = get_usage(&mut with_usage(|_| {}), "https://app.example.com");
    assert_eq!(allowed.field("access-control-allow-origin"), Some("https://app.example.com"));
    let other = get_usage(&mut with_usage(|_| {}), "https://evil.example.com");
    assert_eq!(other.field("access-control-allow-origin"), None);

    let preflight_request = |origin| {
        request("OPTIONS", "/usage", &[("origin", origin), ("access-control-request-method", "GET")])
    };
    let preflight = with_usage(|_| {}).send(&preflight_request("https://app.example.com"));
    assert_eq!(
        (preflight.status(), preflight.field("access-control-allow-headers")),
        (204, Some("authorization"))
    );
    assert_eq!(with_usage(|_| {}).send(&preflight_request("https://evil.example.com")).status(), 405);
    assert_eq!(
        with_usage(|gate| gate["cors"] = json!("off"))
            .send(&preflight_request("https://app.example.com"))
            .status(),
        405
    );
}
