//! Bytes that break parsers: each gets a clean response, and both workers keep serving.

use crate::shared::{reached, shipped, with_rules};
use serde_json::json;
use tollgate_tests::client::wire::{exchange, request};
use tollgate_tests::processes::gateway::Gateway;

#[tokio::test]
async fn any_bytes_get_a_clean_response_and_workers_keep_serving() {
    let gateway = Gateway::start(with_rules).await;
    let token = format!("authorization: Bearer {}\r\n", gateway.token("user_1", "pro"));
    let with_token = |fields: &[u8]| [token.as_bytes(), fields].concat();
    let large = |name: &str, kb: usize| format!("{name}: {}\r\n", "a".repeat(kb * 1024)).into_bytes();
    let megabytes = vec![b'x'; 2 << 20];
    let not_text = [b"\xff\xfe\x00\x80", [0xc3, 0x28, 0, 10].as_slice()].concat();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("a field that is not text", request("GET", "/me", with_token(b"x-odd: \xff\xfe\r\n"), b""), 200),
        ("a token that is not text", request("GET", "/me", b"authorization: Bearer \xff\xfe\r\n", b""), 401),
        ("a scheme that is not text", request("GET", "/me", b"authorization: \xff\xfe x\r\n", b""), 401),
        ("a cookie that is not text", request("GET", "/me", b"cookie: __session=\xff\xfe\r\n", b""), 401),
        ("an origin that is not text", request("GET", "/me", b"origin: \xff\xfe\r\n", b""), 401),
        (
            "a forwarded address that is not text",
            request("GET", "/search", with_token(b"x-forwarded-for: \xff\r\n"), b""),
            200,
        ),
        ("60 KB of an unknown field", request("GET", "/me", large("x-large", 60), b""), 401),
        ("60 KB of a token", request("GET", "/me", large("authorization: Bearer", 60), b""), 401),
        ("60 KB of cookies", request("GET", "/me", large("cookie: __session=", 60), b""), 401),
        (
            "a thousand dots",
            request("GET", "/me", format!("authorization: Bearer {}\r\n", ".".repeat(1000)), b""),
            401,
        ),
        ("2 MB of a body", request("POST", "/me", with_token(b""), &megabytes), 200),
        ("2 MB of a body without a token", request("POST", "/me", b"", &megabytes), 401),
        ("a body that is not text", request("POST", "/me", with_token(b""), &not_text), 200),
        ("an empty body", request("POST", "/me", with_token(b"content-length: 0\r\n"), b""), 200),
        ("a rare method", request("PROPFIND", "/me", b"", b""), 401),
        ("half an escape", request("GET", "/me%2", b"", b""), 400),
    ];
    let next = request("GET", "/me", with_token(b""), b"");
    for (why, bytes, status) in cases {
        for response in gateway.exchange_with_every_worker(&bytes).await {
            assert_eq!(response.status, status, "{why}: {response:?}");
            if status != 200 {
                assert_eq!(response.header("content-type"), ["application/problem+json"], "{why}");
                assert_eq!(response.json()["status"], json!(status), "{why}");
            }
        }
        for response in gateway.exchange_with_every_worker(&next).await {
            assert_eq!(response.status, 200, "after {why}: {response:?}");
            assert_eq!(response.json()["request"]["path"], "/me", "after {why}");
        }
        gateway.require_no_crash().await;
    }
}

#[tokio::test]
async fn permitted_requests_are_forwarded_unchanged() {
    let gateway = shipped().await;
    let token = format!("authorization: Bearer {}\r\n", gateway.token("user_odd", "pro"));
    let bytes: Vec<u8> = (0x80..=0xff).collect();
    let fields = [token.as_bytes(), b"x-odd: ", &bytes, b"\r\n"].concat();
    let body: Vec<u8> = (0..=255).collect();
    let sent = request("POST", "/me?unharmed", fields, &body);
    let response = exchange(gateway.envoy.address(), &sent).await.expect("a response");
    assert_eq!(response.status, 200);
    let received = reached(&gateway, "unharmed").await.remove(0);
    let latin1 = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    assert_eq!(received.header("x-odd"), [latin1(&bytes)]);
    assert_eq!(received.body, Some(latin1(&body)));
}
