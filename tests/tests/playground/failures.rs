//! Failures that a person causes: Clerk is down, and a worker crashes.

use crate::shared::{ADA, Visitor, answer};
use reqwest::Method;
use serde_json::{Value, json};
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;

#[tokio::test]
async fn stripe_retries_until_clerk_is_back() {
    let visitor = Visitor::start().await;
    let mut events = visitor.events().await;
    let (status, session) = visitor.post("/billing/checkout", ADA, json!({"plan": "pro"})).await;
    assert_eq!(status, 200, "{session}");
    assert_eq!(visitor.press("clerk/down").await.0, 200);
    events.until("faults", |faults| faults["clerk_down_until"].is_i64()).await;
    let wanted = json!({"user": "user_ada", "organization": null});
    let request = visitor.request(Method::POST, "/playground/api/token").json(&wanted);
    assert_eq!(answer(request).await, (503, json!({"error": "Clerk is down"})));

    visitor.pay(session["url"].as_str().expect("a URL")).await;
    let is_sale = |delivery: &Value| delivery["type"] == "checkout.session.completed";
    let failed = events.until("delivery", is_sale).await;
    assert_eq!(failed["attempts"][0]["status"], 503, "{failed}");
    let processed = events
        .until("delivery", |delivery| {
            let newest = delivery["attempts"].as_array().and_then(|attempts| attempts.last());
            is_sale(delivery) && newest.is_some_and(|newest| newest["status"] == 200)
        })
        .await;
    let attempts = processed["attempts"].as_array().expect("attempts");
    assert!(
        attempts.len() > 1 && attempts[1..].iter().all(|attempt| attempt["note"] == "retry"),
        "{processed}"
    );
    assert_eq!(visitor.get("/usage", ADA).await.1["plan"], "pro");
}

#[tokio::test]
async fn while_clerk_is_down_stripe_has_an_event_to_retry() {
    let visitor = Visitor::start().await;
    let mut events = visitor.events().await;
    visitor.buy(ADA).await;
    let is_done = |delivery: &Value| {
        delivery["type"] == "checkout.session.completed" && delivery["attempts"][0]["status"] == 200
    };
    events.until("delivery", is_done).await;
    assert_eq!(visitor.press("clerk/down").await.0, 200);
    // An event of the sale may be retried too, if it was still on its way.
    let retried = |delivery: &Value| {
        let attempts = delivery["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let statuses: Vec<_> = attempts.iter().filter_map(|attempt| attempt["status"].as_u64()).collect();
        let is_retried = statuses.first() == Some(&503) && statuses.last() == Some(&200);
        is_retried && delivery["type"] == "customer.subscription.updated"
    };
    events.until("delivery", retried).await;
    assert_eq!(visitor.get("/usage", ADA).await.1["plan"], "pro");
}

#[tokio::test]
async fn a_worker_that_crashes_is_replaced_and_loses_no_count() {
    within_one_window(DAY_S).await;
    let visitor = Visitor::start().await;
    let mut events = visitor.events().await;
    for _ in 0..5 {
        assert_eq!(visitor.ask(ADA).await.status(), 200);
    }
    let crash = visitor.press("worker/crash").await;
    assert_eq!(crash, (200, json!({"status": 503, "asks_before": 5, "asks_after": 5})));
    events.until("counters", |counters| counters["values"]["wasm.plan_gate.vm_reload_success"] == 1).await;
    assert_eq!(visitor.ask(ADA).await.status(), 429, "the count is still there");
    let crashing = events.until("request", |request| request["status"] == 503).await;
    assert_eq!((&crashing["path"], &crashing["decision"]), (&json!("/ask"), &json!("refused")));
    let next = events.until("request", |_| true).await;
    assert_eq!(next["status"], 429, "what the playground itself asks is not shown: {next}");
}
