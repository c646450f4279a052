//! Defects of Envoy and of its calls to Stripe and Clerk, each on an Envoy with its own configuration.

use super::{once, twice};
use crate::recording::{AlertSeries, Recording};
use serde_norway::Value;
use std::time::Duration;
use tokio::task::JoinSet;
use tollgate_tests::client::wire::{exchange, request};
use tollgate_tests::fakes::clerk::User;
use tollgate_tests::fakes::faults::{Fault, HoldPoint, on};
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::model::{Customer, Price, Subscription};
use tollgate_tests::fakes::upstream::{Backend, Certificate};
use tollgate_tests::install::modules::Modules;
use tollgate_tests::processes::crash_switch::{FIELDS_MAX, installed};
use tollgate_tests::processes::envoy::{Envoy, Standalone};
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};
use tollgate_tests::processes::ports;
use tollgate_tests::waiting::until;

pub async fn recordings() -> Vec<Recording> {
    let gateway = Gateway::start(without_gate).await;
    gateway.clerk.put_user(User::new("user_1"));
    gateway.stripe.put(Price::new("price_123"));
    gateway.stripe.put(Customer::new("cus_1"));
    let subscription = Subscription::new("sub_1", "cus_1").item("price_123");
    gateway.stripe.put(subscription.metadata("clerk_user_id", "user_1"));
    vec![
        unreachable(&gateway).await,
        not_trusted(&gateway).await,
        key_file_not_read(&gateway).await,
        queue_full(&gateway).await,
        slow(&gateway).await,
        crashed().await,
    ]
}

/// Removes the gate, which these defects do not concern: Envoy starts in half the time.
fn without_gate(shipped: Standalone) -> Standalone {
    shipped.without_filter("plan_gate")
}

async fn deliver_to(gateway: &Gateway, envoy: &Envoy, times: usize) {
    for _ in 0..times {
        let event = gateway.stripe.event("customer.subscription.updated", "sub_1");
        gateway.deliver_to(envoy, &event, unix_now()).await.expect("a response");
    }
}

/// Starts deliveries that are in progress at the same time.
fn deliver_at_once(gateway: &Gateway, envoy: &Envoy, times: usize) -> JoinSet<()> {
    let mut deliveries = JoinSet::new();
    for _ in 0..times {
        let event = gateway.stripe.event("customer.subscription.updated", "sub_1");
        let (body, signature) = event.signed(&[WEBHOOK_SECRET], unix_now());
        let request =
            reqwest::Client::new().post(envoy.url(WEBHOOK_PATH)).header("stripe-signature", signature);
        deliveries.spawn(async move {
            request.body(body).send().await.expect("a response");
        });
    }
    deliveries
}

async fn unreachable(gateway: &Gateway) -> Recording {
    let envoy =
        gateway.replica(|shipped| without_gate(shipped).upstream_at("stripe_api", ports::CLOSED)).await;
    let scrapes = twice(&envoy, async || deliver_to(gateway, &envoy, 7).await).await;
    Recording::lasting(
        "Stripe refuses connections",
        scrapes,
        &["TollgateCalloutsUnreachable", "TollgateWebhookFailing"],
    )
}

async fn not_trusted(gateway: &Gateway) -> Recording {
    let certificate = Certificate::for_names(&["api.example.com"]);
    let impostor = Backend::start_with_tls(&certificate).await;
    let configured = |shipped: Standalone| {
        let authority = certificate.authority();
        without_gate(shipped).upstream_with_tls("stripe_api", impostor.tls_address(), &authority)
    };
    let envoy = gateway.replica(configured).await;
    let scrapes = once(&envoy, async || deliver_to(gateway, &envoy, 1).await).await;
    Recording::once("Stripe's certificate has another name", scrapes, &["TollgateCalloutsNotTrusted"])
}

async fn key_file_not_read(gateway: &Gateway) -> Recording {
    let envoy = &gateway.envoy;
    let mut mistakes = [("[", "update_failure"), ("null", "update_rejected")].into_iter();
    let scrapes = twice(envoy, async || {
        let (value, counter) = mistakes.next().expect("a mistake");
        let counter = format!("sds.clerk_secret_key.{counter}");
        envoy.rotate_secret("clerk_secret_key", value);
        envoy.stats_until(&counter, |stats| stats.value(&counter) > 0).await;
    })
    .await;
    Recording::lasting("a key file is mistyped", scrapes, &["TollgateKeyFileNotRead"])
}

async fn queue_full(gateway: &Gateway) -> Recording {
    let limits = "{thresholds: [{max_connections: 1, max_pending_requests: 1, max_requests: 1}]}";
    let limits: Value = serde_norway::from_str(limits).expect("YAML");
    let envoy = gateway
        .replica(|shipped| {
            without_gate(shipped).edit(|config| {
                let clusters = config["static_resources"]["clusters"].as_sequence_mut().expect("clusters");
                let stripe = clusters.iter_mut().find(|cluster| cluster["name"] == "stripe_api");
                stripe.expect("stripe_api")["circuit_breakers"] = limits;
            })
        })
        .await;
    let overflow = "cluster.stripe_api.upstream_rq_pending_overflow";
    let scrapes = once(&envoy, async || {
        let held = HoldPoint::new();
        gateway.stripe.faults().always(on("GET", "/v1/"), Fault::HoldRequest(held.clone()));
        let deliveries = deliver_at_once(gateway, &envoy, 32);
        envoy.stats_until(overflow, |stats| stats.value(overflow) >= 12).await;
        gateway.stripe.faults().clear();
        held.open();
        deliveries.join_all().await;
    })
    .await;
    Recording::once("more calls than the circuit breaker allows", scrapes, &["TollgateCalloutQueueFull"])
}

/// Records syncs of more than five seconds.
async fn slow(gateway: &Gateway) -> Recording {
    const SLOW: Duration = Duration::from_millis(5_200);
    const TIMES: usize = 3;
    const SYNCS: &str = "tollgate_webhook_sync_duration_ms_count";
    let envoy = gateway
        .replica(|shipped| {
            let envoy = without_gate(shipped).document(|document| {
                document["stripe_webhook"]["stripe"]["timeout_ms"] = 7_500.into();
            });
            // Envoy adds to histograms when it flushes its statistics.
            envoy.edit(|config| config["stats_flush_interval"] = "0.2s".into())
        })
        .await;
    let scrapes = twice(&envoy, async || {
        let before = AlertSeries::of(&envoy).await.sum(SYNCS);
        gateway.stripe.faults().next(TIMES, on("GET", "/v1/subscriptions"), Fault::Delay(SLOW));
        deliver_at_once(gateway, &envoy, TIMES).join_all().await;
        until("durations of all syncs", async || {
            (AlertSeries::of(&envoy).await.sum(SYNCS) >= before + TIMES as f64).then_some(())
        })
        .await;
    })
    .await;
    Recording::lasting("Stripe takes seconds", scrapes, &["TollgateSyncSlow"])
}

async fn crashed() -> Recording {
    let dir = tempfile::tempdir().expect("a directory");
    let mut modules = Modules::build().clone();
    modules.plan_gate = installed(&modules.plan_gate, dir.path());
    let gate_alone = |shipped: Standalone| {
        let others = ["billing", "clerk_webhook", "stripe_webhook"];
        others.into_iter().fold(shipped.modules(&modules), Standalone::without_section)
    };
    let gateway = Gateway::start_build(Standalone::wasm(), gate_alone).await;
    gateway.allow_crashes();
    let fields: String = (0..=FIELDS_MAX).map(|n| format!("x-{n}: 1\r\n")).collect();
    let crash = request("GET", "/ask", fields, b"");
    let envoy = &gateway.envoy;
    let scrapes = once(envoy, async || {
        let before = envoy.stats().await.vm_reloads("plan_gate");
        while envoy.stats().await.vm_reloads("plan_gate") == before {
            exchange(envoy.address(), &crash).await.expect("a response");
        }
    })
    .await;
    Recording::once("a VM crashes", scrapes, &["TollgateVmCrashed"])
}
