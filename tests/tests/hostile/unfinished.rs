//! Requests that never end: Envoy's memory before, during and after them.

use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tollgate_tests::fakes::stripe::model::{Customer, Price};
use tollgate_tests::hostile::MEMORY_MAX;
use tollgate_tests::hostile::unfinished::{STREAMS_MAX, body, streams, wrong_signature};
use tollgate_tests::install::workspace::progress;
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH};
use tollgate_tests::processes::process::resident_bytes;
use tollgate_tests::waiting::until;

/// The total number of streams.
const STREAMS: u32 = 2_000;
/// The number of bodies.
const BODIES: usize = 800;
/// The announced size of each body.
const BODY_BYTES: usize = 512 << 10;
/// The maximum memory of Envoy after an attack, in bytes. When idle, it uses 20 MB.
const USED_MAX: u64 = 40_000_000;
/// The time that Envoy gets to receive everything.
const SETTLED: Duration = Duration::from_secs(2);

#[tokio::test]
async fn the_memory_of_unfinished_requests_is_bounded_and_released() {
    let gateway = Gateway::start(|shipped| shipped.with_direct_responses()).await;
    let address = gateway.envoy.address();
    let memory = || resident_bytes(gateway.envoy.process_id());
    let connections = STREAMS.div_ceil(STREAMS_MAX);
    let wrong = wrong_signature();
    for (what, path, signature) in [
        ("streams to the webhook, with a wrong signature", WEBHOOK_PATH, Some(wrong.as_str())),
        ("streams to the webhook, without a signature", WEBHOOK_PATH, None),
        ("streams to a guarded path, without a token", "/ask", None),
    ] {
        let before = memory();
        let mut held: Vec<Option<TcpStream>> = Vec::new();
        for _ in 0..connections {
            held.push(streams(address, path, signature).await);
        }
        require_bounded(&gateway, what, before, held).await;
    }
    for (what, signature) in
        [("bodies with a wrong signature", Some(wrong.as_str())), ("bodies without a signature", None)]
    {
        let before = memory();
        let mut held: Vec<Option<TcpStream>> = Vec::new();
        for _ in 0..BODIES / 40 {
            let mut some = JoinSet::new();
            for _ in 0..40 {
                let signature = signature.map(str::to_owned);
                some.spawn(async move { body(address, BODY_BYTES, signature.as_deref()).await });
            }
            held.extend(some.join_all().await);
        }
        require_bounded(&gateway, what, before, held).await;
    }
    // Permitted requests are still served.
    gateway.stripe.put(Price::new("price_123"));
    gateway.stripe.put(Customer::new("cus_1"));
    let response = gateway.deliver(&gateway.stripe.event("customer.updated", "cus_1")).await;
    assert_eq!(response.status(), 200);
    gateway.require_no_crash().await;
}

async fn require_bounded(gateway: &Gateway, what: &str, before: u64, held: Vec<Option<TcpStream>>) {
    let memory = || resident_bytes(gateway.envoy.process_id());
    tokio::time::sleep(SETTLED).await;
    let during = memory();
    drop(held);
    let released = || async { Some(allocated(gateway).await).filter(|used| *used < USED_MAX) };
    let used = until(format!("release of the memory of {what}"), released).await;
    let after = memory();
    let mb = |bytes: u64| bytes / 1_000_000;
    let measured = format!(
        "{what}: {} MB before, {} MB during, {} MB after, of which Envoy uses {} MB",
        mb(before),
        mb(during),
        mb(after),
        mb(used)
    );
    progress(&measured);
    assert!(during.max(after) < MEMORY_MAX, "{measured}");
}

/// Returns what Envoy itself uses, without what its allocator keeps for later.
async fn allocated(gateway: &Gateway) -> u64 {
    let response = reqwest::get(gateway.envoy.admin_url("/memory")).await.expect("a response");
    let memory: Value = serde_json::from_str(&response.text().await.expect("text")).expect("JSON");
    memory["allocated"].as_str().and_then(|bytes| bytes.parse().ok()).expect("a number")
}
