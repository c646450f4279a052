//! Causes every event that the alerts look for, except a crash of a VM.

use crate::exported::Exported;
use serde_json::json;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::clerk::billing::ClerkEvent;
use tollgate_tests::fakes::faults::{Fault, on};
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::fakes::upstream::{Backend, Certificate};
use tollgate_tests::processes::envoy::{Envoy, Standalone, Stats, yaml};
use tollgate_tests::processes::gateway::{CLERK_WEBHOOK_PATH, Gateway, WEBHOOK_PATH};

/// Causes the events, and returns the metrics that Envoy exports afterwards.
pub async fn exported_after_all_events() -> Exported {
    let gateway = Gateway::start_build(Standalone::load(), |shipped| {
        shipped.document(|document| {
            document["clerk_webhook"]["billing"] = "mirror".into();
            let confirm = json!({"cluster": "clerk_api"});
            document["plan_gate"]["confirm"] = yaml(confirm);
        })
    })
    .await;
    requests(&gateway).await;
    deliveries(&gateway).await;
    deliveries_of_clerk(&gateway).await;
    billing(&gateway).await;
    // The Wasm modules write the counts of permitted requests once a second.
    let allowed = |stats: &Stats| stats.plugin("tollgate.gate.rule.ask.allowed");
    gateway.envoy.stats_until("counts of permitted requests", |stats| allowed(stats) >= 6).await;
    let exported = Exported::by(&gateway.envoy).await;
    exported.and(Exported::by(&with_an_impostor_as_clerk(&gateway).await).await)
}

/// Sends requests that the gate allows, and one of each kind that it refuses.
async fn requests(gateway: &Gateway) {
    gateway.clerk.put_user(User::new("user_1"));
    let ask = |token: String| gateway.get("/ask").bearer_auth(token).send();
    for _ in 0..7 {
        ask(gateway.token("user_1", "free")).await.expect("a response");
    }
    ask(gateway.token("user_2", "platinum")).await.expect("a response");
    ask(gateway.session("user_1").issuer("https://clerk.of.another").sign()).await.expect("a response");
    gateway.get("/ask").send().await.expect("a response");
}

/// Makes one delivery that is processed, and one of each kind that fails.
async fn deliveries(gateway: &Gateway) {
    let (stripe, clerk) = (&gateway.stripe, &gateway.clerk);
    clerk.put_user(User::new("user_1"));
    stripe.put(Price::new("price_123"));
    for customer in ["cus_1", "cus_without_user"] {
        stripe.put(Customer::new(customer));
    }
    stripe.put(Subscription::new("sub_1", "cus_1").item("price_123").metadata("clerk_user_id", "user_1"));
    stripe.put(Subscription::new("sub_without_user", "cus_without_user").item("price_123"));

    let event = |subscription: &str| stripe.event("customer.subscription.updated", subscription);
    let key_refused = Fault::status(401, &json!({"error": {"type": "invalid_request_error"}}));
    for fault in [Fault::stripe_rate_limit(), key_refused, Fault::Reset] {
        stripe.faults().next(1, on("GET", "/v1/subscriptions"), fault);
        gateway.deliver(&event("sub_1")).await;
    }
    gateway.deliver(&event("sub_without_user")).await;
    gateway.deliver(&event("sub_1")).await;
    let forged = gateway.request(reqwest::Method::POST, WEBHOOK_PATH).body("{}");
    forged.send().await.expect("a response");
    let large = gateway.request(reqwest::Method::POST, WEBHOOK_PATH).body("x".repeat(600 << 10));
    large.send().await.expect("a response");
}

/// Makes a delivery of Clerk that is processed, one that fails, and one of no subject.
async fn deliveries_of_clerk(gateway: &Gateway) {
    let event = ClerkEvent::of_payer("msg_1", "subscription.updated", "user_1");
    gateway.clerk.faults().next(1, on("GET", "/v1/users/user_1"), Fault::unavailable());
    for _ in 0..2 {
        gateway.deliver_from_clerk(&event).await;
    }
    gateway.deliver_from_clerk(&ClerkEvent::of_payer("msg_2", "subscription.updated", "")).await;
    let forged = gateway.request(reqwest::Method::POST, CLERK_WEBHOOK_PATH).body("{}");
    forged.send().await.expect("a response");
}

/// Makes a request to the billing endpoints that succeeds, one that is refused, and one that fails, and lets
/// the webhook find a user with two subscriptions.
async fn billing(gateway: &Gateway) {
    let stripe = &gateway.stripe;
    let cancel = |user: &str| {
        let request = gateway.request(reqwest::Method::POST, "/billing/cancel").json(&json!({}));
        request.bearer_auth(gateway.token(user, "pro")).send()
    };
    let status =
        |response: reqwest::Result<reqwest::Response>| response.expect("a response").status().as_u16();
    assert_eq!(status(cancel("user_1").await), 200);
    gateway.clerk.put_user(User::new("user_2"));
    assert_eq!(status(cancel("user_2").await), 404);
    stripe.faults().next(1, on("GET", "/v1/subscriptions"), Fault::Reset);
    assert_eq!(status(cancel("user_1").await), 503);

    gateway.clerk.put_user(User::new("user_3"));
    stripe.put(Customer::new("cus_3"));
    for subscription in ["sub_3", "sub_4"] {
        let bought = Subscription::new(subscription, "cus_3").item("price_123");
        stripe.put(bought.metadata("clerk_user_id", "user_3"));
    }
    gateway.deliver(&stripe.event("customer.subscription.updated", "sub_4")).await;
}

/// Starts a second Envoy, whose `clerk_api` is a server with a certificate for another name.
async fn with_an_impostor_as_clerk(gateway: &Gateway) -> Envoy {
    let certificate = Certificate::for_names(&["api.example.com"]);
    let impostor = Backend::start_with_tls(&certificate).await;
    let configured = |shipped: Standalone| {
        shipped.upstream_with_tls("clerk_api", impostor.tls_address(), &certificate.authority())
    };
    let envoy = gateway.replica(configured).await;
    let event = gateway.stripe.event("customer.subscription.updated", "sub_1");
    gateway.deliver_to(&envoy, &event, tollgate_tests::fakes::server::unix_now()).await.expect("a response");
    envoy
}
