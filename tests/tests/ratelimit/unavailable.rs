//! The store's address has no working rate limit service: the gate decides before the timeout, and logs the
//! cause.

use crate::fleet::{STORE_TIMEOUT_MS, client, get, with_plans_and_store};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::processes::ports;
use tollgate_tests::processes::ratelimit::Ratelimit;

/// The default timeout, for services that do not respond at all.
const SHORT_TIMEOUT_MS: u64 = 100;

/// Checks that a gate with its store at this address refuses requests, and that the log contains `cause`.
async fn refuses_because(address: SocketAddr, timeout_ms: u64, cause: &str) {
    let gateway = Gateway::start(|standalone| {
        with_plans_and_store(address, standalone, |store| {
            store["on_error"] = "deny".into();
            store["timeout_ms"] = timeout_ms.into();
        })
    })
    .await;
    let token = gateway.token("user_1", "free");
    for path in ["/ask", "/pair", "/burst", "/usage"] {
        let reply = get(&client(), &gateway.envoy.url(path), &token).await;
        assert_eq!((reply.status, reply.code.as_deref()), (503, Some("store_unavailable")), "{path}");
    }
    let line = gateway.envoy.log_line_with(r#""alarm":"store_unavailable""#).await;
    assert!(line.contains(cause), "{line}");
}

#[tokio::test]
async fn a_service_that_does_not_respond_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    refuses_because(
        silent.local_addr().expect("its address"),
        SHORT_TIMEOUT_MS,
        "no response before the timeout",
    )
    .await;
}

#[tokio::test]
async fn a_closed_port_refuses_the_connection() {
    refuses_because(ports::CLOSED, STORE_TIMEOUT_MS, "the connection was refused or reset").await;
}

#[tokio::test]
async fn a_web_server_is_not_a_rate_limit_service() {
    let gateway = Gateway::start(|standalone| standalone).await;
    refuses_because(gateway.backend.address(), SHORT_TIMEOUT_MS, "").await;
}

#[tokio::test]
async fn a_service_without_the_gates_configuration_is_detected() {
    let ratelimit = Ratelimit::start().await;
    let gateway = Gateway::start(|standalone| {
        with_plans_and_store(ratelimit.address(), standalone, |store| {
            store["on_error"] = "deny".into();
            store["domain"] = "another-product".into();
            store["timeout_ms"] = STORE_TIMEOUT_MS.into();
        })
    })
    .await;
    let token = gateway.token("user_1", "free");
    let reply = get(&client(), &gateway.envoy.url("/ask"), &token).await;
    assert_eq!((reply.status, reply.code.as_deref()), (503, Some("store_unavailable")));
    let line = gateway.envoy.log_line_with(r#""alarm":"store_unavailable""#).await;
    assert!(line.contains("envoy/ratelimit/config/tollgate.yaml"), "{line}");
}
