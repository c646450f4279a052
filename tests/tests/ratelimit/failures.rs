//! The service or its Redis stops under load: requests are allowed or refused as configured, and counting
//! resumes afterwards.

use crate::fleet::{Fleet, GateResponse, client, get};
use serde_norway::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::ratelimit::Ratelimit;

const CLIENTS: usize = 8;
/// Number of responses in a row that each state must give.
const IN_A_ROW: usize = 100;

/// Timeout for the rate limit service. Long enough for a working service on a busy machine; a service without
/// Redis does not respond in time.
const TIMEOUT_MS: u64 = 1_000;
/// Maximum duration of the load, in seconds: longer than the lifetime of a Clerk token.
const LOAD_S: i64 = 3_600;

fn deny(store: &mut Value) {
    store["on_error"] = "deny".into();
    store["timeout_ms"] = TIMEOUT_MS.into();
}

fn allow(store: &mut Value) {
    store["timeout_ms"] = TIMEOUT_MS.into();
}

/// Clients that send requests to both Envoys until this is dropped.
struct Load {
    replies: UnboundedReceiver<GateResponse>,
    _clients: JoinSet<()>,
}

impl Load {
    fn start(fleet: &Fleet) -> Load {
        let (sender, replies) = unbounded_channel();
        let token = fleet.gateway.session("user_loyal").plan("enterprise");
        let token = token.claim("exp", (unix_now() + LOAD_S).into()).sign();
        let urls = [&fleet.gateway.envoy, &fleet.replica].map(|envoy| envoy.url("/ask"));
        let clients = (0..CLIENTS).map(|number| {
            let (sender, token, url) = (sender.clone(), token.clone(), urls[number % 2].clone());
            async move {
                let client = client();
                while sender.send(get(&client, &url, &token).await).is_ok() {}
            }
        });
        Load { replies, _clients: clients.collect() }
    }

    async fn next(&mut self) -> GateResponse {
        self.replies.recv().await.expect("the clients run")
    }

    /// Waits until [`IN_A_ROW`] replies in a row fulfil `now`. Until then, replies may also fulfil `before`.
    async fn until_all(&mut self, now: fn(&GateResponse) -> bool, before: fn(&GateResponse) -> bool) {
        let mut in_a_row = 0;
        while in_a_row < IN_A_ROW {
            let reply = self.next().await;
            assert!(now(&reply) || before(&reply), "{reply:?}");
            in_a_row = if now(&reply) { in_a_row + 1 } else { 0 };
        }
    }
}

fn counted(reply: &GateResponse) -> bool {
    reply.status == 200 && reply.ratelimit.is_some()
}

fn uncounted(reply: &GateResponse) -> bool {
    reply.status == 200 && reply.ratelimit.is_none()
}

fn unavailable(reply: &GateResponse) -> bool {
    reply.status == 503 && reply.code.as_deref() == Some("store_unavailable")
}

/// Breaks the counter store under load, checks the replies, repairs it, and checks that counting resumes.
async fn survives(
    edit: fn(&mut Value),
    without: fn(&GateResponse) -> bool,
    breaks: impl AsyncFnOnce(&mut Ratelimit),
    repairs: impl AsyncFnOnce(&mut Ratelimit),
) {
    let mut fleet = Fleet::with(edit).await;
    let mut load = Load::start(&fleet);
    // The first calls open connections, which may take longer than the timeout.
    load.until_all(counted, without).await;
    breaks(&mut fleet.ratelimit).await;
    load.until_all(without, counted).await;
    repairs(&mut fleet.ratelimit).await;
    load.until_all(counted, without).await;
    drop(load);
    fleet.require_no_crash().await;
    for envoy in [&fleet.gateway.envoy, &fleet.replica] {
        let log = envoy.log();
        let alarms = log.lines().filter(|line| line.contains(r#""alarm":"store_unavailable""#)).count();
        assert!((1..=4).contains(&alarms), "each of two workers logs one alarm a minute: {alarms}");
        assert!(envoy.stats().await.plugin("tollgate.gate.counters.store_failed") > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn allow_serves_while_the_service_is_down_and_counts_when_it_is_back() {
    survives(allow, uncounted, async |ratelimit| ratelimit.kill(), Ratelimit::resume).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deny_refuses_while_the_service_is_down_and_serves_when_it_is_back() {
    survives(deny, unavailable, async |ratelimit| ratelimit.kill(), Ratelimit::resume).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_outage_has_the_same_effect() {
    let breaks = async |ratelimit: &mut Ratelimit| ratelimit.redis.kill();
    let repairs = async |ratelimit: &mut Ratelimit| ratelimit.redis.resume().await;
    survives(deny, unavailable, breaks, repairs).await;
}
