//! The gate as a dynamic module: that it serves, and that its shipped configuration is the other one. With the
//! environment variable `TOLLGATE_NATIVE` all of this suite runs against it.

use serde_norway::Value;
use tollgate_tests::clerk::keys::KeyPair;
use tollgate_tests::envoy::{Standalone, Stats};
use tollgate_tests::gateway::{APPLICATION, Gateway};
use tollgate_tests::modules::Modules;
use tollgate_tests::workspace;

/// The shipped configuration with the dynamic module, in front of the upstream of a gateway and with the key of its Clerk.
fn native(gateway: &Gateway) -> Standalone {
    let issuer = gateway.clerk.issuer().to_owned();
    Standalone::native()
        .modules(Modules::build())
        .upstream_at("upstream", gateway.backend.address())
        .env("CLERK_JWT_KEY", &KeyPair::first().pem())
        .document(move |document| document["plan_gate"]["issuer"] = issuer.into())
}

#[tokio::test]
async fn the_dynamic_module_counts_and_refuses_over_all_workers_and_updates() {
    let gateway = Gateway::start(|shipped| shipped).await;
    let envoy = native(&gateway).reloadable().start().await;
    let token = gateway.token("user_native", "free");
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let ask = |url: String| client.get(url).bearer_auth(&token).header("origin", APPLICATION).send();
    for remaining in (0..5).rev() {
        let answer = ask(envoy.url("/ask")).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-ratelimit-remaining"], remaining.to_string());
        if remaining == 2 {
            let updates = |stats: &Stats| stats.value("listener_manager.lds.update_success");
            let before = updates(&envoy.stats().await);
            envoy.reload(|listener| listener["per_connection_buffer_limit_bytes"] = 32_768.into());
            envoy.stats_until("the listener is updated", |stats| updates(stats) > before).await;
        }
    }
    let refused = ask(envoy.url("/ask")).await.expect("an answer");
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let without_token = client.get(envoy.url("/ask")).send().await.expect("an answer");
    assert_eq!(without_token.status(), 401);
    let stats = envoy.stats().await;
    assert_eq!(stats.plugin("tollgate.gate.rule.ask.allowed"), 5);
    assert_eq!(stats.plugin("tollgate.panics"), 0);
}

#[tokio::test]
async fn an_unknown_filter_and_a_wrong_document_are_refused() {
    let gateway = Gateway::start(|shipped| shipped).await;
    let rename = |config: &mut Value| {
        let filters = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
            ["http_filters"];
        let filters = filters.as_sequence_mut().expect("a list");
        let gate = filters.iter_mut().find(|filter| filter["name"] == "plan_gate").expect("the gate");
        gate["typed_config"]["filter_name"] = "plan_gates".into();
    };
    let log = native(&gateway).edit(rename).start_refused().await;
    assert!(log.contains(r#"no filter "plan_gates" in this build"#), "{log}");
    let wrong = |document: &mut Value| document["plan_gate"]["rules"][0]["limit"] = "ask".into();
    let log = native(&gateway).document(wrong).start_refused().await;
    assert!(log.contains("no plan defines a limit"), "{log}");
}

/// What is outside of the gate and of the names of its metrics.
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
fn the_shipped_configurations_differ_in_the_gate_only() {
    assert_eq!(others("envoy/standalone-native.yaml"), others("envoy/standalone.yaml"));
    let document = |mut shipped: Standalone| shipped.document_of("plan_gate");
    assert_eq!(document(Standalone::native()), document(Standalone::load()));
}
