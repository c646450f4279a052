//! One limit for a fleet: many concurrent clients on two Envoys with four workers and one counter.

use crate::fleet::{Fleet, client, get};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

const CLIENTS: usize = 64;
/// 576 requests in all, a few more than the limit of 500, so that most of them are counted.
const REQUESTS_EACH: usize = 9;
const ROUNDS: usize = 10;
const LIMIT: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_on_two_envoys_get_exactly_the_plans_limit() {
    let fleet = Arc::new(Fleet::start().await);
    for round in 0..ROUNDS {
        let token = Arc::new(fleet.gateway.token(&format!("user_round{round}"), "pro"));
        let clients: JoinSet<_> = (0..CLIENTS)
            .map(|number| {
                let (fleet, token) = (Arc::clone(&fleet), Arc::clone(&token));
                async move {
                    let envoy = if number % 2 == 0 { &fleet.gateway.envoy } else { &fleet.replica };
                    let client = client();
                    let mut statuses = Vec::new();
                    for _ in 0..REQUESTS_EACH {
                        statuses.push(get(&client, &envoy.url("/burst"), &token).await.status);
                    }
                    statuses
                }
            })
            .collect();
        let mut counts = BTreeMap::new();
        for status in clients.join_all().await.into_iter().flatten() {
            *counts.entry(status).or_default() += 1;
        }
        let refused = CLIENTS * REQUESTS_EACH - LIMIT;
        assert_eq!(counts, BTreeMap::from([(200, LIMIT), (429, refused)]), "round {round}");
    }
    for envoy in [&fleet.gateway.envoy, &fleet.replica] {
        let stats = envoy.stats().await;
        assert_eq!(
            stats.plugin("tollgate.gate.counters.store_failed"),
            0,
            "a request was let through uncounted"
        );
        let of = |worker| stats.value(&format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total"));
        assert!(of(0) > 0 && of(1) > 0, "a worker got no connection");
    }
    fleet.require_no_crash().await;
}
