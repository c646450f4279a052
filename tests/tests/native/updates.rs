//! Many requests on two workers while the listener is updated again and again, with both builds: nothing
//! crashes, no count is lost or doubled, and the memory stays flat. It takes minutes, so it only runs if named.

use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tollgate_tests::processes::envoy::{Standalone, Stats, yaml};
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::processes::process::resident_bytes;

const REQUESTS: u64 = 200_000;
const CLIENTS: usize = 16;
/// The limit of the plan, which is not reached.
const LIMIT: u64 = 1_000_000;
/// The requests with one token, which is valid for a minute.
const REQUESTS_PER_TOKEN: u32 = 500;
const UPDATE_EVERY: Duration = Duration::from_secs(2);
/// A replaced listener closes its connections within this time.
const DRAIN_S: u32 = 1;
/// The maximum growth of the resident memory from the first half of the test to the second.
const GROWTH_MAX: f64 = 1.1;

/// The requests of all clients.
#[derive(Default)]
struct Progress {
    permitted: AtomicU64,
    /// Requests whose connection ended before the response. They may have been counted or not.
    unknown: AtomicU64,
}

impl Progress {
    fn sent(&self) -> u64 {
        self.permitted.load(Ordering::Relaxed) + self.unknown.load(Ordering::Relaxed)
    }
}

/// Reads the header of a response without a body, or returns `None` if the connection ends before.
async fn read_header(connection: &mut TcpStream) -> Option<String> {
    let mut header = Vec::new();
    let mut part = [0; 1024];
    while !header.ends_with(b"\r\n\r\n") {
        match connection.read(&mut part).await {
            Ok(read) if read > 0 => header.extend_from_slice(&part[..read]),
            Ok(_) | Err(_) => return None,
        }
    }
    Some(String::from_utf8_lossy(&header).to_ascii_lowercase())
}

/// Sends requests until all clients together have sent enough. A draining listener asks for another
/// connection with `connection: close`.
async fn send_requests(gateway: Arc<Gateway>, progress: Arc<Progress>) {
    let connect = async || TcpStream::connect(gateway.envoy.address()).await.expect("a connection");
    let mut connection = connect().await;
    loop {
        let token = gateway.token("user_updates", "free");
        let request = format!("GET /ask HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        for _ in 0..REQUESTS_PER_TOKEN {
            if progress.sent() >= REQUESTS {
                return;
            }
            let written = connection.write_all(request.as_bytes()).await.is_ok();
            let response = if written { read_header(&mut connection).await } else { None };
            if let Some(header) = &response {
                assert!(header.starts_with("http/1.1 200 "), "{header}");
                progress.permitted.fetch_add(1, Ordering::Relaxed);
            } else {
                progress.unknown.fetch_add(1, Ordering::Relaxed);
            }
            if response.is_none_or(|header| header.contains("connection: close")) {
                connection = connect().await;
            }
        }
    }
}

async fn requests_during_updates(shipped: Standalone) {
    let gateway = Gateway::start_build(shipped, |standalone| {
        let standalone = standalone.reloadable().draining_for(DRAIN_S).with_direct_responses();
        standalone.document(|document| {
            let windows = json!([{"max": LIMIT, "per": "month"}]);
            document["plans"][0]["limits"]["asks"] = yaml(windows);
        })
    })
    .await;
    let gateway = Arc::new(gateway);
    let progress = Arc::new(Progress::default());
    let client = || send_requests(Arc::clone(&gateway), Arc::clone(&progress));
    let clients: JoinSet<()> = std::iter::repeat_with(client).take(CLIENTS).collect();
    let updates = |stats: &Stats| stats.value("listener_manager.lds.update_success");
    let (mut first_half, mut second_half, mut count) = (0, 0, 0_u32);
    while progress.sent() < REQUESTS {
        tokio::time::sleep(UPDATE_EVERY).await;
        let before = updates(&gateway.envoy.stats().await);
        count += 1;
        gateway
            .envoy
            .reload(|listener| listener["per_connection_buffer_limit_bytes"] = (32_768 + count).into());
        gateway.envoy.stats_until("the listener is updated", |stats| updates(stats) > before).await;
        let half = if progress.sent() < REQUESTS / 2 { &mut first_half } else { &mut second_half };
        *half = resident_bytes(gateway.envoy.process_id()).max(*half);
    }
    clients.join_all().await;

    let (permitted, unknown) =
        (progress.permitted.load(Ordering::Relaxed), progress.unknown.load(Ordering::Relaxed));
    let allowed = |stats: &Stats| stats.plugin("tollgate.gate.rule.ask.allowed");
    let stats = gateway.envoy.stats_until("count of all", |stats| allowed(stats) >= permitted).await;
    eprintln!(
        "{permitted} permitted, {unknown} without a response, {count} updates, at most {} MB, then {} MB",
        first_half >> 20,
        second_half >> 20
    );
    assert!((permitted..=permitted + unknown).contains(&allowed(&stats)), "{} allowed", allowed(&stats));
    let token = gateway.token("user_updates", "free");
    let last = gateway.get("/ask").bearer_auth(&token).send().await.expect("a response");
    let remaining: u64 =
        last.headers()["x-ratelimit-remaining"].to_str().expect("text").parse().expect("a number");
    let counted = LIMIT - remaining - 1;
    assert!((permitted..=permitted + unknown).contains(&counted), "{counted} counted");
    assert!(count > 5, "{count} updates");
    assert!(second_half as f64 <= first_half as f64 * GROWTH_MAX, "the memory grew");
    gateway.require_no_crash().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn no_count_is_lost_while_the_listener_is_updated_with_wasm() {
    requests_during_updates(Standalone::wasm()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn no_count_is_lost_while_the_listener_is_updated_natively() {
    requests_during_updates(Standalone::native()).await;
}
