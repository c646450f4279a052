//! Two Envoys that count in one service, and what these tests ask of them.

use serde_json::json;
use serde_norway::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tollgate_tests::processes::envoy::{Envoy, Standalone};
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::processes::ratelimit::{Ratelimit, counting_at};

/// How long the service may take. Generous: machines that test are busy, and who is not counted in time goes
/// by `on_error`, which is another test's.
pub const PATIENCE_MS: u64 = 5_000;

/// Two Envoys before one upstream, and the service and Redis in which both count.
pub struct Fleet {
    pub gateway: Gateway,
    pub replica: Envoy,
    pub ratelimit: Ratelimit,
    client: reqwest::Client,
    turn: AtomicUsize,
}

/// What a client was told.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub code: Option<String>,
    /// The field `ratelimit`.
    pub left: Option<String>,
}

impl Fleet {
    pub async fn start() -> Fleet {
        Self::with(|_| {}).await
    }

    /// `edit` gets the section `plan_gate.store.ratelimit`.
    pub async fn with(edit: fn(&mut Value)) -> Fleet {
        let ratelimit = Ratelimit::start().await;
        let at = ratelimit.address();
        let edit = |store: &mut Value| {
            store["timeout_ms"] = PATIENCE_MS.into();
            edit(store);
        };
        let gateway = Gateway::start(|standalone| counting(at, standalone, edit)).await;
        let replica = gateway.replica(|standalone| counting(at, standalone, edit)).await;
        Fleet { gateway, replica, ratelimit, client: client(), turn: AtomicUsize::new(0) }
    }

    /// Sends a request to one of the two Envoys in turn.
    pub async fn get(&self, path: &str, token: &str) -> Told {
        let envoys = [&self.gateway.envoy, &self.replica];
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        get(&self.client, &envoys[turn % envoys.len()].url(path), token).await
    }

    /// How many of so many requests, one after the other, are served.
    pub async fn served(&self, requests: usize, path: &str, token: &str) -> usize {
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

    /// How many calls both Envoys have made to the service.
    pub async fn calls(&self) -> u64 {
        let mut calls = 0;
        for envoy in [&self.gateway.envoy, &self.replica] {
            calls += envoy.stats().await.value("cluster.ratelimit.upstream_rq_total");
        }
        calls
    }
}

/// A client with a connection of its own for each request, so that the workers take turns.
pub fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build();
    client.unwrap_or_else(|e| panic!("cannot make an HTTP client: {e}"))
}

/// Sends a request.
pub async fn get(client: &reqwest::Client, url: &str, token: &str) -> Told {
    let response = client.get(url).bearer_auth(token).send().await.expect("a response");
    let left = response.headers().get("ratelimit").map(|value| value.to_str().expect("ASCII").to_owned());
    let status = response.status().as_u16();
    let body: Option<serde_json::Value> = response.json().await.ok();
    let code = body.and_then(|body| body["code"].as_str().map(str::to_owned));
    Told { status, code, left }
}

/// The shipped configuration with the plans of these tests, counting in that service. Envoy itself answers,
/// so that the clients meet in the gate, and no upstream that is busy refuses them.
pub fn counting(at: SocketAddr, standalone: Standalone, edit: impl FnOnce(&mut Value)) -> Standalone {
    let yaml = |value| serde_norway::to_value(value).expect("JSON is YAML");
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
    counting_at(at, standalone.answering_itself(), edit)
}
