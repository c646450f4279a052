//! Fetched keys: requests wait for the first set, a new key is found, and failures of Clerk remove no key.

use crate::shared::with_rules;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tollgate_tests::client::wire::{WireResponse, request};
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::faults::{Fault, HoldPoint, Matcher, any, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::envoy::{Stats, yaml};
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::waiting;

/// Each worker thread fetches at most once in this time.
const FETCH_EVERY: Duration = Duration::from_secs(5);
const WORKERS: u32 = 2;

fn jwks() -> Matcher {
    on("GET", "/.well-known/jwks.json")
}

/// Starts a gateway that has no key yet.
async fn gateway() -> Gateway {
    Gateway::start(|standalone| {
        with_rules(standalone).without_env("CLERK_JWT_KEY").document(|document| {
            let keys = json!({"jwks": {"cluster": "clerk_api", "authority": "clerk.example.com", "timeout_ms": 8000}});
            document["plan_gate"]["keys"] = yaml(keys);
        })
    })
    .await
}

/// Returns a token signed with `key` that is in no cache, so that its signature is verified.
fn fresh(gateway: &Gateway, key: &'static KeyPair) -> String {
    gateway.session("user_keys").key(key).claim("jti", json!(unused_number())).sign()
}

/// Returns a token with an unknown key.
fn with_unknown_key(gateway: &Gateway) -> String {
    let kid = format!("ins_other{}", unused_number());
    gateway.session("user_keys").header("kid", json!(kid)).sign()
}

/// Returns a number that was not used before.
fn unused_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn failed_fetches(gateway: &Gateway) -> u64 {
    gateway.envoy.stats().await.plugin("tollgate.gate.keys.fetch_failed")
}

/// Sends a request with that token to both workers and returns all responses.
async fn everywhere(gateway: &Gateway, token: &str) -> Vec<WireResponse> {
    let field = format!("authorization: Bearer {token}\r\n");
    gateway.exchange_with_every_worker(&request("GET", "/me", field, b"")).await
}

fn status_and_code(response: &WireResponse) -> (u16, String) {
    (response.status, response.json()["code"].as_str().unwrap_or_default().to_owned())
}

/// Sends requests until both workers respond with this status and code. `token` creates the token of each
/// request.
async fn until(gateway: &Gateway, what: &str, token: impl Fn() -> String, status: u16, code: &str) {
    let wanted = (status, code.to_owned());
    waiting::until(what, async || {
        let responses = everywhere(gateway, &token()).await;
        responses.iter().all(|response| status_and_code(response) == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_before_the_first_key_set_wait_for_one_fetch_of_each_worker() {
    const EACH: u64 = 12;
    let gateway = gateway().await;
    let held = HoldPoint::new();
    gateway.clerk.faults().always(jwks(), Fault::HoldResponse(held.clone()));
    let cases = [(KeyPair::first(), 200, Value::Null), (KeyPair::second(), 401, json!("unknown_key"))];
    let mut waiting = JoinSet::new();
    for (key, status, code) in &cases {
        for _ in 0..EACH {
            let request = gateway.get("/me").bearer_auth(fresh(&gateway, key));
            let (status, code) = (*status, code.clone());
            waiting.spawn(async move {
                let response = request.send().await.expect("a response");
                assert_eq!(response.status(), status);
                assert_eq!(response.json::<Value>().await.expect("JSON")["code"], code);
            });
        }
    }
    let active = |stats: &Stats| stats.value("http.public.downstream_rq_active");
    gateway.envoy.stats_until("all to be held", |stats| active(stats) == 2 * EACH).await;
    assert!(waiting.try_join_next().is_none(), "there is no decision before the set arrives");
    assert_eq!(gateway.backend.received().await, [], "and no request is forwarded");
    held.open();
    waiting.join_all().await;

    let stats = gateway.envoy.stats().await;
    let connections = gateway.connections_by_worker().await;
    let workers = connections.iter().filter(|connections| **connections > 0).count();
    assert_eq!(gateway.clerk.log().count(&jwks()), workers, "one fetch of each worker with requests");
    assert_eq!(stats.plugin("tollgate.gate.keys.fetched"), workers as u64);
    assert_eq!(gateway.clerk.log().count(&any()), workers, "and nothing else");
}

#[tokio::test]
async fn new_keys_are_found_unknown_ones_cost_little_and_removed_ones_end() {
    let gateway = gateway().await;
    let started = Instant::now();
    let old = fresh(&gateway, KeyPair::first());
    until(&gateway, "the first set", || old.clone(), 200, "").await;

    for _ in 0..100 {
        let response =
            gateway.get("/me").bearer_auth(with_unknown_key(&gateway)).send().await.expect("a response");
        assert_eq!(response.status(), 401);
        assert_eq!(response.json::<Value>().await.expect("JSON")["code"], "unknown_key");
    }
    let fetches = gateway.clerk.log().count(&jwks());
    let rounds = u32::try_from(started.elapsed().as_secs() / FETCH_EVERY.as_secs()).expect("few") + 1;
    assert!(fetches <= (WORKERS * rounds) as usize, "{fetches} fetches in {:?}", started.elapsed());

    gateway.clerk.set_keys(&[KeyPair::first(), KeyPair::second()]);
    until(&gateway, "the new key", || fresh(&gateway, KeyPair::second()), 200, "").await;
    until(&gateway, "the old key, while it is in the set", || fresh(&gateway, KeyPair::first()), 200, "")
        .await;

    gateway.clerk.set_keys(&[KeyPair::second()]);
    // An unknown `kid` makes each worker fetch again, as the next rotation would.
    let before = gateway.clerk.log().count(&jwks());
    waiting::until("another fetch of each worker", async || {
        everywhere(&gateway, &with_unknown_key(&gateway)).await;
        (gateway.clerk.log().count(&jwks()) >= before + WORKERS as usize).then_some(())
    })
    .await;
    until(&gateway, "the end of the dropped key, also in the caches", || old.clone(), 401, "unknown_key")
        .await;
    until(&gateway, "the remaining key", || fresh(&gateway, KeyPair::second()), 200, "").await;
}

#[tokio::test]
async fn while_a_refresh_fails_the_old_keys_remain_valid() {
    let gateway = gateway().await;
    until(&gateway, "the first set", || fresh(&gateway, KeyPair::first()), 200, "").await;
    // A worker fetches again after five seconds, so each of these cases takes that long.
    let failures = [
        ("an error", Fault::unavailable()),
        ("a response that would leave no key", Fault::status(200, &json!({"keys": []}))),
    ];
    for (name, fault) in failures {
        gateway.clerk.faults().clear();
        gateway.clerk.faults().always(jwks(), fault);
        let before = failed_fetches(&gateway).await;
        waiting::until(format!("fetch that fails with {name}"), async || {
            let request = gateway.get("/me").bearer_auth(with_unknown_key(&gateway));
            let response = request.send().await.expect("a response");
            // A key that cannot be looked up is not called unknown.
            assert!(matches!(response.status().as_u16(), 401 | 503), "{name}: {response:?}");
            (failed_fetches(&gateway).await > before).then_some(())
        })
        .await;
        for response in everywhere(&gateway, &fresh(&gateway, KeyPair::first())).await {
            assert_eq!(response.status, 200, "{name}");
        }
    }
    let alarm = gateway.envoy.log_line_with("keys_unavailable").await;
    assert!(alarm.contains(r#""keys_in_force":true"#), "{alarm}");
}

#[tokio::test]
async fn without_any_key_requests_get_503_until_there_is_one() {
    let gateway = gateway().await;
    let failures = [
        ("an error", Fault::unavailable()),
        ("garbage", Fault::garbage()),
        ("a set that is far too large", Fault::huge(2 << 20)),
        ("a reset connection", Fault::Reset),
        ("half a response", Fault::ResetMidBody),
        ("no keys", Fault::status(200, &json!({"keys": []}))),
    ];
    for (why, fault) in failures {
        gateway.clerk.faults().clear();
        gateway.clerk.faults().always(jwks(), fault);
        let cookie = format!("__session={}", gateway.token("user_keys", "pro"));
        let cases = [
            ("a token", gateway.get("/me").bearer_auth(fresh(&gateway, KeyPair::first()))),
            (
                "a cookie on a rule that allows anonymous clients",
                gateway.get("/search").header("cookie", cookie),
            ),
        ];
        let before = failed_fetches(&gateway).await;
        let ask = || gateway.get("/me").bearer_auth(fresh(&gateway, KeyPair::first())).send();
        while failed_fetches(&gateway).await == before {
            assert_eq!(ask().await.expect("a response").status(), 503, "{why}");
        }
        for (credential, request) in cases {
            let response = request.send().await.expect("a response");
            assert_eq!(response.status(), 503, "{why}, {credential}");
            assert!(response.headers().contains_key("retry-after"), "{why}, {credential}: {response:?}");
            let problem: Value = response.json().await.expect("JSON");
            assert_eq!(problem["code"], "keys_unavailable", "{why}, {credential}");
        }
    }
    let response = gateway.get("/search").send().await.expect("a response");
    assert_eq!(response.status(), 200, "an anonymous client needs no key");
    assert_eq!(gateway.backend.received().await.len(), 1, "no other request was forwarded");

    gateway.clerk.faults().clear();
    until(&gateway, "the first set", || fresh(&gateway, KeyPair::first()), 200, "").await;
    let old = gateway.session("user_keys").key(KeyPair::first()).claim("exp", json!(unix_now() - 60)).sign();
    until(&gateway, "the usual rules", || old.clone(), 401, "token_expired").await;
}
