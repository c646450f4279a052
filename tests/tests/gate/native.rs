//! The gate as a dynamic module: that it serves, and that its shipped configuration equals the other one.
//! With the environment variable `TOLLGATE_NATIVE` this whole suite runs against it.

use crate::shared::{with_rules, yaml};
use serde_json::json;
use serde_norway::Value;
use tokio::task::JoinSet;
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::faults::on;
use tollgate_tests::install::modules::Modules;
use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::{Standalone, Stats};
use tollgate_tests::processes::gateway::{APPLICATION, Gateway};

/// Returns the shipped configuration with the dynamic module, in front of a gateway's upstream and with the
/// key of its fake of Clerk.
fn native(gateway: &Gateway) -> Standalone {
    let issuer = gateway.clerk.issuer().to_owned();
    Standalone::native()
        .modules(Modules::build())
        .upstream_at("upstream", gateway.backend.address())
        .env("CLERK_JWT_KEY", &KeyPair::first().pem())
        .document(move |document| document["plan_gate"]["issuer"] = issuer.into())
}

#[tokio::test]
async fn the_dynamic_module_counts_over_all_workers_and_listener_updates() {
    let gateway = Gateway::start(|shipped| shipped).await;
    let envoy = native(&gateway).reloadable().start().await;
    let token = gateway.token("user_native", "free");
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let ask = |url: String| client.get(url).bearer_auth(&token).header("origin", APPLICATION).send();
    for remaining in (0..5).rev() {
        let response = ask(envoy.url("/ask")).await.expect("a response");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-ratelimit-remaining"], remaining.to_string());
        if remaining == 2 {
            let updates = |stats: &Stats| stats.value("listener_manager.lds.update_success");
            let before = updates(&envoy.stats().await);
            envoy.reload(|listener| listener["per_connection_buffer_limit_bytes"] = 32_768.into());
            envoy.stats_until("the listener is updated", |stats| updates(stats) > before).await;
        }
    }
    let refused = ask(envoy.url("/ask")).await.expect("a response");
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let without_token = client.get(envoy.url("/ask")).send().await.expect("a response");
    assert_eq!(without_token.status(), 401);
    let stats = envoy.stats().await;
    assert_eq!(stats.plugin("tollgate.gate.rule.ask.allowed"), 5);
    assert_eq!(stats.plugin("tollgate.panics"), 0);
}

#[tokio::test]
async fn an_unknown_filter_and_an_invalid_document_are_rejected() {
    let gateway = Gateway::start(|shipped| shipped).await;
    let rename = |config: &mut Value| {
        let filters = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
            ["http_filters"];
        let filters = filters.as_sequence_mut().expect("a list");
        let gate = filters.iter_mut().find(|filter| filter["name"] == "plan_gate").expect("the gate");
        gate["typed_config"]["filter_name"] = "plan_gates".into();
    };
    let log = native(&gateway).edit(rename).start_rejected().await;
    assert!(log.contains(r#"no filter "plan_gates" in this build"#), "{log}");
    let wrong = |document: &mut Value| document["plan_gate"]["rules"][0]["limit"] = "ask".into();
    let log = native(&gateway).document(wrong).start_rejected().await;
    assert!(log.contains("no plan defines a limit"), "{log}");
}

#[tokio::test]
async fn held_requests_continue_when_keys_and_records_arrive() {
    const USERS: usize = 12;
    let gateway = Gateway::start(|shipped| shipped).await;
    let envoy = with_rules(native(&gateway))
        .without_env("CLERK_JWT_KEY")
        .upstream_at("clerk_api", gateway.clerk.addr())
        .secret("clerk_secret_key", gateway.clerk.secret_key())
        .document(|document| {
            let clerk = json!({"cluster": "clerk_api", "authority": "clerk.example.com", "timeout_ms": 8000});
            document["stripe_webhook"]["livemode"] = false.into();
            document["plan_gate"]["keys"] = yaml(json!({"jwks": clerk}));
            document["plan_gate"]["confirm"] = yaml(json!({"cluster": "clerk_api", "timeout_ms": 8000}));
        })
        .start()
        .await;
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let mut requests = JoinSet::new();
    for number in 0..USERS {
        let user = format!("user_native{number}");
        gateway.clerk.put_user(User::new(&user).public_metadata(json!({"plan": "pro"})));
        // The token is older than the plan, so the gate reads Clerk's record.
        let token = gateway.token(&user, "free");
        let request = client.get(envoy.url("/reports")).bearer_auth(&token);
        requests.spawn(async move { request.send().await.expect("a response").status().as_u16() });
    }
    assert_eq!(requests.join_all().await, vec![200; USERS]);
    assert!(gateway.clerk.log().count(&on("GET", "/.well-known/jwks.json")) <= 2, "once a worker");
}

#[tokio::test]
async fn a_panic_ends_a_request_and_not_the_gateway() {
    let gateway = Gateway::start(|shipped| shipped).await;
    let module = Modules::native_that_panics().display().to_string();
    let set_module = |config: &mut Value| {
        let filters = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
            ["http_filters"];
        let filters = filters.as_sequence_mut().expect("a list");
        let gate = filters.iter_mut().find(|filter| filter["name"] == "plan_gate").expect("the gate");
        gate["typed_config"]["dynamic_module_config"]["module"]["local"]["filename"] = module.into();
    };
    let envoy = native(&gateway).edit(set_module).start().await;
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let token = gateway.token("user_panic", "free");
    let ask = || client.get(envoy.url("/ask")).bearer_auth(&token);
    for round in 0..4 {
        let refused = ask().header("x-test-panic", "yes").send().await.expect("a response");
        assert_eq!(refused.status(), 500, "round {round}");
        assert!(refused.text().await.expect("text").contains("internal_error"), "round {round}");
        assert_eq!(ask().send().await.expect("a response").status(), 200, "round {round}");
    }
    assert_eq!(envoy.stats().await.plugin("tollgate.panics"), 4);
    assert_eq!(gateway.backend.received().await.len(), 4, "no request with a panic was forwarded");
    assert!(envoy.log().contains(r#""alarm":"internal_error""#));
}

/// Returns a configuration without the gate and without the names of its metrics.
fn others(file: &str) -> Value {
    let config: Value = serde_norway::from_str(&workspace::text(file)).expect("YAML");
    let mut text =
        serde_norway::to_string(&config).expect("YAML").replace("dynamicmodulescustom", "wasmcustom");
    let gate = text.find("- name: plan_gate").expect("the gate");
    let router = text.find("- name: envoy.filters.http.router").expect("the router");
    text.replace_range(gate..router, "");
    serde_norway::from_str(&text).expect("YAML")
}

#[test]
fn the_shipped_configurations_differ_only_in_the_gate() {
    assert_eq!(others("envoy/standalone-native.yaml"), others("envoy/standalone.yaml"));
    let document = |mut shipped: Standalone| shipped.document_of("plan_gate");
    assert_eq!(document(Standalone::native()), document(Standalone::load()));
}
