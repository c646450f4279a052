//! Tests of wrong sections of the gate: values out of bounds, and rules that do not fit the plans.

use super::wrong_documents::Edit::{Remove, Set};
use super::wrong_documents::refused;
use serde_json::json;

#[test]
fn a_gate_section_out_of_bounds_is_refused() {
    refused(vec![
        (
            Set("/plan_gate/issuer", json!("https://c.example/")),
            "plan_gate.issuer: \"https://c.example/\" ends with `/`; leave",
        ),
        (
            Set("/plan_gate/issuer", json!("clerk.example.com")),
            "plan_gate.issuer: \"clerk.example.com\" is not an absolute URL",
        ),
        (
            Set("/plan_gate/issuer", json!("https://API.clerk.com")),
            "plan_gate.issuer: \"https://API.clerk.com\" is Clerk's Backend API, which issues no session tokens; use the Frontend",
        ),
        (
            Set("/plan_gate/authorized_parties/0", json!("https://app.example.com/")),
            "plan_gate.authorized_parties[0]: \"https://app.example.com/\" is not an origin; write scheme, host and port",
        ),
        (
            Set("/plan_gate/authorized_parties", json!([])),
            "plan_gate.authorized_parties: the list is empty, so that no token could pass; list the origins",
        ),
        (
            Set("/plan_gate/local_memory_mb", json!(1_001)),
            "plan_gate.local_memory_mb: 1001 is out of range; use 1 to 1000 megabytes",
        ),
        (
            Set("/plan_gate/clock_skew_s", json!(61)),
            "plan_gate.clock_skew_s: 61 is out of range; use 0 to 60 seconds",
        ),
        (
            Set("/plan_gate/audience", json!([""])),
            "plan_gate.audience[0]: \"\" is blank, too long or not plain",
        ),
        (
            Set("/plan_gate/plan_claims/user", json!([])),
            "plan_gate.plan_claims.user: has no claim, so that every caller",
        ),
        (
            Set("/plan_gate/plan_claims/user/0", json!("a..b")),
            "plan_gate.plan_claims.user[0]: \"a..b\" is not the path of a claim",
        ),
        (
            Set("/plan_gate/plan_claims/user", json!(["plan", "user.unsafe_metadata.plan"])),
            "plan_gate.plan_claims.user[1]: \"user.unsafe_metadata.plan\" can be written by users themselves; write",
        ),
        (
            Set("/plan_gate/plan_claims/user", json!(["unsafeMetadata"])),
            "plan_gate.plan_claims.user[0]: \"unsafeMetadata\" can be written by users themselves",
        ),
        (
            Set("/plan_gate/plan_claims/organization", json!(["Unsafe_Metadata.plan"])),
            "plan_gate.plan_claims.organization[0]: \"Unsafe_Metadata.plan\" can be written by users themselves",
        ),
        (
            Set("/plan_gate/usage_path", json!("/webhooks/stripe")),
            "plan_gate.usage_path: \"/webhooks/stripe\" is also stripe_webhook.path; use another path",
        ),
        (
            Set("/plan_gate/upgrade_url", json!("/pricing")),
            "plan_gate.upgrade_url: \"/pricing\" is not an absolute URL",
        ),
        (
            Set("/plan_gate/plan_required_status", json!(401)),
            "plan_gate.plan_required_status: 401 is not supported; use 403 or 402",
        ),
        (
            Set("/plan_gate/confirm/cluster", json!("")),
            "plan_gate.confirm.cluster: \"\" is not the name of a cluster",
        ),
        (
            Set("/plan_gate/store", json!({"ratelimit": {"cluster": "r", "timeout_ms": 0}})),
            "plan_gate.store.ratelimit.timeout_ms: 0 is out of range; use 1 to 8000 milliseconds",
        ),
        (
            Set("/plan_gate/keys", json!({"jwks": {"cluster": "c", "path": "jwks"}})),
            "plan_gate.keys.jwks.path: \"jwks\" does not start with `/`",
        ),
    ]);
}

#[test]
fn rules_that_do_not_fit_the_plans_are_refused() {
    let rules = |count: usize| (0..count).map(|index| json!({"name": format!("r{index}")})).collect();
    refused(vec![
        (
            Set("/plan_gate/rules/2/limit", json!("ask")),
            "plan_gate.rules[2].limit: no plan defines a limit \"ask\"; defined: \"asks\"",
        ),
        (
            Remove("/plans/1/limits/asks"),
            "plans[1].limits: \"pro\" does not define \"asks\", which plan_gate.rules[0] counts; add `asks: unlimited`",
        ),
        (
            Set("/plan_gate/rules/1/require/plan", json!("Pro")),
            "plan_gate.rules[1].require.plan: there is no plan \"Pro\"; defined: \"free\", \"pro\", \"enterprise\"",
        ),
        (
            Set("/plan_gate/rules/1/require", json!({"feature": "sso"})),
            "plan_gate.rules[1].require.feature: no plan has a feature \"sso\"; defined: \"priority_support\"",
        ),
        (
            Set("/plan_gate/rules/2/anonymous", json!("guest")),
            "plan_gate.rules[2].anonymous: there is no plan \"guest\"; defined",
        ),
        (
            Set("/plan_gate/rules/1/anonymous", json!("free")),
            "plan_gate.rules[1].anonymous: \"free\" is not enough for this rule's own `require`; write `anonymous: deny`",
        ),
        (
            Set("/plan_gate/rules/0/cost", json!(0)),
            "plan_gate.rules[0].cost: 0 is out of range; use 1 to 1000000",
        ),
        (
            Set("/plan_gate/rules/1/cost", json!(2)),
            "plan_gate.rules[1].cost: has no effect without a limit; add",
        ),
        (
            Set("/plan_gate/rules/1/name", json!("ask")),
            "plan_gate.rules[1].name: plan_gate.rules[0] is also named \"ask\"",
        ),
        (Set("/plan_gate/rules/1/name", json!("")), "plan_gate.rules[1].name: \"\" is not a valid name"),
        (
            Set("/plan_gate/rules/0/path", json!("/ask")),
            "plan_gate.rules[0].path_prefix: cannot be combined with `path`; keep",
        ),
        (
            Set("/plan_gate/rules/0/path_prefix", json!("/ask/")),
            "plan_gate.rules[0].path_prefix: \"/ask/\" ends with `/`",
        ),
        (
            Set("/plan_gate/rules/0/path_prefix", json!("/a//b")),
            "plan_gate.rules[0].path_prefix: \"/a//b\" has an empty segment",
        ),
        (
            Set("/plan_gate/rules/-", json!({"name": "x", "path": "/usage"})),
            "plan_gate.rules[3].path: \"/usage\" is plan_gate.usage_path, to which no rule applies; remove",
        ),
        (
            Set("/plan_gate/rules/0/methods", json!(["post"])),
            "plan_gate.rules[0].methods[0]: \"post\" is not a method; write",
        ),
        (
            Set("/plan_gate/rules/0/methods", json!([])),
            "plan_gate.rules[0].methods: has no method; leave it out",
        ),
        (
            Set("/plan_gate/rules/0/host", json!("a.b:80")),
            "plan_gate.rules[0].host: \"a.b:80\" is not a host; write one",
        ),
        (Set("/plan_gate/rules", rules(201)), "plan_gate.rules: has 201 entries; there may be at most 200"),
    ]);
}
