//! Tests of which rule guards a request: by path, by method, or by name in Envoy's route.

use crate::shared::{routes, shipped, with_rules};
use serde_json::{Value, json};
use tollgate_tests::processes::envoy::yaml;
use tollgate_tests::processes::gateway::Gateway;

#[tokio::test]
async fn requests_without_a_rule_pass_without_a_token() {
    let gateway = shipped().await;
    for path in ["/", "/asking", "/health", "/webhooks/other"] {
        let response = gateway.get(path).send().await.expect("a response");
        assert_eq!(response.status(), 200, "{path}");
        assert!(!response.headers().contains_key("ratelimit"), "{path}");
    }
}

#[tokio::test]
async fn unmatched_can_be_closed() {
    for (unmatched, anonymous, signed_in) in [("deny", 403, 403), ("require_token", 401, 200)] {
        let gateway = Gateway::start(|standalone| {
            with_rules(standalone).document(|document| document["plan_gate"]["unmatched"] = unmatched.into())
        })
        .await;
        let response = gateway.get("/other").send().await.expect("a response");
        assert_eq!(response.status(), anonymous, "{unmatched}");
        let token = gateway.token("user_1", "pro");
        let response = gateway.get("/other").bearer_auth(&token).send().await.expect("a response");
        assert_eq!(response.status(), signed_in, "{unmatched}");
        let guarded = gateway.get("/ask").bearer_auth(&token).send().await.expect("a response");
        assert_eq!(guarded.status(), 200, "{unmatched}");
    }
}

#[tokio::test]
async fn a_route_that_names_a_rule_is_guarded_only_by_it() {
    let gateway = Gateway::start(|standalone| {
        with_rules(standalone).edit(|config| {
            for (prefix, rule) in [("/ask/named", "named"), ("/open", "named"), ("/mistaken", "reprots")] {
                let route = json!({
                    "match": {"prefix": prefix},
                    "route": {"cluster": "upstream"},
                    "metadata": {"filter_metadata": {"tollgate": {"rule": rule}}},
                });
                routes(config).insert(0, yaml(route));
            }
        })
    })
    .await;
    let (free, pro) = (gateway.token("user_1", "free"), gateway.token("user_1", "pro"));
    let cases = [
        ("the rule requires pro", "/open", &free, 403, Some("plan_required")),
        ("the user has pro", "/open", &pro, 200, None),
        ("it takes precedence over a rule for the path", "/ask/named", &free, 403, Some("plan_required")),
        ("which would have counted", "/ask/named", &pro, 200, None),
        ("an unknown rule opens nothing", "/mistaken", &pro, 500, Some("unknown_rule")),
    ];
    for (why, path, token, status, code) in cases {
        let response = gateway.get(path).bearer_auth(token).send().await.expect("a response");
        assert_eq!(response.status(), status, "{why}");
        assert!(!response.headers().contains_key("ratelimit"), "{why}");
        assert_eq!(response.json::<Value>().await.expect("JSON")["code"].as_str(), code, "{why}");
    }
    assert_eq!(gateway.get("/open").send().await.expect("a response").status(), 401, "no token");
}

#[tokio::test]
async fn a_forged_header_field_selects_no_route_and_so_no_rule() {
    let gateway = Gateway::start(|standalone| {
        with_rules(standalone).edit(|config| {
            let route = |headers: Value, rule: &str| {
                yaml(json!({
                    "match": {"prefix": "/export", "headers": headers},
                    "route": {"cluster": "upstream"},
                    "metadata": {"filter_metadata": {"tollgate": {"rule": rule}}},
                }))
            };
            routes(config).insert(0, route(json!([]), "named"));
            let by_plan = json!([{"name": "x-tollgate-plan", "string_match": {"exact": "pro"}}]);
            routes(config).insert(0, route(by_plan, "me"));
        })
    })
    .await;
    let free = gateway.token("user_1", "free");
    let request = gateway.get("/export").bearer_auth(&free).header("x-tollgate-plan", "pro");
    assert_eq!(request.send().await.expect("a response").status(), 403, "the rule that requires pro");
    assert!(gateway.backend.received().await.is_empty());
}
