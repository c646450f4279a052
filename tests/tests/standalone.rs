//! The shipped configuration of a single Envoy, without the plugin: what a stranger can do to it, what it
//! tells strangers, and that the harness around it does what it says.

use reqwest::{Client, StatusCode};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_tests::fakes::upstream::Backend;
use tollgate_tests::processes::envoy::{Envoy, Standalone};

async fn envoy_before(backend: &Backend) -> Envoy {
    Standalone::load().without_modules().upstream_at("upstream", backend.address()).start().await
}

/// Sends a GET with the path exactly as given, which no well-behaved client does. Returns the whole response.
async fn get_raw(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("Envoy's listener takes connections");
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("Envoy reads the request");
    let mut response = Vec::new();
    match stream.read_to_end(&mut response).await {
        // Envoy has answered without reading all, and closes.
        Err(error) if error.kind() == ErrorKind::ConnectionReset && !response.is_empty() => {}
        ended => drop(ended.expect("Envoy ends the connection")),
    }
    String::from_utf8(response).expect("an answer in ASCII")
}

fn status_of(response: &str) -> &str {
    response.split(' ').nth(1).expect("a status line")
}

#[tokio::test]
async fn a_request_passes_to_the_upstream_and_its_answer_comes_back() {
    let backend = Backend::start().await;
    let envoy = envoy_before(&backend).await;
    let response = Client::new().post(envoy.url("/ask?q=1")).body("why").send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let seen = backend.received().await;
    assert_eq!(seen.len(), 1);
    let request = &seen[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str(), request.query.as_str()),
        ("POST", "/ask", "q=1")
    );
    assert_eq!(request.body.as_deref(), Some("why"));
    backend.clear_received().await;
    assert_eq!(backend.received().await, []);
}

#[tokio::test]
async fn the_path_that_the_upstream_sees_is_in_normal_form() {
    let backend = Backend::start().await;
    let envoy = envoy_before(&backend).await;
    let cases = [
        ("an ordinary path is untouched", "/ask/a%20b?x=/../y", "200", Some("/ask/a%20b")),
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
async fn a_client_cannot_set_what_the_gateway_vouches_for() {
    let backend = Backend::start().await;
    let envoy = envoy_before(&backend).await;
    let headers = "x_tollgate_plan: pro\r\nx-envoy-original-path: /admin\r\nx-forwarded-for: 192.0.2.1\r\n";
    get_raw(envoy.address(), "/", headers).await;
    let request = backend.received().await.remove(0);
    assert_eq!(request.header("x_tollgate_plan"), [""; 0], "an underscore name is dropped");
    assert_eq!(request.header("x-envoy-original-path"), [""; 0], "Envoy's own names are its own");
    // Who connects from the loopback is written down as the machine's own address.
    let forwarded = request.header("x-forwarded-for").join(",");
    let hops: Vec<&str> = forwarded.split(',').collect();
    assert_eq!((hops.len(), hops[0]), (2, "192.0.2.1"), "what connected is added to what was said");
}

#[tokio::test]
async fn sixty_kilobytes_of_headers_get_an_answer_and_much_more_are_refused() {
    let backend = Backend::start().await;
    let envoy = envoy_before(&backend).await;
    let large = |kb: usize| format!("x-large: {}\r\n", "a".repeat(kb * 1024));
    // The backend's own limit may be lower; what matters is that the response is an HTTP answer and not
    // Envoy's 431.
    assert_ne!(status_of(&get_raw(envoy.address(), "/", &large(60)).await), "431");
    assert_eq!(status_of(&get_raw(envoy.address(), "/", &large(100)).await), "431");
}

#[tokio::test]
async fn a_broken_upstream_is_reported_without_a_word_about_the_inside() {
    let envoy = Standalone::load().without_modules().start().await;
    let response = reqwest::get(envoy.url("/ask")).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
    assert!(!names.iter().any(|name| name.starts_with("x-envoy")), "{names:?}");
    let body: serde_json::Value = response.json().await.expect("JSON");
    let detail = "the service behind this gateway gave no answer";
    assert_eq!(body, serde_json::json!({"status": 503, "code": "upstream_unavailable", "detail": detail}));
}

#[tokio::test]
async fn the_application_and_no_other_origin_may_read_answers() {
    let backend = Backend::start().await;
    let envoy = envoy_before(&backend).await;
    for (origin, allowed) in [("https://app.example.com", true), ("https://evil.example", false)] {
        let response =
            Client::new().get(envoy.url("/ask")).header("origin", origin).send().await.expect("an answer");
        let given = response.headers().get("access-control-allow-origin").map(|value| value.as_bytes());
        assert_eq!(given, allowed.then_some(origin.as_bytes()), "{origin}");
    }
}

#[tokio::test]
async fn after_a_crash_the_same_files_start_again() {
    let mut envoy = Standalone::load().without_modules().start().await;
    let before = envoy.address();
    let count = "http.public.downstream_rq_total";
    reqwest::get(envoy.url("/")).await.expect("an answer");
    envoy.stats_until("one request", |stats| stats.value(count) == 1).await;
    envoy.crash();
    assert!(TcpStream::connect(before).await.is_err(), "a killed Envoy listens no longer");
    envoy.restart().await;
    assert_eq!(envoy.stats().await.value(count), 0, "what was counted in memory is gone");
}

#[tokio::test]
async fn a_configuration_that_envoy_refuses_says_why() {
    let broken = Standalone::load().without_modules().edit(|config| config["admin"]["color"] = "blue".into());
    let log = broken.clone().start_rejected().await;
    assert!(log.contains("color"), "{log}");
    let validation = broken.validate().await;
    assert!(!validation.accepted && validation.log.contains("color"), "{}", validation.log);
}
