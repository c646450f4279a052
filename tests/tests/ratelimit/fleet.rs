//! Two Envoys that count in one rate limit service.

use serde_json::json;
use serde_norway::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tollgate_tests::client::unpooled;
use tollgate_tests::processes::envoy::{Envoy, Standalone, yaml};
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::processes::ratelimit::{Ratelimit, counting_at};

/// The timeout of calls to the service. It is long, because test machines are busy and `on_error` would apply
/// after the timeout. Another test covers that.
pub const STORE_TIMEOUT_MS: u64 = 5_000;

/// Two Envoys in front of one upstream, and the service and Redis in which both count.
pub struct Fleet {
    pub gateway: Gateway,
    pub replica: Envoy,
    pub ratelimit: Ratelimit,
    client: reqwest::Client,
    requests_sent: AtomicUsize,
}

/// The parts of a response that the tests read.
#[derive(Debug)]
pub struct GateResponse {
    pub status: u16,
    pub code: Option<String>,
    /// The header field `ratelimit`.
    pub ratelimit: Option<String>,
}

impl Fleet {
    pub async fn start() -> Fleet {
        Self::with(|_| {}).await
    }

    /// Starts two gateways that share one rate limit service. `edit` changes the section
    /// `plan_gate.store.ratelimit`.
    pub async fn with(edit: fn(&mut Value)) -> Fleet {
        let ratelimit = Ratelimit::start().await;
        let address = ratelimit.address();
        let edit = |store: &mut Value| {
            store["timeout_ms"] = STORE_TIMEOUT_MS.into();
            edit(store);
        };
        let gateway = Gateway::start(|standalone| with_plans_and_store(address, standalone, edit)).await;
        let replica = gateway.replica(|standalone| with_plans_and_store(address, standalone, edit)).await;
        Fleet { gateway, replica, ratelimit, client: client(), requests_sent: AtomicUsize::new(0) }
    }

    /// Sends a request to one of the two Envoys in turn.
    pub async fn get(&self, path: &str, token: &str) -> GateResponse {
        let envoys = [&self.gateway.envoy, &self.replica];
        let sent = self.requests_sent.fetch_add(1, Ordering::Relaxed);
        get(&self.client, &envoys[sent % envoys.len()].url(path), token).await
    }

    /// Sends `requests` requests, one after the other. Returns the number of those that were served.
    pub async fn count_served(&self, requests: usize, path: &str, token: &str) -> usize {
        let mut served = 0;
        for _ in 0..requests {
            served += usize::from(self.get(path, token).await.status == 200);
        }
        served
    }

    /// Fails the test if a VM of either Envoy has crashed.
    pub async fn require_no_crash(&self) {
        self.gateway.require_no_crash().await;
        assert_eq!(self.replica.stats().await.vm_reloads("plan_gate"), 0, "VMs of the replica have crashed");
    }

    /// Returns the number of calls that both Envoys have made to the service.
    pub async fn calls(&self) -> u64 {
        let mut calls = 0;
        for envoy in [&self.gateway.envoy, &self.replica] {
            calls += envoy.stats().await.value("cluster.ratelimit.upstream_rq_total");
        }
        calls
    }
}

/// Returns a client that opens a connection for each request, so that both workers get requests.
pub fn client() -> reqwest::Client {
    unpooled().build().unwrap_or_else(|e| panic!("cannot make an HTTP client: {e}"))
}

/// Sends a request.
pub async fn get(client: &reqwest::Client, url: &str, token: &str) -> GateResponse {
    let response = client.get(url).bearer_auth(token).send().await.expect("a response");
    let ratelimit =
        response.headers().get("ratelimit").map(|value| value.to_str().expect("ASCII").to_owned());
    let status = response.status().as_u16();
    let body: Option<serde_json::Value> = response.json().await.ok();
    let code = body.and_then(|body| body["code"].as_str().map(str::to_owned));
    GateResponse { status, code, ratelimit }
}

/// Returns the shipped configuration with the plans of these tests and the rate limit service at `address` as
/// the store. Envoy itself responds, so that no upstream slows the requests.
pub fn with_plans_and_store(
    address: SocketAddr,
    standalone: Standalone,
    edit: impl FnOnce(&mut Value),
) -> Standalone {
    let standalone = standalone.document(|document| {
        document["plans"] = yaml(json!([
            {"name": "free", "limits": {
                "asks": [{"max": 5, "per": "day"}],
                "bursts": [{"max": 10, "per": "minute"}, {"max": 100, "per": "month"}],
            }},
            {"name": "pro", "prices": ["price_123"], "limits": {
                "asks": [{"max": 20, "per": "day"}],
                "bursts": [{"max": 500, "per": "month"}],
            }},
            {"name": "enterprise", "limits": {"asks": [{"max": 1_000_000, "per": "week"}], "bursts": "unlimited"}},
        ]));
        document["plan_gate"]["rules"] = yaml(json!([
            {"name": "ask", "path": "/ask", "limit": "asks"},
            {"name": "pair", "path": "/pair", "limit": "asks", "cost": 2},
            {"name": "burst", "path": "/burst", "limit": "bursts"},
            {"name": "open", "path": "/open", "limit": "asks", "anonymous": "free"},
        ]));
        document["plan_gate"]["usage_path"] = "/usage".into();
    });
    counting_at(address, standalone.with_direct_responses(), edit)
}
