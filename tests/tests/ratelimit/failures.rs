//! The service or its Redis dies in mid-load: requests go on or are refused as configured, and counting comes
//! back.

use crate::fleet::{Fleet, Told, client, get};
use serde_norway::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::processes::ratelimit::Ratelimit;

const CLIENTS: usize = 8;
/// How many answers are looked at in each state.
const ANSWERS: usize = 100;

/// How long a service that has lost its Redis is waited for. Long enough for one that has not, on a busy
/// machine.
const TIMEOUT_MS: u64 = 1_000;
/// How long the clients go on at most, in seconds: longer than a token of Clerk's lives.
const LOAD_S: i64 = 3_600;

fn deny(store: &mut Value) {
    store["on_error"] = "deny".into();
    store["timeout_ms"] = TIMEOUT_MS.into();
}

fn allow(store: &mut Value) {
    store["timeout_ms"] = TIMEOUT_MS.into();
}

/// Clients that ask both Envoys without end, until this is dropped.
struct Load {
    told: UnboundedReceiver<Told>,
    _clients: JoinSet<()>,
}

impl Load {
    fn start(fleet: &Fleet) -> Load {
        let (tell, told) = unbounded_channel();
        let token = fleet.gateway.session("user_loyal").plan("enterprise");
        let token = token.claim("exp", (unix_now() + LOAD_S).into()).sign();
        let urls = [&fleet.gateway.envoy, &fleet.replica].map(|envoy| envoy.url("/ask"));
        let clients = (0..CLIENTS).map(|number| {
            let (tell, token, url) = (tell.clone(), token.clone(), urls[number % 2].clone());
            async move {
                let client = client();
                while tell.send(get(&client, &url, &token).await).is_ok() {}
            }
        });
        Load { told, _clients: clients.collect() }
    }

    async fn next(&mut self) -> Told {
        self.told.recv().await.expect("the clients go on")
    }

    /// Waits until that many answers in a row are as they must be now. Meanwhile they may still be as before.
    async fn until_all(&mut self, now: fn(&Told) -> bool, before: fn(&Told) -> bool) {
        let mut in_a_row = 0;
        while in_a_row < ANSWERS {
            let told = self.next().await;
            assert!(now(&told) || before(&told), "{told:?}");
            in_a_row = if now(&told) { in_a_row + 1 } else { 0 };
        }
    }
}

fn counted(told: &Told) -> bool {
    told.status == 200 && told.left.is_some()
}

fn uncounted(told: &Told) -> bool {
    told.status == 200 && told.left.is_none()
}

fn unavailable(told: &Told) -> bool {
    told.status == 503 && told.code.as_deref() == Some("store_unavailable")
}

/// Breaks in mid-load what is counted in, sees what clients are told, mends it, and sees them counted again.
async fn survives(
    edit: fn(&mut Value),
    without: fn(&Told) -> bool,
    breaks: impl AsyncFnOnce(&mut Ratelimit),
    mends: impl AsyncFnOnce(&mut Ratelimit),
) {
    let mut fleet = Fleet::with(edit).await;
    let mut load = Load::start(&fleet);
    load.until_all(counted, counted).await;
    breaks(&mut fleet.ratelimit).await;
    load.until_all(without, counted).await;
    mends(&mut fleet.ratelimit).await;
    load.until_all(counted, without).await;
    drop(load);
    fleet.require_no_crash().await;
    for envoy in [&fleet.gateway.envoy, &fleet.replica] {
        let log = envoy.log();
        let alarms = log.lines().filter(|line| line.contains(r#""alarm":"store_unavailable""#)).count();
        assert!((1..=4).contains(&alarms), "two workers, each once a minute: {alarms}");
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
async fn a_redis_that_is_gone_and_back_is_the_same() {
    let breaks = async |ratelimit: &mut Ratelimit| ratelimit.redis.kill();
    let mends = async |ratelimit: &mut Ratelimit| ratelimit.redis.resume().await;
    survives(deny, unavailable, breaks, mends).await;
}
