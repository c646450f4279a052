//! The shipped configuration of a single Envoy, without the plugin: what a client can send and learn, and the
//! harness around it.

use reqwest::{Client, StatusCode};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_tests::fakes::upstream::Backend;
use tollgate_tests::processes::envoy::{Envoy, Standalone};

async fn envoy_for(backend: &Backend) -> Envoy {
    Standalone::load().without_modules().upstream_at("upstream", backend.address()).start().await
}

/// Sends a GET with the path exactly as given, which no well-behaved client does. Returns the whole response.
async fn get_raw(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("Envoy's listener takes connections");
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("Envoy reads the request");
    let mut response = Vec::new();
    match stream.read_to_end(&mut response).await {
        // Envoy has responded without reading everything, and closes the connection.
        Err(error) if error.kind() == ErrorKind::ConnectionReset && !response.is_empty() => {}
        ended => drop(ended.expect("Envoy ends the connection")),
    }
    String::from_utf8(response).expect("a response in ASCII")
}

fn status_of(response: &str) -> &str {
    response.split(' ').nth(1).expect("a status line")
}

#[tokio::test]
async fn a_request_is_forwarded_and_its_response_returned() {
    let backend = Backend::start().await;
    let envoy = envoy_for(&backend).await;
    let response = Client::new().post(envoy.url("/ask?q=1")).body("why").send().await.expect("a response");
    assert_eq!(response.status(), StatusCode::OK);
    let received = backend.received().await;
    assert_eq!(received.len(), 1);
    let request = &received[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str(), request.query.as_str()),
        ("POST", "/ask", "q=1")
    );
    assert_eq!(request.body.as_deref(), Some("why"));
    backend.clear_received().await;
    assert_eq!(backend.received().await, []);
}

#[tokio::test]
async fn the_upstream_receives_the_path_in_normalized_form() {
    let backend = Backend::start().await;
    let envoy = envoy_for(&backend).await;
    let cases = [
        ("an ordinary path is unchanged", "/ask/a%20b?x=/../y", "200", Some("/ask/a%20b")),
        ("dot segments are resolved", "/free/../ask", "200", Some("/ask")),
        ("escaped dots are dots", "/free/%2e%2e/ask", "200", Some("/ask")),
        ("slashes are merged", "//ask///x", "200", Some("/ask/x")),
        ("an escaped slash is refused", "/free%2F..%2Fask", "400", None),
        ("an escaped backslash is refused", "/free%5C..%5Cask", "400", None),
        ("nothing is above the root", "/../../ask", "200", Some("/ask")),
    ];
    for (why, path, status, at_upstream) in cases {
        backend.clear_received().await;
        assert_eq!(status_of(&get_raw(envoy.address(), path, "").await), status, "{why}");
        let seen = backend.received().await;
        assert_eq!(seen.first().map(|request| request.path.as_str()), at_upstream, "{why}");
    }
}

#[tokio::test]
async fn a_client_cannot_set_header_fields_of_the_gateway() {
    let backend = Backend::start().await;
    let envoy = envoy_for(&backend).await;
    let headers = "x_tollgate_plan: pro\r\nx-envoy-original-path: /admin\r\nx-forwarded-for: 192.0.2.1\r\n";
    get_raw(envoy.address(), "/", headers).await;
    let request = backend.received().await.remove(0);
    assert_eq!(request.header("x_tollgate_plan"), [""; 0], "an underscore name is dropped");
    assert_eq!(request.header("x-envoy-original-path"), [""; 0], "Envoy's own names are removed");
    // A client on the loopback is recorded with the machine's own address.
    let forwarded = request.header("x-forwarded-for").join(",");
    let hops: Vec<&str> = forwarded.split(',').collect();
    assert_eq!((hops.len(), hops[0]), (2, "192.0.2.1"), "the client's address is appended to the list");
}

#[tokio::test]
async fn sixty_kilobytes_of_header_fields_are_accepted_and_much_more_refused() {
    let backend = Backend::start().await;
    let envoy = envoy_for(&backend).await;
    let large = |kb: usize| format!("x-large: {}\r\n", "a".repeat(kb * 1024));
    // The backend's own limit may be lower; what matters is that the response is not Envoy's 431.
    assert_ne!(status_of(&get_raw(envoy.address(), "/", &large(60)).await), "431");
    assert_eq!(status_of(&get_raw(envoy.address(), "/", &large(100)).await), "431");
}

#[tokio::test]
async fn a_failed_upstream_is_reported_without_internal_details() {
    let envoy = Standalone::load().without_modules().start().await;
    let response = reqwest::get(envoy.url("/ask")).await.expect("a response");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
    assert!(!names.iter().any(|name| name.starts_with("x-envoy")), "{names:?}");
    let body: serde_json::Value = response.json().await.expect("JSON");
    let detail = "the service behind this gateway did not respond";
    assert_eq!(body, serde_json::json!({"status": 503, "code": "upstream_unavailable", "detail": detail}));
}

#[tokio::test]
async fn only_the_application_may_read_responses_in_a_browser() {
    let backend = Backend::start().await;
    let envoy = envoy_for(&backend).await;
    for (origin, allowed) in [("https://app.example.com", true), ("https://evil.example", false)] {
        let response =
            Client::new().get(envoy.url("/ask")).header("origin", origin).send().await.expect("a response");
        let given = response.headers().get("access-control-allow-origin").map(|value| value.as_bytes());
        assert_eq!(given, allowed.then_some(origin.as_bytes()), "{origin}");
    }
}

#[tokio::test]
async fn after_a_crash_the_same_files_start_again() {
    let mut envoy = Standalone::load().without_modules().start().await;
    let before = envoy.address();
    let count = "http.public.downstream_rq_total";
    reqwest::get(envoy.url("/")).await.expect("a response");
    envoy.stats_until("one request", |stats| stats.value(count) == 1).await;
    envoy.crash();
    assert!(TcpStream::connect(before).await.is_err(), "a killed Envoy no longer listens");
    envoy.restart().await;
    assert_eq!(envoy.stats().await.value(count), 0, "counters in memory are reset");
}

#[tokio::test]
async fn a_configuration_that_envoy_rejects_has_a_reason_in_the_log() {
    let broken = Standalone::load().without_modules().edit(|config| config["admin"]["color"] = "blue".into());
    let log = broken.clone().start_rejected().await;
    assert!(log.contains("color"), "{log}");
    let validation = broken.validate().await;
    assert!(!validation.accepted && validation.log.contains("color"), "{}", validation.log);
}
