//! Tests of the check of Clerk's own record before a refusal: an upgrade counts at once, many refused
//! requests cause few calls, and failures of Clerk neither delay permitted requests nor grant anything.

use crate::shared::with_rules;
use reqwest::Response;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tollgate_tests::client::wire::request;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::clerk::billing::BillingPlan;
use tollgate_tests::fakes::faults::{Fault, HoldPoint, any, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::processes::envoy::{Standalone, yaml};
use tollgate_tests::processes::gateway::Gateway;

/// The interval after which Clerk may be called again about one subject. The first two calls may be at once.
const SUBJECT_CALL_INTERVAL: Duration = Duration::from_secs(10);
/// The number of calls that the process may make at once.
const PROCESS_CALLS_AT_ONCE: usize = 100;
/// The interval after which the process may make another call.
const PROCESS_CALL_INTERVAL: Duration = Duration::from_millis(50);

/// Configures the longest timeout, so that a slow machine is not mistaken for a failure of Clerk.
fn with_long_timeout(standalone: Standalone) -> Standalone {
    with_timeout(standalone, 8000)
}

fn with_timeout(standalone: Standalone, timeout_ms: u32) -> Standalone {
    with_rules(standalone).document(|document| {
        document["stripe_webhook"]["livemode"] = false.into();
        document["plan_gate"]["confirm"] = yaml(json!({"cluster": "clerk_api", "timeout_ms": timeout_ms}));
    })
}

async fn get(gateway: &Gateway, path: &str, token: &str) -> Response {
    gateway.get(path).bearer_auth(token).send().await.expect("a response")
}

fn calls_about(gateway: &Gateway, user: &str) -> usize {
    gateway.clerk.log().count(&on("GET", &format!("/v1/users/{user}")))
}

#[tokio::test]
async fn an_upgrade_counts_on_the_next_request_with_the_same_token() {
    let gateway = Gateway::start(with_long_timeout).await;
    gateway.clerk.put_user(User::new("user_ada").public_metadata(json!({"plan": "free"})));
    gateway.stripe.put(Price::new("price_123"));
    gateway.stripe.put(Customer::new("cus_ada"));
    let stale = gateway.token("user_ada", "free");
    for _ in 0..5 {
        assert_eq!(get(&gateway, "/ask", &stale).await.status(), 200);
    }
    assert_eq!(get(&gateway, "/ask", &stale).await.status(), 429);
    assert_eq!(calls_about(&gateway, "user_ada"), 1, "only before the refusal");

    gateway
        .stripe
        .put(Subscription::new("sub_ada", "cus_ada").item("price_123").metadata("clerk_user_id", "user_ada"));
    let paid = gateway.stripe.event("customer.subscription.created", "sub_ada");
    assert_eq!(gateway.deliver(&paid).await.status(), 200);
    assert_eq!(gateway.clerk.plan("user_ada").as_deref(), Some("pro"));
    gateway.clerk.log().clear();
    let response = get(&gateway, "/ask", &stale).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-ratelimit-limit"], "100", "counted by the new plan");
    let response: Value = response.json().await.expect("JSON");
    let field =
        response["request"]["headers"].as_array().expect("fields").iter().find(|f| f[0] == "x-tollgate-plan");
    assert_eq!(field.map(|field| &field[1]), Some(&json!("pro")), "and the upstream gets it");

    let reports = request("GET", "/reports", format!("authorization: Bearer {stale}\r\n"), b"");
    for response in gateway.exchange_with_every_worker(&reports).await {
        assert_eq!(response.status, 200, "on each worker");
    }
    for _ in 0..20 {
        assert_eq!(get(&gateway, "/reports", &stale).await.status(), 200);
    }
    assert_eq!(calls_about(&gateway, "user_ada"), 1, "one response serves all of them");

    let replica = gateway.replica(with_long_timeout).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let response = client.get(replica.url("/reports")).bearer_auth(&stale).send().await.expect("a response");
    assert_eq!(response.status(), 200, "on another replica too");

    // The plan is canceled, and a token with claims that are newer than the response has the new plan.
    gateway.clerk.set_public_metadata("user_ada", json!({"plan": "free"}));
    let newer = gateway.session("user_ada").claim("iat", json!(unix_now() + 4)).plan("free").sign();
    for _ in 0..3 {
        assert_eq!(
            get(&gateway, "/reports", &newer).await.status(),
            403,
            "the old response is no longer used"
        );
    }
}

#[tokio::test]
async fn a_flood_of_refused_requests_calls_clerk_only_as_often_as_documented() {
    const REQUESTS: usize = 150;
    const USERS: usize = 150;
    let gateway = Gateway::start(with_long_timeout).await;
    gateway.clerk.put_user(User::new("user_flood").public_metadata(json!({"plan": "free"})));
    let started = Instant::now();
    let token = gateway.token("user_flood", "free");
    flood(&gateway, (0..REQUESTS).map(|_| token.clone())).await;
    let calls = calls_about(&gateway, "user_flood");
    let calls_max = 2 + intervals_started(SUBJECT_CALL_INTERVAL, started.elapsed());
    assert!((1..=calls_max).contains(&calls), "{calls} calls about one user, {calls_max} allowed");

    let name = |number| format!("user_many{number}");
    (0..USERS).for_each(|number| gateway.clerk.put_user(User::new(&name(number))));
    flood(&gateway, (0..USERS).map(|number| gateway.token(&name(number), "free"))).await;
    let calls = gateway.clerk.log().count(&any());
    let calls_max = PROCESS_CALLS_AT_ONCE + intervals_started(PROCESS_CALL_INTERVAL, started.elapsed());
    assert!(calls <= calls_max, "{calls} calls in total, {calls_max} allowed");
    let stats = gateway.envoy.stats().await;
    assert_eq!(stats.plugin("tollgate.gate.confirm.asked"), calls as u64);
    assert!(stats.plugin("tollgate.gate.confirm.limited") > 0);
    assert_eq!(gateway.clerk.log().writes(), 0);
}

/// Sends a request that the free plan does not allow with each of these tokens, all at once. All are refused.
async fn flood(gateway: &Gateway, tokens: impl Iterator<Item = String>) {
    let mut refused = JoinSet::new();
    for token in tokens {
        let request = gateway.get("/reports").bearer_auth(token);
        refused.spawn(async move { request.send().await.expect("a response").status().as_u16() });
    }
    for status in refused.join_all().await {
        assert_eq!(status, 403);
    }
}

/// Returns the number of intervals that have started in the time `elapsed`.
fn intervals_started(interval: Duration, elapsed: Duration) -> usize {
    usize::try_from(elapsed.as_millis() / interval.as_millis()).expect("few") + 1
}

#[tokio::test]
async fn permitted_requests_never_wait_for_clerk() {
    let gateway = Gateway::start(with_long_timeout).await;
    gateway.clerk.put_user(User::new("user_slow").public_metadata(json!({"plan": "pro"})));
    let silent = HoldPoint::new();
    gateway.clerk.faults().always(any(), Fault::HoldResponse(silent.clone()));
    let stale = gateway.token("user_slow", "free");
    let waiting = tokio::spawn(gateway.get("/reports").bearer_auth(&stale).send());
    silent.wait_for(1).await;
    // Few, because the call of Clerk ends after eight seconds.
    for number in 0..10 {
        let other = gateway.token(&format!("user_other{number}"), "pro");
        assert_eq!(get(&gateway, "/reports", &other).await.status(), 200);
    }
    for _ in 0..5 {
        assert_eq!(get(&gateway, "/ask", &stale).await.status(), 200, "the same user, within the plan");
    }
    assert!(!waiting.is_finished(), "all of that before Clerk responded");
    assert_eq!(silent.arrived(), 1, "and no other request caused a call");
    silent.open();
    assert_eq!(waiting.await.expect("no panic").expect("a response").status(), 200);
}

#[tokio::test]
async fn failures_of_clerk_grant_nothing_and_are_not_cached() {
    let gateway = Gateway::start(|standalone| with_timeout(standalone, 3000)).await;
    let failures = [
        ("an error", Fault::unavailable()),
        ("too many requests", Fault::clerk_rate_limit(1)),
        ("garbage", Fault::garbage()),
        ("a reset connection", Fault::Reset),
        ("half a response", Fault::ResetMidBody),
        ("no response in time", Fault::HoldRequest(HoldPoint::new())),
        ("a response without the record", Fault::status(200, &json!({}))),
        ("a response about another user", Fault::status(200, &pro_record("user_other"))),
    ];
    for (number, (why, fault)) in failures.into_iter().enumerate() {
        let user = format!("user_failure{number}");
        gateway.clerk.put_user(User::new(&user).public_metadata(json!({"plan": "pro"})));
        gateway.clerk.faults().clear();
        gateway.clerk.faults().next(1, any(), fault);
        let stale = gateway.token(&user, "free");
        let response = get(&gateway, "/reports", &stale).await;
        assert_eq!(response.status(), 403, "{why}");
        assert_eq!(response.json::<Value>().await.expect("JSON")["code"], "plan_required", "{why}");
        assert_eq!(calls_about(&gateway, &user), 1, "{why}");
        assert_eq!(get(&gateway, "/reports", &stale).await.status(), 200, "{why}, then its record");
    }
    let gone = gateway.token("user_gone", "free");
    for _ in 0..2 {
        assert_eq!(get(&gateway, "/reports", &gone).await.status(), 403, "a user that Clerk does not have");
    }
}

#[tokio::test]
async fn an_upgrade_at_clerk_billing_counts_with_the_same_token() {
    let gateway = Gateway::start(|standalone| {
        with_long_timeout(standalone).document(|document| {
            let claims = json!({"user": ["public_metadata.plan", "clerk_billing"]});
            document["plan_gate"]["plan_claims"] = yaml(claims);
        })
    })
    .await;
    gateway.clerk.put_user(User::new("user_ada").public_metadata(json!({"plan": "free"})));
    gateway.clerk.put_billing_plan(BillingPlan::new("free_user").default_plan());
    gateway.clerk.put_billing_plan(BillingPlan::new("pro"));
    let stale = gateway.token("user_ada", "free");
    assert_eq!(get(&gateway, "/reports", &stale).await.status(), 403);
    gateway.clerk.subscribe("user_ada", "pro");
    for _ in 0..5 {
        assert_eq!(get(&gateway, "/reports", &stale).await.status(), 200);
    }
    assert_eq!(gateway.clerk.log().count(&on("GET", "/v1/users/user_ada/billing/subscription")), 2);
    assert_eq!(calls_about(&gateway, "user_ada"), 4, "each time with the record");
}

fn pro_record(user: &str) -> Value {
    json!({"id": user, "object": "user", "public_metadata": {"plan": "pro"}, "private_metadata": {}})
}
