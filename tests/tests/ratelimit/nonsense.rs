//! Something else than Tollgate's ratelimit answers, or nothing does: the decision is made in time, and the
//! log says why.

use crate::fleet::{PATIENCE_MS, client, counting, get};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tollgate_tests::processes::gateway::Gateway;
use tollgate_tests::processes::ratelimit::Ratelimit;

/// Where the gate counts in these tests has this to say of itself: `cause` stands in the log, and requests
/// are refused.
async fn refuses_because(at: SocketAddr, cause: &str) {
    let gateway =
        Gateway::start(|standalone| counting(at, standalone, |store| store["on_error"] = "deny".into()))
            .await;
    let token = gateway.token("user_1", "free");
    for path in ["/ask", "/pair", "/burst", "/usage"] {
        let told = get(&client(), &gateway.envoy.url(path), &token).await;
        assert_eq!((told.status, told.code.as_deref()), (503, Some("store_unavailable")), "{path}");
    }
    let line = gateway.envoy.log_line_with(r#""alarm":"store_unavailable""#).await;
    assert!(line.contains(cause), "{line}");
}

#[tokio::test]
async fn a_service_that_takes_connections_and_says_nothing_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    refuses_because(silent.local_addr().expect("its address"), "no response before the timeout").await;
}

#[tokio::test]
async fn where_nothing_listens_there_is_no_connection() {
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("its address");
    refuses_because(gone, "the connection was refused or reset").await;
}

#[tokio::test]
async fn a_web_server_is_no_rate_limit_service() {
    let gateway = Gateway::start(|standalone| standalone).await;
    refuses_because(gateway.backend.address(), "").await;
}

#[tokio::test]
async fn a_service_with_another_configuration_is_told_from_one_that_says_ok() {
    let ratelimit = Ratelimit::start().await;
    let gateway = Gateway::start(|standalone| {
        counting(ratelimit.address(), standalone, |store| {
            store["on_error"] = "deny".into();
            store["domain"] = "another-product".into();
            store["timeout_ms"] = PATIENCE_MS.into();
        })
    })
    .await;
    let token = gateway.token("user_1", "free");
    let told = get(&client(), &gateway.envoy.url("/ask"), &token).await;
    assert_eq!((told.status, told.code.as_deref()), (503, Some("store_unavailable")));
    let line = gateway.envoy.log_line_with(r#""alarm":"store_unavailable""#).await;
    assert!(line.contains("envoy/ratelimit/config/tollgate.yaml"), "{line}");
}
