//! Clerk's own record before a refusal: an upgrade counts at once, a flood asks little, and Clerk's trouble
//! neither delays who is allowed nor grants anything.

use crate::shared::{with_rules, yaml};
use reqwest::Response;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tollgate_tests::client::wire::request;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::{Fault, HoldPoint, any, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::processes::envoy::Standalone;
use tollgate_tests::processes::gateway::Gateway;

/// Questions about one subject: two at once, and one more after each of these.
const SUBJECT_EVERY: Duration = Duration::from_secs(10);
/// Questions of the process: so many at once, and one more after each of these.
const PROCESS_AT_ONCE: usize = 100;
const PROCESS_EVERY: Duration = Duration::from_millis(50);

/// With the longest timeout, so that a busy machine is not taken for Clerk's silence.
fn confirming(standalone: Standalone) -> Standalone {
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

fn asked_about(gateway: &Gateway, user: &str) -> usize {
    gateway.clerk.log().count(&on("GET", &format!("/v1/users/{user}")))
}

#[tokio::test]
async fn an_upgrade_counts_on_the_next_request_with_the_same_token() {
    let gateway = Gateway::start(confirming).await;
    gateway.clerk.put_user(User::new("user_ada").public_metadata(json!({"plan": "free"})));
    gateway.stripe.put(Price::new("price_123"));
    gateway.stripe.put(Customer::new("cus_ada"));
    let stale = gateway.token("user_ada", "free");
    for _ in 0..5 {
        assert_eq!(get(&gateway, "/ask", &stale).await.status(), 200);
    }
    assert_eq!(get(&gateway, "/ask", &stale).await.status(), 429);
    assert_eq!(asked_about(&gateway, "user_ada"), 1, "before the refusal, not before");

    gateway
        .stripe
        .put(Subscription::new("sub_ada", "cus_ada").item("price_123").metadata("clerk_user_id", "user_ada"));
    let paid = gateway.stripe.event("customer.subscription.created", "sub_ada");
    assert_eq!(gateway.deliver(&paid).await.status(), 200);
    assert_eq!(gateway.clerk.plan("user_ada").as_deref(), Some("pro"));
    gateway.clerk.log().clear();
    let response = get(&gateway, "/ask", &stale).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-ratelimit-limit"], "100", "counted by the plan just bought");
    let response: Value = response.json().await.expect("JSON");
    let told =
        response["request"]["headers"].as_array().expect("fields").iter().find(|f| f[0] == "x-tollgate-plan");
    assert_eq!(told.map(|field| &field[1]), Some(&json!("pro")), "and the upstream is told");

    let reports = request("GET", "/reports", format!("authorization: Bearer {stale}\r\n"), b"");
    for response in gateway.exchange_with_every_worker(&reports).await {
        assert_eq!(response.status, 200, "whichever worker it is");
    }
    for _ in 0..20 {
        assert_eq!(get(&gateway, "/reports", &stale).await.status(), 200);
    }
    assert_eq!(asked_about(&gateway, "user_ada"), 1, "one answer does for all of them");

    let replica = gateway.replica(confirming).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let response = client.get(replica.url("/reports")).bearer_auth(&stale).send().await.expect("a response");
    assert_eq!(response.status(), 200, "on another replica too");

    // The plan is cancelled, and a token that was read after the question says so.
    gateway.clerk.set_public_metadata("user_ada", json!({"plan": "free"}));
    let newer = gateway.session("user_ada").claim("iat", json!(unix_now() + 4)).plan("free").sign();
    for _ in 0..3 {
        assert_eq!(
            get(&gateway, "/reports", &newer).await.status(),
            403,
            "it does not live on in the memory"
        );
    }
}

#[tokio::test]
async fn a_flood_of_refused_requests_asks_clerk_no_more_often_than_stated() {
    const REQUESTS: usize = 150;
    const USERS: usize = 150;
    let gateway = Gateway::start(confirming).await;
    gateway.clerk.put_user(User::new("user_flood").public_metadata(json!({"plan": "free"})));
    let began = Instant::now();
    let token = gateway.token("user_flood", "free");
    flood(&gateway, (0..REQUESTS).map(|_| token.clone())).await;
    let asked = asked_about(&gateway, "user_flood");
    let most = 2 + per(SUBJECT_EVERY, began.elapsed());
    assert!((1..=most).contains(&asked), "{asked} questions about one user, {most} allowed");

    let name = |number| format!("user_many{number}");
    (0..USERS).for_each(|number| gateway.clerk.put_user(User::new(&name(number))));
    flood(&gateway, (0..USERS).map(|number| gateway.token(&name(number), "free"))).await;
    let asked = gateway.clerk.log().count(&any());
    let most = PROCESS_AT_ONCE + per(PROCESS_EVERY, began.elapsed());
    assert!(asked <= most, "{asked} questions in all, {most} allowed");
    let stats = gateway.envoy.stats().await;
    assert_eq!(stats.plugin("tollgate.gate.confirm.asked"), asked as u64);
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

/// How many intervals have begun in that time.
fn per(interval: Duration, elapsed: Duration) -> usize {
    usize::try_from(elapsed.as_millis() / interval.as_millis()).expect("few") + 1
}

#[tokio::test]
async fn who_is_allowed_never_waits_for_clerk() {
    let gateway = Gateway::start(confirming).await;
    gateway.clerk.put_user(User::new("user_slow").public_metadata(json!({"plan": "pro"})));
    let silent = HoldPoint::new();
    gateway.clerk.faults().always(any(), Fault::HoldResponse(silent.clone()));
    let stale = gateway.token("user_slow", "free");
    let question = tokio::spawn(gateway.get("/reports").bearer_auth(&stale).send());
    silent.wait_for(1).await;
    for number in 0..50 {
        let other = gateway.token(&format!("user_other{number}"), "pro");
        assert_eq!(get(&gateway, "/reports", &other).await.status(), 200);
    }
    for _ in 0..5 {
        assert_eq!(get(&gateway, "/ask", &stale).await.status(), 200, "the very same user, within the plan");
    }
    assert!(!question.is_finished(), "all of that while Clerk had not answered");
    assert_eq!(silent.arrived(), 1, "and nobody else had a question");
    silent.open();
    assert_eq!(question.await.expect("no panic").expect("a response").status(), 200);
}

#[tokio::test]
async fn clerks_trouble_grants_nothing_and_is_not_remembered() {
    let gateway = Gateway::start(|standalone| with_timeout(standalone, 3000)).await;
    let troubles = [
        ("an error", Fault::unavailable()),
        ("too many requests", Fault::clerk_rate_limit(1)),
        ("nonsense", Fault::garbage()),
        ("a broken connection", Fault::Reset),
        ("half an answer", Fault::ResetMidBody),
        ("no answer in time", Fault::HoldRequest(HoldPoint::new())),
        ("an answer without the record", Fault::status(200, &json!({}))),
        ("an answer about another", Fault::status(200, &pro_record("user_else"))),
    ];
    for (number, (why, trouble)) in troubles.into_iter().enumerate() {
        let user = format!("user_trouble{number}");
        gateway.clerk.put_user(User::new(&user).public_metadata(json!({"plan": "pro"})));
        gateway.clerk.faults().clear();
        gateway.clerk.faults().next(1, any(), trouble);
        let stale = gateway.token(&user, "free");
        let response = get(&gateway, "/reports", &stale).await;
        assert_eq!(response.status(), 403, "{why}");
        assert_eq!(response.json::<Value>().await.expect("JSON")["code"], "plan_required", "{why}");
        assert_eq!(asked_about(&gateway, &user), 1, "{why}");
        assert_eq!(get(&gateway, "/reports", &stale).await.status(), 200, "{why}, and then its record");
    }
    let gone = gateway.token("user_gone", "free");
    for _ in 0..2 {
        assert_eq!(get(&gateway, "/reports", &gone).await.status(), 403, "whom Clerk does not know");
    }
}

fn pro_record(user: &str) -> Value {
    json!({"id": user, "object": "user", "public_metadata": {"plan": "pro"}, "private_metadata": {}})
}
