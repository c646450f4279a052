//! The dynamic module with all filters, and its shipped configuration. With the environment variable
//! `TOLLGATE_NATIVE`, the suites of the filters run against it too.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value as Json, json};
use serde_norway::Value;
use std::sync::Arc;
use tokio::task::JoinSet;
use tollgate_tests::fakes::clerk::{FakeClerk, User};
use tollgate_tests::fakes::faults::on;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::FakeStripe;
use tollgate_tests::fakes::stripe::events::Event;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::install::modules::Modules;
use tollgate_tests::install::workspace;
use tollgate_tests::processes::envoy::{FILTERS, Standalone, Stats, yaml};
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};

/// Starts a gateway with the dynamic module.
async fn native(edit: impl FnOnce(Standalone) -> Standalone) -> Gateway {
    Gateway::start_build(Standalone::native(), edit).await
}

/// Returns the settings of one of our filters.
fn filter<'a>(config: &'a mut Value, name: &str) -> &'a mut Value {
    let filters = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        ["http_filters"];
    let filters = filters.as_sequence_mut().expect("a list");
    let filter = filters.iter_mut().find(|filter| filter["name"] == name).expect("the filter");
    &mut filter["typed_config"]
}

async fn status_of(request: RequestBuilder) -> u16 {
    request.send().await.expect("a response").status().as_u16()
}

#[tokio::test]
async fn the_module_counts_over_all_workers_and_listener_updates() {
    let gateway = native(Standalone::reloadable).await;
    let token = gateway.token("user_native", "free");
    for remaining in (0..5).rev() {
        let response = gateway.get("/ask").bearer_auth(&token).send().await.expect("a response");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-ratelimit-remaining"], remaining.to_string());
        if remaining == 2 {
            let updates = |stats: &Stats| stats.value("listener_manager.lds.update_success");
            let before = updates(&gateway.envoy.stats().await);
            gateway.envoy.reload(|listener| listener["per_connection_buffer_limit_bytes"] = 32_768.into());
            gateway.envoy.stats_until("the listener is updated", |stats| updates(stats) > before).await;
        }
    }
    let refused = gateway.get("/ask").bearer_auth(&token).send().await.expect("a response");
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(status_of(gateway.get("/ask")).await, 401);
    let stats = gateway.envoy.stats().await;
    assert_eq!(stats.plugin("tollgate.gate.rule.ask.allowed"), 5);
    assert_eq!(stats.plugin("tollgate.panics"), 0);
}

#[tokio::test]
async fn an_unknown_filter_and_an_invalid_document_are_rejected() {
    let shipped = || Standalone::native().modules(Modules::build());
    let rename = |config: &mut Value| filter(config, "plan_gate")["filter_name"] = "plan_gates".into();
    let log = shipped().edit(rename).start_rejected().await;
    assert!(log.contains(r#"no filter "plan_gates" in this build; it has stripe_webhook"#), "{log}");
    let wrong = |document: &mut Value| document["plan_gate"]["rules"][0]["limit"] = "ask".into();
    let log = shipped().document(wrong).start_rejected().await;
    assert!(log.contains("no plan defines a limit"), "{log}");
    let log = shipped().without_env("STRIPE_WEBHOOK_SECRET").start_rejected().await;
    assert!(log.contains("the environment variable STRIPE_WEBHOOK_SECRET is not set"), "{log}");
}

#[tokio::test]
async fn only_listed_api_keys_are_read_from_the_environment() {
    let stripe_key = FakeStripe::start().await.key().to_owned();
    let clerk_key = FakeClerk::start().await.secret_key().to_owned();
    let without_injector = |config: &mut Value| {
        for cluster in config["static_resources"]["clusters"].as_sequence_mut().expect("a list") {
            cluster.as_mapping_mut().map(|cluster| cluster.remove("typed_extension_protocol_options"));
        }
    };
    let start = async |listed: &[&str]| {
        let edit = |standalone: Standalone| {
            let standalone =
                standalone.env("STRIPE_API_KEY", &stripe_key).env("CLERK_SECRET_KEY", &clerk_key);
            let standalone = standalone.document(|document| {
                document["stripe_webhook"]["livemode"] = false.into();
                document["environment"] = yaml(json!(listed));
            });
            standalone.edit(without_injector)
        };
        native(edit).await
    };
    for (listed, status) in [(&["STRIPE_API_KEY", "CLERK_SECRET_KEY"][..], 200), (&[], 500)] {
        let gateway = start(listed).await;
        let event = payer(&gateway, "user_keys");
        assert_eq!(gateway.deliver(&event).await.status(), status, "{listed:?}");
    }
}

/// Makes the gate and the billing endpoints get their keys from Clerk, and the gate confirm refusals, so that
/// requests of both wait for callouts of their filter.
fn with_inquiries(standalone: Standalone) -> Standalone {
    standalone.without_env("CLERK_JWT_KEY").document(|document| {
        let clerk = json!({"cluster": "clerk_api", "authority": "clerk.example.com", "timeout_ms": 8000});
        document["stripe_webhook"]["livemode"] = false.into();
        let gate = &mut document["plan_gate"];
        gate["keys"] = yaml(json!({"jwks": clerk}));
        gate["confirm"] = yaml(json!({"cluster": "clerk_api", "timeout_ms": 8000}));
        gate["rules"] =
            yaml(json!([{"name": "reports", "path_prefix": "/reports", "require": {"plan": "pro"}}]));
    })
}

/// Puts a user who pays for `pro` into the fakes, and returns an event about the subscription.
fn payer(gateway: &Gateway, user: &str) -> Event {
    let (customer, subscription) = (format!("cus_{user}"), format!("sub_{user}"));
    gateway.clerk.put_user(User::new(user));
    gateway.stripe.put(Price::new("price_123"));
    gateway.stripe.put(Customer::new(&customer));
    let mut paid = Subscription::new(&subscription, &customer).item("price_123");
    paid.metadata.insert("clerk_user_id".to_owned(), user.to_owned());
    gateway.stripe.put(paid);
    gateway.stripe.event("customer.subscription.created", &subscription)
}

#[tokio::test]
async fn filters_in_one_thread_do_not_mix_their_requests() {
    const USERS: usize = 12;
    let gateway = Arc::new(native(with_inquiries).await);
    let mut requests = JoinSet::new();
    for number in 0..USERS {
        let (buyer, reader) = (format!("user_buyer{number}"), format!("user_reader{number}"));
        let event = payer(&gateway, &buyer);
        gateway.clerk.put_user(User::new(&reader).public_metadata(json!({"plan": "pro"})));
        // The token is older than the plan, so the gate reads Clerk's record.
        let token = gateway.token(&reader, "free");
        let webhook = gateway.clone();
        requests.spawn(async move {
            let response = webhook.deliver(&event).await;
            (
                response.status().as_u16(),
                response.json::<Json>().await.expect("JSON")["subject"].clone(),
                buyer,
            )
        });
        let guarded = gateway.get("/reports").bearer_auth(&token);
        let status = gateway.request(Method::GET, "/billing/subscription").bearer_auth(&token);
        requests.spawn(async move {
            let (guarded, billing) = tokio::join!(guarded.send(), status.send());
            assert_eq!(guarded.expect("a response").status(), 200);
            let billing = billing.expect("a response");
            let status = billing.status().as_u16();
            let body: Json = billing.json().await.expect("JSON");
            assert_eq!(body["plan"], "pro", "{body}");
            (status, reader.clone().into(), reader)
        });
    }
    for (status, subject, user) in requests.join_all().await {
        assert_eq!((status, subject), (200, user.into()));
    }
    assert!(gateway.clerk.log().count(&on("GET", "/.well-known/jwks.json")) <= 4, "twice a worker");
    assert_eq!(gateway.envoy.stats().await.plugin("tollgate.panics"), 0);
}

#[tokio::test]
async fn a_panic_ends_a_request_and_not_the_gateway() {
    let module = Modules::native_that_panics().display().to_string();
    let set_module = |config: &mut Value| {
        for name in FILTERS {
            filter(config, name)["dynamic_module_config"]["module"]["local"]["filename"] =
                module.clone().into();
        }
    };
    let gateway = native(|shipped| {
        let shipped = shipped.document(|document| document["stripe_webhook"]["livemode"] = false.into());
        shipped.edit(set_module)
    })
    .await;
    gateway.clerk.put_user(User::new("user_panic"));
    let token = gateway.token("user_panic", "free");
    let ask = || gateway.get("/ask").bearer_auth(&token);
    let event = payer(&gateway, "user_paid");
    let webhook = || {
        let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
        gateway.request(Method::POST, WEBHOOK_PATH).header("stripe-signature", signature).body(body)
    };
    let billing = || gateway.request(Method::POST, "/billing/portal").bearer_auth(&token).json(&json!({}));
    for round in 0..4 {
        let headers = ask().header("x-test-panic", "headers");
        for request in [headers, webhook().header("x-test-panic", "body")] {
            let refused = request.send().await.expect("a response");
            assert_eq!(refused.status(), 500, "round {round}");
            assert!(refused.text().await.expect("text").contains("internal_error"), "round {round}");
        }
        assert_eq!(status_of(ask()).await, 200, "round {round}");
        assert_eq!(status_of(webhook()).await, 200, "round {round}");
    }
    assert_eq!(gateway.envoy.stats().await.plugin("tollgate.panics"), 8);
    assert_eq!(gateway.backend.received().await.len(), 4, "no request with a panic was forwarded");
    // The webhook's filter has forwarded this one, and its panic does not hold it.
    assert_eq!(status_of(billing().header("x-test-panic", "body")).await, 500);
    let portal = billing().send().await.expect("a response");
    assert_eq!(portal.status(), 404, "{}", portal.text().await.expect("text"));
    assert!(gateway.envoy.log().contains(r#""alarm":"internal_error""#));
    gateway.allow_crashes();
}

/// Returns a configuration without Tollgate's filters, without the names of their metrics, and without the
/// metrics of VMs.
fn others(file: &str) -> Value {
    let mut config: Value = serde_norway::from_str(&workspace::text(file)).expect("YAML");
    config.as_mapping_mut().map(|config| config.remove("layered_runtime"));
    let tags = config["stats_config"]["stats_tags"].as_sequence_mut().expect("a list");
    tags.retain(|tag| tag["tag_name"] != "plugin");
    let mut text =
        serde_norway::to_string(&config).expect("YAML").replace("dynamicmodulescustom", "wasmcustom");
    let ours = text.find("- name: stripe_webhook").expect("our first filter");
    let router = text.find("- name: envoy.filters.http.router").expect("the router");
    text.replace_range(ours..router, "");
    serde_norway::from_str(&text).expect("YAML")
}

#[test]
fn the_shipped_configurations_differ_only_in_the_filters() {
    assert_eq!(others("envoy/standalone-native.yaml"), others("envoy/standalone.yaml"));
    let documents = |mut shipped: Standalone| FILTERS.map(|filter| shipped.document_of(filter));
    assert_eq!(documents(Standalone::native()), documents(Standalone::wasm()));
}
