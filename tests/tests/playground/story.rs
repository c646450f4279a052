//! The whole loop: sign in, ask, be refused, buy, ask again.

use crate::shared::{ADA, ADA_FOR_LABS, BOB, BOB_FOR_LABS, Visitor, answer};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;

/// Waits until the clock shows another second. The time of a token is in whole seconds, so one of the second in
/// which the gate has read Clerk's record counts as older than the record.
async fn next_second() {
    let now = unix_now();
    while unix_now() == now {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_free_user_is_limited_and_a_payment_lifts_the_limit() {
    within_one_window(DAY_S).await;
    let visitor = Visitor::start().await;
    let mut events = visitor.events().await;

    for left in (0..5).rev() {
        let answered = visitor.ask(ADA).await;
        assert_eq!(answered.status(), 200);
        assert_eq!(answered.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(answered.headers()["x-ratelimit-remaining"], left.to_string());
        let words = answered.text().await.expect("text");
        assert!(words.split(' ').count() > 15 && words.ends_with('.'), "{words}");
    }
    let refused = visitor.ask(ADA).await;
    assert_eq!(refused.status(), 429);
    let refusal: Value = refused.json().await.expect("a problem");
    assert_eq!(refusal["upgrade_url"], visitor.playground.path("/#plans"));
    let seen = events.until("request", |request| request["status"] == 429).await;
    let shown = [&seen["decision"], &seen["code"], &seen["rule"], &seen["plan"]];
    assert_eq!(shown, ["refused", "quota_exceeded", "ask", "free"]);
    let (status, refusal) = visitor.get("/reports", ADA).await;
    assert_eq!((status, &refusal["required_plan"]), (403, &json!("pro")));

    let (_, page) = answer(visitor.request(Method::GET, "/billing/plans")).await;
    assert_eq!(
        page["plans"][1]["prices"][0],
        json!({"interval": "month", "interval_count": 1, "amount": 2000, "currency": "usd"})
    );
    assert_eq!(page["plans"][2]["prices"].as_array().map(Vec::len), Some(2), "team, by month and by year");
    next_second().await;
    let returned_to = visitor.buy(ADA).await;
    assert!(returned_to.starts_with(&visitor.playground.path("/?paid=cs_")), "{returned_to}");
    events
        .until("clerk", |clerk| clerk["subject"] == "user_ada" && clerk["public_metadata"]["plan"] == "pro")
        .await;
    let audit = events.until("audit", |audit| audit["audit"] == "created").await;
    assert_eq!((&audit["subject"], &audit["new_plan"]), (&json!("user_ada"), &json!("pro")));

    let answered = visitor.ask(ADA).await;
    assert_eq!(answered.status(), 200);
    assert_eq!(answered.headers()["x-ratelimit-remaining"], "99");
    assert_eq!(visitor.get("/reports", ADA).await.0, 200);
    let is_report =
        |request: &Value, status: u16| request["path"] == "/reports" && request["status"] == status;
    let refused = events.until("request", |request| is_report(request, 403)).await;
    assert_eq!((&refused["decision"], &refused["plan"]), (&json!("refused"), &json!("free")));
    let allowed = events.until("request", |request| is_report(request, 200)).await;
    let shown = [&allowed["decision"], &allowed["plan"], &allowed["subject"]];
    assert_eq!(shown, ["allowed", "pro", "user_ada"]);
    let moved = |counters: &Value| counters["values"]["tollgate.gate.rule.ask.allowed"] == 6;
    let counters = events.until("counters", moved).await;
    assert_eq!(counters["values"]["tollgate.gate.rule.ask.over_limit"], 1);

    let mut later = visitor.events().await;
    let past = later.until("request", |request| request["status"] == 429).await;
    assert_eq!(past, seen, "a page that is opened later sees the same");
    // Published before the first request.
    later.until("faults", |faults| faults["clerk_down_until"].is_null()).await;
}

#[tokio::test]
async fn an_organization_buys_for_its_members() {
    let visitor = Visitor::start().await;
    let mut events = visitor.events().await;
    let buy = json!({"plan": "pro"});
    let (status, refusal) = visitor.post("/billing/checkout", BOB_FOR_LABS, buy).await;
    assert_eq!((status, &refusal["code"]), (403, &json!("not_allowed_for_organization")), "a member");
    visitor.buy(ADA_FOR_LABS).await;
    events
        .until("clerk", |clerk| clerk["subject"] == "org_labs" && clerk["public_metadata"]["plan"] == "pro")
        .await;
    for (person, plan) in [(ADA_FOR_LABS, "pro"), (BOB_FOR_LABS, "pro"), (ADA, "free"), (BOB, "free")] {
        assert_eq!(visitor.get("/usage", person).await.1["plan"], plan, "{person:?}");
    }
}

#[tokio::test]
async fn the_pages_and_the_people_are_served_through_the_gateway() {
    let visitor = Visitor::start().await;
    for (path, kind) in [("/", "text/html; charset=utf-8"), ("/app.js", "text/javascript; charset=utf-8")] {
        let page = visitor.request(Method::GET, path).send().await.expect("a response");
        let fields = page.headers();
        assert_eq!((page.status().as_u16(), fields["server"].as_bytes()), (200, &b"envoy"[..]), "{path}");
        assert_eq!(
            (&fields["content-type"], &fields["cache-control"]),
            (&kind.parse().expect("a value"), &"no-store".parse().expect("a value")),
            "{path}"
        );
    }
    let (_, body) = answer(visitor.request(Method::GET, "/playground/api/people")).await;
    let names: Vec<_> =
        body["people"].as_array().expect("a list").iter().map(|person| &person["name"]).collect();
    assert_eq!(names, ["Ada", "Bob", "Ada for Example Labs", "Bob for Example Labs"]);
    let stranger = json!({"user": "user_eve", "organization": null});
    let request = visitor.request(Method::POST, "/playground/api/token").json(&stranger);
    assert_eq!(answer(request).await, (404, json!({"error": "there is no such person"})));
}
