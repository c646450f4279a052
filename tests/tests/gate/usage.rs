//! The usage endpoint: a user's plan and remaining quota, from each worker. It costs nothing.

use crate::shared::with_rules;
use serde_json::{Value, json};
use tollgate_tests::client::wire::{WireResponse, request};
use tollgate_tests::processes::gateway::{APPLICATION, Gateway};
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;

async fn gateway() -> Gateway {
    Gateway::start(|standalone| {
        with_rules(standalone).document(|document| document["plan_gate"]["usage_path"] = "/usage".into())
    })
    .await
}

/// Returns the responses of both workers.
async fn usage(gateway: &Gateway, token: &str) -> Vec<WireResponse> {
    let fields = format!("authorization: Bearer {token}\r\norigin: {APPLICATION}\r\n");
    gateway.exchange_with_every_worker(&request("GET", "/usage?x=1", fields, b"")).await
}

#[tokio::test]
async fn every_worker_shows_the_remaining_quota_at_no_cost() {
    let gateway = gateway().await;
    within_one_window(DAY_S).await;
    let token = gateway.token("user_usage", "free");
    for used in 0..=5 {
        for response in usage(&gateway, &token).await {
            assert_eq!(response.status, 200, "{response:?}");
            assert_eq!(response.header("content-type"), ["application/json"]);
            assert_eq!(response.header("cache-control"), ["no-store"]);
            assert_eq!(response.header("access-control-allow-origin"), [APPLICATION]);
            let mut shown = response.json();
            assert_eq!((&shown["plan"], &shown["subject"]), (&json!("free"), &json!("user_usage")));
            assert_eq!(shown["features"], json!([]));
            let limits: Vec<_> = shown["limits"].as_object().expect("limits").keys().cloned().collect();
            assert_eq!(limits, ["asks", "bursts", "drafts", "searches"]);
            assert_eq!(shown["limits"]["drafts"].as_array().map(Vec::len), Some(2), "both windows");
            let asks = &mut shown["limits"]["asks"][0];
            let reset = asks["reset"].take();
            assert!(reset.as_str().is_some_and(|reset| reset.ends_with("T00:00:00Z")), "{reset}");
            let want = json!({"per": "day", "max": 5, "used": used, "remaining": 5 - used, "reset": null});
            assert_eq!(asks, &want);
        }
        let status = if used < 5 { 200 } else { 429 };
        assert_eq!(
            gateway.get("/ask").bearer_auth(&token).send().await.expect("a response").status(),
            status
        );
    }
    let pro = usage(&gateway, &gateway.token("user_usage", "pro")).await.remove(0).json();
    assert_eq!(
        (&pro["limits"]["drafts"], &pro["features"]),
        (&json!("unlimited"), &json!(["priority_support"]))
    );
    assert_eq!(gateway.backend.received().await.len(), 5, "the upstream gets none of these requests");
}

#[tokio::test]
async fn it_requires_a_valid_token_and_is_read_only() {
    let gateway = gateway().await;
    let token = gateway.token("user_usage", "free");
    let cases = [
        ("no token", gateway.get("/usage"), 401, "missing_token"),
        ("an invalid one", gateway.get("/usage").bearer_auth("x"), 401, "malformed_token"),
        (
            "a write",
            gateway.request(reqwest::Method::POST, "/usage").bearer_auth(&token),
            405,
            "method_not_allowed",
        ),
    ];
    for (why, request, status, code) in cases {
        let response = request.send().await.expect("a response");
        assert_eq!(response.status(), status, "{why}");
        assert_eq!(response.json::<Value>().await.expect("JSON")["code"], code, "{why}");
    }
    assert_eq!(gateway.backend.received().await, []);
}
