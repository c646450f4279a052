//! The limit is exact: many clients at once, on two workers that count in one table.

use crate::shared::with_rules;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tollgate_tests::processes::envoy::Stats;
use tollgate_tests::processes::gateway::Gateway;

const CLIENTS: usize = 64;
/// A few more than the limit allows, so that most of them are counted: 128 for 100.
const REQUESTS_EACH: usize = 2;
/// So many that a worker which overwrites the other's count is almost certainly detected.
const ROUNDS: usize = 100;

/// Sends requests of all clients at once and counts the responses by status. The requests are written byte by
/// byte, so that the workers and not the clients are busy, and meet at the counter.
async fn rush(connections: &mut Vec<TcpStream>, token: &str) -> BTreeMap<u16, usize> {
    let request = format!("GET /ask HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let request: Arc<[u8]> = request.into_bytes().into();
    let clients: JoinSet<_> =
        connections.drain(..).map(|connection| ask(connection, Arc::clone(&request))).collect();
    let mut counts = BTreeMap::new();
    for (connection, statuses) in clients.join_all().await {
        connections.push(connection);
        statuses.into_iter().for_each(|status| *counts.entry(status).or_default() += 1);
    }
    counts
}

/// Sends requests one after the other. Returns the statuses of the responses.
async fn ask(mut connection: TcpStream, request: Arc<[u8]>) -> (TcpStream, Vec<u16>) {
    let mut statuses = Vec::new();
    for _ in 0..REQUESTS_EACH {
        connection.write_all(&request).await.expect("Envoy reads");
        let mut response = [0; 4096];
        let mut length = 0;
        // A response has no body, or one that ends with a brace.
        while !response[..length].ends_with(b"\r\n\r\n") && !response[..length].ends_with(b"}") {
            let read = connection.read(&mut response[length..]).await.expect("Envoy answers");
            assert_ne!(read, 0, "Envoy closes no connection");
            length += read;
        }
        let status = response.get(b"HTTP/1.1 ".len()..).and_then(|rest| str::from_utf8(rest.get(..3)?).ok());
        statuses.push(status.and_then(|status| status.parse().ok()).expect("a status line"));
    }
    (connection, statuses)
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_concurrent_clients_get_exactly_the_plans_limit() {
    // Envoy itself responds, so that the clients meet in the gate and do not queue at the upstream.
    let gateway = Gateway::start(|standalone| with_rules(standalone).with_direct_responses()).await;
    let refused = CLIENTS * REQUESTS_EACH - 100;
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(TcpStream::connect(gateway.envoy.address()).await.expect("a connection"));
    }
    for round in 0..ROUNDS {
        let counts = rush(&mut connections, &gateway.token(&format!("user_round{round}"), "pro")).await;
        assert_eq!(counts, BTreeMap::from([(200, 100), (429, refused)]), "round {round}");
    }
    let admitted = (100 * ROUNDS) as u64;
    let allowed = |stats: &Stats| stats.plugin("tollgate.gate.rule.ask.allowed");
    let stats = gateway.envoy.stats_until("count of all", |stats| allowed(stats) >= admitted).await;
    let served = |worker| stats.value(&format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total"));
    assert!(served(0) > 0 && served(1) > 0, "both workers served some of them");
    assert_eq!(allowed(&stats), admitted);
    assert_eq!(stats.plugin("tollgate.gate.counters.store_failed"), 0);
}
