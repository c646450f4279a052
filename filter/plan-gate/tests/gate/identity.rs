//! Tests of identity header fields: the upstream gets the caller's identity, and only from the gate.

use super::host::{bearer, signed};
use super::{GateResult, gate, gate_with, get, token};
use serde_json::json;

fn removed(result: &GateResult) -> Vec<String> {
    result.removed().iter().map(|name| name.escape_ascii().to_string()).collect()
}

#[test]
fn the_upstream_gets_the_caller_and_the_plan() {
    let mut host = gate();
    let token = bearer(|draft| {
        draft.claim("public_metadata", json!({"plan": "pro"}));
        draft.claim("o", json!({"id": "org_1"}));
    });
    let result = host.send(&get("/account", &[("authorization", &token)]));
    for (name, want) in [
        ("x-tollgate-user", Some("user_1")),
        ("x-tollgate-organization", Some("org_1")),
        ("x-tollgate-session", Some("sess_1")),
        ("x-tollgate-plan", Some("pro")),
    ] {
        assert_eq!(result.upstream(name), want, "{name}");
    }
}

#[test]
fn unconfigured_identity_fields_are_removed_but_not_set() {
    let fields = ["user", "organization", "session", "plan"];
    let token = bearer(|draft| draft.claim("o", json!({"id": "org_1"})));
    let forged = fields.map(|field| format!("x-tollgate-{field}"));
    let mut request = get("/account", &[("authorization", &token)]);
    request.extend(forged.iter().map(|name| (name.as_str(), "forged")));
    for wanted in fields.map(|field| vec![field]).into_iter().chain([vec![]]) {
        let mut host = gate_with(|gate| gate["identity_headers"] = json!(wanted));
        let result = host.send(&request);
        assert_eq!(removed(&result), forged, "{wanted:?}");
        for (field, name) in fields.iter().zip(&forged) {
            assert_eq!(result.upstream(name).is_some(), wanted.contains(field), "{name} of {wanted:?}");
        }
    }
}

#[test]
fn fields_that_the_token_lacks_are_not_set() {
    let mut host = gate();
    let token = bearer(|draft| draft.without("sid"));
    let result = host.send(&get("/account", &[("authorization", &token)]));
    assert_eq!(result.upstream("x-tollgate-session"), None);
    assert_eq!(result.upstream("x-tollgate-organization"), None);
    assert_eq!(result.upstream("x-tollgate-plan"), Some("free"), "no plan is the default plan");
}

#[test]
fn an_anonymous_caller_has_only_a_plan() {
    let mut host = gate();
    let forged = [("x-tollgate-user", "user_9"), ("x_tollgate_session", "sess_9")];
    let result = host.send(&get("/search", &forged));
    assert_eq!(removed(&result), ["x-tollgate-user", "x_tollgate_session"]);
    assert_eq!(
        (result.upstream("x-tollgate-plan"), result.upstream("x-tollgate-user")),
        (Some("free"), None)
    );
}

#[test]
fn identity_fields_of_clients_are_always_removed() {
    let token = token("pro");
    let preflight = [
        (":method", "OPTIONS"),
        (":path", "/ask"),
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
    ];
    let forged =
        [("x-tollgate-user", "user_9"), ("X_Tollgate-Plan", "enterprise"), ("x-tollgate-stripe-event", "e")];
    let requests = [
        ("with a token", get("/account", &[("authorization", &token)])),
        ("anonymously", get("/search", &[])),
        ("unmatched", get("/other", &[])),
        ("as a preflight", preflight.to_vec()),
    ];
    for (why, request) in requests {
        let result = gate().send(&[&request[..], &forged].concat());
        assert_eq!(
            removed(&result),
            ["x-tollgate-user", "X_Tollgate-Plan", "x-tollgate-stripe-event"],
            "{why}"
        );
    }
}

#[test]
fn the_subject_is_as_configured() {
    let user = || json!({"plan": "pro"});
    let organization = || json!({"plan": "enterprise"});
    let in_organization = signed(|draft| {
        draft.claim("public_metadata", user());
        draft.claim("org_public_metadata", organization());
        draft.claim("o", json!({"id": "org_1"}));
    });
    let alone = signed(|draft| {
        draft.claim("public_metadata", user());
        draft.claim("org_public_metadata", organization());
    });
    let cases = [
        ("user", &in_organization, "forwarded", Some("pro")),
        ("user", &alone, "forwarded", Some("pro")),
        ("organization", &in_organization, "forwarded", Some("enterprise")),
        ("organization", &alone, "organization_required", None),
        ("organization_or_user", &in_organization, "forwarded", Some("enterprise")),
        ("organization_or_user", &alone, "forwarded", Some("pro")),
    ];
    for (subject, token, code, plan) in cases {
        let mut host = gate_with(|gate| gate["subject"] = json!(subject));
        let result = host.send(&get("/ask", &[("authorization", &format!("Bearer {token}"))]));
        assert_eq!(result.code(), code, "{subject}");
        if let Some(plan) = plan {
            assert_eq!(result.upstream("x-tollgate-plan"), Some(plan), "{subject}");
        }
    }
}

#[test]
fn a_rule_that_needs_only_a_token_needs_no_organization() {
    let mut host = gate_with(|gate| gate["subject"] = json!("organization"));
    let token = token("pro");
    let result = host.send(&get("/account", &[("authorization", &token)]));
    assert_eq!(result.code(), "forwarded");
    assert_eq!(result.upstream("x-tollgate-plan"), None, "there is no subject with a plan");
    assert_eq!(host.send(&get("/reports", &[("authorization", &token)])).status(), 403);
}

#[test]
fn members_have_their_organizations_counter_and_their_own() {
    let mut host = gate_with(|gate| gate["subject"] = json!("organization_or_user"));
    let member = |user: &str, organization: Option<&str>| {
        bearer(|draft| {
            draft.claim("sub", user);
            if let Some(id) = organization {
                draft.claim("o", json!({"id": id}));
            }
        })
    };
    let asks =
        |host: &mut super::Host, token: &str| host.served(9, &get("/ask", &[("authorization", token)]));
    assert_eq!(asks(&mut host, &member("user_1", Some("org_1"))), 5);
    assert_eq!(asks(&mut host, &member("user_2", Some("org_1"))), 0);
    assert_eq!(asks(&mut host, &member("user_2", Some("org_2"))), 5);
    assert_eq!(asks(&mut host, &member("user_1", None)), 5);
}
