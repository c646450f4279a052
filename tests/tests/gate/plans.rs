//! Tests of the permissions of a plan: plans and features that rules require, and the response that offers
//! the next plan.

use crate::shared::{reached, shipped};
use serde_json::{Value, json};

#[tokio::test]
async fn a_refusal_names_the_required_plan_and_the_upgrade_url() {
    let gateway = shipped().await;
    let upgrade_url = "https://app.example.com/pricing";
    let cases = [
        (
            "a plan",
            "/reports",
            json!({"status": 403, "title": "Forbidden", "code": "plan_required", "plan": "free", "required_plan": "pro",
                "upgrade_url": upgrade_url, "detail": "the plan free does not include this; pro does"}),
        ),
        (
            "a feature",
            "/support",
            json!({"status": 403, "title": "Forbidden", "code": "feature_required", "plan": "free",
                "feature": "priority_support", "required_plan": "pro", "upgrade_url": upgrade_url,
                "detail": "the plan free does not have priority_support"}),
        ),
        (
            "a cost that is more than five a day",
            "/bulk",
            json!({"status": 403, "title": "Forbidden", "code": "plan_required", "plan": "free", "required_plan": "pro",
                "upgrade_url": upgrade_url, "detail": "the plan free does not include this; pro does"}),
        ),
    ];
    for (why, path, problem) in cases {
        let ask =
            |plan| gateway.get(&format!("{path}?by={plan}")).bearer_auth(gateway.token("user_plans", plan));
        let refused = ask("free").send().await.expect("a response");
        assert_eq!(refused.status(), 403, "{why}");
        assert_eq!(refused.headers()["content-type"], "application/problem+json", "{why}");
        assert_eq!(refused.json::<Value>().await.expect("JSON"), problem, "{why}");
        assert!(reached(&gateway, "by=free").await.is_empty(), "{why}");
        assert_eq!(ask("pro").send().await.expect("a response").status(), 200, "{why}");
    }
}

#[tokio::test]
async fn without_a_known_plan_the_default_plan_counts() {
    let gateway = shipped().await;
    let session = || gateway.session("user_default");
    let cases = [
        ("no metadata", session()),
        ("an unknown plan", session().plan("platinum")),
        ("case counts", session().plan("PRO")),
        ("not a string", session().claim("public_metadata", json!({"plan": ["pro"]}))),
        ("null", session().claim("public_metadata", json!({"plan": null}))),
    ];
    for (why, token) in cases {
        let response = gateway.get("/reports").bearer_auth(token.sign()).send().await.expect("a response");
        assert_eq!(response.status(), 403, "{why}");
        assert_eq!(response.json::<Value>().await.expect("JSON")["plan"], "free", "{why}");
    }
}
