//! Both builds are the same from outside: responses, what upstreams get, log lines, and metrics.

use crate::clerk_corpus::{DELETED, SUBSCRIBER};
use crate::corpus::{self, CorpusRequest, USERS};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;
use tollgate_tests::client::wire::{WireResponse, exchange};
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::clerk::billing::{BillingPlan, INSTANCE};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::processes::envoy::{Envoy, Standalone, yaml};
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::waiting::{POLL_INTERVAL, WAIT_MAX};

/// The size of the corpus that is promised in `docs/native.md`.
const REQUESTS_MIN: usize = 300;
/// Header fields that Envoy sets from its clock.
const OF_THE_CLOCK: [&str; 2] = ["date", "x-envoy-upstream-service-time"];

/// Starts a gateway of a build with the users and prices of the corpus.
async fn start(shipped: Standalone) -> Gateway {
    let gateway = Gateway::start_build(shipped, |standalone| {
        let standalone = standalone.document(|document| {
            let rules = json!([
                {"name": "ask", "path_prefix": "/ask", "limit": "asks"},
                {"name": "reports", "path_prefix": "/reports", "require": {"plan": "pro"}},
                {"name": "search", "path_prefix": "/search", "anonymous": "free", "limit": "asks"},
            ]);
            document["stripe_webhook"]["livemode"] = false.into();
            let clerk_webhook = &mut document["clerk_webhook"];
            clerk_webhook["billing"] = "mirror".into();
            clerk_webhook["instance"] = INSTANCE.into();
            clerk_webhook["on_deleted"] = "cancel".into();
            clerk_webhook["stripe"] = yaml(json!({"cluster": "stripe_api"}));
            document["plan_gate"]["rules"] = yaml(rules);
        });
        // With several workers, it would depend on chance which of their caches has a value. A random ID
        // would be part of what the upstream gets.
        standalone.concurrency(1).edit(|config| {
            let manager = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
            manager["typed_config"]["generate_request_id"] = false.into();
        })
    })
    .await;
    for user in USERS.into_iter().chain([SUBSCRIBER]) {
        gateway.clerk.put_user(User::new(user));
    }
    gateway.clerk.put_billing_plan(BillingPlan::new("free_user").default_plan());
    gateway.clerk.put_billing_plan(BillingPlan::new("pro"));
    gateway.clerk.subscribe(SUBSCRIBER, "pro");
    gateway.stripe.put(Price::new("price_123"));
    gateway.stripe.put(Customer::new("cus_corpus"));
    let mut subscription = Subscription::new("sub_corpus", "cus_corpus").item("price_123");
    subscription.metadata.insert("clerk_user_id".to_owned(), "user_pro".to_owned());
    gateway.stripe.put(subscription);
    // Search knows what is older than its delay.
    let created = unix_now() - 900;
    gateway.stripe.put(Customer::new("cus_deleted").metadata("clerk_user_id", DELETED).created(created));
    gateway.stripe.put(Subscription::new("sub_deleted", "cus_deleted").item("price_123").created(created));
    gateway
}

/// A response without what depends on the clock or on a fake's port.
#[derive(Debug, PartialEq, Eq)]
struct TimelessResponse {
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
}

/// Sends a request to a gateway; `None` if the connection ends without a response.
async fn timeless_response(gateway: &Gateway, request: &[u8]) -> Option<TimelessResponse> {
    let WireResponse { status, headers, body } = exchange(gateway.envoy.address(), request).await?;
    let fields = headers.into_iter().filter(|(name, _)| !OF_THE_CLOCK.contains(&name.as_str()));
    let fields = fields.map(|(name, value)| {
        let value = without_seconds(&name, &value);
        (name, value)
    });
    let body: String = body.into_iter().map(char::from).collect();
    let body = body.replace(&gateway.stripe.addr().to_string(), "stripe");
    Some(TimelessResponse { status, fields: fields.collect(), body: without_times(&body) })
}

/// Removes the seconds until a window ends from a field's value.
fn without_seconds(name: &str, value: &str) -> String {
    match name {
        "ratelimit" => value.split(";t=").next().unwrap_or_default().to_owned(),
        "x-ratelimit-reset" | "retry-after" => "seconds".to_owned(),
        _ => value.to_owned(),
    }
}

/// Removes the time of day from times such as `2026-11-28T19:19:30Z`.
fn without_times(text: &str) -> String {
    let mut parts = text.split('T');
    let mut timeless = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_time = part.as_bytes().get(2) == Some(&b':') && part.as_bytes().get(8) == Some(&b'Z');
        timeless.push('T');
        timeless.push_str(if is_time { &part["hh:mm:ssZ".len()..] } else { part });
    }
    timeless
}

/// Returns the metrics of the filters for Prometheus: names, labels, and values. Histograms count only their
/// samples, since they measure time.
async fn metrics(envoy: &Envoy) -> Vec<String> {
    let response = reqwest::get(envoy.admin_url("/stats/prometheus")).await.expect("a response");
    let text = response.text().await.expect("text");
    let own =
        text.lines().filter(|line| line.starts_with("tollgate_") && !line.starts_with("tollgate_panics"));
    let own = own.filter(|line| !line.contains("_bucket{") && !line.contains("_sum{"));
    let mut own: Vec<String> = own.map(str::to_owned).collect();
    own.sort();
    own
}

/// Returns how often the filters logged each line, without times and random IDs.
fn log_lines(envoy: &Envoy) -> BTreeMap<String, usize> {
    const MEASURED: [&str; 3] = ["duration_ms", "took_ms", "request_id"];
    let mut lines = BTreeMap::new();
    for line in envoy.log().lines() {
        let Some(start) = line.find("{\"") else { continue };
        let Ok(Value::Object(mut members)) = serde_json::from_str(&line[start..]) else { continue };
        members.retain(|name, _| !MEASURED.contains(&name.as_str()));
        *lines.entry(Value::Object(members).to_string()).or_default() += 1;
    }
    lines
}

#[tokio::test]
async fn both_builds_answer_the_corpus_alike() {
    let wasm = start(Standalone::wasm()).await;
    let native = start(Standalone::native()).await;
    assert_eq!(wasm.clerk.issuer(), native.clerk.issuer(), "one token is for both");
    let requests = corpus::requests(wasm.clerk.issuer(), unix_now());
    assert!(requests.len() >= REQUESTS_MIN, "{}", requests.len());
    let mut statuses = BTreeMap::<u16, usize>::new();
    for CorpusRequest { name, bytes } in &requests {
        let (of_wasm, of_native) =
            tokio::join!(timeless_response(&wasm, bytes), timeless_response(&native, bytes));
        if let Some(response) = &of_wasm {
            *statuses.entry(response.status).or_default() += 1;
        }
        assert_eq!(of_wasm, of_native, "{name}: Wasm left, native right");
    }
    for status in [200, 400, 401, 403, 404, 405, 413, 429] {
        assert!(statuses.contains_key(&status), "no response has {status}: {statuses:?}");
    }
    let received =
        |gateway: &Gateway| gateway.stripe.log().entries().len() + gateway.clerk.log().entries().len();
    assert_eq!(received(&wasm), received(&native), "calls of Stripe and Clerk");
    for gateway in [&wasm, &native] {
        assert_eq!(gateway.clerk.plan(SUBSCRIBER).as_deref(), Some("pro"));
        assert_eq!(gateway.stripe.get::<Subscription>("sub_deleted").status, "canceled");
    }
    assert_eq!(wasm.backend.received().await, native.backend.received().await, "what the upstream got");
    assert_eq!(log_lines(&wasm.envoy), log_lines(&native.envoy));
    // Workers add counters up, and Envoy merges histograms from time to time.
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let (of_wasm, of_native) = (metrics(&wasm.envoy).await, metrics(&native.envoy).await);
        if of_wasm == of_native {
            break;
        }
        assert!(Instant::now() < deadline, "Wasm: {of_wasm:#?}\nnative: {of_native:#?}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
