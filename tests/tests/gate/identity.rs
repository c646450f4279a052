//! The identity header fields that the upstream gets, which clients cannot set.

use crate::shared::{bare, reached, shipped, unprotected, with_rules};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_tests::client::transport::Transport;
use tollgate_tests::client::wire::{exchange, request};
use tollgate_tests::fakes::upstream::ReceivedRequest;
use tollgate_tests::processes::gateway::Gateway;

/// A client's own fields, in every spelling that some upstream reads as Tollgate's.
const FOREIGN: &str = "X-Tollgate-User: user_evil\r\nx-tollgate-user: user_evil\r\nx-tollgate-user: user_evil\r\n\
    X-TOLLGATE-PLAN: enterprise\r\nx_tollgate_plan: enterprise\r\nX_Tollgate-Session: s\r\n\
    x-tollgate_organization: org_evil\r\nx-tollgate-: empty\r\nx-tollgate-anything: evil\r\n\
    x-tollgate-stripe-event: evt_evil\r\nx_tollgate_stripe_result: processed\r\n";

/// Asks the proxy to drop Tollgate's fields as fields of this hop alone (RFC 9110 §7.6.1).
const DROP_OURS: &str = "connection: x-tollgate-user, x-tollgate-plan\r\n";

/// Returns the fields with Tollgate's prefix that the upstream received, in any spelling, sorted.
fn ours(received: &ReceivedRequest) -> Vec<(String, String)> {
    let mut fields = received.headers.clone();
    fields.retain(|(name, _)| name.to_ascii_lowercase().replace('_', "-").starts_with("x-tollgate"));
    fields.sort();
    fields
}

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn the_upstream_gets_the_user_and_the_plan() {
    let gateway = shipped().await;
    let session = gateway.session("user_told").plan("pro").organization("org_told", "admin").sign();
    let response = gateway.get("/me?told").bearer_auth(session).send().await.expect("a response");
    assert_eq!(response.status(), 200);
    let want = [
        ("x-tollgate-organization", "org_told"),
        ("x-tollgate-plan", "pro"),
        ("x-tollgate-session", "sess_told"),
        ("x-tollgate-user", "user_told"),
    ];
    assert_eq!(ours(&reached(&gateway, "told").await[0]), pairs(&want));
}

async fn no_client_field_reaches_the_upstream(gateway: Arc<Gateway>, marker: &str) {
    let bearer = format!("authorization: Bearer {}\r\n", gateway.token("user_own", "free"));
    let own =
        [("x-tollgate-plan", "free"), ("x-tollgate-session", "sess_own"), ("x-tollgate-user", "user_own")];
    let cases: [(&str, &str, &str, &[_]); 3] = [
        ("guarded", "/me", &bearer, &own),
        ("unguarded, with a token", "/open", &bearer, &[]),
        ("unguarded", "/open", "", &[]),
    ];
    for (index, (why, path, token, want)) in cases.into_iter().enumerate() {
        let query = format!("{marker}={index}");
        let bytes = request(
            "GET",
            &format!("{path}?{query}"),
            format!("{token}{FOREIGN}{DROP_OURS}x-kept: 1\r\n"),
            b"",
        );
        let response = exchange(gateway.envoy.address(), &bytes).await.expect("a response");
        assert_eq!(response.status, 200, "{why}");
        let received = reached(&gateway, &query).await.remove(0);
        assert_eq!(ours(&received), pairs(want), "{why}");
        assert_eq!(received.header("x-kept"), ["1"], "{why}");
    }
}

#[tokio::test]
async fn no_client_field_reaches_the_upstream_as_shipped() {
    no_client_field_reaches_the_upstream(shipped().await, "shipped").await;
}

#[tokio::test]
async fn no_client_field_reaches_the_upstream_even_if_envoy_passes_all_names() {
    no_client_field_reaches_the_upstream(bare().await, "bare").await;
}

/// Accepts one request, records it, and responds.
async fn record_one(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut request = Vec::new();
    // A chunked body ends with a chunk of no bytes, the trailers, and an empty line (RFC 9112 §7.1).
    while !(contains(&request, b"\r\n0\r\n") && request.ends_with(b"\r\n\r\n")) {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).await.expect("a request");
        assert_ne!(read, 0, "the request was cut off: {}", request.escape_ascii());
        request.extend(&bytes[..read]);
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .await
        .expect("a response");
    String::from_utf8(request).expect("text")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn trailers_cannot_set_identity_fields_either() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = upstream.local_addr().expect("an address");
    let gateway =
        Gateway::start(|standalone| unprotected(with_rules(standalone)).upstream_at("upstream", address))
            .await;
    let field = |line: &'static str| line.split_once(": ").expect("a field");
    let trailers: Vec<_> = FOREIGN.lines().map(field).chain([("x-kept", "1")]).collect();
    let token = format!("Bearer {}", gateway.token("user_1", "free"));
    for transport in [Transport::ChunkedWithTrailers, Transport::Http2WithTrailers] {
        for (path, fields) in [("/ask", vec![("authorization", token.as_str())]), ("/open", Vec::new())] {
            let fields = [fields, vec![("connection", "close")]].concat();
            let fields =
                if transport == Transport::Http2WithTrailers { &fields[..fields.len() - 1] } else { &fields };
            let sent = transport.send(gateway.envoy.address(), ("POST", path), fields, b"body", &trailers);
            let (recorded, response) = tokio::join!(record_one(&upstream), sent);
            assert_eq!(response.expect("a response").status, 200, "{transport:?} {path}");
            let (_, trailers) = recorded.split_once("\r\n0\r\n").expect("a last chunk");
            assert_eq!(
                trailers.to_ascii_lowercase(),
                "x-kept: 1\r\n\r\n",
                "{transport:?} {path}: only the harmless trailer"
            );
        }
    }
}
