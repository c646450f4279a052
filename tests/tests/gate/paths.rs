//! No request avoids a rule: a path, a host or a method in another spelling, in front of a service that
//! accepts the spelling.

use crate::shared::{bare, reached, shipped};
use tollgate_tests::client::wire::{WireResponse, exchange, request};
use tollgate_tests::processes::gateway::Gateway;

/// Spellings that some server reads as `/ask` or as a path below it.
const DISGUISES: [&str; 29] = [
    "//ask",
    "/ask//x",
    "/%61sk",
    "/./ask",
    "/free/../ask",
    "/free/%2e%2e/ask",
    "/free/%2E%2E/ask",
    "/free/.%2e/ask",
    "/ask/../reports",
    "/ask%2F..%2Freports",
    "/free%2f..%2fask",
    "/free%5C..%5Cask",
    "/free\\..\\ask",
    "/ask;x",
    "/ask;/x",
    "/ASK",
    "/Ask/x",
    "/ask%00",
    "/ask%3Bx/../ask",
    "/ask#x",
    "/free#/../ask",
    "/%2561sk",
    "/ask%252Fx",
    "/free/%252e%252e/ask",
    "/ask.json",
    "/ask.",
    "/ask%20",
    "/%EF%BD%81sk",
    "/%C1%A1sk",
];

async fn ask(gateway: &Gateway, path: &str) -> WireResponse {
    let response = exchange(gateway.envoy.address(), &request("GET", path, "", b"")).await;
    response.unwrap_or_else(|| panic!("no response for {path}"))
}

#[tokio::test]
async fn the_gate_itself_refuses_ambiguous_paths() {
    let gateway = bare().await;
    for path in DISGUISES {
        let response = ask(&gateway, path).await;
        assert_eq!(response.status, 400, "{path}");
        // Envoy itself refuses bytes that no path may contain; the gate must refuse the rest.
        let code = response.json()["code"].clone();
        assert!(code == "ambiguous_path" || path.contains(['\\', '#']), "{path}: {response:?}");
    }
    for (why, path, status) in [
        ("the plain path needs a token", "/ask", 401),
        ("so does a path below it", "/ask/x", 401),
        ("a slash at the end is the same path", "/ask/", 401),
        ("a query is not the path", "/ask?x=//../%61", 401),
        ("a path that only starts like it is not guarded", "/asking", 200),
        ("an escape that is needed", "/a%20b", 200),
        ("an address in a segment", "/free/ada%40example.com", 200),
        ("a percent sign", "/files/100%25", 200),
        ("letters outside of ASCII", "/caf%C3%A9", 200),
        ("a format where there is no rule", "/items/report.json", 200),
    ] {
        assert_eq!(ask(&gateway, path).await.status, status, "{why}");
    }
    let reached: Vec<_> =
        gateway.backend.received().await.into_iter().map(|received| received.path).collect();
    let disguised = reached.iter().filter(|path| DISGUISES.contains(&path.as_str())).count();
    assert_eq!(disguised, 0, "{reached:?}");
}

#[tokio::test]
async fn no_disguised_path_reaches_the_upstream_without_a_token() {
    let gateway = shipped().await;
    for path in DISGUISES {
        let response = ask(&gateway, path).await;
        // After normalization it is refused without a token; otherwise Envoy or the gate refuse it as
        // ambiguous.
        assert!(matches!(response.status, 400 | 401), "{path}: {response:?}");
    }
    let received = gateway.backend.received().await;
    let disguised: Vec<_> =
        received.iter().filter(|request| request.path.to_ascii_lowercase().contains("ask")).collect();
    let without_token = disguised.iter().filter(|request| request.header("authorization").is_empty());
    let guarded = without_token.filter(|request| request.path != "/asking").count();
    assert_eq!(guarded, 0, "{disguised:?}");
}

#[tokio::test]
async fn fields_that_override_path_or_method_are_checked_or_removed() {
    let fields = "x-original-url: /ask\r\nx_rewrite_url: /ask\r\nx-http-method-override: POST\r\n";
    let bytes = request("GET", "/free?replaced", fields, b"");
    let bare = bare().await;
    let response = exchange(bare.envoy.address(), &bytes).await.expect("a response");
    assert_eq!((response.status, response.json()["code"].as_str()), (400, Some("ambiguous_path")));
    let drafts = request("GET", "/drafts", "x-http-method-override: POST\r\n", b"");
    let response = exchange(bare.envoy.address(), &drafts).await.expect("a response");
    assert_eq!((response.status, response.json()["code"].as_str()), (400, Some("ambiguous_method")));
    let shipped = shipped().await;
    let response = exchange(shipped.envoy.address(), &bytes).await.expect("a response");
    assert_eq!(response.status, 200);
    let received = reached(&shipped, "replaced").await.remove(0);
    let names = ["x-original-url", "x_rewrite_url", "x-rewrite-url", "x-http-method-override"];
    assert!(names.iter().all(|name| received.header(name).is_empty()), "{received:?}");
}

#[tokio::test]
async fn a_rule_for_a_host_applies_to_every_spelling_of_it() {
    for gateway in [shipped().await, bare().await] {
        let cases = [
            ("the host", "api.example.com", 401),
            ("with a port", "api.example.com:8080", 401),
            ("case does not count", "API.Example.COM", 401),
            ("the root's dot", "api.example.com.", 401),
            ("a port of no digits", "api.example.com:", 401),
            ("both", "api.example.com.:80", 401),
            ("with a user, which some upstreams skip", "x@api.example.com", 400),
            ("two of them", "x\r\nhost: api.example.com", 400),
            ("two in the other order", "api.example.com\r\nhost: x", 400),
            ("another host", "www.example.com", 200),
            ("an address", "127.0.0.1:80", 200),
            ("an address of IPv6", "[2001:db8::1]:80", 200),
        ];
        for (why, host, status) in cases {
            let bytes = format!("GET /v1/x HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            let response = exchange(gateway.envoy.address(), bytes.as_bytes()).await.expect("a response");
            assert_eq!(response.status, status, "{why}: {host}");
        }
        let absolute = "GET http://api.example.com/v1/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let response = exchange(gateway.envoy.address(), absolute.as_bytes()).await.expect("a response");
        assert_eq!(
            response.status, 401,
            "the host in the request's target wins over the field (RFC 9112 §3.2.2)"
        );
    }
}
