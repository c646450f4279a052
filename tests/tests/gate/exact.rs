//! The limit is the limit: many clients at once, on two workers that count in one table.

use crate::shared::{routes, with_rules, yaml};
use reqwest::Client;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tollgate_tests::gateway::Gateway;

const CLIENTS: usize = 64;
const REQUESTS_EACH: usize = 8;
const ROUNDS: usize = 5;

/// Has all clients ask at once, each over a connection of its own, and counts the answers by status.
async fn rush(gateway: &Gateway, token: &str) -> BTreeMap<u16, usize> {
    let ready = Arc::new(Barrier::new(CLIENTS));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (ready, token) = (Arc::clone(&ready), token.to_owned());
        let (connect, ask) = (gateway.envoy.url("/open"), gateway.envoy.url("/ask"));
        clients.spawn(async move {
            let client = Client::builder().no_proxy().build().expect("a client");
            client.get(connect).send().await.expect("an answer").bytes().await.expect("a body");
            ready.wait().await;
            let mut statuses = Vec::new();
            for _ in 0..REQUESTS_EACH {
                let answer = client.get(&ask).bearer_auth(&token).send().await.expect("an answer");
                statuses.push(answer.status().as_u16());
                answer.bytes().await.expect("a body");
            }
            statuses
        });
    }
    let mut counts = BTreeMap::new();
    while let Some(statuses) = clients.join_next().await {
        for status in statuses.expect("a client that ends well") {
            *counts.entry(status).or_default() += 1;
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_at_once_get_exactly_the_hundred_answers_of_their_plan() {
    // Envoy itself answers, so that the clients meet in the gate and do not queue at the upstream.
    let gateway = Gateway::start(|standalone| {
        with_rules(standalone).edit(|config| {
            let route = json!({"match": {"prefix": "/"}, "direct_response": {"status": 200}});
            *routes(config) = vec![yaml(route)];
        })
    })
    .await;
    let refused = CLIENTS * REQUESTS_EACH - 100;
    for round in 0..ROUNDS {
        let counts = rush(&gateway, &gateway.token(&format!("user_round{round}"), "pro")).await;
        assert_eq!(counts, BTreeMap::from([(200, 100), (429, refused)]), "round {round}");
    }
    let stats = gateway.envoy.stats().await;
    let served = |worker| stats.value(&format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total"));
    assert!(served(0) > 0 && served(1) > 0, "both workers had a part in it");
    assert_eq!(stats.plugin("tollgate.gate.rule.ask.allowed"), (100 * ROUNDS) as u64);
    assert_eq!(stats.plugin("tollgate.gate.counters.store_failed"), 0);
}
