//! Bytes that break parsers, on the webhook's path: each gets a clean response, and both workers keep
//! serving.

use crate::shared::{PRO, Payer, with_plans};
use serde_json::json;
use tollgate_tests::client::wire::request;
use tollgate_tests::fakes::server::unix_now;
use tollgate_tests::fakes::stripe::sign;
use tollgate_tests::processes::gateway::{Gateway, WEBHOOK_PATH, WEBHOOK_SECRET};

fn post(fields: impl AsRef<[u8]>, body: &[u8]) -> Vec<u8> {
    request("POST", WEBHOOK_PATH, fields, body)
}

fn signature(secret: &str, body: &[u8]) -> String {
    format!("stripe-signature: {}\r\n", sign(&[secret], unix_now(), body))
}

/// Returns a request with the right signature.
fn signed(fields: &[u8], body: &[u8]) -> Vec<u8> {
    post([signature(WEBHOOK_SECRET, body).as_bytes(), fields].concat(), body)
}

fn many(field: &str, bytes: usize) -> Vec<u8> {
    format!("{field}{}\r\n", "a".repeat(bytes)).into_bytes()
}

/// Returns an event nested so deeply that a recursive parser without a limit runs out of stack.
fn deep(opening: &str) -> Vec<u8> {
    let placeholder = "@";
    let event = json!({"id": "evt_deep", "object": "event", "type": "customer.subscription.updated",
        "data": {"object": {"id": "sub_deep", "object": "subscription", "any": placeholder}}});
    event.to_string().replace("\"@\"", &opening.repeat(100_000)).into_bytes()
}

#[tokio::test]
async fn any_bytes_get_a_clean_response_and_workers_keep_serving() {
    let gateway = Gateway::start(with_plans).await;
    let payer = Payer::settled(&gateway, "hostile", PRO).await;
    let event = payer.event(&gateway, "customer.subscription.updated").body();
    let not_text = b"\xff\xfe\x00{\"id\":\"evt_1\"}\xc3\x28";
    let megabytes = vec![b'x'; 2 << 20];
    let odd_id = json!({"id": "evt_1\r\nx-evil: 1", "object": "event", "type": "invoice.created", "data": {"object": {}}});
    let wrong = signature("whsec_wrong", not_text);
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        (
            "a signature that is not text",
            post(b"stripe-signature: \xff\xfe\r\n", &event),
            400,
            "malformed_signature",
        ),
        ("an event with a field that is not text", signed(b"x-odd: \xff\xfe\r\n", &event), 200, ""),
        ("a body that is not text, rightly signed", signed(b"", not_text), 400, "invalid_payload"),
        ("a body that is not text, wrongly signed", post(wrong, not_text), 400, "signature_mismatch"),
        ("2 MB of a body", signed(b"", &megabytes), 413, "body_too_large"),
        ("2 MB announced and never sent", post(b"content-length: 2097152\r\n", b""), 413, "body_too_large"),
        (
            "a length larger than any number",
            post(b"content-length: 99999999999999999999999\r\n", b""),
            400,
            "",
        ),
        (
            "60 KB of a signature",
            post(many("stripe-signature: t=1,v1=", 60 << 10), &event),
            400,
            "malformed_signature",
        ),
        ("60 KB of another field", signed(&many("x-large: ", 60 << 10), &event), 200, ""),
        ("an empty body, with a length", post(b"content-length: 0\r\n", b""), 400, "missing_signature"),
        ("an empty body, without a length", post(b"", b""), 400, "missing_signature"),
        ("an empty body, rightly signed", signed(b"", b""), 400, "invalid_payload"),
        ("two signatures", signed(b"stripe-signature: t=1,v1=00\r\n", &event), 400, "malformed_signature"),
        ("arrays in arrays", signed(b"", &deep("[")), 400, "invalid_payload"),
        ("objects in objects", signed(b"", &deep("{\"a\":")), 400, "invalid_payload"),
        ("an id that breaks lines", signed(b"", odd_id.to_string().as_bytes()), 400, "invalid_payload"),
        ("a number beyond all", signed(b"", b"{\"created\":1e999999}"), 400, "invalid_payload"),
    ];
    let next = signed(b"", &event);
    for (why, bytes, status, code) in cases {
        for response in gateway.exchange_with_every_worker(&bytes).await {
            assert_eq!(response.status, status, "{why}: {:?}", response.json());
            // A request that Envoy's own parser refuses gets no problem document.
            assert_eq!(response.json()["code"].as_str().unwrap_or_default(), code, "{why}");
            assert_eq!(response.json()["received"].as_bool().unwrap_or_default(), status == 200, "{why}");
        }
        for response in gateway.exchange_with_every_worker(&next).await {
            assert_eq!((response.status, &response.json()["received"]), (200, &json!(true)), "after {why}");
        }
        gateway.require_no_crash().await;
    }
}
